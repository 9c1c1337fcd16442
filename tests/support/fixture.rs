//! The fixture project's databases on a server, and its environments' dumps.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use csm_audit::config::Settings;
use csm_audit::expected::{Expected, output};
use csm_audit::expected_schema;

use super::Server;

/// The databases by their aliases.
pub const DATABASES: [(&str, &str); 2] = [("default", "platform"), ("student_module_history", "platform_history")];

/// The fixture project.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/project")
}

/// What is known of its environments.
pub fn environments() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/environments")
}

/// What its code expects on a server.
pub fn code(server: &Server) -> Expected {
    let settings = Settings {
        roots: vec![project()],
        settings: Some(String::from("lms.envs.production")),
        server: Some(server.value("SELECT VERSION()")),
        ..Settings::default()
    };
    expected_schema(&settings, false).unwrap()
}

/// Makes the databases as the migrations would, with a full ledger, and then what is different in an environment.
pub fn make(server: &Server, environment: &str) {
    let code = code(server);
    for (alias, database) in DATABASES {
        server.execute(&format!("CREATE DATABASE {database} CHARACTER SET utf8mb4"));
        let selection = output::Selection { app: None, alias: Some(alias.to_owned()) };
        server.try_load_text(database, &output::sql(&code, &selection)).unwrap();
        let mut ledger = String::from(
            "CREATE TABLE django_migrations (id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY, app varchar(255) NOT NULL,
             name varchar(255) NOT NULL, applied datetime(6) NOT NULL) ENGINE=InnoDB;",
        );
        for (day, migration) in code.migrations.iter().enumerate() {
            let (app, name) = &migration.node;
            let applied = format!("TIMESTAMPADD(DAY, {day}, '2024-03-01 06:00:00')");
            writeln!(
                ledger,
                "INSERT INTO django_migrations (app, name, applied) VALUES ('{app}', '{name}', {applied});"
            )
            .unwrap();
        }
        server.try_load_text(database, &ledger).unwrap();
    }
    server.load("platform", &environments().join(format!("{environment}.changes.sql")));
}

/// Makes an account with the rights that are printed for it, and no more.
pub fn grant(server: &Server, dialect: &str, account: &str, password: &str) {
    let databases = DATABASES.map(|(_, name)| name.to_owned());
    let statements = csm_audit::live::grants::statements(dialect.parse().unwrap(), account, &databases);
    server.execute(&statements.replace("...", password));
}

/// A dump of a database's definitions, and of its ledger's rows.
pub fn dump(server: &Server, database: &str) -> String {
    let run = |arguments: &[&str]| {
        let output = Command::new("mariadb-dump")
            .arg(format!("--defaults-file={}", server.option_file().display()))
            .args(["--skip-lock-tables", "--skip-dump-date"])
            .args(arguments)
            .output()
            .expect("mariadb-dump is installed with the client");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(&["--no-data", "--triggers", database])
        + &run(&["--no-create-info", "--skip-triggers", database, "django_migrations"])
}
