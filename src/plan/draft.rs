//! A step that is being built, with its script.

use super::context::EnvironmentContext;
use super::script::Script;
use super::shell::slug;
use super::topology::Topology;
use super::types::{Language, Phase, Probe, Rollback, Step, StepKind};

/// A step and its script. The order fills in what depends on other steps: `after`, `blocked_by` and the probes of earlier
/// steps.
pub(super) struct Draft {
    pub step: Step,
    pub script: Script,
}

/// The place of a step in the plan: its id, from which the name of its script follows.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// The id, such as `prod-03`.
    pub id: String,
}

impl Slot {
    /// The bare file name of a script.
    pub(super) fn file(&self, what: &str, table: Option<&str>) -> String {
        match table {
            Some(table) => format!("{}-{what}-{}.sh", self.id, slug(table)),
            None => format!("{}-{what}.sh", self.id),
        }
    }
}

/// A step in an environment, to which its builder adds the rest.
pub(super) fn step(context: &EnvironmentContext<'_>, slot: &Slot, kind: StepKind, title: String) -> Step {
    Step {
        id: slot.id.clone(),
        kind,
        phase: None,
        title,
        environment: Some(context.name().to_owned()),
        server: None,
        database: None,
        table: None,
        script: None,
        run: String::new(),
        language: Language::Shell,
        preconditions: Vec::new(),
        verify: Vec::new(),
        rollback: Rollback::none(""),
        estimate: None,
        after: Vec::new(),
        blocked_by: Vec::new(),
        effects: Vec::new(),
    }
}

/// The script of a step.
pub(super) fn script(step: &Step, context: &EnvironmentContext<'_>, topology: Option<&Topology<'_>>) -> Script {
    Script::new(&step.id, &step.title, context.name(), topology)
}

/// Whether a step is the first half of an online copy, which changes nothing that readers and writers see.
pub(super) fn is_copy(step: &Step) -> bool {
    step.phase == Some(Phase::Copy)
}

/// What later steps ask to see that a step is done.
pub(super) fn done_probes(step: &Step) -> &[Probe] {
    if is_copy(step) { &[] } else { &step.verify }
}
