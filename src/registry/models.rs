//! Evaluated models, as the catalog asks for them.

use std::rc::Rc;

use super::facts::{FieldFacts, ModelFacts, RelatedModel, RelationFacts};
use super::{Registry, history};
use crate::field::Field;
use crate::literal::Value;
use crate::migration::apps;
use crate::model::{MadeModel, models_made};
use crate::source::FileId;

impl<'p> Registry<'p> {
    /// The model classes that the module of a file makes, those that keep their history among them; `None` when the module cannot be evaluated.
    pub fn models_made(&mut self, file: FileId) -> Option<Vec<ModelFacts>> {
        let module = self.project.modules.name(file).to_owned();
        if self.loader.file(&module) != Some(file) {
            return None;
        }
        self.read_settings();
        let target = self.host.target();
        let made = models_made(&mut self.interp, &module, target)?;
        let mut all: Vec<ModelFacts> = made.iter().map(|model| self.facts(model)).collect();
        let of = |(model, facts): (&MadeModel<'p>, &ModelFacts)| history::of(&model.class, facts, file);
        let histories: Vec<ModelFacts> = made.iter().zip(&all).filter_map(of).collect();
        all.extend(histories);
        Some(all)
    }

    /// The label of the app in a package, by its evaluated configuration.
    pub fn app_label(&mut self, package: &str) -> Option<String> {
        self.read_settings();
        let installed = self.settings_read.as_ref().map(|chosen| chosen.installed.clone()).unwrap_or_default();
        self.interp.restart();
        apps::label_of(&mut self.interp, &self.host, &installed, package)
    }

    /// The model that `AUTH_USER_MODEL` names, as the settings spell it; `None` when its value could not be evaluated.
    pub fn user_model(&mut self) -> Option<String> {
        self.read_settings();
        self.host.setting("AUTH_USER_MODEL")?.as_str().map(|label| label.to_string())
    }

    fn facts(&mut self, model: &MadeModel<'p>) -> ModelFacts {
        let class = &model.class;
        let held_by = self.interp.module(&class.module.dotted).map(|scope| {
            let names = scope.names.borrow();
            let holds = |value: &Value<'p>| matches!(value, Value::Class(held) if Rc::ptr_eq(held, class));
            names.iter().filter(|(_, value)| holds(value)).map(|(name, _)| name.to_string()).collect()
        });
        let parents = class.mro().into_iter().skip(1).filter_map(|parent| match parent {
            Value::Class(parent) => Some((self.loader.file(&parent.module.dotted)?, parent.name.to_string())),
            _ => None,
        });
        ModelFacts {
            name: class.name.to_string(),
            span: class.site.span,
            by_statement: class.node.is_some(),
            held_by: held_by.unwrap_or_default(),
            app_label: model.app_label.clone(),
            db_table: model.options.db_table.clone(),
            is_abstract: model.options.is_abstract,
            is_proxy: model.options.proxy,
            parents: parents.collect(),
            fields: model.fields.iter().map(|(name, field)| self.field(name, field)).collect(),
        }
    }

    fn field(&self, name: &str, field: &Field) -> FieldFacts {
        let relation = field.relation.as_ref().map(|relation| RelationFacts {
            kind: relation.kind,
            to: relation.to.as_deref().map_or(RelatedModel::Unknown, |to| self.related(to)),
            through: relation.through.as_deref().map(|through| self.related(through)),
            related_name: relation.related_name.clone(),
            related_query_name: relation.related_query_name.clone(),
            parent_link: relation.parent_link,
        });
        let has_column = field.foreign_key().is_some() || !matches!(field.own_type, Some(None));
        let column = has_column.then(|| field.column(name));
        FieldFacts { name: name.to_owned(), column, is_key: field.primary_key, relation }
    }

    fn related(&self, to: &str) -> RelatedModel {
        match to.strip_prefix('@') {
            Some(dotted) => dotted
                .rsplit_once('.')
                .and_then(|(module, name)| Some(RelatedModel::Class(self.loader.file(module)?, name.to_owned())))
                .unwrap_or(RelatedModel::Unknown),
            None if to.contains('.') => RelatedModel::Label(to.to_owned()),
            None => RelatedModel::Name(to.to_owned()),
        }
    }
}
