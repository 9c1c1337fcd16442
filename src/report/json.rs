//! Report v1 as JSON.

use std::io::{self, Write};

use serde::Deserialize;

use super::v1::{Report, VERSION};

/// Writes the report, indented, with a line ending at its end.
///
/// # Errors
///
/// When it cannot be written.
pub fn write(report: &Report, mut to: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut to, report)?;
    to.write_all(b"\n")?;
    to.flush()
}

/// A text that is not a valid report.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No JSON at all, or not to its end.
    #[error("is not valid JSON: {0}; pass a report of --format json")]
    Json(serde_json::Error),
    /// JSON of something else.
    #[error("is not a report of csm-audit{0}; pass a report of --format json")]
    Other(&'static str),
    /// A format that is unknown here.
    #[error(
        "has report version {0}, but this csm-audit supports {VERSION}; use the csm-audit that wrote it, or a newer one"
    )]
    Newer(u64),
    /// A report with something that cannot be.
    #[error("is not a valid report: {0}; write it again with --format json")]
    Broken(serde_json::Error),
}

/// Reads what [`write()`] wrote.
///
/// # Errors
///
/// When it is not a valid report, or one of a later version.
pub fn read(bytes: &[u8]) -> Result<Report, ReadError> {
    /// The keys that distinguish reports from other JSON.
    #[derive(Deserialize)]
    struct Kind {
        version: Option<u64>,
        target: Option<String>,
        roots: Option<serde::de::IgnoredAny>,
        totals: Option<serde::de::IgnoredAny>,
        touchpoints: Option<serde::de::IgnoredAny>,
        environments: Option<serde::de::IgnoredAny>,
    }

    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let kind: Kind = serde_json::from_slice(bytes).map_err(|error| {
        // Text that is JSON and no object, or whose version is no number, is something else's.
        if error.is_data() { ReadError::Other("") } else { ReadError::Json(error) }
    })?;
    match kind.version {
        Some(version) if version > u64::from(VERSION) && kind.target.is_some() => {
            return Err(ReadError::Newer(version));
        }
        Some(version) if version == u64::from(VERSION) && kind.roots.is_some() && kind.totals.is_some() => {}
        _ if kind.touchpoints.is_some() => return Err(ReadError::Other(": it looks like a baseline of the gate")),
        _ if kind.environments.is_some() => return Err(ReadError::Other(": it looks like a snapshot of databases")),
        _ => return Err(ReadError::Other("")),
    }
    serde_json::from_slice(bytes).map_err(ReadError::Broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        read(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_report_is_said() {
        let report = serde_json::to_string(&Report { version: VERSION, ..Report::default() }).unwrap();
        assert!(read(report.as_bytes()).is_ok());
        assert!(error("").starts_with("is not valid JSON"));
        assert!(error(&report[..report.len() / 2]).starts_with("is not valid JSON"));
        assert!(error("[1]").contains("is not a report of csm-audit;"));
        assert!(error("{\"version\": 1, \"touchpoints\": []}").contains("a baseline"));
        assert!(error("{\"version\": 1, \"environments\": []}").contains("a snapshot"));
        let newer = report.replacen("\"version\":1", "\"version\":2", 1);
        assert!(error(&newer).contains("report version 2, but this csm-audit supports 1"));
        let broken = report.replace("\"models\":[]", "\"models\":[{}]");
        assert!(error(&broken).contains("is not a valid report: missing field"), "{}", error(&broken));
    }
}
