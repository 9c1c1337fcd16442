//! What Report v1 says of databases: environments, findings, and the columns that store the ids.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Report;
use crate::audit::{Audit, ColumnInstance, IdColumn, Reference, Role};
use crate::check;
use crate::finding::{Confidence, Severity};
use crate::live::facts::{DatabaseFacts, EnvironmentFacts, Flavour, Origin};
use crate::report::fingerprint::Fingerprints;
use crate::schema::{ColumnType, Server};

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
    /// The Django alias of the database; none when no alias matches.
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
    /// The id of the check; `csm-audit explain` describes it.
    pub check: String,
    /// The severity.
    pub severity: Severity,
    /// The confidence.
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
    /// The fix.
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
    /// The confidence.
    pub confidence: Confidence,
    /// The type that the models say.
    pub models: Option<String>,
    /// The type that the migrations leave in the database.
    pub migrations: Option<String>,
    /// Whether the code defines a constraint.
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
    /// The largest value that was used, as a decimal number; none when it could not be read.
    pub used: Option<String>,
    /// The largest value that fits, as a decimal number.
    pub limit: Option<String>,
    /// How much of the range is used, from 0 to 1.
    pub share: Option<f64>,
    /// When ids run out.
    pub exhausted: Option<DateRange>,
    /// Whether it is narrower than the ids will be.
    pub too_narrow: bool,
    /// The rows of its table, as the server estimates them.
    pub rows: Option<u64>,
    /// Bytes of its table with its indexes.
    pub bytes: Option<u64>,
}

/// A reference from the target's own table to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportReference {
    /// The columns that point.
    pub columns: Vec<String>,
    /// The table that is pointed to, with its database when that is another.
    pub table: String,
    /// The columns that are pointed to.
    pub referenced: Vec<String>,
    /// The field that points without a constraint, as `app_label.Model.field`.
    pub field: Option<String>,
    /// The name of the constraint that the code defines; none when the code defines none.
    pub constraint: Option<String>,
    /// The reference in every database that holds the target's table.
    pub environments: Vec<ReportReferenceIn>,
}

/// A reference in an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportReferenceIn {
    /// The environment.
    pub environment: String,
    /// The database.
    pub database: String,
    /// The constraints there; none when nothing ties the columns.
    pub constraints: Vec<String>,
}

/// A range of dates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DateRange {
    /// `YYYY-MM-DD`
    pub earliest: String,
    /// `YYYY-MM-DD`; none when it may be never.
    pub latest: Option<String>,
    /// The assumptions.
    pub assumption: String,
}

