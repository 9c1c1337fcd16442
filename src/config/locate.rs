//! Which configuration files count.
//!
//! The user's own is the one given with `--config`, or the nearest one from the current folder upward to the root of its
//! git repository, as ruff and cargo look for theirs. Outside of a repository only the current folder is looked into:
//! folders above it, such as `/tmp`, may belong to somebody else. A scanned tree's own file is read besides, and
//! [`super::tree`] says what of it counts.

use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::file::{self, FILE_NAME, FileConfig};
use super::value::CliOverrides;

/// A configuration and where it is.
pub(super) struct Located {
    /// The file, as messages show it.
    pub path: PathBuf,
    /// Its keys.
    pub config: FileConfig,
    /// Whether it was found from the current folder upward.
    pub is_upward: bool,
}

impl Located {
    /// The folder that its paths are relative to; `.` when it is the current one.
    pub(super) fn folder(&self) -> PathBuf {
        let folder = folder_of(&self.path);
        if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder }
    }
}

/// The configurations of a run.
pub(super) struct Configurations {
    /// The user's own.
    pub own: Option<Located>,
    /// The scanned tree's, when it is another file.
    pub tree: Option<Located>,
}

/// Finds and reads the configurations.
pub(super) fn find(current: &Path, cli: &CliOverrides) -> Result<Configurations, ConfigError> {
    if let Some(path) = &cli.config {
        let own = Located { path: path.clone(), config: file::read(path)?, is_upward: false };
        return Ok(Configurations { own: Some(own), tree: None });
    }
    let own = upward(current, Path::new("."))?;
    let Some(root) = cli.roots.first() else { return Ok(Configurations { own, tree: None }) };
    let tree = upward(&current.join(root), root)?;
    let same = |a: &Located, b: &Located| absolute(current, &a.path) == absolute(current, &b.path);
    let tree = tree.filter(|tree| own.as_ref().is_none_or(|own| !same(own, tree)));
    Ok(Configurations { own, tree })
}

/// The folder of a file; empty when it is the current one.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Whether `inner` is `outer` or lies below it. Links are followed.
pub(super) fn is_below(current: &Path, inner: &Path, outer: &Path) -> bool {
    match (absolute(current, inner), absolute(current, outer)) {
        (Some(inner), Some(outer)) => inner.starts_with(outer),
        _ => false,
    }
}

fn absolute(current: &Path, path: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(current.join(path)).ok()
}

/// The nearest configuration from a folder upward. `place` is where the folder is, `shown` how messages write it.
fn upward(place: &Path, shown: &Path) -> Result<Option<Located>, ConfigError> {
    let Ok(place) = std::fs::canonicalize(place) else { return Ok(None) };
    let top = place.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&place);
    let mut shown = shown.to_path_buf();
    for (above, folder) in place.ancestors().take_while(|folder| folder.starts_with(top)).enumerate() {
        if above > 0 {
            shown = if shown == Path::new(".") { PathBuf::from("..") } else { shown.join("..") };
        }
        if let Some(name) = name_in(folder) {
            let path = shown.join(name);
            let mut config = file::read(&folder.join(name));
            if let Err(ConfigError::Unreadable { path: wrong, .. } | ConfigError::Wrong { path: wrong, .. }) =
                &mut config
            {
                wrong.clone_from(&path);
            }
            return Ok(Some(Located { path, config: config?, is_upward: true }));
        }
    }
    Ok(None)
}

fn name_in(folder: &Path) -> Option<&'static str> {
    let is_file = |name: &str| folder.join(name).is_file();
    if is_file(FILE_NAME) {
        return Some(FILE_NAME);
    }
    let section = is_file("pyproject.toml") && file::has_section(&folder.join("pyproject.toml"));
    section.then_some("pyproject.toml")
}
