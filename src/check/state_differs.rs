//! What the state of the migrations says and the tables they make do not.

use super::context::{Context, MIGRATIONS};
use super::Finding;
use crate::finding::Severity;

declare_check! {
    /// ## What
    ///
    /// The migrations themselves leave a table other than their state says: `SeparateDatabaseAndState`, `RunSQL`, a
    /// subclass of an operation with a `database_forwards` of its own, a router that keeps an operation from running.
    ///
    /// ## Why
    ///
    /// The state is what Django believes and what the next migration is computed from. The tables are what is there, on
    /// every installation.
    ///
    /// ## Example
    ///
    /// The state says that `courseware_studentmodulehistory.student_module_id` follows the key of `StudentModule`, a
    /// `bigint unsigned`; the migration that widened the key never touched that column, which is `int(11)`.
    ///
    /// ## Fix
    ///
    /// A migration that brings the one to the other: `RunSQL` with `state_operations`, or none of either where the
    /// difference is meant, said in a comment.
    pub static STATE_DIFFERS = {
        id: "state-differs",
        severity: Warning,
        summary: "the migrations' state and the tables they make differ",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let Some(code) = context.audit.expected.first() else { return };
    for difference in &code.differences {
        let place = match &difference.column {
            Some(column) => format!("{}.{column}", difference.table),
            None => difference.table.clone(),
        };
        let message =
            format!("{place}: the state says {}, and the migrations leave {}", difference.state, difference.database);
        let stores = context.audit.columns.iter().any(|column| {
            column.table.eq_ignore_ascii_case(&difference.table)
                && difference.column.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&column.column))
        });
        let mut finding = Finding::of_code(&STATE_DIFFERS, message)
            .severity(Severity::Warning)
            .table(&difference.table)
            .affects_target_if(stores)
            .evidence("state", difference.state.clone())
            .evidence(MIGRATIONS, difference.database.clone())
            .fix("a migration that brings the one to the other, with SeparateDatabaseAndState");
        finding.subject.alias = Some(difference.alias.clone());
        if let Some(column) = &difference.column {
            finding = finding.column(column);
        }
        findings.push(finding);
    }
}
