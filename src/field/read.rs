//! Reading a field from the call that makes it.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{DefaultValue, Field, Generated, Relation, RelationKind, SourceLocation, Target, types};
use crate::ast::{ExprKind, Stmt, StmtKind};
use crate::django::Version;
use crate::literal::{Args, Class, Code, Interp, Names, Object, Site, Value};
use crate::schema::quote_string;

/// The dotted name that stands for a connection to the database.
pub const CONNECTION: &str = "django.db.connection";

impl Field {
    /// The field that a value is; `None` when it is no field, with the reason.
    ///
    /// # Errors
    ///
    /// When the value is not an instance of a class that derives from one of Django's fields.
    pub fn read<'p>(interp: &mut Interp<'p>, value: &Value<'p>, target: Target) -> Result<Self, String> {
        let Value::Object(object) = value else {
            return Err(match value {
                Value::Unknown(reason) => format!("the field is unknown: {reason}"),
                other => format!("{} is not a field", other.repr()),
            });
        };
        let Some(base) = base_of(object) else {
            let class = object.external().map_or_else(|| object.class.repr(), |c| c.to_string());
            return Err(format!("the class {class} was not found"));
        };
        let mut field = plain(object, base, target);
        if let Some(class) = object.user_class() {
            field.class = class.dotted();
            field.path = field.class.clone();
            // Django's own relations and `Field` say no internal type but the name of the class.
            if matches!(base, "ForeignKey" | "OneToOneField" | "ForeignObject" | "ManyToManyField" | "Field") {
                field.internal_type = class.name.to_string();
            }
            custom(interp, value, object, &mut field);
        }
        if base == "GeneratedField"
            && let Some(output) = object.arg(1, "output_field")
        {
            let output = Self::read(interp, &output, target)?;
            field.generated = Some(Box::new(Generated {
                sql: object.arg(0, "expression").and_then(|e| expression_sql(&e)),
                stored: object.arg(2, "db_persist").is_some_and(|v| v.truth() == Some(true)),
                output,
            }));
        }
        Ok(field)
    }
}

/// Django's field class that an object is or derives from.
fn base_of(object: &Object<'_>) -> Option<&'static str> {
    // `Field` itself comes last in Python's order, whatever stands before it among the bases.
    let found: Vec<&'static str> = object.externals().iter().filter_map(|e| types::field_class(e)).collect();
    found.iter().find(|name| **name != "Field").or(found.first()).copied()
}

fn truth(kwargs: &Names<'_>, name: &str, default: bool) -> bool {
    kwargs.get(name).and_then(Value::truth).unwrap_or(default)
}

fn text(kwargs: &Names<'_>, name: &str) -> Option<String> {
    kwargs.get(name).and_then(Value::as_str).map(|s| s.to_string()).filter(|s| !s.is_empty())
}

/// The names of a class's positional arguments.
fn positional(base: &str) -> &'static [&'static str] {
    match base {
        "ForeignKey" => &[
            "to",
            "on_delete",
            "related_name",
            "related_query_name",
            "limit_choices_to",
            "parent_link",
            "to_field",
            "db_constraint",
        ],
        "OneToOneField" => &["to", "on_delete", "to_field"],
        "ForeignObject" => &["to", "on_delete", "from_fields", "to_fields"],
        "ManyToManyField" => &[
            "to",
            "related_name",
            "related_query_name",
            "limit_choices_to",
            "symmetrical",
            "through",
            "through_fields",
            "db_constraint",
            "db_table",
        ],
        "DecimalField" => &["verbose_name", "name", "max_digits", "decimal_places"],
        "DateField" | "DateTimeField" | "TimeField" => &["verbose_name", "name", "auto_now", "auto_now_add"],
        "FileField" | "ImageField" => &["verbose_name", "name", "upload_to", "storage"],
        "GeneratedField" => &["expression", "output_field", "db_persist"],
        "CompositePrimaryKey" => &[],
        _ => &[
            "verbose_name",
            "name",
            "primary_key",
            "max_length",
            "unique",
            "blank",
            "null",
            "db_index",
            "rel",
            "default",
        ],
    }
}

