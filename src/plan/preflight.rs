//! What the tools and the servers demand before a table can be changed: each item passed, failed with the fix, or
//! unproven, with the query that proves it.

use super::gh_ost_flags::Release;
use super::scene::{Change, Scene};
use super::sql::{column_type_query, plain_type, tables_query, text};
use super::topology::{Platform, Route, Topology};
use super::{CutOver, Host, Outcome, Precondition};
use crate::finding::Confidence;
use crate::live::facts::{Flavour, ServerFacts};

/// The instrument that shows metadata locks, without which gh-ost cannot check its cut-over.
const INSTRUMENT: &str = "SELECT COUNT(*) FROM performance_schema.setup_instruments \
                          WHERE NAME = 'wait/lock/metadata/sql/mdl' AND ENABLED = 'YES' AND TIMED = 'YES'";

/// A precondition, built up.
fn item(what: impl Into<String>, outcome: Outcome, seen: impl Into<String>) -> Precondition {
    Precondition {
        what: what.into(),
        host: Host::Inspected,
        query: None,
        expected: None,
        outcome,
        seen: seen.into(),
        fix: None,
        by_tool: false,
    }
}

impl Precondition {
    fn proven_by(mut self, query: impl Into<String>, expected: impl Into<String>) -> Self {
        self.query = Some(query.into());
        self.expected = Some(expected.into());
        self
    }

    fn asked_by(mut self, query: impl Into<String>) -> Self {
        self.query = Some(query.into());
        self
    }

    /// The tool itself asks, and does nothing when it does not hold.
    fn left_to_the_tool(mut self) -> Self {
        self.by_tool = true;
        self
    }

    fn at_primary(mut self) -> Self {
        self.host = Host::Primary;
        self
    }

