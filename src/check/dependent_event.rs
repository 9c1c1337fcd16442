//! Events that name tables of the code.

use super::context::Context;
use super::{Finding, programs};

declare_check! {
    /// ## What
    ///
    /// An event, which the server runs on a schedule, references a table of the code.
    ///
    /// ## Why
    ///
    /// The event deletes or updates rows during a copy, takes locks during the cut-over, and is not visible in the
    /// code.
    ///
    /// ## Example
    ///
    /// `ev_purge_history` deletes from `student_courseenrollment_history` every night.
    ///
    /// ## Fix
    ///
    /// Disable the event during the change: `ALTER EVENT … DISABLE`.
    pub static DEPENDENT_EVENT = {
        id: "dependent-event",
        severity: Warning,
        summary: "an event references a table of the code",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for pair in &context.pairs {
        let list = &pair.database.events;
        programs::report(context, &DEPENDENT_EVENT, pair, &list.found, "event", findings);
        programs::outside(context, &DEPENDENT_EVENT, pair, &["EVENT"], "event", findings);
        programs::unproven(context, &DEPENDENT_EVENT, pair, &list.proof, "event", findings);
    }
}
