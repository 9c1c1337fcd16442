//! Servers that die, stall or refuse in the middle: what was read stands, and what is missing is said.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use csm_audit::live::facts::EnvironmentFacts;
use csm_audit::live::login::Login;
use csm_audit::live::{DataSource, Limits, Request, Source, snapshot};

use crate::platform::{self, DATABASES, PASSWORD, database, fill, grant, login, read, request};
use crate::support::{self, Flavour, Server, ServerOptions};

/// What a proxy does when the server has said enough.
#[derive(Clone, Copy, PartialEq)]
pub enum Then {
    HangUp,
    Stall,
}

/// Stands between client and server, for one connection after another.
pub struct Proxy {
    pub port: u16,
    /// Bytes that the server has sent.
    pub passed: Arc<AtomicUsize>,
}

impl Proxy {
    /// Lets `limit` bytes of the server's pass.
    pub fn before(server: &Server, limit: usize, then: Then) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Self { port: listener.local_addr().unwrap().port(), passed: Arc::default() };
        let (port, passed) = (server.port(), proxy.passed.clone());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || std::io::copy(&mut from, &mut to));
                let passed = passed.clone();
                thread::spawn(move || pass(server, client, &passed, limit, then));
            }
        });
        proxy
    }
}

fn pass(mut server: TcpStream, mut client: TcpStream, passed: &AtomicUsize, limit: usize, then: Then) {
    let mut buffer = [0; 256];
    loop {
        let read = server.read(&mut buffer).unwrap_or(0);
        let before = passed.fetch_add(read, Ordering::SeqCst);
        let allowed = limit.saturating_sub(before).min(read);
        if client.write_all(&buffer[..allowed]).is_err() || read == 0 || (allowed < read && then == Then::HangUp) {
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
            return;
        }
    }
}

fn through(proxy: &Proxy, server: &Server) -> Login {
    Login { port: proxy.port, ..login(server, "audit") }
}

fn seen(facts: &EnvironmentFacts) -> usize {
    facts.databases.iter().filter(|database| database.tables.proof.is_proven()).count()
}

#[test]
fn wherever_a_server_dies_what_was_read_stands() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        fill(&server);
        grant(&server, "audit");
        let whole = Proxy::before(&server, usize::MAX, Then::HangUp);
        let (facts, gaps) = read(&through(&whole, &server), &DATABASES, &request());
        assert_eq!(gaps, [], "{flavour}");
        assert_eq!(seen(&facts), 2, "{flavour}");
        let total = whole.passed.load(Ordering::SeqCst);

        let mut complete = Vec::new();
        for tenth in 0..10 {
            let proxy = Proxy::before(&server, total * tenth / 10, Then::HangUp);
            let (facts, gaps) = read(&through(&proxy, &server), &DATABASES, &request());
            assert_eq!(facts.incomplete.len(), 1, "{flavour} {tenth}: {:?}", facts.incomplete);
            assert!(gaps.iter().any(|gap| gap.kind.as_str() == "environment-incomplete"), "{flavour} {tenth}");
            assert_eq!(facts.databases.len(), 2, "{flavour} {tenth}: every database is told of");
            complete.push(seen(&facts));
            // Nothing that could not be read is said not to be there.
            for database in &facts.databases {
                assert!(database.tables.proof.is_proven() || database.tables.found.is_empty(), "{flavour} {tenth}");
                assert!(!database.foreign_keys.proof.is_proven() || database.tables.proof.is_proven(), "{flavour}");
            }
        }
        assert!(complete.is_sorted() && complete[0] == 0 && complete[9] == 2, "{flavour}: {complete:?}");
    }
}

#[test]
fn a_server_that_stalls_is_not_waited_for() {
    let Some(server) = support::start(Flavour::MariaDb, ServerOptions::new()) else { return };
    fill(&server);
    grant(&server, "audit");
    let proxy = Proxy::before(&server, 9000, Then::Stall);
    let begun = Instant::now();
    let limits = Limits { statement: Duration::from_millis(200), ..Limits::default() };
    let (facts, _) = read(&through(&proxy, &server), &DATABASES, &Request { limits, ..request() });
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(facts.incomplete[0].reason.contains("no answer within 2 s"), "{:?}", facts.incomplete);
    assert!(!facts.servers[0].variables.is_empty());
}

