//! Views that name tables of the code.

use super::context::Context;
use super::{Finding, programs};
use crate::live::facts::Program;

declare_check! {
    /// ## What
    ///
    /// A view that no migration makes names a table of the code.
    ///
    /// ## Why
    ///
    /// It reads the table through a rename and a change of its columns: a dropped column breaks it silently, its own
    /// column types stay as they were until it is made again, and it shows data to whoever may read it.
    ///
    /// ## Example
    ///
    /// `report_enrollments` joins `student_courseenrollment` with the e-mail addresses of `auth_user`.
    ///
    /// ## Fix
    ///
    /// Find out who reads it. Read from it after the change, and make it again when its types matter.
    pub static DEPENDENT_VIEW = {
        id: "dependent-view",
        severity: Warning,
        summary: "a view that no migration makes names a table of the code",
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
