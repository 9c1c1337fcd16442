//! `CREATE TABLE`: columns, keys, constraints and options.

use super::cursor::{Cursor, Parsed};
use super::{CreateTable, TableName, TableOptions};
use crate::schema::{
    Check, Column, ColumnDef, DefaultValue, ForeignKey, Generated, Index, IndexPart, PRIMARY, Unique,
    default_collation, quote, quote_string,
};
use crate::sql::lex::Kind;

pub(super) fn create_table(cursor: &mut Cursor<'_, '_>, temporary: bool) -> Parsed<CreateTable> {
    let if_not_exists = cursor.if_not_exists();
    let mut table = CreateTable {
        name: cursor.table_name()?,
        if_not_exists,
        temporary,
        columns: Vec::new(),
        indexes: Vec::new(),
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
            Some(Element::Index(index)) => table.indexes.push(index),
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
        let condition = format!("{} < {}", quote(&begin), quote(&end));
        table.checks.push(Check::new(&name, &condition));
    }
    periods.push((name, [begin, end]));
    Ok(())
}

/// A key over a period is one over its end and its begin, and the columns of a period are NOT NULL.
fn resolve_periods(table: &mut CreateTable, periods: &[Period]) {
    for (name, [begin, end]) in periods {
        for index in &mut table.indexes {
            let is_period = |part: &IndexPart| part.column.as_ref() == Some(name);
            let at = index.parts.iter().position(is_period);
            if let Some(at) = at.filter(|_| table.columns.iter().all(|def| def.column.name != *name)) {
                index.parts.splice(at..=at, [IndexPart::column(end), IndexPart::column(begin)]);
            }
        }
        for column in table.columns.iter_mut().map(|def| &mut def.column) {
            column.nullable &= column.name != *begin && column.name != *end;
        }
    }
}

pub(super) enum Element {
    Index(Index),
    ForeignKey(ForeignKey),
    Check(Check),
}

/// A key or a constraint, or `None` when a column stands here.
pub(super) fn element(cursor: &mut Cursor<'_, '_>) -> Parsed<Option<Element>> {
    let mut symbol = String::new();
    let constraint = cursor.eat("CONSTRAINT");
    if constraint && !cursor.next_is_any(&["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"]) {
        symbol = cursor.name("a constraint")?;
    }
    let mut index = if cursor.next_is("PRIMARY") && cursor.second_is("KEY") {
        cursor.advance();
        cursor.advance();
        Index::new(PRIMARY, true, Vec::new())
    } else if cursor.eat("UNIQUE") {
        cursor.eat_any(&["KEY", "INDEX"]);
        Index::new(&symbol, true, Vec::new())
    } else if cursor.next_is_any(&["FULLTEXT", "SPATIAL"]) {
        let index = special_index(cursor);
        cursor.eat_any(&["KEY", "INDEX"]);
        index
    } else if cursor.next_is("FOREIGN") && cursor.second_is("KEY") {
        return foreign_key(cursor, symbol).map(Element::ForeignKey).map(Some);
    } else if cursor.eat("CHECK") {
        return check(cursor, &symbol).map(Element::Check).map(Some);
    } else if !constraint && cursor.eat_any(&["KEY", "INDEX"]) {
        Index::default()
    } else if constraint {
        return Err(cursor.expected("a constraint"));
    } else {
        return Ok(None);
    };
    cursor.if_not_exists();
    using(cursor, &mut index)?;
    if !cursor.next_sign("(") {
        let name = cursor.name("a key")?;
        // `PRIMARY KEY name (…)` is read by MySQL and the name forgotten.
        if index.name != PRIMARY {
            index.name = name;
        }
    }
    using(cursor, &mut index)?;
    index.parts = key_parts(cursor)?;
    key_options(cursor, &mut index)?;
    Ok(Some(Element::Index(index)))
}

/// An index of the kind that the next word names, FULLTEXT or SPATIAL.
pub(super) fn special_index(cursor: &mut Cursor<'_, '_>) -> Index {
    let kind = if cursor.eat("FULLTEXT") { "FULLTEXT" } else { "SPATIAL" };
    cursor.eat("SPATIAL");
    Index { kind: kind.to_owned(), ..Index::default() }
}

/// Reads `USING BTREE`; `false` when it does not stand here.
pub(super) fn using(cursor: &mut Cursor<'_, '_>, index: &mut Index) -> Parsed<bool> {
    if cursor.eat("USING") || (cursor.next_is("TYPE") && (cursor.second_is("BTREE") || cursor.second_is("HASH"))) {
        cursor.eat("TYPE");
        index.kind = cursor.name("BTREE or HASH")?.to_ascii_uppercase();
        return Ok(true);
    }
    Ok(false)
}

