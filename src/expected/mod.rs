//! The schema a project's code expects: settings, apps, migrations, and what they come to on each alias.

mod aliases;
mod differences;
mod models;
pub mod output;
mod settings;
mod version;

use std::rc::Rc;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::config::Settings;
use crate::discover::{Discovery, Options};
use crate::django::Version;
use crate::field::Target;
use crate::literal::{Interp, Loader as _, Value};
use crate::migration::{App, DjangoHost, Graph, Node, ProjectLoader, apps};
use crate::model::{ModelState, ProjectState};
use crate::parse::Want;
use crate::project::{Project, ProjectError};
use crate::replay::{Replay, Routers};
use crate::schema::{Database, Part, Server};
use crate::source::{FileId, Gap, GapKind};

pub use differences::{Difference, IntegerRange, SoftReference, StateModel};
pub use models::{Differing, ModelColumn, ModelDifference};

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
    /// The names of the aliases' databases, where the configuration or the settings tell them; mirrors have one as well.
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

/// The stack of the thread that evaluates; the evaluator's depth is bounded to fit.
const STACK: usize = 1 << 30;

/// Derives the expected schema.
///
/// # Errors
///
/// When a root cannot be scanned, the threads cannot be started, or the server or Django's version is not understood.
pub fn expect(settings: &Settings) -> Result<Expected, ProjectError> {
    derive(settings, false)
}

/// The same, and what the models say now beside it: the models of all apps are read for it.
///
/// # Errors
///
/// As [`expect`].
pub fn expect_with_models(settings: &Settings) -> Result<Expected, ProjectError> {
    derive(settings, true)
}

fn derive(settings: &Settings, with_models: bool) -> Result<Expected, ProjectError> {
    let pool = crate::project::workers(settings.threads)?;
    let discovery = pool.install(|| {
        Discovery::run(&Options {
            projects: settings.roots.clone(),
            site_packages: settings.site_packages.clone(),
            virtual_env: settings.virtual_env.clone(),
            exclude: settings.exclude.clone(),
            // Names are followed from the settings on; nothing is searched for.
            names_only: true,
            tracked: false,
        })
    })?;
    let project = pool.install(|| Project::new(discovery, Want { contexts: false }));
    let server = match &settings.server {
        Some(text) => text.parse::<Server>().map_err(ProjectError::Option)?,
        None => Server::default(),
    };
    let mut gaps = Vec::new();
    let django = match &settings.django {
        Some(text) => text.parse::<Version>().map_err(ProjectError::Option)?,
        None => version::find(&project).unwrap_or_else(|| {
            gaps.push(Gap::general(
                GapKind::DjangoVersion,
                format!("Django's version was not found; {} is assumed, --django says it", Version::NEWEST),
            ));
            Version::NEWEST
        }),
    };
    if !(Version(1, 7)..=Version::NEWEST).contains(&django) {
        gaps.push(Gap::general(
            GapKind::DjangoVersion,
            format!("the rules of Django {django} are not known; the nearest are taken"),
        ));
    }
    let target = Target { django, server };
    let result = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, || evaluate(settings, with_models, &project, target, gaps, &pool))
            .map(|handle| handle.join())
    });
    match result {
        Ok(Ok(expected)) => Ok(expected),
        Ok(Err(_)) => Err(ProjectError::Option(String::from("the evaluation of the migrations stopped"))),
        Err(error) => Err(ProjectError::Option(format!("cannot start a thread: {error}"))),
    }
}

