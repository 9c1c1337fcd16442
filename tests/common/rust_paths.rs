//! Which modules of the crate a source file names, read from its tokens: paths, use-groups, macros, re-exports and the
//! paths in strings of attributes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// A path in the source: its segments from the crate's root, and its 1-based line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The segments after `crate`.
    pub segments: Vec<String>,
    /// The 1-based line of its first word.
    pub line: usize,
    /// Whether it stands in a `pub use`: it passes an item on, and uses none.
    pub re_export: bool,
}

/// One file of `src`, with what it names.
#[derive(Debug)]
pub struct SourceFile {
    /// Its path below `src`.
    pub path: PathBuf,
    /// Its module path: `["literal", "eval"]`; empty for `lib.rs`.
    pub module: Vec<String>,
    /// Its text.
    pub text: String,
    /// Every path of the crate in it, tests left out.
    pub named: Vec<Named>,
    /// The names that it defines or passes on, by the path that a `pub use` leads to.
    pub passes_on: BTreeMap<String, Vec<String>>,
}

/// All Rust files below a folder, sorted.
pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The files of the library below `src`, without those of the program and without files of tests.
pub fn library(src: &Path, program: &[&str]) -> Vec<SourceFile> {
    let mut sources = Vec::new();
    for file in rust_files(src) {
        let path = file.strip_prefix(src).unwrap().to_path_buf();
        let mut module: Vec<String> =
            path.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if module.last().is_some_and(|last| last == "mod" || last == "lib") {
            module.pop();
        }
        let top = module.first().map_or("lib", String::as_str);
        if program.contains(&top) || path.ends_with("tests.rs") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        sources.push(read(path, module, text));
    }
    sources
}

/// Reads one file.
pub fn read(path: PathBuf, module: Vec<String>, text: String) -> SourceFile {
    let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut reader = Reader { named: Vec::new(), passes_on: BTreeMap::new() };
    reader.stream(tokens, &module, false);
    let Reader { named, passes_on } = reader;
    SourceFile { path, module, text, named, passes_on }
}

struct Reader {
    named: Vec<Named>,
    passes_on: BTreeMap<String, Vec<String>>,
}

fn is_punct(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

fn word(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
        _ => None,
    }
}

fn group(token: Option<&TokenTree>, delimiter: Delimiter) -> Option<&Group> {
    match token {
        Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group),
        _ => None,
    }
}

impl Reader {
    fn stream(&mut self, tokens: TokenStream, module: &[String], in_attribute: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        let mut public = false;
        while at < tokens.len() {
            // `#[cfg(test)]` and the item after it.
            if is_punct(tokens.get(at), '#')
                && let Some(attribute) = group(tokens.get(at + 1), Delimiter::Bracket)
            {
                if attribute.stream().to_string().replace(' ', "") == "cfg(test)" {
                    at += 2;
                    while at < tokens.len()
                        && !is_punct(tokens.get(at), ';')
                        && group(tokens.get(at), Delimiter::Brace).is_none()
                    {
                        at += 1;
                    }
                } else {
                    self.stream(attribute.stream(), module, true);
                    at += 1;
                }
                at += 1;
                continue;
            }
            match &tokens[at] {
                TokenTree::Ident(ident) => {
                    let name = ident.to_string();
                    if name == "pub" {
                        public = true;
                        at += 1;
                        if group(tokens.get(at), Delimiter::Parenthesis).is_some() {
                            at += 1;
                        }
                        continue;
                    }
                    if name == "mod"
                        && let (Some(inner), Some(body)) =
                            (word(tokens.get(at + 1)), group(tokens.get(at + 2), Delimiter::Brace))
                    {
                        let mut inside = module.to_vec();
                        inside.push(inner);
                        self.stream(body.stream(), &inside, false);
                        at += 3;
                    } else if name == "use" {
                        let end = (at..tokens.len()).find(|&i| is_punct(tokens.get(i), ';')).unwrap_or(tokens.len());
                        self.tree(&tokens[at + 1..end], module, module, public);
                        at = end;
                    } else if matches!(name.as_str(), "crate" | "super" | "self")
                        && is_punct(tokens.get(at + 1), ':')
                        && is_punct(tokens.get(at + 2), ':')
                    {
                        let end = path_end(&tokens, at);
                        self.tree(&tokens[at..end], module, module, false);
                        at = end;
                        continue;
                    } else {
                        at += 1;
                    }
                    public = false;
                }
                TokenTree::Group(inner) => {
                    self.stream(inner.stream(), module, in_attribute);
                    public = false;
                    at += 1;
                }
                TokenTree::Literal(literal) => {
                    // `#[serde(with = "crate::…")]`
                    let text = literal.to_string();
                    if in_attribute
                        && let Some(path) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'))
                        && ["crate::", "super::", "self::"].iter().any(|start| path.starts_with(start))
                        && let Ok(tokens) = path.parse::<TokenStream>()
                    {
                        self.stream(tokens, module, false);
                    }
                    at += 1;
                }
                TokenTree::Punct(_) => {
                    public = false;
                    at += 1;
                }
            }
        }
    }

