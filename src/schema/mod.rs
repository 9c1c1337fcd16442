//! Tables as a server holds them: columns, indexes, foreign keys, checks.
//!
//! [`Database`] applies statements ([`Ddl`]) with the rules of InnoDB; it depends neither on Django nor on a server.

mod apply;
mod column_type;
mod ddl;
pub mod naming;
mod origin;
mod print;
mod quote;
mod server;
mod table;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

pub use apply::Refused;
pub use column_type::ColumnType;
pub use ddl::{ColumnChange, ColumnDef, Ddl, Unique};
pub use origin::Part;
pub use print::create_tables;
pub use quote::{quote, quote_string, unquote_string};
pub use server::Server;
pub use table::{
    Check, Column, DefaultValue, ForeignKey, ForeignKeyOf, Generated, Index, IndexPart, OfTable, PRIMARY, Partition,
    Table, TypeText, default_collation,
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
