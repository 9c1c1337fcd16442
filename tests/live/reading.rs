//! What is read is what is there.

use std::path::Path;

use csm_audit::live::facts::{DefaultValue, Flavour as Make, Table};
use csm_audit::live::snapshot;

use crate::platform::{self, DATABASES, database, fill, grant, login, read, read_platform, request};
use crate::support::{self, Flavour, Server, ServerOptions, introspect};

/// The same columns and indexes as the tests' own queries find.
fn assert_same(found: &Table, expected: &introspect::Table) {
    let names: Vec<_> = found.columns.iter().map(|column| column.name.as_str()).collect();
    let expected_names: Vec<_> = expected.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, expected_names, "{}", found.name);
    for (column, expected) in found.columns.iter().zip(&expected.columns) {
        assert_eq!(introspect::plain_type(&column.column_type), expected.column_type, "{}", column.name);
        assert_eq!(column.nullable, expected.is_nullable, "{}", column.name);
        assert_eq!(column.auto_increment, expected.auto_increment, "{}", column.name);
        assert_eq!(column.collation, expected.collation, "{}", column.name);
    }
    let mut indexes: Vec<introspect::Index> = found
        .indexes
        .iter()
        .map(|index| introspect::Index {
            name: index.name.clone(),
            unique: index.unique,
            kind: index.kind.clone(),
            parts: index
                .parts
                .iter()
                .map(|part| {
                    // Servers show the size of a spatial index's box as a prefix.
                    let length = if index.kind == "SPATIAL" { Some(32) } else { part.length.map(u64::from) };
                    introspect::Part { column: part.column.clone(), length, descending: part.descending }
                })
                .collect(),
        })
        .collect();
    indexes.sort();
    let mut expected_indexes = expected.indexes.clone();
    expected_indexes.sort();
    assert_eq!(indexes, expected_indexes, "{}", found.name);
}

