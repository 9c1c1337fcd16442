//! Why a dump is not read at all.

use std::io;

/// A dump of which nothing can be read.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The file or folder cannot be read, or not be unpacked.
    #[error("{0}")]
    Unreadable(io::Error),
    /// It is in a format that is not read.
    #[error("{0}")]
    Format(String),
    /// It defines no table.
    #[error(
        "it defines no table{}; pass a dump with definitions, as of mysqldump --no-data",
        .0.as_ref().map_or_else(String::new, |first| format!(" that could be parsed ({first})"))
    )]
    NoTable(Option<String>),
    /// It does not hold the database that is meant.
    #[error("it contains no database {wanted}, but {}", found.join(", "))]
    NoDatabase {
        /// The database.
        wanted: String,
        /// Those that it holds.
        found: Vec<String>,
    },
}
