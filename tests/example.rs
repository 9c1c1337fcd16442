//! `reports/example` holds the reports of the fixture project, as they are made today.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use common::{program, run, text};

/// What makes them, from the repository's root.
const COMMAND: [&str; 4] = ["scan", "fixtures/project", "--config", "fixtures/project/csm-audit.toml"];

#[test]
fn the_example_is_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kept = root.join("reports/example");
    let fresh = tempfile::tempdir().unwrap();
    let renew = std::env::var_os("UPDATE").is_some();
    let folder = if renew { &kept } else { fresh.path() };
    let output =
        run(program().current_dir(root).args(COMMAND).args(["--quiet", "-o"]).arg(format!("{}/", folder.display())));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let (now, then) = (files(folder), files(&kept));
    for name in ["csm-audit.json", "csm-audit.html", "csm-audit.md", "csm-audit.sarif", "plan/runbook.md"] {
        assert!(now.contains_key(name), "{name} was not written");
    }
    let names: BTreeSet<&String> = now.keys().chain(then.keys()).collect();
    for name in names {
        assert!(
            now.get(name) == then.get(name),
            "reports/example/{name} is stale; renew it: rm -r reports/example; UPDATE=1 cargo test --test example"
        );
    }
}

#[test]
fn the_readme_shows_what_is_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output =
        run(program().current_dir(root).args(COMMAND).args(["--quiet", "--color", "never"]).env("COLUMNS", "80"));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let path = root.join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once("```text\n").unwrap();
    let (shown, after) = rest.split_once("```\n").unwrap();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, format!("{before}```text\n{printed}```\n{after}")).unwrap();
    } else {
        assert_eq!(shown, printed, "README.md is stale; renew it: UPDATE=1 cargo test --test example");
    }
}

/// The files below a folder with what they hold, by their paths in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok).filter(|e| e.file_type().is_file()) {
        let name = entry.path().strip_prefix(folder).unwrap().to_string_lossy().into_owned();
        found.insert(name, fs::read(entry.path()).unwrap());
    }
    found
}
