//! Folders with a file for each table: those of mydumper, of MySQL Shell (`util.dumpInstance` and its kin), of
//! `mysqldump --tab`, and any other folder of dumps. They become one text, in the order in which they would be loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, Read as _};
use std::path::Path;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::error::DumpError;
use super::file::{self, Text};
use super::{bytes, header, ledger};
use crate::schema::{quote, quote_string};

/// A file that says how a dump went, or what its files hold, is short.
const LONGEST_NOTE: u64 = 4 << 20;

/// Rows of a migration history.
const LONGEST_LEDGER: u64 = 64 << 20;

/// What a file holds, in the order in which a dump is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Holds {
    Database,
    Sequence,
    Table,
    View,
    Rows,
    Programs,
}

/// A file of a folder.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    database: String,
    holds: Holds,
    file: String,
}

/// Reads a folder.
pub(super) fn read(folder: &Path) -> Result<Text, DumpError> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(DumpError::Unreadable)? {
        let entry = entry.map_err(DumpError::Unreadable)?;
        let is_file = fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file());
        if let Some(name) = entry.file_name().to_str().filter(|_| is_file) {
            files.insert(name.to_owned());
        }
    }
    let mut text = Text::default();
    let parts = if files.contains("@.json") {
        if !files.contains("@.done.json") {
            text.doubts.push("@.done.json is missing, so MySQL Shell did not finish the dump".to_owned());
        }
        of_shell(folder, &files)
    } else if files.iter().any(|name| name.starts_with("metadata") || stem(name).is_some_and(is_schema)) {
        if let Some(doubt) = unfinished(folder, &files) {
            text.doubts.push(doubt);
        }
        of_mydumper(folder, &files)?
    } else {
        files.iter().filter(|name| stem(name).is_some()).map(|name| part(String::new(), Holds::Table, name)).collect()
    };
    if parts.is_empty() {
        return Err(DumpError::Format("the folder contains no SQL files".to_owned()));
    }
    let mut database = String::new();
    for part in &parts {
        if part.database != database {
            part.database.clone_into(&mut database);
            let _ = writeln!(text.text, "USE {};", quote(&database));
        }
        text.parts.push((text.lines() + 1, part.file.clone()));
        let path = folder.join(&part.file);
        let told = |error: DumpError| DumpError::Format(format!("{}: {error}", part.file));
        if part.holds == Holds::Rows && stem(&part.file).is_none() {
            text.text.push_str(&rows(&path, folder, &part.file).map_err(told)?);
            continue;
        }
        let one = file::of_file(&path).map_err(told)?;
        // A program's body holds semicolons, and these dumps change no delimiter around it.
        let is_bare = part.holds == Holds::Programs && !one.text.contains("DELIMITER");
        let wrapped = if is_bare { format!("DELIMITER ;;\n{}\n;;\nDELIMITER ;\n", one.text) } else { one.text };
        text.text.push_str(&wrapped);
        if !wrapped.ends_with('\n') {
            text.text.push('\n');
        }
        text.doubts.extend(one.doubts.into_iter().map(|doubt| format!("{}: {doubt}", part.file)));
        if text.text.len() > file::MOST_KEPT {
            text.doubts.push(format!("its definitions are longer than {} MiB", file::MOST_KEPT >> 20));
            break;
        }
    }
    Ok(text)
}

fn part(database: String, holds: Holds, file: &str) -> Part {
    Part { database, holds, file: file.to_owned() }
}

/// The name of a file of SQL without the ends that say so.
fn stem(name: &str) -> Option<&str> {
    let packed = [".gz", ".zst", ".zstd", ".xz", ".bz2"];
    packed.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).strip_suffix(".sql")
}

fn is_schema(stem: &str) -> bool {
    stem.ends_with("-schema") || stem.ends_with("-schema-create")
}

fn is_ledger(table: &str) -> bool {
    ledger::LEDGERS.iter().any(|(ledger, _)| *ledger == table)
}

fn note(path: &Path) -> String {
    let mut text = String::new();
    let read = bytes::open(path).map(|reader| reader.take(LONGEST_NOTE).read_to_string(&mut text));
    if matches!(read, Ok(Ok(_))) { text } else { String::new() }
}

/// Why a folder of mydumper may not be whole.
fn unfinished(folder: &Path, files: &BTreeSet<String>) -> Option<String> {
    if files.contains("metadata.partial") {
        return Some("metadata.partial exists, so mydumper did not finish the dump".to_owned());
    }
    let finished =
        files.contains("metadata") && note(&folder.join("metadata")).to_lowercase().contains("finished dump at");
    (!finished).then(|| "the metadata of mydumper contain no end time, so the dump may be incomplete".to_owned())
}

