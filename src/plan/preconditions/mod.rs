//! What tools and servers need before a table can be changed: each precondition passed, failed with its fix, or unproven,
//! with the query that proves it.

mod gh_ost;
mod pt_osc;

pub(super) use self::gh_ost::{INSTRUMENT, assumes_rows, gh_ost, release, uses_gtid, write_flag_for_port};
pub(super) use self::pt_osc::pt_osc;

use super::context::{EnvironmentContext, TableChange};
use super::sql::{self, column_type_query, plain_type, text};
use super::topology::Topology;
use super::types::{Outcome, Precondition, PreconditionId};
use crate::finding::Confidence;

/// Whether a variable has one of the wanted values, and what was seen.
pub(super) fn variable(topology: &Topology<'_>, name: &str, wanted: &[&str]) -> (Outcome, String) {
    match topology.variable(name) {
        Some(value) => (wanted.iter().any(|w| w.eq_ignore_ascii_case(value)).into(), format!("{name} is {value}")),
        None => (Outcome::Unproven, format!("{name} was not read")),
    }
}

/// For every strategy: the columns still have the types that were planned for, and the new type loses no value.
pub(super) fn columns(context: &EnvironmentContext<'_>, change: &TableChange<'_>) -> Vec<Precondition> {
    let (database, table) = (&change.database.name, &change.table.name);
    let mut items = Vec::new();
    for column_change in &change.columns {
        let column = column_change.column;
        let from = plain_type(&column.column_type);
        items.push(
            Precondition::new(
                PreconditionId::ColumnUnchanged,
                format!("{database}.{table}.{} is still {from}", column.name),
                Outcome::Passed,
                "the type that was read",
            )
            .proven_by(column_type_query(database, table, &column.name), from.clone())
            .at_primary()
            .with_fix("the table has changed since the plan: run csm-audit plan again"),
        );
        if column_change.to.contains("unsigned") && !from.contains("unsigned") {
            let range = change.measures().and_then(|measures| {
                measures.ranges.iter().find(|range| range.column.eq_ignore_ascii_case(&column.name))
            });
            let empty = change.measures().is_some_and(|measures| measures.empty == Some(true));
            let lowest = range.and_then(|range| range.lowest);
            let holds = if empty { Some(true) } else { lowest.map(|lowest| lowest >= 0) };
            let seen = match lowest {
                Some(lowest) => format!("the smallest is {lowest}"),
                None if empty => String::from("there are no rows"),
                None => String::from("the smallest value was not read"),
            };
            items.push(
                Precondition::new(
                    PreconditionId::NoNegativeValue,
                    format!("no negative value in {database}.{table}.{}", column.name),
                    holds,
                    seen,
                )
                .proven_by(
                    format!(
                        "SELECT COUNT(*) FROM (SELECT 1 FROM {} WHERE {} < 0 LIMIT 1) AS negative",
                        sql::table(database, table),
                        sql::name(&column.name)
                    ),
                    "0",
                )
                .with_fix("resolve the rows with negative values first: as unsigned they would all become 0"),
            );
        }
        if column_change.confidence == Confidence::Possible {
            items.push(
                Precondition::new(
                    PreconditionId::StoresIds,
                    format!("{database}.{table}.{} stores ids of {}", column.name, context.audit.target.label),
                    Outcome::Unproven,
                    column_change.found_by.join("; "),
                )
                .with_fix("check whether the column stores ids; if not, skip the step"),
            );
        }
    }
    items
}

