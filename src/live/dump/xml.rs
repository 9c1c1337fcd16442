//! `mysqldump --xml`: definitions as in `SHOW FIELDS`, `SHOW KEYS` and `SHOW TABLE STATUS`, written again as SQL, so
//! that there is one way in which definitions are read. It holds neither foreign keys nor checks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read};

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use super::error::DumpError;
use super::ledger;
use crate::schema::{quote, quote_string};

/// No text between two tags, and no tag, may be longer.
const LONGEST: usize = 64 << 20;

/// Whether a text begins as XML does.
pub(super) fn is_xml(head: &[u8]) -> bool {
    head.trim_ascii_start().starts_with(b"<")
}

/// Ends a stream in which a tag, or what stands between two, is too long.
struct Bounded<R> {
    inner: R,
    since: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match memchr::memrchr(b'<', &buffer[..count]) {
            Some(at) => self.since = count - at,
            None => self.since += count,
        }
        if self.since > LONGEST {
            return Err(io::Error::other(format!("a text of more than {} MiB", LONGEST >> 20)));
        }
        Ok(count)
    }
}

/// Reads a dump, up to `most` bytes of SQL.
pub(super) fn read(reader: impl BufRead, most: usize) -> Result<String, DumpError> {
    let mut reader = Reader::from_reader(BufReader::new(Bounded { inner: reader, since: 0 }));
    let mut buffer = Vec::new();
    let mut dump = Dump::default();
    loop {
        buffer.clear();
        let position = reader.buffer_position();
        let wrong = |error: &dyn std::fmt::Display| {
            DumpError::Format(format!("its XML is not valid at byte {position}: {error}"))
        };
        match reader.read_event_into(&mut buffer).map_err(|error| wrong(&error))? {
            Event::Start(tag) => dump.begin(&tag, false).map_err(|error| wrong(&error))?,
            Event::Empty(tag) => dump.begin(&tag, true).map_err(|error| wrong(&error))?,
            Event::End(tag) => dump.end(tag.name().0),
            Event::Text(text) => dump.text(&text),
            Event::CData(text) => dump.text(&text),
            Event::GeneralRef(name) => {
                let text = unescape(&format!("&{};", &*name)).map(std::borrow::Cow::into_owned);
                dump.text(&text.unwrap_or_default());
            }
            Event::Eof => break,
            _ => {}
        }
        if dump.out.len() > most {
            return Err(DumpError::Format(format!("its definitions are longer than {} MiB", most >> 20)));
        }
    }
    if !dump.is_whole {
        return Err(DumpError::Format("not a complete dump of mysqldump --xml".to_owned()));
    }
    Ok(dump.out)
}

type Attributes = BTreeMap<String, String>;

#[derive(Default)]
struct Dump {
    out: String,
    /// The table that is defined.
    table: Option<TableXml>,
    /// The migration history whose rows are read.
    ledger: Option<String>,
    row: Vec<(String, Option<String>)>,
    /// What the text between the tags is.
    inside: Inside,
    collected: String,
    is_whole: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Inside {
    #[default]
    Nothing,
    /// Of a database: statements of sequences stand there as they are.
    Database,
    /// A value of a row of a migration history.
    Value,
    /// A trigger, routine or event.
    Program,
}

#[derive(Default)]
struct TableXml {
    name: String,
    fields: Vec<Attributes>,
    keys: Vec<Attributes>,
    options: Attributes,
}

impl Dump {
    fn begin(&mut self, tag: &BytesStart<'_>, is_empty: bool) -> Result<(), String> {
        let mut attributes = Attributes::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let value = unescape(&attribute.value).map_err(|error| error.to_string())?;
            attributes.insert(attribute.key.0.to_owned(), value.into_owned());
        }
        let name = || attributes.get("name").cloned().unwrap_or_default();
        match tag.name().0 {
            "database" => {
                let _ = writeln!(self.out, "USE {};", quote(&name()));
                self.inside = Inside::Database;
                self.collected.clear();
            }
            "table_structure" => {
                self.statements();
                self.table = Some(TableXml { name: name(), ..TableXml::default() });
            }
            "field" if self.table.is_some() => {
                if let Some(table) = &mut self.table {
                    table.fields.push(attributes);
                }
            }
            "key" => {
                if let Some(table) = &mut self.table {
                    table.keys.push(attributes);
                }
            }
            "options" => {
                if let Some(table) = &mut self.table {
                    table.options = attributes;
                }
            }
            "table_data" => {
                self.ledger = Some(name()).filter(|name| ledger::LEDGERS.iter().any(|(table, _)| table == name));
            }
            "row" => self.row.clear(),
            "field" if self.ledger.is_some() => {
                self.row.push((name(), (!is_empty && !attributes.contains_key("xsi:nil")).then(String::new)));
                self.inside = Inside::Value;
                self.collected.clear();
            }
            "trigger" | "routine" | "event" => {
                self.inside = Inside::Program;
                self.collected.clear();
            }
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if self.inside != Inside::Nothing && self.collected.len() + text.len() <= LONGEST {
            self.collected.push_str(text);
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "table_structure" => {
                if let Some(table) = self.table.take() {
                    table.write(&mut self.out);
                }
                self.inside = Inside::Database;
                self.collected.clear();
            }
            "table_data" => self.ledger = None,
            "field" if self.inside == Inside::Value => {
                let text = std::mem::take(&mut self.collected);
                if let Some((_, Some(value))) = self.row.last_mut() {
                    *value = text;
                }
                self.inside = Inside::Nothing;
            }
            "row" => {
                if let Some(table) = &self.ledger {
                    let names: Vec<_> = self.row.iter().map(|(name, _)| quote(name)).collect();
                    let values =
                        self.row.iter().map(|(_, value)| value.as_deref().map_or("NULL".to_owned(), quote_string));
                    let values = values.collect::<Vec<_>>().join(",");
                    let _ = writeln!(self.out, "INSERT INTO {} ({}) VALUES ({values});", quote(table), names.join(","));
                }
            }
            "trigger" | "routine" | "event" => {
                let _ = writeln!(self.out, "DELIMITER ;;\n{}\n;;\nDELIMITER ;", self.collected.trim());
                self.collected.clear();
                self.inside = Inside::Nothing;
            }
            "database" => self.statements(),
            "mysqldump" => self.is_whole = true,
            _ => {}
        }
    }

