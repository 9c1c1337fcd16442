//! What the checks say of themselves, and CHECKS.md.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use csm_audit::check::{CHECKS, docs};

#[test]
fn the_book_of_checks_is_that_of_the_sources() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("CHECKS.md");
    let book = docs::book();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &book).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == book, "CHECKS.md is stale; renew it: UPDATE=1 cargo test --test checks");
}

#[test]
fn every_check_tells_what_it_is_for() {
    let mut ids = Vec::new();
    for check in CHECKS {
        assert!(!ids.contains(&check.id), "{} is there twice", check.id);
        ids.push(check.id);
        assert!(check.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", check.id);
        for section in ["## What", "## Why", "## Example", "## Fix"] {
            let page = docs::page(check);
            let at = page.find(&format!("{section}\n")).unwrap_or_else(|| panic!("{} has no {section}", check.id));
            let text = page[at + section.len()..].split("\n## ").next().unwrap().trim();
            assert!(text.len() > 20, "{} says nothing under {section}", check.id);
        }
    }
}

#[test]
fn a_check_is_one_file_named_after_it() {
    for check in CHECKS {
        let file = format!("src/check/{}.rs", check.id.replace('-', "_"));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("there is no {file}"));
        assert!(text.contains(&format!("id: \"{}\"", check.id)), "{file} declares another check");
    }
}
