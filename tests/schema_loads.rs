//! The SQL that `csm-audit schema` prints makes, on a real server, the tables that it says to expect.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly, as the tests do")]

mod support;

use std::path::Path;
use std::process::Command;

use support::introspect::{differences_after_loading, expected_tables};
use support::{Flavour, Server, ServerOptions};

/// What `csm-audit schema` prints for the fixture project.
fn schema(server: &str, arguments: &[&str]) -> String {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/project");
    let output = Command::new(env!("CARGO_BIN_EXE_csm-audit"))
        .arg("schema")
        .arg(project)
        .args(["--settings", "lms.envs.production", "--server", server])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The name of a server for `--server`, after what it says itself.
fn server_name(server: &Server) -> String {
    let version = server.value("SELECT VERSION()");
    let series: Vec<_> = version.split('.').take(2).collect();
    let family = if server.flavour() == Flavour::MariaDb { "mariadb" } else { "mysql" };
    format!("{family}-{}", series.join("."))
}

fn loads_as_expected(flavour: Flavour) {
    let Some(server) = support::start(flavour, ServerOptions::new()) else { return };
    let name = server_name(&server);
    let report = serde_json::from_str(&schema(&name, &["--format", "json"])).unwrap();
    for alias in ["default", "student_module_history"] {
        let ddl = schema(&name, &["--format", "sql", "--alias", alias]);
        let expected = expected_tables(&report, alias);
        assert!(!expected.is_empty(), "{name} {alias}: no tables are expected");
        let found = differences_after_loading(&server, alias, &ddl, &expected);
        assert!(found.is_empty(), "{name} {alias}: {found:#?}");
    }
}

#[test]
fn on_mariadb() {
    loads_as_expected(Flavour::MariaDb);
}

/// Django 4.2 wants MySQL 8, but the tables it makes without expressions suit 5.6.
#[test]
fn on_mysql56() {
    loads_as_expected(Flavour::MySql56);
}

#[test]
fn on_mysql97() {
    loads_as_expected(Flavour::MySql97);
}
