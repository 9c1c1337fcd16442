//! Words of the configuration that decide where the tables of the models live: database aliases that a router gives
//! them, the routers, and the flags that their code asks.

use std::collections::BTreeSet;

use compact_str::CompactString;

use super::models::Model;
use crate::ast::{ClassDef, Expr, ExprKind, Stmt, StmtKind, walk_exprs};
use crate::project::Project;
use crate::resolve::Resolver;
use crate::source::FileId;

/// Methods of a database router (`django/db/utils.py`, `ConnectionRouter`).
const ROUTER_METHODS: [&str; 6] =
    ["db_for_read", "db_for_write", "allow_relation", "allow_migrate", "allow_syncdb", "allow_migrate_model"];

/// The words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ConfigWords {
    /// Database aliases.
    pub(super) aliases: BTreeSet<CompactString>,
    /// Keys of settings dictionaries that are asked as flags.
    pub(super) flags: BTreeSet<CompactString>,
    /// Class names of routers.
    pub(super) routers: BTreeSet<CompactString>,
}

impl ConfigWords {
    /// All words.
    pub(super) fn all(&self) -> impl Iterator<Item = &CompactString> {
        self.aliases.iter().chain(&self.flags).chain(&self.routers)
    }

    /// Whether a string is one of the words, or the dotted path of a router.
    pub(super) fn has(&self, text: &str) -> bool {
        self.aliases.contains(text)
            || self.flags.contains(text)
            || text.rsplit_once('.').is_some_and(|(_, last)| self.routers.contains(last))
    }
}

/// Reads the words from the files that name the models.
pub(super) fn words(resolver: &Resolver<'_>, models: &[Model<'_>], files: &[FileId]) -> ConfigWords {
    let project = resolver.project();
    let mut words = ConfigWords::default();
    for model in models {
        flags(&model.class.body, &mut words.flags);
    }
    for &file in files {
        let Some(parsed) = project.parsed(file) else { continue };
        for stmt in &parsed.module.body {
            if let StmtKind::ClassDef(class) = &stmt.kind
                && is_router(class)
                && names_model(class, models)
            {
                words.routers.insert(class.name.name.clone());
                flags(&class.body, &mut words.flags);
                words.aliases.extend(aliases(project, class, models));
            }
        }
        // Migrations of the models split by flag or alias.
        if project.path(file).split('/').any(|folder| folder == "migrations") && of_model(resolver, file, models) {
            flags(&parsed.module.body, &mut words.flags);
        }
    }
    words
}

fn of_model(resolver: &Resolver<'_>, file: FileId, models: &[Model<'_>]) -> bool {
    let app = super::models::module_app_label(resolver, file);
    models.iter().any(|model| model.app_label() == app)
}

fn is_router(class: &ClassDef) -> bool {
    class.body.iter().any(
        |stmt| matches!(&stmt.kind, StmtKind::FunctionDef(def) if ROUTER_METHODS.contains(&def.name.name.as_str())),
    )
}

fn strings(class: &ClassDef) -> BTreeSet<CompactString> {
    let mut found = BTreeSet::new();
    for stmt in &class.body {
        // Docstrings are no constants.
        if matches!(&stmt.kind, StmtKind::Expr(expr) if expr.as_str().is_some()) {
            continue;
        }
        walk_exprs(std::slice::from_ref(stmt), &mut |expr| found.extend(expr.as_str()));
    }
    found
}

/// A router speaks of a model by its class's name or its app's label.
fn names_model(class: &ClassDef, models: &[Model<'_>]) -> bool {
    strings(class).iter().any(|text| {
        models.iter().any(|m| text.eq_ignore_ascii_case(m.name()) || text == m.app_label() || *text == m.label)
    })
}

/// Strings of a router that the settings know as names of databases.
fn aliases(project: &Project, class: &ClassDef, models: &[Model<'_>]) -> Vec<CompactString> {
    let settings = crate::discover::word_hash("DATABASES");
    let mut candidates = BTreeSet::new();
    for stmt in &class.body {
        if let StmtKind::Assign { value, .. } = &stmt.kind {
            candidates.extend(value.as_str());
        }
        returned(std::slice::from_ref(stmt), &mut candidates);
        walk_exprs(std::slice::from_ref(stmt), &mut |expr| {
            if let ExprKind::Compare { left, rest } = &expr.kind
                && let Some(name) = left.as_dotted().and_then(|segments| segments.last().copied())
                && matches!(name, "db" | "using" | "alias" | "database" | "connection")
            {
                candidates.extend(rest.iter().filter_map(|(_, operand)| operand.as_str()));
            }
        });
    }
    candidates
        .into_iter()
        .filter(|text| !text.is_empty() && text != "default" && text.chars().all(|c| c.is_alphanumeric() || c == '_'))
        .filter(|text| !models.iter().any(|m| text == m.app_label() || text.eq_ignore_ascii_case(m.name())))
        .filter(|text| {
            project.discovery.files_with_word(text).any(|file| project.discovery.entry(file).words.has(settings))
        })
        .collect()
}

/// Constants that functions return.
fn returned(body: &[Stmt], found: &mut BTreeSet<CompactString>) {
    for stmt in body {
        if let StmtKind::Return(Some(value)) = &stmt.kind {
            let values = match &value.kind {
                ExprKind::IfExp { body, orelse, .. } => vec![&**body, &**orelse],
                _ => vec![value],
            };
            found.extend(values.into_iter().filter_map(Expr::as_str));
        }
        for nested in stmt.bodies() {
            returned(nested, found);
        }
    }
}

/// `settings.FEATURES['FLAG']`, `settings.FEATURES.get('FLAG')`, and the like.
fn flags(body: &[Stmt], found: &mut BTreeSet<CompactString>) {
    let of_settings = |expr: &Expr| {
        expr.as_dotted().is_some_and(|segments| {
            segments.contains(&"settings")
                // Keys of these name databases, caches and files, not flags.
                && !matches!(
                    segments.last(),
                    Some(&("DATABASES" | "CACHES" | "STORAGES" | "TEMPLATES" | "LOGGING" | "REST_FRAMEWORK"))
                )
                && segments.last().is_some_and(|last| last.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        })
    };
    walk_exprs(body, &mut |expr| match &expr.kind {
        ExprKind::Subscript { value, index } if of_settings(value) => found.extend(index.as_str()),
        ExprKind::Call { func, args } => {
            if let ExprKind::Attribute { value, attr } = &func.kind
                && attr.name == "get"
                && of_settings(value)
            {
                found.extend(args.args.first().and_then(Expr::as_str));
            }
        }
        _ => {}
    });
}
