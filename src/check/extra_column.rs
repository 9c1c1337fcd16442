//! Columns of a database that the code does not have.

use super::context::{Context, MIGRATIONS};
use super::Finding;
use crate::finding::Severity;

declare_check! {
    /// ## What
    ///
    /// A table has a column that no migration makes. It is an error when it is `NOT NULL` and has no default.
    ///
    /// ## Why
    ///
    /// Django names its columns, so an `INSERT` gives no value for it: in strict mode it fails with 1364. And nobody who
    /// reads the code knows what is stored there; an erasure of personal data passes it by.
    ///
    /// ## Example
    ///
    /// `auth_userprofile.national_id varchar(20) NOT NULL`, added by hand for one report.
    ///
    /// ## Fix
    ///
    /// Give it a default or drop it; or add the field to the model with a migration that does not touch the database.
    pub static EXTRA_COLUMN = {
        id: "extra-column",
        severity: Error,
        summary: "the table has a column that the code does not have",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        for column in matched.held.columns.iter().filter(|column| matched.code.column(&column.name).is_none()) {
            let filled =
                column.nullable || column.default.is_some() || column.auto_increment || column.generated.is_some();
            let (severity, effect) = if filled {
                (Severity::Warning, "Django never writes it")
            } else {
                (Severity::Error, "it is NOT NULL without a default, so every INSERT by Django fails in strict mode with 1364")
            };
            findings.push(
                Finding::new(
                    &EXTRA_COLUMN,
                    &matched.pair,
                    format!("no migration makes {}.{}: {effect}", matched.name, column.name),
                )
                .severity(severity)
                .table(matched.name)
                .column(&column.name)
                .affects_target_if(matched.concerns)
                .evidence(MIGRATIONS, "no such column")
                .evidence(matched.environment(), column.definition(matched.server()))
                .fix("find out who writes it; give it a default, drop it, or add the field to the model"),
            );
        }
    }
}
