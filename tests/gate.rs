//! The gate, on small repositories.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;

use common::repository::{Repository, VIEWS, gone, known, messages, places};
use common::{Tree, program, run, text};
use serde_json::Value;

#[test]
fn nothing_new_passes_and_the_baseline_is_stable() {
    let repository = known();
    assert!(repository.news().is_empty());
    let before = fs::read(repository.0.join("csm-audit.baseline.json")).unwrap();
    let verdict = repository.update();
    assert_eq!(verdict["written"], 3);
    assert_eq!(fs::read(repository.0.join("csm-audit.baseline.json")).unwrap(), before);
    let lines = String::from_utf8(before).unwrap();
    assert_eq!(lines.lines().filter(|line| line.contains("\"fingerprint\"")).count(), 3, "one a line");
    assert_eq!(lines.lines().count(), 4);
    assert!(!lines.contains("\"line\""));
}

#[test]
fn a_baseline_of_any_name_is_no_part_of_the_project() {
    let repository = Repository::new();
    repository.write("csm-audit.toml", "[gate]\nbaseline = 'ci/known.json'\n");
    repository.write("ci/x.py", "");
    assert_eq!(repository.update()["written"], 3);
    assert_eq!(repository.update()["written"], 3);
    repository.json(&["--strict"], 0);
    let other = repository.0.join("ci/[other].json");
    repository.json(&["--baseline", other.to_str().unwrap(), "--update"], 0);
    assert!(other.is_file());
    repository.json(&["--baseline", other.to_str().unwrap(), "--strict"], 0);
}

#[test]
fn a_new_use_is_told_at_its_line() {
    let repository = known();
    repository
        .write("shop/jobs.py", "from shop.models import Order\n\n\ndef job():\n    Order.objects.all().delete()\n");
    let output = repository.gate(&[]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.contains("shop/jobs.py:5:5: new query of shop.Order (delete, certain)"), "{said}");
    assert!(said.contains("5 |     Order.objects.all().delete()\n  |     ^^^^^\n"), "{said}");
    assert!(said.contains("= why: ") && said.contains("= instead: "), "{said}");
    assert!(said.contains("= import: shop/jobs.py:1\n"), "{said}");
    // The import is told with the use that it serves.
    assert_eq!(repository.news(), ["shop/jobs.py:5 query"]);
}

#[test]
fn one_more_use_in_the_same_function_is_new() {
    let repository = known();
    let views = repository.views();
    repository
        .write(VIEWS, &format!("{views}\n").replace("    return", "    Order.objects.filter(name='x')\n    return"));
    assert_eq!(repository.news().len(), 1);
}

#[test]
fn edits_around_and_formatting_are_not_new() {
    let repository = known();
    let views = repository.views();
    repository.write(VIEWS, &format!("import os\n\n{views}\n\ndef other():\n    return os.sep\n"));
    assert!(repository.news().is_empty(), "lines around");
    repository.write(
        VIEWS,
        "from shop.models import (\n    Order,\n)\n\n\ndef index(request):\n    return (\n        Order\n        .objects\n        .filter(\n            name='x',\n        )\n    )\n",
    );
    assert!(repository.news().is_empty(), "formatted");
    let views = repository.views().replace("name='x'", "name='x', pk=1");
    repository.write(VIEWS, &views);
    assert!(repository.news().is_empty(), "another filter of the same query");
}

#[test]
fn a_renamed_file_is_not_new() {
    let repository = known();
    repository.git(&["mv", VIEWS, "shop/pages.py"]);
    assert!(repository.news().is_empty());
    assert!(gone(&repository.json(&[], 0)).is_empty());
}

#[test]
fn a_moved_or_renamed_function_is_not_new() {
    let repository = known();
    repository.write("shop/moved.py", &repository.views().replace("def index", "@cached\ndef index"));
    repository.write(VIEWS, "from shop.moved import index\n");
    assert!(repository.news().is_empty(), "moved");
    repository.write(
        "shop/moved.py",
        &fs::read_to_string(repository.0.join("shop/moved.py")).unwrap().replace("index", "start"),
    );
    repository.write(VIEWS, "from shop.moved import start\n");
    assert!(repository.news().is_empty(), "renamed");
}