fn evaluate(
    settings: &Settings,
    with_models: bool,
    project: &Project,
    target: Target,
    mut gaps: Vec<Gap>,
    pool: &rayon::ThreadPool,
) -> Expected {
    let loader = ProjectLoader::new(project, target.django);
    let mut host = DjangoHost::new(target);
    host.plugins = version::plugins(project);
    let host = Rc::new(host);
    let mut interp = Interp::new(&loader, host.clone());

    let chosen = settings::read(settings, project, &mut interp, &host, &mut gaps);
    let settings_gaps = interp.gaps.len();
    interp.watch = |module| module.split('.').any(|part| part == "migrations");
    interp.restart();
    let (apps, app_gaps) = apps::installed(&mut interp, &host, &chosen.installed);
    gaps.extend(app_gaps);
    *host.installed.borrow_mut() = apps.iter().map(|a| (a.label.clone(), a.module.clone())).collect();
    // Parsing is most of the time: all migrations are parsed side by side before they are evaluated one by one.
    let files: Vec<FileId> = apps
        .iter()
        .filter_map(|app| app.migrations.as_ref())
        .flat_map(|package| {
            interp
                .loader()
                .submodules(package)
                .into_iter()
                .map(move |name| format!("{package}.{name}"))
                .collect::<Vec<_>>()
        })
        .filter_map(|dotted| loader.file(&dotted))
        .collect();
    pool.install(|| project.parse_all(&files));

    let (graph, graph_gaps) = Graph::load(&mut interp, &apps);
    gaps.extend(graph_gaps);
    let text = |name: &str, default: &str| {
        host.setting(name).and_then(|v| v.as_str()).map_or_else(|| default.to_owned(), |s| s.to_string())
    };
    let mut swapped = FxHashMap::default();
    for (name, value) in host.settings.borrow().iter() {
        if let (true, Some(model)) = (name.ends_with("_MODEL"), value.as_str()) {
            swapped.insert(name.to_string(), model.to_string());
        }
    }
    let mut state = ProjectState::default();
    state.auto_field = text("DEFAULT_AUTO_FIELD", "django.db.models.AutoField").into();
    state.swapped = Rc::new(swapped);
    if target.django < Version(3, 2) {
        state.auto_field = "django.db.models.AutoField".into();
    }
    let unmigrated = models_without_migrations(&mut interp, &apps, target, &mut gaps);
    let sync = target.django < Version(1, 9);
    state.unmigrated = Rc::new(unmigrated.iter().map(|m| (m.key(), m.clone())).collect());
    let routers = host.setting("DATABASE_ROUTERS").unwrap_or(Value::None);
    let routers = Routers::new(&mut interp, &routers, settings.routes.clone());
    let mut replay = Replay::new(&mut interp, host.clone(), &chosen.aliases.own, state, routers);
    replay.run(&graph, if sync { &unmigrated } else { &[] });
    let (state, mut databases, replay_gaps) = (replay.state, replay.databases, replay.gaps);
    databases.values_mut().for_each(|database| database.name_collations(target.server));
    gaps.extend(replay_gaps);
    // What could not be decided in a module that no setting and no migration takes anything from changes no table.
    gaps.extend(interp.gaps.iter().take(settings_gaps).filter(|g| chosen.is_project(g)).cloned());
    gaps.extend(
        interp
            .gaps
            .iter()
            .skip(settings_gaps)
            .filter(|g| g.file.as_ref().is_some_and(|f| f.contains("migrations/") || interp.used.contains(f)))
            .cloned(),
    );
    gaps.extend(project.gaps().into_iter().filter(|g| matches!(g.kind, GapKind::SyntaxError | GapKind::Unreadable)));
    gaps.sort();
    gaps.dedup();
    let known = graph.migrations.values().map(|migration| KnownMigration {
        node: migration.node.clone(),
        dependencies: migration.dependencies.clone(),
        replaces: migration.replaces.clone(),
        south: migration.frozen.is_some(),
        file: migration.file.clone(),
        line: migration.line,
    });
    let migrations = known.collect();
    let found = differences::find(&state, &databases, target, &chosen.aliases.own);
    let code = if with_models {
        let files = model_files(&loader, &apps);
        pool.install(|| project.parse_all(&files));
        models::find(&mut interp, &apps, &state, target)
    } else {
        models::Found::default()
    };
    // What could not be decided where models stand may be a field that was left out.
    gaps.extend(interp.gaps.iter().filter(|g| g.file.as_ref().is_some_and(|file| code.files.contains(file))).cloned());
    gaps.extend(code.gaps);
    gaps.sort();
    gaps.dedup();
    Expected {
        django: target.django,
        server: target.server,
        apps,
        databases,
        alias_names: chosen.aliases.names,
        mirrors: chosen.aliases.mirrors,
        soft_references: found.soft,
        differences: found.differences,
        integer_ranges: found.ranges,
        owners: found.owners,
        models: found.models,
        migrations,
        model_columns: code.columns,
        model_differences: code.differences,
        gaps,
        order: graph.order,
    }
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
            gaps.push(Gap::general(
                GapKind::App,
                format!(
                    "the app {} has models and no migrations; Django makes their tables only with --run-syncdb",
                    app.label
                ),
            ));
        }
        for mut found in read.models {
            crate::model::resolve_targets(&mut found.model, &FxHashMap::default(), &label);
            out.push(Rc::new(found.model));
        }
    }
    out
}
