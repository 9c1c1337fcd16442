//! Built-in names and functions.

use super::{Args, Eval, Interp, Site, Value, method, sequence};

/// The names that Python defines without an import, but for exceptions and constants of the grammar.
const NAMES: &[&str] = &[
    "NotImplemented",
    "__debug__",
    "__import__",
    "abs",
    "all",
    "any",
    "basestring",
    "bool",
    "bytearray",
    "bytes",
    "callable",
    "chr",
    "classmethod",
    "complex",
    "delattr",
    "dict",
    "dir",
    "enumerate",
    "eval",
    "exec",
    "filter",
    "float",
    "frozenset",
    "getattr",
    "globals",
    "hasattr",
    "hash",
    "hex",
    "id",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "locals",
    "long",
    "map",
    "max",
    "memoryview",
    "min",
    "next",
    "object",
    "open",
    "ord",
    "print",
    "property",
    "range",
    "reload",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "unicode",
    "vars",
    "xrange",
    "zip",
];

/// Whether a built-in name is that of an exception.
fn is_exception(name: &str) -> bool {
    ["Error", "Exception", "Warning"].iter().any(|end| name.ends_with(end))
}

/// The value of a name that Python defines without an import.
pub(super) fn name<'p>(name: &str) -> Option<Value<'p>> {
    (NAMES.binary_search(&name).is_ok() || is_exception(name))
        .then(|| Value::External(format!("builtins.{name}").into()))
}

/// The unknown result of a function.
pub(super) fn unknown_of<'p>(name: &str, first: Option<&Value<'p>>) -> Value<'p> {
    match first {
        Some(Value::Unknown(reason)) => Value::Unknown(reason.clone()),
        _ => Value::Unknown(format!("{name}() of an unknown value").into()),
    }
}

/// Calls a built-in function by its name.
pub(super) fn call<'p>(interp: &mut Interp<'p>, name: &str, args: Args<'p>, site: Site<'p>) -> Eval<Value<'p>> {
    Ok(match name {
        "list" | "tuple" | "set" | "frozenset" | "dict" => return collection(interp, name, &args, site),
        "str" | "unicode" | "repr" | "int" | "long" | "float" | "bool" | "abs" => {
            return scalar(interp, name, &args, site);
        }
        "hasattr" | "getattr" | "setattr" | "isinstance" | "issubclass" | "callable" | "type" => {
            return reflect(interp, name, &args, site);
        }
        "print" | "object" | "delattr" => Value::None,
        "property" | "staticmethod" | "classmethod" => args.pos.into_iter().next().unwrap_or(Value::None),
        "__import__" => match args.pos.first().and_then(Value::as_str) {
            Some(module) => interp.module_or_external(&module),
            None => unknown_of(name, args.pos.first()),
        },
        _ if is_exception(name) => interp.symbolic(&format!("builtins.{name}"), args.pos, site),
        _ => match sequence::call(interp, name, &args, site)? {
            Some(value) => value,
            None => unknown_of(name, args.pos.first()),
        },
    })
}

/// `list()`, `tuple()`, `set()`, `dict()`.
fn collection<'p>(interp: &mut Interp<'p>, name: &str, args: &Args<'p>, site: Site<'p>) -> Eval<Value<'p>> {
    if name == "dict" {
        let dict = Value::dict(Vec::new());
        method::call(interp, &dict, "update", args, site)?;
        return Ok(dict);
    }
    let items = match args.pos.first() {
        None => Some(Vec::new()),
        Some(value) => interp.iterate(value)?,
    };
    Ok(match (name, items) {
        (_, None) => unknown_of(name, args.pos.first()),
        ("list", Some(items)) => Value::list(items),
        ("tuple", Some(items)) => Value::tuple(items),
        (_, Some(items)) => Value::set(items),
    })
}

/// Text, numbers and truth.
fn scalar<'p>(interp: &mut Interp<'p>, name: &str, args: &Args<'p>, _: Site<'p>) -> Eval<Value<'p>> {
    let first = args.pos.first();
    let unknown = || unknown_of(name, first);
    let text = |interp: &mut Interp<'p>, text: String| {
        interp.budget.bytes(text.len())?;
        Ok(Value::Str(text.into()))
    };
    Ok(match (name, first) {
        ("str" | "unicode", None) => Value::str(""),
        ("str" | "unicode", Some(Value::Unknown(_))) => unknown(),
        ("str" | "unicode", Some(value)) => return text(interp, value.to_text()),
        ("repr", _) => return text(interp, first.map(Value::repr).unwrap_or_default()),
        ("int" | "long", None) => Value::Int(0),
        ("int" | "long", Some(Value::Str(text))) => {
            let base = args.get(1, "base").and_then(Value::as_int).unwrap_or(10);
            let base = u32::try_from(base).ok().filter(|base| (2..=36).contains(base));
            let number = base.and_then(|base| i64::from_str_radix(text.trim(), base).ok());
            number.map_or_else(unknown, Value::Int)
        }
        #[allow(clippy::cast_possible_truncation, reason = "as Python truncates")]
        ("int" | "long", Some(Value::Float(f))) => Value::Int(*f as i64),
        ("int" | "long", Some(value)) => value.as_int().map_or_else(unknown, Value::Int),
        ("float", None) => Value::Float(0.0),
        ("float", Some(Value::Str(text))) => text.trim().parse().map_or_else(|_| unknown(), Value::Float),
        #[allow(clippy::cast_precision_loss, reason = "as Python does")]
        ("float", Some(value)) => value.as_int().map_or_else(|| value.clone(), |i| Value::Float(i as f64)),
        ("bool", None) => Value::Bool(false),
        ("bool", Some(value)) => value.truth().map_or_else(unknown, Value::Bool),
        ("abs", Some(Value::Float(f))) => Value::Float(f.abs()),
        _ => first.and_then(Value::as_int).and_then(i64::checked_abs).map_or_else(unknown, Value::Int),
    })
}

