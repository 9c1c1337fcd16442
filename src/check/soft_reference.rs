//! Columns that store the target's ids and that nothing ties to it.

use super::context::Context;
use super::Finding;
use crate::audit::Role;
use crate::finding::Confidence;

declare_check! {
    /// ## What
    ///
    /// Names every column that stores the ids of the target without a constraint, in every database: fields with
    /// `db_constraint=False`, foreign keys whose model lives in another database, and columns that are called like a
    /// reference to the target.
    ///
    /// ## Why
    ///
    /// The server knows nothing of them. A change of the key leaves them behind, and nothing complains until the first
    /// id that does not fit.
    ///
    /// ## Example
    ///
    /// `coursewarehistoryextended_studentmodulehistoryextended.student_module_id int(11)` holds the ids of
    /// `courseware_studentmodule` in another database.
    ///
    /// ## Fix
    ///
    /// Nothing, when the column is as wide as the key will be. Otherwise see `reference-too-narrow`. A column that is
    /// called so and stores something else is none: its values tell (`--sample`).
    pub static SOFT_REFERENCE = {
        id: "soft-reference",
        severity: Info,
        summary: "a column stores the target's ids without a constraint",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let audit = context.audit;
    for column in audit.columns.iter().filter(|column| column.role == Role::Soft) {
        let place = format!("{}.{}", column.table, column.column);
        let elsewhere = column.table.split_once('.').filter(|_| column.places.is_empty() && column.alias.is_none());
        let message = match elsewhere {
            Some((database, _)) => format!(
                "{place} is called like a column with ids of {}, and the database {database} was not read",
                audit.target.label
            ),
            None => format!("{place} stores ids of {} without a constraint", audit.target.label),
        };
        let mut finding = Finding::of_code(&SOFT_REFERENCE, message)
            .table(&column.table)
            .column(&column.column)
            .confidence(column.confidence)
            .affects_target_if(true)
            .fix(match elsewhere {
                Some((database, _)) => format!(
                    "find out what it holds: --replica {}=mysql://USER@HOST/{database} --sample reads that database, too",
                    audit.environments.first().map_or("NAME", |environment| environment.facts.name.as_str())
                ),
                None if column.confidence == Confidence::Possible => {
                    String::from("find out what it holds: --sample compares its values with the range of the key")
                }
                None => String::from("widen it before the key passes its limit; the plan has a step for it"),
            });
        finding.subject.alias.clone_from(&column.alias);
        if elsewhere.is_some() {
            finding = finding.evidence("databases", column.found_by.join("; "));
        }
        if let Some(field) = &column.field {
            finding = finding.evidence("models", format!("{field}: {}", column.found_by.join("; ")));
        }
        if let Some(held) = &column.migrations {
            let server = audit.expected.first().map(|code| code.server).unwrap_or_default();
            finding = finding.evidence(super::context::MIGRATIONS, held.print(server));
        }
        for place in &column.places {
            let environment = &audit.environments[place.environment].facts;
            let database = &environment.databases[place.database].name;
            let held = place.column_type.as_deref().unwrap_or("no such column");
            finding = finding.evidence(&environment.name, format!("{database}: {held}"));
        }
        findings.push(finding);
    }
}
