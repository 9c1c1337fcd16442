//! Indexes of a database that the code does not have.

use super::context::{Context, MIGRATIONS};
use super::indexes::covered_by;
use super::Finding;
use crate::finding::Severity;

declare_check! {
    /// ## What
    ///
    /// A table has an index that no migration creates. Severity warning if the index is unique: it refuses rows that
    /// are valid in the code.
    ///
    /// ## Why
    ///
    /// The index was created manually for an undocumented reason. It slows down every write, a copy of the table keeps
    /// it, and a table created from the code lacks it.
    ///
    /// ## Example
    ///
    /// `courseware_stats` was created manually in production in 2012 and added to a migration years later.
    ///
    /// ## Fix
    ///
    /// Find the queries that use the index. Then add it to a migration, or drop it in the same copy as the change of
    /// the key.
    pub static EXTRA_INDEX = {
        id: "extra-index",
        severity: Warning,
        summary: "the table has an index that no migration creates",
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
                (Severity::Warning, "it refuses rows that are valid in the code")
            } else {
                (Severity::Info, "it was created manually")
            };
            findings.push(
                Finding::new(
                    &EXTRA_INDEX,
                    &matched.pair,
                    format!("{}: index on {} not created by any migration: {effect}", held.name, matched.name),
                )
                .severity(severity)
                .table(matched.name)
                .name(&held.name)
                .affects_target_if(matched.concerns)
                .evidence(MIGRATIONS, "no such index")
                .evidence(matched.environment(), held.describe())
                .fix("identify the queries that use the index; then add it to a migration, or drop it in the same copy as the change of the key"),
            );
        }
    }
}
