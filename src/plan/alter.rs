//! Plain `ALTER TABLE`: for tables so small that writers can wait for the copy.

use super::change::{self, LOCK_WAIT, alter_clauses, effects, old_limit, old_probes, probes, values_beyond};
use super::context::{EnvironmentContext, TableChange};
use super::draft::{self, Draft, Slot};
use super::estimate;
use super::preconditions;
use super::sql::{self, plain_type};
use super::sql_step::{SqlBody, body};
use super::topology::Topology;
use super::types::{Language, Precondition, PreconditionId, Probe, Rollback, Step, StepKind};

/// The step.
pub(super) fn draft(
    context: &EnvironmentContext<'_>,
    change: &TableChange<'_>,
    topology: Option<&Topology<'_>>,
    slot: &Slot,
) -> Draft {
    let table = sql::table(&change.database.name, &change.table.name);
    let sql = format!(
        "SET SESSION lock_wait_timeout = {LOCK_WAIT}; ALTER TABLE {table} {}, ALGORITHM=COPY, LOCK=SHARED",
        alter_clauses(context, change)
    );
    let columns: Vec<String> =
        change.columns.iter().map(|c| format!("`{}` {}", c.column.name, plain_type(&c.to))).collect();
    let mut preconditions = preconditions::columns(context, change);
    let keys = own_keys(context, change);
    preconditions.extend(keys.iter().cloned());
    if estimate::is_small(change.measures()) {
        preconditions.extend(preconditions::table_small(change, topology));
    }
    let kind = if change.is_target { StepKind::Alter } else { StepKind::WidenReference };
    let title = format!("ALTER TABLE {}.{}: {}", change.database.name, change.table.name, columns.join(", "));
    let restore = change::restore_sql(change);
    let step = Step {
        server: topology.map(Topology::writer),
        database: Some(change.database.name.clone()),
        table: Some(change.table.name.clone()),
        script: Some(slot.file("alter", Some(&change.table.name))),
        run: sql,
        language: Language::Sql,
        preconditions,
        verify: probes(change),
        rollback: Rollback {
            run: Some(restore.clone()),
            language: Language::Sql,
            what: String::from(
                "restores the columns; the script with --revert runs it, after re-created foreign keys on them are dropped",
            ),
            until: Some(format!("the first value above {}", old_limit(change))),
            point_of_no_return: false,
        },
        estimate: estimate::alter(change.measures()),
        effects: effects(context, change),
        ..draft::step(context, slot, kind, title)
    };
    let mut script = draft::script(&step, context, topology);
    let mut before_revert = values_beyond(change);
    before_revert.extend(keys.into_iter().filter_map(|precondition| {
        Some(Probe { what: precondition.what, query: precondition.query?, expected: precondition.expected? })
    }));
    body(
        &mut script,
        SqlBody {
            note: Some("Writers wait while the rows are copied; the lock wait is limited to a few seconds."),
            sql: &step.run,
            done: step.verify.clone(),
            surpassed: Vec::new(),
            preconditions: &step.preconditions,
            revert: Some((&restore, before_revert, old_probes(change))),
            before: Vec::new(),
        },
    );
    Draft { step, script }
}

/// No foreign key may hold the columns that change.
fn own_keys(context: &EnvironmentContext<'_>, change: &TableChange<'_>) -> Vec<Precondition> {
    // An online copy may have no foreign key at all, an ALTER only none on these columns.
    let all = preconditions::foreign_keys(context, change);
    let names: Vec<String> = change.columns.iter().map(|c| sql::text(&c.column.name)).collect();
    let (database, table) = (sql::text(&change.database.name), sql::text(&change.table.name));
    let place = format!("{}.{}", change.database.name, change.table.name);
    all.into_iter()
        .filter_map(|mut precondition| {
            let (what, side) = match precondition.id {
                PreconditionId::NoForeignKeyOut => (
                    format!("no foreign key of {place} contains the columns that change"),
                    format!(
                        "TABLE_SCHEMA = {database} AND TABLE_NAME = {table} AND COLUMN_NAME IN ({}) AND \
                         REFERENCED_TABLE_NAME IS NOT NULL",
                        names.join(", ")
                    ),
                ),
                PreconditionId::NoForeignKeyIn => (
                    format!("no foreign key references the columns of {place} that change"),
                    format!(
                        "REFERENCED_TABLE_SCHEMA = {database} AND REFERENCED_TABLE_NAME = {table} AND \
                         REFERENCED_COLUMN_NAME IN ({})",
                        names.join(", ")
                    ),
                ),
                _ => return None,
            };
            precondition.what = what;
            precondition.query = Some(format!("SELECT COUNT(*) FROM information_schema.KEY_COLUMN_USAGE WHERE {side}"));
            Some(precondition)
        })
        .collect()
}
