//! Compares the rows of two tables, of which one is a copy of the other: chunk by chunk, each chunk of both in one
//! statement, and with a pause after each.

use std::time::Duration;

use super::Limits;
use super::facts::{Table, integer_limit};
use super::login::Login;
use super::session::Session;
use crate::schema::quote;

/// Rows in a chunk.
const CHUNK: u32 = 2_000;
/// The server does something else meanwhile.
const PAUSE: Duration = Duration::from_millis(20);
/// The comparison of one table is aborted after 14 days: tables of terabytes take days.
const COMPARE_TIMEOUT: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Two tables of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    database: String,
    table: String,
    left: String,
    key: String,
    columns: Vec<String>,
}

/// What a comparison found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// The rows of the table that is beside.
    pub rows: u64,
    /// Those that the table itself does not have.
    pub missing: u64,
    /// Those that it has otherwise.
    pub differing: u64,
}

impl Pair {
    /// A table and one beside it, when both have the same key of one integer.
    #[must_use]
    pub fn new(database: &str, table: &Table, left: &Table) -> Option<Self> {
        let key = |table: &Table| {
            let index = table.primary()?;
            let [part] = index.parts.as_slice() else { return None };
            part.column
                .clone()
                .filter(|name| table.column(name).is_some_and(|column| integer_limit(&column.column_type).is_some()))
        };
        let name = key(table).filter(|name| Some(name) == key(left).as_ref())?;
        let columns = table
            .columns
            .iter()
            .filter(|column| column.generated.is_none() && left.column(&column.name).is_some())
            .map(|column| column.name.clone())
            .collect();
        Some(Self {
            database: database.to_owned(),
            table: table.name.clone(),
            left: left.name.clone(),
            key: name,
            columns,
        })
    }

    /// Compares them.
    ///
    /// # Errors
    ///
    /// When the server cannot be asked, with the reason.
    pub fn compare(&self, login: &Login) -> Result<Agreement, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        runtime.block_on(async {
            let limits = Limits { server: COMPARE_TIMEOUT, ..Limits::default() };
            let mut session = Session::open(login, limits).await.map_err(|trouble| trouble.reason().to_owned())?;
            let found = self.walk(&mut session).await;
            session.close().await;
            found
        })
    }

    async fn walk(&self, session: &mut Session) -> Result<Agreement, String> {
        let mut found = Agreement::default();
        let mut low: Option<i128> = None;
        loop {
            let rows = session.rows(&self.chunk(low)).await.map_err(|trouble| trouble.reason().to_owned())?;
            let Some(row) = rows.first() else { return Ok(found) };
            let number = |at: usize| row.number::<u64>(at).unwrap_or(0);
            found.rows += number(0);
            found.missing += number(1);
            found.differing += number(2);
            match row.number::<i128>(3) {
                Some(high) => low = Some(high),
                None => return Ok(found),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Counts what the next rows beside come to: all of them, missing ones, differing ones, and the last of them.
    fn chunk(&self, low: Option<i128>) -> String {
        let key = quote(&self.key);
        let place = |table: &str| format!("{}.{}", quote(&self.database), quote(table));
        let sum = |alias: &str| {
            let all = |f: &str| {
                self.columns.iter().map(|c| format!("{f}({alias}.{})", quote(c))).collect::<Vec<_>>().join(", ")
            };
            format!("CRC32(CONCAT_WS('#', {}, CONCAT({})))", all("CRC32"), all("ISNULL"))
        };
        let after = low.map_or_else(String::new, |low| format!("WHERE {key} > {low} "));
        format!(
            "SELECT COUNT(*), SUM(t.{key} IS NULL), SUM(t.{key} IS NOT NULL AND {} <> {}), MAX(l.{key}) FROM (SELECT * FROM {} \
             {after}ORDER BY {key} LIMIT {CHUNK}) AS l LEFT JOIN {} AS t ON t.{key} = l.{key}",
            sum("l"),
            sum("t"),
            place(&self.left),
            place(&self.table)
        )
    }
}
