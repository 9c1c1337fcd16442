//! The columns that store the target's ids: by the code, by constraints of databases, and by their names.

use std::collections::{BTreeMap, BTreeSet};

use super::{Environment, Target};
use crate::config::gate::Day;
use crate::expected::Expected;
use crate::finding::Confidence;
use crate::live::facts::{DatabaseFacts, Table, integer_limit};
use crate::live::shape::is_named_as_reference;
use crate::schema::ColumnType;

/// A column that stores the target's ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdColumn {
    /// The alias of its table; `None` when its database stands for none.
    pub alias: Option<String>,
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// What it is to the target.
    pub role: Role,
    /// The field, as `app_label.Model.field`.
    pub field: Option<String>,
    /// How it was found.
    pub found_by: Vec<String>,
    /// The confidence that it stores the ids.
    pub confidence: Confidence,
    /// Its type, by what the migrations leave in the database.
    pub migrations: Option<ColumnType>,
    /// The name of the constraint that the code expects.
    pub constraint: Option<String>,
    /// Where databases hold it.
    pub places: Vec<ColumnInstance>,
}

/// What a column is to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Its own key.
    Key,
    /// A constraint ties it to the key, in the code or in a database.
    Constraint,
    /// It stores the ids and nothing ties it.
    Soft,
}

/// When a column has no value left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhaustion {
    /// Not before this day.
    pub earliest: Day,
    /// Not after this day; `None` when it may be in more than a hundred years, or never.
    pub latest: Option<Day>,
    /// The assumptions of the forecast.
    pub assumption: String,
}

/// A column in a database of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInstance {
    /// The index of the environment.
    pub environment: usize,
    /// The index of the database in it.
    pub database: usize,
    /// Its type; `None` when the table is there and the column is not.
    pub column_type: Option<String>,
    /// The constraints that tie it to the key or to another column that stores the ids.
    pub constraints: Vec<String>,
    /// The largest value that was used.
    pub used: Option<i128>,
    /// The largest value that fits.
    pub limit: Option<i128>,
    /// When the ids pass that.
    pub exhausted: Option<Exhaustion>,
}

/// Where a column is: alias or database, table, column, in small letters.
type Key = (String, String, String);

#[derive(Default)]
pub(super) struct Finder {
    columns: BTreeMap<Key, IdColumn>,
}

/// Finds the columns, the target's own key first.
pub(super) fn find(target: &Target, expected: &[Expected], environments: &[Environment]) -> Vec<IdColumn> {
    let mut finder = Finder::default();
    for code in expected {
        finder.key_by_code(target, code);
    }
    finder.key_by_databases(target, environments);
    // What points to a column that stores the ids stores them as well: a child's key, and what points to the child.
    loop {
        let before = finder.columns.len();
        for code in expected {
            finder.by_code(code);
            finder.referenced_keys(code, environments);
        }
        finder.by_constraints(environments);
        if finder.columns.len() == before {
            break;
        }
    }
    for code in expected {
        finder.by_copies(target, code, environments);
        finder.by_content_type(target, code);
    }
    finder.by_name(target, environments);
    finder.by_other_databases(target, environments);
    // What a program writes may be read and written on by another.
    loop {
        let before = finder.columns.len();
        finder.by_programs(environments);
        if finder.columns.len() == before {
            break;
        }
    }
    let mut columns: Vec<IdColumn> = finder.columns.into_values().collect();
    for column in &mut columns {
        places(column, environments);
    }
    columns.sort_by(|a, b| (a.role, &a.alias, &a.table, &a.column).cmp(&(b.role, &b.alias, &b.table, &b.column)));
    columns
}

impl Finder {
    pub(super) fn add(
        &mut self,
        place: Option<&str>,
        table: &str,
        column: &str,
        role: Role,
        why: String,
        sure: Confidence,
    ) {
        let key = (place.unwrap_or_default().to_lowercase(), table.to_lowercase(), column.to_lowercase());
        let entry = self.columns.entry(key).or_insert_with(|| IdColumn {
            alias: place.map(str::to_owned),
            table: table.to_owned(),
            column: column.to_owned(),
            role,
            field: None,
            found_by: Vec::new(),
            confidence: sure,
            migrations: None,
            constraint: None,
            places: Vec::new(),
        });
        entry.role = entry.role.min(role);
        entry.confidence = entry.confidence.max(sure);
        if !entry.found_by.contains(&why) {
            entry.found_by.push(why);
        }
    }

    pub(super) fn get_mut(&mut self, alias: &str, table: &str, column: &str) -> Option<&mut IdColumn> {
        self.columns.get_mut(&(alias.to_lowercase(), table.to_lowercase(), column.to_lowercase()))
    }

    /// Whether a column of a database stores the ids, by what is known so far. A table's name is looked for in every
    /// alias: references without a constraint cross databases.
    pub(super) fn stores(&self, table: &str, column: &str) -> bool {
        self.columns.values().any(|known| {
            known.role != Role::Soft
                && known.table.eq_ignore_ascii_case(table)
                && known.column.eq_ignore_ascii_case(column)
        })
    }

