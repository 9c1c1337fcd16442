//! Where a database is: `mysql://user@host:port/database?ssl-mode=verify-identity`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

use super::secret::Secret;
use crate::printable;

/// The default port.
pub(super) const DEFAULT_PORT: u16 = 3306;

/// How far a connection is encrypted and the server believed; the words are MySQL's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// In the clear.
    Disabled,
    /// Encrypted when the server can, without proof of who it is.
    Preferred,
    /// Encrypted or not at all, without proof of who it is.
    Required,
    /// The server's certificate is signed by an authority.
    VerifyCa,
    /// And is made out to the host that was asked for.
    VerifyIdentity,
}

impl FromStr for TlsMode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(match text.to_ascii_lowercase().replace('_', "-").as_str() {
            "disabled" => Self::Disabled,
            "preferred" => Self::Preferred,
            "required" => Self::Required,
            "verify-ca" => Self::VerifyCa,
            "verify-identity" => Self::VerifyIdentity,
            _ => return Err(()),
        })
    }
}

/// A database on a server, as somebody wrote it; what is left open comes from an option file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The account.
    pub user: Option<String>,
    /// The password, when it stands in the URL.
    pub password: Option<Secret>,
    /// The host.
    pub host: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// A Unix socket instead of host and port.
    pub socket: Option<PathBuf>,
    /// The database.
    pub database: String,
    /// `ssl-mode`
    pub tls: Option<TlsMode>,
    /// `ssl-ca`
    pub ca: Option<PathBuf>,
    /// The environment variable that holds the password.
    pub password_env: Option<String>,
    /// `get-server-public-key`: whether `caching_sha2_password` may show the password to a server that nothing verifies.
    pub get_server_public_key: bool,
    /// `enable-cleartext-plugin`: whether methods that always show the password may do so.
    pub enable_cleartext_plugin: bool,
}

/// A URL that names no database. It never holds the URL itself, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It cannot be taken apart.
    #[error(
        "{redacted} is not a valid database URL ({reason}); write mysql://user@host:3306/database, and `#`, `/`, `?`, `@`, `%` in a password as %23, %2F, %3F, %40, %25"
    )]
    Url {
        /// The URL without what may be secret.
        redacted: String,
        /// What is wrong.
        reason: String,
    },
    /// It names no database.
    #[error("{0} contains no database; write mysql://user@host:3306/database")]
    NoDatabase(String),
    /// A parameter is unknown.
    #[error(
        "{redacted}: unknown parameter `{name}`; the parameters are ssl-mode, ssl-ca, socket, password-env, get-server-public-key and enable-cleartext-plugin"
    )]
    Parameter {
        /// The URL without what may be secret.
        redacted: String,
        /// The parameter.
        name: String,
    },
    /// A switch is neither on nor off.
    #[error("{redacted}: {name} must be true or false")]
    Switch {
        /// The URL without what may be secret.
        redacted: String,
        /// The parameter.
        name: String,
    },
    /// A TLS mode is unknown.
    #[error("{0}: unknown ssl-mode; the modes are disabled, preferred, required, verify-ca or verify-identity")]
    TlsMode(String),
}

/// The parts of `scheme://user:password@place`. A password may hold what would end it by the rules of URLs, such as `@`,
/// `#`, `/` and `?`: it goes up to the last `@`, wherever that is.
struct Parts<'a> {
    scheme: &'a str,
    /// User, and password where there is one.
    login: Option<(&'a str, Option<&'a str>)>,
    place: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        Some(match rest.rsplit_once('@') {
            Some((login, place)) => {
                let login = login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
                Self { scheme, login: Some(login), place }
            }
            None => Self { scheme, login: None, place: rest },
        })
    }

    fn is_database(&self) -> bool {
        ["mysql", "mariadb"].iter().any(|scheme| self.scheme.eq_ignore_ascii_case(scheme))
    }
}

