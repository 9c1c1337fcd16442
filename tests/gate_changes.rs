//! What counts as new: changes of access, of text and of place, on small repositories.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::repository::{Repository, VIEWS, gone, known, places};
use common::text;

/// A way to write a use of the table, for each access.
struct Form {
    path: &'static str,
    read: &'static str,
    write: &'static str,
    delete: &'static str,
}

const IMPORT: &str = "from shop.models import Order\n\n\ndef job():\n";
const CURSOR: &str = "from django.db import connection\n\n\ndef job():\n";

/// Every way to reach the table in which an access can be told from the text.
const FORMS: [Form; 10] = [
    Form {
        path: "shop/jobs.py",
        read: "    rows = Order.objects.filter(name='x').count()\n",
        write: "    rows = Order.objects.filter(name='x').update(name='y')\n",
        delete: "    rows = Order.objects.filter(name='x').delete()\n",
    },
    Form {
        path: "shop/jobs.py",
        read: "    rows = Order.objects.filter(\n        name='x',\n    ).count()\n",
        write: "    rows = Order.objects.filter(\n        name='x',\n    ).update(name='y')\n",
        delete: "    rows = Order.objects.filter(\n        name='x',\n    ).delete()\n",
    },
    Form {
        path: "shop/jobs.py",
        read: "    rows = (\n        Order.objects\n        .filter(name='x')\n        .count()\n    )\n",
        write: "    rows = (\n        Order.objects\n        .filter(name='x')\n        .update(name='y')\n    )\n",
        delete: "    rows = (\n        Order.objects\n        .filter(name='x')\n        .delete()\n    )\n",
    },
    Form {
        path: "shop/jobs.py",
        read: "    order = Order.objects.get(name='x')\n    order.refresh_from_db()\n",
        write: "    order = Order.objects.get(name='x')\n    order.save()\n",
        delete: "    order = Order.objects.get(name='x')\n    order.delete()\n",
    },
    Form {
        path: "shop/raw.py",
        read: "    connection.cursor().execute('SELECT name FROM shop_order')\n",
        write: "    connection.cursor().execute('UPDATE shop_order SET name = 1')\n",
        delete: "    connection.cursor().execute('DELETE FROM shop_order')\n",
    },
    Form {
        path: "shop/raw.py",
        read: "    statement = '''\n    SELECT name\n    FROM shop_order\n    WHERE name = 1\n    '''\n    connection.cursor().execute(statement)\n",
        write: "    statement = '''\n    INSERT INTO shop_order (name)\n    SELECT name\n    FROM other\n    WHERE name = 1\n    '''\n    connection.cursor().execute(statement)\n",
        delete: "    statement = '''\n    DELETE\n    FROM shop_order\n    WHERE name = 1\n    '''\n    connection.cursor().execute(statement)\n",
    },
    Form {
        path: "scripts/one.sql",
        read: "SELECT name FROM shop_order;\n",
        write: "UPDATE shop_order SET name = 'x';\n",
        delete: "DELETE FROM shop_order;\n",
    },
    Form {
        path: "scripts/lines.sql",
        read: "SELECT count(*)\nFROM shop_order\nWHERE name = 'x';\n",
        write: "INSERT INTO\nshop_order (name)\nVALUES ('x');\n",
        delete: "DELETE\nFROM shop_order\nWHERE name = 'x';\n",
    },
    Form {
        path: "shop/templates/report.sql.j2",
        read: "SELECT count(*)\nFROM shop_order\nWHERE name = '{{ name }}';\n",
        write: "UPDATE\nshop_order\nSET name = '{{ name }}';\n",
        delete: "DELETE\nFROM shop_order\nWHERE name = '{{ name }}';\n",
    },
    Form {
        path: "scripts/nightly.sh",
        read: "mysql shop -e \"SELECT count(*) FROM shop_order\"\n",
        write: "mysql shop -e \"UPDATE shop_order SET name = 1\"\n",
        delete: "mysql shop -e \"DELETE FROM shop_order\"\n",
    },
];

