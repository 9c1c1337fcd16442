//! The command line. It reads like configuration: what an argument means is decided in [`crate::config`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::config::{Color, Format, Given};

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
    /// Print the tables that the migrations make, on each database.
    Schema(Schema),
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

/// How a schema is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SchemaFormat {
    /// `CREATE TABLE` statements that a server loads.
    #[default]
    Sql,
    /// Everything that is known, for programs.
    Json,
}

/// The arguments of `schema`.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is run: the settings, the migrations and the fields are read. What cannot be followed is listed as a gap.")]
pub struct Schema {
    /// Roots of projects [default: the current folder].
    #[arg(value_name = "PATH")]
    pub roots: Vec<PathBuf>,
    /// Tables of this app only.
    #[arg(long, value_name = "LABEL")]
    pub app: Option<String>,
    /// This database alias only.
    #[arg(long, value_name = "NAME")]
    pub alias: Option<String>,
    /// The server, such as mysql-5.6, mysql-8.4 or mariadb-10.11 [default: mysql-8.0].
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// Django's version [default: the installed or pinned one].
    #[arg(long, value_name = "VERSION")]
    pub django: Option<String>,
    /// The settings module, such as lms.envs.production [default: what manage.py or wsgi.py names].
    #[arg(long, value_name = "MODULE")]
    pub settings: Option<String>,
    /// A file with the installed apps, one a line, instead of the settings' list.
    #[arg(long, value_name = "FILE")]
    pub installed_apps: Option<PathBuf>,
    /// A folder of installed packages; repeatable [default: those of VIRTUAL_ENV, .venv and venv].
    #[arg(long, value_name = "DIR")]
    pub site_packages: Vec<PathBuf>,
    /// SQL or JSON.
    #[arg(long, value_name = "FORMAT", default_value = "sql")]
    pub format: SchemaFormat,
    /// Write to a file.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Read this configuration instead of the first root's.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How many threads to use [default: one a core].
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
}

impl Schema {
    /// What the arguments and the environment say.
    #[must_use]
    pub fn given(&self) -> Given {
        Given {
            roots: self.roots.clone(),
            config: self.config.clone(),
            site_packages: self.site_packages.clone(),
            output: self.output.clone(),
            threads: self.threads,
            virtual_env: std::env::var_os("VIRTUAL_ENV").map(PathBuf::from),
            settings: self.settings.clone(),
            installed_apps: self.installed_apps.clone(),
            django: self.django.clone(),
            server: self.server.clone(),
            ..Given::default()
        }
    }
}
