//! Annotations of GitHub's workflows.

use std::fmt::Write;

use super::{Reason, Verdict};

/// The workflow commands, one a line.
#[must_use]
pub fn render(verdict: &Verdict) -> String {
    let mut out = String::new();
    for alarm in &verdict.alarms {
        let found = &alarm.found;
        let (kind, target) = (found.entry.kind.as_str(), &verdict.target);
        let title = match alarm.reason {
            Reason::New => format!("New {kind} of {target}"),
            Reason::Denied => format!("{kind} of {target} is never accepted"),
        };
        let message = format!("{}\nWhy: {}\nInstead: {}", found.source.trim(), alarm.why, alarm.instead);
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
        let message = format!("{} known touchpoints of {} are gone", verdict.gone.len(), verdict.target);
        let _ = writeln!(out, "::{level} title=csm-audit::{}", data(&message));
    }
    out
}

/// Escapes a message: a line break would begin another command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_or_line_begins_a_command() {
        assert_eq!(property("a,b:c\n::error::%"), "a%2Cb%3Ac%0A%3A%3Aerror%3A%3A%25");
        assert_eq!(data("100%\r\n::error::x"), "100%25%0D%0A::error::x");
    }
}