#[test]
fn what_is_gone_is_told_and_fails_only_when_strict() {
    let repository = known();
    repository.write(VIEWS, "");
    let verdict = repository.json(&[], 0);
    assert_eq!(gone(&verdict), ["import", "query"]);
    assert_eq!(gone(&repository.json(&["--diff", "HEAD"], 0)), ["import", "query"]);
    repository.json(&["--strict"], 1);
    assert!(text(&repository.gate(&[]).stdout).contains("gone: query of shop.views in index"));
    repository.update();
    repository.json(&["--strict"], 0);
}

#[test]
fn a_use_that_another_file_makes_one_is_new() {
    // The file with the use does not change; what its name stands for does.
    let repository = known();
    repository.write("shop/api.py", "model = None\n");
    repository
        .write("shop/user.py", "from shop.api import model\n\n\ndef count():\n    return model.objects.count()\n");
    repository.update();
    repository.commit("before");
    repository.write("shop/api.py", "from shop.models import Order\n\nmodel = Order\n");
    let new = repository.news();
    assert!(new.contains(&"shop/user.py:5 query".to_owned()), "{new:?}");
}

#[test]
fn a_change_that_does_not_name_the_model_is_noticed_when_it_matters() {
    // No changed file holds the model's name on either side: the other state is analysed only if that is noticed.
    let repository = known();
    repository.write("shop/api.py", "from shop.models import Order as Basket\n");
    repository.write("shop/other.py", "def count():\n    return 0\n");
    repository.write("shop/unrelated.py", "x = 1\n");
    repository.update();
    repository.commit("before");
    repository.write("shop/unrelated.py", "x = 2\n");
    assert!(repository.news().is_empty());
    repository
        .write("shop/other.py", "from shop.api import Basket\n\n\ndef count():\n    return Basket.objects.count()\n");
    let new = repository.news();
    assert!(new.contains(&"shop/other.py:5 query".to_owned()), "{new:?}");
    // The table by its name, and no Python.
    repository.write("scripts/report.sql", "SELECT 1;\n");
    assert!(repository.news().is_empty());
    repository.write("scripts/report.sql", "SELECT name FROM shop_order;\n");
    assert!(!repository.news().is_empty());
    repository.write("scripts/other.sql", "SELECT name FROM shop_order WHERE name = 'y';\n");
    assert!(!repository.news().is_empty());
    fs::remove_file(repository.0.join("scripts/other.sql")).unwrap();
    assert!(!gone(&repository.json(&["--diff", "HEAD"], 0)).is_empty());
}

#[test]
fn a_change_of_where_modules_come_from_is_noticed() {
    // Neither the model nor the module that leads to it stands in a changed file: only the way to it does.
    let repository = known();
    repository.write("one/tools.py", "def make():\n    return None\n");
    repository.write("two/tools.py", "from shop.models import Order\n\n\ndef make():\n    return Order()\n");
    repository.write("shop/user.py", "from tools import make\n\n\ndef use():\n    make().save()\n");
    let path = |folder: &str| format!("import sys\n\nsys.path.append('{folder}')\n");
    repository.write("manage.py", &path("one"));
    repository.update();
    repository.commit("before");
    repository.write("manage.py", &path("two"));
    let new = repository.news();
    assert!(new.contains(&"shop/user.py:5 instance".to_owned()), "{new:?}");
    repository.write("manage.py", &path("one"));
    assert!(repository.news().is_empty());
    repository.write("setup.cfg", "[options]\npackage_dir =\n    = two\n");
    repository.write("manage.py", "import sys\n");
    assert!(repository.news().contains(&"shop/user.py:5 instance".to_owned()));
}

