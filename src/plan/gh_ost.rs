//! gh-ost: the copy, the comparison of rows, the cut-over, the way back.
//!
//! Every flag is there for a reason, and none that was seen to lose writes: no `--skip-foreign-key-checks`, no
//! `--discard-foreign-keys`, no hooks, and no atomic cut-over where the server or the release does not check its lock:
//! `--skip-metadata-lock-check` comes with the two-step cut-over alone, which needs no lock.

use super::alter;
use super::estimate;
use super::gh_ost_flags::Release;
use super::preflight;
use super::scene::{Change, Scene, gh_ost_name};
use super::script::{Script, quote};
use super::sql::{self, tables_query};
use super::topology::{Platform, Route, Topology};
use super::{CutOver, Effect, Kind, Precondition, Probe, Rollback, Step};

/// The two steps of an online copy: the copy itself, and the swap.
pub(super) struct Online {
    pub copy: (Step, Script),
    pub swap: (Step, Script),
}

/// The release that the scripts are written for.
pub(super) fn release(scene: &Scene<'_>, topology: Option<&Topology<'_>>) -> Release {
    scene.options.gh_ost.unwrap_or_else(|| Release::for_server(topology.map(|topology| topology.server)))
}

/// The flags, each as a word of the shell.
fn flags(scene: &Scene<'_>, change: &Change<'_>, topology: Option<&Topology<'_>>, release: Release) -> Vec<String> {
    let given = |name: &str, value: &str| format!("--{name}={value}");
    let mut flags = vec![
        given("conf", "\"$CNF\""),
        given("host", "\"$HOST\""),
        given("port", "\"$PORT\""),
        given("database", &quote(&change.database.name)),
        given("table", &quote(&change.table.name)),
        given("alter", &quote(&alter::clauses(scene, change))),
        given("chunk-size", "\"${CSM_AUDIT_CHUNK:-1000}\""),
        given("dml-batch-size", "\"${CSM_AUDIT_DML_BATCH:-100}\""),
        given("max-lag-millis", "\"${CSM_AUDIT_MAX_LAG:-1500}\""),
        given("max-load", "\"${CSM_AUDIT_MAX_LOAD:-Threads_running=50}\""),
        given("critical-load", "\"${CSM_AUDIT_CRITICAL_LOAD:-Threads_running=1000}\""),
        // One peak is no reason to give up a copy of days.
        given("critical-load-interval-millis", "10000"),
        given("default-retries", "120"),
        given("cut-over-lock-timeout-seconds", "5"),
        given("serve-socket-file", "\"$socket\""),
        given("throttle-flag-file", "\"$run.throttle\""),
        given("throttle-additional-flag-file", "\"$run_folder/throttle-all\""),
        given("panic-flag-file", "\"$run.panic\""),
        String::from("--verbose"),
    ];
    if let Some(topology) = topology {
        if topology.route != Route::Replica {
            flags.push(String::from("--allow-on-master"));
        }
        if topology.is_circular {
            flags.push(String::from("--allow-master-master"));
        }
        // gh-ost finds the primary from its replica, but not in a circle, and not where the replica calls it by a name
        // that only the platform knows.
        let elsewhere = matches!(topology.platform, Platform::Azure | Platform::CloudSql | Platform::Rds);
        if topology.is_circular || topology.route == Route::Replica && elsewhere {
            flags.push(given("assume-master-host", "\"$PRIMARY_HOST:$PRIMARY_PORT\""));
        }
        if assumes_rows(topology) {
            flags.push(String::from("--assume-rbr"));
        }
        match preflight::given_port_flag(topology, release) {
            Some(flag) => flags.push(format!("--{flag}")),
            None if topology.is_proxied => flags.push(String::from("--skip-port-validation")),
            None => {}
        }
        if topology.variable("require_secure_transport").is_some_and(|value| value.eq_ignore_ascii_case("ON")) {
            flags.push(String::from("--ssl"));
        }
    }
    if change.database.triggers.found.iter().any(|trigger| trigger.table == change.table.name) {
        flags.push(String::from("--include-triggers"));
        flags.push(given("trigger-suffix", "_v2"));
    }
    flags.push(String::from("--panic-on-warnings"));
    flags.retain(|flag| {
        let name = flag.trim_start_matches("--").split('=').next().unwrap_or_default();
        release.knows(name)
    });
    flags
}

