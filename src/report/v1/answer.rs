//! The answer of Report v1: ready, not ready or not verified, with its reasons.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Report;
use super::databases::ReportFinding;
use crate::audit::Audit;
use crate::check;
use crate::live::facts::DatabaseFacts;
use crate::plan::{AssumptionKind, Effect, Outcome, Plan, Step, UnmetAssumption};
use crate::source::{GapKind, INSTALLED_APPS};

/// The answer in short: may the change of the key begin?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "PublishedAnswer")]
#[schemars(!from)]
pub struct Answer {
    /// Whether the migration may start: `yes` (ready), `no` (not ready) or `unproven` (not verified).
    pub may_start: MayStart,
    /// Findings that forbid it unless they are resolved, the gravest first; the plan resolves those of
    /// `handled_by_plan`.
    pub blocked_by: Vec<String>,
    /// Facts that must be verified and could not be.
    pub unproven: Vec<String>,
    /// The column whose range ends first, as an index into `columns` and into its `environments`.
    pub tightest: Option<[usize; 2]>,
    /// The answer.
    #[serde(default)]
    pub verdict: Readiness,
    /// Why that answer, the most important reason first; none for ready without anything to do.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Blockers that steps of the plan remove.
    #[serde(default)]
    pub handled_by_plan: Vec<HandledBlocker>,
    /// Blockers that no step of the plan removes: they need a decision first.
    #[serde(default)]
    pub decisions: Vec<String>,
    /// The fingerprint of the finding behind each of `decisions`, in the same order; null for an assumption of the plan.
    #[serde(default)]
    pub decision_findings: Vec<Option<String>>,
    /// Reasons that prevent the change although the code defines them, such as foreign keys, with the steps that handle them.
    #[serde(default)]
    pub stops_change: Vec<String>,
}

/// An answer as a file contains it: reports from before the verdict have only `may_start` and its two lists.
#[derive(Deserialize)]
struct PublishedAnswer {
    may_start: MayStart,
    blocked_by: Vec<String>,
    unproven: Vec<String>,
    tightest: Option<[usize; 2]>,
    verdict: Option<Readiness>,
    reasons: Option<Vec<String>>,
    #[serde(default)]
    handled_by_plan: Vec<HandledBlocker>,
    decisions: Option<Vec<String>>,
    #[serde(default)]
    decision_findings: Vec<Option<String>>,
    #[serde(default)]
    stops_change: Vec<String>,
}

impl From<PublishedAnswer> for Answer {
    fn from(published: PublishedAnswer) -> Self {
        let verdict = published.verdict.unwrap_or(match published.may_start {
            MayStart::Yes => Readiness::Ready,
            MayStart::No => Readiness::NotReady,
            MayStart::Unproven => Readiness::NotVerified,
        });
        // Without a plan to compare with, every blocker needs a decision.
        let decisions = published.decisions.unwrap_or_else(|| published.blocked_by.clone());
        let reasons = published.reasons.unwrap_or_else(|| match verdict {
            Readiness::Ready => Vec::new(),
            Readiness::NotReady => decisions.clone(),
            Readiness::NotVerified => published.unproven.clone(),
        });
        Self {
            may_start: published.may_start,
            blocked_by: published.blocked_by,
            unproven: published.unproven,
            tightest: published.tightest,
            verdict,
            reasons,
            handled_by_plan: published.handled_by_plan,
            decisions,
            decision_findings: published.decision_findings,
            stops_change: published.stops_change,
        }
    }
}

/// The answer's value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Readiness {
    /// All relevant facts were read, and the plan removes every blocker.
    Ready,
    /// A blocker exists that the plan does not remove.
    NotReady,
    /// No blocker was found, but a relevant fact could not be read.
    #[default]
    NotVerified,
}

/// A blocker that the plan removes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandledBlocker {
    /// The blocker, as in `blocked_by`.
    pub blocker: String,
    /// The steps of the plan that remove it, by their ids.
    pub steps: Vec<String>,
}

/// Whether the change may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MayStart {
    /// Nothing known forbids it, and nothing that matters is unknown.
    Yes,
    /// Something forbids it.
    No,
    /// Nothing known forbids it, but not enough is known.
    Unproven,
}

/// The facts of a database with the target's table that are required before its key may be changed.
const NEEDED: [&str; 5] = ["tables", "foreign keys", "foreign keys of other databases", "triggers", "sizes and ranges"];

impl Report {
    /// Adds the contents of the databases, the findings of the checks, and the answer.
    #[must_use]
    pub fn with_databases(mut self, audit: &Audit, findings: &[check::Finding]) -> Self {
        super::databases::fill(&mut self, audit, findings);
        self.answer = Some(Answer::new(audit, &self));
        self
    }
}

