//! A git repository with the small app, and the gate run on it.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use super::{Tree, program, run, text};

pub const VIEWS: &str = "shop/views.py";

/// A repository with the small app, two commits deep if asked.
pub struct Repository(pub Tree);

impl Repository {
    pub fn new() -> Self {
        let repository = Self(Tree::shop());
        repository.git(&["init", "-q", "-b", "main"]);
        repository.commit("first");
        repository
    }

    /// A repository with these files besides those of the small app, and its baseline; all of it is committed.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let repository = Self::new();
        for (path, content) in files {
            repository.write(path, content);
        }
        repository.update();
        repository.commit("baseline");
        repository
    }

    pub fn remove(&self, path: &str) {
        let place = self.0.join(path);
        if place.is_dir() { fs::remove_dir_all(place).unwrap() } else { fs::remove_file(place).unwrap() }
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.0.path())
            .args(["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    pub fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    pub fn write(&self, path: &str, content: &str) {
        self.0.write(path, content.as_bytes());
    }

    pub fn views(&self) -> String {
        fs::read_to_string(self.0.join(VIEWS)).unwrap()
    }

    pub fn gate(&self, arguments: &[&str]) -> Output {
        run(program().current_dir(self.0.path()).args(["gate", ".", "--target", "shop.Order"]).args(arguments))
    }

    /// The verdict, with the exit code that it must have.
    pub fn json(&self, arguments: &[&str], code: i32) -> Value {
        let output = self.gate(&[arguments, &["--format", "json"]].concat());
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{said}");
        let verdict: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(verdict["exit_code"], code);
        verdict
    }

    pub fn update(&self) -> Value {
        self.json(&["--update"], 0)
    }

    /// Both ways to compare must agree: with the baseline of before, and with the commit of before. Returns the places
    /// of what is new, which is then known.
    pub fn news(&self) -> Vec<String> {
        let code = |args: &[&str]| self.gate(args).status.code().unwrap();
        let expected = code(&[]);
        let by_baseline = places(&self.json(&[], expected));
        let by_commit = places(&self.json(&["--diff", "HEAD"], expected));
        assert_eq!(by_baseline, by_commit);
        self.commit("next");
        assert_eq!(places(&self.json(&["--diff", "HEAD~1"], expected)), by_commit, "the same, committed");
        assert_eq!(places(&self.json(&["--diff", "HEAD"], 0)), Vec::<String>::new());
        assert_eq!(by_commit.is_empty(), expected == 0);
        self.update();
        self.commit("baseline");
        by_commit
    }
}

pub fn places(verdict: &Value) -> Vec<String> {
    let new = verdict["new"].as_array().unwrap().iter();
    new.map(|t| format!("{}:{} {}", t["file"].as_str().unwrap(), t["line"], t["kind"].as_str().unwrap())).collect()
}

pub fn messages(verdict: &Value, of: &str) -> Vec<String> {
    verdict[of].as_array().unwrap().iter().map(|said| said["message"].as_str().unwrap().to_owned()).collect()
}

/// A repository whose baseline is committed.
pub fn known() -> Repository {
    let repository = Repository::new();
    repository.update();
    repository.commit("baseline");
    repository
}

pub fn gone(verdict: &Value) -> Vec<String> {
    verdict["gone"].as_array().unwrap().iter().map(|gone| gone["kind"].as_str().unwrap().to_owned()).collect()
}