/// All arguments by name, positional ones by the signature of the base.
fn named<'p>(object: &Object<'p>, base: &str) -> Names<'p> {
    let mut kwargs = object.kwargs.borrow().clone();
    for (name, value) in positional(base).iter().zip(object.args.borrow().iter()) {
        kwargs.entry((*name).into()).or_insert_with(|| value.clone());
    }
    kwargs
}

/// The field as Django's own class makes it of the arguments.
fn plain<'p>(object: &Rc<Object<'p>>, base: &'static str, target: Target) -> Field {
    let kwargs = named(object, base);
    let (max_length, db_index, unique) = types::defaults(base, target.django);
    let mut relation = relation(&kwargs, base, target.django);
    if let Some(relation) = &mut relation {
        relation.generic = generic(object, &kwargs);
    }
    let number = |name: &str| kwargs.get(name).and_then(Value::as_int);
    let internal_type = match base {
        "EmailField" | "URLField" | "CommaSeparatedIntegerField" => "CharField",
        "ImageField" => "FileField",
        "ForeignObject" | "CompositePrimaryKey" | "Field" => "",
        "OrderWrt" => "IntegerField",
        // Two of Django's that keep a name of their own, and are what they are named.
        other => other,
    };
    let digits = number("max_digits").map(|d| (d, number("decimal_places").unwrap_or(0)));
    let default = default(kwargs.get("default"));
    let columnless = ["ForeignObject", "CompositePrimaryKey", "ManyToManyField", "RelatedField"];
    let own_type = columnless.contains(&base).then_some(None);
    let null = match base {
        "NullBooleanField" => true,
        _ => truth(&kwargs, "null", false),
    };
    let max_length = match base {
        "GenericIPAddressField" | "IPAddressField" | "UUIDField" => max_length,
        _ => number("max_length").or(max_length),
    };
    let mut signature = signature(&kwargs, base, target.django);
    if base == "CompositePrimaryKey" {
        let names: Vec<String> = object.args.borrow().iter().filter_map(Value::as_str).map(|s| s.to_string()).collect();
        signature.insert(String::from("fields"), names.join(","));
    }
    let db_default = kwargs.get("db_default").filter(|v| !is_not_provided(v)).map(|v| (v.repr(), expression_sql(v)));
    Field {
        class: format!("django.db.models.{base}"),
        path: format!("django.db.models.{base}"),
        base,
        internal_type: internal_type.to_owned(),
        own_type,
        own_rel_type: None,
        unknown: computed(&kwargs),
        null,
        blank: truth(&kwargs, "blank", false),
        unique: truth(&kwargs, "unique", unique),
        primary_key: truth(&kwargs, "primary_key", false),
        db_index: truth(&kwargs, "db_index", db_index),
        db_column: text(&kwargs, "db_column"),
        db_collation: text(&kwargs, "db_collation"),
        db_comment: text(&kwargs, "db_comment").unwrap_or_default(),
        max_length,
        digits,
        default,
        auto_now: truth(&kwargs, "auto_now", false) || truth(&kwargs, "auto_now_add", false),
        db_default,
        generated: None,
        relation,
        signature,
        place: SourceLocation { file: object.site.module.path.clone(), line: object.site.line() },
    }
}

/// Why the column is not sure: an argument that shapes it is computed.
fn computed(kwargs: &Names<'_>) -> Option<String> {
    const SHAPING: &[&str] =
        &["max_length", "max_digits", "decimal_places", "null", "unique", "primary_key", "db_index", "db_column"];
    SHAPING.iter().find_map(|name| match kwargs.get(*name) {
        Some(Value::Unknown(reason)) => Some(format!("{name} is computed ({reason})")),
        _ => None,
    })
}

