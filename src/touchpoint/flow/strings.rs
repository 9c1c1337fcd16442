//! Strings: SQL texts, dotted paths, model labels, lookups.

use super::Flow;
use super::eval::Use;
use super::names::{contains_word, names_sequence};
use crate::ast::{BinOp, Expr, ExprKind, StrPart};
use crate::finding::{Access, Confidence};
use crate::modules::ModuleRef;
use crate::source::Span;
use crate::sql::{self, HOLE, Shape};
use crate::touchpoint::Kind;
use crate::touchpoint::models::{Model, Role, is_common_word, is_everyday};
use crate::touchpoint::ty::{Ty, TySet};

/// A text put together from literals, and where they stand.
#[derive(Default)]
struct Built {
    text: String,
    literals: Vec<(Span, String)>,
}

impl<'p> Flow<'_, 'p> {
    /// A string literal (with implicit concatenation, one).
    pub(super) fn string(&mut self, expr: &'p Expr, use_: Use) {
        // An annotation may name the model by an alias; what is put together of several pieces is looked at as a whole.
        let silent = use_ != Use::Annotation
            && matches!(&expr.kind, ExprKind::Str(pieces) if match pieces.as_slice() {
                [piece] => match piece.parts.as_slice() {
                    [] => true,
                    [StrPart::Text(text)] => !self.relevance.may_mention(text),
                    _ => false,
                },
                _ => false,
            });
        if silent || !self.speaks() {
            return;
        }
        let file = self.file();
        if self.string_spans.contains(&(file, expr.span)) {
            return;
        }
        let mut built = Built::default();
        self.build(expr, &mut built);
        if self.sql_text(&built) {
            return;
        }
        let text = built.text.as_str();
        if text.is_empty() || text.len() > 400 || text.contains(HOLE) {
            return;
        }
        self.short_string(expr, text, use_);
    }

    /// A text built with `+`, `%`, `.format()` or `.join()`: read once as a whole, its literals are told then.
    pub(super) fn built_string(&mut self, expr: &'p Expr) {
        if !self.speaks() {
            return;
        }
        let file = self.file();
        if self.string_spans.contains(&(file, expr.span)) {
            return;
        }
        let mut built = Built::default();
        self.build(expr, &mut built);
        if built.literals.is_empty() {
            return;
        }
        let told = self.sql_text(&built);
        self.claim(expr, told);
    }

    /// A text that is put together of constants, where it names a table.
    pub(super) fn built_value(&mut self, expr: &'p Expr) -> TySet {
        let mut built = Built::default();
        self.silent(|flow| flow.build(expr, &mut built));
        if built.literals.is_empty() || built.text.len() > 8000 || !self.names_table(&built.text) {
            return TySet::unknown();
        }
        TySet::one(Ty::Str(built.text.into()))
    }

    /// Marks inner expressions of a built text as read, and its literals too when they have been told.
    fn claim(&mut self, expr: &'p Expr, literals: bool) {
        let file = self.file();
        match &expr.kind {
            ExprKind::Str(_) if literals => {
                self.string_spans.insert((file, expr.span));
            }
            ExprKind::BinOp { left, right, .. } => {
                self.string_spans.insert((file, expr.span));
                self.claim(left, literals);
                self.claim(right, literals);
            }
            ExprKind::Call { func, .. } => {
                if let ExprKind::Attribute { value, .. } = &func.kind {
                    self.string_spans.insert((file, expr.span));
                    self.claim(value, literals);
                }
            }
            _ => {}
        }
    }

    /// The text of a string-building expression, holes for what is not constant.
    fn build(&mut self, expr: &'p Expr, built: &mut Built) {
        match &expr.kind {
            ExprKind::Str(pieces) => {
                let before = built.text.len();
                for part in pieces.iter().flat_map(|piece| &piece.parts) {
                    match part {
                        StrPart::Text(text) => built.text.push_str(text),
                        StrPart::Hole(hole) => self.hole(hole, built),
                    }
                }
                built.literals.push((expr.span, built.text[before..].to_owned()));
            }
            ExprKind::BinOp { op: BinOp::Add, left, right } => {
                self.build(left, built);
                self.build(right, built);
            }
            ExprKind::BinOp { op: BinOp::Mod, left, right } => {
                self.build(left, built);
                let values: Vec<&'p Expr> = match &right.kind {
                    ExprKind::Tuple(items) => items.iter().collect(),
                    ExprKind::Dict(entries) => entries.iter().map(|(_, value)| value).collect(),
                    _ => vec![right],
                };
                self.substitute(values, built);
            }
            ExprKind::Call { func, args } => match &func.kind {
                ExprKind::Attribute { value, attr } if attr.name == "format" => {
                    self.build(value, built);
                    let values = args.args.iter().chain(args.keywords.iter().map(|k| &k.value)).collect();
                    self.substitute(values, built);
                }
                ExprKind::Attribute { value, attr } if attr.name == "join" => {
                    let separator = value.as_str().unwrap_or_else(|| " ".into());
                    match args.args.first().map(|arg| &arg.kind) {
                        Some(ExprKind::List(items) | ExprKind::Tuple(items)) => {
                            for (index, item) in items.iter().enumerate() {
                                if index > 0 {
                                    built.text.push_str(&separator);
                                }
                                self.build(item, built);
                            }
                        }
                        _ => built.text.push(HOLE),
                    }
                }
                ExprKind::Attribute { value, attr }
                    if matches!(attr.name.as_str(), "strip" | "replace" | "lower" | "upper") =>
                {
                    self.build(value, built);
                }
                _ => self.hole(expr, built),
            },
            _ => self.hole(expr, built),
        }
    }

    /// A statement that a name holds, where it is run: `cursor.execute(PURGE)`.
    pub(super) fn sql_value(&mut self, expr: &'p Expr, set: &TySet, callee: &TySet) {
        let (ExprKind::Name(_) | ExprKind::Attribute { .. } | ExprKind::Subscript { .. }) = &expr.kind else { return };
        let told = set.iter().any(|(ty, _)| matches!(ty, Ty::Str(text) if self.names_table(text)));
        // A variable's statement is told where it is written, a few lines above.
        let local = expr.as_name().is_some_and(|name| {
            self.frames.last().is_some_and(|frame| {
                let param = frame.func.is_some_and(|func| self.func(func).params.iter().any(|p| p.name.name == name));
                frame.env.contains_key(name) && !param
            })
        });
        if !told || local || !self.speaks() {
            return;
        }
        let file = self.file();
        let context = self.resolver.project().parsed(file).and_then(|parsed| parsed.context(expr.span));
        let text_call = callee.iter().any(|(ty, _)| matches!(ty, Ty::External(dotted) if dotted.starts_with("sqlalchemy") && dotted.ends_with(".text")));
        if !text_call && context.is_none_or(|context| context.role != "sql") {
            return;
        }
        for (ty, sure) in set.iter() {
            let Ty::Str(text) = ty else { continue };
            let reading = sql::tables(text);
            let found: Vec<(String, Access)> = self
                .models
                .iter()
                .filter_map(|model| {
                    let table = model.table.as_deref()?;
                    let access = reading.access_to(table)?;
                    Some((model.label.clone(), access))
                })
                .collect();
            for (label, access) in found {
                self.note_label(&label, access);
                let symbol = self.source_text(expr.span);
                let confidence = if *sure { Confidence::Certain } else { Confidence::Likely };
                self.report_at(expr.span, &symbol, Kind::RawSql, access, &label, confidence);
            }
        }
    }

    /// A value within a text: the table's name where it is known.
    fn hole(&mut self, expr: &'p Expr, built: &mut Built) {
        let set = self.silent(|flow| flow.eval(expr, Use::Plain));
        match self.constant(&set) {
            Some(text) => built.text.push_str(&text),
            None => built.text.push(HOLE),
        }
    }

    /// The text that a value is; of several, one that names a table.
    fn constant(&self, set: &TySet) -> Option<String> {
        let texts = |wanted: bool| {
            set.iter().find_map(|(ty, _)| match ty {
                Ty::Table(class) => self.model_of(*class).and_then(|model| model.table.clone()),
                Ty::Str(text) if !wanted || self.names_table(text) => Some(text.to_string()),
                _ => None,
            })
        };
        texts(true).or_else(|| texts(false))
    }

    /// Puts values that name a table in the place of the placeholders, in their order.
    fn substitute(&mut self, values: Vec<&'p Expr>, built: &mut Built) {
        for value in values {
            let set = self.silent(|flow| flow.eval(value, Use::Plain));
            let Some(constant) = self.constant(&set) else { continue };
            // Which placeholder it fills is of no matter: that the text names the table is.
            let place =
                ["%s", "{}", "{0}", "%r"].iter().filter_map(|p| built.text.find(p).map(|at| (at, p.len()))).min();
            let place = place.or_else(|| {
                let at = built.text.find('{')?;
                let end = built.text[at..].find('}')?;
                Some((at, end + 1))
            });
            let place = place.or_else(|| {
                let at = built.text.find("%(")?;
                let end = built.text[at..].find(")s")?;
                Some((at, end + 2))
            });
            if let Some((at, length)) = place {
                built.text.replace_range(at..at + length, &constant);
            }
        }
    }

    /// Reports a text of SQL that names a table of a model; false when it names none, or is no SQL.
    fn sql_text(&mut self, built: &Built) -> bool {
        if !built.text.contains(char::is_whitespace) {
            return false;
        }
        let lowered = built.text.to_ascii_lowercase();
        let tables: Vec<(String, String)> = self
            .models
            .iter()
            .filter_map(|model| model.table.as_ref().map(|table| (table, &model.label)))
            .filter(|(table, _)| lowered.contains(table.to_ascii_lowercase().as_str()))
            .filter(|(table, _)| contains_word(&built.text, table) || names_sequence(&built.text, table))
            .map(|(table, label)| (table.clone(), label.clone()))
            .collect();
        if tables.is_empty() {
            return false;
        }
        let file = self.file();
        let in_sql_call = self.resolver.project().parsed(file).is_some_and(|parsed| {
            built.literals.iter().any(|(span, _)| parsed.context(*span).is_some_and(|c| c.role == "sql"))
        });
        let reading = sql::tables(&built.text);
        let is_sql = reading.shape != Shape::Other || in_sql_call;
        if !is_sql {
            return false;
        }
        // A sentence that names the table is no statement: "update courseware_studentmodule before the exam".
        let read = reading.statements.iter().any(|statement| {
            statement.parsed
                && statement
                    .tables
                    .iter()
                    .any(|used| tables.iter().any(|(table, _)| used.name.eq_ignore_ascii_case(table)))
        });
        let confidence = match in_sql_call || read {
            true => Confidence::Certain,
            false => Confidence::Possible,
        };
        for (table, label) in tables {
            let sequenced = names_sequence(&built.text, &table);
            let access = reading.access_to(&table).unwrap_or(if sequenced { Access::Schema } else { Access::Unknown });
            self.note_label(&label, access);
            // Every literal that names the table; where a value brought the name, the first literal.
            let mut spans: Vec<Span> = built
                .literals
                .iter()
                .filter(|(_, text)| contains_word(text, &table) || names_sequence(text, &table))
                .map(|(span, _)| *span)
                .collect();
            if spans.is_empty() {
                spans.extend(built.literals.first().map(|(span, _)| *span));
            }
            for span in spans {
                let symbol = self.source_text(span);
                self.report_at(span, &symbol, Kind::RawSql, access, &label, confidence);
            }
        }
        true
    }

    /// The text of a span, cut where it is long.
    pub(super) fn source_text(&self, span: Span) -> String {
        let file = self.file();
        let text = self.resolver.project().parsed(file).map_or("", |parsed| parsed.text.slice(span));
        match text.char_indices().nth(160) {
            Some((cut, _)) => format!("{}…", &text[..cut]),
            None => text.to_owned(),
        }
    }

    fn short_string(&mut self, expr: &'p Expr, text: &str, use_: Use) {
        if !self.relevance.may_mention(text) {
            // A quoted annotation may name what leads to a model, such as an alias.
            if use_ == Use::Annotation {
                self.annotation_string(expr, text);
            }
            return;
        }
        let file = self.file();
        let context = self.resolver.project().parsed(file).and_then(|parsed| parsed.context(expr.span));
        let role = context.map_or("", |context| context.role);
        let symbol = self.source_text(expr.span);
        let report = |flow: &mut Self, kind, access, target: &str, confidence| {
            flow.report_at(expr.span, &symbol, kind, access, target, confidence);
        };
        match role {
            // Told by the chain that it starts.
            "south-orm" => return,
            "south-table" | "south-frozen" => return self.south_string(expr, text, role),
            "sql" => {
                if let Some(model) = self.models.iter().find(|m| m.table.as_deref() == Some(text)) {
                    report(self, Kind::RawSql, Access::Read, &model.label, Confidence::Certain);
                    return;
                }
            }
            "meta-model" | "factory-for" => {
                if let Some(label) = self.label_of(text) {
                    let (kind, access) = self.meta_model();
                    report(self, kind, access, &label, Confidence::Certain);
                    return;
                }
            }
            "model-label" if self.labelled.last() == Some(&None) => return,
            "model-label"
                if !text.contains('.') && self.app_labels.last().is_some_and(|l| l.is_argument(expr.span)) =>
            {
                return;
            }
            "relation" => {
                if let Some(label) = self.label_of(text) {
                    report(self, Kind::Relation, Access::Schema, &label, Confidence::Certain);
                }
                return;
            }
            "lookup-string" => {
                let access = context.and_then(|c| c.access).unwrap_or(Access::Read);
                if let Some(target) = self.own_lookup(text) {
                    report(self, Kind::RelationUse, access, &target, Confidence::Certain);
                } else if let Some((target, _)) = self.lookup_string(text) {
                    let known = self.in_linked_class() || text.contains("__");
                    // An everyday word is an option of any class.
                    let everyday = is_common_word(text) && is_everyday(target.rsplit('.').next().unwrap_or(&target));
                    let plain = !everyday
                        && (self.words.lookups.get(text).is_some_and(|w| w.iter().any(|(_, plain)| *plain))
                            || self.words.accessors.contains_key(text));
                    let confidence = if known || plain { Confidence::Likely } else { Confidence::Possible };
                    if confidence == Confidence::Likely || !is_common_word(text) {
                        report(self, Kind::RelationUse, access, &target, confidence);
                    }
                }
                return;
            }
            _ => {
                if self.operation_string(expr, text, role) {
                    return;
                }
            }
        }
        if self.config.has(text) {
            let target = self.models.first().map_or(String::new(), |model| model.label.clone());
            report(self, Kind::Configuration, Access::None, &target, Confidence::Likely);
            return;
        }
        if text.contains('.') {
            // `app_label.Model`, or the path of a module's attribute.
            if let Some(model) = self.models.iter().find(|m| m.label.eq_ignore_ascii_case(text)) {
                let kind = if role == "signal" { Kind::Signal } else { Kind::StringReference };
                report(self, kind, self.label_access(role), &model.label, Confidence::Certain);
            } else if let Some((target, sure)) = self.dotted_string(text) {
                let confidence = if sure || role == "dotted-string" { Confidence::Certain } else { Confidence::Likely };
                report(self, Kind::StringReference, Access::None, &target, confidence);
            }
            return;
        }
        if let Some(model) = self.models.iter().find(|m| m.table.as_deref() == Some(text)) {
            report(self, Kind::StringReference, Access::None, &model.label, Confidence::Likely);
            return;
        }
        if use_ == Use::Annotation && self.annotation_string(expr, text) {
            return;
        }
        if let Some((label, confidence)) = self.model_by_text(text, role, use_) {
            if let Some(confidence) = confidence {
                report(self, Kind::StringReference, self.label_access(role), &label, confidence);
            }
            return;
        }
        if self.in_linked_meta()
            && let Some((target, _)) = self.lookup_string(text)
        {
            report(self, Kind::RelationUse, Access::Schema, &target, Confidence::Certain);
            return;
        }
        // `{'studentmodule__grade': …}`: a lookup on its way to a query.
        if text.contains("__")
            && let Some((target, true)) = self.lookup_string(text)
        {
            report(self, Kind::RelationUse, Access::Read, &target, Confidence::Likely);
        }
    }

    /// The model that a string names without its app, and how surely; an everyday word that may be anything is not told.
    fn model_by_text(&self, text: &str, role: &str, use_: Use) -> Option<(String, Option<Confidence>)> {
        // `Model._meta.model_name` is compared in small letters.
        let lowered = role == "model-label" || use_ == Use::Compared;
        let app_label = self.app_labels.last().filter(|_| role == "model-label");
        let admitted = |model: &Model<'_>| app_label.map_or(Some(true), |label| label.admits(model.app_label()));
        let model = self.models.iter().find(|m| {
            (m.name() == text
                || (lowered && text == m.name().to_lowercase())
                || (role == "model-label" && m.name().eq_ignore_ascii_case(text)))
                && admitted(m) != Some(false)
        })?;
        let confidence = match (role, use_) {
            ("model-label", _) if admitted(model).is_none() => Confidence::Likely,
            ("model-label", _) => Confidence::Certain,
            (_, Use::Compared) if self.comparing_name => Confidence::Certain,
            _ => Confidence::Possible,
        };
        // `"role" in request.json`
        let everyday = confidence == Confidence::Possible && is_everyday(model.name()) && text != model.name();
        Some((model.label.clone(), (!everyday).then_some(confidence)))
    }

    /// What is done with the model that a `get_model` call fetches by this string.
    fn label_access(&self, role: &str) -> Access {
        match self.labelled.last() {
            Some(Some((_, access))) if role == "model-label" => *access,
            _ => Access::None,
        }
    }

    /// A quoted annotation: a name, or an expression that holds one.
    fn annotation_string(&mut self, expr: &Expr, text: &str) -> bool {
        let mut names = Vec::new();
        if let Some(quoted) = self.quoted_expr(text) {
            quoted.walk(&mut |part| names.extend(part.as_dotted().map(|segments| segments.join("."))));
        }
        let named = names.iter().find_map(|name| {
            let mut segments = name.split('.');
            let first = self.lookup(segments.next()?);
            let set = segments.fold(first, |set, segment| {
                set.flat_map(|ty| match ty {
                    Ty::Module(ModuleRef::File(file)) => self.module_value(*file, segment),
                    _ => TySet::unknown(),
                })
            });
            set.iter().find_map(|(ty, _)| match ty {
                Ty::Class(class) => self.model_of(*class).map(|model| model.label.clone()),
                _ => None,
            })
        });
        let (label, confidence) = match named {
            Some(label) => (label, Confidence::Certain),
            None => match self.models.iter().find(|model| contains_word(text, model.name())) {
                Some(model) => (model.label.clone(), Confidence::Likely),
                None => return false,
            },
        };
        self.touch_literal(expr, Kind::Reference, Access::None, &label, confidence);
        true
    }

    /// The model that a lookup of the query at hand, or a field name of the class at hand, reaches.
    fn own_lookup(&self, text: &str) -> Option<String> {
        let first = text.trim_start_matches(['-', '+', '^', '=', '@', '?']).split("__").next()?;
        let on = self.queried.last().map(|(model, _)| *model).or_else(|| self.described_model())?;
        let direct = self.relation(on, first).map(|(relation, _)| relation.to.clone());
        direct.or_else(|| {
            let joined = self.joined(on, text.trim_start_matches(['-', '+', '^', '=', '@', '?']), true);
            joined.first().and_then(|class| self.model_of(*class)).map(|model| model.label.clone())
        })
    }

    /// The model that the class at hand describes: an admin class's, or the one its `Meta` names.
    fn described_model(&self) -> Option<crate::touchpoint::ty::ClassId> {
        self.frames.iter().rev().find_map(|frame| {
            let class = frame.class?;
            let told = self.admins.get(&class).copied();
            told.or_else(|| {
                frame.env.get("model")?.iter().find_map(|(ty, _)| match ty {
                    Ty::Class(model) if self.is_row_class(*model) => Some(*model),
                    _ => None,
                })
            })
        })
    }

    /// The model that a relation's string names: `app_label.Model`, or `Model` of the same app.
    pub(super) fn label_of(&self, text: &str) -> Option<String> {
        if text.contains('.') {
            return self.models.iter().find(|m| m.label.eq_ignore_ascii_case(text)).map(|m| m.label.clone());
        }
        let file = self.file();
        let app = crate::touchpoint::models::module_app_label(self.resolver, file);
        self.models
            .iter()
            .find(|m| m.name().eq_ignore_ascii_case(text) && m.app_label().eq_ignore_ascii_case(&app))
            .map(|m| m.label.clone())
    }

    /// The model that a lookup in a string reaches: `-student_module__created`.
    fn lookup_string(&self, text: &str) -> Option<(String, bool)> {
        let text = text.trim_start_matches(['-', '+', '^', '=', '@', '?']);
        if text.is_empty() || !text.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return None;
        }
        let segments: Vec<&str> = text.split("__").collect();
        self.lookup_target(&segments).or_else(|| {
            // `prefetch_related('studentmodule_set')`
            segments.iter().find_map(|segment| {
                let class = self.words.accessors.get(*segment)?.first()?;
                let model = self.model_of(*class)?;
                let plain = segment.starts_with(model.name().to_lowercase().as_str());
                plain.then(|| (model.label.clone(), true))
            })
        })
    }

    fn in_linked_class(&self) -> bool {
        self.frames.iter().any(|frame| {
            let class = frame.class.or_else(|| frame.func.and_then(|func| self.func(func).class));
            class.and_then(|class| self.model_of(class)).is_some_and(|model| model.role != Role::Target)
        })
    }

    /// Whether the code that runs is the `Meta` of a linked model.
    fn in_linked_meta(&self) -> bool {
        let classes: Vec<_> = self.frames.iter().filter_map(|frame| frame.class).collect();
        match classes.as_slice() {
            [.., outer, meta] => {
                self.class(*meta).def.name.name == "Meta"
                    && self.model_of(*outer).is_some_and(|model| model.role != Role::Target)
            }
            _ => false,
        }
    }

    /// The model that the dotted path of an attribute passes: `app.models.Model.save`.
    fn dotted_string(&mut self, text: &str) -> Option<(String, bool)> {
        let names_model = self.models.iter().any(|m| contains_word(text, m.name()));
        if !names_model || !text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.')) {
            return None;
        }
        let segments: Vec<&str> = text.split('.').collect();
        let file = self.file();
        for split in (1..segments.len()).rev() {
            let module = self.resolver.project().modules.resolve(&segments[..split].join("."), Some(file));
            if matches!(module, ModuleRef::Unknown) {
                continue;
            }
            let mut set = TySet::one(Ty::Module(module));
            for segment in &segments[split..] {
                set = set.flat_map(|ty| match ty {
                    Ty::Module(ModuleRef::File(file)) => self.module_value(*file, segment),
                    Ty::Class(class) => self.class_attr(*class, segment),
                    _ => TySet::unknown(),
                });
                let label = set.iter().find_map(|(ty, _)| match ty {
                    Ty::Class(class) => self.model_of(*class).map(|model| model.label.clone()),
                    _ => None,
                });
                if let Some(label) = label {
                    return Some((label, true));
                }
            }
            return None;
        }
        // The module is not there; the name at its end is the model's, and the app's stands before it.
        if self.models.iter().all(|model| is_everyday(model.name()) && !segments.contains(&model.app_label())) {
            return None;
        }
        let last = segments.iter().rev().take(2).find(|s| self.models.iter().any(|m| m.name() == **s))?;
        self.models.iter().find(|m| m.name() == *last).map(|m| (m.label.clone(), false))
    }
}
