//! The migration history of a database, compared with the migrations of the code.

use std::collections::{BTreeMap, BTreeSet};

use super::context::Context;
use crate::audit::MappedDatabase;
use crate::expected::KnownMigration;
use crate::migration::Node;

/// The migration history of a database and the migrations of the code.
pub(super) struct Ledger<'a> {
    /// The applied migrations, in their order.
    pub applied: Vec<Node>,
    /// The migrations of the code by node.
    pub known: BTreeMap<&'a Node, &'a KnownMigration>,
    /// What takes the place of replaced migrations, by what it replaces.
    pub replaced_by: BTreeMap<&'a Node, &'a KnownMigration>,
    set: BTreeSet<Node>,
}

impl<'a> Ledger<'a> {
    /// The migration history of a database; `None` if it was not read, or Django does not write it.
    pub fn of(pair: &MappedDatabase<'a>) -> Option<Self> {
        let ledger = &pair.database.migrations;
        if ledger.found.is_empty() && !ledger.proof.is_proven() {
            return None;
        }
        let known: BTreeMap<&Node, &KnownMigration> = pair
            .code
            .migrations
            .iter()
            .filter(|migration| !migration.south)
            .map(|migration| (&migration.node, migration))
            .collect();
        if known.is_empty() || ledger.found.is_empty() {
            return None;
        }
        let applied: Vec<Node> = ledger.found.iter().map(|row| (row.app.clone(), row.name.clone())).collect();
        let mut replaced_by = BTreeMap::new();
        for migration in known.values() {
            for old in &migration.replaces {
                replaced_by.insert(old, *migration);
            }
        }
        let set = applied.iter().cloned().collect();
        Some(Self { applied, known, replaced_by, set })
    }

    /// Whether a migration counts as applied: itself, or all it replaces, as `MigrationLoader.build_graph` has it; or
    /// what replaces it.
    pub fn is_applied(&self, node: &Node) -> bool {
        self.set.contains(node)
            || self.known.get(node).is_some_and(|migration| {
                !migration.replaces.is_empty() && migration.replaces.iter().all(|old| self.counts(old, 0))
            })
            || self.replaced_by.get(node).is_some_and(|by| self.set.contains(&by.node))
    }

    /// A squashed migration may replace another squashed one.
    fn counts(&self, node: &Node, depth: u8) -> bool {
        self.set.contains(node)
            || (depth < 8
                && self.known.get(node).is_some_and(|migration| {
                    !migration.replaces.is_empty() && migration.replaces.iter().all(|old| self.counts(old, depth + 1))
                }))
    }
}

/// Databases with their migration histories.
pub(super) fn ledgers<'c, 'a>(context: &'c Context<'a>) -> impl Iterator<Item = (&'c MappedDatabase<'a>, Ledger<'a>)> {
    context.pairs.iter().filter(|pair| pair.tables.is_some()).filter_map(|pair| Some((pair, Ledger::of(pair)?)))
}
