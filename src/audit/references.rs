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
    let mut holders: Vec<(usize, usize)> = Vec::new();
    for (at, environment) in environments.iter().enumerate() {
        for (index, database) in environment.facts.databases.iter().enumerate() {
            if database.table(&target.table).is_none() {
                continue;
            }
            holders.push((at, index));
            let own = database
                .foreign_keys
                .found
                .iter()
                .filter(|key| key.database == database.name && key.table.eq_ignore_ascii_case(&target.table));
            for key in own {
                let table = match key.referenced_database == database.name {
                    true => key.referenced_table.clone(),
                    false => format!("{}.{}", key.referenced_database, key.referenced_table),
                };
                let entry = finder.entry(&key.columns, &table, &key.referenced_columns);
                let place = entry.places.iter_mut().find(|place| (place.environment, place.database) == (at, index));
                match place {
                    Some(place) => place.constraints.push(key.name.clone()),
                    None => entry.places.push(ReferencePlace {
                        environment: at,
                        database: index,
                        constraints: vec![key.name.clone()],
                    }),
                }
            }
        }
    }
    let mut references: Vec<Reference> = finder.references.into_values().collect();
    for reference in &mut references {
        for &(environment, database) in &holders {
            let known = |place: &ReferencePlace| (place.environment, place.database) == (environment, database);
            if !reference.places.iter().any(known) {
                reference.places.push(ReferencePlace { environment, database, constraints: Vec::new() });
            }
        }
        reference.places.sort_by_key(|place| (place.environment, place.database));
        for place in &mut reference.places {
            place.constraints.sort();
        }
    }
    references
}

impl Finder {
    fn entry(&mut self, columns: &[String], table: &str, referenced: &[String]) -> &mut Reference {
        let small = |names: &[String]| names.iter().map(|name| name.to_lowercase()).collect::<Vec<_>>();
        self.references.entry((small(columns), table.to_lowercase(), small(referenced))).or_insert_with(|| Reference {
            columns: columns.to_vec(),
            table: table.to_owned(),
            referenced: referenced.to_vec(),
            field: None,
            constraint: None,
            places: Vec::new(),
        })
    }
}
