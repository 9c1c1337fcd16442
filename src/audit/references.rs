//! What the target's own table points to: by the code, and by constraints of databases.

use std::collections::BTreeMap;

use super::{Environment, Target};
use crate::expected::Expected;

/// A reference from the target's table to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The columns that point.
    pub columns: Vec<String>,
    /// The table that is pointed to, with its database when that is another.
    pub table: String,
    /// The columns that are pointed to.
    pub referenced: Vec<String>,
    /// The field that points without a constraint, as `app_label.Model.field`.
    pub field: Option<String>,
    /// The name of the constraint that the code expects.
    pub constraint: Option<String>,
    /// The databases that hold the target's table.
    pub places: Vec<ReferencePlace>,
}

/// A reference in a database of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferencePlace {
    /// The index of the environment.
    pub environment: usize,
    /// The index of the database in it.
    pub database: usize,
    /// Its constraints there.
    pub constraints: Vec<String>,
}

/// Columns, table and columns pointed to, in small letters.
type Key = (Vec<String>, String, Vec<String>);

#[derive(Default)]
struct Finder {
    references: BTreeMap<Key, Reference>,
}

/// Finds the references, by their columns.
pub(super) fn find(target: &Target, expected: &[Expected], environments: &[Environment]) -> Vec<Reference> {
    let mut finder = Finder::default();
    for code in expected {
        for database in code.databases.values() {
            for key in database.table(&target.table).into_iter().flat_map(|table| &table.foreign_keys) {
                let entry = finder.entry(&key.columns, &key.referenced_table, &key.referenced_columns);
                entry.constraint.get_or_insert_with(|| key.name.clone());
            }
        }
        for soft in code.soft_references.iter().filter(|soft| soft.table.eq_ignore_ascii_case(&target.table)) {
            let (column, referenced) = (soft.column.clone(), soft.referenced_column.clone());
            let entry = finder.entry(&[column], &soft.referenced_table, &[referenced]);
            entry.field.get_or_insert_with(|| soft.field.clone());
        }
    }
    let mut holders: Vec<Holder<'_>> = Vec::new();
    for (environment, of) in environments.iter().enumerate() {
        for (index, database) in of.facts.databases.iter().enumerate() {
            if database.table(&target.table).is_none() {
                continue;
            }
            let mut constraints = Vec::new();
            for key in &database.foreign_keys.found {
                if key.database != database.name || !key.table.eq_ignore_ascii_case(&target.table) {
                    continue;
                }
                let table = match key.referenced_database == database.name {
                    true => key.referenced_table.clone(),
                    false => format!("{}.{}", key.referenced_database, key.referenced_table),
                };
                finder.entry(&key.columns, &table, &key.referenced_columns);
                constraints.push((place(&key.columns, &table, &key.referenced_columns), key.name.as_str()));
            }
            constraints.sort();
            holders.push(Holder { environment, database: index, constraints });
        }
    }
    let references = finder.references.into_iter().map(|(key, mut reference)| {
        reference.places = holders.iter().map(|holder| holder.has(&key)).collect();
        reference
    });
    references.collect()
}

/// A database that holds the target's table, and the constraints on that.
struct Holder<'a> {
    environment: usize,
    database: usize,
    constraints: Vec<(Key, &'a str)>,
}

impl Holder<'_> {
    fn has(&self, key: &Key) -> ReferencePlace {
        let own = self.constraints.iter().filter(|(known, _)| known == key);
        let constraints = own.map(|(_, name)| (*name).to_owned()).collect();
        ReferencePlace { environment: self.environment, database: self.database, constraints }
    }
}

fn place(columns: &[String], table: &str, referenced: &[String]) -> Key {
    let small = |names: &[String]| names.iter().map(|name| name.to_lowercase()).collect::<Vec<_>>();
    (small(columns), table.to_lowercase(), small(referenced))
}

impl Finder {
    fn entry(&mut self, columns: &[String], table: &str, referenced: &[String]) -> &mut Reference {
        self.references.entry(place(columns, table, referenced)).or_insert_with(|| Reference {
            columns: columns.to_vec(),
            table: table.to_owned(),
            referenced: referenced.to_vec(),
            field: None,
            constraint: None,
            places: Vec::new(),
        })
    }
}
