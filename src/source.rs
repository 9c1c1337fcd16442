//! Where things stand: files, spans and positions; gaps of an analysis.

mod gap;

use std::fmt;
use std::sync::OnceLock;

pub use self::gap::{Gap, GapKind, INSTALLED_APPS, Subject, UNKNOWN_PART};

/// Index of a file in [`crate::discover::Discovery::files`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

impl FileId {
    /// The index as a `usize`.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A byte range in the decoded text of one file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span from `start` to `end`.
    #[must_use]
    pub fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// Whether `other` lies within this span.
    #[must_use]
    pub fn contains(self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// The span as a range to slice text with.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// A position as people count it: 1-based, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineCol {
    /// 1-based line.
    pub line: u32,
    /// 1-based column in characters, not bytes.
    pub column: u32,
}

/// Decoded text of a file, with the starts of its lines.
///
/// Invariant: spans refer to this text, never to the raw bytes; a byte order mark is not part of it.
#[derive(Debug)]
pub struct SourceText {
    text: String,
    line_starts: Vec<u32>,
    /// The characters before each block of [`BLOCK`] bytes, counted when a long line asks for a column.
    chars_before: OnceLock<Vec<u32>>,
}

/// Bytes whose characters are counted at once: a column takes no longer on a long line.
const BLOCK: usize = 512;

/// Bytes of a line that are looked at around a place in it. No person writes longer lines.
const LONG_LINE: usize = 4_000;

impl SourceText {
    /// Takes the decoded text. Lines end at `\n`, `\r\n` or a lone `\r`, as in Python.
    #[must_use]
    pub fn new(text: String) -> Self {
        let bytes = text.as_bytes();
        let mut line_starts = vec![0];
        for at in memchr::memchr2_iter(b'\n', b'\r', bytes) {
            if bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n') {
                continue;
            }
            line_starts.push(u32::try_from(at + 1).unwrap_or(u32::MAX));
        }
        Self { text, line_starts, chars_before: OnceLock::new() }
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text of a span; empty when the span does not fit the text.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }

    /// Line and column of a byte offset.
    #[must_use]
    pub fn line_col(&self, offset: u32) -> LineCol {
        let line = self.line_starts.partition_point(|&start| start <= offset) - 1;
        let start = self.line_starts[line];
        let column = if (offset - start) as usize <= BLOCK {
            self.text
                .get(start as usize..offset as usize)
                .map_or(offset - start, |before| u32::try_from(before.chars().count()).unwrap_or(u32::MAX))
        } else {
            self.chars_before(offset).saturating_sub(self.chars_before(start))
        };
        LineCol { line: u32::try_from(line).unwrap_or(u32::MAX).saturating_add(1), column: column.saturating_add(1) }
    }

    /// The number of characters before a byte offset.
    fn chars_before(&self, offset: u32) -> u32 {
        let bytes = self.text.as_bytes();
        let count = |bytes: &[u8]| {
            let starts = bytes.iter().filter(|byte| (**byte & 0xc0) != 0x80).count();
            u32::try_from(starts).unwrap_or(u32::MAX)
        };
        let blocks = self.chars_before.get_or_init(|| {
            let mut sum = 0_u32;
            let before = bytes.chunks(BLOCK).map(|block| {
                let before = sum;
                sum = sum.saturating_add(count(block));
                before
            });
            before.collect()
        });
        let offset = (offset as usize).min(bytes.len());
        let block = offset / BLOCK;
        match blocks.get(block) {
            Some(before) => before.saturating_add(count(&bytes[block * BLOCK..offset])),
            // The text ends where a block would begin.
            None => blocks.last().map_or(0, |before| before.saturating_add(count(&bytes[(block - 1) * BLOCK..]))),
        }
    }

    /// The line of a byte offset, without its line ending; of a line that is too long to read, the part around it.
    #[must_use]
    pub fn line_around(&self, offset: u32) -> &str {
        let line = self.line(self.line_col(offset).line);
        if line.len() <= LONG_LINE {
            return line;
        }
        let base = line.as_ptr() as usize - self.text.as_ptr() as usize;
        let at = (offset as usize).saturating_sub(base).min(line.len());
        let (mut from, mut to) = (at.saturating_sub(LONG_LINE / 40), (at + LONG_LINE / 20).min(line.len()));
        while !line.is_char_boundary(from) {
            from -= 1;
        }
        while !line.is_char_boundary(to) {
            to += 1;
        }
        &line[from..to]
    }

    /// The byte offset of a 1-based line and column; the end of the text when it has no such place.
    #[must_use]
    pub fn offset(&self, line: u32, column: u32) -> u32 {
        let Some(&start) = self.line_starts.get(line.saturating_sub(1) as usize) else {
            return u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        };
        let rest = self.text.get(start as usize..).unwrap_or_default();
        let at = rest.char_indices().nth(column.saturating_sub(1) as usize).map_or(rest.len(), |(at, _)| at);
        start.saturating_add(u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// The text of a 1-based line, without its line ending.
    #[must_use]
    pub fn line(&self, line: u32) -> &str {
        let index = line.saturating_sub(1) as usize;
        let Some(&start) = self.line_starts.get(index) else { return "" };
        let end = self.line_starts.get(index + 1).map_or(self.text.len(), |&end| end as usize);
        self.text.get(start as usize..end).unwrap_or("").trim_end_matches(['\n', '\r'])
    }

    /// The number of lines.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.line_starts.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_end_like_pythons() {
        let text = SourceText::new("a\r\né = b\rc\n".to_owned());
        assert_eq!(text.line_col(0), LineCol { line: 1, column: 1 });
        let b = u32::try_from(text.as_str().find('b').unwrap_or_default()).unwrap_or_default();
        assert_eq!(text.line_col(b), LineCol { line: 2, column: 5 });
        assert_eq!(text.line(2), "é = b");
        assert_eq!(text.line(3), "c");
        assert_eq!(text.line(9), "");
    }

    #[test]
    fn columns_of_long_lines_are_those_of_short_ones() {
        let line = "añb→c𝄞".repeat(700);
        let text = SourceText::new(format!("x\n{line}\ny"));
        for (at, (byte, _)) in line.char_indices().enumerate() {
            let offset = u32::try_from(byte + 2).unwrap_or_default();
            let column = u32::try_from(at + 1).unwrap_or_default();
            assert_eq!(text.line_col(offset), LineCol { line: 2, column });
        }
        let end = u32::try_from(line.len() + 2).unwrap_or_default();
        assert_eq!(text.line_col(end).column, 4_201);
        let exact = SourceText::new("a".repeat(1024));
        assert_eq!(exact.line_col(1024), LineCol { line: 1, column: 1025 });
    }

    #[test]
    fn of_a_long_line_the_part_around_a_place_is_given() {
        let line = format!("{}needle{}", "é".repeat(50_000), "é".repeat(50_000));
        let text = SourceText::new(format!("short\n{line}\n"));
        let offset = u32::try_from(6 + 100_000).unwrap_or_default();
        let part = text.line_around(offset);
        assert!(part.contains("needle") && part.len() < 500, "{part}");
        assert_eq!(text.line_around(2), "short");
    }
}
