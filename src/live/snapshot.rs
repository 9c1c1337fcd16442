//! Snapshots: what was read of environments as a file, for those who have the code but no access to the databases.
//!
//! A snapshot holds definitions, names and numbers; of rows only the names of applied migrations, the smallest and
//! largest values of integer keys, and when that was allowed those of other integer columns and the times at which some
//! rows were created. It holds no password and no hash of one.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::facts::EnvironmentFacts;

/// The version that is written. A change that older programs would misread raises it.
pub const VERSION: u32 = 1;

/// A snapshot's first key, so that no other JSON is taken for one.
const KIND: &str = "csm-audit snapshot";

#[derive(Serialize)]
struct Written<'a> {
    kind: &'static str,
    version: u32,
    environments: &'a [EnvironmentFacts],
}

#[derive(Deserialize)]
struct Head {
    kind: Option<String>,
    version: Option<u32>,
}

#[derive(Deserialize)]
struct Body {
    environments: Vec<EnvironmentFacts>,
}

/// A file that is not a valid snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It cannot be read.
    #[error("cannot read {}: {source}; pass a file of csm-audit snapshot", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is something else, or broken.
    #[error("{} is not a valid snapshot: {reason}; create one with csm-audit snapshot", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It was made by a later release.
    #[error("{}: snapshot version {version} is newer than this csm-audit supports ({VERSION}); use a newer csm-audit", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
}

/// Writes a snapshot. Equal facts give equal bytes.
///
/// # Errors
///
/// When it cannot be written.
pub fn write(environments: &[EnvironmentFacts], mut writer: impl io::Write) -> io::Result<()> {
    let snapshot = Written { kind: KIND, version: VERSION, environments };
    serde_json::to_writer_pretty(&mut writer, &snapshot)?;
    writer.write_all(b"\n")?;
    writer.flush()
}

/// Reads a snapshot's file.
///
/// # Errors
///
/// When it cannot be read, is not a valid snapshot, or was made by a later release.
pub fn read_file(path: &Path) -> Result<Vec<EnvironmentFacts>, SnapshotError> {
    let bytes = std::fs::read(path).map_err(|source| SnapshotError::Unreadable { path: path.to_path_buf(), source })?;
    read(path, &bytes)
}

/// Reads a snapshot's bytes; the path is for errors.
///
/// # Errors
///
/// When it is no snapshot, or was made by a later release.
pub fn read(path: &Path, bytes: &[u8]) -> Result<Vec<EnvironmentFacts>, SnapshotError> {
    let broken = |reason: String| SnapshotError::Broken { path: path.to_path_buf(), reason };
    // The head first: the body of a later version may look different.
    let head: Head = serde_json::from_slice(bytes).map_err(|error| broken(error.to_string()))?;
    match (head.kind.as_deref(), head.version) {
        (Some(KIND), Some(version)) if version > VERSION => {
            Err(SnapshotError::Newer { path: path.to_path_buf(), version })
        }
        (Some(KIND), Some(_)) => {
            let body: Body = serde_json::from_slice(bytes).map_err(|error| broken(error.to_string()))?;
            Ok(body.environments)
        }
        _ => Err(broken(format!("it does not contain \"kind\": \"{KIND}\""))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::facts::{DatabaseFacts, Measures, Origin, Range};

    fn environment() -> EnvironmentFacts {
        let mut database =
            DatabaseFacts::unread("edxapp", Origin::Dump { file: "d.sql".to_owned(), server: None }, "why");
        let range =
            Range { column: "id".to_owned(), lowest: Some(-5), highest: Some(i128::from(u64::MAX)), sampled: false };
        database.measures.found.push(Measures { table: "t".to_owned(), ranges: vec![range], ..Measures::default() });
        EnvironmentFacts { name: "prod".to_owned(), databases: vec![database], ..EnvironmentFacts::default() }
    }

    fn written() -> String {
        let mut bytes = Vec::new();
        write(&[environment()], &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn error(text: &str) -> String {
        read(Path::new("s.json"), text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let read = read(Path::new("s.json"), written().as_bytes()).unwrap();
        assert_eq!(read, [environment()]);
        assert_eq!(written(), written());
    }

    #[test]
    fn other_files_are_refused_with_the_reason() {
        let newer = written().replace("\"version\": 1,", "\"version\": 7,").replace("environments", "surroundings");
        assert_eq!(
            error(&newer),
            "s.json: snapshot version 7 is newer than this csm-audit supports (1); use a newer csm-audit"
        );
        assert!(error("{}").contains("does not contain \"kind\""));
        assert!(error("{\"kind\": \"csm-audit snapshot\", \"version\": 1}").contains("missing field `environments`"));
        assert!(error(&written()[..200]).contains("is not a valid snapshot"));
        assert!(read_file(Path::new("/no/such.json")).unwrap_err().to_string().contains("cannot read"));
    }
}
