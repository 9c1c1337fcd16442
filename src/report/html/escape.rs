//! What text of strangers becomes in the page.

use std::fmt::{self, Write};

use askama::filters::Escaper;

use crate::report::humanize::visible;

/// Escapes for text and quoted attributes alike, and shows what would hide or reorder something.
#[derive(Clone, Copy)]
pub struct Visible;

impl Escaper for Visible {
    fn write_escaped_str<W: Write>(&self, mut to: W, text: &str) -> fmt::Result {
        let text = visible(text);
        let mut rest = &*text;
        while let Some(at) = rest.find(['<', '>', '&', '"', '\'']) {
            let (before, from) = rest.split_at(at);
            to.write_str(before)?;
            to.write_str(match from.as_bytes().first() {
                Some(b'<') => "&lt;",
                Some(b'>') => "&gt;",
                Some(b'&') => "&amp;",
                Some(b'"') => "&quot;",
                _ => "&#39;",
            })?;
            rest = &from[1..];
        }
        to.write_str(rest)
    }
}

/// JSON that can stand in a script element, which ends where `</script` stands, wherever that is.
pub(super) fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_an_attribute_or_an_element() {
        let mut out = String::new();
        Visible.write_escaped_str(&mut out, "a\"'<b>&\u{202e}é").unwrap();
        assert_eq!(out, "a&quot;&#39;&lt;b&gt;&amp;⟨U+202E⟩é");
        assert_eq!(in_script("\"</script><!--\""), "\"\\u003c/script>\\u003c!--\"");
    }
}
