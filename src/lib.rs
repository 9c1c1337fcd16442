//! Finds every touchpoint of a Django model in a project, replays its migrations, cross-checks live databases, and
//! plans the change of its MySQL table.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod ast;
pub mod audit;
pub mod check;
pub mod cli;
pub mod config;
pub mod discover;
mod django;
pub mod expected;
pub mod field;
pub mod finding;
pub mod gate;
mod literal;
pub mod live;
mod migration;
mod model;
mod modules;
pub mod parse;
pub mod plan;
pub mod printable;
pub mod progress;
pub mod project;
pub mod registry;
mod replay;
pub mod report;
pub mod resolve;
pub mod schema;
pub mod source;
pub mod sql;
mod stdlib;
pub mod touchpoint;

use std::sync::Arc;

use crate::audit::{Audit, AuditError};
use crate::config::Settings;
use crate::discover::{Base, DiscoverError, Discovery, FileEntry, Options, Revision, RevisionError, word_hash};
use crate::expected::Expected;
use crate::gate::{Against, Baseline, BaselineError, Before, State, Task, Verdict};
use crate::live::{Request, Source};
use crate::modules::tells_import_roots;
use crate::parse::ParseOptions;
use crate::progress::Progress;
use crate::project::{Project, ProjectBuilder};
use crate::registry::{Evaluator, RegistryError};
use crate::report::{Findings, LinkedModel};
use crate::resolve::Resolver;
use crate::source::{FileId, Gap, GapKind};
use crate::touchpoint::{Scope, Touchpoint};
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
    /// The project cannot be evaluated.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The code and the environments cannot be compared.
    #[error(transparent)]
    Audit(#[from] AuditError),
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
    let advice = "pass the project that defines it, or its package folder with --site-packages";
    format!("no model {target} is defined in the scanned folders; {guess}{advice}")
}

/// The touchpoints of a model in a project.
#[derive(Debug)]
pub struct ScanResult {
    /// The project.
    pub project: Arc<Project>,
    /// The settings, apps and models of the project, as far as they were evaluated.
    pub evaluator: Evaluator,
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
    scan_options(settings, &options(settings), progress)
}

/// As [`scan`]; the texts of all files stay in memory, so that [`cross_check`] opens none of them again.
///
/// # Errors
///
/// As [`scan`].
pub fn scan_and_keep_texts(settings: &Settings, progress: &dyn Progress) -> Result<ScanResult, Error> {
    scan_options(settings, &Options { keep_texts: true, ..options(settings) }, progress)
}

fn scan_options(settings: &Settings, options: &Options, progress: &dyn Progress) -> Result<ScanResult, Error> {
    let pool = Arc::new(project::workers(settings.threads)?);
    pool.install(|| {
        progress.stage("reading files", None);
        // The queries of the parser take a while to compile: no reason to wait for them later.
        let (discovery, ()) = rayon::join(|| Discovery::run(options), parse::warm_up);
        let discovery = discovery?;
        let project = Arc::new(prefetch(&discovery, settings).build(discovery));
        let evaluator = Evaluator::start(Arc::clone(&project), settings, Arc::clone(&pool))?;

        progress.stage("following names", None);
        let Analysis { touchpoints, models, gaps: mut unfollowed } =
            analyse(&project, &evaluator, settings, Scope::All);
        unfollowed.extend(missing(&resolver(&project, &evaluator), &models, settings)?);
        let gaps = all_gaps(&project, unfollowed);
        project.discovery.drop_other_texts();
        Ok(ScanResult { target: settings.target.clone(), project, evaluator, touchpoints, models, gaps })
    })
}

/// The expected schema and the live databases side by side, with the findings of all checks.
#[derive(Debug)]
pub struct CrossCheckResult {
    /// The code and the environments, side by side.
    pub audit: Audit,
    /// The findings of all checks, the gravest first.
    pub findings: Vec<check::Finding>,
}

/// Reads the environments, and checks them against the code of a scan and against each other.
///
/// # Errors
///
/// When the project cannot be evaluated, or the configured key type is no integer type.
pub fn cross_check(
    settings: &Settings,
    scanned: &ScanResult,
    sources: &[Source],
    request: &Request,
    progress: &dyn Progress,
) -> Result<CrossCheckResult, Error> {
    cross_check_with_history(settings, scanned, sources, &[], request, progress)
}

