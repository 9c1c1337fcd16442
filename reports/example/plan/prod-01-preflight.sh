#!/usr/bin/env bash
# shellcheck disable=SC2016 # What stands between backticks in quotes is a name in SQL.
# Look whether all that has to hold in prod does
# Step prod-01; runbook.md tells what to expect. Nothing is changed without --execute.
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
prove primary '`row_id` is still int' \
    'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_statebookmark'\'' AND COLUMN_NAME = '\''row_id'\''' \
    'int' 'make the plan again: the table has changed since'
prove inspected 'no negative value in `row_id`' \
    'SELECT COUNT(*) FROM (SELECT 1 FROM `platform`.`courseware_statebookmark` WHERE `row_id` < 0 LIMIT 1) AS negative' \
    '0' 'settle what these rows are: as unsigned they would become one row with 0'
prove primary 'triggers are none, or move along' \
    'SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = '\''platform'\'' AND EVENT_OBJECT_TABLE = '\''courseware_statebookmark'\''' \
    '0' 'gh-ost from 1.1.8 on moves triggers; with an older one drop them before and create them afterwards'
prove primary 'nothing is left of an earlier run' \
    'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME IN ('\''_courseware_statebookmark_gho'\'', '\''_courseware_statebookmark_ghc'\'', '\''_courseware_statebookmark_ghk'\'', '\''_courseware_statebookmark_del'\'', '\''_courseware_statebookmark_rev_del'\'')' \
    '0' 'make sure that no run is under way, look into them, and drop them by hand'
prove primary 'the swap of the tables loses no write' \
    'SELECT COUNT(*) FROM performance_schema.setup_instruments WHERE NAME = '\''wait/lock/metadata/sql/mdl'\'' AND ENABLED = '\''YES'\'' AND TIMED = '\''YES'\''' \
    '1' 'UPDATE performance_schema.setup_instruments SET ENABLED = '\''YES'\'', TIMED = '\''YES'\'' WHERE NAME = '\''wait/lock/metadata/sql/mdl'\'' on the primary; or decide: --cut-over two-step (nothing is lost; statements fail with error 1146 for an instant), or --cut-over writers-stopped (nobody writes while the tables are swapped)'
prove primary '`student_module_id` is still int' \
    'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodulehistory'\'' AND COLUMN_NAME = '\''student_module_id'\''' \
    'int' 'make the plan again: the table has changed since'
prove inspected 'no negative value in `student_module_id`' \
    'SELECT COUNT(*) FROM (SELECT 1 FROM `platform`.`courseware_studentmodulehistory` WHERE `student_module_id` < 0 LIMIT 1) AS negative' \
    '0' 'settle what these rows are: as unsigned they would become one row with 0'
prove primary '`module_id` is still int' \
    'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''grades_gradeoverride'\'' AND COLUMN_NAME = '\''module_id'\''' \
    'int' 'make the plan again: the table has changed since'
prove inspected 'no negative value in `module_id`' \
    'SELECT COUNT(*) FROM (SELECT 1 FROM `platform`.`grades_gradeoverride` WHERE `module_id` < 0 LIMIT 1) AS negative' \
    '0' 'settle what these rows are: as unsigned they would become one row with 0'
prove primary '`student_module_id` is still int' \
    'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME = '\''coursewarehistoryextended_studentmodulehistoryextended'\'' AND COLUMN_NAME = '\''student_module_id'\''' \
    'int' 'make the plan again: the table has changed since'
prove inspected 'no negative value in `student_module_id`' \
    'SELECT COUNT(*) FROM (SELECT 1 FROM `platform_history`.`coursewarehistoryextended_studentmodulehistoryextended` WHERE `student_module_id` < 0 LIMIT 1) AS negative' \
    '0' 'settle what these rows are: as unsigned they would become one row with 0'
prove primary 'triggers are none, or move along' \
    'SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = '\''platform_history'\'' AND EVENT_OBJECT_TABLE = '\''coursewarehistoryextended_studentmodulehistoryextended'\''' \
    '0' 'gh-ost from 1.1.8 on moves triggers; with an older one drop them before and create them afterwards'
prove primary 'nothing is left of an earlier run' \
    'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME IN ('\''_coursewarehistoryextended_studentmodulehistoryextended_gho'\'', '\''_coursewarehistoryextended_studentmodulehistoryextended_ghc'\'', '\''_coursewarehistoryextended_studentmodulehistoryextended_ghk'\'', '\''_coursewarehistoryextended_studentmodulehistoryextended_del'\'', '\''_coursewarehistoryextended_studentmodulehistoryextended_rev_del'\'')' \
    '0' 'make sure that no run is under way, look into them, and drop them by hand'
prove primary '`student_module_id` is still int' \
    'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform_history'\'' AND TABLE_NAME = '\''export_queue'\'' AND COLUMN_NAME = '\''student_module_id'\''' \
    'int' 'make the plan again: the table has changed since'
prove inspected 'no negative value in `student_module_id`' \
    'SELECT COUNT(*) FROM (SELECT 1 FROM `platform_history`.`export_queue` WHERE `student_module_id` < 0 LIMIT 1) AS negative' \
    '0' 'settle what these rows are: as unsigned they would become one row with 0'
prove primary '`id` is still int' \
    'SELECT CONCAT(DATA_TYPE, IF(COLUMN_TYPE LIKE '\''%unsigned%'\'', '\'' unsigned'\'', '\'''\'')) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME = '\''courseware_studentmodule'\'' AND COLUMN_NAME = '\''id'\''' \
    'int' 'make the plan again: the table has changed since'
prove inspected 'no negative value in `id`' \
    'SELECT COUNT(*) FROM (SELECT 1 FROM `platform`.`courseware_studentmodule` WHERE `id` < 0 LIMIT 1) AS negative' \
    '0' 'settle what these rows are: as unsigned they would become one row with 0'
prove primary 'triggers are none, or move along' \
    'SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = '\''platform'\'' AND EVENT_OBJECT_TABLE = '\''courseware_studentmodule'\''' \
    '0' 'gh-ost from 1.1.8 on moves triggers; with an older one drop them before and create them afterwards'
prove primary 'nothing is left of an earlier run' \
    'SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = '\''platform'\'' AND TABLE_NAME IN ('\''_courseware_studentmodule_gho'\'', '\''_courseware_studentmodule_ghc'\'', '\''_courseware_studentmodule_ghk'\'', '\''_courseware_studentmodule_del'\'', '\''_courseware_studentmodule_rev_del'\'')' \
    '0' 'make sure that no run is under way, look into them, and drop them by hand'
all_proven
say 'All of it holds.'
