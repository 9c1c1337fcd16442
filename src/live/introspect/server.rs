//! The server itself: what it is, whom it follows, who follows it, and what the account may do.

use super::Reader;
use crate::live::facts::{BinaryLogs, Flavour, ReplicationSource};
use crate::live::proof::{Observed, Proof};
use crate::live::rights::Rights;
use crate::live::session::{ReadError, Row, SessionError, literals};
use crate::source::{Gap, GapKind};

/// Variables that decide whether and how a table can be changed.
const VARIABLES: [&str; 55] = [
    "aurora_enable_repl_bin_log_filtering",
    "aurora_version",
    "auto_increment_increment",
    "auto_increment_offset",
    "basedir",
    "binlog_expire_logs_seconds",
    "binlog_format",
    "binlog_row_image",
    "binlog_row_value_options",
    "binlog_transaction_compression",
    "character_set_server",
    "collation_server",
    "default_storage_engine",
    "enforce_gtid_consistency",
    "event_scheduler",
    "expire_logs_days",
    "extra_port",
    "foreign_key_checks",
    "hostname",
    "gtid_domain_id",
    "gtid_mode",
    "gtid_strict_mode",
    "innodb_autoinc_lock_mode",
    "innodb_buffer_pool_size",
    "innodb_default_row_format",
    "innodb_file_format",
    "innodb_file_per_table",
    "innodb_flush_log_at_trx_commit",
    "innodb_large_prefix",
    "innodb_lock_wait_timeout",
    "innodb_online_alter_log_max_size",
    "innodb_page_size",
    "innodb_read_only",
    "lock_wait_timeout",
    "log_bin",
    "log_bin_trust_function_creators",
    "log_replica_updates",
    "log_slave_updates",
    "lower_case_table_names",
    "max_allowed_packet",
    "max_binlog_size",
    "max_connections",
    "performance_schema",
    "port",
    "read_only",
    "replica_parallel_workers",
    "require_secure_transport",
    "server_id",
    "slave_parallel_workers",
    "sql_generate_invisible_primary_key",
    "sql_mode",
    "sql_require_primary_key",
    "super_read_only",
    "sync_binlog",
    "time_zone",
];

impl Reader<'_> {
    /// Learns what the server is, makes sure that it may be read, and makes the session a reading one.
    pub(super) async fn begin(&mut self) -> Result<(), ReadError> {
        let sql = "SELECT VERSION(), @@version_comment, CURRENT_USER(), \
                   DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%H:%i:%sZ'), @@read_only, @@innodb_read_only";
        let rows = self.session.rows(sql).await?;
        let Some(row) = rows.first() else {
            return Err(SessionError::Disconnected("the server does not report its version".to_owned()).into());
        };
        let text = row.text(0);
        self.server.flavour = flavour(&text, &row.text(1));
        self.server.version = version(&text);
        self.server.version_text = text;
        self.server.account = row.text(2);
        self.server.read_at = row.text(3);
        let is_on = |value: String| value != "0" && !value.eq_ignore_ascii_case("off");
        self.server.read_only = is_on(row.text(4)) || is_on(row.text(5));
        if !self.server.read_only && !self.request.allow_primary {
            return Err(ReadError::Primary { address: self.server.address.clone() });
        }
        let mut settings = vec!["sql_mode = ''".to_owned(), "lock_wait_timeout = 1".to_owned()];
        let limit = self.request.limits.statement;
        if self.is_mysql((5, 7, 8)) {
            settings.push(format!("max_execution_time = {}", limit.as_millis().max(1)));
        }
        if self.is_mariadb_from((10, 1, 1)) {
            settings.push(format!("max_statement_time = {:.3}", limit.as_secs_f64()));
        }
        if self.has_dictionary() {
            // Sizes and counters are kept for a day otherwise.
            settings.push("information_schema_stats_expiry = 0".to_owned());
        }
        self.session.rows(&format!("SET SESSION {}", settings.join(", "))).await?;
        self.session.rows("SET SESSION TRANSACTION READ ONLY").await?;
        Ok(())
    }

    /// What of the server matters to a plan.
    pub(super) async fn server_facts(&mut self) {
        match self.session.rows("SHOW GRANTS").await {
            Ok(rows) => {
                let lines: Vec<String> = rows.iter().map(|row| row.text(0)).collect();
                self.rights = Rights::parse(lines.iter().map(String::as_str));
                self.server.grants = self.rights.describe();
                self.inactive_roles().await;
            }
            Err(trouble) => drop(self.failed::<()>("the rights of the account", &trouble)),
        }
        let sql = format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ({})", literals(VARIABLES));
        match self.session.rows(&sql).await {
            Ok(rows) => {
                self.server.variables = rows.iter().map(|row| (row.text(0).to_lowercase(), row.text(1))).collect();
                if self.server.variables.contains_key("aurora_version") {
                    self.server.flavour = Flavour::Aurora;
                }
            }
            Err(trouble) => drop(self.failed::<()>("variables", &trouble)),
        }
        self.server.sources = Some(match self.sources().await {
            Ok(sources) => Observed::new(sources, Proof::proven("the status of replication")),
            Err(trouble) => self.failed("the sources of replication", &trouble),
        });
        self.server.replicas = Some(match self.replicas().await {
            Ok(replicas) => replicas,
            Err(trouble) => self.failed("the replicas", &trouble),
        });
        self.server.binary_logs = Some(match self.binary_logs().await {
            Ok(logs) => Observed::new(logs, Proof::proven("SHOW BINARY LOGS")),
            Err(trouble) => self.failed("the binary logs", &trouble),
        });
        self.server.metadata_lock_instrument = Some(match self.instrument().await {
            Ok(instrument) => Observed::new(instrument, Proof::proven("performance_schema.setup_instruments")),
            Err(trouble) => self.failed("the instrument for metadata locks", &trouble),
        });
    }

    /// Tells roles that were granted and are not active: their rights do not hold in this session.
    async fn inactive_roles(&mut self) {
        let granted: Vec<String> = self.rights.roles().cloned().collect();
        if granted.is_empty() {
            return;
        }
        // Who may not ask has no roles.
        let Ok(rows) = self.session.rows("SELECT CURRENT_ROLE()").await else { return };
        let active = rows.first().map(|row| row.text(0)).unwrap_or_default().replace('`', "");
        let active: Vec<&str> = active.split(',').map(str::trim).collect();
        let name = |role: &str| role.split('@').next().unwrap_or(role).to_owned();
        for role in granted.iter().filter(|role| !active.iter().any(|held| name(held) == name(role))) {
            let reason = format!(
                "{}: the role {role} is granted to {} and not active, so its rights do not count; SET DEFAULT ROLE \
                 activates it at log-in",
                self.server.address, self.server.account
            );
            self.gaps.push(Gap::general(GapKind::DatabaseUnproven, reason));
        }
    }

    async fn sources(&mut self) -> Result<Vec<ReplicationSource>, SessionError> {
        let sql = match (self.is_mariadb(), self.is_mysql((8, 0, 22))) {
            (true, _) => "SHOW ALL SLAVES STATUS",
            (_, true) => "SHOW REPLICA STATUS",
            _ => "SHOW SLAVE STATUS",
        };
        let mut sources: Vec<_> = self.session.rows(sql).await?.iter().map(source).collect();
        sources.sort_by(|a, b| a.channel.cmp(&b.channel));
        Ok(sources)
    }

    /// Counted by their connections: the list of hosts shows only replicas that announce themselves.
    async fn replicas(&mut self) -> Result<Observed<u64>, SessionError> {
        if !self.rights.global("PROCESS") {
            return Ok(Observed::unproven("PROCESS ON *.* is missing, so the connections of replicas are hidden"));
        }
        let sql = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'";
        let count = self.session.rows(sql).await?.first().and_then(|row| row.number(0)).unwrap_or_default();
        Ok(Observed::new(count, Proof::proven("the list of connections")))
    }

    async fn binary_logs(&mut self) -> Result<Option<BinaryLogs>, SessionError> {
        if self.server.variables.get("log_bin").is_none_or(|value| value == "OFF") {
            return Ok(None);
        }
        let rows = self.session.rows("SHOW BINARY LOGS").await?;
        let bytes = rows.iter().filter_map(|row| row.number::<u64>(1)).sum();
        Ok(Some(BinaryLogs { files: rows.len() as u64, bytes }))
    }

    async fn instrument(&mut self) -> Result<Option<bool>, SessionError> {
        let sql = "SELECT ENABLED FROM performance_schema.setup_instruments WHERE NAME = 'wait/lock/metadata/sql/mdl'";
        Ok(self.session.rows(sql).await?.first().map(|row| row.text(0) == "YES"))
    }
}

