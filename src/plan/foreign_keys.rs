//! Dropping foreign keys by their live names, and adding them again.

use super::scene::Scene;
use super::script::Script;
use super::sql::{self, foreign_key, foreign_key_query};
use super::topology::Topology;
use super::{Effect, Host, Kind, Outcome, Precondition, Probe, Rollback, Step};
use crate::live::facts::ForeignKey;

/// So long a statement waits, and with it everybody who comes after it.
const LOCK_WAIT: u32 = 5;

fn probe(key: &ForeignKey, there: bool) -> Probe {
    Probe {
        what: format!("the constraint {}", key.name),
        query: foreign_key_query(key),
        expected: if there { "1" } else { "0" }.to_owned(),
    }
}

fn add_sql(key: &ForeignKey) -> String {
    // Without its checks it is added in an instant; whether all rows have what they point to is asked apart.
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

/// The step that drops a foreign key.
pub(super) fn drop_step(scene: &Scene<'_>, key: &ForeignKey, topology: Option<&Topology<'_>>) -> (Step, Script) {
    let title = format!(
        "Drop the foreign key {} of {}.{} to {}.{}",
        key.name, key.database, key.table, key.referenced_database, key.referenced_table
    );
    let step = Step {
        server: topology.map(Topology::writer),
        database: Some(key.database.clone()),
        table: Some(key.table.clone()),
        run: drop_sql(key),
        verify: vec![probe(key, false)],
        rollback: Rollback {
            run: Some(add_sql(key)),
            what: String::from("the constraint as it was, without a look at the rows; its index never went"),
            until: Some(String::from("one of its two columns changes its type")),
            point_of_no_return: false,
        },
        effects: vec![Effect::DropKey { key: key.clone() }],
        ..Step::of(scene, Kind::DropForeignKey, title)
    };
    let mut script = Script::new("@ID@", &step.title, scene.name(), topology);
    script.push(
        "# On MySQL 8 and later it waits for transactions on both tables, and new ones queue behind it meanwhile.",
    );
    (step, script)
}

/// The step that adds a foreign key again.
pub(super) fn add_step(scene: &Scene<'_>, key: &ForeignKey, topology: Option<&Topology<'_>>) -> (Step, Script) {
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
    let title = format!(
        "Add the foreign key {} of {}.{} to {}.{} again",
        key.name, key.database, key.table, key.referenced_database, key.referenced_table
    );
    let step = Step {
        server: topology.map(Topology::writer),
        database: Some(key.database.clone()),
        table: Some(key.table.clone()),
        run: add_sql(key),
        preconditions: vec![Precondition {
            what: String::from("every row has what it points to"),
            host: Host::Inspected,
            query: Some(orphans),
            expected: Some(String::from("0")),
            outcome: Outcome::Unproven,
            seen: String::from("it can be asked only when the time has come"),
            fix: Some(String::from("settle what these rows are; the constraint would hide them, not mend them")),
            by_tool: false,
        }],
        verify: vec![probe(key, true)],
        rollback: Rollback {
            run: Some(drop_sql(key)),
            what: String::from("the table without the constraint"),
            until: None,
            point_of_no_return: false,
        },
        effects: vec![Effect::AddKey { key: key.clone() }],
        ..Step::of(scene, Kind::AddForeignKey, title)
    };
    let script = Script::new("@ID@", &step.title, scene.name(), topology);
    (step, script)
}
