//! Fields whose Python side takes smaller integers than their column.

use super::context::Context;
use super::Finding;
use crate::audit::IdColumn;
use crate::django::Version;
use crate::expected::IntegerRange;
use crate::finding::{Confidence, Severity};

declare_check! {
    /// ## What
    ///
    /// Django's range of a field is smaller than the range of its column: `get_internal_type()` of the field's base
    /// class determines `integer_field_range`. Or a field that is not a foreign key stores the target's ids, and its
    /// class has a smaller maximum.
    ///
    /// ## Why
    ///
    /// Since Django 5.0, `filter(pk=x)` with an `x` above the maximum of the field returns no rows without querying the
    /// database, and `filter(pk__lt=x)` returns all rows (`django/db/models/lookups.py`, `IntegerFieldOverflow`). Saves
    /// fail. This blocked an upgrade of Open edX in 2026.
    ///
    /// ## Example
    ///
    /// `class UnsignedBigIntAutoField(AutoField)` with `db_type() == "bigint UNSIGNED AUTO_INCREMENT"` keeps
    /// `get_internal_type() == "AutoField"`, with the maximum 2147483647.
    ///
    /// ## Fix
    ///
    /// Derive the class from `BigAutoField`, or return the internal type that matches the column. A field that stores
    /// ids becomes a `PositiveBigIntegerField`, or a `BigIntegerField`, once its column is wide: `csm-audit plan`
    /// writes the changes of the models and the migrations. From Django 5.0 on, the answer is not "ready" without that
    /// step.
    pub static PYTHON_RANGE = {
        id: "python-range",
        severity: Error,
        summary: "the range of a Django field is smaller than the range of its column",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let audit = context.audit;
    let Some(code) = audit.expected.first() else { return };
    // A plain integer that stores the target's ids is reported as such.
    let stores_ids = |range: &&IntegerRange| {
        let same = |column: &IdColumn| {
            column.table.eq_ignore_ascii_case(&range.table) && column.column.eq_ignore_ascii_case(&range.column)
        };
        audit.narrow_fields().any(|(column, ..)| same(column))
    };
    for range in code.integer_ranges.iter().filter(|range| !stores_ids(range)) {
        // An unsigned column is twice as large as Django's signed field, which is never reached.
        let severity = match range.python_max {
            max if max >= i128::from(i64::MAX) => Severity::Info,
            _ if code.django >= Version(5, 0) => Severity::Error,
            _ => Severity::Warning,
        };
        let place = format!("{}.{}", range.table, range.column);
        let message = format!(
            "{place}: {}, but {} accepts integers only up to {}",
            range.column_type,
            range.class.rsplit('.').next().unwrap_or(&range.class),
            range.python_max
        );
        let concerns = audit.columns.iter().any(|column| {
            column.table.eq_ignore_ascii_case(&range.table) && column.column.eq_ignore_ascii_case(&range.column)
        });
        findings.push(
            Finding::of_code(&PYTHON_RANGE, message)
                .severity(severity)
                .table(&range.table)
                .column(&range.column)
                .affects_target_if(concerns)
                .evidence_at("models", format!("{}: {}", range.class, range.internal_type), &range.file, range.line)
                .evidence(super::context::MIGRATIONS, range.column_type.clone())
                .fix(format!(
                    "derive {} from BigAutoField, or return the matching type from get_internal_type()",
                    range.class
                )),
        );
    }
    of_ids(context, findings);
}

/// Fields that store the target's ids as plain integers: their column is widened, and Django keeps to their class.
fn of_ids(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let audit = context.audit;
    let Some(code) = audit.expected.first() else { return };
    for (column, field, python_max) in audit.narrow_fields() {
        let hides = code.django >= Version(5, 0);
        let what = if hides { "lookups of larger ids find nothing" } else { "forms refuse larger ids" };
        let class = field.class.rsplit('.').next().unwrap_or_default();
        let message = format!(
            "{} stores ids of {}, but {class} accepts integers only up to {python_max}: {what}",
            field.field, audit.target.label
        );
        let severity = if hides { Severity::Error } else { Severity::Warning };
        findings.push(
            Finding::of_code(&PYTHON_RANGE, message)
                .severity(severity)
                .confidence(column.confidence)
                .table(&column.table)
                .column(&column.column)
                .affects_target_if(true)
                .blocks_change_if(hides && column.confidence != Confidence::Possible)
                .evidence_at("models", field.class.clone(), &field.place.file, field.place.line)
                .fix(
                    "change the field to a PositiveBigIntegerField with the Django migration of the plan: its column has that \
                     type by then",
                ),
        );
    }
}
