//! What a finding is, as a short stable word: the same before and after lines are moved and files are renamed.

use std::fmt::Write;

use md5::{Digest, Md5};
use rustc_hash::FxHashMap;

/// Makes fingerprints, and numbers those that would be equal, in the order in which they are asked for.
#[derive(Default)]
pub(super) struct Fingerprints {
    seen: FxHashMap<[u8; 16], u32>,
}

impl Fingerprints {
    /// The fingerprint of a thing made of these parts.
    ///
    /// Parts are kept apart by their length, so that no two lists of parts run into the same bytes.
    pub(super) fn next(&mut self, parts: &[&str]) -> String {
        let mut base = Md5::new();
        for part in parts {
            base.update((part.len() as u64).to_le_bytes());
            base.update(part.as_bytes());
        }
        let base: [u8; 16] = base.finalize().into();
        let ordinal = self.seen.entry(base).or_default();
        let mut whole = Md5::new();
        whole.update(base);
        whole.update(ordinal.to_le_bytes());
        *ordinal += 1;
        whole.finalize().iter().fold(String::with_capacity(32), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// A line's text without blanks, so that a formatter's run changes nothing.
pub(super) fn normalise(text: &str) -> String {
    text.split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_things_are_numbered_and_parts_are_kept_apart() {
        let mut prints = Fingerprints::default();
        let first = prints.next(&["query", "a.B", "x"]);
        let second = prints.next(&["query", "a.B", "x"]);
        let other = prints.next(&["query", "a.Bx", ""]);
        assert_ne!(first, second);
        assert_ne!(first, other);
        let mut again = Fingerprints::default();
        assert_eq!(again.next(&["query", "a.B", "x"]), first);
        // The value is part of the promise: baselines hold it.
        assert_eq!(first.len(), 32);
    }
}