/// Whether replication needs no restart for its rows to be logged as rows. An applier that was started before
/// `binlog_format` became ROW goes on to log what it did before; from MySQL 8 on the format cannot change under it.
pub(super) fn assumes_rows(topology: &Topology<'_>) -> bool {
    let row = |server: &crate::live::facts::ServerFacts| {
        server.variables.get("binlog_format").is_some_and(|value| value.eq_ignore_ascii_case("ROW"))
    };
    let new = !topology.is_mariadb() && topology.server.version >= (8, 0, 0);
    topology.platform != Platform::Own
        || topology.route != Route::Replica
        || new && row(topology.server)
        || topology.primary_facts.is_some_and(row)
}

/// The steps.
pub(super) fn steps(scene: &Scene<'_>, change: &Change<'_>, topology: Option<&Topology<'_>>) -> Online {
    let release = release(scene, topology);
    let mut preconditions = preflight::gh_ost(scene, change, topology, release);
    // The swap has to be safe when it comes, which may be days after the copy has begun; both ask.
    let safe = preconditions.iter().find(|item| item.what.starts_with("the swap of the tables")).cloned();
    if scene.options.cut_over.is_none()
        && let Some(item) = preconditions.iter_mut().find(|item| item.what.starts_with("the swap of the tables"))
    {
        // The script decides by what it sees at run time, and by what the operator says then.
        item.expected = None;
        item.by_tool = true;
    }
    Online {
        copy: copy(scene, change, topology, release, preconditions),
        swap: swap(scene, change, topology, release, safe),
    }
}

fn copy(
    scene: &Scene<'_>,
    change: &Change<'_>,
    topology: Option<&Topology<'_>>,
    release: Release,
    preconditions: Vec<Precondition>,
) -> (Step, Script) {
    let (database, table) = (&change.database.name, &change.table.name);
    let ghost = gh_ost_name(table, "gho");
    let title = format!("Copy {database}.{table} with gh-ost, and keep the copy up to date until the cut-over");
    let flags = flags(scene, change, topology, release);
    let mut script = Script::new("@ID@", &title, scene.name(), topology);
    variables(&mut script);
    script.push(
        r#"usage="usage: $(basename -- "$0") [--execute | --resume | --revert]
Without an argument gh-ost tries everything and changes nothing."
mode=${1:---noop}
case $mode in
    --noop | --execute | --resume | --revert) ;;
    *) die "$usage" 2 ;;
esac
"#,
    );
    script.push("@GATE@");
    script.push("arguments=(");
    for flag in &flags {
        script.push(&format!("    {flag}"));
    }
    script.push(")");
    secure(&mut script, &flags);
    cut_over_kind(&mut script, release, scene.options.cut_over);
    modes(&mut script, change, release, &preconditions);
    script.push(
        r#"
# What the installed gh-ost does not know it would only complain about half-way.
"$GH_OST" --check-flag "${arguments[@]}" >/dev/null ||
    die "This $GH_OST lacks a flag; plan again with --gh-ost-version $("$GH_OST" --version | cut -d' ' -f1)." 2
say "$GH_OST ${arguments[*]}"
"$GH_OST" "${arguments[@]}" 2>&1 | tee -a "$run.log"
"#,
    );
    let step = Step {
        server: topology.map(|topology| topology.inspected.to_string()),
        database: Some(database.clone()),
        table: Some(table.clone()),
        run: format!("gh-ost {}", flags.join(" ")),
        preconditions,
        verify: vec![Probe {
            what: String::from("the copy is there"),
            query: tables_query(database, std::slice::from_ref(&ghost)),
            expected: String::from("1"),
        }],
        rollback: Rollback {
            run: Some(format!(
                "touch run/@ID@.panic, and when gh-ost has ended: DROP TABLE IF EXISTS {}",
                ["gho", "ghc", "ghk"].map(|suffix| sql::table(database, &gh_ost_name(table, suffix))).join(", ")
            )),
            what: String::from("the table is as it was: nothing has been swapped yet"),
            until: Some(String::from("the cut-over")),
            point_of_no_return: false,
        },
        estimate: estimate::copy(change.measures(), topology.map(|topology| topology.server)),
        ..Step::of(scene, Kind::GhOst, title)
    };
    (step, script)
}

