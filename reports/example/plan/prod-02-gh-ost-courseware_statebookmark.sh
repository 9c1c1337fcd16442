#!/usr/bin/env bash
# shellcheck disable=SC2016 # What stands between backticks in quotes is a name in SQL.
# Copy platform.courseware_statebookmark with gh-ost, and keep the copy up to date until the cut-over
# Step prod-02; runbook.md tells what to expect. Nothing is changed without --execute.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
default_host='replica.prod.example'
default_primary='primary.prod.example'
# The server that is inspected, and the one that takes writes.
HOST=${CSM_AUDIT_HOST:-$default_host}
PORT=${CSM_AUDIT_PORT:-3306}
PRIMARY_HOST=${CSM_AUDIT_PRIMARY_HOST:-$default_primary}
PRIMARY_PORT=${CSM_AUDIT_PRIMARY_PORT:-3306}
# An option file with [client], user and password, that nobody else may read.
CNF=${CSM_AUDIT_CNF:-$here/prod.cnf}
MYSQL=${MYSQL:-mysql}

say() { printf '%s\n' "$*" >&2; }
die() {
    say "$1"
    exit "${2:-1}"
}

[ -n "$HOST" ] || die 'The server is not known: set CSM_AUDIT_HOST and CSM_AUDIT_PORT.' 2
[ -n "$PRIMARY_HOST" ] || die 'The primary is not known: set CSM_AUDIT_PRIMARY_HOST and CSM_AUDIT_PRIMARY_PORT.' 2
[ -r "$CNF" ] || die "There is no $CNF: make it from credentials.cnf.example, or set CSM_AUDIT_CNF." 2
if [ -n "$(find "$CNF" -prune -perm /077)" ]; then
    die "Others may read $CNF: chmod 600 it." 2
fi

# ask inspected|primary SQL
ask() {
    local host=$HOST port=$PORT
    if [ "$1" = primary ]; then
        host=$PRIMARY_HOST port=$PRIMARY_PORT
    fi
    "$MYSQL" --defaults-file="$CNF" --protocol=TCP --host="$host" --port="$port" \
        --default-character-set=utf8mb4 --batch --skip-column-names --execute="$2"
}

failed=0
# prove inspected|primary WHAT SQL ANSWER FIX
prove() {
    local seen
    seen=$(ask "$1" "$3") || seen='an error'
    if [ "$seen" = "$4" ]; then
        say "ok      $2"
    else
        say "FAILED  $2: the answer is '$seen', not '$4'"
        [ -z "$5" ] || say "        $5"
        failed=$((failed + 1))
    fi
}
all_proven() {
    [ "$failed" -eq 0 ] || die "$failed of what has to hold does not: nothing was changed."
}

GH_OST=${GH_OST:-${CSM_AUDIT_GH_OST:-gh-ost}}
run_folder=${CSM_AUDIT_RUN:-$here/run}
mkdir -p -- "$run_folder"
run=$run_folder/prod-02
# A socket's path has to be short.
socket=${TMPDIR:-/tmp}/gh-ost.$$.sock
usage="usage: $(basename -- "$0") [--execute | --resume | --revert]
Without an argument gh-ost tries everything and changes nothing."
mode=${1:---noop}
case $mode in
    --noop | --execute | --resume | --revert) ;;
    *) die "$usage" 2 ;;
esac

arguments=(
    --conf="$CNF"
    --host="$HOST"
    --port="$PORT"
    --database='platform'
    --table='courseware_statebookmark'
    --alter='MODIFY `row_id` bigint unsigned NOT NULL'
    --chunk-size="${CSM_AUDIT_CHUNK:-1000}"
    --dml-batch-size="${CSM_AUDIT_DML_BATCH:-100}"
    --max-lag-millis="${CSM_AUDIT_MAX_LAG:-1500}"
    --max-load="${CSM_AUDIT_MAX_LOAD:-Threads_running=50}"
    --critical-load="${CSM_AUDIT_CRITICAL_LOAD:-Threads_running=1000}"
    --critical-load-interval-millis=10000
    --default-retries=120
    --cut-over-lock-timeout-seconds=5
    --serve-socket-file="$socket"
    --throttle-flag-file="$run.throttle"
    --throttle-additional-flag-file="$run_folder/throttle-all"
    --panic-flag-file="$run.panic"
    --verbose
    --assume-rbr
    --panic-on-warnings
)
if [ -n "${CSM_AUDIT_CONTROL_REPLICAS:-}" ]; then
    # host:port,host:port: the copy waits for these when they are behind.
    arguments+=(--throttle-control-replicas="$CSM_AUDIT_CONTROL_REPLICAS")
fi

