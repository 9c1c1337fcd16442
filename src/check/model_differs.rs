//! What the models say and the migrations do not.

use super::Finding;
use super::context::Context;
use crate::finding::Severity;

declare_check! {
    /// ## What
    ///
    /// A model says something of its table that the state of the migrations does not: what `makemigrations` would write
    /// down, as far as it changes the database.
    ///
    /// ## Why
    ///
    /// Queries are made from the models, tables from the migrations. The next `makemigrations` puts the difference into
    /// whatever migration somebody makes for something else, and on a large table that is a surprise.
    ///
    /// ## Example
    ///
    /// The model has `db_constraint=False`, and no migration drops the constraint.
    ///
    /// ## Fix
    ///
    /// `makemigrations`, and look at what it does to the table before it runs anywhere.
    pub static MODEL_DIFFERS = {
        id: "model-differs",
        severity: Warning,
        summary: "a model says something else than the migrations",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for code in &context.audit.expected {
        for difference in &code.model_differences {
            let place = match &difference.field {
                Some(field) => format!("{}.{field}", difference.model),
                None => difference.model.clone(),
            };
            let what = difference.what.name();
            let message =
                format!("{place}, {what}: the models say {}, and the migrations {}", difference.code, difference.state);
            let column = code.model_columns.iter().find(|column| column.field == place);
            let table = column.map(|column| column.table.clone()).or_else(|| {
                code.models.get(&difference.model.to_lowercase()).map(|model| model.table.clone())
            });
            let concerns = table.as_deref().is_some_and(|table| context.is_target(table))
                || column.is_some_and(|column| {
                    context.audit.columns.iter().any(|known| {
                        known.table.eq_ignore_ascii_case(&column.table)
                            && known.column.eq_ignore_ascii_case(&column.column)
                    })
                });
            let mut finding = Finding::of_code(&MODEL_DIFFERS, message)
                .severity(if concerns { Severity::Warning } else { Severity::Info })
                .name(&place)
                .affects_target_if(concerns)
                .fix("makemigrations, and look at what it does to the table");
            for (source, says, at) in [
                ("models", &difference.code, &difference.code_place),
                ("state", &difference.state, &difference.state_place),
            ] {
                finding = match at {
                    Some(at) => finding.evidence_at(source, says.clone(), &at.file, at.line),
                    None => finding.evidence(source, says.clone()),
                };
            }
            if let Some(table) = &table {
                finding = finding.table(table);
            }
            if let Some(column) = column {
                finding = finding.column(&column.column);
            }
            findings.push(finding);
        }
    }
}
