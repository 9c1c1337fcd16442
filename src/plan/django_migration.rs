//! The Django side: a migration that brings state and ledger to where the databases are, and makes the change by itself
//! where nobody made it; the field's class with the right range; the edit of the model.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::model_edit::{self, Edit};
use super::options::{Commands, Options};
use super::plain_fields::{self, OtherApp, PlainField};
use super::shell::Word;
use super::types::{Effect, File, Language, Plan, Probe, Rollback, Step, StepKind};
use crate::audit::{Audit, Role};
use crate::live::facts::integer_limit;

/// The functions of the migration, which do not depend on names. They run on Python 2.7 and 3.
const FUNCTIONS: &str = include_str!("widen.py.txt");

/// The module of the field's class, beside the app's models.
const MODULE: &str = "big_key";
const CLASS: &str = "UnsignedBigAutoField";

/// The migration, and what belongs to it.
pub(super) struct Migration {
    app: String,
    name: String,
    /// Where the migration goes, in the plan's folder.
    path: String,
    text: String,
    /// The class of the field, with its path; none when Django has one.
    field: Option<(String, String)>,
    /// The edit of the models as a unified diff, as far as it can be made by itself.
    patch: Option<String>,
    /// The edit of the key that is made by hand, before the rest.
    words: Option<String>,
    /// The fields that store the ids as plain integers.
    fields: Vec<PlainField>,
    /// The migrations of other apps with such fields.
    others: Vec<OtherApp>,
    /// The name of the migration before.
    before: String,
    /// How the project runs Django's commands.
    commands: Commands,
}

impl Migration {
    /// What the code lacks; `None` when it lacks nothing, or is not known.
    pub(super) fn find(audit: &Audit, options: &Options) -> Option<Self> {
        let code = audit.expected.first()?;
        let (label, _) = audit.target.label.split_once('.')?;
        let app = code.apps.iter().find(|app| app.label.eq_ignore_ascii_case(label))?;
        let (leaf, number) = plain_fields::leaf(code, &app.label)?;
        let highest = audit.target.highest_id();
        let server = crate::schema::Server::default();
        let is_wide = |column: &crate::audit::IdColumn| {
            let printed = column.migrations.as_ref().map(|held| held.print(server));
            printed.is_none_or(|held| integer_limit(&held).is_none_or(|limit| limit >= highest))
        };
        let by_code = || audit.columns.iter().filter(|column| column.migrations.is_some());
        let key_wide = by_code().filter(|column| column.role == Role::Key).all(is_wide);
        let range = code.integer_ranges.iter().find(|range| {
            range.table.eq_ignore_ascii_case(&audit.target.table)
                && range.column.eq_ignore_ascii_case(&audit.target.key)
                && range.python_max < highest
        });
        let fields = plain_fields::find(audit, options);
        if by_code().all(is_wide) && range.is_none() && fields.is_empty() {
            return None;
        }

        let name = format!("{number}widen_{}_key", audit.target.label.rsplit('.').next()?.to_lowercase());
        let folder = leaf.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        let module_path = app.module.replace('.', "/");
        // The app's folder is the one above its migrations, unless the settings moved them elsewhere.
        let app_folder = match folder.rsplit_once('/') {
            Some((above, _)) if above.ends_with(&module_path) => above.to_owned(),
            _ => module_path,
        };
        let wanted = audit.target.wanted.print(server);
        let unsigned = wanted.contains("unsigned");
        let field_name = if unsigned { CLASS.to_owned() } else { String::from("models.BigAutoField") };
        let existing = options.model.as_ref().and_then(|source| model_edit::existing_key(source, &audit.target.key));
        let attribute = existing.as_ref().map_or_else(|| attribute(audit), |key| key.name.clone());
        let arguments = existing.map_or_else(|| String::from("primary_key=True"), |key| key.arguments.join(", "));
        let others: Vec<(String, String)> = audit
            .columns
            .iter()
            .filter(|column| column.role != Role::Key && (column.migrations.is_some() || column.field.is_some()))
            .map(|column| (column.table.clone(), column.column.clone()))
            .collect();
        let line = unsigned.then(|| format!("from {}.{MODULE} import {CLASS}", app.module));
        let text = Text {
            label: &audit.target.label,
            key: (&audit.target.table, &audit.target.key),
            attribute: &attribute,
            others: &others,
            wanted: &wanted,
            field: &field_name,
            arguments: &arguments,
            import: line.as_deref(),
            before: (&app.label, &leaf.node.1),
            state_is_wide: key_wide,
            fields: &plain_fields::operations(&fields, &app.label, "migrations.AlterField", 16),
        }
        .print();
        let mut words = None;
        let mut edits = plain_fields::edits(&fields);
        if key_wide {
            words = range.map(|range| format!(
                "{}:{}: Django treats `{}` as an `{}` with the maximum {}, but its column has the maximum {}: derive the class from \
                 `models.BigAutoField`, or return \"BigAutoField\" from its `get_internal_type`. The path of the class does \
                 not change, so no migration is needed.",
                range.file, range.line, range.class, range.internal_type, range.python_max, range.column_max
            ));
        } else {
            let field = model_edit::Field { name: &attribute, class: &field_name, import: line.as_deref() };
            let source = options.model.as_ref();
            match source.and_then(|source| Some((source, model_edit::key_edits(source, &field)?))) {
                Some((source, of_key)) => edits.entry(source.path.clone()).or_default().extend(of_key),
                None => words = Some(key_in_words(audit, &attribute, &field_name, line.as_deref())),
            }
        }
        let field = (unsigned && !key_wide).then(|| (format!("django/{app_folder}/{MODULE}.py"), field_class()));
        Some(Self {
            app: app.label.clone(),
            path: format!("django/{folder}/{name}.py"),
            text,
            field,
            patch: patch(edits, options),
            words,
            others: plain_fields::of_other_apps(code, &fields, (&app.label, &name)),
            fields,
            name,
            before: leaf.node.1.clone(),
            commands: options.commands.clone(),
        })
    }

