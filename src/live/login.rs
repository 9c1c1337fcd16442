//! Who logs in where, with what password: the URL first, then files and the environment.

use std::fs;
use std::path::{Path, PathBuf};

use super::address::{Address, DEFAULT_PORT, TlsMode};
use super::option_file::{self, Options};
use super::secret::Secret;
use crate::source::Gap;

/// Asks a person for a password; `None` when no answer is possible.
pub type Ask<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where passwords and connections come from besides the URL.
#[derive(Clone, Copy)]
pub struct CredentialSources<'a> {
    /// A file whose first line is the password.
    pub password_file: Option<&'a Path>,
    /// The environment variable that holds the password, as the configuration names it.
    pub password_env: Option<&'a str>,
    /// An option file instead of the home folder's.
    pub defaults_file: Option<&'a Path>,
    /// Reads `[clientSUFFIX]` besides `[client]`.
    pub group_suffix: Option<&'a str>,
    /// The home folder.
    pub home: Option<&'a Path>,
    /// The process's environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
    /// Asks for a password that is found nowhere.
    pub ask: Option<Ask<'a>>,
}

/// Everything that a connection needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// A Unix socket instead.
    pub socket: Option<PathBuf>,
    /// The account.
    pub user: String,
    /// Its password.
    pub password: Option<Secret>,
    /// How far to encrypt and believe.
    pub tls: TlsMode,
    /// The authority that signs the server's certificate.
    pub ca: Option<PathBuf>,
    /// Whether a server that nothing verifies may learn the password where `caching_sha2_password` asks for it.
    pub get_server_public_key: bool,
    /// Likewise for the methods that always ask for it, such as `mysql_clear_password`.
    pub enable_cleartext_plugin: bool,
}

impl Login {
    /// `host:port`, or the socket.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.socket {
            Some(socket) => socket.display().to_string(),
            None if self.host.contains(':') => format!("[{}]:{}", self.host, self.port),
            None => format!("{}:{}", self.host, self.port),
        }
    }
}

/// Why a login is not possible.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// A file that was named cannot be read.
    #[error("cannot read {}: {source}; pass a readable file", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// An environment variable that was named is not set.
    #[error("{address}: the environment variable {name}, which should hold the password, is not set")]
    Variable {
        /// The address.
        address: String,
        /// The variable.
        name: String,
    },
    /// An option says something that is not understood.
    #[error("the option file contains {name}={value}, which is not a valid {name}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        value: String,
    },
}

/// Finds out how to log in to an address.
///
/// # Errors
///
/// When a file that was named cannot be read, or a variable that was named is not set.
pub fn resolve(address: &Address, around: &CredentialSources<'_>, gaps: &mut Vec<Gap>) -> Result<Login, LoginError> {
    let options = options(around, gaps)?;
    let option = |name: &str| options.get(name).cloned().flatten();
    let user = address.user.clone().or_else(|| option("user")).or_else(|| (around.variable)("USER"));
    // A socket of the option file is for those who name no host.
    let socket = address.socket.clone().or_else(|| {
        let unnamed = address.host.is_none() && option("host").is_none();
        option("socket").filter(|_| unnamed).map(PathBuf::from)
    });
    let port = match (address.port, option("port")) {
        (Some(port), _) => port,
        (None, Some(text)) => text.parse().map_err(|_| LoginError::Option { name: "port", value: text })?,
        (None, None) => DEFAULT_PORT,
    };
    let ca = address.ca.clone().or_else(|| option("ssl-ca").map(PathBuf::from));
    let tls = match address.tls {
        Some(mode) => mode,
        None => tls_mode(&options)?.unwrap_or(if ca.is_some() { TlsMode::VerifyCa } else { TlsMode::Preferred }),
    };
    let mut login = Login {
        host: address.host.clone().or_else(|| option("host")).unwrap_or_else(|| "localhost".to_owned()),
        port,
        socket,
        user: user.unwrap_or_default(),
        password: None,
        tls,
        ca,
        // An option file is read for every server; to show a password has to be asked for one by one.
        get_server_public_key: address.get_server_public_key,
        enable_cleartext_plugin: address.enable_cleartext_plugin,
    };
    login.password = password(address, around, &options, &login)?;
    Ok(login)
}

fn options(around: &CredentialSources<'_>, gaps: &mut Vec<Gap>) -> Result<Options, LoginError> {
    let (path, required) = match (around.defaults_file, around.home) {
        (Some(path), _) => (path.to_path_buf(), true),
        (None, Some(home)) => (home.join(".my.cnf"), false),
        (None, None) => return Ok(Options::new()),
    };
    option_file::read(&path, required, around.group_suffix, gaps).map_err(|source| LoginError::File { path, source })
}

