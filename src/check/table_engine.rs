//! Tables of another storage engine.

use super::context::{Context, MIGRATIONS};
use super::Finding;

declare_check! {
    /// ## What
    ///
    /// A table does not use InnoDB, and the code requires InnoDB; or the reverse.
    ///
    /// ## Why
    ///
    /// MyISAM supports neither transactions nor foreign keys, and locks whole tables. gh-ost and
    /// pt-online-schema-change copy in transactions.
    ///
    /// ## Example
    ///
    /// A table from before MySQL 5.5, when MyISAM was the default.
    ///
    /// ## Fix
    ///
    /// `ALTER TABLE … ENGINE=InnoDB`, which copies the table.
    pub static TABLE_ENGINE = {
        id: "table-engine",
        severity: Error,
        summary: "a table has another storage engine than expected",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        let Some(held) = &matched.held.engine else { continue };
        let wanted = matched.code.engine.as_deref().unwrap_or("InnoDB");
        if held.eq_ignore_ascii_case(wanted) {
            continue;
        }
        findings.push(
            Finding::new(
                &TABLE_ENGINE,
                &matched.pair,
                format!("{}: engine is {held}, expected {wanted}", matched.name),
            )
            .table(matched.name)
            .affects_target_if(matched.concerns).blocks_change_if(context.is_target(matched.name))
            .evidence(MIGRATIONS, wanted)
            .evidence(matched.environment(), held.clone())
            .fix(format!("ALTER TABLE {} ENGINE={wanted}; it copies the table", crate::schema::quote(matched.name))),
        );
    }
}
