//! Columns that store the target's ids and hold less than the ids will be.

use super::context::{Context, MIGRATIONS};
use super::Finding;
use crate::audit::Role;
use crate::finding::{Confidence, Severity};
use crate::live::facts::integer_limit;
use crate::schema::quote;

declare_check! {
    /// ## What
    ///
    /// A column that stores the target's ids, with or without a constraint, has a smaller maximum than the new key.
    ///
    /// ## Why
    ///
    /// Above the column's maximum a write fails with error 1264 in strict mode. Without strict mode the value is
    /// silently clamped, and many rows reference one id. Intercom (2024), Heroku (2023) and Coffee Meets Bagel (2018)
    /// widened the key and had an outage because of a referencing `int`.
    ///
    /// ## Example
    ///
    /// `courseware_studentmodule.id` becomes `bigint unsigned`, and `courseware_studentmodulehistory.student_module_id`
    /// stays `int(11)`.
    ///
    /// ## Fix
    ///
    /// Widen the column in every database before the key passes 2147483647: with a plain `ALTER TABLE` if the table is
    /// small or empty, with gh-ost if it is large. Verify that the table is empty with a `SELECT`, and again
    /// immediately before the change: a settings flag may fill the table.
    pub static REFERENCE_TOO_NARROW = {
        id: "reference-too-narrow",
        severity: Error,
        summary: "a column that stores the target's ids is too narrow for the new ids",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let audit = context.audit;
    let highest = audit.target.highest_id();
    for column in audit.columns.iter().filter(|column| column.role != Role::Key) {
        for place in &column.places {
            let environment = &audit.environments[place.environment];
            let Some(pair) = context
                .pairs
                .iter()
                .find(|pair| pair.environment_index == place.environment && pair.database_index == place.database)
            else {
                continue;
            };
            let Some(held) = &place.column_type else { continue };
            let Some(limit) = integer_limit(held).filter(|limit| *limit < highest) else { continue };
            let measures = pair.database.measures_of(&column.table);
            let empty = measures.and_then(|measures| measures.empty) == Some(true);
            let wanted = audit.target.wanted.print(pair.code.server);
            let (table, name) = (quote(&column.table), quote(&column.column));
            let mut message = format!(
                "{}.{}: {held} (maximum {limit}) is too narrow for ids of {} once its key is {wanted}",
                column.table, column.column, audit.target.label
            );
            if empty {
                message.push_str("; the table is empty (verified by SELECT)");
            }
            let guess = column.confidence == Confidence::Possible;
            let finding = Finding::new(&REFERENCE_TOO_NARROW, pair, message)
                .severity(if guess { Severity::Warning } else { Severity::Error })
                .confidence(column.confidence)
                .table(&column.table)
                .column(&column.column)
                .affects_target_if(true).blocks_change_if(!guess)
                .evidence(&environment.facts.name, held.clone())
                .fix(format!("ALTER TABLE {table} MODIFY {name} {wanted} …, see the step of the plan"));
            let finding = match &column.migrations {
                Some(code) => finding.evidence(MIGRATIONS, code.print(pair.code.server)),
                None => finding,
            };
            findings.push(finding);
        }
    }
}
