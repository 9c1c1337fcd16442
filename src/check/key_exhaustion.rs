//! How much of its range a key has used.

use super::context::Context;
use super::Finding;
use crate::audit::{Exhaustion, ColumnInstance, Role};
use crate::finding::Severity;

declare_check! {
    /// ## What
    ///
    /// Reports the used part of the id range of every integer key, and of every column that stores the target's ids: an
    /// error from 90 % on, a warning from 70 % on, and always for the target.
    ///
    /// ## Why
    ///
    /// At the maximum, `INSERT` fails with error 1062, `INSERT IGNORE` drops the row, and
    /// `INSERT … ON DUPLICATE KEY UPDATE` overwrites the last row and succeeds.
    ///
    /// ## Example
    ///
    /// `courseware_studentmodule.id` is `int(11)`, and the next value is 2040109465: 95 % of the range is used.
    ///
    /// ## Fix
    ///
    /// Widen every column that stores the key, then the key. `csm-audit plan` gives the order.
    pub static KEY_EXHAUSTION = {
        id: "key-exhaustion",
        severity: Error,
        summary: "an integer key is running out of values",
        run: run,
    }
}

/// An error from this share of the type's range on, from 0 to 1.
const ERROR_AT_USED: f64 = 0.9;
/// A warning from this share on.
const WARN_AT_USED: f64 = 0.7;

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let audit = context.audit;
    for pair in &context.pairs {
        for room in pair.database.headroom() {
            let column = audit.columns.iter().find(|column| {
                column.alias == pair.mapping.alias
                    && column.table.eq_ignore_ascii_case(&room.table)
                    && column.column.eq_ignore_ascii_case(&room.column)
            });
            let is_key = pair.database.table(&room.table).is_some_and(|table| {
                let counts = table.column(&room.column).is_some_and(|column| column.auto_increment);
                let primary = table.primary();
                let alone = primary.is_some_and(|index| {
                    index.parts.len() == 1 && index.parts[0].column.as_deref() == Some(room.column.as_str())
                });
                counts || alone
            });
            let target = column.is_some_and(|column| column.role == Role::Key);
            if !is_key && column.is_none() {
                continue;
            }
            #[allow(clippy::cast_precision_loss, reason = "a share to be read by people")]
            let share = room.used as f64 / room.limit as f64;
            let severity = match share {
                share if share >= ERROR_AT_USED => Severity::Error,
                share if share >= WARN_AT_USED => Severity::Warning,
                _ if target => Severity::Info,
                _ => continue,
            };
            let place = format!("{}.{}", room.table, room.column);
            let message = format!("{place}: {:.1} % of the id range is used: {} of {}", share * 100.0, room.used, room.limit);
            let held = pair.database.table(&room.table).and_then(|table| table.column(&room.column));
            let held = held.map(|column| column.column_type.clone()).unwrap_or_default();
            let mut finding = Finding::new(&KEY_EXHAUSTION, pair, message)
                .severity(severity)
                .table(&room.table)
                .column(&room.column)
                .affects_target_if(column.is_some())
                .evidence(pair.environment_name(), format!("{held}, {} used", room.used))
                .fix("widen the column before ids run out; csm-audit plan gives the order");
            let here = |place: &&ColumnInstance| {
                place.environment == pair.environment_index && place.database == pair.database_index
            };
            let ends = column.and_then(|column| column.places.iter().find(here)?.exhausted.as_ref());
            if let Some(Exhaustion { earliest, latest, assumption }) = ends {
                let when = match latest {
                    Some(latest) if latest == earliest => format!("on {earliest}"),
                    Some(latest) => format!("between {earliest} and {latest}"),
                    None => format!("not before {earliest}"),
                };
                finding = finding.evidence(pair.environment_name(), format!("ids run out {when}, if {assumption}"));
            }
            findings.push(finding);
        }
    }
}
