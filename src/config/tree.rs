//! What of a scanned tree's configuration counts.
//!
//! A tree may come from anybody. Its configuration says how the tree itself is read and judged: the model, what is
//! excluded or a test, its settings and databases, the rules of the gate. It does not decide which servers are connected
//! to, with which password, where files are written, where the links of a report lead, or what the user gets to see.
//! Its paths stay below its own folder.

use std::path::{Path, PathBuf};

use super::file::FileConfig;
use super::locate::{Located, folder_of};

/// The part of the configuration that counts, with its paths below its folder. What does not count is named in
/// `warnings`.
pub(super) fn trusted(tree: Located, warnings: &mut Vec<String>) -> FileConfig {
    let folder = folder_of(&tree.path);
    let mut config = tree.config;
    let mut ignored: Vec<&str> = Vec::new();
    let mut refuse = |name: &'static str, is_there: bool| {
        if is_there {
            ignored.push(name);
        }
    };
    refuse("environments", config.environments.take().is_some_and(|environments| !environments.is_empty()));
    refuse("output", config.output.take().is_some());
    refuse("source-url", config.source_url.take().is_some());
    // What a report leaves out is the reader's choice, and a warning about the tree is not the tree's to hide.
    refuse("quiet", config.quiet.take().is_some());
    let shown = tree.path.display();
    if !ignored.is_empty() {
        let names: Vec<String> = ignored.iter().map(|name| format!("`{name}`")).collect();
        warnings.push(format!(
            "{shown}: {} ignored: the file belongs to the scanned tree, which does not decide which servers are read or \
             where results go; --config {shown} accepts all of it",
            names.join(", ")
        ));
    }

    let mut outside: Vec<String> = Vec::new();
    let mut keep = |name: &str, path: &Path| {
        let inside = stays_below(&folder, path);
        if !inside {
            outside.push(format!("`{name} = {}`", path.display()));
        }
        inside
    };
    for (name, list) in [("roots", &mut config.roots), ("site-packages", &mut config.site_packages)] {
        for paths in list.iter_mut() {
            paths.retain(|path| keep(name, path));
        }
    }
    config.installed_apps = config.installed_apps.filter(|path| keep("installed-apps", path));
    if let Some(gate) = &mut config.gate {
        gate.baseline = gate.baseline.take().filter(|path| keep("gate.baseline", path));
    }
    if !outside.is_empty() {
        warnings.push(format!(
            "{shown}: {} ignored: paths in the configuration of a scanned tree stay below its folder; --config {shown} \
             accepts all of them",
            outside.join(", ")
        ));
    }
    config.placed(&folder)
}

/// Whether a path of the configuration lies below its folder once links are followed. A file that is still to be written
/// lies where its folder does.
fn stays_below(folder: &Path, path: &Path) -> bool {
    let root = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(root) = std::fs::canonicalize(root) else { return false };
    let mut place: PathBuf = root.join(path);
    loop {
        if let Ok(found) = std::fs::canonicalize(&place) {
            return found.starts_with(&root);
        }
        // A link that leads nowhere could be made to lead anywhere.
        if place.is_symlink() || place.file_name().is_none() || !place.pop() {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        std::fs::create_dir_all(tree.join("in")).unwrap();
        std::fs::write(folder.path().join("outside.txt"), "x").unwrap();
        for inside in ["in", "in/new.json", "new/deep/new.json", "in/../new.json", "."] {
            assert!(stays_below(&tree, Path::new(inside)), "{inside}");
        }
        for outside in ["..", "../outside.txt", "/etc/passwd", "in/../../outside.txt", "../new.json", "no/../../x"] {
            assert!(!stays_below(&tree, Path::new(outside)), "{outside}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../outside.txt", tree.join("link")).unwrap();
            std::os::unix::fs::symlink("..", tree.join("up")).unwrap();
            std::os::unix::fs::symlink("../nothing", tree.join("nowhere")).unwrap();
            for outside in ["link", "up", "up/new.json", "nowhere"] {
                assert!(!stays_below(&tree, Path::new(outside)), "{outside}");
            }
        }
    }
}
