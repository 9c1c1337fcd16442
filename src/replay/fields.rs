//! Operations on fields, and the renaming of models.

use std::rc::Rc;

use super::alter::{Rel, incoming};
use super::editor::Side;
use super::run::{Replay, Sides};
use super::state;
use crate::field::Field;
use crate::model::{ModelKey, ModelState, View, key};
use crate::source::GapKind;

impl Replay<'_, '_> {
    /// The field of an operation and the key of the model it is for; a gap when one of them is not there.
    fn given(
        &mut self,
        model_name: &str,
        name: &str,
        field: &Result<Rc<Field>, String>,
        without: &str,
    ) -> Option<(ModelKey, Rc<Field>)> {
        let field = match field {
            Ok(field) => field.clone(),
            Err(reason) => {
                self.field_gap(model_name, name, format!("the field {model_name}.{name} is {without}: {reason}"));
                return None;
            }
        };
        self.record_field_gap(model_name, name, &field);
        let model_key = key(&self.app, model_name);
        if self.state.get(&model_key).is_none() {
            self.missing_model(model_name);
            return None;
        }
        Some((model_key, field))
    }

    pub(super) fn add_field(
        &mut self,
        model_name: &str,
        name: &str,
        field: &Result<Rc<Field>, String>,
        preserve: bool,
        sides: Sides<'_>,
    ) {
        let Some((model_key, field)) = self.given(model_name, name, field, "left out") else { return };
        // Held only where it comes back: a model without another owner is changed in place.
        let old = if sides.state { None } else { self.state.get(&model_key).cloned() };
        let kept = if preserve { field.clone() } else { state::without_default(&field) };
        self.state.set_field(&model_key, name, kept);
        let Some(new) = self.state.get(&model_key).cloned() else { return };
        for alias in self.aliases_for(&new, sides) {
            let target = self.target;
            self.edit(alias, |editor, state| {
                editor.add_field(View { state, model: &new, target }, name, &field);
            });
        }
        if let Some(old) = old {
            self.state.set(old);
        }
    }

    pub(super) fn remove_field(&mut self, model_name: &str, name: &str, sides: Sides<'_>) {
        let Some(model) = self.state.get(&key(&self.app, model_name)).cloned() else {
            return self.missing_model(model_name);
        };
        let Some(field) = model.fields.get(name).cloned() else {
            return self.gap(GapKind::Operation, format!("{model_name} has no field {name} at this point"));
        };
        for alias in self.aliases_for(&model, sides) {
            let target = self.target;
            self.edit(alias, |editor, state| {
                editor.remove_field(View { state, model: &model, target }, name, &field);
            });
        }
        if sides.state {
            self.state.change(&model.key(), |m| _ = m.fields.shift_remove(name));
        }
    }

    /// What points to a field; only asked where it can matter.
    fn rels(&self, model: &ModelState, name: &str, field: &Field) -> Vec<Rel> {
        incoming(View { state: &self.state, model, target: self.target }, name, field)
    }

    pub(super) fn alter_field(
        &mut self,
        model_name: &str,
        name: &str,
        field: &Result<Rc<Field>, String>,
        preserve: bool,
        sides: Sides<'_>,
    ) {
        let Some((model_key, field)) = self.given(model_name, name, field, "not altered") else { return };
        let Some(old) = self.state.get(&model_key).cloned() else { return };
        let Some(old_field) = old.fields.get(name).cloned() else {
            return self.gap(GapKind::Operation, format!("{model_name} has no field {name} at this point"));
        };
        let pointed_to = (old_field.is_unique() && field.is_unique()) || (field.primary_key && !old_field.primary_key);
        let old_rels = if pointed_to { self.rels(&old, name, &old_field) } else { Vec::new() };
        let old_view = View { state: &self.state, model: &old, target: self.target };
        let old_side = Side::of(old_view, name, &old_field);
        let old_through = old_view.through(name, &old_field);
        let kept = if preserve { field.clone() } else { state::without_default(&field) };
        self.state.set_field(&model_key, name, kept);
        let Some(new) = self.state.get(&model_key).cloned() else { return };
        let new_view = View { state: &self.state, model: &new, target: self.target };
        let new_side = Side::of(new_view, name, &field);
        let new_through = new_view.through(name, &field);
        let new_rels = if pointed_to { self.rels(&new, name, &field) } else { Vec::new() };
        let target = self.target;
        for alias in self.aliases_for(&new, sides) {
            match (old_field.many_to_many(), field.many_to_many(), &old_through, &new_through) {
                (true, true, Some(from), Some(to)) => {
                    self.edit(alias, |editor, state| editor.alter_many_to_many(state, from, to));
                }
                (true, true, None, None) => {}
                (false, false, ..) => self.edit(alias, |editor, state| {
                    let view = View { state, model: &new, target };
                    editor.alter_field(view, &old_side, &new_side, Some((&old_rels, &new_rels)));
                }),
                _ => self.gap(
                    GapKind::Operation,
                    format!("Django cannot alter {model_name}.{name} to or from a many-to-many, or its through table"),
                ),
            }
        }
        if !sides.state {
            self.state.set(old);
        }
    }

