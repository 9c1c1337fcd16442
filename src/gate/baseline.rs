//! The baseline: the touchpoints that are known, in a file that is committed. It has one of them a line, so that git
//! merges it and people can review it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::entry::Entry;

/// The version of the format.
pub const VERSION: u64 = 1;

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
        "{} does not exist; write it with `csm-audit gate --update` and commit it, name another with --baseline, or \
         compare with a commit: --diff origin/main",
        path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be read or written.
    #[error("{}: cannot be {what}: {source}; name another with --baseline, or see that you may", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// It is no baseline.
    #[error("{}:{line}:{column}: is no baseline: {reason}; {hint}", path.display())]
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
        "{} has version {version} and this csm-audit reads {VERSION}; install the csm-audit that wrote it, or write \
         the file anew: remove it, then `csm-audit gate --update`",
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
        "{} is of {found}, not of {wanted}; give --target {found}, or another file with --baseline",
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

/// What is read first: the rest depends on the version.
#[derive(Deserialize)]
struct Head {
    version: u64,
    target: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    #[serde(rename = "version")]
    _version: u64,
    #[serde(rename = "target")]
    _target: String,
    touchpoints: Vec<Entry>,
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
        let broken = |error: &serde_json::Error| {
            let reason = error.to_string();
            let conflict = text.lines().any(|line| line.starts_with("<<<<<<< "));
            BaselineError::Broken {
                path: path_buf(),
                line: error.line(),
                column: error.column(),
                reason: reason.rsplit_once(" at line ").map_or(&*reason, |(what, _)| what).to_owned(),
                hint: if conflict {
                    "it holds the markers of a merge conflict: `csm-audit gate --update` writes it anew"
                } else {
                    "restore it from git, or write it anew with `csm-audit gate --update`"
                },
            }
        };
        let head: Head = serde_json::from_str(&text).map_err(|error| broken(&error))?;
        if head.version > VERSION {
            return Err(BaselineError::Newer { path: path_buf(), version: head.version });
        }
        if head.target != target {
            return Err(BaselineError::OtherTarget { path: path_buf(), found: head.target, wanted: target.to_owned() });
        }
        let whole: Whole = serde_json::from_str(&text).map_err(|error| broken(&error))?;
        Ok(Self { target: head.target, touchpoints: whole.touchpoints })
    }

    /// The file's text.
    #[must_use]
    pub fn text(&self) -> String {
        let target = serde_json::Value::from(self.target.as_str());
        let mut text = format!("{{\n\"version\": {VERSION},\n\"target\": {target},\n\"touchpoints\": [");
        for (at, entry) in self.touchpoints.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            // A struct of strings is always JSON, and writing into a string does not fail.
            let line = serde_json::to_string(entry).unwrap_or_default();
            let _ = write!(text, "{comma}\n{line}");
        }
        text.push_str("\n]\n}\n");
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
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let written = std::fs::File::create(&beside)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&beside, path));
        written.map_err(|source| {
            // Nothing more can be done when this fails too.
            let _ = std::fs::remove_file(&beside);
            failed(source)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Access, Kind};

    fn entry(module: &str) -> Entry {
        Entry {
            module: module.to_owned(),
            within: "f".to_owned(),
            kind: Kind::RawSql,
            access: Access::ReadWrite,
            target: "a.B".to_owned(),
            symbol: "\"x\u{2028}\ny\"".to_owned(),
            text: "execute(\"x".to_owned(),
            fingerprint: "0".to_owned(),
        }
    }

    #[test]
    fn it_is_sorted_with_one_touchpoint_a_line_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.json");
        let baseline = Baseline::new("a.B", vec![entry("z"), entry("b"), entry("b")]);
        baseline.write(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 9);
        assert!(
            lines[4].starts_with(r#"{"module":"b","in":"f","kind":"raw-sql","access":"read-write","target":"a.B","#)
        );
        assert!(lines[6].starts_with(r#"{"module":"z""#));
        assert_eq!(Baseline::read(&path, "a.B").unwrap(), baseline);
        let empty = Baseline::new("a.B", Vec::new());
        empty.write(&path).unwrap();
        assert_eq!(Baseline::read(&path, "a.B").unwrap(), empty);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_used_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b.json");
        let error = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Baseline::read(&path, "a.B").unwrap_err().to_string()
        };
        assert!(error("{\"version\": 2, \"target\": \"a.B\", \"new\": 1}").contains("version 2"));
        assert!(error("{\"version\": 1, \"target\": \"a.C\", \"touchpoints\": []}").contains("--target a.C"));
        assert!(error("").contains("gate --update"));
        let conflict = "{\n\"version\": 1,\n\"target\": \"a.B\",\n\"touchpoints\": [\n<<<<<<< HEAD\n]\n}\n";
        let said = error(conflict);
        assert!(said.contains("b.json:5:1: ") && said.contains("merge conflict"), "{said}");
        assert!(
            error("{\"version\": 1, \"target\": \"a.B\", \"touchpoints\": [{}]}").contains("missing field `module`")
        );
        std::fs::remove_file(&path).unwrap();
        let missing = Baseline::read(&path, "a.B").unwrap_err().to_string();
        assert!(missing.contains("does not exist") && missing.contains("--update"), "{missing}");
    }
}
