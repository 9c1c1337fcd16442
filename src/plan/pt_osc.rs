//! pt-online-schema-change: a copy that triggers keep up to date, compared and swapped by hand.

use super::alter;
use super::estimate;
use super::gh_ost::{Online, compare};
use super::preflight;
use super::scene::{Change, Scene};
use super::script::{Script, quote};
use super::sql::{self, tables_query};
use super::topology::{Route, Topology};
use super::{Effect, Kind, Outcome, Precondition, Probe, Rollback, Step};

/// The tables that it makes beside a table.
pub(super) fn leftovers(table: &str) -> [String; 2] {
    [format!("_{table}_new"), format!("_{table}_old")]
}

/// A part of the tool's DSN: commas divide it.
fn dsn(text: &str) -> String {
    text.replace('\\', "\\\\").replace(',', "\\,")
}

/// Whether the tool can write a name.
pub(super) fn is_name(name: &str) -> bool {
    !name.contains(['`', ',', '\\', '=', '\n', '\r', '\'', '"', '.']) && name.len() <= 59
}

/// The steps.
pub(super) fn steps(scene: &Scene<'_>, change: &Change<'_>, topology: Option<&Topology<'_>>) -> Online {
    Online { copy: copy(scene, change, topology), swap: swap(scene, change, topology) }
}

fn copy(scene: &Scene<'_>, change: &Change<'_>, topology: Option<&Topology<'_>>) -> (Step, Script) {
    let (database, table) = (&change.database.name, &change.table.name);
    let [new, _] = leftovers(table);
    let title = format!("Copy {database}.{table} with pt-online-schema-change; triggers keep the copy up to date");
    let mut preconditions = preflight::pt_osc(scene, change, topology);
    for odd in [database, table].into_iter().filter(|odd| !is_name(odd)) {
        preconditions.push(Precondition {
            what: String::from("the tool can write the name"),
            host: super::Host::Inspected,
            query: None,
            expected: None,
            outcome: Outcome::Failed,
            seen: format!("{odd:?}"),
            fix: Some(String::from("use gh-ost or ALTER TABLE")),
            by_tool: false,
        });
    }
    let verify = vec![Probe {
        what: String::from("the copy is there"),
        query: tables_query(database, std::slice::from_ref(&new)),
        expected: String::from("1"),
    }];
    let mut script = Script::new("@ID@", &title, scene.name(), topology);
    script.push("PT_OSC=${PT_OSC:-pt-online-schema-change}");
    script.push("@GATE@");
    let done = alter::probes(change);
    script.skip_when(&done);
    script.prove(&preconditions).push("all_proven");
    let replica = topology.is_some_and(|topology| topology.route == Route::Replica);
    let mut lines = vec![
        format!("--alter={}", quote(&alter::clauses(scene, change))),
        // The comparison and the swap are a step of their own.
        String::from("--no-swap-tables"),
        String::from("--no-drop-new-table"),
        String::from("--no-drop-old-table"),
        String::from("--no-drop-triggers"),
        String::from("--recursion-method=none"),
        String::from("--chunk-time=0.5"),
        String::from("--max-load=\"${CSM_AUDIT_MAX_LOAD:-Threads_running=50}\""),
        String::from("--critical-load=\"${CSM_AUDIT_CRITICAL_LOAD:-Threads_running=1000}\""),
        String::from("--set-vars=lock_wait_timeout=5"),
        String::from("--tries='create_triggers:60:5,copy_rows:60:1'"),
        String::from("--charset=utf8mb4"),
        String::from("--no-version-check"),
        String::from("--print"),
    ];
    if replica {
        lines.push(String::from("--max-lag=\"${CSM_AUDIT_MAX_LAG_SECONDS:-2}\""));
        lines.push(String::from("--check-slave-lag=\"F=$CNF,h=$HOST,P=$PORT\""));
    }
    script.push("arguments=(");
    for line in &lines {
        script.push(&format!("    {line}"));
    }
    let place = format!("D={},t={}", dsn(database), dsn(table));
    script.push(&format!("    \"F=$CNF,h=$PRIMARY_HOST,P=$PRIMARY_PORT,\"{}", quote(&place))).push(")");
    script.push(
        r#"if [ "${1:-}" != --execute ]; then
    "$PT_OSC" "${arguments[@]}" --dry-run
    say 'All of it holds. With --execute the table is copied.'
    exit 0
fi
"$PT_OSC" "${arguments[@]}" --execute
"#,
    );
    let step = Step {
        server: topology.map(Topology::writer),
        database: Some(database.clone()),
        table: Some(table.clone()),
        run: format!("pt-online-schema-change {}", lines.join(" ")),
        preconditions,
        verify,
        rollback: Rollback {
            run: Some(format!("{}; DROP TABLE IF EXISTS {}", triggers_of(database, table), sql::table(database, &new))),
            what: String::from("the table is as it was: drop the triggers pt_osc_… first, then the copy"),
            until: Some(String::from("the swap")),
            point_of_no_return: false,
        },
        estimate: estimate::copy(change.measures(), topology.map(|topology| topology.server)),
        ..Step::of(scene, Kind::PtOnlineSchemaChange, title)
    };
    (step, script)
}