pub(super) fn key_parts(cursor: &mut Cursor<'_, '_>) -> Parsed<Vec<IndexPart>> {
    cursor.expect_sign("(")?;
    let mut parts = Vec::new();
    loop {
        let mut part = IndexPart::default();
        if cursor.next_sign("(") {
            part.expression = Some(cursor.parens()?.to_owned());
        } else {
            part.column = Some(cursor.name("a column")?);
            if cursor.next_sign("(") {
                part.length = cursor.parens()?.trim().parse().ok();
            }
        }
        part.descending = cursor.eat("DESC");
        cursor.eat("ASC");
        parts.push(part);
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

pub(super) fn key_options(cursor: &mut Cursor<'_, '_>, index: &mut Index) -> Parsed<()> {
    loop {
        if using(cursor, index)? {
        } else if cursor.next_is("WITH") && cursor.second_is("PARSER") {
            cursor.advance();
            cursor.advance();
            cursor.name("a parser")?;
        } else if cursor.eat_any(&["INVISIBLE", "IGNORED"]) {
            index.invisible = true;
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

fn foreign_key(cursor: &mut Cursor<'_, '_>, name: String) -> Parsed<ForeignKey> {
    cursor.expect("FOREIGN")?;
    cursor.expect("KEY")?;
    cursor.if_not_exists();
    if !cursor.next_sign("(") {
        // The name of the index that the server makes.
        cursor.name("an index")?;
    }
    let columns = cursor.names_in_parens()?;
    Ok(ForeignKey { name, columns, ..references(cursor)? })
}

/// What follows the columns of a foreign key. The referenced columns are empty where MariaDB lets them out.
fn references(cursor: &mut Cursor<'_, '_>) -> Parsed<ForeignKey> {
    cursor.expect("REFERENCES")?;
    let TableName { schema, name } = cursor.table_name()?;
    let referenced_columns = if cursor.next_sign("(") { cursor.names_in_parens()? } else { Vec::new() };
    let mut key = ForeignKey {
        referenced_database: schema.unwrap_or_default(),
        referenced_table: name,
        referenced_columns,
        ..ForeignKey::default()
    };
    loop {
        if cursor.eat("MATCH") {
            cursor.advance();
        } else if cursor.next_is("ON") && cursor.second_is("DELETE") {
            key.on_delete = reference_action(cursor)?;
        } else if cursor.next_is("ON") && cursor.second_is("UPDATE") {
            key.on_update = reference_action(cursor)?;
        } else {
            return Ok(key);
        }
    }
}

/// What follows `ON DELETE` and `ON UPDATE`; `None` for `RESTRICT` and `NO ACTION`, which InnoDB treats alike.
fn reference_action(cursor: &mut Cursor<'_, '_>) -> Parsed<Option<String>> {
    cursor.advance();
    cursor.advance();
    let mut action = cursor.name("an action")?.to_ascii_uppercase();
    if action == "SET" || action == "NO" {
        action.push(' ');
        action.push_str(&cursor.name("an action")?.to_ascii_uppercase());
    }
    Ok(Some(action).filter(|action| !matches!(action.as_str(), "RESTRICT" | "NO ACTION")))
}

fn check(cursor: &mut Cursor<'_, '_>, name: &str) -> Parsed<Check> {
    let mut check = Check::new(name, cursor.parens()?);
    if cursor.next_is("NOT") && cursor.second_is("ENFORCED") {
        cursor.advance();
        cursor.advance();
        check.enforced = false;
    } else {
        cursor.eat("ENFORCED");
    }
    Ok(check)
}

/// A definition while its attributes are read, in any order.
#[derive(Default)]
struct Draft {
    def: ColumnDef<String>,
    /// Whether NULL is allowed, where that is written.
    nullable: Option<bool>,
    charset: Option<String>,
    /// The expression of a generated column.
    generated: Option<String>,
    /// Whether the generated column is stored.
    stored: bool,
}

impl Draft {
    fn serial(&mut self) {
        self.nullable = Some(false);
        self.def.column.auto_increment = true;
        self.def.key = Unique::Unique.max(self.def.key);
    }

    fn finish(self) -> ColumnDef<String> {
        let Self { mut def, nullable, charset, generated, stored } = self;
        let column = &mut def.column;
        // A column takes NULL unless something says otherwise; a key and a counter never do.
        column.nullable = nullable.unwrap_or(def.key != Unique::Primary) && !column.auto_increment;
        column.collation = column.collation.take().or_else(|| charset.as_deref().map(default_collation));
        column.generated = generated.map(|expression| Generated { expression, stored });
        def
    }
}

pub(super) fn column(cursor: &mut Cursor<'_, '_>) -> Parsed<ColumnDef<String>> {
    let name = cursor.name("a column or a key")?;
    let mut draft = Draft { def: ColumnDef::new(Column { name, ..Column::default() }), ..Draft::default() };
    column_type(cursor, &mut draft)?;
    while column_attribute(cursor, &mut draft)? {}
    if draft.def.column.column_type == "serial" {
        "bigint unsigned".clone_into(&mut draft.def.column.column_type);
        draft.serial();
    }
    Ok(draft.finish())
}

fn column_type(cursor: &mut Cursor<'_, '_>, draft: &mut Draft) -> Parsed<()> {
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
                    "ASCII" => draft.charset = Some("latin1".to_owned()),
                    "UNICODE" => draft.charset = Some("ucs2".to_owned()),
                    "BYTE" => draft.charset = Some("binary".to_owned()),
                    // The binary collation of the character set; which one is unknown here.
                    _ => draft.def.column.collation = Some("binary".to_owned()),
                }
                cursor.advance();
            }
            _ => break,
        }
    }
    draft.def.column.column_type = text;
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
fn column_attribute(cursor: &mut Cursor<'_, '_>, draft: &mut Draft) -> Parsed<bool> {
    let Some(token) = cursor.peek().filter(|token| token.kind == Kind::Word) else { return Ok(false) };
    let word = token.text.to_ascii_uppercase();
    let start = cursor.at();
    cursor.advance();
    match word.as_str() {
        "NOT" => {
            if cursor.eat("NULL") {
                draft.nullable = Some(false);
            } else if !cursor.eat_any(&["SECONDARY", "INVISIBLE", "ENFORCED"]) {
                return Err(cursor.expected("NULL"));
            }
        }
        "NULL" => draft.nullable = Some(true),
        "DEFAULT" => draft.def.column.default = default(cursor)?,
        "ON" => {
            cursor.expect("UPDATE")?;
            draft.def.column.on_update = Some(scalar(cursor)?);
        }
        "AUTO_INCREMENT" => draft.def.column.auto_increment = true,
        "UNIQUE" => {
            cursor.eat_any(&["KEY", "INDEX"]);
            draft.def.key = Unique::Unique.max(draft.def.key);
        }
        "PRIMARY" => {
            cursor.eat("KEY");
            draft.def.key = Unique::Primary;
        }
        "KEY" => draft.def.key = Unique::Primary,
        "COMMENT" => draft.def.column.comment = cursor.string("a comment")?,
        "COLLATE" => draft.def.column.collation = Some(collation(cursor)?),
        "CHARSET" => draft.charset = Some(charset(cursor)?),
        "CHARACTER" | "CHAR" => {
            cursor.expect("SET")?;
            draft.charset = Some(charset(cursor)?);
        }
        "GENERATED" => {
            cursor.eat("ALWAYS");
            cursor.expect("AS")?;
            if cursor.eat("ROW") {
                // MariaDB's columns of system versioning: `ROW START` and `ROW END`.
                let which = cursor.name("START or END")?.to_ascii_uppercase();
                draft.generated = Some(format!("ROW {which}"));
                draft.stored = true;
            } else {
                draft.generated = Some(cursor.parens()?.to_owned());
            }
        }
        "AS" => draft.generated = Some(cursor.parens()?.to_owned()),
        "STORED" | "PERSISTENT" => draft.stored = true,
        "INVISIBLE" => draft.def.column.invisible = true,
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
            key.columns = vec![draft.def.column.name.clone()];
            draft.def.references = Some(key);
        }
        "CHECK" => draft.def.checks.push(check(cursor, "")?),
        "CONSTRAINT" => {
            let name = if cursor.next_is("CHECK") { String::new() } else { cursor.name("a constraint")? };
            cursor.expect("CHECK")?;
            draft.def.checks.push(check(cursor, &name)?);
        }
        "WITH" | "WITHOUT" => {
            cursor.expect("SYSTEM")?;
            cursor.expect("VERSIONING")?;
        }
        "SERIAL" => {
            cursor.expect("DEFAULT")?;
            cursor.expect("VALUE")?;
            draft.serial();
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

/// What follows `DEFAULT`; `None` for NULL.
pub(super) fn default(cursor: &mut Cursor<'_, '_>) -> Parsed<Option<DefaultValue>> {
    let Some(token) = cursor.peek() else { return Err(cursor.expected("a default")) };
    if token.sign("(") {
        return Ok(Some(DefaultValue::Expression(cursor.parens()?.to_owned())));
    }
    if token.is("NULL") {
        cursor.advance();
        return Ok(None);
    }
    if token.kind == Kind::Str {
        return cursor.string("a default").map(DefaultValue::Literal).map(Some);
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
        let number = format!("{}{}", sign.trim_start_matches('+'), number.text);
        return Ok(Some(DefaultValue::Expression(number)));
    }
    if let Some(word) = cursor.peek().filter(|token| token.is_any(&["TRUE", "FALSE"])) {
        cursor.advance();
        return Ok(Some(DefaultValue::Expression(if word.is("TRUE") { "1" } else { "0" }.to_owned())));
    }
    scalar(cursor).map(DefaultValue::Expression).map(Some)
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