impl Form {
    fn file(&self, statement: &str) -> String {
        match self.path {
            "shop/jobs.py" => format!("{IMPORT}{statement}"),
            "shop/raw.py" => format!("{CURSOR}{statement}"),
            _ => statement.to_owned(),
        }
    }
}

#[test]
fn every_change_of_access_is_an_alarm() {
    for form in &FORMS {
        let accesses = [("read", form.read), ("write", form.write), ("delete", form.delete)];
        for (was, before) in accesses {
            let repository = Repository::with(&[(form.path, &form.file(before))]);
            for (is, after) in accesses {
                if is == was {
                    continue;
                }
                repository.write(form.path, &form.file(after));
                for arguments in [&["--strict"][..], &["--diff", "HEAD"]] {
                    let verdict = repository.json(arguments, 1);
                    let new = verdict["new"].as_array().unwrap();
                    let found = new.iter().any(|alarm| alarm["access"] == is && alarm["target"] == "shop.Order");
                    assert!(found, "{}: {was} became {is}: {before}{after}{verdict:#}", form.path);
                }
            }
        }
    }
}

#[test]
fn a_change_of_access_is_told_as_what_it_is() {
    let form = &FORMS[1];
    let repository = Repository::with(&[(form.path, &form.file(form.read))]);
    repository.write(form.path, &form.file(form.delete));
    let verdict = repository.json(&[], 1);
    assert_eq!((&verdict["new"][0]["reason"], &verdict["new"][0]["was"]), (&"changed".into(), &"read".into()));
    assert!(gone(&verdict).is_empty(), "{verdict:#}");
    let said = text(&repository.gate(&[]).stdout);
    assert!(said.contains("shop/jobs.py:5:12: query of shop.Order: read became delete (delete, certain)"), "{said}");
    // The line with the method, not the one on which the statement begins.
    assert!(said.contains("7 |     ).delete()\n  |       ^^^^^^\n"), "{said}");
    assert!(said.contains("why: read became delete: deletes rows"), "{said}");
    let said = text(&repository.gate(&["--format", "github"]).stdout);
    assert!(said.contains("title=Query of shop.Order%3A read became delete::).delete()%0AWhy: "), "{said}");
}

#[test]
fn an_alarm_shows_the_line_with_the_table() {
    let repository = known();
    let form = &FORMS[5];
    repository.write(form.path, &form.file(form.delete).replace("'''\n    DELETE", "'''\\\n    DELETE"));
    let said = text(&repository.gate(&[]).stdout);
    assert!(said.contains("7 |     FROM shop_order\n  |          ^^^^^^^^^^\n"), "{said}");
    assert!(said.contains("why: raw SQL deletes rows"), "{said}");
}

#[test]
fn a_stale_baseline_is_no_voucher() {
    let repository = known();
    repository.remove(VIEWS);
    // Nothing is renewed; the next change brings uses of its own.
    repository.commit("removed");
    let said = text(&repository.gate(&[]).stdout);
    assert!(
        said.contains("stale: the baseline contains 2 touchpoints that are gone; run `csm-audit gate --update`"),
        "{said}"
    );
    repository.write("shop/jobs.py", "from shop.models import Order\n\n\ndef job():\n    return Order.objects.all()\n");
    assert_eq!(places(&repository.json(&[], 1)), ["shop/jobs.py:5 query"]);
    repository.write(
        "shop/jobs.py",
        "from shop.models import Order\n\n\ndef job():\n    return Order.objects.filter(pk=1, name='z').first()\n",
    );
    assert_eq!(places(&repository.json(&[], 1)), ["shop/jobs.py:5 query"]);
    repository.write(
        VIEWS,
        "from shop.models import Order\n\n\ndef other():\n    return Order.objects.exclude(pk=1).last()\n",
    );
    repository.remove("shop/jobs.py");
    assert_eq!(places(&repository.json(&[], 1)), ["shop/views.py:5 query"]);
}

