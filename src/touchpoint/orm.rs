//! What Django's managers, querysets and instances do: method by method, from Django 1.4 to 6.0.
//!
//! Source: `django/db/models/query.py` (`QuerySet`), `manager.py` (`BaseManager`), `base.py` (`Model`).

use crate::finding::Access;

/// What a call of a queryset's or manager's method gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// Another queryset.
    QuerySet,
    /// One instance (or `None`).
    Instance,
    /// `(instance, created)`
    InstanceAndFlag,
    /// A list of instances.
    Instances,
    /// A mapping of keys to instances.
    InstancesByKey,
    /// Rows as tuples, dictionaries or bare values.
    Rows,
    /// A number, a boolean, `None`.
    Scalar,
}

/// What the method `name` of a manager or queryset does, when it is one of Django's.
#[must_use]
pub fn method(name: &str) -> Option<(Access, Gives)> {
    use Access::{Delete, Read, ReadWrite, Write};
    // Django 4.1 gave every method that hits the database an `a` twin.
    let plain = match name.strip_prefix('a') {
        Some(rest)
            if matches!(
                rest,
                "get"
                    | "count"
                    | "exists"
                    | "first"
                    | "last"
                    | "latest"
                    | "earliest"
                    | "aggregate"
                    | "create"
                    | "update"
                    | "delete"
                    | "iterator"
                    | "contains"
                    | "explain"
                    | "get_or_create"
                    | "update_or_create"
                    | "bulk_create"
                    | "bulk_update"
                    | "in_bulk"
            ) =>
        {
            rest
        }
        _ => name,
    };
    Some(match plain {
        "all" | "filter" | "exclude" | "order_by" | "reverse" | "distinct" | "annotate" | "alias"
        | "select_related" | "prefetch_related" | "select_for_update" | "defer" | "only" | "using" | "extra"
        | "none" | "union" | "intersection" | "difference" | "complex_filter" | "raw" | "get_queryset"
        | "get_query_set" | "db_manager" | "iterator" => (Read, Gives::QuerySet),
        "get" | "first" | "last" | "latest" | "earliest" => (Read, Gives::Instance),
        "values" | "values_list" | "dates" | "datetimes" => (Read, Gives::Rows),
        "count" | "exists" | "aggregate" | "contains" | "explain" => (Read, Gives::Scalar),
        "in_bulk" => (Read, Gives::InstancesByKey),
        "create" => (Write, Gives::Instance),
        "bulk_create" => (Write, Gives::Instances),
        "update" | "bulk_update" | "_update" | "_insert" => (Write, Gives::Scalar),
        "get_or_create" | "update_or_create" => (ReadWrite, Gives::InstanceAndFlag),
        "delete" | "_raw_delete" => (Delete, Gives::Scalar),
        // Related managers (fields/related_descriptors.py).
        "add" | "aadd" => (Write, Gives::Scalar),
        // It reads which rows are related, and adds and removes the others (`fields/related_descriptors.py`).
        "set" | "aset" => (ReadWrite, Gives::Scalar),
        "remove" | "clear" | "aremove" | "aclear" => (Write, Gives::Scalar),
        _ => return None,
    })
}

/// Whether only managers and querysets have a method of this name: other objects have a `get` and an `update`, too.
#[must_use]
pub fn is_of_managers(name: &str) -> bool {
    matches!(
        name,
        "all"
            | "exclude"
            | "order_by"
            | "distinct"
            | "annotate"
            | "aggregate"
            | "select_related"
            | "prefetch_related"
            | "select_for_update"
            | "values_list"
            | "get_or_create"
            | "update_or_create"
            | "bulk_create"
            | "bulk_update"
            | "in_bulk"
            | "exists"
            | "iterator"
            | "aget"
            | "acreate"
            | "aget_or_create"
    )
}

/// Whether the second part of a lookup stays in the column of the first: Django's lookups of related fields, and the
/// key. Source: `django/db/models/fields/related_lookups.py`.
#[must_use]
pub fn is_column_lookup(name: &str) -> bool {
    matches!(name, "pk" | "id" | "in" | "exact" | "isnull" | "gt" | "gte" | "lt" | "lte")
}

/// Whether a method of a manager or queryset issues a statement when it is called: others wait for an evaluation.
#[must_use]
pub fn is_statement(name: &str) -> bool {
    matches!(
        method(name),
        Some((_, Gives::Instance | Gives::InstanceAndFlag | Gives::Instances | Gives::InstancesByKey | Gives::Scalar))
    )
}

/// Methods of a manager or queryset whose keywords are lookups or field names.
#[must_use]
pub fn takes_lookups(name: &str) -> bool {
    matches!(
        name,
        "filter"
            | "exclude"
            | "get"
            | "create"
            | "update"
            | "get_or_create"
            | "update_or_create"
            | "complex_filter"
            | "aget"
            | "acreate"
            | "aupdate"
            | "aget_or_create"
            | "aupdate_or_create"
            | "Q"
            | "When"
            | "get_object_or_404"
            | "get_list_or_404"
    )
}

/// What an access and a later one on the same rows come to: a chain's last word, or all that a function does.
#[must_use]
pub fn combine(a: Access, b: Access) -> Access {
    fn rank(access: Access) -> u8 {
        match access {
            Access::None => 0,
            Access::Read => 1,
            Access::Unknown => 2,
            Access::ReadWrite => 3,
            Access::Write => 4,
            Access::Delete => 5,
            Access::Schema => 6,
        }
    }
    if rank(a) >= rank(b) { a } else { b }
}

/// What a method of an instance does: `save`, `delete` and their kin.
#[must_use]
pub fn instance_method(name: &str) -> Option<Access> {
    match name {
        "save" | "asave" | "save_base" => Some(Access::Write),
        "delete" | "adelete" => Some(Access::Delete),
        "refresh_from_db" | "arefresh_from_db" => Some(Access::Read),
        _ => None,
    }
}

/// Functions of Django that take a model, manager or queryset and query it.
#[must_use]
pub fn shortcut(dotted: &str) -> Option<(Access, Gives)> {
    match dotted.rsplit('.').next() {
        Some("get_object_or_404" | "aget_object_or_404") => Some((Access::Read, Gives::Instance)),
        Some("get_list_or_404" | "aget_list_or_404") => Some((Access::Read, Gives::Instances)),
        _ => None,
    }
}

/// Attributes through which a model class gives its managers, whatever the model declares.
#[must_use]
pub fn is_default_manager(name: &str) -> bool {
    matches!(name, "objects" | "_default_manager" | "_base_manager")
}

/// Exception classes that every model has (`base.py`, `ModelBase.__new__`; 5.0's `NotUpdated` in 6.0).
#[must_use]
pub fn is_exception(name: &str) -> bool {
    matches!(name, "DoesNotExist" | "MultipleObjectsReturned" | "NotUpdated")
}
