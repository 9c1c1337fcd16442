//! The cases of `fixtures/cases`: small projects whose expectations stand on the line.
//!
//! A trailing comment `#! kind access [confidence] [symbol]` expects a touchpoint on its line; several are separated
//! by `;`. A line that is nothing but such a comment speaks of the next line, where a string leaves no room for one.
//! `#! none` says that nothing may be found, which goes for every line without a comment as well; it is written where
//! it is the point of the case. `#!~` allows anything on its line, and `~ kind access` after a `;` allows one more.
//! Kind, access and confidence may name several, as in `read|none`. Files that are not Python have their expectations
//! in the file `EXPECT` of the case: `path:line kind access [confidence] [symbol]`.
//!
//! `case.toml` may hold `target`, `roots` and `site_packages`. The variable `CASE` chooses the cases whose name holds
//! its value.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails loudly")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

#[derive(Clone, Debug)]
struct Expected {
    kinds: Vec<String>,
    accesses: Vec<String>,
    confidences: Vec<String>,
    symbol: Option<String>,
    optional: bool,
}

/// What a line expects.
#[derive(Clone, Debug, Default)]
struct Line {
    expected: Vec<Expected>,
    anything: bool,
}

#[derive(Debug)]
struct Found {
    kind: String,
    access: String,
    confidence: String,
    symbol: String,
}

type Lines = BTreeMap<(String, u64), Line>;

fn alternatives(word: Option<&str>) -> Vec<String> {
    word.map(|word| word.split('|').map(str::to_owned).collect()).unwrap_or_default()
}

fn is_confidence(word: &str) -> bool {
    word.split('|').all(|word| matches!(word, "certain" | "likely" | "possible"))
}

fn read_line(text: &str) -> Line {
    let mut line = Line::default();
    let text = text.trim();
    let (text, all_optional) = text.strip_prefix('~').map_or((text, false), |rest| (rest.trim(), true));
    if all_optional {
        line.anything = true;
        return line;
    }
    for entry in text.split(';').map(str::trim) {
        if entry == "none" {
            continue;
        }
        if entry == "~" {
            line.anything = true;
            continue;
        }
        let (entry, optional) = entry.strip_prefix('~').map_or((entry, false), |rest| (rest.trim(), true));
        let mut words = entry.split_whitespace().peekable();
        let kinds = alternatives(words.next());
        let accesses = alternatives(words.next());
        let confidences = alternatives(words.next_if(|word| is_confidence(word)));
        let rest: Vec<&str> = words.collect();
        let symbol = (!rest.is_empty()).then(|| rest.join(" "));
        line.expected.push(Expected { kinds, accesses, confidences, symbol, optional });
    }
    line
}

