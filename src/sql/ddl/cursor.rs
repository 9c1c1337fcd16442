//! A place in the tokens of one statement.

use crate::sql::lex::{Kind, Token};

/// The name of a table, with its schema (database) when that is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    /// The schema.
    pub schema: Option<String>,
    /// The name, without quotes.
    pub name: String,
}

/// A value, or what was expected and what was found.
pub(super) type Parsed<T> = Result<T, String>;

pub(super) struct Cursor<'t, 'a> {
    text: &'a str,
    tokens: &'t [Token<'a>],
    at: usize,
}

impl<'t, 'a> Cursor<'t, 'a> {
    pub fn new(text: &'a str, tokens: &'t [Token<'a>]) -> Self {
        Self { text, tokens, at: 0 }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    pub fn peek(&self) -> Option<&'t Token<'a>> {
        self.tokens.get(self.at)
    }

    pub fn rest(&self) -> &'t [Token<'a>] {
        self.from(self.at)
    }

    pub fn from(&self, at: usize) -> &'t [Token<'a>] {
        self.tokens.get(at..).unwrap_or(&[])
    }

    pub fn rest_text(&self) -> &'a str {
        self.text_between(self.at, self.tokens.len())
    }

    /// The text from token `from` up to, not including, token `to`.
    pub fn text_between(&self, from: usize, to: usize) -> &'a str {
        match (self.tokens.get(from), to.checked_sub(1).and_then(|last| self.tokens.get(last))) {
            (Some(first), Some(last)) if first.start < last.end => &self.text[first.start..last.end],
            _ => "",
        }
    }

    pub fn advance(&mut self) {
        self.at += 1;
    }

    pub fn next_is(&self, keyword: &str) -> bool {
        self.peek().is_some_and(|token| token.is(keyword))
    }

    pub fn next_is_any(&self, keywords: &[&str]) -> bool {
        self.peek().is_some_and(|token| token.is_any(keywords))
    }

    pub fn next_sign(&self, sign: &str) -> bool {
        self.peek().is_some_and(|token| token.sign(sign))
    }

    pub fn second_is(&self, keyword: &str) -> bool {
        self.tokens.get(self.at + 1).is_some_and(|token| token.is(keyword))
    }

    pub fn eat(&mut self, keyword: &str) -> bool {
        let found = self.next_is(keyword);
        self.at += usize::from(found);
        found
    }

    pub fn eat_any(&mut self, keywords: &[&str]) -> bool {
        let found = self.next_is_any(keywords);
        self.at += usize::from(found);
        found
    }

    pub fn eat_sign(&mut self, sign: &str) -> bool {
        let found = self.next_sign(sign);
        self.at += usize::from(found);
        found
    }

    pub fn expect(&mut self, keyword: &str) -> Parsed<()> {
        if self.eat(keyword) { Ok(()) } else { Err(self.expected(keyword)) }
    }

    pub fn expect_sign(&mut self, sign: &str) -> Parsed<()> {
        if self.eat_sign(sign) { Ok(()) } else { Err(self.expected(sign)) }
    }

    /// Nothing may follow.
    pub fn end(&self) -> Parsed<()> {
        if self.peek().is_none() { Ok(()) } else { Err(self.expected("the end of the statement")) }
    }

    pub fn expected(&self, what: &str) -> String {
        match self.peek() {
            Some(token) => format!("expected {what}, found `{}`", &self.text[token.start..token.end]),
            None => format!("expected {what}, found the end of the statement"),
        }
    }

    pub fn if_not_exists(&mut self) -> bool {
        if self.next_is("IF") && self.second_is("NOT") {
            self.at += 3;
            return true;
        }
        false
    }

    pub fn if_exists(&mut self) -> bool {
        if self.next_is("IF") && self.second_is("EXISTS") {
            self.at += 2;
            return true;
        }
        false
    }

    pub fn name(&mut self, what: &str) -> Parsed<String> {
        match self.peek() {
            // In ANSI mode names stand in double quotes; no string fits where a name is expected.
            Some(token) if token.is_name() || (token.kind == Kind::Str && self.double_quoted(token)) => {
                self.at += 1;
                Ok(token.text.to_string())
            }
            _ => Err(self.expected(what)),
        }
    }

    fn double_quoted(&self, token: &Token<'_>) -> bool {
        self.text[token.start..].starts_with('"')
    }

    pub fn table_name(&mut self) -> Parsed<TableName> {
        let first = self.name("a table")?;
        if self.eat_sign(".") {
            return Ok(TableName { schema: Some(first), name: self.name("a table")? });
        }
        Ok(TableName { schema: None, name: first })
    }

    /// `(a, b)`
    pub fn names_in_parens(&mut self) -> Parsed<Vec<String>> {
        self.expect_sign("(")?;
        let mut names = Vec::new();
        while !self.eat_sign(")") {
            names.push(self.name("a column")?);
            if !self.eat_sign(",") && !self.next_sign(")") {
                return Err(self.expected(", or )"));
            }
        }
        Ok(names)
    }

    /// A pair of parentheses; gives the text between them.
    pub fn parens(&mut self) -> Parsed<&'a str> {
        self.expect_sign("(")?;
        let first = self.at;
        let mut depth = 1_usize;
        while let Some(token) = self.peek() {
            if token.sign("(") {
                depth += 1;
            } else if token.sign(")") {
                depth -= 1;
            }
            self.at += 1;
            if depth == 0 {
                return Ok(self.text_between(first, self.at - 1));
            }
        }
        Err(self.expected(")"))
    }

    pub fn string(&mut self, what: &str) -> Parsed<String> {
        match self.peek() {
            Some(token) if token.kind == Kind::Str => {
                self.at += 1;
                let mut value = token.text.to_string();
                // Strings that stand side by side are one.
                while let Some(next) = self.peek().filter(|next| next.kind == Kind::Str) {
                    value.push_str(&next.text);
                    self.at += 1;
                }
                Ok(value)
            }
            _ => Err(self.expected(what)),
        }
    }

    /// `NAME [=] value`: the name in capitals and the value decoded.
    pub fn option(&mut self) -> Parsed<(String, String)> {
        let name = self.name("an option")?.to_ascii_uppercase();
        self.eat_sign("=");
        if self.next_sign("(") {
            return Ok((name, self.parens()?.to_owned()));
        }
        match self.peek() {
            Some(token) if token.is_name() || matches!(token.kind, Kind::Str | Kind::Number) => {
                self.at += 1;
                Ok((name, token.text.to_string()))
            }
            _ => Err(self.expected(&format!("a value of {name}"))),
        }
    }

    /// Skips to the next comma that stands in no parentheses, or to the end; gives the text that was skipped.
    pub fn skip_clause(&mut self) -> &'a str {
        let first = self.at;
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            if depth == 0 && token.sign(",") {
                break;
            }
            if token.sign("(") {
                depth += 1;
            } else if token.sign(")") {
                depth = depth.saturating_sub(1);
            }
            self.at += 1;
        }
        self.text_between(first, self.at)
    }

    /// Back to a place that [`Self::at`] returned.
    pub fn back_to(&mut self, at: usize) {
        self.at = at;
    }
}
