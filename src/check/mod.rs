//! The cross-check: models, migrations and every environment, each against each.
//!
//! One file per check, with its documentation in it. [`CHECKS`] is the only list of them.

mod column;
mod context;
pub mod docs;
mod doubt;
mod finding;
mod foreign_keys;
mod indexes;
mod ledger;
mod programs;

use crate::audit::Audit;
use crate::finding::Severity;

use self::context::Context;
pub use self::finding::{Evidence, Finding, Subject};

/// A check: what it looks for, and how.
pub struct Check {
    /// Its name, which never changes.
    pub id: &'static str,
    /// The gravest that it reports.
    pub severity: Severity,
    /// What it looks for, in a line.
    pub summary: &'static str,
    /// `What`, `Why`, `Example` and `Fix`, in Markdown.
    pub docs: &'static str,
    run: fn(&Context<'_>, &mut Vec<Finding>),
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Declares a check: its documentation is what `csm-audit explain` and CHECKS.md say.
macro_rules! declare_check {
    (
        $(#[doc = $doc:literal])*
        pub static $name:ident = {
            id: $id:literal,
            severity: $severity:ident,
            summary: $summary:literal,
            run: $run:path $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        pub static $name: crate::check::Check = crate::check::Check {
            id: $id,
            severity: crate::finding::Severity::$severity,
            summary: $summary,
            docs: concat!($($doc, "\n"),*),
            run: $run,
        };
    };
}

/// Declares the files and the list at once, so that neither can lack what the other has.
macro_rules! checks {
    ($($module:ident::$check:ident),* $(,)?) => {
        $(mod $module;)*

        /// All checks, in the order of their documentation.
        pub static CHECKS: &[&Check] = &[$(&$module::$check),*];
    };
}

checks![
    soft_reference::SOFT_REFERENCE,
    reference_too_narrow::REFERENCE_TOO_NARROW,
    key_exhaustion::KEY_EXHAUSTION,
    negative_ids::NEGATIVE_IDS,
    empty_table::EMPTY_TABLE,
    python_range::PYTHON_RANGE,
    id_limit::ID_LIMIT,
    missing_foreign_key::MISSING_FOREIGN_KEY,
    extra_foreign_key::EXTRA_FOREIGN_KEY,
    foreign_key_rule::FOREIGN_KEY_RULE,
    foreign_key_name::FOREIGN_KEY_NAME,
    missing_table::MISSING_TABLE,
    extra_table::EXTRA_TABLE,
    leftover_table::LEFTOVER_TABLE,
    table_engine::TABLE_ENGINE,
    missing_column::MISSING_COLUMN,
    extra_column::EXTRA_COLUMN,
    column_type::COLUMN_TYPE,
    column_null::COLUMN_NULL,
    column_default::COLUMN_DEFAULT,
    column_auto_increment::COLUMN_AUTO_INCREMENT,
    collation::COLLATION,
    primary_key::PRIMARY_KEY,
    missing_unique::MISSING_UNIQUE,
    missing_index::MISSING_INDEX,
    extra_index::EXTRA_INDEX,
    redundant_index::REDUNDANT_INDEX,
    index_name::INDEX_NAME,
    missing_check::MISSING_CHECK,
    missing_view::MISSING_VIEW,
    dependent_view::DEPENDENT_VIEW,
    dependent_trigger::DEPENDENT_TRIGGER,
    dependent_routine::DEPENDENT_ROUTINE,
    dependent_event::DEPENDENT_EVENT,
    migration_order::MIGRATION_ORDER,
    migration_unapplied::MIGRATION_UNAPPLIED,
    migration_unknown::MIGRATION_UNKNOWN,
    model_differs::MODEL_DIFFERS,
    state_differs::STATE_DIFFERS,
    environments_differ::ENVIRONMENTS_DIFFER,
    server_settings::SERVER_SETTINGS,
    source_not_found::SOURCE_NOT_FOUND,
];

/// Runs every check, the gravest findings first.
#[must_use]
pub fn run(audit: &Audit) -> Vec<Finding> {
    let context = Context::new(audit);
    let mut findings = Vec::new();
    for check in CHECKS {
        (check.run)(&context, &mut findings);
    }
    doubt::weaken(audit, &mut findings);
    let environments: Vec<&str> = audit.environments.iter().map(|one| one.facts.name.as_str()).collect();
    findings.sort_by(|a, b| a.order(&environments).cmp(&b.order(&environments)));
    findings.dedup();
    findings
}

/// The check of a name.
#[must_use]
pub fn find(id: &str) -> Option<&'static Check> {
    CHECKS.iter().copied().find(|check| check.id == id)
}
