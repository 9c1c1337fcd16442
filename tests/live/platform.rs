//! A small platform: two databases with everything that is read, and an account that may read it.

use std::path::Path;
use std::process::{Command, Output};

use csm_audit::live::address::TlsMode;
use csm_audit::live::facts::{DatabaseFacts, EnvironmentFacts};
use csm_audit::live::grants;
use csm_audit::live::login::Login;
use csm_audit::live::secret::Secret;
use csm_audit::live::{self, DataSource, Request, Source};
use csm_audit::source::{Gap, GapKind};

use crate::support::{Flavour, Server};

pub const PASSWORD: &str = "pa'ss w0rd#1";

/// One with a name that is no plain word.
pub const DATABASES: [&str; 2] = ["edxapp", "edxapp-csmh"];

const TABLES: &str = "
CREATE DATABASE edxapp; CREATE DATABASE `edxapp-csmh`; CREATE DATABASE elsewhere;
CREATE TABLE edxapp.auth_user (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, username VARCHAR(150) NOT NULL,
    UNIQUE KEY username (username)) ENGINE=InnoDB;
CREATE TABLE edxapp.courseware_studentmodule (
    id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    module_type VARCHAR(32) NOT NULL DEFAULT 'it''s', student_id INT NOT NULL, state LONGTEXT, grade DOUBLE,
    created DATETIME(6) NOT NULL, modified TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    done VARCHAR(8) NOT NULL DEFAULT 'na' COMMENT 'how far',
    UNIQUE KEY student_module (student_id, module_type), KEY by_grade (grade, done(4)),
    CONSTRAINT student_id_refs_id_51af713179ba2570 FOREIGN KEY (student_id) REFERENCES edxapp.auth_user (id)
) ENGINE=InnoDB AUTO_INCREMENT=2147480000;
CREATE TABLE edxapp.courseware_offline (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, student_module_id INT NOT NULL,
    CONSTRAINT offline_fk FOREIGN KEY (student_module_id) REFERENCES edxapp.courseware_studentmodule (id)
        ON DELETE CASCADE ON UPDATE SET NULL) ENGINE=InnoDB;
CREATE TABLE edxapp._courseware_studentmodule_gho (id BIGINT NOT NULL PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE edxapp.django_migrations (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, app VARCHAR(255) NOT NULL,
    name VARCHAR(255) NOT NULL, applied DATETIME NOT NULL) ENGINE=InnoDB;
CREATE TABLE edxapp.south_migrationhistory (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    app_name VARCHAR(255) NOT NULL, migration VARCHAR(255) NOT NULL) ENGINE=InnoDB;
CREATE TABLE edxapp.parted (id INT NOT NULL PRIMARY KEY) ENGINE=InnoDB
    PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
CREATE TABLE edxapp.searched (id INT NOT NULL PRIMARY KEY, title VARCHAR(50), FULLTEXT KEY title (title)) ENGINE=InnoDB;
CREATE TABLE edxapp.places (id INT NOT NULL PRIMARY KEY, body TEXT NOT NULL, spot POINT NOT NULL, KEY body (body(9)),
    FULLTEXT KEY words (body), SPATIAL KEY spot (spot)) ENGINE=MyISAM;
CREATE TABLE `edxapp-csmh`.`coursewarehistoryextended_studentmodulehistoryextended` (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, student_module_id INT NOT NULL,
    KEY by_module (student_module_id)) ENGINE=InnoDB;
CREATE TABLE `edxapp-csmh`.`odd-table` (history_id BIGINT UNSIGNED NOT NULL, module_id INT NOT NULL,
    CONSTRAINT `odd-key` FOREIGN KEY (history_id)
        REFERENCES `edxapp-csmh`.`coursewarehistoryextended_studentmodulehistoryextended` (id),
    CONSTRAINT across FOREIGN KEY (module_id) REFERENCES edxapp.courseware_studentmodule (id)) ENGINE=InnoDB;
CREATE TABLE elsewhere.etl (module_id INT NOT NULL,
    CONSTRAINT etl_fk FOREIGN KEY (module_id) REFERENCES edxapp.courseware_studentmodule (id)) ENGINE=InnoDB;
CREATE VIEW edxapp.module_ids AS SELECT id FROM edxapp.courseware_studentmodule;
CREATE TRIGGER edxapp.count_modules AFTER INSERT ON edxapp.auth_user
    FOR EACH ROW UPDATE edxapp.courseware_studentmodule SET grade = 0 WHERE id = 0;
CREATE VIEW elsewhere.grades AS SELECT id, grade FROM edxapp.courseware_studentmodule;
CREATE EVENT elsewhere.copy ON SCHEDULE EVERY 1 DAY DO INSERT INTO elsewhere.etl SELECT id FROM edxapp.Courseware_StudentModule;
CREATE EVENT elsewhere.other ON SCHEDULE EVERY 1 DAY DO DELETE FROM elsewhere.etl WHERE module_id < 0;
CREATE TRIGGER `edxapp-csmh`.follow AFTER INSERT ON `edxapp-csmh`.`odd-table`
    FOR EACH ROW UPDATE edxapp.parted SET id = id WHERE id = NEW.module_id;
CREATE PROCEDURE edxapp.purge() DELETE FROM edxapp.courseware_studentmodule WHERE id < 0;
CREATE EVENT edxapp.nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM edxapp.courseware_studentmodule WHERE id < 0;
INSERT INTO edxapp.auth_user (username) VALUES ('verySecretStudent');
INSERT INTO edxapp.courseware_studentmodule (module_type, student_id, state, created)
    VALUES ('problem', 1, 'verySecretState', NOW()), ('video', 1, NULL, NOW());
INSERT INTO edxapp.django_migrations (app, name, applied)
    VALUES ('courseware', '0001_initial', NOW()), ('auth', '0001_initial', NOW());
INSERT INTO edxapp.south_migrationhistory (app_name, migration) VALUES ('courseware', '0001_initial');
INSERT INTO `edxapp-csmh`.`coursewarehistoryextended_studentmodulehistoryextended` (student_module_id) VALUES (7);
";

/// Fills a server. MySQL 5.6 has neither checks nor generated columns.
pub fn fill(server: &Server) {
    // ON UPDATE SET NULL needs a column that may be NULL, and servers differ in when they say so.
    server.execute(&TABLES.replace(" ON UPDATE SET NULL", " ON UPDATE CASCADE"));
    if server.flavour() != Flavour::MySql56 {
        server.execute(
            "CREATE TABLE edxapp.modern (id INT NOT NULL PRIMARY KEY, doubled INT AS (id * 2) STORED,
                 label VARCHAR(10) DEFAULT (CONCAT('a', 'b')), CONSTRAINT positive CHECK (id > 0))",
        );
    }
}

