//! The answer's value for every kind of situation: ready, not ready or not verified, and the first reason.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail loudly, as the tests do")]

#[path = "plan/facts.rs"]
#[allow(dead_code, reason = "the plan's tests use the rest")]
mod facts;

use std::path::Path;
use std::process::Command;

use csm_audit::live::facts::{EnvironmentFacts, ForeignKey, Incomplete, Table};
use csm_audit::live::proof::{Observed, Proof};
use csm_audit::live::snapshot;
use csm_audit::schema;
use facts::{database, environment, seen, set, table};

const ORDER: &str = "migrations.CreateModel('Order', [('id', models.AutoField(primary_key=True))])";
const LINE: &str = "migrations.CreateModel('Line', [('id', models.AutoField(primary_key=True)), \
                    ('order', models.ForeignKey('shop.Order', models.CASCADE))])";

/// A project, and what was read of its databases.
struct Situation {
    name: &'static str,
    settings: &'static str,
    operations: String,
    environments: Vec<EnvironmentFacts>,
    verdict: &'static str,
    /// What the first reason holds.
    reason: &'static str,
    /// How many blockers the plan handles.
    handled: usize,
}

const SETTINGS: &str = "INSTALLED_APPS = ['shop']\nDATABASES = {'default': {'NAME': 'shop'}}\n";
const TWO: &str = "INSTALLED_APPS = ['shop']\nDATABASES = {'default': {'NAME': 'shop'}, 'logs': {'NAME': 'shoplogs'}}\n\
                   DATABASE_ROUTERS = ['routers.Logs']\n";

fn key(table: &str, name: &str) -> ForeignKey {
    ForeignKey {
        database: "shop".into(),
        table: table.into(),
        key: schema::ForeignKey {
            name: name.into(),
            columns: vec!["order_id".into()],
            referenced_database: "shop".into(),
            referenced_table: "shop_order".into(),
            referenced_columns: vec!["id".into()],
            ..schema::ForeignKey::default()
        },
    }
}

/// An environment with one database of these tables, where nothing is hidden.
fn read(tables: Vec<Table>) -> EnvironmentFacts {
    let mut facts = environment();
    let mut one = database("shop", "replica:3306", tables, 5_000_000);
    for list in [&mut one.views, &mut one.routines, &mut one.events] {
        *list = seen(Vec::new());
    }
    (one.checks, one.named_by) = (seen(Vec::new()), seen(Vec::new()));
    (one.south_migrations, one.counters) = (seen(Vec::new()), seen(std::collections::BTreeMap::new()));
    facts.databases = vec![one];
    facts
}

fn order() -> Table {
    table("shop_order", "int", None)
}

fn line(column_type: &str) -> Table {
    let mut line = table("shop_line", "int", Some(("order_id", column_type)));
    line.indexes.push(facts::index("shop_line_order_id", "order_id"));
    line
}

fn with(mut facts: EnvironmentFacts, change: impl FnOnce(&mut EnvironmentFacts)) -> EnvironmentFacts {
    change(&mut facts);
    facts
}

fn unproven<T: Default>() -> Observed<T> {
    Observed::new(T::default(), Proof::unproven("a right is missing"))
}

fn situation(name: &'static str, verdict: &'static str, reason: &'static str) -> Situation {
    Situation {
        name,
        settings: SETTINGS,
        operations: String::from(ORDER),
        environments: vec![read(vec![order()])],
        verdict,
        reason,
        handled: 0,
    }
}

fn both() -> String {
    format!("{ORDER}, {LINE}")
}

fn situations() -> Vec<Situation> {
    let referenced = |facts: &mut EnvironmentFacts| {
        facts.databases[0].foreign_keys = seen(vec![key("shop_line", "shop_line_order_id")]);
    };
    let mut all = known();
    all.extend(unread());
    all.push(Situation {
        operations: both(),
        environments: vec![with(read(vec![order(), line("int")]), referenced)],
        handled: 1,
        ..situation("a blocker with a step", "ready", "shop_line.order_id")
    });
    all.push(Situation {
        operations: both(),
        environments: vec![with(read(vec![order(), line("int")]), |facts| {
            referenced(facts);
            facts.databases[0].measures.found[0].ranges[0].lowest = Some(-5);
        })],
        handled: 1,
        ..situation("a blocker with a step and one without", "not-ready", "contains -5")
    });
    all.push(Situation {
        operations: both(),
        environments: vec![with(
            read(vec![table("shop_order", "bigint unsigned", None), line("bigint unsigned")]),
            referenced,
        )],
        ..situation("the change is done", "ready", "")
    });
    all.push(Situation {
        operations: both(),
        environments: vec![with(
            read(vec![
                table("shop_order", "bigint unsigned", None),
                line("bigint unsigned"),
                table("_shop_line_del", "int", Some(("order_id", "int"))),
            ]),
            referenced,
        )],
        ..situation("the morning after, with a leftover", "ready", "")
    });
    all
}