    /// Whether a column of a table of an alias stores the ids, tied by a constraint or the key itself.
    pub(super) fn ties(&self, alias: Option<&str>, table: &str, column: &str) -> bool {
        let key = (alias.unwrap_or_default().to_lowercase(), table.to_lowercase(), column.to_lowercase());
        self.columns.get(&key).is_some_and(|known| known.role != Role::Soft)
    }

    /// Whether a column of a table of an alias is known to store the ids.
    pub(super) fn has(&self, alias: Option<&str>, table: &str, column: &str) -> bool {
        let key = (alias.unwrap_or_default().to_lowercase(), table.to_lowercase(), column.to_lowercase());
        self.columns.contains_key(&key)
    }

    fn key_by_code(&mut self, target: &Target, code: &Expected) {
        for (alias, database) in &code.databases {
            let Some(table) = database.table(&target.table) else { continue };
            let Some(column) = table.column(&target.key) else { continue };
            let why = format!("the key of {}", target.label);
            self.add(Some(alias), &target.table, &target.key, Role::Key, why, Confidence::Certain);
            if let Some(entry) = self.get_mut(alias, &target.table, &target.key) {
                entry.migrations.get_or_insert_with(|| column.column_type.clone());
            }
        }
    }

    fn key_by_databases(&mut self, target: &Target, environments: &[Environment]) {
        for environment in environments {
            for (database, mapping) in environment.facts.databases.iter().zip(&environment.mappings) {
                if database.table(&target.table).is_some_and(|table| table.column(&target.key).is_some()) {
                    let why = format!("the key of {}", target.label);
                    let alias = mapping.alias.as_deref();
                    self.add(alias, &target.table, &target.key, Role::Key, why, Confidence::Certain);
                }
            }
        }
    }

    fn by_code(&mut self, code: &Expected) {
        for (alias, database) in &code.databases {
            for (name, table) in &database.tables {
                for key in &table.foreign_keys {
                    let ([column], [referenced]) = (key.columns.as_slice(), key.referenced_columns.as_slice()) else {
                        continue;
                    };
                    if !self.stores(&key.referenced_table, referenced) {
                        continue;
                    }
                    let why = format!("the migrations create the constraint {}", key.name);
                    self.add(Some(alias), name, column, Role::Constraint, why, Confidence::Certain);
                    let held = table.column(column).map(|column| column.column_type.clone());
                    if let Some(entry) = self.get_mut(alias, name, column) {
                        entry.constraint.get_or_insert_with(|| key.name.clone());
                        entry.migrations = entry.migrations.take().or(held);
                    }
                }
            }
        }
        self.by_models(code);
        for soft in &code.soft_references {
            if !self.stores(&soft.referenced_table, &soft.referenced_column) {
                continue;
            }
            let why = format!("{} references the key without a constraint", soft.field);
            self.add(Some(&soft.alias), &soft.table, &soft.column, Role::Soft, why, Confidence::Certain);
            let table = code.databases.get(&soft.alias).and_then(|database| database.table(&soft.table));
            let held = table.and_then(|table| table.column(&soft.column)).map(|column| column.column_type.clone());
            if let Some(entry) = self.get_mut(&soft.alias, &soft.table, &soft.column) {
                entry.field.get_or_insert_with(|| soft.field.clone());
                entry.migrations = entry.migrations.take().or(held);
            }
        }
    }

    /// The fields of the models, with or without a migration.
    fn by_models(&mut self, code: &Expected) {
        for column in &code.model_columns {
            let Some((table, referenced)) = &column.referenced else { continue };
            if !self.stores(table, referenced) {
                continue;
            }
            let why = format!("the field {} references the key", column.field);
            for (alias, database) in &code.databases {
                let Some(table) = database.table(&column.table) else { continue };
                // Where the migrations make no constraint there is none, whatever the model says.
                let key = table
                    .foreign_keys
                    .iter()
                    .any(|key| key.columns.len() == 1 && key.columns[0].eq_ignore_ascii_case(&column.column));
                let role = if key { Role::Constraint } else { Role::Soft };
                self.add(Some(alias), &column.table, &column.column, role, why.clone(), Confidence::Certain);
                if let Some(entry) = self.get_mut(alias, &column.table, &column.column) {
                    entry.field.get_or_insert_with(|| column.field.clone());
                }
            }
        }
    }

