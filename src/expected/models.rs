//! What the models say now, and where that is not what the migrations say.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::field::{Field, RelationKind, SourceLocation, Target};
use crate::literal::{Args, Interp, Site, Value};
use crate::migration::App;
use crate::model::{
    CodeModel, ConstraintDecl, IndexDecl, ModelState, Options, ProjectState, View, models_of, other_model_modules,
    resolve_targets, target_key,
};
use crate::schema::ColumnType;
use crate::source::{Gap, GapKind};

/// A column as the models say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelColumn {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The field, as `app_label.Model.field`; of a table that a many-to-many makes itself, as
    /// `app_label.Model_field.link`.
    pub field: String,
    /// The dotted name of the field's class.
    pub class: String,
    /// `get_internal_type()`
    pub internal_type: String,
    /// The column's type; `None` when it is not sure, which a gap says.
    pub column_type: Option<ColumnType>,
    /// Whether it takes NULL.
    pub nullable: bool,
    /// Whether it is the primary key.
    pub primary_key: bool,
    /// The table and column it points to.
    pub referenced: Option<(String, String)>,
    /// Whether Django makes a constraint of the reference; `None` when it is none.
    pub db_constraint: Option<bool>,
    /// Where the field is said.
    pub place: SourceLocation,
}

/// A column with ids of a model whose rows a `GenericRelation` of that model finds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GenericReference {
    /// The model that has the `GenericRelation`, as `app_label.Model`.
    pub model: String,
    /// The field, as `app_label.Model.field`.
    pub field: String,
    /// The table with the ids.
    pub table: String,
    /// The column with the ids.
    pub column: String,
}

/// A difference between the models and the state of the migrations: what `makemigrations` would write down.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModelDifference {
    /// `app_label.Model`
    pub model: String,
    /// The field; `None` when the whole model is meant.
    pub field: Option<String>,
    /// What differs.
    pub what: Differing,
    /// What the models say.
    pub code: String,
    /// What the migrations say.
    pub state: String,
    /// Where the models say it.
    pub code_place: Option<SourceLocation>,
    /// Where the migrations say it.
    pub state_place: Option<SourceLocation>,
}

/// What differs between a model and the migrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Differing {
    /// One of them has no such model.
    Model,
    /// One of them has no such field.
    Field,
    /// The table's name.
    Table,
    /// Whether Django manages the table.
    Managed,
    /// The column's name.
    Column,
    /// The column's type.
    Type,
    /// Whether the column takes NULL.
    Null,
    /// Where the field points.
    Reference,
    /// Whether a constraint holds the reference.
    Constraint,
    /// Whether it is the primary key.
    PrimaryKey,
    /// Whether values are unique.
    Unique,
    /// Whether there is an index.
    Index,
}

impl Differing {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Field => "field",
            Self::Table => "table",
            Self::Managed => "managed",
            Self::Column => "column",
            Self::Type => "type",
            Self::Null => "null",
            Self::Reference => "reference",
            Self::Constraint => "db_constraint",
            Self::PrimaryKey => "primary-key",
            Self::Unique => "unique",
            Self::Index => "index",
        }
    }
}

/// What the models say.
#[derive(Default)]
pub(super) struct Found {
    pub columns: Vec<ModelColumn>,
    pub generic: Vec<GenericReference>,
    pub differences: Vec<ModelDifference>,
    pub gaps: Vec<Gap>,
    /// The files that the models and their fields stand in.
    pub files: FxHashSet<String>,
}

/// The label of the app that a module belongs to: the innermost package counts.
pub(super) fn label_of<'a>(apps: &'a [App]) -> impl Fn(&str) -> Option<String> + 'a {
    move |module: &str| {
        apps.iter()
            .filter(|a| module.strip_prefix(&a.module).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
            .max_by_key(|a| a.module.len())
            .map(|a| a.label.clone())
    }
}

/// Reads the models of the apps with migrations and compares them with the state of those.
pub(super) fn find(interp: &mut Interp<'_>, apps: &[App], migrations: &ProjectState, target: Target) -> Found {
    let mut found = Found::default();
    let code = Code::read(interp, apps, migrations, target, &mut found.gaps);
    for model in code.state.models() {
        let view = View { state: &code.state, model, target };
        columns(view, &mut found.columns);
        generic_references(view, migrations, &mut found.generic);
    }
    found.generic.sort();
    for model in code.classes.values().map(|class| &class.model) {
        found.files.insert(model.place.file.clone());
        found.files.extend(model.fields.values().map(|field| field.place.file.clone()));
    }
    found.columns.sort_by(|a, b| (&a.table, &a.column, &a.field).cmp(&(&b.table, &b.column, &b.field)));
    code.compare(migrations, target, &mut found);
    found.differences.sort();
    found.gaps.sort();
    found.gaps.dedup();
    found
}

