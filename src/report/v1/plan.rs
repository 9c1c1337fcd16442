//! What Report v1 says of the plan.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan;

/// The plan of the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportPlan {
    /// What is to become of the key, such as `bigint unsigned`.
    pub change: String,
    /// Whether nothing that it rests on is a gap or unproven.
    pub complete: bool,
    /// What it rests on and nobody knows; its scripts refuse to run until that is settled or overridden.
    pub open: Vec<String>,
    /// The ways to do it, table by table, the recommended one of a table first.
    pub strategies: Vec<ReportStrategy>,
    /// What to do, in this order.
    pub steps: Vec<ReportStep>,
}

/// A way to change a table, judged by live numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportStrategy {
    /// The environment.
    pub environment: String,
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// `gh-ost`, `pt-online-schema-change`, `alter`, `django-migration`, `new-cluster`.
    pub strategy: String,
    /// What is thought of it.
    pub verdict: Verdict,
    /// Why.
    pub why: String,
    /// What writers and readers notice.
    pub downtime: String,
    /// How long it takes.
    pub duration: Option<Estimate>,
    /// Bytes of disk it needs on each server, for the while it lasts.
    pub disk: Option<Estimate>,
    /// Bytes of binary log it writes.
    pub binary_log: Option<Estimate>,
    /// What can go wrong.
    pub risks: Vec<String>,
    /// What it needs.
    pub needs: Vec<String>,
}

/// What is thought of a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The one that the plan takes.
    Recommended,
    /// It would work.
    Possible,
    /// It would not, or would lose something.
    Refused,
    /// Too little is known to say.
    Unproven,
}

/// A range, never one number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// At least; seconds or bytes.
    pub least: u64,
    /// At most.
    pub most: u64,
    /// `seconds` or `bytes`.
    pub unit: String,
    /// What has to hold for it.
    pub assumptions: Vec<String>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportStep {
    /// Its id, such as `prod-03`, the same while the plan is the same.
    pub id: String,
    /// What kind of a step.
    pub kind: StepKind,
    /// What it does, in a line.
    pub title: String,
    /// The environment; none for what is done in the code.
    pub environment: Option<String>,
    /// The server it is run on.
    pub server: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// The table.
    pub table: Option<String>,
    /// The script in the plan's folder.
    pub script: Option<String>,
    /// The command, the SQL or the source code.
    pub run: String,
    /// What has to hold before it may start.
    pub preconditions: Vec<ReportPrecondition>,
    /// How to see that it worked.
    pub verify: Vec<ReportProbe>,
    /// The way back.
    pub rollback: ReportRollback,
    /// How long it takes.
    pub estimate: Option<Estimate>,
    /// The steps that have to be done before.
    pub after: Vec<String>,
    /// What forbids it now.
    pub blocked_by: Vec<String>,
}

/// What kind of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// Look before.
    Preflight,
    /// Widen a column that stores the ids.
    WidenReference,
    /// Drop a foreign key.
    DropForeignKey,
    /// Change the table with gh-ost.
    GhOst,
    /// Change the table with pt-online-schema-change.
    PtOnlineSchemaChange,
    /// Change the table with ALTER TABLE.
    Alter,
    /// Add a foreign key again.
    AddForeignKey,
    /// Bring Django's state to the database.
    DjangoMigration,
    /// Look afterwards.
    Verify,
    /// Take away what is left.
    CleanUp,
}

/// Something that has to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportPrecondition {
    /// What.
    pub what: String,
    /// The query that proves it.
    pub query: Option<String>,
    /// Whether it held when the servers were read.
    pub outcome: Outcome,
    /// What was seen.
    pub seen: String,
    /// What to do when it does not hold.
    pub fix: Option<String>,
}

/// Whether something held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It did.
    Passed,
    /// It did not.
    Failed,
    /// Nobody knows.
    Unproven,
}

/// A query and its answer when all is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportProbe {
    /// What is looked at.
    pub what: String,
    /// The query.
    pub query: String,
    /// The answer.
    pub expected: String,
}

/// A way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportRollback {
    /// The command or SQL; none when there is nothing to undo, or no way.
    pub run: Option<String>,
    /// What it brings back, or why there is no way.
    pub what: String,
    /// Until when there is a way back; none when it does not expire.
    pub until: Option<String>,
    /// Whether this step is the point of no return.
    pub point_of_no_return: bool,
}

