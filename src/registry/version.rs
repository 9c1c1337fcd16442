//! Django's version, from every place that pins it, and plugin apps, from the metadata of distributions.

use crate::ast::{ExprKind, StrPart, walk_exprs};
use crate::discover::RootKind;
use crate::django::Version;
use crate::project::Project;
use crate::source::{FileId, Gap, GapKind};

/// Releases with rules of their own, in order (<https://docs.djangoproject.com/en/dev/releases/>).
const RELEASES: [Version; 19] = [
    Version(1, 7),
    Version(1, 8),
    Version(1, 9),
    Version(1, 10),
    Version(1, 11),
    Version(2, 0),
    Version(2, 1),
    Version(2, 2),
    Version(3, 0),
    Version(3, 1),
    Version(3, 2),
    Version(4, 0),
    Version(4, 1),
    Version(4, 2),
    Version(5, 0),
    Version(5, 1),
    Version(5, 2),
    Version(6, 0),
    Version(6, 1),
];

/// What a requirement on Django allows: `Django>=4.2,<5`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Requirement {
    /// `==`
    exact: Option<Version>,
    /// The oldest release.
    from: Option<Version>,
    /// The newest release.
    to: Option<Version>,
}

impl Requirement {
    /// A requirement as pip writes it (PEP 508): the name, extras, specifiers. `None` when it is of another package, or
    /// names no version.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_start();
        let rest = text.get(..6).filter(|name| name.eq_ignore_ascii_case("django")).map(|_| &text[6..])?;
        let rest = rest.trim_start();
        let rest = match rest.strip_prefix('[') {
            Some(extras) => extras.split_once(']')?.1,
            None => rest,
        };
        let rest = rest.trim_start().trim_start_matches('(');
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || " .,*<>=!~^".contains(c))).unwrap_or(rest.len());
        Self::specifiers(&rest[..end])
    }

    /// `>=4.2,<5`, `^4.2`, `==4.2.*`
    fn specifiers(text: &str) -> Option<Self> {
        let mut out = Self::default();
        for part in text.split(',') {
            let part = part.trim();
            let operator_end = part.find(|c: char| c.is_ascii_digit())?;
            let (operator, number) = part.split_at(operator_end);
            let number = number.split_whitespace().next()?;
            let mut parts = number.split('.').map(|part| part.parse::<u8>().ok());
            let major = parts.next().flatten()?;
            let minor = parts.next().flatten();
            let patch = parts.next().flatten();
            let version = Version(major, minor.unwrap_or(0));
            match operator.trim() {
                "==" | "===" if minor.is_some() => out.exact = Some(version),
                "==" | "===" => (out.from, out.to) = (Some(version), Some(before(Version(major.checked_add(1)?, 0)))),
                "~=" | "~" if patch.is_some() || (operator.trim() == "~" && minor.is_some()) => {
                    (out.from, out.to) = (Some(version), Some(version));
                }
                "~=" | "~" | "^" => {
                    (out.from, out.to) = (Some(version), Some(before(Version(major.checked_add(1)?, 0))))
                }
                ">=" | ">" => out.from = Some(version),
                "<=" => out.to = Some(version),
                // `<4.2.5` still allows 4.2.
                "<" if patch.is_some_and(|patch| patch > 0) => out.to = Some(version),
                "<" => out.to = Some(before(version)),
                "!=" => {}
                _ => return None,
            }
        }
        (out != Self::default()).then_some(out)
    }

    /// The releases that it allows.
    fn releases(self) -> Vec<Version> {
        if let Some(exact) = self.exact {
            return vec![exact];
        }
        let (from, to) = (self.from.unwrap_or(RELEASES[0]), self.to.unwrap_or(Version::NEWEST));
        let known: Vec<Version> = RELEASES.into_iter().filter(|release| (from..=to).contains(release)).collect();
        // A release that is newer than the rules.
        if known.is_empty() { self.from.into_iter().collect() } else { known }
    }
}

/// The release before another; none of the known ones is before the first.
fn before(version: Version) -> Version {
    RELEASES.into_iter().rfind(|release| *release < version).unwrap_or(Version(0, 0))
}

/// How much a place says: a lock file what is installed, `tox.ini` and a Dockerfile what is tested or built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Lock,
    Requirements,
    Other,
}

/// A requirement and where it stands.
struct Pin {
    rank: Rank,
    depth: usize,
    path: String,
    line: u32,
    requirement: Requirement,
}

