//! The rules of ARCHITECTURE.md that a machine can check.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::Span;
use regex::Regex;
use syn::spanned::Spanned as _;
use syn::visit::Visit;

#[path = "common/rust_paths.rs"]
mod rust_paths;

use rust_paths::{SourceFile, circles, defined_in, library, read, rust_files};

/// Longer files are split: nobody reads them.
const MAX_LINES: usize = 800;

/// Longer functions are split by the kind of thing they handle.
const MAX_FUNCTION_LINES: usize = 120;

/// What stands outside of the layers: the crate's root and the program, which use the library as anyone else would.
const OUTSIDE: [&str; 6] = ["lib", "main", "bar", "environments", "output", "planning"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The modules, in order, from the table of layers.
fn layers() -> Vec<String> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let row = Regex::new(r"(?m)^\| `([a-z_]+)` \|").unwrap();
    row.captures_iter(&text).map(|row| row[1].to_owned()).collect()
}

/// The library's files, without the crate's root and without tests.
fn sources() -> Vec<SourceFile> {
    library(&root().join("src"), &OUTSIDE)
}

/// What is wrong with the paths of a file: it names a later layer, the crate's root, or nothing of the table.
fn wrong_paths(layers: &[String], file: &SourceFile) -> Vec<String> {
    let position = |name: &str| layers.iter().position(|layer| layer == name);
    let module = &file.module[0];
    let Some(own) = position(module) else {
        return vec![format!("`{module}` is not in the table of layers in ARCHITECTURE.md")];
    };
    let mut wrong = Vec::new();
    for named in &file.named {
        let place = format!("{}:{}", file.path.display(), named.line);
        match named.segments.first() {
            None => wrong.push(format!("{place}: `{module}` names the crate's root")),
            Some(first) => match position(first) {
                Some(other) if other <= own => {}
                Some(_) => wrong.push(format!("{place}: `{module}` names the later `{first}`")),
                None => wrong.push(format!("{place}: `crate::{first}` is not a layer")),
            },
        }
    }
    wrong
}

#[test]
fn a_module_names_only_itself_and_earlier_ones() {
    let layers = layers();
    let wrong: Vec<String> = sources().iter().flat_map(|file| wrong_paths(&layers, file)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_way_to_name_a_module_is_seen() {
    let layers = ["low", "middle", "high"].map(str::to_owned);
    let wrong = |text: &str| {
        let module = vec![String::from("middle"), String::from("part")];
        let file = read(PathBuf::from("middle/part.rs"), module, text.to_owned());
        !wrong_paths(&layers, &file).is_empty()
    };
    for text in [
        "use crate::Error;",
        "use crate::high::Thing;",
        "use crate::{low, high};",
        "use crate::{low::{A, B}, high as other};",
        "use crate::*;",
        "use crate as whole;",
        "use super::super::high;",
        "use super::{super::high::Thing, other};",
        "pub use crate::high::Thing;",
        "fn f() -> crate::Error { todo!() }",
        "fn f() { g::<crate::high::Thing>() }",
        "fn f() { println!(\"{}\", crate::high::name()) }",
        "macro_rules! m { () => { $crate::high::name() } }",
        "#[serde(with = \"crate::high::hex\")] struct S;",
        "mod inner { use super::super::super::high; }",
        "fn f() { super::super::high::g() }",
    ] {
        assert!(wrong(text), "{text}");
    }
    for text in [
        "use crate::low::Thing;",
        "use crate::{low, middle::other};",
        "use super::other::Thing;",
        "use self::child::Thing;",
        "mod inner { use super::super::other; }",
        "use std::high::Thing;",
        "#[cfg(test)] mod tests { use crate::high; }",
        "#[cfg(test)] use crate::high;",
        "fn f() { \"crate::high\".len() }",
        "// crate::high\n",
    ] {
        assert!(!wrong(text), "{text}");
    }
}

/// Which files of one module use which, re-exports followed to the file that defines the item.
fn edges(files: &[SourceFile]) -> BTreeMap<String, BTreeSet<String>> {
    let by_module: BTreeMap<Vec<String>, &SourceFile> = files.iter().map(|file| (file.module.clone(), file)).collect();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let from = file.module.join("::");
        let out = edges.entry(from).or_default();
        for named in file.named.iter().filter(|named| !named.re_export) {
            let Some(target) = defined_in(&by_module, &named.segments) else { continue };
            if target != file.module && target.first() == file.module.first() {
                out.insert(target.join("::"));
            }
        }
    }
    edges
}

#[test]
fn the_files_of_a_module_form_no_circle() {
    let found: Vec<String> = circles(&edges(&sources())).into_iter().map(|circle| circle.join(" ")).collect();
    assert!(found.is_empty(), "circles:\n{found:#?}");
}

#[test]
fn only_those_who_may_touch_the_file_system() {
    const MAY: [&str; 4] = ["discover", "config", "live", "gate"];
    let touch = Regex::new(r"\b(std::fs|fs::[a-z_]+\(|File::(open|create)|std::net|TcpStream)\b").unwrap();
    for file in sources().iter().filter(|file| !MAY.contains(&file.module[0].as_str())) {
        let code = code(file);
        let found = touch.find(&code);
        assert!(found.is_none(), "{} says {}", file.path.display(), found.unwrap().as_str());
    }
}

#[test]
fn only_live_talks_to_servers() {
    let talk = Regex::new(r"\b(mysql_async|tokio|async fn|UnixStream)\b").unwrap();
    for file in sources().iter().filter(|file| file.module[0] != "live") {
        assert!(!talk.is_match(&code(file)), "{} talks to servers", file.path.display());
    }
}

/// The text without comments and tests.
fn code(file: &SourceFile) -> String {
    let code = file.text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn files_are_short_enough_to_read() {
    for folder in ["src", "tests"] {
        for file in rust_files(&root().join(folder)) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            assert!(lines <= MAX_LINES, "{} has {lines} lines", file.display());
        }
    }
}

/// The functions of a file with their lines.
#[derive(Default)]
struct Functions(Vec<(String, usize)>);

impl Functions {
    fn add(&mut self, name: &syn::Ident, whole: Span) {
        self.0.push((name.to_string(), whole.end().line - name.span().start().line + 1));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig.ident, item.span());
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig.ident, item.span());
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.add(&item.sig.ident, item.span());
        syn::visit::visit_trait_item_fn(self, item);
    }
}

#[test]
fn functions_are_short_enough_to_read() {
    let mut found = BTreeSet::new();
    for folder in ["src", "tests"] {
        for file in rust_files(&root().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let tree = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let mut functions = Functions::default();
            functions.visit_file(&tree);
            let shown = file.strip_prefix(root()).unwrap().display().to_string();
            for (name, lines) in functions.0.into_iter().filter(|(_, lines)| *lines > MAX_FUNCTION_LINES) {
                println!("{shown}: {name} has {lines} lines");
                found.insert(format!("{shown}: {name}"));
            }
        }
    }
    assert!(found.is_empty(), "longer than {MAX_FUNCTION_LINES} lines:\n{found:#?}");
}
