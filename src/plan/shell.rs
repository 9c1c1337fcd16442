//! Words of bash. Every text that comes from outside is quoted here, and nowhere else.

use std::fmt::{self, Write as _};

/// A word of the shell, whatever is in the text. Control characters, line ends among them, use `$'…'` (bash manual, ANSI-C
/// Quoting), so that a word never spans lines.
pub(super) fn quote(text: &str) -> String {
    if text.chars().any(char::is_control) {
        let mut out = String::from("$'");
        for character in text.chars() {
            match character {
                '\'' | '\\' => out.extend(['\\', character]),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\0' => {}
                c if c.is_control() => {
                    let mut bytes = [0; 4];
                    for byte in c.encode_utf8(&mut bytes).bytes() {
                        let _ = write!(out, "\\x{byte:02x}");
                    }
                }
                c => out.push(c),
            }
        }
        out.push('\'');
        return out;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A word made of texts, which are quoted, and of variables, which are expanded between double quotes. It prints as one
/// word of bash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// An expansion of bash that this program wrote, without its double quotes: `$run` or `${CSM_AUDIT_CHUNK:-1000}`.
    Expansion(&'static str),
}

impl Word {
    /// A word of a text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self(vec![Piece::Text(text.into())])
    }

    /// A word of an expansion, such as `$run` or `${CSM_AUDIT_CHUNK:-1000}`.
    pub(super) fn expansion(expansion: &'static str) -> Self {
        Self(vec![Piece::Expansion(expansion)])
    }

    /// The word with a text after it.
    pub(super) fn and(mut self, text: impl Into<String>) -> Self {
        self.0.push(Piece::Text(text.into()));
        self
    }

    /// The word with an expansion after it.
    pub(super) fn and_expansion(mut self, expansion: &'static str) -> Self {
        self.0.push(Piece::Expansion(expansion));
        self
    }

    /// The word with another one after it.
    pub(super) fn join(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Word {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=./:+".contains(&byte))
        };
        // Neighbouring texts are one text, and options are written without quotes, as people write them.
        let mut text = String::new();
        let mut is_empty = true;
        let flush = |text: &mut String, f: &mut fmt::Formatter<'_>| -> fmt::Result {
            if let Some((option, value)) =
                text.split_once('=').filter(|(option, _)| option.starts_with("--") && plain(option))
            {
                write!(f, "{option}=")?;
                match value {
                    "" => {}
                    value if plain(value) => f.write_str(value)?,
                    value => f.write_str(&quote(value))?,
                }
            } else if text.starts_with("--") && plain(text) {
                f.write_str(text)?;
            } else if !text.is_empty() {
                f.write_str(&quote(text))?;
            }
            text.clear();
            Ok(())
        };
        for piece in &self.0 {
            match piece {
                Piece::Text(more) => text.push_str(more),
                Piece::Expansion(expansion) => {
                    flush(&mut text, f)?;
                    write!(f, "\"{expansion}\"")?;
                    is_empty = false;
                }
            }
        }
        if text.is_empty() && is_empty {
            return f.write_str("''");
        }
        flush(&mut text, f)
    }
}

/// A text that stands in a comment: one line.
pub(super) fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A file name of letters, digits, dashes and underscores, by which people recognise a table.
#[must_use]
pub fn slug(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        if character.is_ascii_alphanumeric() || character == '_' {
            out.push(character);
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    let trimmed = out.trim_matches('-');
    let mut end = trimmed.len().min(60);
    while !trimmed.is_char_boundary(end) {
        end -= 1;
    }
    if trimmed.is_empty() { String::from("table") } else { trimmed[..end].to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What bash makes of a word.
    fn read(word: &str) -> String {
        let script = format!("chunk=7; printf %s {word}");
        let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "{word}");
        String::from_utf8(output.stdout).unwrap()
    }

    const ODD: [&str; 14] = [
        "a b",
        "it's",
        "$(reboot)",
        "`x`",
        "two\nlines",
        "tab\tand \\ and 'quote'\n",
        "größe",
        "\"",
        "!",
        "\u{7}",
        "@GATE@",
        "--a=b c",
        "--",
        "=",
    ];

    #[test]
    fn words_come_out_as_they_went_in() {
        for odd in ODD {
            assert_eq!(read(&quote(odd)), odd);
            assert_eq!(read(&Word::text(odd).to_string()), odd);
            let word = Word::text(odd).and_expansion("$chunk").and(odd).join(Word::expansion("${none:-x}"));
            assert_eq!(read(&word.to_string()), format!("{odd}7{odd}x"));
            assert_eq!(read(&Word::text("--alter=").and(odd).to_string()), format!("--alter={odd}"));
        }
        assert_eq!(Word::text("").to_string(), "''");
        assert_eq!(Word::text("--max-load=").and_expansion("$x").to_string(), "--max-load=\"$x\"");
    }

    #[test]
    fn file_names_are_tame() {
        assert_eq!(slug("it's $(a) table\n/../x"), "it-s-a-table-x");
        assert_eq!(slug("größe"), "gr-e");
        assert_eq!(slug("表"), "table");
    }
}
