//! Indexes of a database that the code does not have.

use super::context::{Context, MIGRATIONS};
use super::indexes::covered_by;
use super::Finding;
use crate::finding::Severity;

declare_check! {
    /// ## What
    ///
    /// A table has an index that no migration makes. A unique one is a warning: it refuses rows that the code takes for
    /// good.
    ///
    /// ## Why
    ///
    /// It was made by hand for a reason that nobody wrote down. It costs every write, a copy of the table carries it
    /// along, and a table made from the code lacks it.
    ///
    /// ## Example
    ///
    /// `courseware_stats` was made by hand in production in 2012 and came into a migration years later.
    ///
    /// ## Fix
    ///
    /// Ask what uses it; then bring it into a migration, or drop it in the same copy as the change of the key.
    pub static EXTRA_INDEX = {
        id: "extra-index",
        severity: Warning,
        summary: "the table has an index that no migration makes",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        for held in &matched.indexes.extra {
            if covered_by(held, &matched.held.indexes).is_some() {
                continue;
            }
            let (severity, effect) = if held.unique {
                (Severity::Warning, "it refuses rows that the code takes for good")
            } else {
                (Severity::Info, "it was made by hand")
            };
            findings.push(
                Finding::new(
                    &EXTRA_INDEX,
                    &matched.pair,
                    format!("no migration makes {} on {}: {effect}", held.name, matched.name),
                )
                .severity(severity)
                .table(matched.name)
                .name(&held.name)
                .affects_target_if(matched.concerns)
                .evidence(MIGRATIONS, "no such index")
                .evidence(matched.environment(), held.describe())
                .fix("ask what uses it; bring it into a migration, or drop it in the same copy as the change of the key"),
            );
        }
    }
}
