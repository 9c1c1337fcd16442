//! The rows of `information_schema` for the tables that a replay has created so far.
//!
//! A replay is an installation from nothing: its tables have no rows.
//!
//! Source: MySQL 8.4 Reference Manual, 28.3 (`COLUMNS`, `KEY_COLUMN_USAGE`, `REFERENTIAL_CONSTRAINTS`, `STATISTICS`,
//! `TABLES`, `TABLE_CONSTRAINTS`); MariaDB 10.2.7 writes defaults as SQL.

use crate::schema::{Column, Database, DefaultValue, PRIMARY, Server, Table};
use crate::sql::{Cell, Relation};

/// The rows of one table.
type Rows = fn(&str, &Table, Server) -> Vec<Vec<Cell>>;

/// The table `schema.name`, in small letters, if it is in the catalog.
pub(super) fn table(database: &Database, server: Server, name: &str) -> Option<Relation> {
    let (columns, of): (&'static [&'static str], Rows) = match name {
        "information_schema.tables" => {
            (&["table_schema", "table_name", "table_type", "engine", "table_rows", "table_comment"], tables)
        }
        "information_schema.columns" => (
            &[
                "table_schema",
                "table_name",
                "column_name",
                "ordinal_position",
                "column_default",
                "is_nullable",
                "data_type",
                "column_type",
                "extra",
                "column_comment",
            ],
            columns_of,
        ),
        "information_schema.statistics" => (
            &["table_schema", "table_name", "non_unique", "index_schema", "index_name", "seq_in_index", "column_name"],
            statistics,
        ),
        "information_schema.key_column_usage" => (
            &[
                "constraint_schema",
                "constraint_name",
                "table_schema",
                "table_name",
                "column_name",
                "ordinal_position",
                "referenced_table_schema",
                "referenced_table_name",
                "referenced_column_name",
            ],
            key_columns,
        ),
        "information_schema.table_constraints" => {
            (&["constraint_schema", "constraint_name", "table_schema", "table_name", "constraint_type"], constraints)
        }
        "information_schema.referential_constraints" => (
            &[
                "constraint_schema",
                "constraint_name",
                "unique_constraint_schema",
                "update_rule",
                "delete_rule",
                "table_name",
                "referenced_table_name",
            ],
            references,
        ),
        _ => return None,
    };
    let rows = database.tables.iter().flat_map(|(name, table)| of(name, table, server)).collect();
    Some(Relation { columns, rows })
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn number(at: usize) -> Cell {
    i64::try_from(at + 1).map_or(Cell::Null, Cell::Int)
}

fn tables(name: &str, table: &Table, _: Server) -> Vec<Vec<Cell>> {
    let engine = table.engine.as_deref().unwrap_or("InnoDB");
    vec![vec![Cell::Database, text(name), text("BASE TABLE"), text(engine), Cell::Int(0), text(&table.comment)]]
}

fn columns_of(name: &str, table: &Table, server: Server) -> Vec<Vec<Cell>> {
    let row = |(at, column): (usize, &Column)| {
        let printed = column.column_type.print(server);
        let kind = printed.split(['(', ' ']).next().unwrap_or_default();
        let extra = match (&column.generated, column.auto_increment) {
            (Some(generated), _) if generated.stored => "STORED GENERATED",
            (Some(_), _) => "VIRTUAL GENERATED",
            (None, true) => "auto_increment",
            (None, false) => "",
        };
        vec![
            Cell::Database,
            text(name),
            text(&column.name),
            number(at),
            default(column, server),
            text(if column.nullable { "YES" } else { "NO" }),
            text(kind),
            text(&printed),
            text(extra),
            text(&column.comment),
        ]
    };
    table.columns.iter().enumerate().map(row).collect()
}

/// MariaDB writes a default as SQL, `NULL` included, and MySQL the value that it stands for.
fn default(column: &Column, server: Server) -> Cell {
    match (&column.default, server.mariadb) {
        (Some(default), true) => text(&default.to_sql()),
        (None, true) if column.nullable && column.generated.is_none() => text("NULL"),
        (None, _) => Cell::Null,
        (Some(default), false) if default.is_null() => Cell::Null,
        (Some(DefaultValue::Literal(value) | DefaultValue::Expression(value)), false) => text(value),
    }
}

fn statistics(name: &str, table: &Table, _: Server) -> Vec<Vec<Cell>> {
    let row = |unique: bool, index: &str, at: usize, column: Option<&str>| {
        let column = column.map_or(Cell::Null, text);
        let not_unique = Cell::Int(i64::from(!unique));
        vec![Cell::Database, text(name), not_unique, Cell::Database, text(index), number(at), column]
    };
    let rows = table.indexes.iter().flat_map(|index| {
        index.columns().enumerate().map(|(at, column)| row(index.unique, &index.name, at, column)).collect::<Vec<_>>()
    });
    rows.collect()
}

fn key_columns(name: &str, table: &Table, _: Server) -> Vec<Vec<Cell>> {
    let row = |constraint: &str, at: usize, column: &str, to: Option<(&str, &str)>| {
        let (schema, referenced, referenced_column) = match to {
            Some((table, column)) => (Cell::Database, text(table), text(column)),
            None => (Cell::Null, Cell::Null, Cell::Null),
        };
        let (constraint, column) = (text(constraint), text(column));
        let own = [Cell::Database, constraint, Cell::Database, text(name), column, number(at)];
        own.into_iter().chain([schema, referenced, referenced_column]).collect()
    };
    let unique = table.indexes.iter().filter(|index| index.unique).flat_map(|index| {
        let columns = index.columns().flatten().enumerate();
        columns.map(|(at, column)| row(&index.name, at, column, None)).collect::<Vec<_>>()
    });
    let foreign = table.foreign_keys.iter().flat_map(|key| {
        let pairs = key.columns.iter().zip(&key.referenced_columns).enumerate();
        pairs
            .map(|(at, (column, other))| row(&key.name, at, column, Some((&key.referenced_table, other))))
            .collect::<Vec<_>>()
    });
    unique.chain(foreign).collect()
}

fn constraints(name: &str, table: &Table, _: Server) -> Vec<Vec<Cell>> {
    let row =
        |constraint: &str, kind: &str| vec![Cell::Database, text(constraint), Cell::Database, text(name), text(kind)];
    let unique = table.indexes.iter().filter(|index| index.unique);
    let unique = unique.map(|index| row(&index.name, if index.name == PRIMARY { "PRIMARY KEY" } else { "UNIQUE" }));
    let foreign = table.foreign_keys.iter().map(|key| row(&key.name, "FOREIGN KEY"));
    let checks = table.checks.iter().map(|check| row(&check.name, "CHECK"));
    unique.chain(foreign).chain(checks).collect()
}

fn references(name: &str, table: &Table, server: Server) -> Vec<Vec<Cell>> {
    // What stands for nothing said: MariaDB's RESTRICT is MySQL's NO ACTION.
    let nothing = if server.mariadb { "RESTRICT" } else { "NO ACTION" };
    let row = |key: &crate::schema::ForeignKey| {
        vec![
            Cell::Database,
            text(&key.name),
            Cell::Database,
            text(nothing),
            text(key.on_delete.as_deref().unwrap_or(nothing)),
            text(name),
            text(&key.referenced_table),
        ]
    };
    table.foreign_keys.iter().map(row).collect()
}
