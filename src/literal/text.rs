//! Text: `%`, `.format`, numbers.

use std::fmt::Write as _;

use super::Value;

/// The value of a number as written.
pub(super) fn number<'p>(text: &str) -> Value<'p> {
    let plain: String = text.chars().filter(|&c| c != '_').collect::<String>().to_lowercase();
    let plain = plain.trim_end_matches('l');
    let radix = |prefix: &str, radix| plain.strip_prefix(prefix).and_then(|d| i64::from_str_radix(d, radix).ok());
    if let Some(value) = radix("0x", 16).or_else(|| radix("0o", 8)).or_else(|| radix("0b", 2)) {
        return Value::Int(value);
    }
    // Python 2 wrote octal numbers with a leading zero only.
    if plain.len() > 1 && plain.starts_with('0') && plain.bytes().all(|b| b.is_ascii_digit()) {
        return i64::from_str_radix(plain, 8).map_or_else(|_| Value::unknown("a number"), Value::Int);
    }
    if let Ok(value) = plain.parse::<i64>() {
        return Value::Int(value);
    }
    plain.parse::<f64>().map_or_else(|_| Value::unknown("a number"), Value::Float)
}

/// `template % args`
pub(super) fn percent<'p>(template: &str, args: &Value<'p>) -> Value<'p> {
    let values: Vec<Value<'p>> = match args {
        Value::Tuple(items) => items.iter().cloned().collect(),
        other => vec![other.clone()],
    };
    let mut positional = values.into_iter();
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let mut key = None;
        if let Some(inner) = rest.strip_prefix('(') {
            let Some(end) = inner.find(')') else { return Value::unknown("a format that could not be read") };
            key = Some(&inner[..end]);
            rest = &inner[end + 1..];
        }
        let flags = rest.len() - rest.trim_start_matches(|c: char| "#0- +.123456789".contains(c)).len();
        let (spec, tail) = rest.split_at(flags);
        let Some(conversion) = tail.chars().next() else { break };
        rest = &tail[conversion.len_utf8()..];
        if conversion == '%' {
            out.push('%');
            continue;
        }
        let value = match key {
            Some(key) => match args {
                Value::Dict(dict) => dict.borrow().get_str(key).cloned(),
                _ => None,
            },
            None => positional.next(),
        };
        match value {
            None => return Value::unknown("a format with values that are not known"),
            Some(Value::Unknown(reason)) => return Value::Unknown(reason),
            Some(value) => write_value(&mut out, &value, spec, conversion),
        }
    }
    out.push_str(rest);
    Value::Str(out.into())
}

fn write_value(out: &mut String, value: &Value<'_>, spec: &str, conversion: char) {
    let text = match conversion {
        'r' | 'a' => value.repr(),
        'x' => value.as_int().map_or_else(|| value.to_text(), |i| format!("{i:x}")),
        'X' => value.as_int().map_or_else(|| value.to_text(), |i| format!("{i:X}")),
        'd' | 'i' => value.as_int().map_or_else(|| value.to_text(), |i| i.to_string()),
        _ => value.to_text(),
    };
    let width: usize = spec.trim_start_matches(['-', '0', '+', ' ', '#']).parse().unwrap_or(0);
    if spec.starts_with('-') {
        _ = write!(out, "{text:<width$}");
    } else if spec.starts_with('0') {
        _ = write!(out, "{text:0>width$}");
    } else {
        _ = write!(out, "{text:>width$}");
    }
}

/// `template.format(…)`
pub(super) fn format<'p>(template: &str, args: &super::Args<'p>) -> Value<'p> {
    let mut out = String::with_capacity(template.len());
    let mut auto = 0;
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let doubled = rest[at..].starts_with("{{") || rest[at..].starts_with("}}");
        if doubled {
            out.push_str(&rest[at..=at]);
            rest = &rest[at + 2..];
            continue;
        }
        if rest[at..].starts_with('}') {
            return Value::unknown("a format that could not be read");
        }
        let Some(end) = rest[at..].find('}') else { return Value::unknown("a format that could not be read") };
        let field = &rest[at + 1..at + end];
        rest = &rest[at + end + 1..];
        let name = field.split([':', '!']).next().unwrap_or("");
        let (base, attribute) = name.split_once('.').map_or((name, None), |(b, a)| (b, Some(a)));
        let value = if base.is_empty() {
            auto += 1;
            args.pos.get(auto - 1).cloned()
        } else if let Ok(index) = base.parse::<usize>() {
            args.pos.get(index).cloned()
        } else {
            args.kw.iter().find(|(n, _)| &**n == base).map(|(_, v)| v.clone())
        };
        let value = match (value, attribute) {
            (Some(Value::Object(object)), Some(attribute)) => object.attrs.borrow().get(attribute).cloned(),
            (Some(_), Some(_)) => None,
            (value, None) => value,
            (None, Some(_)) => None,
        };
        match value {
            None => return Value::unknown("a format with values that are not known"),
            Some(Value::Unknown(reason)) => return Value::Unknown(reason),
            Some(value) => out.push_str(&value.to_text()),
        }
    }
    out.push_str(rest);
    Value::Str(out.into())
}
