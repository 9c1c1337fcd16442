//! The report for a ticket's description or a pull request: short, in GitHub's Markdown.
//!
//! Names from strangers stand in code spans, prose is escaped: nothing becomes a link, a mention, a table's cell or markup.

use std::fmt::Write;

use super::humanize::{self, one_line};
use super::v1::{ColumnRole, Report, ReportColumn, ReportColumnIn, ReportFinding};
use crate::finding::Severity;
use crate::plan::Outcome;

/// The maximum number of listed findings; the rest is counted.
const FINDINGS: usize = 15;
/// The maximum number of listed columns.
const COLUMNS: usize = 15;
/// The maximum number of listed steps.
const STEPS: usize = 60;
/// Sites truncate a description: no single text may fill it.
const TEXT: usize = 300;

/// The Markdown.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "## Migration audit of {}\n", code(&report.target));
    answer(&mut out, report);
    findings(&mut out, report);
    columns(&mut out, report);
    references(&mut out, report);
    plan(&mut out, report);
    touchpoints(&mut out, report);
    gaps(&mut out, report);
    let _ = writeln!(out, "\n<sub>{} {}</sub>", prose(&report.tool.name), prose(&report.tool.version));
    out
}

fn answer(out: &mut String, report: &Report) {
    let _ = writeln!(out, "**Ready to migrate? {}.**\n", humanize::verdict(report).1);
    let Some(answer) = &report.answer else {
        let _ = writeln!(out, "{} Run {}.\n", humanize::WITHOUT_DATABASES, code(humanize::ASK_DATABASES));
        return;
    };
    if let Some((column, place)) = humanize::tightest(report) {
        let used = place.share.map_or_else(|| "An unknown part".to_owned(), humanize::percent);
        let when = match &place.exhausted {
            Some(range) if range.assumption.is_empty() => format!("; ids run out {}", prose(&humanize::dates(range))),
            Some(range) => format!("; ids run out {}, if {}", prose(&humanize::dates(range)), prose(&range.assumption)),
            None => "; no growth data for a forecast".to_owned(),
        };
        let name = code(&format!("{}.{}", column.table, column.column));
        let limit = place
            .limit
            .as_deref()
            .map_or_else(String::new, |limit| format!(" of {}", humanize::digits(&one_line(limit))));
        let _ = writeln!(out, "{used}{limit} ids are used in {name} of {}{when}.\n", prose(&place.environment));
    }
    let handled: Vec<String> =
        answer.handled_by_plan.iter().map(|one| format!("{} ({})", one.blocker, one.steps.join(", "))).collect();
    for (title, lines) in [
        ("Decisions needed first", &answer.decisions),
        ("Not verified", &answer.unproven),
        ("Handled by the plan", &handled),
        ("Reasons that prevent the change", &answer.stops_change),
    ] {
        if !lines.is_empty() {
            let _ = writeln!(out, "{title}:\n");
            for line in lines {
                let _ = writeln!(out, "- {}", prose(line));
            }
            out.push('\n');
        }
    }
}

