//! Methods of built-in values.

use std::cell::RefCell;
use std::rc::Rc;

use super::operator::{join_path, position};
use super::{Args, Dict, Eval, Interp, Site, Value, sequence, text};
use crate::source::GapKind;

/// Calls the method `name` of a built-in value.
pub(super) fn call<'p>(
    interp: &mut Interp<'p>,
    receiver: &Value<'p>,
    name: &str,
    args: &Args<'p>,
    site: Site<'p>,
) -> Eval<Value<'p>> {
    Ok(match receiver {
        Value::Str(text) | Value::Bytes(text) => return string(interp, text, name, args, site),
        Value::List(list) => return list_method(interp, list, name, args, site),
        Value::Dict(_) => return dict_method(interp, receiver, name, args, site),
        Value::Set(set) => return set_method(interp, set, name, args),
        Value::Tuple(items) => match name {
            "index" => {
                interp.budget.items(items.len())?;
                let at = args.pos.first().and_then(|value| value.find_in(items).ok().flatten());
                at.and_then(|i| i64::try_from(i).ok()).map_or_else(|| Value::unknown("not in the tuple"), Value::Int)
            }
            _ => Value::Unknown(format!("the method {name} of a tuple").into()),
        },
        Value::Unknown(_) => match args.pos.as_slice() {
            [_, default] => default.clone(),
            _ => receiver.clone(),
        },
        _ => Value::Unknown(format!("the method {name}").into()),
    })
}

fn set_method<'p>(
    interp: &mut Interp<'p>,
    set: &Rc<RefCell<Dict<'p>>>,
    name: &str,
    args: &Args<'p>,
) -> Eval<Value<'p>> {
    if name == "add" {
        interp.budget.items(1)?;
        if let Some(element) = args.pos.first() {
            set.borrow_mut().add(element.clone());
        }
        return Ok(Value::None);
    }
    if matches!(name, "discard" | "remove") {
        if let Some(gone) = args.pos.first() {
            interp.budget.items(set.borrow().0.len())?;
            set.borrow_mut().remove(gone);
        }
        return Ok(Value::None);
    }
    let mut other = Dict::default();
    for arg in &args.pos {
        let Some(items) = interp.iterate(arg)? else {
            return Ok(Value::Unknown(format!("{name}() of an unknown value").into()));
        };
        items.into_iter().for_each(|item| other.add(item));
    }
    interp.budget.items(set.borrow().0.len() + other.0.len())?;
    let own = set.borrow().clone();
    let keep = |keep: &dyn Fn(bool) -> bool| {
        let kept = own.0.iter().filter(|(key, _)| keep(other.0.contains_key(*key)));
        Value::set(kept.map(|(_, (element, _))| element.clone()).collect())
    };
    Ok(match name {
        "update" => {
            let mut set = set.borrow_mut();
            other.iter().for_each(|(element, _)| set.add(element.clone()));
            Value::None
        }
        "union" => Value::set(own.iter().chain(other.iter()).map(|(element, _)| element.clone()).collect()),
        "difference" => keep(&|known| !known),
        "intersection" => keep(&|known| known),
        "issubset" => Value::Bool(own.0.keys().all(|key| other.0.contains_key(key))),
        "issuperset" => Value::Bool(other.0.keys().all(|key| own.0.contains_key(key))),
        "isdisjoint" => Value::Bool(!other.0.keys().any(|key| own.0.contains_key(key))),
        "copy" => keep(&|_| true),
        "clear" => {
            set.borrow_mut().0.clear();
            Value::None
        }
        _ => Value::Unknown(format!("the method {name} of a set").into()),
    })
}

