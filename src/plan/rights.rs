//! The rights of the account that acts, by tool, server and flags: as `GRANT` statements, as what a script proves, and as
//! what a snapshot of the account shows.
//!
//! Sources: gh-ost doc/requirements-and-limitations.md and go/logic/inspect.go (`validateGrants`), go/logic/applier.go
//! (`ExpectMetadataLock`); pt-online-schema-change(1), PRIVILEGES; MySQL manual, "Privileges Provided by MySQL" and the pages
//! of ALTER TABLE and of FOREIGN KEY constraints; MariaDB Knowledge Base, GRANT.

use std::str::FromStr;

use super::sql;
use super::topology::Topology;
use crate::live::facts::{Flavour, ServerFacts};

/// A tool, with the account that runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Tool {
    /// gh-ost, and the scripts of its steps.
    GhOst,
    /// pt-online-schema-change, and the scripts of its steps.
    #[value(name = "pt-osc", alias = "pt-online-schema-change")]
    PtOsc,
    /// The scripts that run `ALTER TABLE`.
    Alter,
}

/// A server as far as rights depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerKind {
    /// Whether it is MariaDB.
    pub mariadb: bool,
    /// Its version.
    pub version: (u16, u16, u16),
}

impl ServerKind {
    pub(super) fn of(server: &ServerFacts) -> Self {
        Self { mariadb: server.flavour == Flavour::MariaDb, version: server.version }
    }

    /// Whether it has the instrument `wait/lock/metadata/sql/mdl` and the table `metadata_locks` (MySQL 5.7.3, MariaDB
    /// 10.5.2).
    #[must_use]
    pub fn has_metadata_locks(self) -> bool {
        self.version >= if self.mariadb { (10, 5, 2) } else { (5, 7, 3) }
    }
}

impl FromStr for ServerKind {
    type Err = String;

    /// Reads `mysql-5.6`, `mysql-8.4`, `mariadb-10.11`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a valid server; write mysql-5.6, mysql-8.4 or mariadb-10.11");
        let (name, version) = text.split_once('-').ok_or_else(wrong)?;
        let numbers: Vec<u16> = version.split('.').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
        let mariadb = match name.to_ascii_lowercase().as_str() {
            "mysql" => false,
            "mariadb" => true,
            _ => return Err(wrong()),
        };
        let number = |at: usize| numbers.get(at).copied().unwrap_or(0);
        Ok(Self { mariadb, version: (number(0), number(1), number(2)) })
    }
}

/// Where a right applies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// `*.*`.
    Everywhere,
    /// A database.
    Database(String),
    /// A table of performance_schema; it exists on this server.
    PerformanceSchema(&'static str),
}

/// Rights in one scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// Where.
    pub scope: Scope,
    /// The names by which `GRANT` accepts them.
    pub privileges: Vec<&'static str>,
    /// What they are for.
    pub reason: &'static str,
}

/// Circumstances of a run that need more rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// gh-ost restarts replication: it goes through a replica without `--assume-rbr`.
    pub restarts_replication: bool,
    /// gh-ost checks the metadata lock before its atomic cut-over.
    pub checks_metadata_lock: bool,
    /// Triggers are created while the binary log is on and `log_bin_trust_function_creators` is off.
    pub creates_logged_triggers: bool,
}

