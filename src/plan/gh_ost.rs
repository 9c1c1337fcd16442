//! gh-ost: the copy and the cut-over, with their scripts.
//!
//! Every flag is there for a reason, and none that was seen to lose writes: no `--skip-foreign-key-checks`, no
//! `--discard-foreign-keys`, no hooks, and no atomic cut-over where the server or the release does not check its lock:
//! `--skip-metadata-lock-check` comes with the two-step cut-over alone, which needs no lock.

use super::change::{alter_clauses, effects, old_limit, old_probes, probes, values_beyond};
use super::compare;
use super::context::{EnvironmentContext, TableChange, gh_ost_name};
use super::copy_state;
use super::draft::{self, Draft, Slot};
use super::estimate;
use super::gh_ost_flags::Release;
use super::gh_ost_script as text;
use super::options::CutOver;
use super::preconditions::{self, assumes_rows, release, uses_gtid, write_flag_for_port};
use super::rights::{self, Circumstances, ServerKind, Tool};
use super::script::{Part, RUN_SQL, Script, proofs};
use super::shell::Word;
use super::sql::{self, tables_query};
use super::sql_step::prove_at_primary;
use super::topology::{Platform, Route, Topology};
use super::types::{
    Effect, Language, Phase, Precondition, PreconditionId, Probe, ProbeServer, Rollback, Step, StepKind,
};

/// Seconds of `--cut-over-lock-timeout-seconds`. gh-ost holds the table for up to twice as long in an attempt.
const LOCK_TIMEOUT: u32 = 3;

/// The flags, each a word of the shell.
fn flags(
    context: &EnvironmentContext<'_>,
    change: &TableChange<'_>,
    topology: Option<&Topology<'_>>,
    release: Release,
) -> Vec<Word> {
    let mut flags = Vec::new();
    let mut flag = |name: &'static str, value: Option<Word>| {
        if release.knows(name) {
            let word = Word::text(format!("--{name}"));
            flags.push(match value {
                Some(value) => word.and("=").join(value),
                None => word,
            });
        }
    };
    let expansion = |text| Some(Word::expansion(text));
    let text = |text: &str| Some(Word::text(text));
    flag("conf", expansion("$CNF"));
    flag("host", expansion("$HOST"));
    flag("port", expansion("$PORT"));
    flag("database", text(&change.database.name));
    flag("table", text(&change.table.name));
    flag("alter", text(&alter_clauses(context, change)));
    flag("chunk-size", expansion("${CSM_AUDIT_CHUNK:-1000}"));
    flag("dml-batch-size", expansion("${CSM_AUDIT_DML_BATCH:-100}"));
    flag("max-lag-millis", expansion("${CSM_AUDIT_MAX_LAG:-1500}"));
    flag("max-load", expansion("${CSM_AUDIT_MAX_LOAD:-Threads_running=50}"));
    flag("critical-load", expansion("${CSM_AUDIT_CRITICAL_LOAD:-Threads_running=1000}"));
    // One peak is no reason to give up a copy of days.
    flag("critical-load-interval-millis", text("10000"));
    // gh-ost ends when so many heartbeats in a row fail: 240 of half a second are two minutes, longer than a failover.
    flag("heartbeat-interval-millis", text("500"));
    flag("default-retries", text("240"));
    flag("cut-over-lock-timeout-seconds", text(&LOCK_TIMEOUT.to_string()));
    flag("cut-over-exponential-backoff", None);
    flag("exponential-backoff-max-interval", text("64"));
    flag("serve-socket-file", expansion("$socket"));
    flag("throttle-flag-file", expansion("$run.throttle"));
    flag("throttle-additional-flag-file", expansion("$run_folder/throttle-all"));
    flag("panic-flag-file", expansion("$run.panic"));
    flag("verbose", None);
    if let Some(topology) = topology {
        if topology.route != Route::Replica {
            flag("allow-on-master", None);
        }
        if topology.is_circular {
            flag("allow-master-master", None);
        }
        // gh-ost finds the primary from its replica, but not in a circle, and not where the replica calls it by a name
        // that only the platform resolves.
        let elsewhere = matches!(topology.platform, Platform::Azure | Platform::CloudSql | Platform::Rds);
        if topology.is_circular || topology.route == Route::Replica && elsewhere {
            flag("assume-master-host", expansion("$PRIMARY_HOST:$PRIMARY_PORT"));
        }
        if assumes_rows(topology) {
            flag("assume-rbr", None);
        }
        match write_flag_for_port(topology, release) {
            Some(name) => flag(name, None),
            None if topology.is_proxied => flag("skip-port-validation", None),
            None => {}
        }
        if requires_tls(topology) {
            flag("ssl", None);
        }
        if uses_gtid(topology, release) {
            flag("gtid", None);
        }
    }
    if change.database.triggers.found.iter().any(|trigger| trigger.table == change.table.name) {
        flag("include-triggers", None);
        flag("trigger-suffix", text("_v2"));
    }
    flag("panic-on-warnings", None);
    flags
}

