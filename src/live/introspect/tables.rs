//! Tables, columns, indexes, partitions and checks.

use std::collections::{BTreeMap, BTreeSet};

use super::Reader;
use super::keys::split;
use super::rows::TABLES_A_STATEMENT;
use crate::live::facts::{
    Check, Column, DefaultValue, Generated, Index, IndexPart, Partition, SYSTEM_VERSIONING, Table,
};
use crate::live::proof::{Observed, Proof};
use crate::live::session::{Row, SessionError, literals};
use crate::schema::{self, quote_string};

impl Reader<'_> {
    /// Every table and view of a database, from the definitions alone. MariaDB opens every table to report its
    /// options, and the counters come with them.
    pub(super) async fn tables(
        &mut self,
        database: &str,
    ) -> Result<(Observed<Vec<Table>>, BTreeMap<String, u64>), SessionError> {
        let schema = quote_string(database);
        let counter = if self.is_mariadb() { "AUTO_INCREMENT" } else { "NULL" };
        let sql = format!(
            "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION, CREATE_OPTIONS, TABLE_COMMENT, {counter} \
             FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema}"
        );
        let mut tables: BTreeMap<String, Table> = BTreeMap::new();
        let mut counters = BTreeMap::new();
        for row in self.session.rows(&sql).await? {
            let is_view = row.text(1) == "VIEW";
            let name = row.text(0);
            counters.extend(row.number(6).map(|next| (name.clone(), next)));
            let table = Table {
                name: name.clone(),
                is_view,
                engine: row.at(2),
                collation: row.at(3),
                create_options: match row.text(1).as_str() {
                    "SYSTEM VERSIONED" => format!("{} {SYSTEM_VERSIONING}", row.text(4)).trim().to_owned(),
                    _ => row.text(4),
                },
                // The comment of a view is the word VIEW.
                comment: if is_view { String::new() } else { row.text(5) },
                ..Table::default()
            };
            tables.insert(name, table);
        }
        self.columns(&schema, &mut tables).await?;
        self.indexes(database, &mut tables).await?;
        self.partitions(&schema, &mut tables).await?;
        let proof = if self.rights.database("SELECT", database) {
            Proof::proven("information_schema.TABLES and COLUMNS, with SELECT on the database")
        } else {
            Proof::unproven(format!("SELECT ON `{database}`.* is missing, so tables and columns may be hidden"))
        };
        Ok((Observed::new(tables.into_values().collect(), proof), counters))
    }

    async fn columns(&mut self, schema: &str, tables: &mut BTreeMap<String, Table>) -> Result<(), SessionError> {
        let generated = self.is_mysql((5, 7, 6)) || self.is_mariadb_from((10, 2, 5));
        let expression = if generated { "GENERATION_EXPRESSION" } else { "NULL" };
        let sql = format!(
            "SELECT TABLE_NAME, ORDINAL_POSITION, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, \
             COLLATION_NAME, COLUMN_COMMENT, {expression} FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {schema}"
        );
        let quoted_defaults = self.is_mariadb_from((10, 2, 7));
        let escaped = self.has_dictionary();
        let mut rows = self.session.rows(&sql).await?;
        rows.sort_by_cached_key(|row| (row.text(0), row.number::<u32>(1)));
        for row in rows {
            if let Some(table) = tables.get_mut(&row.text(0)) {
                table.columns.push(column(&row, quoted_defaults, escaped));
            }
        }
        Ok(())
    }

    async fn indexes(&mut self, database: &str, tables: &mut BTreeMap<String, Table>) -> Result<(), SessionError> {
        let schema = quote_string(database);
        let expression = if self.is_mysql((8, 0, 13)) { "EXPRESSION" } else { "NULL" };
        let invisible = if self.has_dictionary() {
            "IS_VISIBLE = 'NO'"
        } else if self.is_mariadb_from((10, 6, 0)) {
            "IGNORED = 'YES'"
        } else {
            "0"
        };
        let apart = if self.is_mariadb() || self.has_dictionary() {
            None
        } else {
            self.with_odd_indexes(database, tables).await?
        };
        // CARDINALITY would open every table, and so would INDEX_TYPE on MySQL 5.
        let kind = if apart.is_some() { "NULL" } else { "INDEX_TYPE" };
        let sql = format!(
            "SELECT TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX, NON_UNIQUE, {kind}, COLUMN_NAME, SUB_PART, COLLATION, \
             {expression}, {invisible} FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {schema}"
        );
        let escaped = self.has_dictionary();
        let mut rows = self.session.rows(&sql).await?;
        rows.sort_by_cached_key(|row| (row.text(0), row.text(1), row.number::<u32>(2)));
        let kinds = self.index_kinds(&schema, apart.as_deref().unwrap_or_default()).await?;
        for row in rows {
            let kind = row.at(4).or_else(|| kinds.get(&(row.text(0), row.text(1))).cloned());
            let kind = kind.unwrap_or_else(|| "BTREE".to_owned());
            let Some(table) = tables.get_mut(&row.text(0)) else { continue };
            let part = IndexPart {
                column: row.at(5),
                expression: row.at(8).map(|text| unescape(&text, escaped)),
                // A spatial index shows the size of its bounding box as if it were a prefix.
                length: row.number(6).filter(|_| kind != "SPATIAL"),
                descending: row.text(7) == "D",
            };
            let name = row.text(1);
            match table.indexes.last_mut() {
                Some(index) if index.name == name => index.parts.push(part),
                _ => table.indexes.push(Index {
                    name,
                    unique: row.text(3) == "0",
                    kind,
                    parts: vec![part],
                    invisible: row.text(9) == "1",
                    implicit: false,
                }),
            }
        }
        Ok(())
    }

    /// Tables of MySQL 5 with an index that may be no B-tree, which their definitions alone do not show: InnoDB lists its
    /// own, and tables of other engines are few. `None` when InnoDB's lists may not be read.
    async fn with_odd_indexes(
        &mut self,
        database: &str,
        tables: &BTreeMap<String, Table>,
    ) -> Result<Option<Vec<String>>, SessionError> {
        if !self.rights.global("PROCESS") {
            return Ok(None);
        }
        // 32 and above are full-text indexes.
        let ids = match self
            .session
            .rows("SELECT TABLE_ID FROM information_schema.INNODB_SYS_INDEXES WHERE TYPE >= 32")
            .await
        {
            Ok(rows) => rows.iter().map(|row| row.text(0)).collect::<BTreeSet<_>>(),
            Err(SessionError::AccessDenied(_) | SessionError::ServerError(_)) => return Ok(None),
            Err(trouble) => return Err(trouble),
        };
        let is_innodb = |table: &&Table| table.engine.as_deref() == Some("InnoDB");
        let mut odd: Vec<String> = tables
            .values()
            .filter(|table| !table.is_view && !is_innodb(table))
            .map(|table| table.name.clone())
            .collect();
        if !ids.is_empty() {
            let ids = ids.into_iter().collect::<Vec<_>>().join(", ");
            let sql = format!("SELECT NAME FROM information_schema.INNODB_SYS_TABLES WHERE TABLE_ID IN ({ids})");
            let names = self.session.rows(&sql).await?;
            let names = names.iter().filter_map(|row| split(&row.text(0)));
            odd.extend(names.filter(|(owner, _)| owner == database).map(|(_, table)| table));
        }
        Ok(Some(odd))
    }

    /// The kinds of the indexes of these tables.
    async fn index_kinds(
        &mut self,
        schema: &str,
        names: &[String],
    ) -> Result<BTreeMap<(String, String), String>, SessionError> {
        let one = |name: &String| {
            format!(
                "SELECT TABLE_NAME, INDEX_NAME, INDEX_TYPE FROM information_schema.STATISTICS \
                 WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME = {}",
                quote_string(name)
            )
        };
        let mut kinds = BTreeMap::new();
        for chunk in names.chunks(TABLES_A_STATEMENT) {
            let sql = chunk.iter().map(one).collect::<Vec<_>>().join(" UNION ALL ");
            let rows = self.session.rows(&sql).await?;
            kinds.extend(rows.iter().map(|row| ((row.text(0), row.text(1)), row.text(2))));
        }
        Ok(kinds)
    }

    async fn partitions(&mut self, schema: &str, tables: &mut BTreeMap<String, Table>) -> Result<(), SessionError> {
        let partitioned: Vec<&str> = tables
            .values()
            .filter(|table| table.create_options.contains("partitioned"))
            .map(|table| table.name.as_str())
            .collect();
        if partitioned.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "SELECT TABLE_NAME, PARTITION_ORDINAL_POSITION, PARTITION_NAME, PARTITION_METHOD, PARTITION_EXPRESSION, \
             PARTITION_DESCRIPTION FROM information_schema.PARTITIONS \
             WHERE TABLE_SCHEMA = {schema} AND TABLE_NAME IN ({}) AND PARTITION_NAME IS NOT NULL",
            literals(partitioned)
        );
        let mut rows = self.session.rows(&sql).await?;
        rows.sort_by_cached_key(|row| (row.text(0), row.number::<u32>(1), row.text(2)));
        // Subpartitions repeat their partition.
        let mut seen = BTreeSet::new();
        for row in rows {
            let key = (row.text(0), row.text(2));
            if let Some(table) = tables.get_mut(&key.0).filter(|_| seen.insert(key)) {
                table.partitions.push(Partition {
                    name: row.text(2),
                    method: row.text(3),
                    expression: row.text(4),
                    description: row.text(5),
                });
            }
        }
        Ok(())
    }

    /// CHECK constraints.
    pub(super) async fn checks(&mut self, database: &str) -> Result<Observed<Vec<Check>>, SessionError> {
        let schema = quote_string(database);
        // Names of checks are unique in a database of MySQL. A join of both lists reads the whole dictionary for each row.
        let mut clauses: BTreeMap<String, String> = BTreeMap::new();
        let sql = if self.is_mysql((8, 0, 16)) {
            let sql = format!(
                "SELECT CONSTRAINT_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS \
                 WHERE CONSTRAINT_SCHEMA = {schema}"
            );
            clauses.extend(self.session.rows(&sql).await?.iter().map(|row| (row.text(0), row.text(1))));
            format!(
                "SELECT TABLE_NAME, CONSTRAINT_NAME, NULL, ENFORCED FROM information_schema.TABLE_CONSTRAINTS \
                 WHERE TABLE_SCHEMA = {schema} AND CONSTRAINT_TYPE = 'CHECK'"
            )
        } else if self.is_mariadb_from((10, 3, 10)) {
            format!(
                "SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE, 'YES' \
                 FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = {schema}"
            )
        } else if self.is_mariadb_from((10, 2, 1)) {
            return Ok(Observed::unproven("this MariaDB has CHECK constraints but no list of them"));
        } else {
            return Ok(Observed::new(Vec::new(), Proof::proven("this version keeps no CHECK constraints")));
        };
        let escaped = self.has_dictionary();
        let mut checks: Vec<Check> = self
            .session
            .rows(&sql)
            .await?
            .iter()
            .map(|row| {
                let name = row.text(1);
                let clause = row.at(2).or_else(|| clauses.get(&name).cloned()).unwrap_or_default();
                let check = schema::Check::new(&name, &unescape(&clause, escaped));
                Check { table: row.text(0), part: schema::Check { enforced: row.text(3) == "YES", ..check } }
            })
            .collect();
        checks.sort();
        let proof = if self.rights.database("SELECT", database) {
            Proof::proven("information_schema.CHECK_CONSTRAINTS, with SELECT on the database")
        } else {
            Proof::unproven(format!("SELECT ON `{database}`.* is missing, so checks may be hidden"))
        };
        Ok(Observed::new(checks, proof))
    }
}