    /// Statements that stand between the tables.
    fn statements(&mut self) {
        let text = std::mem::take(&mut self.collected);
        if self.inside == Inside::Database && !text.trim().is_empty() {
            let _ = writeln!(self.out, "{}", text.trim());
        }
        self.inside = Inside::Nothing;
    }
}

impl TableXml {
    fn write(&self, out: &mut String) {
        let name = quote(&self.name);
        if self.options.get("Comment").is_some_and(|comment| comment.eq_ignore_ascii_case("view"))
            && !self.options.contains_key("Engine")
        {
            let _ = writeln!(out, "CREATE VIEW {name} AS SELECT 1;");
            return;
        }
        // Only MariaDB's client writes these, and its servers write defaults as SQL.
        let is_mariadb =
            self.options.contains_key("Temporary") || self.keys.iter().any(|key| key.contains_key("Ignored"));
        let mut parts: Vec<String> = self.fields.iter().map(|field| column(field, is_mariadb)).collect();
        parts.extend(self.indexes());
        let _ = write!(out, "CREATE TABLE {name} (\n  {}\n)", parts.join(",\n  "));
        let option = |name: &str| self.options.get(name).filter(|value| !value.is_empty());
        for (word, name) in [("ENGINE", "Engine"), ("AUTO_INCREMENT", "Auto_increment"), ("COLLATE", "Collation")] {
            if let Some(value) = option(name).filter(|value| value.chars().all(|c| c.is_alphanumeric() || c == '_')) {
                let _ = write!(out, " {word}={value}");
            }
        }
        if let Some(comment) = option("Comment") {
            let _ = write!(out, " COMMENT={}", quote_string(comment));
        }
        for one in option("Create_options").map(String::as_str).unwrap_or_default().split_whitespace() {
            if let Some((_, format)) = one.split_once('=').filter(|(name, _)| name.eq_ignore_ascii_case("row_format")) {
                let _ = write!(out, " ROW_FORMAT={}", format.replace(|c: char| !c.is_alphanumeric(), ""));
            }
            if one == "partitioned" {
                // By what is not written.
                out.push_str(" PARTITION BY UNKNOWN");
            }
        }
        out.push_str(";\n");
    }

