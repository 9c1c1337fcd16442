//! The order of the steps, from what depends on what.
//!
//! Every column that stores the ids is widened before the key is, since from then on ids may be too large for it.
//! InnoDB changes no type under a foreign key, and gh-ost copies no table with one: so the keys in the way of a change
//! are dropped right before it, and those that the code defines are re-created when both of their ends are done.

use super::context::{EnvironmentContext, TableChange, gh_ost_tables};
use super::draft::{self, Draft, Slot, done_probes, is_copy};
use super::script::{AskedServer, Part, Proof, proofs};
use super::shell::slug;
use super::topology::{Endpoint, Topology};
use super::types::{
    Effect, File, Outcome, Plan, Precondition, PreconditionId, Probe, ProbeServer, Rollback, Step, StepKind, Strategy,
};
use super::{alter, change, clean_up, foreign_keys, gh_ost, pt_osc, strategy};
use crate::live::facts::ForeignKey;

/// Puts an environment's steps into the plan.
pub(super) fn environment(context: &EnvironmentContext<'_>, plan: &mut Plan) {
    let first = plan.steps.len();
    // The first number is the preflight's, which is written when all preconditions are known.
    let mut steps = Steps { context, plan, first, number: 1, done: Vec::new() };
    let preflight = steps.slot(1).id;
    let ways: Vec<(&TableChange<'_>, Strategy)> = context
        .changes
        .iter()
        .map(|change| {
            let topology = context.topology(change.database);
            let (strategy, assessments) = strategy::compare(context, change, topology.as_ref());
            steps.plan.strategies.extend(assessments);
            (change, strategy)
        })
        .collect();
    let dropped = steps.changes(&ways, &preflight);
    steps.re_create(&ways, &dropped);
    let verify = steps.verify();
    steps.clean_up(&ways, &verify);
    steps.preflight(&preflight);
}

/// A foreign key that a step drops.
struct Dropped<'k> {
    key: &'k ForeignKey,
    step: String,
}

/// A change that a step completes.
struct Done {
    database: String,
    table: String,
    step: String,
}

struct Steps<'p, 's, 'a> {
    context: &'s EnvironmentContext<'a>,
    plan: &'p mut Plan,
    /// Where the environment's steps begin.
    first: usize,
    number: usize,
    done: Vec<Done>,
}

/// Whether a foreign key has to go before a table is changed.
fn is_in_the_way(
    context: &EnvironmentContext<'_>,
    change: &TableChange<'_>,
    key: &ForeignKey,
    strategy: Strategy,
) -> bool {
    let own = key.database == change.database.name && key.table == change.table.name;
    let other = key.referenced_database == change.database.name && key.referenced_table == change.table.name;
    if matches!(strategy, Strategy::GhOst | Strategy::PtOnlineSchemaChange) {
        return own || other;
    }
    let widens = |database: &str, table: &str, columns: &[String]| {
        columns.iter().any(|column| context.widens(database, table, column))
    };
    own && widens(&key.database, &key.table, &key.columns)
        || other && widens(&key.referenced_database, &key.referenced_table, &key.referenced_columns)
}

