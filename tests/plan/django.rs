//! The emitted migration, with real Django on MariaDB.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use csm_audit::config::{CliOverrides, Settings};
use csm_audit::expected_schema;

use crate::platform::{self, PASSWORD, Platform, said};
use crate::support::{Flavour, Server, start};

/// A Python with a release of Django; it is kept for the next run.
pub fn python(django: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("django-{django}"));
    let python = folder.join("bin/python");
    let works = |python: &Path| {
        let output = Command::new(python).args(["-c", "import django, pymysql"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    if works(&python) {
        return Some(python);
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).output();
    if made.is_ok_and(|output| output.status.success()) {
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "--quiet", "install", &format!("Django=={django}.*"), "PyMySQL"]);
        let _ = pip.output();
    }
    if works(&python) {
        return Some(python);
    }
    let on_build_machine = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!on_build_machine, "Django {django} cannot be installed");
    crate::support::skip::skipped(&format!("Django {django} cannot be installed"));
    None
}

struct Site<'a> {
    python: PathBuf,
    project: PathBuf,
    server: &'a Server,
    prefix: &'a str,
}

impl Site<'_> {
    fn manage(&self, arguments: &[&str]) -> Output {
        Command::new(&self.python)
            .arg("manage.py")
            .args(arguments)
            .current_dir(&self.project)
            .env("DB_PORT", self.server.port().to_string())
            .env("DB_PASSWORD", PASSWORD)
            .env("DB_PREFIX", self.prefix)
            .output()
            .unwrap()
    }

    #[track_caller]
    fn managed(&self, arguments: &[&str]) -> String {
        let output = self.manage(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    fn databases(&self) {
        for end in ["", "_csmh"] {
            self.server.execute(&format!("CREATE DATABASE {}{end} DEFAULT CHARACTER SET utf8mb4", self.prefix));
        }
    }

    /// The types of the columns that store the ids, and the constraints on them.
    fn columns(&self) -> Vec<String> {
        let sql = format!(
            "SELECT CONCAT_WS(' ', TABLE_NAME, COLUMN_NAME, REPLACE(COLUMN_TYPE, '(20)', ''), EXTRA)
             FROM information_schema.COLUMNS
             WHERE TABLE_SCHEMA LIKE '{}%' AND (COLUMN_NAME IN ('module_id', 'student_module_id')
                 OR TABLE_NAME = 'courseware_studentmodule' AND COLUMN_NAME = 'id') ORDER BY 1",
            self.prefix
        );
        self.server.query(&sql).into_iter().flatten().collect()
    }

    fn constraints(&self) -> String {
        self.server.value(&format!(
            "SELECT COUNT(*) FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = '{}' AND TABLE_NAME = \
             'courseware_offlinecomputed' AND REFERENCED_TABLE_NAME = 'courseware_studentmodule'",
            self.prefix
        ))
    }
}

const WIDE: [&str; 3] = [
    "courseware_offlinecomputed module_id bigint unsigned ",
    "courseware_studentmodule id bigint unsigned auto_increment",
    "history_studentmodulehistory student_module_id bigint unsigned ",
];

fn works_with(django: &str) {
    let Some(python) = python(django) else { return };
    let Some(server) = start(Flavour::MariaDb, platform::options(1)) else { return };
    platform::fill(&server, 100);
    let platform = Platform::new();
    let plan = platform.made(&server, &[]);
    let step = plan["steps"].as_array().unwrap().iter().find(|step| step["kind"] == "django-migration").unwrap();
    let run = step["run"].as_str().unwrap().lines().next().unwrap().to_owned();

    // A site as it was before: the state is behind, and so are the tables.
    let site =
        |prefix: &'static str| Site { python: python.clone(), project: platform.project(), server: &server, prefix };
    let old = site("old");
    old.databases();
    old.managed(&["migrate", "--database=default"]);
    old.managed(&["migrate", "--database=history"]);
    assert!(old.columns()[1].starts_with("courseware_studentmodule id int"), "{:?}", old.columns());
    server.execute(
        "INSERT INTO old.auth_user (username, password, is_superuser, first_name, last_name, email, is_staff, is_active, \
         date_joined) VALUES ('a', '', 0, '', '', '', 0, 1, NOW());
         INSERT INTO old.courseware_studentmodule (module_type, student_id) VALUES ('problem', 1);
         INSERT INTO old.courseware_offlinecomputed (module_id) VALUES (1);
         INSERT INTO old_csmh.history_studentmodulehistory (student_module_id) VALUES (1)",
    );

    let applied = Command::new("bash")
        .args(["-c", &run])
        .env("PROJECT", platform.project())
        .current_dir(platform.plan())
        .output()
        .unwrap();
    assert!(applied.status.success(), "{run}: {}", said(&applied));
    let check = old.manage(&["makemigrations", "--check", "--dry-run"]);
    assert!(check.status.success(), "{}", said(&check));

    // The next scan reads what it leaves, though it asks the database what to do.
    let overrides = CliOverrides {
        roots: vec![platform.project()],
        django: Some(django.to_owned()),
        server: Some(String::from("mariadb-10.11")),
        ..CliOverrides::default()
    };
    let expected = expected_schema(&Settings::resolve(overrides).unwrap(), false).unwrap();
    let column = |alias: &str, table: &str, column: &str| {
        let column = expected.databases[alias].table(table).unwrap().column(column).unwrap();
        column.column_type.print(expected.server)
    };
    assert_eq!(column("default", "courseware_studentmodule", "id"), "bigint(20) unsigned");
    assert_eq!(column("default", "courseware_offlinecomputed", "module_id"), "bigint(20) unsigned");
    assert_eq!(column("history", "history_studentmodulehistory", "student_module_id"), "bigint(20) unsigned");
    assert_eq!(expected.gaps.iter().filter(|gap| format!("{gap:?}").contains("0002_widen")).count(), 0);

    // Fresh: it makes the change by itself, on both databases.
    let fresh = site("fresh");
    fresh.databases();
    fresh.managed(&["migrate", "--database=default"]);
    fresh.managed(&["migrate", "--database=history"]);
    assert_eq!(fresh.columns(), WIDE);
    assert_eq!(fresh.constraints(), "1");

    // Small and not changed yet: likewise, and the SQL can be seen before.
    let sql = old.managed(&["sqlmigrate", "courseware", "0002"]);
    assert!(sql.contains("MODIFY `id` bigint unsigned NOT NULL AUTO_INCREMENT"), "{sql}");
    // Changed already by hand: only the state and the ledger follow.
    let key = server.value(
        "SELECT CONSTRAINT_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = 'old' AND
             TABLE_NAME = 'courseware_offlinecomputed' AND REFERENCED_TABLE_NAME IS NOT NULL",
    );
    server.execute(&format!(
        "ALTER TABLE old.courseware_offlinecomputed DROP FOREIGN KEY {key};
         ALTER TABLE old.courseware_studentmodule MODIFY id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT;
         ALTER TABLE old.courseware_offlinecomputed MODIFY module_id BIGINT UNSIGNED NOT NULL;
         ALTER TABLE old_csmh.history_studentmodulehistory MODIFY student_module_id BIGINT UNSIGNED NOT NULL;
         ALTER TABLE old.courseware_offlinecomputed ADD CONSTRAINT {key} FOREIGN KEY (module_id)
             REFERENCES old.courseware_studentmodule (id)",
    ));
    let sql = old.managed(&["sqlmigrate", "courseware", "0002"]);
    assert!(!sql.contains("ALTER TABLE"), "{sql}");
    old.managed(&["migrate", "--database=default"]);
    old.managed(&["migrate", "--database=history"]);
    assert_eq!(old.columns(), WIDE);
    let ledger = "SELECT COUNT(*) FROM old.django_migrations WHERE app = 'courseware' AND name LIKE '0002%'";
    assert_eq!(server.value(ledger), "1");

    // Ids above the old limit are found, saved and looked up.
    server.execute("ALTER TABLE old.courseware_studentmodule AUTO_INCREMENT = 2147483647");
    let python = "from courseware.models import StudentModule as S; S.objects.create(student_id=1); s = \
                  S.objects.create(student_id=1); s.state = 'x'; s.save(); print(S.objects.filter(pk=s.pk).count(), s.pk)";
    assert_eq!(old.managed(&["shell", "-c", python]).trim().lines().last(), Some("1 2147483648"));
}

#[test]
fn the_migration_works_with_django_4_2() {
    works_with("4.2");
}

#[test]
fn the_migration_works_with_django_5_2() {
    works_with("5.2");
}