fn is_not_provided(value: &Value<'_>) -> bool {
    matches!(value, Value::External(name) if name.ends_with("NOT_PROVIDED"))
}

/// The parts of two fields that Django compares to decide whether anything must be altered: the arguments that differ from the
/// defaults, but for those that no database sees.
fn signature(kwargs: &Names<'_>, base: &str, version: Version) -> BTreeMap<String, String> {
    const UNSEEN: &[&str] = &[
        "blank",
        "db_column",
        "editable",
        "error_messages",
        "help_text",
        "limit_choices_to",
        "on_delete",
        "related_name",
        "related_query_name",
        "validators",
        "verbose_name",
        "name",
    ];
    let mut out = BTreeMap::new();
    for (name, value) in kwargs {
        let name = &**name;
        if UNSEEN.contains(&name) || (name == "choices" && version >= Version(4, 1)) {
            continue;
        }
        let text = match (name, value.as_str()) {
            ("to" | "through", Some(to)) => to.to_lowercase(),
            _ => value.repr(),
        };
        let default = match name {
            "null" | "unique" | "primary_key" | "db_index" | "auto_created" | "auto_now" | "auto_now_add"
            | "parent_link" | "swappable" => {
                let given = match (base, name) {
                    ("SlugField" | "ForeignKey" | "OneToOneField", "db_index") | (_, "swappable") => "True",
                    ("OneToOneField", "unique") => "True",
                    _ => "False",
                };
                text == given
            }
            "db_constraint" | "serialize" => text == "True",
            "max_length" | "db_tablespace" | "to_field" | "db_collation" | "db_comment" | "through"
            | "related_query" => text == "None",
            _ => false,
        };
        if !default {
            out.insert(name.to_owned(), text);
        }
    }
    // Fields that always have one do not name it.
    if matches!(base, "UUIDField" | "GenericIPAddressField" | "IPAddressField") {
        out.remove("max_length");
    }
    out
}

/// A default as the SQL that fills existing rows.
fn default(value: Option<&Value<'_>>) -> DefaultValue {
    match value {
        None => DefaultValue::Absent,
        Some(value) if is_not_provided(value) => DefaultValue::Absent,
        Some(Value::None) => DefaultValue::None,
        Some(value) => match value {
            Value::External(name) => match &**name {
                "builtins.dict" => DefaultValue::Sql(String::from("'{}'"), false),
                "builtins.list" => DefaultValue::Sql(String::from("'[]'"), false),
                "builtins.str" | "builtins.unicode" | "builtins.bytes" => DefaultValue::Sql(String::from("''"), true),
                "builtins.bool" | "builtins.int" => DefaultValue::Sql(String::from("0"), false),
                _ => DefaultValue::Computed,
            },
            other => match literal_sql(other) {
                Some(sql) => {
                    let empty = sql == "''";
                    DefaultValue::Sql(sql, empty)
                }
                None => DefaultValue::Computed,
            },
        },
    }
}

/// A plain value as SQL.
pub(crate) fn literal_sql(value: &Value<'_>) -> Option<String> {
    Some(match value {
        Value::None => String::from("NULL"),
        Value::Bool(b) => String::from(if *b { "1" } else { "0" }),
        Value::Int(i) => i.to_string(),
        Value::Float(f) => f.to_string(),
        Value::Str(text) | Value::Bytes(text) => quote_string(text),
        Value::Dict(_) | Value::List(_) => quote_string(&json(value)?),
        _ => return None,
    })
}

fn json(value: &Value<'_>) -> Option<String> {
    Some(match value {
        Value::None => String::from("null"),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Str(text) => serde_json::Value::String(text.to_string()).to_string(),
        Value::List(items) => {
            let items: Option<Vec<String>> = items.borrow().iter().map(json).collect();
            format!("[{}]", items?.join(", "))
        }
        Value::Dict(dict) => {
            let items: Option<Vec<String>> =
                dict.borrow().iter().map(|(k, v)| Some(format!("{}: {}", json(k)?, json(v)?))).collect();
            format!("{{{}}}", items?.join(", "))
        }
        _ => return None,
    })
}

