//! Columns of another type.

use super::column::{Fit, fit};
use super::context::Context;
use super::Finding;
use crate::finding::Severity;
use crate::schema::ColumnType;
use crate::schema::Part;

declare_check! {
    /// ## What
    ///
    /// A column has another type than the migrations create: narrower, of another sign or another kind (error), less
    /// precise (warning), or wider (info). Display widths and different spellings of one type are not a difference. A
    /// generated column in place of a plain one, or the reverse, is a difference.
    ///
    /// ## Why
    ///
    /// Values that are valid in the code fail with error 1264 or 1406, or are silently changed if the server is not
    /// strict. `UNSIGNED` is part of `COLUMN_TYPE` only; tools that compare `DATA_TYPE` miss the difference.
    ///
    /// ## Example
    ///
    /// `grades_persistentcoursegrade.id` is `bigint`, and `bigint unsigned` in the code.
    ///
    /// ## Fix
    ///
    /// Change the column to the type of the code. A wider column is harmless unless data is copied into a schema built
    /// from the code.
    pub static COLUMN_TYPE = {
        id: "column-type",
        severity: Error,
        summary: "a column has another type than in the code",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        for column in &matched.code.columns {
            let Some(held) = matched.held.column(&column.name) else { continue };
            let server = matched.server();
            let fit = fit(&column.column_type, &ColumnType::parse(&held.column_type), server);
            let computed = (column.generated.is_some(), held.generated.is_some());
            let wanted = column.column_type.print(server);
            let place = format!("{}.{}", matched.name, column.name);
            // The change of the key is under way or done: its goal is the reference, not the code of before.
            let reached = matched.held_has_goal(context.audit, &column.name);
            let (severity, message) = match (fit, computed) {
                (Fit::Wider | Fit::Narrower, (false, false)) if reached => (
                    Severity::Info,
                    format!(
                        "{place}: {}, wide enough for the new key; the code still has {wanted}",
                        held.column_type
                    ),
                ),
                (_, (true, false)) => (Severity::Error, format!("{place}: a plain column, expected a generated column")),
                (_, (false, true)) => (Severity::Error, format!("{place}: a generated column, expected a plain column")),
                (Fit::Same, _) => continue,
                (Fit::Wider, _) => {
                    (Severity::Info, format!("{place}: {}, wider than expected ({wanted})", held.column_type))
                }
                (Fit::Coarser, _) => {
                    (Severity::Warning, format!("{place}: {}, less precise than expected ({wanted})", held.column_type))
                }
                (Fit::Narrower, _) => (
                    Severity::Error,
                    format!("{place}: {}, too narrow for the expected type ({wanted})", held.column_type),
                ),
            };
            // That the target's key is narrower than the code says is why there is a plan.
            let key = context.is_target(matched.name) && column.name.eq_ignore_ascii_case(&context.audit.target.key);
            let quoted = (crate::schema::quote(matched.name), crate::schema::quote(&column.name));
            let fix = match fit {
                _ if reached => String::from(
                    "nothing to do in the database; the Django migration at the end of the plan changes the code to this type",
                ),
                Fit::Wider => String::from("nothing to do, unless data is copied into a schema built from the code: that truncates values"),
                _ if key => String::from("see csm-audit plan"),
                _ => format!(
                    "ALTER TABLE {} MODIFY {} {}",
                    quoted.0,
                    quoted.1,
                    column.definition(server)
                ),
            };
            findings.push(
                Finding::new(&COLUMN_TYPE, &matched.pair, message)
                    .severity(severity)
                    .table(matched.name)
                    .column(&column.name)
                    .affects_target_if(matched.concerns)
                    .evidence_from_migration(matched, Part::Column, &column.name, column.definition(server))
                    .evidence(matched.environment(), held.definition(matched.server()))
                    .fix(fix),
            );
        }
    }
}
