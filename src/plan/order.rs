//! The order of the steps, from what depends on what.
//!
//! Every column that stores the ids is widened before the key is, since from then on ids may be too large for it.
//! InnoDB changes no type under a foreign key, and gh-ost copies no table with one: so the keys in the way of a change
//! are dropped right before it, and those that the code wants come back when both of their ends are done.

use super::scene::{Change, Scene};
use super::script::Script;
use super::topology::Topology;
use super::{
    Effect, File, Kind, Outcome, Plan, Precondition, Rollback, Step, Way, alter, clean_up, foreign_keys, gh_ost,
    pt_osc, script, strategy,
};
use crate::live::facts::ForeignKey;

/// Puts an environment's steps into the plan.
pub(super) fn environment(scene: &Scene<'_>, plan: &mut Plan) {
    let mut steps = Steps { scene, plan, number: 0, copy: None };
    let preflight = steps.preflight_id();
    let first = steps.plan.steps.len();
    steps.number = 1;

    let mut dropped: Vec<(ForeignKey, String)> = Vec::new();
    let mut changed: Vec<(String, String, String)> = Vec::new();
    for change in &scene.changes {
        let topology = scene.topology(change.database);
        let (way, strategies) = strategy::compare(scene, change, topology.as_ref());
        steps.plan.strategies.extend(strategies);
        let mut after = vec![preflight.clone()];
        for key in scene.keys.iter().filter(|key| is_in_the_way(scene, change, key, way)) {
            if let Some((_, id)) = dropped.iter().find(|(other, _)| other == key) {
                after.push(id.clone());
                continue;
            }
            let Some(database) = scene.environment.facts.database(&key.database) else { continue };
            let topology = scene.topology(database);
            let (mut step, script) = foreign_keys::drop_step(scene, key, topology.as_ref());
            if !scene.is_wanted(key) {
                step.title.push_str("; the code wants none, so it stays away");
            }
            step.after = vec![preflight.clone()];
            let id = steps.sql(step, script);
            dropped.push((key.clone(), id.clone()));
            after.push(id);
        }
        if change.is_target {
            // Ids may grow as soon as the key is wide: whatever stores them comes first.
            after.extend(changed.iter().map(|(_, _, id)| id.clone()));
        }
        let id = match way {
            Way::GhOst => steps.online(gh_ost::steps(scene, change, topology.as_ref()), after),
            Way::PtOnlineSchemaChange => steps.online(pt_osc::steps(scene, change, topology.as_ref()), after),
            Way::Alter | Way::DjangoMigration | Way::NewCluster => {
                let (mut step, script) = alter::step(scene, change, topology.as_ref());
                step.after = after;
                steps.sql(step, script)
            }
        };
        changed.push((change.database.name.clone(), change.table.name.clone(), id));
    }
    for (key, drop_id) in &dropped {
        if !scene.is_wanted(key) {
            continue;
        }
        let Some(database) = scene.environment.facts.database(&key.database) else { continue };
        let topology = scene.topology(database);
        let (mut step, script) = foreign_keys::add_step(scene, key, topology.as_ref());
        step.after = vec![drop_id.clone()];
        let ends = [(&key.database, &key.table), (&key.referenced_database, &key.referenced_table)];
        step.after.extend(
            changed
                .iter()
                .filter(|(database, table, _)| ends.contains(&(database, table)))
                .map(|(_, _, id)| id.clone()),
        );
        step.after.dedup();
        steps.sql(step, script);
    }
    let before: Vec<String> = steps.plan.steps[first..].iter().map(|step| step.id.clone()).collect();
    let verify = steps.verify(first, before);
    let leaves: Vec<(String, Vec<String>)> = steps.plan.steps[first..]
        .iter()
        .flat_map(|step| &step.effects)
        .filter_map(|effect| match effect {
            Effect::Leaves { database, tables, .. } => Some((database.clone(), tables.clone())),
            _ => None,
        })
        .collect();
    for (database, tables) in leaves {
        let facts = scene.environment.facts.database(&database);
        let topology = facts.and_then(|facts| scene.topology(facts));
        let (mut step, script) = clean_up::step(scene, &database, &tables, topology.as_ref());
        step.after = vec![verify.clone()];
        steps.sql(step, script);
    }
    steps.preflight(first, &preflight);
}