    /// The files, for the plan's folder.
    pub(super) fn files(&self) -> Vec<File> {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned(), executable: false };
        let mut files = vec![file(&self.path, &self.text)];
        files.extend(self.field.iter().map(|(path, text)| file(path, text)));
        files.extend(self.others.iter().map(|other| other.file.clone()));
        files.extend(self.patch.iter().map(|patch| file("django/model.patch", patch)));
        files
    }

    /// The step that ends the plan.
    pub(super) fn step(&self, audit: &Audit, plan: &Plan) -> Step {
        let targets = plan
            .steps
            .iter()
            .filter(|step| step.effects.iter().any(|effect| matches!(effect, Effect::ChangesType { key: true, .. })));
        let mut run = String::from("cp -R django/. \"$PROJECT\"");
        if self.patch.is_some() {
            run.push_str(" && rm \"$PROJECT\"/model.patch && patch -d \"$PROJECT\" -p1 < django/model.patch");
        }
        let aliases = self.aliases(audit);
        let command = |words: &[&str]| {
            let Commands { prefix, suffix } = &self.commands;
            let words =
                prefix.iter().map(String::as_str).chain(words.iter().copied()).chain(suffix.iter().map(String::as_str));
            format!("(cd \"$PROJECT\" && {})", words.map(word).collect::<Vec<_>>().join(" "))
        };
        for alias in &aliases {
            for (app, name) in self.migrations() {
                let _ = write!(run, "\n{}", command(&["migrate", &format!("--database={alias}"), app, name]));
            }
        }
        let _ = write!(run, "\n{}", command(&["makemigrations", "--check", "--dry-run"]));
        let mut title = format!("Apply the Django migration {}.{}", self.app, self.name);
        if let Some(words) = &self.words {
            let _ = write!(title, "; first edit the model: {words}");
        }
        // Their migrations follow those of the plan: made before, both would have the same predecessor.
        let by_hand: Vec<String> = self.fields.iter().filter_map(PlainField::words).collect();
        if !by_hand.is_empty() {
            let _ = write!(title, "; afterwards change these fields by hand: {}", by_hand.join("; "));
        }
        Step {
            id: String::from("code-01"),
            kind: StepKind::DjangoMigration,
            phase: None,
            title,
            environment: None,
            server: None,
            database: None,
            table: Some(audit.target.table.clone()),
            script: None,
            run,
            language: Language::Shell,
            preconditions: Vec::new(),
            verify: vec![Probe {
                what: String::from("the migration is recorded in django_migrations of each database"),
                query: format!(
                    "SELECT COUNT(*) FROM django_migrations WHERE app = {} AND name = {}",
                    super::sql::text(&self.app),
                    super::sql::text(&self.name)
                ),
                expected: String::from("1"),
            }],
            rollback: Rollback {
                run: Some(command(&["migrate", &self.app, &self.before])),
                language: Language::Shell,
                what: String::from("restores the state and django_migrations; the columns stay wide"),
                until: None,
                point_of_no_return: false,
            },
            estimate: None,
            after: targets.map(|step| step.id.clone()).collect(),
            blocked_by: Vec::new(),
            effects: self.effects(audit, &aliases),
        }
    }

    /// The migrations, by app and name, in their order.
    fn migrations(&self) -> impl Iterator<Item = (&str, &str)> {
        let others = self.others.iter().map(|other| (other.app.as_str(), other.name.as_str()));
        std::iter::once((self.app.as_str(), self.name.as_str())).chain(others)
    }

    /// The migrations in `django_migrations` of every database that they are run on, and the fields.
    fn effects(&self, audit: &Audit, aliases: &[String]) -> Vec<Effect> {
        let pairs =
            audit.pairs().filter(|pair| pair.mapping.alias.as_ref().is_some_and(|alias| aliases.contains(alias)));
        let records = pairs.flat_map(|pair| {
            self.migrations().map(move |(app, name)| Effect::RecordsMigration {
                environment: pair.environment_name().to_owned(),
                database: pair.database.name.clone(),
                app: app.to_owned(),
                name: name.to_owned(),
            })
        });
        records.chain(self.fields.iter().map(PlainField::effect)).collect()
    }

    /// The aliases that hold one of the columns.
    fn aliases(&self, audit: &Audit) -> Vec<String> {
        let mut aliases: Vec<String> = audit.columns.iter().filter_map(|column| column.alias.clone()).collect();
        aliases.sort();
        aliases.dedup();
        aliases
    }
}

