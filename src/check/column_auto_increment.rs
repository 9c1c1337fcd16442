//! Keys that count up, or do not.

use super::context::{Context, Matched};
use super::Finding;
use crate::schema::{Column, Part, quote};

declare_check! {
    /// ## What
    ///
    /// A column is `AUTO_INCREMENT` in the code and not in the database, or the reverse.
    ///
    /// ## Why
    ///
    /// MySQL and gh-ost accept `MODIFY id bigint unsigned NOT NULL` without `AUTO_INCREMENT`. Afterwards `INSERT` fails
    /// with error 1364, or with error 1062 on the id 0.
    ///
    /// ## Example
    ///
    /// A key that was widened manually.
    ///
    /// ## Fix
    ///
    /// `ALTER TABLE … MODIFY …` with every attribute, including `AUTO_INCREMENT`.
    pub static COLUMN_AUTO_INCREMENT = {
        id: "column-auto-increment",
        severity: Error,
        summary: "AUTO_INCREMENT is missing or unexpected",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        for column in &matched.code.columns {
            let Some(held) = matched.held.column(&column.name) else { continue };
            if column.auto_increment == held.auto_increment {
                continue;
            }
            let place = format!("{}.{}", matched.name, column.name);
            let message = if held.auto_increment {
                format!("{place}: unexpected AUTO_INCREMENT: the code assigns the values")
            } else {
                format!("{place}: AUTO_INCREMENT is missing: INSERT fails with error 1364")
            };
            findings.push(
                Finding::new(&COLUMN_AUTO_INCREMENT, &matched.pair, message)
                    .table(matched.name)
                    .column(&column.name)
                    .affects_target_if(matched.concerns).blocks_change_if(context.is_target(matched.name))
                    .evidence_from_migration(matched, Part::Column, &column.name, column.definition(matched.server()))
                    .evidence(matched.environment(), held.definition(matched.server()))
                    .fix(format!(
                        "ALTER TABLE {} MODIFY {} {}{}",
                        quote(matched.name),
                        quote(&column.name),
                        column.definition(matched.server()),
                        key_for(matched, column)
                    )),
            );
        }
    }
}

/// What gives a column that is to count up the key that it needs: it has to be the first of an index (error 1075).
fn key_for(matched: &Matched<'_>, column: &Column) -> String {
    if !column.auto_increment || matched.held.indexes.iter().any(|index| index.begins_with(&column.name)) {
        return String::new();
    }
    let key = matched.code.primary().filter(|key| key.begins_with(&column.name) && matched.held.primary().is_none());
    if key.is_some() {
        let names: Vec<String> = matched.code.primary_key().into_iter().map(quote).collect();
        return format!(", ADD PRIMARY KEY ({})", names.join(", "));
    }
    format!(", ADD KEY ({})", quote(&column.name))
}
