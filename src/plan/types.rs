//! The plan as data: the types of `plan.json`, which `csm-audit verify` reads and Report v1 embeds.
//!
//! They are frozen: fields are added, never changed, and a field that came later has a default, so that plans and reports
//! of older releases stay readable. Their JSON Schema is published as `reports/csm-audit.plan.v1.schema.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::live::facts;

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The model, as `app_label.Model`.
    pub target: String,
    /// The model's table.
    pub table: String,
    /// The column of its primary key.
    pub key: String,
    /// The new type of the key, such as `bigint unsigned`.
    pub change: String,
    /// Whether no assumption of the plan is unmet.
    pub complete: bool,
    /// Assumptions of the plan that are unknown or known to be false.
    #[serde(alias = "open")]
    pub assumptions: Vec<UnmetAssumption>,
    /// The strategies that were compared, table by table, the recommended one of a table first.
    pub strategies: Vec<StrategyAssessment>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// The files of the plan's folder; they are written beside `plan.json` and not part of it.
    #[serde(skip)]
    pub files: Vec<File>,
}

/// An assumption of the plan that is unknown, or known to be false.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct UnmetAssumption {
    /// The environment; none when it concerns all of them.
    pub environment: Option<String>,
    /// A sentence for people.
    pub what: String,
    /// What kind of an assumption it is.
    #[serde(default)]
    pub kind: AssumptionKind,
    /// The step whose precondition it is.
    #[serde(default)]
    pub step: Option<String>,
    /// The precondition that it comes from.
    #[serde(default)]
    pub precondition: Option<PreconditionId>,
}

impl UnmetAssumption {
    /// The sentence with the environment that it concerns.
    #[must_use]
    pub fn sentence(&self) -> String {
        match &self.environment {
            Some(environment) => format!("{environment}: {}", self.what),
            None => self.what.clone(),
        }
    }
}

/// What kind of an assumption is unmet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AssumptionKind {
    /// A plan of an older release did not record the kind.
    #[default]
    Unspecified,
    /// A precondition of a step failed, or is unknown and not proven by the step's script.
    Precondition,
    /// A database lacks a column that the code expects.
    MissingColumn,
    /// A database whose foreign keys reference the target was not read.
    UnreadDatabase,
    /// A source of an environment could not be read to its end.
    IncompleteRead,
    /// A list of a database may lack entries.
    IncompleteList,
    /// A database that matches no Django alias.
    UnmappedDatabase,
    /// The target's table was not found.
    MissingTable,
    /// An alias with tables that matches no database of the environment.
    UnreadAlias,
    /// A migration of an app whose tables are changed could not be followed.
    UnresolvedMigration,
    /// The key of the target is not one integer column of its own: nothing is planned.
    UnsupportedKey,
}

/// A strategy for the change of a table.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// gh-ost: a copy that follows the binary log.
    GhOst,
    /// pt-online-schema-change: a copy that triggers keep up to date.
    #[value(name = "pt-online-schema-change", alias = "pt-osc")]
    PtOnlineSchemaChange,
    /// `ALTER TABLE … ALGORITHM=COPY, LOCK=SHARED`.
    Alter,
    /// Django's own `AlterField`.
    DjangoMigration,
    /// A second cluster that replicates from the first.
    NewCluster,
}

impl Strategy {
    /// Its name in reports, file names and `plan.json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GhOst => "gh-ost",
            Self::PtOnlineSchemaChange => "pt-online-schema-change",
            Self::Alter => "alter",
            Self::DjangoMigration => "django-migration",
            Self::NewCluster => "new-cluster",
        }
    }
}

impl std::fmt::Display for Strategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// A strategy for one table, assessed on facts of the servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StrategyAssessment {
    /// The environment.
    pub environment: String,
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// The strategy.
    #[serde(alias = "way")]
    pub strategy: Strategy,
    /// The verdict on it.
    pub verdict: Verdict,
    /// The reason of the verdict.
    pub why: String,
    /// The effect on readers and writers.
    pub downtime: String,
    /// The duration in seconds; none when the size of the table is unknown.
    pub duration: Option<Estimate>,
    /// Bytes of disk that each server needs until the old table is dropped.
    pub disk: Option<Estimate>,
    /// Bytes of binary log.
    pub binary_log: Option<Estimate>,
    /// What can go wrong.
    pub risks: Vec<String>,
    /// What it needs.
    pub needs: Vec<String>,
}

/// The verdict on a strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The plan takes it.
    Recommended,
    /// It would work.
    Possible,
    /// It would fail, or lose something.
    Refused,
    /// Too little is known.
    Unproven,
}

