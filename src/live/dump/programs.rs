//! Triggers, routines and events of a dump. mysqldump spreads their definitions over several conditional comments, so they
//! are found by their beginnings.

use regex::Regex;

use crate::live::facts::{Program, Trigger};

/// A name in backquotes, or without.
const NAME: &str = r"(?:`((?:[^`]|``)+)`|([\w$]+))";

/// What a dump holds of them, each with the text that may name tables.
#[derive(Debug, Default)]
pub(super) struct Programs {
    /// Triggers.
    pub triggers: Vec<(Trigger, String)>,
    /// Routines and events, with their database if the dump records it.
    pub others: Vec<(Program, Option<String>, String)>,
}

impl Programs {
    pub(super) fn of(text: &str) -> Self {
        let trigger = format!(
            r"(?i)\bTRIGGER\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:{NAME}\s*\.\s*)?{NAME}\s+(?:BEFORE|AFTER)\s+(?:INSERT|UPDATE|DELETE)\s+ON\s+(?:{NAME}\s*\.\s*)?{NAME}"
        );
        // Between `CREATE` and the kind stand the definer and the ends and beginnings of comments.
        let between =
            r"(?:\s|\*/|/\*M?!\d*|\bOR\s+REPLACE\b|\bAGGREGATE\b|\bDEFINER\s*=\s*(?:CURRENT_USER(?:\(\))?|\S+))*";
        let other = format!(
            r"(?i)\bCREATE\b{between}\b(?:PROCEDURE|FUNCTION|EVENT)\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:{NAME}\s*\.\s*)?{NAME}"
        );
        let moves = format!(r"(?im)^\s*USE\s+{NAME}\s*;");
        let (Ok(trigger), Ok(other), Ok(moves)) = (Regex::new(&trigger), Regex::new(&other), Regex::new(&moves)) else {
            return Self::default();
        };
        let mut starts: Vec<usize> = trigger.find_iter(text).chain(other.find_iter(text)).map(|m| m.start()).collect();
        starts.sort_unstable();
        // Up to the delimiter of the client, or to where the next one begins.
        let body = |end: usize, start: usize| {
            let next = starts.iter().find(|at| **at > start).copied().unwrap_or(text.len());
            let body = text.get(end..next).unwrap_or_default();
            body.split(";;").next().unwrap_or_default().to_owned()
        };
        let mut programs = Self::default();
        for found in trigger.captures_iter(text) {
            let Some(head) = found.get(0) else { continue };
            let words: Vec<String> = head.as_str().to_uppercase().split_whitespace().map(str::to_owned).collect();
            let word = |among: &[&str]| words.iter().find(|word| among.contains(&word.as_str())).cloned();
            let trigger = Trigger {
                table: name(&found, 7),
                name: name(&found, 3),
                timing: word(&["BEFORE", "AFTER"]).unwrap_or_default(),
                event: word(&["INSERT", "UPDATE", "DELETE"]).unwrap_or_default(),
                ..Trigger::default()
            };
            programs.triggers.push((trigger, body(head.end(), head.start())));
        }
        let sections: Vec<(usize, String)> =
            moves.captures_iter(text).filter_map(|found| Some((found.get(0)?.start(), name(&found, 1)))).collect();
        for found in other.captures_iter(text) {
            let Some(head) = found.get(0) else { continue };
            let kind = ["PROCEDURE", "FUNCTION", "EVENT"];
            let upper = head.as_str().to_uppercase();
            let Some(kind) = kind.into_iter().max_by_key(|kind| upper.rfind(kind)) else { continue };
            let own = Some(name(&found, 1)).filter(|database| !database.is_empty());
            let section =
                sections.iter().rev().find(|(at, _)| *at < head.start()).map(|(_, database)| database.clone());
            let program =
                Program { name: name(&found, 3), kind: kind.to_owned(), readable: true, ..Program::default() };
            programs.others.push((program, own.or(section), body(head.end(), head.start())));
        }
        programs
    }
}

/// The name in one of two groups that follow each other.
fn name(found: &regex::Captures<'_>, group: usize) -> String {
    let text = found.get(group).or_else(|| found.get(group + 1));
    text.map(|text| text.as_str().replace("``", "`")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "USE `edxapp`;\nDELIMITER ;;\n\
        /*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER `count` AFTER INSERT ON `t` FOR EACH ROW INSERT INTO \
        log VALUES (1) */;;\n\
        /*!50106 CREATE*/ /*!50117 DEFINER=`root`@`localhost`*/ /*!50106 EVENT `nightly` ON SCHEDULE EVERY 1 DAY DO DELETE \
        FROM log */ ;;\n\
        CREATE DEFINER=`root`@`%` PROCEDURE `clean up`()\nBEGIN\n  DELETE FROM t;\nEND ;;\nUSE `csmh`;\n\
        CREATE DEFINER=CURRENT_USER() FUNCTION IF NOT EXISTS other.next_id(a INT) RETURNS int RETURN a + 1 ;;\n\
        CREATE OR REPLACE AGGREGATE FUNCTION total(x INT) RETURNS int RETURN 1;;\nDELIMITER ;\n";

    #[test]
    fn definitions_are_found_however_they_are_written() {
        let programs = Programs::of(DUMP);
        let [(trigger, body)] = &programs.triggers[..] else { panic!("{programs:#?}") };
        assert_eq!(
            (&*trigger.name, &*trigger.table, &*trigger.timing, &*trigger.event),
            ("count", "t", "AFTER", "INSERT")
        );
        assert!(body.contains("INSERT INTO log") && !body.contains("DELETE"), "{body}");
        let others: Vec<String> = programs
            .others
            .iter()
            .map(|(program, database, body)| {
                let names = ["DELETE FROM t", "DELETE FROM log"].into_iter().find(|text| body.contains(text));
                let database = database.as_deref().unwrap_or("-");
                format!("{} {database}.{}: {}", program.kind, program.name, names.unwrap_or("-"))
            })
            .collect();
        assert_eq!(
            others,
            [
                "EVENT edxapp.nightly: DELETE FROM log",
                "PROCEDURE edxapp.clean up: DELETE FROM t",
                "FUNCTION other.next_id: -",
                "FUNCTION csmh.total: -"
            ]
        );
    }
}
