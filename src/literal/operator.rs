//! Operators, subscripts and comparisons on values.

use std::cell::RefCell;
use std::rc::Rc;

use super::budget::{MAX_ITEMS, MAX_TEXT};
use super::{Eval, Exception, Interp, Site, Value, text};
use crate::ast::{BinOp, CmpOp};

/// Whether a value is unknown, or made by code that is not evaluated.
fn is_open(value: &Value<'_>) -> bool {
    matches!(value, Value::Unknown(_) | Value::Object(_) | Value::External(_))
}

/// A sequence of the same kind with one element that is unknown.
fn of_one<'p>(like: &Value<'p>, part: &Value<'p>) -> Value<'p> {
    let element = match part {
        Value::Unknown(_) => part.clone(),
        other => Value::unknown(&format!("the elements of {} are unknown", other.repr())),
    };
    match like {
        Value::List(_) => Value::list(vec![element]),
        _ => Value::tuple(vec![element]),
    }
}

impl<'p> Interp<'p> {
    pub(super) fn binary(&mut self, op: BinOp, left: &Value<'p>, right: &Value<'p>, site: Site<'p>) -> Eval<Value<'p>> {
        use BinOp::{Add, BitAnd, BitOr, Div, FloorDiv, LShift, MatMul, Mod, Mul, Pow, RShift, Sub};
        match (op, left, right) {
            (Mod, Value::Str(template), args) => {
                self.budget.bytes(template.len())?;
                let formatted = text::percent(template, args);
                return self.formatted(formatted, site);
            }
            // What is known of a list stays; its unknown part is one unknown element.
            (Add, Value::List(_) | Value::Tuple(_), part) if is_open(part) => {
                return self.binary(op, left, &of_one(left, part), site);
            }
            (Add, part, Value::List(_) | Value::Tuple(_)) if is_open(part) => {
                return self.binary(op, &of_one(right, part), right, site);
            }
            (_, Value::Unknown(_), _) => return Ok(left.clone()),
            (_, _, Value::Unknown(_)) => return Ok(right.clone()),
            (Mul, Value::List(_) | Value::Tuple(_) | Value::Str(_) | Value::Bytes(_), Value::Int(n)) => {
                return self.repeat(left, *n, site);
            }
            (Mul, Value::Int(n), Value::List(_) | Value::Tuple(_) | Value::Str(_) | Value::Bytes(_)) => {
                return self.repeat(right, *n, site);
            }
            _ => {}
        }
        if let Some(value) = self.join(op, left, right, site)? {
            return Ok(value);
        }
        if matches!(left, Value::Float(_)) || matches!(right, Value::Float(_)) {
            return Ok(float(op, left, right));
        }
        if let (Some(a), Some(b)) = (left.as_int(), right.as_int()) {
            let value = match op {
                Add => a.checked_add(b),
                Sub => a.checked_sub(b),
                Mul => a.checked_mul(b),
                FloorDiv => floor_div(a, b),
                Mod => floor_div(a, b).and_then(|quotient| a.checked_sub(quotient.checked_mul(b)?)),
                Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
                LShift => u32::try_from(b).ok().and_then(|b| a.checked_mul(2_i64.checked_pow(b)?)),
                RShift => u32::try_from(b).ok().map(|b| a >> b.min(63)),
                BitOr => Some(a | b),
                BitAnd => Some(a & b),
                BinOp::BitXor => Some(a ^ b),
                Div => return Ok(float(op, left, right)),
                MatMul => None,
            };
            return Ok(value.map_or_else(|| Value::unknown("arithmetic out of range"), Value::Int));
        }
        // `Path / name`, `Q | Q`, `F + 1` and the like.
        let symbolic = |value: &Value<'_>| matches!(value, Value::Object(_) | Value::External(_));
        if op == Div && (left.as_str().is_some() || right.as_str().is_some()) {
            return Ok(join_path(left, right));
        }
        if symbolic(left) || symbolic(right) {
            if op == Div {
                return Ok(join_path(left, right));
            }
            let name = format!("operator.{op:?}").to_lowercase();
            return Ok(self.symbolic(&name, vec![left.clone(), right.clone()], site));
        }
        Ok(Value::unknown("an operation on values of other types"))
    }

    /// Two texts, lists, tuples, dicts or sets made one.
    fn join(&mut self, op: BinOp, left: &Value<'p>, right: &Value<'p>, site: Site<'p>) -> Eval<Option<Value<'p>>> {
        use BinOp::{Add, BitAnd, BitOr, BitXor, Sub};
        let (count, bytes) = match (op, left, right) {
            (Add, Value::Str(a), Value::Str(b)) | (Add, Value::Bytes(a), Value::Bytes(b)) => (0, a.len() + b.len()),
            (Add, Value::List(_), Value::List(_)) | (Add, Value::Tuple(_), Value::Tuple(_)) => {
                (left.len().unwrap_or(0) + right.len().unwrap_or(0), 0)
            }
            (BitOr, Value::Dict(_), Value::Dict(_)) | (BitOr | BitAnd | Sub | BitXor, Value::Set(_), Value::Set(_)) => {
                (left.len().unwrap_or(0) + right.len().unwrap_or(0), 0)
            }
            _ => return Ok(None),
        };
        if let Some(unknown) = self.limit(count, bytes, site)? {
            return Ok(Some(unknown));
        }
        Ok(Some(match (left, right) {
            (Value::Str(a), Value::Str(b)) => Value::Str(format!("{a}{b}").into()),
            (Value::Bytes(a), Value::Bytes(b)) => Value::Bytes(format!("{a}{b}").into()),
            (Value::List(a), Value::List(b)) => {
                let mut items = a.borrow().clone();
                items.extend(b.borrow().iter().cloned());
                Value::list(items)
            }
            (Value::Tuple(a), Value::Tuple(b)) => Value::tuple(a.iter().chain(b.iter()).cloned().collect::<Vec<_>>()),
            (Value::Dict(a), Value::Dict(b)) => {
                let mut dict = a.borrow().clone();
                for (key, value) in b.borrow().iter() {
                    dict.set(key.clone(), value.clone());
                }
                Value::Dict(Rc::new(RefCell::new(dict)))
            }
            (Value::Set(a), Value::Set(b)) => {
                let (a, b) = (a.borrow(), b.borrow());
                let mut set = super::Dict::default();
                for (key, (element, _)) in &a.0 {
                    let keep = match op {
                        BitOr => true,
                        BitAnd => b.0.contains_key(key),
                        _ => !b.0.contains_key(key),
                    };
                    if keep {
                        set.add(element.clone());
                    }
                }
                if matches!(op, BitOr | BitXor) {
                    for (key, (element, _)) in &b.0 {
                        if op == BitOr || !a.0.contains_key(key) {
                            set.add(element.clone());
                        }
                    }
                }
                Value::Set(Rc::new(RefCell::new(set)))
            }
            _ => return Ok(None),
        }))
    }

    fn repeat(&mut self, value: &Value<'p>, n: i64, site: Site<'p>) -> Eval<Value<'p>> {
        let n = usize::try_from(n).unwrap_or(0);
        let (count, bytes) = match value {
            Value::Str(text) | Value::Bytes(text) => (0, text.len().saturating_mul(n)),
            other => (other.len().unwrap_or(0).saturating_mul(n), 0),
        };
        if let Some(unknown) = self.limit(count, bytes, site)? {
            return Ok(unknown);
        }
        Ok(match value {
            Value::Str(text) => Value::Str(text.repeat(n).into()),
            Value::Bytes(text) => Value::Bytes(text.repeat(n).into()),
            Value::Tuple(items) => Value::tuple(items.iter().cloned().cycle().take(count).collect::<Vec<_>>()),
            Value::List(items) => Value::list(items.borrow().iter().cloned().cycle().take(count).collect()),
            _ => Value::unknown("a repetition"),
        })
    }

    /// Takes a computed value's elements and bytes from the budget; the unknown value when it is too large.
    pub(super) fn limit(&mut self, count: usize, bytes: usize, site: Site<'p>) -> Eval<Option<Value<'p>>> {
        if count > MAX_ITEMS {
            return Ok(Some(self.too_large(site, &format!("a value of more than {MAX_ITEMS} elements"))));
        }
        if bytes > MAX_TEXT {
            return Ok(Some(self.too_large(site, &format!("a text of more than {MAX_TEXT} bytes"))));
        }
        self.budget.items(count)?;
        self.budget.bytes(bytes)?;
        Ok(None)
    }

    /// A formatted text; unknown, with a gap, when it is too long.
    pub(super) fn formatted(&mut self, text: Result<Value<'p>, text::TooLong>, site: Site<'p>) -> Eval<Value<'p>> {
        match text {
            Ok(value) => {
                if let Value::Str(text) = &value {
                    self.budget.bytes(text.len())?;
                }
                Ok(value)
            }
            Err(text::TooLong) => Ok(self.too_large(site, &format!("a text of more than {MAX_TEXT} bytes"))),
        }
    }

    pub(super) fn subscript(&mut self, container: &Value<'p>, index: &Value<'p>) -> Eval<Value<'p>> {
        let at = |len: usize| {
            let at = index.as_int().and_then(|i| position(i, len));
            at.ok_or_else(|| Exception::new("IndexError", index.repr()))
        };
        Ok(match (container, index) {
            (Value::Unknown(_), _) => container.clone(),
            (_, Value::Unknown(_)) => index.clone(),
            (Value::Dict(dict), _) => match dict.borrow().get(index) {
                Some(value) => value.clone(),
                None => return Err(Exception::new("KeyError", index.repr())),
            },
            (Value::List(list), _) => {
                let list = list.borrow();
                list[at(list.len())?].clone()
            }
            (Value::Tuple(items), _) => items[at(items.len())?].clone(),
            (Value::Str(text), _) => {
                self.budget.bytes(text.len())?;
                let at = at(text.chars().count())?;
                text.chars().nth(at).map_or(Value::None, |c| Value::str(c.encode_utf8(&mut [0; 4])))
            }
            (Value::External(name), Value::Str(key)) => {
                let dotted = format!("{name}[{key}]");
                let host = self.host.clone();
                host.external(self, &dotted).unwrap_or_else(|| Value::Unknown(format!("{dotted} is unknown").into()))
            }
            (Value::Object(object), _) if object.attrs.borrow().contains_key("__items__") => {
                let items = object.attrs.borrow().get("__items__").cloned().unwrap_or(Value::None);
                return self.subscript(&items, index);
            }
            // `ForeignKey[User]`, `Generic[T]`: a type parameter changes nothing.
            (Value::External(_) | Value::Class(_), _) => container.clone(),
            _ => Value::unknown("a subscript of something unknown"),
        })
    }

