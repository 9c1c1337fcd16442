//! What a check says.

use super::Check;
use super::context::{MIGRATIONS, Matched};
use crate::audit::MappedDatabase;
use crate::finding::{Confidence, Severity};
use crate::schema::Part;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The name of the check.
    pub check: &'static str,
    /// The severity.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// What it is about.
    pub subject: Subject,
    /// What was found, in a sentence.
    pub message: String,
    /// Whether it is about the target, or something that stores or points to its ids.
    pub concerns_target: bool,
    /// Whether the change of the key must not begin before it is settled.
    pub blocks: bool,
    /// The evidence of each source.
    pub evidence: Vec<Evidence>,
    /// The fix.
    pub fix: String,
}

/// What a finding is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The environment; none when it is about the code alone.
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
}

/// The evidence of one source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evidence {
    /// `models`, `migrations`, or an environment's name.
    pub source: String,
    /// What it says.
    pub says: String,
    /// The file, when it is code.
    pub file: Option<String>,
    /// 1-based line.
    pub line: Option<u32>,
}

impl Finding {
    /// A finding about the code alone.
    pub(super) fn of_code(check: &Check, message: String) -> Self {
        Self {
            check: check.id,
            severity: check.severity,
            confidence: Confidence::Certain,
            subject: Subject::default(),
            message,
            concerns_target: false,
            blocks: false,
            evidence: Vec::new(),
            fix: String::new(),
        }
    }

    /// A finding about a database.
    pub(super) fn new(check: &Check, pair: &MappedDatabase<'_>, message: String) -> Self {
        let subject = Subject {
            environment: Some(pair.environment_name().to_owned()),
            alias: pair.mapping.alias.clone(),
            database: Some(pair.database.name.clone()),
            ..Subject::default()
        };
        Self { subject, ..Self::of_code(check, message) }
    }

    pub(super) fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    pub(super) fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    pub(super) fn table(mut self, table: &str) -> Self {
        self.subject.table = Some(table.to_owned());
        self
    }

    pub(super) fn column(mut self, column: &str) -> Self {
        self.subject.column = Some(column.to_owned());
        self
    }

    pub(super) fn name(mut self, name: &str) -> Self {
        self.subject.name = Some(name.to_owned());
        self
    }

    /// Marks a finding about the target, or about a column that stores its ids.
    pub(super) fn affects_target_if(mut self, concerns: bool) -> Self {
        self.concerns_target = concerns;
        self
    }

    /// Marks a finding that must be resolved before the key is changed.
    pub(super) fn blocks_change_if(mut self, blocks: bool) -> Self {
        self.blocks = blocks;
        self
    }

    pub(super) fn evidence(mut self, source: &str, says: impl Into<String>) -> Self {
        self.evidence.push(Evidence { source: source.to_owned(), says: says.into(), file: None, line: None });
        self
    }

    pub(super) fn evidence_at(mut self, source: &str, says: impl Into<String>, file: &str, line: u32) -> Self {
        let says = says.into();
        self.evidence.push(Evidence { source: source.to_owned(), says, file: Some(file.to_owned()), line: Some(line) });
        self
    }

    /// What the migrations say, with the one that said it last.
    pub(super) fn evidence_from_migration(
        self,
        matched: &Matched<'_>,
        part: Part,
        name: &str,
        says: impl Into<String>,
    ) -> Self {
        let alias = matched.pair.mapping.alias.as_deref();
        let made = alias.and_then(|alias| matched.pair.code.made_by(alias, matched.name, part, name));
        match made {
            Some(migration) => self.evidence_at(MIGRATIONS, says, &migration.file, migration.line),
            None => self.evidence(MIGRATIONS, says),
        }
    }

    pub(super) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    /// The gravest first, then what concerns the target, then by environment, in their own order, and by place.
    pub(super) fn order<'a>(&'a self, environments: &[&str]) -> impl Ord + 'a {
        use std::cmp::Reverse;
        let named = self.subject.environment.as_deref();
        (
            Reverse(self.blocks),
            Reverse(self.severity),
            Reverse(self.concerns_target),
            environments.iter().position(|name| Some(*name) == named).unwrap_or(environments.len()),
            self.check,
            &self.subject,
            Reverse(self.confidence),
            &self.message,
        )
    }
}
