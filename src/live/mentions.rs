//! Which tables the texts of views, triggers, routines and events name.
//!
//! A text is read once, word by word, however many tables there are. Nothing that may matter is left out: a name in a
//! comment or in a string, from which a statement may be made, counts too.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::facts::{DatabaseFacts, ExternalProgram, TableRef};

/// Servers allow no longer names; a quote that closes later than this closes no name.
const LONGEST_NAME: usize = 64;

/// The tables of a database, by the names that a text can use.
pub(super) struct Names {
    database: String,
    tables: FxHashMap<String, Vec<String>>,
}

/// What a text names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// Tables of the database.
    pub own: Vec<String>,
    /// `a.b`, which is a table of another database or a column; [`settle`] decides which.
    pub elsewhere: Vec<TableRef>,
}

impl Names {
    /// The tables and views of a database.
    pub fn of(facts: &DatabaseFacts) -> Self {
        let mut tables: FxHashMap<String, Vec<String>> = FxHashMap::default();
        for table in &facts.tables.found {
            tables.entry(table.name.to_lowercase()).or_default().push(table.name.clone());
        }
        Self { database: facts.name.to_lowercase(), tables }
    }

    /// What a text in this database names, apart from the table or view that it belongs to.
    pub fn in_text(&self, text: &str, owner: &str) -> Named {
        let mut own = BTreeSet::new();
        let mut elsewhere = BTreeSet::new();
        let mut table = |name: &str| own.extend(self.tables.get(name).into_iter().flatten());
        chains(&text.to_lowercase(), &mut |chain| {
            let (Some(first), second) = (chain.first(), chain.get(1)) else { return };
            table(first);
            match second {
                Some(second) if *first == self.database => table(second),
                Some(second) => {
                    elsewhere.insert(TableRef { database: first.clone(), table: second.clone() });
                }
                None => {}
            }
        });
        let own = own.into_iter().filter(|name| *name != owner).cloned().collect();
        Named { own, elsewhere: elsewhere.into_iter().collect() }
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

/// Every name of a text with what is joined to it by dots: `[t]`, `[db, t, column]`.
fn chains(text: &str, found: &mut impl FnMut(&[String])) {
    let mut rest = text;
    let mut chain: Vec<String> = Vec::new();
    // Whether a dot stands before what comes, so that it belongs to the chain.
    let mut joined = false;
    while let Some(first) = rest.chars().next() {
        let quoted = if first == '`' || first == '"' { quoted(rest, first) } else { None };
        let name = match quoted {
            Some((name, after)) => {
                rest = after;
                name
            }
            None if is_word(first) => {
                let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                let word = &rest[..end];
                rest = &rest[end..];
                word.to_owned()
            }
            None => {
                rest = &rest[first.len_utf8()..];
                continue;
            }
        };
        if !joined {
            chain.clear();
        }
        // Between quotes that belong to a comment or a string there may be more than one name.
        if !name.chars().all(is_word) {
            words(&name, found);
        }
        chain.push(name);
        let trimmed = rest.trim_start();
        joined = trimmed.starts_with('.');
        if joined {
            let after = trimmed[1..].trim_start();
            let apart = trimmed.len() < rest.len() || after.len() + 1 < trimmed.len();
            rest = after;
            joined = rest.starts_with(['`', '"']) || rest.starts_with(is_word);
            if apart && joined {
                // The end of a sentence, perhaps: both sides count for themselves as well.
                found(&chain);
                let next: String = rest.trim_start_matches(['`', '"']).chars().take_while(|c| is_word(*c)).collect();
                found(&[next]);
            }
        }
        if !joined {
            found(&chain);
        }
    }
}

/// The plain words of a text, each for itself and each pair that a dot joins.
fn words(text: &str, found: &mut impl FnMut(&[String])) {
    for chain in text.split(|c| !is_word(c) && c != '.') {
        let names: Vec<String> = chain.split('.').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if !names.is_empty() {
            found(&names);
        }
    }
}

/// The name in quotes that a text begins with, and what follows it.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut characters = text[1..].char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return Some((name, &text[at + 2..])).filter(|(name, _)| !name.is_empty());
        }
        if name.chars().count() == LONGEST_NAME {
            return None;
        }
        name.push(character);
    }
    None
}

