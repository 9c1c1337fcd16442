//! Models from their classes, as `models.py` defines them.

use std::rc::Rc;

use super::{Fields, ModelState, Options, options_from};
use crate::field::{Field, Place, Target};
use crate::literal::{Class, Interp, Value};

/// Whether a class is a model.
fn is_model(class: &Rc<Class<'_>>) -> bool {
    class.mro().iter().any(|c| {
        matches!(c, Value::External(name) if matches!(&**name, "django.db.models.Model" | "django.db.models.base.Model"))
    })
}

/// The models that a module defines; `label` tells the app of a module. Abstract ones are left out.
pub fn models_of<'p>(
    interp: &mut Interp<'p>,
    module: &str,
    label: &dyn Fn(&str) -> Option<String>,
    target: Target,
) -> (Vec<ModelState>, Vec<(Place, String)>) {
    let (mut models, mut problems) = (Vec::new(), Vec::new());
    let Some(scope) = interp.module(module) else { return (models, problems) };
    let values: Vec<Value<'p>> = scope.names.borrow().values().cloned().collect();
    let mut seen: Vec<String> = Vec::new();
    for value in values {
        let Value::Class(class) = interp.resolve(value) else { continue };
        let own = class.module.dotted == module || class.module.dotted.starts_with(&format!("{module}."));
        if !own || !is_model(&class) || seen.contains(&class.dotted()) {
            continue;
        }
        seen.push(class.dotted());
        if let Some(model) = read(interp, &class, label, target, &mut problems) {
            models.push(model);
        }
    }
    (models, problems)
}

fn own_meta<'p>(interp: &mut Interp<'p>, class: &Rc<Class<'p>>) -> Option<Rc<Class<'p>>> {
    let meta = class.attrs.borrow().get("Meta").cloned()?;
    match interp.resolve(meta) {
        Value::Class(meta) => Some(meta),
        _ => None,
    }
}

fn is_abstract<'p>(interp: &mut Interp<'p>, class: &Rc<Class<'p>>) -> bool {
    // `abstract` is never inherited: it is what the class's own Meta says itself.
    own_meta(interp, class).and_then(|meta| meta.attrs.borrow().get("abstract").and_then(Value::truth)).unwrap_or(false)
}

fn key_of(class: &Class<'_>, label: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    label(&class.module.dotted).map(|app| super::key(&app, &class.name))
}

fn read<'p>(
    interp: &mut Interp<'p>,
    class: &Rc<Class<'p>>,
    label: &dyn Fn(&str) -> Option<String>,
    target: Target,
    problems: &mut Vec<(Place, String)>,
) -> Option<ModelState> {
    if is_abstract(interp, class) {
        return None;
    }
    let line = class.node.map_or(1, |n| class.module.text.line_col(n.name.span.start).line);
    let place = Place { file: class.module.path.clone(), line };
    let parents: Vec<Rc<Class<'p>>> =
        class.mro().into_iter().filter_map(|c| if let Value::Class(c) = c { Some(c) } else { None }).collect();
    // Meta comes from the class itself, or from the first abstract parent that has one.
    let mut options = Options::default();
    let mut app = label(&class.module.dotted);
    let meta = own_meta(interp, class).or_else(|| {
        let inherited =
            parents.iter().find(|p| !Rc::ptr_eq(p, class) && p.attrs.borrow().contains_key("Meta")).cloned();
        inherited.filter(|p| is_abstract(interp, p)).and_then(|p| own_meta(interp, &p))
    });
    if let Some(meta) = meta {
        let values: Vec<(String, Value<'p>)> = [
            "db_table",
            "managed",
            "proxy",
            "unique_together",
            "index_together",
            "indexes",
            "constraints",
            "order_with_respect_to",
            "db_table_comment",
            "swappable",
            "app_label",
        ]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), meta.lookup(name).map(|v| interp.resolve(v))?)))
        .collect();
        let get = |name: &str| values.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        if let Some(given) = get("app_label").and_then(|v| v.as_str()) {
            app = Some(given.to_string());
        }
        let app_name = app.clone().unwrap_or_default();
        options_from(&mut options, &get, &|| (app_name.clone(), class.name.to_string()));
    }
    let app = app?;
    let mut fields = Fields::default();
    let mut bases = Vec::new();
    for parent in parents.iter().rev() {
        if !Rc::ptr_eq(parent, class) && is_model(parent) && !is_abstract(interp, parent) {
            // A concrete parent keeps its fields; what it inherited itself is behind its own link.
            if let Some(key) = key_of(parent, label) {
                bases.insert(0, key);
            }
            fields.clear();
            continue;
        }
        let attrs: Vec<(Rc<str>, Value<'p>)> =
            parent.attrs.borrow().iter().map(|(n, v)| (n.clone(), v.clone())).collect();
        for (name, value) in attrs {
            let Value::Object(object) = &value else { continue };
            match Field::read(interp, &value, target) {
                Ok(mut field) => {
                    if let Some(relation) = &mut field.relation {
                        let resolve = |to: &Option<String>| match to.as_deref().and_then(|t| t.strip_prefix('@')) {
                            Some(dotted) => dotted
                                .rsplit_once('.')
                                .and_then(|(module, name)| Some(super::key(&label(module)?, name))),
                            None => to.clone(),
                        };
                        relation.to = resolve(&relation.to);
                        relation.through = resolve(&relation.through);
                    }
                    fields.insert(name.to_string(), Rc::new(field));
                }
                Err(reason) if object.externals().iter().any(|e| e.ends_with("Field") || e.ends_with("Key")) => {
                    problems.push((place.clone(), format!("the field {}.{name} is left out: {reason}", class.name)));
                }
                Err(_) => {}
            }
        }
    }
    if let (Some(base), false) = (bases.first().cloned(), options.proxy) {
        let linked = fields.values().any(|f| f.relation.as_ref().is_some_and(|r| r.parent_link));
        if !linked {
            let name = format!("{}_ptr", base.rsplit('.').next().unwrap_or(""));
            let mut with_link = Fields::default();
            with_link.insert(name, Rc::new(super::view::parent_link(&base)));
            with_link.extend(std::mem::take(&mut fields));
            fields = with_link;
        }
    }
    Some(ModelState { app, name: class.name.to_string(), fields, options, bases, place })
}
