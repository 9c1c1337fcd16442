//! Where the tables are not what the state of the migrations says, and what the state says that tables do not.

use std::rc::Rc;

use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::field::{Target, largest_integer};
use crate::model::{ModelState, ProjectState, View};
use crate::schema::{ColumnType, Database};

/// A column that stores ids without a constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftReference {
    /// The alias of the column's table.
    pub alias: String,
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The table it points to.
    pub referenced_table: String,
    /// The column it points to.
    pub referenced_column: String,
    /// The model and field, as `app.Model.field`.
    pub field: String,
}

/// A difference between the state of the migrations and the tables they make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The alias.
    pub alias: String,
    /// The table.
    pub table: String,
    /// The column; `None` when the whole table is meant.
    pub column: Option<String>,
    /// What the state says.
    pub state: String,
    /// What the database holds.
    pub database: String,
}

/// A field whose Python side takes a narrower integer than its column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegerRange {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The field's class.
    pub class: String,
    /// `get_internal_type()`
    pub internal_type: String,
    /// The largest value the Python side takes.
    pub python_max: i128,
    /// The column's type.
    pub column_type: String,
    /// The largest value of the column.
    pub column_max: i128,
    /// Where the field is said.
    pub file: String,
    /// The line.
    pub line: u32,
}

/// A model by the state of the migrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateModel {
    /// `app_label.Model`
    pub label: String,
    /// Its table.
    pub table: String,
    /// The column of its primary key.
    pub key: String,
    /// The tables that its many-to-many fields have, by field.
    pub through: Vec<(String, String)>,
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    pub soft: Vec<SoftReference>,
    pub differences: Vec<Difference>,
    pub ranges: Vec<IntegerRange>,
    pub owners: FxHashMap<String, String>,
    pub models: FxHashMap<String, StateModel>,
}

pub(super) fn find(
    state: &ProjectState,
    also: &[Rc<ModelState>],
    databases: &IndexMap<String, Database, FxBuildHasher>,
    target: Target,
    aliases: &[String],
) -> Found {
    let mut found = Found::default();
    for model in state.models().chain(also) {
        let view = View { state, model, target };
        if model.options.proxy || state.is_swapped(model) {
            continue;
        }
        let key = view.primary_key().map_or_else(|| String::from("id"), |(name, field)| field.column(&name));
        let label = format!("{}.{}", model.app, model.name);
        table(view, databases, aliases, &mut found);
        let mut links = Vec::new();
        for (name, field) in &model.fields {
            if let Some(through) = view.through(name, field) {
                table(view.of(&through), databases, aliases, &mut found);
                links.push((name.clone(), through.table()));
            }
        }
        let known = StateModel { label: label.clone(), table: model.table(), key, through: links };
        found.models.insert(label.to_lowercase(), known);
    }
    found.soft.sort_by(|a, b| (&a.alias, &a.table, &a.column).cmp(&(&b.alias, &b.table, &b.column)));
    found.differences.sort_by(|a, b| (&a.alias, &a.table, &a.column).cmp(&(&b.alias, &b.table, &b.column)));
    found.ranges.sort_by(|a, b| (&a.table, &a.column).cmp(&(&b.table, &b.column)));
    found.ranges.dedup();
    found
}

fn table(view: View<'_>, databases: &IndexMap<String, Database, FxBuildHasher>, aliases: &[String], found: &mut Found) {
    let name = view.model.table();
    found.owners.insert(name.clone(), view.model.app.clone());
    let holders: Vec<&String> =
        aliases.iter().filter(|a| databases.get(*a).is_some_and(|d| d.tables.contains_key(&name))).collect();
    if holders.is_empty() && view.model.options.managed {
        let there = databases.values().any(|d| d.views.contains(&name));
        if !there && view.local_fields().iter().any(|(n, f)| view.parameters(n, f).sql.is_some()) {
            found.differences.push(Difference {
                alias: aliases.first().cloned().unwrap_or_default(),
                table: name.clone(),
                column: None,
                state: format!("the model {}.{}", view.model.app, view.model.name),
                database: String::from("no table"),
            });
        }
        return;
    }
    for alias in holders {
        if let Some(database) = databases.get(alias) {
            columns(view, alias, &name, database, found);
        }
    }
}

fn columns(view: View<'_>, alias: &str, name: &str, database: &Database, found: &mut Found) {
    let Some(table) = database.table(name) else { return };
    let server = view.target.server;
    let mut known = Vec::new();
    for (field_name, field) in view.local_fields() {
        let parameters = view.parameters(&field_name, &field);
        let Some(sql) = parameters.sql else { continue };
        let column_name = field.column(&field_name);
        known.push(column_name.to_lowercase());
        let expected = ColumnType::parse(&sql);
        let mut differ = |state: String, database: String| {
            if view.model.options.managed {
                found.differences.push(Difference {
                    alias: alias.to_owned(),
                    table: name.to_owned(),
                    column: Some(column_name.clone()),
                    state,
                    database,
                });
            }
        };
        match table.column(&column_name) {
            None => differ(expected.print(server), String::from("no column")),
            Some(column) => {
                let (state, held) = (expected.print(server), column.column_type.print(server));
                if state != held {
                    differ(state, held);
                } else if field.null != column.nullable && !field.primary_key && field.generated.is_none() {
                    let word = |null: bool| if null { "NULL" } else { "NOT NULL" };
                    differ(word(field.null).to_owned(), word(column.nullable).to_owned());
                }
                range(name, &column_name, &field, &column.column_type, view, found);
            }
        }
        if field.foreign_key().is_some() {
            let hard = table
                .foreign_keys
                .iter()
                .any(|k| matches!(k.columns.as_slice(), [only] if only.eq_ignore_ascii_case(&column_name)));
            if let (false, Some(pointed)) = (hard, view.pointed(&field)) {
                found.soft.push(SoftReference {
                    alias: alias.to_owned(),
                    table: name.to_owned(),
                    column: column_name.clone(),
                    referenced_table: pointed.model.table(),
                    referenced_column: pointed.field.column(&pointed.name),
                    field: format!("{}.{}.{field_name}", view.model.app, view.model.name),
                });
            }
        }
    }
    for column in &table.columns {
        if view.model.options.managed && !known.contains(&column.name.to_lowercase()) {
            found.differences.push(Difference {
                alias: alias.to_owned(),
                table: name.to_owned(),
                column: Some(column.name.clone()),
                state: String::from("no field"),
                database: column.column_type.print(server),
            });
        }
    }
}

fn range(table: &str, column: &str, field: &crate::field::Field, held: &ColumnType, view: View<'_>, found: &mut Found) {
    let Some((_, column_max)) = held.integer_range() else { return };
    let Some(python_max) = largest_integer(&field.internal_type) else { return };
    let boolean = matches!(held, ColumnType::Integer { bytes: 1, .. });
    if column_max > python_max && !boolean {
        found.ranges.push(IntegerRange {
            table: table.to_owned(),
            column: column.to_owned(),
            class: field.class.clone(),
            internal_type: field.internal_type.clone(),
            python_max,
            column_type: held.print(view.target.server),
            column_max,
            file: field.place.file.clone(),
            line: field.place.line,
        });
    }
}
