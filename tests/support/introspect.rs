//! What a server's information_schema says of a database, and how that differs from what was expected.
//!
//! The shape is that of `csm-audit schema --format json`, so that both sides can be read into it. The queries are the
//! tests' own: what they check must not be asked by the code under test.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Flavour, Server};

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its engine.
    pub engine: String,
    /// Its collation.
    pub collation: Option<String>,
    /// Its comment.
    pub comment: String,
    /// In the order of the table.
    pub columns: Vec<Column>,
    /// By name; the primary key is the one called `PRIMARY`.
    pub indexes: Vec<Index>,
    /// By name.
    pub foreign_keys: Vec<ForeignKey>,
    /// By name.
    pub checks: Vec<Check>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// `COLUMN_TYPE`, normalised by [`plain_type`].
    pub column_type: String,
    /// Whether it takes NULL.
    pub is_nullable: bool,
    /// The text of its default as the server tells it.
    pub column_default: Option<String>,
    /// Whether it counts up.
    pub auto_increment: bool,
    /// `stored` or `virtual` when its value is computed.
    pub generated: Option<String>,
    /// Its collation, when it holds text.
    pub collation: Option<String>,
    /// Its comment.
    pub comment: String,
}

/// One index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Whether it forbids equal entries.
    pub unique: bool,
    /// `BTREE`, `FULLTEXT` or `SPATIAL`.
    pub kind: String,
    /// Its parts in order.
    pub parts: Vec<Part>,
}

/// A part of an index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// Its column; an expression has none.
    pub column: Option<String>,
    /// The length of its prefix.
    pub length: Option<u64>,
    /// Whether it descends.
    pub descending: bool,
}

/// One foreign key, which points into the same database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ForeignKey {
    /// Its name.
    pub name: String,
    /// The columns that point.
    pub columns: Vec<String>,
    /// Where they point to.
    pub referenced_table: String,
    /// The columns they point to.
    pub referenced_columns: Vec<String>,
    /// What happens on DELETE and on UPDATE; nothing when the server refuses.
    pub rules: [Option<String>; 2],
}

/// A check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Check {
    /// Its name; nothing when it belongs to a column of MariaDB's, where it has one of its own that nobody gave: the name
    /// the column had once.
    pub name: Option<String>,
    /// What it asks for, as [`plain_expression`] leaves it.
    pub expression: String,
}

