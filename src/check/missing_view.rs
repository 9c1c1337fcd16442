//! Views of the code that a database does not have.

use super::context::{Context, MIGRATIONS, absence};
use super::Finding;
use crate::finding::{Confidence, Severity};

declare_check! {
    /// ## What
    ///
    /// A migration creates a view by `RunSQL`, but the database has no view of that name, or a table in its place.
    ///
    /// ## Why
    ///
    /// Queries of the view fail with error 1146. A table in its place is the result of an incomplete restore: mysqldump
    /// writes a placeholder table for each view.
    ///
    /// ## Example
    ///
    /// A dump was restored without its views.
    ///
    /// ## Fix
    ///
    /// Create the view with the SQL of the migration.
    pub static MISSING_VIEW = {
        id: "missing-view",
        severity: Error,
        summary: "the code defines a view that the database does not have",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for pair in &context.pairs {
        let Some(tables) = pair.tables else { continue };
        for view in &tables.views {
            let found = pair.database.tables.found.iter().find(|table| table.name.eq_ignore_ascii_case(view));
            let (confidence, doubt) = absence(&pair.database.tables.proof);
            let (confidence, message, says) = match found {
                Some(table) if table.is_view => continue,
                Some(_) => (Confidence::Certain, format!("{view}: a table, expected a view"), "a table"),
                None => (confidence, format!("the view {view} does not exist in {}{doubt}", pair.database.name), "no view"),
            };
            findings.push(
                Finding::new(&MISSING_VIEW, pair, message)
                    .severity(if confidence == Confidence::Certain { Severity::Error } else { Severity::Warning })
                    .confidence(confidence)
                    .table(view)
                    .evidence(MIGRATIONS, "a view")
                    .evidence(pair.environment_name(), says)
                    .fix("create the view with the SQL of the migration"),
            );
        }
    }
}