/// Whether a foreign key has to go before a table is changed.
fn is_in_the_way(scene: &Scene<'_>, change: &Change<'_>, key: &ForeignKey, way: Way) -> bool {
    let own = key.database == change.database.name && key.table == change.table.name;
    let other = key.referenced_database == change.database.name && key.referenced_table == change.table.name;
    if matches!(way, Way::GhOst | Way::PtOnlineSchemaChange) {
        return own || other;
    }
    let widens = |database: &str, table: &str, columns: &[String]| {
        columns.iter().any(|column| scene.widens(database, table, column))
    };
    own && widens(&key.database, &key.table, &key.columns)
        || other && widens(&key.referenced_database, &key.referenced_table, &key.referenced_columns)
}

struct Steps<'p, 's, 'a> {
    scene: &'s Scene<'a>,
    plan: &'p mut Plan,
    number: usize,
    /// The id and the script of the copy that a swap belongs to.
    copy: Option<(String, String)>,
}

impl Steps<'_, '_, '_> {
    fn id(&self, number: usize) -> String {
        format!("{}-{number:02}", script::slug(self.scene.name()))
    }

    fn preflight_id(&self) -> String {
        self.id(1)
    }

    /// What forbids a step now, and no script can find out by itself.
    fn blocked_by(&self, preconditions: &[Precondition]) -> Vec<String> {
        let own = preconditions.iter().filter(|item| item.outcome != Outcome::Passed && !item.is_proven_at_run());
        let mut blocked: Vec<String> = own
            // The script asks for the decision that is missing.
            .filter(|item| !item.what.starts_with("the swap of the tables"))
            .map(|item| {
                let fix = item.fix.as_ref().map_or_else(String::new, |fix| format!(" → {fix}"));
                format!("{}: {}{fix}", item.what, item.seen)
            })
            .collect();
        blocked.extend(self.scene.open().into_iter().map(|open| open.what));
        blocked
    }

    /// Numbers a step and writes its script.
    fn add(&mut self, mut step: Step, text: &str, name: &str) -> String {
        self.number += 1;
        let id = self.id(self.number);
        step.id.clone_from(&id);
        step.blocked_by = self.blocked_by(&step.preconditions);
        let mut gate = Script::from_text(String::new());
        gate.gate(&step.blocked_by);
        let (copy, copy_script) = self.copy.clone().unwrap_or_else(|| (id.clone(), String::new()));
        let fill = |text: &str| {
            text.replace("@GATE@", gate.text().trim_end())
                .replace("@COPY_SCRIPT@", &copy_script)
                .replace("@COPY@", &copy)
                .replace("@ID@", &id)
        };
        let path = format!("{id}-{name}-{}.sh", script::slug(step.table.as_deref().unwrap_or("tables")));
        step.run = fill(&step.run);
        step.rollback.run = step.rollback.run.as_deref().map(fill);
        step.script = Some(path.clone());
        self.plan.files.push(File { path, text: fill(text), executable: true });
        self.plan.steps.push(step);
        id
    }

    /// A step that is SQL, run at the primary.
    fn sql(&mut self, step: Step, mut script: Script) -> String {
        let name = match step.kind {
            Kind::DropForeignKey => "drop-foreign-key",
            Kind::AddForeignKey => "add-foreign-key",
            Kind::CleanUp => "clean-up",
            _ => "alter",
        };
        script.push("@GATE@").skip_when(&step.verify).prove(&step.preconditions).push("all_proven").run_sql(&step.run);
        self.copy = None;
        self.add(step, &script.text(), name)
    }

    /// The two steps of an online copy.
    fn online(&mut self, online: gh_ost::Online, after: Vec<String>) -> String {
        let gh_ost::Online { copy: (mut copy, copy_script), swap: (mut swap, swap_script) } = online;
        let name = if copy.kind == Kind::GhOst { "gh-ost" } else { "pt-osc" };
        copy.after = after;
        self.copy = None;
        let id = self.add(copy, &copy_script.text(), name);
        let path = self.plan.steps.last().and_then(|step| step.script.clone()).unwrap_or_default();
        self.copy = Some((id.clone(), path));
        swap.after = vec![id];
        let id = self.add(swap, &swap_script.text(), "cut-over");
        self.copy = None;
        id
    }

    fn topology(&self) -> Option<Topology<'_>> {
        let database =
            self.scene.target.map(|(_, database, _)| database).or(self.scene.environment.facts.databases.first())?;
        self.scene.topology(database)
    }

    fn plain(&self, kind: Kind, title: String, rollback: &str) -> Step {
        Step {
            server: self.topology().map(|topology| topology.inspected.to_string()),
            rollback: Rollback::none(rollback),
            ..Step::of(self.scene, kind, title)
        }
    }

    /// A look at everything afterwards.
    fn verify(&mut self, first: usize, after: Vec<String>) -> String {
        let mut step = self.plain(
            Kind::Verify,
            format!("Look whether all of {} is as planned", self.scene.name()),
            "nothing is changed",
        );
        let wanted: Vec<_> = self.plan.steps[first..]
            .iter()
            .filter(|step| !matches!(step.kind, Kind::DropForeignKey) && !is_copy(step))
            .flat_map(|step| step.verify.clone())
            .collect();
        step.verify = wanted.clone();
        step.after = after;
        step.run = format!(
            "csm-audit verify --plan plan.json --replica {}=mysql://USER@HOST:PORT/DATABASE",
            self.scene.name()
        );
        let mut script = Script::new("@ID@", &step.title, self.scene.name(), self.topology().as_ref());
        for probe in &wanted {
            script.push(&format!(
                "prove primary {} \\\n    {} \\\n    {} 'a step is open'",
                script::quote(&probe.what),
                script::quote(&probe.query),
                script::quote(&probe.expected)
            ));
        }
        script.push(
            "[ \"$failed\" -eq 0 ] || die \"Not done: $failed answers are not what they should be.\"\nsay 'Done: the columns \
             are as planned. csm-audit verify looks at the rest.'",
        );
        self.copy = None;
        self.add(step, &script.text(), "verify")
    }

    /// A look at everything before: what a script cannot change, and what no step settles.
    fn preflight(&mut self, first: usize, id: &str) {
        let mut step = self.plain(
            Kind::Preflight,
            format!("Look whether all that has to hold in {} does", self.scene.name()),
            "nothing is changed",
        );
        let mut items: Vec<Precondition> = Vec::new();
        for item in self.plan.steps[first..].iter().flat_map(|step| &step.preconditions) {
            // Foreign keys are still there, and go by the plan.
            let later = item.what.starts_with("no foreign key") || item.what.starts_with("every row has");
            if !later && !items.contains(item) {
                items.push(item.clone());
            }
        }
        let mut script = Script::new(id, &step.title, self.scene.name(), self.topology().as_ref());
        script.prove(&items).push("all_proven\nsay 'All of it holds.'");
        let path = format!("{id}-preflight.sh");
        id.clone_into(&mut step.id);
        step.script = Some(path.clone());
        step.run = format!("./{path}");
        let text = script.text();
        let at = self
            .plan
            .files
            .iter()
            .position(|file| file.path.starts_with(&format!("{}-", script::slug(self.scene.name()))));
        let file = File { path, text, executable: true };
        self.plan.files.insert(at.unwrap_or(self.plan.files.len()), file);
        self.plan.steps.insert(first, step);
    }
}

/// Whether a step only begins what the next one ends.
fn is_copy(step: &Step) -> bool {
    matches!(step.kind, Kind::GhOst | Kind::PtOnlineSchemaChange) && step.effects.is_empty()
}
