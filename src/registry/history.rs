//! Models that django-simple-history makes beside a model: copies of its rows, key included.
//!
//! Source: django-simple-history 3.5, `simple_history/models.py` (`HistoricalRecords.__init__`, `create_history_model`,
//! `get_history_model_name`, `finalize`).

use std::rc::Rc;

use super::facts::{FieldFacts, ModelFacts, RelatedModel, RelationFacts};
use crate::field::RelationKind;
use crate::literal::{Class, Object, Value};
use crate::source::FileId;

/// The class whose instances make a model of history.
const RECORDS: &str = "HistoricalRecords";

/// The model that records the history of `model`, when its class or a parent asks for one.
pub(super) fn of(class: &Rc<Class<'_>>, model: &ModelFacts, file: FileId) -> Option<ModelFacts> {
    if model.is_abstract || model.is_proxy {
        return None;
    }
    let own = class.attrs.borrow().iter().find_map(|(name, value)| records(name, value));
    let (accessor, records) = own.or_else(|| inherited(class))?;
    let text = |name: &str| argument(&records, name).and_then(|value| value.as_str()).map(|text| text.to_string());
    let name = text("custom_model_name").unwrap_or_else(|| format!("Historical{}", model.name));
    let key = model.fields.iter().find(|field| field.is_key);
    let key = key
        .map_or_else(|| (String::from("id"), Some(String::from("id"))), |key| (key.name.clone(), key.column.clone()));
    let copy = RelationFacts {
        kind: RelationKind::ForeignKey,
        to: RelatedModel::Class(file, model.name.clone()),
        through: None,
        related_name: Some(accessor),
        related_query_name: None,
        parent_link: false,
    };
    Some(ModelFacts {
        held_by: vec![name.clone()],
        name,
        // The place is one of the model's own file.
        span: if std::ptr::eq(records.site.module, class.module) { records.site.span } else { class.site.span },
        by_statement: false,
        app_label: text("app").or_else(|| model.app_label.clone()),
        db_table: text("table_name"),
        is_abstract: false,
        is_proxy: false,
        parents: Vec::new(),
        fields: vec![FieldFacts { name: key.0, column: key.1, is_key: false, relation: Some(copy) }],
    })
}

/// The records of a parent that asked for them in its children, too.
fn inherited<'p>(class: &Rc<Class<'p>>) -> Option<(String, Rc<Object<'p>>)> {
    class.mro().into_iter().skip(1).find_map(|parent| {
        let Value::Class(parent) = parent else { return None };
        let found = parent.attrs.borrow().iter().find_map(|(name, value)| records(name, value))?;
        argument(&found.1, "inherit").and_then(|value| value.truth()).unwrap_or(false).then_some(found)
    })
}

/// An attribute that holds records of history: its name and the object.
fn records<'p>(name: &str, value: &Value<'p>) -> Option<(String, Rc<Object<'p>>)> {
    let Value::Object(object) = value else { return None };
    let is_records = match &object.class {
        Value::External(dotted) => is_of_package(dotted),
        Value::Class(class) => class.mro().iter().any(|class| match class {
            Value::External(dotted) => is_of_package(dotted),
            Value::Class(class) => &*class.name == RECORDS && class.module.dotted == "simple_history.models",
            _ => false,
        }),
        _ => false,
    };
    is_records.then(|| (name.to_owned(), Rc::clone(object)))
}

fn is_of_package(dotted: &str) -> bool {
    dotted.starts_with("simple_history.") && dotted.ends_with(RECORDS)
}

/// An argument of the constructor: as it was given, or as the constructor kept it.
fn argument<'p>(records: &Object<'p>, name: &str) -> Option<Value<'p>> {
    records.kwarg(name).or_else(|| records.attrs.borrow().get(name).cloned())
}
