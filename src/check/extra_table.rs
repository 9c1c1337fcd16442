//! Tables of a database that the code does not have.

use super::context::{Context, MIGRATIONS};
use super::Finding;
use crate::audit::MappedDatabase;
use crate::finding::Severity;
use crate::schema::quote;

declare_check! {
    /// ## What
    ///
    /// A database has a table that no migration creates: its app was removed, or the table was created manually.
    /// Severity error if one of its foreign keys references a table of the code.
    ///
    /// ## Why
    ///
    /// The table is not maintained, and its foreign keys still block deletes in tables that are in use.
    ///
    /// ## Example
    ///
    /// `certificates_badgeassertion_old`, kept as a temporary backup, has a foreign key to `auth_user`: users cannot be
    /// deleted.
    ///
    /// ## Fix
    ///
    /// Drop its foreign keys, then archive and drop the table.
    pub static EXTRA_TABLE = {
        id: "extra-table",
        severity: Error,
        summary: "the database has a table that no migration creates",
        run: run,
    }
}

/// Tables that Django and South make for themselves.
const LEDGERS: [&str; 2] = ["django_migrations", "south_migrationhistory"];

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for pair in &context.pairs {
        let Some(code) = pair.tables else { continue };
        let known: std::collections::BTreeSet<String> =
            code.tables.keys().chain(&code.views).map(|name| name.to_lowercase()).collect();
        let leftovers = pair.database.leftovers();
        for table in pair.database.tables.found.iter().filter(|table| !table.is_view) {
            let name = table.name.to_lowercase();
            let leftover = leftovers.iter().any(|(left, of)| *left == table.name && known.contains(&of.to_lowercase()));
            if known.contains(&name) || LEDGERS.contains(&name.as_str()) || leftover {
                continue;
            }
            let keys: Vec<_> = pair
                .database
                .foreign_keys
                .found
                .iter()
                .filter(|key| key.database == pair.database.name && key.table == table.name)
                .filter(|key| {
                    if key.referenced_database == pair.database.name {
                        known.contains(&key.referenced_table.to_lowercase())
                    } else {
                        of_code(context, pair, &key.referenced_database, &key.referenced_table)
                    }
                })
                .collect();
            let concerns = context.audit.concerns(&table.name)
                || keys.iter().any(|key| context.is_target(&key.referenced_table));
            let blocks = keys.iter().any(|key| context.is_target(&key.referenced_table));
            let (severity, message) = if keys.is_empty() {
                (Severity::Info, format!("{}: table not created by any migration", table.name))
            } else {
                let parents: Vec<&str> = keys.iter().map(|key| key.referenced_table.as_str()).collect();
                (
                    Severity::Error,
                    format!(
                        "{}: table not created by any migration; its foreign keys block deletes in {}",
                        table.name,
                        parents.join(", ")
                    ),
                )
            };
            let mut finding = Finding::new(&EXTRA_TABLE, pair, message)
                .severity(severity)
                .table(&table.name)
                .affects_target_if(concerns).blocks_change_if(blocks)
                .evidence(MIGRATIONS, "no table");
            for key in &keys {
                finding = finding.evidence(pair.environment_name(), key.describe());
            }
            let drops: Vec<String> = keys
                .iter()
                .map(|key| format!("ALTER TABLE {} DROP FOREIGN KEY {}; ", quote(&table.name), quote(&key.name)))
                .collect();
            findings.push(finding.fix(format!(
                "identify the owner; if the table is unused: {}archive it, then DROP TABLE {}",
                drops.concat(),
                quote(&table.name)
            )));
        }
    }
}

/// Whether a table of another database of the environment is the code's.
fn of_code(context: &Context<'_>, pair: &MappedDatabase<'_>, database: &str, table: &str) -> bool {
    let mut others = context.pairs.iter().filter(|other| {
        other.environment_index == pair.environment_index && other.database.name == database
    });
    context.is_target(table)
        || others.any(|other| {
            other.tables.is_some_and(|tables| tables.tables.keys().any(|name| name.eq_ignore_ascii_case(table)))
        })
}
