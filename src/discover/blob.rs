//! The names that git gives to contents.

use sha1::{Digest as _, Sha1};

/// The name that git gives the content of a file, in a repository of SHA-1 objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlobId([u8; 20]);

impl BlobId {
    /// The name of these bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut hash = Sha1::new();
        hash.update(format!("blob {}\0", bytes.len()));
        hash.update(bytes);
        Self(hash.finalize().into())
    }

    /// Whether git calls the same object so.
    pub(super) fn is(&self, object: &str) -> bool {
        let hex = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
        self.0.iter().flat_map(|byte| [hex(byte >> 4), hex(byte & 15)]).eq(object.chars())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_has_gits_name() {
        // `git hash-object`
        assert!(BlobId::of(b"").is("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"));
        assert!(BlobId::of(b"hello\n").is("ce013625030ba8dba906f756967f9e9ca394464a"));
        assert!(!BlobId::of(b"hello").is("ce013625030ba8dba906f756967f9e9ca394464a"));
    }
}
