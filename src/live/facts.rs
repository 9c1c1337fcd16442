//! What was read of an environment: plain data, the same from a server, a snapshot or a dump.
//!
//! Names are as the server writes them. Lists are sorted, so that equal databases give equal facts; columns and the
//! parts of keys keep their order, which means something.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::proof::{Observed, Proof};
use crate::schema::{self, OfTable};

pub use crate::schema::{DefaultValue, ForeignKeyOf as ForeignKey, Generated, Index, IndexPart, Partition};

/// A table or a view, with the texts of its columns' types. Its keys and checks are lists of [`DatabaseFacts`].
pub type Table = schema::Table<String>;

/// A column with the text of its type.
pub type Column = schema::Column<String>;

/// A CHECK constraint with its table.
pub type Check = OfTable<schema::Check>;

/// An environment, such as `prod`: its servers and their databases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentFacts {
    /// Its name.
    pub name: String,
    /// The servers that were read.
    pub servers: Vec<ServerFacts>,
    /// The databases, in the order in which they were named.
    pub databases: Vec<DatabaseFacts>,
    /// Why not all of it could be read; what was read stands nevertheless.
    pub incomplete: Vec<Incomplete>,
}

impl EnvironmentFacts {
    /// The database of a name.
    #[must_use]
    pub fn database(&self, name: &str) -> Option<&DatabaseFacts> {
        self.databases.iter().find(|database| database.name == name)
    }

    /// The lists in which something may be hidden: the database or server, what is listed, and why.
    #[must_use]
    pub fn unproven(&self) -> Vec<(&str, &'static str, &str)> {
        let databases = self.databases.iter().flat_map(|database| {
            unproven(database).into_iter().map(|(what, reason)| (database.name.as_str(), what, reason))
        });
        let servers = self.servers.iter().flat_map(|server| {
            unproven_of_server(server).into_iter().map(|(what, reason)| (server.address.as_str(), what, reason))
        });
        databases.chain(servers).collect()
    }

    /// The server of an address.
    #[must_use]
    pub fn server(&self, address: &str) -> Option<&ServerFacts> {
        self.servers.iter().find(|server| server.address == address)
    }
}

/// Something that ended the reading of a server, a database or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incomplete {
    /// The server's address, a file, or a database.
    pub place: String,
    /// What happened, and what is missing because of it.
    pub reason: String,
}

/// A server's make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// Oracle's MySQL, and what calls itself that.
    #[default]
    MySql,
    /// MariaDB.
    MariaDb,
    /// Percona Server.
    Percona,
    /// Amazon Aurora.
    Aurora,
}

/// A server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// `host:port` or the path of its socket, as it was reached.
    pub address: String,
    /// Its make.
    pub flavour: Flavour,
    /// Its version as a triple.
    pub version: (u16, u16, u16),
    /// Its version as it says it.
    pub version_text: String,
    /// When it was read by the server's own clock, in UTC.
    pub read_at: String,
    /// The account that read, as the server matched it.
    pub account: String,
    /// Whether the connection was encrypted.
    pub encrypted: bool,
    /// Whether it takes no writes.
    pub read_only: bool,
    /// Global variables that matter to a migration, by name.
    pub variables: BTreeMap<String, String>,
    /// What the account may do, role by role and right by right, without its credentials.
    pub grants: Vec<String>,
    /// The sources that it replicates from.
    pub sources: Option<Observed<Vec<ReplicationSource>>>,
    /// How many replicas read its binary log.
    pub replicas: Option<Observed<u64>>,
    /// Its binary logs.
    pub binary_logs: Option<Observed<Option<BinaryLogs>>>,
    /// Whether the instrument that shows metadata locks is there and on.
    pub metadata_lock_instrument: Option<Observed<Option<bool>>>,
    /// Integer columns of databases that were not passed, which are called as columns with the ids of the tables that were
    /// asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_columns: Option<Observed<Vec<OtherColumn>>>,
}

/// A column of a database that was not read.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OtherColumn {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// Its type, as `COLUMN_TYPE` writes it but for a display width.
    pub column_type: String,
}

