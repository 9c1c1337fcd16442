//! The command line. It reads like configuration: what an argument means is decided in [`crate::config`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::config::gate::Day;
use crate::config::source_url::SourceUrl;
use crate::config::{CliOverrides, Color, Format};
use crate::gate::{Against, Task};
use crate::live::grants::Dialect;
use crate::plan::gh_ost_flags::Release;
use crate::plan::rights::{ServerKind, Tool};
use crate::plan::{CutOver, Strategy};

/// Audit and plan the change of the primary key of a large MySQL table that Django uses.
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
    /// Find all code that uses a model, and compare models, migrations and databases.
    Scan(Scan),
    /// Explain a check, or list all checks.
    Explain {
        /// The check, such as extra-foreign-key.
        check: Option<String>,
    },
    /// Plan the change of the key: a folder with a runbook, scripts, and the Django migration.
    Plan(Plan),
    /// Check which steps of a plan are done and which are open.
    Verify(Verify),
    /// Fail on new references to a model, compared with a baseline or another commit.
    Gate(Gate),
    /// Save definitions and sizes from servers, dumps and snapshots to one portable file.
    Snapshot(Snapshot),
    /// Print the GRANT statements for the account that reads a server or runs a plan.
    Grants(Grants),
    /// Convert a JSON report to other formats, without a scan.
    Report(Report),
    /// Print the schema that the migrations produce, per database alias.
    Schema(Schema),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page.
    Man,
}

/// The options of every command that reads a project.
#[derive(Debug, Args)]
pub struct Common {
    /// Project root directories; .gitignore is respected [default: `roots` of the configuration, or its folder, or the
    /// current folder].
    #[arg(value_name = "PATH")]
    pub roots: Vec<PathBuf>,
    /// site-packages directory; repeatable [default: detected from VIRTUAL_ENV, .venv and venv].
    #[arg(long, value_name = "DIR")]
    pub site_packages: Vec<PathBuf>,
    /// Paths to leave out, relative to a root; repeatable.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Configuration file [default: csm-audit.toml or pyproject.toml, from the current folder upward].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Number of threads [default: number of cores].
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Print results and errors only: no progress, no list of the files that were written.
    #[arg(short, long)]
    pub quiet: bool,
    /// When to use colour [default: auto].
    #[arg(long, value_name = "WHEN")]
    pub color: Option<Color>,
}

impl Common {
    /// These options, and the active virtual environment, as overrides of the configuration.
    fn overrides(&self) -> CliOverrides {
        CliOverrides {
            roots: self.roots.clone(),
            config: self.config.clone(),
            site_packages: self.site_packages.clone(),
            exclude: self.exclude.clone(),
            threads: self.threads,
            quiet: self.quiet,
            color: self.color,
            virtual_env: std::env::var_os("VIRTUAL_ENV").map(PathBuf::from),
            ..CliOverrides::default()
        }
    }
}

/// The model that a command is about.
#[derive(Debug, Args)]
pub struct Target {
    /// The model [default: courseware.StudentModule].
    #[arg(long, value_name = "APP_LABEL.MODEL")]
    pub target: Option<String>,
}

/// How the migrations are replayed.
#[derive(Debug, Args)]
pub struct Replay {
    /// The settings module, such as lms.envs.production [default: from manage.py or wsgi.py].
    #[arg(long, value_name = "MODULE")]
    pub settings: Option<String>,
    /// A file with the installed apps, one per line, instead of INSTALLED_APPS of the settings.
    #[arg(long, value_name = "FILE")]
    pub installed_apps: Option<PathBuf>,
    /// Django version [default: the installed or pinned version].
    #[arg(long, value_name = "VERSION")]
    pub django: Option<String>,
}

impl Replay {
    fn overrides(&self, rest: CliOverrides) -> CliOverrides {
        CliOverrides {
            settings: self.settings.clone(),
            installed_apps: self.installed_apps.clone(),
            django: self.django.clone(),
            ..rest
        }
    }
}

/// The arguments of `scan`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes (findings do not change them; `gate` fails on new references):
  0  success
  2  the input, the configuration or an argument is not valid
  3  a database could not be read completely; the report contains the facts that were read

The configuration is optional: csm-audit.toml, or [tool.csm-audit] in pyproject.toml, in the current folder or above. \
The configuration of a scanned tree applies only to how that tree is read.")]
pub struct Scan {
    /// The model.
    #[command(flatten)]
    pub target: Target,
    /// What is read, and how.
    #[command(flatten)]
    pub common: Common,
    /// Output format [default: text, or inferred from the extension of the -o file].
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Write to a file, or all formats into a folder (a name that ends in /).
    #[arg(short, long, value_name = "FILE|DIR/")]
    pub output: Option<PathBuf>,
    /// Databases to check the code against.
    #[command(flatten)]
    pub environments: Environments,
    /// How the expected schema is derived.
    #[command(flatten)]
    pub code: Code,
    /// URL template for links to the sources, such as `https://github.com/o/r/blob/COMMIT/{path}#L{line}`; {root} is
    /// the name of the root.
    #[arg(long, value_name = "URL")]
    pub source_url: Option<SourceUrl>,
}