/// The attribute of the model that is its key. A key whose column has another name has the name of the field.
fn attribute(audit: &Audit) -> String {
    let key = audit.columns.iter().find(|column| column.role == Role::Key);
    let field = key.and_then(|column| column.field.as_deref()).and_then(|field| field.rsplit('.').next());
    field.unwrap_or(&audit.target.key).to_owned()
}

/// The unified diff of the edits of the models, by file.
fn patch(edits: BTreeMap<String, Vec<Edit>>, options: &Options) -> Option<String> {
    let text_of = |path: &str| {
        let model = options.model.as_ref().filter(|source| source.path == path).map(|source| &source.text);
        model.or_else(|| options.texts.get(path))
    };
    let diffs = edits.into_iter().filter_map(|(path, edits)| Some(model_edit::diff(&path, text_of(&path)?, edits)));
    let patch: String = diffs.collect();
    (!patch.is_empty()).then_some(patch)
}

fn key_in_words(audit: &Audit, attribute: &str, field: &str, import: Option<&str>) -> String {
    format!(
        "in the class of {}: `{attribute} = {field}(primary_key=True)`{}",
        audit.target.label,
        import.map_or_else(String::new, |import| format!(", with `{import}` above"))
    )
}

fn field_class() -> String {
    format!(
        r#"# -*- coding: utf-8 -*-
"""A key of 64 bits without a sign."""

from django.db import models


class {CLASS}(models.BigAutoField):
    """Django takes it for a BigAutoField: ids up to 2**63 - 1 are looked up and saved, whatever the column could hold."""

    def db_type(self, connection):
        if connection.vendor == "mysql":
            return "bigint UNSIGNED AUTO_INCREMENT"
        return super({CLASS}, self).db_type(connection)

    def rel_db_type(self, connection):
        if connection.vendor == "mysql":
            return "bigint UNSIGNED"
        return super({CLASS}, self).rel_db_type(connection)
"#
    )
}

/// A word of a command, quoted only where the shell needs it.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { Word::text(text).to_string() }
}

/// A text of Python.
fn python(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// What the migration is made of.
struct Text<'a> {
    /// The target, as `app_label.Model`.
    label: &'a str,
    /// The table and column of the key.
    key: (&'a str, &'a str),
    /// The model's attribute that is the key.
    attribute: &'a str,
    /// The tables and columns that store its ids.
    others: &'a [(String, String)],
    /// The new type.
    wanted: &'a str,
    /// The call that makes the key's field, without its arguments.
    field: &'a str,
    /// Its arguments but `serialize`.
    arguments: &'a str,
    /// The line that imports the field's class; none where Django defines it.
    import: Option<&'a str>,
    /// The app and the name of the migration before.
    before: (&'a str, &'a str),
    /// Whether the model's state has the new type already, so that only tables change.
    state_is_wide: bool,
    /// The operations that change the state of fields with ids, which are plain integers.
    fields: &'a str,
}

