//! The plan of the change: what to run, in which order, on which server, the preconditions of a step, how to verify
//! that it worked, and how to roll it back.
//!
//! It is derived from an [`Audit`] alone. Nothing here talks to a server: what a snapshot does not show, the scripts
//! prove before they change anything.
//!
//! The parts, each of which uses only those before it: [`types`] and [`Options`]; `sql` and `shell`, which quote;
//! [`topology`] and `context`, which hold what is known; `change`, what the change of a table is; `preconditions` and
//! [`rights`], what each tool needs; `estimate` and `strategy`; `script`, `sql_step`, `copy_state` and `compare`, of which scripts are
//! made; one module for each kind of step; `order`; and the printers.

mod alter;
mod change;
mod clean_up;
pub mod commands;
mod compare;
mod context;
mod copy_state;
mod django_migration;
mod draft;
pub mod estimate;
mod foreign_keys;
mod gh_ost;
pub mod gh_ost_flags;
mod gh_ost_script;
mod model_edit;
mod options;
mod order;
mod plain_fields;
mod preconditions;
mod pt_osc;
pub mod rights;
mod runbook;
mod script;
mod shell;
mod sql;
mod sql_step;
mod strategy;
pub mod topology;
pub mod types;
pub mod verify;

use std::collections::BTreeSet;

pub use self::options::{Commands, CutOver, ModelSource, Options};
pub use self::shell::slug;
pub use self::types::{
    AssumptionKind, Effect, Estimate, File, Language, Outcome, Phase, Plan, PlannedForeignKey, Precondition,
    PreconditionId, Probe, ProbeServer, Rollback, Step, StepKind, Strategy, StrategyAssessment, UnmetAssumption,
    Verdict,
};

use self::context::EnvironmentContext;
use crate::audit::Audit;
use crate::source::GapKind;

/// Plans the change.
#[must_use]
pub fn plan(audit: &Audit, options: &Options) -> Plan {
    let mut plan = Plan {
        target: audit.target.label.clone(),
        table: audit.target.table.clone(),
        key: audit.target.key.clone(),
        change: audit.target.wanted.print(crate::schema::Server::default()),
        complete: false,
        assumptions: Vec::new(),
        strategies: Vec::new(),
        steps: Vec::new(),
        files: Vec::new(),
    };
    let mut unsupported = false;
    for index in 0..audit.environments.len() {
        let context = EnvironmentContext::new(audit, index, options);
        plan.assumptions.extend(context.assumptions.iter().cloned());
        if context.assumptions.iter().any(|assumption| assumption.kind == AssumptionKind::UnsupportedKey) {
            unsupported = true;
            continue;
        }
        order::environment(&context, &mut plan);
    }
    let migration = if unsupported { None } else { django_migration::Migration::find(audit, options) };
    if let Some(migration) = &migration {
        let step = migration.step(audit, &plan);
        plan.steps.push(step);
        plan.files.extend(migration.files());
    }
    let unmet: Vec<UnmetAssumption> = plan.steps.iter().flat_map(unmet_preconditions).collect();
    plan.assumptions.extend(unmet);
    plan.assumptions.extend(unresolved_migrations(audit));
    let mut seen = BTreeSet::new();
    plan.assumptions.retain(|assumption| seen.insert(assumption.clone()));
    plan.complete = plan.assumptions.is_empty() && !audit.environments.is_empty();
    let printed = runbook::files(&plan);
    plan.files.extend(printed);
    plan
}

/// The preconditions of a step that failed or were not checked.
fn unmet_preconditions(step: &Step) -> impl Iterator<Item = UnmetAssumption> {
    step.preconditions.iter().filter_map(|precondition| {
        let outcome = match precondition.outcome {
            Outcome::Passed => return None,
            Outcome::Failed => "failed",
            Outcome::Unproven if precondition.is_proven_at_run() => return None,
            Outcome::Unproven => "not checked",
        };
        Some(UnmetAssumption {
            environment: step.environment.clone(),
            what: format!("{}: {outcome}: {} ({})", step.id, precondition.what, precondition.seen),
            kind: AssumptionKind::Precondition,
            step: Some(step.id.clone()),
            precondition: Some(precondition.id),
        })
    })
}

/// What could not be followed in the migrations of the apps whose tables are changed: they may do more than is known.
fn unresolved_migrations(audit: &Audit) -> Vec<UnmetAssumption> {
    let owners = audit.expected.iter().flat_map(|code| {
        let tables = audit.columns.iter().map(|column| &column.table).chain([&audit.target.table]);
        tables.filter_map(|table| code.owners.get(table))
    });
    let target = audit.target.label.split_once('.').map(|(app, _)| app);
    let apps: BTreeSet<&str> = owners.map(String::as_str).chain(target).collect();
    let migrations = audit.expected.iter().flat_map(|code| &code.migrations);
    let own = migrations.filter(|migration| apps.contains(migration.node.0.as_str()));
    let files: BTreeSet<&str> = own.map(|migration| migration.file.as_str()).collect();
    // What the models say beside the migrations changes no table.
    let of_migrations = audit.gaps.iter().filter(|gap| gap.kind != GapKind::Model);
    let unresolved = of_migrations.filter_map(|gap| {
        let file = gap.file.as_deref().filter(|file| files.contains(file))?;
        let line = gap.line.map_or_else(String::new, |line| format!(":{line}"));
        Some(UnmetAssumption {
            environment: None,
            what: format!("{file}{line}: {}", gap.reason),
            kind: AssumptionKind::UnresolvedMigration,
            step: None,
            precondition: None,
        })
    });
    unresolved.collect()
}
