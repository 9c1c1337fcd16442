//! A dump of a database gives the facts that the database gives, as far as a dump can.

use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use csm_audit::live::dump;
use csm_audit::live::facts::{Column, DatabaseFacts, Table};
use csm_audit::live::login::Login;

use crate::platform::{self, database, fill, grant, login, read_platform, request};
use crate::support::{self, Flavour, Server, ServerOptions};

fn mysqldump(server: &Server) -> String {
    let output = Command::new("mariadb-dump")
        .arg(format!("--defaults-file={}", server.option_file().display()))
        .args(["--no-data", "--skip-lock-tables", "--routines", "--events", "edxapp"])
        .output()
        .expect("mariadb-dump is installed with the client");
    assert!(output.status.success(), "{}", platform::text(&output.stderr));
    platform::text(&output.stdout)
}

/// What people paste when they have no dump.
fn show_create(server: &Server) -> String {
    let tables = server.query("SHOW FULL TABLES FROM edxapp WHERE Table_type = 'BASE TABLE'");
    tables.iter().map(|row| server.vertical(&format!("SHOW CREATE TABLE edxapp.{}", row[0]))).collect()
}

pub fn assert_same(flavour: Flavour, mine: &Table, theirs: &Table) {
    assert_eq!(mine.name, theirs.name, "{flavour}");
    let table = &mine.name;
    assert_eq!(mine.is_view, theirs.is_view, "{flavour} {table}");
    if mine.is_view {
        return;
    }
    assert_eq!(mine.indexes, theirs.indexes, "{flavour} {table}");
    assert_eq!(mine.engine, theirs.engine, "{flavour} {table}");
    assert_eq!(mine.collation, theirs.collation, "{flavour} {table}");
    assert_eq!(mine.columns.len(), theirs.columns.len(), "{flavour} {table}");
    for (mine, theirs) in mine.columns.iter().zip(&theirs.columns) {
        let column = format!("{flavour} {table}.{}", mine.name);
        assert_eq!(mine.column_type, theirs.column_type, "{column}");
        assert_eq!(mine.collation, theirs.collation, "{column}");
        assert_eq!((mine.nullable, mine.auto_increment), (theirs.nullable, theirs.auto_increment), "{column}");
        let default = |column: &Column| format!("{:?}", column.default).to_lowercase();
        assert_eq!(default(mine), default(theirs), "{column}");
        assert_eq!(mine.generated.is_some(), theirs.generated.is_some(), "{column}");
        assert_eq!(mine.comment, theirs.comment, "{column}");
    }
}

/// Data that is too large for the repository lies beside it; without it this says so and passes.
#[test]
fn the_tables_of_a_real_platform_are_the_same_from_a_dump_and_a_server() {
    let shared = std::env::var_os("CSM_AUDIT_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), std::path::PathBuf::from);
    for (flavour, name) in [(Flavour::MariaDb, "lms-maria1011"), (Flavour::MySql97, "lms-mysql97")] {
        let path = shared.join(format!("truth/schema/dumps/{name}.default.sql.gz"));
        let Ok(file) = std::fs::File::open(&path) else {
            crate::support::skip::skipped(&format!("no {}; set CSM_AUDIT_SHARED", path.display()));
            continue;
        };
        let mut text = String::new();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        let collation = if flavour == Flavour::MariaDb { "utf8mb4_unicode_ci" } else { "utf8mb4_0900_ai_ci" };
        server.execute(&format!("CREATE DATABASE edxapp CHARACTER SET utf8mb4 COLLATE {collation}"));
        server.try_load_text("edxapp", &text).unwrap();
        let (dumped, gaps) = dump::read("prod.sql", &text, Some("edxapp"), &request());
        assert_eq!(gaps, [], "{flavour}");
        let dumped = &dumped[0];

        let administrator = Login { user: "root".to_owned(), password: None, ..login(&server, "root") };
        let (facts, gaps) = platform::read(&administrator, &["edxapp"], &request());
        assert_eq!(gaps, [], "{flavour}");
        let live = database(&facts, "edxapp");
        assert_eq!(dumped.tables.found.len(), live.tables.found.len(), "{flavour}");
        assert!(live.tables.found.len() > 500, "{flavour}");
        for (mine, theirs) in dumped.tables.found.iter().zip(&live.tables.found) {
            assert_same(flavour, mine, theirs);
        }
        assert_eq!(dumped.foreign_keys.found, live.foreign_keys.found, "{flavour}");
        assert_eq!(dumped.checks.found.len(), live.checks.found.len(), "{flavour}");
        let names = |database: &DatabaseFacts| -> Vec<String> {
            database.measures.found.iter().map(|measures| measures.table.clone()).collect()
        };
        // No foreign key leaves or reaches it any more: the history is found by its column's name. Two tables have rows
        // that can point to any model.
        let expected = [
            "courseware_studentmodule",
            "courseware_studentmodulehistory",
            "forum_subscription",
            "wiki_articleforobject",
        ];
        assert_eq!(names(live), expected, "{flavour}");
    }
}

#[test]
fn a_dump_agrees_with_its_server() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        fill(&server);
        grant(&server, "audit");
        let text = match flavour {
            Flavour::MariaDb => mysqldump(&server),
            // Its client cannot dump the others.
            _ => show_create(&server),
        };
        let (dumped, gaps) = dump::read("prod.sql", &text, Some("edxapp"), &request());
        assert_eq!(gaps, [], "{flavour}");
        assert_eq!(dumped.len(), 1);
        let dumped = &dumped[0];
        assert_eq!(dumped.name, "edxapp");

        let (facts, _) = read_platform(&server, "audit");
        let live = database(&facts, "edxapp");
        let whole = flavour == Flavour::MariaDb;
        let theirs: Vec<_> = live.tables.found.iter().filter(|table| whole || !table.is_view).collect();
        assert_eq!(dumped.tables.found.len(), theirs.len(), "{flavour}");
        for (mine, theirs) in dumped.tables.found.iter().zip(theirs) {
            assert_same(flavour, mine, theirs);
        }
        assert_eq!(dumped.foreign_keys.found, live.foreign_keys.found, "{flavour}");
        if whole {
            assert_eq!(dumped.triggers.found, live.triggers.found, "{flavour}");
            assert_eq!(dumped.views.found, live.views.found, "{flavour}");
            assert!(!live.routines.found.is_empty() && !live.events.found.is_empty(), "{flavour}");
            assert_eq!(dumped.routines.found, live.routines.found, "{flavour}");
            assert_eq!(dumped.events.found, live.events.found, "{flavour}");
        }
        let names = |checks: &[csm_audit::live::facts::Check]| -> Vec<String> {
            checks.iter().map(|check| format!("{} {}", check.table, check.name)).collect()
        };
        assert_eq!(names(&dumped.checks.found), names(&live.checks.found), "{flavour}");
        for proof in [&dumped.referenced_by.proof, &dumped.migrations.proof, &dumped.events.proof] {
            assert!(!proof.is_proven(), "{flavour}");
        }
    }
}

#[test]
fn the_dumps_of_the_repository_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dumps");
    for (name, tables) in [("mariadb-10.11.platform.sql", 5), ("mariadb-10.11.platform_history.sql", 1)] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let (databases, gaps) = dump::read(name, &text, None, &request());
        assert_eq!(gaps, [], "{name}");
        assert!(databases[0].tables.found.len() >= tables, "{name}: {}", databases[0].tables.found.len());
    }
}
