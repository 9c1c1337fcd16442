//! The touchpoints as the page's script reads them: repeated values are stored once, because thousands of rows share them.

use indexmap::IndexSet;
use serde::Serialize;

use super::escape::in_script;
use crate::report::humanize::app_folder;
use crate::report::v1::{Report, ReportRootKind};

/// What the script needs.
#[derive(Serialize)]
struct Data<'a> {
    /// Under which ticks are kept.
    key: &'a str,
    /// The model that was looked for.
    target: &'a str,
    /// Where the sources can be looked at.
    url: Option<&'a str>,
    /// Names of the roots; none of those that no link leads to.
    roots: Vec<Option<&'a str>>,
    /// Texts that rows name by their index.
    words: IndexSet<String>,
    /// One touchpoint each.
    rows: Vec<Row<'a>>,
}

/// File, root, line, app, kind, access, confidence, target, definition around it, whether it is test code, symbol, line
/// of code; everything that repeats as an index.
#[derive(Serialize)]
struct Row<'a>(usize, usize, u32, usize, usize, usize, usize, usize, usize, u8, &'a str, &'a str);

/// The data of the page, ready to stand in it.
pub(super) fn data(report: &Report, key: &str) -> String {
    let mut words: IndexSet<String> = IndexSet::new();
    let mut word = |text: &str| match words.get_index_of(text) {
        Some(at) => at,
        None => words.insert_full(text.to_owned()).0,
    };
    let rows = report
        .touchpoints
        .iter()
        .map(|found| {
            Row(
                word(&found.file),
                found.root,
                found.line,
                word(&app_folder(&found.file)),
                word(found.kind.as_str()),
                word(found.access.as_str()),
                word(found.confidence.as_str()),
                word(&found.target),
                word(&found.enclosing),
                u8::from(found.is_test),
                &found.symbol,
                &found.snippet,
            )
        })
        .collect();
    let roots = report.roots.iter().map(|root| (root.kind == ReportRootKind::Project).then_some(root.name.as_str()));
    let url = report.source_url.as_ref().map(crate::config::source_url::SourceUrl::as_str);
    let data = Data { key, target: &report.target, url, roots: roots.collect(), rows, words };
    // Texts and numbers only: there is nothing that could not be written.
    in_script(&serde_json::to_string(&data).unwrap_or_default())
}
