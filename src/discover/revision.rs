//! The files of another commit of the same repository, beside those of the work tree.
//!
//! What is equal is shared: its words are those of the work tree and its bytes are read from there. Only what differs
//! is taken from git's objects, so the comparison costs what the change costs. Whether a file is equal is decided by its
//! content, which was read anyway; git's index and the times of files are not trusted.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::blob::BlobId;
use super::git::{Base, Blob, Commit, Content, Mode};
use super::index;
use super::read::Reader;
use super::walk::WalkedFile;
use super::{Discovery, FileEntry, FileKind, FileLink, Options, RevisionError, RootKind, Watch, WordSet};
use crate::source::{FileId, Gap, GapKind};

/// The commit of each project root, as git lists it.
#[derive(Debug)]
pub struct Revision {
    commits: Vec<Commit>,
}

/// The files of a commit.
#[derive(Debug)]
pub struct BaseRevision {
    /// The commit's files, as a walk of its checkout would find them.
    pub discovery: Discovery,
    /// For each of them the file of the work tree that is known to be equal.
    pub same: Vec<Option<FileId>>,
}

impl Revision {
    /// Asks git which files `revision` has.
    ///
    /// # Errors
    ///
    /// When a root is in no repository, or the repository has no such commit.
    pub fn open(options: &Options, revision: &str, base: Base) -> Result<Self, RevisionError> {
        let commits = options.projects.iter().map(|root| Commit::open(root, revision, base));
        let commits = commits.collect::<Result<_, _>>()?;
        Ok(Self { commits })
    }

    /// The files of the commit. `now` is the discovery of the work tree, by the same options.
    ///
    /// # Errors
    ///
    /// When the clone lacks the content of a file that has to be read.
    pub fn base(&self, now: &Discovery, options: &Options) -> Result<BaseRevision, RevisionError> {
        let mut builder = Builder { now, options, files: Vec::new(), links: Vec::new(), gaps: Vec::new() };
        let mut seen = FxHashSet::default();
        for (root, of) in now.roots.iter().enumerate() {
            match self.commits.iter().find(|commit| of.kind == RootKind::Project && commit.folder == of.path) {
                Some(commit) => builder.root(root, commit, &mut seen)?,
                None => builder.all(root),
            }
        }
        Ok(builder.finish())
    }
}

impl BaseRevision {
    /// What of the commit could not be compared.
    pub fn not_compared(&self) -> impl Iterator<Item = &Gap> {
        let kinds = [GapKind::MissingObject, GapKind::Sparse, GapKind::Submodule];
        self.discovery.gaps.iter().filter(move |gap| kinds.contains(&gap.kind))
    }

    /// Whether `is` holds of a file that is not equal on both sides, on either.
    #[must_use]
    pub fn any_changed(&self, now: &Discovery, is: impl Fn(&FileEntry) -> bool) -> bool {
        let shared: FxHashSet<FileId> = self.same.iter().copied().flatten().collect();
        let mut old = self.discovery.ids().filter(|id| self.same[id.index()].is_none());
        old.any(|id| is(self.discovery.entry(id))) || now.ids().any(|id| !shared.contains(&id) && is(now.entry(id)))
    }

    /// Has the changed files of the work tree watched; `None` when the two states differ in more than the contents of
    /// files, so that no watch could tell whether it matters.
    #[must_use]
    pub fn watch(&self, now: &mut Discovery) -> Option<Watch> {
        let old: FxHashMap<(usize, &str), (&FileEntry, Option<FileId>)> = self
            .discovery
            .files
            .iter()
            .zip(&self.same)
            .filter(|(file, _)| file.kind != FileKind::Other)
            .map(|(file, same)| ((file.root, &*file.path), (file, *same)))
            .collect();
        let watch = Watch::default();
        let mut found = 0;
        for new in now.files.iter_mut().filter(|file| file.kind != FileKind::Other) {
            match old.get(&(new.root, &*new.path)) {
                Some((old, same)) => {
                    let alike = (old.kind, old.star_import, old.sys_path) == (new.kind, new.star_import, new.sys_path);
                    if !alike {
                        return None;
                    }
                    found += 1;
                    if same.is_none() {
                        new.words.compare_with(old.words.clone(), &watch);
                    }
                }
                // Only Python has a name that others can import.
                None if new.kind != FileKind::Python => new.words.compare_with(WordSet::default(), &watch),
                None => return None,
            }
        }
        if found != old.len() || self.discovery.links != now.links {
            return None;
        }
        Some(watch)
    }
}

/// A file of the commit.
struct Old {
    entry: FileEntry,
    same: Option<FileId>,
    /// Its bytes, when they are not those on disk.
    bytes: Option<Vec<u8>>,
    odd: Option<PathBuf>,
}

/// A symbolic link of the commit, and what it says.
struct OldLink {
    root: usize,
    path: String,
    leads_to: String,
}

struct Builder<'a> {
    now: &'a Discovery,
    options: &'a Options,
    files: Vec<Old>,
    links: Vec<OldLink>,
    gaps: Vec<Gap>,
}

