//! What the models say and the migrations do not.

use super::Finding;
use super::context::Context;
use crate::finding::Severity;

declare_check! {
    /// ## What
    ///
    /// The definition of a model differs from the state of the migrations: `makemigrations` would generate a migration
    /// that changes the database.
    ///
    /// ## Why
    ///
    /// Queries are built from the models, tables from the migrations. The next `makemigrations` adds the difference to
    /// an unrelated migration, which is a risk on a large table.
    ///
    /// ## Example
    ///
    /// The model has `db_constraint=False`, and no migration drops the constraint.
    ///
    /// ## Fix
    ///
    /// Run `makemigrations`, and review its effect on the table before the migration runs anywhere.
    pub static MODEL_DIFFERS = {
        id: "model-differs",
        severity: Warning,
        summary: "a model differs from the migrations",
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
                format!("{place}, {what}: {} in the models, {} in the migrations", difference.code, difference.state);
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
                .fix("run makemigrations, and review its effect on the table");
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
