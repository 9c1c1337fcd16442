//! Columns that take NULL, or do not.

use super::context::Context;
use super::Finding;
use crate::finding::Severity;
use crate::schema::Part;

declare_check! {
    /// ## What
    ///
    /// A column is `NOT NULL` where the code writes NULL (an error), or takes NULL where the code does not expect any (a
    /// warning).
    ///
    /// ## Why
    ///
    /// The first fails with 1048 at the first row without a value. The second lets others write rows that the code does
    /// not understand.
    ///
    /// ## Example
    ///
    /// `student_courseenrollment.mode` takes NULL in prod; the model has `null=False`.
    ///
    /// ## Fix
    ///
    /// Look for NULLs, then change the column to what the code says.
    pub static COLUMN_NULL = {
        id: "column-null",
        severity: Error,
        summary: "a column takes NULL, or does not, other than the code says",
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
                    format!("{place} takes NULL, which the code does not expect"),
                    "look for NULLs, then make it NOT NULL",
                )
            } else {
                (
                    Severity::Error,
                    format!("{place} is NOT NULL, and the code writes NULL, which fails with 1048"),
                    "let it take NULL, as the code says",
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