/// What both scripts call things by.
fn variables(script: &mut Script) {
    script.push(
        r#"
GH_OST=${GH_OST:-${CSM_AUDIT_GH_OST:-gh-ost}}
run_folder=${CSM_AUDIT_RUN:-$here/run}
mkdir -p -- "$run_folder"
run=$run_folder/@COPY@
# A socket's path has to be short.
socket=${TMPDIR:-/tmp}/gh-ost.$$.sock
"#,
    );
}

/// Encryption, where the server insists on it.
fn secure(script: &mut Script, flags: &[String]) {
    if flags.iter().any(|flag| flag == "--ssl") {
        script.push(
            r#"if [ -n "${CSM_AUDIT_SSL_CA:-}" ]; then
    arguments+=(--ssl-ca="$CSM_AUDIT_SSL_CA")
else
    say 'CSM_AUDIT_SSL_CA names no authority: the connection is encrypted, and whose server it is is not checked.'
    arguments+=(--ssl-allow-insecure)
fi
"#,
        );
    }
    script.push(
        r#"if [ -n "${CSM_AUDIT_CONTROL_REPLICAS:-}" ]; then
    # host:port,host:port: the copy waits for these when they are behind.
    arguments+=(--throttle-control-replicas="$CSM_AUDIT_CONTROL_REPLICAS")
fi
"#,
    );
}

/// How the tables may be swapped is seen when it comes to it: it depends on the primary's instruments, on gh-ost, and
/// on what the operator decided.
fn cut_over_kind(script: &mut Script, release: Release, decided: Option<CutOver>) {
    let decided = match decided {
        Some(CutOver::TwoStep) => "two-step",
        Some(CutOver::WritersStopped) => "writers-stopped",
        None => "",
    };
    let checks = if release.checks_metadata_lock() {
        r#""$GH_OST" --check-flag --skip-metadata-lock-check >/dev/null 2>&1 &&
        [ "$(ask primary "SELECT COUNT(*) FROM performance_schema.setup_instruments
            WHERE NAME = 'wait/lock/metadata/sql/mdl' AND ENABLED = 'YES' AND TIMED = 'YES'" 2>/dev/null)" = 1 ]"#
    } else {
        "false"
    };
    // gh-ost from 1.1.8 on insists on the instrument even where it swaps in two steps, which does not need it.
    let without =
        if release.checks_metadata_lock() { "sees_locks || arguments+=(--skip-metadata-lock-check)" } else { ":" };
    script.push(&format!(
        r#"
# gh-ost's atomic swap loses writes unless it can see the metadata locks at the primary.
sees_locks() {{
    {checks}
}}
choose_cut_over() {{
    local decided=${{CSM_AUDIT_CUT_OVER:-{decided}}}
    case $decided in
        two-step | writers-stopped)
            if [ "$decided" = two-step ]; then
                say 'Two renames: nothing is lost; for an instant there is no table, and statements fail with error 1146.'
            else
                say 'Nobody may write from before the cut-over until after it: that is on you.'
            fi
            arguments+=(--cut-over=two-step)
            {without}
            ;;
        '')
            sees_locks || die 'The atomic swap could lose writes here: gh-ost cannot see the metadata locks at the primary.
Switch the instrument wait/lock/metadata/sql/mdl on and take gh-ost 1.1.8 or newer, or decide:
  CSM_AUDIT_CUT_OVER=two-step         nothing is lost; statements fail with error 1146 for an instant
  CSM_AUDIT_CUT_OVER=writers-stopped  nobody writes while the tables are swapped' 4
            arguments+=(--cut-over=atomic)
            ;;
        *) die "CSM_AUDIT_CUT_OVER is two-step or writers-stopped, not $decided." 2 ;;
    esac
}}
"#
    ));
}