    fn or(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

fn outcome(holds: Option<bool>) -> Outcome {
    match holds {
        Some(true) => Outcome::Passed,
        Some(false) => Outcome::Failed,
        None => Outcome::Unproven,
    }
}

/// A variable's value, and whether it is as it should be.
fn variable(topology: &Topology<'_>, name: &str, wanted: &[&str]) -> (Outcome, String) {
    match topology.variable(name) {
        Some(value) => {
            (outcome(Some(wanted.iter().any(|w| w.eq_ignore_ascii_case(value)))), format!("{name} is {value}"))
        }
        None => (Outcome::Unproven, format!("{name} was not seen")),
    }
}

/// What holds for every way to change a table: it is the one that was planned for, and no value is lost by the new
/// type.
pub(super) fn columns(scene: &Scene<'_>, change: &Change<'_>) -> Vec<Precondition> {
    let (database, table) = (&change.database.name, &change.table.name);
    let mut items = Vec::new();
    for widening in &change.columns {
        let column = widening.column;
        let from = plain_type(&column.column_type);
        items.push(
            item(format!("`{}` is still {from}", column.name), Outcome::Passed, "as it was read")
                .proven_by(column_type_query(database, table, &column.name), from.clone())
                .at_primary()
                .or("make the plan again: the table has changed since"),
        );
        if widening.to.contains("unsigned") && !from.contains("unsigned") {
            let range = change.measures().and_then(|measures| {
                measures.ranges.iter().find(|range| range.column.eq_ignore_ascii_case(&column.name))
            });
            let empty = change.measures().is_some_and(|measures| measures.empty == Some(true));
            let lowest = range.and_then(|range| range.lowest);
            let holds = if empty { Some(true) } else { lowest.map(|lowest| lowest >= 0) };
            let seen = match lowest {
                Some(lowest) => format!("the smallest is {lowest}"),
                None if empty => String::from("there are no rows"),
                None => String::from("the smallest value was not read"),
            };
            items.push(
                item(format!("no negative value in `{}`", column.name), outcome(holds), seen)
                    .proven_by(
                        format!(
                            "SELECT COUNT(*) FROM (SELECT 1 FROM {} WHERE {} < 0 LIMIT 1) AS negative",
                            super::sql::table(database, table),
                            super::sql::name(&column.name)
                        ),
                        "0",
                    )
                    .or("settle what these rows are: as unsigned they would become one row with 0"),
            );
        }
        if widening.confidence == Confidence::Possible {
            items.push(
                item(
                    format!("`{}` stores ids of {}", column.name, scene.audit.target.label),
                    Outcome::Unproven,
                    widening.found_by.join("; "),
                )
                .or("find out; leave the step out when it does not"),
            );
        }
    }
    items
}

/// What gh-ost demands.
pub(super) fn gh_ost(
    scene: &Scene<'_>,
    change: &Change<'_>,
    topology: Option<&Topology<'_>>,
    release: Release,
) -> Vec<Precondition> {
    let mut items = Vec::new();
    let Some(topology) = topology else {
        items.push(
            item("a server is known", Outcome::Unproven, "the facts are a dump's")
                .or("name the server: --replica NAME=mysql://USER@HOST/DATABASE"),
        );
        items.extend(table(scene, change, None, release));
        return items;
    };
    items.push(
        item(
            "gh-ost can talk to the server",
            outcome(Some(release.speaks_to(topology.server))),
            format!("gh-ost {release} and {}", topology.server.version_text),
        )
        .or("gh-ost 1.1.6 to 1.1.10 set transaction_isolation, which old servers do not know (error 1193), 1.1.8 to 1.1.10 ask \
             MariaDB for SHOW BINARY LOG STATUS, and older ones MySQL 8.4 for SHOW MASTER STATUS (error 1064); take another \
             release, or one built from newer sources, and plan with --gh-ost-version head"),
    );
    items.extend(binary_log(topology));
    items.extend(route(topology, release));
    items.extend(table(scene, change, Some(topology), release));
    items.push(safe_cut_over(topology, release, scene.options.cut_over));
    items.extend(rights(topology, &change.database.name));
    items
}

fn binary_log(topology: &Topology<'_>) -> Vec<Precondition> {
    let mut items = Vec::new();
    let (holds, seen) = variable(topology, "log_bin", &["ON", "1"]);
    items.push(
        item("a binary log", holds, seen)
            .proven_by("SELECT @@GLOBAL.log_bin", "1")
            .or("log_bin in the server's configuration, and a restart; or go through another replica"),
    );
    let (holds, seen) = variable(topology, "binlog_format", &["ROW"]);
    let how = match topology.platform {
        Platform::Own => {
            "SET GLOBAL binlog_format = 'ROW' while replication is stopped, then start it again; keep it in the configuration"
        }
        _ => "binlog_format = ROW in the parameters of the instance or cluster, and a restart",
    };
    items
        .push(item("the binary log holds rows", holds, seen).proven_by("SELECT @@GLOBAL.binlog_format", "ROW").or(how));
    let (holds, seen) = variable(topology, "binlog_row_image", &["FULL"]);
    items.push(
        item("the binary log holds whole rows", holds, seen).proven_by("SELECT @@GLOBAL.binlog_row_image", "FULL").or(
            "SET GLOBAL binlog_row_image = 'FULL', restart replication's applier, and keep it in the configuration",
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
            item("the replica's binary log holds what it replicates", holds, seen)
                .proven_by(format!("SELECT @@GLOBAL.{name}"), "1")
                .or(format!(
                    "{name} = ON in the replica's configuration, and a restart; or go through another replica"
                )),
        );
    }
    items
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
                    item("replication runs", outcome(Some(runs)), seen)
                        .asked_by(status)
                        .or("repair the replica, or go through another one"),
                );
            }
            if topology.is_multi_source && !topology.is_circular {
                items.push(
                    item("the replica follows one server", Outcome::Failed, "it follows several")
                        .asked_by(status)
                        .or("go through a replica with one source, or name the primary with --allow-primary"),
                );
            }
            let writable = topology.primary_facts.map(|primary| !primary.read_only);
            let seen = match writable {
                Some(true) => format!("{} is not read_only", topology.writer()),
                Some(false) => format!("{} is read_only, so that it may be a replica itself", topology.writer()),
                None => format!("{} was not read", topology.writer()),
            };
            items.push(
                item("the primary takes writes", outcome(writable), seen)
                    .proven_by("SELECT @@GLOBAL.read_only", "0")
                    .at_primary()
                    .or("set CSM_AUDIT_PRIMARY_HOST and CSM_AUDIT_PRIMARY_PORT to the server that takes writes"),
            );
        }
        Route::Primary => {
            let reader = topology.platform == Platform::Aurora && topology.server.read_only;
            let seen = if reader { "innodb_read_only is on: it is a reader" } else { "it is not read_only" };
            items.push(
                item("the primary takes writes", outcome(Some(!topology.server.read_only)), seen)
                    .proven_by("SELECT @@GLOBAL.read_only + @@GLOBAL.innodb_read_only", "0")
                    .or("name the primary, on Aurora the writer's endpoint, with --allow-primary"),
            );
        }
        Route::Unknown => items.push(
            item(
                "it is known whether the server follows another",
                Outcome::Unproven,
                sources.map_or("nobody looked", |sources| sources.proof.reason()),
            )
            .asked_by(status)
            .or("csm-audit grants prints the rights that show it; name the primary otherwise"),
        ),
    }
    if topology.platform == Platform::Aurora && topology.server.version < (8, 0, 0) {
        let name = "aurora_enable_repl_bin_log_filtering";
        let (holds, seen) = variable(topology, name, &["OFF", "0"]);
        items.push(
            item("Aurora's binary log is not filtered", holds, seen)
                .proven_by(format!("SELECT @@GLOBAL.{name}"), "0")
                .or(format!("{name} = 0 in the cluster's parameter group: gh-ost waits for its own marks in the log")),
        );
    }
    if topology.is_proxied {
        let own = topology.variable("port").unwrap_or_default();
        let seen = format!("reached at port {}, and the server says {own}", topology.inspected.port);
        let knows = release.knows("skip-port-validation") || given_port_flag(topology, release).is_some();
        items.push(
            item("gh-ost takes the port for the server's", outcome(Some(knows)), seen).or(
                "name the server by its own address: gh-ost before 1.1.8 refuses a port that is not the server's own",
            ),
        );
    }
    items
}

