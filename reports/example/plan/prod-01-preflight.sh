#!/usr/bin/env bash
# shellcheck disable=SC2016 # Backticks in quotes are names in SQL.
# Preflight checks of prod
# Step prod-01; see runbook.md. Nothing is changed without --execute or --revert.
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
step_is_done() {
    [ "$(ask primary 'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_statebookmark'\'' AND COLUMN_NAME = '\''row_id'\''' 2>/dev/null)" = 'bigint unsigned' ] || return 1
    return 0
}
if step_is_done; then
    say 'done    prod-02'
else
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
    prove primary 'the primary is writable' \
        'SELECT @@GLOBAL.read_only' \
        '0' 'set CSM_AUDIT_PRIMARY_HOST and CSM_AUDIT_PRIMARY_PORT to the writable server'
    prove primary 'platform.courseware_statebookmark.row_id is still int' \
        'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_statebookmark'\'' AND COLUMN_NAME = '\''row_id'\''' \
        'int' 'the table has changed since the plan: run csm-audit plan again'
    prove inspected 'no negative value in platform.courseware_statebookmark.row_id' \
        'SELECT COUNT(*) FROM (SELECT 1 FROM `platform`.`courseware_statebookmark` WHERE `row_id` < 0 LIMIT 1) AS negative' \
        '0' 'resolve the rows with negative values first: as unsigned they would all become 0'
    prove primary 'no triggers, or gh-ost includes them' \
        'SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = '\''platform'\'' AND EVENT_OBJECT_TABLE = '\''courseware_statebookmark'\''' \
        '0' 'gh-ost 1.1.8 and newer includes triggers; with an older release drop them before the copy and re-create them afterwards'
    prove primary 'no leftover table of an earlier run' \
        'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME IN ('\''_courseware_statebookmark_gho'\'', '\''_courseware_statebookmark_ghc'\'', '\''_courseware_statebookmark_ghk'\'', '\''_courseware_statebookmark_del'\'', '\''_courseware_statebookmark_rev_del'\'')' \
        '0' 'if no copy is running, drop the tables: run the copy script with --discard'
fi
step_is_done() {
    [ "$(ask primary 'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_statebookmark'\'' AND COLUMN_NAME = '\''row_id'\''' 2>/dev/null)" = 'bigint unsigned' ] || return 1
    return 0
}
if step_is_done; then
    say 'done    prod-03'
else
    prove primary 'the cut-over loses no writes' \
        'SELECT COUNT(*) FROM performance_schema.setup_instruments WHERE NAME = '\''wait/lock/metadata/sql/mdl'\'' AND ENABLED = '\''YES'\'' AND TIMED = '\''YES'\''' \
        '1' 'UPDATE performance_schema.setup_instruments SET ENABLED = '\''YES'\'', TIMED = '\''YES'\'' WHERE NAME = '\''wait/lock/metadata/sql/mdl'\'' on the primary; or decide: --cut-over two-step (no writes are lost; statements fail with error 1146 for an instant), or --cut-over writers-stopped (all writers are stopped during the swap)'
fi
step_is_done() {
    [ "$(ask primary 'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodulehistory'\'' AND COLUMN_NAME = '\''student_module_id'\''' 2>/dev/null)" = 'bigint unsigned' ] || return 1
    return 0
}
if step_is_done; then
    say 'done    prod-04'
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
step_is_done() {
    [ "$(ask primary 'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''grades_gradeoverride'\'' AND COLUMN_NAME = '\''module_id'\''' 2>/dev/null)" = 'bigint unsigned' ] || return 1
    return 0
}
if step_is_done; then
    say 'done    prod-06'
