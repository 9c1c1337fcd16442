//! Scripts are run with bash, against programs that stand in for mysql and gh-ost: what they send, and when they refuse.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use csm_audit::audit::Role;
use csm_audit::live::facts::{EnvironmentFacts, ForeignKey, Origin};
use csm_audit::plan::{CutOver, Options, Phase, Plan, Step, StepKind, Strategy, plan};
use csm_audit::schema;
use tempfile::TempDir;

use crate::facts::{self, TABLE, audit, environment, of_target, seen};
use crate::platform::said;
use crate::support::{Flavour, ServerOptions, start};

/// Answers what its rules say, and logs what it was asked: `PORT SQL`, each ended by NUL.
const MYSQL: &str = r#"#!/usr/bin/env bash
for argument in "$@"; do
    case $argument in
        --execute=*) sql=${argument#--execute=} ;;
        --port=*) port=${argument#--port=} ;;
        --host=*) host=${argument#--host=} ;;
    esac
done
printf '%s:%s %s\0' "$host" "$port" "$sql" >>"$STUB/log"
while IFS= read -r -d '' query && IFS= read -r -d '' answer; do
    if [ "$sql" = "$query" ]; then
        case $answer in
            'ERROR '*)
                printf '%s\n' "$answer" >&2
                exit 1
                ;;
        esac
        [ -z "$answer" ] || printf '%s\n' "$answer"
        exit 0
    fi
done <"$STUB/rules"
exit 0
"#;

/// Logs its arguments, each ended by NUL.
const GH_OST: &str = r#"#!/usr/bin/env bash
if [ "$1" = --check-flag ]; then
    exit 0
fi
printf '%s\0' "$@" >>"$STUB/gh-ost"
"#;

/// A folder with a plan's scripts and the stand-ins.
struct Stage {
    folder: TempDir,
    plan: Plan,
    rules: BTreeMap<String, String>,
}

impl Stage {
    fn new(plan: Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stage = Self { folder, plan, rules: BTreeMap::new() };
        stage.program("mysql", MYSQL);
        stage.program("gh-ost-stub", GH_OST);
        fs::write(stage.path("account.cnf"), "[client]\n").unwrap();
        fs::set_permissions(stage.path("account.cnf"), fs::Permissions::from_mode(0o600)).unwrap();
        for file in stage.plan.files.iter().filter(|file| file.executable) {
            stage.program(&file.path, &file.text);
        }
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Everything is as a step needs it: its preconditions pass, and the steps before are done.
    fn ready_for(&mut self, step: &Step) {
        for precondition in &step.preconditions {
            if let (Some(query), Some(expected)) = (&precondition.query, &precondition.expected) {
                self.rules.insert(query.clone(), expected.clone());
            }
        }
        for before in self.plan.steps.clone().iter().filter(|before| step.after.contains(&before.id)) {
            for probe in &before.verify {
                self.rules.insert(probe.query.clone(), probe.expected.clone());
            }
        }
    }

    fn answer(&mut self, query: &str, answer: &str) {
        self.rules.insert(query.to_owned(), answer.to_owned());
    }

    fn run(&self, step: &Step, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let rules: String = self.rules.iter().map(|(query, answer)| format!("{query}\0{answer}\0")).collect();
        fs::write(self.path("rules"), rules).unwrap();
        for log in ["log", "gh-ost.log"] {
            let _ = fs::remove_file(self.path(log));
        }
        Command::new("bash")
            .arg(self.path(step.script.as_ref().unwrap()))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("STUB", self.folder.path())
            .env("MYSQL", self.path("mysql"))
            .env("GH_OST", self.path("gh-ost-stub"))
            .env("CSM_AUDIT_CNF", self.path("account.cnf"))
            .env("CSM_AUDIT_PAUSE", "0")
            .env("CSM_AUDIT_HOST", "inspected")
            .env("CSM_AUDIT_PRIMARY_HOST", "primary")
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }

    /// The queries that were sent.
    fn sent(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("log")).unwrap_or_default();
        text.split('\0').filter_map(|line| Some(line.split_once(' ')?.1.to_owned())).collect()
    }

    fn step(&self, kind: StepKind, phase: Option<Phase>) -> Step {
        let found = self.plan.steps.iter().find(|step| step.kind == kind && step.phase == phase);
        found.unwrap_or_else(|| panic!("no step {kind:?} {phase:?}")).clone()
    }
}

