//! The index: folders as a trie, and dotted names walked down it.

use std::collections::hash_map::Entry;
use std::sync::OnceLock;

use compact_str::CompactString;
use rustc_hash::FxHashMap;

use super::roots::{ImportRoot, Origin};
use crate::discover::{Discovery, FileKind, RootKind};
use crate::source::FileId;
use crate::stdlib::is_stdlib;

/// Index of a folder in a [`ModuleIndex`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DirId(u32);

impl DirId {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a dotted name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ModuleRef {
    /// A module, or the `__init__.py` of a package.
    File(FileId),
    /// A package folder without `__init__.py`.
    Namespace(DirId),
    /// A name under which nothing was found.
    Unknown,
}

impl ModuleRef {
    /// The file, when there is one.
    #[must_use]
    pub fn file(self) -> Option<FileId> {
        match self {
            Self::File(file) => Some(file),
            Self::Namespace(_) | Self::Unknown => None,
        }
    }
}

/// How a dotted name was resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum How {
    /// From a root that was scanned.
    Exact,
    /// From another folder on `sys.path`.
    Root,
    /// Beside the importing file, as Python 2 does, or a script's own folder.
    Sibling,
    /// By its last segments, which only one module has.
    Suffix,
    /// The name leads nowhere.
    Unresolved,
}

#[derive(Debug)]
struct Dir {
    root: usize,
    parent: Option<DirId>,
    name: CompactString,
    /// `__init__.py`.
    init: Option<FileId>,
    /// Folders between this one and the root.
    depth: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Child {
    dir: Option<DirId>,
    file: Option<FileId>,
}

/// A top-level name: where an import root has it.
#[derive(Clone, Copy, Debug)]
struct Top {
    child: Child,
    /// Position of the import root; the order in which Python would look.
    rank: usize,
    trust: Trust,
}

/// The confidence that a folder is on `sys.path`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Trust {
    /// It is a scanned root.
    Scanned,
    /// A file of the tree adds the folder to `sys.path`.
    Told,
    /// Packages lie in it, and nothing says that it is not.
    Guessed,
}

/// Which dotted names the files answer to.
#[derive(Debug, Default)]
pub struct ModuleIndex {
    dirs: Vec<Dir>,
    children: FxHashMap<(DirId, CompactString), Child>,
    tops: FxHashMap<CompactString, Vec<Top>>,
    /// Folders on `sys.path`, by rank.
    import_dirs: Vec<(DirId, Trust)>,
    /// Folder and canonical name of each file.
    files: Vec<(DirId, CompactString)>,
    links: Vec<(FileId, DirId, CompactString)>,
    kinds: Vec<RootKind>,
    is_package: Vec<bool>,
    /// Python files of projects by the last segment of their name; made when first needed.
    by_last: OnceLock<FxHashMap<CompactString, Vec<ModuleRef>>>,
}

impl ModuleIndex {
    /// Builds the index. The scanned roots are import roots in any case; `import_roots` come after them, in order.
    #[must_use]
    pub fn build(discovery: &Discovery, import_roots: &[ImportRoot]) -> Self {
        let mut index = Self {
            dirs: Vec::new(),
            children: FxHashMap::default(),
            tops: FxHashMap::default(),
            import_dirs: Vec::new(),
            files: Vec::with_capacity(discovery.files.len()),
            links: Vec::new(),
            kinds: discovery.roots.iter().map(|root| root.kind).collect(),
            is_package: vec![false; discovery.files.len()],
            by_last: OnceLock::new(),
        };
        let tops: Vec<(DirId, DirId)> = discovery
            .roots
            .iter()
            .enumerate()
            .map(|(root, of)| {
                // The folders above a root that is itself a package: nothing in them is read, but names begin there.
                let top = index.add_dir(root, None, "");
                let base = of.packages.iter().fold(top, |dir, name| index.child_dir(dir, name));
                (top, base)
            })
            .collect();
        index.add_files(discovery, &tops);
        index.add_import_roots(discovery, import_roots, &tops);
        index
    }