/// Modules of an app in which a package looks for models that it adds fields to.
///
/// Source: `autodiscover` in `modeltranslation/models.py`.
const EXTENDING: [(&str, &str); 1] = [("translation", "modeltranslation")];

/// The models of the code.
struct Code {
    /// As a project of their own.
    state: ProjectState,
    /// What is known of each class that was read, by the model's key.
    classes: FxHashMap<String, CodeModel>,
    /// Apps whose models were read.
    apps: BTreeSet<String>,
    /// Classes that may be models: app, name in small letters, and the reason why that is unknown.
    doubtful: Vec<(String, String, String)>,
    /// Calls that may make models, by app.
    made_by_call: FxHashMap<String, String>,
}

impl Code {
    fn read(
        interp: &mut Interp<'_>,
        apps: &[App],
        migrations: &ProjectState,
        target: Target,
        gaps: &mut Vec<Gap>,
    ) -> Self {
        let label = label_of(apps);
        let mut state = ProjectState::default();
        state.auto_field = migrations.auto_field.clone();
        state.swapped = migrations.swapped.clone();
        state.unmigrated = migrations.unmigrated.clone();
        let mut code = Self {
            state,
            classes: FxHashMap::default(),
            apps: BTreeSet::new(),
            doubtful: Vec::new(),
            made_by_call: FxHashMap::default(),
        };
        let (django, own): (Vec<&App>, Vec<&App>) =
            apps.iter().partition(|app| app.module == "django" || app.module.starts_with("django."));
        // Django's own models are what its migrations say.
        for model in migrations.models().filter(|m| django.iter().any(|app| app.label == m.app)) {
            code.state.set(model.clone());
        }
        let mut read: Vec<CodeModel> = Vec::new();
        for app in own.into_iter().filter(|app| app.migrations.is_some()) {
            let module = format!("{}.models", app.module);
            code.apps.insert(app.label.clone());
            if !interp.loader().exists(&module) {
                continue;
            }
            interp.restart();
            let models = models_of(interp, &module, &label, target);
            gaps.extend(models.problems.into_iter().map(|(place, reason)| gap(&place, reason)));
            code.doubtful.extend(
                models.doubtful.into_iter().map(|(name, reason)| (app.label.clone(), name.to_lowercase(), reason)),
            );
            code.made_by_call.extend(models.made_by_call.map(|reason| (app.label.clone(), reason)));
            let seen: FxHashSet<String> = models.models.iter().map(|m| m.model.key()).collect();
            read.extend(models.models);
            // Whatever else is imported at some time is defined by the migrations alone.
            let wanted = |key: &String| migrations.get(key).is_some_and(|m| m.options.managed && !m.options.proxy);
            let missing =
                migrations.models().any(|m| m.app == app.label && wanted(&m.key()) && !seen.contains(&m.key()));
            let others = if missing { other_model_modules(interp, &app.module) } else { Vec::new() };
            for module in others {
                interp.restart();
                let models = models_of(interp, &module, &label, target).models;
                read.extend(models.into_iter().filter(|m| wanted(&m.model.key()) && !seen.contains(&m.model.key())));
            }
        }
        for app in apps {
            for (module, package) in EXTENDING {
                let module = format!("{}.{module}", app.module);
                if !interp.loader().exists(&module) {
                    continue;
                }
                interp.restart();
                for (class, place) in crate::model::registered_models(interp, &module, package) {
                    for model in read.iter_mut().filter(|model| model.class == class) {
                        let reason = || format!("{place} registers it with {package}, which adds fields");
                        model.open.get_or_insert_with(reason);
                    }
                }
            }
        }
        let known: FxHashMap<String, String> = read.iter().map(|m| (m.class.clone(), m.model.key())).collect();
        for model in &mut read {
            resolve_targets(&mut model.model, &known, &label);
            code.state.set(Rc::new(model.model.clone()));
        }
        for model in read {
            code.implicit_key(interp, apps, &model, target, gaps);
            code.classes.insert(model.model.key(), model);
        }
        code
    }

