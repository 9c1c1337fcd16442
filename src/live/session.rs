//! One connection to one server: it can only read, every statement ends in time, and whatever goes wrong has a kind.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::address::TlsMode;
use super::login::Login;
use super::secret::Secret;
use super::wire::{self, Connection, WireError};
use crate::printable;

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connecting and logging in.
    pub connect: Duration,
    /// One statement, on the server if it supports such a limit, and shortly after here.
    pub statement: Duration,
    /// Everything that is asked of one server.
    pub server: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), statement: Duration::from_secs(10), server: Duration::from_secs(120) }
    }
}

/// The server ends a statement before the client gives up waiting, so that the connection lives on.
const GRACE: Duration = Duration::from_secs(2);

/// The statements that may be sent, by their beginnings.
const READING: [&str; 3] = ["SELECT ", "SHOW ", "SET SESSION "];
/// And these, word for word.
const TRANSACTIONS: [&str; 2] = ["START TRANSACTION READ ONLY", "ROLLBACK"];

/// Why a statement or a connection failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SessionError {
    /// The connection is gone, or was never there.
    Disconnected(String),
    /// It took too long; the connection may be gone.
    TimedOut(String),
    /// The account lacks a right.
    AccessDenied(String),
    /// The server refuses for another reason, such as a table that does not exist.
    ServerError(String),
}

impl SessionError {
    /// The message without the password, for reports.
    pub fn reason(&self) -> &str {
        match self {
            Self::Disconnected(reason)
            | Self::TimedOut(reason)
            | Self::AccessDenied(reason)
            | Self::ServerError(reason) => reason,
        }
    }

    /// Whether facts are missing that another try may get.
    pub fn is_incomplete(&self) -> bool {
        matches!(self, Self::Disconnected(_) | Self::TimedOut(_))
    }
}

/// A server that is not read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// It takes writes.
    #[error("{address} is not read_only, so it may be a primary; pass a replica, or --allow-primary")]
    Primary {
        /// The server.
        address: String,
    },
    /// It cannot be talked to.
    #[error("{}", .0.reason())]
    SessionError(SessionError),
}

impl From<SessionError> for ReadError {
    fn from(trouble: SessionError) -> Self {
        Self::SessionError(trouble)
    }
}

/// A row, its values as text.
#[derive(Clone, Debug)]
pub(super) struct Row(wire::Row);

impl Row {
    /// The value of a column; `None` for NULL and for a column that is not there.
    pub fn get(&self, column: &str) -> Option<String> {
        self.at(self.0.place(column)?)
    }

    /// The value at a place.
    pub fn at(&self, place: usize) -> Option<String> {
        self.0.value(place).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// The value at a place; empty for NULL.
    pub fn text(&self, place: usize) -> String {
        self.at(place).unwrap_or_default()
    }

    /// The number at a place.
    pub fn number<T: std::str::FromStr>(&self, place: usize) -> Option<T> {
        self.at(place)?.parse().ok()
    }
}

/// A connection.
pub(super) struct Session {
    conn: Option<Connection>,
    limits: Limits,
    /// When everything has to be done.
    end: Instant,
    secret: Secret,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Why the connection is not encrypted, when that was not asked for.
    pub fallback: Option<String>,
    /// Whether the password itself was sent to a server that nothing verified, because an option allows it.
    pub password_shown: bool,
}

impl Session {
    /// Connects.
    pub async fn open(login: &Login, limits: Limits) -> Result<Self, SessionError> {
        let secret = login.password.clone().unwrap_or_else(|| Secret::new(""));
        let over_socket = login.socket.is_some();
        let mode = if over_socket { TlsMode::Disabled } else { login.tls };
        let open = |mode| Connection::open(login, mode, limits.connect);
        let (conn, fallback) = match open(mode).await {
            Ok(conn) => (conn, None),
            Err(WireError::Tls(reason)) if mode == TlsMode::Preferred => {
                let conn = open(TlsMode::Disabled).await.map_err(|error| trouble(error, &secret))?;
                (conn, Some(printable::line(&secret.hide_in(&reason)).into_owned()))
            }
            Err(error) => return Err(trouble(error, &secret)),
        };
        let encrypted = mode != TlsMode::Disabled && fallback.is_none();
        let password_shown = conn.password_shown;
        let end = Instant::now() + limits.server;
        Ok(Self { conn: Some(conn), limits, end, secret, encrypted, fallback, password_shown })
    }

