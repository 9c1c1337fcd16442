//! Columns that store the target's ids although no relation of Django says so: copies of its rows, rows that point to
//! any model by its content type, and the keys that its own key references.

use std::collections::BTreeSet;

use super::columns::Finder;
use super::{Environment, Role, Target};
use crate::expected::Expected;
use crate::finding::Confidence;
use crate::live::facts::integer_limit;
use crate::live::shape::{self, CopyEvidence, object_column};
use crate::schema::{Database, Table, TypeText};

impl Finder {
    /// Tables that copy the target's rows: every column under its own name, the key without being a key.
    pub(super) fn by_copies(&mut self, target: &Target, code: &Expected, environments: &[Environment]) {
        let Some(original) = code.databases.values().find_map(|database| database.table(&target.table)) else { return };
        let names: BTreeSet<String> = original.columns.iter().map(|column| column.name.to_lowercase()).collect();
        for (alias, database) in &code.databases {
            for (name, table) in &database.tables {
                let Some((sure, why)) = copies(&names, table, target) else { continue };
                self.add(Some(alias), name, &target.key, Role::Soft, why, sure);
                let held = table.column(&target.key).map(|column| column.column_type.clone());
                if let Some(entry) = self.get_mut(alias, name, &target.key) {
                    entry.migrations = entry.migrations.take().or(held);
                }
            }
        }
        for environment in environments {
            for (database, mapping) in environment.facts.databases.iter().zip(&environment.mappings) {
                let known = mapping.alias.as_ref().and_then(|alias| code.databases.get(alias));
                let unknown = |table: &&Table<String>| {
                    !table.is_view
                        && !database.is_leftover(&table.name)
                        && known.is_none_or(|known| !has_table(known, &table.name))
                };
                for table in database.tables.found.iter().filter(unknown) {
                    let Some((sure, why)) = copies(&names, table, target) else { continue };
                    let integer = table.column(&target.key).is_some_and(|c| integer_limit(&c.column_type).is_some());
                    // The code does not show what is written there.
                    let sure = if sure == Confidence::Certain { Confidence::Likely } else { Confidence::Possible };
                    if integer {
                        let why = format!("{why}, in {}", environment.facts.name);
                        self.add(mapping.alias.as_deref(), &table.name, &target.key, Role::Soft, why, sure);
                    }
                }
            }
        }
    }

    /// Rows that point to any model: a foreign key to the content types, and an integer beside it
    /// (`GenericForeignKey`, django/contrib/contenttypes/fields.py).
    pub(super) fn by_content_type(&mut self, target: &Target, code: &Expected) {
        let declared = code.generic_references.iter().filter(|one| one.model.eq_ignore_ascii_case(&target.label));
        for reference in declared {
            for (alias, database) in &code.databases {
                let held = database.table(&reference.table).and_then(|table| table.column(&reference.column));
                let Some(held) = held.map(|column| column.column_type.clone()) else { continue };
                // Text takes any id.
                if held.integer_range().is_none() {
                    continue;
                }
                let why = format!("used by the GenericRelation {}", reference.field);
                self.add(Some(alias), &reference.table, &reference.column, Role::Soft, why, Confidence::Certain);
                if let Some(entry) = self.get_mut(alias, &reference.table, &reference.column) {
                    entry.migrations.get_or_insert(held);
                }
            }
        }
        let types = code.models.get("contenttypes.contenttype").map_or(shape::CONTENT_TYPES, |model| &model.table);
        for (alias, database) in &code.databases {
            for (name, table) in &database.tables {
                let keys = table.foreign_keys.iter().filter(|key| key.referenced_table.eq_ignore_ascii_case(types));
                for type_column in keys.flat_map(|key| &key.columns) {
                    let Some(column) = object_column(table, type_column) else { continue };
                    let why = format!(
                        "{name}.{type_column} and {name}.{} can reference any model, including {}",
                        column.name, target.label
                    );
                    self.add(Some(alias), name, &column.name, Role::Soft, why, Confidence::Possible);
                    let held = column.column_type.clone();
                    if let Some(entry) = self.get_mut(alias, name, &column.name) {
                        entry.migrations.get_or_insert(held);
                    }
                }
            }
        }
    }

    /// What a column that stores the ids references itself: the parent's key of multi-table inheritance and of a
    /// one-to-one key. MySQL wants both sides of a foreign key to have one type (error 3780).
    pub(super) fn referenced_keys(&mut self, code: &Expected, environments: &[Environment]) {
        let mut found = Vec::new();
        for (alias, database) in &code.databases {
            for (name, table) in &database.tables {
                for key in &table.foreign_keys {
                    if let ([column], [referenced]) = (key.columns.as_slice(), key.referenced_columns.as_slice())
                        && self.ties(Some(alias), name, column)
                    {
                        let why = format!("referenced by {name}.{column}, which stores the ids: {}", key.name);
                        let held = database.table(&key.referenced_table).and_then(|parent| parent.column(referenced));
                        let held = held.map(|column| column.column_type.clone());
                        found.push((Some(alias.clone()), key.referenced_table.clone(), referenced.clone(), why, held));
                    }
                }
            }
        }
        for environment in environments {
            for (database, mapping) in environment.facts.databases.iter().zip(&environment.mappings) {
                for key in database.foreign_keys.found.iter().filter(|key| key.database == key.referenced_database) {
                    if let ([column], [referenced]) = (key.columns.as_slice(), key.referenced_columns.as_slice())
                        && self.ties(mapping.alias.as_deref(), &key.table, column)
                    {
                        let why = format!("referenced by {}.{column}, which stores the ids: {}", key.table, key.name);
                        let alias = mapping.alias.clone();
                        found.push((alias, key.referenced_table.clone(), referenced.clone(), why, None));
                    }
                }
            }
        }
        for (alias, table, column, why, held) in found {
            // The target's own key is known, and keeps its role.
            if self.stores(&table, &column) {
                continue;
            }
            self.add(alias.as_deref(), &table, &column, Role::Constraint, why, Confidence::Certain);
            if let (Some(alias), Some(held)) = (alias, held)
                && let Some(entry) = self.get_mut(&alias, &table, &column)
            {
                entry.migrations.get_or_insert(held);
            }
        }
    }
}

fn has_table(database: &Database, name: &str) -> bool {
    database.tables.keys().any(|known| known.eq_ignore_ascii_case(name))
}

/// Whether a table copies the target's rows, which have these columns, and how sure that is.
fn copies<T: TypeText>(names: &BTreeSet<String>, table: &Table<T>, target: &Target) -> Option<(Confidence, String)> {
    if table.name.eq_ignore_ascii_case(&target.table) {
        return None;
    }
    Some(match shape::copies(names, &target.key, table)? {
        CopyEvidence::History => (Confidence::Certain, String::from("a history table with every column of the target")),
        CopyEvidence::PartOfHistory(shared) => {
            (Confidence::Likely, format!("a history table with {shared} columns of the target"))
        }
        CopyEvidence::EveryColumn => {
            (Confidence::Likely, String::from("the table has every column of the target under the same name"))
        }
    })
}