/// The arguments of `plan`.
#[derive(Debug, Args)]
#[command(after_help = "\
The folder contains runbook.md, plan.json and scripts. The scripts change nothing without --execute.

Exit codes:
  0  success
  2  the input, the configuration or an argument is not valid
  3  a database could not be read completely: the plan lists what is unknown, and its scripts refuse to run")]
pub struct Plan {
    /// The folder to write [default: csm-audit-plan].
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Plan for this environment only; repeatable [default: all environments that are read].
    #[arg(long, value_name = "NAME")]
    pub environment: Vec<String>,
    /// The gh-ost release that the scripts are for, such as 1.1.8, or head [default: the installed release, or the
    /// newest supported release].
    #[arg(long, value_name = "VERSION")]
    pub gh_ost_version: Option<Release>,
    /// How the target's table is changed [default: depends on its size and on the servers].
    #[arg(long, value_name = "STRATEGY")]
    pub strategy: Option<Strategy>,
    /// Cut-over method where gh-ost's atomic swap could lose writes [default: the scripts require a decision].
    #[arg(long, value_name = "HOW")]
    pub cut_over: Option<CutOver>,
    /// Additional ALTER TABLE clause for a table, applied in the same copy; repeatable.
    #[arg(long, value_name = "TABLE=CLAUSE", value_parser = table_and_clause)]
    pub also: Vec<(String, String)>,
    /// The model.
    #[command(flatten)]
    pub target: Target,
    /// What is read, and how.
    #[command(flatten)]
    pub common: Common,
    /// The databases to change.
    #[command(flatten)]
    pub environments: Environments,
    /// How the expected schema is derived.
    #[command(flatten)]
    pub code: Code,
}

fn table_and_clause(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(table, clause)| !table.is_empty() && !clause.trim().is_empty())
        .map(|(table, clause)| (table.to_owned(), clause.trim().to_owned()))
        .ok_or_else(|| {
            format!("`{text}` is not a valid TABLE=CLAUSE; write courseware_studentmodule='ADD KEY (modified)'")
        })
}

impl Plan {
    /// The arguments as overrides of the configuration.
    #[must_use]
    pub fn overrides(&self) -> CliOverrides {
        CliOverrides { target: self.target.target.clone(), ..self.code.overrides(self.common.overrides()) }
    }
}

/// The arguments of `verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Databases are only read.

Exit codes:
  0  every step of the plan is done
  1  a step is open, or could not be verified
  2  the plan or an argument is not valid")]
