//! The tables as SQL that a server loads.

use std::fmt::Write as _;

use super::{Check, Column, Database, IndexPart, Server, Table, quote, quote_string};

/// `CREATE TABLE` of every table, sorted by name, then their foreign keys.
#[must_use]
pub fn create_tables(database: &Database, server: Server) -> String {
    let mut out = String::from("SET FOREIGN_KEY_CHECKS=0;\n\n");
    let mut tables: Vec<(&String, &Table)> = database.tables.iter().collect();
    tables.sort_by_key(|(name, _)| name.as_str());
    for (name, table) in tables {
        create_table(&mut out, name, table, server);
        out.push('\n');
    }
    out.push_str("SET FOREIGN_KEY_CHECKS=1;\n");
    out
}

fn create_table(out: &mut String, name: &str, table: &Table, server: Server) {
    let mut lines: Vec<String> = table.columns.iter().map(|c| column(c, table, server)).collect();
    let primary_key: Vec<String> = table.primary_key().into_iter().map(quote).collect();
    if !primary_key.is_empty() {
        lines.push(format!("PRIMARY KEY ({})", primary_key.join(", ")));
    }
    for index in table.secondary_indexes() {
        // An expression that is unknown cannot be written; its gap says so.
        let Some(parts) = index.parts.iter().map(IndexPart::to_sql).collect::<Option<Vec<_>>>() else { continue };
        let kind = match (index.kind.as_str(), index.unique) {
            (kind @ ("FULLTEXT" | "SPATIAL"), _) => format!("{kind} KEY"),
            (_, true) => String::from("UNIQUE KEY"),
            (_, false) => String::from("KEY"),
        };
        lines.push(format!("{kind} {} ({})", quote(&index.name), parts.join(", ")));
    }
    for key in &table.foreign_keys {
        let mut line = format!(
            "CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({})",
            quote(&key.name),
            list(&key.columns),
            quote(&key.referenced_table),
            list(&key.referenced_columns)
        );
        if let Some(action) = &key.on_delete {
            _ = write!(line, " ON DELETE {action}");
        }
        lines.push(line);
    }
    for check in table.checks.iter().filter(|check| !is_in_column(check, server)) {
        lines.push(format!("CONSTRAINT {} CHECK ({})", quote(&check.name), check.condition));
    }
    _ = writeln!(out, "CREATE TABLE {} (", quote(name));
    _ = writeln!(out, "  {}", lines.join(",\n  "));
    _ = write!(out, ") ENGINE={}", table.engine.as_deref().unwrap_or("InnoDB"));
    if let Some(collation) = &table.collation {
        _ = write!(out, " COLLATE={collation}");
    }
    if !table.comment.is_empty() {
        _ = write!(out, " COMMENT={}", quote_string(&table.comment));
    }
    out.push_str(";\n");
}

fn list(columns: &[String]) -> String {
    columns.iter().map(|c| quote(c)).collect::<Vec<_>>().join(", ")
}

/// Whether a check stands in its column's definition: MariaDB keeps it there, under a name of its own.
fn is_in_column(check: &Check, server: Server) -> bool {
    server.mariadb && check.column.is_some()
}

fn column(column: &Column, table: &Table, server: Server) -> String {
    let json = column.column_type.is_json();
    let printed = if json { String::from("json") } else { column.column_type.print(server) };
    let mut out = format!("{} {printed}", quote(&column.name));
    if let Some(collation) = column.collation.as_ref().or(table.collation.as_ref())
        && column.column_type.has_collation()
        && !json
    {
        _ = write!(out, " COLLATE {collation}");
    }
    if let Some(generated) = &column.generated {
        _ = write!(out, " GENERATED ALWAYS AS ({}) {}", generated.expression, generated.kind());
    } else {
        out.push_str(if column.nullable { " NULL" } else { " NOT NULL" });
        if let Some(default) = &column.default {
            _ = write!(out, " DEFAULT {}", default.to_sql());
        }
    }
    if column.auto_increment {
        out.push_str(" AUTO_INCREMENT");
    }
    if !column.comment.is_empty() {
        _ = write!(out, " COMMENT {}", quote_string(&column.comment));
    }
    // MariaDB's check of a json column comes with the type.
    let checks = table.checks.iter().filter(|check| is_in_column(check, server) && !json);
    for check in checks.filter(|check| check.column.as_deref() == Some(&column.name)) {
        _ = write!(out, " CHECK ({})", check.condition);
    }
    out
}
