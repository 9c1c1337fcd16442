//! Report v1: its own types, frozen, so that the analyses may change and readers of reports need not.
//!
//! Fields are added, never renamed, removed or given another meaning.

mod answer;
mod databases;
mod plan;

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use answer::{Answer, HandledBlocker, MayStart, Readiness};
pub use databases::{
    ColumnRole, DateRange, ReportColumn, ReportColumnIn, ReportDatabase, ReportEnvironment, ReportEvidence,
    ReportFinding, ReportIncomplete, ReportReference, ReportReferenceIn, ReportServer, ReportUnproven,
};
pub use plan::ReportPlan;

use super::fingerprint::{Fingerprints, normalise};
use super::{Findings, LinkedModel};
use crate::config::source_url::SourceUrl;
use crate::discover::{FileKind, RootKind};
use crate::finding::{Access, Confidence};
use crate::project::Project;
use crate::source::{Gap, SourceText};
use crate::touchpoint::models::Role;
use crate::touchpoint::{Kind, Touchpoint};

/// The version of the report that this module writes.
pub const VERSION: u32 = 1;

/// Snippets are cut after so many characters: a line of minified code is of no use to anyone.
const SNIPPET: usize = 200;

/// Every touchpoint of a Django model in a project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of this format: 1.
    pub version: u32,
    /// What wrote the report.
    pub tool: Tool,
    /// The model that was looked for, as `app_label.Model`.
    pub target: String,
    /// The folders that were scanned.
    pub roots: Vec<ReportRoot>,
    /// Virtual environments that were found, walked or not.
    pub virtual_environments: Vec<VirtualEnvironment>,
    /// The occurrences, sorted by root, file, line, column and kind.
    pub touchpoints: Vec<ReportTouchpoint>,
    /// The target and the models linked to it, the target first.
    pub models: Vec<ReportModel>,
    /// What was seen and could not be modelled.
    pub gaps: Vec<ReportGap>,
    /// The answer in short; none when the databases were not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// The environments that were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<ReportEnvironment>,
    /// What is not as it should be, the gravest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<ReportFinding>,
    /// The columns that store the target's ids, its own key first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ReportColumn>,
    /// What the target's own table points to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<ReportReference>,
    /// The plan of the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<ReportPlan>,
    /// The lines of code that the findings' evidence names, so that a report needs no sources to show them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_lines: Vec<SourceLine>,
    /// Where the sources can be looked at: a URL with `{path}`, `{line}` and, when wanted, `{root}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_url: Option<SourceUrl>,
    /// Counts.
    pub totals: Totals,
}

/// What wrote a report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// A folder that was scanned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportRoot {
    /// Its path, as given or as found.
    pub name: String,
    /// `project` or `site-packages`.
    pub kind: ReportRootKind,
    /// The Python files in it.
    pub python_files: u64,
    /// All files in it that were looked into.
    pub files: u64,
    /// The folders in it from which modules are imported, besides itself.
    pub import_roots: Vec<String>,
}

/// The owner of the code in a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReportRootKind {
    /// The project's own.
    Project,
    /// Installed packages.
    SitePackages,
}

/// A virtual environment that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VirtualEnvironment {
    /// Its folder.
    pub path: String,
    /// How it was found: `VIRTUAL_ENV`, `.venv` or `venv`.
    pub found_as: String,
    /// Whether its packages were scanned.
    pub scanned: bool,
}

/// One occurrence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportTouchpoint {
    /// The file, relative to its root, `/` separated.
    pub file: String,
    /// Index of its root in `roots`.
    pub root: usize,
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
    /// The line on which it ends.
    pub end_line: u32,
    /// The column after its last character.
    pub end_column: u32,
    /// What it is.
    pub kind: Kind,
    /// What it does to the table.
    pub access: Access,
    /// The model it denotes, as `app_label.Model`: `access` is access to the rows of this model.
    pub target: String,
    /// The model that those rows refer to, where the occurrence is of the relation between the two: what
    /// `Line.objects.filter(order=…).delete()` does to lines, it does to rows that refer to orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refers_to: Option<String>,
    /// Of a cascade, the relations by which the deletion reaches the rows, from the deleted rows on, each with its
    /// `on_delete`: `shop.Cart.owner (CASCADE)`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<String>,
    /// The name or literal, as in the code.
    pub symbol: String,
    /// The definition around it, dotted, with its module.
    pub enclosing: String,
    /// Whether the touchpoint is in test code.
    pub is_test: bool,
    /// The confidence.
    pub confidence: Confidence,
    /// The line of code, trimmed, at most 200 characters.
    pub snippet: String,
    /// The same for the same thing, wherever its file and its line move to.
    pub fingerprint: String,
}