/// Attributes and classes of values.
fn reflect<'p>(interp: &mut Interp<'p>, name: &str, args: &Args<'p>, site: Site<'p>) -> Eval<Value<'p>> {
    let first = args.pos.first();
    let unknown = || unknown_of(name, first);
    let attribute = args.pos.get(1).and_then(Value::as_str);
    Ok(match (name, first) {
        ("hasattr" | "getattr", Some(object)) => {
            let Some(attribute) = attribute else { return Ok(unknown()) };
            let value = interp.quietly(|me| me.attribute(object, &attribute, site))?;
            let absent = value.is_unknown();
            match name {
                "hasattr" if object.is_unknown() => unknown(),
                "hasattr" => Value::Bool(!absent),
                _ if absent => args.pos.get(2).cloned().unwrap_or(value),
                _ => value,
            }
        }
        ("setattr", _) => {
            if let (Some(object), Some(attribute), Some(value)) = (first, attribute, args.pos.get(2)) {
                interp.budget.items(1)?;
                match object {
                    Value::Object(o) => _ = o.attrs.borrow_mut().insert(attribute, value.clone()),
                    Value::Class(c) => _ = c.attrs.borrow_mut().insert(attribute, value.clone()),
                    Value::Module(module) => {
                        if let Some(scope) = interp.modules.get(module) {
                            scope.set(&attribute, value.clone());
                        }
                    }
                    _ => {}
                }
            }
            Value::None
        }
        ("isinstance" | "issubclass", Some(object)) => {
            let Some(class) = args.pos.get(1) else { return Ok(unknown()) };
            is_instance(object, class, 0).map_or_else(unknown, Value::Bool)
        }
        ("callable", _) => Value::Bool(matches!(
            first,
            Some(Value::Function(_) | Value::Class(_) | Value::External(_) | Value::Bound(_))
        )),
        ("type", Some(Value::Object(object))) if args.pos.len() == 1 => object.class.clone(),
        ("type", Some(Value::Str(name))) => match (args.pos.get(1), args.pos.get(2)) {
            (Some(bases), Some(Value::Dict(names))) => {
                let names = names.borrow();
                let attrs = names.iter().filter_map(|(name, value)| Some((name.as_str()?, value.clone()))).collect();
                return interp.new_class(name.clone(), None, site, bases.items().unwrap_or_default(), attrs);
            }
            _ => unknown(),
        },
        _ => unknown(),
    })
}

fn is_instance<'p>(object: &Value<'p>, class: &Value<'p>, depth: usize) -> Option<bool> {
    if let Value::Tuple(classes) = class {
        if depth > 4 {
            return None;
        }
        let mut undecided = false;
        for class in classes.iter() {
            match is_instance(object, class, depth + 1) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => undecided = true,
            }
        }
        return if undecided { None } else { Some(false) };
    }
    match (object, class) {
        (Value::Unknown(_), _) | (_, Value::Unknown(_)) => None,
        (Value::Object(o), _) => {
            let order = match &o.class {
                Value::Class(c) => c.mro(),
                other => vec![other.clone()],
            };
            Some(order.iter().any(|c| c.same_class(class)))
        }
        (Value::Class(c), _) => Some(c.mro().iter().any(|c| c.same_class(class))),
        (value, Value::External(name)) => Some(match &**name {
            "builtins.str" | "builtins.unicode" | "builtins.basestring" => matches!(value, Value::Str(_)),
            "builtins.list" => matches!(value, Value::List(_)),
            "builtins.tuple" => matches!(value, Value::Tuple(_)),
            "builtins.dict" => matches!(value, Value::Dict(_)),
            "builtins.set" | "builtins.frozenset" => matches!(value, Value::Set(_)),
            "builtins.int" | "builtins.long" => matches!(value, Value::Int(_) | Value::Bool(_)),
            "builtins.bool" => matches!(value, Value::Bool(_)),
            "builtins.float" => matches!(value, Value::Float(_)),
            _ => false,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_names_are_sorted() {
        assert!(super::NAMES.is_sorted());
    }
}
