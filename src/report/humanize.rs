//! How reports say things: the same words and numbers in every format.

use std::fmt::Write;

use super::v1::{DateRange, Readiness, Report, ReportColumn, ReportColumnIn, ReportFinding};
use crate::finding::Severity;
use crate::plan::Estimate;
pub(super) use crate::printable::visible;

/// The command for facts that are not in the code.
pub(super) const ASK_DATABASES: &str = "csm-audit scan PATH --replica prod=mysql://USER@REPLICA/DATABASE -o reports/";

/// What stays open without it.
pub(super) const WITHOUT_DATABASES: &str = "No database was read: which columns store the ids, how much of their \
    range is used, which constraints exist and whether the migrations were applied are unproven.";

/// A number with commas.
pub(super) fn number(value: u64) -> String {
    digits(&value.to_string())
}

/// A decimal number as a report holds it, with commas; anything else as it is.
pub(super) fn digits(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + digits.len() / 3);
    out.push_str(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many of something.
pub(super) fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", number(count), if count == 1 { "" } else { "s" })
}

/// The number of things in a list.
pub(super) fn length(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Bytes as people read them.
pub(super) fn bytes(value: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if value < 1000 {
        return format!("{value} B");
    }
    let (mut unit, mut scale) = (0, 1000_u64);
    while unit + 1 < UNITS.len() && value / scale >= 1000 {
        (unit, scale) = (unit + 1, scale * 1000);
    }
    let (whole, tenth) = (value / scale, value % scale / (scale / 10));
    if whole >= 100 || tenth == 0 {
        format!("{} {}", number(whole), UNITS[unit])
    } else {
        format!("{whole}.{tenth} {}", UNITS[unit])
    }
}

/// Seconds as people read them.
fn seconds(value: u64) -> String {
    match value {
        0..60 => format!("{value} s"),
        60..5400 => format!("{} min", value.div_ceil(60)),
        5400..172_800 => format!("{} h", value.div_ceil(3600)),
        _ => format!("{} days", number(value.div_ceil(86_400))),
    }
}

/// A range of time or bytes.
pub(super) fn estimate(estimate: &Estimate) -> String {
    let one = |value: u64| match estimate.unit.as_str() {
        "seconds" => seconds(value),
        "bytes" => bytes(value),
        unit => format!("{} {unit}", number(value)),
    };
    let (least, most) = (one(estimate.least), one(estimate.most));
    if least == most { least } else { format!("{least} to {most}") }
}

/// A share of a range. Rounded down: what is nearly used up is not used up.
pub(super) fn percent(share: f64) -> String {
    if !share.is_finite() {
        return "unknown".to_owned();
    }
    let tenths = (share * 1000.0 + 1e-9).floor();
    if tenths == 0.0 && share > 0.0 {
        return "< 0.1 %".to_owned();
    }
    format!("{:.1} %", tenths / 10.0)
}

/// When a range is used up.
pub(super) fn dates(range: &DateRange) -> String {
    match &range.latest {
        Some(latest) if *latest == range.earliest => format!("on {latest}"),
        Some(latest) => format!("between {} and {latest}", range.earliest),
        None => format!("not before {}", range.earliest),
    }
}

/// The column whose range ends first.
pub(super) fn tightest(report: &Report) -> Option<(&ReportColumn, &ReportColumnIn)> {
    let [column, environment] = report.answer.as_ref()?.tightest?;
    let column = report.columns.get(column)?;
    Some((column, column.environments.get(environment)?))
}

/// The answer in a few words, and a word for its class.
pub(super) fn verdict(report: &Report) -> (&'static str, String) {
    let Some(answer) = &report.answer else {
        return ("unknown", "Not known: no database was read".to_owned());
    };
    let things = |count: usize, what: &str| match length(count) {
        1 => format!("one {what}"),
        many => format!("{} {what}s", number(many)),
    };
    match answer.verdict {
        Readiness::Ready => match answer.handled_by_plan.len() {
            0 => ("yes", "Ready: no blockers".to_owned()),
            handled => ("yes", format!("Ready: the plan handles {}", things(handled, "blocker"))),
        },
        Readiness::NotReady => {
            let needed = match answer.decisions.len() {
                0 => String::from("Not ready"),
                1 => String::from("Not ready: one decision is needed first"),
                many => format!("Not ready: {} decisions are needed first", number(length(many))),
            };
            let handled = match answer.handled_by_plan.len() {
                0 => String::new(),
                handled => format!("; the plan handles {} more", number(length(handled))),
            };
            ("no", needed + &handled)
        }
        Readiness::NotVerified => {
            let handled = match answer.handled_by_plan.len() {
                0 => String::new(),
                handled => format!("; the plan handles {}", things(handled, "blocker")),
            };
            let open = things(answer.unproven.len(), "thing");
            ("unproven", format!("Not verified: {open} could not be read{handled}"))
        }
    }
}

/// How many findings of each severity there are, in words, the gravest first.
pub(super) fn severities(findings: &[ReportFinding]) -> Vec<(Severity, u64)> {
    [Severity::Error, Severity::Warning, Severity::Info]
        .into_iter()
        .map(|severity| (severity, length(findings.iter().filter(|finding| finding.severity == severity).count())))
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// The object of a database that a finding is about, from the environment to the name; empty when it is about code.
pub(super) fn object(finding: &ReportFinding) -> String {
    let mut out = String::new();
    let dotted: Vec<&str> =
        [&finding.database, &finding.table, &finding.column].into_iter().flatten().map(String::as_str).collect();
    let dotted = dotted.join(".");
    let alias = finding.alias.as_deref().filter(|_| finding.database.is_none()).map(|alias| format!("alias {alias}"));
    let parts = [finding.environment.as_deref(), alias.as_deref(), Some(&dotted), finding.name.as_deref()];
    for part in parts.into_iter().flatten().filter(|part| !part.is_empty()) {
        let _ = write!(out, "{}{part}", if out.is_empty() { "" } else { ", " });
    }
    out
}

/// The folder of the app: without what lies below it by Django's habit.
pub(super) fn app_folder(file: &str) -> String {
    const INNER: [&str; 7] = ["management", "migrations", "tests", "api", "views", "templatetags", "south_migrations"];
    let folder = file.rsplit_once('/').map_or(".", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').collect();
    if let Some(at) = parts.iter().skip(1).position(|part| INNER.contains(part)) {
        parts.truncate(at + 1);
    }
    parts.join("/")
}

/// The text for a terminal: on one line, and with nothing in it that moves the cursor or the text around it.
#[must_use]
pub fn one_line(text: &str) -> String {
    visible(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

/// The beginning and the end of a text that is too long, with a mark between.
pub(super) fn middle(text: &str, room: usize) -> String {
    let length = text.chars().count();
    if length <= room {
        return text.to_owned();
    }
    let head = room.saturating_sub(1) * 2 / 3;
    let tail = room.saturating_sub(1) - head;
    let mut out: String = text.chars().take(head).collect();
    out.push('…');
    out.extend(text.chars().skip(length - tail));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_people_read_them() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(["-128", "18446744073709551615", "a1"].map(digits), ["-128", "18,446,744,073,709,551,615", "a1"]);
        assert_eq!([999, 1_000, 1_250_000, 412_000_000_000].map(bytes), ["999 B", "1 kB", "1.2 MB", "412 GB"]);
        assert_eq!([59, 61, 7_200, 200_000].map(seconds), ["59 s", "2 min", "2 h", "3 days"]);
    }

    #[test]
    fn what_is_nearly_used_up_is_not_used_up() {
        assert_eq!(
            [0.0, 0.0001, 0.973, 0.999_999, 1.0].map(percent),
            ["0.0 %", "< 0.1 %", "97.3 %", "99.9 %", "100.0 %"]
        );
        assert_eq!(percent(f64::NAN), "unknown");
    }

    #[test]
    fn long_texts_keep_both_ends() {
        assert_eq!(middle("abcdefghij", 5), "ab…ij");
    }

    #[test]
    fn an_app_is_the_folder_above_what_django_puts_into_it() {
        assert_eq!(app_folder("lms/courseware/management/commands/x.py"), "lms/courseware");
        assert_eq!(app_folder("manage.py"), ".");
    }
}