#[test]
fn another_query_in_the_same_module_takes_no_place() {
    let count_open = "\n\ndef count_open():\n    return Order.objects.filter(state='open').count()\n";
    let by_month = "\n\ndef count_all_by_month():\n    return Order.objects.values('month').annotate(n=Count('id'))\n";
    let of_month = "\n\ndef count_of_month(month):\n    return Order.objects.filter(month=month).count()\n";
    let file = |function: &str| format!("from shop.models import Order\n{function}");
    for other in [by_month, of_month] {
        let repository = Repository::with(&[("shop/counts.py", &file(count_open))]);
        repository.write("shop/counts.py", &file(other));
        assert_eq!(repository.news(), ["shop/counts.py:5 query"], "{other}");
    }
    // Renamed, and edited besides.
    let repository = Repository::with(&[("shop/counts.py", &file(count_open))]);
    let renamed = count_open.replace("count_open", "open_orders").replace(").count()", ", paid=True).count()");
    repository.write("shop/counts.py", &file(&renamed));
    assert_eq!(repository.news(), Vec::<String>::new());
}

#[test]
fn renamed_and_moved_at_once_wrapped_dedented_and_split() {
    let function = "def find(request):\n    rows = Order.objects.filter(name=request.user, state='open').order_by('pk')\n    return rows\n";
    let import = "from shop.models import Order\n\n\n";
    let repository = Repository::with(&[("shop/find.py", &format!("{import}{function}"))]);
    repository.remove("shop/find.py");
    let renamed = function.replace("def find", "def open_orders").replace("rows", "orders").replace("'pk'", "'-pk'");
    repository.write("shop/orders.py", &format!("{import}{renamed}"));
    assert_eq!(repository.news(), Vec::<String>::new(), "renamed and moved");
    let wrapped = "def open_orders(request):\n    try:\n        with atomic():\n            orders = (\n                Order.objects\n                .filter(name=request.user, state='open')\n                .order_by('-pk')\n            )\n    except ValueError:\n        orders = None\n    return orders\n";
    repository.write("shop/orders.py", &format!("{import}{wrapped}"));
    assert_eq!(repository.news(), Vec::<String>::new(), "wrapped");
    repository.write("shop/orders.py", &format!("{import}{renamed}"));
    assert_eq!(repository.news(), Vec::<String>::new(), "dedented");
    let split = "def open_orders(request):\n    orders = Order.objects.filter(name=request.user, state='open')\n    orders = orders.order_by('-pk')\n    return orders\n";
    repository.write("shop/orders.py", &format!("{import}{split}"));
    assert_eq!(repository.news(), Vec::<String>::new(), "split");
    let delete = "def clean(request):\n    Order.objects.filter(name=request.user, state='old').delete()\n";
    repository.write("shop/clean.py", &format!("{import}{delete}"));
    assert_eq!(repository.news(), ["shop/clean.py:5 query"]);
    let delete =
        "def clean(request):\n    old = Order.objects.filter(name=request.user, state='old')\n    old.delete()\n";
    repository.write("shop/clean.py", &format!("{import}{delete}"));
    assert_eq!(repository.news(), Vec::<String>::new(), "split before a delete");
}

#[test]
fn a_long_statement_is_alike_to_its_end() {
    let names: Vec<String> = (0..60).map(|i| format!("'field_{i}'")).collect();
    let query = |last: &str| {
        let call = format!("Order.objects.filter(name='x').values({}).filter({last})", names.join(", "));
        format!("from shop.models import Order\n\n\ndef rows():\n    return {call}\n")
    };
    let repository = Repository::with(&[("shop/rows.py", &query("a=1"))]);
    repository.remove("shop/rows.py");
    repository.write("shop/other.py", &query("a=1, b=2").replace("rows", "lines"));
    assert_eq!(repository.news(), Vec::<String>::new());
}

const LINKED: &str = "from django.db import models\n\nfrom shop.models import Order\n\n\nclass Line(models.Model):\n    \
                      order = models.ForeignKey(Order, on_delete=models.CASCADE)\n";

