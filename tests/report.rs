//! Reports: valid against their schemas, escaped, the same at every time, and made of the JSON report alone.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::hostile::{crowd, hostile};
use common::{Tree, program, run, text};
use csm_audit::report::v1::{Report, ReportPlan};
use csm_audit::report::{annotations, html, json, markdown, sarif};
use serde_json::Value;

fn rich() -> Report {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/reports/three-environments.json");
    json::read(&fs::read(path).unwrap()).unwrap()
}

fn sarif_of(report: &Report) -> Value {
    let mut bytes = Vec::new();
    sarif::write(report, &mut bytes).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn json_of(report: &Report) -> Vec<u8> {
    let mut bytes = Vec::new();
    json::write(report, &mut bytes).unwrap();
    bytes
}

/// `csm-audit report` on these bytes.
fn convert(tree: &Tree, report: &[u8], arguments: &[&str]) -> Output {
    let file = tree.write("report.json", report);
    run(program().current_dir(tree.path()).arg("report").arg(file).args(arguments))
}

#[track_caller]
fn assert_valid(schema: &Value, what: &Value) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(what).take(5).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn json_is_as_the_published_schema_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/reports/csm-audit.v1.schema.json");
    let schema: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    for report in [rich(), hostile(rich()), crowd(rich(), 30), Report::default()] {
        assert_valid(&schema, &serde_json::to_value(&report).unwrap());
    }
    assert_valid(&schema, &Tree::shop().report());
    let mut wrong = serde_json::to_value(rich()).unwrap();
    wrong["answer"]["may_start"] = "perhaps".into();
    assert!(!jsonschema::is_valid(&schema, &wrong), "the schema refuses something");
}

/// SARIF's schema, from the package that brings it; none where it was not fetched.
fn sarif_schema() -> Option<Value> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sarif-schema/Cargo.toml");
    let found = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--manifest-path", manifest])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| serde_json::from_slice::<Value>(&output.stdout).ok())
        .and_then(|metadata| {
            let package = metadata["packages"].as_array()?.iter().find(|package| package["name"] == "serde-sarif")?;
            let folder = PathBuf::from(package["manifest_path"].as_str()?).parent()?.to_path_buf();
            serde_json::from_str(&fs::read_to_string(folder.join("src/schema.json")).ok()?).ok()
        });
    if found.is_none() {
        let how = "cargo fetch --locked --manifest-path tests/sarif-schema/Cargo.toml";
        assert!(std::env::var_os("CI").is_none(), "SARIF's schema is not here; {how}");
        common::skip::skipped(&format!("SARIF against its schema, which is not here; to test it, run {how}"));
    }
    found
}

#[test]
fn sarif_is_as_the_published_schema_says() {
    let Some(mut schema) = sarif_schema() else { return };
    // The published pattern has a bracket too many, which is no regular expression to a strict reader.
    for part in ["run", "toolComponent"] {
        schema["definitions"][part]["properties"]["language"].as_object_mut().unwrap().remove("pattern");
    }
    for report in [rich(), hostile(rich()), crowd(rich(), 6_000), Report::default()] {
        assert_valid(&schema, &sarif_of(&report));
    }
    let mut wrong = sarif_of(&rich());
    wrong["runs"][0]["results"][0]["level"] = "fatal".into();
    assert!(!jsonschema::is_valid(&schema, &wrong), "the schema refuses something");
}

#[test]
fn sarif_holds_every_finding_with_its_place_rule_and_fingerprint() {
    let report = rich();
    let run = &sarif_of(&report)["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), report.findings.len() + report.touchpoints.len());
    for (finding, result) in report.findings.iter().zip(results) {
        assert_eq!(result["ruleId"], *finding.check);
        let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["help"]["text"].as_str().unwrap().len() > 10);
        assert_eq!(result["partialFingerprints"]["csmAudit/v1"], *finding.fingerprint);
        // What is about a database alone is shown at the model: a result without a file is refused.
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(uri).is_file(), "{uri}");
        assert!(place["region"]["startLine"].as_u64().unwrap() > 0);
    }
    assert_eq!(results[0]["level"], "error");
    assert_eq!(results[0]["locations"][0]["logicalLocations"][0]["kind"], "column");
    let touchpoint = results.last().unwrap();
    assert_eq!(touchpoint["level"], "note");
    assert!(touchpoint["ruleId"].as_str().unwrap().starts_with("touchpoint/"));
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    assert!(run["originalUriBaseIds"]["SRCROOT"].is_object());
    assert_eq!(run["invocations"][0]["executionSuccessful"], false, "an environment could not be read to its end");
}