/// A range, never one number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// At least; seconds or bytes.
    pub least: u64,
    /// At most.
    pub most: u64,
    /// `seconds` or `bytes`.
    pub unit: String,
    /// The assumptions under which the range is right.
    pub assumptions: Vec<String>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Its id, such as `prod-03`, the same while the plan is the same.
    pub id: String,
    /// What kind of a step.
    pub kind: StepKind,
    /// Which half of an online copy it is.
    #[serde(default)]
    pub phase: Option<Phase>,
    /// What it does, in a line.
    pub title: String,
    /// The environment; none for what is done in the code.
    pub environment: Option<String>,
    /// The server it runs on.
    pub server: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// The table.
    pub table: Option<String>,
    /// The script in the plan's folder, a bare file name.
    pub script: Option<String>,
    /// The command, the SQL or the source code.
    pub run: String,
    /// The language of `run`.
    #[serde(default)]
    pub language: Language,
    /// The preconditions of the step.
    pub preconditions: Vec<Precondition>,
    /// How to verify that it worked.
    pub verify: Vec<Probe>,
    /// The rollback.
    pub rollback: Rollback,
    /// The duration in seconds.
    pub estimate: Option<Estimate>,
    /// The steps that have to be done before, by their ids.
    pub after: Vec<String>,
    /// What forbids it now.
    pub blocked_by: Vec<String>,
    /// What it changes in a database, for `csm-audit verify`.
    #[serde(default)]
    pub effects: Vec<Effect>,
}

/// What kind of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// Check all preconditions of an environment.
    Preflight,
    /// Widen a column that stores the ids.
    WidenReference,
    /// Drop a foreign key.
    DropForeignKey,
    /// Change a table with gh-ost.
    GhOst,
    /// Change a table with pt-online-schema-change.
    PtOnlineSchemaChange,
    /// Change the target's table with `ALTER TABLE`.
    Alter,
    /// Re-create a foreign key.
    AddForeignKey,
    /// Apply the Django migration.
    DjangoMigration,
    /// Check the result in an environment.
    Verify,
    /// Drop leftover tables.
    CleanUp,
}

/// The two halves of an online copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The copy is made and kept up to date.
    Copy,
    /// The rows are compared and the tables swapped.
    CutOver,
}

/// A language of commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// Commands of bash.
    #[default]
    Shell,
    /// Statements of MySQL, each with its semicolon or the only one.
    Sql,
}

/// What a step changes in a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "effect", rename_all = "kebab-case")]
pub enum Effect {
    /// A column gets another type.
    #[serde(rename = "type")]
    ChangesType {
        /// The database.
        database: String,
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type before.
        from: String,
        /// Its type afterwards.
        to: String,
        /// Whether it is the target's key, so that ids can grow from then on.
        key: bool,
    },
    /// A foreign key is dropped.
    #[serde(rename = "drop-key")]
    DropsForeignKey {
        /// The key before the step.
        key: PlannedForeignKey,
    },
    /// A foreign key is re-created.
    #[serde(rename = "add-key")]
    AddsForeignKey {
        /// The key after the step.
        key: PlannedForeignKey,
    },
    /// An online change leaves tables behind.
    #[serde(rename = "leaves")]
    LeavesTables {
        /// The database.
        database: String,
        /// The table that was changed.
        of: String,
        /// The tables that stay, by their names.
        tables: Vec<String>,
    },
    /// Leftover tables are dropped.
    #[serde(rename = "takes")]
    DropsTables {
        /// The database.
        database: String,
        /// The tables.
        tables: Vec<String>,
    },
    /// A field of the models gets a class that takes larger integers.
    #[serde(rename = "field")]
    ChangesField {
        /// The field, as `app_label.Model.field`.
        field: String,
        /// Its table.
        table: String,
        /// Its column.
        column: String,
    },
    /// A row of a migration is added to `django_migrations`.
    #[serde(rename = "migrated")]
    RecordsMigration {
        /// The environment: the step is the same for all of them.
        environment: String,
        /// The database.
        database: String,
        /// The app's label.
        app: String,
        /// The migration's name.
        name: String,
    },
}

/// A foreign key of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct PlannedForeignKey {
    /// The database of the referencing table.
    pub database: String,
    /// The referencing table.
    pub table: String,
    /// The constraint's name.
    pub name: String,
    /// The referencing columns.
    pub columns: Vec<String>,
    /// The database of the referenced table.
    pub referenced_database: String,
    /// The referenced table.
    pub referenced_table: String,
    /// The referenced columns.
    pub referenced_columns: Vec<String>,
    /// `CASCADE`, `SET NULL` or `SET DEFAULT`; none for `RESTRICT` and `NO ACTION`, which InnoDB treats alike.
    pub on_delete: Option<String>,
    /// Likewise for updates.
    pub on_update: Option<String>,
}