/// A URL, or what was meant to be one, without what may be its password, on one line.
#[must_use]
pub fn redact(text: &str) -> String {
    let redacted = match Parts::of(text) {
        None if text.contains('@') => "a text with an @".to_owned(),
        Some(Parts { scheme, login: Some((user, password)), place }) => {
            let hidden = if password.is_some() { ":***" } else { "" };
            format!("{scheme}://{user}{hidden}@{place}")
        }
        _ => text.to_owned(),
    };
    printable::line(&redacted).into_owned()
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// When it is none, names no database, or has a parameter that is unknown.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let redacted = redact(text);
        let wrong = |reason: String| AddressError::Url { redacted: redacted.clone(), reason };
        let parts = Parts::of(text).ok_or_else(|| wrong("it has no ://".to_owned()))?;
        if !parts.is_database() {
            return Err(wrong("the scheme must be mysql or mariadb".to_owned()));
        }
        let url = Url::parse(&format!("mysql://{}", parts.place)).map_err(|error| wrong(error.to_string()))?;
        if url.fragment().is_some() {
            return Err(wrong("it contains `#`".to_owned()));
        }
        let (user, password) = parts.login.unwrap_or_default();
        let mut address = Self {
            user: Some(decode(user)).filter(|user| !user.is_empty()),
            password: password.map(|password| Secret::new(decode(password))),
            host: url.host_str().map(|host| decode(host.trim_matches(['[', ']']))).filter(|host| !host.is_empty()),
            port: url.port(),
            database: decode(url.path().trim_start_matches('/')),
            ..Self::default()
        };
        for (name, value) in url.query_pairs() {
            match &*name {
                "ssl-mode" => {
                    address.tls = Some(value.parse().map_err(|()| AddressError::TlsMode(redacted.clone()))?);
                }
                "ssl-ca" => address.ca = Some(PathBuf::from(&*value)),
                "socket" => address.socket = Some(PathBuf::from(&*value)),
                "password-env" => address.password_env = Some(value.into_owned()),
                "get-server-public-key" | "enable-cleartext-plugin" => {
                    let is_on = match &*value.to_ascii_lowercase() {
                        "" | "1" | "on" | "true" => true,
                        "0" | "off" | "false" => false,
                        _ => return Err(AddressError::Switch { redacted, name: name.into_owned() }),
                    };
                    if &*name == "get-server-public-key" {
                        address.get_server_public_key = is_on;
                    } else {
                        address.enable_cleartext_plugin = is_on;
                    }
                }
                _ => return Err(AddressError::Parameter { redacted, name: name.into_owned() }),
            }
        }
        if address.database.is_empty() {
            return Err(AddressError::NoDatabase(redacted));
        }
        Ok(address)
    }

    /// Takes the password out of an argument such as `prod=mysql://user:password@host/db`, where everybody on the
    /// machine can read it: gives back the argument that names an environment variable instead, and the password.
    #[must_use]
    pub fn hide_password(argument: &str, variable: &str) -> Option<(String, Secret)> {
        let end_of_scheme = argument.find("://")?;
        let is_of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let start = argument[..end_of_scheme].bytes().rposition(|byte| !is_of_scheme(byte)).map_or(0, |at| at + 1);
        // `--replica=mysql://…` and `-xmysql://…` end in the scheme, whatever stands before.
        let start = ["mysql", "mariadb"].iter().find_map(|scheme| {
            let at = end_of_scheme.checked_sub(scheme.len()).filter(|at| *at >= start)?;
            argument.get(at..end_of_scheme).filter(|text| text.eq_ignore_ascii_case(scheme)).map(|_| at)
        })?;
        let (before, text) = argument.split_at(start);
        let Parts { scheme, login: Some((user, Some(password))), place } = Parts::of(text)? else { return None };
        // Behind a `#` no parameter would be read; the argument is refused then, and is not to hold the password either.
        let (place, fragment) = place.split_once('#').map_or((place, String::new()), |(a, b)| (a, format!("#{b}")));
        let separator = if place.contains('?') { '&' } else { '?' };
        let hidden = format!("{before}{scheme}://{user}@{place}{separator}password-env={variable}{fragment}");
        Some((hidden, Secret::new(decode(password))))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mysql://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]")?,
            Some(host) => f.write_str(host)?,
            None => {}
        }
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let address = Address::parse(
            "mysql://audit:p%40ss%2F@replica.prod:3307/edx-app?ssl-mode=VERIFY_CA&ssl-ca=/etc/ca.pem&password-env=PW",
        )
        .unwrap();
        assert_eq!(address.user.as_deref(), Some("audit"));
        assert_eq!(address.password.as_ref().map(Secret::expose), Some("p@ss/"));
        assert_eq!(address.host.as_deref(), Some("replica.prod"));
        assert_eq!(address.port, Some(3307));
        assert_eq!(address.database, "edx-app");
        assert_eq!(address.tls, Some(TlsMode::VerifyCa));
        assert_eq!(address.ca, Some(PathBuf::from("/etc/ca.pem")));
        assert_eq!(address.password_env.as_deref(), Some("PW"));
        assert_eq!(address.to_string(), "mysql://audit@replica.prod:3307/edx-app");

        let address = Address::parse("mysql:///d?socket=/run/s.sock").unwrap();
        assert_eq!((address.host, address.socket), (None, Some(PathBuf::from("/run/s.sock"))));
        assert_eq!(Address::parse("mariadb://[::1]:1/d").unwrap().host.as_deref(), Some("::1"));
    }

    #[test]
    fn no_error_tells_the_password() {
        for url in [
            "mysql://u:s3cr3t@h",
            "mysql://u:s3cr3t@h/d?nonsense=1",
            "mysql://u:s3cr3t@h/d?ssl-mode=maybe",
            "mysql://u:s3cr3t#x@h",
            "mysql://u:/s3cr3t@h",
            "mysql://u:?s3cr3t@",
            "mysql://u:#s3cr3t@h",
            "mysql://u:s3cr3t@h/d#more",
            "mysql://u:s3cr3t@h/d?ssl-ca=/a@b",
            "mysql://u:s3cr3t@h/d?get-server-public-key=perhaps",
            "mysql://u:1/s3cr3t@x@h:99999/d",
            "mysql://u:s3cr3t@x@h:99999/d",
            "postgres://u:s3cr3t@h/d",
            "mysql//u:s3cr3t@h/d",
        ] {
            let error = Address::parse(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
        }
        let address = Address::parse("mysql://u:s3cr3t@h/d").unwrap();
        assert!(!format!("{address} {address:?}").contains("s3cr3t"));
    }

    #[test]
    fn a_password_goes_up_to_the_last_at() {
        for password in ["pa@ss#w", "a/b", "a?b", "#", "a:b", "x@y@z", "50%"] {
            let url = format!("mysql://audit:{password}@host/db?ssl-mode=required");
            let address = Address::parse(&url).unwrap();
            assert_eq!(address.password.as_ref().map(Secret::expose), Some(password));
            assert_eq!((address.host.as_deref(), address.database.as_str()), (Some("host"), "db"));
            let (argument, hidden) = Address::hide_password(&format!("prod={url}"), "V1").unwrap();
            assert_eq!(argument, "prod=mysql://audit@host/db?ssl-mode=required&password-env=V1");
            assert_eq!(hidden.expose(), password);
        }
        let address = Address::parse("mysql://u@h/d?get-server-public-key=true&enable-cleartext-plugin=0").unwrap();
        assert_eq!((address.get_server_public_key, address.enable_cleartext_plugin), (true, false));
    }

    #[test]
    fn a_password_can_be_taken_out_of_an_argument() {
        for (argument, hidden) in [
            ("prod=MYSQL://u:pw@h/d", "prod=MYSQL://u@h/d?password-env=V1"),
            ("--replica=prod=MariaDB://u:pw@h/d", "--replica=prod=MariaDB://u@h/d?password-env=V1"),
            ("mysql://u:pw@h/d#x", "mysql://u@h/d?password-env=V1#x"),
        ] {
            assert_eq!(Address::hide_password(argument, "V1").unwrap().0, hidden);
        }
        let (argument, password) = Address::hide_password("prod=mysql://u:p%40ss@h/d?ssl-mode=required", "V1").unwrap();
        assert_eq!(argument, "prod=mysql://u@h/d?ssl-mode=required&password-env=V1");
        assert_eq!(password.expose(), "p@ss");
        assert_eq!(Address::hide_password("prod=mysql://u@h/d", "V1"), None);
        assert_eq!(Address::hide_password("--password-file", "V1"), None);
    }
}
