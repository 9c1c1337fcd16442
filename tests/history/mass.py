#!/usr/bin/env python3
"""Makes changes that touch a whole project and change no use of a model, and runs the gate on each.

usage: tests/history/mass.py REPOSITORY TARGET... [--program PATH] [--tools FOLDER] [--revision REVISION]
                             [--move FROM=TO]... [--rename PACKAGE=NAME]... [--split MODELS.PY]

Formatting: black at 79, 100 and 120 columns, isort and pyupgrade from FOLDER (the `bin` of a virtual environment), and
line ends of Windows. `--move` moves a folder and rewrites no text. `--rename` gives a package another name: the folder is
moved, and its dotted path is rewritten in every import, string and configuration file. `--split` makes a package of a
module of models: what stands before the first target, the target, and the rest, with re-exports of all names.

Each state is compared with the commit, by `--diff` and by a baseline of the commit. Every new reference is printed; the
exit status is 1 when there is one. The repository is cloned to a temporary folder and is not changed.
"""
import argparse
import ast
import json
import os
import re
import subprocess
import sys
import tempfile


def git(tree, *arguments):
    command = ["git", "-C", tree, "-c", "core.autocrlf=false", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace").stdout


def files(tree, suffix=".py"):
    return [os.path.join(tree, path) for path in git(tree, "ls-files", "-z").split("\0") if path.endswith(suffix)]


def rewrite(path, change):
    if os.path.islink(path):
        return
    with open(path, "rb") as file:
        text = file.read()
    changed = change(text)
    if changed != text:
        with open(path, "wb") as file:
            file.write(changed)


def tool(tree, tools, name, *arguments, each=False):
    """Runs a formatter; what it cannot read stays as it is."""
    program = os.path.join(tools, name)
    command = [program, *arguments, *(files(tree) if each else ["."])]
    subprocess.run(command, cwd=tree, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def crlf(tree):
    for path in files(tree):
        rewrite(path, lambda text: text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


def rename(tree, package, name):
    """Renames a package, given by its folder."""
    parts = package.strip("/").split("/")
    new = [*parts[:-1], name]
    git(tree, "mv", "/".join(parts), "/".join(new))
    # The dotted path, whole or from any of its folders on that is a package of the top level somewhere.
    dotted = [(re.escape(".".join(parts[at:])), ".".join(new[at:])) for at in range(len(parts) - 1)] or [
        (re.escape(parts[0]) + r"(?=\.|\s+import\b)", new[0])
    ]
    suffixes = (".py", ".cfg", ".toml", ".ini", ".yml", ".yaml", ".json", ".txt", ".sh")
    for path in filter(lambda path: path.endswith(suffixes), files(tree, "")):
        for old, to in dotted:
            pattern = re.compile(rf"(?<![\w.]){old}(?!\w)".encode())
            rewrite(path, lambda text, pattern=pattern, to=to: pattern.sub(to.encode(), text))
    # A package of the top level is named alone where an app is installed and configured.
    alone = re.compile(rb"(?m)^(\s*(?:name\s*=\s*)?['\"])" + re.escape(".".join(parts)).encode() + rb"(['\"],?\s*)$")
    for path in files(tree):
        with open(path, "rb") as file:
            is_about_apps = b"INSTALLED_APPS" in file.read() or path.endswith("apps.py")
        if is_about_apps:
            rewrite(path, lambda text: alone.sub(rb"\1" + ".".join(new).encode() + rb"\2", text))
    # What the package's parent imports from it: `from lms.djangoapps import courseware`.
    parent = re.escape(".".join(parts[:-1]))
    if parent:
        pattern = re.compile(rf"(from {parent} import ){re.escape(parts[-1])}(?!\w)".encode())
        for path in files(tree):
            rewrite(path, lambda text: pattern.sub(rb"\1" + f"{name} as {parts[-1]}".encode(), text))
    # Its label is that of the tables, which do not change.
    config = os.path.join(tree, *new, "apps.py")
    if os.path.exists(config):
        rewrite(config, lambda text: label(text, parts[-1]))
    elif os.path.exists(os.path.join(tree, *new, "models.py")) or os.path.exists(os.path.join(tree, *new, "models")):
        with open(config, "w") as file:
            file.write(
                "from django.apps import AppConfig\n\n\nclass Config(AppConfig):\n"
                f"    name = {'.'.join(new)!r}\n    label = {parts[-1]!r}\n"
            )


def label(text, old):
    if re.search(rb"^\s+label\s*=", text, re.M):
        return text
    return re.sub(rb"^([ \t]+)(name\s*=.*)$", rb"\1\2\n\1label = " + repr(old).encode(), text, count=1, flags=re.M)


def split(tree, models, names):
    """Makes a package of a module: before the first class of `names`, that class, and the rest."""
    with open(os.path.join(tree, models)) as file:
        source = file.read()
    lines = source.splitlines(keepends=True)
    body = ast.parse(source).body
    at = next(index for index, node in enumerate(body) if isinstance(node, ast.ClassDef) and node.name in names)

    def start(node):
        return min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))]) - 1

    imports = [node for node in body[:at] if isinstance(node, (ast.Import, ast.ImportFrom))]
    head = "".join("".join(lines[start(node) : node.end_lineno]) for node in imports)
    deeper = re.compile(r"^(\s*from )(\.+)", re.M)
    parts = {
        "base": "".join(lines[: start(body[at])]),
        snake(body[at].name): "".join(lines[start(body[at]) : body[at].end_lineno]) + "\n",
        "other": "".join(lines[body[at].end_lineno :]),
    }
    folder = os.path.join(tree, models.removesuffix(".py"))
    git(tree, "rm", "-q", models)
    os.makedirs(folder, exist_ok=True)
    exports = {}
    for number, (module, text) in enumerate(parts.items()):
        text = deeper.sub(r"\1.\2", text if number == 0 else head + text)
        # Each part imports the names that it uses of the parts before it.
        words = set(re.findall(r"\w+", text))
        before = "".join(reexport(other, names & words) for other, names in exports.items())
        # An import of the future stands first.
        with open(os.path.join(folder, module + ".py"), "w") as file:
            place = text.rfind("from __future__")
            end = text.find("\n", place) + 1 if place >= 0 else 0
            file.write((text[:end] + before + text[end:]) if number else text)
        defined = [
            target.id
            for node in ast.parse(text).body
            for target in (node.targets if isinstance(node, ast.Assign) else [])
            if isinstance(target, ast.Name)
        ] + [node.name for node in ast.parse(text).body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
        exports[module] = set(defined)
    with open(os.path.join(folder, "__init__.py"), "w") as file:
        file.write("".join(reexport(module, names) for module, names in exports.items()))


def reexport(module, names):
    return f"from .{module} import {', '.join(sorted(names))}\n" if names else ""


def snake(name):
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def changes(arguments):
    tools = arguments.tools
    if tools:
        for width in (79, 100, 120):
            yield f"black {width}", lambda tree, width=width: tool(tree, tools, "black", "-q", "-l", str(width))
        yield "isort", lambda tree: tool(tree, tools, "isort", "-q")
        yield "pyupgrade", lambda tree: tool(tree, tools, "pyupgrade", "--py3-plus", "--exit-zero-even-if-changed", each=True)
    yield "CRLF", crlf
    for pair in arguments.move:
        old, new = pair.split("=")
        yield f"move {pair}", lambda tree, old=old, new=new: git(tree, "mv", old, new)
    for pair in arguments.rename:
        package, name = pair.split("=")
        yield f"rename {pair}", lambda tree, package=package, name=name: rename(tree, package, name)
    for models in arguments.split:
        names = {target.rsplit(".", 1)[1] for target in arguments.targets}
        yield f"split {models}", lambda tree, models=models: split(tree, models, names)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository")
    parser.add_argument("targets", nargs="+")
    default = os.path.join(os.path.dirname(__file__), "../../target/release/csm-audit")
    parser.add_argument("--program", default=default)
    parser.add_argument("--tools")
    parser.add_argument("--revision", default="HEAD")
    for option in ("--move", "--rename", "--split"):
        parser.add_argument(option, action="append", default=[])
    arguments = parser.parse_args()

    program = os.path.abspath(arguments.program)
    failed = False
    with tempfile.TemporaryDirectory() as work:
        tree = os.path.join(work, "tree")
        subprocess.run(["git", "clone", "-q", "--shared", "--no-checkout", arguments.repository, tree], check=True)
        git(tree, "checkout", "-q", "-f", "--detach", git(arguments.repository, "rev-parse", arguments.revision).strip())

        def gate(*options):
            command = [program, "gate", ".", *options, "--quiet", "--format", "json"]
            done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
            if not done.stdout:
                raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
            return done.returncode, json.loads(done.stdout)

        baselines = {target: os.path.join(work, target + ".json") for target in arguments.targets}
        for target, baseline in baselines.items():
            gate("--target", target, "--update", "--baseline", baseline)
        for title, change in changes(arguments):
            change(tree)
            git(tree, "add", "-A")
            count = len(git(tree, "diff", "--cached", "--name-only", "HEAD").split())
            for target, baseline in baselines.items():
                for options in (["--diff", "HEAD"], ["--baseline", baseline]):
                    code, verdict = gate("--target", target, *options)
                    new, gone = verdict["new"], verdict["gone"]
                    print(
                        f"{title}, {count} files, {target}, {options[0]}: exit {code}, {verdict['known']} known, "
                        f"{len(new)} new, {len(gone)} gone, {len(verdict['incomplete'])} incomplete",
                        flush=True,
                    )
                    for alarm in new:
                        failed = True
                        print(f"    {alarm['file']}:{alarm['line']}: {alarm['kind']} {alarm['access']}: {alarm['statement'][:100]}")
            git(tree, "reset", "-q", "--hard", "HEAD")
            git(tree, "clean", "-qfdx")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