/// A source of replication. The texts of errors are left out: they quote rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicationSource {
    /// The channel, or MariaDB's connection; empty for the default one.
    pub channel: String,
    /// The source's host.
    pub host: String,
    /// The source's port.
    pub port: u16,
    /// Whether the thread that fetches runs: `Yes`, `No` or `Connecting`.
    pub receiver: String,
    /// Whether the thread that applies runs.
    pub applier: String,
    /// How far it is behind, in seconds.
    pub seconds_behind: Option<u64>,
    /// The number of the last error, 0 for none.
    pub last_error: u32,
    /// Whether it uses GTIDs to find its place.
    pub gtid: bool,
}

/// The binary logs that a server keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinaryLogs {
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Where facts about a database come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum Origin {
    /// A server.
    Server {
        /// Its address.
        address: String,
    },
    /// A dump of definitions.
    Dump {
        /// The name of its file.
        file: String,
        /// The server that it was made of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server: Option<DumpedServer>,
    },
}

/// The server that a dump was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpedServer {
    /// Its make.
    pub flavour: Flavour,
    /// Its version as a triple.
    pub version: (u16, u16, u16),
    /// Its version as the dump says it; empty when it does not.
    pub version_text: String,
    /// Whether it is a guess.
    pub guessed: bool,
    /// The source of the value.
    pub from: String,
}

/// A database, which MySQL also calls a schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseFacts {
    /// Its name.
    pub name: String,
    /// Where the facts come from.
    pub origin: Origin,
    /// The collation of tables that do not choose one.
    pub collation: Option<String>,
    /// Its tables, by name, with their columns and indexes.
    pub tables: Observed<Vec<Table>>,
    /// Foreign keys of its tables, wherever they point to.
    pub foreign_keys: Observed<Vec<ForeignKey>>,
    /// Foreign keys of other databases' tables that point into this one.
    pub referenced_by: Observed<Vec<ForeignKey>>,
    /// CHECK constraints.
    pub checks: Observed<Vec<Check>>,
    /// Triggers on its tables.
    pub triggers: Observed<Vec<Trigger>>,
    /// Views.
    pub views: Observed<Vec<Program>>,
    /// Procedures and functions.
    pub routines: Observed<Vec<Program>>,
    /// Events.
    pub events: Observed<Vec<Program>>,
    /// Programs of other databases that name its tables: those of the databases that are read, and of the server's other
    /// ones those that name a table that was asked about.
    #[serde(default = "not_in_old_snapshots")]
    pub named_by: Observed<Vec<ExternalProgram>>,
    /// Django's migration history, in the order of application.
    pub migrations: Observed<Vec<Migration>>,
    /// South's migration history, from before Django 1.7.
    pub south_migrations: Observed<Vec<Migration>>,
    /// Sizes, emptiness and ranges, of the tables concerned.
    pub measures: Observed<Vec<Measures>>,
    /// The next value of AUTO_INCREMENT, of every table that counts.
    #[serde(default = "not_in_old_snapshots")]
    pub counters: Observed<BTreeMap<String, u64>>,
}

impl DatabaseFacts {
    /// A database of which nothing is known yet.
    #[must_use]
    pub fn unread(name: &str, origin: Origin, why: &str) -> Self {
        Self {
            name: name.to_owned(),
            origin,
            collation: None,
            tables: Observed::not_asked(why),
            foreign_keys: Observed::not_asked(why),
            referenced_by: Observed::not_asked(why),
            checks: Observed::not_asked(why),
            triggers: Observed::not_asked(why),
            views: Observed::not_asked(why),
            routines: Observed::not_asked(why),
            events: Observed::not_asked(why),
            named_by: Observed::not_asked(why),
            migrations: Observed::not_asked(why),
            south_migrations: Observed::not_asked(why),
            measures: Observed::not_asked(why),
            counters: Observed::not_asked(why),
        }
    }

