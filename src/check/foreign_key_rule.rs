//! What a foreign key does when the row it points to goes.

use super::context::Context;
use super::Finding;
use crate::schema::Part;

declare_check! {
    /// ## What
    ///
    /// A foreign key of the database has an `ON DELETE` or `ON UPDATE` action that the code does not define, or lacks
    /// one that the code defines. InnoDB treats `RESTRICT` and `NO ACTION` alike, and MariaDB prints one where MySQL
    /// prints the other.
    ///
    /// ## Why
    ///
    /// Django up to 5.2 cascades in Python and never creates such an action. Rows that the server deletes send no
    /// Django signal and appear in no row event of the binary log.
    ///
    /// ## Example
    ///
    /// `student_courseenrollment.user_id` was re-created manually, with `ON DELETE CASCADE`.
    ///
    /// ## Fix
    ///
    /// Drop the constraint and re-create it as the code defines it.
    pub static FOREIGN_KEY_RULE = {
        id: "foreign-key-rule",
        severity: Error,
        summary: "a foreign key has an ON DELETE or ON UPDATE action that the code does not define, or lacks one",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        for (code, held) in &matched.foreign_keys.both {
            let expected = code.on_delete.as_deref().filter(|rule| !is_default(rule));
            let same = |a: Option<&str>, b: Option<&str>| match (a, b) {
                (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
                (None, None) => true,
                _ => false,
            };
            let update = code.on_update.as_deref().filter(|rule| !is_default(rule));
            if same(expected, held.on_delete.as_deref()) && same(update, held.on_update.as_deref()) {
                continue;
            }
            let columns = held.columns.join(", ");
            let (when, is, wanted) = if same(expected, held.on_delete.as_deref()) {
                ("ON UPDATE", &held.on_update, update)
            } else {
                ("ON DELETE", &held.on_delete, expected)
            };
            let rule = is.as_ref().map_or_else(|| format!("no {when}"), |rule| format!("{when} {rule}"));
            let wanted = wanted.map_or_else(|| String::from("no action"), |rule| format!("{when} {rule}"));
            let concerns = context.is_target(matched.name) || context.is_target(&held.referenced_table);
            findings.push(
                Finding::new(
                    &FOREIGN_KEY_RULE,
                    &matched.pair,
                    format!("{} on {}.{columns}: {rule}, expected {wanted}", held.name, matched.name),
                )
                .table(matched.name)
                .column(&columns)
                .name(&held.name)
                .affects_target_if(concerns)
                .evidence_from_migration(matched, Part::ForeignKey, &code.name, code.describe(""))
                .evidence(matched.environment(), held.describe())
                .fix("drop the constraint and re-create it as the code defines it; past deletions by the server sent no signal"),
            );
        }
    }
}

fn is_default(rule: &str) -> bool {
    rule.eq_ignore_ascii_case("RESTRICT") || rule.eq_ignore_ascii_case("NO ACTION")
}
