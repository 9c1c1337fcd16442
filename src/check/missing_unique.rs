//! Unique keys of the code that a database does not have.

use super::context::Context;
use super::indexes::{create, replace};
use super::Finding;
use crate::schema::{Index, Part};

declare_check! {
    /// ## What
    ///
    /// The code defines a unique key, but the table has none over these columns: the index is missing, or exists under
    /// its name and is not unique.
    ///
    /// ## Why
    ///
    /// `get_or_create` and `update_or_create` rely on the key: without it two concurrent requests create two rows, and
    /// every later call raises `MultipleObjectsReturned`.
    ///
    /// ## Example
    ///
    /// `certificates_generatedce_user_id_course_id_fc1bb3ee_uniq` exists with `NON_UNIQUE = 1`.
    ///
    /// ## Fix
    ///
    /// Find and remove duplicates, then make the key unique.
    pub static MISSING_UNIQUE = {
        id: "missing-unique",
        severity: Error,
        summary: "the code defines a unique key that the table does not have",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        let paired = &matched.indexes;
        let not_unique = paired.not_unique.iter().map(|(code, held)| (*code, Some(*held)));
        let missing = paired.missing.iter().filter(|(code, _)| code.unique).map(|(code, held)| (*code, *held));
        for (code, held) in not_unique.chain(missing) {
            let names: Vec<&str> = code.columns().flatten().collect();
            let columns = names.join(", ");
            let quoted = names.iter().map(|name| crate::schema::quote(name)).collect::<Vec<_>>().join(", ");
            let message = match held {
                Some(held) if !held.unique => format!(
                    "{} on {} ({columns}): not unique; duplicate rows may exist",
                    held.name, matched.name
                ),
                Some(held) => format!("{} on {}: other columns than expected ({columns})", held.name, matched.name),
                None => format!("{}: no unique key over ({columns})", matched.name),
            };
            let is = held.map_or_else(|| String::from("no such index"), Index::describe);
            findings.push(
                Finding::new(&MISSING_UNIQUE, &matched.pair, message)
                    .table(matched.name)
                    .name(&code.name)
                    .affects_target_if(matched.concerns)
                    .evidence_from_migration(matched, Part::Index, &code.name, code.describe())
                    .evidence(matched.environment(), is)
                    .fix(format!(
                        "look for duplicates: SELECT {quoted}, COUNT(*) FROM {} GROUP BY {quoted} HAVING COUNT(*) > 1; \
                         then {}",
                        crate::schema::quote(matched.name),
                        match held {
                            Some(held) => replace(matched.name, held, code),
                            None => create(matched.name, code),
                        }
                    )),
            );
        }
    }
}
