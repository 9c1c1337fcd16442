//! The comparison that other tests rely on sees what is there and says what differs.

mod support;

use serde_json::{Value, json};
use support::introspect::{self, differences, expected_tables, plain_type};
use support::{Flavour, ServerOptions};

/// Nothing for MySQL 5.6, which reads checks and forgets them, and knows no computed columns.
const MODERN: &str = "
    CREATE TABLE modern (
        id INT NOT NULL PRIMARY KEY, doubled INT GENERATED ALWAYS AS (id * 2) STORED COMMENT 'twice',
        price DECIMAL(5,2) NOT NULL DEFAULT 1, KEY modern_price (price DESC),
        CONSTRAINT modern_price_positive CHECK (price >= 0));";

const DDL: &str = "
    CREATE TABLE owner (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, code VARCHAR(50) NOT NULL,
        UNIQUE KEY code (code));
    CREATE TABLE thing (
        id BIGINT NOT NULL AUTO_INCREMENT, name VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
        kind VARCHAR(8) NOT NULL DEFAULT 'none', owner_id INT UNSIGNED NOT NULL, body LONGTEXT NOT NULL,
        PRIMARY KEY (id), UNIQUE KEY thing_kind_owner_uniq (kind, owner_id), KEY thing_body (body(20)),
        CONSTRAINT thing_owner_fk FOREIGN KEY (owner_id) REFERENCES owner (id)
            ON DELETE CASCADE) COMMENT 'all things';
    CREATE VIEW things AS SELECT id FROM thing;";

/// What the DDL above should come to, in the form of `csm-audit schema --format json`.
fn expected() -> Value {
    let column = |name: &str, column_type: &str, nullable: bool, extra: &str| {
        json!({"name": name, "column_type": column_type, "is_nullable": nullable, "column_default": null,
               "extra": extra, "collation": null, "comment": ""})
    };
    let index = |name: &str, unique: bool, parts: &[(&str, Option<u64>)]| {
        let parts: Vec<_> = parts
            .iter()
            .map(|(name, sub_part)| json!({"name": name, "sub_part": sub_part, "descending": false}))
            .collect();
        json!({"name": name, "unique": unique, "columns": parts})
    };
    let mut name = column("name", "varchar(191)", true, "");
    name["collation"] = json!("utf8mb4_bin");
    let mut kind = column("kind", "varchar(8)", false, "");
    kind["column_default"] = json!("none");
    json!({"aliases": {"default": {"tables": [
        {"name": "thing", "engine": "InnoDB", "collation": null, "comment": "all things", "checks": [],
         "columns": [column("id", "bigint", false, "auto_increment"), name, kind,
                     column("owner_id", "int(10) UNSIGNED", false, ""), column("body", "longtext", false, "")],
         "primary_key": ["id"],
         "indexes": [index("thing_kind_owner_uniq", true, &[("kind", None), ("owner_id", None)]),
                     index("thing_body", false, &[("body", Some(20))]),
                     index("thing_owner_fk", false, &[("owner_id", None)])],
         "foreign_keys": [{"name": "thing_owner_fk", "columns": ["owner_id"], "referenced_table": "owner",
                           "referenced_columns": ["id"], "on_delete": "CASCADE"}]},
        {"name": "owner", "engine": "InnoDB", "collation": null, "comment": "", "checks": [],
         "columns": [column("id", "int unsigned", false, "AUTO_INCREMENT"), column("code", "varchar(50)", false, "")],
         "primary_key": ["id"], "indexes": [index("code", true, &[("code", None)])], "foreign_keys": []},
    ]}}})
}

#[test]
fn what_was_created_is_what_is_told() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        server.execute("CREATE DATABASE other");
        let expected = expected_tables(&expected(), "default");
        let found = introspect::differences_after_loading(&server, "edx", DDL, &expected);
        assert!(found.is_empty(), "{flavour}: {found:#?}");
        assert_eq!(introspect::tables(&server, "other"), []);
    }
}

