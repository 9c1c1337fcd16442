//! What the tools refuse is foretold from the facts, with the fix; what they take is not refused.

use csm_audit::live::facts::{EnvironmentFacts, Flavour, ReplicationSource, Trigger};
use csm_audit::plan::{Kind, Options, Outcome, Plan, Precondition, Way};

use crate::facts::{self, TABLE, environment, of_target, seen, set};

fn options(release: &str, way: Way) -> Options {
    Options { gh_ost: Some(release.parse().unwrap()), strategy: Some(way), ..Options::default() }
}

/// The preconditions of the step that copies.
fn preconditions(facts: EnvironmentFacts, options: &Options) -> Vec<Precondition> {
    let plan = Plan::new(&of_target(facts), options);
    let copies = |kind: Kind| matches!(kind, Kind::GhOst | Kind::PtOnlineSchemaChange);
    plan.steps.into_iter().find(|step| copies(step.kind)).unwrap().preconditions
}

fn failed(items: &[Precondition]) -> Vec<&str> {
    items.iter().filter(|item| item.outcome == Outcome::Failed).map(|item| item.what.as_str()).collect()
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
        let items = preconditions(facts, &options("1.1.10", Way::GhOst));
        assert_eq!(failed(&items), Vec::<&str>::new(), "{name}: {items:#?}");
    }
}

fn trigger() -> Trigger {
    Trigger { table: TABLE.to_owned(), name: "t".to_owned(), timing: "AFTER".to_owned(), ..Trigger::default() }
}

#[test]
fn each_refusal_of_gh_ost_is_foretold_with_its_fix() {
    type Make = fn(&mut EnvironmentFacts);
    let refused: [(&str, Make, &str, &str); 23] = [
        (
            "1.1.10",
            |f| set(&mut f.servers[0], &[("binlog_format", "STATEMENT")]),
            "holds rows",
            "binlog_format = 'ROW'",
        ),
        ("1.1.10", |f| set(&mut f.servers[0], &[("binlog_format", "MIXED")]), "holds rows", "binlog_format = 'ROW'"),
        ("1.1.10", |f| set(&mut f.servers[0], &[("binlog_row_image", "MINIMAL")]), "whole rows", "FULL"),
        ("1.1.10", |f| set(&mut f.servers[0], &[("log_bin", "OFF")]), "a binary log", "log_bin"),
        (
            "1.1.10",
            |f| set(&mut f.servers[0], &[("log_replica_updates", "OFF")]),
            "replicates",
            "log_replica_updates = ON",
        ),
        ("1.1.10", |f| sources(f)[0].applier = "No".to_owned(), "replication runs", "another one"),
        ("1.1.10", |f| sources(f)[0].receiver = "Connecting".to_owned(), "replication runs", "repair"),
        (
            "1.1.10",
            |f| {
                let other = ReplicationSource { host: "third".to_owned(), ..sources(f)[0].clone() };
                sources(f).push(other);
            },
            "follows one server",
            "one source",
        ),
        ("1.1.10", |f| f.servers[1].read_only = true, "takes writes", "PRIMARY_HOST"),
        ("1.1.10", |f| left(f, "_courseware_studentmodule_gho"), "left of an earlier run", "drop them by hand"),
        ("1.1.10", |f| left(f, "_courseware_studentmodule_del"), "left of an earlier run", "drop them by hand"),
        ("1.1.10", |f| left(f, "_courseware_studentmodule_ghk"), "left of an earlier run", "drop them by hand"),
        ("1.1.7", |f| f.servers[0].version = (8, 4, 0), "can talk", "head"),
        ("1.1.7", |f| f.databases[0].triggers.found.push(trigger()), "triggers", "1.1.8"),
        (
            "1.1.10",
            |f| f.databases[0].measures.found[0].ranges[0].lowest = Some(-5),
            "no negative value",
            "one row with 0",
        ),
        ("1.1.10", |f| f.databases[0].tables.found[0].indexes.clear(), "unique key", "add one"),
        ("1.1.5", |_| {}, "loses no write", "two-step"),
        (
            "1.1.10",
            |f| f.servers[1].metadata_lock_instrument = Some(seen(Some(false))),
            "loses no write",
            "setup_instruments",
        ),
        ("1.1.10", |f| set(&mut f.servers[1], &[("performance_schema", "OFF")]), "loses no write", "writers-stopped"),
        ("1.1.7", |f| set(&mut f.servers[0], &[("port", "3307")]), "port", "own address"),
        ("1.1.10", |f| f.servers[0].flavour = Flavour::MariaDb, "can talk", "head"),
        ("1.1.10", |f| f.servers[0].version = (5, 6, 24), "can talk", "head"),
        (
            "1.1.10",
            |f| f.servers[0].grants = vec!["ALTER ON *.*".to_owned(), "UPDATE ON `edxapp`.*".to_owned()],
            "has its rights",
            "REPLICATION SLAVE ON *.*",
        ),
    ];
    for (at, (release, make, what, fix)) in refused.into_iter().enumerate() {
        let mut facts = environment();
        make(&mut facts);
        let items = preconditions(facts, &options(release, Way::GhOst));
        let found = items.iter().find(|item| item.what.contains(what)).unwrap_or_else(|| panic!("{at}: no {what}"));
        assert_eq!(found.outcome, Outcome::Failed, "{at} {what}: {found:#?}");
        assert!(found.fix.as_deref().unwrap().contains(fix), "{at} {what}: {found:#?}");
    }
}

