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

/// An operation's arguments by name.
struct Arguments<'a, 'p> {
    /// The operation.
    object: &'a Rc<Object<'p>>,
    /// The name of its class, such as `AddField`.
    class: &'a str,
    /// The names of its positional arguments.
    names: &'static [&'static str],
}

impl<'p> Arguments<'_, 'p> {
    /// The value of an argument: what the class's own `__init__` kept of it comes first.
    fn get(&self, name: &str) -> Option<Value<'p>> {
        if let Some(value) = self.object.attrs.borrow().get(name) {
            return Some(value.clone());
        }
        let position = self.names.iter().position(|n| *n == name)?;
        self.object.arg(position, name)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(|v| v.as_str()).map(|s| s.to_string())
    }

    fn list(&self, name: &str) -> Vec<Value<'p>> {
        self.get(name).and_then(|v| v.items()).unwrap_or_default()
    }

    /// An argument without which the effect of the operation is unknown.
    fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, String> {
        value.ok_or_else(|| format!("the argument {name} of {} is unknown", self.class))
    }

    fn required_text(&self, name: &str) -> Result<String, String> {
        self.required(name, self.text(name))
    }
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
            return Self::Unknown(format!("the operation {class} was not found"));
        };
        let Some(class) = class.rsplit('.').next() else { return Self::Nothing };
        let arguments = Arguments { object, class, names };
        let read = match class {
            "CreateModel" => create_model(interp, &arguments, target),
            "AddField" | "AlterField" => add_or_alter_field(interp, &arguments, target),
            "RemoveField" | "RenameField" => remove_or_rename_field(&arguments),
            "AddIndex" | "RemoveIndex" | "RenameIndex" | "AddConstraint" | "RemoveConstraint" => {
                index_or_constraint(&arguments)
            }
            "SeparateDatabaseAndState" | "RunSQL" | "RunPython" => special(&arguments),
            _ => change_of_model(&arguments),
        };
        read.unwrap_or_else(Self::Unknown)
    }
}

/// An operation, or why its effect is unknown.
type Read<'p> = Result<Operation<'p>, String>;

fn create_model<'p>(interp: &mut Interp<'p>, arguments: &Arguments<'_, 'p>, target: Target) -> Read<'p> {
    let name = arguments.required_text("name")?;
    let fields = arguments.required("fields", arguments.get("fields").filter(|value| value.items().is_some()))?;
    let (fields, problems) = model::fields(interp, &fields, target);
    let mut options = Options::default();
    if let Some(Value::Dict(dict)) = arguments.get("options") {
        let dict = dict.borrow();
        model::options_from(&mut options, &|name| dict.get_str(name).cloned(), &|| (String::new(), name.clone()));
    }
    let bases = arguments.list("bases").iter().filter_map(Value::as_str).map(|s| s.to_lowercase()).collect();
    Ok(Operation::CreateModel { name, fields, problems, options: Box::new(options), bases })
}

/// The operations on a whole model but `CreateModel`. Those that are not listed change no table.
fn change_of_model<'p>(arguments: &Arguments<'_, 'p>) -> Read<'p> {
    let name = || arguments.required_text("name");
    Ok(match arguments.class {
        "DeleteModel" => Operation::DeleteModel(name()?),
        "RenameModel" => {
            Operation::RenameModel(arguments.required_text("old_name")?, arguments.required_text("new_name")?)
        }
        "AlterModelTable" => Operation::AlterModelTable(name()?, arguments.text("table")),
        "AlterModelTableComment" => {
            Operation::AlterModelTableComment(name()?, arguments.text("table_comment").unwrap_or_default())
        }
        "AlterUniqueTogether" | "AlterIndexTogether" => {
            let unique = arguments.class == "AlterUniqueTogether";
            let option = if unique { "unique_together" } else { "index_together" };
            let value = arguments.get(option);
            if let Some(Value::Unknown(reason)) = &value {
                return Err(format!("{option} is unknown: {reason}"));
            }
            let together = value.map(|v| model::string_lists(&v)).unwrap_or_default();
            Operation::AlterTogether(name()?, together, unique)
        }
        "AlterOrderWithRespectTo" => {
            Operation::AlterOrderWithRespectTo(name()?, arguments.text("order_with_respect_to"))
        }
        "AlterModelOptions" => {
            Operation::AlterModelOptions(name()?, arguments.required("options", arguments.get("options"))?)
        }
        _ => Operation::Nothing,
    })
}

fn add_or_alter_field<'p>(interp: &mut Interp<'p>, arguments: &Arguments<'_, 'p>, target: Target) -> Read<'p> {
    let (model, name) = (arguments.required_text("model_name")?, arguments.required_text("name")?);
    let field = arguments.required("field", arguments.get("field"))?;
    let field = Field::read(interp, &field, target).map(Rc::new);
    let preserve = arguments.get("preserve_default").and_then(|v| v.truth()).unwrap_or(true);
    Ok(if arguments.class == "AddField" {
        Operation::AddField(model, name, field, preserve)
    } else {
        Operation::AlterField(model, name, field, preserve)
    })
}

fn remove_or_rename_field<'p>(arguments: &Arguments<'_, 'p>) -> Read<'p> {
    let model = arguments.required_text("model_name")?;
    Ok(if arguments.class == "RemoveField" {
        Operation::RemoveField(model, arguments.required_text("name")?)
    } else {
        Operation::RenameField(model, arguments.required_text("old_name")?, arguments.required_text("new_name")?)
    })
}

fn index_or_constraint<'p>(arguments: &Arguments<'_, 'p>) -> Read<'p> {
    let model = arguments.required_text("model_name")?;
    let name = || arguments.required_text("name");
    Ok(match arguments.class {
        "AddIndex" => {
            let index = arguments.get("index").and_then(|v| model::index(&v));
            Operation::AddIndex(model, Rc::new(arguments.required("index", index)?))
        }
        "RemoveIndex" => Operation::RemoveIndex(model, name()?),
        "RenameIndex" => {
            let fields = arguments.get("old_fields").map(|v| model::strings(&v)).unwrap_or_default();
            Operation::RenameIndex(model, arguments.required_text("new_name")?, arguments.text("old_name"), fields)
        }
        "AddConstraint" => {
            let constraint = arguments.get("constraint").and_then(|v| model::constraint(&v));
            Operation::AddConstraint(model, Rc::new(arguments.required("constraint", constraint)?))
        }
        _ => Operation::RemoveConstraint(model, name()?),
    })
}

fn special<'p>(arguments: &Arguments<'_, 'p>) -> Read<'p> {
    let required = |name: &str| arguments.required(name, arguments.get(name));
    Ok(match arguments.class {
        "SeparateDatabaseAndState" => {
            Operation::Separate(arguments.list("database_operations"), arguments.list("state_operations"))
        }
        "RunSQL" => Operation::RunSql(required("sql")?, arguments.list("state_operations")),
        _ => Operation::RunPython(required("code")?),
    })
}

/// Where an object was made.
#[must_use]
pub fn place(object: &Object<'_>) -> SourceLocation {
    SourceLocation { file: object.site.module.path.clone(), line: object.site.line() }
}
