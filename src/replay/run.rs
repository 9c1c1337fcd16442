//! Running the migrations in their order.

use std::collections::BTreeSet;
use std::rc::Rc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::editor::Editor;
use super::routers::Routers;
use super::sql;
use crate::field::{Field, SourceLocation, Target};
use crate::literal::{Interp, Object, Site, Value};
use crate::migration::host::{self, Effect};
use crate::migration::{DjangoHost, Graph, Operation, operation, south};
use crate::model::{ModelState, ProjectState, View, key};
use crate::schema::{Database, Ddl};
use crate::source::{Gap, GapKind};

/// Which sides of an operation are applied.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    /// Whether the state of the project changes.
    pub state: bool,
    /// The database: on all aliases, or on these only.
    pub database: Option<&'a [bool]>,
}

/// What a subclass of an operation came to.
pub(super) struct Ran<'p> {
    /// Whether the state changes as its base would change it.
    pub state: bool,
    /// What was executed before its base did its part, by alias.
    pub before: Vec<Vec<Effect<'p>>>,
    /// On which aliases its base does its part.
    pub databases: Vec<bool>,
    /// What was executed after its base, by alias.
    pub after: Vec<Vec<Effect<'p>>>,
}

/// Migrations while they are applied.
pub struct Replay<'i, 'p> {
    pub(super) interp: &'i mut Interp<'p>,
    pub(super) host: Rc<DjangoHost<'p>>,
    pub(super) target: Target,
    /// The models after the migrations so far.
    pub state: ProjectState,
    /// The tables of each alias.
    pub databases: IndexMap<String, Database, FxBuildHasher>,
    deferred: Vec<Vec<Ddl>>,
    routers: Routers<'p>,
    /// What could not be modelled.
    pub gaps: Vec<Gap>,
    known_gaps: BTreeSet<Gap>,
    pub(super) place: SourceLocation,
    pub(super) app: String,
    /// Why `migrate` ended before its end.
    stopped: Option<String>,
    /// South's models, whose tables are made when all models are known.
    frozen: Vec<Rc<ModelState>>,
    /// Constraints of models without migrations, by alias, which are made when all tables are there.
    late: Vec<Vec<Ddl>>,
}

impl<'i, 'p> Replay<'i, 'p> {
    /// A replay on empty databases.
    pub fn new(
        interp: &'i mut Interp<'p>,
        host: Rc<DjangoHost<'p>>,
        aliases: &[String],
        state: ProjectState,
        routers: Routers<'p>,
    ) -> Self {
        Self {
            target: host.target(),
            interp,
            host,
            state,
            databases: aliases.iter().map(|a| (a.clone(), Database::default())).collect(),
            deferred: aliases.iter().map(|_| Vec::new()).collect(),
            routers,
            gaps: Vec::new(),
            known_gaps: BTreeSet::new(),
            place: SourceLocation::default(),
            app: String::new(),
            stopped: None,
            frozen: Vec::new(),
            late: Vec::new(),
        }
    }

    /// Makes the tables of models without migrations before any migration runs, as `migrate --run-syncdb` does; their
    /// constraints come last, because they may point to tables of migrations.
    pub fn sync_first(&mut self, models: &[Rc<ModelState>]) {
        self.make(models);
        for alias in 0..self.databases.len() {
            if let Some(deferred) = self.deferred.get_mut(alias) {
                self.late.push(std::mem::take(deferred));
            }
        }
    }

    /// Makes the tables of models without migrations, as `syncdb` did, all constraints after all tables.
    fn sync(&mut self, models: &[Rc<ModelState>]) {
        self.make(models);
        for alias in 0..self.databases.len() {
            if let (Some(late), Some(deferred)) = (self.late.get_mut(alias), self.deferred.get_mut(alias)) {
                deferred.append(late);
            }
            self.edit(alias, |editor, _| editor.finish());
        }
    }

    fn make(&mut self, models: &[Rc<ModelState>]) {
        let all = vec![true; self.databases.len()];
        for model in models {
            model.app.clone_into(&mut self.app);
            self.place = model.place.clone();
            let target = self.target;
            for alias in self.aliases_for(model, Sides { state: true, database: Some(&all) }) {
                self.edit(alias, |editor, state| editor.create_model(View { state, model, target }));
            }
        }
    }

