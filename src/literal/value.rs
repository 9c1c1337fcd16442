//! The values of the evaluator.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::{Rc, Weak};

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::{Loaded, Scope};
use crate::ast::{ClassDef, FunctionDef, Param};
use crate::source::Span;

/// An insertion-ordered map by name, as namespaces and attributes are.
pub type Names<'p> = IndexMap<Rc<str>, Value<'p>, FxBuildHasher>;

/// A mutable list, shared by all its names as in Python.
pub type List<'p> = Rc<RefCell<Vec<Value<'p>>>>;

/// A value: known, symbolic, or unknown with its reason.
#[derive(Clone)]
pub enum Value<'p> {
    /// `None`
    None,
    /// `True`, `False`
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    Str(Rc<str>),
    /// Bytes, decoded as Latin-1 would.
    Bytes(Rc<str>),
    /// A list.
    List(List<'p>),
    /// A tuple.
    Tuple(Rc<[Value<'p>]>),
    /// A set; its elements in order of insertion.
    Set(List<'p>),
    /// A dict.
    Dict(Rc<RefCell<Dict<'p>>>),
    /// A module that can be loaded.
    Module(Rc<str>),
    /// Something whose source is not evaluated, by its dotted name.
    External(Rc<str>),
    /// A function.
    Function(Rc<Function<'p>>),
    /// A method with its receiver.
    Bound(Rc<(Value<'p>, Value<'p>)>),
    /// A method of a built-in value.
    Native(Rc<(Value<'p>, Rc<str>)>),
    /// A class.
    Class(Rc<Class<'p>>),
    /// An instance, of a class that was read or of an external one.
    Object(Rc<Object<'p>>),
    /// `super()`: the class it starts after, and the receiver.
    Super(Rc<(Rc<Class<'p>>, Value<'p>)>),
    /// A name imported and not yet looked at: module, name.
    Import(Rc<str>, Rc<str>),
    /// Not known, with the reason.
    Unknown(Rc<str>),
}

/// What two equal keys share.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// `None`
    None,
    /// An integer or a boolean.
    Int(i64),
    /// Text or bytes.
    Str(Rc<str>),
    /// A tuple or frozen set.
    Tuple(Vec<Key>),
    /// Anything else, by what it prints as.
    Other(String),
}

/// A dict in order of insertion.
#[derive(Default, Clone)]
pub struct Dict<'p>(pub IndexMap<Key, (Value<'p>, Value<'p>), FxBuildHasher>);

impl<'p> Dict<'p> {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &Value<'p>) -> Option<&Value<'p>> {
        self.0.get(&key.key()).map(|(_, v)| v)
    }

    /// The value of a key that is text.
    #[must_use]
    pub fn get_str(&self, key: &str) -> Option<&Value<'p>> {
        self.0.get(&Key::Str(key.into())).map(|(_, v)| v)
    }

    /// Sets a key.
    pub fn set(&mut self, key: Value<'p>, value: Value<'p>) {
        self.0.insert(key.key(), (key, value));
    }

    /// Removes a key and keeps the order of the others.
    pub fn remove(&mut self, key: &Value<'p>) -> Option<Value<'p>> {
        self.0.shift_remove(&key.key()).map(|(_, v)| v)
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Value<'p>, &Value<'p>)> {
        self.0.values().map(|(k, v)| (k, v))
    }
}

/// What a function runs.
#[derive(Clone, Copy)]
pub enum Code<'p> {
    /// A `def`.
    Def(&'p FunctionDef),
    /// A `lambda`.
    Lambda(&'p [Param], &'p crate::ast::Expr),
}

impl<'p> Code<'p> {
    /// The parameters.
    #[must_use]
    pub fn params(self) -> &'p [Param] {
        match self {
            Self::Def(def) => &def.params,
            Self::Lambda(params, _) => params,
        }
    }
}

/// A function with the scope it was defined in.
pub struct Function<'p> {
    /// Its code.
    pub code: Code<'p>,
    /// The scope it closes over.
    pub scope: Rc<Scope<'p>>,
    /// Defaults, evaluated at definition, in the order of the parameters that have one.
    pub defaults: Vec<Option<Value<'p>>>,
    /// The class in whose body it was defined; what `super()` starts after.
    pub owner: RefCell<Option<Weak<Class<'p>>>>,
    /// `staticmethod`, `classmethod` or `property`.
    pub kind: FunctionKind,
}

/// How a function behaves as an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FunctionKind {
    /// Bound to the instance.
    Plain,
    /// Never bound.
    Static,
    /// Bound to the class.
    Class,
    /// Called on access.
    Property,
}

/// A class that was read.
pub struct Class<'p> {
    /// Its name.
    pub name: Rc<str>,
    /// Its statement.
    pub node: Option<&'p ClassDef>,
    /// The module it stands in.
    pub module: &'p Loaded<'p>,
    /// Its bases: classes, externals, or unknown.
    pub bases: Vec<Value<'p>>,
    /// Its attributes.
    pub attrs: RefCell<Names<'p>>,
}

impl<'p> Class<'p> {
    /// `module.Name`
    #[must_use]
    pub fn dotted(&self) -> String {
        format!("{}.{}", self.module.dotted, self.name)
    }

    /// The method resolution order after the class itself: depth first, a shared base last, as in C3 for the
    /// hierarchies that occur.
    #[must_use]
    pub fn mro(self: &Rc<Self>) -> Vec<Value<'p>> {
        let mut order: Vec<Value<'p>> = Vec::new();
        linearize(&Value::Class(self.clone()), &mut order, 0);
        // Keep the last occurrence of each class, so that a shared base comes after all that derive from it.
        let mut out: Vec<Value<'p>> = Vec::new();
        for value in order.into_iter().rev() {
            if !out.iter().any(|seen| seen.same_class(&value)) {
                out.push(value);
            }
        }
        out.reverse();
        out
    }

    /// The value of an attribute in the order of resolution, with the class it was found in; an external base is
    /// found when nothing before it has the attribute.
    #[must_use]
    pub fn lookup(self: &Rc<Self>, name: &str) -> Option<Value<'p>> {
        find_in(&self.mro(), name)
    }
}

/// The attribute `name` of the first class that has it; an external class is asked last and answers by its name.
pub(crate) fn find_in<'p>(order: &[Value<'p>], name: &str) -> Option<Value<'p>> {
    for class in order {
        if let Value::Class(class) = class
            && let Some(value) = class.attrs.borrow().get(name)
        {
            return Some(value.clone());
        }
    }
    None
}