#[test]
fn an_allowance_at_the_line_needs_a_kind_and_a_reason() {
    let repository = known();
    let job = |comment: &str| {
        format!("import shop.models\n\n\ndef job():\n    {comment}\n    shop.models.Order.objects.get()\n")
    };
    let new = |comment: &str| {
        repository.write("shop/jobs.py", &job(comment));
        let output = repository.gate(&["--format", "json"]);
        let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
        (places(&verdict).len(), messages(&verdict, "notices"))
    };
    assert_eq!(new("# csm-audit: allow[query] until the API can do it"), (0, vec![]));
    let (count, said) = new("# csm-audit: allow[query]");
    assert!(count == 1 && said[0].contains("no reason"), "{said:?}");
    let (count, said) = new("# csm-audit: allow[raw-sql] reason");
    assert!(count == 1 && said[0].contains("has no effect"), "{said:?}");
    let (count, said) = new("# csm-audit: allow[everything] reason");
    assert!(count == 1 && said[0].contains("unknown kind `everything`"), "{said:?}");
    // In a string it is no comment.
    let (count, said) = new("'# csm-audit: allow[query] reason'");
    assert_eq!((count, said.len()), (1, 0));
    repository.write(
        "shop/jobs.py",
        "import shop.models\n\nshop.models.Order.objects.get()  # csm-audit: allow[query] why not\n",
    );
    assert!(repository.news().is_empty());
    // What is allowed is not in the baseline, so it needs its allowance for ever.
    repository.update();
    repository.write("shop/jobs.py", "import shop.models\n\nshop.models.Order.objects.get()\n");
    assert_eq!(repository.news(), ["shop/jobs.py:3 query"]);
}

#[test]
fn rules_of_the_configuration() {
    let repository = Repository::new();
    repository.write(
        "csm-audit.toml",
        "[gate]\nwelcome = ['shop/api/**']\n[[gate.allow]]\nkind = 'import'\npath = 'shop/jobs.py'\nexpires = 2030-01-31\n\
         reason = 'moves to the API'\n[gate.texts.default]\ninstead = 'shop.api'\n[gate.texts.query]\nwhy = 'a query'\n",
    );
    repository.update();
    repository.commit("baseline");
    repository.write("shop/api/__init__.py", "from shop.models import Order\n\nALL = Order.objects.all()\n");
    repository.write("shop/jobs.py", "from shop.models import Order\n\nALL = Order.objects.all()\n");
    let verdict = repository.json(&["--today", "2030-01-31"], 1);
    assert_eq!(places(&verdict), ["shop/jobs.py:3 query"]);
    assert_eq!(verdict["new"][0]["why"], "a query");
    assert_eq!(verdict["new"][0]["instead"], "shop.api");
    assert_eq!(messages(&verdict, "notices"), Vec::<String>::new());
    let verdict = repository.json(&["--today", "2030-02-01"], 1);
    assert_eq!(places(&verdict), ["shop/jobs.py:3 query"]);
    assert!(messages(&verdict, "notices")[0].contains("expired on 2030-01-31"));
    // Out of the API layer it is no longer welcome.
    repository.write("shop/jobs.py", "");
    repository.git(&["add", "-A"]);
    repository.commit("welcome");
    let verdict = repository.json(&["--diff", "HEAD", "--today", "2030-01-01"], 0);
    assert!(messages(&verdict, "notices")[0].contains("has no effect"));
    repository.json(&["--diff", "HEAD", "--today", "2030-01-01", "--strict"], 1);
    repository.git(&["mv", "shop/api/__init__.py", "shop/elsewhere.py"]);
    assert_eq!(places(&repository.json(&["--diff", "HEAD"], 1)), ["shop/elsewhere.py:3 query"]);
}

#[test]
fn a_denied_kind_is_never_accepted() {
    let repository = Repository::new();
    repository.write(
        "shop/raw.py",
        "from django.db import connection\n\nconnection.cursor().execute('SELECT name FROM shop_order')\n",
    );
    repository.update();
    repository.json(&[], 0);
    repository.write("csm-audit.toml", "[gate]\ndeny = ['raw-sql']\n");
    let verdict = repository.json(&[], 1);
    assert_eq!(verdict["new"][0]["reason"], "denied");
    repository.json(&["--update"], 1);
    repository.json(&["--diff", "HEAD"], 1);
    let allowed = "connection.cursor().execute('SELECT name FROM shop_order')  # csm-audit: allow[raw-sql] a report\n";
    repository.write("shop/raw.py", &format!("from django.db import connection\n\n{allowed}"));
    repository.json(&[], 0);
}