fn requires_tls(topology: &Topology<'_>) -> bool {
    topology.variable("require_secure_transport").is_some_and(|value| value.eq_ignore_ascii_case("ON"))
}

/// What the copy and the cut-over have in common.
struct Shared<'c, 'a> {
    context: &'c EnvironmentContext<'a>,
    change: &'c TableChange<'a>,
    topology: Option<&'c Topology<'a>>,
    release: Release,
}

/// The copy.
pub(super) fn copy(
    context: &EnvironmentContext<'_>,
    change: &TableChange<'_>,
    topology: Option<&Topology<'_>>,
    slot: &Slot,
) -> Draft {
    let shared = Shared { context, change, topology, release: release(context, topology) };
    let mut preconditions = preconditions::gh_ost(context, change, topology, shared.release);
    if context.options.cut_over.is_none() {
        // The script decides by what it sees at run time, and by what the operator decides then.
        for precondition in preconditions.iter_mut().filter(|p| p.id == PreconditionId::SafeCutOver) {
            precondition.expected = None;
            precondition.by_tool = true;
        }
    }
    let (database, table) = (&change.database.name, &change.table.name);
    let title = format!("Copy {database}.{table} with gh-ost, and keep the copy up to date until the cut-over");
    let flags = flags(context, change, topology, shared.release);
    let file = slot.file("gh-ost", Some(table));
    let printed: Vec<String> = flags.iter().map(Word::to_string).collect();
    let step = Step {
        phase: Some(Phase::Copy),
        server: topology.map(|topology| topology.inspected.to_string()),
        database: Some(database.clone()),
        table: Some(table.clone()),
        script: Some(file.clone()),
        run: format!("gh-ost {}", printed.join(" ")),
        verify: vec![Probe {
            what: format!("the copy of {database}.{table} exists"),
            query: tables_query(database, &[gh_ost_name(table, "gho")]),
            expected: String::from("1"),
        }],
        rollback: Rollback {
            run: Some(format!("touch run/{}.panic\n./{file} --discard", slot.id)),
            language: Language::Shell,
            what: String::from(
                "the first command ends gh-ost; the second drops the copy once gh-ost has ended. The table itself was not \
                 changed",
            ),
            until: Some(String::from("the cut-over")),
            point_of_no_return: false,
        },
        estimate: estimate::copy(change.measures(), topology.map(|topology| topology.server)),
        preconditions,
        ..draft::step(context, slot, StepKind::GhOst, title)
    };
    let script = shared.copy_script(&step, flags);
    Draft { step, script }
}

/// The cut-over of a copy.
pub(super) fn cut_over(
    context: &EnvironmentContext<'_>,
    change: &TableChange<'_>,
    topology: Option<&Topology<'_>>,
    slot: &Slot,
    copy: &Step,
) -> Draft {
    let shared = Shared { context, change, topology, release: release(context, topology) };
    let safe = topology.map(|topology| {
        preconditions::gh_ost(context, change, Some(topology), shared.release)
            .into_iter()
            .filter(|precondition| precondition.id == PreconditionId::SafeCutOver)
            .collect::<Vec<_>>()
    });
    let (database, table) = (&change.database.name, &change.table.name);
    let copy_script = copy.script.clone().unwrap_or_default();
    let limit = old_limit(change);
    let can_revert = shared.can_revert();
    let left: Vec<String> = ["del", "ghk"]
        .into_iter()
        .filter(|suffix| *suffix == "del" || shared.release.knows("checkpoint"))
        .map(|suffix| gh_ost_name(table, suffix))
        .collect();
    let mut effects = effects(context, change);
    effects.push(Effect::LeavesTables { database: database.clone(), of: table.clone(), tables: left });
    let title = format!("Compare the rows of {database}.{table} with the copy, and cut over");
    let file = slot.file("cut-over", Some(table));
    let step = Step {
        phase: Some(Phase::CutOver),
        server: topology.map(Topology::writer),
        database: Some(database.clone()),
        table: Some(table.clone()),
        script: Some(file.clone()),
        run: format!("./{file} --execute"),
        preconditions: safe.unwrap_or_default(),
        verify: probes(change),
        rollback: Rollback {
            run: can_revert.then(|| format!("./{copy_script} --revert")),
            language: Language::Shell,
            what: if can_revert {
                String::from(
                    "brings the old table up to date from the binary log and swaps it back, after re-created foreign keys \
                     are dropped (their scripts with --revert). It needs _del, _ghk, and the binary logs since the cut-over",
                )
            } else {
                format!("none: gh-ost {} cannot bring the old table up to date", shared.release)
            },
            until: Some(format!(
                "the first value above {limit}, or until the server purges the binary log of the cut-over; from then on \
                 no rollback is possible"
            )),
            point_of_no_return: true,
        },
        effects,
        ..draft::step(context, slot, StepKind::GhOst, title)
    };
    let script = shared.cut_over_script(&step, copy);
    Draft { step, script }
}

