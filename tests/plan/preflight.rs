//! What the tools refuse is foretold from the facts, with the fix; what they take is not refused.

use csm_audit::live::facts::{EnvironmentFacts, Flavour, ReplicationSource, Trigger};
use csm_audit::plan::{Options, Outcome, Precondition, PreconditionId, StepKind, Strategy, plan};

use crate::facts::{self, TABLE, environment, of_target, seen, set};

fn options(release: &str, way: Strategy) -> Options {
    Options { gh_ost: Some(release.parse().unwrap()), strategy: Some(way), ..Options::default() }
}

/// The preconditions of the step that copies.
fn preconditions(facts: EnvironmentFacts, options: &Options) -> Vec<Precondition> {
    let plan = plan(&of_target(facts), options);
    let copies = |kind: StepKind| matches!(kind, StepKind::GhOst | StepKind::PtOnlineSchemaChange);
    plan.steps.into_iter().find(|step| copies(step.kind)).unwrap().preconditions
}

fn failed(items: &[Precondition]) -> Vec<PreconditionId> {
    items.iter().filter(|item| item.outcome == Outcome::Failed).map(|item| item.id).collect()
}

#[test]
fn nothing_is_refused_where_gh_ost_runs() {
    type Make = fn(&mut EnvironmentFacts);
    let fine: [(&str, Make); 10] = [
        ("through a replica", |_| {}),
        ("the primary writes statements", |facts| set(&mut facts.servers[1], &[("binlog_format", "STATEMENT")])),
        ("the primary logs half rows", |facts| set(&mut facts.servers[1], &[("binlog_row_image", "MINIMAL")])),
        ("a replica that takes writes", |facts| facts.servers[0].read_only = false),
        ("on the primary", |facts| {
            facts.servers.remove(0);
            facts.databases[0].origin = csm_audit::live::facts::Origin::Server { address: "primary:3306".to_owned() };
        }),
        ("on the primary without log_slave_updates", |facts| {
            facts.servers.remove(0);
            set(&mut facts.servers[0], &[("log_replica_updates", "OFF"), ("log_slave_updates", "OFF")]);
            facts.databases[0].origin = csm_audit::live::facts::Origin::Server { address: "primary:3306".to_owned() };
        }),
        ("triggers move along", |facts| facts.databases[0].triggers.found.push(trigger())),
        ("a trigger of another table", |facts| {
            facts.databases[0].triggers.found.push(Trigger { table: "other".to_owned(), ..trigger() });
        }),
        ("a leftover of another table", |facts| {
            facts.databases[0].tables.found.push(facts::table("_other_gho", "bigint", None));
        }),
        ("behind a proxy", |facts| set(&mut facts.servers[0], &[("port", "3307")])),
    ];
    for (name, make) in fine {
        let mut facts = environment();
        make(&mut facts);
        let items = preconditions(facts, &options("1.1.10", Strategy::GhOst));
        assert_eq!(failed(&items), [], "{name}: {items:#?}");
    }
}

fn trigger() -> Trigger {
    Trigger { table: TABLE.to_owned(), name: "t".to_owned(), timing: "AFTER".to_owned(), ..Trigger::default() }
}

