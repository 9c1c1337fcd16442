//! Methods of built-in values.

use crate::source::GapKind;
use std::rc::Rc;

use super::{Args, Eval, Interp, Site, Value, eval, text};

/// Calls the method `name` of a built-in value.
pub(super) fn call<'p>(
    interp: &mut Interp<'p>,
    receiver: &Value<'p>,
    name: &str,
    args: &Args<'p>,
    site: Site<'p>,
) -> Eval<Value<'p>> {
    Ok(match receiver {
        Value::Str(text) | Value::Bytes(text) => string(interp, text, name, args),
        Value::List(list) => return list_method(interp, list, name, args, site),
        Value::Dict(_) => return dict_method(interp, receiver, name, args, site),
        Value::Set(set) => {
            let other = || args.pos.iter().filter_map(Value::items).flatten().collect::<Vec<_>>();
            match name {
                "add" => {
                    let mut items = set.borrow().clone();
                    items.extend(args.pos.iter().cloned());
                    if let Value::Set(unique) = Value::set(items) {
                        *set.borrow_mut() = unique.take();
                    }
                    Value::None
                }
                "update" => {
                    let mut items = set.borrow().clone();
                    items.extend(other());
                    if let Value::Set(unique) = Value::set(items) {
                        *set.borrow_mut() = unique.take();
                    }
                    Value::None
                }
                "union" => {
                    let mut items = set.borrow().clone();
                    items.extend(other());
                    Value::set(items)
                }
                "discard" | "remove" => {
                    if let Some(gone) = args.pos.first() {
                        set.borrow_mut().retain(|v| v.key() != gone.key());
                    }
                    Value::None
                }
                "difference" | "intersection" => {
                    let keys: Vec<_> = other().iter().map(Value::key).collect();
                    let keep = name == "intersection";
                    Value::set(set.borrow().iter().filter(|v| keys.contains(&v.key()) == keep).cloned().collect())
                }
                "issubset" => {
                    let keys: Vec<_> = other().iter().map(Value::key).collect();
                    Value::Bool(set.borrow().iter().all(|v| keys.contains(&v.key())))
                }
                "copy" => Value::set(set.borrow().clone()),
                _ => Value::Unknown(format!("the method {name} of a set").into()),
            }
        }
        Value::Tuple(items) => match name {
            "index" => items
                .iter()
                .position(|v| args.pos.first().is_some_and(|a| v.equals(a) == Some(true)))
                .and_then(|i| i64::try_from(i).ok())
                .map_or_else(|| Value::unknown("not in the tuple"), Value::Int),
            _ => Value::Unknown(format!("the method {name} of a tuple").into()),
        },
        Value::Unknown(_) => match args.pos.as_slice() {
            [_, default] => default.clone(),
            _ => receiver.clone(),
        },
        _ => Value::Unknown(format!("the method {name}").into()),
    })
}