#[test]
fn linked_models_count_on_request_and_are_named() {
    let repository = Repository::with(&[("lines/__init__.py", ""), ("lines/models.py", LINKED)]);
    let use_ = "from lines.models import Line\n\n\ndef lines():\n    return Line.objects.filter(pk=1)\n";
    repository.write("lines/views.py", use_);
    repository.json(&[], 0);
    repository.json(&["--diff", "HEAD"], 0);
    // The relation itself is the target's.
    repository.write(
        "lines/views.py",
        "from lines.models import Line\n\n\ndef lines(order):\n    return Line.objects.filter(order=order)\n",
    );
    let verdict = repository.json(&[], 1);
    assert_eq!(places(&verdict), ["lines/views.py:5 relation-use"]);
    repository.write("csm-audit.toml", "[gate]\nlinked = true\n");
    repository.update();
    repository.write(
        "lines/views.py",
        &use_.replace("def lines", "def more():\n    return Line.objects.get(pk=2)\n\n\ndef lines"),
    );
    let said = text(&repository.gate(&[]).stdout);
    assert!(said.contains("new query of lines.Line"), "{said}");
    let said = text(&repository.gate(&["--format", "github"]).stdout);
    assert!(said.contains("title=New query of lines.Line::"), "{said}");
    // A new relation is a new reference in any case.
    repository.remove("csm-audit.toml");
    repository.remove("lines/views.py");
    repository.write("notes/models.py", &LINKED.replace("Line", "Note"));
    repository.write("notes/__init__.py", "");
    let new = places(&repository.json(&["--diff", "HEAD"], 1));
    assert!(!new.is_empty() && new.iter().all(|place| place == "notes/models.py:7 relation"), "{new:?}");
}

#[test]
fn names_of_other_things_are_no_reference() {
    let lines = LINKED.replace("Order, on_delete", "Order, related_name='lines', on_delete");
    let repository = Repository::with(&[("lines/__init__.py", ""), ("lines/models.py", &lines)]);
    let import = "from django.contrib.contenttypes.models import ContentType\n\n\n";
    let parser = "class Parser:\n    def __init__(self):\n        self.lines = set()\n\n    def read(self, order):\n        \
                  self.lines.add(1)\n        self.lines.clear()\n        return self.lines\n";
    repository.write("lines/parser.py", parser);
    assert_eq!(repository.news(), Vec::<String>::new());
    // The model's name in another app is another model.
    let content_type =
        |app: &str| format!("{import}TYPE = ContentType.objects.get(app_label='{app}', model='order')\n");
    repository.write("lines/types.py", &content_type("lines"));
    assert_eq!(repository.news(), Vec::<String>::new());
    repository.write("lines/types.py", &content_type("shop"));
    assert_eq!(repository.news(), ["lines/types.py:4 string-reference"]);
}

#[test]
fn an_accessor_of_another_relation_is_no_reference() {
    let models = "from django.db import models\n\nfrom shop.models import Order\n\n\nclass Project(models.Model):\n    \
                  pass\n\n\nclass Channel(models.Model):\n    project = models.ForeignKey(Project, \
                  on_delete=models.CASCADE)\n    orders = models.ManyToManyField(Order)\n";
    let repository = Repository::with(&[("lines/__init__.py", ""), ("lines/models.py", models)]);
    let count = |model: &str, from: &str| {
        format!("from {from} import {model}\n\n\ndef count(of: {model}):\n    return of.channel_set.count()\n")
    };
    repository.write("lines/views.py", &count("Project", "lines.models"));
    assert_eq!(repository.news(), Vec::<String>::new());
    repository.write("lines/views.py", &count("Order", "shop.models"));
    let news = repository.news();
    assert!(news.contains(&"lines/views.py:5 relation-use".to_owned()), "{news:?}");
}

