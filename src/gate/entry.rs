//! A touchpoint as the gate knows it: what it is, without a line number.

use serde::{Deserialize, Serialize};

use crate::finding::{Access, Confidence, Kind};
use crate::report::Findings;
use crate::report::v1::{Report, ReportRootKind};

/// Bytes of a line that are shown whole. Longer ones are generated, and the snippet stands for them.
const LONGEST_SOURCE: usize = 4_000;

/// What a touchpoint is. Its order is that of the baseline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The module; of a file that is no Python its path.
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
    /// The line it stands on, trimmed.
    pub text: String,
    /// The report's fingerprint.
    pub fingerprint: String,
}

/// A touchpoint and where it stands now.
#[derive(Clone, Debug)]
pub struct GateTouchpoint {
    /// What it is.
    pub entry: Entry,
    /// The file, relative to its root.
    pub path: String,
    /// The file, as one would open it from where the program was started.
    pub file: String,
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
    /// The line on which it ends.
    pub end_line: u32,
    /// The column after its last character.
    pub end_column: u32,
    /// The line it stands on, whole.
    pub source: String,
    /// How sure it is.
    pub confidence: Confidence,
    /// Whether it stands in test code.
    pub is_test: bool,
}

/// The touchpoints of the project's own code, in the order of the report. Installed packages are not the project's to
/// change.
#[must_use]
pub fn touchpoints(findings: &Findings<'_>) -> Vec<GateTouchpoint> {
    let project = findings.project;
    let report = Report::new(findings);
    let own = |root: usize| report.roots.get(root).is_some_and(|root| root.kind == ReportRootKind::Project);
    report
        .touchpoints
        .into_iter()
        .filter(|touchpoint| own(touchpoint.root))
        .filter_map(|found| {
            let file = project.discovery.find(found.root, &found.file)?;
            let module = project.modules.name(file);
            let (module, within) = match found.enclosing.strip_prefix(module) {
                Some(rest) if rest.is_empty() || rest.starts_with('.') => (module, rest.trim_start_matches('.')),
                _ if found.enclosing == found.file => (&*found.file, ""),
                _ => (module, &*found.enclosing),
            };
            // A line of generated text may be as long as its file.
            let source = match project.text(file).map_or("", |text| text.line(found.line)) {
                line if line.len() <= LONGEST_SOURCE => line.to_owned(),
                _ => found.snippet.clone(),
            };
            Some(GateTouchpoint {
                entry: Entry {
                    module: module.to_owned(),
                    within: within.to_owned(),
                    kind: found.kind,
                    access: found.access,
                    target: found.target,
                    symbol: found.symbol,
                    text: found.snippet,
                    fingerprint: found.fingerprint,
                },
                file: shown(&project.discovery.roots[found.root].path, &found.file),
                path: found.file,
                line: found.line,
                column: found.column,
                end_line: found.end_line,
                end_column: found.end_column,
                source,
                confidence: found.confidence,
                is_test: found.is_test,
            })
        })
        .collect()
}

/// A path below a root, without a leading `./`.
pub(super) fn shown(root: &std::path::Path, path: &str) -> String {
    let root = root.display().to_string();
    let root = root.trim_end_matches('/');
    let root = root.strip_prefix("./").unwrap_or(root);
    if root.is_empty() || root == "." { path.to_owned() } else { format!("{root}/{path}") }
}
