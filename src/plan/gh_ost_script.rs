//! The bash of gh-ost's two scripts, as far as it does not depend on names.

/// Where a run keeps its files.
pub(super) const VARIABLES: &str = r#"
GH_OST=${GH_OST:-${CSM_AUDIT_GH_OST:-gh-ost}}
run_folder=${CSM_AUDIT_RUN:-$here/run}
mkdir -p -- "$run_folder"
run=$run_folder/$run_name
# The path of a socket has to be short.
socket=${TMPDIR:-/tmp}/gh-ost.$$.sock
"#;

pub(super) const USAGE: &str = r#"
usage="usage: $(basename -- "$0") [--execute | --resume | --revert | --discard]
Without an argument gh-ost checks everything and changes nothing."
mode=${1:---noop}
case $mode in
    --noop | --execute | --resume | --revert | --discard) ;;
    *) die "$usage" 2 ;;
esac
"#;

/// Encryption, where the server requires it.
pub(super) const TLS: &str = r#"if [ -n "${CSM_AUDIT_SSL_CA:-}" ]; then
    arguments+=(--ssl-ca="$CSM_AUDIT_SSL_CA")
else
    say 'CSM_AUDIT_SSL_CA is not set: the connection is encrypted, and the identity of the server is not verified.'
    arguments+=(--ssl-allow-insecure)
fi
"#;

pub(super) const CONTROL_REPLICAS: &str = r#"if [ -n "${CSM_AUDIT_CONTROL_REPLICAS:-}" ]; then
    # host:port,host:port: the copy waits while one of these is behind.
    arguments+=(--throttle-control-replicas="$CSM_AUDIT_CONTROL_REPLICAS")
fi
"#;

pub(super) const SEES_LOCKS: &str = r#"
# gh-ost's atomic swap loses writes unless it can see the metadata locks at the primary.
sees_locks() {
    "$GH_OST" --check-flag --skip-metadata-lock-check >/dev/null 2>&1 && [ "$(enabled_instruments)" = 1 ]
}
# gh-ost from 1.1.8 on requires the instrument even where it swaps in two steps, which does not need it.
without_locks() {
    sees_locks 2>/dev/null || arguments+=(--skip-metadata-lock-check)
}
"#;

pub(super) const SEES_NO_LOCKS: &str = r#"
# This release of gh-ost does not check the metadata lock: its atomic swap loses writes.
sees_locks() {
    false
}
without_locks() {
    :
}
"#;

pub(super) const CHOOSE_CUT_OVER: &str = r#"choose_cut_over() {
    local decided=${CSM_AUDIT_CUT_OVER:-$default_cut_over}
    case $decided in
        two-step | writers-stopped)
            if [ "$decided" = two-step ]; then
                say 'Two renames: no writes are lost; the table is missing for an instant, and statements fail with error 1146.'
            else
                say 'Stop all writers before the cut-over and until it has ended: this is your responsibility.'
            fi
            arguments+=(--cut-over=two-step)
            without_locks
            ;;
        '')
            sees_locks || die 'The atomic swap could lose writes here: gh-ost cannot see the metadata locks at the primary.
Enable the instrument wait/lock/metadata/sql/mdl and use gh-ost 1.1.8 or newer, or decide:
  CSM_AUDIT_CUT_OVER=two-step         no writes are lost; statements fail with error 1146 for an instant
  CSM_AUDIT_CUT_OVER=writers-stopped  all writers are stopped during the swap' 4
            arguments+=(--cut-over=atomic)
            ;;
        *) die "CSM_AUDIT_CUT_OVER must be two-step or writers-stopped, not $decided." 2 ;;
    esac
}
"#;