impl Builder<'_> {
    /// Takes a root as it is on disk.
    fn all(&mut self, root: usize) {
        for id in self.now.ids().filter(|id| self.now.entry(*id).root == root) {
            self.share(id);
        }
    }

    fn share(&mut self, id: FileId) {
        let odd = self.now.odd_paths.get(&id).cloned();
        self.files.push(Old { entry: self.now.entry(id).clone(), same: Some(id), bytes: None, odd });
    }

    fn root(&mut self, root: usize, commit: &Commit, seen: &mut FxHashSet<PathBuf>) -> Result<(), RevisionError> {
        let unread: Vec<&str> = commit.unread.iter().map(String::as_str).collect();
        let within = |path: &str| {
            unread.iter().copied().find(|sub| path.strip_prefix(sub).is_some_and(|rest| rest.starts_with('/')))
        };

        // What stands on both sides.
        let mut listed: FxHashSet<&str> = FxHashSet::default();
        let mut wanted: Vec<String> = Vec::new();
        let mut kept: Vec<FileId> = Vec::new();
        let mut not_compared: FxHashSet<&str> = FxHashSet::default();
        for id in self.now.ids() {
            let entry = self.now.entry(id);
            if entry.root != root {
                continue;
            }
            let path = format!("{}{}", commit.prefix, entry.path);
            if let Some(submodule) = within(&path) {
                not_compared.insert(submodule);
                kept.push(id);
                continue;
            }
            let Some((path, blob)) = commit.files.get_key_value(&path) else { continue };
            listed.insert(path);
            if self.is_equal(id, path, blob, commit) {
                kept.push(id);
            } else if blob.mode != Mode::Submodule {
                wanted.push(path.clone());
            }
        }
        for submodule in not_compared {
            let path = submodule.strip_prefix(&*commit.prefix).unwrap_or(submodule);
            let reason = "the commit of this submodule that is compared with is not in the clone, so its files were not \
                          compared; fetch it (git submodule update --init), or leave it out with `exclude`";
            self.gaps.push(Gap::file(GapKind::Submodule, path, reason));
        }
        let mut kept_links: Vec<&FileLink> = Vec::new();
        for link in self.now.links.iter().filter(|link| link.root == root) {
            let path = format!("{}{}", commit.prefix, link.path);
            if let Some((path, blob)) = commit.files.get_key_value(&path)
                && is_link_equal(path, blob, commit)
            {
                listed.insert(path);
                kept_links.push(link);
            }
        }
        // What stands in the commit alone, as far as a walk would find it.
        let is_environment = |folder: &str| {
            let inner = if folder.is_empty() { "pyvenv.cfg".to_owned() } else { format!("{folder}/pyvenv.cfg") };
            commit.files.contains_key(&format!("{}{inner}", commit.prefix))
        };
        for (path, blob) in &commit.files {
            let Some(relative) = path.strip_prefix(&*commit.prefix) else { continue };
            // A link that was not followed on disk is not followed here; only a changed one is looked at.
            let is_dead = blob.mode == Mode::Link && is_link_equal(path, blob, commit);
            if listed.contains(&**path)
                || blob.mode == Mode::Submodule
                || is_dead
                || !index::is_walked(relative, &self.options.exclude, &is_environment)
            {
                continue;
            }
            match self.now.unread.get(root).and_then(|unread| unread.get(relative)) {
                Some(object) if *object == blob.object => {}
                Some(_) => {
                    let reason = "a sparse checkout left it out, it differs from the commit that is compared with, and \
                                  the clone lacks its content; fetch it, or check it out (git sparse-checkout add)";
                    self.gaps.push(Gap::file(GapKind::Sparse, relative, reason));
                }
                None => wanted.push(path.clone()),
            }
        }
        // Roots may overlap; a file belongs to the first of them.
        wanted.retain(|path| seen.insert(commit.top.join(path)));
        wanted.sort_unstable();

        for id in kept {
            self.share(id);
        }
        self.links.extend(kept_links.into_iter().map(|link| OldLink {
            root,
            path: link.path.clone(),
            leads_to: self.now.entry(link.target).path.clone(),
        }));
        self.read(root, commit, &wanted)
    }

    /// Whether a file of the work tree is that of the commit.
    fn is_equal(&self, id: FileId, path: &str, blob: &Blob, commit: &Commit) -> bool {
        match blob.mode {
            Mode::Link => is_link_equal(path, blob, commit),
            Mode::Submodule => false,
            Mode::File => {
                let entry = self.now.entry(id);
                // What no analysis reads need not be equal.
                super::kind::by_name(&entry.path) == Some(FileKind::Other)
                    || entry.blob.is_some_and(|name| name.is(&blob.object))
            }
        }
    }

    /// Takes files from git's objects.
    fn read(&mut self, root: usize, commit: &Commit, paths: &[String]) -> Result<(), RevisionError> {
        let relative = |path: &str| path.strip_prefix(&*commit.prefix).unwrap_or(path).to_owned();
        let is_link = |path: &str| commit.files.get(path).is_some_and(|blob| blob.mode == Mode::Link);
        let read: Vec<&str> = paths.iter().map(String::as_str).filter(|path| commit.is_read(path)).collect();
        let contents: FxHashMap<&str, Option<Content>> = read.iter().copied().zip(commit.contents(&read)?).collect();
        let mut files: Vec<(WalkedFile, Option<&Content>)> = Vec::new();
        for path in paths {
            let content = match contents.get(path.as_str()) {
                Some(Some(content)) => Some(content),
                // What the clone lacks is taken for unchanged, and named: nobody knows whether anything in it is new.
                Some(None) => {
                    let path = relative(path);
                    let reason = format!(
                        "the clone lacks its content at `{}`, so it was not compared; fetch it, or clone without --filter",
                        commit.revision
                    );
                    self.gaps.push(Gap::file(GapKind::MissingObject, &*path, reason));
                    if let Some(id) = self.now.find(root, &path) {
                        self.share(id);
                    }
                    continue;
                }
                None => None,
            };
            if let Some(content) = content.filter(|_| is_link(path)) {
                let to = String::from_utf8_lossy(&content.bytes);
                if let Some(leads_to) = beside(&relative(path), &to) {
                    self.links.push(OldLink { root, path: relative(path), leads_to });
                }
                continue;
            }
            let odd = commit.files.get(path).and_then(|blob| blob.odd.clone());
            let odd = odd.map(|odd| odd.strip_prefix(&commit.prefix).map(Path::to_path_buf).unwrap_or(odd));
            files.push((WalkedFile { path: relative(path), raw_path: odd, link: None }, content));
        }
        let of = self.now.roots[root].kind;
        let made: Vec<(Old, Option<Gap>)> = files
            .par_iter()
            .map_init(Reader::default, |reader, (found, content)| {
                let (size, bytes) = content.map_or((0, &[][..]), |content| (content.size, &content.bytes));
                let (entry, gap) = reader.entry_of(root, of, found, bytes, size);
                let odd = found.raw_path.as_ref().map(|_| found.locate(&self.now.roots[root].path));
                (Old { entry, same: None, bytes: Some(bytes.to_vec()), odd }, gap)
            })
            .collect();
        for (old, gap) in made {
            self.files.push(old);
            self.gaps.extend(gap);
        }
        Ok(())
    }

    fn finish(mut self) -> BaseRevision {
        self.files.sort_by(|a, b| (a.entry.root, &a.entry.path).cmp(&(b.entry.root, &b.entry.path)));
        let mut discovery = Discovery {
            roots: self.now.roots.clone(),
            metadata: self.now.metadata.clone(),
            found_venvs: self.now.found_venvs.clone(),
            ..Discovery::default()
        };
        let mut same = Vec::with_capacity(self.files.len());
        let mut fresh: FxHashSet<String> = FxHashSet::default();
        for (old, id) in self.files.into_iter().zip(0u32..) {
            if let Some(bytes) = old.bytes {
                fresh.insert(old.entry.path.clone());
                discovery.contents.insert(FileId(id), bytes);
            }
            if let Some(odd) = old.odd {
                discovery.odd_paths.insert(FileId(id), odd);
            }
            same.push(old.same);
            discovery.files.push(old.entry);
        }
        for link in self.links {
            let target = discovery.find(link.root, &link.leads_to);
            discovery.links.extend(target.map(|target| FileLink { root: link.root, path: link.path, target }));
        }
        discovery.links.sort_by(|a, b| (a.root, &a.path).cmp(&(b.root, &b.path)));
        // A gap of a file that is shared, or of a folder, is the same on both sides.
        let known: FxHashSet<&str> = discovery.files.iter().map(|file| &*file.path).collect();
        let gone =
            |path: &str| fresh.contains(path) || !known.contains(path) && self.now.files.iter().any(|f| f.path == path);
        let shared = self.now.gaps.iter().filter(|gap| !gap.file.as_deref().is_some_and(gone)).cloned();
        discovery.gaps = shared.chain(self.gaps).collect();
        discovery.gaps.sort();
        discovery.gaps.dedup();
        BaseRevision { discovery, same }
    }
}

/// Where a link in the file's folder leads, below the root.
fn beside(path: &str, to: &str) -> Option<String> {
    if to.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = path.rsplit_once('/').map_or(Vec::new(), |(folder, _)| folder.split('/').collect());
    for part in to.split('/') {
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

/// Whether a link of the commit is on disk and leads to the same place.
fn is_link_equal(path: &str, blob: &Blob, commit: &Commit) -> bool {
    if blob.mode != Mode::Link {
        return false;
    }
    let place = blob.odd.as_ref().map_or_else(|| commit.top.join(path), |odd| commit.top.join(odd));
    let leads_to = std::fs::read_link(place);
    leads_to.is_ok_and(|leads_to| BlobId::of(leads_to.as_os_str().as_encoded_bytes()).is(&blob.object))
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn links_lead_below_the_root_or_nowhere() {
        assert_eq!(beside("a/b/link.py", "../c.py").as_deref(), Some("a/c.py"));
        assert_eq!(beside("link.py", "./a//b.py").as_deref(), Some("a/b.py"));
        assert_eq!(beside("link.py", "../b.py"), None);
        assert_eq!(beside("a/link.py", "/b.py"), None);
    }
}
