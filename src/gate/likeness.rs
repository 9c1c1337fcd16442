//! The text of a touchpoint's statement, and how alike two of them are.
//!
//! Formatting does not count: blanks, line breaks, comments, kinds of quotes, parentheses and trailing commas are not
//! compared, words are. Words that every use of a model has (`objects`, `return`, `self`, the model's own name) say
//! nothing about which use it is, so that likeness is measured on the others.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

/// Longer statements are cut: what is alike for so long is alike.
const MAX_CHARS: usize = 2_000;

/// Python's keywords and the names that stand in most uses of a model.
const GENERIC: [&str; 43] = [
    "and", "as", "assert", "async", "await", "class", "cls", "def", "del", "elif", "else", "except", "exec", "False",
    "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "models", "None", "nonlocal", "not",
    "objects", "or", "pass", "print", "raise", "return", "self", "True", "try", "while", "with", "yield", "continue",
    "break", "result", "rows",
];

/// A statement with one form for all of its formattings.
pub(super) fn canonical(text: &str, is_python: bool) -> String {
    let mut out = String::with_capacity(text.len().min(MAX_CHARS * 4));
    let mut chars = text.chars().peekable();
    let mut is_apart = false;
    let mut written = 0;
    while let Some(c) = chars.next() {
        if written >= MAX_CHARS {
            out.push('…');
            break;
        }
        let before = out.len();
        match c {
            c if c.is_whitespace() => is_apart = true,
            '\\' if is_python && matches!(chars.peek(), Some('\n' | '\r')) => is_apart = true,
            '#' if is_python => {
                while chars.next_if(|c| *c != '\n').is_some() {}
                is_apart = true;
            }
            '"' | '\'' if is_python => {
                if !is_apart {
                    drop_prefix(&mut out);
                }
                let before = out.len();
                separate(&mut out, is_apart);
                string(&mut chars, c, &mut out, MAX_CHARS.saturating_sub(written));
                written += out[before.min(out.len())..].chars().count();
                is_apart = false;
                continue;
            }
            ')' | ']' | '}' => {
                if out.ends_with(',') {
                    out.pop();
                }
                out.push(c);
                is_apart = false;
            }
            c => {
                if is_word(c) {
                    separate(&mut out, is_apart);
                }
                out.push(c);
                is_apart = false;
            }
        }
        written += out.get(before..).map_or(0, |new| new.chars().count());
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A blank where two words or strings would run together.
fn separate(out: &mut String, is_apart: bool) {
    if is_apart && out.ends_with(|c| is_word(c) || c == '"') {
        out.push(' ');
    }
}

/// Removes `u`, `b`, `r` and `f` from before a string.
fn drop_prefix(out: &mut String) {
    let start = out.rfind(|c| !is_word(c)).map_or(0, |at| at + out[at..].chars().next().map_or(1, char::len_utf8));
    let prefix = &out[start..];
    if !prefix.is_empty() && prefix.len() <= 2 && prefix.chars().all(|c| "uUbBrRfFtT".contains(c)) {
        out.truncate(start);
    }
}

/// The rest of a string literal, on one line and in double quotes.
fn string(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char, out: &mut String, room: usize) {
    let mut ahead = chars.clone();
    let is_triple = ahead.next() == Some(quote) && ahead.next() == Some(quote);
    if is_triple {
        *chars = ahead;
    }
    out.push('"');
    let (mut quotes, mut is_blank, mut written) = (0, false, 0);
    while let Some(c) = chars.next() {
        if c == quote {
            quotes += 1;
            if !is_triple || quotes == 3 {
                break;
            }
            continue;
        }
        for _ in 0..std::mem::take(&mut quotes) {
            out.push(quote);
        }
        let mut put = |c: char| {
            if written < room {
                out.push(c);
            }
            written += 1;
        };
        match c {
            c if c.is_whitespace() => {
                if !std::mem::replace(&mut is_blank, true) {
                    put(' ');
                }
                continue;
            }
            '\\' => {
                // An escaped line break is a blank of the literal's layout.
                match chars.next() {
                    Some('\n') | None => {}
                    Some(escaped) => {
                        put('\\');
                        put(escaped);
                    }
                }
            }
            c => put(c),
        }
        is_blank = false;
    }
    out.push('"');
}

/// What is compared of a statement.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// The hash of all words in their order.
    pub all: u64,
    /// The hashes of the words that say which use it is, sorted.
    telling: Vec<u64>,
}

impl Words {
    /// The words of a canonical statement in which a model is named `symbol`.
    pub(super) fn of(statement: &str, symbol: &str) -> Self {
        let mut all = FxHasher::default();
        let mut telling = Vec::new();
        for word in statement.split(|c| !is_word(c)).filter(|word| !word.is_empty()) {
            word.hash(&mut all);
            if word != symbol && !GENERIC.contains(&word) {
                let mut one = FxHasher::default();
                word.hash(&mut one);
                telling.push(one.finish());
            }
        }
        telling.sort_unstable();
        Self { all: all.finish(), telling }
    }

    /// How many words say which use it is.
    pub(super) fn telling(&self) -> usize {
        self.telling.len()
    }

    /// The hashes of those words, sorted.
    pub(super) fn hashes(&self) -> &[u64] {
        &self.telling
    }

    /// From 0, nothing in common, to 1, the same words: the Sørensen–Dice coefficient.
    pub(super) fn likeness(&self, other: &Self) -> f64 {
        let both = self.telling.len() + other.telling.len();
        if both == 0 {
            return 1.0;
        }
        count(2 * self.shared(other)) / count(both)
    }

    /// The part of these words that the other statement has as well.
    pub(super) fn share_in(&self, other: &Self) -> f64 {
        if self.telling.is_empty() {
            return 0.0;
        }
        count(self.shared(other)) / count(self.telling.len())
    }

    fn shared(&self, other: &Self) -> usize {
        let (mut a, mut b) = (self.telling.iter().peekable(), other.telling.iter().peekable());
        let mut shared = 0;
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            match x.cmp(y) {
                std::cmp::Ordering::Less => drop(a.next()),
                std::cmp::Ordering::Greater => drop(b.next()),
                std::cmp::Ordering::Equal => {
                    shared += 1;
                    a.next();
                    b.next();
                }
            }
        }
        shared
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formatting_does_not_count() {
        let one = "rows = Order.objects.filter(state=\"open\", note=\"a b\").count()";
        for other in [
            "rows = (\n    Order.objects  # all of them\n    .filter(\n        state='open',\n        note=u'a b',\n    )\n    .count()\n)",
            "rows=Order . objects \\\r\n .filter( state = 'open' , note = \"\"\"a\r\n   b\"\"\", ).count( )",
        ] {
            let (a, b) = (canonical(one, true), canonical(other, true));
            assert_eq!(Words::of(&a, "Order").all, Words::of(&b, "Order").all, "{a}\n{b}");
        }
        assert_eq!(canonical(one, true), "rows=Order.objects.filter(state=\"open\",note=\"a b\").count()");
        assert_eq!(
            canonical("execute('''\n  SELECT  '#'\n  FROM t''', [x,])", true),
            "execute(\" SELECT '#' FROM t\",[x])"
        );
        assert_eq!(canonical("DELETE\n  FROM t -- '", false), "DELETE FROM t--'");
        assert_eq!(canonical("return b'x' if buf'x' else rb\"x\"", true), "return \"x\" if buf\"x\" else \"x\"");
    }

    #[test]
    fn likeness_is_that_of_the_words_that_matter() {
        let words = |text: &str| Words::of(&canonical(text, true), "Order");
        let open = words("return Order.objects.filter(state='open').count()");
        assert!(open.likeness(&words("rows = Order.objects.filter(state='open').count()")) > 0.99);
        assert!(open.likeness(&words("return Order.objects.filter(state='open', paid=True).count()")) > 0.8);
        assert!(open.likeness(&words("return Order.objects.filter(month=month).count()")) < 0.6);
        assert!(open.likeness(&words("return Order.objects.values('month').annotate(n=Count('id'))")) < 0.2);
        assert!(words("return Order").likeness(&words("return Order.objects")) > 0.99);
    }

    #[test]
    fn a_long_statement_is_cut() {
        let long = format!("execute('{}')", "word ".repeat(10_000));
        assert!(canonical(&long, true).chars().count() < MAX_CHARS + 20);
        let long = format!("f({})", "word, ".repeat(10_000));
        assert!(canonical(&long, true).ends_with('…'));
    }
}