    /// Gives a model without a key the one that its app's configuration or the settings say.
    fn implicit_key(
        &mut self,
        interp: &mut Interp<'_>,
        apps: &[App],
        model: &CodeModel,
        target: Target,
        gaps: &mut Vec<Gap>,
    ) {
        let model = &model.model;
        if (View { state: &self.state, model, target }).implicit_key().is_none() {
            return;
        }
        let of_app = apps.iter().find(|app| app.label == model.app).and_then(|app| app.auto_field.clone());
        let class = of_app.unwrap_or_else(|| self.state.auto_field.to_string());
        let mut field = match key_of_class(interp, &class, target) {
            Ok(field) => field,
            Err(reason) => {
                gaps.push(gap(&model.place, format!("the key of {}.{} is unknown: {reason}", model.app, model.name)));
                return;
            }
        };
        field.place = model.place.clone();
        self.state.change(&model.key(), |model| {
            let mut fields = crate::model::Fields::default();
            fields.insert(String::from("id"), Rc::new(field));
            fields.extend(std::mem::take(&mut model.fields));
            model.fields = fields;
        });
    }

    fn compare(&self, migrations: &ProjectState, target: Target, found: &mut Found) {
        let mut seen: FxHashSet<String> = FxHashSet::default();
        for model in self.state.models() {
            let key = model.key();
            let Some(class) = self.classes.get(&key) else { continue };
            seen.insert(key.clone());
            if model.options.proxy || self.state.is_swapped(model) {
                continue;
            }
            match migrations.get(&key) {
                Some(state) if migrations.is_swapped(state) => {}
                Some(state) => Comparison {
                    code: View { state: &self.state, model, target },
                    state: View { state: migrations, model: state, target },
                    class,
                    found,
                }
                .run(),
                None if model.options.managed => found.differences.push(ModelDifference {
                    model: name(model),
                    field: None,
                    what: Differing::Model,
                    code: format!("the table {}", model.table()),
                    state: String::from("no model"),
                    code_place: Some(model.place.clone()),
                    state_place: None,
                }),
                None => {}
            }
        }
        let mut unseen: BTreeMap<(&str, String), Vec<(&ModelState, String)>> = BTreeMap::new();
        for model in migrations.models().filter(|m| self.apps.contains(&m.app) && !seen.contains(&m.key())) {
            if model.options.proxy || !model.options.managed || migrations.is_swapped(model) {
                continue;
            }
            match self.why_unseen(model) {
                Some((own, reason)) => {
                    let group = if own { reason.clone() } else { String::new() };
                    unseen.entry((&model.app, group)).or_default().push((model, reason));
                }
                None => found.differences.push(ModelDifference {
                    model: name(model),
                    field: None,
                    what: Differing::Model,
                    code: String::from("no model"),
                    state: format!("the table {}", model.table()),
                    code_place: None,
                    state_place: Some(model.place.clone()),
                }),
            }
        }
        for ((app, _), models) in unseen {
            let Some((first, reason)) = models.first() else { continue };
            let names: Vec<&str> = models.iter().map(|(model, _)| model.name.as_str()).collect();
            found.gaps.push(gap(
                &first.place,
                format!(
                    "no class was read for models that the migrations of {app} make: {}; {reason}",
                    names.join(", ")
                ),
            ));
        }
    }

    /// Why a model may exist that no class body names, and whether that is said of this one.
    fn why_unseen(&self, model: &ModelState) -> Option<(bool, String)> {
        let lower = model.lower();
        let doubt = self.doubtful.iter().find(|(app, class, _)| *app == model.app && *class == lower);
        if let Some((_, _, reason)) = doubt {
            return Some((true, reason.clone()));
        }
        let mut open: Vec<&CodeModel> =
            self.classes.values().filter(|m| m.model.app == model.app && m.open.is_some()).collect();
        // The class that most of the name is taken from.
        open.sort_by_key(|m| {
            (!lower.contains(&m.model.lower()), std::cmp::Reverse(m.model.name.len()), m.class.clone())
        });
        let reason = open.first().and_then(|m| m.open.clone()).or_else(|| self.made_by_call.get(&model.app).cloned());
        reason.map(|reason| (false, reason))
    }
}

