//! Scripts are sound, whatever tables are called.

use std::fs;
use std::process::Command;

use csm_audit::audit::Role;
use csm_audit::live::facts::{ForeignKey, Trigger};
use csm_audit::plan::{Options, Plan, Strategy};
use csm_audit::schema;

use crate::facts::{self, audit, environment, seen};
use crate::platform::{is_installed, said};

const NAMES: [&str; 3] =
    ["courseware_studentmodule", "it's a $(touch /tmp/owned) `table` of \"größe\"", "two\nlines\\ -rf *; exit 0 #"];

/// A plan with every kind of step, for a table of this name in a database of this name.
fn plan(name: &str, way: Strategy) -> Plan {
    let mut facts = environment();
    let database = &mut facts.databases[0];
    name.clone_into(&mut database.name);
    let mut other = facts::table(&format!("{name} 2"), "bigint", Some((name, "int")));
    other.columns[1].comment = format!("{name}'s");
    let mut target = facts::table(name, "int", Some(("student id", "int")));
    target.columns[0].comment = name.to_owned();
    *database = facts::database(name, "replica:3306", vec![target, other], 5_000_000);
    let key = |constraint: &str, table: &str, column: &str, to: &str| ForeignKey {
        database: name.to_owned(),
        table: table.to_owned(),
        key: schema::ForeignKey {
            name: format!("{constraint} {name}"),
            columns: vec![column.to_owned()],
            referenced_database: name.to_owned(),
            referenced_table: to.to_owned(),
            referenced_columns: vec!["id".to_owned()],
            ..schema::ForeignKey::default()
        },
    };
    let second = format!("{name} 2");
    database.foreign_keys = seen(vec![key("in", &second, name, name), key("out", name, "student id", "auth user")]);
    database.triggers = seen(vec![Trigger { table: second.clone(), name: "t".to_owned(), ..Trigger::default() }]);
    let audit = audit(facts, &[(0, name, "id", Role::Key), (0, &second, name, Role::Constraint)]);
    csm_audit::plan::plan(&audit, &Options { strategy: Some(way), ..Options::default() })
}

#[test]
fn shellcheck_finds_nothing() {
    if !is_installed("shellcheck") {
        assert!(!std::env::var("CI").is_ok_and(|value| value == "true"), "shellcheck is not installed");
        crate::support::skip::skipped("shellcheck is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (at, name) in NAMES.iter().enumerate() {
        for way in [Strategy::GhOst, Strategy::PtOnlineSchemaChange, Strategy::Alter] {
            let place = folder.path().join(format!("{at}-{}", way.name()));
            fs::create_dir(&place).unwrap();
            for file in plan(name, way).files.iter().filter(|file| file.executable) {
                assert!(
                    file.path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)),
                    "{}",
                    file.path
                );
                fs::write(place.join(&file.path), &file.text).unwrap();
            }
            let files: Vec<_> = fs::read_dir(&place).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert!(files.len() > 5, "{files:?}");
            let output =
                Command::new("shellcheck").args(["--shell=bash", "--format=gcc"]).args(files).output().unwrap();
            assert!(output.status.success(), "{name:?} {}: {}", way.name(), said(&output));
        }
    }
}

#[test]
fn the_same_facts_give_the_same_files() {
    assert_eq!(plan("t", Strategy::GhOst).files, plan("t", Strategy::GhOst).files);
}

#[test]
fn a_plan_is_read_as_it_was_written() {
    let mut plan = plan("größe", Strategy::GhOst);
    let text = plan.to_json();
    plan.files.clear();
    assert_eq!(Plan::parse(&text).unwrap(), plan);
    assert!(Plan::parse("{}").unwrap_err().contains("not a plan"));
}
