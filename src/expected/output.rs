//! The expected schema as JSON and as SQL.

use serde::Serialize;

use super::{Expected, ModelColumn, ModelDifference};
use crate::field::SourceLocation;
use crate::schema::{Database, DefaultValue, Part, Table, create_tables};

/// Which part is printed.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Tables of this app only.
    pub app: Option<String>,
    /// This alias only.
    pub alias: Option<String>,
}

#[derive(Serialize)]
struct Document<'e> {
    django: String,
    server: String,
    apps: Vec<AppJson<'e>>,
    aliases: serde_json::Map<String, serde_json::Value>,
    soft_references: Vec<serde_json::Value>,
    differences: Vec<serde_json::Value>,
    integer_ranges: Vec<serde_json::Value>,
    model_columns: Vec<serde_json::Value>,
    model_differences: Vec<serde_json::Value>,
    gaps: &'e [crate::source::Gap],
}

#[derive(Serialize)]
struct AppJson<'e> {
    label: &'e str,
    module: &'e str,
    migrations: Option<&'e str>,
}

fn selected<'e>(expected: &'e Expected, selection: &'e Selection) -> impl Iterator<Item = (&'e String, &'e Database)> {
    expected.databases.iter().filter(|(name, _)| selection.alias.as_ref().is_none_or(|a| a == *name))
}

fn is_selected(expected: &Expected, selection: &Selection, table: &str) -> bool {
    selection.app.as_ref().is_none_or(|app| {
        expected.owners.get(table).is_some_and(|owner| owner == app) || table.starts_with(&format!("{app}_"))
    })
}

/// The document as JSON.
///
/// # Errors
///
/// When it cannot be written.
pub fn json(expected: &Expected, selection: &Selection, out: impl std::io::Write) -> serde_json::Result<()> {
    let mut aliases = serde_json::Map::new();
    for (name, database) in selected(expected, selection) {
        let mut tables: Vec<(&String, &Table)> =
            database.tables.iter().filter(|(t, _)| is_selected(expected, selection, t)).collect();
        tables.sort_by_key(|(name, _)| name.as_str());
        let tables: Vec<serde_json::Value> =
            tables.iter().map(|(table_name, t)| table(expected, name, table_name, t)).collect();
        let mirrors: Vec<&String> =
            expected.mirrors.iter().filter(|(_, of)| *of == name).map(|(mirror, _)| mirror).collect();
        aliases.insert(
            name.clone(),
            serde_json::json!({
                "database": expected.alias_names.get(name), "mirrors": mirrors,
                "tables": tables, "views": database.views,
            }),
        );
    }
    let keep = |table: &str| is_selected(expected, selection, table);
    let document = Document {
        django: expected.django.to_string(),
        server: expected.server.to_string(),
        apps: expected
            .apps
            .iter()
            .map(|a| AppJson { label: &a.label, module: &a.module, migrations: a.migrations.as_deref() })
            .collect(),
        aliases,
        soft_references: expected
            .soft_references
            .iter()
            .filter(|s| keep(&s.table))
            .map(|s| {
                serde_json::json!({
                    "alias": s.alias, "table": s.table, "column": s.column,
                    "referenced_table": s.referenced_table, "referenced_column": s.referenced_column,
                    "field": s.field,
                })
            })
            .collect(),
        differences: expected
            .differences
            .iter()
            .filter(|d| keep(&d.table))
            .map(|d| {
                serde_json::json!({
                    "alias": d.alias, "table": d.table, "column": d.column, "state": d.state, "database": d.database,
                })
            })
            .collect(),
        integer_ranges: expected
            .integer_ranges
            .iter()
            .filter(|r| keep(&r.table))
            .map(|r| {
                serde_json::json!({
                    "table": r.table, "column": r.column, "class": r.class, "internal_type": r.internal_type,
                    "python_max": r.python_max.to_string(), "column_type": r.column_type,
                    "column_max": r.column_max.to_string(), "file": r.file, "line": r.line,
                })
            })
            .collect(),
        model_columns: expected
            .model_columns
            .iter()
            .filter(|c| keep(&c.table))
            .map(|c| model_column(c, expected))
            .collect(),
        model_differences: expected
            .model_differences
            .iter()
            .filter(|d| {
                let app = d.model.split('.').next();
                selection.app.as_deref().is_none_or(|selected| app == Some(selected))
            })
            .map(model_difference)
            .collect(),
        gaps: &expected.gaps,
    };
    serde_json::to_writer_pretty(out, &document)
}

