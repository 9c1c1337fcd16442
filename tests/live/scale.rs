//! Many tables: few statements, and old servers are spared from opening them all.

use std::time::Instant;

use csm_audit::live::Request;

use crate::platform::{PASSWORD, dialect, login, quoted, read, request};
use crate::support::{self, Flavour, Server, ServerOptions};

/// A database with many tables, each with a foreign key to the one table.
pub fn fill(server: &Server, tables: usize) {
    let mut sql = String::from(
        "CREATE DATABASE many; USE many;
         CREATE TABLE courseware_studentmodule (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB;",
    );
    for table in 0..tables {
        let key = if table % 50 == 0 {
            format!(", CONSTRAINT fk{table} FOREIGN KEY (module) REFERENCES courseware_studentmodule (id)")
        } else {
            String::new()
        };
        sql += &format!(
            "CREATE TABLE t{table} (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, module INT NOT NULL,
                 name VARCHAR(50) NOT NULL, KEY name (name), KEY module (module){key}) ENGINE=InnoDB;\n"
        );
    }
    server.execute(&sql);
    let grants = csm_audit::live::grants::statements(
        dialect(server.flavour()).parse().unwrap(),
        "audit@127.0.0.1",
        &["many".to_owned()],
    );
    server.execute(&grants.replace("'...'", &quoted(PASSWORD)));
}

fn queries(server: &Server, request: &Request) -> usize {
    let before = server.general_log().len();
    let (facts, mut gaps) = read(&login(server, "audit"), &["many"], request);
    // An old server is spared opening thousands of tables for a number of each.
    gaps.retain(|gap| server.flavour() != Flavour::MySql56 || !gap.reason.contains("--all-tables"));
    // So is MySQL 8 the tables of databases that nobody named, when its cache is smaller.
    gaps.retain(|gap| server.flavour() != Flavour::MySql97 || !gap.reason.contains("more than the table cache holds"));
    assert_eq!((gaps, facts.incomplete), (vec![], vec![]), "{}", server.flavour());
    server.general_log()[before..].lines().filter(|line| line.contains(" Query\t")).count()
}

#[test]
fn many_tables_take_few_statements() {
    const TABLES: usize = 700;
    for flavour in Flavour::ALL {
        let options = ServerOptions::new().general_log().line("table_open_cache=100");
        let Some(server) = support::start(flavour, options) else { continue };
        fill(&server, TABLES);
        let opened = || -> u64 { server.query("SHOW GLOBAL STATUS LIKE 'Opened_tables'")[0][1].parse().unwrap() };
        let before = opened();
        let asked = queries(&server, &request());
        assert!(asked <= 60, "{flavour}: {asked} statements");
        // The tables concerned, and what the dictionary itself needs again and again with so small a cache: not one for
        // each table. MariaDB opens all of them to tell their options and their checks, and MySQL 5 once to tell their
        // counters.
        let most = match flavour {
            Flavour::MariaDb => usize::MAX,
            Flavour::MySql56 => TABLES + TABLES / 4,
            Flavour::MySql97 => TABLES,
        };
        let opened = usize::try_from(opened() - before).unwrap();
        assert!(opened < most, "{flavour}: opened {opened}");
        let asked = queries(&server, &Request { all: true, ..request() });
        assert!(asked <= 40, "{flavour}: {asked} statements for all tables");
    }
}

/// `cargo test --test live five_thousand -- --ignored --nocapture` prints how long it takes.
#[test]
#[ignore = "a measurement, for a quiet machine"]
fn five_thousand_tables() {
    for flavour in Flavour::ALL {
        let options = ServerOptions::new().general_log().line("table_open_cache=400");
        let Some(server) = support::start(flavour, options) else { continue };
        fill(&server, 5000);
        for all in [false, true] {
            let begun = Instant::now();
            let asked = queries(&server, &Request { all, ..request() });
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let memory = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
            println!("{memory}, of this whole process");
            println!("{flavour}, every table measured: {all}: {asked} statements, {:?}", begun.elapsed());
        }
    }
}
