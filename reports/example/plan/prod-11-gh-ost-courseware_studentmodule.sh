#!/usr/bin/env bash
# shellcheck disable=SC2016 # Backticks in quotes are names in SQL.
# Copy platform.courseware_studentmodule with gh-ost, and keep the copy up to date until the cut-over
# Step prod-11; see runbook.md. Nothing is changed without --execute or --revert.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
default_host='replica.prod.example'
default_port=3306
default_primary_host='primary.prod.example'
default_primary_port=3306
default_cnf=$here/prod.cnf
# The inspected server, and the writable one.
HOST=${CSM_AUDIT_HOST:-$default_host}
PORT=${CSM_AUDIT_PORT:-$default_port}
PRIMARY_HOST=${CSM_AUDIT_PRIMARY_HOST:-$default_primary_host}
PRIMARY_PORT=${CSM_AUDIT_PRIMARY_PORT:-$default_primary_port}
# An option file with [client], user and password, that only its owner may read.
CNF=${CSM_AUDIT_CNF:-$default_cnf}
MYSQL=${MYSQL:-mysql}

say() { printf '%s\n' "$*" >&2; }
die() {
    say "$1"
    exit "${2:-1}"
}

[ -n "$HOST" ] || die 'The server is unknown: set CSM_AUDIT_HOST and CSM_AUDIT_PORT.' 2
[ -n "$PRIMARY_HOST" ] || die 'The primary is unknown: set CSM_AUDIT_PRIMARY_HOST and CSM_AUDIT_PRIMARY_PORT.' 2
[ -r "$CNF" ] || die "$CNF is missing: copy credentials.cnf.example to it, or set CSM_AUDIT_CNF." 2
if [ -n "$(find "$CNF" -prune -perm /077)" ]; then
    die "$CNF is readable by others; run chmod 600 $CNF" 2
fi
errors=$(mktemp)
trap 'rm -f -- "$errors"' EXIT

# ask inspected|primary|HOST:PORT SQL
ask() {
    local host=$HOST port=$PORT
    case $1 in
        inspected) ;;
        primary) host=$PRIMARY_HOST port=$PRIMARY_PORT ;;
        *) host=${1%:*} port=${1##*:} ;;
    esac
    "$MYSQL" --defaults-file="$CNF" --protocol=TCP --host="$host" --port="$port" \
        --default-character-set=utf8mb4 --batch --skip-column-names --execute="$2"
}

failed=0
# prove SERVER CONDITION SQL ANSWER FIX
prove() {
    local seen
    if seen=$(ask "$1" "$3" 2>"$errors"); then
        if [ "$seen" = "$4" ]; then
            say "passed  $2"
            return
        fi
        say "FAILED  $2: actual '$seen', expected '$4'"
    else
        case $(<"$errors") in
            *'ERROR 1044'* | *'ERROR 1045'* | *'ERROR 1142'* | *'ERROR 1143'* | *'ERROR 1227'* | *'ERROR 1370'*)
                say "FAILED  $2: the account lacks a privilege: $(<"$errors")"
                say "        csm-audit grants prints the required privileges."
                ;;
            *) say "FAILED  $2: $(<"$errors")" ;;
        esac
    fi
    [ -z "$5" ] || say "        $5"
    failed=$((failed + 1))
}
all_proven() {
    [ "$failed" -eq 0 ] || die "$failed preconditions failed: nothing was changed."
}
run_name='prod-11'

GH_OST=${GH_OST:-${CSM_AUDIT_GH_OST:-gh-ost}}
run_folder=${CSM_AUDIT_RUN:-$here/run}
mkdir -p -- "$run_folder"
run=$run_folder/$run_name
# The path of a socket has to be short.
socket=${TMPDIR:-/tmp}/gh-ost.$$.sock

usage="usage: $(basename -- "$0") [--execute | --resume | --revert | --discard]
Without an argument gh-ost checks everything and changes nothing."
mode=${1:---noop}
case $mode in
    --noop | --execute | --resume | --revert | --discard) ;;
    *) die "$usage" 2 ;;
