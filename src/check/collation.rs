//! Character sets and collations.

use super::context::{Context, MIGRATIONS, Matched};
use super::Finding;
use crate::finding::Severity;
use crate::live::facts::Column as LiveColumn;
use crate::schema::Column;

declare_check! {
    /// ## What
    ///
    /// A column has another collation than the code defines, or than its database if the code defines none. Severity
    /// error if only one of the two is case-sensitive; another character set or collation is a warning.
    ///
    /// ## Why
    ///
    /// In a unique key, two values that differ only in case collide, or do not. A smaller character set refuses or
    /// truncates values (error 1366). Columns of two collations cannot be compared (error 1267).
    ///
    /// ## Example
    ///
    /// `split_modulestore_django_splitmodulestorecourseindex.course_id` must be `utf8mb3_bin`: with
    /// `utf8mb4_general_ci` two courses whose ids differ only in case are equal.
    ///
    /// ## Fix
    ///
    /// `ALTER TABLE … MODIFY … COLLATE …`, or `CONVERT TO CHARACTER SET` for a whole table; both copy the table.
    pub static COLLATION = {
        id: "collation",
        severity: Error,
        summary: "a column has another collation or character set than in the code",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        let database = matched.pair.database.collation.as_deref();
        let mut told = Vec::new();
        for column in &matched.code.columns {
            let Some(held) = matched.held.column(&column.name) else { continue };
            let Some(difference) = difference(matched, column, held, database) else { continue };
            told.push((column, held, difference));
        }
        // A table whose columns all have the same other collation is one matter.
        let own = matched.held.collation.as_deref();
        let whole = told.len() > 1
            && told.iter().all(|(column, held, _)| column.collation.is_none() && held.collation.as_deref() == own);
        if whole {
            let (_, _, Difference { severity, wanted, is }) = told.swap_remove(0);
            let message = format!("{}: its columns are {is}, expected {wanted} as in the database", matched.name);
            findings.push(finding(context, matched, message, severity, &wanted, &is));
        } else {
            for (column, _, Difference { severity, wanted, is }) in told {
                let place = format!("{}.{}", matched.name, column.name);
                let says = if column.collation.is_some() { "of the code" } else { "of its table and database" };
                let message = format!("{place}: {is}, expected {wanted} ({says})");
                findings.push(finding(context, matched, message, severity, &wanted, &is).column(&column.name));
            }
        }
    }
}

struct Difference {
    severity: Severity,
    wanted: String,
    is: String,
}

fn finding(context: &Context<'_>, matched: &Matched<'_>, message: String, severity: Severity, wanted: &str, is: &str) -> Finding {
    Finding::new(&COLLATION, &matched.pair, message)
        .severity(severity)
        .table(matched.name)
        .affects_target_if(context.is_target(matched.name))
        .evidence(MIGRATIONS, wanted.to_owned())
        .evidence(matched.environment(), is.to_owned())
        .fix(format!("search for values that collide; then change the collation to {wanted}, which copies the table"))
}

fn difference(matched: &Matched<'_>, column: &Column, held: &LiveColumn, database: Option<&str>) -> Option<Difference> {
    // MariaDB's JSON is a longtext of a collation of its own.
    let json = matches!(&column.column_type, crate::schema::ColumnType::Named(name) if name == "json");
    if json || !column.column_type.has_collation() {
        return None;
    }
    let is = held.collation.as_deref()?;
    let chosen = column.collation.as_deref().or(matched.code.collation.as_deref());
    let wanted = chosen.or(database)?;
    if same(wanted, is) {
        return None;
    }
    let cased = |name: &str| !name.ends_with("_ci");
    let severity = if cased(wanted) != cased(is) { Severity::Error } else { Severity::Warning };
    Some(Difference { severity, wanted: wanted.to_owned(), is: is.to_owned() })
}

/// `utf8` was the name of `utf8mb3`, and servers differ in which they print.
fn same(a: &str, b: &str) -> bool {
    let plain = |name: &str| {
        let name = name.to_lowercase();
        name.strip_prefix("utf8_").map_or(name.clone(), |rest| format!("utf8mb3_{rest}"))
    };
    plain(a) == plain(b)
}
