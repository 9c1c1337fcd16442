//! Which release of gh-ost supports which flag.

use std::fmt;
use std::str::FromStr;

use crate::live::facts::{Flavour, ServerFacts};

/// A release of gh-ost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Release {
    /// `1.1.8`, and whether it is the release itself or a candidate for it.
    Numbered(u16, u16, u16, bool),
    /// Built from the newest sources.
    Head,
}

impl Release {
    /// The newest supported release, the default of the scripts.
    pub const NEWEST: Self = Self::Numbered(1, 1, 10, true);

    /// Whether the release supports a flag. No release supports a flag that is not in the table.
    #[must_use]
    pub fn knows(self, flag: &str) -> bool {
        FLAGS.iter().any(|(name, since)| *name == flag && *since <= self)
    }

    /// Whether its atomic cut-over makes sure that the rename waits for the locked table before it unlocks it. Without
    /// that, acknowledged writes were lost.
    #[must_use]
    pub fn checks_metadata_lock(self) -> bool {
        self.knows("skip-metadata-lock-check")
    }

    /// Whether it can talk to a server at all. From 1.1.6 to 1.1.10 it sets `transaction_isolation` as it connects, which
    /// MySQL before 5.7.20 and MariaDB before 11.1 call by another name; and from 1.1.8 to 1.1.10 it takes MariaDB's
    /// version for one of MySQL, and sends statements that MariaDB does not support. Before 1.1.8 it sends statements that MySQL has
    /// given up in 8.4.
    #[must_use]
    pub fn speaks_to(self, server: &ServerFacts) -> bool {
        let isolation = (v(1, 1, 6)..=v(1, 1, 10)).contains(&self);
        let words = (rc(1, 1, 8)..=v(1, 1, 10)).contains(&self);
        match server.flavour {
            Flavour::MariaDb => !(words || isolation && server.version < (11, 1, 0)),
            _ if server.version >= (8, 4, 0) => self >= rc(1, 1, 8),
            _ => !(isolation && server.version < (5, 7, 20)),
        }
    }

    /// The default release of the scripts.
    #[must_use]
    pub fn for_server(server: Option<&ServerFacts>) -> Self {
        if server.is_none_or(|server| Self::NEWEST.speaks_to(server)) { Self::NEWEST } else { Self::Head }
    }
}

impl FromStr for Release {
    type Err = String;

    /// Reads `1.1.8`, `v1.1.8-rc`, `head`, and what `gh-ost --version` prints.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = text.split_whitespace().next().unwrap_or_default().trim_start_matches('v');
        if ["head", "master", "unversioned", "unreleased"].contains(&word) {
            return Ok(Self::Head);
        }
        let (numbers, rest) = word.split_at(word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len()));
        let parts: Vec<Option<u16>> = numbers.split('.').map(|part| part.parse().ok()).collect();
        match parts.as_slice() {
            [Some(major), Some(minor), Some(patch)] => {
                Ok(Self::Numbered(*major, *minor, *patch, !(rest.contains("rc") || rest.contains("beta"))))
            }
            _ => Err(format!("`{text}` is not a valid gh-ost release; write 1.1.8, or head for a build from source")),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbered(major, minor, patch, true) => write!(f, "{major}.{minor}.{patch}"),
            Self::Numbered(major, minor, patch, false) => write!(f, "{major}.{minor}.{patch}-rc"),
            Self::Head => f.write_str("head"),
        }
    }
}

const fn v(major: u16, minor: u16, patch: u16) -> Release {
    Release::Numbered(major, minor, patch, true)
}

const fn rc(major: u16, minor: u16, patch: u16) -> Release {
    Release::Numbered(major, minor, patch, false)
}

