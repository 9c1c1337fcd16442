//! The models that matter: the target, and what is linked to it, derived from the sources.

use compact_str::CompactString;
use rustc_hash::FxHashSet;

use crate::ast::{Arguments, ClassDef, Expr, ExprKind, Stmt, StmtKind};
use crate::modules::ModuleRef;
use crate::resolve::{Binding, Def, Gate, Resolver, Symbols};
use crate::source::{FileId, Span};

/// Why a model matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The model itself.
    Target,
    /// A subclass or proxy of the model.
    Subclass,
    /// A model with a relation to the model.
    Linked,
    /// An abstract base of linked models and of nothing else.
    Base,
}

/// A field that reaches the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The field's name.
    pub name: CompactString,
    /// The column; `None` for a many-to-many field.
    pub column: Option<CompactString>,
    /// The accessor on the other side, as `target.accessor`; `None` for `related_name='+'`.
    pub accessor: Option<CompactString>,
    /// The name in lookups from the other side.
    pub query_name: Option<CompactString>,
    /// Whether one row of the target has one row of this model.
    pub one_to_one: bool,
    /// The model it points to, as `app_label.Model`.
    pub to: String,
    /// The file of the class that declares it.
    pub file: FileId,
    /// The name in that declaration.
    pub span: Span,
}

/// A model that matters.
#[derive(Clone, Debug)]
pub struct Model<'p> {
    /// `app_label.Model`
    pub label: String,
    /// Where it is defined.
    pub file: FileId,
    /// Its definition.
    pub class: &'p ClassDef,
    /// Why it matters.
    pub role: Role,
    /// Its table; `None` when it is abstract.
    pub table: Option<String>,
    /// Its relations to the target, those of the target to others, and inherited ones.
    pub relations: Vec<Relation>,
    /// The names of all its fields, inherited ones too.
    pub fields: Vec<CompactString>,
}

impl Model<'_> {
    /// The class's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.class.name.name
    }

    /// The app label.
    #[must_use]
    pub fn app_label(&self) -> &str {
        self.label.rsplit_once('.').map_or("", |(app, _)| app)
    }
}

/// The label of the app that the module `file` belongs to, as Django would tell it.
///
/// Source: `django/db/models/base.py` (`apps.get_containing_app_config`), `django/apps/config.py` (`label`).
#[must_use]
pub fn module_app_label(resolver: &Resolver<'_>, file: FileId) -> String {
    let modules = &resolver.project().modules;
    let name = modules.name(file).to_owned();
    let mut package = if modules.is_package(file) { name.as_str() } else { parent(&name) };
    let fallback = package;
    while !package.is_empty() {
        let module = modules.resolve(package, Some(file));
        let is_app = ["models", "apps", "migrations"]
            .iter()
            .any(|part| !matches!(modules.submodule(module, part), ModuleRef::Unknown));
        if is_app {
            return config_label(resolver, module, package).unwrap_or_else(|| last(package).to_owned());
        }
        package = parent(package);
    }
    last(fallback).to_owned()
}

fn parent(dotted: &str) -> &str {
    dotted.rsplit_once('.').map_or("", |(parent, _)| parent)
}

fn last(dotted: &str) -> &str {
    dotted.rsplit('.').next().unwrap_or(dotted)
}

/// The label that an `AppConfig` of the package sets. With several configurations the one marked `default` decides.
fn config_label(resolver: &Resolver<'_>, package: ModuleRef, dotted: &str) -> Option<String> {
    let ModuleRef::File(apps) = resolver.project().modules.submodule(package, "apps") else { return None };
    let symbols = resolver.symbols(apps)?;
    let mut labels = Vec::new();
    for name in symbols.names() {
        for binding in symbols.get(name) {
            let Binding::Class(class) = binding else { continue };
            let attrs = Symbols::collect(&class.body);
            let text = |attr: &str| match attrs.get(attr) {
                [Binding::Value(value)] => value.as_str(),
                _ => None,
            };
            let Some(path) = text("name") else { continue };
            // `name` may be the package's long or short path.
            if last(&path) != last(dotted) {
                continue;
            }
            let default = matches!(attrs.get("default"), [Binding::Value(v)] if matches!(v.kind, ExprKind::Bool(true)));
            let label = text("label").map_or_else(|| last(&path).to_owned(), |l| l.to_string());
            labels.push((default, label));
        }
    }
    labels.sort_by_key(|(default, _)| !default);
    labels.into_iter().next().map(|(_, label)| label)
}

