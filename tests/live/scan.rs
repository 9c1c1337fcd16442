//! A whole scan with databases: from a server, a snapshot and a dump the same, read-only, discreet, and whole in parts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::platform::{dialect, program, said, text};
use crate::support::fixture::{self, DATABASES};
use crate::support::{self, Flavour, Server, ServerOptions};
use crate::trouble::{Proxy, Then};

const PASSWORD: &str = "pa-ss.w0rd";

/// Servers that Django 4.2, which the fixture pins, runs on.
const FLAVOURS: [Flavour; 2] = [Flavour::MariaDb, Flavour::MySql97];

fn start(flavour: Flavour) -> Option<Server> {
    let server = support::start(flavour, ServerOptions::new().general_log())?;
    fixture::make(&server, "prod");
    fixture::grant(&server, dialect(flavour), "audit@127.0.0.1", PASSWORD);
    Some(server)
}

/// Both databases by a port.
fn urls(name: &str, login: &str, port: u16) -> Vec<String> {
    let url = |database| {
        format!(
            "--replica={name}=mysql://{login}@127.0.0.1:{port}/{database}?ssl-mode=disabled&get-server-public-key=true"
        )
    };
    DATABASES.iter().map(|(_, database)| url(database)).collect()
}

/// A scan of the fixture project.
fn scan(home: &Path) -> Command {
    let mut program = program(home);
    program.arg("scan").arg(fixture::project()).args(["--allow-primary", "--quiet"]);
    program.env("MYSQL_PWD", PASSWORD).stdin(Stdio::null());
    program
}

fn report(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for server in
        report["environments"].as_array_mut().unwrap().iter_mut().flat_map(|one| one["servers"].as_array_mut().unwrap())
    {
        server["read_at"] = Value::Null;
    }
    report
}

/// The findings that are no remark on what is unknown.
fn findings(report: &Value) -> BTreeSet<String> {
    let known = |finding: &&Value| finding["confidence"] != "possible";
    let line = |finding: &Value| {
        let word = |key: &str| finding[key].as_str().unwrap_or("-").to_owned();
        ["check", "severity", "database", "table", "column", "name"].map(word).join(" ")
    };
    report["findings"].as_array().unwrap().iter().filter(known).map(line).collect()
}

/// All of two reports, part by part, so that a difference can be read.
fn assert_same(mine: &Value, theirs: &Value) {
    for (part, mine) in mine.as_object().unwrap() {
        let theirs = &theirs[part];
        match (mine.as_array(), theirs.as_array()) {
            (Some(mine), Some(theirs)) => {
                for (mine, theirs) in mine.iter().zip(theirs) {
                    assert_eq!(mine, theirs, "{part}");
                }
                assert_eq!(mine.len(), theirs.len(), "{part}");
            }
            _ => assert_eq!(mine, theirs, "{part}"),
        }
    }
}