#[test]
fn a_manager_that_several_models_share_is_about_the_target() {
    let repository = Repository::new();
    let manager = "from django.db import models\n\n\nclass Everything(models.Manager):\n    def old(self):\n        \
                   return self.filter(name='old')\n";
    let archive = "from django.db import models\n\nfrom shop.managers import Everything\nfrom shop.models import \
                   Order\n\n\nclass Archive(models.Model):\n    objects = Everything()\n    order = \
                   models.ForeignKey(Order, on_delete=models.CASCADE)\n";
    let models = std::fs::read_to_string(repository.0.join("shop/models.py")).unwrap();
    let own =
        models.replace("class Order(models.Model):\n", "class Order(models.Model):\n    objects = Everything()\n");
    assert_ne!(own, models);
    repository.write("shop/managers.py", manager);
    repository.write("shop/models.py", &format!("from shop.managers import Everything\n{own}"));
    repository.write("archive/__init__.py", "");
    repository.write("archive/models.py", archive);
    repository.update();
    repository.commit("managers");
    let purge = "\n    def purge(self):\n        self.filter(name='old').delete()\n";
    repository.write("shop/managers.py", &format!("{manager}{purge}"));
    let news = repository.news();
    assert!(news.contains(&"shop/managers.py:9 query".to_owned()), "{news:?}");
}

#[test]
fn what_is_removed_is_no_alarm() {
    let repository = known();
    repository.write(VIEWS, "from shop.models import Order\n\n\ndef index(request):\n    return Order\n");
    let verdict = repository.json(&["--diff", "HEAD"], 1);
    assert_eq!(places(&verdict), ["shop/views.py:5 reference"], "handing the model on is another use");
    repository.write(VIEWS, "def index(request):\n    return None\n");
    repository.json(&["--diff", "HEAD"], 0);
}

#[test]
fn imports_are_judged_by_what_they_are_for() {
    let repository = known();
    // Nothing is done with it here: whoever imports this module can do anything.
    repository.write("shop/shared.py", "from shop.models import Order\n");
    assert_eq!(repository.news(), ["shop/shared.py:1 import"]);
    // Used with an allowance: the import needs none of its own.
    let allowed =
        "from shop.models import Order\n\n\ndef job():\n    Order.objects.get()  # csm-audit: allow[query] repair\n";
    repository.write("shop/jobs.py", allowed);
    assert_eq!(repository.news(), Vec::<String>::new());
    // Another way to the same model.
    repository
        .write(VIEWS, &repository.views().replace("from shop.models import Order", "from shop.shared import Order"));
    assert_eq!(repository.news(), Vec::<String>::new());
}

#[test]
fn models_split_into_a_package_are_silent() {
    let repository = known();
    let models = std::fs::read_to_string(repository.0.join("shop/models.py")).unwrap();
    repository.remove("shop/models.py");
    repository.write("shop/models/__init__.py", "from .order import Order\n\n__all__ = ['Order']\n");
    repository.write("shop/models/order.py", &models);
    let verdict = repository.json(&["--diff", "HEAD"], 0);
    assert!(!gone(&verdict).contains(&"definition".to_owned()), "{verdict:#}");
    assert_eq!(repository.news(), Vec::<String>::new());
    let order = std::fs::read_to_string(repository.0.join("shop/models/order.py")).unwrap();
    repository.remove("shop/models/order.py");
    repository.write("shop/models/order/__init__.py", "from shop.models.order.base import Order\n");
    repository.write("shop/models/order/base.py", &order);
    assert_eq!(repository.news(), Vec::<String>::new());
}

