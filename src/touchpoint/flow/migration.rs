//! Operations of migrations on the models, Django's and South's.

use super::eval::{Chain, Op, Use};
use super::{Flow, FuncId};
use crate::ast::{Arguments, Expr, ExprKind, Ident};
use crate::finding::{Access, Confidence};
use crate::source::Span;
use crate::touchpoint::Kind;
use crate::touchpoint::models::{callee_name, module_app_label, relation_kind};
use crate::touchpoint::ty::{ClassId, Ty, TySet};

impl<'p> Flow<'_, 'p> {
    /// The role of a string in its syntax.
    fn role(&self, span: Span) -> &'static str {
        let file = self.file();
        self.resolver.project().parsed(file).and_then(|parsed| parsed.context(span)).map_or("", |c| c.role)
    }

    /// The model that an operation's arguments name: `model_name=`, else `name=`, else the first argument.
    pub(super) fn operation_model(&self, args: &Arguments) -> Option<ClassId> {
        let named = ["model_name", "name", "old_name"].iter().find_map(|name| args.keyword(name));
        let expr = named.or_else(|| args.args.first())?;
        let model = self.model_in_app(&expr.as_str()?)?;
        (self.role(expr.span) == "migration-model").then_some(model)
    }

    /// The model of the file's own app with this name.
    pub(super) fn model_in_app(&self, name: &str) -> Option<ClassId> {
        if !self.models.iter().any(|model| model.name().eq_ignore_ascii_case(name)) {
            return None;
        }
        let app = module_app_label(self.resolver, self.file());
        self.class_by_label(&format!("{app}.{name}"))
    }

    /// An operation class of the project's own that is used on a model: its use, and later its definition.
    pub(super) fn touch_operation(&mut self, callee: &TySet, ident: &Ident, model: ClassId) {
        for (ty, _) in callee.iter() {
            if let Ty::Class(class) = ty
                && self.class(*class).model.is_none()
            {
                self.operations.insert(*class, model);
                if let Some(label) = self.model_of(model).map(|m| m.label.clone()) {
                    self.touch(ident, Kind::Migration, Access::Schema, &label, true);
                }
            }
        }
    }

    /// The model on which an operation class of the project's own is used.
    pub(super) fn operation_of(&self, class: ClassId) -> Option<ClassId> {
        self.operations.get(&class).copied()
    }

    /// `get_model(app_label, self.model_name)` in the operation's own methods: the model of whoever uses it.
    pub(super) fn dynamic_model(&mut self, attr: &Ident, args: &Arguments) -> TySet {
        let constant = args.args.iter().chain(args.keywords.iter().map(|k| &k.value)).any(|arg| arg.as_str().is_some());
        let class = self.frames.last().and_then(|frame| frame.func).and_then(|func: FuncId| self.func(func).class);
        let Some(model) = class.and_then(|class| self.operation_of(class)) else { return TySet::unknown() };
        if constant {
            return TySet::unknown();
        }
        if let Some(label) = self.model_of(model).map(|m| m.label.clone()) {
            self.touch(attr, Kind::StringReference, Access::Schema, &label, false);
        }
        TySet::unknown()
    }

    /// `('student_module', models.ForeignKey('courseware.StudentModule'))`: the field's name in a migration.
    pub(super) fn touch_field_pair(&mut self, items: &'p [Expr]) {
        let [name, field, ..] = items else { return };
        let (ExprKind::Str(_), ExprKind::Call { func, args }) = (&name.kind, &field.kind) else { return };
        // South: `self.gf('django.db.models.fields.related.ForeignKey')(to=orm['app.Model'])`.
        let south = match &func.kind {
            ExprKind::Call { args, .. } => args.args.first().and_then(Expr::as_str),
            _ => None,
        };
        let class = south.as_deref().or_else(|| callee_name(func));
        if class.and_then(|class| class.rsplit('.').next()).and_then(relation_kind).is_none() {
            return;
        }
        let label = args.get(0, "to").and_then(|to| match &to.kind {
            ExprKind::Subscript { index, .. } => self.label_of(&index.as_str()?),
            _ => self.label_of(&to.as_str()?),
        });
        if let Some(label) = label {
            self.touch_literal(name, Kind::Migration, Access::Schema, &label, Confidence::Certain);
        }
    }

    /// `'student_module': ('….ForeignKey', [], {'to': "orm['app.Model']"})` and `'object_name': 'Model'` in South's
    /// frozen models.
    pub(super) fn touch_frozen_pair(&mut self, key: &'p Expr, value: &'p Expr) {
        if let Some(name) = value.as_str()
            && key.as_str().as_deref() == Some("object_name")
            && let Some(model) = self.models.iter().find(|model| model.name() == name)
        {
            // It repeats what the key of the frozen model has told.
            self.touch_literal(value, Kind::Migration, Access::Schema, &model.label, Confidence::Possible);
            return;
        }
        let (ExprKind::Str(_), ExprKind::Tuple(items)) = (&key.kind, &value.kind) else { return };
        let Some(Expr { kind: ExprKind::Dict(entries), .. }) = items.get(2) else { return };
        for (name, to) in entries {
            let is_to = name.as_ref().and_then(Expr::as_str).is_some_and(|name| name == "to");
            let Some(text) = to.as_str().filter(|_| is_to) else { continue };
            if let Some(label) = frozen_label(&text).and_then(|label| self.label_of(label)) {
                self.touch_literal(key, Kind::Migration, Access::Schema, &label, Confidence::Certain);
                self.touch_literal(to, Kind::Relation, Access::Schema, &label, Confidence::Certain);
            }
        }
    }

    /// Reports a whole string literal.
    pub(super) fn touch_literal(
        &mut self,
        expr: &Expr,
        kind: Kind,
        access: Access,
        target: &str,
        confidence: Confidence,
    ) {
        let symbol = self.source_text(expr.span);
        self.report_at(expr.span, &symbol, kind, access, target, confidence);
    }

    /// Strings that name a model or a field of it in an operation's arguments.
    pub(super) fn operation_string(&mut self, expr: &Expr, text: &str, role: &str) -> bool {
        if role == "migration-model"
            && let Some(model) = self.model_in_app(text)
            && let Some(label) = self.model_of(model).map(|m| m.label.clone())
        {
            self.touch_literal(expr, Kind::Migration, Access::Schema, &label, Confidence::Certain);
            return true;
        }
        if let Some(&model) = self.operation_on.last()
            && let Some((relation, _)) = self.relation(model, text)
        {
            let to = relation.to.clone();
            self.touch_literal(expr, Kind::Migration, Access::Schema, &to, Confidence::Certain);
            return true;
        }
        role == "migration-model"
    }

    /// South's `orm['app.Model']`: what the chain does, or a relation that is declared to it.
    pub(super) fn touch_frozen_model(&mut self, class: ClassId, index: &Expr, chain: &mut Chain<'p>) {
        let Some(label) = self.model_of(class).map(|model| model.label.clone()) else { return };
        let access = match chain.ops.get(1) {
            None => Access::Schema,
            Some(Op::Call(..)) => Access::Write,
            Some(_) => match self.fold_access(&chain.ops, 1, Some(class)) {
                Access::None => Access::None,
                access => {
                    chain.told = true;
                    chain.access = access;
                    access
                }
            },
        };
        let kind = match (chain.ops.len(), chain.use_) {
            // `self.gf('….ForeignKey')(to=orm['app.Model'])`
            (1, Use::Argument(_)) => Kind::Relation,
            _ => Kind::Migration,
        };
        self.touch_literal(index, kind, access, &label, Confidence::Certain);
    }

    /// South's `db.send_create_signal('app', ['Model'])`.
    pub(super) fn touch_create_signal(&mut self, args: &'p Arguments) {
        let (Some(app), Some(names)) = (args.args.first().and_then(Expr::as_str), args.args.get(1)) else { return };
        let (ExprKind::List(names) | ExprKind::Tuple(names)) = &names.kind else { return };
        for name in names {
            let Some(text) = name.as_str() else { continue };
            let label = format!("{app}.{text}");
            if let Some(model) = self.models.iter().find(|model| model.label.eq_ignore_ascii_case(&label)) {
                self.touch_literal(name, Kind::Migration, Access::Schema, &model.label, Confidence::Certain);
            }
        }
    }

    /// South's tables and frozen models.
    pub(super) fn south_string(&mut self, expr: &Expr, text: &str, role: &str) {
        let model = match role {
            "south-table" => self.models.iter().find(|m| m.table.as_deref() == Some(text)),
            _ => self.models.iter().find(|m| m.label.eq_ignore_ascii_case(text)),
        };
        if let Some(label) = model.map(|m| m.label.clone()) {
            self.touch_literal(expr, Kind::Migration, Access::Schema, &label, Confidence::Certain);
        }
    }

    /// Takes an operation's model for the strings in its arguments.
    pub(super) fn with_operation<T>(
        &mut self,
        callee: &TySet,
        ident: Option<&Ident>,
        args: &Arguments,
        run: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let Some(model) = self.operation_model(args) else { return run(self) };
        if let Some(ident) = ident {
            self.touch_operation(callee, ident, model);
        }
        self.operation_on.push(model);
        let result = run(self);
        self.operation_on.pop();
        result
    }
}

/// The label in South's `orm['app.Model']`.
fn frozen_label(text: &str) -> Option<&str> {
    text.strip_prefix("orm['").and_then(|rest| rest.strip_suffix("']"))
}
