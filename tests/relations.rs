//! The catalog's models (`touchpoints.models`) against the columns that store the target's ids (`audit.columns`): both come
//! of one evaluation, and know the same relations.
//!
//! Every model of every fixture with migrations is a target once. `CSM_AUDIT_CHALIX` names an edx-platform tree that is
//! compared, too.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail loudly")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use csm_audit::audit::Role;
use csm_audit::config::Settings;
use csm_audit::expected::output::{Selection, sql};
use csm_audit::live::{DataSource, Request, Source};
use csm_audit::plan::{self, Options};
use csm_audit::progress::Silent;
use csm_audit::resolve::Resolver;
use csm_audit::touchpoint::models::{Model, RelationKind, Role as ModelRole};
use csm_audit::touchpoint::{Scope, find};
use csm_audit::{cross_check, expected_schema, scan_and_keep_texts};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

fn settings(root: &Path, target: &str) -> Settings {
    Settings {
        roots: vec![root.to_path_buf()],
        target: target.to_owned(),
        django: Some(String::from("4.2")),
        server: Some(String::from("mysql-8.0")),
        ..Settings::default()
    }
}

/// The relations to a target.
#[derive(Debug, Default)]
struct Relations {
    /// Whether the code defines the target; Django's own models are known by their migrations alone.
    in_code: bool,
    /// By the catalog, as `app.model.field`.
    catalog: BTreeSet<String>,
    /// By the columns, the same.
    columns: BTreeSet<String>,
    /// The tables of the columns, and those that the plan names.
    tables: BTreeSet<String>,
    plan: String,
}

/// The field of a column, as `app.model.field`; of a table that a many-to-many makes, the many-to-many.
fn field(name: &str) -> String {
    let (model, field) = name.rsplit_once('.').unwrap();
    let (app, class) = model.split_once('.').unwrap();
    match class.split_once('_') {
        Some((class, many)) => format!("{app}.{class}.{many}").to_lowercase(),
        None => format!("{app}.{class}.{field}").to_lowercase(),
    }
}

/// The relations to a target offline and with a database that is as the migrations make it.
fn relations(root: &Path, target: &str, dump: &Path) -> Relations {
    let settings = settings(root, target);
    let scanned = scan_and_keep_texts(&settings, &Silent).unwrap();
    let place = DataSource::dump(dump.to_path_buf(), Some(String::from("it"))).unwrap();
    let sources = [Source { name: String::from("it"), places: vec![place] }];
    let checked = cross_check(&settings, &scanned, &sources, &Request::about(target), &Silent).unwrap();
    let mut out = Relations { in_code: !scanned.models.is_empty(), ..Relations::default() };
    let own = format!("{target}.").to_lowercase();
    for column in checked.audit.columns.iter().filter(|column| column.role != Role::Key) {
        let Some(name) = &column.field else { continue };
        out.tables.insert(column.table.clone());
        // The table of a many-to-many field of the target itself is no relation to the target.
        let is_table_of_target = name.matches('_').count() > 0 && field(name).starts_with(&own);
        if !is_table_of_target || name.to_lowercase().starts_with(&own) {
            out.columns.insert(field(name));
        }
    }
    let resolver = Resolver::new(&scanned.project);
    let models = find(&resolver, &scanned.evaluator, target, Scope::All).models;
    let name = |model: &Model<'_>, field: &str| format!("{}.{field}", model.label).to_lowercase();
    for model in &models {
        // A child in a table of its own is tied to its parent by a key that Django adds.
        if model.role == ModelRole::Subclass && model.table.is_some() {
            let parent = target.rsplit('.').next().unwrap();
            out.catalog.insert(name(model, &format!("{parent}_ptr")));
        }
        for relation in &model.relations {
            // Its columns are those of the model that it goes through.
            if relation.kind == RelationKind::ManyToMany && !relation.makes_table {
                continue;
            }
            // A child or proxy has the relations of its parent, and the columns are the parent's.
            let declared = |other: &&Model<'_>| {
                let same = other.relations.iter().any(|r| (r.file, r.span) == (relation.file, relation.span));
                same && out.columns.contains(&name(other, &relation.name))
            };
            let inherited = !out.columns.contains(&name(model, &relation.name)) && models.iter().any(|m| declared(&m));
            if !inherited && model.table.is_some() {
                out.catalog.insert(name(model, &relation.name));
            }
        }
    }
    let plan = plan::plan(&checked.audit, &Options::default());
    out.plan = serde_json::to_string(&plan).unwrap();
    out
}