fn gh_ost_arguments(stage: &Stage) -> Vec<String> {
    let text = fs::read_to_string(stage.path("gh-ost")).unwrap_or_default();
    text.split('\0').map(str::to_owned).filter(|word| !word.is_empty()).collect()
}

fn options(release: &str) -> Options {
    Options { gh_ost: Some(release.parse().unwrap()), strategy: Some(Strategy::GhOst), ..Options::default() }
}

const ODD: [&str; 3] = [
    "see @GATE@, @ID@, @COPY@ and @COPY_SCRIPT@ at @low, @high and @ids",
    "t$(touch pwned) `touch pwned` ${HOME} $((1)) !x",
    "it's\n\"quoted\"; touch pwned #\\",
];

/// An environment whose comments and names are odd, and where an unread database references the target.
fn odd(text: &str) -> EnvironmentFacts {
    let mut facts = environment();
    let database = &mut facts.databases[0];
    database.tables.found[0].columns[0].comment = text.to_owned();
    let mut child = facts::table("child", "bigint", Some(("module_id", "int")));
    child.columns[1].comment = text.to_owned();
    database.tables.found.push(child);
    let mut measures = database.measures.found[0].clone();
    measures.table = "child".to_owned();
    measures.rows_estimate = Some(10);
    measures.data_length = Some(16384);
    measures.index_length = Some(16384);
    database.measures.found.push(measures);
    let key = |from: &str, table: &str, name: &str| ForeignKey {
        database: from.to_owned(),
        table: table.to_owned(),
        key: schema::ForeignKey {
            name: name.to_owned(),
            columns: vec!["module_id".to_owned()],
            referenced_database: "edxapp".to_owned(),
            referenced_table: TABLE.to_owned(),
            referenced_columns: vec!["id".to_owned()],
            ..schema::ForeignKey::default()
        },
    };
    database.foreign_keys = seen(vec![key("edxapp", "child", &format!("fk {text}"))]);
    database.referenced_by = seen(vec![key("elsewhere", &format!("`{text}"), "foreign")]);
    facts
}

