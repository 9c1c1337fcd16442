//! Columns that store keys of other rows although nothing ties them, by the shape of their table.

use std::collections::BTreeSet;

use super::facts::integer_limit;
use crate::schema::{Column, Server, Table, TypeText};

/// Columns of every history table of django-simple-history (simple_history/models.py, `get_extra_fields`), whatever its
/// table, its key and its base are called.
const HISTORY: [&str; 2] = ["history_date", "history_type"];

/// The table of content types when the project does not say otherwise (django/contrib/contenttypes/models.py).
pub const CONTENT_TYPES: &str = "django_content_type";

/// Whether a column has one of these names of references, with or without another word before it, as the app's:
/// `student_module_id`, `courseware_student_module_id`.
#[must_use]
pub fn is_named_as_reference(names: &[String], column: &str) -> bool {
    let column = column.to_lowercase();
    names.iter().any(|name| {
        column.strip_suffix(&name.to_lowercase()).is_some_and(|before| before.is_empty() || before.ends_with('_'))
    })
}

/// Evidence that a table copies rows of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyEvidence {
    /// The columns of a history, and every column of the other table.
    History,
    /// The columns of a history, and so many columns of the other table: fields can be left out.
    PartOfHistory(usize),
    /// Every column of the other table.
    EveryColumn,
}

/// Whether a table copies rows of another that has these columns, in small letters, and this key.
#[must_use]
pub fn copies<T: TypeText>(columns: &BTreeSet<String>, key: &str, table: &Table<T>) -> Option<CopyEvidence> {
    let copied = table.column(key)?;
    let alone = matches!(table.primary_key().as_slice(), [only] if only.eq_ignore_ascii_case(key));
    let tied = table.foreign_keys.iter().any(|of| of.columns.iter().any(|c| c.eq_ignore_ascii_case(&copied.name)));
    if alone || tied || copied.auto_increment || !is_integer(copied) {
        return None;
    }
    let shared = columns.iter().filter(|name| table.column(name).is_some()).count();
    let history = HISTORY.iter().all(|name| table.column(name).is_some());
    match (history, shared == columns.len()) {
        (true, true) => Some(CopyEvidence::History),
        (true, false) if shared > 1 && shared * 2 >= columns.len() => Some(CopyEvidence::PartOfHistory(shared)),
        (false, true) if columns.len() > 2 => Some(CopyEvidence::EveryColumn),
        _ => None,
    }
}

/// The integer column beside a foreign key to the content types that holds the other row's key
/// (`GenericForeignKey`, django/contrib/contenttypes/fields.py).
#[must_use]
pub fn object_column<'a, T: TypeText>(table: &'a Table<T>, type_column: &str) -> Option<&'a Column<T>> {
    let lower = type_column.to_lowercase();
    let of = ["content_type_id", "type_id", "ct_id", "contenttype_id"];
    let before = of.iter().find_map(|end| lower.strip_suffix(end))?;
    let names = ["object_id", "object_pk", "obj_id", "id", "pk"].map(|name| format!("{before}{name}"));
    names.iter().filter_map(|name| table.column(name)).find(|column| {
        let tied =
            table.foreign_keys.iter().any(|key| key.columns.iter().any(|c| c.eq_ignore_ascii_case(&column.name)));
        !tied && !table.is_in_primary_key(&column.name) && is_integer(column)
    })
}

fn is_integer<T: TypeText>(column: &Column<T>) -> bool {
    integer_limit(&column.column_type.type_text(Server::default())).is_some()
}
