//! One environment as the plan needs it: the tables to change, the foreign keys, the servers, and the unmet assumptions.

use std::collections::BTreeMap;

use super::options::Options;
use super::sql::plain_type;
use super::topology::{Route, Topology};
use super::types::{AssumptionKind, UnmetAssumption};
use crate::audit::{Audit, Environment, Role};
use crate::finding::Confidence;
use crate::live::facts::{Column, DatabaseFacts, EnvironmentFacts, ForeignKey, Measures, Table, integer_limit};
use crate::schema;
use crate::source::GapKind;

/// An environment with the changes that are planned in it.
pub(super) struct EnvironmentContext<'a> {
    pub audit: &'a Audit,
    pub options: &'a Options,
    pub environment: &'a Environment,
    /// The tables to change: those that refer to the target first, the target's own last.
    pub changes: Vec<TableChange<'a>>,
    /// Every foreign key that was seen, once.
    pub keys: Vec<ForeignKey>,
    /// The target's table, with its database's place, where there is one.
    pub target: Option<(usize, &'a DatabaseFacts, &'a Table)>,
    /// Assumptions about the environment that are unmet.
    pub assumptions: Vec<UnmetAssumption>,
}

/// A table to change.
pub(super) struct TableChange<'a> {
    pub database: &'a DatabaseFacts,
    pub table: &'a Table,
    pub columns: Vec<ColumnChange<'a>>,
    /// Whether it is the target's.
    pub is_target: bool,
}

/// A column to widen.
pub(super) struct ColumnChange<'a> {
    pub column: &'a Column,
    pub to: String,
    pub confidence: Confidence,
    pub found_by: Vec<String>,
}

impl<'a> EnvironmentContext<'a> {
    pub(super) fn new(audit: &'a Audit, index: usize, options: &'a Options) -> Self {
        let environment = &audit.environments[index];
        let facts = &environment.facts;
        let chosen = Chosen::new(facts);
        let target = target(audit, index, &chosen);
        let mut assumptions = Vec::new();
        let keys = foreign_keys(facts, &chosen);
        let unsupported = target.and_then(|(_, database, table)| unsupported_key(audit, database, table, &keys));
        let changes =
            if unsupported.is_some() { Vec::new() } else { changes(audit, index, &chosen, target, &mut assumptions) };
        assumptions.extend(unsupported.map(|what| (AssumptionKind::UnsupportedKey, what)));
        unread_databases(&keys, &chosen, target, &mut assumptions);
        unproven_lists(environment, &chosen, &mut assumptions);
        if target.is_none() {
            let what = format!("the table {} was not found", audit.target.table);
            assumptions.push((AssumptionKind::MissingTable, what));
        }
        let unread = audit.gaps.iter().filter(|gap| {
            gap.kind == GapKind::AliasUnread && gap.subject().environment.as_deref() == Some(facts.name.as_str())
        });
        assumptions.extend(unread.map(|gap| (AssumptionKind::UnreadAlias, gap.reason.clone())));
        let name = Some(facts.name.clone());
        let assumptions = assumptions
            .into_iter()
            .map(|(kind, what)| UnmetAssumption {
                environment: name.clone(),
                what,
                kind,
                step: None,
                precondition: None,
            })
            .collect();
        Self { audit, options, environment, changes, keys, target, assumptions }
    }

    pub(super) fn name(&self) -> &'a str {
        &self.environment.facts.name
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
                && change.columns.iter().any(|column_change| column_change.column.name.eq_ignore_ascii_case(column))
        })
    }

    /// Whether the code defines a constraint that a database has; a constraint of an unknown table stays.
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

/// The databases that are changed: a database that was read at the primary and at a replica is one database, and the
/// replica's facts are taken.
struct Chosen<'a>(BTreeMap<&'a str, usize>);

impl<'a> Chosen<'a> {
    fn new(facts: &'a EnvironmentFacts) -> Self {
        let mut chosen: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, database) in facts.databases.iter().enumerate() {
            let follows = |at: usize| {
                let topology = Topology::find(facts, &facts.databases[at]);
                topology.is_some_and(|topology| topology.route == Route::Replica)
            };
            match chosen.get(database.name.as_str()) {
                Some(other) if !follows(*other) && follows(at) => drop(chosen.insert(&database.name, at)),
                Some(_) => {}
                None => drop(chosen.insert(&database.name, at)),
            }
        }
        Self(chosen)
    }

    fn holds(&self, facts: &EnvironmentFacts, at: usize) -> bool {
        facts.databases.get(at).is_some_and(|database| self.0.get(database.name.as_str()) == Some(&at))
    }
}

