//! Touchpoints in files that are not Python: SQL, JSON, YAML, templates, scripts and documents.
//!
//! Nothing is resolved here: a word is matched whole, and how much it proves depends on where it stands.

mod data;
mod script;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::Kind;
use super::models::{is_common_word, is_everyday};
use crate::finding::{Access, Confidence};
use crate::source::{SourceText, Span};
use crate::sql::{self, Shape};

/// What kind of file a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// SQL.
    Sql,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// A template of any engine, HTML or text.
    Template,
    /// A shell script, JavaScript, Ruby, and other code that is not Python.
    Script,
    /// Prose.
    Document,
}

/// The words that denote the target and the models linked to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetWords {
    /// The target and the linked models.
    pub models: Vec<ModelWords>,
    /// Database aliases, settings and flags that decide where the tables live.
    pub config_words: Vec<String>,
}

/// The words of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelWords {
    /// `courseware.StudentModule`
    pub label: String,
    /// `StudentModule`
    pub class: String,
    /// `courseware`
    pub app_label: String,
    /// `courseware_studentmodule`; empty for a model without a table.
    pub table: String,
    /// Its fields and columns that point to the target: `student_module`, `student_module_id`.
    pub fields: Vec<String>,
    /// Reverse accessors to it, apart from the default one: `related_name`s.
    pub accessors: Vec<String>,
}

/// A touchpoint in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextHit {
    /// The word, the qualified column, or the whole string literal.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
    /// What it does to the table.
    pub access: Access,
    /// The label of the model that it denotes; empty for a configuration word.
    pub target: String,
    /// The text as it stands.
    pub symbol: String,
    /// How sure.
    pub confidence: Confidence,
}

/// Every touchpoint of a text, in order.
#[must_use]
pub fn scan_text(kind: TextKind, text: &SourceText, words: &TargetWords) -> Vec<TextHit> {
    let source = text.as_str();
    let mut scan = Scan { text: source, words: &Lexicon::new(words), hits: Vec::new(), covered: BTreeMap::new() };
    match kind {
        TextKind::Sql => scan.sql_file(),
        TextKind::Json => scan.data(&data::json(source)),
        TextKind::Yaml => scan.data(&data::yaml(source)),
        TextKind::Template => scan.template(),
        TextKind::Script => scan.script(),
        TextKind::Document => scan.document(),
    }
    let mut hits = scan.hits;
    hits.sort_by_key(|hit| (hit.span.start, hit.span.end));
    hits.dedup_by(|later, earlier| earlier.span.contains(later.span) && earlier.target == later.target);
    hits
}

