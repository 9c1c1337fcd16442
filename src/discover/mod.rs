//! Which files there are, what they are, and which words they hold.
//!
//! This is the only analysis stage that touches the file system: project roots are walked by git's ignore rules,
//! installed packages in full, and every file of interest is read once for its words. Contents are not kept; a file
//! that turns out to matter is read again.

mod blob;
mod deletes;
mod error;
mod gaps;
mod git;
mod index;
mod kind;
mod read;
mod revision;
mod venv;
mod walk;
mod words;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use globset::GlobSet;
use rayon::prelude::*;
use rustc_hash::FxHashMap;

pub use error::DiscoverError;
pub use gaps::MAX_FILE_SIZE;
pub use git::{Base, RevisionError};
pub use kind::FileKind;
pub use revision::{BaseRevision, Revision};
pub use venv::FoundVenv;
pub use words::{DELETES, Indexed, Indexer, Watch, WordSet, deletes_of, exact_hash, word_hash};

use self::blob::BlobId;
use crate::source::{FileId, Gap};

/// Whose code a root holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RootKind {
    /// The project itself; git's ignore rules hold.
    Project,
    /// Installed packages; everything counts.
    SitePackages,
}

impl RootKind {
    /// The word in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::SitePackages => "site-packages",
        }
    }
}

/// A folder that is walked.
#[derive(Clone, Debug)]
pub struct Root {
    /// The folder, as it was given.
    pub path: PathBuf,
    /// The same, absolute and without links.
    pub real: PathBuf,
    /// As the user gave it, or as it was found.
    pub name: String,
    /// Whether it holds the project's code or installed packages.
    pub kind: RootKind,
    /// The packages the root itself lies in, outermost first: empty unless the root has an `__init__.py`.
    pub packages: Vec<String>,
}

/// A file of a root.
#[derive(Clone, Debug)]
pub struct FileEntry {
    /// The index of its root in [`Discovery::roots`].
    pub root: usize,
    /// Relative to the root, `/` separated. A name that is not UTF-8 has its odd bytes as `\xNN` and is a gap too.
    pub path: String,
    /// What it is; [`FileKind::Other`] is not read.
    pub kind: FileKind,
    /// Its size in bytes; 0 for what is not read.
    pub size: u64,
    /// Its words; empty for what is not read.
    pub words: WordSet,
    /// Whether Python in it says `import *`.
    pub star_import: bool,
    /// Whether Python in it names `sys.path` or `addsitedir`.
    pub sys_path: bool,
    /// What git would call its content; of what is not read, or when nobody asks, there is none.
    blob: Option<BlobId>,
}

/// A symbolic link to a file that stands in the list under its own path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLink {
    /// The index of the link's root in [`Discovery::roots`].
    pub root: usize,
    /// The link's path, relative to its root.
    pub path: String,
    /// The file it leads to.
    pub target: FileId,
}

/// A file that describes an installed distribution: `METADATA`, `entry_points.txt`, `top_level.txt`, `direct_url.json`
/// or a `.pth`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetadataFile {
    /// The index of its root in [`Discovery::roots`].
    pub root: usize,
    /// Its path, relative to its root.
    pub path: String,
}

/// The folders that are walked, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The folders of projects, as they were given.
    pub projects: Vec<PathBuf>,
    /// Folders of installed packages. When none is given, those of virtual environments that are found are walked.
    pub site_packages: Vec<PathBuf>,
    /// The active virtual environment (`VIRTUAL_ENV`).
    pub virtual_env: Option<PathBuf>,
    /// Paths relative to a project root that are not walked.
    pub exclude: GlobSet,
    /// Whether files of installed packages are listed by name only: they are not read, and have no words.
    pub names_only: bool,
    /// Whether git is asked which files it tracks: those that an ignore rule matches all the same, and those that a
    /// sparse checkout left out, are part of the project then.
    pub tracked: bool,
    /// Whether the bytes of the files stay in memory until they are asked for, so that [`Discovery::read`] opens no file
    /// a second time.
    pub keep_texts: bool,
}

