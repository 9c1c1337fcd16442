//! What gh-ost needs (gh-ost doc/requirements-and-limitations.md, go/logic/inspect.go).

use super::super::change::also_clauses;
use super::super::context::{EnvironmentContext, TableChange};
use super::super::estimate;
use super::super::gh_ost_flags::Release;
use super::super::options::CutOver;
use super::super::rights::{self, Circumstances, ServerKind, Tool};
use super::super::sql::{tables_query, triggers_query};
use super::super::topology::{Platform, Route, Topology};
use super::super::types::{Outcome, Precondition, PreconditionId};
use super::{columns, foreign_keys, variable};
use crate::live::facts::{Flavour, ServerFacts};

/// The instrument that shows metadata locks, without which gh-ost cannot check its cut-over.
pub(in super::super) const INSTRUMENT: &str = "SELECT COUNT(*) FROM performance_schema.setup_instruments \
                          WHERE NAME = 'wait/lock/metadata/sql/mdl' AND ENABLED = 'YES' AND TIMED = 'YES'";

/// What gh-ost demands.
pub(in super::super) fn gh_ost(
    context: &EnvironmentContext<'_>,
    change: &TableChange<'_>,
    topology: Option<&Topology<'_>>,
    release: Release,
) -> Vec<Precondition> {
    let mut items = Vec::new();
    let Some(topology) = topology else {
        items.push(
            Precondition::new(
                PreconditionId::ServerRead,
                "facts of a live server",
                Outcome::Unproven,
                "only a dump was read",
            )
            .with_fix("pass the server: --replica NAME=mysql://USER@HOST/DATABASE"),
        );
        items.extend(table(context, change, None, release));
        return items;
    };
    items.push(
        Precondition::new(PreconditionId::ServerSupported, "gh-ost supports the server",
            release.speaks_to(topology.server),
            format!("gh-ost {release} and {}", topology.server.version_text),
        )
        .with_fix("gh-ost 1.1.6 to 1.1.10 set transaction_isolation, which old servers do not have (error 1193), 1.1.8 to 1.1.10 send \
             SHOW BINARY LOG STATUS to MariaDB, and older ones SHOW MASTER STATUS to MySQL 8.4 (error 1064); use another \
             release, or build one from newer sources and plan with --gh-ost-version head"),
    );
    items.extend(binary_log(topology));
    items.push(retention(change, topology));
    items.extend(route(topology, release));
    items.extend(table(context, change, Some(topology), release));
    items.push(safe_cut_over(topology, release, context.options.cut_over));
    items.push(rights(topology, &change.database.name, release));
    items
}

fn binary_log(topology: &Topology<'_>) -> Vec<Precondition> {
    let mut items = Vec::new();
    let (holds, seen) = variable(topology, "log_bin", &["ON", "1"]);
    items.push(
        Precondition::new(PreconditionId::BinaryLog, "the binary log is on", holds, seen)
            .proven_by("SELECT @@GLOBAL.log_bin", "1")
            .with_fix("set log_bin in the server's configuration and restart; or use another replica"),
    );
    let (holds, seen) = variable(topology, "binlog_format", &["ROW"]);
    let how = match topology.platform {
        Platform::Own => {
            "SET GLOBAL binlog_format = 'ROW' while replication is stopped, then restart replication; also set it in the configuration"
        }
        _ => "set binlog_format = ROW in the parameters of the instance or cluster, and restart",
    };
    items.push(
        Precondition::new(PreconditionId::RowFormat, "the binary log contains rows (binlog_format = ROW)", holds, seen)
            .proven_by("SELECT @@GLOBAL.binlog_format", "ROW")
            .with_fix(how),
    );
    let (holds, seen) = variable(topology, "binlog_row_image", &["FULL"]);
    items.push(
        Precondition::new(
            PreconditionId::FullRowImage,
            "the binary log contains whole rows (binlog_row_image = FULL)",
            holds,
            seen,
        )
        .proven_by("SELECT @@GLOBAL.binlog_row_image", "FULL")
        .with_fix(
            "SET GLOBAL binlog_row_image = 'FULL', restart the applier of replication; also set it in the configuration",
        ),
    );
    if topology.route == Route::Replica {
        let new = !topology.is_mariadb() && topology.server.version >= (8, 0, 26);
        let name = if new { "log_replica_updates" } else { "log_slave_updates" };
        let (mut holds, mut seen) = variable(topology, name, &["ON", "1"]);
        if holds == Outcome::Unproven {
            (holds, seen) = variable(topology, "log_slave_updates", &["ON", "1"]);
        }
        items.push(
            Precondition::new(
                PreconditionId::ReplicaLogsUpdates,
                "the replica logs the changes that it replicates",
                holds,
                seen,
            )
            .proven_by(format!("SELECT @@GLOBAL.{name}"), "1")
            .with_fix(format!("set {name} = ON in the replica's configuration and restart; or use another replica")),
        );
    }
    items
}

