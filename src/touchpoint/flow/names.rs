//! Names within texts and dotted paths.

use compact_str::CompactString;

/// Whether a text names a sequence of a table.
pub(super) fn names_sequence(text: &str, table: &str) -> bool {
    sequences(table).iter().any(|sequence| contains_word(text, sequence))
}

/// The sequences that give a table's ids on PostgreSQL or Oracle, under Django's name or by hand.
pub(super) fn sequences(table: &str) -> [String; 2] {
    [format!("{table}_id_seq"), format!("{table}_seq")]
}

/// Whether `text` holds `word` between characters that are no part of a name, in any case of letters.
pub(super) fn contains_word(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(&word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(name) && !text[at + word.len()..].chars().next().is_some_and(name)
    })
}

/// Whether a class of this name is a manager or a queryset, by Django's convention.
pub(super) fn is_manager_name(dotted: &str) -> bool {
    let last = dotted.rsplit('.').next().unwrap_or(dotted);
    last.ends_with("Manager") || last.ends_with("QuerySet") || last == "as_manager"
}

/// The last segment of a dotted name.
pub(super) fn last_segment(dotted: &CompactString) -> &str {
    dotted.rsplit('.').next().unwrap_or(dotted)
}