    /// A path, or the tree of a `use`: `a::b`, `a::{b, c::d as e}`, `a::*`.
    fn tree(&mut self, tokens: &[TokenTree], from: &[String], module: &[String], re_export: bool) {
        let mut segments = from.to_vec();
        let mut at = 0;
        let mut known = from != module;
        let mut first = None;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Ident(ident) => {
                    let name = ident.to_string();
                    first.get_or_insert(ident.span().start().line);
                    match name.as_str() {
                        "crate" => (segments, known) = (Vec::new(), true),
                        "super" => {
                            if !known {
                                segments = module.to_vec();
                            }
                            segments.pop();
                            known = true;
                        }
                        "self" => known = true,
                        "as" => {
                            let alias = word(tokens.get(at + 1)).unwrap_or_default();
                            if known {
                                self.add(segments, first, re_export, Some(alias));
                            }
                            return;
                        }
                        // A path that begins with a name in scope: a crate, or a child of this module.
                        _ => segments.push(name),
                    }
                }
                TokenTree::Group(inner) => {
                    let mut part = Vec::new();
                    for token in inner.stream() {
                        if is_punct(Some(&token), ',') {
                            self.tree_in(&part, &segments, module, known, re_export);
                            part.clear();
                        } else {
                            part.push(token);
                        }
                    }
                    self.tree_in(&part, &segments, module, known, re_export);
                    return;
                }
                TokenTree::Punct(punct) if punct.as_char() == '*' => segments.push(String::from("*")),
                _ => {}
            }
            at += 1;
        }
        // `use child::Name` in a parent names its child.
        if known || re_export || segments.len() > module.len() + 1 {
            self.add(segments, first, re_export, None);
        }
    }

    fn tree_in(&mut self, part: &[TokenTree], from: &[String], module: &[String], known: bool, re_export: bool) {
        if part.is_empty() {
            return;
        }
        if known || from != module {
            // Within a group the segments before it stand, whatever the module is.
            let mut inner = Reader { named: Vec::new(), passes_on: BTreeMap::new() };
            let marker: Vec<String> = std::iter::once(String::from("\0")).chain(from.iter().cloned()).collect();
            inner.tree(part, &marker, module, re_export);
            for mut named in inner.named {
                named.segments.remove(0);
                self.named.push(named);
            }
            for (name, mut path) in inner.passes_on {
                path.remove(0);
                self.passes_on.insert(name, path);
            }
        } else {
            self.tree(part, from, module, re_export);
        }
    }

    fn add(&mut self, segments: Vec<String>, line: Option<usize>, re_export: bool, alias: Option<String>) {
        if re_export && let Some(last) = alias.or_else(|| segments.last().cloned()) {
            self.passes_on.insert(last, segments.clone());
        }
        self.named.push(Named { segments, line: line.unwrap_or_default(), re_export });
    }
}

/// The end of a path that begins at `start`: words with `::` between, and one group for a use-tree in a macro.
fn path_end(tokens: &[TokenTree], start: usize) -> usize {
    let mut at = start + 1;
    while is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':') {
        if word(tokens.get(at + 2)).is_some() {
            at += 3;
        } else if group(tokens.get(at + 2), Delimiter::Brace).is_some() {
            return at + 3;
        } else {
            break;
        }
    }
    at
}

/// The module file that a path leads to: re-exports are followed to the file that defines the item.
pub fn defined_in(files: &BTreeMap<Vec<String>, &SourceFile>, segments: &[String]) -> Option<Vec<String>> {
    let mut segments = segments.to_vec();
    for _ in 0..16 {
        let depth = (0..=segments.len()).rev().find(|&depth| files.contains_key(&segments[..depth]))?;
        let file = files[&segments[..depth]];
        let next = segments.get(depth).and_then(|name| file.passes_on.get(name));
        match next {
            Some(path) if *path != segments[..=depth] => {
                let rest = segments[depth + 1..].to_vec();
                segments = path.iter().cloned().chain(rest).collect();
            }
            _ => return Some(segments[..depth].to_vec()),
        }
    }
    None
}

/// Sets of nodes that all reach each other, each sorted, of more than one node.
pub fn circles(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<String>> {
    let reach = |from: &String| {
        let mut seen: BTreeSet<&String> = BTreeSet::new();
        let mut todo: Vec<&String> = edges.get(from).into_iter().flatten().collect();
        while let Some(node) = todo.pop() {
            if seen.insert(node) {
                todo.extend(edges.get(node).into_iter().flatten());
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<&String>> = edges.keys().map(|node| (node, reach(node))).collect();
    let mut found = BTreeSet::new();
    for (node, nodes) in &reached {
        let circle: Vec<String> = nodes
            .iter()
            .filter(|other| reached.get(**other).is_some_and(|back| back.contains(*node)))
            .map(|other| (*other).clone())
            .collect();
        if circle.len() > 1 {
            found.insert(circle);
        }
    }
    found.into_iter().collect()
}
