//! `reports/example` holds the reports of the fixture project, as they are made today.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::path::Path;

use common::{program, run, text};

/// What makes them, from the repository's root.
const COMMAND: [&str; 2] = ["scan", "fixtures/project"];

#[test]
fn the_example_is_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kept = root.join("reports/example");
    let fresh = tempfile::tempdir().unwrap();
    let renew = std::env::var_os("UPDATE").is_some();
    let folder = if renew { &kept } else { fresh.path() };
    let output =
        run(program().current_dir(root).args(COMMAND).args(["--quiet", "-o"]).arg(format!("{}/", folder.display())));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for name in ["csm-audit.json", "csm-audit.html", "csm-audit.md", "csm-audit.sarif"] {
        let (now, then) = (fs::read(folder.join(name)).unwrap(), fs::read(kept.join(name)).unwrap_or_default());
        assert!(now == then, "reports/example/{name} is stale; renew it: UPDATE=1 cargo test --test example");
    }
}
