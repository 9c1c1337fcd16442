//! Tables that are said to be empty.

use super::context::Context;
use super::Finding;
use crate::audit::Role;
use crate::finding::Severity;

declare_check! {
    /// ## What
    ///
    /// Says of every table that stores the target's ids whether it holds rows, where that was read; and where the
    /// server's statistics say something else.
    ///
    /// ## Why
    ///
    /// "That table is empty" decides how it is changed. `TABLE_ROWS` is an estimate: it says 0 of tables with rows, and
    /// the other way round. Only reading proves it, and only for the moment.
    ///
    /// ## Example
    ///
    /// `courseware_studentmodulehistory` is empty in prod and not in stage, where a settings flag still fills it.
    ///
    /// ## Fix
    ///
    /// Prove it again right before the change; the plan's step does.
    pub static EMPTY_TABLE = {
        id: "empty-table",
        severity: Warning,
        summary: "whether a table that stores the ids is empty was read, or is only estimated",
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
                    format!("{} is empty: no row was found by reading", column.table),
                    "prove it again right before the change: SELECT 1 FROM … LIMIT 1",
                ),
                (Some(false), Some(0)) => (
                    Severity::Warning,
                    format!("{} is said to hold 0 rows, and holds some", column.table),
                    "do not trust the estimate; ANALYZE TABLE renews it",
                ),
                (None, Some(0)) => (
                    Severity::Warning,
                    format!("{} is said to hold 0 rows, which nobody has read", column.table),
                    "grant SELECT on it, so that SELECT 1 … LIMIT 1 can prove it",
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
