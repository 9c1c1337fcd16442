//! Statements.

use std::cell::RefCell;
use std::rc::Rc;

use super::budget::MAX_ITEMS;
use super::{Args, Class, Code, Eval, Exception, Function, FunctionKind, Interp, Names, Scope, Site, Value};
use crate::ast::{BinOp, ClassDef, ExceptHandler, Expr, ExprKind, FunctionDef, ParamKind, Stmt, StmtKind};
use crate::source::GapKind;

/// How a statement ended, and where execution goes on.
pub(super) enum Flow<'p> {
    Next,
    Return(Value<'p>),
    Break,
    Continue,
}

impl<'p> Interp<'p> {
    pub(super) fn block(&mut self, body: &'p [Stmt], scope: &Rc<Scope<'p>>) -> Eval<Flow<'p>> {
        for stmt in body {
            match self.exec(stmt, scope)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    pub(super) fn exec(&mut self, stmt: &'p Stmt, scope: &Rc<Scope<'p>>) -> Eval<Flow<'p>> {
        self.budget.step()?;
        self.deeper(|me| me.statement(stmt, scope))
    }

    fn statement(&mut self, stmt: &'p Stmt, scope: &Rc<Scope<'p>>) -> Eval<Flow<'p>> {
        let site = Site { module: scope.module, span: stmt.span };
        match &stmt.kind {
            StmtKind::If { .. }
            | StmtKind::For { .. }
            | StmtKind::While { .. }
            | StmtKind::With { .. }
            | StmtKind::Try { .. }
            | StmtKind::Match { .. } => return self.compound(&stmt.kind, scope, site),
            StmtKind::Import(names) => self.import(names, scope)?,
            StmtKind::ImportFrom(import) => self.import_from(import, scope, site)?,
            StmtKind::ClassDef(class) => {
                let value = self.class(class, scope)?;
                self.bind(scope, &class.name.name, value);
            }
            StmtKind::FunctionDef(def) => {
                let value = self.function(def, scope)?;
                self.bind(scope, &def.name.name, value);
            }
            StmtKind::Assign { targets, value } => {
                let value = self.eval(value, scope)?;
                for target in targets {
                    self.assign(target, value.clone(), scope)?;
                }
            }
            StmtKind::AnnAssign { target, value, .. } => {
                if let Some(value) = value {
                    let value = self.eval(value, scope)?;
                    self.assign(target, value, scope)?;
                }
            }
            StmtKind::AugAssign { target, op, value } => self.augmented(target, *op, value, scope, site)?,
            StmtKind::Return(value) => {
                let value = match value {
                    Some(value) => self.eval(value, scope)?,
                    None => Value::None,
                };
                return Ok(Flow::Return(value));
            }
            StmtKind::Delete(targets) => {
                for target in targets {
                    self.delete(target, scope)?;
                }
            }
            StmtKind::Raise(values) => {
                let class = match values.first() {
                    Some(expr) => match self.eval(expr, scope)? {
                        Value::Object(object) => class_name(&object.class),
                        other => class_name(&other),
                    },
                    None => "Exception".to_owned(),
                };
                return Err(Exception::new(&class, "raised by the code"));
            }
            StmtKind::Expr(expr) => {
                self.eval(expr, scope)?;
            }
            StmtKind::Global(names) => {
                scope.globals.borrow_mut().extend(names.iter().map(|n| Rc::from(n.name.as_str())));
            }
            StmtKind::Empty => {
                // `break` and `continue` are distinguished by their text: the tree keeps only that nothing is to analyse.
                match scope.module.text.slice(stmt.span).trim() {
                    "break" => return Ok(Flow::Break),
                    "continue" => return Ok(Flow::Continue),
                    _ => {}
                }
            }
            StmtKind::Nonlocal(_) | StmtKind::Assert(_) | StmtKind::Print(_) => {}
        }
        Ok(Flow::Next)
    }

    /// `target op= value`
    fn augmented(
        &mut self,
        target: &'p Expr,
        op: BinOp,
        value: &'p Expr,
        scope: &Rc<Scope<'p>>,
        site: Site<'p>,
    ) -> Eval<()> {
        let right = self.eval(value, scope)?;
        let left = self.eval(target, scope)?;
        let (BinOp::Add, Value::List(list)) = (op, &left) else {
            let value = self.binary(op, &left, &right, site)?;
            return self.assign(target, value, scope);
        };
        // `+=` on a list changes it in place, for every name that holds it.
        match self.iterate(&right)? {
            Some(items) if list.borrow().len() + items.len() > MAX_ITEMS => {
                let unknown = self.too_large(site, &format!("a list of more than {MAX_ITEMS} elements"));
                return self.assign(target, unknown, scope);
            }
            Some(items) => list.borrow_mut().extend(items),
            None => {
                self.gap(GapKind::Settings, site, "elements added to a list are unknown");
                list.borrow_mut().push(Value::unknown("elements added to the list are unknown"));
            }
        }
        Ok(())
    }

    /// Statements that hold other statements.
    fn compound(&mut self, kind: &'p StmtKind, scope: &Rc<Scope<'p>>, site: Site<'p>) -> Eval<Flow<'p>> {
        match kind {
            StmtKind::If { test, body, orelse } => {
                let value = self.eval(test, scope)?;
                let taken = match value.truth() {
                    Some(true) => body,
                    Some(false) => orelse,
                    None => {
                        self.undecided(test, &value, body, orelse, site);
                        orelse
                    }
                };
                self.block(taken, scope)
            }
            StmtKind::For { target, iter, body, orelse } => {
                let iterable = self.eval(iter, scope)?;
                let Some(items) = self.iterate(&iterable)? else {
                    if changes_something(body) {
                        let reason = "a loop over an unknown value; its body is not evaluated";
                        self.gap(GapKind::Loop, site, reason);
                    }
                    return Ok(Flow::Next);
                };
                for item in items {
                    self.budget.step()?;
                    self.assign(target, item, scope)?;
                    match self.block(body, scope)? {
                        Flow::Break => return Ok(Flow::Next),
                        Flow::Return(value) => return Ok(Flow::Return(value)),
                        Flow::Next | Flow::Continue => {}
                    }
                }
                self.block(orelse, scope)
            }
            StmtKind::While { test, body, orelse } => {
                loop {
                    self.budget.step()?;
                    let value = self.eval(test, scope)?;
                    match value.truth() {
                        Some(true) => match self.block(body, scope)? {
                            Flow::Break => return Ok(Flow::Next),
                            Flow::Return(value) => return Ok(Flow::Return(value)),
                            Flow::Next | Flow::Continue => {}
                        },
                        Some(false) => break,
                        None => {
                            if changes_something(body) {
                                let reason = "a loop on an unknown condition; not evaluated";
                                self.gap(GapKind::Loop, site, reason);
                            }
                            return Ok(Flow::Next);
                        }
                    }
                }
                self.block(orelse, scope)
            }
            StmtKind::With { items, body } => {
                for (manager, target) in items {
                    let value = self.eval(manager, scope)?;
                    let entered = match &value {
                        Value::Object(object) if object.user_class().is_some() => {
                            match self.attribute(&value, "__enter__", site)? {
                                Value::Unknown(_) => value.clone(),
                                enter => self.call(&enter, Args::default(), site)?,
                            }
                        }
                        _ => value.clone(),
                    };
                    if let Some(target) = target {
                        self.assign(target, entered, scope)?;
                    }
                }
                self.block(body, scope)
            }
            StmtKind::Try { body, handlers, orelse, finalbody } => {
                let flow = self.try_statement(body, handlers, orelse, scope);
                match self.block(finalbody, scope)? {
                    Flow::Next => flow,
                    other => Ok(other),
                }
            }
            _ => {
                self.gap(GapKind::Match, site, "a match statement is not evaluated");
                Ok(Flow::Next)
            }
        }
    }

    fn undecided(&mut self, test: &Expr, value: &Value<'p>, body: &[Stmt], orelse: &[Stmt], site: Site<'p>) {
        if !changes_something(body) && !changes_something(orelse) {
            return;
        }
        let reason = match value {
            Value::Unknown(reason) => reason.to_string(),
            _ => String::from("unknown"),
        };
        let text: String = site.module.text.slice(test.span).chars().take(60).collect();
        self.gap(GapKind::Condition, site, format!("could not evaluate `{text}` ({reason}); assumed False"));
    }

    fn try_statement(
        &mut self,
        body: &'p [Stmt],
        handlers: &'p [ExceptHandler],
        orelse: &'p [Stmt],
        scope: &Rc<Scope<'p>>,
    ) -> Eval<Flow<'p>> {
        let imports = handlers.iter().any(|h| catches(h, "ImportError"));
        self.try_depth += u32::from(imports);
        self.tries += 1;
        let outcome = self.block(body, scope);
        self.tries = self.tries.saturating_sub(1);
        self.try_depth = self.try_depth.saturating_sub(u32::from(imports));
        match outcome {
            Ok(Flow::Next) => self.block(orelse, scope),
            Err(exception) if !exception.fatal => {
                let Some(handler) = handlers.iter().find(|h| catches(h, &exception.class)) else {
                    return Err(exception);
                };
                if let Some(target) = &handler.target {
                    self.assign(target, Value::unknown("an exception"), scope)?;
                }
                self.block(&handler.body, scope)
            }
            other => other,
        }
    }

    pub(super) fn bind(&mut self, scope: &Rc<Scope<'p>>, name: &str, value: Value<'p>) {
        if !scope.globals.borrow().is_empty() && scope.globals.borrow().iter().any(|n| &**n == name) {
            let dotted = scope.module.dotted.clone();
            if let Some(module) = self.modules.get(dotted.as_str()) {
                module.set(name, value);
                return;
            }
        }
        scope.set(name, value);
    }

    pub(super) fn assign(&mut self, target: &'p Expr, value: Value<'p>, scope: &Rc<Scope<'p>>) -> Eval<()> {
        match &target.kind {
            ExprKind::Name(name) => self.bind(scope, name, value),
            ExprKind::Tuple(targets) | ExprKind::List(targets) => {
                let items = self.iterate(&value)?;
                let star = targets.iter().position(|t| matches!(t.kind, ExprKind::Starred(_)));
                match (items, star) {
                    (Some(items), None) if items.len() == targets.len() => {
                        for (target, item) in targets.iter().zip(items) {
                            self.assign(target, item, scope)?;
                        }
                    }
                    (Some(items), Some(star)) if items.len() + 1 >= targets.len() => {
                        let after = targets.len() - star - 1;
                        let middle = items[star..items.len() - after].to_vec();
                        for (target, item) in targets[..star].iter().zip(&items) {
                            self.assign(target, item.clone(), scope)?;
                        }
                        if let ExprKind::Starred(inner) = &targets[star].kind {
                            self.assign(inner, Value::list(middle), scope)?;
                        }
                        for (target, item) in targets[star + 1..].iter().zip(&items[items.len() - after..]) {
                            self.assign(target, item.clone(), scope)?;
                        }
                    }
                    _ => {
                        for target in targets {
                            let target = if let ExprKind::Starred(inner) = &target.kind { inner } else { target };
                            self.assign(target, Value::unknown("unpacked from an unknown value"), scope)?;
                        }
                    }
                }
            }
            ExprKind::Attribute { value: object, attr } => {
                let object = self.eval(object, scope)?;
                match &object {
                    Value::Object(o) => {
                        o.attrs.borrow_mut().insert(attr.name.as_str().into(), value);
                    }
                    Value::Class(c) => {
                        c.attrs.borrow_mut().insert(attr.name.as_str().into(), value);
                    }
                    _ => {}
                }
            }
            ExprKind::Subscript { value: container, index } => {
                let container = self.eval(container, scope)?;
                let index = self.eval(index, scope)?;
                match &container {
                    Value::Dict(dict) => dict.borrow_mut().set(index, value),
                    Value::External(name) if &**name == "sys.modules" => {
                        if let Some(module) = index.as_str() {
                            self.replaced.insert(module, value);
                        }
                    }
                    // `globals()["Name"] = …`
                    Value::External(name) if matches!(&**name, "builtins.globals()") => {
                        if let (Some(name), Some(module)) = (index.as_str(), self.modules.get(&*scope.module.dotted)) {
                            module.set(&name, value);
                        }
                    }
                    Value::External(name) if matches!(&**name, "builtins.vars()" | "builtins.locals()") => {
                        if let Some(name) = index.as_str() {
                            scope.set(&name, value);
                        }
                    }
                    Value::List(list) => {
                        let mut list = list.borrow_mut();
                        if let Some(at) = index.as_int().and_then(|i| super::operator::position(i, list.len())) {
                            list[at] = value;
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn delete(&mut self, target: &'p Expr, scope: &Rc<Scope<'p>>) -> Eval<()> {
        match &target.kind {
            ExprKind::Name(name) => {
                scope.names.borrow_mut().shift_remove(name.as_str());
            }
            ExprKind::Subscript { value, index } => {
                let container = self.eval(value, scope)?;
                let index = self.eval(index, scope)?;
                match &container {
                    Value::Dict(dict) if dict.borrow_mut().remove(&index).is_none() && !index.is_unknown() => {
                        return Err(Exception::new("KeyError", index.repr()));
                    }
                    Value::List(list) => {
                        let mut list = list.borrow_mut();
                        if let Some(at) = index.as_int().and_then(|i| super::operator::position(i, list.len())) {
                            list.remove(at);
                        }
                    }
                    _ => {}
                }
            }
            ExprKind::Attribute { value, attr } => {
                if let Value::Object(object) = self.eval(value, scope)? {
                    object.attrs.borrow_mut().shift_remove(attr.name.as_str());
                }
            }
            ExprKind::Tuple(targets) | ExprKind::List(targets) => {
                for target in targets {
                    self.delete(target, scope)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn class(&mut self, node: &'p ClassDef, scope: &Rc<Scope<'p>>) -> Eval<Value<'p>> {
        let mut bases = Vec::new();
        for base in &node.args.args {
            let value = self.eval(base, scope)?;
            // `with_metaclass(Meta, Base)` of six and Django stands for its bases.
            if let Value::Object(object) = &value
                && object.external().is_some_and(|n| n.ends_with("with_metaclass"))
            {
                bases.extend(object.args.borrow().iter().skip(1).cloned());
                continue;
            }
            bases.push(value);
        }
        let body = Rc::new(Scope::new(scope.module, Some(scope.clone()), true));
        for stmt in &node.body {
            match self.exec(stmt, &body) {
                Err(exception) if !exception.fatal && self.tries == 0 => {
                    let site = Site { module: scope.module, span: stmt.span };
                    self.record_exception(&exception, site);
                }
                other => _ = other?,
            }
        }
        let attrs = body.names.borrow().clone();
        let site = Site { module: scope.module, span: node.name.span };
        self.new_class(node.name.name.as_str().into(), Some(node), site, bases, attrs)
    }

    /// Makes a class, by its statement or by a call of `type()`.
    pub(super) fn new_class(
        &mut self,
        name: Rc<str>,
        node: Option<&'p ClassDef>,
        site: Site<'p>,
        bases: Vec<Value<'p>>,
        attrs: Names<'p>,
    ) -> Eval<Value<'p>> {
        self.budget.items(attrs.len() + 8)?;
        let class = Rc::new(Class::new(name, node, site, bases, attrs));
        self.classes.push(class.clone());
        for value in class.attrs.borrow().values() {
            if let Value::Function(function) = value {
                let mut owner = function.owner.borrow_mut();
                if owner.is_none() {
                    *owner = Some(Rc::downgrade(&class));
                }
            }
        }
        Ok(Value::Class(class))
    }

    fn function(&mut self, def: &'p FunctionDef, scope: &Rc<Scope<'p>>) -> Eval<Value<'p>> {
        let mut kind = FunctionKind::Plain;
        for decorator in &def.decorators {
            let dotted = decorator.as_dotted().map(|d| d.join(".")).unwrap_or_default();
            match dotted.as_str() {
                "staticmethod" => kind = FunctionKind::Static,
                "classmethod" => kind = FunctionKind::Class,
                _ if dotted.ends_with("property") => kind = FunctionKind::Property,
                _ => {}
            }
        }
        let mut defaults = Vec::with_capacity(def.params.len());
        for param in &def.params {
            defaults.push(match &param.default {
                Some(default) => Some(self.eval(default, scope)?),
                None => None,
            });
        }
        Ok(Value::Function(Rc::new(Function {
            code: Code::Def(def),
            scope: scope.clone(),
            defaults,
            owner: RefCell::new(None),
            kind,
        })))
    }

    /// Calls a function with its receiver already among the arguments.
    pub(super) fn call_function(&mut self, function: &Rc<Function<'p>>, args: Args<'p>) -> Eval<Value<'p>> {
        // A scope takes as much as some values.
        self.budget.items(8)?;
        self.budget.step()?;
        let mut scope = Scope::new(function.scope.module, Some(visible(&function.scope)), false);
        if let Some(owner) = function.owner.borrow().as_ref().and_then(std::rc::Weak::upgrade) {
            if let Some(receiver) = args.pos.first() {
                scope.method = Some((owner, receiver.clone()));
            }
        } else {
            scope.method.clone_from(&function.scope.method);
        }
        let scope = Rc::new(scope);
        self.bind_arguments(function, args, &scope)?;
        self.deeper(|me| match function.code {
            Code::Lambda(_, body) => me.eval(body, &scope),
            Code::Def(def) => {
                let flow = me.block(&def.body, &scope)?;
                if !scope.yielded.borrow().is_empty() {
                    return Ok(Value::list(scope.yielded.take()));
                }
                Ok(match flow {
                    Flow::Return(value) => value,
                    _ => Value::None,
                })
            }
        })
    }

    fn bind_arguments(&mut self, function: &Rc<Function<'p>>, args: Args<'p>, scope: &Rc<Scope<'p>>) -> Eval<()> {
        let mut positional = args.pos.into_iter();
        let mut keywords = args.kw;
        for (index, param) in function.code.params().iter().enumerate() {
            let name = param.name.name.as_str();
            let value = match param.kind {
                ParamKind::VarArgs => {
                    let rest: Vec<Value<'p>> = positional.by_ref().collect();
                    self.budget.items(rest.len())?;
                    Value::tuple(rest)
                }
                ParamKind::KwArgs => {
                    Value::dict(std::mem::take(&mut keywords).into_iter().map(|(n, v)| (Value::Str(n), v)).collect())
                }
                ParamKind::Normal | ParamKind::KeywordOnly => {
                    let by_position = if param.kind == ParamKind::Normal { positional.next() } else { None };
                    let by_name = || {
                        let at = keywords.iter().position(|(n, _)| &**n == name)?;
                        Some(keywords.remove(at).1)
                    };
                    match by_position.or_else(by_name) {
                        Some(value) => value,
                        None => match function.defaults.get(index).cloned().flatten() {
                            Some(default) => default,
                            None => Value::Unknown(format!("no argument for {name}").into()),
                        },
                    }
                }
            };
            if let Some(pattern) = &param.pattern {
                self.assign(pattern, value, scope)?;
            } else if !name.is_empty() {
                scope.set(name, value);
            }
        }
        Ok(())
    }
}

/// The scope a function sees: class bodies are skipped.
fn visible<'p>(scope: &Rc<Scope<'p>>) -> Rc<Scope<'p>> {
    let mut at = scope.clone();
    while at.class {
        match &at.parent {
            Some(parent) => at = parent.clone(),
            None => break,
        }
    }
    at
}

fn class_name(value: &Value<'_>) -> String {
    match value {
        Value::Class(class) => class.name.to_string(),
        Value::External(name) => name.rsplit('.').next().unwrap_or(name).to_owned(),
        _ => "Exception".to_owned(),
    }
}

fn catches(handler: &ExceptHandler, class: &str) -> bool {
    let Some(exception) = &handler.exception else { return true };
    let names: Vec<&Expr> = match &exception.kind {
        ExprKind::Tuple(items) => items.iter().collect(),
        _ => vec![exception],
    };
    names.iter().any(|expr| {
        let name = expr.as_dotted().and_then(|d| d.last().copied()).unwrap_or("");
        name == class
            || matches!(name, "Exception" | "BaseException" | "StandardError")
            || (matches!(class, "ImportError" | "ModuleNotFoundError")
                && matches!(name, "ImportError" | "ModuleNotFoundError"))
            || (matches!(class, "KeyError" | "IndexError") && name == "LookupError")
    })
}

/// Whether a block could change what is evaluated: anything but reading, logging and passing.
fn changes_something(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Empty | StmtKind::Print(_) | StmtKind::Raise(_) | StmtKind::Assert(_) => false,
        StmtKind::Expr(expr) => match &expr.kind {
            ExprKind::Str(_) => false,
            ExprKind::Call { func, .. } => {
                let name = func.as_dotted().and_then(|d| d.last().copied()).unwrap_or("");
                !matches!(name, "debug" | "info" | "warning" | "warn" | "error" | "exception" | "print" | "write")
            }
            _ => true,
        },
        StmtKind::If { body, orelse, .. } => changes_something(body) || changes_something(orelse),
        _ => true,
    })
}
