//! What is read from the tables themselves: emptiness, ranges by index, and the migration histories.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Reader;
use crate::live::facts::{DatabaseFacts, Measures, Migration, Range, Table, integer_limit};
use crate::live::proof::{Observed, Proof};
use crate::live::session::{Row, SessionError, literals};
use crate::schema::{quote, quote_string};

/// How many tables one statement asks about.
pub(super) const TABLES_A_STATEMENT: usize = 500;

/// Up to so many tables each are asked about by a statement of their own, so that a locked one costs only itself.
const ALONE: usize = 20;

/// More tables than that are asked about so many at a time.
const RANGES_A_STATEMENT: usize = 200;

/// Engines that keep their rows themselves. Others may ask another server for them, and FEDERATED sends it the whole table's
/// query, without the LIMIT.
const OWN_ROWS: [&str; 8] = ["InnoDB", "MyISAM", "Aria", "MEMORY", "ROCKSDB", "TokuDB", "ndbcluster", "ARCHIVE"];

/// So many tables are opened by a statement that asks for counters.
const OPENED_AT_ONCE: usize = 1000;

/// After this time no further table is opened for its range; what is left is unproven.
const MEASURE_BUDGET: Duration = Duration::from_secs(4);

impl Reader<'_> {
    /// Sizes, counters, emptiness and ranges of the tables concerned.
    pub(super) async fn measures(
        &mut self,
        facts: &DatabaseFacts,
        concerned: &[String],
    ) -> Result<Observed<Vec<Measures>>, SessionError> {
        let mut all: BTreeMap<String, Measures> = concerned
            .iter()
            .map(|table| (table.clone(), Measures { table: table.clone(), ..Measures::default() }))
            .collect();
        // All tables are asked about at once.
        let chunk_size = if self.request.all { usize::MAX } else { TABLES_A_STATEMENT };
        for chunk in concerned.chunks(chunk_size) {
            let rows = self.statistics(&facts.name, chunk).await?;
            for row in rows {
                let Some(measures) = all.get_mut(&row.text(0)) else { continue };
                measures.row_format = row.at(1);
                measures.rows_estimate = row.number(2);
                measures.data_length = row.number(3);
                measures.index_length = row.number(4);
                measures.data_free = row.number(5);
                measures.auto_increment = row.number(6);
            }
        }
        let mut interrupted = None;
        for chunk in concerned.chunks(TABLES_A_STATEMENT) {
            if let Err(trouble) = self.read_ranges(facts, chunk, &mut all).await {
                // What was measured before stands.
                let failed: Observed<()> = self.failed("ranges", &trouble);
                interrupted = Some(failed.proof);
                break;
            }
        }
        if self.request.sample && interrupted.is_none() {
            // A column more or less: what was measured stands.
            if let Err(trouble) = self.sample_ranges(facts, concerned, &mut all).await {
                let _: Observed<()> = self.failed("sampled ranges", &trouble);
            }
            if let Err(trouble) = self.sample_growth(facts, &mut all).await {
                let _: Observed<()> = self.failed("sampled growth", &trouble);
            }
        }
        let measures: Vec<Measures> = all.into_values().collect();
        let proof = match (interrupted, measures.iter().find_map(|m| m.missing.as_ref())) {
            (Some(proof), _) => proof,
            (None, Some(missing)) => Proof::unproven(missing.as_str()),
            (None, None) if self.request.all => Proof::proven("information_schema.TABLES and the tables' indexes"),
            (None, None) => Proof::proven("information_schema.TABLES and the tables' indexes, of the tables concerned"),
        };
        Ok(Observed::new(measures, proof))
    }

    /// The counters of every table, as far as they come in reasonable time.
    pub(super) async fn counters(&mut self, facts: &mut DatabaseFacts) -> Result<(), SessionError> {
        if self.request.all {
            let all = facts.measures.found.iter();
            let found = all.filter_map(|one| Some((one.table.clone(), one.auto_increment?))).collect();
            facts.counters = Observed::new(found, facts.measures.proof.clone());
            return Ok(());
        }
        let select = "SELECT TABLE_NAME, AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA =";
        let schema = quote_string(&facts.name);
        let mut statements = Vec::new();
        if self.has_dictionary() {
            statements.push(format!("{select} {schema}"));
        } else if !self.is_mariadb() {
            // These servers open each table, which may be a slow affair: a part at a time, while time is left.
            let counts = |table: &&Table| table.columns.iter().any(|column| column.auto_increment);
            let tables: Vec<&Table> = facts.tables.found.iter().filter(counts).collect();
            let one = |table: &&Table| format!("{select} {schema} AND TABLE_NAME = {}", quote_string(&table.name));
            let chunks = tables.chunks(OPENED_AT_ONCE);
            statements.extend(chunks.map(|chunk| chunk.iter().map(one).collect::<Vec<_>>().join(" UNION ALL ")));
        }
        let begun = Instant::now();
        let mut proof = match &facts.tables.proof {
            Proof::Proven { .. } => Proof::proven("information_schema.TABLES, of every table"),
            other => other.clone(),
        };
        for sql in statements {
            if begun.elapsed() > MEASURE_BUDGET {
                proof = Proof::unproven(
                    "this server opens every table for its size, which takes too long; --all-tables waits for that",
                );
                break;
            }
            let rows = self.session.rows(&sql).await?;
            facts.counters.found.extend(rows.iter().filter_map(|row| Some((row.text(0), row.number(1)?))));
        }
        facts.counters.proof = proof;
        Ok(())
    }

    async fn statistics(&mut self, database: &str, tables: &[String]) -> Result<Vec<Row>, SessionError> {
        let select = "SELECT TABLE_NAME, ROW_FORMAT, TABLE_ROWS, DATA_LENGTH, INDEX_LENGTH, DATA_FREE, AUTO_INCREMENT \
                      FROM information_schema.TABLES WHERE TABLE_SCHEMA =";
        let schema = quote_string(database);
        let sql = if self.request.all {
            format!("{select} {schema} AND TABLE_TYPE = 'BASE TABLE'")
        } else if self.has_dictionary() {
            format!("{select} {schema} AND TABLE_NAME IN ({})", literals(tables.iter().map(String::as_str)))
        } else {
            // Only `=` keeps an old server from opening every table of the database.
            let one = |table: &String| format!("{select} {schema} AND TABLE_NAME = {}", quote_string(table));
            tables.iter().map(one).collect::<Vec<_>>().join(" UNION ALL ")
        };
        if tables.is_empty() { Ok(Vec::new()) } else { self.session.rows(&sql).await }
    }

    /// A statement for each table, or for many where there are many; table by table when such a one is refused.
    async fn read_ranges(
        &mut self,
        facts: &DatabaseFacts,
        tables: &[String],
        all: &mut BTreeMap<String, Measures>,
    ) -> Result<(), SessionError> {
        let may = |rights: &crate::live::rights::Rights, table: &str| rights.table("SELECT", &facts.name, table);
        let mut readable = Vec::new();
        for table in tables.iter().filter_map(|name| facts.table(name)) {
            if !keeps_rows(table) {
                if let Some(measures) = all.get_mut(&table.name) {
                    measures.missing = Some(format!(
                        "`{}`.`{}` has the engine {}, which may take its rows from elsewhere, so none was read",
                        facts.name,
                        table.name,
                        table.engine.as_deref().unwrap_or("of an unknown name")
                    ));
                }
            } else if may(&self.rights, &table.name) {
                readable.push(table);
            } else if let Some(measures) = all.get_mut(&table.name) {
                measures.missing = Some(format!("SELECT ON `{}`.`{}` is missing", facts.name, table.name));
            }
        }
        let at_once = if readable.len() <= ALONE { 1 } else { RANGES_A_STATEMENT };
        for chunk in readable.chunks(at_once) {
            if chunk.len() > 1 {
                match self.ask_ranges(&facts.name, chunk, all).await {
                    Err(SessionError::AccessDenied(_) | SessionError::ServerError(_)) => {}
                    other => {
                        other?;
                        continue;
                    }
                }
            }
            for table in chunk {
                match self.ask_ranges(&facts.name, &[table], all).await {
                    Err(SessionError::AccessDenied(reason) | SessionError::ServerError(reason)) => {
                        if let Some(measures) = all.get_mut(&table.name) {
                            measures.missing = Some(format!("`{}`.`{}`: {reason}", facts.name, table.name));
                        }
                    }
                    other => other?,
                }
            }
        }
        Ok(())
    }

    async fn ask_ranges(
        &mut self,
        database: &str,
        tables: &[&Table],
        all: &mut BTreeMap<String, Measures>,
    ) -> Result<(), SessionError> {
        let mut questions = Vec::new();
        for table in tables {
            let from = format!("FROM {}.{}", quote(database), quote(&table.name));
            questions.push(format!("(SELECT 1 {from} LIMIT 1)"));
            for (column, index) in indexed_integers(table) {
                let name = quote(column);
                match index {
                    None => {
                        questions.push(format!("(SELECT MIN({name}) {from})"));
                        questions.push(format!("(SELECT MAX({name}) {from})"));
                    }
                    // MIN and MAX read all of an index that begins with a descending part.
                    Some(index) => {
                        let from = format!("{from} FORCE INDEX ({}) WHERE {name} IS NOT NULL", quote(index));
                        questions.push(format!("(SELECT {name} {from} ORDER BY {name} LIMIT 1)"));
                        questions.push(format!("(SELECT {name} {from} ORDER BY {name} DESC LIMIT 1)"));
                    }
                }
            }
        }
        if questions.is_empty() {
            return Ok(());
        }
        let rows = self.session.rows(&format!("SELECT {}", questions.join(", "))).await?;
        let Some(row) = rows.first() else { return Ok(()) };
        let mut place = 0;
        for table in tables {
            let empty = row.at(place).is_none();
            place += 1;
            let mut ranges = Vec::new();
            for (column, _) in indexed_integers(table) {
                let range = Range {
                    column: column.to_owned(),
                    lowest: row.number(place),
                    highest: row.number(place + 1),
                    sampled: false,
                };
                ranges.push(range);
                place += 2;
            }
            if let Some(measures) = all.get_mut(&table.name) {
                measures.empty = Some(empty);
                measures.ranges = ranges;
            }
        }
        Ok(())
    }

    /// The history of applied migrations.
    pub(super) async fn ledger(
        &mut self,
        facts: &DatabaseFacts,
        table: &str,
        columns: [&str; 2],
    ) -> Observed<Vec<Migration>> {
        if facts.table(table).is_none() {
            return match &facts.tables.proof {
                Proof::Proven { .. } => {
                    Observed::new(Vec::new(), Proof::proven(format!("the table {table} does not exist")))
                }
                other => Observed::unproven(format!("no table {table} was found; {}", other.reason())),
            };
        }
        if facts.table(table).is_some_and(|table| !keeps_rows(table)) {
            return Observed::unproven(format!("the rows of {table} may be stored elsewhere, so they were not read"));
        }
        let sql = format!(
            "SELECT {}, {} FROM {}.{} ORDER BY id",
            quote(columns[0]),
            quote(columns[1]),
            quote(&facts.name),
            quote(table)
        );
        match self.session.rows(&sql).await {
            Ok(rows) => {
                let found = rows.iter().map(|row| Migration { app: row.text(0), name: row.text(1) }).collect();
                Observed::new(found, Proof::proven(format!("the rows of {table}")))
            }
            Err(trouble) => self.failed(table, &trouble),
        }
    }
}

/// Whether a table's rows are on this server.
fn keeps_rows(table: &Table) -> bool {
    table.engine.as_deref().is_some_and(|engine| OWN_ROWS.iter().any(|own| own.eq_ignore_ascii_case(engine)))
}

/// Integer columns whose smallest and largest values an index gives without reading rows, each with the index when that
/// descends.
pub(super) fn indexed_integers(table: &Table) -> Vec<(&str, Option<&str>)> {
    let mut columns: Vec<(&str, Option<&str>)> = Vec::new();
    for index in table.indexes.iter().filter(|index| index.kind == "BTREE" && !index.invisible) {
        let Some((part, column)) = index.parts.first().and_then(|part| Some((part, part.column.as_deref()?))) else {
            continue;
        };
        let is_integer = table.column(column).is_some_and(|column| integer_limit(&column.column_type).is_some());
        if !is_integer {
            continue;
        }
        let by = part.descending.then_some(index.name.as_str());
        match columns.iter_mut().find(|(known, _)| *known == column) {
            Some(known) => known.1 = known.1.and(by),
            None => columns.push((column, by)),
        }
    }
    columns
}
