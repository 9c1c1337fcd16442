//! The Django side: a migration that brings state and ledger to where the databases are, and makes the change by itself
//! where nobody made it; the field's class with the right range; the edit of the model.

use std::fmt::Write as _;

use super::model_edit;
use super::{Effect, File, Kind, Options, Plan, Probe, Rollback, Step};
use crate::audit::{Audit, Role};
use crate::expected::KnownMigration;
use crate::live::facts::integer_limit;

/// The text of the migration; what stands between `@` is filled in.
const TEMPLATE: &str = include_str!("widen.py.txt");

/// The module of the field's class, beside the app's models.
const MODULE: &str = "big_key";
const CLASS: &str = "UnsignedBigAutoField";

/// The source of the model, which is to be edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSource {
    /// The file, as it is called in its project.
    pub path: String,
    /// Its text.
    pub text: String,
    /// The line of the class, from 1.
    pub line: u32,
}

/// The migration, and what belongs to it.
pub(super) struct Migration {
    app: String,
    name: String,
    /// Where the migration goes, in the plan's folder.
    path: String,
    text: String,
    /// The class of the field, with its path; none when Django has one.
    field: Option<(String, String)>,
    /// The edit of the model; none when there is none to make.
    edit: Edit,
}

enum Edit {
    /// The model is as it has to be.
    None,
    /// A unified diff.
    Patch(String),
    /// In words.
    Words(String),
}

impl Migration {
    /// What the code lacks; `None` when it lacks nothing, or is not known.
    pub(super) fn find(audit: &Audit, options: &Options) -> Option<Self> {
        let code = audit.expected.first()?;
        let (label, _) = audit.target.label.split_once('.')?;
        let app = code.apps.iter().find(|app| app.label.eq_ignore_ascii_case(label))?;
        let own: Vec<&KnownMigration> =
            code.migrations.iter().filter(|migration| migration.node.0 == app.label && !migration.south).collect();
        let leaf = own
            .iter()
            .filter(|migration| {
                let depended = own.iter().any(|other| other.dependencies.contains(&migration.node));
                let replaced = own.iter().any(|other| other.replaces.contains(&migration.node));
                !depended && !replaced
            })
            .max_by(|a, b| a.node.1.cmp(&b.node.1))?;

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
        if by_code().all(is_wide) && range.is_none() {
            return None;
        }

        let number = own
            .iter()
            .filter_map(|migration| migration.node.1.split('_').next()?.parse::<u32>().ok())
            .max()
            .map_or_else(String::new, |last| format!("{:04}_", last + 1));
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
        let (field_name, import) = if unsigned {
            (CLASS.to_owned(), format!("\nfrom {}.{MODULE} import {CLASS}\n", app.module))
        } else {
            (String::from("models.BigAutoField"), String::new())
        };
        let others: Vec<(String, String)> = audit
            .columns
            .iter()
            .filter(|column| column.role != Role::Key && (column.migrations.is_some() || column.field.is_some()))
            .map(|column| (column.table.clone(), column.column.clone()))
            .collect();
        let text = render(audit, &app.label, &leaf.node.1, &wanted, &field_name, &import, &others, key_wide);
        let edit = match (key_wide, range, &options.model) {
            (true, None, _) => Edit::None,
            (true, Some(range), _) => Edit::Words(format!(
                "{}:{}: `{}` says it is an `{}` whose largest value is {}, and its column holds {}: let the class derive from \
                 `models.BigAutoField`, or its `get_internal_type` return \"BigAutoField\". Its path stays, so that no \
                 migration follows from it.",
                range.file, range.line, range.class, range.internal_type, range.python_max, range.column_max
            )),
            (false, _, Some(source)) => {
                let line = if unsigned { Some(format!("from {}.{MODULE} import {CLASS}", app.module)) } else { None };
                let key = &audit.target.key;
                match model_edit::patch(source, key, &format!("{field_name}(primary_key=True)"), line.as_deref()) {
                    Some(patch) => Edit::Patch(patch),
                    None => Edit::Words(words(audit, &field_name, &import)),
                }
            }
            (false, _, None) => Edit::Words(words(audit, &field_name, &import)),
        };
        let field = (unsigned && !key_wide).then(|| (format!("django/{app_folder}/{MODULE}.py"), field_class()));
        Some(Self { app: app.label.clone(), path: format!("django/{folder}/{name}.py"), name, text, field, edit })
    }

