//! JSON and YAML as scalars with places: broken files are read as far as they go, which a real parser would not do,
//! and parsers keep no spans.

use super::{Meaning, Scan, to_span, words};
use crate::finding::{Access, Confidence};
use crate::source::Span;
use crate::touchpoint::Kind;

/// A key or a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scalar {
    /// The text between the quotes, as it stands.
    pub inner: Span,
    /// With the quotes.
    pub span: Span,
    /// Whether it is a key.
    pub is_key: bool,
    /// The key that it is the value of.
    pub key: Option<Span>,
    /// The mapping or list that it stands in.
    pub container: usize,
}

/// The scalars of a file, in order, and for each container the one around it.
#[derive(Debug, Default)]
pub(super) struct Data {
    pub scalars: Vec<Scalar>,
    pub parents: Vec<Option<usize>>,
}

impl Data {
    fn open(&mut self, parent: Option<usize>) -> usize {
        self.parents.push(parent);
        self.parents.len() - 1
    }
}

pub(super) fn json(text: &str) -> Data {
    let mut data = Data::default();
    let root = data.open(None);
    flow(text, 0, text.len(), root, true, &mut data);
    data
}

/// Reads JSON, or a YAML collection in brackets, from `at`; gives the place after it. `whole` reads to the end
/// whatever brackets say.
fn flow(text: &str, mut at: usize, end: usize, root: usize, whole: bool, data: &mut Data) -> usize {
    let bytes = text.as_bytes();
    let mut stack: Vec<(usize, Option<Span>)> = vec![(root, None)];
    while at < end {
        let byte = bytes[at];
        match byte {
            b'{' | b'[' => {
                let parent = stack.last().map(|(container, _)| *container);
                let container = data.open(parent);
                stack.push((container, None));
                at += 1;
            }
            b'}' | b']' => {
                if stack.len() > 1 {
                    stack.pop();
                }
                at += 1;
                if stack.len() == 1 && !whole {
                    return at;
                }
                if let Some(top) = stack.last_mut() {
                    top.1 = None;
                }
            }
            b',' => {
                if let Some(top) = stack.last_mut() {
                    top.1 = None;
                }
                at += 1;
            }
            b'"' | b'\'' => {
                let close = quoted_end(bytes, at, end);
                push(text, &mut stack, data, (at + 1, close), (at, (close + 1).min(end)));
                at = (close + 1).min(end);
            }
            b'#' if at == 0 || bytes[at - 1].is_ascii_whitespace() => at = line_end(text, at),
            _ if byte.is_ascii_whitespace() || byte == b':' => at += 1,
            _ => {
                let length = text[at..end].find([',', '{', '}', '[', ']', '"', '\n', ':']).unwrap_or(end - at).max(1);
                let mut stop = at + length;
                while !text.is_char_boundary(stop) {
                    stop += 1;
                }
                let trimmed = at + text[at..stop].trim_end().len();
                push(text, &mut stack, data, (at, trimmed), (at, trimmed));
                at = stop;
            }
        }
    }
    at
}

fn push(
    text: &str,
    stack: &mut [(usize, Option<Span>)],
    data: &mut Data,
    inner: (usize, usize),
    outer: (usize, usize),
) {
    let Some((container, key)) = stack.last_mut() else { return };
    let inner = to_span(inner.0, inner.1);
    let is_key = text[outer.1..].trim_start().starts_with(':');
    data.scalars.push(Scalar {
        inner,
        span: to_span(outer.0, outer.1),
        is_key,
        key: if is_key { None } else { *key },
        container: *container,
    });
    *key = is_key.then_some(inner);
}

/// The place of the closing quote, or the end.
fn quoted_end(bytes: &[u8], open: usize, end: usize) -> usize {
    let quote = bytes[open];
    let mut at = open + 1;
    while at < end {
        if bytes[at] == b'\\' && quote == b'"' {
            at += 2;
        } else if bytes[at] == quote {
            // YAML doubles the single quote.
            if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') {
                at += 2;
                continue;
            }
            return at;
        } else {
            at += 1;
        }
    }
    end
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |found| at + found)
}

/// An open mapping or list of a YAML file.
struct Level {
    column: usize,
    container: usize,
    is_list: bool,
}

struct Yaml<'s> {
    text: &'s str,
    data: Data,
    levels: Vec<Level>,
    at: usize,
}

pub(super) fn yaml(text: &str) -> Data {
    let mut data = Data::default();
    data.open(None);
    let mut yaml = Yaml { text, data, levels: Vec::new(), at: 0 };
    while yaml.at < text.len() {
        yaml.line();
    }
    yaml.data
}

