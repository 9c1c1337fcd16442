//! Built-in names and the parts of the standard library that settings and migrations use.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Args, Eval, Interp, Site, Value, eval};
use crate::ast::{ExprKind, Stmt, StmtKind};

/// A built-in name.
pub(super) fn name<'p>(name: &str) -> Option<Value<'p>> {
    const NAMES: &[&str] = &[
        "abs",
        "all",
        "any",
        "basestring",
        "bool",
        "bytes",
        "callable",
        "classmethod",
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
        "min",
        "next",
        "object",
        "open",
        "ord",
        "chr",
        "print",
        "property",
        "range",
        "reload",
        "repr",
        "reversed",
        "round",
        "set",
        "setattr",
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
        "__import__",
        "NotImplemented",
        "__debug__",
        "delattr",
        "memoryview",
        "bytearray",
        "complex",
        "slice",
    ];
    if NAMES.contains(&name) || name.ends_with("Error") || name.ends_with("Exception") || name.ends_with("Warning") {
        return Some(Value::External(format!("builtins.{name}").into()));
    }
    None
}

/// Values of the standard library.
pub(super) fn external<'p>(dotted: &str) -> Option<Value<'p>> {
    Some(match dotted {
        "sys.version_info" => {
            Value::Tuple([Value::Int(3), Value::Int(11), Value::Int(0), Value::str("final"), Value::Int(0)].into())
        }
        "sys.version_info.major" => Value::Int(3),
        "sys.argv" => Value::list(vec![Value::str("manage.py"), Value::str("migrate")]),
        "sys.platform" => Value::str("linux"),
        "os.sep" => Value::str("/"),
        "six.PY2" => Value::Bool(false),
        "six.PY3" => Value::Bool(true),
        "six.text_type" | "six.string_types" | "django.utils.six.text_type" => Value::External("builtins.str".into()),
        _ => return None,
    })
}

