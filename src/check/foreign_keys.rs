//! Which foreign key of a database is which of the code: by columns and what they point to, never by name.

use crate::live::facts::ForeignKey as LiveForeignKey;
use crate::schema::{ForeignKey, Table};

/// The foreign keys of a table, paired up.
pub(super) struct Paired<'a> {
    /// What both have.
    pub both: Vec<(&'a ForeignKey, &'a LiveForeignKey)>,
    /// What only the code has, with those of the database over the same columns.
    pub missing: Vec<(&'a ForeignKey, Vec<&'a LiveForeignKey>)>,
    /// What only the database has.
    pub extra: Vec<Extra<'a>>,
}

/// A foreign key that only the database has.
pub(super) struct Extra<'a> {
    pub key: &'a LiveForeignKey,
    /// The one that says the same and that the code has.
    pub duplicate_of: Option<&'a LiveForeignKey>,
}

pub(super) fn pair_up<'a>(code: &'a Table, mut left: Vec<&'a LiveForeignKey>) -> Paired<'a> {
    // Of two that say the same, the one with the expected name is the expected one.
    left.sort_by_key(|key| !code.foreign_keys.iter().any(|known| known.name.eq_ignore_ascii_case(&key.name)));
    let mut paired = Paired { both: Vec::new(), missing: Vec::new(), extra: Vec::new() };
    let mut unmatched = Vec::new();
    for code in &code.foreign_keys {
        match left.iter().position(|held| same(code, held)) {
            Some(at) => paired.both.push((code, left.remove(at))),
            None => unmatched.push(code),
        }
    }
    for code in unmatched {
        let (others, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|held| names(&code.columns, &held.columns));
        left = rest;
        paired.missing.push((code, others));
    }
    for key in left {
        let duplicate_of = paired.both.iter().find(|(code, _)| same(code, key)).map(|(_, held)| *held);
        paired.extra.push(Extra { key, duplicate_of });
    }
    paired.extra.sort_by(|a, b| a.key.cmp(b.key));
    paired
}

fn same(code: &ForeignKey, held: &LiveForeignKey) -> bool {
    names(&code.columns, &held.columns)
        && code.referenced_table.eq_ignore_ascii_case(&held.referenced_table)
        && names(&code.referenced_columns, &held.referenced_columns)
        && held.database == held.referenced_database
}

fn names(a: &[String], b: &[String]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.eq_ignore_ascii_case(b))
}
