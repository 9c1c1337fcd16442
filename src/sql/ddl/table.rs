//! `CREATE TABLE`: columns, keys, constraints and options.

use super::cursor::{Cursor, Parsed};
use super::{
    CheckDef, ColumnDef, CreateTable, DefaultValue, ForeignKeyDef, KeyDef, KeyKind, KeyOf, KeyPart, TableName,
    TableOptions,
};
use crate::sql::lex::Kind;
use crate::sql::quote_string;

pub(super) fn create_table(cursor: &mut Cursor<'_, '_>, temporary: bool) -> Parsed<CreateTable> {
    let if_not_exists = cursor.if_not_exists();
    let mut table = CreateTable {
        name: cursor.table_name()?,
        if_not_exists,
        temporary,
        columns: Vec::new(),
        keys: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        options: TableOptions::default(),
        like: None,
        select: None,
    };
    if cursor.eat("LIKE") {
        table.like = Some(cursor.table_name()?);
        cursor.end()?;
        return Ok(table);
    }
    let start = cursor.at();
    if cursor.eat_sign("(") {
        if cursor.eat("LIKE") {
            table.like = Some(cursor.table_name()?);
            cursor.expect_sign(")")?;
            cursor.end()?;
            return Ok(table);
        }
        if cursor.next_is_any(&["SELECT", "WITH"]) {
            cursor.back_to(start);
        } else {
            elements(cursor, &mut table)?;
        }
    }
    table_options(cursor, &mut table.options)?;
    if cursor.next_is_any(&["AS", "SELECT", "WITH", "IGNORE", "REPLACE"]) || cursor.next_sign("(") {
        cursor.eat_any(&["IGNORE", "REPLACE"]);
        cursor.eat("AS");
        table.select = Some(cursor.rest_text().to_owned());
        return Ok(table);
    }
    cursor.end()?;
    Ok(table)
}

fn elements(cursor: &mut Cursor<'_, '_>, table: &mut CreateTable) -> Parsed<()> {
    let mut periods = Vec::new();
    loop {
        match element(cursor)? {
            Some(Element::Key(key)) => table.keys.push(key),
            Some(Element::ForeignKey(key)) => table.foreign_keys.push(key),
            Some(Element::Check(check)) => table.checks.push(check),
            None if cursor.next_is("PERIOD") && cursor.second_is("FOR") => period(cursor, table, &mut periods)?,
            None => table.columns.push(column(cursor)?),
        }
        if cursor.eat_sign(")") {
            resolve_periods(table, &periods);
            return Ok(());
        }
        cursor.expect_sign(",")?;
    }
}

/// A period of MariaDB: its name and the columns in which it begins and ends.
type Period = (String, [String; 2]);

/// `PERIOD FOR name (begin, end)`. A period of an application is a check, too: that it begins before it ends.
fn period(cursor: &mut Cursor<'_, '_>, table: &mut CreateTable, periods: &mut Vec<Period>) -> Parsed<()> {
    cursor.advance();
    cursor.advance();
    let name = cursor.name("a period")?;
    let Ok([begin, end]) = <[String; 2]>::try_from(cursor.names_in_parens()?) else {
        return Err(cursor.expected("two columns"));
    };
    if !name.eq_ignore_ascii_case("SYSTEM_TIME") {
        let condition = format!("{} < {}", crate::sql::quote(&begin), crate::sql::quote(&end));
        table.checks.push(CheckDef { name: Some(name.clone()), condition, enforced: true });
    }
    periods.push((name, [begin, end]));
    Ok(())
}

/// A key over a period is one over its end and its begin, and the columns of a period are NOT NULL.
fn resolve_periods(table: &mut CreateTable, periods: &[Period]) {
    let part = |name: &String| KeyPart { of: KeyOf::Column(name.clone()), prefix: None, descending: false };
    for (name, [begin, end]) in periods {
        for key in &mut table.keys {
            let is_period = |part: &KeyPart| matches!(&part.of, KeyOf::Column(column) if column == name);
            if let Some(at) =
                key.parts.iter().position(is_period).filter(|_| table.columns.iter().all(|c| c.name != *name))
            {
                key.parts.splice(at..=at, [part(end), part(begin)]);
            }
        }
        for column in table.columns.iter_mut().filter(|column| column.name == *begin || column.name == *end) {
            column.nullable = Some(false);
        }
    }
}

