//! Plain `ALTER TABLE`: for tables so small that the writers can wait for the copy.

use super::estimate;
use super::preflight;
use super::scene::{Change, Scene};
use super::script::Script;
use super::sql::{self, column_type_query, column_with_type, plain_type};
use super::topology::Topology;
use super::{Effect, Kind, Precondition, Probe, Rollback, Step};

/// So long an ALTER waits for the table, and with it everybody who comes after it.
const LOCK_WAIT: u32 = 5;

/// The clauses that change a table: its columns, and what rides along.
pub(super) fn clauses(scene: &Scene<'_>, change: &Change<'_>) -> String {
    let mut clauses: Vec<String> = change
        .columns
        .iter()
        .map(|widening| format!("MODIFY {}", column_with_type(widening.column, &widening.to)))
        .collect();
    clauses.extend(preflight::clauses(scene, change).map(str::to_owned));
    clauses.join(", ")
}

/// How to see that the columns are as wanted.
pub(super) fn probes(change: &Change<'_>) -> Vec<Probe> {
    let (database, table) = (&change.database.name, &change.table.name);
    let mut probes = Vec::new();
    for widening in &change.columns {
        let name = &widening.column.name;
        probes.push(Probe {
            what: format!("the type of `{name}`"),
            query: column_type_query(database, table, name),
            expected: plain_type(&widening.to),
        });
        if widening.column.auto_increment {
            probes.push(Probe {
                what: format!("`{name}` counts up"),
                query: format!(
                    "SELECT EXTRA LIKE '%auto_increment%' FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} AND \
                     TABLE_NAME = {} AND COLUMN_NAME = {}",
                    sql::text(database),
                    sql::text(table),
                    sql::text(name)
                ),
                expected: String::from("1"),
            });
        }
    }
    probes
}

/// What becomes of the columns.
pub(super) fn effects(scene: &Scene<'_>, change: &Change<'_>) -> Vec<Effect> {
    change
        .columns
        .iter()
        .map(|widening| Effect::Type {
            database: change.database.name.clone(),
            table: change.table.name.clone(),
            column: widening.column.name.clone(),
            from: plain_type(&widening.column.column_type),
            to: plain_type(&widening.to),
            key: change.is_target && widening.column.name.eq_ignore_ascii_case(&scene.audit.target.key),
        })
        .collect()
}

/// The way back while no value needs the new type.
fn back(change: &Change<'_>) -> String {
    let clauses: Vec<String> = change
        .columns
        .iter()
        .map(|widening| format!("MODIFY {}", column_with_type(widening.column, &widening.column.column_type)))
        .collect();
    // Without strict mode a value that does not fit would be clamped.
    format!(
        "SET SESSION lock_wait_timeout = {LOCK_WAIT}, sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'); ALTER TABLE {} {}",
        sql::table(&change.database.name, &change.table.name),
        clauses.join(", ")
    )
}

/// The limit of the old type, beyond which there is no way back.
pub(super) fn old_limit(change: &Change<'_>) -> i128 {
    change
        .columns
        .iter()
        .filter_map(|widening| crate::live::facts::integer_limit(&widening.column.column_type))
        .min()
        .unwrap_or(i128::from(i32::MAX))
}

/// The step.
pub(super) fn step(scene: &Scene<'_>, change: &Change<'_>, topology: Option<&Topology<'_>>) -> (Step, Script) {
    let table = sql::table(&change.database.name, &change.table.name);
    let sql = format!(
        "SET SESSION lock_wait_timeout = {LOCK_WAIT}; ALTER TABLE {table} {}, ALGORITHM=COPY, LOCK=SHARED",
        clauses(scene, change)
    );
    let columns: Vec<String> =
        change.columns.iter().map(|w| format!("`{}` {}", w.column.name, plain_type(&w.to))).collect();
    let mut preconditions = preflight::columns(scene, change);
    preconditions.extend(own_keys(scene, change));
    let kind = if change.is_target { Kind::Alter } else { Kind::WidenReference };
    let title = format!("ALTER TABLE {}.{}: {}", change.database.name, change.table.name, columns.join(", "));
    let step = Step {
        server: topology.map(Topology::writer),
        database: Some(change.database.name.clone()),
        table: Some(change.table.name.clone()),
        run: sql,
        preconditions,
        verify: probes(change),
        rollback: Rollback {
            run: Some(back(change)),
            what: String::from("the columns as they were; foreign keys on them have to be dropped before"),
            until: Some(format!("the first value above {}", old_limit(change))),
            point_of_no_return: false,
        },
        estimate: estimate::alter(change.measures()),
        effects: effects(scene, change),
        ..Step::of(scene, kind, title)
    };
    let mut script = Script::new("@ID@", &step.title, scene.name(), topology);
    script.push("# Writers wait while the rows are copied; nobody waits for the table longer than a few seconds.");
    (step, script)
}

/// No foreign key may hold the columns that change.
fn own_keys(scene: &Scene<'_>, change: &Change<'_>) -> Vec<Precondition> {
    // An online copy may have no foreign key at all, an ALTER only none on these columns.
    let all = preflight::foreign_keys(scene, change);
    let names: Vec<String> = change.columns.iter().map(|widening| sql::text(&widening.column.name)).collect();
    let (database, table) = (sql::text(&change.database.name), sql::text(&change.table.name));
    let queries = [
        format!(
            "SELECT COUNT(*) FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = {database} AND TABLE_NAME = \
             {table} AND COLUMN_NAME IN ({}) AND REFERENCED_TABLE_NAME IS NOT NULL",
            names.join(", ")
        ),
        format!(
            "SELECT COUNT(*) FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA = {database} AND \
             REFERENCED_TABLE_NAME = {table} AND REFERENCED_COLUMN_NAME IN ({})",
            names.join(", ")
        ),
    ];
    all.into_iter()
        .zip(queries)
        .map(|(mut item, query)| {
            item.what = format!("{} holds the columns that change", item.what);
            item.query = Some(query);
            item
        })
        .collect()
}
