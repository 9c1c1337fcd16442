//! Views of the code that a database does not have.

use super::context::{Context, MIGRATIONS, absence};
use super::Finding;
use crate::finding::{Confidence, Severity};

declare_check! {
    /// ## What
    ///
    /// A migration makes a view by `RunSQL`, and the database has none of its name, or a table in its place.
    ///
    /// ## Why
    ///
    /// Whoever reads it fails with 1146. A table in its place is what a broken restore leaves: mysqldump writes one for
    /// each view first.
    ///
    /// ## Example
    ///
    /// A dump was restored without its views.
    ///
    /// ## Fix
    ///
    /// Create the view by the SQL of the migration.
    pub static MISSING_VIEW = {
        id: "missing-view",
        severity: Error,
        summary: "the code has a view that the database does not have",
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
                Some(_) => (Confidence::Certain, format!("{view} is a table, where a migration makes a view"), "a table"),
                None => (confidence, format!("the view {view} is not in {}{doubt}", pair.database.name), "no view"),
            };
            findings.push(
                Finding::new(&MISSING_VIEW, pair, message)
                    .severity(if confidence == Confidence::Certain { Severity::Error } else { Severity::Warning })
                    .confidence(confidence)
                    .table(view)
                    .evidence(MIGRATIONS, "a view")
                    .evidence(pair.environment_name(), says)
                    .fix("create it by the SQL of the migration"),
            );
        }
    }
}
