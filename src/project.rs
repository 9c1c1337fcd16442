//! A project while it is analysed: its files, the names they answer to, and their texts and trees, read when first
//! asked for.

use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use crate::ast::{Arguments, ClassDef, Ident};
use crate::discover::{Discovery, FileEntry, FileKind, word_hash};
use crate::modules::{ImportRoot, ModuleIndex, import_roots};
use crate::parse::{ParseOptions, ParsedFile, parse};
use crate::source::{FileId, Gap, GapKind, SourceText, Span};

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

/// A project without its discovery: module names, and the trees of files that are sure to be needed. The discovery may
/// still change the flags of its words meanwhile.
#[derive(Debug)]
pub struct ProjectBuilder {
    want: ParseOptions,
    parsed: Vec<Parsed>,
    modules: Arc<ModuleIndex>,
    roots: Vec<ImportRoot>,
    gaps: Vec<Gap>,
}

impl ProjectBuilder {
    /// The project over `discovery`, which has to be the one that was prefetched.
    #[must_use]
    pub fn build(self, discovery: Discovery) -> Project {
        let texts = discovery.files.iter().map(|_| Text::default()).collect();
        let Self { want, parsed, modules, roots, gaps } = self;
        Project { discovery, modules, import_roots: roots, want, parsed, texts, gaps, made: MadeClass::default() }
    }
}

/// An empty class that stands for one that a call makes, and the next of them. The list only grows, so that what is
/// borrowed from it stays.
#[derive(Debug, Default)]
struct MadeClass {
    made: OnceLock<(FileId, ClassDef, Box<MadeClass>)>,
}

/// The files of a project; each is read and parsed when first asked for, once.
#[derive(Debug)]
pub struct Project {
    /// What was found.
    pub discovery: Discovery,
    /// Module names.
    pub modules: Arc<ModuleIndex>,
    /// The folders on `sys.path`, besides the roots.
    pub import_roots: Vec<ImportRoot>,
    want: ParseOptions,
    parsed: Vec<Parsed>,
    texts: Vec<Text>,
    gaps: Vec<Gap>,
    made: MadeClass,
}

impl Project {
    /// A project over what was found.
    #[must_use]
    pub fn new(discovery: Discovery, want: ParseOptions) -> Self {
        Self::prefetch(&discovery, want, &[]).build(discovery)
    }

    /// Names the modules, and meanwhile parses the Python files that hold one of `words`. Only of these the trees for
    /// queries are kept, if `want` says so: of the other files few expressions are asked about.
    #[must_use]
    pub fn prefetch(discovery: &Discovery, want: ParseOptions, words: &[&str]) -> ProjectBuilder {
        let parsed: Vec<Parsed> = discovery.files.iter().map(|_| Parsed::default()).collect();
        let hashes: Vec<u32> = words.iter().map(|word| word_hash(word)).collect();
        let names = |entry: &FileEntry| hashes.iter().any(|hash| entry.words.has(*hash));
        let parse = |file: FileId| {
            let want = ParseOptions { keep_tree: want.keep_tree && names(discovery.entry(file)), ..want };
            parsed[file.index()].get_or_init(|| read_and_parse(discovery, file, want))
        };
        let of_interest = |file: &FileId| {
            let entry = discovery.entry(*file);
            entry.kind == FileKind::Python && (entry.sys_path || names(entry))
        };
        let mut files: Vec<FileId> = discovery.ids().filter(of_interest).collect();
        largest_first(discovery, &mut files);
        let parse_all = || {
            files.par_iter().with_max_len(1).for_each(|&file| {
                let _ = parse(file);
            });
        };
        let name_modules = || {
            let (roots, gaps) = import_roots(discovery, &|file| match discovery.entry(file).kind {
                FileKind::Python => parse(file).as_ref().ok(),
                _ => None,
            });
            (Arc::new(ModuleIndex::build(discovery, &roots)), roots, gaps)
        };
        let ((modules, roots, gaps), ()) = rayon::join(name_modules, parse_all);
        ProjectBuilder { want: ParseOptions { keep_tree: false, ..want }, parsed, modules, roots, gaps }
    }