/// The flag by which a platform's servers are believed whatever port they tell.
pub(super) fn given_port_flag(topology: &Topology<'_>, release: Release) -> Option<&'static str> {
    match topology.platform {
        Platform::CloudSql => Some("gcp"),
        Platform::Azure => Some("azure"),
        _ => None,
    }
    .filter(|flag| release.knows(flag))
}

fn table(
    scene: &Scene<'_>,
    change: &Change<'_>,
    topology: Option<&Topology<'_>>,
    release: Release,
) -> Vec<Precondition> {
    let (database, name) = (&change.database.name, &change.table.name);
    let mut items = columns(scene, change);
    items.extend(foreign_keys(scene, change));
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
        format!("{}{}", triggers.join(", "), if can { ", which gh-ost moves along" } else { "" })
    };
    items.push(
        item("triggers are none, or move along", outcome(holds), seen)
            .proven_by(
                format!(
                    "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {} AND \
                     EVENT_OBJECT_TABLE = {}",
                    text(database),
                    text(name)
                ),
                triggers.len().to_string(),
            )
            .at_primary()
            .or("gh-ost from 1.1.8 on moves triggers; with an older one drop them before and create them afterwards"),
    );
    let leftovers = change.names_of_leftovers();
    let there: Vec<&String> = leftovers.iter().filter(|left| change.database.table(left).is_some()).collect();
    let known = change.database.tables.proof.is_proven();
    let holds = if there.is_empty() { known.then_some(true) } else { Some(false) };
    let names = there.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let seen = if there.is_empty() { String::from("none was seen") } else { format!("{names} there") };
    items.push(
        item("nothing is left of an earlier run", outcome(holds), seen)
            .proven_by(tables_query(database, &leftovers), "0")
            .at_primary()
            .or("make sure that no run is under way, look into them, and drop them by hand"),
    );
    let has_key = change.table.indexes.iter().any(|index| {
        index.unique
            && index.parts.iter().all(|part| {
                part.length.is_none()
                    && part.column.as_ref().and_then(|name| change.table.column(name)).is_some_and(|c| !c.nullable)
            })
    });
    items.push(
        item("rows have a unique key without NULL", outcome(Some(has_key)), "by the table's indexes")
            .or("add one: gh-ost copies along it"),
    );
    for odd in [database, name].into_iter().filter(|odd| !is_name_for_gh_ost(odd)) {
        items.push(
            item("gh-ost can write the name", Outcome::Failed, format!("{odd:?}"))
                .or("gh-ost does not quote this name; use pt-online-schema-change or ALTER TABLE"),
        );
    }
    for clause in clauses(scene, change).filter(|clause| renames(clause)) {
        items.push(
            item("gh-ost takes the clause", Outcome::Failed, clause.to_owned())
                .or("RENAME and CHANGE do not ride on this copy; do it apart"),
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
        item("gh-ost encrypts", Outcome::Failed, "require_secure_transport is ON").or("take gh-ost 1.0.48 or newer")
    })
}

