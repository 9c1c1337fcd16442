//! The commands, where no server is needed.

use std::fs;
use std::path::Path;

use csm_audit::live::snapshot;

use crate::platform::{program, said, text};

fn dump(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dumps").join(name).display().to_string()
}

#[test]
fn dumps_become_a_snapshot_of_one_environment() {
    let home = tempfile::tempdir().unwrap();
    let snapshot_to = |output: &str| {
        let places = ["mariadb-10.11.platform.sql", "mariadb-10.11.platform_history.sql"];
        let places = places.map(|name| format!("prod={}", dump(name)));
        program(home.path()).args(["snapshot", "-o", output]).args(places).output().unwrap()
    };
    let output = snapshot_to("a.json");
    assert_eq!(output.status.code(), Some(0), "a dump is whole, whatever it cannot tell: {}", said(&output));
    let unproven = text(&output.stderr);
    assert!(unproven.contains("database-unproven: prod, platform, applied migrations: "), "{unproven}");
    snapshot_to("b.json");
    let read = |name: &str| fs::read(home.path().join(name)).unwrap();
    assert_eq!(read("a.json"), read("b.json"));
    let environments = snapshot::read_file(&home.path().join("a.json")).unwrap();
    assert_eq!(environments.len(), 1);
    let names: Vec<_> = environments[0].databases.iter().map(|database| &*database.name).collect();
    assert_eq!(names, ["platform", "platform_history"]);
    // The name of the file, not where it lies.
    assert!(!String::from_utf8(read("a.json")).unwrap().contains(env!("CARGO_MANIFEST_DIR")));
}

#[test]
fn what_cannot_be_used_is_said_with_exit_code_2() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("new.json"), "{\"kind\": \"csm-audit snapshot\", \"version\": 99, \"what\": 1}")
        .unwrap();
    fs::write(home.path().join("other.json"), "{\"kind\": \"something else\"}").unwrap();
    for (arguments, words) in [
        (vec!["snapshot"], "no environment was passed"),
        (vec!["snapshot", "prod"], "`prod` is not an environment of the configuration"),
        (vec!["snapshot", "prod=gone.sql"], "cannot read gone.sql"),
        (vec!["snapshot", "prod=new.json"], "snapshot version 99 is newer than this csm-audit supports (1)"),
        (vec!["snapshot", "prod=other.json"], "is not a valid snapshot"),
        (vec!["snapshot", "prod=mysql://h"], "contains no database"),
        (vec!["snapshot", "prod=postgres://h/d"], "the scheme must be mysql or mariadb"),
        (vec!["snapshot", "prod=mysql://h/d", "--password-file=gone"], "cannot read gone"),
        (vec!["snapshot", "prod=mysql://h/d", "--defaults-file=gone"], "cannot read gone"),
        (vec!["grants"], "DATABASE"),
        (vec!["grants", "edxapp", "--server=oracle-23"], "write mysql-5.6, mysql-8.4 or mariadb-10.11"),
    ] {
        let output = program(home.path()).args(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
        assert!(text(&output.stderr).contains(words), "{arguments:?}: {}", said(&output));
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
}

#[test]
fn grants_are_printed() {
    let home = tempfile::tempdir().unwrap();
    let arguments = ["grants", "edxapp", "csmh", "--server", "mariadb-10.11", "--account", "me@10.%"];
    let output = program(home.path()).args(arguments).output().unwrap();
    assert!(output.status.success());
    let printed = text(&output.stdout);
    assert!(printed.contains("GRANT SLAVE MONITOR ON *.* TO 'me'@'10.%';"), "{printed}");
    assert!(printed.contains("ON `edxapp`.* TO") && printed.contains("ON `csmh`.* TO"), "{printed}");
}