/// Whether the inspected server keeps its binary logs for longer than the copy may take. `--resume` needs them since the last
/// checkpoint, `--revert` since the cut-over, and a copy that is throttled for long since it stood still.
///
/// MySQL: `binlog_expire_logs_seconds` (8.0), `expire_logs_days` before; MariaDB has both from 10.6.1 on. 0 keeps them. RDS and
/// Aurora keep them for `binlog retention hours` of `mysql.rds_configuration`, and by default only until they are copied.
fn retention(change: &TableChange<'_>, topology: &Topology<'_>) -> Precondition {
    let id = PreconditionId::BinlogRetention;
    let longest = estimate::copy(change.measures(), Some(topology.server)).map(|range| range.most);
    let Some(seconds) = longest else {
        return Precondition::new(
            id,
            "binary logs are kept longer than the copy takes",
            Outcome::Unproven,
            "the size of the table, and therefore the duration of the copy, is unknown",
        )
        .with_fix(
            "read the size of the table with csm-audit plan, or set the retention from the duration of a trial copy",
        );
    };
    let hours = seconds.div_ceil(3600);
    let what = format!("binary logs are kept for {hours} h, longer than the copy takes");
    if matches!(topology.platform, Platform::Rds | Platform::Aurora) {
        return Precondition::new(id, what, Outcome::Unproven, "`binlog retention hours` was not read")
            .proven_by(
                format!(
                    "SELECT COALESCE(MAX(value), 0) >= {hours} FROM mysql.rds_configuration WHERE name = 'binlog retention \
                     hours'"
                ),
                "1",
            )
            .with_fix(format!("CALL mysql.rds_set_configuration('binlog retention hours', {hours})"));
    }
    let number = |name: &str| topology.variable(name).and_then(|value| value.parse::<f64>().ok());
    let (name, kept, unit) = match (number("binlog_expire_logs_seconds"), number("expire_logs_days")) {
        (Some(kept), _) if kept > 0.0 => ("binlog_expire_logs_seconds", Some(kept), 1.0),
        (Some(_), Some(days)) if days > 0.0 => ("expire_logs_days", Some(days), 86_400.0),
        (Some(kept), _) => ("binlog_expire_logs_seconds", Some(kept), 1.0),
        (None, days) => ("expire_logs_days", days, 86_400.0),
    };
    #[allow(clippy::cast_precision_loss, reason = "seconds of days")]
    let (needed, is_kept) = {
        let needed = (seconds as f64 / unit).ceil();
        (needed, kept.map(|kept| kept == 0.0 || kept >= needed))
    };
    let seen = kept.map_or_else(|| format!("{name} was not read"), |kept| format!("{name} is {kept}"));
    Precondition::new(id, what, is_kept, seen)
        .proven_by(format!("SELECT @@GLOBAL.{name} = 0 OR @@GLOBAL.{name} >= {needed}"), "1")
        .with_fix(format!("SET GLOBAL {name} = {needed} on the inspected server, and in its configuration"))
}

