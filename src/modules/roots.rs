//! Which folders are on `sys.path`, as far as the tree shows.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use rustc_hash::FxHashSet;

use super::sys_path;
use crate::discover::{Discovery, FileEntry, FileKind, RootKind};
use crate::parse::ParsedFile;
use crate::source::{FileId, Gap, GapKind};

/// Why a folder is an import root, in the order of trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A module puts it on `sys.path`.
    SysPath,
    /// A setup file says that packages lie in it.
    Setup,
    /// A requirements file or an installed `.pth` file installs it in place.
    Editable,
    /// `PYTHONPATH`, or pytest's `pythonpath`.
    PythonPath,
    /// It is the parent of a package and no package itself.
    TopLevelPackage,
}

/// A folder from which modules can be imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRoot {
    /// Index of the scanned root.
    pub root: usize,
    /// The folder, relative to the root, `/` separated.
    pub dir: String,
    /// What makes the folder an import root.
    pub origin: Origin,
}

/// Gives the tree of a file.
pub type Parsed<'a> = dyn Fn(FileId) -> Option<&'a ParsedFile> + 'a;

/// The import roots of the projects besides the scanned roots themselves, and what stays out of reach.
#[must_use]
pub fn import_roots<'a>(discovery: &'a Discovery, parsed: &'a Parsed<'a>) -> (Vec<ImportRoot>, Vec<Gap>) {
    let mut finder = Finder { discovery, parsed, folders: folders(discovery), roots: Vec::new(), gaps: Vec::new() };
    for id in discovery.ids() {
        finder.file(id);
    }
    finder.installed();
    finder.top_level_packages();
    // Stable: within one origin the order of the files, and of the lines in them.
    finder.roots.sort_by_key(|root| root.origin);
    let mut seen = FxHashSet::default();
    finder.roots.retain(|root| seen.insert((root.root, root.dir.clone())));
    finder.gaps.sort();
    finder.gaps.dedup();
    (finder.roots, finder.gaps)
}

/// Whether the content of a file may say from which folders modules are imported.
#[must_use]
pub fn tells_import_roots(entry: &FileEntry) -> bool {
    let (_, name) = split(&entry.path);
    match entry.kind {
        FileKind::Python => entry.sys_path || name == "setup.py",
        FileKind::Script if names_path(entry) => true,
        _ => is_setup(name) || is_requirements(entry),
    }
}

fn is_setup(name: &str) -> bool {
    matches!(name, "setup.cfg" | "pyproject.toml")
}

fn is_requirements(entry: &FileEntry) -> bool {
    let lower = entry.path.to_ascii_lowercase();
    entry.kind == FileKind::Document
        && (lower.contains("requirements") || lower.contains("constraints"))
        && [".txt", ".in", ".pip"].iter().any(|extension| lower.ends_with(extension))
}

fn names_path(entry: &FileEntry) -> bool {
    entry.words.has(const { crate::discover::word_hash("pythonpath") })
}

/// The folders that hold Python somewhere below them.
fn folders(discovery: &Discovery) -> FxHashSet<(usize, &str)> {
    let mut folders = FxHashSet::default();
    for entry in discovery.files.iter().filter(|entry| entry.kind == FileKind::Python) {
        let mut path = entry.path.as_str();
        while let Some((folder, _)) = path.rsplit_once('/') {
            if !folders.insert((entry.root, folder)) {
                break;
            }
            path = folder;
        }
        folders.insert((entry.root, ""));
    }
    folders
}

struct Finder<'a> {
    discovery: &'a Discovery,
    parsed: &'a Parsed<'a>,
    folders: FxHashSet<(usize, &'a str)>,
    roots: Vec<ImportRoot>,
    gaps: Vec<Gap>,
}

/// The folder of a path, and its last part.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

