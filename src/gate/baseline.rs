//! The baseline: the known touchpoints, in a file that is committed.
//!
//! Version 2 is one JSON object a line, sorted, with nothing between the lines: the first names the version and the
//! model, each other one is a touchpoint. So `merge=union` and branches that add lines at the same place give a file that
//! is still a baseline: the order of the lines does not matter, and a line that is there twice counts once. Version 1, one
//! JSON object for the whole file, is still read.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::entry::Entry;
use crate::finding::{Access, Kind};

/// The version of the format that is written.
pub const VERSION: u64 = 2;

/// A baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The model.
    pub target: String,
    /// Its touchpoints, sorted.
    pub touchpoints: Vec<Entry>,
}

/// A baseline that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// There is none.
    #[error(
        "{} does not exist; write it with `csm-audit gate --update` and commit it, pass another with --baseline, or \
         compare with a commit: --diff origin/main",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("{}: cannot be {what}: {source}; pass another with --baseline, or check the permissions", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a valid baseline.
    #[error("{}:{line}:{column}: not a valid baseline: {reason}; {hint}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// 1-based line.
        line: usize,
        /// 1-based column.
        column: usize,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// A newer program wrote it.
    #[error(
        "{}: baseline version {version} is newer than this csm-audit supports ({VERSION}); install a newer csm-audit, or \
         remove the file and run `csm-audit gate --update`",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u64,
    },
    /// It is of another model.
    #[error(
        "{} is a baseline of {found}, not of {wanted}; use --target {found}, or another file with --baseline",
        path.display()
    )]
    OtherTarget {
        /// The file.
        path: PathBuf,
        /// Its model.
        found: String,
        /// The model that is looked for.
        wanted: String,
    },
}

/// The first line: the rest depends on the version.
#[derive(Serialize, Deserialize)]
struct Head {
    version: u64,
    target: String,
}

/// A touchpoint, as version 2 writes it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    module: String,
    #[serde(rename = "in")]
    within: String,
    kind: Kind,
    access: Access,
    target: String,
    symbol: String,
    statement: String,
    fingerprint: String,
}

/// Version 1.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    #[serde(rename = "version")]
    _version: u64,
    #[serde(rename = "target")]
    _target: String,
    touchpoints: Vec<OldEntry>,
}

/// A touchpoint of version 1, which has the line in place of the statement.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OldEntry {
    module: String,
    #[serde(rename = "in")]
    within: String,
    kind: Kind,
    access: Access,
    target: String,
    symbol: String,
    text: String,
    fingerprint: String,
}

impl From<Line> for Entry {
    fn from(line: Line) -> Self {
        let Line { module, within, kind, access, target, symbol, statement, fingerprint } = line;
        Self { module, within, kind, access, target, symbol, text: statement.clone(), statement, fingerprint }
    }
}

impl From<OldEntry> for Entry {
    fn from(entry: OldEntry) -> Self {
        let OldEntry { module, within, kind, access, target, symbol, text, fingerprint } = entry;
        Self { module, within, kind, access, target, symbol, statement: String::new(), text, fingerprint }
    }
}

impl From<&Entry> for Line {
    fn from(entry: &Entry) -> Self {
        let Entry { module, within, kind, access, target, symbol, statement, text, fingerprint } = entry.clone();
        // What an old baseline knew stays known until it is gone.
        let statement = if statement.is_empty() { text } else { statement };
        Self { module, within, kind, access, target, symbol, statement, fingerprint }
    }
}

/// Why a text is not a baseline.
struct Fault {
    line: usize,
    column: usize,
    reason: String,
}

impl Fault {
    fn of(error: &serde_json::Error, line: usize) -> Self {
        let reason = error.to_string();
        let reason = reason.rsplit_once(" at line ").map_or(&*reason, |(what, _)| what).to_owned();
        Self { line: line + error.line().max(1), column: error.column(), reason }
    }
}

