//! The order, over generated graphs of references: what a plan does is done to a model of the databases, step by step.

use std::collections::{BTreeMap, BTreeSet};

use csm_audit::audit::Role;
use csm_audit::live::facts::{ForeignKey, integer_limit};
use csm_audit::plan::{Effect, Options, Plan, PlannedForeignKey, Step, StepKind, plan};
use csm_audit::schema;
use proptest::prelude::*;

use crate::facts::{self, TABLE, audit, environment, seen};

/// A table that stores ids: where, of whom, how.
#[derive(Clone, Debug)]
struct Reference {
    database: usize,
    /// The table that it points to: the target, or one before it, whose column stores the ids as well.
    of: usize,
    constraint: bool,
    big: bool,
}

fn references() -> impl Strategy<Value = Vec<Reference>> {
    let one = (0..3_usize, any::<proptest::sample::Index>(), any::<bool>(), any::<bool>());
    prop::collection::vec(one, 0..7).prop_map(|all| {
        let make = |(at, (database, of, constraint, big)): (usize, (usize, proptest::sample::Index, bool, bool))| {
            Reference { database, of: of.index(at + 1), constraint, big }
        };
        all.into_iter().enumerate().map(make).collect()
    })
}

type ColumnName = (String, String, String);

/// The databases, as far as types and keys go.
#[derive(Clone, Debug, Default, PartialEq)]
struct World {
    types: BTreeMap<ColumnName, String>,
    keys: BTreeSet<PlannedForeignKey>,
}

const DATABASES: [&str; 3] = ["edxapp", "history", "other"];

fn name(at: usize) -> String {
    if at == 0 { TABLE.to_owned() } else { format!("ref_{at}") }
}

fn column_of(at: usize) -> &'static str {
    if at == 0 { "id" } else { "module_id" }
}

fn make(references: &[Reference], outbound: bool) -> (World, Plan) {
    let mut facts = environment();
    let home = |at: usize| if at == 0 { 0 } else { references[at - 1].database };
    let mut tables: Vec<Vec<_>> = vec![Vec::new(); DATABASES.len()];
    tables[0].push(facts::table(TABLE, "int", Some(("student_id", "int"))));
    let mut ids = vec![(0, TABLE.to_owned(), "id", Role::Key)];
    let mut keys = BTreeSet::new();
    for (at, reference) in references.iter().enumerate().map(|(at, reference)| (at + 1, reference)) {
        tables[reference.database].push(facts::table(&name(at), "bigint", Some(("module_id", "int"))));
        let role = if reference.constraint { Role::Constraint } else { Role::Soft };
        ids.push((reference.database, name(at), "module_id", role));
        if reference.constraint {
            keys.insert(ForeignKey {
                database: DATABASES[reference.database].to_owned(),
                table: name(at),
                key: schema::ForeignKey {
                    name: format!("fk_{at}"),
                    columns: vec!["module_id".to_owned()],
                    referenced_database: DATABASES[home(reference.of)].to_owned(),
                    referenced_table: name(reference.of),
                    referenced_columns: vec![column_of(reference.of).to_owned()],
                    ..schema::ForeignKey::default()
                },
            });
        }
    }
    if outbound {
        keys.insert(ForeignKey {
            database: "edxapp".to_owned(),
            table: TABLE.to_owned(),
            key: schema::ForeignKey {
                name: "out".to_owned(),
                columns: vec!["student_id".to_owned()],
                referenced_database: "edxapp".to_owned(),
                referenced_table: "auth_user".to_owned(),
                referenced_columns: vec!["id".to_owned()],
                ..schema::ForeignKey::default()
            },
        });
    }
    facts.databases =
        DATABASES.iter().zip(tables).map(|(name, tables)| facts::database(name, "replica:3306", tables, 10)).collect();
    for database in &mut facts.databases {
        for measures in &mut database.measures.found {
            let number = measures.table.strip_prefix("ref_").and_then(|text| text.parse::<usize>().ok());
            let big = number.is_none_or(|at| references[at - 1].big);
            if big {
                measures.rows_estimate = Some(9_000_000);
                measures.data_length = Some(9 << 30);
            }
        }
        let mine = |key: &&ForeignKey| key.database == database.name;
        database.foreign_keys = seen(keys.iter().filter(mine).cloned().collect());
        let others = |key: &&ForeignKey| key.database != database.name && key.referenced_database == database.name;
        database.referenced_by = seen(keys.iter().filter(others).cloned().collect());
    }
    let types = ids
        .iter()
        .map(|(database, table, column, _)| {
            ((DATABASES[*database].to_owned(), table.clone(), (*column).to_owned()), "int".to_owned())
        })
        .collect();
    let borrowed: Vec<_> =
        ids.iter().map(|(database, table, column, role)| (*database, table.as_str(), *column, *role)).collect();
    let plan = plan(&audit(facts, &borrowed), &Options::default());
    (World { types, keys: keys.iter().map(PlannedForeignKey::from).collect() }, plan)
}

fn is_wide(column_type: &str) -> bool {
    integer_limit(column_type).is_some_and(|limit| limit > i128::from(u32::MAX))
}