/// What an interrupted run left.
pub(super) const STATE: &str = r#"
has_checkpoint() {
    [ "$(checkpoint_tables)" = 1 ] && [ -n "$(checkpoint 2>/dev/null)" ]
}
# Whether the inspected server still has the binary log that a checkpoint refers to: a file and position, or a set of GTIDs.
log_is_kept() {
    local at purged
    at=$(checkpoint) || return 1
    case $at in
        *-*-*-*-*:*)
            purged=$(ask inspected 'SELECT @@GLOBAL.gtid_purged') || return 1
            # The client prints the line ends of a long set as \n.
            at=${at//\\n/} purged=${purged//\\n/}
            [ "$(ask inspected "SELECT GTID_SUBSET('${purged//[^0-9a-fA-F:,-]/}', '${at//[^0-9a-fA-F:,-]/}')")" = 1 ]
            ;;
        *) ask inspected 'SHOW BINARY LOGS' | cut -f1 | grep -qxF -- "${at%%:*}" ;;
    esac
}
need_log() {
    if log_is_kept; then
        say 'passed  the binary log of the last checkpoint is kept'
    else
        say "FAILED  the binary log of the last checkpoint is kept: $HOST has purged the log, or is not the server of the checkpoint"
        say "        $1"
        failed=$((failed + 1))
    fi
}
"#;

pub(super) const RESUME: &str = r#"
checkpoints=(--checkpoint --checkpoint-seconds=60)
resume() {
    copy_is_running && die 'A copy is running already.' 5
    [ "$(copies)" = 1 ] || die "There is no copy to continue: run $0 --execute" 5
    has_checkpoint || die "The interrupted copy has no checkpoint: run $0 --discard, then $0 --execute" 5
    columns_unchanged
    need_log "run $0 --discard, then $0 --execute"
    rm -f -- "$run.panic"
    : >"$run.postpone"
    arguments+=("${checkpoints[@]}" --resume --postpone-cut-over-flag-file="$run.postpone" --execute)
}
"#;

pub(super) const NO_RESUME: &str = r#"
checkpoints=()
resume() {
    die "This release of gh-ost cannot resume: run $0 --discard, then $0 --execute" 2
}
"#;

pub(super) const REVERT: &str = r#"
revert() {
    copy_is_running && die 'gh-ost is running on this table: wait until it has ended.' 5
    if is_reverted && [ "$(old_tables)" = 0 ]; then
        say 'The column has its old type: nothing to roll back.'
        exit 0
    fi
    is_done || die 'The table was not swapped: there is nothing to roll back.' 5
    if [ "$(old_tables)" != 1 ] || ! has_checkpoint; then
        die 'The old table or its checkpoints are gone: there is no rollback.' 5
    fi
    values_fit
    need_log 'without it there is no rollback'
    arguments+=("${checkpoints[@]}" --revert --old-table="$old_table" --execute)
}
"#;

pub(super) const NO_REVERT: &str = r#"
revert() {
    die 'This release of gh-ost cannot revert.' 2
}
"#;

/// What each mode proves and adds, and the start of gh-ost.
pub(super) const MODES: &str = r#"
discard() {
    is_done && die 'The tables are swapped: the clean-up step drops what is left.' 5
    copy_is_running && die "gh-ost is running: touch $run.panic, and wait until it has ended." 5
    run_sql "$discard_sql"
    rm -f -- "$run.panic" "$run.postpone" "$run.compared"
    say 'The copy is dropped.'
    exit 0
}
begin() {
    if is_done; then
        say 'Already done: nothing to do.'
        exit 0
    fi
    if copy_is_running; then
        die 'A copy is running already; the next step compares its rows and cuts over.' 5
    fi
    if [ "$(copies)" = 1 ] && has_checkpoint; then
        if [ "$mode" = --execute ]; then
            say 'An interrupted copy with a checkpoint exists: continuing it.'
            resume
            return
        fi
        say 'An interrupted copy with a checkpoint exists; --execute continues it.'
        exit 0
    fi
    columns_unchanged
    no_leftovers
    if [ "$mode" = --execute ]; then
        rm -f -- "$run.panic" "$run.compared"
        : >"$run.postpone"
        arguments+=("${checkpoints[@]}" --postpone-cut-over-flag-file="$run.postpone" --execute)
    fi
}
[ "$mode" != --discard ] || discard
check_assumptions
case $mode in
    --noop | --execute) begin ;;
    --resume) resume ;;
    --revert) revert ;;
