//! The verdict for programs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Alarm, Entry, Reason, Verdict};

/// The version of the format.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    target: &'a str,
    against: &'a str,
    exit_code: u8,
    known: usize,
    allowed: usize,
    by_kind: BTreeMap<&'static str, usize>,
    new: Vec<New<'a>>,
    gone: &'a [Entry],
    notices: Vec<Said<'a>>,
    incomplete: Vec<Said<'a>>,
    written: Option<usize>,
}

#[derive(Serialize)]
struct New<'a> {
    reason: &'static str,
    was: Option<&'static str>,
    file: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    confidence: &'static str,
    is_test: bool,
    #[serde(flatten)]
    entry: &'a Entry,
    imported_at: Option<u32>,
    why: &'a str,
    instead: &'a str,
}

#[derive(Serialize)]
struct Said<'a> {
    file: Option<&'a str>,
    line: Option<u32>,
    message: &'a str,
}

/// The verdict as JSON.
#[must_use]
pub fn render(verdict: &Verdict) -> String {
    let document = Document {
        version: VERSION,
        target: &verdict.target,
        against: &verdict.against,
        exit_code: verdict.exit_code(),
        known: verdict.known,
        allowed: verdict.allowed,
        by_kind: verdict.by_kind(),
        new: verdict.alarms.iter().map(new).collect(),
        gone: &verdict.gone,
        notices: verdict
            .notices
            .iter()
            .map(|notice| Said { file: notice.file.as_deref(), line: notice.line, message: &notice.message })
            .collect(),
        incomplete: verdict
            .incomplete
            .iter()
            .map(|gap| Said { file: gap.file.as_deref(), line: gap.line, message: &gap.reason })
            .collect(),
        written: verdict.written,
    };
    // A tree of strings and numbers is always JSON.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn new(alarm: &Alarm) -> New<'_> {
    let found = &alarm.found;
    New {
        reason: match alarm.reason {
            Reason::New => "new",
            Reason::Changed(_) => "changed",
            Reason::Denied => "denied",
        },
        was: match alarm.reason {
            Reason::Changed(was) => Some(was.as_str()),
            _ => None,
        },
        file: &found.file,
        line: found.line,
        column: found.column,
        end_line: found.end_line,
        end_column: found.end_column,
        confidence: found.confidence.as_str(),
        is_test: found.is_test,
        entry: &found.entry,
        imported_at: alarm.imported_at,
        why: &alarm.why,
        instead: &alarm.instead,
    }
}
