//! Asks a server what it holds, with few queries, each bounded by database and, where it costs something, by table.
//!
//! On MySQL 5.6 and 5.7 and on MariaDB `information_schema` opens the tables that it describes; what can be read from their
//! definition files alone is asked apart from what needs the table, and the latter only of the tables concerned.

mod keys;
mod programs;
mod rows;
mod sample;
mod server;
mod tables;

pub(super) use server::version;

use std::collections::BTreeSet;

use super::facts::{DatabaseFacts, Flavour, ForeignKey, Incomplete, Origin, ServerFacts};
use super::proof::Observed;
use super::request::Request;
use super::rights::Rights;
use super::session::{ReadError, Session, SessionError};
use super::shape;
use crate::source::Gap;

/// Reads one server.
struct Reader<'a> {
    session: &'a mut Session,
    request: &'a Request,
    server: ServerFacts,
    rights: Rights,
    incomplete: Vec<Incomplete>,
    gaps: Vec<Gap>,
}

/// What was read of one server.
pub(super) struct Reading {
    pub server: ServerFacts,
    pub databases: Vec<DatabaseFacts>,
    pub incomplete: Vec<Incomplete>,
    pub gaps: Vec<Gap>,
}

/// Reads a server and the databases named on it.
pub(super) async fn read(
    session: &mut Session,
    request: &Request,
    address: &str,
    databases: &[String],
) -> Result<Reading, ReadError> {
    let server = ServerFacts { address: address.to_owned(), encrypted: session.encrypted, ..ServerFacts::default() };
    let mut reader =
        Reader { session, request, server, rights: Rights::default(), incomplete: Vec::new(), gaps: Vec::new() };
    let begun = reader.begin().await;
    let mut read = Vec::new();
    match begun {
        Err(ReadError::SessionError(trouble)) => {
            // Whatever the reason: nothing is known of this server.
            let reason = format!("the server: {}", trouble.reason());
            reader.incomplete.push(Incomplete { place: address.to_owned(), reason });
            for name in databases {
                read.push(reader.unread(name));
            }
        }
        Err(refused) => return Err(refused),
        Ok(()) => {
            reader.server_facts().await;
            for name in databases {
                read.push(reader.database(name).await);
            }
            reader.outside(&mut read).await;
        }
    }
    let Reader { server, incomplete, gaps, .. } = reader;
    Ok(Reading { server, databases: read, incomplete, gaps })
}