    fn by_constraints(&mut self, environments: &[Environment]) {
        for environment in environments {
            let databases = &environment.facts.databases;
            for (database, mapping) in databases.iter().zip(&environment.mappings) {
                // A key of another database is found at that database too when it was read, and here when it was not.
                for key in database.foreign_keys.found.iter().chain(&database.referenced_by.found) {
                    let ([column], [referenced]) = (key.columns.as_slice(), key.referenced_columns.as_slice()) else {
                        continue;
                    };
                    if !self.stores(&key.referenced_table, referenced) {
                        continue;
                    }
                    let own = key.database == database.name;
                    let home =
                        databases.iter().zip(&environment.mappings).find(|(other, _)| other.name == key.database);
                    let place = match home {
                        _ if own => mapping.alias.clone(),
                        Some((_, mapping)) => mapping.alias.clone(),
                        None => None,
                    };
                    let why = format!("constraint {1} in {0}", environment.facts.name, key.name);
                    self.add(place.as_deref(), &key.table, column, Role::Constraint, why, Confidence::Certain);
                }
            }
        }
    }

    /// Columns that are called as a reference to the target is usually called, of an integer type, and tied to nothing
    /// else by a constraint.
    fn by_name(&mut self, target: &Target, environments: &[Environment]) {
        let usual = target.usual_columns();
        for environment in environments {
            for (database, mapping) in environment.facts.databases.iter().zip(&environment.mappings) {
                let tied: BTreeSet<(&str, &str)> = database
                    .foreign_keys
                    .found
                    .iter()
                    .filter(|key| key.database == database.name)
                    .flat_map(|key| key.columns.iter().map(|column| (key.table.as_str(), column.as_str())))
                    .collect();
                // What a tool left of a table is dropped, not changed.
                let tables = database.tables.found.iter().filter(|table| !table.is_view);
                for table in tables.filter(|table| !database.is_leftover(&table.name)) {
                    for column in &table.columns {
                        let named = is_named_as_reference(&usual, &column.name);
                        let integer = integer_limit(&column.column_type).is_some();
                        if !named || !integer || tied.contains(&(table.name.as_str(), column.name.as_str())) {
                            continue;
                        }
                        let (why, sure) = by_range(database, table, &column.name, target, environment);
                        self.add(mapping.alias.as_deref(), &table.name, &column.name, Role::Soft, why, sure);
                    }
                }
            }
        }
    }
}

impl Finder {
    /// Columns of databases that were not passed, by their names.
    fn by_other_databases(&mut self, target: &Target, environments: &[Environment]) {
        let usual = target.usual_columns();
        for environment in environments {
            for server in &environment.facts.servers {
                let columns = server.other_columns.iter().flat_map(|seen| &seen.found);
                for other in columns.filter(|other| is_named_as_reference(&usual, &other.column)) {
                    let why = format!(
                        "its name, in the database {} of {}, which was not passed ({})",
                        other.database, environment.facts.name, other.column_type
                    );
                    let table = format!("{}.{}", other.database, other.table);
                    self.add(None, &table, &other.column, Role::Soft, why, Confidence::Possible);
                }
            }
        }
    }
}

/// What a column's values say of a guess from its name: ids of the target lie within the target's range.
fn by_range(
    database: &DatabaseFacts,
    table: &Table,
    column: &str,
    target: &Target,
    environment: &Environment,
) -> (String, Confidence) {
    let highest = |database: &DatabaseFacts, table: &str, column: &str| {
        let measures = database.measures_of(table)?;
        measures.ranges.iter().find(|range| range.column.eq_ignore_ascii_case(column))?.highest
    };
    let ids = environment.facts.databases.iter().find_map(|other| highest(other, &target.table, &target.key));
    let name = format!("its name, in {}", environment.facts.name);
    match (highest(database, &table.name, column), ids) {
        (Some(held), Some(ids)) if held <= ids => {
            (format!("{name}, and its values are in the range of the key"), Confidence::Likely)
        }
        (Some(_), Some(_)) => (format!("{name}, although some values are above the largest id"), Confidence::Possible),
        _ => (name, Confidence::Possible),
    }
}

/// Fills in what each environment holds.
fn places(column: &mut IdColumn, environments: &[Environment]) {
    for (at, environment) in environments.iter().enumerate() {
        for (index, (database, mapping)) in environment.facts.databases.iter().zip(&environment.mappings).enumerate() {
            if mapping.alias != column.alias {
                continue;
            }
            let Some(table) = database.table(&column.table) else { continue };
            let held = table.column(&column.column);
            let ties = |key: &&crate::live::facts::ForeignKey| {
                key.database == database.name
                    && key.table == table.name
                    && key.columns.len() == 1
                    && key.columns[0].eq_ignore_ascii_case(&column.column)
            };
            let constraints =
                database.foreign_keys.found.iter().filter(ties).map(|key| key.name.clone()).collect::<Vec<_>>();
            let headroom = database.headroom_of(&table.name, &column.column);
            column.places.push(ColumnInstance {
                environment: at,
                database: index,
                column_type: held.map(|held| held.column_type.clone()),
                constraints: if column.role == Role::Key { Vec::new() } else { constraints },
                used: headroom.as_ref().map(|room| room.used),
                limit: held.and_then(|held| integer_limit(&held.column_type)),
                exhausted: None,
            });
        }
    }
}
