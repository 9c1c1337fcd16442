//! What environments really hold: live servers, snapshots of them, and dumps of their definitions.
//!
//! The only place that opens a connection, and the only asynchronous one; [`read`] hides that. A server is only read:
//! in read-only transactions, with a time limit for every statement, over one connection, and not at all when it takes
//! writes, unless that is allowed. What the account may not see is unproven, never absent ([`proof`]).

pub mod address;
mod assignments;
pub mod compare;
mod contain;
pub mod dump;
pub mod facts;
pub mod grants;
mod introspect;
pub mod login;
mod mentions;
mod option_file;
pub mod proof;
mod request;
mod rights;
pub mod secret;
mod session;
pub mod shape;
pub mod snapshot;
mod wire;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::address::{Address, AddressError};
use self::dump::{Definitions, DumpError};
use self::facts::{DatabaseFacts, EnvironmentFacts, Incomplete, Origin};
use self::login::{CredentialSources, Login, LoginError};
pub use self::request::{Request, snake_case};
pub use self::session::Limits;
use self::session::Session;
use crate::source::{Gap, GapKind};

/// A source of facts about one or several databases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSource {
    /// A database on a server.
    Server {
        /// How to log in.
        login: Login,
        /// The database.
        database: String,
    },
    /// A snapshot, of any number of databases.
    Snapshot(PathBuf),
    /// A dump of definitions, a file or a folder.
    Dump {
        /// The file or folder.
        path: PathBuf,
        /// What it holds.
        definitions: Arc<Definitions>,
        /// The database, if the dump does not record it or another one is meant.
        database: Option<String>,
    },
}

/// An environment: several databases on several servers, snapshots and dumps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, such as `prod`.
    pub name: String,
    /// Where its databases are.
    pub places: Vec<DataSource>,
}

/// Why an environment is not read at all.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// A URL cannot be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Nobody can log in.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// It is no `NAME=PLACE`.
    #[error(
        "`{0}`: the name of the environment is missing; write prod=mysql://user@host/database, prod=snapshot.json or prod=dump.sql"
    )]
    NoName(String),
    /// A file cannot be read.
    #[error("cannot read {}: {source}; pass a snapshot, a dump, or a mysql:// URL", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing can be read of a dump.
    #[error("cannot read the dump {}: {source}", path.display())]
    Dump {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: DumpError,
    },
    /// A snapshot cannot be used.
    #[error(transparent)]
    Snapshot(#[from] snapshot::SnapshotError),
}

impl Source {
    /// Reads arguments such as `prod=mysql://audit@replica/edxapp`; a name may come several times, with a database
    /// each. A file that holds JSON is a snapshot, any other file a dump; `dump.sql#edxapp` names its database.
    ///
    /// # Errors
    ///
    /// When an argument is none, or a login is not possible.
    pub fn parse_all<'a>(
        arguments: impl IntoIterator<Item = &'a str>,
        around: &CredentialSources<'_>,
    ) -> Result<(Vec<Self>, Vec<Gap>), LiveError> {
        let mut sources: Vec<Self> = Vec::new();
        let mut gaps = Vec::new();
        for argument in arguments {
            let (name, place) = argument
                .split_once('=')
                .filter(|(name, place)| !name.is_empty() && !place.is_empty() && !name.contains("://"))
                .ok_or_else(|| LiveError::NoName(address::redact(argument)))?;
            let place = DataSource::parse(place, around, &mut gaps)?;
            match sources.iter_mut().find(|source| source.name == name) {
                Some(source) => source.places.push(place),
                None => sources.push(Self { name: name.to_owned(), places: vec![place] }),
            }
        }
        gaps.sort();
        gaps.dedup();
        Ok((sources, gaps))
    }
}

/// Bytes of a file that are read to distinguish JSON, gzip and SQL.
const SNIFF_BYTES: u64 = 4096;

