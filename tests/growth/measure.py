#!/usr/bin/env python3
"""Measures how time and memory grow with the input, and prints the exponents.

usage: tests/growth/measure.py [--program PATH] [--only WORD] [--markdown]

Each row generates an input in four sizes, runs the program on it, and fits the exponent k of t = a * n^k over the sizes
(least squares on logarithms; user and system time of the process; the least of two runs). Sizes double, so that an
exponent of 1 is linear. The time and memory of a run on an empty project are subtracted. The exit status is 1 when an
exponent is above 1.2. This is a measurement, not a test: it runs by hand, on a machine that does nothing else.
"""
import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile

LIMIT = 1.2
TARGET = "shop.Order"
MODELS = "from django.db import models\n\n\nclass Order(models.Model):\n    pass\n"
SETTINGS = (
    "INSTALLED_APPS = ['shop']\n"
    "DATABASES = {'default': {'ENGINE': 'django.db.backends.mysql', 'NAME': 'shop'}}\n"
    "DEFAULT_AUTO_FIELD = 'django.db.models.AutoField'\n"
)
MANAGE = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'settings')\n"


def write(folder, path, text):
    path = os.path.join(folder, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def project(folder, models=MODELS):
    write(folder, "manage.py", MANAGE)
    write(folder, "settings.py", SETTINGS)
    write(folder, "requirements.txt", "Django==4.2.1\n")
    write(folder, "shop/__init__.py", "")
    write(folder, "shop/models.py", models)


def migrations(folder, operations):
    """One migration for each list of operations."""
    first = "migrations.CreateModel('Order', [('id', models.AutoField(primary_key=True))])"
    before = None
    for index, body in enumerate([first, *operations]):
        name = f"{index:05}_m"
        depends = f"[('shop', '{before}')]" if before else "[]"
        text = (
            "from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n"
            f"    dependencies = {depends}\n    operations = [{body}]\n"
        )
        write(folder, f"shop/migrations/{name}.py", text)
        before = name
    write(folder, "shop/migrations/__init__.py", "")


# --- rows: name, smallest size, command, generator -----------------------------------------------------------------


def json_line(folder, n):
    project(folder)
    rows = [{"model": "shop.order", "pk": i, "fields": {"note": "x" * 20}} for i in range(n)]
    write(folder, "shop/fixtures/data.json", json.dumps(rows))


def sql_line(folder, n):
    project(folder)
    write(folder, "data.sql", " ".join(f"UPDATE shop_order SET note = 'x{i}' WHERE id = {i};" for i in range(n)))


def sql_values(folder, n):
    project(folder)
    rows = ", ".join(f"({i}, 'note {i}')" for i in range(n))
    write(folder, "data.sql", f"INSERT INTO shop_order (id, note) VALUES {rows};")


def python_line(folder, n):
    project(folder)
    write(folder, "shop/use.py", "from shop.models import Order\n" + "; ".join(f"Order.objects.get(pk={i})" for i in range(n)) + "\n")


def python_list(folder, n):
    project(folder)
    write(folder, "shop/use.py", "from shop.models import Order\nx = [" + ", ".join(f"Order.objects.filter(pk={i})" for i in range(n)) + "]\n")


def template_line(folder, n):
    project(folder)
    write(folder, "shop/templates/a.html", "".join(f"<i>{{{{ order.id }}}} shop_order Order {i}</i>" for i in range(n)))


def script_line(folder, n):
    project(folder)
    write(folder, "run.sh", "; ".join(f"mysql -e 'SELECT * FROM shop_order WHERE id={i}'" for i in range(n)) + "\n")


def yaml_line(folder, n):
    project(folder)
    write(folder, "shop/fixtures/data.yaml", "[" + ", ".join(f"{{model: shop.order, pk: {i}}}" for i in range(n)) + "]\n")


def added_fields(folder, n):
    project(folder)
    migrations(folder, [f"migrations.AddField('Order', 'f{i}', models.IntegerField(default=0))" for i in range(n)])


def added_keys(folder, n):
    project(folder)
    migrations(
        folder,
        [
            f"migrations.AddField('Order', 'f{i}', models.ForeignKey('shop.Order', models.CASCADE, null=True, related_name='+'))"
            for i in range(n)
        ],
    )


def created_models(folder, n):
    project(folder)
    migrations(folder, [f"migrations.CreateModel('M{i}', [('id', models.AutoField(primary_key=True)), ('order', models.ForeignKey('shop.Order', models.CASCADE))])" for i in range(n)])


def altered_fields(folder, n):
    project(folder)
    add = "migrations.AddField('Order', 'f', models.IntegerField(default=0))"
    migrations(folder, [add] + [f"migrations.AlterField('Order', 'f', models.CharField(max_length={i % 200 + 1}))" for i in range(n)])


def separated(folder, n):
    project(folder)
    migrations(
        folder,
        [f"migrations.SeparateDatabaseAndState([], [migrations.AddField('Order', 'f{i}', models.IntegerField(default=0))])" for i in range(n)],
    )


def star_imports(folder, n):
    project(folder)
    write(folder, "stars/__init__.py", "")
    for i in range(n):
        before = "".join(f"from stars.m{j} import *\n" for j in range(max(0, i - 3), i))
        write(folder, f"stars/m{i}.py", f"{before}from shop.models import Order\ndef f{i}():\n    return Order.objects.all()\n")


def clique(folder, n):
    """n functions in groups that all call each other: the calls are the size."""
    project(folder)
    functions = max(2, math.isqrt(n))
    calls = lambda i: "".join(f"    f{j}(row)\n" for j in range(functions) if j != i)
    body = "".join(f"def f{i}(row):\n    row.save()\n{calls(i)}\n" for i in range(functions))
    write(folder, "shop/use.py", f"from shop.models import Order\n\n{body}\nf0(Order.objects.get(pk=1))\n")


def chain_of_calls(folder, n):
    project(folder)
    body = "".join(f"def f{i}(row):\n    return f{i + 1}(row)\n" for i in range(n))
    write(folder, "shop/use.py", f"from shop.models import Order\n{body}def f{n}(row):\n    row.save()\nf0(Order.objects.get(pk=1))\n")


def many_files(folder, n):
    project(folder)
    for i in range(n):
        write(folder, f"shop/part{i}/__init__.py", "")
        write(folder, f"shop/part{i}/use.py", f"from shop.models import Order\ndef f{i}():\n    return Order.objects.filter(pk={i}).delete()\n")


def many_models(folder, n):
    project(folder, MODELS + "".join(f"\n\nclass M{i}(models.Model):\n    order = models.ForeignKey(Order, models.CASCADE)\n" for i in range(n)))


def subclasses(folder, n):
    project(folder, MODELS + "".join(f"\n\nclass M{i}({'Order' if i == 0 else f'M{i - 1}'}):\n    pass\n" for i in range(n)))


def settings_loop(folder, n):
    project(folder)
    write(folder, "settings.py", SETTINGS + "X = []\n" + "".join(f"X += ['app{i}']\nY{i} = X\n" for i in range(n)))
    migrations(folder, [])


def dump(folder, n):
    project(folder)
    migrations(folder, [])
    tables = "".join(
        f"CREATE TABLE `t{i}` (`id` int NOT NULL AUTO_INCREMENT, `order_id` int NOT NULL, PRIMARY KEY (`id`), KEY `k{i}` (`order_id`), "
        f"CONSTRAINT `c{i}` FOREIGN KEY (`order_id`) REFERENCES `shop_order` (`id`)) ENGINE=InnoDB;\n"
        for i in range(n)
    )
    order = "CREATE TABLE `shop_order` (`id` int NOT NULL AUTO_INCREMENT, PRIMARY KEY (`id`)) ENGINE=InnoDB;\n"
    write(folder, "dump.sql", f"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n--\n-- Host: localhost    Database: shop\n-- Server version\t8.0.36\n\n{order}{tables}-- Dump completed on 2026-01-01  0:00:00\n")


SCAN = ["scan", "--target", TARGET, "--format", "json"]
SCHEMA = ["schema", "--format", "json"]
ROWS = [
    ("JSON fixture on one line", 2000, SCAN, json_line),
    ("SQL statements on one line", 1000, SCAN, sql_line),
    ("one INSERT of many rows", 4000, SCAN, sql_values),
    ("Python statements on one line", 500, SCAN, python_line),
    ("Python list on one line", 500, SCAN, python_list),
    ("template on one line", 1000, SCAN, template_line),
    ("script on one line", 1000, SCAN, script_line),
    ("YAML fixture on one line", 2000, SCAN, yaml_line),
    ("migrations that add a field", 250, SCHEMA, added_fields),
    ("migrations that add a foreign key", 125, SCHEMA, added_keys),
    ("migrations that create a model", 125, SCHEMA, created_models),
    ("migrations that alter a field", 250, SCHEMA, altered_fields),
    ("migrations with a state of their own", 250, SCHEMA, separated),
    ("modules that star-import three others", 50, SCAN, star_imports),
    ("calls of a clique of functions", 1000, SCAN, clique),
    ("a chain of calls", 250, SCAN, chain_of_calls),
    ("files with a touchpoint", 250, SCAN, many_files),
    ("models with a foreign key to the target", 100, SCAN, many_models),
    ("subclasses of subclasses", 25, SCAN, subclasses),
    ("settings that grow a list", 500, SCHEMA, settings_loop),
    ("dump with tables that refer to the target", 250, SCAN, dump),
]


def run(program, folder, command):
    """User and system seconds, and the peak of resident memory in MiB."""
    arguments = [program, *command, folder]
    if os.path.exists(os.path.join(folder, "dump.sql")):
        arguments += ["--replica", f"prod={os.path.join(folder, 'dump.sql')}"]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    error = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 3):
        sys.exit(f"{' '.join(arguments)}: exit status {process.returncode}\n{error}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def exponent(sizes, values):
    points = [(math.log(n), math.log(v)) for n, v in zip(sizes, values) if v > 0]
    if len(points) < 2:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/csm-audit")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--markdown", action="store_true", help="a table for the documentation")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on all sizes")
    parser.add_argument("--runs", type=int, default=2, help="runs of each size; the least counts")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (16 << 30, 16 << 30))
    idle = {}
    for command in (SCAN, SCHEMA):
        with tempfile.TemporaryDirectory() as folder:
            project(folder)
            migrations(folder, [])
            runs = [run(options.program, folder, command) for _ in range(options.runs)]
        idle[command[0]] = [min(values) for values in zip(*runs)]
    header = ["input", "sizes", "seconds", "exponent of time", "MiB", "exponent of memory"]
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header) if options.markdown else "\t".join(header))
    worst = 0.0
    for name, smallest, command, generate in ROWS:
        if options.only not in name:
            continue
        sizes = [int(smallest * options.scale) << step for step in range(4)]
        seconds, memory = [], []
        for size in sizes:
            with tempfile.TemporaryDirectory() as folder:
                generate(folder, size)
                runs = [run(options.program, folder, command) for _ in range(options.runs)]
            seconds.append(min(t for t, _ in runs))
            memory.append(min(m for _, m in runs))
        # What a run takes on an empty project is subtracted; sizes that hardly take more say nothing.
        grown = lambda values, least: [value - least if value > 1.3 * least else 0 for value in values]
        time_exponent = exponent(sizes, grown(seconds, idle[command[0]][0]))
        memory_exponent = exponent(sizes, grown(memory, idle[command[0]][1]))
        worst = max(worst, time_exponent, memory_exponent)
        row = [
            name,
            " ".join(map(str, sizes)),
            " ".join(f"{t:.2f}" for t in seconds),
            f"{time_exponent:.2f}",
            " ".join(f"{m:.0f}" for m in memory),
            f"{memory_exponent:.2f}",
        ]
        print("| " + " | ".join(row) + " |" if options.markdown else "\t".join(row), flush=True)
    return 1 if worst > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