/// The value of `name` in a class's `Meta`.
#[must_use]
pub fn meta_value<'p>(class: &'p ClassDef, name: &str) -> Option<&'p Expr> {
    class.body.iter().find_map(|stmt| match &stmt.kind {
        StmtKind::ClassDef(meta) if meta.name.name == "Meta" => match Symbols::collect(&meta.body).get(name) {
            [.., Binding::Value(value)] => Some(*value),
            _ => None,
        },
        _ => None,
    })
}

/// The app label of a model class.
#[must_use]
pub fn app_label(resolver: &Resolver<'_>, file: FileId, class: &ClassDef) -> String {
    meta_value(class, "app_label")
        .and_then(Expr::as_str)
        .map_or_else(|| module_app_label(resolver, file), |label| label.to_string())
}

/// Whether the class is an abstract model.
#[must_use]
pub fn is_abstract(class: &ClassDef) -> bool {
    meta_value(class, "abstract").is_some_and(|value| matches!(value.kind, ExprKind::Bool(true)))
}

fn is_proxy(class: &ClassDef) -> bool {
    meta_value(class, "proxy").is_some_and(|value| matches!(value.kind, ExprKind::Bool(true)))
}

/// The table of a model.
fn table(class: &ClassDef, label: &str) -> String {
    meta_value(class, "db_table")
        .and_then(Expr::as_str)
        .map_or_else(|| label.to_ascii_lowercase().replace('.', "_"), |table| table.to_string())
}

/// The field declarations of a class body: name, place of the name, the call.
fn declarations(class: &ClassDef) -> impl Iterator<Item = (&CompactString, Span, &Expr, &Arguments)> {
    class.body.iter().filter_map(|stmt| {
        let (target, value) = match &stmt.kind {
            StmtKind::Assign { targets, value } => (targets.first()?, value),
            StmtKind::AnnAssign { target, value: Some(value), .. } => (target, value),
            _ => return None,
        };
        match (&target.kind, &value.kind) {
            (ExprKind::Name(name), ExprKind::Call { func, args }) => Some((name, target.span, &**func, &**args)),
            _ => None,
        }
    })
}

/// The last segment of what is called.
#[must_use]
pub fn callee_name(func: &Expr) -> Option<&str> {
    match &func.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Attribute { attr, .. } => Some(&attr.name),
        _ => None,
    }
}

/// Whether a field class of this name is a relation, by Django's names and the names people give subclasses.
#[must_use]
pub fn relation_kind(name: &str) -> Option<RelationKind> {
    if name.ends_with("ManyToManyField") || name.ends_with("ManyToMany") {
        Some(RelationKind::ManyToMany)
    } else if name.ends_with("OneToOneField") || name.ends_with("OneToOne") {
        Some(RelationKind::OneToOne)
    } else if name.ends_with("ForeignKey") || name.ends_with("ForeignKeyField") || name.ends_with("ForeignObject") {
        Some(RelationKind::ForeignKey)
    } else {
        None
    }
}

/// Whether a field's or an accessor's name is a word that anything may have: `module`, `row_id`. Where the model is not
/// known, such a name says nothing.
#[must_use]
pub fn is_common_word(name: &str) -> bool {
    !name.strip_suffix("_id").unwrap_or(name).contains('_')
}

/// Whether a name that is made of the class's name, in small letters, is an everyday word: `role`, `user`, `event`. What
/// carries it on an unknown object, in prose or in data may be anything; `studentmodule` is one model's.
#[must_use]
pub fn is_everyday(class: &str) -> bool {
    class.chars().filter(|c| c.is_uppercase()).count() < 2
}

/// The kinds of relation field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "Django's words")]
pub enum RelationKind {
    ForeignKey,
    OneToOne,
    ManyToMany,
}

/// Whether the arguments make something that looks like a model field rather than a manager or a plain value.
fn is_field_call(func: &Expr) -> bool {
    callee_name(func)
        .is_some_and(|name| name.ends_with("Field") || relation_kind(name).is_some() || name.ends_with("Key"))
}