impl Answer {
    /// The answer without a plan.
    pub(super) fn new(audit: &Audit, report: &Report) -> Self {
        let blocking = || report.findings.iter().filter(|one| one.blocks);
        let mut blocked_by: Vec<String> = blocking().map(blocker).collect();
        blocked_by.dedup();
        let mut answer = Self {
            may_start: MayStart::Unproven,
            decisions: Vec::new(),
            decision_findings: Vec::new(),
            blocked_by,
            unproven: unverified(audit),
            tightest: tightest(report),
            verdict: Readiness::NotVerified,
            reasons: Vec::new(),
            handled_by_plan: Vec::new(),
            stops_change: Vec::new(),
        };
        blocking().for_each(|finding| answer.decide(blocker(finding), Some(finding)));
        answer.decided()
    }

    /// Adds a decision, unless one has the same text.
    fn decide(&mut self, text: String, finding: Option<&ReportFinding>) {
        if !self.decisions.contains(&text) {
            self.decisions.push(text);
            self.decision_findings.push(finding.map(|finding| finding.fingerprint.clone()));
        }
    }

    /// The answer with what the plan takes care of.
    pub(super) fn with_plan(mut self, findings: &[ReportFinding], plan: &Plan) -> Self {
        self.decisions.clear();
        self.decision_findings.clear();
        // Findings of two databases may have one text, and the plan may handle only one of them.
        for finding in findings.iter().filter(|finding| finding.blocks) {
            let text = blocker(finding);
            let steps = plan.steps.iter().filter(|step| removes(step, finding)).map(|step| step.id.clone());
            let steps: Vec<String> = steps.collect();
            if steps.is_empty() {
                self.decide(text, Some(finding));
                continue;
            }
            match self.handled_by_plan.iter_mut().find(|one| one.blocker == text) {
                Some(known) => {
                    let new = steps.into_iter().filter(|step| !known.steps.contains(step));
                    let new: Vec<String> = new.collect();
                    known.steps.extend(new);
                }
                None => self.handled_by_plan.push(HandledBlocker { blocker: text, steps }),
            }
        }
        self.stops_change = stops(plan);
        self.rest_on(plan);
        self.decided()
    }

    /// Adds the unmet assumptions of the plan: a change is not ready while its plan is incomplete.
    fn rest_on(&mut self, plan: &Plan) {
        // Facts that the audit lists itself count once.
        let is_listed = |kind: AssumptionKind| {
            matches!(
                kind,
                AssumptionKind::IncompleteRead
                    | AssumptionKind::IncompleteList
                    | AssumptionKind::UnmappedDatabase
                    | AssumptionKind::MissingTable
                    | AssumptionKind::UnreadAlias
            )
        };
        let verified_so_far = self.unproven.is_empty();
        for assumption in &plan.assumptions {
            let text = assumption.sentence();
            if !verified_so_far && is_listed(assumption.kind) {
                continue;
            }
            if is_false(plan, assumption) {
                self.decide(text, None);
            } else if !self.unproven.contains(&text) {
                self.unproven.push(text);
            }
        }
    }

    fn decided(mut self) -> Self {
        (self.verdict, self.may_start) = match (self.decisions.is_empty(), self.unproven.is_empty()) {
            (false, _) => (Readiness::NotReady, MayStart::No),
            (true, false) => (Readiness::NotVerified, MayStart::Unproven),
            (true, true) => (Readiness::Ready, MayStart::Yes),
        };
        self.reasons = match self.verdict {
            Readiness::NotReady => self.decisions.clone(),
            Readiness::NotVerified => self.unproven.clone(),
            Readiness::Ready => self.handled_by_plan.iter().map(|one| one.blocker.clone()).collect(),
        };
        self
    }
}

/// Whether an assumption of a plan is known to be false: a precondition that failed, or a key that cannot be widened.
fn is_false(plan: &Plan, assumption: &UnmetAssumption) -> bool {
    let failed = |step: &Step| {
        Some(&step.id) == assumption.step.as_ref()
            && step
                .preconditions
                .iter()
                .any(|one| Some(one.id) == assumption.precondition && one.outcome == Outcome::Failed)
    };
    assumption.kind == AssumptionKind::UnsupportedKey || plan.steps.iter().any(failed)
}

/// A blocking finding with its environment.
fn blocker(finding: &ReportFinding) -> String {
    match &finding.environment {
        Some(environment) => format!("{environment}: {}", finding.message),
        None => finding.message.clone(),
    }
}