/// `DB-schema-create.sql`, `DB.TABLE-schema.sql`, `DB.TABLE.00000.sql`, `DB-schema-post.sql`, …
fn of_mydumper(folder: &Path, files: &BTreeSet<String>) -> Result<Vec<Part>, DumpError> {
    // A database's files begin with its name; a name that is not a plain word is encoded there, and is in the file itself.
    let mut databases: BTreeMap<&str, String> = BTreeMap::new();
    for file in files {
        let Some(begin) = stem(file).and_then(|stem| stem.strip_suffix("-schema-create")) else { continue };
        let text = file::of_file(&folder.join(file))?.text;
        databases.insert(begin, header::created_database(&text).unwrap_or_else(|| begin.to_owned()));
    }
    let split = |stem: &str| -> Option<(String, String)> {
        let known = databases.iter().rev().find_map(|(begin, name)| {
            let rest = stem.strip_prefix(*begin)?;
            rest.strip_prefix('.').or(Some(rest).filter(|rest| rest.starts_with('-'))).map(|rest| (name.clone(), rest))
        });
        let guessed = || stem.split_once('.').map(|(database, rest)| (database.to_owned(), rest));
        known.or_else(guessed).map(|(database, rest)| (database, rest.to_owned()))
    };
    let mut parts = Vec::new();
    for file in files {
        let Some((database, rest)) = stem(file).and_then(split) else { continue };
        let holds = if rest == "-schema-create" {
            Holds::Database
        } else if rest.ends_with("-schema-sequence") {
            Holds::Sequence
        } else if rest.ends_with("-schema") {
            Holds::Table
        } else if rest.ends_with("-schema-view") {
            Holds::View
        } else if rest.ends_with("-schema-triggers") || rest.ends_with("-schema-post") {
            Holds::Programs
        } else if is_ledger(rest.split('.').next().unwrap_or_default()) {
            Holds::Rows
        } else {
            continue;
        };
        parts.push(part(database, holds, file));
    }
    parts.sort();
    Ok(parts)
}

/// `DB.sql`, `DB@TABLE.sql`, `DB@TABLE.triggers.sql`, `DB@TABLE@@0.tsv.zst`, and JSON that names what they hold.
fn of_shell(folder: &Path, files: &BTreeSet<String>) -> Vec<Part> {
    let mut parts = Vec::new();
    for file in files {
        // Of the whole instance: accounts, and what is run before and after.
        if file.starts_with('@') {
            continue;
        }
        let Some(stem) = stem(file) else {
            let mut words = file.split('@');
            let (Some(database), Some(table)) = (words.next(), words.next()) else { continue };
            if is_ledger(table) && file.contains(".tsv") && !file.ends_with(".idx") {
                parts.push(part(decoded(database), Holds::Rows, file));
            }
            continue;
        };
        let (database, table) = stem.split_once('@').map_or((stem, None), |(database, table)| (database, Some(table)));
        let holds = match table {
            None if database.contains('.') => Holds::Programs,
            None => Holds::Database,
            Some(table) if table.ends_with(".triggers") => Holds::Programs,
            // A table in the place of a view, until that is made.
            Some(table) if table.ends_with(".pre") => continue,
            Some(_) if files.contains(&format!("{stem}.json")) => Holds::Table,
            Some(_) => Holds::View,
        };
        let json: Value = serde_json::from_str(&note(&folder.join(format!("{stem}.json")))).unwrap_or_default();
        let told = json.pointer("/options/schema").or_else(|| json.get("schema")).and_then(Value::as_str);
        parts.push(part(told.map_or_else(|| decoded(database), str::to_owned), holds, file));
    }
    parts.sort();
    parts
}

fn decoded(name: &str) -> String {
    percent_decode_str(name).decode_utf8_lossy().into_owned()
}

/// The rows of a migration history that MySQL Shell wrote as text separated by tabs.
fn rows(path: &Path, folder: &Path, file: &str) -> Result<String, DumpError> {
    let base = file.split('@').take(2).collect::<Vec<_>>().join("@");
    let json: Value = serde_json::from_str(&note(&folder.join(format!("{base}.json")))).unwrap_or_default();
    let option = |name: &str| json.pointer(&format!("/options/{name}"));
    let columns: Vec<String> = option("columns")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).map(quote).collect())
        .unwrap_or_default();
    let is_plain = |name: &str, value: &str| option(name).and_then(Value::as_str).is_none_or(|found| found == value);
    let is_plain =
        is_plain("fieldsTerminatedBy", "\t") && is_plain("fieldsEnclosedBy", "") && is_plain("linesTerminatedBy", "\n");
    if columns.is_empty() || !is_plain {
        return Ok(format!("-- the rows of {} are in a format that is not read\n", file.replace(['\n', '\r'], " ")));
    }
    let table = file.split('@').nth(1).map(decoded).unwrap_or_default();
    let mut text = String::new();
    for line in bytes::open(path)?.take(LONGEST_LEDGER).lines() {
        let line = line.map_err(DumpError::Unreadable)?;
        let values: Vec<String> = line.split('\t').map(value).collect();
        if values.len() == columns.len() {
            let (table, columns) = (quote(&table), columns.join(","));
            let _ = writeln!(text, "INSERT INTO {table} ({columns}) VALUES ({});", values.join(","));
        }
    }
    Ok(text)
}