esac
choose_cut_over
always
all_proven

# A flag that the installed gh-ost lacks would otherwise be reported only half-way.
"$GH_OST" --check-flag "${arguments[@]}" >/dev/null ||
    die "This $GH_OST lacks a flag; plan again with --gh-ost-version $("$GH_OST" --version | cut -d' ' -f1)." 2
say "$GH_OST ${arguments[*]}"
if ! "$GH_OST" "${arguments[@]}" 2>&1 | tee -a "$run.log"; then
    case $mode in
        --execute | --resume) die "gh-ost ended with an error; see $run.log. Run $0 --execute to continue." ;;
        *) die "gh-ost ended with an error; see $run.log." ;;
    esac
fi
"#;

pub(super) const CUT_OVER_VARIABLES: &str = r#"
run_folder=${CSM_AUDIT_RUN:-$here/run}
run=$run_folder/$run_name
"#;

/// Transactions older than ten seconds, and sessions that wait for a metadata lock: the swap would wait for them, and
/// everybody else behind it. Another session of this account is not exempt; this one is.
pub(super) const BUSY_SESSIONS: &str = "SELECT CONCAT('session ', p.ID, ' of ', p.USER, ', ', \
     COALESCE(CONCAT('a transaction of ', TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), ' s'), CONCAT(p.STATE, ' for ', \
     p.TIME, ' s'))) FROM information_schema.PROCESSLIST AS p LEFT JOIN information_schema.INNODB_TRX AS t ON \
     t.trx_mysql_thread_id = p.ID WHERE p.ID <> CONNECTION_ID() AND (t.trx_started < NOW() - INTERVAL 10 SECOND OR \
     p.STATE LIKE 'Waiting for%metadata lock%')";

pub(super) const CUT_OVER: &str = r#"
case ${1:-} in
    '' | --compare | --execute) ;;
    *) die "usage: $(basename -- "$0") [--compare | --execute]" 2 ;;
esac
if is_done; then
    rm -f -- "$run.compared"
    say 'Already done: nothing to do.'
    exit 0
fi
check_assumptions
before_change
all_proven
copy_is_running || die "gh-ost is not running on this table: run ./$copy_script --execute to continue the copy." 5
[ -e "$run.postpone" ] || die "$run.postpone is missing: gh-ost is not postponing its cut-over, or runs elsewhere."
if [ "${1:-}" = '' ]; then
    say 'All preconditions passed. --compare compares the rows; --execute compares them and swaps the tables.'
    exit 0
fi
compare_rows
if [ "$1" = --compare ]; then
    exit 0
fi
# The swap waits for open transactions on the table, and all other statements queue behind the swap.
wait_for_quiet() {
    local busy second
    for ((second = 0; second < ${CSM_AUDIT_QUIET:-300}; second += 5)); do
        busy=$(busy_sessions) || die 'The open transactions could not be listed: the account needs PROCESS.'
        [ -n "$busy" ] || return 0
        say "Waiting for:"
        say "$busy"
        sleep 5
    done
    die 'These sessions did not end: end them, or try again later. Nothing was swapped.' 6
}
wait_for_quiet
# Each attempt blocks writers for at most 6 seconds; the pauses between attempts grow from 1 to 64 seconds.
rm -f -- "$run.postpone"
say 'gh-ost may cut over now. An attempt blocks writers for at most 6 s; in 10 minutes there are at most 13 attempts.'
for ((second = 0; second < ${CSM_AUDIT_PATIENCE:-600}; second++)); do
    if is_done; then
        rm -f -- "$run.compared"
        say 'The tables are swapped.'
        exit 0
    fi
    copy_is_running || is_done || die "gh-ost has ended without a swap; see $run.log. Run ./$copy_script --execute." 5
    sleep 1
done
: >"$run.postpone"
die 'gh-ost did not cut over in time; the flag file is back, so that it goes on postponing. Its log contains the reason.'
"#;
