//! Dropping foreign keys by their names in the database, and re-creating them.

use super::change::LOCK_WAIT;
use super::context::EnvironmentContext;
use super::draft::{self, Draft, Slot};
use super::sql::{self, foreign_key, foreign_key_query};
use super::sql_step::{SqlBody, body};
use super::topology::Topology;
use super::types::{
    Effect, Language, Outcome, PlannedForeignKey, Precondition, PreconditionId, Probe, Rollback, Step, StepKind,
};
use crate::live::facts::ForeignKey;

fn probe(key: &ForeignKey, exists: bool) -> Probe {
    Probe {
        what: format!(
            "the foreign key {} of {}.{} {}",
            key.name,
            key.database,
            key.table,
            if exists { "exists" } else { "is dropped" }
        ),
        query: foreign_key_query(key),
        expected: if exists { "1" } else { "0" }.to_owned(),
    }
}

fn add_sql(key: &ForeignKey) -> String {
    // Without its checks it is added in an instant; whether every row has its referenced row is proven apart.
    format!(
        "SET SESSION lock_wait_timeout = {LOCK_WAIT}, foreign_key_checks = 0; ALTER TABLE {} ADD {}, ALGORITHM=INPLACE, \
         LOCK=NONE",
        sql::table(&key.database, &key.table),
        foreign_key(key)
    )
}

fn drop_sql(key: &ForeignKey) -> String {
    format!(
        "SET SESSION lock_wait_timeout = {LOCK_WAIT}; ALTER TABLE {} DROP FOREIGN KEY {}, ALGORITHM=INPLACE, LOCK=NONE",
        sql::table(&key.database, &key.table),
        sql::name(&key.name)
    )
}

/// The step that drops a foreign key. `widened` are the answers once the changes that it stands in the way of are done:
/// then the step is done, whether the key is there again or not, and the script never drops a key that came back.
pub(super) fn drop_draft(
    context: &EnvironmentContext<'_>,
    key: &ForeignKey,
    widened: Vec<Probe>,
    topology: Option<&Topology<'_>>,
    slot: &Slot,
) -> Draft {
    let mut title = format!(
        "Drop the foreign key {} of {}.{} to {}.{}",
        key.name, key.database, key.table, key.referenced_database, key.referenced_table
    );
    let returns = context.is_wanted(key);
    if !returns {
        title.push_str(" (not re-created: not in the code)");
    }
    let step = Step {
        server: topology.map(Topology::writer),
        database: Some(key.database.clone()),
        table: Some(key.table.clone()),
        script: Some(slot.file("drop-foreign-key", Some(&key.table))),
        run: drop_sql(key),
        language: Language::Sql,
        verify: vec![probe(key, false)],
        rollback: Rollback {
            run: Some(add_sql(key)),
            language: Language::Sql,
            what: String::from(
                "re-creates the constraint without a check of the rows; its index was never dropped. The script with \
                 --revert runs it",
            ),
            until: Some(String::from("one of its two columns changes its type")),
            point_of_no_return: false,
        },
        effects: vec![Effect::DropsForeignKey { key: PlannedForeignKey::from(key) }],
        ..draft::step(context, slot, StepKind::DropForeignKey, title)
    };
    let mut script = draft::script(&step, context, topology);
    let add = add_sql(key);
    body(
        &mut script,
        SqlBody {
            note: Some(
                "On MySQL 8 and later it waits for transactions on both tables, and new ones queue behind it meanwhile.",
            ),
            sql: &step.run,
            done: step.verify.clone(),
            surpassed: if returns { widened } else { Vec::new() },
            preconditions: &[],
            revert: Some((&add, Vec::new(), vec![probe(key, true)])),
            before: Vec::new(),
        },
    );
    Draft { step, script }
}

/// The step that re-creates a foreign key. `widened` are the answers once both of its ends are changed.
pub(super) fn add_draft(
    context: &EnvironmentContext<'_>,
    key: &ForeignKey,
    widened: Vec<Probe>,
    topology: Option<&Topology<'_>>,
    slot: &Slot,
) -> Draft {
    let title = format!(
        "Re-create the foreign key {} of {}.{} to {}.{}",
        key.name, key.database, key.table, key.referenced_database, key.referenced_table
    );
    let step = Step {
        server: topology.map(Topology::writer),
        database: Some(key.database.clone()),
        table: Some(key.table.clone()),
        script: Some(slot.file("add-foreign-key", Some(&key.table))),
        run: add_sql(key),
        language: Language::Sql,
        preconditions: vec![no_orphans(key)],
        verify: vec![probe(key, true)],
        rollback: Rollback {
            run: Some(drop_sql(key)),
            language: Language::Sql,
            what: String::from("drops the constraint again; the script with --revert runs it"),
            until: None,
            point_of_no_return: false,
        },
        effects: vec![Effect::AddsForeignKey { key: PlannedForeignKey::from(key) }],
        ..draft::step(context, slot, StepKind::AddForeignKey, title)
    };
    let mut script = draft::script(&step, context, topology);
    let drop = drop_sql(key);
    // A key that is there before its columns are changed is the old one, not the re-created one.
    let mut done = step.verify.clone();
    done.extend(widened);
    body(
        &mut script,
        SqlBody {
            note: None,
            sql: &step.run,
            done,
            surpassed: Vec::new(),
            preconditions: &step.preconditions,
            revert: Some((&drop, Vec::new(), vec![probe(key, false)])),
            before: Vec::new(),
        },
    );
    Draft { step, script }
}

fn no_orphans(key: &ForeignKey) -> Precondition {
    let pairs = key.columns.iter().zip(&key.referenced_columns);
    let on: Vec<String> =
        pairs.map(|(own, other)| format!("child.{} = parent.{}", sql::name(own), sql::name(other))).collect();
    let present: Vec<String> =
        key.columns.iter().map(|column| format!("child.{} IS NOT NULL", sql::name(column))).collect();
    let first = key.referenced_columns.first().map_or_else(String::new, |column| sql::name(column));
    let orphans = format!(
        "SELECT COUNT(*) FROM (SELECT 1 FROM {} AS child LEFT JOIN {} AS parent ON {} WHERE {} AND parent.{first} IS NULL \
         LIMIT 1) AS orphans",
        sql::table(&key.database, &key.table),
        sql::table(&key.referenced_database, &key.referenced_table),
        on.join(" AND "),
        present.join(" AND ")
    );
    Precondition::new(
        PreconditionId::NoOrphans,
        format!("every row of {}.{} has its row of {}", key.database, key.table, key.referenced_table),
        Outcome::Unproven,
        "it is checked when the step runs",
    )
    .proven_by(orphans, "0")
    .with_fix("resolve the rows without a referenced row; the constraint would hide them, not fix them")
}