pub(super) enum Element {
    Key(KeyDef),
    ForeignKey(ForeignKeyDef),
    Check(CheckDef),
}

/// A key or a constraint, or `None` when a column stands here.
pub(super) fn element(cursor: &mut Cursor<'_, '_>) -> Parsed<Option<Element>> {
    let mut symbol = None;
    let constraint = cursor.eat("CONSTRAINT");
    if constraint && !cursor.next_is_any(&["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"]) {
        symbol = Some(cursor.name("a constraint")?);
    }
    let kind = if cursor.next_is("PRIMARY") && cursor.second_is("KEY") {
        cursor.advance();
        cursor.advance();
        KeyKind::Primary
    } else if cursor.eat("UNIQUE") {
        cursor.eat_any(&["KEY", "INDEX"]);
        KeyKind::Unique
    } else if cursor.eat("FULLTEXT") {
        cursor.eat_any(&["KEY", "INDEX"]);
        KeyKind::Fulltext
    } else if cursor.eat("SPATIAL") {
        cursor.eat_any(&["KEY", "INDEX"]);
        KeyKind::Spatial
    } else if cursor.next_is("FOREIGN") && cursor.second_is("KEY") {
        return foreign_key(cursor, symbol).map(Element::ForeignKey).map(Some);
    } else if cursor.eat("CHECK") {
        return check(cursor, symbol).map(Element::Check).map(Some);
    } else if !constraint && cursor.eat_any(&["KEY", "INDEX"]) {
        KeyKind::Plain
    } else if constraint {
        return Err(cursor.expected("a constraint"));
    } else {
        return Ok(None);
    };
    cursor.if_not_exists();
    let mut name = symbol;
    let mut using = using(cursor)?;
    if !cursor.next_sign("(") && kind != KeyKind::Primary {
        name = Some(cursor.name("a key")?);
    } else if !cursor.next_sign("(") {
        // `PRIMARY KEY name (…)` is read by MySQL and the name forgotten.
        cursor.name("a key")?;
    }
    using = self::using(cursor)?.or(using);
    let mut key = KeyDef { kind, name, parts: key_parts(cursor)?, using, invisible: false };
    if kind == KeyKind::Primary {
        key.name = None;
    }
    key_options(cursor, &mut key)?;
    Ok(Some(Element::Key(key)))
}

pub(super) fn using(cursor: &mut Cursor<'_, '_>) -> Parsed<Option<String>> {
    if cursor.eat("USING") || (cursor.next_is("TYPE") && (cursor.second_is("BTREE") || cursor.second_is("HASH"))) {
        cursor.eat("TYPE");
        return cursor.name("BTREE or HASH").map(|name| Some(name.to_ascii_uppercase()));
    }
    Ok(None)
}

pub(super) fn key_parts(cursor: &mut Cursor<'_, '_>) -> Parsed<Vec<KeyPart>> {
    cursor.expect_sign("(")?;
    let mut parts = Vec::new();
    loop {
        let mut prefix = None;
        let of = if cursor.next_sign("(") {
            KeyOf::Expression(cursor.parens()?.to_owned())
        } else {
            let name = cursor.name("a column")?;
            if cursor.next_sign("(") {
                prefix = cursor.parens()?.trim().parse().ok();
            }
            KeyOf::Column(name)
        };
        let descending = cursor.eat("DESC");
        cursor.eat("ASC");
        parts.push(KeyPart { of, prefix, descending });
        if cursor.eat_sign(")") {
            return Ok(parts);
        }
        if cursor.eat("WITHOUT") {
            // MariaDB's `WITHOUT OVERLAPS`.
            cursor.advance();
            cursor.expect_sign(")")?;
            return Ok(parts);
        }
        cursor.expect_sign(",")?;
    }
}

