//! The gate: lets nothing new through. It compares the touchpoints with those that are known, from a committed baseline
//! or from another commit, and says of each new one what it is, why it matters and what to use instead.

mod allow;
pub mod baseline;
pub mod compare;
pub mod entry;
pub mod github;
pub mod json;
pub mod text;
mod texts;

use std::cell::Cell;

use rustc_hash::FxHashSet;

use crate::config::gate::{AllowanceRule, Day, Rules};
use crate::discover::{FileKind, word_hash};
use crate::finding::Kind;
use crate::project::Project;
use crate::report::Findings;
use crate::source::{FileId, Gap, GapKind};

use allow::Allowance;
pub use baseline::{Baseline, BaselineError};
pub use entry::{Entry, GateTouchpoint};

/// What to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Against {
    /// The baseline that the rules name.
    Baseline,
    /// Another commit.
    Revision(String),
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

impl Verdict {
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
}

impl State {
    /// The state that was scanned.
    #[must_use]
    pub fn of(findings: &Findings<'_>, rules: &Rules) -> Self {
        Self {
            touchpoints: entry::touchpoints(findings),
            allowances: allow::allowances(findings.project, rules.documents),
        }
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

/// What the rules make of a touchpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stance {
    /// It is not looked at.
    Ignored,
    /// It may be there.
    Allowed,
    /// It may be there if it was there before.
    Counted,
    /// As [`Stance::Counted`], but it is too unsure to raise an alarm.
    Unsure,
    /// It may not be there.
    Denied,
}

struct Judge<'a> {
    rules: &'a Rules,
    today: Day,
    /// Which allowances of the configuration were of use.
    used: Vec<Cell<bool>>,
}

impl<'a> Judge<'a> {
    fn new(rules: &'a Rules, today: Day) -> Self {
        Self { rules, today, used: vec![Cell::new(false); rules.allow.len()] }
    }

    fn stances(&self, state: &State) -> Vec<Stance> {
        state.touchpoints.iter().map(|found| self.stance(found, &state.allowances)).collect()
    }

    fn stance(&self, found: &GateTouchpoint, allowances: &[Allowance]) -> Stance {
        // Where rows are read that were asked for elsewhere, no new reference to the model stands.
        if found.entry.kind == Kind::Evaluation || found.entry.kind == Kind::Document && !self.rules.documents {
            return Stance::Ignored;
        }
        let sure = found.confidence >= self.rules.confidence;
        let denied = sure && self.rules.deny.contains(&found.entry.kind);
        if !denied && self.rules.welcome.is_match(&found.path) {
            return Stance::Allowed;
        }
        // All that allow it are asked, so that none of them is said to be of no use.
        let by_mark = allowances.iter().filter(|mark| mark.allows(found)).count();
        let by_rule = self.rules.allow.iter().zip(&self.used).filter(|(allowance, used)| {
            let allows = !self.is_expired(allowance) && names(allowance, found);
            used.set(used.get() || allows);
            allows
        });
        match (by_mark + by_rule.count() > 0, denied, sure) {
            (true, ..) => Stance::Allowed,
            (_, true, _) => Stance::Denied,
            (_, _, true) => Stance::Counted,
            (_, _, false) => Stance::Unsure,
        }
    }

    fn is_expired(&self, allowance: &AllowanceRule) -> bool {
        allowance.expires.is_some_and(|day| day < self.today)
    }

    fn notices(&self, allowances: &[Allowance]) -> Vec<Notice> {
        let of_code = allowances.iter().filter_map(|mark| {
            let message = match &mark.wrong {
                Some(wrong) => format!("this allowance {wrong}"),
                None if mark.used.get() => return None,
                None => "this allowance allows nothing: no such touchpoint is here; remove it".to_owned(),
            };
            Some(Notice { file: Some(mark.file.clone()), line: Some(mark.line), message })
        });
        let of_rules = self.rules.allow.iter().zip(&self.used).filter_map(|(allowance, used)| {
            let shown = &allowance.shown;
            let message = match allowance.expires.filter(|_| self.is_expired(allowance)) {
                Some(day) => format!("the allowance of {shown} expired on {day}; it is as if it were not there"),
                None if used.get() => return None,
                None => format!("the allowance of {shown} allows nothing; remove it"),
            };
            Some(Notice { file: None, line: None, message })
        });
        of_code.chain(of_rules).collect()
    }
}