fn string<'p>(interp: &mut Interp<'p>, text: &Rc<str>, name: &str, args: &Args<'p>, site: Site<'p>) -> Eval<Value<'p>> {
    // Every method reads the text, and most copy it.
    interp.budget.bytes(text.len())?;
    let arg = |i: usize| args.pos.get(i).and_then(Value::as_str);
    let width = || args.pos.first().and_then(Value::as_int).map(|i| usize::try_from(i).unwrap_or(0));
    let fill = || args.pos.get(1).map_or(Some(' '), |fill| fill.as_str()?.chars().next());
    let any = |f: &dyn Fn(&str) -> bool| match args.pos.first() {
        Some(Value::Str(p)) => Value::Bool(f(p)),
        Some(Value::Tuple(items)) => Value::Bool(items.iter().filter_map(Value::as_str).any(|p| f(&p))),
        _ => Value::unknown("a prefix that is unknown"),
    };
    Ok(match name {
        "format" => return interp.formatted(text::format(text, args), site),
        "format_map" => match args.pos.first() {
            Some(Value::Dict(dict)) => {
                let kw = dict.borrow().iter().filter_map(|(k, v)| Some((k.as_str()?, v.clone()))).collect();
                return interp.formatted(text::format(text, &Args { pos: Vec::new(), kw }), site);
            }
            _ => Value::unknown("a format with values that are unknown"),
        },
        "join" => return join(interp, text, args, site),
        "split" | "rsplit" | "splitlines" | "partition" | "rpartition" => return split(interp, text, name, args, site),
        "replace" => match (arg(0), arg(1)) {
            (Some(from), Some(to)) => {
                let limit = args.get(2, "count").and_then(Value::as_int).and_then(|n| usize::try_from(n).ok());
                let count = text.matches(&*from).count().min(limit.unwrap_or(usize::MAX));
                let bytes = text.len().saturating_add(count.saturating_mul(to.len()));
                match interp.limit(0, bytes, site)? {
                    Some(unknown) => unknown,
                    None => Value::Str(text.replacen(&*from, &to, count).into()),
                }
            }
            _ => Value::unknown("a replacement that is unknown"),
        },
        "lower" | "casefold" => Value::Str(text.to_lowercase().into()),
        "upper" => Value::Str(text.to_uppercase().into()),
        "capitalize" => Value::Str(capitalized(text).into()),
        "title" => {
            let is_letter = |c: char| c.is_alphabetic();
            let mut out = String::with_capacity(text.len());
            let mut rest = &**text;
            while let Some(start) = rest.find(is_letter) {
                let end = rest[start..].find(|c| !is_letter(c)).map_or(rest.len(), |end| start + end);
                out.push_str(&rest[..start]);
                out.push_str(&capitalized(&rest[start..end]));
                rest = &rest[end..];
            }
            out.push_str(rest);
            Value::Str(out.into())
        }
        "strip" | "lstrip" | "rstrip" => {
            let set: Vec<char> = arg(0).map_or_else(|| " \t\r\n".chars().collect(), |s| s.chars().collect());
            interp.budget.bytes(set.len().saturating_mul(text.len()))?;
            let trimmed = match name {
                "strip" => text.trim_matches(&set[..]),
                "lstrip" => text.trim_start_matches(&set[..]),
                _ => text.trim_end_matches(&set[..]),
            };
            Value::str(trimmed)
        }
        "removeprefix" => arg(0).map_or(Value::unknown("a prefix that is unknown"), |prefix| {
            Value::str(text.strip_prefix(&*prefix).unwrap_or(text))
        }),
        "removesuffix" => arg(0).map_or(Value::unknown("a suffix that is unknown"), |suffix| {
            Value::str(text.strip_suffix(&*suffix).unwrap_or(text))
        }),
        "startswith" => any(&|p| text.starts_with(p)),
        "endswith" => any(&|p| text.ends_with(p)),
        "encode" | "decode" | "abspath" | "absolute" | "resolve" | "expanduser" => Value::Str(text.clone()),
        "isdigit" | "isnumeric" => Value::Bool(!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())),
        "count" => match arg(0) {
            Some(needle) => Value::Int(i64::try_from(text.matches(&*needle).count()).unwrap_or(0)),
            None => Value::unknown("a count"),
        },
        "find" => match arg(0) {
            Some(needle) => {
                let at = text.find(&*needle).map(|at| text[..at].chars().count());
                Value::Int(at.and_then(|i| i64::try_from(i).ok()).unwrap_or(-1))
            }
            None => Value::unknown("a search"),
        },
        "zfill" => match width() {
            Some(width) => {
                let (sign, digits) = match text.strip_prefix('-') {
                    Some(digits) => ("-", digits),
                    None => ("", &**text),
                };
                let padded = text::pad(digits, '>', width.saturating_sub(sign.len()), '0');
                match interp.formatted(padded, site)? {
                    Value::Str(digits) if !sign.is_empty() => Value::Str(format!("{sign}{digits}").into()),
                    other => other,
                }
            }
            None => Value::unknown("a width that is unknown"),
        },
        "ljust" | "rjust" | "center" => match (width(), fill()) {
            (Some(width), Some(fill)) => {
                let align = match name {
                    "ljust" => '<',
                    "rjust" => '>',
                    _ => '^',
                };
                return interp.formatted(text::pad(text, align, width, fill), site);
            }
            _ => Value::unknown("a width that is unknown"),
        },
        // Paths are text here.
        "dirname" | "parent" => Value::str(text.rsplit_once('/').map_or("", |(dir, _)| dir)),
        "joinpath" => args.pos.iter().fold(Value::Str(text.clone()), |path, part| join_path(&path, part)),
        _ => Value::Unknown(format!("the method {name} of a string").into()),
    })
}

/// The first letter large, the others small.
fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}", chars.as_str().to_lowercase())
}

fn join<'p>(interp: &mut Interp<'p>, text: &str, args: &Args<'p>, site: Site<'p>) -> Eval<Value<'p>> {
    let unknown = || Value::unknown("a join of an unknown value");
    let Some(items) = args.pos.first().map(|v| interp.iterate(v)).transpose()?.flatten() else {
        return Ok(unknown());
    };
    let parts: Option<Vec<Rc<str>>> = items.iter().map(Value::as_str).collect();
    let Some(parts) = parts else { return Ok(unknown()) };
    let between = text.len().saturating_mul(parts.len().saturating_sub(1));
    let bytes = parts.iter().fold(between, |sum, part| sum.saturating_add(part.len()));
    if let Some(unknown) = interp.limit(0, bytes, site)? {
        return Ok(unknown);
    }
    let mut out = String::with_capacity(bytes);
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.push_str(text);
        }
        out.push_str(part);
    }
    Ok(Value::Str(out.into()))
}

