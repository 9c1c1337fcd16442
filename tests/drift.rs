//! Drifts that are made on real servers, and what the cross-check says of each: no more, and no less.
//!
//! `fixtures/drifts` holds a file for each drift, in the way of the fixture project:
//!
//! ```sql
//! -- What happened.
//! -- expect: CHECK SEVERITY TABLE[.COLUMN] [NAME]     a finding that comes
//! -- gone: CHECK SEVERITY TABLE[.COLUMN] [NAME]       a finding that goes
//! statements that make the drift
//! -- undo
//! statements that take it back, or: @recreate TABLE…
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail loudly, as the tests do")]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use csm_audit::check::CHECKS;
use csm_audit::config::Settings;
use csm_audit::expected::{Expected, output};
use csm_audit::expected_schema;
use support::{Flavour, Server, ServerOptions};

/// Databases by their aliases; their names say nothing of them.
const DATABASES: [(&str, &str); 2] = [("default", "edxapp"), ("student_module_history", "edxapp_csmh")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What the code of the fixture project expects on a server.
fn code(server: &Server) -> Expected {
    let version = server.value("SELECT VERSION()");
    let settings = Settings {
        roots: vec![root().join("fixtures/project")],
        settings: Some(String::from("lms.envs.production")),
        server: Some(version),
        ..Settings::default()
    };
    expected_schema(&settings, false).unwrap()
}

/// Makes the databases as the migrations would, with a full ledger.
fn fill(server: &Server, code: &Expected) {
    for (alias, database) in DATABASES {
        server.execute(&format!("CREATE DATABASE {database} CHARACTER SET utf8mb4"));
        let selection = output::Selection { app: None, alias: Some(alias.to_owned()) };
        server.try_load_text(database, &output::sql(code, &selection)).unwrap();
        let mut ledger = String::from(
            "CREATE TABLE IF NOT EXISTS django_migrations (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, app varchar(255) NOT NULL, \
             name varchar(255) NOT NULL, applied datetime(6) NOT NULL);",
        );
        for migration in &code.migrations {
            let (app, name) = &migration.node;
            write!(ledger, "INSERT INTO django_migrations (app, name, applied) VALUES ('{app}', '{name}', NOW(6));")
                .unwrap();
        }
        server.try_load_text(database, &ledger).unwrap();
    }
}

/// The findings of a scan, each as a drift's file names it.
fn findings(server: &Server) -> BTreeSet<String> {
    reported(server).iter().map(line).collect()
}

/// The findings of a scan.
fn reported(server: &Server) -> Vec<serde_json::Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_csm-audit"));
    command.arg("scan").arg(root().join("fixtures/project"));
    command.args(["--settings", "lms.envs.production", "--format", "json", "--quiet", "--allow-primary"]);
    for (_, database) in DATABASES {
        let socket = server.socket();
        command.arg("--replica").arg(format!("prod=mysql://root@localhost/{database}?socket={}", socket.display()));
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    report["findings"].as_array().cloned().unwrap_or_default()
}

fn line(finding: &serde_json::Value) -> String {
    let text = |key: &str| finding[key].as_str().unwrap_or_default();
    let column = finding["column"].as_str().map_or_else(String::new, |column| format!(".{column}"));
    let line = format!("{} {} {}{column} {}", text("check"), text("severity"), text("table"), text("name"));
    // What is about no table has only a name.
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

struct Drift {
    name: String,
    expect: Vec<String>,
    gone: Vec<String>,
    apply: String,
    undo: String,
}

fn drifts() -> Vec<Drift> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(root().join("fixtures/drifts")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| drift(file)).collect()
}

fn drift(file: &Path) -> Drift {
    let text = std::fs::read_to_string(file).unwrap();
    let name = file.file_stem().unwrap().to_string_lossy().into_owned();
    let (apply, undo) = text.split_once("-- undo\n").unwrap_or_else(|| panic!("{name} is not undone"));
    let lines =
        |word: &str| apply.lines().filter_map(|line| line.strip_prefix(word)).map(|l| l.trim().to_owned()).collect();
    Drift { expect: lines("-- expect:"), gone: lines("-- gone:"), apply: apply.to_owned(), undo: undo.to_owned(), name }
}

/// Whether a line of a drift's file means a finding: the end may be left out.
fn means(expected: &str, found: &str) -> bool {
    found == expected || found.starts_with(&format!("{expected} "))
}

fn drifts_are_told(flavour: Flavour) {
    let Some(server) = support::start(flavour, ServerOptions::new()) else { return };
    let code = code(&server);
    fill(&server, &code);
    let base = findings(&server);
    let grave: Vec<&String> = base.iter().filter(|line| !line.contains(" info ")).collect();
    assert_eq!(
        grave,
        [
            "python-range warning courseware_studentmodule.id",
            "python-range warning coursewarehistoryextended_studentmodulehistoryextended.id",
            // The migration that widened the key left the local history as it was, on purpose of the fixture.
            "reference-too-narrow error courseware_studentmodulehistory.student_module_id",
            "state-differs warning courseware_studentmodulehistory.student_module_id",
        ]
        .iter()
        .collect::<Vec<_>>(),
        "{flavour}"
    );
    let mut wrong = String::new();
    for drift in drifts() {
        server
            .try_load_text("edxapp", &drift.apply)
            .unwrap_or_else(|error| panic!("{flavour}, {}: {error}", drift.name));
        let now = findings(&server);
        let come: Vec<&String> = now.difference(&base).collect();
        let gone: Vec<&String> = base.difference(&now).collect();
        let mut say = |what: &str, line: &str| writeln!(wrong, "{}: {what}: {line}", drift.name).unwrap();
        for line in drift.expect.iter().filter(|line| !come.iter().any(|found| means(line, found))) {
            say("not found", line);
        }
        for found in come.iter().filter(|found| !drift.expect.iter().any(|line| means(line, found))) {
            say("found and not expected", found);
        }
        for found in gone.iter().filter(|found| !drift.gone.iter().any(|line| means(line, found))) {
            say("is gone", found);
        }
        undo(&server, &code, &drift);
    }
    assert!(wrong.is_empty(), "{flavour}:\n{wrong}");
    assert_eq!(findings(&server), base, "{flavour}: not every drift was undone");
}

fn undo(server: &Server, code: &Expected, drift: &Drift) {
    let Some(tables) = drift.undo.trim().strip_prefix("@recreate") else {
        return server.try_load_text("edxapp", &drift.undo).unwrap_or_else(|error| panic!("{}: {error}", drift.name));
    };
    let mut part = code.databases["default"].clone();
    let names: Vec<&str> = tables.split_whitespace().map(|name| name.split('.').next().unwrap()).collect();
    part.tables.retain(|name, _| names.contains(&name.as_str()));
    let sql = format!(
        "SET FOREIGN_KEY_CHECKS=0; DROP TABLE {};\n{}",
        names.join(", "),
        csm_audit::schema::create_tables(&part, code.server)
    );
    server.try_load_text("edxapp", &sql).unwrap_or_else(|error| panic!("{}: {error}", drift.name));
}

#[test]
fn on_mariadb() {
    drifts_are_told(Flavour::MariaDb);
}

#[test]
fn on_mysql97() {
    drifts_are_told(Flavour::MySql97);
}

/// The statements of a fix: what stands between its semicolons and begins as a statement does.
fn statements(fix: &str) -> Vec<String> {
    let part = |part: &str| part.trim().trim_start_matches("then ").to_owned();
    let begins = |text: &String| {
        ["ALTER TABLE ", "CREATE INDEX ", "CREATE UNIQUE INDEX "].iter().any(|word| text.starts_with(word))
    };
    // What a step of the plan does, the plan's own tests do; `…` stands for a definition.
    fix.split(';').map(part).filter(begins).filter(|text| !text.contains('…')).collect()
}

/// Each SQL fix that a finding prints is executed: its finding is gone afterwards, and no other has come.
fn fixes_work(flavour: Flavour) {
    let Some(server) = support::start(flavour, ServerOptions::new()) else { return };
    let code = code(&server);
    fill(&server, &code);
    let base = findings(&server);
    let mut wrong = String::new();
    let mut fixed = 0;
    for drift in drifts() {
        server.try_load_text("edxapp", &drift.apply).unwrap();
        let before: Vec<serde_json::Value> =
            reported(&server).into_iter().filter(|finding| !base.contains(&line(finding))).collect();
        let with_sql: Vec<(String, Vec<String>)> = before
            .iter()
            .map(|finding| (line(finding), statements(finding["fix"].as_str().unwrap_or_default())))
            .filter(|(_, sql)| !sql.is_empty())
            .collect();
        let home = |finding: &serde_json::Value| finding["database"].as_str().unwrap_or("edxapp").to_owned();
        for (finding, (line, sql)) in before
            .iter()
            .filter(|finding| !statements(finding["fix"].as_str().unwrap_or_default()).is_empty())
            .zip(&with_sql)
        {
            // The fix of one finding may be that of another.
            if !findings(&server).contains(line) {
                continue;
            }
            for statement in sql {
                if let Err(error) = server.try_load_text(&home(finding), &format!("{statement};")) {
                    writeln!(wrong, "{}: {line}: {statement}: {error}", drift.name).unwrap();
                }
            }
            fixed += 1;
        }
        let known: BTreeSet<String> = before.iter().map(line).collect();
        let after = findings(&server);
        for (line, sql) in with_sql.iter().filter(|(line, _)| after.contains(line)) {
            writeln!(wrong, "{}: is still there: {line}: {}", drift.name, sql.join("; ")).unwrap();
        }
        for line in after.iter().filter(|line| !base.contains(*line) && !known.contains(*line)) {
            writeln!(wrong, "{}: has come: {line}", drift.name).unwrap();
        }
        // What is left of the drift is taken back statement by statement; what was fixed needs no undoing.
        if drift.undo.trim().starts_with("@recreate") {
            undo(&server, &code, &drift);
        } else {
            for statement in drift.undo.split(";\n") {
                let _ = server.try_load_text("edxapp", &format!("{statement};"));
            }
        }
        let left: Vec<String> = findings(&server).difference(&base).cloned().collect();
        assert!(left.is_empty(), "{flavour}, {}: {left:?}\n{wrong}", drift.name);
    }
    assert!(wrong.is_empty(), "{flavour}:\n{wrong}");
    assert!(fixed >= 8, "{flavour}: {fixed} fixes were executed");
}

#[test]
fn fixes_work_on_mariadb() {
    fixes_work(Flavour::MariaDb);
}

#[test]
fn fixes_work_on_mysql97() {
    fixes_work(Flavour::MySql97);
}

/// Definitions as people write them by hand, in a migration with `RunSQL`.
const BY_HAND: &str = "CREATE TABLE parent (id int PRIMARY KEY) ENGINE=InnoDB;
CREATE TABLE raw (
    id serial,
    a int REFERENCES parent (id) ON DELETE CASCADE,
    b int,
    c int DEFAULT 5 UNIQUE CHECK (c > 0),
    d decimal(5,2) NOT NULL DEFAULT -1.50,
    t timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    v varchar(9) CHARACTER SET latin1 NOT NULL DEFAULT 'it''s',
    PRIMARY KEY (id),
    KEY k USING HASH (b, v(3)),
    CONSTRAINT small CHECK (c < 9),
    CONSTRAINT to_parent FOREIGN KEY (b) REFERENCES parent (id) ON DELETE RESTRICT ON UPDATE CASCADE
) ENGINE=InnoDB;";

/// What a server makes of definitions by hand is what the replay makes of them: no check finds a difference.
fn definitions_by_hand(flavour: Flavour) {
    let Some(server) = support::start(flavour, ServerOptions::new()) else { return };
    server.execute("CREATE DATABASE shop CHARACTER SET utf8mb4");
    let rest = "CREATE TABLE shop_order (id int NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB;
        CREATE TABLE django_migrations (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, app varchar(255) NOT NULL,
            name varchar(255) NOT NULL, applied datetime(6) NOT NULL);
        INSERT INTO django_migrations (app, name, applied) VALUES ('shop', '0001_initial', NOW());";
    server.try_load_text("shop", &format!("{BY_HAND}{rest}")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let migration = format!(
        "from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n    operations = [\n        \
         migrations.CreateModel('Order', [('id', models.AutoField(primary_key=True))]),\n        \
         migrations.RunSQL(\"\"\"{BY_HAND}\"\"\"),\n    ]\n"
    );
    for (name, text) in [
        ("settings.py", "INSTALLED_APPS = ['shop']\nDATABASES = {'default': {'NAME': 'shop'}}\n"),
        ("shop/__init__.py", ""),
        ("shop/models.py", "from django.db import models\n\n\nclass Order(models.Model):\n    pass\n"),
        ("shop/migrations/__init__.py", ""),
        ("shop/migrations/0001_initial.py", &migration),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_csm-audit"));
    command.arg("scan").arg(folder.path()).args(["--target", "shop.Order", "--settings", "settings"]);
    command.args(["--django", "4.2", "--format", "json", "--quiet", "--allow-primary", "--replica"]);
    command.arg(format!("prod=mysql://root@localhost/shop?socket={}", server.socket().display()));
    let output = command.output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let found: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["table"] == "raw" || finding["table"] == "parent")
        .map(|finding| format!("{} {}", line(finding), finding["message"]))
        .collect();
    assert!(found.is_empty(), "{flavour}: {found:#?}");
}

#[test]
fn by_hand_on_mariadb() {
    definitions_by_hand(Flavour::MariaDb);
}

#[test]
fn by_hand_on_mysql56() {
    definitions_by_hand(Flavour::MySql56);
}

#[test]
fn by_hand_on_mysql97() {
    definitions_by_hand(Flavour::MySql97);
}

/// Checks that no drift of one environment makes fire; where they do instead.
const ELSEWHERE: [&str; 8] = [
    // A database of its own state: the unit tests of the expected schema, and the base of every drift.
    "python-range",
    "state-differs",
    // Several environments, models, views and checks of migrations: tests/checks.rs.
    "model-differs",
    "environments-differ",
    "missing-view",
    "missing-check",
    // What servers of some versions do not have, and code that is missing: tests/checks.rs and tests/answer.rs.
    "id-limit",
    "source-not-found",
];

#[test]
fn every_check_has_a_drift() {
    let fired: BTreeSet<String> = drifts()
        .iter()
        .flat_map(|drift| drift.expect.iter().map(|line| line.split(' ').next().unwrap().to_owned()))
        .collect();
    for check in CHECKS {
        assert!(fired.contains(check.id) != ELSEWHERE.contains(&check.id), "{}: no drift makes it fire", check.id);
    }
    for check in &fired {
        assert!(csm_audit::check::find(check).is_some(), "there is no check {check}");
    }
}
