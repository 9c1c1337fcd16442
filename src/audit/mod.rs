//! What the code expects and what the environments hold, side by side: which Django alias each database stands for,
//! and which columns store the target's ids.

mod columns;
mod copies;
mod exhaustion;
mod mapping;
mod programs;
mod references;

use crate::config::{DEFAULT_KEY_TYPE, Settings};
use crate::expected::{Expected, ModelColumn, expect_of_database};
use crate::field::largest_integer;
use crate::live::facts::{DatabaseFacts, EnvironmentFacts, Flavour, Origin};
use crate::live::snake_case;
use crate::registry::{Evaluator, RegistryError};
use crate::schema::{ColumnType, Database, Server};
use crate::source::{Gap, GapKind};

pub use columns::{ColumnInstance, Exhaustion, IdColumn, Role};
pub use programs::IdVariable;
pub use references::{Reference, ReferencePlace};

/// Why the code and the environments cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The configured type of the key is no integer type.
    #[error("`{0}` is not a valid key type; write an integer type, such as {DEFAULT_KEY_TYPE}")]
    KeyType(String),
    /// The project cannot be evaluated.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// The code and the environments, side by side.
#[derive(Debug)]
pub struct Audit {
    /// What it is about.
    pub target: Target,
    /// What the code expects, once for every server that an environment has; the first one when there is none.
    pub expected: Vec<Expected>,
    /// The environments.
    pub environments: Vec<Environment>,
    /// The columns that store the target's ids, its own key first.
    pub columns: Vec<IdColumn>,
    /// The variables of triggers, routines and events that hold ids.
    pub variables: Vec<IdVariable>,
    /// What the target's own table points to.
    pub references: Vec<Reference>,
    /// What could not be modelled.
    pub gaps: Vec<Gap>,
}

/// The model whose key is to change, and its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `app_label.Model`
    pub label: String,
    /// Its table.
    pub table: String,
    /// The column of its key.
    pub key: String,
    /// What the key is to become.
    pub wanted: ColumnType,
}

/// An environment, and what its databases are to the code.
#[derive(Debug)]
pub struct Environment {
    /// What was read.
    pub facts: EnvironmentFacts,
    /// One for each of its databases, in their order.
    pub mappings: Vec<AliasMapping>,
}

/// The Django alias that a live database stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasMapping {
    /// The alias it stands for.
    pub alias: Option<String>,
    /// Why that alias, or why none.
    pub why: String,
    /// The index of the expectation for its server.
    pub expected: usize,
}

/// A database of an environment, with what the code expects of it.
#[derive(Clone, Copy, Debug)]
pub struct MappedDatabase<'a> {
    /// The environment.
    pub environment: &'a Environment,
    /// Its index.
    pub environment_index: usize,
    /// What was read.
    pub database: &'a DatabaseFacts,
    /// Its index.
    pub database_index: usize,
    /// The alias that it stands for.
    pub mapping: &'a AliasMapping,
    /// The expectation for its server.
    pub code: &'a Expected,
    /// The tables that the code expects in it; `None` when it stands for no alias.
    pub tables: Option<&'a Database>,
}

impl Audit {
    /// Puts the code of a project and the environments side by side.
    ///
    /// # Errors
    ///
    /// When the project cannot be evaluated, or the configured key type is no integer type.
    pub fn new(settings: &Settings, evaluator: &Evaluator, facts: Vec<EnvironmentFacts>) -> Result<Self, AuditError> {
        Self::with_history(settings, evaluator, facts, &[])
    }