    pub(super) fn slice(&mut self, container: &Value<'p>, bounds: &[Option<Value<'p>>; 3]) -> Eval<Value<'p>> {
        let Some(items) = self.iterate(container)? else { return Ok(Value::unknown("a slice of something unknown")) };
        let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let step = match &bounds[2] {
            None | Some(Value::None) => Some(1),
            Some(step) => step.as_int().filter(|step| *step != 0 && *step != i64::MIN),
        };
        let Some(step) = step else { return Ok(Value::unknown("a slice with an unknown step")) };
        let (first, last) = if step > 0 { (0, len) } else { (len - 1, -1) };
        let bound = |value: &Option<Value<'p>>, default: i64| match value {
            Some(Value::Int(i)) => {
                let at = if *i < 0 { i.saturating_add(len) } else { *i };
                Some(at.clamp(if step > 0 { 0 } else { -1 }, if step > 0 { len } else { len - 1 }))
            }
            None | Some(Value::None) => Some(default),
            Some(_) => None,
        };
        let (Some(start), Some(end)) = (bound(&bounds[0], first), bound(&bounds[1], last)) else {
            return Ok(Value::unknown("a slice with unknown bounds"));
        };
        let mut out = Vec::new();
        let mut at = start;
        while if step > 0 { at < end } else { at > end } {
            out.extend(usize::try_from(at).ok().and_then(|at| items.get(at)).cloned());
            at = at.saturating_add(step);
        }
        Ok(match container {
            Value::Str(_) => Value::Str(out.iter().map(Value::to_text).collect::<String>().into()),
            Value::Tuple(_) => Value::tuple(out),
            _ => Value::list(out),
        })
    }

    /// The answer of a comparison; `None` when it is unknown.
    pub(super) fn compare(&mut self, op: CmpOp, left: &Value<'p>, right: &Value<'p>) -> Eval<Option<bool>> {
        if matches!(op, CmpOp::In | CmpOp::NotIn) {
            self.budget.items(right.len().unwrap_or(0))?;
        } else {
            self.budget.items(left.len().unwrap_or(0).min(right.len().unwrap_or(0)))?;
        }
        Ok(compare(op, left, right))
    }
}

