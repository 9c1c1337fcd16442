//! What real Django made on real servers, against what is expected of the same migrations.
//!
//! The corpora lie in the folder that `CSM_AUDIT_SHARED` names; without it there is nothing to compare with, and the test
//! says so. Those that need Django alone are run here: its own apps are known without an installation.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail loudly")]

#[path = "support/skip.rs"]
mod skip;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use csm_audit::config::{CliOverrides, Settings};
use csm_audit::expected_schema;
use csm_audit::schema::{ColumnType, Database, Server};
use serde_json::Value;

fn truth(path: &Path) -> Value {
    let output = Command::new("gzip").arg("-dc").arg(path).output().unwrap();
    assert!(output.status.success(), "{}", path.display());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or("")
}

fn list(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|v| v.as_str().unwrap_or("<expression>").to_owned()).collect()
}

/// Everything that is compared, one line each.
fn of_truth(tables: &Value, server: Server) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for table in tables.as_array().unwrap() {
        let name = text(table, "name");
        for column in table["columns"].as_array().unwrap() {
            out.insert(format!(
                "column {name}.{} {} {} {}",
                text(column, "name"),
                ColumnType::parse(text(column, "column_type")).print(server),
                text(column, "is_nullable") == "YES",
                text(column, "extra").contains("auto_increment")
            ));
        }
        for index in table["indexes"].as_array().unwrap() {
            let parts: Vec<String> = index["columns"]
                .as_array()
                .unwrap()
                .iter()
                .map(|p| list(&Value::from(vec![p[0].clone()]))[0].clone())
                .collect();
            let unique = index["unique"].as_bool().unwrap();
            out.insert(format!("index {name} {} {unique} {}", text(index, "name"), parts.join(",")));
        }
        for key in table["foreign_keys"].as_array().unwrap() {
            out.insert(format!(
                "key {name} {} {} {}.{}",
                text(key, "name"),
                list(&key["columns"]).join(","),
                text(key, "referenced_table"),
                list(&key["referenced_columns"]).join(",")
            ));
        }
    }
    out
}

fn of_expected(database: &Database, server: Server) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for (name, table) in &database.tables {
        for c in &table.columns {
            // Whether MariaDB's json is text is told by the printed type.
            let printed = ColumnType::parse(&c.column_type.print(server)).print(server);
            out.insert(format!("column {name}.{} {printed} {} {}", c.name, c.nullable, c.auto_increment));
        }
        if table.primary().is_some() {
            out.insert(format!("index {name} PRIMARY true {}", table.primary_key().join(",")));
        }
        for i in table.secondary_indexes() {
            let parts: Vec<&str> = i.parts.iter().map(|p| p.column.as_deref().unwrap_or("<expression>")).collect();
            out.insert(format!("index {name} {} {} {}", i.name, i.unique, parts.join(",")));
        }
        for k in &table.foreign_keys {
            let to = format!("{}.{}", k.referenced_table, k.referenced_columns.join(","));
            out.insert(format!("key {name} {} {} {to}", k.name, k.columns.join(",")));
        }
    }
    out
}

#[test]
fn what_django_made_is_what_is_expected() {
    let shared = std::env::var_os("CSM_AUDIT_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let folder = shared.join("truth/schema");
    if !folder.join("apps").is_dir() {
        skip::skipped(&format!(
            "{} has no corpora; set CSM_AUDIT_SHARED to compare with real servers",
            shared.display()
        ));
        return;
    }
    let mut names: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    let mut compared = 0;
    for path in names {
        let name = path.file_name().unwrap().to_str().unwrap().trim_end_matches(".json.gz").to_owned();
        let (apps, settings) = match name.split('-').next() {
            Some("versions") => ("versions", "settings_old"),
            Some("synthetic") => ("synthetic", "settings_syn"),
            _ => continue,
        };
        let digits = name.split("-dj").nth(1).unwrap();
        let django = format!("{}.{}", &digits[..1], digits[1..].split('-').next().unwrap());
        let truth = truth(&path);
        let version = text(&truth["server"], "version").to_owned();
        let overrides = CliOverrides {
            roots: vec![folder.join("apps").join(apps)],
            settings: Some(settings.to_owned()),
            django: Some(django),
            server: Some(version.clone()),
            ..CliOverrides::default()
        };
        let expected = expected_schema(&Settings::resolve(overrides).unwrap(), false).unwrap();
        let server: Server = version.parse().unwrap();
        let wanted = of_truth(&truth["aliases"]["default"]["tables"], server);
        let got = of_expected(&expected.databases["default"], server);
        let wanted: BTreeSet<String> = wanted.into_iter().filter(|l| !l.contains(" django_migrations")).collect();
        let missing: Vec<&String> = wanted.difference(&got).collect();
        let extra: Vec<&String> = got.difference(&wanted).collect();
        assert!(missing.is_empty() && extra.is_empty(), "{name}: missing {missing:#?}, not in truth {extra:#?}");
        compared += 1;
    }
    assert!(compared >= 14, "only {compared} corpora were found");
}