    /// As [`Audit::new`]. `earlier` are older facts of the same environments, by name: the growth between the two dates
    /// gives the dates on which keys are exhausted.
    ///
    /// # Errors
    ///
    /// As [`Audit::new`].
    pub fn with_history(
        settings: &Settings,
        evaluator: &Evaluator,
        facts: Vec<EnvironmentFacts>,
        earlier: &[EnvironmentFacts],
    ) -> Result<Self, AuditError> {
        let wanted = ColumnType::parse(&settings.key_type);
        if wanted.integer_range().is_none() {
            return Err(AuditError::KeyType(settings.key_type.clone()));
        }
        let mut servers: Vec<Server> = Vec::new();
        let asked: Option<Server> = settings.server.as_deref().and_then(|text| text.parse().ok());
        let server = |facts, database| server_of(facts, database, asked.is_some());
        let of: Vec<Vec<Option<Server>>> =
            facts.iter().map(|one| one.databases.iter().map(|database| server(one, database)).collect()).collect();
        for server in of.iter().flatten().flatten() {
            if !servers.contains(server) {
                servers.push(*server);
            }
        }
        let fallback: Server = asked.or_else(|| servers.first().copied()).unwrap_or_default();
        if servers.is_empty() || of.iter().flatten().any(Option::is_none) && !servers.contains(&fallback) {
            servers.push(fallback);
        }
        let mut expected = Vec::with_capacity(servers.len());
        for server in &servers {
            // What the models say is the same for every server but for the names of types.
            expected.push(expect_of_database(evaluator, Some(*server), expected.is_empty())?);
        }
        let at = |server: Option<Server>| {
            let server = server.unwrap_or(fallback);
            servers.iter().position(|known| *known == server).unwrap_or(0)
        };
        let mut gaps = if asked.is_none() { guesses(&facts) } else { Vec::new() };
        for expected in &expected {
            gaps.extend(expected.gaps.iter().cloned());
        }
        let target = Target::find(settings, &expected, wanted);
        let mut environments = Vec::with_capacity(facts.len());
        for (facts, servers) in facts.into_iter().zip(of) {
            let wanted: Vec<usize> = servers.into_iter().map(at).collect();
            let mappings = mapping::mappings(&facts, &wanted, &expected, settings, &mut gaps);
            environments.push(Environment { facts, mappings });
        }
        let columns = columns::find(&target, &expected, &environments);
        let references = references::find(&target, &expected, &environments);
        let variables = programs::variables(&columns, &environments);
        let mut audit = Self { target, expected, environments, columns, variables, references, gaps };
        audit.compute_exhaustion(earlier);
        audit.push_unmeasured_gaps();
        audit.gaps.sort();
        audit.gaps.dedup();
        Ok(audit)
    }

    /// A server is asked for the sizes and ranges of tables that seem to have to do with the target. Whoever took a
    /// snapshot without the code cannot contain all of them.
    fn push_unmeasured_gaps(&mut self) {
        for column in &self.columns {
            for place in column.places.iter().filter(|place| place.column_type.is_some()) {
                let facts = &self.environments[place.environment].facts;
                let database = &facts.databases[place.database];
                let from_server =
                    matches!(database.origin, Origin::Server { .. }) && database.measures.proof.is_proven();
                if from_server && database.measures_of(&column.table).is_none() {
                    let reason = format!(
                        "{}, {}: {} was not measured: only the code shows that its {} stores ids of {}; a \
                         snapshot measures it with --column {}",
                        facts.name, database.name, column.table, column.column, self.target.label, column.column
                    );
                    let gap = Gap::general(GapKind::ColumnUnmeasured, reason);
                    self.gaps
                        .push(gap.in_environment(&*facts.name).of_object(&*column.table).of_field(&*column.column));
                }
            }
        }
    }

    /// Every database with what the code expects of it.
    pub fn pairs(&self) -> impl Iterator<Item = MappedDatabase<'_>> {
        self.environments.iter().enumerate().flat_map(move |(environment_index, environment)| {
            let databases = environment.facts.databases.iter().zip(&environment.mappings).enumerate();
            databases.filter_map(move |(database_index, (database, mapping))| {
                let code = self.expected.get(mapping.expected)?;
                let tables = mapping.alias.as_ref().and_then(|alias| code.databases.get(alias));
                Some(MappedDatabase { environment, environment_index, database, database_index, mapping, code, tables })
            })
        })
    }

    /// A column as the models say it.
    #[must_use]
    pub fn model_column(&self, table: &str, column: &str) -> Option<&ModelColumn> {
        let columns = self.expected.iter().flat_map(|code| &code.model_columns);
        let mut same = columns
            .filter(|known| known.table.eq_ignore_ascii_case(table) && known.column.eq_ignore_ascii_case(column));
        same.next()
    }

    /// The fields that store the target's ids as plain integers of fewer than 64 bits, each with the largest value that
    /// Django accepts. Their columns are widened with the others, and the range of the field stays.
    pub fn narrow_fields(&self) -> impl Iterator<Item = (&IdColumn, &ModelColumn, i128)> {
        let highest = self.target.highest_id().min(i128::from(i64::MAX));
        self.columns.iter().filter(|column| column.role == Role::Soft).filter_map(move |column| {
            let field = self.model_column(&column.table, &column.column).filter(|one| one.referenced.is_none())?;
            let largest = largest_integer(&field.internal_type).filter(|largest| *largest < highest)?;
            let generates = field.internal_type.ends_with("AutoField");
            (!generates).then_some((column, field, largest))
        })
    }

    /// Whether a table is the target's, or holds a column that stores its ids.
    #[must_use]
    pub fn concerns(&self, table: &str) -> bool {
        let same = |other: &str| other.eq_ignore_ascii_case(table);
        same(&self.target.table) || self.columns.iter().any(|column| same(&column.table))
    }
}

