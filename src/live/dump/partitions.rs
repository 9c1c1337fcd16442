//! `PARTITION BY` to partitions, as `information_schema.PARTITIONS` lists them.

use crate::live::facts::Partition;

/// Reads the text of `PARTITION BY …`. What is not understood gives no partition; the table is known as partitioned.
pub(super) fn read(text: &str) -> Vec<Partition> {
    let mut rest = text;
    let mut words = Vec::new();
    // `PARTITION BY RANGE COLUMNS (…)`, `LINEAR HASH (…)`, `KEY ALGORITHM = 2 (…)`, `SYSTEM_TIME INTERVAL …`
    let expression = loop {
        match token(rest) {
            Some((Token::Parens(inside), behind)) => {
                rest = behind;
                break inside.trim().to_owned();
            }
            Some((Token::Word(word), behind)) => {
                let word = word.to_ascii_uppercase();
                let is_part =
                    matches!(word.as_str(), "RANGE" | "LIST" | "HASH" | "KEY" | "LINEAR" | "COLUMNS" | "SYSTEM_TIME");
                if word == "SYSTEM_TIME" {
                    rest = behind;
                    words.push(word);
                    break String::new();
                }
                if is_part {
                    words.push(word);
                }
                rest = behind;
            }
            Some((Token::Other, behind)) => rest = behind,
            None => return Vec::new(),
        }
    };
    let method = words.join(" ");
    // The partitions stand in the next parentheses; HASH and KEY may give their number alone.
    let mut count = None;
    let mut after_count = false;
    let definitions = loop {
        match token(rest) {
            Some((Token::Parens(inside), behind)) => {
                // Of `SUBPARTITION BY HASH (…)` the parentheses hold no partition.
                if inside.trim_start().get(..9).is_some_and(|word| word.eq_ignore_ascii_case("PARTITION")) {
                    break inside;
                }
                rest = behind;
            }
            Some((Token::Word(word), behind)) => {
                if after_count {
                    count = word.parse().ok();
                }
                after_count = word.eq_ignore_ascii_case("PARTITIONS");
                rest = behind;
            }
            Some((Token::Other, behind)) => rest = behind,
            None => return numbered(count.unwrap_or(1), &method, &expression),
        }
    };
    let mut partitions = Vec::new();
    for definition in split(definitions) {
        let mut rest = definition;
        let (mut name, mut description) = (None, String::new());
        let mut in_values = false;
        while let Some((found, behind)) = token(rest) {
            match found {
                Token::Word(word) if word.eq_ignore_ascii_case("PARTITION") && name.is_none() => {}
                Token::Word(word) if name.is_none() => name = Some(unquoted(word)),
                Token::Word(word) if word.eq_ignore_ascii_case("VALUES") => in_values = true,
                Token::Word(word) if in_values && word.eq_ignore_ascii_case("MAXVALUE") => {
                    description = "MAXVALUE".to_owned();
                    break;
                }
                Token::Word(word) if word.eq_ignore_ascii_case("CURRENT") => description = "CURRENT".to_owned(),
                Token::Parens(inside) if in_values => {
                    description = inside.trim().to_owned();
                    break;
                }
                _ => {}
            }
            rest = behind;
        }
        if let Some(name) = name {
            let (method, expression) = (method.clone(), expression.clone());
            partitions.push(Partition { name, method, expression, description });
        }
    }
    partitions
}

/// `PARTITIONS 4`: the server names them.
fn numbered(count: u32, method: &str, expression: &str) -> Vec<Partition> {
    // MySQL allows 8192.
    let partition = |at: u32| Partition {
        name: format!("p{at}"),
        method: method.to_owned(),
        expression: expression.to_owned(),
        description: String::new(),
    };
    if method == "SYSTEM_TIME" { Vec::new() } else { (0..count.min(8192)).map(partition).collect() }
}