# gh-ost's atomic swap loses writes unless it can see the metadata locks at the primary.
sees_locks() {
    "$GH_OST" --check-flag --skip-metadata-lock-check >/dev/null 2>&1 &&
        [ "$(ask primary "SELECT COUNT(*) FROM performance_schema.setup_instruments
            WHERE NAME = 'wait/lock/metadata/sql/mdl' AND ENABLED = 'YES' AND TIMED = 'YES'" 2>/dev/null)" = 1 ]
}
choose_cut_over() {
    local decided=${CSM_AUDIT_CUT_OVER:-}
    case $decided in
        two-step | writers-stopped)
            if [ "$decided" = two-step ]; then
                say 'Two renames: nothing is lost; for an instant there is no table, and statements fail with error 1146.'
            else
                say 'Nobody may write from before the cut-over until after it: that is on you.'
            fi
            arguments+=(--cut-over=two-step)
            sees_locks || arguments+=(--skip-metadata-lock-check)
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
}

rows_in_place() {
prove primary '`row_id` is still int' \
    'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_statebookmark'\'' AND COLUMN_NAME = '\''row_id'\''' \
    'int' 'make the plan again: the table has changed since'
prove inspected 'no negative value in `row_id`' \
    'SELECT COUNT(*) FROM (SELECT 1 FROM `platform`.`courseware_statebookmark` WHERE `row_id` < 0 LIMIT 1) AS negative' \
    '0' 'settle what these rows are: as unsigned they would become one row with 0'
}
nothing_left() {
prove primary 'nothing is left of an earlier run' \
    'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME IN ('\''_courseware_statebookmark_gho'\'', '\''_courseware_statebookmark_ghc'\'', '\''_courseware_statebookmark_ghk'\'', '\''_courseware_statebookmark_del'\'', '\''_courseware_statebookmark_rev_del'\'')' \
    '0' 'make sure that no run is under way, look into them, and drop them by hand'
}
choose_cut_over
case $mode in
    --noop)
        rows_in_place
        nothing_left
        ;;
    --execute)
        rows_in_place
        nothing_left
        rm -f -- "$run.panic"
        : >"$run.postpone"
        arguments+=(--checkpoint --checkpoint-seconds=60)
        arguments+=(--postpone-cut-over-flag-file="$run.postpone" --execute)
        ;;
    --resume)
        rows_in_place
        rm -f -- "$run.panic"
        : >"$run.postpone"
        arguments+=(--checkpoint --checkpoint-seconds=60 --resume
            --postpone-cut-over-flag-file="$run.postpone" --execute)
        ;;
    --revert)
        prove primary 'the old table and the checkpoints are there' \
            'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME IN ('\''_courseware_statebookmark_del'\'', '\''_courseware_statebookmark_ghk'\'')' \
            '2' 'without them there is no way back'
        prove primary 'every value of row_id fits the old type' \
            'SELECT COUNT(*) FROM (SELECT 1 FROM `platform`.`courseware_statebookmark` WHERE `row_id` > 2147483647 LIMIT 1) AS beyond' \
            '0' 'the way back has expired: these rows would be lost'
        arguments+=(--checkpoint --checkpoint-seconds=60 --revert --old-table='_courseware_statebookmark_del' --execute)
        ;;
esac
prove inspected 'a binary log' \
    'SELECT @@GLOBAL.log_bin' \
    '1' 'log_bin in the server'\''s configuration, and a restart; or go through another replica'
prove inspected 'the binary log holds rows' \
    'SELECT @@GLOBAL.binlog_format' \
    'ROW' 'SET GLOBAL binlog_format = '\''ROW'\'' while replication is stopped, then start it again; keep it in the configuration'
prove inspected 'the binary log holds whole rows' \
    'SELECT @@GLOBAL.binlog_row_image' \
    'FULL' 'SET GLOBAL binlog_row_image = '\''FULL'\'', restart replication'\''s applier, and keep it in the configuration'
prove inspected 'the replica'\''s binary log holds what it replicates' \
    'SELECT @@GLOBAL.log_replica_updates' \
    '1' 'log_replica_updates = ON in the replica'\''s configuration, and a restart; or go through another replica'
prove primary 'the primary takes writes' \
    'SELECT @@GLOBAL.read_only' \
    '0' 'set CSM_AUDIT_PRIMARY_HOST and CSM_AUDIT_PRIMARY_PORT to the server that takes writes'
prove primary 'no foreign key of the table' \
    'SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_statebookmark'\''' \
    '0' 'drop it first, by its live name; an account without rights on its database does not see it'
prove primary 'no foreign key to the table' \
    'SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE UNIQUE_CONSTRAINT_SCHEMA = '\''platform'\'' AND REFERENCED_TABLE_NAME = '\''courseware_statebookmark'\''' \
    '0' 'drop it first, by its live name; an account without rights on its database does not see it'
prove primary 'triggers are none, or move along' \
    'SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = '\''platform'\'' AND EVENT_OBJECT_TABLE = '\''courseware_statebookmark'\''' \
    '0' 'gh-ost from 1.1.8 on moves triggers; with an older one drop them before and create them afterwards'
all_proven

# What the installed gh-ost does not know it would only complain about half-way.
"$GH_OST" --check-flag "${arguments[@]}" >/dev/null ||
    die "This $GH_OST lacks a flag; plan again with --gh-ost-version $("$GH_OST" --version | cut -d' ' -f1)." 2
say "$GH_OST ${arguments[*]}"
"$GH_OST" "${arguments[@]}" 2>&1 | tee -a "$run.log"
