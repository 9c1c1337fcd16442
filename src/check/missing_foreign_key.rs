//! Foreign keys of the code that a database does not have.

use super::column::{Fit, fit};
use super::context::{Context, Matched, absence};
use super::Finding;
use crate::finding::{Confidence, Severity};
use crate::schema::{ColumnType, Part, quote};

declare_check! {
    /// ## What
    ///
    /// The migrations create a foreign key, but the database has none for these columns, or one that references another
    /// table.
    ///
    /// ## Why
    ///
    /// Rows may reference nothing, and tools that read the foreign keys of the database see no relation between the
    /// tables. This is typical after a run of pt-online-schema-change or gh-ost without handling of foreign keys.
    ///
    /// ## Example
    ///
    /// `student_courseenrollment.user_id` references `auth_user.id` in the code, and prod has only an index.
    ///
    /// ## Fix
    ///
    /// Search for orphaned rows, then re-create the constraint; or set `db_constraint=False` in the model. Without the
    /// constraint, the column is a soft reference.
    pub static MISSING_FOREIGN_KEY = {
        id: "missing-foreign-key",
        severity: Error,
        summary: "the code defines a foreign key that the database does not have",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        for (key, others) in &matched.foreign_keys.missing {
            let (confidence, doubt) = absence(&matched.pair.database.foreign_keys.proof);
            let columns = key.columns.join(", ");
            let mut message = format!(
                "{}.{columns}: expected a foreign key to {}.{}",
                matched.name,
                key.referenced_table,
                key.referenced_columns.join(", ")
            );
            match others.first() {
                Some(other) => message.push_str(&format!(
                    ", but {} references {}.{}",
                    other.name,
                    other.referenced_table,
                    other.referenced_columns.join(", ")
                )),
                None => message.push_str(", found none"),
            }
            message.push_str(&doubt);
            let certain = confidence == Confidence::Certain || !others.is_empty();
            let mut finding = Finding::new(&MISSING_FOREIGN_KEY, &matched.pair, message)
                .severity(if certain { Severity::Error } else { Severity::Warning })
                .confidence(if certain { Confidence::Certain } else { confidence })
                .table(matched.name)
                .column(&columns)
                .name(&key.name)
                .affects_target_if(context.is_target(matched.name) || context.is_target(&key.referenced_table))
                .evidence_from_migration(matched, Part::ForeignKey, &key.name, key.describe(""))
                .fix(add_again(matched, key, others));
            finding = match others.first() {
                Some(other) => finding.evidence(matched.environment(), other.describe()),
                None => finding.evidence(matched.environment(), format!("no foreign key; {}", indexed(matched, &key.columns))),
            };
            findings.push(finding);
        }
    }
}

/// Whether an index on the columns is left.
fn indexed(matched: &Matched<'_>, columns: &[String]) -> String {
    let covers = matched.held.indexes.iter().find(|index| {
        index.parts.len() >= columns.len()
            && index.parts.iter().zip(columns).all(|(part, column)| {
                part.column.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(column))
            })
    });
    covers.map_or_else(|| String::from("no index either"), |index| format!("the index {} exists", index.name))
}

/// The statements that make the key: columns of another type are refused (error 3780, on old servers 1215), and so is a name
/// that is taken.
fn add_again(matched: &Matched<'_>, key: &crate::schema::ForeignKey, others: &[&crate::live::facts::ForeignKey]) -> String {
    let list = |names: &[String]| names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
    let (Some(column), Some(referenced)) = (key.columns.first(), key.referenced_columns.first()) else {
        return String::new();
    };
    let mut before = String::new();
    for other in others {
        before.push_str(&format!("ALTER TABLE {} DROP FOREIGN KEY {}; then ", quote(matched.name), quote(&other.name)));
    }
    let parent = matched.pair.database.table(&key.referenced_table).and_then(|table| table.column(referenced));
    if let (Some(held), Some(parent)) = (matched.held.column(column), parent)
        && fit(&ColumnType::parse(&held.column_type), &ColumnType::parse(&parent.column_type), matched.server()) != Fit::Same
    {
        let same = crate::live::facts::Column { column_type: parent.column_type.clone(), ..held.clone() };
        before.push_str(&format!(
            "ALTER TABLE {} MODIFY {} {}; then ",
            quote(matched.name),
            quote(column),
            same.definition(matched.server())
        ));
    }
    format!(
        "{before}look for orphans: SELECT COUNT(*) FROM {table} c LEFT JOIN {parent} p ON p.{r} = c.{c} WHERE c.{c} IS NOT NULL \
         AND p.{r} IS NULL; then ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({columns}) REFERENCES {parent} \
         ({references})",
        table = quote(matched.name),
        parent = quote(&key.referenced_table),
        r = quote(referenced),
        c = quote(column),
        name = quote(&key.name),
        columns = list(&key.columns),
        references = list(&key.referenced_columns),
    )
}
