//! Notices of tests that did not run. `eprintln!` is no help there: the test harness keeps what a passing test prints.

use std::io::Write as _;

/// Prints that something was not tested, and why or how it could be.
pub fn skipped(what: &str) {
    // A closed standard error is no failure of the test.
    let _ = writeln!(std::io::stderr(), "SKIPPED, not tested: {what}");
}
