//! The edit of the model's source, as a unified diff.

use std::fmt::Write as _;
use std::ops::Range;

use super::django_migration::ModelSource;

/// Lines around a change.
const CONTEXT: usize = 3;

/// A replacement of lines.
struct Change {
    lines: Range<usize>,
    by: Vec<String>,
}

/// The diff that gives the class a key of another field; `None` where it is not plain what to edit.
pub(super) fn patch(source: &ModelSource, key: &str, field: &str, import: Option<&str>) -> Option<String> {
    let lines: Vec<&str> = source.text.lines().collect();
    let class = usize::try_from(source.line).ok()?.checked_sub(1)?;
    let header = lines.get(class)?;
    if !header.trim_start().starts_with("class ") {
        return None;
    }
    let body = statement_end(&lines, class)?;
    let outer = indent(header);
    let first = (body..lines.len()).find(|at| !lines[*at].trim().is_empty())?;
    let inner = indent(lines[first]);
    if inner <= outer {
        return None;
    }
    let end = (first..lines.len())
        .find(|at| {
            !lines[*at].trim().is_empty() && indent(lines[*at]) <= outer && !lines[*at].trim_start().starts_with('#')
        })
        .unwrap_or(lines.len());
    let margin = &lines[first][..inner];
    let assigns = |at: &usize, name: &str| {
        let text = lines[*at].trim_start();
        indent(lines[*at]) == inner
            && text.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with('=') && !rest.contains("=="))
    };
    let existing = (first..end).find(|at| assigns(at, key));
    let other_key = || {
        (first..end).any(|at| {
            indent(lines[at]) == inner
                && lines[at].contains("primary_key=True")
                && !lines[at].trim_start().starts_with('#')
        })
    };
    let line = format!("{margin}{key} = {field}");
    let change = match existing {
        Some(at) => Change { lines: at..statement_end(&lines, at)?, by: vec![line] },
        // Its key has another name than its column: nobody guesses.
        None if other_key() => return None,
        None => {
            let docstring =
                ["\"\"\"", "'''", "\"", "'"].iter().find(|quote| lines[first].trim_start().starts_with(**quote));
            let at = match docstring {
                Some(quote) => string_end(&lines, first, quote)?,
                None => first,
            };
            Change { lines: at..at, by: vec![line] }
        }
    };
    let mut changes = vec![change];
    if let Some(import) = import {
        let last = (0..class)
            .filter(|at| lines[*at].starts_with("import ") || lines[*at].starts_with("from "))
            .rfind(|at| !lines[*at].starts_with("from __future__"))?;
        let at = statement_end(&lines, last)?;
        changes.insert(0, Change { lines: at..at, by: vec![import.to_owned()] });
    }
    Some(unified(&source.path, &lines, &changes))
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

/// The line after a statement, whose brackets may span several.
fn statement_end(lines: &[&str], from: usize) -> Option<usize> {
    let mut depth = 0_i32;
    let mut quote: Option<char> = None;
    for (at, line) in lines.iter().enumerate().skip(from) {
        let mut characters = line.chars();
        while let Some(character) = characters.next() {
            match (quote, character) {
                (Some(_), '\\') => drop(characters.next()),
                (Some(open), c) if c == open => quote = None,
                (Some(_), _) => {}
                (None, '#') => break,
                (None, '\'' | '"') => quote = Some(character),
                (None, '(' | '[' | '{') => depth += 1,
                (None, ')' | ']' | '}') => depth -= 1,
                (None, _) => {}
            }
        }
        // A string that ends with its line; one of several lines is not what is looked for here.
        quote = None;
        if depth <= 0 && !line.ends_with('\\') {
            return Some(at + 1);
        }
    }
    None
}

/// The line after a string that begins on a line.
fn string_end(lines: &[&str], from: usize, quote: &str) -> Option<usize> {
    let after = lines[from].trim_start().strip_prefix(quote)?;
    if after.contains(quote) || quote.len() == 1 {
        return Some(from + 1);
    }
    (from + 1..lines.len()).find(|at| lines[*at].contains(quote)).map(|at| at + 1)
}

/// The changes as a diff, those that are near each other in one hunk.
fn unified(path: &str, lines: &[&str], changes: &[Change]) -> String {
    let mut out = format!("--- a/{path}\n+++ b/{path}\n");
    let mut hunks: Vec<Vec<&Change>> = Vec::new();
    for change in changes {
        match hunks.last_mut() {
            Some(hunk) if hunk.last().is_some_and(|last| change.lines.start <= last.lines.end + 2 * CONTEXT) => {
                hunk.push(change);
            }
            _ => hunks.push(vec![change]),
        }
    }
    let mut shift = 0_isize;
    for hunk in hunks {
        let (Some(first), Some(last)) = (hunk.first(), hunk.last()) else { continue };
        let start = first.lines.start.saturating_sub(CONTEXT);
        let end = (last.lines.end + CONTEXT).min(lines.len());
        let grown: isize = hunk
            .iter()
            .map(|change| {
                isize::try_from(change.by.len()).unwrap_or(0) - isize::try_from(change.lines.len()).unwrap_or(0)
            })
            .sum();
        let length = end - start;
        let _ = writeln!(
            out,
            "@@ -{},{length} +{},{} @@",
            start + 1,
            (start + 1).saturating_add_signed(shift),
            length.saturating_add_signed(grown)
        );
        let mut at = start;
        for change in &hunk {
            for line in &lines[at..change.lines.start] {
                let _ = writeln!(out, " {line}");
            }
            for line in &lines[change.lines.clone()] {
                let _ = writeln!(out, "-{line}");
            }
            for line in &change.by {
                let _ = writeln!(out, "+{line}");
            }
            at = change.lines.end;
        }
        for line in &lines[at..end] {
            let _ = writeln!(out, " {line}");
        }
        shift += grown;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(text: &str, line: u32) -> Option<String> {
        let source = ModelSource { path: "app/models.py".into(), text: text.into(), line };
        patch(&source, "id", "Big(primary_key=True)", Some("from app.big_key import Big"))
    }

    #[test]
    fn a_key_is_added_below_the_docstring() {
        let text = "import os\nfrom django.db import (\n    models,\n)\n\n\nclass A(\n    models.Model\n):\n    \"\"\"It is\n    one.\"\"\"\n    x = 1\n";
        let diff = edit(text, 7).unwrap();
        assert!(diff.contains(" )\n+from app.big_key import Big\n"), "{diff}");
        assert!(diff.contains("     one.\"\"\"\n+    id = Big(primary_key=True)\n     x = 1\n"), "{diff}");
    }

    #[test]
    fn a_key_is_replaced_with_all_its_lines() {
        let text = "from django.db import models\n\n\nclass A(models.Model):\n    id = models.AutoField(\n        primary_key=True,\n    )\n    x = 1\n";
        let diff = edit(text, 4).unwrap();
        assert!(
            diff.contains(
                "-    id = models.AutoField(\n-        primary_key=True,\n-    )\n+    id = Big(primary_key=True)\n"
            ),
            "{diff}"
        );
    }

    #[test]
    fn nobody_guesses() {
        let text = "from django.db import models\n\nclass A(models.Model):\n    key = models.AutoField(primary_key=True, db_column='id')\n";
        assert_eq!(edit(text, 3), None);
        assert_eq!(edit(text, 1), None);
    }
}