/// The head of either version.
fn head(text: &str) -> Result<Head, Fault> {
    let lines = || text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    // After a merge the head need not be first.
    let heads = lines().filter(|(line, _)| line.contains("\"version\""));
    let alone = heads.filter_map(|(line, _)| serde_json::from_str::<Head>(line).ok()).max_by_key(|head| head.version);
    match alone {
        Some(head) => Ok(head),
        None => serde_json::from_str(text).map_err(|error| Fault::of(&error, 0)),
    }
}

/// The touchpoints of version 2, sorted.
fn lines(text: &str) -> Result<Vec<Entry>, Fault> {
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str::<Line>(line) {
            Ok(line) => entries.push(Entry::from(line)),
            Err(_) if serde_json::from_str::<Head>(line).is_ok() => {}
            Err(error) => return Err(Fault::of(&error, number)),
        }
    }
    Ok(entries)
}

impl Baseline {
    /// A baseline of these touchpoints.
    #[must_use]
    pub fn new(target: &str, mut touchpoints: Vec<Entry>) -> Self {
        touchpoints.sort();
        Self { target: target.to_owned(), touchpoints }
    }

    /// Reads the baseline of `target`.
    ///
    /// # Errors
    ///
    /// When it is missing, broken, newer, or of another target.
    pub fn read(path: &Path, target: &str) -> Result<Self, BaselineError> {
        let path_buf = || path.to_path_buf();
        let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => BaselineError::Missing { path: path_buf() },
            _ => BaselineError::Io { path: path_buf(), what: "read", source },
        })?;
        let broken = |fault: Fault| BaselineError::Broken {
            path: path_buf(),
            line: fault.line,
            column: fault.column,
            reason: fault.reason,
            hint: if text.lines().any(|line| line.starts_with("<<<<<<< ")) {
                "unresolved merge conflict: run `csm-audit gate --update` to regenerate it"
            } else {
                "restore it from git, or regenerate it with `csm-audit gate --update`"
            },
        };
        let head = head(&text).map_err(broken)?;
        if head.version > VERSION {
            return Err(BaselineError::Newer { path: path_buf(), version: head.version });
        }
        if head.target != target {
            return Err(BaselineError::OtherTarget { path: path_buf(), found: head.target, wanted: target.to_owned() });
        }
        let mut touchpoints: Vec<Entry> = if head.version < 2 {
            let whole: Whole = serde_json::from_str(&text).map_err(|error| broken(Fault::of(&error, 0)))?;
            whole.touchpoints.into_iter().map(Entry::from).collect()
        } else {
            lines(&text).map_err(broken)?
        };
        touchpoints.sort();
        // Two branches may have added the same touchpoint, or one of them edited it; two equal uses differ in their
        // fingerprints.
        touchpoints.dedup_by(|a, b| (&a.module, &a.fingerprint, a.access) == (&b.module, &b.fingerprint, b.access));
        Ok(Self { target: head.target, touchpoints })
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        let head = Head { version: VERSION, target: self.target.clone() };
        // Structs of strings and numbers are always JSON.
        let mut text = serde_json::to_string(&head).unwrap_or_default();
        text.push('\n');
        for entry in &self.touchpoints {
            text.push_str(&serde_json::to_string(&Line::from(entry)).unwrap_or_default());
            text.push('\n');
        }
        text
    }

    /// Writes the file, unless it says the same already. It is either written whole or not at all.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), BaselineError> {
        let text = self.text();
        if std::fs::read(path).is_ok_and(|bytes| bytes == text.as_bytes()) {
            return Ok(());
        }
        let failed = |source| BaselineError::Io { path: path.to_path_buf(), what: "written", source };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".csm-audit.");
        // A temporary file is its owner's alone otherwise; a baseline is an ordinary file.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let mut file = builder.tempfile_in(folder).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Access, Kind};

    fn entry(module: &str, fingerprint: &str) -> Entry {
        Entry {
            module: module.to_owned(),
            within: "f".to_owned(),
            kind: Kind::RawSql,
            access: Access::ReadWrite,
            target: "a.B".to_owned(),
            symbol: "\"x\u{2028}\ny\"".to_owned(),
            statement: "execute(\"x y\")".to_owned(),
            text: "execute(\"x y\")".to_owned(),
            fingerprint: fingerprint.to_owned(),
        }
    }

    #[test]
    fn it_is_sorted_with_one_touchpoint_a_line_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.json");
        let baseline = Baseline::new("a.B", vec![entry("z", "0"), entry("b", "1"), entry("b", "2")]);
        baseline.write(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0], r#"{"version":2,"target":"a.B"}"#);
        assert!(
            lines[1].starts_with(r#"{"module":"b","in":"f","kind":"raw-sql","access":"read-write","target":"a.B","#)
        );
        assert!(lines[3].starts_with(r#"{"module":"z""#) && lines.iter().all(|line| line.ends_with('}')));
        assert_eq!(Baseline::read(&path, "a.B").unwrap(), baseline);
        let empty = Baseline::new("a.B", Vec::new());
        empty.write(&path).unwrap();
        assert_eq!(Baseline::read(&path, "a.B").unwrap(), empty);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_union_of_two_branches_gives_is_a_baseline() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.json");
        let of = |entries: Vec<Entry>| Baseline::new("a.B", entries);
        let ours = of(vec![entry("a", "0"), entry("m", "1")]).text();
        let theirs = of(vec![entry("a", "0"), entry("m", "1"), entry("k", "2")]).text();
        // Git's union puts both sides' lines one after the other.
        std::fs::write(&path, format!("{theirs}\n{ours}")).unwrap();
        let read = Baseline::read(&path, "a.B").unwrap();
        assert_eq!(read, of(vec![entry("a", "0"), entry("k", "2"), entry("m", "1")]));
    }

    #[test]
    fn version_1_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.json");
        let old = "{\n\"version\": 1,\n\"target\": \"a.B\",\n\"touchpoints\": [\n\
                   {\"module\":\"a\",\"in\":\"f\",\"kind\":\"query\",\"access\":\"read\",\"target\":\"a.B\",\
                   \"symbol\":\"B\",\"text\":\"B.objects.get(\",\"fingerprint\":\"0\"}\n]\n}\n";
        for text in [old.to_owned(), old.replace('\n', " ")] {
            std::fs::write(&path, text).unwrap();
            let read = Baseline::read(&path, "a.B").unwrap();
            assert_eq!((&*read.touchpoints[0].text, &*read.touchpoints[0].statement), ("B.objects.get(", ""));
        }
    }

    #[test]
    fn what_cannot_be_used_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.json");
        let error = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Baseline::read(&path, "a.B").unwrap_err().to_string()
        };
        assert!(error("{\"version\": 3, \"target\": \"a.B\", \"new\": 1}").contains("version 3"));
        assert!(error("{\"version\": 1, \"target\": \"a.C\", \"touchpoints\": []}").contains("--target a.C"));
        assert!(error("").contains("gate --update"));
        let conflict = "{\"version\":2,\"target\":\"a.B\"}\n<<<<<<< HEAD\n=======\n>>>>>>> x\n";
        let said = error(conflict);
        assert!(said.contains("b.json:2:1: ") && said.contains("merge conflict"), "{said}");
        assert!(
            error("{\"version\": 1, \"target\": \"a.B\", \"touchpoints\": [{}]}").contains("missing field `module`")
        );
        let said = error("{\"version\":2,\"target\":\"a.B\"}\n{\"module\":\"a\"}\n");
        assert!(said.contains("b.json:2:") && said.contains("missing field `in`"), "{said}");
        std::fs::remove_file(&path).unwrap();
        let missing = Baseline::read(&path, "a.B").unwrap_err().to_string();
        assert!(missing.contains("does not exist") && missing.contains("--update"), "{missing}");
    }
}
