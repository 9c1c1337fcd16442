//! The values of settings that the command line and the configuration file have in common.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::Deserialize;

use super::source_url::SourceUrl;

/// A report's format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A summary for people.
    #[default]
    Text,
    /// Report v1.
    Json,
    /// One page for people, to attach and to print.
    Html,
    /// Short, for a ticket or a pull request.
    Markdown,
    /// SARIF 2.1.0, for tools that show results beside code.
    Sarif,
    /// Annotations of a GitHub workflow.
    Github,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// An environment, such as prod, as the configuration names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Environment {
    /// Its databases: URLs, dumps and snapshots.
    pub sources: Vec<String>,
    /// The environment variable that holds the password.
    pub password_env: Option<String>,
    /// The file whose first line is the password.
    pub password_file: Option<PathBuf>,
}

/// The command line's values. Each one that is given overrides the configuration's.
#[derive(Clone, Debug, Default)]
pub struct CliOverrides {
    /// The projects; those of the configuration, or the configuration's folder, when empty.
    pub roots: Vec<PathBuf>,
    /// The configuration file. No other one is looked for then.
    pub config: Option<PathBuf>,
    /// As in [`super::Settings`].
    pub target: Option<String>,
    /// As in [`super::Settings`].
    pub site_packages: Vec<PathBuf>,
    /// As in [`super::Settings`].
    pub exclude: Vec<String>,
    /// As in [`super::Settings`].
    pub format: Option<Format>,
    /// As in [`super::Settings`].
    pub output: Option<PathBuf>,
    /// As in [`super::Settings`].
    pub source_url: Option<SourceUrl>,
    /// As in [`super::Settings`].
    pub quiet: bool,
    /// As in [`super::Settings`].
    pub color: Option<Color>,
    /// As in [`super::Settings`].
    pub threads: Option<usize>,
    /// The baseline of the gate.
    pub baseline: Option<PathBuf>,
    /// The active virtual environment, from the process's environment.
    pub virtual_env: Option<PathBuf>,
    /// As in [`super::Settings`].
    pub settings: Option<String>,
    /// As in [`super::Settings`].
    pub installed_apps: Option<PathBuf>,
    /// As in [`super::Settings`].
    pub django: Option<String>,
    /// As in [`super::Settings`].
    pub server: Option<String>,
    /// As in [`super::Settings`].
    pub key_type: Option<String>,
}
