//! The strategies for a table, assessed on facts of the servers.

use super::context::{EnvironmentContext, TableChange};
use super::estimate;
use super::preconditions;
use super::topology::{Platform, Topology};
use super::types::{Estimate, Outcome, Precondition, Strategy, StrategyAssessment, Verdict};

/// A verdict with its reason.
type Judged = (Verdict, String);

/// The assessed strategies of a table, the recommended one first, and that one.
pub(super) fn compare(
    context: &EnvironmentContext<'_>,
    change: &TableChange<'_>,
    topology: Option<&Topology<'_>>,
) -> (Strategy, Vec<StrategyAssessment>) {
    let release = preconditions::release(context, topology);
    let gh_ost = preconditions::gh_ost(context, change, topology, release);
    let pt_osc = preconditions::pt_osc(context, change, topology);
    let (strategy, why) = choose(context, change, &gh_ost, &pt_osc);
    let mut all: Vec<StrategyAssessment> = ALL
        .iter()
        .map(|traits| {
            let judged = match traits.strategy {
                Strategy::GhOst => judge(&gh_ost),
                Strategy::PtOnlineSchemaChange => judge(&pt_osc),
                Strategy::Alter => judge_alter(change),
                Strategy::DjangoMigration => judge_django(context, change),
                Strategy::NewCluster => judge_new_cluster(topology),
            };
            assess(context, change, topology, traits, judged)
        })
        .collect();
    if let Some(at) = all.iter().position(|assessment| assessment.strategy == strategy) {
        let mut taken = all.remove(at);
        taken.why = match taken.verdict {
            Verdict::Possible => why,
            _ => format!("{why}; {}", taken.why),
        };
        taken.verdict = Verdict::Recommended;
        all.insert(0, taken);
    }
    (strategy, all)
}

/// The strategy that the plan takes, with the reason.
fn choose(
    context: &EnvironmentContext<'_>,
    change: &TableChange<'_>,
    gh_ost: &[Precondition],
    pt_osc: &[Precondition],
) -> (Strategy, String) {
    let small = estimate::is_small(change.measures());
    let never = |preconditions: &[Precondition]| {
        preconditions
            .iter()
            .any(|precondition| precondition.outcome == Outcome::Failed && precondition.id.is_permanent())
    };
    let (strategy, why) = match context.options.strategy {
        Some(strategy) if change.is_target || (!small && strategy != Strategy::Alter) => {
            (strategy, "requested with --strategy")
        }
        _ if small => (
            Strategy::Alter,
            "the table is copied within seconds, and a retry with a short lock wait does not block others for long",
        ),
        _ if !never(gh_ost) => (
            Strategy::GhOst,
            "no triggers on a busy table, the copy can be paused, the cut-over waits for the operator, and the rows are \
             compared before it",
        ),
        _ if !never(pt_osc) => (Strategy::PtOnlineSchemaChange, "gh-ost cannot change this table"),
        _ => (Strategy::Alter, "neither tool can change this table: it needs a window without writers"),
    };
    (strategy, why.to_owned())
}

/// The verdict on a tool, by its preconditions.
fn judge(preconditions: &[Precondition]) -> Judged {
    let of = |outcome: Outcome| {
        preconditions
            .iter()
            .filter(|p| p.outcome == outcome && (outcome == Outcome::Failed || !p.is_proven_at_run()))
            .map(|p| format!("{} ({})", p.what, p.seen))
            .collect::<Vec<_>>()
            .join("; ")
    };
    let (failed, unproven) = (of(Outcome::Failed), of(Outcome::Unproven));
    if !failed.is_empty() {
        (Verdict::Refused, format!("failed: {failed}"))
    } else if !unproven.is_empty() {
        (Verdict::Unproven, format!("not verified: {unproven}"))
    } else {
        (
            Verdict::Possible,
            String::from("all preconditions passed, by the facts that were read; the script checks them again"),
        )
    }
}

fn judge_alter(change: &TableChange<'_>) -> Judged {
    let refused = "INSTANT, INPLACE and LOCK=NONE are refused for a wider type by every server (error 1846)";
    if estimate::is_small(change.measures()) {
        (Verdict::Possible, format!("writers wait for seconds; {refused}"))
    } else {
        (Verdict::Refused, format!("writers would wait for the whole copy: {refused}"))
    }
}

fn judge_django(context: &EnvironmentContext<'_>, change: &TableChange<'_>) -> Judged {
    let (database, table) = (&change.database.name, &change.table.name);
    let keys = context.out_of(database, table).count() + context.into(database, table).count();
    if estimate::is_small(change.measures()) && keys == 0 {
        let why = "AlterField sends the same ALTER TABLE, without a lock wait timeout";
        return (Verdict::Possible, why.to_owned());
    }
    let mut why = String::from(
        "AlterField sends a plain ALTER TABLE for the table and for every column of a relation to it, on one \
         connection, without the router",
    );
    if keys > 0 {
        why.push_str(&format!("; {keys} foreign keys of the database may have names that Django does not use"));
    }
    (Verdict::Refused, why)
}