/// The files of all roots with their words, and what could not be read.
#[derive(Debug, Default)]
pub struct Discovery {
    /// Project roots as given, then installed packages.
    pub roots: Vec<Root>,
    /// Sorted by root and path; a [`FileId`] is an index into it.
    pub files: Vec<FileEntry>,
    /// Links to files of the list.
    pub links: Vec<FileLink>,
    /// What describes installed distributions.
    pub metadata: Vec<MetadataFile>,
    /// What could not be read, sorted.
    pub gaps: Vec<Gap>,
    /// Virtual environments that were found.
    pub found_venvs: Vec<FoundVenv>,
    /// Real paths of files whose listed path is escaped.
    odd_paths: FxHashMap<FileId, PathBuf>,
    /// The bytes of files that are not those on disk.
    contents: FxHashMap<FileId, Vec<u8>>,
    /// By root, the files that a sparse checkout left out and the clone lacks, with the names of their objects.
    unread: Vec<FxHashMap<String, String>>,
    /// The bytes of files that nobody has asked for yet.
    kept: Mutex<FxHashMap<FileId, Vec<u8>>>,
}

impl Discovery {
    /// Walks the roots and indexes the words of their files, on the threads of the current rayon pool.
    ///
    /// # Errors
    ///
    /// When a root does not exist, is not a folder, cannot be listed, or holds no Python.
    pub fn run(options: &Options) -> Result<Self, DiscoverError> {
        let mut found_venvs = venv::find(&options.projects, options.virtual_env.as_deref());
        let mut roots: Vec<Root> = Vec::new();
        let mut canonical: Vec<PathBuf> = Vec::new();
        let mut add = |path: &Path, name: String, kind: RootKind| -> Result<(), DiscoverError> {
            let real = error::check_root(path)?;
            if !canonical.contains(&real) {
                let packages = if kind == RootKind::Project { enclosing_packages(&real) } else { Vec::new() };
                roots.push(Root { path: path.to_path_buf(), real: real.clone(), name, kind, packages });
                canonical.push(real);
            }
            Ok(())
        };
        for path in &options.projects {
            add(path, path.display().to_string(), RootKind::Project)?;
        }
        for path in &options.site_packages {
            // Whoever gives the environment itself means the packages in it.
            let inner = venv::site_packages(path);
            for path in if inner.is_empty() { std::slice::from_ref(path) } else { &inner } {
                add(path, path.display().to_string(), RootKind::SitePackages)?;
            }
        }
        for venv in &mut found_venvs {
            venv.used = options.site_packages.is_empty();
            for path in venv.site_packages.iter().filter(|_| venv.used) {
                add(path, path.display().to_string(), RootKind::SitePackages)?;
            }
        }

        let mut gaps = Vec::new();
        let mut metadata = Vec::new();
        let mut found = Vec::with_capacity(roots.len());
        let mut left_out = Vec::new();
        let mut unread = vec![FxHashMap::default(); roots.len()];
        for (index, root) in roots.iter().enumerate() {
            let (mut walked, additions) = walk_root(root, &canonical, options);
            left_out.extend(additions.left_out.into_iter().map(|file| (index, file)));
            unread[index] = additions.unread;
            gaps.append(&mut walked.gaps);
            metadata.extend(walked.metadata.into_iter().map(|path| MetadataFile { root: index, path }));
            walked.files.sort_unstable();
            found.push(walked.files);
        }
        // A root whose files all belong to an earlier one holds Python all the same.
        let by_name = |file: &walk::WalkedFile| kind::by_name(&file.path) == Some(FileKind::Python);
        let named: Vec<bool> = found.iter().map(|files| files.iter().any(by_name)).collect();
        let (kept, pending) = once_each(found, &canonical);

        let mut read: Vec<(FileEntry, Option<Gap>, Option<Vec<u8>>)> = kept
            .par_iter()
            .map_init(
                || read::Reader::new(options.tracked),
                |reader, (root, file)| {
                    let listed = options.names_only && roots[*root].kind == RootKind::SitePackages;
                    let (entry, gap) =
                        reader.entry(*root, roots[*root].kind, listed, file, &file.locate(&roots[*root].path));
                    let read = options.keep_texts && !listed && entry.kind != FileKind::Other;
                    let bytes = if read { reader.bytes(&entry) } else { None };
                    (entry, gap, bytes)
                },
            )
            .collect();
        let mut contents: FxHashMap<(usize, String), Vec<u8>> = FxHashMap::default();
        let mut reader = read::Reader::new(true);
        for (root, file) in left_out {
            let (entry, gap) = reader.entry_of(root, RootKind::Project, &file.found, &file.bytes, file.size);
            read.push((entry, gap, None));
            contents.insert((root, file.found.path), file.bytes);
        }
        if !contents.is_empty() {
            read.sort_by(|(a, ..), (b, ..)| (a.root, &a.path).cmp(&(b.root, &b.path)));
        }
        gaps.extend(read.iter_mut().filter_map(|(_, gap, _)| gap.take()));
        let texts = read.iter_mut().map(|(_, _, bytes)| bytes.take());
        let kept_texts = (0u32..).map(FileId).zip(texts).filter_map(|(file, bytes)| Some((file, bytes?))).collect();
        let files: Vec<FileEntry> = read.into_iter().map(|(entry, ..)| entry).collect();

        for (index, root) in roots.iter().enumerate() {
            if !named[index] && !files.iter().any(|f| f.root == index && f.kind == FileKind::Python) {
                return Err(DiscoverError::NoPython { path: root.path.clone(), kind: root.kind });
            }
        }
        let odd: Vec<(usize, &str, PathBuf)> = kept
            .iter()
            .filter(|(_, file)| file.raw_path.is_some())
            .map(|(root, file)| (*root, &*file.path, file.locate(&roots[*root].path)))
            .collect();
        gaps.sort();
        gaps.dedup();
        metadata.sort();
        let kept_texts = Mutex::new(kept_texts);
        let mut discovery =
            Self { roots, files, metadata, gaps, found_venvs, unread, kept: kept_texts, ..Self::default() };
        for (root, path, place) in odd {
            discovery.odd_paths.extend(discovery.find(root, path).map(|file| (file, place)));
        }
        for ((root, path), bytes) in contents {
            discovery.contents.extend(discovery.find(root, &path).map(|file| (file, bytes)));
        }
        discovery.links = pending
            .into_iter()
            .filter_map(|link| {
                let target = discovery.find(link.target_root, &link.target_path)?;
                Some(FileLink { root: link.root, path: link.path, target })
            })
            .collect();
        Ok(discovery)
    }