    /// A list that was made from another one is proven only as far as that: which tables were measured follows from
    /// the tables and the foreign keys that were read.
    pub fn inherit_proofs(&mut self) {
        for (what, proof) in [("tables", &self.tables.proof), ("foreign keys", &self.foreign_keys.proof)] {
            if proof.is_proven() {
                continue;
            }
            let missing = || Proof::unproven(format!("{what}: {}", proof.reason()));
            for derived in [&mut self.measures.proof, &mut self.counters.proof] {
                if derived.is_proven() {
                    *derived = missing();
                }
            }
        }
    }

    /// The table of a name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.found.iter().find(|table| table.name == name)
    }

    /// What was measured of a table.
    #[must_use]
    pub fn measures_of(&self, table: &str) -> Option<&Measures> {
        self.measures.found.iter().find(|measures| measures.table == table)
    }

    /// Tables that a tool for online schema changes created and that were not dropped, each with the table it belongs to.
    #[must_use]
    pub fn leftovers(&self) -> Vec<(&str, &str)> {
        let names = self.tables.found.iter().map(|table| table.name.as_str());
        names.filter_map(|name| Some((name, leftover_of(name)?))).collect()
    }

    /// Whether a table is what a tool left of a change of another table that is there.
    #[must_use]
    pub fn is_leftover(&self, table: &str) -> bool {
        leftover_of(table).is_some_and(|of| self.table(of).is_some())
    }

    /// How much of its range each integer column has used, where that is known: of every column that counts up, and of
    /// the columns of the tables concerned.
    #[must_use]
    pub fn headroom(&self) -> Vec<Headroom> {
        let measures: BTreeMap<&str, &Measures> =
            self.measures.found.iter().map(|measures| (measures.table.as_str(), measures)).collect();
        let tables = self.tables.found.iter().filter(|table| !table.is_view);
        tables
            .flat_map(|table| {
                let measures = measures.get(table.name.as_str()).copied();
                table.columns.iter().filter_map(move |column| self.room(table, column, measures))
            })
            .collect()
    }

    /// Likewise, of one column.
    #[must_use]
    pub fn headroom_of(&self, table: &str, column: &str) -> Option<Headroom> {
        let table = self.table(table)?;
        self.room(table, table.column(column)?, self.measures_of(&table.name))
    }

    fn room(&self, table: &Table, column: &Column, measures: Option<&Measures>) -> Option<Headroom> {
        let limit = integer_limit(&column.column_type)?;
        let range = measures.and_then(|measures| measures.ranges.iter().find(|range| range.column == column.name));
        let next = measures.and_then(|measures| measures.auto_increment);
        let next = next.or_else(|| self.counters.found.get(&table.name).copied()).filter(|_| column.auto_increment);
        // The next value is not used yet.
        let counter = next.map(|next| i128::from(next) - 1);
        let used = range.and_then(|range| range.highest).max(counter)?;
        Some(Headroom { table: table.name.clone(), column: column.name.clone(), used, limit })
    }
}

fn not_in_old_snapshots<T: Default>() -> Observed<T> {
    Observed::not_asked("the snapshot was made by a release that did not ask")
}

/// In [`Table::create_options`]: MariaDB keeps the history of the table's rows.
pub const SYSTEM_VERSIONING: &str = "WITH SYSTEM VERSIONING";

/// What tools put before and after the name of a table: gh-ost (go/base/context.go), pt-online-schema-change
/// (`_new`, `_old`, with more underscores when the name is taken), spirit (pkg/table, `_chkpnt` too), and LHM.
const TOOL_ENDS: [&str; 7] = ["_gho", "_ghc", "_ghk", "_del", "_old", "_new", "_chkpnt"];
/// LHM's names: `lhma_2026_01_02_03_04_05_678_table`, `lhmn_table`.
const LHM: [&str; 2] = ["lhma_", "lhmn_"];