else
    prove primary 'platform.grades_gradeoverride.module_id is still int' \
        'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''grades_gradeoverride'\'' AND COLUMN_NAME = '\''module_id'\''' \
        'int' 'the table has changed since the plan: run csm-audit plan again'
    prove inspected 'no negative value in platform.grades_gradeoverride.module_id' \
        'SELECT COUNT(*) FROM (SELECT 1 FROM `platform`.`grades_gradeoverride` WHERE `module_id` < 0 LIMIT 1) AS negative' \
        '0' 'resolve the rows with negative values first: as unsigned they would all become 0'
    prove primary 'platform.grades_gradeoverride has at most 100000 rows' \
        'SELECT COUNT(*) <= 100000 FROM (SELECT 1 FROM `platform`.`grades_gradeoverride` LIMIT 100001) AS few' \
        '1' 'the table has grown since the plan, and writers would wait for the whole copy: run csm-audit plan again, or choose another strategy'
    prove primary 'platform.grades_gradeoverride has at most 320 MiB' \
        'SET SESSION information_schema_stats_expiry = 0; SELECT COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) <= 335544320 FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''grades_gradeoverride'\''' \
        '1' 'the table has grown since the plan, and writers would wait for the whole copy: run csm-audit plan again, or choose another strategy'
fi
step_is_done() {
    [ "$(ask primary 'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME = '\''coursewarehistoryextended_studentmodulehistoryextended'\'' AND COLUMN_NAME = '\''student_module_id'\''' 2>/dev/null)" = 'bigint unsigned' ] || return 1
    return 0
}
if step_is_done; then
    say 'done    prod-07'
else
    prove inspected 'binary logs are kept for 612 h, longer than the copy takes' \
        'SELECT @@GLOBAL.binlog_expire_logs_seconds = 0 OR @@GLOBAL.binlog_expire_logs_seconds >= 2201392' \
        '1' 'SET GLOBAL binlog_expire_logs_seconds = 2201392 on the inspected server, and in its configuration'
    prove primary 'platform_history.coursewarehistoryextended_studentmodulehistoryextended.student_module_id is still int' \
        'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME = '\''coursewarehistoryextended_studentmodulehistoryextended'\'' AND COLUMN_NAME = '\''student_module_id'\''' \
        'int' 'the table has changed since the plan: run csm-audit plan again'
    prove inspected 'no negative value in platform_history.coursewarehistoryextended_studentmodulehistoryextended.student_module_id' \
        'SELECT COUNT(*) FROM (SELECT 1 FROM `platform_history`.`coursewarehistoryextended_studentmodulehistoryextended` WHERE `student_module_id` < 0 LIMIT 1) AS negative' \
        '0' 'resolve the rows with negative values first: as unsigned they would all become 0'
    prove primary 'no triggers, or gh-ost includes them' \
        'SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = '\''platform_history'\'' AND EVENT_OBJECT_TABLE = '\''coursewarehistoryextended_studentmodulehistoryextended'\''' \
        '0' 'gh-ost 1.1.8 and newer includes triggers; with an older release drop them before the copy and re-create them afterwards'
    prove primary 'no leftover table of an earlier run' \
        'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME IN ('\''_coursewarehistoryextended_studentmodulehistoryextended_gho'\'', '\''_coursewarehistoryextended_studentmodulehistoryextended_ghc'\'', '\''_coursewarehistoryextended_studentmodulehistoryextended_ghk'\'', '\''_coursewarehistoryextended_studentmodulehistoryextended_del'\'', '\''_coursewarehistoryextended_studentmodulehistoryextended_rev_del'\'')' \
        '0' 'if no copy is running, drop the tables: run the copy script with --discard'
fi
step_is_done() {
    [ "$(ask primary 'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME = '\''export_queue'\'' AND COLUMN_NAME = '\''student_module_id'\''' 2>/dev/null)" = 'bigint unsigned' ] || return 1
    return 0
}
if step_is_done; then
    say 'done    prod-09'
else
    prove primary 'platform_history.export_queue.student_module_id is still int' \
        'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME = '\''export_queue'\'' AND COLUMN_NAME = '\''student_module_id'\''' \
        'int' 'the table has changed since the plan: run csm-audit plan again'
    prove inspected 'no negative value in platform_history.export_queue.student_module_id' \
        'SELECT COUNT(*) FROM (SELECT 1 FROM `platform_history`.`export_queue` WHERE `student_module_id` < 0 LIMIT 1) AS negative' \
        '0' 'resolve the rows with negative values first: as unsigned they would all become 0'
    prove primary 'platform_history.export_queue has at most 100000 rows' \
        'SELECT COUNT(*) <= 100000 FROM (SELECT 1 FROM `platform_history`.`export_queue` LIMIT 100001) AS few' \
        '1' 'the table has grown since the plan, and writers would wait for the whole copy: run csm-audit plan again, or choose another strategy'
    prove primary 'platform_history.export_queue has at most 320 MiB' \
        'SET SESSION information_schema_stats_expiry = 0; SELECT COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) <= 335544320 FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME = '\''export_queue'\''' \
        '1' 'the table has grown since the plan, and writers would wait for the whole copy: run csm-audit plan again, or choose another strategy'
fi
step_is_done() {
    [ "$(ask primary 'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodule'\'' AND COLUMN_NAME = '\''id'\''' 2>/dev/null)" = 'bigint unsigned' ] || return 1
    [ "$(ask primary 'SELECT EXTRA LIKE '\''%auto_increment%'\'' FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodule'\'' AND COLUMN_NAME = '\''id'\''' 2>/dev/null)" = '1' ] || return 1
    return 0
}
if step_is_done; then
    say 'done    prod-11'
else
    prove inspected 'binary logs are kept for 199 h, longer than the copy takes' \
        'SELECT @@GLOBAL.binlog_expire_logs_seconds = 0 OR @@GLOBAL.binlog_expire_logs_seconds >= 715492' \
        '1' 'SET GLOBAL binlog_expire_logs_seconds = 715492 on the inspected server, and in its configuration'
    prove primary 'platform.courseware_studentmodule.id is still int' \
        'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodule'\'' AND COLUMN_NAME = '\''id'\''' \
        'int' 'the table has changed since the plan: run csm-audit plan again'
    prove inspected 'no negative value in platform.courseware_studentmodule.id' \
        'SELECT COUNT(*) FROM (SELECT 1 FROM `platform`.`courseware_studentmodule` WHERE `id` < 0 LIMIT 1) AS negative' \
        '0' 'resolve the rows with negative values first: as unsigned they would all become 0'
    prove primary 'no triggers, or gh-ost includes them' \
        'SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = '\''platform'\'' AND EVENT_OBJECT_TABLE = '\''courseware_studentmodule'\''' \
        '0' 'gh-ost 1.1.8 and newer includes triggers; with an older release drop them before the copy and re-create them afterwards'
    prove primary 'no leftover table of an earlier run' \
        'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME IN ('\''_courseware_studentmodule_gho'\'', '\''_courseware_studentmodule_ghc'\'', '\''_courseware_studentmodule_ghk'\'', '\''_courseware_studentmodule_del'\'', '\''_courseware_studentmodule_rev_del'\'')' \
        '0' 'if no copy is running, drop the tables: run the copy script with --discard'
fi
all_proven
say 'All preflight checks passed.'
