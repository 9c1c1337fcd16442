//! The ways to change a table, compared on what was read of it.

use super::estimate::{self, Range};
use super::gh_ost;
use super::preflight;
use super::pt_osc;
use super::scene::{Change, Scene};
use super::topology::{Platform, Topology};
use super::{Outcome, Precondition, Strategy, Verdict, Way};

/// What stands against a way for good: nothing that could be switched on is among it.
fn is_final(item: &Precondition) -> bool {
    [
        "gh-ost can write",
        "the tool can write",
        "gh-ost takes the clause",
        "rows have a unique key",
        "triggers are none",
        "the table has no trigger",
    ]
    .iter()
    .any(|what| item.what.starts_with(what))
}

/// The verdict on preconditions, with the reason.
fn judge(items: &[Precondition]) -> (Verdict, String) {
    let of = |outcome: Outcome| {
        items
            .iter()
            .filter(|item| item.outcome == outcome && (outcome == Outcome::Failed || !item.is_proven_at_run()))
            .map(|item| format!("{} ({})", item.what, item.seen))
            .collect::<Vec<_>>()
            .join("; ")
    };
    let (failed, unproven) = (of(Outcome::Failed), of(Outcome::Unproven));
    if !failed.is_empty() {
        (Verdict::Refused, format!("does not hold now: {failed}"))
    } else if !unproven.is_empty() {
        (Verdict::Unproven, format!("not proven yet: {unproven}"))
    } else {
        (
            Verdict::Possible,
            String::from("all that it demands holds, as far as a snapshot tells; its script proves the rest"),
        )
    }
}