fn string<'p>(interp: &mut Interp<'p>, text: &Rc<str>, name: &str, args: &Args<'p>) -> Value<'p> {
    let arg = |i: usize| args.pos.get(i).and_then(Value::as_str);
    let strings = |parts: Vec<&str>| Value::list(parts.into_iter().map(Value::str).collect());
    let any = |f: &dyn Fn(&str) -> bool| match args.pos.first() {
        Some(Value::Str(p)) => Value::Bool(f(p)),
        Some(Value::Tuple(items)) => Value::Bool(items.iter().filter_map(Value::as_str).any(|p| f(&p))),
        _ => Value::unknown("a prefix that is not known"),
    };
    match name {
        "format" => text::format(text, args),
        "format_map" => match args.pos.first() {
            Some(Value::Dict(dict)) => {
                let kw = dict.borrow().iter().filter_map(|(k, v)| Some((k.as_str()?, v.clone()))).collect();
                text::format(text, &Args { pos: Vec::new(), kw })
            }
            _ => Value::unknown("a format with values that are not known"),
        },
        "join" => {
            let Some(items) = args.pos.first().and_then(|v| interp.iterate(v)) else {
                return Value::unknown("a join of something not known");
            };
            let mut out = String::new();
            for (i, item) in items.iter().enumerate() {
                let Some(part) = item.as_str() else { return Value::unknown("a join of something not known") };
                if i > 0 {
                    out.push_str(text);
                }
                out.push_str(&part);
            }
            Value::Str(out.into())
        }
        "split" | "rsplit" => match (arg(0), args.get(1, "maxsplit").and_then(Value::as_int)) {
            (Some(sep), None | Some(-1)) if !sep.is_empty() => strings(text.split(&*sep).collect()),
            (Some(sep), Some(n)) if name == "split" && !sep.is_empty() => {
                strings(text.splitn(usize::try_from(n).unwrap_or(0) + 1, &*sep).collect())
            }
            (Some(sep), Some(n)) if !sep.is_empty() => {
                let mut parts: Vec<&str> = text.rsplitn(usize::try_from(n).unwrap_or(0) + 1, &*sep).collect();
                parts.reverse();
                strings(parts)
            }
            _ => strings(text.split_whitespace().collect()),
        },
        "splitlines" => strings(text.lines().collect()),
        "partition" | "rpartition" => {
            let sep = arg(0).unwrap_or_else(|| " ".into());
            let split = if name == "partition" { text.split_once(&*sep) } else { text.rsplit_once(&*sep) };
            match split {
                Some((a, b)) => Value::Tuple([Value::str(a), Value::Str(sep.clone()), Value::str(b)].into()),
                None if name == "partition" => {
                    Value::Tuple([Value::Str(text.clone()), Value::str(""), Value::str("")].into())
                }
                None => Value::Tuple([Value::str(""), Value::str(""), Value::Str(text.clone())].into()),
            }
        }
        "replace" => match (arg(0), arg(1)) {
            (Some(from), Some(to)) => Value::Str(text.replace(&*from, &to).into()),
            _ => Value::unknown("a replacement that is not known"),
        },
        "lower" | "casefold" => Value::Str(text.to_lowercase().into()),
        "upper" => Value::Str(text.to_uppercase().into()),
        "capitalize" | "title" => {
            let mut chars = text.chars();
            let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
            Value::Str(format!("{first}{}", chars.as_str().to_lowercase()).into())
        }
        "strip" | "lstrip" | "rstrip" => {
            let set: Vec<char> = arg(0).map_or_else(|| " \t\r\n".chars().collect(), |s| s.chars().collect());
            let trimmed = match name {
                "strip" => text.trim_matches(&set[..]),
                "lstrip" => text.trim_start_matches(&set[..]),
                _ => text.trim_end_matches(&set[..]),
            };
            Value::str(trimmed)
        }
        "startswith" => any(&|p| text.starts_with(p)),
        "endswith" => any(&|p| text.ends_with(p)),
        "encode" | "decode" | "abspath" | "absolute" | "resolve" | "expanduser" => Value::Str(text.clone()),
        "isdigit" | "isnumeric" => Value::Bool(!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())),
        "count" => match arg(0) {
            Some(needle) => Value::Int(i64::try_from(text.matches(&*needle).count()).unwrap_or(0)),
            None => Value::unknown("a count"),
        },
        "find" => match arg(0) {
            Some(needle) => Value::Int(text.find(&*needle).and_then(|i| i64::try_from(i).ok()).unwrap_or(-1)),
            None => Value::unknown("a search"),
        },
        "zfill" => {
            let width = args.pos.first().and_then(Value::as_int).and_then(|i| usize::try_from(i).ok()).unwrap_or(0);
            Value::Str(format!("{text:0>width$}").into())
        }
        // Paths are text here.
        "dirname" | "parent" => Value::str(text.rsplit_once('/').map_or("", |(dir, _)| dir)),
        "joinpath" => args.pos.iter().fold(Value::Str(text.clone()), |path, part| eval::join_path(&path, part)),
        _ => Value::Unknown(format!("the method {name} of a string").into()),
    }
}