/// The name that `csm-audit grants` knows a server by.
pub fn dialect(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::MariaDb => "mariadb-10.11",
        Flavour::MySql56 => "mysql-5.6",
        Flavour::MySql97 => "mysql-9.7",
    }
}

/// Makes an account with exactly the rights that are printed for it.
pub fn grant(server: &Server, account: &str) {
    let databases = DATABASES.map(str::to_owned);
    let sql =
        grants::statements(dialect(server.flavour()).parse().unwrap(), &format!("{account}@127.0.0.1"), &databases);
    server.execute(&sql.replace("'...'", &quoted(PASSWORD)));
}

pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A login over TCP, without TLS.
pub fn login(server: &Server, user: &str) -> Login {
    Login {
        host: "127.0.0.1".to_owned(),
        port: server.port(),
        socket: None,
        user: user.to_owned(),
        password: Some(Secret::new(PASSWORD)),
        tls: TlsMode::Disabled,
        ca: None,
        // The new server asks for the password of an account that it sees for the first time.
        get_server_public_key: server.flavour() == Flavour::MySql97,
        enable_cleartext_plugin: false,
    }
}

pub fn request() -> Request {
    Request { allow_primary: true, ..Request::about("courseware.StudentModule") }
}

/// Reads databases of a server. That nobody may look into the other databases is known, and tested once.
pub fn read(login: &Login, databases: &[&str], request: &Request) -> (EnvironmentFacts, Vec<Gap>) {
    let (facts, mut gaps) = read_told(login, databases, request);
    gaps.retain(|gap| !gap.reason.contains("programs of other databases") && gap.kind != GapKind::PasswordShown);
    (facts, gaps)
}

/// Likewise, with everything that it says.
pub fn read_told(login: &Login, databases: &[&str], request: &Request) -> (EnvironmentFacts, Vec<Gap>) {
    let places = databases
        .iter()
        .map(|name| DataSource::Server { login: login.clone(), database: (*name).to_owned() })
        .collect();
    live::read(&Source { name: "prod".to_owned(), places }, request)
}

/// Both databases of the platform, read by an account.
pub fn read_platform(server: &Server, user: &str) -> (EnvironmentFacts, Vec<Gap>) {
    read(&login(server, user), &DATABASES, &request())
}

pub fn database<'a>(facts: &'a EnvironmentFacts, name: &str) -> &'a DatabaseFacts {
    facts.database(name).unwrap_or_else(|| panic!("no {name} in {facts:#?}"))
}

/// The program, with no password of this process's environment and a home of its own.
pub fn program(home: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_csm-audit"));
    program.env("HOME", home).env_remove("MYSQL_PWD").env_remove("NO_COLOR").current_dir(home);
    program
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Everything that a run printed, but that nobody may look into the other databases.
pub fn complaints(output: &Output) -> String {
    let expected = ["programs of other databases", "password-shown"];
    said(output).lines().filter(|line| !expected.iter().any(|text| line.contains(text))).collect()
}

/// Everything that a run printed.
pub fn said(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}
