//! What the catalog needs of evaluated models, as data that any thread may hold.

use crate::field::RelationKind;
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
    /// A class that was not found, or a value that could not be evaluated.
    Unknown,
}
