//! The configuration file: its keys, and what is wrong with one.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Deserialize;

use super::error::ConfigError;
use super::gate;
use super::source_url::SourceUrl;
use super::value::{Color, Environment, Format};

/// The name of the configuration file.
pub(super) const FILE_NAME: &str = "csm-audit.toml";

/// A larger file is no configuration.
const MAX_SIZE: u64 = 4 << 20;

/// A database in the configuration.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a database is its name, or { name = \"…\", apps = [\"app_label\", …] }")]
pub(super) enum Database {
    Name(String),
    Routed(Routed),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Routed {
    name: String,
    apps: Vec<String>,
}

impl Database {
    /// The database's name on its server.
    pub(super) fn name(self) -> String {
        match self {
            Self::Name(name) | Self::Routed(Routed { name, .. }) => name,
        }
    }

    /// The apps whose tables are in it, when the configuration lists them.
    pub(super) fn apps(&self) -> Option<Vec<String>> {
        match self {
            Self::Name(_) => None,
            Self::Routed(routed) => Some(routed.apps.clone()),
        }
    }
}

/// The keys of the file. Each is `None` when the file does not have it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FileConfig {
    pub(super) target: Option<String>,
    pub(super) roots: Option<Vec<PathBuf>>,
    pub(super) site_packages: Option<Vec<PathBuf>>,
    pub(super) exclude: Option<Vec<String>>,
    pub(super) tests: Option<Vec<String>>,
    pub(super) settings: Option<String>,
    pub(super) installed_apps: Option<PathBuf>,
    pub(super) django: Option<String>,
    pub(super) server: Option<String>,
    pub(super) databases: Option<IndexMap<String, Database>>,
    pub(super) environments: Option<IndexMap<String, Environment>>,
    pub(super) key_type: Option<String>,
    pub(super) format: Option<Format>,
    pub(super) output: Option<PathBuf>,
    pub(super) source_url: Option<SourceUrl>,
    pub(super) quiet: Option<bool>,
    pub(super) color: Option<Color>,
    pub(super) threads: Option<usize>,
    pub(super) gate: Option<gate::Section>,
}

#[derive(Deserialize)]
struct PyProject {
    tool: Option<Tool>,
}

#[derive(Deserialize)]
struct Tool {
    #[serde(rename = "csm-audit")]
    csm_audit: Option<FileConfig>,
}

impl FileConfig {
    /// These keys, and those of `other` that are missing here.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            target: self.target.or(other.target),
            roots: self.roots.or(other.roots),
            site_packages: self.site_packages.or(other.site_packages),
            exclude: self.exclude.or(other.exclude),
            tests: self.tests.or(other.tests),
            settings: self.settings.or(other.settings),
            installed_apps: self.installed_apps.or(other.installed_apps),
            django: self.django.or(other.django),
            server: self.server.or(other.server),
            databases: self.databases.or(other.databases),
            environments: self.environments.or(other.environments),
            key_type: self.key_type.or(other.key_type),
            format: self.format.or(other.format),
            output: self.output.or(other.output),
            source_url: self.source_url.or(other.source_url),
            quiet: self.quiet.or(other.quiet),
            color: self.color.or(other.color),
            threads: self.threads.or(other.threads),
            gate: self.gate.or(other.gate),
        }
    }

    /// The keys with every path below `folder`, the configuration's.
    pub(super) fn placed(mut self, folder: &Path) -> Self {
        if folder.as_os_str().is_empty() {
            return self;
        }
        let place = |path: &mut PathBuf| *path = folder.join(&*path);
        let lists = [&mut self.roots, &mut self.site_packages];
        lists.into_iter().flatten().flatten().for_each(place);
        let baseline = self.gate.as_mut().and_then(|gate| gate.baseline.as_mut());
        [self.installed_apps.as_mut(), self.output.as_mut(), baseline].into_iter().flatten().for_each(place);
        for environment in self.environments.iter_mut().flat_map(IndexMap::values_mut) {
            environment.password_file.iter_mut().for_each(place);
            for source in environment.sources.iter_mut().filter(|source| !source.contains("://")) {
                *source = folder.join(&*source).display().to_string();
            }
        }
        self
    }
}

/// The section of a `pyproject.toml`, when there is one. Another tool's broken file is not an error.
pub(super) fn has_section(path: &Path) -> bool {
    bounded(path).is_ok_and(|text| text.contains("tool.csm-audit"))
}

/// The text of a file of ordinary size.
fn bounded(path: &Path) -> std::io::Result<String> {
    if std::fs::metadata(path)?.len() > MAX_SIZE {
        return Err(std::io::Error::other("the file is larger than 4 MiB"));
    }
    std::fs::read_to_string(path)
}

/// Reads a configuration; of a `pyproject.toml` the section `[tool.csm-audit]`.
pub(super) fn read(path: &Path) -> Result<FileConfig, ConfigError> {
    let text = bounded(path).map_err(|source| ConfigError::Unreadable { path: path.to_path_buf(), source })?;
    let parsed = if path.file_name().is_some_and(|name| name == "pyproject.toml") {
        toml::from_str::<PyProject>(&text).map(|file| file.tool.and_then(|tool| tool.csm_audit).unwrap_or_default())
    } else {
        toml::from_str::<FileConfig>(&text)
    };
    parsed.map_err(|error| wrong(path, &text, &error))
}

fn wrong(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let at = error.span().map_or(0, |span| span.start).min(text.len());
    let before = text.get(..at).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    ConfigError::Wrong { path: path.to_path_buf(), line, column, message: message(error.message()) }
}

/// serde's message. Of an unknown key it lists all known ones: the likeliest takes their place.
fn message(text: &str) -> String {
    let mut quoted = text.split('`').skip(1).step_by(2);
    let (Some(unknown), true) = (quoted.next(), text.starts_with("unknown field")) else { return text.to_owned() };
    let known: Vec<&str> = quoted.collect();
    let near = known
        .iter()
        .map(|key| (strsim::jaro_winkler(unknown, key), *key))
        .filter(|(similar, _)| *similar > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((_, key)) => format!("unknown key `{unknown}`; did you mean `{key}`?"),
        None => format!("unknown key `{unknown}`; the keys are {}", known.join(", ")),
    }
}
