//! Tables that are said to be empty.

use super::context::Context;
use super::Finding;
use crate::audit::Role;
use crate::finding::Severity;

declare_check! {
    /// ## What
    ///
    /// Reports for every table that stores the target's ids whether the table contains rows, if the account could read
    /// it, and whether the server's statistics disagree.
    ///
    /// ## Why
    ///
    /// The change of a table depends on whether the table is empty. `TABLE_ROWS` is an estimate: it can be 0 for a
    /// table with rows, and positive for an empty table. Only a `SELECT` verifies it, and only for that moment.
    ///
    /// ## Example
    ///
    /// `courseware_studentmodulehistory` is empty in prod, but not in stage, where a settings flag still fills it.
    ///
    /// ## Fix
    ///
    /// Check again immediately before the change; the step of the plan does.
    pub static EMPTY_TABLE = {
        id: "empty-table",
        severity: Warning,
        summary: "whether a table that stores the target's ids is empty, verified or only estimated",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let audit = context.audit;
    for pair in &context.pairs {
        let mut seen: Vec<&str> = Vec::new();
        for column in audit.columns.iter().filter(|column| column.alias == pair.mapping.alias && column.role != Role::Key) {
            if seen.contains(&column.table.as_str()) {
                continue;
            }
            seen.push(&column.table);
            let Some(measures) = pair.database.measures_of(&column.table) else { continue };
            let estimate = measures.rows_estimate;
            let told = estimate.map_or_else(|| String::from("no estimate"), |rows| format!("an estimate of {rows} rows"));
            let (severity, message, fix) = match (measures.empty, estimate) {
                (Some(true), _) => (
                    Severity::Info,
                    format!("{}: empty (verified by SELECT)", column.table),
                    "check again immediately before the change: SELECT 1 FROM … LIMIT 1",
                ),
                (Some(false), Some(0)) => (
                    Severity::Warning,
                    format!("{}: contains rows, although its statistics report 0", column.table),
                    "do not rely on the estimate; ANALYZE TABLE updates it",
                ),
                (None, Some(0)) => (
                    Severity::Warning,
                    format!("{}: 0 rows by its statistics, not verified by SELECT", column.table),
                    "grant SELECT on the table, so that SELECT 1 … LIMIT 1 can verify it",
                ),
                _ => continue,
            };
            findings.push(
                Finding::new(&EMPTY_TABLE, pair, message)
                    .severity(severity)
                    .table(&column.table)
                    .confidence(column.confidence)
                    .affects_target_if(true)
                    .evidence(pair.environment_name(), told)
                    .fix(fix),
            );
        }
    }
}
