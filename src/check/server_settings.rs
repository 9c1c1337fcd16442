//! Settings of servers that decide what happens at the end of a range.

use super::context::Context;
use super::Finding;

declare_check! {
    /// ## What
    ///
    /// A server with a column that stores the target's ids does not run in strict mode.
    ///
    /// ## Why
    ///
    /// Without `STRICT_TRANS_TABLES` or `STRICT_ALL_TABLES` an id that does not fit causes only a warning: the server
    /// clamps the id to the maximum, and many rows reference one id. MySQL 5.6 is not strict by default. Django sets
    /// the mode of its own connections only if configured to (`init_command`, `sql_mode`).
    ///
    /// ## Example
    ///
    /// `sql_mode = NO_ENGINE_SUBSTITUTION`, MySQL 5.6's default.
    ///
    /// ## Fix
    ///
    /// Set the mode, first in stage: code that relies on clamping fails from then on.
    pub static SERVER_SETTINGS = {
        id: "server-settings",
        severity: Warning,
        summary: "sql_mode is not strict",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    for (at, environment) in context.audit.environments.iter().enumerate() {
        for server in &environment.facts.servers {
            let Some(mode) = server.variables.get("sql_mode") else { continue };
            let strict = mode.split(',').any(|word| {
                let word = word.trim();
                word.eq_ignore_ascii_case("STRICT_TRANS_TABLES") || word.eq_ignore_ascii_case("STRICT_ALL_TABLES")
            });
            let holds = context.pairs.iter().find(|pair| {
                let here = matches!(&pair.database.origin, crate::live::facts::Origin::Server { address } if *address == server.address);
                pair.environment_index == at && here && context.audit.columns.iter().any(|column| column.alias == pair.mapping.alias)
            });
            let (false, Some(pair)) = (strict, holds) else { continue };
            let mut finding = Finding::new(
                &SERVER_SETTINGS,
                pair,
                format!("{}: sql_mode is not strict: an id that does not fit is clamped without an error", server.address),
            )
            .affects_target_if(true)
            .evidence(pair.environment_name(), format!("sql_mode = '{mode}'"))
            .fix("add STRICT_TRANS_TABLES to sql_mode, first in stage");
            finding.subject.database = None;
            finding.subject.alias = None;
            finding.subject.name = Some(server.address.clone());
            findings.push(finding);
        }
    }
}
