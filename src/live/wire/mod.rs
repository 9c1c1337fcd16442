//! MySQL's protocol, as far as reading needs it: one connection, statements as text, rows as text.
//!
//! The drivers at hand decide by themselves when they send a password: over TLS without asking whose certificate it is,
//! and encrypted by whatever key the server sends. They read results without a limit, and panic at packets that end
//! early. So the messages are read here; cryptography is left to `mysql_common`, `rustls` and `ring`.
//!
//! Never offered to a server: several statements at once, `LOAD DATA LOCAL`, compression.

mod auth;
mod error;
mod packet;
mod tls;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use self::auth::Method;
use self::error::Channel;
pub(super) use self::error::WireError;
use self::packet::{Cursor, Packets};
use super::address::TlsMode;
use super::login::Login;

/// The most that is kept of one answer. Definitions of 10,000 tables are some 60 MB.
const MOST_KEPT: usize = 256 << 20;

/// What a row costs besides its bytes.
const ROW_COST: usize = 64;

/// No statement of this program asks for more columns.
const MOST_COLUMNS: u64 = 4096;

/// The longest greeting, error or column.
const LONGEST_MESSAGE: usize = 64 << 10;

/// `utf8mb4_general_ci`, which every server since 5.5.3 has.
const UTF8MB4: u8 = 45;

/// CLIENT_LONG_PASSWORD, CLIENT_LONG_FLAG, CLIENT_PROTOCOL_41, CLIENT_TRANSACTIONS, CLIENT_SECURE_CONNECTION and
/// CLIENT_PLUGIN_AUTH (MySQL internals, "Capabilities Flags").
const CAPABILITIES: u32 = 0x1 | 0x4 | PROTOCOL_41 | 0x2000 | 0x8000 | PLUGIN_AUTH;
const PROTOCOL_41: u32 = 0x200;
const PLUGIN_AUTH: u32 = 0x8_0000;
const SSL: u32 = 0x800;

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// A row: its columns' names, and its values as they came.
#[derive(Clone, Debug)]
pub(super) struct Row {
    columns: Arc<[String]>,
    payload: Box<[u8]>,
}

impl Row {
    /// The place of a column.
    pub fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name.eq_ignore_ascii_case(column))
    }

    /// The value at a place; `None` for NULL.
    pub fn value(&self, place: usize) -> Option<&[u8]> {
        let mut cursor = Cursor(&self.payload);
        for _ in 0..place {
            cursor.value()?;
        }
        cursor.value().flatten()
    }
}

/// A connection that is logged in.
pub(super) struct Connection {
    packets: Packets<Box<dyn Stream>>,
    /// Whether the password itself was sent to a server that is not verified, as an option allows.
    pub password_shown: bool,
}

impl Connection {
    /// Connects and logs in.
    pub async fn open(login: &Login, mode: TlsMode, patience: Duration) -> Result<Self, WireError> {
        match timeout(patience, Self::log_in(login, mode)).await {
            Ok(result) => result,
            Err(_) => {
                let message = format!("no answer within {} s", patience.as_secs());
                Err(io::Error::new(io::ErrorKind::TimedOut, message).into())
            }
        }
    }

    async fn log_in(login: &Login, mode: TlsMode) -> Result<Self, WireError> {
        let (stream, over_socket) = stream(login).await?;
        let mut packets = Packets::new(stream);
        let greeting = Greeting::read(&packets.read(LONGEST_MESSAGE).await?)?;
        let mut capabilities = CAPABILITIES & (greeting.capabilities | 0x5);
        if capabilities & PROTOCOL_41 == 0 {
            return Err(WireError::protocol("its protocol is older than MySQL 4.1"));
        }
        let mut channel = if over_socket { Channel::Socket } else { Channel::Plain };
        if mode != TlsMode::Disabled {
            if greeting.capabilities & SSL == 0 {
                return Err(WireError::Tls("the server does not support TLS".to_owned()));
            }
            capabilities |= SSL;
            packets.write(&head(capabilities)).await?;
            packets = encrypt(packets, login, mode).await?;
            let verified = mode == TlsMode::VerifyIdentity || (mode == TlsMode::VerifyCa && login.ca.is_some());
            channel = Channel::Tls { verified };
        }
        // A method that would show the password is not begun by us: the server has to ask for it.
        let method = match greeting.method {
            Some(Method::CachingSha2) => Method::CachingSha2,
            _ => Method::Native,
        };
        let password = login.password.as_ref().map_or("", |password| password.expose());
        let answer = auth::first_answer(method, password, &greeting.nonce);
        let mut response = head(capabilities);
        response.extend(login.user.bytes().filter(|byte| *byte != 0));
        response.push(0);
        response.push(u8::try_from(answer.len()).unwrap_or_default());
        response.extend(answer);
        if capabilities & PLUGIN_AUTH != 0 {
            response.extend(method.name().bytes());
            response.push(0);
        }
        packets.write(&response).await?;
        let password_shown = auth::finish(&mut packets, login, channel, method, &greeting.nonce).await?;
        Ok(Self { packets, password_shown })
    }

