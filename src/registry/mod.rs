//! The settings, the installed apps and the models of a project, evaluated once.
//!
//! A running project holds them in `django.apps.registry`. Here a thread of its own evaluates them, because the values
//! of the evaluator belong to one thread: the catalog, the expected schema and the cross-check ask that thread.

mod aliases;
mod facts;
mod history;
mod models;
mod settings;
mod version;

use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashSet};

use crate::config::Settings;
use crate::django::Version;
use crate::field::Target;
use crate::literal::{Interp, Loader as _};
use crate::migration::{App, DjangoHost, Graph, ProjectLoader, apps};
use crate::project::Project;
use crate::schema::Server;
use crate::source::{FileId, Gap, GapKind};

pub use facts::{FieldFacts, ModelFacts, RelatedModel, RelationFacts};

/// Text by alias, in the order of the settings.
pub type ByAlias = IndexMap<String, String, FxBuildHasher>;

/// Why a project cannot be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The configured server or version of Django is not understood.
    #[error("{0}")]
    Option(String),
    /// The system does not start the thread.
    #[error("cannot start the thread that evaluates the project: {0}")]
    Thread(#[from] std::io::Error),
    /// The thread ended early.
    #[error("the evaluation of the project stopped; run again with RUST_BACKTRACE=1 and report the message")]
    Stopped,
}

/// The stack of the thread that evaluates, in bytes; the depth of the evaluator is bounded to fit.
const STACK: usize = 1 << 30;

type Question = Box<dyn for<'r, 'p> FnOnce(&'r mut Registry<'p>) + Send>;

/// The thread that holds a project's [`Registry`]. It ends when this is dropped.
#[derive(Debug)]
pub struct Evaluator {
    questions: Option<Sender<Question>>,
    thread: Option<JoinHandle<()>>,
}

impl Evaluator {
    /// Starts the thread. Nothing is evaluated before the first question.
    ///
    /// # Errors
    ///
    /// When the system does not start the thread.
    pub fn start(
        project: Arc<Project>,
        settings: &Settings,
        pool: Arc<rayon::ThreadPool>,
    ) -> Result<Self, RegistryError> {
        let (questions, asked) = channel();
        let settings = settings.clone();
        let name = String::from("evaluator");
        let serve = move || serve(&project, &settings, &pool, &asked);
        let thread = std::thread::Builder::new().name(name).stack_size(STACK).spawn(serve)?;
        Ok(Self { questions: Some(questions), thread: Some(thread) })
    }

    /// The answer of the registry.
    ///
    /// # Errors
    ///
    /// When the thread has ended because of a panic.
    pub fn ask<T: Send + 'static>(
        &self,
        question: impl for<'p> FnOnce(&mut Registry<'p>) -> T + Send + 'static,
    ) -> Result<T, RegistryError> {
        let (answer, answered) = channel();
        let question: Question = Box::new(move |registry: &mut Registry<'_>| {
            // Nobody waits for the answer when the one who asked has gone.
            let _ = answer.send(question(registry));
        });
        let questions = self.questions.as_ref().ok_or(RegistryError::Stopped)?;
        questions.send(question).map_err(|_| RegistryError::Stopped)?;
        answered.recv().map_err(|_| RegistryError::Stopped)
    }
}

impl Drop for Evaluator {
    fn drop(&mut self) {
        self.questions = None;
        if let Some(thread) = self.thread.take() {
            // A panic was printed when it happened.
            let _ = thread.join();
        }
    }
}

fn serve(project: &Project, settings: &Settings, pool: &rayon::ThreadPool, questions: &Receiver<Question>) {
    let Ok(first) = questions.recv() else { return };
    let target = target(settings, project).map_or_else(|_| Target::default(), |(target, _)| target);
    let loader = ProjectLoader::new(project, target.django);
    let mut registry = Registry::new(project, settings, pool, &loader, target);
    first(&mut registry);
    for question in questions {
        question(&mut registry);
    }
}

/// The version of Django and the server that a project is evaluated for, and what is only assumed of them.
///
/// # Errors
///
/// When the configuration names a server or a version that is not understood.
pub fn target(settings: &Settings, project: &Project) -> Result<(Target, Vec<Gap>), RegistryError> {
    let server = match &settings.server {
        Some(text) => text.parse::<Server>().map_err(RegistryError::Option)?,
        None => Server::default(),
    };
    let mut gaps = Vec::new();
    let django = match &settings.django {
        Some(text) => text.parse::<Version>().map_err(RegistryError::Option)?,
        None => {
            let (found, uncertain) = version::find(project);
            gaps.extend(uncertain);
            found.unwrap_or_else(|| {
                gaps.push(Gap::general(
                    GapKind::DjangoVersion,
                    format!("Django's version was not found; assuming {}; set it with --django", Version::NEWEST),
                ));
                Version::NEWEST
            })
        }
    };
    if !(Version(1, 7)..=Version::NEWEST).contains(&django) {
        gaps.push(Gap::general(
            GapKind::DjangoVersion,
            format!("Django {django} is not supported; using the rules of the nearest version"),
        ));
    }
    Ok((Target { django, server }, gaps))
}

