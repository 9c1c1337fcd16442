//! Same-length changes to the text that the grammar reads, for what it does not know.
//!
//! Spans stay valid, and everything that is shown or decoded comes from the original text.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memmem};

/// A text for the grammar, and what the changes stand for.
#[derive(Debug, Default)]
pub(super) struct Patches {
    /// Opening brackets that are backticks, sorted.
    pub(super) reprs: Vec<u32>,
    /// `del` statements that are `exec`, sorted.
    pub(super) execs: Vec<u32>,
}

/// More indentations than this overrun the fixed buffer in which the grammar's scanner keeps them. Python stops
/// at 100.
const MAX_INDENTS: usize = 350;

/// Changes that any text may need before it is parsed at all.
pub(super) fn prepare(text: &str) -> (Cow<'_, str>, Patches) {
    let mut patched = Patched { text: Cow::Borrowed(text), patches: Patches::default() };
    patched.line_endings();
    patched.indentation();
    if memchr(b'`', text.as_bytes()).is_some() {
        patched.backticks();
    }
    (patched.text, patched.patches)
}

/// Words that were names, or could be attributes, when Python 2 read them; the grammar holds them for keywords.
const LATER_KEYWORDS: [&str; 6] = ["async", "await", "nonlocal", "True", "False", "None"];

/// Changes for a text that did not parse: forms of Python 2 that the grammar does not know. `exec` with any
/// expression becomes `del`; a name that is a keyword today becomes another name.
pub(super) fn python2(text: &str) -> Option<(String, Vec<u32>)> {
    let mut bytes = text.as_bytes().to_vec();
    let mut execs = Vec::new();
    let mut statement = true;
    let mut dot = false;
    let mut changed = false;
    scan(text, |at, token| {
        let Token::Name(word) = token else {
            statement = matches!(token, Token::Newline | Token::Other(b':' | b';'));
            dot = matches!(token, Token::Other(b'.'));
            return;
        };
        let next = text[at + word.len()..].trim_start_matches([' ', '\t']).bytes().next();
        // Such a name has an operator or nothing behind it, where the keyword has an expression or a statement.
        let name =
            dot || matches!(word, "async" | "await") && matches!(next, Some(b'=' | b',' | b')' | b':' | b'.' | b'\n'));
        if statement && word == "exec" && text[at..].starts_with("exec ") {
            bytes[at..at + 4].copy_from_slice(b"del ");
            execs.push(offset(at));
        } else if name && LATER_KEYWORDS.contains(&word) {
            bytes[at + word.len() - 1] = b'_';
            changed = true;
        }
        statement = false;
        dot = false;
    });
    if execs.is_empty() && !changed {
        return None;
    }
    String::from_utf8(bytes).ok().map(|text| (text, execs))
}

/// Words that begin a statement and never a line inside brackets.
const STATEMENTS: [&str; 11] =
    ["class", "def", "import", "return", "while", "try", "with", "raise", "assert", "pass", "del"];

/// Changes for a text that did not parse: a bracket that is still open where a statement begins was never closed,
/// and would take all that follows with it. It becomes a blank; the places are given.
pub(super) fn unclosed(text: &str) -> Option<(String, Vec<u32>)> {
    let mut open = Vec::new();
    let mut lost = Vec::new();
    let mut line_start = true;
    scan(text, |at, token| {
        match token {
            Token::Name(word) if line_start && STATEMENTS.contains(&word) => lost.append(&mut open),
            Token::Other(b'(' | b'[' | b'{') => open.push(at),
            Token::Other(b')' | b']' | b'}') => drop(open.pop()),
            _ => {}
        }
        line_start = matches!(token, Token::Newline);
    });
    if lost.is_empty() {
        return None;
    }
    let mut bytes = text.as_bytes().to_vec();
    for &at in &lost {
        bytes[at] = b' ';
    }
    let lost = lost.into_iter().map(offset).collect();
    String::from_utf8(bytes).ok().map(|text| (text, lost))
}