impl Text<'_> {
    fn print(&self) -> String {
        let mut out = self.head();
        out.push_str(FUNCTIONS);
        out.push_str(&self.operation());
        out.push_str(&self.migration());
        out
    }

    fn head(&self) -> String {
        let mut out = format!(
            "# -*- coding: utf-8 -*-\n\"\"\"{}\n\nMade by csm-audit {}. What is wide already is left alone, so that where the \
             change was made by scripts only the\nstate and django_migrations follow; on a fresh installation, and on every \
             database that holds one of the tables, it\nmakes the change.\n\"\"\"\nfrom __future__ import \
             unicode_literals\n\nfrom django.db import migrations",
            docstring(&format!("Widens the key of {} and the columns that store its ids.", self.label)),
            env!("CARGO_PKG_VERSION")
        );
        if self.import.is_none() && !self.state_is_wide || !self.fields.is_empty() {
            out.push_str(", models");
        }
        out.push('\n');
        if let Some(import) = self.import.filter(|_| !self.state_is_wide) {
            let _ = write!(out, "\n{import}\n");
        }
        let _ = write!(
            out,
            "\n# The columns that store the ids, the key first. What a foreign key ties to one of them is found in the \
             database.\nKEY = ({}, {})\nOTHERS = (\n",
            python(self.key.0),
            python(self.key.1)
        );
        for (table, column) in self.others {
            let _ = writeln!(out, "    ({}, {}),", python(table), python(column));
        }
        let _ = write!(
            out,
            ")\nWANTED = {}\n# More rows than these are not copied while writers wait: that is what the rest of the plan is \
             for.\nROWS = 100000\n\n\n",
            python(self.wanted)
        );
        out
    }

    /// The operation that changes tables.
    fn operation(&self) -> String {
        let (base, state, rest) = if self.state_is_wide {
            (
                "migrations.operations.base.Operation",
                "    reduces_to_sql = True\n    reversible = True\n\n    def state_forwards(self, app_label, state):\n        \
                 pass\n\n",
                "",
            )
        } else {
            (
                "migrations.AlterField",
                "",
                "        else:\n            super(Widen, self).database_forwards(app_label, schema_editor, from_state, \
                 to_state)\n",
            )
        };
        format!(
            "\n\nclass Widen({base}):\n    \"\"\"Asks no router: whichever database holds one of the tables is changed when it is \
             migrated.\"\"\"\n\n{state}    def database_forwards(self, app_label, schema_editor, from_state, to_state):\n        \
             if schema_editor.connection.vendor == \"mysql\":\n            widen(schema_editor)\n{rest}\n    def \
             database_backwards(self, app_label, schema_editor, from_state, to_state):\n        # Ids above the old limit \
             would be lost: the columns stay wide, which hurts nobody.\n        pass\n\n    def describe(self):\n        \
             return {}\n\n\n",
            python(&format!("Widens the key of {} and the columns that store its ids", self.label))
        )
    }

    fn migration(&self) -> String {
        let operations = if self.state_is_wide {
            let state = match self.fields {
                "" => String::new(),
                fields => format!(
                    "        migrations.SeparateDatabaseAndState(\n            state_operations=[\n{fields}            \
                     ],\n        ),\n"
                ),
            };
            format!("        Widen(),\n{state}")
        } else {
            let model = self.label.rsplit('.').next().unwrap_or_default().to_lowercase();
            let alter = |class: &str| {
                format!(
                    "                {class}(\n                    model_name={}, name={}, field={}({}, \
                     serialize=False)\n                ),\n",
                    python(&model),
                    python(self.attribute),
                    self.field,
                    self.arguments
                )
            };
            format!(
                "        migrations.SeparateDatabaseAndState(\n            database_operations=[\n{}            ],\n            \
                 state_operations=[\n{}{}            ],\n        ),\n",
                alter("Widen"),
                alter("migrations.AlterField"),
                self.fields
            )
        };
        format!(
            "class Migration(migrations.Migration):\n    dependencies = [({}, {})]\n\n    operations = [\n{operations}    ]\n",
            python(self.before.0),
            python(self.before.1)
        )
    }
}

/// A text inside of a docstring.
fn docstring(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "'")
}