pub(super) fn key_options(cursor: &mut Cursor<'_, '_>, key: &mut KeyDef) -> Parsed<()> {
    loop {
        if let Some(using) = using(cursor)? {
            key.using = Some(using);
        } else if cursor.next_is("WITH") && cursor.second_is("PARSER") {
            cursor.advance();
            cursor.advance();
            cursor.name("a parser")?;
        } else if cursor.eat_any(&["INVISIBLE", "IGNORED"]) {
            key.invisible = true;
        } else if cursor.next_is("NOT") && cursor.second_is("IGNORED") {
            cursor.advance();
            cursor.advance();
        } else if cursor.eat_any(&["VISIBLE"]) {
        } else if cursor.next_is_any(&[
            "KEY_BLOCK_SIZE",
            "COMMENT",
            "ENGINE_ATTRIBUTE",
            "SECONDARY_ENGINE_ATTRIBUTE",
            "CLUSTERING",
        ]) {
            cursor.option()?;
        } else {
            return Ok(());
        }
    }
}

fn foreign_key(cursor: &mut Cursor<'_, '_>, name: Option<String>) -> Parsed<ForeignKeyDef> {
    cursor.expect("FOREIGN")?;
    cursor.expect("KEY")?;
    cursor.if_not_exists();
    let index = if cursor.next_sign("(") { None } else { Some(cursor.name("an index")?) };
    let columns = cursor.names_in_parens()?;
    let mut key = references(cursor)?;
    key.name = name;
    key.index = index;
    key.columns = columns;
    Ok(key)
}

fn references(cursor: &mut Cursor<'_, '_>) -> Parsed<ForeignKeyDef> {
    cursor.expect("REFERENCES")?;
    let references: TableName = cursor.table_name()?;
    let referenced_columns = if cursor.next_sign("(") { cursor.names_in_parens()? } else { Vec::new() };
    let mut key = ForeignKeyDef {
        name: None,
        index: None,
        columns: Vec::new(),
        references,
        referenced_columns,
        on_delete: None,
        on_update: None,
    };
    loop {
        if cursor.eat("MATCH") {
            cursor.advance();
        } else if cursor.next_is("ON") && cursor.second_is("DELETE") {
            key.on_delete = Some(reference_action(cursor)?);
        } else if cursor.next_is("ON") && cursor.second_is("UPDATE") {
            key.on_update = Some(reference_action(cursor)?);
        } else {
            return Ok(key);
        }
    }
}

fn reference_action(cursor: &mut Cursor<'_, '_>) -> Parsed<String> {
    cursor.advance();
    cursor.advance();
    let first = cursor.name("an action")?.to_ascii_uppercase();
    if first == "SET" || first == "NO" {
        let second = cursor.name("an action")?.to_ascii_uppercase();
        return Ok(format!("{first} {second}"));
    }
    Ok(first)
}

fn check(cursor: &mut Cursor<'_, '_>, name: Option<String>) -> Parsed<CheckDef> {
    let condition = cursor.parens()?.to_owned();
    let mut enforced = true;
    if cursor.next_is("NOT") && cursor.second_is("ENFORCED") {
        cursor.advance();
        cursor.advance();
        enforced = false;
    } else {
        cursor.eat("ENFORCED");
    }
    Ok(CheckDef { name, condition, enforced })
}

pub(super) fn column(cursor: &mut Cursor<'_, '_>) -> Parsed<ColumnDef> {
    let name = cursor.name("a column or a key")?;
    column_named(cursor, name)
}

pub(super) fn column_named(cursor: &mut Cursor<'_, '_>, name: String) -> Parsed<ColumnDef> {
    let mut column = ColumnDef { name, ..ColumnDef::default() };
    column_type(cursor, &mut column)?;
    while column_attribute(cursor, &mut column)? {}
    if column.type_text == "serial" {
        "bigint unsigned".clone_into(&mut column.type_text);
        column.nullable = Some(false);
        column.auto_increment = true;
        column.unique = true;
    }
    Ok(column)
}

