//! Virtual environments: git ignores them, and the packages in them touch the database all the same.

use std::path::{Path, PathBuf};

/// A virtual environment that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundVenv {
    /// The folder of the environment.
    pub path: PathBuf,
    /// How it was found: `VIRTUAL_ENV`, `.venv` or `venv`.
    pub how: &'static str,
    /// Its folders of installed packages.
    pub site_packages: Vec<PathBuf>,
    /// Whether they are walked; they are not when `--site-packages` says which are.
    pub used: bool,
}

/// The virtual environments of the projects, the active one first.
pub(super) fn find(projects: &[PathBuf], active: Option<&Path>) -> Vec<FoundVenv> {
    let in_projects =
        [".venv", "venv"].into_iter().flat_map(|how| projects.iter().map(move |project| (project.join(how), how)));
    let active = active.filter(|path| !path.as_os_str().is_empty()).map(|path| (path.to_path_buf(), "VIRTUAL_ENV"));
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for (path, how) in active.into_iter().chain(in_projects) {
        let site_packages = site_packages(&path);
        let Some(real) = site_packages.first().and_then(|_| std::fs::canonicalize(&path).ok()) else { continue };
        if !seen.contains(&real) {
            seen.push(real);
            found.push(FoundVenv { path, how, site_packages, used: false });
        }
    }
    found
}

/// `lib/python*/site-packages`, `lib64/…`, and Windows' `Lib/site-packages`, each real folder once.
pub(super) fn site_packages(venv: &Path) -> Vec<PathBuf> {
    let mut candidates = vec![venv.join("Lib/site-packages")];
    for lib in ["lib", "lib64"] {
        let Ok(entries) = std::fs::read_dir(venv.join(lib)) else { continue };
        let mut versions: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        versions.sort();
        candidates.extend(
            versions
                .into_iter()
                .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("py")))
                .map(|path| path.join("site-packages")),
        );
    }
    let mut seen = Vec::new();
    candidates
        .into_iter()
        .filter(|path| {
            let Ok(real) = std::fs::canonicalize(path) else { return false };
            // An environment without one installed module is no error, it adds nothing.
            let fresh = holds_python(&real) && !seen.contains(&real);
            if fresh {
                seen.push(real);
            }
            fresh
        })
        .collect()
}

fn holds_python(folder: &Path) -> bool {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .flatten()
        .any(|entry| entry.file_type().is_file() && entry.path().extension().is_some_and(|e| e == "py"))
}