fn linearize<'p>(value: &Value<'p>, order: &mut Vec<Value<'p>>, depth: usize) {
    if depth > 40 {
        return;
    }
    order.push(value.clone());
    if let Value::Class(class) = value {
        for base in &class.bases {
            linearize(base, order, depth + 1);
        }
    }
}

/// An instance.
pub struct Object<'p> {
    /// Its class: [`Value::Class`] or [`Value::External`].
    pub class: Value<'p>,
    /// The positional arguments that reached the external constructor.
    pub args: RefCell<Vec<Value<'p>>>,
    /// The keyword arguments that reached the external constructor.
    pub kwargs: RefCell<Names<'p>>,
    /// Attributes set on it.
    pub attrs: RefCell<Names<'p>>,
    /// Where it was made.
    pub site: Site<'p>,
}

impl<'p> Object<'p> {
    /// The dotted name of the first external class in the order of resolution.
    #[must_use]
    pub fn external(&self) -> Option<Rc<str>> {
        match &self.class {
            Value::External(name) => Some(name.clone()),
            Value::Class(class) => class.mro().iter().find_map(|c| match c {
                Value::External(name) if &**name != "builtins.object" => Some(name.clone()),
                _ => None,
            }),
            _ => None,
        }
    }

    /// All external classes in the order of resolution.
    #[must_use]
    pub fn externals(&self) -> Vec<Rc<str>> {
        match &self.class {
            Value::External(name) => vec![name.clone()],
            Value::Class(class) => class
                .mro()
                .iter()
                .filter_map(|c| if let Value::External(name) = c { Some(name.clone()) } else { None })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The argument at a position or by name.
    #[must_use]
    pub fn arg(&self, position: usize, name: &str) -> Option<Value<'p>> {
        self.kwargs.borrow().get(name).cloned().or_else(|| self.args.borrow().get(position).cloned())
    }

    /// The keyword argument, or the attribute set later.
    #[must_use]
    pub fn kwarg(&self, name: &str) -> Option<Value<'p>> {
        self.kwargs.borrow().get(name).cloned()
    }

