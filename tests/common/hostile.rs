//! Reports made to break other reports: names that want to be markup, and very many touchpoints.

use csm_audit::finding::{Access, Confidence};
use csm_audit::report::v1::{Report, ReportGap, ReportTouchpoint};
use serde_json::Value;

/// What wants to be run, to end something, or to hide.
pub const NASTY: [&str; 16] = [
    "<script>window.hurt = 1</script>",
    "</script><script>window.hurt = 2</script>",
    "\"><img src=x onerror=\"window.hurt = 3\">",
    "' onmouseover='window.hurt = 4' x='",
    "<!--<script>",
    "]]><svg onload=window.hurt=5>",
    "javascript:window.hurt=6",
    "{{ 7 * 7 }}{% raw %}",
    "a\u{202e}txt.exe\u{2066}b\u{200b}c",
    "line\n::error file=x::one more\r\nline",
    "\u{1b}[31mred\u{1b}[0m\u{0}\u{7}",
    "|cell|`code`|@octocat #1 https://example.org/ [x](javascript:1)",
    "\u{2028}\u{2029}\\u003c/script>",
    "a&amp;b&lt;c",
    "𝔘𝔫𝔦 漢字 עברית عربى e\u{301}\u{301}\u{301}\u{301}",
    "%0A%22..%2f..%2f",
];

/// The report with every free text made nasty, one of them very long.
pub fn hostile(report: Report) -> Report {
    let url = report.source_url.clone();
    let mut value = serde_json::to_value(&report).unwrap();
    let mut next = 0;
    spoil(&mut value, "", &mut next);
    let mut report: Report = serde_json::from_value(value).unwrap();
    report.source_url = url;
    let long = format!("identifier_{}", "x".repeat(10_000));
    report.touchpoints[0].symbol.clone_from(&long);
    report.touchpoints[0].snippet.clone_from(&long);
    report.touchpoints[0].enclosing.clone_from(&long);
    report.touchpoints[0].file = format!("{long}.py");
    report.findings[0].message.clone_from(&long);
    report.findings[0].table = Some(long.clone());
    report.columns[1].table.clone_from(&long);
    report.columns[1].column.clone_from(&long);
    report.environments[1].name.clone_from(&long);
    report.target = NASTY[1].to_owned();
    report.gaps.push(ReportGap { file: Some(long.clone()), line: Some(1), kind: long.clone(), reason: long });
    report
}

/// Every text but the words of the format.
fn spoil(value: &mut Value, key: &str, next: &mut usize) {
    const WORDS: [&str; 21] = [
        "kind",
        "access",
        "confidence",
        "severity",
        "may_start",
        "role",
        "verdict",
        "language",
        "precondition",
        "phase",
        "effect",
        "host",
        "way",
        "strategy",
        "outcome",
        "used",
        "limit",
        "earliest",
        "latest",
        "fingerprint",
        "source_url",
    ];
    match value {
        Value::String(text) if !WORDS.contains(&key) => {
            *text = format!("{}{text}", NASTY[*next % NASTY.len()]);
            *next += 1;
        }
        Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, key, next)),
        Value::Object(fields) => fields.iter_mut().for_each(|(name, field)| {
            // The id of a precondition is a word of the format, the id of a step is not.
            let name = if key == "preconditions" && name == "id" { "precondition" } else { name };
            spoil(field, name, next);
        }),
        _ => {}
    }
}

/// The report with so many touchpoints, in as many apps, files and kinds as a large project has.
pub fn crowd(mut report: Report, count: usize) -> Report {
    let known = report.touchpoints.clone();
    let accesses = [Access::None, Access::Read, Access::Write, Access::ReadWrite, Access::Delete, Access::Schema];
    let sure = [Confidence::Certain, Confidence::Certain, Confidence::Likely, Confidence::Possible];
    report.touchpoints = (0..count)
        .map(|at| {
            let like = &known[at % known.len()];
            let app = at % 61;
            ReportTouchpoint {
                file: format!("platform/apps/app_{app:02}/part_{}/module_{:03}.py", at % 7, at % 331),
                line: u32::try_from(at).unwrap() + 1,
                end_line: u32::try_from(at).unwrap() + 1,
                access: accesses[at % accesses.len()],
                confidence: sure[at % sure.len()],
                enclosing: format!("platform.apps.app_{app:02}.module_{:03}.function_{at}", at % 331),
                snippet: format!("{}  # {at}", like.snippet),
                fingerprint: format!("{at:032x}"),
                is_test: at % 5 == 0,
                ..like.clone()
            }
        })
        .collect();
    let totals = &mut report.totals;
    totals.touchpoints = count as u64;
    totals.in_tests = count.div_ceil(5) as u64;
    totals.by_kind.clear();
    for found in &report.touchpoints {
        *totals.by_kind.entry(found.kind.as_str().to_owned()).or_default() += 1;
    }
    report
}
