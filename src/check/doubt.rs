//! Findings that rest on a gap: their confidence, their fix, and one line for all of an app.
//!
//! A check compares the tables of the code with those of a database. Where part of the code could not be read, a
//! difference may be the gap itself. Such a finding is never certain, blocks nothing and carries no fix that changes
//! data. Differences of tables that have nothing to do with the target become one finding an app.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{Evidence, Finding, Subject};
use super::source_not_found::SOURCE_NOT_FOUND;
use crate::audit::Audit;
use crate::expected::Expected;
use crate::finding::{Confidence, Severity};
use crate::source::{Gap, GapKind, INSTALLED_APPS};

/// Checks that compare a table of the code with one of a database.
const STRUCTURE: &[&str] = &[
    "collation",
    "column-auto-increment",
    "column-default",
    "column-null",
    "column-type",
    "extra-column",
    "extra-foreign-key",
    "extra-index",
    "foreign-key-name",
    "foreign-key-rule",
    "index-name",
    "missing-check",
    "missing-column",
    "missing-foreign-key",
    "missing-index",
    "missing-table",
    "missing-unique",
    "missing-view",
    "primary-key",
    "redundant-index",
    "table-engine",
];
/// Checks that compare two parts of the code.
const OF_CODE: &[&str] = &["model-differs", "state-differs"];
/// Checks that report something the code lacks: any app that was not read may have it.
const UNKNOWN_TO_CODE: &[&str] = &["extra-table", "migration-unknown"];

/// What an expected schema leaves open.
struct Doubts<'a> {
    /// Gaps of whole apps, by label in small letters and by the alias when only that is concerned.
    apps: BTreeMap<(String, Option<&'a str>), &'a Gap>,
    /// Gaps of fields, by table in small letters, with the field.
    tables: BTreeMap<String, Vec<(&'a str, &'a Gap)>>,
    /// Gaps of whole tables, such as those that a many-to-many field makes, in small letters.
    whole: BTreeMap<String, &'a Gap>,
    /// Gaps of the classes of models, by table in small letters.
    classes: BTreeMap<String, &'a Gap>,
    /// Why the version of Django is only assumed.
    version: Option<&'a Gap>,
    /// Installed apps that were not found, by the last part of their dotted name in small letters.
    not_found: BTreeMap<String, &'a Gap>,
    /// Apps with models and without migrations, by label in small letters.
    unmigrated: BTreeMap<String, &'a Gap>,
    /// A gap because of which the list of installed apps may be another one.
    list: Option<&'a Gap>,
    /// The app of each table.
    owners: BTreeMap<String, String>,
}

impl<'a> Doubts<'a> {
    fn of(expected: &'a Expected) -> Self {
        let mut doubts = Self {
            apps: BTreeMap::new(),
            tables: BTreeMap::new(),
            whole: BTreeMap::new(),
            classes: BTreeMap::new(),
            version: None,
            not_found: BTreeMap::new(),
            unmigrated: BTreeMap::new(),
            list: None,
            owners: expected.owners.iter().map(|(table, app)| (table.to_lowercase(), app.clone())).collect(),
        };
        for gap in &expected.gaps {
            doubts.add(gap, expected);
        }
        doubts.follow_keys(expected);
        doubts
    }

    fn add(&mut self, gap: &'a Gap, expected: &Expected) {
        if gap.kind == GapKind::DjangoVersion {
            self.version.get_or_insert(gap);
            return;
        }
        let Some(object) = gap.subject().object.as_deref() else {
            // What was not followed in a migration concerns the app that it belongs to.
            let of = expected.migrations.iter().find(|known| Some(&known.file) == gap.file.as_ref());
            if let Some(migration) = of.filter(|_| gap.kind != GapKind::Model) {
                self.apps.entry((migration.node.0.to_lowercase(), None)).or_insert(gap);
            }
            return;
        };
        if object == INSTALLED_APPS {
            self.list.get_or_insert(gap);
            return;
        }
        match (gap.kind, &gap.subject().field) {
            (GapKind::App, Some(_)) => {
                self.unmigrated.entry(object.to_lowercase()).or_insert(gap);
            }
            (GapKind::App, None) => {
                let label = object.rsplit('.').next().unwrap_or(object);
                // `x.apps.XConfig` is the app x.
                let label = object
                    .rsplit_once(".apps.")
                    .map_or(label, |(module, _)| module.rsplit('.').next().unwrap_or(module));
                self.not_found.entry(label.to_lowercase()).or_insert(gap);
            }
            (_, Some(field)) => {
                if let Some(model) = expected.models.get(&object.to_lowercase()) {
                    if let Some((_, through)) = model.through.iter().find(|(name, _)| name == field) {
                        self.whole.entry(through.to_lowercase()).or_insert(gap);
                    }
                    self.tables.entry(model.table.to_lowercase()).or_default().push((field, gap));
                }
            }
            (GapKind::Model, None) => {
                if let Some(model) = expected.models.get(&object.to_lowercase()) {
                    self.classes.entry(model.table.to_lowercase()).or_insert(gap);
                }
            }
            (
                GapKind::Operation
                | GapKind::Python
                | GapKind::Replay
                | GapKind::Sql
                | GapKind::South
                | GapKind::Migration
                | GapKind::Dependency
                | GapKind::Circle
                | GapKind::LeafNodes,
                None,
            ) if !object.contains('.') => {
                self.apps.entry((object.to_lowercase(), gap.subject().alias.as_deref())).or_insert(gap);
            }
            _ => {}
        }
    }

