//! Text: `%`, `.format`, numbers.

use super::Value;
use super::budget::MAX_TEXT;

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

/// A computed text is longer than [`MAX_TEXT`].
pub(super) struct TooLong;

/// `template % args`, as Python formats it.
pub(super) fn percent<'p>(template: &str, args: &Value<'p>) -> Result<Value<'p>, TooLong> {
    let unread = || Ok(Value::unknown("a format that could not be read"));
    let mut positional = match args {
        Value::Tuple(items) => items.to_vec(),
        other => vec![other.clone()],
    }
    .into_iter();
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let mut key = None;
        if let Some(inner) = rest.strip_prefix('(') {
            let Some(end) = inner.find(')') else { return unread() };
            key = Some(&inner[..end]);
            rest = &inner[end + 1..];
        }
        let spec_end = rest.len() - rest.trim_start_matches(|c: char| "#0- +.123456789".contains(c)).len();
        let (spec, tail) = rest.split_at(spec_end);
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
            None => return Ok(Value::unknown("a format with values that are unknown")),
            Some(Value::Unknown(reason)) => return Ok(Value::Unknown(reason)),
            Some(value) => {
                let Some(spec) = Spec::of_percent(spec, conversion) else { return unread() };
                spec.write(&mut out, &value)?;
            }
        }
    }
    out.push_str(rest);
    Ok(Value::Str(out.into()))
}

/// How a value is written: `[[fill]align][0][width][.precision][type]`.
pub(super) struct Spec {
    fill: char,
    align: Option<char>,
    width: usize,
    precision: Option<usize>,
    conversion: char,
}

impl Spec {
    /// The specification of `str.format` and of f-strings; `None` when it is not modelled.
    pub(super) fn parse(spec: &str) -> Option<Self> {
        let mut chars: Vec<char> = spec.chars().collect();
        let is_align = |c: Option<&char>| c.is_some_and(|c| "<>^=".contains(*c));
        let (mut fill, mut align) = (' ', None);
        if is_align(chars.get(1)) {
            (fill, align) = (chars[0], Some(chars[1]));
            chars.drain(..2);
        } else if is_align(chars.first()) {
            align = Some(chars.remove(0));
        }
        let rest: String = chars.into_iter().collect();
        let rest = match rest.strip_prefix('0') {
            Some(rest) if align.is_none() => {
                (fill, align) = ('0', Some('='));
                rest
            }
            _ => rest.as_str(),
        };
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (width, rest) = rest.split_at(digits);
        let (precision, rest) = match rest.strip_prefix('.') {
            Some(rest) => {
                let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                (Some(number_of(&rest[..digits])), &rest[digits..])
            }
            None => (None, rest),
        };
        let mut rest = rest.chars();
        let conversion = rest.next().unwrap_or('s');
        let known = matches!(conversion, 's' | 'd' | 'x' | 'X') && rest.next().is_none();
        known.then(|| Self { fill, align, width: number_of(width), precision, conversion })
    }

    /// The specification after a `%`; `None` when it is not modelled.
    fn of_percent(spec: &str, conversion: char) -> Option<Self> {
        if !matches!(conversion, 's' | 'r' | 'a' | 'd' | 'i' | 'u' | 'x' | 'X') {
            return None;
        }
        let flags = spec.len() - spec.trim_start_matches(['#', '0', '-', ' ', '+']).len();
        let (flags, rest) = spec.split_at(flags);
        let (width, precision) = match rest.split_once('.') {
            Some((width, precision)) => (width, Some(number_of(precision))),
            None => (rest, None),
        };
        let zero = flags.contains('0') && !flags.contains('-');
        let (fill, align) = match (flags.contains('-'), zero) {
            (true, _) => (' ', '<'),
            (_, true) => ('0', '='),
            _ => (' ', '>'),
        };
        Some(Self { fill, align: Some(align), width: number_of(width), precision, conversion })
    }

    /// Writes a value in this form, within [`MAX_TEXT`] bytes.
    pub(super) fn write(&self, out: &mut String, value: &Value<'_>) -> Result<(), TooLong> {
        let integer = value.as_int();
        let text = match (self.conversion, integer) {
            ('r' | 'a', _) => value.repr(),
            ('x', Some(i)) => format!("{i:x}"),
            ('X', Some(i)) => format!("{i:X}"),
            ('d' | 'i', Some(i)) => i.to_string(),
            _ => value.to_text(),
        };
        let text = match (self.precision, self.conversion) {
            (Some(precision), 's' | 'r' | 'a') if integer.is_none() => text.chars().take(precision).collect(),
            _ => text,
        };
        let missing = self.width.saturating_sub(text.chars().count());
        if missing.saturating_mul(self.fill.len_utf8()).saturating_add(out.len() + text.len()) > MAX_TEXT {
            return Err(TooLong);
        }
        let (before, after) = match self.align.unwrap_or(if integer.is_some() { '>' } else { '<' }) {
            '<' => (0, missing),
            '^' => (missing / 2, missing - missing / 2),
            _ => (missing, 0),
        };
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) if self.align == Some('=') && integer.is_some() => ("-", digits),
            _ => ("", text.as_str()),
        };
        out.push_str(sign);
        out.extend(std::iter::repeat_n(self.fill, before));
        out.push_str(digits);
        out.extend(std::iter::repeat_n(self.fill, after));
        Ok(())
    }
}

/// A width or precision; one that is too large for any text stays too large.
fn number_of(digits: &str) -> usize {
    if digits.is_empty() { 0 } else { digits.parse().unwrap_or(usize::MAX) }
}

/// A text padded to a width.
pub(super) fn pad<'p>(text: &str, align: char, width: usize, fill: char) -> Result<Value<'p>, TooLong> {
    let spec = Spec { fill, align: Some(align), width, precision: None, conversion: 's' };
    let mut out = String::new();
    spec.write(&mut out, &Value::str(text))?;
    Ok(Value::Str(out.into()))
}

/// `template.format(…)`, attributes and specifications included.
pub(super) fn format<'p>(template: &str, args: &super::Args<'p>) -> Result<Value<'p>, TooLong> {
    let unread = || Ok(Value::unknown("a format that could not be read"));
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
            return unread();
        }
        let Some(end) = rest[at..].find('}') else { return unread() };
        let field = &rest[at + 1..at + end];
        rest = &rest[at + end + 1..];
        let (name, spec) = field.split_once(':').unwrap_or((field, ""));
        let (name, conversion) = name.split_once('!').map_or((name, None), |(name, c)| (name, Some(c)));
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
            (_, Some(_)) => None,
            (value, None) => value,
        };
        match value {
            None => return Ok(Value::unknown("a format with values that are unknown")),
            Some(Value::Unknown(reason)) => return Ok(Value::Unknown(reason)),
            Some(value) => match write_field(&mut out, &value, conversion, spec) {
                Some(written) => written?,
                None => return unread(),
            },
        }
    }
    out.push_str(rest);
    Ok(Value::Str(out.into()))
}

/// Writes one field of `str.format` or of an f-string, `{value!conversion:spec}`; `None` when that is not modelled.
pub(super) fn write_field(
    out: &mut String,
    value: &Value<'_>,
    conversion: Option<&str>,
    spec: &str,
) -> Option<Result<(), TooLong>> {
    let spec = Spec::parse(spec)?;
    Some(match conversion {
        None => spec.write(out, value),
        Some("s") => spec.write(out, &Value::str(&value.to_text())),
        Some("r" | "a") => spec.write(out, &Value::str(&value.repr())),
        Some(_) => return None,
    })
}
