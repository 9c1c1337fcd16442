//! A small platform in the shape of Open edX's: a project, and servers that hold its tables as they were years ago.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::support::{Server, ServerOptions};

/// The platform's two databases.
pub const DATABASES: [&str; 2] = ["edxapp", "edxapp_csmh"];

/// The password of the account that migrates.
pub const PASSWORD: &str = "mi gr@te'1";

const FILES: [(&str, &str); 12] = [
    (
        "manage.py",
        "import os\nimport sys\n\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'settings')\nif __name__ == '__main__':\n    \
         import pymysql\n\n    pymysql.version_info = (2, 2, 7, 'final', 0)\n    pymysql.install_as_MySQLdb()\n    \
         from django.core.management import execute_from_command_line\n\n    execute_from_command_line(sys.argv)\n",
    ),
    (
        "settings.py",
        "import os\n\nSECRET_KEY = 'x'\nPLACE = {'ENGINE': 'django.db.backends.mysql', 'HOST': '127.0.0.1', 'USER': 'migrator', \
         'PASSWORD': os.environ.get('DB_PASSWORD', ''), 'PORT': os.environ.get('DB_PORT', '')}\nPREFIX = \
         os.environ.get('DB_PREFIX', 'edxapp')\nINSTALLED_APPS = ['django.contrib.contenttypes', 'django.contrib.auth', 'courseware', 'history']\n\
         DATABASE_ROUTERS = ['router.Router']\nDEFAULT_AUTO_FIELD = 'django.db.models.AutoField'\n\
         DATABASES = {\n    'default': {**PLACE, 'NAME': PREFIX},\n    'history': {**PLACE, 'NAME': PREFIX + '_csmh'},\n}\n",
    ),
    (
        "router.py",
        "class Router:\n    def db_for_read(self, model, **hints):\n        return 'history' if model._meta.app_label == 'history' \
         else None\n\n    db_for_write = db_for_read\n\n    def allow_relation(self, a, b, **hints):\n        return True\n\n    \
         def allow_migrate(self, db, app_label, model_name=None, **hints):\n        return (app_label == 'history') == (db == \
         'history')\n",
    ),
    ("courseware/__init__.py", ""),
    (
        "courseware/models.py",
        "from django.contrib.auth.models import User\nfrom django.db import models\n\n\n\
         class StudentModule(models.Model):\n    module_type = models.CharField(max_length=32, default='problem')\n    \
         student = models.ForeignKey(User, db_constraint=False, on_delete=models.DO_NOTHING)\n    \
         state = models.TextField(null=True)\n    grade = models.FloatField(null=True)\n\n\n\
         class OfflineComputed(models.Model):\n    module = models.ForeignKey(StudentModule, on_delete=models.CASCADE)\n",
    ),
    ("courseware/migrations/__init__.py", ""),
    (
        "courseware/migrations/0001_initial.py",
        "from django.conf import settings\nfrom django.db import migrations, models\n\n\n\
         class Migration(migrations.Migration):\n    initial = True\n    dependencies = \
         [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]\n    operations = [\n        migrations.CreateModel(\n            \
         name='StudentModule',\n            fields=[\n                \
         ('id', models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),\n                \
         ('module_type', models.CharField(default='problem', max_length=32)),\n                \
         ('state', models.TextField(null=True)),\n                ('grade', models.FloatField(null=True)),\n                \
         ('student', models.ForeignKey(db_constraint=False, on_delete=models.DO_NOTHING, to=settings.AUTH_USER_MODEL)),\n            \
         ],\n        ),\n        migrations.CreateModel(\n            name='OfflineComputed',\n            fields=[\n                \
         ('id', models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),\n                \
         ('module', models.ForeignKey(on_delete=models.CASCADE, to='courseware.StudentModule')),\n            ],\n        ),\n    ]\n",
    ),
    ("history/__init__.py", ""),
    (
        "history/models.py",
        "from courseware.models import StudentModule\nfrom django.db import models\n\n\n\
         class StudentModuleHistory(models.Model):\n    id = models.BigAutoField(primary_key=True)\n    \
         student_module = models.ForeignKey(StudentModule, db_constraint=False, on_delete=models.DO_NOTHING)\n    \
         state = models.TextField(null=True)\n",
    ),
    ("history/migrations/__init__.py", ""),
    (
        "history/migrations/0001_initial.py",
        "from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n    initial = True\n    \
         dependencies = [('courseware', '0001_initial')]\n    operations = [\n        migrations.CreateModel(\n            \
         name='StudentModuleHistory',\n            fields=[\n                ('id', models.BigAutoField(primary_key=True, \
         serialize=False)),\n                ('state', models.TextField(null=True)),\n                \
         ('student_module', models.ForeignKey(db_constraint=False, on_delete=models.DO_NOTHING, \
         to='courseware.studentmodule')),\n            ],\n        ),\n    ]\n",
    ),
    ("requirements.txt", "Django==4.2.16\n"),
];

