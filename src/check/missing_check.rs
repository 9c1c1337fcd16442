//! CHECK constraints.

use super::context::{Context, MIGRATIONS, absence};
use super::Finding;
use crate::finding::{Confidence, Severity};

declare_check! {
    /// ## What
    ///
    /// The code defines a named CHECK constraint, but the table has none of that name, or one that is not enforced.
    /// Conditions are not compared: each server rewrites them differently.
    ///
    /// ## Why
    ///
    /// Rows that violate the constraint may exist.
    ///
    /// ## Example
    ///
    /// MySQL before 8.0.16 parses and ignores CHECK; a database that was upgraded since has no such constraint.
    ///
    /// ## Fix
    ///
    /// Search for rows that violate the condition, then `ALTER TABLE … ADD CONSTRAINT … CHECK (…)`.
    pub static MISSING_CHECK = {
        id: "missing-check",
        severity: Warning,
        summary: "the code defines a CHECK constraint that the table does not have",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in context.matched.iter().filter(|matched| matched.server().checks()) {
        let proof = &matched.pair.database.checks.proof;
        let (confidence, doubt) = absence(proof);
        let held: Vec<_> = matched
            .pair
            .database
            .checks
            .found
            .iter()
            .filter(|check| check.table.eq_ignore_ascii_case(matched.name))
            .collect();
        // A check of a column alone has the name that the server chose.
        for code in matched.code.checks.iter().filter(|check| check.column.is_none()) {
            let found = held.iter().find(|check| check.name.eq_ignore_ascii_case(&code.name));
            let message = match found {
                Some(check) if check.enforced => continue,
                Some(check) => format!("the CHECK {} of {} is not enforced", check.name, matched.name),
                None => format!("{}: no CHECK {}{doubt}", matched.name, code.name),
            };
            let certain = found.is_some() || confidence == Confidence::Certain;
            findings.push(
                Finding::new(&MISSING_CHECK, &matched.pair, message)
                    .severity(if certain { Severity::Warning } else { Severity::Info })
                    .confidence(if certain { Confidence::Certain } else { confidence })
                    .table(matched.name)
                    .name(&code.name)
                    .affects_target_if(context.is_target(matched.name))
                    .evidence(MIGRATIONS, format!("CHECK ({})", code.condition))
                    .evidence(
                        matched.environment(),
                        found.map_or("no such constraint", |_| "NOT ENFORCED"),
                    )
                    .fix(match found {
                        Some(check) => format!(
                            "search for rows that violate the condition; then ALTER TABLE {} ALTER CHECK {} ENFORCED",
                            crate::schema::quote(matched.name),
                            crate::schema::quote(&check.name)
                        ),
                        None => format!(
                            "search for rows that violate the condition; then ALTER TABLE {} ADD CONSTRAINT {} CHECK ({})",
                            crate::schema::quote(matched.name),
                            crate::schema::quote(&code.name),
                            code.condition
                        ),
                    }),
            );
        }
    }
}