/// A database expression as SQL, where it is plain: values, columns, arithmetic, a few functions.
pub(crate) fn expression_sql(value: &Value<'_>) -> Option<String> {
    let Value::Object(object) = value else { return literal_sql(value) };
    let class = object.external()?;
    let argument = |i: usize| object.args.borrow().get(i).and_then(expression_sql);
    let column = |i: usize| match object.args.borrow().get(i) {
        Some(Value::Str(name)) => Some(format!("`{name}`")),
        Some(other) => expression_sql(other),
        None => None,
    };
    Some(match class.rsplit('.').next()? {
        "F" => format!("`{}`", object.args.borrow().first()?.as_str()?),
        "Value" => argument(0)?,
        "Now" => String::from("CURRENT_TIMESTAMP(6)"),
        // django/db/models/functions/math.py and uuid.py; `Random` is RAND on MySQL.
        "Pi" => String::from("PI()"),
        "Random" => String::from("RAND()"),
        "UUID4" => String::from("UUID()"),
        // An order says nothing of the value.
        "asc" | "desc" => argument(0)?,
        "Lower" => format!("LOWER({})", column(0)?),
        "Upper" => format!("UPPER({})", column(0)?),
        "Length" => format!("CHAR_LENGTH({})", column(0)?),
        "Concat" => {
            let parts: Option<Vec<String>> = (0..object.args.borrow().len()).map(column).collect();
            format!("CONCAT({})", parts?.join(", "))
        }
        "add" => format!("({} + {})", argument(0)?, argument(1)?),
        "sub" => format!("({} - {})", argument(0)?, argument(1)?),
        "mul" => format!("({} * {})", argument(0)?, argument(1)?),
        "div" => format!("({} / {})", argument(0)?, argument(1)?),
        _ => return None,
    })
}

/// A model by its name or its class.
pub(crate) fn model_name(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Str(text) => Some(text.to_lowercase()),
        // A class of models.py: its app follows from its module, in the code that has the list of apps.
        Value::Class(class) => Some(format!("@{}", class.dotted())),
        Value::External(name) => {
            let class = name.rsplit('.').next().unwrap_or(name).to_lowercase();
            // Django's own apps are labelled by their package.
            let app = name.strip_prefix("django.contrib.").and_then(|rest| rest.split('.').next());
            Some(app.map_or(class.clone(), |app| format!("{app}.{class}")))
        }
        Value::Object(object) => match object.args.borrow().as_slice() {
            // `get_user_model()`, `apps.get_model(…)`.
            [Value::Str(app), Value::Str(model)] => Some(format!("{app}.{model}").to_lowercase()),
            // `orm['app.Model']` of South.
            args => args.first().and_then(model_name),
        },
        _ => None,
    }
}

fn relation(kwargs: &Names<'_>, base: &str, version: Version) -> Option<Relation> {
    let kind = match base {
        "ForeignKey" => RelationKind::ForeignKey,
        "OneToOneField" => RelationKind::OneToOne,
        // A relation of another package, such as tags: it has a table elsewhere and no column here.
        "ManyToManyField" | "RelatedField" => RelationKind::ManyToMany,
        "ForeignObject" => RelationKind::ForeignObject,
        _ => return None,
    };
    let related_name = text(kwargs, "related_name");
    // Before Django 2.0 the second positional argument could be `to_field`.
    let on_delete = match kwargs.get("on_delete") {
        Some(Value::External(name)) if version >= Version(6, 1) => match name.rsplit('.').next() {
            Some("DB_CASCADE") => Some(String::from("CASCADE")),
            Some("DB_SET_NULL") => Some(String::from("SET NULL")),
            Some("DB_SET_DEFAULT") => Some(String::from("SET DEFAULT")),
            _ => None,
        },
        _ => None,
    };
    let to_field = text(kwargs, "to_field").or_else(|| match kwargs.get("on_delete") {
        Some(Value::Str(name)) => Some(name.to_string()),
        _ => None,
    });
    Some(Relation {
        kind,
        to: kwargs.get("to").and_then(model_name),
        to_field,
        db_constraint: truth(kwargs, "db_constraint", true),
        hidden: related_name.as_ref().is_some_and(|n| n.ends_with('+')),
        related_name,
        related_query_name: text(kwargs, "related_query_name"),
        parent_link: truth(kwargs, "parent_link", false),
        on_delete,
        through: match kwargs.get("through") {
            Some(Value::None) | None => (base == "RelatedField").then(|| String::from("-")),
            Some(value) => model_name(value),
        },
        db_table: text(kwargs, "db_table"),
        generic: None,
    })
}

