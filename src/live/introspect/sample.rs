//! What is read of rows only when that is allowed: a few values of columns without an index, and when some rows were
//! created. Nothing else of a row is read, and never more than a bounded number of rows.

use std::collections::BTreeMap;

use super::Reader;
use super::rows::{TABLES_A_STATEMENT, indexed_integers};
use crate::live::facts::{Column, DatabaseFacts, GrowthSample, Measures, Range, RowCreatedAt, Table, integer_limit};
use crate::live::session::SessionError;
use crate::schema::quote;

/// So many of a table's newest rows are looked at.
const NEWEST: u32 = 1000;

/// Integers up to this are flags and choices.
const SMALL: i128 = u16::MAX as i128;

/// The points of a key's range at which a row's creation is read, in parts of 32: the newest part is looked at closer,
/// because it predicts the future.
const POINTS: [i128; 11] = [0, 4, 8, 12, 16, 20, 24, 28, 30, 31, 32];

/// Names of columns that say when their row was created, the plainest first.
const CREATED: [&str; 12] = [
    "created",
    "created_at",
    "created_on",
    "date_created",
    "created_date",
    "creation_date",
    "create_time",
    "creation_time",
    "time_created",
    "date_added",
    "added",
    "inserted_at",
];

impl Reader<'_> {
    /// Ranges of columns that no index starts with, among the newest rows.
    pub(super) async fn sample_ranges(
        &mut self,
        facts: &DatabaseFacts,
        tables: &[String],
        all: &mut BTreeMap<String, Measures>,
    ) -> Result<(), SessionError> {
        for chunk in tables.chunks(TABLES_A_STATEMENT) {
            let mut columns: Vec<(&str, &str)> = Vec::new();
            let mut questions = Vec::new();
            for table in chunk.iter().filter_map(|name| facts.table(name)) {
                let readable = all.get(&table.name).is_some_and(|measures| measures.missing.is_none());
                let Some(newest) = newest(table).filter(|_| readable) else { continue };
                for column in bare_integers(table) {
                    let name = quote(column);
                    let from = format!(
                        "FROM (SELECT {name} FROM {}.{} ORDER BY {newest} LIMIT {NEWEST}) newest",
                        quote(&facts.name),
                        quote(&table.name)
                    );
                    questions.push(format!("(SELECT MIN({name}) {from}), (SELECT MAX({name}) {from})"));
                    columns.push((&table.name, column));
                }
            }
            if questions.is_empty() {
                continue;
            }
            let rows = self.session.rows(&format!("SELECT {}", questions.join(", "))).await?;
            let Some(row) = rows.first() else { continue };
            for (at, (table, column)) in columns.into_iter().enumerate() {
                let Some(measures) = all.get_mut(table) else { continue };
                let (lowest, highest) = (row.number(2 * at), row.number(2 * at + 1));
                measures.ranges.push(Range { column: column.to_owned(), lowest, highest, sampled: true });
            }
        }
        Ok(())
    }

    /// When rows of the tables asked about were created, at some points of their keys' ranges.
    pub(super) async fn sample_growth(
        &mut self,
        facts: &DatabaseFacts,
        all: &mut BTreeMap<String, Measures>,
    ) -> Result<(), SessionError> {
        let asked = |name: &str| self.request.tables.iter().any(|table| table.eq_ignore_ascii_case(name));
        let tables: Vec<&Table> = facts.tables.found.iter().filter(|table| asked(&table.name)).collect();
        for table in tables {
            let Some(measures) = all.get_mut(&table.name) else { continue };
            let (Some(key), Some(created)) = (integer_key(table), creation(table)) else { continue };
            let range = measures.ranges.iter().find(|range| range.column == key);
            let Some((low, high)) = range.and_then(|range| range.lowest.zip(range.highest)) else { continue };
            let mut points: Vec<i128> = POINTS.iter().map(|part| low + (high - low) * part / 32).collect();
            points.dedup();
            let from = format!("FROM {}.{}", quote(&facts.name), quote(&table.name));
            let (id, born) = (quote(key), quote(created));
            let one = |(at, point): (usize, &i128)| {
                format!(
                    "SELECT * FROM (SELECT {id} AS id, DATE_FORMAT({born}, '%Y-%m-%dT%H:%i:%s') AS born {from} \
                     WHERE {id} >= {point} ORDER BY {id} LIMIT 1) p{at}"
                )
            };
            let sql = points.iter().enumerate().map(one).collect::<Vec<_>>().join(" UNION ALL ");
            let rows = self.session.rows(&sql).await?;
            let mut births: Vec<RowCreatedAt> =
                rows.iter().filter_map(|row| Some(RowCreatedAt { id: row.number(0)?, created: row.at(1)? })).collect();
            births.sort();
            births.dedup();
            measures.growth = Some(GrowthSample { column: created.to_owned(), births });
        }
        Ok(())
    }
}

/// What sorts a table's rows by its primary key, the newest first.
fn newest(table: &Table) -> Option<String> {
    let key = table.primary()?;
    let parts: Option<Vec<String>> =
        key.parts.iter().map(|part| Some(format!("{} DESC", quote(part.column.as_deref()?)))).collect();
    parts.map(|parts| parts.join(", "))
}

/// The primary key of a table, when it is one integer.
fn integer_key(table: &Table) -> Option<&str> {
    let key = table.primary()?;
    let [part] = key.parts.as_slice() else { return None };
    let column = table.column(part.column.as_deref()?)?;
    integer_limit(&column.column_type).map(|_| column.name.as_str())
}

/// Columns that can store ids and whose range is in no index.
fn bare_integers(table: &Table) -> Vec<&str> {
    let indexed = indexed_integers(table);
    let holds_ids = |column: &&Column| integer_limit(&column.column_type).is_some_and(|limit| limit > SMALL);
    let columns = table.columns.iter().filter(holds_ids);
    columns.map(|column| column.name.as_str()).filter(|name| indexed.iter().all(|(known, _)| known != name)).collect()
}

/// The column that says when a row was created.
fn creation(table: &Table) -> Option<&str> {
    let is_time = |column: &&Column| {
        let kind = column.column_type.to_lowercase();
        (kind.starts_with("datetime") || kind.starts_with("timestamp")) && column.on_update.is_none()
    };
    let times = || table.columns.iter().filter(is_time).map(|column| column.name.as_str());
    let plain = CREATED.iter().find_map(|name| times().find(|column| column.eq_ignore_ascii_case(name)));
    // `grade_created_at`, `enrollment_creation`: its name says so, too.
    plain.or_else(|| times().find(|name| name.to_lowercase().split('_').any(|word| word.starts_with("creat"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[(&str, &str)]) -> Table {
        let columns = columns
            .iter()
            .map(|(name, kind)| Column {
                name: (*name).to_owned(),
                column_type: (*kind).to_owned(),
                on_update: (*name == "created_or_changed").then(|| "CURRENT_TIMESTAMP".to_owned()),
                ..Column::default()
            })
            .collect();
        Table { columns, ..Table::default() }
    }

    #[test]
    fn creation_is_told_by_names_of_times() {
        let of = |columns: &[(&str, &str)]| creation(&table(columns)).map(str::to_owned);
        assert_eq!(of(&[("row_created", "datetime"), ("created", "datetime(6)")]).as_deref(), Some("created"));
        assert_eq!(of(&[("modified", "datetime"), ("row_created_at", "timestamp")]).as_deref(), Some("row_created_at"));
        assert_eq!(of(&[("created", "int(11)"), ("modified", "datetime")]), None);
        assert_eq!(of(&[("created_or_changed", "timestamp"), ("recreation", "datetime")]), None);
    }
}