/// MySQL's dictionary keeps expressions with their quotes escaped; `SHOW CREATE TABLE` writes them without.
fn unescape(text: &str, escaped: bool) -> String {
    if escaped { text.replace("\\'", "'") } else { text.to_owned() }
}

/// MariaDB adds `/*M!100301 COMPRESSED*/` to the type of a compressed column.
fn without_comment(column_type: &str) -> String {
    column_type.split_once(" /*").map_or(column_type, |(plain, _)| plain).to_owned()
}

fn column(row: &Row, quoted_defaults: bool, escaped: bool) -> Column {
    let extra = row.text(6);
    let lower = extra.to_lowercase();
    let column_type = without_comment(&row.text(3));
    let expression = row.at(9).filter(|text| !text.is_empty()).map(|text| unescape(&text, escaped));
    let on_update = lower.find("on update ").map(|at| {
        let rest = &extra[at + "on update ".len()..];
        rest.split_whitespace().next().unwrap_or_default().to_owned()
    });
    Column {
        name: row.text(2),
        nullable: row.text(4) == "YES",
        default: row
            .at(5)
            // A generated column's default is its expression again, on some servers.
            .filter(|_| expression.is_none())
            .and_then(|text| default(&text, &column_type, &lower, quoted_defaults))
            .map(|default| match default {
                DefaultValue::Expression(text) => DefaultValue::Expression(unescape(&text, escaped)),
                literal @ DefaultValue::Literal(_) => literal,
            }),
        auto_increment: lower.contains("auto_increment"),
        on_update,
        generated: expression.map(|expression| Generated {
            expression,
            stored: lower.contains("stored generated") || lower.contains("persistent"),
        }),
        collation: row.at(7),
        comment: row.text(8),
        invisible: lower.contains("invisible"),
        column_type,
    }
}

