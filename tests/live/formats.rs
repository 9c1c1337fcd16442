//! Dumps as people have them: whatever made, packed or encoded them, they give what their server gives; and what cannot be
//! read is an error.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use csm_audit::live::facts::{DatabaseFacts, EnvironmentFacts};
use csm_audit::live::login::Login;
use csm_audit::live::{self, DataSource, Source};
use csm_audit::source::Gap;

use crate::dumps::assert_same;
use crate::platform::{self, database, login, request};
use crate::support::{self, Flavour, Server, ServerOptions};

/// What both makes of server have.
const COMMON: &str = "
CREATE DATABASE shop CHARACTER SET utf8mb4; CREATE DATABASE hist CHARACTER SET utf8mb4; USE shop;
CREATE TABLE buyer (id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name varchar(80) NOT NULL DEFAULT 'it''s; `x`' COMMENT 'a; -- b') AUTO_INCREMENT=77;
CREATE TABLE sale (id int NOT NULL PRIMARY KEY, buyer_id int NOT NULL,
    CONSTRAINT fb FOREIGN KEY (buyer_id) REFERENCES buyer (id) ON DELETE CASCADE,
    CONSTRAINT ck CHECK (id < 1000 and buyer_id <> 7));
CREATE TABLE parted (id int NOT NULL PRIMARY KEY, d date)
    PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (1000) COMMENT = 'a;b', PARTITION p1 VALUES LESS THAN MAXVALUE);
CREATE TABLE listed (id int NOT NULL, c varchar(5) NOT NULL, PRIMARY KEY (id, c)) PARTITION BY LIST COLUMNS (c)
    SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (PARTITION a VALUES IN ('x', 'y'), PARTITION b VALUES IN ('z'));
