//! What an analysis says of a thing: what it is, how sure, and what access.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an occurrence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the kinds are described in the report's schema and the README")]
pub enum Kind {
    Definition,
    Subclass,
    Import,
    Reference,
    Query,
    Constructor,
    MethodCall,
    Relation,
    RelationUse,
    Migration,
    RawSql,
    Signal,
    Admin,
    Factory,
    StringReference,
    Instance,
    Evaluation,
    Cascade,
    Configuration,
    Fixture,
    SqlFile,
    Template,
    Script,
    Document,
}

impl Kind {
    /// The word in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Definition => "definition",
            Self::Subclass => "subclass",
            Self::Import => "import",
            Self::Reference => "reference",
            Self::Query => "query",
            Self::Constructor => "constructor",
            Self::MethodCall => "method-call",
            Self::Relation => "relation",
            Self::RelationUse => "relation-use",
            Self::Migration => "migration",
            Self::RawSql => "raw-sql",
            Self::Signal => "signal",
            Self::Admin => "admin",
            Self::Factory => "factory",
            Self::StringReference => "string-reference",
            Self::Instance => "instance",
            Self::Evaluation => "evaluation",
            Self::Cascade => "cascade",
            Self::Configuration => "configuration",
            Self::Fixture => "fixture",
            Self::SqlFile => "sql-file",
            Self::Template => "template",
            Self::Script => "script",
            Self::Document => "document",
        }
    }
}

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For information; nothing breaks because of it.
    Info,
    /// Something will surprise somebody.
    Warning,
    /// Something breaks, now or during the change, or data is lost.
    Error,
}

impl Severity {
    /// The word in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The confidence of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Matched by name only: a word in a document, a cache key.
    Possible,
    /// Resolved through a step that could be wrong: a parameter's callers, an accessor on an unknown object.
    Likely,
    /// Resolved through definitions and imports.
    Certain,
}

impl Confidence {
    /// The word in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Certain => "certain",
        }
    }
}

/// What is done to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Nothing by itself: an import, a reference.
    None,
    /// Rows are read.
    Read,
    /// Rows are written.
    Write,
    /// Rows are read and written, as in `get_or_create`.
    ReadWrite,
    /// Rows are deleted.
    Delete,
    /// The table or its description is changed or declared.
    Schema,
    /// It touches the table in a way that could not be read.
    Unknown,
}

impl Access {
    /// The word in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadWrite => "read-write",
            Self::Delete => "delete",
            Self::Schema => "schema",
            Self::Unknown => "unknown",
        }
    }
}
