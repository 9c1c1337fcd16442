//! Differences that rest on code that was not found.

use super::Finding;
use super::context::Context;

declare_check! {
    /// ## What
    ///
    /// Tables of an app differ from the code, and part of the code was not found or could not be evaluated: the class
    /// of a field, an installed app, SQL or Python of a migration. There is one finding per app and database; its
    /// evidence lists the differences.
    ///
    /// ## Why
    ///
    /// A difference that depends on a gap may be caused by the gap. A table of an app without source is not necessarily
    /// unused, and a column with an unknown field does not necessarily break every `INSERT`.
    ///
    /// ## Example
    ///
    /// `course_overviews_courseoverview` has 40 columns whose fields are classes of the package opaque-keys, which was
    /// not passed.
    ///
    /// ## Fix
    ///
    /// Pass the installed packages with `--site-packages`, set the settings module with `--settings`, and review the
    /// gaps. The remaining findings are actual differences.
    pub static SOURCE_NOT_FOUND = {
        id: "source-not-found",
        severity: Info,
        summary: "differences that depend on code that was not found are not verified",
        run: run,
    }
}

/// The findings are made of those of other checks, when all of these have run.
fn run(_: &Context<'_>, _: &mut Vec<Finding>) {}
