//! Triggers on tables of the code.

use super::context::{Context, MIGRATIONS};
use super::{Finding, programs};
use crate::finding::Severity;

declare_check! {
    /// ## What
    ///
    /// A trigger is defined on a table of the code, or references one. Severity error on the target's table.
    ///
    /// ## Why
    ///
    /// gh-ost refuses a table with triggers unless `--include-triggers` is set (with a suffix, because trigger names
    /// are unique per database); pt-online-schema-change creates triggers of its own. Writes of a trigger send no
    /// Django signal.
    ///
    /// ## Example
    ///
    /// A trigger that copies every change of `courseware_studentmodule` into a table of a reporting team.
    ///
    /// ## Fix
    ///
    /// Identify the owner. Then drop the trigger, or let gh-ost include it.
    pub static DEPENDENT_TRIGGER = {
        id: "dependent-trigger",
        severity: Error,
        summary: "a trigger on a table of the code",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for pair in &context.pairs {
        let list = &pair.database.triggers;
        for trigger in &list.found {
            let all: Vec<&String> = std::iter::once(&trigger.table).chain(&trigger.mentions).collect();
            let target = all.iter().any(|table| context.is_target(table));
            let on_target = context.is_target(&trigger.table);
            let known = target
                || pair.tables.is_some_and(|tables| {
                    all.iter().any(|table| tables.tables.keys().any(|name| name.eq_ignore_ascii_case(table)))
                });
            if !known {
                continue;
            }
            let severity = if on_target { Severity::Error } else { Severity::Warning };
            let mentions = match trigger.mentions.as_slice() {
                [] => String::new(),
                names => format!(", and references {}", names.join(", ")),
            };
            findings.push(
                Finding::new(
                    &DEPENDENT_TRIGGER,
                    pair,
                    format!(
                        "the trigger {} runs {} every {} on {}{mentions}",
                        trigger.name,
                        trigger.timing.to_lowercase(),
                        trigger.event,
                        trigger.table
                    ),
                )
                .severity(severity)
                .table(&trigger.table)
                .name(&trigger.name)
                .affects_target_if(target).blocks_change_if(on_target)
                .evidence(MIGRATIONS, "no such trigger")
                .evidence(pair.environment_name(), format!("{} {} ON {}", trigger.timing, trigger.event, trigger.table))
                .fix("identify the owner; then drop the trigger, or include it in the copy with --include-triggers of gh-ost"),
            );
        }
        programs::outside(context, &DEPENDENT_TRIGGER, pair, &["TRIGGER"], "trigger", findings);
        programs::unproven(context, &DEPENDENT_TRIGGER, pair, &list.proof, "trigger", findings);
    }
}