    pub(super) fn rename_field(&mut self, model_name: &str, old_name: &str, new_name: &str, sides: Sides<'_>) {
        let model_key = key(&self.app, model_name);
        let Some(old) = self.state.get(&model_key).cloned() else { return self.missing_model(model_name) };
        let Some(field) = old.fields.get(old_name).cloned() else {
            return self.gap(GapKind::Operation, format!("{model_name} has no field {old_name} at this point"));
        };
        let saved = (!sides.state).then(|| self.state.clone());
        let old_rels = if field.is_unique() { self.rels(&old, old_name, &field) } else { Vec::new() };
        let old_view = View { state: &self.state, model: &old, target: self.target };
        let old_side = Side::of(old_view, old_name, &field);
        let old_through = old_view.through(old_name, &field);
        state::rename_field(&mut self.state, &model_key, old_name, new_name);
        let Some(new) = self.state.get(&model_key).cloned() else { return };
        let new_view = View { state: &self.state, model: &new, target: self.target };
        let new_side = Side::of(new_view, new_name, &field);
        let new_through = new_view.through(new_name, &field);
        let new_rels = if field.is_unique() { self.rels(&new, new_name, &field) } else { Vec::new() };
        let target = self.target;
        for alias in self.aliases_for(&new, sides) {
            if let (Some(from), Some(to)) = (&old_through, &new_through) {
                self.edit(alias, |editor, state| editor.alter_many_to_many(state, from, to));
            } else {
                self.edit(alias, |editor, state| {
                    let view = View { state, model: &new, target };
                    editor.alter_field(view, &old_side, &new_side, Some((&old_rels, &new_rels)));
                });
            }
        }
        if let Some(saved) = saved {
            self.state = saved;
        }
    }

    /// `RenameModel`: the table, the constraints of what points to it, and the many-to-many tables with its name.
    pub(super) fn rename_model(&mut self, old_name: &str, new_name: &str, sides: Sides<'_>) {
        let old_key = key(&self.app, old_name);
        let Some(old) = self.state.get(&old_key).cloned() else {
            let app = self.app.clone();
            return self.gap(GapKind::Operation, format!("the model {app}.{old_name} does not exist at this point"));
        };
        let saved = (!sides.state).then(|| self.state.clone());
        let target = self.target;
        // What points to the model: its keys that have an accessor, and many-to-many fields of any kind.
        let mut keys: Vec<(String, String, Side)> = Vec::new();
        let mut tables: Vec<(String, String, ModelState)> = Vec::new();
        for referrer in self.state.referrers(&old_key) {
            let view = View { state: &self.state, model: &referrer, target };
            for (name, field) in &referrer.fields {
                let Some(relation) = &field.relation else { continue };
                let points = relation.to.as_ref().is_some_and(|to| crate::model::target_key(&referrer, to) == old_key);
                if !points {
                    continue;
                }
                if field.many_to_many() {
                    if let Some(through) = view.through(name, field) {
                        tables.push((referrer.key(), name.clone(), through));
                    }
                } else if field.foreign_key().is_some() && !relation.hidden {
                    keys.push((referrer.key(), name.clone(), Side::of(view, name, field)));
                }
            }
        }
        let own = View { state: &self.state, model: &old, target };
        let own_through: Vec<(String, ModelState)> = old
            .fields
            .iter()
            .filter_map(|(name, field)| own.through(name, field).map(|t| (name.clone(), t)))
            .filter(|(name, _)| !tables.iter().any(|(k, n, _)| *k == old_key && n == name))
            .collect();
        let app = self.app.clone();
        state::rename_model(&mut self.state, &app, old_name, new_name);
        let new_key = key(&app, new_name);
        let Some(new) = self.state.get(&new_key).cloned() else { return };
        let now = |k: &str| if k == old_key { new_key.clone() } else { k.to_owned() };
        for alias in self.aliases_for(&new, sides) {
            self.edit(alias, |editor, state| {
                editor.rename_table(&old.table(), &new.table());
                for (referrer, name, side) in &keys {
                    let Some(model) = state.get(&now(referrer)) else { continue };
                    let view = View { state, model, target };
                    let Some(field) = model.fields.get(name) else { continue };
                    let new_side = Side::of(view, name, field);
                    editor.alter_field(view, side, &new_side, None);
                }
                for (referrer, name, through) in &tables {
                    let Some(model) = state.get(&now(referrer)) else { continue };
                    let view = View { state, model, target };
                    let Some(field) = model.fields.get(name) else { continue };
                    if let Some(to) = view.through(name, field) {
                        editor.alter_many_to_many(state, through, &to);
                    }
                }
                let view = View { state, model: &new, target };
                for (name, through) in &own_through {
                    let Some(field) = new.fields.get(name) else { continue };
                    if let Some(to) = view.through(name, field) {
                        editor.alter_many_to_many(state, through, &to);
                    }
                }
            });
        }
        if let Some(saved) = saved {
            self.state = saved;
        }
    }
}
