//! Which steps of a plan are done in the environments, and which are open. Only facts are read.

use std::fmt::Write as _;

use super::sql::plain_type;
use super::types::{Effect, Plan, PlannedForeignKey, Step};
use crate::live::facts::{DatabaseFacts, EnvironmentFacts};

/// What became of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// What was looked at, in the order of the steps.
    pub lines: Vec<Line>,
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The step, or the environment when it is about no step.
    pub place: String,
    /// What was seen.
    pub what: String,
    /// Whether it is as planned.
    pub state: State,
}

/// Whether something is as planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Done,
    /// It is not yet.
    Open,
    /// Not checked.
    Unproven,
}

impl Verification {
    /// Looks at environments.
    #[must_use]
    pub fn new(plan: &Plan, environments: &[EnvironmentFacts]) -> Self {
        let mut verification = Self { lines: Vec::new() };
        for step in plan.steps.iter().filter(|step| !step.effects.is_empty()) {
            verification.step(plan, step, environments);
        }
        let mut names: Vec<&String> = plan.steps.iter().filter_map(|step| step.environment.as_ref()).collect();
        names.dedup();
        for name in names {
            match environments.iter().find(|environment| environment.name == *name) {
                Some(environment) => verification.environment(plan, environment),
                None => verification.push(name, "not checked: no database was passed with --replica", State::Unproven),
            }
        }
        verification
    }

    /// Whether all of it is as planned.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.lines.iter().all(|line| line.state == State::Done)
    }

    /// Adds what was looked at elsewhere, such as at rows.
    pub fn push(&mut self, place: &str, what: impl Into<String>, state: State) {
        self.lines.push(Line { place: place.to_owned(), what: what.into(), state });
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        for line in &self.lines {
            let word = match line.state {
                State::Done => "done    ",
                State::Open => "OPEN    ",
                State::Unproven => "UNPROVEN",
            };
            let _ = writeln!(out, "{word}  {}: {}", line.place, line.what);
        }
        let open = self.lines.iter().filter(|line| line.state != State::Done).count();
        if open == 0 {
            out.push_str("All steps are done.\n");
        } else {
            let _ = writeln!(out, "{open} steps open.");
        }
        out
    }

    fn step(&mut self, plan: &Plan, step: &Step, environments: &[EnvironmentFacts]) {
        for effect in &step.effects {
            let name = match effect {
                Effect::RecordsMigration { environment, .. } => Some(environment),
                _ => step.environment.as_ref(),
            };
            let Some(environment) = environments.iter().find(|environment| Some(&environment.name) == name) else {
                continue;
            };
            let (what, state) = match effect {
                Effect::ChangesType { database, table, column, to, .. } => {
                    column_is(environment.database(database), table, column, to)
                }
                Effect::DropsForeignKey { key } => {
                    let returns = plan.steps.iter().flat_map(|step| &step.effects).any(
                        |other| matches!(other, Effect::AddsForeignKey { key: added } if added.name == key.name && added.table == key.table),
                    );
                    if returns {
                        continue;
                    }
                    key_is(environment.database(&key.database), key, false)
                }
                Effect::AddsForeignKey { key } => key_is(environment.database(&key.database), key, true),
                Effect::LeavesTables { .. } | Effect::ChangesField { .. } => continue,
                Effect::DropsTables { database, tables } => gone(environment.database(database), tables),
                Effect::RecordsMigration { environment: of, database, app, name } => {
                    let (what, state) = migrated(environment.database(database), app, name);
                    (format!("{of}, {what}"), state)
                }
            };
            self.push(&step.id, what, state);
        }
    }

    fn environment(&mut self, plan: &Plan, facts: &EnvironmentFacts) {
        for incomplete in &facts.incomplete {
            self.push(&facts.name, format!("{}: {}", incomplete.place, incomplete.reason), State::Unproven);
        }
        let mine = plan.steps.iter().filter(|step| step.environment.as_deref() == Some(&facts.name));
        let mut tables: Vec<(&str, &str)> = Vec::new();
        for effect in mine.flat_map(|step| &step.effects) {
            if let Effect::ChangesType { database, table, key, column, .. } = effect {
                tables.push((database, table));
                if *key {
                    let (what, state) = counts_on(facts.database(database), table, column);
                    self.push(&facts.name, what, state);
                }
            }
        }
        tables.sort_unstable();
        tables.dedup();
        for (database, table) in tables {
            let Some(database) = facts.database(database) else { continue };
            let left: Vec<&str> =
                database.leftovers().into_iter().filter(|(_, of)| *of == table).map(|(name, _)| name).collect();
            if left.is_empty() {
                continue;
            }
            self.push(&facts.name, format!("leftover tables in {}: {}", database.name, left.join(", ")), State::Open);
        }
    }
}