fn judge_new_cluster(topology: Option<&Topology<'_>>) -> Judged {
    let shared = topology.is_some_and(|topology| topology.platform == Platform::Aurora);
    let how = if shared {
        "a second cluster from a snapshot, altered there, that replicates from the first until the swap; its binary logs \
         have to be on"
    } else {
        "a replica from a backup, altered there, that replicates from the primary until the swap"
    };
    (Verdict::Possible, how.to_owned())
}

/// What is true of a strategy whatever the table is.
struct Traits {
    strategy: Strategy,
    /// The effect on readers and writers; none where writers wait for the whole copy.
    downtime: Option<&'static str>,
    risks: &'static [&'static str],
    needs: &'static [&'static str],
}

const ALL: [Traits; 5] = [
    Traits {
        strategy: Strategy::GhOst,
        downtime: Some(
            "seconds at the cut-over; each attempt blocks writers for at most 6 s, and is repeated when the table is busy",
        ),
        risks: &[
            "the copy never catches up if writes exceed the apply rate of the binary log (about 5,500 events a second)",
            "long transactions and backups delay the cut-over",
            "consumers of the binary log (CDC, Debezium) see the tables _gho, _ghc and _del",
            "the rollback expires with the first value that the old type cannot store, or with the binary log of the cut-over",
        ],
        needs: &[
            "gh-ost",
            "binlog_format=ROW, binlog_row_image=FULL",
            "binary logs are kept longer than the copy takes",
            "no foreign keys during the copy",
            "the metadata lock instrument at the primary, or a decision",
        ],
    },
    Traits {
        strategy: Strategy::PtOnlineSchemaChange,
        downtime: Some("seconds at the swap; triggers slow down every write during the copy"),
        risks: &[
            "triggers add locks to every write",
            "the writes of the triggers cannot be paused",
            "no rollback after the swap without losing writes",
        ],
        needs: &[
            "percona-toolkit",
            "no triggers and no foreign keys on the table",
            "log_bin_trust_function_creators or SUPER",
        ],
    },
    Traits { strategy: Strategy::Alter, downtime: None, risks: &["replicas lag by the same time"], needs: &[] },
    Traits {
        strategy: Strategy::DjangoMigration,
        downtime: None,
        risks: &["a partial migration cannot be rolled back: DDL commits"],
        needs: &[],
    },
    Traits {
        strategy: Strategy::NewCluster,
        downtime: Some("the switch of the clusters: writes stop while connections move to the new cluster"),
        risks: &[
            "replication from int to bigint needs replica_type_conversions=ALL_NON_LOSSY",
            "all clients must move at the same time",
            "no rollback once the new cluster takes writes, unless it replicates back",
        ],
        needs: &["a second cluster of the same size", "a backup with its position in the binary log"],
    },
];

fn assess(
    context: &EnvironmentContext<'_>,
    change: &TableChange<'_>,
    topology: Option<&Topology<'_>>,
    traits: &Traits,
    (verdict, why): Judged,
) -> StrategyAssessment {
    let measures = change.measures();
    let alter = estimate::alter(measures);
    let disk = estimate::disk(measures, change.indexes());
    let log = estimate::binary_log(measures);
    let twice = |range: Option<Estimate>| range.map(|range| Estimate { most: range.most.saturating_mul(2), ..range });
    let blocked = alter.as_ref().map_or_else(
        || String::from("writes blocked for the whole copy, whose duration is unknown"),
        |range| format!("writes blocked for the whole copy, {} to {} s", range.least, range.most),
    );
    let (duration, disk, binary_log) = match traits.strategy {
        Strategy::GhOst => (estimate::copy(measures, topology.map(|topology| topology.server)), disk, log),
        Strategy::PtOnlineSchemaChange => {
            (estimate::copy(measures, topology.map(|topology| topology.server)), disk, twice(log))
        }
        // One statement is logged as one statement.
        Strategy::Alter | Strategy::DjangoMigration => (alter, disk, None),
        Strategy::NewCluster => (None, twice(disk), None),
    };
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    StrategyAssessment {
        environment: context.name().to_owned(),
        database: change.database.name.clone(),
        table: change.table.name.clone(),
        strategy: traits.strategy,
        verdict,
        why,
        downtime: traits.downtime.map_or(blocked, str::to_owned),
        duration,
        disk,
        binary_log,
        risks: texts(traits.risks),
        needs: texts(traits.needs),
    }
}
