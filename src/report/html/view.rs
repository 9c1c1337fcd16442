//! What the templates read, so that they need not reckon.

use std::collections::BTreeMap;

use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::finding::Severity;
use crate::plan::{Outcome, StepKind, StrategyAssessment, Verdict};
use crate::report::humanize;
use crate::report::v1::{
    ColumnRole, ModelKind, Report, ReportColumn, ReportColumnIn, ReportFinding, ReportGap, ReportModel,
};

/// Rows of the chart; the rest is counted together.
const APPS: usize = 24;
/// Gaps of one kind that are shown unfolded.
const OPEN: usize = 12;

/// A place in code, with a link when there is one.
#[derive(Template)]
#[template(path = "place.html")]
struct Place<'a> {
    path: &'a str,
    line: Option<u32>,
    link: Option<String>,
}

fn place(report: &Report, root: Option<usize>, path: &str, line: Option<u32>) -> String {
    let link = root.and_then(|root| report.link(root, path, line));
    // Filling in a template does not fail.
    Place { path, line, link }.render().unwrap_or_default()
}

/// A bar: how much of a whole, from 0 to 1. A share that is unknown has no bar.
fn bar(share: Option<f64>, class: &str) -> String {
    let track = "<rect class=\"track\" width=\"100\" height=\"10\" rx=\"0\"/>";
    let fill = share.filter(|share| share.is_finite()).map_or_else(String::new, |share| {
        format!("<rect class=\"fill\" width=\"{:.2}\" height=\"10\"/>", share.clamp(0.0, 1.0) * 100.0)
    });
    let class = if share.is_some() { class } else { "unknown" };
    format!(
        "<svg class=\"bar {class}\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">{track}{fill}</svg>"
    )
}

/// Something that blocks, and the number of its finding.
pub(super) struct Blocking<'a> {
    pub text: &'a str,
    pub finding: Option<usize>,
}

pub(super) fn blocked_by(report: &Report) -> Vec<Blocking<'_>> {
    let Some(answer) = &report.answer else { return Vec::new() };
    let place = |wanted: &String| report.findings.iter().position(|finding| finding.fingerprint == *wanted);
    let number = |at: usize| answer.decision_findings.get(at)?.as_ref().and_then(place).map(|at| at + 1);
    let decisions = answer.decisions.iter().enumerate();
    decisions.map(|(at, text)| Blocking { text, finding: number(at) }).collect()
}

pub(super) fn environments_note(report: &Report) -> String {
    if report.environments.is_empty() {
        return "none was read".to_owned();
    }
    let names = |complete: bool| {
        let names = report.environments.iter().filter(|environment| environment.complete == complete);
        names.map(|environment| environment.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    match (names(true), names(false)) {
        (all, none) if none.is_empty() => all,
        (none, all) if none.is_empty() => format!("partial: {all}"),
        (complete, part) => format!("{complete}; partial: {part}"),
    }
}

/// A column in an environment, and how far its values have come.
pub(super) struct Headroom<'a> {
    pub table: &'a str,
    pub column: &'a str,
    pub environment: &'a str,
    pub database: &'a str,
    pub column_type: &'a str,
    pub used: String,
    pub limit: String,
    pub percent: String,
    pub bar: String,
    pub class: &'static str,
    pub dates: Option<String>,
    pub assumption: &'a str,
}

impl<'a> Headroom<'a> {
    pub(super) fn new(column: &'a ReportColumn, place: &'a ReportColumnIn) -> Self {
        let class = match place.share {
            None => "unknown",
            Some(share) if share >= 0.85 => "bad",
            Some(share) if share >= 0.6 => "warn",
            Some(_) => "good",
        };
        let unknown = || "unknown".to_owned();
        Self {
            table: &column.table,
            column: &column.column,
            environment: &place.environment,
            database: &place.database,
            column_type: place.column_type.as_deref().unwrap_or("not there"),
            used: place.used.as_deref().map_or_else(unknown, humanize::digits),
            limit: place.limit.as_deref().map_or_else(unknown, humanize::digits),
            percent: match (place.share, place.used.as_deref()) {
                (None, _) => "not verified".to_owned(),
                // What is rounded to nothing is not nothing.
                (Some(share), Some(used)) if share <= 0.0 && used != "0" => "< 0.1 %".to_owned(),
                (Some(share), _) => humanize::percent(share),
            },
            bar: bar(place.share, class),
            class,
            dates: place.exhausted.as_ref().map(humanize::dates),
            assumption: place.exhausted.as_ref().map_or("", |range| &range.assumption),
        }
    }
}

/// A column, wherever it is.
pub(super) struct HeadroomGroup<'a> {
    pub column: &'a ReportColumn,
    pub role: &'static str,
    pub rows: Vec<Headroom<'a>>,
}

