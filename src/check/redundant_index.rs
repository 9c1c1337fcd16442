//! Indexes that another index makes needless.

use super::context::{Context, MIGRATIONS};
use super::indexes::covered_by;
use super::Finding;

declare_check! {
    /// ## What
    ///
    /// A table has an index that no migration creates, and another index begins with the same columns.
    ///
    /// ## Why
    ///
    /// The other index serves the same queries. A redundant index slows down every write and makes a copy of the table
    /// longer and larger.
    ///
    /// ## Example
    ///
    /// `courseware_studentmodule_42ff452e (student_id)` in addition to the unique key that begins with `student_id`, on
    /// one site only.
    ///
    /// ## Fix
    ///
    /// Drop the index, for a large table in the same copy as the change of the key.
    pub static REDUNDANT_INDEX = {
        id: "redundant-index",
        severity: Info,
        summary: "the table has a redundant index",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        for held in &matched.indexes.extra {
            let Some(other) = covered_by(held, &matched.held.indexes) else { continue };
            findings.push(
                Finding::new(
                    &REDUNDANT_INDEX,
                    &matched.pair,
                    format!("{} on {}: redundant, {} serves the same queries", held.name, matched.name, other.name),
                )
                .table(matched.name)
                .name(&held.name)
                .affects_target_if(matched.concerns)
                .evidence(MIGRATIONS, "no such index")
                .evidence(matched.environment(), format!("{}; {}", held.describe(), other.describe()))
                .fix(format!(
                    "ALTER TABLE {} DROP INDEX {}",
                    crate::schema::quote(matched.name),
                    crate::schema::quote(&held.name)
                )),
            );
        }
    }
}