/// What a word means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning<'w> {
    Table(&'w ModelWords),
    Class(&'w ModelWords),
    /// `studentmodule`, as ContentType and migrations write it.
    Lowered(&'w ModelWords),
    Field(&'w ModelWords),
    Accessor(&'w ModelWords),
    /// `add_studentmodule`
    Codename(&'w ModelWords),
    Config,
}

impl<'w> Meaning<'w> {
    fn target(self) -> &'w str {
        match self {
            Self::Table(model)
            | Self::Class(model)
            | Self::Lowered(model)
            | Self::Field(model)
            | Self::Accessor(model)
            | Self::Codename(model) => &model.label,
            Self::Config => "",
        }
    }
}

/// Words by their small letters.
struct Lexicon<'w> {
    /// Length and first letter of every word: most words of a file are turned away by these.
    shapes: FxHashSet<(usize, u8)>,
    words: FxHashMap<String, Vec<(String, Meaning<'w>)>>,
    /// Configuration words that are no identifiers.
    odd: Vec<&'w str>,
    models: &'w [ModelWords],
}

impl<'w> Lexicon<'w> {
    fn new(words: &'w TargetWords) -> Self {
        let mut lexicon =
            Self { shapes: FxHashSet::default(), words: FxHashMap::default(), odd: Vec::new(), models: &words.models };
        for model in &words.models {
            let lowered = model.class.to_lowercase();
            if !model.table.is_empty() {
                lexicon.add(&model.table, Meaning::Table(model));
            }
            lexicon.add(&model.class, Meaning::Class(model));
            lexicon.add(&lowered, Meaning::Lowered(model));
            lexicon.add(&format!("{lowered}_set"), Meaning::Accessor(model));
            for action in ["add", "change", "delete", "view"] {
                lexicon.add(&format!("{action}_{lowered}"), Meaning::Codename(model));
            }
            for field in &model.fields {
                lexicon.add(field, Meaning::Field(model));
            }
            for accessor in &model.accessors {
                lexicon.add(accessor, Meaning::Accessor(model));
            }
        }
        for word in &words.config_words {
            if word.chars().all(is_word_char) {
                lexicon.add(word, Meaning::Config);
            } else if !word.is_empty() {
                lexicon.odd.push(word);
            }
        }
        lexicon
    }

    fn add(&mut self, word: &str, meaning: Meaning<'w>) {
        self.shapes.insert(shape(word));
        let meanings = self.words.entry(word.to_lowercase()).or_default();
        if !meanings.iter().any(|(_, known)| *known == meaning) {
            meanings.push((word.to_owned(), meaning));
        }
    }

    /// Tables whatever their case, everything else as it is written.
    fn meanings(&self, word: &str) -> impl Iterator<Item = Meaning<'w>> {
        let known = self.shapes.contains(&shape(word)).then(|| self.words.get(word.to_lowercase().as_str())).flatten();
        known
            .into_iter()
            .flatten()
            .filter(move |(written, meaning)| matches!(meaning, Meaning::Table(_)) || written == word)
            .map(|(_, meaning)| *meaning)
    }

    /// A field called `row` or `module_id` says nothing where its model is not known; `studentmodule` says whose it is.
    fn is_common(&self, meaning: Meaning<'_>, word: &str) -> bool {
        let stem = word.strip_suffix("_id").unwrap_or(word);
        // `user` is a word, `studentmodule` is a model.
        if let Meaning::Class(model) | Meaning::Lowered(model) = meaning {
            return is_everyday(&model.class);
        }
        matches!(meaning, Meaning::Field(_) | Meaning::Accessor(_))
            && is_common_word(word)
            && !self.models.iter().any(|model| model.class.eq_ignore_ascii_case(stem) && !is_everyday(&model.class))
    }

    /// The model of `courseware.studentmodule`, whatever its case.
    fn label(&self, text: &str) -> Option<&'w ModelWords> {
        self.models.iter().find(|model| model.label.eq_ignore_ascii_case(text))
    }

    fn table(&self, name: &str) -> Option<&'w ModelWords> {
        self.models.iter().find(|model| !model.table.is_empty() && model.table.eq_ignore_ascii_case(name))
    }
}

fn shape(word: &str) -> (usize, u8) {
    (word.len(), word.bytes().next().unwrap_or(0).to_ascii_lowercase())
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words of a text with their places.
fn words(text: &str, offset: usize) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = text;
    let mut at = offset;
    std::iter::from_fn(move || {
        let start = rest.find(is_word_char)?;
        let tail = &rest[start..];
        let length = tail.find(|c| !is_word_char(c)).unwrap_or(tail.len());
        let found = (at + start, &tail[..length]);
        at += start + length;
        rest = &tail[length..];
        Some(found)
    })
}

/// Whether the statement around a column names a table, at its beginning.
fn statement_names(reading: &sql::SqlReading, column: Span, table: &str) -> bool {
    reading
        .statements
        .iter()
        .find(|statement| statement.span.contains(column))
        .and_then(|statement| statement.tables.first())
        .is_some_and(|used| used.name.eq_ignore_ascii_case(table))
}

fn to_span(start: usize, end: usize) -> Span {
    Span::new(u32::try_from(start).unwrap_or(u32::MAX), u32::try_from(end).unwrap_or(u32::MAX))
}

struct Scan<'s, 'w> {
    text: &'s str,
    words: &'s Lexicon<'w>,
    hits: Vec<TextHit>,
    /// The places of the hits: start and end.
    covered: BTreeMap<usize, usize>,
}

impl<'s, 'w> Scan<'s, 'w> {
    fn hit(&mut self, span: Span, kind: Kind, access: Access, target: &str, confidence: Confidence) {
        let symbol = self.text.get(span.range()).unwrap_or_default().to_owned();
        self.covered.insert(span.start as usize, span.end as usize);
        self.hits.push(TextHit { span, kind, access, target: target.to_owned(), symbol, confidence });
    }

    fn covered(&self, start: usize) -> bool {
        self.covered.range(..=start).next_back().is_some_and(|(_, end)| *end > start)
    }

    /// What stands before and after a place, to see how a word is used.
    fn around(&self, start: usize, end: usize) -> (&'s str, &'s str) {
        (self.text.get(..start).unwrap_or_default(), self.text.get(end..).unwrap_or_default())
    }

    fn sql_file(&mut self) {
        self.sql(0, self.text.len(), Kind::SqlFile, Confidence::Certain);
        // Comments, and what the reader could not place.
        let text = self.text;
        for (at, word) in words(text, 0) {
            let Some(Meaning::Table(model)) = self.words.meanings(word).find(|m| matches!(m, Meaning::Table(_))) else {
                continue;
            };
            if !self.covered(at) {
                let span = to_span(at, at + word.len());
                self.hit(span, Kind::SqlFile, Access::Unknown, &model.label, Confidence::Possible);
            }
        }
    }

    /// Reads a stretch as SQL and reports the tables, their qualified columns, and the columns that point to the
    /// target. Whether anything was found.
    fn sql(&mut self, start: usize, end: usize, kind: Kind, confidence: Confidence) -> bool {
        let Some(text) = self.text.get(start..end) else { return false };
        self.sql_text(text, start, kind, confidence)
    }

    /// The same of a text that stands at `start`, or has the places of what does.
    fn sql_text(&mut self, text: &str, start: usize, kind: Kind, confidence: Confidence) -> bool {
        let reading = sql::tables(text);
        if reading.shape == Shape::Other {
            return false;
        }
        let before = self.hits.len();
        let place = |span: Span| to_span(start + span.start as usize, start + span.end as usize);
        for table in reading.tables() {
            if let Some(model) = self.words.table(&table.name) {
                self.hit(place(table.span), kind, table.access, &model.label, confidence);
            }
        }
        for column in reading.columns() {
            let qualifier = column.qualifier.as_deref();
            if let Some(model) = qualifier.and_then(|qualifier| self.words.table(qualifier)) {
                self.hit(place(column.span), kind, column.access, &model.label, confidence);
                continue;
            }
            self.sql_column(column, &reading, place(column.span), kind, confidence);
        }
        self.hits.len() > before
    }

    /// A column that stands alone, and has the name of one that points to the target.
    fn sql_column(
        &mut self,
        column: &sql::ColumnUse,
        reading: &sql::SqlReading,
        span: Span,
        kind: Kind,
        confidence: Confidence,
    ) {
        let meanings: Vec<Meaning<'w>> =
            self.words.meanings(&column.name).filter(|meaning| matches!(meaning, Meaning::Field(_))).collect();
        let table = column.table.as_deref();
        let own = |meaning: &&Meaning<'w>| matches!(meaning, Meaning::Field(m) if table.is_some_and(|t| t.eq_ignore_ascii_case(&m.table)));
        if let Some(meaning) = meanings.iter().find(own) {
            self.hit(span, kind, column.access, meaning.target(), confidence);
            return;
        }
        // A column of that name in another table is another column.
        if table.is_some_and(|table| reading.tables().any(|used| used.name.eq_ignore_ascii_case(table))) {
            return;
        }
        // Which of several models has the column is not told: the one that the statement names, else the first.
        let beside = |meaning: &&Meaning<'w>| matches!(meaning, Meaning::Field(m) if statement_names(reading, column.span, &m.table));
        let Some(meaning) = meanings.iter().find(beside).or_else(|| meanings.first()) else { return };
        if !self.words.is_common(*meaning, &column.name) {
            self.hit(span, kind, column.access, meaning.target(), Confidence::Likely.min(confidence));
        }
    }

    fn document(&mut self) {
        let text = self.text;
        for (at, word) in words(text, 0) {
            let meanings: Vec<_> = self.words.meanings(word).collect();
            let Some(meaning) = meanings.into_iter().find(|meaning| {
                // `studentmodule` alone is a word; `courseware.studentmodule` is a label.
                !self.is_everyday(*meaning, at, word)
                    && !matches!(meaning, Meaning::Lowered(model) if !self.is_label(model, at, word))
            }) else {
                continue;
            };
            let span = to_span(at, at + word.len());
            self.hit(span, Kind::Document, Access::None, meaning.target(), Confidence::Possible);
        }
        self.odd_words(Kind::Document, Confidence::Possible);
    }

    /// A common word, other than as the second part of the model's label.
    fn is_everyday(&self, meaning: Meaning<'_>, at: usize, word: &str) -> bool {
        self.words.is_common(meaning, word)
            && !matches!(meaning, Meaning::Class(model) | Meaning::Lowered(model) if self.is_label(model, at, word))
    }

    /// Whether the word is the second part of the model's label.
    fn is_label(&self, model: &ModelWords, at: usize, word: &str) -> bool {
        let (before, _) = self.around(at, at + word.len());
        before
            .strip_suffix('.')
            .and_then(|before| before.get(before.len().checked_sub(model.app_label.len())?..))
            .is_some_and(|app| app.eq_ignore_ascii_case(&model.app_label))
    }

    /// Configuration words that are more than one word.
    fn odd_words(&mut self, kind: Kind, confidence: Confidence) {
        let text = self.text;
        let lexicon = self.words;
        for odd in &lexicon.odd {
            for (at, _) in text.match_indices(odd) {
                let (before, after) = self.around(at, at + odd.len());
                let joined = |c: char| is_word_char(c) || c == '-';
                if !before.ends_with(joined) && !after.starts_with(joined) {
                    self.hit(to_span(at, at + odd.len()), kind, Access::None, "", confidence);
                }
            }
        }
    }

    fn template(&mut self) {
        let text = self.text;
        let is_table = |word: &str| self.words.meanings(word).any(|meaning| matches!(meaning, Meaning::Table(_)));
        // A template of SQL, such as Jinja's and dbt's: what the template puts in stands for a value.
        if words(text, 0).any(|(_, word)| is_table(word)) {
            self.sql_text(&without_template_code(text), 0, Kind::Template, Confidence::Likely);
        }
        for (at, word) in words(text, 0) {
            let meanings: Vec<_> = self.words.meanings(word).collect();
            let Some(meaning) = meanings.first().copied() else { continue };
            if self.covered(at) {
                continue;
            }
            let (before, after) = self.around(at, at + word.len());
            let in_code = in_template_code(before);
            let attribute = before.ends_with('.');
            let (access, confidence) = match meaning {
                Meaning::Class(_) if in_code && after.starts_with(".objects") => (Access::Read, Confidence::Likely),
                Meaning::Class(_) | Meaning::Lowered(_) if self.is_everyday(meaning, at, word) => continue,
                _ if self.is_everyday(meaning, at, word) => {
                    if !(attribute && in_code) {
                        continue;
                    }
                    (Access::Read, Confidence::Possible)
                }
                Meaning::Accessor(_) if attribute || in_code => (Access::Read, Confidence::Likely),
                Meaning::Field(_) if attribute && in_code => (Access::Read, Confidence::Likely),
                Meaning::Class(_) if in_code => (Access::None, Confidence::Likely),
                Meaning::Table(_) => (Access::Unknown, Confidence::Possible),
                Meaning::Lowered(model) if !self.is_label(model, at, word) => continue,
                // Permissions are asked as `perms.courseware.change_studentmodule`.
                Meaning::Codename(_) => (Access::None, Confidence::Likely),
                _ => (Access::None, Confidence::Possible),
            };
            self.hit(to_span(at, at + word.len()), Kind::Template, access, meaning.target(), confidence);
        }
    }
}

/// The text with what stands between a template's marks made a value, `{{ … }}` and `${…}`, or blank, `{% … %}`, `<% … %>`
/// and `{# … #}`. All other places stay where they are.
fn without_template_code(text: &str) -> String {
    const MARKS: [(&str, &str, char); 5] =
        [("{{", "}}", '0'), ("${", "}", '0'), ("{%", "%}", ' '), ("<%", "%>", ' '), ("{#", "#}", ' ')];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, (open, close, stands))) =
        MARKS.iter().filter_map(|marks| Some((rest.find(marks.0)?, *marks))).min_by_key(|(at, _)| *at)
    {
        let inner = &rest[at + open.len()..];
        let length = inner.find(close).map_or(rest.len() - at, |end| open.len() + end + close.len());
        out.push_str(&rest[..at]);
        // One byte for one byte, and lines stay lines.
        out.extend(rest.as_bytes()[at..at + length].iter().map(|byte| if *byte == b'\n' { '\n' } else { stands }));
        rest = &rest[at + length..];
    }
    out + rest
}

/// Whether the text before a place leaves a `{{`, `{%`, `${` or `<%` open.
fn in_template_code(before: &str) -> bool {
    let mut floor = before.len().saturating_sub(2000);
    while !before.is_char_boundary(floor) {
        floor += 1;
    }
    let near = &before[floor..];
    // A line that Mako runs begins with one per cent sign.
    let line = near.rsplit('\n').next().unwrap_or_default().trim_start();
    if line.starts_with('%') && !line.starts_with("%%") && !line.starts_with("%>") {
        return true;
    }
    [("{{", "}}"), ("{%", "%}"), ("${", "}"), ("<%", "%>")].iter().any(|(open, close)| {
        near.rfind(open).is_some_and(|opened| near.rfind(close).is_none_or(|closed| closed < opened))
    })
}
