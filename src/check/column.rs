//! Which of two column types holds more.

use crate::schema::{ColumnType, Server};

/// How the type that a database holds is to the one that the code has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// The same, whatever way it is written.
    Same,
    /// Every value fits.
    Wider,
    /// The same kind of values, less exact or in another form.
    Coarser,
    /// Some value does not fit.
    Narrower,
}

/// Compares the type of the code with the one that is held.
pub(super) fn fit(code: &ColumnType, held: &ColumnType, server: Server) -> Fit {
    use ColumnType::{Decimal, Integer, Temporal, Text};
    if code.print(server) == held.print(server) {
        return Fit::Same;
    }
    match (code, held) {
        (Integer { bytes: a, unsigned: s, .. }, Integer { bytes: b, unsigned: t, .. }) => match (a == b, s == t) {
            // A display width changes nothing.
            (true, true) => Fit::Same,
            _ if s == t && b > a => Fit::Wider,
            _ => Fit::Narrower,
        },
        (Decimal { precision: p, scale: s, unsigned: u }, Decimal { precision: q, scale: t, unsigned: v }) => {
            if u == v && t >= s && q.saturating_sub(*t) >= p.saturating_sub(*s) { Fit::Wider } else { Fit::Narrower }
        }
        (Temporal { name: a, fraction: f }, Temporal { name: b, fraction: g }) if a == b => {
            if g > f {
                Fit::Wider
            } else {
                Fit::Coarser
            }
        }
        (Text { name: "char", length: a }, Text { name: "varchar", length: b })
        | (Text { name: "varchar", length: a }, Text { name: "varchar", length: b })
        | (Text { name: "binary", length: a }, Text { name: "varbinary", length: b })
        | (Text { name: "varbinary", length: a }, Text { name: "varbinary", length: b })
            if b >= a =>
        {
            Fit::Wider
        }
        (Text { name: "char", length: a }, Text { name: "char", length: b }) if b > a => Fit::Wider,
        // CHAR loses blanks at the end.
        (Text { name: "varchar", length: a }, Text { name: "char", length: b }) if b >= a => Fit::Coarser,
        _ => match (room(code), room(held)) {
            (Some((kind, a)), Some((other, b))) if kind == other && b >= a => Fit::Wider,
            _ => Fit::Narrower,
        },
    }
}

/// Whether it holds characters or bytes, and how many bytes at most.
fn room(column_type: &ColumnType) -> Option<(&'static str, u64)> {
    match column_type {
        ColumnType::Text { name: "char" | "varchar", length } => Some(("text", u64::from(*length))),
        ColumnType::Text { length, .. } => Some(("blob", u64::from(*length))),
        ColumnType::Named(name) => {
            let kind = if name.ends_with("text") {
                "text"
            } else if name.ends_with("blob") {
                "blob"
            } else {
                return None;
            };
            let bits = match name.trim_end_matches(kind) {
                "tiny" => 8,
                "" => 16,
                "medium" => 24,
                _ => 32,
            };
            Some((kind, 1 << bits))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_holds_more_or_less_than_another() {
        let maria = Server::mariadb(10, 11);
        let of = |code: &str, held: &str| fit(&ColumnType::parse(code), &ColumnType::parse(held), maria);
        assert_eq!(of("varchar(128)", "varchar(512)"), Fit::Wider);
        assert_eq!(of("varchar(128)", "varchar(64)"), Fit::Narrower);
        assert_eq!(of("varchar(128)", "longtext"), Fit::Wider);
        assert_eq!(of("longtext", "text"), Fit::Narrower);
        assert_eq!(of("json", "longtext"), Fit::Same);
        assert_eq!(of("int", "int(11)"), Fit::Same);
        assert_eq!(of("int", "bigint"), Fit::Wider);
        assert_eq!(of("bigint unsigned", "bigint"), Fit::Narrower);
        assert_eq!(of("int", "bigint unsigned"), Fit::Narrower);
        assert_eq!(of("datetime(6)", "datetime"), Fit::Coarser);
        assert_eq!(of("datetime(6)", "timestamp"), Fit::Narrower);
        assert_eq!(of("decimal(8,3)", "decimal(10,3)"), Fit::Wider);
        assert_eq!(of("decimal(8,3)", "decimal(8,4)"), Fit::Narrower);
        assert_eq!(of("char(32)", "uuid"), Fit::Narrower);
        assert_eq!(of("tinyint(1)", "tinyint(4)"), Fit::Same);
    }
}
