//! Texts of trees, servers and dumps on their way to a terminal, a log or an annotation. The only place that decides
//! which characters may be printed as they are.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character is not seen, or moves what is around it: controls, marks of direction, fillers, tags. Line breaks
/// and tabs are left to the caller, for texts of several lines.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        _ if c.is_control() => true,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' => true,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => true,
        '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

fn shown(text: &str, is_shown: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_shown) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_shown(c) {
            // Writing into a string does not fail.
            let _ = write!(out, "⟨U+{:04X}⟩", u32::from(c));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// The text with every character shown that would hide or reorder something. Lines and tabs stay.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    shown(text, is_hidden)
}

/// The same on one line: line breaks and tabs are shown, too, and the line cannot be taken for a command.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    match shown(text, |c| is_hidden(c) || matches!(c, '\n' | '\t')) {
        Cow::Borrowed(text) => without_commands(text),
        Cow::Owned(text) => Cow::Owned(without_commands(&text).into_owned()),
    }
}

/// The text without commands for the runner of a workflow. GitHub's runner obeys a line that begins with `::`, after white
/// space, and any line that contains `##[` (`ActionCommand.cs` of actions/runner); Azure's obeys `##vso[`.
///
/// For text that is printed into a log, of which any line may begin with a name from outside. Not for annotations.
#[must_use]
pub fn without_commands(text: &str) -> Cow<'_, str> {
    let begins = |line: &str| without_styles(line).starts_with("::");
    if !text.contains("##") && !text.lines().any(begins) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        if begins(line) {
            out.push('\\');
        }
        out.push_str(&line.replace("##[", "#\\#[").replace("##vso[", "#\\#vso["));
    }
    Cow::Owned(out)
}

/// The text behind white space and escape codes for styles, which are taken out before a log gets them.
fn without_styles(line: &str) -> &str {
    let mut rest = line.trim_start();
    while let Some((_, behind)) = rest.strip_prefix("\u{1b}[").and_then(|code| code.split_once('m')) {
        rest = behind.trim_start();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_shown() {
        assert_eq!(visible("a\u{202e}b\u{0}\n"), "a⟨U+202E⟩b⟨U+0000⟩\n");
        assert!(matches!(visible("grün 漢字"), Cow::Borrowed(_)));
        assert_eq!(line("a\r\n::error::b\t\u{1b}[31m"), "a⟨U+000D⟩⟨U+000A⟩::error::b⟨U+0009⟩⟨U+001B⟩[31m");
        assert!(matches!(line("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn no_line_is_a_command() {
        assert_eq!(without_commands("a\n  ::error::x\nb ##[group]\n"), "a\n\\  ::error::x\nb #\\#[group]\n");
        assert_eq!(without_commands("\u{1b}[1m ::error::x"), "\\\u{1b}[1m ::error::x");
        assert_eq!(line("::set-output name=x::y"), "\\::set-output name=x::y");
        assert!(matches!(without_commands("std::fmt\n## title\n"), Cow::Owned(_)));
        assert_eq!(without_commands("std::fmt\n## title\n"), "std::fmt\n## title\n");
    }
}