/// A model that matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportModel {
    /// `app_label.Model`
    pub label: String,
    /// Why it matters.
    pub kind: ModelKind,
    /// Where it is defined, relative to its root.
    pub file: String,
    /// Index of its root in `roots`.
    pub root: usize,
    /// 1-based line of the definition.
    pub line: u32,
    /// Its table; none when it is abstract.
    pub table: Option<String>,
    /// The fields that link it to the target.
    pub via: Vec<String>,
}

/// Why a model matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// The model itself.
    Target,
    /// A subclass or proxy of the model.
    Subclass,
    /// A model with a relation to the model.
    Linked,
    /// An abstract base of linked models.
    Base,
}

/// Something that was not modelled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportGap {
    /// The file, relative to its root; none when it belongs to no file.
    pub file: Option<String>,
    /// 1-based line, when known.
    pub line: Option<u32>,
    /// A stable word for the kind of gap.
    pub kind: String,
    /// What was seen, and what is missing because of it.
    pub reason: String,
}

/// A line of code that something in the report names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceLine {
    /// The file, relative to its root.
    pub file: String,
    /// Index of its root in `roots`.
    pub root: usize,
    /// 1-based line.
    pub line: u32,
    /// The line with its indentation, at most 200 characters.
    pub text: String,
}

/// Counts of touchpoints, files and gaps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    /// All touchpoints.
    pub touchpoints: u64,
    /// Touchpoints in test code.
    pub in_tests: u64,
    /// Touchpoints elsewhere.
    pub not_in_tests: u64,
    /// Files with a touchpoint.
    pub files: u64,
    /// Files that were looked into.
    pub files_scanned: u64,
    /// Touchpoints by kind.
    pub by_kind: BTreeMap<String, u64>,
    /// Touchpoints by access.
    pub by_access: BTreeMap<String, u64>,
    /// Touchpoints by confidence.
    pub by_confidence: BTreeMap<String, u64>,
    /// Touchpoints by the model they denote.
    pub by_target: BTreeMap<String, u64>,
    /// All gaps.
    pub gaps: u64,
    /// Gaps by kind.
    pub gaps_by_kind: BTreeMap<String, u64>,
    /// All findings.
    #[serde(default)]
    pub findings: u64,
    /// Findings by severity.
    #[serde(default)]
    pub findings_by_severity: BTreeMap<String, u64>,
    /// Findings by check.
    #[serde(default)]
    pub findings_by_check: BTreeMap<String, u64>,
}