/// Whether the release can swap the old table back after the cut-over, without loss.
pub(super) fn can_revert(context: &EnvironmentContext<'_>, topology: Option<&Topology<'_>>) -> bool {
    let release = release(context, topology);
    release.knows("revert") && release.knows("checkpoint")
}

impl Shared<'_, '_> {
    fn can_revert(&self) -> bool {
        can_revert(self.context, self.topology)
    }

    fn copy_script(&self, step: &Step, flags: Vec<Word>) -> Script {
        let (database, table) = (&self.change.database.name, &self.change.table.name);
        let mut script = draft::script(step, self.context, self.topology);
        script.push(Part::Assign("run_name", Word::text(&*step.id))).shell(text::VARIABLES).shell(text::USAGE);
        script.push(Part::Array("arguments", flags));
        if self.topology.is_some_and(requires_tls) {
            script.shell(text::TLS);
        }
        script.shell(text::CONTROL_REPLICAS);
        self.choose_cut_over(&mut script);
        self.state(&mut script);
        script.push(Part::Function("check_assumptions", vec![Part::Gate]));
        script.shell(RUN_SQL);
        self.proof_functions(&mut script, step);
        let old = gh_ost_name(table, "del");
        script.push(Part::Assign("old_table", Word::text(&*old)));
        let discarded: Vec<String> = ["gho", "ghc", "ghk", "rev_del"]
            .into_iter()
            .map(|suffix| sql::table(database, &gh_ost_name(table, suffix)))
            .collect();
        script.push(Part::Assign(
            "discard_sql",
            Word::text(format!("SET SESSION lock_wait_timeout = 5; DROP TABLE IF EXISTS {}", discarded.join(", "))),
        ));
        script.shell(if self.release.knows("checkpoint") { text::RESUME } else { text::NO_RESUME });
        script.shell(if self.can_revert() { text::REVERT } else { text::NO_REVERT });
        script.shell(text::MODES);
        script
    }

    /// What the database shows of a copy of this table.
    fn state(&self, script: &mut Script) {
        let (database, table) = (&self.change.database.name, &self.change.table.name);
        let checkpoints = gh_ost_name(table, "ghk");
        script.push(Part::AllOf("is_done", probes(self.change)));
        script.push(Part::AllOf("is_reverted", old_probes(self.change)));
        script.extend(copy_state::parts(self.change));
        let ask = |name, query: String| Part::Ask(name, ProbeServer::Primary, Word::text(query));
        script.push(ask("copies", tables_query(database, &[gh_ost_name(table, "gho")])));
        script.push(ask("checkpoint_tables", tables_query(database, std::slice::from_ref(&checkpoints))));
        script.push(ask("old_tables", tables_query(database, &[gh_ost_name(table, "del")])));
        script.push(ask(
            "checkpoint",
            format!(
                "SELECT gh_ost_chk_coords FROM {} ORDER BY gh_ost_chk_id DESC LIMIT 1",
                sql::table(database, &checkpoints)
            ),
        ));
        script.shell(text::STATE);
    }

