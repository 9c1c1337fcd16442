//! Procedures and functions that name tables of the code.

use super::context::Context;
use super::{Finding, programs};

declare_check! {
    /// ## What
    ///
    /// A procedure or a function references a table of the code. Migrations do not create routines, so this one was
    /// created manually.
    ///
    /// ## Why
    ///
    /// The routine changes rows without Django, and its variables may be `INT` after the column was widened.
    ///
    /// ## Example
    ///
    /// `p_anonymize(IN uid int)` updates `auth_user`.
    ///
    /// ## Fix
    ///
    /// Identify the callers. Widen the parameters and variables together with the key.
    pub static DEPENDENT_ROUTINE = {
        id: "dependent-routine",
        severity: Warning,
        summary: "a procedure or function references a table of the code",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for pair in &context.pairs {
        let list = &pair.database.routines;
        programs::report(context, &DEPENDENT_ROUTINE, pair, &list.found, "routine", findings);
        programs::outside(context, &DEPENDENT_ROUTINE, pair, &["PROCEDURE", "FUNCTION"], "routine", findings);
        programs::unproven(context, &DEPENDENT_ROUTINE, pair, &list.proof, "routine", findings);
    }
}