/// `COLUMN_DEFAULT` says by its quotes what it is on MariaDB; on MySQL it never has quotes and `EXTRA` tells
/// expressions apart, but for the one expression that was always allowed.
fn default(text: &str, column_type: &str, extra: &str, quoted: bool) -> Option<DefaultValue> {
    if quoted {
        if text.eq_ignore_ascii_case("NULL") {
            return None;
        }
        if let Some(inner) = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            return Some(DefaultValue::Literal(unquoted(inner)));
        }
        let is_number = text.parse::<f64>().is_ok() && !text.starts_with(|c: char| c.is_ascii_alphabetic());
        return Some(if is_number {
            DefaultValue::Literal(text.to_owned())
        } else {
            DefaultValue::Expression(text.to_owned())
        });
    }
    let temporal = column_type.starts_with("timestamp") || column_type.starts_with("datetime");
    let now = temporal && text.to_ascii_uppercase().starts_with("CURRENT_TIMESTAMP");
    // `b'101'`, as MariaDB and every SHOW CREATE TABLE write it.
    let bits = column_type.starts_with("bit(") && text.starts_with("b'");
    Some(if now || bits || extra.contains("default_generated") {
        DefaultValue::Expression(text.to_owned())
    } else {
        DefaultValue::Literal(text.to_owned())
    })
}