    /// The class that was read, when there is one.
    #[must_use]
    pub fn user_class(&self) -> Option<&Rc<Class<'p>>> {
        match &self.class {
            Value::Class(class) => Some(class),
            _ => None,
        }
    }
}

/// A place in a module.
#[derive(Clone, Copy)]
pub struct Site<'p> {
    /// The module.
    pub module: &'p Loaded<'p>,
    /// The expression or statement.
    pub span: Span,
}

impl Site<'_> {
    /// The 1-based line.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.module.text.line_col(self.span.start).line
    }
}

impl<'p> Value<'p> {
    /// Text.
    #[must_use]
    pub fn str(text: &str) -> Self {
        Self::Str(text.into())
    }

    /// A list.
    #[must_use]
    pub fn list(items: Vec<Value<'p>>) -> Self {
        Self::List(Rc::new(RefCell::new(items)))
    }

    /// A set, each element once.
    #[must_use]
    pub fn set(items: Vec<Value<'p>>) -> Self {
        let mut seen: IndexMap<Key, Value<'p>, FxBuildHasher> = IndexMap::default();
        for item in items {
            seen.entry(item.key()).or_insert(item);
        }
        Self::Set(Rc::new(RefCell::new(seen.into_values().collect())))
    }

    /// A dict.
    #[must_use]
    pub fn dict(items: Vec<(Value<'p>, Value<'p>)>) -> Self {
        let mut dict = Dict::default();
        for (key, value) in items {
            dict.set(key, value);
        }
        Self::Dict(Rc::new(RefCell::new(dict)))
    }

