//! SARIF 2.1.0, the part of it that is needed, for tools that show results beside the code.
//!
//! Findings come first, then touchpoints as notes. Consumers refuse long logs, so there is a limit, and a notification
//! says what was cut.

use std::collections::BTreeMap;
use std::io::{self, Write};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::annotations::place_in;
use super::humanize;
use super::v1::{Report, ReportFinding, ReportRootKind, ReportTouchpoint};
use crate::finding::{Access, Confidence, Kind, Severity};

/// More results than this are cut.
pub const LIMIT: usize = 5000;

/// Relative roots start here; readers of the log have the sources.
const SOURCES: &str = "SRCROOT";

/// What stands in a path as it is; everything else is encoded.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool<'a>,
    invocations: [Invocation; 1],
    original_uri_base_ids: BTreeMap<String, Artifact>,
    column_kind: &'static str,
    results: Vec<SarifResult<'a>>,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'a> {
    name: &'a str,
    semantic_version: &'a str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    name: String,
    short_description: Message,
    full_description: Message,
    help: Message,
    default_configuration: Configuration,
    properties: Properties,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Properties {
    tags: Vec<&'static str>,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Message,
    descriptor: Descriptor,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location>,
}

#[derive(Serialize)]
struct Descriptor {
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult<'a> {
    rule_id: String,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    partial_fingerprints: BTreeMap<&'static str, &'a str>,
    properties: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_location: Option<Physical>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<Logical>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_base_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_column: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_column: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet: Option<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Logical {
    name: String,
    fully_qualified_name: String,
    kind: &'static str,
}

/// Writes the log, with a line ending at its end.
///
/// # Errors
///
/// When it cannot be written.
pub fn write(report: &Report, mut to: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut to, &log(report))?;
    to.write_all(b"\n")?;
    to.flush()
}

fn log(report: &Report) -> Log<'_> {
    let rules = rules(report);
    let index: BTreeMap<&str, usize> = rules.iter().enumerate().map(|(at, rule)| (rule.id.as_str(), at)).collect();
    let mut homeless = 0;
    let mut results: Vec<SarifResult<'_>> = Vec::new();
    for finding in &report.findings {
        match finding_result(report, finding, &index) {
            Some(result) => results.push(result),
            None => homeless += 1,
        }
    }
    // Findings are sorted already, the gravest first; touchpoints follow as much as they matter.
    let mut touchpoints: Vec<&ReportTouchpoint> = report.touchpoints.iter().collect();
    touchpoints.sort_by_key(|found| weight(report, found));
    let all = results.len() + touchpoints.len();
    results.truncate(LIMIT);
    touchpoints.truncate(LIMIT - results.len());
    results.extend(touchpoints.into_iter().map(|found| touchpoint_result(report, found, &index)));

    let mut notifications = Vec::new();
    if all > results.len() {
        let text = format!(
            "{} results were left out of this log, which contains {}: the least important touchpoints. The JSON report of \
             csm-audit holds all {}.",
            humanize::number(humanize::length(all - results.len())),
            humanize::number(humanize::length(results.len())),
            humanize::number(humanize::length(all)),
        );
        notifications.push(notification("results-cut", "warning", text));
    }
    if homeless > 0 {
        let text = format!(
            "{} about databases {} no location in the scanned code; see the JSON report.",
            humanize::counted(homeless, "finding"),
            if homeless == 1 { "has" } else { "have" },
        );
        notifications.push(notification("findings-without-place", "warning", text));
    }
    if report.environments.is_empty() {
        notifications.push(notification("no-database", "note", humanize::WITHOUT_DATABASES.to_owned()));
    }
    for (kind, count) in &report.totals.gaps_by_kind {
        let text =
            format!("{} of kind {kind}: not analysed; the JSON report lists them.", humanize::counted(*count, "gap"));
        notifications.push(notification("gap", "note", text));
    }
    let complete = report.environments.iter().all(|environment| environment.complete);
    Log {
        schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool { driver: Driver { name: &report.tool.name, semantic_version: &report.tool.version, rules } },
            invocations: [Invocation { execution_successful: complete, tool_execution_notifications: notifications }],
            original_uri_base_ids: bases(report),
            column_kind: "unicodeCodePoints",
            results,
        }],
    }
}

fn notification(id: &str, level: &'static str, text: String) -> Notification {
    Notification {
        level,
        message: Message { text },
        descriptor: Descriptor { id: id.to_owned() },
        locations: Vec::new(),
    }
}

/// The less, the more important: what writes before what reads, what is sure before what is not, tests last.
fn weight(report: &Report, found: &ReportTouchpoint) -> (bool, bool, u8, std::cmp::Reverse<Confidence>) {
    let access = match found.access {
        Access::Delete | Access::Schema => 0,
        Access::Write | Access::ReadWrite => 1,
        Access::Unknown => 2,
        Access::Read => 3,
        Access::None => 4,
    };
    let own = report.roots.get(found.root).is_some_and(|root| root.kind == ReportRootKind::Project);
    (!own, found.is_test, access, std::cmp::Reverse(found.confidence))
}