CREATE TABLE hashed (id int NOT NULL PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 3;
CREATE TABLE made (id int NOT NULL PRIMARY KEY, secret int DEFAULT 3 INVISIBLE,
    twice int AS (id * 2) VIRTUAL, thrice bigint GENERATED ALWAYS AS (id * 3) STORED, KEY k (thrice DESC));
CREATE TABLE `odd name` (`a b` int NOT NULL PRIMARY KEY, `ä` int, UNIQUE KEY `k ``x` (`ä`));
CREATE TABLE kinds (id int NOT NULL PRIMARY KEY, e enum('a','b;','c''d'), s set('x','y'), b bit(3) DEFAULT b'101',
    d decimal(5,2) DEFAULT 1.50, ts timestamp NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP, y year);
CREATE TABLE django_migrations (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, app varchar(255) NOT NULL,
    name varchar(255) NOT NULL, applied datetime(6) NOT NULL);
INSERT INTO django_migrations (app, name, applied) VALUES ('shop', '0001_initial', NOW(6)), ('shop', '0002_x', NOW(6));
INSERT INTO buyer (name) VALUES ('CREATE TABLE evil (id int);'), ('a\\nCREATE TABLE evil2 (id int);\\n'), ('</row>&amp;');
CREATE VIEW vw AS SELECT id FROM buyer WHERE name <> ';';
CREATE TRIGGER trg BEFORE INSERT ON buyer FOR EACH ROW SET NEW.name = 'x;';
CREATE TABLE hist.h (id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, order_id int NOT NULL, KEY (order_id));
";

/// What MariaDB alone has.
const MARIADB: &str = "
CREATE TABLE paged (id int NOT NULL PRIMARY KEY, t text) PAGE_COMPRESSED=1 PAGE_COMPRESSION_LEVEL=6;
CREATE TABLE versioned (id int NOT NULL PRIMARY KEY, a int) WITH SYSTEM VERSIONING;
CREATE TABLE versioned2 (id int NOT NULL PRIMARY KEY, a int WITHOUT SYSTEM VERSIONING,
    s TIMESTAMP(6) GENERATED ALWAYS AS ROW START INVISIBLE, e TIMESTAMP(6) GENERATED ALWAYS AS ROW END INVISIBLE,
    PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING;
CREATE TABLE periods (id int, s date, e date, PERIOD FOR p (s, e), PRIMARY KEY (id, p WITHOUT OVERLAPS));
CREATE TABLE ignored (id int NOT NULL PRIMARY KEY, j json, u uuid, i inet6, KEY k (u) IGNORED);
CREATE SEQUENCE seq START WITH 100 MINVALUE 1 MAXVALUE 9999 INCREMENT BY 5 CACHE 10 CYCLE;
CREATE TABLE fromseq (id int NOT NULL DEFAULT nextval(seq) PRIMARY KEY);
CREATE TABLE squeezed (id int NOT NULL PRIMARY KEY, t text COMPRESSED, v varchar(10) COMPRESSED);
";

/// What MySQL 8 and newer alone have.
const MYSQL: &str = "
CREATE TABLE indexed (id int NOT NULL PRIMARY KEY, a varchar(20), KEY f ((lower(a))), KEY hidden (a) INVISIBLE);
CREATE TABLE bound (id int NOT NULL PRIMARY KEY, CONSTRAINT off CHECK (id > 0) NOT ENFORCED,
    label varchar(10) DEFAULT (concat('a', 'b')));
";

fn start(flavour: Flavour) -> Option<Server> {
    let server = support::start(flavour, ServerOptions::new())?;
    let more = if flavour == Flavour::MariaDb { MARIADB } else { MYSQL };
    server.execute(&format!("{COMMON}{more}"));
    Some(server)
}

/// The program that dumps a server: the server's own.
fn dump_program(server: &Server) -> Command {
    if server.flavour() == Flavour::MariaDb {
        return Command::new("mariadb-dump");
    }
    let cache =
        std::env::var_os("CSM_AUDIT_CACHE").map_or_else(|| PathBuf::from("/var/cache/csm-audit"), PathBuf::from);
    let home = cache.join("mysql-9.7");
    let mut program = Command::new(home.join("usr/lib64/ld-linux-x86-64.so.2"));
    let libraries = ["usr/lib/x86_64-linux-gnu", "usr/lib/mysql/private", "usr/lib"].map(|part| home.join(part));
    let libraries = libraries.map(|path| path.display().to_string()).join(":");
    program.args(["--library-path", &libraries]).arg(home.join("usr/bin/mysqldump"));
    program
}

fn dumped(server: &Server, arguments: &[&str]) -> Vec<u8> {
    let mut program = dump_program(server);
    program.arg("--no-defaults").arg(format!("--socket={}", server.socket().display())).arg("--user=root");
    let output = program.args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", platform::text(&output.stderr));
    output.stdout
}

fn piped(program: &str, bytes: &[u8]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let output = Command::new(program).arg("-c").stdin(fs::File::open(file.path()).unwrap()).output().unwrap();
    assert!(output.status.success(), "{program}");
    output.stdout
}

fn read(path: &Path) -> (EnvironmentFacts, Vec<Gap>) {
    let place = DataSource::dump(path.to_path_buf(), None).unwrap_or_else(|error| panic!("{error}"));
    live::read(&Source { name: "prod".to_owned(), places: vec![place] }, &request())
}

fn live_facts(server: &Server) -> EnvironmentFacts {
    let root = Login { user: "root".to_owned(), password: None, ..login(server, "root") };
    let root = Login { socket: Some(server.socket()), ..root };
    let (facts, _) = platform::read(&root, &["shop", "hist"], &request());
    assert_eq!(facts.incomplete, []);
    facts
}

/// Tables alike, in the order of their names.
fn assert_tables(what: &str, flavour: Flavour, mine: &DatabaseFacts, theirs: &DatabaseFacts) {
    let names =
        |facts: &DatabaseFacts| -> Vec<String> { facts.tables.found.iter().map(|table| table.name.clone()).collect() };
    assert_eq!(names(mine), names(theirs), "{what}");
    for (mine, theirs) in mine.tables.found.iter().zip(&theirs.tables.found) {
        // The collation of a sequence's table is its database's, which not every dump names.
        if mine.name == "seq" {
            assert_eq!(mine.columns.len(), theirs.columns.len(), "{what}");
            continue;
        }
        assert_same(flavour, mine, theirs);
        if mine.is_view {
            continue;
        }
        let generated = |table: &csm_audit::live::facts::Table| -> Vec<String> {
            let made = |generated: &csm_audit::live::facts::Generated| generated.expression.contains("ROW");
            table.columns.iter().filter(|c| c.generated.as_ref().is_some_and(made)).map(|c| c.name.clone()).collect()
        };
        assert_eq!(generated(mine), generated(theirs), "{what} {}", mine.name);
        let invisible = |table: &csm_audit::live::facts::Table| -> Vec<bool> {
            table.columns.iter().map(|column| column.invisible).collect()
        };
        assert_eq!(invisible(mine), invisible(theirs), "{what} {}", mine.name);
        let plain = |text: &str| text.replace(['`', ' '], "");
        let partitions = |table: &csm_audit::live::facts::Table| -> Vec<String> {
            let one = |p: &csm_audit::live::facts::Partition| {
                format!("{} {} {} {}", p.name, p.method, plain(&p.expression), plain(&p.description))
            };
            table.partitions.iter().map(one).collect()
        };
        assert_eq!(partitions(mine), partitions(theirs), "{what} {}", mine.name);
    }
    assert_eq!(mine.foreign_keys.found, theirs.foreign_keys.found, "{what}");
    let checks = |facts: &DatabaseFacts| -> Vec<String> {
        facts.checks.found.iter().map(|c| format!("{} {} {}", c.table, c.name, c.enforced)).collect()
    };
    assert_eq!(checks(mine), checks(theirs), "{what}");
}

#[test]
fn every_kind_of_table_is_the_same_from_a_dump_and_a_server() {
    for flavour in [Flavour::MariaDb, Flavour::MySql97] {
        let Some(server) = start(flavour) else { continue };
        let theirs = live_facts(&server);
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let plain = dumped(&server, &["--databases", "shop", "hist"]);
        let text = platform::text(&plain);
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let one_after_another = [dumped(&server, &["shop"]), dumped(&server, &["hist"])].concat();
        for (name, bytes) in [
            ("plain.sql", plain.clone()),
            ("gzip", piped("gzip", &plain)),
            ("bzip2.sql", piped("bzip2", &plain)),
            ("xz.sql.xz", piped("xz", &plain)),
            ("zstd.sql.zst", piped("zstd", &plain)),
            ("powershell.sql", [&b"\xff\xfe"[..], &utf16].concat()),
            ("appended.sql", one_after_another),
        ] {
            fs::write(path(name), bytes).unwrap();
            let (facts, gaps) = read(&path(name));
            let told: Vec<&Gap> = gaps.iter().filter(|gap| gap.kind == csm_audit::source::GapKind::Dump).collect();
            assert!(told.is_empty(), "{flavour} {name}: {told:#?}");
            assert_eq!(facts.databases.len(), 2, "{flavour} {name}");
            for of in ["shop", "hist"] {
                assert_tables(&format!("{flavour} {name}"), flavour, database(&facts, of), database(&theirs, of));
            }
            let shop = database(&facts, "shop");
            assert_eq!(shop.migrations.found, database(&theirs, "shop").migrations.found, "{flavour} {name}");
            assert_eq!(shop.triggers.found.len(), 1, "{flavour} {name}");
            assert!(shop.table("evil").is_none() && shop.table("evil2").is_none(), "{flavour} {name}");
        }
    }
}

#[test]
fn xml_gives_the_tables_and_says_what_it_lacks() {
    for flavour in [Flavour::MariaDb, Flavour::MySql97] {
        let Some(server) = start(flavour) else { continue };
        let theirs = live_facts(&server);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump.xml");
        fs::write(&path, dumped(&server, &["--xml", "--databases", "shop", "hist"])).unwrap();
        let (facts, gaps) = read(&path);
        let told: Vec<&Gap> = gaps.iter().filter(|gap| gap.kind == csm_audit::source::GapKind::Dump).collect();
        assert!(told.is_empty(), "{flavour}: {told:#?}");
        let (mine, theirs) = (database(&facts, "shop"), database(&theirs, "shop"));
        for table in theirs.tables.found.iter().filter(|table| !table.is_view) {
            let own = mine.table(&table.name).unwrap_or_else(|| panic!("{flavour}: {}", table.name));
            let columns = |table: &csm_audit::live::facts::Table| -> Vec<String> {
                let one = |c: &csm_audit::live::facts::Column| {
                    let made = c.generated.is_some();
                    format!("{} {} {} {} {made} {}", c.name, c.column_type, c.nullable, c.auto_increment, c.comment)
                };
                // MySQL's own client leaves generated columns out.
                let is_written =
                    |c: &&csm_audit::live::facts::Column| flavour == Flavour::MariaDb || c.generated.is_none();
                table.columns.iter().filter(is_written).map(one).collect()
            };
            assert_eq!(columns(own), columns(table), "{flavour} {}", table.name);
            let indexes = |table: &csm_audit::live::facts::Table| -> Vec<String> {
                table.indexes.iter().map(|i| format!("{} {} {}", i.name, i.unique, i.parts.len())).collect()
            };
            assert_eq!(indexes(own), indexes(table), "{flavour} {}", table.name);
        }
        assert_eq!(mine.migrations.found, theirs.migrations.found, "{flavour}");
        assert!(!mine.foreign_keys.proof.is_proven() && !mine.checks.proof.is_proven(), "{flavour}");
    }
}

/// A folder that mydumper wrote. Its threads sometimes wait for one another for ever (0.10.0), so that it is stopped and
/// started again.
fn mydumper(server: &Server, compressed: bool) -> tempfile::TempDir {
    for _ in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let mut program = Command::new("timeout");
        program.args(["--signal=KILL", "30", "mydumper", "--user=root"]);
        program.arg(format!("--socket={}", server.socket().display()));
        program.args(["--regex", "^(shop|hist)\\.", "--triggers", "-o"]).arg(folder.path());
        if compressed {
            program.arg("--compress");
        }
        let output = program.output().unwrap();
        if output.status.success() {
            return folder;
        }
        // `timeout` itself ends by the signal that it sends.
        let stopped = output.status.signal() == Some(9) || output.status.code() == Some(137);
        assert!(stopped, "{}", platform::said(&output));
    }
    panic!("mydumper did not end within 30 seconds, five times");
}

#[test]
fn folders_of_mydumper_are_the_same_as_their_server() {
    if Command::new("mydumper").arg("--version").output().is_err() {
        support::skip::skipped("mydumper is not installed");
        return;
    }
    let Some(server) = start(Flavour::MariaDb) else { return };
    let theirs = live_facts(&server);
    for compressed in [false, true] {
        let folder = mydumper(&server, compressed);
        let (facts, gaps) = read(folder.path());
        let told: Vec<&Gap> = gaps.iter().filter(|gap| gap.kind == csm_audit::source::GapKind::Dump).collect();
        assert!(told.is_empty(), "{told:#?}");
        for of in ["shop", "hist"] {
            assert_tables("mydumper", Flavour::MariaDb, database(&facts, of), database(&theirs, of));
        }
        assert_eq!(database(&facts, "shop").migrations.found.len(), 2);
        // A file that is missing a part is an error, and which it is, is said.
        let broken = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let broken = broken.into_iter().find(|path| path.display().to_string().contains("shop.sale-schema")).unwrap();
        if compressed {
            let bytes = fs::read(&broken).unwrap();
            fs::write(&broken, &bytes[..bytes.len() / 2]).unwrap();
            let error = DataSource::dump(folder.path().to_path_buf(), None).unwrap_err().to_string();
            assert!(error.contains("shop.sale-schema") && error.contains("gzip"), "{error}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_an_error_and_no_empty_snapshot() {
    let home = tempfile::tempdir().unwrap();
    let whole = "-- MySQL dump 10.13\nCREATE TABLE t (id int);\n-- Dump completed\n".repeat(200);
    let zst = piped("zstd", whole.as_bytes());
    let utf32: Vec<u8> = "\u{feff}CREATE".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("cut.sql.zst", zst[..zst.len() / 2].to_vec(), "zstd"),
        ("zip.sql", b"PK\x03\x04junk".to_vec(), "zip archive"),
        ("utf32.sql", utf32, "UTF-32"),
        ("binary.ibd", vec![1, 2, 0, 3], "binary"),
        ("empty.sql", Vec::new(), "defines no table"),
        ("prose.sql", b"hello, world\n".to_vec(), "defines no table"),
        ("wrong.sql", b"\n\nCREATE TABLE ( nothing;\n".to_vec(), "line 3"),
        ("cut.xml", b"<?xml version=\"1.0\"?><mysqldump><database name=\"x\">".to_vec(), "not a complete dump"),
        ("pg.sql", b"PGDMP".to_vec(), "PostgreSQL"),
    ];
    let run = |argument: &str| -> Output {
        platform::program(home.path()).args(["snapshot", argument, "-o", "out.json"]).output().unwrap()
    };
    for (name, bytes, expected) in cases {
        fs::write(home.path().join(name), bytes).unwrap();
        let output = run(&format!("x={name}"));
        let said = platform::said(&output);
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains(expected) && said.contains(name), "{name}: {said}");
        assert!(!home.path().join("out.json").exists(), "{name}");
    }
    fs::write(home.path().join("good.sql"), "USE a; CREATE TABLE t (id int); USE b; CREATE TABLE u (id int);").unwrap();
    let output = run("x=good.sql#c");
    assert_eq!(output.status.code(), Some(2));
    assert!(platform::said(&output).contains("no database c, but a, b"), "{}", platform::said(&output));
    assert_eq!(run("x=good.sql#b").status.code(), Some(0));
    fs::create_dir(home.path().join("folder")).unwrap();
    assert_eq!(run("x=folder").status.code(), Some(2));
    fs::write(home.path().join("folder/t.sql"), "CREATE TABLE t (id int);").unwrap();
    assert_eq!(run("x=folder").status.code(), Some(0));
}