    /// Sends a statement and reads its rows.
    pub async fn query(&mut self, sql: &str) -> Result<Vec<Row>, WireError> {
        self.packets.begin();
        let mut command = vec![0x03];
        command.extend(sql.bytes());
        self.packets.write(&command).await?;
        let first = self.packets.read(MOST_KEPT).await?;
        let count = match first.first() {
            Some(0x00) => return Ok(Vec::new()),
            Some(0xff) => return Err(WireError::server(&first)),
            Some(0xfb) => return Err(WireError::protocol("it requests a local file, which was not sent")),
            _ => Cursor(&first).length(),
        };
        let Some(count) = count.filter(|count| (1..=MOST_COLUMNS).contains(count)) else {
            return Err(WireError::protocol("a result without columns"));
        };
        let mut columns = Vec::new();
        for _ in 0..count {
            columns.push(column_name(&self.packets.read(LONGEST_MESSAGE).await?)?);
        }
        if !is_end(&self.packets.read(LONGEST_MESSAGE).await?) {
            return Err(WireError::protocol("columns without an end"));
        }
        let columns: Arc<[String]> = columns.into();
        let mut rows = Vec::new();
        let mut left = MOST_KEPT;
        loop {
            let payload = self.packets.read(left).await?;
            match payload.first() {
                Some(0xff) => return Err(WireError::server(&payload)),
                Some(0xfe) if is_end(&payload) => return Ok(rows),
                _ => {}
            }
            left = left.checked_sub(payload.len() + ROW_COST).ok_or(WireError::TooLong(MOST_KEPT))?;
            let mut cursor = Cursor(&payload);
            if (0..count).any(|_| cursor.value().is_none()) || !cursor.0.is_empty() {
                return Err(WireError::protocol("a truncated row"));
            }
            rows.push(Row { columns: columns.clone(), payload: payload.into_boxed_slice() });
        }
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        self.packets.begin();
        let _ = self.packets.write(&[0x01]).await;
    }
}

/// What a server says first.
struct Greeting {
    capabilities: u32,
    nonce: Vec<u8>,
    method: Option<Method>,
}

impl Greeting {
    fn read(message: &[u8]) -> Result<Self, WireError> {
        if message.first() == Some(&0xff) {
            return Err(WireError::server(message));
        }
        Self::parse(message).ok_or(WireError::Protocol("not a MySQL server: unknown greeting"))
    }

    fn parse(message: &[u8]) -> Option<Self> {
        let mut cursor = Cursor(message);
        if cursor.byte()? != 10 {
            return None;
        }
        cursor.until_nul();
        cursor.number(4)?;
        let mut nonce = cursor.bytes(8)?.to_vec();
        cursor.byte()?;
        let low = cursor.number(2)?;
        cursor.number(3)?;
        let high = cursor.number(2)?;
        let length = usize::from(cursor.byte()?);
        cursor.bytes(10)?;
        nonce.extend(cursor.bytes(length.saturating_sub(8).max(13))?);
        // The last byte is a NUL and no part of it.
        nonce.truncate(20);
        Some(Self {
            capabilities: u32::try_from(low | high << 16).ok()?,
            nonce,
            method: Method::of(cursor.until_nul()),
        })
    }
}

/// The beginning of a log-in, which is also what asks for encryption.
fn head(capabilities: u32) -> Vec<u8> {
    let mut message = capabilities.to_le_bytes().to_vec();
    message.extend(u32::to_le_bytes(16 << 20));
    message.push(UTF8MB4);
    message.extend([0; 23]);
    message
}

/// The name of a column: the fifth text of its definition.
fn column_name(message: &[u8]) -> Result<String, WireError> {
    let mut cursor = Cursor(message);
    let mut name = None;
    for _ in 0..5 {
        name = cursor.text();
    }
    let name = name.ok_or(WireError::Protocol("a column that ends early"))?;
    Ok(String::from_utf8_lossy(name).into_owned())
}

/// Whether a packet ends columns or rows.
fn is_end(payload: &[u8]) -> bool {
    payload.first() == Some(&0xfe) && payload.len() < 9
}

async fn encrypt(
    packets: Packets<Box<dyn Stream>>,
    login: &Login,
    mode: TlsMode,
) -> Result<Packets<Box<dyn Stream>>, WireError> {
    let (stream, sequence) = packets.into_parts();
    let connector = tls::connector(mode, login.ca.as_deref())?;
    let name = tls::name(mode, &login.host)?;
    // A server that dislikes the first message of the handshake just hangs up: that, too, is about TLS.
    let stream = connector.connect(name, stream).await.map_err(|error| WireError::Tls(error.to_string()))?;
    Ok(Packets::from_parts(Box::new(BufReader::new(stream)), sequence))
}

async fn stream(login: &Login) -> io::Result<(Box<dyn Stream>, bool)> {
    #[cfg(unix)]
    if let Some(path) = &login.socket {
        return Ok((Box::new(BufReader::new(tokio::net::UnixStream::connect(path).await?)), true));
    }
    #[cfg(not(unix))]
    if login.socket.is_some() {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "sockets require Unix"));
    }
    let stream = TcpStream::connect((login.host.as_str(), login.port)).await?;
    stream.set_nodelay(true)?;
    Ok((Box::new(BufReader::new(stream)), false))
}