pub(super) fn headroom(report: &Report) -> Vec<HeadroomGroup<'_>> {
    let groups = report.columns.iter().map(|column| {
        let there = column.environments.iter().filter(|place| place.column_type.is_some());
        let rows = there.map(|place| Headroom::new(column, place)).collect();
        HeadroomGroup { column, role: role(column.role), rows }
    });
    groups.filter(|group| !group.rows.is_empty()).collect()
}

/// The assumptions of the forecasts, each once.
pub(super) fn assumptions(report: &Report) -> Vec<&str> {
    let places = report.columns.iter().flat_map(|column| &column.environments);
    let mut all: Vec<&str> = Vec::new();
    for range in places.filter_map(|place| place.exhausted.as_ref()) {
        if !range.assumption.is_empty() && !all.contains(&range.assumption.as_str()) {
            all.push(&range.assumption);
        }
    }
    all
}

fn role(role: ColumnRole) -> &'static str {
    match role {
        ColumnRole::Key => "key",
        ColumnRole::Constraint => "constraint",
        ColumnRole::Soft => "soft",
    }
}

/// The names of all environments, those that were read first.
pub(super) fn environments(report: &Report) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    let read = report.environments.iter().map(|environment| environment.name.as_str());
    let named = report.columns.iter().flat_map(|column| &column.environments).map(|place| place.environment.as_str());
    for name in read.chain(named) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A column as every source has it.
pub(super) struct Column<'a> {
    pub column: &'a ReportColumn,
    pub role: &'static str,
    /// How it was found, the first of it and all of it.
    pub found_by: (String, Option<String>),
    /// One for each environment, which may have several databases.
    pub cells: Vec<(&'a str, Vec<Cell<'a>>)>,
}

/// A column in a database.
pub(super) struct Cell<'a> {
    pub database: &'a str,
    pub column_type: Option<&'a str>,
    pub constraint: String,
    pub size: String,
    pub too_narrow: bool,
    /// Whether the migrations say another type.
    pub differs: bool,
}

