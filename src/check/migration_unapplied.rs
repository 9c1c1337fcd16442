//! Migrations of the code that a database has not seen.

use super::context::Context;
use super::ledger::ledgers;
use super::Finding;

declare_check! {
    /// ## What
    ///
    /// The code has migrations that are not in `django_migrations`, and no applied migration depends on them.
    ///
    /// ## Why
    ///
    /// The expected schema in this report assumes that they are applied. A migration that changes the key runs with the
    /// next deployment, and locks the table for days.
    ///
    /// ## Example
    ///
    /// `courseware.0016` is not applied in stage.
    ///
    /// ## Fix
    ///
    /// Review the migrations before the next `migrate`; `sqlmigrate` prints their SQL.
    pub static MIGRATION_UNAPPLIED = {
        id: "migration-unapplied",
        severity: Warning,
        summary: "the code has migrations that are not applied",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for (pair, ledger) in ledgers(context) {
        let needed = |node: &crate::migration::Node| {
            let mut applied = ledger.known.values().filter(|migration| ledger.is_applied(&migration.node));
            applied.any(|migration| migration.dependencies.contains(node))
        };
        for migration in ledger.known.values() {
            let node = &migration.node;
            // What something replaces need not be there once that is.
            if ledger.is_applied(node) || needed(node) || replaced(&ledger, migration) {
                continue;
            }
            let name = format!("{}.{}", node.0, node.1);
            let target = context.audit.target.label.split('.').next() == Some(node.0.as_str());
            findings.push(
                Finding::new(&MIGRATION_UNAPPLIED, pair, format!("{name} is not applied in {}", pair.database.name))
                    .table("django_migrations")
                    .name(&name)
                    .affects_target_if(target)
                    .evidence_at(super::context::MIGRATIONS, name.clone(), &migration.file, migration.line)
                    .evidence(pair.environment_name(), format!("no row for {name}"))
                    .fix(format!("review the migration before the next migrate: sqlmigrate {} {}", node.0, node.1)),
            );
        }
    }
}

/// Whether another migration takes its place, or it takes the place of some that are applied in part: then those are
/// told of.
fn replaced(ledger: &super::ledger::Ledger<'_>, migration: &crate::expected::KnownMigration) -> bool {
    ledger.replaced_by.contains_key(&migration.node) && !ledger_has_any(ledger, migration)
        || (!migration.replaces.is_empty() && migration.replaces.iter().any(|old| ledger.is_applied(old)))
}

/// Whether any other that the same migration replaces is applied: then the old ones count one by one.
fn ledger_has_any(ledger: &super::ledger::Ledger<'_>, migration: &crate::expected::KnownMigration) -> bool {
    ledger
        .replaced_by
        .get(&migration.node)
        .is_some_and(|by| by.replaces.iter().any(|old| ledger.applied.contains(old)))
}