fn findings(out: &mut String, report: &Report) {
    if report.findings.is_empty() {
        return;
    }
    let counts: Vec<String> = humanize::severities(&report.findings)
        .into_iter()
        .map(|(severity, count)| format!("{} {}", humanize::number(count), severity.as_str()))
        .collect();
    let _ = writeln!(out, "### Findings: {}\n", counts.join(", "));
    let _ = writeln!(out, "| | finding | location | fix |\n|---|---|---|---|");
    for finding in report.findings.iter().take(FINDINGS) {
        let _ = writeln!(
            out,
            "| {}{} | {} ({}) | {} | {} |",
            severity(finding.severity),
            if finding.blocks { ", blocks" } else { "" },
            prose(&finding.message),
            code(&finding.check),
            place(report, finding),
            prose(&finding.fix),
        );
    }
    if report.findings.len() > FINDINGS {
        let _ = writeln!(out, "\n… and {} more in the full report.", report.findings.len() - FINDINGS);
    }
    out.push('\n');
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "**error**",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

fn place(report: &Report, finding: &ReportFinding) -> String {
    let object = humanize::object(finding);
    let mut parts = Vec::new();
    if !object.is_empty() {
        parts.push(code(&object));
    }
    let file = finding.evidence.iter().find_map(|evidence| Some((evidence.file.as_deref()?, evidence.line)));
    if let Some((file, line)) = file {
        parts.push(linked(report, file, line));
    }
    parts.join(" ")
}

/// A place in code, with a link when there is one.
fn linked(report: &Report, file: &str, line: Option<u32>) -> String {
    let text = line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"));
    let link = report.root_of(file).and_then(|root| report.link(root, file, line));
    match link {
        // Angle brackets hold any link that has neither of them nor a line break in it.
        Some(link) if !link.contains(['<', '>', '\n', '|']) => format!("[{}](<{link}>)", code(&text)),
        _ => code(&text),
    }
}

fn references(out: &mut String, report: &Report) {
    if report.references.is_empty() {
        return;
    }
    let _ = writeln!(out, "### Tables that the target references\n");
    let _ = writeln!(out, "| columns | to | the code | environments |\n|---|---|---|---|");
    for reference in report.references.iter().take(COLUMNS) {
        let places = reference.environments.iter().map(|place| {
            let constraints: Vec<String> = place.constraints.iter().map(|name| code(name)).collect();
            let constraints = if constraints.is_empty() { "no constraint".to_owned() } else { constraints.join(", ") };
            format!("{}: {constraints}", prose(&place.environment))
        });
        let places: Vec<String> = places.collect();
        let wanted = reference.constraint.as_deref().map_or_else(|| "no constraint".to_owned(), code);
        let places = if places.is_empty() { "not read".to_owned() } else { places.join("<br>") };
        let to = format!("{}({})", reference.table, reference.referenced.join(", "));
        let _ = writeln!(out, "| {} | {} | {wanted} | {places} |", code(&reference.columns.join(", ")), code(&to));
    }
    if report.references.len() > COLUMNS {
        let _ = writeln!(out, "\n… and {} more in the full report.", report.references.len() - COLUMNS);
    }
    out.push('\n');
}

fn columns(out: &mut String, report: &Report) {
    if report.columns.is_empty() {
        return;
    }
    let _ = writeln!(out, "### Columns that store the ids\n");
    let _ = writeln!(out, "| column | role | migrations | needs | environments |\n|---|---|---|---|---|");
    for column in report.columns.iter().take(COLUMNS) {
        let places: Vec<String> = column.environments.iter().map(|place| in_environment(column, place)).collect();
        let places = if places.is_empty() { "not read".to_owned() } else { places.join("<br>") };
        let role = match column.role {
            ColumnRole::Key => "key",
            ColumnRole::Constraint => "constraint",
            ColumnRole::Soft => "soft",
        };
        let _ = writeln!(
            out,
            "| {} | {role} | {} | {} | {places} |",
            code(&format!("{}.{}", column.table, column.column)),
            column.migrations.as_deref().map_or_else(|| "nothing".to_owned(), code),
            code(&column.needs),
        );
    }
    if report.columns.len() > COLUMNS {
        let _ = writeln!(out, "\n… and {} more in the full report.", report.columns.len() - COLUMNS);
    }
    out.push('\n');
}

fn in_environment(column: &ReportColumn, place: &ReportColumnIn) -> String {
    let Some(column_type) = &place.column_type else {
        return format!("{}: **no such column**", prose(&place.environment));
    };
    let mut text = format!("{}: {}", prose(&place.environment), code(column_type));
    if let Some(share) = place.share {
        let _ = write!(text, ", {} used", humanize::percent(share));
    }
    if column.constraint_expected && place.constraint.is_none() {
        text.push_str(", **constraint missing**");
    }
    if place.too_narrow {
        text.push_str(", **too narrow**");
    }
    text
}

fn plan(out: &mut String, report: &Report) {
    let Some(plan) = &report.plan else { return };
    let state = if plan.complete { "complete" } else { "partial" };
    let _ = writeln!(out, "### Plan: the key becomes {} ({state})\n", code(&plan.change));
    for line in &plan.open {
        let _ = writeln!(out, "- open: {}", prose(line));
    }
    if !plan.open.is_empty() {
        out.push('\n');
    }
    for step in plan.steps.iter().take(STEPS) {
        let failed = step.preconditions.iter().filter(|check| check.outcome != Outcome::Passed).count();
        let mut notes = Vec::new();
        if let Some(environment) = &step.environment {
            notes.push(prose(environment));
        }
        if let Some(estimate) = &step.estimate {
            notes.push(prose(&humanize::estimate(estimate)));
        }
        if failed > 0 {
            notes.push(format!("**{failed} of {} preconditions open**", step.preconditions.len()));
        }
        if !step.blocked_by.is_empty() {
            notes.push("**blocked**".to_owned());
        }
        if step.rollback.point_of_no_return {
            notes.push("**point of no return**".to_owned());
        }
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
        let _ = writeln!(out, "- [ ] {} {}{notes}", code(&step.id), prose(&step.title));
    }
    if plan.steps.len() > STEPS {
        let _ = writeln!(out, "\n… and {} more steps in the full report.", plan.steps.len() - STEPS);
    }
    out.push('\n');
}

fn touchpoints(out: &mut String, report: &Report) {
    let totals = &report.totals;
    let _ = writeln!(
        out,
        "### {} in {}, {} in tests\n",
        humanize::counted(totals.touchpoints, "touchpoint"),
        humanize::counted(totals.files, "file"),
        humanize::number(totals.in_tests),
    );
    if totals.by_kind.is_empty() {
        return;
    }
    let list = |counts: &std::collections::BTreeMap<String, u64>| {
        let mut sorted: Vec<(&String, &u64)> = counts.iter().collect();
        sorted.sort_by(|a, b| b.1.cmp(a.1).then_with(|| a.0.cmp(b.0)));
        sorted
            .iter()
            .map(|(name, count)| format!("{} {}", humanize::number(**count), prose(name)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let _ = writeln!(out, "By access: {}.\n", list(&totals.by_access));
    let _ = writeln!(out, "By kind: {}.\n", list(&totals.by_kind));
}

fn gaps(out: &mut String, report: &Report) {
    if report.gaps.is_empty() {
        return;
    }
    let kinds: Vec<String> = report
        .totals
        .gaps_by_kind
        .iter()
        .map(|(kind, count)| format!("{} {}", humanize::number(*count), prose(kind)))
        .collect();
    let _ = writeln!(
        out,
        "Not analysed: {}: {}. The full report lists them.",
        humanize::counted(humanize::length(report.gaps.len()), "gap"),
        kinds.join(", ")
    );
}

/// A code span: a fence longer than any run of backticks in it, and no bar that would end a table's cell.
pub(crate) fn code(text: &str) -> String {
    let text = humanize::middle(&one_line(text), TEXT).replace('|', "\\|");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// Text that stays text. Mentions, references to issues and links are found in what is shown, where a backslash is gone
/// already: an empty comment keeps their parts apart.
pub(crate) fn prose(text: &str) -> String {
    let text = humanize::middle(&one_line(text), TEXT);
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut before = ' ';
    // What would begin a list or a heading.
    let mut begins = true;
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '#' if begins => out.push_str("\\#<!-- -->"),
            '@' | '#' => {
                out.push(c);
                out.push_str("<!-- -->");
            }
            '/' if before == ':' || before == '/' => out.push_str("<!-- -->/"),
            '.' if before.eq_ignore_ascii_case(&'w') => out.push_str("<!-- -->."),
            '-' if before.eq_ignore_ascii_case(&'h') => out.push_str("-<!-- -->"),
            '-' | '+' | '=' | '.' | ')' if begins => {
                out.push('\\');
                out.push(c);
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
        begins &= c.is_ascii_digit();
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_stays_code() {
        assert_eq!(code("a|b"), "`a\\|b`");
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("a\nb\u{202e}"), "`a b⟨U+202E⟩`");
    }

    #[test]
    fn prose_becomes_nothing_else() {
        assert_eq!(prose("<b> & @octocat #12 GH-3"), "&lt;b&gt; &amp; @<!-- -->octocat #<!-- -->12 GH-<!-- -->3");
        assert_eq!(prose("a|b `c` [x](y)"), "a\\|b \\`c\\` \\[x\\](y)");
        assert_eq!(prose("https://example.org www.x.org"), "https:<!-- -->/<!-- -->/example.org www<!-- -->.x.org");
        assert_eq!(prose("1. x\n- y"), "1\\. x - y");
        assert_eq!([prose("- x"), prose("# x")], ["\\- x", "\\#<!-- --> x"]);
    }
}