impl Reader<'_> {
    fn unread(&self, name: &str) -> DatabaseFacts {
        DatabaseFacts::unread(name, self.origin(), "the server could not be read")
    }

    fn origin(&self) -> Origin {
        Origin::Server { address: self.server.address.clone() }
    }

    fn is_mariadb(&self) -> bool {
        self.server.flavour == Flavour::MariaDb
    }

    /// Whether it is MySQL, not MariaDB, of at least a version.
    fn is_mysql(&self, at_least: (u16, u16, u16)) -> bool {
        !self.is_mariadb() && self.server.version >= at_least
    }

    /// Whether it is MariaDB of at least a version.
    fn is_mariadb_from(&self, at_least: (u16, u16, u16)) -> bool {
        self.is_mariadb() && self.server.version >= at_least
    }

    /// Whether `information_schema` is made of tables, and not of what is found by opening every table.
    fn has_dictionary(&self) -> bool {
        self.is_mysql((8, 0, 0))
    }

    /// Notes that a part could not be read; the rest goes on as long as the connection lives.
    fn failed<T: Default>(&mut self, what: &str, trouble: &SessionError) -> Observed<T> {
        let reason = format!("{what}: {}", trouble.reason());
        let first_death = self.session.is_alive() || !self.incomplete.iter().any(|i| i.place == self.server.address);
        if trouble.is_incomplete() && first_death {
            let place = self.server.address.clone();
            self.incomplete.push(Incomplete { place, reason: reason.clone() });
        }
        Observed::unproven(reason)
    }

    async fn database(&mut self, name: &str) -> DatabaseFacts {
        let mut facts = self.unread(name);
        if let Err(trouble) = self.session.rows("START TRANSACTION READ ONLY").await {
            let what = format!("database {name}");
            if !trouble.is_incomplete() {
                // A server that refuses this is not read, whatever its reason.
                let reason = format!("{what}: {}", trouble.reason());
                self.incomplete.push(Incomplete { place: self.server.address.clone(), reason });
            }
            let _: Observed<()> = self.failed(&what, &trouble);
            return facts;
        }
        match self.is_there(name).await {
            // Servers that ignore case write the name as it was made (`lower_case_table_names`).
            Ok(Some((known, collation))) => (facts.name, facts.collation) = (known, Some(collation)),
            Ok(None) => {
                let reason =
                    format!("the database {name} does not exist, or {} has no privilege on it", self.server.account);
                self.incomplete.push(Incomplete { place: self.server.address.clone(), reason: reason.clone() });
                return DatabaseFacts::unread(name, facts.origin, &reason);
            }
            Err(trouble) => facts.tables = self.failed("the database", &trouble),
        }
        let known = facts.name.clone();
        let name = known.as_str();
        match self.tables(name).await {
            Ok((tables, counters)) => (facts.tables, facts.counters.found) = (tables, counters),
            Err(trouble) => facts.tables = self.failed("tables", &trouble),
        }
        match self.foreign_keys(name).await {
            Ok((own, inbound)) => {
                (facts.foreign_keys, facts.referenced_by) = (own, inbound);
                write_names_as_tables_do(&mut facts);
            }
            Err(trouble) => {
                facts.foreign_keys = self.failed("foreign keys", &trouble);
                facts.referenced_by = Observed::unproven(trouble.reason());
            }
        }
        facts.checks = match self.checks(name).await {
            Ok(checks) => checks,
            Err(trouble) => self.failed("checks", &trouble),
        };
        let concerned = concerned(&facts, self.request);
        self.programs(&mut facts).await;
        // What follows reads rows, and holds metadata locks on the tables it reads until the transaction ends: a short
        // transaction of its own keeps an ALTER elsewhere from waiting.
        self.next_transaction().await;
        facts.measures = match self.measures(&facts, &concerned).await {
            Ok(measures) => measures,
            Err(trouble) => self.failed("sizes and ranges", &trouble),
        };
        if let Err(trouble) = self.counters(&mut facts).await {
            facts.counters.proof = self.failed::<()>("counters of keys", &trouble).proof;
        }
        self.next_transaction().await;
        facts.migrations = self.ledger(&facts, "django_migrations", ["app", "name"]).await;
        facts.south_migrations = self.ledger(&facts, "south_migrationhistory", ["app_name", "migration"]).await;
        facts.inherit_proofs();
        // A lost connection has been reported before.
        let _ = self.session.rows("ROLLBACK").await;
        facts
    }

    /// What other databases of the server have to do with those that were read.
    async fn outside(&mut self, read: &mut [DatabaseFacts]) {
        if let Err(trouble) = self.session.rows("START TRANSACTION READ ONLY").await {
            let _: Observed<()> = self.failed("programs of other databases", &trouble);
            return;
        }
        let others = self.other_columns(read).await;
        self.server.other_columns = Some(others);
        self.outsiders(read).await;
        let _ = self.session.rows("ROLLBACK").await;
    }

    async fn next_transaction(&mut self) {
        for statement in ["ROLLBACK", "START TRANSACTION READ ONLY"] {
            if let Err(trouble) = self.session.rows(statement).await {
                let _: Observed<()> = self.failed(statement, &trouble);
            }
        }
    }

    /// The database's name as the server writes it, and its collation, if it is there.
    async fn is_there(&mut self, name: &str) -> Result<Option<(String, String)>, SessionError> {
        let sql = format!(
            "SELECT SCHEMA_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
            crate::schema::quote_string(name)
        );
        let rows = self.session.rows(&sql).await?;
        let exact = rows.iter().find(|row| row.text(0) == name);
        Ok(exact.or(rows.first()).map(|row| (row.text(0), row.text(1))))
    }
}

/// InnoDB keeps names in small letters where the server ignores case (`lower_case_table_names` 2), and the list of tables
/// does not.
fn write_names_as_tables_do(facts: &mut DatabaseFacts) {
    let tables: Vec<String> = facts.tables.found.iter().map(|table| table.name.clone()).collect();
    let database = facts.name.clone();
    let known = |name: &str| {
        let exact = tables.iter().any(|table| table == name);
        let mut same = tables.iter().filter(|table| table.to_lowercase() == name.to_lowercase());
        match (exact, same.next(), same.next()) {
            (false, Some(table), None) => Some(table.clone()),
            _ => None,
        }
    };
    for key in facts.foreign_keys.found.iter_mut().chain(&mut facts.referenced_by.found) {
        if key.database == database
            && let Some(table) = known(&key.table)
        {
            key.table = table;
        }
        if key.referenced_database == database
            && let Some(table) = known(&key.referenced_table)
        {
            key.key.referenced_table = table;
        }
    }
}