/// The expected tables of a project as a dump, and the labels of its models.
fn dump(root: &Path, folder: &Path) -> (PathBuf, Vec<String>) {
    let expected = expected_schema(&settings(root, "shop.Order"), false).unwrap();
    let text = sql(&expected, &Selection { app: None, alias: Some(String::from("default")) });
    let file = folder.join("it.sql");
    let head = "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n-- Server version\t8.0.36\n";
    fs::write(&file, format!("{head}{text}")).unwrap();
    let mut labels: Vec<String> = expected.models.values().map(|model| model.label.clone()).collect();
    labels.sort();
    (file, labels)
}

#[test]
fn relations_by_helper_subclass_setting_and_type_are_known_offline_and_with_a_database() {
    for (case, target, known) in [
        (
            "derived_relations",
            "shop.Order",
            &[
                "ledger.basket.orders",
                "ledger.entry.order",
                "ledger.invoice.order",
                "ledger.journal.order",
                "ledger.note.about",
                "ledger.parcel.shipped",
                "ledger.receipt.order",
                "ledger.refund.order",
            ][..],
        ),
        ("user_model", "people.Person", &["notes.note.author", "notes.reading.reader"][..]),
    ] {
        let root = fixtures().join("cases").join(case);
        let folder = tempfile::tempdir().unwrap();
        let (dump, _) = dump(&root, folder.path());
        let found = relations(&root, target, &dump);
        let catalog: Vec<&str> = found.catalog.iter().map(String::as_str).collect();
        assert_eq!(catalog, known, "{case}");
        // The tables between a user and groups are the user's own, declared in Django's abstract class.
        let columns: Vec<&String> = found.columns.iter().filter(|field| !field.starts_with("people.")).collect();
        assert_eq!(columns, known, "{case}");
        for table in &found.tables {
            assert!(found.plan.contains(&format!("\"{table}\"")), "{case}: the plan does not name {table}");
        }
    }
}

/// Whether a field, as `app.model.field`, is the link of a child in multi-table inheritance to its parent.
fn is_link(field: &str, child: &str) -> bool {
    field.starts_with(&format!("{}.", child.to_lowercase())) && field.ends_with("_ptr")
}

#[test]
fn the_catalog_and_the_columns_agree_on_every_fixture() {
    let mut compared = 0;
    let mut wrong = Vec::new();
    let mut roots: Vec<PathBuf> = fs::read_dir(fixtures().join("schema")).unwrap().map(|e| e.unwrap().path()).collect();
    roots.push(fixtures().join("project"));
    // Its models are not what its migrations say, which is the point of it.
    roots.retain(|root| !root.ends_with("models_differ"));
    roots.sort();
    for root in roots {
        let folder = tempfile::tempdir().unwrap();
        let (dump, labels) = dump(&root, folder.path());
        let found: Vec<(String, Relations)> =
            labels.into_iter().map(|label| (label.clone(), relations(&root, &label, &dump))).collect();
        for (label, own) in found.iter().filter(|(_, own)| own.in_code) {
            compared += 1;
            // The key of a child in multi-table inheritance is its parent's: columns that store the parent's ids
            // store the child's too. Their fields stand in the catalog of the parent.
            let inherited = |more: &BTreeSet<String>| {
                let parents = found.iter().filter(|(_, parent)| parent.catalog.iter().any(|f| is_link(f, label)));
                // A many-to-many field of the parent itself is no relation to the parent, and its table stores the ids.
                let of = |name: &str, parent: &Relations, field: &String| {
                    parent.catalog.contains(field) || field.starts_with(&format!("{}.", name.to_lowercase()))
                };
                let mut parents = parents;
                more.is_empty() || parents.any(|(name, parent)| more.iter().all(|field| of(name, parent, field)))
            };
            let more: BTreeSet<String> = own.columns.difference(&own.catalog).cloned().collect();
            if !own.catalog.is_subset(&own.columns) || !inherited(&more) {
                wrong.push(format!("{} {label}: {:?} / {:?}", root.display(), own.catalog, own.columns));
            }
        }
    }
    assert!(compared >= 10, "{compared}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_catalog_and_the_columns_agree_on_edx_platform() {
    let Some(root) = std::env::var_os("CSM_AUDIT_CHALIX").map(PathBuf::from) else {
        let notice = "tests/relations.rs: skipped, CSM_AUDIT_CHALIX names no edx-platform tree\n";
        // The harness swallows what `eprintln!` writes.
        if let Ok(mut terminal) = fs::OpenOptions::new().append(true).open("/dev/stderr") {
            terminal.write_all(notice.as_bytes()).unwrap();
        }
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (dump, _) = dump(&root, folder.path());
    let found = relations(&root, "courseware.StudentModule", &dump);
    assert_eq!(found.catalog, found.columns);
    assert!(!found.catalog.is_empty());
}
