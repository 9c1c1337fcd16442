//! South's frozen models: the state that an app's last migration of the time before Django 1.7 carries with it.

use std::cell::RefCell;
use std::rc::Rc;

use crate::field::{Field, SourceLocation, Target};
use crate::literal::{Args, Interp, Names, Object, Site, Value};
use crate::model::{Fields, ModelState, Options, string_lists};

/// The models of `app` in a frozen dict; what could not be read comes back with its reason.
pub fn models<'p>(
    interp: &mut Interp<'p>,
    app: &str,
    frozen: &Value<'p>,
    site: Site<'p>,
    target: Target,
) -> (Vec<ModelState>, Vec<String>) {
    let (mut models, mut problems) = (Vec::new(), Vec::new());
    let Value::Dict(frozen) = frozen else { return (models, problems) };
    let entries: Vec<(Value<'p>, Value<'p>)> = frozen.borrow().iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    for (key, body) in entries {
        let (Some(key), Value::Dict(body)) = (key.as_str(), &body) else { continue };
        // Models of other apps are frozen too, so that keys can be followed.
        let Some(lower) = key.strip_prefix(app).and_then(|rest| rest.strip_prefix('.')) else { continue };
        let place = SourceLocation { file: site.module.path.clone(), line: site.line() };
        let mut model = ModelState { app: app.to_owned(), name: lower.to_owned(), place, ..ModelState::default() };
        let pairs: Vec<(Value<'p>, Value<'p>)> = body.borrow().iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        let mut fields = Fields::default();
        let mut is_abstract = false;
        for (name, value) in pairs {
            let Some(name) = name.as_str() else { continue };
            if let ("Meta", Value::Dict(meta)) = (&*name, &value) {
                let meta = meta.borrow();
                let get = |key: &str| meta.get_str(key).and_then(Value::as_str).map(|code| literal(&code));
                is_abstract = get("abstract").and_then(|v| v.truth()).unwrap_or(false);
                // The name is said plainly; the other options as code.
                if let Some(object_name) = meta.get_str("object_name").and_then(Value::as_str) {
                    model.name = object_name.to_string();
                }
                model.options = options(&get);
                continue;
            }
            match field(interp, &value, site, target) {
                Ok(field) => _ = fields.insert(name.to_string(), Rc::new(field)),
                Err(reason) => problems.push(format!("the field {}.{name} is left out: {reason}", model.name)),
            }
        }
        // South lists fields by name; the key comes first in the table.
        fields.sort_by(|_, a, _, b| b.primary_key.cmp(&a.primary_key));
        model.fields = fields;
        if !is_abstract {
            models.push(model);
        }
    }
    (models, problems)
}

fn options<'p>(get: &dyn Fn(&str) -> Option<Value<'p>>) -> Options {
    let lists = |name: &str| get(name).map(|v| string_lists(&v)).unwrap_or_default();
    Options {
        db_table: get("db_table").and_then(|v| v.as_str()).map(|s| s.to_string()),
        managed: get("managed").and_then(|v| v.truth()).unwrap_or(true),
        proxy: get("proxy").and_then(|v| v.truth()).unwrap_or(false),
        unique_together: lists("unique_together"),
        index_together: lists("index_together"),
        ..Options::default()
    }
}

/// `('django.db.models.fields.CharField', [], {'max_length': '255'})`
fn field<'p>(interp: &mut Interp<'p>, value: &Value<'p>, site: Site<'p>, target: Target) -> Result<Field, String> {
    let parts = value.items().unwrap_or_default();
    let class = parts.first().and_then(Value::as_str).ok_or("its class is unknown")?;
    let args: Vec<Value<'p>> = parts
        .get(1)
        .and_then(Value::items)
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
        .map(|c| literal(&c))
        .collect();
    let mut kwargs = Names::default();
    if let Some(Value::Dict(given)) = parts.get(2) {
        for (name, code) in given.borrow().iter() {
            if let (Some(name), Some(code)) = (name.as_str(), code.as_str()) {
                kwargs.insert(name, literal(&code));
            }
        }
    }
    let (module, name) = class.rsplit_once('.').ok_or("its class is unknown")?;
    let object = if interp.loader().exists(module) {
        let made = interp.module_value(module, name).unwrap_or(Value::None);
        let args = Args { pos: args, kw: kwargs.into_iter().collect() };
        interp.call(&made, args, site).map_err(|e| format!("{class} raises {}", e.class))?
    } else {
        Value::Object(Rc::new(Object {
            class: Value::External(class.clone()),
            args: RefCell::new(args),
            kwargs: RefCell::new(kwargs),
            attrs: RefCell::default(),
            site,
        }))
    };
    Field::read(interp, &object, target)
}

/// A plain value from its code: South freezes arguments as text.
fn literal<'p>(code: &str) -> Value<'p> {
    let code = code.trim();
    match code {
        "True" => return Value::Bool(true),
        "False" => return Value::Bool(false),
        "None" => return Value::None,
        _ => {}
    }
    if let Ok(number) = code.parse::<i64>() {
        return Value::Int(number);
    }
    // `orm['auth.User']` stands for the model.
    if let Some(model) = code.strip_prefix("orm[").and_then(|rest| rest.strip_suffix(']')) {
        return Value::str(unquoted(model).unwrap_or(model));
    }
    if let Some(text) = unquoted(code) {
        return Value::str(text);
    }
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some(inner) = code.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
            return Value::list(split(inner).into_iter().map(literal).collect());
        }
    }
    Value::External(code.into())
}

fn unquoted(code: &str) -> Option<&str> {
    let code = code.trim().trim_start_matches('u');
    let quote = code.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let inner = code.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inner.contains(quote)).then_some(inner)
}

/// The elements of a sequence, at its own level.
fn split(code: &str) -> Vec<&str> {
    let (mut depth, mut start, mut quote) = (0i32, 0, None);
    let mut out = Vec::new();
    for (at, c) in code.char_indices() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            (_, Some(_)) => {}
            ('(' | '[' | '{', None) => depth += 1,
            (')' | ']' | '}', None) => depth -= 1,
            (',', None) if depth == 0 => {
                out.push(code[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    out.push(code[start..].trim());
    out.retain(|part| !part.is_empty());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frozen_arguments_are_read_from_their_code() {
        for (code, expected) in [
            ("'x'", "'x'"),
            ("u'x'", "'x'"),
            ("255", "255"),
            ("True", "True"),
            ("orm['auth.User']", "'auth.User'"),
            ("(('a', 'b'), ('c',))", "[['a', 'b'], ['c']]"),
            ("[]", "[]"),
            ("datetime.datetime.now", "datetime.datetime.now"),
        ] {
            assert_eq!(literal(code).repr(), expected, "{code}");
        }
    }
}
