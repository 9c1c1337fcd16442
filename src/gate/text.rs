//! The verdict for people.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::{Alarm, Outcome, Reason, Verdict};
use crate::finding::Access;
use crate::printable;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const BOLD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();

/// Lines are cut after so many characters.
const WIDTH: usize = 160;

/// How many of those that are gone are listed.
const GONE: usize = 20;

/// The verdict, with escape codes for styles.
#[must_use]
pub fn render(verdict: &Verdict) -> String {
    let mut out = String::new();
    // Writing into a string does not fail.
    for alarm in &verdict.alarms {
        let _ = write_alarm(&mut out, alarm);
    }
    let _ = write_rest(&mut out, verdict);
    printable::without_commands(&out).into_owned()
}

fn write_alarm(out: &mut String, alarm: &Alarm) -> std::fmt::Result {
    let found = &alarm.found;
    let entry = &found.entry;
    let access = if entry.access == Access::None { String::new() } else { format!("{}, ", entry.access.as_str()) };
    let place = format!("{}:{}:{}", clean(&found.file), found.line, found.column);
    writeln!(
        out,
        "{BOLD}{place}{BOLD:#}: {ERROR}{}{ERROR:#} ({access}{})",
        clean(&alarm.title()),
        found.confidence.as_str()
    )?;
    let shown = &found.shown;
    let number = shown.line.to_string();
    let pad = " ".repeat(number.len());
    let (source, column) = cut(&shown.text, shown.column);
    let room = source.chars().count().saturating_sub(column - 1).max(1);
    let length = shown.length.clamp(1, room);
    // A tab before the place is a tab below it, so that the mark stands where it should on any terminal.
    let before: String = source.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    writeln!(out, "{pad} {FAINT}|{FAINT:#}")?;
    writeln!(out, "{FAINT}{number} |{FAINT:#} {source}")?;
    writeln!(out, "{pad} {FAINT}|{FAINT:#} {before}{ERROR}{}{ERROR:#}", "^".repeat(length))?;
    if !entry.within.is_empty() {
        writeln!(out, "{pad} {FAINT}= in:{FAINT:#} {}.{}", clean(&entry.module), clean(&entry.within))?;
    }
    if let Some(line) = alarm.imported_at {
        writeln!(out, "{pad} {FAINT}= import:{FAINT:#} {}:{line}", clean(&found.file))?;
    }
    writeln!(out, "{pad} {FAINT}= why:{FAINT:#} {}", clean(&alarm.why))?;
    writeln!(out, "{pad} {FAINT}= instead:{FAINT:#} {}\n", clean(&alarm.instead))
}

fn write_rest(out: &mut String, verdict: &Verdict) -> std::fmt::Result {
    let head = if verdict.strict { ERROR } else { WARNING };
    for gone in verdict.gone.iter().take(GONE) {
        let within = if gone.within.is_empty() { String::new() } else { format!(" in {}", clean(&gone.within)) };
        writeln!(
            out,
            "{head}gone{head:#}: {} of {}{within}: {}",
            gone.kind.as_str(),
            clean(&gone.module),
            clean(&gone.text)
        )?;
    }
    if let Some(more) = verdict.gone.len().checked_sub(GONE).filter(|more| *more > 0) {
        writeln!(out, "{head}gone{head:#}: {more} more; --format json lists them")?;
    }
    for notice in &verdict.notices {
        let place = match (&notice.file, notice.line) {
            (Some(file), Some(line)) => format!("{BOLD}{}:{line}{BOLD:#}: ", clean(file)),
            _ => String::new(),
        };
        writeln!(out, "{place}{head}warning{head:#}: {}", clean(&notice.message))?;
    }
    for gap in &verdict.incomplete {
        let line = gap.line.map_or(String::new(), |line| format!(":{line}"));
        let place = gap.file.as_deref().map_or(String::new(), |file| format!("{BOLD}{}{line}{BOLD:#}: ", clean(file)));
        writeln!(out, "{place}{WARNING}not read{WARNING:#}: {}", clean(&gap.reason))?;
    }
    if !verdict.gone.is_empty() && verdict.by_baseline && verdict.written.is_none() {
        writeln!(
            out,
            "{head}stale{head:#}: the baseline contains {} that {} gone; run `csm-audit gate --update` and commit it",
            super::counted(verdict.gone.len(), "touchpoint"),
            if verdict.gone.len() == 1 { "is" } else { "are" }
        )?;
    }
    if let Some(count) = verdict.written {
        writeln!(out, "{GOOD}written{GOOD:#}: {}, {}", clean(&verdict.against), super::counted(count, "touchpoint"))?;
    }
    let style = match verdict.outcome() {
        Outcome::Failed => ERROR,
        Outcome::Incomplete => WARNING,
        Outcome::Written => return Ok(()),
        Outcome::Ok => GOOD,
    };
    writeln!(out, "{style}{}{style:#}: {}", verdict.outcome().word(), verdict.summary())?;
    if verdict.alarms.iter().any(|alarm| alarm.reason != Reason::Denied) {
        let baseline = if verdict.by_baseline { "; to accept all, run `csm-audit gate --update`" } else { "" };
        writeln!(out, "To accept one, add `# csm-audit: allow[kind] reason` on its line{baseline}.")?;
    }
    Ok(())
}

/// What comes from files must not steer the terminal.
fn clean(text: &str) -> String {
    let mut clean: String = text.chars().map(visible).take(WIDTH * 4).collect();
    if clean.len() < text.len() && text.chars().count() > WIDTH * 4 {
        clean.push('…');
    }
    clean
}

fn visible(c: char) -> char {
    // One character for one, so that the mark below stands where it should.
    if printable::is_hidden(c) || c == '\n' { '\u{fffd}' } else { c }
}

/// The part of a line around a column, and the column in it.
fn cut(line: &str, column: usize) -> (String, usize) {
    let at = column.max(1) - 1;
    let skip = if at >= WIDTH { at - WIDTH / 2 } else { 0 };
    (line.chars().map(visible).skip(skip).take(WIDTH).collect(), at - skip + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_file_steers_the_terminal() {
        assert_eq!(clean("a\x1b[31m\u{202e}b\n"), "a\u{fffd}[31m\u{fffd}b\u{fffd}");
    }

    #[test]
    fn a_long_line_is_cut_around_its_place() {
        let line = format!("{}X{}", "a".repeat(1_000), "b".repeat(1_000));
        let (part, column) = cut(&line, 1_001);
        assert_eq!(part.chars().count(), WIDTH);
        assert_eq!(part.chars().nth(column - 1), Some('X'));
        assert_eq!(cut("abc", 2), ("abc".to_owned(), 2));
    }
}