/// Changes that the operator wants on the same copy.
pub(super) fn clauses<'a>(scene: &'a Scene<'_>, change: &'a Change<'_>) -> impl Iterator<Item = &'a str> {
    let of = |(table, _): &&(String, String)| table.eq_ignore_ascii_case(&change.table.name);
    scene.options.also.iter().filter(of).map(|(_, clause)| clause.as_str())
}

fn renames(clause: &str) -> bool {
    let upper = clause.trim_start().to_uppercase();
    upper.starts_with("RENAME") || upper.starts_with("CHANGE")
}

/// gh-ost writes names between backticks as they are, one of them between quotes, and in a comment.
pub(super) fn is_name_for_gh_ost(name: &str) -> bool {
    !name.contains(['`', '\'', '"', '\\', '\n', '\r', '\0', '%']) && !name.contains("*/")
}

/// No foreign key may be there, whichever way it points; those that were seen are dropped by the steps before.
pub(super) fn foreign_keys(scene: &Scene<'_>, change: &Change<'_>) -> Vec<Precondition> {
    let (database, table) = (&change.database.name, &change.table.name);
    let constraints =
        |whose: &str| format!("SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE {whose}");
    let sides = [
        (
            "no foreign key of the table",
            scene.out_of(database, table).map(|key| key.name.clone()).collect::<Vec<_>>(),
            &change.database.foreign_keys.proof,
            constraints(&format!("CONSTRAINT_SCHEMA = {} AND TABLE_NAME = {}", text(database), text(table))),
        ),
        (
            "no foreign key to the table",
            scene.into(database, table).map(|key| format!("{}.{}.{}", key.database, key.table, key.name)).collect(),
            &change.database.referenced_by.proof,
            constraints(&format!(
                "UNIQUE_CONSTRAINT_SCHEMA = {} AND REFERENCED_TABLE_NAME = {}",
                text(database),
                text(table)
            )),
        ),
    ];
    sides
        .into_iter()
        .map(|(what, names, proof, query)| {
            // Those that were seen are dropped by a step of the plan; what counts is that no other is hidden.
            let (outcome, seen) = match (names.is_empty(), proof.is_proven()) {
                (true, true) => (Outcome::Passed, proof.reason().to_owned()),
                (false, true) => (Outcome::Passed, format!("steps before drop {}", names.join(", "))),
                (_, false) => (Outcome::Unproven, proof.reason().to_owned()),
            };
            item(what, outcome, seen)
                .proven_by(query, "0")
                .at_primary()
                .or("drop it first, by its live name; an account without rights on its database does not see it")
        })
        .collect()
}

