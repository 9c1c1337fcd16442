//! What the summary says of databases: the answer, the findings, the environments.

use std::collections::BTreeMap;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{BAD, BOLD, Counts, DIM, GOOD, HEAD, Summary, WARN};
use crate::finding::Severity;
use crate::report::humanize::{self, app_folder, counted, length, number};
use crate::report::v1::{Readiness, Report, ReportEnvironment, ReportFinding};

/// Findings that are shown with their line of code.
const WITH_CODE: usize = 2;
/// The maximum number of listed findings.
const LINES: usize = 5;
/// The maximum number of sides of a finding, besides the one whose code is shown.
const NOTES: usize = 1;
/// Names in a line that counts what there is of each.
const NAMES: usize = 4;

impl Summary {
    pub(super) fn answer(&mut self, report: &Report) {
        let Some(answer) = &report.answer else { return };
        let style = match answer.verdict {
            Readiness::Ready => GOOD,
            Readiness::NotReady => BAD,
            Readiness::NotVerified => WARN,
        };
        self.text.push('\n');
        let verdict = self.begin(&humanize::verdict(report).1, self.width.saturating_sub(27));
        self.line(&format!("{BOLD}Ready to migrate?{BOLD:#}  {style}{verdict}{style:#}"));
        if let Some((column, place)) = humanize::tightest(report) {
            let share = place.share.map_or_else(|| "unknown".to_owned(), humanize::percent);
            let limit =
                place.limit.as_deref().map_or_else(String::new, |limit| format!(" of {}", humanize::digits(limit)));
            let text = format!("used{limit} in {}: {}.{}", place.environment, column.table, column.column);
            let text = self.begin(&text, self.width.saturating_sub(2 + share.chars().count() + 1));
            self.line(&format!("  {BOLD}{share}{BOLD:#} {text}"));
            if let Some(range) = &place.exhausted {
                let condition =
                    if range.assumption.is_empty() { String::new() } else { format!(", if {}", range.assumption) };
                let text = self
                    .begin(&format!("ids run out {}{condition}", humanize::dates(range)), self.width.saturating_sub(2));
                self.line(&format!("  {text}"));
            }
        }
        // The findings below show the blockers.
        if let Some(first) = answer.unproven.first() {
            let more = match answer.unproven.len() - 1 {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let text = self.begin(first, self.width.saturating_sub(16 + more.chars().count()));
            self.line(&format!("  {WARN}not verified{WARN:#}  {text}{DIM}{more}{DIM:#}"));
        }
    }

    pub(super) fn findings(&mut self, report: &Report) {
        if report.findings.is_empty() {
            return;
        }
        let counts: Vec<String> = humanize::severities(&report.findings)
            .into_iter()
            .map(|(severity, count)| format!("{} {}", number(count), severity.as_str()))
            .collect();
        let blocks = match report.findings.iter().filter(|finding| finding.blocks).count() {
            0 => String::new(),
            count => format!("; {count} block"),
        };
        self.head("findings", &format!("{}{blocks}", counts.join(", ")));
        // In their order, what blocks first; the first ones that have code to look at are shown with it.
        let mut with_code = 0;
        for finding in report.findings.iter().take(LINES) {
            let code = (with_code < WITH_CODE).then(|| self.with_code(report, finding)).flatten();
            match code {
                Some(text) => {
                    with_code += 1;
                    self.text.push_str(&text);
                }
                None => self.finding(finding),
            }
        }
        if report.findings.len() > LINES {
            let rest = counted(length(report.findings.len() - LINES), "more finding");
            self.line(&format!("{DIM}… and {rest}{DIM:#}"));
        }
    }

    fn finding(&mut self, finding: &ReportFinding) {
        let (style, word) = (style(finding.severity), finding.severity.as_str());
        let room = self.width.saturating_sub(word.len() + 2);
        let text = self.begin(&headline(finding), room);
        self.line(&format!("{style}{word}{style:#}: {text}"));
    }

    /// The finding with the line of code that it is about; `None` when there is none.
    fn with_code(&self, report: &Report, finding: &ReportFinding) -> Option<String> {
        let named = finding.evidence.iter().find_map(|evidence| {
            let (file, line) = (evidence.file.as_deref()?, evidence.line?);
            let (root, code) = report.line_of_code(file, line)?;
            Some((Some(evidence), root, file, line, code))
        });
        let defined = || {
            let model = report.model_of(finding)?;
            let (root, code) = report.line_of_code(&model.file, model.line)?;
            Some((None, root, model.file.as_str(), model.line, code))
        };
        let (evidence, root, file, line, code) = named.or_else(defined)?;
        let level = match finding.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Info => Level::INFO,
        };
        let check = self.begin(&finding.check, self.width / 2);
        let room = self.width.saturating_sub(finding.severity.as_str().len() + check.chars().count() + 4);
        let title = self.begin(&headline(finding), room);
        let gutter = line.to_string().len() + 3;
        let source = narrow(&super::plain(code), self.width.saturating_sub(gutter));
        let path = self.cut(&report.place(root, file), self.width.saturating_sub(gutter + 12));
        let symbol = report.touchpoints.iter().find(|found| found.line == line && found.file == file);
        let symbol = symbol.map(|found| found.symbol.as_str());
        let span = underlined(&source, symbol);
        let says = evidence.map_or_else(
            || format!("the model of {}", finding.table.as_deref().unwrap_or_default()),
            |evidence| format!("{}: {}", evidence.source, evidence.says),
        );
        let room = self.width.saturating_sub(gutter + source[..span.end].width() + 2);
        // Beside the line if it fits, or else below it.
        let (label, below) = if says.width() <= room { (Some(says), None) } else { (None, Some(says)) };
        let mark = AnnotationKind::Primary.span(span);
        let mark = if let Some(label) = &label { mark.label(label) } else { mark };
        let snippet = Snippet::source(&*source).line_start(line as usize).path(&path).annotation(mark);
        let mut group: Group<'_> = level.primary_title(&title).id(&check).element(snippet);
        let others =
            finding.evidence.iter().filter(|other| evidence.is_none_or(|evidence| !std::ptr::eq(*other, evidence)));
        // What the environment says is news; the code is shown.
        let others = others.rev().take(NOTES).map(|other| format!("{}: {}", other.source, other.says));
        let mut notes: Vec<(&str, String)> = below.into_iter().chain(others).map(|text| ("note", text)).collect();
        if !finding.fix.is_empty() {
            notes.push(("fix", finding.fix.clone()));
        }
        for (name, text) in notes {
            let text = self.begin(&text, self.width.saturating_sub(gutter + name.len() + 3));
            let level = if name == "fix" { Level::HELP.with_name("fix") } else { Level::NOTE };
            group = group.element(level.message(text));
        }
        let text = Renderer::styled().decor_style(DecorStyle::Ascii).term_width(self.width).render(&[group]);
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        Some(lines.join("\n") + "\n")
    }

