//! Whether gh-ost is copying a table, as the database shows it.

use super::context::{TableChange, gh_ost_name};
use super::script::Part;
use super::shell::Word;
use super::sql::{self, tables_query};
use super::types::ProbeServer;

/// The function `copy_is_running` of a script: gh-ost writes a heartbeat into its changelog table every `--heartbeat-interval-millis`
/// from its start to its end, throttled or not (gh-ost go/logic/applier.go, `InitiateHeartbeat`). The row's time is the
/// server's.
pub(super) fn parts(change: &TableChange<'_>) -> Vec<Part> {
    let (database, table) = (&change.database.name, &change.table.name);
    let changelog = gh_ost_name(table, "ghc");
    vec![
        Part::Ask(
            "changelog_exists",
            ProbeServer::Primary,
            Word::text(tables_query(database, std::slice::from_ref(&changelog))),
        ),
        Part::Ask(
            "heartbeat",
            ProbeServer::Primary,
            Word::text(format!(
                "SELECT CONCAT(last_update, ' ', value) FROM {} WHERE hint = 'heartbeat' AND last_update > NOW() - INTERVAL \
                 15 SECOND",
                sql::table(database, &changelog)
            )),
        ),
        Part::Shell(COPY_IS_RUNNING),
    ]
}

/// What cannot be asked counts as running: the caller is about to change something that a running copy needs.
const COPY_IS_RUNNING: &str = r#"copy_is_running() {
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
}"#;
