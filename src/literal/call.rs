//! Attributes and calls.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Args, Class, Eval, Exception, FunctionKind, Interp, Object, Site, Value, builtin, library, method, value};

impl<'p> Interp<'p> {
    /// An attribute of a value.
    ///
    /// # Errors
    ///
    /// When the code raises an exception, or the budget ends.
    pub fn attribute(&mut self, object: &Value<'p>, name: &str, site: Site<'p>) -> Eval<Value<'p>> {
        Ok(match object {
            // What falls back to a default does so when nothing is known: `CONFIG.get('X', default)`.
            Value::Unknown(_) if matches!(name, "get" | "pop") => Value::Native(Rc::new((object.clone(), name.into()))),
            Value::Unknown(_) => object.clone(),
            Value::Import(..) => {
                let value = self.resolve(object.clone());
                return self.attribute(&value, name, site);
            }
            Value::Module(module) => {
                self.uses(site.module, module);
                let value = self.member(module, name);
                let value = self.resolve(value);
                match value {
                    // `import a.b` binds `a`; a submodule is an attribute once anything has imported it.
                    Value::Unknown(_) => {
                        let dotted = format!("{module}.{name}");
                        let host = self.host.clone();
                        host.external(self, &dotted).unwrap_or(value)
                    }
                    value => value,
                }
            }
            Value::External(external) => {
                let dotted = format!("{external}.{name}");
                if self.loader().exists(&dotted) {
                    return Ok(Value::Module(dotted.into()));
                }
                let host = self.host.clone();
                host.external(self, &dotted).unwrap_or_else(|| {
                    library::external(&dotted).unwrap_or_else(|| Value::External(dotted.as_str().into()))
                })
            }
            Value::Class(class) => {
                if let Some(found) = class.lookup(name) {
                    return self.bind_attribute(found, None, &Value::Class(class.clone()));
                }
                match name {
                    "__name__" | "__qualname__" => Value::Str(class.name.clone()),
                    "__module__" => Value::str(&class.module.dotted),
                    "__doc__" => Value::None,
                    "__dict__" => Value::dict(
                        class.attrs.borrow().iter().map(|(k, v)| (Value::Str(k.clone()), v.clone())).collect(),
                    ),
                    _ => self.external_member(&class.mro(), name, None),
                }
            }
            Value::Object(instance) => return self.object_attribute(instance, name, site),
            Value::Super(pair) => {
                let (class, receiver) = &**pair;
                let order = match receiver {
                    Value::Object(object) => match object.user_class() {
                        Some(own) => own.mro(),
                        None => class.mro(),
                    },
                    Value::Class(own) => own.mro(),
                    _ => class.mro(),
                };
                let after = order
                    .iter()
                    .position(|c| matches!(c, Value::Class(c) if Rc::ptr_eq(c, class)))
                    .map_or(1, |at| at + 1);
                let rest = order.get(after..).unwrap_or_default();
                if let Some(found) = value::find_in(rest, name) {
                    return self.bind_attribute(found, Some(receiver), receiver);
                }
                self.external_member(rest, name, Some(receiver))
            }
            Value::Bound(pair) => {
                let host = self.host.clone();
                if let Value::External(name_of) = &pair.1 {
                    host.external(self, &format!("{name_of}.{name}"))
                        .unwrap_or_else(|| Value::unknown("an attribute of a method"))
                } else {
                    Value::unknown("an attribute of a method")
                }
            }
            Value::Function(_) if name == "__name__" => {
                Value::Str(object.repr().rsplit('.').next().unwrap_or("").trim_end_matches('>').into())
            }
            Value::Function(_) => Value::Unknown(format!("the attribute {name} of a function").into()),
            Value::Native(_) => Value::unknown("an attribute of a method"),
            _ => Value::Native(Rc::new((object.clone(), name.into()))),
        })
    }

    fn object_attribute(&mut self, instance: &Rc<Object<'p>>, name: &str, site: Site<'p>) -> Eval<Value<'p>> {
        if let Some(value) = instance.attrs.borrow().get(name) {
            return Ok(value.clone());
        }
        let receiver = Value::Object(instance.clone());
        if let Some(class) = instance.user_class().cloned() {
            if name == "__class__" {
                return Ok(Value::Class(class));
            }
            if let Some(found) = class.lookup(name) {
                return self.bind_attribute(found, Some(&receiver), &Value::Class(class));
            }
        } else if name == "__class__" {
            return Ok(instance.class.clone());
        }
        let host = self.host.clone();
        if let Some(value) = host.attribute(self, instance, name) {
            return Ok(value);
        }
        if let Some(class) = instance.user_class().cloned()
            && !name.starts_with("__")
            && let Some(getattr @ Value::Function(_)) = class.lookup("__getattr__")
        {
            let method = self.bind_attribute(getattr, Some(&receiver), &Value::Class(class))?;
            return self.call(&method, Args::positional(vec![Value::str(name)]), site);
        }
        let order = match &instance.class {
            Value::Class(class) => class.mro(),
            other => vec![other.clone()],
        };
        Ok(self.external_member(&order, name, Some(&receiver)))
    }

    /// A member of the first external class in the order: known by its dotted name only.
    fn external_member(&mut self, order: &[Value<'p>], name: &str, receiver: Option<&Value<'p>>) -> Value<'p> {
        let external = order.iter().find_map(|c| match c {
            Value::External(class) if &**class != "builtins.object" => Some(class.clone()),
            _ => None,
        });
        let Some(external) = external else {
            if let (Some(receiver), "__init__" | "__init_subclass__" | "__new__") = (receiver, name) {
                return Value::Bound(Rc::new((
                    receiver.clone(),
                    Value::External(format!("builtins.object.{name}").into()),
                )));
            }
            return Value::Unknown(format!("the attribute {name} is not found").into());
        };
        let member = Value::External(format!("{external}.{name}").into());
        match receiver {
            Some(receiver) => Value::Bound(Rc::new((receiver.clone(), member))),
            None => member,
        }
    }

    fn bind_attribute(&mut self, found: Value<'p>, receiver: Option<&Value<'p>>, class: &Value<'p>) -> Eval<Value<'p>> {
        let found = self.resolve(found);
        let Value::Function(function) = &found else { return Ok(found) };
        Ok(match (function.kind, receiver) {
            (FunctionKind::Static, _) => found,
            (FunctionKind::Class, _) => {
                let class = match class {
                    Value::Object(object) => object.class.clone(),
                    other => other.clone(),
                };
                Value::Bound(Rc::new((class, found)))
            }
            (FunctionKind::Property, Some(receiver)) => {
                return self.call_function(&function.clone(), Args::positional(vec![receiver.clone()]));
            }
            (FunctionKind::Plain, Some(receiver)) => Value::Bound(Rc::new((receiver.clone(), found))),
            (FunctionKind::Plain | FunctionKind::Property, None) => found,
        })
    }

    /// Calls a value.
    ///
    /// # Errors
    ///
    /// When the code raises an exception, or the budget ends.
    pub fn call(&mut self, callee: &Value<'p>, args: Args<'p>, site: Site<'p>) -> Eval<Value<'p>> {
        self.budget.step()?;
        match callee {
            Value::Function(function) => self.call_function(function, args),
            Value::Bound(pair) => {
                let (receiver, function) = &**pair;
                match function {
                    Value::Function(function) => {
                        let mut all = vec![receiver.clone()];
                        all.extend(args.pos);
                        self.call_function(function, Args { pos: all, kw: args.kw })
                    }
                    Value::External(name) => self.call_external(&name.clone(), Some(receiver), args, site),
                    _ => Ok(Value::unknown("a method that is unknown")),
                }
            }
            Value::External(name) => self.call_external(&name.clone(), None, args, site),
            Value::Native(pair) => {
                let (receiver, name) = (&pair.0, pair.1.clone());
                method::call(self, receiver, &name, &args, site)
            }
            Value::Class(class) => self.instantiate(class, args, site),
            Value::Object(object) => {
                if object.user_class().is_some_and(|c| c.lookup("__call__").is_some()) {
                    let method = self.attribute(callee, "__call__", site)?;
                    return self.call(&method, args, site);
                }
                let host = self.host.clone();
                let name = format!("{}.__call__", object.external().unwrap_or_else(|| "object".into()));
                Ok(host
                    .call(self, &name, Some(callee), &args, site)
                    .unwrap_or_else(|| Value::unknown("the call of an object")))
            }
            Value::Import(..) => {
                let callee = self.resolve(callee.clone());
                self.call(&callee, args, site)
            }
            Value::Unknown(_) => Ok(callee.clone()),
            other => Ok(Value::Unknown(format!("the call of {}", other.repr()).into())),
        }
    }

    /// An instance of a class that was read.
    pub(super) fn instantiate(&mut self, class: &Rc<Class<'p>>, args: Args<'p>, site: Site<'p>) -> Eval<Value<'p>> {
        let object = Rc::new(Object {
            class: Value::Class(class.clone()),
            args: RefCell::default(),
            kwargs: RefCell::default(),
            attrs: RefCell::default(),
            site,
        });
        let value = Value::Object(object.clone());
        if let Some(Value::Function(init)) = class.lookup("__init__").map(|v| self.resolve(v)) {
            let mut all = vec![value.clone()];
            all.extend(args.pos);
            match self.call_function(&init, Args { pos: all, kw: args.kw }) {
                // The instance is there all the same, without what its constructor did not come to.
                Err(exception) if !exception.fatal && self.tries == 0 => self.record_exception(&exception, site),
                other => _ = other?,
            }
        } else {
            set_arguments(&object, args);
        }
        Ok(value)
    }

    fn call_external(
        &mut self,
        name: &str,
        receiver: Option<&Value<'p>>,
        args: Args<'p>,
        site: Site<'p>,
    ) -> Eval<Value<'p>> {
        let host = self.host.clone();
        if let Some(value) = host.call(self, name, receiver, &args, site) {
            return Ok(value);
        }
        if let Some(receiver) = receiver {
            let method = name.rsplit('.').next().unwrap_or(name);
            if let ("__init__", Value::Object(object)) = (method, receiver) {
                set_arguments(object, args);
                return Ok(Value::None);
            }
            // `F('x').desc()` and the like are expressions again.
            let expression = name.starts_with("django.db.models.") && !name.starts_with("django.db.models.Model.");
            if expression && matches!(receiver, Value::Object(o) if o.user_class().is_none()) {
                let mut all = vec![receiver.clone()];
                all.extend(args.pos);
                return Ok(self.symbolic(name, all, site));
            }
            if let ("get" | "pop", [_, default]) = (method, args.pos.as_slice()) {
                return Ok(default.clone());
            }
            return Ok(Value::Unknown(format!("the result of {name}").into()));
        }
        if let Some(function) = name.strip_prefix("builtins.") {
            return builtin::call(self, function, args, site);
        }
        if let Some(value) = library::call(self, name, &args, site)? {
            return Ok(value);
        }
        // `Base.method(self, …)`: the method of an external base, with its receiver among the arguments.
        if let (Some(Value::Object(object)), Some((class, method))) = (args.pos.first(), name.rsplit_once('.')) {
            let known = object.user_class().is_some() && object.externals().iter().any(|e| same_name(e, class));
            if known && method != "__init__" {
                let receiver = args.pos[0].clone();
                let rest = Args { pos: args.pos[1..].to_vec(), kw: args.kw };
                return self.call_external(name, Some(&receiver), rest, site);
            }
        }
        // `Base.__init__(self, …)` of old code.
        if let (Some(_), Some(Value::Object(object))) = (name.strip_suffix(".__init__"), args.pos.first()) {
            let object = object.clone();
            set_arguments(&object, Args { pos: args.pos[1..].to_vec(), kw: args.kw });
            return Ok(Value::None);
        }
        if !self.may_hold(args.pos.iter().chain(args.kw.iter().map(|(_, value)| value))) {
            return Ok(self.too_large(site, &format!("the call of {name} with too many parts")));
        }
        self.budget.items(args.pos.len() + args.kw.len() + 4)?;
        Ok(Value::Object(Rc::new(Object {
            class: Value::External(name.into()),
            args: RefCell::new(args.pos),
            kwargs: RefCell::new(args.kw.into_iter().collect()),
            attrs: RefCell::default(),
            site,
        })))
    }

    /// An exception of the language.
    pub(super) fn raise<T>(class: &str, message: impl Into<String>) -> Eval<T> {
        Err(Exception::new(class, message))
    }
}

/// Whether two dotted names may stand for one class: it is imported from where it is defined or from a package above.
fn same_name(a: &str, b: &str) -> bool {
    let last = |name: &str| name.rsplit('.').next().map(str::to_owned);
    a == b || (last(a) == last(b) && a.split('.').next() == b.split('.').next()) || b.ends_with(".Field")
}

/// The external constructor is reached with these arguments.
fn set_arguments<'p>(object: &Rc<Object<'p>>, args: Args<'p>) {
    *object.args.borrow_mut() = args.pos;
    *object.kwargs.borrow_mut() = args.kw.into_iter().collect();
}
