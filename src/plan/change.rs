//! What the change of one table is, whichever tool makes it: the clauses, how to see that it is done, what it changes, and
//! the limit beyond which it cannot be undone.

use super::context::{EnvironmentContext, TableChange};
use super::sql::{self, column_type_query, column_with_type, plain_type};
use super::types::{Effect, Probe};
use crate::live::facts::integer_limit;

/// Seconds that a statement waits for the table, and with it everybody who comes after it.
pub(super) const LOCK_WAIT: u32 = 5;

/// The clauses that the operator adds with `--also`.
pub(super) fn also_clauses<'a>(
    context: &'a EnvironmentContext<'_>,
    change: &'a TableChange<'_>,
) -> impl Iterator<Item = &'a str> {
    let of = |(table, _): &&(String, String)| table.eq_ignore_ascii_case(&change.table.name);
    context.options.also.iter().filter(of).map(|(_, clause)| clause.as_str())
}

/// The clauses of `ALTER TABLE`: the columns that change, and those of `--also`.
pub(super) fn alter_clauses(context: &EnvironmentContext<'_>, change: &TableChange<'_>) -> String {
    let mut clauses: Vec<String> = change
        .columns
        .iter()
        .map(|column_change| format!("MODIFY {}", column_with_type(column_change.column, &column_change.to)))
        .collect();
    clauses.extend(also_clauses(context, change).map(str::to_owned));
    clauses.join(", ")
}

/// The statement that restores the columns, possible while no value needs the new type.
pub(super) fn restore_sql(change: &TableChange<'_>) -> String {
    let clauses: Vec<String> = change
        .columns
        .iter()
        .map(|column_change| {
            format!("MODIFY {}", column_with_type(column_change.column, &column_change.column.column_type))
        })
        .collect();
    // Without strict mode a value that does not fit would be clamped.
    format!(
        "SET SESSION lock_wait_timeout = {LOCK_WAIT}, sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'); ALTER TABLE {} \
         {}, ALGORITHM=COPY, LOCK=SHARED",
        sql::table(&change.database.name, &change.table.name),
        clauses.join(", ")
    )
}

/// How to see that the columns have their new types.
pub(super) fn probes(change: &TableChange<'_>) -> Vec<Probe> {
    type_probes(change, |column_change| &column_change.to)
}

/// How to see that the columns have their old types.
pub(super) fn old_probes(change: &TableChange<'_>) -> Vec<Probe> {
    type_probes(change, |column_change| &column_change.column.column_type)
}

fn type_probes<'a>(
    change: &'a TableChange<'_>,
    wanted: impl Fn(&'a super::context::ColumnChange<'_>) -> &'a str,
) -> Vec<Probe> {
    let (database, table) = (&change.database.name, &change.table.name);
    let mut probes = Vec::new();
    for column_change in &change.columns {
        let name = &column_change.column.name;
        probes.push(Probe {
            what: format!("the type of {database}.{table}.{name}"),
            query: column_type_query(database, table, name),
            expected: plain_type(wanted(column_change)),
        });
        if column_change.column.auto_increment {
            probes.push(Probe {
                what: format!("AUTO_INCREMENT of {database}.{table}.{name}"),
                query: format!(
                    "SELECT EXTRA LIKE '%auto_increment%' FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} AND \
                     TABLE_NAME = {} AND COLUMN_NAME = {}",
                    sql::text(database),
                    sql::text(table),
                    sql::text(name)
                ),
                expected: String::from("1"),
            });
        }
    }
    probes
}

/// What becomes of the columns.
pub(super) fn effects(context: &EnvironmentContext<'_>, change: &TableChange<'_>) -> Vec<Effect> {
    change
        .columns
        .iter()
        .map(|column_change| Effect::ChangesType {
            database: change.database.name.clone(),
            table: change.table.name.clone(),
            column: column_change.column.name.clone(),
            from: plain_type(&column_change.column.column_type),
            to: plain_type(&column_change.to),
            key: change.is_target && column_change.column.name.eq_ignore_ascii_case(&context.audit.target.key),
        })
        .collect()
}

/// The largest value that every old type holds; beyond it there is no rollback. It is the smallest of their limits.
pub(super) fn old_limit(change: &TableChange<'_>) -> i128 {
    change
        .columns
        .iter()
        .filter_map(|column_change| integer_limit(&column_change.column.column_type))
        .min()
        .unwrap_or(i128::from(i32::MAX))
}

/// For each column the query that counts, up to one, the values that its old type cannot hold.
pub(super) fn values_beyond(change: &TableChange<'_>) -> Vec<Probe> {
    let (database, table) = (&change.database.name, &change.table.name);
    change
        .columns
        .iter()
        .map(|column_change| {
            let name = &column_change.column.name;
            let limit = integer_limit(&column_change.column.column_type).unwrap_or_else(|| i128::from(i32::MAX));
            Probe {
                what: format!(
                    "every value of {database}.{table}.{name} fits {}",
                    plain_type(&column_change.column.column_type)
                ),
                query: format!(
                    "SELECT COUNT(*) FROM (SELECT 1 FROM {} WHERE {} > {limit} LIMIT 1) AS beyond",
                    sql::table(database, table),
                    sql::name(name)
                ),
                expected: String::from("0"),
            }
        })
        .collect()
}

/// The integer column that the table is walked along: its primary key, when that is one integer.
pub(super) fn chunk_key<'a>(change: &'a TableChange<'_>) -> Option<&'a str> {
    let index = change.table.primary()?;
    let [part] = index.parts.as_slice() else { return None };
    let column = change.table.column(part.column.as_ref()?)?;
    integer_limit(&column.column_type).map(|_| column.name.as_str())
}

/// The tables that pt-online-schema-change makes beside a table: the copy, and the old table.
pub(super) fn pt_osc_tables(table: &str) -> [String; 2] {
    [format!("_{table}_new"), format!("_{table}_old")]
}