/// The model and the field that a `GenericRelation(to, object_id_field="object_id")` names.
fn generic(object: &Object<'_>, kwargs: &Names<'_>) -> Option<(String, String)> {
    if !object.externals().iter().any(|class| class.ends_with(".GenericRelation")) {
        return None;
    }
    let to = object.arg(0, "to").and_then(|to| model_name(&to))?;
    Some((to, text(kwargs, "object_id_field").unwrap_or_else(|| String::from("object_id"))))
}

/// Whether a class of many-to-many fields makes the table between both models itself: its `contribute_to_class` sets
/// `through`.
fn makes_its_table(class: &Rc<Class<'_>>) -> bool {
    class.mro().iter().any(|base| {
        let Value::Class(base) = base else { return false };
        let Some(Value::Function(function)) = base.attrs.borrow().get("contribute_to_class").cloned() else {
            return false;
        };
        match function.code {
            Code::Def(def) => sets_through(&def.body),
            Code::Lambda(..) => true,
        }
    })
}

fn sets_through(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| {
        let sets = match &stmt.kind {
            StmtKind::Assign { targets, .. } => targets
                .iter()
                .any(|target| matches!(&target.kind, ExprKind::Attribute { attr, .. } if attr.name == "through")),
            _ => false,
        };
        sets || stmt.bodies().into_iter().any(sets_through)
    })
}

/// What a custom class overrides, as the evaluator finds it.
fn custom<'p>(interp: &mut Interp<'p>, value: &Value<'p>, object: &Rc<Object<'p>>, field: &mut Field) {
    let Some(class) = object.user_class().cloned() else { return };
    if field.base == "ManyToManyField" && makes_its_table(&class) {
        field.unknown = Some(String::from("contribute_to_class() makes the table between the two models"));
    }
    let site = object.site;
    let run = |interp: &mut Interp<'p>, name: &str, with_connection: bool| -> Option<Result<Value<'p>, String>> {
        if !matches!(class.lookup(name), Some(Value::Function(_))) {
            return class.lookup(name).map(Ok);
        }
        let connection = interp.symbolic(CONNECTION, Vec::new(), site);
        let args = if with_connection { vec![connection] } else { Vec::new() };
        let outcome = interp
            .attribute(value, name, site)
            .and_then(|method| interp.call(&method, Args::positional(args), site))
            .map_err(|e| format!("{name}() raises {}", e.class));
        Some(outcome)
    };
    // A class attribute such as `empty_strings_allowed` is of no interest here; these methods are.
    match run(interp, "get_internal_type", false) {
        Some(Ok(Value::Str(name))) => field.internal_type = name.to_string(),
        Some(Ok(Value::Unknown(reason))) => field.unknown = Some(format!("get_internal_type() is unknown: {reason}")),
        _ => {}
    }
    match run(interp, "db_type", true) {
        Some(Ok(Value::Str(sql))) => field.own_type = Some(Some(sql.to_string())),
        Some(Ok(Value::None)) => field.own_type = Some(None),
        Some(Ok(Value::Unknown(reason))) => field.unknown = Some(format!("db_type() is unknown: {reason}")),
        Some(Err(reason)) => field.unknown = Some(reason),
        _ => {}
    }
    match run(interp, "rel_db_type", true) {
        Some(Ok(Value::Str(sql))) => field.own_rel_type = Some(sql.to_string()),
        Some(Ok(Value::Unknown(reason))) => field.unknown = Some(format!("rel_db_type() is unknown: {reason}")),
        _ => {}
    }
    if let Some(Ok(Value::Dict(parameters))) = run(interp, "db_parameters", true) {
        let parameters = parameters.borrow();
        match parameters.get_str("type") {
            Some(Value::Str(sql)) => field.own_type = Some(Some(sql.to_string())),
            Some(Value::None) => field.own_type = Some(None),
            _ => {}
        }
        if let Some(Value::Str(collation)) = parameters.get_str("collation") {
            field.db_collation = Some(collation.to_string());
        }
    }
    // What `__init__` set on the instance counts as much as what reached Django's own.
    let attrs = object.attrs.borrow();
    if let Some(length) = attrs.get("max_length").and_then(Value::as_int) {
        field.max_length = Some(length);
    }
    for (name, slot) in [("null", &mut field.null), ("blank", &mut field.blank), ("db_index", &mut field.db_index)] {
        if let Some(truth) = attrs.get(name).and_then(Value::truth) {
            *slot = truth;
        }
    }
    if let Some(unique) = attrs.get("_unique").and_then(Value::truth) {
        field.unique = unique;
    }
}