impl MappedDatabase<'_> {
    /// The environment's name.
    #[must_use]
    pub fn environment_name(&self) -> &str {
        &self.environment.facts.name
    }
}

impl Target {
    /// The target's table and key by the state of the migrations, or by Django's habits.
    fn find(settings: &Settings, expected: &[Expected], wanted: ColumnType) -> Self {
        let label = settings.target.clone();
        let (app, model) = label.split_once('.').unwrap_or(("", &label));
        let by_state = expected.iter().find_map(|expected| expected.models.get(&label.to_lowercase()));
        let (table, key) = by_state.map_or_else(
            || (format!("{app}_{}", model.to_lowercase()), String::from("id")),
            |model| (model.table.clone(), model.key.clone()),
        );
        Self { label, table, key, wanted }
    }

    /// The names of columns that people give to a field that holds its ids.
    #[must_use]
    pub fn usual_columns(&self) -> Vec<String> {
        let model = self.label.rsplit('.').next().unwrap_or_default();
        let (plain, words) = (model.to_lowercase(), snake_case(model));
        let mut names = vec![format!("{plain}_id")];
        if words != plain {
            names.push(format!("{words}_id"));
        }
        names
    }

    /// The largest id that every column that stores ids has to hold. A signed column of 64 bits is wide enough in
    /// practice for an unsigned key of 64 bits.
    #[must_use]
    pub fn highest_id(&self) -> i128 {
        self.wanted.integer_range().map_or(i128::from(i64::MAX), |(_, high)| high.min(i128::from(i64::MAX)))
    }
}

/// Dumps that do not record their server.
fn guesses(facts: &[EnvironmentFacts]) -> Vec<Gap> {
    let databases = facts.iter().flat_map(|facts| facts.databases.iter().map(|database| (&facts.name, database)));
    databases
        .filter_map(|(environment, database)| {
            let Origin::Dump { file, server } = &database.origin else { return None };
            let taken = match server {
                Some(server) if !server.guessed => return None,
                Some(server) => {
                    let known = Server { mariadb: server.flavour == Flavour::MariaDb, version: server.version };
                    format!("assumed to be {known} by {}", server.from)
                }
                None => "it does not record a server".to_owned(),
            };
            let reason = format!(
                "{environment}, {}: the server of the dump {file} is unknown: {taken}. server = \"mysql-8.0\" in \
                 csm-audit.toml says it",
                database.name
            );
            Some(
                Gap::general(GapKind::DumpWithoutServer, reason).in_environment(environment).of_object(&*database.name),
            )
        })
        .collect()
}

/// The make and version of the server that a database is on; a dump may not tell, and its guess counts only where nobody
/// was `asked` for the server.
fn server_of(facts: &EnvironmentFacts, database: &DatabaseFacts, asked: bool) -> Option<Server> {
    match &database.origin {
        Origin::Server { address } => {
            let server = facts.server(address)?;
            Some(Server { mariadb: server.flavour == Flavour::MariaDb, version: server.version })
                .filter(|server| server.version != (0, 0, 0))
        }
        Origin::Dump { server, .. } => {
            let server = server.as_ref().filter(|server| server.version != (0, 0, 0))?;
            // A configured server takes precedence.
            let known = !server.guessed || !asked;
            known.then_some(Server { mariadb: server.flavour == Flavour::MariaDb, version: server.version })
        }
    }
}
