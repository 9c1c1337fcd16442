//! What pt-online-schema-change needs (pt-online-schema-change(1), DESCRIPTION and PRIVILEGES).

use super::super::change::pt_osc_tables;
use super::super::context::{EnvironmentContext, TableChange};
use super::super::sql::{tables_query, triggers_query};
use super::super::topology::{Route, Topology};
use super::super::types::{Outcome, Precondition, PreconditionId};
use super::{columns, foreign_keys};

/// What pt-online-schema-change demands.
pub(in super::super) fn pt_osc(
    context: &EnvironmentContext<'_>,
    change: &TableChange<'_>,
    topology: Option<&Topology<'_>>,
) -> Vec<Precondition> {
    let (database, name) = (&change.database.name, &change.table.name);
    let mut items = columns(context, change);
    items.extend(foreign_keys(context, change));
    let triggers = change.database.triggers.found.iter().filter(|trigger| trigger.table == *name).count();
    let proven = change.database.triggers.proof.is_proven();
    let holds = if triggers > 0 { Some(false) } else { proven.then_some(true) };
    items.push(
        Precondition::new(PreconditionId::NoTrigger, "the table has no trigger", holds, format!("{triggers} found"))
            .proven_by(triggers_query(database, name), "0")
            .at_primary()
            .with_fix("drop them before the copy and re-create them afterwards"),
    );
    let left = pt_osc_tables(name);
    let there = left.iter().filter(|left| change.database.table(left).is_some()).count();
    items.push(
        Precondition::new(
            PreconditionId::NoLeftovers,
            "no leftover table of an earlier run",
            there == 0,
            format!("{there} tables found"),
        )
        .proven_by(tables_query(database, &left), "0")
        .at_primary()
        .with_fix("if no copy is running, drop the tables: run the copy script with --discard"),
    );
    let has_key = change.table.indexes.iter().any(|index| index.unique);
    items.push(
        Precondition::new(PreconditionId::UniqueKey, "the table has a unique key", has_key, "by the table's indexes")
            .with_fix("add a primary key"),
    );
    for odd in [database, name].into_iter().filter(|odd| !is_name_for_pt_osc(odd)) {
        items.push(
            Precondition::new(
                PreconditionId::NameSupported,
                "pt-online-schema-change supports the name",
                Outcome::Failed,
                format!("{odd:?}"),
            )
            .with_fix("use gh-ost or ALTER TABLE"),
        );
    }
    let Some(topology) = topology else {
        items.push(Precondition::new(
            PreconditionId::ServerRead,
            "facts of a live server",
            Outcome::Unproven,
            "only a dump was read",
        ));
        return items;
    };
    let server = topology.primary_facts.unwrap_or(topology.server);
    // A primary with replicas writes one, whatever the replica's own habit is.
    let logs = topology.route == Route::Replica
        || server.variables.get("log_bin").is_none_or(|value| value.eq_ignore_ascii_case("ON"));
    if logs {
        let trusted = server.variables.get("log_bin_trust_function_creators");
        let is_super = server
            .grants
            .iter()
            .any(|line| (line.starts_with("SUPER ") || line.starts_with("ALL")) && line.ends_with("ON *.*"));
        let holds = match (topology.primary_facts, trusted) {
            _ if is_super => Some(true),
            (Some(_), Some(value)) => Some(value.eq_ignore_ascii_case("ON")),
            _ => None,
        };
        let seen = if is_super {
            String::from("the account has SUPER")
        } else {
            trusted.map_or_else(|| String::from("not read"), |v| format!("log_bin_trust_function_creators is {v}"))
        };
        // An account with SUPER may without it, which the query cannot show; the tool's dry run makes no trigger.
        let fix = "SET GLOBAL log_bin_trust_function_creators = 1 during the change, or use an account with SUPER";
        let check = Precondition::new(
            PreconditionId::TriggerCreation,
            "triggers may be created with a binary log (error 1419)",
            holds,
            seen,
        )
        .at_primary()
        .with_fix(fix);
        items.push(match holds {
            Some(true) => check,
            _ => check.proven_by(
                "SELECT @@GLOBAL.log_bin_trust_function_creators OR EXISTS (SELECT 1 FROM \
                 information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'SUPER' AND GRANTEE = \
                 CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), ''''))",
                "1",
            ),
        });
    }
    items
}

/// Whether the tool can write a name.
fn is_name_for_pt_osc(name: &str) -> bool {
    !name.contains(['`', ',', '\\', '=', '\n', '\r', '\'', '"', '.']) && name.len() <= 59
}
