//! What a run of tokens is: a statement with a verb, a fragment, or no SQL.

use super::lex::{HOLE, Kind, Token};

/// What follows CREATE and DROP (MySQL 8.4 manual, 15.1; MariaDB's SEQUENCE and ONLINE).
const MADE: &[&str] = &[
    "TABLE",
    "TEMPORARY",
    "INDEX",
    "UNIQUE",
    "FULLTEXT",
    "SPATIAL",
    "VIEW",
    "OR",
    "TRIGGER",
    "DATABASE",
    "SCHEMA",
    "PROCEDURE",
    "FUNCTION",
    "EVENT",
    "ALGORITHM",
    "DEFINER",
    "SQL",
    "USER",
    "ONLINE",
    "OFFLINE",
    "SEQUENCE",
    "ROLE",
    "TABLESPACE",
    "SERVER",
    "PREPARE",
];

/// What follows ALTER.
const ALTERED: &[&str] = &[
    "TABLE",
    "IGNORE",
    "ONLINE",
    "VIEW",
    "ALGORITHM",
    "DEFINER",
    "DATABASE",
    "SCHEMA",
    "USER",
    "EVENT",
    "PROCEDURE",
    "FUNCTION",
    "SEQUENCE",
    "SERVER",
    "TABLESPACE",
    "INSTANCE",
    "SQL",
];

/// What follows SHOW (MySQL 8.4 manual, 15.7.7).
const SHOWN: &[&str] = &[
    "CREATE",
    "FULL",
    "COLUMNS",
    "FIELDS",
    "INDEX",
    "INDEXES",
    "KEYS",
    "TABLE",
    "TABLES",
    "TRIGGERS",
    "EXTENDED",
    "VARIABLES",
    "GLOBAL",
    "SESSION",
    "STATUS",
    "DATABASES",
    "PROCESSLIST",
    "GRANTS",
    "WARNINGS",
    "ENGINE",
    "MASTER",
    "SLAVE",
    "REPLICA",
    "BINARY",
    "OPEN",
    "COUNT",
    "ERRORS",
];

/// What follows SET, but for a variable: `SET x = 1` alone is as likely a part of an UPDATE.
const SETTABLE: &[&str] =
    &["NAMES", "GLOBAL", "SESSION", "LOCAL", "PERSIST", "CHARACTER", "TRANSACTION", "PASSWORD", "STATEMENT"];

/// The leading verb in capitals, when the words after it bear it out; empty for a fragment and for prose.
pub(crate) fn verb(tokens: &[Token<'_>]) -> String {
    const BODY: [&str; 6] = ["BEGIN", "THEN", "ELSE", "DO", "LOOP", "END"];
    let first = tokens.iter().position(|token| !token.sign("(") && !token.is_any(&BODY)).unwrap_or(tokens.len());
    let Some(head) = tokens.get(first).filter(|token| token.kind == Kind::Word) else { return String::new() };
    let rest = &tokens[first + 1..];
    let has = |words: &[&str]| rest.iter().any(|token| token.is_any(words));
    let next_is = |words: &[&str]| rest.first().is_some_and(|token| token.is_any(words));
    // A hole can hide the decisive clause.
    let open = rest.len() < 3 || rest.iter().any(|token| token.text.contains(HOLE));
    let verb = head.text.to_ascii_uppercase();
    let plausible = match verb.as_str() {
        "SELECT" => true,
        "WITH" => has(&["SELECT", "UPDATE", "DELETE"]),
        "INSERT" | "REPLACE" => {
            (next_is(&["INTO", "IGNORE", "LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED"])
                || has(&["VALUES", "VALUE", "SELECT", "SET"])
                || open)
                && !rest.first().is_some_and(|token| token.sign("("))
        }
        "UPDATE" => has(&["SET"]) || open,
        "DELETE" => has(&["FROM"]),
        "CREATE" | "DROP" => next_is(MADE),
        "ALTER" => next_is(ALTERED),
        "RENAME" => next_is(&["TABLE", "TABLES", "USER"]),
        "TRUNCATE" => next_is(&["TABLE"]) || rest.len() <= 3,
        "LOCK" | "UNLOCK" => next_is(&["TABLE", "TABLES", "INSTANCE"]),
        "SHOW" => next_is(SHOWN),
        "DESC" | "DESCRIBE" | "EXPLAIN" => rest.first().is_some_and(Token::is_name),
        "ANALYZE" | "OPTIMIZE" | "CHECK" | "CHECKSUM" | "REPAIR" => has(&["TABLE", "TABLES"]),
        "LOAD" => next_is(&["DATA", "XML"]),
        "HANDLER" => has(&["OPEN", "READ", "CLOSE"]),
        "GRANT" | "REVOKE" => has(&["ON", "TO", "FROM"]),
        "SET" => next_is(SETTABLE) || rest.first().is_some_and(|token| token.text.starts_with('@')),
        "FLUSH" | "USE" | "CALL" | "KILL" | "PREPARE" | "EXECUTE" | "DEALLOCATE" => {
            rest.first().is_some_and(Token::is_name)
        }
        "START" => next_is(&["TRANSACTION", "SLAVE", "REPLICA"]),
        "COMMIT" | "ROLLBACK" => rest.is_empty() || next_is(&["WORK", "TO"]),
        _ => false,
    };
    if plausible { verb } else { String::new() }
}

/// Words that begin a fragment.
const CLAUSE_START: [&str; 22] = [
    "WHERE",
    "AND",
    "OR",
    "ON",
    "JOIN",
    "LEFT",
    "RIGHT",
    "INNER",
    "CROSS",
    "OUTER",
    "NATURAL",
    "STRAIGHT_JOIN",
    "FROM",
    "INTO",
    "SET",
    "ORDER",
    "GROUP",
    "HAVING",
    "UNION",
    "VALUES",
    "NOT",
    "EXISTS",
];

/// Whether a text without a verb is a part of a statement: it begins as a clause, compares dotted names, or is a list
/// of names.
pub(crate) fn is_fragment(tokens: &[Token<'_>]) -> bool {
    if tokens.iter().find(|token| !token.sign("(")).is_some_and(|token| token.is_any(&CLAUSE_START)) && tokens.len() > 2
    {
        return true;
    }
    if tokens.split(|token| token.sign(",")).all(is_table_reference) {
        return true;
    }
    let compares = tokens.iter().any(|token| {
        ["=", "<", ">", "<=", ">=", "<>", "!="].iter().any(|sign| token.sign(sign))
            || token.is_any(&["IN", "IS", "LIKE", "BETWEEN", "JOIN", "SELECT", "FROM", "COUNT", "SUM", "MAX", "MIN"])
    });
    let dotted =
        tokens.windows(3).any(|w| w[0].is_name() && w[1].sign(".") && w[2].is_name() && w[0].end == w[1].start);
    compares && (dotted || tokens.iter().any(|token| token.kind == Kind::Quoted || token.is_any(&["SELECT", "JOIN"])))
}

/// `name`, `schema.name`, `name AS alias`: what may stand in a list of tables.
fn is_table_reference(tokens: &[Token<'_>]) -> bool {
    match tokens {
        [name] => name.is_name(),
        [a, point, b] if point.sign(".") || point.is("AS") => a.is_name() && b.is_name(),
        [a, point, b, as_word, alias] => {
            point.sign(".") && as_word.is("AS") && [a, b, alias].iter().all(|token| token.is_name())
        }
        _ => false,
    }
}