impl super::Report {
    /// Adds the plan.
    #[must_use]
    pub fn with_plan(mut self, plan: &plan::Plan) -> Self {
        self.plan = Some(ReportPlan::from(plan));
        if let Some(answer) = self.answer.take() {
            self.answer = Some(answer.with_plan(&self.findings, plan));
        }
        self
    }
}

impl From<&plan::Plan> for ReportPlan {
    fn from(plan: &plan::Plan) -> Self {
        let open = |open: &plan::Open| match &open.environment {
            Some(environment) => format!("{environment}: {}", open.what),
            None => open.what.clone(),
        };
        Self {
            change: plan.change.clone(),
            complete: plan.complete,
            open: plan.open.iter().map(open).collect(),
            strategies: plan.strategies.iter().map(ReportStrategy::from).collect(),
            steps: plan.steps.iter().map(ReportStep::from).collect(),
        }
    }
}

impl From<&plan::Strategy> for ReportStrategy {
    fn from(strategy: &plan::Strategy) -> Self {
        Self {
            environment: strategy.environment.clone(),
            database: strategy.database.clone(),
            table: strategy.table.clone(),
            strategy: strategy.way.name().to_owned(),
            verdict: match strategy.verdict {
                plan::Verdict::Recommended => Verdict::Recommended,
                plan::Verdict::Possible => Verdict::Possible,
                plan::Verdict::Refused => Verdict::Refused,
                plan::Verdict::Unproven => Verdict::Unproven,
            },
            why: strategy.why.clone(),
            downtime: strategy.downtime.clone(),
            duration: strategy.duration.as_ref().map(Estimate::from),
            disk: strategy.disk.as_ref().map(Estimate::from),
            binary_log: strategy.binary_log.as_ref().map(Estimate::from),
            risks: strategy.risks.clone(),
            needs: strategy.needs.clone(),
        }
    }
}

impl From<&plan::estimate::Range> for Estimate {
    fn from(range: &plan::estimate::Range) -> Self {
        Self { least: range.least, most: range.most, unit: range.unit.clone(), assumptions: range.assumptions.clone() }
    }
}

impl From<&plan::Step> for ReportStep {
    fn from(step: &plan::Step) -> Self {
        Self {
            id: step.id.clone(),
            kind: step.kind.into(),
            title: step.title.clone(),
            environment: step.environment.clone(),
            server: step.server.clone(),
            database: step.database.clone(),
            table: step.table.clone(),
            script: step.script.clone(),
            run: step.run.clone(),
            preconditions: step.preconditions.iter().map(ReportPrecondition::from).collect(),
            verify: step.verify.iter().map(ReportProbe::from).collect(),
            rollback: ReportRollback {
                run: step.rollback.run.clone(),
                what: step.rollback.what.clone(),
                until: step.rollback.until.clone(),
                point_of_no_return: step.rollback.point_of_no_return,
            },
            estimate: step.estimate.as_ref().map(Estimate::from),
            after: step.after.clone(),
            blocked_by: step.blocked_by.clone(),
        }
    }
}

impl From<plan::Kind> for StepKind {
    fn from(kind: plan::Kind) -> Self {
        match kind {
            plan::Kind::Preflight => Self::Preflight,
            plan::Kind::WidenReference => Self::WidenReference,
            plan::Kind::DropForeignKey => Self::DropForeignKey,
            plan::Kind::GhOst => Self::GhOst,
            plan::Kind::PtOnlineSchemaChange => Self::PtOnlineSchemaChange,
            plan::Kind::Alter => Self::Alter,
            plan::Kind::AddForeignKey => Self::AddForeignKey,
            plan::Kind::DjangoMigration => Self::DjangoMigration,
            plan::Kind::Verify => Self::Verify,
            plan::Kind::CleanUp => Self::CleanUp,
        }
    }
}

impl From<&plan::Precondition> for ReportPrecondition {
    fn from(item: &plan::Precondition) -> Self {
        Self {
            what: item.what.clone(),
            query: item.query.clone(),
            outcome: match item.outcome {
                plan::Outcome::Passed => Outcome::Passed,
                plan::Outcome::Failed => Outcome::Failed,
                plan::Outcome::Unproven => Outcome::Unproven,
            },
            seen: item.seen.clone(),
            fix: item.fix.clone(),
        }
    }
}

impl From<&plan::Probe> for ReportProbe {
    fn from(probe: &plan::Probe) -> Self {
        Self { what: probe.what.clone(), query: probe.query.clone(), expected: probe.expected.clone() }
    }
}
