//! Where the texts of triggers, routines and events put values of columns: into columns and into their own variables.
//!
//! The texts are MySQL's stored programs (Reference Manual, "Compound Statements"), which may be of any length and are
//! read once, token by token. A statement that is not understood gives nothing.

use rustc_hash::FxHashMap;

use super::facts::{Assignment, Destination};

/// One text gives at most so many.
const MOST: usize = 1000;

/// A token of SQL: words and names in small letters, and single characters of punctuation.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// A word, a number or a name in quotes.
    Word(String),
    /// A text.
    Text,
    /// Punctuation.
    Mark(char),
}

impl Token {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(held) if held == word)
    }

    fn is_mark(&self, mark: char) -> bool {
        matches!(self, Self::Mark(held) if *held == mark)
    }

    fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// What a text assigns. `own` is the table of a trigger, to which `SET NEW.column` writes.
pub(super) fn in_text(text: &str, own: Option<&str>) -> Vec<Assignment> {
    let tokens = tokens(text);
    let mut reader = Reader { own, variables: FxHashMap::default(), cursors: FxHashMap::default(), found: Vec::new() };
    for statement in tokens.split(|token| token.is_mark(';')) {
        // `BEGIN`, `THEN`, `DO` and the like stand before statements without a `;` between.
        for at in starts(statement) {
            reader.statement(&statement[at..]);
        }
    }
    reader.found.sort();
    reader.found.dedup();
    reader.found.truncate(MOST);
    reader.found
}

/// Where statements of interest begin.
fn starts(tokens: &[Token]) -> Vec<usize> {
    let begins = |token: &Token| {
        ["declare", "set", "select", "insert", "replace", "update", "fetch"].iter().any(|word| token.is(word))
    };
    // `ON DUPLICATE KEY UPDATE`, `FOR UPDATE` and the `SET` of an `UPDATE` begin nothing; a `SELECT` in one is its part.
    let after = |at: usize| {
        at == 0
            || ["begin", "then", "else", "do", "loop", "repeat", "row"].iter().any(|word| tokens[at - 1].is(word))
            || tokens[at - 1].is_mark(':')
    };
    (0..tokens.len()).filter(|at| begins(&tokens[*at]) && after(*at)).collect()
}

struct Reader<'a> {
    own: Option<&'a str>,
    /// Declared variables and their types.
    variables: FxHashMap<String, String>,
    /// The expressions of cursors.
    cursors: FxHashMap<String, Vec<Vec<Token>>>,
    found: Vec<Assignment>,
}