/// Calls a built-in function.
pub(super) fn call<'p>(interp: &mut Interp<'p>, name: &str, args: Args<'p>, site: Site<'p>) -> Eval<Value<'p>> {
    let first = args.pos.first().cloned();
    let items = first.as_ref().and_then(|v| interp.iterate(v));
    let unknown = || match &first {
        Some(Value::Unknown(reason)) => Value::Unknown(reason.clone()),
        _ => Value::Unknown(format!("{name}() of something not known").into()),
    };
    Ok(match name {
        "list" => match (&first, items) {
            (None, _) => Value::list(Vec::new()),
            (_, Some(items)) => Value::list(items),
            _ => unknown(),
        },
        "tuple" => match (&first, items) {
            (None, _) => Value::Tuple(Rc::new([])),
            (_, Some(items)) => Value::Tuple(items.into()),
            _ => unknown(),
        },
        "set" | "frozenset" => match (&first, items) {
            (None, _) => Value::set(Vec::new()),
            (_, Some(items)) => Value::set(items),
            _ => unknown(),
        },
        "dict" => {
            let dict = Value::dict(Vec::new());
            super::method::call(interp, &dict, "update", &args, site)?;
            dict
        }
        "len" => match items {
            Some(items) => Value::Int(i64::try_from(items.len()).unwrap_or(i64::MAX)),
            None => unknown(),
        },
        "str" | "unicode" => match &first {
            None => Value::str(""),
            Some(Value::Unknown(_)) => unknown(),
            Some(value) => Value::Str(value.to_text().into()),
        },
        "repr" => Value::Str(first.as_ref().map(Value::repr).unwrap_or_default().into()),
        "int" | "long" => match &first {
            None => Value::Int(0),
            Some(Value::Str(text)) => text.trim().parse().map_or_else(|_| unknown(), Value::Int),
            #[allow(clippy::cast_possible_truncation, reason = "as Python truncates")]
            Some(Value::Float(f)) => Value::Int(*f as i64),
            Some(value) => value.as_int().map_or_else(unknown, Value::Int),
        },
        "float" => match &first {
            Some(Value::Str(text)) => text.trim().parse().map_or_else(|_| unknown(), Value::Float),
            Some(value) => value.clone(),
            None => Value::Float(0.0),
        },
        "bool" => match first.as_ref().map(Value::truth) {
            None => Value::Bool(false),
            Some(Some(b)) => Value::Bool(b),
            Some(None) => unknown(),
        },
        "sorted" | "reversed" => match items {
            Some(mut items) => {
                if name == "sorted" {
                    items.sort_by(|a, b| eval::order(a, b).unwrap_or(std::cmp::Ordering::Equal));
                }
                let reverse = args.kw.iter().any(|(n, v)| &**n == "reverse" && v.truth() == Some(true));
                if name == "reversed" || reverse {
                    items.reverse();
                }
                Value::list(items)
            }
            None => unknown(),
        },
        "range" | "xrange" => {
            let bounds: Option<Vec<i64>> = args.pos.iter().map(Value::as_int).collect();
            let (start, end, step) = match bounds.as_deref() {
                Some([end]) => (0, *end, 1),
                Some([start, end]) => (*start, *end, 1),
                Some([start, end, step]) if *step > 0 => (*start, *end, *step),
                _ => return Ok(unknown()),
            };
            if end.saturating_sub(start) / step > 100_000 {
                return Ok(Value::unknown("a long range"));
            }
            let mut out = Vec::new();
            let mut at = start;
            while at < end {
                out.push(Value::Int(at));
                at += step;
            }
            Value::list(out)
        }
        "enumerate" => match items {
            Some(items) => {
                let start = args.get(1, "start").and_then(Value::as_int).unwrap_or(0);
                Value::list((start..).zip(items).map(|(i, v)| Value::Tuple([Value::Int(i), v].into())).collect())
            }
            None => unknown(),
        },
        "zip" => {
            let lists: Option<Vec<Vec<Value<'p>>>> = args.pos.iter().map(|v| interp.iterate(v)).collect();
            let Some(lists) = lists else { return Ok(unknown()) };
            let shortest = lists.iter().map(Vec::len).min().unwrap_or(0);
            Value::list((0..shortest).map(|i| Value::Tuple(lists.iter().map(|l| l[i].clone()).collect())).collect())
        }
        "map" | "filter" => {
            let Some(items) = args.pos.get(1).and_then(|v| interp.iterate(v)) else { return Ok(unknown()) };
            let function = first.clone().unwrap_or(Value::None);
            let mut out = Vec::new();
            for item in items {
                let value = match &function {
                    Value::None => item.clone(),
                    function => interp.call(function, Args::positional(vec![item.clone()]), site)?,
                };
                match (name, value.truth()) {
                    ("map", _) => out.push(value),
                    (_, Some(true)) => out.push(item),
                    (_, Some(false)) => {}
                    (_, None) => return Ok(unknown()),
                }
            }
            Value::list(out)
        }
        "any" | "all" => {
            let Some(items) = items else { return Ok(unknown()) };
            let any = name == "any";
            let mut undecided = false;
            for item in items {
                match item.truth() {
                    Some(truth) if truth == any => return Ok(Value::Bool(any)),
                    Some(_) => {}
                    None => undecided = true,
                }
            }
            if undecided { unknown() } else { Value::Bool(!any) }
        }
        "min" | "max" => {
            let items = if args.pos.len() > 1 { Some(args.pos.clone()) } else { items };
            let Some(items) = items else { return Ok(unknown()) };
            let mut best: Option<Value<'p>> = None;
            for item in items {
                let better = match &best {
                    None => true,
                    Some(best) => match eval::order(&item, best) {
                        Some(order) => {
                            if name == "min" {
                                order.is_lt()
                            } else {
                                order.is_gt()
                            }
                        }
                        None => return Ok(unknown()),
                    },
                };
                if better {
                    best = Some(item);
                }
            }
            best.unwrap_or_else(unknown)
        }
        "sum" => {
            let Some(items) = items else { return Ok(unknown()) };
            let mut total = args.pos.get(1).cloned().unwrap_or(Value::Int(0));
            for item in items {
                total = interp.binary(crate::ast::BinOp::Add, &total, &item, site)?;
            }
            total
        }
        "abs" => first.as_ref().and_then(Value::as_int).map_or_else(unknown, |i| Value::Int(i.wrapping_abs())),
        "iter" => first.unwrap_or(Value::None),
        "next" => match items.and_then(|items| items.into_iter().next()) {
            Some(value) => value,
            None => args.pos.get(1).cloned().unwrap_or_else(unknown),
        },
        "hasattr" | "getattr" => {
            let (Some(object), Some(attribute)) = (&first, args.pos.get(1).and_then(Value::as_str)) else {
                return Ok(unknown());
            };
            let value = interp.quietly(|me| me.attribute(object, &attribute, site))?;
            let absent = matches!(value, Value::Unknown(_));
            match name {
                "hasattr" if object.is_unknown() => unknown(),
                "hasattr" => Value::Bool(!absent),
                _ if absent => args.pos.get(2).cloned().unwrap_or(value),
                _ => value,
            }
        }
        "setattr" => {
            if let (Some(object), Some(attribute), Some(value)) =
                (&first, args.pos.get(1).and_then(Value::as_str), args.pos.get(2))
            {
                match object {
                    Value::Object(o) => _ = o.attrs.borrow_mut().insert(attribute, value.clone()),
                    Value::Class(c) => _ = c.attrs.borrow_mut().insert(attribute, value.clone()),
                    _ => {}
                }
            }
            Value::None
        }
        "isinstance" | "issubclass" => {
            let (Some(object), Some(class)) = (&first, args.pos.get(1)) else { return Ok(unknown()) };
            is_instance(object, class).map_or_else(unknown, Value::Bool)
        }
        "callable" => Value::Bool(matches!(
            first,
            Some(Value::Function(_) | Value::Class(_) | Value::External(_) | Value::Bound(_))
        )),
        "type" => match (&first, args.pos.len()) {
            (Some(Value::Object(object)), 1) => object.class.clone(),
            _ => unknown(),
        },
        "print" | "object" | "delattr" => Value::None,
        "property" | "staticmethod" | "classmethod" => first.unwrap_or(Value::None),
        "__import__" => match first.as_ref().and_then(Value::as_str) {
            Some(module) => interp.module_or_external(&module),
            None => unknown(),
        },
        _ if name.ends_with("Error") || name.ends_with("Exception") || name.ends_with("Warning") => {
            interp.symbolic(&format!("builtins.{name}"), args.pos, site)
        }
        _ => unknown(),
    })
}