#[test]
fn sarif_keeps_what_matters_most_and_says_what_it_cut() {
    let report = crowd(rich(), 6_000);
    let run = &sarif_of(&report)["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), sarif::LIMIT);
    assert_eq!(results[0]["ruleId"], *report.findings[0].check);
    let notes = run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    let cut = notes.iter().find(|note| note["descriptor"]["id"] == "results-cut").unwrap();
    let all = report.findings.len() + 6_000;
    let said = cut["message"]["text"].as_str().unwrap();
    let commas = |number: usize| format!("{},{:03}", number / 1000, number % 1000);
    assert!(said.contains(&commas(all - sarif::LIMIT)) && said.contains(&commas(all)), "{said}");
    let deletes =
        |results: &[Value]| results.iter().filter(|result| result["properties"]["access"] == "delete").count();
    let there = report.touchpoints.iter().filter(|found| found.access.as_str() == "delete" && !found.is_test).count();
    assert!(deletes(results) >= there && there > 0, "what deletes is never what is cut");
}

#[test]
fn roots_elsewhere_have_a_base_of_their_own() {
    let mut report = rich();
    report.roots[0].name = "/srv/a b".to_owned();
    let run = &sarif_of(&report)["runs"][0];
    assert_eq!(run["originalUriBaseIds"]["ROOT1"]["uri"], "file:///srv/a%20b/");
    let place = &run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"];
    assert_eq!(place["uriBaseId"], "ROOT1");
    assert!(!place["uri"].as_str().unwrap().starts_with('/'));
}

#[test]
fn a_report_is_the_same_at_every_time() {
    let report = rich();
    assert_eq!(html::render(&report).unwrap(), html::render(&report).unwrap());
    assert_eq!(markdown::render(&report), markdown::render(&report));
    assert_eq!(sarif_of(&report), sarif_of(&report));
    assert_eq!(json_of(&json::read(&json_of(&report)).unwrap()), json_of(&report), "what is read is what was written");
}

#[test]
fn nothing_in_a_hostile_report_becomes_markup() {
    let page = html::render(&hostile(rich())).unwrap();
    let (markup, rest) = page.split_once("<script type=\"application/json\"").unwrap();
    let (data, script) = rest.split_once("</script>").unwrap();
    assert!(!data.contains('<'), "the data ends where it is meant to");
    assert_eq!(script.matches("</script>").count(), 1);
    assert!(!markup.contains("<img") && !markup.contains("<script"), "text stays text");
    assert!(!markup.contains("onerror=\""), "and attributes end where they are meant to");
    for hidden in ['\u{202e}', '\u{2066}', '\u{200b}', '\u{1b}', '\0'] {
        assert!(!markup.contains(hidden), "{:x}", u32::from(hidden));
    }
    assert!(markup.contains("⟨U+202E⟩") && markup.contains("&lt;script&gt;"));

    for line in annotations::render(&hostile(rich())).lines() {
        let command = ["::error ", "::warning ", "::notice "].iter().any(|command| line.starts_with(command));
        assert!(command, "{}", line.chars().take(80).collect::<String>());
    }
}

#[test]
fn nothing_in_hostile_markdown_becomes_markup() {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    let text = markdown::render(&hostile(rich()));
    assert!(text.len() < 60_000, "a description has to fit: {}", text.len());
    let (mut rows, mut in_code) = (0, false);
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS) {
        match event {
            Event::InlineHtml(html) | Event::Html(html) => {
                assert!(["<!-- -->", "<br>", "<sub>", "</sub>"].contains(&&*html), "{html}");
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                assert!(dest_url.starts_with("https://github.com/example/platform/blob/"), "{dest_url}");
            }
            Event::Start(Tag::Image { .. }) => panic!("an image"),
            Event::Start(Tag::CodeBlock(_)) => in_code = true,
            Event::Start(Tag::TableRow) => rows += 1,
            Event::Text(text) => {
                // What is shown is searched for mentions, issues and addresses, text node by text node.
                for bait in ["@octocat", "#1 ", "https://", "www."] {
                    assert!(!text.contains(bait), "{text}");
                }
            }
            _ => {}
        }
    }
    assert!(!in_code, "nothing is indented or fenced into a block");
    assert_eq!(rows, rich().findings.len() + rich().columns.len(), "no name begins or ends a cell or a row");
}

