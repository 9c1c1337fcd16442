//! What the head of a dump says of its server and its database, and what the definitions show where it says nothing.

use std::collections::BTreeMap;

use regex::Regex;

use crate::live::facts::{DumpedServer, Flavour};
use crate::live::introspect::version;
use crate::schema::default_collation;

/// Dumps say what they say of themselves within so many lines.
const LINES: usize = 40;

/// What a dump says of itself.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// The server.
    pub server: Option<DumpedServer>,
    /// The database.
    pub database: Option<String>,
    /// The database's collation.
    pub collation: Option<String>,
    /// The condition on the rows that were dumped.
    pub condition: Option<String>,
}

/// Reads the head.
pub(super) fn read(text: &str) -> Header {
    let mut header = Header::default();
    let mut program = None;
    for line in text.lines().take(LINES).filter_map(|line| line.strip_prefix("--")) {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("Server version") {
            header.server = Some(dumped(rest.trim(), "the head of the dump", false));
        } else if ["MySQL dump ", "MariaDB dump ", "MySQLShell dump "].iter().any(|begin| line.starts_with(begin)) {
            program = line.split_once("Distrib ").and_then(|(_, rest)| rest.split([',', ' ']).next());
        } else if let Some((_, name)) = line.split_once("Database:") {
            header.database = database_of(name);
        } else if let Some(condition) = line.strip_prefix("WHERE:") {
            header.condition = Some(condition.trim().to_owned());
        } else if line.starts_with(|c: char| c.is_ascii_digit()) && line.contains(" db=") {
            // One line: the version, and what the database is.
            let mut words = line.split_whitespace();
            header.server = words.next().map(|text| dumped(text, "the head of the dump", false));
            for (key, value) in words.filter_map(|word| word.split_once('=')) {
                match key {
                    "db" => header.database = Some(value.to_owned()),
                    "collation" => header.collation = Some(value.to_owned()),
                    _ => {}
                }
            }
        }
    }
    if let (None, Some(text)) = (&header.server, program) {
        let from = "the version of the program that made the dump, which may not be its server's";
        header.server = Some(dumped(text, from, true));
    }
    header
}

/// The database of a head; MySQL Shell writes the table behind it.
fn database_of(text: &str) -> Option<String> {
    let name = text.split_once("    Table:").map_or(text, |(name, _)| name);
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The databases of the dumps in a text, with the places where they begin: several dumps may stand in one stream, and
/// not each of them says USE.
pub(super) fn sections(text: &str) -> Vec<(usize, String)> {
    let mut sections = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let name = line
            .strip_prefix("-- Host: ")
            .and_then(|rest| database_of(rest.split_once("Database:")?.1))
            .or_else(|| Some(line.strip_prefix("-- Current Database: ")?.trim().trim_matches('`').replace("``", "`")));
        sections.extend(name.map(|name| (at, name)));
        at += line.len();
    }
    sections
}

/// How many dumps a text begins and does not end.
pub(super) fn unended(text: &str) -> usize {
    let begins = ["-- MySQL dump ", "-- MariaDB dump "];
    let begun = text.lines().filter(|line| begins.iter().any(|begin| line.starts_with(begin))).count();
    begun.saturating_sub(text.lines().filter(|line| line.starts_with("-- Dump completed")).count())
}

/// The name of the first database that a text creates.
pub(super) fn created_database(text: &str) -> Option<String> {
    let create = Regex::new(
        r"(?i)\bCREATE\s+(?:DATABASE|SCHEMA)\s+(?:(?:/\*!\d*\s*)?IF\s+NOT\s+EXISTS\s*(?:\*/)?\s*)?(?:`((?:[^`]|``)+)`|([\w$]+))",
    );
    let found = create.ok()?.captures(text)?;
    let name = found.get(1).or_else(|| found.get(2))?;
    Some(name.as_str().replace("``", "`"))
}

/// The database, where it is written, and the name of the sequence that a statement creates.
pub(super) fn created_sequence(statement: &str) -> Option<(Option<String>, String)> {
    let name = r"(?:`((?:[^`]|``)+)`|([\w$]+))";
    let create = Regex::new(&format!(
        r"(?i)^\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:TEMPORARY\s+)?SEQUENCE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:{name}\s*\.\s*)?{name}"
    ));
    let found = create.ok()?.captures(statement)?;
    let text = |group: usize| Some(found.get(group).or_else(|| found.get(group + 1))?.as_str().replace("``", "`"));
    Some((text(1), text(3)?))
}

