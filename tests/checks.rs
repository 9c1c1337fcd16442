//! What the checks say of themselves, and CHECKS.md.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use csm_audit::check::{CHECKS, docs};

#[test]
fn the_book_of_checks_is_that_of_the_sources() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("CHECKS.md");
    let book = docs::book();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &book).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == book, "CHECKS.md is stale; renew it: UPDATE=1 cargo test --test checks");
}

#[test]
fn every_check_tells_what_it_is_for() {
    let mut ids = Vec::new();
    for check in CHECKS {
        assert!(!ids.contains(&check.id), "{} is there twice", check.id);
        ids.push(check.id);
        assert!(check.id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", check.id);
        for section in ["## What", "## Why", "## Example", "## Fix"] {
            let page = docs::page(check);
            let at = page.find(&format!("{section}\n")).unwrap_or_else(|| panic!("{} has no {section}", check.id));
            let text = page[at + section.len()..].split("\n## ").next().unwrap().trim();
            assert!(text.len() > 20, "{} says nothing under {section}", check.id);
        }
    }
}

#[test]
fn a_check_is_one_file_named_after_it() {
    for check in CHECKS {
        let file = format!("src/check/{}.rs", check.id.replace('-', "_"));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("there is no {file}"));
        assert!(text.contains(&format!("id: \"{}\"", check.id)), "{file} declares another check");
    }
}

/// A project of one app, with a settings module; what its migration does beside making the table, and what its model says
/// beside the total.
fn project(operations: &str, model: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join("project").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("settings.py", "INSTALLED_APPS = ['shop']\nDATABASES = {'default': {'NAME': 'shop'}}\n");
    write("manage.py", "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'settings')\n");
    write("shop/__init__.py", "");
    write("shop/migrations/__init__.py", "");
    write(
        "shop/models.py",
        &format!(
            "from django.db import models\n\n\nclass Order(models.Model):\n    total = models.IntegerField()\n    {model}\n"
        ),
    );
    write(
        "shop/migrations/0001_initial.py",
        &format!(
            "from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n    operations = [\n        \
             migrations.CreateModel('Order', [('id', models.AutoField(primary_key=True)), ('total', models.IntegerField())]),\n        \
             {operations}\n    ]\n"
        ),
    );
    folder
}

