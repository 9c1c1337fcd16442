//! The files of another commit of the same repository, beside those of the work tree.
//!
//! What git calls unchanged is shared: its words are those of the work tree and its bytes are read from there. Only
//! what differs is taken from git's objects, so the comparison costs what the change costs.

use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::git::{Commit, Content, Mode};
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
    pub fn open(options: &Options, revision: &str) -> Result<Self, RevisionError> {
        let commits = options.projects.iter().map(|root| Commit::open(root, revision)).collect::<Result<_, _>>()?;
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
        let rules_changed = commit.touched.iter().any(|path| path.rsplit('/').next() == Some(".gitignore"));
        let submodules: Vec<&str> =
            commit.files.iter().filter(|(_, blob)| blob.mode == Mode::Submodule).map(|(path, _)| &**path).collect();
        let within =
            |path: &str| submodules.iter().any(|sub| path.strip_prefix(sub).is_some_and(|rest| rest.starts_with('/')));
        for sub in submodules.iter().filter(|sub| commit.touched.contains(**sub)) {
            let path = sub.strip_prefix(&*commit.prefix).unwrap_or(sub);
            let reason = "is a submodule at another commit; its files were compared as they are now";
            self.gaps.push(Gap::file(GapKind::Submodule, path, reason));
        }

        // What stands on both sides.
        let mut listed: FxHashSet<&str> = FxHashSet::default();
        let mut wanted: Vec<String> = Vec::new();
        let mut kept: Vec<FileId> = Vec::new();
        for id in self.now.ids() {
            let entry = self.now.entry(id);
            if entry.root != root {
                continue;
            }
            let path = format!("{}{}", commit.prefix, entry.path);
            if within(&path) {
                kept.push(id);
                continue;
            }
            let Some((path, blob)) = commit.files.get_key_value(&path) else { continue };
            listed.insert(path);
            if blob.mode == Mode::Submodule {
                continue;
            }
            if commit.touched.contains(path) {
                wanted.push(path.clone());
            } else {
                kept.push(id);
            }
        }
        let mut kept_links: Vec<&FileLink> = Vec::new();
        for link in self.now.links.iter().filter(|link| link.root == root) {
            let path = format!("{}{}", commit.prefix, link.path);
            let Some((path, _)) = commit.files.get_key_value(&path).filter(|_| !commit.touched.contains(&path)) else {
                continue;
            };
            listed.insert(path);
            kept_links.push(link);
        }
        // What stands in the commit alone, as far as a walk would find it.
        let mut rules = Rules::new(commit);
        for (path, blob) in &commit.files {
            let Some(relative) = path.strip_prefix(&*commit.prefix) else { continue };
            let alone = !listed.contains(&**path) && blob.mode != Mode::Submodule;
            // A link that was not followed on disk is not followed here; only a changed one is looked at.
            let dead = blob.mode == Mode::Link && !commit.touched.contains(path);
            if alone && !dead && self.is_walked(commit, relative) && !rules.ignore(path)? {
                wanted.push(path.clone());
            }
        }
        if rules_changed {
            let mut ignored = FxHashSet::default();
            for id in &kept {
                let path = format!("{}{}", commit.prefix, self.now.entry(*id).path);
                if !within(&path) && rules.ignore(&path)? {
                    ignored.insert(*id);
                }
            }
            kept.retain(|id| !ignored.contains(id));
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

    /// Whether a walk of the root looks at the path, but for what git ignores.
    fn is_walked(&self, commit: &Commit, relative: &str) -> bool {
        let mut ends: Vec<usize> = memchr::memchr_iter(b'/', relative.as_bytes()).collect();
        ends.push(relative.len());
        let mut start = 0;
        ends.into_iter().all(|end| {
            let (part, whole) = (&relative[start..end], &relative[..end]);
            start = end + 1;
            let is_folder = end < relative.len();
            let environment = || commit.files.contains_key(&format!("{}{whole}/pyvenv.cfg", commit.prefix));
            !part.starts_with('.')
                && !self.options.exclude.is_match(whole)
                && !(is_folder && (part == "node_modules" || environment()))
        })
    }

    /// Takes files from git's objects.
    fn read(&mut self, root: usize, commit: &Commit, paths: &[String]) -> Result<(), RevisionError> {
        let relative = |path: &str| path.strip_prefix(&*commit.prefix).unwrap_or(path).to_owned();
        let is_link = |path: &str| commit.files.get(path).is_some_and(|blob| blob.mode == Mode::Link);
        let read: Vec<&str> = paths.iter().map(String::as_str).filter(|path| commit.is_read(path)).collect();
        let contents: FxHashMap<&str, Content> = read.iter().copied().zip(commit.contents(&read)?).collect();
        let mut files: Vec<(WalkedFile, Option<&Content>)> = Vec::new();
        for path in paths {
            let content = contents.get(path.as_str());
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

/// What git ignored at the commit: a walk of its checkout would leave it out although it is tracked.
struct Rules<'a> {
    commit: &'a Commit,
    folders: FxHashMap<String, Option<Gitignore>>,
    exclude: Option<Gitignore>,
}

impl<'a> Rules<'a> {
    fn new(commit: &'a Commit) -> Self {
        Self { commit, folders: FxHashMap::default(), exclude: None }
    }

    /// Whether the path, or a folder that it lies in, is ignored.
    fn ignore(&mut self, path: &str) -> Result<bool, RevisionError> {
        let skip = self.commit.prefix.len();
        let ends = memchr::memchr_iter(b'/', path.as_bytes()).filter(|&end| end >= skip).map(|end| (end, true));
        let ends: Vec<(usize, bool)> = ends.chain([(path.len(), false)]).collect();
        for (end, is_folder) in ends {
            if self.matches(&path[..end], is_folder)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn matches(&mut self, path: &str, is_folder: bool) -> Result<bool, RevisionError> {
        let full = self.commit.top.join(path);
        let mut folder = path;
        while !folder.is_empty() {
            folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
            if let Some(rules) = self.of(folder)? {
                match rules.matched(&full, is_folder) {
                    ignore::Match::None => {}
                    found => return Ok(found.is_ignore()),
                }
            }
        }
        let exclude = self.exclude.get_or_insert_with(|| {
            let mut builder = GitignoreBuilder::new(&self.commit.top);
            // Whoever has no such file excludes nothing.
            let _ = builder.add(self.commit.common.join("info/exclude"));
            builder.build().unwrap_or_else(|_| Gitignore::empty())
        });
        Ok(exclude.matched(&full, is_folder).is_ignore())
    }

    /// The rules that stand in a folder.
    fn of(&mut self, folder: &str) -> Result<Option<&Gitignore>, RevisionError> {
        if !self.folders.contains_key(folder) {
            let path = if folder.is_empty() { ".gitignore".to_owned() } else { format!("{folder}/.gitignore") };
            let mut rules = None;
            if self.commit.files.contains_key(&path) {
                let mut builder = GitignoreBuilder::new(self.commit.top.join(folder));
                let on_disk = (!self.commit.touched.contains(&path))
                    .then(|| std::fs::read(self.commit.top.join(&path)).ok())
                    .flatten();
                let bytes = match on_disk {
                    Some(bytes) => bytes,
                    None => self.commit.contents(&[&path])?.into_iter().flat_map(|content| content.bytes).collect(),
                };
                for line in String::from_utf8_lossy(&bytes).lines() {
                    // A line that is no rule rules nothing; the walk says so of the work tree.
                    let _ = builder.add_line(None, line);
                }
                rules = builder.build().ok();
            }
            self.folders.insert(folder.to_owned(), rules);
        }
        Ok(self.folders.get(folder).and_then(Option::as_ref))
    }
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
