//! A scan with databases opens each Python file once, whatever the number of servers.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

use csm_audit::config::Settings;
use csm_audit::live::{DataSource, Request, Source};
use csm_audit::progress::Silent;
use csm_audit::{CrossCheckResult, cross_check, scan_and_keep_texts};
use walkdir::WalkDir;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// A copy of the fixture project.
fn project() -> tempfile::TempDir {
    let (from, copy) = (fixtures().join("project"), tempfile::tempdir().unwrap());
    for entry in WalkDir::new(&from).into_iter().map(Result::unwrap) {
        let to = copy.path().join(entry.path().strip_prefix(&from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(to).unwrap();
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
    copy
}

/// Two environments, on servers of two makes.
fn sources() -> Vec<Source> {
    let file = |name: &str| fixtures().join("environments").join(name);
    let dump = DataSource::dump(file("stage.platform.sql"), None).unwrap();
    let source = |name: &str, place: DataSource| Source { name: name.to_owned(), places: vec![place] };
    vec![source("prod", DataSource::Snapshot(file("prod.json"))), source("stage", dump)]
}

/// A cross-check of the project; its Python files are emptied between the scan and the cross-check when that is asked.
fn checked(empty: bool) -> CrossCheckResult {
    let project = project();
    let settings = Settings {
        roots: vec![project.path().to_path_buf()],
        settings: Some(String::from("lms.envs.production")),
        ..Settings::default()
    };
    let scanned = scan_and_keep_texts(&settings, &Silent).unwrap();
    if empty {
        let files = WalkDir::new(project.path()).into_iter().map(Result::unwrap);
        let python = files.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "py"));
        let emptied = python.map(|entry| fs::write(entry.path(), "").unwrap()).count();
        assert!(emptied > 20, "{emptied}");
    }
    let request = Request::about(&settings.target);
    cross_check(&settings, &scanned, &sources(), &request, &Silent).unwrap()
}

#[test]
fn a_cross_check_opens_no_python_file_that_the_scan_has_read() {
    let (whole, emptied) = (checked(false), checked(true));
    let servers: Vec<String> = whole.audit.expected.iter().map(|code| code.server.to_string()).collect();
    assert!(servers.len() > 1, "{servers:?}");
    assert!(whole.audit.expected.iter().all(|code| !code.migrations.is_empty()));
    assert_eq!(format!("{:#?}", whole.audit), format!("{:#?}", emptied.audit));
    assert_eq!(format!("{:#?}", whole.findings), format!("{:#?}", emptied.findings));
}

/// What is evaluated for one server and used for the next comes to the same as what is evaluated for it alone.
#[test]
fn servers_share_what_does_not_depend_on_them() {
    let audit = checked(false).audit;
    for shared in &audit.expected[1..] {
        let settings = Settings {
            roots: vec![fixtures().join("project")],
            settings: Some(String::from("lms.envs.production")),
            server: Some(shared.server.exactly()),
            ..Settings::default()
        };
        let alone = csm_audit::expected_schema(&settings, false).unwrap();
        assert_eq!(format!("{:#?}", shared.databases), format!("{:#?}", alone.databases));
        assert_eq!(format!("{:#?}", shared.differences), format!("{:#?}", alone.differences));
        assert_eq!(format!("{:#?}", shared.gaps), format!("{:#?}", alone.gaps));
    }
}
