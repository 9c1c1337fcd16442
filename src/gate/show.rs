//! The line that people are shown of a touchpoint: the one with the table or the method, when its statement has several.

use crate::finding::Access;
use crate::source::{SourceText, Span};
use crate::touchpoint::method_access;

use super::statement::boundary;

/// Of a longer line only what is around the place is kept.
const AROUND: usize = 200;

/// A line, or what is around a place in a long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// 1-based line.
    pub line: u32,
    /// Its text, or a part of it.
    pub text: String,
    /// The 1-based column of the place in the text.
    pub column: usize,
    /// How many characters the place has in the text, at least one.
    pub length: usize,
}

/// The line to show of a touchpoint at `span`, in the statement at `around`.
pub(super) fn line(text: &SourceText, span: Span, around: Span, access: Access, tables: &[&str]) -> Shown {
    let first = text.line_col(span.start).line;
    let literal = text.slice(span);
    if text.line_col(span.end).line > first {
        // A literal of several lines: the first of them that names a table.
        let table = tables.iter().filter_map(|table| find_word(literal, table).map(|at| (at, table.len()))).min();
        if let Some((at, length)) = table {
            return shown(text, sub(span, at, length));
        }
    } else if access != Access::None
        && text.line_col(around.end).line > text.line_col(around.start).line
        && let Some(method) = method(text.slice(around), span.end.saturating_sub(around.start) as usize, access)
    {
        return shown(text, sub(around, method.0, method.1));
    }
    shown(text, span)
}

/// The method further on in a statement that does this to the table, when it is on a line of its own.
fn method(statement: &str, from: usize, access: Access) -> Option<(usize, usize)> {
    let rest = statement.get(from..)?;
    let line_end = rest.find('\n')?;
    let after = &rest[line_end..];
    let mut at = 0;
    while let Some(dot) = after[at..].find('.') {
        let start = at + dot + 1;
        let name: &str = after[start..].split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
        let is_call = after[start + name.len()..].trim_start().starts_with('(');
        if is_call && method_access(name) == Some(access) && access != Access::Read {
            return Some((from + line_end + start, name.len()));
        }
        at = start;
    }
    None
}

/// The place of a word in a text.
fn find_word(text: &str, word: &str) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .map(|(at, _)| at)
        .find(|&at| !text[..at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word))
}

fn sub(span: Span, at: usize, length: usize) -> Span {
    let offset = |at: usize| span.start.saturating_add(u32::try_from(at).unwrap_or(u32::MAX));
    Span::new(offset(at), offset(at + length))
}

fn shown(text: &SourceText, span: Span) -> Shown {
    let place = text.line_col(span.start);
    let whole = text.as_str();
    let start = (span.start as usize).min(whole.len());
    let before = &whole[boundary(whole, start.saturating_sub(AROUND * 4))..start];
    let before = before.rsplit('\n').next().unwrap_or_default();
    let before: String = {
        let skip = before.chars().count().saturating_sub(AROUND);
        before.chars().skip(skip).collect()
    };
    let after = &whole[start..boundary(whole, start + AROUND * 4)];
    let after: String = after.split(['\n', '\r']).next().unwrap_or_default().chars().take(AROUND).collect();
    let column = before.chars().count() + 1;
    let room = after.chars().count().max(1);
    let length = text.slice(span).chars().take_while(|c| *c != '\n').count().clamp(1, room);
    Shown { line: place.line, text: before + &after, column, length }
}