/// The rights that a tool and its scripts need.
#[must_use]
pub fn needed(tool: Tool, server: ServerKind, databases: &[String], circumstances: Circumstances) -> Vec<Right> {
    let mut rights = Vec::new();
    let everywhere = |privileges: &[&'static str], reason| Right {
        scope: Scope::Everywhere,
        privileges: privileges.to_vec(),
        reason,
    };
    for database in databases {
        let (privileges, reason): (&[&str], _) = match tool {
            Tool::GhOst => (
                &[
                    "ALTER",
                    "CREATE",
                    "DELETE",
                    "DROP",
                    "INDEX",
                    "INSERT",
                    "LOCK TABLES",
                    "REFERENCES",
                    "SELECT",
                    "TRIGGER",
                    "UPDATE",
                ],
                "to copy the table, swap it, and re-create foreign keys",
            ),
            Tool::PtOsc => (
                &["ALTER", "CREATE", "DELETE", "DROP", "INDEX", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "UPDATE"],
                "to copy the table by triggers, swap it, and re-create foreign keys",
            ),
            Tool::Alter => (
                &["ALTER", "CREATE", "DROP", "INDEX", "INSERT", "REFERENCES", "SELECT"],
                "to run ALTER TABLE, and to drop leftover tables",
            ),
        };
        rights.push(Right { scope: Scope::Database(database.clone()), privileges: privileges.to_vec(), reason });
    }
    rights.push(everywhere(&["PROCESS"], "to list open transactions before the cut-over"));
    if tool != Tool::Alter {
        let new_mariadb = server.mariadb && server.version >= (10, 5, 0);
        let client = if new_mariadb { "BINLOG MONITOR" } else { "REPLICATION CLIENT" };
        let mut replication = vec![client];
        // MariaDB 10.5.9 shows the status of replication by a right of its own.
        if server.mariadb && server.version >= (10, 5, 9) {
            replication.push("SLAVE MONITOR");
        }
        if tool == Tool::GhOst {
            replication.push("REPLICATION SLAVE");
        }
        rights.push(everywhere(&replication, "to read the state of replication and the binary log"));
    }
    if tool == Tool::GhOst && circumstances.restarts_replication {
        let right = match (server.mariadb, server.version) {
            (true, version) if version >= (10, 5, 0) => "REPLICATION SLAVE ADMIN",
            (false, version) if version >= (8, 0, 0) => "REPLICATION_SLAVE_ADMIN",
            _ => "SUPER",
        };
        rights.push(everywhere(&[right], "to restart replication, so that the replica logs rows"));
    }
    if tool == Tool::GhOst && circumstances.checks_metadata_lock && server.has_metadata_locks() {
        for table in ["metadata_locks", "setup_instruments", "threads"] {
            rights.push(Right {
                scope: Scope::PerformanceSchema(table),
                privileges: vec!["SELECT"],
                reason: "to check the metadata lock before the swap",
            });
        }
    }
    if tool == Tool::PtOsc && circumstances.creates_logged_triggers {
        let reason = "to create triggers with a binary log, unless log_bin_trust_function_creators is on";
        rights.push(everywhere(&["SUPER"], reason));
    }
    rights
}

impl Right {
    /// The scope as `GRANT` takes it. In a grant `_` and `%` of a database's name are wildcards (MySQL manual, GRANT).
    #[must_use]
    pub fn scope_sql(&self) -> String {
        match &self.scope {
            Scope::Everywhere => String::from("*.*"),
            Scope::Database(database) => {
                format!("{}.*", sql::name(&database.replace('_', "\\_").replace('%', "\\%")))
            }
            Scope::PerformanceSchema(table) => format!("performance_schema.{table}"),
        }
    }

    /// The statement that grants it, with one ON clause, which is all that `GRANT` takes.
    #[must_use]
    pub fn grant(&self, account: &str) -> String {
        format!("GRANT {} ON {} TO {account};", self.privileges.join(", "), self.scope_sql())
    }

