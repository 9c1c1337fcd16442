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
    /// Tell more of a check, or list them all.
    Explain {
        /// The check, such as extra-foreign-key.
        check: Option<String>,
    },
    /// Plan the change of the key: a folder with a runbook, scripts, and the Django migration.
    Plan(Plan),
    /// Look whether databases are as a plan wants them, and which of its steps are open.
    Verify(Verify),
    /// Let no new reference to a model through: compare with a baseline, or with another commit.
    Gate(Gate),
    /// Read live servers, dumps and other snapshots into one file that can be taken elsewhere.
    Snapshot(Snapshot),
    /// Print the rights that an account needs to read a server.
    Grants(Grants),
    /// Make other formats of a JSON report, without another scan.
    Report(Report),
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
    /// The settings module, such as lms.envs.production [default: what manage.py or wsgi.py names].
    #[arg(long, value_name = "MODULE")]
    pub settings: Option<String>,
    /// A file with the installed apps, one a line, instead of the settings' list.
    #[arg(long, value_name = "FILE")]
    pub installed_apps: Option<PathBuf>,
    /// Django's version [default: the installed or pinned one].
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
Touchpoints and findings are no error: the exit code is 0, 2 when the input or the configuration cannot be used, and 3
when a database could not be read to the end; what was read is reported nevertheless.

No configuration is needed; csm-audit.toml or [tool.csm-audit] in pyproject.toml, looked for from the current folder \
upward, can set all of it. A scanned tree's own file counts for what concerns the tree alone.")]
pub struct Scan {
    /// The model.
    #[command(flatten)]
    pub target: Target,
    /// What is read, and how.
    #[command(flatten)]
    pub common: Common,
    /// The report's format [default: text, or what the file's name tells].
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Write the report to a file, or all formats into a folder, whose name ends in /.
    #[arg(short, long, value_name = "FILE|DIR/")]
    pub output: Option<PathBuf>,
    /// Databases to check the code against.
    #[command(flatten)]
    pub environments: Environments,
    /// How the code is to be read for that.
    #[command(flatten)]
    pub code: Code,
    /// Where the sources can be looked at, such as `https://github.com/o/r/blob/COMMIT/{path}#L{line}`; {root} is the
    /// root's name.
    #[arg(long, value_name = "URL")]
    pub source_url: Option<SourceUrl>,
}

/// The arguments of `plan`.
#[derive(Debug, Args)]
#[command(after_help = "\
The folder holds runbook.md, plan.json, and scripts that change nothing without --execute. The exit code is 0, 2 when the
input or the configuration cannot be used, and 3 when a database could not be read to the end: the plan then says what it
does not know, and its scripts refuse to run.")]
pub struct Plan {
    /// The folder to write [default: csm-audit-plan].
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Plan for this environment alone; repeatable [default: all that are read].
    #[arg(long, value_name = "NAME")]
    pub environment: Vec<String>,
    /// The release of gh-ost that the scripts are for, such as 1.1.8, or head [default: the installed one's, or the
    /// newest that is known].
    #[arg(long, value_name = "VERSION")]
    pub gh_ost_version: Option<Release>,
    /// How the target's table is changed [default: what suits it best].
    #[arg(long, value_name = "STRATEGY")]
    pub strategy: Option<Strategy>,
    /// How gh-ost swaps the tables where its atomic swap could lose writes [default: the scripts ask].
    #[arg(long, value_name = "HOW")]
    pub cut_over: Option<CutOver>,
    /// Another change that a table needs, done in the same copy: TABLE=CLAUSE of ALTER TABLE; repeatable.
    #[arg(long, value_name = "TABLE=CLAUSE", value_parser = table_and_clause)]
    pub also: Vec<(String, String)>,
    /// The model.
    #[command(flatten)]
    pub target: Target,
    /// What is read, and how.
    #[command(flatten)]
    pub common: Common,
    /// The databases that are to be changed.
    #[command(flatten)]
    pub environments: Environments,
    /// How the code is to be read.
    #[command(flatten)]
    pub code: Code,
}