esac
arguments=(
    --conf="$CNF"
    --host="$HOST"
    --port="$PORT"
    --database=platform
    --table=courseware_studentmodule
    --alter='MODIFY `id` bigint unsigned NOT NULL AUTO_INCREMENT'
    --chunk-size="${CSM_AUDIT_CHUNK:-1000}"
    --dml-batch-size="${CSM_AUDIT_DML_BATCH:-100}"
    --max-lag-millis="${CSM_AUDIT_MAX_LAG:-1500}"
    --max-load="${CSM_AUDIT_MAX_LOAD:-Threads_running=50}"
    --critical-load="${CSM_AUDIT_CRITICAL_LOAD:-Threads_running=1000}"
    --critical-load-interval-millis=10000
    --heartbeat-interval-millis=500
    --default-retries=240
    --cut-over-lock-timeout-seconds=3
    --cut-over-exponential-backoff
    --exponential-backoff-max-interval=64
    --serve-socket-file="$socket"
    --throttle-flag-file="$run.throttle"
    --throttle-additional-flag-file="$run_folder/throttle-all"
    --panic-flag-file="$run.panic"
    --verbose
    --assume-rbr
    --gtid
    --panic-on-warnings
)
if [ -n "${CSM_AUDIT_CONTROL_REPLICAS:-}" ]; then
    # host:port,host:port: the copy waits while one of these is behind.
    arguments+=(--throttle-control-replicas="$CSM_AUDIT_CONTROL_REPLICAS")
fi
default_cut_over=''
enabled_instruments() {
    ask primary 'SELECT COUNT(*) FROM performance_schema.setup_instruments WHERE NAME = '\''wait/lock/metadata/sql/mdl'\'' AND ENABLED = '\''YES'\'' AND TIMED = '\''YES'\'''
}

# gh-ost's atomic swap loses writes unless it can see the metadata locks at the primary.
sees_locks() {
    "$GH_OST" --check-flag --skip-metadata-lock-check >/dev/null 2>&1 && [ "$(enabled_instruments)" = 1 ]
}
# gh-ost from 1.1.8 on requires the instrument even where it swaps in two steps, which does not need it.
without_locks() {
    sees_locks 2>/dev/null || arguments+=(--skip-metadata-lock-check)
}
choose_cut_over() {
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
is_done() {
    [ "$(ask primary 'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodule'\'' AND COLUMN_NAME = '\''id'\''')" = 'bigint unsigned' ] || return 1
    [ "$(ask primary 'SELECT EXTRA LIKE '\''%auto_increment%'\'' FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodule'\'' AND COLUMN_NAME = '\''id'\''')" = '1' ] || return 1
    return 0
}
is_reverted() {
    [ "$(ask primary 'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodule'\'' AND COLUMN_NAME = '\''id'\''')" = 'int' ] || return 1
    [ "$(ask primary 'SELECT EXTRA LIKE '\''%auto_increment%'\'' FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodule'\'' AND COLUMN_NAME = '\''id'\''')" = '1' ] || return 1
    return 0
}
changelog_exists() {
    ask primary 'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME IN ('\''_courseware_studentmodule_ghc'\'')'
}
heartbeat() {
    ask primary 'SELECT CONCAT(last_update, '\'' '\'', value) FROM `platform`.`_courseware_studentmodule_ghc` WHERE hint = '\''heartbeat'\'' AND last_update > NOW() - INTERVAL 15 SECOND'
}
copy_is_running() {
    local first now second
    [ "$(changelog_exists)" = 1 ] || return 1
    first=$(heartbeat) || return 0
    for ((second = 0; second < 15; second++)); do
        [ -n "$first" ] || return 1
        sleep 1
        now=$(heartbeat) || return 0
        [ -n "$now" ] || return 1
        [ "$now" = "$first" ] || return 0
    done
    return 1
}
copies() {
    ask primary 'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME IN ('\''_courseware_studentmodule_gho'\'')'
}
checkpoint_tables() {
    ask primary 'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME IN ('\''_courseware_studentmodule_ghk'\'')'
}
old_tables() {
    ask primary 'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME IN ('\''_courseware_studentmodule_del'\'')'
}
checkpoint() {
    ask primary 'SELECT gh_ost_chk_coords FROM `platform`.`_courseware_studentmodule_ghk` ORDER BY gh_ost_chk_id DESC LIMIT 1'
}

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
check_assumptions() {
    :
}

