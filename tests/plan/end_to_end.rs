//! Plans that are made of real servers and run on them, while somebody writes.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use csm_audit::live::facts::{Flavour as Make, ServerFacts};
use csm_audit::plan::gh_ost_flags::Release;

use crate::platform::{self, Platform, scripts};
use crate::support::{Flavour, Server, start};
use crate::writer::{Writer, lost};

/// Says that a test did not run; on a build machine only what nobody promised may be missing.
fn skipped(what: &str, promised: bool) {
    assert!(!(promised && std::env::var("CI").is_ok_and(|value| value == "true")), "{what} is not installed");
    crate::support::skip::skipped(&format!("{what} is not installed"));
}

/// A primary and a replica with the platform's tables.
fn servers(flavour: Flavour, rows: u32) -> Option<(Server, Server)> {
    let primary = start(flavour, platform::options(1))?;
    platform::fill(&primary, rows);
    let replica = Server::replica_of(&primary, platform::options(2).line("read_only=ON")).ok()?;
    Some((primary, replica))
}

/// What has to be true at the end, whatever the way.
fn done(platform: &Platform, primary: &Server, replica: &Server, writer: Writer) {
    // Ids pass the old limit.
    writer.wait_for(30);
    primary.execute("ALTER TABLE edxapp.courseware_studentmodule AUTO_INCREMENT = 2147483600");
    writer.wait_for(300);
    let (ledger, errors) = writer.stop();
    assert!(ledger.keys().max().unwrap() > &2_147_483_647, "ids have not passed the limit: {errors:?}");
    assert_eq!(lost(primary, &ledger), Vec::<String>::new());
    assert!(ledger.values().filter(|state| state.is_some()).count() > 100);
    replica.catch_up(primary);
    assert_eq!(lost(replica, &ledger), Vec::<String>::new(), "on the replica");
    primary.execute(
        "INSERT INTO edxapp_csmh.history_studentmodulehistory (student_module_id) SELECT MAX(id) FROM
             edxapp.courseware_studentmodule;
         INSERT INTO edxapp.courseware_offlinecomputed (module_id) SELECT MAX(id) FROM edxapp.courseware_studentmodule",
    );
    replica.catch_up(primary);
    // The ledger is Django's to fill: the tables alone are not all.
    let (is_done, text) = platform.verify(replica);
    let open: Vec<&str> = text.lines().filter(|line| line.starts_with("OPEN")).collect();
    assert!(!is_done && !open.is_empty() && open.iter().all(|line| line.contains("is not applied")), "{text}");
    for statement in platform.ledger() {
        primary.execute(&statement);
    }
    replica.catch_up(primary);
    let (is_done, text) = platform.verify(replica);
    assert!(is_done, "{text}");
    let comment = "SELECT COLUMN_COMMENT FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'edxapp' AND TABLE_NAME = \
                   'courseware_studentmodule' AND COLUMN_NAME = 'id'";
    assert_eq!(primary.value(comment), "it's the key");
}

