//! Column types, parsed and printed as `information_schema.COLUMNS.COLUMN_TYPE` shows them.

use std::fmt::Write as _;

use super::Server;

/// A column type without its nullability, default and collation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// `tinyint` to `bigint`.
    Integer {
        /// Bytes: 1, 2, 3, 4 or 8.
        bytes: u8,
        /// Whether unsigned.
        unsigned: bool,
        /// A display width that was asked for.
        width: Option<u16>,
    },
    /// `decimal(p,s)`
    Decimal {
        /// Digits.
        precision: u16,
        /// Digits after the point.
        scale: u16,
        /// Whether unsigned.
        unsigned: bool,
    },
    /// `float` and `double`, as printed.
    Float(String),
    /// `char`, `varchar`, `binary`, `varbinary` with their length.
    Text {
        /// The type's name.
        name: &'static str,
        /// The length.
        length: u32,
    },
    /// `tinytext` to `longblob`, and `json`, `uuid`, `date`, `year` and other types that are their name.
    Named(String),
    /// `datetime`, `time`, `timestamp` with the digits of their fraction.
    Temporal {
        /// The type's name.
        name: &'static str,
        /// Digits of the fraction.
        fraction: u8,
    },
    /// `enum` and `set` with their values as written.
    Values {
        /// `enum` or `set`.
        name: &'static str,
        /// The values, quoted, comma-separated.
        values: String,
    },
}

impl ColumnType {
    /// Reads a type as SQL or `information_schema` writes it.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let open = text.find('(');
        let close = text.rfind(')');
        let (name, args, tail) = match (open, close) {
            (Some(open), Some(close)) if close > open => {
                (&text[..open], Some(&text[open + 1..close]), &text[close + 1..])
            }
            _ => (text, None, ""),
        };
        let lower = format!("{name} {tail}").to_lowercase();
        let words: Vec<&str> = lower.split_whitespace().collect();
        let unsigned = words.contains(&"unsigned");
        let first = words.first().copied().unwrap_or("");
        let numbers: Vec<u32> = args.unwrap_or("").split(',').filter_map(|n| n.trim().parse::<u32>().ok()).collect();
        let number = |i: usize, default: u32| numbers.get(i).copied().unwrap_or(default);
        let small = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
        let bytes = match first {
            "bool" | "boolean" => {
                return Self::Integer { bytes: 1, unsigned: false, width: Some(1) };
            }
            "tinyint" | "int1" => Some(1),
            "smallint" | "int2" => Some(2),
            "mediumint" | "int3" | "middleint" => Some(3),
            "int" | "integer" | "int4" => Some(4),
            "bigint" | "int8" | "serial" => Some(8),
            _ => None,
        };
        if let Some(bytes) = bytes {
            let unsigned = unsigned || words.contains(&"zerofill") || first == "serial";
            return Self::Integer { bytes, unsigned, width: numbers.first().map(|&n| small(n)) };
        }
        match first {
            "decimal" | "numeric" | "dec" | "fixed" => {
                Self::Decimal { precision: small(number(0, 10)), scale: small(number(1, 0)), unsigned }
            }
            "double" | "real" | "float" | "float8" | "float4" => {
                let base = if matches!(first, "float" | "float4") && number(0, 0) <= 24 { "float" } else { "double" };
                let mut out = base.to_owned();
                if numbers.len() == 2 {
                    _ = write!(out, "({},{})", numbers[0], numbers[1]);
                }
                if unsigned {
                    out.push_str(" unsigned");
                }
                Self::Float(out)
            }
            "varchar" | "nvarchar" | "varcharacter" => Self::Text { name: "varchar", length: number(0, 1) },
            "character" if words.contains(&"varying") => Self::Text { name: "varchar", length: number(0, 1) },
            "char" | "character" | "nchar" => Self::Text { name: "char", length: number(0, 1) },
            "binary" => Self::Text { name: "binary", length: number(0, 1) },
            "varbinary" => Self::Text { name: "varbinary", length: number(0, 1) },
            "datetime" => Self::Temporal { name: "datetime", fraction: fraction(number(0, 0)) },
            "timestamp" => Self::Temporal { name: "timestamp", fraction: fraction(number(0, 0)) },
            "time" => Self::Temporal { name: "time", fraction: fraction(number(0, 0)) },
            "enum" => Self::Values { name: "enum", values: compact_values(args.unwrap_or("")) },
            "set" => Self::Values { name: "set", values: compact_values(args.unwrap_or("")) },
            // `text(n)` and `blob(n)` take the smallest type that holds n.
            "text" | "blob" if args.is_some() => {
                let size = match number(0, 65_535) {
                    0..=255 => "tiny",
                    256..=65_535 => "",
                    65_536..=16_777_215 => "medium",
                    _ => "long",
                };
                Self::Named(format!("{size}{first}"))
            }
            "long" => Self::Named(String::from("mediumtext")),
            _ => Self::Named(first.to_owned()),
        }
    }

    /// The type as the server prints it.
    #[must_use]
    pub fn print(&self, server: Server) -> String {
        match self {
            Self::Integer { bytes, unsigned, width } => {
                let name = match bytes {
                    1 => "tinyint",
                    2 => "smallint",
                    3 => "mediumint",
                    4 => "int",
                    _ => "bigint",
                };
                let default = match (bytes, unsigned) {
                    (1, false) => 4,
                    (1, true) => 3,
                    (2, false) => 6,
                    (2, true) => 5,
                    (3, false) => 9,
                    (3, true) => 8,
                    (4, false) => 11,
                    (4, true) => 10,
                    _ => 20,
                };
                let boolean = *bytes == 1 && *width == Some(1) && !unsigned;
                let mut out = name.to_owned();
                if server.display_widths() || boolean {
                    _ = write!(out, "({})", width.unwrap_or(default));
                }
                if *unsigned {
                    out.push_str(" unsigned");
                }
                out
            }
            Self::Decimal { precision, scale, unsigned } => {
                format!("decimal({precision},{scale}){}", if *unsigned { " unsigned" } else { "" })
            }
            Self::Float(text) => text.clone(),
            Self::Text { name, length } => format!("{name}({length})"),
            Self::Named(name) if name == "json" && !server.json_type() => String::from("longtext"),
            Self::Named(name) if name == "year" && server.display_widths() => String::from("year(4)"),
            Self::Named(name) => name.clone(),
            Self::Temporal { name, fraction: 0 } => (*name).to_owned(),
            Self::Temporal { name, fraction } => format!("{name}({fraction})"),
            Self::Values { name, values } => format!("{name}({values})"),
        }
    }

    /// Whether it is `json`, which MariaDB keeps as text.
    #[must_use]
    pub fn is_json(&self) -> bool {
        matches!(self, Self::Named(name) if name == "json")
    }

    /// Whether it holds characters, and so has a collation.
    #[must_use]
    pub fn has_collation(&self) -> bool {
        match self {
            Self::Text { name, .. } => matches!(*name, "char" | "varchar"),
            Self::Named(name) => name.ends_with("text") || name == "json",
            Self::Values { .. } => true,
            _ => false,
        }
    }

    /// Whether it is one of the types that need a prefix length in an index.
    #[must_use]
    pub fn is_long(&self) -> bool {
        matches!(self, Self::Named(name) if name.ends_with("text") || name.ends_with("blob") || name == "json")
    }

    /// The range of an integer type.
    #[must_use]
    pub fn integer_range(&self) -> Option<(i128, i128)> {
        let Self::Integer { bytes, unsigned, .. } = self else { return None };
        let bits = u32::from(*bytes) * 8;
        Some(if *unsigned { (0, (1 << bits) - 1) } else { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) })
    }
}