impl Expected {
    fn fits(&self, found: &Found) -> bool {
        let any = |wanted: &[String], is: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == is);
        any(&self.kinds, &found.kind)
            && any(&self.accesses, &found.access)
            && any(&self.confidences, &found.confidence)
            && self.symbol.as_deref().is_none_or(|symbol| {
                bare(&found.symbol) == bare(symbol) || bare(&found.symbol).ends_with(&format!(".{}", bare(symbol)))
            })
    }

    fn text(&self) -> String {
        let parts = [self.kinds.join("|"), self.accesses.join("|"), self.confidences.join("|")];
        let symbol = self.symbol.clone().unwrap_or_default();
        parts.into_iter().chain([symbol]).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// A symbol without the quotes and the prefix of a string.
fn bare(symbol: &str) -> &str {
    match symbol.find(['"', '\'']) {
        Some(at) if at <= 2 => symbol[at..].trim_matches(['"', '\'']),
        _ => symbol,
    }
}

#[derive(Default)]
struct Case {
    target: Option<String>,
    roots: Vec<PathBuf>,
    site_packages: Vec<PathBuf>,
}

fn read_case(folder: &Path) -> Case {
    let mut case = Case::default();
    if let Ok(text) = std::fs::read_to_string(folder.join("case.toml")) {
        let table: toml::Table = text.parse().expect("case.toml is TOML");
        let list = |key: &str| -> Vec<PathBuf> {
            let values = table.get(key).and_then(toml::Value::as_array).cloned().unwrap_or_default();
            values.iter().filter_map(toml::Value::as_str).map(|path| folder.join(path)).collect()
        };
        case.target = table.get("target").and_then(toml::Value::as_str).map(str::to_owned);
        case.roots = list("roots");
        case.site_packages = list("site_packages");
    }
    if case.roots.is_empty() {
        case.roots.push(folder.to_owned());
    }
    case
}

/// Expectations by path, relative to their root, and line.
fn expectations(folder: &Path, case: &Case) -> Lines {
    let mut lines = Lines::new();
    for root in case.roots.iter().chain(&case.site_packages) {
        for entry in walkdir::WalkDir::new(root).sort_by_file_name().into_iter().filter_map(Result::ok) {
            if entry.path().extension().is_none_or(|extension| extension != "py") {
                continue;
            }
            let relative =
                entry.path().strip_prefix(root).expect("below its root").to_string_lossy().replace('\\', "/");
            let text = std::fs::read_to_string(entry.path()).expect("a case is UTF-8");
            for (number, line) in (1_u64..).zip(text.lines()) {
                let Some(at) = line.find("#!") else { continue };
                let alone = line[..at].trim().is_empty();
                lines.insert((relative.clone(), number + u64::from(alone)), read_line(&line[at + 2..]));
            }
        }
    }
    if let Ok(text) = std::fs::read_to_string(folder.join("EXPECT")) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (place, rest) = line.split_once(' ').expect("`path:line kind access`");
            let (path, number) = place.rsplit_once(':').expect("`path:line`");
            let number = number.parse().expect("a line number");
            let read = read_line(rest);
            let entry = lines.entry((path.to_owned(), number)).or_default();
            entry.expected.extend(read.expected);
            entry.anything |= read.anything;
        }
    }
    lines
}

fn scan(binary: &str, case: &Case) -> Result<Value, String> {
    let mut command = Command::new(binary);
    command.arg("scan").args(&case.roots).args(["--format", "json"]);
    for path in &case.site_packages {
        command.arg("--site-packages").arg(path);
    }
    if let Some(target) = &case.target {
        command.args(["--target", target]);
    }
    // An environment that is active where the tests run is not part of a case.
    let output = command.env_remove("VIRTUAL_ENV").output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("the output is not valid JSON: {error}"))
}

fn found(report: &Value) -> BTreeMap<(String, u64), Vec<Found>> {
    let mut out: BTreeMap<_, Vec<Found>> = BTreeMap::new();
    for touchpoint in report["touchpoints"].as_array().expect("touchpoints") {
        let text = |key: &str| touchpoint[key].as_str().unwrap_or_default().to_owned();
        let place = (text("file"), touchpoint["line"].as_u64().expect("a line"));
        if matches!(place.0.as_str(), "EXPECT" | "case.toml") {
            continue;
        }
        out.entry(place).or_default().push(Found {
            kind: text("kind"),
            access: text("access"),
            confidence: text("confidence"),
            symbol: text("symbol"),
        });
    }
    out
}

/// The differences of one line, one a row.
fn compare(line: &Line, mut found: Vec<Found>) -> Vec<String> {
    let mut out = Vec::new();
    // What must be there chooses first.
    for expected in line.expected.iter().filter(|expected| !expected.optional) {
        match found.iter().position(|found| expected.fits(found)) {
            Some(at) => {
                found.remove(at);
            }
            None => out.push(format!("missing    {}", expected.text())),
        }
    }
    for expected in line.expected.iter().filter(|expected| expected.optional) {
        if let Some(at) = found.iter().position(|found| expected.fits(found)) {
            found.remove(at);
        }
    }
    if !line.anything {
        out.extend(
            found.iter().filter(|found| found.kind != "evaluation").map(|found| {
                format!("unexpected {} {} {} {}", found.kind, found.access, found.confidence, found.symbol)
            }),
        );
    }
    out
}

