//! The only rows of a dump that are read: which migrations were applied.

/// The migration histories of Django and South, each with the columns that hold the app and the name.
pub(super) const LEDGERS: [(&str, [&str; 2]); 2] =
    [("django_migrations", ["app", "name"]), ("south_migrationhistory", ["app_name", "migration"])];

/// The rows of an `INSERT` into a migration history.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Insert {
    /// The database, when it is written.
    pub schema: Option<String>,
    /// The table of the migration history.
    pub table: String,
    /// The columns, when they are written.
    pub columns: Vec<String>,
    /// The values; `None` for NULL and for what is no plain value.
    pub rows: Vec<Vec<Option<String>>>,
}

/// Whether a statement that begins so fills a migration history.
pub(super) fn is_insert(head: &str) -> bool {
    Scan { rest: head }.head().is_some()
}

/// Reads an `INSERT`; `None` when it fills no migration history.
pub(super) fn insert(statement: &str) -> Option<Insert> {
    let mut scan = Scan { rest: statement };
    let (schema, table) = scan.head()?;
    let mut columns = Vec::new();
    let mut token = scan.next()?;
    if token == Token::Sign('(') {
        loop {
            match scan.next()? {
                Token::Name(name) | Token::Word(name) => columns.push(name),
                Token::Sign(')') => break,
                _ => {}
            }
        }
        token = scan.next()?;
    }
    if !token.is_any(&["VALUES", "VALUE"]) {
        return None;
    }
    let mut rows = Vec::new();
    while scan.next()? == Token::Sign('(') {
        rows.push(scan.row()?);
        if scan.next() != Some(Token::Sign(',')) {
            break;
        }
    }
    Some(Insert { schema, table, columns, rows })
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Word(String),
    Text(String),
    Sign(char),
}

impl Token {
    fn is_any(&self, words: &[&str]) -> bool {
        matches!(self, Self::Word(word) if words.iter().any(|other| word.eq_ignore_ascii_case(other)))
    }
}

struct Scan<'a> {
    rest: &'a str,
}

impl Scan<'_> {
    /// `INSERT [IGNORE] INTO [db.]table`
    fn head(&mut self) -> Option<(Option<String>, String)> {
        let mut schema = None;
        loop {
            match self.next()? {
                word if word.is_any(&["INSERT", "REPLACE", "IGNORE", "INTO"]) => {}
                Token::Name(name) | Token::Word(name) => {
                    if schema.is_none() && self.rest.trim_start().starts_with('.') {
                        schema = Some(name);
                        self.next()?;
                    } else {
                        return LEDGERS.iter().any(|(ledger, _)| *ledger == name).then_some((schema, name));
                    }
                }
                _ => return None,
            }
        }
    }

    /// The values up to the parenthesis that closes.
    fn row(&mut self) -> Option<Vec<Option<String>>> {
        let mut values = Vec::new();
        let mut value = None;
        let mut depth = 0_u32;
        loop {
            match self.next()? {
                Token::Sign(')') if depth == 0 => {
                    values.push(value);
                    return Some(values);
                }
                Token::Sign(',') if depth == 0 => values.push(value.take()),
                Token::Sign('(') => depth += 1,
                Token::Sign(')') => depth -= 1,
                word if word.is_any(&["NULL"]) => {}
                // An introducer, as in _utf8mb4'…', is overtaken by its text.
                Token::Text(text) | Token::Word(text) if depth == 0 => value = Some(text),
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Option<Token> {
        let text = self.rest.trim_start();
        let first = text.chars().next()?;
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | '+');
        if matches!(first, '\'' | '"' | '`') {
            let (inside, rest) = quoted(text, first)?;
            self.rest = rest;
            return Some(if first == '`' { Token::Name(inside) } else { Token::Text(inside) });
        }
        if is_word(first) {
            // A number keeps its point; a name's point is a sign.
            let is_number = first.is_ascii_digit() || first == '-';
            let end = text.find(|c| !(is_word(c) || (is_number && c == '.'))).unwrap_or(text.len());
            self.rest = &text[end..];
            return Some(Token::Word(text[..end].to_owned()));
        }
        self.rest = &text[first.len_utf8()..];
        Some(Token::Sign(first))
    }
}

/// What stands in the quotes that a text begins with, and what follows them.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut inside = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if quote != '`' => inside.push(match characters.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                other => other,
            }),
            _ if character == quote => match characters.next_if(|(_, next)| *next == quote) {
                Some(_) => inside.push(quote),
                None => return Some((inside, &text[at + 1..])),
            },
            _ => inside.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(row: &[Option<String>]) -> Vec<&str> {
        row.iter().map(|value| value.as_deref().unwrap_or("-")).collect()
    }

    #[test]
    fn rows_are_read_as_dumps_write_them() {
        let text = "INSERT INTO `django_migrations` VALUES\n(1,'auth','0001_initial','2020-01-01 00:00:00.000000'),\n\
                    (2,'it''s','a\\'b;',NULL),(-3,_utf8mb4'x',NOW(6),1.5);";
        let insert = insert(text).unwrap();
        assert_eq!((insert.schema, &*insert.table), (None, "django_migrations"));
        assert_eq!(words(&insert.rows[0])[1..3], ["auth", "0001_initial"]);
        assert_eq!(words(&insert.rows[1]), ["2", "it's", "a'b;", "-"]);
        assert_eq!(words(&insert.rows[2]), ["-3", "x", "NOW", "1.5"]);
    }

    #[test]
    fn only_ledgers_are_read() {
        let text = "INSERT IGNORE INTO `edx`.`south_migrationhistory` (`app_name`, `id`) VALUES ('a', 1)";
        let named = insert(text).unwrap();
        assert_eq!((named.schema.as_deref(), named.columns.len()), (Some("edx"), 2));
        for other in [
            "INSERT INTO `auth_user` VALUES (1,'django_migrations')",
            "INSERT INTO django_migrations SELECT * FROM x",
            "INSERT INTO django_migrations_old VALUES (1)",
            "INSERT INTO",
            "",
        ] {
            assert_eq!(insert(other), None, "{other}");
        }
        assert!(is_insert("INSERT INTO `django_migrations` VALUES (1,'au"));
        assert!(!is_insert("INSERT INTO `auth_user` VALUES (1,'django_migrations'"));
    }
}