#[test]
fn pt_online_schema_change_and_alter_lose_nothing() {
    if !platform::is_installed("pt-online-schema-change") {
        return skipped("pt-online-schema-change", true);
    }
    let Some((primary, replica)) = servers(Flavour::MariaDb, 20_000) else { return };
    let platform = Platform::new();
    let writer = Writer::start(&primary);
    writer.wait_for(20);
    let plan = platform.made(&replica, &["--strategy", "pt-online-schema-change"]);
    let (is_done, text) = platform.verify(&replica);
    assert!(!is_done && text.contains("OPEN"), "{text}");
    let steps = scripts(&plan);
    for kind in
        ["preflight", "drop-foreign-key", "widen-reference", "pt-online-schema-change", "add-foreign-key", "clean-up"]
    {
        assert!(steps.iter().any(|(_, of)| of == kind), "{kind}: {steps:?}");
    }
    for (script, kind) in &steps {
        if kind == "verify" {
            platform.run(script, &[]);
            continue;
        }
        replica.catch_up(&primary);
        if kind == "clean-up" {
            let (_, text) = platform.verify_rows(&replica);
            assert!(text.contains("rows of _courseware_studentmodule_old are in courseware_studentmodule"), "{text}");
            primary.execute(
                "INSERT INTO edxapp._courseware_studentmodule_old (id, module_type, student_id) VALUES (1, 'x', 1)",
            );
            replica.catch_up(&primary);
            let (_, text) = platform.verify_rows(&replica);
            assert!(text.contains("1 of the ") && text.contains("deleted since, or lost"), "{text}");
        }
        platform.run(script, &["--execute"]);
        replica.catch_up(&primary);
        if kind != "clean-up" {
            let (is_done, text) = platform.verify(&replica);
            assert!(!is_done, "after {script}: {text}");
        }
        // Whatever is done is not done twice.
        if !["preflight", "clean-up"].contains(&kind.as_str()) {
            let again = platform.script(script, &[]).output().unwrap();
            assert!(
                again.status.success() || script.contains("pt-osc") || kind == "drop-foreign-key",
                "{script}: {}",
                platform::said(&again)
            );
        }
    }
    done(&platform, &primary, &replica, writer);
}

/// The gh-ost that is to be tested.
fn gh_ost() -> Option<String> {
    let program = std::env::var("CSM_AUDIT_GH_OST").unwrap_or_else(|_| String::from("gh-ost"));
    platform::is_installed(&program).then_some(program)
}

