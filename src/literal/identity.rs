//! What two values share: keys, equality, order, and the text that Python's `repr` prints.
//!
//! Values may contain themselves or the same part many times, so that every visit is counted and bounded: past the
//! bound an answer is unknown, and a text is cut.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::rc::Rc;

use super::budget::{MAX_NESTING, MAX_VISITS};
use super::value::{Code, Key, Value};

/// Bytes of a `repr`; what follows is cut.
const MAX_REPR: usize = 256 << 10;
/// Nested values that a `repr` prints.
const REPR_NESTING: usize = 12;

/// Visits that are left, and how deep the current one is.
struct Visits {
    left: usize,
    depth: usize,
}

impl Visits {
    fn new() -> Self {
        Self { left: MAX_VISITS, depth: 0 }
    }

    /// Visits a part; `None` when the bound is reached.
    fn inside<T>(&mut self, visit: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth >= MAX_NESTING {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        self.depth += 1;
        let out = visit(self);
        self.depth -= 1;
        out
    }
}

fn address<T: ?Sized>(shared: &Rc<T>) -> usize {
    Rc::as_ptr(shared).cast::<()>() as usize
}

impl<'p> Value<'p> {
    /// The key it has in a dict or set. A tuple that is too large to visit only equals itself.
    #[must_use]
    pub fn key(&self) -> Key {
        let mut visits = Visits::new();
        match (self.key_within(&mut visits), self) {
            (Some(key), _) => key,
            (None, Self::Tuple(items)) => Key::Same(address(items)),
            (None, Self::Bound(pair)) => Key::Same(address(pair)),
            (None, other) => Key::Other(other.repr()),
        }
    }

    fn key_within(&self, visits: &mut Visits) -> Option<Key> {
        visits.inside(|visits| {
            Some(match self {
                Self::None => Key::None,
                Self::Bool(b) => Key::Int(i64::from(*b)),
                Self::Int(i) => Key::Int(*i),
                #[allow(clippy::cast_possible_truncation, reason = "it has no fraction and fits")]
                Self::Float(f) if f.fract() == 0.0 && f.abs() < 1e15 => Key::Int(*f as i64),
                Self::Str(text) | Self::Bytes(text) => Key::Str(text.clone()),
                Self::Tuple(items) => {
                    Key::Tuple(items.iter().map(|item| item.key_within(visits)).collect::<Option<_>>()?)
                }
                Self::Bound(pair) => Key::Tuple(vec![pair.0.key_within(visits)?, pair.1.key_within(visits)?]),
                Self::List(list) => Key::Same(address(list)),
                Self::Set(dict) | Self::Dict(dict) => Key::Same(address(dict)),
                Self::Object(object) => Key::Same(address(object)),
                Self::Function(function) => Key::Same(address(function)),
                Self::Class(class) => Key::Same(address(class)),
                other => Key::Other(other.repr()),
            })
        })
    }

    /// The number of values in it, shared parts counted as often as they occur; `None` when they are nested too deep or
    /// more than `limit`.
    pub(super) fn parts(&self, limit: usize) -> Option<usize> {
        let mut visits = Visits { left: limit, depth: 0 };
        self.visit_all(&mut visits).map(|()| limit - visits.left)
    }

    fn visit_all(&self, visits: &mut Visits) -> Option<()> {
        visits.inside(|visits| {
            match self {
                Self::List(items) => items.borrow().iter().try_for_each(|item| item.visit_all(visits))?,
                Self::Tuple(items) => items.iter().try_for_each(|item| item.visit_all(visits))?,
                Self::Set(dict) | Self::Dict(dict) => {
                    for (key, value) in dict.borrow().iter() {
                        key.visit_all(visits)?;
                        value.visit_all(visits)?;
                    }
                }
                Self::Object(object) => {
                    object.args.borrow().iter().try_for_each(|arg| arg.visit_all(visits))?;
                    object.kwargs.borrow().values().try_for_each(|arg| arg.visit_all(visits))?;
                }
                _ => {}
            }
            Some(())
        })
    }

    /// Equality as `==` decides; `None` when it is unknown.
    #[must_use]
    pub fn equals(&self, other: &Value<'p>) -> Option<bool> {
        self.equals_within(other, &mut Visits::new())
    }

