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
    assert!(message.contains("although django_migrations contains shop.0001_initial, which creates it"), "{message}");
    assert_eq!(missing["evidence"][0]["source"], "migrations");
    assert_eq!(missing["evidence"][0]["file"], "shop/migrations/0001_initial.py");
    assert_eq!(missing["evidence"][0]["line"], 4);
}

/// The gravest severity of every check. A change of one is a change of what users see.
const SEVERITIES: &[(&str, &str)] = &[
    ("soft-reference", "info"),
    ("reference-too-narrow", "error"),
    ("key-exhaustion", "error"),
    ("negative-ids", "error"),
    ("empty-table", "warning"),
    ("python-range", "error"),
    ("id-limit", "error"),
    ("missing-foreign-key", "error"),
    ("extra-foreign-key", "error"),
    ("foreign-key-rule", "error"),
    ("foreign-key-name", "info"),
    ("missing-table", "error"),
    ("extra-table", "error"),
    ("leftover-table", "warning"),
    ("table-engine", "error"),
    ("missing-column", "error"),
    ("extra-column", "error"),
    ("column-type", "error"),
    ("column-null", "error"),
    ("column-default", "error"),
    ("column-auto-increment", "error"),
    ("collation", "error"),
    ("primary-key", "error"),
    ("missing-unique", "error"),
    ("missing-index", "warning"),
    ("extra-index", "warning"),
    ("redundant-index", "info"),
    ("index-name", "info"),
    ("missing-check", "warning"),
    ("missing-view", "error"),
    ("dependent-view", "warning"),
    ("dependent-trigger", "error"),
    ("dependent-routine", "warning"),
    ("dependent-event", "warning"),
    ("migration-order", "warning"),
    ("migration-unapplied", "warning"),
    ("migration-unknown", "warning"),
    ("model-differs", "warning"),
    ("state-differs", "warning"),
    ("environments-differ", "warning"),
    ("server-settings", "warning"),
    ("source-not-found", "info"),
];

#[test]
fn every_check_has_its_severity() {
    let all: Vec<(&str, &str)> = CHECKS.iter().map(|check| (check.id, check.severity.as_str())).collect();
    assert_eq!(all, SEVERITIES);
}

#[test]
fn a_relation_without_a_constraint_misses_none() {
    let line = "migrations.CreateModel('Line', [('id', models.AutoField(primary_key=True)), \
                ('order', models.ForeignKey('shop.Order', models.CASCADE, db_constraint=False))]),";
    let folder = project(line, "");
    let table = "CREATE TABLE `shop_line` (`id` int NOT NULL AUTO_INCREMENT, `order_id` bigint unsigned NOT NULL, \
                 PRIMARY KEY (`id`), KEY `shop_line_order_id_6871eda7` (`order_id`)) ENGINE=InnoDB;";
    let found = findings(folder.path(), &[("prod", &format!("{ORDERS}) ENGINE=InnoDB;\n{table}"))]);
    assert!(found.iter().any(|line| line.starts_with("soft-reference info shop_line")), "{found:?}");
    assert!(!found.iter().any(|line| line.starts_with("missing-foreign-key")), "{found:?}");
}

#[test]
fn nullability_is_compared_both_ways() {
    let folder = project("", "");
    let dump = |total: &str| format!("{} ENGINE=InnoDB;", ORDERS.replace("`total` int NOT NULL", total) + ")");
    let null = findings(folder.path(), &[("prod", &dump("`total` int NULL"))]);
    assert_eq!(null, ["column-null warning shop_order "]);
    let folder = project("migrations.AddField('Order', 'note', models.IntegerField(null=True)),", "");
    let not_null = "`total` int NOT NULL, `note` int NOT NULL";
    let found = findings(folder.path(), &[("prod", &dump(not_null))]);
    assert!(found.contains(&String::from("column-null error shop_order ")), "{found:?}");
}

