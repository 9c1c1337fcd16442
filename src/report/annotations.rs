//! Annotations of GitHub's workflows: workflow commands, one a line.

use std::fmt::Write;

use super::humanize;
use super::v1::{ModelKind, Report, ReportFinding, ReportRootKind};
use crate::finding::Severity;

/// The commands: every finding, and every touchpoint of the project's own code as a notice.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    for finding in &report.findings {
        let level = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let place = place(report, finding)
            .map_or_else(String::new, |(file, line)| format!("file={},line={},", property(&file), line.unwrap_or(1)));
        let object = humanize::object(finding);
        let about = if object.is_empty() { String::new() } else { format!("\n{object}") };
        let fix = if finding.fix.is_empty() { String::new() } else { format!("\nFix: {}", finding.fix) };
        let message = format!("{}{about}{fix}", finding.message);
        let _ = writeln!(out, "::{level} {place}title={}::{}", property(&finding.check), data(&message));
    }
    for found in &report.touchpoints {
        if report.roots.get(found.root).is_some_and(|root| root.kind != ReportRootKind::Project) {
            continue;
        }
        let mut place = format!(
            "file={},line={},endLine={}",
            property(&report.place(found.root, &found.file)),
            found.line,
            found.end_line
        );
        // GitHub refuses columns of a range of lines.
        if found.line == found.end_line {
            let _ = write!(place, ",col={},endColumn={}", found.column, found.end_column);
        }
        let title = format!("{} of {}", found.kind.as_str(), found.target);
        let message = format!("{} ({}, {})", found.snippet, found.access.as_str(), found.confidence.as_str());
        let _ = writeln!(out, "::notice {place},title={}::{}", property(&title), data(&message));
    }
    for gap in &report.gaps {
        let file = gap
            .file
            .as_deref()
            .map(|file| report.root_of(file).map_or_else(|| file.to_owned(), |root| report.place(root, file)));
        let file =
            file.map_or_else(String::new, |file| format!("file={},line={},", property(&file), gap.line.unwrap_or(1)));
        let _ =
            writeln!(out, "::notice {file}title={}::{}", property(&format!("gap: {}", gap.kind)), data(&gap.reason));
    }
    out
}

/// Where a finding is shown: where its evidence stands in code, or else at the model of its table, or at the target, since
/// a finding without a location would be invisible.
pub(super) fn place(report: &Report, finding: &ReportFinding) -> Option<(String, Option<u32>)> {
    place_in(report, finding).map(|(root, file, line)| (report.place(root, file), line))
}

/// The same with the root and the file apart.
pub(super) fn place_in<'a>(report: &'a Report, finding: &'a ReportFinding) -> Option<(usize, &'a str, Option<u32>)> {
    let known = finding.evidence.iter().filter_map(|evidence| {
        let file = evidence.file.as_deref()?;
        let quoted = evidence.line.and_then(|line| report.line_of_code(file, line)).map(|code| code.0);
        Some((quoted.or_else(|| report.root_of(file))?, file, evidence.line))
    });
    let target = report.models.iter().find(|model| model.kind == ModelKind::Target);
    let models = report.model_of(finding).or(target);
    known.chain(models.map(|model| (model.root, model.file.as_str(), Some(model.line)))).next()
}

/// Escapes a message: a line break would begin another command, and what hides or reorders text is shown.
pub(crate) fn data(text: &str) -> String {
    // Carriage returns have an escape of their own.
    let text = text.split('\r').map(humanize::visible).collect::<Vec<_>>().join("\r");
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property.
pub(crate) fn property(text: &str) -> String {
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
