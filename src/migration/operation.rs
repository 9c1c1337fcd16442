//! Operations of migrations.

use std::rc::Rc;

use crate::field::{Field, SourceLocation, Target};
use crate::literal::{Interp, Object, Value};
use crate::model::{self, ConstraintDecl, Fields, IndexDecl, Options};

/// What Django's own operations do.
#[derive(Clone)]
pub enum Operation<'p> {
    /// `CreateModel`
    CreateModel {
        /// The class's name.
        name: String,
        /// Its fields.
        fields: Fields,
        /// Fields that could not be read: name and reason.
        problems: Vec<(String, String)>,
        /// Its options.
        options: Box<Options>,
        /// Models it inherits from.
        bases: Vec<String>,
    },
    /// `DeleteModel`
    DeleteModel(String),
    /// `RenameModel`
    RenameModel(String, String),
    /// `AlterModelTable`
    AlterModelTable(String, Option<String>),
    /// `AlterModelTableComment`
    AlterModelTableComment(String, String),
    /// `AlterUniqueTogether`, `AlterIndexTogether`: model, columns, whether unique.
    AlterTogether(String, Vec<Vec<String>>, bool),
    /// `AlterOrderWithRespectTo`
    AlterOrderWithRespectTo(String, Option<String>),
    /// `AlterModelOptions`: the options as they are given.
    AlterModelOptions(String, Value<'p>),
    /// `AddField`; the field, or why it could not be read; `preserve_default`.
    AddField(String, String, Result<Rc<Field>, String>, bool),
    /// `RemoveField`
    RemoveField(String, String),
    /// `AlterField`
    AlterField(String, String, Result<Rc<Field>, String>, bool),
    /// `RenameField`
    RenameField(String, String, String),
    /// `AddIndex`
    AddIndex(String, Rc<IndexDecl>),
    /// `RemoveIndex`
    RemoveIndex(String, String),
    /// `RenameIndex`: model, new name, old name, old fields.
    RenameIndex(String, String, Option<String>, Vec<String>),
    /// `AddConstraint`
    AddConstraint(String, Rc<ConstraintDecl>),
    /// `RemoveConstraint`
    RemoveConstraint(String, String),
    /// `SeparateDatabaseAndState`: for the database, for the state.
    Separate(Vec<Value<'p>>, Vec<Value<'p>>),
    /// `RunSQL`: the SQL and the operations on the state.
    RunSql(Value<'p>, Vec<Value<'p>>),
    /// `RunPython`: the function.
    RunPython(Value<'p>),
    /// Changes neither tables nor what of the state is kept here.
    Nothing,
    /// Not known, with the reason.
    Unknown(String),
}

/// The names of an operation's positional arguments; `None` when the class is none of Django's.
#[must_use]
pub fn positional(class: &str) -> Option<&'static [&'static str]> {
    let name = class.strip_prefix("django.db.migrations.")?.rsplit('.').next()?;
    Some(match name {
        "CreateModel" => &["name", "fields", "options", "bases", "managers"],
        "DeleteModel" => &["name"],
        "RenameModel" => &["old_name", "new_name"],
        "AlterModelTable" => &["name", "table"],
        "AlterModelTableComment" => &["name", "table_comment"],
        "AlterUniqueTogether" => &["name", "unique_together"],
        "AlterIndexTogether" => &["name", "index_together"],
        "AlterOrderWithRespectTo" => &["name", "order_with_respect_to"],
        "AlterModelOptions" => &["name", "options"],
        "AlterModelManagers" => &["name", "managers"],
        "AddField" | "AlterField" => &["model_name", "name", "field", "preserve_default"],
        "RemoveField" => &["model_name", "name"],
        "RenameField" => &["model_name", "old_name", "new_name"],
        "AddIndex" => &["model_name", "index"],
        "RemoveIndex" | "RemoveConstraint" => &["model_name", "name"],
        "RenameIndex" => &["model_name", "new_name", "old_name", "old_fields"],
        "AddConstraint" => &["model_name", "constraint"],
        "AlterConstraint" => &["model_name", "name", "constraint"],
        "SeparateDatabaseAndState" => &["database_operations", "state_operations"],
        "RunSQL" => &["sql", "reverse_sql", "state_operations", "hints", "elidable"],
        "RunPython" => &["code", "reverse_code", "atomic", "hints", "elidable"],
        "Operation" => &[],
        _ => return None,
    })
}