/// Situations in which everything was read.
fn known() -> Vec<Situation> {
    vec![
        situation("nothing in the way", "ready", ""),
        Situation {
            environments: vec![with(read(vec![order()]), |facts| {
                facts.databases[0].measures.found[0].ranges[0].lowest = Some(-5);
            })],
            ..situation("a blocker without a step", "not-ready", "contains -5")
        },
        Situation {
            environments: vec![with(
                read(vec![order(), table("by_hand", "int", Some(("order_id", "bigint unsigned")))]),
                |facts| {
                    facts.databases[0].foreign_keys = seen(vec![key("by_hand", "by_hand_fk")]);
                },
            )],
            handled: 1,
            ..situation("a foreign key that the code does not have", "ready", "by_hand")
        },
        Situation {
            environments: vec![read(vec![order(), table("_shop_order_gho", "bigint unsigned", None)])],
            ..situation("a ghost table of another run", "not-ready", "_shop_order_gho")
        },
        Situation {
            environments: vec![with(read(vec![order()]), |facts| facts.databases[0].tables.found[0].is_view = true)],
            ..situation("the target is a view", "not-ready", "shop_order: a view")
        },
        Situation {
            environments: vec![with(read(vec![order()]), |facts| {
                facts.databases[0].checks = seen(vec![csm_audit::live::facts::Check {
                    table: "shop_order".into(),
                    part: schema::Check::new("cap", "`id` < 2147483647"),
                }]);
            })],
            ..situation("a CHECK that ends with the old type", "not-ready", "cap")
        },
        // A function that was not found may execute DDL on the tables of its app.
        Situation {
            operations: format!("{ORDER}, migrations.RunPython(gone)"),
            ..situation("a function of a migration that was not found", "not-verified", "RunPython")
        },
        Situation {
            environments: vec![with(read(vec![order()]), |facts| {
                set(&mut facts.servers[0], &[("binlog_expire_logs_seconds", "600")]);
            })],
            ..situation("a precondition that failed", "not-ready", "binary log")
        },
        Situation {
            operations: String::from(
                "migrations.CreateModel('Order', [('id', models.CharField(primary_key=True, max_length=32))])",
            ),
            environments: vec![read(vec![table("shop_order", "varchar(32)", None)])],
            ..situation("a key that is no integer", "not-ready", "varchar(32)")
        },
    ]
}

/// Situations in which something that matters is unknown.
fn unread() -> Vec<Situation> {
    let hidden = |name, change: fn(&mut EnvironmentFacts)| Situation {
        environments: vec![with(read(vec![order()]), change)],
        ..situation(name, "not-verified", "a right is missing")
    };
    vec![
        Situation {
            environments: vec![EnvironmentFacts {
                name: "prod".into(),
                incomplete: vec![Incomplete { place: "replica:3306".into(), reason: "Connection refused".into() }],
                ..EnvironmentFacts::default()
            }],
            ..situation("nothing readable", "not-verified", "Connection refused")
        },
        Situation {
            environments: vec![
                read(vec![order()]),
                EnvironmentFacts {
                    name: "stage".into(),
                    incomplete: vec![Incomplete { place: "other:3306".into(), reason: "Connection refused".into() }],
                    ..EnvironmentFacts::default()
                },
            ],
            ..situation("one environment lost", "not-verified", "Connection refused")
        },
        hidden("tables may be hidden", |facts| facts.databases[0].tables.proof = unproven::<()>().proof),
        hidden("foreign keys may be hidden", |facts| facts.databases[0].foreign_keys = unproven()),
        hidden("foreign keys of other databases may be hidden", |facts| facts.databases[0].referenced_by = unproven()),
        hidden("triggers may be hidden", |facts| facts.databases[0].triggers = unproven()),
        hidden("nothing was measured", |facts| facts.databases[0].measures = unproven()),
        Situation {
            environments: vec![read(vec![table("something_else", "int", None)])],
            ..situation("no database has the table", "not-verified", "has the table shop_order")
        },
        Situation {
            settings: "DATABASES = {'default': {'NAME': 'shop'}}\n",
            ..situation("no list of apps", "not-verified", "the installed apps are unknown")
        },
        Situation {
            settings: TWO,
            operations: both(),
            environments: vec![read(vec![order()])],
            ..situation(
                "a database with ids that nobody gave",
                "not-verified",
                "--replica prod=mysql://USER@HOST/shoplogs",
            )
        },
        Situation {
            settings: "INSTALLED_APPS = ['shop']\nDATABASES = {'default': {'NAME': 'x'}, 'second': {'NAME': 'y'}}\n",
            environments: vec![with(read(vec![order(), table("a", "int", None), table("b", "int", None)]), |facts| {
                facts.databases[0].name = "unknown".into();
            })],
            ..situation("a database of no alias", "not-verified", "alias")
        },
        Situation {
            operations: String::from("migrations.CreateModel('Order', [('id', missing.KeyField(primary_key=True))])"),
            ..situation("the class of the key was not found", "not-verified", "missing.KeyField")
        },
    ]
}