/// Whether a step of the plan removes what a finding is about: the effect of the step is on the same column, foreign
/// key or table of the same environment.
fn removes(step: &Step, finding: &ReportFinding) -> bool {
    // A blocked step removes nothing until somebody has decided.
    if step.environment != finding.environment || !step.blocked_by.is_empty() {
        return false;
    }
    let is =
        |known: &Option<String>, name: &str| known.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(name));
    step.effects.iter().any(|effect| match effect {
        Effect::ChangesType { database, table, column, .. } => {
            finding.check == "reference-too-narrow"
                && is(&finding.database, database)
                && is(&finding.table, table)
                && is(&finding.column, column)
        }
        Effect::DropsForeignKey { key } => match finding.check.as_str() {
            // The key may be one of another database into this one.
            "extra-foreign-key" => is(&finding.name, &key.name) && is(&finding.database, &key.referenced_database),
            "extra-table" => is(&finding.table, &key.table) && is(&finding.database, &key.database),
            _ => false,
        },
        Effect::DropsTables { database, tables } => {
            finding.check == "leftover-table"
                && is(&finding.database, database)
                && tables.iter().any(|table| is(&finding.table, table))
        }
        Effect::ChangesField { table, column, .. } => {
            finding.check == "python-range" && is(&finding.table, table) && is(&finding.column, column)
        }
        Effect::AddsForeignKey { .. } | Effect::LeavesTables { .. } | Effect::RecordsMigration { .. } => false,
    })
}

/// What stops the tools, whether the code knows it or not: gh-ost refuses a table with foreign keys.
fn stops(plan: &Plan) -> Vec<String> {
    let mut environments: Vec<(&str, Vec<String>, usize)> = Vec::new();
    for step in &plan.steps {
        let Some(environment) = step.environment.as_deref() else { continue };
        let at = match environments.iter().position(|(name, ..)| *name == environment) {
            Some(at) => at,
            None => {
                environments.push((environment, Vec::new(), 0));
                environments.len() - 1
            }
        };
        let (_, dropped, added) = &mut environments[at];
        for effect in &step.effects {
            match effect {
                Effect::DropsForeignKey { key } => dropped.push(format!(
                    "{} of {}.{} to {}.{}",
                    key.name, key.database, key.table, key.referenced_database, key.referenced_table
                )),
                Effect::AddsForeignKey { .. } => *added += 1,
                _ => {}
            }
        }
    }
    environments
        .into_iter()
        .filter(|(_, dropped, _)| !dropped.is_empty())
        .map(|(environment, dropped, added)| {
            let keys = if dropped.len() == 1 { "foreign key that prevents" } else { "foreign keys that prevent" };
            format!(
                "{environment}: the plan drops {} {keys} the change and re-creates {added}: {}",
                dropped.len(),
                dropped.join(", ")
            )
        })
        .collect()
}

/// What could not be verified and has to be, what somebody can give first.
fn unverified(audit: &Audit) -> Vec<String> {
    let mut out = Vec::new();
    if audit.environments.is_empty() {
        out.push(String::from("no environment was read: the contents of the databases are unknown"));
    }
    out.extend(databases_not_given(audit));
    if audit.expected.iter().all(|code| code.apps.is_empty()) {
        out.push(String::from(
            "the installed apps are unknown, so no table of the code was compared; set the settings module with --settings",
        ));
    } else if !audit.expected.iter().any(|code| code.models.contains_key(&audit.target.label.to_lowercase())) {
        out.push(format!(
            "no migration creates {}, so its table and its key are assumed from Django's defaults",
            audit.target.label
        ));
    }
    for environment in &audit.environments {
        out.extend(unverified_of(audit, environment));
    }
    for gap in &audit.gaps {
        if is_about_target(audit, gap) || matches!(gap.kind, GapKind::DatabaseWithoutAlias | GapKind::ColumnUnmeasured)
        {
            out.push(gap.reason.clone());
        }
    }
    let mut seen = std::collections::HashSet::new();
    out.retain(|line| seen.insert(line.clone()));
    out
}

/// Aliases of which an environment shows no database: with a column that stores the ids first, each with the URL that
/// is missing.
fn databases_not_given(audit: &Audit) -> Vec<String> {
    let (mut with_ids, mut others) = (Vec::new(), Vec::new());
    for gap in audit.gaps.iter().filter(|gap| gap.kind == GapKind::AliasUnread) {
        let (Some(environment), Some(alias)) = (&gap.subject().environment, &gap.subject().object) else { continue };
        let stored: Vec<String> = audit
            .columns
            .iter()
            .filter(|column| column.alias.as_ref() == Some(alias))
            .map(|column| format!("{}.{}", column.table, column.column))
            .collect();
        if stored.is_empty() {
            others.push(gap.reason.clone());
            continue;
        }
        let name =
            audit.expected.iter().find_map(|code| code.alias_names.get(alias)).map_or("DATABASE", String::as_str);
        let stores = if stored.len() == 1 { "stores" } else { "store" };
        with_ids.push(format!(
            "{environment}: {} {stores} ids of {}, and no database was passed for the alias {alias}: add --replica \
             {environment}=mysql://USER@HOST/{name}",
            stored.join(", "),
            audit.target.label
        ));
    }
    with_ids.append(&mut others);
    with_ids
}

