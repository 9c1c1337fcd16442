//! The report as one page: no network, no outside script or font, and nothing of what strangers wrote is ever run.
//!
//! Everything but the list of touchpoints is plain markup. That list is data that the page's script shows, since
//! thousands of rows would be slow otherwise.

mod data;
pub mod escape;
mod graph;
mod view;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use self::graph::Graph;
use self::view::{Blocking, Chart, Column, Finding, GapGroup, Headroom, HeadroomGroup, Model, Step, Strategy};
use super::humanize;
use super::v1::Report;
use crate::finding::Severity;

const STYLE: &str = include_str!("../../../reports/html/report.css");
const SCRIPT: &str = include_str!("../../../reports/html/report.js");

/// The page and what its templates read.
#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    report: &'a Report,
    policy: String,
    style: String,
    script: String,
    data: String,
    ask_databases: &'static str,
    without_databases: &'static str,
    target: Option<Model<'a>>,
    verdict: (&'static str, String),
    blocked_by: Vec<Blocking<'a>>,
    /// Lines of the answer that are not folded: it has to fit on the first screen.
    shown: usize,
    tightest: Option<Headroom<'a>>,
    severities: Vec<(Severity, u64)>,
    environments_note: String,
    headroom: Vec<HeadroomGroup<'a>>,
    assumptions: Vec<&'a str>,
    graph: Graph,
    graph_note: &'static str,
    environments: Vec<&'a str>,
    columns: Vec<Column<'a>>,
    findings: Vec<Finding<'a>>,
    folded: (usize, String),
    steps: Vec<Step<'a>>,
    strategies: Vec<(String, Vec<Strategy<'a>>)>,
    chart: Chart,
    gaps: Vec<GapGroup<'a>>,
    models: Vec<Model<'a>>,
}

/// The page.
///
/// # Errors
///
/// When a template cannot be filled in, which would be a fault of the template.
pub fn render(report: &Report) -> Result<String, askama::Error> {
    // A browser reads every line ending as one character, and the policy's hashes are made of that.
    let (style, script) = (STYLE.replace("\r\n", "\n"), SCRIPT.replace("\r\n", "\n"));
    let environments = view::environments(report);
    let page = Page {
        policy: policy(&style, &script),
        style,
        script,
        data: data::data(report, &key(report)),
        ask_databases: humanize::ASK_DATABASES,
        without_databases: humanize::WITHOUT_DATABASES,
        target: view::models(report).into_iter().find(|model| model.is_target),
        verdict: humanize::verdict(report),
        blocked_by: view::blocked_by(report),
        shown: 4,
        tightest: humanize::tightest(report).map(|(column, place)| Headroom::new(column, place)),
        severities: humanize::severities(&report.findings),
        environments_note: view::environments_note(report),
        headroom: view::headroom(report),
        assumptions: view::assumptions(report),
        graph: Graph::new(report),
        graph_note: if report.columns.is_empty() {
            "Relations that the code declares; no database was read."
        } else {
            "Every column that stores the ids, with its constraint; and the tables that the target's table references."
        },
        columns: view::columns(report, &environments),
        environments,
        findings: view::findings(report),
        folded: view::folded(report),
        steps: view::steps(report),
        strategies: view::strategies(report),
        chart: Chart::new(report),
        gaps: view::gaps(report),
        models: view::models(report),
        report,
    };
    page.render()
}

/// Only this style and this script, and nothing from anywhere.
fn policy(style: &str, script: &str) -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        hash(style),
        hash(script)
    )
}

/// Under which ticks are kept: the same while the steps are the same, so that a newer report of the same plan has them.
fn key(report: &Report) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    part(&report.target);
    for step in report.plan.iter().flat_map(|plan| &plan.steps) {
        part(&step.id);
        part(&step.run);
    }
    let hash = hash.finalize();
    hash.iter().take(12).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// What templates do with values.
mod filters {
    use crate::plan::{Outcome, Precondition};
    use crate::report::humanize;

    /// Characters of a text that is shown whole; the script folds at the same length.
    const LONG: usize = 400;

    /// A number with commas.
    #[askama::filter_fn]
    pub fn number(value: &u64, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(humanize::number(*value))
    }

    /// A name where there is little room; the section about what was read has all of it.
    #[askama::filter_fn]
    pub fn short(text: &str, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(humanize::middle(&humanize::visible(text), 60))
    }

    /// A text that is no longer than a paragraph.
    #[askama::filter_fn]
    pub fn paragraph(text: &str, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(humanize::middle(&humanize::visible(text), LONG))
    }

    /// Whether [`paragraph`] leaves something out.
    #[askama::filter_fn]
    pub fn is_long(text: &str, _: &dyn askama::Values) -> askama::Result<bool> {
        Ok(humanize::visible(text).chars().count() > LONG)
    }

    /// The result of a precondition.
    #[askama::filter_fn]
    pub fn outcome(check: &Precondition, _: &dyn askama::Values) -> askama::Result<&'static str> {
        Ok(match check.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::Unproven => "not checked",
        })
    }

    /// The style of a precondition's result.
    #[askama::filter_fn]
    pub fn outcome_class(check: &Precondition, _: &dyn askama::Values) -> askama::Result<&'static str> {
        Ok(match check.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "failed",
            Outcome::Unproven => "unproven",
        })
    }
}
