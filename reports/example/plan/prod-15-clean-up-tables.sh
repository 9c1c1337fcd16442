#!/usr/bin/env bash
# shellcheck disable=SC2016 # What stands between backticks in quotes is a name in SQL.
# Drop what is left in platform: _courseware_statebookmark_del, _courseware_statebookmark_ghk
# Step prod-15; runbook.md tells what to expect. Nothing is changed without --execute.
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
# Dropping a table of many gigabytes can stall a server: choose a quiet hour, and mind the replicas.


is_done() {
    [ "$(ask primary 'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME IN ('\''_courseware_statebookmark_del'\'', '\''_courseware_statebookmark_ghk'\'')')" = '0' ] || return 1
}
if is_done; then
    say 'Already done: nothing to do.'
    exit 0
fi
all_proven

sql='SET SESSION lock_wait_timeout = 5; DROP TABLE IF EXISTS `platform`.`_courseware_statebookmark_del`, `platform`.`_courseware_statebookmark_ghk`'
if [ "${1:-}" != --execute ]; then
    say 'All of it holds. With --execute this would be run at the primary:'
    printf '%s\n' "$sql"
    exit 0
fi
tries=${CSM_AUDIT_TRIES:-60}
for ((try = 1; ; try++)); do
    if output=$(ask primary "$sql" 2>&1); then
        break
    fi
    case $output in
        # Somebody holds the table: it is let go at once, so that nobody queues behind, and tried again.
        *'ERROR 1205'* | *'ERROR 1213'*) ;;
        *) die "$output" ;;
    esac
    [ "$try" -lt "$tries" ] || die "Given up after $try tries: $output"
    say "Somebody holds a lock; again in a moment ($try of $tries)."
    sleep "${CSM_AUDIT_PAUSE:-5}"
done
is_done || die 'It ran, and the answer is not what it should be: look before going on.'
say 'Done.'
