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
mod table;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

pub use crate::sql::{quote, quote_string, unquote_string};
pub use apply::Refused;
pub use column_type::ColumnType;
pub use ddl::{ColumnChange, ColumnDef, Ddl, Unique};
pub use origin::Part;
pub use print::create_tables;
pub use server::Server;
pub use table::{
    Check, Column, DefaultValue, ForeignKey, ForeignKeyOf, Generated, Index, IndexPart, OfTable, TypeText,
};

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