/// The findings of a scan against dumps, but for those that only say what a dump cannot tell.
fn found(folder: &Path, dumps: &[(&str, &str)]) -> Vec<serde_json::Value> {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_csm-audit"));
    command.arg("scan").arg(folder.join("project"));
    command.args(["--target", "shop.Order", "--django", "4.2", "--server", "mysql-8.4", "--format", "json", "--quiet"]);
    for (name, text) in dumps {
        let path = folder.join(format!("{name}.sql"));
        std::fs::write(&path, text).unwrap();
        command.arg("--replica").arg(format!("{name}={}#shop", path.display()));
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut findings = report["findings"].as_array().cloned().unwrap_or_default();
    findings.retain(|finding| !finding["check"].as_str().unwrap().starts_with("dependent-"));
    findings
}

/// Likewise, as `CHECK SEVERITY TABLE NAME`.
fn findings(folder: &Path, dumps: &[(&str, &str)]) -> Vec<String> {
    let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    found(folder, dumps)
        .iter()
        .map(|f| format!("{} {} {} {}", text(f, "check"), text(f, "severity"), text(f, "table"), text(f, "name")))
        .collect()
}

const ORDERS: &str =
    "CREATE TABLE `shop_order` (`id` int NOT NULL AUTO_INCREMENT, `total` int NOT NULL, PRIMARY KEY (`id`)";

#[test]
fn a_view_and_a_check_of_the_code_are_missed() {
    let operations = "migrations.RunSQL('CREATE VIEW open_orders AS SELECT id FROM shop_order'), \
                      migrations.AddConstraint('order', models.CheckConstraint(check=models.Q(total__gte=0), name='paid')),";
    let folder = project(
        operations,
        "class Meta:\n        constraints = [models.CheckConstraint(check=models.Q(total__gte=0), name='paid')]",
    );
    let bare = format!("{ORDERS}) ENGINE=InnoDB;");
    let whole = format!(
        "{ORDERS}, CONSTRAINT `paid` CHECK ((`total` >= 0))) ENGINE=InnoDB;\n\
         CREATE VIEW `open_orders` AS SELECT `id` AS `id` FROM `shop_order`;"
    );
    let unenforced = whole.replace(">= 0))", ">= 0)) /*!80016 NOT ENFORCED */");
    assert_eq!(findings(folder.path(), &[("prod", &whole)]), [""; 0]);
    // A dump holds what it was asked for, so that the view is not there is not proven.
    let missed = ["missing-check warning shop_order paid ", "missing-view warning open_orders "];
    let found = findings(folder.path(), &[("prod", &bare)]);
    assert_eq!(found.iter().map(|line| line.trim()).collect::<Vec<_>>(), missed.map(str::trim));
    assert_eq!(findings(folder.path(), &[("prod", &unenforced)]), ["missing-check warning shop_order paid"]);
}

#[test]
fn environments_are_compared_with_each_other() {
    let folder = project("", "");
    let prod = format!("{ORDERS}) ENGINE=InnoDB;");
    // Another server's way to write the same type is no difference.
    let same = prod.replace(" int ", " int(11) ");
    let stage = prod.replace("PRIMARY KEY (`id`)", "PRIMARY KEY (`id`), KEY `by_hand` (`total`)");
    assert_eq!(findings(folder.path(), &[("prod", &prod), ("edge", &same)]), [""; 0]);
    let found = findings(folder.path(), &[("prod", &prod), ("edge", &same), ("stage", &stage)]);
    assert_eq!(found, ["environments-differ warning shop_order ", "extra-index info shop_order by_hand"]);
}

#[test]
fn models_are_compared_with_the_migrations() {
    let prod = format!("{ORDERS}) ENGINE=InnoDB;");
    let folder = project("", "paid = models.BooleanField(default=False)");
    assert_eq!(findings(folder.path(), &[("prod", &prod)]), ["model-differs warning shop_order shop.Order.paid"]);
    let folder = project("", "total = models.BigIntegerField()");
    assert_eq!(findings(folder.path(), &[("prod", &prod)]), ["model-differs warning shop_order shop.Order.total"]);
    // What changes no table is no matter.
    let folder = project("", "total = models.IntegerField(help_text='in cents')");
    assert_eq!(findings(folder.path(), &[("prod", &prod)]), [""; 0]);
}

#[test]
fn a_database_is_known_by_the_name_that_the_settings_give() {
    // Nothing in it tells whose it is.
    let stray = "CREATE TABLE `stray` (`id` int NOT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB;";
    let found = findings(project("", "").path(), &[("prod", stray)]);
    assert!(found.iter().any(|line| line.starts_with("missing-table ") && line.contains(" shop_order")), "{found:#?}");
}

#[test]
fn a_faked_migration_is_told_with_its_place() {
    let folder = project("", "");
    let prod = "CREATE TABLE `shop_order` (`id` int NOT NULL AUTO_INCREMENT, PRIMARY KEY (`id`)) ENGINE=InnoDB;\n\
                CREATE TABLE `django_migrations` (`id` int NOT NULL, `app` varchar(255) NOT NULL, `name` varchar(255) NOT NULL, \
                `applied` datetime(6) NOT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB;\n\
                INSERT INTO `django_migrations` VALUES (1,'shop','0001_initial','2026-01-01 00:00:00.000000');\n";
    let findings = found(folder.path(), &[("prod", prod)]);
    let missing = findings.iter().find(|finding| finding["check"] == "missing-column").unwrap();
    let message = missing["message"].as_str().unwrap();
    assert!(message.contains("although the ledger has shop.0001_initial, which makes it"), "{message}");
    assert_eq!(missing["evidence"][0]["source"], "migrations");
    assert_eq!(missing["evidence"][0]["file"], "shop/migrations/0001_initial.py");
    assert_eq!(missing["evidence"][0]["line"], 4);
}
