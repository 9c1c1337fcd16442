//! MySQL's words, strings and signs, with byte spans, in text that may hold placeholders.
//!
//! An own lexer and not sqlparser's: it never fails, it keeps byte offsets, it reads conditional comments as the code
//! they are, and it supports the placeholders of Python's database drivers and string formatting.

use std::borrow::Cow;

/// Stands in a text for a part whose value is unknown: the braces of an f-string, a placeholder of `%`. Names keep
/// it, so that `courseware_<hole>` is seen as a name that is known in part.
pub const HOLE: char = '\u{E000}';

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An unquoted identifier or keyword.
    Word,
    /// An identifier in backticks.
    Quoted,
    /// A string literal, in single or double quotes.
    Str,
    /// A number.
    Number,
    /// A placeholder that stands alone.
    Hole,
    /// An operator or a sign.
    Punct,
    /// The end of a statement: `;`, `\G`, or the delimiter that `DELIMITER` set.
    End,
}

/// A token. `text` is the decoded identifier or string; placeholders inside it are [`HOLE`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token<'a> {
    pub kind: Kind,
    pub text: Cow<'a, str>,
    pub start: usize,
    pub end: usize,
}

impl Token<'_> {
    /// Whether it is this keyword, written without quotes.
    pub fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Whether it is one of these keywords.
    pub fn is_any(&self, keywords: &[&str]) -> bool {
        self.kind == Kind::Word && keywords.iter().any(|keyword| self.text.eq_ignore_ascii_case(keyword))
    }

    /// Whether it is this sign.
    pub fn sign(&self, sign: &str) -> bool {
        self.kind == Kind::Punct && self.text == sign
    }

    /// Whether it can name a table or a column.
    pub fn is_name(&self) -> bool {
        matches!(self.kind, Kind::Word | Kind::Quoted | Kind::Hole)
    }
}

/// Reads all of `text`. With `split_bodies`, a `;` ends a statement even where `DELIMITER` set something else, so that
/// the statements of a stored procedure are seen one by one.
pub(crate) fn lex(text: &str, split_bodies: bool) -> Vec<Token<'_>> {
    let mut lexer = Lexer { text, bytes: text.as_bytes(), at: 0, out: Vec::new(), delimiter: None, split_bodies };
    lexer.run();
    lexer.out
}

/// The statements of a token list, without their ends.
pub(crate) fn statements<'t, 'a>(tokens: &'t [Token<'a>]) -> impl Iterator<Item = &'t [Token<'a>]> {
    tokens.split(|token| token.kind == Kind::End).filter(|statement| !statement.is_empty())
}

struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    out: Vec<Token<'a>>,
    delimiter: Option<&'a str>,
    split_bodies: bool,
}

impl<'a> Lexer<'a> {
    fn run(&mut self) {
        while self.at < self.bytes.len() {
            self.token();
        }
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn push(&mut self, kind: Kind, text: impl Into<Cow<'a, str>>, start: usize) {
        self.out.push(Token { kind, text: text.into(), start, end: self.at });
    }

    /// Ends of lines and of the text are found by this.
    fn find(&self, needle: &str, from: usize) -> Option<usize> {
        self.text.get(from..).and_then(|rest| rest.find(needle)).map(|found| from + found)
    }

    fn token(&mut self) {
        let start = self.at;
        let byte = self.bytes[start];
        if let Some(delimiter) = self.delimiter
            && self.text[start..].starts_with(delimiter)
        {
            self.at += delimiter.len();
            self.push(Kind::End, delimiter, start);
            return;
        }
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => self.at += 1,
            b'-' if self.peek(1) == b'-' && (self.peek(2) <= b' ') => self.skip_line(),
            b'#' if self.peek(1) != b'{' => self.skip_line(),
            b'/' if self.peek(1) == b'*' => self.comment(),
            // The end of a conditional comment, whose inside was read as code.
            b'*' if self.peek(1) == b'/' => self.at += 2,
            b'\'' | b'"' => self.string(byte),
            b'`' => self.quoted(),
            b'\\' if matches!(self.peek(1), b'G' | b'g') => {
                self.at += 2;
                self.push(Kind::End, "\\G", start);
            }
            b';' => {
                self.at += 1;
                let kind = if self.delimiter.is_none() || self.split_bodies { Kind::End } else { Kind::Punct };
                self.push(kind, ";", start);
            }
            b'?' => {
                self.at += 1;
                self.push(Kind::Hole, HOLE_TEXT, start);
            }
            b':' if (self.peek(1).is_ascii_alphabetic() || self.peek(1) == b'_') && !self.ends_with_colon(start) => {
                self.at += 1;
                while self.peek(0).is_ascii_alphanumeric() || self.peek(0) == b'_' {
                    self.at += 1;
                }
                self.push(Kind::Hole, HOLE_TEXT, start);
            }
            b'%' if self.peek(1) == b'%' => {
                self.at += 2;
                self.push(Kind::Punct, "%", start);
            }
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_ascii_digit() && !self.after_name(start) => self.number(),
            _ if self.placeholder(start).is_some() || is_name_char(self.char_at(start)) => self.word(),
            _ => self.punct(),
        }
    }

