//! Calls that delete rows, as the bytes of a file show them: which class the chain before `.delete` begins with.

/// How far before a method its receiver is looked for.
const FARTHEST: usize = 4 << 10;

/// The receiver of a deletion.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Receiver<'t> {
    /// A chain that begins with this name, which is written as a class is.
    Class(&'t [u8]),
    /// Anything else.
    Other,
}

/// The receiver of the method `delete` or `adelete` at `start..end` of a text; `None` where the word is not called as on
/// a row or a queryset, nor handed on as a method.
pub(super) fn deletion(text: &[u8], start: usize, end: usize) -> Option<Receiver<'_>> {
    if !matches!(text.get(start..end)?, b"delete" | b"adelete") || !deletes(text.get(end..)?) {
        return None;
    }
    let before = text.get(start.saturating_sub(FARTHEST)..start)?;
    let root = root(receiver(before)?);
    let class = root.first().is_some_and(u8::is_ascii_uppercase);
    Some(if class { Receiver::Class(root) } else { Receiver::Other })
}

/// What stands before the dot of a method.
fn receiver(before: &[u8]) -> Option<&[u8]> {
    trimmed(before).strip_suffix(b".")
}

/// Whether what stands behind `delete` calls it as on a row or a queryset, or hands the method on: not with a positional
/// argument, as the methods of HTTP clients and caches are called.
fn deletes(behind: &[u8]) -> bool {
    if behind.first().is_some_and(|byte| inside_word(*byte) || matches!(byte, b'\'' | b'"' | b'`')) {
        return false;
    }
    let mut rest = behind.iter().copied().skip_while(|byte| blank(*byte));
    if rest.next() != Some(b'(') {
        return true;
    }
    let mut inside = rest.skip_while(|byte| blank(*byte));
    match inside.next() {
        // A comment may stand before the bracket that closes.
        Some(b')' | b'#' | b'*') | None => true,
        // `keep_parents=True`
        Some(first) if first.is_ascii_alphabetic() => inside.find(|byte| !inside_word(*byte)) == Some(b'='),
        _ => false,
    }
}

/// The name with which a chain of attributes, calls and subscripts begins; empty where it begins with something else.
fn root(chain: &[u8]) -> &[u8] {
    let mut rest = trimmed(chain);
    loop {
        match rest.last() {
            Some(b')' | b']') => match before_bracket(rest) {
                Some(before) => rest = trimmed(before),
                None => return &[],
            },
            Some(byte) if inside_word(*byte) => {
                let start = rest.iter().rposition(|byte| !inside_word(*byte)).map_or(0, |at| at + 1);
                let (before, word) = rest.split_at(start);
                match receiver(before) {
                    Some(outer) => rest = trimmed(outer),
                    None => return word,
                }
            }
            _ => return &[],
        }
    }
}

/// What stands before the bracket that the last byte closes.
fn before_bracket(text: &[u8]) -> Option<&[u8]> {
    let mut depth = 0_usize;
    let mut quoted: Option<u8> = None;
    for (at, byte) in text.iter().enumerate().rev() {
        match (quoted, byte) {
            (Some(quote), byte) => quoted = Some(quote).filter(|quote| quote != byte),
            (None, b'\'' | b'"') => quoted = Some(*byte),
            (None, b')' | b']' | b'}') => depth += 1,
            (None, b'(' | b'[' | b'{') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return text.get(..at);
                }
            }
            _ => {}
        }
    }
    None
}

fn trimmed(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !blank(*byte)).map_or(0, |at| at + 1);
    text.get(..end).unwrap_or_default()
}

fn blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\\'
}

fn inside_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The receivers of a text.
    fn receivers(text: &str) -> Vec<Receiver<'_>> {
        let deletions = ["delete", "adelete"].into_iter().flat_map(|word| {
            let ends = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let found = text.match_indices(word).filter(move |(at, _)| ends(*at));
            found.filter_map(move |(at, _)| deletion(text.as_bytes(), at, at + word.len()))
        });
        deletions.collect()
    }

    #[test]
    fn deletions_of_rows_are_told_from_those_of_clients() {
        for text in [
            "user.delete()",
            "await user.adelete()",
            "rows.filter(x=1)\n    .delete()",
            "rows.delete( )",
            "rows.delete (\n)",
            "rows.delete(keep_parents=True)",
            "on_commit(user.delete)",
            "wipe = user.delete\n",
            "row \\\n .delete()",
            "rows.delete(  # now\n)",
            "row.delete(**options)",
            "get(Row).delete()",
        ] {
            assert_eq!(receivers(text), [Receiver::Other], "{text}");
        }
        for text in [
            "client.delete(url)",
            "cache.delete('key')",
            "def delete(self):",
            "x.deleted",
            "delete()",
            "x.delete_all()",
            "patch('app.User.delete')",
        ] {
            assert_eq!(receivers(text), [], "{text}");
        }
    }

    #[test]
    fn the_class_of_a_deletion_begins_its_chain() {
        for (text, class) in [
            ("User.objects.filter(name=')').delete()", "User"),
            ("Row.objects.filter(name=')(').delete()", "Row"),
            ("Row.objects.filter(user=User.objects.get()).delete()", "Row"),
            ("(Row.objects\n  .filter(user=user)\n  .delete())", "Row"),
        ] {
            assert_eq!(receivers(text), [Receiver::Class(class.as_bytes())], "{text}");
        }
    }

    #[test]
    fn a_receiver_that_begins_far_away_is_any() {
        let text = format!("Row.objects.filter(name='{}').delete()", "x".repeat(FARTHEST));
        assert_eq!(receivers(&text), [Receiver::Other]);
    }
}
