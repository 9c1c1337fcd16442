//! Logging in. The server chooses how the password is proven, and may be anybody: a method that shows the password is
//! followed only where it is known who reads it, or where somebody allowed it.
//!
//! Methods and messages: MySQL internals, "Connection Phase"; MariaDB, "Connecting" and "Authentication Plugins".

use mysql_common::crypto;
use mysql_common::packets::parse_parsec_salt;
use mysql_common::scramble::{
    create_response_for_ed25519, create_response_for_parsec, scramble_native, scramble_sha256,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::error::{Channel, WireError};
use super::packet::{Cursor, Packets};
use crate::live::contain;
use crate::live::login::Login;

/// The longest message of a log-in: keys and salts are far shorter.
const LONGEST: usize = 64 << 10;

/// Messages of a log-in; no method needs more than five.
const MESSAGES: usize = 12;

/// MariaDB uses 2¹³; more than this many rounds of PBKDF2 would keep the processor busy at a server's whim.
const MAX_ROUNDS: u32 = 1 << 20;

/// The nonce of the methods that MySQL has.
const NONCE: usize = 20;

/// How the password is proven; the names are those of the plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// `mysql_native_password`: a challenge.
    Native,
    /// `caching_sha2_password`: a challenge; the password if the server has no cached entry for the account.
    CachingSha2,
    /// `sha256_password`: the password.
    Sha256,
    /// `client_ed25519`: a signature.
    Ed25519,
    /// `parsec`: a signature.
    Parsec,
    /// `mysql_clear_password`: the password.
    Clear,
}

impl Method {
    pub fn of(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"mysql_native_password" => Self::Native,
            b"caching_sha2_password" => Self::CachingSha2,
            b"sha256_password" => Self::Sha256,
            b"client_ed25519" => Self::Ed25519,
            b"parsec" => Self::Parsec,
            b"mysql_clear_password" => Self::Clear,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "mysql_native_password",
            Self::CachingSha2 => "caching_sha2_password",
            Self::Sha256 => "sha256_password",
            Self::Ed25519 => "client_ed25519",
            Self::Parsec => "parsec",
            Self::Clear => "mysql_clear_password",
        }
    }
}

/// The answer to the nonce of the server's greeting, which is sent before the server says anything else: a challenge.
pub(super) fn first_answer(method: Method, password: &str, nonce: &[u8]) -> Vec<u8> {
    let nonce = nonce.get(..NONCE).unwrap_or(nonce);
    match method {
        Method::CachingSha2 => scramble_sha256(nonce, password.as_bytes()).map(Vec::from),
        _ => scramble_native(nonce, password.as_bytes()).map(Vec::from),
    }
    .unwrap_or_default()
}

/// Talks about the password until the server is satisfied, and says whether the password itself was shown to a server
/// that is not verified.
pub(super) async fn finish<S: AsyncRead + AsyncWrite + Unpin>(
    packets: &mut Packets<S>,
    login: &Login,
    channel: Channel,
    method: Method,
    nonce: &[u8],
) -> Result<bool, WireError> {
    let password = login.password.as_ref().map_or("", |password| password.expose());
    let mut dialogue = Dialogue { packets, login, channel, password, method, nonce: nonce.to_vec(), shown: false };
    let mut switched = false;
    for _ in 0..MESSAGES {
        let message = dialogue.packets.read(LONGEST).await?;
        match message.split_first() {
            Some((0x00, _)) => return Ok(dialogue.shown),
            Some((0xff, _)) => return Err(WireError::server(&message)),
            Some((0xfe, _)) if switched => {
                return Err(WireError::protocol("it changes the authentication method twice"));
            }
            Some((0xfe, rest)) => {
                switched = true;
                dialogue.switch(rest).await?;
            }
            Some((0x01, rest)) => dialogue.more(rest).await?,
            // The first releases of the method sent the salt alone.
            Some(_) if dialogue.method == Method::Parsec => dialogue.more(&message).await?,
            _ => return Err(WireError::protocol("its answer to the login could not be parsed")),
        }
    }
    Err(WireError::protocol("the login does not end"))
}

