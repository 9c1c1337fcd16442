//! Indexes of the code that a database does not have.

use super::context::Context;
use super::indexes::{create, replace};
use super::Finding;
use crate::schema::{Index, Part};

declare_check! {
    /// ## What
    ///
    /// The code defines an index, but the table has none over the same columns in the same order; or the index exists
    /// and is invisible to the optimizer.
    ///
    /// ## Why
    ///
    /// Queries that use the index elsewhere scan the table here. A migration that removes the index fails with error
    /// 1091.
    ///
    /// ## Example
    ///
    /// `courseware_stats (module_id, grade, student_id)` is in the code and was dropped manually.
    ///
    /// ## Fix
    ///
    /// Create the index; for a large table in the same copy as the change of the key.
    pub static MISSING_INDEX = {
        id: "missing-index",
        severity: Warning,
        summary: "the code defines an index that the table does not have",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        let paired = &matched.indexes;
        let missing = paired.missing.iter().filter(|(code, _)| !code.unique);
        for (code, held) in missing {
            let columns: Vec<&str> = code.columns().flatten().collect();
            let message = match held {
                Some(held) => format!("{} on {}: other columns than expected ({})", held.name, matched.name, columns.join(", ")),
                None => format!("{}: no index over ({})", matched.name, columns.join(", ")),
            };
            findings.push(
                Finding::new(&MISSING_INDEX, &matched.pair, message)
                    .table(matched.name)
                    .name(&code.name)
                    .affects_target_if(matched.concerns)
                    .evidence_from_migration(matched, Part::Index, &code.name, code.describe())
                    .evidence(matched.environment(), held.map_or_else(|| String::from("no such index"), Index::describe))
                    .fix(match held {
                        Some(held) => replace(matched.name, held, code),
                        None => create(matched.name, code),
                    }),
            );
        }
        for (code, held) in &paired.invisible {
            findings.push(
                Finding::new(
                    &MISSING_INDEX,
                    &matched.pair,
                    format!("{} on {}: invisible to the optimizer", held.name, matched.name),
                )
                .table(matched.name)
                .name(&held.name)
                .affects_target_if(matched.concerns)
                .evidence_from_migration(matched, Part::Index, &code.name, code.describe())
                .evidence(matched.environment(), format!("{} INVISIBLE", held.describe()))
                .fix(format!(
                    "ALTER TABLE {} ALTER INDEX {} {}",
                    crate::schema::quote(matched.name),
                    crate::schema::quote(&held.name),
                    if matched.server().mariadb { "NOT IGNORED" } else { "VISIBLE" }
                )),
            );
        }
    }
}
