//! The schema a project's code expects: settings, apps, migrations, and what they come to on each alias.

mod differences;
mod models;
pub mod output;

use std::rc::Rc;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::django::Version;
use crate::field::Target;
use crate::literal::{Interp, Loader as _, Value};
use crate::migration::{App, Graph, Node, ProjectLoader};
use crate::model::{ModelState, ProjectState};
use crate::registry::{Evaluator, Registry, RegistryError};
use crate::replay::{Replay, Routers};
use crate::schema::{Database, Part, Server};
use crate::source::{FileId, Gap, GapKind};

pub use differences::{Difference, IntegerRange, SoftReference, StateModel};
pub use models::{Differing, GenericReference, ModelColumn, ModelDifference};

/// The field of a gap about an app that has models and no migrations.
const MIGRATIONS: &str = "migrations";

/// What the code expects of the databases.
#[derive(Debug)]
pub struct Expected {
    /// Django's version.
    pub django: Version,
    /// The server.
    pub server: Server,
    /// The installed apps.
    pub apps: Vec<App>,
    /// The tables of each alias.
    pub databases: IndexMap<String, Database, FxBuildHasher>,
    /// The names of the aliases' databases, where the configuration or the settings define them; mirrors have one as well.
    pub alias_names: IndexMap<String, String, FxBuildHasher>,
    /// Aliases that are another one's database, such as its read replica, with that one.
    pub mirrors: IndexMap<String, String, FxBuildHasher>,
    /// Columns that store ids of another table without a constraint.
    pub soft_references: Vec<SoftReference>,
    /// Where the tables are not what the state of the migrations says.
    pub differences: Vec<Difference>,
    /// Fields whose Python side takes a narrower integer than their column.
    pub integer_ranges: Vec<IntegerRange>,
    /// The app that each table belongs to, by the state of the migrations.
    pub owners: FxHashMap<String, String>,
    /// The models with a table, by their label in small letters.
    pub models: FxHashMap<String, StateModel>,
    /// The migrations there are, sorted; of South's, the last of each app.
    pub migrations: Vec<KnownMigration>,
    /// The columns as the models say them now; empty unless [`expect_with_models`] was asked.
    pub model_columns: Vec<ModelColumn>,
    /// Columns that `GenericRelation`s of the models name; empty unless [`expect_with_models`] was asked.
    pub generic_references: Vec<GenericReference>,
    /// Where the models are not what the migrations say; empty unless [`expect_with_models`] was asked.
    pub model_differences: Vec<ModelDifference>,
    /// What could not be modelled.
    pub gaps: Vec<Gap>,
    /// The migrations in the order in which they were applied.
    order: Vec<Node>,
}

impl Expected {
    /// The migration that made a part of a table, or changed a column last; the name of the table itself is empty.
    /// `None` where no single migration did.
    #[must_use]
    pub fn made_by(&self, alias: &str, table: &str, part: Part, name: &str) -> Option<&KnownMigration> {
        let step = self.databases.get(alias)?.made_in(table, part, name)?;
        let node = self.order.get(step)?;
        self.migrations.binary_search_by(|known| known.node.cmp(node)).ok().and_then(|at| self.migrations.get(at))
    }
}

/// A migration that the code has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownMigration {
    /// Its app and name.
    pub node: Node,
    /// What it depends on.
    pub dependencies: Vec<Node>,
    /// What it replaces.
    pub replaces: Vec<Node>,
    /// Whether it is one of South's.
    pub south: bool,
    /// Its file.
    pub file: String,
    /// The line of its class.
    pub line: u32,
}

/// Derives the expected schema for a server; for the configured one when none is given.
///
/// # Errors
///
/// When the configured server or version of Django is not understood, or the evaluation stopped.
pub fn expect(evaluator: &Evaluator, server: Option<Server>) -> Result<Expected, RegistryError> {
    evaluator.ask(move |registry| derive(registry, server, &Parts::default()))?
}

/// As [`expect`] or [`expect_with_models`], of a database that is compared: the tables of apps without migrations may be
/// there, made by `migrate --run-syncdb`. A gap says of each such app that they need not.
///
/// # Errors
///
/// As [`expect`].
pub fn expect_of_database(
    evaluator: &Evaluator,
    server: Option<Server>,
    with_models: bool,
) -> Result<Expected, RegistryError> {
    evaluator.ask(move |registry| derive(registry, server, &Parts { models: with_models, unmigrated: true }))?
}

/// What is derived beside the tables of the migrations.
#[derive(Clone, Copy, Debug, Default)]
struct Parts {
    /// The models, and where they differ.
    models: bool,
    /// The tables of apps without migrations.
    unmigrated: bool,
}

/// As [`expect`], and what the models say now beside it: the models of all apps are read for it.
///
/// # Errors
///
/// As [`expect`].
pub fn expect_with_models(evaluator: &Evaluator, server: Option<Server>) -> Result<Expected, RegistryError> {
    evaluator.ask(move |registry| derive(registry, server, &Parts { models: true, unmigrated: false }))?
}

