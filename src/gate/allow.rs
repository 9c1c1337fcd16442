//! Allowances at the line: `# csm-audit: allow[kind] reason`.

use std::cell::Cell;

use crate::config::gate::kind;
use crate::discover::{FileKind, word_hash};
use crate::finding::Kind;
use crate::project::Project;
use crate::source::{SourceText, Span};

use super::entry::{GateTouchpoint, shown_path};

const TOOL: &str = "csm-audit:";

/// An allowance that stands in the code.
#[derive(Debug)]
pub(super) struct Allowance {
    /// Its file, as one would open it.
    pub file: String,
    /// The line of the comment.
    pub line: u32,
    /// The line it speaks of: its own, or the one below when it stands alone.
    speaks_of: u32,
    kinds: Vec<Kind>,
    /// Why it is none.
    pub wrong: Option<String>,
    /// Whether it allowed something.
    pub used: Cell<bool>,
}

impl Allowance {
    /// Whether it allows the touchpoint; if so, it was of use.
    pub(super) fn allows(&self, found: &GateTouchpoint) -> bool {
        let here = self.file == found.file && [found.line, found.end_line, found.last_line].contains(&self.speaks_of);
        let allows = self.wrong.is_none() && here && self.kinds.contains(&found.entry.kind);
        self.used.set(self.used.get() || allows);
        allows
    }
}

/// All allowances that stand in the files of a project; documents only mention them, unless documents count.
pub(super) fn allowances(project: &Project, documents: bool) -> Vec<Allowance> {
    let mut allowances = Vec::new();
    let audit = word_hash("audit");
    for file in project.discovery.files_with_word("csm") {
        let entry = project.discovery.entry(file);
        if !entry.words.has(audit) || entry.kind == FileKind::Document && !documents {
            continue;
        }
        let Some(text) = project.text(file) else { continue };
        let name = shown_path(&project.discovery.roots[entry.root].path, &entry.path);
        if entry.kind == FileKind::Python {
            let comments = project.parsed(file).map_or(&[][..], |parsed| &parsed.comments);
            allowances.extend(comments.iter().filter_map(|span| mark(&name, text, *span)));
        } else {
            // Every language has its own comments; what is written so on a line means it. A job or a key may well bear
            // the program's name.
            let means_it = |span: &Span| text.slice(*span).contains(&format!("{TOOL} allow"));
            allowances.extend(lines(text).filter(means_it).filter_map(|span| mark(&name, text, span)));
        }
    }
    allowances
}

fn lines(text: &SourceText) -> impl Iterator<Item = Span> + '_ {
    let base = text.as_str().as_ptr() as usize;
    text.as_str().lines().map(move |line| {
        let start = line.as_ptr() as usize - base;
        let at = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span::new(at(start), at(start + line.len()))
    })
}

/// The allowance in a comment, or in a line of what is no Python.
fn mark(file: &str, text: &SourceText, span: Span) -> Option<Allowance> {
    let said = text.slice(span);
    let rest = said[said.find(TOOL)? + TOOL.len()..].trim_start();
    let line = text.line_col(span.start).line;
    let is_alone = |line: u32| {
        let line = text.line(line);
        let before = line.find(TOOL).map_or(line, |at| &line[..at]);
        !before.chars().any(char::is_alphanumeric)
    };
    let mut speaks_of = line;
    // Several may stand above one line.
    while is_alone(speaks_of) && text.line(speaks_of).contains(TOOL) {
        speaks_of += 1;
    }
    let (kinds, wrong) = match parse(rest) {
        Ok(kinds) => (kinds, None),
        Err(wrong) => (Vec::new(), Some(wrong)),
    };
    Some(Allowance { file: file.to_owned(), line, speaks_of, kinds, wrong, used: Cell::new(false) })
}

/// `allow[kind, kind] reason`
fn parse(text: &str) -> Result<Vec<Kind>, String> {
    const FORM: &str = "write it as `csm-audit: allow[kind] reason`";
    let list = text.strip_prefix("allow").map(str::trim_start).and_then(|rest| rest.strip_prefix('['));
    let Some((list, reason)) = list.and_then(|rest| rest.split_once(']')) else {
        return Err(format!("is not a valid allowance; {FORM}"));
    };
    if !reason.chars().any(char::is_alphanumeric) {
        return Err(format!("has no reason, so it has no effect; {FORM}"));
    }
    let kinds: Vec<Kind> = list.split(',').map(|word| kind(word.trim())).collect::<Result<_, _>>()?;
    Ok(kinds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_has_kinds_and_a_reason() {
        assert_eq!(parse("allow[query, raw-sql] until the API can count"), Ok(vec![Kind::Query, Kind::RawSql]));
        assert_eq!(parse("allow [query]: why"), Ok(vec![Kind::Query]));
        assert!(parse("allow[query]").unwrap_err().contains("no reason"));
        assert!(parse("allow[query] --").unwrap_err().contains("no reason"));
        assert!(parse("allow[sql] x").unwrap_err().contains("unknown kind `sql`"));
        assert!(parse("allow query x").unwrap_err().contains("is not a valid allowance"));
        assert!(parse("ignore").unwrap_err().contains("is not a valid allowance"));
    }

    #[test]
    fn it_speaks_of_its_line_or_of_the_one_below() {
        let text =
            "x = B()  # csm-audit: allow[query] r\n# csm-audit: allow[query] r\n  # csm-audit: allow[import] r\ny\n";
        let text = SourceText::new(text.to_owned());
        let found: Vec<u32> =
            lines(&text).filter_map(|span| mark("f", &text, span)).map(|mark| mark.speaks_of).collect();
        assert_eq!(found, [1, 4, 4]);
    }
}