    /// The files, for the plan's folder.
    pub(super) fn files(&self) -> Vec<File> {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned(), executable: false };
        let mut files = vec![file(&self.path, &self.text)];
        files.extend(self.field.iter().map(|(path, text)| file(path, text)));
        if let Edit::Patch(patch) = &self.edit {
            files.push(file("django/model.patch", patch));
        }
        files
    }

    /// The step that ends the plan.
    pub(super) fn step(&self, audit: &Audit, plan: &Plan) -> Step {
        let targets = plan
            .steps
            .iter()
            .filter(|step| step.effects.iter().any(|effect| matches!(effect, Effect::Type { key: true, .. })));
        let mut run = String::from("cp -R django/. PROJECT/");
        match &self.edit {
            Edit::Patch(_) => run.push_str(" && rm PROJECT/model.patch && patch -d PROJECT -p1 < django/model.patch"),
            Edit::Words(words) => {
                let _ = write!(run, "\n# {}", words.replace('\n', "\n# "));
            }
            Edit::None => {}
        }
        let aliases = self.aliases(audit);
        for alias in &aliases {
            let _ = write!(run, "\npython manage.py migrate --database={alias} {} {}", self.app, self.name);
        }
        run.push_str("\npython manage.py makemigrations --check --dry-run");
        Step {
            id: String::from("code-01"),
            kind: Kind::DjangoMigration,
            title: format!(
                "Bring the model, the state and the ledger to where the databases are: {}.{}",
                self.app, self.name
            ),
            environment: None,
            server: None,
            database: None,
            table: Some(audit.target.table.clone()),
            script: None,
            run,
            preconditions: Vec::new(),
            verify: vec![Probe {
                what: String::from("it stands in the ledger of each database"),
                query: format!(
                    "SELECT COUNT(*) FROM django_migrations WHERE app = {} AND name = {}",
                    super::sql::text(&self.app),
                    super::sql::text(&self.name)
                ),
                expected: String::from("1"),
            }],
            rollback: Rollback {
                run: Some(format!("python manage.py migrate {} PREVIOUS", self.app)),
                what: String::from("the state and the ledger as they were; the columns stay wide"),
                until: None,
                point_of_no_return: false,
            },
            estimate: None,
            after: targets.map(|step| step.id.clone()).collect(),
            blocked_by: Vec::new(),
            effects: self.effects(audit, &aliases),
        }
    }

    /// The migration in the ledger of every database that it is run on.
    fn effects(&self, audit: &Audit, aliases: &[String]) -> Vec<Effect> {
        let pairs =
            audit.pairs().filter(|pair| pair.mapping.alias.as_ref().is_some_and(|alias| aliases.contains(alias)));
        pairs
            .map(|pair| Effect::Migrated {
                environment: pair.environment_name().to_owned(),
                database: pair.database.name.clone(),
                app: self.app.clone(),
                name: self.name.clone(),
            })
            .collect()
    }

    /// The aliases that hold one of the columns.
    fn aliases(&self, audit: &Audit) -> Vec<String> {
        let mut aliases: Vec<String> = audit.columns.iter().filter_map(|column| column.alias.clone()).collect();
        aliases.sort();
        aliases.dedup();
        aliases
    }
}

fn words(audit: &Audit, field: &str, import: &str) -> String {
    format!(
        "in the class of {}: `{} = {field}(primary_key=True)`{}",
        audit.target.label,
        audit.target.key,
        if import.is_empty() { String::new() } else { format!(", with `{}` above", import.trim()) }
    )
}

fn field_class() -> String {
    format!(
        r#""""A key of 64 bits without a sign."""

from django.db import models


class {CLASS}(models.BigAutoField):
    """Django takes it for a BigAutoField: ids up to 2**63 - 1 are looked up and saved, whatever the column could hold."""

    def db_type(self, connection):
        if connection.vendor == "mysql":
            return "bigint UNSIGNED AUTO_INCREMENT"
        return super().db_type(connection)

    def rel_db_type(self, connection):
        if connection.vendor == "mysql":
            return "bigint UNSIGNED"
        return super().rel_db_type(connection)
"#
    )
}

/// A text of Python.
fn python(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[allow(clippy::too_many_arguments, reason = "each is one blank of the template")]
fn render(
    audit: &Audit,
    app: &str,
    leaf: &str,
    wanted: &str,
    field: &str,
    import: &str,
    others: &[(String, String)],
    key_wide: bool,
) -> String {
    let label = &audit.target.label;
    let model = label.rsplit('.').next().unwrap_or_default();
    let pair = |(table, column): &(String, String)| format!("    ({}, {}),\n", python(table), python(column));
    let alter = |class: &str| {
        format!(
            "{class}(\n                    model_name={}, name={}, field={field}(primary_key=True, serialize=False)\n                )",
            python(&model.to_lowercase()),
            python(&audit.target.key)
        )
    };
    let (base, state, rest, operations) = if key_wide {
        (
            "migrations.operations.base.Operation",
            "    reduces_to_sql = True\n    reversible = True\n\n    def state_forwards(self, app_label, state):\n        pass\n\n",
            "",
            String::from("        Widen(),\n"),
        )
    } else {
        (
            "migrations.AlterField",
            "",
            "        else:\n            super().database_forwards(app_label, schema_editor, from_state, to_state)\n",
            format!(
                "        migrations.SeparateDatabaseAndState(\n            database_operations=[\n                {},\n            ],\n            \
                 state_operations=[\n                {},\n            ],\n        ),\n",
                alter("Widen"),
                alter("migrations.AlterField")
            ),
        )
    };
    let signed = field.starts_with("models.") && !key_wide;
    TEMPLATE
        .replace("@DOC@", &format!("Widens the key of {label} and the columns that store its ids."))
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
        .replace("@MODELS@", if signed { ", models" } else { "" })
        .replace("@IMPORT@", if key_wide { "" } else { import })
        .replace("@KEY@", &format!("{}, {}", python(&audit.target.table), python(&audit.target.key)))
        .replace("@OTHERS@", &others.iter().map(pair).collect::<String>())
        .replace("@WANTED@", wanted)
        .replace("@BASE@", base)
        .replace("@STATE@", state)
        .replace("@SUPER@", rest)
        .replace("@LABEL@", label)
        .replace("@APP@", app)
        .replace("@LEAF@", leaf)
        .replace("@OPERATIONS@", &operations)
}
