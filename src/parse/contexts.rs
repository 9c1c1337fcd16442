//! The roles that expressions play in their syntax, told by the queries in `queries/`.

use rustc_hash::FxHashMap;

use crate::finding::Access;
use crate::source::Span;
use crate::touchpoint::Kind;

/// What a query says of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The role, such as `signal` or `dotted-string`.
    pub role: &'static str,
    /// The kind of touchpoint that a target in this role is, when the role decides it.
    pub kind: Option<Kind>,
    /// The access, when the role decides it.
    pub access: Option<Access>,
}

/// The roles of a file's expressions, by the span of their node.
#[derive(Debug, Default)]
pub struct Contexts {
    by_span: FxHashMap<Span, Context>,
}

impl Contexts {
    /// The role of the expression or string with exactly this span.
    #[must_use]
    pub fn get(&self, span: Span) -> Option<Context> {
        self.by_span.get(&span).copied()
    }
}