/// Keeps of `a.b` in texts what names a table of another of these databases, and records it in that database. What was
/// settled before stays as it is.
pub(super) fn settle(databases: &mut [DatabaseFacts]) {
    let mut known: FxHashMap<String, (usize, FxHashMap<String, String>)> = FxHashMap::default();
    for (at, database) in databases.iter().enumerate() {
        let tables = database.tables.found.iter().map(|table| (table.name.to_lowercase(), table.name.clone()));
        known.insert(database.name.to_lowercase(), (at, tables.collect()));
    }
    let names: Vec<String> = databases.iter().map(|database| database.name.clone()).collect();
    let unread: Vec<bool> = databases.iter().map(|database| database.tables.found.is_empty()).collect();
    let mut outsiders: Vec<(usize, ExternalProgram)> = Vec::new();
    for database in databases.iter_mut() {
        let home = database.name.clone();
        let mut settle = |kind: &str, name: &str, elsewhere: &mut Vec<TableRef>| {
            let mut mentions: Vec<(usize, String)> = Vec::new();
            for pair in elsewhere.drain(..) {
                let Some((at, tables)) = known.get(&pair.database.to_lowercase()) else { continue };
                match tables.get(&pair.table.to_lowercase()) {
                    Some(table) => mentions.push((*at, table.clone())),
                    // Nobody could look whether there is such a table.
                    None if unread[*at] => mentions.push((*at, pair.table)),
                    None => {}
                }
            }
            mentions.retain(|(at, _)| names[*at] != home);
            mentions.sort();
            mentions.dedup();
            elsewhere.extend(
                mentions.iter().map(|(at, table)| TableRef { database: names[*at].clone(), table: table.clone() }),
            );
            for of_one in mentions.chunk_by(|a, b| a.0 == b.0) {
                let outsider = ExternalProgram {
                    database: home.clone(),
                    kind: kind.to_owned(),
                    name: name.to_owned(),
                    mentions: of_one.iter().map(|(_, table)| table.clone()).collect(),
                };
                outsiders.extend(of_one.first().map(|(at, _)| (*at, outsider)));
            }
        };
        for trigger in &mut database.triggers.found {
            settle("TRIGGER", &trigger.name, &mut trigger.elsewhere);
        }
        let lists = [&mut database.views, &mut database.routines, &mut database.events];
        for program in lists.into_iter().flat_map(|list| &mut list.found) {
            settle(&program.kind, &program.name, &mut program.elsewhere);
        }
    }
    for (at, outsider) in outsiders {
        databases[at].named_by.found.push(outsider);
    }
    for database in databases {
        database.named_by.found.sort();
        database.named_by.found.dedup();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::facts::{Origin, Program, Table};
    use crate::live::proof::{Observed, Proof};

    fn database(name: &str, tables: &[&str]) -> DatabaseFacts {
        let mut facts = DatabaseFacts::unread(name, Origin::Server { address: "h:1".to_owned() }, "a test");
        let table = |name: &&str| Table { name: (*name).to_owned(), ..Table::default() };
        facts.tables = Observed::new(tables.iter().map(table).collect(), Proof::proven("a test"));
        facts
    }

    #[test]
    fn whole_names_are_mentioned() {
        let names = Names::of(&database("edx", &["courseware_studentmodule", "a b", "odd-table", "status"]));
        let of = |text| names.in_text(text, "").own.join(" | ");
        assert_eq!(of("select * from `edx`.`Courseware_StudentModule` where 1"), "courseware_studentmodule");
        assert_eq!(of("select * from courseware_studentmodulehistory"), "");
        assert_eq!(of("select * from x_courseware_studentmodule"), "");
        assert_eq!(of("insert into `a b` select 1 from courseware_studentmodule"), "a b | courseware_studentmodule");
        assert_eq!(of("select 1 from EDX . \"odd-table\""), "odd-table");
        assert_eq!(of("courseware_studentmodule.id"), "courseware_studentmodule");
        assert_eq!(of("select `edx`.`t`.`status` AS s"), "", "a column");
        assert_eq!(of("set @q = 'delete from courseware_studentmodule'"), "courseware_studentmodule");
        assert_eq!(of("-- don`t touch, see `courseware_studentmodule`"), "courseware_studentmodule");
        assert_eq!(of("-- see status. Courseware_studentmodule too"), "courseware_studentmodule | status");
        assert_eq!(of("other.courseware_studentmodule"), "", "another database's");
        assert_eq!(of("`` ` \" ."), "");
        assert_eq!(names.in_text("status, `a b`", "status").own, ["a b"]);
    }

    #[test]
    fn names_with_their_database_are_told_from_columns() {
        let mut csmh = database("edxapp_csmh", &["history"]);
        let text = "select m.id from `EdxApp`.`CSM` m join edxapp.gone join history on history.id = elsewhere.csm.id";
        let named = Names::of(&csmh).in_text(text, "");
        assert_eq!(named.own, ["history"]);
        csmh.routines = Observed::new(
            vec![Program {
                name: "p".to_owned(),
                kind: "PROCEDURE".to_owned(),
                mentions: named.own,
                elsewhere: named.elsewhere,
                readable: true,
                ..Program::default()
            }],
            Proof::proven("a test"),
        );
        let mut databases = [database("edxapp", &["csm", "m"]), csmh, database("unread", &[])];
        for _ in 0..2 {
            settle(&mut databases);
            let elsewhere = &databases[1].routines.found[0].elsewhere;
            assert_eq!(*elsewhere, [TableRef { database: "edxapp".to_owned(), table: "csm".to_owned() }]);
            let named_by = &databases[0].named_by.found;
            assert_eq!(named_by.len(), 1, "{named_by:?}");
            assert_eq!((&*named_by[0].database, &*named_by[0].kind), ("edxapp_csmh", "PROCEDURE"));
            assert_eq!(named_by[0].mentions, ["csm"]);
        }
    }

    #[test]
    fn many_tables_cost_nothing() {
        let tables: Vec<String> = (0..5_000).map(|n| format!("table_{n}")).collect();
        let names = Names::of(&database("d", &tables.iter().map(String::as_str).collect::<Vec<_>>()));
        let text = (0..5_000).map(|n| format!("select `d`.`table_{n}`.`id` from `d`.`table_{n}`;")).collect::<String>();
        let begun = std::time::Instant::now();
        assert_eq!(names.in_text(&text, "").own.len(), 5_000);
        // A debug build takes some hundredths of a second; 5,000 searches of the text would take minutes.
        assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    }
}