impl<'p> Operation<'p> {
    /// Reads an operation of one of Django's classes, or of a class that derives from one.
    pub fn read(interp: &mut Interp<'p>, object: &Rc<Object<'p>>, target: Target) -> Self {
        let Some((class, names)) =
            object.externals().into_iter().find_map(|e| positional(&e).map(|names| (e.clone(), names)))
        else {
            let class = object.class.repr();
            // PostgreSQL's operations do nothing on MySQL.
            if class.starts_with("django.contrib.postgres.operations") {
                return Self::Nothing;
            }
            return Self::Unknown(format!("the operation {class} is not at hand"));
        };
        let get = |name: &str| -> Option<Value<'p>> {
            if let Some(value) = object.attrs.borrow().get(name) {
                return Some(value.clone());
            }
            let position = names.iter().position(|n| *n == name)?;
            object.arg(position, name)
        };
        let text = |name: &str| get(name).and_then(|v| v.as_str()).map(|s| s.to_string());
        let Some(kind) = class.rsplit('.').next() else { return Self::Nothing };
        let missing = |name: &str| Self::Unknown(format!("the argument {name} of {kind} is not known"));
        let list = |name: &str| get(name).and_then(|v| v.items()).unwrap_or_default();
        match kind {
            "CreateModel" => {
                let Some(name) = text("name") else { return missing("name") };
                let (fields, problems) = match get("fields") {
                    Some(value) if value.items().is_some() => model::fields(interp, &value, target),
                    _ => return missing("fields"),
                };
                let mut options = Options::default();
                if let Some(Value::Dict(dict)) = get("options") {
                    let dict = dict.borrow();
                    model::options_from(&mut options, &|name| dict.get_str(name).cloned(), &|| {
                        (String::new(), name.clone())
                    });
                }
                let bases = list("bases").iter().filter_map(Value::as_str).map(|s| s.to_lowercase()).collect();
                Self::CreateModel { name, fields, problems, options: Box::new(options), bases }
            }
            "DeleteModel" => text("name").map_or_else(|| missing("name"), Self::DeleteModel),
            "RenameModel" => match (text("old_name"), text("new_name")) {
                (Some(old), Some(new)) => Self::RenameModel(old, new),
                _ => missing("old_name"),
            },
            "AlterModelTable" => match text("name") {
                Some(name) => Self::AlterModelTable(name, text("table")),
                None => missing("name"),
            },
            "AlterModelTableComment" => match text("name") {
                Some(name) => Self::AlterModelTableComment(name, text("table_comment").unwrap_or_default()),
                None => missing("name"),
            },
            "AlterUniqueTogether" | "AlterIndexTogether" => {
                let unique = kind == "AlterUniqueTogether";
                let option = if unique { "unique_together" } else { "index_together" };
                match (text("name"), get(option)) {
                    (_, Some(Value::Unknown(reason))) => Self::Unknown(format!("{option} is not known: {reason}")),
                    (Some(name), value) => {
                        Self::AlterTogether(name, value.map(|v| model::string_lists(&v)).unwrap_or_default(), unique)
                    }
                    _ => missing("name"),
                }
            }
            "AlterOrderWithRespectTo" => match text("name") {
                Some(name) => Self::AlterOrderWithRespectTo(name, text("order_with_respect_to")),
                None => missing("name"),
            },
            "AlterModelOptions" => match (text("name"), get("options")) {
                (Some(name), Some(options)) => Self::AlterModelOptions(name, options),
                _ => missing("options"),
            },
            "AddField" | "AlterField" => {
                let (Some(model), Some(name), Some(field)) = (text("model_name"), text("name"), get("field")) else {
                    return missing("field");
                };
                let field = Field::read(interp, &field, target).map(Rc::new);
                let preserve = get("preserve_default").and_then(|v| v.truth()).unwrap_or(true);
                if kind == "AddField" {
                    Self::AddField(model, name, field, preserve)
                } else {
                    Self::AlterField(model, name, field, preserve)
                }
            }
            "RemoveField" => match (text("model_name"), text("name")) {
                (Some(model), Some(name)) => Self::RemoveField(model, name),
                _ => missing("name"),
            },
            "RenameField" => match (text("model_name"), text("old_name"), text("new_name")) {
                (Some(model), Some(old), Some(new)) => Self::RenameField(model, old, new),
                _ => missing("new_name"),
            },
            "AddIndex" => match (text("model_name"), get("index").and_then(|v| model::index(&v))) {
                (Some(model), Some(index)) => Self::AddIndex(model, Rc::new(index)),
                _ => missing("index"),
            },
            "RemoveIndex" => match (text("model_name"), text("name")) {
                (Some(model), Some(name)) => Self::RemoveIndex(model, name),
                _ => missing("name"),
            },
            "RenameIndex" => match (text("model_name"), text("new_name")) {
                (Some(model), Some(new)) => {
                    let fields = get("old_fields").map(|v| model::strings(&v)).unwrap_or_default();
                    Self::RenameIndex(model, new, text("old_name"), fields)
                }
                _ => missing("new_name"),
            },
            "AddConstraint" => match (text("model_name"), get("constraint").and_then(|v| model::constraint(&v))) {
                (Some(model), Some(constraint)) => Self::AddConstraint(model, Rc::new(constraint)),
                _ => missing("constraint"),
            },
            "RemoveConstraint" => match (text("model_name"), text("name")) {
                (Some(model), Some(name)) => Self::RemoveConstraint(model, name),
                _ => missing("name"),
            },
            "SeparateDatabaseAndState" => Self::Separate(list("database_operations"), list("state_operations")),
            "RunSQL" => match get("sql") {
                Some(sql) => Self::RunSql(sql, list("state_operations")),
                None => missing("sql"),
            },
            "RunPython" => get("code").map_or_else(|| missing("code"), Self::RunPython),
            _ => Self::Nothing,
        }
    }
}

/// Where an object was made.
#[must_use]
pub fn place(object: &Object<'_>) -> SourceLocation {
    SourceLocation { file: object.site.module.path.clone(), line: object.site.line() }
}
