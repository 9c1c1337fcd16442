//! Which step of a replay made what a table holds, as evidence.

use std::hash::BuildHasher as _;

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::{Database, Ddl, Table};

/// A part of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The table itself.
    Table,
    /// A column: made or last changed.
    Column,
    /// An index.
    Index,
    /// A foreign key.
    ForeignKey,
}

/// The steps that made the parts of tables.
#[derive(Clone, Debug, Default)]
pub(super) struct Origins {
    step: Option<usize>,
    tables: FxHashMap<String, FxHashMap<(Part, String), usize>>,
}

/// The indexes and foreign keys of a table, by hashes of their names: a statement may make some that it does not name.
pub(super) type Parts = FxHashSet<u64>;

fn hash(part: Part, name: &str) -> u64 {
    FxBuildHasher.hash_one((part, name))
}

fn unnamed_parts(table: &Table) -> impl Iterator<Item = (Part, &str)> {
    let indexes = table.indexes.iter().map(|index| (Part::Index, index.name.as_str()));
    indexes.chain(table.foreign_keys.iter().map(|key| (Part::ForeignKey, key.name.as_str())))
}

impl Database {
    /// Tells which step the statements from here on belong to.
    pub fn begin_step(&mut self, step: Option<usize>) {
        self.origins.step = step;
    }

    /// The step that made a part of a table, or changed a column last; the name of the table itself is empty.
    #[must_use]
    pub fn made_in(&self, table: &str, part: Part, name: &str) -> Option<usize> {
        self.origins.tables.get(table)?.get(&(part, name.to_owned())).copied()
    }

    /// The indexes and keys of the table that a statement is about, before it.
    pub(super) fn before(&self, ddl: &Ddl) -> Parts {
        ddl.table()
            .and_then(|table| self.tables.get(table))
            .map(|table| unnamed_parts(table).map(|(part, name)| hash(part, name)).collect())
            .unwrap_or_default()
    }

    /// Notes what a statement made.
    pub(super) fn note(&mut self, ddl: &Ddl, before: &Parts) {
        match ddl {
            Ddl::RenameTable { from, to } => {
                if let Some(parts) = self.origins.tables.remove(from) {
                    self.origins.tables.insert(to.clone(), parts);
                }
                return;
            }
            Ddl::DropTable { table, .. } => {
                self.origins.tables.remove(table);
                return;
            }
            _ => {}
        }
        let (Some(step), Some(name)) = (self.origins.step, ddl.table()) else { return };
        let Some(table) = self.tables.get(name) else { return };
        let known = self.origins.tables.entry(name.to_owned()).or_default();
        known.entry((Part::Table, String::new())).or_insert(step);
        for (part, name) in unnamed_parts(table) {
            if !before.contains(&hash(part, name)) {
                known.insert((part, name.to_owned()), step);
            }
        }
        match ddl {
            Ddl::CreateTable { .. } => {
                known.extend(table.columns.iter().map(|column| ((Part::Column, column.name.clone()), step)));
            }
            Ddl::AddColumn { def, .. } => _ = known.insert((Part::Column, def.column.name.clone()), step),
            Ddl::RenameColumn { to, .. } => _ = known.insert((Part::Column, to.clone()), step),
            Ddl::ChangeColumn { change, .. } => {
                known.insert((Part::Column, change.def.column.name.clone()), step);
            }
            Ddl::Default { column, .. } => _ = known.insert((Part::Column, column.clone()), step),
            _ => {}
        }
    }
}

impl Ddl {
    /// The table it is about.
    fn table(&self) -> Option<&str> {
        match self {
            Self::CreateTable { table, .. }
            | Self::DropTable { table, .. }
            | Self::AddColumn { table, .. }
            | Self::DropColumn { table, .. }
            | Self::ChangeColumn { table, .. }
            | Self::RenameColumn { table, .. }
            | Self::Default { table, .. }
            | Self::AddIndex { table, .. }
            | Self::DropIndex { table, .. }
            | Self::RenameIndex { table, .. }
            | Self::AddForeignKey { table, .. }
            | Self::DropForeignKey { table, .. }
            | Self::AddPrimaryKey { table, .. }
            | Self::DropPrimaryKey { table }
            | Self::AddCheck { table, .. }
            | Self::DropCheck { table, .. }
            | Self::Options { table, .. } => Some(table),
            Self::RenameTable { from, .. } => Some(from),
            Self::CreateView { .. } | Self::DropView { .. } => None,
        }
    }
}
