//! The HTML report in a real browser: tests/browser drives Chromium over the pages that are made here.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::hostile::{crowd, hostile};
use csm_audit::report::v1::Report;
use csm_audit::report::{html, json};

/// Chromium, under the names it has.
fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let mut found = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    found.find(|program| program.is_file())
}

#[test]
fn the_page_works_in_a_browser() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let installed =
        folder.join("node_modules/playwright-core").is_dir() && folder.join("node_modules/axe-core").is_dir();
    let (Some(chromium), true) = (chromium(), installed) else {
        let how = "install Chromium and Node.js, and run `npm ci` in tests/browser (.ci/run does both)";
        assert!(std::env::var_os("CI").is_none(), "there is no browser to test with; {how}");
        common::skip::skipped(&format!("the HTML report in a browser; {how}"));
        return;
    };

    let pages = tempfile::tempdir().unwrap();
    let text =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/reports/three-environments.json")).unwrap();
    let rich = json::read(&text).unwrap();
    let mut bare = rich.clone();
    (bare.answer, bare.plan) = (None, None);
    bare.environments.clear();
    bare.findings.clear();
    bare.columns.clear();
    let write = |name: &str, report: &Report| {
        fs::write(pages.path().join(name), html::render(report).unwrap()).unwrap();
    };
    write("rich.html", &rich);
    write("bare.html", &bare);
    write("empty.html", &Report::default());
    write("hostile.html", &hostile(rich.clone()));
    write("crowd.html", &crowd(rich, 5_000));

    let output = Command::new("node")
        .args(["--test", "--test-reporter=spec", "report.test.js"])
        .current_dir(folder)
        .env("PAGES", pages.path())
        .env("CHROMIUM", chromium)
        .output()
        .expect("node runs");
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
