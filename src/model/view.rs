//! A model within its project: its columns, the types of its foreign keys, its many-to-many tables.

use std::rc::Rc;

use super::state::target_key;
use super::{Fields, ModelState, Options, ProjectState};
use crate::field::{Field, Relation, RelationKind, SourceLocation, Target, effective_type};
use crate::schema::naming;

/// A model and the project it stands in.
#[derive(Clone, Copy)]
pub struct View<'s> {
    /// The project.
    pub state: &'s ProjectState,
    /// The model.
    pub model: &'s ModelState,
    /// What the types are for.
    pub target: Target,
}

/// Where a foreign key points.
#[derive(Clone, Debug)]
pub struct Pointed {
    /// The model.
    pub model: Rc<ModelState>,
    /// The field's name.
    pub name: String,
    /// The field.
    pub field: Rc<Field>,
}

/// What a column is made of (`db_parameters`).
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// The type as SQL; `None` without a column.
    pub sql: Option<String>,
    /// The CHECK.
    pub check: Option<String>,
    /// The collation.
    pub collation: Option<String>,
}

impl<'s> View<'s> {
    /// A view of another model of the project.
    #[must_use]
    pub fn of(self, model: &'s ModelState) -> Self {
        Self { model, ..self }
    }

    /// The fields with a column, in the order of the table: an implicit key comes first, `_order` last.
    #[must_use]
    pub fn local_fields(self) -> Vec<(String, Rc<Field>)> {
        let mut out = Vec::new();
        if let Some(auto) = self.implicit_key() {
            out.push((String::from("id"), auto));
        }
        out.extend(self.model.fields.iter().filter(|(_, f)| !f.many_to_many()).map(|(n, f)| (n.clone(), f.clone())));
        if self.model.options.order_with_respect_to.is_some() && !self.model.fields.contains_key("_order") {
            out.push((String::from("_order"), Rc::new(order_field())));
        }
        out
    }

    /// The key that Django adds to a model without one.
    #[must_use]
    pub fn implicit_key(self) -> Option<Rc<Field>> {
        let keyed = self.model.fields.iter().any(|(_, f)| f.primary_key || f.base == "CompositePrimaryKey");
        if keyed || self.model.options.proxy || self.model.fields.contains_key("id") {
            return None;
        }
        let has_parent = self.model.bases.iter().any(|b| self.state.get(b).is_some_and(|m| !m.options.is_abstract));
        if has_parent {
            return None;
        }
        Some(Rc::new(key_field(&self.state.auto_field)))
    }

    /// The field of a name, of this model or of one it inherits from.
    #[must_use]
    pub fn field(self, name: &str) -> Option<(Rc<ModelState>, String, Rc<Field>)> {
        let own = self.local_fields().into_iter().find(|(n, f)| n == name || f.column(n) == name);
        if let Some((found, field)) = own {
            return Some((Rc::new(self.model.clone()), found, field));
        }
        if let Some(field) = self.model.fields.get(name) {
            return Some((Rc::new(self.model.clone()), name.to_owned(), field.clone()));
        }
        self.model.bases.iter().filter_map(|b| self.state.get(b)).find_map(|base| {
            let (model, name, field) = self.of(base).field(name)?;
            Some((model, name, field))
        })
    }

    /// The primary key.
    #[must_use]
    pub fn primary_key(self) -> Option<(String, Rc<Field>)> {
        if let Some((name, field)) = self.model.fields.iter().find(|(_, f)| f.primary_key) {
            return Some((name.clone(), field.clone()));
        }
        if let Some(auto) = self.implicit_key() {
            return Some((String::from("id"), auto));
        }
        // A child without a key of its own has its parent's, through the link.
        if let Some((name, field)) =
            self.model.fields.iter().find(|(_, f)| f.relation.as_ref().is_some_and(|r| r.parent_link))
        {
            return Some((name.clone(), field.clone()));
        }
        if let Some(base) = self.model.bases.iter().find_map(|b| self.state.get(b))
            && base.key() != self.model.key()
        {
            return self.of(base).primary_key();
        }
        self.model.fields.get("id").map(|f| (String::from("id"), f.clone()))
    }

    /// Where a foreign key of this model points.
    #[must_use]
    pub fn pointed(self, field: &Field) -> Option<Pointed> {
        let relation = field.relation.as_ref()?;
        let key = target_key(self.model, relation.to.as_ref()?);
        let mut model =
            if key == self.model.key() { Rc::new(self.model.clone()) } else { self.state.get(&key)?.clone() };
        // A proxy stands for the model it is a proxy of.
        for _ in 0..8 {
            if !model.options.proxy {
                break;
            }
            let base = model.bases.iter().find_map(|b| self.state.get(b)).cloned()?;
            model = base;
        }
        let view = View { state: self.state, model: &model, target: self.target };
        let (owner, name, field) = match &relation.to_field {
            Some(name) => view.field(name)?,
            None => {
                let (name, field) = view.primary_key()?;
                (model.clone(), name, field)
            }
        };
        Some(Pointed { model: owner, name, field })
    }

    /// What a field's column is made of.
    #[must_use]
    pub fn parameters(self, name: &str, field: &Field) -> Parameters {
        let column = field.column(name);
        Parameters {
            sql: self.column_type(field, 0),
            check: field.check(&column, self.target),
            collation: self.collation(field, 0),
        }
    }

