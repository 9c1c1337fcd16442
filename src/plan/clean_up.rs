//! Dropping the tables that online changes leave: only the operator does it, when all has been well for a while.

use super::change::{LOCK_WAIT, values_beyond};
use super::context::{EnvironmentContext, TableChange, gh_ost_name};
use super::copy_state;
use super::draft::{self, Draft, Slot};
use super::script::Part;
use super::sql::{self, tables_query};
use super::sql_step::{SqlBody, body};
use super::topology::Topology;
use super::types::{Effect, Language, Probe, Rollback, Step, StepKind};

/// Leftover tables of one change.
pub(super) struct Leftovers<'c, 'a> {
    pub change: &'c TableChange<'a>,
    /// Their names.
    pub tables: Vec<String>,
    /// Whether the tool can still bring the old table up to date and swap it back.
    pub has_rollback: bool,
    /// The answers once the change is done.
    pub done: Vec<Probe>,
}

/// The step that drops the tables that were left.
pub(super) fn draft(
    context: &EnvironmentContext<'_>,
    leftovers: Leftovers<'_, '_>,
    topology: Option<&Topology<'_>>,
    slot: &Slot,
) -> Draft {
    let Leftovers { change, tables, has_rollback, done } = leftovers;
    let (database, table) = (&change.database.name, &change.table.name);
    let names: Vec<String> = tables.iter().map(|table| sql::table(database, table)).collect();
    let title = format!("Clean up leftover tables in {database}: {}", tables.join(", "));
    let gone = Probe {
        what: format!("no leftover table in {database}"),
        query: tables_query(database, &tables),
        expected: String::from("0"),
    };
    let step = Step {
        server: topology.map(Topology::writer),
        database: Some(database.clone()),
        table: Some(table.clone()),
        script: Some(slot.file("clean-up", Some(table))),
        run: format!("SET SESSION lock_wait_timeout = {LOCK_WAIT}; DROP TABLE IF EXISTS {}", names.join(", ")),
        language: Language::Sql,
        verify: vec![gone.clone()],
        rollback: Rollback {
            point_of_no_return: true,
            ..Rollback::none("none: the old rows are gone, so back them up before")
        },
        effects: vec![Effect::DropsTables { database: database.clone(), tables: tables.clone() }],
        ..draft::step(context, slot, StepKind::CleanUp, title)
    };
    let mut script = draft::script(&step, context, topology);
    script.extend(copy_state::parts(change));
    let copies = [gh_ost_name(table, "gho"), format!("_{table}_new")];
    let mut before = vec![
        Part::Prove(super::script::Proof {
            server: super::script::AskedServer::Own(super::types::ProbeServer::Primary),
            what: format!("no copy of {database}.{table} exists"),
            query: tables_query(database, &copies),
            expected: String::from("0"),
            fix: String::from("finish the copy, or discard it with --discard of its script"),
        }),
        Part::Shell(
            "if copy_is_running; then\n    die 'gh-ost is running on this table: wait until it has ended.' 5\nfi",
        ),
    ];
    if has_rollback {
        let expired =
            values_beyond(change).into_iter().map(|probe| Probe { expected: String::from("0"), ..probe }).collect();
        script.push(Part::AllOf("rollback_is_possible", expired));
        script.shell(GIVE_UP);
        before.push(Part::Shell("ask_for_rollback"));
    }
    let mut is_done = vec![gone];
    is_done.extend(done);
    body(
        &mut script,
        SqlBody {
            note: Some(
                "Dropping a table of many gigabytes can stall a server: choose a quiet hour, and mind the replicas.",
            ),
            sql: &step.run,
            done: is_done,
            surpassed: Vec::new(),
            preconditions: &step.preconditions,
            revert: None,
            before,
        },
    );
    Draft { step, script }
}

const GIVE_UP: &str = r#"
# The tables are all that a rollback needs. While one is possible, giving it up is a decision.
ask_for_rollback() {
    if rollback_is_possible && [ -z "${CSM_AUDIT_GIVE_UP_ROLLBACK:-}" ]; then
        say 'A rollback is still possible: every id fits the old type, and a rollback needs these tables.'
        say "Set CSM_AUDIT_GIVE_UP_ROLLBACK=1 to give up the rollback and drop the tables."
        failed=$((failed + 1))
    fi
}
"#;
