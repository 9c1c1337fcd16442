//! A configuration that cannot be used.

use std::path::PathBuf;

/// The model whose touchpoints are found unless another is named.
pub const DEFAULT_TARGET: &str = "courseware.StudentModule";

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}; pass an existing file with --config, or omit the option", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is wrong at a place.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// 1-based line.
        line: usize,
        /// 1-based column in characters.
        column: usize,
        /// What is wrong, and what to do.
        message: String,
    },
    /// The target is not a valid model name.
    #[error("`{0}` is not a valid model; write it as app_label.Model, such as {DEFAULT_TARGET}")]
    Target(String),
    /// A glob cannot be read.
    #[error("`{glob}` is not a valid glob: {reason}; write it as in .gitignore, such as docs/**")]
    Glob {
        /// The glob.
        glob: String,
        /// Why.
        reason: String,
    },
    /// Zero threads.
    #[error("0 threads are not valid; use 1 or more, or omit the option to use all cores")]
    Threads,
}