fn names(allowance: &AllowanceRule, found: &GateTouchpoint) -> bool {
    allowance.kind.is_none_or(|kind| kind == found.entry.kind)
        && allowance.path.as_ref().is_none_or(|path| path.is_match(&found.path))
        && allowance.target.as_ref().is_none_or(|target| *target == found.entry.target)
}

/// Judges what is there now by what was there before; without that, a baseline is made and nothing is new.
#[must_use]
pub fn judge(findings: &Findings<'_>, before: Option<Before>, rules: &Rules, task: &Task) -> (Verdict, Baseline) {
    let now = State::of(findings, rules);
    let judge = Judge::new(rules, task.today);
    let stances = judge.stances(&now);
    let of =
        |wanted: &[Stance]| -> Vec<usize> { (0..stances.len()).filter(|&at| wanted.contains(&stances[at])).collect() };
    let counted = of(&[Stance::Counted, Stance::Unsure]);
    let entries = |positions: &[usize]| positions.iter().map(|&at| &now.touchpoints[at].entry).collect::<Vec<_>>();
    let baseline = Baseline::new(findings.target, entries(&counted).into_iter().cloned().collect());

    // What the old state was allowed was not known: without its allowance it is new.
    let before: Option<Vec<Entry>> = before.map(|before| match before {
        Before::Baseline(baseline) => {
            let accepted =
                |entry: &Entry| !rules.deny.contains(&entry.kind) && (rules.documents || entry.kind != Kind::Document);
            baseline.touchpoints.into_iter().filter(accepted).collect()
        }
        Before::State(state) => {
            // What an allowance was good for is not what it is good for.
            let stances = Judge::new(rules, task.today).stances(&state);
            let known = |stance: &Stance| matches!(stance, Stance::Counted | Stance::Unsure);
            state.touchpoints.into_iter().zip(stances).filter(|(_, s)| known(s)).map(|(found, _)| found.entry).collect()
        }
    });

    let mut alarms: Vec<(usize, Reason)> = of(&[Stance::Denied]).into_iter().map(|at| (at, Reason::Denied)).collect();
    let mut gone = Vec::new();
    if let Some(before) = &before {
        let old: Vec<&Entry> = before.iter().collect();
        let left = compare::compare(&entries(&counted), &old, &|at| stances[counted[at]] == Stance::Counted);
        let new = left.new.into_iter().map(|at| counted[at]).filter(|&at| stances[at] == Stance::Counted);
        alarms.extend(new.map(|at| (at, Reason::New)));
        // What has an allowance now, or moved to where it is welcome, is still there.
        let left: Vec<&Entry> = left.gone.into_iter().map(|at| old[at]).collect();
        let elsewhere = of(&[Stance::Allowed, Stance::Denied]);
        let missing = compare::compare(&entries(&elsewhere), &left, &|_| true).gone;
        gone = missing.into_iter().map(|at| left[at].clone()).collect();
        gone.sort();
    }
    alarms.sort_unstable_by_key(|(at, _)| *at);
    let alarms = alarms
        .into_iter()
        .map(|(at, reason)| {
            let found = now.touchpoints[at].clone();
            let (why, instead) = texts::of(rules, found.entry.kind, found.entry.access);
            Alarm { reason, found, why, instead }
        })
        .collect();
    let verdict = Verdict {
        target: findings.target.to_owned(),
        against: match &task.against {
            Against::Baseline | Against::Update => rules.baseline.display().to_string(),
            Against::Revision(revision) => revision.clone(),
        },
        alarms,
        gone,
        notices: judge.notices(&now.allowances),
        incomplete: Vec::new(),
        known: before.as_ref().map_or(0, Vec::len),
        allowed: of(&[Stance::Allowed]).len(),
        written: None,
        strict: task.strict,
    };
    (verdict, baseline)
}

/// What was not read although it could hold a reference that nobody knows. `known` tells of files that are as they were
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
            // Nobody knows what is in it. Of a folder neither.
            GapKind::Unreadable | GapKind::NoTarget | GapKind::Unfinished => true,
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