fn expected_modern() -> Value {
    let column = |name: &str, column_type: &str, nullable: bool, default: Value, extra: &str, comment: &str| {
        json!({"name": name, "column_type": column_type, "is_nullable": nullable, "column_default": default,
               "extra": extra, "collation": null, "comment": comment})
    };
    let index = json!({"name": "modern_price", "unique": false,
                       "columns": [{"name": "price", "sub_part": null, "descending": true}]});
    json!({"aliases": {"default": {"tables": [
        {"name": "modern", "engine": "InnoDB", "collation": null, "comment": "",
         "columns": [column("id", "int", false, json!(null), "", ""),
                     column("doubled", "int", true, json!(null), "STORED GENERATED", "twice"),
                     column("price", "decimal(5,2)", false, json!("1"), "", "")],
         "primary_key": ["id"], "indexes": [index], "foreign_keys": [],
         "checks": [{"name": "modern_price_positive", "expression": "(`price` >= 0)"}]},
    ]}}})
}

#[test]
fn what_newer_servers_hold_is_told_too() {
    for flavour in [Flavour::MariaDb, Flavour::MySql97] {
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        let expected = expected_tables(&expected_modern(), "default");
        let found = introspect::differences_after_loading(&server, "edx", MODERN, &expected);
        assert!(found.is_empty(), "{flavour}: {found:#?}");
    }
}

/// Makes one value of the expectation wrong.
type Change = fn(&mut Value);

#[test]
fn every_difference_is_said() {
    let changes: &[(&str, &str, Change)] = &[
        ("/columns/3/column_type", "thing.owner_id", |value| *value = json!("int")),
        ("/columns/1/is_nullable", "thing.name", |value| *value = json!(false)),
        ("/columns/0/extra", "thing.id", |value| *value = json!("")),
        ("/columns/2/column_default", "thing.kind", |value| *value = json!("some")),
        ("/columns/1/collation", "thing.name", |value| *value = json!("utf8mb4_general_ci")),
        ("/columns/4/name", "thing: columns", |value| *value = json!("text")),
        ("/primary_key", "index Index { name: \"PRIMARY\"", |value| *value = json!(["owner_id"])),
        ("/indexes/0/unique", "thing_kind_owner_uniq", |value| *value = json!(false)),
        ("/indexes/1/columns/0/sub_part", "thing_body", |value| *value = json!(30)),
        ("/indexes/2/name", "thing_owner_fk", |value| *value = json!("thing_owner_id")),
        ("/foreign_keys/0/referenced_table", "foreign key", |value| *value = json!("people")),
        ("/foreign_keys/0/on_delete", "foreign key", |value| *value = json!("SET NULL")),
        ("/comment", "thing: (\"innodb\", \"all things\")", |value| *value = json!("some things")),
        ("/engine", "thing: (\"innodb\", \"all things\")", |value| *value = json!("MyISAM")),
        ("/name", "the table is missing", |value| *value = json!("things")),
    ];
    every_change_is_said(&expected(), changes);
    every_change_is_said(
        &expected_modern(),
        &[
            ("/columns/1/extra", "modern.doubled", |value| *value = json!("VIRTUAL GENERATED")),
            ("/columns/1/comment", "modern.doubled", |value| *value = json!("thrice")),
            ("/columns/2/column_default", "modern.price", |value| *value = json!(null)),
            ("/indexes/0/columns/0/descending", "modern_price", |value| *value = json!(false)),
            ("/checks/0/expression", "check", |value| *value = json!("`price` > 0")),
            ("/checks/0/name", "check", |value| *value = json!("modern_chk_1")),
        ],
    );
}

#[track_caller]
fn every_change_is_said(report: &Value, changes: &[(&str, &str, Change)]) {
    let whole = expected_tables(report, "default");
    assert_eq!(differences(&whole, &whole), [""; 0]);
    for (pointer, said, change) in changes {
        let mut report = report.clone();
        let Some(value) = report.pointer_mut(&format!("/aliases/default/tables/0{pointer}")) else {
            panic!("{pointer} is not in the report");
        };
        change(value);
        let found = differences(&expected_tables(&report, "default"), &whole);
        assert!(found.iter().any(|line| line.contains(said)), "{pointer}: {found:#?}");
    }
}

#[test]
fn display_widths_say_nothing() {
    assert_eq!(plain_type("INT(10) UNSIGNED"), "int unsigned");
    assert_eq!(plain_type("bigint(20)"), "bigint");
    assert_eq!(plain_type("varchar(255)"), "varchar(255)");
    assert_eq!(plain_type("decimal(5,2) unsigned"), "decimal(5,2) unsigned");
    assert_eq!(plain_type("datetime(6)"), "datetime(6)");
}
