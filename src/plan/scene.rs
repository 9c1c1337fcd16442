//! What the plan sees of one environment: the tables to change, the foreign keys in the way, the servers.

use std::collections::BTreeMap;

use super::sql::plain_type;
use super::topology::Topology;
use super::{Open, Options};
use crate::audit::{Audit, Environment, Role};
use crate::finding::Confidence;
use crate::live::facts::{Column, DatabaseFacts, ForeignKey, Measures, Table, integer_limit};
use crate::schema;
use crate::source::GapKind;

/// An environment with what is to become of it.
pub(super) struct Scene<'a> {
    pub audit: &'a Audit,
    pub options: &'a Options,
    pub environment: &'a Environment,
    /// The tables to change: those that refer to the target first, the target's own last.
    pub changes: Vec<Change<'a>>,
    /// Every foreign key that was seen, once.
    pub keys: Vec<ForeignKey>,
    /// The target's table, with its database's place, where there is one.
    pub target: Option<(usize, &'a DatabaseFacts, &'a Table)>,
    open: Vec<String>,
}

/// A table to change.
pub(super) struct Change<'a> {
    pub database: &'a DatabaseFacts,
    pub table: &'a Table,
    pub columns: Vec<Widening<'a>>,
    /// Whether it is the target's.
    pub is_target: bool,
}

/// A column to widen.
pub(super) struct Widening<'a> {
    pub column: &'a Column,
    pub to: String,
    pub confidence: Confidence,
    pub found_by: Vec<String>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(audit: &'a Audit, index: usize, options: &'a Options) -> Self {
        let environment = &audit.environments[index];
        let facts = &environment.facts;
        let mut open = Vec::new();
        // The same database read at the primary and at a replica is one database: the replica is inspected.
        let mut chosen: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, database) in facts.databases.iter().enumerate() {
            let follows = |at: usize| {
                let topology = Topology::find(facts, &facts.databases[at]);
                topology.is_some_and(|topology| topology.route == super::topology::Route::Replica)
            };
            match chosen.get(database.name.as_str()) {
                Some(other) if !follows(*other) && follows(at) => drop(chosen.insert(&database.name, at)),
                Some(_) => {}
                None => drop(chosen.insert(&database.name, at)),
            }
        }
        let is_chosen = |at: usize| facts.databases.get(at).is_some_and(|d| chosen.get(d.name.as_str()) == Some(&at));

        let target = audit
            .columns
            .iter()
            .filter(|column| column.role == Role::Key)
            .flat_map(|column| &column.places)
            .filter(|place| place.environment == index && is_chosen(place.database))
            .find_map(|place| {
                let database = facts.databases.get(place.database)?;
                Some((place.database, database, database.table(&audit.target.table)?))
            });
        let highest = audit.target.highest_id();
        let wide = |column_type: &str| integer_limit(column_type).is_some_and(|limit| limit >= highest);
        let key_type = target
            .and_then(|(_, _, table)| table.column(&audit.target.key))
            .map(|column| plain_type(&column.column_type))
            .filter(|column_type| wide(column_type))
            .unwrap_or_else(|| audit.target.wanted.print(crate::schema::Server::default()));

        let mut by_table: BTreeMap<(usize, &str), Change<'a>> = BTreeMap::new();
        for id in &audit.columns {
            for place in id.places.iter().filter(|place| place.environment == index && is_chosen(place.database)) {
                let Some(database) = facts.databases.get(place.database) else { continue };
                let Some(table) = database.tables.found.iter().find(|t| t.name.eq_ignore_ascii_case(&id.table)) else {
                    continue;
                };
                let Some(column) = table.column(&id.column) else {
                    if id.role != Role::Soft {
                        open.push(format!(
                            "{}.{} has no column {}, which the code expects",
                            database.name, table.name, id.column
                        ));
                    }
                    continue;
                };
                if wide(&column.column_type) || integer_limit(&column.column_type).is_none() || table.is_view {
                    continue;
                }
                let change = by_table.entry((place.database, &table.name)).or_insert_with(|| Change {
                    database,
                    table,
                    columns: Vec::new(),
                    is_target: table.name.eq_ignore_ascii_case(&audit.target.table)
                        && target.is_some_and(|(at, ..)| at == place.database),
                });
                change.columns.push(Widening {
                    column,
                    to: key_type.clone(),
                    confidence: id.confidence,
                    found_by: id.found_by.clone(),
                });
            }
        }
        let mut changes: Vec<Change<'a>> = by_table.into_values().collect();
        changes.sort_by(|a, b| {
            (a.is_target, &a.database.name, &a.table.name).cmp(&(b.is_target, &b.database.name, &b.table.name))
        });

        let mut keys: Vec<ForeignKey> = facts
            .databases
            .iter()
            .enumerate()
            .filter(|(at, _)| is_chosen(*at))
            .flat_map(|(_, database)| database.foreign_keys.found.iter().chain(&database.referenced_by.found))
            .cloned()
            .collect();
        keys.sort();
        keys.dedup_by(|a, b| (&a.database, &a.table, &a.name) == (&b.database, &b.table, &b.name));
        for key in &keys {
            let to_target = target.is_some_and(|(_, database, table)| {
                key.referenced_database == database.name && key.referenced_table == table.name
            });
            if to_target && !chosen.contains_key(key.database.as_str()) {
                open.push(format!(
                    "{}.{} points to the target by the constraint {}, and its database was not read; name it with \
                     --replica, or its columns stay narrow",
                    key.database, key.table, key.name
                ));
            }
        }
        for incomplete in &facts.incomplete {
            open.push(format!("{} could not be read to the end: {}", incomplete.place, incomplete.reason));
        }
        for (at, database) in facts.databases.iter().enumerate().filter(|(at, _)| is_chosen(*at)) {
            for (what, proof) in [
                ("its tables", &database.tables.proof),
                ("its foreign keys", &database.foreign_keys.proof),
                ("foreign keys of other databases into it", &database.referenced_by.proof),
            ] {
                if !proof.is_proven() {
                    open.push(format!("{}: not all of {what} may have been seen: {}", database.name, proof.reason()));
                }
            }
            if environment.mappings.get(at).is_some_and(|side| side.alias.is_none()) {
                open.push(format!("{}: it is not known which Django alias it stands for", database.name));
            }
        }
        if target.is_none() {
            open.push(format!("the table {} was not found", audit.target.table));
        }
        open.extend(
            audit
                .gaps
                .iter()
                .filter(|gap| gap.kind == GapKind::AliasUnread && gap.subject.environment.as_ref() == Some(&facts.name))
                .map(|gap| gap.reason.clone()),
        );
        Self { audit, options, environment, changes, keys, target, open }
    }

    pub(super) fn name(&self) -> &'a str {
        &self.environment.facts.name
    }

    /// What nobody knows of the environment.
    pub(super) fn open(&self) -> Vec<Open> {
        let environment = Some(self.name().to_owned());
        self.open.iter().map(|what| Open { environment: environment.clone(), what: what.clone() }).collect()
    }

    pub(super) fn topology(&self, database: &'a DatabaseFacts) -> Option<Topology<'a>> {
        Topology::find(&self.environment.facts, database)
    }

    /// The foreign keys that a table has.
    pub(super) fn out_of(&self, database: &str, table: &str) -> impl Iterator<Item = &ForeignKey> {
        self.keys.iter().filter(move |key| key.database == database && key.table == table)
    }

    /// The foreign keys that point to a table, but for its own.
    pub(super) fn into(&self, database: &str, table: &str) -> impl Iterator<Item = &ForeignKey> {
        self.keys.iter().filter(move |key| {
            key.referenced_database == database
                && key.referenced_table == table
                && (key.database.as_str(), key.table.as_str()) != (database, table)
        })
    }

    /// Whether a column changes its type.
    pub(super) fn widens(&self, database: &str, table: &str, column: &str) -> bool {
        self.changes.iter().any(|change| {
            change.database.name == database
                && change.table.name == table
                && change.columns.iter().any(|widening| widening.column.name.eq_ignore_ascii_case(column))
        })
    }

    /// Whether the code wants a constraint that a database has; what the code does not know stays as it is.
    pub(super) fn is_wanted(&self, key: &ForeignKey) -> bool {
        let [column] = key.columns.as_slice() else { return true };
        let at = self.environment.facts.databases.iter().position(|database| database.name == key.database);
        let side = at.and_then(|at| self.environment.mappings.get(at));
        let code = side.and_then(|side| {
            let expected = self.audit.expected.get(side.expected)?;
            expected.databases.get(side.alias.as_ref()?)
        });
        let known: Option<&schema::Table> = code.and_then(|code| code.table(&key.table));
        known.is_none_or(|table| {
            table.column(column).is_none() || table.foreign_keys.iter().any(|wanted| wanted.columns == key.columns)
        })
    }
}