/// The target's table, with the place of its database.
type Target<'a> = Option<(usize, &'a DatabaseFacts, &'a Table)>;

fn target<'a>(audit: &'a Audit, index: usize, chosen: &Chosen<'_>) -> Target<'a> {
    let facts = &audit.environments[index].facts;
    audit
        .columns
        .iter()
        .filter(|column| column.role == Role::Key)
        .flat_map(|column| &column.places)
        .filter(|place| place.environment == index && chosen.holds(facts, place.database))
        .find_map(|place| {
            let database = facts.databases.get(place.database)?;
            Some((place.database, database, database.table(&audit.target.table)?))
        })
}

/// Why the target's key cannot be widened, where it cannot.
fn unsupported_key(audit: &Audit, database: &DatabaseFacts, table: &Table, keys: &[ForeignKey]) -> Option<String> {
    let (label, key) = (&audit.target.label, &audit.target.key);
    let place = format!("{}.{}.{key}", database.name, table.name);
    let column = table.column(key)?;
    if integer_limit(&column.column_type).is_none() {
        return Some(format!(
            "{place}, the key of {label}, is {}: only integer keys run out and are widened",
            column.column_type
        ));
    }
    if let Some(primary) = table.primary().filter(|primary| primary.parts.len() > 1) {
        return Some(format!(
            "the primary key of {}.{} has {} columns: only keys of one column are widened",
            database.name,
            table.name,
            primary.parts.len()
        ));
    }
    let parent = keys.iter().find(|other| {
        other.database == database.name
            && other.table == table.name
            && matches!(other.columns.as_slice(), [only] if only.eq_ignore_ascii_case(key))
    })?;
    Some(format!(
        "{place}, the key of {label}, references {}.{}: it stores the ids of that table and is widened with it; plan for the \
         model of that table with --target",
        parent.referenced_database, parent.referenced_table
    ))
}

/// The tables to change: those that reference the target first, the target's own last.
fn changes<'a>(
    audit: &'a Audit,
    index: usize,
    chosen: &Chosen<'_>,
    target: Target<'a>,
    assumptions: &mut Vec<(AssumptionKind, String)>,
) -> Vec<TableChange<'a>> {
    let facts = &audit.environments[index].facts;
    let highest = audit.target.highest_id();
    let wide = |column_type: &str| integer_limit(column_type).is_some_and(|limit| limit >= highest);
    let key_type = target
        .and_then(|(_, _, table)| table.column(&audit.target.key))
        .map(|column| plain_type(&column.column_type))
        .filter(|column_type| wide(column_type))
        .unwrap_or_else(|| audit.target.wanted.print(schema::Server::default()));
    let mut by_table: BTreeMap<(usize, &str), TableChange<'a>> = BTreeMap::new();
    for id in &audit.columns {
        for place in id.places.iter().filter(|place| place.environment == index && chosen.holds(facts, place.database))
        {
            let Some(database) = facts.databases.get(place.database) else { continue };
            let Some(table) = database.tables.found.iter().find(|t| t.name.eq_ignore_ascii_case(&id.table)) else {
                continue;
            };
            let Some(column) = table.column(&id.column) else {
                if id.role != Role::Soft {
                    let what =
                        format!("{}.{} has no column {}, which the code expects", database.name, table.name, id.column);
                    assumptions.push((AssumptionKind::MissingColumn, what));
                }
                continue;
            };
            if wide(&column.column_type) || integer_limit(&column.column_type).is_none() || table.is_view {
                continue;
            }
            let change = by_table.entry((place.database, &table.name)).or_insert_with(|| TableChange {
                database,
                table,
                columns: Vec::new(),
                is_target: table.name.eq_ignore_ascii_case(&audit.target.table)
                    && target.is_some_and(|(at, ..)| at == place.database),
            });
            change.columns.push(ColumnChange {
                column,
                to: key_type.clone(),
                confidence: id.confidence,
                found_by: id.found_by.clone(),
            });
        }
    }
    let mut changes: Vec<TableChange<'a>> = by_table.into_values().collect();
    changes.sort_by(|a, b| {
        (a.is_target, &a.database.name, &a.table.name).cmp(&(b.is_target, &b.database.name, &b.table.name))
    });
    changes
}