impl DataSource {
    fn parse(text: &str, around: &CredentialSources<'_>, gaps: &mut Vec<Gap>) -> Result<Self, LiveError> {
        if text.contains("://") {
            let address = Address::parse(text)?;
            let login = login::resolve(&address, around, gaps)?;
            return Ok(Self::Server { login, database: address.database });
        }
        let (file, database) = match text.rsplit_once('#') {
            Some((file, database)) if !Path::new(text).exists() => (file, Some(database.to_owned())),
            _ => (text, None),
        };
        let path = PathBuf::from(file);
        if path.is_dir() {
            return Self::dump(path, database);
        }
        let cannot = |source| LiveError::File { path: path.clone(), source };
        // A dump may be large, and its first bytes are enough to distinguish it from a snapshot.
        let mut head = Vec::new();
        std::fs::File::open(&path).and_then(|file| file.take(SNIFF_BYTES).read_to_end(&mut head)).map_err(cannot)?;
        let is_json = head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        if is_json {
            // A file that is no snapshot, or too new, is an error to report immediately, and not a missing part.
            snapshot::read_file(&path)?;
            return Ok(Self::Snapshot(path));
        }
        Self::dump(path, database)
    }

    /// A dump, of which at least one table can be read.
    ///
    /// # Errors
    ///
    /// When nothing can be read of it.
    pub fn dump(path: PathBuf, database: Option<String>) -> Result<Self, LiveError> {
        match Definitions::open(&path, database.as_deref()) {
            Ok(definitions) => Ok(Self::Dump { path, definitions: Arc::new(definitions), database }),
            Err(source) => Err(LiveError::Dump { path, source }),
        }
    }
}

/// Reads an environment. Whatever cannot be read leaves it incomplete; whatever may be hidden is a gap.
#[must_use]
pub fn read(source: &Source, request: &Request) -> (EnvironmentFacts, Vec<Gap>) {
    let mut facts = EnvironmentFacts { name: source.name.clone(), ..EnvironmentFacts::default() };
    let mut gaps = Vec::new();
    for (login, databases) in servers(source) {
        read_server(login, &databases, request, &mut facts, &mut gaps);
    }
    for place in &source.places {
        match place {
            DataSource::Server { .. } => {}
            DataSource::Snapshot(path) => match snapshot::read_file(path) {
                Ok(environments) => add_snapshot(path, environments, &mut facts),
                Err(error) => facts.incomplete.push(incomplete(path, &error.to_string())),
            },
            DataSource::Dump { definitions, database, .. } => {
                let (databases, found) = definitions.facts(database.as_deref(), request);
                facts.databases.extend(databases);
                gaps.extend(found);
            }
        }
    }
    mentions::settle(&mut facts.databases);
    for database in &facts.databases {
        let unproven = facts::unproven(database);
        gaps.extend(unproven.into_iter().map(|(what, reason)| {
            let reason = format!("{}, {}, {what}: {reason}", source.name, database.name);
            let gap = Gap::general(GapKind::DatabaseUnproven, reason);
            gap.in_environment(&*source.name).of_object(&*database.name)
        }));
    }
    for server in &facts.servers {
        let unproven = facts::unproven_of_server(server);
        gaps.extend(unproven.into_iter().map(|(what, reason)| {
            let reason = format!("{}, {}, {what}: {reason}", source.name, server.address);
            let gap = Gap::general(GapKind::ServerUnproven, reason);
            gap.in_environment(&*source.name).of_object(&*server.address)
        }));
    }
    for Incomplete { place, reason } in &facts.incomplete {
        let gap = Gap::general(GapKind::EnvironmentIncomplete, format!("{}, {place}: {reason}", source.name));
        gaps.push(gap.in_environment(&*source.name).of_object(&**place));
    }
    gaps.sort();
    gaps.dedup();
    (facts, gaps)
}

fn incomplete(path: &Path, reason: &str) -> Incomplete {
    Incomplete { place: path.display().to_string(), reason: reason.to_owned() }
}

/// The databases of each server: one connection reads them all.
fn servers(source: &Source) -> Vec<(&Login, Vec<String>)> {
    let mut servers: Vec<(&Login, Vec<String>)> = Vec::new();
    for place in &source.places {
        let DataSource::Server { login, database } = place else { continue };
        match servers.iter_mut().find(|(known, _)| *known == login) {
            Some((_, databases)) if databases.contains(database) => {}
            Some((_, databases)) => databases.push(database.clone()),
            None => servers.push((login, vec![database.clone()])),
        }
    }
    servers
}

