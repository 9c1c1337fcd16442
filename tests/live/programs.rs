//! Views, triggers, routines and events: whose tables their texts name, across databases.

use csm_audit::live::facts::{DatabaseFacts, ExternalProgram};

use crate::platform::{DATABASES, PASSWORD, database, fill, grant, login, quoted, read_told, request};
use crate::support::{self, Flavour, ServerOptions};

fn named_by(database: &DatabaseFacts) -> Vec<String> {
    let say = |one: &ExternalProgram| format!("{} {} {}: {}", one.database, one.kind, one.name, one.mentions.join(" "));
    database.named_by.found.iter().map(say).collect()
}

#[test]
fn programs_name_tables_of_any_database() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        fill(&server);
        grant(&server, "audit");
        let (facts, gaps) = read_told(&login(&server, "audit"), &DATABASES, &request());
        let edxapp = database(&facts, "edxapp");
        let trigger = &database(&facts, "edxapp-csmh").triggers.found[0];
        assert_eq!(trigger.mentions, [""; 0], "{flavour}");
        assert_eq!(trigger.elsewhere.len(), 1, "{flavour}: {trigger:?}");
        assert_eq!((&*trigger.elsewhere[0].database, &*trigger.elsewhere[0].table), ("edxapp", "parted"), "{flavour}");
        // Any table of a database that is read, and not only those concerned.
        let follow = "edxapp-csmh TRIGGER follow: parted";
        assert_eq!(named_by(edxapp), [follow], "{flavour}");
        // What may not be looked into is named.
        assert!(!edxapp.named_by.proof.is_proven(), "{flavour}");
        let told = "programs of other databases that name its tables: SELECT, SHOW VIEW, TRIGGER and EVENT are not all \
                    granted on `elsewhere`";
        assert!(gaps.iter().any(|gap| gap.reason.contains(told)), "{flavour}: {gaps:#?}");

        server.execute(&format!(
            "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON elsewhere.* TO 'audit'@'127.0.0.1';
             CREATE USER 'blind'@'127.0.0.1' IDENTIFIED BY {};
             GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON edxapp.* TO 'blind'@'127.0.0.1';",
            quoted(PASSWORD)
        ));
        if flavour != Flavour::MySql97 {
            server.execute("CREATE DATABASE IF NOT EXISTS test; GRANT ALL ON test.* TO 'audit'@'127.0.0.1'");
        }
        let (facts, gaps) = read_told(&login(&server, "audit"), &DATABASES, &request());
        assert_eq!(gaps, [], "{flavour}");
        let expected = [
            follow,
            "elsewhere EVENT copy: courseware_studentmodule",
            "elsewhere VIEW grades: courseware_studentmodule",
        ];
        assert_eq!(named_by(database(&facts, "edxapp")), expected, "{flavour}");
        assert_eq!(named_by(database(&facts, "edxapp-csmh")), [""; 0], "{flavour}");

        let (facts, _) = read_told(&login(&server, "blind"), &["edxapp"], &request());
        let proof = &database(&facts, "edxapp").named_by.proof;
        assert!(!proof.is_proven() && proof.reason().contains("SHOW DATABASES"), "{flavour}: {proof:?}");
    }
}

#[test]
fn columns_of_databases_that_nobody_named_are_told() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        fill(&server);
        grant(&server, "audit");
        server.execute(
            "CREATE DATABASE `körs`;
             CREATE TABLE `körs`.`ä-p` (id int PRIMARY KEY, student_module_id int unsigned) ENGINE=InnoDB;
             CREATE TABLE `körs`.`text` (id int PRIMARY KEY, student_module_id varchar(9)) ENGINE=InnoDB;",
        );
        let administrator =
            csm_audit::live::login::Login { user: "root".to_owned(), password: None, ..login(&server, "audit") };
        for login in [login(&server, "audit"), administrator] {
            let (facts, _) = read_told(&login, &["edxapp"], &request());
            let others = facts.servers[0].other_columns.as_ref().unwrap();
            // The new server shows InnoDB's names of files, whose letters only it reads back.
            if flavour == Flavour::MySql97 && login.user != "root" {
                assert!(others.found.iter().any(|one| one.column_type == "int unsigned"), "{others:?}");
                continue;
            }
            let told: Vec<String> = others
                .found
                .iter()
                .filter(|one| one.database == "körs")
                .map(|one| format!("{}.{} {}", one.table, one.column, one.column_type.replace("(10)", "")))
                .collect();
            assert_eq!(told, ["ä-p.student_module_id int unsigned"], "{flavour}: {others:?}");
            assert!(others.proof.is_proven(), "{flavour}: {:?}", others.proof);
        }
    }
}

#[test]
fn a_database_with_letters_of_its_own_has_its_foreign_keys() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        server.execute(
            "CREATE DATABASE `körs`;
             CREATE TABLE `körs`.`ä-p` (id int PRIMARY KEY) ENGINE=InnoDB;
             CREATE TABLE `körs`.`kïd ß` (id int PRIMARY KEY, p int,
                 CONSTRAINT f FOREIGN KEY (p) REFERENCES `körs`.`ä-p` (id)) ENGINE=InnoDB;",
        );
        grant(&server, "audit");
        let administrator =
            csm_audit::live::login::Login { user: "root".to_owned(), password: None, ..login(&server, "audit") };
        let (facts, _) = read_told(&administrator, &["körs"], &request());
        let keys = &database(&facts, "körs").foreign_keys;
        let told: Vec<String> = keys
            .found
            .iter()
            .map(|key| format!("{}.{} > {}.{}", key.database, key.table, key.referenced_database, key.referenced_table))
            .collect();
        assert_eq!(told, ["körs.kïd ß > körs.ä-p"], "{flavour}");
        assert!(keys.proof.is_proven(), "{flavour}");
    }
}
