//! Which folders are on `sys.path`, as far as the tree tells.

use crate::discover::{Discovery, FileKind, RootKind};

/// Why a folder is an import root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// It is the parent of a package whose own parent is none.
    TopLevelPackage,
}

/// A folder from which modules can be imported.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImportRoot {
    /// Index of the scanned root.
    pub root: usize,
    /// The folder, relative to the root, `/` separated.
    pub dir: String,
    /// Why.
    pub origin: Origin,
}

/// The import roots of a project besides the scanned roots themselves.
#[must_use]
pub fn import_roots(discovery: &Discovery) -> Vec<ImportRoot> {
    let mut packages = rustc_hash::FxHashSet::default();
    for entry in &discovery.files {
        if entry.kind == FileKind::Python
            && discovery.roots[entry.root].kind == RootKind::Project
            && let Some(folder) = entry.path.strip_suffix("/__init__.py")
        {
            packages.insert((entry.root, folder));
        }
    }
    let mut roots: Vec<ImportRoot> = packages
        .iter()
        .filter_map(|&(root, folder)| {
            let (parent, _) = folder.rsplit_once('/')?;
            (!packages.contains(&(root, parent))).then(|| ImportRoot {
                root,
                dir: parent.to_owned(),
                origin: Origin::TopLevelPackage,
            })
        })
        .collect();
    roots.sort();
    roots.dedup();
    roots
}
