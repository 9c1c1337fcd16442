//! Where the texts of triggers, routines and events put values of columns: into columns and into their own variables.
//!
//! The texts are MySQL's stored programs (Reference Manual, "Compound Statements"), which may be of any length and are
//! read once, token by token. A statement that is not understood gives nothing.

use rustc_hash::FxHashMap;

use super::facts::{Assignment, Destination};
use crate::sql::{self, Token, TokenKind};

/// One text gives at most so many.
const MOST: usize = 1000;

/// Tokens of one text.
type Tokens<'t> = &'t [Token<'t>];

/// What a text assigns. `own` is the table of a trigger, to which `SET NEW.column` writes.
pub(super) fn in_text(text: &str, own: Option<&str>) -> Vec<Assignment> {
    let tokens = sql::lex(text, true);
    let mut reader = Reader { own, variables: FxHashMap::default(), cursors: FxHashMap::default(), found: Vec::new() };
    for statement in sql::statements(&tokens) {
        // `BEGIN`, `THEN`, `DO` and the like stand before statements without a `;` between.
        for at in starts(statement) {
            reader.statement(&statement[at..]);
        }
    }
    let mut found = reader.found;
    found.sort();
    found.dedup();
    found.truncate(MOST);
    found
}

/// Where statements of interest begin.
fn starts(tokens: Tokens<'_>) -> Vec<usize> {
    const BEGIN: [&str; 7] = ["declare", "set", "select", "insert", "replace", "update", "fetch"];
    // `ON DUPLICATE KEY UPDATE`, `FOR UPDATE` and the `SET` of an `UPDATE` begin nothing; a `SELECT` in one is its part.
    // The lexer reads the end of `label:LOOP` as a placeholder.
    let after = |token: &Token<'_>| {
        token.is_any(&["begin", "then", "else", "do", "loop", "repeat", "row"])
            || token.sign(":")
            || token.kind == TokenKind::Hole
    };
    let begins = |at: &usize| tokens[*at].is_any(&BEGIN) && (*at == 0 || after(&tokens[*at - 1]));
    (0..tokens.len()).filter(begins).collect()
}

struct Reader<'t> {
    own: Option<&'t str>,
    /// Declared variables and their types.
    variables: FxHashMap<String, String>,
    /// The expressions of cursors.
    cursors: FxHashMap<String, Vec<Tokens<'t>>>,
    found: Vec<Assignment>,
}

