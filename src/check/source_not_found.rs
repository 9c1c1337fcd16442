//! Differences that rest on code that was not found.

use super::Finding;
use super::context::Context;

declare_check! {
    /// ## What
    ///
    /// Tables of an app differ from the code, and part of the code was not found or could not be evaluated: the class
    /// of a field, an installed app, SQL or Python of a migration. One finding an app and database; its evidence lists
    /// the differences.
    ///
    /// ## Why
    ///
    /// A difference that rests on a gap may be the gap. A table of an app whose source is missing is not a table that
    /// nobody needs, and a column whose field was not read is not one that breaks every `INSERT`.
    ///
    /// ## Example
    ///
    /// `course_overviews_courseoverview` has 40 columns whose fields are classes of the package opaque-keys, which was
    /// not given.
    ///
    /// ## Fix
    ///
    /// Give the installed packages with `--site-packages`, name the settings module with `--settings`, and look at the
    /// gaps. What is then still reported is a difference.
    pub static SOURCE_NOT_FOUND = {
        id: "source-not-found",
        severity: Info,
        summary: "differences that rest on code that was not found are not verified",
        run: run,
    }
}

/// The findings are made of those of other checks, when all of these have run.
fn run(_: &Context<'_>, _: &mut Vec<Finding>) {}
