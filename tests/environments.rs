//! The environments of the fixture project: how they are made on real servers, and what a scan tells of them without
//! one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail loudly, as the tests do")]

mod support;

use std::io::Write as _;
use std::process::Command;

use csm_audit::live::facts::EnvironmentFacts;
use csm_audit::live::snapshot;
use serde_json::Value;
use support::fixture::{self, DATABASES};
use support::{Flavour, Server, ServerOptions};

const PASSWORD: &str = "for-the-time-of-a-test";

/// Takes a snapshot of a server and puts names in the place of this machine's.
fn take(server: &Server, environment: &str) -> EnvironmentFacts {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("taken.json");
    let output = Command::new(env!("CARGO_BIN_EXE_csm-audit"))
        .args(["snapshot", "--sample", "--allow-primary", "-o"])
        .arg(&file)
        .args(DATABASES.map(|(_, name)| {
            format!(
                "{environment}=mysql://csm_audit@127.0.0.1:{}/{name}?ssl-mode=disabled&get-server-public-key=true",
                server.port()
            )
        }))
        .env("HOME", home.path())
        .env("MYSQL_PWD", PASSWORD)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut facts = snapshot::read_file(&file).unwrap().remove(0);
    let address = format!("replica.{environment}.example:3306");
    let text = serde_json::to_string(&facts).unwrap().replace(&facts.servers[0].address, &address);
    facts = serde_json::from_str(&text).unwrap();
    let server = &mut facts.servers[0];
    server.variables.insert(String::from("basedir"), String::from("/usr/"));
    for source in server.sources.iter_mut().flat_map(|seen| &mut seen.found) {
        (source.host, source.port) = (format!("primary.{environment}.example"), 3306);
    }
    facts
}

/// A table of some hundred rows stands for one that no repository could hold.
fn blow_up(facts: &mut EnvironmentFacts, table: &str, rows: u64, row_bytes: u64) {
    let databases = facts.databases.iter_mut();
    let measures = databases.flat_map(|database| &mut database.measures.found).find(|one| one.table == table).unwrap();
    measures.rows_estimate = Some(rows);
    measures.data_length = Some(rows * row_bytes);
    measures.index_length = Some(rows * 190);
}

fn write_snapshot(facts: &EnvironmentFacts, name: &str) {
    snapshot::write(std::slice::from_ref(facts), std::fs::File::create(fixture::environments().join(name)).unwrap())
        .unwrap();
}

/// `cargo test --test environments make -- --ignored` makes the files anew.
#[test]
#[ignore = "it writes into the repository"]
fn make() {
    let options = |id: u32| {
        let durable = ServerOptions::new().line("sync_binlog=1").line("innodb_flush_log_at_trx_commit=1");
        durable.binary_log("ROW").performance_schema().line(format!("server_id={id}"))
    };
    let primary = support::start(Flavour::MySql97, options(1)).unwrap();
    fixture::make(&primary, "prod");
    fixture::grant(&primary, "mysql-9.7", "csm_audit@%", PASSWORD);
    let replica = Server::replica_of(&primary, options(2).line("read_only=ON")).unwrap();
    let mut prod = take(&replica, "prod");
    blow_up(&mut prod, "courseware_studentmodule", 1_690_000_000, 520);
    blow_up(&mut prod, "coursewarehistoryextended_studentmodulehistoryextended", 5_200_000_000, 410);
    write_snapshot(&prod, "prod.json");

    let server = support::start(Flavour::MySql97, options(3)).unwrap();
    fixture::make(&server, "edge");
    fixture::grant(&server, "mysql-9.7", "csm_audit@%", PASSWORD);
    let mut edge = take(&server, "edge");
    blow_up(&mut edge, "courseware_studentmodule", 41_000_000, 520);
    write_snapshot(&edge, "edge.json");

    let server = support::start(Flavour::MariaDb, ServerOptions::new()).unwrap();
    fixture::make(&server, "stage");
    std::fs::write(fixture::environments().join("stage.platform.sql"), fixture::dump(&server, "platform")).unwrap();
    let text = fixture::dump(&server, "platform_history");
    let file = std::fs::File::create(fixture::environments().join("stage.platform_history.sql.gz")).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap();
}

