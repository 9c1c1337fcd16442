//! Where the servers' programs are.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A server the tests know how to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// MariaDB, of whatever version the distribution has.
    MariaDb,
    /// MySQL 5.6: no instant DDL, no roles, no JSON, `utf8` by default.
    MySql56,
    /// MySQL 9.7.
    MySql97,
}

impl Flavour {
    /// Every flavour, for tests that go through all of them.
    pub const ALL: [Flavour; 3] = [Flavour::MariaDb, Flavour::MySql56, Flavour::MySql97];

    /// Names a program that is not where it is expected.
    fn variable(self) -> &'static str {
        match self {
            Flavour::MariaDb => "CSM_AUDIT_MARIADBD",
            Flavour::MySql56 => "CSM_AUDIT_MYSQL56",
            Flavour::MySql97 => "CSM_AUDIT_MYSQL97",
        }
    }

    /// The folder of `.ci/install-servers`, below its cache folder.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Flavour::MariaDb => "mariadb",
            Flavour::MySql56 => "mysql-5.6",
            Flavour::MySql97 => "mysql-9.7",
        }
    }

    fn program(self) -> &'static str {
        if self == Flavour::MariaDb { "mariadbd" } else { "mysqld" }
    }

    /// Tells whether `--version` is this flavour's: on many machines `mysqld` is MariaDB.
    fn recognises(self, version: &str) -> bool {
        match self {
            Flavour::MariaDb => version.contains("MariaDB"),
            Flavour::MySql56 => version.contains("Ver 5.6."),
            Flavour::MySql97 => version.contains("Ver 9.") && !version.contains("MariaDB"),
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Flavour::MariaDb => "MariaDB",
            Flavour::MySql56 => "MySQL 5.6",
            Flavour::MySql97 => "MySQL 9.7",
        })
    }
}

/// The programs of one flavour.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    pub server: PathBuf,
    pub client: PathBuf,
    /// What `--version` printed.
    pub version: String,
}

impl Programs {
    /// Finds a server and a client for it, or says where they were looked for.
    pub fn find(flavour: Flavour) -> Result<Programs, String> {
        let named = std::env::var_os(flavour.variable()).map(PathBuf::from);
        let candidates = match &named {
            Some(path) => vec![path.clone()],
            None => cache_folders()
                .into_iter()
                .map(|cache| cache.join(flavour.folder()).join(flavour.program()))
                .chain(on_path(flavour.program()))
                .collect(),
        };
        let found = candidates.iter().filter(|path| path.is_file()).find_map(|path| {
            let version = version(path)?;
            flavour.recognises(&version).then(|| (path.clone(), version))
        });
        let Some((server, version)) = found else {
            // A wrong setting is a mistake to correct, not a server to do without.
            if let Some(path) = named {
                panic!("{}={} is no {flavour} server", flavour.variable(), path.display());
            }
            let caches = cache_folders();
            return Err(format!("no such {} on PATH or in {caches:?}", flavour.program()));
        };
        // The client that came with the server knows its ways to authenticate; any other speaks the common part.
        let beside = server.with_file_name("mysql");
        let client = Some(beside)
            .filter(|path| path.is_file())
            .or_else(|| on_path("mariadb").into_iter().chain(on_path("mysql")).find(|path| path.is_file()))
            .ok_or("no mariadb or mysql client on PATH")?;
        Ok(Programs { server, client, version })
    }

    /// A program of the server's own distribution, such as `mariadb-install-db`.
    pub fn companion(&self, name: &str) -> PathBuf {
        let beside = self.server.with_file_name(name);
        Some(beside)
            .into_iter()
            .chain(on_path(name))
            .find(|path| path.is_file())
            .unwrap_or_else(|| panic!("{name} is missing beside {}", self.server.display()))
    }

    /// What a setting of the server is when nothing is configured.
    pub fn default_of(&self, setting: &str) -> PathBuf {
        let output = Command::new(&self.server).args(["--no-defaults", "--verbose", "--help"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines()
            .filter_map(|line| line.strip_prefix(setting))
            .find_map(|rest| rest.starts_with(' ').then(|| PathBuf::from(rest.trim())))
            .unwrap_or_else(|| panic!("{} does not tell its {setting}", self.server.display()))
    }
}

/// Where `.ci/install-servers` may have unpacked servers.
fn cache_folders() -> Vec<PathBuf> {
    if let Some(folder) = std::env::var_os("CSM_AUDIT_CACHE") {
        return vec![PathBuf::from(folder)];
    }
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache/csm-audit"));
    home.into_iter().chain([PathBuf::from("/var/cache/csm-audit")]).collect()
}

fn on_path(program: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Servers live in sbin folders, which are not on everybody's PATH.
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")])
        .map(|folder| folder.join(program))
        .collect()
}

fn version(server: &Path) -> Option<String> {
    let output = Command::new(server).args(["--no-defaults", "--version"]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
