//! Touchpoints: every occurrence that denotes the target model, its table, or a relation that reaches it.

mod config;
mod deletions;
mod derive;
mod find;
mod flow;
mod leads;
pub mod models;
mod neighbours;

mod orm;
mod suggest;
mod ty;

pub mod text;
mod texts;

pub use find::{Found, Scope, find};
pub use suggest::similar_models;

pub use crate::finding::Kind;
use crate::finding::{Access, Confidence};
use crate::source::{FileId, Span};

/// One occurrence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touchpoint {
    /// The file.
    pub file: FileId,
    /// The name token, or the whole string literal, in the file's decoded text.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
    /// What it does to the table.
    pub access: Access,
    /// The model whose rows it concerns, as `app_label.Model`: `access` is access to these.
    pub target: String,
    /// The model that those rows refer to, where the occurrence is of the relation between the two.
    pub refers_to: Option<String>,
    /// Of a cascade, the relations from the deleted rows to the target: `shop.Cart.owner (CASCADE)`.
    pub chain: Vec<String>,
    /// The text of the name or literal, as it stands.
    pub symbol: String,
    /// The definition around it, dotted, with its module.
    pub enclosing: String,
    /// How sure.
    pub confidence: Confidence,
    /// Whether it stands in test code.
    pub is_test: bool,
}

/// What a method of Django's managers, querysets and instances does to the table; `None` for one of no such name.
pub(crate) fn method_access(name: &str) -> Option<Access> {
    orm::method(name).map(|(access, _)| access)
}

/// Whether a place is test code, by the names that test runners look for.
#[must_use]
pub fn is_test(path: &str, enclosing: &str) -> bool {
    let mut segments = path.split('/').rev();
    let file = segments.next().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_tests")
        || matches!(stem, "tests" | "test" | "conftest" | "testing" | "testutil" | "test_utils")
        || segments.any(|folder| matches!(folder, "tests" | "test" | "testing" | "test_utils"))
        || enclosing.split('.').any(|name| name.starts_with("Test") && name.len() > 4)
}
