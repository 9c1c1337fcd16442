//! A project while it is analysed: its files, the names they answer to, and their texts and trees, read when first
//! asked for.

use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use crate::discover::{Discovery, FileKind, word_hash};
use crate::modules::{ImportRoot, ModuleIndex, import_roots};
use crate::parse::{ParsedFile, Want, parse};
use crate::source::{FileId, Gap, SourceText};

/// Stacks for deeply nested code: trees are walked by recursion.
const STACK_SIZE: usize = 64 << 20;

/// The threads that analyses run on, `threads` of them; as many as there are cores when `None`.
///
/// # Errors
///
/// When the system does not start them.
pub fn workers(threads: Option<usize>) -> Result<rayon::ThreadPool, rayon::ThreadPoolBuildError> {
    rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).stack_size(STACK_SIZE).build()
}

/// The text of a file that is not Python, and what was wrong with it.
type Text = Arc<OnceLock<Result<(SourceText, Option<Gap>), Gap>>>;

/// The tree of a file. Two states of one project share those of the files that are equal.
type Parsed = Arc<OnceLock<Result<ParsedFile, Gap>>>;

/// The files of a project; each is read and parsed when first asked for, once.
#[derive(Debug)]
pub struct Project {
    /// What was found.
    pub discovery: Discovery,
    /// Module names.
    pub modules: ModuleIndex,
    /// The folders on `sys.path`, besides the roots.
    pub import_roots: Vec<ImportRoot>,
    want: Want,
    parsed: Vec<Parsed>,
    texts: Vec<Text>,
    gaps: Vec<Gap>,
}

impl Project {
    /// A project over what was found.
    #[must_use]
    pub fn new(discovery: Discovery, want: Want) -> Self {
        Self::with_words(discovery, want, &[])
    }

    /// A project over what was found. The Python files that hold one of `words` are parsed at once, side by side: they
    /// are sure to be asked for.
    #[must_use]
    pub fn with_words(discovery: Discovery, want: Want, words: &[&str]) -> Self {
        let parsed = discovery.files.iter().map(|_| Parsed::default()).collect();
        let texts = discovery.files.iter().map(|_| Text::default()).collect();
        Self::with(discovery, want, words, parsed, texts)
    }

    /// Another state of the same project; `same` tells for each of its files the one of this project that is equal,
    /// and which is then read and parsed once for both.
    #[must_use]
    pub fn beside(&self, discovery: Discovery, same: &[Option<FileId>]) -> Self {
        let of = |at: usize| same.get(at).copied().flatten().map(FileId::index);
        let count = discovery.files.len();
        let parsed = (0..count).map(|at| of(at).and_then(|at| self.parsed.get(at)).cloned().unwrap_or_default());
        let texts = (0..count).map(|at| of(at).and_then(|at| self.texts.get(at)).cloned().unwrap_or_default());
        let (parsed, texts) = (parsed.collect(), texts.collect());
        Self::with(discovery, self.want, &[], parsed, texts)
    }

    fn with(discovery: Discovery, want: Want, words: &[&str], parsed: Vec<Parsed>, texts: Vec<Text>) -> Self {
        let mut project = Self {
            discovery,
            modules: ModuleIndex::default(),
            import_roots: Vec::new(),
            want,
            parsed,
            texts,
            gaps: Vec::new(),
        };
        let hashes: Vec<u32> = words.iter().map(|word| word_hash(word)).collect();
        let eager: Vec<FileId> = project
            .discovery
            .ids()
            .filter(|file| {
                let entry = project.discovery.entry(*file);
                entry.kind == FileKind::Python && (entry.sys_path || hashes.iter().any(|hash| entry.words.has(*hash)))
            })
            .collect();
        project.parse_all(&eager);
        let (roots, gaps) = import_roots(&project.discovery, &|file| project.parsed(file));
        project.modules = ModuleIndex::build(&project.discovery, &roots);
        project.import_roots = roots;
        project.gaps = gaps;
        project
    }

    /// The syntax tree of a Python file; `None` when it is no Python or cannot be read, which is then a gap.
    ///
    /// Call it on [`workers`]: their stacks are deep enough for any code.
    #[must_use]
    pub fn parsed(&self, file: FileId) -> Option<&ParsedFile> {
        let slot = self.parsed.get(file.index())?;
        if self.discovery.entry(file).kind != FileKind::Python {
            return None;
        }
        slot.get_or_init(|| self.discovery.read(file).map(|bytes| parse(&bytes, self.want))).as_ref().ok()
    }

    /// The text of any file that is read: of Python the parsed one, of others decoded as UTF-8. `None` when it cannot
    /// be read, which is then a gap.
    #[must_use]
    pub fn text(&self, file: FileId) -> Option<&SourceText> {
        match self.discovery.entry(file).kind {
            FileKind::Python => self.parsed(file).map(|parsed| &parsed.text),
            FileKind::Other => None,
            _ => self
                .texts
                .get(file.index())?
                .get_or_init(|| self.discovery.read(file).map(|bytes| decode(bytes, self.path(file))))
                .as_ref()
                .ok()
                .map(|(text, _)| text),
        }
    }

    /// Parses files side by side, on the threads of the current pool; the largest first, so that none is left for last.
    pub fn parse_all(&self, files: &[FileId]) {
        let mut files: Vec<FileId> = files
            .iter()
            .copied()
            .filter(|file| self.parsed.get(file.index()).is_some_and(|s| s.get().is_none()))
            .collect();
        files.sort_by_key(|file| (std::cmp::Reverse(self.discovery.entry(*file).size), *file));
        files.par_iter().with_max_len(1).for_each(|&file| {
            let _ = self.parsed(file);
        });
    }

    /// Whether a file has been parsed.
    #[must_use]
    pub fn is_parsed(&self, file: FileId) -> bool {
        self.parsed.get(file.index()).is_some_and(|slot| slot.get().is_some())
    }

    /// The path of a file, relative to its root.
    #[must_use]
    pub fn path(&self, file: FileId) -> &str {
        &self.discovery.entry(file).path
    }

    /// What could not be read so far: of the discovery, and of every file that was parsed. Sorted.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        let mut gaps = self.discovery.gaps.clone();
        gaps.extend(self.gaps.iter().cloned());
        for (file, slot) in self.discovery.ids().zip(&self.parsed) {
            match slot.get() {
                Some(Ok(parsed)) => {
                    let path = self.path(file);
                    gaps.extend(parsed.gaps.iter().cloned().map(|gap| gap.into_gap(path)));
                }
                Some(Err(gap)) => gaps.push(gap.clone()),
                None => {}
            }
        }
        gaps.extend(self.texts.iter().filter_map(|text| text.get()).filter_map(|text| match text {
            Ok((_, gap)) => gap.clone(),
            Err(gap) => Some(gap.clone()),
        }));
        gaps.sort();
        gaps.dedup();
        gaps
    }
}

/// Decodes what is not Python. There is no cookie to follow, so it is UTF-8; a byte that is not becomes one character.
fn decode(bytes: Vec<u8>, path: &str) -> (SourceText, Option<Gap>) {
    let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => rest.to_vec(),
        None => bytes,
    };
    match String::from_utf8(bytes) {
        Ok(text) => (SourceText::new(text), None),
        Err(error) => {
            let reason = "holds bytes that are not UTF-8; they were read as unknown characters";
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            (SourceText::new(text), Some(Gap::file("invalid-utf8", path, reason)))
        }
    }
}