#[test]
fn server_snapshot_and_dump_give_the_same_findings() {
    for flavour in FLAVOURS {
        let Some(server) = start(flavour) else { continue };
        let home = tempfile::tempdir().unwrap();
        let live =
            scan(home.path()).args(["--format=json"]).args(urls("prod", "audit", server.port())).output().unwrap();
        let mut live = report(&live);
        // How the scan logged in is no matter of the databases, and a snapshot has no log-in.
        live["gaps"].as_array_mut().unwrap().retain(|gap| gap["kind"] != "password-shown");
        let of_log_in = live["totals"]["gaps_by_kind"].as_object_mut().unwrap().remove("password-shown");
        let others = live["totals"]["gaps"].as_u64().unwrap() - of_log_in.map_or(0, |count| count.as_u64().unwrap());
        live["totals"]["gaps"] = others.into();

        let snapshot = |arguments: &[&str]| {
            let taken = program(home.path())
                .args(["snapshot", "--allow-primary", "--quiet", "-o", "prod.json"])
                .args(urls("prod", "audit", server.port()).iter().map(|url| url.trim_start_matches("--replica=")))
                .args(arguments)
                .env("MYSQL_PWD", PASSWORD)
                .output()
                .unwrap();
            assert_eq!(taken.status.code(), Some(0), "{flavour}: {}", said(&taken));
            report(&scan(home.path()).args(["--format=json", "--replica=prod=prod.json"]).output().unwrap())
        };
        // That this column stores ids is only known to who has the code, and asks for it.
        let without_code = snapshot(&[]);
        let difference: Vec<_> = findings(&live).symmetric_difference(&findings(&without_code)).cloned().collect();
        assert_eq!(difference, ["empty-table info platform courseware_statebookmark - -"], "{flavour}");
        let gaps = without_code["gaps"].to_string();
        assert!(gaps.contains("courseware_statebookmark was not measured"), "{flavour}: {gaps}");
        assert!(gaps.contains("--column row_id"), "{flavour}: {gaps}");
        assert_same(&live, &snapshot(&["--column=row_id"]));
        assert!(findings(&live).len() > 15, "{flavour}");

        // Paths are relative to where the program runs.
        fs::create_dir(home.path().join("dumps")).unwrap();
        for (_, database) in DATABASES {
            fs::write(home.path().join(format!("dumps/{database}.sql")), fixture::dump(&server, database)).unwrap();
        }
        let dump = scan(home.path())
            .args(["--format=json", "--replica=prod=dumps/platform.sql", "--replica=prod=dumps/platform_history.sql"])
            .output()
            .unwrap();
        let dump = report(&dump);
        let known = findings(&live);
        let more: Vec<_> = findings(&dump).difference(&known).cloned().collect();
        assert!(more.is_empty(), "{flavour}: a dump alone says {more:#?}");
        // It holds no rows, and so neither emptiness nor what a column without a counter has come to.
        let less: Vec<_> = known.difference(&findings(&dump)).cloned().collect();
        let history = "coursewarehistoryextended_studentmodulehistoryextended student_module_id";
        let expected = [
            "empty-table info platform courseware_statebookmark - -".to_owned(),
            "empty-table info platform courseware_studentmodulehistory - -".to_owned(),
            "empty-table info platform grades_gradeoverride - -".to_owned(),
            format!("key-exhaustion error platform_history {history} -"),
        ];
        assert_eq!(less, expected, "{flavour}");
        let unproven: BTreeSet<&str> = dump["environments"][0]["unproven"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|one| one["what"].as_str())
            .collect();
        for what in ["tables", "foreign keys of other databases", "triggers", "routines", "events", "sizes and ranges"]
        {
            assert!(unproven.contains(what), "{flavour}: {what} is not said to be unproven: {unproven:?}");
        }
        assert!(!unproven.contains("foreign keys") && !unproven.contains("applied migrations"), "{flavour}");
        assert_eq!(live["environments"][0]["unproven"], Value::Array(Vec::new()), "{flavour}: the server proves all");
    }
}

#[test]
fn programs_of_other_databases_are_reported() {
    for flavour in FLAVOURS {
        let Some(server) = start(flavour) else { continue };
        server.execute(
            "CREATE DATABASE reports;
             CREATE VIEW reports.grades AS SELECT id, grade FROM platform.courseware_studentmodule;
             CREATE EVENT reports.clean ON SCHEDULE EVERY 1 DAY DO DELETE FROM platform.courseware_studentmodule
                 WHERE id < 0;
             CREATE VIEW platform_history.states AS SELECT id FROM platform.courseware_studentmodulehistory;",
        );
        let home = tempfile::tempdir().unwrap();
        let run = || {
            let arguments = urls("prod", "audit", server.port());
            report(&scan(home.path()).arg("--format=json").args(arguments).output().unwrap())
        };
        let hidden = run();
        let told = "could not check whether another view, trigger, routine or event of another database references courseware_studentmodule";
        assert!(hidden["findings"].to_string().contains(told), "{flavour}");
        let inside = "dependent-view warning platform courseware_studentmodulehistory - platform_history.states";
        assert!(findings(&hidden).contains(inside), "{flavour}: {:#?}", findings(&hidden));

        server.execute("GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON reports.* TO 'audit'@'127.0.0.1'");
        let seen = run();
        assert!(!seen["findings"].to_string().contains(told), "{flavour}");
        let more: Vec<_> = findings(&seen).difference(&findings(&hidden)).cloned().collect();
        let expected = [
            "dependent-event warning platform courseware_studentmodule - reports.clean",
            "dependent-view warning platform courseware_studentmodule - reports.grades",
        ];
        assert_eq!(more, expected, "{flavour}");
    }
}