#[test]
fn names_and_comments_come_out_unchanged_and_run_nothing() {
    for text in ODD {
        let ids = [(0, TABLE, "id", Role::Key), (0, "child", "module_id", Role::Constraint)];
        let mut stage = Stage::new(plan(&audit(odd(text), &ids), &options("1.1.10")));
        assert!(stage.plan.steps.iter().any(|step| step.blocked_by.iter().any(|what| what.contains(text))));
        for step in stage.plan.steps.clone().iter().filter(|step| step.script.is_some()) {
            stage.rules.clear();
            stage.ready_for(step);
            no_copies(&mut stage);
            // Without the override it names the table and refuses.
            let refused = stage.run(step, &[], &[]);
            if !step.blocked_by.is_empty() {
                assert_eq!(refused.status.code(), Some(3), "{}: {}", step.title, said(&refused));
                assert!(said(&refused).contains(text), "{}", said(&refused));
            }
            let known =
                [("CSM_AUDIT_I_KNOW", "1"), ("CSM_AUDIT_CUT_OVER", "two-step"), ("CSM_AUDIT_GIVE_UP_ROLLBACK", "1")];
            let shown = stage.run(step, &[], &known);
            if step.language == csm_audit::plan::Language::Sql {
                assert!(shown.status.success(), "{}: {}", step.title, said(&shown));
                assert!(String::from_utf8_lossy(&shown.stdout).contains(&step.run), "{}: {}", step.run, said(&shown));
                stage.run(step, &["--execute"], &known);
                assert!(stage.sent().contains(&step.run), "{} was not sent as it is", step.run);
            }
        }
        let step = stage.step(StepKind::GhOst, Some(Phase::Copy));
        stage.ready_for(&step);
        readable(&mut stage);
        stage.run(&step, &[], &[("CSM_AUDIT_I_KNOW", "1"), ("CSM_AUDIT_CUT_OVER", "two-step")]);
        let alter = gh_ost_arguments(&stage).into_iter().find(|word| word.starts_with("--alter=")).unwrap();
        let comment = text.replace('\\', "\\\\").replace('\'', "''").replace('\n', "\\n");
        assert!(alter.contains(&format!("COMMENT '{comment}'")), "{alter}");
        let made: Vec<_> = fs::read_dir(stage.folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(!made.iter().any(|name| name == "pwned"), "a name was run: {made:?}");
    }
}

/// The account may read what gh-ost asks at the cut-over.
fn readable(stage: &mut Stage) {
    for table in [
        "performance_schema.metadata_locks",
        "performance_schema.setup_instruments",
        "performance_schema.threads",
        "information_schema.INNODB_TRX",
    ] {
        stage.answer(&format!("SELECT COUNT(*) >= 0 FROM (SELECT 1 FROM {table} LIMIT 1) AS readable"), "1");
    }
}

/// The copy's script, ready, with what gh-ost was started with.
fn started(facts: EnvironmentFacts, release: &str, cut_over: Option<CutOver>, decision: &str) -> (Output, Vec<String>) {
    let mut stage = Stage::new(plan(&of_target(facts), &Options { cut_over, ..options(release) }));
    let step = stage.step(StepKind::GhOst, Some(Phase::Copy));
    stage.ready_for(&step);
    // The instrument is on: only the release decides.
    stage.answer(
        "SELECT COUNT(*) FROM performance_schema.setup_instruments WHERE NAME = 'wait/lock/metadata/sql/mdl' AND ENABLED = \
         'YES' AND TIMED = 'YES'",
        "1",
    );
    readable(&mut stage);
    let output = stage.run(&step, &["--execute"], &[("CSM_AUDIT_CUT_OVER", decision), ("CSM_AUDIT_I_KNOW", "1")]);
    let arguments = gh_ost_arguments(&stage);
    (output, arguments)
}

#[test]
fn a_gh_ost_that_does_not_check_the_lock_never_swaps_atomically() {
    for release in ["1.0.49", "1.1.5", "1.1.7", "1.1.8-rc"] {
        let (output, arguments) = started(environment(), release, None, "");
        assert_eq!(output.status.code(), Some(4), "{release}: {}", said(&output));
        assert_eq!(arguments, Vec::<String>::new(), "{release} was started");
        let (output, arguments) = started(environment(), release, None, "two-step");
        assert!(output.status.success(), "{release}: {}", said(&output));
        assert!(arguments.contains(&"--cut-over=two-step".to_owned()), "{release}: {arguments:?}");
        assert!(!arguments.contains(&"--cut-over=atomic".to_owned()));
    }
    for release in ["1.1.8", "1.1.10", "head"] {
        let (output, arguments) = started(environment(), release, None, "");
        assert!(output.status.success(), "{release}: {}", said(&output));
        assert!(arguments.contains(&"--cut-over=atomic".to_owned()), "{release}: {arguments:?}");
    }
}

#[test]
fn gh_ost_is_told_when_it_runs_on_the_primary() {
    let on_primary = || {
        let mut facts = environment();
        facts.servers.remove(0);
        facts.databases[0].origin = Origin::Server { address: "primary:3306".to_owned() };
        facts
    };
    let flag = "--allow-on-master".to_owned();
    assert!(started(on_primary(), "1.1.10", None, "").1.contains(&flag));
    let through_replica = started(environment(), "1.1.10", None, "").1;
    assert!(!through_replica.is_empty() && !through_replica.contains(&flag));
}

#[test]
fn gtids_are_used_where_both_ends_have_them() {
    let with = |servers: &[usize]| {
        let mut facts = environment();
        for at in servers {
            facts::set(&mut facts.servers[*at], &[("gtid_mode", "ON"), ("enforce_gtid_consistency", "ON")]);
        }
        started(facts, "1.1.10", None, "").1.contains(&"--gtid".to_owned())
    };
    assert_eq!([with(&[]), with(&[0]), with(&[1]), with(&[0, 1])], [false, false, false, true]);
}

#[test]
fn a_missing_right_is_reported_as_one() {
    let mut stage = Stage::new(plan(&of_target(environment()), &options("1.1.10")));
    let step = stage.step(StepKind::GhOst, Some(Phase::Copy));
    stage.ready_for(&step);
    readable(&mut stage);
    stage.answer(
        "SELECT COUNT(*) >= 0 FROM (SELECT 1 FROM performance_schema.metadata_locks LIMIT 1) AS readable",
        "ERROR 1142 (42000) at line 1: SELECT command denied to user 'g'@'h' for table 'metadata_locks'",
    );
    let output = stage.run(&step, &["--execute"], &[("CSM_AUDIT_CUT_OVER", "two-step"), ("CSM_AUDIT_I_KNOW", "1")]);
    let text = said(&output);
    assert!(!output.status.success() && gh_ost_arguments(&stage).is_empty(), "{text}");
    assert!(text.contains("the account lacks a privilege: ERROR 1142"), "{text}");
    assert!(text.contains("GRANT SELECT ON performance_schema.metadata_locks TO ACCOUNT;"), "{text}");
}

/// Two columns of different ranges: the rollback ends with the first value that one of them cannot store.
#[test]
fn a_rollback_ends_right_after_the_smallest_old_limit() {
    let mut facts = environment();
    let table = &mut facts.databases[0].tables.found[0];
    table.columns.push(facts::column("parent_id", "smallint"));
    table.columns.push(facts::column("other_id", "int unsigned"));
    let ids = [(0, TABLE, "id", Role::Key), (0, TABLE, "parent_id", Role::Soft), (0, TABLE, "other_id", Role::Soft)];
    let plan = plan(&audit(facts, &ids), &options("1.1.10"));
    let cut_over = plan.steps.iter().find(|step| step.phase == Some(Phase::CutOver)).unwrap();
    let until = cut_over.rollback.until.as_ref().unwrap();
    assert!(until.starts_with("the first value above 32767,"), "{until}");
    let copy = plan.steps.iter().find(|step| step.phase == Some(Phase::Copy)).unwrap();
    let script = &plan.files.iter().find(|file| Some(&file.path) == copy.script.as_ref()).unwrap().text;
    for (column, limit) in [("id", "2147483647"), ("parent_id", "32767"), ("other_id", "4294967295")] {
        assert!(script.contains(&format!("WHERE `{column}` > {limit} LIMIT 1")), "{column}: {script}");
    }
}

/// A child that is narrow, in whatever order scripts are run.
#[test]
fn tables_are_not_swapped_while_a_column_that_stores_the_ids_is_narrow() {
    let mut facts = odd("x");
    facts.databases[0].referenced_by = seen(Vec::new());
    let ids = [(0, TABLE, "id", Role::Key), (0, "child", "module_id", Role::Constraint)];
    let mut stage = Stage::new(plan(&audit(facts, &ids), &options("1.1.10")));
    let child = stage.step(StepKind::WidenReference, None);
    for phase in [Phase::Copy, Phase::CutOver] {
        let step = stage.step(StepKind::GhOst, Some(phase));
        stage.rules.clear();
        stage.ready_for(&step);
        stage.answer(&child.verify[0].query, "int");
        let output = stage.run(&step, &["--execute"], &[("CSM_AUDIT_CUT_OVER", "two-step")]);
        let text = said(&output);
        assert!(!output.status.success(), "{text}");
        assert!(text.contains(&format!("FAILED  step {} is done", child.id)), "{phase:?}: {text}");
        assert!(gh_ost_arguments(&stage).is_empty());
    }
    // Nor is the key re-created, nor anything dropped.
    for kind in [StepKind::AddForeignKey, StepKind::CleanUp] {
        let step = stage.step(kind, None);
        stage.rules.clear();
        stage.ready_for(&step);
        stage.answer(&child.verify[0].query, "int");
        let output = stage.run(&step, &["--execute"], &[("CSM_AUDIT_GIVE_UP_ROLLBACK", "1")]);
        assert!(!output.status.success(), "{kind:?}: {}", said(&output));
        assert!(!stage.sent().contains(&step.run), "{kind:?}");
    }
}

#[test]
fn nothing_is_dropped_before_all_is_verified_or_while_a_rollback_is_possible() {
    let mut stage = Stage::new(plan(&of_target(environment()), &options("1.1.10")));
    let clean_up = stage.step(StepKind::CleanUp, None);
    let verify = stage.step(StepKind::Verify, None);
    let give_up = [("CSM_AUDIT_GIVE_UP_ROLLBACK", "1")];
    for probe in &verify.verify {
        stage.rules.clear();
        stage.ready_for(&clean_up);
        no_copies(&mut stage);
        stage.answer(&probe.query, "no");
        let output = stage.run(&clean_up, &["--execute"], &give_up);
        assert!(!output.status.success() && !stage.sent().contains(&clean_up.run), "{}: {}", probe.what, said(&output));
    }
    stage.rules.clear();
    stage.ready_for(&clean_up);
    no_copies(&mut stage);
    stage.answer("SELECT COUNT(*) FROM (SELECT 1 FROM `edxapp`.`courseware_studentmodule` WHERE `id` > 2147483647 LIMIT 1) AS beyond", "0");
    let output = stage.run(&clean_up, &["--execute"], &[]);
    assert!(
        said(&output).contains("A rollback is still possible") && !stage.sent().contains(&clean_up.run),
        "{}",
        said(&output)
    );
    stage.run(&clean_up, &["--execute"], &give_up);
    assert!(stage.sent().contains(&clean_up.run));
    // Once an id needs the new type there is nothing to give up.
    stage.answer("SELECT COUNT(*) FROM (SELECT 1 FROM `edxapp`.`courseware_studentmodule` WHERE `id` > 2147483647 LIMIT 1) AS beyond", "1");
    stage.run(&clean_up, &["--execute"], &[]);
    assert!(stage.sent().contains(&clean_up.run));
}

/// No copy of the table exists.
fn no_copies(stage: &mut Stage) {
    for tables in
        ["'_courseware_studentmodule_gho', '_courseware_studentmodule_new'", "'_courseware_studentmodule_ghc'"]
    {
        let query = format!(
            "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'edxapp' AND TABLE_NAME IN ({tables})"
        );
        stage.answer(&query, "0");
    }
}

#[test]
fn a_dropped_key_that_came_back_is_not_dropped_again() {
    let mut facts = odd("x");
    facts.databases[0].referenced_by = seen(Vec::new());
    let ids = [(0, TABLE, "id", Role::Key), (0, "child", "module_id", Role::Constraint)];
    let mut stage = Stage::new(plan(&audit(facts, &ids), &options("1.1.10")));
    let drop = stage.step(StepKind::DropForeignKey, None);
    // The constraint is there: at first, and again when both columns are wide.
    stage.answer(&drop.verify[0].query, "1");
    stage.run(&drop, &["--execute"], &[]);
    assert!(stage.sent().contains(&drop.run));
    for step in
        stage.plan.steps.clone().iter().filter(|step| !step.effects.is_empty() && step.kind != StepKind::DropForeignKey)
    {
        for probe in &step.verify {
            stage.answer(&probe.query, &probe.expected);
        }
    }
    let output = stage.run(&drop, &["--execute"], &[]);
    assert!(output.status.success() && said(&output).contains("Already done"), "{}", said(&output));
    assert!(!stage.sent().contains(&drop.run));
}

#[test]
fn a_table_that_has_grown_is_not_altered_in_place() {
    let mut facts = environment();
    facts.databases[0].measures.found[0].rows_estimate = Some(0);
    facts.databases[0].measures.found[0].data_length = Some(16384);
    facts.databases[0].measures.found[0].empty = Some(true);
    let mut stage = Stage::new(plan(&of_target(facts), &Options::default()));
    let alter = stage.step(StepKind::Alter, None);
    stage.ready_for(&alter);
    let bound =
        alter.preconditions.iter().find(|p| p.query.as_ref().is_some_and(|q| q.contains("LIMIT 100001"))).unwrap();
    stage.answer(bound.query.as_ref().unwrap(), "0");
    let output = stage.run(&alter, &["--execute"], &[]);
    assert!(!output.status.success() && !stage.sent().contains(&alter.run), "{}", said(&output));
    assert!(said(&output).contains("the table has grown since the plan"), "{}", said(&output));
    stage.answer(bound.query.as_ref().unwrap(), "1");
    stage.run(&alter, &["--execute"], &[]);
    assert!(stage.sent().contains(&alter.run));
}

/// Compares tables on a real server, by the script of a cut-over.
#[test]
fn rows_are_compared_with_their_nulls_whatever_columns_are_called() {
    let Some(server) = start(Flavour::MariaDb, ServerOptions::new()) else { return };
    let name = "t@low $(touch pwned)`x";
    let columns = "id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, `a@high` VARCHAR(20) NULL, `b@ids` VARCHAR(20) NULL";
    let quoted = |table: &str| format!("`d`.`{}`", table.replace('`', "``"));
    server.execute(&format!(
        "CREATE DATABASE d; CREATE TABLE {old} ({columns}); CREATE TABLE {new} ({columns});
         CREATE TABLE {log} (id BIGINT PRIMARY KEY, last_update TIMESTAMP NOT NULL, hint VARCHAR(64), value VARCHAR(4096));
         INSERT INTO {log} VALUES (1, NOW(), 'heartbeat', 'x');
         INSERT INTO {old} VALUES (1, 'x', NULL), (5, NULL, NULL), (7, '', 'y'), (900, 'z', 'z');
         INSERT INTO {new} SELECT * FROM {old};
         CREATE USER 'm'@'127.0.0.1' IDENTIFIED BY 'p'; GRANT ALL ON *.* TO 'm'@'127.0.0.1';",
        old = quoted(name),
        new = quoted(&format!("_{name}_gho")),
        log = quoted(&format!("_{name}_ghc")),
    ));
    let mut facts = environment();
    let mut table = facts::table(name, "int", None);
    table.columns.extend(["a@high", "b@ids"].map(|column| facts::column(column, "varchar(20)")));
    facts.databases[0] = facts::database("d", "replica:3306", vec![table], 5_000_000);
    let stage = Stage::new(plan(&audit(facts, &[(0, name, "id", Role::Key)]), &options("1.1.10")));
    fs::write(stage.path("account.cnf"), "[client]\nuser=m\npassword=p\n").unwrap();
    let step = stage.step(StepKind::GhOst, Some(Phase::CutOver));
    let copy = stage.step(StepKind::GhOst, Some(Phase::Copy));
    fs::create_dir_all(stage.path("run")).unwrap();
    fs::write(stage.path(&format!("run/{}.postpone", copy.id)), "").unwrap();
    let log = quoted(&format!("_{name}_ghc"));
    let compare = || {
        let port = server.port().to_string();
        let host = ["CSM_AUDIT_HOST", "CSM_AUDIT_PRIMARY_HOST"].map(|name| (name, "127.0.0.1"));
        let ports = ["CSM_AUDIT_PORT", "CSM_AUDIT_PRIMARY_PORT"].map(|name| (name, port.as_str()));
        let more = [
            ("CSM_AUDIT_COMPARE_CHUNK", "2"),
            ("CSM_AUDIT_COMPARE_TRIES", "2"),
            ("MYSQL", "mysql"),
            ("CSM_AUDIT_I_KNOW", "1"),
        ];
        let _ = fs::remove_file(stage.path(&format!("run/{}.compared", copy.id)));
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            // gh-ost is there.
            scope.spawn(|| {
                for number in 0.. {
                    server.execute(&format!("UPDATE {log} SET last_update = NOW(), value = '{number}'"));
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(200));
                }
            });
            let output = stage.run(&step, &["--compare"], &[&host[..], &ports[..], &more[..]].concat());
            stop.store(true, Ordering::SeqCst);
            output
        })
    };
    let output = compare();
    assert!(output.status.success() && said(&output).contains("agree, in 3 chunks"), "{}", said(&output));
    let new = quoted(&format!("_{name}_gho"));
    let changes = [
        format!("UPDATE {new} SET `a@high` = NULL, `b@ids` = 'x' WHERE id = 1"),
        format!("UPDATE {new} SET `a@high` = NULL WHERE id = 7"),
        format!("DELETE FROM {new} WHERE id = 5"),
        format!("INSERT INTO {new} VALUES (6, NULL, NULL)"),
        format!("INSERT INTO {new} VALUES (1000, NULL, NULL)"),
    ];
    for change in changes {
        server.execute(&format!("DELETE FROM {new}; INSERT INTO {new} SELECT * FROM {}; {change}", quoted(name)));
        let output = compare();
        assert!(
            !output.status.success() && said(&output).contains("These rows still differ"),
            "{change}: {}",
            said(&output)
        );
    }
    assert!(!stage.path("pwned").exists());
    assert!(Path::new(&stage.path("mysql")).exists());
}

