//! Built-in functions on sequences: `len`, `sorted`, `range`, `zip`, `map`, `sum` and the like.

use super::budget::MAX_ITEMS;
use super::identity::sort_keys;
use super::{Args, Eval, Interp, Site, Value};
use crate::ast::BinOp;

/// Calls a function; `None` when it is not one of these, or what it is called with is unknown.
pub(super) fn call<'p>(
    interp: &mut Interp<'p>,
    name: &str,
    args: &Args<'p>,
    site: Site<'p>,
) -> Eval<Option<Value<'p>>> {
    if matches!(name, "len" | "range" | "xrange" | "zip" | "map" | "filter" | "iter") {
        return made_of_arguments(interp, name, args, site);
    }
    let items = match (name, args.pos.as_slice()) {
        ("min" | "max", [_, _, ..]) => Some(args.pos.clone()),
        (_, []) => None,
        (_, [value, ..]) => interp.iterate(value)?,
    };
    let Some(mut items) = items else {
        // Nothing is known of what `next()` gives; its default is what a plain deployment has.
        return Ok(if name == "next" { args.pos.get(1).cloned() } else { None });
    };
    Ok(Some(match name {
        "sorted" => return sorted(interp, items, args, site),
        "reversed" => {
            items.reverse();
            Value::list(items)
        }
        "enumerate" => {
            let start = args.get(1, "start").and_then(Value::as_int).unwrap_or(0);
            interp.budget.items(items.len() * 2)?;
            let numbered = (0i64..).zip(items);
            let pairs = numbered.map(|(i, value)| Some(Value::tuple([Value::Int(start.checked_add(i)?), value])));
            match pairs.collect() {
                Some(pairs) => Value::list(pairs),
                None => return Ok(None),
            }
        }
        "any" | "all" => {
            let any = name == "any";
            let mut undecided = false;
            for item in items {
                match item.truth() {
                    Some(truth) if truth == any => return Ok(Some(Value::Bool(any))),
                    Some(_) => {}
                    None => undecided = true,
                }
            }
            if undecided {
                return Ok(None);
            }
            Value::Bool(!any)
        }
        "min" | "max" => {
            let Some(keys) = sort_keys(&items) else { return Ok(None) };
            let mut keyed = keys.into_iter().zip(items);
            let Some(mut best) = keyed.next() else { return Ok(None) };
            for (key, value) in keyed {
                if if name == "min" { key < best.0 } else { key > best.0 } {
                    best = (key, value);
                }
            }
            best.1
        }
        "sum" => {
            let mut total = args.pos.get(1).cloned().unwrap_or(Value::Int(0));
            for item in items {
                total = interp.binary(BinOp::Add, &total, &item, site)?;
            }
            total
        }
        "next" => match items.into_iter().next().or_else(|| args.pos.get(1).cloned()) {
            Some(value) => value,
            None => return Ok(None),
        },
        _ => return Ok(None),
    }))
}

/// Functions whose result is made of their arguments.
fn made_of_arguments<'p>(
    interp: &mut Interp<'p>,
    name: &str,
    args: &Args<'p>,
    site: Site<'p>,
) -> Eval<Option<Value<'p>>> {
    Ok(Some(match name {
        "len" => match args.pos.first().and_then(Value::len) {
            Some(len) => Value::Int(i64::try_from(len).unwrap_or(i64::MAX)),
            None => return Ok(None),
        },
        "iter" => args.pos.first().cloned().unwrap_or(Value::None),
        "range" | "xrange" => return range(interp, args, site),
        "zip" => {
            let mut lists = Vec::with_capacity(args.pos.len());
            for arg in &args.pos {
                let Some(items) = interp.iterate(arg)? else { return Ok(None) };
                lists.push(items);
            }
            let shortest = lists.iter().map(Vec::len).min().unwrap_or(0);
            interp.budget.items(shortest * (lists.len() + 1))?;
            Value::list(
                (0..shortest).map(|i| Value::tuple(lists.iter().map(|l| l[i].clone()).collect::<Vec<_>>())).collect(),
            )
        }
        _ => {
            let Some(items) = args.pos.get(1).map(|v| interp.iterate(v)).transpose()?.flatten() else {
                return Ok(None);
            };
            let function = args.pos.first().cloned().unwrap_or(Value::None);
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
                    (_, None) => return Ok(None),
                }
            }
            Value::list(out)
        }
    }))
}

fn range<'p>(interp: &mut Interp<'p>, args: &Args<'p>, site: Site<'p>) -> Eval<Option<Value<'p>>> {
    let bounds: Option<Vec<i64>> = args.pos.iter().map(Value::as_int).collect();
    let (start, end, step) = match bounds.as_deref() {
        Some([end]) => (0, *end, 1),
        Some([start, end]) => (*start, *end, 1),
        Some([start, end, step]) if *step != 0 => (*start, *end, *step),
        _ => return Ok(None),
    };
    let distance = if step > 0 { i128::from(end) - i128::from(start) } else { i128::from(start) - i128::from(end) };
    let step_size = i128::from(step).abs();
    let count = usize::try_from(((distance + step_size - 1) / step_size).max(0)).unwrap_or(usize::MAX);
    if let Some(unknown) = interp.limit(count.min(MAX_ITEMS + 1), 0, site)? {
        return Ok(Some(unknown));
    }
    let numbers = std::iter::successors(Some(start), |at| at.checked_add(step)).take(count);
    Ok(Some(Value::list(numbers.map(Value::Int).collect())))
}

/// `sorted()` and `list.sort()`: by the key function, reversed when that is asked for.
pub(super) fn sorted<'p>(
    interp: &mut Interp<'p>,
    items: Vec<Value<'p>>,
    args: &Args<'p>,
    site: Site<'p>,
) -> Eval<Option<Value<'p>>> {
    let keyword = |name: &str| args.kw.iter().find(|(n, _)| &**n == name).map(|(_, value)| value.clone());
    let keyed = match keyword("key") {
        None | Some(Value::None) => items.clone(),
        Some(function) => {
            let mut keyed = Vec::with_capacity(items.len());
            for item in &items {
                keyed.push(interp.call(&function, Args::positional(vec![item.clone()]), site)?);
            }
            keyed
        }
    };
    // A sort visits each element some twenty times.
    interp.budget.items(items.len().saturating_mul(20))?;
    let Some(keys) = sort_keys(&keyed) else { return Ok(None) };
    let reverse = match keyword("reverse").map(|value| value.truth()) {
        None => false,
        Some(Some(reverse)) => reverse,
        Some(None) => return Ok(None),
    };
    let mut pairs: Vec<_> = keys.into_iter().zip(items).collect();
    if reverse {
        // As in Python, equal elements keep their order.
        pairs.sort_by(|a, b| b.0.cmp(&a.0));
    } else {
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
    }
    Ok(Some(Value::list(pairs.into_iter().map(|(_, value)| value).collect())))
}
