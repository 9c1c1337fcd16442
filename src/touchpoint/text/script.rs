//! Scripts: SQL in strings and here-documents, names in code and comments.

use super::{Meaning, Scan, to_span, words};
use crate::finding::{Access, Confidence};
use crate::touchpoint::Kind;

/// A stretch of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stretch {
    Code,
    Comment,
    Literal,
}

impl Scan<'_, '_> {
    pub(super) fn script(&mut self) {
        let text = self.text;
        for (stretch, start, end) in stretches(text) {
            let found = stretch == Stretch::Literal && self.sql(start, end, Kind::Script, Confidence::Likely);
            for (at, word) in words(&text[start..end], start) {
                if found && self.covered(at) {
                    continue;
                }
                let Some(meaning) = self.words.meanings(word).next() else { continue };
                if self.is_everyday(meaning, at, word) {
                    continue;
                }
                let commented = stretch == Stretch::Comment;
                let (access, confidence) = match meaning {
                    Meaning::Table(_) if !commented => (Access::Unknown, Confidence::Likely),
                    Meaning::Config if !commented => (Access::None, Confidence::Likely),
                    Meaning::Lowered(model) if !self.is_label(model, at, word) => continue,
                    _ => (Access::None, Confidence::Possible),
                };
                self.hit(to_span(at, at + word.len()), Kind::Script, access, meaning.target(), confidence);
            }
        }
    }
}

/// Cuts a script into code, comments and literals. Languages are not told apart: a `#` or `//` that follows a blank
/// begins a comment, quotes and backticks delimit strings, `<<WORD` begins a here-document.
fn stretches(text: &str) -> Vec<(Stretch, usize, usize)> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut from = 0;
    let mut at = 0;
    let code = |out: &mut Vec<_>, from: usize, to: usize| {
        if from < to {
            out.push((Stretch::Code, from, to));
        }
    };
    while at < bytes.len() {
        let blank_before = at == 0 || bytes[at - 1].is_ascii_whitespace();
        let (stretch, start, end, next) = match bytes[at] {
            b'#' if blank_before => {
                let end = line_end(text, at);
                (Stretch::Comment, at, end, end)
            }
            b'/' if blank_before && bytes.get(at + 1) == Some(&b'/') => {
                let end = line_end(text, at);
                (Stretch::Comment, at, end, end)
            }
            b'/' if bytes.get(at + 1) == Some(&b'*') && blank_before => {
                let end = text[at + 2..].find("*/").map_or(bytes.len(), |found| at + 2 + found);
                (Stretch::Comment, at, end, (end + 2).min(bytes.len()))
            }
            quote @ (b'"' | b'\'' | b'`') => match closing_quote(bytes, at, quote) {
                Some(end) => (Stretch::Literal, at + 1, end, end + 1),
                None => {
                    at += 1;
                    continue;
                }
            },
            b'<' if bytes.get(at + 1) == Some(&b'<') => match here_document(text, at) {
                Some((start, end)) => (Stretch::Literal, start, end, end),
                None => {
                    at += 2;
                    continue;
                }
            },
            _ => {
                at += 1;
                continue;
            }
        };
        code(&mut out, from, at);
        // The line of a here-document's head goes on before its body.
        if start > at + 1 {
            code(&mut out, at, start);
        }
        out.push((stretch, start, end));
        at = next.max(at + 1);
        from = at;
    }
    code(&mut out, from, bytes.len());
    out
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |found| at + found)
}

/// An apostrophe in prose has no partner near by: a literal longer than this is none.
const LONGEST_LITERAL: usize = 20_000;

fn closing_quote(bytes: &[u8], open: usize, quote: u8) -> Option<usize> {
    // `don't` in a comment or a message that was not seen as one.
    if quote == b'\'' && open > 0 && bytes[open - 1].is_ascii_alphabetic() {
        return None;
    }
    let mut at = open + 1;
    while at < bytes.len() && at - open < LONGEST_LITERAL {
        if bytes[at] == b'\\' {
            at += 2;
            continue;
        }
        if bytes[at] == quote {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// The body of `<<WORD`, `<<-WORD`, `<<~WORD`, `<<'WORD'`.
fn here_document(text: &str, at: usize) -> Option<(usize, usize)> {
    let head = text[at + 2..].trim_start_matches(['-', '~']).trim_start_matches(' ');
    let head = head.trim_start_matches(['\'', '"', '\\']);
    let length = head.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(head.len());
    let word = &head[..length];
    if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let body = line_end(text, at) + 1;
    let mut line_start = body;
    for line in text.get(body..)?.split_inclusive('\n') {
        if line.trim() == word {
            return Some((body, line_start));
        }
        line_start += line.len();
    }
    None
}
