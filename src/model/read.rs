//! Options, indexes and constraints from values.

use std::rc::Rc;

use super::{ConstraintDecl, Fields, IndexDecl, Options};
use crate::field::{Field, Target, expression_sql};
use crate::literal::{Interp, Object, Value};

/// The strings of a sequence.
pub(crate) fn strings(value: &Value<'_>) -> Vec<String> {
    value.items().unwrap_or_default().iter().filter_map(Value::as_str).map(|s| s.to_string()).collect()
}

/// `unique_together` and the like: a sequence of sequences, or one sequence alone (`normalize_together`).
pub(crate) fn string_lists(value: &Value<'_>) -> Vec<Vec<String>> {
    let items = match value {
        Value::Str(_) | Value::None => return Vec::new(),
        other => other.items().unwrap_or_default(),
    };
    if items.first().is_some_and(|first| first.as_str().is_some()) {
        return vec![strings(value)];
    }
    let mut lists: Vec<Vec<String>> = items.iter().map(strings).filter(|l| !l.is_empty()).collect();
    let mut seen = Vec::new();
    lists.retain(|list| {
        let new = !seen.contains(list);
        if new {
            seen.push(list.clone());
        }
        new
    });
    lists
}

/// `[('name', Field()), …]`; what is no field comes back with its name and the reason.
pub(crate) fn fields<'p>(
    interp: &mut Interp<'p>,
    value: &Value<'p>,
    target: Target,
) -> (Fields, Vec<(String, String)>) {
    let mut fields = Fields::default();
    let mut problems = Vec::new();
    let pairs: Vec<(Value<'p>, Value<'p>)> = match value {
        Value::Dict(dict) => dict.borrow().iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        other => other
            .items()
            .unwrap_or_default()
            .iter()
            .filter_map(|pair| {
                let pair = pair.items()?;
                Some((pair.first()?.clone(), pair.get(1)?.clone()))
            })
            .collect(),
    };
    for (name, value) in pairs {
        let Some(name) = name.as_str() else {
            problems.push((String::from("?"), String::from("the field's name is unknown")));
            continue;
        };
        match Field::read(interp, &value, target) {
            Ok(field) => {
                fields.insert(name.to_string(), Rc::new(field));
            }
            Err(reason) => problems.push((name.to_string(), reason)),
        }
    }
    (fields, problems)
}

/// Sets the options that a lookup finds.
pub(crate) fn options_from<'p>(
    options: &mut Options,
    get: &dyn Fn(&str) -> Option<Value<'p>>,
    table: &dyn Fn() -> (String, String),
) {
    let text = |name: &str| get(name).map(|v| v.as_str().map(|s| s.to_string()).filter(|s| !s.is_empty()));
    let truth = |name: &str| get(name).and_then(|v| v.truth());
    if let Some(value) = text("db_table") {
        options.db_table = value;
    }
    if let Some(value) = truth("managed") {
        options.managed = value;
    }
    if let Some(value) = truth("proxy") {
        options.proxy = value;
    }
    if let Some(value) = truth("abstract") {
        options.is_abstract = value;
    }
    if let Some(value) = text("swappable") {
        options.swappable = value;
    }
    if let Some(value) = get("unique_together") {
        options.unique_together = string_lists(&value);
    }
    if let Some(value) = get("index_together") {
        options.index_together = string_lists(&value);
    }
    if let Some(value) = text("order_with_respect_to") {
        options.order_with_respect_to = value;
    }
    if let Some(value) = text("db_table_comment") {
        options.comment = value.unwrap_or_default();
    }
    if let Some(value) = get("indexes") {
        let (app, class) = table();
        options.indexes = value
            .items()
            .unwrap_or_default()
            .iter()
            .filter_map(index)
            .map(|index| Rc::new(IndexDecl { name: named(&index.name, &app, &class), ..index }))
            .collect();
    }
    if let Some(value) = get("constraints") {
        let (app, class) = table();
        options.constraints = value
            .items()
            .unwrap_or_default()
            .iter()
            .filter_map(constraint)
            .map(|c| Rc::new(with_names(c, &app, &class)))
            .collect();
    }
}

/// `%(app_label)s` and `%(class)s` in a name that an abstract model gives.
fn named(name: &str, app: &str, class: &str) -> String {
    name.replace("%(app_label)s", &app.to_lowercase()).replace("%(class)s", &class.to_lowercase())
}

fn with_names(mut decl: ConstraintDecl, app: &str, class: &str) -> ConstraintDecl {
    let (ConstraintDecl::Unique { name, .. } | ConstraintDecl::Check { name, .. } | ConstraintDecl::Other { name, .. }) =
        &mut decl;
    *name = named(name, app, class);
    decl
}

fn text(object: &Object<'_>, name: &str) -> String {
    object.kwarg(name).and_then(|v| v.as_str()).map(|s| s.to_string()).unwrap_or_default()
}