fn scan(arguments: &[&str]) -> Value {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_csm-audit"))
        .arg("scan")
        .arg(fixture::project())
        .arg("--config")
        .arg(fixture::project().join("csm-audit.toml"))
        .args(["--format", "json", "--quiet"])
        .args(arguments)
        .env("HOME", home.path())
        // Paths of the configuration are relative to it, wherever the program runs.
        .current_dir(home.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `ENVIRONMENT CHECK SEVERITY TABLE[.COLUMN] [NAME]`
fn lines(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| {
            let text = |key: &str| finding[key].as_str().unwrap_or_default();
            let column = finding["column"].as_str().map_or_else(String::new, |column| format!(".{column}"));
            let head = format!("{} {} {}", text("environment"), text("check"), text("severity"));
            format!("{head} {}{column} {}", text("table"), text("name")).trim_end().to_owned()
        })
        .collect()
}

#[test]
fn a_scan_of_the_fixture_tells_what_its_environments_hold() {
    let report = scan(&[]);
    let names: Vec<_> = report["environments"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    // As they are written in the configuration.
    assert_eq!(names, ["prod", "edge", "stage"]);
    let lines = lines(&report);
    for expected in [
        // prod: a constraint too many, one too few, ids that end soon, a column of another database that no model knows.
        "prod extra-foreign-key error courseware_studentmodule.student_id student_id_refs_id_51af713179ba2570",
        "prod missing-foreign-key error courseware_statebookmark.row_id courseware_statebookmark_row",
        "prod key-exhaustion error courseware_studentmodule.id",
        "prod reference-too-narrow error export_queue.student_module_id",
        "prod column-type error courseware_studentmodule.id",
        "prod dependent-view warning courseware_studentmodule grade_report",
        // edge: a migration behind, and the rest of a broken schema change.
        "edge migration-unapplied warning django_migrations courseware.0005_bookmarks",
        "edge missing-table error courseware_statebookmark",
        "edge leftover-table warning _courseware_studentmodule_gho",
        // stage: made by hand.
        "stage extra-index info courseware_studentmodule by_course_and_type",
        "stage column-type error grades_coursescore.course_id",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{expected} is missing in:\n{}", lines.join("\n"));
    }
    assert!(lines.iter().any(|line| line.starts_with("stage dependent-trigger") && line.ends_with("log_state")));
    // The dump tells the migrations that were applied.
    assert!(!lines.iter().any(|line| line.starts_with("stage migration-")), "{}", lines.join("\n"));
    assert_eq!(report["answer"]["may_start"], "no");

    // What the table points to: the code knows of no constraint, and one environment has one.
    let references = report["references"].as_array().unwrap();
    let to_user: Vec<&Value> = references.iter().filter(|one| one["table"] == "auth_user").collect();
    let [to_user] = to_user[..] else { panic!("{references:#?}") };
    assert_eq!((&to_user["columns"][0], &to_user["constraint"]), (&"student_id".into(), &Value::Null));
    let held: Vec<(&Value, &Value)> = to_user["environments"]
        .as_array()
        .unwrap()
        .iter()
        .map(|place| (&place["environment"], &place["constraints"]))
        .collect();
    let one = Value::from(vec!["student_id_refs_id_51af713179ba2570"]);
    let none = Value::Array(Vec::new());
    assert_eq!(held, [(&"prod".into(), &one), (&"edge".into(), &none), (&"stage".into(), &none)]);

    let columns = report["columns"].as_array().unwrap();
    let key = columns.iter().find(|column| column["role"] == "key").unwrap();
    let prod = key["environments"].as_array().unwrap().iter().find(|one| one["environment"] == "prod").unwrap();
    assert_eq!((prod["used"].as_str(), prod["limit"].as_str()), (Some("2089412338"), Some("2147483647")));
    let day = |end: &str| prod["exhausted"][end].as_str().unwrap_or_default().to_owned();
    let read = report["environments"][0]["servers"][0]["read_at"].as_str().unwrap();
    assert!(day("earliest").as_str() > read && day("earliest") < day("latest"), "{}", prod["exhausted"]);
    assert!(prod["exhausted"]["assumption"].as_str().unwrap().contains("by the column created"));
}

#[test]
fn two_snapshots_in_time_tell_when_a_key_ends() {
    let home = tempfile::tempdir().unwrap();
    let mut now = snapshot::read_file(&fixture::environments().join("prod.json")).unwrap();
    let table = "courseware_studentmodule";
    for one in now[0].databases.iter_mut().flat_map(|database| &mut database.measures.found) {
        one.growth = None;
    }
    let mut old = now.clone();
    old[0].servers[0].read_at = String::from("2026-08-22T00:00:00Z");
    for one in old[0].databases.iter_mut().flat_map(|database| &mut database.measures.found) {
        if one.table == table {
            one.auto_increment = Some(2_000_000_000);
            one.ranges.clear();
        }
    }
    let path = |name: &str| home.path().join(name).display().to_string();
    for (name, facts) in [("now.json", &now), ("old.json", &old)] {
        snapshot::write(facts, std::fs::File::create(path(name)).unwrap()).unwrap();
    }
    let replica = format!("prod={}", path("now.json"));
    let exhausted = |arguments: &[&str]| {
        let report = scan(&[&["--replica", &*replica], arguments].concat());
        report["columns"][0]["environments"][0]["exhausted"].clone()
    };
    assert_eq!(exhausted(&[]), Value::Null, "nothing tells how fast it grows");
    let told = exhausted(&["--earlier", &format!("prod={}", path("old.json"))]);
    assert!(told["assumption"].as_str().unwrap().contains("since 2026-08-22 by the earlier snapshot"), "{told}");
    assert!(told["earliest"].as_str().unwrap() > "2026-11-22", "{told}");
    assert!(told["latest"].as_str().unwrap() < "2027-06-01", "{told}");
    // The same snapshot is no earlier one.
    assert_eq!(exhausted(&["--earlier", &replica]), Value::Null);
}

/// Copies a folder.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let place = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &place);
        } else {
            std::fs::copy(entry.path(), place).unwrap();
        }
    }
}