/// What each mode proves and adds.
fn modes(script: &mut Script, change: &Change<'_>, release: Release, items: &[Precondition]) {
    let (database, table) = (&change.database.name, &change.table.name);
    let checkpoint = release.knows("checkpoint");
    let (fresh, always): (Vec<Precondition>, Vec<Precondition>) =
        items.iter().cloned().partition(|item| item.what == "nothing is left of an earlier run");
    let (columns, always): (Vec<Precondition>, Vec<Precondition>) =
        always.into_iter().partition(|item| item.what.contains("is still") || item.what.starts_with("no negative"));
    script.push("\nrows_in_place() {");
    script.prove(&columns).push("}").push("nothing_left() {").prove(&fresh).push("}").push("choose_cut_over");
    script.push("case $mode in\n    --noop)\n        rows_in_place\n        nothing_left\n        ;;");
    let checkpoints = if checkpoint { "\n        arguments+=(--checkpoint --checkpoint-seconds=60)" } else { "" };
    script.push(&format!(
        "    --execute)\n        rows_in_place\n        nothing_left\n        rm -f -- \"$run.panic\"\n        \
         : >\"$run.postpone\"{checkpoints}\n        \
         arguments+=(--postpone-cut-over-flag-file=\"$run.postpone\" --execute)\n        ;;"
    ));
    if checkpoint {
        script.push(
            "    --resume)\n        rows_in_place\n        rm -f -- \"$run.panic\"\n        : >\"$run.postpone\"\n        \
             arguments+=(--checkpoint --checkpoint-seconds=60 --resume\n            \
             --postpone-cut-over-flag-file=\"$run.postpone\" --execute)\n        ;;",
        );
    } else {
        script.push("    --resume) die 'This release of gh-ost cannot resume: roll back and begin again.' 2 ;;");
    }
    if release.knows("revert") && checkpoint {
        let key = change.columns.iter().map(|widening| &widening.column.name);
        script.push("    --revert)");
        let left = [gh_ost_name(table, "del"), gh_ost_name(table, "ghk")];
        script.push(&format!(
            "        prove primary 'the old table and the checkpoints are there' \\\n            {} \\\n            '2' \
             'without them there is no way back'",
            quote(&tables_query(database, &left))
        ));
        for column in key {
            script.push(&format!(
                "        prove primary {} \\\n            {} \\\n            '0' 'the way back has expired: these rows \
                 would be lost'",
                quote(&format!("every value of {column} fits the old type")),
                quote(&format!(
                    "SELECT COUNT(*) FROM (SELECT 1 FROM {} WHERE {} > {} LIMIT 1) AS beyond",
                    sql::table(database, table),
                    sql::name(column),
                    alter::old_limit(change)
                ))
            ));
        }
        script.push(&format!(
            "        arguments+=(--checkpoint --checkpoint-seconds=60 --revert --old-table={} --execute)\n        ;;",
            quote(&gh_ost_name(table, "del"))
        ));
    } else {
        script.push("    --revert) die 'This release of gh-ost cannot revert.' 2 ;;");
    }
    script.push("esac");
    script.prove(&always).push("all_proven");
}

