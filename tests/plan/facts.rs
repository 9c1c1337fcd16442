//! Environments made of plain data, where nothing stands against gh-ost.

use std::collections::BTreeMap;

use csm_audit::audit::{AliasMapping, Audit, ColumnInstance, Environment, IdColumn, Role, Target};
use csm_audit::finding::Confidence;
use csm_audit::live::facts::{
    Column, DatabaseFacts, EnvironmentFacts, Index, IndexPart, Measures, Origin, Range, ReplicationSource, ServerFacts,
    Table, integer_limit,
};
use csm_audit::live::proof::{Observed, Proof};
use csm_audit::schema::ColumnType;

pub const TABLE: &str = "courseware_studentmodule";

pub fn seen<T>(found: T) -> Observed<T> {
    Observed::new(found, Proof::proven("a test"))
}

fn server(address: &str) -> ServerFacts {
    let (_, port) = address.split_once(':').unwrap();
    let variables = [
        ("log_bin", "ON"),
        ("binlog_format", "ROW"),
        ("binlog_row_image", "FULL"),
        ("log_replica_updates", "ON"),
        ("log_slave_updates", "ON"),
        ("performance_schema", "ON"),
        ("log_bin_trust_function_creators", "ON"),
        ("binlog_expire_logs_seconds", "2592000"),
        ("port", port),
    ];
    ServerFacts {
        address: address.to_owned(),
        version: (8, 4, 5),
        version_text: "8.4.5".to_owned(),
        account: "audit@%".to_owned(),
        variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        grants: vec!["SELECT ON `edxapp`.*".to_owned()],
        sources: Some(seen(Vec::new())),
        replicas: Some(seen(1)),
        metadata_lock_instrument: Some(seen(Some(true))),
        ..ServerFacts::default()
    }
}

/// An index of one column.
pub fn index(name: &str, column: &str) -> Index {
    let part = IndexPart { column: Some(column.to_owned()), ..IndexPart::default() };
    Index {
        name: name.to_owned(),
        unique: name == "PRIMARY",
        kind: "BTREE".to_owned(),
        parts: vec![part],
        ..Index::default()
    }
}

/// A column.
pub fn column(name: &str, column_type: &str) -> Column {
    Column { name: name.to_owned(), column_type: column_type.to_owned(), ..Column::default() }
}

/// A table with a key, and a column that stores ids.
pub fn table(name: &str, key: &str, reference: Option<(&str, &str)>) -> Table {
    let mut columns = vec![Column { auto_increment: true, ..column("id", key) }];
    columns.extend(reference.map(|(name, column_type)| column(name, column_type)));
    Table {
        name: name.to_owned(),
        engine: Some("InnoDB".to_owned()),
        columns,
        indexes: vec![index("PRIMARY", "id")],
        ..Table::default()
    }
}

/// A database without anything hidden.
pub fn database(name: &str, address: &str, tables: Vec<Table>, rows: u64) -> DatabaseFacts {
    let measures = tables
        .iter()
        .map(|table| Measures {
            table: table.name.clone(),
            rows_estimate: Some(rows),
            data_length: Some(rows * 800),
            index_length: Some(rows * 100),
            auto_increment: Some(2_000_000_001),
            empty: Some(false),
            ranges: table
                .columns
                .iter()
                .map(|column| Range {
                    column: column.name.clone(),
                    lowest: Some(1),
                    highest: Some(2_000_000_000),
                    sampled: false,
                })
                .collect(),
            ..Measures::default()
        })
        .collect();
    let mut facts = DatabaseFacts::unread(name, Origin::Server { address: address.to_owned() }, "a test");
    facts.tables = seen(tables);
    facts.foreign_keys = seen(Vec::new());
    facts.referenced_by = seen(Vec::new());
    facts.triggers = seen(Vec::new());
    facts.measures = seen(measures);
    facts.migrations = seen(Vec::new());
    facts
}

/// A replica and its primary with the target's table, of which gh-ost could begin at once.
pub fn environment() -> EnvironmentFacts {
    let mut replica = server("replica:3306");
    replica.read_only = true;
    replica.sources = Some(seen(vec![ReplicationSource {
        host: "primary".to_owned(),
        port: 3306,
        receiver: "Yes".to_owned(),
        applier: "Yes".to_owned(),
        ..ReplicationSource::default()
    }]));
    EnvironmentFacts {
        name: "prod".to_owned(),
        servers: vec![replica, server("primary:3306")],
        databases: vec![database("edxapp", "replica:3306", vec![table(TABLE, "int", None)], 5_000_000)],
        incomplete: Vec::new(),
    }
}

/// The audit of an environment whose columns store ids: database, table, column, role.
pub fn audit(facts: EnvironmentFacts, ids: &[(usize, &str, &str, Role)]) -> Audit {
    let mut columns = Vec::new();
    for (database, table, name, role) in ids {
        let held = facts.databases[*database].table(table).and_then(|table| table.column(name)).unwrap();
        columns.push(IdColumn {
            alias: Some(format!("alias{database}")),
            table: (*table).to_owned(),
            column: (*name).to_owned(),
            role: *role,
            field: None,
            found_by: vec!["a test".to_owned()],
            confidence: Confidence::Certain,
            migrations: None,
            constraint: None,
            places: vec![ColumnInstance {
                environment: 0,
                database: *database,
                column_type: Some(held.column_type.clone()),
                constraints: Vec::new(),
                used: None,
                limit: integer_limit(&held.column_type),
                exhausted: None,
            }],
        });
    }
    let target =
        columns.iter().find(|column| column.role == Role::Key).map_or(TABLE, |column| &column.table).to_owned();
    let sides = (0..facts.databases.len())
        .map(|at| AliasMapping { alias: Some(format!("alias{at}")), why: String::new(), expected: 0 })
        .collect();
    Audit {
        target: Target {
            label: "courseware.StudentModule".to_owned(),
            table: target,
            key: "id".to_owned(),
            wanted: ColumnType::parse("bigint unsigned"),
        },
        expected: Vec::new(),
        environments: vec![Environment { facts, mappings: sides }],
        columns,
        variables: Vec::new(),
        references: Vec::new(),
        gaps: Vec::new(),
    }
}

/// The audit of an environment with the target's table alone.
pub fn of_target(facts: EnvironmentFacts) -> Audit {
    audit(facts, &[(0, TABLE, "id", Role::Key)])
}

/// Sets variables of a server.
pub fn set(server: &mut ServerFacts, values: &[(&str, &str)]) {
    let values: BTreeMap<String, String> = values.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    server.variables.extend(values);
}
