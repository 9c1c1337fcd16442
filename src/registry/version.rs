//! What installed metadata and requirement files tell: Django's version, and plugin apps.

use crate::discover::FileKind;
use crate::django::Version;
use crate::project::Project;

/// Django's version: of the installed packages, else of what is pinned.
pub(super) fn find(project: &Project) -> Option<Version> {
    let discovery = &project.discovery;
    for file in &discovery.metadata {
        let Some(folder) = file.path.split('/').find(|p| p.ends_with(".dist-info") || p.ends_with(".egg-info")) else {
            continue;
        };
        let lower = folder.to_lowercase();
        if let Some(version) = lower.strip_prefix("django-")
            && version.starts_with(|c: char| c.is_ascii_digit())
        {
            return version.parse().ok();
        }
    }
    let mut pinned: Vec<(usize, Version)> = Vec::new();
    for file in discovery.ids() {
        let entry = discovery.entry(file);
        let name = entry.path.rsplit('/').next().unwrap_or("").to_lowercase();
        let lists = name.ends_with(".lock")
            || name == "pyproject.toml"
            || (name.ends_with(".txt") && entry.path.to_lowercase().contains("require"));
        if entry.kind == FileKind::Python
            || !lists
            || discovery.roots[entry.root].kind != crate::discover::RootKind::Project
        {
            continue;
        }
        let Ok(bytes) = discovery.read(file) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        if let Some(version) = text.lines().find_map(pin) {
            pinned.push((entry.path.matches('/').count(), version));
        }
    }
    pinned.into_iter().min_by_key(|(depth, version)| (*depth, std::cmp::Reverse(*version))).map(|(_, v)| v)
}

/// `Django==4.2.11` in a line of requirements.
fn pin(line: &str) -> Option<Version> {
    let lower = line.trim().to_lowercase();
    let rest = lower.strip_prefix("django")?;
    let rest = rest.trim_start().strip_prefix("==").or_else(|| rest.trim_start().strip_prefix("~="))?;
    rest.trim().parse().ok()
}

/// The entry points of installed and own distributions: group, and `module:Class`.
pub(super) fn plugins(project: &Project) -> Vec<(String, String)> {
    let discovery = &project.discovery;
    let mut out = Vec::new();
    for file in &discovery.metadata {
        if !file.path.ends_with("entry_points.txt") {
            continue;
        }
        if let Ok(bytes) = discovery.read_metadata(file) {
            entry_points(&String::from_utf8_lossy(&bytes), &mut out);
        }
    }
    for file in discovery.ids() {
        let entry = discovery.entry(file);
        if entry.path.contains('/') || discovery.roots[entry.root].kind != crate::discover::RootKind::Project {
            continue;
        }
        if matches!(entry.path.as_str(), "setup.py" | "setup.cfg" | "pyproject.toml")
            && let Some(text) = project.text(file)
        {
            setup(text.as_str(), &mut out);
        }
    }
    out
}

/// `[group]` and `name = module:Class`.
fn entry_points(text: &str, out: &mut Vec<(String, String)>) {
    let mut group = String::new();
    for line in text.lines() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            name.clone_into(&mut group);
        } else if let Some((_, target)) = line.split_once('=') {
            let target = target.split_whitespace().next().unwrap_or("");
            if target.contains(':') {
                out.push((group.clone(), target.to_owned()));
            }
        }
    }
}

/// The same in `setup.py`, `setup.cfg` and `pyproject.toml`: a quoted or bare group, then its lines.
fn setup(text: &str, out: &mut Vec<(String, String)>) {
    let mut group = String::new();
    for line in text.lines() {
        let bare = line.trim().trim_matches(['"', '\'', ',', ' ']);
        if let Some(at) = bare.find(".djangoapp") {
            let start = bare[..at].rfind(['"', '\'', ' ', '[', '.', '(']).map_or(0, |i| i + 1);
            let name = &bare[start..at + ".djangoapp".len()];
            let after = &bare[at + ".djangoapp".len()..];
            if !name.contains('=') && !after.contains(".apps:") {
                name.clone_into(&mut group);
                continue;
            }
        }
        if group.is_empty() {
            continue;
        }
        match bare.split_once('=') {
            Some((name, target)) if target.contains(':') && !name.trim().contains(' ') => {
                let target = target.trim().trim_matches(['"', '\'', ',', ' ']);
                out.push((group.clone(), target.to_owned()));
            }
            _ if bare.starts_with(']') || bare.starts_with('}') || bare.starts_with('[') => group.clear(),
            _ => {}
        }
    }
}
