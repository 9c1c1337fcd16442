//! Views that name tables of the code.

use super::context::Context;
use super::{Finding, programs};
use crate::live::facts::Program;

declare_check! {
    /// ## What
    ///
    /// A view that no migration creates references a table of the code.
    ///
    /// ## Why
    ///
    /// The view depends on the names and columns of the table: a dropped column breaks the view silently, the view
    /// keeps its old column types until it is re-created, and it exposes data to every account that may read the view.
    ///
    /// ## Example
    ///
    /// `report_enrollments` joins `student_courseenrollment` with the e-mail addresses of `auth_user`.
    ///
    /// ## Fix
    ///
    /// Identify the readers of the view. Query the view after the change, and re-create it if its column types matter.
    pub static DEPENDENT_VIEW = {
        id: "dependent-view",
        severity: Warning,
        summary: "an unmanaged view references a table of the code",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for pair in &context.pairs {
        let list = &pair.database.views;
        // A view that a migration makes is no surprise.
        let by_code = |name: &str| {
            pair.tables.is_some_and(|tables| tables.views.iter().any(|view| view.eq_ignore_ascii_case(name)))
        };
        let foreign: Vec<Program> = list.found.iter().filter(|view| !by_code(&view.name)).cloned().collect();
        programs::report(context, &DEPENDENT_VIEW, pair, &foreign, "view", findings);
        programs::outside(context, &DEPENDENT_VIEW, pair, &["VIEW"], "view", findings);
        programs::unproven(context, &DEPENDENT_VIEW, pair, &list.proof, "view", findings);
        let outside = "view, trigger, routine or event of another database";
        programs::unproven(context, &DEPENDENT_VIEW, pair, &pair.database.named_by.proof, outside, findings);
    }
}
