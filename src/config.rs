//! Settings: what the command line says, then what `csm-audit.toml` or `[tool.csm-audit]` in `pyproject.toml` says,
//! then what holds without either.

pub mod gate;
pub mod source_url;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use globset::{Glob, GlobSet, GlobSetBuilder};
use indexmap::IndexMap;
use serde::Deserialize;

use self::source_url::SourceUrl;

/// The model whose touchpoints are found unless another is named.
pub const DEFAULT_TARGET: &str = "courseware.StudentModule";

/// What the key becomes unless something else is asked for.
pub const DEFAULT_KEY_TYPE: &str = "bigint unsigned";

/// The name of the configuration file.
const FILE_NAME: &str = "csm-audit.toml";

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

/// A database in the configuration.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a database is its name, or { name = \"…\", apps = [\"app_label\", …] }")]
enum Database {
    Name(String),
    Routed(Routed),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Routed {
    name: String,
    apps: Vec<String>,
}

impl Database {
    fn name(self) -> String {
        match self {
            Self::Name(name) | Self::Routed(Routed { name, .. }) => name,
        }
    }

    fn apps(&self) -> Option<Vec<String>> {
        match self {
            Self::Name(_) => None,
            Self::Routed(routed) => Some(routed.apps.clone()),
        }
    }
}

/// Everything a run can be told. Paths are as they were given, or relative to where the run began.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The model whose touchpoints are found, as `app_label.Model`.
    pub target: String,
    /// Whether the target was asked for, rather than taken for want of one.
    pub target_asked: bool,
    /// The projects.
    pub roots: Vec<PathBuf>,
    /// Folders of installed packages.
    pub site_packages: Vec<PathBuf>,
    /// The active virtual environment.
    pub virtual_env: Option<PathBuf>,
    /// Paths that are not walked, relative to their root.
    pub exclude: GlobSet,
    /// Paths that are test code, relative to their root, besides those that look like it.
    pub tests: GlobSet,
    /// The settings module, such as `lms.envs.production`.
    pub settings: Option<String>,
    /// A file that lists the installed apps, one a line.
    pub installed_apps: Option<PathBuf>,
    /// Django's version, where it is not to be found out.
    pub django: Option<String>,
    /// The database server, such as `mysql-8.0`.
    pub server: Option<String>,
    /// Which database each alias stands for.
    pub databases: IndexMap<String, String>,
    /// The apps whose tables are on an alias, asked where a router does not tell.
    pub routes: IndexMap<String, Vec<String>>,
    /// The environments by name.
    pub environments: IndexMap<String, Environment>,
    /// What the target's key is to become.
    pub key_type: String,
    /// The report's format; where it goes decides when `None`.
    pub format: Option<Format>,
    /// Where the report goes; standard output when `None`.
    pub output: Option<PathBuf>,
    /// Where the sources can be looked at.
    pub source_url: Option<SourceUrl>,
    /// Nothing but the report.
    pub quiet: bool,
    /// When to use colour.
    pub color: Color,
    /// How many threads; as many as there are cores when `None`.
    pub threads: Option<usize>,
    /// The rules of the gate.
    pub gate: gate::Rules,
    /// The configuration file that was read.
    pub file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            target: DEFAULT_TARGET.to_owned(),
            target_asked: false,
            roots: Vec::new(),
            site_packages: Vec::new(),
            virtual_env: None,
            exclude: GlobSet::empty(),
            tests: GlobSet::empty(),
            settings: None,
            installed_apps: None,
            django: None,
            server: None,
            databases: IndexMap::new(),
            routes: IndexMap::new(),
            environments: IndexMap::new(),
            key_type: DEFAULT_KEY_TYPE.to_owned(),
            format: None,
            output: None,
            source_url: None,
            quiet: false,
            color: Color::default(),
            threads: None,
            gate: gate::Rules::default(),
            file: None,
        }
    }
}