impl Report {
    /// The report of what was found.
    #[must_use]
    pub fn new(findings: &Findings<'_>) -> Self {
        let touchpoints = touchpoints(findings);
        let gaps: Vec<ReportGap> = findings.gaps.iter().map(gap).collect();
        Self {
            version: VERSION,
            tool: Tool { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            target: findings.target.to_owned(),
            roots: roots(findings.project),
            virtual_environments: virtual_environments(findings.project),
            totals: totals(findings.project, &touchpoints, &gaps),
            models: models(findings),
            touchpoints,
            gaps,
            ..Self::default()
        }
    }

    /// Takes from the sources the lines that the findings are about. Whoever adds findings calls it.
    pub fn quote(&mut self, project: &Project) {
        // Evidence names no root: the first one that has the file is meant.
        let first = |path: &str| (0..self.roots.len()).find(|root| project.discovery.find(*root, path).is_some());
        let named: BTreeSet<(usize, &str, u32)> = self
            .findings
            .iter()
            .flat_map(|finding| {
                let evidence = finding.evidence.iter().filter_map(|evidence| {
                    let path = evidence.file.as_deref()?;
                    Some((first(path)?, path, evidence.line?))
                });
                evidence.chain(self.model_of(finding).map(|model| (model.root, model.file.as_str(), model.line)))
            })
            .collect();
        let mut lines = Vec::new();
        for (root, path, line) in named {
            let Some(file) = project.discovery.find(root, path) else { continue };
            let text = project.text(file).map_or("", |text| text.line(line).trim_end());
            if !text.is_empty() {
                let text = text.chars().take(SNIPPET).collect();
                lines.push(SourceLine { file: path.to_owned(), root, line, text });
            }
        }
        self.source_lines = lines;
    }

    /// The model whose table a finding is about.
    #[must_use]
    pub fn model_of(&self, finding: &ReportFinding) -> Option<&ReportModel> {
        let table = finding.table.as_ref()?;
        self.models.iter().find(|model| model.table.as_ref() == Some(table))
    }

    /// The line of code at a place, when the report holds it, and the index of its root.
    #[must_use]
    pub fn line_of_code(&self, file: &str, line: u32) -> Option<(usize, &str)> {
        let quoted = self.source_lines.iter().find(|quoted| quoted.line == line && quoted.file == file);
        quoted.map(|quoted| (quoted.root, quoted.text.as_str())).or_else(|| {
            let here = self.touchpoints.iter().find(|found| found.line == line && found.file == file);
            here.map(|found| (found.root, found.snippet.as_str()))
        })
    }

    /// The root of a file that something names without its root: the one in which the report knows it, or else the
    /// only project.
    #[must_use]
    pub fn root_of(&self, file: &str) -> Option<usize> {
        let quoted = self.source_lines.iter().filter(|quoted| quoted.file == file).map(|quoted| quoted.root);
        let found = self.touchpoints.iter().filter(|found| found.file == file).map(|found| found.root);
        let models = self.models.iter().filter(|model| model.file == file).map(|model| model.root);
        let mut projects = (0..self.roots.len()).filter(|at| self.roots[*at].kind == ReportRootKind::Project);
        let only = projects.next().filter(|_| projects.next().is_none());
        quoted.chain(found).chain(models).next().or(only)
    }

    /// A file as one would open it from where the program was started.
    #[must_use]
    pub fn place(&self, root: usize, file: &str) -> String {
        let root = self.roots.get(root).map_or("", |root| root.name.trim_end_matches('/'));
        let root = root.strip_prefix("./").unwrap_or(root);
        if root.is_empty() || root == "." { file.to_owned() } else { format!("{root}/{file}") }
    }

    /// Where a line of a project can be looked at, when the report says where its sources are. Installed packages are
    /// no part of the repository.
    #[must_use]
    pub fn link(&self, root: usize, file: &str, line: Option<u32>) -> Option<String> {
        let (root, url) = (self.roots.get(root)?, self.source_url.as_ref()?);
        (root.kind == ReportRootKind::Project).then(|| url.to(&root.name, file, line))
    }

    /// The JSON Schema of the format.
    #[must_use]
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }
}

fn roots(project: &Project) -> Vec<ReportRoot> {
    let discovery = &project.discovery;
    let mut roots: Vec<ReportRoot> = discovery
        .roots
        .iter()
        .map(|root| ReportRoot {
            name: root.name.clone(),
            kind: match root.kind {
                RootKind::Project => ReportRootKind::Project,
                RootKind::SitePackages => ReportRootKind::SitePackages,
            },
            python_files: 0,
            files: 0,
            import_roots: Vec::new(),
        })
        .collect();
    for file in &discovery.files {
        roots[file.root].python_files += u64::from(file.kind == FileKind::Python);
        roots[file.root].files += u64::from(file.kind != FileKind::Other);
    }
    for import in &project.import_roots {
        roots[import.root].import_roots.push(import.dir.clone());
    }
    roots
}

fn virtual_environments(project: &Project) -> Vec<VirtualEnvironment> {
    let found = project.discovery.found_venvs.iter();
    found
        .map(|venv| VirtualEnvironment {
            path: venv.path.display().to_string(),
            found_as: venv.how.to_owned(),
            scanned: venv.used,
        })
        .collect()
}

