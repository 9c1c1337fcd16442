//! The plan of the change: what to run, in which order, on which server, how to know that a step may start, how to see
//! that it worked, and the way back.
//!
//! It is derived from an [`Audit`] alone. Nothing here talks to a server: what a snapshot does not show, the scripts
//! prove before they change anything.

mod alter;
mod clean_up;
mod django_migration;
pub mod estimate;
mod foreign_keys;
mod gh_ost;
pub mod gh_ost_flags;
mod model_edit;
mod order;
mod preflight;
mod pt_osc;
mod runbook;
mod scene;
mod script;
mod sql;
mod strategy;
pub mod topology;
pub mod verify;

use serde::{Deserialize, Serialize};

pub use self::django_migration::ModelSource;
use self::estimate::Range;
use self::gh_ost_flags::Release;
use self::scene::Scene;
use crate::audit::Audit;

/// What the operator has decided beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The release of gh-ost that the scripts are written for.
    pub gh_ost: Option<Release>,
    /// How to change the target's table; the best way when none is given.
    pub strategy: Option<Way>,
    /// How to cut over where the server cannot do it safely under writes.
    pub cut_over: Option<CutOver>,
    /// Other changes wanted on a table, which ride on the same copy: table and clause of `ALTER TABLE`.
    pub also: Vec<(String, String)>,
    /// The source of the model, for the edit of its key.
    pub model: Option<ModelSource>,
}

/// How gh-ost may swap the tables where its atomic swap could lose writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum CutOver {
    /// Two renames: nothing is lost, but for an instant there is no table, and statements fail with error 1146.
    TwoStep,
    /// Nobody writes while the tables are swapped.
    WritersStopped,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The model, as `app_label.Model`.
    pub target: String,
    /// Its table.
    pub table: String,
    /// Its key.
    pub key: String,
    /// What the key is to become.
    pub change: String,
    /// Whether nothing that it rests on is a gap or unproven.
    pub complete: bool,
    /// What it rests on and nobody knows, and what stands against it.
    pub open: Vec<Open>,
    /// The ways to do it, table by table, the one that is taken first.
    pub strategies: Vec<Strategy>,
    /// What to do, in this order.
    pub steps: Vec<Step>,
    /// The files of the folder.
    #[serde(skip)]
    pub files: Vec<File>,
}

/// Something that the plan rests on and that is not known to hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Open {
    /// The environment; none when it concerns all.
    pub environment: Option<String>,
    /// What.
    pub what: String,
}

/// A way to change a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// A copy that follows the binary log.
    GhOst,
    /// A copy that triggers keep up to date.
    #[value(name = "pt-online-schema-change", alias = "pt-osc")]
    PtOnlineSchemaChange,
    /// `ALTER TABLE`, in short order.
    Alter,
    /// Django's own `AlterField`.
    DjangoMigration,
    /// A second cluster that replicates from the first.
    NewCluster,
}

impl Way {
    /// Its name in reports and file names.
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

/// A way to change a table, judged by live numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strategy {
    /// The environment.
    pub environment: String,
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// Which way.
    pub way: Way,
    /// What is thought of it.
    pub verdict: Verdict,
    /// Why.
    pub why: String,
    /// What writers and readers notice.
    pub downtime: String,
    /// How many seconds it takes.
    pub duration: Option<Range>,
    /// Bytes of disk, for the while it lasts.
    pub disk: Option<Range>,
    /// Bytes of binary log.
    pub binary_log: Option<Range>,
    /// What can go wrong.
    pub risks: Vec<String>,
    /// What it needs.
    pub needs: Vec<String>,
}

