//! What an account may not see is unproven, and how it got its rights does not matter.

use csm_audit::live::grants;

use crate::platform::{self, DATABASES, PASSWORD, database, dialect, fill, quoted, read_platform};
use crate::support::{self, Flavour, ServerOptions, introspect};

#[test]
fn an_account_that_sees_half_proves_nothing() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new().binary_log("ROW")) else { continue };
        fill(&server);
        server.execute(&format!(
            "CREATE USER 'half'@'127.0.0.1' IDENTIFIED BY {};
             GRANT SELECT ON edxapp.courseware_studentmodule TO 'half'@'127.0.0.1';
             GRANT SELECT ON edxapp.courseware_offline TO 'half'@'127.0.0.1';
             GRANT SELECT ON edxapp.django_migrations TO 'half'@'127.0.0.1';
             GRANT SELECT (id) ON edxapp.parted TO 'half'@'127.0.0.1';",
            quoted(PASSWORD)
        ));
        let (facts, gaps) = platform::read(&platform::login(&server, "half"), &["edxapp"], &platform::request());
        assert_eq!(facts.incomplete, [], "{flavour}: what is forbidden stays forbidden, another try gives no more");
        let edxapp = database(&facts, "edxapp");
        assert!(edxapp.table("auth_user").is_none(), "{flavour}");
        for proof in [
            &edxapp.tables.proof,
            &edxapp.foreign_keys.proof,
            &edxapp.referenced_by.proof,
            &edxapp.triggers.proof,
            &edxapp.views.proof,
            &edxapp.routines.proof,
            &edxapp.events.proof,
            &edxapp.south_migrations.proof,
        ] {
            assert!(!proof.is_proven() && proof.reason().contains("missing"), "{flavour}: {proof:?}");
        }
        if flavour != Flavour::MySql56 {
            assert!(!edxapp.checks.proof.is_proven(), "{flavour}");
        }
        // What it may see is read nevertheless.
        assert_eq!(edxapp.migrations.found.len(), 2, "{flavour}");
        assert_eq!(edxapp.measures_of("courseware_studentmodule").unwrap().empty, Some(false), "{flavour}");
        let server_facts = &facts.servers[0];
        assert!(!server_facts.replicas.as_ref().unwrap().proof.is_proven(), "{flavour}");
        assert!(!server_facts.sources.as_ref().unwrap().proof.is_proven(), "{flavour}");
        assert!(!server_facts.binary_logs.as_ref().unwrap().proof.is_proven(), "{flavour}");
        for (kind, what) in
            [("database-unproven", "foreign keys"), ("database-unproven", "triggers"), ("server-unproven", "replicas")]
        {
            assert!(
                gaps.iter().any(|gap| gap.kind.as_str() == kind && gap.reason.contains(what)),
                "{flavour}: {gaps:#?}"
            );
        }
    }
}

#[test]
fn rights_on_one_database_say_nothing_of_the_others() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        fill(&server);
        server.execute(&format!(
            "CREATE USER 'local'@'127.0.0.1' IDENTIFIED BY {};
             GRANT SELECT ON `edxapp%`.* TO 'local'@'127.0.0.1';",
            quoted(PASSWORD)
        ));
        let (facts, _) = read_platform(&server, "local");
        let edxapp = database(&facts, "edxapp");
        assert!(edxapp.tables.proof.is_proven(), "{flavour}");
        for expected in introspect::tables(&server, "edxapp") {
            let table = edxapp.table(&expected.name).unwrap_or_else(|| panic!("{flavour}: {}", expected.name));
            assert_eq!(table.columns.len(), expected.columns.len(), "{flavour} {}", expected.name);
            assert_eq!(table.indexes.len(), expected.indexes.len(), "{flavour} {}", expected.name);
        }
        assert_eq!(edxapp.foreign_keys.found.len(), 2, "{flavour}");
        // Some servers hide the rules from those who may only read: then nothing is said of them.
        let cascade = edxapp.foreign_keys.found[0].on_delete.as_deref() == Some("CASCADE");
        assert_eq!(edxapp.foreign_keys.proof.is_proven(), cascade, "{flavour}: {:?}", edxapp.foreign_keys);
        let checks = usize::from(flavour != Flavour::MySql56);
        assert!(!edxapp.checks.proof.is_proven() || edxapp.checks.found.len() == checks, "{flavour}: a false proof");
        assert!(!edxapp.referenced_by.proof.is_proven(), "{flavour}");
        assert!(edxapp.referenced_by.found.iter().all(|key| key.database != "elsewhere"), "{flavour}");
        // The text of the view is hidden, so it may name any table.
        assert!(!edxapp.views.proof.is_proven() && !edxapp.views.found[0].readable, "{flavour}");
    }
}

#[test]
fn roles_count_when_they_are_active() {
    for flavour in [Flavour::MariaDb, Flavour::MySql97] {
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        fill(&server);
        let printed =
            grants::statements(dialect(flavour).parse().unwrap(), "auditors@%", &DATABASES.map(str::to_owned));
        let rights: Vec<&str> = printed.lines().filter(|line| line.starts_with("GRANT")).collect();
        let host = if flavour == Flavour::MariaDb { "" } else { "@'%'" };
        let rights = rights.join("\n").replace("'auditors'@'%'", &format!("'auditors'{host}"));
        let to = if flavour == Flavour::MariaDb { "FOR" } else { "TO" };
        server.execute(&format!(
            "CREATE ROLE auditors; {rights}
             CREATE USER 'member'@'127.0.0.1' IDENTIFIED BY {password}; GRANT auditors TO 'member'@'127.0.0.1';
             CREATE USER 'sleeper'@'127.0.0.1' IDENTIFIED BY {password}; GRANT auditors TO 'sleeper'@'127.0.0.1';
             SET DEFAULT ROLE auditors {to} 'member'@'127.0.0.1';",
            password = quoted(PASSWORD)
        ));
        let (facts, gaps) = read_platform(&server, "member");
        assert_eq!(gaps, [], "{flavour}");
        assert!(facts.servers[0].grants.iter().any(|line| line.starts_with("role auditors")), "{flavour}");
        assert_eq!(database(&facts, "edxapp").referenced_by.found.len(), 2, "{flavour}");

        // A role that is no default does not help, and nothing is changed to make it.
        let (facts, _) = read_platform(&server, "sleeper");
        assert!(facts.incomplete[0].reason.contains("has no privilege on it"), "{flavour}: {:?}", facts.incomplete);
    }
}