impl World {
    /// Does what a step does; what InnoDB or gh-ost would refuse is an error.
    fn run(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let online = matches!(step.kind, StepKind::GhOst | StepKind::PtOnlineSchemaChange);
        if online {
            let (database, table) = (step.database.as_ref().unwrap(), step.table.as_ref().unwrap());
            let touches = |key: &&PlannedForeignKey| {
                (&key.database, &key.table) == (database, table)
                    || (&key.referenced_database, &key.referenced_table) == (database, table)
            };
            prop_assert_eq!(self.keys.iter().find(touches), None, "a copy with a foreign key: {}", step.title);
        }
        for effect in &step.effects {
            match effect {
                Effect::ChangesType { database, table, column, from, to, key } => {
                    let place = (database.clone(), table.clone(), column.clone());
                    let held = |own: (&String, &String), columns: &[String]| {
                        own == (database, table) && columns.contains(column)
                    };
                    let tied = self.keys.iter().find(|key| {
                        held((&key.database, &key.table), &key.columns)
                            || held((&key.referenced_database, &key.referenced_table), &key.referenced_columns)
                    });
                    prop_assert_eq!(tied, None, "{} changes its type under a key", table);
                    let now = self.types.get(&place).cloned();
                    prop_assert!(now.as_ref() == Some(from) || now.as_ref() == Some(to), "{:?} is {:?}", place, now);
                    self.types.insert(place, to.clone());
                    if *key {
                        // From now on ids grow.
                        let narrow = self.types.iter().find(|(_, column_type)| !is_wide(column_type));
                        prop_assert_eq!(narrow, None, "narrower than the ids it may see");
                    }
                }
                Effect::DropsForeignKey { key } => {
                    self.keys.remove(key);
                }
                Effect::AddsForeignKey { key } => {
                    let end = |database: &String, table: &String, columns: &[String]| {
                        self.types.get(&(database.clone(), table.clone(), columns[0].clone()))
                    };
                    let ends = (
                        end(&key.database, &key.table, &key.columns),
                        end(&key.referenced_database, &key.referenced_table, &key.referenced_columns),
                    );
                    prop_assert_eq!(ends.0, ends.1, "{} ties columns of two types", key.name);
                    self.keys.insert(key.clone());
                }
                Effect::LeavesTables { .. }
                | Effect::DropsTables { .. }
                | Effect::ChangesField { .. }
                | Effect::RecordsMigration { .. } => {}
            }
        }
        Ok(())
    }

    /// Undoes a step by its way back.
    fn undo(&mut self, step: &Step) {
        for effect in step.effects.iter().rev() {
            match effect {
                Effect::ChangesType { database, table, column, from, .. } => {
                    self.types.insert((database.clone(), table.clone(), column.clone()), from.clone());
                }
                Effect::DropsForeignKey { key } => drop(self.keys.insert(key.clone())),
                Effect::AddsForeignKey { key } => drop(self.keys.remove(key)),
                Effect::LeavesTables { .. }
                | Effect::DropsTables { .. }
                | Effect::ChangesField { .. }
                | Effect::RecordsMigration { .. } => {}
            }
        }
    }
}

/// Runs all steps that are not done.
fn finish(world: &mut World, plan: &Plan) -> Result<(), TestCaseError> {
    for step in &plan.steps {
        world.run(step)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_reference_is_narrower_than_the_ids_it_may_see(references in references(), outbound: bool) {
        let (start, plan) = make(&references, outbound);
        let mut done = BTreeSet::new();
        for step in &plan.steps {
            for before in &step.after {
                prop_assert!(done.contains(before), "{} comes before {before}", step.id);
            }
            prop_assert!(done.insert(step.id.clone()), "{} comes twice", step.id);
        }
        let mut world = start.clone();
        finish(&mut world, &plan)?;
        prop_assert!(world.types.values().all(|column_type| column_type == "bigint unsigned"), "{:?}", world.types);
        prop_assert_eq!(&world.keys, &start.keys, "the keys come back");
    }

    #[test]
    fn every_way_back_leads_where_the_plan_can_begin_again(references in references(), outbound: bool) {
        let (start, plan) = make(&references, outbound);
        let mut world = start.clone();
        for step in &plan.steps {
            let before = world.clone();
            world.run(step)?;
            let mut back = world.clone();
            back.undo(step);
            prop_assert_eq!(&back, &before, "{}", step.title);
            finish(&mut back, &plan)?;
            prop_assert_eq!(&back.keys, &start.keys);
        }
    }
}

#[test]
fn the_key_comes_after_every_column_that_stores_its_ids() {
    let one = |constraint, big| Reference { database: 1, of: 0, constraint, big };
    let (_, plan) = make(&[one(false, false), one(true, true), one(false, true)], false);
    let changes = |step: &Step, of_key: bool| {
        step.effects.iter().any(|effect| matches!(effect, Effect::ChangesType { key, .. } if *key == of_key))
    };
    let columns: Vec<&Step> = plan.steps.iter().filter(|step| changes(step, false)).collect();
    assert_eq!(columns.len(), 3);
    let key = plan.steps.iter().find(|step| changes(step, true)).unwrap();
    for column in columns {
        assert!(
            key.after.contains(&column.id),
            "{} is not required before {}: {:?}",
            column.title,
            key.title,
            key.after
        );
    }
}

#[test]
fn tables_are_dropped_after_the_environment_is_verified() {
    let (_, plan) = make(&[], false);
    let at = |kind: StepKind| plan.steps.iter().position(|step| step.kind == kind).unwrap();
    let verify = &plan.steps[at(StepKind::Verify)];
    let clean_up = &plan.steps[at(StepKind::CleanUp)];
    assert!(clean_up.after.contains(&verify.id), "{:?}", clean_up.after);
    assert!(at(StepKind::Verify) < at(StepKind::CleanUp));
}