    fn column_type(self, field: &Field, depth: usize) -> Option<String> {
        if field.own_type.is_some() || field.foreign_key().is_none() {
            return effective_type(field, self.target);
        }
        match self.pointed(field) {
            Some(pointed) if depth < 10 => self.of_pointed(&pointed, depth),
            // The model is unknown; its key is most likely what keys are here. The caller reports the gap.
            _ => key_field(&self.state.auto_field).rel_type(self.target),
        }
    }

    fn of_pointed(self, pointed: &Pointed, depth: usize) -> Option<String> {
        if pointed.field.own_rel_type.is_some() || pointed.field.foreign_key().is_none() {
            return pointed.field.rel_type(self.target);
        }
        View { state: self.state, model: &pointed.model, target: self.target }.column_type(&pointed.field, depth + 1)
    }

    fn collation(self, field: &Field, depth: usize) -> Option<String> {
        if field.foreign_key().is_none() {
            return field
                .db_collation
                .clone()
                .or_else(|| field.generated.as_ref().and_then(|g| g.output.db_collation.clone()));
        }
        let pointed = self.pointed(field).filter(|_| depth < 10)?;
        View { state: self.state, model: &pointed.model, target: self.target }.collation(&pointed.field, depth + 1)
    }

    /// The model of the table that a many-to-many field has, when Django makes it itself.
    #[must_use]
    pub fn through(self, name: &str, field: &Field) -> Option<ModelState> {
        let relation = field.relation.as_ref().filter(|r| r.kind == RelationKind::ManyToMany)?;
        if relation.through.is_some() {
            return None;
        }
        let to = relation.to.as_ref()?;
        let to_key = target_key(self.model, to);
        let own = self.model.lower();
        let other = to_key.rsplit('.').next().unwrap_or("").to_owned();
        let (from_name, to_name) =
            if other == own { (format!("from_{own}"), format!("to_{other}")) } else { (own, other) };
        let link = |to: &str| {
            let mut link = relation_field(to, relation.db_constraint);
            link.place = field.place.clone();
            Rc::new(link)
        };
        let mut fields = Fields::default();
        fields.insert(String::from("id"), Rc::new(key_field(&self.state.auto_field)));
        fields.insert(from_name.clone(), link(&self.model.key()));
        fields.insert(to_name.clone(), link(&to_key));
        let table =
            relation.db_table.clone().unwrap_or_else(|| naming::truncate(&format!("{}_{name}", self.model.table())));
        let managed = self.model.options.managed || self.state.get(&to_key).is_some_and(|m| m.options.managed);
        Some(ModelState {
            app: self.model.app.clone(),
            name: format!("{}_{name}", self.model.name),
            fields,
            options: Options {
                db_table: Some(table),
                managed,
                unique_together: vec![vec![from_name, to_name]],
                ..Options::default()
            },
            bases: Vec::new(),
            place: field.place.clone(),
        })
    }
}

fn bare(base: &'static str) -> Field {
    Field {
        class: format!("django.db.models.{base}"),
        path: format!("django.db.models.{base}"),
        base,
        internal_type: base.to_owned(),
        own_type: None,
        own_rel_type: None,
        unknown: None,
        null: false,
        blank: false,
        unique: false,
        primary_key: false,
        db_index: false,
        db_column: None,
        db_collation: None,
        db_comment: String::new(),
        max_length: None,
        digits: None,
        default: crate::field::DefaultValue::Absent,
        auto_now: false,
        db_default: None,
        generated: None,
        relation: None,
        signature: std::collections::BTreeMap::new(),
        place: SourceLocation::default(),
    }
}

/// The key of a class that `DEFAULT_AUTO_FIELD` names.
#[must_use]
pub fn key_field(class: &str) -> Field {
    let base = crate::field::auto_field(class).unwrap_or("AutoField");
    let mut field = bare(base);
    field.primary_key = true;
    field.signature.insert(String::from("primary_key"), String::from("True"));
    field
}

/// `_order` of `order_with_respect_to`.
#[must_use]
pub fn order_field() -> Field {
    let mut field = bare("OrderWrt");
    field.internal_type = String::from("IntegerField");
    field
}

/// The link of a child to its parent that Django adds.
#[must_use]
pub(super) fn parent_link(to: &str) -> Field {
    let mut field = relation_field(to, true);
    field.base = "OneToOneField";
    field.internal_type = String::from("OneToOneField");
    field.unique = true;
    field.primary_key = true;
    if let Some(relation) = &mut field.relation {
        relation.kind = RelationKind::OneToOne;
        relation.parent_link = true;
        relation.hidden = false;
    }
    field
}

/// A foreign key of a table that Django makes itself.
fn relation_field(to: &str, db_constraint: bool) -> Field {
    let mut field = bare("ForeignKey");
    field.db_index = true;
    field.relation = Some(Relation {
        kind: RelationKind::ForeignKey,
        to: Some(to.to_owned()),
        to_field: None,
        db_constraint,
        // Their accessors end in `+`.
        hidden: true,
        related_name: None,
        related_query_name: None,
        parent_link: false,
        on_delete: None,
        through: None,
        db_table: None,
        generic: None,
    });
    field.signature.insert(String::from("to"), to.to_owned());
    // `ForeignKey.deconstruct` (django/db/models/fields/related.py) writes it down when it is not the default.
    if !db_constraint {
        field.signature.insert(String::from("db_constraint"), String::from("False"));
    }
    field
}