impl<'t> Reader<'t> {
    fn statement(&mut self, tokens: Tokens<'t>) {
        let Some(first) = tokens.first().and_then(word) else { return };
        match first.as_str() {
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
    fn declare(&mut self, tokens: Tokens<'t>) {
        let mut names = Vec::new();
        let mut at = 0;
        while let Some(name) = tokens.get(at).and_then(word) {
            names.push(name);
            at += 1;
            match tokens.get(at) {
                Some(token) if token.sign(",") => at += 1,
                _ => break,
            }
        }
        let rest = tokens.get(at..).unwrap_or_default();
        match rest.first() {
            Some(token) if token.is("cursor") => {
                if let (Some(name), Some((_, query))) = (names.first(), cut(rest, "select")) {
                    self.cursors.insert(name.clone(), split(before(query, "from")));
                }
            }
            Some(token) if token.is_any(&["handler", "condition"]) => {}
            Some(token) if token.is_name() => {
                let declared = declared_type(before(rest, "default"));
                for name in &names {
                    self.variables.insert(name.clone(), declared.clone());
                }
                if let (Some(name), Some((_, value))) = (names.first(), cut(rest, "default")) {
                    self.assign(value, std::slice::from_ref(name), None);
                }
            }
            _ => {}
        }
    }

    /// `SET a = x, NEW.b := y`, and what follows `UPDATE t SET`.
    fn set(&mut self, tokens: Tokens<'t>, table: Option<&str>) {
        for part in split(tokens) {
            let Some(equals) = part.iter().position(|token| token.sign("=") || token.sign(":=")) else { continue };
            let value = &part[equals + 1..];
            let end = value.iter().position(|token| token.is_any(&["where", "order", "limit"]));
            self.assign(&value[..end.unwrap_or(value.len())], &words(&part[..equals]), table);
        }
    }

    /// `SELECT a, b INTO x, y FROM …`.
    fn select_into(&mut self, tokens: Tokens<'t>) {
        let Some((values, targets)) = cut(tokens, "into") else { return };
        for (value, target) in split(before(values, "from")).into_iter().zip(split(before(targets, "from"))) {
            self.assign(value, &words(target), None);
        }
    }

    /// `FETCH c INTO x, y`.
    fn fetch(&mut self, tokens: Tokens<'t>) {
        let Some((cursor, targets)) = cut(tokens, "into") else { return };
        let values = cursor.last().and_then(word).and_then(|name| self.cursors.get(&name).cloned());
        for (value, target) in values.unwrap_or_default().into_iter().zip(split(targets)) {
            self.assign(value, &words(target), None);
        }
    }

    /// `INSERT INTO t (a, b) VALUES (x, y), …`, `INSERT INTO t (a, b) SELECT x, y FROM …`, `INSERT INTO t SET a = x`.
    fn insert(&mut self, tokens: Tokens<'t>) {
        const OPTIONS: [&str; 5] = ["low_priority", "delayed", "high_priority", "ignore", "into"];
        let skip = tokens.iter().take_while(|token| token.is_any(&OPTIONS)).count();
        let (table, rest) = name(&tokens[skip..]);
        let Some(table) = table else { return };
        if rest.first().is_some_and(|token| token.is("set")) {
            return self.set(&rest[1..], Some(&table));
        }
        let Some((columns, rest)) = group(rest) else { return };
        let columns: Vec<Option<String>> = split(columns).iter().map(|one| word(one.last()?)).collect();
        let mut rows: Vec<Vec<Tokens<'t>>> = Vec::new();
        if let Some(at) = rest.iter().position(|token| token.is_any(&["values", "value"])) {
            let mut left = &rest[at + 1..];
            while let Some((row, after)) = group(left) {
                rows.push(split(row));
                left = after.split_first().filter(|(first, _)| first.sign(",")).map_or(&[], |(_, more)| more);
            }
        } else if let Some((_, query)) = cut(rest, "select") {
            rows.push(split(before(query, "from")));
        }
        for row in &rows {
            for (value, column) in row.iter().zip(&columns) {
                if let Some(column) = column {
                    self.assign(value, std::slice::from_ref(column), Some(&table));
                }
            }
        }
    }

    fn update(&mut self, tokens: Tokens<'t>) {
        let (table, rest) = name(tokens);
        if let (Some(table), Some((_, assignments))) = (table, cut(rest, "set")) {
            self.set(assignments, Some(&table));
        }
    }

    /// Notes what goes from the columns in an expression to a variable, or to a column of `table`.
    fn assign(&mut self, value: Tokens<'_>, to: &[String], table: Option<&str>) {
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
fn references(tokens: Tokens<'_>) -> Vec<String> {
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
        if rest.first().is_some_and(|token| token.sign("(")) {
            if !HANDING.contains(&last.as_str()) {
                // `CAST(x AS …)` keeps the value when it fits; others do not.
                let Some((inner, after)) = group(rest) else { continue };
                if last == "cast" || last == "convert" {
                    let end = inner.iter().position(|token| token.is("as") || token.sign(","));
                    found.extend(references(&inner[..end.unwrap_or(inner.len())]));
                }
                at = tokens.len() - after.len();
            }
            continue;
        }
        if !["null", "true", "false", "and", "or", "not", "distinct", "as"].contains(&last.as_str()) {
            found.push(chain.join("."));
        }
    }
    found
}

/// A type as `COLUMN_TYPE` writes it.
fn declared_type(tokens: Tokens<'_>) -> String {
    let mut out = String::new();
    for token in tokens {
        match token.kind {
            TokenKind::Punct => out.push_str(&token.text),
            TokenKind::Str => {}
            _ => {
                if !out.is_empty() && !out.ends_with(['(', ',']) {
                    out.push(' ');
                }
                out.push_str(&token.text.to_lowercase());
            }
        }
    }
    out
}

/// A word or a name in small letters; `None` for a text, a number or a sign.
fn word(token: &Token<'_>) -> Option<String> {
    token.is_name().then(|| token.text.to_lowercase())
}

/// The words and names among tokens: those of `NEW.column`.
fn words(tokens: Tokens<'_>) -> Vec<String> {
    tokens.iter().filter_map(word).collect()
}

/// What stands before and behind the first such keyword.
fn cut<'t>(tokens: Tokens<'t>, keyword: &str) -> Option<(Tokens<'t>, Tokens<'t>)> {
    let at = tokens.iter().position(|token| token.is(keyword))?;
    Some((&tokens[..at], &tokens[at + 1..]))
}

/// What stands before the first such keyword; all of it without one.
fn before<'t>(tokens: Tokens<'t>, keyword: &str) -> Tokens<'t> {
    cut(tokens, keyword).map_or(tokens, |(before, _)| before)
}

/// The last part of a name with dots, and what follows.
fn name<'t>(tokens: Tokens<'t>) -> (Option<String>, Tokens<'t>) {
    let (mut chain, rest) = name_chain(tokens);
    (chain.pop(), rest)
}

fn name_chain<'t>(tokens: Tokens<'t>) -> (Vec<String>, Tokens<'t>) {
    let mut chain = Vec::new();
    let mut rest = tokens;
    while let Some(name) = rest.first().and_then(word) {
        chain.push(name);
        rest = &rest[1..];
        match rest.first() {
            Some(token) if token.sign(".") => rest = &rest[1..],
            _ => break,
        }
    }
    (chain, rest)
}

/// What stands between the parentheses that the tokens begin with, and what follows them.
fn group<'t>(tokens: Tokens<'t>) -> Option<(Tokens<'t>, Tokens<'t>)> {
    tokens.first().filter(|token| token.sign("("))?;
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        if token.sign("(") {
            depth += 1;
        } else if token.sign(")") {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            return Some((&tokens[1..at], &tokens[at + 1..]));
        }
    }
    None
}

/// Splits at the commas that stand in no parentheses.
fn split<'t>(tokens: Tokens<'t>) -> Vec<Tokens<'t>> {
    let mut depth = 0_i32;
    tokens
        .split(|token| {
            depth += i32::from(token.sign("(")) - i32::from(token.sign(")"));
            depth == 0 && token.sign(",")
        })
        .collect()
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
            ("BEGIN SET NEW.copy := NEW.id; END", "new.id > shop_order.copy"),
            ("again:LOOP SET NEW.copy = NEW.id; END LOOP again", "new.id > shop_order.copy"),
            ("/*!50003 BEGIN SET NEW.copy = NEW.id; END */", "new.id > shop_order.copy"),
            ("BEGIN DECLARE `set` INT; SET `set` = NEW.id % 10; END", "new.id > set int"),
            ("BEGIN DECLARE v INT; SET v = LENGTH(NEW.id); -- SET v = NEW.id\n END", ""),
            ("INSERT INTO log (a) VALUES ('NEW.id;')", ""),
            ("INSERT INTO log (a) VALUES (IFNULL(NEW.id, 0))", "new.id > log.a"),
            ("", ""),
        ] {
            assert_eq!(assigned(text), expected, "{text}");
        }
    }
}