#[test]
fn the_policy_names_what_stands_in_the_page() {
    use base64::Engine as _;
    use sha2::Digest as _;
    let page = html::render(&rich()).unwrap();
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap().split('"').next().unwrap();
    let policy = policy.replace("&#39;", "'");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
    let hash = |tag: &str| {
        let inside = page.rsplit(&format!("<{tag}>")).next().unwrap().split(&format!("</{tag}>")).next().unwrap();
        base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(inside))
    };
    assert!(policy.contains(&format!("script-src 'sha256-{}'", hash("script"))), "{policy}");
    assert!(policy.contains(&format!("style-src 'sha256-{}'", hash("style"))), "{policy}");
    for way_out in ["src=", "url(", "@import", "fetch(", "XMLHttpRequest", "innerHTML", "eval("] {
        let shell = html::render(&Report::default()).unwrap();
        assert!(!shell.contains(way_out), "{way_out}");
    }
}

#[test]
fn what_no_database_told_is_said_in_every_format() {
    let mut report = rich();
    report.answer = None;
    report.environments.clear();
    report.findings.clear();
    report.columns.clear();
    report.plan = None;
    let page = html::render(&report).unwrap();
    for section in ["headroom", "sources", "findings", "plan", "read"] {
        let inside =
            page.split(&format!("<section id=\"{section}\"")).nth(1).unwrap().split("</section>").next().unwrap();
        assert!(inside.contains("--replica"), "{section} does not say how to ask");
    }
    assert!(markdown::render(&report).contains("--replica"));
    let run = &sarif_of(&report)["runs"][0];
    let notes = run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    assert!(notes.iter().any(|note| note["descriptor"]["id"] == "no-database"));
}

#[test]
fn markdown_for_a_ticket() {
    insta::assert_snapshot!(markdown::render(&rich()));
}

#[test]
fn annotations_stand_at_their_lines() {
    let text = annotations::render(&rich());
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("::error file=fixtures/project/lms/djangoapps/courseware/models.py,line="), "{first}");
    assert!(first.contains("title=missing-foreign-key::"), "{first}");
    assert_eq!(text.lines().count(), rich().findings.len() + rich().touchpoints.len() + rich().gaps.len());
}

