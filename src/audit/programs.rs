//! What triggers, routines and events do with the target's ids: the columns that they write them to, and the variables
//! that hold them.

use std::collections::BTreeSet;

use super::columns::Finder;
use super::{Environment, IdColumn, Role};
use crate::finding::Confidence;
use crate::live::facts::{Assignment, DatabaseFacts, Destination, integer_limit};

/// A variable of a program that holds ids and has an integer type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdVariable {
    /// The index of the environment.
    pub environment: usize,
    /// The index of the database in it.
    pub database: usize,
    /// What the program is, in small letters: `trigger`, `procedure`, `function` or `event`.
    pub kind: String,
    /// The program's name.
    pub program: String,
    /// The trigger's table.
    pub table: Option<String>,
    /// The variable.
    pub variable: String,
    /// Its type.
    pub variable_type: String,
    /// Where the ids come from, as `table.column`.
    pub from: String,
    /// The confidence that it holds ids.
    pub confidence: Confidence,
}

/// A program of a database, whatever its kind.
struct ProgramText<'a> {
    kind: String,
    name: &'a str,
    /// The table of a trigger.
    table: Option<&'a str>,
    mentions: &'a [String],
    assignments: &'a [Assignment],
}

/// A source of ids: `table.column`, and how sure it is that the text means it.
type Origin = (String, Confidence);

fn programs(database: &DatabaseFacts) -> impl Iterator<Item = ProgramText<'_>> {
    let triggers = database.triggers.found.iter().map(|trigger| ProgramText {
        kind: String::from("trigger"),
        name: &trigger.name,
        table: Some(&trigger.table),
        mentions: &trigger.mentions,
        assignments: &trigger.assignments,
    });
    let others = database.routines.found.iter().chain(&database.events.found).map(|program| ProgramText {
        kind: program.kind.to_lowercase(),
        name: &program.name,
        table: None,
        mentions: &program.mentions,
        assignments: &program.assignments,
    });
    triggers.chain(others)
}

impl ProgramText<'_> {
    /// The assignments of ids, with where these come from. `stores` returns whether a column of a table stores ids.
    fn of_ids(&self, stores: &dyn Fn(&str, &str) -> bool) -> Vec<(&Assignment, Origin)> {
        let mut variables: Vec<(&str, Origin)> = Vec::new();
        let mut found: Vec<(&Assignment, Origin)> = Vec::new();
        let mut left: Vec<&Assignment> = self.assignments.iter().collect();
        loop {
            let before = left.len();
            left.retain(|assignment| {
                let held =
                    variables.iter().find(|(name, _)| *name == assignment.from).map(|(_, origin)| origin.clone());
                let Some(origin) = held.or_else(|| self.origin(&assignment.from, stores)) else { return true };
                if let Destination::Variable { name, .. } = &assignment.to {
                    variables.push((name, origin.clone()));
                }
                found.push((assignment, origin));
                false
            });
            if left.len() == before {
                return found;
            }
        }
    }

    /// The column that a name in the text means, when it stores ids.
    fn origin(&self, from: &str, stores: &dyn Fn(&str, &str) -> bool) -> Option<Origin> {
        let (before, column) = from.rsplit_once('.').unwrap_or(("", from));
        if let (Some(table), "new" | "old") = (self.table, before) {
            return stores(table, column).then(|| (format!("{table}.{column}"), Confidence::Certain));
        }
        // Before the dot stands a table or an alias, which is not followed.
        let named = before.rsplit('.').next().unwrap_or_default();
        let exact = self.mentions.iter().find(|table| table.eq_ignore_ascii_case(named));
        if let Some(table) = exact {
            return stores(table, column).then(|| (format!("{table}.{column}"), Confidence::Likely));
        }
        let table = self.mentions.iter().find(|table| stores(table, column))?;
        let sure = if self.mentions.len() == 1 { Confidence::Likely } else { Confidence::Possible };
        Some((format!("{table}.{column}"), sure))
    }
}

impl Finder {
    /// Integer columns that a program writes ids to.
    pub(super) fn by_programs(&mut self, environments: &[Environment]) {
        let mut found = Vec::new();
        for environment in environments {
            for (database, mapping) in environment.facts.databases.iter().zip(&environment.mappings) {
                let alias = mapping.alias.as_deref();
                for program in programs(database) {
                    for (assignment, (from, sure)) in program.of_ids(&|table, column| self.has(alias, table, column)) {
                        let Destination::Column { table, column } = &assignment.to else { continue };
                        let held = database.table(table).filter(|table| !table.is_view);
                        let Some((held, column)) = held.and_then(|held| Some((held, held.column(column)?))) else {
                            continue;
                        };
                        if integer_limit(&column.column_type).is_none() || self.has(alias, &held.name, &column.name) {
                            continue;
                        }
                        let (kind, name) = (&program.kind, program.name);
                        let why = format!("the {kind} {name} writes {from} to it, in {}", environment.facts.name);
                        found.push((alias.map(str::to_owned), held.name.clone(), column.name.clone(), why, sure));
                    }
                }
            }
        }
        for (alias, table, column, why, sure) in found {
            self.add(alias.as_deref(), &table, &column, Role::Soft, why, sure);
        }
    }
}

/// The variables that hold ids.
pub(super) fn variables(columns: &[IdColumn], environments: &[Environment]) -> Vec<IdVariable> {
    let mut found = Vec::new();
    for (at, environment) in environments.iter().enumerate() {
        for (index, (database, mapping)) in environment.facts.databases.iter().zip(&environment.mappings).enumerate() {
            let known: BTreeSet<(String, String)> = columns
                .iter()
                .filter(|column| column.alias == mapping.alias && column.confidence > Confidence::Possible)
                .map(|column| (column.table.to_lowercase(), column.column.to_lowercase()))
                .collect();
            let stores = |table: &str, column: &str| known.contains(&(table.to_lowercase(), column.to_lowercase()));
            for program in programs(database) {
                for (assignment, (from, confidence)) in program.of_ids(&stores) {
                    let Destination::Variable { name, variable_type } = &assignment.to else { continue };
                    found.push(IdVariable {
                        environment: at,
                        database: index,
                        kind: program.kind.clone(),
                        program: program.name.to_owned(),
                        table: program.table.map(str::to_owned),
                        variable: name.clone(),
                        variable_type: variable_type.clone(),
                        from,
                        confidence,
                    });
                }
            }
        }
    }
    found
}