/// Django's version, and what of it is assumed or contradicted.
pub(super) fn find(project: &Project) -> (Option<Version>, Vec<Gap>) {
    if let Some(version) = installed(project) {
        return (Some(version), Vec::new());
    }
    let discovery = &project.discovery;
    let mut pins: Vec<Pin> = Vec::new();
    for file in discovery.ids() {
        let entry = discovery.entry(file);
        if discovery.roots[entry.root].kind != RootKind::Project {
            continue;
        }
        let Some(rank) = rank(&entry.path) else { continue };
        let found = requirements(project, file);
        let depth = entry.path.matches('/').count();
        pins.extend(found.into_iter().map(|(line, requirement)| Pin {
            rank,
            depth,
            path: entry.path.clone(),
            line,
            requirement,
        }));
    }
    // An exact version says more than a range, and a file of the project more than one of a part of it.
    let newest = |pin: &Pin| pin.requirement.releases().last().copied();
    pins.retain(|pin| newest(pin).is_some());
    pins.sort_by_key(|pin| {
        let ranged = pin.requirement.exact.is_none();
        (
            pin.rank == Rank::Other,
            ranged,
            pin.rank,
            pin.depth,
            std::cmp::Reverse(newest(pin)),
            pin.path.clone(),
            pin.line,
        )
    });
    let Some(chosen) = pins.first() else { return (None, Vec::new()) };
    let Some(version) = newest(chosen) else { return (None, Vec::new()) };
    let mut gaps = Vec::new();
    let releases = chosen.requirement.releases();
    if let [oldest, .., newest] = releases.as_slice() {
        let reason =
            format!("the requirement allows Django {oldest} to {newest}; assuming {newest}; set it with --django");
        gaps.push(Gap::at(GapKind::DjangoVersion, chosen.path.clone(), chosen.line, reason));
    }
    let other =
        pins.iter().filter(|pin| pin.rank != Rank::Other).find(|pin| !pin.requirement.releases().contains(&version));
    if let Some(other) = other {
        let versions: Vec<String> = other.requirement.releases().iter().map(ToString::to_string).collect();
        let reason = format!(
            "the requirement is Django {}, and {}:{} requires {version}; assuming {version}; set it with --django",
            versions.join(" or "),
            chosen.path,
            chosen.line
        );
        gaps.push(Gap::at(GapKind::DjangoVersion, other.path.clone(), other.line, reason));
    }
    (Some(version), gaps)
}

/// The version whose metadata is installed.
fn installed(project: &Project) -> Option<Version> {
    project.discovery.metadata.iter().find_map(|file| {
        let folder = file.path.split('/').find(|p| p.ends_with(".dist-info") || p.ends_with(".egg-info"))?;
        let lower = folder.to_lowercase();
        let version = lower.strip_prefix("django-").filter(|v| v.starts_with(|c: char| c.is_ascii_digit()))?;
        version.parse().ok()
    })
}

/// Whether a file pins versions.
fn rank(path: &str) -> Option<Rank> {
    let lower = path.to_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let listed = ["require", "constraint", "dependencies"].iter().any(|word| lower.contains(word));
    match name {
        "poetry.lock" | "uv.lock" | "pdm.lock" | "pipfile.lock" => Some(Rank::Lock),
        "pyproject.toml" | "pipfile" | "setup.py" | "setup.cfg" => Some(Rank::Requirements),
        "tox.ini" => Some(Rank::Other),
        _ if name.starts_with("dockerfile") || name.ends_with(".dockerfile") => Some(Rank::Other),
        _ if listed && (name.ends_with(".txt") || name.ends_with(".in") || name.ends_with(".pip")) => {
            Some(Rank::Requirements)
        }
        _ if name.ends_with(".lock") => Some(Rank::Lock),
        _ => None,
    }
}

