//! Expressions.

use std::cell::RefCell;
use std::rc::Rc;

use super::budget::{MAX_ITEMS, MAX_PARTS, MAX_TEXT};
use super::{Args, Code, Eval, Function, FunctionKind, Interp, Object, Scope, Site, Value, text};
use crate::ast::{Arguments, ComprehensionClause, ComprehensionKind, Expr, ExprKind, StrPart, StrPiece, UnaryOp};
use crate::source::GapKind;

impl<'p> Interp<'p> {
    /// The value of an expression in a scope.
    ///
    /// # Errors
    ///
    /// When the code raises an exception, or the budget ends.
    pub fn eval(&mut self, expr: &'p Expr, scope: &Rc<Scope<'p>>) -> Eval<Value<'p>> {
        self.budget.step()?;
        self.deeper(|me| me.expression(expr, scope))
    }

    fn expression(&mut self, expr: &'p Expr, scope: &Rc<Scope<'p>>) -> Eval<Value<'p>> {
        let site = Site { module: scope.module, span: expr.span };
        Ok(match &expr.kind {
            ExprKind::Name(name) => self.name(name, scope),
            ExprKind::Attribute { value, attr } => {
                let object = self.eval(value, scope)?;
                self.attribute(&object, &attr.name, site)?
            }
            ExprKind::Call { func, args } => return self.call_expression(func, args, scope, site),
            ExprKind::Subscript { value, index } => return self.subscript_expression(value, index, scope),
            ExprKind::Slice(_) | ExprKind::Ellipsis => Value::External("builtins.Ellipsis".into()),
            ExprKind::Str(pieces) => return self.string(pieces, scope, site),
            ExprKind::Number(text) => text::number(text),
            ExprKind::Bool(b) => Value::Bool(*b),
            ExprKind::None => Value::None,
            ExprKind::List(items) => Value::list(self.sequence(items, scope)?),
            ExprKind::Tuple(items) => Value::tuple(self.sequence(items, scope)?),
            ExprKind::Set(items) => Value::set(self.sequence(items, scope)?),
            ExprKind::Dict(items) => return self.dict(items, scope, site),
            ExprKind::Comprehension { kind, element, value, clauses } => {
                return self.comprehension_of(*kind, element, value.as_deref(), clauses, scope, site);
            }
            ExprKind::Lambda { params, body } => {
                let mut defaults = Vec::new();
                for param in params {
                    defaults.push(match &param.default {
                        Some(default) => Some(self.eval(default, scope)?),
                        None => None,
                    });
                }
                self.budget.items(4)?;
                Value::Function(Rc::new(Function {
                    code: Code::Lambda(params, body),
                    scope: scope.clone(),
                    defaults,
                    owner: RefCell::new(None),
                    kind: FunctionKind::Plain,
                }))
            }
            ExprKind::BinOp { .. } | ExprKind::UnaryOp { .. } | ExprKind::Compare { .. } => {
                return self.operation(expr, scope, site);
            }
            ExprKind::BoolOp { .. } | ExprKind::IfExp { .. } => return self.choice(expr, scope, site),
            ExprKind::Await(value) | ExprKind::Starred(value) => self.eval(value, scope)?,
            ExprKind::Yield(value) => {
                let value = match value {
                    Some(value) => self.eval(value, scope)?,
                    None => Value::None,
                };
                let from = scope.module.text.slice(expr.span).trim_start().starts_with("yield from");
                let items = if from { self.iterate(&value)? } else { None };
                let mut yielded = scope.yielded.borrow_mut();
                match items {
                    Some(items) => yielded.extend(items),
                    None => yielded.push(value),
                }
                Value::None
            }
            ExprKind::NamedExpr { target, value } => {
                let value = self.eval(value, scope)?;
                self.bind(scope, &target.name, value.clone());
                value
            }
            ExprKind::Repr(value) => {
                let text = self.eval(value, scope)?.repr();
                self.budget.bytes(text.len())?;
                Value::Str(text.into())
            }
            ExprKind::Error(_) => Value::unknown("this expression could not be read"),
        })
    }

    fn subscript_expression(&mut self, value: &'p Expr, index: &'p Expr, scope: &Rc<Scope<'p>>) -> Eval<Value<'p>> {
        let container = self.eval(value, scope)?;
        let ExprKind::Slice(parts) = &index.kind else {
            let index = self.eval(index, scope)?;
            // `sys.modules[__name__]`
            if let (Value::External(name), Some(module)) = (&container, index.as_str())
                && &**name == "sys.modules"
                && self.modules.contains_key(&*module)
            {
                return Ok(Value::Module(module));
            }
            return self.subscript(&container, &index);
        };
        let mut bounds = [None, None, None];
        for (slot, part) in bounds.iter_mut().zip(parts) {
            if let Some(part) = part {
                *slot = Some(self.eval(part, scope)?);
            }
        }
        self.slice(&container, &bounds)
    }

    /// A string literal, with the values of its holes.
    fn string(&mut self, pieces: &'p [StrPiece], scope: &Rc<Scope<'p>>, site: Site<'p>) -> Eval<Value<'p>> {
        let mut out = String::new();
        let mut bytes = false;
        let mut holes = false;
        for piece in pieces {
            bytes |= piece.bytes;
            let mut written = 0;
            for part in &piece.parts {
                match part {
                    StrPart::Text(text) => out.push_str(text),
                    // A hole of another hole's specification.
                    StrPart::Hole(hole) if hole.span.start < written => {
                        return Ok(Value::unknown("a format that is computed"));
                    }
                    StrPart::Hole(hole) => {
                        holes = true;
                        let value = self.eval(hole, scope)?;
                        if value.is_unknown() {
                            return Ok(value);
                        }
                        let (conversion, spec, end) = hole_format(scope.module.text.as_str(), hole.span.end);
                        written = end;
                        match text::write_field(&mut out, &value, conversion, spec) {
                            Some(Ok(())) => {}
                            Some(Err(text::TooLong)) => return self.formatted(Err(text::TooLong), site),
                            None => return Ok(Value::unknown("a format that could not be read")),
                        }
                    }
                }
            }
        }
        if holes && out.len() > MAX_TEXT {
            return self.formatted(Err(text::TooLong), site);
        }
        self.budget.bytes(out.len())?;
        Ok(if bytes { Value::Bytes(out.into()) } else { Value::Str(out.into()) })
    }

    fn dict(&mut self, items: &'p [(Option<Expr>, Expr)], scope: &Rc<Scope<'p>>, site: Site<'p>) -> Eval<Value<'p>> {
        let mut dict = super::Dict::default();
        for (key, value) in items {
            let value = self.eval(value, scope)?;
            self.budget.items(2)?;
            if let Some(key) = key {
                let key = self.eval(key, scope)?;
                dict.set(key, value);
            } else if let Value::Dict(other) = &value {
                self.budget.items(other.borrow().0.len() * 2)?;
                for (key, value) in other.borrow().iter() {
                    dict.set(key.clone(), value.clone());
                }
            } else {
                self.gap(GapKind::Settings, site, "a dict is built from an unknown value");
            }
        }
        Ok(Value::Dict(Rc::new(RefCell::new(dict))))
    }

    fn comprehension_of(
        &mut self,
        kind: ComprehensionKind,
        element: &'p Expr,
        value: Option<&'p Expr>,
        clauses: &'p [ComprehensionClause],
        scope: &Rc<Scope<'p>>,
        site: Site<'p>,
    ) -> Eval<Value<'p>> {
        let mut inner = Scope::new(scope.module, Some(scope.clone()), false);
        inner.method.clone_from(&scope.method);
        let mut out = Vec::new();
        if !self.comprehension(clauses, element, value, &Rc::new(inner), &mut out)? {
            return Ok(Value::unknown("a comprehension over an unknown value"));
        }
        if out.len() > MAX_ITEMS {
            return Ok(self.too_large(site, &format!("a comprehension of more than {MAX_ITEMS} elements")));
        }
        Ok(match kind {
            ComprehensionKind::List | ComprehensionKind::Generator => {
                Value::list(out.into_iter().map(|(k, _)| k).collect())
            }
            ComprehensionKind::Set => Value::set(out.into_iter().map(|(k, _)| k).collect()),
            ComprehensionKind::Dict => {
                Value::dict(out.into_iter().map(|(k, v)| (k, v.unwrap_or(Value::None))).collect())
            }
        })
    }

    /// Operators and comparisons.
    fn operation(&mut self, expr: &'p Expr, scope: &Rc<Scope<'p>>, site: Site<'p>) -> Eval<Value<'p>> {
        match &expr.kind {
            ExprKind::BinOp { op, left, right } => {
                // Long sums lean to the left: walk down in a loop, not by recursion.
                let mut rights = vec![(*op, &**right, site)];
                let mut at = &**left;
                while let ExprKind::BinOp { op, left, right } = &at.kind {
                    rights.push((*op, right, Site { module: scope.module, span: at.span }));
                    at = left;
                }
                let mut value = self.eval(at, scope)?;
                for (op, right, site) in rights.into_iter().rev() {
                    let right = self.eval(right, scope)?;
                    value = self.binary(op, &value, &right, site)?;
                }
                Ok(value)
            }
            ExprKind::UnaryOp { op, operand } => {
                let value = self.eval(operand, scope)?;
                Ok(match (op, value) {
                    (UnaryOp::Not, value) => value.truth().map_or(value, |b| Value::Bool(!b)),
                    (UnaryOp::Neg, Value::Int(i)) => {
                        i.checked_neg().map_or_else(|| Value::unknown("arithmetic out of range"), Value::Int)
                    }
                    (UnaryOp::Neg, Value::Float(f)) => Value::Float(-f),
                    (UnaryOp::Invert, Value::Int(i)) => Value::Int(!i),
                    // `~Q(…)` is some other expression.
                    (UnaryOp::Invert, value @ Value::Object(_)) => self.symbolic("operator.inv", vec![value], site),
                    (_, value) => value,
                })
            }
            ExprKind::Compare { left, rest } => {
                let mut left = self.eval(left, scope)?;
                for (op, right) in rest {
                    let right = self.eval(right, scope)?;
                    match self.compare(*op, &left, &right)? {
                        Some(true) => {}
                        Some(false) => return Ok(Value::Bool(false)),
                        None => return Ok(Value::unknown("a comparison with an unknown value")),
                    }
                    left = right;
                }
                Ok(Value::Bool(true))
            }
            _ => Ok(Value::unknown("an operation")),
        }
    }

    /// `and`, `or` and `x if y else z`.
    fn choice(&mut self, expr: &'p Expr, scope: &Rc<Scope<'p>>, site: Site<'p>) -> Eval<Value<'p>> {
        match &expr.kind {
            ExprKind::BoolOp { and, values } => {
                let mut unknown = None;
                let mut last = Value::None;
                for value in values {
                    last = self.eval(value, scope)?;
                    match last.truth() {
                        Some(truth) if truth != *and => return Ok(last),
                        Some(_) => {}
                        None => unknown = Some(last.clone()),
                    }
                }
                Ok(unknown.unwrap_or(last))
            }
            ExprKind::IfExp { test, body, orelse } => {
                let value = self.eval(test, scope)?;
                let taken = match value.truth() {
                    Some(true) => body,
                    Some(false) => orelse,
                    None => {
                        let text: String = scope.module.text.slice(test.span).chars().take(60).collect();
                        self.gap(GapKind::Condition, site, format!("could not evaluate `{text}`; assumed False"));
                        orelse
                    }
                };
                self.eval(taken, scope)
            }
            _ => Ok(Value::unknown("a choice")),
        }
    }

    fn sequence(&mut self, items: &'p [Expr], scope: &Rc<Scope<'p>>) -> Eval<Vec<Value<'p>>> {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            let value = match self.eval(item, scope) {
                // One element that cannot be followed is no reason to lose the others.
                Err(exception) if !exception.fatal && self.tries == 0 => {
                    let site = Site { module: scope.module, span: item.span };
                    self.record_exception(&exception, site);
                    Value::Unknown(format!("{}: {}", exception.class, exception.message).into())
                }
                other => other?,
            };
            if is_starred(item) {
                match self.iterate(&value)? {
                    Some(items) => out.extend(items),
                    None => out.push(Value::unknown("a starred value that is unknown")),
                }
            } else {
                out.push(value);
            }
        }
        Ok(out)
    }

    /// Runs the clauses; false when what is iterated over is unknown.
    fn comprehension(
        &mut self,
        clauses: &'p [ComprehensionClause],
        element: &'p Expr,
        value: Option<&'p Expr>,
        scope: &Rc<Scope<'p>>,
        out: &mut Vec<(Value<'p>, Option<Value<'p>>)>,
    ) -> Eval<bool> {
        let Some((clause, rest)) = clauses.split_first() else {
            let key = self.eval(element, scope)?;
            let value = match value {
                Some(value) => Some(self.eval(value, scope)?),
                None => None,
            };
            self.budget.items(2)?;
            out.push((key, value));
            return Ok(true);
        };
        let iterable = self.eval(&clause.iter, scope)?;
        let Some(items) = self.iterate(&iterable)? else { return Ok(false) };
        for item in items {
            self.budget.step()?;
            self.assign(&clause.target, item, scope)?;
            let mut keep = true;
            for condition in &clause.ifs {
                match self.eval(condition, scope)?.truth() {
                    Some(true) => {}
                    Some(false) => {
                        keep = false;
                        break;
                    }
                    None => return Ok(false),
                }
            }
            if keep && !self.comprehension(rest, element, value, scope, out)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The elements of an iterable.
    pub(super) fn iterate(&mut self, value: &Value<'p>) -> Eval<Option<Vec<Value<'p>>>> {
        self.budget.items(value.len().unwrap_or(0))?;
        Ok(value.items())
    }

    fn name(&mut self, name: &str, scope: &Rc<Scope<'p>>) -> Value<'p> {
        let mut at = Some(scope);
        let mut first = true;
        while let Some(scope) = at {
            if first || !scope.class {
                let found = scope.names.borrow().get(name).cloned();
                if let Some(value) = found {
                    if let Value::Import(module, _) = &value {
                        self.uses(scope.module, module);
                        let resolved = self.resolve(value);
                        scope.set(name, resolved.clone());
                        return resolved;
                    }
                    return value;
                }
            }
            first = false;
            at = scope.parent.as_ref();
        }
        super::builtin::name(name)
            .unwrap_or_else(|| Value::Unknown(format!("the name {name} is not defined here").into()))
    }

    fn call_expression(
        &mut self,
        func: &'p Expr,
        arguments: &'p Arguments,
        scope: &Rc<Scope<'p>>,
        site: Site<'p>,
    ) -> Eval<Value<'p>> {
        if let Some(name) = func.as_name() {
            // These see the scope they are called in.
            match name {
                "super" => {
                    if let Some(value) = self.super_call(arguments, scope)? {
                        return Ok(value);
                    }
                }
                "vars" | "globals" | "locals" if arguments.args.is_empty() => {
                    return Ok(Value::External(format!("builtins.{name}()").into()));
                }
                _ => {}
            }
        }
        // `vars().update({…})`, `globals()['x']` and the like set names of the module.
        if let ExprKind::Attribute { value, attr } = &func.kind
            && let ExprKind::Call { func: inner, args } = &value.kind
            && matches!(inner.as_name(), Some("vars" | "globals" | "locals"))
            && args.args.is_empty()
            && attr.name == "update"
        {
            let args = self.arguments(arguments, scope)?;
            self.update_names(&args, scope, site);
            return Ok(Value::None);
        }
        let callee = self.eval(func, scope)?;
        let args = self.arguments(arguments, scope)?;
        self.call(&callee, args, site)
    }

    fn update_names(&mut self, args: &Args<'p>, scope: &Rc<Scope<'p>>, site: Site<'p>) {
        match args.pos.first() {
            Some(Value::Dict(dict)) => {
                let pairs: Vec<_> = dict.borrow().iter().map(|(k, v)| (k.clone(), v.clone())).collect();
                for (key, value) in pairs {
                    if let Some(name) = key.as_str() {
                        scope.set(&name, value);
                    }
                }
            }
            Some(_) => self.gap(GapKind::Settings, site, "names are set from an unknown value"),
            None => {}
        }
        for (name, value) in &args.kw {
            scope.set(name, value.clone());
        }
    }

    fn super_call(&mut self, arguments: &'p Arguments, scope: &Rc<Scope<'p>>) -> Eval<Option<Value<'p>>> {
        if let [class, receiver] = arguments.args.as_slice() {
            let class = self.eval(class, scope)?;
            let receiver = self.eval(receiver, scope)?;
            if let Value::Class(class) = class {
                return Ok(Some(Value::Super(Rc::new((class, receiver)))));
            }
            return Ok(None);
        }
        let mut at = Some(scope);
        while let Some(scope) = at {
            if let Some((class, receiver)) = &scope.method {
                return Ok(Some(Value::Super(Rc::new((class.clone(), receiver.clone())))));
            }
            at = scope.parent.as_ref();
        }
        Ok(None)
    }

    /// An argument; one that raises is unknown, and the others are none the worse for it.
    fn argument(&mut self, expr: &'p Expr, scope: &Rc<Scope<'p>>) -> Eval<Value<'p>> {
        match self.eval(expr, scope) {
            Err(exception) if !exception.fatal && self.tries == 0 => {
                self.record_exception(&exception, Site { module: scope.module, span: expr.span });
                Ok(Value::Unknown(format!("{}: {}", exception.class, exception.message).into()))
            }
            other => other,
        }
    }

    pub(super) fn arguments(&mut self, arguments: &'p Arguments, scope: &Rc<Scope<'p>>) -> Eval<Args<'p>> {
        let mut args = Args::default();
        for arg in &arguments.args {
            let value = self.argument(arg, scope)?;
            if is_starred(arg) {
                match self.iterate(&value)? {
                    Some(items) => args.pos.extend(items),
                    None => args.pos.push(Value::unknown("starred arguments that are unknown")),
                }
            } else {
                args.pos.push(value);
            }
        }
        for keyword in &arguments.keywords {
            let value = self.argument(&keyword.value, scope)?;
            match &keyword.name {
                Some(name) => args.kw.push((name.name.as_str().into(), value)),
                None => {
                    if let Value::Dict(dict) = &value {
                        for (key, value) in dict.borrow().iter() {
                            if let Some(key) = key.as_str() {
                                args.kw.push((key, value.clone()));
                            }
                        }
                    }
                }
            }
        }
        Ok(args)
    }

    /// Whether values are small enough to become arguments of an object.
    pub(super) fn may_hold<'v>(&mut self, args: impl Iterator<Item = &'v Value<'p>>) -> bool
    where
        'p: 'v,
    {
        let mut parts = 0;
        for arg in args {
            match arg.parts(MAX_PARTS - parts) {
                Some(more) => parts += more,
                None => return false,
            }
        }
        self.budget.items(parts).is_ok()
    }

    /// A symbolic instance of an external class.
    pub fn symbolic(&mut self, class: &str, args: Vec<Value<'p>>, site: Site<'p>) -> Value<'p> {
        if !self.may_hold(args.iter()) {
            return self.too_large(site, "an expression of too many parts");
        }
        Value::Object(Rc::new(Object {
            class: Value::External(class.into()),
            args: RefCell::new(args),
            kwargs: RefCell::default(),
            attrs: RefCell::default(),
            site,
        }))
    }
}