/// The tables that the request is about: those it names, those tied to them by foreign keys however many there are in
/// between, those with a column that stores their ids by its name or by the shape of the table, and what a schema change
/// left behind of them.
pub(super) fn concerned(facts: &DatabaseFacts, request: &Request) -> Vec<String> {
    let named = |name: &str| request.tables.iter().any(|table| table.eq_ignore_ascii_case(name));
    let leftovers = facts.leftovers();
    let tied = tied(facts, &named);
    let by_shape = by_shape(facts, &named);
    let tables = facts.tables.found.iter().filter(|table| !table.is_view);
    tables
        .filter(|table| {
            request.all
                || named(&table.name)
                || tied.contains(&table.name)
                || by_shape.contains(&table.name)
                || table.columns.iter().any(|column| shape::is_named_as_reference(&request.columns, &column.name))
                || leftovers.iter().any(|(name, of)| *name == table.name && named(of))
        })
        .map(|table| table.name.clone())
        .collect()
}

/// Tables tied to the named ones by foreign keys: directly, in either direction; and further where a column that points
/// to a key is itself pointed to.
fn tied(facts: &DatabaseFacts, named: &dyn Fn(&str) -> bool) -> BTreeSet<String> {
    let keys: Vec<&ForeignKey> = facts.foreign_keys.found.iter().chain(&facts.referenced_by.found).collect();
    let mut found: BTreeSet<String> = BTreeSet::new();
    // Columns that store the ids, as table and column in small letters.
    let mut columns: BTreeSet<(String, String)> = BTreeSet::new();
    for key in &keys {
        let own = key.database == facts.name;
        let into = key.referenced_database == facts.name;
        if own && named(&key.referenced_table) {
            found.insert(key.table.clone());
        }
        if into && named(&key.table) {
            found.insert(key.referenced_table.clone());
        }
    }
    for table in facts.tables.found.iter().filter(|table| named(&table.name)) {
        columns.extend(table.primary_key().into_iter().map(|key| place(&table.name, key)));
    }
    let inside = keys.iter().filter(|key| key.database == facts.name && key.referenced_database == facts.name);
    let inside: Vec<[(&String, &String); 2]> = inside
        .filter_map(|key| match (key.columns.as_slice(), key.referenced_columns.as_slice()) {
            ([column], [referenced]) => Some([(&key.table, column), (&key.referenced_table, referenced)]),
            _ => None,
        })
        .collect();
    loop {
        let before = columns.len();
        for ends in &inside {
            if ends.iter().any(|(table, column)| columns.contains(&place(table, column))) {
                for (table, column) in ends {
                    columns.insert(place(table, column));
                    found.insert((*table).clone());
                }
            }
        }
        if columns.len() == before {
            return found;
        }
    }
}

fn place(table: &str, column: &str) -> (String, String) {
    (table.to_lowercase(), column.to_lowercase())
}

/// Copies of the named tables' rows, and tables whose rows can point to any model.
fn by_shape(facts: &DatabaseFacts, named: &dyn Fn(&str) -> bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for original in facts.tables.found.iter().filter(|table| named(&table.name)) {
        let names: BTreeSet<String> = original.columns.iter().map(|column| column.name.to_lowercase()).collect();
        let primary = original.primary_key();
        let [key] = primary.as_slice() else { continue };
        let others = facts.tables.found.iter().filter(|table| !table.is_view && !named(&table.name));
        found.extend(others.filter(|table| shape::copies(&names, key, table).is_some()).map(|t| t.name.clone()));
    }
    let to_types =
        facts.foreign_keys.found.iter().filter(|key| {
            key.database == facts.name && key.referenced_table.eq_ignore_ascii_case(shape::CONTENT_TYPES)
        });
    for key in to_types {
        let table = facts.table(&key.table);
        let by = key.columns.first();
        if let (Some(table), Some(column)) = (table, by)
            && shape::object_column(table, column).is_some()
        {
            found.insert(table.name.clone());
        }
    }
    found
}
