//! A Django field: what of it the database sees.
//!
//! A field is read from the call that makes it ([`Field::read`]); a custom class is followed through its bases, its
//! `__init__` and its `db_type`, `rel_db_type` and `get_internal_type`, which the evaluator runs for MySQL.

mod read;
mod types;

use std::collections::BTreeMap;

use crate::django::Version;
use crate::schema::Server;

pub use read::CONNECTION;
pub(crate) use read::{expression_sql, literal_sql, native_answer, native_attribute, native_deconstruct};
pub use types::{BUILTIN, auto_field, builtin_type, canonical, defaults, effective_type, field_class, largest_integer};

/// Where a model, a field or an operation stands in the sources.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SourceLocation {
    /// The file as reports show it.
    pub file: String,
    /// The 1-based line.
    pub line: u32,
}

/// The version of Django and the server that types are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The version whose rules for columns hold.
    pub django: Version,
    /// The server whose types the columns have.
    pub server: Server,
}

impl Default for Target {
    /// The newest version, and the server that is assumed when none is named.
    fn default() -> Self {
        Self { django: Version::NEWEST, server: Server::default() }
    }
}

/// A field.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The dotted name of its class.
    pub class: String,
    /// Django's class it is or derives from, such as `CharField`.
    pub base: &'static str,
    /// `get_internal_type()`
    pub internal_type: String,
    /// `db_type()` of a custom class; `Some(None)` is no column at all.
    pub own_type: Option<Option<String>>,
    /// `rel_db_type()` of a custom class.
    pub own_rel_type: Option<String>,
    /// Why the type is unknown.
    pub unknown: Option<String>,
    /// `null`: whether the column takes NULL.
    pub null: bool,
    /// `blank`: decides the default of an added column.
    pub blank: bool,
    /// `unique`, as given or implied by the class.
    pub unique: bool,
    /// `primary_key`, given or implied by the class.
    pub primary_key: bool,
    /// `db_index`, given or implied by the class.
    pub db_index: bool,
    /// `db_column`; `None` when the name of the field decides.
    pub db_column: Option<String>,
    /// `db_collation`, or the collation a custom class chooses for MySQL.
    pub db_collation: Option<String>,
    /// `db_comment`, from Django 4.2 on; empty without one.
    pub db_comment: String,
    /// `max_length`, in characters.
    pub max_length: Option<i64>,
    /// `max_digits`, `decimal_places`
    pub digits: Option<(i64, i64)>,
    /// The default that Python gives.
    pub default: DefaultValue,
    /// Whether `auto_now` or `auto_now_add`.
    pub auto_now: bool,
    /// `db_default`: its text, to compare, and its SQL where it is plain.
    pub db_default: Option<(String, Option<String>)>,
    /// `GeneratedField`: the expression's text, whether it is stored, and its column's type.
    pub generated: Option<Box<Generated>>,
    /// The relation, when the field is one.
    pub relation: Option<Relation>,
    /// The arguments that Django compares to decide whether the column must be altered.
    pub signature: BTreeMap<String, String>,
    /// `deconstruct()`'s path, for the same comparison.
    pub path: String,
    /// The call that makes the field.
    pub place: SourceLocation,
}

/// A `GeneratedField` (Django 5.0): its expression and its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// The expression as SQL, where it is plain.
    pub sql: Option<String>,
    /// `db_persist`: stored when true, computed when read otherwise.
    pub stored: bool,
    /// `output_field`, whose type the column has.
    pub output: Field,
}

/// A default given in Python.
#[derive(Clone, Debug, PartialEq)]
pub enum DefaultValue {
    /// No default was given.
    Absent,
    /// `default=None`
    None,
    /// A plain value, as SQL, and whether it is an empty string.
    Sql(String, bool),
    /// A value that is computed when it is needed.
    Computed,
}

/// The kinds of relation between two models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// `ForeignKey`
    ForeignKey,
    /// `OneToOneField`
    OneToOne,
    /// `ManyToManyField`
    ManyToMany,
    /// `ForeignObject`: no column of its own.
    ForeignObject,
}

/// The target of a relation, with what decides its constraint or table.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// Whether it is a key, a one-to-one key or a many-to-many.
    pub kind: RelationKind,
    /// The model: `app.model` in lower case, or a name alone, or `self`; `None` when it is unknown.
    pub to: Option<String>,
    /// `to_field`; `None` for the primary key.
    pub to_field: Option<String>,
    /// `db_constraint`: whether the database has the foreign key.
    pub db_constraint: bool,
    /// Whether the other side has no accessor (`related_name` ends in `+`).
    pub hidden: bool,
    /// `related_name`, with its placeholders.
    pub related_name: Option<String>,
    /// `related_query_name`, with its placeholders.
    pub related_query_name: Option<String>,
    /// `parent_link` of multi-table inheritance.
    pub parent_link: bool,
    /// `on_delete` when the database does it (Django 6.1).
    pub on_delete: Option<String>,
    /// `through`, as a label; `None` when Django makes the table.
    pub through: Option<String>,
    /// `db_table` of a many-to-many.
    pub db_table: Option<String>,
    /// Of a `GenericRelation` (django/contrib/contenttypes/fields.py): the model whose rows point here, as in `to`, and
    /// its field with the ids.
    pub generic: Option<(String, String)>,
}

impl Field {
    /// Whether the column's values are unique, as in Django's `unique` property.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        self.unique || self.primary_key
    }

    /// Whether it is a many-to-many.
    #[must_use]
    pub fn many_to_many(&self) -> bool {
        self.relation.as_ref().is_some_and(|r| r.kind == RelationKind::ManyToMany)
    }

    /// Its relation when it has a column: a foreign key or a one-to-one.
    #[must_use]
    pub fn foreign_key(&self) -> Option<&Relation> {
        self.relation.as_ref().filter(|r| matches!(r.kind, RelationKind::ForeignKey | RelationKind::OneToOne))
    }

    /// Its relation when the database has a constraint for it.
    #[must_use]
    pub fn constrained(&self) -> Option<&Relation> {
        self.foreign_key().filter(|r| r.db_constraint)
    }

    /// The column's name for a field of a name.
    #[must_use]
    pub fn column(&self, name: &str) -> String {
        match (&self.db_column, self.foreign_key()) {
            (Some(column), _) if !column.is_empty() => column.clone(),
            (_, Some(_)) => format!("{name}_id"),
            _ => name.to_owned(),
        }
    }
}