fn route(topology: &Topology<'_>, release: Release) -> Vec<Precondition> {
    let mut items = Vec::new();
    let status = if topology.is_mariadb() {
        "SHOW ALL SLAVES STATUS"
    } else if topology.server.version >= (8, 0, 22) {
        "SHOW REPLICA STATUS"
    } else {
        "SHOW SLAVE STATUS"
    };
    let sources = topology.server.sources.as_ref();
    match topology.route {
        Route::Replica => {
            for source in sources.iter().flat_map(|sources| &sources.found) {
                let runs = source.receiver == "Yes" && source.applier == "Yes";
                let seen = format!(
                    "from {}:{}: fetching {}, applying {}, last error {}",
                    source.host, source.port, source.receiver, source.applier, source.last_error
                );
                items.push(
                    Precondition::new(PreconditionId::ReplicationRuns, "replication runs", runs, seen)
                        .shown_by(status)
                        .with_fix("repair the replica, or use another one"),
                );
            }
            if topology.is_multi_source && !topology.is_circular {
                items.push(
                    Precondition::new(
                        PreconditionId::SingleSource,
                        "the replica has one source",
                        Outcome::Failed,
                        "several sources",
                    )
                    .shown_by(status)
                    .with_fix("use a replica with one source, or pass the primary with --allow-primary"),
                );
            }
            let writable = topology.primary_facts.map(|primary| !primary.read_only);
            let seen = match writable {
                Some(true) => format!("{} is not read_only", topology.writer()),
                Some(false) => format!("{} is read_only and may be a replica itself", topology.writer()),
                None => format!("{} was not read", topology.writer()),
            };
            items.push(
                Precondition::new(PreconditionId::PrimaryWritable, "the primary is writable", writable, seen)
                    .proven_by("SELECT @@GLOBAL.read_only", "0")
                    .at_primary()
                    .with_fix("set CSM_AUDIT_PRIMARY_HOST and CSM_AUDIT_PRIMARY_PORT to the writable server"),
            );
        }
        Route::Primary => {
            let reader = topology.platform == Platform::Aurora && topology.server.read_only;
            let seen = if reader { "innodb_read_only is on: a reader" } else { "not read_only" };
            items.push(
                Precondition::new(
                    PreconditionId::PrimaryWritable,
                    "the primary is writable",
                    !topology.server.read_only,
                    seen,
                )
                .proven_by("SELECT @@GLOBAL.read_only + @@GLOBAL.innodb_read_only", "0")
                .with_fix("pass the primary (on Aurora the writer endpoint) with --allow-primary"),
            );
        }
        Route::Unknown => items.push(
            Precondition::new(
                PreconditionId::ReplicationRole,
                "the server's role in replication is known",
                Outcome::Unproven,
                sources.map_or("not read", |sources| sources.proof.reason()),
            )
            .shown_by(status)
            .with_fix("csm-audit grants prints the required privileges; or pass the primary"),
        ),
    }
    if topology.platform == Platform::Aurora && topology.server.version < (8, 0, 0) {
        let name = "aurora_enable_repl_bin_log_filtering";
        let (holds, seen) = variable(topology, name, &["OFF", "0"]);
        items.push(
            Precondition::new(PreconditionId::AuroraBinlogFilter, "Aurora's binary log is not filtered", holds, seen)
                .proven_by(format!("SELECT @@GLOBAL.{name}"), "0")
                .with_fix(format!(
                    "set {name} = 0 in the cluster's parameter group: gh-ost waits for its own events in the binary log"
                )),
        );
    }
    if topology.is_proxied {
        let own = topology.variable("port").unwrap_or_default();
        let seen = format!("connected to port {}, but the server reports {own}", topology.inspected.port);
        let knows = release.knows("skip-port-validation") || write_flag_for_port(topology, release).is_some();
        items.push(
            Precondition::new(PreconditionId::PortAccepted, "gh-ost accepts the port", knows, seen)
                .with_fix("use the server's own address: gh-ost before 1.1.8 refuses any other port"),
        );
    }
    items
}

