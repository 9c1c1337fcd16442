//! Django's version, as far as behaviour depends on it.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Major and minor version of Django.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Version(pub u8, pub u8);

impl Version {
    /// The newest one whose rules are known here.
    pub const NEWEST: Self = Self(6, 1);
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.trim().trim_start_matches(|c: char| !c.is_ascii_digit());
        let mut parts = digits.split(|c: char| !c.is_ascii_digit()).filter(|p| !p.is_empty()).map(str::parse);
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok(Self(major, minor)),
            (Some(Ok(major)), None) => Ok(Self(major, 0)),
            _ => Err(format!("`{text}` is not a valid version of Django; write 4.2")),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}