/// The installed apps and the databases, by the settings.
pub struct Installation {
    /// The installed apps, in the order of `INSTALLED_APPS`.
    pub apps: Vec<App>,
    /// The aliases with a schema of their own.
    pub aliases: Vec<String>,
    /// The names of the aliases' databases, where the configuration or the settings say them.
    pub alias_names: ByAlias,
    /// Aliases that are another one's database, such as its read replica, with that one.
    pub mirrors: ByAlias,
    /// Settings and apps that could not be read.
    pub gaps: Vec<Gap>,
}

/// What a project's code says of its settings, apps, models and migrations. Each part is evaluated when first asked for.
pub struct Registry<'p> {
    /// The project.
    pub project: &'p Project,
    /// The configuration.
    pub settings: &'p Settings,
    /// The threads for parsing.
    pub pool: &'p rayon::ThreadPool,
    /// The modules of the project.
    pub loader: &'p ProjectLoader<'p>,
    /// The evaluator.
    pub interp: Interp<'p>,
    /// The surroundings of evaluated code.
    pub host: Rc<DjangoHost<'p>>,
    installation: Option<Rc<Installation>>,
    graph: Option<(Rc<Graph<'p>>, Vec<Gap>)>,
    settings_read: Option<settings::Chosen>,
}

impl<'p> Registry<'p> {
    fn new(
        project: &'p Project,
        settings: &'p Settings,
        pool: &'p rayon::ThreadPool,
        loader: &'p ProjectLoader<'p>,
        target: Target,
    ) -> Self {
        let mut host = DjangoHost::new(target);
        host.plugins = version::plugins(project);
        let host = Rc::new(host);
        let interp = Interp::new(loader, host.clone());
        Self { project, settings, pool, loader, interp, host, installation: None, graph: None, settings_read: None }
    }

    /// Evaluates for this server from now on. What was evaluated stays, unless code asked for the server meanwhile.
    pub fn use_server(&mut self, server: Server) {
        let target = Target { server, ..self.host.target() };
        if server != self.host.target().server && self.host.server_mattered() {
            *self = Self::new(self.project, self.settings, self.pool, self.loader, target);
        } else {
            self.host.start_over(target);
        }
    }

    /// Evaluates the settings, once.
    pub fn read_settings(&mut self) {
        if self.settings_read.is_none() {
            let chosen = settings::read(self.settings, self.project, &mut self.interp, &self.host);
            self.interp.watch = |module| module.split('.').any(|part| part == "migrations");
            self.interp.restart();
            self.settings_read = Some(chosen);
        }
    }

    /// The installed apps and the databases, evaluated once.
    pub fn installation(&mut self) -> Rc<Installation> {
        if let Some(installation) = &self.installation {
            return Rc::clone(installation);
        }
        self.read_settings();
        let chosen = self.settings_read.take().unwrap_or_default();
        let (apps, app_gaps) = apps::installed(&mut self.interp, &self.host, &chosen.installed);
        *self.host.installed.borrow_mut() = apps.iter().map(|a| (a.label.clone(), a.module.clone())).collect();
        let mut gaps = chosen.gaps.clone();
        gaps.extend(app_gaps);
        let installation = Rc::new(Installation {
            apps,
            aliases: chosen.aliases.own.clone(),
            alias_names: chosen.aliases.names.clone(),
            mirrors: chosen.aliases.mirrors.clone(),
            gaps,
        });
        self.settings_read = Some(chosen);
        self.installation = Some(Rc::clone(&installation));
        installation
    }

    /// The graph of the migrations of all installed apps and what is wrong with it, evaluated once.
    pub fn graph(&mut self) -> (Rc<Graph<'p>>, Vec<Gap>) {
        if let Some((graph, gaps)) = &self.graph {
            return (Rc::clone(graph), gaps.clone());
        }
        let installation = self.installation();
        // Parsing is most of the time: all migrations are parsed side by side before they are evaluated one by one.
        let packages = installation.apps.iter().filter_map(|app| app.migrations.as_ref());
        let modules = packages.flat_map(|package| {
            let names = self.loader.submodules(package).into_iter();
            names.map(move |name| format!("{package}.{name}")).collect::<Vec<_>>()
        });
        let files: Vec<FileId> = modules.filter_map(|dotted| self.loader.file(&dotted)).collect();
        self.parse(&files);
        let (graph, gaps) = Graph::load(&mut self.interp, &installation.apps);
        let graph = Rc::new(graph);
        self.graph = Some((Rc::clone(&graph), gaps.clone()));
        (graph, gaps)
    }

    /// Parses files side by side. The caller of [`Evaluator::ask`] must not stand on a thread of the pool.
    pub fn parse(&self, files: &[FileId]) {
        self.pool.install(|| self.project.parse_all(files));
    }

    /// Whether a file, as reports show it, is of the project itself and not of a package.
    #[must_use]
    pub fn is_project_file(&self, path: &str) -> bool {
        self.settings_read.as_ref().is_some_and(|chosen| chosen.files.contains(path))
    }
}

/// The files of the project itself, as reports show them.
fn project_files(project: &Project) -> FxHashSet<String> {
    let discovery = &project.discovery;
    let own = discovery.files.iter().filter(|f| discovery.roots[f.root].kind == crate::discover::RootKind::Project);
    own.map(|file| file.path.clone()).collect()
}
