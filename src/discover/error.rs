//! What makes a scan impossible; everything less is a gap.

use std::path::{Path, PathBuf};

use super::RootKind;

/// A root that cannot be scanned.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// There is nothing at the path.
    #[error("{} does not exist; pass the folder of the project", path.display())]
    NotFound {
        /// The root as it was given.
        path: PathBuf,
    },
    /// The path leads to something else.
    #[error("{} is not a folder; pass its folder, or the root of the project", path.display())]
    NotAFolder {
        /// The root as it was given.
        path: PathBuf,
    },
    /// The folder cannot be listed.
    #[error("{} cannot be read: {source}; give a folder that you may read, or run as a user who may", path.display())]
    Unreadable {
        /// The root as it was given.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// There is no Python in the folder.
    #[error("{} contains no Python file{}", path.display(), hint(*kind))]
    NoPython {
        /// The root as it was given.
        path: PathBuf,
        /// What it was to hold.
        kind: RootKind,
    },
}

fn hint(kind: RootKind) -> &'static str {
    match kind {
        RootKind::Project => {
            "; pass the root of a Django project, and check that git's ignore rules do not leave all of it out"
        }
        RootKind::SitePackages => {
            "; pass the folder of the installed packages themselves, such as .venv/lib/python3.11/site-packages"
        }
    }
}

/// The real path of a root that can be walked.
pub(super) fn check_root(path: &Path) -> Result<PathBuf, DiscoverError> {
    let fail = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => DiscoverError::NotFound { path: path.to_path_buf() },
        _ => DiscoverError::Unreadable { path: path.to_path_buf(), source },
    };
    let metadata = std::fs::metadata(path).map_err(fail)?;
    if !metadata.is_dir() {
        return Err(DiscoverError::NotAFolder { path: path.to_path_buf() });
    }
    std::fs::read_dir(path).map_err(fail)?;
    std::fs::canonicalize(path).map_err(fail)
}