/// The columns that store ids, as `TABLE.COLUMN CONFIDENCE`, without the key.
fn id_columns(folder: &Path, dump: &str) -> Vec<String> {
    let path = folder.join("prod.sql");
    std::fs::write(&path, dump).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_csm-audit"));
    command.arg("scan").arg(folder.join("project")).arg("--replica").arg(format!("prod={}#shop", path.display()));
    command.args(["--target", "shop.Order", "--django", "4.2", "--server", "mysql-8.4", "--format", "json", "--quiet"]);
    let report: serde_json::Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let columns = report["columns"].as_array().unwrap().iter().filter(|column| column["role"] != "key");
    let text = |column: &serde_json::Value, key: &str| column[key].as_str().unwrap_or_default().to_owned();
    let mut all: Vec<String> = columns
        .map(|column| format!("{}.{} {}", text(column, "table"), text(column, "column"), text(column, "confidence")))
        .collect();
    all.sort();
    all
}

#[test]
fn copies_of_rows_and_generic_relations_store_ids() {
    let history = "migrations.CreateModel('Trace', [('id', models.IntegerField(db_index=True)), \
                   ('total', models.IntegerField()), ('rev', models.AutoField(primary_key=True)), \
                   ('history_date', models.DateTimeField()), ('history_type', models.CharField(max_length=1))], \
                   {'db_table': 'order_trace'}), \
                   migrations.CreateModel('ContentType', [('id', models.AutoField(primary_key=True))], \
                   {'db_table': 'django_content_type'}), \
                   migrations.CreateModel('Mark', [('id', models.AutoField(primary_key=True)), \
                   ('object_id', models.PositiveIntegerField()), ('text_id', models.CharField(max_length=9)), \
                   ('content_type', models.ForeignKey('shop.ContentType', models.CASCADE))]),";
    let folder = project(history, "");
    let copy = "CREATE TABLE `copy_of_orders` (`at` datetime NOT NULL, `id` int NOT NULL, `total` int, `by` int);";
    let found = id_columns(folder.path(), &format!("{ORDERS}) ENGINE=InnoDB;\n{copy}"));
    assert_eq!(found, ["order_trace.id certain", "shop_mark.object_id possible"]);
    // A table of three columns that copies all of them; nobody who reads the code knows it.
    let folder = project("migrations.AddField('Order', 'by', models.IntegerField(null=True)),", "");
    let found = id_columns(folder.path(), &format!("{ORDERS}, `by` int) ENGINE=InnoDB;\n{copy}"));
    assert_eq!(found, ["copy_of_orders.id possible"]);
}

