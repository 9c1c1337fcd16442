//! Columns that store the target's ids although no relation of Django says so: copies of its rows, rows that point to
//! any model by its content type, and the keys that its own key references.

use std::collections::BTreeSet;

use super::columns::Finder;
use super::{Environment, Role, Target};
use crate::expected::Expected;
use crate::finding::Confidence;
use crate::live::facts::integer_limit;
use crate::schema::{Column, Database, Table, TypeText};

/// Columns of every history table of django-simple-history (simple_history/models.py, `get_extra_fields`), whatever its
/// table, its key and its base are called.
const HISTORY: [&str; 2] = ["history_date", "history_type"];
/// The table of content types when the project does not say otherwise (django/contrib/contenttypes/models.py).
const CONTENT_TYPES: &str = "django_content_type";

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
                    // Nobody who reads the code knows what is written there.
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
        let types = code.models.get("contenttypes.contenttype").map_or(CONTENT_TYPES, |model| &model.table);
        for (alias, database) in &code.databases {
            for (name, table) in &database.tables {
                let keys = table.foreign_keys.iter().filter(|key| key.referenced_table.eq_ignore_ascii_case(types));
                for type_column in keys.flat_map(|key| &key.columns) {
                    let Some(column) = object_column(table, type_column) else { continue };
                    let why = format!(
                        "{name}.{type_column} and {name}.{} can point to any model, {} among them",
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
                        let why = format!("{name}.{column} stores the ids and references it, by {}", key.name);
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
                        let why = format!("{}.{column} stores the ids and references it, by {}", key.table, key.name);
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

/// Whether a table copies rows that have these columns, and how sure that is.
fn copies<T: TypeText>(names: &BTreeSet<String>, table: &Table<T>, target: &Target) -> Option<(Confidence, String)> {
    if table.name.eq_ignore_ascii_case(&target.table) {
        return None;
    }
    let key = table.column(&target.key)?;
    let alone = matches!(table.primary_key().as_slice(), [only] if only.eq_ignore_ascii_case(&target.key));
    let tied = table.foreign_keys.iter().any(|of| of.columns.iter().any(|c| c.eq_ignore_ascii_case(&key.name)));
    let integer = integer_limit(&key.column_type.type_text(crate::schema::Server::default())).is_some();
    if alone || tied || key.auto_increment || !integer {
        return None;
    }
    let shared = names.iter().filter(|name| table.column(name).is_some()).count();
    let history = HISTORY.iter().all(|name| table.column(name).is_some());
    match (history, shared == names.len()) {
        (true, true) => {
            Some((Confidence::Certain, String::from("it is a history table with every column of the target")))
        }
        // Fields can be left out of a history.
        (true, false) if shared > 1 && shared * 2 >= names.len() => {
            Some((Confidence::Likely, format!("it is a history table with {shared} columns of the target")))
        }
        (false, true) if names.len() > 2 => {
            Some((Confidence::Likely, String::from("the table has every column of the target under the same name")))
        }
        _ => None,
    }
}

/// The integer column beside a foreign key to the content types that holds the other row's key.
fn object_column<'a>(table: &'a Table, type_column: &str) -> Option<&'a Column> {
    let lower = type_column.to_lowercase();
    let of = ["content_type_id", "type_id", "ct_id", "contenttype_id"];
    let before = of.iter().find_map(|end| lower.strip_suffix(end))?;
    let names = ["object_id", "object_pk", "obj_id", "id", "pk"].map(|name| format!("{before}{name}"));
    names.iter().filter_map(|name| table.column(name)).find(|column| {
        let tied =
            table.foreign_keys.iter().any(|key| key.columns.iter().any(|c| c.eq_ignore_ascii_case(&column.name)));
        !tied && !table.is_in_primary_key(&column.name) && column.column_type.integer_range().is_some()
    })
}
