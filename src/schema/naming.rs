//! The names Django gives to tables, indexes and constraints, by version.

use md5::{Digest, Md5};

use crate::django::Version;

/// The longest identifier of MySQL.
const MAX: usize = 64;

/// The first `length` hex digits of the MD5 of the joined names (`names_digest`, Django 2.2's
/// `db/backends/utils.py`; `_digest` before).
#[must_use]
pub fn digest(names: &[&str], length: usize) -> String {
    let mut hash = Md5::new();
    for name in names {
        hash.update(name.as_bytes());
    }
    let mut out = String::with_capacity(32);
    for byte in hash.finalize() {
        out.push(char::from(HEX[usize::from(byte >> 4)]));
        out.push(char::from(HEX[usize::from(byte & 15)]));
    }
    out.truncate(length);
    out
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn cut(text: &str, length: usize) -> &str {
    text.char_indices().nth(length).map_or(text, |(at, _)| &text[..at])
}

/// A name shortened to what MySQL takes, with four digits of its hash (`truncate_name`).
#[must_use]
pub fn truncate(name: &str) -> String {
    if name.chars().count() <= MAX {
        return name.to_owned();
    }
    format!("{}{}", cut(name, MAX - 4), digest(&[name], 4))
}

/// The name of an index or a constraint (`_create_index_name`).
#[must_use]
pub fn index(version: Version, table: &str, columns: &[&str], suffix: &str) -> String {
    if version >= Version(1, 11) { modern(table, columns, suffix) } else { old(version, table, columns, suffix) }
}

/// Django 1.11 and later: three parts, each shortened to its share.
fn modern(table: &str, columns: &[&str], suffix: &str) -> String {
    let mut names = vec![table];
    names.extend(columns);
    let mut hash = format!("{}{suffix}", digest(&names, 8));
    let columns = columns.join("_");
    let name = format!("{table}_{columns}_{hash}");
    if name.chars().count() <= MAX {
        return name;
    }
    if hash.chars().count() * 3 > MAX {
        hash = cut(&hash, MAX / 3).to_owned();
    }
    let other = (MAX - hash.chars().count()) / 2 - 1;
    let name = format!("{}_{}_{hash}", cut(table, other), cut(&columns, other));
    if name.starts_with(|c: char| c == '_' || c.is_ascii_digit()) {
        let shorter = name.chars().count() - 1;
        return format!("D{}", cut(&name, shorter));
    }
    name
}

/// Django 1.7 to 1.10. Up to 1.8 the hash is Python's own, of Python 2 (Python 3 draws a new one for each process).
fn old(version: Version, table: &str, columns: &[&str], suffix: &str) -> String {
    let first = columns.first().copied().unwrap_or("");
    if columns.len() == 1 && suffix.is_empty() {
        return truncate(&format!("{table}_{}", digest(&[first], 8)));
    }
    let unique = if version < Version(1, 9) {
        format!("_{:x}", python2_hash(&[table, &columns.join(",")]).unsigned_abs())
    } else {
        let mut names = vec![table];
        names.extend(columns);
        format!("_{}", digest(&names, 8))
    };
    let mut name = format!("{table}_{first}{unique}{suffix}");
    if name.len() > MAX {
        let part = format!("_{first}{unique}{suffix}");
        // A negative slice bound counts from the end, as in Python.
        let kept = match MAX.checked_sub(part.len()) {
            Some(length) => cut(table, length),
            None => cut(table, table.chars().count().saturating_sub(part.len() - MAX)),
        };
        name = format!("{kept}{part}");
    }
    if let Some(rest) = name.strip_prefix('_') {
        name = rest.to_owned();
    }
    if name.len() > MAX {
        name = digest(&[&name], 32);
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        let shorter = name.len() - 1;
        name = format!("D{}", cut(&name, shorter));
    }
    name
}

/// `hash((a, b))` of 64-bit Python 2.
fn python2_hash(items: &[&str]) -> i64 {
    let text = |s: &str| -> u64 {
        let Some(&first) = s.as_bytes().first() else { return 0 };
        let mut x = u64::from(first) << 7;
        for &byte in s.as_bytes() {
            x = x.wrapping_mul(1_000_003) ^ u64::from(byte);
        }
        x ^ s.len() as u64
    };
    let mut x: u64 = 0x34_5678;
    let mut multiplier: u64 = 1_000_003;
    for (left, item) in (0..items.len() as u64).rev().zip(items) {
        x = (x ^ text(item)).wrapping_mul(multiplier);
        multiplier = multiplier.wrapping_add(82_520 + left + left);
    }
    x.wrapping_add(97_531).cast_signed()
}

/// The name of a foreign key: the suffix names where it points (`ForeignKeyName`).
#[must_use]
pub fn foreign_key(version: Version, table: &str, column: &str, to_table: &str, to_column: &str, full: bool) -> String {
    let suffix = if full { format!("_fk_{to_table}_{to_column}") } else { String::from("_fk") };
    index(version, table, &[column], &suffix)
}

/// The name an `Index` without one gets (`Index.set_name_with_model`): column orders count.
#[must_use]
pub fn meta_index(table: &str, first_column: &str, columns_with_order: &[String], suffix: &str) -> String {
    let mut names: Vec<&str> = vec![table];
    names.extend(columns_with_order.iter().map(String::as_str));
    names.push(suffix);
    let hash = digest(&names, 6);
    let name = format!("{}_{}_{hash}_{suffix}", cut(table, 11), cut(first_column, 7));
    if name.starts_with(|c: char| c == '_' || c.is_ascii_digit()) {
        return format!("D{}", name.get(1..).unwrap_or(""));
    }
    name
}

/// The table of a model that names none.
#[must_use]
pub fn table(app_label: &str, model: &str) -> String {
    truncate(&format!("{app_label}_{}", model.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_djangos_by_version() {
        let unique = |v| index(v, "leg_child", &["parent_id", "a"], "_uniq");
        assert_eq!(unique(Version(4, 2)), "leg_child_parent_id_a_964dc6a0_uniq");
        assert_eq!(unique(Version(1, 8)), "leg_child_parent_id_2c13044028a2a6fb_uniq");
        assert_eq!(index(Version(1, 8), "leg_child", &["late_id"], ""), "leg_child_6a9c1218");
        assert_eq!(
            foreign_key(Version(4, 2), "leg_child", "user_id", "auth_user", "id", true),
            "leg_child_user_id_be8ffb30_fk_auth_user_id"
        );
        assert_eq!(
            foreign_key(Version(1, 8), "auth_permission", "content_type_id", "django_content_type", "id", true),
            "auth__content_type_id_508cf46651277a81_fk_django_content_type_id"
        );
    }

    #[test]
    fn long_names_end_in_their_hash() {
        let name = truncate(&format!("sap_success_factors_{}", "x".repeat(60)));
        assert_eq!(name.len(), 64);
        assert!(name[60..].bytes().all(|b| b.is_ascii_hexdigit()));
    }
}