/// Whether the swap of the tables can lose nothing.
pub(super) fn safe_cut_over(topology: &Topology<'_>, release: Release, decided: Option<CutOver>) -> Precondition {
    let what = "the swap of the tables loses no write";
    match decided {
        Some(CutOver::TwoStep) => {
            return item(what, Outcome::Passed, "two renames, as decided: statements fail with 1146 for an instant");
        }
        Some(CutOver::WritersStopped) => {
            return item(what, Outcome::Passed, "nobody writes meanwhile, as decided");
        }
        None => {}
    }
    let choice = "or decide: --cut-over two-step (nothing is lost; statements fail with error 1146 for an instant), or \
                  --cut-over writers-stopped (nobody writes while the tables are swapped)";
    if !release.checks_metadata_lock() {
        return item(what, Outcome::Failed, format!("gh-ost {release} does not check that the rename waits"))
            .or(format!("take gh-ost 1.1.8 or newer, {choice}"));
    }
    let Some(primary) = topology.primary_facts else {
        return match instrument_exists(topology.server) {
            // The primary is no newer than its replicas, as a rule, but may be configured otherwise.
            Some(reason) => item(what, Outcome::Failed, format!("{}: {reason}", topology.inspected)).or(choice),
            None => item(what, Outcome::Unproven, format!("{} was not read", topology.writer()))
                .proven_by(INSTRUMENT, "1")
                .at_primary()
                .or(format!("{}; {choice}", switch_on())),
        };
    };
    if let Some(reason) = instrument_exists(primary) {
        return item(what, Outcome::Failed, reason).or(choice);
    }
    let holds = primary.metadata_lock_instrument.as_ref().and_then(|seen| seen.found);
    let seen = match holds {
        Some(true) => String::from("wait/lock/metadata/sql/mdl is on"),
        Some(false) => String::from("wait/lock/metadata/sql/mdl is off"),
        None => primary
            .metadata_lock_instrument
            .as_ref()
            .map_or_else(|| String::from("nobody looked"), |seen| seen.proof.reason().to_owned()),
    };
    item(what, outcome(holds), seen).proven_by(INSTRUMENT, "1").at_primary().or(format!("{}; {choice}", switch_on()))
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

/// The rights on the database that gh-ost looks for.
const ON_DATABASE: [&str; 10] =
    ["ALTER", "CREATE", "DELETE", "DROP", "INDEX", "INSERT", "LOCK TABLES", "SELECT", "TRIGGER", "UPDATE"];

/// The rights of gh-ost's account. It is another one than the one that reads, unless that one may write.
fn rights(topology: &Topology<'_>, database: &str) -> Vec<Precondition> {
    let held = |right: &str, on_database: bool| {
        let escaped = database.replace('_', "\\_");
        topology.server.grants.iter().any(|line| {
            let Some((name, on)) = line.split_once(" ON ") else { return false };
            let everywhere = on == "*.*";
            let here = on == format!("`{database}`.*") || on == format!("`{escaped}`.*");
            (name == right || name.starts_with("ALL")) && (everywhere || on_database && here)
        })
    };
    let has_roles = topology.server.grants.iter().any(|line| line.starts_with("role "));
    let mut missing: Vec<String> = ON_DATABASE
        .into_iter()
        .filter(|right| !held(right, true))
        .map(|right| format!("{right} ON `{database}`.*"))
        .collect();
    let is_a_reader = ["ALTER", "DROP", "UPDATE"].into_iter().all(|right| !held(right, true));
    if !held("REPLICATION SLAVE", false) {
        missing.push(String::from("REPLICATION SLAVE ON *.*"));
    }
    // MariaDB from 10.5 on calls it so, and shows the status of replicas by another right.
    let client = ["REPLICATION CLIENT", "BINLOG MONITOR", "SUPER"];
    if !client.into_iter().any(|right| held(right, false)) {
        missing.push(String::from("REPLICATION CLIENT ON *.*"));
    }
    if topology.is_mariadb()
        && topology.server.version >= (10, 5, 9)
        && !held("SLAVE MONITOR", false)
        && !held("SUPER", false)
    {
        missing.push(String::from("SLAVE MONITOR ON *.*"));
    }
    let restarts = ["SUPER", "REPLICATION_SLAVE_ADMIN", "REPLICATION SLAVE ADMIN"];
    if !super::gh_ost::assumes_rows(topology) && !restarts.into_iter().any(|right| held(right, false)) {
        // Unless the primary is known to log rows, replication is restarted to be sure that the replica does.
        missing.push(String::from("SUPER ON *.*, or name the primary as well, with --allow-primary"));
    }
    let what = "gh-ost's account has its rights";
    let fix = |missing: &[String]| format!("GRANT {} to gh-ost's account", missing.join(", "));
    let all: Vec<String> = ON_DATABASE.into_iter().map(|right| format!("{right} ON `{database}`.*")).collect();
    vec![if is_a_reader || (has_roles && !missing.is_empty()) {
        item(
            what,
            Outcome::Unproven,
            format!("{} reads only; gh-ost's own account was not seen", topology.server.account),
        )
        .asked_by("SHOW GRANTS FOR CURRENT_USER()")
        .left_to_the_tool()
        .or(fix(&[&all[..], &[String::from("REPLICATION SLAVE, REPLICATION CLIENT ON *.*")]].concat()))
    } else if missing.is_empty() {
        item(what, Outcome::Passed, format!("{} has them", topology.server.account))
    } else {
        item(what, Outcome::Failed, format!("{} lacks {}", topology.server.account, missing.join(", ")))
            .or(fix(&missing))
    }]
}

/// What pt-online-schema-change demands.
pub(super) fn pt_osc(scene: &Scene<'_>, change: &Change<'_>, topology: Option<&Topology<'_>>) -> Vec<Precondition> {
    let (database, name) = (&change.database.name, &change.table.name);
    let mut items = columns(scene, change);
    items.extend(foreign_keys(scene, change));
    let triggers = change.database.triggers.found.iter().filter(|trigger| trigger.table == *name).count();
    let proven = change.database.triggers.proof.is_proven();
    let holds = if triggers > 0 { Some(false) } else { proven.then_some(true) };
    items.push(
        item("the table has no trigger", outcome(holds), format!("{triggers} seen"))
            .proven_by(
                format!(
                    "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {} AND \
                     EVENT_OBJECT_TABLE = {}",
                    text(database),
                    text(name)
                ),
                "0",
            )
            .at_primary()
            .or("drop them before and create them afterwards"),
    );
    let left = super::pt_osc::leftovers(name);
    let there = left.iter().filter(|left| change.database.table(left).is_some()).count();
    items.push(
        item("nothing is left of an earlier run", outcome(Some(there == 0)), format!("{there} tables seen"))
            .proven_by(tables_query(database, &left), "0")
            .at_primary()
            .or("make sure that no run is under way, look into them, and drop them by hand"),
    );
    let has_key = change.table.indexes.iter().any(|index| index.unique);
    items
        .push(item("rows have a unique key", outcome(Some(has_key)), "by the table's indexes").or("add a primary key"));
    let Some(topology) = topology else {
        items.push(item("a server is known", Outcome::Unproven, "the facts are a dump's"));
        return items;
    };
    let server = topology.primary_facts.unwrap_or(topology.server);
    // A primary with replicas writes one, whatever the replica's own habit is.
    let logs = topology.route == Route::Replica
        || server.variables.get("log_bin").is_none_or(|value| value.eq_ignore_ascii_case("ON"));
    if logs {
        let trusted = server.variables.get("log_bin_trust_function_creators");
        let is_super = server
            .grants
            .iter()
            .any(|line| (line.starts_with("SUPER ") || line.starts_with("ALL")) && line.ends_with("ON *.*"));
        let holds = match (topology.primary_facts, trusted) {
            _ if is_super => Some(true),
            (Some(_), Some(value)) => Some(value.eq_ignore_ascii_case("ON")),
            _ => None,
        };
        let seen = if is_super {
            String::from("the account has SUPER")
        } else {
            trusted
                .map_or_else(|| String::from("it was not seen"), |v| format!("log_bin_trust_function_creators is {v}"))
        };
        // An account with SUPER may without it, which the query cannot tell; the tool's dry run makes no trigger.
        let fix = "SET GLOBAL log_bin_trust_function_creators = 1 for the while, or run it as an account with SUPER";
        let check =
            item("triggers may be made with a binary log (error 1419)", outcome(holds), seen).at_primary().or(fix);
        items.push(match holds {
            Some(true) => check,
            _ => check.proven_by(
                "SELECT @@GLOBAL.log_bin_trust_function_creators OR EXISTS (SELECT 1 FROM \
                 information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'SUPER' AND GRANTEE = \
                 CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), ''''))",
                "1",
            ),
        });
    }
    items
}
