//! The command line. It reads like configuration: what an argument means is decided in [`crate::config`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::config::gate::Day;
use crate::config::{Color, Format, Given};
use crate::gate::{Against, Task};

/// Finds every touchpoint of a Django model in a project.
#[derive(Debug, Parser)]
#[command(name = "csm-audit", version, about, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find every touchpoint of a model: where, what kind, read or write, how sure.
    Scan(Scan),
    /// Let no new reference to a model through: compare with a baseline, or with another commit.
    Gate(Gate),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page.
    Man,
}

/// The arguments of `scan`.
#[derive(Debug, Args)]
#[command(after_help = "\
Touchpoints are no error: the exit code is 0, and 2 when the input or the configuration cannot be used.

No configuration is needed; csm-audit.toml or [tool.csm-audit] in pyproject.toml can set all of it.")]
pub struct Scan {
    /// Roots of projects; git's ignore rules hold in them [default: the current folder].
    #[arg(value_name = "PATH")]
    pub roots: Vec<PathBuf>,
    /// The model [default: courseware.StudentModule].
    #[arg(long, value_name = "APP_LABEL.MODEL")]
    pub target: Option<String>,
    /// A folder of installed packages; repeatable [default: those of VIRTUAL_ENV, .venv and venv].
    #[arg(long, value_name = "DIR")]
    pub site_packages: Vec<PathBuf>,
    /// Paths to leave out, relative to a root; repeatable.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// A summary for people, or Report v1 [default: text].
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Write the report to a file.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Read this configuration instead of the first root's.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How many threads to use [default: one a core].
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// No progress bar.
    #[arg(short, long)]
    pub quiet: bool,
    /// When to use colour [default: auto].
    #[arg(long, value_name = "WHEN")]
    pub color: Option<Color>,
}

/// A format of the gate's verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum GateFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// Annotations of a GitHub workflow.
    Github,
}

/// The arguments of `gate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 nothing new, 1 something new, 2 the input, the configuration or the baseline cannot be used, 3 nothing \
new but a file that could hold a reference was not read.

A reference that has to be: `# csm-audit: allow[kind] reason` at its line, or alone on the line above. Rules, texts and \
allowances that expire stand in the section [gate] of csm-audit.toml; docs/gate.md tells them.")]
pub struct Gate {
    /// Roots of projects; git's ignore rules hold in them [default: the current folder].
    #[arg(value_name = "PATH")]
    pub roots: Vec<PathBuf>,
    /// Write the baseline: all that is there now is known.
    #[arg(long, conflicts_with = "diff")]
    pub update: bool,
    /// The baseline [default: csm-audit.baseline.json in the first root].
    #[arg(long, value_name = "FILE", conflicts_with = "diff")]
    pub baseline: Option<PathBuf>,
    /// Compare with this commit of the same repository instead, such as origin/main.
    #[arg(long, value_name = "REV")]
    pub diff: Option<String>,
    /// Fail on what is gone too, and on allowances that allow nothing.
    #[arg(long)]
    pub strict: bool,
    /// How to say it; the exit code does not depend on it.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: GateFormat,
    /// The model [default: courseware.StudentModule].
    #[arg(long, value_name = "APP_LABEL.MODEL")]
    pub target: Option<String>,
    /// A folder of installed packages; repeatable [default: those of VIRTUAL_ENV, .venv and venv].
    #[arg(long, value_name = "DIR")]
    pub site_packages: Vec<PathBuf>,
    /// Paths to leave out, relative to a root; repeatable.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Read this configuration instead of the first root's.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The day by which allowances expire [default: today, in UTC].
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub today: Option<Day>,
    /// How many threads to use [default: one a core].
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// No progress bar.
    #[arg(short, long)]
    pub quiet: bool,
    /// When to use colour [default: auto].
    #[arg(long, value_name = "WHEN")]
    pub color: Option<Color>,
}

impl Gate {
    /// What is to be done.
    #[must_use]
    pub fn task(&self) -> Task {
        let against = match (&self.diff, self.update) {
            (Some(revision), _) => Against::Revision(revision.clone()),
            (None, true) => Against::Update,
            (None, false) => Against::Baseline,
        };
        Task { against, strict: self.strict, today: self.today.unwrap_or_else(Day::today) }
    }

    /// What the arguments and the environment say.
    #[must_use]
    pub fn given(self) -> Given {
        Given {
            roots: self.roots,
            config: self.config,
            target: self.target,
            site_packages: self.site_packages,
            exclude: self.exclude,
            quiet: self.quiet,
            color: self.color,
            threads: self.threads,
            baseline: self.baseline,
            virtual_env: std::env::var_os("VIRTUAL_ENV").map(PathBuf::from),
            ..Given::default()
        }
    }
}

impl Scan {
    /// What the arguments and the environment say.
    #[must_use]
    pub fn given(self) -> Given {
        Given {
            roots: self.roots,
            config: self.config,
            target: self.target,
            site_packages: self.site_packages,
            exclude: self.exclude,
            format: self.format,
            output: self.output,
            quiet: self.quiet,
            color: self.color,
            threads: self.threads,
            virtual_env: std::env::var_os("VIRTUAL_ENV").map(PathBuf::from),
            ..Given::default()
        }
    }
}