impl Reader<'_> {
    fn statement(&mut self, tokens: &[Token]) {
        let Some(first) = tokens.first().and_then(Token::word) else { return };
        match first {
            "declare" => self.declare(&tokens[1..]),
            "set" => self.set(&tokens[1..], None),
            "select" => self.select_into(&tokens[1..]),
            "insert" | "replace" => self.insert(&tokens[1..]),
            "update" => self.update(&tokens[1..]),
            "fetch" => self.fetch(&tokens[1..]),
            _ => {}
        }
    }

    /// `DECLARE a, b INT UNSIGNED DEFAULT 0`, `DECLARE c CURSOR FOR SELECT …`.
    fn declare(&mut self, tokens: &[Token]) {
        let mut names = Vec::new();
        let mut at = 0;
        while let Some(name) = tokens.get(at).and_then(Token::word) {
            names.push(name.to_owned());
            at += 1;
            match tokens.get(at) {
                Some(token) if token.is_mark(',') => at += 1,
                _ => break,
            }
        }
        let rest = tokens.get(at..).unwrap_or_default();
        match rest.first() {
            Some(token) if token.is("cursor") => {
                if let (Some(name), Some(select)) = (names.first(), rest.iter().position(|token| token.is("select"))) {
                    let query = &rest[select + 1..];
                    let end = query.iter().position(|token| token.is("from")).unwrap_or(query.len());
                    self.cursors.insert(name.clone(), list(&query[..end]));
                }
            }
            Some(token) if token.is("handler") || token.is("condition") => {}
            Some(Token::Word(_)) => {
                let end = rest.iter().position(|token| token.is("default")).unwrap_or(rest.len());
                let declared = declared_type(&rest[..end]);
                for name in &names {
                    self.variables.insert(name.clone(), declared.clone());
                }
                if let (Some(name), Some(value)) = (names.first(), rest.get(end + 1..)) {
                    self.assign(value, std::slice::from_ref(name), None);
                }
            }
            _ => {}
        }
    }

    /// `SET a = x, NEW.b = y`, and what follows `UPDATE t SET`.
    fn set(&mut self, tokens: &[Token], table: Option<&str>) {
        for part in split(tokens, ',') {
            let Some(equals) = part.iter().position(|token| token.is_mark('=')) else { continue };
            let to: Vec<String> = part[..equals].iter().filter_map(Token::word).map(str::to_owned).collect();
            let end = part.iter().position(|token| token.is("where") || token.is("order") || token.is("limit"));
            let value = &part[equals + 1..end.unwrap_or(part.len()).max(equals + 1)];
            self.assign(value, &to, table);
        }
    }

    /// `SELECT a, b INTO x, y FROM …`.
    fn select_into(&mut self, tokens: &[Token]) {
        let Some(into) = tokens.iter().position(|token| token.is("into")) else { return };
        let from = |tokens: &[Token]| tokens.iter().position(|token| token.is("from")).unwrap_or(tokens.len());
        let values = list(&tokens[..into.min(from(tokens))]);
        let rest = &tokens[into + 1..];
        let targets = split(&rest[..from(rest)], ',');
        for (value, target) in values.iter().zip(targets) {
            let to: Vec<String> = target.iter().filter_map(Token::word).map(str::to_owned).collect();
            self.assign(value, &to, None);
        }
    }

    /// `FETCH c INTO x, y`.
    fn fetch(&mut self, tokens: &[Token]) {
        let Some(into) = tokens.iter().position(|token| token.is("into")) else { return };
        let Some(name) = tokens[..into].last().and_then(Token::word) else { return };
        let Some(values) = self.cursors.get(name).cloned() else { return };
        for (value, target) in values.iter().zip(split(&tokens[into + 1..], ',')) {
            let to: Vec<String> = target.iter().filter_map(Token::word).map(str::to_owned).collect();
            self.assign(value, &to, None);
        }
    }

    /// `INSERT INTO t (a, b) VALUES (x, y), …`, `INSERT INTO t (a, b) SELECT x, y FROM …`, `INSERT INTO t SET a = x`.
    fn insert(&mut self, tokens: &[Token]) {
        let options = ["low_priority", "delayed", "high_priority", "ignore", "into"];
        let skip = tokens.iter().take_while(|token| options.iter().any(|word| token.is(word))).count();
        let (table, rest) = name(&tokens[skip..]);
        let Some(table) = table else { return };
        if rest.first().is_some_and(|token| token.is("set")) {
            return self.set(&rest[1..], Some(&table));
        }
        let Some((columns, rest)) = group(rest) else { return };
        let columns: Vec<Option<&str>> = split(columns, ',').iter().map(|one| one.last()?.word()).collect();
        let mut rows: Vec<Vec<Vec<Token>>> = Vec::new();
        if let Some(at) = rest.iter().position(|token| token.is("values") || token.is("value")) {
            let mut left = &rest[at + 1..];
            while let Some((row, after)) = group(left) {
                rows.push(split(row, ',').into_iter().map(<[Token]>::to_vec).collect());
                left = after.strip_prefix(&[Token::Mark(',')]).unwrap_or(&[]);
            }
        } else if let Some(at) = rest.iter().position(|token| token.is("select")) {
            let query = &rest[at + 1..];
            let end = query.iter().position(|token| token.is("from")).unwrap_or(query.len());
            rows.push(list(&query[..end]));
        }
        for row in &rows {
            for (value, column) in row.iter().zip(&columns) {
                if let Some(column) = column {
                    self.assign(value, &[(*column).to_owned()], Some(&table));
                }
            }
        }
    }

    fn update(&mut self, tokens: &[Token]) {
        let (table, rest) = name(tokens);
        if let (Some(table), Some(at)) = (table, rest.iter().position(|token| token.is("set"))) {
            self.set(&rest[at + 1..], Some(&table));
        }
    }

    /// Notes what goes from the columns in an expression to a variable, or to a column of `table`.
    fn assign(&mut self, value: &[Token], to: &[String], table: Option<&str>) {
        let Some(last) = to.last() else { return };
        let destination = match (table, to) {
            (Some(table), _) => Destination::Column { table: table.to_owned(), column: last.clone() },
            (None, [new, column]) if new == "new" => match self.own {
                Some(own) => Destination::Column { table: own.to_owned(), column: column.clone() },
                None => return,
            },
            (None, [name]) => match self.variables.get(name) {
                Some(held) => Destination::Variable { name: name.clone(), variable_type: held.clone() },
                None => return,
            },
            _ => return,
        };
        for from in references(value) {
            self.found.push(Assignment { from, to: destination.clone() });
        }
    }
}

