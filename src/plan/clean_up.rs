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
        server: topology.map(Topology::writer),
        database: Some(database.to_owned()),
        run: format!("SET SESSION lock_wait_timeout = 5; DROP TABLE IF EXISTS {}", names.join(", ")),
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
        effects: vec![Effect::Takes { database: database.to_owned(), tables: tables.to_vec() }],
        ..Step::of(scene, Kind::CleanUp, title)
    };
    let mut script = Script::new("@ID@", &step.title, scene.name(), topology);
    script.push("# Dropping a table of many gigabytes can stall a server: choose a quiet hour, and mind the replicas.");
    (step, script)
}
