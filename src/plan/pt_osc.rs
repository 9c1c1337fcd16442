//! pt-online-schema-change: a copy that triggers keep up to date, compared and swapped by a step of its own.

use super::change::{LOCK_WAIT, alter_clauses, effects, probes, pt_osc_tables};
use super::compare;
use super::context::{EnvironmentContext, TableChange};
use super::draft::{self, Draft, Slot};
use super::estimate;
use super::preconditions;
use super::script::{AskedServer, Part, Proof, RUN_SQL, proofs};
use super::shell::Word;
use super::sql::{self, tables_query};
use super::topology::{Route, Topology};
use super::types::{Effect, Language, Phase, Probe, ProbeServer, Rollback, Step, StepKind};

/// A part of the tool's DSN: commas divide it (pt-online-schema-change(1), DSN OPTIONS).
fn dsn(text: &str) -> String {
    text.replace('\\', "\\\\").replace(',', "\\,")
}

/// The arguments of both modes, each a word of the shell.
fn arguments(context: &EnvironmentContext<'_>, change: &TableChange<'_>, replica: bool) -> Vec<Word> {
    let option = |name: &str, expansion: &'static str| Word::text(format!("--{name}=")).and_expansion(expansion);
    let mut words = vec![
        Word::text("--alter=").and(alter_clauses(context, change)),
        option("recursion-method", "${CSM_AUDIT_RECURSION:-none}"),
        Word::text("--chunk-time=0.5"),
        option("max-load", "${CSM_AUDIT_MAX_LOAD:-Threads_running=50}"),
        option("critical-load", "${CSM_AUDIT_CRITICAL_LOAD:-Threads_running=1000}"),
        option("max-lag", "${CSM_AUDIT_MAX_LAG_SECONDS:-2}"),
        Word::text(format!("--set-vars=lock_wait_timeout={LOCK_WAIT}")),
        Word::text("--tries=create_triggers:60:5,copy_rows:60:1"),
        Word::text("--charset=utf8mb4"),
        Word::text("--no-version-check"),
        Word::text("--print"),
    ];
    if replica {
        words.push(
            Word::text("--check-slave-lag=F=")
                .and_expansion("$CNF")
                .and(",h=")
                .and_expansion("$HOST")
                .and(",P=")
                .and_expansion("$PORT"),
        );
    }
    words
}

/// The copy.
pub(super) fn copy(
    context: &EnvironmentContext<'_>,
    change: &TableChange<'_>,
    topology: Option<&Topology<'_>>,
    slot: &Slot,
) -> Draft {
    let (database, table) = (&change.database.name, &change.table.name);
    let [new, _] = pt_osc_tables(table);
    let title = format!("Copy {database}.{table} with pt-online-schema-change; triggers keep the copy up to date");
    let replica = topology.is_some_and(|topology| topology.route == Route::Replica);
    let words = arguments(context, change, replica);
    let printed: Vec<String> = words.iter().map(Word::to_string).collect();
    let file = slot.file("pt-osc", Some(table));
    let step = Step {
        phase: Some(Phase::Copy),
        server: topology.map(Topology::writer),
        database: Some(database.clone()),
        table: Some(table.clone()),
        script: Some(file.clone()),
        run: format!("pt-online-schema-change {} --execute", printed.join(" ")),
        preconditions: preconditions::pt_osc(context, change, topology),
        verify: vec![Probe {
            what: format!("the copy of {database}.{table} exists"),
            query: tables_query(database, std::slice::from_ref(&new)),
            expected: String::from("1"),
        }],
        rollback: Rollback {
            run: Some(format!("./{file} --discard")),
            language: Language::Shell,
            what: String::from(
                "drops the triggers and then the copy, once the tool has ended; the table was not changed",
            ),
            until: Some(String::from("the swap")),
            point_of_no_return: false,
        },
        estimate: estimate::copy(change.measures(), topology.map(|topology| topology.server)),
        ..draft::step(context, slot, StepKind::PtOnlineSchemaChange, title)
    };
    let mut script = draft::script(&step, context, topology);
    script.shell("PT_OSC=${PT_OSC:-pt-online-schema-change}");
    script.push(Part::AllOf("is_done", probes(change)));
    script.push(Part::AllOf("copy_exists", step.verify.clone()));
    script.push(Part::Function("check_assumptions", vec![Part::Gate]));
    let mut before = vec![Part::PriorSteps];
    before.extend(proofs(&step.preconditions));
    script.push(Part::Function("before_change", before));
    script.push(Part::Ask("trigger_drops", ProbeServer::Primary, Word::text(trigger_drops(database, table))));
    script
        .push(Part::Assign("discard_sql", Word::text(format!("DROP TABLE IF EXISTS {}", sql::table(database, &new)))));
    script.shell(RUN_SQL).push(Part::Array("arguments", words));
    let place = Word::text("F=")
        .and_expansion("$CNF")
        .and(",h=")
        .and_expansion("$PRIMARY_HOST")
        .and(",P=")
        .and_expansion("$PRIMARY_PORT")
        .and(format!(",D={},t={}", dsn(database), dsn(table)));
    script.push(Part::Assign("place", place)).shell(COPY);
    Draft { step, script }
}