/// The ways for a table, the one that is taken first, and that one.
pub(super) fn compare(scene: &Scene<'_>, change: &Change<'_>, topology: Option<&Topology<'_>>) -> (Way, Vec<Strategy>) {
    let small = estimate::is_small(change.measures());
    let ghost_items = preflight::gh_ost(scene, change, topology, gh_ost::release(scene, topology));
    let mut pt_items = preflight::pt_osc(scene, change, topology);
    pt_items.extend([&change.database.name, &change.table.name].into_iter().filter(|odd| !pt_osc::is_name(odd)).map(
        |odd| Precondition {
            what: String::from("the tool can write the name"),
            host: super::Host::Inspected,
            query: None,
            expected: None,
            outcome: Outcome::Failed,
            seen: format!("{odd:?}"),
            fix: None,
            by_tool: false,
        },
    ));
    let never = |items: &[Precondition]| items.iter().any(|item| item.outcome == Outcome::Failed && is_final(item));
    let (way, why) = match scene.options.strategy {
        Some(way) if change.is_target || (!small && way != Way::Alter) => (way, String::from("it was asked for")),
        _ if small => (
            Way::Alter,
            String::from(
                "the table is copied in a moment, and a retry with a short lock wait disturbs nobody for long",
            ),
        ),
        _ if !never(&ghost_items) => (
            Way::GhOst,
            String::from(
                "no triggers on a busy table, it can be paused, the cut-over waits for a word, and the rows are compared before",
            ),
        ),
        _ if !never(&pt_items) => (Way::PtOnlineSchemaChange, String::from("gh-ost cannot take this table")),
        _ => (Way::Alter, String::from("neither tool can take this table: it needs a window without writers")),
    };
    let ghost = judge(&ghost_items);
    let pt = judge(&pt_items);
    let copy = estimate::copy(change.measures(), topology.map(|topology| topology.server));
    let alter = estimate::alter(change.measures());
    let disk = estimate::disk(change.measures(), change.indexes());
    let log = estimate::binary_log(change.measures());
    let twice =
        |range: &Option<Range>| range.clone().map(|range| Range { most: range.most.saturating_mul(2), ..range });
    let strings = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let keys = scene.out_of(&change.database.name, &change.table.name).count()
        + scene.into(&change.database.name, &change.table.name).count();
    let make =
        |way: Way, judged: (Verdict, String), downtime: &str, duration, disk, log, risks: &[&str], needs: &[&str]| {
            Strategy {
                environment: scene.name().to_owned(),
                database: change.database.name.clone(),
                table: change.table.name.clone(),
                way,
                verdict: judged.0,
                why: judged.1,
                downtime: downtime.to_owned(),
                duration,
                disk,
                binary_log: log,
                risks: strings(risks),
                needs: strings(needs),
            }
        };
    let waits = alter.as_ref().map_or_else(
        || String::from("writers wait for the whole copy, whose length is not known"),
        |range| format!("writers wait for the whole copy, {} to {} s", range.least, range.most),
    );
    let alter_verdict = if small {
        (
            Verdict::Possible,
            String::from(
                "writers wait a moment; INSTANT, INPLACE and LOCK=NONE are refused for a wider type by every server (1846)",
            ),
        )
    } else {
        (
            Verdict::Refused,
            String::from(
                "writers would wait for the whole copy: INSTANT, INPLACE and LOCK=NONE are refused for a wider type by every server (1846)",
            ),
        )
    };
    let django_verdict = if small && keys == 0 {
        (
            Verdict::Possible,
            String::from("AlterField sends the same ALTER TABLE, without a limit on the wait for the lock"),
        )
    } else {
        (
            Verdict::Refused,
            format!(
                "AlterField sends a plain ALTER TABLE for the table and for every column that the models tie to it, on one \
                 connection, without asking the router, and knows none of the {keys} foreign keys by their live names"
            ),
        )
    };
    let shared = topology.is_some_and(|topology| topology.platform == Platform::Aurora);
    let mut all = vec![
        make(
            Way::GhOst,
            ghost,
            "a moment at the cut-over, which is retried when the table is busy",
            copy.clone(),
            disk.clone(),
            log.clone(),
            &[
                "a writer faster than the binary log is applied (about 5,500 events a second) is never caught up with",
                "long transactions and backups hold the cut-over up",
                "readers of the binary log see _gho, _ghc and _del",
                "the way back expires with the first value that the old type cannot hold",
            ],
            &[
                "gh-ost",
                "binlog_format=ROW, binlog_row_image=FULL",
                "no foreign keys while it runs",
                "the metadata lock instrument at the primary, or a decision",
            ],
        ),
        make(
            Way::PtOnlineSchemaChange,
            pt,
            "a moment at the swap; every write costs more while it runs, by its triggers",
            copy,
            disk.clone(),
            twice(&log),
            &[
                "triggers add locks to every write",
                "no way to pause the writes of the triggers",
                "no way back after the swap without losing writes",
            ],
            &[
                "percona-toolkit",
                "no triggers and no foreign keys on the table",
                "log_bin_trust_function_creators or SUPER",
            ],
        ),
        make(
            Way::Alter,
            alter_verdict,
            &waits,
            alter.clone(),
            disk.clone(),
            log.clone(),
            &["replicas are behind by as long"],
            &[],
        ),
        make(
            Way::DjangoMigration,
            django_verdict,
            &waits,
            alter,
            disk.clone(),
            log.clone(),
            &["it cannot be undone half-way: DDL commits"],
            &[],
        ),
        make(
            Way::NewCluster,
            (
                Verdict::Possible,
                String::from(if shared {
                    "a second cluster from a snapshot, altered there, that replicates from the first until the swap; its binary logs have to be on"
                } else {
                    "a replica from a backup, altered there, that replicates from the primary until the swap"
                }),
            ),
            "the swap of the clusters: connections are turned over, writes stop meanwhile",
            None,
            twice(&disk),
            None,
            &[
                "replication from int to bigint needs replica_type_conversions=ALL_NON_LOSSY",
                "every client has to be turned over at once",
                "no way back once the new cluster takes writes, unless it replicates back",
            ],
            &["a second cluster of the same size", "a backup with its place in the binary log"],
        ),
    ];
    if let Some(at) = all.iter().position(|strategy| strategy.way == way) {
        let mut taken = all.remove(at);
        taken.why = match taken.verdict {
            Verdict::Possible => why,
            _ => format!("{why}; {}", taken.why),
        };
        taken.verdict = Verdict::Recommended;
        all.insert(0, taken);
    }
    (way, all)
}
