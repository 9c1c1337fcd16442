//! The rules of the gate, applied to what is there now and what was there before.

use std::cell::Cell;

use rustc_hash::{FxHashMap, FxHashSet};

use super::allow::Allowance;
use super::baseline::Baseline;
use super::compare::{self, Side};
use super::entry::{Entry, GateTouchpoint};
use super::{Against, Alarm, Before, Notice, Reason, State, Task, Verdict, texts, welcome};
use crate::config::gate::{AllowanceRule, Day, Rules};
use crate::finding::Kind;
use crate::report::Findings;

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

/// Applies the rules.
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
        // Where rows are read that were asked for elsewhere, or deleted with rows of another model, no new reference to
        // the model stands.
        if matches!(found.entry.kind, Kind::Evaluation | Kind::Cascade)
            || found.entry.kind == Kind::Document && !self.rules.documents
        {
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
                None => "this allowance has no effect: no such touchpoint is here; remove it".to_owned(),
            };
            Some(Notice { file: Some(mark.file.clone()), line: Some(mark.line), message })
        });
        let of_rules = self.rules.allow.iter().zip(&self.used).filter_map(|(allowance, used)| {
            let shown = &allowance.shown;
            let message = match allowance.expires.filter(|_| self.is_expired(allowance)) {
                Some(day) => format!("the allowance of {shown} expired on {day} and is ignored"),
                None if used.get() => return None,
                None => format!("the allowance of {shown} has no effect; remove it"),
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

    let known = before.map(|before| Known::of(before, rules, task, &now));
    let mut alarms: Vec<(usize, Reason)> = of(&[Stance::Denied]).into_iter().map(|at| (at, Reason::Denied)).collect();
    let mut gone = Vec::new();
    if let Some(known) = &known {
        let served = Served::of(&now, &stances);
        let raises = |at: usize| {
            let entry = &now.touchpoints[at].entry;
            // The model itself is no reference to the model, and an import is reported with its use.
            stances[at] == Stance::Counted
                && !(entry.kind == Kind::Definition && entry.target.eq_ignore_ascii_case(findings.target))
                && !(entry.is_import() && (served.serves(entry) || known.exports(&now, entry)))
        };
        let before = Side { entries: known.entries.iter().collect(), modules: known.modules.as_ref() };
        let side = |positions: &[usize]| Side { entries: entries(positions), modules: Some(&now.modules) };
        let found = compare::compare(&side(&counted), &before, &|at| raises(counted[at]));
        alarms.extend(found.new.iter().map(|&at| (counted[at], Reason::New)));
        alarms.extend(found.changed.iter().map(|&(at, was)| (counted[at], Reason::Changed(known.entries[was].access))));
        alarms.retain(|&(at, reason)| reason == Reason::Denied || raises(at));
        // What has an allowance now, or moved to where it is welcome, is still there.
        let left = Side {
            entries: found.gone.into_iter().map(|at| &known.entries[at]).collect(),
            modules: known.modules.as_ref(),
        };
        let elsewhere = of(&[Stance::Allowed, Stance::Denied]);
        let missing = compare::compare(&side(&elsewhere), &left, &|_| true).gone;
        gone = missing.into_iter().map(|at| left.entries[at].clone()).filter(|entry| !served.serves(entry)).collect();
        gone.sort();
    }
    alarms.sort_unstable_by_key(|(at, _)| *at);
    let welcome = welcome::Layer::of(&now.touchpoints, rules);
    let imports = new_imports(&now, known.as_ref());
    let alarms = alarms
        .into_iter()
        .map(|(at, reason)| {
            let found = now.touchpoints[at].clone();
            let nearest = welcome.nearest(&found.entry);
            let (why, instead) = texts::of(rules, &found.entry, reason, nearest.as_deref());
            let key = (&*found.file, &*found.entry.target);
            let imported_at = (!found.entry.is_import()).then(|| imports.get(&key).copied()).flatten();
            Alarm { reason, found, why, instead, imported_at }
        })
        .collect();
    let verdict = Verdict {
        target: findings.target.to_owned(),
        against: match &task.against {
            Against::Baseline | Against::Update => rules.baseline.display().to_string(),
            Against::Revision(revision) | Against::Tip(revision) => revision.clone(),
        },
        by_baseline: matches!(task.against, Against::Baseline | Against::Update),
        alarms,
        gone,
        notices: judge.notices(&now.allowances),
        incomplete: Vec::new(),
        known: known.map_or(0, |known| known.entries.len()),
        allowed: of(&[Stance::Allowed]).len(),
        written: None,
        strict: task.strict,
    };
    (verdict, baseline)
}

/// The touchpoints of before that count.
struct Known {
    entries: Vec<Entry>,
    modules: Option<FxHashSet<String>>,
}

impl Known {
    /// What the old state was allowed was not known: without its allowance it is new.
    fn of(before: Before, rules: &Rules, task: &Task, now: &State) -> Self {
        match before {
            Before::Baseline(baseline) => {
                // A baseline may contain linked models that are no longer compared.
                let about: FxHashSet<&str> = now
                    .touchpoints
                    .iter()
                    .map(|found| found.entry.target.as_str())
                    .chain([&*baseline.target])
                    .collect();
                let counts = |entry: &Entry| {
                    !rules.deny.contains(&entry.kind)
                        && (rules.documents || entry.kind != Kind::Document)
                        && (rules.linked || about.contains(&*entry.target))
                };
                let entries = baseline.touchpoints.iter().filter(|entry| counts(entry)).cloned().collect();
                Self { entries, modules: None }
            }
            Before::State(state) => {
                // What an allowance was good for is not what it is good for.
                let stances = Judge::new(rules, task.today).stances(&state);
                let known = |stance: &Stance| matches!(stance, Stance::Counted | Stance::Unsure);
                let found = state.touchpoints.into_iter().zip(stances).filter(|(_, stance)| known(stance));
                Self { entries: found.map(|(found, _)| found.entry).collect(), modules: Some(state.modules) }
            }
        }
    }

    /// Whether an import only exports the target's name from where it could be imported before, or from the packages
    /// that the target's module lies in.
    fn exports(&self, now: &State, import: &Entry) -> bool {
        let same = |entry: &Entry| {
            entry.module == import.module
                && entry.target == import.target
                && entry.symbol == import.symbol
                && matches!(entry.kind, Kind::Definition | Kind::Import)
        };
        now.exports(&import.module) || self.entries.iter().any(same)
    }
}

/// The modules that use a model, by what they do besides importing it.
struct Served<'a>(FxHashSet<(&'a str, &'a str)>);

impl<'a> Served<'a> {
    fn of(now: &'a State, stances: &[Stance]) -> Self {
        let uses = now.touchpoints.iter().zip(stances).filter(|(found, stance)| {
            !found.entry.is_import() && matches!(stance, Stance::Counted | Stance::Allowed | Stance::Denied)
        });
        Self(uses.map(|(found, _)| (&*found.entry.module, &*found.entry.target)).collect())
    }

    /// Whether an import is there for a use that is judged itself.
    fn serves(&self, import: &Entry) -> bool {
        import.is_import() && self.0.contains(&(&*import.module, &*import.target))
    }
}

/// The first line at which a file imports a model, of files that did not import it before.
fn new_imports<'a>(now: &'a State, known: Option<&Known>) -> FxHashMap<(&'a str, &'a str), u32> {
    let is_import = |entry: &&Entry| entry.is_import();
    let before: FxHashSet<(&str, &str)> = known
        .iter()
        .flat_map(|known| known.entries.iter().filter(is_import))
        .map(|entry| (&*entry.module, &*entry.target))
        .collect();
    let mut lines: FxHashMap<(&str, &str), u32> = FxHashMap::default();
    for found in now.touchpoints.iter().filter(|found| is_import(&&found.entry)) {
        let entry = &found.entry;
        if !before.contains(&(&*entry.module, &*entry.target)) {
            lines.entry((&found.file, &entry.target)).or_insert(found.line);
        }
    }
    lines
}
