//! Decisions of the operator, made before the plan.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::gh_ost_flags::Release;
use super::types::Strategy;

/// Decisions of the operator, made before the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The release of gh-ost that the scripts are written for; by default one that works with the server.
    pub gh_ost: Option<Release>,
    /// The strategy for the target's table; by default the one that the facts recommend.
    pub strategy: Option<Strategy>,
    /// How to cut over where an atomic swap could lose writes.
    pub cut_over: Option<CutOver>,
    /// Other changes of a table that are made by the same copy: table, and clause of `ALTER TABLE`.
    pub also: Vec<(String, String)>,
    /// The source of the model, for the edit of its key.
    pub model: Option<ModelSource>,
    /// The texts of files with fields that store the ids as plain integers, by their paths.
    pub texts: BTreeMap<String, String>,
    /// How the project runs Django's commands.
    pub commands: Commands,
}

/// The cut-over method where gh-ost's atomic swap could lose writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum CutOver {
    /// Two renames: no writes are lost; the table is missing for an instant, and statements fail with error 1146.
    TwoStep,
    /// All writers are stopped during the swap.
    WritersStopped,
}

/// The source of the model whose key is edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelSource {
    /// The file, relative to its project.
    pub path: String,
    /// Its text.
    pub text: String,
    /// The line of the class, from 1.
    pub line: u32,
}

/// How the project runs Django's commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commands {
    /// The words before the name of a command, such as `python manage.py lms`.
    pub prefix: Vec<String>,
    /// The words after the arguments, such as `--settings=lms.envs.production`.
    pub suffix: Vec<String>,
}

impl Default for Commands {
    fn default() -> Self {
        Self { prefix: vec![String::from("python"), String::from("manage.py")], suffix: Vec::new() }
    }
}
