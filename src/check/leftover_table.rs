//! What tools for online schema changes have left behind.

use super::context::Context;
use super::Finding;
use crate::schema::quote;

declare_check! {
    /// ## What
    ///
    /// A table as gh-ost (`_…_gho`, `_…_ghc`, `_…_ghk`, `_…_del`) or pt-online-schema-change (`_…_new`, `_…_old`) makes
    /// it is still there.
    ///
    /// ## Why
    ///
    /// The next run refuses to begin. A run may be under way this moment. An old table of terabytes costs its disk, and
    /// its foreign keys still hold.
    ///
    /// ## Example
    ///
    /// `_courseware_studentmodule_gho` of a run that met `--critical-load`.
    ///
    /// ## Fix
    ///
    /// Make sure that no run is under way; then rename it, and drop it in small steps when nobody misses it.
    pub static LEFTOVER_TABLE = {
        id: "leftover-table",
        severity: Warning,
        summary: "a schema change left a table behind, or is under way",
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
            let refused = if stops { "; gh-ost refuses to begin while it is there" } else { "" };
            let changed = context.matched.iter().any(|matched| {
                matched.pair.environment_index == pair.environment_index
                    && matched.pair.database_index == pair.database_index
                    && matched.name.eq_ignore_ascii_case(of)
                    && matched.held_has_goal(context.audit, &context.audit.target.key)
            });
            let target = context.is_target(of) && stops && !changed;
            findings.push(
                Finding::new(&LEFTOVER_TABLE, pair, format!("{name} is left of a schema change of {of}"))
                    .table(name)
                    .affects_target_if(context.audit.concerns(of)).blocks_change_if(target)
                    .evidence(pair.environment_name(), name.to_owned())
                    .fix(format!(
                        "make sure that no run is under way and that no rollback needs it; then DROP TABLE {}{refused}",
                        quote(name)
                    )),
            );
        }
    }
}