#[test]
fn each_refusal_of_gh_ost_is_foretold_with_its_fix() {
    type Make = fn(&mut EnvironmentFacts);
    let refused: [(&str, Make, PreconditionId, &str); 25] = [
        (
            "1.1.10",
            |f| set(&mut f.servers[0], &[("binlog_expire_logs_seconds", "600")]),
            PreconditionId::BinlogRetention,
            "SET GLOBAL binlog_expire_logs_seconds",
        ),
        (
            "1.1.10",
            |f| {
                f.servers[0].variables.remove("binlog_expire_logs_seconds");
                set(&mut f.servers[0], &[("expire_logs_days", "7")]);
                f.databases[0].measures.found[0].rows_estimate = Some(10_000_000_000);
            },
            PreconditionId::BinlogRetention,
            "SET GLOBAL expire_logs_days",
        ),
        (
            "1.1.10",
            |f| set(&mut f.servers[0], &[("binlog_format", "STATEMENT")]),
            PreconditionId::RowFormat,
            "binlog_format = 'ROW'",
        ),
        (
            "1.1.10",
            |f| set(&mut f.servers[0], &[("binlog_format", "MIXED")]),
            PreconditionId::RowFormat,
            "binlog_format = 'ROW'",
        ),
        (
            "1.1.10",
            |f| set(&mut f.servers[0], &[("binlog_row_image", "MINIMAL")]),
            PreconditionId::FullRowImage,
            "FULL",
        ),
        ("1.1.10", |f| set(&mut f.servers[0], &[("log_bin", "OFF")]), PreconditionId::BinaryLog, "log_bin"),
        (
            "1.1.10",
            |f| set(&mut f.servers[0], &[("log_replica_updates", "OFF")]),
            PreconditionId::ReplicaLogsUpdates,
            "log_replica_updates = ON",
        ),
        ("1.1.10", |f| sources(f)[0].applier = "No".to_owned(), PreconditionId::ReplicationRuns, "another one"),
        ("1.1.10", |f| sources(f)[0].receiver = "Connecting".to_owned(), PreconditionId::ReplicationRuns, "repair"),
        (
            "1.1.10",
            |f| {
                let other = ReplicationSource { host: "third".to_owned(), ..sources(f)[0].clone() };
                sources(f).push(other);
            },
            PreconditionId::SingleSource,
            "one source",
        ),
        ("1.1.10", |f| f.servers[1].read_only = true, PreconditionId::PrimaryWritable, "PRIMARY_HOST"),
        ("1.1.10", |f| left(f, "_courseware_studentmodule_gho"), PreconditionId::NoLeftovers, "--discard"),
        ("1.1.10", |f| left(f, "_courseware_studentmodule_del"), PreconditionId::NoLeftovers, "--discard"),
        ("1.1.10", |f| left(f, "_courseware_studentmodule_ghk"), PreconditionId::NoLeftovers, "--discard"),
        ("1.1.7", |f| f.servers[0].version = (8, 4, 0), PreconditionId::ServerSupported, "head"),
        ("1.1.7", |f| f.databases[0].triggers.found.push(trigger()), PreconditionId::TriggersMovable, "1.1.8"),
        (
            "1.1.10",
            |f| f.databases[0].measures.found[0].ranges[0].lowest = Some(-5),
            PreconditionId::NoNegativeValue,
            "all become 0",
        ),
        ("1.1.10", |f| f.databases[0].tables.found[0].indexes.clear(), PreconditionId::UniqueKey, "add a unique key"),
        ("1.1.5", |_| {}, PreconditionId::SafeCutOver, "two-step"),
        (
            "1.1.10",
            |f| f.servers[1].metadata_lock_instrument = Some(seen(Some(false))),
            PreconditionId::SafeCutOver,
            "setup_instruments",
        ),
        (
            "1.1.10",
            |f| set(&mut f.servers[1], &[("performance_schema", "OFF")]),
            PreconditionId::SafeCutOver,
            "writers-stopped",
        ),
        ("1.1.7", |f| set(&mut f.servers[0], &[("port", "3307")]), PreconditionId::PortAccepted, "own address"),
        ("1.1.10", |f| f.servers[0].flavour = Flavour::MariaDb, PreconditionId::ServerSupported, "head"),
        ("1.1.10", |f| f.servers[0].version = (5, 6, 24), PreconditionId::ServerSupported, "head"),
        (
            "1.1.10",
            |f| f.servers[0].grants = vec!["ALTER ON *.*".to_owned(), "UPDATE ON `edxapp`.*".to_owned()],
            PreconditionId::Rights,
            "REPLICATION SLAVE ON *.* TO",
        ),
    ];
    for (at, (release, make, what, fix)) in refused.into_iter().enumerate() {
        let mut facts = environment();
        make(&mut facts);
        let items = preconditions(facts, &options(release, Strategy::GhOst));
        let found = items.iter().find(|item| item.id == what).unwrap_or_else(|| panic!("{at}: no {what:?}"));
        assert_eq!(found.outcome, Outcome::Failed, "{at} {what:?}: {found:#?}");
        assert!(found.fix.as_deref().unwrap().contains(fix), "{at} {what:?}: {found:#?}");
    }
}

fn sources(facts: &mut EnvironmentFacts) -> &mut Vec<ReplicationSource> {
    &mut facts.servers[0].sources.as_mut().unwrap().found
}

fn left(facts: &mut EnvironmentFacts, name: &str) {
    facts.databases[0].tables.found.push(facts::table(name, "bigint", None));
}

/// People search for these sentences, and runbooks quote them: whoever changes one does so knowingly. Code decides by ids.
#[test]
fn preconditions_read_as_they_were_published() {
    let items = preconditions(environment(), &options("1.1.10", Strategy::GhOst));
    let published: Vec<(PreconditionId, &str)> = items.iter().map(|item| (item.id, item.what.as_str())).collect();
    let expected = [
        (PreconditionId::ServerSupported, "gh-ost supports the server"),
        (PreconditionId::BinaryLog, "the binary log is on"),
        (PreconditionId::RowFormat, "the binary log contains rows (binlog_format = ROW)"),
        (PreconditionId::FullRowImage, "the binary log contains whole rows (binlog_row_image = FULL)"),
        (PreconditionId::ReplicaLogsUpdates, "the replica logs the changes that it replicates"),
        (PreconditionId::BinlogRetention, "binary logs are kept for 1 h, longer than the copy takes"),
        (PreconditionId::ReplicationRuns, "replication runs"),
        (PreconditionId::PrimaryWritable, "the primary is writable"),
        (PreconditionId::ColumnUnchanged, "edxapp.courseware_studentmodule.id is still int"),
        (PreconditionId::NoNegativeValue, "no negative value in edxapp.courseware_studentmodule.id"),
        (PreconditionId::NoForeignKeyOut, "edxapp.courseware_studentmodule has no foreign key"),
        (PreconditionId::NoForeignKeyIn, "no foreign key references edxapp.courseware_studentmodule"),
        (PreconditionId::TriggersMovable, "no triggers, or gh-ost includes them"),
        (PreconditionId::NoLeftovers, "no leftover table of an earlier run"),
        (PreconditionId::UniqueKey, "the table has a unique key without NULL"),
        (PreconditionId::SafeCutOver, "the cut-over loses no writes"),
        (PreconditionId::Rights, "the account has the privileges for gh-ost"),
    ];
    assert_eq!(published, expected);
}