fn unverified_of(audit: &Audit, environment: &crate::audit::Environment) -> Vec<String> {
    let facts = &environment.facts;
    let name = &facts.name;
    let mut out: Vec<String> =
        facts.incomplete.iter().map(|part| format!("{name}, {}: {}", part.place, part.reason)).collect();
    let holders: Vec<&DatabaseFacts> =
        facts.databases.iter().filter(|database| database.table(&audit.target.table).is_some()).collect();
    if holders.is_empty() {
        out.push(format!("{name}: no database that was read has the table {}", audit.target.table));
    }
    for database in &holders {
        if let Some(table) = database.table(&audit.target.table) {
            if table.is_view {
                out.push(format!("{name}, {}: {} is a view; its tables were not compared", database.name, table.name));
            } else if table.column(&audit.target.key).is_none() {
                out.push(format!(
                    "{name}, {}: {} has no column {}, so no column of the target could be compared",
                    database.name, table.name, audit.target.key
                ));
            }
        }
    }
    for (place, what, reason) in facts.unproven() {
        if NEEDED.contains(&what) && holders.iter().any(|database| database.name == place) {
            out.push(format!("{name}, {place}, {what}: {reason}"));
        }
    }
    out
}

/// Whether a gap leaves the target's own columns, or the list of installed apps, open.
fn is_about_target(audit: &Audit, gap: &crate::source::Gap) -> bool {
    let Some(object) = gap.subject().object.as_deref() else { return gap.kind == GapKind::NoTarget };
    let app = audit.target.label.split('.').next().unwrap_or_default();
    match &gap.subject().field {
        Some(_) if object == INSTALLED_APPS => true,
        Some(field) => {
            object.eq_ignore_ascii_case(&audit.target.label) && field.eq_ignore_ascii_case(&audit.target.key)
        }
        None if object == INSTALLED_APPS => audit.expected.iter().all(|code| code.apps.is_empty()),
        None => {
            matches!(gap.kind, GapKind::Operation | GapKind::Migration | GapKind::Circle | GapKind::South)
                && object.eq_ignore_ascii_case(app)
        }
    }
}

/// The column whose range ends first.
fn tightest(report: &Report) -> Option<[usize; 2]> {
    let mut best: Option<(f64, [usize; 2])> = None;
    for (at, column) in report.columns.iter().enumerate() {
        for (within, place) in column.environments.iter().enumerate() {
            if let Some(share) = place.share
                && best.is_none_or(|(most, _)| share > most)
            {
                best = Some((share, [at, within]));
            }
        }
    }
    best.map(|(_, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report of the example and its plan.
    fn example() -> (Report, Plan) {
        let report = serde_json::from_str(include_str!("../../../reports/example/csm-audit.json")).unwrap();
        let mut plan: serde_json::Value =
            serde_json::from_str(include_str!("../../../reports/example/plan/plan.json")).unwrap();
        (report, serde_json::from_value(plan["plan"].take()).unwrap())
    }

    #[test]
    fn the_plan_handles_the_finding_of_one_database_and_not_its_twin() {
        let (report, plan) = example();
        let answer = report.answer.clone().unwrap();
        let handled = |finding: &&ReportFinding| {
            finding.check == "reference-too-narrow" && plan.steps.iter().any(|step| removes(step, finding))
        };
        let known = report.findings.iter().find(handled).unwrap().clone();
        let twin = ReportFinding {
            database: Some(String::from("elsewhere")),
            fingerprint: String::from("twin"),
            ..known.clone()
        };
        let mut plain = answer.clone();
        plain.handled_by_plan.clear();
        plain.unproven.clear();
        for findings in [[known.clone(), twin.clone()], [twin, known.clone()]] {
            let answer = plain.clone().with_plan(&findings, &plan);
            let at = answer.decisions.iter().position(|text| *text == blocker(&known)).unwrap();
            assert_eq!(answer.decision_findings[at].as_deref(), Some("twin"));
            assert!(answer.handled_by_plan.iter().any(|one| one.blocker == blocker(&known)));
            assert_eq!(answer.verdict, Readiness::NotReady);
        }
        // Without the twin the finding is no decision.
        let answer = plain.with_plan(std::slice::from_ref(&known), &plan);
        assert!(!answer.decisions.contains(&blocker(&known)));
    }
}
