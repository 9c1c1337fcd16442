//! Tables of the code that a database does not have.

use super::context::{Context, MIGRATIONS, absence, although_applied};
use super::Finding;
use crate::finding::{Confidence, Severity};
use crate::schema::Part;

declare_check! {
    /// ## What
    ///
    /// The migrations create a table that the database does not have.
    ///
    /// ## Why
    ///
    /// Every query of the model fails with error 1146.
    ///
    /// ## Example
    ///
    /// A migration was faked, or the app is installed and was never migrated.
    ///
    /// ## Fix
    ///
    /// Compare `django_migrations` with the tables. Then run the migration, or remove the app from the settings.
    pub static MISSING_TABLE = {
        id: "missing-table",
        severity: Error,
        summary: "the code defines a table that the database does not have",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for pair in &context.pairs {
        let Some(tables) = pair.tables else { continue };
        let held: std::collections::BTreeSet<String> =
            pair.database.tables.found.iter().map(|table| table.name.to_lowercase()).collect();
        let (confidence, doubt) = absence(&pair.database.tables.proof);
        for name in tables.tables.keys().filter(|name| !held.contains(&name.to_lowercase())) {
            let owner = pair.code.owners.get(name).map_or_else(String::new, |app| format!(" of the app {app}"));
            let concerns = context.audit.concerns(name);
            findings.push(
                Finding::new(
                    &MISSING_TABLE,
                    pair,
                    format!(
                        "the table {name}{owner} does not exist in {}{}{doubt}",
                        pair.database.name,
                        although_applied(pair, name, Part::Table, "")
                    ),
                )
                .severity(if confidence == Confidence::Certain { Severity::Error } else { Severity::Warning })
                .confidence(confidence)
                .table(name)
                .affects_target_if(concerns)
                .evidence(MIGRATIONS, format!("{} columns", tables.tables[name].columns.len()))
                .evidence(pair.environment_name(), "no table")
                .fix("check django_migrations: was its migration run or faked? Then run it"),
            );
        }
    }
}
