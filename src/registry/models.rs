//! What the catalog needs of evaluated models, as data that any thread may hold.

use std::rc::Rc;

use super::{Registry, history};
use crate::field::{Field, RelationKind};
use crate::literal::Value;
use crate::migration::apps;
use crate::model::{MadeModel, models_made};
use crate::source::{FileId, Span};

/// A model class as it was evaluated.
#[derive(Clone, Debug)]
pub struct ModelFacts {
    /// The name of its class.
    pub name: String,
    /// Where it is made: the name in its statement, or the call of `type()`.
    pub span: Span,
    /// Whether a class statement makes it.
    pub by_statement: bool,
    /// The names of the module that hold it.
    pub held_by: Vec<String>,
    /// `Meta.app_label`
    pub app_label: Option<String>,
    /// `Meta.db_table`
    pub db_table: Option<String>,
    /// Whether it is abstract.
    pub is_abstract: bool,
    /// Whether it is a proxy.
    pub is_proxy: bool,
    /// Its model classes in the order of Python's look-up, as file and name; itself is not among them.
    pub parents: Vec<(FileId, String)>,
    /// Its fields and those of its abstract parents.
    pub fields: Vec<FieldFacts>,
}

/// A field of an evaluated model.
#[derive(Clone, Debug)]
pub struct FieldFacts {
    /// Its name.
    pub name: String,
    /// Its column; `None` when it has none in the model's own table.
    pub column: Option<String>,
    /// Whether it is the primary key.
    pub is_key: bool,
    /// Where it points.
    pub relation: Option<RelationFacts>,
}

/// Where an evaluated field points.
#[derive(Clone, Debug)]
pub struct RelationFacts {
    /// The kind.
    pub kind: RelationKind,
    /// The model.
    pub to: RelatedModel,
    /// The model of the table between the two, when one is named.
    pub through: Option<RelatedModel>,
    /// `related_name`, with its placeholders.
    pub related_name: Option<String>,
    /// `related_query_name`, with its placeholders.
    pub related_query_name: Option<String>,
    /// Whether it links a child to its parent.
    pub parent_link: bool,
}

/// A model that a relation names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelatedModel {
    /// `app_label.model`, in small letters.
    Label(String),
    /// The name of a model of the same app, in small letters; `self` is the model itself.
    Name(String),
    /// The class itself: its file and name.
    Class(FileId, String),
    /// A class that is not at hand, or a value that could not be evaluated.
    Unknown,
}

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
