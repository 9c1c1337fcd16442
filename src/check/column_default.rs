//! Values that the server gives by itself.

use super::context::Context;
use super::Finding;
use crate::finding::Severity;
use crate::live::facts::{Column, DefaultValue};
use crate::schema::{Part, unquote_string};

declare_check! {
    /// ## What
    ///
    /// A column has an `ON UPDATE` clause (error), lacks a default that the code relies on (error), or has a default
    /// that the code does not define (info).
    ///
    /// ## Why
    ///
    /// Django sets default values itself; only `db_default` and `RunSQL` create a default in the database. `ON UPDATE`
    /// changes rows without Django, and `auto_now` fields lose their values.
    ///
    /// ## Example
    ///
    /// `student_courseenrollment.created timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP`: the
    /// first update of a row overwrites its creation date.
    ///
    /// ## Fix
    ///
    /// Change the column to the definition of the code.
    pub static COLUMN_DEFAULT = {
        id: "column-default",
        severity: Error,
        summary: "a column has a default or ON UPDATE clause that the code does not define, or lacks one",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for matched in &context.matched {
        for column in &matched.code.columns {
            let Some(held) = matched.held.column(&column.name) else { continue };
            if column.auto_increment || column.generated.is_some() || held.generated.is_some() {
                continue;
            }
            let place = format!("{}.{}", matched.name, column.name);
            let wanted = column.default.as_ref().filter(|default| !default.is_null());
            let known = |value: &String| column.on_update.as_ref().is_some_and(|code| moment(code) == moment(value));
            let on_update = held.on_update.as_ref().filter(|value| !known(value));
            let (severity, message) = match (on_update, &wanted, &held.default) {
                (Some(value), ..) => {
                    (Severity::Error, format!("{place}: unexpected ON UPDATE {value}: each update of a row changes the column"))
                }
                (None, Some(default), None) => (
                    // NULL is what comes instead when it may be.
                    if held.nullable { Severity::Warning } else { Severity::Error },
                    format!("{place}: no default, expected {}", default.to_sql()),
                ),
                (None, None, Some(default)) => {
                    (Severity::Info, format!("{place}: unexpected default {}", default.to_sql()))
                }
                (None, Some(wanted), Some(default)) if !alike(wanted, default, held) => (
                    Severity::Warning,
                    format!("{place}: default {}, expected {}", default.to_sql(), wanted.to_sql()),
                ),
                _ => continue,
            };
            findings.push(
                Finding::new(&COLUMN_DEFAULT, &matched.pair, message)
                    .severity(severity)
                    .table(matched.name)
                    .column(&column.name)
                    .affects_target_if(matched.concerns)
                    .evidence_from_migration(matched, Part::Column, &column.name, column.definition(matched.server()))
                    .evidence(matched.environment(), held.definition(matched.server()))
                    .fix(match severity {
                        Severity::Info => "nothing to do; a table created from the code has no default",
                        _ => "change the column to the definition of the code",
                    }),
            );
        }
    }
}

/// A function that gives the current time, in one of its spellings (MySQL manual, 14.7: `CURRENT_TIMESTAMP`, `NOW()`,
/// `LOCALTIME` and `LOCALTIMESTAMP` are synonyms; MariaDB writes `current_timestamp()`).
fn moment(text: &str) -> String {
    let text = text.trim().to_ascii_lowercase();
    let (name, digits) = text.split_once('(').map_or((text.as_str(), ""), |(name, rest)| (name, rest));
    let name = if ["now", "localtime", "localtimestamp"].contains(&name.trim()) { "current_timestamp" } else { name };
    format!("{}({})", name.trim(), digits.trim_end_matches(')').trim())
}

/// Whether two defaults say the same. Servers write expressions in their own way; only plain values are compared.
fn alike(code: &DefaultValue, held: &DefaultValue, column: &Column) -> bool {
    if code == held {
        return true;
    }
    let code = code.to_sql();
    let plain = |text: &str| {
        let text = text.trim();
        let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).unwrap_or(text).trim();
        unquote_string(inner).unwrap_or_else(|| inner.to_owned()).to_lowercase()
    };
    let code = plain(&code);
    match held {
        DefaultValue::Expression(_) => true,
        DefaultValue::Literal(value) => {
            let held = value.to_lowercase();
            let number = |text: &str| match text {
                "true" => Some(1.0),
                "false" => Some(0.0),
                _ => text.parse::<f64>().ok(),
            };
            // An expression of the code is not evaluated here.
            let expression = code.contains('(') || code.starts_with("current_");
            code == held
                || expression
                || matches!((number(&code), number(&held)), (Some(a), Some(b)) if (a - b).abs() < f64::EPSILON)
                || (column.column_type.starts_with("datetime") && held.starts_with(&code))
        }
    }
}