fn unread() -> (String, State) {
    (String::from("its database was not read"), State::Unproven)
}

fn column_is(database: Option<&DatabaseFacts>, table: &str, column: &str, to: &str) -> (String, State) {
    let Some(facts) = database else { return unread() };
    let name = format!("{}.{table}.{column}", facts.name);
    match facts.table(table).and_then(|table| table.column(column)) {
        Some(found) if plain_type(&found.column_type) == plain_type(to) => (format!("{name} is {to}"), State::Done),
        Some(found) => (format!("{name} is {}, not {to}", plain_type(&found.column_type)), State::Open),
        None => (format!("{name} was not found"), State::Unproven),
    }
}

fn key_is(database: Option<&DatabaseFacts>, key: &PlannedForeignKey, wanted: bool) -> (String, State) {
    let Some(facts) = database else { return unread() };
    let there = facts.foreign_keys.found.iter().any(|found| found.table == key.table && found.name == key.name);
    let name = format!("{}.{}: the constraint {}", key.database, key.table, key.name);
    match (there, wanted, facts.foreign_keys.proof.is_proven()) {
        (true, true, _) => (format!("{name} exists"), State::Done),
        (false, false, true) => (format!("{name} is dropped"), State::Done),
        (true, false, _) => (format!("{name} still exists"), State::Open),
        (false, true, true) => (format!("{name} is missing"), State::Open),
        (false, _, false) => (format!("{name} was not read: {}", facts.foreign_keys.proof.reason()), State::Unproven),
    }
}

fn gone(database: Option<&DatabaseFacts>, tables: &[String]) -> (String, State) {
    let Some(facts) = database else { return unread() };
    let there: Vec<&str> = tables.iter().filter(|table| facts.table(table).is_some()).map(String::as_str).collect();
    match (there.is_empty(), facts.tables.proof.is_proven()) {
        (true, true) => (format!("no leftover tables in {}", facts.name), State::Done),
        (true, false) => (facts.tables.proof.reason().to_owned(), State::Unproven),
        (false, _) => (format!("{} still contains {}", facts.name, there.join(", ")), State::Open),
    }
}

fn migrated(database: Option<&DatabaseFacts>, app: &str, name: &str) -> (String, State) {
    let Some(facts) = database else { return unread() };
    let there = facts.migrations.found.iter().any(|migration| migration.app == app && migration.name == name);
    let what = format!("{}: the migration {app}.{name}", facts.name);
    match (there, facts.migrations.proof.is_proven()) {
        (true, _) => (format!("{what} is applied"), State::Done),
        (false, true) => (format!("{what} is not applied"), State::Open),
        (false, false) => (format!("{what} was not read: {}", facts.migrations.proof.reason()), State::Unproven),
    }
}

/// Whether the key goes on counting, above what it has used.
fn counts_on(database: Option<&DatabaseFacts>, table: &str, column: &str) -> (String, State) {
    let Some(facts) = database else { return unread() };
    let name = format!("{}.{table}.{column}", facts.name);
    let Some(found) = facts.table(table).and_then(|table| table.column(column)) else { return unread() };
    if !found.auto_increment {
        return (format!("{name} is no longer AUTO_INCREMENT"), State::Open);
    }
    let measures = facts.measures_of(table);
    let highest = measures
        .and_then(|measures| measures.ranges.iter().find(|range| range.column.eq_ignore_ascii_case(column)))
        .and_then(|range| range.highest);
    match (measures.and_then(|measures| measures.auto_increment), highest) {
        (Some(next), Some(highest)) if i128::from(next) <= highest => {
            (format!("{name}: the next AUTO_INCREMENT value is {next}, but {highest} is used"), State::Open)
        }
        (Some(next), _) => (format!("{name}: the next AUTO_INCREMENT value is {next}"), State::Done),
        (None, _) => (format!("{name}: the next AUTO_INCREMENT value was not read"), State::Unproven),
    }
}