/// Whether this gh-ost can talk to the server at all; some releases cannot, and their scripts refuse.
fn speaks_to(gh_ost: &str, server: &Server) -> bool {
    let version = std::process::Command::new(gh_ost).arg("--version").output().unwrap();
    let release: Release = String::from_utf8_lossy(&version.stdout).trim().parse().unwrap();
    let text = server.value("SELECT VERSION()");
    let mut numbers = text.split(['.', '-']).map(|part| part.parse::<u16>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let mariadb = server.flavour() == Flavour::MariaDb;
    let flavour = if mariadb { Make::MariaDb } else { Make::MySql };
    release.speaks_to(&ServerFacts { flavour, version: (next(), next(), next()), ..ServerFacts::default() })
}

/// Waits for a line in the log of a copy.
fn wait_for_line(platform: &Platform, id: &str, line: &str, child: &mut Child) {
    let log = platform.plan().join("run").join(format!("{id}.log"));
    let end = Instant::now() + Duration::from_secs(90);
    loop {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        if text.contains(line) {
            return;
        }
        assert!(child.try_wait().unwrap().is_none(), "gh-ost has ended:\n{text}");
        assert!(Instant::now() < end, "gh-ost does not say `{line}`:\n{text}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn with_gh_ost(flavour: Flavour, on_primary: bool, cut_over: Option<&str>) {
    let Some(gh_ost) = gh_ost() else { return skipped("gh-ost", false) };
    let Some((primary, replica)) = servers(flavour, 20_000) else { return };
    if !speaks_to(&gh_ost, &primary) {
        return skipped(&format!("a gh-ost that can talk to {flavour}"), false);
    }
    let platform = Platform::new();
    let writer = Writer::start(&primary);
    writer.wait_for(20);
    let inspected = if on_primary { &primary } else { &replica };
    let mut arguments = vec!["--strategy", "gh-ost"];
    if let Some(how) = cut_over {
        arguments.extend(["--cut-over", how]);
    }
    let plan = platform.made(inspected, &arguments);
    let steps = scripts(&plan);
    let mut copy: Option<Child> = None;
    let mut writer = Some(writer);
    for (script, kind) in &steps {
        replica.catch_up(&primary);
        match kind.as_str() {
            "gh-ost" if script.contains("-gh-ost-") => {
                let id = script.split("-gh-ost-").next().unwrap();
                let noop = platform.script(script, &[]).env("GH_OST", &gh_ost).output().unwrap();
                assert!(noop.status.success(), "{}", platform::said(&noop));
                let mut child = platform
                    .script(script, &["--execute"])
                    .env("GH_OST", &gh_ost)
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap();
                wait_for_line(&platform, id, "postponing cut-over", &mut child);
                copy = Some(child);
            }
            "gh-ost" => {
                platform.run(script, &["--execute"]);
                assert!(copy.take().unwrap().wait().unwrap().success());
            }
            "verify" => drop(platform.run(script, &[])),
            _ => drop(platform.run(script, &["--execute"])),
        }
    }
    done(&platform, &primary, &replica, writer.take().unwrap());
}

#[test]
fn gh_ost_goes_back_while_no_id_is_too_large() {
    let Some(gh_ost) = gh_ost() else { return skipped("gh-ost", false) };
    let Some((primary, replica)) = servers(Flavour::MySql97, 5_000) else { return };
    let platform = Platform::new();
    let writer = Writer::start(&primary);
    writer.wait_for(20);
    let plan = platform.made(&replica, &["--strategy", "gh-ost"]);
    let steps = scripts(&plan);
    let copy = steps.iter().find(|(script, _)| script.contains("-gh-ost-")).unwrap().0.clone();
    let id = copy.split("-gh-ost-").next().unwrap();
    for (script, _) in steps.iter().take_while(|(script, _)| *script != copy) {
        platform.run(script, &["--execute"]);
        replica.catch_up(&primary);
    }
    let gh = |mode: &str| {
        let mut command = platform.script(&copy, &[mode]);
        command.env("GH_OST", &gh_ost).stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    // A crash half-way: what was begun is gone on with.
    let mut child = gh("--execute").spawn().unwrap();
    wait_for_line(&platform, id, "postponing cut-over", &mut child);
    std::thread::sleep(Duration::from_secs(1));
    std::fs::write(platform.plan().join(format!("run/{id}.panic")), "").unwrap();
    assert!(!child.wait().unwrap().success());
    std::fs::remove_file(platform.plan().join(format!("run/{id}.log"))).unwrap();
    let again = platform.script(&copy, &["--execute"]).env("GH_OST", &gh_ost).output().unwrap();
    assert!(!again.status.success(), "{}", platform::said(&again));
    assert!(platform::said(&again).contains("--discard"), "it names what to do: {}", platform::said(&again));
    let discarded = platform.run(&copy, &["--discard"]);
    assert!(discarded.contains("The copy is dropped."), "{discarded}");
    let mut child = gh("--execute").spawn().unwrap();
    wait_for_line(&platform, id, "postponing cut-over", &mut child);
    let swap = &steps.iter().find(|(script, _)| script.contains("-cut-over-courseware_studentmodule")).unwrap().0;
    platform.run(swap, &["--execute"]);
    assert!(child.wait().unwrap().success());
    writer.wait_for(50);
    let back = platform.script(&copy, &["--revert"]).env("GH_OST", &gh_ost).output().unwrap();
    assert!(back.status.success(), "{}", platform::said(&back));
    writer.wait_for(50);
    let (ledger, _) = writer.stop();
    assert_eq!(lost(&primary, &ledger), Vec::<String>::new());
    let column = "SELECT DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'edxapp' AND TABLE_NAME = \
                  'courseware_studentmodule' AND COLUMN_NAME = 'id'";
    assert_eq!(primary.value(column), "int");
}

#[test]
fn gh_ost_through_a_replica_of_mysql_loses_nothing() {
    with_gh_ost(Flavour::MySql97, false, None);
}

#[test]
fn gh_ost_on_a_primary_of_mysql_loses_nothing() {
    with_gh_ost(Flavour::MySql97, true, None);
}

#[test]
fn gh_ost_on_a_primary_of_mariadb_loses_nothing() {
    with_gh_ost(Flavour::MariaDb, true, None);
}

#[test]
fn gh_ost_through_a_replica_of_mysql_5_6_loses_nothing_in_two_steps() {
    with_gh_ost(Flavour::MySql56, false, Some("two-step"));
}