/// Every foreign key of the chosen databases, once.
fn foreign_keys(facts: &EnvironmentFacts, chosen: &Chosen<'_>) -> Vec<ForeignKey> {
    let mut keys: Vec<ForeignKey> = facts
        .databases
        .iter()
        .enumerate()
        .filter(|(at, _)| chosen.holds(facts, *at))
        .flat_map(|(_, database)| database.foreign_keys.found.iter().chain(&database.referenced_by.found))
        .cloned()
        .collect();
    keys.sort();
    keys.dedup_by(|a, b| (&a.database, &a.table, &a.name) == (&b.database, &b.table, &b.name));
    keys
}

fn unread_databases(
    keys: &[ForeignKey],
    chosen: &Chosen<'_>,
    target: Target<'_>,
    assumptions: &mut Vec<(AssumptionKind, String)>,
) {
    for key in keys {
        let to_target = target.is_some_and(|(_, database, table)| {
            key.referenced_database == database.name && key.referenced_table == table.name
        });
        if to_target && !chosen.0.contains_key(key.database.as_str()) {
            let what = format!(
                "{}.{} references the target by the constraint {}, and its database was not read; name it with \
                 --replica, or its columns stay narrow",
                key.database, key.table, key.name
            );
            assumptions.push((AssumptionKind::UnreadDatabase, what));
        }
    }
}

fn unproven_lists(environment: &Environment, chosen: &Chosen<'_>, assumptions: &mut Vec<(AssumptionKind, String)>) {
    let facts = &environment.facts;
    for incomplete in &facts.incomplete {
        let what = format!("{} could not be read completely: {}", incomplete.place, incomplete.reason);
        assumptions.push((AssumptionKind::IncompleteRead, what));
    }
    for (at, database) in facts.databases.iter().enumerate().filter(|(at, _)| chosen.holds(facts, *at)) {
        for (what, proof) in [
            ("tables", &database.tables.proof),
            ("foreign keys", &database.foreign_keys.proof),
            ("foreign keys from other databases", &database.referenced_by.proof),
        ] {
            if !proof.is_proven() {
                let what = format!("{}: the list of {what} may be incomplete: {}", database.name, proof.reason());
                assumptions.push((AssumptionKind::IncompleteList, what));
            }
        }
        if environment.mappings.get(at).is_some_and(|side| side.alias.is_none()) {
            let what = format!("{}: the Django alias that it stands for is unknown", database.name);
            assumptions.push((AssumptionKind::UnmappedDatabase, what));
        }
    }
}

impl TableChange<'_> {
    pub(super) fn measures(&self) -> Option<&Measures> {
        self.database.measures_of(&self.table.name)
    }

    /// The indexes that hold a column that grows.
    pub(super) fn indexes(&self) -> usize {
        let has = |name: &Option<String>| {
            let names = |column_change: &ColumnChange<'_>| {
                name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(&column_change.column.name))
            };
            self.columns.iter().any(names)
        };
        // A secondary index holds the primary key as well.
        if self.table.indexes.iter().any(|i| i.name == "PRIMARY" && i.parts.iter().any(|part| has(&part.column))) {
            self.table.indexes.len()
        } else {
            self.table.indexes.iter().filter(|index| index.parts.iter().any(|part| has(&part.column))).count()
        }
    }

    /// `_gho`, `_ghc`, `_ghk`, `_del` and `_rev_del` of this table (gh-ost go/base/context.go).
    pub(super) fn gh_ost_tables(&self) -> [String; 5] {
        gh_ost_tables(&self.table.name)
    }
}

/// The tables that gh-ost makes beside a table: the copy, the changelog, the checkpoints, the old table, and the one that a
/// revert leaves (gh-ost go/base/context.go).
pub(super) fn gh_ost_tables(table: &str) -> [String; 5] {
    ["gho", "ghc", "ghk", "del", "rev_del"].map(|suffix| gh_ost_name(table, suffix))
}

/// The name of such a table: gh-ost cuts the table's own name where the whole would be longer than 64 bytes
/// (`getSafeTableName` in gh-ost go/base/context.go).
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
