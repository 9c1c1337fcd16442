//! Finds every touchpoint of a Django model in a project, replays its migrations, cross-checks live databases, and
//! plans the change of its MySQL table.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod ast;
pub mod cli;
pub mod config;
pub mod discover;
pub mod django;
pub mod expected;
pub mod field;
pub mod finding;
pub mod literal;
pub mod migration;
pub mod model;
pub mod modules;
pub mod parse;
pub mod progress;
pub mod project;
pub mod replay;
pub mod report;
pub mod resolve;
pub mod schema;
pub mod source;
pub mod sql;
pub mod touchpoint;

use crate::config::Settings;
use crate::discover::{DiscoverError, Discovery, Options};
use crate::parse::Want;
use crate::progress::Progress;
use crate::project::Project;
use crate::report::{Findings, LinkedModel};
use crate::resolve::Resolver;
use crate::source::Gap;
use crate::touchpoint::Touchpoint;

/// What makes a run impossible; everything less is a gap.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A root cannot be scanned.
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    /// The threads could not be started.
    #[error("cannot start the worker threads: {0}; try --threads 1")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// An option names something that is not known.
    #[error("{0}")]
    Option(String),
    /// The model that was asked for is not defined in what was scanned.
    #[error("{}", not_defined(target, near))]
    Target {
        /// The model, as `app_label.Model`.
        target: String,
        /// Models that may have been meant.
        near: Vec<String>,
    },
}

/// What to say of a model that is nowhere defined.
fn not_defined(target: &str, near: &[String]) -> String {
    let guess = match near {
        [] => String::new(),
        [one] => format!("did you mean {one}? "),
        [rest @ .., last] => format!("did you mean {} or {last}? ", rest.join(", ")),
    };
    let advice = "give the project that defines it, or with --site-packages the folder its package is installed in";
    format!("no model {target} is defined in the scanned folders; {guess}{advice}")
}

/// What a scan found.
#[derive(Debug)]
pub struct ScanResult {
    /// The project.
    pub project: Project,
    /// The model that was looked for.
    pub target: String,
    /// Its touchpoints.
    pub touchpoints: Vec<Touchpoint>,
    /// The target and the models linked to it.
    pub models: Vec<LinkedModel>,
    /// Everything that was not modelled.
    pub gaps: Vec<Gap>,
}

impl ScanResult {
    /// The findings, as reports are made of them.
    #[must_use]
    pub fn findings(&self) -> Findings<'_> {
        Findings {
            project: &self.project,
            target: &self.target,
            touchpoints: &self.touchpoints,
            models: &self.models,
            gaps: &self.gaps,
        }
    }
}

/// Finds the touchpoints of the target.
///
/// # Errors
///
/// When a root cannot be scanned or the threads cannot be started.
pub fn scan(settings: &Settings, progress: &dyn Progress) -> Result<ScanResult, Error> {
    project::workers(settings.threads)?.install(|| {
        progress.stage("reading files", None);
        let name = settings.target.split_once('.').map_or("", |(_, name)| name);
        let options = Options {
            projects: settings.roots.clone(),
            site_packages: settings.site_packages.clone(),
            virtual_env: settings.virtual_env.clone(),
            exclude: settings.exclude.clone(),
            names_only: false,
        };
        // The queries of the parser take a while to compile: no reason to wait for them later.
        let (discovery, ()) = rayon::join(|| Discovery::run(&options), parse::warm_up);
        let project = Project::with_words(discovery?, Want { contexts: true }, &[name]);

        progress.stage("following names", None);
        let resolver = Resolver::new(&project);
        let found = touchpoint::find(&resolver, &settings.target);
        let mut missing = None;
        if found.models.is_empty() {
            let near = touchpoint::near_misses(&resolver, &settings.target);
            if settings.target_asked {
                return Err(Error::Target { target: settings.target.clone(), near });
            }
            // Nobody asked for this model by name: that it is not there is a result.
            missing = Some(Gap::general("no-target", not_defined(&settings.target, &near)));
        }
        let models = found
            .models
            .iter()
            .map(|model| LinkedModel {
                label: model.label.clone(),
                table: model.table.clone(),
                file: model.file,
                line: project.text(model.file).map_or(1, |text| text.line_col(model.class.name.span.start).line),
                role: model.role,
                via: model.relations.iter().map(|relation| relation.name.to_string()).collect(),
            })
            .collect();
        let mut touchpoints = found.touchpoints;
        for touchpoint in &mut touchpoints {
            touchpoint.is_test |= settings.tests.is_match(project.path(touchpoint.file));
        }
        let mut gaps = project.gaps();
        gaps.extend(found.gaps);
        gaps.extend(missing);
        gaps.sort();
        Ok(ScanResult { target: settings.target.clone(), project, touchpoints, models, gaps })
    })
}
