//! Foreign keys of a database that the code does not have.

use super::context::{Context, MIGRATIONS};
use super::Finding;
use crate::finding::Severity;
use crate::schema::quote;

declare_check! {
    /// ## What
    ///
    /// The database has a foreign key that no migration makes, under whatever name, or two where the code has one. Keys
    /// that come from another database count.
    ///
    /// ## Why
    ///
    /// gh-ost refuses a table that others point to, and one that points to others unless its keys are given up. A
    /// migration that drops by name drops one of two. Deletes that the code holds for safe fail with 1451.
    ///
    /// ## Example
    ///
    /// `student_id_refs_id_51af713179ba2570`, a name from South's time, went from `courseware_studentmodule` to
    /// `auth_user` in production. The models said `db_constraint=False`, everybody believed it, and in 2019 it stopped
    /// Open edX.
    ///
    /// ## Fix
    ///
    /// `ALTER TABLE … DROP FOREIGN KEY …, ALGORITHM=INPLACE, LOCK=NONE` takes milliseconds; set `lock_wait_timeout` to a
    /// few seconds before, for it waits for open transactions and everybody waits behind it.
    pub static EXTRA_FOREIGN_KEY = {
        id: "extra-foreign-key",
        severity: Error,
        summary: "the database has a foreign key that the code does not have",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        for extra in &matched.foreign_keys.extra {
            let key = extra.key;
            let columns = key.columns.join(", ");
            let concerns = context.is_target(matched.name) || context.is_target(&key.referenced_table);
            let points = format!("{}.{columns} to {}.{}", matched.name, key.referenced_table, key.referenced_columns.join(", "));
            let (severity, message) = match extra.duplicate_of {
                Some(other) => (
                    Severity::Warning,
                    format!("{} is a second constraint from {points}, beside {}", key.name, other.name),
                ),
                None => (Severity::Error, format!("{} goes from {points}, and the code has no such constraint", key.name)),
            };
            findings.push(
                Finding::new(&EXTRA_FOREIGN_KEY, &matched.pair, message)
                    .severity(severity)
                    .table(matched.name)
                    .column(&columns)
                    .name(&key.name)
                    .affects_target_if(concerns).blocks_change_if(concerns)
                    .evidence(MIGRATIONS, if extra.duplicate_of.is_some() { "one constraint" } else { "no constraint" })
                    .evidence(matched.environment(), key.describe())
                    .fix(format!(
                        "SET SESSION lock_wait_timeout = 5; ALTER TABLE {} DROP FOREIGN KEY {}, ALGORITHM=INPLACE, LOCK=NONE",
                        quote(matched.name),
                        quote(&key.name)
                    )),
            );
        }
    }
    from_elsewhere(context, findings);
}

/// Keys that come from another database into this one; Django makes none.
fn from_elsewhere(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for pair in &context.pairs {
        // One of a database that was read itself is told of there, with its table when no migration makes that.
        let told = |name: &str| {
            let others = context.pairs.iter().filter(|other| other.environment_index == pair.environment_index);
            others.filter(|other| other.tables.is_some()).any(|other| other.database.name == name)
        };
        for key in pair.database.referenced_by.found.iter().filter(|key| !told(&key.database)) {
            let concerns = context.is_target(&key.referenced_table);
            let columns = key.columns.join(", ");
            findings.push(
                Finding::new(
                    &EXTRA_FOREIGN_KEY,
                    pair,
                    format!(
                        "{} goes from {}.{}.{columns} to {}.{}, across databases, and the code has no such constraint",
                        key.name,
                        key.database,
                        key.table,
                        key.referenced_table,
                        key.referenced_columns.join(", ")
                    ),
                )
                .table(&key.referenced_table)
                .name(&key.name)
                .affects_target_if(concerns).blocks_change_if(concerns)
                .evidence(MIGRATIONS, "no constraint")
                .evidence(pair.environment_name(), key.describe())
                .fix(format!(
                    "ALTER TABLE {}.{} DROP FOREIGN KEY {}",
                    quote(&key.database),
                    quote(&key.table),
                    quote(&key.name)
                )),
            );
        }
    }
}