#[test]
fn a_baseline_that_cannot_be_used_says_what_to_do() {
    let repository = Repository::new();
    let path = repository.0.join("csm-audit.baseline.json");
    let error = || {
        let output = repository.gate(&[]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(&output.stdout), "");
        text(&output.stderr)
    };
    let said = error();
    assert!(said.contains("does not exist") && said.contains("gate --update"), "{said}");
    repository.update();
    let good = fs::read_to_string(&path).unwrap();
    fs::write(&path, &good[..good.len() - 40]).unwrap();
    let said = error();
    assert!(said.contains("not a valid baseline") && said.contains("csm-audit.baseline.json:"), "{said}");
    fs::write(&path, good.replace("\"version\":2", "\"version\":3")).unwrap();
    let said = error();
    assert!(said.contains("version 3") && said.contains("install"), "{said}");
    assert_eq!(repository.gate(&["--update"]).status.code(), Some(2), "a newer one is not overwritten");
    fs::write(&path, good.replacen("\"target\":\"shop.Order\"", "\"target\":\"shop.Cart\"", 1)).unwrap();
    let said = error();
    assert!(said.contains("--target shop.Cart"), "{said}");
    assert_eq!(repository.gate(&["--update"]).status.code(), Some(2), "that of another model neither");
    // What is broken is written anew.
    fs::write(&path, "<<<<<<< HEAD\n").unwrap();
    assert!(error().contains("merge conflict"));
    repository.update();
    assert_eq!(fs::read_to_string(&path).unwrap(), good);
}