impl From<&facts::ForeignKey> for PlannedForeignKey {
    fn from(key: &facts::ForeignKey) -> Self {
        Self {
            database: key.database.clone(),
            table: key.table.clone(),
            name: key.name.clone(),
            columns: key.columns.clone(),
            referenced_database: key.referenced_database.clone(),
            referenced_table: key.referenced_table.clone(),
            referenced_columns: key.referenced_columns.clone(),
            on_delete: key.on_delete.clone(),
            on_update: key.on_update.clone(),
        }
    }
}

/// The server that a query is sent to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeServer {
    /// The server that gh-ost inspects, a replica where there is one.
    #[default]
    Inspected,
    /// The server that takes writes.
    Primary,
}

/// Which fact a precondition is about. Code decides by this, never by wording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PreconditionId {
    /// A plan of an older release did not record the id.
    #[default]
    Unspecified,
    /// A live server was read, not only a dump.
    ServerRead,
    /// The release of gh-ost works with the server's version.
    ServerSupported,
    /// `log_bin` is on.
    BinaryLog,
    /// `binlog_format` is `ROW`.
    RowFormat,
    /// `binlog_row_image` is `FULL`.
    FullRowImage,
    /// The replica logs what it replicates.
    ReplicaLogsUpdates,
    /// The replica's threads run.
    ReplicationRuns,
    /// The replica follows one server.
    SingleSource,
    /// The primary is not read-only.
    PrimaryWritable,
    /// It is known whether the server follows another.
    ReplicationRole,
    /// Aurora does not filter its binary log.
    AuroraBinlogFilter,
    /// gh-ost accepts the port.
    PortAccepted,
    /// A column still has the type that was planned for.
    ColumnUnchanged,
    /// A signed column that becomes unsigned has no negative value.
    NoNegativeValue,
    /// A column stores ids of the target.
    StoresIds,
    /// The table has no blocking foreign key.
    NoForeignKeyOut,
    /// No foreign key references the table.
    NoForeignKeyIn,
    /// The table has no trigger, or gh-ost moves its triggers.
    TriggersMovable,
    /// The table has no trigger.
    NoTrigger,
    /// No table of an earlier run is left.
    NoLeftovers,
    /// The table has a unique key that the tool can copy along.
    UniqueKey,
    /// The tool can write the name of the table and its database.
    NameSupported,
    /// gh-ost accepts the clause that is added with `--also`.
    ClauseSupported,
    /// gh-ost can encrypt its connections where the server requires it.
    EncryptionSupported,
    /// The swap of the tables loses no write.
    SafeCutOver,
    /// The acting account has its rights.
    Rights,
    /// Triggers may be created while the binary log is on.
    TriggerCreation,
    /// Every referencing row has its referenced row.
    NoOrphans,
    /// A step that has to be done before is done.
    StepDone,
    /// The table is as small as the strategy assumes.
    TableSmall,
    /// Binary logs are kept for longer than the copy takes.
    BinlogRetention,
    /// No copy of the table is running.
    NoCopyRunning,
}

impl PreconditionId {
    /// Whether a failure rules the strategy out for good: no setting of a server changes it.
    #[must_use]
    pub fn is_permanent(self) -> bool {
        matches!(
            self,
            Self::NameSupported | Self::ClauseSupported | Self::UniqueKey | Self::TriggersMovable | Self::NoTrigger
        )
    }

    /// Whether earlier steps of the plan make it true, so that it says nothing before they are done.
    #[must_use]
    pub fn is_made_by_plan(self) -> bool {
        matches!(
            self,
            Self::NoForeignKeyOut | Self::NoForeignKeyIn | Self::NoOrphans | Self::StepDone | Self::NoCopyRunning
        )
    }

    /// Whether it is about the columns that a step changes, so that it is false once the step is done.
    #[must_use]
    pub fn is_of_old_columns(self) -> bool {
        matches!(self, Self::ColumnUnchanged | Self::NoNegativeValue)
    }
}

