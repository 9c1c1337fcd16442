#!/usr/bin/env python3
"""Runs the gate over the history of a repository and judges it by full scans of both states of each commit.

usage: tests/history/measure.py REPOSITORY TARGET... [--program PATH] [--commits N] [--output FILE] [--from REVISION]

The newest N commits that touch Python, merges left out, are each compared with their parent. For every commit and target:

- `diff`: the references that `gate --diff-tip PARENT` reports in a checkout of the commit;
- `baseline`: those that `gate --baseline` reports there, with a baseline that was written in a checkout of the parent;
- `added` and `removed`: the difference of two catalogs (`scan --format json`), made here and not by the gate: references
  of the same kind and access to the same model are cancelled when their lines are equal but for blanks.

A commit with alarms and nothing added may be a false alarm; one with something added and no alarm may be missed. Both
lists are printed and have to be read: an edited line is added and removed, and not new. `--diff` and a baseline have to
agree; where they do not, the exit status is 1. One JSON object a commit and target goes to the output; a run that was
stopped continues where it ended. The repository is cloned to a temporary folder and is not changed.
"""
import argparse
import collections
import json
import os
import subprocess
import sys
import tempfile

NOT_COUNTED = {"evaluation", "document", "import"}


def git(folder, *arguments):
    command = ["git", "-C", folder, "-c", "advice.detachedHead=false", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace").stdout


class History:
    def __init__(self, program, repository, work):
        self.program = os.path.abspath(program)
        self.tree = os.path.join(work, "tree")
        self.work = work
        self.states = {}
        subprocess.run(["git", "clone", "-q", "--shared", "--no-checkout", repository, self.tree], check=True)

    def checkout(self, commit):
        # A clone may lack the content of a file or two; the others are checked out all the same.
        command = ["git", "-C", self.tree, "-c", "advice.detachedHead=false", "checkout", "-q", "-f", commit]
        subprocess.run(command, stderr=subprocess.DEVNULL)
        if git(self.tree, "rev-parse", "HEAD").strip() != commit:
            raise RuntimeError(f"{commit} cannot be checked out")
        git(self.tree, "clean", "-qfdx")

    def run(self, *arguments):
        """The exit code, and the JSON that the program writes."""
        command = [self.program, *arguments, "--quiet", "--format", "json"]
        done = subprocess.run(command, cwd=self.tree, capture_output=True, text=True)
        if not done.stdout:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return done.returncode, json.loads(done.stdout)

    def state(self, commit, target):
        """The catalog of a commit that is checked out, and the path of its baseline."""
        key = (commit, target)
        if key not in self.states:
            baseline = os.path.join(self.work, f"{commit}-{target}.json")
            self.run("gate", ".", "--target", target, "--update", "--baseline", baseline)
            _, report = self.run("scan", ".", "--target", target)
            self.states[key] = (catalog(report), baseline)
        return self.states[key]

    def compare(self, commit, targets):
        parent = git(self.tree, "rev-parse", f"{commit}~1").strip()
        self.checkout(parent)
        before = {target: self.state(parent, target) for target in targets}
        self.checkout(commit)
        for target in targets:
            catalog_before, baseline = before[target]
            code, by_diff = self.run("gate", ".", "--target", target, "--diff-tip", parent)
            _, by_baseline = self.run("gate", ".", "--target", target, "--baseline", baseline)
            catalog_now, _ = self.state(commit, target)
            added, removed = difference(catalog_now, catalog_before)
            yield {
                "commit": commit,
                "target": target,
                "code": code,
                "known": by_diff["known"],
                "diff": by_diff["new"],
                "baseline": by_baseline["new"],
                "gone": len(by_diff["gone"]),
                "incomplete": by_diff["incomplete"],
                "added": added,
                "removed": removed,
            }


def catalog(report):
    """The touchpoints that the gate is about, as its documentation says."""
    own = {report["target"].lower()}
    own |= {model["label"].lower() for model in report["models"] if model["kind"] in ("target", "subclass")}
    found = []
    for touchpoint in report["touchpoints"]:
        about = touchpoint.get("refers_to") or touchpoint["target"]
        is_own = report["roots"][touchpoint["root"]]["kind"] == "project" and about.lower() in own
        is_definition = touchpoint["kind"] == "definition" and about.lower() == report["target"].lower()
        line = touchpoint["snippet"].strip()
        is_import = touchpoint["kind"] in NOT_COUNTED or line.startswith(("from ", "import "))
        if is_own and not is_definition and not is_import and touchpoint["confidence"] != "possible":
            found.append({key: touchpoint[key] for key in ("kind", "access", "file", "line", "enclosing", "snippet")})
    return found


def difference(now, before):
    """What is added and what is removed, when equal lines that do the same are cancelled wherever they stand."""

    def key(one):
        return one["kind"], one["access"], "".join(one["snippet"].split())

    there = collections.Counter(map(key, before))
    added = []
    for one in now:
        if there[key(one)] > 0:
            there[key(one)] -= 1
        else:
            added.append(one)
    return added, [{"kind": kind, "access": access, "line": line} for kind, access, line in there.elements()]


def places(alarms):
    return sorted((alarm["file"], alarm["line"], alarm["kind"], alarm["access"]) for alarm in alarms)


def summary(records):
    """Prints the figures; returns whether `--diff` and a baseline agree everywhere."""
    kinds = collections.defaultdict(list)
    for record in records:
        kinds["alarm" if record["diff"] else "silent", "added" if record["added"] else "nothing added"].append(record)
    differing = [record for record in records if places(record["diff"]) != places(record["baseline"])]
    print(f"{len(records)} pairs of a commit and a target")
    for (alarm, added), of_kind in sorted(kinds.items()):
        print(f"  {alarm}, {added}: {len(of_kind)}")
    for title, of_kind in [
        ("alarm with nothing added", kinds["alarm", "nothing added"]),
        ("silent with something added", kinds["silent", "added"]),
        ("--diff and a baseline differ", differing),
    ]:
        for record in of_kind:
            print(f"{title}: {record['commit'][:12]} {record['target']}")
    return not differing


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository")
    parser.add_argument("targets", nargs="+")
    default = os.path.join(os.path.dirname(__file__), "../../target/release/csm-audit")
    parser.add_argument("--program", default=default)
    parser.add_argument("--commits", type=int, default=150)
    parser.add_argument("--from", dest="start", default="HEAD")
    parser.add_argument("--output", default="history.jsonl")
    arguments = parser.parse_args()

    records = []
    if os.path.exists(arguments.output):
        with open(arguments.output) as file:
            records = [json.loads(line) for line in file]
    done = {(record["commit"], record["target"]) for record in records}
    count, start = str(arguments.commits), arguments.start
    commits = git(arguments.repository, "log", "--no-merges", "-n", count, "--format=%H", start, "--", "*.py").split()
    with tempfile.TemporaryDirectory() as work, open(arguments.output, "a") as file:
        history = History(arguments.program, arguments.repository, work)
        for number, commit in enumerate(commits, 1):
            targets = [target for target in arguments.targets if (commit, target) not in done]
            for record in history.compare(commit, targets) if targets else []:
                records.append(record)
                file.write(json.dumps(record) + "\n")
                file.flush()
            print(f"\r{number}/{len(commits)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return 0 if summary(records) else 1


if __name__ == "__main__":
    sys.exit(main())