fn dumped(text: &str, from: &str, guessed: bool) -> DumpedServer {
    let lower = text.to_lowercase();
    let flavour = if lower.contains("mariadb") {
        Flavour::MariaDb
    } else if lower.contains("percona") {
        Flavour::Percona
    } else {
        Flavour::MySql
    };
    DumpedServer { flavour, version: version(text), version_text: text.to_owned(), guessed, from: from.to_owned() }
}

/// The server that writes definitions so; `None` when they show nothing.
pub(super) fn guess(text: &str) -> Option<DumpedServer> {
    let has = |pattern: &str| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text));
    // A traits of one make only, then traits of old or new releases.
    let (flavour, version, why) = if has(r"\butf8mb4_uca1400_") {
        (Flavour::MariaDb, (11, 4, 99), "it has collations that only MariaDB has")
    } else if has(r"\butf8mb4_0900_|/\*!80\d{3} ") {
        (Flavour::MySql, (8, 0, 99), "it has collations or options that only MySQL from 8.0 on has")
    } else if has(r"DEFAULT (?:current_timestamp\(|-?\d)|(?:text|blob) DEFAULT NULL|CHECK \(json_valid|/\*M!") {
        (Flavour::MariaDb, (10, 11, 99), "defaults and checks are written as only MariaDB writes them")
    } else if has(r"(?m)^\s*`[^`]+` (?:tiny|small|medium|big)?int\(\d+\)") {
        (Flavour::MySql, (5, 7, 99), "integers have display widths")
    } else if has(r"(?m)^\s*`[^`]+` (?:tiny|small|medium|big)?int\b") {
        (Flavour::MySql, (8, 0, 99), "integers have no display widths")
    } else {
        return None;
    };
    let from = format!("its definitions: {why}");
    Some(DumpedServer { flavour, version, version_text: String::new(), guessed: true, from })
}

