//! Procedures and functions that name tables of the code.

use super::context::Context;
use super::{Finding, programs};

declare_check! {
    /// ## What
    ///
    /// A procedure or a function names a table of the code. No migration makes routines, so it was made by hand.
    ///
    /// ## Why
    ///
    /// It changes rows behind the code, and its variables may be `INT` where the column no longer is.
    ///
    /// ## Example
    ///
    /// `p_anonymize(IN uid int)` updates `auth_user`.
    ///
    /// ## Fix
    ///
    /// Find out who calls it. Widen its parameters and variables together with the key.
    pub static DEPENDENT_ROUTINE = {
        id: "dependent-routine",
        severity: Warning,
        summary: "a procedure or function names a table of the code",
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
