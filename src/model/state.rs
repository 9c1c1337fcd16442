//! The models of a project at one moment of its migrations.

use std::collections::BTreeSet;
use std::rc::Rc;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};

use super::ModelState;
use crate::field::Field;

/// `app.model`, both as Django keys them: both in lower case.
pub type ModelKey = String;

/// The key of a model.
#[must_use]
pub fn key(app: &str, name: &str) -> ModelKey {
    format!("{}.{}", app.to_lowercase(), name.to_lowercase())
}

/// All models. Clones share what did not change.
#[derive(Clone, Debug, Default)]
pub struct ProjectState {
    models: IndexMap<ModelKey, Rc<ModelState>, FxBuildHasher>,
    /// For each model, those that have a field pointing to it.
    referrers: FxHashMap<ModelKey, BTreeSet<ModelKey>>,
    /// Models of apps without migrations, known from their code: pointed to, never created.
    pub unmigrated: Rc<IndexMap<ModelKey, Rc<ModelState>, FxBuildHasher>>,
    /// `DEFAULT_AUTO_FIELD`'s class.
    pub auto_field: Rc<str>,
    /// What swappable settings name, such as `AUTH_USER_MODEL`.
    pub swapped: Rc<FxHashMap<String, String>>,
}

impl ProjectState {
    /// A model.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Rc<ModelState>> {
        self.models.get(key).or_else(|| self.unmigrated.get(key))
    }

    /// All models in order.
    pub fn models(&self) -> impl Iterator<Item = &Rc<ModelState>> {
        self.models.values()
    }

    /// Adds or replaces a model.
    pub fn set(&mut self, model: Rc<ModelState>) {
        let key = model.key();
        if let Some(old) = self.models.get(&key).cloned() {
            self.forget(&old);
        }
        for target in targets(&model) {
            self.referrers.entry(target).or_default().insert(key.clone());
        }
        self.models.insert(key, model);
    }

    /// Removes a model.
    pub fn remove(&mut self, key: &str) -> Option<Rc<ModelState>> {
        let model = self.models.shift_remove(key)?;
        self.forget(&model);
        Some(model)
    }

    fn forget(&mut self, model: &ModelState) {
        let key = model.key();
        for target in targets(model) {
            if let Some(set) = self.referrers.get_mut(&target) {
                set.remove(&key);
            }
        }
    }

    /// Changes a model.
    pub fn change(&mut self, key: &str, change: impl FnOnce(&mut ModelState)) -> bool {
        let Some(model) = self.models.get(key).cloned() else { return false };
        let mut model = (*model).clone();
        change(&mut model);
        self.set(Rc::new(model));
        true
    }

    /// Adds or replaces a field of a model. Nothing is copied if the model has no other owner.
    pub fn set_field(&mut self, key: &str, name: &str, field: Rc<Field>) -> bool {
        let Some(model) = self.models.get_mut(key) else { return false };
        if let Some(relation) = &field.relation {
            for to in relation.to.iter().chain(&relation.through) {
                self.referrers.entry(target_key(model, to)).or_default().insert(key.to_owned());
            }
        }
        Rc::make_mut(model).fields.insert(name.to_owned(), field);
        true
    }

    /// The models with a field that points to this one, sorted; a model whose field was replaced may still be among them.
    #[must_use]
    pub fn referrers(&self, key: &str) -> Vec<Rc<ModelState>> {
        let keys = self.referrers.get(key);
        keys.into_iter().flatten().filter_map(|k| self.models.get(k)).cloned().collect()
    }

    /// Whether the model is replaced by another (`swappable`).
    #[must_use]
    pub fn is_swapped(&self, model: &ModelState) -> bool {
        let Some(setting) = &model.options.swappable else { return false };
        self.swapped.get(setting).is_some_and(|by| !by.eq_ignore_ascii_case(&model.key()))
    }
}

/// The key a relation's target has, seen from a model.
#[must_use]
pub fn target_key(model: &ModelState, to: &str) -> ModelKey {
    if to.eq_ignore_ascii_case("self") {
        return model.key();
    }
    match to.rsplit_once('.') {
        // A class whose app is unknown: most likely this one's.
        Some((module, name)) if module.starts_with('@') => key(&model.app, name),
        Some((app, name)) => key(app, name),
        None => key(&model.app, to),
    }
}

fn targets(model: &ModelState) -> BTreeSet<ModelKey> {
    let mut out = BTreeSet::new();
    let mut add = |field: &Field| {
        if let Some(relation) = &field.relation {
            for to in relation.to.iter().chain(&relation.through) {
                out.insert(target_key(model, to));
            }
        }
    };
    model.fields.values().for_each(|field| add(field));
    out
}
