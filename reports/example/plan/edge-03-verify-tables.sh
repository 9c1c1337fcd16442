#!/usr/bin/env bash
# shellcheck disable=SC2016 # What stands between backticks in quotes is a name in SQL.
# Look whether all of edge is as planned
# Step edge-03; runbook.md tells what to expect. Nothing is changed without --execute.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
default_host='replica.edge.example'
default_primary='replica.edge.example'
# The server that is inspected, and the one that takes writes.
HOST=${CSM_AUDIT_HOST:-$default_host}
PORT=${CSM_AUDIT_PORT:-3306}
PRIMARY_HOST=${CSM_AUDIT_PRIMARY_HOST:-$default_primary}
PRIMARY_PORT=${CSM_AUDIT_PRIMARY_PORT:-3306}
# An option file with [client], user and password, that nobody else may read.
CNF=${CSM_AUDIT_CNF:-$here/edge.cnf}
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
prove primary 'the type of `student_module_id`' \
    'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodulehistory'\'' AND COLUMN_NAME = '\''student_module_id'\''' \
    'bigint unsigned' 'a step is open'
[ "$failed" -eq 0 ] || die "Not done: $failed answers are not what they should be."
say 'Done: the columns are as planned. csm-audit verify looks at the rest.'