#[test]
fn a_scan_sends_only_what_reads() {
    for flavour in FLAVOURS {
        let Some(server) = start(flavour) else { continue };
        let home = tempfile::tempdir().unwrap();
        let before = server.general_log().len();
        let arguments = urls("prod", "audit", server.port());
        let output = scan(home.path()).args(["--format=json", "--sample"]).args(arguments).output().unwrap();
        report(&output);
        let log = server.general_log();
        let mut statements = 0;
        for line in log[before..].lines() {
            let command = ["\tPrepare\t", " Prepare\t", " Execute\t", " Init DB\t", " Field List\t"];
            assert!(!command.iter().any(|word| line.contains(word)), "{flavour}: {line}");
            let Some((_, statement)) = line.split_once(" Query\t") else { continue };
            let may = ["SELECT ", "SHOW ", "SET SESSION "].iter().any(|begin| statement.starts_with(begin));
            let transaction = ["START TRANSACTION READ ONLY", "ROLLBACK"].contains(&statement);
            assert!(may || transaction, "{flavour}: {statement}");
            statements += 1;
        }
        assert!((20..=80).contains(&statements), "{flavour}: {statements} statements for two databases");
    }
}

#[test]
fn a_replica_that_dies_leaves_the_others_and_the_exit_code_says_so() {
    for flavour in FLAVOURS {
        let Some(server) = start(flavour) else { continue };
        let home = tempfile::tempdir().unwrap();
        let whole = Proxy::before(&server, usize::MAX, Then::HangUp);
        let run = |port: u16| {
            let both = [urls("prod", "audit", port), urls("edge", "audit", server.port())].concat();
            scan(home.path()).arg("--format=json").args(both).output().unwrap()
        };
        let complete = report(&run(whole.port));
        let total = whole.passed.load(Ordering::SeqCst);
        let of = |report: &Value, environment: &str| -> usize {
            let findings = report["findings"].as_array().unwrap().iter();
            findings.filter(|finding| finding["environment"] == environment).count()
        };
        assert_eq!(of(&complete, "prod"), of(&complete, "edge"), "{flavour}");
        for tenth in [0, 3, 6, 9] {
            let proxy = Proxy::before(&server, total * tenth / 10, Then::HangUp);
            let output = run(proxy.port);
            assert_eq!(output.status.code(), Some(3), "{flavour} {tenth}: {}", said(&output));
            let part: Value = serde_json::from_slice(&output.stdout).unwrap();
            let environments = part["environments"].as_array().unwrap();
            assert_eq!(environments.len(), 2, "{flavour} {tenth}");
            assert_eq!((&environments[0]["complete"], &environments[1]["complete"]), (&false.into(), &true.into()));
            let reason = environments[0]["incomplete"][0]["reason"].as_str().unwrap();
            assert!(!reason.is_empty(), "{flavour} {tenth}");
            assert!(part["gaps"].to_string().contains("environment-incomplete"), "{flavour} {tenth}");
            // Everything of the other one.
            let certain = |report: &Value| -> Vec<String> {
                let mine = findings_of(report, "edge");
                mine.into_iter().collect()
            };
            assert_eq!(certain(&part), certain(&complete), "{flavour} {tenth}");
            // What could not be read is not said to be missing.
            let more: Vec<_> =
                findings_of(&part, "prod").difference(&findings_of(&complete, "prod")).cloned().collect();
            assert!(more.is_empty(), "{flavour} {tenth}: {more:#?}");
        }
    }
}

fn findings_of(report: &Value, environment: &str) -> BTreeSet<String> {
    let mut report = report.clone();
    report["findings"].as_array_mut().unwrap().retain(|finding| finding["environment"] == environment);
    findings(&report)
}