fn swap(
    scene: &Scene<'_>,
    change: &Change<'_>,
    topology: Option<&Topology<'_>>,
    release: Release,
    safe: Option<Precondition>,
) -> (Step, Script) {
    let (database, table) = (&change.database.name, &change.table.name);
    let ghost = gh_ost_name(table, "gho");
    let title = format!("Compare the rows of {database}.{table} with the copy's, and cut over");
    let verify = alter::probes(change);
    let mut script = Script::new("@ID@", &title, scene.name(), topology);
    script.push("run_folder=${CSM_AUDIT_RUN:-$here/run}\nrun=$run_folder/@COPY@");
    script.push("@GATE@").skip_when(&verify);
    let there = tables_query(database, std::slice::from_ref(&ghost));
    script.push(&format!(
        "prove primary 'the copy is there' \\\n    {} '1' 'the step before makes it'\nall_proven",
        quote(&there)
    ));
    script.push("[ -e \"$run.postpone\" ] || die \"There is no $run.postpone: gh-ost does not wait for a word.\"");
    compare(&mut script, change, &ghost);
    script.push(
        r#"if [ "${1:-}" != --execute ]; then
    say 'The rows agree. With --execute the tables are swapped.'
    exit 0
fi
rm -f -- "$run.postpone"
say 'gh-ost may cut over now.'
for ((second = 0; second < ${CSM_AUDIT_PATIENCE:-600}; second++)); do
    if is_done; then
        say 'The tables are swapped.'
        exit 0
    fi
    sleep 1
done
: >"$run.postpone"
die 'gh-ost did not cut over in time; the flag file is back. Its log tells why.'
"#,
    );
    let left: Vec<String> = ["del", "ghk"]
        .into_iter()
        .filter(|s| *s == "del" || release.knows("checkpoint"))
        .map(|s| gh_ost_name(table, s))
        .collect();
    let limit = alter::old_limit(change);
    let can_revert = release.knows("revert");
    let mut effects = alter::effects(scene, change);
    effects.push(Effect::Leaves { database: database.clone(), of: table.clone(), tables: left });
    let step = Step {
        server: topology.map(Topology::writer),
        database: Some(database.clone()),
        table: Some(table.clone()),
        run: String::from("rm run/@COPY@.postpone, once the rows were compared"),
        preconditions: safe.into_iter().collect(),
        verify,
        rollback: Rollback {
            run: can_revert.then(|| String::from("@COPY_SCRIPT@ --revert")),
            what: if can_revert {
                String::from(
                    "the old table, brought up to date; foreign keys that were added meanwhile are dropped before",
                )
            } else {
                format!("none: gh-ost {release} cannot bring the old table up to date")
            },
            until: Some(format!("the first value above {limit}; from then on there is no return")),
            point_of_no_return: true,
        },
        effects,
        ..Step::of(scene, Kind::GhOst, title)
    };
    (step, script)
}

