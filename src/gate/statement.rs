//! The statement that a touchpoint stands in.

use crate::ast::Stmt;
use crate::discover::FileKind;
use crate::project::Project;
use crate::source::{FileId, SourceText, Span};

/// Of what has no statements, or one without an end, this many bytes around the touchpoint are taken at most.
const AROUND: usize = 1_000;

/// The statements of a file.
pub(super) struct Statements<'p> {
    text: &'p SourceText,
    kind: FileKind,
    /// Simple statements, and of compound ones what stands before their body; by their beginnings.
    spans: Vec<Span>,
}

impl<'p> Statements<'p> {
    /// The statements of a file; `None` when it has no text.
    pub(super) fn of(project: &'p Project, file: FileId) -> Option<Self> {
        let kind = project.discovery.entry(file).kind;
        let mut spans = Vec::new();
        if kind == FileKind::Python
            && let Some(parsed) = project.parsed(file)
        {
            collect(&parsed.module.body, &mut spans);
            spans.sort_unstable_by_key(|span| (span.start, span.end));
        }
        Some(Self { text: project.text(file)?, kind, spans })
    }

    /// The place of the statement around a span.
    pub(super) fn around(&self, span: Span) -> Span {
        let whole = match self.kind {
            FileKind::Python => {
                let at = self.spans.partition_point(|statement| statement.start <= span.start);
                self.spans[..at].last().copied().filter(|statement| statement.contains(span))
            }
            FileKind::Sql => Some(self.between(span, ';')),
            _ => None,
        };
        whole.unwrap_or_else(|| self.between(span, '\n'))
    }

    /// What stands around a span between two marks, or as much of it as is looked at.
    fn between(&self, span: Span, mark: char) -> Span {
        let text = self.text.as_str();
        let (start, end) = (span.start as usize, (span.end as usize).min(text.len()));
        let (first, last) = (boundary(text, start.saturating_sub(AROUND)), boundary(text, end.saturating_add(AROUND)));
        let before = text.get(first..start).unwrap_or_default();
        let after = text.get(end..last).unwrap_or_default();
        let begin = before.rfind(mark).map_or(first, |at| first + at + 1);
        let finish = after.find(mark).map_or(last, |at| end + at);
        let at = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span::new(at(begin), at(finish))
    }
}

/// The nearest place at or before an offset at which no character is cut.
pub(super) fn boundary(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

fn collect(body: &[Stmt], out: &mut Vec<Span>) {
    for statement in body {
        let bodies = statement.bodies();
        let inner = bodies.iter().filter_map(|body| body.first()).map(|first| first.span.start).min();
        let end = inner.map_or(statement.span.end, |inner| inner.max(statement.span.start));
        out.push(Span::new(statement.span.start, end));
        bodies.into_iter().for_each(|body| collect(body, out));
    }
}