fn touchpoints(findings: &Findings<'_>) -> Vec<ReportTouchpoint> {
    let project = findings.project;
    let empty = SourceText::new(String::new());
    let mut sorted: Vec<&Touchpoint> = findings.touchpoints.iter().collect();
    // Files are numbered by root and path, so this is the order of the report.
    sorted.sort_by(|a, b| order(a).cmp(&order(b)));
    sorted.dedup();
    let mut prints = Fingerprints::default();
    sorted
        .into_iter()
        .map(|found| {
            let text = project.text(found.file).unwrap_or(&empty);
            let (start, end) = (text.line_col(found.span.start), text.line_col(found.span.end));
            let line = text.line_around(found.span.start).trim();
            let fingerprint = prints.next(&[
                &word(&found.kind),
                // Of a relation the model that it refers to: the fingerprints of older baselines stay valid.
                found.refers_to.as_ref().unwrap_or(&found.target),
                project.modules.name(found.file),
                &found.enclosing,
                &normalise(&found.symbol),
                &normalise(line),
            ]);
            ReportTouchpoint {
                file: project.path(found.file).to_owned(),
                root: project.discovery.entry(found.file).root,
                line: start.line,
                column: start.column,
                end_line: end.line,
                end_column: end.column,
                kind: found.kind,
                access: found.access,
                target: found.target.clone(),
                refers_to: found.refers_to.clone(),
                chain: found.chain.clone(),
                symbol: found.symbol.clone(),
                enclosing: found.enclosing.clone(),
                is_test: found.is_test,
                confidence: found.confidence,
                snippet: line.chars().take(SNIPPET).collect(),
                fingerprint,
            }
        })
        .collect()
}

fn order(touchpoint: &Touchpoint) -> impl Ord + '_ {
    (
        touchpoint.file,
        touchpoint.span,
        touchpoint.kind,
        touchpoint.target.as_str(),
        touchpoint.access,
        touchpoint.symbol.as_str(),
        touchpoint.enclosing.as_str(),
        touchpoint.confidence,
    )
}

fn models(findings: &Findings<'_>) -> Vec<ReportModel> {
    let project = findings.project;
    let mut sorted: Vec<&LinkedModel> = findings.models.iter().collect();
    sorted.sort_by(|a, b| (a.role, &a.label, a.file, a.line).cmp(&(b.role, &b.label, b.file, b.line)));
    sorted
        .into_iter()
        .map(|model| ReportModel {
            label: model.label.clone(),
            kind: match model.role {
                Role::Target => ModelKind::Target,
                Role::Subclass => ModelKind::Subclass,
                Role::Linked => ModelKind::Linked,
                Role::Base => ModelKind::Base,
            },
            file: project.path(model.file).to_owned(),
            root: project.discovery.entry(model.file).root,
            line: model.line,
            table: model.table.clone(),
            via: model.via.clone(),
        })
        .collect()
}

fn gap(gap: &Gap) -> ReportGap {
    ReportGap { file: gap.file.clone(), line: gap.line, kind: gap.kind.as_str().to_owned(), reason: gap.reason.clone() }
}

fn totals(project: &Project, touchpoints: &[ReportTouchpoint], gaps: &[ReportGap]) -> Totals {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let mut totals = Totals {
        touchpoints: count(touchpoints.len()),
        files: count(touchpoints.iter().map(|t| (t.root, &t.file)).collect::<FxHashSet<_>>().len()),
        files_scanned: count(project.discovery.files.iter().filter(|file| file.kind != FileKind::Other).count()),
        gaps: count(gaps.len()),
        ..Totals::default()
    };
    for touchpoint in touchpoints {
        totals.in_tests += u64::from(touchpoint.is_test);
        totals.not_in_tests += u64::from(!touchpoint.is_test);
        *totals.by_kind.entry(word(&touchpoint.kind)).or_default() += 1;
        *totals.by_access.entry(touchpoint.access.as_str().to_owned()).or_default() += 1;
        *totals.by_confidence.entry(touchpoint.confidence.as_str().to_owned()).or_default() += 1;
        *totals.by_target.entry(touchpoint.target.clone()).or_default() += 1;
    }
    for gap in gaps {
        *totals.gaps_by_kind.entry(gap.kind.clone()).or_default() += 1;
    }
    totals
}

/// The word that stands for a kind in reports.
pub(super) fn word(kind: &Kind) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
