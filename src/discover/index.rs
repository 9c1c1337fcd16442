//! What git's index adds to a walk: files that are tracked although an ignore rule matches them, and files that a sparse
//! checkout left out.

use std::path::Path;

use globset::GlobSet;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Root;
use super::git::{self, Tracked};
use super::kind::{self, FileKind};
use super::walk::WalkedFile;

/// A file that is read from git's objects.
pub(super) struct LeftOut {
    pub found: WalkedFile,
    pub bytes: Vec<u8>,
    /// Its size, when the bytes are too many to be read.
    pub size: u64,
}

/// The files of the index that the walk of a root did not find.
#[derive(Default)]
pub(super) struct Additions {
    /// Those on disk.
    pub found: Vec<WalkedFile>,
    /// Those that a sparse checkout left out, with their contents.
    pub left_out: Vec<LeftOut>,
    /// The names of the objects of those that the clone lacks as well.
    pub unread: FxHashMap<String, String>,
}

/// Compares the walk of a root with what git tracks in it.
pub(super) fn additions(root: &Root, tracked: Vec<Tracked>, walked: &[WalkedFile], exclude: &GlobSet) -> Additions {
    let mut additions = Additions::default();
    if tracked.is_empty() {
        return additions;
    }
    let known: FxHashSet<&str> = walked.iter().map(|found| found.path.as_str()).collect();
    let is_environment = |folder: &str| root.path.join(folder).join("pyvenv.cfg").exists();
    let mut wanted: Vec<Tracked> = Vec::new();
    for file in tracked {
        if known.contains(&*file.path) || !is_walked(&file.path, exclude, &is_environment) {
            continue;
        }
        let found = WalkedFile { path: file.path.clone(), raw_path: file.odd.clone(), link: None };
        match std::fs::symlink_metadata(found.locate(&root.path)) {
            Ok(metadata) if metadata.is_file() => additions.found.push(found),
            Ok(_) => {}
            Err(_) if file.is_left_out && kind::by_name(&file.path) != Some(FileKind::Other) => wanted.push(file),
            Err(_) => {}
        }
    }
    let objects: Vec<&str> = wanted.iter().map(|file| file.object.as_str()).collect();
    let contents = git::contents(&root.path, &objects, &|reason| reason).unwrap_or_default();
    let mut contents = contents.into_iter();
    for file in wanted {
        match contents.next().flatten() {
            Some(content) => {
                let found = WalkedFile { path: file.path, raw_path: file.odd, link: None };
                additions.left_out.push(LeftOut { found, bytes: content.bytes, size: content.size });
            }
            None => {
                additions.unread.insert(file.path, file.object);
            }
        }
    }
    additions
}

/// Whether a walk of a project looks at a path, but for what git ignores.
pub(super) fn is_walked(relative: &str, exclude: &GlobSet, is_environment: &dyn Fn(&str) -> bool) -> bool {
    let mut ends: Vec<usize> = memchr::memchr_iter(b'/', relative.as_bytes()).collect();
    ends.push(relative.len());
    let mut start = 0;
    ends.into_iter().all(|end| {
        let (part, whole) = (&relative[start..end], &relative[..end]);
        start = end + 1;
        let is_folder = end < relative.len();
        !part.starts_with('.')
            && !exclude.is_match(Path::new(whole))
            && !(is_folder && (part == "node_modules" || is_environment(whole)))
    })
}
