//! From values to touchpoints: what an occurrence is, and what it does to the table.

use compact_str::CompactString;

use super::eval::{Chain, Op, Use};
use super::{Flow, Key};
use crate::ast::{Arguments, Expr, ExprKind, FunctionDef, Ident};
use crate::finding::{Access, Confidence};
use crate::resolve::Binding;
use crate::source::Span;
use crate::touchpoint::models::{Role, callee_name, is_common_word, is_everyday};
use crate::touchpoint::orm::{self, Gives};
use crate::touchpoint::ty::{ClassId, FuncId, Ty, TySet};
use crate::touchpoint::{Kind, Touchpoint, is_test};

impl<'p> Flow<'_, 'p> {
    /// Reports an occurrence.
    pub(super) fn report_at(
        &mut self,
        span: Span,
        symbol: &str,
        kind: Kind,
        access: Access,
        target: &str,
        confidence: Confidence,
    ) {
        self.report_rows(span, symbol, (kind, access), (target, None), confidence);
    }

    /// Reports an occurrence that concerns rows of one model, which may refer to another.
    fn report_rows(
        &mut self,
        span: Span,
        symbol: &str,
        (kind, access): (Kind, Access),
        (target, refers_to): (&str, Option<&str>),
        confidence: Confidence,
    ) {
        self.report_chain(span, symbol, (kind, access), (target, refers_to), (confidence, &[]));
    }

    /// Reports an occurrence that reaches rows through a chain of relations.
    pub(super) fn report_chain(
        &mut self,
        span: Span,
        symbol: &str,
        (kind, access): (Kind, Access),
        (target, refers_to): (&str, Option<&str>),
        (confidence, chain): (Confidence, &[String]),
    ) {
        if !self.speaks() {
            return;
        }
        let file = self.file();
        let enclosing = self.enclosing();
        let path = &self.resolver.project().discovery.entry(file).path;
        let is_test = is_test(path, &enclosing);
        self.put(Touchpoint {
            file,
            span,
            kind,
            access,
            target: target.to_owned(),
            refers_to: refers_to.map(str::to_owned),
            chain: chain.to_vec(),
            symbol: symbol.to_owned(),
            enclosing,
            confidence,
            is_test,
        });
    }

    /// The dotted name of the definition that is being run.
    fn enclosing(&self) -> String {
        let file = self.file();
        let module = self.resolver.project().modules.name(file);
        let qual = self.frames.last().and_then(|frame| match (frame.class, frame.func) {
            (Some(class), _) => Some(self.class(class).qual.as_str()),
            (None, Some(func)) => Some(self.func(func).qual.as_str()),
            (None, None) => None,
        });
        match qual {
            Some(qual) => format!("{module}.{qual}"),
            None => module.to_owned(),
        }
    }

    pub(super) fn touch(&mut self, ident: &Ident, kind: Kind, access: Access, target: &str, sure: bool) {
        let guess = matches!(kind, Kind::RelationUse | Kind::Migration) && self.is_guess(&ident.name, target);
        let confidence = if sure && !guess { Confidence::Certain } else { Confidence::Likely };
        self.report_at(ident.span, &ident.name, kind, access, target, confidence);
    }

    /// A column, or what stands for it, of rows that refer to another model.
    pub(super) fn touch_column(&mut self, ident: &Ident, access: Access, own: &str, to: &str, sure: bool) {
        let confidence = if sure { Confidence::Certain } else { Confidence::Likely };
        self.note_label(own, access);
        self.report_rows(ident.span, &ident.name, (Kind::RelationUse, access), (own, Some(to)), confidence);
    }

    /// The class of a model that the set names, and whether that is sure; the target before others.
    fn model_class_in(&self, set: &TySet) -> Option<(ClassId, bool)> {
        let mut best: Option<(usize, ClassId, bool)> = None;
        for (ty, sure) in set.iter() {
            if let Ty::Class(class) = ty
                && let Some(model) = self.class(*class).model
                && best.is_none_or(|(known, _, _)| model < known)
            {
                best = Some((model, *class, *sure));
            }
        }
        best.map(|(_, class, sure)| (class, sure))
    }

    /// `from module import Model`
    pub(super) fn touch_import(&mut self, set: &TySet, name: &Ident) {
        if let Some((class, sure)) = self.model_class_in(set) {
            if let Some(model) = self.model_of(class) {
                self.touch(name, Kind::Import, Access::None, &model.label, sure);
            }
        } else if let Some((factory, sure)) = self.factory_in(set)
            && let Some(model) = self.model_of(factory)
        {
            self.touch(name, Kind::Factory, Access::None, &model.label, sure);
        } else if self.models.iter().any(|model| model.name() == name.name) {
            // A class of this name that is defined in the trees is known to be another; one that is not may be the model.
            let from = set.iter().find_map(|(ty, _)| match ty {
                Ty::External(dotted) => Some(dotted.clone()),
                _ => None,
            });
            if let Some(dotted) = from {
                let module = dotted.rsplit_once('.').map_or(dotted.as_str(), |(module, _)| module);
                let reason = format!(
                    "`{}` comes from `{module}`, which is not in the scanned trees: its uses here are not listed",
                    name.name
                );
                self.unresolved(name.span, reason);
            }
        }
    }

    /// The model that a factory in the set makes.
    fn factory_in(&self, set: &TySet) -> Option<(ClassId, bool)> {
        set.iter().find_map(|(ty, sure)| match ty {
            Ty::Class(class) => self.class(*class).factory_of.map(|model| (model, *sure)),
            _ => None,
        })
    }

    /// A token that names a model's class (or a factory's), and what the rest of its chain does with it.
    pub(super) fn touch_class(&mut self, set: &TySet, ident: &Ident, at: usize, chain: &mut Chain<'p>) {
        let Some((class, sure)) = self.model_class_in(set) else {
            if let Some((model, sure)) = self.factory_in(set) {
                self.touch_factory(model, ident, at, chain, sure);
            }
            return;
        };
        let Some(model) = self.model_of(class) else { return };
        let (kind, access, label) = self.classify(class, ident, at, chain);
        match kind {
            Kind::Query => {
                chain.told = true;
                chain.access = access;
            }
            Kind::Constructor => {
                chain.access = access;
                self.note(class, access);
            }
            _ => {}
        }
        // `cls` of the model's own methods is worth a line only where it does something.
        let own = matches!(ident.name.as_str(), "cls" | "__class__");
        // A parameter that may hold the class is handed on: its uses are told where they are.
        let handed_on = !sure && chain.use_ == Use::Assigned;
        if (own || handed_on) && kind == Kind::Reference {
            return;
        }
        if !sure && self.speaks() {
            let name = (self.unit, ident.name.clone());
            let exception = matches!(chain.ops.get(at), Some(Op::Attr(attr)) if orm::is_exception(&attr.name));
            if kind == Kind::Reference && access == Access::None && !exception {
                self.mentioned.push((name, (self.file(), ident.span)));
            } else {
                self.used_as_model.insert(name);
            }
        }
        let label = label.as_deref().unwrap_or(&model.label);
        self.touch(ident, kind, access, label, sure);
    }

    /// A class that no token of the chain names, `KINDS[key].objects` or `type(row).objects`: what is done with it is
    /// told where the next name stands.
    pub(super) fn touch_unnamed_class(&mut self, set: &TySet, attr: &Ident, at: usize, chain: &mut Chain<'p>) {
        let unnamed =
            matches!(at.checked_sub(1).and_then(|before| chain.ops.get(before)), Some(Op::Call(..) | Op::Index(_)));
        if !unnamed || chain.told {
            return;
        }
        let Some((class, sure)) = self.model_class_in(set) else { return };
        let Some(model) = self.model_of(class) else { return };
        let (kind, access, label) = self.classify(class, attr, at, chain);
        if kind == Kind::Query {
            chain.told = true;
            chain.access = access;
        }
        if matches!(kind, Kind::Query | Kind::MethodCall) {
            self.touch(attr, kind, access, label.as_deref().unwrap_or(&model.label), sure);
        }
    }

    /// `Model = apps.get_model(…)`, `Model = import_model()`: the name that stands for the model from here on.
    pub(super) fn touch_alias(&mut self, target: &Expr, value: &Expr, set: &TySet) {
        let (Some(name), ExprKind::Call { func, .. }) = (target.as_name(), &value.kind) else { return };
        if let Some((class, sure)) = self.model_class_in(set)
            && (sure || callee_name(func) == Some("get_model"))
            && let Some(model) = self.model_of(class)
        {
            let ident = Ident { name: name.into(), span: target.span };
            self.touch(&ident, Kind::Reference, Access::None, &model.label, sure);
        }
    }

    fn touch_factory(&mut self, model: ClassId, ident: &Ident, at: usize, chain: &Chain<'p>, sure: bool) {
        let class = model;
        let Some(model) = self.model_of(class) else { return };
        let access = match (chain.ops.get(at), chain.ops.get(at + 1)) {
            (Some(Op::Call(..)), _) => Access::Write,
            (Some(Op::Attr(attr)), Some(Op::Call(..))) if attr.name.starts_with("build") => Access::None,
            (Some(Op::Attr(_)), Some(Op::Call(..))) => Access::Write,
            _ => Access::None,
        };
        self.note(class, access);
        self.touch(ident, Kind::Factory, access, &model.label, sure);
    }

    /// What a class that is named is used for; the third is the model whose rows it does that to, when it is another.
    fn classify(
        &mut self,
        class: ClassId,
        ident: &Ident,
        at: usize,
        chain: &Chain<'p>,
    ) -> (Kind, Access, Option<String>) {
        if let Some(Op::Attr(attr)) = chain.ops.get(at)
            && matches!(chain.ops.get(at + 1), Some(Op::Call(..)))
            && !orm::is_exception(&attr.name)
        {
            let member = self.class_attr(class, &attr.name);
            let manager = member.iter().any(|(ty, _)| matches!(ty, Ty::Manager(..)));
            let func = member.iter().find_map(|(ty, _)| match ty {
                Ty::Func(func) | Ty::Bound(func, _) => Some(*func),
                _ => None,
            });
            if let Some(func) = func.filter(|_| !manager) {
                return match self.method_effect(func, class) {
                    Some((label, effect)) => (Kind::MethodCall, effect, Some(label)),
                    None => (Kind::Reference, Access::None, None),
                };
            }
        }
        let (kind, access) = self.classify_class(class, ident, at, chain);
        (kind, access, None)
    }

    fn classify_class(&mut self, class: ClassId, ident: &Ident, at: usize, chain: &Chain<'p>) -> (Kind, Access) {
        match chain.ops.get(at) {
            None => self.classify_plain(ident, chain),
            Some(Op::Call(..)) => (Kind::Constructor, Access::Write),
            Some(Op::Index(_)) => (Kind::Reference, Access::None),
            Some(Op::Attr(attr)) => {
                let name = attr.name.as_str();
                if orm::is_exception(name) {
                    return (Kind::Reference, Access::None);
                }
                let member = self.class_attr(class, name);
                if member.iter().any(|(ty, _)| matches!(ty, Ty::Manager(..))) {
                    let access = self.fold_access(&chain.ops, at, Some(class));
                    return (Kind::Query, if access == Access::None { Access::Read } else { access });
                }
                (Kind::Reference, Access::None)
            }
        }
    }

    /// A class that is named and not used further here: what stands around it tells.
    fn classify_plain(&mut self, ident: &Ident, chain: &Chain<'p>) -> (Kind, Access) {
        match chain.use_ {
            Use::Base => return (Kind::Subclass, Access::Schema),
            Use::Queried(access) => return (Kind::Query, access),
            _ => {}
        }
        let file = self.file();
        let context = self
            .resolver
            .project()
            .parsed(file)
            .and_then(|parsed| parsed.context(chain.span).or_else(|| parsed.context(ident.span)));
        if let Some(context) = context {
            match context.role {
                "meta-model" | "factory-for" => return self.meta_model(),
                // A view that creates, changes or deletes rows does so by this declaration.
                "view-model" => {
                    let class = self.frames.last().and_then(|frame| frame.class);
                    let access = class.map_or(Access::None, |class| self.view_access(class));
                    return (Kind::Reference, access);
                }
                _ => {
                    if let Some(kind) = context.kind {
                        return (kind, context.access.unwrap_or(Access::None));
                    }
                }
            }
        }
        match chain.use_ {
            Use::Argument(access) => (Kind::Reference, access),
            _ => (Kind::Reference, Access::None),
        }
    }

    /// What `Meta.model` of the class at hand is.
    pub(super) fn meta_model(&mut self) -> (Kind, Access) {
        if self.in_factory() { (Kind::Factory, Access::Write) } else { (Kind::Reference, Access::None) }
    }

    /// Whether the class body that is run belongs to a factory.
    fn in_factory(&mut self) -> bool {
        let classes: Vec<ClassId> = self.frames.iter().filter_map(|frame| frame.class).collect();
        classes.into_iter().any(|class| self.is_factory_class(class))
    }

    /// What the methods of a chain from `at` on do, up to where it leaves the queryset.
    pub(super) fn fold_access(&mut self, ops: &[Op<'p>], at: usize, class: Option<ClassId>) -> Access {
        let mut access = Access::None;
        let mut customs: Vec<ClassId> = Vec::new();
        let mut index = at;
        while let Some(op) = ops.get(index) {
            match (op, ops.get(index + 1)) {
                (Op::Attr(attr), Some(Op::Call(args, _))) => {
                    let own = customs.iter().find_map(|custom| self.method(*custom, &attr.name));
                    if let Some((does, gives)) = orm::method(&attr.name) {
                        access = orm::combine(access, does);
                        if attr.name == "raw"
                            && let Some(text) = args.args.first().and_then(crate::ast::Expr::as_str)
                            && let Some(label) = class.and_then(|c| self.model_of(c)).and_then(|m| m.table.clone())
                            && let Some(told) = crate::sql::tables(&text).access_to(&label)
                        {
                            access = orm::combine(access, told);
                        }
                        if matches!(gives, Gives::Instance | Gives::InstanceAndFlag | Gives::Instances) {
                            break;
                        }
                    } else if let Some(func) = own {
                        access = orm::combine(
                            access,
                            orm::combine(class.map_or(Access::None, |class| self.effect_on(func, class)), Access::Read),
                        );
                    } else {
                        break;
                    }
                    index += 2;
                }
                (Op::Attr(attr), _) if index == at => {
                    if let Some(class) = class {
                        customs.extend(self.class_attr(class, &attr.name).iter().filter_map(|(ty, _)| match ty {
                            Ty::Manager(_, custom) => *custom,
                            _ => None,
                        }));
                    }
                    index += 1;
                }
                _ => break,
            }
        }
        access
    }

    /// A query on a manager or queryset that is not named in the same chain.
    pub(super) fn touch_query(
        &mut self,
        (model, custom): (ClassId, Option<ClassId>),
        attr: &Ident,
        access: Access,
        sure: bool,
        at: usize,
        chain: &mut Chain<'p>,
    ) {
        if chain.told {
            return;
        }
        let class = model;
        let Some(model) = self.model_of(model) else { return };
        let statement = access == Access::Read && orm::is_statement(&attr.name);
        // Reading on from a queryset adds nothing to the touchpoint that made it; changing its rows does.
        let changes = matches!(access, Access::Write | Access::Delete | Access::ReadWrite);
        let shared = chain.from_self && custom.is_some_and(|custom| self.class(custom).shared_manager);
        if shared {
            // The manager's own code, for whichever of its models it runs.
            let label = model.label.clone();
            self.report_at(attr.span, &attr.name, Kind::Query, access, &label, Confidence::Possible);
        } else if changes || chain.from_self || statement && Self::is_built_here(chain, at) {
            self.touch(attr, Kind::Query, access, &model.label, sure);
        } else if statement {
            self.touch_evaluation(class, attr);
        }
    }

    pub(super) fn touch_instance(&mut self, class: ClassId, attr: &Ident, access: Access, sure: bool) {
        if let Some(model) = self.model_of(class) {
            self.note(class, access);
            self.touch(attr, Kind::Instance, access, &model.label, sure);
        }
    }

    pub(super) fn touch_relation(&mut self, attr: &Ident, to: &str, access: Access, sure: bool) {
        self.note_label(to, access);
        self.touch(attr, Kind::RelationUse, access, to, sure);
    }

    /// A reverse accessor: rows of the model that refer to the one it stands on.
    pub(super) fn touch_reverse(&mut self, attr: &Ident, own: &str, to: Option<&str>, access: Access, sure: bool) {
        let confidence = if sure { Confidence::Certain } else { Confidence::Likely };
        self.note_label(own, access);
        self.report_rows(attr.span, &attr.name, (Kind::RelationUse, access), (own, to), confidence);
    }

    /// `instance.field = value`
    pub(super) fn touch_attribute_write(&mut self, receiver: &TySet, attr: &Ident) {
        for (ty, sure) in receiver.clone().iter() {
            let Ty::Instance(class) = ty else { continue };
            let Some(model) = self.model_of(*class) else { continue };
            if let Some((relation, _)) = self.relation(*class, &attr.name) {
                let to = relation.to.clone();
                self.touch_column(attr, Access::Write, &model.label, &to, *sure);
            } else if model.fields.contains(&attr.name) || matches!(attr.name.as_str(), "id" | "pk") {
                self.note(*class, Access::Write);
                self.touch(attr, Kind::Instance, Access::Write, &model.label, *sure);
            }
        }
    }

    /// The model other than `class` whose rows a set holds.
    fn other_model(&self, class: ClassId, set: &TySet) -> Option<String> {
        let own = self.model_of(class)?;
        set.iter().find_map(|(ty, _)| match ty {
            Ty::Instance(other) if *other != class => {
                let model = self.model_of(*other)?;
                (matches!(model.role, Role::Target | Role::Subclass) && own.role != Role::Target)
                    .then(|| model.label.clone())
            }
            _ => None,
        })
    }

    /// A property of a linked model that gives the row of the target.
    pub(super) fn touch_property(&mut self, func: FuncId, def: &FunctionDef) {
        let Some(class) = self.func(func).class else { return };
        let given = self.read(Key::Return(func)).unwrap_or_default();
        if let Some(target) = self.other_model(class, &given) {
            self.touch(&def.name, Kind::RelationUse, Access::Read, &target, true);
        }
    }

    pub(super) fn touch_property_use(&mut self, class: ClassId, func: FuncId, attr: &Ident, given: &TySet, sure: bool) {
        self.note_callee(func);
        if let Some(target) = self.other_model(class, given) {
            self.touch(attr, Kind::RelationUse, Access::Read, &target, sure);
        } else if let Some((label, effect)) = self.method_effect(func, class) {
            self.touch(attr, Kind::MethodCall, effect, &label, sure);
        }
    }

    /// Keywords of a query on a model that matters.
    pub(super) fn lookups(&mut self, model: ClassId, args: &'p Arguments, at: usize, chain: &Chain<'p>) {
        let access = self.query_access(at, chain);
        for keyword in &args.keywords {
            let Some(name) = &keyword.name else { continue };
            if !self.own_keyword(model, name, access) && !self.joining_keyword(model, name) {
                self.lookup_word(name, access, self.class(model).model.is_some());
            }
        }
    }

    /// What the query does whose method stands at a step of a chain.
    pub(super) fn query_access(&mut self, at: usize, chain: &Chain<'p>) -> Access {
        match chain.access {
            Access::None => match self.fold_access(&chain.ops, at, None) {
                Access::None => Access::Read,
                access => access,
            },
            access => access,
        }
    }

    /// A keyword that names a relation of the model that is queried.
    fn own_keyword(&mut self, model: ClassId, name: &Ident, access: Access) -> bool {
        let mut segments = name.name.split("__");
        let first = segments.next().unwrap_or(&name.name);
        let Some((relation, _)) = self.relation(model, first) else { return false };
        let to = relation.to.clone();
        // `order__total=` joins the other model's table; `order=` and `order__in=` look at the own column alone.
        if segments.next().is_some_and(|next| !orm::is_column_lookup(next)) {
            self.touch_relation(name, &to, Access::Read, true);
        } else if let Some(label) = self.model_of(model).map(|model| model.label.clone()) {
            self.touch_column(name, access, &label, &to, true);
        }
        true
    }

    /// `getattr(module, 'Model')`: the string that names the model.
    pub(super) fn touch_named(&mut self, set: &TySet, literal: Option<&Expr>) {
        if let (Some((class, _)), Some(literal)) = (self.model_class_in(set), literal)
            && let Some(model) = self.model_of(class)
        {
            self.touch_literal(literal, Kind::StringReference, Access::None, &model.label, Confidence::Certain);
        }
    }

    /// A call of something unknown: `Q(student_module__grade=…)` and the like.
    pub(super) fn unknown_call(&mut self, set: &TySet, args: &'p Arguments, at: usize, chain: &Chain<'p>) {
        let name = set.iter().find_map(|(ty, _)| match ty {
            Ty::External(dotted) => Some(super::names::last_segment(dotted).to_owned()),
            Ty::Pending(_, name) => Some(name.to_string()),
            _ => None,
        });
        if name.is_some_and(|name| orm::takes_lookups(&name)) {
            self.unknown_lookups(args, at, chain);
        }
    }

    /// A method of something unknown that takes lookups.
    pub(super) fn unknown_method(
        &mut self,
        set: &TySet,
        attr: &Ident,
        args: &'p Arguments,
        at: usize,
        chain: &Chain<'p>,
    ) {
        let model_like = set.iter().all(|(ty, _)| {
            matches!(
                ty,
                Ty::Instance(_)
                    | Ty::ExternalResult(_)
                    | Ty::External(_)
                    | Ty::Pending(..)
                    | Ty::Class(_)
                    | Ty::Module(_)
            )
        });
        if model_like && orm::takes_lookups(&attr.name) {
            self.unknown_lookups(args, at, chain);
        }
    }

    fn unknown_lookups(&mut self, args: &'p Arguments, at: usize, chain: &Chain<'p>) {
        let access = match self.fold_access(&chain.ops, at, None) {
            Access::None => Access::Read,
            access => access,
        };
        // A field of the queried model's own is no relation to another.
        let own = chain.base.clone().map(|base| self.lookup(&base.name)).unwrap_or_default();
        // `filter(Q(…))`: the lookups are the query's own.
        let on = self.queried.last().copied();
        for keyword in &args.keywords {
            let Some(name) = &keyword.name else { continue };
            let segments: Vec<&str> = name.name.split("__").collect();
            let first = segments.first().copied().unwrap_or_default();
            // The class of the base is read, and its file parsed, only for a word that would be reported.
            let reaches = on.is_some_and(|(model, _)| {
                self.relation(model, first).is_some() || !self.joined(model, &name.name, false).is_empty()
            }) || self.lookup_target(&segments).is_some();
            if !reaches || own.iter().any(|(ty, _)| self.has_field(ty, first)) {
                continue;
            }
            let told =
                |flow: &mut Self, model, does| flow.own_keyword(model, name, does) || flow.joining_keyword(model, name);
            if !on.is_some_and(|(model, does)| told(self, model, does)) {
                self.lookup_word(name, access, false);
            }
        }
    }

    /// Whether a class that is no model of interest declares a field.
    pub(super) fn has_field(&self, ty: &Ty, field: &str) -> bool {
        let (file, class) = match ty {
            Ty::Class(class) if self.class(*class).model.is_none() => (self.class(*class).file, self.class(*class).def),
            Ty::Pending(file, name) => {
                let Some(symbols) = self.resolver.symbols(*file) else { return false };
                let Some(Binding::Class(class)) = symbols.get(name).last() else { return false };
                (*file, *class)
            }
            _ => return false,
        };
        crate::touchpoint::models::has_field(self.resolver, file, class, field)
    }

    /// A lookup that crosses a relation, by its segments. A bare field name says nothing on an unknown model.
    fn lookup_word(&mut self, name: &Ident, access: Access, known: bool) {
        let segments: Vec<&str> = name.name.split("__").collect();
        if let Some((target, plain)) = self.lookup_target(&segments) {
            // `filter(module=…)` on something unknown is as likely to be no queryset at all.
            let everyday = segments.len() == 1 && is_common_word(&name.name);
            if !known && !plain && everyday {
                return;
            }
            let model = target.rsplit('.').next().unwrap_or(&target);
            let named = plain && !(everyday && is_everyday(model));
            let confidence = match (known && named, named || segments.len() > 1) {
                (true, _) => Confidence::Certain,
                (false, true) => Confidence::Likely,
                (false, false) => Confidence::Possible,
            };
            // Rows of a joined table are read, whatever is done to those that are asked for.
            let access = if access == Access::None { access } else { Access::Read };
            self.report_at(name.span, &name.name, Kind::RelationUse, access, &target, confidence);
        }
    }

    /// The model that the segments of a lookup reach, and whether by a name that is plainly the model's.
    pub(super) fn lookup_target(&self, segments: &[&str]) -> Option<(String, bool)> {
        segments.iter().find_map(|segment| {
            let reach = self.words.lookups.get(*segment).or_else(|| {
                let stem = segment.strip_suffix("_id")?;
                self.words.lookups.get(stem)
            })?;
            let plain = reach.iter().find(|(label, plain)| {
                *plain
                    && label.rsplit('.').next().is_some_and(|n| n.eq_ignore_ascii_case(&CompactString::from(*segment)))
            });
            plain.or_else(|| reach.first()).map(|(label, is_plain)| (label.clone(), *is_plain && plain.is_some()))
        })
    }
}
