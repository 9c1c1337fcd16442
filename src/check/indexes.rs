//! Which index of a database is which of the code.

use crate::live::facts::{ForeignKey, Table as LiveTable};
use crate::schema::{Index, IndexPart, Table, quote};

/// The indexes of a table, paired up; the primary key is no part of it.
pub(super) struct Paired<'a> {
    /// The same under another name.
    pub renamed: Vec<(&'a Index, &'a Index)>,
    /// The same, but not unique although the code defines a unique index.
    pub not_unique: Vec<(&'a Index, &'a Index)>,
    /// Only the code has it; the database may have another under its name.
    pub missing: Vec<(&'a Index, Option<&'a Index>)>,
    /// There, and ignored by the optimizer.
    pub invisible: Vec<(&'a Index, &'a Index)>,
    /// Only the database has it.
    pub extra: Vec<&'a Index>,
}

pub(super) fn pair_up<'a>(table: &'a Table, held_table: &'a LiveTable, keys: &[&ForeignKey]) -> Paired<'a> {
    let mut left: Vec<&'a Index> = held_table.secondary_indexes().collect();
    let mut paired = Paired {
        renamed: Vec::new(),
        not_unique: Vec::new(),
        missing: Vec::new(),
        invisible: Vec::new(),
        extra: Vec::new(),
    };
    let seen = |paired: &mut Paired<'a>, code: &'a Index, held: &'a Index| {
        if held.invisible {
            paired.invisible.push((code, held));
        }
    };
    // By name and parts first, so that of two indexes over the same columns each finds its own.
    let mut rest: Vec<&'a Index> = Vec::new();
    for code in table.secondary_indexes() {
        let at = left.iter().position(|held| held.name.eq_ignore_ascii_case(&code.name) && same_parts(code, held));
        match at.map(|at| left.remove(at)) {
            Some(held) if code.unique && !held.unique => paired.not_unique.push((code, held)),
            Some(held) => seen(&mut paired, code, held),
            None => rest.push(code),
        }
    }
    let mut unmatched: Vec<&'a Index> = Vec::new();
    for code in rest {
        let at = left.iter().position(|held| same_parts(code, held) && held.unique == code.unique);
        match at.map(|at| left.remove(at)) {
            Some(held) => {
                seen(&mut paired, code, held);
                // A server names the index that it makes for a foreign key after the key.
                if !code.implicit {
                    paired.renamed.push((code, held));
                }
            }
            None => unmatched.push(code),
        }
    }
    for code in unmatched {
        // One that the server makes for a foreign key is not needed where another begins with its columns.
        if code.implicit && held_table.indexes.iter().any(|held| begins_with(held, &code.parts)) {
            continue;
        }
        if code.unique
            && let Some(at) = left.iter().position(|held| same_parts(code, held))
        {
            paired.not_unique.push((code, left.remove(at)));
            continue;
        }
        let at = left.iter().position(|held| held.name.eq_ignore_ascii_case(&code.name));
        paired.missing.push((code, at.map(|at| left.remove(at))));
    }
    // What the server made for a foreign key that it has belongs to that key.
    let made_for_key = |held: &Index| {
        !held.unique
            && keys.iter().any(|key| {
                held.parts.len() == key.columns.len()
                    && held.parts.iter().zip(&key.columns).all(|(part, column)| {
                        part.column.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(column))
                    })
            })
    };
    paired.extra = left.into_iter().filter(|held| !made_for_key(held)).collect();
    paired
}

fn same_parts(code: &Index, held: &Index) -> bool {
    // What an expression is, servers write in their own way: one expression is taken for another.
    code.parts.len() == held.parts.len() && code.parts.iter().zip(&held.parts).all(|(a, b)| same_part(a, b))
}

fn same_part(code: &IndexPart, held: &IndexPart) -> bool {
    match (&code.column, &held.column) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b) && (code.length == held.length),
        (None, None) => true,
        _ => false,
    }
}

fn begins_with(held: &Index, parts: &[IndexPart]) -> bool {
    held.parts.len() >= parts.len() && parts.iter().zip(&held.parts).all(|(a, b)| same_part(a, b))
}

/// Whether every row is found by another index as well.
pub(super) fn covered_by<'a>(held: &Index, all: &'a [Index]) -> Option<&'a Index> {
    if held.unique || held.kind != "BTREE" {
        return None;
    }
    all.iter().find(|other| {
        other.name != held.name
            && other.kind == held.kind
            && other.parts.len() >= held.parts.len()
            && held.parts.iter().zip(&other.parts).all(|(a, b)| a == b)
            // Of two equal ones the first stays.
            && (other.parts.len() > held.parts.len() || other.unique || other.name < held.name)
    })
}

/// The statement that makes it.
pub(super) fn create(table: &str, index: &Index) -> String {
    let kind = if index.unique { "UNIQUE " } else { "" };
    format!("CREATE {kind}INDEX {} ON {} ({})", quote(&index.name), quote(table), parts(index))
}

/// The statement that puts an index of the code in the place of one that a table has.
pub(super) fn replace(table: &str, held: &Index, index: &Index) -> String {
    let kind = if index.unique { "UNIQUE " } else { "" };
    format!(
        "ALTER TABLE {} DROP INDEX {}, ADD {kind}INDEX {} ({})",
        quote(table),
        quote(&held.name),
        quote(&index.name),
        parts(index)
    )
}

fn parts(index: &Index) -> String {
    let parts: Vec<String> =
        index.parts.iter().map(|part| part.to_sql().unwrap_or_else(|| String::from("…"))).collect();
    parts.join(", ")
}