fn derive(registry: &mut Registry<'_>, server: Option<Server>, parts: &Parts) -> Result<Expected, RegistryError> {
    let (configured, mut gaps) = crate::registry::target(registry.settings, registry.project)?;
    let target = Target { server: server.unwrap_or(configured.server), ..configured };
    registry.use_server(target.server);
    let installation = registry.installation();
    gaps.extend(installation.gaps.iter().cloned());
    let (graph, graph_gaps) = registry.graph();
    gaps.extend(graph_gaps);
    let unmigrated = models_without_migrations(&mut registry.interp, &installation.apps, target, &mut gaps);
    let state = first_state(registry, target, &unmigrated);
    let routers = registry.host.setting("DATABASE_ROUTERS").unwrap_or(Value::None);
    let routers = Routers::new(&mut registry.interp, &routers, registry.settings.routes.clone());
    let host = Rc::clone(&registry.host);
    let mut replay = Replay::new(&mut registry.interp, host, &installation.aliases, state, routers);
    let synced = parts.unmigrated && target.django >= Version(1, 9);
    if synced {
        replay.sync_first(&unmigrated);
    }
    // Django made the tables of apps without migrations until 1.8 (`syncdb`).
    replay.run(&graph, if target.django < Version(1, 9) { &unmigrated } else { &[] });
    let (state, mut databases, replay_gaps) = (replay.state, replay.databases, replay.gaps);
    databases.values_mut().for_each(|database| database.name_collations(target.server));
    gaps.extend(replay_gaps);
    // What could not be decided in a module that no migration takes anything from changes no table.
    let interp = &registry.interp;
    let concerns_migrations = |file: &String| file.contains("migrations/") || interp.used.contains(file);
    gaps.extend(interp.gaps.iter().filter(|gap| gap.file.as_ref().is_some_and(concerns_migrations)).cloned());
    gaps.extend(
        registry.project.gaps().into_iter().filter(|g| matches!(g.kind, GapKind::SyntaxError | GapKind::Unreadable)),
    );
    let also = if synced { unmigrated.as_slice() } else { &[] };
    let found = differences::find(&state, also, &databases, target, &installation.aliases);
    let code = if parts.models {
        registry.parse(&model_files(registry.loader, &installation.apps));
        models::find(&mut registry.interp, &installation.apps, &state, target)
    } else {
        models::Found::default()
    };
    // What could not be decided where models stand may be a field that was left out.
    let concerns_models = |file: &String| code.files.contains(file);
    gaps.extend(registry.interp.gaps.iter().filter(|gap| gap.file.as_ref().is_some_and(concerns_models)).cloned());
    gaps.extend(code.gaps);
    gaps.sort();
    gaps.dedup();
    Ok(Expected {
        django: target.django,
        server: target.server,
        apps: installation.apps.clone(),
        databases,
        alias_names: installation.alias_names.clone(),
        mirrors: installation.mirrors.clone(),
        soft_references: found.soft,
        differences: found.differences,
        integer_ranges: found.ranges,
        owners: found.owners,
        models: found.models,
        migrations: known_migrations(&graph),
        model_columns: code.columns,
        generic_references: code.generic,
        model_differences: code.differences,
        gaps,
        order: graph.order.clone(),
    })
}

/// The state before the first migration: no models but those of apps without migrations.
fn first_state(registry: &Registry<'_>, target: Target, unmigrated: &[Rc<ModelState>]) -> ProjectState {
    let host = &registry.host;
    let auto_field = host.setting("DEFAULT_AUTO_FIELD").and_then(|value| value.as_str());
    let mut swapped = FxHashMap::default();
    for (name, value) in host.settings.borrow().iter() {
        if let (true, Some(model)) = (name.ends_with("_MODEL"), value.as_str()) {
            swapped.insert(name.to_string(), model.to_string());
        }
    }
    let mut state = ProjectState::default();
    state.auto_field = match auto_field {
        Some(class) if target.django >= Version(3, 2) => class,
        _ => "django.db.models.AutoField".into(),
    };
    state.swapped = Rc::new(swapped);
    state.unmigrated = Rc::new(unmigrated.iter().map(|m| (m.key(), m.clone())).collect());
    state
}

fn known_migrations(graph: &Graph<'_>) -> Vec<KnownMigration> {
    let known = graph.migrations.values().map(|migration| KnownMigration {
        node: migration.node.clone(),
        dependencies: migration.dependencies.clone(),
        replaces: migration.replaces.clone(),
        south: migration.frozen.is_some(),
        file: migration.file.clone(),
        line: migration.line,
    });
    known.collect()
}

/// The files that models stand in, by Django's habits; others are read when names lead to them.
fn model_files<'p>(loader: &'p ProjectLoader<'p>, apps: &[App]) -> Vec<FileId> {
    let modules = apps.iter().filter(|app| app.migrations.is_some()).flat_map(|app| {
        let module = format!("{}.models", app.module);
        let inner = loader.submodules(&module).into_iter().map(|name| format!("{module}.{name}"));
        inner.chain([module.clone()]).collect::<Vec<_>>()
    });
    modules.filter_map(|module| loader.file(&module)).collect()
}

/// The models of apps without migrations. Others point to them; Django made their tables only until 1.8.
fn models_without_migrations<'p>(
    interp: &mut Interp<'p>,
    apps: &[App],
    target: Target,
    gaps: &mut Vec<Gap>,
) -> Vec<Rc<ModelState>> {
    let label = models::label_of(apps);
    let mut out = Vec::new();
    for app in apps.iter().filter(|a| a.migrations.is_none() && !a.module.starts_with("django.")) {
        let module = format!("{}.models", app.module);
        if !interp.loader().exists(&module) {
            continue;
        }
        interp.restart();
        let read = crate::model::models_of(interp, &module, &label, target);
        gaps.extend(
            read.problems.into_iter().map(|(place, reason)| Gap::at(GapKind::Field, place.file, place.line, reason)),
        );
        if !read.models.is_empty() && target.django >= Version(1, 9) {
            gaps.push(
                Gap::general(
                    GapKind::App,
                    format!(
                        "the app {} has models and no migrations; Django makes their tables only with --run-syncdb",
                        app.label
                    ),
                )
                .of_object(&*app.label)
                .of_field(MIGRATIONS),
            );
        }
        for mut found in read.models {
            crate::model::resolve_targets(&mut found.model, &FxHashMap::default(), &label);
            out.push(Rc::new(found.model));
        }
    }
    out
}