#[test]
fn a_renamed_package_and_moved_tests_are_silent() {
    let repository = Repository::with(&[
        ("project/__init__.py", ""),
        ("project/shop/__init__.py", ""),
        ("project/shop/tests/__init__.py", ""),
        (
            "project/shop/tests/test_order.py",
            "from project.api import count\nfrom shop.models import Order\n\n\nclass OrderTest:\n    def setUp(self):\n        self.order = Order.objects.create(name='x')\n\n    def test_it(self):\n        assert Order.objects.count() == 1\n",
        ),
        (
            "project/admin.py",
            "from django.contrib import admin\n\nfrom shop.models import Order\n\nadmin.site.register(Order)\nALL = Order.objects.all()\n",
        ),
        ("project/api.py", "from shop import models\n\n\ndef count():\n    return models.Order.objects.count()\n"),
    ]);
    repository.git(&["mv", "project/shop/tests", "project/tests"]);
    assert_eq!(repository.news(), Vec::<String>::new(), "tests moved");
    repository.git(&["mv", "project", "platform_code"]);
    let path = "platform_code/tests/test_order.py";
    let content = std::fs::read_to_string(repository.0.join(path)).unwrap();
    repository.write(path, &content.replace("from project.", "from platform_code."));
    assert_eq!(repository.news(), Vec::<String>::new(), "package renamed");
    // The package that holds the model: its label stays what its AppConfig says.
    repository.write(
        "shop/apps.py",
        "from django.apps import AppConfig\n\n\nclass ShopConfig(AppConfig):\n    name = 'shop'\n    label = 'shop'\n",
    );
    repository.update();
    repository.commit("label");
    repository.git(&["mv", "shop", "store"]);
    for path in [
        "store/apps.py",
        "store/views.py",
        "platform_code/tests/test_order.py",
        "platform_code/admin.py",
        "platform_code/api.py",
    ] {
        let content = std::fs::read_to_string(repository.0.join(path)).unwrap();
        repository.write(path, &content.replace("from shop", "from store").replace("name = 'shop'", "name = 'store'"));
    }
    assert_eq!(repository.news(), Vec::<String>::new(), "the model's package renamed");
}

#[test]
fn a_whole_tree_with_other_line_ends_is_silent() {
    let repository = Repository::with(&[
        ("shop/jobs.py", &FORMS[1].file(FORMS[1].delete)),
        ("shop/raw.py", &FORMS[5].file(FORMS[5].read)),
        ("scripts/lines.sql", FORMS[7].read),
    ]);
    for path in ["shop/models.py", VIEWS, "shop/jobs.py", "shop/raw.py", "scripts/lines.sql"] {
        let content = std::fs::read_to_string(repository.0.join(path)).unwrap();
        repository.write(path, &content.replace('\n', "\r\n"));
    }
    assert_eq!(repository.news(), Vec::<String>::new());
}

#[test]
fn the_nearest_welcome_definition_is_named() {
    let repository = Repository::with(&[
        ("csm-audit.toml", "[gate]\nwelcome = ['shop/api/**']\n"),
        ("shop/api/__init__.py", ""),
        (
            "shop/api/orders.py",
            "from shop.models import Order\n\n\ndef open_orders():\n    return Order.objects.filter(state='open')\n\n\ndef remove_order(pk):\n    Order.objects.filter(pk=pk).delete()\n\n\ndef _internal():\n    Order.objects.all().delete()\n",
        ),
    ]);
    repository
        .write("shop/jobs.py", "from shop.models import Order\n\n\ndef job():\n    Order.objects.all().delete()\n");
    let verdict = repository.json(&[], 1);
    assert_eq!(verdict["new"][0]["instead"], "shop.api.orders.remove_order, which may use the model");
    repository
        .write("shop/jobs.py", "from shop.models import Order\n\n\ndef job():\n    return Order.objects.first()\n");
    let verdict = repository.json(&[], 1);
    assert_eq!(verdict["new"][0]["instead"], "shop.api.orders.open_orders, which may use the model");
}

#[test]
fn a_summary_for_a_pull_request() {
    let repository = known();
    let output = repository.gate(&["--format", "markdown"]);
    assert_eq!(
        text(&output.stdout),
        "**csm-audit gate: ok.** no new reference to shop.Order (3 known in ./csm-audit.baseline.json)\n"
    );
    repository.write(
        "shop/a|b.py",
        "from shop.models import Order\n\nOrder.objects.get(name='`|@all')\nOrder.objects.get()\nOrder()\n",
    );
    let output = repository.gate(&["--format", "markdown"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stdout);
    assert!(said.starts_with("**csm-audit gate: failed.** 3 new references"), "{said}");
    assert!(said.contains("2 query") && said.contains("| `shop/a\\|b.py:3` |"), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("| `shop/a")).count(), 3, "{said}");
    let verdict = repository.json(&[], 1);
    assert_eq!(verdict["by_kind"]["query"], 2);
    assert!(text(&repository.gate(&[]).stdout).contains("(not in ./csm-audit.baseline.json): "));
}

