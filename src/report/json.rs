//! Report v1 as JSON.

use std::io::{self, Write};

use super::v1::Report;

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
