//! A dump of a database gives the facts that the database gives, as far as a dump can.

use std::process::Command;

use csm_audit::live::dump;

use crate::platform::{self, database, fill, grant, read_platform, request};
use crate::support::{self, Flavour, Server, ServerOptions};

fn mysqldump(server: &Server) -> String {
    let output = Command::new("mariadb-dump")
        .arg(format!("--defaults-file={}", server.option_file().display()))
        .args(["--no-data", "--skip-lock-tables", "edxapp"])
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
            assert_eq!(mine.name, theirs.name, "{flavour}");
            assert_eq!(mine.is_view, theirs.is_view, "{flavour} {}", mine.name);
            if mine.is_view {
                continue;
            }
            assert_eq!(mine.indexes, theirs.indexes, "{flavour} {}", mine.name);
            assert_eq!(mine.engine, theirs.engine, "{flavour} {}", mine.name);
            assert_eq!(mine.collation, theirs.collation, "{flavour} {}", mine.name);
            assert_eq!(mine.columns.len(), theirs.columns.len(), "{flavour} {}", mine.name);
            for (mine, theirs) in mine.columns.iter().zip(&theirs.columns) {
                assert_eq!(mine.column_type, theirs.column_type, "{flavour} {}", mine.name);
                assert_eq!(mine.collation, theirs.collation, "{flavour} {}", mine.name);
                assert_eq!((mine.nullable, mine.auto_increment), (theirs.nullable, theirs.auto_increment));
                assert_eq!(
                    format!("{:?}", mine.default).to_lowercase(),
                    format!("{:?}", theirs.default).to_lowercase()
                );
                assert_eq!(mine.generated.is_some(), theirs.generated.is_some(), "{flavour} {}", mine.name);
            }
        }
        assert_eq!(dumped.foreign_keys.found, live.foreign_keys.found, "{flavour}");
        if whole {
            assert_eq!(dumped.triggers.found, live.triggers.found, "{flavour}");
            assert_eq!(dumped.views.found, live.views.found, "{flavour}");
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