    /// The rights that stand for one of this name: what the server calls it, or a right that contains it.
    pub(super) fn alternatives(privilege: &'static str) -> &'static [&'static str] {
        match privilege {
            "REPLICATION CLIENT" => &["REPLICATION CLIENT", "BINLOG MONITOR", "SUPER"],
            "BINLOG MONITOR" => &["BINLOG MONITOR", "REPLICATION CLIENT", "SUPER"],
            "SLAVE MONITOR" => &["SLAVE MONITOR", "REPLICA MONITOR", "SUPER"],
            "REPLICATION SLAVE" => &["REPLICATION SLAVE", "REPLICATION REPLICA"],
            "REPLICATION_SLAVE_ADMIN" => &["REPLICATION_SLAVE_ADMIN", "SUPER"],
            "REPLICATION SLAVE ADMIN" => &["REPLICATION SLAVE ADMIN", "REPLICATION REPLICA ADMIN", "SUPER"],
            _ => &[],
        }
    }
}

/// An account, quoted for SQL: `user@host`, the host `%` when none is named.
#[must_use]
pub fn account(account: &str) -> String {
    let (user, host) = account.rsplit_once('@').unwrap_or((account, "%"));
    format!("{}@{}", sql::text(user), sql::text(host))
}

/// The statements for an account, each with its reason in a comment above.
#[must_use]
pub fn statements(tool: Tool, server: ServerKind, account_name: &str, databases: &[String]) -> String {
    let account = account(account_name);
    let circumstances =
        Circumstances { checks_metadata_lock: true, restarts_replication: false, creates_logged_triggers: false };
    let mut text = String::from("-- Choose a password. Replicas get the account from their primary.\n");
    text.push_str(&format!("CREATE USER {account} IDENTIFIED BY '...';\n"));
    for right in needed(tool, server, databases, circumstances) {
        text.push_str(&format!("-- {}\n{}\n", right.reason, right.grant(&account)));
    }
    let more = Circumstances { restarts_replication: true, checks_metadata_lock: true, creates_logged_triggers: true };
    for right in needed(tool, server, databases, more) {
        if !needed(tool, server, databases, circumstances).contains(&right) {
            let when = if tool == Tool::GhOst {
                "only when the plan says that gh-ost restarts replication"
            } else {
                "only when log_bin_trust_function_creators is off"
            };
            text.push_str(&format!("-- {}; {when}:\n-- {}\n", right.reason, right.grant(&account)));
        }
    }
    text
}

/// The rights among those needed that the account of a snapshot lacks.
pub(super) fn missing(topology: &Topology<'_>, rights: &[Right]) -> Vec<Right> {
    let lines: Vec<(&str, &str)> = topology.server.grants.iter().filter_map(|line| line.split_once(" ON ")).collect();
    let holds = |privilege: &'static str, scope: &Scope| {
        let names = Right::alternatives(privilege);
        lines.iter().any(|(name, on)| {
            let on = on.replace('\\', "");
            let here = match scope {
                Scope::Everywhere => false,
                Scope::Database(database) => on == format!("{}.*", sql::name(database)),
                Scope::PerformanceSchema(table) => {
                    on == format!("`performance_schema`.`{table}`") || on == "`performance_schema`.*"
                }
            };
            (*name == privilege || names.contains(name) || name.starts_with("ALL")) && (on == "*.*" || here)
        })
    };
    rights
        .iter()
        .filter_map(|right| {
            let privileges: Vec<&'static str> =
                right.privileges.iter().copied().filter(|privilege| !holds(privilege, &right.scope)).collect();
            (!privileges.is_empty()).then(|| Right { privileges, ..right.clone() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_statement_has_one_on_clause_and_names_cannot_break_out() {
        for server in ["mysql-5.6", "mysql-8.4", "mariadb-10.4", "mariadb-10.11"] {
            for tool in [Tool::GhOst, Tool::PtOsc, Tool::Alter] {
                let text = statements(tool, server.parse().unwrap(), "o'neil@10.%", &[String::from("edx_a`pp")]);
                for line in text.lines().filter(|line| line.starts_with("GRANT")) {
                    assert_eq!(line.matches(" ON ").count(), 1, "{line}");
                    assert!(line.ends_with(" TO 'o''neil'@'10.%';"), "{line}");
                }
                assert!(text.contains("ON `edx\\_a``pp`.* TO"), "{text}");
            }
        }
    }

    #[test]
    fn servers_call_rights_by_their_own_names() {
        let of = |server: &str| statements(Tool::GhOst, server.parse().unwrap(), "g", &[String::from("a")]);
        assert!(of("mysql-9.7").contains("GRANT REPLICATION CLIENT, REPLICATION SLAVE ON *.* TO 'g'@'%';"));
        assert!(of("mariadb-10.11").contains("GRANT BINLOG MONITOR, SLAVE MONITOR, REPLICATION SLAVE ON *.*"));
        assert!(of("mysql-9.7").contains("GRANT SELECT ON performance_schema.metadata_locks"));
        assert!(!of("mysql-5.6").contains("metadata_locks"));
        assert!("postgres-16".parse::<ServerKind>().is_err() && "mysql".parse::<ServerKind>().is_err());
    }
}
