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
    /// A column has another type than the migrations leave: narrower, of another sign or another kind (an error), less
    /// exact (a warning), or wider (good to know). Display widths and the ways in which servers write one type are no
    /// difference; a generated column that is a plain one, or the reverse, is.
    ///
    /// ## Why
    ///
    /// Values that the code takes for good fail with 1264 or 1406, or are silently changed where the server is not
    /// strict. `UNSIGNED` is a part of `COLUMN_TYPE` only; who compares `DATA_TYPE` misses it.
    ///
    /// ## Example
    ///
    /// `grades_persistentcoursegrade.id` is `bigint`, and the code says `bigint unsigned`.
    ///
    /// ## Fix
    ///
    /// Change the column to the type of the code. What is wider can stay; a copy into tables made from the code would cut
    /// its values.
    pub static COLUMN_TYPE = {
        id: "column-type",
        severity: Error,
        summary: "a column has another type than the code says",
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
                        "{place} is {}, which holds every id of the key as it will be; the code still has {wanted}",
                        held.column_type
                    ),
                ),
                (_, (true, false)) => (Severity::Error, format!("{place} is a plain column, where the code computes it")),
                (_, (false, true)) => (Severity::Error, format!("{place} is computed, where the code writes it")),
                (Fit::Same, _) => continue,
                (Fit::Wider, _) => {
                    (Severity::Info, format!("{place} is {}, wider than the {wanted} of the code", held.column_type))
                }
                (Fit::Coarser, _) => {
                    (Severity::Warning, format!("{place} is {}, less exact than the {wanted} of the code", held.column_type))
                }
                (Fit::Narrower, _) => (
                    Severity::Error,
                    format!("{place} is {}, which does not hold all that the {wanted} of the code does", held.column_type),
                ),
            };
            // That the target's key is narrower than the code says is why there is a plan.
            let key = context.is_target(matched.name) && column.name.eq_ignore_ascii_case(&context.audit.target.key);
            let quoted = (crate::schema::quote(matched.name), crate::schema::quote(&column.name));
            let fix = match fit {
                _ if reached => String::from(
                    "none in the database; the Django migration at the end of the plan brings the code to this type",
                ),
                Fit::Wider => String::from("none is needed; a copy into tables made from the code would cut its values"),
                _ if key => String::from("csm-audit plan says how"),
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