/// The type a field object has by Django's own rules: what `super().db_type(connection)` answers.
pub(crate) fn native_answer<'p>(object: &Rc<Object<'p>>, method: &str, target: Target) -> Option<Value<'p>> {
    let base = base_of(object)?;
    let field = plain(object, base, target);
    let text = |t: Option<String>| t.map_or(Value::None, |t| Value::str(&t));
    Some(match method {
        "get_internal_type" => Value::str(&field.internal_type),
        "db_type" => text(types::effective_type(&field, target)),
        "rel_db_type" => text(field.rel_type(target)),
        "db_parameters" => Value::dict(vec![
            (Value::str("type"), text(types::effective_type(&field, target))),
            (Value::str("check"), Value::None),
        ]),
        _ => return None,
    })
}

/// An attribute of a field object that follows from its arguments.
pub(crate) fn native_attribute<'p>(object: &Rc<Object<'p>>, name: &str, target: Target) -> Option<Value<'p>> {
    let base = base_of(object)?;
    let kwargs = named(object, base);
    let (max_length, db_index, unique) = types::defaults(base, target.django);
    if let Some(value) = kwargs.get(name) {
        return Some(value.clone());
    }
    Some(match name {
        "max_length" => max_length.map_or(Value::None, Value::Int),
        "db_index" => Value::Bool(db_index),
        "unique" | "_unique" => Value::Bool(unique),
        "null" | "blank" | "primary_key" | "auto_now" | "auto_now_add" | "auto_created" => Value::Bool(false),
        "editable" | "serialize" => Value::Bool(true),
        "db_column" | "choices" | "db_collation" | "name" | "verbose_name" => Value::None,
        _ => return None,
    })
}

/// What `super().deconstruct()` answers.
pub(crate) fn native_deconstruct<'p>(object: &Rc<Object<'p>>, _site: Site<'p>) -> Option<Value<'p>> {
    let base = base_of(object)?;
    let path = match &object.class {
        Value::Class(class) => class.dotted(),
        _ => format!("django.db.models.{base}"),
    };
    let kwargs = named(object, base).into_iter().map(|(k, v)| (Value::Str(k), v)).collect();
    Some(Value::tuple([Value::None, Value::str(&path), Value::list(Vec::new()), Value::dict(kwargs)]))
}