#[test]
fn a_commit_that_cannot_be_used_says_what_to_do() {
    let repository = Repository::new();
    let error = |repository: &Repository, revision: &str| {
        let output = repository.gate(&["--diff", revision]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
        text(&output.stderr)
    };
    assert!(error(&repository, "nowhere").contains("no commit `nowhere`"));
    assert!(error(&repository, "HEAD:shop").contains("no commit"));
    let output = repository.gate(&["--diff=-x"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no commit `-x`"));
    repository.commit("second");
    let shallow = tempfile::tempdir().unwrap();
    let url = format!("file://{}", repository.0.path().display());
    repository.git(&["clone", "-q", "--depth", "1", &url, shallow.path().join("c").to_str().unwrap()]);
    let gate = |folder: &std::path::Path| {
        run(program().current_dir(folder).args(["gate", "--target", "shop.Order", "--diff", "HEAD~1"]))
    };
    let output = gate(&shallow.path().join("c"));
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("shallow") && text(&output.stderr).contains("--unshallow"));
    let tree = Tree::shop();
    let output = gate(tree.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no git repository"), "{}", text(&output.stderr));
    assert_eq!(repository.gate(&["--diff", "HEAD", "--update"]).status.code(), Some(2));
}

#[test]
fn a_file_that_names_the_model_and_cannot_be_read_is_told() {
    let repository = known();
    repository.write("shop/broken.py", "from shop.models import Order\ndef (:\n  Order.objects.\n");
    repository.write("shop/harmless.py", "def (:\n");
    let verdict = repository.json(&["--diff", "HEAD"], 1);
    assert_eq!(places(&verdict), ["shop/broken.py:3 reference"]);
    assert!(verdict["incomplete"].as_array().unwrap().iter().all(|gap| gap["file"] == "shop/broken.py"));
    repository.json(&["--update"], 3);
    let verdict = repository.json(&[], 3);
    assert!(!verdict["incomplete"].as_array().unwrap().is_empty());
    repository.commit("broken");
    // What is as it was cannot hold anything new.
    repository.json(&["--diff", "HEAD"], 0);
    // A model that is defined nowhere is no reason to be content: asked for it is an error, otherwise incomplete.
    let gate = |arguments: &[&str]| {
        run(program().current_dir(repository.0.path()).args(["gate", "--diff", "HEAD"]).args(arguments))
    };
    let output = gate(&["--target", "shop.Odrer"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("shop.Order"));
    let output = gate(&[]);
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stdout).contains("no model courseware.StudentModule"));
}

#[test]
fn a_commit_is_seen_as_a_scan_of_its_checkout_would_see_it() {
    let repository = Repository::new();
    // Tracked, although ignored: git does not ignore it, and neither does the gate. What is hidden is not read.
    repository.write("gen/out.py", "from shop.models import Order\n");
    repository.write("lib/.hidden.py", "from shop.models import Order\n");
    repository.commit("generated");
    repository.write(".gitignore", "/gen/\n");
    repository.commit("ignored");
    repository.write("gen/out.py", "from shop.models import Order\n\nOrder.objects.get()\n");
    assert_eq!(places(&repository.json(&["--diff", "HEAD"], 1)), ["gen/out.py:3 query"]);
    // Ignored and not tracked: it is no part of the project.
    repository.write("gen/other.py", "from shop.models import Order\n\nOrder.objects.get()\n");
    assert_eq!(places(&repository.json(&["--diff", "HEAD"], 1)), ["gen/out.py:3 query"]);
    fs::remove_file(repository.0.join("gen/out.py")).unwrap();
    assert_eq!(gone(&repository.json(&["--diff", "HEAD"], 0)), ["import"]);
    assert_eq!(gone(&repository.json(&["--diff", "HEAD~1"], 0)), ["import"]);
    // From a folder of the repository.
    repository.git(&["checkout", "-q", "."]);
    repository.write(VIEWS, &repository.views().replace("filter", "exclude"));
    repository.write("shop/new.py", "from shop.models import Order\n");
    let output = run(program().current_dir(repository.0.join("shop")).args([
        "gate",
        "--target",
        "shop.Order",
        "--diff",
        "HEAD",
        "--format",
        "json",
    ]));
    let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(places(&verdict), ["new.py:1 import"]);
}

#[test]
fn links_and_odd_names_are_compared_as_well() {
    let repository = Repository::new();
    repository.write("a b/x'y.py", "from shop.models import Order\n");
    repository.commit("odd");
    #[cfg(unix)]
    std::os::unix::fs::symlink("views.py", repository.0.join("shop/link.py")).unwrap();
    assert!(places(&repository.json(&["--diff", "HEAD"], 0)).is_empty());
    repository.commit("link");
    fs::remove_file(repository.0.join("shop/link.py")).unwrap();
    let verdict = repository.json(&["--diff", "HEAD"], 0);
    assert!(gone(&verdict).is_empty(), "{verdict}");
    fs::remove_file(repository.0.join("a b/x'y.py")).unwrap();
    assert_eq!(gone(&repository.json(&["--diff", "HEAD"], 0)), ["import"]);
}

#[test]
fn annotations_are_for_githubs_workflows() {
    let repository = known();
    repository.write("shop/a,b.py", "from shop.models import Order  # 100%\n");
    let output = repository.gate(&["--format", "github"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    let line = said.lines().next().unwrap();
    assert!(
        line.starts_with(
            "::error file=shop/a%2Cb.py,line=1,endLine=1,col=25,endColumn=30,title=New import of shop.Order::"
        ),
        "{said}"
    );
    assert!(line.contains("# 100%25%0AWhy: "), "{said}");
}

#[test]
fn prose_and_bare_names_raise_no_alarm_unless_asked() {
    let repository = known();
    repository.write("docs/notes.md", "The table shop_order holds orders.\n");
    repository.json(&[], 0);
    repository.write("csm-audit.toml", "[gate]\ndocuments = true\nconfidence = 'possible'\n");
    assert_eq!(places(&repository.json(&[], 1)), ["docs/notes.md:1 document"]);
}
