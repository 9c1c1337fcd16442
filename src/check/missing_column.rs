//! Columns of the code that a database does not have.

use super::context::{Context, although_applied};
use super::Finding;
use crate::schema::Part;

declare_check! {
    /// ## What
    ///
    /// The migrations create a column that the table does not have.
    ///
    /// ## Why
    ///
    /// Every `SELECT` of the model fails with error 1054. `django_migrations` often lists the migration as applied: it
    /// was faked, or the column was dropped manually.
    ///
    /// ## Example
    ///
    /// `auth_userprofile.phone_number` does not exist, although `django_migrations` contains the migration that adds
    /// it.
    ///
    /// ## Fix
    ///
    /// Add the column as the code defines it.
    pub static MISSING_COLUMN = {
        id: "missing-column",
        severity: Error,
        summary: "the code defines a column that the table does not have",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        for column in matched.code.columns.iter().filter(|column| matched.held.column(&column.name).is_none()) {
            let wanted = column.definition(matched.server());
            findings.push(
                Finding::new(
                    &MISSING_COLUMN,
                    &matched.pair,
                    format!(
                        "{}.{}: column does not exist{}: every query of its model fails with error 1054",
                        matched.name,
                        column.name,
                        although_applied(&matched.pair, matched.name, Part::Column, &column.name)
                    ),
                )
                .table(matched.name)
                .column(&column.name)
                .affects_target_if(matched.concerns).blocks_change_if(context.is_target(matched.name))
                .evidence_from_migration(matched, Part::Column, &column.name, wanted.clone())
                .evidence(matched.environment(), "no such column")
                .fix(format!(
                    "check django_migrations: was its migration faked? Then ALTER TABLE {} ADD COLUMN {} {wanted}",
                    crate::schema::quote(matched.name),
                    crate::schema::quote(&column.name)
                )),
            );
        }
    }
}