fn column_type(cursor: &mut Cursor<'_, '_>, column: &mut ColumnDef) -> Parsed<()> {
    let mut text = match cursor.peek() {
        Some(token) if token.kind == Kind::Word => token.text.to_ascii_lowercase(),
        _ => return Err(cursor.expected("a type")),
    };
    cursor.advance();
    // Types of several words.
    let following: &[&str] = match text.as_str() {
        "double" => &["PRECISION"],
        "character" | "char" | "nchar" => &["VARYING"],
        "national" => &["CHAR", "CHARACTER", "VARCHAR", "VARYING"],
        "long" => &["VARCHAR", "VARBINARY", "CHAR"],
        _ => &[],
    };
    while let Some(word) = cursor.peek().filter(|token| token.is_any(following)) {
        text.push(' ');
        text.push_str(&word.text.to_ascii_lowercase());
        cursor.advance();
    }
    if cursor.next_sign("(") {
        text.push('(');
        text.push_str(&type_parameters(cursor)?);
        text.push(')');
    }
    loop {
        match cursor.peek() {
            Some(token) if token.is_any(&["UNSIGNED", "SIGNED", "ZEROFILL"]) => {
                if !token.is("SIGNED") {
                    text.push(' ');
                    text.push_str(&token.text.to_ascii_lowercase());
                }
                cursor.advance();
            }
            Some(token) if token.is_any(&["BINARY", "ASCII", "UNICODE", "BYTE"]) => {
                match token.text.to_ascii_uppercase().as_str() {
                    "ASCII" => column.charset = Some("latin1".to_owned()),
                    "UNICODE" => column.charset = Some("ucs2".to_owned()),
                    "BYTE" => column.charset = Some("binary".to_owned()),
                    // The binary collation of the character set; which one is not known here.
                    _ => column.collation = Some("binary".to_owned()),
                }
                cursor.advance();
            }
            _ => break,
        }
    }
    column.type_text = text;
    Ok(())
}

/// `(10,2)` and `('a','b')` as the server writes them: no blanks, single quotes.
fn type_parameters(cursor: &mut Cursor<'_, '_>) -> Parsed<String> {
    cursor.expect_sign("(")?;
    let mut out = String::new();
    while let Some(token) = cursor.peek() {
        cursor.advance();
        match token.kind {
            Kind::Punct if token.text == ")" => return Ok(out),
            Kind::Str => {
                out.push_str(&quote_string(&token.text));
            }
            _ => out.push_str(&token.text),
        }
    }
    Err(cursor.expected(")"))
}

/// One attribute; `false` when none stands here.
fn column_attribute(cursor: &mut Cursor<'_, '_>, column: &mut ColumnDef) -> Parsed<bool> {
    let Some(token) = cursor.peek().filter(|token| token.kind == Kind::Word) else { return Ok(false) };
    let word = token.text.to_ascii_uppercase();
    let start = cursor.at();
    cursor.advance();
    match word.as_str() {
        "NOT" => {
            if cursor.eat("NULL") {
                column.nullable = Some(false);
            } else if !cursor.eat_any(&["SECONDARY", "INVISIBLE", "ENFORCED"]) {
                return Err(cursor.expected("NULL"));
            }
        }
        "NULL" => column.nullable = Some(true),
        "DEFAULT" => column.default = Some(default(cursor)?),
        "ON" => {
            cursor.expect("UPDATE")?;
            column.on_update = Some(scalar(cursor)?);
        }
        "AUTO_INCREMENT" => column.auto_increment = true,
        "UNIQUE" => {
            cursor.eat_any(&["KEY", "INDEX"]);
            column.unique = true;
        }
        "PRIMARY" => {
            cursor.eat("KEY");
            column.primary = true;
        }
        "KEY" => column.primary = true,
        "COMMENT" => column.comment = Some(cursor.string("a comment")?),
        "COLLATE" => column.collation = Some(collation(cursor)?),
        "CHARSET" => column.charset = Some(charset(cursor)?),
        "CHARACTER" | "CHAR" => {
            cursor.expect("SET")?;
            column.charset = Some(charset(cursor)?);
        }
        "GENERATED" => {
            cursor.eat("ALWAYS");
            cursor.expect("AS")?;
            if cursor.eat("ROW") {
                // MariaDB's columns of system versioning: `ROW START` and `ROW END`.
                let which = cursor.name("START or END")?.to_ascii_uppercase();
                column.generated = Some(format!("ROW {which}"));
                column.stored = true;
            } else {
                column.generated = Some(cursor.parens()?.to_owned());
            }
        }
        "AS" => column.generated = Some(cursor.parens()?.to_owned()),
        "STORED" | "PERSISTENT" => column.stored = true,
        "INVISIBLE" => column.invisible = true,
        "VIRTUAL" | "VISIBLE" | "COMPRESSED" | "BINARY" => {
            cursor.eat_sign("=");
        }
        "COLUMN_FORMAT" | "STORAGE" | "ENGINE_ATTRIBUTE" | "SECONDARY_ENGINE_ATTRIBUTE" | "SRID" | "REF_SYSTEM_ID" => {
            cursor.back_to(start);
            cursor.option()?;
        }
        "REFERENCES" => {
            cursor.back_to(start);
            let mut key = references(cursor)?;
            key.columns = vec![column.name.clone()];
            column.references = Some(key);
        }
        "CHECK" => column.checks.push(check(cursor, None)?),
        "CONSTRAINT" => {
            let name = if cursor.next_is("CHECK") { None } else { Some(cursor.name("a constraint")?) };
            cursor.expect("CHECK")?;
            column.checks.push(check(cursor, name)?);
        }
        "WITH" | "WITHOUT" => {
            cursor.expect("SYSTEM")?;
            cursor.expect("VERSIONING")?;
        }
        "SERIAL" => {
            cursor.expect("DEFAULT")?;
            cursor.expect("VALUE")?;
            column.nullable = Some(false);
            column.auto_increment = true;
            column.unique = true;
        }
        _ => {
            cursor.back_to(start);
            return Ok(false);
        }
    }
    Ok(true)
}

