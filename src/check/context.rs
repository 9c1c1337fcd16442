//! What every check needs: tables that both the code and a database have, side by side.

use std::collections::BTreeMap;

use super::{foreign_keys, indexes};
use crate::audit::{Audit, MappedDatabase};
use crate::finding::Confidence;
use crate::live::facts::{ForeignKey, Table as LiveTable, integer_limit};
use crate::live::proof::Proof;
use crate::schema::{Part, Server, Table};

/// The source of what the migrations leave in the database.
pub(super) const MIGRATIONS: &str = "migrations";

/// What checks look at.
pub(super) struct Context<'a> {
    pub audit: &'a Audit,
    /// Every database that was read.
    pub pairs: Vec<MappedDatabase<'a>>,
    /// Tables that the code expects and a database has.
    pub matched: Vec<Matched<'a>>,
}

/// A table that the code expects and a database has.
pub(super) struct Matched<'a> {
    pub pair: MappedDatabase<'a>,
    /// Its name as the database writes it.
    pub name: &'a str,
    pub code: &'a Table,
    pub held: &'a LiveTable,
    /// The foreign keys that go out of it, paired up.
    pub foreign_keys: foreign_keys::Paired<'a>,
    /// Its indexes, paired up.
    pub indexes: indexes::Paired<'a>,
    /// Whether it is the target's, or holds a column that stores its ids.
    pub concerns: bool,
}

impl<'a> Context<'a> {
    pub fn new(audit: &'a Audit) -> Self {
        let pairs: Vec<MappedDatabase<'a>> =
            audit.pairs().filter(|pair| !pair.database.tables.found.is_empty()).collect();
        let mut matched = Vec::new();
        for pair in &pairs {
            let Some(tables) = pair.tables else { continue };
            let mut held: BTreeMap<String, (&LiveTable, Vec<&ForeignKey>)> = BTreeMap::new();
            for table in pair.database.tables.found.iter().filter(|table| !table.is_view) {
                held.insert(table.name.to_lowercase(), (table, Vec::new()));
            }
            let own = pair.database.foreign_keys.found.iter().filter(|key| key.database == pair.database.name);
            for key in own {
                if let Some((_, keys)) = held.get_mut(&key.table.to_lowercase()) {
                    keys.push(key);
                }
            }
            for (name, code) in &tables.tables {
                if let Some((table, keys)) = held.remove(&name.to_lowercase()) {
                    let concerns = audit.concerns(name);
                    matched.push(Matched {
                        pair: *pair,
                        name: &table.name,
                        code,
                        held: table,
                        indexes: indexes::pair_up(code, table, &keys),
                        foreign_keys: foreign_keys::pair_up(code, keys),
                        concerns,
                    });
                }
            }
        }
        Self { audit, pairs, matched }
    }

    /// Whether a table is the target's own.
    pub fn is_target(&self, table: &str) -> bool {
        self.audit.target.table.eq_ignore_ascii_case(table)
    }
}

impl Matched<'_> {
    /// Whether a column stores ids of the target and its live type holds every id of the key as it will be.
    pub fn held_has_goal(&self, audit: &Audit, column: &str) -> bool {
        let stores = audit.columns.iter().any(|known| {
            known.alias == self.pair.mapping.alias
                && known.table.eq_ignore_ascii_case(self.name)
                && known.column.eq_ignore_ascii_case(column)
        });
        let limit = self.held.column(column).and_then(|held| integer_limit(&held.column_type));
        stores && limit.is_some_and(|limit| limit >= audit.target.highest_id())
    }

    /// The environment's name.
    pub fn environment(&self) -> &str {
        self.pair.environment_name()
    }

    /// The server of the database.
    pub fn server(&self) -> Server {
        self.pair.code.server
    }
}

/// The addition to a message if django_migrations contains the migration that creates the missing part of a table.
pub(super) fn although_applied(pair: &MappedDatabase<'_>, table: &str, part: Part, name: &str) -> String {
    let made = pair.mapping.alias.as_deref().and_then(|alias| pair.code.made_by(alias, table, part, name));
    let rows = &pair.database.migrations.found;
    match made {
        Some(migration) if rows.iter().any(|row| (&row.app, &row.name) == (&migration.node.0, &migration.node.1)) => {
            format!(", although django_migrations contains {}.{}, which creates it", migration.node.0, migration.node.1)
        }
        _ => String::new(),
    }
}

/// The confidence of a statement about an absence, and what to add to it when nothing proves it.
pub(super) fn absence(proof: &Proof) -> (Confidence, String) {
    if proof.is_proven() {
        (Confidence::Certain, String::new())
    } else {
        (Confidence::Possible, format!("; its absence is not verified: {}", proof.reason()))
    }
}