fn model_column(column: &ModelColumn, expected: &Expected) -> serde_json::Value {
    serde_json::json!({
        "table": column.table, "column": column.column, "field": column.field, "class": column.class,
        "column_type": column.column_type.as_ref().map(|t| t.print(expected.server)), "is_nullable": column.nullable,
        "primary_key": column.primary_key, "db_constraint": column.db_constraint,
        "referenced_table": column.referenced.as_ref().map(|(table, _)| table),
        "referenced_column": column.referenced.as_ref().map(|(_, column)| column),
        "file": column.place.file, "line": column.place.line,
    })
}

fn model_difference(difference: &ModelDifference) -> serde_json::Value {
    let place =
        |place: &Option<SourceLocation>| place.as_ref().map(|p| serde_json::json!({ "file": p.file, "line": p.line }));
    serde_json::json!({
        "model": difference.model, "field": difference.field, "what": difference.what.name(),
        "code": difference.code, "state": difference.state,
        "code_place": place(&difference.code_place), "state_place": place(&difference.state_place),
    })
}

fn table(expected: &Expected, alias: &str, name: &str, table: &Table) -> serde_json::Value {
    let server = expected.server;
    let made_by = |part: Part, of: &str| {
        expected.made_by(alias, name, part, of).map(|migration| format!("{}.{}", migration.node.0, migration.node.1))
    };
    let columns: Vec<serde_json::Value> = table
        .columns
        .iter()
        .map(|c| {
            let mut extra = String::new();
            if c.auto_increment {
                extra.push_str("auto_increment");
            } else if let Some(generated) = &c.generated {
                extra = format!("{} GENERATED", generated.kind());
            }
            serde_json::json!({
                "name": c.name,
                "column_type": c.column_type.print(server),
                "is_nullable": c.nullable,
                "column_default": c.default.as_ref().map(DefaultValue::to_sql),
                "extra": extra,
                "collation": c.collation,
                "comment": c.comment,
                "made_by": made_by(Part::Column, &c.name),
            })
        })
        .collect();
    let indexes: Vec<serde_json::Value> = table
        .secondary_indexes()
        .map(|i| {
            let parts: Vec<serde_json::Value> = i
                .parts
                .iter()
                .map(|p| {
                    serde_json::json!({
                        "name": p.column, "sub_part": p.length, "expression": p.expression, "descending": p.descending,
                    })
                })
                .collect();
            serde_json::json!({
                "name": i.name, "unique": i.unique, "columns": parts, "implicit": i.implicit, "kind": i.is_special().then_some(&i.kind),
                "made_by": made_by(Part::Index, &i.name),
            })
        })
        .collect();
    let keys: Vec<serde_json::Value> = table
        .foreign_keys
        .iter()
        .map(|k| {
            serde_json::json!({
                "name": k.name, "columns": k.columns, "referenced_table": k.referenced_table,
                "referenced_columns": k.referenced_columns, "on_delete": k.on_delete,
                "made_by": made_by(Part::ForeignKey, &k.name),
            })
        })
        .collect();
    let checks: Vec<serde_json::Value> = table
        .checks
        .iter()
        .map(|c| serde_json::json!({ "name": c.name, "expression": c.condition, "column": c.column }))
        .collect();
    serde_json::json!({
        "name": name,
        "app": expected.owners.get(name),
        "engine": table.engine.as_deref().unwrap_or("InnoDB"),
        "collation": table.collation,
        "comment": table.comment,
        "made_by": made_by(Part::Table, ""),
        "columns": columns,
        "primary_key": table.primary_key(),
        "indexes": indexes,
        "foreign_keys": keys,
        "checks": checks,
    })
}

/// The tables as SQL; gaps stand at the top as comments.
#[must_use]
pub fn sql(expected: &Expected, selection: &Selection) -> String {
    let mut out = format!("-- Expected by Django {} on {}.\n", expected.django, expected.server);
    for gap in &expected.gaps {
        let place = match (&gap.file, gap.line) {
            (Some(file), Some(line)) => format!("{file}:{line}: "),
            (Some(file), None) => format!("{file}: "),
            _ => String::new(),
        };
        out.push_str(&format!("-- gap ({}): {place}{}\n", gap.kind, gap.reason.replace('\n', " ")));
    }
    for difference in &expected.model_differences {
        let field = difference.field.as_ref().map(|field| format!(".{field}")).unwrap_or_default();
        out.push_str(&format!(
            "-- model ({}): {}{field}: {} in the models, {} in the migrations\n",
            difference.what.name(),
            difference.model,
            difference.code,
            difference.state
        ));
    }
    for (name, database) in selected(expected, selection) {
        out.push_str(&format!("\n-- Alias {name}\n\n"));
        let mut part = database.clone();
        part.tables.retain(|table, _| is_selected(expected, selection, table));
        out.push_str(&create_tables(&part, expected.server));
    }
    out
}