pub(super) fn columns<'a>(report: &'a Report, environments: &[&'a str]) -> Vec<Column<'a>> {
    let cell = |column: &'a ReportColumn, place: &'a ReportColumnIn| {
        let size: Vec<String> = [
            place.rows.map(|rows| format!("about {}", humanize::counted(rows, "row"))),
            place.bytes.map(humanize::bytes),
        ]
        .into_iter()
        .flatten()
        .collect();
        let constraint = match (&place.constraint, column.role) {
            (Some(name), _) => format!("constraint {name}"),
            (None, ColumnRole::Key) => "the key".to_owned(),
            (None, _) => "no constraint".to_owned(),
        };
        Cell {
            database: &place.database,
            column_type: place.column_type.as_deref(),
            constraint,
            size: size.join(", "),
            too_narrow: place.too_narrow,
            differs: differs(column.migrations.as_deref(), place.column_type.as_deref()),
        }
    };
    report
        .columns
        .iter()
        .map(|column| {
            let places = |name: &str| {
                let here = column.environments.iter().filter(|place| place.environment == name);
                here.map(|place| cell(column, place)).collect()
            };
            Column {
                role: role(column.role),
                found_by: match &*column.found_by {
                    [first, .., _] if column.found_by.len() > 2 => (first.clone(), Some(column.found_by.join("; "))),
                    few => (few.join("; "), None),
                },
                cells: environments.iter().map(|name| (*name, places(name))).collect(),
                column,
            }
        })
        .collect()
}

/// Whether two types are two. Display widths, `int(11)` and `int`, are nothing.
fn differs(one: Option<&str>, other: Option<&str>) -> bool {
    let plain = |text: &str| {
        let mut out = String::new();
        let mut depth = 0_u32;
        for c in text.to_ascii_lowercase().chars() {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ if depth == 0 => out.push(c),
                _ => {}
            }
        }
        // Attributes that are no part of the range may be on one side only.
        out.split_whitespace()
            .filter(|word| matches!(*word, "unsigned") || word.ends_with("int"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    match (one, other) {
        (Some(one), Some(other)) => plain(one) != plain(other),
        _ => false,
    }
}

/// A finding.
pub(super) struct Finding<'a> {
    /// Its number, from 1.
    pub at: usize,
    pub finding: &'a ReportFinding,
    pub object: String,
    /// The definition of the model whose table it is about, when nothing else names code.
    pub model: Option<(&'a str, String)>,
    pub evidence: Vec<Evidence<'a>>,
}

/// What one side says.
pub(super) struct Evidence<'a> {
    pub source: &'a str,
    pub says: &'a str,
    pub place: Option<String>,
    pub line: Option<u32>,
    pub code: Option<&'a str>,
}

pub(super) fn findings(report: &Report) -> Vec<Finding<'_>> {
    let numbered = report.findings.iter().zip(1..);
    numbered
        .map(|(finding, at)| {
            let bare = finding.evidence.iter().all(|evidence| evidence.file.is_none());
            let model = report.model_of(finding).filter(|_| bare);
            let place = |model: &'_ ReportModel| place(report, Some(model.root), &model.file, Some(model.line));
            Finding {
                at,
                finding,
                object: humanize::object(finding),
                model: model.map(|model| (model.label.as_str(), place(model))),
                evidence: evidence(report, finding),
            }
        })
        .collect()
}

/// The number of the first finding that is folded away, and the summary in its place; 0 if none is. Many findings of
/// severity info must not hide the others.
pub(super) fn folded(report: &Report) -> (usize, String) {
    let grave = report.findings.iter().take_while(|finding| finding.severity != Severity::Info).count();
    let rest = &report.findings[grave..];
    let all_info = rest.iter().all(|finding| finding.severity == Severity::Info);
    if rest.len() < 4 || grave == 0 || !all_info {
        return (0, String::new());
    }
    (grave + 1, format!("{} of severity info", humanize::counted(humanize::length(rest.len()), "finding")))
}

fn evidence<'a>(report: &'a Report, finding: &'a ReportFinding) -> Vec<Evidence<'a>> {
    let rows = finding.evidence.iter();
    rows.map(|row| {
        let file = row.file.as_deref();
        let code = file.zip(row.line).and_then(|(file, line)| report.line_of_code(file, line));
        let root = |file: &str| code.map(|code| code.0).or_else(|| report.root_of(file));
        Evidence {
            source: &row.source,
            says: &row.says,
            place: file.map(|file| place(report, root(file), file, row.line)),
            line: row.line,
            code: code.map(|code| code.1.trim()),
        }
    })
    .collect()
}

/// A step of the plan.
pub(super) struct Step<'a> {
    pub step: &'a crate::plan::Step,
    pub kind: &'static str,
    pub object: String,
    pub estimate: Option<String>,
    pub after: String,
    pub counts: String,
}

pub(super) fn steps(report: &Report) -> Vec<Step<'_>> {
    let steps = report.plan.iter().flat_map(|plan| &plan.steps);
    steps
        .map(|step| {
            let dotted: Vec<&str> = [&step.database, &step.table].into_iter().flatten().map(String::as_str).collect();
            let outcomes = |outcome| step.preconditions.iter().filter(|check| check.outcome == outcome).count();
            let counts = [(Outcome::Failed, "failed"), (Outcome::Unproven, "not checked"), (Outcome::Passed, "passed")];
            let counts: Vec<String> = counts
                .into_iter()
                .map(|(outcome, word)| (outcomes(outcome), word))
                .filter(|(count, _)| *count > 0)
                .map(|(count, word)| format!("{count} {word}"))
                .collect();
            Step {
                kind: step_kind(step.kind),
                object: dotted.join("."),
                estimate: step.estimate.as_ref().map(humanize::estimate),
                after: step.after.join(", "),
                counts: counts.join(", "),
                step,
            }
        })
        .collect()
}