fn answer(folder: &Path, of: &Situation) -> serde_json::Value {
    let write = |name: &str, text: &str| {
        let path = folder.join("project").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("settings.py", of.settings);
    write("manage.py", "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'settings')\n");
    write(
        "routers.py",
        "class Logs:\n    def allow_migrate(self, db, app_label, model_name=None, **hints):\n        \
         return (db == 'logs') == (model_name == 'line')\n",
    );
    write("shop/__init__.py", "");
    write("shop/migrations/__init__.py", "");
    write(
        "shop/models.py",
        "from django.db import models\n\n\nclass Order(models.Model):\n    id = models.AutoField(primary_key=True)\n",
    );
    write(
        "shop/migrations/0001_initial.py",
        &format!(
            "from django.db import migrations, models\nimport missing\nfrom elsewhere import gone\n\n\n\
             class Migration(migrations.Migration):\n    operations = [{}]\n",
            of.operations
        ),
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_csm-audit"));
    command.arg("scan").arg(folder.join("project")).args(["--target", "shop.Order", "--django", "4.2"]);
    command.args(["--format", "json", "--quiet"]);
    for facts in &of.environments {
        let path = folder.join(format!("{}.json", facts.name));
        snapshot::write(std::slice::from_ref(facts), std::fs::File::create(&path).unwrap()).unwrap();
        command.arg("--replica").arg(format!("{}={}", facts.name, path.display()));
    }
    let output = command.output().unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}: {}", of.name, String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn every_situation_has_its_answer() {
    let all = situations();
    assert!(all.len() >= 20, "{} situations", all.len());
    let mut wrong = String::new();
    for of in &all {
        let folder = tempfile::tempdir().unwrap();
        let report = answer(folder.path(), of);
        let answer = &report["answer"];
        let first = answer["reasons"][0].as_str().unwrap_or_default();
        let any = answer["reasons"].as_array().unwrap().iter().any(|r| r.as_str().unwrap().contains(of.reason));
        let handled = answer["handled_by_plan"].as_array().map_or(0, Vec::len);
        let value = match of.verdict {
            "ready" => "yes",
            "not-ready" => "no",
            _ => "unproven",
        };
        // Each decision names its finding, or comes from the plan.
        let decisions = answer["decisions"].as_array().unwrap();
        let findings = report["findings"].as_array().into_iter().flatten();
        let findings: Vec<&str> = findings.map(|one| one["fingerprint"].as_str().unwrap()).collect();
        let of_decisions = answer["decision_findings"].as_array().unwrap();
        let known = of_decisions.iter().all(|one| one.as_str().is_none_or(|one| findings.contains(&one)));
        let is_right = answer["verdict"] == of.verdict
            && decisions.len() == of_decisions.len()
            && known
            && answer["may_start"] == value
            && handled == of.handled
            && (any || of.reason.is_empty())
            && first.is_empty() == of.reason.is_empty();
        if !is_right {
            wrong += &format!("{}: {}\n", of.name, serde_json::to_string_pretty(answer).unwrap());
            for finding in report["findings"].as_array().unwrap() {
                wrong += &format!("  {} {} {}\n", finding["check"], finding["blocks"], finding["message"]);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
