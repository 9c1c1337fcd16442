//! Packets: a header of four bytes, and a payload of which nothing is taken for granted.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::error::WireError;

/// The longest payload of one packet; a longer message goes on in the next packet (MySQL internals, "MySQL Packets").
const FULL: usize = 0xff_ff_ff;

/// So many bytes of a payload are asked for at once: memory grows with what arrives, not with what a header announces.
const STEP: usize = 64 << 10;

/// Packets over a stream, numbered within a command.
pub(super) struct Packets<S> {
    stream: S,
    sequence: u8,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Packets<S> {
    pub fn new(stream: S) -> Self {
        Self { stream, sequence: 0 }
    }

    /// The stream below, and the number of the next packet: TLS begins in the middle of the handshake.
    pub fn into_parts(self) -> (S, u8) {
        (self.stream, self.sequence)
    }

    pub fn from_parts(stream: S, sequence: u8) -> Self {
        Self { stream, sequence }
    }

    /// A command begins: its packets are counted from 0.
    pub fn begin(&mut self) {
        self.sequence = 0;
    }

    /// Reads one payload of at most `longest` bytes.
    pub async fn read(&mut self, longest: usize) -> Result<Vec<u8>, WireError> {
        let mut payload = Vec::new();
        loop {
            let mut header = [0; 4];
            self.stream.read_exact(&mut header).await?;
            let [a, b, c, sequence] = header;
            let length = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
            if sequence != self.sequence {
                return Err(WireError::protocol("its packets are out of order"));
            }
            self.sequence = sequence.wrapping_add(1);
            if length > longest.saturating_sub(payload.len()) {
                return Err(WireError::TooLong(longest));
            }
            let mut left = length;
            while left > 0 {
                let begin = payload.len();
                payload.resize(begin + left.min(STEP), 0);
                self.stream.read_exact(&mut payload[begin..]).await?;
                left -= payload.len() - begin;
            }
            if length < FULL {
                return Ok(payload);
            }
        }
    }

    /// Sends one payload.
    pub async fn write(&mut self, payload: &[u8]) -> Result<(), WireError> {
        let mut message = Vec::with_capacity(payload.len() + 4);
        let mut rest = payload;
        loop {
            let (now, later) = rest.split_at(rest.len().min(FULL));
            let [a, b, c, ..] = u32::try_from(now.len()).unwrap_or(u32::MAX).to_le_bytes();
            message.extend([a, b, c, self.sequence]);
            message.extend_from_slice(now);
            self.sequence = self.sequence.wrapping_add(1);
            rest = later;
            if now.len() < FULL {
                break;
            }
        }
        self.stream.write_all(&message).await?;
        Ok(self.stream.flush().await?)
    }
}

/// Takes a payload apart from its beginning; `None` where the payload ends early.
#[derive(Clone)]
pub(super) struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    pub fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.bytes(1).map(|bytes| bytes[0])
    }

    /// A little-endian number of up to eight bytes.
    pub fn number(&mut self, count: usize) -> Option<u64> {
        Some(self.bytes(count)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Up to a NUL, which is taken, too; or up to the end.
    pub fn until_nul(&mut self) -> &'a [u8] {
        let at = memchr::memchr(0, self.0);
        let (text, rest) = self.0.split_at(at.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        text
    }

    /// A number that says its own length.
    pub fn length(&mut self) -> Option<u64> {
        match self.byte()? {
            small @ 0..=0xfa => Some(u64::from(small)),
            0xfc => self.number(2),
            0xfd => self.number(3),
            0xfe => self.number(8),
            _ => None,
        }
    }

    /// A text that says its length.
    pub fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.bytes(usize::try_from(length).ok()?)
    }

    /// A value of a row: `Some(None)` is NULL.
    pub fn value(&mut self) -> Option<Option<&'a [u8]>> {
        if self.0.first() == Some(&0xfb) {
            self.0 = &self.0[1..];
            return Some(None);
        }
        self.text().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_that_ends_early_gives_nothing() {
        let mut cursor = Cursor(b"\x03ab");
        assert_eq!(cursor.text(), None);
        for bytes in [&b""[..], b"\xff", b"\xfc\x01", b"\xfd\x01\x00", b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff"] {
            assert_eq!(Cursor(bytes).text(), None, "{bytes:?}");
        }
        assert_eq!(Cursor(b"\xfb").value(), Some(None));
        assert_eq!(Cursor(b"\xfc\x02\x00ab").value(), Some(Some(&b"ab"[..])));
        assert_eq!(Cursor(b"ab\0c").until_nul(), b"ab");
    }

    #[test]
    fn what_a_header_announces_is_not_believed() {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(headers());
    }

    async fn headers() {
        let (mut server, client) = tokio::io::duplex(1 << 20);
        server.write_all(b"\xff\xff\xff\x00abc").await.unwrap();
        drop(server);
        let mut packets = Packets::new(client);
        assert!(matches!(packets.read(1 << 30).await, Err(WireError::Io(_))));
        let (mut server, client) = tokio::io::duplex(1 << 20);
        server.write_all(b"\xff\xff\xff\x00abc").await.unwrap();
        assert!(matches!(Packets::new(client).read(1 << 20).await, Err(WireError::TooLong(_))));
        let (mut server, client) = tokio::io::duplex(1 << 20);
        server.write_all(b"\x01\x00\x00\x07a").await.unwrap();
        assert!(matches!(Packets::new(client).read(1 << 20).await, Err(WireError::Protocol(_))));
    }
}
