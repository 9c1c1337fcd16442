//! What is read of rows: nothing but keys unless that is allowed, and then a bounded number of values.

use csm_audit::live::Request;

use crate::platform::{DATABASES, database, fill, grant, login, read, request};
use crate::support::{self, Flavour, Server, ServerOptions};

/// Rows of five years, 100 a day in the last one and 10 before, and ids in a column without an index.
fn grow(server: &Server) {
    server.execute(
        "CREATE TABLE edxapp.digits (d INT NOT NULL);
         INSERT INTO edxapp.digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
         CREATE TABLE edxapp.numbers (n INT NOT NULL PRIMARY KEY);
         INSERT INTO edxapp.numbers SELECT a.d + 10 * b.d + 100 * c.d + 1000 * d.d
             FROM edxapp.digits a, edxapp.digits b, edxapp.digits c, edxapp.digits d;
         DROP TABLE edxapp.digits;
         DELETE FROM edxapp.courseware_studentmodule;
         ALTER TABLE edxapp.courseware_studentmodule AUTO_INCREMENT = 1;
         INSERT INTO edxapp.courseware_studentmodule (id, module_type, student_id, state, created)
             SELECT n + 1, n, 1, 'verySecretState', IF(n < 5000, TIMESTAMPADD(HOUR, n, '2020-01-01'),
                 TIMESTAMPADD(MINUTE, (n - 5000), TIMESTAMPADD(HOUR, 5000, '2020-01-01'))) FROM edxapp.numbers;
         CREATE TABLE edxapp.certificates (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, note VARCHAR(99) NOT NULL,
             student_module_id INT NOT NULL) ENGINE=InnoDB;
         INSERT INTO edxapp.certificates (note, student_module_id) SELECT 'verySecretNote', n FROM edxapp.numbers;",
    );
}

#[test]
fn rows_are_read_only_where_that_is_allowed() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new().general_log()) else { continue };
        fill(&server);
        grow(&server);
        grant(&server, "audit");
        let (facts, _) = read(&login(&server, "audit"), &DATABASES, &request());
        let edxapp = database(&facts, "edxapp");
        let csm = edxapp.measures_of("courseware_studentmodule").unwrap();
        assert!(csm.growth.is_none(), "{flavour}");
        assert_eq!(edxapp.measures_of("certificates").unwrap().ranges.len(), 1, "{flavour}: the key alone");

        let before = server.general_log().len();
        let (facts, gaps) = read(&login(&server, "audit"), &DATABASES, &Request { sample: true, ..request() });
        assert_eq!((gaps, &*facts.incomplete), (vec![], &[][..]), "{flavour}");
        let edxapp = database(&facts, "edxapp");
        let certificates = edxapp.measures_of("certificates").unwrap();
        let soft = certificates.ranges.iter().find(|range| range.column == "student_module_id").unwrap();
        // The newest thousand only.
        assert_eq!((soft.lowest, soft.highest, soft.sampled), (Some(9000), Some(9999), true), "{flavour}");
        assert!(!certificates.ranges[0].sampled, "{flavour}");

        let growth = edxapp.measures_of("courseware_studentmodule").unwrap().growth.as_ref().unwrap();
        assert_eq!(growth.column, "created", "{flavour}");
        assert_eq!(growth.births.len(), 11, "{flavour}: {growth:?}");
        assert_eq!((growth.births[0].id, &*growth.births[0].created), (1, "2020-01-01T00:00:00"), "{flavour}");
        assert_eq!((growth.births[10].id, &*growth.births[10].created), (10_000, "2020-07-30T19:19:00"), "{flavour}");
        assert!(edxapp.measures.found.iter().all(|one| one.growth.is_some() == (one.table == csm.table)), "{flavour}");
        assert!(!serde_json::to_string(&facts).unwrap().contains("verySecret"), "{flavour}");

        // Neither reads a whole table.
        let log = server.general_log();
        let statements: Vec<&str> = log[before..].lines().filter(|line| line.contains("ORDER BY `id`")).collect();
        assert_eq!(statements.len(), 2, "{flavour}: {statements:#?}");
        for statement in statements {
            let (orders, limits) = (statement.matches("ORDER BY").count(), statement.matches("LIMIT").count());
            assert_eq!(orders, limits, "{flavour}: {statement}");
        }
    }
}

#[test]
fn every_counter_is_told() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        fill(&server);
        grant(&server, "audit");
        server.execute(
            "CREATE TABLE edxapp.far_away (id SMALLINT NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB
             AUTO_INCREMENT=32000",
        );
        let (facts, _) = read(&login(&server, "audit"), &DATABASES, &request());
        let edxapp = database(&facts, "edxapp");
        assert!(edxapp.counters.proof.is_proven(), "{flavour}: {:?}", edxapp.counters.proof);
        assert!(edxapp.measures_of("far_away").is_none(), "{flavour}: it is not concerned");
        let room = edxapp.headroom_of("far_away", "id").unwrap();
        assert_eq!((room.used, room.limit), (31_999, 32_767), "{flavour}");
        assert_eq!(edxapp.headroom().iter().filter(|room| room.table == "far_away").count(), 1, "{flavour}");
    }
}