/// Asks for the statements that drop the tool's triggers of a table.
fn triggers_of(database: &str, table: &str) -> String {
    format!(
        "SELECT CONCAT('DROP TRIGGER `', REPLACE(TRIGGER_SCHEMA, '`', '``'), '`.`', REPLACE(TRIGGER_NAME, '`', '``'), \
         '`;') FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {} AND EVENT_OBJECT_TABLE = {} AND \
         TRIGGER_NAME LIKE 'pt\\_osc\\_%'",
        sql::text(database),
        sql::text(table)
    )
}

fn swap(scene: &Scene<'_>, change: &Change<'_>, topology: Option<&Topology<'_>>) -> (Step, Script) {
    let (database, table) = (&change.database.name, &change.table.name);
    let [new, old] = leftovers(table);
    let title = format!("Compare the rows of {database}.{table} with the copy's, and swap the tables");
    let verify = alter::probes(change);
    let rename = format!(
        "SET SESSION lock_wait_timeout = 5; RENAME TABLE {} TO {}, {} TO {}",
        sql::table(database, table),
        sql::table(database, &old),
        sql::table(database, &new),
        sql::table(database, table)
    );
    let mut script = Script::new("@ID@", &title, scene.name(), topology);
    script.push("@GATE@");
    // The triggers went along with the old table, where they do nothing but stand in the way.
    script.push(&format!(
        "\ndrop_triggers() {{\n    local drops\n    drops=$(ask primary {})",
        quote(&triggers_of(database, &old))
    ));
    script.push("    [ -z \"$drops\" ] || ask primary \"$drops\"\n}");
    script.skip_when(&verify);
    let text = script
        .text()
        .replace("if is_done; then\n", "if is_done; then\n    [ \"${1:-}\" != --execute ] || drop_triggers\n");
    let mut script = Script::from_text(text);
    script.push(&format!(
        "prove primary 'the copy is there' \\\n    {} '1' 'the step before makes it'",
        quote(&tables_query(database, std::slice::from_ref(&new)))
    ));
    script.push(&format!(
        "prove primary 'its three triggers are there' \\\n    {} '3' 'without them the copy is not up to date'\nall_proven",
        quote(&format!(
            "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {} AND EVENT_OBJECT_TABLE = {} \
             AND TRIGGER_NAME LIKE 'pt\\_osc\\_%'",
            sql::text(database),
            sql::text(table)
        ))
    ));
    compare(&mut script, change, &new);
    script.run_sql(&rename);
    script.push("drop_triggers");
    let mut effects = alter::effects(scene, change);
    effects.push(Effect::Leaves { database: database.clone(), of: table.clone(), tables: vec![old.clone()] });
    let step = Step {
        server: topology.map(Topology::writer),
        database: Some(database.clone()),
        table: Some(table.clone()),
        run: rename,
        verify,
        rollback: Rollback {
            run: None,
            what: String::from(
                "the old table lacks what was written since the swap: stop the writers before it and keep them stopped \
                 until all is well, and the same RENAME the other way round is a way back",
            ),
            until: Some(String::from("the first write after the swap; from then on there is no return")),
            point_of_no_return: true,
        },
        effects,
        ..Step::of(scene, Kind::PtOnlineSchemaChange, title)
    };
    (step, script)
}