/// The table that `_table_gho` and its like belong to.
fn leftover_of(name: &str) -> Option<&str> {
    if let Some(rest) = LHM.iter().find_map(|start| name.strip_prefix(start)) {
        let table = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_');
        return Some(table).filter(|table| !table.is_empty());
    }
    let bare = name.strip_prefix('_')?.trim_start_matches('_');
    // The time of the run stands before the end (gh-ost: _table_20260102030405_del) or after (spirit:
    // _table_old_20260102_030405).
    let unstamped = |text: &'_ str| -> usize {
        let stamp = text.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
        let digits = text[stamp.len()..].bytes().filter(u8::is_ascii_digit).count();
        if digits >= 14 { stamp.len() } else { text.len() }
    };
    let ended = &bare[..unstamped(bare)];
    let table = TOOL_ENDS.iter().find_map(|end| ended.strip_suffix(end))?;
    Some(&table[..unstamped(table)]).filter(|table| !table.is_empty())
}

/// The largest value that a column of an integer type holds; `None` for every other type.
#[must_use]
pub fn integer_limit(column_type: &str) -> Option<i128> {
    let lower = column_type.to_ascii_lowercase();
    let name = lower.split(['(', ' ']).next().unwrap_or_default();
    let bits = match name {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" | "integer" => 32,
        "bigint" => 64,
        _ => return None,
    };
    // ZEROFILL makes a column unsigned as well.
    let unsigned = lower.contains("unsigned") || lower.contains("zerofill");
    Some((1_i128 << (bits - i32::from(!unsigned))) - 1)
}

/// A trigger.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Trigger {
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// `BEFORE` or `AFTER`.
    pub timing: String,
    /// `INSERT`, `UPDATE` or `DELETE`.
    pub event: String,
    /// The tables of its database that its text names, besides its own.
    pub mentions: Vec<String>,
    /// The tables of other databases of the environment that its text names.
    #[serde(default)]
    pub elsewhere: Vec<TableRef>,
    /// Where its text puts values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assignments: Vec<Assignment>,
}

/// Where the text of a program puts a value that it takes from a column. The text itself is not kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Assignment {
    /// The column or variable, with what stands before its dots, in small letters: `new.id`, `o.id`, `id`.
    pub from: String,
    /// Where the value goes.
    pub to: Destination,
}

/// Where a program puts a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Destination {
    /// A column of a table, by the last part of the table's name, both in small letters.
    Column {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A variable of the program.
    Variable {
        /// Its name in small letters.
        name: String,
        /// Its type in small letters.
        variable_type: String,
    },
}

/// The name of a table of another database.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TableRef {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
}

/// A view, trigger, routine or event of another database.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ExternalProgram {
    /// The database that it is in.
    pub database: String,
    /// `VIEW`, `TRIGGER`, `PROCEDURE`, `FUNCTION` or `EVENT`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The tables of this database that its text names.
    pub mentions: Vec<String>,
}

/// A view, a routine or an event. Texts of routines and events are not kept: people write secrets into them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// `VIEW`, `PROCEDURE`, `FUNCTION` or `EVENT`.
    pub kind: String,
    /// The tables of its database that its text names.
    pub mentions: Vec<String>,
    /// The tables of other databases of the environment that its text names.
    #[serde(default)]
    pub elsewhere: Vec<TableRef>,
    /// Whether its text could be read; when not, it may name any table.
    pub readable: bool,
    /// Where its text puts values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assignments: Vec<Assignment>,
}

/// An applied migration.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Migration {
    /// The app's label.
    pub app: String,
    /// The migration's name.
    pub name: String,
}

/// What was measured of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measures {
    /// The table.
    pub table: String,
    /// The row format.
    pub row_format: Option<String>,
    /// The server's estimate of the number of rows, which may be off by a third.
    pub rows_estimate: Option<u64>,
    /// Bytes of the clustered index.
    pub data_length: Option<u64>,
    /// Bytes of the other indexes.
    pub index_length: Option<u64>,
    /// Bytes that are free.
    pub data_free: Option<u64>,
    /// The next value; on a replica a little behind the primary's.
    pub auto_increment: Option<u64>,
    /// Whether the table is empty, by a SELECT; `None` when it could not be read.
    pub empty: Option<bool>,
    /// Smallest and largest values of integer columns that an index starts with, and of others among a few rows.
    pub ranges: Vec<Range>,
    /// When rows were created, where reading that was allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<GrowthSample>,
    /// What could not be measured of it, and why.
    pub missing: Option<String>,
}

