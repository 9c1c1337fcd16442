//! Columns of the code that a database does not have.

use super::context::{Context, although_applied};
use super::Finding;
use crate::schema::Part;

declare_check! {
    /// ## What
    ///
    /// The migrations make a column, and the table has none of its name.
    ///
    /// ## Why
    ///
    /// Every `SELECT` of the model fails with 1054. The ledger often says that the migration was applied: it was faked, or
    /// the column was dropped by hand.
    ///
    /// ## Example
    ///
    /// `auth_userprofile.phone_number` is not there, although django_migrations has the migration that adds it.
    ///
    /// ## Fix
    ///
    /// Add the column as the code has it.
    pub static MISSING_COLUMN = {
        id: "missing-column",
        severity: Error,
        summary: "the code has a column that the table does not have",
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
                        "{}.{} is not there{}: every query of its model fails with 1054",
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
                    "look into django_migrations whether its migration was faked; ALTER TABLE {} ADD COLUMN {} {wanted}",
                    crate::schema::quote(matched.name),
                    crate::schema::quote(&column.name)
                )),
            );
        }
    }
}
