//! The summary for people: one screen with the results and the next steps.

mod databases;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::humanize::{app_folder, counted, length, number, visible};
use super::v1::{ModelKind, Report, ReportGap, ReportTouchpoint};
use crate::finding::Access;
use crate::printable;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const HEAD: Style = AnsiColor::Cyan.on_default().bold();
const WARN: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();

/// Rows shown of what may be long; the rest is counted.
const TOP: usize = 8;
/// Lines wider than this are no easier to read.
const MAX_WIDTH: usize = 120;

/// The summary, `width` columns wide, with escape codes for styles; the caller removes them where they do not
/// belong. `files` are the reports that were written.
#[must_use]
pub fn render(report: &Report, width: usize, files: &[String]) -> String {
    let databases = !report.environments.is_empty() || !report.findings.is_empty();
    let mut summary = Summary { text: String::new(), width: width.clamp(40, MAX_WIDTH), databases };
    summary.title(report);
    summary.answer(report);
    summary.findings(report);
    summary.environments(report);
    summary.totals(report);
    // Where databases have something to say, too, all has to fit on a screen; and the columns that store the ids say
    // more of the linked models.
    if databases {
        summary.counts(report);
    } else {
        if !report.touchpoints.is_empty() {
            summary.kinds(report);
            summary.places(report);
        }
        summary.models(report);
    }
    summary.gaps(report);
    summary.next(report, files);
    printable::without_commands(&summary.text).into_owned()
}

struct Summary {
    text: String,
    width: usize,
    /// Whether databases have something to say.
    databases: bool,
}

/// Touchpoints of one row of a table.
#[derive(Default)]
struct Counts {
    all: u64,
    tests: u64,
    read: u64,
    write: u64,
    delete: u64,
    schema: u64,
    unknown: u64,
}

/// Touchpoints of one folder.
#[derive(Default)]
struct Folder<'a> {
    touchpoints: u64,
    files: BTreeSet<(usize, &'a str)>,
}

impl Counts {
    fn add(&mut self, touchpoint: &ReportTouchpoint) {
        self.all += 1;
        self.tests += u64::from(touchpoint.is_test);
        match touchpoint.access {
            Access::None => {}
            Access::Read => self.read += 1,
            Access::Write => self.write += 1,
            Access::ReadWrite => {
                self.read += 1;
                self.write += 1;
            }
            Access::Delete => self.delete += 1,
            Access::Schema => self.schema += 1,
            Access::Unknown => self.unknown += 1,
        }
    }

    fn columns(&self) -> [u64; 7] {
        [self.all, self.read, self.write, self.delete, self.schema, self.unknown, self.tests]
    }
}

impl Summary {
    /// A line. Lines are made to fit, so nothing is wrapped.
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn head(&mut self, title: &str, note: &str) {
        self.text.push('\n');
        let note = if note.is_empty() { String::new() } else { format!("  {DIM}{note}{DIM:#}") };
        self.line(&format!("{HEAD}{title}{HEAD:#}{note}"));
    }

    fn title(&mut self, report: &Report) {
        let target = report.models.iter().find(|model| model.kind == ModelKind::Target);
        let table = target.and_then(|model| model.table.as_deref());
        let table = table.map_or_else(String::new, |table| format!("  table {table}"));
        self.line(&format!("{BOLD}{}{BOLD:#}{table}", report.target));
        if let Some(model) = target {
            let place = self.cut(&format!("{}:{}", model.file, model.line), self.width.saturating_sub(11));
            self.line(&format!("{DIM}defined in {place}{DIM:#}"));
        } else {
            self.line(&format!("{WARN}the definition of the model was not found{WARN:#}"));
        }
    }