impl<'s, 'a> Steps<'_, 's, 'a> {
    fn slot(&self, number: usize) -> Slot {
        Slot { id: format!("{}-{number:02}", slug(self.context.name())) }
    }

    fn next(&mut self) -> Slot {
        self.number += 1;
        self.slot(self.number)
    }

    fn topology_of(&self, database: &str) -> Option<Topology<'a>> {
        let facts = self.context.environment.facts.database(database)?;
        self.context.topology(facts)
    }

    /// Drops the keys in the way, and changes the tables.
    fn changes(&mut self, ways: &[(&'s TableChange<'a>, Strategy)], preflight: &str) -> Vec<Dropped<'s>> {
        let context = self.context;
        let mut dropped: Vec<Dropped<'s>> = Vec::new();
        for (change, strategy) in ways {
            let topology = context.topology(change.database);
            let mut after = vec![preflight.to_owned()];
            for key in context.keys.iter().filter(|key| is_in_the_way(context, change, key, *strategy)) {
                if let Some(earlier) = dropped.iter().find(|earlier| earlier.key == key) {
                    after.push(earlier.step.clone());
                    continue;
                }
                if context.environment.facts.database(&key.database).is_none() {
                    continue;
                }
                let topology = self.topology_of(&key.database);
                let widened = widened(ways, key, context);
                let slot = self.next();
                let mut draft = foreign_keys::drop_draft(context, key, widened, topology.as_ref(), &slot);
                draft.step.after = vec![preflight.to_owned()];
                let step = self.add(draft);
                after.push(step.clone());
                dropped.push(Dropped { key, step });
            }
            if change.is_target {
                // Ids may grow as soon as the key is wide: whatever stores them comes first.
                after.extend(self.done.iter().map(|done| done.step.clone()));
            }
            let step = match strategy {
                Strategy::GhOst => {
                    let slot = self.next();
                    let mut copy = gh_ost::copy(context, change, topology.as_ref(), &slot);
                    copy.step.after.clone_from(&after);
                    let copied = copy.step.clone();
                    let id = self.add(copy);
                    let slot = self.next();
                    let mut swap = gh_ost::cut_over(context, change, topology.as_ref(), &slot, &copied);
                    swap.step.after = vec![id];
                    swap.step.after.extend(after);
                    self.add(swap)
                }
                Strategy::PtOnlineSchemaChange => {
                    let slot = self.next();
                    let mut copy = pt_osc::copy(context, change, topology.as_ref(), &slot);
                    copy.step.after.clone_from(&after);
                    let copied = copy.step.clone();
                    let id = self.add(copy);
                    let slot = self.next();
                    let mut swap = pt_osc::cut_over(context, change, topology.as_ref(), &slot, &copied);
                    swap.step.after = vec![id];
                    swap.step.after.extend(after);
                    self.add(swap)
                }
                Strategy::Alter | Strategy::DjangoMigration | Strategy::NewCluster => {
                    let slot = self.next();
                    let mut draft = alter::draft(context, change, topology.as_ref(), &slot);
                    draft.step.after = after;
                    self.add(draft)
                }
            };
            self.done.push(Done { database: change.database.name.clone(), table: change.table.name.clone(), step });
        }
        dropped
    }

    /// Re-creates the dropped keys that the code defines.
    fn re_create(&mut self, ways: &[(&'s TableChange<'a>, Strategy)], dropped: &[Dropped<'s>]) {
        for Dropped { key, step: dropping } in dropped {
            if !self.context.is_wanted(key) {
                continue;
            }
            let topology = self.topology_of(&key.database);
            let widened = widened(ways, key, self.context);
            let slot = self.next();
            let mut draft = foreign_keys::add_draft(self.context, key, widened, topology.as_ref(), &slot);
            draft.step.after = vec![dropping.clone()];
            let ends = [(&key.database, &key.table), (&key.referenced_database, &key.referenced_table)];
            let both = self.done.iter().filter(|done| ends.contains(&(&done.database, &done.table)));
            draft.step.after.extend(both.map(|done| done.step.clone()));
            draft.step.after.dedup();
            self.add(draft);
        }
    }

    /// The answers once everything is done.
    fn wanted(&self) -> Vec<(String, Probe)> {
        let steps = self.plan.steps[self.first..].iter();
        let kept = steps.filter(|step| match step.kind {
            // A dropped key that comes back is not to be seen dropped.
            StepKind::DropForeignKey => !self.returns(step),
            StepKind::CleanUp | StepKind::Preflight | StepKind::Verify => false,
            _ => !is_copy(step),
        });
        kept.flat_map(|step| step.verify.iter().map(|probe| (step.id.clone(), probe.clone()))).collect()
    }

    fn returns(&self, dropping: &Step) -> bool {
        let drops = |step: &Step, wanted: bool| {
            step.effects.iter().find_map(|effect| match effect {
                Effect::DropsForeignKey { key } if !wanted => Some(key.clone()),
                Effect::AddsForeignKey { key } if wanted => Some(key.clone()),
                _ => None,
            })
        };
        let key = drops(dropping, false);
        key.is_some() && self.plan.steps[self.first..].iter().any(|step| drops(step, true) == key)
    }

    /// What forbids a step now, and no script can find out by itself.
    fn blocked_by(&self, preconditions: &[Precondition]) -> Vec<String> {
        let open = preconditions
            .iter()
            .filter(|precondition| precondition.outcome != Outcome::Passed && !precondition.is_proven_at_run());
        let mut blocked: Vec<String> = open
            // The script asks for the decision that is missing.
            .filter(|precondition| precondition.id != PreconditionId::SafeCutOver)
            .map(|precondition| {
                let fix = precondition.fix.as_ref().map_or_else(String::new, |fix| format!(" → {fix}"));
                format!("{}: {}{fix}", precondition.what, precondition.seen)
            })
            .collect();
        blocked.extend(self.context.assumptions.iter().map(|assumption| assumption.what.clone()));
        blocked
    }

    /// Adds a step, with what it depends on, and prints its script.
    fn add(&mut self, mut draft: Draft) -> String {
        draft.step.blocked_by = self.blocked_by(&draft.step.preconditions);
        draft.script.blocked.clone_from(&draft.step.blocked_by);
        let primary = draft.step.database.as_deref().and_then(|database| self.topology_of(database));
        let own = primary.and_then(|topology| topology.primary);
        draft.script.prior = self.prior(&draft.step.after, own.as_ref());
        let Draft { step, script } = draft;
        if let Some(path) = &step.script {
            self.plan.files.push(File { path: path.clone(), text: script.print(), executable: true });
        }
        let id = step.id.clone();
        self.plan.steps.push(step);
        id
    }

    /// The proofs that steps which change columns are done.
    fn prior(&self, after: &[String], own: Option<&Endpoint>) -> Vec<Proof> {
        let steps = self.plan.steps[self.first..].iter().filter(|step| after.contains(&step.id));
        let changing = steps.filter(|step| {
            step.effects.iter().any(|effect| matches!(effect, Effect::ChangesType { .. }))
                || step.kind == StepKind::Verify
        });
        let mut proofs: Vec<Proof> = Vec::new();
        for step in changing {
            if step.kind == StepKind::Verify {
                proofs.extend(self.wanted().into_iter().map(|(id, probe)| self.proof(&id, probe, own)));
            } else {
                proofs.extend(done_probes(step).iter().map(|probe| self.proof(&step.id, probe.clone(), own)));
            }
        }
        proofs
    }

    /// The proof that a step is done, at the primary of the step's database.
    fn proof(&self, id: &str, probe: Probe, own: Option<&Endpoint>) -> Proof {
        let step = self.plan.steps.iter().find(|step| step.id == id);
        let database = step.and_then(|step| step.database.as_deref());
        let there = database.and_then(|database| self.topology_of(database)).and_then(|topology| topology.primary);
        let server = match there {
            Some(endpoint) if Some(&endpoint) != own => AskedServer::Other(endpoint),
            _ => AskedServer::Own(ProbeServer::Primary),
        };
        Proof {
            server,
            what: format!("step {id} is done: {}", probe.what),
            query: probe.query,
            expected: probe.expected,
            fix: step
                .and_then(|step| step.script.as_ref())
                .map_or_else(String::new, |script| format!("run {script} --execute first")),
        }
    }

    fn topology(&self) -> Option<Topology<'a>> {
        let context = self.context;
        let database =
            context.target.map(|(_, database, _)| database).or(context.environment.facts.databases.first())?;
        context.topology(database)
    }

    fn plain(&self, slot: &Slot, kind: StepKind, title: String) -> Step {
        Step {
            server: self.topology().map(|topology| topology.inspected.to_string()),
            rollback: Rollback::none("nothing is changed"),
            ..draft::step(self.context, slot, kind, title)
        }
    }

    /// Checks the result.
    fn verify(&mut self) -> String {
        let slot = self.next();
        let after: Vec<String> = self.plan.steps[self.first..].iter().map(|step| step.id.clone()).collect();
        let wanted = self.wanted();
        let file = slot.file("verify", None);
        let step = Step {
            script: Some(file.clone()),
            run: format!("./{file}"),
            verify: wanted.iter().map(|(_, probe)| probe.clone()).collect(),
            after,
            ..self.plain(&slot, StepKind::Verify, format!("Verify {}", self.context.name()))
        };
        let topology = self.topology();
        let mut script = draft::script(&step, self.context, topology.as_ref());
        let own = topology.as_ref().and_then(|topology| topology.primary.clone());
        script.extend(wanted.into_iter().map(|(id, probe)| Part::Prove(self.proof(&id, probe, own.as_ref()))));
        script.shell(VERIFY);
        // Nothing it rests on can be unmet: it only reads.
        let id = step.id.clone();
        self.plan.files.push(File { path: file, text: script.print(), executable: true });
        self.plan.steps.push(step);
        id
    }

    /// Drops what online copies left.
    fn clean_up(&mut self, ways: &[(&'s TableChange<'a>, Strategy)], verify: &str) {
        for (change, strategy) in ways {
            let topology = self.context.topology(change.database);
            let table = &change.table.name;
            let (tables, has_rollback) = match strategy {
                Strategy::GhOst => {
                    // The copy itself is never among them: while there is one, the step refuses.
                    let [_, rest @ ..] = gh_ost_tables(table);
                    (rest.to_vec(), gh_ost::can_revert(self.context, topology.as_ref()))
                }
                Strategy::PtOnlineSchemaChange => {
                    let [_, old] = change::pt_osc_tables(table);
                    (vec![old], false)
                }
                Strategy::Alter | Strategy::DjangoMigration | Strategy::NewCluster => continue,
            };
            let leftovers = clean_up::Leftovers { change, tables, has_rollback, done: change::probes(change) };
            let slot = self.next();
            let mut draft = clean_up::draft(self.context, leftovers, topology.as_ref(), &slot);
            draft.step.after = vec![verify.to_owned()];
            self.add(draft);
        }
    }

    /// Checks everything beforehand, step by step: what a done step needed is not required any more.
    fn preflight(&mut self, id: &str) {
        let slot = Slot { id: id.to_owned() };
        let file = slot.file("preflight", None);
        let step = Step {
            script: Some(file.clone()),
            run: format!("./{file}"),
            ..self.plain(&slot, StepKind::Preflight, format!("Preflight checks of {}", self.context.name()))
        };
        let topology = self.topology();
        let mut script = draft::script(&step, self.context, topology.as_ref());
        let own = topology.and_then(|topology| topology.primary);
        let mut asked: Vec<Precondition> = Vec::new();
        let steps: Vec<&Step> = self.plan.steps[self.first..].iter().collect();
        for (at, step) in steps.iter().enumerate() {
            let mut fresh: Vec<Precondition> = step
                .preconditions
                .iter()
                // Earlier steps of the plan make these true.
                .filter(|precondition| !precondition.id.is_made_by_plan() && !asked.contains(precondition))
                .cloned()
                .collect();
            asked.extend(fresh.iter().cloned());
            fresh.retain(|precondition| precondition.query.is_some() && precondition.expected.is_some());
            if fresh.is_empty() {
                continue;
            }
            // A copy is done when its cut-over is.
            let ending = if is_copy(step) { steps.get(at + 1).unwrap_or(step) } else { step };
            let there = step.database.as_deref().and_then(|database| self.topology_of(database));
            let server = |server: ProbeServer| match (&there, server) {
                (Some(topology), ProbeServer::Inspected) if topology.primary != own => {
                    AskedServer::Other(topology.inspected.clone())
                }
                (Some(Topology { primary: Some(primary), .. }), ProbeServer::Primary)
                    if Some(primary) != own.as_ref() =>
                {
                    AskedServer::Other(primary.clone())
                }
                _ => AskedServer::Own(server),
            };
            let done = ending.verify.iter().cloned().map(|probe| (server(ProbeServer::Primary), probe)).collect();
            let mut proofs = proofs(&fresh);
            for part in &mut proofs {
                if let Part::Prove(Proof { server: asked @ AskedServer::Own(_), .. }) = part
                    && let AskedServer::Own(own) = *asked
                {
                    *asked = server(own);
                }
            }
            script.push(Part::Unless { step: step.id.clone(), done, proofs });
        }
        script.shell(PREFLIGHT);
        let before = self.plan.files.iter().position(|file| {
            let scripts = self.plan.steps[self.first..].iter().filter_map(|step| step.script.as_ref());
            scripts.into_iter().any(|script| *script == file.path)
        });
        let file = File { path: file, text: script.print(), executable: true };
        self.plan.files.insert(before.unwrap_or(self.plan.files.len()), file);
        self.plan.steps.insert(self.first, step);
    }
}

/// The answers once all changes are done that a foreign key stands in the way of.
fn widened(ways: &[(&TableChange<'_>, Strategy)], key: &ForeignKey, context: &EnvironmentContext<'_>) -> Vec<Probe> {
    ways.iter()
        .filter(|(change, strategy)| is_in_the_way(context, change, key, *strategy))
        .flat_map(|(change, _)| change::probes(change))
        .collect()
}

const VERIFY: &str = r#"[ "$failed" -eq 0 ] || die "$failed checks differ from the plan."
say 'Done: the columns and foreign keys are as planned. csm-audit verify checks the rest.'"#;

const PREFLIGHT: &str = r#"all_proven
say 'All preflight checks passed.'"#;
