//! The rules of ARCHITECTURE.md that a machine can check.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Longer files are split: nobody reads them.
const MAX_LINES: usize = 800;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The modules, in order, from the table of layers.
fn layers() -> Vec<String> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let row = Regex::new(r"(?m)^\| `([a-z_]+)` \|").unwrap();
    row.captures_iter(&text).map(|row| row[1].to_owned()).collect()
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The library's files by module, without comments and tests.
fn sources() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    files.sort();
    let mut modules: BTreeMap<String, Vec<(PathBuf, String)>> = BTreeMap::new();
    for file in files {
        let path = file.strip_prefix(root().join("src")).unwrap().to_path_buf();
        let module = path.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned();
        let outside = ["lib", "main", "bar", "environments", "output", "planning"];
        if outside.contains(&module.as_str()) || path.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        modules.entry(module).or_default().push((path, code.join("\n")));
    }
    modules
}

#[test]
fn a_module_names_only_itself_and_earlier_ones() {
    let layers = layers();
    let position = |name: &str| layers.iter().position(|layer| layer == name);
    let named = Regex::new(r"\bcrate::(\{|[a-z_0-9]+)").unwrap();
    let mut wrong = Vec::new();
    for (module, files) in sources() {
        let Some(own) = position(&module) else {
            wrong.push(format!("`{module}` is not in the table of layers in ARCHITECTURE.md"));
            continue;
        };
        for (path, code) in files {
            for name in named.captures_iter(&code) {
                match position(&name[1]) {
                    Some(other) if other <= own => {}
                    Some(_) => wrong.push(format!("{}: `{module}` names the later `{}`", path.display(), &name[1])),
                    None => wrong.push(format!("{}: `crate::{}` names no layer", path.display(), &name[1])),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_those_who_may_touch_the_file_system() {
    const MAY: [&str; 4] = ["discover", "config", "live", "gate"];
    let touch = Regex::new(r"\b(std::fs|fs::[a-z_]+\(|File::(open|create)|std::net|TcpStream)\b").unwrap();
    for (module, files) in sources() {
        for (path, code) in files {
            let found = touch.find(&code).filter(|_| !MAY.contains(&module.as_str()));
            assert!(found.is_none(), "{} says {}", path.display(), found.unwrap().as_str());
        }
    }
}

#[test]
fn only_live_talks_to_servers() {
    let talk = Regex::new(r"\b(mysql_async|tokio|async fn|UnixStream)\b").unwrap();
    for (module, files) in sources().into_iter().filter(|(module, _)| module != "live") {
        for (path, code) in files {
            assert!(!talk.is_match(&code), "{} of `{module}` talks to servers", path.display());
        }
    }
}

#[test]
fn files_are_short_enough_to_read() {
    let mut files = Vec::new();
    rust_files(&root().join("src"), &mut files);
    rust_files(&root().join("tests"), &mut files);
    for file in files {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= MAX_LINES, "{} has {lines} lines", file.display());
    }
}