/// The columns and variables that an expression takes values from, with what stands before their dots. What a function
/// makes of a value is another value, but for those that hand one of theirs on.
fn references(tokens: &[Token]) -> Vec<String> {
    const HANDING: [&str; 8] = ["ifnull", "coalesce", "nullif", "if", "greatest", "least", "max", "min"];
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let (chain, rest) = name_chain(&tokens[at..]);
        let Some(last) = chain.last() else {
            at += 1;
            continue;
        };
        at = tokens.len() - rest.len();
        if rest.first().is_some_and(|token| token.is_mark('(')) {
            if !HANDING.contains(&last.as_str()) {
                // `CAST(x AS …)` keeps the value when it fits; others do not.
                let Some((inner, after)) = group(rest) else { continue };
                if last == "cast" || last == "convert" {
                    let end =
                        inner.iter().position(|token| token.is("as") || token.is_mark(',')).unwrap_or(inner.len());
                    found.extend(references(&inner[..end]));
                }
                at = tokens.len() - after.len();
            }
            continue;
        }
        let number = last.starts_with(|character: char| character.is_ascii_digit());
        if !number && !["null", "true", "false", "and", "or", "not", "distinct", "as"].contains(&last.as_str()) {
            found.push(chain.join("."));
        }
    }
    found
}

/// A type as `COLUMN_TYPE` writes it.
fn declared_type(tokens: &[Token]) -> String {
    let mut out = String::new();
    for token in tokens {
        match token {
            Token::Word(word) => {
                if !out.is_empty() && !out.ends_with(['(', ',']) {
                    out.push(' ');
                }
                out.push_str(word);
            }
            Token::Mark(mark) => out.push(*mark),
            Token::Text => {}
        }
    }
    out
}

/// The last part of a name with dots, and what follows.
fn name(tokens: &[Token]) -> (Option<String>, &[Token]) {
    let (chain, rest) = name_chain(tokens);
    (chain.last().cloned(), rest)
}

fn name_chain(tokens: &[Token]) -> (Vec<String>, &[Token]) {
    let mut chain = Vec::new();
    let mut rest = tokens;
    while let [Token::Word(word), after @ ..] = rest {
        chain.push(word.clone());
        rest = after;
        match rest {
            [Token::Mark('.'), after @ ..] => rest = after,
            _ => break,
        }
    }
    (chain, rest)
}

/// What stands between the parentheses that the tokens begin with, and what follows them.
fn group(tokens: &[Token]) -> Option<(&[Token], &[Token])> {
    tokens.first().filter(|token| token.is_mark('('))?;
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some((&tokens[1..at], &tokens[at + 1..]));
        }
    }
    None
}

