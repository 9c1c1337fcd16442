//! Links to the sources, where somebody can look at them.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What stands in a path as it is; everything else is encoded.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A URL with places for a path and a line, such as `https://github.com/o/r/blob/COMMIT/{path}#L{line}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct SourceUrl(String);

/// Text that is no [`SourceUrl`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceUrlError {
    /// Only these are opened by a click without running anything.
    #[error("`{0}` begins with neither https:// nor http://")]
    Scheme(String),
    /// Without it all links would be one.
    #[error("`{0}` has no {{path}}; write it as https://github.com/owner/repository/blob/COMMIT/{{path}}#L{{line}}")]
    NoPath(String),
    /// A place that is unknown would stay in every link.
    #[error("`{0}`: unknown field `{{{1}}}`; the fields are {{path}}, {{line}} and {{root}}")]
    Place(String, String),
}

impl SourceUrl {
    /// The link to a line of a file.
    #[must_use]
    pub fn to(&self, root: &str, path: &str, line: Option<u32>) -> String {
        let root = root.trim_end_matches('/');
        let root = root.strip_prefix("./").unwrap_or(root);
        let line = line.unwrap_or(1).to_string();
        // One pass, so that a path that holds `{line}` stays what it is.
        let mut url = String::with_capacity(self.0.len() + path.len());
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            url.push_str(before);
            let Some((name, after)) = after.split_once('}') else { break };
            match name {
                "path" => url.extend(utf8_percent_encode(path, PATH)),
                "root" => url.extend(utf8_percent_encode(if root == "." { "" } else { root }, PATH)),
                _ => url.push_str(&line),
            }
            rest = after;
        }
        url + rest
    }

    /// The template.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SourceUrl {
    type Err = SourceUrlError;

    fn from_str(text: &str) -> Result<Self, SourceUrlError> {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        if !lower.starts_with("https://") && !lower.starts_with("http://") {
            return Err(SourceUrlError::Scheme(text.to_owned()));
        }
        if !text.contains("{path}") {
            return Err(SourceUrlError::NoPath(text.to_owned()));
        }
        for piece in text.split('{').skip(1) {
            let name = piece.split('}').next().unwrap_or_default();
            if !piece.contains('}') || !["path", "line", "root"].contains(&name) {
                return Err(SourceUrlError::Place(text.to_owned(), name.to_owned()));
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for SourceUrl {
    type Error = SourceUrlError;

    fn try_from(text: String) -> Result<Self, SourceUrlError> {
        text.parse()
    }
}

impl From<SourceUrl> for String {
    fn from(url: SourceUrl) -> Self {
        url.0
    }
}

impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_encoded_and_filled_in_once() {
        let url: SourceUrl = "https://example.org/o/r/blob/abc/{root}/{path}#L{line}".parse().unwrap();
        assert_eq!(url.to("./sub/", "a/b c.py", Some(7)), "https://example.org/o/r/blob/abc/sub/a/b%20c.py#L7");
        assert_eq!(url.to("sub", "{line}\"<.py", None), "https://example.org/o/r/blob/abc/sub/%7Bline%7D%22%3C.py#L1");
    }

    #[test]
    fn what_is_no_template_is_refused() {
        let error = |text: &str| text.parse::<SourceUrl>().unwrap_err().to_string();
        assert!(error("javascript:alert({path})").contains("neither https"));
        assert!(error("https://example.org/").contains("no {path}"));
        assert!(
            error("https://example.org/{path}{commit}").contains("unknown field `{commit}`; the fields are {path}")
        );
        assert!(error("https://example.org/{path}#{line").contains("the fields are"));
    }
}