/// The flag by which a platform's servers are accepted with any port that they report.
pub(in super::super) fn write_flag_for_port(topology: &Topology<'_>, release: Release) -> Option<&'static str> {
    match topology.platform {
        Platform::CloudSql => Some("gcp"),
        Platform::Azure => Some("azure"),
        _ => None,
    }
    .filter(|flag| release.knows(flag))
}

fn table(
    context: &EnvironmentContext<'_>,
    change: &TableChange<'_>,
    topology: Option<&Topology<'_>>,
    release: Release,
) -> Vec<Precondition> {
    let (database, name) = (&change.database.name, &change.table.name);
    let mut items = columns(context, change);
    items.extend(foreign_keys(context, change));
    let triggers: Vec<&str> = change
        .database
        .triggers
        .found
        .iter()
        .filter(|trigger| trigger.table == *name)
        .map(|trigger| trigger.name.as_str())
        .collect();
    let can = release.knows("include-triggers");
    let holds = match (triggers.is_empty(), change.database.triggers.proof.is_proven()) {
        (false, _) => Some(can),
        (true, true) => Some(true),
        (true, false) => None,
    };
    let seen = if triggers.is_empty() {
        change.database.triggers.proof.reason().to_owned()
    } else {
        format!("{}{}", triggers.join(", "), if can { ", which gh-ost includes" } else { "" })
    };
    items.push(
        Precondition::new(PreconditionId::TriggersMovable, "no triggers, or gh-ost includes them", holds, seen)
            .proven_by(triggers_query(database, name), triggers.len().to_string())
            .at_primary()
            .with_fix(
                "gh-ost 1.1.8 and newer includes triggers; with an older release drop them before the copy and re-create them afterwards",
            ),
    );
    let leftovers = change.gh_ost_tables();
    let there: Vec<&String> = leftovers.iter().filter(|left| change.database.table(left).is_some()).collect();
    let known = change.database.tables.proof.is_proven();
    let holds = if there.is_empty() { known.then_some(true) } else { Some(false) };
    let names = there.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let seen = if there.is_empty() { String::from("none found") } else { format!("found {names}") };
    items.push(
        Precondition::new(PreconditionId::NoLeftovers, "no leftover table of an earlier run", holds, seen)
            .proven_by(tables_query(database, &leftovers), "0")
            .at_primary()
            .with_fix("if no copy is running, drop the tables: run the copy script with --discard"),
    );
    let has_key = change.table.indexes.iter().any(|index| {
        index.unique
            && index.parts.iter().all(|part| {
                part.length.is_none()
                    && part.column.as_ref().and_then(|name| change.table.column(name)).is_some_and(|c| !c.nullable)
            })
    });
    items.push(
        Precondition::new(
            PreconditionId::UniqueKey,
            "the table has a unique key without NULL",
            has_key,
            "by the table's indexes",
        )
        .with_fix("add a unique key: gh-ost copies the rows in its order"),
    );
    for odd in [database, name].into_iter().filter(|odd| !is_name_for_gh_ost(odd)) {
        items.push(
            Precondition::new(
                PreconditionId::NameSupported,
                "gh-ost supports the name",
                Outcome::Failed,
                format!("{odd:?}"),
            )
            .with_fix("gh-ost does not quote this name; use pt-online-schema-change or ALTER TABLE"),
        );
    }
    for clause in also_clauses(context, change).filter(|clause| renames(clause)) {
        items.push(
            Precondition::new(
                PreconditionId::ClauseSupported,
                "gh-ost accepts the clause",
                Outcome::Failed,
                clause.to_owned(),
            )
            .with_fix("run RENAME and CHANGE in a separate step"),
        );
    }
    if let Some(cannot) = topology.and_then(|topology| secure_transport(topology, release)) {
        items.push(cannot);
    }
    items
}

fn secure_transport(topology: &Topology<'_>, release: Release) -> Option<Precondition> {
    let needed = topology.variable("require_secure_transport").is_some_and(|value| value.eq_ignore_ascii_case("ON"));
    (needed && !release.knows("ssl")).then(|| {
        Precondition::new(
            PreconditionId::EncryptionSupported,
            "gh-ost can encrypt its connections",
            Outcome::Failed,
            "require_secure_transport is ON",
        )
        .with_fix("use gh-ost 1.0.48 or newer")
    })
}

fn renames(clause: &str) -> bool {
    let upper = clause.trim_start().to_uppercase();
    upper.starts_with("RENAME") || upper.starts_with("CHANGE")
}

/// gh-ost writes names between backticks as they are, one of them between quotes, and in a comment.
fn is_name_for_gh_ost(name: &str) -> bool {
    !name.contains(['`', '\'', '"', '\\', '\n', '\r', '\0', '%']) && !name.contains("*/")
}

/// Whether the swap of the tables can lose nothing.
fn safe_cut_over(topology: &Topology<'_>, release: Release, decided: Option<CutOver>) -> Precondition {
    let what = "the cut-over loses no writes";
    match decided {
        Some(CutOver::TwoStep) => {
            return Precondition::new(
                PreconditionId::SafeCutOver,
                what,
                Outcome::Passed,
                "two renames, as decided: statements fail with error 1146 for an instant",
            );
        }
        Some(CutOver::WritersStopped) => {
            return Precondition::new(
                PreconditionId::SafeCutOver,
                what,
                Outcome::Passed,
                "writers are stopped, as decided",
            );
        }
        None => {}
    }
    let choice = "or decide: --cut-over two-step (no writes are lost; statements fail with error 1146 for an instant), or \
                  --cut-over writers-stopped (all writers are stopped during the swap)";
    if !release.checks_metadata_lock() {
        return Precondition::new(
            PreconditionId::SafeCutOver,
            what,
            Outcome::Failed,
            format!("gh-ost {release} does not check that its RENAME is blocked"),
        )
        .with_fix(format!("use gh-ost 1.1.8 or newer, {choice}"));
    }
    let Some(primary) = topology.primary_facts else {
        return match instrument_exists(topology.server) {
            // The primary is no newer than its replicas, as a rule, but may be configured otherwise.
            Some(reason) => Precondition::new(
                PreconditionId::SafeCutOver,
                what,
                Outcome::Failed,
                format!("{}: {reason}", topology.inspected),
            )
            .with_fix(choice),
            None => Precondition::new(
                PreconditionId::SafeCutOver,
                what,
                Outcome::Unproven,
                format!("{} was not read", topology.writer()),
            )
            .proven_by(INSTRUMENT, "1")
            .at_primary()
            .with_fix(format!("{}; {choice}", switch_on())),
        };
    };
    if let Some(reason) = instrument_exists(primary) {
        return Precondition::new(PreconditionId::SafeCutOver, what, Outcome::Failed, reason).with_fix(choice);
    }
    let holds = primary.metadata_lock_instrument.as_ref().and_then(|seen| seen.found);
    let seen = match holds {
        Some(true) => String::from("wait/lock/metadata/sql/mdl is on"),
        Some(false) => String::from("wait/lock/metadata/sql/mdl is off"),
        None => primary
            .metadata_lock_instrument
            .as_ref()
            .map_or_else(|| String::from("not read"), |seen| seen.proof.reason().to_owned()),
    };
    Precondition::new(PreconditionId::SafeCutOver, what, holds, seen)
        .proven_by(INSTRUMENT, "1")
        .at_primary()
        .with_fix(format!("{}; {choice}", switch_on()))
}

fn switch_on() -> &'static str {
    "UPDATE performance_schema.setup_instruments SET ENABLED = 'YES', TIMED = 'YES' WHERE NAME = \
     'wait/lock/metadata/sql/mdl' on the primary"
}