/// Nowhere: not in reports, not in errors, not in the list of processes.
#[test]
fn a_scan_shows_no_password() {
    let Some(server) = start(Flavour::MySql97).or_else(|| start(Flavour::MariaDb)) else { return };
    let home = tempfile::tempdir().unwrap();
    let hidden = |what: &str, text: &str| assert!(!text.contains("w0rd"), "{what} shows the password: {text}");
    let login = format!("audit:{PASSWORD}");
    for format in ["text", "json"] {
        let mut command = scan(home.path());
        command.env_remove("MYSQL_PWD").args(urls("prod", &login, server.port()));
        let output = command.args(["--format", format, "-o", "report"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        hidden(format, &said(&output));
        let report = fs::read_to_string(home.path().join("report")).unwrap();
        assert!(format == "text" || report.contains("\"prod\""), "{report}");
        hidden(format, &report);
    }
    let wrong = [
        urls("prod", &format!("nobody:{PASSWORD}"), server.port()),
        urls("prod", &login, 1),
        vec![format!("--replica=prod=mysql://{login}@127.0.0.1")],
        vec![format!("--replica=prod=postgres://{login}@127.0.0.1/x")],
        vec![format!("--replica=mysql://{login}@127.0.0.1/x")],
        vec![format!("--earlier=prod=mysql://{login}@127.0.0.1/x")],
        vec![format!("--replica=prod=mysql://{login}@127.0.0.1/x"), "--key-type=varchar(3)".to_owned()],
    ];
    for arguments in &wrong {
        let output = scan(home.path()).env_remove("MYSQL_PWD").arg("--format=json").args(arguments).output().unwrap();
        assert!(matches!(output.status.code(), Some(2 | 3)), "{arguments:?}: {}", said(&output));
        hidden("an error", &said(&output));
    }
    hidden("the server's error log", &server.error_log());

    let proxy = Proxy::before(&server, 2000, Then::Stall);
    let mut child = scan(home.path())
        .env_remove("MYSQL_PWD")
        .arg("--timeout=5")
        .args(urls("prod", &login, proxy.port))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    for _ in 0..1000 {
        if proxy.passed.load(Ordering::SeqCst) >= 2000 {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let command_line = text(&fs::read(format!("/proc/{}/cmdline", child.id())).unwrap());
    assert!(command_line.contains("mysql://audit@127.0.0.1"), "{command_line}");
    hidden("the list of processes", &command_line);
    child.kill().unwrap();
    hidden("the output", &said(&child.wait_with_output().unwrap()));
}

/// `cargo test --release --test live scan_of_five -- --ignored --nocapture` prints how long it takes.
#[test]
#[ignore = "a measurement, for a quiet machine"]
fn a_scan_of_five_thousand_tables() {
    for flavour in Flavour::ALL {
        let options = ServerOptions::new().general_log().line("table_open_cache=400");
        let Some(server) = support::start(flavour, options) else { continue };
        crate::scale::fill(&server, 5000);
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("csm-audit.toml"), "[databases]\ndefault = 'many'\n").unwrap();
        for arguments in [&["--format=json"][..], &["--format=json", "--sample"]] {
            let before = server.general_log().len();
            let begun = Instant::now();
            let mut child = scan(home.path())
                .env("MYSQL_PWD", crate::platform::PASSWORD)
                .arg("--config=csm-audit.toml")
                .args(["-o", "report.json"])
                .arg(format!(
                    "--replica=prod=mysql://audit@127.0.0.1:{}/many?ssl-mode=disabled&get-server-public-key=true",
                    server.port()
                ))
                .args(arguments)
                .spawn()
                .unwrap();
            let mut memory = 0;
            let status = loop {
                memory = memory.max(peak_kib(child.id()).unwrap_or(0));
                if let Some(status) = child.try_wait().unwrap() {
                    break status;
                }
                thread::sleep(Duration::from_millis(5));
            };
            let took = begun.elapsed();
            assert_eq!(status.code(), Some(0), "{flavour}");
            let asked = server.general_log()[before..].lines().filter(|line| line.contains(" Query\t")).count();
            println!("{flavour} {arguments:?}: {asked} statements, {took:?}, {} MiB", memory >> 10);
            let limit = Duration::from_secs(if flavour == Flavour::MySql56 { 10 } else { 3 });
            assert!(asked <= 40 && took <= limit && memory <= 150 << 10, "{flavour}: too much");
        }
    }
}

/// The most memory that a process has had so far.
fn peak_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