    /// Applies the migrations of a graph, then makes the tables of models that have none.
    pub fn run(&mut self, graph: &Graph<'p>, without: &[Rc<ModelState>]) {
        for (done, node) in graph.order.iter().enumerate() {
            let Some(migration) = graph.migrations.get(node) else { continue };
            node.0.clone_into(&mut self.app);
            self.databases.values_mut().for_each(|database| database.begin_step(Some(done)));
            if let Some((frozen, site)) = &migration.frozen {
                self.south(frozen, *site);
                continue;
            }
            for value in &migration.operations {
                if self.stopped.is_some() {
                    break;
                }
                self.interp.restart();
                self.place = SourceLocation { file: migration.file.clone(), line: migration.line };
                let all = vec![true; self.databases.len()];
                self.operation(value, Sides { state: true, database: Some(&all) });
            }
            if let Some(reason) = self.stopped.take() {
                let left = graph.order.len() - done;
                self.gap(
                    GapKind::Stopped,
                    format!("migrate stops here: {reason}; this migration and the following ones ({left} in total) are not applied"),
                );
                break;
            }
            for alias in 0..self.databases.len() {
                self.edit(alias, |editor, _| editor.finish());
            }
        }
        self.databases.values_mut().for_each(|database| database.begin_step(None));
        let mut late = std::mem::take(&mut self.frozen);
        late.extend(without.iter().cloned());
        self.sync(&late);
        self.gaps.append(&mut self.routers.gaps);
    }

    /// The tables of an app of South's time, from the models frozen in its last migration.
    fn south(&mut self, frozen: &Value<'p>, site: Site<'p>) {
        self.place = SourceLocation { file: site.module.path.clone(), line: site.line() };
        self.interp.restart();
        let app = self.app.clone();
        let (models, problems) = south::models(self.interp, &app, frozen, site, self.target);
        self.gap(
            GapKind::South,
            format!("the tables of {app} are those of South's frozen models; manual changes of its migrations, and the index names of South, are unknown"),
        );
        for problem in problems {
            self.gap(GapKind::Field, problem);
        }
        let models: Vec<Rc<ModelState>> = models.into_iter().map(Rc::new).collect();
        for model in &models {
            self.state.set(model.clone());
        }
        self.frozen.extend(models);
    }

    /// A gap of the app whose migration runs: its tables may be other ones.
    pub(super) fn gap(&mut self, kind: GapKind, reason: impl Into<String>) {
        let gap = Gap::at(kind, self.place.file.clone(), self.place.line, reason).of_object(&*self.app);
        self.push_gap(gap);
    }

    /// A gap of a model's field: the rest of its table is known.
    pub(super) fn field_gap(&mut self, model: &str, field: &str, reason: impl Into<String>) {
        let gap = Gap::at(GapKind::Field, self.place.file.clone(), self.place.line, reason);
        let gap = gap.of_object(format!("{}.{model}", self.app)).of_field(field);
        self.push_gap(gap);
    }

    /// Lists a gap, once.
    pub(super) fn push_gap(&mut self, gap: Gap) {
        if self.known_gaps.insert(gap.clone()) {
            self.gaps.push(gap);
        }
    }

