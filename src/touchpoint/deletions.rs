//! Files that may delete rows of a model from which a deletion cascades to the target. They need not name the target.

use std::collections::BTreeSet;

use compact_str::CompactString;

use super::models::GET_USER_MODEL;
use super::neighbours::Neighbourhood;
use crate::discover::word_hash;
use crate::project::Project;
use crate::source::FileId;

/// The methods that delete rows.
const DELETE: [&str; 2] = ["delete", "adelete"];

/// The files that name a model from which a deletion cascades to the target, and delete rows. `files_with_any` gives the
/// Python files that hold one of the words, in any case of letters.
pub(super) fn deleting(
    project: &Project,
    around: &Neighbourhood<'_>,
    files_with_any: &dyn Fn(&BTreeSet<CompactString>) -> Vec<FileId>,
) -> Vec<FileId> {
    let sources = around.nodes.iter().enumerate().filter(|(node, _)| around.cascade(*node).is_some());
    let mut names: BTreeSet<CompactString> = sources.map(|(_, node)| node.class.name.name.clone()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    if around.user.is_some_and(|user| around.cascade(user).is_some()) {
        names.insert(GET_USER_MODEL.into());
    }
    let delete = DELETE.map(word_hash);
    let mut files = files_with_any(&names);
    files.retain(|file| delete.iter().any(|word| project.discovery.entry(*file).words.has(*word)));
    files.retain(|file| project.discovery.look(*file, |bytes| may_delete(bytes, &names)).unwrap_or(false));
    files
}

/// Whether a text names one of the models, in its own case of letters, and calls a method that deletes rows, on
/// something that does not begin with the name of another class.
fn may_delete(bytes: &[u8], names: &BTreeSet<CompactString>) -> bool {
    if !names.iter().any(|name| holds_word(bytes, name)) {
        return false;
    }
    let renamed = names.iter().any(|name| holds_word(bytes, &format!("{name} as")));
    memchr::memmem::find_iter(bytes, b"delete").any(|at| {
        let before = bytes.get(..at).unwrap_or_default();
        let Some(receiver) = receiver(before.strip_suffix(b"a").unwrap_or(before)) else { return false };
        let root = root(receiver);
        let other = root.first().is_some_and(u8::is_ascii_uppercase)
            && !renamed
            && !names.iter().any(|name| name.as_bytes() == root);
        !other && deletes(bytes.get(at + b"delete".len()..).unwrap_or_default())
    })
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

/// Whether a text holds a word, in its own case of letters.
fn holds_word(bytes: &[u8], word: &str) -> bool {
    memchr::memmem::find_iter(bytes, word.as_bytes()).any(|at| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        !before.is_some_and(|byte| inside_word(*byte))
            && !bytes.get(at + word.len()).is_some_and(|byte| inside_word(*byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(text: &str) -> bool {
        may_delete(format!("import User, Row\n{text}").as_bytes(), &BTreeSet::from(["User".into()]))
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
            "User.objects.filter(name=')').delete()",
            "get(Row).delete()",
        ] {
            assert!(may(text), "{text}");
        }
        for text in [
            "client.delete(url)",
            "cache.delete('key')",
            "def delete(self):",
            "x.deleted",
            "delete()",
            "x.delete_all()",
            "patch('app.User.delete')",
            "Row.objects.filter(name=')(').delete()",
            "Row.objects.filter(user=User.objects.get()).delete()",
            "(Row.objects\n  .filter(user=user)\n  .delete())",
        ] {
            assert!(!may(text), "{text}");
        }
        assert!(may_delete(b"from a import User as U\nU.objects.get().delete()", &BTreeSet::from(["User".into()])));
        assert!(!may_delete(b"user.delete()", &BTreeSet::from(["User".into()])));
    }
}