/// Finds the classes of `files` that define the model `label`.
#[must_use]
pub fn find_target<'p>(resolver: &Resolver<'p>, files: &[FileId], label: &str) -> Vec<(FileId, &'p ClassDef, String)> {
    let Some((_, wanted)) = label.split_once('.') else { return Vec::new() };
    let mut found = Vec::new();
    for &file in files {
        let Some(symbols) = resolver.symbols(file) else { continue };
        for name in symbols.names().filter(|name| name.eq_ignore_ascii_case(wanted)) {
            for binding in symbols.get(name) {
                let Binding::Class(class) = binding else { continue };
                let app = app_label(resolver, file, class);
                let real = format!("{app}.{}", class.name.name);
                if real.eq_ignore_ascii_case(label) && looks_like_model(class) {
                    found.push((file, *class, real));
                }
            }
        }
    }
    found
}

/// A model has bases, and a field or a `Meta`; a serializer of the same name has neither model fields nor a table.
pub(super) fn looks_like_model(class: &ClassDef) -> bool {
    let serializer = class.args.args.iter().filter_map(callee_name).any(|base| {
        ["Serializer", "Form", "Factory", "TestCase", "Admin", "Enum", "View", "Resource"]
            .iter()
            .any(|s| base.ends_with(s))
    });
    !class.args.args.is_empty() && !serializer
}

/// All classes of a file's top level, conditional ones too.
fn classes<'p>(resolver: &Resolver<'p>, file: FileId) -> Vec<&'p ClassDef> {
    let Some(parsed) = resolver.project().parsed(file) else { return Vec::new() };
    let mut found = Vec::new();
    fn walk<'p>(body: &'p [Stmt], found: &mut Vec<&'p ClassDef>) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::ClassDef(class) => found.push(class),
                StmtKind::If { body, orelse, .. } => {
                    walk(body, found);
                    walk(orelse, found);
                }
                StmtKind::Try { body, handlers, orelse, finalbody } => {
                    walk(body, found);
                    handlers.iter().for_each(|h| walk(&h.body, found));
                    walk(orelse, found);
                    walk(finalbody, found);
                }
                _ => {}
            }
        }
    }
    walk(&parsed.module.body, &mut found);
    found
}

type Key = (FileId, u32);

/// The models that matter, the target first. `files` are those that name any model found so far.
#[must_use]
pub fn derive<'p>(resolver: &Resolver<'p>, files: &[FileId], target: &str) -> Vec<Model<'p>> {
    let mut models: Vec<Model<'p>> = Vec::new();
    let mut seen: FxHashSet<Key> = FxHashSet::default();
    for (file, class, label) in find_target(resolver, files, target) {
        if seen.insert((file, class.name.span.start)) {
            models.push(model(resolver, file, class, Role::Target, label));
        }
    }
    if models.is_empty() {
        return models;
    }
    let all: Vec<(FileId, &'p ClassDef)> =
        files.iter().flat_map(|&file| classes(resolver, file).into_iter().map(move |class| (file, class))).collect();
    // Whoever leads to a model names it: other files need not be opened for that, but star imports name nothing.
    let named: FxHashSet<FileId> = files.iter().copied().collect();
    let gate = |file: FileId, _: &str| named.contains(&file) || resolver.project().discovery.entry(file).star_import;
    // Subclasses of models that matter, and models that point to the target or its subclasses; each may bring others.
    loop {
        let before = models.len();
        for &(file, class) in &all {
            let key = (file, class.name.span.start);
            if seen.contains(&key) {
                continue;
            }
            let base = class.args.args.iter().find_map(|base| {
                let defs = base.as_dotted().map(|segments| resolver.dotted_gated(file, &segments, &gate));
                let defs = defs.unwrap_or_default();
                defs.into_iter().find_map(|def| match def {
                    Def::Class(f, c) => models.iter().find(|m| m.file == f && m.class.name.span == c.name.span),
                    _ => None,
                })
            });
            let inherited = base.map(|base| match base.role {
                Role::Target | Role::Subclass if !is_abstract(base.class) => Role::Subclass,
                _ => Role::Linked,
            });
            // Another model on the same table, as `managed = False` allows: its rows are the target's.
            let shares = meta_value(class, "db_table")
                .and_then(Expr::as_str)
                .is_some_and(|table| models.first().is_some_and(|target| target.table.as_deref() == Some(&table)));
            let inherited = inherited.or(shares.then_some(Role::Subclass));
            let points = inherited.is_none()
                && declarations(class).any(|(_, _, func, args)| {
                    callee_name(func).and_then(relation_kind).is_some()
                        && points_to(resolver, file, class, args, &models).is_some()
                });
            if let Some(role) = inherited.or(points.then_some(Role::Linked))
                && looks_like_model(class)
            {
                seen.insert(key);
                let label = format!("{}.{}", app_label(resolver, file, class), class.name.name);
                models.push(model(resolver, file, class, role, label));
            }
        }
        if models.len() == before {
            break;
        }
    }
    bases(resolver, &all, &mut models, &mut seen, &gate);
    fill_relations(resolver, &mut models);
    models
}

