//! Foreign keys under another name than the code gives them.

use super::context::Context;
use super::Finding;
use crate::schema::Part;

declare_check! {
    /// ## What
    ///
    /// A foreign key of the code is in the database under another name.
    ///
    /// ## Why
    ///
    /// Django asks the database for the name before it drops one; `RunSQL` and people do not. The plan takes the live
    /// names.
    ///
    /// ## Example
    ///
    /// `user_id_refs_id_2b1a4f1f8c8a1f7c`, as South named it, where Django would say
    /// `certificates_generat_user_id_54119d22_fk_auth_user`.
    ///
    /// ## Fix
    ///
    /// None is needed. Never drop by the name that another environment has.
    pub static FOREIGN_KEY_NAME = {
        id: "foreign-key-name",
        severity: Info,
        summary: "a foreign key has another name than the code gives it",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        for (code, held) in &matched.foreign_keys.both {
            if code.name.eq_ignore_ascii_case(&held.name) {
                continue;
            }
            let columns = held.columns.join(", ");
            let concerns = context.is_target(matched.name) || context.is_target(&held.referenced_table);
            findings.push(
                Finding::new(
                    &FOREIGN_KEY_NAME,
                    &matched.pair,
                    format!("the constraint on {}.{columns} is called {}, not {}", matched.name, held.name, code.name),
                )
                .table(matched.name)
                .column(&columns)
                .name(&held.name)
                .affects_target_if(concerns)
                .evidence_from_migration(matched, Part::ForeignKey, &code.name, code.describe(""))
                .evidence(matched.environment(), held.describe())
                .fix("none is needed; whoever drops it takes the name from this environment"),
            );
        }
    }
}
