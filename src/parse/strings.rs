//! String literals: prefixes, quotes and escapes.

/// What the prefix and the quotes of a literal say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Literal {
    /// Bytes before the content: prefix and opening quotes.
    pub(super) open: usize,
    /// Bytes of the closing quotes.
    pub(super) close: usize,
    /// `r''`: backslashes are text.
    pub(super) raw: bool,
    /// `b''`.
    pub(super) bytes: bool,
    /// `f''` or `t''`: has holes.
    pub(super) format: bool,
    /// `u''`: in Python 2, `ur''` still knows `\u`.
    pub(super) unicode: bool,
}

impl Literal {
    /// Reads the opening and closing of a whole literal; `None` when it does not begin like one.
    pub(super) fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let mut literal = Self::default();
        let mut at = 0;
        loop {
            match bytes.get(at)? {
                b'r' | b'R' => literal.raw = true,
                b'b' | b'B' => literal.bytes = true,
                b'f' | b'F' | b't' | b'T' => literal.format = true,
                b'u' | b'U' => literal.unicode = true,
                b'\'' | b'"' => break,
                _ => return None,
            }
            at += 1;
        }
        let quote = bytes[at];
        let triple = bytes[at..].starts_with(&[quote; 3]);
        let quotes = if triple { 3 } else { 1 };
        literal.open = at + quotes;
        // A literal that was never closed has no closing quotes to leave out.
        let content = &bytes[literal.open..];
        literal.close = if content.len() >= quotes && content.ends_with(&[quote; 3][..quotes]) { quotes } else { 0 };
        Some(literal)
    }

    /// Appends the value of `text`, a part of the literal's content.
    pub(super) fn decode(self, text: &str, out: &mut String) {
        let bytes = text.as_bytes();
        if memchr::memchr2(b'\\', b'\r', bytes).is_none()
            && !(self.format && memchr::memchr2(b'{', b'}', bytes).is_some())
        {
            out.push_str(text);
            return;
        }
        let mut rest = text;
        while let Some(at) = rest.find(['\\', '\r', '{', '}']) {
            out.push_str(&rest[..at]);
            let special = rest.as_bytes()[at];
            rest = &rest[at + 1..];
            match special {
                // Python reads every line ending as `\n`.
                b'\r' => {
                    rest = rest.strip_prefix('\n').unwrap_or(rest);
                    out.push('\n');
                }
                b'\\' if self.raw && !(self.unicode && rest.starts_with(['u', 'U'])) => out.push('\\'),
                b'\\' => rest = self.escape(rest, out),
                brace => {
                    let brace = char::from(brace);
                    out.push(brace);
                    if self.format {
                        rest = rest.strip_prefix(brace).unwrap_or(rest);
                    }
                }
            }
        }
        out.push_str(rest);
    }

    /// Decodes what follows a backslash and returns what follows the escape.
    fn escape<'t>(self, rest: &'t str, out: &mut String) -> &'t str {
        let Some(first) = rest.chars().next() else {
            out.push('\\');
            return rest;
        };
        let after = &rest[first.len_utf8()..];
        let plain = match first {
            '\n' => return after,
            '\r' => return after.strip_prefix('\n').unwrap_or(after),
            '\\' | '\'' | '"' => first,
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '0'..='7' => {
                let length = rest.bytes().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
                out.push(u32::from_str_radix(&rest[..length], 8).ok().and_then(char::from_u32).unwrap_or('\u{fffd}'));
                return &rest[length..];
            }
            'x' => return hex(after, 2, first, out),
            'u' if !self.bytes => return hex(after, 4, first, out),
            'U' if !self.bytes => return hex(after, 8, first, out),
            // Without the table of Unicode's names `\N{…}` stands for itself; names of models have none.
            _ => {
                out.push('\\');
                first
            }
        };
        out.push(plain);
        after
    }
}

/// Decodes `digits` hexadecimal digits, or keeps the text when they are not there.
fn hex<'t>(text: &'t str, digits: usize, letter: char, out: &mut String) -> &'t str {
    let Some(code) = hex_value(text, digits) else {
        out.push('\\');
        out.push(letter);
        return text;
    };
    let after = &text[digits..];
    // Old sources write a character beyond U+FFFF as two halves.
    if (0xd800..0xdc00).contains(&code)
        && let Some(low) = after.strip_prefix("\\u").and_then(|low| hex_value(low, 4))
        && (0xdc00..0xe000).contains(&low)
    {
        out.push(char::from_u32(0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)).unwrap_or('\u{fffd}'));
        return &after[6..];
    }
    out.push(char::from_u32(code).unwrap_or('\u{fffd}'));
    after
}

fn hex_value(text: &str, digits: usize) -> Option<u32> {
    let text = text.get(..digits)?;
    if text.bytes().all(|b| b.is_ascii_hexdigit()) { u32::from_str_radix(text, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(literal: &str) -> String {
        let read = Literal::read(literal).unwrap();
        let mut out = String::new();
        read.decode(&literal[read.open..literal.len() - read.close], &mut out);
        out
    }

    #[test]
    fn escapes() {
        assert_eq!(value(r"'a\n\t\x41\u00e9\U0001F600\101\0'"), "a\n\tAé😀A\0");
        assert_eq!(value(r"'\q\'\N{BULLET}\xz'"), r"\q'\N{BULLET}\xz");
        assert_eq!(value(r"r'a\n'"), r"a\n");
        assert_eq!(value(r"ur'\n\u0041'"), r"\nA");
        assert_eq!(value(r"b'\xff\u0041'"), "\u{ff}\\u0041");
        assert_eq!(value(r"u'\ud83d\ude00 \ud83d'"), "😀 \u{fffd}");
        assert_eq!(value("'''a\r\nb\rc'''"), "a\nb\nc");
        assert_eq!(value("'a\\\nb\\\r\nc'"), "abc");
        assert_eq!(value("f'{{x}}'"), "{x}");
        assert_eq!(value("'{{x}}\\\\'"), "{{x}}\\");
        assert_eq!(value("'é\\é'"), "é\\é");
    }

    #[test]
    fn quotes() {
        let read = |text| Literal::read(text).map(|l| (l.open, l.close));
        assert_eq!(read("''"), Some((1, 1)));
        assert_eq!(read("\"\"\"\"\"\""), Some((3, 3)));
        assert_eq!(read("'"), Some((1, 0)));
        assert_eq!(read("'''a'"), Some((3, 0)));
        assert_eq!(read("Rb'x'"), Some((3, 1)));
        assert_eq!(read("x'"), None);
        assert_eq!(read(""), None);
    }
}
