//! Fields that store the ids as plain integers. Their columns are widened, and Django keeps to the range of their class
//! until the models have another one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::model_edit::{self, Edit};
use super::options::Options;
use super::types::{Effect, File};
use crate::audit::Audit;
use crate::django::Version;
use crate::expected::{Expected, KnownMigration};
use crate::field::field_class;
use crate::finding::Confidence;

/// A field that gets a class with 64 bits.
pub(super) struct PlainField {
    app: String,
    model: String,
    attribute: String,
    table: String,
    column: String,
    /// The class that it gets, of `django.db.models`.
    class: &'static str,
    change: Change,
}

/// The change of the models' source.
enum Change {
    /// An edit of a file, by its path, and the arguments of the field.
    Code { path: String, edit: Edit, arguments: Vec<String> },
    /// None that can be made by itself: where the field is.
    ByHand { file: String, line: u32 },
}

/// The fields that store ids of the target and end before these do. A column that is only named like a reference is left
/// to a decision.
pub(super) fn find(audit: &Audit, options: &Options) -> Vec<PlainField> {
    let Some(code) = audit.expected.first() else { return Vec::new() };
    let unsigned = audit.target.wanted.print(crate::schema::Server::default()).contains("unsigned");
    // Django 3.1, django/db/models/fields/__init__.py
    let class = if unsigned && code.django >= Version(3, 1) { "PositiveBigIntegerField" } else { "BigIntegerField" };
    let sure = audit.narrow_fields().filter(|(column, ..)| column.confidence != Confidence::Possible);
    let fields = sure.filter_map(|(column, field, _)| {
        let (owner, attribute) = field.field.rsplit_once('.')?;
        let (app, model) = owner.rsplit_once('.')?;
        // A class of the project's own may do more than its base.
        let text = options.texts.get(&field.place.file).filter(|_| field_class(&field.class).is_some());
        let edit = text.and_then(|text| model_edit::plain_field(text, model, attribute, class));
        let change = match edit {
            Some((edit, arguments)) => Change::Code { path: field.place.file.clone(), edit, arguments },
            None => Change::ByHand { file: field.place.file.clone(), line: field.place.line },
        };
        Some(PlainField {
            app: app.to_owned(),
            model: model.to_owned(),
            attribute: attribute.to_owned(),
            table: column.table.clone(),
            column: column.column.clone(),
            class,
            change,
        })
    });
    fields.collect()
}

impl PlainField {
    /// The operation of a class, such as `migrations.AlterField`, that changes the field, at a depth of indentation;
    /// `None` where the models are changed by hand.
    fn operation(&self, class: &str, depth: usize) -> Option<String> {
        let Change::Code { arguments, .. } = &self.change else { return None };
        let margin = " ".repeat(depth);
        let call = format!("models.{}({})", self.class, arguments.join(", "));
        Some(format!(
            "{margin}{class}(\n{margin}    model_name=\"{}\", name=\"{}\", field={call}\n{margin}),\n",
            self.model.to_lowercase(),
            self.attribute
        ))
    }

    /// The change in words, where it is made by hand.
    pub(super) fn words(&self) -> Option<String> {
        let Change::ByHand { file, line } = &self.change else { return None };
        Some(format!(
            "{file}:{line}: change {}.{}.{} to a `models.{}`, or derive its class from that one, then run makemigrations and migrate \
             for {}",
            self.app, self.model, self.attribute, self.class, self.app
        ))
    }

    pub(super) fn effect(&self) -> Effect {
        Effect::ChangesField {
            field: format!("{}.{}.{}", self.app, self.model, self.attribute),
            table: self.table.clone(),
            column: self.column.clone(),
        }
    }
}

/// The operations for the fields of an app, of a class and at a depth of indentation.
pub(super) fn operations(fields: &[PlainField], app: &str, class: &str, depth: usize) -> String {
    let own = fields.iter().filter(|field| field.app.eq_ignore_ascii_case(app));
    own.filter_map(|field| field.operation(class, depth)).collect()
}

/// The edits of the models' sources, by file.
pub(super) fn edits(fields: &[PlainField]) -> BTreeMap<String, Vec<Edit>> {
    let mut edits: BTreeMap<String, Vec<Edit>> = BTreeMap::new();
    for field in fields {
        if let Change::Code { path, edit, .. } = &field.change {
            edits.entry(path.clone()).or_default().push(edit.clone());
        }
    }
    edits
}

/// A migration of another app than the target's.
pub(super) struct OtherApp {
    pub app: String,
    pub name: String,
    pub file: File,
}

/// The class of the operations in [`of_other_apps`]. Django's own would narrow the column when it is reverted.
const WIDEN_FIELD: &str = "class WidenField(migrations.AlterField):
    \"\"\"Leaves the column wide when the migration is reverted: larger ids would be lost.\"\"\"

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        pass
";

/// The migrations of the other apps. Each comes after the migration `after` of the target's app, which widens the
/// columns, so that its own `ALTER TABLE` finds the type in place.
pub(super) fn of_other_apps(code: &Expected, fields: &[PlainField], after: (&str, &str)) -> Vec<OtherApp> {
    let mut apps: Vec<&str> = fields.iter().map(|field| field.app.as_str()).collect();
    apps.sort_unstable();
    apps.dedup();
    let others = apps.into_iter().filter(|app| !app.eq_ignore_ascii_case(after.0));
    let migration = others.filter_map(|app| {
        let operations = operations(fields, app, "WidenField", 8);
        let (leaf, number) = leaf(code, app).filter(|_| !operations.is_empty())?;
        let name = format!("{number}widen_{}_ids", after.0);
        let folder = leaf.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut text = String::from(
            "# -*- coding: utf-8 -*-\nfrom __future__ import unicode_literals\n\nfrom django.db import migrations, \
             models\n\n\n",
        );
        let _ = write!(
            text,
            "{WIDEN_FIELD}\n\nclass Migration(migrations.Migration):\n    dependencies = [(\"{app}\", \"{}\"), (\"{}\", \"{}\")]\n\n    \
             operations = [\n{operations}    ]\n",
            leaf.node.1, after.0, after.1
        );
        let file = File { path: format!("django/{folder}/{name}.py"), text, executable: false };
        Some(OtherApp { app: leaf.node.0.clone(), name, file })
    });
    migration.collect()
}

/// The last migration of an app, and the number with which the next one begins: `0008_`, or nothing.
pub(super) fn leaf<'a>(code: &'a Expected, app: &str) -> Option<(&'a KnownMigration, String)> {
    let of_app = |migration: &&KnownMigration| migration.node.0.eq_ignore_ascii_case(app) && !migration.south;
    let own: Vec<&KnownMigration> = code.migrations.iter().filter(of_app).collect();
    let leaf = own
        .iter()
        .filter(|migration| {
            let depended = own.iter().any(|other| other.dependencies.contains(&migration.node));
            let replaced = own.iter().any(|other| other.replaces.contains(&migration.node));
            !depended && !replaced
        })
        .max_by(|a, b| a.node.1.cmp(&b.node.1))?;
    let numbers = own.iter().filter_map(|migration| migration.node.1.split('_').next()?.parse::<u32>().ok());
    Some((leaf, numbers.max().map_or_else(String::new, |last| format!("{:04}_", last + 1))))
}