    /// The file of this id.
    ///
    /// # Panics
    ///
    /// When the id comes from another discovery.
    #[must_use]
    pub fn entry(&self, file: FileId) -> &FileEntry {
        &self.files[file.index()]
    }

    /// The ids of all files, in their order.
    pub fn ids(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..u32::try_from(self.files.len()).unwrap_or(u32::MAX)).map(FileId)
    }

    /// Where the file is on disk.
    #[must_use]
    pub fn abs_path(&self, file: FileId) -> PathBuf {
        let entry = self.entry(file);
        self.odd_paths.get(&file).cloned().unwrap_or_else(|| self.roots[entry.root].path.join(&entry.path))
    }

    /// The bytes of a file.
    ///
    /// # Errors
    ///
    /// A gap, when it cannot be read, is too large, or is no regular file.
    pub fn read(&self, file: FileId) -> Result<Vec<u8>, Gap> {
        self.entry(file).words.looked_at();
        if let Some(bytes) = self.contents.get(&file) {
            return Ok(bytes.clone());
        }
        if let Some(bytes) = self.kept().remove(&file) {
            return Ok(bytes);
        }
        let mut bytes = Vec::new();
        read::read_file(&self.abs_path(file), &self.entry(file).path, &mut bytes)?;
        Ok(bytes)
    }

    fn kept(&self) -> MutexGuard<'_, FxHashMap<FileId, Vec<u8>>> {
        // The map is whole after every call, so a panic elsewhere leaves nothing wrong in it.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the bytes of kept files that are not Python.
    pub fn drop_other_texts(&self) {
        self.kept().retain(|file, _| self.entry(*file).kind == FileKind::Python);
    }

    /// The bytes of a metadata file.
    ///
    /// # Errors
    ///
    /// A gap, when it cannot be read.
    pub fn read_metadata(&self, file: &MetadataFile) -> Result<Vec<u8>, Gap> {
        let mut bytes = Vec::new();
        read::read_file(&self.roots[file.root].path.join(&file.path), &file.path, &mut bytes)?;
        Ok(bytes)
    }

    /// The files that hold the word, in order.
    pub fn files_with_word(&self, word: &str) -> impl Iterator<Item = FileId> + use<'_> {
        let hash = word_hash(word);
        self.ids().filter(move |id| self.entry(*id).words.has(hash))
    }

    /// Whether another discovery has the same files of the same kinds at the same places.
    #[must_use]
    pub fn is_laid_out_like(&self, other: &Self) -> bool {
        let same = |(a, b): (&FileEntry, &FileEntry)| (a.root, &a.path, a.kind) == (b.root, &b.path, b.kind);
        self.roots.len() == other.roots.len()
            && self.roots.iter().zip(&other.roots).all(|(a, b)| a.real == b.real && a.kind == b.kind)
            && self.links == other.links
            && self.files.len() == other.files.len()
            && self.files.iter().zip(&other.files).all(same)
    }

    /// The file at a path of a root.
    #[must_use]
    pub fn find(&self, root: usize, path: &str) -> Option<FileId> {
        let at = self.files.binary_search_by(|file| (file.root, file.path.as_str()).cmp(&(root, path))).ok()?;
        u32::try_from(at).ok().map(FileId)
    }
}