/// The fields that an expression is: `F('x')`, `'x'`, `OrderBy(F('x'))`, `F('x').desc()`.
fn plain_field(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Str(name) => Some(name.trim_start_matches('-').to_owned()),
        Value::Object(object) => {
            let class = object.external()?;
            if class.rsplit('.').next() == Some("F") {
                return object.args.borrow().first().and_then(|v| v.as_str()).map(|s| s.to_string());
            }
            None
        }
        _ => None,
    }
}

/// An index.
pub(crate) fn index(value: &Value<'_>) -> Option<IndexDecl> {
    let Value::Object(object) = value else { return None };
    let class = object.external()?;
    let class = class.rsplit('.').next().unwrap_or("Index").to_owned();
    let fields = object.kwarg("fields").map(|v| strings(&v)).unwrap_or_default();
    let suffix = match class.as_str() {
        "GinIndex" => "gin",
        "GistIndex" => "gist",
        "BrinIndex" => "brin",
        "HashIndex" => "hash",
        "BTreeIndex" => "btree",
        "SpGistIndex" => "spgist",
        "BloomIndex" => "bloom",
        _ => "idx",
    };
    let mut expressions: Vec<Value<'_>> = object.args.borrow().clone();
    let mut fields = fields;
    // Before Django 3.2 there were no expressions: the first positional argument was `fields`.
    if fields.is_empty()
        && let Some(list @ (Value::List(_) | Value::Tuple(_))) = expressions.first()
    {
        fields = strings(list);
        expressions.remove(0);
    }
    Some(IndexDecl {
        name: text(object, "name"),
        fields: fields.iter().map(|f| (f.trim_start_matches('-').to_owned(), f.starts_with('-'))).collect(),
        first_field: expressions.first().and_then(plain_field),
        expressions: expressions
            .iter()
            .map(|e| plain_field(e).map(|f| format!("`{f}`")).or_else(|| expression_sql(e)))
            .collect(),
        suffix: suffix.to_owned(),
    })
}

/// A constraint.
pub(crate) fn constraint(value: &Value<'_>) -> Option<ConstraintDecl> {
    let Value::Object(object) = value else { return None };
    let name = text(object, "name");
    let class = object.external()?.to_string();
    let given = |name: &str| object.kwarg(name).is_some_and(|v| !matches!(v, Value::None));
    let filled = |name: &str| object.kwarg(name).is_some_and(|v| v.truth() == Some(true));
    Some(match class.rsplit('.').next()? {
        "UniqueConstraint" => ConstraintDecl::Unique {
            name,
            fields: object.kwarg("fields").map(|v| strings(&v)).unwrap_or_default(),
            expressions: object
                .args
                .borrow()
                .iter()
                .map(|e| plain_field(e).map(|f| format!("`{f}`")).or_else(|| expression_sql(e)))
                .collect(),
            unsupported: given("condition") || given("deferrable") || filled("include") || given("nulls_distinct"),
            opclasses: filled("opclasses"),
        },
        "CheckConstraint" => {
            let condition = object.kwarg("condition").or_else(|| object.kwarg("check"));
            ConstraintDecl::Check { name, sql: condition.and_then(|c| condition_sql(&c)) }
        }
        _ => ConstraintDecl::Other { name, class },
    })
}

/// `Q(field__lookup=value)` as SQL, where it is plain.
fn condition_sql(value: &Value<'_>) -> Option<String> {
    let Value::Object(object) = value else { return None };
    let class = object.external()?;
    match class.rsplit('.').next()? {
        "Q" => {
            let mut parts = Vec::new();
            for arg in object.args.borrow().iter() {
                match arg {
                    Value::Tuple(pair) => {
                        parts.push(lookup_sql(&pair.first()?.as_str()?, pair.get(1)?)?);
                    }
                    other => parts.push(condition_sql(other)?),
                }
            }
            for (name, value) in object.kwargs.borrow().iter() {
                if &**name == "_connector" || &**name == "_negated" {
                    return None;
                }
                parts.push(lookup_sql(name, value)?);
            }
            Some(parts.join(" AND "))
        }
        "bitor" | "bitand" => {
            let word = if class.ends_with("bitor") { "OR" } else { "AND" };
            let args = object.args.borrow();
            Some(format!("({} {word} {})", condition_sql(args.first()?)?, condition_sql(args.get(1)?)?))
        }
        "inv" => Some(format!("NOT ({})", condition_sql(object.args.borrow().first()?)?)),
        _ => None,
    }
}

fn lookup_sql(name: &str, value: &Value<'_>) -> Option<String> {
    let (field, lookup) = name.split_once("__").unwrap_or((name, "exact"));
    let column = format!("`{field}`");
    if lookup == "isnull" {
        return Some(format!("{column} IS {}NULL", if value.truth()? { "" } else { "NOT " }));
    }
    if lookup == "in" {
        let items: Option<Vec<String>> = value.items()?.iter().map(expression_sql).collect();
        return Some(format!("{column} IN ({})", items?.join(", ")));
    }
    let operator = match lookup {
        "exact" => "=",
        "gt" => ">",
        "gte" => ">=",
        "lt" => "<",
        "lte" => "<=",
        _ => return None,
    };
    Some(format!("{column} {operator} {}", expression_sql(value)?))
}