    /// A foreign key has the type of the column that it references: where that is open, so is the key's.
    fn follow_keys(&mut self, expected: &'a Expected) {
        loop {
            let mut found = Vec::new();
            for database in expected.databases.values() {
                for (name, table) in &database.tables {
                    let name = name.to_lowercase();
                    for key in &table.foreign_keys {
                        let Some(gaps) = self.tables.get(&key.referenced_table.to_lowercase()) else { continue };
                        for column in &key.columns {
                            let known = self.tables.get(&name).is_some_and(|of| of.iter().any(|(c, _)| c == column));
                            let key_is_open = gaps.iter().find(|(field, _)| {
                                let referenced = &key.referenced_columns;
                                referenced.iter().any(|c| is_of_field(c, field))
                                    || database
                                        .table(&key.referenced_table)
                                        .is_some_and(|parent| !referenced.iter().all(|c| parent.column(c).is_some()))
                            });
                            if let (false, Some((_, gap))) = (known, key_is_open) {
                                found.push((name.clone(), column.as_str(), *gap));
                            }
                        }
                    }
                }
            }
            for soft in &expected.soft_references {
                let table = soft.table.to_lowercase();
                let known = self.tables.get(&table).is_some_and(|of| of.iter().any(|(c, _)| *c == soft.column));
                let parent = self.tables.get(&soft.referenced_table.to_lowercase());
                let exists = expected.databases.values().any(|database| {
                    database.table(&soft.referenced_table).is_some_and(|t| t.column(&soft.referenced_column).is_some())
                });
                let gap = parent.and_then(|gaps| {
                    gaps.iter().find(|(field, _)| !exists || is_of_field(&soft.referenced_column, field))
                });
                if let (false, Some((_, gap))) = (known, gap) {
                    found.push((table, soft.column.as_str(), *gap));
                }
            }
            if found.is_empty() {
                return;
            }
            for (table, column, gap) in found {
                self.tables.entry(table).or_default().push((column, gap));
            }
        }
    }

    /// The gap that a finding rests on, and the app whose code it is about.
    fn about(&self, finding: &Finding) -> Option<(&'a Gap, String)> {
        let table = finding.subject.table.as_deref().unwrap_or_default().to_lowercase();
        if UNKNOWN_TO_CODE.contains(&finding.check) {
            let named = self.not_found.iter().find(|(label, _)| {
                table.strip_prefix(label.as_str()).is_some_and(|rest| rest.starts_with('_'))
                    || finding
                        .subject
                        .name
                        .as_deref()
                        .is_some_and(|name| name.split('.').next() == Some(label.as_str()))
            });
            if let Some((label, gap)) = named {
                return Some((gap, label.clone()));
            }
            let any = self.list.or_else(|| self.not_found.values().next().copied())?;
            return Some((any, String::new()));
        }
        let of_code = OF_CODE.contains(&finding.check);
        if !of_code && !STRUCTURE.contains(&finding.check) {
            return None;
        }
        let app = self.owners.get(&table).cloned().unwrap_or_default();
        // The tables of an app without migrations need not be there.
        if finding.check == "missing-table"
            && let Some(gap) = self.unmigrated.get(&app.to_lowercase())
        {
            return Some((gap, app));
        }
        let whole = self.whole.get(&table);
        if let Some(gap) = whole.or_else(|| self.classes.get(&table).filter(|_| finding.check == "model-differs")) {
            return Some((gap, app));
        }
        if let Some(fields) = self.tables.get(&table) {
            let column = finding.subject.column.as_deref();
            let of_field = fields.iter().find(|(field, _)| column.is_some_and(|column| is_of_field(column, field)));
            // The column of a field that was left out may have any name, and so may its indexes and keys.
            let open = matches!(
                finding.check,
                "extra-column"
                    | "extra-index"
                    | "extra-foreign-key"
                    | "primary-key"
                    | "column-auto-increment"
                    | "redundant-index"
                    | "missing-index"
                    | "missing-unique"
                    | "index-name"
            );
            // Without its own key a model gets `id`.
            let open = open || (finding.check == "missing-column" && column == Some("id"));
            if let Some((_, gap)) = of_field.or_else(|| fields.first().filter(|_| open)) {
                return Some((gap, app));
            }
        }
        let of_app = |alias: Option<&str>| {
            self.apps.iter().find(|((known, on), _)| *known == app.to_lowercase() && *on == alias)
        };
        let alias = finding.subject.alias.as_deref();
        of_app(None).or_else(|| of_app(alias)).map(|(_, gap)| (*gap, app))
    }
}

