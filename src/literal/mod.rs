//! The constant value of Python code: a small abstract interpreter over the syntax tree.
//!
//! Settings modules, migrations and custom fields are programs; what they come to is read by following them: names
//! through imports, list arithmetic, conditions on flags, loops over constants, functions and classes. Nothing is
//! executed outside: what has no source here ([`Value::External`]) stays symbolic, and its calls become
//! [`Value::Object`]s that remember their arguments. What cannot be decided is [`Value::Unknown`] with its reason, or
//! a gap.
//!
//! Invariant: evaluation ends (it has a budget of steps and of depth) and never panics.

mod budget;
mod builtin;
mod call;
mod eval;
mod exception;
mod exec;
mod identity;
mod import;
mod library;
mod method;
mod operator;
mod release;
mod sequence;
#[cfg(test)]
mod tests;
mod text;
mod value;

use std::cell::RefCell;
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::ast::Module;
use crate::source::{Gap, GapKind, SourceText};

use budget::Budget;
pub use exception::{Eval, Exception};
pub use value::{Class, Code, Dict, Function, FunctionKind, List, Names, Object, Site, Value};

/// A module as it was loaded.
#[derive(Debug)]
pub struct Loaded<'p> {
    /// The dotted name it was loaded under.
    pub dotted: String,
    /// Its path as reports show it.
    pub path: String,
    /// Whether it is a package (`__init__.py`, or a folder without one).
    pub package: bool,
    /// The syntax tree of its file.
    pub tree: &'p Module,
    /// The decoded text that spans of the tree refer to.
    pub text: &'p SourceText,
}

/// Where the evaluator gets the sources of modules.
pub trait Loader<'p> {
    /// The module of a dotted name; `None` when its source was not found.
    fn load(&'p self, dotted: &str) -> Option<&'p Loaded<'p>>;
    /// Whether the module can be loaded.
    fn exists(&self, dotted: &str) -> bool;
    /// The names of the modules in a package, sorted.
    fn submodules(&self, dotted: &str) -> Vec<String>;
}

/// The values of external names in the environment of the code: Django, its settings, its connections.
pub trait Host<'p> {
    /// The value of an external dotted name, when it has one here.
    fn external(&self, interp: &mut Interp<'p>, dotted: &str) -> Option<Value<'p>>;
    /// The outcome of calling an external name, with the receiver when it is a method.
    fn call(
        &self,
        interp: &mut Interp<'p>,
        callee: &str,
        receiver: Option<&Value<'p>>,
        args: &Args<'p>,
        site: Site<'p>,
    ) -> Option<Value<'p>>;
    /// An attribute of an instance of an external class.
    fn attribute(&self, interp: &mut Interp<'p>, object: &Rc<Object<'p>>, name: &str) -> Option<Value<'p>>;
    /// Whether `from module import name` of an external module fails; `None` when that is unknown.
    fn import_fails(&self, module: &str, name: Option<&str>) -> Option<bool>;
}

/// The arguments of a call.
#[derive(Default, Clone)]
pub struct Args<'p> {
    /// Positional arguments, starred ones spread out.
    pub pos: Vec<Value<'p>>,
    /// Keyword arguments in order, `**` ones spread out.
    pub kw: Vec<(Rc<str>, Value<'p>)>,
}

impl<'p> Args<'p> {
    /// Arguments of a call without keywords.
    #[must_use]
    pub fn positional(pos: Vec<Value<'p>>) -> Self {
        Self { pos, kw: Vec::new() }
    }

    /// The argument at a position or by name.
    #[must_use]
    pub fn get(&self, position: usize, name: &str) -> Option<&Value<'p>> {
        self.pos.get(position).or_else(|| self.kw.iter().find(|(n, _)| &**n == name).map(|(_, v)| v))
    }
}

/// A scope: of a module, a class body or a function call.
pub struct Scope<'p> {
    /// The module it belongs to.
    pub module: &'p Loaded<'p>,
    /// The names bound in it so far.
    pub names: RefCell<Names<'p>>,
    /// The scope around it that names are looked up in next; `None` for a module's.
    pub parent: Option<Rc<Scope<'p>>>,
    /// Whether it is a class body, invisible from the functions in it.
    pub class: bool,
    /// The class `super()` starts after, and the receiver.
    pub method: Option<(Rc<Class<'p>>, Value<'p>)>,
    /// Values of `yield` so far.
    pub yielded: RefCell<Vec<Value<'p>>>,
    /// Names declared `global`, which are bound in the module.
    pub globals: RefCell<Vec<Rc<str>>>,
}

impl<'p> Scope<'p> {
    fn new(module: &'p Loaded<'p>, parent: Option<Rc<Scope<'p>>>, class: bool) -> Self {
        Self {
            module,
            names: RefCell::default(),
            parent,
            class,
            method: None,
            yielded: RefCell::default(),
            globals: RefCell::default(),
        }
    }

    /// Binds a name in this scope.
    pub fn set(&self, name: &str, value: Value<'p>) {
        self.names.borrow_mut().insert(name.into(), value);
    }
}

