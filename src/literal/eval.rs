//! Expressions.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Args, Code, Eval, Exception, Function, FunctionKind, Interp, Object, Scope, Site, Value, text};
use crate::ast::{Arguments, BinOp, CmpOp, ComprehensionClause, ComprehensionKind, Expr, ExprKind, StrPart, UnaryOp};
use crate::source::GapKind;

impl<'p> Interp<'p> {
    /// The value of an expression in a scope.
    ///
    /// # Errors
    ///
    /// When the code raises an exception, or the budget ends.
    #[allow(clippy::too_many_lines, reason = "one arm for each expression of the language")]
    pub fn eval(&mut self, expr: &'p Expr, scope: &Rc<Scope<'p>>) -> Eval<Value<'p>> {
        self.step()?;
        let site = Site { module: scope.module, span: expr.span };
        Ok(match &expr.kind {
            ExprKind::Name(name) => self.name(name, scope),
            ExprKind::Attribute { value, attr } => {
                let object = self.deeper(|me| me.eval(value, scope))?;
                self.attribute(&object, &attr.name, site)?
            }
            ExprKind::Call { func, args } => return self.deeper(|me| me.call_expression(func, args, scope, site)),
            ExprKind::Subscript { value, index } => {
                let container = self.deeper(|me| me.eval(value, scope))?;
                if let ExprKind::Slice(parts) = &index.kind {
                    let mut bounds = [None, None, None];
                    for (slot, part) in bounds.iter_mut().zip(parts) {
                        if let Some(part) = part {
                            *slot = Some(self.eval(part, scope)?);
                        }
                    }
                    return Ok(slice(&container, &bounds));
                }
                let index = self.eval(index, scope)?;
                return self.subscript(&container, &index);
            }
            ExprKind::Slice(_) | ExprKind::Ellipsis => Value::External("builtins.Ellipsis".into()),
            ExprKind::Str(pieces) => {
                let mut out = String::new();
                let mut bytes = false;
                for piece in pieces {
                    bytes |= piece.bytes;
                    for part in &piece.parts {
                        match part {
                            StrPart::Text(text) => out.push_str(text),
                            StrPart::Hole(hole) => {
                                let value = self.eval(hole, scope)?;
                                if value.is_unknown() {
                                    return Ok(value);
                                }
                                out.push_str(&value.to_text());
                            }
                        }
                    }
                }
                if bytes { Value::Bytes(out.into()) } else { Value::Str(out.into()) }
            }
            ExprKind::Number(text) => text::number(text),
            ExprKind::Bool(b) => Value::Bool(*b),
            ExprKind::None => Value::None,
            ExprKind::List(items) => Value::list(self.sequence(items, scope)?),
            ExprKind::Tuple(items) => Value::Tuple(self.sequence(items, scope)?.into()),
            ExprKind::Set(items) => Value::set(self.sequence(items, scope)?),
            ExprKind::Dict(items) => {
                let mut dict = super::Dict::default();
                for (key, value) in items {
                    let value = self.eval(value, scope)?;
                    if let Some(key) = key {
                        let key = self.eval(key, scope)?;
                        dict.set(key, value);
                    } else if let Value::Dict(other) = &value {
                        for (key, value) in other.borrow().iter() {
                            dict.set(key.clone(), value.clone());
                        }
                    } else {
                        self.gap(GapKind::Settings, site, "a dict takes in something that is not known");
                    }
                }
                Value::Dict(Rc::new(RefCell::new(dict)))
            }
            ExprKind::Comprehension { kind, element, value, clauses } => {
                let inner = Rc::new(Scope {
                    method: scope.method.clone(),
                    ..Scope::new(scope.module, Some(scope.clone()), false)
                });
                let mut out = Vec::new();
                if !self.comprehension(clauses, element, value.as_deref(), &inner, &mut out)? {
                    return Ok(Value::unknown("a comprehension over something not known"));
                }
                match kind {
                    ComprehensionKind::List | ComprehensionKind::Generator => {
                        Value::list(out.into_iter().map(|(k, _)| k).collect())
                    }
                    ComprehensionKind::Set => Value::set(out.into_iter().map(|(k, _)| k).collect()),
                    ComprehensionKind::Dict => {
                        Value::dict(out.into_iter().map(|(k, v)| (k, v.unwrap_or(Value::None))).collect())
                    }
                }
            }
            ExprKind::Lambda { params, body } => {
                let mut defaults = Vec::new();
                for param in params {
                    defaults.push(match &param.default {
                        Some(default) => Some(self.eval(default, scope)?),
                        None => None,
                    });
                }
                Value::Function(Rc::new(Function {
                    code: Code::Lambda(params, body),
                    scope: scope.clone(),
                    defaults,
                    owner: RefCell::new(None),
                    kind: FunctionKind::Plain,
                }))
            }
            ExprKind::BinOp { op, left, right } => {
                // Long sums lean to the left: walk down in a loop, not by recursion.
                let mut rights = vec![(*op, &**right, site)];
                let mut at = &**left;
                while let ExprKind::BinOp { op, left, right } = &at.kind {
                    rights.push((*op, right, Site { module: scope.module, span: at.span }));
                    at = left;
                }
                let mut value = self.deeper(|me| me.eval(at, scope))?;
                for (op, right, site) in rights.into_iter().rev() {
                    let right = self.deeper(|me| me.eval(right, scope))?;
                    value = self.binary(op, &value, &right, site)?;
                }
                value
            }
            ExprKind::UnaryOp { op, operand } => {
                let value = self.deeper(|me| me.eval(operand, scope))?;
                match op {
                    UnaryOp::Not => match value.truth() {
                        Some(b) => Value::Bool(!b),
                        None => value,
                    },
                    UnaryOp::Neg => match value {
                        Value::Int(i) => Value::Int(i.wrapping_neg()),
                        Value::Float(f) => Value::Float(-f),
                        other => other,
                    },
                    UnaryOp::Pos => value,
                    UnaryOp::Invert => match value {
                        Value::Int(i) => Value::Int(!i),
                        // `~Q(…)` is some other expression.
                        Value::Object(_) => self.symbolic("operator.inv", vec![value], site),
                        other => other,
                    },
                }
            }
            ExprKind::BoolOp { and, values } => {
                let mut unknown = None;
                let mut last = Value::None;
                for value in values {
                    last = self.deeper(|me| me.eval(value, scope))?;
                    match last.truth() {
                        Some(truth) if truth != *and => return Ok(last),
                        Some(_) => {}
                        None => unknown = Some(last.clone()),
                    }
                }
                unknown.unwrap_or(last)
            }
            ExprKind::Compare { left, rest } => {
                let mut left = self.deeper(|me| me.eval(left, scope))?;
                for (op, right) in rest {
                    let right = self.deeper(|me| me.eval(right, scope))?;
                    match compare(*op, &left, &right) {
                        Some(true) => {}
                        Some(false) => return Ok(Value::Bool(false)),
                        None => return Ok(Value::unknown("a comparison with something not known")),
                    }
                    left = right;
                }
                Value::Bool(true)
            }
            ExprKind::IfExp { test, body, orelse } => {
                let value = self.deeper(|me| me.eval(test, scope))?;
                let taken = match value.truth() {
                    Some(true) => body,
                    Some(false) => orelse,
                    None => {
                        let text: String = scope.module.text.slice(test.span).chars().take(60).collect();
                        self.gap(GapKind::Condition, site, format!("`{text}` cannot be decided; taken as false"));
                        orelse
                    }
                };
                return self.deeper(|me| me.eval(taken, scope));
            }
            ExprKind::Await(value) => self.eval(value, scope)?,
            ExprKind::Starred(value) => self.eval(value, scope)?,
            ExprKind::Yield(value) => {
                let value = match value {
                    Some(value) => self.eval(value, scope)?,
                    None => Value::None,
                };
                let from = scope.module.text.slice(expr.span).trim_start().starts_with("yield from");
                match self.iterate(&value) {
                    Some(items) if from => scope.yielded.borrow_mut().extend(items),
                    _ => scope.yielded.borrow_mut().push(value),
                }
                Value::None
            }
            ExprKind::NamedExpr { target, value } => {
                let value = self.eval(value, scope)?;
                self.bind(scope, &target.name, value.clone());
                value
            }
            ExprKind::Repr(value) => Value::Str(self.eval(value, scope)?.repr().into()),
            ExprKind::Error(_) => Value::unknown("this expression could not be read"),
        })
    }

    fn sequence(&mut self, items: &'p [Expr], scope: &Rc<Scope<'p>>) -> Eval<Vec<Value<'p>>> {
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            let value = match self.deeper(|me| me.eval(item, scope)) {
                // One element that cannot be followed is no reason to lose the others.
                Err(exception) if !exception.fatal && self.tries == 0 => {
                    let site = Site { module: scope.module, span: item.span };
                    self.told(&exception, site);
                    Value::Unknown(format!("{}: {}", exception.class, exception.message).into())
                }
                other => other?,
            };
            if is_starred(item) {
                match self.iterate(&value) {
                    Some(items) => out.extend(items),
                    None => out.push(Value::unknown("a starred value that is not known")),
                }
            } else {
                out.push(value);
            }
        }
        Ok(out)
    }

    /// Runs the clauses; false when what is iterated over is not known.
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
            out.push((key, value));
            return Ok(true);
        };
        let iterable = self.eval(&clause.iter, scope)?;
        let Some(items) = self.iterate(&iterable) else { return Ok(false) };
        for item in items {
            self.step()?;
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
    pub(super) fn iterate(&mut self, value: &Value<'p>) -> Option<Vec<Value<'p>>> {
        value.items()
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
            Some(_) => self.gap(GapKind::Settings, site, "names are set from something that is not known"),
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

    /// An argument; one that raises is not known, and the others are none the worse for it.
    fn argument(&mut self, expr: &'p Expr, scope: &Rc<Scope<'p>>) -> Eval<Value<'p>> {
        match self.eval(expr, scope) {
            Err(exception) if !exception.fatal && self.tries == 0 => {
                self.told(&exception, Site { module: scope.module, span: expr.span });
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
                match self.iterate(&value) {
                    Some(items) => args.pos.extend(items),
                    None => args.pos.push(Value::unknown("starred arguments that are not known")),
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

    /// A symbolic instance of an external class.
    pub fn symbolic(&mut self, class: &str, args: Vec<Value<'p>>, site: Site<'p>) -> Value<'p> {
        Value::Object(Rc::new(Object {
            class: Value::External(class.into()),
            args: RefCell::new(args),
            kwargs: RefCell::default(),
            attrs: RefCell::default(),
            site,
        }))
    }

    pub(super) fn binary(&mut self, op: BinOp, left: &Value<'p>, right: &Value<'p>, site: Site<'p>) -> Eval<Value<'p>> {
        use BinOp::{Add, BitAnd, BitOr, Div, FloorDiv, LShift, Mod, Mul, Pow, RShift, Sub};
        Ok(match (op, left, right) {
            (Mod, Value::Str(template), args) => text::percent(template, args),
            (_, Value::Unknown(_), _) => left.clone(),
            (_, _, Value::Unknown(_)) => right.clone(),
            (Add, Value::Str(a), Value::Str(b)) => Value::Str(format!("{a}{b}").into()),
            (Add, Value::Bytes(a), Value::Bytes(b)) => Value::Bytes(format!("{a}{b}").into()),
            (Add, Value::List(a), Value::List(b)) => {
                let mut items = a.borrow().clone();
                items.extend(b.borrow().iter().cloned());
                Value::list(items)
            }
            (Add, Value::Tuple(a), Value::Tuple(b)) => Value::Tuple(a.iter().chain(b.iter()).cloned().collect()),
            (Mul, Value::List(_) | Value::Tuple(_) | Value::Str(_), Value::Int(n)) => repeat(left, *n),
            (Mul, Value::Int(n), Value::List(_) | Value::Tuple(_) | Value::Str(_)) => repeat(right, *n),
            (BitOr, Value::Dict(a), Value::Dict(b)) => {
                let mut dict = a.borrow().clone();
                for (key, value) in b.borrow().iter() {
                    dict.set(key.clone(), value.clone());
                }
                Value::Dict(Rc::new(RefCell::new(dict)))
            }
            (BitOr, Value::Set(a), Value::Set(b)) => {
                Value::set(a.borrow().iter().chain(b.borrow().iter()).cloned().collect())
            }
            (BitAnd, Value::Set(a), Value::Set(b)) => {
                let keys: Vec<_> = b.borrow().iter().map(Value::key).collect();
                Value::set(a.borrow().iter().filter(|v| keys.contains(&v.key())).cloned().collect())
            }
            (Sub, Value::Set(a), Value::Set(b)) => {
                let keys: Vec<_> = b.borrow().iter().map(Value::key).collect();
                Value::set(a.borrow().iter().filter(|v| !keys.contains(&v.key())).cloned().collect())
            }
            (_, Value::Float(_), _) | (_, _, Value::Float(_)) => float(op, left, right),
            (_, a, b) => match (a.as_int(), b.as_int()) {
                (Some(a), Some(b)) => {
                    let value = match op {
                        Add => a.checked_add(b),
                        Sub => a.checked_sub(b),
                        Mul => a.checked_mul(b),
                        FloorDiv => a.checked_div_euclid(b),
                        Mod => a.checked_rem_euclid(b),
                        Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
                        LShift => u32::try_from(b).ok().and_then(|b| a.checked_shl(b)),
                        RShift => u32::try_from(b).ok().and_then(|b| a.checked_shr(b)),
                        BitOr => Some(a | b),
                        BitAnd => Some(a & b),
                        Div => return Ok(float(op, left, right)),
                        _ => None,
                    };
                    value.map_or_else(|| Value::unknown("arithmetic out of range"), Value::Int)
                }
                // `Path / name`, `Q | Q`, `F + 1` and the like.
                _ if matches!(a, Value::Object(_) | Value::External(_))
                    || matches!(b, Value::Object(_) | Value::External(_)) =>
                {
                    if op == Div {
                        return Ok(join_path(a, b));
                    }
                    self.symbolic(&format!("operator.{op:?}").to_lowercase(), vec![a.clone(), b.clone()], site)
                }
                _ => Value::unknown("an operation on values of other types"),
            },
        })
    }

    pub(super) fn subscript(&mut self, container: &Value<'p>, index: &Value<'p>) -> Eval<Value<'p>> {
        Ok(match (container, index) {
            (Value::Unknown(_), _) => container.clone(),
            (_, Value::Unknown(_)) => index.clone(),
            (Value::Dict(dict), _) => match dict.borrow().get(index) {
                Some(value) => value.clone(),
                None => return Err(Exception::new("KeyError", index.repr())),
            },
            (Value::List(_) | Value::Tuple(_) | Value::Str(_), _) => {
                let items = container.items().unwrap_or_default();
                match index.as_int().and_then(|i| position(i, items.len())) {
                    Some(at) => items[at].clone(),
                    None => return Err(Exception::new("IndexError", index.repr())),
                }
            }
            (Value::External(name), Value::Str(key)) => {
                let dotted = format!("{name}[{key}]");
                let host = self.host.clone();
                host.external(self, &dotted).unwrap_or_else(|| Value::Unknown(format!("{dotted} is not known").into()))
            }
            (Value::Object(object), _) if object.attrs.borrow().contains_key("__items__") => {
                let items = object.attrs.borrow().get("__items__").cloned().unwrap_or(Value::None);
                return self.subscript(&items, index);
            }
            // `ForeignKey[User]`, `Generic[T]`: a type parameter changes nothing.
            (Value::External(_) | Value::Class(_), _) => container.clone(),
            _ => Value::unknown("a subscript of something not known"),
        })
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

/// The index that a possibly negative position stands for.
pub(super) fn position(index: i64, len: usize) -> Option<usize> {
    let len_i = i64::try_from(len).ok()?;
    let at = if index < 0 { index + len_i } else { index };
    usize::try_from(at).ok().filter(|&at| at < len)
}

fn slice<'p>(container: &Value<'p>, bounds: &[Option<Value<'p>>; 3]) -> Value<'p> {
    let Some(items) = container.items() else { return Value::unknown("a slice of something not known") };
    let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let bound = |value: &Option<Value<'p>>, default: i64| match value {
        Some(Value::Int(i)) => Some(if *i < 0 { (*i + len).max(0) } else { (*i).min(len) }),
        None | Some(Value::None) => Some(default),
        Some(_) => None,
    };
    let step = match &bounds[2] {
        Some(Value::Int(step)) => *step,
        _ => 1,
    };
    let (Some(start), Some(end)) = (bound(&bounds[0], 0), bound(&bounds[1], len)) else {
        return Value::unknown("a slice with bounds not known");
    };
    let out: Vec<Value<'p>> = if step == -1 && bounds[0].is_none() && bounds[1].is_none() {
        items.into_iter().rev().collect()
    } else if step > 0 {
        let (start, end) = (usize::try_from(start).unwrap_or(0), usize::try_from(end).unwrap_or(0));
        items.into_iter().take(end).skip(start).step_by(usize::try_from(step).unwrap_or(1)).collect()
    } else {
        return Value::unknown("a slice with a negative step");
    };
    match container {
        Value::Str(_) => Value::Str(out.iter().map(Value::to_text).collect::<String>().into()),
        Value::Tuple(_) => Value::Tuple(out.into()),
        _ => Value::list(out),
    }
}

fn repeat<'p>(value: &Value<'p>, n: i64) -> Value<'p> {
    let n = usize::try_from(n).unwrap_or(0);
    if n > 10_000 {
        return Value::unknown("a long repetition");
    }
    match value {
        Value::Str(text) => Value::Str(text.repeat(n).into()),
        Value::Tuple(items) => Value::Tuple(items.iter().cloned().cycle().take(items.len() * n).collect()),
        Value::List(items) => {
            let items = items.borrow();
            Value::list(items.iter().cloned().cycle().take(items.len() * n).collect())
        }
        _ => Value::unknown("a repetition"),
    }
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
        (Some(a), Some(b)) => Value::Str(format!("{a}/{b}").into()),
        _ => Value::unknown("a path"),
    }
}

pub(super) fn compare<'p>(op: CmpOp, left: &Value<'p>, right: &Value<'p>) -> Option<bool> {
    let contains = || match right {
        Value::Str(text) => left.as_str().map(|needle| text.contains(&*needle)),
        Value::Dict(dict) if !left.is_unknown() => Some(dict.borrow().get(left).is_some()),
        _ => {
            let items = right.items()?;
            let mut unknown = left.is_unknown();
            for item in &items {
                match left.equals(item) {
                    Some(true) => return Some(true),
                    Some(false) => {}
                    None => unknown = true,
                }
            }
            if unknown { None } else { Some(false) }
        }
    };
    match op {
        CmpOp::Eq => left.equals(right),
        CmpOp::NotEq => left.equals(right).map(|e| !e),
        CmpOp::Is => match (left, right) {
            (Value::Unknown(_), _) | (_, Value::Unknown(_)) => None,
            (Value::None, other) | (other, Value::None) => Some(matches!(other, Value::None)),
            _ => left.equals(right),
        },
        CmpOp::IsNot => compare(CmpOp::Is, left, right).map(|e| !e),
        CmpOp::In => contains(),
        CmpOp::NotIn => contains().map(|c| !c),
        CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE => {
            let order = order(left, right)?;
            Some(match op {
                CmpOp::Lt => order.is_lt(),
                CmpOp::LtE => order.is_le(),
                CmpOp::Gt => order.is_gt(),
                _ => order.is_ge(),
            })
        }
    }
}

/// The order of two values of one kind.
pub(super) fn order<'p>(left: &Value<'p>, right: &Value<'p>) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (Value::Str(a), Value::Str(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Tuple(_) | Value::List(_), Value::Tuple(_) | Value::List(_)) => {
            let (a, b) = (left.items()?, right.items()?);
            for (a, b) in a.iter().zip(&b) {
                let order = order(a, b)?;
                if order.is_ne() {
                    return Some(order);
                }
            }
            Some(a.len().cmp(&b.len()))
        }
        (a, b) => Some(a.as_int()?.cmp(&b.as_int()?)),
    }
}
