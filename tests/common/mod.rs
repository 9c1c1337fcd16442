//! A project made of a few files, and the program run on it.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod hostile;
pub mod repository;
#[path = "../support/skip.rs"]
pub mod skip;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder that is gone when the test is over.
pub struct Tree(tempfile::TempDir);

impl Tree {
    /// Files with their texts.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            tree.write(path, text.as_bytes());
        }
        tree
    }

    /// A small app with a model and uses of it.
    pub fn shop() -> Self {
        Self::new(&[
            ("manage.py", "import sys\n"),
            ("shop/__init__.py", ""),
            (
                "shop/models.py",
                "from django.db import models\n\n\nclass Order(models.Model):\n    name = models.CharField(max_length=9)\n",
            ),
            (
                "shop/views.py",
                "from shop.models import Order\n\n\ndef index(request):\n    return Order.objects.filter(name='x')\n",
            ),
        ])
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn join(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    pub fn write(&self, path: &str, bytes: &[u8]) -> PathBuf {
        let place = self.join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(&place, bytes).unwrap();
        place
    }

    /// `csm-audit scan` on this folder.
    pub fn scan(&self, arguments: &[&str]) -> Output {
        run(program().arg("scan").arg(self.path()).args(["--target", "shop.Order"]).args(arguments))
    }

    /// The report, of a scan that must succeed.
    pub fn report(&self) -> serde_json::Value {
        let output = self.scan(&["--format", "json"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// The program, with nothing of this process's environment that changes what it does.
pub fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_csm-audit"));
    for name in ["VIRTUAL_ENV", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"] {
        program.env_remove(name);
    }
    program
}

/// Runs a command that must end by itself.
pub fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The kinds of the gaps of a file.
pub fn gaps<'a>(report: &'a serde_json::Value, file: &str) -> Vec<&'a str> {
    let gaps = report["gaps"].as_array().unwrap().iter();
    gaps.filter(|gap| gap["file"] == file).map(|gap| gap["kind"].as_str().unwrap()).collect()
}

/// `file:line kind` of every touchpoint.
pub fn touchpoints(report: &serde_json::Value) -> Vec<String> {
    let touchpoints = report["touchpoints"].as_array().unwrap().iter();
    touchpoints
        .map(|t| format!("{}:{} {}", t["file"].as_str().unwrap(), t["line"], t["kind"].as_str().unwrap()))
        .collect()
}