/// The requirements on Django in a file, with their lines.
fn requirements(project: &Project, file: FileId) -> Vec<(u32, Requirement)> {
    let path = project.path(file);
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    if name == "setup.py" {
        return in_setup(project, file);
    }
    let Ok(bytes) = project.discovery.read(file) else { return Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    let mut out = Vec::new();
    if name == "pipfile.lock" {
        if let Ok(lock) = serde_json::from_str::<serde_json::Value>(&text) {
            let versions = ["default", "develop"].map(|group| lock[group]["django"]["version"].as_str());
            out.extend(versions.into_iter().flatten().filter_map(Requirement::specifiers));
        }
        return out.into_iter().map(|requirement| (line_of(&text, "\"django\""), requirement)).collect();
    }
    let is_toml =
        name == "pipfile" || name.ends_with(".toml") || matches!(&*name, "poetry.lock" | "uv.lock" | "pdm.lock");
    if is_toml {
        if let Ok(table) = text.parse::<toml::Table>() {
            in_toml(&toml::Value::Table(table), &mut out);
        }
        return out.into_iter().map(|requirement| (line_of(&text, "django"), requirement)).collect();
    }
    let lines = (1u32..).zip(text.lines());
    lines.flat_map(|(line, text)| in_line(text).into_iter().map(move |requirement| (line, requirement))).collect()
}

/// The 1-based line on which a word first occurs, whatever its case.
fn line_of(text: &str, word: &str) -> u32 {
    let at = text.lines().position(|line| line.to_lowercase().contains(word)).unwrap_or(0);
    u32::try_from(at + 1).unwrap_or(u32::MAX)
}

/// Requirements in a line of `requirements.txt`, `setup.cfg`, `tox.ini` or a Dockerfile; comments left out.
fn in_line(line: &str) -> Option<Requirement> {
    let line = line.split(" #").next().unwrap_or(line);
    if line.trim_start().starts_with(['#', ';']) {
        return None;
    }
    let lower = line.to_ascii_lowercase();
    lower.match_indices("django").find_map(|(at, _)| {
        let begins = line[..at].chars().next_back().is_none_or(|c| c.is_whitespace() || "'\":=".contains(c));
        begins.then(|| Requirement::parse(&line[at..]))?
    })
}

/// Requirements in the strings of `setup.py`.
fn in_setup(project: &Project, file: FileId) -> Vec<(u32, Requirement)> {
    let Some(parsed) = project.parsed(file) else { return Vec::new() };
    let mut out = Vec::new();
    walk_exprs(&parsed.module.body, &mut |expr| {
        let ExprKind::Str(pieces) = &expr.kind else { return };
        let text: String = pieces
            .iter()
            .flat_map(|piece| &piece.parts)
            .map(|part| match part {
                StrPart::Text(text) => text.as_str(),
                StrPart::Hole(_) => "{}",
            })
            .collect();
        for line in text.lines() {
            out.extend(Requirement::parse(line).map(|found| (parsed.text.line_col(expr.span.start).line, found)));
        }
    });
    out
}

/// Requirements in a TOML file: strings of lists (PEP 621, PEP 735, PDM, uv), `django = "^4.2"` (Poetry, Pipenv), and
/// packages of a lock file.
fn in_toml(value: &toml::Value, out: &mut Vec<Requirement>) {
    match value {
        toml::Value::Array(items) => {
            for item in items {
                match item {
                    toml::Value::String(text) => out.extend(Requirement::parse(text)),
                    other => in_toml(other, out),
                }
            }
        }
        toml::Value::Table(table) => {
            let text = |key: &str| table.get(key).and_then(toml::Value::as_str);
            if let (Some(name), Some(version)) = (text("name"), text("version"))
                && name.eq_ignore_ascii_case("django")
            {
                out.extend(Requirement::specifiers(&format!("=={version}")));
                return;
            }
            for (key, value) in table {
                if !key.eq_ignore_ascii_case("django") {
                    in_toml(value, out);
                    continue;
                }
                let specifier = value.as_str().or_else(|| value.get("version").and_then(toml::Value::as_str));
                out.extend(specifier.and_then(|text| {
                    // Poetry reads a bare version as the exact one.
                    let bare = text.starts_with(|c: char| c.is_ascii_digit());
                    Requirement::specifiers(&if bare { format!("=={text}") } else { text.to_owned() })
                }));
            }
        }
        _ => {}
    }
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
        if entry.path.contains('/') || discovery.roots[entry.root].kind != RootKind::Project {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(text: &str) -> Vec<String> {
        in_line(text).map(Requirement::releases).unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn requirements_allow_releases() {
        for (text, releases) in [
            ("Django==4.2.11", "4.2"),
            ("django[argon2]==5.0.1 ; python_version > '3.9'", "5.0"),
            ("Django>=4.2,<5", "4.2"),
            ("Django >= 3.2, < 4.2.5  # why", "3.2 4.0 4.1 4.2"),
            ("django~=4.2.0", "4.2"),
            ("django~=4.1", "4.1 4.2"),
            ("django==4.2.*", "4.2"),
            ("django (>=2.2,<3.0)", "2.2"),
            ("Django>=7.0", "7.0"),
            ("    django52: Django>=5.2,<5.3", "5.2"),
            ("RUN pip install \"django==3.2.25\" gunicorn", "3.2"),
            ("Django<1.7", ""),
            ("django-mysql==4.2", ""),
            ("# Django==1.8", ""),
            ("django", ""),
            ("-e git+https://github.com/django/django.git", ""),
        ] {
            assert_eq!(allowed(text).join(" "), releases, "{text}");
        }
    }

    #[test]
    fn toml_files_require_in_many_ways() {
        for (text, releases) in [
            ("[project]\ndependencies = ['requests', 'Django>=4.2,<5.0']", "4.2"),
            ("[dependency-groups]\ndev = [{include-group = 'x'}, 'django==5.1.2']", "5.1"),
            ("[tool.poetry.dependencies]\nDjango = '^4.2'", "4.2"),
            ("[tool.poetry.dependencies]\ndjango = {version = '~3.2', extras = ['bcrypt']}", "3.2"),
            ("[packages]\ndjango = '==4.1.*'", "4.1"),
            ("[[package]]\nname = 'django'\nversion = '5.2.3'\n[[package]]\nname = 'x'\nversion = '1.0'", "5.2"),
            ("[tool.poetry.dependencies]\ndjango-filter = '^4.2'", ""),
        ] {
            let mut out = Vec::new();
            in_toml(&toml::Value::Table(text.parse().unwrap()), &mut out);
            let found: Vec<String> = out.iter().flat_map(|found| found.releases()).map(|v| v.to_string()).collect();
            assert_eq!(found.join(" "), releases, "{text}");
        }
    }
}
