//! Indexes under another name than the code gives them.

use super::context::Context;
use super::Finding;
use super::indexes::replace;
use crate::schema::{Part, Server};

declare_check! {
    /// ## What
    ///
    /// An index of the code is in the table under another name.
    ///
    /// ## Why
    ///
    /// Most operations of Django ask the database which index it is. `RemoveIndex`, `RenameIndex`, index hints and people
    /// use the name, and fail with 1091.
    ///
    /// ## Example
    ///
    /// `certificates_generatedcertificate_fbfc09f1`, as South named it, where Django would say
    /// `certificates_generatedcertificate_user_id_54119d22`.
    ///
    /// ## Fix
    ///
    /// `ALTER TABLE … RENAME INDEX … TO …`, which copies nothing (MySQL 5.7, MariaDB 10.5.2 and newer).
    pub static INDEX_NAME = {
        id: "index-name",
        severity: Info,
        summary: "an index has another name than the code gives it",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        for (code, held) in &matched.indexes.renamed {
            findings.push(
                Finding::new(
                    &INDEX_NAME,
                    &matched.pair,
                    format!("an index of {} is called {}, not {}", matched.name, held.name, code.name),
                )
                .table(matched.name)
                .name(&held.name)
                .affects_target_if(matched.concerns)
                .evidence_from_migration(matched, Part::Index, &code.name, code.describe())
                .evidence(matched.environment(), held.describe())
                .fix(if renames_indexes(matched.server()) {
                    format!(
                        "ALTER TABLE {} RENAME INDEX {} TO {}",
                        crate::schema::quote(matched.name),
                        crate::schema::quote(&held.name),
                        crate::schema::quote(&code.name)
                    )
                } else {
                    replace(matched.name, held, code)
                }),
            );
        }
    }
}

/// Whether a server knows `RENAME INDEX`: from MySQL 5.7 and MariaDB 10.5.2 on.
fn renames_indexes(server: Server) -> bool {
    server.version >= if server.mariadb { (10, 5, 2) } else { (5, 7, 0) }
}
