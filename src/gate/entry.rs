//! A touchpoint as the gate compares it: what it is, without a line number.

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::likeness::canonical;
use super::show::{self, Shown};
use super::statement::Statements;
use crate::discover::FileKind;
use crate::finding::{Access, Confidence, Kind};
use crate::report::Findings;
use crate::report::v1::{Report, ReportRootKind, ReportTouchpoint};
use crate::source::{FileId, Span};

/// What a touchpoint is. Its order is that of the baseline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Entry {
    /// The module; of a file that is not Python its path.
    pub module: String,
    /// The definition around it, dotted, without its module; empty at the top of a module.
    #[serde(rename = "in")]
    pub within: String,
    /// What it is.
    pub kind: Kind,
    /// What it does to the table.
    pub access: Access,
    /// The model it denotes.
    pub target: String,
    /// The name or literal.
    pub symbol: String,
    /// Its statement, in one form for all formattings; empty in a baseline of version 1.
    pub statement: String,
    /// The line it stands on, trimmed and cut; the statement in a baseline of version 2.
    pub text: String,
    /// The report's fingerprint.
    pub fingerprint: String,
}

impl Entry {
    /// Whether it only brings the model, or a factory of it, into a module.
    pub(super) fn is_import(&self) -> bool {
        let statement = if self.statement.is_empty() { &self.text } else { &self.statement };
        self.kind == Kind::Import
            || self.kind == Kind::Factory
                && self.access == Access::None
                && (statement.starts_with("from ") || statement.starts_with("import "))
    }
}

/// A touchpoint and its place now.
#[derive(Clone, Debug)]
pub struct GateTouchpoint {
    /// What it is.
    pub entry: Entry,
    /// The file, relative to its root.
    pub path: String,
    /// The file, as one would open it from the current folder.
    pub file: String,
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
    /// The line on which it ends.
    pub end_line: u32,
    /// The column after its last character.
    pub end_column: u32,
    /// The last line of its statement.
    pub last_line: u32,
    /// The line that people are shown.
    pub shown: Shown,
    /// The confidence.
    pub confidence: Confidence,
    /// Whether it stands in test code.
    pub is_test: bool,
}

/// The model that a touchpoint is about: of a relation, the model that it refers to.
fn about(touchpoint: &ReportTouchpoint) -> &str {
    touchpoint.refers_to.as_deref().unwrap_or(&touchpoint.target)
}

/// The touchpoints of the project's own code that are about one of the `models`, in the order of the report. Installed
/// packages are not the project's to change.
#[must_use]
pub fn touchpoints(findings: &Findings<'_>, is_about: &dyn Fn(&str) -> bool) -> Vec<GateTouchpoint> {
    let project = findings.project;
    let report = Report::new(findings);
    let own = |root: usize| report.roots.get(root).is_some_and(|root| root.kind == ReportRootKind::Project);
    let mut statements: FxHashMap<FileId, Option<Statements<'_>>> = FxHashMap::default();
    let tables: Vec<&str> = findings.models.iter().filter_map(|model| model.table.as_deref()).collect();
    report
        .touchpoints
        .into_iter()
        .filter(|touchpoint| own(touchpoint.root) && is_about(about(touchpoint)))
        .filter_map(|found| {
            let file = project.discovery.find(found.root, &found.file)?;
            let module = project.modules.name(file);
            let (module, within) = match found.enclosing.strip_prefix(module) {
                Some(rest) if rest.is_empty() || rest.starts_with('.') => (module, rest.trim_start_matches('.')),
                _ if found.enclosing == found.file => (&*found.file, ""),
                _ => (module, &*found.enclosing),
            };
            let text = project.text(file)?;
            let start = text.offset(found.line, found.column);
            let span = Span::new(start, text.offset(found.end_line, found.end_column).max(start));
            let of_file = statements.entry(file).or_insert_with(|| Statements::of(project, file)).as_ref()?;
            let around = of_file.around(span);
            let is_python = project.discovery.entry(file).kind == FileKind::Python;
            let statement = canonical(text.slice(around), is_python);
            let shown = show::line(text, span, around, found.access, &tables);
            Some(GateTouchpoint {
                entry: Entry {
                    module: module.to_owned(),
                    within: within.to_owned(),
                    kind: found.kind,
                    access: found.access,
                    target: found.refers_to.unwrap_or(found.target),
                    symbol: found.symbol,
                    statement,
                    text: found.snippet,
                    fingerprint: found.fingerprint,
                },
                file: shown_path(&project.discovery.roots[found.root].path, &found.file),
                path: found.file,
                line: found.line,
                column: found.column,
                end_line: found.end_line,
                end_column: found.end_column,
                last_line: text.line_col(around.end).line,
                shown,
                confidence: found.confidence,
                is_test: found.is_test,
            })
        })
        .collect()
}

/// A path below a root, without a leading `./`.
pub(super) fn shown_path(root: &std::path::Path, path: &str) -> String {
    let root = root.display().to_string();
    let root = root.trim_end_matches('/');
    let root = root.strip_prefix("./").unwrap_or(root);
    if root.is_empty() || root == "." { path.to_owned() } else { format!("{root}/{path}") }
}