/// As [`cross_check`]. `earlier` are older snapshots of the same environments: the growth between the two dates gives the
/// dates on which keys are exhausted.
///
/// # Errors
///
/// As [`cross_check`].
pub fn cross_check_with_history(
    settings: &Settings,
    scanned: &ScanResult,
    sources: &[Source],
    earlier: &[Source],
    request: &Request,
    progress: &dyn Progress,
) -> Result<CrossCheckResult, Error> {
    progress.stage("reading databases", None);
    let mut facts = Vec::with_capacity(sources.len());
    let mut gaps = Vec::new();
    for source in sources {
        let (environment, found) = live::read(source, request);
        facts.push(environment);
        gaps.extend(found);
    }
    progress.stage("replaying migrations", None);
    // A gap of an older snapshot is no gap of today.
    let earlier: Vec<_> = earlier.iter().map(|source| live::read(source, request).0).collect();
    let mut audit = Audit::with_history(settings, &scanned.evaluator, facts, &earlier)?;
    audit.gaps.extend(gaps);
    audit.gaps.sort();
    audit.gaps.dedup();
    let findings = check::run(&audit);
    Ok(CrossCheckResult { audit, findings })
}

/// The schema that the code expects, without a search for touchpoints. With `models`, the models of all apps are
/// compared with the migrations.
///
/// # Errors
///
/// When a root cannot be scanned, the threads cannot be started, or the project cannot be evaluated.
pub fn expected_schema(settings: &Settings, models: bool) -> Result<Expected, Error> {
    let pool = Arc::new(project::workers(settings.threads)?);
    // Names are followed from the settings on; no word is searched for.
    let options = Options { names_only: true, ..options(settings) };
    let project = pool.install(|| {
        let discovery = Discovery::run(&options)?;
        Ok::<_, DiscoverError>(Arc::new(Project::new(discovery, ParseOptions::default())))
    })?;
    let evaluator = Evaluator::start(project, settings, pool)?;
    let expect = if models { expected::expect_with_models } else { expected::expect };
    Ok(expect(&evaluator, None)?)
}

/// The verdict of the gate.
#[derive(Debug)]
pub struct GateResult {
    /// The verdict.
    pub verdict: Verdict,
    /// The states of the project that were analysed. A caller that ends with the verdict need not drop their trees.
    pub states: Vec<(Arc<Project>, Evaluator)>,
}

