//! The SQL that `csm-audit schema` prints makes, on a real server, the tables that it says to expect.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly, as the tests do")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::introspect::{differences_after_loading, expected_tables};
use support::{Flavour, Server, ServerOptions};

/// A project whose migrations are replayed.
struct Project {
    folder: PathBuf,
    settings: &'static str,
    /// `--django`; the project says it itself where this is nothing.
    django: Option<&'static str>,
    aliases: &'static [&'static str],
}

impl Project {
    fn fixture() -> Self {
        Self {
            folder: Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/project"),
            settings: "lms.envs.production",
            django: None,
            aliases: &["default", "student_module_history"],
        }
    }

    /// Apps of their own, which use what servers and Django's versions differ in.
    fn corpus(shared: &Path, apps: &str, settings: &'static str, django: &'static str) -> Self {
        let folder = shared.join("truth/schema/apps").join(apps);
        Self { folder, settings, django: Some(django), aliases: &["default"] }
    }

    /// What `csm-audit schema` prints.
    fn schema(&self, server: &str, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_csm-audit"))
            .arg("schema")
            .arg(&self.folder)
            .args(["--settings", self.settings, "--server", server])
            .args(self.django.iter().flat_map(|version| ["--django", version]))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The name of a server for `--server`, after what it says itself.
fn server_name(server: &Server) -> String {
    let version = server.value("SELECT VERSION()");
    let series: Vec<_> = version.split('.').take(2).collect();
    let family = if server.flavour() == Flavour::MariaDb { "mariadb" } else { "mysql" };
    format!("{family}-{}", series.join("."))
}

#[track_caller]
fn load_as_expected(flavour: Flavour, projects: &[Project]) {
    let Some(server) = support::start(flavour, ServerOptions::new()) else { return };
    let name = server_name(&server);
    for (number, project) in projects.iter().enumerate() {
        let report = serde_json::from_str(&project.schema(&name, &["--format", "json"])).unwrap();
        for alias in project.aliases {
            let what = format!("{} with Django {:?} on {name}, {alias}", project.folder.display(), project.django);
            let ddl = project.schema(&name, &["--format", "sql", "--alias", alias]);
            let expected = expected_tables(&report, alias);
            assert!(!expected.is_empty(), "{what}: no tables are expected");
            let found = differences_after_loading(&server, &format!("{alias}_{number}"), &ddl, &expected);
            assert!(found.is_empty(), "{what}: {found:#?}");
        }
    }
}

#[test]
fn on_mariadb() {
    load_as_expected(Flavour::MariaDb, &[Project::fixture()]);
}

/// Django 4.2 wants MySQL 8, but the tables it makes without expressions suit 5.6.
#[test]
fn on_mysql56() {
    load_as_expected(Flavour::MySql56, &[Project::fixture()]);
}

#[test]
fn on_mysql97() {
    load_as_expected(Flavour::MySql97, &[Project::fixture()]);
}

/// The corpora, when they are there: they belong to nobody's checkout.
fn corpora(of: impl Fn(&Path) -> Vec<Project>) -> Vec<Project> {
    let shared = std::env::var_os("CSM_AUDIT_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    if shared.join("truth/schema/apps").is_dir() {
        return of(&shared);
    }
    support::skip::skipped(&format!("{} has no corpora to load into servers; set CSM_AUDIT_SHARED", shared.display()));
    Vec::new()
}

fn of_old_django(shared: &Path) -> Vec<Project> {
    ["1.8", "2.2"].map(|django| Project::corpus(shared, "versions", "settings_old", django)).into()
}

fn of_new_django(shared: &Path) -> Vec<Project> {
    let versions = ["4.2", "5.2"];
    let old_apps = versions.map(|django| Project::corpus(shared, "versions", "settings_old", django));
    let new_apps = versions.map(|django| Project::corpus(shared, "synthetic", "settings_syn", django));
    old_apps.into_iter().chain(new_apps).collect()
}

#[test]
fn corpora_on_mariadb() {
    load_as_expected(Flavour::MariaDb, &corpora(of_new_django));
}

#[test]
fn corpora_on_mysql56() {
    load_as_expected(Flavour::MySql56, &corpora(of_old_django));
}

#[test]
fn corpora_on_mysql97() {
    load_as_expected(Flavour::MySql97, &corpora(of_new_django));
}
