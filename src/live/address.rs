//! Where a database is: `mysql://user@host:port/database?ssl-mode=verify-identity`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;

use super::secret::Secret;

/// The port of a server that nobody moved.
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
}

/// A URL that names no database. It never holds the URL itself, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It cannot be taken apart.
    #[error(
        "{redacted} is no URL of a database ({reason}); write mysql://user@host:3306/database, and `#`, `/`, `?`, `@`, `%` in a password as %23, %2F, %3F, %40, %25"
    )]
    Url {
        /// The URL without what may be secret.
        redacted: String,
        /// What is wrong.
        reason: String,
    },
    /// It names no database.
    #[error("{0} names no database; write mysql://user@host:3306/database")]
    NoDatabase(String),
    /// A parameter is unknown.
    #[error("{redacted}: unknown parameter `{name}`; there are ssl-mode, ssl-ca, socket and password-env")]
    Parameter {
        /// The URL without what may be secret.
        redacted: String,
        /// The parameter.
        name: String,
    },
    /// A TLS mode is unknown.
    #[error("{0}: unknown ssl-mode; it is disabled, preferred, required, verify-ca or verify-identity")]
    TlsMode(String),
}

/// A URL, or what was meant to be one, without what may be its password.
#[must_use]
pub fn redact(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return if text.contains('@') { "a text with an @".to_owned() } else { text.to_owned() };
    };
    // A password may hold what ends it by the rules, so everything up to the last @ may be part of it.
    match rest.rsplit_once('@') {
        Some((login, place)) => {
            let user = login.split(':').next().unwrap_or_default();
            let hidden = if login.contains(':') { ":***" } else { "" };
            format!("{scheme}://{user}{hidden}@{place}")
        }
        None => text.to_owned(),
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// When it is none, names no database, or has a parameter that is not known.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let redacted = redact(text);
        let wrong = |reason: String| AddressError::Url { redacted: redacted.clone(), reason };
        let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
        if !matches!(url.scheme(), "mysql" | "mariadb") {
            return Err(wrong("the scheme is mysql or mariadb".to_owned()));
        }
        // A password that was not encoded may end the host early; its rest must not be taken for a name and printed.
        if text.contains('@') && url.username().is_empty() && url.password().is_none()
            || [url.path(), url.query().unwrap_or_default()].iter().any(|part| part.contains('@'))
        {
            return Err(wrong("there is an `@` behind the host".to_owned()));
        }
        if url.fragment().is_some() {
            return Err(wrong("it has a `#`".to_owned()));
        }
        let mut address = Self {
            user: Some(decode(url.username())).filter(|user| !user.is_empty()),
            password: url.password().map(|password| Secret::new(decode(password))),
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
        let start = ["mysql://", "mariadb://"].iter().find_map(|scheme| argument.find(scheme))?;
        let (before, text) = argument.split_at(start);
        let mut url = Url::parse(text).ok()?;
        let password = Secret::new(decode(url.password()?));
        url.set_password(None).ok()?;
        url.query_pairs_mut().append_pair("password-env", variable);
        Some((format!("{before}{url}"), password))
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
            "mysql://u:s3cr3t#x@h/d",
            "mysql://u:/s3cr3t@h/d",
            "mysql://u:?s3cr3t@h/d",
            "mysql://u:#s3cr3t@h/d",
            "mysql://u:1/s3cr3t@x@h/d",
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
    fn a_password_can_be_taken_out_of_an_argument() {
        let (argument, password) = Address::hide_password("prod=mysql://u:p%40ss@h/d?ssl-mode=required", "V1").unwrap();
        assert_eq!(argument, "prod=mysql://u@h/d?ssl-mode=required&password-env=V1");
        assert_eq!(password.expose(), "p@ss");
        assert_eq!(Address::hide_password("prod=mysql://u@h/d", "V1"), None);
        assert_eq!(Address::hide_password("--password-file", "V1"), None);
    }
}