fn tls_mode(options: &Options) -> Result<Option<TlsMode>, LoginError> {
    if let Some(Some(value)) = options.get("ssl-mode") {
        let wrong = |()| LoginError::Option { name: "ssl-mode", value: value.clone() };
        return value.parse().map(Some).map_err(wrong);
    }
    // MariaDB's clients have switches instead; a switch without a value is on.
    let is_on = |name: &str| options.get(name).map(|value| !matches!(value.as_deref(), Some("0" | "off" | "false")));
    Ok(match (is_on("skip-ssl"), is_on("ssl"), is_on("ssl-verify-server-cert")) {
        (Some(true), ..) | (_, Some(false), _) => Some(TlsMode::Disabled),
        (_, _, Some(true)) => Some(TlsMode::VerifyIdentity),
        (_, Some(true), _) => Some(TlsMode::Required),
        _ => None,
    })
}

fn password(
    address: &Address,
    around: &CredentialSources<'_>,
    options: &Options,
    login: &Login,
) -> Result<Option<Secret>, LoginError> {
    if let Some(password) = &address.password {
        return Ok(Some(password.clone()));
    }
    if let Some(name) = address.password_env.as_deref().or(around.password_env) {
        return match (around.variable)(name) {
            Some(password) => Ok(Some(Secret::new(password))),
            None => Err(LoginError::Variable { address: address.to_string(), name: name.to_owned() }),
        };
    }
    if let Some(path) = around.password_file {
        let text = fs::read_to_string(path).map_err(|source| LoginError::File { path: path.to_path_buf(), source })?;
        return Ok(Some(Secret::new(text.lines().next().unwrap_or_default())));
    }
    if let Some(Some(password)) = options.get("password") {
        return Ok(Some(Secret::new(password)));
    }
    if let Some(password) = (around.variable)("MYSQL_PWD") {
        return Ok(Some(Secret::new(password)));
    }
    let ask = around.ask.and_then(|ask| ask(&format!("Password for {}@{}: ", login.user, login.place())));
    Ok(ask.map(Secret::new))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(url: &str, file: &str, variables: &[(&str, &str)], password_file: Option<&str>) -> Result<Login, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".my.cnf"), file).unwrap();
        let path = folder.path().join("password");
        if let Some(text) = password_file {
            fs::write(&path, text).unwrap();
        }
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        let around = CredentialSources {
            password_file: password_file.map(|_| path.as_path()),
            password_env: None,
            defaults_file: None,
            group_suffix: None,
            home: Some(folder.path()),
            variable: &variable,
            ask: Some(&|question| question.contains("asker").then(|| "from a person".to_owned())),
        };
        resolve(&Address::parse(url).unwrap(), &around, &mut Vec::new()).map_err(|error| error.to_string())
    }

    fn password(login: &Login) -> &str {
        login.password.as_ref().map_or("none", Secret::expose)
    }

    #[test]
    fn the_nearest_password_wins() {
        let file = "[client]\nuser=filed\npassword='in file'\n";
        let pwd = [("MYSQL_PWD", "in env"), ("NAMED", "named")];
        let of = |url, file, variables: &[(&str, &str)], path| {
            password(&login(url, file, variables, path).unwrap()).to_owned()
        };
        assert_eq!(of("mysql://u:url@h/d", file, &pwd, Some("first\nsecond\n")), "url");
        assert_eq!(of("mysql://u@h/d?password-env=NAMED", file, &pwd, Some("first\n")), "named");
        assert_eq!(of("mysql://u@h/d", file, &pwd, Some("first\nsecond\n")), "first");
        assert_eq!(of("mysql://u@h/d", file, &pwd, None), "in file");
        assert_eq!(of("mysql://u@h/d", "", &pwd, None), "in env");
        assert_eq!(of("mysql://u@h/d", "", &[], None), "none");
        assert_eq!(of("mysql://asker@h/d", "", &[], None), "from a person");
        let error = login("mysql://u@h/d?password-env=GONE", file, &pwd, None).unwrap_err();
        assert_eq!(error, "mysql://u@h/d: the environment variable GONE, which should hold the password, is not set");
    }

    #[test]
    fn the_option_file_fills_in_what_the_url_leaves_open() {
        let file = "[client]\nuser=filed\nhost=db\nport=3310\nsocket=/run/x\nssl-ca=/ca.pem\n";
        let found = login("mysql:///d", file, &[], None).unwrap();
        assert_eq!((found.place().as_str(), found.user.as_str(), found.tls), ("db:3310", "filed", TlsMode::VerifyCa));
        let found = login("mysql:///d", "[client]\nsocket=/run/x\nskip-ssl\n", &[("USER", "me")], None).unwrap();
        assert_eq!((found.place().as_str(), found.user.as_str(), found.tls), ("/run/x", "me", TlsMode::Disabled));
        let found = login("mysql://h/d", "[client]\nsocket=/run/x\n", &[], None).unwrap();
        assert_eq!((found.place().as_str(), found.tls), ("h:3306", TlsMode::Preferred));
        assert!(login("mysql://h/d", "[client]\nssl-mode=perhaps\n", &[], None).unwrap_err().contains("ssl-mode"));
    }
}
