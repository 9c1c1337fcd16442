//! MySQL and MariaDB by version, as far as a schema shows the difference.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A server's flavour and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Server {
    /// Whether it is MariaDB.
    pub mariadb: bool,
    /// Major, minor and patch.
    pub version: (u16, u16, u16),
}

impl Default for Server {
    fn default() -> Self {
        Self { mariadb: false, version: (8, 0, 40) }
    }
}

impl Server {
    /// MySQL of a version.
    #[must_use]
    pub fn mysql(major: u16, minor: u16) -> Self {
        // The newest patch is meant when none is said: what 8.0 has learnt, it has.
        Self { mariadb: false, version: (major, minor, 99) }
    }

    /// MariaDB of a version.
    #[must_use]
    pub fn mariadb(major: u16, minor: u16) -> Self {
        Self { mariadb: true, version: (major, minor, 99) }
    }

    /// As it is written to be read again, with the patch.
    #[must_use]
    pub fn exactly(self) -> String {
        format!("{self}.{}", self.version.2)
    }

    fn at_least(self, mysql: (u16, u16, u16), mariadb: (u16, u16, u16)) -> bool {
        self.version >= if self.mariadb { mariadb } else { mysql }
    }

    /// Whether integer types show a display width. MySQL stopped in 8.0.19.
    #[must_use]
    pub fn display_widths(self) -> bool {
        self.mariadb || self.version < (8, 0, 19)
    }

    /// Whether CHECK constraints are kept.
    #[must_use]
    pub fn checks(self) -> bool {
        self.at_least((8, 0, 16), (10, 2, 1))
    }

    /// Whether an index may be over expressions.
    #[must_use]
    pub fn expression_indexes(self) -> bool {
        !self.mariadb && self.version >= (8, 0, 13)
    }

    /// Whether TEXT, BLOB and JSON columns may have a default.
    #[must_use]
    pub fn text_defaults(self) -> bool {
        self.at_least((8, 0, 13), (10, 2, 1))
    }

    /// Whether there is `ALTER TABLE … RENAME COLUMN`.
    #[must_use]
    pub fn rename_column(self) -> bool {
        self.at_least((8, 0, 4), (10, 5, 2))
    }

    /// Whether there is a column type `uuid`.
    #[must_use]
    pub fn uuid_type(self) -> bool {
        self.mariadb && self.version >= (10, 7, 0)
    }

    /// Whether `json` is a type of its own; MariaDB keeps it as `longtext` with a CHECK.
    #[must_use]
    pub fn json_type(self) -> bool {
        !self.mariadb
    }

    /// The default collation of a database.
    #[must_use]
    pub fn default_collation(self) -> &'static str {
        match (self.mariadb, self.version >= (8, 0, 0)) {
            (false, true) => "utf8mb4_0900_ai_ci",
            _ if self.mariadb && self.version >= (11, 5, 0) => "utf8mb4_uca1400_ai_ci",
            _ => "utf8mb4_general_ci",
        }
    }

    /// A collation by the name that the server reports: `utf8_bin` is `utf8mb3_bin` since MySQL 8.0.30 and MariaDB 10.6.
    #[must_use]
    pub fn collation_name(self, name: &str) -> String {
        let mb3 = self.at_least((8, 0, 30), (10, 6, 1));
        match (name.strip_prefix("utf8_"), name.strip_prefix("utf8mb3_")) {
            (Some(rest), _) if mb3 => format!("utf8mb3_{rest}"),
            (_, Some(rest)) if !mb3 => format!("utf8_{rest}"),
            _ => name.to_owned(),
        }
    }

    /// Whether `REFERENCES` in a column's definition makes a foreign key (MySQL manual, 1.7.2.3; MariaDB MDEV-20480).
    #[must_use]
    pub fn inline_references(self) -> bool {
        self.at_least((9, 0, 0), (10, 5, 0))
    }

    /// The version Django sees: before Django 2.2 or so a MariaDB 10 announced itself as 5.5.5.
    #[must_use]
    pub fn version_as_old_django_sees(self) -> (u16, u16, u16) {
        if self.mariadb { (5, 5, 5) } else { self.version }
    }
}

impl FromStr for Server {
    type Err = String;

    /// Reads `mysql-8.0`, `mariadb-10.11`, `8.0.36`, `10.11.6-MariaDB`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.to_lowercase();
        let mariadb = lower.contains("maria");
        let digits: String =
            lower.chars().skip_while(|c| !c.is_ascii_digit()).take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        let mut parts = digits.split('.').filter(|p| !p.is_empty()).map(str::parse::<u16>);
        let (Some(Ok(major)), minor, patch) = (parts.next(), parts.next(), parts.next()) else {
            return Err(format!("`{text}` is not a valid server; write mysql-8.0 or mariadb-10.11"));
        };
        let minor = minor.and_then(Result::ok).unwrap_or(0);
        let patch = patch.and_then(Result::ok).unwrap_or(99);
        Ok(Self { mariadb, version: (major, minor, patch) })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flavour = if self.mariadb { "mariadb" } else { "mysql" };
        write!(f, "{flavour}-{}.{}", self.version.0, self.version.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collations_have_the_names_that_servers_tell() {
        for (server, given, told) in [
            (Server::mysql(5, 7), "utf8_bin", "utf8_bin"),
            (Server { mariadb: false, version: (8, 0, 29) }, "utf8_bin", "utf8_bin"),
            (Server::mysql(8, 0), "utf8_bin", "utf8mb3_bin"),
            (Server::mariadb(10, 5), "utf8_general_ci", "utf8_general_ci"),
            (Server::mariadb(10, 11), "utf8_general_ci", "utf8mb3_general_ci"),
            (Server::mysql(9, 7), "utf8mb4_bin", "utf8mb4_bin"),
            (Server::mysql(9, 7), "latin1_swedish_ci", "latin1_swedish_ci"),
        ] {
            assert_eq!(server.collation_name(given), told, "{server:?}");
        }
    }
}
