//! Finds every touchpoint of a Django model in a project, replays its migrations, cross-checks live databases, and
//! plans the change of its MySQL table.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod ast;
pub mod cli;
pub mod config;
pub mod discover;
pub mod finding;
pub mod gate;
pub mod modules;
pub mod parse;
pub mod progress;
pub mod project;
pub mod report;
pub mod resolve;
pub mod source;
pub mod sql;
pub mod touchpoint;

use crate::config::Settings;
use crate::discover::{DiscoverError, Discovery, Options, Revision, RevisionError};
use crate::gate::{Against, Baseline, BaselineError, Before, State, Task, Verdict};
use crate::parse::Want;
use crate::progress::Progress;
use crate::project::Project;
use crate::report::{Findings, LinkedModel};
use crate::resolve::Resolver;
use crate::source::{FileId, Gap};
use crate::touchpoint::Touchpoint;
use rustc_hash::FxHashSet;

/// What makes a run impossible; everything less is a gap.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A root cannot be scanned.
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    /// The commit that is compared with cannot be read.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// The baseline cannot be used.
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    /// The threads could not be started.
    #[error("cannot start the worker threads: {0}; try --threads 1")]
    Threads(#[from] rayon::ThreadPoolBuildError),
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
        let discovery = Discovery::run(&options(settings))?;
        let project = Project::new(discovery, Want { contexts: true });

        progress.stage("following names", None);
        let (touchpoints, models) = analyse(&project, settings);
        let gaps = project.gaps();
        Ok(ScanResult { target: settings.target.clone(), project, touchpoints, models, gaps })
    })
}

/// Compares the touchpoints of the target with those that are known.
///
/// # Errors
///
/// When a root cannot be scanned, the baseline or the commit cannot be read, or the threads cannot be started.
pub fn gate(settings: &Settings, task: &Task, progress: &dyn Progress) -> Result<Verdict, Error> {
    let rules = &settings.gate;
    // Nothing is read for a baseline that cannot be used.
    let known = match &task.against {
        Against::Baseline => Some(Baseline::read(&rules.baseline, &settings.target)?),
        Against::Revision(_) => None,
        Against::Update => match Baseline::read(&rules.baseline, &settings.target) {
            Err(error @ (BaselineError::Newer { .. } | BaselineError::OtherTarget { .. })) => return Err(error.into()),
            _ => None,
        },
    };
    project::workers(settings.threads)?.install(|| {
        progress.stage("reading files", None);
        let options = options(settings);
        let (discovery, revision) = rayon::join(
            || Discovery::run(&options),
            || match &task.against {
                Against::Revision(revision) => Revision::open(&options, revision).map(Some),
                Against::Baseline | Against::Update => Ok(None),
            },
        );
        let (mut discovery, revision) = (discovery?, revision?);
        let beside = revision.map(|revision| revision.beside(&discovery, &options)).transpose()?;
        let same: FxHashSet<FileId> = beside.iter().flat_map(|beside| beside.same.iter().copied().flatten()).collect();
        // Most changes have nothing to do with the model. Unless one names it, the other state is analysed only when
        // the analysis of this one has seen a difference.
        let model = settings.target.rsplit('.').next().unwrap_or_default();
        let unlikely = beside.as_ref().filter(|beside| !beside.changes(&discovery, model));
        let watch = unlikely.and_then(|beside| beside.watch(&mut discovery));
        let project = Project::new(discovery, Want { contexts: true });
        let old = || beside.map(|beside| project.beside(beside.discovery, &beside.same));

        progress.stage("following names", None);
        let analyse_old = || old().map(|old| (analyse(&old, settings), old));
        let (now, before, unchanged) = match watch {
            Some(watch) => {
                let now = analyse(&project, settings);
                let unchanged = !watch.noticed();
                (now, if unchanged { None } else { analyse_old() }, unchanged)
            }
            None => {
                let (now, before) = rayon::join(|| analyse(&project, settings), analyse_old);
                (now, before, false)
            }
        };
        let gaps = project.gaps();
        let target = settings.target.as_str();
        let findings = Findings { project: &project, target, touchpoints: &now.0, models: &now.1, gaps: &gaps };
        let before = match before {
            Some(((touchpoints, models), project)) => {
                let project = &project;
                let findings = Findings { project, target, touchpoints: &touchpoints, models: &models, gaps: &[] };
                Some(Before::State(State::of(&findings, rules)))
            }
            None if unchanged => Some(Before::State(State::of(&findings, rules))),
            None => known.map(Before::Baseline),
        };
        let (mut verdict, baseline) = gate::judge(&findings, before, rules, task);
        verdict.incomplete = gate::incomplete(&findings, &|file| same.contains(&file));
        if task.against == Against::Update {
            baseline.write(&rules.baseline)?;
            verdict.written = Some(baseline.touchpoints.len());
        }
        Ok(verdict)
    })
}

fn options(settings: &Settings) -> Options {
    Options {
        projects: settings.roots.clone(),
        site_packages: settings.site_packages.clone(),
        virtual_env: settings.virtual_env.clone(),
        exclude: settings.exclude.clone(),
    }
}

/// The touchpoints of the target in a project, and the models that matter.
fn analyse(project: &Project, settings: &Settings) -> (Vec<Touchpoint>, Vec<LinkedModel>) {
    let resolver = Resolver::new(project);
    let found = touchpoint::find(&resolver, &settings.target);
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
    (touchpoints, models)
}
