//! The gate fails on new references to a model. It compares the touchpoints with the known ones, of a committed baseline
//! or of another commit, and reports of each new one what it is, why it matters and what to use instead.

mod allow;
pub mod baseline;
pub mod compare;
pub mod entry;
pub mod github;
pub mod json;
mod judge;
mod likeness;
pub mod markdown;
pub mod show;
mod statement;
pub mod text;
mod texts;
mod welcome;

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use crate::config::gate::{Day, Rules};
use crate::discover::{FileKind, word_hash};
use crate::finding::Access;
use crate::project::Project;
use crate::report::Findings;
use crate::report::humanize::one_line;
use crate::source::{FileId, Gap, GapKind};
use crate::touchpoint::models::Role;

use allow::Allowance;
pub use baseline::{Baseline, BaselineError};
pub use entry::{Entry, GateTouchpoint};
pub use judge::judge;

/// What to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Against {
    /// The baseline that the rules name.
    Baseline,
    /// Another commit: where the branch that is checked out left its history.
    Revision(String),
    /// Another commit as it is, whatever came to it since the branch left it.
    Tip(String),
    /// Nothing: the baseline is written.
    Update,
}

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Task {
    /// What to compare with.
    pub against: Against,
    /// Whether what is gone, and an allowance that allows nothing, fail too.
    pub strict: bool,
    /// The day by which allowances expire.
    pub today: Day,
}

/// Why a touchpoint is not let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was not there before.
    New,
    /// It was there before and did something else to the table.
    Changed(Access),
    /// Its kind is never accepted.
    Denied,
}

/// A touchpoint that is not let through.
#[derive(Clone, Debug)]
pub struct Alarm {
    /// Why not.
    pub reason: Reason,
    /// The touchpoint.
    pub found: GateTouchpoint,
    /// Why it matters.
    pub why: String,
    /// What to use instead.
    pub instead: String,
    /// The line of the new import that it needs, in the same file.
    pub imported_at: Option<u32>,
}

impl Alarm {
    /// What it is, in a few words, such as `new query of shop.Order`.
    #[must_use]
    pub fn title(&self) -> String {
        let (kind, target) = (self.found.entry.kind.as_str(), &self.found.entry.target);
        match self.reason {
            Reason::New => format!("new {kind} of {target}"),
            Reason::Changed(was) => {
                format!("{kind} of {target}: {} became {}", was.as_str(), self.found.entry.access.as_str())
            }
            Reason::Denied => format!("{kind} of {target} is of a denied kind"),
        }
    }
}

/// Something about an allowance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The file of an allowance in the code; none of one in the configuration.
    pub file: Option<String>,
    /// Its 1-based line.
    pub line: Option<u32>,
    /// What is said.
    pub message: String,
}

/// What the gate says.
#[derive(Debug)]
pub struct Verdict {
    /// The model.
    pub target: String,
    /// What was compared with, as people read it.
    pub against: String,
    /// Whether that is a baseline, which has to be regenerated when something is gone.
    pub by_baseline: bool,
    /// What is not let through, in the order of files and lines.
    pub alarms: Vec<Alarm>,
    /// What was known and is gone.
    pub gone: Vec<Entry>,
    /// What is to be said of allowances.
    pub notices: Vec<Notice>,
    /// What was not read although it could hold a reference.
    pub incomplete: Vec<Gap>,
    /// How many touchpoints are known.
    pub known: usize,
    /// How many are allowed or welcome.
    pub allowed: usize,
    /// Whether a baseline was written, and how many touchpoints it has.
    pub written: Option<usize>,
    /// As in [`Task`].
    pub strict: bool,
}

/// The outcome of a run of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Something is new, or `--strict` and something is stale.
    Failed,
    /// Nothing is new, and something could not be read.
    Incomplete,
    /// The baseline was written.
    Written,
    /// Nothing is new.
    Ok,
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Incomplete => "incomplete",
            Self::Written => "written",
            Self::Ok => "ok",
        }
    }
}

impl Verdict {
    /// How many alarms there are of each kind.
    #[must_use]
    pub fn by_kind(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for alarm in &self.alarms {
            *counts.entry(alarm.found.entry.kind.as_str()).or_default() += 1;
        }
        counts
    }