/// What is thought of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The plan takes it.
    Recommended,
    /// It would work.
    Possible,
    /// It would not, or would lose something.
    Refused,
    /// Too little is known.
    Unproven,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its id, such as `prod-03`.
    pub id: String,
    /// What kind of a step.
    pub kind: Kind,
    /// What it does, in a line.
    pub title: String,
    /// The environment; none for what is done in the code.
    pub environment: Option<String>,
    /// The server it is run on.
    pub server: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// The table.
    pub table: Option<String>,
    /// The file in the plan's folder.
    pub script: Option<String>,
    /// The command, the SQL or the source code.
    pub run: String,
    /// What has to hold before it may start.
    pub preconditions: Vec<Precondition>,
    /// How to see that it worked.
    pub verify: Vec<Probe>,
    /// The way back.
    pub rollback: Rollback,
    /// How many seconds it takes.
    pub estimate: Option<Range>,
    /// The steps that have to be done before.
    pub after: Vec<String>,
    /// What forbids it now.
    pub blocked_by: Vec<String>,
    /// What it makes of the database, for whoever checks.
    pub effects: Vec<Effect>,
}

impl Step {
    /// A step in an environment, of which nothing else is said yet.
    fn of(scene: &Scene<'_>, kind: Kind, title: String) -> Self {
        Self {
            id: String::new(),
            kind,
            title,
            environment: Some(scene.name().to_owned()),
            server: None,
            database: None,
            table: None,
            script: None,
            run: String::new(),
            preconditions: Vec::new(),
            verify: Vec::new(),
            rollback: Rollback::none(""),
            estimate: None,
            after: Vec::new(),
            blocked_by: Vec::new(),
            effects: Vec::new(),
        }
    }
}

/// What kind of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Look before.
    Preflight,
    /// Widen a column that stores the ids.
    WidenReference,
    /// Drop a foreign key.
    DropForeignKey,
    /// Change the table with gh-ost.
    GhOst,
    /// Change the table with pt-online-schema-change.
    PtOnlineSchemaChange,
    /// Change the table with ALTER TABLE.
    Alter,
    /// Add a foreign key again.
    AddForeignKey,
    /// Bring Django's state to the database.
    DjangoMigration,
    /// Look afterwards.
    Verify,
    /// Take away what is left.
    CleanUp,
}

/// What a step makes of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "kebab-case")]
pub enum Effect {
    /// A column gets another type.
    Type {
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
    /// A foreign key goes.
    DropKey {
        /// The key as it was.
        key: crate::live::facts::ForeignKey,
    },
    /// A foreign key comes back.
    AddKey {
        /// The key as it will be.
        key: crate::live::facts::ForeignKey,
    },
    /// The old table of an online change stays behind.
    Leaves {
        /// The database.
        database: String,
        /// The table that it was.
        of: String,
        /// Tables that stay, by their names.
        tables: Vec<String>,
    },
    /// Leftovers go.
    Takes {
        /// The database.
        database: String,
        /// The tables.
        tables: Vec<String>,
    },
    /// A migration stands in Django's ledger.
    Migrated {
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

/// Where a precondition is proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Host {
    /// On the server that gh-ost inspects.
    #[default]
    Inspected,
    /// On the one that takes writes.
    Primary,
}

/// Something that has to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Precondition {
    /// What.
    pub what: String,
    /// Where it is proven.
    pub host: Host,
    /// The query that proves it.
    pub query: Option<String>,
    /// Its answer when it holds; with both the script proves it before it changes anything.
    pub expected: Option<String>,
    /// Whether it held when the servers were read.
    pub outcome: Outcome,
    /// What was seen.
    pub seen: String,
    /// What to do when it does not hold.
    pub fix: Option<String>,
    /// Whether the tool asks for itself and does nothing when it does not hold.
    pub by_tool: bool,
}

impl Precondition {
    /// Whether the script, or the tool that it starts, finds out before anything is changed.
    #[must_use]
    pub fn is_proven_at_run(&self) -> bool {
        self.by_tool || self.query.is_some() && self.expected.is_some()
    }
}

/// Whether something held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It did.
    Passed,
    /// It did not.
    Failed,
    /// Nobody knows.
    Unproven,
}

/// A query and its answer when all is well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What is looked at.
    pub what: String,
    /// The query.
    pub query: String,
    /// The answer.
    pub expected: String,
}

/// A way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// The command or SQL; none when there is nothing to undo, or no way.
    pub run: Option<String>,
    /// What it brings back, or why there is no way.
    pub what: String,
    /// Until when there is a way back.
    pub until: Option<String>,
    /// Whether this step is the point of no return.
    pub point_of_no_return: bool,
}

