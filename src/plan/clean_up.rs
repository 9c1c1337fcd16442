//! Taking away what online changes leave: only the operator does it, when all has been well for a while.

use super::scene::Scene;
use super::script::Script;
use super::sql::{self, tables_query};
use super::topology::Topology;
use super::{Effect, Kind, Probe, Rollback, Step};

/// The step that drops the tables that were left.
pub(super) fn step(
    scene: &Scene<'_>,
    database: &str,
    tables: &[String],
    topology: Option<&Topology<'_>>,
) -> (Step, Script) {
    let names: Vec<String> = tables.iter().map(|table| sql::table(database, table)).collect();
    let title = format!("Drop what is left in {database}: {}", tables.join(", "));
    let step = Step {
        id: String::new(),
        kind: Kind::CleanUp,
        title: title.clone(),
        environment: Some(scene.name().to_owned()),
        server: topology.map(Topology::writer),
        database: Some(database.to_owned()),
        table: None,
        script: None,
        run: format!("SET SESSION lock_wait_timeout = 5; DROP TABLE IF EXISTS {}", names.join(", ")),
        preconditions: Vec::new(),
        verify: vec![Probe {
            what: String::from("nothing is left"),
            query: tables_query(database, tables),
            expected: String::from("0"),
        }],
        rollback: Rollback {
            run: None,
            what: String::from("none: the old rows are gone, so take a backup of them before"),
            until: None,
            point_of_no_return: true,
        },
        estimate: None,
        after: Vec::new(),
        blocked_by: Vec::new(),
        effects: vec![Effect::Takes { database: database.to_owned(), tables: tables.to_vec() }],
    };
    let mut script = Script::new("@ID@", &title, scene.name(), topology);
    script.push("# Dropping a table of many gigabytes can stall a server: choose a quiet hour, and mind the replicas.");
    (step, script)
}
