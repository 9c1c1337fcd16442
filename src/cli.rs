//! The command line. It reads like configuration: what an argument means is decided in [`crate::config`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::config::{Color, Format, Given};
use crate::live::grants::Dialect;

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
    /// Read live servers, dumps and other snapshots into one file that can be taken elsewhere.
    Snapshot(Snapshot),
    /// Print the rights that an account needs to read a server.
    Grants(Grants),
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
        }
    }
}

/// The arguments of `snapshot`.
#[derive(Debug, Args)]
#[command(after_help = "\
A database is NAME=mysql://USER@HOST:PORT/DATABASE, NAME=FILE of mysqldump --no-data, or NAME=FILE of a snapshot; one
NAME may come several times. The URL takes ?ssl-mode=disabled|preferred|required|verify-ca|verify-identity, ssl-ca=FILE,
socket=FILE and password-env=VARIABLE.

The password is looked for in the URL, the variable that password-env names, --password-file, the option file
(~/.my.cnf: [client], [mysql], [csm-audit]) and MYSQL_PWD; on a terminal it is asked for.

Only SELECT, SHOW, SET SESSION and read-only transactions are sent. The exit code is 3 when a server could not be read
to the end; what was read is written nevertheless. It is 2 when the arguments cannot be used.")]
pub struct Snapshot {
    /// Databases, or names of environments in the configuration [default: all of the configuration].
    #[arg(value_name = "NAME[=PLACE]")]
    pub environments: Vec<String>,
    /// Write the snapshot to a file.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The model whose table is measured [default: courseware.StudentModule].
    #[arg(long, value_name = "APP_LABEL.MODEL")]
    pub target: Option<String>,
    /// Another table to measure; repeatable.
    #[arg(long, value_name = "NAME")]
    pub table: Vec<String>,
    /// Another column that stores ids, whose table is measured; repeatable.
    #[arg(long, value_name = "NAME")]
    pub column: Vec<String>,
    /// Measure every table, which opens them all.
    #[arg(long)]
    pub all_tables: bool,
    /// Read a server that takes writes, too.
    #[arg(long)]
    pub allow_primary: bool,
    /// How long one statement may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// Where passwords come from.
    #[command(flatten)]
    pub access: Access,
    /// Read this configuration instead of the current folder's.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Nothing on standard error but errors.
    #[arg(short, long)]
    pub quiet: bool,
}

/// Where passwords come from.
#[derive(Debug, Args)]
pub struct Access {
    /// A file whose first line is the password.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// An option file instead of ~/.my.cnf.
    #[arg(long, value_name = "FILE")]
    pub defaults_file: Option<PathBuf>,
    /// Read the groups whose names end in this, too.
    #[arg(long, value_name = "SUFFIX")]
    pub defaults_group_suffix: Option<String>,
}

/// The arguments of `grants`.
#[derive(Debug, Args)]
#[command(after_help = "\
Without one of these rights the rest can still be read; what the account may not see is reported as unproven.")]
pub struct Grants {
    /// The databases.
    #[arg(value_name = "DATABASE", required = true)]
    pub databases: Vec<String>,
    /// The server, such as mysql-5.6, mysql-8.4 or mariadb-10.11.
    #[arg(long, value_name = "SERVER", default_value = "mysql-8.0", value_parser = clap::value_parser!(Dialect))]
    pub server: Dialect,
    /// The account.
    #[arg(long, value_name = "USER@HOST", default_value = "csm_audit@%")]
    pub account: String,
}