fn fraction(digits: u32) -> u8 {
    u8::try_from(digits).unwrap_or(6).min(6)
}

/// The values of an enum as `information_schema` prints them: no blank after a comma outside quotes.
fn compact_values(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' | '\n' | '\t' if !quoted => continue,
            _ => {}
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_print_as_each_server_shows_them() {
        let old = Server::mysql(5, 6);
        let new = Server::mysql(8, 4);
        let maria = Server::mariadb(10, 11);
        for (sql, on_old, on_new, on_maria) in [
            ("integer AUTO_INCREMENT", "int(11)", "int", "int(11)"),
            ("integer UNSIGNED", "int(10) unsigned", "int unsigned", "int(10) unsigned"),
            ("bigint unsigned", "bigint(20) unsigned", "bigint unsigned", "bigint(20) unsigned"),
            ("bool", "tinyint(1)", "tinyint(1)", "tinyint(1)"),
            ("numeric(8, 3)", "decimal(8,3)", "decimal(8,3)", "decimal(8,3)"),
            ("double precision", "double", "double", "double"),
            ("datetime(6)", "datetime(6)", "datetime(6)", "datetime(6)"),
            ("json", "json", "json", "longtext"),
            ("enum('a', 'b c')", "enum('a','b c')", "enum('a','b c')", "enum('a','b c')"),
            ("smallint", "smallint(6)", "smallint", "smallint(6)"),
        ] {
            let parsed = ColumnType::parse(sql);
            assert_eq!(parsed.print(old), on_old, "{sql}");
            assert_eq!(parsed.print(new), on_new, "{sql}");
            assert_eq!(parsed.print(maria), on_maria, "{sql}");
        }
    }

    #[test]
    fn ranges_are_those_of_the_type() {
        assert_eq!(ColumnType::parse("int").integer_range(), Some((-2_147_483_648, 2_147_483_647)));
        assert_eq!(ColumnType::parse("bigint unsigned").integer_range(), Some((0, u64::MAX.into())));
        assert_eq!(ColumnType::parse("varchar(9)").integer_range(), None);
    }
}
