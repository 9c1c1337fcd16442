//! Values are dropped without recursion: code nests them as deep as it likes, by a loop around `a = [a]`.

use std::cell::RefCell;
use std::mem::take;
use std::rc::Rc;

use super::value::{Class, Dict, Function, Items, Object, Sequence, Value};
use super::{Names, Scope};

/// Parts that wait to be dropped.
#[derive(Default)]
struct Parts<'p> {
    values: Vec<Value<'p>>,
    scopes: Vec<Rc<Scope<'p>>>,
}

/// Whether dropping a value may drop others.
fn has_parts(value: &Value<'_>) -> bool {
    matches!(
        value,
        Value::List(_)
            | Value::Tuple(_)
            | Value::Set(_)
            | Value::Dict(_)
            | Value::Function(_)
            | Value::Bound(_)
            | Value::Native(_)
            | Value::Class(_)
            | Value::Object(_)
            | Value::Super(_)
    )
}

impl<'p> Parts<'p> {
    fn all(&mut self, values: impl IntoIterator<Item = Value<'p>>) {
        self.values.extend(values.into_iter().filter(has_parts));
    }

    fn names(&mut self, names: &mut RefCell<Names<'p>>) {
        self.all(take(names.get_mut()).into_values());
    }

    fn dict(&mut self, dict: &mut Dict<'p>) {
        for (key, value) in take(&mut dict.0).into_values() {
            self.all([key, value]);
        }
    }

    fn object(&mut self, object: &mut Object<'p>) {
        self.all([std::mem::replace(&mut object.class, Value::None)]);
        self.all(take(object.args.get_mut()));
        self.names(&mut object.kwargs);
        self.names(&mut object.attrs);
    }

    fn class(&mut self, class: &mut Class<'p>) {
        self.all(take(&mut class.bases));
        self.names(&mut class.attrs);
        if let Some(order) = class.order.take() {
            self.all(order);
        }
    }

    fn function(&mut self, function: &mut Function<'p>) {
        self.all(take(&mut function.defaults).into_iter().flatten());
        if Rc::strong_count(&function.scope) == 1 {
            let nothing = Rc::new(Scope::new(function.scope.module, None, false));
            self.scopes.push(std::mem::replace(&mut function.scope, nothing));
        }
    }

    fn scope(&mut self, scope: &mut Scope<'p>) {
        self.names(&mut scope.names);
        self.all(take(scope.yielded.get_mut()));
        self.scopes.extend(scope.parent.take());
        if let Some((class, receiver)) = scope.method.take() {
            self.all([Value::Class(class), receiver]);
        }
    }

    /// Takes the parts of a value that have no other owner.
    fn value(&mut self, value: Value<'p>) {
        match value {
            Value::List(list) => {
                if let Ok(mut list) = Rc::try_unwrap(list) {
                    self.all(take(list.0.get_mut()));
                }
            }
            Value::Tuple(items) => {
                if let Ok(mut items) = Rc::try_unwrap(items) {
                    self.all(take(&mut items.0));
                }
            }
            Value::Set(dict) | Value::Dict(dict) => {
                if let Ok(mut dict) = Rc::try_unwrap(dict) {
                    self.dict(dict.get_mut());
                }
            }
            Value::Function(function) => {
                if let Ok(mut function) = Rc::try_unwrap(function) {
                    self.function(&mut function);
                }
            }
            Value::Bound(pair) => {
                if let Ok((receiver, function)) = Rc::try_unwrap(pair) {
                    self.all([receiver, function]);
                }
            }
            Value::Native(pair) => {
                if let Ok((receiver, _)) = Rc::try_unwrap(pair) {
                    self.all([receiver]);
                }
            }
            Value::Super(pair) => {
                if let Ok((class, receiver)) = Rc::try_unwrap(pair) {
                    self.all([Value::Class(class), receiver]);
                }
            }
            Value::Class(class) => {
                if let Ok(mut class) = Rc::try_unwrap(class) {
                    self.class(&mut class);
                }
            }
            Value::Object(object) => {
                if let Ok(mut object) = Rc::try_unwrap(object) {
                    self.object(&mut object);
                }
            }
            _ => {}
        }
    }

    /// Drops everything, one value after the other.
    fn release(mut self) {
        loop {
            if let Some(value) = self.values.pop() {
                self.value(value);
            } else if let Some(scope) = self.scopes.pop() {
                if let Ok(mut scope) = Rc::try_unwrap(scope) {
                    self.scope(&mut scope);
                }
            } else {
                return;
            }
        }
    }
}

impl Drop for Items<'_> {
    fn drop(&mut self) {
        if self.0.get_mut().iter().any(has_parts) {
            let mut parts = Parts::default();
            parts.all(take(self.0.get_mut()));
            parts.release();
        }
    }
}

impl Drop for Sequence<'_> {
    fn drop(&mut self) {
        if self.0.iter().any(has_parts) {
            let mut parts = Parts::default();
            parts.all(take(&mut self.0));
            parts.release();
        }
    }
}

impl Drop for Dict<'_> {
    fn drop(&mut self) {
        if self.0.values().any(|(key, value)| has_parts(key) || has_parts(value)) {
            let mut parts = Parts::default();
            parts.dict(self);
            parts.release();
        }
    }
}

impl Drop for Object<'_> {
    fn drop(&mut self) {
        let mut parts = Parts::default();
        parts.object(self);
        parts.release();
    }
}

impl Drop for Class<'_> {
    fn drop(&mut self) {
        let mut parts = Parts::default();
        parts.class(self);
        parts.release();
    }
}

impl Drop for Function<'_> {
    fn drop(&mut self) {
        let mut parts = Parts::default();
        parts.function(self);
        parts.release();
    }
}

impl Drop for Scope<'_> {
    fn drop(&mut self) {
        let mut parts = Parts::default();
        parts.scope(self);
        parts.release();
    }
}