/// The fences of the runbook, with their languages.
fn fences(runbook: &str) -> Vec<(String, String)> {
    use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for event in Parser::new(runbook) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                open = Some((language.to_string(), String::new()))
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => panic!("a block without a language"),
            Event::Text(text) => {
                if let Some((_, body)) = &mut open {
                    body.push_str(&text);
                }
            }
            Event::End(TagEnd::CodeBlock) => found.extend(open.take()),
            _ => {}
        }
    }
    found
}

/// Every fence as it stands: `sh` by bash, in the plan's folder, `sql` by a server.
#[test]
fn every_fence_of_the_runbook_is_a_command() {
    let server = start(Flavour::MariaDb, ServerOptions::new());
    for strategy in [Strategy::GhOst, Strategy::PtOnlineSchemaChange, Strategy::Alter] {
        let mut facts = odd("it's `x`");
        facts.databases[0].referenced_by = seen(Vec::new());
        let ids = [(0, TABLE, "id", Role::Key), (0, "child", "module_id", Role::Constraint)];
        let options = Options { strategy: Some(strategy), ..options("1.1.10") };
        let stage = Stage::new(plan(&audit(facts, &ids), &options));
        for file in stage.plan.files.iter().filter(|file| !file.executable) {
            fs::create_dir_all(stage.path(&file.path).parent().unwrap()).unwrap();
            fs::write(stage.path(&file.path), &file.text).unwrap();
        }
        fs::create_dir_all(stage.path("run")).unwrap();
        fs::write(stage.path("rules"), "").unwrap();
        let runbook = &stage.plan.files.iter().find(|file| file.path == "runbook.md").unwrap().text;
        let all = fences(runbook);
        assert!(all.len() > 20, "{}", all.len());
        let mut stops = 0;
        for (language, text) in &all {
            match language.as_str() {
                "sh" => {
                    let output = Command::new("bash")
                        .args(["-euc", text])
                        .current_dir(stage.folder.path())
                        .env("STUB", stage.folder.path())
                        .env("MYSQL", stage.path("mysql"))
                        .env("GH_OST", stage.path("gh-ost-stub"))
                        .env("PT_OSC", stage.path("gh-ost-stub"))
                        .env("CSM_AUDIT_CUT_OVER", "two-step")
                        .output()
                        .unwrap();
                    // Most scripts refuse, because the stand-in's answers are empty; nothing is missing or misspelled.
                    let code = output.status.code().unwrap();
                    assert!(![2, 126, 127].contains(&code), "{text}: {}", said(&output));
                    assert!(code == 0 || text.contains("./"), "{text}: {}", said(&output));
                    if let Some(file) = text.trim_end().strip_prefix("touch ").filter(|file| file.ends_with(".panic")) {
                        assert!(stage.path(file).is_file(), "{text}");
                        stops += 1;
                    }
                }
                "sql" => {
                    let Some(server) = &server else { continue };
                    // On an empty server what is not there is missed; what is no SQL is error 1064.
                    if let Err(error) = server.try_execute(text) {
                        assert!(!error.contains("1064"), "{text}: {error}");
                    }
                }
                other => panic!("a fence in {other:?}: {text}"),
            }
        }
        assert_eq!(stops, usize::from(strategy == Strategy::GhOst), "the emergency stop of the copy");
    }
}