#[test]
fn an_account_with_the_printed_grants_reads_everything() {
    for flavour in Flavour::ALL {
        let options = ServerOptions::new().performance_schema().binary_log("ROW");
        let Some(server) = support::start(flavour, options) else { continue };
        fill(&server);
        grant(&server, "audit");
        let (facts, gaps) = read_platform(&server, "audit");
        assert_eq!(gaps, [], "{flavour}");
        assert_eq!(facts.incomplete, [], "{flavour}");

        let edxapp = database(&facts, "edxapp");
        let expected = introspect::tables(&server, "edxapp");
        let base: Vec<&Table> = edxapp.tables.found.iter().filter(|table| !table.is_view).collect();
        assert_eq!(base.len(), expected.len(), "{flavour}");
        for (found, expected) in base.iter().zip(&expected) {
            assert_eq!(found.name, expected.name, "{flavour}");
            assert_same(found, expected);
        }
        let table = edxapp.table("courseware_studentmodule").unwrap();
        assert_eq!(table.column("module_type").unwrap().default, Some(DefaultValue::Literal("it's".to_owned())));
        assert!(matches!(table.column("modified").unwrap().default, Some(DefaultValue::Expression(_))), "{flavour}");
        assert!(table.column("modified").unwrap().on_update.is_some(), "{flavour}");
        assert_eq!(table.column("grade").unwrap().default, None, "{flavour}");
        assert_eq!(table.column("done").unwrap().comment, "how far");
        assert_eq!(edxapp.table("parted").unwrap().partitions.len(), 2, "{flavour}");
        let kinds: Vec<_> = edxapp.table("places").unwrap().indexes.iter().map(|i| (&*i.name, &*i.kind)).collect();
        let expected = [("PRIMARY", "BTREE"), ("body", "BTREE"), ("spot", "SPATIAL"), ("words", "FULLTEXT")];
        assert_eq!(kinds, expected, "{flavour}");
        assert_eq!(edxapp.table("searched").unwrap().indexes[1].kind, "FULLTEXT", "{flavour}");
        if let Some(modern) = edxapp.table("modern") {
            assert!(modern.column("doubled").unwrap().generated.as_ref().unwrap().stored, "{flavour}");
            assert!(matches!(modern.column("label").unwrap().default, Some(DefaultValue::Expression(_))), "{flavour}");
            assert_eq!(edxapp.checks.found.len(), 1, "{flavour}: {:?}", edxapp.checks);
        } else {
            assert_eq!(flavour, Flavour::MySql56);
        }

        let keys: Vec<_> = edxapp
            .foreign_keys
            .found
            .iter()
            .map(|key| (key.table.as_str(), key.name.as_str(), key.referenced_table.as_str(), key.on_delete.as_deref()))
            .collect();
        assert_eq!(
            keys,
            [
                ("courseware_offline", "offline_fk", "courseware_studentmodule", Some("CASCADE")),
                ("courseware_studentmodule", "student_id_refs_id_51af713179ba2570", "auth_user", None),
            ],
            "{flavour}"
        );
        assert_eq!(edxapp.foreign_keys.found[0].columns, ["student_module_id"]);
        assert_eq!(edxapp.foreign_keys.found[0].on_update.as_deref(), Some("CASCADE"), "{flavour}");
        let inbound: Vec<_> = edxapp.referenced_by.found.iter().map(|key| (&*key.database, &*key.name)).collect();
        assert_eq!(inbound, [("edxapp-csmh", "across"), ("elsewhere", "etl_fk")], "{flavour}");
        assert_eq!(edxapp.referenced_by.found[0].columns, ["module_id"], "{flavour}");

        assert_eq!(edxapp.triggers.found[0].mentions, ["courseware_studentmodule"], "{flavour}");
        assert_eq!(edxapp.views.found[0].mentions, ["courseware_studentmodule"], "{flavour}");
        assert_eq!(edxapp.routines.found[0].mentions, ["courseware_studentmodule"], "{flavour}");
        assert_eq!(edxapp.events.found[0].mentions, ["courseware_studentmodule"], "{flavour}");
        let applied: Vec<_> = edxapp.migrations.found.iter().map(|row| (&*row.app, &*row.name)).collect();
        assert_eq!(applied, [("courseware", "0001_initial"), ("auth", "0001_initial")]);
        assert_eq!(edxapp.south_migrations.found.len(), 1);
        assert_eq!(edxapp.leftovers(), [("_courseware_studentmodule_gho", "courseware_studentmodule")]);

        let measured: Vec<_> = edxapp.measures.found.iter().map(|measures| &*measures.table).collect();
        assert_eq!(
            measured,
            ["_courseware_studentmodule_gho", "auth_user", "courseware_offline", "courseware_studentmodule"],
            "{flavour}"
        );
        let csm = edxapp.measures_of("courseware_studentmodule").unwrap();
        assert_eq!((csm.empty, csm.auto_increment), (Some(false), Some(2_147_480_002)), "{flavour}");
        assert_eq!(edxapp.measures_of("courseware_offline").unwrap().empty, Some(true), "{flavour}");
        let id = csm.ranges.iter().find(|range| range.column == "id").unwrap();
        assert_eq!((id.lowest, id.highest), (Some(2_147_480_000), Some(2_147_480_001)), "{flavour}");
        let headroom = edxapp.headroom();
        let id = headroom.iter().find(|h| h.table == "courseware_studentmodule" && h.column == "id").unwrap();
        assert_eq!((id.used, id.limit), (2_147_480_001, 2_147_483_647), "{flavour}");

        let csmh = database(&facts, "edxapp-csmh");
        let soft = csmh.headroom().into_iter().find(|h| h.column == "student_module_id").unwrap();
        assert_eq!((soft.used, soft.limit), (7, 2_147_483_647), "{flavour}");
        let keys: Vec<_> = csmh.foreign_keys.found.iter().map(|key| (&*key.table, &*key.name)).collect();
        assert_eq!(keys, [("odd-table", "across"), ("odd-table", "odd-key")], "{flavour}");
        assert_eq!(csmh.foreign_keys.found[0].referenced_database, "edxapp", "{flavour}");

        let one = &facts.servers[0];
        assert_eq!(one.flavour == Make::MariaDb, flavour == Flavour::MariaDb);
        assert_eq!(one.variables["binlog_format"], "ROW", "{flavour}");
        assert!(one.binary_logs.as_ref().unwrap().found.unwrap().bytes > 0, "{flavour}");
        let instrument = one.metadata_lock_instrument.as_ref().unwrap();
        let expected = if flavour == Flavour::MySql56 { None } else { Some(true) };
        assert!(instrument.proof.is_proven() && instrument.found == expected, "{flavour}: {instrument:?}");
        assert!(!one.read_only && one.account == "audit@127.0.0.1", "{flavour}");
    }
}

