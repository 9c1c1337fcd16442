#!/usr/bin/env bash
# shellcheck disable=SC2016 # Backticks in quotes are names in SQL.
# Preflight checks of edge
# Step edge-01; see runbook.md. Nothing is changed without --execute or --revert.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
default_host='replica.edge.example'
default_port=3306
default_primary_host='replica.edge.example'
default_primary_port=3306
default_cnf=$here/edge.cnf
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
step_is_done() {
    [ "$(ask primary 'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodulehistory'\'' AND COLUMN_NAME = '\''student_module_id'\''' 2>/dev/null)" = 'bigint unsigned' ] || return 1
    return 0
}
if step_is_done; then
    say 'done    edge-02'
else
    prove primary 'platform.courseware_studentmodulehistory.student_module_id is still int' \
        'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodulehistory'\'' AND COLUMN_NAME = '\''student_module_id'\''' \
        'int' 'the table has changed since the plan: run csm-audit plan again'
    prove inspected 'no negative value in platform.courseware_studentmodulehistory.student_module_id' \
        'SELECT COUNT(*) FROM (SELECT 1 FROM `platform`.`courseware_studentmodulehistory` WHERE `student_module_id` < 0 LIMIT 1) AS negative' \
        '0' 'resolve the rows with negative values first: as unsigned they would all become 0'
    prove primary 'platform.courseware_studentmodulehistory has at most 100000 rows' \
        'SELECT COUNT(*) <= 100000 FROM (SELECT 1 FROM `platform`.`courseware_studentmodulehistory` LIMIT 100001) AS few' \
        '1' 'the table has grown since the plan, and writers would wait for the whole copy: run csm-audit plan again, or choose another strategy'
    prove primary 'platform.courseware_studentmodulehistory has at most 320 MiB' \
        'SET SESSION information_schema_stats_expiry = 0; SELECT COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) <= 335544320 FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodulehistory'\''' \
        '1' 'the table has grown since the plan, and writers would wait for the whole copy: run csm-audit plan again, or choose another strategy'
fi
all_proven
say 'All preflight checks passed.'