#[test]
fn a_locked_table_costs_its_own_facts_only() {
    for flavour in Flavour::ALL {
        let Some(server) = support::start(flavour, ServerOptions::new()) else { continue };
        fill(&server);
        grant(&server, "audit");
        thread::scope(|scope| {
            scope.spawn(|| {
                server.try_execute("LOCK TABLES edxapp.django_migrations WRITE; SELECT SLEEP(6); UNLOCK TABLES")
            });
            thread::sleep(Duration::from_millis(500));
            let begun = Instant::now();
            let (facts, _) = read(&login(&server, "audit"), &DATABASES, &request());
            assert!(begun.elapsed() < Duration::from_secs(5), "{flavour}: {:?}", begun.elapsed());
            let reasons: Vec<&str> = facts.incomplete.iter().map(|incomplete| &*incomplete.reason).collect();
            assert!(reasons.len() == 1 && reasons[0].starts_with("django_migrations: error 1205"), "{reasons:?}");
            let edxapp = database(&facts, "edxapp");
            assert!(!edxapp.migrations.proof.is_proven() && edxapp.south_migrations.proof.is_proven(), "{flavour}");
            assert!(database(&facts, "edxapp-csmh").measures.proof.is_proven(), "{flavour}");
        });
    }
}

#[test]
fn one_dead_server_leaves_the_others() {
    let Some(server) = support::start(Flavour::MariaDb, ServerOptions::new()) else { return };
    fill(&server);
    grant(&server, "audit");
    let dead = Login { port: 1, ..login(&server, "audit") };
    let places = vec![
        DataSource::Server { login: dead, database: "edxapp".to_owned() },
        DataSource::Server { login: login(&server, "audit"), database: "edxapp-csmh".to_owned() },
        DataSource::Server { login: login(&server, "audit"), database: "nowhere".to_owned() },
    ];
    let (facts, _) = csm_audit::live::read(&Source { name: "prod".to_owned(), places }, &request());
    assert_eq!(seen(&facts), 1);
    assert_eq!(facts.incomplete.len(), 2, "{:?}", facts.incomplete);
    assert!(facts.incomplete[1].reason.contains("the database nowhere does not exist"), "{:?}", facts.incomplete);
}

#[test]
fn the_exit_code_says_that_something_is_missing() {
    let Some(server) = support::start(Flavour::MySql56, ServerOptions::new()) else { return };
    fill(&server);
    grant(&server, "audit");
    let home = tempfile::tempdir().unwrap();
    let snapshot_of = |port: u16, output: &str| {
        let url = |name: &str| format!("prod=mysql://audit@127.0.0.1:{port}/{name}?ssl-mode=disabled");
        let mut program = platform::program(home.path());
        program.env("MYSQL_PWD", PASSWORD).args(["snapshot", "--allow-primary", "-o", output]);
        program.args([url("edxapp"), url("edxapp-csmh")]).output().unwrap()
    };
    let proxy = Proxy::before(&server, usize::MAX, Then::HangUp);
    let output = snapshot_of(proxy.port, "whole.json");
    assert_eq!((output.status.code(), platform::complaints(&output)), (Some(0), String::new()));
    let total = proxy.passed.load(Ordering::SeqCst);

    let proxy = Proxy::before(&server, total * 8 / 10, Then::HangUp);
    let output = snapshot_of(proxy.port, "part.json");
    assert_eq!(output.status.code(), Some(3), "{}", platform::said(&output));
    assert!(platform::text(&output.stderr).contains("environment-incomplete: prod, 127.0.0.1:"));
    let part = snapshot::read_file(&home.path().join("part.json")).unwrap();
    assert!(part[0].database("edxapp").unwrap().tables.proof.is_proven());
    assert_eq!(part[0].incomplete.len(), 1);

    // A run that fails takes no good file away.
    let good = std::fs::read(home.path().join("whole.json")).unwrap();
    for limit in [0, total * 8 / 10] {
        let proxy = Proxy::before(&server, limit, Then::HangUp);
        let output = snapshot_of(proxy.port, "whole.json");
        assert_eq!(output.status.code(), Some(3), "{}", platform::said(&output));
        assert!(
            platform::text(&output.stderr).contains("whole.json is complete and was kept"),
            "{}",
            platform::said(&output)
        );
        assert_eq!(std::fs::read(home.path().join("whole.json")).unwrap(), good);
        assert_eq!(snapshot::read_file(&home.path().join("whole.incomplete.json")).unwrap()[0].incomplete.len(), 1);
    }

    // An incomplete snapshot does not become whole by being read.
    let again =
        platform::program(home.path()).args(["snapshot", "prod=part.json", "-o", "again.json"]).output().unwrap();
    assert_eq!(again.status.code(), Some(3));
    let whole =
        platform::program(home.path()).args(["snapshot", "prod=whole.json", "-o", "again.json"]).output().unwrap();
    assert_eq!(whole.status.code(), Some(0), "{}", platform::said(&whole));
    let bytes = |name: &str| std::fs::read(home.path().join(name)).unwrap();
    assert_eq!(bytes("whole.json"), bytes("again.json"));
}