fn charset(cursor: &mut Cursor<'_, '_>) -> Parsed<String> {
    cursor.eat_sign("=");
    match cursor.peek() {
        Some(token) if token.kind == Kind::Str => cursor.string("a character set"),
        _ => cursor.name("a character set"),
    }
    .map(|name| name.to_ascii_lowercase())
}

fn collation(cursor: &mut Cursor<'_, '_>) -> Parsed<String> {
    charset(cursor)
}

pub(super) fn default(cursor: &mut Cursor<'_, '_>) -> Parsed<DefaultValue> {
    let Some(token) = cursor.peek() else { return Err(cursor.expected("a default")) };
    if token.sign("(") {
        return Ok(DefaultValue::Expression(cursor.parens()?.to_owned()));
    }
    if token.is("NULL") {
        cursor.advance();
        return Ok(DefaultValue::Null);
    }
    if token.kind == Kind::Str {
        return cursor.string("a default").map(DefaultValue::String);
    }
    let sign = match token.text.as_ref() {
        "-" if token.kind == Kind::Punct => "-",
        "+" if token.kind == Kind::Punct => "+",
        _ => "",
    };
    if !sign.is_empty() {
        cursor.advance();
    }
    if let Some(number) = cursor.peek().filter(|token| token.kind == Kind::Number) {
        cursor.advance();
        return Ok(DefaultValue::Number(format!("{}{}", sign.trim_start_matches('+'), number.text)));
    }
    if let Some(word) = cursor.peek().filter(|token| token.is_any(&["TRUE", "FALSE"])) {
        cursor.advance();
        return Ok(DefaultValue::Number(if word.is("TRUE") { "1" } else { "0" }.to_owned()));
    }
    scalar(cursor).map(DefaultValue::Expression)
}

/// `CURRENT_TIMESTAMP(6)`, `b'0'`, `_utf8mb4'x'`, a function with its arguments, a placeholder.
fn scalar(cursor: &mut Cursor<'_, '_>) -> Parsed<String> {
    let start = cursor.at();
    match cursor.peek() {
        Some(token) if token.is_name() => cursor.advance(),
        _ => return Err(cursor.expected("a value")),
    }
    let adjacent =
        cursor.from(start).windows(2).next().is_some_and(|w| w[0].end == w[1].start || w[0].text.starts_with('_'));
    if cursor.next_sign("(") {
        cursor.parens()?;
    } else if adjacent && cursor.peek().is_some_and(|token| token.kind == Kind::Str) {
        cursor.advance();
    }
    Ok(cursor.text_between(start, cursor.at()).to_owned())
}