    fn add_files(&mut self, discovery: &Discovery, tops: &[(DirId, DirId)]) {
        // Files come sorted by path, so the folder is mostly that of the file before.
        let mut last: Option<(usize, &str, DirId)> = None;
        for (id, entry) in discovery.ids().zip(&discovery.files) {
            let (folder, name) = entry.path.rsplit_once('/').unwrap_or(("", &entry.path));
            let dir = match last {
                Some((root, path, dir)) if root == entry.root && path == folder => dir,
                _ if entry.kind != FileKind::Python => match self.find_dir(tops[entry.root].1, folder) {
                    Some(dir) => dir,
                    // A folder without Python is no namespace worth naming.
                    None => {
                        self.files.push((tops[entry.root].1, dotted_path(&entry.path)));
                        continue;
                    }
                },
                _ => self.make_dir(tops[entry.root].1, folder),
            };
            last = Some((entry.root, folder, dir));
            let stem = module_stem(name);
            let canonical = match stem {
                Some("__init__") => self.dotted(dir),
                Some(stem) => join(&self.dotted(dir), stem),
                None => join(&self.dotted(dir), name),
            };
            self.files.push((dir, canonical));
            if entry.kind != FileKind::Python {
                continue;
            }
            match stem {
                Some("__init__") => {
                    self.dirs[dir.index()].init = Some(id);
                    self.is_package[id.index()] = true;
                }
                Some(stem) => self.children.entry((dir, stem.into())).or_default().file = Some(id),
                None => {}
            }
        }
        for link in &discovery.links {
            let (folder, name) = link.path.rsplit_once('/').unwrap_or(("", &link.path));
            let Some(stem) = module_stem(name) else { continue };
            let dir = self.make_dir(tops[link.root].1, folder);
            if stem == "__init__" {
                self.dirs[dir.index()].init.get_or_insert(link.target);
            } else {
                self.children.entry((dir, stem.into())).or_default().file.get_or_insert(link.target);
                self.links.push((link.target, dir, stem.into()));
            }
        }
    }

    fn add_import_roots(&mut self, discovery: &Discovery, import_roots: &[ImportRoot], tops: &[(DirId, DirId)]) {
        let of_kind = |kind| {
            let roots = discovery.roots.iter().zip(tops).filter(move |(root, _)| root.kind == kind);
            roots.flat_map(|(_, &(top, base))| {
                let above = (top != base).then_some((top, Trust::Scanned));
                above.into_iter().chain([(base, Trust::Scanned)])
            })
        };
        let mut order: Vec<(DirId, Trust)> = of_kind(RootKind::Project).collect();
        for root in import_roots {
            if let Some(dir) = tops.get(root.root).and_then(|&(_, base)| self.find_dir(base, &root.dir)) {
                let guessed = root.origin == Origin::TopLevelPackage;
                order.push((dir, if guessed { Trust::Guessed } else { Trust::Told }));
            }
        }
        order.extend(of_kind(RootKind::SitePackages));
        for (dir, trust) in order {
            if !self.import_dirs.iter().any(|&(known, _)| known == dir) {
                self.import_dirs.push((dir, trust));
            }
        }

        let ranks: FxHashMap<DirId, (usize, Trust)> =
            self.import_dirs.iter().enumerate().map(|(rank, &(dir, trust))| (dir, (rank, trust))).collect();
        for ((dir, name), &child) in &self.children {
            if let Some(&(rank, trust)) = ranks.get(dir) {
                self.tops.entry(name.clone()).or_default().push(Top { child, rank, trust });
            }
        }
        // The map above is walked in no order; each name's own list is put in Python's.
        for tops in self.tops.values_mut() {
            tops.sort_by_key(|top| top.rank);
        }
    }

    fn add_dir(&mut self, root: usize, parent: Option<DirId>, name: &str) -> DirId {
        let id = DirId(u32::try_from(self.dirs.len()).unwrap_or(u32::MAX));
        let depth = parent.map_or(0, |parent| self.dirs[parent.index()].depth + 1);
        self.dirs.push(Dir { root, parent, name: name.into(), init: None, depth });
        id
    }