fn finding_result<'a>(
    report: &'a Report,
    finding: &'a ReportFinding,
    index: &BTreeMap<&str, usize>,
) -> Option<SarifResult<'a>> {
    let (root, file, line) = place_in(report, finding)?;
    let mut main = location(report, root, file, line.map(|line| region(report, file, line)));
    main.logical_locations = logical(finding);
    let related = finding.evidence.iter().filter_map(|evidence| {
        let (file, line) = (evidence.file.as_deref()?, evidence.line?);
        let mut place = location(report, report.root_of(file)?, file, Some(region(report, file, line)));
        place.message = Some(Message { text: visible(&format!("{}: {}", evidence.source, evidence.says)) });
        Some(place)
    });
    let mut text = finding.message.clone();
    let object = humanize::object(finding);
    if !object.is_empty() {
        text.push_str(&format!(" ({object})"));
    }
    for evidence in &finding.evidence {
        text.push_str(&format!("\n{}: {}", evidence.source, evidence.says));
    }
    if !finding.fix.is_empty() {
        text.push_str(&format!("\nFix: {}", finding.fix));
    }
    let mut properties = BTreeMap::from([
        ("confidence", finding.confidence.as_str().to_owned()),
        ("blocks", finding.blocks.to_string()),
    ]);
    if let Some(environment) = &finding.environment {
        properties.insert("environment", environment.clone());
    }
    Some(SarifResult {
        rule_index: index.get(finding.check.as_str()).copied()?,
        rule_id: finding.check.clone(),
        level: level(finding.severity),
        message: Message { text: visible(&text) },
        locations: vec![main],
        related_locations: related.collect(),
        partial_fingerprints: BTreeMap::from([("csmAudit/v1", finding.fingerprint.as_str())]),
        properties,
    })
}

fn touchpoint_result<'a>(
    report: &'a Report,
    found: &'a ReportTouchpoint,
    index: &BTreeMap<&str, usize>,
) -> SarifResult<'a> {
    let id = touchpoint_rule(found.kind);
    let region = Region {
        start_line: found.line.max(1),
        start_column: Some(found.column.max(1)),
        end_line: Some(found.end_line.max(1)),
        end_column: Some(found.end_column.max(1)),
        snippet: None,
    };
    let text = format!("{} of {}: {} ({})", found.kind.as_str(), found.target, found.symbol, found.access.as_str());
    SarifResult {
        rule_index: index.get(id.as_str()).copied().unwrap_or_default(),
        rule_id: id,
        level: "note",
        message: Message { text: visible(&text) },
        locations: vec![location(report, found.root, &found.file, Some(region))],
        related_locations: Vec::new(),
        partial_fingerprints: BTreeMap::from([("csmAudit/v1", found.fingerprint.as_str())]),
        properties: BTreeMap::from([
            ("access", found.access.as_str().to_owned()),
            ("confidence", found.confidence.as_str().to_owned()),
            ("enclosing", found.enclosing.clone()),
            ("isTest", found.is_test.to_string()),
        ]),
    }
}