impl Change<'_> {
    pub(super) fn measures(&self) -> Option<&Measures> {
        self.database.measures_of(&self.table.name)
    }

    /// The indexes that hold a column that grows.
    pub(super) fn indexes(&self) -> usize {
        let has = |name: &Option<String>| {
            let names =
                |widening: &Widening<'_>| name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(&widening.column.name));
            self.columns.iter().any(names)
        };
        // A secondary index holds the primary key as well.
        if self.table.indexes.iter().any(|i| i.name == "PRIMARY" && i.parts.iter().any(|part| has(&part.column))) {
            self.table.indexes.len()
        } else {
            self.table.indexes.iter().filter(|index| index.parts.iter().any(|part| has(&part.column))).count()
        }
    }

    /// The key that the change makes room in, when it is the target's.
    pub(super) fn names_of_leftovers(&self) -> [String; 5] {
        leftovers(&self.table.name)
    }
}

/// The tables that gh-ost makes beside a table: ghost, changelog, checkpoints, the old one, and a reverted one.
pub(super) fn leftovers(table: &str) -> [String; 5] {
    ["gho", "ghc", "ghk", "del", "rev_del"].map(|suffix| gh_ost_name(table, suffix))
}

/// A table's name by gh-ost's habit, which cuts the table's own name where all would be longer than 64 bytes.
pub(super) fn gh_ost_name(table: &str, suffix: &str) -> String {
    let room = 64 - suffix.len() - 2;
    let mut end = table.len().min(room);
    while !table.is_char_boundary(end) {
        end -= 1;
    }
    format!("_{}_{suffix}", &table[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_as_gh_ost_does() {
        assert_eq!(gh_ost_name("courseware_studentmodule", "gho"), "_courseware_studentmodule_gho");
        let long = "coursewarehistoryextended_studentmodulehistoryextended_of_old";
        assert_eq!(gh_ost_name(long, "gho").len(), 64);
        assert!(gh_ost_name(long, "rev_del").ends_with("_rev_del"));
    }
}
