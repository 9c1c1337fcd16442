//! Modules for the evaluator, from a project's files.

use std::cell::{OnceCell, RefCell};

use rustc_hash::FxHashMap;

use super::contrib;
use crate::literal::{Loaded, Loader};
use crate::modules::ModuleRef;
use crate::parse::{ParseOptions, ParsedFile, parse};
use crate::project::Project;
use crate::source::FileId;

/// Modules of a project, its installed packages, and Django's own apps.
pub struct ProjectLoader<'p> {
    project: &'p Project,
    files: Vec<OnceCell<Loaded<'p>>>,
    contrib: Vec<contrib::Builtin>,
    contrib_parsed: Vec<OnceCell<ParsedFile>>,
    contrib_loaded: Vec<OnceCell<Loaded<'p>>>,
    resolved: RefCell<FxHashMap<String, ModuleRef>>,
}

impl<'p> ProjectLoader<'p> {
    /// A loader over a project. Django's own migrations are those of `version` when Django is not installed there.
    #[must_use]
    pub fn new(project: &'p Project, version: crate::django::Version) -> Self {
        let contrib = contrib::modules(version);
        Self {
            project,
            files: project.discovery.ids().map(|_| OnceCell::new()).collect(),
            contrib_parsed: contrib.iter().map(|_| OnceCell::new()).collect(),
            contrib_loaded: contrib.iter().map(|_| OnceCell::new()).collect(),
            contrib,
            resolved: RefCell::default(),
        }
    }

    /// The file of a module.
    #[must_use]
    pub fn file(&self, dotted: &str) -> Option<FileId> {
        self.resolve(dotted).file()
    }

    fn resolve(&self, dotted: &str) -> ModuleRef {
        // Django's code is not evaluated, but for its apps: what it does is known here.
        let mut segments = dotted.split('.');
        if segments.next() == Some("django") && !(segments.next() == Some("contrib") && is_app_module(dotted)) {
            return ModuleRef::Unknown;
        }
        // These read files and registries of the running system, which are not read here.
        if matches!(dotted.split('.').next(), Some("yaml" | "stevedore" | "pkg_resources")) {
            return ModuleRef::Unknown;
        }
        if let Some(found) = self.resolved.borrow().get(dotted) {
            return *found;
        }
        let found = self.project.modules.resolve_how(dotted, None);
        let found = match found.1 {
            // A name that fits by its end only is no import.
            crate::modules::How::Suffix | crate::modules::How::Unresolved => ModuleRef::Unknown,
            _ => found.0,
        };
        self.resolved.borrow_mut().insert(dotted.to_owned(), found);
        found
    }

    fn builtin(&self, dotted: &str) -> Option<usize> {
        if !dotted.starts_with("django.contrib.") {
            return None;
        }
        self.contrib.iter().position(|m| m.dotted == dotted)
    }
}

/// Whether a module of `django.contrib` holds migrations or an app's configuration.
fn is_app_module(dotted: &str) -> bool {
    const OTHER: &[&str] = &["django.contrib.postgres", "django.contrib.gis"];
    !OTHER.iter().any(|o| dotted.starts_with(o))
        && dotted.split('.').skip(3).all(|s| s == "migrations" || s.starts_with("0"))
}

impl<'p> Loader<'p> for ProjectLoader<'p> {
    fn load(&'p self, dotted: &str) -> Option<&'p Loaded<'p>> {
        match self.resolve(dotted) {
            ModuleRef::File(file) => {
                let slot = self.files.get(file.index())?;
                if let Some(loaded) = slot.get() {
                    return Some(loaded);
                }
                let parsed = self.project.parsed(file)?;
                Some(slot.get_or_init(|| Loaded {
                    dotted: dotted.to_owned(),
                    path: self.project.path(file).to_owned(),
                    package: self.project.modules.is_package(file),
                    tree: &parsed.module,
                    text: &parsed.text,
                }))
            }
            // A folder without `__init__.py` has no names of its own.
            ModuleRef::Namespace(_) => None,
            ModuleRef::Unknown => {
                let at = self.builtin(dotted)?;
                let parsed = self.contrib_parsed[at]
                    .get_or_init(|| parse(self.contrib[at].source.as_bytes(), ParseOptions::default()));
                Some(self.contrib_loaded[at].get_or_init(|| Loaded {
                    dotted: dotted.to_owned(),
                    path: format!("{}.py", dotted.replace('.', "/")),
                    package: self.contrib[at].package,
                    tree: &parsed.module,
                    text: &parsed.text,
                }))
            }
        }
    }

    fn exists(&self, dotted: &str) -> bool {
        self.resolve(dotted) != ModuleRef::Unknown || self.builtin(dotted).is_some()
    }

    fn submodules(&self, dotted: &str) -> Vec<String> {
        let mut names: Vec<String> = match self.resolve(dotted) {
            ModuleRef::Unknown => {
                let prefix = format!("{dotted}.");
                self.contrib
                    .iter()
                    .filter_map(|m| m.dotted.strip_prefix(&prefix))
                    .filter(|rest| !rest.contains('.'))
                    .map(str::to_owned)
                    .collect()
            }
            module => self
                .project
                .modules
                .members(module)
                .into_iter()
                .filter(|(name, _)| name != "__init__")
                .map(|(name, _)| name.to_string())
                .collect(),
        };
        names.sort();
        names
    }
}
