//! Primary keys.

use super::context::{Context, MIGRATIONS};
use super::Finding;

declare_check! {
    /// ## What
    ///
    /// A table has another primary key than the code says, or none.
    ///
    /// ## Why
    ///
    /// The clustered index is the table. gh-ost and pt-online-schema-change copy along a unique key and refuse a table
    /// without one; replication by rows scans the whole table for every change.
    ///
    /// ## Example
    ///
    /// A many-to-many table that was copied with `CREATE TABLE … AS SELECT`, which copies no keys.
    ///
    /// ## Fix
    ///
    /// `ALTER TABLE … ADD PRIMARY KEY (…)`, which copies the table.
    pub static PRIMARY_KEY = {
        id: "primary-key",
        severity: Error,
        summary: "a table has another primary key than the code says",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        let (wanted, held) = (matched.code.primary_key(), matched.held.primary_key());
        let same = wanted.len() == held.len() && wanted.iter().zip(&held).all(|(a, b)| a.eq_ignore_ascii_case(b));
        if same {
            continue;
        }
        let text = |columns: String| if columns.is_empty() { String::from("none") } else { format!("({columns})") };
        let (wanted, held) = (text(wanted.join(", ")), text(held.join(", ")));
        findings.push(
            Finding::new(
                &PRIMARY_KEY,
                &matched.pair,
                format!("the primary key of {} is {held}, where the code has {wanted}", matched.name),
            )
            .table(matched.name)
            .affects_target_if(matched.concerns).blocks_change_if(context.is_target(matched.name))
            .evidence(MIGRATIONS, wanted.clone())
            .evidence(matched.environment(), held)
            .fix(format!("ALTER TABLE {} ADD PRIMARY KEY {wanted}, which copies it", crate::schema::quote(matched.name))),
        );
    }
}
