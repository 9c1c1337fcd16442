//! The verdict as a comment of a pull request.

use std::fmt::Write;

use super::{Reason, Verdict};
use crate::report::markdown::{code, prose};

/// How many rows a table has at most: a comment holds 65,536 characters on GitHub.
const ROWS: usize = 50;

/// One line when nothing is new, else the counts by kind and a table.
#[must_use]
pub fn render(verdict: &Verdict) -> String {
    let mut out = String::new();
    // Writing into a string does not fail.
    let _ = write(&mut out, verdict);
    out
}

fn write(out: &mut String, verdict: &Verdict) -> std::fmt::Result {
    writeln!(out, "**csm-audit gate: {}.** {}", verdict.outcome().word(), prose(&verdict.summary()))?;
    if !verdict.alarms.is_empty() {
        writeln!(out, "\n| location | finding | code | reason | instead |\n|---|---|---|---|---|")?;
        for alarm in verdict.alarms.iter().take(ROWS) {
            let found = &alarm.found;
            let place = format!("{}:{}", found.file, found.line);
            writeln!(
                out,
                "| {} | {} | {} | {} | {} |",
                code(&place),
                prose(&alarm.title()),
                code(found.shown.text.trim()),
                prose(&alarm.why),
                prose(&alarm.instead)
            )?;
        }
        if let Some(more) = verdict.alarms.len().checked_sub(ROWS).filter(|more| *more > 0) {
            writeln!(out, "\n{more} more; `--format json` lists them.")?;
        }
        if verdict.alarms.iter().any(|alarm| alarm.reason != Reason::Denied) {
            writeln!(out, "\nTo accept one, add `# csm-audit: allow[kind] reason` on its line.")?;
        }
    }
    if !verdict.incomplete.is_empty() {
        writeln!(out, "\nNot read:\n")?;
        for gap in verdict.incomplete.iter().take(ROWS) {
            writeln!(out, "- {} {}", code(gap.file.as_deref().unwrap_or("the project")), prose(&gap.reason))?;
        }
    }
    if !verdict.notices.is_empty() {
        writeln!(out, "\nAllowances:\n")?;
        for notice in verdict.notices.iter().take(ROWS) {
            let place = match (&notice.file, notice.line) {
                (Some(file), Some(line)) => format!("{file}:{line}"),
                _ => "configuration".to_owned(),
            };
            writeln!(out, "- {} {}", code(&place), prose(&notice.message))?;
        }
    }
    if !verdict.gone.is_empty() {
        let renew = if verdict.by_baseline { "; run `csm-audit gate --update` and commit the baseline" } else { "" };
        writeln!(out, "\n{} no longer there{renew}.", super::counted(verdict.gone.len(), "known touchpoint"))?;
    }
    Ok(())
}