    fn equals_within(&self, other: &Value<'p>, visits: &mut Visits) -> Option<bool> {
        visits.inside(|visits| {
            Some(match (self, other) {
                (Self::Unknown(_), _) | (_, Self::Unknown(_)) => return None,
                (Self::Float(a), b) | (b, Self::Float(a)) => match b {
                    #[allow(clippy::cast_precision_loss, reason = "as Python compares")]
                    Self::Int(b) => *a == *b as f64,
                    Self::Float(b) => a == b,
                    _ => false,
                },
                (Self::List(a), Self::List(b)) => {
                    return if Rc::ptr_eq(a, b) { Some(true) } else { all_equal(&a.borrow(), &b.borrow(), visits) };
                }
                (Self::Tuple(a), Self::Tuple(b)) => {
                    return if Rc::ptr_eq(a, b) { Some(true) } else { all_equal(a, b, visits) };
                }
                (Self::Set(a), Self::Set(b)) => {
                    let (a, b) = (a.borrow(), b.borrow());
                    a.0.len() == b.0.len() && a.0.keys().all(|key| b.0.contains_key(key))
                }
                (Self::Dict(a), Self::Dict(b)) if Rc::ptr_eq(a, b) => true,
                (Self::Dict(a), Self::Dict(b)) => {
                    let (a, b) = (a.borrow(), b.borrow());
                    if a.0.len() != b.0.len() {
                        return Some(false);
                    }
                    for (key, (_, value)) in &a.0 {
                        match b.0.get(key).map(|(_, other)| value.equals_within(other, visits)) {
                            Some(Some(true)) => {}
                            Some(None) => return None,
                            _ => return Some(false),
                        }
                    }
                    true
                }
                (Self::Class(a), Self::Class(b)) => Rc::ptr_eq(a, b),
                (Self::Object(a), Self::Object(b)) => return Rc::ptr_eq(a, b).then_some(true),
                (Self::Object(_), Self::External(_)) | (Self::External(_), Self::Object(_)) => return None,
                (a, b) => a.key() == b.key(),
            })
        })
    }

    /// Whether one of `items` equals it, and which; `Err` when it is unknown.
    pub(super) fn find_in(&self, items: &[Value<'p>]) -> Result<Option<usize>, ()> {
        let mut visits = Visits { left: MAX_VISITS + items.len(), depth: 0 };
        let mut unknown = self.is_unknown();
        for (at, item) in items.iter().enumerate() {
            match self.equals_within(item, &mut visits) {
                Some(true) => return Ok(Some(at)),
                Some(false) => {}
                None => unknown = true,
            }
        }
        if unknown { Err(()) } else { Ok(None) }
    }

    /// The order of two values of one kind; `None` when there is none or it is unknown.
    #[must_use]
    pub(super) fn order(&self, other: &Value<'p>) -> Option<Ordering> {
        self.order_within(other, &mut Visits::new())
    }

    fn order_within(&self, other: &Value<'p>, visits: &mut Visits) -> Option<Ordering> {
        let all = |a: &[Value<'p>], b: &[Value<'p>], visits: &mut Visits| {
            for (a, b) in a.iter().zip(b) {
                let order = a.order_within(b, visits)?;
                if order.is_ne() {
                    return Some(order);
                }
            }
            Some(a.len().cmp(&b.len()))
        };
        visits.inside(|visits| match (self, other) {
            (Self::Str(a), Self::Str(b)) => Some(a.cmp(b)),
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(b),
            (Self::Tuple(a), Self::Tuple(b)) => all(a, b, visits),
            (Self::List(a), Self::List(b)) => all(&a.borrow(), &b.borrow(), visits),
            (a, b) => Some(a.as_int()?.cmp(&b.as_int()?)),
        })
    }

    /// `str()` of it, cut like [`Value::repr`].
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Str(text) | Self::Bytes(text) => text.to_string(),
            other => other.repr(),
        }
    }

    /// A text that two values share when they are the same; Python's `repr` for plain values. Deep and long values are
    /// cut, with `...` in place of the rest.
    #[must_use]
    pub fn repr(&self) -> String {
        let mut out = String::new();
        self.write_repr(&mut out, 0);
        out
    }