/// A condition that has to be true before a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Precondition {
    /// Which fact it is about.
    #[serde(default)]
    pub id: PreconditionId,
    /// The condition, for people.
    pub what: String,
    /// The server that is asked.
    #[serde(default)]
    pub host: ProbeServer,
    /// The query that proves it.
    pub query: Option<String>,
    /// The answer when it is true; with both, the script proves it before it changes anything.
    #[serde(default)]
    pub expected: Option<String>,
    /// Whether it was true when the servers were read.
    pub outcome: Outcome,
    /// What was seen then.
    pub seen: String,
    /// What to do when it is false.
    pub fix: Option<String>,
    /// Whether the tool itself checks the precondition and stops before any change.
    #[serde(default)]
    pub by_tool: bool,
}

impl Precondition {
    /// A condition with its outcome and what was seen; queries and fixes are added to it.
    pub(super) fn new(
        id: PreconditionId,
        what: impl Into<String>,
        outcome: impl Into<Outcome>,
        seen: impl Into<String>,
    ) -> Self {
        Self {
            id,
            what: what.into(),
            host: ProbeServer::Inspected,
            query: None,
            expected: None,
            outcome: outcome.into(),
            seen: seen.into(),
            fix: None,
            by_tool: false,
        }
    }

    /// The script sends the query and requires the answer.
    pub(super) fn proven_by(mut self, query: impl Into<String>, expected: impl Into<String>) -> Self {
        self.query = Some(query.into());
        self.expected = Some(expected.into());
        self
    }

    /// A person can look with this query.
    pub(super) fn shown_by(mut self, query: impl Into<String>) -> Self {
        self.query = Some(query.into());
        self
    }

    /// The tool itself checks the precondition and stops before any change.
    pub(super) fn checked_by_tool(mut self) -> Self {
        self.by_tool = true;
        self
    }

    /// The query goes to the primary.
    pub(super) fn at_primary(mut self) -> Self {
        self.host = ProbeServer::Primary;
        self
    }

    /// What to do when it is false.
    pub(super) fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// Whether the script, or the tool that it starts, finds out before anything is changed.
    #[must_use]
    pub fn is_proven_at_run(&self) -> bool {
        self.by_tool || self.query.is_some() && self.expected.is_some()
    }
}

/// Whether a condition was true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was true.
    Passed,
    /// It was false.
    Failed,
    /// It could not be checked.
    Unproven,
}

impl From<bool> for Outcome {
    fn from(is_true: bool) -> Self {
        if is_true { Self::Passed } else { Self::Failed }
    }
}

impl From<Option<bool>> for Outcome {
    fn from(is_true: Option<bool>) -> Self {
        is_true.map_or(Self::Unproven, Self::from)
    }
}

/// A query and its answer when all is well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Probe {
    /// What is looked at.
    pub what: String,
    /// The query.
    pub query: String,
    /// The answer.
    pub expected: String,
}

/// A rollback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rollback {
    /// The command or SQL; none when there is nothing to undo, or no rollback.
    pub run: Option<String>,
    /// The language of `run`.
    #[serde(default)]
    pub language: Language,
    /// What it restores, or why there is none.
    pub what: String,
    /// Until when it is possible; none when it does not expire.
    pub until: Option<String>,
    /// Whether this step is the point of no return.
    pub point_of_no_return: bool,
}

impl Rollback {
    /// Nothing to undo, or no rollback, with the reason.
    #[must_use]
    pub fn none(what: &str) -> Self {
        Self { run: None, language: Language::Shell, what: what.to_owned(), until: None, point_of_no_return: false }
    }
}

/// A file of the plan's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path in the folder.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Whether it is a script.
    pub executable: bool,
}

/// The document `plan.json`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(title = "csm-audit plan v1")]
struct Document {
    /// Always `csm-audit plan`.
    kind: String,
    /// Always 1: later releases add fields and change none.
    version: u32,
    /// The plan.
    plan: Plan,
}

impl Document {
    const KIND: &'static str = "csm-audit plan";
    const VERSION: u32 = 1;
}

impl Plan {
    /// Reads `plan.json`.
    ///
    /// # Errors
    ///
    /// When the text is not a plan, or of a later version.
    pub fn parse(text: &str) -> Result<Self, String> {
        let document: Document =
            serde_json::from_str(text).map_err(|error| format!("not a plan of csm-audit: {error}"))?;
        if document.kind != Document::KIND || document.version != Document::VERSION {
            return Err(format!(
                "`{}` of version {} is not supported; this csm-audit reads `{}` of version {}",
                document.kind,
                document.version,
                Document::KIND,
                Document::VERSION
            ));
        }
        Ok(document.plan)
    }

    /// `plan.json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let document = Document { kind: Document::KIND.to_owned(), version: Document::VERSION, plan: self.clone() };
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The JSON Schema of `plan.json`.
    #[must_use]
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(Document)
    }
}
