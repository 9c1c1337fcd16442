//! A project while it is analysed: its files, its module names, and the files parsed so far.

use std::sync::OnceLock;

use rayon::prelude::*;

use crate::discover::{Discovery, FileKind};
use crate::modules::{ModuleIndex, import_roots};
use crate::parse::{ParsedFile, Want, parse};
use crate::source::{FileId, Gap};

/// The files of a project; each is parsed when first asked for, once.
#[derive(Debug)]
pub struct Project {
    /// What was found.
    pub discovery: Discovery,
    /// Module names.
    pub modules: ModuleIndex,
    want: Want,
    parsed: Vec<OnceLock<Result<ParsedFile, Gap>>>,
}

impl Project {
    /// A project over what was found.
    #[must_use]
    pub fn new(discovery: Discovery, want: Want) -> Self {
        let roots = import_roots(&discovery);
        let modules = ModuleIndex::build(&discovery, &roots);
        let parsed = discovery.files.iter().map(|_| OnceLock::new()).collect();
        Self { discovery, modules, want, parsed }
    }

    /// The syntax tree of a Python file; `None` when it is no Python or cannot be read.
    #[must_use]
    pub fn parsed(&self, file: FileId) -> Option<&ParsedFile> {
        let slot = self.parsed.get(file.index())?;
        if self.discovery.entry(file).kind != FileKind::Python {
            return None;
        }
        slot.get_or_init(|| self.discovery.read(file).map(|bytes| parse(&bytes, self.want))).as_ref().ok()
    }

    /// Parses files side by side, on the threads of the current pool.
    pub fn parse_all(&self, files: &[FileId]) {
        files.par_iter().for_each(|file| {
            let _ = self.parsed(*file);
        });
    }

    /// The path of a file, relative to its root.
    #[must_use]
    pub fn path(&self, file: FileId) -> &str {
        &self.discovery.entry(file).path
    }

    /// What could not be read so far, sorted.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        let mut gaps = self.discovery.gaps.clone();
        for (index, slot) in self.parsed.iter().enumerate() {
            match slot.get() {
                Some(Ok(parsed)) => {
                    let path = &self.discovery.files[index].path;
                    gaps.extend(parsed.gaps.iter().cloned().map(|gap| gap.into_gap(path.as_str())));
                }
                Some(Err(gap)) => gaps.push(gap.clone()),
                None => {}
            }
        }
        gaps.sort();
        gaps.dedup();
        gaps
    }
}