impl Yaml<'_> {
    fn line(&mut self) {
        let start = self.at;
        let end = line_end(self.text, start);
        let line = &self.text[start..end];
        let mut column = line.len() - line.trim_start_matches(' ').len();
        let content = line.trim();
        self.at = end + 1;
        if content.is_empty() || content.starts_with('#') {
            return;
        }
        if content == "---" || content == "..." {
            self.levels.clear();
            return;
        }
        // `- - a` and `- key: value`
        while line[column..].starts_with("- ") || line[column..].trim_end() == "-" {
            self.level(column, true, true);
            let rest = &line[column + 1..];
            column += 1 + (rest.len() - rest.trim_start_matches(' ').len());
            if column >= line.trim_end().len() {
                return;
            }
        }
        self.node(start, column, end);
    }

    /// The container at a column; with `fresh_below`, what stood deeper is closed.
    fn level(&mut self, column: usize, is_list: bool, fresh_below: bool) -> usize {
        while let Some(top) = self.levels.last() {
            let deeper = top.column > column;
            let sibling_list = top.column == column && top.is_list && !is_list;
            if !(deeper && fresh_below || sibling_list) {
                break;
            }
            self.levels.pop();
        }
        if let Some(top) = self.levels.last()
            && top.column == column
            && top.is_list == is_list
        {
            return top.container;
        }
        let parent = self.levels.last().map_or(0, |top| top.container);
        let container = self.data.open(Some(parent));
        self.levels.push(Level { column, container, is_list });
        container
    }

    /// A key with its value, or a value alone, at a column of the line from `start` to `end`.
    fn node(&mut self, start: usize, column: usize, end: usize) {
        let at = start + column;
        match key(self.text, at, end) {
            Some((inner, outer, after)) => {
                let container = self.level(column, false, true);
                self.data.scalars.push(Scalar { inner, span: outer, is_key: true, key: None, container });
                self.value(after, end, Some(inner), container, column);
            }
            None => {
                let container = self.levels.last().map_or(0, |top| top.container);
                self.value(at, end, None, container, column);
            }
        }
    }

    fn value(&mut self, from: usize, end: usize, key: Option<Span>, container: usize, column: usize) {
        let mut at = from;
        loop {
            let rest = &self.text[at..end];
            at += rest.len() - rest.trim_start().len();
            // Anchors and tags stand before the value.
            let rest = &self.text[at..end];
            if !(rest.starts_with('&') || rest.starts_with('!')) {
                break;
            }
            at += rest.find(' ').unwrap_or(rest.len());
        }
        let rest = &self.text[at..end];
        match rest.bytes().next() {
            None | Some(b'#' | b'*') => {}
            Some(b'|' | b'>') => self.block(end, key, container, column),
            Some(b'{' | b'[') if !rest.starts_with("{{") && !rest.starts_with("{%") => {
                let next = flow(self.text, at, self.text.len(), container, false, &mut self.data);
                self.at = self.at.max(line_end(self.text, next.min(self.text.len())) + 1);
            }
            Some(b'"' | b'\'') => {
                let close = quoted_end(self.text.as_bytes(), at, self.text.len());
                let stop = (close + 1).min(self.text.len());
                let scalar =
                    Scalar { inner: to_span(at + 1, close), span: to_span(at, stop), is_key: false, key, container };
                self.data.scalars.push(scalar);
                self.at = self.at.max(line_end(self.text, stop) + 1);
            }
            Some(_) => {
                let plain = rest.find(" #").map_or(rest, |comment| &rest[..comment]).trim_end();
                let span = to_span(at, at + plain.len());
                self.data.scalars.push(Scalar { inner: span, span, is_key: false, key, container });
            }
        }
    }

    /// A block after `|` or `>`: every line that is indented more than its key.
    fn block(&mut self, head_end: usize, key: Option<Span>, container: usize, column: usize) {
        let first = (head_end + 1).min(self.text.len());
        let mut end = first;
        for line in self.text[first..].split_inclusive('\n') {
            let indent = line.len() - line.trim_start_matches(' ').len();
            if !line.trim().is_empty() && indent <= column {
                break;
            }
            end += line.len();
        }
        let span = to_span(first, end);
        self.data.scalars.push(Scalar { inner: span, span, is_key: false, key, container });
        self.at = self.at.max(end);
    }
}

/// `key:` at a place, followed by a blank or the end of the line: its inner and outer span and the place after it.
fn key(text: &str, at: usize, end: usize) -> Option<(Span, Span, usize)> {
    let bytes = text.as_bytes();
    let quote = bytes.get(at).filter(|byte| matches!(byte, b'"' | b'\''));
    if quote.is_some() {
        let close = quoted_end(bytes, at, end);
        let rest = text.get(close + 1..end)?;
        let colon = rest.len() - rest.trim_start().len();
        return rest[colon..]
            .starts_with(':')
            .then(|| (to_span(at + 1, close), to_span(at, close + 1), close + 1 + colon + 1));
    }
    if matches!(bytes.get(at), Some(b'{' | b'[' | b'|' | b'>')) {
        return None;
    }
    let line = &text[at..end];
    let (colon, _) =
        line.match_indices(':').find(|(colon, _)| line[colon + 1..].chars().next().is_none_or(char::is_whitespace))?;
    if line[..colon].contains(" #") {
        return None;
    }
    let span = to_span(at, at + line[..colon].trim_end().len());
    Some((span, span, at + colon + 1))
}