#[test]
fn keys_that_cannot_be_widened_are_refused_with_the_reason() {
    let refused = |make: &dyn Fn(&mut EnvironmentFacts)| {
        let mut facts = environment();
        make(&mut facts);
        let plan = plan(&of_target(facts), &options("1.1.10"));
        assert!(!plan.complete && plan.steps.is_empty(), "{:?}", plan.steps);
        plan.assumptions.into_iter().map(|assumption| assumption.what).collect::<Vec<_>>().join("; ")
    };
    let uuid = refused(&|facts| facts.databases[0].tables.found[0].columns[0].column_type = "char(32)".to_owned());
    assert!(uuid.contains("is char(32): only integer keys"), "{uuid}");
    let composite = refused(&|facts| {
        let table = &mut facts.databases[0].tables.found[0];
        let part = table.indexes[0].parts[0].clone();
        table.indexes[0].parts.push(part);
    });
    assert!(composite.contains("has 2 columns"), "{composite}");
    let child = refused(&|facts| {
        let key = schema::ForeignKey {
            name: "ptr".to_owned(),
            columns: vec!["id".to_owned()],
            referenced_database: "edxapp".to_owned(),
            referenced_table: "parent".to_owned(),
            referenced_columns: vec!["id".to_owned()],
            ..schema::ForeignKey::default()
        };
        let table = TABLE.to_owned();
        facts.databases[0].foreign_keys = seen(vec![ForeignKey { database: "edxapp".to_owned(), table, key }]);
    });
    assert!(child.contains("references edxapp.parent") && child.contains("--target"), "{child}");
}
