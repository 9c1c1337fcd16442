//! The servers that other tests use start, answer, replicate and leave nothing behind.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail loudly, as the tests do")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use support::{Flavour, Server, ServerOptions};

/// Tells whether any process has `text` in its command line.
fn process_mentions(text: &str) -> bool {
    fs::read_dir("/proc").unwrap().filter_map(Result::ok).any(|entry| {
        let command_line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command_line).contains(text)
    })
}

fn starts_and_stops(flavour: Flavour, version: &str) {
    let Some(server) = support::start(flavour, ServerOptions::new()) else { return };
    let said = server.value("SELECT VERSION()");
    assert!(said.contains(version), "{flavour} says {said}");
    let datadir = server.value("SELECT @@datadir");
    let folder = server.folder().to_path_buf();
    assert!(Path::new(&datadir).starts_with(&folder), "{datadir} is not in {}", folder.display());
    assert_eq!(server.value("SELECT @@port"), server.port().to_string());
    assert!(process_mentions(&format!("={}", folder.display())), "the search for processes finds the running server");

    let pid = server.pid();
    drop(server);
    assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{flavour} still runs");
    assert!(!process_mentions(folder.to_str().unwrap()), "a process of {flavour} still runs");
    assert!(!folder.exists(), "{} is left", folder.display());
}

#[test]
fn mariadb_starts_and_stops() {
    starts_and_stops(Flavour::MariaDb, "MariaDB");
}

#[test]
fn mysql56_starts_and_stops() {
    starts_and_stops(Flavour::MySql56, "5.6.");
}

#[test]
fn mysql97_starts_and_stops() {
    starts_and_stops(Flavour::MySql97, "9.");
}

#[test]
fn servers_do_not_run_as_root() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
        let user = status.lines().find_map(|line| line.strip_prefix("Uid:\t")).unwrap();
        assert!(!user.starts_with("0\t"), "{flavour} runs as root");
    }
}

#[test]
fn values_come_back_as_they_went_in() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        let rows = server.query("SELECT 'a\\tb\\nc\\\\d', 'ünïcode', '', NULL UNION ALL SELECT 'x', 'y', 'z', 1");
        assert_eq!(rows, [["a\tb\nc\\d", "ünïcode", "", "NULL"], ["x", "y", "z", "1"]], "{flavour}");
        let message = server.try_execute("SELECT 1; SELECT nonsense FROM nowhere").unwrap_err();
        assert!(message.contains("ERROR 1046"), "{message}");
    }
}

#[test]
fn files_load_and_lines_of_configuration_count() {
    for flavour in Flavour::ALL {
        let options = ServerOptions::new().general_log().line("lower_case_table_names=1").line("sql_mode=ANSI_QUOTES");
        let Some(server) = support::start(flavour, options) else { continue };
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "CREATE TABLE \"Upper\" (id INT PRIMARY KEY);\nINSERT INTO \"upper\" VALUES (7);\n")
            .unwrap();
        server.execute("CREATE DATABASE loaded");
        server.load("loaded", file.path());
        assert_eq!(server.query("SELECT id FROM loaded.upper"), [["7"]], "{flavour}");
        assert_eq!(server.query("SHOW TABLES FROM loaded"), [["upper"]], "{flavour}");
        assert!(server.general_log().contains("INSERT INTO \"upper\" VALUES (7)"), "{flavour}");
    }
}

#[test]
fn scripts_may_change_the_delimiter() {
    let script = "DELIMITER //\nCREATE TRIGGER counted BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.n = 1; END//\nDELIMITER ;\n";
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        server.execute("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, n INT)");
        server.try_load_text("d", script).unwrap();
        server.execute("INSERT INTO d.t (id) VALUES (1)");
        assert_eq!(server.query("SELECT * FROM d.t"), [["1", "1"]], "{flavour}");
    }
}

#[test]
fn replicas_follow() {
    for flavour in Flavour::ALL {
        let Some(primary) = support::start(flavour, ServerOptions::new().binary_log("ROW")) else { continue };
        primary.execute("CREATE DATABASE edx; CREATE TABLE edx.t (id INT PRIMARY KEY); INSERT INTO edx.t VALUES (1)");
        let replica = Server::replica_of(&primary, ServerOptions::new().binary_log("ROW")).unwrap();
        assert_eq!(replica.query("SELECT id FROM edx.t"), [["1"]], "{flavour}");
        primary.execute("INSERT INTO edx.t VALUES (2)");
        replica.catch_up(&primary);
        assert_eq!(replica.query("SELECT id FROM edx.t ORDER BY id"), [["1"], ["2"]], "{flavour}");
        let second = Server::replica_of(&replica, ServerOptions::new()).unwrap();
        assert_eq!(second.value("SELECT COUNT(*) FROM edx.t"), "2", "{flavour}: a replica of a replica");
    }
}

#[test]
fn clients_can_verify_the_server() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new().tls()) else { continue };
        if flavour == Flavour::MySql56 {
            // No client of today accepts its TLS 1.0; what can be seen is that it took the certificate.
            assert_eq!(server.value("SELECT @@have_ssl"), "YES");
            continue;
        }
        let output = Command::new("openssl")
            .args(["s_client", "-starttls", "mysql", "-verify_return_error", "-verify_ip", "127.0.0.1"])
            .args(["-connect", &format!("127.0.0.1:{}", server.port()), "-CAfile"])
            .arg(server.certificate_authority())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{flavour}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A test runner kills a test that hangs; the server must not outlive it.
#[test]
fn no_server_outlives_a_killed_test() {
    if std::env::var_os("CSM_AUDIT_TEST_HANG").is_some() {
        let Some(server) = support::start(Flavour::MariaDb, ServerOptions::new()) else { return };
        println!("server {} {}", server.pid(), server.folder().display());
        std::thread::sleep(std::time::Duration::from_secs(600));
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "no_server_outlives_a_killed_test", "--nocapture"])
        .env("CSM_AUDIT_TEST_HANG", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let answer = lines.map_while(Result::ok).find_map(|line| Some(line.split_once("server ")?.1.to_owned()));
    let Some((pid, folder)) = answer.as_deref().and_then(|answer| answer.split_once(' ')) else {
        // Without a server there is nothing to outlive anything, unless its absence is a failure.
        assert!(child.wait().unwrap().success());
        return;
    };
    child.kill().unwrap();
    child.wait().unwrap();
    let process = Path::new("/proc").join(pid);
    for _ in 0..1000 {
        if !process.exists() && !Path::new(folder).exists() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("{} still runs, or {folder} is left", process.display());
}