#[test]
fn a_plan_says_which_migrations_of_its_tables_could_not_be_followed() {
    let home = tempfile::tempdir().unwrap();
    let project = home.path().join("project");
    copy(&fixture::project(), &project);
    std::fs::remove_file(project.join("csm-audit.toml")).unwrap();
    let odd = "import os\n\nfrom django.db import migrations\n\n\nclass Migration(migrations.Migration):\n    \
               dependencies = [('courseware', '0005_bookmarks')]\n    operations = \
               [migrations.RunSQL(os.environ['SQL'])]\n";
    let open = || {
        let output = Command::new(env!("CARGO_BIN_EXE_csm-audit"))
            .args(["plan", "--quiet", "--replica"])
            .arg(format!("prod={}", fixture::environments().join("prod.json").display()))
            .arg("--output")
            .arg(home.path().join("plan"))
            .arg(&project)
            .env("HOME", home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = std::fs::read_to_string(home.path().join("plan/plan.json")).unwrap();
        let plan = serde_json::from_str::<Value>(&text).unwrap()["plan"].take();
        let open = plan["assumptions"].as_array().unwrap().iter().map(|open| open["what"].as_str().unwrap().to_owned());
        open.filter(|what| what.contains("migrations/")).collect::<Vec<_>>()
    };
    assert_eq!(open(), Vec::<String>::new());
    std::fs::write(project.join("lms/djangoapps/courseware/migrations/0006_odd.py"), odd).unwrap();
    let found = open();
    assert!(
        matches!(&found[..], [one] if one.starts_with("lms/djangoapps/courseware/migrations/0006_odd.py:8: ")),
        "{found:?}"
    );
}
