//! The plan in Report v1: the frozen types of `plan.json`, with the unmet assumptions as sentences beside them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{Plan, Step, StrategyAssessment, UnmetAssumption};

/// The plan of the change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportPlan {
    /// The new type of the key, such as `bigint unsigned`.
    pub change: String,
    /// Whether no assumption of the plan is unmet.
    pub complete: bool,
    /// The unmet assumptions, a sentence each; scripts that depend on one refuse to run until it is resolved or overridden.
    pub open: Vec<String>,
    /// The same as data.
    #[serde(default)]
    pub assumptions: Vec<UnmetAssumption>,
    /// The strategies that were compared, table by table, the recommended one of a table first.
    pub strategies: Vec<StrategyAssessment>,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

impl super::Report {
    /// Adds the plan.
    #[must_use]
    pub fn with_plan(mut self, plan: &Plan) -> Self {
        self.plan = Some(ReportPlan::from(plan));
        if let Some(answer) = self.answer.take() {
            self.answer = Some(answer.with_plan(&self.findings, plan));
        }
        self
    }
}

impl From<&Plan> for ReportPlan {
    fn from(plan: &Plan) -> Self {
        Self {
            change: plan.change.clone(),
            complete: plan.complete,
            open: plan.assumptions.iter().map(UnmetAssumption::sentence).collect(),
            assumptions: plan.assumptions.clone(),
            strategies: plan.strategies.clone(),
            steps: plan.steps.clone(),
        }
    }
}