/// The condition that selects the tool's own triggers (`pt-online-schema-change`, `create_triggers`).
const OF_THE_TOOL: &str = r"TRIGGER_NAME LIKE 'pt\_osc\_%'";

/// A query for the statements that drop the tool's triggers of a table.
fn trigger_drops(database: &str, table: &str) -> String {
    format!(
        "SELECT CONCAT('DROP TRIGGER `', REPLACE(TRIGGER_SCHEMA, '`', '``'), '`.`', REPLACE(TRIGGER_NAME, '`', '``'), \
         '`;') FROM information_schema.TRIGGERS WHERE {} AND {OF_THE_TOOL}",
        sql::triggers_of(database, table)
    )
}

/// The swap.
pub(super) fn cut_over(
    context: &EnvironmentContext<'_>,
    change: &TableChange<'_>,
    topology: Option<&Topology<'_>>,
    slot: &Slot,
    copy: &Step,
) -> Draft {
    let (database, table) = (&change.database.name, &change.table.name);
    let [new, old] = pt_osc_tables(table);
    let title = format!("Compare the rows of {database}.{table} with the copy, and swap the tables");
    let mut effects = effects(context, change);
    effects.push(Effect::LeavesTables { database: database.clone(), of: table.clone(), tables: vec![old.clone()] });
    let step = Step {
        phase: Some(Phase::CutOver),
        server: topology.map(Topology::writer),
        database: Some(database.clone()),
        table: Some(table.clone()),
        script: Some(slot.file("cut-over", Some(table))),
        run: format!(
            "SET SESSION lock_wait_timeout = {LOCK_WAIT}; RENAME TABLE {} TO {}, {} TO {}",
            sql::table(database, table),
            sql::table(database, &old),
            sql::table(database, &new),
            sql::table(database, table)
        ),
        language: Language::Sql,
        verify: probes(change),
        rollback: Rollback {
            run: None,
            language: Language::Shell,
            what: String::from(
                "the old table lacks what was written since the swap: stop the writers before it and keep them stopped \
                 until all is well, and the same RENAME in the other direction is a rollback",
            ),
            until: Some(String::from("the first write after the swap; from then on no rollback is possible")),
            point_of_no_return: true,
        },
        effects,
        ..draft::step(context, slot, StepKind::PtOnlineSchemaChange, title)
    };
    let mut script = draft::script(&step, context, topology);
    script.push(Part::Assign("run_name", Word::text(&*copy.id))).shell(VARIABLES);
    // The triggers stay with the old table, where they have no effect but to stand in the way.
    script.push(Part::Ask("trigger_drops", ProbeServer::Primary, Word::text(trigger_drops(database, &old))));
    script.push(Part::AllOf("is_done", step.verify.clone()));
    script.push(Part::Function("check_assumptions", vec![Part::Gate]));
    let own = |what: String, query: String, expected: &str, fix: String| {
        Part::Prove(Proof {
            server: AskedServer::Own(ProbeServer::Primary),
            what,
            query,
            expected: expected.to_owned(),
            fix,
        })
    };
    let copy_script = copy.script.clone().unwrap_or_default();
    let mut before = vec![
        Part::PriorSteps,
        own(
            format!("the copy of {database}.{table} exists"),
            tables_query(database, std::slice::from_ref(&new)),
            "1",
            format!("run {copy_script} --execute first"),
        ),
        own(
            String::from("the three triggers of the tool exist"),
            format!("{} AND {OF_THE_TOOL}", sql::triggers_query(database, table)),
            "3",
            format!("without them the copy is not up to date: {copy_script} --discard, and copy again"),
        ),
    ];
    before.extend(proofs(&preconditions::foreign_keys(context, change)));
    script.push(Part::Function("before_change", before));
    script.push(Part::Assign("sql", Word::text(&*step.run))).shell(RUN_SQL);
    script.extend(compare::parts(change, &new)).shell(CUT_OVER);
    Draft { step, script }
}

