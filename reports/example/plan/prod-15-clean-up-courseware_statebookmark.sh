#!/usr/bin/env bash
# shellcheck disable=SC2016 # Backticks in quotes are names in SQL.
# Clean up leftover tables in platform: _courseware_statebookmark_ghc, _courseware_statebookmark_ghk, _courseware_statebookmark_del, _courseware_statebookmark_rev_del
# Step prod-15; see runbook.md. Nothing is changed without --execute or --revert.
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
changelog_exists() {
    ask primary 'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME IN ('\''_courseware_statebookmark_ghc'\'')'
}
heartbeat() {
    ask primary 'SELECT CONCAT(last_update, '\'' '\'', value) FROM `platform`.`_courseware_statebookmark_ghc` WHERE hint = '\''heartbeat'\'' AND last_update > NOW() - INTERVAL 15 SECOND'
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
rollback_is_possible() {
    [ "$(ask primary 'SELECT COUNT(*) FROM (SELECT 1 FROM `platform`.`courseware_statebookmark` WHERE `row_id` > 2147483647 LIMIT 1) AS beyond')" = '0' ] || return 1
    return 0
}

# The tables are all that a rollback needs. While one is possible, giving it up is a decision.
ask_for_rollback() {
    if rollback_is_possible && [ -z "${CSM_AUDIT_GIVE_UP_ROLLBACK:-}" ]; then
        say 'A rollback is still possible: every id fits the old type, and a rollback needs these tables.'
        say "Set CSM_AUDIT_GIVE_UP_ROLLBACK=1 to give up the rollback and drop the tables."
        failed=$((failed + 1))
    fi
}
# Dropping a table of many gigabytes can stall a server: choose a quiet hour, and mind the replicas.
is_applied() {
    [ "$(ask primary 'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME IN ('\''_courseware_statebookmark_ghc'\'', '\''_courseware_statebookmark_ghk'\'', '\''_courseware_statebookmark_del'\'', '\''_courseware_statebookmark_rev_del'\'')')" = '0' ] || return 1
    [ "$(ask primary 'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_statebookmark'\'' AND COLUMN_NAME = '\''row_id'\''')" = 'bigint unsigned' ] || return 1
    return 0
}
is_done() {
    is_applied
}
check_assumptions() {
    :
}
before_change() {
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
    prove primary 'step prod-10 is done: the foreign key student_id_refs_id_51af713179ba2570 of platform.courseware_studentmodule is dropped' \
        'SELECT COUNT(*) FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_TYPE = '\''FOREIGN KEY'\'' AND CONSTRAINT_SCHEMA = '\''platform'\'' AND TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodule'\'' AND CONSTRAINT_NAME = '\''student_id_refs_id_51af713179ba2570'\''' \
        '0' 'run prod-10-drop-foreign-key-courseware_studentmodule.sh --execute first'
    prove primary 'step prod-12 is done: the type of platform.courseware_studentmodule.id' \
        'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodule'\'' AND COLUMN_NAME = '\''id'\''' \
        'bigint unsigned' 'run prod-12-cut-over-courseware_studentmodule.sh --execute first'
    prove primary 'step prod-12 is done: AUTO_INCREMENT of platform.courseware_studentmodule.id' \
        'SELECT EXTRA LIKE '\''%auto_increment%'\'' FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodule'\'' AND COLUMN_NAME = '\''id'\''' \
        '1' 'run prod-12-cut-over-courseware_studentmodule.sh --execute first'
    prove primary 'step prod-13 is done: the foreign key grades_gradeoverride_module_id_77f91be9_fk_coursewar of platform.grades_gradeoverride exists' \
        'SELECT COUNT(*) FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_TYPE = '\''FOREIGN KEY'\'' AND CONSTRAINT_SCHEMA = '\''platform'\'' AND TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''grades_gradeoverride'\'' AND CONSTRAINT_NAME = '\''grades_gradeoverride_module_id_77f91be9_fk_coursewar'\''' \
        '1' 'run prod-13-add-foreign-key-grades_gradeoverride.sh --execute first'
    prove primary 'no copy of platform.courseware_statebookmark exists' \
        'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME IN ('\''_courseware_statebookmark_gho'\'', '\''_courseware_statebookmark_new'\'')' \
        '0' 'finish the copy, or discard it with --discard of its script'
    if copy_is_running; then
        die 'gh-ost is running on this table: wait until it has ended.' 5
    fi
    ask_for_rollback
}
sql='SET SESSION lock_wait_timeout = 5; DROP TABLE IF EXISTS `platform`.`_courseware_statebookmark_ghc`, `platform`.`_courseware_statebookmark_ghk`, `platform`.`_courseware_statebookmark_del`, `platform`.`_courseware_statebookmark_rev_del`'

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

revert() {
    die 'This step has no rollback.' 2
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