impl Rollback {
    /// Nothing to undo.
    #[must_use]
    pub fn none(what: &str) -> Self {
        Self { run: None, what: what.to_owned(), until: None, point_of_no_return: false }
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

impl Plan {
    /// Plans the change.
    #[must_use]
    pub fn new(audit: &Audit, options: &Options) -> Self {
        let mut plan = Self {
            target: audit.target.label.clone(),
            table: audit.target.table.clone(),
            key: audit.target.key.clone(),
            change: audit.target.wanted.print(crate::schema::Server::default()),
            complete: false,
            open: Vec::new(),
            strategies: Vec::new(),
            steps: Vec::new(),
            files: Vec::new(),
        };
        let migration = django_migration::Migration::find(audit, options);
        for index in 0..audit.environments.len() {
            let scene = Scene::new(audit, index, options);
            plan.open.extend(scene.open());
            order::environment(&scene, &mut plan);
        }
        if let Some(migration) = &migration {
            let step = migration.step(audit, &plan);
            plan.steps.push(step);
        }
        for step in &plan.steps {
            for precondition in &step.preconditions {
                let known = match precondition.outcome {
                    Outcome::Passed => continue,
                    Outcome::Failed => "fails",
                    Outcome::Unproven if precondition.is_proven_at_run() => continue,
                    Outcome::Unproven => "is unproven",
                };
                plan.open.push(Open {
                    environment: step.environment.clone(),
                    what: format!("{}: {} {known}: {}", step.id, precondition.what, precondition.seen),
                });
            }
        }
        plan.open.extend(unread(audit));
        let mut seen = std::collections::BTreeSet::new();
        plan.open.retain(|open| seen.insert(open.clone()));
        plan.complete = plan.open.is_empty() && !audit.environments.is_empty();
        runbook::write(migration.as_ref(), &mut plan);
        plan
    }

    /// Reads `plan.json`.
    ///
    /// # Errors
    ///
    /// When it is no plan.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: PlanFile =
            serde_json::from_str(text).map_err(|error| format!("it is no plan of csm-audit: {error}"))?;
        if file.kind != PlanFile::KIND || file.version != PlanFile::VERSION {
            return Err(format!(
                "it is a `{}` of version {}, and this csm-audit reads `{}` of version {}",
                file.kind,
                file.version,
                PlanFile::KIND,
                PlanFile::VERSION
            ));
        }
        Ok(file.plan)
    }

    /// `plan.json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let file = PlanFile { kind: PlanFile::KIND.to_owned(), version: PlanFile::VERSION, plan: self.clone() };
        // Plain data with names as keys always serializes.
        let mut text = serde_json::to_string_pretty(&file).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// What could not be followed in the migrations of the apps whose tables are changed: what they do may be more than is
/// known.
fn unread(audit: &Audit) -> Vec<Open> {
    let owners = audit.expected.iter().flat_map(|code| {
        let tables = audit.columns.iter().map(|column| &column.table).chain([&audit.target.table]);
        tables.filter_map(|table| code.owners.get(table))
    });
    let target = audit.target.label.split_once('.').map(|(app, _)| app);
    let apps: std::collections::BTreeSet<&str> = owners.map(String::as_str).chain(target).collect();
    let migrations = audit.expected.iter().flat_map(|code| &code.migrations);
    let own = migrations.filter(|migration| apps.contains(migration.node.0.as_str()));
    let files: std::collections::BTreeSet<&str> = own.map(|migration| migration.file.as_str()).collect();
    let told = audit.gaps.iter().filter_map(|gap| {
        let file = gap.file.as_deref().filter(|file| files.contains(file))?;
        let line = gap.line.map_or_else(String::new, |line| format!(":{line}"));
        Some(Open { environment: None, what: format!("{file}{line}: {}", gap.reason) })
    });
    told.collect()
}

#[derive(Serialize, Deserialize)]
struct PlanFile {
    kind: String,
    version: u32,
    plan: Plan,
}

impl PlanFile {
    const KIND: &'static str = "csm-audit plan";
    const VERSION: u32 = 1;
}
