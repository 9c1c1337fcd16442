//! Columns of a database that the code does not have.

use super::context::{Context, MIGRATIONS};
use super::Finding;
use crate::finding::Severity;

declare_check! {
    /// ## What
    ///
    /// A table has a column that no migration creates. Severity error if the column is `NOT NULL` and has no default.
    ///
    /// ## Why
    ///
    /// Django lists its columns in an `INSERT`, so the column receives no value: in strict mode the statement fails
    /// with error 1364. The content of the column is undocumented, and an erasure of personal data does not cover it.
    ///
    /// ## Example
    ///
    /// `auth_userprofile.national_id varchar(20) NOT NULL`, added manually for one report.
    ///
    /// ## Fix
    ///
    /// Add a default, or drop the column; or add the field to the model with a migration that does not change the
    /// database.
    pub static EXTRA_COLUMN = {
        id: "extra-column",
        severity: Error,
        summary: "the table has a column that the code does not define",
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
                (Severity::Error, "NOT NULL without a default, so every INSERT by Django fails in strict mode with error 1364")
            };
            findings.push(
                Finding::new(
                    &EXTRA_COLUMN,
                    &matched.pair,
                    format!("{}.{}: not created by any migration: {effect}", matched.name, column.name),
                )
                .severity(severity)
                .table(matched.name)
                .column(&column.name)
                .affects_target_if(matched.concerns)
                .evidence(MIGRATIONS, "no such column")
                .evidence(matched.environment(), column.definition(matched.server()))
                .fix("identify the writers; then add a default, drop the column, or add the field to the model"),
            );
        }
    }
}
