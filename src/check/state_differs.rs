//! What the state of the migrations says and the tables they make do not.

use super::context::{Context, MIGRATIONS};
use super::Finding;
use crate::finding::Severity;

declare_check! {
    /// ## What
    ///
    /// The migrations create tables that differ from their own state: because of `SeparateDatabaseAndState`, `RunSQL`,
    /// an operation with its own `database_forwards`, or a router that prevents an operation.
    ///
    /// ## Why
    ///
    /// Django computes the next migration from the state. The tables are the actual result, on every installation.
    ///
    /// ## Example
    ///
    /// In the state, `courseware_studentmodulehistory.student_module_id` follows the key of `StudentModule`, a
    /// `bigint unsigned`; the migration that widened the key did not change that column, which is `int(11)`.
    ///
    /// ## Fix
    ///
    /// Write a migration that removes the difference: `RunSQL` with `state_operations`. If the difference is intended,
    /// say so in a comment.
    pub static STATE_DIFFERS = {
        id: "state-differs",
        severity: Warning,
        summary: "the state of the migrations differs from the tables that they create",
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
            format!("{place}: {} in the state of the migrations, {} in the tables that they create", difference.state, difference.database);
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
            .fix("write a migration that removes the difference, with SeparateDatabaseAndState");
        finding.subject.alias = Some(difference.alias.clone());
        if let Some(column) = &difference.column {
            finding = finding.column(column);
        }
        findings.push(finding);
    }
}