/// Walks a root. Of a project git is asked as well, when the options say so.
fn walk_root(root: &Root, roots: &[PathBuf], options: &Options) -> (walk::Walked, index::Additions) {
    match root.kind {
        RootKind::SitePackages => (walk::site_packages(root), index::Additions::default()),
        RootKind::Project if !options.tracked => {
            (walk::project(root, roots, &options.exclude), index::Additions::default())
        }
        RootKind::Project => {
            // git answers on a thread of its own: one that waits for it would be missed at the walk.
            let (mut walked, tracked) = std::thread::scope(|scope| {
                let tracked = scope.spawn(|| git::tracked(&root.path));
                let walked = walk::project(root, roots, &options.exclude);
                (walked, tracked.join().unwrap_or_default())
            });
            let mut additions = index::additions(root, tracked, &walked.files, &options.exclude);
            walked.files.append(&mut additions.found);
            (walked, additions)
        }
    }
}

/// A link whose target is kept under its own path.
struct PendingLink {
    root: usize,
    path: String,
    target_root: usize,
    target_path: String,
}

/// Keeps each file once: overlapping roots give it to the first of them, a link gives way to its target, and of
/// several links to a file outside the roots the first stays.
fn once_each(
    found: Vec<Vec<walk::WalkedFile>>,
    canonical: &[PathBuf],
) -> (Vec<(usize, walk::WalkedFile)>, Vec<PendingLink>) {
    let listed = |root: usize, real: &Path| -> Option<String> {
        let relative = real.strip_prefix(&canonical[root]).ok()?;
        let (path, _) = walk::display_path(relative);
        let at = found[root].binary_search_by(|file| file.path.as_str().cmp(&path)).ok()?;
        found[root][at].link.is_none().then_some(path)
    };
    let mut outside = rustc_hash::FxHashSet::default();
    let mut links = Vec::new();
    let mut keep = Vec::with_capacity(found.len());
    for (root, files) in found.iter().enumerate() {
        let overlaps: Vec<usize> = (0..root)
            .filter(|&i| canonical[root].starts_with(&canonical[i]) || canonical[i].starts_with(&canonical[root]))
            .collect();
        let mut flags = Vec::with_capacity(files.len());
        for file in files {
            let kept = match &file.link {
                Some(real) => match (0..found.len()).find_map(|r| Some((r, listed(r, real)?))) {
                    Some((target_root, target_path)) => {
                        links.push(PendingLink { root, path: file.path.clone(), target_root, target_path });
                        false
                    }
                    None => outside.insert(real.clone()),
                },
                None => !overlaps.iter().any(|&r| listed(r, &file.locate(&canonical[root])).is_some()),
            };
            flags.push(kept);
        }
        keep.push(flags);
    }
    let kept = found
        .into_iter()
        .zip(keep)
        .enumerate()
        .flat_map(|(root, (files, flags))| {
            files.into_iter().zip(flags).filter_map(move |(file, keep)| keep.then_some((root, file)))
        })
        .collect();
    (kept, links)
}

/// The packages a root lies in, when the root itself is a package and not a whole project.
fn enclosing_packages(root: &Path) -> Vec<String> {
    const PROJECT_FILES: [&str; 5] = ["manage.py", "setup.py", "setup.cfg", "pyproject.toml", ".git"];
    if PROJECT_FILES.iter().any(|name| root.join(name).exists()) {
        return Vec::new();
    }
    let mut packages = Vec::new();
    let mut folder = Some(root);
    while let Some(at) = folder.filter(|at| at.join("__init__.py").is_file()) {
        let Some(name) = at.file_name().and_then(|name| name.to_str()) else { break };
        packages.push(name.to_owned());
        folder = at.parent();
    }
    packages.reverse();
    packages
}