    fn totals(&mut self, report: &Report) {
        let totals = &report.totals;
        let sure = ["certain", "likely", "possible"]
            .iter()
            .filter_map(|name| totals.by_confidence.get(*name).map(|count| format!("{} {name}", number(*count))));
        self.text.push('\n');
        self.line(&format!(
            "{BOLD}{}{BOLD:#} in {}, {} in tests",
            counted(totals.touchpoints, "touchpoint"),
            counted(totals.files, "file"),
            number(totals.in_tests),
        ));
        let sure: Vec<String> = sure.collect();
        if !sure.is_empty() {
            let indent = if self.databases { "  " } else { "" };
            self.line(&format!("{indent}{}", sure.join(", ")));
        }
        let roots = if self.databases { &[] } else { report.roots.as_slice() };
        for root in roots {
            let name = self.cut(&root.name, self.width.saturating_sub(32));
            self.line(&format!("{DIM}{} Python files in {name}{DIM:#}", number(root.python_files)));
        }
        for venv in report.virtual_environments.iter().filter(|venv| !venv.scanned) {
            let path = self.cut(&venv.path, self.width.saturating_sub(32));
            self.line(&format!("{DIM}not scanned: {path} ({}){DIM:#}", venv.found_as));
        }
    }

    fn kinds(&mut self, report: &Report) {
        let mut kinds: BTreeMap<&str, Counts> = BTreeMap::new();
        let mut all = Counts::default();
        for touchpoint in &report.touchpoints {
            kinds.entry(touchpoint.kind.as_str()).or_default().add(touchpoint);
            all.add(touchpoint);
        }
        self.text.push('\n');
        let titles = ["all", "read", "write", "delete", "schema", "unknown", "tests"];
        let header = titles.iter().fold(format!("{:<16}", "kind"), |line, title| format!("{line}{title:>8}"));
        self.line(&format!("{HEAD}{header}{HEAD:#}"));
        let mut rows: Vec<(&str, Counts)> = kinds.into_iter().collect();
        rows.sort_by(|a, b| b.1.all.cmp(&a.1.all).then_with(|| a.0.cmp(b.0)));
        for (name, counts) in &rows {
            self.row(name, counts);
        }
        if rows.len() > 1 {
            self.row("total", &all);
        }
    }

    fn row(&mut self, name: &str, counts: &Counts) {
        let mut line = format!("{name:<16}");
        for count in counts.columns() {
            if count == 0 {
                let _ = write!(line, "{:>8}", "");
            } else {
                let _ = write!(line, "{:>8}", number(count));
            }
        }
        self.line(&line);
    }

    fn places(&mut self, report: &Report) {
        let mut folders: BTreeMap<String, Folder<'_>> = BTreeMap::new();
        for touchpoint in report.touchpoints.iter().filter(|touchpoint| !touchpoint.is_test) {
            let entry = folders.entry(app_folder(&touchpoint.file)).or_default();
            entry.touchpoints += 1;
            entry.files.insert((touchpoint.root, &touchpoint.file));
        }
        if folders.is_empty() {
            return;
        }
        let mut rows: Vec<_> = folders.into_iter().collect();
        rows.sort_by(|a, b| b.1.touchpoints.cmp(&a.1.touchpoints).then_with(|| a.0.cmp(&b.0)));
        self.head("where", "outside tests");
        for (folder, counts) in rows.iter().take(TOP) {
            let tail = format!("in {}", counted(length(counts.files.len()), "file"));
            let folder = self.cut(folder, self.width.saturating_sub(14 + tail.len()));
            self.line(&format!("{:>8}  {folder} {DIM}{tail}{DIM:#}", number(counts.touchpoints)));
        }
        self.more(rows.len(), "folder");
    }

    fn more(&mut self, rows: usize, what: &str) {
        if rows > TOP {
            let rest = counted(length(rows - TOP), &format!("more {what}"));
            self.line(&format!("{:>8}  {DIM}… and {rest}{DIM:#}", ""));
        }
    }