fn visible(text: &str) -> String {
    humanize::visible(text).into_owned()
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn region(report: &Report, file: &str, line: u32) -> Region {
    let snippet = report.line_of_code(file, line).map(|code| Message { text: code.1.to_owned() });
    Region { start_line: line.max(1), start_column: None, end_line: None, end_column: None, snippet }
}

fn location(report: &Report, root: usize, file: &str, region: Option<Region>) -> Location {
    let path = report.place(root, file);
    // What is below the folder where the program was started is found by everyone who has the sources there.
    let (uri, base) = if is_relative(&path) { (path, SOURCES.to_owned()) } else { (file.to_owned(), root_id(root)) };
    let uri = utf8_percent_encode(&uri, PATH).to_string();
    Location {
        physical_location: Some(Physical {
            artifact_location: Artifact { uri: Some(uri), uri_base_id: Some(base), description: None },
            region,
        }),
        logical_locations: Vec::new(),
        message: None,
    }
}

fn is_relative(path: &str) -> bool {
    !path.starts_with('/') && !path.contains('\\') && !path.contains(':') && path.split('/').all(|part| part != "..")
}

fn root_id(root: usize) -> String {
    format!("ROOT{}", root + 1)
}

/// What relative paths are relative to.
fn bases(report: &Report) -> BTreeMap<String, Artifact> {
    let mut bases = BTreeMap::from([(
        SOURCES.to_owned(),
        Artifact {
            uri: None,
            uri_base_id: None,
            description: Some(Message { text: "The folder in which csm-audit was started.".to_owned() }),
        },
    )]);
    for (at, root) in report.roots.iter().enumerate() {
        if is_relative(&report.place(at, "x")) {
            continue;
        }
        let absolute = root.name.starts_with('/');
        let name = utf8_percent_encode(root.name.trim_end_matches('/'), PATH);
        let artifact = Artifact {
            uri: absolute.then(|| format!("file://{name}/")),
            uri_base_id: None,
            description: Some(Message { text: visible(&root.name) }),
        };
        bases.insert(root_id(at), artifact);
    }
    bases
}

/// The object of a database.
fn logical(finding: &ReportFinding) -> Vec<Logical> {
    let object = humanize::object(finding);
    let kinds = [(&finding.column, "column"), (&finding.table, "table"), (&finding.database, "database")];
    let found = kinds.into_iter().find_map(|(name, kind)| Some((name.clone()?, kind)));
    let found = found.filter(|_| !object.is_empty());
    found.map(|(name, kind)| Logical { name, fully_qualified_name: object, kind }).into_iter().collect()
}

fn touchpoint_rule(kind: Kind) -> String {
    format!("touchpoint/{}", kind.as_str())
}

/// The checks that found something, and the kinds of touchpoints there are.
fn rules(report: &Report) -> Vec<Rule> {
    let mut checks: BTreeMap<&str, Severity> = BTreeMap::new();
    for finding in &report.findings {
        let severity = checks.entry(&finding.check).or_insert(finding.severity);
        *severity = finding.severity.max(*severity);
    }
    let mut kinds: Vec<Kind> = report.touchpoints.iter().map(|found| found.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let checks = checks.into_iter().map(|(check, severity)| {
        let words = visible(&check.replace('-', " "));
        Rule {
            id: check.to_owned(),
            name: pascal(check),
            short_description: Message { text: words.clone() },
            full_description: Message { text: format!("A check of databases against the code: {words}.") },
            help: Message {
                text: format!("csm-audit explain {check} describes the check, the reason for it and the fix."),
            },
            default_configuration: Configuration { level: level(severity) },
            properties: Properties { tags: vec!["database", "django", "migration"] },
        }
    });
    let kinds = kinds.into_iter().map(|kind| Rule {
        id: touchpoint_rule(kind),
        name: pascal(&touchpoint_rule(kind)),
        short_description: Message { text: format!("Touchpoint: {}", kind.as_str()) },
        full_description: Message { text: format!("A use of {}, its table or a relation to it.", report.target) },
        help: Message { text: kind_help(kind).to_owned() },
        default_configuration: Configuration { level: "note" },
        properties: Properties { tags: vec!["django", "touchpoint"] },
    });
    checks.chain(kinds).collect()
}

fn pascal(id: &str) -> String {
    let words = id.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(String::new(), |mut out, word| {
        let mut letters = word.chars();
        out.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        out.extend(letters);
        out
    })
}

/// What a kind of touchpoint means for a change of the table.
fn kind_help(kind: Kind) -> &'static str {
    match kind {
        Kind::Definition => "The definition of the model, and of the type of its key.",
        Kind::Subclass => "A class that inherits from the model, and its table or behaviour with it.",
        Kind::Import => "An import of the model. Its uses are separate touchpoints.",
        Kind::Reference => "The model is named: in an annotation, an exception, a check or an argument.",
        Kind::Query => "Rows are read or written by a query. It runs against the table while the table is changed.",
        Kind::Constructor => "A row is created here.",
        Kind::MethodCall => "A method of the model is called that queries the table.",
        Kind::Relation => "A field that points to the model: its column stores the ids and must be as wide as the key.",
        Kind::RelationUse => "A relation to the model is followed: an accessor, a lookup or the column.",
        Kind::Migration => "A migration that describes or changes the table.",
        Kind::RawSql => "SQL text references the table. Django does not update it when columns change.",
        Kind::Signal => "A receiver runs when rows change.",
        Kind::Admin => "The model is editable in Django's admin.",
        Kind::Factory => "Tests create rows here.",
        Kind::StringReference => "A string contains the name of the model, without an import.",
        Kind::Instance => "An operation on a row: a write of an attribute, a save, a deletion, or a use of its id.",
        Kind::Evaluation => "A queryset that was built elsewhere is evaluated here, unless it was evaluated before.",
        Kind::Cascade => {
            "Rows of another model are deleted here, and Django's collector also deletes rows of this model."
        }
        Kind::Configuration => "Settings, flags or routers that select the database of the table or enable its use.",
        Kind::Fixture => "A fixture contains rows of the table.",
        Kind::SqlFile => "An SQL file references the table. It is run outside of the code.",
        Kind::Template => "A template shows rows of the model.",
        Kind::Script => "A script references the table or the model.",
        Kind::Document => "A document mentions the model.",
    }
}
