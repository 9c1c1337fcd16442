//! Fields that store the ids as plain integers get another class with the plan's migration, with real Django on MariaDB.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::django::python;
use crate::platform::said;
use crate::support::{Flavour, Server, ServerOptions, start};

const FILES: [(&str, &str); 9] = [
    (
        "manage.py",
        "import os\nimport sys\n\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'conf')\nif __name__ == '__main__':\n    \
         import pymysql\n\n    pymysql.version_info = (2, 2, 7, 'final', 0)\n    pymysql.install_as_MySQLdb()\n    from \
         django.core.management import execute_from_command_line\n\n    execute_from_command_line(sys.argv)\n",
    ),
    (
        "conf.py",
        "import os\n\nSECRET_KEY = 'x'\nINSTALLED_APPS = ['django.contrib.contenttypes', 'shop', 'notes']\nDATABASES = \
         {'default': {'ENGINE': 'django.db.backends.mysql', 'NAME': 'shop', 'USER': 'root', 'HOST': '127.0.0.1', 'PORT': \
         os.environ.get('DB_PORT', '')}}\nDEFAULT_AUTO_FIELD = 'django.db.models.AutoField'\n",
    ),
    ("requirements.txt", "Django==5.2.1\n"),
    ("shop/__init__.py", ""),
    (
        "shop/models.py",
        "from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation\nfrom \
         django.contrib.contenttypes.models import ContentType\nfrom django.db import models\n\n\nclass \
         Sticker(models.Model):\n    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)\n    object_id \
         = models.IntegerField(db_index=True)\n    thing = GenericForeignKey('content_type', 'object_id')\n\n\nclass \
         Parcel(models.Model):\n    name = models.CharField(max_length=9)\n    stickers = GenericRelation(Sticker)\n    \
         remarks = GenericRelation('notes.Remark')\n",
    ),
    ("shop/migrations/__init__.py", ""),
    ("notes/__init__.py", ""),
    (
        "notes/models.py",
        "from django.contrib.contenttypes.fields import GenericForeignKey\nfrom django.contrib.contenttypes.models import \
         ContentType\nfrom django.db import models\n\n\nclass Remark(models.Model):\n    content_type = \
         models.ForeignKey(ContentType, on_delete=models.CASCADE)\n    object_id = models.PositiveIntegerField(null=True)\n    \
         thing = GenericForeignKey('content_type', 'object_id')\n",
    ),
    ("notes/migrations/__init__.py", ""),
];

struct Site<'a> {
    python: &'a Path,
    project: &'a Path,
    server: &'a Server,
}

impl Site<'_> {
    fn manage(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.python);
        command.arg("manage.py").args(arguments).current_dir(self.project);
        command.env("DB_PORT", self.server.port().to_string()).output().unwrap()
    }

    #[track_caller]
    fn managed(&self, arguments: &[&str]) -> String {
        let output = self.manage(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the program for the database of the site.
    fn audit(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_csm-audit"));
        let place = format!("prod=mysql://root@127.0.0.1:{}/shop?ssl-mode=disabled", self.server.port());
        command.env_remove("VIRTUAL_ENV").args(arguments).args(["--target", "shop.Parcel", "--allow-primary"]);
        command.args(["--replica", &place]).arg(self.project).output().unwrap()
    }

    fn report(&self) -> Value {
        let output = self.audit(&["scan", "--format", "json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)))
    }
}

fn python_ranges(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let of_check = findings.filter(|finding| finding["check"] == "python-range");
    of_check.map(|one| format!("{} {} {}", one["severity"], one["blocks"], one["column"]).replace('"', "")).collect()
}

#[test]
fn fields_with_ids_follow_the_key() {
    let Some(python) = python("5.2") else { return };
    let Some(server) = start(Flavour::MariaDb, ServerOptions::new()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("project");
    for (path, text) in FILES {
        let path = project.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    server.execute("CREATE DATABASE shop DEFAULT CHARACTER SET utf8mb4");
    let site = Site { python: &python, project: &project, server: &server };
    site.managed(&["makemigrations", "shop", "notes"]);
    site.managed(&["migrate"]);

    // Both fields end before the ids: the answer is not "ready" without them, and the plan changes them.
    let report = site.report();
    assert_eq!(python_ranges(&report), ["error true object_id", "error true object_id"]);
    let handled = report["answer"]["handled_by_plan"].as_array().unwrap();
    let of_fields = handled.iter().filter(|one| one["steps"] == serde_json::json!(["code-01"]));
    assert_eq!(of_fields.count(), 2, "{handled:#?}");

    let plan = folder.path().join("plan");
    let output = site.audit(&["plan", "-o", plan.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    let planned: Value = serde_json::from_str(&fs::read_to_string(plan.join("plan.json")).unwrap()).unwrap();
    let steps = planned["plan"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["kind"] == "django-migration").unwrap();
    let run = step["run"].as_str().unwrap().replace("python manage.py", &format!("{} manage.py", python.display()));
    let applied = Command::new("bash")
        .args(["-ec", &run])
        .env("PROJECT", &project)
        .env("DB_PORT", server.port().to_string())
        .current_dir(&plan)
        .output()
        .unwrap();
    assert!(applied.status.success(), "{run}: {}", said(&applied));
    let models = fs::read_to_string(project.join("notes/models.py")).unwrap();
    assert!(models.contains("object_id = models.PositiveBigIntegerField(null=True)"), "{models}");
    site.managed(&["check"]);
    let types = server.query(
        "SELECT CONCAT_WS(' ', TABLE_NAME, COLUMN_NAME, REPLACE(COLUMN_TYPE, '(20)', '')) FROM information_schema.COLUMNS
         WHERE TABLE_SCHEMA = 'shop' AND COLUMN_NAME = 'object_id' ORDER BY 1",
    );
    let types: Vec<String> = types.into_iter().flatten().collect();
    assert_eq!(types, ["notes_remark object_id bigint unsigned", "shop_sticker object_id bigint unsigned"]);

    // An id above 31 and 32 bits is saved and found through Django.
    let shell = "from shop.models import Parcel, Sticker; from notes.models import Remark; p = \
                 Parcel.objects.create(id=5000000000, name='x'); p.stickers.create(); p.remarks.create(); \
                 print(Sticker.objects.filter(object_id=p.id).count(), Remark.objects.filter(object_id=p.id).count(), \
                 p.stickers.count(), p.remarks.count())";
    assert_eq!(site.managed(&["shell", "-c", shell]).trim().lines().last(), Some("1 1 1 1"));
    // The key itself: its column goes further than Django's signed field, which nobody reaches.
    assert_eq!(python_ranges(&site.report()), ["info false id"]);
}
