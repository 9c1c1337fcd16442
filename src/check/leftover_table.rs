//! What tools for online schema changes have left behind.

use super::context::Context;
use super::Finding;
use crate::schema::quote;

declare_check! {
    /// ## What
    ///
    /// The database has a table with a name that gh-ost (`_…_gho`, `_…_ghc`, `_…_ghk`, `_…_del`) or
    /// pt-online-schema-change (`_…_new`, `_…_old`) generates.
    ///
    /// ## Why
    ///
    /// The next run refuses to start. A run may be in progress. An old table of terabytes uses disk space, and its
    /// foreign keys are still enforced.
    ///
    /// ## Example
    ///
    /// `_courseware_studentmodule_gho` of a run that reached `--critical-load`.
    ///
    /// ## Fix
    ///
    /// Make sure that no run is in progress. Then rename the table, and drop it in small steps once it is confirmed
    /// unused.
    pub static LEFTOVER_TABLE = {
        id: "leftover-table",
        severity: Warning,
        summary: "a table of an earlier or running schema change",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for pair in &context.pairs {
        let known = |name: &str| {
            pair.database.table(name).is_some() || pair.tables.is_some_and(|tables| tables.tables.contains_key(name))
        };
        for (name, of) in pair.database.leftovers().into_iter().filter(|(_, of)| known(of)) {
            // gh-ost looks only for its ghost table and for the old table as it will name that (go/logic/applier.go).
            let stops = name.eq_ignore_ascii_case(&format!("_{of}_gho")) || name.eq_ignore_ascii_case(&format!("_{of}_del"));
            let refused = if stops { "; gh-ost refuses to start while the table exists" } else { "" };
            let changed = context.matched.iter().any(|matched| {
                matched.pair.environment_index == pair.environment_index
                    && matched.pair.database_index == pair.database_index
                    && matched.name.eq_ignore_ascii_case(of)
                    && matched.held_has_goal(context.audit, &context.audit.target.key)
            });
            let target = context.is_target(of) && stops && !changed;
            findings.push(
                Finding::new(&LEFTOVER_TABLE, pair, format!("{name}: leftover table of a schema change of {of}"))
                    .table(name)
                    .affects_target_if(context.audit.concerns(of)).blocks_change_if(target)
                    .evidence(pair.environment_name(), name.to_owned())
                    .fix(format!(
                        "make sure that no run is in progress and that no rollback needs the table; then DROP TABLE {}{refused}",
                        quote(name)
                    )),
            );
        }
    }
}