fn value(text: &str) -> String {
    if text == "\\N" {
        return "NULL".to_owned();
    }
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, c == '\\') {
            (_, true) => match characters.next() {
                Some('t') => out.push('\t'),
                Some('n') => out.push('\n'),
                Some('0') => out.push('\0'),
                Some(other) => out.push(other),
                None => {}
            },
            (c, false) => out.push(c),
        }
    }
    quote_string(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn folders_of_mydumper_are_put_together() {
        let folder = folder(&[
            ("metadata", "# Finished dump at: 2026-01-01"),
            ("a.b-schema-create.sql", "CREATE DATABASE `a.b`;\n"),
            ("a.b.t-schema.sql", "CREATE TABLE `t` (id int);"),
            ("mydumper_0-schema-create.sql", "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `odd/name`;"),
            ("mydumper_0.v-schema.sql", "CREATE TABLE `v` (id int);"),
            ("mydumper_0.v-schema-view.sql", "DROP TABLE IF EXISTS `v`;\nCREATE VIEW `v` AS SELECT 1;"),
            ("mydumper_0-schema-post.sql", "CREATE PROCEDURE p() BEGIN SELECT 1; END;"),
            ("mydumper_0.other.00000.sql", "INSERT INTO `other` VALUES (1);"),
            ("mydumper_0.django_migrations.00000.sql", "INSERT INTO `django_migrations` VALUES (1,'a','b','c');"),
        ]);
        let text = read(folder.path()).unwrap();
        assert_eq!(text.doubts, [""; 0]);
        let order: Vec<usize> =
            ["USE `a.b`", "TABLE `t`", "USE `odd/name`", "TABLE `v`", "VIEW `v`", "django_migrations", "DELIMITER ;;"]
                .iter()
                .map(|part| text.text.find(part).unwrap_or_else(|| panic!("{part}: {}", text.text)))
                .collect();
        assert!(order.is_sorted(), "{order:?}: {}", text.text);
        assert!(!text.text.contains("`other`"));
        let line = u32::try_from(text.text[..order[1]].matches('\n').count() + 1).unwrap();
        assert_eq!(text.place(line, "x"), ("a.b.t-schema.sql".to_owned(), 1));
        fs::rename(folder.path().join("metadata"), folder.path().join("metadata.partial")).unwrap();
        assert!(read(folder.path()).unwrap().doubts[0].contains("did not finish"));
    }

    #[test]
    fn folders_of_mysql_shell_are_put_together() {
        let folder = folder(&[
            ("@.json", "{}"),
            ("@.done.json", "{}"),
            ("@.users.sql", "CREATE USER x;"),
            ("my%20shop.json", r#"{"schema": "my shop"}"#),
            ("my%20shop.sql", "CREATE DATABASE IF NOT EXISTS `my shop`;"),
            ("my%20shop@t.json", r#"{"options": {"schema": "my shop", "table": "t"}}"#),
            ("my%20shop@t.sql", "CREATE TABLE IF NOT EXISTS `t` (id int);"),
            ("my%20shop@v.pre.sql", "CREATE TABLE `v` (id int);"),
            ("my%20shop@v.sql", "CREATE VIEW `v` AS SELECT 1;"),
            (
                "my%20shop@django_migrations.json",
                r#"{"options": {"schema": "my shop", "columns": ["app", "name", "x"]}}"#,
            ),
            ("my%20shop@django_migrations.sql", "CREATE TABLE `django_migrations` (id int);"),
            ("my%20shop@django_migrations@@0.tsv", "a\\tb\t0001\t\\N\nshop\t0002\tx\n"),
            ("my%20shop@t@@0.tsv.zst", "secret"),
        ]);
        let text = read(folder.path()).unwrap();
        assert!(text.doubts.is_empty(), "{:?}", text.doubts);
        assert!(text.text.starts_with("USE `my shop`;\nCREATE DATABASE"), "{}", text.text);
        for part in ["VALUES ('a\tb','0001',NULL);", "('shop','0002','x')", "CREATE VIEW `v`"] {
            assert!(text.text.contains(part), "{part}: {}", text.text);
        }
        assert!(!text.text.contains("TABLE `v`") && !text.text.contains("USER"), "{}", text.text);
        fs::remove_file(folder.path().join("@.done.json")).unwrap();
        assert!(read(folder.path()).unwrap().doubts[0].contains("@.done.json"));
    }

    #[test]
    fn a_file_that_is_broken_is_named() {
        let broken = folder(&[("a.t-schema.sql.gz", "\u{1f}no gzip"), ("metadata", "Finished dump at")]);
        fs::write(broken.path().join("a.t-schema.sql.gz"), b"\x1f\x8b\x08broken").unwrap();
        assert!(read(broken.path()).unwrap_err().to_string().contains("a.t-schema.sql.gz"));
        assert!(read(folder(&[("readme.txt", "")]).path()).is_err());
    }
}