impl Finder<'_> {
    fn file(&mut self, id: FileId) {
        let entry = self.discovery.entry(id);
        if self.discovery.roots[entry.root].kind != RootKind::Project {
            return;
        }
        let (folder, name) = split(&entry.path);
        if entry.kind == FileKind::Python {
            if entry.sys_path
                && let Some(file) = (self.parsed)(id)
            {
                for dir in sys_path::sys_path_dirs(&file.module, &entry.path) {
                    self.add(entry.root, &dir, Origin::SysPath);
                }
            }
            if name == "setup.py" {
                self.add(entry.root, folder, Origin::Setup);
                self.add(entry.root, &below(folder, "src"), Origin::Setup);
                if let Some(file) = (self.parsed)(id) {
                    for dir in sys_path::package_dirs(&file.module, &entry.path) {
                        self.add(entry.root, &below(folder, &dir), Origin::Setup);
                    }
                }
            }
            return;
        }
        let (is_requirements, is_setup, names_path) = (is_requirements(entry), is_setup(name), names_path(entry));
        if !tells_import_roots(entry) {
            return;
        }
        // A file that cannot be read is a gap of the discovery already.
        let Ok(bytes) = self.discovery.read(id) else { return };
        let text = String::from_utf8_lossy(&bytes);
        let (root, folder) = (entry.root, folder.to_owned());
        if is_requirements {
            self.requirements(root, &folder, &text);
        }
        if is_setup {
            self.add(root, &folder, Origin::Setup);
            self.add(root, &below(&folder, "src"), Origin::Setup);
        }
        match name {
            "setup.cfg" => self.setup_cfg(root, &folder, &text),
            "pyproject.toml" => self.pyproject(root, &folder, &text),
            _ => {}
        }
        if names_path {
            self.python_path(root, &folder, &text);
        }
    }

    /// Adds a folder when it holds Python.
    fn add(&mut self, root: usize, dir: &str, origin: Origin) {
        let dir = dir.trim_matches('/');
        if self.folders.contains(&(root, dir)) {
            self.roots.push(ImportRoot { root, dir: dir.to_owned(), origin });
        }
    }

    /// `-e common/lib/xmodule`, `./local`, `file:./local`
    fn requirements(&mut self, root: usize, folder: &str, text: &str) {
        for line in text.lines() {
            let line = line.split(" #").next().unwrap_or_default().trim();
            let editable = ["-e", "--editable"].iter().find_map(|flag| {
                line.strip_prefix(flag).filter(|rest| rest.starts_with([' ', '\t', '='])).map(|rest| &rest[1..])
            });
            let target = match editable {
                Some(target) => target,
                None if line.starts_with('.') || line.starts_with("file:") => line,
                None => continue,
            };
            let target = target.trim().trim_matches(['"', '\'']);
            let target = target.strip_prefix("file:").unwrap_or(target);
            let target = target.split(['[', ';', '#']).next().unwrap_or_default().trim();
            if target.contains("://") || target.contains('+') {
                continue;
            }
            // pip takes the path from where it is called, which is the root, whatever the file's own folder.
            for base in ["", folder] {
                let Some(dir) = normal(&below(base, target)) else { continue };
                self.add(root, &dir, Origin::Editable);
                self.add(root, &below(&dir, "src"), Origin::Editable);
            }
        }
    }

    fn setup_cfg(&mut self, root: usize, folder: &str, text: &str) {
        static WHERE: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r"(?m)^(?:where|package_dir)\s*=\s*(?:\n\s+)?=?\s*([^\s=]+)\s*$").ok());
        let Some(pattern) = &*WHERE else { return };
        for found in pattern.captures_iter(text) {
            self.add(root, &below(folder, &found[1]), Origin::Setup);
        }
    }

    fn pyproject(&mut self, root: usize, folder: &str, text: &str) {
        let Ok(table) = text.parse::<toml::Table>() else { return };
        let tool = |path: &[&str]| path.iter().try_fold(table.get("tool")?, |value, key| value.get(key));
        let strings = |value: Option<&toml::Value>| -> Vec<String> {
            match value {
                Some(toml::Value::String(one)) => vec![one.clone()],
                Some(toml::Value::Array(many)) => {
                    many.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
                }
                _ => Vec::new(),
            }
        };
        let mut dirs = strings(tool(&["setuptools", "package-dir", ""]));
        dirs.extend(strings(tool(&["setuptools", "packages", "find", "where"])));
        if let Some(toml::Value::Array(packages)) = tool(&["poetry", "packages"]) {
            dirs.extend(packages.iter().flat_map(|package| strings(package.get("from"))));
        }
        for dir in dirs {
            self.add(root, &below(folder, &dir), Origin::Setup);
        }
        for dir in strings(tool(&["pytest", "ini_options", "pythonpath"])) {
            if let Some(dir) = normal(&below(folder, &dir)) {
                self.add(root, &dir, Origin::PythonPath);
            }
        }
    }

    fn python_path(&mut self, root: usize, folder: &str, text: &str) {
        static ASSIGNED: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r#"(?mi)\bpythonpath['"]?\s*[:?+]?=?[ \t]*(['"]?)([^\n;&]*)"#).ok());
        // What stands for the project's own folder in make, tox and shells.
        const HERE: [&str; 9] =
            ["$(PWD)", "${PWD}", "$PWD", "`pwd`", "$(pwd)", "$(CURDIR)", "{toxinidir}", "{tox_root}", "${WORKSPACE}"];
        let Some(pattern) = &*ASSIGNED else { return };
        for found in pattern.captures_iter(text) {
            let value = found[2].trim();
            // An assignment before a command ends at the first blank; pytest's list goes on.
            let parts = if found[0].starts_with("pythonpath") {
                value.split([' ', '\t', ':', ',']).collect::<Vec<_>>()
            } else {
                value.split([' ', '\t', '"', '\'']).next().unwrap_or_default().split(':').collect()
            };
            for part in parts {
                let part = HERE.iter().find_map(|here| part.strip_prefix(here)).unwrap_or(part);
                let part = part.trim_matches(['"', '\'', '/']);
                if part.is_empty() || part.contains(['$', '{', '(']) {
                    continue;
                }
                for base in ["", folder] {
                    if let Some(dir) = normal(&below(base, part)) {
                        self.add(root, &dir, Origin::PythonPath);
                    }
                }
            }
        }
    }

    /// Folders that `.pth` and `.egg-link` files of installed packages name.
    fn installed(&mut self) {
        let discovery = self.discovery;
        let links = discovery
            .metadata
            .iter()
            .filter(|file| [".pth", ".egg-link"].iter().any(|extension| file.path.ends_with(extension)));
        for file in links {
            let bytes = match discovery.read_metadata(file) {
                Ok(bytes) => bytes,
                Err(gap) => {
                    self.gaps.push(gap);
                    continue;
                }
            };
            let text = String::from_utf8_lossy(&bytes);
            for line in text.lines().map(str::trim) {
                let is_path = !line.is_empty() && !line.starts_with('#') && !line.starts_with("import");
                if !is_path || !line.starts_with('/') {
                    continue;
                }
                let inside = discovery.roots.iter().enumerate().find_map(|(root, of)| {
                    let dir = Path::new(line).strip_prefix(&of.real).ok()?;
                    Some((root, dir.to_str()?.to_owned()))
                });
                match inside {
                    Some((root, dir)) => self.add(root, &dir, Origin::Editable),
                    None => self.gaps.push(Gap::file(
                        GapKind::EditableOutside,
                        &*file.path,
                        format!("installs {line} in place, which was not scanned; give it as a root too"),
                    )),
                }
            }
        }
    }

    /// A package folder whose parent is no package can be imported from that parent.
    fn top_level_packages(&mut self) {
        let mut packages = FxHashSet::default();
        for entry in &self.discovery.files {
            if entry.kind == FileKind::Python
                && self.discovery.roots[entry.root].kind == RootKind::Project
                && let Some(folder) = entry.path.strip_suffix("/__init__.py")
            {
                packages.insert((entry.root, folder));
            }
        }
        let mut parents: Vec<(usize, &str)> = packages
            .iter()
            .filter_map(|&(root, folder)| Some((root, folder.rsplit_once('/')?.0)))
            .filter(|parent| !packages.contains(parent))
            .collect();
        // The nearest to the root first: deep ones are test data more often than not.
        parents.sort_unstable_by_key(|&(root, dir)| (root, dir.matches('/').count(), dir));
        parents.dedup();
        let found = parents.into_iter().map(|(root, dir)| ImportRoot {
            root,
            dir: dir.to_owned(),
            origin: Origin::TopLevelPackage,
        });
        self.roots.extend(found);
    }
}

fn below(folder: &str, dir: &str) -> String {
    let dir = dir.trim_matches('/');
    let dir = dir.strip_prefix("./").unwrap_or(dir);
    match (folder, dir) {
        (folder, "" | ".") => folder.to_owned(),
        ("", dir) => dir.to_owned(),
        _ => format!("{folder}/{dir}"),
    }
}

/// The path without `.` and `..`; `None` when it leads out of the root.
fn normal(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