/// Whether the indentation nests deeper than the grammar's scanner can bear.
pub(super) fn indents_too_deep(text: &str) -> bool {
    let mut stack: Vec<usize> = Vec::new();
    let mut deepest = 0;
    let bytes = text.as_bytes();
    for start in std::iter::once(0).chain(memchr_iter(b'\n', bytes).map(|at| at + 1)) {
        let blank = bytes[start..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        if matches!(bytes.get(start + blank), None | Some(b'\n' | b'\r' | b'#')) {
            continue;
        }
        while stack.last().is_some_and(|&top| top >= blank) {
            stack.pop();
        }
        if blank > 0 {
            stack.push(blank);
            deepest = deepest.max(stack.len());
        }
    }
    deepest > MAX_INDENTS
}

struct Patched<'t> {
    text: Cow<'t, str>,
    patches: Patches,
}

impl Patched<'_> {
    /// Replaces bytes by others of the same length; all of them ASCII, so that the text stays UTF-8.
    fn replace(&mut self, changes: impl IntoIterator<Item = (usize, u8)>) {
        let mut bytes = std::mem::take(&mut self.text).into_owned().into_bytes();
        for (at, byte) in changes {
            if let Some(slot) = bytes.get_mut(at)
                && slot.is_ascii()
            {
                *slot = byte;
            }
        }
        // Only ASCII replaced ASCII: nothing is lost here.
        self.text = Cow::Owned(match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        });
    }

    /// The grammar knows no line that ends with a lone carriage return.
    fn line_endings(&mut self) {
        let bytes = self.text.as_bytes();
        let lone: Vec<_> =
            memchr_iter(b'\r', bytes).filter(|&at| bytes.get(at + 1) != Some(&b'\n')).map(|at| (at, b'\n')).collect();
        if !lone.is_empty() {
            self.replace(lone);
        }
    }

    /// Python's tabs go to the next multiple of eight, the grammar's are eight wide. A form feed sets its count
    /// back to nothing, so that form feeds and tabs of the same number of bytes can say the same width.
    fn indentation(&mut self) {
        let bytes = self.text.as_bytes();
        if memmem::find(bytes, b" \t").is_none() {
            return;
        }
        let mut changes = Vec::new();
        for at in memmem::find_iter(bytes, b" \t") {
            let start = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |end| end + 1);
            if changes.last().is_some_and(|&(last, _)| last >= start) {
                continue;
            }
            let length = bytes[start..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            let Some(last_tab) = memchr::memrchr(b'\t', &bytes[start..start + length]) else { continue };
            if start + length <= at {
                continue;
            }
            let run = last_tab + 1;
            let width = bytes[start..start + run]
                .iter()
                .fold(0, |width, &b| if b == b'\t' { width / 8 * 8 + 8 } else { width + 1 });
            let tabs = width / 8;
            changes.extend((0..run).map(|i| (start + i, if i < run - tabs { b'\x0c' } else { b'\t' })));
        }
        if !changes.is_empty() {
            self.replace(changes);
        }
    }

    /// The grammar takes Python 2's backticks for quotes.
    fn backticks(&mut self) {
        let mut changes = Vec::new();
        let mut open = None;
        scan(&self.text, |at, token| match token {
            Token::Other(b'`') => match open.take() {
                None => open = Some(at),
                Some(start) => changes.extend([(start, b'('), (at, b')')]),
            },
            // A backtick without its partner says nothing about the lines that follow.
            Token::Newline => open = None,
            _ => {}
        });
        self.patches.reprs = changes.iter().step_by(2).map(|&(at, _)| offset(at)).collect();
        if !changes.is_empty() {
            self.replace(changes);
        }
    }
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

enum Token<'t> {
    /// A name or a number.
    Name(&'t str),
    /// The end of a line.
    Newline,
    /// Any other byte that is neither blank nor in a string or comment.
    Other(u8),
}

