//! The values of the evaluator.

use std::cell::{OnceCell, RefCell};
use std::ops::Deref;
use std::rc::{Rc, Weak};

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashSet};

use super::{Loaded, Scope};
use crate::ast::{ClassDef, FunctionDef, Param};
use crate::source::Span;

/// An insertion-ordered map by name, as namespaces and attributes are.
pub type Names<'p> = IndexMap<Rc<str>, Value<'p>, FxBuildHasher>;

/// The elements of a list.
#[derive(Default)]
pub struct Items<'p>(pub(super) RefCell<Vec<Value<'p>>>);

impl<'p> Deref for Items<'p> {
    type Target = RefCell<Vec<Value<'p>>>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// A mutable list, shared by all its names as in Python.
pub type List<'p> = Rc<Items<'p>>;

/// The elements of a tuple.
#[derive(Default)]
pub struct Sequence<'p>(pub(super) Vec<Value<'p>>);

impl<'p> Deref for Sequence<'p> {
    type Target = [Value<'p>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// A value: known, symbolic, or unknown with its reason.
#[derive(Clone)]
pub enum Value<'p> {
    /// `None`
    None,
    /// `True`, `False`
    Bool(bool),
    /// An integer that fits 64 bits; others are unknown.
    Int(i64),
    /// A float, as Python computes it.
    Float(f64),
    /// Text, or a path of `pathlib`.
    Str(Rc<str>),
    /// Bytes, decoded as Latin-1 would.
    Bytes(Rc<str>),
    /// A mutable list.
    List(List<'p>),
    /// A tuple of any length.
    Tuple(Rc<Sequence<'p>>),
    /// A set: the keys of a dict, in order of insertion.
    Set(Rc<RefCell<Dict<'p>>>),
    /// A dict in order of insertion.
    Dict(Rc<RefCell<Dict<'p>>>),
    /// A module that can be loaded.
    Module(Rc<str>),
    /// Something whose source is not evaluated, by its dotted name.
    External(Rc<str>),
    /// A `def` or `lambda` that was read.
    Function(Rc<Function<'p>>),
    /// A method with its receiver.
    Bound(Rc<(Value<'p>, Value<'p>)>),
    /// A method of a built-in value.
    Native(Rc<(Value<'p>, Rc<str>)>),
    /// A class that was read.
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
    /// An integer, a boolean or a float without a fraction.
    Int(i64),
    /// Text, or bytes of the same characters.
    Str(Rc<str>),
    /// A tuple or a bound method.
    Tuple(Vec<Key>),
    /// Anything else that is compared by its text.
    Other(String),
    /// A mutable or large value, which only equals itself: its address. The value lives as long as its key is used.
    Same(usize),
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

    /// Sets the value of a key; a known key keeps its place.
    pub fn set(&mut self, key: Value<'p>, value: Value<'p>) {
        self.0.insert(key.key(), (key, value));
    }

    /// Adds an element of a set; one that is there stays.
    pub fn add(&mut self, element: Value<'p>) {
        self.0.entry(element.key()).or_insert((element, Value::None));
    }

    /// Removes a key and keeps the order of the others.
    pub fn remove(&mut self, key: &Value<'p>) -> Option<Value<'p>> {
        self.0.shift_remove(&key.key()).map(|(_, v)| v)
    }

    /// Keys and values in order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (&Value<'p>, &Value<'p>)> {
        self.0.values().map(|(k, v)| (k, v))
    }
}

/// The syntax that a call of a function evaluates.
#[derive(Clone, Copy)]
pub enum Code<'p> {
    /// The statement of a `def`.
    Def(&'p FunctionDef),
    /// The parameters and the expression of a `lambda`.
    Lambda(&'p [Param], &'p crate::ast::Expr),
}

impl<'p> Code<'p> {
    /// The parameters in their order.
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
    /// The syntax that a call evaluates.
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
    /// A plain method: bound to the instance it is read from.
    Plain,
    /// A `staticmethod`, which is never bound.
    Static,
    /// A `classmethod`, which is bound to the class.
    Class,
    /// A `property`, which is called when it is read.
    Property,
}

/// A class that was read.
pub struct Class<'p> {
    /// The name in its `class` statement.
    pub name: Rc<str>,
    /// The `class` statement, unless code made the class.
    pub node: Option<&'p ClassDef>,
    /// The module it stands in.
    pub module: &'p Loaded<'p>,
    /// The place that makes it: the name in its statement, or the call of `type()`.
    pub site: Site<'p>,
    /// Its bases: classes, externals, or unknown.
    pub bases: Vec<Value<'p>>,
    /// Attributes of the class body, and those set later.
    pub attrs: RefCell<Names<'p>>,
    /// The classes after it in the order of resolution, once somebody asked.
    pub(super) order: OnceCell<Vec<Value<'p>>>,
}

impl<'p> Class<'p> {
    /// A class that was read.
    #[must_use]
    pub fn new(
        name: Rc<str>,
        node: Option<&'p ClassDef>,
        site: Site<'p>,
        bases: Vec<Value<'p>>,
        attrs: Names<'p>,
    ) -> Self {
        Self { name, node, module: site.module, site, bases, attrs: RefCell::new(attrs), order: OnceCell::new() }
    }

    /// Its dotted name: the module, then the name.
    #[must_use]
    pub fn dotted(&self) -> String {
        format!("{}.{}", self.module.dotted, self.name)
    }

    /// The method resolution order, the class itself first: depth first, a shared base after all that derive from it, as
    /// in C3 for the hierarchies that occur.
    #[must_use]
    pub fn mro(self: &Rc<Self>) -> Vec<Value<'p>> {
        let mut out = vec![Value::Class(self.clone())];
        out.extend(self.ancestors().iter().cloned());
        out
    }

    /// The order without the class itself, found once: bases do not change.
    fn ancestors(self: &Rc<Self>) -> &[Value<'p>] {
        self.order.get_or_init(|| {
            // From the last base to the first, each class after its own bases: reversed, it is the order.
            let mut seen: FxHashSet<Key> = FxHashSet::default();
            let mut out: Vec<Value<'p>> = Vec::new();
            let mut todo: Vec<(Value<'p>, bool)> = self.bases.iter().cloned().map(|base| (base, false)).collect();
            while let Some((class, expanded)) = todo.pop() {
                if expanded {
                    out.push(class);
                } else if seen.len() < MAX_ANCESTORS && seen.insert(class.key()) {
                    let bases = match &class {
                        Value::Class(class) => class.bases.clone(),
                        _ => Vec::new(),
                    };
                    todo.push((class, true));
                    todo.extend(bases.into_iter().map(|base| (base, false)));
                }
            }
            out.reverse();
            out
        })
    }

    /// The value of an attribute in the order of resolution, with the class it was found in; an external base is
    /// found when nothing before it has the attribute.
    #[must_use]
    pub fn lookup(self: &Rc<Self>, name: &str) -> Option<Value<'p>> {
        if let Some(value) = self.attrs.borrow().get(name) {
            return Some(value.clone());
        }
        find_in(self.ancestors(), name)
    }
}

/// Classes in one order of resolution; no hierarchy that people write comes near.
const MAX_ANCESTORS: usize = 500;

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

/// An instance of a class that was read, or of an external one.
pub struct Object<'p> {
    /// Its class: [`Value::Class`] or [`Value::External`].
    pub class: Value<'p>,
    /// The positional arguments that reached the external constructor.
    pub args: RefCell<Vec<Value<'p>>>,
    /// The keyword arguments that reached the external constructor.
    pub kwargs: RefCell<Names<'p>>,
    /// Attributes that code has set on it.
    pub attrs: RefCell<Names<'p>>,
    /// The expression that made it.
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
    /// The module of the syntax.
    pub module: &'p Loaded<'p>,
    /// The span of the expression or statement.
    pub span: Span,
}

impl Site<'_> {
    /// The 1-based line on which the span begins.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.module.text.line_col(self.span.start).line
    }
}

impl<'p> Value<'p> {
    /// Text, or a path of `pathlib`.
    #[must_use]
    pub fn str(text: &str) -> Self {
        Self::Str(text.into())
    }

    /// A mutable list.
    #[must_use]
    pub fn list(items: Vec<Value<'p>>) -> Self {
        Self::List(Rc::new(Items(RefCell::new(items))))
    }

    /// A tuple of any length.
    #[must_use]
    pub fn tuple(items: impl Into<Vec<Value<'p>>>) -> Self {
        Self::Tuple(Rc::new(Sequence(items.into())))
    }

    /// A set, each element once.
    #[must_use]
    pub fn set(items: Vec<Value<'p>>) -> Self {
        let mut set = Dict::default();
        for item in items {
            set.add(item);
        }
        Self::Set(Rc::new(RefCell::new(set)))
    }

    /// A dict in order of insertion.
    #[must_use]
    pub fn dict(items: Vec<(Value<'p>, Value<'p>)>) -> Self {
        let mut dict = Dict::default();
        for (key, value) in items {
            dict.set(key, value);
        }
        Self::Dict(Rc::new(RefCell::new(dict)))
    }

    /// An unknown value with its reason.
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

    /// The number of elements of a list, tuple, set, dict or text.
    #[must_use]
    pub fn len(&self) -> Option<usize> {
        match self {
            Self::List(items) => Some(items.borrow().len()),
            Self::Tuple(items) => Some(items.len()),
            Self::Set(dict) | Self::Dict(dict) => Some(dict.borrow().0.len()),
            Self::Str(text) => Some(text.chars().count()),
            _ => None,
        }
    }

    /// The elements of a list, tuple, set, dict (its keys) or text (its characters).
    #[must_use]
    pub fn items(&self) -> Option<Vec<Value<'p>>> {
        match self {
            Self::List(items) => Some(items.borrow().clone()),
            Self::Tuple(items) => Some(items.to_vec()),
            Self::Set(dict) | Self::Dict(dict) => Some(dict.borrow().iter().map(|(k, _)| k.clone()).collect()),
            Self::Str(text) => Some(text.chars().map(|c| Value::str(c.encode_utf8(&mut [0; 4]))).collect()),
            _ => None,
        }
    }

    /// Whether it counts as true; `None` when that is unknown.
    #[must_use]
    pub fn truth(&self) -> Option<bool> {
        Some(match self {
            Self::None => false,
            Self::Bool(b) => *b,
            Self::Int(i) => *i != 0,
            Self::Float(f) => *f != 0.0,
            Self::Str(text) | Self::Bytes(text) => !text.is_empty(),
            Self::List(items) => !items.borrow().is_empty(),
            Self::Tuple(items) => !items.is_empty(),
            Self::Set(dict) | Self::Dict(dict) => !dict.borrow().0.is_empty(),
            Self::Unknown(_) | Self::Import(..) => return None,
            // A member of an external object whose value is unknown.
            Self::Bound(pair) if matches!(pair.1, Self::External(_)) => return None,
            _ => true,
        })
    }

    /// Whether nothing is known of it.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
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
}
