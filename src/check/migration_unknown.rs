//! Migrations of a database that the code does not have.

use std::collections::BTreeSet;

use super::context::Context;
use super::ledger::ledgers;
use super::Finding;
use crate::finding::Severity;

declare_check! {
    /// ## What
    ///
    /// `django_migrations` contains a migration that the code does not have. Severity warning if its app is installed,
    /// otherwise info.
    ///
    /// ## Why
    ///
    /// A fork or a patch changed this database, and the code of that change is missing.
    ///
    /// ## Example
    ///
    /// `student.0099_custom_local`.
    ///
    /// ## Fix
    ///
    /// Find the code of the migration. Other findings about tables of this app may be its effect.
    pub static MIGRATION_UNKNOWN = {
        id: "migration-unknown",
        severity: Warning,
        summary: "an applied migration is not in the code",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for (pair, ledger) in ledgers(context) {
        let apps: BTreeSet<&str> = ledger.known.keys().map(|node| node.0.as_str()).collect();
        let installed: BTreeSet<&str> = pair.code.apps.iter().map(|app| app.label.as_str()).collect();
        for node in &ledger.applied {
            if ledger.known.contains_key(node) || ledger.replaced_by.contains_key(node) {
                continue;
            }
            let name = format!("{}.{}", node.0, node.1);
            let (severity, message) = if apps.contains(node.0.as_str()) {
                (Severity::Warning, format!("{name} is applied, but not in the code: its effect is unknown"))
            } else if installed.contains(node.0.as_str()) {
                (Severity::Info, format!("{name} is applied, but the app {} has no migrations in the code", node.0))
            } else {
                (Severity::Info, format!("{name} is applied, but its app is not installed"))
            };
            let target = context.audit.target.label.split('.').next() == Some(node.0.as_str());
            findings.push(
                Finding::new(&MIGRATION_UNKNOWN, pair, message)
                    .severity(severity)
                    .table("django_migrations")
                    .name(&name)
                    .affects_target_if(target)
                    .evidence(super::context::MIGRATIONS, "no such migration")
                    .evidence(pair.environment_name(), name.clone())
                    .fix("find the code of the migration; other findings about its tables may be its effect"),
            );
        }
    }
}
