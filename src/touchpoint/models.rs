//! The models that matter: the target, and what is linked to it, derived from the sources.

use compact_str::CompactString;

use crate::ast::{Arguments, ClassDef, Expr, ExprKind, StmtKind};
pub use crate::field::RelationKind;
use crate::modules::ModuleRef;
use crate::resolve::{Binding, Def, Resolver, Symbols};
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
    /// The kind of its field.
    pub kind: RelationKind,
    /// The column; `None` for a many-to-many field.
    pub column: Option<CompactString>,
    /// The accessor on the other side, as `target.accessor`; `None` for `related_name='+'`.
    pub accessor: Option<CompactString>,
    /// The name in lookups from the other side.
    pub query_name: Option<CompactString>,
    /// The model it points to, as `app_label.Model`.
    pub to: String,
    /// Whether the model that it points to is sure; a guess from the syntax is not.
    pub sure: bool,
    /// Whether Django makes a table for it, as for a many-to-many field without `through`.
    pub makes_table: bool,
    /// The file of the class that declares it.
    pub file: FileId,
    /// The name in that declaration.
    pub span: Span,
}

/// The function that gives the model of the users.
///
/// Source: `django/contrib/auth/__init__.py` (`get_user_model`).
pub(super) const GET_USER_MODEL: &str = "get_user_model";

/// A model that matters.
#[derive(Clone, Debug)]
pub struct Model<'p> {
    /// `app_label.Model`
    pub label: String,
    /// Where it is defined.
    pub file: FileId,
    /// Its definition; for a class that a call of `type()` makes, an empty one at the place of the call.
    pub class: &'p ClassDef,
    /// The names of its module that hold it, when a call makes its class; `None` when a class statement does.
    pub held_by: Option<Vec<CompactString>>,
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

/// The label that an `AppConfig` of the package sets. Where the syntax does not decide, because a label is computed or
/// because there are several configurations, the evaluated one counts, and the one marked `default` stands in for it.
fn config_label(resolver: &Resolver<'_>, package: ModuleRef, dotted: &str) -> Option<String> {
    let ModuleRef::File(apps) = resolver.project().modules.submodule(package, "apps") else { return None };
    let symbols = resolver.symbols(apps)?;
    let mut labels = Vec::new();
    let mut is_computed = false;
    for name in symbols.names() {
        for binding in symbols.get(name) {
            let Binding::Class(class) = binding else { continue };
            let attrs = Symbols::collect(&class.body);
            let value = |attr: &str| match attrs.get(attr) {
                [.., Binding::Value(value)] => Some(*value),
                _ => None,
            };
            let Some(path) = value("name") else { continue };
            let label = value("label");
            is_computed |= [Some(path), label].into_iter().flatten().any(|value| value.as_str().is_none());
            let Some(path) = path.as_str() else { continue };
            // `name` may be the package's long or short path.
            if last(&path) != last(dotted) {
                continue;
            }
            let default = value("default").is_some_and(|value| matches!(value.kind, ExprKind::Bool(true)));
            let label = label.and_then(Expr::as_str).map_or_else(|| last(&path).to_owned(), |label| label.to_string());
            labels.push((default, label));
        }
    }
    labels.sort_by_key(|(default, _)| !default);
    let differ = labels.windows(2).any(|pair| pair[0].1 != pair[1].1);
    let evaluated = if is_computed || differ { resolver.evaluated_label(apps, dotted) } else { None };
    evaluated.map(str::to_owned).or_else(|| labels.into_iter().next().map(|(_, label)| label))
}

/// The accessor and the name in lookups that a relation has on the other side, with `related_name` and
/// `related_query_name` as they are declared. `label` is that of the model that has the relation. There is no accessor
/// when the name ends with `+`.
///
/// Source: `django/db/models/fields/related.py` (`contribute_to_class`, `related_query_name`),
/// `fields/reverse_related.py` (`get_accessor_name`).
pub(super) fn reverse_names(
    kind: RelationKind,
    label: &str,
    related_name: Option<CompactString>,
    related_query_name: Option<CompactString>,
) -> (Option<CompactString>, CompactString) {
    let (app, class) = label.rsplit_once('.').unwrap_or(("", label));
    let (app, lower) = (app.to_lowercase(), class.to_lowercase());
    let fill = |pattern: CompactString| -> CompactString {
        pattern.replace("%(class)s", &lower).replace("%(model_name)s", &lower).replace("%(app_label)s", &app).into()
    };
    let related = related_name.map(fill);
    let is_hidden = related.as_deref().is_some_and(|name| name.ends_with('+'));
    let shown = related.filter(|_| !is_hidden);
    let usual = || match kind {
        RelationKind::OneToOne => CompactString::from(lower.as_str()),
        _ => compact_str::format_compact!("{lower}_set"),
    };
    let accessor = (!is_hidden).then(|| shown.clone().unwrap_or_else(usual));
    (accessor, related_query_name.map(fill).or(shown).unwrap_or_else(|| lower.as_str().into()))
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

pub(super) fn is_proxy(class: &ClassDef) -> bool {
    meta_value(class, "proxy").is_some_and(|value| matches!(value.kind, ExprKind::Bool(true)))
}

/// The table of a model.
pub(super) fn table(class: &ClassDef, label: &str) -> String {
    meta_value(class, "db_table")
        .and_then(Expr::as_str)
        .map_or_else(|| label.to_ascii_lowercase().replace('.', "_"), |table| table.to_string())
}

/// The field declarations of a class body: name, place of the name, the call.
pub(super) fn declarations(class: &ClassDef) -> impl Iterator<Item = (&CompactString, Span, &Expr, &Arguments)> {
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

/// Whether the arguments make something that looks like a model field rather than a manager or a plain value.
pub(super) fn is_field_call(func: &Expr) -> bool {
    callee_name(func)
        .is_some_and(|name| name.ends_with("Field") || relation_kind(name).is_some() || name.ends_with("Key"))
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

/// Whether a name that is made of the class's name, in small letters, is an everyday word: `role`, `user`, `event`. What
/// carries it on an unknown object, in prose or in data may be anything; `studentmodule` is one model's.
#[must_use]
pub fn is_everyday(class: &str) -> bool {
    class.chars().filter(|c| c.is_uppercase()).count() < 2
}

/// Bases are followed so deep.
const DEEPEST: u32 = 16;

/// Whether a class or a base of it declares a field of this name.
#[must_use]
pub fn has_field(resolver: &Resolver<'_>, file: FileId, class: &ClassDef, name: &str) -> bool {
    declares_field(resolver, file, class, name, 0)
}

fn declares_field(resolver: &Resolver<'_>, file: FileId, class: &ClassDef, name: &str, depth: u32) -> bool {
    let own = class.body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Assign { targets, value } => {
            matches!(value.kind, ExprKind::Call { .. }) && targets.iter().any(|target| target.as_name() == Some(name))
        }
        StmtKind::AnnAssign { target, value: Some(value), .. } => {
            matches!(value.kind, ExprKind::Call { .. }) && target.as_name() == Some(name)
        }
        _ => false,
    });
    own || depth < DEEPEST
        && class.args.args.iter().filter_map(Expr::as_dotted).any(|segments| {
            resolver.dotted(file, &segments).into_iter().any(
                |def| matches!(def, Def::Class(file, base) if declares_field(resolver, file, base, name, depth + 1)),
            )
        })
}