/// Why a server has no such instrument.
fn instrument_exists(server: &ServerFacts) -> Option<&'static str> {
    let off = server.variables.get("performance_schema").is_some_and(|value| !value.eq_ignore_ascii_case("ON"));
    match (server.flavour, server.version) {
        (Flavour::MariaDb, version) if version < (10, 5, 2) => {
            Some("this MariaDB has no instrument for metadata locks")
        }
        (Flavour::MariaDb, _) => off.then_some("performance_schema is off"),
        (_, version) if version < (5, 7, 3) => Some("this MySQL has no instrument for metadata locks"),
        _ => off.then_some("performance_schema is off"),
    }
}

/// The release that the scripts are written for.
pub(in super::super) fn release(context: &EnvironmentContext<'_>, topology: Option<&Topology<'_>>) -> Release {
    context.options.gh_ost.unwrap_or_else(|| Release::for_server(topology.map(|topology| topology.server)))
}

/// Whether `--assume-rbr` is given: replication needs no restart for its rows to be logged as rows. An applier that was
/// started before `binlog_format` became ROW goes on to log in the old format; from MySQL 8 on the format cannot change under
/// a running applier (error 3747).
pub(in super::super) fn assumes_rows(topology: &Topology<'_>) -> bool {
    let row = |server: &ServerFacts| {
        server.variables.get("binlog_format").is_some_and(|value| value.eq_ignore_ascii_case("ROW"))
    };
    let new = !topology.is_mariadb() && topology.server.version >= (8, 0, 0);
    topology.platform != Platform::Own
        || topology.route != Route::Replica
        || new && row(topology.server)
        || topology.primary_facts.is_some_and(row)
}

