//! What the program prints, and where.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;

use common::{Tree, gaps, program, run, text, touchpoints};

#[test]
fn json_goes_to_standard_output_and_nothing_else_does() {
    let tree = Tree::shop();
    let output = tree.scan(&["--format", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["version"], 1);
    assert_eq!(report["target"], "shop.Order");
    assert!(text(&output.stdout).ends_with("}\n"));
    assert_eq!(text(&output.stderr), "");

    let file = tree.join("report.json");
    let output = tree.scan(&["--format", "json", "-o", file.to_str().unwrap()]);
    assert_eq!(text(&output.stdout), "");
    let written: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert_eq!(written["touchpoints"], report["touchpoints"]);
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let tree = Tree::shop();
    assert!(!text(&tree.scan(&[]).stdout).contains('\x1b'));
    assert!(text(&tree.scan(&["--color", "always"]).stdout).contains('\x1b'));
    assert!(!text(&tree.scan(&["--color", "never"]).stdout).contains('\x1b'));
    let asked = run(program().env("NO_COLOR", "1").arg("scan").arg(tree.path()).args(["--color", "always"]));
    assert!(text(&asked.stdout).contains('\x1b'), "what is asked for wins over the environment");
    let plain = run(program().env("NO_COLOR", "1").env("CLICOLOR_FORCE", "1").arg("scan").arg(tree.path()));
    assert!(!text(&plain.stdout).contains('\x1b'));
    let file = tree.join("summary.txt");
    tree.scan(&["--color", "always", "-o", file.to_str().unwrap()]);
    assert!(!fs::read_to_string(file).unwrap().contains('\x1b'));
}

#[test]
fn ignored_files_are_left_out_and_environments_are_found() {
    let tree = Tree::shop();
    tree.write(".gitignore", b"/build/\n.venv\n");
    tree.write("build/copy.py", b"from shop.models import Order\n");
    tree.write("docs/conf.py", b"from shop.models import Order\n");
    tree.write("node_modules/x/y.js", b"Order\n");
    tree.write(".venv/pyvenv.cfg", b"");
    tree.write(".venv/lib/python3.11/site-packages/plugin/__init__.py", b"from shop.models import Order\n");
    tree.write("other_env/pyvenv.cfg", b"");
    tree.write("other_env/lib/python3.11/site-packages/x.py", b"from shop.models import Order\n");
    tree.write("csm-audit.toml", b"exclude = ['docs']\n");
    let report = tree.report();
    let found = touchpoints(&report);
    assert!(found.contains(&"plugin/__init__.py:1 import".to_owned()), "{found:?}");
    assert!(
        !found.iter().any(|t| t.starts_with("build") || t.starts_with("docs") || t.starts_with("x.py")),
        "{found:?}"
    );
    assert_eq!(report["roots"][1]["kind"], "site-packages");
    assert_eq!(report["virtual_environments"][0]["found_as"], ".venv");
    assert_eq!(report["virtual_environments"][0]["scanned"], true);
    assert_eq!(gaps(&report, "node_modules"), ["skipped-folder"]);
    assert_eq!(gaps(&report, "other_env"), ["skipped-folder"]);
}

#[test]
fn an_environment_given_as_site_packages_means_the_packages_in_it() {
    let tree = Tree::shop();
    let outside = Tree::new(&[("lib/python3.12/site-packages/plugin.py", "from shop.models import Order\n")]);
    let output = tree.scan(&["--format", "json", "--site-packages", outside.path().to_str().unwrap()]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(touchpoints(&report).contains(&"plugin.py:1 import".to_owned()), "{report}");
    assert!(report["roots"][1]["name"].as_str().unwrap().ends_with("lib/python3.12/site-packages"));
}

#[test]
fn the_configuration_says_what_is_test_code() {
    let tree = Tree::shop();
    tree.write("csm-audit.toml", b"tests = ['shop/views.py']\n");
    let report = tree.report();
    for touchpoint in report["touchpoints"].as_array().unwrap() {
        assert_eq!(touchpoint["is_test"], touchpoint["file"] == "shop/views.py", "{touchpoint}");
    }
}

#[test]
fn overlapping_roots_give_each_file_once() {
    let tree = Tree::shop();
    let once = tree.report();
    let twice = run(program().arg("scan").args([tree.path(), &tree.join("shop"), tree.path()]).args([
        "--target",
        "shop.Order",
        "--format",
        "json",
    ]));
    // The inner root has no file left that is its own: that is no reason to stop.
    assert_eq!(twice.status.code(), Some(0), "{}", text(&twice.stderr));
    let twice: serde_json::Value = serde_json::from_slice(&twice.stdout).unwrap();
    assert_eq!(touchpoints(&once), touchpoints(&twice));
}

#[test]
fn completions_and_the_manual_are_printed() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(program().args(["completions", shell]));
        assert!(text(&output.stdout).contains("site-packages"), "{shell}");
    }
    assert!(text(&run(program().arg("man")).stdout).contains(".TH csm-audit 1"));
    assert!(text(&run(program().arg("--version")).stdout).starts_with("csm-audit "));
}

#[test]
fn the_published_schemas_are_those_of_the_types() {
    let schemas = [
        ("csm-audit.v1.schema.json", csm_audit::report::v1::Report::schema()),
        ("csm-audit.plan.v1.schema.json", csm_audit::plan::Plan::schema().to_value()),
    ];
    for (name, schema) in schemas {
        let path = format!("{}/reports/{name}", env!("CARGO_MANIFEST_DIR"));
        let mut fresh = serde_json::to_string_pretty(&schema).unwrap();
        fresh.push('\n');
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &fresh).unwrap();
        }
        let published = fs::read_to_string(&path).unwrap_or_default();
        assert!(published == fresh, "reports/{name} is stale; regenerate it: UPDATE=1 cargo test --test cli schema");
    }
}

#[test]
fn a_fingerprint_outlives_moved_lines_and_changes_with_the_thing() {
    let prints = |report: &serde_json::Value| -> Vec<String> {
        let of_views = report["touchpoints"].as_array().unwrap().iter().filter(|t| t["file"] == "shop/views.py");
        of_views.map(|t| t["fingerprint"].as_str().unwrap().to_owned()).collect()
    };
    let tree = Tree::shop();
    let before = prints(&tree.report());
    let views = fs::read_to_string(tree.join("shop/views.py")).unwrap();
    tree.write("shop/views.py", format!("# moved\n\n{}", views.replace("name='x'", "name = 'x'")).as_bytes());
    assert_eq!(prints(&tree.report()), before);
    tree.write("shop/views.py", views.replace("index", "other").as_bytes());
    let after = prints(&tree.report());
    assert_eq!(after[0], before[0], "the import is the same");
    assert!(!before.contains(&after[1]), "the query stands in another function");
}
