//! The types of Django's own fields, by version and server.

use super::{Field, Target};
use crate::django::Version;

/// Django's field classes with a column type, and what they default to.
pub const BUILTIN: &[&str] = &[
    "AutoField",
    "BigAutoField",
    "BigIntegerField",
    "BinaryField",
    "BooleanField",
    "CharField",
    "CommaSeparatedIntegerField",
    "CompositePrimaryKey",
    "DateField",
    "DateTimeField",
    "DecimalField",
    "DurationField",
    "EmailField",
    "Field",
    "FileField",
    "FilePathField",
    "FloatField",
    "ForeignKey",
    "ForeignObject",
    "GeneratedField",
    "GenericIPAddressField",
    "IPAddressField",
    "ImageField",
    "IntegerField",
    "JSONField",
    "ManyToManyField",
    "NullBooleanField",
    "OneToOneField",
    "OrderWrt",
    "PositiveBigIntegerField",
    "PositiveIntegerField",
    "PositiveSmallIntegerField",
    "RelatedField",
    "SlugField",
    "SmallAutoField",
    "SmallIntegerField",
    "TextField",
    "TimeField",
    "URLField",
    "UUIDField",
    "XMLField",
];

/// The name of Django's field class that a dotted name stands for.
#[must_use]
pub fn field_class(dotted: &str) -> Option<&'static str> {
    let (module, name) = dotted.rsplit_once('.')?;
    if module == "django.contrib.gis.db.models" || module.starts_with("django.db.models") {
        return BUILTIN.iter().find(|b| **b == name).copied();
    }
    // Fields without a column of their own.
    if module.starts_with("django.contrib.contenttypes") && name.starts_with("Generic") {
        return Some("RelatedField");
    }
    // PostgreSQL's JSONField became Django's own.
    if module.starts_with("django.contrib.postgres.fields") && name == "JSONField" {
        return Some("JSONField");
    }
    None
}

/// The path `deconstruct()` gives: Django's fields by their public name.
#[must_use]
pub fn canonical(dotted: &str) -> String {
    match field_class(dotted) {
        Some(name) => format!("django.db.models.{name}"),
        None => dotted.to_owned(),
    }
}

/// The class that `DEFAULT_AUTO_FIELD` names.
#[must_use]
pub fn auto_field(dotted: &str) -> Option<&'static str> {
    field_class(dotted)
}

/// The largest integer that Django accepts for a field of this internal type; `None` for a field without a range of its
/// own (`DatabaseOperations.integer_field_ranges`, django/db/backends/mysql/operations.py).
#[must_use]
pub fn largest_integer(internal_type: &str) -> Option<i128> {
    Some(match internal_type {
        "SmallAutoField" | "SmallIntegerField" => i128::from(i16::MAX),
        "PositiveSmallIntegerField" => i128::from(u16::MAX),
        "AutoField" | "IntegerField" => i128::from(i32::MAX),
        "PositiveIntegerField" => i128::from(u32::MAX),
        "BigAutoField" | "BigIntegerField" => i128::from(i64::MAX),
        "PositiveBigIntegerField" => i128::from(u64::MAX),
        _ => return None,
    })
}

/// What a class gives when an argument is absent: `max_length` and `db_index` and `unique`.
#[must_use]
pub fn defaults(class: &str, version: Version) -> (Option<i64>, bool, bool) {
    match class {
        "EmailField" => (Some(if version >= Version(1, 8) { 254 } else { 75 }), false, false),
        "URLField" => (Some(200), false, false),
        "FileField" | "ImageField" | "FilePathField" => (Some(100), false, false),
        "SlugField" => (Some(50), true, false),
        "GenericIPAddressField" => (Some(39), false, false),
        "IPAddressField" => (Some(15), false, false),
        "UUIDField" => (Some(32), false, false),
        "ForeignKey" => (None, true, false),
        "OneToOneField" => (None, true, true),
        _ => (None, false, false),
    }
}

