#!/usr/bin/env bash
# shellcheck disable=SC2016 # Backticks in quotes are names in SQL.
# Compare the rows of platform.courseware_statebookmark with the copy, and cut over
# Step prod-03; see runbook.md. Nothing is changed without --execute or --revert.
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
run_name='prod-02'
copy_script='prod-02-gh-ost-courseware_statebookmark.sh'

run_folder=${CSM_AUDIT_RUN:-$here/run}
run=$run_folder/$run_name
is_done() {
    [ "$(ask primary 'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_statebookmark'\'' AND COLUMN_NAME = '\''row_id'\''')" = 'bigint unsigned' ] || return 1
    return 0
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
check_assumptions() {
    :
}
before_change() {
    prove primary 'the copy of platform.courseware_statebookmark exists' \
        'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME IN ('\''_courseware_statebookmark_gho'\'')' \
        '1' 'run prod-02-gh-ost-courseware_statebookmark.sh --execute first'
    prove primary 'platform.courseware_statebookmark has no foreign key' \
        'SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_statebookmark'\''' \
        '0' 'drop the foreign key first, by its actual name; an account without privileges on its database cannot see it'
    prove primary 'no foreign key references platform.courseware_statebookmark' \
        'SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE UNIQUE_CONSTRAINT_SCHEMA = '\''platform'\'' AND REFERENCED_TABLE_NAME = '\''courseware_statebookmark'\''' \
        '0' 'drop the foreign key first, by its actual name; an account without privileges on its database cannot see it'
}
next_chunk() {
    ask inspected 'SET @low = '"$low"', @end = '"$end"'; SET @next = (SELECT MAX(t.`id`) FROM (SELECT `id` FROM `platform`.`courseware_statebookmark` WHERE `id` > @low AND `id` <= @end ORDER BY `id` LIMIT '"${CSM_AUDIT_COMPARE_CHUNK:-5000}"') AS t); SET @high = COALESCE(@next, @end); SELECT @high, @next IS NULL, (SELECT CONCAT(COUNT(*), '\''/'\'', COALESCE(BIT_XOR(CRC32(CONCAT_WS('\''#'\'', CRC32(t.`id`), CRC32(t.`title`), CRC32(t.`row_id`), CONCAT(ISNULL(t.`id`), ISNULL(t.`title`), ISNULL(t.`row_id`))))), 0), '\''/'\'', COALESCE(SUM(CRC32(CONCAT_WS('\''#'\'', CRC32(t.`id`), CRC32(t.`title`), CRC32(t.`row_id`), CONCAT(ISNULL(t.`id`), ISNULL(t.`title`), ISNULL(t.`row_id`))))), 0)) FROM `platform`.`courseware_statebookmark` AS t WHERE t.`id` > @low AND t.`id` <= @high) = (SELECT CONCAT(COUNT(*), '\''/'\'', COALESCE(BIT_XOR(CRC32(CONCAT_WS('\''#'\'', CRC32(t.`id`), CRC32(t.`title`), CRC32(t.`row_id`), CONCAT(ISNULL(t.`id`), ISNULL(t.`title`), ISNULL(t.`row_id`))))), 0), '\''/'\'', COALESCE(SUM(CRC32(CONCAT_WS('\''#'\'', CRC32(t.`id`), CRC32(t.`title`), CRC32(t.`row_id`), CONCAT(ISNULL(t.`id`), ISNULL(t.`title`), ISNULL(t.`row_id`))))), 0)) FROM `platform`.`_courseware_statebookmark_gho` AS t WHERE t.`id` > @low AND t.`id` <= @high)'
}
differing() {
    ask inspected 'SELECT o.`id` FROM `platform`.`courseware_statebookmark` AS o LEFT JOIN `platform`.`_courseware_statebookmark_gho` AS n ON n.`id` = o.`id` WHERE o.`id` > '"$low"' AND o.`id` <= '"$high"' AND (n.`id` IS NULL OR CRC32(CONCAT_WS('\''#'\'', CRC32(o.`id`), CRC32(o.`title`), CRC32(o.`row_id`), CONCAT(ISNULL(o.`id`), ISNULL(o.`title`), ISNULL(o.`row_id`)))) <> CRC32(CONCAT_WS('\''#'\'', CRC32(n.`id`), CRC32(n.`title`), CRC32(n.`row_id`), CONCAT(ISNULL(n.`id`), ISNULL(n.`title`), ISNULL(n.`row_id`))))) UNION ALL SELECT n.`id` FROM `platform`.`_courseware_statebookmark_gho` AS n LEFT JOIN `platform`.`courseware_statebookmark` AS o ON o.`id` = n.`id` WHERE n.`id` > '"$low"' AND n.`id` <= '"$high"' AND o.`id` IS NULL LIMIT 1001'
}
differing_again() {
    ask inspected 'SELECT o.`id` FROM `platform`.`courseware_statebookmark` AS o LEFT JOIN `platform`.`_courseware_statebookmark_gho` AS n ON n.`id` = o.`id` WHERE o.`id` IN ('"${ids//$'\n'/,}"') AND (n.`id` IS NULL OR CRC32(CONCAT_WS('\''#'\'', CRC32(o.`id`), CRC32(o.`title`), CRC32(o.`row_id`), CONCAT(ISNULL(o.`id`), ISNULL(o.`title`), ISNULL(o.`row_id`)))) <> CRC32(CONCAT_WS('\''#'\'', CRC32(n.`id`), CRC32(n.`title`), CRC32(n.`row_id`), CONCAT(ISNULL(n.`id`), ISNULL(n.`title`), ISNULL(n.`row_id`))))) UNION ALL SELECT n.`id` FROM `platform`.`_courseware_statebookmark_gho` AS n LEFT JOIN `platform`.`courseware_statebookmark` AS o ON o.`id` = n.`id` WHERE n.`id` IN ('"${ids//$'\n'/,}"') AND o.`id` IS NULL LIMIT 1001'
}
lowest() {
    ask inspected 'SELECT COALESCE(LEAST(COALESCE((SELECT MIN(`id`) FROM `platform`.`courseware_statebookmark`), (SELECT MIN(`id`) FROM `platform`.`_courseware_statebookmark_gho`)), COALESCE((SELECT MIN(`id`) FROM `platform`.`_courseware_statebookmark_gho`), (SELECT MIN(`id`) FROM `platform`.`courseware_statebookmark`))), 0) - 1'
}
highest() {
    ask inspected 'SELECT GREATEST(COALESCE((SELECT MAX(`id`) FROM `platform`.`courseware_statebookmark`), 0), COALESCE((SELECT MAX(`id`) FROM `platform`.`_courseware_statebookmark_gho`), 0))'
}

# integer TEXT: fails unless TEXT is an integer.
integer() {
    [[ $1 =~ ^-?[0-9]+$ ]] || die "The server's answer is not a number: $1"
}
compare_rows() {
    local low end high last agrees ids try chunks=0
    say 'Comparing the rows of both tables.'
    if [ -e "$run.compared" ] && read -r low end <"$run.compared"; then
        say "Continuing the comparison above $low; remove $run.compared to restart it."
    else
        low=$(lowest)
        # Rows that are written from now on go the same way as those before.
        end=$(highest)
    fi
    integer "$low"
    integer "$end"
    while :; do
        read -r high last agrees < <(next_chunk)
        integer "$high"
        if [ "$agrees" != 1 ]; then
            ids=$(differing)
            for ((try = 0; try < ${CSM_AUDIT_COMPARE_TRIES:-60}; try++)); do
                [ -n "$ids" ] || break
                [ "$(wc -l <<<"$ids")" -le 1000 ] || die "Between $low and $high more than 1000 rows differ."
                sleep 0.5
                ids=$(differing_again)
            done
            [ -z "$ids" ] || die "These rows still differ: ${ids//$'\n'/ }"
        fi
        chunks=$((chunks + 1))
        [ "$last" = 0 ] || break
        low=$high
        printf '%s %s\n' "$low" "$end" >"$run.compared"
        sleep "${CSM_AUDIT_COMPARE_PAUSE:-0.02}"
    done
    say "The rows of both tables agree, in $chunks chunks."
}
busy_sessions() {
    ask primary 'SELECT CONCAT('\''session '\'', p.ID, '\'' of '\'', p.USER, '\'', '\'', COALESCE(CONCAT('\''a transaction of '\'', TIMESTAMPDIFF(SECOND, t.trx_started, NOW()), '\'' s'\''), CONCAT(p.STATE, '\'' for '\'', p.TIME, '\'' s'\''))) FROM information_schema.PROCESSLIST AS p LEFT JOIN information_schema.INNODB_TRX AS t ON t.trx_mysql_thread_id = p.ID WHERE p.ID <> CONNECTION_ID() AND (t.trx_started < NOW() - INTERVAL 10 SECOND OR p.STATE LIKE '\''Waiting for%metadata lock%'\'')'
}

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