fn sources(facts: &mut EnvironmentFacts) -> &mut Vec<ReplicationSource> {
    &mut facts.servers[0].sources.as_mut().unwrap().found
}

fn left(facts: &mut EnvironmentFacts, name: &str) {
    facts.databases[0].tables.found.push(facts::table(name, "bigint", None));
}

#[test]
fn clauses_and_names_that_gh_ost_does_not_take_are_told() {
    let also = vec![(TABLE.to_owned(), "RENAME COLUMN a TO b".to_owned())];
    let items = preconditions(environment(), &Options { also, ..options("1.1.10", Way::GhOst) });
    assert_eq!(failed(&items), ["gh-ost takes the clause"]);
    let mut facts = environment();
    facts.databases[0].name = "it's".to_owned();
    assert_eq!(failed(&preconditions(facts, &options("1.1.10", Way::GhOst))), ["gh-ost can write the name"]);
}

#[test]
fn refusals_of_pt_online_schema_change_are_foretold() {
    let pt = options("1.1.10", Way::PtOnlineSchemaChange);
    assert_eq!(failed(&preconditions(environment(), &pt)), Vec::<&str>::new());
    let mut facts = environment();
    facts.databases[0].triggers.found.push(trigger());
    assert_eq!(failed(&preconditions(facts, &pt)), ["the table has no trigger"]);
    let mut facts = environment();
    left(&mut facts, "_courseware_studentmodule_new");
    assert_eq!(failed(&preconditions(facts, &pt)), ["nothing is left of an earlier run"]);
    let mut facts = environment();
    set(&mut facts.servers[1], &[("log_bin_trust_function_creators", "OFF")]);
    assert_eq!(failed(&preconditions(facts, &pt)), ["triggers may be made with a binary log (error 1419)"]);
}

#[test]
fn a_plan_is_complete_only_when_nothing_is_open() {
    let complete = |facts| Plan::new(&of_target(facts), &options("1.1.10", Way::GhOst));
    let plan = complete(environment());
    assert!(plan.complete, "{:#?}", plan.open);
    let mut facts = environment();
    facts.databases[0].referenced_by = csm_audit::live::proof::Observed::unproven("a right is missing");
    let plan = complete(facts);
    assert!(!plan.complete && plan.open[0].what.contains("a right is missing"), "{:#?}", plan.open);
    let script = plan.files.iter().find(|file| file.path.contains("gh-ost")).unwrap();
    assert!(script.text.contains("CSM_AUDIT_I_KNOW"), "it has to be overridden");
}

#[test]
fn what_loses_writes_is_never_emitted() {
    for release in ["1.0.49", "1.1.5", "1.1.7", "1.1.8-rc", "1.1.8", "1.1.10", "head"] {
        for cut_over in [None, Some(csm_audit::plan::CutOver::TwoStep), Some(csm_audit::plan::CutOver::WritersStopped)]
        {
            let plan = Plan::new(&of_target(environment()), &Options { cut_over, ..options(release, Way::GhOst) });
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
            // The check is only left out where no lock is needed.
            for (at, _) in script.text.match_indices("--skip-metadata-lock-check") {
                let line = script.text[..at].rfind('\n').unwrap();
                let before = script.text[..line].trim_end().lines().last().unwrap().trim();
                let line = script.text[line..].lines().nth(1).unwrap();
                assert!(
                    before == "arguments+=(--cut-over=two-step)" || line.contains("--check-flag"),
                    "{before}\n{line}"
                );
            }
        }
    }
}
