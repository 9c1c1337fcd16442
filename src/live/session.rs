//! One connection to one server: it can only read, every statement ends in time, and whatever goes wrong has a kind.

use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, DriverError, Error, IoError, OptsBuilder, SslOpts, Value};
use tokio::time::timeout;

use super::address::TlsMode;
use super::login::Login;
use super::secret::Secret;

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connecting and logging in.
    pub connect: Duration,
    /// One statement, on the server where it knows such a limit, and shortly after here.
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
    /// The server refuses for another reason, such as a table that it does not know.
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

/// A row, its values as text.
#[derive(Clone, Debug)]
pub(super) struct Row(mysql_async::Row);

impl Row {
    /// The value of a column; `None` for NULL and for a column that is not there.
    pub fn get(&self, column: &str) -> Option<String> {
        let at = self.0.columns_ref().iter().position(|c| c.name_str().eq_ignore_ascii_case(column))?;
        self.at(at)
    }

    /// The value at a place.
    pub fn at(&self, place: usize) -> Option<String> {
        match self.0.as_ref(place)? {
            Value::NULL => None,
            Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            // The text protocol sends nothing else; should it, this is how it writes it.
            other => Some(other.as_sql(true)),
        }
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
    conn: Option<Conn>,
    limits: Limits,
    /// When everything has to be done.
    end: Instant,
    secret: Secret,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// What was encrypted in vain, when the connection is in the clear for another reason than being asked to.
    pub fallback: Option<String>,
}

impl Session {
    /// Connects.
    pub async fn open(login: &Login, limits: Limits) -> Result<Self, SessionError> {
        let secret = login.password.clone().unwrap_or_else(|| Secret::new(""));
        let over_socket = login.socket.is_some();
        let mode = if over_socket { TlsMode::Disabled } else { login.tls };
        let (conn, fallback) = match connect(login, mode, limits).await {
            Ok(conn) => (conn, None),
            Err(error) if mode == TlsMode::Preferred && is_about_tls(&error) => {
                let conn = connect(login, TlsMode::Disabled, limits).await.map_err(|e| trouble(&e, &secret))?;
                (conn, Some(secret.hide_in(&error.to_string())))
            }
            Err(error) => return Err(trouble(&error, &secret)),
        };
        let encrypted = mode != TlsMode::Disabled && fallback.is_none();
        Ok(Self { conn: Some(conn), limits, end: Instant::now() + limits.server, secret, encrypted, fallback })
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
            return Err(SessionError::ServerError("only statements that read are sent".to_owned()));
        }
        let Some(conn) = self.conn.as_mut() else {
            return Err(SessionError::Disconnected("the connection was lost before".to_owned()));
        };
        let left = self.end.saturating_duration_since(Instant::now());
        let limit = left.min(self.limits.statement + GRACE);
        let result = match timeout(limit, conn.query::<mysql_async::Row, _>(sql)).await {
            Ok(Ok(rows)) => Ok(rows.into_iter().map(Row).collect()),
            Ok(Err(error)) => Err(trouble(&error, &self.secret)),
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
            let _ = timeout(GRACE, conn.disconnect()).await;
        }
    }
}

async fn connect(login: &Login, mode: TlsMode, limits: Limits) -> Result<Conn, Error> {
    let ssl = match mode {
        TlsMode::Disabled => None,
        TlsMode::Preferred | TlsMode::Required => Some(SslOpts::default().with_danger_accept_invalid_certs(true)),
        TlsMode::VerifyCa | TlsMode::VerifyIdentity => Some(with_authority(login)),
    };
    match connect_with(login, ssl, limits).await {
        Err(Error::Io(error)) if mode == TlsMode::VerifyCa => match name_in_certificate(&error.to_string()) {
            // The driver's own way to let the name pass does not work: so the certificate, whose signature held, is
            // asked for a name that it has.
            Some(name) => {
                let ssl = with_authority(login).with_danger_tls_hostname_override(Some(name));
                connect_with(login, Some(ssl), limits).await
            }
            None => Err(Error::Io(error)),
        },
        result => result,
    }
}