/// The methods that cut a text.
fn split<'p>(interp: &mut Interp<'p>, text: &Rc<str>, name: &str, args: &Args<'p>, site: Site<'p>) -> Eval<Value<'p>> {
    let separator = args.get(0, "sep").and_then(Value::as_str);
    if let "partition" | "rpartition" = name {
        let separator = separator.unwrap_or_else(|| " ".into());
        let cut = if name == "partition" { text.split_once(&*separator) } else { text.rsplit_once(&*separator) };
        return Ok(match cut {
            Some((a, b)) => Value::tuple([Value::str(a), Value::Str(separator.clone()), Value::str(b)]),
            None if name == "partition" => Value::tuple([Value::Str(text.clone()), Value::str(""), Value::str("")]),
            None => Value::tuple([Value::str(""), Value::str(""), Value::Str(text.clone())]),
        });
    }
    let maximum = args.get(1, "maxsplit").and_then(Value::as_int).and_then(|n| usize::try_from(n).ok());
    let parts: Vec<&str> = match (name, separator, maximum) {
        ("splitlines", ..) => text.lines().collect(),
        (_, Some(separator), None) if !separator.is_empty() => text.split(&*separator).collect(),
        ("split", Some(separator), Some(n)) if !separator.is_empty() => {
            text.splitn(n.saturating_add(1), &*separator).collect()
        }
        (_, Some(separator), Some(n)) if !separator.is_empty() => {
            let mut parts: Vec<&str> = text.rsplitn(n.saturating_add(1), &*separator).collect();
            parts.reverse();
            parts
        }
        _ => text.split_whitespace().collect(),
    };
    Ok(match interp.limit(parts.len(), 0, site)? {
        Some(unknown) => unknown,
        None => Value::list(parts.into_iter().map(Value::str).collect()),
    })
}

fn list_method<'p>(
    interp: &mut Interp<'p>,
    list: &super::List<'p>,
    name: &str,
    args: &Args<'p>,
    site: Site<'p>,
) -> Eval<Value<'p>> {
    let first = || args.pos.first().cloned().unwrap_or(Value::None);
    let find = |value: &Value<'p>| value.find_in(&list.borrow()).ok().flatten();
    // All but these read, move or copy the whole list.
    match name {
        "append" => interp.budget.items(1)?,
        "pop" if args.pos.is_empty() => {}
        _ => interp.budget.items(list.borrow().len())?,
    }
    Ok(match name {
        "append" => {
            list.borrow_mut().push(first());
            Value::None
        }
        "extend" => {
            match args.pos.first().map(|v| interp.iterate(v)).transpose()?.flatten() {
                Some(items) => list.borrow_mut().extend(items),
                None => {
                    interp.gap(GapKind::Settings, site, "a list is extended by an unknown value");
                    list.borrow_mut().push(Value::unknown("the extension of the list is unknown"));
                }
            }
            Value::None
        }
        "insert" => {
            let len = list.borrow().len();
            let at = args.pos.first().and_then(Value::as_int).unwrap_or(0);
            let at = if at < 0 { position(at, len).unwrap_or(0) } else { usize::try_from(at).unwrap_or(0).min(len) };
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
            match position(at, len) {
                Some(at) => list.borrow_mut().remove(at),
                None => return Interp::raise("IndexError", "pop from an empty list"),
            }
        }
        "count" => {
            let value = first();
            let key = value.key();
            let count = list.borrow().iter().filter(|v| v.key() == key).count();
            Value::Int(i64::try_from(count).unwrap_or(0))
        }
        "sort" => {
            let items = list.borrow().clone();
            if let Some(Value::List(sorted)) = sequence::sorted(interp, items, args, site)? {
                list.swap(&sorted);
            }
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
    match name {
        "get" | "has_key" => {}
        "setdefault" => interp.budget.items(2)?,
        _ => interp.budget.items(dict.borrow().0.len() * 2)?,
    }
    Ok(match name {
        "get" => match dict.borrow().get(&key) {
            Some(value) => value.clone(),
            None if key.is_unknown() => key,
            None => default().unwrap_or(Value::None),
        },
        "items" | "iteritems" | "viewitems" => {
            Value::list(dict.borrow().iter().map(|(k, v)| Value::tuple([k.clone(), v.clone()])).collect())
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
                Some(Value::Dict(other)) => {
                    interp.budget.items(other.borrow().0.len() * 2)?;
                    other.borrow().iter().map(|(k, v)| (k.clone(), v.clone())).collect()
                }
                Some(other) => match interp.iterate(other)? {
                    Some(items) => items
                        .iter()
                        .filter_map(Value::items)
                        .filter_map(|pair| Some((pair.first()?.clone(), pair.get(1)?.clone())))
                        .collect(),
                    None => {
                        interp.gap(GapKind::Settings, site, "a dict is updated from an unknown value");
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
