//! A project: its files, the names they answer to, and their trees, parsed when first asked for.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use crate::discover::{DiscoverError, Discovery, FileKind, Options};
use crate::modules::{ImportRoot, ModuleIndex, import_roots};
use crate::parse::{ParsedFile, Want, parse};
use crate::source::{FileId, Gap, SourceText};

/// Stacks for deeply nested code: the tree is walked by recursion.
const STACK_SIZE: usize = 64 << 20;

/// What a cell of the cache holds: the tree, or why there is none.
type Cell = OnceLock<Result<Arc<ParsedFile>, Gap>>;

/// The text of a file that is not Python, and what was wrong with it.
type TextCell = OnceLock<Result<(Arc<SourceText>, Option<Gap>), Gap>>;

/// The decoded text of a file.
#[derive(Clone, Debug)]
pub enum FileText {
    /// Python's, with its tree.
    Python(Arc<ParsedFile>),
    /// Any other file's.
    Other(Arc<SourceText>),
}

impl Deref for FileText {
    type Target = SourceText;

    fn deref(&self) -> &SourceText {
        match self {
            Self::Python(file) => &file.text,
            Self::Other(text) => text,
        }
    }
}

/// Why a project could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// A root cannot be scanned.
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    /// The threads could not be started.
    #[error("cannot start the worker threads: {0}; try --threads 1")]
    Threads(#[from] rayon::ThreadPoolBuildError),
}

/// A project.
#[derive(Debug)]
pub struct Project {
    /// Its files.
    pub discovery: Discovery,
    /// The names they answer to.
    pub modules: ModuleIndex,
    /// The folders on `sys.path`, besides the roots.
    pub import_roots: Vec<ImportRoot>,
    cache: Vec<Cell>,
    texts: Vec<TextCell>,
    gaps: Vec<Gap>,
    pool: rayon::ThreadPool,
}

impl Project {
    /// Discovers the files and indexes their names, on `threads` threads; as many as there are cores when `None`.
    ///
    /// # Errors
    ///
    /// When a root cannot be scanned or the threads cannot be started.
    pub fn load(options: &Options, threads: Option<usize>) -> Result<Self, ProjectError> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).stack_size(STACK_SIZE).build()?;
        let discovery = pool.install(|| Discovery::run(options))?;
        let cache: Vec<Cell> = discovery.files.iter().map(|_| OnceLock::new()).collect();
        let (import_roots, gaps) = pool.install(|| import_roots(&discovery, &|file| parsed(&discovery, &cache, file)));
        let modules = ModuleIndex::build(&discovery, &import_roots);
        let texts = discovery.files.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { discovery, modules, import_roots, cache, texts, gaps, pool })
    }

    /// The tree of a Python file; `None` when it is none or cannot be read, which is then a gap.
    ///
    /// Call it on the project's own threads ([`Self::install`]): their stacks are deep enough for any code.
    #[must_use]
    pub fn parsed(&self, file: FileId) -> Option<&ParsedFile> {
        parsed(&self.discovery, &self.cache, file)?;
        self.cache.get(file.index())?.get()?.as_ref().ok().map(Arc::as_ref)
    }

    /// The text of any file that is read: of Python the parsed one, of others decoded as UTF-8. `None` when it cannot
    /// be read, which is then a gap.
    #[must_use]
    pub fn text(&self, file: FileId) -> Option<FileText> {
        match self.discovery.entry(file).kind {
            FileKind::Python => parsed(&self.discovery, &self.cache, file).map(FileText::Python),
            FileKind::Other => None,
            _ => {
                let text = self.texts.get(file.index())?.get_or_init(|| {
                    let bytes = self.discovery.read(file)?;
                    Ok(decode(bytes, self.path(file)))
                });
                text.as_ref().ok().map(|(text, _)| FileText::Other(Arc::clone(text)))
            }
        }
    }

    /// Parses the files on all threads.
    pub fn parse_all(&self, files: &[FileId]) {
        self.pool.install(|| files.par_iter().for_each(|&file| drop(self.parsed(file))));
    }

    /// Runs `work` on the project's threads.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.pool.install(work)
    }

    /// The file's path, relative to its root.
    #[must_use]
    pub fn path(&self, file: FileId) -> &str {
        &self.discovery.entry(file).path
    }

    /// The files that were parsed so far.
    pub fn parsed_files(&self) -> impl Iterator<Item = FileId> + use<'_> {
        self.discovery.ids().filter(|file| self.cache[file.index()].get().is_some_and(Result::is_ok))
    }

    /// What could not be read so far: of the discovery, and of every file that was parsed. Sorted.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        let mut gaps = self.discovery.gaps.clone();
        gaps.extend(self.gaps.iter().cloned());
        for (file, cell) in self.discovery.ids().zip(&self.cache) {
            match cell.get() {
                Some(Ok(parsed)) => {
                    let path = self.path(file);
                    gaps.extend(parsed.gaps.iter().map(|gap| gap.clone().into_gap(path)));
                }
                Some(Err(gap)) => gaps.push(gap.clone()),
                None => {}
            }
        }
        gaps.extend(self.texts.iter().filter_map(OnceLock::get).filter_map(|text| match text {
            Ok((_, gap)) => gap.clone(),
            Err(gap) => Some(gap.clone()),
        }));
        gaps.sort();
        gaps.dedup();
        gaps
    }
}

fn parsed(discovery: &Discovery, cache: &[Cell], file: FileId) -> Option<Arc<ParsedFile>> {
    let entry = discovery.entry(file);
    if entry.kind != FileKind::Python {
        return None;
    }
    let cell = cache.get(file.index())?;
    cell.get_or_init(|| discovery.read(file).map(|bytes| Arc::new(parse(&bytes, Want::default()))))
        .as_ref()
        .ok()
        .cloned()
}

/// Decodes what is not Python. There is no cookie to follow, so it is UTF-8; a byte that is not becomes one character.
fn decode(bytes: Vec<u8>, path: &str) -> (Arc<SourceText>, Option<Gap>) {
    let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => rest.to_vec(),
        None => bytes,
    };
    let (text, gap) = match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let gap = Gap::file("invalid-utf8", path, "holds bytes that are not UTF-8; they were read as unknown characters");
            (String::from_utf8_lossy(error.as_bytes()).into_owned(), Some(gap))
        }
    };
    (Arc::new(SourceText::new(text)), gap)
}
