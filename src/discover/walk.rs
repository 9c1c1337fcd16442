//! Walking the folders: a project by git's ignore rules, installed packages in full.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use globset::GlobSet;
use ignore::{WalkBuilder, WalkState};
use rayon::prelude::*;
use walkdir::WalkDir;

use super::{Root, gaps};
use crate::source::{Gap, GapKind};

/// A file below a root, before it is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WalkedFile {
    /// Relative to its root, `/` separated, odd bytes escaped.
    pub path: String,
    /// The relative path itself, when it is not valid UTF-8 and [`WalkedFile::path`] is escaped.
    pub raw_path: Option<PathBuf>,
    /// The target without links, when the file is a symbolic link.
    pub link: Option<PathBuf>,
}

impl WalkedFile {
    /// Where the file is, below the given root.
    pub(super) fn locate(&self, root: &Path) -> PathBuf {
        root.join(self.raw_path.as_deref().unwrap_or(Path::new(&self.path)))
    }
}

/// The files, the metadata and the gaps of one root.
#[derive(Default)]
pub(super) struct Walked {
    pub files: Vec<WalkedFile>,
    pub metadata: Vec<String>,
    pub gaps: Vec<Gap>,
}

/// A relative path as reports show it, and whether it had to be escaped.
pub(super) fn display_path(relative: &Path) -> (String, bool) {
    use std::fmt::Write;
    let Some(path) = relative.to_str() else {
        let mut shown = String::new();
        for chunk in relative.as_os_str().as_encoded_bytes().utf8_chunks() {
            shown.push_str(&chunk.valid().replace('\\', "\\\\"));
            for byte in chunk.invalid() {
                let _ = write!(shown, "\\x{byte:02x}");
            }
        }
        return (shown, true);
    };
    if std::path::MAIN_SEPARATOR == '/' {
        (path.to_owned(), false)
    } else {
        (path.replace(std::path::MAIN_SEPARATOR, "/"), false)
    }
}

/// Walks a project. `roots` are the real paths of all roots: a link into one of them loses nothing.
pub(super) fn project(root: &Root, roots: &[PathBuf], exclude: &GlobSet) -> Walked {
    let skipped = Arc::new(Mutex::new(Vec::new()));
    let filter = {
        let (skipped, exclude, base) = (Arc::clone(&skipped), exclude.clone(), root.path.clone());
        move |entry: &ignore::DirEntry| {
            let relative = entry.path().strip_prefix(&base).unwrap_or(entry.path());
            if relative.as_os_str().is_empty() {
                return true;
            }
            if exclude.is_match(relative) {
                return false;
            }
            let Some(reason) = entry.file_type().filter(std::fs::FileType::is_dir).and_then(|_| foreign(entry.path()))
            else {
                return true;
            };
            let gap = Gap::file(GapKind::SkippedFolder, display_path(relative).0, reason);
            skipped.lock().unwrap_or_else(PoisonError::into_inner).push(gap);
            false
        }
    };
    // Ignore rules outside the repository differ from machine to machine, and so would the report.
    let in_repository = root.path.canonicalize().is_ok_and(|path| path.ancestors().any(|p| p.join(".git").exists()));
    let walker = WalkBuilder::new(&root.path)
        .hidden(true)
        .ignore(false)
        .git_global(false)
        .git_ignore(true)
        .git_exclude(true)
        .require_git(false)
        .parents(in_repository)
        .follow_links(false)
        .threads(rayon::current_num_threads())
        .filter_entry(filter)
        .build_parallel();

    let (sender, receiver) = mpsc::channel();
    walker.run(|| {
        let sender = sender.clone();
        Box::new(move |entry| {
            // The receiver outlives the walk.
            let _ = match entry {
                Ok(entry) => look(&root.path, roots, entry.path(), entry.file_type()).map(|item| sender.send(item)),
                Err(error) => Some(sender.send(Item::Gap(walk_gap(&root.path, &error)))),
            };
            WalkState::Continue
        })
    });
    drop(sender);

    let mut walked = Walked::default();
    for item in receiver {
        match item {
            Item::File(file) => walked.files.push(file),
            Item::Gap(gap) => walked.gaps.push(gap),
        }
    }
    walked.gaps.append(&mut skipped.lock().unwrap_or_else(PoisonError::into_inner));
    walked
}

enum Item {
    File(WalkedFile),
    Gap(Gap),
}

/// Why a folder of a project is not the project's own.
fn foreign(folder: &Path) -> Option<&'static str> {
    match folder.file_name().and_then(OsStr::to_str) {
        Some("node_modules") => Some("installed JavaScript packages are not read"),
        Some("__pycache__") => None,
        _ if folder.join("pyvenv.cfg").exists() => {
            Some("is a virtual environment, not part of the project; give its packages with --site-packages")
        }
        _ => None,
    }
}

fn look(root: &Path, roots: &[PathBuf], place: &Path, file_type: Option<std::fs::FileType>) -> Option<Item> {
    let file_type = file_type?;
    if file_type.is_dir() {
        return None;
    }
    let relative = place.strip_prefix(root).unwrap_or(place);
    let (path, escaped) = display_path(relative);
    let raw_path = escaped.then(|| relative.to_path_buf());
    if file_type.is_file() {
        return Some(Item::File(WalkedFile { path, raw_path, link: None }));
    }
    if file_type.is_symlink() {
        return follow(roots, place, path, raw_path);
    }
    Some(Item::Gap(gaps::special(&path)))
}