#[test]
fn clauses_and_names_that_gh_ost_does_not_take_are_told() {
    let also = vec![(TABLE.to_owned(), "RENAME COLUMN a TO b".to_owned())];
    let items = preconditions(environment(), &Options { also, ..options("1.1.10", Strategy::GhOst) });
    assert_eq!(failed(&items), [PreconditionId::ClauseSupported]);
    let mut facts = environment();
    facts.databases[0].name = "it's".to_owned();
    assert_eq!(failed(&preconditions(facts, &options("1.1.10", Strategy::GhOst))), [PreconditionId::NameSupported]);
}

#[test]
fn refusals_of_pt_online_schema_change_are_foretold() {
    let pt = options("1.1.10", Strategy::PtOnlineSchemaChange);
    assert_eq!(failed(&preconditions(environment(), &pt)), []);
    let mut facts = environment();
    facts.databases[0].triggers.found.push(trigger());
    assert_eq!(failed(&preconditions(facts, &pt)), [PreconditionId::NoTrigger]);
    let mut facts = environment();
    left(&mut facts, "_courseware_studentmodule_new");
    assert_eq!(failed(&preconditions(facts, &pt)), [PreconditionId::NoLeftovers]);
    let mut facts = environment();
    set(&mut facts.servers[1], &[("log_bin_trust_function_creators", "OFF")]);
    assert_eq!(failed(&preconditions(facts, &pt)), [PreconditionId::TriggerCreation]);
}

#[test]
fn a_plan_is_complete_only_when_nothing_is_open() {
    let complete = |facts| plan(&of_target(facts), &options("1.1.10", Strategy::GhOst));
    let plan = complete(environment());
    assert!(plan.complete, "{:#?}", plan.assumptions);
    let mut facts = environment();
    facts.databases[0].referenced_by = csm_audit::live::proof::Observed::unproven("a right is missing");
    let plan = complete(facts);
    assert!(!plan.complete && plan.assumptions[0].what.contains("a right is missing"), "{:#?}", plan.assumptions);
    let script = plan.files.iter().find(|file| file.path.contains("gh-ost")).unwrap();
    assert!(script.text.contains("CSM_AUDIT_I_KNOW"), "it has to be overridden");
}

#[test]
fn what_loses_writes_is_never_emitted() {
    for release in ["1.0.49", "1.1.5", "1.1.7", "1.1.8-rc", "1.1.8", "1.1.10", "head"] {
        for cut_over in [None, Some(csm_audit::plan::CutOver::TwoStep), Some(csm_audit::plan::CutOver::WritersStopped)]
        {
            let plan = plan(&of_target(environment()), &Options { cut_over, ..options(release, Strategy::GhOst) });
            for file in &plan.files {
                for never in [
                    "--skip-foreign-key-checks",
                    "--discard-foreign-keys",
                    "--ok-to-drop-table",
                    "--hooks-path",
                    "--password",
                ] {
                    assert!(!file.text.contains(never), "{release}: {} has {never}", file.path);
                }
            }
            let script = plan.files.iter().find(|file| file.path.contains("-gh-ost-")).unwrap();
            assert_eq!(
                script.text.contains("--panic-on-warnings"),
                release.parse::<csm_audit::plan::gh_ost_flags::Release>().unwrap().knows("panic-on-warnings"),
                "{release}"
            );
            // The check is only left out where no lock is needed: in a function that only the two-step cut-over calls.
            for line in script.text.lines().filter(|line| line.contains("--skip-metadata-lock-check")) {
                let line = line.trim();
                assert!(line.contains("--check-flag") || line.starts_with("sees_locks 2>/dev/null ||"), "{line}");
            }
            let lines: Vec<&str> = script.text.lines().map(str::trim).collect();
            for at in (0..lines.len()).filter(|at| lines[*at] == "without_locks") {
                assert_eq!(lines[at - 1], "arguments+=(--cut-over=two-step)");
            }
        }
    }
}