/// A text as MariaDB prints it between quotes (`append_unescaped`, sql/unireg.cc and sql/sql_show.cc).
fn unquoted(inner: &str) -> String {
    let mut out = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('0') => out.push('\0'),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('Z') => out.push('\u{1a}'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            '\'' => {
                // A quote stands for itself when it is doubled.
                out.push('\'');
                if characters.as_str().starts_with('\'') {
                    characters.next();
                }
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_mean_the_same_everywhere() {
        let literal = |text: &str| Some(DefaultValue::Literal(text.to_owned()));
        let expression = |text: &str| Some(DefaultValue::Expression(text.to_owned()));
        assert_eq!(default("'it''s'", "varchar(9)", "", true), literal("it's"));
        assert_eq!(default(r"'it\'s 100%'", "longtext", "", true), literal("it's 100%"));
        assert_eq!(default(r"'a\\b\n'", "longtext", "", true), literal("a\\b\n"));
        assert_eq!(default("NULL", "varchar(9)", "", true), None);
        assert_eq!(default("'NULL'", "varchar(9)", "", true), literal("NULL"));
        assert_eq!(default("-1.5", "double", "", true), literal("-1.5"));
        assert_eq!(default("current_timestamp(6)", "datetime(6)", "", true), expression("current_timestamp(6)"));
        assert_eq!(default("NULL", "varchar(9)", "", false), literal("NULL"));
        assert_eq!(default("CURRENT_TIMESTAMP", "timestamp", "", false), expression("CURRENT_TIMESTAMP"));
        assert_eq!(default("CURRENT_TIMESTAMP", "varchar(30)", "", false), literal("CURRENT_TIMESTAMP"));
        assert_eq!(default("uuid()", "varchar(36)", "default_generated", false), expression("uuid()"));
    }
}