fn name(model: &ModelState) -> String {
    format!("{}.{}", model.app, model.name)
}

fn gap(place: &SourceLocation, reason: String) -> Gap {
    Gap::at(GapKind::Model, place.file.clone(), place.line, reason)
}

/// The key that a class of `DEFAULT_AUTO_FIELD` makes.
fn key_of_class(interp: &mut Interp<'_>, class: &str, target: Target) -> Result<Field, String> {
    if crate::field::auto_field(class).is_some() {
        return Ok(crate::model::key_field(class));
    }
    let (module, name) = class.rsplit_once('.').ok_or_else(|| format!("{class} is not a class"))?;
    let found = interp.module_value(module, name).ok_or_else(|| format!("{class} was not found"))?;
    let Value::Class(read) = &found else { return Err(format!("{class} is not a class")) };
    let site = Site { module: read.module, span: read.node.map(|n| n.name.span).unwrap_or_default() };
    let args = Args { pos: Vec::new(), kw: vec![("primary_key".into(), Value::Bool(true))] };
    let made = interp.call(&found, args, site).map_err(|e| format!("{class} raises {}", e.class))?;
    Field::read(interp, &made, target)
}

/// The columns with ids of a model that its `GenericRelation`s name.
fn generic_references(view: View<'_>, migrations: &ProjectState, out: &mut Vec<GenericReference>) {
    for (name, field) in &view.model.fields {
        let Some((to, ids)) = field.relation.as_ref().and_then(|relation| relation.generic.as_ref()) else { continue };
        let key = target_key(view.model, to);
        let Some(other) = view.state.get(&key).or_else(|| migrations.get(&key)) else { continue };
        let Some((found, ids)) = other.fields.get_key_value(ids) else { continue };
        out.push(GenericReference {
            model: self::name(view.model),
            field: format!("{}.{name}", self::name(view.model)),
            table: other.table(),
            column: ids.column(found),
        });
    }
}

/// The columns of a model's table, and of those that its many-to-many fields make.
fn columns(view: View<'_>, out: &mut Vec<ModelColumn>) {
    let model = view.model;
    if model.options.proxy || !model.options.managed || view.state.is_swapped(model) {
        return;
    }
    table(view, out);
    for through in model.fields.iter().filter_map(|(name, field)| view.through(name, field)) {
        table(view.of(&through), out);
    }
}

fn table(view: View<'_>, out: &mut Vec<ModelColumn>) {
    for (name, field) in view.local_fields() {
        let Some(sql) = view.parameters(&name, &field).sql else { continue };
        let pointed = field.foreign_key().and_then(|_| view.pointed(&field));
        out.push(ModelColumn {
            table: view.model.table(),
            column: field.column(&name),
            field: format!("{}.{}.{name}", view.model.app, view.model.name),
            class: field.class.clone(),
            internal_type: field.internal_type.clone(),
            column_type: field.unknown.is_none().then(|| ColumnType::parse(&sql)),
            nullable: field.null && !field.primary_key,
            primary_key: field.primary_key,
            referenced: pointed.map(|p| (p.model.table(), p.field.column(&p.name))),
            db_constraint: field.foreign_key().map(|relation| relation.db_constraint),
            place: if field.place.file.is_empty() { view.model.place.clone() } else { field.place.clone() },
        });
    }
}

/// One model of both.
struct Comparison<'a> {
    code: View<'a>,
    state: View<'a>,
    class: &'a CodeModel,
    found: &'a mut Found,
}