    /// The outcome.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match (self.exit_code(), self.written) {
            (1, _) => Outcome::Failed,
            (3, _) => Outcome::Incomplete,
            (_, Some(_)) => Outcome::Written,
            _ => Outcome::Ok,
        }
    }

    /// The reason of the outcome, in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let (target, against) = (&self.target, one_line(&self.against));
        if !self.alarms.is_empty() {
            let of = |wanted: fn(Reason) -> bool| self.alarms.iter().filter(|alarm| wanted(alarm.reason)).count();
            let (new, denied) = (of(|reason| reason == Reason::New), of(|reason| reason == Reason::Denied));
            let changed = self.alarms.len() - new - denied;
            let parts = [
                (new, format!("{} to {target} (not in {against})", counted(new, "new reference"))),
                (changed, format!("{} with another access", counted(changed, "reference"))),
                (denied, format!("{} of a denied kind", counted(denied, "reference"))),
            ];
            let parts: Vec<String> = parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, part)| part).collect();
            let kinds: Vec<String> = self.by_kind().iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            return format!("{}: {}", parts.join(", "), kinds.join(", "));
        }
        match self.outcome() {
            Outcome::Failed => "--strict, and the baseline or an allowance is stale".to_owned(),
            Outcome::Incomplete => "nothing new was found, but not everything could be read".to_owned(),
            Outcome::Written => format!("{against}, {}", counted(self.written.unwrap_or_default(), "touchpoint")),
            Outcome::Ok => {
                let gone = self.gone.len();
                let stale = if gone > 0 { format!(", {gone} gone") } else { String::new() };
                format!("no new reference to {target} ({} known in {against}{stale})", self.known)
            }
        }
    }

    /// The exit code: 0 nothing new, 1 something new, 3 incomplete.
    ///
    /// What is new is new whatever else could not be read.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let stale = self.strict && !(self.gone.is_empty() && self.notices.is_empty());
        match (!self.alarms.is_empty() || stale, self.incomplete.is_empty()) {
            (true, _) => 1,
            (false, true) => 0,
            (false, false) => 3,
        }
    }
}

/// The touchpoints of one state of the project, and the allowances that stand in its code.
#[derive(Debug)]
pub struct State {
    touchpoints: Vec<GateTouchpoint>,
    allowances: Vec<Allowance>,
    /// The names of its modules, and the paths of files that are not Python.
    modules: FxHashSet<String>,
    /// Where the target is defined.
    home: Vec<String>,
}

impl State {
    /// The state that was scanned.
    #[must_use]
    pub fn of(findings: &Findings<'_>, rules: &Rules) -> Self {
        let project = findings.project;
        // A subclass has its rows in the target's table, and a proxy has no other. The others only point to it: the
        // relation itself is a touchpoint of the target.
        let own: FxHashSet<&str> = findings
            .models
            .iter()
            .filter(|model| matches!(model.role, Role::Target | Role::Subclass))
            .map(|model| model.label.as_str())
            .chain([findings.target])
            .collect();
        let is_about = |target: &str| rules.linked || own.iter().any(|label| label.eq_ignore_ascii_case(target));
        let modules = project.discovery.ids().map(|file| match project.discovery.entry(file).kind {
            FileKind::Python => project.modules.name(file).to_owned(),
            _ => project.path(file).to_owned(),
        });
        let homes = findings.models.iter().filter(|model| model.role == Role::Target);
        Self {
            touchpoints: entry::touchpoints(findings, &is_about),
            allowances: allow::allowances(project, rules.documents),
            modules: modules.collect(),
            home: homes.map(|model| project.modules.name(model.file).to_owned()).collect(),
        }
    }

    /// Whether the package is one that the target's module lies in, or the module itself: its imports of the target are
    /// how the target's name is exported.
    fn exports(&self, module: &str) -> bool {
        self.home
            .iter()
            .any(|home| home.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    }
}

/// What was there before.
#[derive(Debug)]
pub enum Before {
    /// The touchpoints of a baseline.
    Baseline(Baseline),
    /// Another commit.
    State(State),
}

/// Files that were not read and could contain an unknown reference. `known` returns whether a file is as it was
/// before: they cannot hold anything new.
#[must_use]
pub fn incomplete(findings: &Findings<'_>, known: &dyn Fn(FileId) -> bool) -> Vec<Gap> {
    let project = findings.project;
    let words: FxHashSet<u32> = findings
        .models
        .iter()
        .flat_map(|model| model.label.rsplit('.').next().into_iter().chain(model.table.as_deref()))
        .map(word_hash)
        .collect();
    let names_model = |file: FileId| words.iter().any(|word| project.discovery.entry(file).words.has(*word));
    let hides = |gap: &&Gap| {
        let file = gap.file.as_deref().and_then(|path| find(project, path));
        if file.is_some_and(known) {
            return false;
        }
        let is_python = file.is_some_and(|file| project.discovery.entry(file).kind == FileKind::Python);
        match gap.kind {
            // Its content is unknown. A folder likewise.
            GapKind::Unreadable
            | GapKind::NoTarget
            | GapKind::Unfinished
            | GapKind::MissingObject
            | GapKind::Sparse
            | GapKind::Submodule
            | GapKind::LinkNotFollowed => true,
            GapKind::TooLarge => is_python,
            GapKind::SyntaxError | GapKind::ParserGaveUp | GapKind::TooDeep | GapKind::NoContexts => {
                file.is_some_and(names_model)
            }
            _ => false,
        }
    };
    findings.gaps.iter().filter(hides).cloned().collect()
}

fn find(project: &Project, path: &str) -> Option<FileId> {
    (0..project.discovery.roots.len()).find_map(|root| project.discovery.find(root, path))
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