/// The SQL of an internal type (`DatabaseWrapper.data_types` of the MySQL backend); `None` when there is no column.
#[must_use]
pub fn builtin_type(internal: &str, field: &Field, target: Target) -> Option<String> {
    let varchar = || format!("varchar({})", field.max_length.unwrap_or(255));
    // Django before 2.0 asks whether the server keeps microseconds, and takes MariaDB 10 for the 5.5.5 it says it is.
    let seen = if target.django < Version(2, 1) && target.server.version < (11, 0, 0) {
        target.server.version_as_old_django_sees()
    } else {
        target.server.version
    };
    let microseconds = target.django >= Version(2, 0) || (target.django >= Version(1, 8) && seen >= (5, 6, 4));
    let plain = match internal {
        "AutoField" => "integer AUTO_INCREMENT",
        "BigAutoField" => "bigint AUTO_INCREMENT",
        "SmallAutoField" => "smallint AUTO_INCREMENT",
        "BinaryField" => "longblob",
        "BooleanField" | "NullBooleanField" => "bool",
        "CharField"
        | "CommaSeparatedIntegerField"
        | "FileField"
        | "FilePathField"
        | "SlugField"
        | "EmailField"
        | "URLField" => {
            return Some(varchar());
        }
        "DateField" => "date",
        "DateTimeField" if microseconds => "datetime(6)",
        "DateTimeField" => "datetime",
        "DecimalField" => {
            let (digits, places) = field.digits.unwrap_or((10, 0));
            return Some(format!("numeric({digits}, {places})"));
        }
        "DurationField" | "BigIntegerField" => "bigint",
        "FloatField" => "double precision",
        "IntegerField" | "OrderWrt" | "OneToOneField" => "integer",
        "IPAddressField" => "char(15)",
        "GenericIPAddressField" => "char(39)",
        "JSONField" => "json",
        "PositiveBigIntegerField" => "bigint UNSIGNED",
        "PositiveIntegerField" => "integer UNSIGNED",
        "PositiveSmallIntegerField" => "smallint UNSIGNED",
        "SmallIntegerField" => "smallint",
        "TextField" | "XMLField" => "longtext",
        "TimeField" if microseconds => "time(6)",
        "TimeField" => "time",
        "UUIDField" if target.django >= Version(5, 0) && target.server.uuid_type() => "uuid",
        "UUIDField" => "char(32)",
        _ => return None,
    };
    Some(plain.to_owned())
}

/// The CHECK of an internal type (`data_type_check_constraints`, from Django 3.0 on).
#[must_use]
pub fn check(internal: &str, column: &str, target: Target) -> Option<String> {
    if target.django < Version(3, 0) || !target.server.checks() {
        return None;
    }
    match internal {
        "PositiveBigIntegerField" | "PositiveIntegerField" | "PositiveSmallIntegerField" => {
            Some(format!("`{column}` >= 0"))
        }
        _ => None,
    }
}

/// The type of a field that points nowhere: its own, or its internal type's.
#[must_use]
pub fn effective_type(field: &Field, target: Target) -> Option<String> {
    if let Some(own) = &field.own_type {
        return own.clone();
    }
    if let Some(generated) = &field.generated {
        return effective_type(&generated.output, target);
    }
    builtin_type(&field.internal_type, field, target)
}

impl Field {
    /// The type that columns pointing to this one have (`rel_db_type`, Django 1.10's
    /// `db/models/fields/__init__.py`; before, a special case in `ForeignKey.db_type`).
    #[must_use]
    pub fn rel_type(&self, target: Target) -> Option<String> {
        if let Some(own) = &self.own_rel_type {
            return Some(own.clone());
        }
        // A field derived from AutoField gives the type of the integer, whatever its own `db_type` says.
        let integer = match self.base {
            "AutoField" => "IntegerField",
            "BigAutoField" => "BigIntegerField",
            "SmallAutoField" => "SmallIntegerField",
            _ => return effective_type(self, target),
        };
        builtin_type(integer, self, target)
    }

    /// The CHECK of its column.
    #[must_use]
    pub fn check(&self, column: &str, target: Target) -> Option<String> {
        let internal = self.generated.as_ref().map_or(&self.internal_type, |g| &g.output.internal_type);
        check(internal, column, target)
    }
}