impl Comparison<'_> {
    fn run(mut self) {
        let (code, state) = (self.code.model, self.state.model);
        let managed = |model: &ModelState| String::from(if model.options.managed { "managed" } else { "not managed" });
        self.differ(None, Differing::Managed, managed(code), managed(state), None, None);
        if !code.options.managed {
            return;
        }
        self.differ(None, Differing::Table, code.table(), state.table(), None, None);
        let mut names: BTreeSet<&String> = code.fields.keys().chain(state.fields.keys()).collect();
        let implicit = String::from("id");
        // What neither names is the same on both sides, or reported for the field that the other names.
        if self.code.implicit_key().is_some() != self.state.implicit_key().is_some() {
            names.insert(&implicit);
        }
        for name in names {
            match (self.code.model.fields.get(name), self.state.model.fields.get(name)) {
                (Some(code), Some(state)) => self.field(name, &code.clone(), &state.clone()),
                (Some(code), None) => self.only_in_code(name, &code.clone()),
                (None, Some(state)) => self.only_in_state(name, &state.clone()),
                (None, None) => {}
            }
        }
        self.declarations();
    }

    /// `Meta`'s keys and indexes.
    fn declarations(&mut self) {
        let (code, state) = (&self.code.model.options, &self.state.model.options);
        let together = |lists: &[Vec<String>]| -> BTreeSet<String> {
            lists.iter().map(|fields| format!("({})", fields.join(", "))).collect()
        };
        let (uniques, indexes) = (together(&code.unique_together), together(&code.index_together));
        let (held_uniques, held_indexes) = (together(&state.unique_together), together(&state.index_together));
        self.sets(Differing::Unique, "unique_together", &uniques, &held_uniques);
        self.sets(Differing::Index, "index_together", &indexes, &held_indexes);
        // The name of an index that the model leaves out is written down in the migration.
        let said = |index: &IndexDecl, named: bool| {
            let fields =
                index.fields.iter().map(|(field, descends)| format!("{}{field}", if *descends { "-" } else { "" }));
            let expressions = index.expressions.iter().map(|e| e.clone().unwrap_or_else(|| String::from("?")));
            let parts: Vec<String> = fields.chain(expressions).collect();
            format!("{}({})", if named { index.name.as_str() } else { "" }, parts.join(", "))
        };
        let nameless: BTreeSet<String> =
            code.indexes.iter().filter(|i| i.name.is_empty()).map(|i| said(i, false)).collect();
        let indexes: BTreeSet<String> = code.indexes.iter().map(|index| said(index, true)).collect();
        let held: BTreeSet<String> =
            state.indexes.iter().map(|index| said(index, !nameless.contains(&said(index, false)))).collect();
        self.sets(Differing::Index, "indexes", &indexes, &held);
        let constraints = |options: &Options| -> BTreeSet<String> {
            let said = |constraint: &Rc<ConstraintDecl>| match &**constraint {
                ConstraintDecl::Unique { name, fields, .. } => format!("{name}({})", fields.join(", ")),
                other => other.name().to_owned(),
            };
            options.constraints.iter().map(said).collect()
        };
        let (said, held) = (constraints(code), constraints(state));
        self.sets(Differing::Unique, "constraints", &said, &held);
    }

    /// What one side declares and the other does not.
    fn sets(&mut self, what: Differing, option: &str, code: &BTreeSet<String>, state: &BTreeSet<String>) {
        let only = |these: &BTreeSet<String>, those: &BTreeSet<String>| {
            let mine: Vec<&str> = these.difference(those).map(String::as_str).collect();
            if mine.is_empty() { format!("{option} without it") } else { format!("{option} {}", mine.join(", ")) }
        };
        if code != state {
            self.differ(None, what, only(code, state), only(state, code), None, None);
        }
    }

    fn only_in_code(&mut self, name: &str, field: &Field) {
        // A key that Django adds to the state's model by itself, and fields that are in no migration.
        if self.state.implicit_key().is_some() && name == "id" || field.base == "RelatedField" {
            return;
        }
        let said = describe(self.code, name, field);
        self.differ(Some(name), Differing::Field, said, String::from("no field"), Some(&field.place), None);
    }

    fn only_in_state(&mut self, name: &str, field: &Field) {
        if self.code.implicit_key().is_some() && name == "id" || field.base == "RelatedField" {
            return;
        }
        let unread = self.class.unread.contains(name).then(|| String::from("the attribute could not be read"));
        if let Some(reason) = unread.or_else(|| self.class.open.clone()) {
            let label = self::name(self.code.model);
            self.found.gaps.push(gap(
                &self.code.model.place,
                format!("{label}.{name} is in the migrations, and no such field was read: {reason}"),
            ));
            return;
        }
        let said = describe(self.state, name, field);
        self.differ(Some(name), Differing::Field, String::from("no field"), said, None, Some(&field.place));
    }

    fn field(&mut self, name: &str, code: &Field, state: &Field) {
        let (in_code, in_state) = (self.code, self.state);
        let references = code.foreign_key().is_some() && state.foreign_key().is_some();
        let points = |field: &Field| field.relation.as_ref().is_some_and(|relation| relation.to.is_some());
        let unsure = code.unknown.as_ref().or(state.unknown.as_ref());
        let label = self::name(in_code.model);
        if references && !points(code) {
            self.found.gaps.push(gap(&code.place, format!("where {label}.{name} points is unknown")));
        }
        if let Some(reason) = unsure {
            self.found.gaps.push(gap(&code.place, format!("{label}.{name} is not compared: {reason}")));
        }
        let mut differ = |what, said: String, held: String| {
            self.differ(Some(name), what, said, held, Some(&code.place), Some(&state.place));
        };
        let yes = |truth: bool, yes: &str, no: &str| String::from(if truth { yes } else { no });
        if code.many_to_many() || state.many_to_many() {
            if code.base != "RelatedField" && state.base != "RelatedField" {
                differ(Differing::Reference, describe(in_code, name, code), describe(in_state, name, state));
            }
            return;
        }
        differ(Differing::Column, code.column(name), state.column(name));
        if references {
            if points(code) && points(state) {
                differ(Differing::Reference, points_to(in_code, code), points_to(in_state, state));
            }
            let constraint = |field: &Field| yes(field.constrained().is_some(), "a constraint", "no constraint");
            differ(Differing::Constraint, constraint(code), constraint(state));
        }
        if unsure.is_some() {
            return;
        }
        // The type of a reference is that of the key, where differences are reported.
        if !references || code.own_type.is_some() || state.own_type.is_some() {
            let printed = |view: View<'_>, field: &Field| match view.parameters(name, field).sql {
                Some(sql) => ColumnType::parse(&sql).print(view.target.server),
                None => String::from("no column"),
            };
            differ(Differing::Type, printed(in_code, code), printed(in_state, state));
        }
        let key = |field: &Field| yes(field.primary_key, "the primary key", "not the primary key");
        differ(Differing::PrimaryKey, key(code), key(state));
        if code.primary_key || state.primary_key {
            return;
        }
        let null = |field: &Field| yes(field.null, "NULL", "NOT NULL");
        differ(Differing::Null, null(code), null(state));
        let unique = |field: &Field| yes(field.is_unique(), "unique", "not unique");
        differ(Differing::Unique, unique(code), unique(state));
        if !code.is_unique() && !state.is_unique() {
            let index = |field: &Field| yes(field.db_index, "an index", "no index");
            differ(Differing::Index, index(code), index(state));
        }
    }

    fn differ(
        &mut self,
        field: Option<&str>,
        what: Differing,
        code: String,
        state: String,
        code_place: Option<&SourceLocation>,
        state_place: Option<&SourceLocation>,
    ) {
        if code == state {
            return;
        }
        let place = |place: Option<&SourceLocation>, model: &ModelState| match place {
            Some(place) if !place.file.is_empty() => place.clone(),
            _ => model.place.clone(),
        };
        self.found.differences.push(ModelDifference {
            model: name(self.code.model),
            field: field.map(str::to_owned),
            what,
            code,
            state,
            code_place: Some(place(code_place, self.code.model)),
            state_place: Some(place(state_place, self.state.model)),
        });
    }
}

/// A field in words.
fn describe(view: View<'_>, name: &str, field: &Field) -> String {
    match field.relation.as_ref().map(|relation| (relation.kind, relation)) {
        Some((RelationKind::ManyToMany, relation)) => {
            let through = match &relation.through {
                Some(through) => format!("through {}", target_key(view.model, through)),
                None => view.through(name, field).map_or_else(String::new, |through| format!("in {}", through.table())),
            };
            format!("many to {} {through}", points_to(view, field))
        }
        _ => {
            let sql = view.parameters(name, field).sql;
            let printed = sql.map(|sql| ColumnType::parse(&sql).print(view.target.server));
            printed.map_or_else(|| String::from("a field without a column"), |t| format!("{} {t}", field.column(name)))
        }
    }
}

/// The model and field that a relation points to.
fn points_to(view: View<'_>, field: &Field) -> String {
    let Some(relation) = &field.relation else { return String::new() };
    let to = relation.to.as_ref().map_or_else(|| String::from("?"), |to| target_key(view.model, to));
    match (&relation.to_field, view.pointed(field)) {
        // Django writes the name of the key down when the code names another field only.
        (Some(name), Some(pointed)) if !pointed.field.primary_key => format!("{to}.{name}"),
        _ => to,
    }
}