    fn write_repr(&self, out: &mut String, depth: usize) {
        if depth > REPR_NESTING || out.len() > MAX_REPR {
            out.push_str("...");
            return;
        }
        match self {
            Self::None => out.push_str("None"),
            Self::Bool(b) => out.push_str(if *b { "True" } else { "False" }),
            Self::Int(i) => _ = write!(out, "{i}"),
            Self::Float(f) => _ = write!(out, "{f:?}"),
            Self::Str(text) | Self::Bytes(text) => write_quoted(out, text),
            Self::List(items) => write_all(out, &items.borrow(), ["[", "]"], depth),
            Self::Set(items) => {
                // Sets are equal whatever the order of insertion.
                let mut texts = Vec::new();
                let mut length = out.len();
                for (item, _) in items.borrow().iter() {
                    let mut text = String::new();
                    item.write_repr(&mut text, depth + 1);
                    length += text.len();
                    texts.push(text);
                    if length > MAX_REPR {
                        break;
                    }
                }
                texts.sort();
                _ = write!(out, "{{{}}}", texts.join(", "));
            }
            Self::Tuple(items) if items.len() == 1 => write_all(out, items, ["(", ",)"], depth),
            Self::Tuple(items) => write_all(out, items, ["(", ")"], depth),
            Self::Dict(dict) => {
                out.push('{');
                for (i, (key, value)) in dict.borrow().iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    key.write_repr(out, depth + 1);
                    out.push_str(": ");
                    value.write_repr(out, depth + 1);
                    if out.len() > MAX_REPR {
                        break;
                    }
                }
                out.push('}');
            }
            Self::Module(name) | Self::External(name) => out.push_str(name),
            Self::Import(module, name) => _ = write!(out, "{module}.{name}"),
            Self::Function(function) => {
                let name = match function.code {
                    Code::Def(def) => def.name.name.as_str(),
                    Code::Lambda(..) => "<lambda>",
                };
                _ = write!(out, "<function {}.{name}>", function.scope.module.dotted);
            }
            Self::Bound(pair) => {
                pair.0.write_repr(out, depth + 1);
                out.push('.');
                pair.1.write_repr(out, depth + 1);
            }
            Self::Native(pair) => _ = write!(out, "<method {}>", pair.1),
            Self::Class(class) => out.push_str(&class.dotted()),
            Self::Object(object) => {
                object.class.write_repr(out, depth + 1);
                out.push('(');
                for arg in object.args.borrow().iter() {
                    arg.write_repr(out, depth + 1);
                    out.push_str(", ");
                    if out.len() > MAX_REPR {
                        break;
                    }
                }
                for (name, value) in object.kwargs.borrow().iter() {
                    _ = write!(out, "{name}=");
                    value.write_repr(out, depth + 1);
                    out.push_str(", ");
                    if out.len() > MAX_REPR {
                        break;
                    }
                }
                out.push(')');
            }
            Self::Super(_) => out.push_str("super()"),
            Self::Unknown(reason) => _ = write!(out, "<unknown: {reason}>"),
        }
    }
}

/// What values are sorted by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SortKey {
    Int(i64),
    Str(Rc<str>),
    Parts(Vec<SortKey>),
}

/// The keys that values are sorted by; `None` when they have no order that is known: they are of several kinds, or too
/// large.
pub(super) fn sort_keys(values: &[Value<'_>]) -> Option<Vec<SortKey>> {
    fn key(value: &Value<'_>, visits: &mut Visits) -> Option<SortKey> {
        visits.inside(|visits| match value {
            Value::Str(text) | Value::Bytes(text) => Some(SortKey::Str(text.clone())),
            Value::Tuple(items) => {
                items.iter().map(|item| key(item, visits)).collect::<Option<_>>().map(SortKey::Parts)
            }
            Value::List(items) => {
                items.borrow().iter().map(|item| key(item, visits)).collect::<Option<_>>().map(SortKey::Parts)
            }
            other => other.as_int().map(SortKey::Int),
        })
    }
    let mut visits = Visits { left: MAX_VISITS.saturating_add(values.len().saturating_mul(8)), depth: 0 };
    let keys: Vec<SortKey> = values.iter().map(|value| key(value, &mut visits)).collect::<Option<_>>()?;
    let one_kind = keys.windows(2).all(|two| std::mem::discriminant(&two[0]) == std::mem::discriminant(&two[1]));
    one_kind.then_some(keys)
}

fn write_quoted(out: &mut String, text: &str) {
    out.push('\'');
    for part in text.split_inclusive(['\\', '\'', '\n']) {
        let plain = part.trim_end_matches(['\\', '\'', '\n']);
        out.push_str(plain);
        match part.get(plain.len()..) {
            Some("\\") => out.push_str("\\\\"),
            Some("'") => out.push_str("\\'"),
            Some("\n") => out.push_str("\\n"),
            _ => {}
        }
        if out.len() > MAX_REPR {
            out.push_str("...");
            break;
        }
    }
    out.push('\'');
}

fn write_all(out: &mut String, items: &[Value<'_>], [open, close]: [&str; 2], depth: usize) {
    out.push_str(open);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        item.write_repr(out, depth + 1);
        if out.len() > MAX_REPR {
            break;
        }
    }
    out.push_str(close);
}

fn all_equal<'p>(a: &[Value<'p>], b: &[Value<'p>], visits: &mut Visits) -> Option<bool> {
    if a.len() != b.len() {
        return Some(false);
    }
    let mut unknown = false;
    for (a, b) in a.iter().zip(b) {
        match a.equals_within(b, visits) {
            Some(true) => {}
            Some(false) => return Some(false),
            None if visits.left == 0 => return None,
            None => unknown = true,
        }
    }
    if unknown { None } else { Some(true) }
}
