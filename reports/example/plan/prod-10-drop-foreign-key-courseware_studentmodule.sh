#!/usr/bin/env bash
# shellcheck disable=SC2016 # Backticks in quotes are names in SQL.
# Drop the foreign key student_id_refs_id_51af713179ba2570 of platform.courseware_studentmodule to platform.auth_user (not re-created: not in the code)
# Step prod-10; see runbook.md. Nothing is changed without --execute or --revert.
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
# On MySQL 8 and later it waits for transactions on both tables, and new ones queue behind it meanwhile.
is_applied() {
    [ "$(ask primary 'SELECT COUNT(*) FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_TYPE = '\''FOREIGN KEY'\'' AND CONSTRAINT_SCHEMA = '\''platform'\'' AND TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodule'\'' AND CONSTRAINT_NAME = '\''student_id_refs_id_51af713179ba2570'\''')" = '0' ] || return 1
    return 0
}
is_done() {
    is_applied
}
check_assumptions() {
    :
}
before_change() {
    :
}
sql='SET SESSION lock_wait_timeout = 5; ALTER TABLE `platform`.`courseware_studentmodule` DROP FOREIGN KEY `student_id_refs_id_51af713179ba2570`, ALGORITHM=INPLACE, LOCK=NONE'

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
    [ "$(ask primary 'SELECT COUNT(*) FROM information_schema.TABLE_CONSTRAINTS WHERE CONSTRAINT_TYPE = '\''FOREIGN KEY'\'' AND CONSTRAINT_SCHEMA = '\''platform'\'' AND TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodule'\'' AND CONSTRAINT_NAME = '\''student_id_refs_id_51af713179ba2570'\''')" = '1' ] || return 1
    return 0
}
before_revert() {
    :
}
revert_sql='SET SESSION lock_wait_timeout = 5, foreign_key_checks = 0; ALTER TABLE `platform`.`courseware_studentmodule` ADD CONSTRAINT `student_id_refs_id_51af713179ba2570` FOREIGN KEY (`student_id`) REFERENCES `platform`.`auth_user` (`id`), ALGORITHM=INPLACE, LOCK=NONE'

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