/// Abstract bases all of whose known subclasses are linked models: what they do with `self` and `cls` is done to those.
fn bases<'p>(
    resolver: &Resolver<'p>,
    all: &[(FileId, &'p ClassDef)],
    models: &mut Vec<Model<'p>>,
    seen: &mut FxHashSet<Key>,
    gate: Gate<'_>,
) {
    let linked: Vec<(FileId, &ClassDef)> =
        models.iter().filter(|m| m.role == Role::Linked).map(|m| (m.file, m.class)).collect();
    let mut found: Vec<(FileId, &'p ClassDef)> = Vec::new();
    for &(file, class) in &linked {
        for base in &class.args.args {
            let Some(segments) = base.as_dotted() else { continue };
            for def in resolver.dotted_gated(file, &segments, gate) {
                if let Def::Class(f, c) = def
                    && is_abstract(c)
                    && !seen.contains(&(f, c.name.span.start))
                {
                    found.push((f, c));
                }
            }
        }
    }
    for (file, class) in found {
        let only_linked = all.iter().all(|&(f, sub)| {
            let extends = sub.args.args.iter().any(|base| {
                base.as_dotted().is_some_and(|segments| {
                    resolver
                        .dotted_gated(f, &segments, gate)
                        .iter()
                        .any(|def| matches!(def, Def::Class(bf, bc) if *bf == file && bc.name.span == class.name.span))
                })
            });
            !extends || linked.iter().any(|&(lf, lc)| lf == f && lc.name.span == sub.name.span)
        });
        // A base in a file that does not name the target knows nothing of it: a mixin for everybody.
        let names_target = all.iter().any(|&(f, _)| f == file);
        if only_linked && names_target && seen.insert((file, class.name.span.start)) {
            let label = format!("{}.{}", app_label(resolver, file, class), class.name.name);
            models.push(model(resolver, file, class, Role::Base, label));
        }
    }
}

fn model<'p>(resolver: &Resolver<'p>, file: FileId, class: &'p ClassDef, role: Role, label: String) -> Model<'p> {
    let table = (!is_abstract(class) && !is_proxy(class)).then(|| table(class, &label));
    let mut fields = Vec::new();
    collect_fields(resolver, file, class, &mut fields, 0);
    Model { label, file, class, role, table, relations: Vec::new(), fields }
}

fn collect_fields<'p>(
    resolver: &Resolver<'p>,
    file: FileId,
    class: &'p ClassDef,
    fields: &mut Vec<CompactString>,
    depth: usize,
) {
    for (name, _, func, _) in declarations(class) {
        if is_field_call(func) && !fields.contains(name) {
            fields.push(name.clone());
            if callee_name(func).and_then(relation_kind).is_some_and(|kind| kind != RelationKind::ManyToMany) {
                fields.push(compact_str::format_compact!("{name}_id"));
            }
        }
    }
    if depth > 16 {
        return;
    }
    for base in &class.args.args {
        let Some(segments) = base.as_dotted() else { continue };
        for def in resolver.dotted(file, &segments) {
            if let Def::Class(f, c) = def {
                collect_fields(resolver, f, c, fields, depth + 1);
            }
        }
    }
}

/// Whether a class or a base of it declares a field of this name.
#[must_use]
pub fn has_field<'p>(resolver: &Resolver<'p>, file: FileId, class: &'p ClassDef, name: &str) -> bool {
    let mut fields = Vec::new();
    collect_fields(resolver, file, class, &mut fields, 0);
    fields.iter().any(|field| field == name)
}

