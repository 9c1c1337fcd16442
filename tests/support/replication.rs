//! Replicas.

use super::{Flavour, Server, ServerOptions, Skip};

/// An account for replication alone, as gh-ost and operators expect it. It guards nothing: the servers listen on the
/// loopback interface, for the time of a test.
const ACCOUNT: &str = "'replica'@'127.0.0.1'";
const PASSWORD: &str = "replica-secret";

impl Server {
    /// Starts a server of the same flavour that replicates `primary` from its first binary log on, and waits until it
    /// has all of it.
    ///
    /// # Panics
    /// When `primary` writes no binary log, or replication does not start.
    pub fn replica_of(primary: &Server, options: ServerOptions) -> Result<Server, Skip> {
        assert_eq!(primary.value("SELECT @@log_bin"), "1", "the primary needs ServerOptions::binary_log");
        let replica = Server::start(primary.flavour(), options)?;
        if primary.value("SELECT COUNT(*) FROM mysql.user WHERE User = 'replica'") == "0" {
            primary.execute(&format!(
                "CREATE USER {ACCOUNT} IDENTIFIED BY '{PASSWORD}'; GRANT REPLICATION SLAVE ON *.* TO {ACCOUNT};"
            ));
        }
        let first_log = primary.query("SHOW BINARY LOGS").remove(0).remove(0);
        let port = primary.port();
        replica.execute(&match primary.flavour() {
            // The password travels encrypted even without TLS, given the source's key.
            Flavour::MySql97 => format!(
                "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {port}, SOURCE_USER = 'replica',
                     SOURCE_PASSWORD = '{PASSWORD}', SOURCE_LOG_FILE = '{first_log}', SOURCE_LOG_POS = 4,
                     SOURCE_CONNECT_RETRY = 1, GET_SOURCE_PUBLIC_KEY = 1;
                 START REPLICA;"
            ),
            Flavour::MariaDb | Flavour::MySql56 => format!(
                "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {port}, MASTER_USER = 'replica',
                     MASTER_PASSWORD = '{PASSWORD}', MASTER_LOG_FILE = '{first_log}', MASTER_LOG_POS = 4,
                     MASTER_CONNECT_RETRY = 1;
                 START SLAVE;"
            ),
        });
        replica.catch_up(primary);
        Ok(replica)
    }

    /// Waits until this replica has applied what `primary` has written so far.
    ///
    /// # Panics
    /// When that takes longer than half a minute or replication has stopped.
    #[track_caller]
    pub fn catch_up(&self, primary: &Server) {
        let new_words = self.flavour() == Flavour::MySql97;
        let position = primary.query(if new_words { "SHOW BINARY LOG STATUS" } else { "SHOW MASTER STATUS" });
        let (file, offset) = (&position[0][0], &position[0][1]);
        let wait = if new_words { "SOURCE_POS_WAIT" } else { "MASTER_POS_WAIT" };
        let events = self.value(&format!("SELECT {wait}('{file}', {offset}, 30)"));
        // NULL is a stopped replica, -1 one that is too late.
        assert!(
            events.parse::<u64>().is_ok(),
            "{} replica stands still: {events}\n{}",
            self.flavour(),
            self.replica_status()
        );
    }

    /// What the replica says of itself, one setting a line.
    pub fn replica_status(&self) -> String {
        self.vertical(if self.flavour() == Flavour::MySql97 { "SHOW REPLICA STATUS" } else { "SHOW SLAVE STATUS" })
    }
}