/// The index that a possibly negative position stands for.
pub(super) fn position(index: i64, len: usize) -> Option<usize> {
    let len_i = i64::try_from(len).ok()?;
    let at = if index < 0 { index.checked_add(len_i)? } else { index };
    usize::try_from(at).ok().filter(|&at| at < len)
}

/// Python's `//`: rounded down.
fn floor_div(a: i64, b: i64) -> Option<i64> {
    let quotient = a.checked_div(b)?;
    if a % b != 0 && (a < 0) != (b < 0) { quotient.checked_sub(1) } else { Some(quotient) }
}

#[allow(clippy::cast_precision_loss, reason = "as Python does")]
fn float<'p>(op: BinOp, a: &Value<'p>, b: &Value<'p>) -> Value<'p> {
    let number = |v: &Value<'p>| match v {
        Value::Float(f) => Some(*f),
        other => other.as_int().map(|i| i as f64),
    };
    let (Some(a), Some(b)) = (number(a), number(b)) else { return Value::unknown("arithmetic on other types") };
    match op {
        BinOp::Add => Value::Float(a + b),
        BinOp::Sub => Value::Float(a - b),
        BinOp::Mul => Value::Float(a * b),
        BinOp::Div if b != 0.0 => Value::Float(a / b),
        _ => Value::unknown("arithmetic on floats"),
    }
}

