//! What Report v1 says of databases: environments, findings, and the columns that store the ids.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::{Confidence, Severity};

/// The answer in short: may the change of the key begin?
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// Whether it may.
    pub may_start: MayStart,
    /// What forbids it, the gravest first.
    pub blocked_by: Vec<String>,
    /// What is not known and has to be.
    pub unproven: Vec<String>,
    /// The column whose range ends first, as an index into `columns` and into its `environments`.
    pub tightest: Option<[usize; 2]>,
}

/// Whether the change may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MayStart {
    /// Nothing known forbids it, and nothing that matters is unknown.
    Yes,
    /// Something forbids it.
    No,
    /// Nothing known forbids it, but not enough is known.
    Unproven,
}

/// An environment, such as prod, as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportEnvironment {
    /// Its name.
    pub name: String,
    /// Whether all of it could be read.
    pub complete: bool,
    /// Its servers.
    pub servers: Vec<ReportServer>,
    /// Its databases.
    pub databases: Vec<ReportDatabase>,
    /// What ended the reading of a part.
    pub incomplete: Vec<ReportIncomplete>,
    /// Lists in which something may be hidden.
    pub unproven: Vec<ReportUnproven>,
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportServer {
    /// `host:port` or the path of a socket.
    pub address: String,
    /// `MySQL`, `MariaDB`, `Percona Server` or `Aurora`.
    pub flavour: String,
    /// The version as the server says it.
    pub version: String,
    /// When it was read, by its own clock, in UTC.
    pub read_at: String,
    /// The account that read.
    pub account: String,
    /// Whether the connection was encrypted.
    pub encrypted: bool,
    /// Whether it takes no writes.
    pub read_only: bool,
}

/// A database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportDatabase {
    /// Its name.
    pub name: String,
    /// Where it was read: a server's address or a dump's file name.
    pub from: String,
    /// The Django alias it stands for; none when no alias fits.
    pub alias: Option<String>,
    /// Why that alias.
    pub alias_from: String,
    /// How many tables were read.
    pub tables: u64,
}

/// What ended the reading of a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportIncomplete {
    /// A server, a file or a database.
    pub place: String,
    /// What happened.
    pub reason: String,
}

/// A list in which something may be hidden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportUnproven {
    /// The database or the server.
    pub place: String,
    /// What was listed, such as `foreign keys`.
    pub what: String,
    /// What is missing for a proof, such as a right.
    pub reason: String,
}

/// A statement of a check: something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportFinding {
    /// The check, which `csm-audit explain` tells more of.
    pub check: String,
    /// How grave.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// What was found, in a sentence.
    pub message: String,
    /// Where; none when it is about the code alone.
    pub environment: Option<String>,
    /// The Django alias.
    pub alias: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// The table, or the view.
    pub table: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// The constraint, index, trigger, routine, event or migration.
    pub name: Option<String>,
    /// Whether it is about the target, or something that stores or points to its ids.
    pub concerns_target: bool,
    /// Whether the change must not begin before it is settled.
    pub blocks: bool,
    /// What each side says.
    pub evidence: Vec<ReportEvidence>,
    /// What to do.
    pub fix: String,
    /// The same for the same finding, in every run.
    pub fingerprint: String,
}

/// What one side says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportEvidence {
    /// `models`, `migrations`, or an environment's name.
    pub source: String,
    /// What it says.
    pub says: String,
    /// The file, when it is code.
    pub file: Option<String>,
    /// 1-based line.
    pub line: Option<u32>,
}

/// A column that stores the target's ids, its own key first, as every source has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportColumn {
    /// The Django alias of its table.
    pub alias: Option<String>,
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// What it is to the target.
    pub role: ColumnRole,
    /// The field, as `app_label.Model.field`, when a model has it.
    pub field: Option<String>,
    /// How it was found to store the ids.
    pub found_by: Vec<String>,
    /// How sure that is.
    pub confidence: Confidence,
    /// The type that the models say.
    pub models: Option<String>,
    /// The type that the migrations leave in the database.
    pub migrations: Option<String>,
    /// Whether the code wants a constraint.
    pub constraint_expected: bool,
    /// The type that it needs.
    pub needs: String,
    /// The column in every environment.
    pub environments: Vec<ReportColumnIn>,
}

/// What a column is to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnRole {
    /// The target's own key.
    Key,
    /// A constraint ties it to the key, in the code or in a database.
    Constraint,
    /// It stores the ids and nothing ties it.
    Soft,
}

/// A column in an environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportColumnIn {
    /// The environment.
    pub environment: String,
    /// The database.
    pub database: String,
    /// Its type; none when it is not there.
    pub column_type: Option<String>,
    /// The constraint that ties it to the key.
    pub constraint: Option<String>,
    /// The largest value that was used, as a decimal number; none when nobody could look.
    pub used: Option<String>,
    /// The largest value that fits, as a decimal number.
    pub limit: Option<String>,
    /// How much of the range is used, from 0 to 1.
    pub share: Option<f64>,
    /// When it is used up.
    pub exhausted: Option<DateRange>,
    /// Whether it is narrower than the ids will be.
    pub too_narrow: bool,
    /// The rows of its table, as the server estimates them.
    pub rows: Option<u64>,
    /// Bytes of its table with its indexes.
    pub bytes: Option<u64>,
}

/// A range of dates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DateRange {
    /// `YYYY-MM-DD`
    pub earliest: String,
    /// `YYYY-MM-DD`; none when it may be never.
    pub latest: Option<String>,
    /// What has to hold for it.
    pub assumption: String,
}