fn list_method<'p>(
    interp: &mut Interp<'p>,
    list: &super::List<'p>,
    name: &str,
    args: &Args<'p>,
    site: Site<'p>,
) -> Eval<Value<'p>> {
    let first = || args.pos.first().cloned().unwrap_or(Value::None);
    let find = |value: &Value<'p>| list.borrow().iter().position(|v| v.equals(value) == Some(true));
    Ok(match name {
        "append" => {
            list.borrow_mut().push(first());
            Value::None
        }
        "extend" => {
            match args.pos.first().and_then(|v| interp.iterate(v)) {
                Some(items) => list.borrow_mut().extend(items),
                None => interp.gap(GapKind::Settings, site, "a list is extended by something that is not known"),
            }
            Value::None
        }
        "insert" => {
            let len = list.borrow().len();
            let at = args.pos.first().and_then(Value::as_int).unwrap_or(0);
            let at =
                if at < 0 { eval::position(at, len).unwrap_or(0) } else { usize::try_from(at).unwrap_or(0).min(len) };
            list.borrow_mut().insert(at, args.pos.get(1).cloned().unwrap_or(Value::None));
            Value::None
        }
        "remove" => match find(&first()) {
            Some(at) => {
                list.borrow_mut().remove(at);
                Value::None
            }
            None => return Interp::raise("ValueError", "not in the list"),
        },
        "index" => match find(&first()) {
            Some(at) => Value::Int(i64::try_from(at).unwrap_or(0)),
            None => return Interp::raise("ValueError", "not in the list"),
        },
        "pop" => {
            let len = list.borrow().len();
            let at = args.pos.first().and_then(Value::as_int).unwrap_or(-1);
            match eval::position(at, len) {
                Some(at) => list.borrow_mut().remove(at),
                None => return Interp::raise("IndexError", "pop from an empty list"),
            }
        }
        "count" => {
            let value = first();
            let count = list.borrow().iter().filter(|v| v.equals(&value) == Some(true)).count();
            Value::Int(i64::try_from(count).unwrap_or(0))
        }
        "sort" => {
            list.borrow_mut().sort_by(|a, b| eval::order(a, b).unwrap_or(std::cmp::Ordering::Equal));
            Value::None
        }
        "reverse" => {
            list.borrow_mut().reverse();
            Value::None
        }
        "clear" => {
            list.borrow_mut().clear();
            Value::None
        }
        "copy" => Value::list(list.borrow().clone()),
        _ => Value::Unknown(format!("the method {name} of a list").into()),
    })
}

fn dict_method<'p>(
    interp: &mut Interp<'p>,
    receiver: &Value<'p>,
    name: &str,
    args: &Args<'p>,
    site: Site<'p>,
) -> Eval<Value<'p>> {
    let Value::Dict(dict) = receiver else { return Ok(Value::None) };
    let key = args.pos.first().cloned().unwrap_or(Value::None);
    let default = || args.pos.get(1).cloned();
    Ok(match name {
        "get" => match dict.borrow().get(&key) {
            Some(value) => value.clone(),
            None if key.is_unknown() => key,
            None => default().unwrap_or(Value::None),
        },
        "items" | "iteritems" | "viewitems" => {
            Value::list(dict.borrow().iter().map(|(k, v)| Value::Tuple([k.clone(), v.clone()].into())).collect())
        }
        "keys" | "iterkeys" => Value::list(dict.borrow().iter().map(|(k, _)| k.clone()).collect()),
        "values" | "itervalues" => Value::list(dict.borrow().iter().map(|(_, v)| v.clone()).collect()),
        "has_key" => Value::Bool(dict.borrow().get(&key).is_some()),
        "setdefault" => {
            if let Some(value) = dict.borrow().get(&key) {
                return Ok(value.clone());
            }
            let value = default().unwrap_or(Value::None);
            dict.borrow_mut().set(key, value.clone());
            value
        }
        "pop" => match dict.borrow_mut().remove(&key) {
            Some(value) => value,
            None => match default() {
                Some(value) => value,
                None => return Interp::raise("KeyError", key.repr()),
            },
        },
        "update" => {
            let pairs = match args.pos.first() {
                Some(Value::Dict(other)) => other.borrow().iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
                Some(other) => match interp.iterate(other) {
                    Some(items) => items
                        .iter()
                        .filter_map(Value::items)
                        .filter_map(|pair| Some((pair.first()?.clone(), pair.get(1)?.clone())))
                        .collect(),
                    None => {
                        interp.gap(GapKind::Settings, site, "a dict is updated from something that is not known");
                        Vec::new()
                    }
                },
                None => Vec::new(),
            };
            let mut dict = dict.borrow_mut();
            for (key, value) in pairs {
                dict.set(key, value);
            }
            for (name, value) in &args.kw {
                dict.set(Value::Str(name.clone()), value.clone());
            }
            Value::None
        }
        "copy" => Value::Dict(Rc::new(std::cell::RefCell::new(dict.borrow().clone()))),
        "clear" => {
            dict.borrow_mut().0.clear();
            Value::None
        }
        _ => Value::Unknown(format!("the method {name} of a dict").into()),
    })
}
