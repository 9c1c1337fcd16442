//! The roles that expressions play in their syntax, told by the queries in `queries/`.
//!
//! Each pattern captures `@target`, the expression or string whose role is told, and carries `(#set! role "…")`,
//! where the role decides it `(#set! kind "…")` and `(#set! access "…")`. A pattern with `(#set! region "…")` tells a
//! part of the file by `@region` instead, and one with `(#set! within "…")` counts only inside such a part. Captures
//! that begin with an underscore serve predicates.

use std::cell::RefCell;
use std::sync::OnceLock;

use rustc_hash::FxHashMap;
use serde::Deserialize;
use serde::de::value::{Error as ValueError, StrDeserializer};
use tree_sitter::{Node, Query, QueryCursor, StreamingIterator, Tree};

use crate::finding::Access;
use crate::source::Span;
use crate::touchpoint::Kind;

use super::kinds::{Grammar, K};

/// The queries, in order: where two tell a role of the same node, the first one counts.
const QUERIES: &[(&str, &str)] = &[
    ("signal.scm", include_str!("../../queries/signal.scm")),
    ("admin.scm", include_str!("../../queries/admin.scm")),
    ("meta.scm", include_str!("../../queries/meta.scm")),
    ("south.scm", include_str!("../../queries/south.scm")),
    ("dotted.scm", include_str!("../../queries/dotted.scm")),
    ("relation.scm", include_str!("../../queries/relation.scm")),
    ("sql.scm", include_str!("../../queries/sql.scm")),
    ("migration.scm", include_str!("../../queries/migration.scm")),
    ("label.scm", include_str!("../../queries/label.scm")),
    ("lookup.scm", include_str!("../../queries/lookup.scm")),
    ("settings.scm", include_str!("../../queries/settings.scm")),
];

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

/// The roles of a file's expressions, by the span of their node; brackets around an expression are not part of it.
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

    /// How many expressions have a role.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_span.len()
    }

    /// Whether no expression has a role.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_span.is_empty()
    }

    /// Runs the queries over a tree; `None` when they do not compile.
    pub(super) fn read(tree: &Tree, text: &str) -> Option<Self> {
        thread_local! {
            static CURSOR: RefCell<QueryCursor> = RefCell::new(QueryCursor::new());
        }
        static QUERY: OnceLock<Option<Patterns>> = OnceLock::new();
        let patterns = QUERY.get_or_init(|| Patterns::compile().ok()).as_ref()?;
        Some(CURSOR.with_borrow_mut(|cursor| patterns.run(cursor, tree, text)))
    }
}

/// The compiled queries.
struct Patterns {
    query: Query,
    target: Option<u32>,
    region: Option<u32>,
    patterns: Vec<Pattern>,
}

/// What a pattern's `#set!` directives say.
#[derive(Default)]
struct Pattern {
    role: String,
    kind: Option<Kind>,
    access: Option<Access>,
    region: Option<String>,
    within: Option<String>,
}

impl Patterns {
    fn compile() -> Result<Self, String> {
        let grammar = Grammar::get();
        let source = QUERIES.iter().map(|(_, source)| *source).collect::<Vec<_>>().join("\n");
        let query = Query::new(&grammar.language, &source).map_err(|error| error.to_string())?;
        let patterns = (0..query.pattern_count())
            .map(|index| {
                let mut pattern = Pattern::default();
                for property in query.property_settings(index) {
                    let value = property.value.as_deref().unwrap_or("");
                    match &*property.key {
                        "role" => value.clone_into(&mut pattern.role),
                        "kind" => pattern.kind = Some(word(value)?),
                        "access" => pattern.access = Some(word(value)?),
                        "region" => pattern.region = Some(value.to_owned()),
                        "within" => pattern.within = Some(value.to_owned()),
                        other => return Err(format!("a pattern sets {other:?}, which means nothing here")),
                    }
                }
                if pattern.role.is_empty() == pattern.region.is_none() {
                    return Err(format!("pattern {index} must set either a role or a region"));
                }
                Ok(pattern)
            })
            .collect::<Result<_, _>>()?;
        let target = query.capture_index_for_name("target");
        let region = query.capture_index_for_name("region");
        Ok(Self { query, target, region, patterns })
    }

    fn run(&'static self, cursor: &mut QueryCursor, tree: &Tree, text: &str) -> Contexts {
        let mut found: FxHashMap<Span, usize> = FxHashMap::default();
        let mut regions: Vec<(&str, Span)> = Vec::new();
        // Regions may be told after what lies in them.
        let mut waiting: Vec<(&str, Span, usize)> = Vec::new();
        let mut matches = cursor.matches(&self.query, tree.root_node(), text.as_bytes());
        while let Some(found_match) = matches.next() {
            let index = found_match.pattern_index;
            let Some(pattern) = self.patterns.get(index) else { continue };
            for capture in found_match.captures() {
                if let Some(name) = &pattern.region {
                    if Some(capture.index) == self.region {
                        regions.push((name, span(capture.node)));
                    }
                } else if Some(capture.index) == self.target {
                    let span = span(inside_brackets(capture.node));
                    match &pattern.within {
                        Some(region) => waiting.push((region, span, index)),
                        None => keep_first(&mut found, span, index),
                    }
                }
            }
        }
        for (region, span, index) in waiting {
            if regions.iter().any(|&(name, outer)| name == region && outer.contains(span)) {
                keep_first(&mut found, span, index);
            }
        }
        let context = |index: usize| {
            let Pattern { role, kind, access, .. } = &self.patterns[index];
            Context { role, kind: *kind, access: *access }
        };
        Contexts { by_span: found.into_iter().map(|(span, index)| (span, context(index))).collect() }
    }
}

fn keep_first(found: &mut FxHashMap<Span, usize>, span: Span, index: usize) {
    found.entry(span).and_modify(|before| *before = index.min(*before)).or_insert(index);
}

fn span(node: Node<'_>) -> Span {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span::new(offset(node.start_byte()), offset(node.end_byte()))
}

/// The expression in any number of brackets: the AST has none around it either.
fn inside_brackets(mut node: Node<'_>) -> Node<'_> {
    let grammar = Grammar::get();
    while grammar.kind(node.kind_id()) == K::ParenthesizedExpression {
        let mut cursor = node.walk();
        let inner = node.named_children(&mut cursor).find(|child| grammar.kind(child.kind_id()).is_expression());
        let Some(inner) = inner else { break };
        node = inner;
    }
    node
}

/// A kind or an access by its word in reports.
fn word<'de, T: Deserialize<'de>>(word: &'de str) -> Result<T, String> {
    T::deserialize(StrDeserializer::<ValueError>::new(word)).map_err(|error| error.to_string())
}