#[test]
fn baselines_merge_by_union() {
    let repository = known();
    repository.write(".gitattributes", "csm-audit.baseline.json merge=union\n");
    repository.commit("attributes");
    let branch = |name: &str, path: &str| {
        repository.git(&["checkout", "-q", "-b", name, "main"]);
        repository.write(path, "from shop.models import Order\n\n\ndef job():\n    return Order.objects.all()\n");
        repository.update();
        repository.commit(name);
    };
    branch("one", "shop/zz_one.py");
    branch("two", "shop/zz_two.py");
    repository.git(&["merge", "-q", "--no-edit", "one"]);
    repository.json(&["--strict"], 0);
    // The merged lines are those that are written, but for their order.
    let lines = || {
        let text = std::fs::read_to_string(repository.0.join("csm-audit.baseline.json")).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let merged = lines();
    repository.update();
    assert_eq!(lines(), merged);
}

#[test]
fn a_baseline_of_version_1_still_holds() {
    let repository = Repository::with(&[("shop/jobs.py", &FORMS[1].file(FORMS[1].read))]);
    let report: serde_json::Value = serde_json::from_slice(&repository.0.scan(&["--format", "json"]).stdout).unwrap();
    let lines: Vec<String> = report["touchpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| {
            let text = |key: &str| found[key].as_str().unwrap().to_owned();
            let module = text("file").trim_end_matches(".py").replace('/', ".");
            let within = text("enclosing").strip_prefix(&module).unwrap_or_default().trim_start_matches('.').to_owned();
            serde_json::json!({
                "module": module, "in": within, "kind": found["kind"], "access": found["access"],
                "target": found["target"], "symbol": found["symbol"], "text": found["snippet"],
                "fingerprint": found["fingerprint"],
            })
            .to_string()
        })
        .collect();
    let old =
        format!("{{\n\"version\": 1,\n\"target\": \"shop.Order\",\n\"touchpoints\": [\n{}\n]\n}}\n", lines.join(",\n"));
    repository.write("csm-audit.baseline.json", &old);
    repository.json(&["--strict"], 0);
    // Edited, moved and renamed code is recognised by the line that the old form holds.
    let edited = FORMS[1].file(FORMS[1].read).replace("name='x',", "name='x', pk=1,");
    repository.write("shop/jobs.py", &edited);
    repository.json(&["--strict"], 0);
    repository.git(&["mv", VIEWS, "shop/pages.py"]);
    repository.json(&["--strict"], 0);
    repository.write("shop/jobs.py", &FORMS[1].file(FORMS[1].delete));
    assert_eq!(places(&repository.json(&[], 1)), ["shop/jobs.py:5 query"]);
}

#[test]
fn parentheses_that_a_formatter_adds_are_silent() {
    let loops = "from shop.models import Order\n\n\ndef loops(value):\n    for o in Order.objects.all():\n        o.delete()\n    x = Order.objects.get()\n    x.save()\n    y = [o.pk for o in Order.objects.all()]\n    return y\n\n\nasync def later():\n    async for o in Order.objects.all():\n        await o.adelete()\n";
    let repository = Repository::with(&[("shop/loops.py", loops)]);
    let parenthesised = loops
        .replace("for o in", "for (o) in")
        .replace("x = Order.objects.get()", "(x) = (Order.objects.get())")
        .replace("return y", "return (y)");
    repository.write("shop/loops.py", &parenthesised);
    assert_eq!(repository.news(), Vec::<String>::new());
    let verdict = repository.json(&["--diff", "HEAD~2"], 0);
    assert_eq!(gone(&verdict), Vec::<String>::new(), "{verdict:#}");
}