/// What the command line says; what it leaves open, the configuration decides.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The projects; those of the configuration, or the current folder, when empty.
    pub roots: Vec<PathBuf>,
    /// The configuration file, instead of the first root's.
    pub config: Option<PathBuf>,
    /// As in [`Settings`].
    pub target: Option<String>,
    /// As in [`Settings`].
    pub site_packages: Vec<PathBuf>,
    /// As in [`Settings`].
    pub exclude: Vec<String>,
    /// As in [`Settings`].
    pub format: Option<Format>,
    /// As in [`Settings`].
    pub output: Option<PathBuf>,
    /// As in [`Settings`].
    pub source_url: Option<SourceUrl>,
    /// As in [`Settings`].
    pub quiet: bool,
    /// As in [`Settings`].
    pub color: Option<Color>,
    /// As in [`Settings`].
    pub threads: Option<usize>,
    /// The baseline of the gate.
    pub baseline: Option<PathBuf>,
    /// The active virtual environment, from the process's environment.
    pub virtual_env: Option<PathBuf>,
    /// As in [`Settings`].
    pub settings: Option<String>,
    /// As in [`Settings`].
    pub installed_apps: Option<PathBuf>,
    /// As in [`Settings`].
    pub django: Option<String>,
    /// As in [`Settings`].
    pub server: Option<String>,
    /// As in [`Settings`].
    pub key_type: Option<String>,
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}; give a file that exists with --config, or none", path.display())]
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
    /// The target is no model's name.
    #[error("`{0}` is no model; write it as app_label.Model, such as {DEFAULT_TARGET}")]
    Target(String),
    /// A glob cannot be read.
    #[error("`{glob}` is no glob: {reason}; write it as in .gitignore, such as docs/**")]
    Glob {
        /// The glob.
        glob: String,
        /// Why.
        reason: String,
    },
    /// Zero threads.
    #[error("0 threads do nothing; give 1 or more, or leave it out to use all cores")]
    Threads,
}

/// The file's keys.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct FileConfig {
    target: Option<String>,
    roots: Option<Vec<PathBuf>>,
    site_packages: Option<Vec<PathBuf>>,
    exclude: Option<Vec<String>>,
    tests: Option<Vec<String>>,
    settings: Option<String>,
    installed_apps: Option<PathBuf>,
    django: Option<String>,
    server: Option<String>,
    databases: Option<IndexMap<String, Database>>,
    environments: Option<IndexMap<String, Environment>>,
    key_type: Option<String>,
    format: Option<Format>,
    output: Option<PathBuf>,
    source_url: Option<SourceUrl>,
    quiet: Option<bool>,
    color: Option<Color>,
    threads: Option<usize>,
    gate: Option<gate::Section>,
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

