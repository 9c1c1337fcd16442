//! What operations do to the state of the project.

use std::rc::Rc;

use crate::field::{DefaultValue, Field};
use crate::literal::Value;
use crate::model::{Fields, ModelState, ProjectState, key, target_key};

/// A field without the default that was only there to fill existing rows.
#[must_use]
pub fn without_default(field: &Rc<Field>) -> Rc<Field> {
    let mut field = (**field).clone();
    field.default = DefaultValue::Absent;
    field.signature.remove("default");
    Rc::new(field)
}

/// Renames a model and repoints what points to it.
pub fn rename_model(state: &mut ProjectState, app: &str, old: &str, new: &str) -> bool {
    let old_key = key(app, old);
    let Some(model) = state.get(&old_key).cloned() else { return false };
    let new_ref = key(app, new);
    let referrers = state.referrers(&old_key);
    state.remove(&old_key);
    let mut renamed = (*model).clone();
    new.clone_into(&mut renamed.name);
    repoint(&mut renamed, &model, &old_key, &new_ref);
    state.set(Rc::new(renamed));
    for referrer in referrers {
        if referrer.key() == old_key {
            continue;
        }
        let before = referrer.clone();
        state.change(&before.key(), |m| repoint(m, &before, &old_key, &new_ref));
    }
    let children: Vec<String> = state.models().filter(|m| m.bases.contains(&old_key)).map(|m| m.key()).collect();
    for child in children {
        state.change(&child, |m| {
            for base in &mut m.bases {
                if *base == old_key {
                    base.clone_from(&new_ref);
                }
            }
        });
    }
    true
}

fn repoint(model: &mut ModelState, seen_from: &ModelState, old_key: &str, new_ref: &str) {
    for field in model.fields.values_mut() {
        let Some(relation) = &field.relation else { continue };
        let hits =
            |to: &Option<String>| to.as_ref().is_some_and(|to| to != "self" && target_key(seen_from, to) == old_key);
        if hits(&relation.to) || hits(&relation.through) {
            let mut changed = (**field).clone();
            if let Some(relation) = &mut changed.relation {
                if hits(&relation.to) {
                    relation.to = Some(new_ref.to_owned());
                }
                if hits(&relation.through) {
                    relation.through = Some(new_ref.to_owned());
                }
            }
            if changed.signature.contains_key("to")
                && let Some(to) = changed.relation.as_ref().and_then(|r| r.to.clone())
            {
                changed.signature.insert(String::from("to"), to);
            }
            *field = Rc::new(changed);
        }
    }
}

/// Renames a field, in options and in the `to_field` of what points to it.
pub fn rename_field(state: &mut ProjectState, model_key: &str, old: &str, new: &str) -> bool {
    let renamed = state.change(model_key, |model| {
        let fields = std::mem::take(&mut model.fields);
        model.fields = fields
            .into_iter()
            .map(|(name, field)| (if name == old { new.to_owned() } else { name }, field))
            .collect::<Fields>();
        let together = model.options.unique_together.iter_mut().chain(&mut model.options.index_together);
        for name in together.flatten() {
            if name == old {
                new.clone_into(name);
            }
        }
        if model.options.order_with_respect_to.as_deref() == Some(old) {
            model.options.order_with_respect_to = Some(new.to_owned());
        }
    });
    for referrer in state.referrers(model_key) {
        let points = |field: &Field| {
            field.relation.as_ref().is_some_and(|r| {
                r.to_field.as_deref() == Some(old)
                    && r.to.as_ref().is_some_and(|to| target_key(&referrer, to) == model_key)
            })
        };
        if referrer.fields.values().any(|f| points(f)) {
            state.change(&referrer.key(), |model| {
                for field in model.fields.values_mut().filter(|f| points(f)) {
                    let mut changed = (**field).clone();
                    if let Some(relation) = &mut changed.relation {
                        relation.to_field = Some(new.to_owned());
                    }
                    changed.signature.insert(String::from("to_field"), format!("'{new}'"));
                    *field = Rc::new(changed);
                }
            });
        }
    }
    renamed
}

/// `AlterModelOptions`: of what it can set, only `managed` is of interest; absent, it is as by default.
pub fn alter_options(state: &mut ProjectState, model_key: &str, options: &Value<'_>) -> bool {
    let managed = match options {
        Value::Dict(dict) => dict.borrow().get_str("managed").and_then(Value::truth).unwrap_or(true),
        _ => true,
    };
    state.change(model_key, |model| model.options.managed = managed)
}