struct Dialogue<'a, S> {
    packets: &'a mut Packets<S>,
    login: &'a Login,
    channel: Channel,
    password: &'a str,
    method: Method,
    nonce: Vec<u8>,
    shown: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Dialogue<'_, S> {
    /// The server wants another method.
    async fn switch(&mut self, request: &[u8]) -> Result<(), WireError> {
        if request.is_empty() {
            return Err(WireError::method("mysql_old_password"));
        }
        let mut cursor = Cursor(request);
        let name = cursor.until_nul();
        self.method = Method::of(name).ok_or_else(|| WireError::method(&String::from_utf8_lossy(name)))?;
        self.nonce = cursor.0.strip_suffix(&[0]).unwrap_or(cursor.0).to_vec();
        let password = self.password.as_bytes();
        let answer = match self.method {
            Method::Native | Method::CachingSha2 => first_answer(self.method, self.password, &self.nonce),
            Method::Clear | Method::Sha256 => {
                self.may_show(self.login.enable_cleartext_plugin, "enable-cleartext-plugin")?;
                with_nul(password)
            }
            Method::Ed25519 if password.is_empty() => Vec::new(),
            Method::Ed25519 => create_response_for_ed25519(password, self.salt()?).to_vec(),
            // The server sends the account's salt when it is asked for.
            Method::Parsec => Vec::new(),
        };
        self.packets.write(&answer).await
    }

    /// The server has more to say about the method.
    async fn more(&mut self, data: &[u8]) -> Result<(), WireError> {
        match (self.method, data) {
            // The server has a cached entry: the challenge was enough.
            (Method::CachingSha2, [0x03]) => Ok(()),
            (Method::CachingSha2, [0x04]) => self.show().await,
            (Method::Parsec, salt) => {
                let refused = || WireError::protocol("its salt for parsec could not be parsed");
                let (rounds, salt) =
                    parse_parsec_salt(salt).filter(|(rounds, _)| *rounds <= MAX_ROUNDS).ok_or_else(refused)?;
                let nonce: [u8; 32] = self.salt()?.try_into().map_err(|_| refused())?;
                let answer = create_response_for_parsec(self.password.as_bytes(), &nonce, rounds, salt);
                self.packets.write(&answer).await
            }
            _ => Err(WireError::protocol("its answer to the login could not be parsed")),
        }
    }

    /// Nonces that are signed have 32 bytes.
    fn salt(&self) -> Result<&[u8], WireError> {
        let nonce = self.nonce.get(..32).ok_or_else(|| WireError::protocol("its challenge is too short"))?;
        Ok(nonce)
    }

    /// Whether the password itself may be sent now.
    fn may_show(&mut self, allowed: bool, option: &'static str) -> Result<(), WireError> {
        if self.password.is_empty() || self.channel.is_trusted() {
            return Ok(());
        }
        if !allowed {
            return Err(WireError::WouldShowPassword { method: self.method.name(), option });
        }
        self.shown = true;
        Ok(())
    }

    /// `caching_sha2_password` when the server has forgotten the account: over an encrypted connection or a socket the
    /// password itself, otherwise the password encrypted by a key that the server sends.
    async fn show(&mut self) -> Result<(), WireError> {
        self.may_show(self.login.get_server_public_key, "get-server-public-key")?;
        let mut password = with_nul(self.password.as_bytes());
        if !matches!(self.channel, Channel::Plain) {
            return self.packets.write(&password).await;
        }
        self.packets.write(&[0x02]).await?;
        let message = self.packets.read(LONGEST).await?;
        let key = match message.split_first() {
            Some((0x01, key)) => key,
            Some((0xff, _)) => return Err(WireError::server(&message)),
            _ => return Err(WireError::protocol("its public key could not be parsed")),
        };
        if self.nonce.is_empty() {
            return Err(WireError::protocol("its challenge is too short"));
        }
        for (byte, mask) in password.iter_mut().zip(self.nonce.iter().take(NONCE).cycle()) {
            *byte ^= mask;
        }
        // The library panics at keys that are none.
        let encrypted = contain::contained(|| crypto::encrypt(&password, key));
        let encrypted = encrypted.ok_or(WireError::Protocol("its public key cannot be used"))?;
        self.packets.write(&encrypted).await
    }
}

fn with_nul(password: &[u8]) -> Vec<u8> {
    let mut text = password.to_vec();
    text.push(0);
    text
}