/// A name for which a certificate is valid, from the error that says for which it is not.
fn name_in_certificate(error: &str) -> Option<String> {
    let (_, valid) = error.split_once("certificate is only valid for ")?;
    let name = |kind: &str| Some(valid.split_once(kind)?.1.split(')').next()?.trim_matches('"').to_owned());
    // Any name that a wildcard covers will do.
    name("DnsName(").or_else(|| name("IpAddress(")).map(|name| name.replace('*', "any"))
}

async fn connect_with(login: &Login, ssl: Option<SslOpts>, limits: Limits) -> Result<Conn, Error> {
    let options = OptsBuilder::default()
        .ip_or_hostname(&login.host)
        .tcp_port(login.port)
        .socket(login.socket.as_ref().map(|socket| socket.display().to_string()))
        .user(Some(&login.user))
        .pass(login.password.as_ref().map(Secret::expose))
        .ssl_opts(ssl)
        // The server that was named is meant, not the socket of one with the same address.
        .prefer_socket(false);
    match timeout(limits.connect, Conn::new(options)).await {
        Ok(result) => result,
        Err(_) => Err(Error::Io(IoError::Io(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            format!("no answer within {} s", limits.connect.as_secs()),
        )))),
    }
}

fn with_authority(login: &Login) -> SslOpts {
    match &login.ca {
        // Whoever names an authority trusts that one.
        Some(ca) => SslOpts::default().with_root_certs(vec![ca.clone().into()]).with_disable_built_in_roots(true),
        None => SslOpts::default(),
    }
}

/// Whether the server cannot encrypt, or not in a way that is accepted today.
fn is_about_tls(error: &Error) -> bool {
    match error {
        Error::Driver(DriverError::NoClientSslFlagFromServer) | Error::Io(IoError::Tls(_)) => true,
        // A server that dislikes the first message of the handshake just hangs up.
        Error::Io(IoError::Io(error)) => matches!(
            error.kind(),
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset
        ),
        _ => false,
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

fn trouble(error: &Error, secret: &Secret) -> SessionError {
    let text = secret.hide_in(&error.to_string());
    match error {
        Error::Server(server) => {
            let text = secret.hide_in(&format!("error {}: {}", server.code, server.message));
            match server.code {
                code if INTERRUPTED.contains(&code) || code == LOCKED => SessionError::TimedOut(text),
                code if ENDED.contains(&code) => SessionError::Disconnected(text),
                code if DENIED.contains(&code) => SessionError::AccessDenied(text),
                _ => SessionError::ServerError(text),
            }
        }
        // These show what the server sent, which may be rows.
        Error::Driver(DriverError::UnexpectedPacket { .. } | DriverError::FromRow { .. }) => {
            SessionError::Disconnected("the server's answer is not understood".to_owned())
        }
        // The driver says "input/output error" twice before it comes to the point.
        Error::Io(IoError::Io(error)) => SessionError::Disconnected(secret.hide_in(&error.to_string())),
        Error::Io(IoError::Tls(error)) => SessionError::Disconnected(secret.hide_in(&format!("TLS: {error}"))),
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
    fn a_certificate_tells_its_names() {
        let error = "invalid peer certificate: certificate not valid for name \"db\"; certificate is only valid for ";
        assert_eq!(name_in_certificate(&format!("{error}DnsName(\"*.prod\") or IpAddress(::1)")).unwrap(), "any.prod");
        assert_eq!(name_in_certificate(&format!("{error}IpAddress(10.0.0.1)")).unwrap(), "10.0.0.1");
        assert_eq!(name_in_certificate("invalid peer certificate: UnknownIssuer"), None);
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
        };
        let mut send = |sql: &str| runtime.block_on(session.rows(sql)).unwrap_err();
        let writing = ["DELETE FROM t", "SET GLOBAL x = 0", "START TRANSACTION", "ROLLBACK; DROP TABLE t", " SELECT 1"];
        for sql in writing {
            assert!(matches!(send(sql), SessionError::ServerError(_)), "{sql}");
        }
        assert!(matches!(send("SELECT 1"), SessionError::Disconnected(_)), "what reads gets as far as the connection");
    }
}