    fn models(&mut self, report: &Report) {
        let linked: Vec<_> = report.models.iter().filter(|model| model.kind != ModelKind::Target).collect();
        if linked.is_empty() {
            return;
        }
        self.head("models", "linked to it");
        for model in linked.iter().take(TOP) {
            let count = report.totals.by_target.get(&model.label).copied().unwrap_or(0);
            let how = match model.kind {
                ModelKind::Subclass => "subclass".to_owned(),
                ModelKind::Base => "abstract base".to_owned(),
                _ if model.via.is_empty() => "linked".to_owned(),
                _ => format!("by {}", model.via.join(", ")),
            };
            let table = model.table.as_deref().map_or_else(String::new, |table| format!(", table {table}"));
            let label = self.cut(&model.label, self.width.saturating_sub(10));
            let room = self.width.saturating_sub(12 + label.chars().count());
            let detail = format!("{how}{table}");
            if detail.chars().count() <= room {
                self.line(&format!("{:>8}  {label}  {DIM}{detail}{DIM:#}", number(count)));
                continue;
            }
            self.line(&format!("{:>8}  {label}", number(count)));
            for part in [how.as_str(), table.trim_start_matches(", ")] {
                let part = self.cut(part, self.width.saturating_sub(12));
                if !part.is_empty() {
                    self.line(&format!("{:>8}    {DIM}{part}{DIM:#}", ""));
                }
            }
        }
        self.more(linked.len(), "model");
    }

    fn gaps(&mut self, report: &Report) {
        if report.gaps.is_empty() {
            return;
        }
        let mut kinds: BTreeMap<&str, Vec<&ReportGap>> = BTreeMap::new();
        for gap in &report.gaps {
            kinds.entry(&gap.kind).or_default().push(gap);
        }
        let mut rows: Vec<_> = kinds.into_iter().collect();
        rows.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.0.cmp(b.0)));
        if self.databases {
            let kinds: Vec<String> = rows.iter().map(|(kind, gaps)| format!("{} {kind}", gaps.len())).collect();
            let kinds = self.begin(&kinds.join(", "), self.width.saturating_sub(6));
            self.text.push('\n');
            self.line(&format!("{HEAD}gaps{HEAD:#}  {WARN}{kinds}{WARN:#}"));
            return;
        }
        self.head("gaps", "not analysed");
        for (kind, gaps) in rows.iter().take(TOP) {
            let kind = self.cut(kind, self.width.saturating_sub(12));
            self.line(&format!("{:>8}  {WARN}{kind}{WARN:#}", number(length(gaps.len()))));
            // Two of a kind show what they have in common.
            for gap in gaps.iter().take(2) {
                let text = self.example(gap, self.width.saturating_sub(12));
                self.line(&format!("{:>8}    {DIM}{text}{DIM:#}", ""));
            }
        }
        self.more(rows.len(), "kind");
    }

    fn next(&mut self, report: &Report, files: &[String]) {
        let found = report.models.iter().any(|model| model.kind == ModelKind::Target);
        let packages = report.roots.iter().any(|root| root.kind == super::v1::ReportRootKind::SitePackages);
        self.head("next", "");
        if !found {
            self.line("Set the model with --target app_label.Model, or scan the root that defines it.");
        }
        if !packages {
            self.line("Installed packages were not scanned: add --site-packages DIR.");
        }
        if report.answer.is_none() {
            self.line("Databases were not read: add --replica prod=mysql://USER@HOST/DATABASE");
        }
        if files.is_empty() {
            self.line("Write HTML, Markdown, JSON and SARIF reports: -o reports/");
        }
        for (at, file) in files.iter().enumerate() {
            let name = self.cut(file, self.width.saturating_sub(9));
            self.line(&format!("{}{name}", if at == 0 { "Written: " } else { "         " }));
        }
    }

    /// A gap on one line: of the place its end, of the reason its beginning.
    fn example(&self, gap: &ReportGap, room: usize) -> String {
        let place = match (&gap.file, gap.line) {
            (Some(file), Some(line)) => format!("{file}:{line} "),
            (Some(file), None) => format!("{file} "),
            _ => String::new(),
        };
        let reason = self.cut(&gap.reason, usize::MAX);
        let place = self.cut(&place, (room / 2).max(room.saturating_sub(reason.chars().count())));
        let left = room.saturating_sub(place.chars().count());
        if reason.chars().count() <= left {
            return place + &reason;
        }
        place + &reason.chars().take(left.saturating_sub(1)).collect::<String>() + "…"
    }

    /// The end of a text that is too long stays: paths differ there.
    fn cut(&self, text: &str, room: usize) -> String {
        let clean = plain(text);
        let length = clean.chars().count();
        if length <= room {
            return clean;
        }
        let keep = room.saturating_sub(1);
        format!("…{}", clean.chars().skip(length - keep).collect::<String>())
    }

    /// The beginning of a text that is too long stays: sentences say there what they are about.
    fn begin(&self, text: &str, room: usize) -> String {
        let clean = plain(text);
        if clean.chars().count() <= room {
            return clean;
        }
        clean.chars().take(room.saturating_sub(1)).collect::<String>() + "…"
    }
}

