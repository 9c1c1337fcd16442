//! What can go wrong on the wire, and what the wire is.

use std::io;

/// What went wrong on the wire.
#[derive(Debug, thiserror::Error)]
pub(in crate::live) enum WireError {
    /// The connection broke, or never came to be.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server cannot encrypt, or not in a way or with a certificate that is accepted.
    #[error("TLS: {0}")]
    Tls(String),
    /// The server reports an error.
    #[error("error {code}: {message}")]
    Server {
        /// MySQL's number of the error.
        code: u16,
        /// Its text.
        message: String,
    },
    /// The server breaks the protocol.
    #[error("protocol error of the server: {0}")]
    Protocol(&'static str),
    /// The server asks for a method of log-in that is not followed.
    #[error(
        "the server asks for the log-in method {0}, which csm-audit does not support; use an account with \
         caching_sha2_password, mysql_native_password, ed25519 or parsec"
    )]
    Method(String),
    /// The password would be shown.
    #[error(
        "the server requires the password itself ({method}), but the server is not verified: the password was not \
         sent; verify the server with ssl-mode=verify-identity or with ssl-mode=verify-ca&ssl-ca=FILE, or allow sending the \
         password with {option}=true in the URL; any host that answers at this address then receives the password"
    )]
    WouldShowPassword {
        /// The plugin.
        method: &'static str,
        /// The parameter that allows it.
        option: &'static str,
    },
    /// An answer is longer than anything that was asked for.
    #[error("the server's answer is longer than {} KiB, and was not read completely", .0 >> 10)]
    TooLong(usize),
}

impl WireError {
    pub(super) fn protocol(what: &'static str) -> Self {
        Self::Protocol(what)
    }

    pub(super) fn method(name: &str) -> Self {
        Self::Method(name.chars().take(64).collect())
    }

    /// Reads an error packet.
    pub(super) fn server(message: &[u8]) -> Self {
        let [0xff, low, high, text @ ..] = message else { return Self::protocol("an error without a number") };
        // `#` and five characters of the SQL state stand there once the client has said what it understands.
        let text = if text.starts_with(b"#") { text.get(6..).unwrap_or_default() } else { text };
        let message = String::from_utf8_lossy(text).chars().take(512).collect();
        Self::Server { code: u16::from_le_bytes([*low, *high]), message }
    }
}

/// What a connection runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    /// A socket of this machine.
    Socket,
    /// TCP in the clear.
    Plain,
    /// TLS.
    Tls {
        /// Whether it is proven who the server is: by its name, or by an authority that somebody named.
        verified: bool,
    },
}

impl Channel {
    /// Whether a password may be shown to the other end.
    pub(super) fn is_trusted(self) -> bool {
        matches!(self, Self::Socket | Self::Tls { verified: true })
    }
}
