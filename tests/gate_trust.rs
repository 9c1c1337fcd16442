//! The gate against repositories that hide changes or run commands: what git is asked, and what it is not.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::repository::{Repository, VIEWS, gone, known, places};
use common::{program, run, text};
use serde_json::Value;

const JOB: &str = "from shop.models import Order\n\n\ndef job():\n    Order.objects.all().delete()\n";

/// The verdict of the gate in a folder, with the exit code that it must have.
fn json(folder: &Path, arguments: &[&str], code: i32) -> Value {
    let mut program = program();
    program.current_dir(folder).args(["gate", ".", "--target", "shop.Order", "--format", "json"]).args(arguments);
    let output = run(&mut program);
    assert_eq!(output.status.code(), Some(code), "{}{}", text(&output.stdout), text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn git_in(folder: &Path, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.current_dir(folder).args([
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@example.org",
        "-c",
        "protocol.file.allow=always",
    ]);
    let output = git.args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
}

fn incomplete(verdict: &Value) -> Vec<String> {
    let gaps = verdict["incomplete"].as_array().unwrap().iter();
    gaps.map(|gap| gap["file"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn what_came_to_main_takes_no_place() {
    let repository = known();
    repository.git(&["checkout", "-q", "-b", "feature"]);
    repository.write("shop/jobs.py", JOB);
    repository.commit("feature");
    repository.git(&["checkout", "-q", "main"]);
    // The very same use, and more.
    repository.write("shop/jobs.py", JOB);
    repository.write("shop/more.py", &JOB.replace("delete", "count"));
    repository.commit("main");
    repository.git(&["checkout", "-q", "feature"]);
    let verdict = repository.json(&["--diff", "main"], 1);
    assert_eq!(places(&verdict), ["shop/jobs.py:5 query"]);
    assert_eq!(gone(&verdict), Vec::<String>::new(), "what main gained is not gone");
    let verdict = repository.json(&["--diff-tip", "main"], 0);
    assert_eq!(gone(&verdict), ["import", "query"]);
    repository.git(&["checkout", "-q", "--orphan", "alone"]);
    repository.commit("alone");
    let output = repository.gate(&["--diff", "main"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no merge base") && text(&output.stderr).contains("--diff-tip"));
}

#[test]
fn no_flag_and_no_time_hides_a_change() {
    for flag in ["--assume-unchanged", "--skip-worktree"] {
        let repository = known();
        repository.git(&["update-index", flag, VIEWS]);
        repository.write(VIEWS, &repository.views().replace("filter(name='x')", "all().delete()"));
        assert_eq!(places(&repository.json(&["--diff", "HEAD"], 1)), ["shop/views.py:5 query"], "{flag}");
        repository.json(&[], 1);
    }
    // The same size and the same times, in a repository that is content with them.
    let repository = Repository::with(&[("shop/jobs.py", &JOB.replace("delete", "latest"))]);
    repository.git(&["config", "core.trustctime", "false"]);
    repository.git(&["config", "core.checkStat", "minimal"]);
    let place = repository.0.join("shop/jobs.py");
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let set_time = || fs::File::options().write(true).open(&place).unwrap().set_modified(long_ago).unwrap();
    set_time();
    repository.git(&["update-index", "--refresh"]);
    repository.write("shop/jobs.py", JOB);
    set_time();
    assert_eq!(repository.git(&["status", "--porcelain"]), "", "git does not see it");
    assert_eq!(places(&repository.json(&["--diff", "HEAD"], 1)), ["shop/jobs.py:5 query"]);
}

#[test]
fn tracked_files_count_although_an_ignore_rule_matches_them() {
    let repository = Repository::with(&[(".gitignore", "generated/\n*.local.py\n")]);
    repository.write("generated/jobs.py", JOB);
    repository.write("shop/my.local.py", JOB);
    repository.json(&[], 0);
    repository.git(&["add", "-f", "generated/jobs.py", "shop/my.local.py"]);
    for arguments in [&[][..], &["--diff", "HEAD"]] {
        let verdict = repository.json(arguments, 1);
        assert_eq!(places(&verdict), ["generated/jobs.py:5 query", "shop/my.local.py:5 query"]);
    }
}

#[test]
fn a_sparse_checkout_neither_hides_nor_loses_anything() {
    let repository = Repository::with(&[("other/__init__.py", ""), ("other/jobs.py", JOB)]);
    repository.git(&["sparse-checkout", "set", "--no-cone", "/shop/", "/manage.py", "/csm-audit.baseline.json"]);
    assert!(!repository.0.join("other").exists());
    for arguments in [&["--strict"][..], &["--strict", "--diff", "HEAD"]] {
        repository.json(arguments, 0);
    }
    // A commit that changes what is left out.
    let more = format!("{JOB}\n\ndef more():\n    return Order.objects.get(pk=1)\n");
    let blob = repository.0.join("blob");
    fs::write(&blob, &more).unwrap();
    let id = repository.git(&["hash-object", "-w", "blob"]);
    fs::remove_file(&blob).unwrap();
    repository.git(&["update-index", "--cacheinfo", &format!("100644,{},other/jobs.py", id.trim())]);
    repository.git(&["update-index", "--skip-worktree", "other/jobs.py"]);
    repository.git(&["commit", "-q", "-m", "hidden"]);
    for arguments in [&[][..], &["--diff", "HEAD~1"]] {
        assert_eq!(places(&repository.json(arguments, 1)), ["other/jobs.py:9 query"]);
    }
    repository.json(&["--diff", "HEAD"], 0);
}

#[test]
fn a_missing_blob_is_named() {
    let repository = Repository::with(&[("shop/jobs.py", JOB)]);
    repository.write("shop/jobs.py", &format!("{JOB}\n\ndef more():\n    return Order.objects.get(pk=1)\n"));
    repository.commit("more");
    let id = repository.git(&["rev-parse", "HEAD~1:shop/jobs.py"]);
    let (folder, rest) = id.trim().split_at(2);
    let object = repository.0.join(".git/objects").join(folder).join(rest);
    fs::remove_file(object).unwrap();
    let verdict = repository.json(&["--diff", "HEAD~1"], 3);
    assert_eq!(incomplete(&verdict), ["shop/jobs.py"]);
    // What is new elsewhere is still found.
    repository.write("shop/other.py", JOB);
    let verdict = repository.json(&["--diff", "HEAD~1"], 1);
    assert_eq!(
        (places(&verdict), incomplete(&verdict)),
        (vec!["shop/other.py:5 query".to_owned()], vec!["shop/jobs.py".to_owned()])
    );
}

#[test]
fn submodules_are_compared_at_the_commits_that_are_recorded() {
    let library = Repository::new();
    library.git(&["rm", "-q", "-r", "--cached", "."]);
    library.commit("empty");
    library.write("lib/__init__.py", "");
    library.write("lib/jobs.py", "def job():\n    return None\n");
    library.commit("library");
    let repository = known();
    let url = library.0.path().display().to_string();
    git_in(repository.0.path(), &["submodule", "--quiet", "add", &url, "vendor"]);
    repository.commit("submodule");
    repository.json(&["--diff", "HEAD"], 0);
    // A change that is not even committed there.
    let vendor = repository.0.join("vendor");
    fs::write(vendor.join("lib/jobs.py"), JOB).unwrap();
    assert_eq!(places(&repository.json(&["--diff", "HEAD"], 1)), ["vendor/lib/jobs.py:5 query"]);
    // Committed, and recorded.
    git_in(&vendor, &["commit", "-q", "-a", "-m", "use"]);
    git_in(&vendor, &["push", "-q", "origin", "HEAD:refs/heads/use"]);
    assert_eq!(places(&repository.json(&["--diff", "HEAD"], 1)), ["vendor/lib/jobs.py:5 query"]);
    repository.commit("bump");
    assert_eq!(places(&repository.json(&["--diff", "HEAD~1"], 1)), ["vendor/lib/jobs.py:5 query"]);
    repository.json(&["--diff", "HEAD"], 0);
    // The commit of before is not in the submodule's clone.
    let clone = tempfile::tempdir().unwrap();
    let inner = clone.path().join("c");
    git_in(clone.path(), &["clone", "-q", &repository.0.path().display().to_string(), inner.to_str().unwrap()]);
    git_in(&inner, &["submodule", "--quiet", "update", "--init"]);
    fs::remove_dir_all(inner.join("vendor/.git")).or_else(|_| fs::remove_file(inner.join("vendor/.git"))).unwrap();
    let verdict = json(&inner, &["--diff", "HEAD~1"], 3);
    assert_eq!(incomplete(&verdict), ["vendor"]);
}

#[cfg(unix)]
#[test]
fn a_link_to_code_elsewhere_is_named() {
    let elsewhere = common::Tree::new(&[("jobs.py", JOB)]);
    let repository = known();
    std::os::unix::fs::symlink(elsewhere.path(), repository.0.join("jobs")).unwrap();
    for arguments in [&[][..], &["--diff", "HEAD"]] {
        assert_eq!(incomplete(&repository.json(arguments, 3)), ["jobs"]);
    }
}

/// Commands that a hostile tree would have run leave this file.
const PWNED: &str = "pwned";

#[cfg(unix)]
#[test]
fn nothing_of_the_trees_configuration_is_run() {
    let outside = tempfile::tempdir().unwrap();
    let pwned = outside.path().join(PWNED);
    let command = format!("touch {}", pwned.display());
    let script = outside.path().join("run.sh");
    fs::write(&script, format!("#!/bin/sh\n{command}\ncat\n")).unwrap();
    Command::new("chmod").arg("+x").arg(&script).status().unwrap();

    let repository = Repository::with(&[(".gitattributes", "*.py filter=evil diff=evil\n")]);
    for (key, value) in [
        ("core.fsmonitor", script.to_str().unwrap()),
        ("core.hooksPath", outside.path().to_str().unwrap()),
        ("core.pager", &command),
        ("core.sshCommand", &command),
        ("core.alternateRefsCommand", &command),
        ("filter.evil.clean", &command),
        ("filter.evil.smudge", &command),
        ("filter.evil.process", &command),
        ("diff.evil.textconv", &command),
        ("diff.evil.command", &command),
        ("diff.external", &command),
        ("uploadpack.packObjectsHook", &command),
        ("alias.ls-files", &format!("!{command}")),
        ("alias.ls-tree", &format!("!{command}")),
    ] {
        repository.git(&["-c", "core.fsmonitor=false", "config", key, value]);
    }
    for hook in ["post-index-change", "fsmonitor-watchman", "query-watchman", "reference-transaction"] {
        let place = repository.0.join(".git/hooks").join(hook);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::copy(&script, place).unwrap();
    }
    let _ = fs::remove_file(&pwned);
    repository.write(VIEWS, &format!("{}\n\nOrder.objects.get()\n", repository.views()));
    for arguments in [&[][..], &["--diff", "HEAD"], &["--diff-tip", "HEAD"]] {
        assert_eq!(places(&repository.json(arguments, 1)), ["shop/views.py:8 query"]);
        assert!(!pwned.exists(), "{arguments:?} ran a command of the repository's configuration");
    }
}

#[cfg(unix)]
#[test]
fn a_bare_repository_inside_the_tree_is_not_the_trees() {
    let outside = tempfile::tempdir().unwrap();
    let pwned = outside.path().join(PWNED);
    let repository = known();
    let bare = repository.0.join("shop/data");
    git_in(repository.0.path(), &["init", "-q", "--bare", bare.to_str().unwrap()]);
    let config = format!(
        "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n\tfsmonitor = \"touch {}\"\n",
        pwned.display()
    );
    fs::write(bare.join("config"), config).unwrap();
    fs::write(bare.join("x.py"), "x = 1\n").unwrap();
    repository.write("csm-audit.toml", "roots = ['shop/data']\n");
    let mut program = program();
    program.current_dir(repository.0.path()).args(["gate", "--target", "shop.Order", "--diff", "HEAD"]);
    let output = run(&mut program);
    assert!(!pwned.exists(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(2), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[cfg(unix)]
#[test]
fn nothing_is_fetched() {
    let outside = tempfile::tempdir().unwrap();
    let pwned = outside.path().join(PWNED);
    let repository = Repository::with(&[("shop/jobs.py", JOB)]);
    repository.write("shop/jobs.py", &format!("{JOB}\n\ndef more():\n    return Order.objects.get(pk=1)\n"));
    repository.commit("more");
    let id = repository.git(&["rev-parse", "HEAD~1:shop/jobs.py"]);
    let (folder, rest) = id.trim().split_at(2);
    fs::remove_file(repository.0.join(".git/objects").join(folder).join(rest)).unwrap();
    for (key, value) in [
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.partialCloneFilter", "blob:none"),
        ("protocol.ext.allow", "always"),
        ("remote.origin.url", &format!("ext::sh -c 'touch {}'", pwned.display())),
    ] {
        repository.git(&["config", key, value]);
    }
    let verdict = repository.json(&["--diff", "HEAD~1"], 3);
    assert_eq!(incomplete(&verdict), ["shop/jobs.py"]);
    assert!(!pwned.exists(), "the content was fetched by a command of the repository's configuration");
}

#[test]
fn replaced_objects_do_not_stand_in_for_real_ones() {
    let repository = known();
    repository.write("shop/jobs.py", JOB);
    repository.commit("job");
    let (base, head) = (repository.git(&["rev-parse", "HEAD~1"]), repository.git(&["rev-parse", "HEAD"]));
    repository.git(&["replace", base.trim(), head.trim()]);
    assert_eq!(places(&repository.json(&["--diff", base.trim()], 1)), ["shop/jobs.py:5 query"]);
}