#[test]
fn a_snapshot_gives_the_same_facts_and_no_row() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        fill(&server);
        grant(&server, "audit");
        let (mut facts, _) = read_platform(&server, "audit");
        let mut bytes = Vec::new();
        snapshot::write(std::slice::from_ref(&facts), &mut bytes).unwrap();
        assert_eq!(snapshot::read(Path::new("s"), &bytes).unwrap(), [facts.clone()], "{flavour}");
        let text = String::from_utf8(bytes).unwrap();
        for secret in ["verySecret", platform::PASSWORD, "*94", "IDENTIFIED"] {
            assert!(!text.contains(secret), "{flavour}: the snapshot holds {secret}");
        }
        let (mut again, _) = read_platform(&server, "audit");
        for facts in [&mut facts, &mut again] {
            facts.servers[0].read_at.clear();
        }
        assert_eq!(facts, again, "{flavour}: nothing changed but the time");
    }
}

#[test]
fn replicas_tell_whom_they_follow() {
    for flavour in Flavour::ALL {
        let Some(primary) = support::start(flavour, ServerOptions::new().binary_log("ROW")) else { continue };
        fill(&primary);
        grant(&primary, "audit");
        let options = ServerOptions::new().binary_log("ROW").line("read_only=ON");
        let replica = Server::replica_of(&primary, options).unwrap();
        let careful = csm_audit::live::Request { allow_primary: false, ..request() };

        let (facts, gaps) = read(&login(&replica, "audit"), &DATABASES, &careful);
        assert_eq!(gaps, [], "{flavour}");
        let sources = &facts.servers[0].sources.as_ref().unwrap().found;
        assert_eq!(sources.len(), 1, "{flavour}");
        assert_eq!((sources[0].host.as_str(), sources[0].port), ("127.0.0.1", primary.port()), "{flavour}");
        assert_eq!((&*sources[0].receiver, &*sources[0].applier), ("Yes", "Yes"), "{flavour}");
        assert!(facts.servers[0].read_only, "{flavour}");

        let (facts, gaps) = read(&login(&primary, "audit"), &DATABASES, &careful);
        assert!(facts.incomplete[0].reason.contains("--allow-primary"), "{flavour}: {gaps:?}");
        assert!(facts.databases.iter().all(|database| !database.tables.proof.is_proven()), "{flavour}");
        let (facts, _) = read(&login(&primary, "audit"), &DATABASES, &request());
        assert_eq!(facts.servers[0].replicas.as_ref().unwrap().found, 1, "{flavour}");
    }
}

#[test]
fn only_reading_statements_are_sent() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new().general_log()) else { continue };
        fill(&server);
        grant(&server, "audit");
        let before = server.general_log().len();
        let (_, gaps) = read_platform(&server, "audit");
        assert_eq!(gaps, [], "{flavour}");
        let log = server.general_log();
        let statements: Vec<&str> = log[before..]
            .lines()
            .filter_map(|line| line.split_once(" Query\t").or_else(|| line.split_once(" Prepare\t")))
            .map(|(_, statement)| statement)
            .collect();
        let may = ["SELECT ", "SHOW ", "SET SESSION ", "START TRANSACTION READ ONLY", "ROLLBACK"];
        for statement in &statements {
            assert!(may.iter().any(|begin| statement.starts_with(begin)), "{flavour}: {statement}");
        }
        assert!((20..=66).contains(&statements.len()), "{flavour}: {} statements for two databases", statements.len());
        assert!(statements.iter().any(|statement| statement.starts_with("START TRANSACTION READ ONLY")), "{flavour}");
        let connections = log[before..].lines().filter(|line| line.contains(" Connect\taudit")).count();
        assert_eq!(connections, 1, "{flavour}: one connection a server");
    }
}