impl Settings {
    /// The text of the file that lists the installed apps; `None` when no file is named.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn installed_apps_text(&self) -> std::io::Result<Option<String>> {
        self.installed_apps.as_ref().map(std::fs::read_to_string).transpose()
    }

    /// Joins what the command line says with the configuration file, which is read here.
    ///
    /// # Errors
    ///
    /// When the configuration cannot be read or says something that is not understood.
    pub fn load(given: Given) -> Result<Self, ConfigError> {
        let base = given.roots.first().cloned().unwrap_or_else(|| PathBuf::from("."));
        let (file, config) = match &given.config {
            Some(path) => (Some(path.clone()), read(path)?),
            None => find(&base)?,
        };
        let folder = file.as_deref().and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default();
        let databases = config.databases.unwrap_or_default();
        let below = |path: PathBuf| if folder.as_os_str().is_empty() { path } else { folder.join(path) };
        let all_below = |paths: Option<Vec<PathBuf>>| paths.unwrap_or_default().into_iter().map(below).collect();

        let asked = given.target.or(config.target);
        let target_asked = asked.is_some();
        let target = asked.unwrap_or_else(|| DEFAULT_TARGET.to_owned());
        if !is_model(&target) {
            return Err(ConfigError::Target(target));
        }
        let threads = given.threads.or(config.threads);
        if threads == Some(0) {
            return Err(ConfigError::Threads);
        }
        let roots: Vec<PathBuf> = if given.roots.is_empty() { all_below(config.roots) } else { given.roots };
        let mut exclude = [config.exclude.unwrap_or_default(), given.exclude].concat();
        let roots = if roots.is_empty() { vec![base] } else { roots };
        let first = roots.first().cloned().unwrap_or_default();
        let gate = config.gate.unwrap_or_default().rules(given.baseline, &first, below)?;
        // A baseline names the model on every line; wherever it lies, it is no part of the project.
        let place = std::path::absolute(&gate.baseline).unwrap_or_else(|_| gate.baseline.clone());
        exclude.extend(roots.iter().filter_map(|root| {
            let inside = place.strip_prefix(std::path::absolute(root).ok()?).ok()?;
            inside.to_str().map(globset::escape)
        }));
        Ok(Self {
            target,
            target_asked,
            gate,
            roots,
            site_packages: if given.site_packages.is_empty() {
                all_below(config.site_packages)
            } else {
                given.site_packages
            },
            virtual_env: given.virtual_env,
            exclude: globs(&exclude)?,
            tests: globs(&config.tests.unwrap_or_default())?,
            settings: given.settings.or(config.settings),
            installed_apps: given.installed_apps.or(config.installed_apps.map(below)),
            django: given.django.or(config.django),
            server: given.server.or(config.server),
            routes: databases.iter().filter_map(|(alias, database)| Some((alias.clone(), database.apps()?))).collect(),
            databases: databases.into_iter().map(|(alias, database)| (alias, database.name())).collect(),
            environments: environments(config.environments.unwrap_or_default(), &below),
            key_type: given.key_type.or(config.key_type).unwrap_or_else(|| DEFAULT_KEY_TYPE.to_owned()),
            format: given.format.or(config.format),
            output: given.output.or(config.output.map(below)),
            source_url: given.source_url.or(config.source_url),
            quiet: given.quiet || config.quiet.unwrap_or(false),
            color: given.color.or(config.color).unwrap_or_default(),
            threads,
            file,
        })
    }
}

/// Paths are relative to the configuration, as everything else in it.
fn environments(
    mut environments: IndexMap<String, Environment>,
    below: &impl Fn(PathBuf) -> PathBuf,
) -> IndexMap<String, Environment> {
    for environment in environments.values_mut() {
        environment.password_file = environment.password_file.take().map(below);
        for source in environment.sources.iter_mut().filter(|source| !source.contains("://")) {
            *source = below(PathBuf::from(&*source)).display().to_string();
        }
    }
    environments
}

fn is_model(name: &str) -> bool {
    let is_word = |word: &str| {
        word.chars().all(|c| c.is_alphanumeric() || c == '_')
            && word.starts_with(|c: char| c.is_alphabetic() || c == '_')
    };
    name.split_once('.').is_some_and(|(app, model)| is_word(app) && is_word(model))
}

/// Globs that match a path and everything below it.
fn globs(patterns: &[String]) -> Result<GlobSet, ConfigError> {
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

/// The first root's configuration, if it has one.
fn find(root: &Path) -> Result<(Option<PathBuf>, FileConfig), ConfigError> {
    let path = root.join(FILE_NAME);
    if path.is_file() {
        let config = read(&path)?;
        return Ok((Some(path), config));
    }
    let path = root.join("pyproject.toml");
    // Another tool's broken pyproject.toml is no reason to stop: only a section of ours is.
    let ours = std::fs::read_to_string(&path).is_ok_and(|text| text.contains("tool.csm-audit"));
    if ours {
        let config = read(&path)?;
        return Ok((Some(path), config));
    }
    Ok((None, FileConfig::default()))
}

fn read(path: &Path) -> Result<FileConfig, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_path_buf(), source })?;
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