/// The flags that scripts may use, and the first release that has each. A flag that was seen to lose writes is only
/// here to determine what a release supports: `skip-metadata-lock-check`.
const FLAGS: &[(&str, Release)] = &[
    ("allow-on-master", v(0, 7, 1)),
    ("alter", v(0, 7, 1)),
    ("chunk-size", v(0, 7, 1)),
    ("conf", v(0, 7, 1)),
    ("database", v(0, 7, 1)),
    ("execute", v(0, 7, 1)),
    ("host", v(0, 7, 1)),
    ("max-lag-millis", v(0, 7, 1)),
    ("max-load", v(0, 7, 1)),
    ("port", v(0, 7, 1)),
    ("table", v(0, 7, 1)),
    ("throttle-control-replicas", v(0, 7, 1)),
    ("throttle-additional-flag-file", v(0, 7, 1)),
    ("throttle-flag-file", v(0, 7, 1)),
    ("verbose", v(0, 7, 1)),
    ("cut-over", v(0, 8, 3)),
    ("serve-socket-file", v(0, 8, 4)),
    ("postpone-cut-over-flag-file", v(0, 8, 5)),
    ("critical-load", v(0, 9, 6)),
    ("default-retries", v(0, 9, 6)),
    ("panic-flag-file", v(0, 9, 6)),
    ("allow-master-master", v(0, 9, 8)),
    ("cut-over-lock-timeout-seconds", v(1, 0, 1)),
    ("initially-drop-socket-file", v(1, 0, 6)),
    ("assume-rbr", v(1, 0, 10)),
    ("assume-master-host", v(1, 0, 17)),
    ("heartbeat-interval-millis", v(1, 0, 17)),
    ("critical-load-interval-millis", v(1, 0, 21)),
    ("check-flag", v(1, 0, 34)),
    ("dml-batch-size", v(1, 0, 34)),
    ("aliyun-rds", v(1, 0, 45)),
    ("cut-over-exponential-backoff", v(1, 0, 45)),
    ("exponential-backoff-max-interval", v(1, 0, 45)),
    ("gcp", v(1, 0, 47)),
    ("ssl", v(1, 0, 48)),
    ("ssl-allow-insecure", v(1, 0, 48)),
    ("ssl-ca", v(1, 0, 48)),
    ("azure", v(1, 1, 1)),
    ("checkpoint", rc(1, 1, 8)),
    ("checkpoint-seconds", rc(1, 1, 8)),
    ("gtid", rc(1, 1, 8)),
    ("include-triggers", rc(1, 1, 8)),
    ("old-table", rc(1, 1, 8)),
    ("panic-on-warnings", rc(1, 1, 8)),
    ("resume", rc(1, 1, 8)),
    ("revert", rc(1, 1, 8)),
    ("skip-port-validation", rc(1, 1, 8)),
    ("trigger-suffix", rc(1, 1, 8)),
    ("skip-metadata-lock-check", v(1, 1, 8)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read_and_ordered() {
        let read = |text: &str| text.parse::<Release>().unwrap();
        assert_eq!(read("v1.1.8-rc"), rc(1, 1, 8));
        assert_eq!(read("1.1.10 (git commit: 835f537)"), Release::NEWEST);
        assert_eq!(read("unversioned (git commit: unknown)"), Release::Head);
        assert!(read("1.1.7") < read("1.1.8-rc") && read("1.1.8-rc") < read("1.1.8"));
        assert!(read("1.1.10") > read("1.1.9") && Release::Head > read("9.9.9"));
        assert!("newest".parse::<Release>().is_err() && "1.1".parse::<Release>().is_err());
    }

    #[test]
    fn some_releases_do_not_speak_to_old_servers() {
        let server = |flavour, version| ServerFacts { flavour, version, ..ServerFacts::default() };
        let (maria, old) = (server(Flavour::MariaDb, (10, 11, 19)), server(Flavour::MySql, (5, 6, 24)));
        let new = server(Flavour::MySql, (9, 7, 4));
        for release in [v(1, 1, 6), rc(1, 1, 8), v(1, 1, 10)] {
            assert!(!release.speaks_to(&maria) && !release.speaks_to(&old), "{release}");
            assert_eq!(release.speaks_to(&new), release > v(1, 1, 7), "{release}");
            assert!(release.speaks_to(&server(Flavour::MySql, (8, 0, 42))), "{release}");
        }
        assert!(v(1, 1, 5).speaks_to(&old) && Release::Head.speaks_to(&maria));
        assert_eq!(Release::for_server(Some(&maria)), Release::Head);
    }

    #[test]
    fn only_later_releases_check_the_lock() {
        assert!(!v(1, 1, 5).checks_metadata_lock() && !rc(1, 1, 8).checks_metadata_lock());
        assert!(v(1, 1, 8).checks_metadata_lock() && Release::Head.checks_metadata_lock());
        assert!(!v(1, 1, 7).knows("panic-on-warnings") && rc(1, 1, 8).knows("panic-on-warnings"));
    }
}