fn step_kind(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Preflight => "preflight",
        StepKind::WidenReference => "widen a reference",
        StepKind::DropForeignKey => "drop a foreign key",
        StepKind::GhOst => "gh-ost",
        StepKind::PtOnlineSchemaChange => "pt-online-schema-change",
        StepKind::Alter => "ALTER TABLE",
        StepKind::AddForeignKey => "add a foreign key",
        StepKind::DjangoMigration => "Django migration",
        StepKind::Verify => "verify",
        StepKind::CleanUp => "clean up",
    }
}

/// A way to change a table.
pub(super) struct Strategy<'a> {
    pub strategy: &'a StrategyAssessment,
    pub verdict: &'static str,
    pub class: &'static str,
    pub duration: String,
    pub assumptions: String,
    pub disk: String,
    pub risks: String,
    pub needs: String,
}

/// The ways by the table that they are for.
pub(super) fn strategies(report: &Report) -> Vec<(String, Vec<Strategy<'_>>)> {
    let mut groups: Vec<(String, Vec<Strategy<'_>>)> = Vec::new();
    for strategy in report.plan.iter().flat_map(|plan| &plan.strategies) {
        let title = format!("{}: {}.{}", strategy.environment, strategy.database, strategy.table);
        let (verdict, class) = match strategy.verdict {
            Verdict::Recommended => ("recommended", "good"),
            Verdict::Possible => ("possible", ""),
            Verdict::Refused => ("refused", "bad"),
            Verdict::Unproven => ("not verified", "warn"),
        };
        let said = |estimate: &Option<_>| estimate.as_ref().map_or_else(|| "unknown".to_owned(), humanize::estimate);
        let row = Strategy {
            verdict,
            class,
            duration: said(&strategy.duration),
            assumptions: strategy.duration.as_ref().map_or_else(String::new, |range| range.assumptions.join("; ")),
            disk: format!("{}, {}", said(&strategy.disk), said(&strategy.binary_log)),
            risks: strategy.risks.join("; "),
            needs: strategy.needs.join("; "),
            strategy,
        };
        match groups.last_mut().filter(|group| group.0 == title) {
            Some(group) => group.1.push(row),
            None => groups.push((title, vec![row])),
        }
    }
    groups
}

/// Touchpoints by app and kind.
pub(super) struct Chart {
    pub kinds: Vec<&'static str>,
    pub totals: Vec<u64>,
    pub rows: Vec<ChartRow>,
}

/// An app.
pub(super) struct ChartRow {
    pub name: String,
    pub total: u64,
    /// Empty for the row of all other apps.
    pub link: String,
    pub bar: String,
    pub cells: Vec<ChartCell>,
}

/// Touchpoints of one kind in an app.
pub(super) struct ChartCell {
    pub count: u64,
    /// How dark, from 0 to 5.
    pub shade: u32,
    pub link: String,
}

impl Chart {
    pub(super) fn new(report: &Report) -> Self {
        let mut by_kind: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut by_app: BTreeMap<String, BTreeMap<&'static str, u64>> = BTreeMap::new();
        for found in &report.touchpoints {
            let kind = found.kind.as_str();
            *by_kind.entry(kind).or_default() += 1;
            *by_app.entry(humanize::app_folder(&found.file)).or_default().entry(kind).or_default() += 1;
        }
        let mut kinds: Vec<(&'static str, u64)> = by_kind.into_iter().collect();
        kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
        let mut apps: Vec<(String, u64, BTreeMap<&'static str, u64>)> =
            by_app.into_iter().map(|(app, counts)| (app, counts.values().sum(), counts)).collect();
        apps.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let rest = apps.split_off(apps.len().min(APPS));
        let most = apps.first().map_or(1, |app| app.1);
        let peak = apps.iter().flat_map(|app| app.2.values()).copied().max().unwrap_or(1);
        let mut rows: Vec<ChartRow> =
            apps.iter().map(|(app, total, counts)| chart_row(Some(app), *total, counts, &kinds, most, peak)).collect();
        if !rest.is_empty() {
            let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
            for (kind, count) in rest.iter().flat_map(|app| &app.2) {
                *counts.entry(kind).or_default() += count;
            }
            let mut row = chart_row(None, rest.iter().map(|app| app.1).sum(), &counts, &kinds, most, peak);
            row.name = humanize::counted(humanize::length(rest.len()), "more app");
            rows.push(row);
        }
        Self {
            totals: kinds.iter().map(|kind| kind.1).collect(),
            kinds: kinds.iter().map(|kind| kind.0).collect(),
            rows,
        }
    }
}

fn chart_row(
    app: Option<&String>,
    total: u64,
    counts: &BTreeMap<&'static str, u64>,
    kinds: &[(&'static str, u64)],
    most: u64,
    peak: u64,
) -> ChartRow {
    let link = |kind: Option<&str>| {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        app.map_or_else(String::new, |app| {
            let kind = kind.map_or_else(String::new, |kind| format!("&kind={}", encode(kind)));
            format!("#app={}{kind}", encode(app))
        })
    };
    let cells = kinds.iter().map(|(kind, _)| {
        let count = counts.get(kind).copied().unwrap_or(0);
        // By the logarithm: one app with hundreds would leave all others pale.
        let shade = if count == 0 { 0 } else { 1 + (4 * count.ilog2()) / peak.max(2).ilog2() };
        ChartCell { count, shade: shade.min(5), link: link(Some(kind)) }
    });
    ChartRow {
        name: app.cloned().unwrap_or_default(),
        total,
        link: link(None),
        bar: bar(Some(ratio(total, most)), ""),
        cells: cells.collect(),
    }
}

/// A part of a whole, for bars.
fn ratio(part: u64, whole: u64) -> f64 {
    let small = |value: u64| f64::from(u32::try_from(value).unwrap_or(u32::MAX));
    small(part) / small(whole.max(1))
}

/// Gaps of one kind.
pub(super) struct GapGroup<'a> {
    pub kind: &'a str,
    pub open: bool,
    pub rows: Vec<GapRow<'a>>,
}

/// A gap.
pub(super) struct GapRow<'a> {
    pub place: Option<String>,
    pub reason: &'a str,
}

pub(super) fn gaps(report: &Report) -> Vec<GapGroup<'_>> {
    let mut kinds: BTreeMap<&str, Vec<&ReportGap>> = BTreeMap::new();
    for gap in &report.gaps {
        kinds.entry(&gap.kind).or_default().push(gap);
    }
    // Looking up the root of each of thousands is worth it only where there is a link.
    let root = |file: &str| report.source_url.as_ref().and_then(|_| report.root_of(file));
    kinds
        .into_iter()
        .map(|(kind, gaps)| GapGroup {
            kind,
            open: gaps.len() <= OPEN,
            rows: gaps
                .into_iter()
                .map(|gap| GapRow {
                    place: gap.file.as_deref().map(|file| place(report, root(file), file, gap.line)),
                    reason: &gap.reason,
                })
                .collect(),
        })
        .collect()
}

/// A model that matters.
pub(super) struct Model<'a> {
    pub label: &'a str,
    pub table: &'a Option<String>,
    pub how: String,
    pub place: String,
    pub is_target: bool,
}

pub(super) fn models(report: &Report) -> Vec<Model<'_>> {
    let models = report.models.iter();
    models
        .map(|model| Model {
            label: &model.label,
            table: &model.table,
            how: match model.kind {
                ModelKind::Target => "the model itself".to_owned(),
                ModelKind::Subclass => "a subclass".to_owned(),
                ModelKind::Base => "an abstract base of linked models".to_owned(),
                ModelKind::Linked => format!("linked by {}", model.via.join(", ")),
            },
            place: place(report, Some(model.root), &model.file, Some(model.line)),
            is_target: model.kind == ModelKind::Target,
        })
        .collect()
}