pub struct Verify {
    /// The plan, as `csm-audit plan` wrote it.
    #[arg(long, value_name = "FILE", default_value = "plan.json")]
    pub plan: PathBuf,
    /// Compare the rows of the old and the new table while both exist: chunk by chunk, with a pause after each chunk.
    #[arg(long)]
    pub rows: bool,
    /// The databases to check.
    #[command(flatten)]
    pub environments: Environments,
    /// Configuration file [default: csm-audit.toml or pyproject.toml, from the current folder upward].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Databases to check the code against.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Databases")]
pub struct Environments {
    /// NAME=mysql://USER@HOST/DATABASE, NAME=FILE (a snapshot, or a dump of mysqldump --no-data), or the NAME of an
    /// environment in the configuration; repeatable [default: all environments in the configuration].
    #[arg(long = "replica", value_name = "NAME[=PLACE]")]
    pub replicas: Vec<String>,
    /// Do not read any database, not even those in the configuration.
    #[arg(long, conflicts_with = "replicas")]
    pub offline: bool,
    /// NAME=FILE, an older snapshot of the same environment, used to forecast when ids run out; repeatable.
    #[arg(long, value_name = "NAME=FILE")]
    pub earlier: Vec<String>,
    /// Also sample a few values of rows: unindexed integers among a table's newest rows, and creation dates of rows of
    /// the model's table, used to forecast when ids run out.
    #[arg(long)]
    pub sample: bool,
    /// Allow reading a writable server (a primary).
    #[arg(long)]
    pub allow_primary: bool,
    /// Time limit of one statement, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// Sources of passwords.
    #[command(flatten)]
    pub access: Access,
}

/// How the code is read for the expected schema.
#[derive(Debug, Args)]
#[command(next_help_heading = "Expected schema")]
pub struct Code {
    /// How the migrations are replayed.
    #[command(flatten)]
    pub replay: Replay,
    /// Server of the dumps that do not record one, such as mysql-5.6, mysql-8.4 or mariadb-10.11 [default: that of the
    /// other databases, or mysql-8.0].
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// Planned column type of the target's key [default: bigint unsigned].
    #[arg(long, value_name = "TYPE")]
    pub key_type: Option<String>,
}

impl Code {
    fn overrides(&self, rest: CliOverrides) -> CliOverrides {
        CliOverrides { server: self.server.clone(), key_type: self.key_type.clone(), ..self.replay.overrides(rest) }
    }
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
    /// A summary for a pull request's comment.
    Markdown,
}

/// The arguments of `gate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes:
  0  no new reference
  1  new references
  2  the input, the configuration, the baseline or an argument is not valid
  3  no new reference was found, but a file that could contain one was not read

To allow a reference, add `# csm-audit: allow[kind] reason` on its line, or alone on the line above. The section [gate] \
of csm-audit.toml defines rules, custom messages and allowances that expire; docs/gate.md describes them.")]
pub struct Gate {
    /// Write the baseline: accept all current references.
    #[arg(long, conflicts_with = "diff")]
    pub update: bool,
    /// The baseline [default: csm-audit.baseline.json beside the configuration, or in the first root].
    #[arg(long, value_name = "FILE", conflicts_with = "diff")]
    pub baseline: Option<PathBuf>,
    /// Compare with the merge base of HEAD and this revision, such as origin/main.
    #[arg(long, value_name = "REV")]
    pub diff: Option<String>,
    /// Compare with this revision itself, not with the merge base.
    #[arg(long, value_name = "REV", conflicts_with_all = ["diff", "update", "baseline"])]
    pub diff_tip: Option<String>,
    /// Also fail on removed references and unused allowances.
    #[arg(long)]
    pub strict: bool,
    /// Output format; does not affect the exit code.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: GateFormat,
    /// The model.
    #[command(flatten)]
    pub target: Target,
    /// What is read, and how.
    #[command(flatten)]
    pub common: Common,
    /// Treat this date as today when allowances expire [default: today, in UTC].
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub today: Option<Day>,
}

impl Gate {
    /// What is to be done.
    #[must_use]
    pub fn task(&self) -> Task {
        let against = match (&self.diff, &self.diff_tip) {
            (Some(revision), _) => Against::Revision(revision.clone()),
            (None, Some(revision)) => Against::Tip(revision.clone()),
            (None, None) if self.update => Against::Update,
            (None, None) => Against::Baseline,
        };
        Task { against, strict: self.strict, today: self.today.unwrap_or_else(Day::today) }
    }

    /// The arguments as overrides of the configuration.
    #[must_use]
    pub fn overrides(&self) -> CliOverrides {
        CliOverrides { target: self.target.target.clone(), baseline: self.baseline.clone(), ..self.common.overrides() }
    }
}

impl Scan {
    /// The arguments as overrides of the configuration.
    #[must_use]
    pub fn overrides(&self) -> CliOverrides {
        CliOverrides {
            target: self.target.target.clone(),
            format: self.format,
            output: self.output.clone(),
            source_url: self.source_url.clone(),
            ..self.code.overrides(self.common.overrides())
        }
    }
}

/// The arguments of `report`.
#[derive(Debug, Args)]
#[command(after_help = "\
Only the JSON report is read, neither the sources nor the databases.

Exit codes:
  0  success
  2  the report could not be read or written, or an argument is not valid")]
pub struct Report {
    /// A JSON report; - is standard input.
    #[arg(value_name = "REPORT.json")]
    pub report: PathBuf,
    /// Output format [default: text, or inferred from the extension of the -o file].
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Write to a file, or all formats into a folder (a name that ends in /).
    #[arg(short, long, value_name = "FILE|DIR/")]
    pub output: Option<PathBuf>,
    /// URL template for links to the sources, such as `https://github.com/o/r/blob/COMMIT/{path}#L{line}`; {root} is
    /// the name of the root.
    #[arg(long, value_name = "URL")]
    pub source_url: Option<SourceUrl>,
    /// Print the report and errors only.
    #[arg(short, long)]
    pub quiet: bool,
    /// When to use colour.
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
}

/// How a schema is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SchemaFormat {
    /// `CREATE TABLE` statements that a server loads.
    #[default]
    Sql,
    /// All facts, for programs.
    Json,
}

/// The arguments of `schema`.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is executed: settings, migrations and fields are evaluated from their syntax. Code that could not be evaluated is \
listed as a gap.

Exit codes:
  0  success
  2  the input, the configuration or an argument is not valid")]