/// The range of the values in a column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// The column.
    pub column: String,
    /// The smallest value; `None` without rows.
    pub lowest: Option<i128>,
    /// The largest value.
    pub highest: Option<i128>,
    /// Whether only the newest rows were looked at, so that there may be values outside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sampled: bool,
}

/// Rows of a table with the time of their creation: ids over time give the rate of growth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrowthSample {
    /// The column that says when a row was created.
    pub column: String,
    /// Some rows, by their keys.
    pub births: Vec<RowCreatedAt>,
}

/// The time at which a row was created.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowCreatedAt {
    /// Its key.
    pub id: i128,
    /// `YYYY-MM-DDTHH:MM:SS`, as the row says.
    pub created: String,
}

/// How much of its range an integer column has used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headroom {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The largest value that was used.
    pub used: i128,
    /// The largest value that fits.
    pub limit: i128,
}

/// A database's lists in which something may be hidden, each with the reason.
pub(super) fn unproven(database: &DatabaseFacts) -> Vec<(&'static str, &str)> {
    let lists: [(&'static str, &Proof); 13] = [
        ("tables", &database.tables.proof),
        ("foreign keys", &database.foreign_keys.proof),
        ("foreign keys of other databases", &database.referenced_by.proof),
        ("checks", &database.checks.proof),
        ("triggers", &database.triggers.proof),
        ("views", &database.views.proof),
        ("routines", &database.routines.proof),
        ("events", &database.events.proof),
        ("programs of other databases that name its tables", &database.named_by.proof),
        ("applied migrations", &database.migrations.proof),
        ("South's applied migrations", &database.south_migrations.proof),
        ("sizes and ranges", &database.measures.proof),
        ("counters of keys", &database.counters.proof),
    ];
    lists.into_iter().filter(|(_, proof)| !proof.is_proven()).map(|(what, proof)| (what, proof.reason())).collect()
}

/// Likewise of a server.
pub(super) fn unproven_of_server(server: &ServerFacts) -> Vec<(&'static str, &str)> {
    let lists: [(&'static str, Option<&Proof>); 5] = [
        ("sources of replication", server.sources.as_ref().map(|seen| &seen.proof)),
        ("replicas", server.replicas.as_ref().map(|seen| &seen.proof)),
        ("binary logs", server.binary_logs.as_ref().map(|seen| &seen.proof)),
        ("the instrument for metadata locks", server.metadata_lock_instrument.as_ref().map(|seen| &seen.proof)),
        ("columns of other databases", server.other_columns.as_ref().map(|seen| &seen.proof)),
    ];
    let known = lists.into_iter().filter_map(|(what, proof)| Some((what, proof?)));
    known.filter(|(_, proof)| !proof.is_proven()).map(|(what, proof)| (what, proof.reason())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_follow_the_type() {
        assert_eq!(integer_limit("int(11)"), Some(2_147_483_647));
        assert_eq!(integer_limit("int unsigned"), Some(4_294_967_295));
        assert_eq!(integer_limit("BIGINT(20) UNSIGNED"), Some(18_446_744_073_709_551_615));
        assert_eq!(integer_limit("tinyint(3) zerofill"), Some(255));
        assert_eq!(integer_limit("varchar(11)"), None);
        assert_eq!(integer_limit("point"), None);
    }

    #[test]
    fn leftovers_are_told_from_tables() {
        assert_eq!(leftover_of("_courseware_studentmodule_gho"), Some("courseware_studentmodule"));
        assert_eq!(leftover_of("_t_20260102030405_del"), Some("t"));
        assert_eq!(leftover_of("_t_old"), Some("t"));
        assert_eq!(leftover_of("__t_new"), Some("t"));
        assert_eq!(leftover_of("_t_old_20260102_030405"), Some("t"));
        assert_eq!(leftover_of("_t_chkpnt"), Some("t"));
        assert_eq!(leftover_of("lhma_2026_01_02_03_04_05_678_t"), Some("t"));
        assert_eq!(leftover_of("_t_2026_del"), Some("t_2026"));
        assert_eq!(leftover_of("price_old"), None);
        assert_eq!(leftover_of("__del"), None);
    }
}
