//! Where the tools connect: through a replica or at the primary, on whose platform, behind what.

use crate::live::facts::{DatabaseFacts, EnvironmentFacts, Flavour, Origin, ServerFacts};

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    fn parse(address: &str, variables: &ServerFacts) -> Self {
        let own_port = || variables.variables.get("port").and_then(|port| port.parse().ok()).unwrap_or(3306);
        if address.starts_with('/') {
            // gh-ost speaks TCP alone: the server behind a socket is on this machine.
            return Self { host: String::from("127.0.0.1"), port: own_port() };
        }
        match address.rsplit_once(':') {
            Some((host, port)) => Self {
                host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
                port: port.parse().unwrap_or(3306),
            },
            None => Self { host: address.to_owned(), port: 3306 },
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// How the tools reach the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// gh-ost inspects a replica, and finds the primary from there.
    Replica,
    /// It runs at the primary.
    Primary,
    /// It is unknown whether the server follows another.
    Unknown,
}

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// The operator's own.
    Own,
    /// Amazon RDS.
    Rds,
    /// Amazon Aurora; all instances share their storage, so that a reader has no binary log of its own.
    Aurora,
    /// Google Cloud SQL.
    CloudSql,
    /// Azure Database.
    Azure,
}

/// The servers of a database.
#[derive(Clone, Debug)]
pub struct Topology<'a> {
    /// What was read of the inspected server.
    pub server: &'a ServerFacts,
    /// The server that gh-ost inspects.
    pub inspected: Endpoint,
    /// How it reaches the primary.
    pub route: Route,
    /// The server that takes writes, as far as it is known.
    pub primary: Option<Endpoint>,
    /// What was read of it.
    pub primary_facts: Option<&'a ServerFacts>,
    /// Whose server it is.
    pub platform: Platform,
    /// It and the primary follow each other.
    pub is_circular: bool,
    /// It follows several servers.
    pub is_multi_source: bool,
    /// The port that it was reached at is not its own.
    pub is_proxied: bool,
}

impl<'a> Topology<'a> {
    /// The servers of a database; `None` for a dump, which has none.
    #[must_use]
    pub fn find(environment: &'a EnvironmentFacts, database: &DatabaseFacts) -> Option<Self> {
        let Origin::Server { address } = &database.origin else { return None };
        let server = environment.server(address)?;
        let inspected = Endpoint::parse(address, server);
        let platform = platform(server, &inspected);
        let sources = server.sources.as_ref();
        let found = sources.map_or(&[][..], |sources| sources.found.as_slice());
        let known = sources.is_some_and(|sources| sources.proof.is_proven());
        let route = match (platform, found.is_empty()) {
            // A reader of Aurora shares the writer's storage: whatever is done is done at the writer.
            (Platform::Aurora, _) | (_, true) if known && !server.read_only => Route::Primary,
            (_, false) => Route::Replica,
            _ => Route::Unknown,
        };
        let is_circular = found.iter().any(|source| {
            let other = environment.servers.iter().find(|other| is_at(other, &source.host, source.port));
            let back = other.and_then(|other| other.sources.as_ref());
            back.is_some_and(|back| back.found.iter().any(|source| is_at(server, &source.host, source.port)))
        });
        let other =
            found.first().and_then(|source| environment.servers.iter().find(|o| is_at(o, &source.host, source.port)));
        // Of two that follow each other, the one that takes writes is the primary.
        let is_writer = is_circular && !server.read_only && other.is_some_and(|other| other.read_only);
        let route = if is_writer { Route::Primary } else { route };
        let primary = match route {
            Route::Primary => Some(inspected.clone()),
            Route::Replica => last(environment, server),
            Route::Unknown => None,
        };
        let primary_facts = match (&primary, route) {
            (_, Route::Primary) => Some(server),
            (Some(end), _) => environment.servers.iter().find(|other| is_at(other, &end.host, end.port)),
            (None, _) => None,
        };
        let own = |name: &str| server.variables.get(name).and_then(|port| port.parse::<u16>().ok());
        let is_proxied = own("port").is_some_and(|port| port != inspected.port)
            && own("extra_port").is_none_or(|port| port != inspected.port)
            && !address.starts_with('/');
        Some(Self {
            server,
            inspected,
            route,
            primary,
            primary_facts,
            platform,
            is_circular,
            is_multi_source: found.len() > 1,
            is_proxied,
        })
    }

    /// A variable of the inspected server.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&'a str> {
        self.server.variables.get(name).map(String::as_str)
    }

    /// Whether the inspected server is MariaDB.
    #[must_use]
    pub fn is_mariadb(&self) -> bool {
        self.server.flavour == Flavour::MariaDb
    }

    /// What was read of the server that takes writes, in so many words.
    #[must_use]
    pub fn writer(&self) -> String {
        match (&self.primary, self.route) {
            (Some(primary), _) => primary.to_string(),
            (None, _) => String::from("the primary, whose address is unknown"),
        }
    }
}

fn is_at(server: &ServerFacts, host: &str, port: u16) -> bool {
    let end = Endpoint::parse(&server.address, server);
    let same = |a: &str, b: &str| {
        let local = |host: &str| ["localhost", "127.0.0.1", "::1"].contains(&host);
        a.eq_ignore_ascii_case(b) || local(a) && local(b)
    };
    end.port == port && same(&end.host, host)
}

/// The end of a chain of replicas, as far as its links were read.
fn last(environment: &EnvironmentFacts, server: &ServerFacts) -> Option<Endpoint> {
    let mut at = server;
    let mut end = None;
    // A circle has no end; longer chains of servers do not occur.
    for _ in 0..environment.servers.len().max(1) {
        let Some(source) = at.sources.as_ref().and_then(|sources| sources.found.first()) else { break };
        end = Some(Endpoint { host: source.host.clone(), port: source.port });
        match environment.servers.iter().find(|other| is_at(other, &source.host, source.port)) {
            Some(next) if next.address != server.address => at = next,
            _ => break,
        }
    }
    end
}

fn platform(server: &ServerFacts, end: &Endpoint) -> Platform {
    let variable = |name: &str| server.variables.get(name).map_or("", String::as_str);
    let host = end.host.to_lowercase();
    if server.flavour == Flavour::Aurora || server.variables.contains_key("aurora_version") {
        Platform::Aurora
    } else if variable("basedir").starts_with("/rdsdbbin") || host.ends_with(".rds.amazonaws.com") {
        Platform::Rds
    } else if server.version_text.contains("-google") {
        Platform::CloudSql
    } else if host.ends_with(".mysql.database.azure.com") || server.version_text.contains("-azure") {
        Platform::Azure
    } else {
        Platform::Own
    }
}