fn is_instance<'p>(object: &Value<'p>, class: &Value<'p>) -> Option<bool> {
    if let Value::Tuple(classes) = class {
        let answers: Vec<_> = classes.iter().map(|c| is_instance(object, c)).collect();
        return if answers.contains(&Some(true)) {
            Some(true)
        } else if answers.contains(&None) {
            None
        } else {
            Some(false)
        };
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

/// Calls a function of the standard library, or one that stands for plain values.
pub(super) fn library<'p>(
    interp: &mut Interp<'p>,
    name: &str,
    args: &Args<'p>,
    site: Site<'p>,
) -> Eval<Option<Value<'p>>> {
    let first = args.pos.first().cloned().unwrap_or(Value::None);
    Ok(Some(match name {
        "os.path.join" | "posixpath.join" => {
            args.pos.iter().skip(1).fold(first, |path, part| eval::join_path(&path, part))
        }
        "os.path.dirname" | "posixpath.dirname" => match first.as_str() {
            Some(text) => Value::str(text.rsplit_once('/').map_or("", |(dir, _)| dir)),
            None => first,
        },
        "os.path.abspath"
        | "os.path.realpath"
        | "os.path.normpath"
        | "os.path.expanduser"
        | "path.Path"
        | "path.path"
        | "pathlib.Path"
        | "pathlib.PurePath"
        | "django.utils.encoding.force_str" => first,
        "os.path.exists" | "os.path.isfile" | "os.path.isdir" => Value::unknown("the file system is not asked"),
        // The environment is not known; what code falls back to is what a plain deployment has.
        "os.environ.get" | "os.getenv" => args.get(1, "default").cloned().unwrap_or(Value::None),
        "copy.copy" | "copy.deepcopy" => deep_copy(&first, name == "copy.deepcopy"),
        "collections.OrderedDict" | "django.utils.datastructures.SortedDict" => {
            return call(interp, "dict", args.clone(), site).map(Some);
        }
        "collections.defaultdict" => Value::dict(Vec::new()),
        "itertools.chain" => {
            let mut out = Vec::new();
            for arg in &args.pos {
                match interp.iterate(arg) {
                    Some(items) => out.extend(items),
                    None => return Ok(Some(Value::unknown("a chain of something not known"))),
                }
            }
            Value::list(out)
        }
        "importlib.import_module" | "django.utils.importlib.import_module" => match first.as_str() {
            Some(module) => interp.module_or_external(&module),
            None => Value::unknown("a module that is not known"),
        },
        "django.utils.module_loading.import_string" => match first.as_str() {
            Some(dotted) => match dotted.rsplit_once('.') {
                Some((module, member)) => Value::Import(module.into(), member.into()),
                None => Value::unknown("a dotted name"),
            },
            None => first,
        },
        _ if name.ends_with("gettext_lazy")
            || name.ends_with("ugettext")
            || name.ends_with("gettext_noop")
            || name.ends_with(".gettext") =>
        {
            first
        }
        _ => return Ok(None),
    }))
}

fn deep_copy<'p>(value: &Value<'p>, deep: bool) -> Value<'p> {
    let inner = |v: &Value<'p>| if deep { deep_copy(v, true) } else { v.clone() };
    match value {
        Value::List(items) => Value::list(items.borrow().iter().map(inner).collect()),
        Value::Set(items) => Value::set(items.borrow().iter().map(inner).collect()),
        Value::Tuple(items) => Value::Tuple(items.iter().map(inner).collect()),
        Value::Dict(dict) => {
            let mut out = super::Dict::default();
            for (key, value) in dict.borrow().iter() {
                out.set(key.clone(), inner(value));
            }
            Value::Dict(Rc::new(RefCell::new(out)))
        }
        other => other.clone(),
    }
}

/// Whether a block could change what is evaluated: anything but reading, logging and passing.
pub(super) fn changes_something(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Empty | StmtKind::Print(_) | StmtKind::Raise(_) | StmtKind::Assert(_) => false,
        StmtKind::Expr(expr) => match &expr.kind {
            ExprKind::Str(_) => false,
            ExprKind::Call { func, .. } => {
                let name = func.as_dotted().and_then(|d| d.last().copied()).unwrap_or("");
                !matches!(name, "debug" | "info" | "warning" | "warn" | "error" | "exception" | "print" | "write")
            }
            _ => true,
        },
        StmtKind::If { body, orelse, .. } => changes_something(body) || changes_something(orelse),
        _ => true,
    })
}