    fn child_dir(&mut self, dir: DirId, name: &str) -> DirId {
        let next = DirId(u32::try_from(self.dirs.len()).unwrap_or(u32::MAX));
        let child = match self.children.entry((dir, name.into())) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Child::default()),
        };
        if let Some(known) = child.dir {
            return known;
        }
        child.dir = Some(next);
        let root = self.dirs[dir.index()].root;
        self.add_dir(root, Some(dir), name)
    }

    fn make_dir(&mut self, base: DirId, path: &str) -> DirId {
        path.split('/').filter(|part| !part.is_empty()).fold(base, |dir, part| self.child_dir(dir, part))
    }

    fn find_dir(&self, base: DirId, path: &str) -> Option<DirId> {
        path.split('/').filter(|part| !part.is_empty()).try_fold(base, |dir, part| self.child(dir, part).dir)
    }

    fn child(&self, dir: DirId, name: &str) -> Child {
        self.children.get(&(dir, CompactString::from(name))).copied().unwrap_or_default()
    }

    /// What `import` takes of the two: a package, then a module, then a namespace.
    fn pick(&self, child: Child) -> ModuleRef {
        let package = child.dir.and_then(|dir| self.dirs[dir.index()].init);
        match (package.or(child.file), child.dir) {
            (Some(file), _) => ModuleRef::File(file),
            (None, Some(dir)) => ModuleRef::Namespace(dir),
            (None, None) => ModuleRef::Unknown,
        }
    }

    fn dir_of(&self, module: ModuleRef) -> Option<DirId> {
        match module {
            ModuleRef::File(file) => self.is_package(file).then(|| self.files[file.index()].0),
            ModuleRef::Namespace(dir) => Some(dir),
            ModuleRef::Unknown => None,
        }
    }

    fn walk<'a>(&self, start: Child, mut rest: impl Iterator<Item = &'a str>) -> ModuleRef {
        rest.try_fold(start, |at, segment| {
            // A package wins over the module of the same name, but only the folder has anything below it.
            let child = self.child(at.dir?, segment);
            (child.dir.is_some() || child.file.is_some()).then_some(child)
        })
        .map_or(ModuleRef::Unknown, |child| self.pick(child))
    }

    /// The folder's dotted name from its root.
    fn dotted(&self, dir: DirId) -> CompactString {
        let mut names = Vec::new();
        let mut at = Some(dir);
        while let Some(dir) = at {
            let of = &self.dirs[dir.index()];
            if !of.name.is_empty() {
                names.push(of.name.as_str());
            }
            at = of.parent;
        }
        names.reverse();
        CompactString::from(names.join("."))
    }

    /// The first folder below the root on the way to a file or folder.
    fn top_folder(&self, dir: DirId) -> Option<DirId> {
        let mut at = dir;
        while let Some(parent) = self.dirs[at.index()].parent {
            if self.dirs[parent.index()].parent.is_none() {
                return Some(at);
            }
            at = parent;
        }
        None
    }

    fn home(&self, module: ModuleRef) -> Option<DirId> {
        match module {
            ModuleRef::File(file) => Some(self.files[file.index()].0),
            ModuleRef::Namespace(dir) => Some(dir),
            ModuleRef::Unknown => None,
        }
    }

    /// What a dotted name stands for in the file `from`: absolute first, then beside the file, then by suffix.
    #[must_use]
    pub fn resolve(&self, dotted: &str, from: Option<FileId>) -> ModuleRef {
        self.resolve_how(dotted, from).0
    }

    /// As [`Self::resolve`], and how it was done.
    #[must_use]
    pub fn resolve_how(&self, dotted: &str, from: Option<FileId>) -> (ModuleRef, How) {
        let absolute = self.absolute(dotted, from);
        if matches!(absolute.0, ModuleRef::File(_)) {
            return absolute;
        }
        let sibling =
            if is_stdlib(dotted) { (ModuleRef::Unknown, How::Unresolved) } else { self.sibling(dotted, from) };
        if sibling.0 != ModuleRef::Unknown && absolute.0 == ModuleRef::Unknown {
            return sibling;
        }
        if absolute.0 != ModuleRef::Unknown { absolute } else { self.suffix(dotted, from) }
    }

    /// As [`Self::resolve`] by Python 2's rule: beside the file first.
    #[must_use]
    pub fn resolve_implicit_first(&self, dotted: &str, from: Option<FileId>) -> ModuleRef {
        match self.sibling(dotted, from).0 {
            ModuleRef::File(file) => ModuleRef::File(file),
            ModuleRef::Namespace(_) | ModuleRef::Unknown => self.resolve(dotted, from),
        }
    }

    fn absolute(&self, dotted: &str, from: Option<FileId>) -> (ModuleRef, How) {
        let mut segments = dotted.split('.');
        let Some(tops) = segments.next().and_then(|first| self.tops.get(first)) else {
            return (ModuleRef::Unknown, How::Unresolved);
        };
        let python_own = is_stdlib(dotted);
        let home = from.map(|file| self.files[file.index()].0);
        let (root, folder) = (home.map(|dir| self.dirs[dir.index()].root), home.and_then(|dir| self.top_folder(dir)));
        tops.iter()
            .filter(|top| !python_own || top.trust == Trust::Scanned)
            .filter_map(|top| {
                let module = self.walk(top.child, segments.clone());
                let dir = self.home(module)?;
                let regular = matches!(module, ModuleRef::File(_));
                let near = folder.is_some() && self.top_folder(dir) == folder;
                let same_root = Some(self.dirs[dir.index()].root) == root;
                let guessed = top.trust == Trust::Guessed;
                let key = (!regular, guessed, !near, !same_root, top.rank, self.dirs[dir.index()].depth);
                Some((key, (module, if top.trust == Trust::Scanned { How::Exact } else { How::Root })))
            })
            .min_by_key(|(key, _)| *key)
            .map_or((ModuleRef::Unknown, How::Unresolved), |(_, found)| found)
    }

    fn sibling(&self, dotted: &str, from: Option<FileId>) -> (ModuleRef, How) {
        let mut segments = dotted.split('.');
        let found = from.zip(segments.next()).map(|(from, first)| {
            let child = self.child(self.files[from.index()].0, first);
            // A module does not import itself by its own name: `celery.py` that imports celery means the package.
            let child = Child { file: child.file.filter(|&file| file != from), ..child };
            self.walk(child, segments)
        });
        match found {
            Some(module @ ModuleRef::File(_)) => (module, How::Sibling),
            _ => (ModuleRef::Unknown, How::Unresolved),
        }
    }

    fn suffix(&self, dotted: &str, from: Option<FileId>) -> (ModuleRef, How) {
        const NONE: (ModuleRef, How) = (ModuleRef::Unknown, How::Unresolved);
        let Some((first, last)) = dotted.split_once('.').zip(dotted.rsplit_once('.')).map(|(a, b)| (a.0, b.1)) else {
            return NONE;
        };
        // A name whose package is installed is that package's business.
        let installed = |top: &Top| {
            self.home(self.pick(top.child))
                .is_some_and(|dir| self.kinds[self.dirs[dir.index()].root] == RootKind::SitePackages)
        };
        if self.tops.get(first).is_some_and(|tops| tops.iter().any(installed)) {
            return NONE;
        }
        let candidates: Vec<ModuleRef> = self
            .by_last()
            .get(last)
            .into_iter()
            .flatten()
            .copied()
            .filter(|&module| self.ends_with(module, dotted))
            .collect();
        let near = from.and_then(|file| self.top_folder(self.files[file.index()].0));
        let in_folder =
            |module: &ModuleRef| near.is_some() && self.home(*module).and_then(|d| self.top_folder(d)) == near;
        let nearby: Vec<ModuleRef> = candidates.iter().copied().filter(in_folder).collect();
        match (nearby.as_slice(), candidates.as_slice()) {
            ([one], _) | ([], [one]) => (*one, How::Suffix),
            _ => NONE,
        }
    }

    fn by_last(&self) -> &FxHashMap<CompactString, Vec<ModuleRef>> {
        self.by_last.get_or_init(|| {
            let mut by_last: FxHashMap<CompactString, Vec<ModuleRef>> = FxHashMap::default();
            for ((dir, name), &child) in &self.children {
                let module = self.pick(child);
                if matches!(module, ModuleRef::File(_)) && self.kinds[self.dirs[dir.index()].root] == RootKind::Project
                {
                    by_last.entry(name.clone()).or_default().push(module);
                }
            }
            for modules in by_last.values_mut() {
                modules.sort_unstable();
            }
            by_last
        })
    }

    fn ends_with(&self, module: ModuleRef, dotted: &str) -> bool {
        let Some(file) = module.file() else { return false };
        let name = self.files[file.index()].1.as_str();
        name.strip_suffix(dotted).is_some_and(|before| before.is_empty() || before.ends_with('.'))
    }

    /// What a relative import of `level` dots stands for.
    #[must_use]
    pub fn relative(&self, from: FileId, level: u32, module: &str) -> ModuleRef {
        if level == 0 {
            return self.resolve(module, Some(from));
        }
        let mut dir = Some(self.files[from.index()].0);
        for _ in 1..level {
            dir = dir.and_then(|dir| self.dirs[dir.index()].parent);
        }
        dir.map_or(ModuleRef::Unknown, |dir| {
            let start = Child { dir: Some(dir), file: None };
            self.walk(start, module.split('.').filter(|segment| !segment.is_empty()))
        })
    }

    /// The submodule `name` of a package.
    #[must_use]
    pub fn submodule(&self, module: ModuleRef, name: &str) -> ModuleRef {
        let Some(dir) = self.dir_of(module) else { return ModuleRef::Unknown };
        let found = self.pick(self.child(dir, name));
        match module {
            // A namespace is spread over all folders of its name.
            ModuleRef::Namespace(_) if found == ModuleRef::Unknown => {
                let mut whole = self.dotted(dir);
                whole.push('.');
                whole.push_str(name);
                self.absolute(&whole, None).0
            }
            _ => found,
        }
    }

    /// The canonical dotted name: the one from the root, which is the longest.
    #[must_use]
    pub fn name(&self, file: FileId) -> &str {
        &self.files[file.index()].1
    }

    /// The dotted name of any module; empty when unknown.
    #[must_use]
    pub fn module_name(&self, module: ModuleRef) -> CompactString {
        match module {
            ModuleRef::File(file) => self.files[file.index()].1.clone(),
            ModuleRef::Namespace(dir) => self.dotted(dir),
            ModuleRef::Unknown => CompactString::default(),
        }
    }

    /// All dotted names under which the file can be imported, the canonical one first.
    #[must_use]
    pub fn names(&self, file: FileId) -> Vec<String> {
        let mut names = vec![self.name(file).to_owned()];
        let links = self.links.iter().filter(|(target, ..)| *target == file);
        names.extend(links.map(|(_, dir, stem)| join(&self.dotted(*dir), stem).into()));
        let all: Vec<String> = names.clone();
        let root = self.dirs[self.files[file.index()].0.index()].root;
        for &(dir, _) in self.import_dirs.iter().filter(|(dir, _)| self.dirs[dir.index()].root == root) {
            let prefix = self.dotted(dir);
            for name in &all {
                if let Some(rest) = name.strip_prefix(prefix.as_str()).and_then(|rest| rest.strip_prefix('.'))
                    && !prefix.is_empty()
                    && !names.iter().any(|known| known == rest)
                {
                    names.push(rest.to_owned());
                }
            }
        }
        names
    }

    /// Whether the file is the `__init__.py` of a package.
    #[must_use]
    pub fn is_package(&self, file: FileId) -> bool {
        self.is_package.get(file.index()).copied().unwrap_or(false)
    }

    /// The folder's `__init__.py` and the modules and packages directly in a package, by name.
    #[must_use]
    pub fn members(&self, module: ModuleRef) -> Vec<(CompactString, ModuleRef)> {
        let Some(dir) = self.dir_of(module) else { return Vec::new() };
        let mut members: Vec<_> = self
            .children
            .iter()
            .filter(|((of, _), _)| *of == dir)
            .map(|((_, name), &child)| (name.clone(), self.pick(child)))
            .collect();
        members.sort();
        members
    }
}

fn module_stem(name: &str) -> Option<&str> {
    name.rsplit_once('.').filter(|(_, extension)| extension.eq_ignore_ascii_case("py")).map(|(stem, _)| stem)
}

fn dotted_path(path: &str) -> CompactString {
    CompactString::from(path.replace('/', "."))
}

fn join(folder: &str, name: &str) -> CompactString {
    if folder.is_empty() {
        return name.into();
    }
    let mut joined = CompactString::from(folder);
    joined.push('.');
    joined.push_str(name);
    joined
}