fn table_and_clause(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(table, clause)| !table.is_empty() && !clause.trim().is_empty())
        .map(|(table, clause)| (table.to_owned(), clause.trim().to_owned()))
        .ok_or_else(|| format!("`{text}` is no TABLE=CLAUSE; write courseware_studentmodule='ADD KEY (modified)'"))
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
Databases are only read. The exit code is 0 when all is as planned, 1 while a step is open or cannot be proven, and 2 when
the plan or the arguments cannot be used.")]
pub struct Verify {
    /// The plan, as `csm-audit plan` wrote it.
    #[arg(long, value_name = "FILE", default_value = "plan.json")]
    pub plan: PathBuf,
    /// Compare the rows of each table with those of its old or new one, as long as both are there: chunk by chunk, with
    /// a pause after each.
    #[arg(long)]
    pub rows: bool,
    /// The databases to look at.
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
    /// NAME=mysql://USER@HOST/DATABASE, NAME=FILE of mysqldump --no-data or of a snapshot, or the name of an environment
    /// of the configuration; repeatable [default: all of the configuration].
    #[arg(long = "replica", value_name = "NAME[=PLACE]")]
    pub replicas: Vec<String>,
    /// Read no database, whatever the configuration names.
    #[arg(long, conflicts_with = "replicas")]
    pub offline: bool,
    /// NAME=FILE, a snapshot of the same environment at an earlier time, from which it follows when keys run out;
    /// repeatable.
    #[arg(long, value_name = "NAME=FILE")]
    pub earlier: Vec<String>,
    /// Read a few values of rows, too: integers without an index among a table's newest rows, and when some rows of the
    /// model's table were created, from which it follows when keys run out.
    #[arg(long)]
    pub sample: bool,
    /// Read a server that takes writes, too.
    #[arg(long)]
    pub allow_primary: bool,
    /// How long one statement may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// Where passwords come from.
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
    /// The server of databases that do not tell, such as mysql-5.6, mysql-8.4 or mariadb-10.11 [default: that of the
    /// others, or mysql-8.0].
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// What the target's key is to become [default: bigint unsigned].
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
Exit codes: 0 nothing new, 1 something new, 2 the input, the configuration or the baseline cannot be used, 3 nothing \
new but a file that could hold a reference was not read.

To allow a reference, add `# csm-audit: allow[kind] reason` at its line, or alone on the line above. Rules, texts and \
allowances that expire are in the section [gate] of csm-audit.toml; docs/gate.md describes them.")]
pub struct Gate {
    /// Write the baseline: accept all current references.
    #[arg(long, conflicts_with = "diff")]
    pub update: bool,
    /// The baseline [default: csm-audit.baseline.json beside the configuration, or in the first root].
    #[arg(long, value_name = "FILE", conflicts_with = "diff")]
    pub baseline: Option<PathBuf>,
    /// Compare with the merge base of this commit and the one that is checked out, such as origin/main.
    #[arg(long, value_name = "REV")]
    pub diff: Option<String>,
    /// Compare with this commit itself, not with the merge base.
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
Reports are made of the JSON alone: the sources and the databases are not needed. The exit code is 0, and 2 when the
report cannot be read or written.")]
pub struct Report {
    /// A report that --format json wrote; - is standard input.
    #[arg(value_name = "REPORT.json")]
    pub report: PathBuf,
    /// The format [default: text, or what the file's name tells].
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Write to a file, or all formats into a folder, whose name ends in /.
    #[arg(short, long, value_name = "FILE|DIR/")]
    pub output: Option<PathBuf>,
    /// Where the sources can be looked at, such as `https://github.com/o/r/blob/COMMIT/{path}#L{line}`; {root} is the
    /// root's name.
    #[arg(long, value_name = "URL")]
    pub source_url: Option<SourceUrl>,
    /// Nothing but the report.
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
    /// Everything that is known, for programs.
    Json,
}

/// The arguments of `schema`.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is run: the settings, the migrations and the fields are read. What cannot be followed is listed as a gap.")]
pub struct Schema {
    /// What is read, and how.
    #[command(flatten)]
    pub common: Common,
    /// Tables of this app only.
    #[arg(long, value_name = "LABEL")]
    pub app: Option<String>,
    /// This database alias only.
    #[arg(long, value_name = "NAME")]
    pub alias: Option<String>,
    /// The server, such as mysql-5.6, mysql-8.4 or mariadb-10.11 [default: mysql-8.0].
    #[arg(long, value_name = "SERVER")]
    pub server: Option<String>,
    /// How the migrations are replayed.
    #[command(flatten)]
    pub replay: Replay,
    /// Read the models, too, and tell where they are not what the migrations say.
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
A database is NAME=mysql://USER@HOST:PORT/DATABASE, NAME=DUMP (a file of mysqldump --no-data, a folder of
mydumper or MySQL Shell), or NAME=FILE of a snapshot; one
NAME may come several times. The URL takes ?ssl-mode=disabled|preferred|required|verify-ca|verify-identity, ssl-ca=FILE,
socket=FILE, password-env=VARIABLE, get-server-public-key=true and enable-cleartext-plugin=true.

The password itself is sent over a socket and to a server that TLS verifies (ssl-mode=verify-identity, or verify-ca with
ssl-ca). Any other server gets a proof of the password that does not reveal it; when it insists on the password, the last
two parameters allow that: then whoever answers at the address learns the password.

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
    /// The model whose table is measured.
    #[command(flatten)]
    pub target: Target,
    /// Another table to measure; repeatable.
    #[arg(long, value_name = "NAME")]
    pub table: Vec<String>,
    /// Another column that stores ids, whose table is measured; repeatable.
    #[arg(long, value_name = "NAME")]
    pub column: Vec<String>,
    /// Measure every table, which opens them all.
    #[arg(long)]
    pub all_tables: bool,
    /// Read a few values of rows, too: integers without an index among a table's newest rows, and when some rows of the
    /// model's table were created, from which the rate of its growth follows.
    #[arg(long)]
    pub sample: bool,
    /// Read a server that takes writes, too.
    #[arg(long)]
    pub allow_primary: bool,
    /// How long one statement may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
    /// Where passwords come from.
    #[command(flatten)]
    pub access: Access,
    /// Configuration file [default: csm-audit.toml or pyproject.toml, from the current folder upward].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Nothing on standard error but errors.
    #[arg(short, long)]
    pub quiet: bool,
}

/// Where passwords come from.
#[derive(Debug, Default, Args)]
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

/// A server, for the rights that reading and acting need.
fn server(text: &str) -> Result<(Dialect, ServerKind), String> {
    Ok((text.parse()?, text.parse()?))
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
    #[arg(long, value_name = "SERVER", default_value = "mysql-8.0", value_parser = server)]
    pub server: (Dialect, ServerKind),
    /// Print the rights of the account that runs a tool and the scripts of a plan, instead of those that reading needs.
    #[arg(long = "for", value_name = "TOOL")]
    pub tool: Option<Tool>,
    /// The account.
    #[arg(long, value_name = "USER@HOST", default_value = "csm_audit@%")]
    pub account: String,
}