/// The collations that `CREATE DATABASE` gives, by database.
pub(super) fn collations(text: &str, server: Option<&DumpedServer>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let (Ok(statement), Ok(collation), Ok(charset)) = (
        // The name may stand behind IF NOT EXISTS in a conditional comment.
        Regex::new(
            r"(?im)^CREATE\s+(?:DATABASE|SCHEMA)\s+(?:(?:/\*!\d*\s*)?IF\s+NOT\s+EXISTS\s*(?:\*/)?\s*)?(?:`([^`]+)`|([\w$]+))([^;]*);",
        ),
        Regex::new(r"(?i)\bCOLLATE\s*=?\s*'?(\w+)"),
        Regex::new(r"(?i)\b(?:CHARACTER\s+SET|CHARSET)\s*=?\s*'?(\w+)"),
    ) else {
        return found;
    };
    for one in statement.captures_iter(text) {
        let Some(database) = one.get(1).or_else(|| one.get(2)) else { continue };
        let options = one.get(3).map_or("", |options| options.as_str());
        let word = |pattern: &Regex| Some(pattern.captures(options)?.get(1)?.as_str().to_owned());
        let by_charset = || {
            let charset = word(&charset)?;
            let new = server.is_some_and(|server| server.flavour != Flavour::MariaDb && server.version >= (8, 0, 0));
            if new && charset == "utf8mb4" {
                return Some("utf8mb4_0900_ai_ci".to_owned());
            }
            Some(default_collation(&charset))
        };
        if let Some(collation) = word(&collation).or_else(by_charset) {
            found.insert(database.as_str().to_owned(), collation);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> (Flavour, (u16, u16, u16), bool) {
        let server = read(text).server.or_else(|| guess(text)).unwrap();
        (server.flavour, server.version, server.guessed)
    }

    #[test]
    fn heads_tell_the_server() {
        let head =
            "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n-- Host: db    Database: edxapp\n-- ---\n";
        assert_eq!(server(head), (Flavour::MySql, (8, 0, 36), true), "the program's version is no server's");
        let header = read(&format!("{head}-- Server version\t5.7.44-log\n-- WHERE:  app='x'\n"));
        assert_eq!(header.server.as_ref().map(|s| (s.version, s.guessed)), Some(((5, 7, 44), false)));
        assert_eq!(header.database.as_deref(), Some("edxapp"));
        assert_eq!(header.condition.as_deref(), Some("app='x'"));
        let maria = "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for x\n\
                     -- Server version\t10.11.6-MariaDB-log\n";
        assert_eq!(server(maria), (Flavour::MariaDb, (10, 11, 6), false));
        let line = read("-- 9.7.4-2 db=edxapp charset=utf8mb4 collation=utf8mb4_0900_ai_ci\nCREATE TABLE t (id int);");
        assert_eq!(line.server.map(|s| (s.flavour, s.version)), Some((Flavour::MySql, (9, 7, 4))));
        assert_eq!((line.database.as_deref(), line.collation.as_deref()), (Some("edxapp"), Some("utf8mb4_0900_ai_ci")));
        // As Aurora says it, and RDS.
        let aurora = read("-- MySQL dump 10.13  Distrib 8.0.36, for x\n-- Server version\t8.0.mysql_aurora.3.04.0\n");
        assert_eq!(aurora.server.map(|s| (s.flavour, s.version.0, s.version.1)), Some((Flavour::MySql, 8, 0)));
        let rds = read("-- MariaDB dump 10.19  Distrib 10.6.14-MariaDB\n-- Server version\t10.6.14-MariaDB-log\n");
        assert_eq!(rds.server.map(|s| (s.flavour, s.version)), Some((Flavour::MariaDb, (10, 6, 14))));
        let shell =
            read("-- MySQLShell dump 2.0.1  Distrib Ver 8.0.25 for Linux\n-- Host: x    Database: a b    Table: t\n");
        assert_eq!(shell.database.as_deref(), Some("a b"));
        assert!(read("-- 5 years of data\n").server.is_none());
    }

    #[test]
    fn definitions_show_the_server() {
        let of = |column: &str, more: &str| server(&format!("CREATE TABLE `t` (\n  {column}\n){more};\n"));
        assert_eq!(of("`id` int(11) NOT NULL", ""), (Flavour::MySql, (5, 7, 99), true));
        assert_eq!(of("`id` int NOT NULL", ""), (Flavour::MySql, (8, 0, 99), true));
        assert_eq!(of("`id` int NOT NULL", " COLLATE=utf8mb4_0900_ai_ci").1.0, 8);
        assert_eq!(of("`a` datetime NOT NULL DEFAULT current_timestamp()", "").0, Flavour::MariaDb);
        assert_eq!(of("`id` int(11) NOT NULL,\n  `n` int(11) NOT NULL DEFAULT 0,", "").0, Flavour::MariaDb);
        assert_eq!(of("`n` int(11) NOT NULL DEFAULT '0',", "").0, Flavour::MySql);
        assert_eq!(of("`id` int(11)", " COLLATE=utf8mb4_uca1400_ai_ci").1.0, 11);
        assert!(guess("SELECT 1").is_none());
    }

    #[test]
    fn several_dumps_in_one_stream_are_told_apart() {
        let text = "-- MySQL dump 10.13\n-- Host: h    Database: a\n-- Dump completed on x\n-- MySQL dump 10.13\n-- Host: h    \
                    Database: b\n-- Current Database: `c``d`\n";
        let names: Vec<String> = sections(text).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["a", "b", "c`d"]);
        assert_eq!(unended(text), 1);
        assert_eq!(created_database("x; CREATE DATABASE /*!32312 IF NOT EXISTS*/ `a``b` y").as_deref(), Some("a`b"));
    }

    #[test]
    fn databases_tell_their_collations() {
        let text = "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `edxapp` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE \
                    utf8mb4_unicode_ci */ /*!80016 DEFAULT ENCRYPTION='N' */;\nCREATE DATABASE csmh DEFAULT CHARACTER \
                    SET utf8;\nCREATE DATABASE `plain`;\nALTER DATABASE `edxapp` COLLATE latin1_swedish_ci ;\n";
        let found = collations(text, None);
        assert_eq!(found["edxapp"], "utf8mb4_unicode_ci");
        assert_eq!(found["csmh"], "utf8_general_ci");
        assert_eq!(found.len(), 2);
        let new = DumpedServer { version: (8, 0, 36), ..DumpedServer::default() };
        let found = collations("CREATE DATABASE x CHARACTER SET utf8mb4;", Some(&new));
        assert_eq!(found["x"], "utf8mb4_0900_ai_ci");
    }
}
