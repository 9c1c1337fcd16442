//! Applied migrations whose dependencies are not.

use std::collections::BTreeMap;

use super::context::Context;
use super::ledger::ledgers;
use super::Finding;
use crate::migration::Node;

declare_check! {
    /// ## What
    ///
    /// `django_migrations` contains a migration and lacks one of its dependencies.
    ///
    /// ## Why
    ///
    /// The next `migrate` stops with `InconsistentMigrationHistory`. Only the tables show whether the missing migration
    /// took effect.
    ///
    /// ## Example
    ///
    /// `courseware.0011_csm_id_bigint` is not in `django_migrations`, the later migrations of courseware are, and the
    /// key is `bigint unsigned`.
    ///
    /// ## Fix
    ///
    /// If the schema contains the effect: `migrate --fake courseware 0011`. Django's consistency check may refuse that;
    /// then insert the row manually. If not, find the cause first.
    pub static MIGRATION_ORDER = {
        id: "migration-order",
        severity: Warning,
        summary: "a migration is not applied, but later migrations that depend on it are",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for (pair, ledger) in ledgers(context) {
        let mut later: BTreeMap<&Node, Vec<String>> = BTreeMap::new();
        for migration in ledger.known.values().filter(|migration| ledger.is_applied(&migration.node)) {
            for dependency in &migration.dependencies {
                // `__first__` and `__latest__` are no migrations; a migration that is not in the code is reported elsewhere.
                let Some((dependency, _)) = ledger.known.get_key_value(dependency) else { continue };
                if !ledger.is_applied(dependency) {
                    later.entry(dependency).or_default().push(format!("{}.{}", migration.node.0, migration.node.1));
                }
            }
        }
        for (node, dependents) in later {
            let migration = ledger.known[node];
            let name = format!("{}.{}", node.0, node.1);
            let target = context.audit.target.label.split('.').next() == Some(node.0.as_str());
            findings.push(
                Finding::new(
                    &MIGRATION_ORDER,
                    pair,
                    format!("{name} is not in django_migrations of {}, but {} is: the next migrate stops",
                        pair.database.name, dependents.join(", ")),
                )
                .table("django_migrations")
                .name(&name)
                .affects_target_if(target)
                .evidence_at(super::context::MIGRATIONS, format!("{} depends on {name}", dependents.join(", ")), &migration.file, migration.line)
                .evidence(pair.environment_name(), format!("no row for {name}"))
                .fix("compare the tables with the migration; if its effect exists, insert its row into django_migrations"),
            );
        }
    }
}
