//! The section `[gate]`: which references are welcome, which never, and what to say of the others.

use std::path::{Path, PathBuf};

use globset::GlobSet;
use indexmap::IndexMap;
use serde::de::value::StrDeserializer;
use serde::de::{Deserialize, Deserializer, Error as _, IntoDeserializer};

use super::error::ConfigError;
use super::glob::globs;
use crate::finding::{Confidence, Kind};

/// The name of the baseline, beside the first root's configuration.
pub const BASELINE_NAME: &str = "csm-audit.baseline.json";

/// A day, as an allowance ends with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(toml::value::Date);

impl Day {
    /// The day in UTC, so many seconds after 1970 began.
    #[must_use]
    pub fn at(seconds: u64) -> Self {
        // Howard Hinnant's civil_from_days: years begin in March, so that a leap day is the last of its year.
        let days = seconds / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let small = |number: u64| u8::try_from(number).unwrap_or(u8::MAX);
        Self(toml::value::Date { year: u16::try_from(year).unwrap_or(u16::MAX), month: small(month), day: small(day) })
    }

    /// The seconds from the beginning of 1970 to its own.
    #[must_use]
    pub fn seconds(self) -> u64 {
        // The other way round.
        let (month, day) = (u64::from(self.0.month), u64::from(self.0.day));
        let year = u64::from(self.0.year) - u64::from(month <= 2 && self.0.year > 0);
        let (era, year_of_era) = (year / 400, year % 400);
        let day_of_year = (153 * if month > 2 { month - 3 } else { month + 9 } + 2) / 5 + day.saturating_sub(1);
        let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        days.saturating_sub(719_468) * 86_400
    }

    /// Today, by the system clock.
    #[must_use]
    pub fn today() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self::at(now.map_or(0, |since| since.as_secs()))
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<toml::value::Datetime>() {
            Ok(toml::value::Datetime { date: Some(date), time: None, offset: None }) => Ok(Self(date)),
            _ => Err(format!("`{text}` is not a valid date; write it as 2026-12-31")),
        }
    }
}

impl<'de> Deserialize<'de> for Day {
    /// With quotes or without: both are written.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        text.parse().map_err(D::Error::custom)
    }
}

/// What a text is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// Every kind without a text of its own.
    Default,
    /// One kind.
    Kind(Kind),
}

impl<'de> Deserialize<'de> for Topic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        if word == "default" {
            return Ok(Self::Default);
        }
        kind(&word).map(Self::Kind).map_err(D::Error::custom)
    }
}

/// The kind of this name.
///
/// # Errors
///
/// What to write instead.
pub fn kind(word: &str) -> Result<Kind, String> {
    let deserializer: StrDeserializer<'_, serde::de::value::Error> = word.into_deserializer();
    Kind::deserialize(deserializer).map_err(|error| error.to_string().replace("unknown variant", "unknown kind"))
}

/// What is said of a new reference.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Why it matters.
    pub why: Option<String>,
    /// What to use instead.
    pub instead: Option<String>,
}

/// A rule `[[gate.allow]]`: touchpoints that match it pass although they are new, or of a denied kind.
#[derive(Clone, Debug)]
pub struct AllowanceRule {
    /// The kind; any when `None`.
    pub kind: Option<Kind>,
    /// Paths, relative to their root; any when `None`.
    pub path: Option<GlobSet>,
    /// The model; any when `None`.
    pub target: Option<String>,
    /// Its last day.
    pub expires: Option<Day>,
    /// Why.
    pub reason: String,
    /// How the configuration writes it, for messages.
    pub shown: String,
}

/// The rules of the gate.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The baseline.
    pub baseline: PathBuf,
    /// Paths, relative to their root, in which references are welcome.
    pub welcome: GlobSet,
    /// Kinds that are never accepted.
    pub deny: Vec<Kind>,
    /// What is less sure than this raises no alarm.
    pub confidence: Confidence,
    /// Whether prose counts.
    pub documents: bool,
    /// Whether references to linked models count, which only point to the target's table.
    pub linked: bool,
    /// Allowances.
    pub allow: Vec<AllowanceRule>,
    /// What to say.
    pub texts: IndexMap<Topic, Text>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            baseline: PathBuf::from(BASELINE_NAME),
            welcome: GlobSet::empty(),
            deny: Vec::new(),
            confidence: Confidence::Likely,
            documents: false,
            linked: false,
            allow: Vec::new(),
            texts: IndexMap::new(),
        }
    }
}