/// Fills in environments, columns, references and findings.
pub(super) fn fill(report: &mut Report, audit: &Audit, findings: &[check::Finding]) {
    report.environments = audit.environments.iter().map(environment).collect();
    report.columns = audit.columns.iter().map(|column| report_column(audit, column)).collect();
    report.references = audit.references.iter().map(|reference| report_reference(audit, reference)).collect();
    let mut prints = Fingerprints::default();
    report.findings = findings.iter().map(|finding| report_finding(finding, &mut prints)).collect();
    report.totals.findings = count(report.findings.len());
    for finding in &report.findings {
        *report.totals.findings_by_severity.entry(finding.severity.as_str().to_owned()).or_default() += 1;
        *report.totals.findings_by_check.entry(finding.check.clone()).or_default() += 1;
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn environment(environment: &crate::audit::Environment) -> ReportEnvironment {
    let facts = &environment.facts;
    let servers = facts.servers.iter().map(|server| ReportServer {
        address: server.address.clone(),
        flavour: flavour(server.flavour).to_owned(),
        version: server.version_text.clone(),
        read_at: server.read_at.clone(),
        account: server.account.clone(),
        encrypted: server.encrypted,
        read_only: server.read_only,
    });
    let databases = facts.databases.iter().zip(&environment.mappings).map(|(database, side)| ReportDatabase {
        name: database.name.clone(),
        from: origin(database).to_owned(),
        alias: side.alias.clone(),
        alias_from: side.why.clone(),
        tables: count(database.tables.found.len()),
    });
    let incomplete =
        facts.incomplete.iter().map(|part| ReportIncomplete { place: part.place.clone(), reason: part.reason.clone() });
    ReportEnvironment {
        name: facts.name.clone(),
        complete: facts.incomplete.is_empty(),
        servers: servers.collect(),
        databases: databases.collect(),
        incomplete: incomplete.collect(),
        unproven: unproven(facts),
    }
}

fn unproven(facts: &EnvironmentFacts) -> Vec<ReportUnproven> {
    let mut all: Vec<ReportUnproven> = facts
        .unproven()
        .into_iter()
        .map(|(place, what, reason)| ReportUnproven {
            place: place.to_owned(),
            what: what.to_owned(),
            reason: reason.to_owned(),
        })
        .collect();
    all.sort_by(|a, b| (&a.place, &a.what).cmp(&(&b.place, &b.what)));
    all
}

fn flavour(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::MySql => "MySQL",
        Flavour::MariaDb => "MariaDB",
        Flavour::Percona => "Percona Server",
        Flavour::Aurora => "Aurora",
    }
}

fn origin(database: &DatabaseFacts) -> &str {
    match &database.origin {
        Origin::Server { address } => address,
        Origin::Dump { file, .. } => file,
    }
}

fn report_finding(finding: &check::Finding, prints: &mut Fingerprints) -> ReportFinding {
    let subject = &finding.subject;
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    let parts = [
        part(&subject.environment),
        part(&subject.alias),
        part(&subject.table),
        part(&subject.column),
        part(&subject.name),
    ];
    let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    parts.insert(0, finding.check);
    ReportFinding {
        check: finding.check.to_owned(),
        severity: finding.severity,
        confidence: finding.confidence,
        message: finding.message.clone(),
        environment: subject.environment.clone(),
        alias: subject.alias.clone(),
        database: subject.database.clone(),
        table: subject.table.clone(),
        column: subject.column.clone(),
        name: subject.name.clone(),
        concerns_target: finding.concerns_target,
        blocks: finding.blocks,
        evidence: finding
            .evidence
            .iter()
            .map(|evidence| ReportEvidence {
                source: evidence.source.clone(),
                says: evidence.says.clone(),
                file: evidence.file.clone(),
                line: evidence.line,
            })
            .collect(),
        fix: finding.fix.clone(),
        fingerprint: prints.next(&parts),
    }
}

fn report_column(audit: &Audit, column: &IdColumn) -> ReportColumn {
    let server = audit.expected.first().map_or_else(Server::default, |code| code.server);
    let print = |held: &ColumnType| held.print(server);
    let model = audit.model_column(&column.table, &column.column);
    ReportColumn {
        alias: column.alias.clone(),
        table: column.table.clone(),
        column: column.column.clone(),
        role: match column.role {
            Role::Key => ColumnRole::Key,
            Role::Constraint => ColumnRole::Constraint,
            Role::Soft => ColumnRole::Soft,
        },
        field: column.field.clone().or_else(|| model.map(|model| model.field.clone())),
        found_by: column.found_by.clone(),
        confidence: column.confidence,
        models: model.and_then(|model| model.column_type.as_ref()).map(print),
        migrations: column.migrations.as_ref().map(print),
        constraint_expected: column.constraint.is_some(),
        needs: print(&audit.target.wanted),
        environments: column.places.iter().map(|place| column_in(audit, column, place)).collect(),
    }
}

fn report_reference(audit: &Audit, reference: &Reference) -> ReportReference {
    let places = reference.places.iter().map(|place| {
        let facts = &audit.environments[place.environment].facts;
        ReportReferenceIn {
            environment: facts.name.clone(),
            database: facts.databases[place.database].name.clone(),
            constraints: place.constraints.clone(),
        }
    });
    ReportReference {
        columns: reference.columns.clone(),
        table: reference.table.clone(),
        referenced: reference.referenced.clone(),
        field: reference.field.clone(),
        constraint: reference.constraint.clone(),
        environments: places.collect(),
    }
}

fn column_in(audit: &Audit, column: &IdColumn, place: &ColumnInstance) -> ReportColumnIn {
    let facts = &audit.environments[place.environment].facts;
    let database = &facts.databases[place.database];
    let measures = database.measures_of(&column.table);
    #[allow(clippy::cast_precision_loss, reason = "a share to be read by people")]
    let share = place.used.zip(place.limit).map(|(used, limit)| {
        // Rounded, so that a report is the same on every machine.
        (used as f64 / limit as f64 * 1e6).round() / 1e6
    });
    ReportColumnIn {
        environment: facts.name.clone(),
        database: database.name.clone(),
        column_type: place.column_type.clone(),
        constraint: place.constraints.first().cloned(),
        used: place.used.map(|used| used.to_string()),
        limit: place.limit.map(|limit| limit.to_string()),
        share,
        exhausted: place.exhausted.as_ref().map(|exhausted| DateRange {
            earliest: exhausted.earliest.to_string(),
            latest: exhausted.latest.map(|day| day.to_string()),
            assumption: exhausted.assumption.clone(),
        }),
        too_narrow: place.limit.is_some_and(|limit| limit < audit.target.highest_id()),
        rows: measures.and_then(|measures| measures.rows_estimate),
        bytes: measures.and_then(|measures| Some(measures.data_length? + measures.index_length.unwrap_or(0))),
    }
}