pub struct Schema {
    /// What is read, and how.
    #[command(flatten)]
    pub common: Common,
    /// Only tables of this app.
    #[arg(long, value_name = "LABEL")]
    pub app: Option<String>,
    /// Only this database alias.
    #[arg(long, value_name = "NAME")]
    pub alias: Option<String>,
    /// The server, such as mysql-5.6, mysql-8.4 or mariadb-10.11 [default: mysql-8.0].
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// How the migrations are replayed.
    #[command(flatten)]
    pub replay: Replay,
    /// Also report where models and migrations differ, as `makemigrations` would.
    #[arg(long)]
    pub models: bool,
    /// SQL or JSON.
    #[arg(long, value_name = "FORMAT", default_value = "sql")]
    pub format: SchemaFormat,
    /// Write to a file.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

impl Schema {
    /// The arguments as overrides of the configuration.
    #[must_use]
    pub fn overrides(&self) -> CliOverrides {
        CliOverrides { server: self.server.clone(), ..self.replay.overrides(self.common.overrides()) }
    }
}

/// The arguments of `snapshot`.
#[derive(Debug, Args)]
#[command(after_help = "\
A database is NAME=mysql://USER@HOST:PORT/DATABASE, NAME=DUMP (a file of mysqldump --no-data, or a folder of mydumper \
or MySQL Shell), or NAME=FILE (a snapshot). Several databases can have the same NAME. Parameters of the URL: \
?ssl-mode=disabled|preferred|required|verify-ca|verify-identity, ssl-ca=FILE, socket=FILE, password-env=VARIABLE, \
get-server-public-key=true, enable-cleartext-plugin=true.

The password itself is sent only over a Unix socket, or to a server that TLS verifies (ssl-mode=verify-identity, or \
verify-ca with ssl-ca). Any other server receives a proof that does not reveal the password. If such a server requires \
the password, the last two parameters allow sending it; any host that answers at the address then receives the password.

The password is read from the URL, the variable of password-env, --password-file, the option file (~/.my.cnf: [client], \
[mysql], [csm-audit]) or MYSQL_PWD, in this order; otherwise it is prompted for on a terminal.

Only SELECT, SHOW, SET SESSION and read-only transactions are sent.

Exit codes:
  0  success
  2  the input, the configuration or an argument is not valid
  3  a server could not be read completely; the snapshot contains the facts that were read")]
pub struct Snapshot {
    /// Databases, or names of environments in the configuration [default: all environments in the configuration].
    #[arg(value_name = "NAME[=PLACE]")]
    pub environments: Vec<String>,
    /// Write the snapshot to a file.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The model whose table is measured.
    #[command(flatten)]
    pub target: Target,
    /// Another table to measure; repeatable.
    #[arg(long, value_name = "NAME")]
    pub table: Vec<String>,
    /// Another column that stores ids, whose table is measured; repeatable.
    #[arg(long, value_name = "NAME")]
    pub column: Vec<String>,
    /// Measure every table. The server opens all of them.
    #[arg(long)]
    pub all_tables: bool,
    /// Also sample a few values of rows: unindexed integers among a table's newest rows, and creation dates of rows of
    /// the model's table, used to forecast when ids run out.
    #[arg(long)]
    pub sample: bool,
    /// Allow reading a writable server (a primary).
    #[arg(long)]
    pub allow_primary: bool,
    /// Time limit of one statement, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// Sources of passwords.
    #[command(flatten)]
    pub access: Access,
    /// Configuration file [default: csm-audit.toml or pyproject.toml, from the current folder upward].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print errors only.
    #[arg(short, long)]
    pub quiet: bool,
}

/// Sources of passwords.
#[derive(Debug, Default, Args)]
pub struct Access {
    /// A file whose first line is the password.
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// An option file instead of ~/.my.cnf.
    #[arg(long, value_name = "FILE")]
    pub defaults_file: Option<PathBuf>,
    /// Also read option groups with this suffix, as in mysql.
    #[arg(long, value_name = "SUFFIX")]
    pub defaults_group_suffix: Option<String>,
}

/// A server, for the rights that reading and acting need.
fn server(text: &str) -> Result<(Dialect, ServerKind), String> {
    Ok((text.parse()?, text.parse()?))
}

/// The arguments of `grants`.
#[derive(Debug, Args)]
#[command(after_help = "\
If the account lacks one of these privileges, the rest is still read; facts that the account cannot see are reported \
as not verified.")]
pub struct Grants {
    /// The databases.
    #[arg(value_name = "DATABASE", required = true)]
    pub databases: Vec<String>,
    /// The server, such as mysql-5.6, mysql-8.4 or mariadb-10.11.
    #[arg(long, value_name = "SERVER", default_value = "mysql-8.0", value_parser = server)]
    pub server: (Dialect, ServerKind),
    /// Print the privileges of the account that runs a tool and the scripts of a plan, not those needed for reading.
    #[arg(long = "for", value_name = "TOOL")]
    pub tool: Option<Tool>,
    /// The account.
    #[arg(long, value_name = "USER@HOST", default_value = "csm_audit@%")]
    pub account: String,
}