/// The model among `models` that a relation field's first argument (or `to=`) names.
fn points_to<'m, 'p>(
    resolver: &Resolver<'p>,
    file: FileId,
    class: &ClassDef,
    args: &Arguments,
    models: &'m [Model<'p>],
) -> Option<&'m Model<'p>> {
    let to = args.get(0, "to")?;
    if let Some(text) = to.as_str() {
        let label = match text.as_str() {
            "self" => format!("{}.{}", app_label(resolver, file, class), class.name.name),
            text if text.contains('.') => text.to_owned(),
            text => format!("{}.{text}", app_label(resolver, file, class)),
        };
        return models.iter().filter(|m| relates(m)).find(|m| m.label.eq_ignore_ascii_case(&label));
    }
    let segments = to.as_dotted()?;
    resolver.dotted(file, &segments).into_iter().find_map(|def| match def {
        Def::Class(f, c) => {
            models.iter().filter(|m| relates(m)).find(|m| m.file == f && m.class.name.span == c.name.span)
        }
        _ => None,
    })
}

/// Models to which a relation makes its own model linked.
fn relates(model: &Model<'_>) -> bool {
    matches!(model.role, Role::Target | Role::Subclass)
}

fn fill_relations<'p>(resolver: &Resolver<'p>, models: &mut [Model<'p>]) {
    let mut all = Vec::with_capacity(models.len());
    for model in models.iter() {
        let mut relations = Vec::new();
        own_and_inherited(resolver, model, model.file, model.class, models, &mut relations, 0);
        all.push(relations);
    }
    for (model, relations) in models.iter_mut().zip(all) {
        model.relations = relations;
    }
}

fn own_and_inherited<'p>(
    resolver: &Resolver<'p>,
    model: &Model<'_>,
    file: FileId,
    class: &'p ClassDef,
    models: &[Model<'p>],
    relations: &mut Vec<Relation>,
    depth: usize,
) {
    for (name, span, func, args) in declarations(class) {
        let Some(kind) = callee_name(func).and_then(relation_kind) else { continue };
        let Some(to) = points_to(resolver, file, class, args, models) else { continue };
        if relations.iter().any(|r| r.name == *name) {
            continue;
        }
        relations.push(relation(name, (file, span), kind, args, model, &to.label));
    }
    if depth > 16 {
        return;
    }
    for base in &class.args.args {
        let Some(segments) = base.as_dotted() else { continue };
        for def in resolver.dotted(file, &segments) {
            if let Def::Class(f, c) = def {
                own_and_inherited(resolver, model, f, c, models, relations, depth + 1);
            }
        }
    }
}

/// Source: `django/db/models/fields/related.py` (`contribute_to_class`, `related_query_name`),
/// `fields/reverse_related.py` (`get_accessor_name`).
fn relation(
    name: &CompactString,
    (file, span): (FileId, Span),
    kind: RelationKind,
    args: &Arguments,
    model: &Model<'_>,
    to: &str,
) -> Relation {
    let lower = model.name().to_lowercase();
    let fill = |pattern: CompactString| -> CompactString {
        pattern.replace("%(class)s", &lower).replace("%(app_label)s", &model.app_label().to_lowercase()).into()
    };
    let text = |keyword: &str| args.keyword(keyword).and_then(Expr::as_str).map(fill);
    let related_name = text("related_name");
    let hidden = related_name.as_deref().is_some_and(|n| n.ends_with('+'));
    let accessor = if hidden {
        None
    } else {
        Some(related_name.clone().unwrap_or_else(|| match kind {
            RelationKind::OneToOne => lower.as_str().into(),
            _ => compact_str::format_compact!("{lower}_set"),
        }))
    };
    let query_name =
        text("related_query_name").or(related_name.filter(|_| !hidden)).or_else(|| Some(lower.as_str().into()));
    let column = match kind {
        RelationKind::ManyToMany => None,
        _ => Some(text("db_column").unwrap_or_else(|| compact_str::format_compact!("{name}_id"))),
    };
    let one_to_one = kind == RelationKind::OneToOne;
    Relation { name: name.clone(), column, accessor, query_name, one_to_one, to: to.to_owned(), file, span }
}
