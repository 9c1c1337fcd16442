//! Tables as a server holds them: columns, indexes, foreign keys, checks.
//!
//! [`Database`] applies statements ([`Ddl`]) with the rules of InnoDB; it neither knows Django nor asks a server.

mod apply;
mod column_type;
mod ddl;
pub mod naming;
mod origin;
mod print;
mod server;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

pub use apply::Refused;
pub use column_type::ColumnType;
pub use ddl::{ColumnChange, ColumnDef, Ddl, Unique};
pub use origin::Part;
pub use print::{create_tables, quote};
pub use server::Server;

/// The tables of one database alias.
#[derive(Clone, Debug, Default)]
pub struct Database {
    /// Tables by name, in order of creation.
    pub tables: IndexMap<String, Table, FxBuildHasher>,
    /// Views by name.
    pub views: Vec<String>,
    origins: origin::Origins,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Columns in order.
    pub columns: Vec<Column>,
    /// The columns of the primary key.
    pub primary_key: Vec<String>,
    /// Indexes other than the primary key.
    pub indexes: Vec<Index>,
    /// Foreign keys, soft references among them.
    pub foreign_keys: Vec<ForeignKey>,
    /// CHECK constraints.
    pub checks: Vec<Check>,
    /// The storage engine when it is not InnoDB.
    pub engine: Option<String>,
    /// The collation when it is not the database's.
    pub collation: Option<String>,
    /// The comment.
    pub comment: String,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Its default as SQL.
    pub default: Option<String>,
    /// Whether it counts up by itself.
    pub auto_increment: bool,
    /// The expression of a generated column, and whether it is stored.
    pub generated: Option<(String, bool)>,
    /// Its collation when it is not the table's.
    pub collation: Option<String>,
    /// Its comment.
    pub comment: String,
}

/// An index.
#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Whether it is unique.
    pub unique: bool,
    /// Its parts in order.
    pub parts: Vec<IndexPart>,
    /// Whether the server made it for a foreign key; it goes when another index covers it.
    pub implicit: bool,
    /// `FULLTEXT`, `SPATIAL` or nothing.
    pub kind: Option<String>,
}

/// A part of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexPart {
    /// The column; `None` for an expression.
    pub column: Option<String>,
    /// The expression.
    pub expression: Option<String>,
    /// The prefix length.
    pub length: Option<u32>,
    /// Whether it descends.
    pub descending: bool,
}

impl IndexPart {
    /// A whole column, ascending.
    #[must_use]
    pub fn column(name: &str) -> Self {
        Self { column: Some(name.to_owned()), expression: None, length: None, descending: false }
    }
}

/// A foreign key, or a column that stores ids without a constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// The columns.
    pub columns: Vec<String>,
    /// The table they point to.
    pub referenced_table: String,
    /// The columns they point to.
    pub referenced_columns: Vec<String>,
    /// `ON DELETE` when it is not the default.
    pub on_delete: Option<String>,
}

/// A CHECK constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// Its expression.
    pub expression: String,
    /// The column, when it belongs to the definition of one.
    pub column: Option<String>,
}

impl Database {
    /// Tells every collation as the server does: by its own names, and that of the text which MariaDB's `json` is.
    pub fn name_collations(&mut self, server: Server) {
        for table in self.tables.values_mut() {
            for collation in
                table.columns.iter_mut().filter_map(|c| c.collation.as_mut()).chain(table.collation.as_mut())
            {
                *collation = server.collation_name(collation);
            }
            for column in &mut table.columns {
                if !server.json_type() && column.column_type.is_json() {
                    column.collation = Some(String::from("utf8mb4_bin"));
                }
            }
        }
    }
}

impl Table {
    /// The column of a name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// The column of a name, to change.
    pub fn column_mut(&mut self, name: &str) -> Option<&mut Column> {
        self.columns.iter_mut().find(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// Whether it is an InnoDB table.
    #[must_use]
    pub fn is_innodb(&self) -> bool {
        self.engine.as_deref().is_none_or(|e| e.eq_ignore_ascii_case("innodb"))
    }
}

impl Index {
    /// The columns, `None` for expressions.
    pub fn columns(&self) -> impl Iterator<Item = Option<&str>> {
        self.parts.iter().map(|p| p.column.as_deref())
    }

    /// Whether it is over exactly these columns.
    #[must_use]
    pub fn is_over(&self, columns: &[String]) -> bool {
        self.parts.len() == columns.len()
            && self
                .parts
                .iter()
                .zip(columns)
                .all(|(p, c)| p.column.as_deref().is_some_and(|p| p.eq_ignore_ascii_case(c)))
    }

    /// Whether its first columns are these, in whole.
    #[must_use]
    pub fn covers(&self, columns: &[String]) -> bool {
        self.kind.is_none()
            && self.parts.len() >= columns.len()
            && self
                .parts
                .iter()
                .zip(columns)
                .all(|(p, c)| p.length.is_none() && p.column.as_deref().is_some_and(|p| p.eq_ignore_ascii_case(c)))
    }
}
