//! Settings of a run. Precedence, key by key: the command line, the user's own configuration (given with `--config`, or
//! found from the current folder upward), the configuration of the scanned tree as far as it is trusted
//! (`tree`), the default.

mod error;
mod file;
pub mod gate;
mod glob;
mod locate;
pub mod source_url;
mod tree;
mod value;

use std::path::{Path, PathBuf};

use globset::GlobSet;
use indexmap::IndexMap;

use self::glob::globs;
use self::locate::Located;
use self::source_url::SourceUrl;

pub use self::error::{ConfigError, DEFAULT_TARGET};
pub use self::value::{CliOverrides, Color, Environment, Format};

/// What the key becomes unless something else is asked for.
pub const DEFAULT_KEY_TYPE: &str = "bigint unsigned";

/// More threads than this for each core are not started: each has a stack of its own.
const THREADS_PER_CORE: usize = 4;

/// All settings of a run. Paths are as they were given, or relative to the current folder.
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
    /// The apps whose tables are on an alias, used where no router decides.
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
    /// Print the report only.
    pub quiet: bool,
    /// When to use colour.
    pub color: Color,
    /// How many threads; as many as there are cores when `None`.
    pub threads: Option<usize>,
    /// The rules of the gate.
    pub gate: gate::Rules,
    /// The configuration files that were read, the user's own first.
    pub files: Vec<PathBuf>,
    /// What of the configuration was not obeyed, as sentences for the user.
    pub warnings: Vec<String>,
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
            files: Vec::new(),
            warnings: Vec::new(),
        }
    }
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

    /// Finds and reads the configuration, and merges it with the command line. The module's documentation says in which
    /// order a value is looked for.
    ///
    /// # Errors
    ///
    /// When a configuration cannot be read or holds a value that is not understood.
    pub fn resolve(cli: CliOverrides) -> Result<Self, ConfigError> {
        let current = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        Self::resolve_in(&current, cli)
    }

    /// [`Self::resolve`] as if `current` were the current folder.
    fn resolve_in(current: &Path, cli: CliOverrides) -> Result<Self, ConfigError> {
        let locate::Configurations { own, tree } = locate::find(current, &cli)?;
        let mut warnings = Vec::new();
        let files = own.iter().chain(&tree).map(|located| located.path.clone()).collect();
        let (upward, own_folder) = match &own {
            Some(own) => (own.is_upward, Some(own.folder())),
            None => (false, None),
        };
        let own = own.map(|Located { path, config, .. }| config.placed(&locate::folder_of(&path)));
        let tree = tree.map(|tree| tree::trusted(tree, &mut warnings));
        let config = own.unwrap_or_default().or(tree.unwrap_or_default());

        let asked = cli.target.or(config.target);
        let target_asked = asked.is_some();
        let target = asked.unwrap_or_else(|| DEFAULT_TARGET.to_owned());
        if !is_model(&target) {
            return Err(ConfigError::Target(target));
        }
        let threads = threads(cli.threads.or(config.threads), &mut warnings)?;
        // A run from a subfolder is about the same project as one from the folder of the configuration.
        let project = own_folder.filter(|_| upward);
        let mut roots = if cli.roots.is_empty() { config.roots.unwrap_or_default() } else { cli.roots };
        if roots.is_empty() {
            roots.push(project.clone().unwrap_or_else(|| PathBuf::from(".")));
        }
        let mut exclude = [config.exclude.unwrap_or_default(), cli.exclude].concat();
        let first = roots.first().cloned().unwrap_or_default();
        let home = project.filter(|folder| locate::is_below(current, &first, folder)).unwrap_or(first);
        let gate = config.gate.unwrap_or_default().rules(cli.baseline, &home)?;
        // A baseline names the model on every line; wherever it lies, it is no part of the project.
        let place = std::path::absolute(&gate.baseline).unwrap_or_else(|_| gate.baseline.clone());
        exclude.extend(roots.iter().filter_map(|root| {
            let inside = place.strip_prefix(std::path::absolute(root).ok()?).ok()?;
            inside.to_str().map(globset::escape)
        }));
        let databases = config.databases.unwrap_or_default();
        Ok(Self {
            target,
            target_asked,
            gate,
            roots,
            site_packages: if cli.site_packages.is_empty() {
                config.site_packages.unwrap_or_default()
            } else {
                cli.site_packages
            },
            virtual_env: cli.virtual_env,
            exclude: globs(&exclude)?,
            tests: globs(&config.tests.unwrap_or_default())?,
            settings: cli.settings.or(config.settings),
            installed_apps: cli.installed_apps.or(config.installed_apps),
            django: cli.django.or(config.django),
            server: cli.server.or(config.server),
            routes: databases.iter().filter_map(|(alias, database)| Some((alias.clone(), database.apps()?))).collect(),
            databases: databases.into_iter().map(|(alias, database)| (alias, database.name())).collect(),
            environments: config.environments.unwrap_or_default(),
            key_type: cli.key_type.or(config.key_type).unwrap_or_else(|| DEFAULT_KEY_TYPE.to_owned()),
            format: cli.format.or(config.format),
            output: cli.output.or(config.output),
            source_url: cli.source_url.or(config.source_url),
            quiet: cli.quiet || config.quiet.unwrap_or(false),
            color: cli.color.or(config.color).unwrap_or_default(),
            threads,
            files,
            warnings,
        })
    }
}