/// Reads every base table of a database, by name.
///
/// # Panics
/// When the server refuses, or tells of a table that it does not list.
pub fn tables(server: &Server, database: &str) -> Vec<Table> {
    let ask = |sql: &str| nullable_rows(server, &sql.replace("{database}", &format!("'{database}'")));
    let mut tables: BTreeMap<String, Table> = ask("SELECT TABLE_NAME, ENGINE, TABLE_COLLATION, TABLE_COMMENT
         FROM information_schema.TABLES WHERE TABLE_SCHEMA = {database} AND TABLE_TYPE = 'BASE TABLE'")
    .into_iter()
    .map(|row| {
        let table = Table {
            name: text(&row, 0),
            engine: text(&row, 1),
            collation: row[2].clone(),
            comment: text(&row, 3),
            columns: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
        };
        (table.name.clone(), table)
    })
    .collect();

    for row in ask("SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA, COLLATION_NAME,
         COLUMN_COMMENT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {database}
         ORDER BY TABLE_NAME, ORDINAL_POSITION")
    {
        // Views have columns too.
        let Some(table) = tables.get_mut(&text(&row, 0)) else { continue };
        let extra = text(&row, 5);
        table.columns.push(Column {
            name: text(&row, 1),
            column_type: plain_type(&text(&row, 2)),
            is_nullable: text(&row, 3) == "YES",
            column_default: row[4].clone(),
            auto_increment: extra.contains("auto_increment"),
            generated: generated(&extra),
            collation: row[6].clone(),
            comment: text(&row, 7),
        });
    }
    for row in ask("SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, SUB_PART, COLLATION, INDEX_TYPE
         FROM information_schema.STATISTICS
         WHERE TABLE_SCHEMA = {database} ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX")
    {
        let indexes = &mut tables.get_mut(&text(&row, 0)).expect("a listed table").indexes;
        let name = text(&row, 1);
        let part = Part {
            column: row[3].clone(),
            length: row[4].as_ref().map(|length| length.parse().expect("a number")),
            descending: row[5].as_deref() == Some("D"),
        };
        match indexes.last_mut() {
            Some(index) if index.name == name => index.parts.push(part),
            _ => indexes.push(Index { name, unique: text(&row, 2) == "0", kind: text(&row, 6), parts: vec![part] }),
        }
    }
    let rules: BTreeMap<(String, String), [Option<String>; 2]> =
        ask("SELECT TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE
             FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = {database}")
        .iter()
        .map(|row| ((text(row, 0), text(row, 1)), [2, 3].map(|at| rule(&text(row, at)))))
        .collect();
    for row in ask("SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME
         FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = {database} AND REFERENCED_TABLE_NAME IS NOT NULL
         ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION")
    {
        let table = text(&row, 0);
        let keys = &mut tables.get_mut(&table).expect("a listed table").foreign_keys;
        let name = text(&row, 1);
        match keys.last_mut() {
            Some(key) if key.name == name => {
                key.columns.push(text(&row, 2));
                key.referenced_columns.push(text(&row, 4));
            }
            _ => keys.push(ForeignKey {
                rules: rules[&(table, name.clone())].clone(),
                name,
                columns: vec![text(&row, 2)],
                referenced_table: text(&row, 3),
                referenced_columns: vec![text(&row, 4)],
            }),
        }
    }
    let checks = match server.flavour() {
        // It reads checks and forgets them.
        Flavour::MySql56 => Vec::new(),
        Flavour::MariaDb => ask("SELECT TABLE_NAME, CONSTRAINT_NAME, CHECK_CLAUSE, LEVEL
             FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = {database}"),
        Flavour::MySql97 => ask("SELECT t.TABLE_NAME, c.CONSTRAINT_NAME, c.CHECK_CLAUSE
             FROM information_schema.CHECK_CONSTRAINTS c JOIN information_schema.TABLE_CONSTRAINTS t
             ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME
             WHERE c.CONSTRAINT_SCHEMA = {database} AND t.CONSTRAINT_TYPE = 'CHECK'"),
    };
    for row in checks {
        let of_column = row.get(3).is_some_and(|level| level.as_deref() == Some("Column"));
        let name = (!of_column).then(|| text(&row, 1));
        let check = Check { name, expression: plain_expression(&text(&row, 2)) };
        tables.get_mut(&text(&row, 0)).expect("a listed table").checks.push(check);
    }
    tables.into_values().map(sorted).collect()
}

/// Reads the tables of one alias out of what `csm-audit schema --format json` printed.
///
/// # Panics
/// When it has not the documented form.
pub fn expected_tables(report: &Value, alias: &str) -> Vec<Table> {
    let strings = |value: &Value| -> Vec<String> { array(value).iter().map(string).collect() };
    let mariadb = report["server"].as_str().is_some_and(|server| server.starts_with("mariadb"));
    let mut tables: Vec<_> = array(&report["aliases"][alias]["tables"])
        .iter()
        .map(|table| {
            let mut indexes: Vec<_> = array(&table["indexes"]).iter().map(expected_index).collect();
            let primary_key = strings(&table["primary_key"]);
            if !primary_key.is_empty() && indexes.iter().all(|index| index.name != "PRIMARY") {
                let part = |column| Part { column: Some(column), length: None, descending: false };
                let parts = primary_key.into_iter().map(part).collect();
                indexes.push(Index { name: "PRIMARY".to_owned(), unique: true, kind: "BTREE".to_owned(), parts });
            }
            sorted(Table {
                name: string(&table["name"]),
                engine: string(&table["engine"]),
                collation: table["collation"].as_str().map(str::to_owned),
                comment: string(&table["comment"]),
                columns: array(&table["columns"]).iter().map(expected_column).collect(),
                indexes,
                foreign_keys: array(&table["foreign_keys"])
                    .iter()
                    .map(|key| ForeignKey {
                        name: string(&key["name"]),
                        columns: strings(&key["columns"]),
                        referenced_table: string(&key["referenced_table"]),
                        referenced_columns: strings(&key["referenced_columns"]),
                        rules: [key["on_delete"].as_str().and_then(rule), None],
                    })
                    .collect(),
                checks: array(&table["checks"])
                    .iter()
                    .map(|check| Check {
                        name: (!mariadb || check["column"].is_null()).then(|| string(&check["name"])),
                        expression: plain_expression(&string(&check["expression"])),
                    })
                    .collect(),
            })
        })
        .collect();
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    tables
}

fn expected_column(column: &Value) -> Column {
    Column {
        name: string(&column["name"]),
        column_type: plain_type(&string(&column["column_type"])),
        is_nullable: column["is_nullable"].as_bool().unwrap_or_else(|| panic!("is_nullable is no bool in {column}")),
        column_default: column["column_default"].as_str().map(str::to_owned),
        auto_increment: column["extra"].as_str().unwrap_or_default().to_lowercase().contains("auto_increment"),
        generated: generated(column["extra"].as_str().unwrap_or_default()),
        collation: column["collation"].as_str().map(str::to_owned),
        comment: string(&column["comment"]),
    }
}

fn expected_index(index: &Value) -> Index {
    Index {
        name: string(&index["name"]),
        unique: index["unique"].as_bool().unwrap_or_else(|| panic!("unique is no bool in {index}")),
        kind: index["kind"].as_str().unwrap_or("BTREE").to_owned(),
        parts: array(&index["columns"])
            .iter()
            .map(|part| Part {
                column: part["name"].as_str().map(str::to_owned),
                length: part["sub_part"].as_u64(),
                descending: part["descending"].as_bool().unwrap_or_default(),
            })
            .collect(),
    }
}

/// Runs DDL in a new database and says how what came of it differs from `expected`.
///
/// # Panics
/// When the server refuses the DDL.
#[track_caller]
pub fn differences_after_loading(server: &Server, database: &str, ddl: &str, expected: &[Table]) -> Vec<String> {
    server.execute(&format!("CREATE DATABASE `{database}`"));
    if let Err(message) = server.try_load_text(database, ddl) {
        panic!("{message}\n--- in\n{ddl}");
    }
    differences(expected, &tables(server, database))
}

/// Says in words how `observed` differs from `expected`; nothing when it does not. The order of columns counts, and
/// names count. Where no collation is expected, a table may have any, and its columns have the table's.
pub fn differences(expected: &[Table], observed: &[Table]) -> Vec<String> {
    let mut found = Vec::new();
    let by_name = |tables: &[Table]| -> BTreeMap<String, Table> {
        tables.iter().map(|table| (table.name.clone(), table.clone())).collect()
    };
    let (expected, observed) = (by_name(expected), by_name(observed));
    for name in expected.keys().chain(observed.keys()).collect::<BTreeSet<_>>() {
        match (expected.get(name), observed.get(name)) {
            (Some(expected), Some(observed)) => compare_table(expected, observed, &mut found),
            (Some(_), None) => found.push(format!("{name}: the table is missing")),
            (None, _) => found.push(format!("{name}: the table is not expected")),
        }
    }
    found
}

fn compare_table(expected: &Table, observed: &Table, found: &mut Vec<String>) {
    let table = &expected.name;
    let names = |table: &Table| table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    if names(expected) != names(observed) {
        found.push(format!("{table}: columns {:?}, expected {:?}", names(observed), names(expected)));
    }
    let whole = |table: &Table| (table.engine.to_lowercase(), table.comment.clone());
    if whole(expected) != whole(observed) {
        found.push(format!("{table}: {:?}, expected {:?}", whole(observed), whole(expected)));
    }
    if expected.collation.is_some() && expected.collation != observed.collation {
        found.push(format!("{table}: collation {:?}, expected {:?}", observed.collation, expected.collation));
    }
    for want in &expected.columns {
        let Some(have) = observed.columns.iter().find(|column| column.name == want.name) else { continue };
        // What is not expected of a column is its table's.
        let collation = want.collation.as_ref().or(observed.collation.as_ref());
        let collation_agrees = have.collation.as_ref() == collation || have.collation == want.collation;
        let shape = |column: &Column| {
            let Column { column_type, is_nullable, auto_increment, generated, comment, .. } = column.clone();
            (column_type, is_nullable, auto_increment, generated, comment)
        };
        if shape(want) != shape(have) || plain_default(want) != plain_default(have) || !collation_agrees {
            found.push(format!("{table}.{}: {have:?}, expected {want:?}", want.name));
        }
    }
    compare_lists(table, "index", &expected.indexes, &observed.indexes, found);
    compare_lists(table, "foreign key", &expected.foreign_keys, &observed.foreign_keys, found);
    compare_lists(table, "check", &expected.checks, &observed.checks, found);
}

fn compare_lists<T: PartialEq + std::fmt::Debug>(
    table: &str,
    what: &str,
    expected: &[T],
    observed: &[T],
    found: &mut Vec<String>,
) {
    found.extend(
        expected.iter().filter(|want| !observed.contains(want)).map(|want| format!("{table}: missing {what} {want:?}")),
    );
    found.extend(
        observed.iter().filter(|have| !expected.contains(have)).map(|have| format!("{table}: extra {what} {have:?}")),
    );
}

/// A column type without what says nothing about its values: letter case, and the display width of integers, which
/// MySQL gave up in 8.0 and MariaDB still prints.
pub fn plain_type(column_type: &str) -> String {
    let lower = column_type.trim().to_lowercase();
    let Some((head, rest)) = lower.split_once('(') else { return lower };
    let integers = ["tinyint", "smallint", "mediumint", "int", "bigint"];
    match rest.split_once(')') {
        Some((_, tail)) if integers.contains(&head) => format!("{head}{tail}"),
        _ => lower,
    }
}

/// A default without what servers write each in their own way; a NULL that MariaDB spells out is none.
fn plain_default(column: &Column) -> Option<String> {
    let default = column.column_default.as_deref().filter(|default| !default.eq_ignore_ascii_case("NULL"))?;
    let plain = plain_expression(default.strip_prefix('\'').and_then(|d| d.strip_suffix('\'')).unwrap_or(default));
    // `1` of a decimal(5,2) is told as `1.00`.
    Some(plain.parse::<f64>().map_or(plain, |number| number.to_string()))
}

/// An expression without what servers write each in their own way: blanks, brackets, letter case, quotes, character
/// sets, one of two names of a function.
pub fn plain_expression(expression: &str) -> String {
    let lower =
        expression.to_lowercase().replace("_utf8mb4", "").replace("_utf8mb3", "").replace("current_timestamp(", "now(");
    lower.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '`' | '\'' | '"' | '\\')).collect()
}

/// `stored` or `virtual` out of EXTRA.
fn generated(extra: &str) -> Option<String> {
    let lower = extra.to_lowercase();
    lower.strip_suffix(" generated").map(str::to_owned)
}

/// A rule of a foreign key: to refuse is none, whatever the server calls it.
fn rule(rule: &str) -> Option<String> {
    (!matches!(rule, "RESTRICT" | "NO ACTION")).then(|| rule.to_owned())
}

fn sorted(mut table: Table) -> Table {
    // The servers sort by collations of their own.
    table.indexes.sort();
    table.foreign_keys.sort();
    table.checks.sort();
    table
}

/// Rows in which NULL is told from the text `NULL`.
fn nullable_rows(server: &Server, sql: &str) -> Vec<Vec<Option<String>>> {
    let (columns, rest) = sql.strip_prefix("SELECT ").expect("a query").split_once("FROM").expect("a table");
    let marked: Vec<_> =
        columns.split(',').map(|column| format!("IF({0} IS NULL, '', CONCAT('=', {0}))", column.trim())).collect();
    server
        .query(&format!("SELECT {} FROM{rest}", marked.join(", ")))
        .into_iter()
        .map(|row| row.iter().map(|value| value.strip_prefix('=').map(str::to_owned)).collect())
        .collect()
}

fn text(row: &[Option<String>], index: usize) -> String {
    row[index].clone().expect("a column that is never NULL")
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