/// On one line, with nothing in it that a terminal would obey or hide.
fn plain(text: &str) -> String {
    let line: String = text.chars().map(|c| if matches!(c, '\n' | '\t') { ' ' } else { c }).collect();
    visible(&line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Confidence;
    use crate::report::v1::{ReportModel, ReportRoot, ReportRootKind, Tool, Totals, VERSION, VirtualEnvironment};
    use crate::touchpoint::Kind;

    fn touchpoint(at: u32, file: &str, kind: Kind, access: Access) -> ReportTouchpoint {
        ReportTouchpoint {
            file: file.to_owned(),
            root: 0,
            line: at,
            column: 1,
            end_line: at,
            end_column: 6,
            kind,
            access,
            target: "shop.Order".to_owned(),
            refers_to: None,
            chain: Vec::new(),
            symbol: "Order".to_owned(),
            enclosing: "shop".to_owned(),
            is_test: file.contains("tests"),
            confidence: Confidence::Certain,
            snippet: "Order".to_owned(),
            fingerprint: at.to_string(),
        }
    }

    fn model(label: &str, kind: ModelKind, via: &[&str]) -> ReportModel {
        ReportModel {
            label: label.to_owned(),
            kind,
            file: "shop/models.py".to_owned(),
            root: 0,
            line: 4,
            table: (kind != ModelKind::Base).then(|| label.to_lowercase().replace('.', "_")),
            via: via.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn report() -> Report {
        let deep =
            "a_service_with_a_long_name/apps/another_long_name_of_a_folder/and_a_third_one_that_is_long/views.py";
        let touchpoints = vec![
            touchpoint(1, "shop/api/v1/views.py", Kind::Query, Access::ReadWrite),
            touchpoint(2, "shop/models.py", Kind::Definition, Access::Schema),
            touchpoint(3, deep, Kind::RawSql, Access::Unknown),
            touchpoint(4, "shop/tests/test_it.py", Kind::Query, Access::Delete),
        ];
        Report {
            version: VERSION,
            tool: Tool { name: "csm-audit".to_owned(), version: "0".to_owned() },
            target: "shop.Order".to_owned(),
            roots: vec![ReportRoot {
                name: "project".to_owned(),
                kind: ReportRootKind::Project,
                python_files: 1_234_567,
                files: 1_300_000,
                import_roots: Vec::new(),
            }],
            virtual_environments: vec![VirtualEnvironment {
                path: "project/.venv".to_owned(),
                found_as: ".venv".to_owned(),
                scanned: false,
            }],
            models: vec![
                model("shop.Order", ModelKind::Target, &[]),
                model("shop.Line", ModelKind::Linked, &["order"]),
                model(
                    "a_rather_long_app_label.AModelWithAnEvenLongerName",
                    ModelKind::Linked,
                    &["order", "other_order"],
                ),
                model("shop.BaseLine", ModelKind::Base, &["order"]),
            ],
            gaps: (1..=3)
                .map(|line| ReportGap {
                    file: Some(deep.to_owned()),
                    line: Some(line),
                    kind: "syntax-error".to_owned(),
                    reason: "not understood as Python; what could be read\tinside was kept".to_owned(),
                })
                .collect(),
            totals: Totals {
                touchpoints: 4,
                in_tests: 1,
                not_in_tests: 3,
                files: 4,
                by_confidence: [("certain".to_owned(), 3), ("likely".to_owned(), 1)].into(),
                by_target: [("shop.Order".to_owned(), 4)].into(),
                ..Totals::default()
            },
            touchpoints,
            ..Report::default()
        }
    }

    fn stripped(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn the_summary_at_80_columns() {
        insta::assert_snapshot!(stripped(&render(&report(), 80, &[])));
    }

    #[test]
    fn the_summary_at_120_columns() {
        insta::assert_snapshot!(stripped(&render(&report(), 120, &[])));
    }

    /// A report with three environments, written by hand.
    fn rich() -> Report {
        let text = include_bytes!("../../../fixtures/reports/three-environments.json");
        crate::report::json::read(text).unwrap()
    }

    #[test]
    fn the_summary_of_databases_at_80_columns() {
        insta::assert_snapshot!(stripped(&render(&rich(), 80, &["reports/csm-audit.html".to_owned()])));
    }

    #[test]
    fn the_summary_of_databases_at_120_columns() {
        insta::assert_snapshot!(stripped(&render(&rich(), 120, &[])));
    }

    #[test]
    fn with_databases_it_fits_on_a_screen() {
        for width in [80, 120] {
            let text = render(&rich(), width, &["reports/csm-audit.html".to_owned()]);
            assert!(text.lines().count() <= 48, "{text}");
        }
    }

    #[test]
    fn a_long_or_hostile_text_neither_widens_nor_commands() {
        let mut report = rich();
        report.findings[0].message = format!("\u{1b}[31m{}\u{202e}", "word ".repeat(400));
        report.findings[1].check = "x".repeat(300);
        report.findings[2].message = "y".repeat(10_000);
        report.source_lines[0].text = format!("class \u{202e}{}", "漢".repeat(150));
        report.environments[0].name = "z".repeat(10_000);
        let text = render(&report, 80, &[]);
        assert!(!text.contains("\u{1b}[31m\u{1b}") && !text.contains('\u{202e}'), "{text}");
        for line in stripped(&text).lines() {
            // A gutter of the line's number and the mark of a cut are beside the source.
            assert!(line.chars().count() <= 84, "{} {line}", line.chars().count());
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [60, 80, 100, 120] {
            // The table of kinds has a width of its own.
            let limit = width.max(72);
            for line in stripped(&render(&report(), width, &[])).lines() {
                assert!(line.chars().count() <= limit, "{width}: {line}");
            }
            for line in stripped(&render(&rich(), width, &[])).lines() {
                assert!(line.chars().count() <= limit, "{width}: {line}");
            }
        }
    }

    #[test]
    fn nothing_found_is_said_and_so_is_what_to_do() {
        let mut empty = report();
        (empty.touchpoints, empty.models, empty.gaps) = (Vec::new(), Vec::new(), Vec::new());
        empty.totals = Totals::default();
        let text = stripped(&render(&empty, 80, &[]));
        assert!(text.contains("0 touchpoints in 0 files"), "{text}");
        assert!(text.contains("the definition of the model was not found"), "{text}");
        assert!(text.contains("Set the model with --target"), "{text}");
        assert!(!text.contains("gaps"), "{text}");
    }
}