const TABLES: &str = "
CREATE DATABASE edxapp DEFAULT CHARACTER SET utf8mb4; CREATE DATABASE edxapp_csmh DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE edxapp.auth_user (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, username VARCHAR(150) NOT NULL,
    UNIQUE KEY username (username)) ENGINE=InnoDB;
CREATE TABLE edxapp.courseware_studentmodule (
    id INT NOT NULL AUTO_INCREMENT COMMENT 'it''s the key', module_type VARCHAR(32) NOT NULL, student_id INT NOT NULL,
    state LONGTEXT, grade DOUBLE, PRIMARY KEY (id), KEY by_type (module_type),
    CONSTRAINT student_id_refs_id_51af713179ba2570 FOREIGN KEY (student_id) REFERENCES edxapp.auth_user (id)
) ENGINE=InnoDB AUTO_INCREMENT=2147400000;
CREATE TABLE edxapp.courseware_offlinecomputed (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, module_id INT NOT NULL,
    CONSTRAINT module_id_refs_id FOREIGN KEY (module_id) REFERENCES edxapp.courseware_studentmodule (id)) ENGINE=InnoDB;
CREATE TABLE edxapp_csmh.history_studentmodulehistory (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    state LONGTEXT, student_module_id INT NOT NULL, KEY by_module (student_module_id)) ENGINE=InnoDB;
INSERT INTO edxapp.auth_user (username) VALUES ('one'), ('two'), ('three');
";

/// A project, and the folder of its plan.
pub struct Platform {
    folder: TempDir,
}