/// serde's words for an unknown key, with the one that was meant in place of all there are.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn load(files: &[(&str, &str)], given: Given) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let given = Given { roots: vec![folder.path().to_path_buf()], ..given };
        Settings::load(given).map_err(|error| error.to_string().replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn nothing_is_needed() {
        let settings = load(&[], Given::default()).unwrap();
        assert_eq!(settings.target, "courseware.StudentModule");
        assert_eq!(settings.format, None);
        assert!(settings.file.is_none());
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let file = "target = 'shop.Order'\nformat = 'json'\nthreads = 2\nexclude = ['docs']\n[databases]\ndefault = 'edxapp'\n";
        let given = Given { target: Some("shop.Basket".to_owned()), ..Given::default() };
        let settings = load(&[("csm-audit.toml", file)], given).unwrap();
        assert_eq!(settings.target, "shop.Basket");
        assert_eq!(settings.format, Some(Format::Json));
        assert_eq!(settings.threads, Some(2));
        assert_eq!(settings.databases["default"], "edxapp");
        assert!(settings.routes.is_empty());
        assert!(settings.exclude.is_match("docs/a/b.py") && settings.exclude.is_match("docs"));
        assert!(!settings.exclude.is_match("documents/a.py"));
    }

    #[test]
    fn databases_have_a_name_and_may_have_apps() {
        let file = "[databases]\ndefault = 'edxapp'\nhistory = { name = 'csmh', apps = ['coursewarehistory'] }\n";
        let settings = load(&[("csm-audit.toml", file)], Given::default()).unwrap();
        assert_eq!(settings.databases.values().collect::<Vec<_>>(), ["edxapp", "csmh"]);
        assert_eq!(settings.routes.keys().collect::<Vec<_>>(), ["history"]);
        assert_eq!(settings.routes["history"], ["coursewarehistory"]);
        let wrong = "[databases]\ndefault = { name = 'edxapp', tables = [] }\n";
        let error = load(&[("csm-audit.toml", wrong)], Given::default()).unwrap_err().to_string();
        assert!(error.contains("a database is its name, or { name = "), "{error}");
    }

    #[test]
    fn environments_have_names() {
        let file = "[environments.prod]\nsources = ['mysql://audit@replica/edxapp', 'dumps/history.sql']\n\
                    password-env = 'PROD'\n";
        let settings = load(&[("csm-audit.toml", file)], Given::default()).unwrap();
        let prod = &settings.environments["prod"];
        assert_eq!(prod.sources[0], "mysql://audit@replica/edxapp");
        assert!(Path::new(&prod.sources[1]).ends_with("dumps/history.sql") && prod.sources[1] != "dumps/history.sql");
        assert_eq!(prod.password_env.as_deref(), Some("PROD"));
        let wrong = load(&[("csm-audit.toml", "[environments.prod]\npassword = 'x'\n")], Given::default()).unwrap_err();
        assert!(wrong.contains("unknown key `password`"), "{wrong}");
    }

    #[test]
    fn pyproject_has_a_section_for_it() {
        let file = "[project]\nname = 'x'\n[tool.csm-audit]\ntarget = 'a.B'\n[tool.other]\nx = 1\n";
        assert_eq!(load(&[("pyproject.toml", file)], Given::default()).unwrap().target, "a.B");
        let broken = load(&[("pyproject.toml", "not toml at all [")], Given::default()).unwrap();
        assert_eq!(broken.target, DEFAULT_TARGET);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let error = |name, text| load(&[(name, text)], Given::default()).unwrap_err();
        assert_eq!(
            error("csm-audit.toml", "threads = 1\n  targt = 'a.B'\n"),
            "csm-audit.toml:2:3: unknown key `targt`; did you mean `target`?"
        );
        let nowhere = error("pyproject.toml", "[tool.csm-audit]\nzzz = 1\n");
        assert!(nowhere.starts_with("pyproject.toml:2:1: unknown key `zzz`; the keys are target, "), "{nowhere}");
        assert!(error("csm-audit.toml", "threads = 'two'\n").starts_with("csm-audit.toml:1:11: invalid type"));
        assert!(error("csm-audit.toml", "threads = 0\n").contains("0 threads"));
        assert!(error("csm-audit.toml", "target = 'StudentModule'\n").contains("app_label.Model"));
        assert!(error("csm-audit.toml", "exclude = ['a[']\n").contains("`a[` is no glob"));
    }
}