#[test]
fn a_folder_gets_every_format_and_the_summary_says_so() {
    let tree = Tree::shop();
    let output = run(program().current_dir(tree.path()).args(["scan", "--target", "shop.Order", "-o", "out/new/"]));
    assert_eq!(text(&output.stderr), "");
    let mut names: Vec<String> = fs::read_dir(tree.join("out/new"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["csm-audit.html", "csm-audit.json", "csm-audit.md", "csm-audit.sarif"]);
    for name in &names {
        assert!(text(&output.stdout).contains(&format!("out/new/{name}")), "{}", text(&output.stdout));
    }
    let written = fs::read(tree.join("out/new/csm-audit.html")).unwrap();
    // An existing folder needs no stroke, and what is scanned anew is not the reports.
    let again = run(program().current_dir(tree.path()).args(["scan", "--target", "shop.Order", "-q", "-o", "out/new"]));
    assert_eq!((text(&again.stdout).as_str(), text(&again.stderr).as_str()), ("", ""));
    assert_eq!(fs::read(tree.join("out/new/csm-audit.html")).unwrap(), written);
    let one = run(program().current_dir(tree.path()).args([
        "scan",
        "--target",
        "shop.Order",
        "-q",
        "--format",
        "markdown",
        "-o",
        "one/",
    ]));
    assert_eq!(one.status.code(), Some(0));
    assert_eq!(fs::read_dir(tree.join("one")).unwrap().count(), 1);
}

#[test]
fn the_name_of_a_file_tells_its_format() {
    let tree = Tree::shop();
    for (name, start) in [
        ("a.html", "<!doctype html>"),
        ("a.htm", "<!doctype html>"),
        ("a.md", "## Migration audit"),
        ("a.sarif", "{\n  \"$schema\""),
        ("a.sarif.json", "{\n  \"$schema\""),
        ("a.json", "{\n  \"version\""),
        ("a.txt", "courseware.StudentModule"),
    ] {
        let output = convert(&tree, &json_of(&rich()), &["-o", name]);
        assert_eq!(text(&output.stderr), "", "{name}");
        assert!(fs::read_to_string(tree.join(name)).unwrap().starts_with(start), "{name}");
    }
    let output = convert(&tree, &json_of(&rich()), &["-o", "a.json", "--format", "html"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(fs::read_to_string(tree.join("a.json")).unwrap().starts_with("<!doctype"), "what is asked for wins");
    let output = convert(&tree, &json_of(&rich()), &["-o", "report.out"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("unknown format of report.out; pass --format"));
    let output = convert(&tree, &json_of(&rich()), &["-o", "-", "--format", "markdown"]);
    assert!(text(&output.stdout).starts_with("## Migration audit"));
    assert!(!tree.join("-").exists());
}

#[test]
fn what_cannot_be_written_leaves_what_was_there() {
    let tree = Tree::shop();
    tree.write("kept.json", b"old");
    let output = convert(&tree, &json_of(&rich()), &["-o", "kept.json/"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cannot write kept.json/; pass a writable path"), "{}", text(&output.stderr));
    let output = convert(&tree, &json_of(&rich()), &["-o", "none/such/a.json"]);
    assert!(text(&output.stderr).contains("cannot write none/such/a.json"), "{}", text(&output.stderr));
    assert_eq!(fs::read(tree.join("kept.json")).unwrap(), b"old");
    let left = fs::read_dir(tree.path())
        .unwrap()
        .filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().starts_with(".csm-audit"));
    assert_eq!(left.count(), 0, "nothing temporary is left");
}

#[test]
fn a_report_makes_the_others_without_the_sources() {
    let tree = Tree::new(&[]);
    let report = json_of(&rich());
    let output = convert(&tree, &report, &["--format", "json"]);
    assert_eq!(output.stdout, report, "a report of a report is the report");
    let url = "https://example.org/{root}/{path}?at={line}";
    let linked = convert(&tree, &report, &["--format", "json", "--source-url", url]);
    let kept = json::read(&linked.stdout).unwrap();
    assert_eq!(kept.source_url.as_ref().unwrap().as_str(), url);
    let page = convert(&tree, &linked.stdout, &["--format", "html"]);
    assert!(
        text(&page.stdout).contains("https://example.org/fixtures/project/lms/djangoapps/courseware/models.py?at=117")
    );
    let wrong = convert(&tree, &report, &["--source-url", "example.org/{path}"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("neither https:// nor http://"), "{}", text(&wrong.stderr));
}

#[test]
fn what_is_no_report_is_refused_with_the_reason() {
    let tree = Tree::new(&[]);
    let error = |bytes: &[u8]| {
        let output = convert(&tree, bytes, &["-o", "never.html"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(!tree.join("never.html").exists());
        text(&output.stderr)
    };
    let report = json_of(&rich());
    assert!(error(b"").contains("report.json is not valid JSON"));
    assert!(error(&report[..report.len() / 2]).contains("is not valid JSON"));
    assert!(error(b"{\"version\": 1, \"touchpoints\": []}").contains("a baseline of the gate"));
    let mut newer: Value = serde_json::from_slice(&report).unwrap();
    newer["version"] = 2.into();
    assert!(error(newer.to_string().as_bytes()).contains("version 2"));
    newer["version"] = 1.into();
    newer["touchpoints"][0]["kind"] = "guess".into();
    assert!(error(newer.to_string().as_bytes()).contains("not a valid report: unknown variant `guess`"));
    let gone = run(program().current_dir(tree.path()).args(["report", "nowhere.json"]));
    assert_eq!(gone.status.code(), Some(2));
    assert!(text(&gone.stderr).contains("cannot read nowhere.json"));
}

#[test]
fn indices_that_lead_nowhere_break_nothing() {
    let mut report = rich();
    report.answer.as_mut().unwrap().tightest = Some([99, 99]);
    for found in &mut report.touchpoints {
        (found.root, found.line, found.column) = (99, 0, 0);
    }
    for model in &mut report.models {
        model.root = 99;
    }
    report.plan = Some(ReportPlan { steps: Vec::new(), ..rich().plan.unwrap() });
    assert!(html::render(&report).unwrap().contains("</html>"));
    assert!(markdown::render(&report).contains("## Migration"));
    assert!(annotations::render(&report).contains("::error "));
    assert!(sarif_of(&report)["runs"][0]["results"].is_array());
    assert!(csm_audit::report::terminal::render(&report, 80, &[]).contains("Ready to migrate?"));
}
