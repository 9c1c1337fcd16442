//! Real database servers for the tests: started for one test, on a port of its own, and gone when the test is.
//!
//! ```ignore
//! let Some(server) = support::start(Flavour::MariaDb, ServerOptions::new().binary_log("ROW")) else { return };
//! server.execute("CREATE DATABASE edx");
//! assert_eq!(server.query("SELECT COUNT(*) FROM mysql.user"), [["2"]]);
//! ```
//!
//! `.ci/install-servers` puts the programs where [`programs`] looks. A test helper fails loudly: everything here panics
//! where a library would return an error, apart from a server that is not installed ([`Skip`]).

#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail loudly, as the tests do")]

mod client;
mod data_directory;
pub mod fixture;
pub mod introspect;
mod programs;
mod replication;
mod server;
pub mod skip;

use std::fmt;

pub use programs::Flavour;
pub use server::{Server, ServerOptions};

/// Why a server could not be started: its program is not on this machine.
#[derive(Debug)]
pub struct Skip {
    /// The server that is missing.
    pub flavour: Flavour,
    /// Where it was looked for.
    pub reason: String,
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not installed ({}); .ci/install-servers fetches it", self.flavour, self.reason)
    }
}

impl Skip {
    /// Says that a test did not run. On a build machine a missing server is a failure, unless nobody promises that it
    /// can be had.
    pub fn announce(&self) {
        let on_build_machine = std::env::var("CI").is_ok_and(|value| value == "true");
        assert!(!on_build_machine || self.flavour == Flavour::MySql97, "{self}");
        skip::skipped(&self.to_string());
    }
}

/// Starts a server, or announces that it is missing.
pub fn start(flavour: Flavour, options: ServerOptions) -> Option<Server> {
    match Server::start(flavour, options) {
        Ok(server) => Some(server),
        Err(skip) => {
            skip.announce();
            None
        }
    }
}