/// Tells the tokens outside of strings and comments: enough to find what the grammar does not know.
fn scan<'t>(text: &'t str, mut tell: impl FnMut(usize, Token<'t>)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'#' => at = memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end),
            b'\'' | b'"' => {
                tell(at, Token::Other(byte));
                at = string_end(bytes, at);
            }
            b'\n' => {
                tell(at, Token::Newline);
                at += 1;
            }
            b'\\' => at += 2,
            byte if byte == b'_' || byte.is_ascii_alphanumeric() || !byte.is_ascii() => {
                let rest = &bytes[at..];
                let length =
                    rest.iter().take_while(|&&b| b == b'_' || b.is_ascii_alphanumeric() || !b.is_ascii()).count();
                tell(at, Token::Name(text.get(at..at + length).unwrap_or("")));
                at += length;
            }
            byte => {
                if !byte.is_ascii_whitespace() {
                    tell(at, Token::Other(byte));
                }
                at += 1;
            }
        }
    }
}

/// Where the string that opens at `at` ends. Prefixes do not matter: a backslash keeps the quote after it in all.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let triple = bytes[at..].starts_with(&[quote; 3]);
    let mut at = at + if triple { 3 } else { 1 };
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'\n' if !triple => return at,
            byte if byte == quote && !triple => return at + 1,
            byte if byte == quote && bytes[at..].starts_with(&[quote; 3]) => return at + 3,
            _ => {}
        }
        at += 1;
    }
    at.min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_text_is_not_copied() {
        assert!(matches!(prepare("x = '`'\r\n# `\n\t \tx\n").0, Cow::Owned(_)));
        assert!(matches!(prepare("x = 1\r\n\ty = ' \\t'\n").0, Cow::Borrowed(_)));
        assert!(matches!(prepare("'''`a` `'''\nx = '`' # `x`\n").0, Cow::Borrowed(_)));
    }

    #[test]
    fn backticks_become_brackets() {
        let (text, patches) = prepare("x = `a, 'b`'` + '`' + `c`\n`\ny`\n");
        assert_eq!(text, "x = (a, 'b`') + '`' + (c)\n`\ny`\n");
        assert_eq!(patches.reprs, [4, 22]);
    }

    #[test]
    fn tabs_go_to_multiples_of_eight() {
        assert_eq!(prepare("if x:\n    \ty\n \t  z # \t\n").0, "if x:\n\x0c\x0c\x0c\x0c\ty\n\x0c\t  z # \t\n");
        assert_eq!(prepare("         \ty").0, "\x0c\x0c\x0c\x0c\x0c\x0c\x0c\x0c\t\ty");
        assert_eq!(prepare("x = 1 \t# c\n").0, "x = 1 \t# c\n");
        assert_eq!(prepare("\t\tx\n").0, "\t\tx\n");
    }

    #[test]
    fn exec_becomes_del() {
        let (text, execs) = python2("exec a.b in c\nx = 'exec '\nif x: exec y(1)\nexec(z)\n").unwrap();
        assert_eq!(text, "del  a.b in c\nx = 'exec '\nif x: del  y(1)\nexec(z)\n");
        assert_eq!(execs, [0, 32]);
    }

    #[test]
    fn unclosed_brackets_become_blanks() {
        let (text, lost) = unclosed("x = f(a, [b)\ndef g(c):\n    (d,\n    e)\n").unwrap();
        assert_eq!(text, "x = f a, [b)\ndef g(c):\n    (d,\n    e)\n");
        assert_eq!(lost, [5]);
        assert!(unclosed("f(a,\n  b)\nclass A: pass\n").is_none());
    }

    #[test]
    fn deep_indentation_is_seen() {
        let nest = |n: usize| (0..n).map(|i| format!("{}if x:\n", " ".repeat(i))).collect::<String>();
        assert!(!indents_too_deep(&nest(300)));
        assert!(indents_too_deep(&nest(400)));
    }
}