# Runs SQL at the primary. The lock wait is short, so that other statements do not queue behind this one, and
# the statement is tried again.
run_sql() {
    local try output tries=${CSM_AUDIT_TRIES:-60}
    for ((try = 1; ; try++)); do
        if output=$(ask primary "$1" 2>&1); then
            return
        fi
        case $output in
            *'ERROR 1205'* | *'ERROR 1213'*) ;;
            *) die "$output" ;;
        esac
        [ "$try" -lt "$tries" ] || die "Giving up after $try attempts: $output"
        say "Lock wait timeout; retrying ($try/$tries)."
        sleep "${CSM_AUDIT_PAUSE:-5}"
    done
}
columns_unchanged() {
    prove primary 'step prod-03 is done: the type of platform.courseware_statebookmark.row_id' \
        'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_statebookmark'\'' AND COLUMN_NAME = '\''row_id'\''' \
        'bigint unsigned' 'run prod-03-cut-over-courseware_statebookmark.sh --execute first'
    prove primary 'step prod-04 is done: the type of platform.courseware_studentmodulehistory.student_module_id' \
        'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodulehistory'\'' AND COLUMN_NAME = '\''student_module_id'\''' \
        'bigint unsigned' 'run prod-04-alter-courseware_studentmodulehistory.sh --execute first'
    prove primary 'step prod-06 is done: the type of platform.grades_gradeoverride.module_id' \
        'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''grades_gradeoverride'\'' AND COLUMN_NAME = '\''module_id'\''' \
        'bigint unsigned' 'run prod-06-alter-grades_gradeoverride.sh --execute first'
    prove primary 'step prod-08 is done: the type of platform_history.coursewarehistoryextended_studentmodulehistoryextended.student_module_id' \
        'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME = '\''coursewarehistoryextended_studentmodulehistoryextended'\'' AND COLUMN_NAME = '\''student_module_id'\''' \
        'bigint unsigned' 'run prod-08-cut-over-coursewarehistoryextended_studentmodulehistoryextended.sh --execute first'
    prove primary 'step prod-09 is done: the type of platform_history.export_queue.student_module_id' \
        'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME = '\''export_queue'\'' AND COLUMN_NAME = '\''student_module_id'\''' \
        'bigint unsigned' 'run prod-09-alter-export_queue.sh --execute first'
    prove primary 'platform.courseware_studentmodule.id is still int' \
        'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodule'\'' AND COLUMN_NAME = '\''id'\''' \
        'int' 'the table has changed since the plan: run csm-audit plan again'
    prove inspected 'no negative value in platform.courseware_studentmodule.id' \
        'SELECT COUNT(*) FROM (SELECT 1 FROM `platform`.`courseware_studentmodule` WHERE `id` < 0 LIMIT 1) AS negative' \
        '0' 'resolve the rows with negative values first: as unsigned they would all become 0'
}
no_leftovers() {
    prove primary 'no leftover table of an earlier run' \
        'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME IN ('\''_courseware_studentmodule_gho'\'', '\''_courseware_studentmodule_ghc'\'', '\''_courseware_studentmodule_ghk'\'', '\''_courseware_studentmodule_del'\'', '\''_courseware_studentmodule_rev_del'\'')' \
        '0' 'if no copy is running, drop the tables: run the copy script with --discard'
}
always() {
    prove primary 'the account may read information_schema.INNODB_TRX' \
        'SELECT COUNT(*) >= 0 FROM (SELECT 1 FROM information_schema.INNODB_TRX LIMIT 1) AS readable' \
        '1' 'GRANT PROCESS ON *.* TO ACCOUNT;'
    prove primary 'the account may read performance_schema.metadata_locks' \
        'SELECT COUNT(*) >= 0 FROM (SELECT 1 FROM performance_schema.metadata_locks LIMIT 1) AS readable' \
        '1' 'GRANT SELECT ON performance_schema.metadata_locks TO ACCOUNT;'
    prove primary 'the account may read performance_schema.setup_instruments' \
        'SELECT COUNT(*) >= 0 FROM (SELECT 1 FROM performance_schema.setup_instruments LIMIT 1) AS readable' \
        '1' 'GRANT SELECT ON performance_schema.setup_instruments TO ACCOUNT;'
    prove primary 'the account may read performance_schema.threads' \
        'SELECT COUNT(*) >= 0 FROM (SELECT 1 FROM performance_schema.threads LIMIT 1) AS readable' \
        '1' 'GRANT SELECT ON performance_schema.threads TO ACCOUNT;'
    prove inspected 'the binary log is on' \
        'SELECT @@GLOBAL.log_bin' \
        '1' 'set log_bin in the server'\''s configuration and restart; or use another replica'
    prove inspected 'the binary log contains rows (binlog_format = ROW)' \
        'SELECT @@GLOBAL.binlog_format' \
        'ROW' 'SET GLOBAL binlog_format = '\''ROW'\'' while replication is stopped, then restart replication; also set it in the configuration'
    prove inspected 'the binary log contains whole rows (binlog_row_image = FULL)' \
        'SELECT @@GLOBAL.binlog_row_image' \
        'FULL' 'SET GLOBAL binlog_row_image = '\''FULL'\'', restart the applier of replication; also set it in the configuration'
    prove inspected 'the replica logs the changes that it replicates' \
        'SELECT @@GLOBAL.log_replica_updates' \
        '1' 'set log_replica_updates = ON in the replica'\''s configuration and restart; or use another replica'
    prove inspected 'binary logs are kept for 199 h, longer than the copy takes' \
        'SELECT @@GLOBAL.binlog_expire_logs_seconds = 0 OR @@GLOBAL.binlog_expire_logs_seconds >= 715492' \
        '1' 'SET GLOBAL binlog_expire_logs_seconds = 715492 on the inspected server, and in its configuration'
    prove primary 'the primary is writable' \
        'SELECT @@GLOBAL.read_only' \
        '0' 'set CSM_AUDIT_PRIMARY_HOST and CSM_AUDIT_PRIMARY_PORT to the writable server'
    prove primary 'platform.courseware_studentmodule has no foreign key' \
        'SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodule'\''' \
        '0' 'drop the foreign key first, by its actual name; an account without privileges on its database cannot see it'
    prove primary 'no foreign key references platform.courseware_studentmodule' \
        'SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE UNIQUE_CONSTRAINT_SCHEMA = '\''platform'\'' AND REFERENCED_TABLE_NAME = '\''courseware_studentmodule'\''' \
        '0' 'drop the foreign key first, by its actual name; an account without privileges on its database cannot see it'
    prove primary 'no triggers, or gh-ost includes them' \
        'SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = '\''platform'\'' AND EVENT_OBJECT_TABLE = '\''courseware_studentmodule'\''' \
        '0' 'gh-ost 1.1.8 and newer includes triggers; with an older release drop them before the copy and re-create them afterwards'
}
values_fit() {
    prove primary 'every value of platform.courseware_studentmodule.id fits int' \
        'SELECT COUNT(*) FROM (SELECT 1 FROM `platform`.`courseware_studentmodule` WHERE `id` > 2147483647 LIMIT 1) AS beyond' \
        '0' ''
}
old_table='_courseware_studentmodule_del'
discard_sql='SET SESSION lock_wait_timeout = 5; DROP TABLE IF EXISTS `platform`.`_courseware_studentmodule_gho`, `platform`.`_courseware_studentmodule_ghc`, `platform`.`_courseware_studentmodule_ghk`, `platform`.`_courseware_studentmodule_rev_del`'

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