/// `Path / "name"`: paths are text here.
pub(super) fn join_path<'p>(a: &Value<'p>, b: &Value<'p>) -> Value<'p> {
    match (a.as_str(), b.as_str()) {
        (Some(a), Some(b)) if a.len() + b.len() < MAX_TEXT => Value::Str(format!("{a}/{b}").into()),
        _ => Value::unknown("a path"),
    }
}

fn compare<'p>(op: CmpOp, left: &Value<'p>, right: &Value<'p>) -> Option<bool> {
    match op {
        CmpOp::Eq => left.equals(right),
        CmpOp::NotEq => left.equals(right).map(|e| !e),
        CmpOp::Is => match (left, right) {
            (Value::Unknown(_), _) | (_, Value::Unknown(_)) => None,
            (Value::None, other) | (other, Value::None) => Some(matches!(other, Value::None)),
            _ => left.equals(right),
        },
        CmpOp::IsNot => compare(CmpOp::Is, left, right).map(|e| !e),
        CmpOp::In => contains(left, right),
        CmpOp::NotIn => contains(left, right).map(|c| !c),
        CmpOp::Lt => left.order(right).map(std::cmp::Ordering::is_lt),
        CmpOp::LtE => left.order(right).map(std::cmp::Ordering::is_le),
        CmpOp::Gt => left.order(right).map(std::cmp::Ordering::is_gt),
        CmpOp::GtE => left.order(right).map(std::cmp::Ordering::is_ge),
    }
}

/// Whether `container` has an element; `None` when it is unknown.
fn contains<'p>(element: &Value<'p>, container: &Value<'p>) -> Option<bool> {
    let any = |items: &[Value<'p>]| element.find_in(items).ok().map(|at| at.is_some());
    match container {
        Value::Str(text) | Value::Bytes(text) => element.as_str().map(|needle| text.contains(&*needle)),
        Value::Set(dict) | Value::Dict(dict) if !element.is_unknown() => {
            let dict = dict.borrow();
            let known = || dict.iter().all(|(key, _)| !key.is_unknown());
            if dict.get(element).is_some() { Some(true) } else { known().then_some(false) }
        }
        Value::List(items) => any(&items.borrow()),
        Value::Tuple(items) => any(items),
        _ => None,
    }
}