    pub(super) fn environments(&mut self, report: &Report) {
        if report.environments.is_empty() {
            return;
        }
        self.text.push('\n');
        let widest = report.environments.iter().map(|one| one.name.chars().count()).max().unwrap_or(0).min(16);
        for environment in &report.environments {
            let name = self.cut(&environment.name, 16);
            let text = self.begin(&said(environment), self.width.saturating_sub(widest + 4));
            let style = if environment.complete { DIM } else { WARN };
            self.line(&format!("{HEAD}{name:<widest$}{HEAD:#}  {style}{text}{style:#}"));
        }
    }

    /// The touchpoints in a line for what they are, one for what they do, and one for where they are.
    pub(super) fn counts(&mut self, report: &Report) {
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        let mut folders: BTreeMap<String, u64> = BTreeMap::new();
        let mut all = Counts::default();
        for touchpoint in &report.touchpoints {
            *kinds.entry(touchpoint.kind.as_str()).or_default() += 1;
            all.add(touchpoint);
            if !touchpoint.is_test {
                *folders.entry(app_folder(&touchpoint.file)).or_default() += 1;
            }
        }
        let named = |(name, count): (String, u64)| format!("{} {name}", number(count));
        let does = [
            ("read", all.read),
            ("write", all.write),
            ("delete", all.delete),
            ("schema", all.schema),
            ("unknown", all.unknown),
        ];
        let does = does.map(|(name, count)| (name.to_owned(), count)).into_iter().filter(|(_, count)| *count > 0);
        let does: Vec<String> = does.map(named).collect();
        let most = |counts: Vec<(String, u64)>, what: &str| {
            let mut counts = counts;
            counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            let rest = counts.len().saturating_sub(NAMES);
            let mut names: Vec<String> = counts.into_iter().take(NAMES).map(named).collect();
            if rest > 0 {
                names.push(counted(length(rest), &format!("more {what}")));
            }
            names
        };
        let kinds = most(kinds.into_iter().map(|(name, count)| (name.to_owned(), count)).collect(), "kind");
        let folders = most(folders.into_iter().collect(), "folder");
        for parts in [kinds, does, folders].into_iter().filter(|parts| !parts.is_empty()) {
            let text = self.begin(&parts.join(", "), self.width.saturating_sub(2));
            self.line(&format!("  {text}"));
        }
    }
}

fn said(environment: &ReportEnvironment) -> String {
    let databases: Vec<String> = environment
        .databases
        .iter()
        .map(|database| format!("{}{}", database.name, if database.alias.is_none() { " (no alias)" } else { "" }))
        .collect();
    let mut parts = Vec::new();
    if let Some(part) = environment.incomplete.first() {
        parts.push(format!("partial: {}: {}", part.place, part.reason));
    }
    if let Some(server) = environment.servers.first() {
        let more = environment.servers.len() - 1;
        let more = if more == 0 { String::new() } else { format!(" and {}", counted(length(more), "more server")) };
        parts.push(format!("{} {}{more}", server.flavour, server.version));
    }
    parts.push(databases.join(", "));
    if !environment.unproven.is_empty() {
        parts.push(format!("{} not verified", counted(length(environment.unproven.len()), "fact")));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

/// What was found, and where.
fn headline(finding: &ReportFinding) -> String {
    let message = &finding.message;
    match &finding.environment {
        Some(environment) => format!("{environment}: {message}"),
        None => message.clone(),
    }
}

/// What of the line is meant: the symbol when it stands there once, or else all of it.
fn underlined(line: &str, symbol: Option<&str>) -> std::ops::Range<usize> {
    let once = symbol.filter(|symbol| !symbol.is_empty()).and_then(|symbol| {
        let mut found = line.match_indices(symbol);
        let (at, text) = found.next()?;
        found.next().is_none().then_some(at..at + text.len())
    });
    once.unwrap_or(line.len() - line.trim_start().len()..line.len())
}

/// As much of the text as fits into so many columns, of which some characters take two.
fn narrow(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut used = 0;
    let fits = text.chars().take_while(|c| {
        used += c.width().unwrap_or(0);
        used < room
    });
    fits.collect::<String>() + "…"
}

fn style(severity: Severity) -> anstyle::Style {
    match severity {
        Severity::Error => BAD,
        Severity::Warning => WARN,
        Severity::Info => DIM,
    }
}