/// The evaluator and all modules it has evaluated.
pub struct Interp<'p> {
    loader: &'p dyn Loader<'p>,
    host: Rc<dyn Host<'p> + 'p>,
    modules: FxHashMap<Rc<str>, Rc<Scope<'p>>>,
    /// What could not be followed.
    pub gaps: Vec<Gap>,
    /// All classes that were made, in order. A model exists from then on, whether a name of its module holds it or not.
    pub classes: Vec<Rc<Class<'p>>>,
    /// The files of modules that the watched modules take names from, and of those themselves.
    pub used: FxHashSet<String>,
    /// Whether a module is watched, by its dotted name.
    pub watch: fn(&str) -> bool,
    /// Whether a gap is listed already.
    known_gaps: FxHashSet<(u32, GapKind, String, String)>,
    budget: Budget,
    try_depth: u32,
    /// How many `try` statements are open: what is raised in one is for its handlers.
    tries: u32,
    /// Modules that put something else in their place (`sys.modules[__name__] = …`).
    replaced: FxHashMap<Rc<str>, Value<'p>>,
    /// Whether an undecided condition or loop is reported as a gap.
    quiet: u32,
    /// How many modules run at the moment, each imported by the one before.
    running: u32,
}

impl<'p> Interp<'p> {
    /// An evaluator over a loader and a host.
    #[must_use]
    pub fn new(loader: &'p dyn Loader<'p>, host: Rc<dyn Host<'p> + 'p>) -> Self {
        Self {
            loader,
            host,
            modules: FxHashMap::default(),
            gaps: Vec::new(),
            classes: Vec::new(),
            used: FxHashSet::default(),
            watch: |_| false,
            known_gaps: FxHashSet::default(),
            budget: Budget::default(),
            try_depth: 0,
            tries: 0,
            replaced: FxHashMap::default(),
            quiet: 0,
            running: 0,
        }
    }

    /// Where the evaluator gets the sources of modules.
    #[must_use]
    pub fn loader(&self) -> &'p dyn Loader<'p> {
        self.loader
    }

    /// Starts an evaluation with a budget of its own.
    pub fn restart(&mut self) {
        self.budget.restart();
        self.try_depth = 0;
        self.tries = 0;
    }

    fn deeper<T>(&mut self, f: impl FnOnce(&mut Self) -> Eval<T>) -> Eval<T> {
        self.budget.down()?;
        let out = f(self);
        self.budget.up();
        out
    }

    /// Lists a gap at a place, once.
    pub fn gap(&mut self, kind: GapKind, site: Site<'p>, reason: impl Into<String>) {
        if self.quiet > 0 {
            return;
        }
        let reason = reason.into();
        let line = site.line();
        if self.known_gaps.insert((line, kind, site.module.path.clone(), reason.clone())) {
            self.gaps.push(Gap::at(kind, site.module.path.clone(), line, reason));
        }
    }

    /// The unknown value of an operation whose result is beyond the limits, with its gap.
    fn too_large(&mut self, site: Site<'p>, what: &str) -> Value<'p> {
        self.gap(GapKind::Evaluation, site, format!("{what} is not evaluated; the value is unknown"));
        Value::unknown(what)
    }

    /// Lists the gap of an expression or statement whose evaluation ended with an exception.
    pub(crate) fn record_exception(&mut self, exception: &Exception, site: Site<'p>) {
        let reason = format!("this could not be followed ({}: {})", exception.class, exception.message);
        self.gap(GapKind::Evaluation, site, reason);
    }

    /// Evaluates without telling gaps of undecided conditions.
    pub fn quietly<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        self.quiet += 1;
        let out = f(self);
        self.quiet -= 1;
        out
    }

    /// Whether the body of a module runs at the moment; its names are kept.
    #[must_use]
    pub fn runs_module(&self) -> bool {
        self.running > 0
    }

    /// The names of a module, evaluated on first use.
    pub fn module(&mut self, dotted: &str) -> Option<Rc<Scope<'p>>> {
        if let Some(scope) = self.modules.get(dotted) {
            return Some(scope.clone());
        }
        let loaded = self.loader.load(dotted)?;
        let name: Rc<str> = loaded.dotted.as_str().into();
        if let Some(scope) = self.modules.get(&name) {
            return Some(scope.clone());
        }
        let scope = Rc::new(Scope::new(loaded, None, false));
        scope.set("__name__", Value::str(&loaded.dotted));
        scope.set("__file__", Value::str(&loaded.path));
        // A module that imports itself in a circle sees the names bound so far, as in Python.
        self.modules.insert(name.clone(), scope.clone());
        self.modules.insert(dotted.into(), scope.clone());
        let (depth, try_depth) = (self.budget.depth, std::mem::take(&mut self.try_depth));
        let tries = std::mem::take(&mut self.tries);
        self.running += 1;
        self.run_module(&scope, loaded);
        self.running -= 1;
        self.budget.depth = depth;
        self.try_depth = try_depth;
        self.tries = tries;
        Some(scope)
    }

    fn run_module(&mut self, scope: &Rc<Scope<'p>>, loaded: &'p Loaded<'p>) {
        for stmt in &loaded.tree.body {
            let mark = self.budget.mark();
            if let Err(exception) = self.exec(stmt, scope) {
                let site = Site { module: loaded, span: stmt.span };
                let Exception { class, message, fatal } = &exception;
                if *fatal && self.budget.is_spent() {
                    let reason = format!("this statement and those after it are not evaluated: {message}");
                    self.gap(GapKind::Evaluation, site, reason);
                    return;
                }
                self.gap(
                    GapKind::Evaluation,
                    site,
                    format!("this statement could not be followed ({class}: {message})"),
                );
                if *fatal {
                    // The next statement has the budget that this one had.
                    self.budget.reset(mark);
                }
            }
        }
    }

    /// A name of a module, imports followed.
    pub fn module_value(&mut self, dotted: &str, name: &str) -> Option<Value<'p>> {
        let scope = self.module(dotted)?;
        let value = scope.names.borrow().get(name).cloned()?;
        Some(self.resolve(value))
    }
}