/// Compares the touchpoints of the target with those that are known.
///
/// # Errors
///
/// When a root cannot be scanned, the baseline or the commit cannot be read, or the threads cannot be started.
pub fn gate(settings: &Settings, task: &Task, progress: &dyn Progress) -> Result<GateResult, Error> {
    let rules = &settings.gate;
    // Nothing is read for a baseline that cannot be used.
    let known = match &task.against {
        Against::Baseline => Some(Baseline::read(&rules.baseline, &settings.target)?),
        Against::Revision(_) | Against::Tip(_) => None,
        Against::Update => match Baseline::read(&rules.baseline, &settings.target) {
            Err(error @ (BaselineError::Newer { .. } | BaselineError::OtherTarget { .. })) => return Err(error.into()),
            _ => None,
        },
    };
    let pool = Arc::new(project::workers(settings.threads)?);
    pool.install(|| {
        progress.stage("reading files", None);
        let options = Options { tracked: true, ..options(settings) };
        // git answers on a thread of its own: one that waits for it would be missed at the files.
        let (discovery, revision) = std::thread::scope(|scope| {
            let revision = scope.spawn(|| match &task.against {
                Against::Revision(revision) => Revision::open(&options, revision, Base::Merge).map(Some),
                Against::Tip(revision) => Revision::open(&options, revision, Base::Tip).map(Some),
                Against::Baseline | Against::Update => Ok(None),
            });
            let (discovery, ()) = rayon::join(|| Discovery::run(&options), parse::warm_up);
            (discovery, revision.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let (mut discovery, revision) = (discovery?, revision?);
        let base = || revision.map(|revision| revision.base(&discovery, &options)).transpose();
        let (builder, base) = rayon::join(|| prefetch(&discovery, settings), base);
        let base = base?;
        let same: FxHashSet<FileId> = base.iter().flat_map(|base| base.same.iter().copied().flatten()).collect();
        let not_compared: Vec<Gap> = base.iter().flat_map(|base| base.not_compared()).cloned().collect();
        // Most changes have nothing to do with the model. Unless one names it, the other state is analysed only when
        // the analysis of this one has seen a difference.
        let model = word_hash(settings.target.rsplit('.').next().unwrap_or_default());
        let matters = |entry: &FileEntry| entry.words.has(model) || tells_import_roots(entry);
        let unlikely = base.as_ref().filter(|base| !base.any_changed(&discovery, matters));
        let watch = unlikely.and_then(|base| base.watch(&mut discovery));
        let project = Arc::new(builder.build(discovery));
        let old = || base.map(|base| Arc::new(project.with_base(base.discovery, &base.same)));

        progress.stage("following names", None);
        let analyse = |project: &Arc<Project>| -> Result<_, Error> {
            let evaluator = Evaluator::start(Arc::clone(project), settings, Arc::clone(&pool))?;
            // The gate raises no alarm for cascades.
            Ok((analyse(project, &evaluator, settings, Scope::References), evaluator))
        };
        let analyse_old = || old().map(|old| Ok::<_, Error>((analyse(&old)?, old))).transpose();
        let ((now, evaluator), before, unchanged) = match watch {
            Some(watch) => {
                let now = analyse(&project)?;
                let unchanged = !watch.noticed();
                (now, if unchanged { None } else { analyse_old()? }, unchanged)
            }
            None => {
                let (now, before) = rayon::join(|| analyse(&project), analyse_old);
                (now?, before?, false)
            }
        };
        let Analysis { touchpoints, models, gaps: mut unfollowed } = now;
        unfollowed.extend(missing(&resolver(&project, &evaluator), &models, settings)?);
        let gaps = all_gaps(&project, unfollowed);
        let target = settings.target.as_str();
        let findings = Findings { project: &project, target, touchpoints: &touchpoints, models: &models, gaps: &gaps };
        let mut other = None;
        let before = match before {
            Some(((Analysis { touchpoints, models, .. }, evaluator), project)) => {
                let (project, _) = other.insert((project, evaluator));
                let findings = Findings { project, target, touchpoints: &touchpoints, models: &models, gaps: &[] };
                Some(Before::State(State::of(&findings, rules)))
            }
            None if unchanged => Some(Before::State(State::of(&findings, rules))),
            None => known.map(Before::Baseline),
        };
        let (mut verdict, baseline) = gate::judge(&findings, before, rules, task);
        verdict.incomplete = gate::incomplete(&findings, &|file| same.contains(&file));
        verdict.incomplete.extend(not_compared);
        verdict.incomplete.sort();
        verdict.incomplete.dedup();
        if task.against == Against::Update {
            baseline.write(&rules.baseline)?;
            verdict.written = Some(baseline.touchpoints.len());
        }
        Ok(GateResult { verdict, states: std::iter::once((project, evaluator)).chain(other).collect() })
    })
}

fn options(settings: &Settings) -> Options {
    Options {
        projects: settings.roots.clone(),
        site_packages: settings.site_packages.clone(),
        virtual_env: settings.virtual_env.clone(),
        exclude: settings.exclude.clone(),
        ..Options::default()
    }
}

fn prefetch(discovery: &Discovery, settings: &Settings) -> ProjectBuilder {
    let name = settings.target.split_once('.').map_or("", |(_, name)| name);
    Project::prefetch(discovery, ParseOptions { run_queries: true, keep_tree: true }, &[name])
}

/// What is found in one state of a project.
struct Analysis {
    touchpoints: Vec<Touchpoint>,
    models: Vec<LinkedModel>,
    /// What could not be followed.
    gaps: Vec<Gap>,
}

/// A resolver that asks the evaluated project for labels of apps.
fn resolver<'p>(project: &'p Project, evaluator: &'p Evaluator) -> Resolver<'p> {
    Resolver::new(project).with_labels(|package| {
        let package = package.to_owned();
        evaluator.ask(move |registry| registry.app_label(&package)).ok().flatten()
    })
}

fn analyse(project: &Project, evaluator: &Evaluator, settings: &Settings, scope: Scope) -> Analysis {
    let resolver = resolver(project, evaluator);
    let found = touchpoint::find(&resolver, evaluator, &settings.target, scope);
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
    Analysis { touchpoints, models, gaps: found.gaps }
}

/// The gap of a target that is defined nowhere; an error when somebody asked for it by name.
fn missing(resolver: &Resolver<'_>, models: &[LinkedModel], settings: &Settings) -> Result<Option<Gap>, Error> {
    if !models.is_empty() {
        return Ok(None);
    }
    let near = touchpoint::similar_models(resolver, &settings.target);
    if settings.target_asked {
        return Err(Error::Target { target: settings.target.clone(), near });
    }
    // Nobody asked for this model by name: that it is not there is a result.
    Ok(Some(Gap::general(GapKind::NoTarget, not_defined(&settings.target, &near))))
}

fn all_gaps(project: &Project, unfollowed: Vec<Gap>) -> Vec<Gap> {
    let mut gaps = project.gaps();
    gaps.extend(unfollowed);
    gaps.sort();
    gaps
}