/// Options up to something that is none; `PARTITION BY` takes the rest of the statement.
pub(super) fn table_options(cursor: &mut Cursor<'_, '_>, options: &mut TableOptions) -> Parsed<()> {
    loop {
        cursor.eat_sign(",");
        if !table_option(cursor, options)? {
            return Ok(());
        }
    }
}

/// Options that may stand without `=`.
const OPTIONS: [&str; 30] = [
    "ENGINE",
    "TYPE",
    "AUTO_INCREMENT",
    "AVG_ROW_LENGTH",
    "CHECKSUM",
    "COMMENT",
    "COMPRESSION",
    "CONNECTION",
    "DELAY_KEY_WRITE",
    "ENCRYPTION",
    "ENCRYPTED",
    "ENCRYPTION_KEY_ID",
    "ENGINE_ATTRIBUTE",
    "INSERT_METHOD",
    "KEY_BLOCK_SIZE",
    "MAX_ROWS",
    "MIN_ROWS",
    "PACK_KEYS",
    "PAGE_CHECKSUM",
    "PAGE_COMPRESSED",
    "PASSWORD",
    "ROW_FORMAT",
    "SECONDARY_ENGINE",
    "SEQUENCE",
    "STATS_AUTO_RECALC",
    "STATS_PERSISTENT",
    "STATS_SAMPLE_PAGES",
    "TABLESPACE",
    "TRANSACTIONAL",
    "UNION",
];

/// One option; `false` when none stands here.
pub(super) fn table_option(cursor: &mut Cursor<'_, '_>, options: &mut TableOptions) -> Parsed<bool> {
    let is_option = |token: &&crate::sql::lex::Token<'_>| token.kind == Kind::Word || token.kind == Kind::Quoted;
    let Some(token) = cursor.peek().filter(is_option) else { return Ok(false) };
    let start = cursor.at();
    let word = token.text.to_ascii_uppercase();
    match word.as_str() {
        // MariaDB writes the options of storage engines with their names in backquotes.
        _ if token.kind == Kind::Quoted => {
            let (name, value) = cursor.option()?;
            options.other.push((name, value));
        }
        "AS" | "SELECT" | "IGNORE" | "REPLACE" => return Ok(false),
        "WITH" if !cursor.second_is("SYSTEM") => return Ok(false),
        "WITH" => {
            cursor.advance();
            cursor.advance();
            cursor.expect("VERSIONING")?;
        }
        "PARTITION" => {
            options.partition_by = Some(cursor.rest_text().to_owned());
            while cursor.peek().is_some() {
                cursor.advance();
            }
        }
        "DEFAULT" => {
            cursor.advance();
            if !cursor.next_is_any(&["CHARACTER", "CHARSET", "CHAR", "COLLATE", "ENCRYPTION"]) {
                return Err(cursor.expected("CHARACTER SET or COLLATE"));
            }
        }
        "CHARACTER" | "CHAR" => {
            cursor.advance();
            cursor.expect("SET")?;
            options.charset = Some(charset(cursor)?);
        }
        "CHARSET" => {
            cursor.advance();
            options.charset = Some(charset(cursor)?);
        }
        "COLLATE" => {
            cursor.advance();
            options.collation = Some(collation(cursor)?);
        }
        "DATA" | "INDEX" => {
            cursor.advance();
            cursor.expect("DIRECTORY")?;
            cursor.back_to(cursor.at() - 1);
            let (_, value) = cursor.option()?;
            options.other.push((format!("{word} DIRECTORY"), value));
        }
        "START" => {
            cursor.advance();
            cursor.eat("TRANSACTION");
        }
        _ => {
            // Only `name = value` is an option whatever its name.
            let written_with_sign = cursor.from(start + 1).first().is_some_and(|token| token.sign("="));
            if !written_with_sign && !OPTIONS.contains(&word.as_str()) {
                return Ok(false);
            }
            let (name, value) = cursor.option()?;
            match name.as_str() {
                "ENGINE" | "TYPE" => options.engine = Some(value),
                "AUTO_INCREMENT" => options.auto_increment = value.parse().ok(),
                "COMMENT" => options.comment = Some(value),
                "ROW_FORMAT" => options.row_format = Some(value.to_ascii_uppercase()),
                _ => options.other.push((name, value)),
            }
        }
    }
    Ok(true)
}