    fn ends_with_colon(&self, start: usize) -> bool {
        start > 0 && self.bytes[start - 1] == b':'
    }

    /// In `t.1st` the point joins a name; in `x = .5` it begins a number.
    fn after_name(&self, start: usize) -> bool {
        self.out.last().is_some_and(|last| last.end == start && last.is_name())
    }

    fn char_at(&self, at: usize) -> char {
        self.text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or('\0')
    }

    fn skip_line(&mut self) {
        self.at = self.find("\n", self.at).map_or(self.bytes.len(), |end| end + 1);
    }

    fn comment(&mut self) {
        let conditional = if self.peek(2) == b'!' {
            Some(3)
        } else if self.peek(2) == b'M' && self.peek(3) == b'!' {
            Some(4)
        } else {
            None
        };
        // No server is that new: dumps of MariaDB begin with such a comment for the client.
        const NEVER: &str = "999999";
        let never = conditional.is_some_and(|head| self.text[self.at + head..].starts_with(NEVER));
        if let Some(head) = conditional.filter(|_| !never) {
            self.at += head;
            while self.peek(0).is_ascii_digit() {
                self.at += 1;
            }
        } else {
            self.at = self.find("*/", self.at + 2).map_or(self.bytes.len(), |end| end + 2);
        }
    }