impl Scan<'_, '_> {
    pub(super) fn data(&mut self, data: &Data) {
        let text = self.text;
        let of = |span: Span| text.get(span.range()).unwrap_or_default();
        // The model of each fixture row, by the container of its `model:` key.
        let mut rows: Vec<Option<&str>> = vec![None; data.parents.len()];
        // The app label that each container tells, for rows of ContentType.
        let mut apps: Vec<Option<&str>> = vec![None; data.parents.len()];
        for scalar in data.scalars.iter().filter(|scalar| !scalar.is_key) {
            match scalar.key.map(of) {
                Some("model") => rows[scalar.container] = Some(of(scalar.inner)),
                Some("app_label") => apps[scalar.container] = Some(of(scalar.inner)),
                _ => {}
            }
        }
        let row_of =
            |container: usize| rows[container].or_else(|| data.parents[container].and_then(|parent| rows[parent]));
        for (index, scalar) in data.scalars.iter().enumerate() {
            let word = of(scalar.inner);
            let key = scalar.key.map(of);
            if let Some(model) = self.words.label(word) {
                let row = key == Some("model") || key == Some("\"model\"");
                let (access, confidence) = if row {
                    // Loading the fixture writes the row.
                    (Access::Write, Confidence::Certain)
                } else {
                    (Access::None, Confidence::Possible)
                };
                self.hit(scalar.span, Kind::Fixture, access, &model.label, confidence);
                continue;
            }
            let meanings: Vec<_> = self.words.meanings(word).collect();
            for meaning in &meanings {
                let previous = index.checked_sub(1).map(|before| &data.scalars[before]);
                let in_row = row_of(scalar.container).and_then(|row| self.words.label(row));
                let found = match meaning {
                    Meaning::Config => Some((Kind::Configuration, Access::None, Confidence::Likely)),
                    Meaning::Lowered(model) => {
                        let named_app =
                            key == Some("model") && apps[scalar.container] == Some(model.app_label.as_str());
                        // A natural key: `["courseware", "studentmodule"]`.
                        let natural = key.is_none()
                            && !scalar.is_key
                            && previous.is_some_and(|previous| {
                                previous.container == scalar.container && of(previous.inner) == model.app_label
                            });
                        if named_app || natural {
                            Some((Kind::Fixture, Access::None, Confidence::Certain))
                        } else if self.words.is_common(*meaning, word) {
                            None
                        } else if key == Some("model") {
                            Some((Kind::Fixture, Access::None, Confidence::Likely))
                        } else {
                            Some((Kind::Fixture, Access::None, Confidence::Possible))
                        }
                    }
                    Meaning::Codename(_) if key == Some("codename") => {
                        Some((Kind::Fixture, Access::None, Confidence::Certain))
                    }
                    Meaning::Codename(_) => Some((Kind::Fixture, Access::None, Confidence::Likely)),
                    Meaning::Field(model) if scalar.is_key && in_row.is_some_and(|row| row.label == model.label) => {
                        Some((Kind::Fixture, Access::Write, Confidence::Certain))
                    }
                    Meaning::Table(_) => Some((Kind::Fixture, Access::Unknown, Confidence::Possible)),
                    _ if self.words.is_common(*meaning, word) => None,
                    _ => Some((Kind::Fixture, Access::None, Confidence::Possible)),
                };
                if let Some((kind, access, confidence)) = found {
                    self.hit(scalar.span, kind, access, meaning.target(), confidence);
                    break;
                }
            }
            if meanings.is_empty() {
                self.words_inside(scalar);
            }
        }
        self.odd_words(Kind::Configuration, Confidence::Likely);
    }

    /// A long string: SQL, a dotted path, or prose.
    fn words_inside(&mut self, scalar: &Scalar) {
        let range = scalar.inner.range();
        let Some(text) = self.text.get(range.clone()) else { return };
        if !text.contains(|c: char| !super::is_word_char(c)) {
            return;
        }
        let mut read = false;
        for (at, word) in words(text, range.start) {
            let Some(meaning) = self.words.meanings(word).next() else { continue };
            if self.words.is_common(meaning, word) && !text.contains(char::is_whitespace) {
                continue;
            }
            // Only a text that names something is worth reading as SQL, and once.
            if matches!(meaning, Meaning::Table(_) | Meaning::Field(_)) && !read && text.contains(char::is_whitespace) {
                read = true;
                self.sql(range.start, range.end, Kind::RawSql, Confidence::Likely);
            }
            if self.covered(at) || self.is_everyday(meaning, at, word) {
                continue;
            }
            let (kind, access, confidence) = match meaning {
                Meaning::Config => (Kind::Configuration, Access::None, Confidence::Possible),
                // `courseware.change_studentmodule`
                Meaning::Codename(model) if text == format!("{}.{word}", model.app_label) => {
                    (Kind::Fixture, Access::None, Confidence::Certain)
                }
                Meaning::Lowered(model) if !self.is_label(model, at, word) => continue,
                Meaning::Table(_) => (Kind::Fixture, Access::Unknown, Confidence::Possible),
                _ => (Kind::Fixture, Access::None, Confidence::Possible),
            };
            self.hit(to_span(at, at + word.len()), kind, access, meaning.target(), confidence);
        }
    }
}