/// What a symbolic link leads to.
fn follow(roots: &[PathBuf], place: &Path, path: String, raw_path: Option<PathBuf>) -> Option<Item> {
    let real = match std::fs::canonicalize(place) {
        Ok(real) => real,
        Err(error) => return Some(Item::Gap(gaps::link(&path, &error))),
    };
    let metadata = match std::fs::metadata(&real) {
        Ok(metadata) => metadata,
        Err(error) => return Some(Item::Gap(gaps::unreadable(&path, &error))),
    };
    if metadata.is_file() {
        return Some(Item::File(WalkedFile { path, raw_path, link: Some(real) }));
    }
    if !metadata.is_dir() {
        return Some(Item::Gap(gaps::special(&path)));
    }
    let parent = place.parent().and_then(|parent| std::fs::canonicalize(parent).ok());
    if parent.is_some_and(|parent| parent.starts_with(&real)) {
        return Some(Item::Gap(gaps::link_loop(&path)));
    }
    if roots.iter().any(|root| real.starts_with(root)) || !holds_python(&real) {
        return None;
    }
    let reason = "leads to a folder of Python outside the project and was not followed; give that folder as a root too";
    Some(Item::Gap(Gap::file(GapKind::LinkNotFollowed, path, reason)))
}

/// Whether a folder holds Python; it is enough to look at its first entries, a tree without any there is no package.
fn holds_python(folder: &Path) -> bool {
    const LOOK_AT: usize = 2_000;
    WalkDir::new(folder)
        .into_iter()
        .take(LOOK_AT)
        .flatten()
        .any(|entry| entry.file_type().is_file() && entry.path().extension().is_some_and(|e| e == "py"))
}

fn walk_gap(root: &Path, error: &ignore::Error) -> Gap {
    let mut path = None;
    let mut at = error;
    loop {
        match at {
            ignore::Error::WithPath { path: of, err } => {
                path = Some(of.as_path());
                at = err;
            }
            ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => at = err,
            ignore::Error::Loop { child, .. } => {
                return gaps::link_loop(&display_path(child.strip_prefix(root).unwrap_or(child)).0);
            }
            _ => break,
        }
    }
    let file = path.map(|path| display_path(path.strip_prefix(root).unwrap_or(path)).0);
    let kind = if at.io_error().is_some() { GapKind::Unreadable } else { GapKind::IgnoreRule };
    Gap { file, ..Gap::general(kind, format!("cannot be read: {at}")) }
}

/// Walks a folder of installed packages, one package at a time on each thread.
pub(super) fn site_packages(root: &Root) -> Walked {
    let mut walked = Walked::default();
    let mut tops: Vec<PathBuf> = Vec::new();
    match std::fs::read_dir(&root.path) {
        Ok(entries) => {
            for entry in entries {
                match entry {
                    Ok(entry) => tops.push(entry.path()),
                    Err(error) => walked.gaps.push(gaps::unreadable("", &error)),
                }
            }
        }
        Err(error) => walked.gaps.push(gaps::unreadable("", &error)),
    }
    tops.sort();
    let parts: Vec<Walked> = tops.par_iter().map(|top| package(&root.path, top)).collect();
    for mut part in parts {
        walked.files.append(&mut part.files);
        walked.metadata.append(&mut part.metadata);
        walked.gaps.append(&mut part.gaps);
    }
    walked
}

fn package(root: &Path, top: &Path) -> Walked {
    let mut walked = Walked::default();
    let entries = WalkDir::new(top).follow_links(true).sort_by_file_name().into_iter().filter_entry(|entry| {
        let name = entry.file_name().as_encoded_bytes();
        !(entry.file_type().is_dir() && (name == b"__pycache__" || name == b"node_modules"))
    });
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                walked.gaps.push(package_gap(root, &error));
                continue;
            }
        };
        if entry.file_type().is_dir() {
            continue;
        }
        let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
        let (path, escaped) = display_path(relative);
        if !entry.file_type().is_file() {
            walked.gaps.push(gaps::special(&path));
        } else if let Some(describes) = metadata(&path) {
            if describes {
                walked.metadata.push(path);
            }
        } else {
            let link = if entry.path_is_symlink() { std::fs::canonicalize(entry.path()).ok() } else { None };
            walked.files.push(WalkedFile { path, raw_path: escaped.then(|| relative.to_path_buf()), link });
        }
    }
    walked
}

/// Whether the file belongs to a distribution's metadata, and if so whether it is one that says something.
fn metadata(path: &str) -> Option<bool> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let top = folder.split('/').next().unwrap_or_default();
    if top.ends_with(".dist-info") || top.ends_with(".egg-info") {
        let names = ["METADATA", "PKG-INFO", "entry_points.txt", "top_level.txt", "direct_url.json"];
        return Some(names.contains(&name));
    }
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    (folder.is_empty() && matches!(extension, Some("pth" | "egg-info" | "egg-link"))).then_some(true)
}

fn package_gap(root: &Path, error: &walkdir::Error) -> Gap {
    let path = error.path().map(|path| display_path(path.strip_prefix(root).unwrap_or(path)).0).unwrap_or_default();
    if error.loop_ancestor().is_some() {
        return gaps::link_loop(&path);
    }
    match error.io_error() {
        Some(io) if error.path().is_some_and(|path| path.is_symlink()) => gaps::link(&path, io),
        Some(io) => gaps::unreadable(&path, io),
        None => Gap::file(GapKind::Unreadable, path, error.to_string()),
    }
}
