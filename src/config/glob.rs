//! Globs of the command line and of the configuration.

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::error::ConfigError;

/// Globs that match a path and everything below it.
pub(super) fn globs(patterns: &[String]) -> Result<GlobSet, ConfigError> {
    let wrong = |glob: &str, error: &globset::Error| ConfigError::Glob {
        glob: glob.to_owned(),
        reason: error.kind().to_string(),
    };
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let bare = pattern.trim_matches('/');
        for glob in [bare.to_owned(), format!("{bare}/**")] {
            set.add(Glob::new(&glob).map_err(|error| wrong(pattern, &error))?);
        }
    }
    set.build().map_err(|error| wrong(&patterns.join(" "), &error))
}