/// Whether `--gtid` is given: `gtid_mode` and `enforce_gtid_consistency` are on at both ends (gh-ost doc/resume.md).
/// `--resume` and `--revert` then find their place in the binary log of any server, not only of the one that they began with.
pub(in super::super) fn uses_gtid(topology: &Topology<'_>, release: Release) -> bool {
    let on = |server: &ServerFacts, name: &str| {
        server.variables.get(name).is_some_and(|value| value.eq_ignore_ascii_case("ON") || value == "1")
    };
    let both = |server: &ServerFacts| on(server, "gtid_mode") && on(server, "enforce_gtid_consistency");
    release.knows("gtid") && !topology.is_mariadb() && both(topology.server) && topology.primary_facts.is_none_or(both)
}

/// The rights of gh-ost's account. It is another account than the one that read the servers, unless that one may write.
fn rights(topology: &Topology<'_>, database: &str, release: Release) -> Precondition {
    let circumstances = Circumstances {
        restarts_replication: !assumes_rows(topology),
        checks_metadata_lock: release.checks_metadata_lock(),
        creates_logged_triggers: false,
    };
    let needed = rights::needed(Tool::GhOst, ServerKind::of(topology.server), &[database.to_owned()], circumstances);
    let missing = rights::missing(topology, &needed);
    let what = "the account has the privileges for gh-ost";
    let id = PreconditionId::Rights;
    let grants =
        |rights: &[rights::Right]| rights.iter().map(|right| right.grant("ACCOUNT")).collect::<Vec<_>>().join(" ");
    let lacks = |privilege| missing.iter().any(|right| right.privileges.contains(&privilege));
    let has_roles = topology.server.grants.iter().any(|line| line.starts_with("role "));
    if missing.is_empty() {
        return Precondition::new(id, what, true, format!("{} has them", topology.server.account));
    }
    if ["ALTER", "DROP", "UPDATE"].into_iter().all(lacks) || has_roles {
        let seen = format!(
            "{} is the audit account; the account that runs the scripts was not checked",
            topology.server.account
        );
        return Precondition::new(id, what, Outcome::Unproven, seen)
            .shown_by("SHOW GRANTS FOR CURRENT_USER()")
            .checked_by_tool()
            .with_fix(grants(&needed));
    }
    let lacking: Vec<String> =
        missing.iter().map(|right| format!("{} ON {}", right.privileges.join(", "), right.scope_sql())).collect();
    Precondition::new(id, what, false, format!("{} lacks {}", topology.server.account, lacking.join("; ")))
        .with_fix(grants(&missing))
}