/// Whether an element is unpacked. In a list the grammar binds the star to the first name of `*f().x`.
fn is_starred(expr: &Expr) -> bool {
    let mut at = expr;
    loop {
        at = match &at.kind {
            ExprKind::Starred(_) => return true,
            ExprKind::Call { func, .. } => func,
            ExprKind::Attribute { value, .. } | ExprKind::Subscript { value, .. } => value,
            _ => return false,
        };
    }
}

/// How the value of an f-string's hole is written: its conversion, its specification, and where the hole ends.
fn hole_format(text: &str, end_of_expression: u32) -> (Option<&str>, &str, u32) {
    let rest = text.get(end_of_expression as usize..).unwrap_or("");
    // A value in parentheses ends before they do; `{x = }` has written its source already.
    let tail = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ')' || c == '=' || c == ',');
    let close = tail.find('}').unwrap_or(0);
    let end = end_of_expression as usize + (rest.len() - tail.len()) + close;
    let format = &tail[..close];
    let (conversion, spec) = match format.strip_prefix('!') {
        Some(format) => match format.split_once(':') {
            Some((conversion, spec)) => (Some(conversion), spec),
            None => (Some(format), ""),
        },
        None => (None, format.strip_prefix(':').unwrap_or("")),
    };
    (conversion, spec, u32::try_from(end).unwrap_or(u32::MAX))
}