    /// Not known.
    #[must_use]
    pub fn unknown(reason: &str) -> Self {
        Self::Unknown(reason.into())
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<Rc<str>> {
        match self {
            Self::Str(text) | Self::Bytes(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// The integer; a boolean counts as one.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(i) => Some(*i),
            Self::Bool(b) => Some(i64::from(*b)),
            _ => None,
        }
    }

    /// The elements of a list, tuple, set or dict (its keys).
    #[must_use]
    pub fn items(&self) -> Option<Vec<Value<'p>>> {
        match self {
            Self::List(items) | Self::Set(items) => Some(items.borrow().clone()),
            Self::Tuple(items) => Some(items.to_vec()),
            Self::Dict(dict) => Some(dict.borrow().iter().map(|(k, _)| k.clone()).collect()),
            Self::Str(text) => Some(text.chars().map(|c| Value::str(c.encode_utf8(&mut [0; 4]))).collect()),
            _ => None,
        }
    }

    /// Whether it counts as true; `None` when that is not known.
    #[must_use]
    pub fn truth(&self) -> Option<bool> {
        Some(match self {
            Self::None => false,
            Self::Bool(b) => *b,
            Self::Int(i) => *i != 0,
            Self::Float(f) => *f != 0.0,
            Self::Str(text) | Self::Bytes(text) => !text.is_empty(),
            Self::List(items) | Self::Set(items) => !items.borrow().is_empty(),
            Self::Tuple(items) => !items.is_empty(),
            Self::Dict(dict) => !dict.borrow().0.is_empty(),
            Self::Unknown(_) | Self::Import(..) => return None,
            // A member of something external that nobody knows the value of.
            Self::Bound(pair) if matches!(pair.1, Self::External(_)) => return None,
            _ => true,
        })
    }

    /// Whether nothing is known of it.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// The key it has in a dict or set.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::None => Key::None,
            Self::Bool(b) => Key::Int(i64::from(*b)),
            Self::Int(i) => Key::Int(*i),
            Self::Str(text) | Self::Bytes(text) => Key::Str(text.clone()),
            Self::Tuple(items) => Key::Tuple(items.iter().map(Value::key).collect()),
            other => Key::Other(other.repr()),
        }
    }

    /// Whether both are the same class.
    #[must_use]
    pub fn same_class(&self, other: &Value<'p>) -> bool {
        match (self, other) {
            (Self::Class(a), Self::Class(b)) => Rc::ptr_eq(a, b),
            (Self::External(a), Self::External(b)) => a == b,
            _ => false,
        }
    }

    /// Equality as `==` would tell; `None` when it cannot be told.
    #[must_use]
    pub fn equals(&self, other: &Value<'p>) -> Option<bool> {
        Some(match (self, other) {
            (Self::Unknown(_), _) | (_, Self::Unknown(_)) => return None,
            (Self::Float(a), b) | (b, Self::Float(a)) => match b {
                #[allow(clippy::cast_precision_loss, reason = "as Python compares")]
                Self::Int(b) => *a == *b as f64,
                Self::Float(b) => a == b,
                _ => false,
            },
            (Self::List(a), Self::List(b)) => return all_equal(&a.borrow(), &b.borrow()),
            (Self::Tuple(a), Self::Tuple(b)) => return all_equal(a, b),
            (Self::Set(a), Self::Set(b)) => {
                let (a, b) = (a.borrow(), b.borrow());
                a.len() == b.len() && a.iter().all(|x| b.iter().any(|y| x.key() == y.key()))
            }
            (Self::Dict(a), Self::Dict(b)) => {
                let (a, b) = (a.borrow(), b.borrow());
                if a.0.len() != b.0.len() {
                    return Some(false);
                }
                for (key, value) in a.iter() {
                    match b.get(key).map(|v| value.equals(v)) {
                        Some(Some(true)) => {}
                        Some(None) => return None,
                        _ => return Some(false),
                    }
                }
                true
            }
            (Self::Class(a), Self::Class(b)) => Rc::ptr_eq(a, b),
            (Self::Object(a), Self::Object(b)) => {
                if Rc::ptr_eq(a, b) {
                    return Some(true);
                }
                return None;
            }
            (Self::Object(_), Self::External(_)) | (Self::External(_), Self::Object(_)) => return None,
            (a, b) => a.key() == b.key(),
        })
    }

    /// `str()` of it.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Str(text) | Self::Bytes(text) => text.to_string(),
            other => other.repr(),
        }
    }

    /// A text that two values share when they are the same; Python's `repr` for plain values.
    #[must_use]
    pub fn repr(&self) -> String {
        let mut out = String::new();
        self.write_repr(&mut out, 0);
        out
    }

    fn write_repr(&self, out: &mut String, depth: usize) {
        if depth > 12 {
            out.push_str("...");
            return;
        }
        let sequence = |out: &mut String, items: &[Value<'p>], open: &str, close: &str| {
            out.push_str(open);
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                item.write_repr(out, depth + 1);
            }
            out.push_str(close);
        };
        match self {
            Self::None => out.push_str("None"),
            Self::Bool(b) => out.push_str(if *b { "True" } else { "False" }),
            Self::Int(i) => _ = write!(out, "{i}"),
            Self::Float(f) => _ = write!(out, "{f:?}"),
            Self::Str(text) | Self::Bytes(text) => {
                out.push('\'');
                out.push_str(&text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"));
                out.push('\'');
            }
            Self::List(items) => sequence(out, &items.borrow(), "[", "]"),
            Self::Set(items) => {
                // Sets are equal whatever the order of insertion.
                let mut texts: Vec<String> = items.borrow().iter().map(Value::repr).collect();
                texts.sort();
                _ = write!(out, "{{{}}}", texts.join(", "));
            }
            Self::Tuple(items) if items.len() == 1 => sequence(out, items, "(", ",)"),
            Self::Tuple(items) => sequence(out, items, "(", ")"),
            Self::Dict(dict) => {
                out.push('{');
                for (i, (key, value)) in dict.borrow().iter().enumerate() {
                    if i > 0 {
                        out.push_str(", ");
                    }
                    key.write_repr(out, depth + 1);
                    out.push_str(": ");
                    value.write_repr(out, depth + 1);
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
                }
                for (name, value) in object.kwargs.borrow().iter() {
                    _ = write!(out, "{name}=");
                    value.write_repr(out, depth + 1);
                    out.push_str(", ");
                }
                out.push(')');
            }
            Self::Super(_) => out.push_str("super()"),
            Self::Unknown(reason) => _ = write!(out, "<unknown: {reason}>"),
        }
    }
}

fn all_equal<'p>(a: &[Value<'p>], b: &[Value<'p>]) -> Option<bool> {
    if a.len() != b.len() {
        return Some(false);
    }
    let mut unknown = false;
    for (a, b) in a.iter().zip(b) {
        match a.equals(b) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => unknown = true,
        }
    }
    if unknown { None } else { Some(true) }
}