    fn string(&mut self, quote: u8) {
        let start = self.at;
        self.at += 1;
        let mut value = String::new();
        let mut from = self.at;
        while self.at < self.bytes.len() {
            let byte = self.bytes[self.at];
            if byte == b'\\' && self.at + 1 < self.bytes.len() {
                value.push_str(&self.text[from..self.at]);
                let escaped = self.char_at(self.at + 1);
                match escaped {
                    'n' => value.push('\n'),
                    't' => value.push('\t'),
                    'r' => value.push('\r'),
                    '0' => value.push('\0'),
                    other => value.push(other),
                }
                self.at += 1 + escaped.len_utf8();
                from = self.at;
            } else if byte == quote && self.peek(1) == quote {
                value.push_str(&self.text[from..=self.at]);
                self.at += 2;
                from = self.at;
            } else if byte == quote {
                break;
            } else {
                self.at += 1;
            }
        }
        let end = self.at.min(self.bytes.len());
        let text: Cow<'a, str> = if value.is_empty() {
            Cow::Borrowed(&self.text[from..end])
        } else {
            value.push_str(&self.text[from..end]);
            Cow::Owned(value)
        };
        self.at = (end + 1).min(self.bytes.len());
        self.push(Kind::Str, text, start);
    }

    fn quoted(&mut self) {
        let start = self.at;
        self.at += 1;
        let mut value = String::new();
        while self.at < self.bytes.len() {
            if self.bytes[self.at] == b'`' {
                if self.peek(1) != b'`' {
                    break;
                }
                value.push('`');
                self.at += 2;
            } else if let Some(end) = self.placeholder(self.at) {
                value.push(HOLE);
                self.at = end;
            } else {
                let c = self.char_at(self.at);
                value.push(c);
                self.at += c.len_utf8();
            }
        }
        self.at = (self.at + 1).min(self.bytes.len());
        self.push(Kind::Quoted, value, start);
    }

    fn number(&mut self) {
        let start = self.at;
        let hexadecimal = self.peek(0) == b'0' && matches!(self.peek(1), b'x' | b'X' | b'b' | b'B');
        while self.peek(0).is_ascii_digit() || self.peek(0) == b'.' {
            self.at += 1;
        }
        if matches!(self.peek(0), b'e' | b'E')
            && (self.peek(1).is_ascii_digit() || (matches!(self.peek(1), b'+' | b'-') && self.peek(2).is_ascii_digit()))
        {
            self.at += 2;
            while self.peek(0).is_ascii_digit() {
                self.at += 1;
            }
        }
        let mut kind = Kind::Number;
        while is_name_char(self.char_at(self.at)) {
            self.at += self.char_at(self.at).len_utf8();
            // MySQL's names may begin with digits.
            kind = if hexadecimal { Kind::Number } else { Kind::Word };
        }
        self.push(kind, &self.text[start..self.at], start);
    }

    fn word(&mut self) {
        let start = self.at;
        let mut value: Option<String> = None;
        let mut only_hole = true;
        while self.at < self.bytes.len() {
            if let Some(end) = self.placeholder(self.at) {
                value.get_or_insert_with(|| self.text[start..self.at].to_owned()).push(HOLE);
                self.at = end;
                continue;
            }
            let c = self.char_at(self.at);
            // A delimiter such as `$$` is made of characters that names may hold.
            let ends = self.delimiter.is_some_and(|delimiter| self.text[self.at..].starts_with(delimiter));
            if ends || !is_name_char(c) {
                break;
            }
            only_hole = false;
            self.at += c.len_utf8();
            if let Some(value) = &mut value {
                value.push(c);
            }
        }
        match value {
            Some(_) if only_hole => self.push(Kind::Hole, HOLE_TEXT, start),
            Some(value) => self.push(Kind::Word, value, start),
            None => {
                let word = &self.text[start..self.at];
                if word.eq_ignore_ascii_case("delimiter") && self.begins_line(start) {
                    self.set_delimiter();
                } else if word.len() > 1 && word.starts_with('$') {
                    // A variable of a shell or of PHP.
                    self.push(Kind::Hole, HOLE_TEXT, start);
                } else {
                    self.push(Kind::Word, word, start);
                }
            }
        }
    }

    fn begins_line(&self, start: usize) -> bool {
        self.text[..start].chars().rev().find(|c| !matches!(c, ' ' | '\t')).is_none_or(|c| c == '\n' || c == '\r')
    }

    fn set_delimiter(&mut self) {
        let end = self.find("\n", self.at).unwrap_or(self.bytes.len());
        let delimiter = self.text[self.at..end].trim();
        self.delimiter = (!delimiter.is_empty() && delimiter != ";").then_some(delimiter);
        self.at = end;
    }

    /// The end of a placeholder that begins at `at` and may be part of a name: a hole, `%s`, `%(name)s`, `{name}`,
    /// `${name}`, `#{name}`.
    fn placeholder(&self, at: usize) -> Option<usize> {
        let rest = self.text.get(at..)?;
        let bytes = rest.as_bytes();
        match bytes.first()? {
            b'%' => match bytes.get(1)? {
                b's' | b'd' | b'i' | b'r' | b'f' if !bytes.get(2).is_some_and(|b| b.is_ascii_alphanumeric()) => {
                    Some(at + 2)
                }
                // `%s_suffix` and `%sabc` are placeholders too: nothing else begins so.
                b's' => Some(at + 2),
                b'(' => {
                    let close = rest.find(')')?;
                    let name = &rest[2..close];
                    let conversion = bytes.get(close + 1)?;
                    (name.chars().all(|c| c.is_alphanumeric() || c == '_') && conversion.is_ascii_alphabetic())
                        .then_some(at + close + 2)
                }
                _ => None,
            },
            b'{' => closing_brace(rest).map(|end| at + end),
            b'$' | b'#' if bytes.get(1) == Some(&b'{') => closing_brace(&rest[1..]).map(|end| at + 1 + end),
            _ => rest.starts_with(HOLE).then_some(at + HOLE.len_utf8()),
        }
    }

    fn punct(&mut self) {
        const LONG: [&str; 14] = ["<=>", "->>", "<>", "!=", "<=", ">=", ":=", "&&", "||", "<<", ">>", "->", "==", "::"];
        let start = self.at;
        let rest = &self.text[start..];
        let length = LONG
            .iter()
            .find(|sign| rest.starts_with(**sign))
            .map_or_else(|| rest.chars().next().map_or(1, char::len_utf8), |sign| sign.len());
        self.at += length;
        self.push(Kind::Punct, &self.text[start..self.at], start);
    }
}

const HOLE_TEXT: &str = "\u{E000}";

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '@') || (!c.is_ascii() && c != HOLE && c != '\u{a0}')
}

/// The end of a `{…}` on one line, braces balanced, given text that begins with `{`.
fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b'\n' => return None,
            _ => {}
        }
    }
    None
}