/// Compares a table with its copy, chunk by chunk, each chunk of both in one statement. What differs may be on its way:
/// it is looked at again, row by row, until it agrees.
pub(super) fn compare(script: &mut Script, change: &Change<'_>, copy: &str) {
    let (database, table) = (&change.database.name, &change.table.name);
    let Some(key) = chunk_key(change) else {
        script.push("say 'The table has no key of one integer: compare its rows by hand before going on.'");
        script.push("[ -n \"${CSM_AUDIT_COMPARED:-}\" ] || die 'Then set CSM_AUDIT_COMPARED=1.' 3");
        return;
    };
    let columns: Vec<String> =
        change.table.columns.iter().filter(|c| c.generated.is_none()).map(|c| sql::name(&c.name)).collect();
    let of = |alias: &str| {
        let sums: Vec<String> = columns.iter().map(|column| format!("CRC32({alias}.{column})")).collect();
        let nulls: Vec<String> = columns.iter().map(|column| format!("ISNULL({alias}.{column})")).collect();
        format!("CRC32(CONCAT_WS('#', {}, CONCAT({})))", sums.join(", "), nulls.join(", "))
    };
    let key = sql::name(key);
    let (old, new) = (sql::table(database, table), sql::table(database, copy));
    let sum = |from: &str| {
        format!(
            "(SELECT CONCAT(COUNT(*), '/', COALESCE(BIT_XOR({crc}), 0), '/', COALESCE(SUM({crc}), 0)) FROM {from} AS t \
             WHERE t.{key} > @low AND t.{key} <= @high)",
            crc = of("t")
        )
    };
    let differing = format!(
        "SELECT o.{key} FROM {old} AS o LEFT JOIN {new} AS n ON n.{key} = o.{key} WHERE @range(o) AND (n.{key} IS NULL OR \
         {} <> {}) UNION ALL SELECT n.{key} FROM {new} AS n LEFT JOIN {old} AS o ON o.{key} = n.{key} WHERE @range(n) AND \
         o.{key} IS NULL LIMIT 1001",
        of("o"),
        of("n")
    );
    let by_range = differing
        .replace("@range(o)", &format!("o.{key} > @low AND o.{key} <= @high"))
        .replace("@range(n)", &format!("n.{key} > @low AND n.{key} <= @high"));
    let by_id = differing
        .replace("@range(o)", &format!("o.{key} IN (@ids)"))
        .replace("@range(n)", &format!("n.{key} IN (@ids)"));
    script.push(&format!(
        "\nagree={}\ndiffering={}\nagain={}\nnext={}\nlowest={}\nhighest={}",
        quote(&format!("SELECT {} = {}", sum(&old), sum(&new))),
        quote(&by_range),
        quote(&by_id),
        quote(&format!(
            "SELECT MAX(t.{key}) FROM (SELECT {key} FROM {old} WHERE {key} > @low AND {key} <= @end ORDER BY {key} \
             LIMIT @many) AS t"
        )),
        quote(&format!("SELECT COALESCE(LEAST((SELECT MIN({key}) FROM {old}), (SELECT MIN({key}) FROM {new})), 0)")),
        quote(&format!(
            "SELECT GREATEST(COALESCE((SELECT MAX({key}) FROM {old}), 0), COALESCE((SELECT MAX({key}) FROM {new}), 0))"
        ))
    ));
    script.push(
        r#"between() {
    local text=$1
    text=${text//@low/$low}
    printf '%s' "${text//@high/$high}"
}
say 'Comparing the rows of both tables.'
low=$(($(ask inspected "$lowest") - 1))
# What is written from now on goes the same way as what was written until now.
end=$(ask inspected "$highest")
chunks=0
while :; do
    query=${next//@low/$low}
    query=${query//@end/$end}
    high=$(ask inspected "${query//@many/${CSM_AUDIT_CHUNK:-1000}}")
    last=no
    if [ "$high" = NULL ] || [ -z "$high" ]; then
        # Rows that only the copy has.
        high=$end last=yes
    fi
    if [ "$(ask inspected "$(between "$agree")")" != 1 ]; then
        ids=$(ask inspected "$(between "$differing")")
        for ((try = 0; try < 60; try++)); do
            [ -n "$ids" ] || break
            [ "$(wc -l <<<"$ids")" -le 1000 ] || die "Between $low and $high more than 1000 rows differ."
            sleep 0.5
            ids=$(ask inspected "${again//@ids/${ids//$'\n'/,}}")
        done
        [ -z "$ids" ] || die "These rows differ, and go on to: ${ids//$'\n'/ }"
    fi
    chunks=$((chunks + 1))
    if [ "$last" = yes ]; then
        break
    fi
    low=$high
    sleep "${CSM_AUDIT_COMPARE_PAUSE:-0.02}"
done
say "The rows of both tables agree, in $chunks chunks."
"#,
    );
}

/// The integer that a table is walked along.
pub(super) fn chunk_key<'a>(change: &'a Change<'_>) -> Option<&'a str> {
    let index = change.table.primary()?;
    let [part] = index.parts.as_slice() else { return None };
    let column = change.table.column(part.column.as_ref()?)?;
    crate::live::facts::integer_limit(&column.column_type).map(|_| column.name.as_str())
}
