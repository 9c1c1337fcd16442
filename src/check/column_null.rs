//! Columns that take NULL, or do not.

use super::context::Context;
use super::Finding;
use crate::finding::Severity;
use crate::schema::Part;

declare_check! {
    /// ## What
    ///
    /// A column is `NOT NULL` and the code writes NULL (error), or allows NULL and the code does not expect it
    /// (warning).
    ///
    /// ## Why
    ///
    /// The first fails with error 1048 on the first row without a value. The second allows rows that the code cannot
    /// process.
    ///
    /// ## Example
    ///
    /// `student_courseenrollment.mode` allows NULL in prod; the model has `null=False`.
    ///
    /// ## Fix
    ///
    /// Search for NULLs, then change the column to the definition of the code.
    pub static COLUMN_NULL = {
        id: "column-null",
        severity: Error,
        summary: "a column allows NULL and the code does not, or the reverse",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        for column in &matched.code.columns {
            let Some(held) = matched.held.column(&column.name) else { continue };
            // A part of the primary key is NOT NULL whatever it says.
            if column.nullable == held.nullable || column.generated.is_some() || matched.code.is_in_primary_key(&column.name)
            {
                continue;
            }
            let place = format!("{}.{}", matched.name, column.name);
            let (severity, message, fix) = if held.nullable {
                (
                    Severity::Warning,
                    format!("{place}: allows NULL, expected NOT NULL"),
                    "search for NULLs, then change the column to NOT NULL",
                )
            } else {
                (
                    Severity::Error,
                    format!("{place}: NOT NULL, expected NULL: writes of NULL fail with error 1048"),
                    "change the column to NULL, as in the code",
                )
            };
            findings.push(
                Finding::new(&COLUMN_NULL, &matched.pair, message)
                    .severity(severity)
                    .table(matched.name)
                    .column(&column.name)
                    .affects_target_if(matched.concerns)
                    .evidence_from_migration(matched, Part::Column, &column.name, column.definition(matched.server()))
                    .evidence(matched.environment(), held.definition(matched.server()))
                    .fix(fix),
            );
        }
    }
}
