//! Names and strings as SQL, for the whole program.

/// A name as SQL, in backticks (MySQL manual, 9.2 Schema Object Names).
#[must_use]
pub fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A string as SQL, in quotes: as servers print one (`append_unescaped` of MySQL's sql/strfunc and MariaDB's
/// sql/unireg), so that it fits on a line and holds no NUL.
///
/// It is right for every `sql_mode` but NO_BACKSLASH_ESCAPES.
#[must_use]
pub fn quote_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("''"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\0' => out.push_str("\\0"),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// The string that one literal stands for, with the escapes of MySQL's manual (9.1.1 String Literals); `None` for any
/// other SQL.
#[must_use]
pub fn unquote_string(sql: &str) -> Option<String> {
    let inner = sql.strip_prefix('\'')?;
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => match chars.next() {
                Some('\'') => out.push('\''),
                Some(_) => return None,
                None => return Some(out),
            },
            '\\' => match chars.next()? {
                'n' => out.push('\n'),
                'r' => out.push('\r'),
                't' => out.push('\t'),
                'b' => out.push('\u{8}'),
                '0' => out.push('\0'),
                'Z' => out.push('\u{1a}'),
                // Only a pattern of LIKE gives these a meaning.
                wild @ ('%' | '_') => out.extend(['\\', wild]),
                other => out.push(other),
            },
            c => out.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out() {
        assert_eq!(quote("odd`name"), "`odd``name`");
        assert_eq!(quote("a\\"), "`a\\`");
    }

    #[test]
    fn strings_cannot_break_out() {
        assert_eq!(quote_string(r"it's \ all"), r"'it''s \\ all'");
        assert_eq!(quote_string("\\'; DROP TABLE t; -- "), r"'\\''; DROP TABLE t; -- '");
        assert_eq!(quote_string("a\nb\rc\0"), r"'a\nb\rc\0'");
    }

    #[test]
    fn strings_come_back() {
        for text in ["", "it's", "\\", "\\'", "''", "a\nb\r\0", "caf\u{e9} \u{1f600}", "100%_"] {
            assert_eq!(unquote_string(&quote_string(text)).as_deref(), Some(text));
        }
        for no_literal in ["", "'", "5", "now()", "'a' + 'b'", "'a", "'a\\'"] {
            assert_eq!(unquote_string(no_literal), None, "{no_literal}");
        }
    }
}
