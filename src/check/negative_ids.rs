//! Ids below zero.

use super::context::Context;
use super::Finding;
use crate::audit::Role;

declare_check! {
    /// ## What
    ///
    /// The target's key, or a column that stores it, holds a value below zero.
    ///
    /// ## Why
    ///
    /// A copy into an unsigned column makes every negative id 0: two rows became one, and gh-ost ended with exit code 0.
    ///
    /// ## Example
    ///
    /// `SELECT MIN(id) FROM courseware_studentmodule` gives -5.
    ///
    /// ## Fix
    ///
    /// Give these rows other ids first, or make the key a signed `bigint`.
    pub static NEGATIVE_IDS = {
        id: "negative-ids",
        severity: Error,
        summary: "an id is below zero, which an unsigned key cannot hold",
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
                Finding::new(&NEGATIVE_IDS, pair, format!("{place} holds {lowest}, which {wanted} cannot"))
                    .table(&column.table)
                    .column(&column.column)
                    .confidence(column.confidence)
                    .affects_target_if(true).blocks_change_if(column.role == Role::Key)
                    .evidence(pair.environment_name(), format!("MIN({}) = {lowest}", column.column))
                    .fix("give these rows other ids first, or ask for a signed type with --key-type bigint"),
            );
        }
    }
}