/// No foreign key may be there, whichever way it points; those that were seen are dropped by the steps before.
pub(super) fn foreign_keys(context: &EnvironmentContext<'_>, change: &TableChange<'_>) -> Vec<Precondition> {
    let (database, table) = (&change.database.name, &change.table.name);
    let constraints =
        |whose: &str| format!("SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE {whose}");
    let sides = [
        (
            PreconditionId::NoForeignKeyOut,
            format!("{database}.{table} has no foreign key"),
            context.out_of(database, table).map(|key| key.name.clone()).collect::<Vec<_>>(),
            &change.database.foreign_keys.proof,
            constraints(&format!("CONSTRAINT_SCHEMA = {} AND TABLE_NAME = {}", text(database), text(table))),
        ),
        (
            PreconditionId::NoForeignKeyIn,
            format!("no foreign key references {database}.{table}"),
            context.into(database, table).map(|key| format!("{}.{}.{}", key.database, key.table, key.name)).collect(),
            &change.database.referenced_by.proof,
            constraints(&format!(
                "UNIQUE_CONSTRAINT_SCHEMA = {} AND REFERENCED_TABLE_NAME = {}",
                text(database),
                text(table)
            )),
        ),
    ];
    sides
        .into_iter()
        .map(|(id, what, names, proof, query)| {
            // Those that were seen are dropped by a step of the plan; what counts is that no other is hidden.
            let (outcome, seen) = match (names.is_empty(), proof.is_proven()) {
                (true, true) => (Outcome::Passed, proof.reason().to_owned()),
                (false, true) => (Outcome::Passed, format!("earlier steps drop {}", names.join(", "))),
                (_, false) => (Outcome::Unproven, proof.reason().to_owned()),
            };
            Precondition::new(id, what, outcome, seen).proven_by(query, "0").at_primary().with_fix(
                "drop the foreign key first, by its actual name; an account without privileges on its database cannot see it",
            )
        })
        .collect()
}

/// The most rows of a table that a plain ALTER TABLE is planned for: five seconds at 22,000 rows a second, and the server's
/// estimate is off by up to 27 %.
const FEW_ROWS: u64 = 100_000;
/// The most bytes of such a table, indexes included.
const FEW_BYTES: u64 = 320 << 20;

/// A plain ALTER TABLE was recommended because the table is small; it may have grown since. One row more than the bound is
/// counted, no more, so that the query is short on a table of any size.
pub(super) fn table_small(change: &TableChange<'_>, topology: Option<&Topology<'_>>) -> Vec<Precondition> {
    let (database, table) = (&change.database.name, &change.table.name);
    let measures = change.measures();
    let empty = measures.is_some_and(|measures| measures.empty == Some(true));
    let rows = measures.and_then(|measures| measures.rows_estimate);
    let seen = match (empty, rows) {
        (true, _) => String::from("empty"),
        (false, Some(rows)) => format!("about {rows} rows"),
        (false, None) => String::from("the number of rows is unknown"),
    };
    let fix = "the table has grown since the plan, and writers would wait for the whole copy: run csm-audit plan again, or \
               choose another strategy";
    let few_rows = Precondition::new(
        PreconditionId::TableSmall,
        format!("{database}.{table} has at most {FEW_ROWS} rows"),
        Some(true).filter(|_| empty || rows.is_some_and(|rows| rows <= FEW_ROWS)),
        seen,
    )
    .proven_by(
        format!(
            "SELECT COUNT(*) <= {FEW_ROWS} FROM (SELECT 1 FROM {} LIMIT {}) AS few",
            sql::table(database, table),
            FEW_ROWS + 1
        ),
        "1",
    )
    .at_primary()
    .with_fix(fix);
    let bytes = measures.and_then(|measures| Some(measures.data_length?.saturating_add(measures.index_length?)));
    // MySQL 8 keeps statistics for a day otherwise (MySQL manual, information_schema_stats_expiry).
    let fresh = topology.is_some_and(|topology| !topology.is_mariadb() && topology.server.version >= (8, 0, 0));
    let few_bytes = Precondition::new(
        PreconditionId::TableSmall,
        format!("{database}.{table} has at most {} MiB", FEW_BYTES >> 20),
        bytes.map(|bytes| bytes <= FEW_BYTES),
        bytes.map_or_else(|| String::from("its size is unknown"), |bytes| format!("{} MiB", bytes >> 20)),
    )
    .proven_by(
        format!(
            "{}SELECT COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) <= {FEW_BYTES} FROM information_schema.TABLES WHERE \
             TABLE_SCHEMA = {} AND TABLE_NAME = {}",
            if fresh { "SET SESSION information_schema_stats_expiry = 0; " } else { "" },
            text(database),
            text(table)
        ),
        "1",
    )
    .at_primary()
    .with_fix(fix);
    vec![few_rows, few_bytes]
}