/// Splits at a mark that stands in no parentheses.
fn split(tokens: &[Token], mark: char) -> Vec<&[Token]> {
    let mut depth = 0_i32;
    tokens
        .split(|token| {
            match token {
                Token::Mark('(') => depth += 1,
                Token::Mark(')') => depth -= 1,
                _ => {}
            }
            depth == 0 && token.is_mark(mark)
        })
        .collect()
}

/// The expressions of a `SELECT`.
fn list(tokens: &[Token]) -> Vec<Vec<Token>> {
    split(tokens, ',').into_iter().map(<[Token]>::to_vec).collect()
}

/// The tokens of a text, without its comments.
fn tokens(text: &str) -> Vec<Token> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || c == '@';
        if rest.starts_with("/*") {
            rest = rest.find("*/").map_or("", |at| &rest[at + 2..]);
        } else if rest.starts_with("-- ") || rest.starts_with("--\n") || first == '#' {
            rest = rest.find('\n').map_or("", |at| &rest[at..]);
        } else if first == '\'' || first == '"' || first == '`' {
            let (inner, after) = quoted(rest, first);
            out.push(if first == '`' { Token::Word(inner.to_lowercase()) } else { Token::Text });
            rest = after;
        } else if is_word(first) {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            out.push(Token::Word(rest[..end].to_lowercase()));
            rest = &rest[end..];
        } else {
            if !first.is_whitespace() {
                out.push(Token::Mark(first));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// What stands between quotes, as it is written, and what follows.
fn quoted(text: &str, quote: char) -> (&str, &str) {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && quote != '`' {
            characters.next();
        } else if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return (&text[1..at], &text[at + 1..]);
        }
    }
    (&text[1..], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assigned(text: &str) -> String {
        let words = |one: Assignment| match one.to {
            Destination::Column { table, column } => format!("{} > {table}.{column}", one.from),
            Destination::Variable { name, variable_type } => format!("{} > {name} {variable_type}", one.from),
        };
        in_text(text, Some("shop_order")).into_iter().map(words).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn programs_put_columns_into_columns_and_variables() {
        for (text, expected) in [
            ("INSERT INTO log (order_id, at) VALUES (NEW.id, NOW())", "new.id > log.order_id"),
            ("BEGIN INSERT INTO `db`.`Log` (`Order_id`) VALUES (NEW.`id`); END", "new.id > log.order_id"),
            ("INSERT log SET order_id = NEW.id, n = 1", "new.id > log.order_id"),
            ("INSERT INTO log (a) SELECT o.id FROM shop_order o", "o.id > log.a"),
            ("UPDATE log SET order_id = OLD.id WHERE n = NEW.n", "old.id > log.order_id"),
            ("BEGIN DECLARE v INT; SET v = NEW.id; END", "new.id > v int"),
            ("BEGIN DECLARE v, w INT(11) UNSIGNED DEFAULT NEW.id; END", "new.id > v int(11) unsigned"),
            ("BEGIN DECLARE v INT; SELECT id INTO v FROM shop_order LIMIT 1; END", "id > v int"),
            ("BEGIN DECLARE v INT; IF 1 THEN SET v = CAST(NEW.id AS SIGNED); END IF; END", "new.id > v int"),
            (
                "BEGIN DECLARE v INT; DECLARE c CURSOR FOR SELECT id FROM shop_order; OPEN c; FETCH c INTO v; END",
                "id > v int",
            ),
            ("BEGIN SET NEW.copy = NEW.id; END", "new.id > shop_order.copy"),
            ("BEGIN DECLARE v INT; SET v = LENGTH(NEW.id); -- SET v = NEW.id\n END", ""),
            ("INSERT INTO log (a) VALUES ('NEW.id;')", ""),
            ("INSERT INTO log (a) VALUES (IFNULL(NEW.id, 0))", "new.id > log.a"),
            ("", ""),
        ] {
            assert_eq!(assigned(text), expected, "{text}");
        }
    }
}