    /// Runs the editor of an alias; its problems become gaps.
    pub(super) fn edit(&mut self, alias: usize, f: impl FnOnce(&mut Editor<'_>, &ProjectState)) {
        let Some((name, db)) = self.databases.get_index_mut(alias) else { return };
        let name = name.clone();
        let mut editor = Editor {
            db,
            target: self.target,
            deferred: std::mem::take(&mut self.deferred[alias]),
            problems: Vec::new(),
            stopped: None,
        };
        f(&mut editor, &self.state);
        let problems = editor.problems;
        let stopped = editor.stopped;
        self.deferred[alias] = editor.deferred;
        let mut told = std::mem::take(&mut self.place);
        for problem in problems {
            let gap = Gap::at(GapKind::Replay, told.file.clone(), told.line, format!("{problem} (on {name})"));
            self.push_gap(gap.of_object(&*self.app).on_alias(&*name));
        }
        std::mem::swap(&mut self.place, &mut told);
        if let Some(reason) = stopped {
            self.stopped.get_or_insert(reason);
        }
    }

    /// The aliases on which operations on a model run.
    pub(super) fn aliases_for(&mut self, model: &ModelState, sides: Sides<'_>) -> Vec<usize> {
        let Some(database) = sides.database else { return Vec::new() };
        if model.options.proxy || !model.options.managed || self.state.is_swapped(model) {
            return Vec::new();
        }
        let names: Vec<String> = self.databases.keys().cloned().collect();
        let app = model.app.clone();
        let name = model.name.clone();
        (0..names.len())
            .filter(|&i| database.get(i) == Some(&true))
            .filter(|&i| self.routers.allow(self.interp, &names[i], &app, Some(&name), &[]))
            .collect()
    }

    /// The aliases on which `RunSQL` and `RunPython` run.
    pub(super) fn aliases_for_code(&mut self, hints: Option<Value<'p>>, sides: Sides<'_>) -> Vec<usize> {
        let Some(database) = sides.database else { return Vec::new() };
        let hints: Vec<(Rc<str>, Value<'p>)> = match hints {
            Some(Value::Dict(dict)) => {
                dict.borrow().iter().filter_map(|(k, v)| Some((k.as_str()?, v.clone()))).collect()
            }
            _ => Vec::new(),
        };
        let names: Vec<String> = self.databases.keys().cloned().collect();
        let app = self.app.clone();
        (0..names.len())
            .filter(|&i| database.get(i) == Some(&true))
            .filter(|&i| self.routers.allow(self.interp, &names[i], &app, None, &hints))
            .collect()
    }

    /// Applies one operation, Django's or one that derives from it.
    pub(super) fn operation(&mut self, value: &Value<'p>, sides: Sides<'_>) {
        let Value::Object(object) = value else {
            if !matches!(value, Value::None) {
                self.gap(GapKind::Operation, format!("an operation is unknown: {}", value.repr()));
            }
            return;
        };
        self.place = operation::place(object);
        let ran = self.custom(value, object, sides);
        let op = Operation::read(self.interp, object, self.target);
        match ran {
            None => self.native(&op, object, sides),
            Some(Ran { state, before, databases, after }) => {
                for (alias, effects) in before.into_iter().enumerate() {
                    self.effects(alias, effects);
                }
                let any = databases.iter().any(|d| *d);
                let inner = Sides { state, database: any.then_some(&databases[..]) };
                if state || any {
                    self.native(&op, object, inner);
                }
                for (alias, effects) in after.into_iter().enumerate() {
                    self.effects(alias, effects);
                }
            }
        }
    }

    fn nested(&mut self, values: &[Value<'p>], sides: Sides<'_>) {
        for value in values {
            let place = self.place.clone();
            self.operation(value, sides);
            self.place = place;
        }
    }

    pub(super) fn missing_model(&mut self, name: &str) {
        let app = self.app.clone();
        self.gap(
            GapKind::Operation,
            format!("the model {app}.{name} does not exist at this point; the operation is left out"),
        );
    }

    fn native(&mut self, op: &Operation<'p>, object: &Rc<Object<'p>>, sides: Sides<'_>) {
        match op {
            Operation::Nothing => {}
            Operation::Unknown(reason) => self.gap(GapKind::Operation, reason.clone()),
            Operation::CreateModel { .. } | Operation::DeleteModel(_) => self.model_operation(op, sides),
            Operation::RenameModel(old, new) => self.rename_model(old, new, sides),
            Operation::AlterModelTable(..)
            | Operation::AlterModelTableComment(..)
            | Operation::AlterTogether(..)
            | Operation::AlterOrderWithRespectTo(..)
            | Operation::AlterModelOptions(..) => self.option_operation(op, sides),
            Operation::AddField(model, name, field, preserve) => self.add_field(model, name, field, *preserve, sides),
            Operation::RemoveField(model, name) => self.remove_field(model, name, sides),
            Operation::AlterField(model, name, field, preserve) => {
                self.alter_field(model, name, field, *preserve, sides);
            }
            Operation::RenameField(model, old, new) => self.rename_field(model, old, new, sides),
            Operation::AddIndex(..)
            | Operation::RemoveIndex(..)
            | Operation::RenameIndex(..)
            | Operation::AddConstraint(..)
            | Operation::RemoveConstraint(..) => self.declared_operation(op, sides),
            Operation::Separate(..) | Operation::RunSql(..) | Operation::RunPython(_) => {
                self.code_operation(op, object, sides);
            }
        }
    }

    /// Operations that create or delete a model.
    fn model_operation(&mut self, op: &Operation<'p>, sides: Sides<'_>) {
        let app = self.app.clone();
        match op {
            Operation::CreateModel { name, fields, problems, options, bases } => {
                for (field, reason) in problems {
                    self.field_gap(name, field, format!("the field {name}.{field} is left out: {reason}"));
                }
                for (field_name, field) in fields {
                    self.record_field_gap(name, field_name, field);
                }
                let model = Rc::new(ModelState {
                    app,
                    name: name.clone(),
                    fields: fields.clone(),
                    options: (**options).clone(),
                    bases: bases.clone(),
                    place: self.place.clone(),
                });
                let before = self.state.get(&model.key()).cloned();
                self.state.set(model.clone());
                for alias in self.aliases_for(&model, sides) {
                    let target = self.target;
                    self.edit(alias, |editor, state| {
                        editor.create_model(View { state, model: &model, target });
                    });
                }
                if !sides.state {
                    match before {
                        Some(before) => self.state.set(before),
                        None => _ = self.state.remove(&model.key()),
                    }
                }
            }
            Operation::DeleteModel(name) => {
                let Some(model) = self.state.get(&key(&app, name)).cloned() else { return self.missing_model(name) };
                for alias in self.aliases_for(&model, sides) {
                    let target = self.target;
                    self.edit(alias, |editor, state| {
                        editor.delete_model(View { state, model: &model, target });
                    });
                }
                if sides.state {
                    self.state.remove(&model.key());
                }
            }
            _ => {}
        }
    }

    /// Operations that hold other operations, SQL or a function.
    fn code_operation(&mut self, op: &Operation<'p>, object: &Rc<Object<'p>>, sides: Sides<'_>) {
        match op {
            Operation::Separate(database, for_state) => {
                if sides.database.is_some() && !database.is_empty() {
                    let saved = self.state.clone();
                    self.nested(database, Sides { state: true, database: sides.database });
                    self.state = saved;
                }
                if sides.state {
                    self.nested(for_state, Sides { state: true, database: None });
                }
            }
            Operation::RunSql(text, for_state) => {
                for alias in self.aliases_for_code(object.kwarg("hints"), sides) {
                    self.run_sql(alias, text);
                }
                if sides.state {
                    self.nested(for_state, Sides { state: true, database: None });
                }
            }
            Operation::RunPython(code) => {
                for alias in self.aliases_for_code(object.kwarg("hints"), sides) {
                    self.run_python(alias, code, object);
                }
            }
            _ => {}
        }
    }

    /// A field whose type is unknown is reported.
    pub(super) fn record_field_gap(&mut self, model: &str, name: &str, field: &Field) {
        if let Some(reason) = &field.unknown {
            let what = if field.many_to_many() { "table" } else { "column type" };
            let reason = format!("the {what} of {model}.{name} ({}) is uncertain: {reason}", field.class);
            self.field_gap(model, name, reason);
        }
        if let Some((text, None)) = &field.db_default {
            self.field_gap(model, name, format!("the default of {model}.{name} in the database is unknown: {text}"));
        }
        let points = field.base != "RelatedField" && field.relation.as_ref().is_some_and(|r| r.to.is_none());
        if points {
            self.field_gap(model, name, format!("where {model}.{name} points is unknown"));
        }
    }

    fn run_sql(&mut self, alias: usize, value: &Value<'p>) {
        let mut texts: Vec<(Value<'p>, Option<Value<'p>>)> = Vec::new();
        match value {
            Value::List(_) | Value::Tuple(_) | Value::Set(_) => {
                for item in value.items().unwrap_or_default() {
                    match &item {
                        Value::Tuple(_) | Value::List(_) => {
                            let mut pair = item.items().unwrap_or_default().into_iter();
                            texts.extend(pair.next().map(|text| (text, pair.next())));
                        }
                        _ => texts.push((item, None)),
                    }
                }
            }
            other => texts.push((other.clone(), None)),
        }
        for (text, parameters) in texts {
            match text.as_str() {
                Some(text) => match host::with_parameters(&text, parameters.as_ref()) {
                    Some(text) => self.sql(alias, &text),
                    None => self.gap(GapKind::Sql, format!("the parameters of an operation are unknown: {text}")),
                },
                None if matches!(&text, Value::External(name) if name.ends_with("RunSQL.noop")) => {}
                None => self.gap(GapKind::Sql, format!("the SQL of an operation is unknown: {}", text.repr())),
            }
        }
    }

    pub(super) fn sql(&mut self, alias: usize, text: &str) {
        let server = self.target.server;
        let Some((name, db)) = self.databases.get_index_mut(alias) else { return };
        let name = name.clone();
        for problem in sql::run(db, server, text) {
            let reason = format!("{problem} (on {name})");
            let gap = Gap::at(GapKind::Sql, self.place.file.clone(), self.place.line, reason);
            self.push_gap(gap.of_object(&*self.app).on_alias(&*name));
        }
    }
}