    /// Whether the connection is still there.
    pub fn is_alive(&self) -> bool {
        self.conn.is_some()
    }

    /// Sends a statement and gives back its rows.
    ///
    /// A statement that could change anything is refused here, so that no later mistake can send one.
    pub async fn rows(&mut self, sql: &str) -> Result<Vec<Row>, SessionError> {
        if !READING.iter().any(|begin| sql.starts_with(begin)) && !TRANSACTIONS.contains(&sql) {
            return Err(SessionError::ServerError("only read statements are sent".to_owned()));
        }
        let Some(conn) = self.conn.as_mut() else {
            return Err(SessionError::Disconnected("the connection was lost before".to_owned()));
        };
        let left = self.end.saturating_duration_since(Instant::now());
        let limit = left.min(self.limits.statement + GRACE);
        let result = match timeout(limit, conn.query(sql)).await {
            Ok(Ok(rows)) => Ok(rows.into_iter().map(Row).collect()),
            Ok(Err(error)) => Err(trouble(error, &self.secret)),
            Err(_) if limit == left => {
                Err(SessionError::Disconnected(format!("not done within {} s", self.limits.server.as_secs())))
            }
            Err(_) => Err(SessionError::Disconnected(format!("no answer within {} s", limit.as_secs()))),
        };
        if matches!(result, Err(SessionError::Disconnected(_))) {
            // Half an answer may be on its way: nothing that comes over this connection can be believed any more.
            self.conn = None;
        }
        result
    }

    /// Says goodbye; a server that does not listen is left alone.
    pub async fn close(mut self) {
        if let Some(conn) = self.conn.take() {
            let _ = timeout(GRACE, conn.close()).await;
        }
    }
}

/// Statement ended by `max_execution_time`, by MariaDB's `max_statement_time`, or by somebody.
const INTERRUPTED: [u16; 3] = [3024, 1969, 1317];
/// Waited too long for a lock.
const LOCKED: u16 = 1205;
/// Connections end with these: killed, shutting down, too many.
const ENDED: [u16; 7] = [1053, 1927, 1040, 1203, 1226, 4031, 3169];
/// A right is missing: for a database, a login, a table, a column, a routine, globally.
const DENIED: [u16; 9] = [1044, 1045, 1142, 1143, 1227, 1370, 1419, 1698, 3879];

fn trouble(error: WireError, secret: &Secret) -> SessionError {
    // What a server says may repeat what it was given, and may hold anything.
    let text = printable::line(&secret.hide_in(&error.to_string())).into_owned();
    match error {
        WireError::Server { code, .. } => match code {
            code if INTERRUPTED.contains(&code) || code == LOCKED => SessionError::TimedOut(text),
            code if ENDED.contains(&code) => SessionError::Disconnected(text),
            code if DENIED.contains(&code) => SessionError::AccessDenied(text),
            _ => SessionError::ServerError(text),
        },
        _ => SessionError::Disconnected(text),
    }
}

/// Several texts as literals, separated by commas.
pub(super) fn literals<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    texts.into_iter().map(crate::schema::quote_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_cannot_break_out() {
        assert_eq!(literals(["a", "b'"]), "'a', 'b'''");
    }

    #[test]
    fn nothing_that_writes_is_sent() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut session = Session {
            conn: None,
            limits: Limits::default(),
            end: Instant::now(),
            secret: Secret::new(""),
            encrypted: false,
            fallback: None,
            password_shown: false,
        };
        let mut send = |sql: &str| runtime.block_on(session.rows(sql)).unwrap_err();
        let writing = ["DELETE FROM t", "SET GLOBAL x = 0", "START TRANSACTION", "ROLLBACK; DROP TABLE t", " SELECT 1"];
        for sql in writing {
            assert!(matches!(send(sql), SessionError::ServerError(_)), "{sql}");
        }
        assert!(matches!(send("SELECT 1"), SessionError::Disconnected(_)), "what reads gets as far as the connection");
    }
}
