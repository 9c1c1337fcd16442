//! The documentation of the checks, from the checks themselves.

use std::fmt::Write as _;

use super::{CHECKS, Check};

/// All checks, a line each.
#[must_use]
pub fn list() -> String {
    let width = CHECKS.iter().map(|check| check.id.len()).max().unwrap_or(0);
    let mut text = String::new();
    for check in CHECKS {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:<width$}  {:<7}  {}", check.id, check.severity.as_str(), check.summary);
    }
    text.push_str("\ncsm-audit explain CHECK describes a check.\n");
    text
}

/// What one check is about.
#[must_use]
pub fn page(check: &Check) -> String {
    format!(
        "# {}\n\n{}.\n\nMaximum severity: {}.\n\n{}",
        check.id,
        sentence(check.summary),
        check.severity.as_str(),
        body(check)
    )
}

/// CHECKS.md.
#[must_use]
pub fn book() -> String {
    let mut text = String::from(
        "# Checks\n\nThe checks of `csm-audit scan`. `csm-audit explain CHECK` prints the same text. This file is generated \
         from the sources: `UPDATE=1 cargo test --test checks`.\n\n| check | maximum severity | problem |\n|---|---|---|\n",
    );
    for check in CHECKS {
        let _ = writeln!(text, "| [`{id}`](#{id}) | {} | {} |", check.severity.as_str(), check.summary, id = check.id);
    }
    for check in CHECKS {
        let below = body(check).replace("\n## ", "\n### ");
        let below = below.strip_prefix("## ").map_or_else(|| below.clone(), |rest| format!("### {rest}"));
        let _ = write!(text, "\n## {}\n\n{below}", check.id);
    }
    text
}

/// The text of doc comments, without the blank that each line begins with.
fn body(check: &Check) -> String {
    check.docs.lines().fold(String::new(), |text, line| text + line.strip_prefix(' ').unwrap_or(line) + "\n")
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
