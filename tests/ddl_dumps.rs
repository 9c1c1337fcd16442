//! Real dumps: every table is read, and its columns, keys and foreign keys are what information_schema says.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails loudly")]

#[path = "support/skip.rs"]
mod skip;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use csm_audit::schema::DefaultValue;
use csm_audit::sql::{CreateTable, Ddl, ddl};
use serde_json::Value;

/// Data that is too large for the repository lies beside it; without it these tests say so and pass.
fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("CSM_AUDIT_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    if path.join("truth/schema/dumps").is_dir() {
        return Some(path);
    }
    skip::skipped(&format!("{} has no dumps; set CSM_AUDIT_SHARED to compare with real servers", path.display()));
    None
}

fn unzip(path: &Path) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(path).expect("the file opens");
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("the file is gzip and UTF-8");
    text
}

type Facts = BTreeSet<String>;

/// A table as a set of sentences, from the dump.
fn read_facts(table: &CreateTable) -> Facts {
    let mut facts = Facts::new();
    for (at, column) in table.columns.iter().map(|def| &def.column).enumerate() {
        facts.insert(format!(
            "column {at} {} {} null={} auto={}",
            column.name, column.column_type, column.nullable, column.auto_increment
        ));
        match &column.default {
            Some(DefaultValue::Literal(text)) => _ = facts.insert(format!("default {} {text}", column.name)),
            Some(number) if number.is_number() => {
                facts.insert(format!("default {} {}", column.name, number.to_sql()));
            }
            _ => {}
        }
        if let Some(collation) = &column.collation {
            facts.insert(format!("collation {} {collation}", column.name));
        }
    }
    for index in &table.indexes {
        let parts: Vec<_> = index
            .parts
            .iter()
            .map(|part| match &part.column {
                Some(name) => format!("{name}{}", part.length.map_or(String::new(), |n| format!("({n})"))),
                None => "<expression>".to_owned(),
            })
            .collect();
        facts.insert(format!("key {} unique={} {}", index.name, index.unique, parts.join(",")));
    }
    for key in &table.foreign_keys {
        facts.insert(format!(
            "foreign key {} {} -> {} {}",
            key.name,
            key.columns.join(","),
            key.referenced_table,
            key.referenced_columns.join(",")
        ));
        // Both servers leave out the action that is their default.
        if let Some(action) = &key.on_delete {
            facts.insert(format!("on delete {} {action}", key.name));
        }
    }
    facts.insert(format!("engine {}", table.options.engine.as_deref().unwrap_or("?")));
    facts
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn list(value: &Value) -> String {
    value.as_array().expect("a list").iter().map(|item| item.as_str().unwrap_or("?")).collect::<Vec<_>>().join(",")
}

/// The same sentences, from information_schema. `explicit` is the collations that the dump spells out.
fn true_facts(table: &Value, read: &Facts) -> Facts {
    let mut facts = Facts::new();
    for (at, column) in table["columns"].as_array().expect("columns").iter().enumerate() {
        let name = text(column, "name");
        let nullable = text(column, "is_nullable") == "YES";
        let auto = text(column, "extra").contains("auto_increment");
        facts.insert(format!("column {at} {name} {} null={nullable} auto={auto}", text(column, "column_type")));
        if let Some(default) = column["column_default"].as_str() {
            // MariaDB quotes strings and spells NULL; MySQL marks expressions apart.
            let expression = text(column, "extra").contains("DEFAULT_GENERATED") || default.ends_with("()");
            if default != "NULL" && !expression {
                let plain = default.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap_or(default);
                facts.insert(format!("default {name} {plain}"));
            }
        }
        let collation = format!("collation {name} {}", text(column, "collation"));
        if read.contains(&collation) {
            facts.insert(collation);
        }
    }
    for index in table["indexes"].as_array().expect("indexes") {
        let parts: Vec<_> = index["columns"]
            .as_array()
            .expect("columns")
            .iter()
            .map(|part| {
                let prefix = part[1].as_u64().map_or(String::new(), |n| format!("({n})"));
                part[0].as_str().map_or_else(|| "<expression>".to_owned(), |name| format!("{name}{prefix}"))
            })
            .collect();
        facts.insert(format!("key {} unique={} {}", text(index, "name"), index["unique"], parts.join(",")));
    }
    for key in table["foreign_keys"].as_array().expect("foreign keys") {
        facts.insert(format!(
            "foreign key {} {} -> {} {}",
            text(key, "name"),
            list(&key["columns"]),
            text(key, "referenced_table"),
            list(&key["referenced_columns"])
        ));
        if !matches!(text(key, "on_delete"), "NO ACTION" | "RESTRICT") {
            facts.insert(format!("on delete {} {}", text(key, "name"), text(key, "on_delete")));
        }
    }
    facts.insert(format!("engine {}", text(table, "engine")));
    facts
}

#[test]
fn every_table_of_the_dumps_is_read_as_the_server_holds_it() {
    let Some(shared) = shared() else { return };
    let mut compared = 0;
    for server in ["mysql97", "maria1011"] {
        let schema = shared.join("truth/schema");
        let truth: Value =
            serde_json::from_str(&unzip(&schema.join(format!("edx-lms-{server}.json.gz")))).expect("JSON");
        for alias in ["default", "student_module_history"] {
            let dump = unzip(&schema.join(format!("dumps/lms-{server}.{alias}.sql.gz")));
            let (statements, problems) = ddl(&dump);
            assert_eq!(problems, [], "{server} {alias}");
            let read: BTreeMap<String, Facts> = statements
                .iter()
                .filter_map(|statement| match &statement.kind {
                    Ddl::CreateTable(table) => Some((table.name.name.clone(), read_facts(table))),
                    _ => None,
                })
                .collect();
            // information_schema lists views among the tables, and the truth leaves Django's ledger out.
            let views: Vec<&str> = truth["aliases"][alias]["views"]
                .as_array()
                .map(|views| views.iter().filter_map(Value::as_str).collect())
                .unwrap_or_default();
            let tables: Vec<&Value> = truth["aliases"][alias]["tables"]
                .as_array()
                .expect("tables")
                .iter()
                .filter(|table| !views.contains(&text(table, "name")))
                .collect();
            let ledger = usize::from(read.contains_key("django_migrations"));
            assert_eq!(read.len(), tables.len() + ledger, "{server} {alias}");
            for table in tables {
                let name = text(table, "name");
                let read = read.get(name).unwrap_or_else(|| panic!("{server} {alias}: {name} is not in the dump"));
                let expected = true_facts(table, read);
                let missing: Vec<_> = expected.difference(read).collect();
                let extra: Vec<_> = read.difference(&expected).collect();
                assert!(
                    missing.is_empty() && extra.is_empty(),
                    "{server} {}: missing {missing:#?}, extra {extra:#?}",
                    text(table, "name")
                );
                compared += 1;
            }
            let read_views: Vec<&str> = statements
                .iter()
                .filter_map(|statement| match &statement.kind {
                    Ddl::CreateView { name, .. } => Some(name.name.as_str()),
                    _ => None,
                })
                .collect();
            assert_eq!(read_views, views);
        }
    }
    assert!(compared > 1000, "only {compared} tables were compared");
}

#[test]
fn the_dumps_of_the_fixture_project_are_read_to_their_end() {
    for (database, tables) in [("platform", 15), ("platform_history", 2)] {
        let path = format!("{}/fixtures/dumps/mariadb-10.11.{database}.sql", env!("CARGO_MANIFEST_DIR"));
        let (statements, problems) = ddl(&std::fs::read_to_string(path).expect("the dump"));
        assert_eq!(problems, [], "{database}");
        let read: Vec<&CreateTable> = statements
            .iter()
            .filter_map(|statement| match &statement.kind {
                Ddl::CreateTable(table) => Some(&**table),
                _ => None,
            })
            .collect();
        assert_eq!(read.len(), tables, "{database}");
        assert!(read.iter().all(|table| !table.columns.is_empty() && table.options.engine.is_some()));
    }
}