impl Platform {
    /// Writes the project.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in FILES {
            let path = folder.path().join("project").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self { folder }
    }

    /// The project.
    pub fn project(&self) -> PathBuf {
        self.folder.path().join("project")
    }

    /// The plan's folder.
    pub fn plan(&self) -> PathBuf {
        self.folder.path().join("plan")
    }

    fn command(&self, name: &str, server: &Server) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_csm-audit"));
        // Whatever this machine has: the tests say what is installed.
        command.env_remove("VIRTUAL_ENV").arg(name).arg("--allow-primary");
        command.env("MYSQL_PWD", PASSWORD);
        for database in DATABASES {
            let place = format!(
                "prod=mysql://migrator@127.0.0.1:{}/{database}?ssl-mode=disabled&get-server-public-key=true",
                server.port()
            );
            command.args(["--replica", &place]);
        }
        command
    }

    /// Plans for what `server` holds.
    pub fn make(&self, server: &Server, arguments: &[&str]) -> Output {
        let mut command = self.command("plan", server);
        command.arg(self.project()).arg("-o").arg(self.plan()).args(arguments);
        command.output().unwrap()
    }

    /// Plans, and reads the plan.
    pub fn made(&self, server: &Server, arguments: &[&str]) -> serde_json::Value {
        let output = self.make(server, arguments);
        assert!(output.status.success(), "{}", said(&output));
        let text = fs::read_to_string(self.plan().join("plan.json")).unwrap();
        let cnf = self.plan().join("prod.cnf");
        fs::write(&cnf, format!("[client]\nuser=migrator\npassword=\"{PASSWORD}\"\n")).unwrap();
        fs::set_permissions(&cnf, fs::Permissions::from_mode(0o600)).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["plan"].take()
    }

    /// Whether all is as planned, with what was said.
    pub fn verify(&self, server: &Server) -> (bool, String) {
        let mut command = self.command("verify", server);
        let output = command.arg("--plan").arg(self.plan().join("plan.json")).output().unwrap();
        (output.status.code() == Some(0), said(&output))
    }

    /// What `migrate` writes into each ledger once the plan's migration has run.
    pub fn ledger(&self) -> Vec<String> {
        let text = fs::read_to_string(self.plan().join("plan.json")).unwrap();
        let plan = serde_json::from_str::<serde_json::Value>(&text).unwrap()["plan"].take();
        let steps = plan["steps"].as_array().unwrap().iter();
        let effects = steps.flat_map(|step| step["effects"].as_array().unwrap().clone());
        let migrated = effects.filter(|effect| effect["effect"] == "migrated");
        migrated
            .map(|effect| {
                let text = |key: &str| effect[key].as_str().unwrap().to_owned();
                let (database, app, name) = (text("database"), text("app"), text("name"));
                format!(
                    "CREATE TABLE IF NOT EXISTS {database}.django_migrations (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, \
                     app VARCHAR(255) NOT NULL, name VARCHAR(255) NOT NULL, applied DATETIME(6) NOT NULL);
                     INSERT INTO {database}.django_migrations (app, name, applied) VALUES ('{app}', '{name}', NOW(6))"
                )
            })
            .collect()
    }

    /// As [`Self::verify`], with a comparison of rows.
    pub fn verify_rows(&self, server: &Server) -> (bool, String) {
        let mut command = self.command("verify", server);
        let output = command.arg("--rows").arg("--plan").arg(self.plan().join("plan.json")).output().unwrap();
        (output.status.code() == Some(0), said(&output))
    }

    /// A script, with what the tests give it besides.
    pub fn script(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.plan().join(name));
        command.args(arguments).env("CSM_AUDIT_PAUSE", "1").env("CSM_AUDIT_COMPARE_PAUSE", "0");
        // The replica under test may be named 127.0.0.1 by its primary; everything is on this machine.
        command.env_remove("CSM_AUDIT_I_KNOW").current_dir(self.folder.path());
        if name.contains("-clean-up-") {
            command.env("CSM_AUDIT_GIVE_UP_ROLLBACK", "1");
        }
        command
    }

    /// Runs a script that has to succeed.
    #[track_caller]
    pub fn run(&self, name: &str, arguments: &[&str]) -> String {
        let output = self.script(name, arguments).output().unwrap();
        assert!(output.status.success(), "{name} {arguments:?}: {}", said(&output));
        said(&output)
    }
}

/// The scripts of a plan in order, with the kinds of their steps.
pub fn scripts(plan: &serde_json::Value) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let steps = plan["steps"].as_array().unwrap().iter();
    steps.map(|step| (text(&step["script"]), text(&step["kind"]))).filter(|(script, _)| !script.is_empty()).collect()
}

/// What a program said.
pub fn said(output: &Output) -> String {
    format!("{}{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr), output.status)
}

/// A server that migrates: row images, and locks that can be seen where the server has the instrument.
pub fn options(id: u32) -> ServerOptions {
    ServerOptions::new()
        .binary_log("ROW")
        .performance_schema()
        .line(format!("server_id={id}"))
        .line("log_bin_trust_function_creators=1")
}

/// Fills a primary: the tables, rows, an account that migrates.
pub fn fill(server: &Server, rows: u32) {
    server.execute(TABLES);
    server.execute(&format!(
        "CREATE USER 'migrator'@'127.0.0.1' IDENTIFIED BY '{}'; GRANT ALL PRIVILEGES ON *.* TO 'migrator'@'127.0.0.1';",
        PASSWORD.replace('\'', "''")
    ));
    server.execute(
        "INSERT INTO edxapp.courseware_studentmodule (module_type, student_id, state)
             VALUES ('problem', 1, REPEAT('x', 200))",
    );
    let table = "edxapp.courseware_studentmodule";
    while server.value(&format!("SELECT COUNT(*) < {rows} FROM {table}")) == "1" {
        server.execute(&format!(
            "INSERT INTO {table} (module_type, student_id, state) SELECT module_type, 1 + id % 3, state FROM {table}"
        ));
    }
    server.execute(&format!(
        "INSERT INTO edxapp.courseware_offlinecomputed (module_id) SELECT id FROM {table} LIMIT 50;
         INSERT INTO edxapp_csmh.history_studentmodulehistory (student_module_id) SELECT id FROM {table} LIMIT 500;
         ANALYZE TABLE {table};"
    ));
}

/// Whether a program can be started.
pub fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}