const COPY: &str = r#"
case ${1:-} in
    '' | --try | --execute | --discard) ;;
    *) die "usage: $(basename -- "$0") [--try | --execute | --discard]" 2 ;;
esac
discard() {
    local drops
    is_done && die 'The tables are swapped: the clean-up step drops what is left.' 5
    drops=$(trigger_drops)
    [ -z "$drops" ] || run_sql "$drops"
    run_sql "$discard_sql"
    say 'The triggers and the copy are dropped.'
    exit 0
}
[ "${1:-}" != --discard ] || discard
if is_done; then
    say 'Already done: nothing to do.'
    exit 0
fi
check_assumptions
if copy_exists; then
    say 'A copy exists. If the tool has ended successfully, continue with the next step, which compares the rows.'
    die "If it was interrupted: run $0 --discard, then $0 --execute" 5
fi
before_change
all_proven
if [ "${1:-}" = --try ]; then
    # The tool makes an empty copy, alters it and drops it.
    "$PT_OSC" "${arguments[@]}" "$place" --dry-run
    exit 0
fi
if [ "${1:-}" != --execute ]; then
    say 'All preconditions passed. --try creates and drops an empty copy; --execute copies the table:'
    printf '%q ' "$PT_OSC" "${arguments[@]}" "$place"
    printf '\n'
    exit 0
fi
# The comparison and the swap are a step of their own.
"$PT_OSC" "${arguments[@]}" --no-swap-tables --no-drop-new-table --no-drop-old-table --no-drop-triggers "$place" --execute ||
    die "The tool ended with an error. Run $0 --discard, then $0 --execute"
"#;

const VARIABLES: &str = r#"
run_folder=${CSM_AUDIT_RUN:-$here/run}
mkdir -p -- "$run_folder"
run=$run_folder/$run_name
"#;

const CUT_OVER: &str = r#"
case ${1:-} in
    '' | --compare | --execute) ;;
    *) die "usage: $(basename -- "$0") [--compare | --execute]" 2 ;;
esac
drop_triggers() {
    local drops
    drops=$(trigger_drops)
    [ -z "$drops" ] || run_sql "$drops"
}
if is_done; then
    [ "${1:-}" != --execute ] || drop_triggers
    rm -f -- "$run.compared"
    say 'Already done: nothing to do.'
    exit 0
fi
check_assumptions
before_change
all_proven
if [ "${1:-}" = '' ]; then
    say 'All preconditions passed. --compare compares the rows; --execute compares them and swaps the tables:'
    printf '%s\n' "$sql"
    exit 0
fi
compare_rows
if [ "$1" = --compare ]; then
    exit 0
fi
run_sql "$sql"
is_done || die 'The statement succeeded, but the result differs from the plan: look before you go on.'
drop_triggers
rm -f -- "$run.compared"
say 'Done.'
"#;