    fn indexes(&self) -> Vec<String> {
        let mut indexes: Vec<(&str, Vec<&Attributes>)> = Vec::new();
        for key in &self.keys {
            let name = key.get("Key_name").map(String::as_str).unwrap_or_default();
            match indexes.iter_mut().find(|(known, _)| *known == name) {
                Some((_, parts)) => parts.push(key),
                None => indexes.push((name, vec![key])),
            }
        }
        let write = |(name, parts): &(&str, Vec<&Attributes>)| {
            let value = |key: &str| parts[0].get(key).map(String::as_str).unwrap_or_default();
            let kind = match (*name, value("Index_type"), value("Non_unique")) {
                ("PRIMARY", ..) => "PRIMARY KEY".to_owned(),
                (_, kind @ ("FULLTEXT" | "SPATIAL"), _) => format!("{kind} KEY {}", quote(name)),
                (_, _, "0") => format!("UNIQUE KEY {}", quote(name)),
                _ => format!("KEY {}", quote(name)),
            };
            let columns: Vec<String> = parts.iter().map(|part| index_part(part)).collect();
            let using = if value("Index_type") == "HASH" { " USING HASH" } else { "" };
            let hidden = if value("Visible") == "NO" || value("Ignored") == "YES" { " INVISIBLE" } else { "" };
            format!("{kind} ({}){using}{hidden}", columns.join(","))
        };
        indexes.iter().map(write).collect()
    }
}

fn index_part(part: &Attributes) -> String {
    let value = |key: &str| part.get(key).map(String::as_str).unwrap_or_default();
    let of = match (value("Column_name"), value("Expression")) {
        ("", expression) => format!("({})", unescaped(expression)),
        (column, _) => quote(column),
    };
    let whole = matches!(value("Index_type"), "SPATIAL" | "FULLTEXT");
    let length = value("Sub_part").parse::<u32>().ok().filter(|_| !whole).map(|length| format!("({length})"));
    let descending = if value("Collation") == "D" { " DESC" } else { "" };
    format!("{of}{}{descending}", length.unwrap_or_default())
}

/// MySQL shows the strings in expressions as `_utf8mb4\'a\'`.
fn unescaped(expression: &str) -> String {
    expression.replace("\\'", "'")
}

fn column(field: &Attributes, is_mariadb: bool) -> String {
    let value = |key: &str| field.get(key).map(String::as_str).unwrap_or_default();
    let extra = value("Extra").to_ascii_uppercase();
    let mut text = format!("{} {}", quote(value("Field")), value("Type"));
    if extra.contains("GENERATED") && !extra.contains("DEFAULT_GENERATED") {
        let stored = if extra.contains("STORED") { " STORED" } else { "" };
        // How is not written.
        let _ = write!(text, " GENERATED ALWAYS AS (unknown()){stored}");
    }
    text.push_str(if value("Null") == "NO" { " NOT NULL" } else { " NULL" });
    if let Some(default) = field.get("Default") {
        let is_time = |default: &str| default.to_ascii_uppercase().starts_with("CURRENT_TIMESTAMP");
        let default = match default.as_str() {
            default if is_mariadb || is_time(default) || default.starts_with("b'") => default.to_owned(),
            default if extra.contains("DEFAULT_GENERATED") => format!("({})", unescaped(default)),
            default => quote_string(default),
        };
        let _ = write!(text, " DEFAULT {default}");
    }
    if let Some(at) = extra.find("ON UPDATE ") {
        let update = extra.get(at..).unwrap_or_default().split(',').next().unwrap_or_default();
        let _ = write!(text, " {update}");
    }
    for (word, sql) in [("AUTO_INCREMENT", " AUTO_INCREMENT"), ("INVISIBLE", " INVISIBLE")] {
        if extra.contains(word) {
            text.push_str(sql);
        }
    }
    if !value("Comment").is_empty() {
        let _ = write!(text, " COMMENT {}", quote_string(value("Comment")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = r#"<?xml version="1.0"?>
<mysqldump xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<database name="shop">
CREATE SEQUENCE `seq` start with 1;
	<table_structure name="a&amp;b">
		<field Field="id" Type="int(11)" Null="NO" Key="PRI" Extra="auto_increment" Comment="it's" />
		<field Field="n" Type="varchar(9)" Null="YES" Key="" Default="CREATE" Extra="" />
		<key Table="a" Non_unique="0" Key_name="PRIMARY" Seq_in_index="1" Column_name="id" Collation="A" Index_type="BTREE" />
		<key Table="a" Non_unique="1" Key_name="k" Seq_in_index="1" Column_name="n" Collation="D" Sub_part="4" Index_type="BTREE" />
		<options Name="a" Engine="InnoDB" Auto_increment="77" Collation="utf8mb4_bin" Create_options="" Comment="" />
	</table_structure>
	<table_data name="a&amp;b"><row><field name="id">secret</field></row></table_data>
	<table_data name="django_migrations">
	<row><field name="app">a &lt; b</field><field name="name">0001</field><field name="x" xsi:nil="true" /></row>
	</table_data>
	<triggers name="a"><trigger Trigger="t"><![CDATA[
CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET @a = 1]]></trigger></triggers>
</database>
</mysqldump>
"#;

    #[test]
    fn definitions_and_ledgers_become_sql() {
        let sql = read(XML.as_bytes(), 1 << 20).unwrap();
        for part in [
            "USE `shop`;",
            "CREATE SEQUENCE",
            "CREATE TABLE `a&b` (\n  `id` int(11) NOT NULL AUTO_INCREMENT COMMENT 'it''s',\n  `n` varchar(9) NULL DEFAULT 'CREATE',",
            "PRIMARY KEY (`id`),\n  KEY `k` (`n`(4) DESC)\n) ENGINE=InnoDB AUTO_INCREMENT=77 COLLATE=utf8mb4_bin;",
            "INSERT INTO `django_migrations` (`app`,`name`,`x`) VALUES ('a < b','0001',NULL);",
            "CREATE TRIGGER t",
        ] {
            assert!(sql.contains(part), "{part}: {sql}");
        }
        assert!(!sql.contains("secret"), "{sql}");
    }

    #[test]
    fn broken_xml_is_told_of() {
        for cut in [30, 200, XML.len() - 14] {
            assert!(read(&XML.as_bytes()[..cut], 1 << 20).is_err(), "{cut}");
        }
        assert!(read(&b"<html></html>"[..], 1 << 20).is_err());
        assert!(read(XML.as_bytes(), 100).is_err());
    }
}