/// The number of threads, at most [`THREADS_PER_CORE`] for each core of this machine.
fn threads(asked: Option<usize>, warnings: &mut Vec<String>) -> Result<Option<usize>, ConfigError> {
    let Some(asked) = asked else { return Ok(None) };
    if asked == 0 {
        return Err(ConfigError::Threads);
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let most = cores * THREADS_PER_CORE;
    if asked > most {
        warnings.push(format!("{asked} threads are too many for {cores} cores; {most} are used"));
    }
    Ok(Some(asked.min(most)))
}

fn is_model(name: &str) -> bool {
    let is_word = |word: &str| {
        word.chars().all(|c| c.is_alphanumeric() || c == '_')
            && word.starts_with(|c: char| c.is_alphabetic() || c == '_')
    };
    name.split_once('.').is_some_and(|(app, model)| is_word(app) && is_word(model))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    /// The settings of a run in the folder that holds these files.
    fn load(files: &[(&str, &str)], cli: CliOverrides) -> Result<Settings, String> {
        Settings::resolve_in(folder(files).path(), cli).map_err(|error| error.to_string().replace("./", ""))
    }

    /// The settings of a scan of `tree` from `here`, two folders beside each other.
    fn load_tree(files: &[(&str, &str)], cli: CliOverrides) -> (Settings, PathBuf) {
        let folder = folder(files);
        std::fs::create_dir_all(folder.path().join("here")).unwrap();
        let tree = folder.path().join("tree");
        let cli = CliOverrides { roots: vec![tree.clone()], ..cli };
        (Settings::resolve_in(&folder.path().join("here"), cli).unwrap(), tree)
    }

    #[test]
    fn nothing_is_needed() {
        let settings = load(&[], CliOverrides::default()).unwrap();
        assert_eq!(settings.target, "courseware.StudentModule");
        assert_eq!(settings.format, None);
        assert!(settings.files.is_empty());
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let file = "target = 'shop.Order'\nformat = 'json'\nthreads = 2\nexclude = ['docs']\n[databases]\ndefault = 'edxapp'\n";
        let cli = CliOverrides { target: Some("shop.Basket".to_owned()), ..CliOverrides::default() };
        let settings = load(&[("csm-audit.toml", file)], cli).unwrap();
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
        let settings = load(&[("csm-audit.toml", file)], CliOverrides::default()).unwrap();
        assert_eq!(settings.databases.values().collect::<Vec<_>>(), ["edxapp", "csmh"]);
        assert_eq!(settings.routes.keys().collect::<Vec<_>>(), ["history"]);
        assert_eq!(settings.routes["history"], ["coursewarehistory"]);
        let wrong = "[databases]\ndefault = { name = 'edxapp', tables = [] }\n";
        let error = load(&[("csm-audit.toml", wrong)], CliOverrides::default()).unwrap_err().to_string();
        assert!(error.contains("a database is its name, or { name = "), "{error}");
    }

    #[test]
    fn environments_have_names() {
        let file = "[environments.prod]\nsources = ['mysql://audit@replica/edxapp', 'dumps/history.sql']\n\
                    password-env = 'PROD'\n";
        let settings = load(&[("csm-audit.toml", file)], CliOverrides::default()).unwrap();
        let prod = &settings.environments["prod"];
        assert_eq!(prod.sources[0], "mysql://audit@replica/edxapp");
        assert!(Path::new(&prod.sources[1]).ends_with("dumps/history.sql") && prod.sources[1] != "dumps/history.sql");
        assert_eq!(prod.password_env.as_deref(), Some("PROD"));
        let wrong =
            load(&[("csm-audit.toml", "[environments.prod]\npassword = 'x'\n")], CliOverrides::default()).unwrap_err();
        assert!(wrong.contains("unknown key `password`"), "{wrong}");
    }

    #[test]
    fn pyproject_has_a_section_for_it() {
        let file = "[project]\nname = 'x'\n[tool.csm-audit]\ntarget = 'a.B'\n[tool.other]\nx = 1\n";
        assert_eq!(load(&[("pyproject.toml", file)], CliOverrides::default()).unwrap().target, "a.B");
        let broken = load(&[("pyproject.toml", "not toml at all [")], CliOverrides::default()).unwrap();
        assert_eq!(broken.target, DEFAULT_TARGET);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let error = |name, text| load(&[(name, text)], CliOverrides::default()).unwrap_err();
        assert_eq!(
            error("csm-audit.toml", "threads = 1\n  targt = 'a.B'\n"),
            "csm-audit.toml:2:3: unknown key `targt`; did you mean `target`?"
        );
        let nowhere = error("pyproject.toml", "[tool.csm-audit]\nzzz = 1\n");
        assert!(nowhere.starts_with("pyproject.toml:2:1: unknown key `zzz`; the keys are target, "), "{nowhere}");
        assert!(error("csm-audit.toml", "threads = 'two'\n").starts_with("csm-audit.toml:1:11: invalid type"));
        assert!(error("csm-audit.toml", "threads = 0\n").contains("0 threads"));
        assert!(error("csm-audit.toml", "target = 'StudentModule'\n").contains("app_label.Model"));
        assert!(error("csm-audit.toml", "exclude = ['a[']\n").contains("`a[` is not a valid glob"));
    }

    const HOSTILE: &str = "target = 'shop.Order'\nroots = ['src', '../elsewhere']\nsite-packages = ['/usr/lib/python3', 'vendor']\n\
                           exclude = ['docs']\ntests = ['t']\nsettings = 'p.settings'\ninstalled-apps = '/etc/passwd'\n\
                           django = '4.2'\nserver = 'mysql-8.0'\nkey-type = 'bigint'\nformat = 'json'\noutput = 'report.html'\n\
                           source-url = 'https://evil.example/{path}'\nquiet = true\ncolor = 'never'\nthreads = 100000\n\
                           [databases]\ndefault = 'edxapp'\n\
                           [environments.prod]\nsources = ['mysql://root@evil.example/x']\npassword-file = '/home/me/.secret'\n\
                           [gate]\nbaseline = '../../.bashrc'\ndeny = ['raw-sql']\n";

    #[test]
    fn a_scanned_tree_is_not_obeyed_but_in_what_is_its_own() {
        let files = [("tree/csm-audit.toml", HOSTILE), ("tree/src/x.py", ""), ("tree/vendor/x.py", "")];
        let (settings, tree) = load_tree(&files, CliOverrides::default());
        // How the tree is read and judged.
        assert_eq!(settings.target, "shop.Order");
        assert!(settings.exclude.is_match("docs/a.py") && settings.tests.is_match("t/a.py"));
        assert_eq!(settings.settings.as_deref(), Some("p.settings"));
        assert_eq!((settings.django.as_deref(), settings.server.as_deref()), (Some("4.2"), Some("mysql-8.0")));
        assert_eq!((&*settings.key_type, settings.format), ("bigint", Some(Format::Json)));
        assert_eq!(settings.databases["default"], "edxapp");
        assert_eq!(settings.gate.deny, [crate::finding::Kind::RawSql]);
        assert_eq!(settings.site_packages, [tree.join("vendor")]);
        // What happens on this machine and on servers.
        assert!(settings.environments.is_empty() && settings.output.is_none() && settings.source_url.is_none());
        assert!(!settings.quiet && settings.installed_apps.is_none());
        assert_eq!(settings.gate.baseline, tree.join(gate::BASELINE_NAME));
        let cores = std::thread::available_parallelism().unwrap().get();
        assert_eq!(settings.threads, Some(cores * THREADS_PER_CORE));
        let [keys, paths, threads] = &settings.warnings[..] else { panic!("{:#?}", settings.warnings) };
        for key in ["`environments`", "`output`", "`source-url`", "`quiet`", "tree/csm-audit.toml: ", "--config "] {
            assert!(keys.contains(key), "{key}: {keys}");
        }
        for path in ["`roots = ../elsewhere`", "/usr/lib/python3", "/etc/passwd", "`gate.baseline = ../../.bashrc`"] {
            assert!(paths.contains(path), "{path}: {paths}");
        }
        assert!(threads.contains("100000 threads"), "{threads}");
    }

    #[test]
    fn a_configuration_that_the_user_names_or_stands_in_is_obeyed() {
        let files = [("csm-audit.toml", HOSTILE), ("tree/deep/x.py", "")];
        let folder = folder(&files);
        let obeyed = |current: &str, cli: CliOverrides| {
            let settings = Settings::resolve_in(&folder.path().join(current), cli).unwrap();
            assert_eq!(settings.environments["prod"].sources, ["mysql://root@evil.example/x"], "{current}");
            assert!(settings.output.is_some() && settings.quiet && settings.installed_apps.is_some());
            settings
        };
        obeyed("", CliOverrides::default());
        obeyed("", CliOverrides { roots: vec![PathBuf::from("tree")], ..CliOverrides::default() });
        let config = Some(folder.path().join("csm-audit.toml"));
        obeyed("tree", CliOverrides { config, ..CliOverrides::default() });
        // Above the current folder only as far as its repository goes.
        let nothing = Settings::resolve_in(&folder.path().join("tree/deep"), CliOverrides::default()).unwrap();
        assert!(nothing.files.is_empty());
        std::fs::create_dir(folder.path().join("tree/.git")).unwrap();
        let nothing = Settings::resolve_in(&folder.path().join("tree/deep"), CliOverrides::default()).unwrap();
        assert!(nothing.files.is_empty());
        std::fs::rename(folder.path().join("tree/.git"), folder.path().join(".git")).unwrap();
        let settings = obeyed("tree/deep", CliOverrides::default());
        assert_eq!(settings.files, [Path::new("../../csm-audit.toml")]);
        assert_eq!(
            settings.roots,
            [Path::new("../../src"), Path::new("../../../elsewhere")].map(|path| path.to_path_buf())
        );
        assert_eq!(settings.gate.baseline, Path::new("../../../../.bashrc"));
    }

    #[test]
    fn a_run_from_a_subfolder_is_about_the_whole_project() {
        let folder = folder(&[("csm-audit.toml", "target = 'a.B'\n"), (".git/HEAD", ""), ("app/x.py", "")]);
        let settings = Settings::resolve_in(&folder.path().join("app"), CliOverrides::default()).unwrap();
        assert_eq!((&*settings.target, &*settings.roots), ("a.B", &[PathBuf::from("..")][..]));
        assert_eq!(settings.gate.baseline, Path::new("..").join(gate::BASELINE_NAME));
        // A root that is named is the root; the baseline is still the project's.
        let cli = CliOverrides { roots: vec![PathBuf::from(".")], ..CliOverrides::default() };
        let settings = Settings::resolve_in(&folder.path().join("app"), cli).unwrap();
        assert_eq!(settings.roots, [PathBuf::from(".")]);
        assert_eq!(settings.gate.baseline, Path::new("..").join(gate::BASELINE_NAME));
    }

    #[test]
    fn the_users_own_configuration_wins_over_the_trees() {
        let files = [
            ("here/csm-audit.toml", "target = 'mine.Order'\n[gate]\ndeny = ['raw-sql']\n"),
            ("tree/csm-audit.toml", "target = 'its.Order'\nexclude = ['docs']\n[gate]\nwelcome = ['**']\n"),
        ];
        let (settings, _) = load_tree(&files, CliOverrides::default());
        assert_eq!(settings.target, "mine.Order");
        assert!(settings.exclude.is_match("docs/x.py") && !settings.gate.welcome.is_match("x.py"));
        assert_eq!(settings.files.len(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_does_not_lead_out_of_the_tree() {
        let folder =
            folder(&[("tree/csm-audit.toml", "installed-apps = 'apps.txt'\n"), ("secret", "x"), ("here/x", "")]);
        std::os::unix::fs::symlink("../secret", folder.path().join("tree/apps.txt")).unwrap();
        let cli = CliOverrides { roots: vec![folder.path().join("tree")], ..CliOverrides::default() };
        let settings = Settings::resolve_in(&folder.path().join("here"), cli).unwrap();
        assert!(settings.installed_apps.is_none() && settings.warnings[0].contains("apps.txt"));
    }
}
