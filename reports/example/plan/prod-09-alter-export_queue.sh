#!/usr/bin/env bash
# shellcheck disable=SC2016 # Backticks in quotes are names in SQL.
# ALTER TABLE platform_history.export_queue: `student_module_id` bigint unsigned
# Step prod-09; see runbook.md. Nothing is changed without --execute or --revert.
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
# Writers wait while the rows are copied; the lock wait is limited to a few seconds.
is_applied() {
    [ "$(ask primary 'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME = '\''export_queue'\'' AND COLUMN_NAME = '\''student_module_id'\''')" = 'bigint unsigned' ] || return 1
    return 0
}
is_done() {
    is_applied
}
check_assumptions() {
    :
}
before_change() {
    prove primary 'platform_history.export_queue.student_module_id is still int' \
        'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME = '\''export_queue'\'' AND COLUMN_NAME = '\''student_module_id'\''' \
        'int' 'the table has changed since the plan: run csm-audit plan again'
    prove inspected 'no negative value in platform_history.export_queue.student_module_id' \
        'SELECT COUNT(*) FROM (SELECT 1 FROM `platform_history`.`export_queue` WHERE `student_module_id` < 0 LIMIT 1) AS negative' \
        '0' 'resolve the rows with negative values first: as unsigned they would all become 0'
    prove primary 'no foreign key of platform_history.export_queue contains the columns that change' \
        'SELECT COUNT(*) FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME = '\''export_queue'\'' AND COLUMN_NAME IN ('\''student_module_id'\'') AND REFERENCED_TABLE_NAME IS NOT NULL' \
        '0' 'drop the foreign key first, by its actual name; an account without privileges on its database cannot see it'
    prove primary 'no foreign key references the columns of platform_history.export_queue that change' \
        'SELECT COUNT(*) FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA = '\''platform_history'\'' AND REFERENCED_TABLE_NAME = '\''export_queue'\'' AND REFERENCED_COLUMN_NAME IN ('\''student_module_id'\'')' \
        '0' 'drop the foreign key first, by its actual name; an account without privileges on its database cannot see it'
    prove primary 'platform_history.export_queue has at most 100000 rows' \
        'SELECT COUNT(*) <= 100000 FROM (SELECT 1 FROM `platform_history`.`export_queue` LIMIT 100001) AS few' \
        '1' 'the table has grown since the plan, and writers would wait for the whole copy: run csm-audit plan again, or choose another strategy'
    prove primary 'platform_history.export_queue has at most 320 MiB' \
        'SET SESSION information_schema_stats_expiry = 0; SELECT COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) <= 335544320 FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME = '\''export_queue'\''' \
        '1' 'the table has grown since the plan, and writers would wait for the whole copy: run csm-audit plan again, or choose another strategy'
}
sql='SET SESSION lock_wait_timeout = 5; ALTER TABLE `platform_history`.`export_queue` MODIFY `student_module_id` bigint unsigned NOT NULL, ALGORITHM=COPY, LOCK=SHARED'

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
is_reverted() {
    [ "$(ask primary 'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME = '\''export_queue'\'' AND COLUMN_NAME = '\''student_module_id'\''')" = 'int' ] || return 1
    return 0
}
before_revert() {
    prove primary 'every value of platform_history.export_queue.student_module_id fits int' \
        'SELECT COUNT(*) FROM (SELECT 1 FROM `platform_history`.`export_queue` WHERE `student_module_id` > 2147483647 LIMIT 1) AS beyond' \
        '0' ''
    prove primary 'no foreign key of platform_history.export_queue contains the columns that change' \
        'SELECT COUNT(*) FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME = '\''export_queue'\'' AND COLUMN_NAME IN ('\''student_module_id'\'') AND REFERENCED_TABLE_NAME IS NOT NULL' \
        '0' ''
    prove primary 'no foreign key references the columns of platform_history.export_queue that change' \
        'SELECT COUNT(*) FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA = '\''platform_history'\'' AND REFERENCED_TABLE_NAME = '\''export_queue'\'' AND REFERENCED_COLUMN_NAME IN ('\''student_module_id'\'')' \
        '0' ''
}
revert_sql='SET SESSION lock_wait_timeout = 5, sql_mode = CONCAT(@@sql_mode, '\'',STRICT_ALL_TABLES'\''); ALTER TABLE `platform_history`.`export_queue` MODIFY `student_module_id` int NOT NULL, ALGORITHM=COPY, LOCK=SHARED'

revert() {
    if is_reverted; then
        say 'Nothing to roll back.'
        exit 0
    fi
    before_revert
    all_proven
    run_sql "$revert_sql"
    is_reverted || die 'The statement succeeded, but the result is not the state before: look before you go on.'
    say 'Rolled back.'
    exit 0
}

case ${1:-} in
    '' | --execute) ;;
    --revert) revert ;;
    *) die "usage: $(basename -- "$0") [--execute | --revert]" 2 ;;
esac
if is_done; then
    say 'Already done: nothing to do.'
    exit 0
fi
check_assumptions
before_change
all_proven
if [ "${1:-}" != --execute ]; then
    say 'All preconditions passed. With --execute this runs at the primary:'
    printf '%s\n' "$sql"
    exit 0
fi
run_sql "$sql"
is_done || die 'The statement succeeded, but the result differs from the plan: look before you go on.'
say 'Done.'