enum Token<'a> {
    /// A word, a number or a name in backquotes.
    Word(&'a str),
    /// What stands between parentheses that match.
    Parens(&'a str),
    /// A string, a sign.
    Other,
}

fn token(text: &str) -> Option<(Token<'_>, &str)> {
    // Conditional comments hold what counts.
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
    let text = match text.strip_prefix("/*!") {
        Some(rest) => rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start(),
        None => text.strip_prefix("*/").unwrap_or(text).trim_start(),
    };
    let first = text.chars().next()?;
    match first {
        '(' => {
            let end = closing(text)?;
            Some((Token::Parens(&text[1..end]), &text[end + 1..]))
        }
        '\'' | '"' => Some((Token::Other, &text[quoted(text)?..])),
        '`' => {
            let end = quoted(text)?;
            Some((Token::Word(&text[..end]), &text[end..]))
        }
        c if c.is_alphanumeric() || c == '_' => {
            let end = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$'))).unwrap_or(text.len());
            Some((Token::Word(&text[..end]), &text[end..]))
        }
        other => Some((Token::Other, &text[other.len_utf8()..])),
    }
}

/// The place behind the quote that closes.
fn quoted(text: &str) -> Option<usize> {
    let quote = text.chars().next()?;
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The place of the parenthesis that closes the first.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut at) = (0_u32, 0);
    while let Some(c) = text[at..].chars().next() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return Some(at),
            ')' => depth = depth.checked_sub(1)?,
            '\'' | '"' | '`' => {
                at += quoted(&text[at..])?;
                continue;
            }
            _ => {}
        }
        at += c.len_utf8();
    }
    None
}

/// Splits at commas outside of quotes and parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut at) = (Vec::new(), 0, 0);
    while let Some(c) = text[at..].chars().next() {
        let length = match c {
            ',' => {
                parts.push(&text[begin..at]);
                begin = at + 1;
                1
            }
            '(' => closing(&text[at..]).map_or(1, |end| end + 1),
            '\'' | '"' | '`' => quoted(&text[at..]).unwrap_or(1),
            _ => c.len_utf8(),
        };
        at += length;
    }
    parts.push(&text[begin..]);
    parts
}

fn unquoted(word: &str) -> String {
    word.strip_prefix('`').and_then(|word| word.strip_suffix('`')).unwrap_or(word).replace("``", "`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        read(text).iter().map(|p| format!("{} {} [{}] [{}]", p.name, p.method, p.expression, p.description)).collect()
    }

    #[test]
    fn every_way_of_dividing_is_read() {
        assert_eq!(
            lines(
                "PARTITION BY RANGE (`id`)\n(PARTITION `p0` VALUES LESS THAN (1000) COMMENT = 'a;)b' ENGINE = InnoDB,\n \
                 PARTITION `p1` VALUES LESS THAN MAXVALUE ENGINE = InnoDB) */"
            ),
            ["p0 RANGE [`id`] [1000]", "p1 RANGE [`id`] [MAXVALUE]"]
        );
        assert_eq!(
            lines(
                "PARTITION BY LIST  COLUMNS(`c`) SUBPARTITION BY HASH (`id`) SUBPARTITIONS 2 (PARTITION a VALUES IN \
                 ('x','y'), PARTITION b VALUES IN ('z'))"
            ),
            ["a LIST COLUMNS [`c`] ['x','y']", "b LIST COLUMNS [`c`] ['z']"]
        );
        assert_eq!(lines("PARTITION BY LINEAR HASH (id) PARTITIONS 2").len(), 2);
        assert_eq!(lines("PARTITION BY KEY ALGORITHM = 2 () PARTITIONS 3")[2], "p2 KEY [] []");
        assert_eq!(
            lines(
                "PARTITION BY SYSTEM_TIME INTERVAL 1 MONTH (PARTITION p0 HISTORY ENGINE = InnoDB, PARTITION pn CURRENT)"
            ),
            ["p0 SYSTEM_TIME [] []", "pn SYSTEM_TIME [] [CURRENT]"]
        );
        for broken in
            ["", "PARTITION BY", "PARTITION BY RANGE (", "PARTITION BY RANGE (id) (PARTITION `p", "((((", "*/"]
        {
            assert!(lines(broken).len() < 2, "{broken}");
        }
    }
}
