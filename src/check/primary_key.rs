//! Primary keys.

use super::context::{Context, MIGRATIONS, Matched};
use super::Finding;
use crate::schema::quote;

declare_check! {
    /// ## What
    ///
    /// A table has another primary key than the code defines, or none.
    ///
    /// ## Why
    ///
    /// InnoDB stores the rows in the primary key. gh-ost and pt-online-schema-change copy along a unique key and refuse
    /// a table without one; row-based replication scans the whole table for every change.
    ///
    /// ## Example
    ///
    /// A many-to-many table that was copied with `CREATE TABLE … AS SELECT`, which copies no keys.
    ///
    /// ## Fix
    ///
    /// `ALTER TABLE … DROP PRIMARY KEY, ADD PRIMARY KEY (…)`, which copies the table.
    pub static PRIMARY_KEY = {
        id: "primary-key",
        severity: Error,
        summary: "a table has another primary key than in the code",
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
        let fix = change(matched.name, &wanted, &held, matched);
        let text = |columns: String| if columns.is_empty() { String::from("none") } else { format!("({columns})") };
        let (wanted, held) = (text(wanted.join(", ")), text(held.join(", ")));
        findings.push(
            Finding::new(
                &PRIMARY_KEY,
                &matched.pair,
                format!("{}: primary key is {held}, expected {wanted}", matched.name),
            )
            .table(matched.name)
            .affects_target_if(matched.concerns).blocks_change_if(context.is_target(matched.name))
            .evidence(MIGRATIONS, wanted.clone())
            .evidence(matched.environment(), held)
            .fix(fix),
        );
    }
}

/// The statement that gives a table the key that the code has.
fn change(table: &str, wanted: &[&str], held: &[&str], matched: &Matched<'_>) -> String {
    let list = |names: &[&str]| names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
    let mut changes = Vec::new();
    if !held.is_empty() {
        changes.push(String::from("DROP PRIMARY KEY"));
    }
    if !wanted.is_empty() {
        changes.push(format!("ADD PRIMARY KEY ({})", list(wanted)));
    }
    // A column that counts up has to be the first of an index (error 1075).
    let counting = matched.held.columns.iter().find(|column| column.auto_increment);
    if let Some(counting) = counting {
        let first = |names: &[&str]| names.first().is_some_and(|name| name.eq_ignore_ascii_case(&counting.name));
        let others = matched.held.secondary_indexes().any(|index| index.begins_with(&counting.name));
        if !first(wanted) && !others {
            changes.push(format!("ADD KEY ({})", quote(&counting.name)));
        }
    }
    format!("ALTER TABLE {} {}; it copies the table", quote(table), changes.join(", "))
}