/// Whether a column may be the one of a field: its own name, or that of a foreign key.
fn is_of_field(column: &str, field: &str) -> bool {
    column.eq_ignore_ascii_case(field)
        || column.to_lowercase().strip_suffix("_id").is_some_and(|name| name.eq_ignore_ascii_case(field))
}

/// Whether what the code expects depends on Django's version here: names, types, defaults, and the keys that models get.
fn rests_on_version(finding: &Finding) -> bool {
    STRUCTURE.contains(&finding.check) || OF_CODE.contains(&finding.check)
}

/// Weakens the findings that rest on a gap, and folds those that have nothing to do with the target.
pub(super) fn weaken(audit: &Audit, findings: &mut Vec<Finding>) {
    let doubts: Vec<Doubts<'_>> = audit.expected.iter().map(Doubts::of).collect();
    let mut folded: BTreeMap<(Subject, String), (String, Vec<Finding>)> = BTreeMap::new();
    let mut kept = Vec::with_capacity(findings.len());
    for mut finding in findings.drain(..) {
        let of = audit.pairs().find(|pair| {
            finding.subject.environment.as_deref() == Some(pair.environment_name())
                && finding.subject.database.as_deref() == Some(pair.database.name.as_str())
        });
        // What is said of the code alone is the same for every server.
        let expectation = of.map_or(0, |pair| pair.mapping.expected);
        let doubts = doubts.get(expectation).filter(|_| of.is_some() || finding.subject.environment.is_none());
        let doubt = doubts.and_then(|doubts| doubts.about(&finding));
        let assumed = doubts.and_then(|doubts| doubts.version);
        let Some((gap, app)) = doubt else {
            if let Some(version) = assumed.filter(|_| rests_on_version(&finding)) {
                finding.confidence = finding.confidence.min(Confidence::Likely);
                finding.severity = finding.severity.min(Severity::Warning);
                finding.blocks = false;
                finding.message = format!("{}; not certain, because {}", finding.message, version.reason);
            }
            kept.push(finding);
            continue;
        };
        if finding.concerns_target {
            finding.confidence = Confidence::Possible;
            finding.severity = finding.severity.min(Severity::Warning);
            finding.blocks = false;
            finding.message = format!("{}; not verified, because {}", finding.message, gap.reason);
            finding.fix = String::from("resolve the gap first; --site-packages adds the code of packages");
            kept.push(finding);
        } else {
            let subject = Subject { table: None, column: None, name: None, ..finding.subject.clone() };
            let entry = folded.entry((subject, app)).or_insert_with(|| (gap.reason.clone(), Vec::new()));
            entry.1.push(finding);
        }
    }
    for ((subject, app), (reason, of)) in folded {
        kept.push(one_line(subject, &app, &reason, &of));
    }
    *findings = kept;
}

/// All unverified differences of an app in a database, as one finding.
fn one_line(subject: Subject, app: &str, reason: &str, of: &[Finding]) -> Finding {
    let tables: BTreeSet<&str> = of.iter().filter_map(|finding| finding.subject.table.as_deref()).collect();
    let whose = if app.is_empty() { String::from("apps that were not read") } else { format!("the app {app}") };
    let message = format!(
        "not verified: {} of {whose} in {}: {reason}",
        counted(of.len(), "difference"),
        counted(tables.len(), "table")
    );
    let mut finding = Finding::of_code(&SOURCE_NOT_FOUND, message).confidence(Confidence::Possible);
    finding.subject = Subject { name: Some(app.to_owned()).filter(|app| !app.is_empty()), ..subject };
    let source = finding.subject.environment.clone().unwrap_or_default();
    finding.evidence = of
        .iter()
        .map(|one| Evidence { source: source.clone(), says: one.message.clone(), file: None, line: None })
        .collect();
    finding.evidence.sort();
    finding.fix("pass the packages with --site-packages, or the settings module with --settings")
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