    /// The state of the same project that `discovery` found, such as the base revision of a change. For each of its files
    /// `same` names the equal file of this project, if there is one; such a file is read and parsed once for both.
    #[must_use]
    pub fn with_base(&self, discovery: Discovery, same: &[Option<FileId>]) -> Self {
        let of = |at: usize| same.get(at).copied().flatten().map(FileId::index);
        let count = discovery.files.len();
        let parsed = (0..count).map(|at| of(at).and_then(|at| self.parsed.get(at)).cloned().unwrap_or_default());
        let texts = (0..count).map(|at| of(at).and_then(|at| self.texts.get(at)).cloned().unwrap_or_default());
        let (parsed, texts) = (parsed.collect(), texts.collect());
        let modules = Arc::clone(&self.modules);
        let (want, roots, gaps) = (self.want, Vec::new(), Vec::new());
        let made = MadeClass::default();
        let mut project = Self { discovery, modules, import_roots: roots, want, parsed, texts, gaps, made };
        let (roots, gaps) = import_roots(&project.discovery, &|file| project.parsed(file));
        // Names depend on where files are and not on what they hold.
        if roots != self.import_roots || !project.discovery.is_laid_out_like(&self.discovery) {
            project.modules = Arc::new(ModuleIndex::build(&project.discovery, &roots));
        }
        project.import_roots = roots;
        project.gaps = gaps;
        project
    }

    /// The syntax tree of a Python file; `None` when it is no Python or cannot be read, which is then a gap.
    ///
    /// Call it on [`workers`]: their stacks are deep enough for any code.
    #[must_use]
    pub fn parsed(&self, file: FileId) -> Option<&ParsedFile> {
        self.parse(file, self.want)
    }

    fn parse(&self, file: FileId, want: ParseOptions) -> Option<&ParsedFile> {
        let slot = self.parsed.get(file.index())?;
        if self.discovery.entry(file).kind != FileKind::Python {
            return None;
        }
        slot.get_or_init(|| read_and_parse(&self.discovery, file, want)).as_ref().ok()
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

    /// An empty class definition for the class of this name that the call at `span` makes, such as
    /// `type("Order", (models.Model,), {…})`.
    #[must_use]
    pub fn class_made_at(&self, file: FileId, name: &str, span: Span) -> &ClassDef {
        let mut at = &self.made;
        loop {
            let (of, class, next) = at.made.get_or_init(|| {
                let name = Ident { name: name.into(), span };
                let class = ClassDef {
                    name,
                    args: Arguments::default(),
                    type_params: Vec::new(),
                    body: Vec::new(),
                    decorators: Vec::new(),
                };
                (file, class, Box::default())
            });
            if *of == file && class.name.span == span && class.name.name == name {
                return class;
            }
            at = next;
        }
    }

    /// Parses files side by side, on the threads of the current pool; the largest first, so that none is left for last.
    pub fn parse_all(&self, files: &[FileId]) {
        self.parse_each(files, self.want);
    }

    /// As [`Self::parse_all`], and keeps the trees for queries: the files name a model, so that many expressions are asked
    /// about.
    pub fn parse_named(&self, files: &[FileId]) {
        self.parse_each(files, ParseOptions { keep_tree: self.want.run_queries, ..self.want });
    }

    fn parse_each(&self, files: &[FileId], want: ParseOptions) {
        let mut files: Vec<FileId> = files
            .iter()
            .copied()
            .filter(|file| self.parsed.get(file.index()).is_some_and(|s| s.get().is_none()))
            .collect();
        largest_first(&self.discovery, &mut files);
        files.par_iter().with_max_len(1).for_each(|&file| {
            let _ = self.parse(file, want);
        });
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

fn read_and_parse(discovery: &Discovery, file: FileId, want: ParseOptions) -> Result<ParsedFile, Gap> {
    discovery.read(file).map(|bytes| parse(&bytes, want))
}

/// The order in which files are parsed side by side, so that no large one is left for last.
fn largest_first(discovery: &Discovery, files: &mut [FileId]) {
    files.sort_by_key(|file| (std::cmp::Reverse(discovery.entry(*file).size), *file));
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
            let reason = "contains bytes that are not UTF-8; they were read as unknown characters";
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            (SourceText::new(text), Some(Gap::file(GapKind::InvalidUtf8, path, reason)))
        }
    }
}
