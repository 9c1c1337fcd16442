//! Models as in migrations, and the state of a whole project.

mod code;
mod read;
mod state;
mod view;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use std::rc::Rc;

use crate::field::{Field, SourceLocation};

pub use code::{CodeModel, MadeModel, models_made, models_of, other_model_modules, registered_models, resolve_targets};
pub(crate) use read::{constraint, fields, index, options_from, string_lists, strings};
pub use state::target_key;
pub use state::{ModelKey, ProjectState, key};
pub use view::{Parameters, View, key_field, order_field};

/// A model's fields by name, in order.
pub type Fields = IndexMap<String, Rc<Field>, FxBuildHasher>;

/// A model.
#[derive(Clone, Debug, Default)]
pub struct ModelState {
    /// The app's label.
    pub app: String,
    /// The class's name.
    pub name: String,
    /// Its fields.
    pub fields: Fields,
    /// Its options.
    pub options: Options,
    /// The models it inherits from, as `app.model` in lower case.
    pub bases: Vec<String>,
    /// Where it was said.
    pub place: SourceLocation,
}

/// `Meta`, as far as the database sees it.
#[derive(Clone, Debug)]
pub struct Options {
    /// `db_table`
    pub db_table: Option<String>,
    /// `managed`
    pub managed: bool,
    /// `proxy`
    pub proxy: bool,
    /// `abstract`
    pub is_abstract: bool,
    /// `swappable`: the setting.
    pub swappable: Option<String>,
    /// `unique_together`
    pub unique_together: Vec<Vec<String>>,
    /// `index_together`
    pub index_together: Vec<Vec<String>>,
    /// `indexes`
    pub indexes: Vec<Rc<IndexDecl>>,
    /// `constraints`
    pub constraints: Vec<Rc<ConstraintDecl>>,
    /// `order_with_respect_to`
    pub order_with_respect_to: Option<String>,
    /// `db_table_comment`
    pub comment: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            db_table: None,
            managed: true,
            proxy: false,
            is_abstract: false,
            swappable: None,
            unique_together: Vec::new(),
            index_together: Vec::new(),
            indexes: Vec::new(),
            constraints: Vec::new(),
            order_with_respect_to: None,
            comment: String::new(),
        }
    }
}

/// An entry of `Meta.indexes`.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexDecl {
    /// Its name, when given.
    pub name: String,
    /// Its fields, and whether each descends.
    pub fields: Vec<(String, bool)>,
    /// Its expressions: SQL where it is plain, and the first field's name when it is one.
    pub expressions: Vec<Option<String>>,
    /// The field the first expression is, when it is nothing but a field.
    pub first_field: Option<String>,
    /// The suffix its class gives to names.
    pub suffix: String,
}

/// An entry of `Meta.constraints`.
#[derive(Clone, Debug, PartialEq)]
pub enum ConstraintDecl {
    /// `UniqueConstraint`
    Unique {
        /// Its name.
        name: String,
        /// Its fields.
        fields: Vec<String>,
        /// Its expressions, as SQL where plain.
        expressions: Vec<Option<String>>,
        /// Whether it has what MySQL does not support: a condition, `deferrable`, `include`, `nulls_distinct`.
        unsupported: bool,
        /// Whether it has operator classes.
        opclasses: bool,
    },
    /// `CheckConstraint`
    Check {
        /// Its name.
        name: String,
        /// Its condition as SQL, where it is plain.
        sql: Option<String>,
    },
    /// Another class.
    Other {
        /// Its name.
        name: String,
        /// Its class.
        class: String,
    },
}

impl ConstraintDecl {
    /// The constraint's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Unique { name, .. } | Self::Check { name, .. } | Self::Other { name, .. } => name,
        }
    }
}

impl ModelState {
    /// Its key in a project.
    #[must_use]
    pub fn key(&self) -> ModelKey {
        key(&self.app, &self.name)
    }

    /// The name in lower case.
    #[must_use]
    pub fn lower(&self) -> String {
        self.name.to_lowercase()
    }

    /// Its table.
    #[must_use]
    pub fn table(&self) -> String {
        match &self.options.db_table {
            Some(table) if !table.is_empty() => table.clone(),
            _ => crate::schema::naming::table(&self.app, &self.name),
        }
    }
}
