//! Fields that store the ids as plain integers get another class with the plan's migration, with real Django on MariaDB.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::django::python;
use crate::platform::said;
use crate::support::{Flavour, Server, ServerOptions, start};

const FILES: [(&str, &str); 12] = [
    (
        "manage.py",
        "import os\nimport sys\n\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'conf')\nif __name__ == '__main__':\n    \
         import pymysql\n\n    pymysql.version_info = (2, 2, 7, 'final', 0)\n    pymysql.install_as_MySQLdb()\n    from \
         django.core.management import execute_from_command_line\n\n    execute_from_command_line(sys.argv)\n",
    ),
    (
        "conf.py",
        "import os\n\nSECRET_KEY = 'x'\nINSTALLED_APPS = ['django.contrib.contenttypes', 'shop', 'notes', 'labels']\nDATABASES = \
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
         remarks = GenericRelation('notes.Remark')\n    \
         tags = GenericRelation('labels.Tag')\n",
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
    ("labels/__init__.py", ""),
    (
        "labels/models.py",
        "from django.contrib.contenttypes.fields import GenericForeignKey\nfrom django.contrib.contenttypes.models import \
         ContentType\nfrom django.db import models\n\n\nclass RowId(models.IntegerField):\n    pass\n\n\nclass \
         Tag(models.Model):\n    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE)\n    object_id = \
         RowId()\n    thing = GenericForeignKey('content_type', 'object_id')\n",
    ),
    ("labels/migrations/__init__.py", ""),
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

    /// The types of the columns that store the ids.
    fn types(&self) -> Vec<String> {
        let types = self.server.query(
            "SELECT CONCAT_WS(' ', TABLE_NAME, COLUMN_NAME, REPLACE(COLUMN_TYPE, '(20)', ''))
             FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'shop' AND COLUMN_NAME = 'object_id' ORDER BY 1",
        );
        types.into_iter().flatten().collect()
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
    site.managed(&["makemigrations", "shop", "notes", "labels"]);
    site.managed(&["migrate"]);

    // The fields end before the ids, one by its own class: the answer is not "ready" without them, and the plan has them.
    let report = site.report();
    assert_eq!(python_ranges(&report), ["error true object_id"; 3]);
    let handled = report["answer"]["handled_by_plan"].as_array().unwrap();
    let of_fields = handled.iter().filter(|one| one["steps"] == serde_json::json!(["code-01"]));
    assert_eq!(of_fields.count(), 3, "{handled:#?}");

    let plan = folder.path().join("plan");
    let output = site.audit(&["plan", "-o", plan.to_str().unwrap()]);
    assert!(output.status.success(), "{}", said(&output));
    let planned: Value = serde_json::from_str(&fs::read_to_string(plan.join("plan.json")).unwrap()).unwrap();
    let steps = planned["plan"]["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["kind"] == "django-migration").unwrap();
    // The plan does not edit a field class of the project.
    let title = step["title"].as_str().unwrap();
    assert!(
        title.contains("labels/models.py:12: change labels.Tag.object_id to a `models.PositiveBigIntegerField`"),
        "{title}"
    );
    let run = step["run"].as_str().unwrap().replace("python manage.py", &format!("{} manage.py", python.display()));
    let bash = |run: &str| {
        let mut command = Command::new("bash");
        command.args(["-ec", run]).env("PROJECT", &project).env("DB_PORT", server.port().to_string());
        command.current_dir(&plan).output().unwrap()
    };
    let applied = bash(&run);
    assert!(applied.status.success(), "{run}: {}", said(&applied));
    let labels = project.join("labels/models.py");
    let text = fs::read_to_string(&labels).unwrap();
    fs::write(&labels, text.replace("RowId(models.IntegerField)", "RowId(models.PositiveBigIntegerField)")).unwrap();
    // The path of the class is the same, so no migration follows.
    let check = run.lines().last().unwrap();
    let applied = bash(check);
    assert!(applied.status.success(), "{check}: {}", said(&applied));
    let models = fs::read_to_string(project.join("notes/models.py")).unwrap();
    assert!(models.contains("object_id = models.PositiveBigIntegerField(null=True)"), "{models}");
    site.managed(&["check"]);
    let wide = ["labels_tag", "notes_remark", "shop_sticker"].map(|table| format!("{table} object_id bigint unsigned"));
    assert_eq!(site.types(), wide);

    // An id above 31 and 32 bits is saved and found through Django.
    let shell = "from shop.models import Parcel, Sticker; from notes.models import Remark; p = \
                 Parcel.objects.create(id=5000000000, name='x'); p.stickers.create(); p.remarks.create(); p.tags.create(); \
                 print(Sticker.objects.filter(object_id=p.id).count(), Remark.objects.filter(object_id=p.id).count(), \
                 p.stickers.count(), p.remarks.count(), p.tags.count())";
    assert_eq!(site.managed(&["shell", "-c", shell]).trim().lines().last(), Some("1 1 1 1 1"));
    // The key itself: its column goes further than Django's signed field, which nobody reaches.
    assert_eq!(python_ranges(&site.report()), ["info false id"]);

    // The rollback restores the state, and the columns stay wide.
    let rollback = step["rollback"]["run"].as_str().unwrap();
    let reverted = bash(&rollback.replace("python manage.py", &format!("{} manage.py", python.display())));
    assert!(reverted.status.success(), "{rollback}: {}", said(&reverted));
    assert_eq!(site.types(), wide);
}
