#!/usr/bin/env bash
# shellcheck disable=SC2016 # What stands between backticks in quotes is a name in SQL.
# Compare the rows of platform_history.coursewarehistoryextended_studentmodulehistoryextended with the copy's, and cut over
# Step prod-08; runbook.md tells what to expect. Nothing is changed without --execute.
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
run_folder=${CSM_AUDIT_RUN:-$here/run}
run=$run_folder/prod-07


is_done() {
    [ "$(ask primary 'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME = '\''coursewarehistoryextended_studentmodulehistoryextended'\'' AND COLUMN_NAME = '\''student_module_id'\''')" = 'bigint unsigned' ] || return 1
}
if is_done; then
    say 'Already done: nothing to do.'
    exit 0
fi
prove primary 'the copy is there' \
    'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME IN ('\''_coursewarehistoryextended_studentmodulehistoryextended_gho'\'')' '1' 'the step before makes it'
all_proven
[ -e "$run.postpone" ] || die "There is no $run.postpone: gh-ost does not wait for a word."

agree='SELECT (SELECT CONCAT(COUNT(*), '\''/'\'', COALESCE(BIT_XOR(CRC32(CONCAT_WS('\''#'\'', CRC32(t.`version`), CRC32(t.`created`), CRC32(t.`state`), CRC32(t.`grade`), CRC32(t.`max_grade`), CRC32(t.`id`), CRC32(t.`student_module_id`), CONCAT(ISNULL(t.`version`), ISNULL(t.`created`), ISNULL(t.`state`), ISNULL(t.`grade`), ISNULL(t.`max_grade`), ISNULL(t.`id`), ISNULL(t.`student_module_id`))))), 0), '\''/'\'', COALESCE(SUM(CRC32(CONCAT_WS('\''#'\'', CRC32(t.`version`), CRC32(t.`created`), CRC32(t.`state`), CRC32(t.`grade`), CRC32(t.`max_grade`), CRC32(t.`id`), CRC32(t.`student_module_id`), CONCAT(ISNULL(t.`version`), ISNULL(t.`created`), ISNULL(t.`state`), ISNULL(t.`grade`), ISNULL(t.`max_grade`), ISNULL(t.`id`), ISNULL(t.`student_module_id`))))), 0)) FROM `platform_history`.`coursewarehistoryextended_studentmodulehistoryextended` AS t WHERE t.`id` > @low AND t.`id` <= @high) = (SELECT CONCAT(COUNT(*), '\''/'\'', COALESCE(BIT_XOR(CRC32(CONCAT_WS('\''#'\'', CRC32(t.`version`), CRC32(t.`created`), CRC32(t.`state`), CRC32(t.`grade`), CRC32(t.`max_grade`), CRC32(t.`id`), CRC32(t.`student_module_id`), CONCAT(ISNULL(t.`version`), ISNULL(t.`created`), ISNULL(t.`state`), ISNULL(t.`grade`), ISNULL(t.`max_grade`), ISNULL(t.`id`), ISNULL(t.`student_module_id`))))), 0), '\''/'\'', COALESCE(SUM(CRC32(CONCAT_WS('\''#'\'', CRC32(t.`version`), CRC32(t.`created`), CRC32(t.`state`), CRC32(t.`grade`), CRC32(t.`max_grade`), CRC32(t.`id`), CRC32(t.`student_module_id`), CONCAT(ISNULL(t.`version`), ISNULL(t.`created`), ISNULL(t.`state`), ISNULL(t.`grade`), ISNULL(t.`max_grade`), ISNULL(t.`id`), ISNULL(t.`student_module_id`))))), 0)) FROM `platform_history`.`_coursewarehistoryextended_studentmodulehistoryextended_gho` AS t WHERE t.`id` > @low AND t.`id` <= @high)'
differing='SELECT o.`id` FROM `platform_history`.`coursewarehistoryextended_studentmodulehistoryextended` AS o LEFT JOIN `platform_history`.`_coursewarehistoryextended_studentmodulehistoryextended_gho` AS n ON n.`id` = o.`id` WHERE o.`id` > @low AND o.`id` <= @high AND (n.`id` IS NULL OR CRC32(CONCAT_WS('\''#'\'', CRC32(o.`version`), CRC32(o.`created`), CRC32(o.`state`), CRC32(o.`grade`), CRC32(o.`max_grade`), CRC32(o.`id`), CRC32(o.`student_module_id`), CONCAT(ISNULL(o.`version`), ISNULL(o.`created`), ISNULL(o.`state`), ISNULL(o.`grade`), ISNULL(o.`max_grade`), ISNULL(o.`id`), ISNULL(o.`student_module_id`)))) <> CRC32(CONCAT_WS('\''#'\'', CRC32(n.`version`), CRC32(n.`created`), CRC32(n.`state`), CRC32(n.`grade`), CRC32(n.`max_grade`), CRC32(n.`id`), CRC32(n.`student_module_id`), CONCAT(ISNULL(n.`version`), ISNULL(n.`created`), ISNULL(n.`state`), ISNULL(n.`grade`), ISNULL(n.`max_grade`), ISNULL(n.`id`), ISNULL(n.`student_module_id`))))) UNION ALL SELECT n.`id` FROM `platform_history`.`_coursewarehistoryextended_studentmodulehistoryextended_gho` AS n LEFT JOIN `platform_history`.`coursewarehistoryextended_studentmodulehistoryextended` AS o ON o.`id` = n.`id` WHERE n.`id` > @low AND n.`id` <= @high AND o.`id` IS NULL LIMIT 1001'
again='SELECT o.`id` FROM `platform_history`.`coursewarehistoryextended_studentmodulehistoryextended` AS o LEFT JOIN `platform_history`.`_coursewarehistoryextended_studentmodulehistoryextended_gho` AS n ON n.`id` = o.`id` WHERE o.`id` IN (@ids) AND (n.`id` IS NULL OR CRC32(CONCAT_WS('\''#'\'', CRC32(o.`version`), CRC32(o.`created`), CRC32(o.`state`), CRC32(o.`grade`), CRC32(o.`max_grade`), CRC32(o.`id`), CRC32(o.`student_module_id`), CONCAT(ISNULL(o.`version`), ISNULL(o.`created`), ISNULL(o.`state`), ISNULL(o.`grade`), ISNULL(o.`max_grade`), ISNULL(o.`id`), ISNULL(o.`student_module_id`)))) <> CRC32(CONCAT_WS('\''#'\'', CRC32(n.`version`), CRC32(n.`created`), CRC32(n.`state`), CRC32(n.`grade`), CRC32(n.`max_grade`), CRC32(n.`id`), CRC32(n.`student_module_id`), CONCAT(ISNULL(n.`version`), ISNULL(n.`created`), ISNULL(n.`state`), ISNULL(n.`grade`), ISNULL(n.`max_grade`), ISNULL(n.`id`), ISNULL(n.`student_module_id`))))) UNION ALL SELECT n.`id` FROM `platform_history`.`_coursewarehistoryextended_studentmodulehistoryextended_gho` AS n LEFT JOIN `platform_history`.`coursewarehistoryextended_studentmodulehistoryextended` AS o ON o.`id` = n.`id` WHERE n.`id` IN (@ids) AND o.`id` IS NULL LIMIT 1001'
next='SELECT MAX(t.`id`) FROM (SELECT `id` FROM `platform_history`.`coursewarehistoryextended_studentmodulehistoryextended` WHERE `id` > @low AND `id` <= @end ORDER BY `id` LIMIT @many) AS t'
lowest='SELECT COALESCE(LEAST((SELECT MIN(`id`) FROM `platform_history`.`coursewarehistoryextended_studentmodulehistoryextended`), (SELECT MIN(`id`) FROM `platform_history`.`_coursewarehistoryextended_studentmodulehistoryextended_gho`)), 0)'
highest='SELECT GREATEST(COALESCE((SELECT MAX(`id`) FROM `platform_history`.`coursewarehistoryextended_studentmodulehistoryextended`), 0), COALESCE((SELECT MAX(`id`) FROM `platform_history`.`_coursewarehistoryextended_studentmodulehistoryextended_gho`), 0))'
between() {
    local text=$1
    text=${text//@low/$low}
    printf '%s' "${text//@high/$high}"
}
say 'Comparing the rows of both tables.'
low=$(($(ask inspected "$lowest") - 1))
# What is written from now on goes the same way as what was written until now.
end=$(ask inspected "$highest")
chunks=0
while :; do
    query=${next//@low/$low}
    query=${query//@end/$end}
    high=$(ask inspected "${query//@many/${CSM_AUDIT_CHUNK:-1000}}")
    last=no
    if [ "$high" = NULL ] || [ -z "$high" ]; then
        # Rows that only the copy has.
        high=$end last=yes
    fi
    if [ "$(ask inspected "$(between "$agree")")" != 1 ]; then
        ids=$(ask inspected "$(between "$differing")")
        for ((try = 0; try < 60; try++)); do
            [ -n "$ids" ] || break
            [ "$(wc -l <<<"$ids")" -le 1000 ] || die "Between $low and $high more than 1000 rows differ."
            sleep 0.5
            ids=$(ask inspected "${again//@ids/${ids//$'\n'/,}}")
        done
        [ -z "$ids" ] || die "These rows differ, and go on to: ${ids//$'\n'/ }"
    fi
    chunks=$((chunks + 1))
    if [ "$last" = yes ]; then
        break
    fi
    low=$high
    sleep "${CSM_AUDIT_COMPARE_PAUSE:-0.02}"
done
say "The rows of both tables agree, in $chunks chunks."
if [ "${1:-}" != --execute ]; then
    say 'The rows agree. With --execute the tables are swapped.'
    exit 0
fi
rm -f -- "$run.postpone"
say 'gh-ost may cut over now.'
for ((second = 0; second < ${CSM_AUDIT_PATIENCE:-600}; second++)); do
    if is_done; then
        say 'The tables are swapped.'
        exit 0
    fi
    sleep 1
done
: >"$run.postpone"
die 'gh-ost did not cut over in time; the flag file is back. Its log tells why.'