/// One row of a replica's status; the words changed over time.
fn source(row: &Row) -> ReplicationSource {
    let any = |names: [&str; 2]| names.iter().find_map(|name| row.get(name));
    let last_error = ["Last_IO_Errno", "Last_SQL_Errno"].iter().filter_map(|name| row.get(name)?.parse().ok());
    let gtid = row.get("Auto_Position").is_some_and(|value| value == "1")
        || row.get("Using_Gtid").is_some_and(|value| value != "No");
    ReplicationSource {
        channel: any(["Channel_Name", "Connection_name"]).unwrap_or_default(),
        host: any(["Source_Host", "Master_Host"]).unwrap_or_default(),
        port: any(["Source_Port", "Master_Port"]).and_then(|port| port.parse().ok()).unwrap_or_default(),
        receiver: any(["Replica_IO_Running", "Slave_IO_Running"]).unwrap_or_default(),
        applier: any(["Replica_SQL_Running", "Slave_SQL_Running"]).unwrap_or_default(),
        seconds_behind: any(["Seconds_Behind_Source", "Seconds_Behind_Master"]).and_then(|text| text.parse().ok()),
        last_error: last_error.max().unwrap_or_default(),
        gtid,
    }
}

fn flavour(version: &str, comment: &str) -> Flavour {
    if version.to_lowercase().contains("mariadb") || comment.to_lowercase().contains("mariadb") {
        Flavour::MariaDb
    } else if comment.to_lowercase().contains("percona") {
        Flavour::Percona
    } else {
        Flavour::MySql
    }
}

/// `10.11.6-MariaDB`, `5.5.5-10.4.1-MariaDB` as MariaDB says to old clients, `8.0.36-28`.
pub(in crate::live) fn version(text: &str) -> (u16, u16, u16) {
    let text = text.strip_prefix("5.5.5-").filter(|rest| rest.starts_with("1")).unwrap_or(text);
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().unwrap_or_default());
    let mut next = || numbers.next().unwrap_or_default();
    (next(), next(), next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        assert_eq!(version("10.11.19-MariaDB-0+deb12u1-log"), (10, 11, 19));
        assert_eq!(version("5.5.5-10.4.1-MariaDB"), (10, 4, 1));
        assert_eq!(version("5.6.24"), (5, 6, 24));
        assert_eq!(version("5.7.mysql_aurora.2.11.1").0, 5);
        assert_eq!(flavour("10.11.19-MariaDB", "Debian 12"), Flavour::MariaDb);
        assert_eq!(flavour("8.0.36-28", "Percona Server (GPL)"), Flavour::Percona);
        assert_eq!(flavour("9.7.4", "(Debian)"), Flavour::MySql);
    }
}
