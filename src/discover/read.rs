//! Reading one file: what is refused, and what is taken from it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::blob::BlobId;
use super::gaps::{self, MAX_FILE_SIZE};
use super::kind::{self, FileKind};
use super::walk::WalkedFile;
use super::words::Indexer;
use super::{FileEntry, RootKind, WordSet};
use crate::source::{Gap, GapKind};

/// How much of a file is looked at to tell text from anything else.
const HEAD: u64 = 8 << 10;

/// Reads files and indexes their words; one per thread, for its buffers.
#[derive(Default)]
pub(super) struct Reader {
    buffer: Vec<u8>,
    indexer: Indexer,
    /// Whether the contents are given git's names.
    names_blobs: bool,
}

impl Reader {
    /// A reader that gives contents git's names, if asked.
    pub(super) fn new(names_blobs: bool) -> Self {
        Self { names_blobs, ..Self::default() }
    }

    /// The entry of a file that was found at `place`, and the gap it leaves.
    pub(super) fn entry(
        &mut self,
        root: usize,
        of: RootKind,
        listed: bool,
        found: &WalkedFile,
        place: &Path,
    ) -> (FileEntry, Option<Gap>) {
        self.make(root, of, listed, found, |path| match found.link {
            Some(_) => open(place, path),
            None => open_found(place, path),
        })
    }

    /// The bytes of the file that was read last; `None` when not all of it was read.
    pub(super) fn bytes(&self, entry: &FileEntry) -> Option<Vec<u8>> {
        (self.buffer.len() as u64 == entry.size).then(|| self.buffer.clone())
    }

    /// The same of a file whose bytes are at hand; none are needed when its size tells that it is not read.
    pub(super) fn entry_of(
        &mut self,
        root: usize,
        of: RootKind,
        found: &WalkedFile,
        bytes: &[u8],
        size: u64,
    ) -> (FileEntry, Option<Gap>) {
        self.make(root, of, false, found, |_| Ok((bytes, size)))
    }

    fn make<R: Read>(
        &mut self,
        root: usize,
        of: RootKind,
        listed: bool,
        found: &WalkedFile,
        open: impl FnOnce(&str) -> Result<(R, u64), Gap>,
    ) -> (FileEntry, Option<Gap>) {
        let mut entry = FileEntry {
            root,
            path: found.path.clone(),
            kind: FileKind::Other,
            size: 0,
            words: WordSet::default(),
            star_import: false,
            sys_path: false,
            blob: None,
        };
        let named = kind::by_name(&found.path);
        if listed && named == Some(FileKind::Python) {
            entry.kind = FileKind::Python;
            return (entry, None);
        }
        let gap = match named {
            Some(FileKind::Other) => gaps::compressed(&found.path),
            // What installed packages say in prose or do in scripts is not this project's doing.
            Some(FileKind::Document | FileKind::Script) if of == RootKind::SitePackages => None,
            None if of == RootKind::SitePackages => None,
            _ => open(&found.path).and_then(|(file, size)| self.fill(&mut entry, named, file, size)).err(),
        };
        let gap = gap.or_else(|| {
            found.raw_path.as_ref().map(|_| {
                Gap::file(
                    GapKind::OddName,
                    &*found.path,
                    "the file's name is not UTF-8: it is read, and listed with its odd bytes escaped",
                )
            })
        });
        (entry, gap)
    }

    fn fill(
        &mut self,
        entry: &mut FileEntry,
        named: Option<FileKind>,
        mut file: impl Read,
        size: u64,
    ) -> Result<(), Gap> {
        let unreadable = |error| gaps::unreadable(&entry.path, &error);
        self.buffer.clear();
        let at_once = named == Some(FileKind::Python) && size <= MAX_FILE_SIZE;
        // Never more than the size that was told: the file may grow while it is read.
        (&mut file)
            .take(if at_once { size } else { HEAD.min(size) })
            .read_to_end(&mut self.buffer)
            .map_err(unreadable)?;
        let kind = named.unwrap_or_else(|| kind::by_shebang(&self.buffer));
        if kind == FileKind::Other || kind::is_transport_stream(&entry.path, &self.buffer) {
            return Ok(());
        }
        entry.size = size;
        if size > MAX_FILE_SIZE {
            entry.kind = kind;
            return Err(gaps::too_large(&entry.path, size));
        }
        if kind != FileKind::Python && has_nul(&self.buffer) {
            return Err(gaps::binary(&entry.path));
        }
        if (self.buffer.len() as u64) < size {
            let at = self.buffer.len();
            file.take(size - at as u64).read_to_end(&mut self.buffer).map_err(unreadable)?;
            if kind != FileKind::Python && has_nul(&self.buffer[at..]) {
                return Err(gaps::binary(&entry.path));
            }
        }
        entry.kind = kind;
        if self.names_blobs {
            entry.blob = Some(BlobId::of(&self.buffer));
        }
        let indexed = self.indexer.index(&self.buffer);
        entry.words = indexed.words;
        entry.star_import = indexed.star_import && kind == FileKind::Python;
        entry.sys_path = indexed.sys_path && kind == FileKind::Python;
        Ok(())
    }
}

/// Reads a whole file into the buffer.
pub(super) fn read_file(place: &Path, path: &str, buffer: &mut Vec<u8>) -> Result<(), Gap> {
    let (file, size) = open(place, path)?;
    if size > MAX_FILE_SIZE {
        return Err(gaps::too_large(path, size));
    }
    buffer.reserve(usize::try_from(size).unwrap_or(0));
    file.take(MAX_FILE_SIZE).read_to_end(buffer).map_err(|error| gaps::unreadable(path, &error))?;
    Ok(())
}

/// Opens what the walk found to be a regular file: it need not be looked up twice.
fn open_found(place: &Path, path: &str) -> Result<(File, u64), Gap> {
    let file = File::open(place).map_err(|error| gaps::unreadable(path, &error))?;
    let metadata = file.metadata().map_err(|error| gaps::unreadable(path, &error))?;
    if !metadata.is_file() {
        return Err(gaps::special(path));
    }
    Ok((file, metadata.len()))
}

/// Opens a regular file, and nothing else: a FIFO would wait for its writer for ever.
fn open(place: &Path, path: &str) -> Result<(File, u64), Gap> {
    let metadata = std::fs::metadata(place).map_err(|error| gaps::unreadable(path, &error))?;
    if !metadata.is_file() {
        return Err(gaps::special(path));
    }
    open_found(place, path)
}

fn has_nul(bytes: &[u8]) -> bool {
    memchr::memchr(0, bytes).is_some()
}