#[test]
fn both_ends_of_inheritance_store_ids() {
    let parents = "migrations.CreateModel('Thing', [('id', models.AutoField(primary_key=True))]), \
                   migrations.CreateModel('Box', [('thing_ptr', models.OneToOneField('shop.Thing', models.CASCADE, \
                   parent_link=True, primary_key=True))], bases=('shop.thing',)), \
                   migrations.CreateModel('Tag', [('id', models.AutoField(primary_key=True)), \
                   ('thing', models.ForeignKey('shop.Thing', models.CASCADE))]), \
                   migrations.AddField('Order', 'box', models.OneToOneField('shop.Box', models.CASCADE)),";
    let folder = project(parents, "");
    let path = folder.path().join("project/shop/models.py");
    std::fs::write(
        &path,
        "from django.db import models\n\n\nclass Thing(models.Model):\n    pass\n\n\nclass Box(Thing):\n    pass\n",
    )
    .unwrap();
    let dump = folder.path().join("prod.sql");
    std::fs::write(&dump, format!("{ORDERS}) ENGINE=InnoDB;")).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_csm-audit"));
    command.arg("scan").arg(folder.path().join("project"));
    command.arg("--replica").arg(format!("prod={}#shop", dump.display()));
    command.args(["--target", "shop.Box", "--django", "4.2", "--server", "mysql-8.4", "--format", "json", "--quiet"]);
    let report: serde_json::Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    let mut all: Vec<String> = report["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| format!("{}.{}", c["table"].as_str().unwrap(), c["column"].as_str().unwrap()))
        .collect();
    all.sort();
    // The parent, what points to the parent, the child, and what points to the child.
    assert_eq!(all, ["shop_box.thing_ptr_id", "shop_order.box_id", "shop_tag.thing_id", "shop_thing.id"]);
}

#[test]
fn what_limits_ids_beside_the_type_is_found() {
    let folder = project("", "");
    let limit = |dump: &str| -> Vec<String> {
        let all = findings(folder.path(), &[("prod", dump)]);
        all.into_iter().filter(|line| line.starts_with("id-limit")).collect()
    };
    let table = |more: &str, end: &str| format!("{ORDERS}{more}) ENGINE=InnoDB{end};");
    assert_eq!(limit(&table("", "")), [""; 0]);
    assert_eq!(limit(&table(", CONSTRAINT `cap` CHECK (`id` < 2147483647)", "")), ["id-limit error shop_order cap"]);
    assert_eq!(limit(&table(", CONSTRAINT `cap` CHECK (`id` >= 0)", "")), [""; 0]);
    assert_eq!(limit(&table(", CONSTRAINT `cap` CHECK (`id` % 2 = 0)", "")), ["id-limit warning shop_order cap"]);
    let parts = " PARTITION BY RANGE (`id`) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (";
    assert_eq!(limit(&table("", &format!("{parts}2147483647))"))), ["id-limit error shop_order p1"]);
    assert_eq!(limit(&table("", &format!("{parts}MAXVALUE))"))), [""; 0]);
    assert_eq!(
        limit(&table(
            "",
            &parts.replace(
                "(PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN (",
                "(PARTITION p0 VALUES LESS THAN MAXVALUE)"
            )
        )),
        [""; 0]
    );
    let narrow = ", `x` int GENERATED ALWAYS AS (`id` + 0) STORED";
    assert_eq!(limit(&table(narrow, "")), ["id-limit error shop_order x"]);
    assert_eq!(limit(&table(&narrow.replace("x` int", "x` bigint"), "")), [""; 0]);
}

#[test]
fn programs_carry_ids_into_narrow_places() {
    let folder = project("", "");
    let log =
        "CREATE TABLE `log` (`n` int NOT NULL AUTO_INCREMENT, `what` int NOT NULL, PRIMARY KEY (`n`)) ENGINE=InnoDB;";
    let dump = |body: &str| {
        format!(
            "{ORDERS}) ENGINE=InnoDB;\n{log}\nDELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`%`*/ \
             /*!50003 TRIGGER `carry` AFTER INSERT ON `shop_order` FOR EACH ROW {body} */;;\nDELIMITER ;\n"
        )
    };
    let of = |body: &str| -> Vec<String> {
        let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        found(folder.path(), &[("prod", &dump(body))])
            .iter()
            .filter(|f| matches!(f["check"].as_str(), Some("id-limit" | "reference-too-narrow")))
            .map(|f| format!("{} {} {} {}", text(f, "check"), text(f, "severity"), text(f, "table"), f["blocks"]))
            .collect()
    };
    assert_eq!(of("INSERT INTO log (what) VALUES (NEW.id)"), ["reference-too-narrow error log true"]);
    assert_eq!(of("BEGIN DECLARE v INT; SET v = NEW.id; END"), ["id-limit error shop_order true"]);
    assert_eq!(of("BEGIN DECLARE v BIGINT UNSIGNED; SET v = NEW.id; END"), [""; 0]);
    assert_eq!(of("INSERT INTO log (what) VALUES (NEW.total)"), [""; 0]);
}

#[test]
fn findings_that_rest_on_something_unknown_are_not_certain() {
    let certain = |folder: &Path, dump: &str| -> Vec<String> {
        found(folder, &[("prod", dump)])
            .iter()
            .filter(|f| f["confidence"] == "certain" && f["severity"] != "info")
            .map(|f| f["message"].as_str().unwrap().to_owned())
            .collect()
    };
    let orders = format!("{ORDERS}) ENGINE=InnoDB;");
    // A class of many-to-many fields that makes its own table.
    let fields = "from django.db import models\n\n\nclass Ranked(models.ManyToManyField):\n    \
                  def contribute_to_class(self, cls, name, **kwargs):\n        \
                  self.remote_field.through = make(cls)\n        super().contribute_to_class(cls, name, **kwargs)\n";
    let folder = project("migrations.AddField('order', 'others', shop.fields.Ranked('shop.Order')),", "");
    std::fs::write(folder.path().join("project/shop/fields.py"), fields).unwrap();
    let migration = folder.path().join("project/shop/migrations/0001_initial.py");
    let text = std::fs::read_to_string(&migration).unwrap();
    std::fs::write(&migration, format!("import shop.fields\n{text}")).unwrap();
    let link = "CREATE TABLE `shop_order_others` (`id` int NOT NULL AUTO_INCREMENT, `from_order_id` int NOT NULL, \
                `to_order_id` int NOT NULL, `rank` int NOT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB;";
    let wrong: Vec<String> =
        certain(folder.path(), &format!("{orders}\n{link}")).into_iter().filter(|m| m.contains("rank")).collect();
    assert_eq!(wrong, [""; 0]);
    // Parameters of SQL.
    let folder = project(
        "migrations.RunSQL([('ALTER TABLE shop_order ADD n INT NOT NULL DEFAULT %s', [7])], \
         state_operations=[migrations.AddField('order', 'n', models.IntegerField(default=7))]),",
        "n = models.IntegerField(default=7)",
    );
    let whole = "CREATE TABLE `shop_order` (`id` int NOT NULL AUTO_INCREMENT, `total` int NOT NULL, `n` int NOT NULL \
                 DEFAULT '7', PRIMARY KEY (`id`)) ENGINE=InnoDB;";
    assert_eq!(findings(folder.path(), &[("prod", whole)]), [""; 0]);
    // Fields that modeltranslation adds.
    let folder = project("migrations.AddField('order', 'note_de', models.CharField(max_length=9, null=True)),", "");
    let translation = "from modeltranslation.translator import TranslationOptions, register\nfrom shop.models import \
                       Order\n\n\n@register(Order)\nclass OrderOptions(TranslationOptions):\n    fields = ('note',)\n";
    std::fs::write(folder.path().join("project/shop/translation.py"), translation).unwrap();
    let whole = "CREATE TABLE `shop_order` (`id` int NOT NULL AUTO_INCREMENT, `total` int NOT NULL, `note_de` varchar(9) \
                 DEFAULT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB;";
    assert_eq!(findings(folder.path(), &[("prod", whole)]), [""; 0]);
}

#[test]
fn an_app_without_migrations_makes_its_tables_perhaps() {
    let folder = project("", "");
    let root = folder.path().join("project");
    std::fs::create_dir_all(root.join("bare")).unwrap();
    std::fs::write(root.join("bare/__init__.py"), "").unwrap();
    let models = "from django.db import models\n\n\nclass Sort(models.Model):\n    n = models.IntegerField()\n";
    std::fs::write(root.join("bare/models.py"), models).unwrap();
    let settings = "INSTALLED_APPS = ['shop', 'bare']\nDATABASES = {'default': {'NAME': 'shop'}}\n";
    std::fs::write(root.join("settings.py"), settings).unwrap();
    let orders = format!("{ORDERS}) ENGINE=InnoDB;");
    let sorts = "CREATE TABLE `bare_sort` (`id` int NOT NULL AUTO_INCREMENT, `n` int NOT NULL, PRIMARY KEY (`id`)) \
                 ENGINE=InnoDB;";
    // With the table all is as expected; without it, nothing certain is wrong.
    assert_eq!(findings(folder.path(), &[("prod", &format!("{orders}\n{sorts}"))]), [""; 0]);
    let without = found(folder.path(), &[("prod", &orders)]);
    assert!(without.iter().all(|finding| finding["confidence"] == "possible"), "{without:?}");
}

#[test]
fn a_generic_relation_proves_where_ids_are() {
    let folder = project(
        "migrations.CreateModel('Mark', [('id', models.AutoField(primary_key=True)), ('kind', models.IntegerField()), \
         ('thing', models.PositiveIntegerField())]),",
        "marks = GenericRelation('shop.Mark', object_id_field='thing', content_type_field='kind')",
    );
    let path = folder.path().join("project/shop/models.py");
    let text = std::fs::read_to_string(&path).unwrap();
    let mark =
        "\n\nclass Mark(models.Model):\n    kind = models.IntegerField()\n    thing = models.PositiveIntegerField()\n";
    std::fs::write(&path, format!("from django.contrib.contenttypes.fields import GenericRelation\n{text}{mark}"))
        .unwrap();
    let dump = format!(
        "{ORDERS}) ENGINE=InnoDB;\nCREATE TABLE `shop_mark` (`id` int NOT NULL AUTO_INCREMENT, `kind` int NOT NULL, \
         `thing` int unsigned NOT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB;"
    );
    let found = findings(folder.path(), &[("prod", &dump)]);
    let expected =
        ["reference-too-narrow error shop_mark ", "python-range warning shop_mark ", "soft-reference info shop_mark "];
    assert_eq!(found, expected);
}
