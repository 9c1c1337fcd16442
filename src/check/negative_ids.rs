//! Ids below zero.

use super::context::Context;
use super::Finding;
use crate::audit::Role;

declare_check! {
    /// ## What
    ///
    /// The target's key, or a column that stores the target's ids, contains a negative value.
    ///
    /// ## Why
    ///
    /// A copy into an unsigned column turns every negative id into 0: in a test two rows became one, and gh-ost exited
    /// with 0.
    ///
    /// ## Example
    ///
    /// `SELECT MIN(id) FROM courseware_studentmodule` returns -5.
    ///
    /// ## Fix
    ///
    /// Assign other ids to these rows first, or choose a signed `bigint` for the key.
    pub static NEGATIVE_IDS = {
        id: "negative-ids",
        severity: Error,
        summary: "an id is negative, which an unsigned key cannot store",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let audit = context.audit;
    let signed = audit.target.wanted.integer_range().is_none_or(|(low, _)| low < 0);
    if signed {
        return;
    }
    for pair in &context.pairs {
        for column in audit.columns.iter().filter(|column| column.alias == pair.mapping.alias) {
            let Some(measures) = pair.database.measures_of(&column.table) else { continue };
            let range = measures.ranges.iter().find(|range| range.column.eq_ignore_ascii_case(&column.column));
            let Some(lowest) = range.and_then(|range| range.lowest).filter(|lowest| *lowest < 0) else { continue };
            let place = format!("{}.{}", column.table, column.column);
            let wanted = audit.target.wanted.print(pair.code.server);
            findings.push(
                Finding::new(&NEGATIVE_IDS, pair, format!("{place}: contains {lowest}, which {wanted} cannot store"))
                    .table(&column.table)
                    .column(&column.column)
                    .confidence(column.confidence)
                    .affects_target_if(true).blocks_change_if(column.role == Role::Key)
                    .evidence(pair.environment_name(), format!("MIN({}) = {lowest}", column.column))
                    .fix("assign other ids to these rows first, or choose a signed type with --key-type bigint"),
            );
        }
    }
}