/// The section as it is written.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Section {
    pub(super) baseline: Option<PathBuf>,
    welcome: Option<Vec<String>>,
    deny: Option<Vec<Kind>>,
    confidence: Option<Confidence>,
    documents: Option<bool>,
    linked: Option<bool>,
    allow: Option<Vec<SectionAllow>>,
    texts: Option<IndexMap<Topic, Text>>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SectionAllow {
    kind: Option<Kind>,
    path: Option<String>,
    target: Option<String>,
    expires: Option<Day>,
    #[serde(deserialize_with = "reason")]
    reason: String,
}

fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let reason = String::deserialize(deserializer)?;
    if reason.trim().is_empty() {
        return Err(D::Error::custom("the reason is empty; write the reason for the allowance"));
    }
    Ok(reason)
}

impl Section {
    /// The rules. `baseline` is the command line's, `folder` the one in which the baseline is when nothing names it.
    pub(super) fn rules(self, baseline: Option<PathBuf>, folder: &Path) -> Result<Rules, ConfigError> {
        let allow = self.allow.unwrap_or_default().into_iter().map(|allow| {
            let words = [
                allow.kind.map(|kind| format!("kind {}", kind.as_str())),
                allow.path.as_ref().map(|path| format!("path {path}")),
                allow.target.as_ref().map(|target| format!("target {target}")),
            ];
            let words: Vec<String> = words.into_iter().flatten().collect();
            Ok(AllowanceRule {
                kind: allow.kind,
                path: allow.path.map(|path| globs(&[path])).transpose()?,
                target: allow.target,
                expires: allow.expires,
                reason: allow.reason,
                shown: if words.is_empty() { "everything".to_owned() } else { words.join(", ") },
            })
        });
        Ok(Rules {
            baseline: baseline.or(self.baseline).unwrap_or_else(|| folder.join(BASELINE_NAME)),
            welcome: globs(&self.welcome.unwrap_or_default())?,
            deny: self.deny.unwrap_or_default(),
            confidence: self.confidence.unwrap_or(Confidence::Likely),
            documents: self.documents.unwrap_or(false),
            linked: self.linked.unwrap_or(false),
            allow: allow.collect::<Result<_, ConfigError>>()?,
            texts: self.texts.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_798_675_199, "2026-12-30"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(Day::at(seconds).to_string(), day);
            assert_eq!(day.parse::<Day>().unwrap(), Day::at(seconds));
            assert_eq!(Day::at(seconds).seconds(), seconds / 86_400 * 86_400);
        }
        assert!("2026-02-30".parse::<Day>().is_err());
        assert!("soon".parse::<Day>().unwrap_err().contains("2026-12-31"));
    }

    #[test]
    fn a_section_is_read_and_what_is_wrong_in_it_is_said() {
        let read = |text: &str| toml::from_str::<Section>(text).map_err(|error| error.message().to_owned());
        let text = "deny = ['raw-sql']\n[[allow]]\nkind = 'query'\nexpires = 2026-12-31\nreason = 'x'\n[texts.default]\nwhy = 'w'\n";
        let rules = read(text).unwrap().rules(None, Path::new("p")).unwrap();
        assert_eq!(rules.baseline, Path::new("p").join(BASELINE_NAME));
        assert_eq!(rules.deny, [Kind::RawSql]);
        assert_eq!(rules.allow[0].expires, Some("2026-12-31".parse().unwrap()));
        assert_eq!(rules.texts[&Topic::Default].why.as_deref(), Some("w"));
        assert!(read("[[allow]]\nkind = 'query'\n").unwrap_err().contains("missing field `reason`"));
        assert!(read("[[allow]]\nreason = ' '\n").unwrap_err().contains("reason is empty"));
        assert!(
            read("[[allow]]\nreason = 'x'\nexpires = 'soon'\n").unwrap_err().contains("`soon` is not a valid date")
        );
        assert!(read("deny = ['sql']\n").unwrap_err().contains("`sql`"));
        assert!(read("[texts.sql]\nwhy = 'x'\n").unwrap_err().contains("unknown kind `sql`"));
    }
}