fn read_server(
    login: &Login,
    databases: &[String],
    request: &Request,
    facts: &mut EnvironmentFacts,
    gaps: &mut Vec<Gap>,
) {
    let place = login.place();
    let failed = |facts: &mut EnvironmentFacts, reason: &str| {
        let unread = |name: &String| {
            DatabaseFacts::unread(name, Origin::Server { address: place.clone() }, "the server could not be read")
        };
        facts.databases.extend(databases.iter().map(unread));
        facts.incomplete.push(Incomplete { place: place.clone(), reason: reason.to_owned() });
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(facts, &format!("cannot start the connections to servers: {error}")),
    };
    let read = || {
        runtime.block_on(async {
            let mut session = Session::open(login, request.limits).await?;
            let fallback = session.fallback.take();
            let password_shown = session.password_shown;
            let reading = introspect::read(&mut session, request, &place, databases).await;
            session.close().await;
            reading.map(|reading| (reading, fallback, password_shown))
        })
    };
    // Whatever a server makes this program stumble over costs this server alone.
    let Some(result) = contain::contained(read) else {
        return failed(facts, "csm-audit failed at an answer of the server, which is a fault of csm-audit");
    };
    match result {
        Ok((reading, fallback, password_shown)) => {
            if password_shown {
                gaps.push(Gap::general(
                    GapKind::PasswordShown,
                    format!(
                        "the password of {} was sent to {place} itself, as an option of the URL allows, and the server was \
                         not verified: any host that answers at this address can use the password from now on; \
                         ssl-mode=verify-identity verifies the server",
                        login.user
                    ),
                ));
            }
            if let Some(reason) = fallback {
                gaps.push(Gap::general(
                    GapKind::ConnectionInTheClear,
                    format!("the connection to {place} is not encrypted: {reason}; ssl-mode=required refuses such a connection"),
                ));
            }
            facts.servers.push(reading.server);
            facts.databases.extend(reading.databases);
            facts.incomplete.extend(reading.incomplete);
            gaps.extend(reading.gaps);
        }
        Err(error) => failed(facts, &error.to_string()),
    }
}

/// A snapshot may hold several environments: the one of this name is meant, or the only one.
fn add_snapshot(path: &Path, mut environments: Vec<EnvironmentFacts>, facts: &mut EnvironmentFacts) {
    let at = match environments.iter().position(|environment| environment.name == facts.name) {
        Some(at) => at,
        None if environments.len() == 1 => 0,
        None => {
            let reason = format!("the file contains {} environments, but not {}", environments.len(), facts.name);
            facts.incomplete.push(incomplete(path, &reason));
            return;
        }
    };
    let environment = environments.swap_remove(at);
    facts.servers.extend(environment.servers);
    facts.databases.extend(environment.databases);
    facts.incomplete.extend(environment.incomplete);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_name_environments() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("s.json"), "\n{\"kind\": \"csm-audit snapshot\", \"version\": 1, \"environments\": []}")
            .unwrap();
        std::fs::write(path("other.json"), "{}").unwrap();
        std::fs::write(path("d.sql"), "CREATE TABLE t (id INT);").unwrap();
        let around = CredentialSources {
            password_file: None,
            password_env: None,
            defaults_file: None,
            group_suffix: None,
            home: None,
            variable: &|_| None,
            ask: None,
        };
        let arguments = [
            "prod=mysql://a@h/one".to_owned(),
            "prod=mysql://a@h/two".to_owned(),
            format!("stage={}", path("s.json")),
            format!("edge={}#edx", path("d.sql")),
        ];
        let (sources, _) = Source::parse_all(arguments.iter().map(String::as_str), &around).unwrap();
        assert_eq!(sources.iter().map(|source| source.name.as_str()).collect::<Vec<_>>(), ["prod", "stage", "edge"]);
        assert_eq!(servers(&sources[0]).iter().map(|(_, names)| names.len()).collect::<Vec<_>>(), [2]);
        assert!(matches!(&sources[1].places[0], DataSource::Snapshot(_)));
        assert!(matches!(&sources[2].places[0], DataSource::Dump { database: Some(name), .. } if name == "edx"));
        let error = Source::parse_all([format!("x={}", path("other.json")).as_str()], &around).unwrap_err();
        assert!(error.to_string().contains("is not a valid snapshot"), "{error}");
        for wrong in ["mysql://u:s3cret@h/d?x=1", "prod=", "prod=/no/such/file", "prod=mysql://u:s3cret@h"] {
            let error = Source::parse_all([wrong], &around).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
