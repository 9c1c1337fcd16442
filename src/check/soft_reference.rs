//! Columns that store the target's ids and that nothing ties to it.

use super::context::Context;
use super::Finding;
use crate::audit::Role;
use crate::finding::Confidence;

declare_check! {
    /// ## What
    ///
    /// Reports every column that stores the target's ids without a constraint, in every database: fields with
    /// `db_constraint=False`, foreign keys to a model in another database, and columns named like a reference to the
    /// target.
    ///
    /// ## Why
    ///
    /// The server does not track these columns. A change of the key does not change them, and no error occurs until the
    /// first id that does not fit.
    ///
    /// ## Example
    ///
    /// `coursewarehistoryextended_studentmodulehistoryextended.student_module_id int(11)` stores the ids of
    /// `courseware_studentmodule` in another database.
    ///
    /// ## Fix
    ///
    /// Nothing, if the column is as wide as the new key. Otherwise see `reference-too-narrow`. A column with such a
    /// name may store something else: `--sample` compares its values with the range of the key.
    pub static SOFT_REFERENCE = {
        id: "soft-reference",
        severity: Info,
        summary: "a column stores the target's ids without a foreign key constraint",
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
                "{place}: named like a column with ids of {}, but the database {database} was not read",
                audit.target.label
            ),
            None => format!("{place}: stores ids of {} without a foreign key constraint", audit.target.label),
        };
        let mut finding = Finding::of_code(&SOFT_REFERENCE, message)
            .table(&column.table)
            .column(&column.column)
            .confidence(column.confidence)
            .affects_target_if(true)
            .fix(match elsewhere {
                Some((database, _)) => format!(
                    "check the content of the column: --replica {}=mysql://USER@HOST/{database} --sample also reads that database",
                    audit.environments.first().map_or("NAME", |environment| environment.facts.name.as_str())
                ),
                None if column.confidence == Confidence::Possible => {
                    String::from("check the content of the column: --sample compares its values with the range of the key")
                }
                None => String::from("widen the column before the key passes its limit; the plan has a step for it"),
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
