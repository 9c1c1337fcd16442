//! Annotations of GitHub's workflows.

use std::fmt::Write;

use super::Verdict;
use crate::report::annotations::{data, property};

/// The workflow commands, one a line.
#[must_use]
pub fn render(verdict: &Verdict) -> String {
    let mut out = String::new();
    for alarm in &verdict.alarms {
        let found = &alarm.found;
        let title = alarm.title();
        let title = title.chars().take(1).flat_map(char::to_uppercase).chain(title.chars().skip(1)).collect::<String>();
        let message = format!("{}\nWhy: {}\nInstead: {}", found.shown.text.trim(), alarm.why, alarm.instead);
        let mut place = format!("file={},line={},endLine={}", property(&found.file), found.line, found.end_line);
        // GitHub refuses columns of a range of lines.
        if found.line == found.end_line {
            let _ = write!(place, ",col={},endColumn={}", found.column, found.end_column);
        }
        let _ = writeln!(out, "::error {place},title={}::{}", property(&title), data(&message));
    }
    for notice in &verdict.notices {
        let place = match (&notice.file, notice.line) {
            (Some(file), Some(line)) => format!("file={},line={line},", property(file)),
            _ => String::new(),
        };
        let _ = writeln!(out, "::warning {place}title=csm-audit allowance::{}", data(&notice.message));
    }
    for gap in &verdict.incomplete {
        let place = gap.file.as_deref().map_or(String::new(), |file| format!("file={},", property(file)));
        let _ = writeln!(out, "::warning {place}title=csm-audit could not read this::{}", data(&gap.reason));
    }
    if !verdict.gone.is_empty() {
        let level = if verdict.strict { "error" } else { "notice" };
        let renew = if verdict.by_baseline { "; run `csm-audit gate --update` and commit the baseline" } else { "" };
        let message = format!("{} known touchpoints of {} are gone{renew}", verdict.gone.len(), verdict.target);
        let _ = writeln!(out, "::{level} title=csm-audit::{}", data(&message));
    }
    out
}