#[test]
fn every_case_is_found_as_its_lines_say() {
    let binary = env!("CARGO_BIN_EXE_csm-audit");
    let chosen = std::env::var("CASE").unwrap_or_default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("fixtures/cases exists")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.contains(&chosen))
        .collect();
    names.sort();
    let (mut expected, mut differing, mut diff) = (0, 0, String::new());
    for name in &names {
        let folder = folder.join(name);
        let case = read_case(&folder);
        let lines = expectations(&folder, &case);
        expected += lines.values().map(|line| line.expected.iter().filter(|one| !one.optional).count()).sum::<usize>();
        let mut found = match scan(binary, &case) {
            Ok(report) => found(&report),
            Err(error) => {
                differing += 1;
                let _ = writeln!(diff, "{name}: {error}");
                continue;
            }
        };
        let places: Vec<_> =
            lines.keys().chain(found.keys()).cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        for place in places {
            let line = lines.get(&place).cloned().unwrap_or_default();
            for row in compare(&line, found.remove(&place).unwrap_or_default()) {
                differing += 1;
                let _ = writeln!(diff, "fixtures/cases/{name}/{}:{}: {row}", place.0, place.1);
            }
        }
    }
    assert!(differing == 0, "{differing} differences in {} cases with {expected} expectations\n{diff}", names.len());
    assert!(expected > 0 || !chosen.is_empty(), "no expectation was read");
}

/// More alternatives than the analysis follows are a gap at the place, and no gap is there where all were followed.
#[test]
fn alternatives_that_are_left_out_are_a_gap() {
    let gaps = |classes: usize| -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        };
        file("press/__init__.py", "");
        file(
            "press/models.py",
            "from django.db import models\n\nclass Order(models.Model):\n    total = models.IntegerField()\n",
        );
        let mut text = String::from("from press.models import Order\n\nKINDS = {}\n");
        for number in 0..classes {
            let _ = write!(text, "class Kind{number}:\n    def run(self, row):\n        row.save()\n\n");
        }
        text.push_str("KINDS = [");
        for number in 0..classes {
            let _ = write!(text, "Kind{number}, ");
        }
        text.push_str("]\n\ndef run(at):\n    KINDS[at]().run(Order.objects.get())\n");
        file("press/kinds.py", &text);
        let case = Case {
            target: Some(String::from("press.Order")),
            roots: vec![folder.path().to_owned()],
            site_packages: Vec::new(),
        };
        let report = scan(env!("CARGO_BIN_EXE_csm-audit"), &case).expect("a report");
        let saves = report["touchpoints"].as_array().expect("touchpoints").iter().filter(|one| one["symbol"] == "save");
        let gaps = report["gaps"].as_array().expect("gaps").iter().filter(|gap| gap["kind"] == "unfinished");
        let gaps: Vec<String> = gaps.map(|gap| format!("{}: {}", gap["file"], gap["reason"])).collect();
        assert!(saves.count() == classes || !gaps.is_empty(), "touchpoints are missing without a gap");
        gaps
    };
    assert_eq!(gaps(300), Vec::<String>::new());
    let gaps = gaps(1010);
    assert!(gaps.iter().any(|gap| gap.contains("press/kinds.py") && gap.contains("`KINDS`")), "{gaps:#?}");
}

#[test]
fn expectations_are_read_and_compared() {
    let line = read_line(" query read|none certain StudentModule; ~ instance write ");
    let found = |kind: &str, access: &str, symbol: &str| Found {
        kind: kind.to_owned(),
        access: access.to_owned(),
        confidence: "certain".to_owned(),
        symbol: symbol.to_owned(),
    };
    assert!(compare(&line, vec![found("query", "none", "StudentModule")]).is_empty());
    assert!(compare(&line, vec![found("instance", "write", "x"), found("query", "read", "StudentModule")]).is_empty());
    assert_eq!(compare(&line, vec![found("query", "write", "StudentModule")]).len(), 2);
    assert_eq!(compare(&line, vec![]), ["missing    query read|none certain StudentModule"]);
    assert_eq!(compare(&read_line("none"), vec![found("query", "read", "x")]), ["unexpected query read certain x"]);
    assert!(compare(&read_line("~"), vec![found("query", "read", "x")]).is_empty());
    assert!(compare(&read_line("relation schema \"a.B\""), vec![found("relation", "schema", "u'a.B'")]).is_empty());
}
