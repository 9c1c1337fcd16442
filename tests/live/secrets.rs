//! Passwords: every way to give one works, and none of them shows it.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crate::platform::{PASSWORD, complaints, fill, grant, program, said, text};
use crate::support::{self, Flavour, Server, ServerOptions};
use crate::trouble::{Proxy, Then};

/// The password as it stands in a URL.
const ENCODED: &str = "pa%27ss%20w0rd%231";

fn assert_hidden(what: &str, text: &str) {
    for secret in [PASSWORD, ENCODED, "w0rd"] {
        assert!(!text.contains(secret), "{what} shows the password: {text}");
    }
}

fn url(port: u16, login: &str, more: &str) -> String {
    format!("prod=mysql://{login}@127.0.0.1:{port}/edxapp?ssl-mode=disabled&get-server-public-key=true{more}")
}

fn start() -> Option<(Server, tempfile::TempDir)> {
    let server = support::start(Flavour::MySql97, ServerOptions::new().general_log())
        .or_else(|| support::start(Flavour::MariaDb, ServerOptions::new().general_log()))?;
    fill(&server);
    grant(&server, "audit");
    Some((server, tempfile::tempdir().unwrap()))
}

fn files(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let ours = entries.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    ours.map(|path| fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn every_way_to_give_a_password_works_and_none_shows_it() {
    let Some((server, home)) = start() else { return };
    let port = server.port();
    let write = |name: &str, text: &str| fs::write(home.path().join(name), text).unwrap();
    write("password", &format!("{PASSWORD}\n"));
    write("other.cnf", &format!("[clientprod]\nuser=audit\npassword=\"{PASSWORD}\"\n"));
    write(
        "csm-audit.toml",
        &format!("[environments.prod]\nsources = [\"{}\"]\npassword-env = \"NAMED\"\n", &url(port, "audit", "")[5..]),
    );
    type Case<'a> = (&'a str, Vec<String>, Vec<(&'a str, &'a str)>);
    let mut cases: Vec<Case<'_>> = vec![
        ("url", vec![url(port, &format!("audit:{ENCODED}"), "")], vec![]),
        ("password-env", vec![url(port, "audit", "&password-env=MINE")], vec![("MINE", PASSWORD)]),
        ("file", vec![url(port, "audit", ""), "--password-file=password".to_owned()], vec![]),
        (
            "option file",
            vec![
                format!("prod=mysql://127.0.0.1:{port}/edxapp?ssl-mode=disabled&get-server-public-key=true"),
                "--defaults-file=other.cnf".to_owned(),
                "--defaults-group-suffix=prod".to_owned(),
            ],
            vec![],
        ),
        ("MYSQL_PWD", vec![url(port, "audit", "")], vec![("MYSQL_PWD", PASSWORD)]),
        ("configuration", vec!["prod".to_owned()], vec![("NAMED", PASSWORD)]),
        ("configuration, all of it", vec![], vec![("NAMED", PASSWORD)]),
    ];
    let run = |arguments: &[String], variables: &[(&str, &str)], output: &str| -> Output {
        let mut program = program(home.path());
        program.args(["snapshot", "--allow-primary", "-o", output]).args(arguments);
        program.envs(variables.iter().copied()).stdin(Stdio::null()).output().unwrap()
    };
    for (what, arguments, variables) in &cases {
        let output = run(arguments, variables, "out.json");
        assert!(complaints(&output).is_empty() && output.status.success(), "{what}: {}", said(&output));
    }
    write(".my.cnf", &format!("[csm-audit]\npassword=\"{PASSWORD}\"\n"));
    assert!(run(&[url(port, "audit", "")], &[], "out.json").status.success());

    // The same with a server that does not let them in, and with arguments that are wrong.
    server.execute("ALTER USER 'audit'@'127.0.0.1' IDENTIFIED BY 'another'");
    cases.push(("no database", vec![format!("prod=mysql://audit:{ENCODED}@127.0.0.1:{port}")], vec![]));
    cases.push(("parameter", vec![url(port, &format!("audit:{ENCODED}"), "&ssl=1")], vec![]));
    cases.push(("not encoded", vec![url(port, &format!("audit:{PASSWORD}"), "")], vec![]));
    cases.push(("loud", vec![url(port, &format!("audit:{ENCODED}"), "").replace("mysql://", "MYSQL://")], vec![]));
    cases.push(("with marks", vec![format!("prod=mysql://audit:pa@{PASSWORD}@127.0.0.1:{port}/edxapp#x")], vec![]));
    cases.push(("no name", vec![format!("mysql://audit:{ENCODED}@127.0.0.1:{port}/edxapp")], vec![]));
    cases.push(("no such variable", vec![url(port, &format!("audit:{ENCODED}"), "&password-env=GONE")], vec![]));
    for (what, arguments, variables) in &cases {
        let output = run(arguments, variables, "out.json");
        assert!(matches!(output.status.code(), Some(2 | 3)), "{what}: {}", said(&output));
        assert!(!said(&output).is_empty(), "{what}");
        assert_hidden(what, &said(&output));
    }
    assert_hidden("the snapshot", &files(home.path()));
    let log = server.general_log();
    // The one line is the account's making.
    let log: String = log.lines().filter(|line| !line.contains("CREATE USER")).collect();
    assert_hidden("the server's log", &log);
    assert_hidden("the server's error log", &server.error_log());
}

#[test]
fn a_password_in_the_url_is_gone_from_the_list_of_processes() {
    let Some((server, home)) = start() else { return };
    let proxy = Proxy::before(&server, 10, Then::Stall);
    let mut child = program(home.path())
        .args(["snapshot", "--allow-primary", "--timeout=5", "--quiet"])
        .arg(url(proxy.port, &format!("audit:pa@ss#{ENCODED}"), "").replace("mysql://", "MYSQL://"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    for _ in 0..500 {
        if proxy.passed.load(Ordering::SeqCst) >= 10 {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let command_line = fs::read(format!("/proc/{}/cmdline", child.id())).unwrap();
    let command_line = text(&command_line);
    assert!(command_line.contains("MYSQL://audit@127.0.0.1"), "{command_line}");
    assert!(!command_line.contains("pa@"), "{command_line}");
    assert_hidden("the list of processes", &command_line);
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_hidden("the output", &said(&output));
}