    fn proof_functions(&self, script: &mut Script, step: &Step) {
        let of = |wanted: &dyn Fn(PreconditionId) -> bool| {
            let chosen: Vec<&Precondition> = step.preconditions.iter().filter(|p| wanted(p.id)).collect();
            proofs(chosen)
        };
        let mut columns = vec![Part::PriorSteps];
        columns.extend(of(&PreconditionId::is_of_old_columns));
        script.push(Part::Function("columns_unchanged", columns));
        script.push(Part::Function("no_leftovers", of(&|id| id == PreconditionId::NoLeftovers)));
        let mut always = self.rights();
        always.extend(of(&|id| !id.is_of_old_columns() && id != PreconditionId::NoLeftovers));
        script.push(Part::Function("always", always));
        let fits = values_beyond(self.change).into_iter().map(prove_at_primary).collect();
        script.push(Part::Function("values_fit", fits));
    }

    /// The rights that gh-ost needs only when it swaps the tables, days after its start: without them every attempt fails
    /// with error 1142 while it holds the table. It proves all others by itself before it copies.
    fn rights(&self) -> Vec<Part> {
        let Some(topology) = self.topology else { return Vec::new() };
        let circumstances =
            Circumstances { checks_metadata_lock: self.release.checks_metadata_lock(), ..Circumstances::default() };
        let kind = ServerKind::of(topology.primary_facts.unwrap_or(topology.server));
        let databases = [self.change.database.name.clone()];
        let mut parts = Vec::new();
        for right in rights::needed(Tool::GhOst, kind, &databases, circumstances) {
            let table = match right.scope {
                rights::Scope::PerformanceSchema(table) => format!("performance_schema.{table}"),
                rights::Scope::Everywhere if right.privileges.contains(&"PROCESS") => {
                    String::from("information_schema.INNODB_TRX")
                }
                _ => continue,
            };
            // A server without the table has nothing to read; the cut-over is chosen accordingly.
            parts.push(Part::Prove(super::script::Proof {
                server: super::script::AskedServer::Own(ProbeServer::Primary),
                what: format!("the account may read {table}"),
                query: format!("SELECT COUNT(*) >= 0 FROM (SELECT 1 FROM {table} LIMIT 1) AS readable"),
                expected: String::from("1"),
                fix: right.grant("ACCOUNT"),
            }));
        }
        parts
    }

    /// How the tables may be swapped is decided when the script runs: it depends on the primary's instruments, on the
    /// installed gh-ost, and on the operator.
    fn choose_cut_over(&self, script: &mut Script) {
        let decided = match self.context.options.cut_over {
            Some(CutOver::TwoStep) => "two-step",
            Some(CutOver::WritersStopped) => "writers-stopped",
            None => "",
        };
        script.push(Part::Assign("default_cut_over", Word::text(decided)));
        if self.release.checks_metadata_lock() {
            script.push(Part::Ask("enabled_instruments", ProbeServer::Primary, Word::text(preconditions::INSTRUMENT)));
            script.shell(text::SEES_LOCKS);
        } else {
            script.shell(text::SEES_NO_LOCKS);
        }
        script.shell(text::CHOOSE_CUT_OVER);
    }

    fn cut_over_script(&self, step: &Step, copy: &Step) -> Script {
        let (database, table) = (&self.change.database.name, &self.change.table.name);
        let ghost = gh_ost_name(table, "gho");
        let mut script = draft::script(step, self.context, self.topology);
        script.push(Part::Assign("run_name", Word::text(&*copy.id)));
        script.push(Part::Assign("copy_script", Word::text(copy.script.clone().unwrap_or_default())));
        script.shell(text::CUT_OVER_VARIABLES);
        script.push(Part::AllOf("is_done", step.verify.clone()));
        script.extend(copy_state::parts(self.change));
        script.push(Part::Function("check_assumptions", vec![Part::Gate]));
        let mut before = vec![Part::PriorSteps];
        before.push(Part::Prove(super::script::Proof {
            server: super::script::AskedServer::Own(ProbeServer::Primary),
            what: format!("the copy of {database}.{table} exists"),
            query: tables_query(database, std::slice::from_ref(&ghost)),
            expected: String::from("1"),
            fix: format!("run {} --execute first", copy.script.as_deref().unwrap_or_default()),
        }));
        before.extend(proofs(&preconditions::foreign_keys(self.context, self.change)));
        script.push(Part::Function("before_change", before));
        script.extend(compare::parts(self.change, &ghost));
        script.push(Part::Ask("busy_sessions", ProbeServer::Primary, Word::text(text::BUSY_SESSIONS)));
        script.shell(text::CUT_OVER);
        script
    }
}
