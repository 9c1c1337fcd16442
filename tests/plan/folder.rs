//! The folder of a plan, made by the program from a project and a dump: no server is needed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use csm_audit::plan::{Effect, Plan, StepKind};

use crate::platform::{Platform, said};

const DUMP: &str = "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: localhost    Database: edxapp
-- ------------------------------------------------------
-- Server version\t8.0.36
CREATE TABLE `auth_user` (`id` int NOT NULL AUTO_INCREMENT, PRIMARY KEY (`id`)) ENGINE=InnoDB;
CREATE TABLE `courseware_studentmodule` (`id` int NOT NULL AUTO_INCREMENT, `module_type` varchar(32) NOT NULL,
  `student_id` int NOT NULL, `state` longtext, `grade` double DEFAULT NULL, PRIMARY KEY (`id`),
  CONSTRAINT `student_id_refs_id` FOREIGN KEY (`student_id`) REFERENCES `auth_user` (`id`)) ENGINE=InnoDB;
CREATE TABLE `courseware_offlinecomputed` (`id` int NOT NULL AUTO_INCREMENT, `module_id` int NOT NULL, PRIMARY KEY (`id`),
  CONSTRAINT `module_id_refs_id` FOREIGN KEY (`module_id`) REFERENCES `courseware_studentmodule` (`id`)) ENGINE=InnoDB;
-- Dump completed
";

/// Runs `plan` over the platform's project and the dump.
fn run(platform: &Platform) -> Output {
    let dump = platform.project().parent().unwrap().join("edxapp.sql");
    fs::write(&dump, DUMP).unwrap();
    Command::new(env!("CARGO_BIN_EXE_csm-audit"))
        .env_remove("VIRTUAL_ENV")
        .arg("plan")
        .arg(platform.project())
        .args(["--strategy", "gh-ost", "--gh-ost-version", "1.1.10"])
        .args(["--replica", &format!("prod={}", dump.display())])
        .arg("-o")
        .arg(platform.plan())
        .output()
        .unwrap()
}

fn plan(platform: &Platform) -> Plan {
    let output = run(platform);
    assert!(output.status.success(), "{}", said(&output));
    Plan::parse(&fs::read_to_string(platform.plan().join("plan.json")).unwrap()).unwrap()
}

#[test]
fn a_key_that_the_code_does_not_have_is_not_re_created() {
    let plan = plan(&Platform::new());
    let names = |add: bool| -> Vec<String> {
        let effects = plan.steps.iter().flat_map(|step| &step.effects);
        effects
            .filter_map(|effect| match effect {
                Effect::DropsForeignKey { key } if !add => Some(key.name.clone()),
                Effect::AddsForeignKey { key } if add => Some(key.name.clone()),
                _ => None,
            })
            .collect()
    };
    assert_eq!(names(false), ["module_id_refs_id", "student_id_refs_id"]);
    assert_eq!(names(true), ["module_id_refs_id"], "the models say db_constraint=False of the other");
}

#[test]
fn only_scripts_of_an_earlier_plan_are_deleted() {
    let platform = Platform::new();
    let first = plan(&platform);
    let folder = platform.plan();
    let outside = platform.project().parent().unwrap().join("victim.sh");
    let absolute = platform.project().join("absolute.sh");
    let own = "prod-99-of-an-older-plan.sh";
    let script = fs::read_to_string(folder.join(first.steps[0].script.as_ref().unwrap())).unwrap();
    let kept = [
        outside.clone(),
        absolute.clone(),
        folder.join("notes.sh"),
        folder.join("plan.json.txt"),
        folder.join("django/nested.sh"),
    ];
    for path in &kept {
        fs::write(path, if path.ends_with("notes.sh") { "#!/bin/sh\necho mine\n" } else { &script }).unwrap();
    }
    fs::write(folder.join(own), &script).unwrap();
    let mut older = first.clone();
    let template = older.steps[0].clone();
    let named = [
        "../victim.sh",
        absolute.to_str().unwrap(),
        "notes.sh",
        "plan.json.txt",
        "django/nested.sh",
        "./notes.sh",
        own,
    ];
    older.steps.extend(named.iter().map(|name| {
        let mut step = template.clone();
        step.script = Some((*name).to_owned());
        step
    }));
    fs::write(folder.join("plan.json"), older.to_json()).unwrap();
    plan(&platform);
    for path in &kept {
        assert!(path.is_file(), "{} was deleted", path.display());
    }
    assert!(!folder.join(own).exists(), "a script of the older plan would be run in good faith");
}

#[test]
#[cfg(unix)]
fn a_link_of_an_earlier_plan_is_not_followed() {
    let platform = Platform::new();
    let mut older = plan(&platform);
    let folder = platform.plan();
    let target = platform.project().join("linked.sh");
    fs::write(&target, fs::read(folder.join(older.steps[0].script.as_ref().unwrap())).unwrap()).unwrap();
    std::os::unix::fs::symlink(&target, folder.join("link.sh")).unwrap();
    older.steps[0].script = Some("link.sh".to_owned());
    fs::write(folder.join("plan.json"), older.to_json()).unwrap();
    plan(&platform);
    assert!(target.is_file() && Path::new(&folder).join("link.sh").exists());
}

#[test]
fn plans_of_older_releases_are_read() {
    let text = r#"{"kind": "csm-audit plan", "version": 1, "plan": {"target": "a.B", "table": "a_b", "key": "id",
        "change": "bigint unsigned", "complete": false, "open": [{"environment": "prod", "what": "x"}],
        "strategies": [{"environment": "prod", "database": "d", "table": "a_b", "way": "gh-ost", "verdict": "recommended",
            "why": "", "downtime": "", "duration": null, "disk": null, "binary_log": null, "risks": [], "needs": []}],
        "steps": [{"id": "prod-02", "kind": "gh-ost", "title": "t", "environment": "prod", "server": null,
            "database": "d", "table": "a_b", "script": "prod-02-gh-ost-a_b.sh", "run": "gh-ost",
            "preconditions": [{"what": "w", "host": "primary", "query": null, "expected": null, "outcome": "passed",
                "seen": "", "fix": null, "by_tool": false}],
            "verify": [], "rollback": {"run": null, "what": "", "until": null, "point_of_no_return": false},
            "estimate": null, "after": [], "blocked_by": [],
            "effects": [{"effect": "type", "database": "d", "table": "a_b", "column": "id", "from": "int",
                    "to": "bigint unsigned", "key": true},
                {"effect": "leaves", "database": "d", "of": "a_b", "tables": ["_a_b_del"]},
                {"effect": "takes", "database": "d", "tables": ["_a_b_del"]},
                {"effect": "migrated", "environment": "prod", "database": "d", "app": "a", "name": "0002"}]}]}}"#;
    let plan = Plan::parse(text).unwrap();
    assert_eq!((plan.assumptions[0].what.as_str(), plan.strategies[0].strategy.name()), ("x", "gh-ost"));
    assert_eq!((plan.steps[0].kind, plan.steps[0].effects.len()), (StepKind::GhOst, 4));
}
