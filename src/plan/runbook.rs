//! The runbook and the other files of the folder: what a person follows at night.

use std::fmt::Write as _;

use super::django_migration::Migration;
use super::estimate::Range;
use super::script;
use super::{File, Kind, Outcome, Plan, Step};

/// Puts the runbook, `plan.json` and what belongs to them into the plan.
pub(super) fn write(migration: Option<&Migration>, plan: &mut Plan) {
    if let Some(migration) = migration {
        plan.files.extend(migration.files());
    }
    let text = runbook(plan);
    plan.files.push(File { path: String::from("runbook.md"), text, executable: false });
    plan.files.push(File {
        path: String::from("credentials.cnf.example"),
        text: String::from(
            "# Copy it to <environment>.cnf, fill it in, and chmod 600 it. The mysql client, gh-ost and\n# \
             pt-online-schema-change read it.\n[client]\nuser=\"\"\npassword=\"\"\n",
        ),
        executable: false,
    });
    let json = plan.to_json();
    plan.files.push(File { path: String::from("plan.json"), text: json, executable: false });
}

/// Text in a table or a list of Markdown, on one line.
fn plain(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '|' | '*' | '<' | '>' | '#' | '_' | '[' | ']' => out.extend(['\\', character]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A block of code, with a fence that the code does not hold.
fn block(language: &str, text: &str) -> String {
    let mut fence = String::from("```");
    while text.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

fn range(range: &Range) -> String {
    let show = |value: u64| {
        if range.unit == "bytes" { bytes(value) } else { seconds(value) }
    };
    format!("{} to {}", show(range.least), show(range.most))
}

fn bytes(value: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut tenths = u128::from(value) * 10;
    while tenths >= 10_240 && unit + 1 < units.len() {
        tenths /= 1024;
        unit += 1;
    }
    if unit == 0 { format!("{value} B") } else { format!("{}.{} {}", tenths / 10, tenths % 10, units[unit]) }
}

fn seconds(value: u64) -> String {
    match value {
        0..=119 => format!("{value} s"),
        120..=7_199 => format!("{} min", value / 60),
        7_200..=172_799 => format!("{} h", value / 3_600),
        _ => format!("{} days", value / 86_400),
    }
}

fn runbook(plan: &Plan) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# {}: `{}`.`{}` becomes {}\n", plain(&plan.target), plan.table, plan.key, plan.change);
    if plan.complete {
        out.push_str("Nothing that this plan rests on is a gap or unproven.\n\n");
    } else {
        out.push_str("**This plan is not complete.** It rests on what nobody knows, or on what does not hold yet:\n\n");
        for open in &plan.open {
            let environment = open.environment.as_deref().unwrap_or("everywhere");
            let _ = writeln!(out, "- {}: {}", plain(environment), plain(&open.what));
        }
        let _ = writeln!(
            out,
            "\nScripts that depend on it refuse to run. Settle it and plan again; `{}=1` overrides it.\n",
            script::OVERRIDE
        );
    }
    out.push_str(
        "## Before the night\n\n\
         1. Copy `credentials.cnf.example` to `ENVIRONMENT.cnf` beside the scripts, fill it in, `chmod 600` it.\n\
         2. Each script without an argument changes nothing: it proves what has to hold and shows what it would do. With \
         `--execute` it does it. A script that has nothing left to do says so, so that the whole may be begun again at any \
         time.\n\
         3. Variables: `CSM_AUDIT_CNF`, `CSM_AUDIT_HOST`, `CSM_AUDIT_PORT`, `CSM_AUDIT_PRIMARY_HOST`, \
         `CSM_AUDIT_PRIMARY_PORT`, `MYSQL`, `GH_OST`, `PT_OSC`; thresholds `CSM_AUDIT_MAX_LOAD`, \
         `CSM_AUDIT_CRITICAL_LOAD`, `CSM_AUDIT_MAX_LAG`, `CSM_AUDIT_CHUNK`; replicas to wait for \
         `CSM_AUDIT_CONTROL_REPLICAS`.\n\
         4. Run copies in tmux or screen, on a machine near the servers. Have the disk: see the table below.\n\
         5. Pause backups, ETL and whatever holds long transactions for the cut-over; tell those who read the binary log of \
         `_gho`, `_ghc`, `_ghk` and `_del`.\n\n",
    );
    strategies(plan, &mut out);
    out.push_str("## The steps\n");
    for step in &plan.steps {
        one(step, &mut out);
    }
    out.push_str(
        "\n## Afterwards\n\n`csm-audit verify --plan plan.json --replica NAME=mysql://USER@HOST/DATABASE` looks at every \
         environment, only reads, says which steps are open, and ends with 1 while any is.\n",
    );
    out
}

fn strategies(plan: &Plan, out: &mut String) {
    if plan.strategies.is_empty() {
        return;
    }
    out.push_str(
        "## The ways, by what was read\n\n| where | way | verdict | why | who waits | how long | disk | binary log |\n",
    );
    out.push_str("|---|---|---|---|---|---|---|---|\n");
    for strategy in &plan.strategies {
        let verdict = match strategy.verdict {
            super::Verdict::Recommended => "**taken**",
            super::Verdict::Possible => "possible",
            super::Verdict::Refused => "refused",
            super::Verdict::Unproven => "unproven",
        };
        let show = |value: &Option<Range>| value.as_ref().map_or_else(|| String::from("not known"), range);
        let _ = writeln!(
            out,
            "| {} {}.{} | {} | {verdict} | {} | {} | {} | {} | {} |",
            plain(&strategy.environment),
            plain(&strategy.database),
            plain(&strategy.table),
            strategy.way.name(),
            plain(&strategy.why),
            plain(&strategy.downtime),
            show(&strategy.duration),
            show(&strategy.disk),
            show(&strategy.binary_log)
        );
    }
    let mut assumptions: Vec<&String> = plan
        .strategies
        .iter()
        .flat_map(|s| [&s.duration, &s.disk, &s.binary_log])
        .flatten()
        .flat_map(|range| &range.assumptions)
        .collect();
    assumptions.sort();
    assumptions.dedup();
    if !assumptions.is_empty() {
        out.push_str("\nThese numbers assume:\n\n");
        for assumption in assumptions {
            let _ = writeln!(out, "- {}", plain(assumption));
        }
    }
    out.push('\n');
}

fn one(step: &Step, out: &mut String) {
    let _ = writeln!(out, "\n### {}: {}\n", step.id, plain(&step.title));
    if step.rollback.point_of_no_return {
        let until = step.rollback.until.as_deref().unwrap_or("this step itself");
        let _ = writeln!(out, "**POINT OF NO RETURN**: {}.\n", plain(until));
    }
    if let Some(server) = &step.server {
        let _ = writeln!(out, "- On: {}", plain(server));
    }
    if let Some(estimate) = &step.estimate {
        let _ = writeln!(out, "- Takes: {}", range(estimate));
    }
    if !step.after.is_empty() {
        let _ = writeln!(out, "- After: {}", step.after.join(", "));
    }
    for blocked in &step.blocked_by {
        let _ = writeln!(out, "- **Blocked**: {}", plain(blocked));
    }
    for item in &step.preconditions {
        let outcome = match item.outcome {
            Outcome::Passed => "held",
            Outcome::Failed => "**does not hold**",
            Outcome::Unproven if item.is_proven_at_run() => "the script looks",
            Outcome::Unproven => "**unproven**",
        };
        let _ = write!(out, "- {}: {outcome} ({})", plain(&item.what), plain(&item.seen));
        match &item.fix {
            Some(fix) if item.outcome != Outcome::Passed => {
                let _ = writeln!(out, "; otherwise: {}", plain(fix));
            }
            _ => out.push('\n'),
        }
    }
    out.push('\n');
    if let Some(script) = &step.script {
        let dry = format!("./{script}");
        let text = match step.kind {
            Kind::Preflight | Kind::Verify => dry,
            _ => format!("{dry}             # proves and shows\n{dry} --execute   # does it"),
        };
        out.push_str(&block("sh", &text));
        out.push_str(&format!("\n{}\n", expected(step)));
    }
    if !step.run.is_empty() && !matches!(step.kind, Kind::Preflight) {
        out.push_str("\nWhat it runs:\n\n");
        let language = if step.run.starts_with("SET ") { "sql" } else { "sh" };
        out.push_str(&block(language, &step.run));
    }
    if !step.verify.is_empty() && step.kind != Kind::Verify {
        out.push_str("\nIt worked when these answer as they should:\n\n");
        for probe in &step.verify {
            out.push_str(&block("sql", &format!("{}; -- {}", probe.query, probe.expected)));
        }
    }
    let _ = writeln!(out, "\nThe way back: {}.", plain(&step.rollback.what));
    if let Some(run) = &step.rollback.run {
        out.push('\n');
        out.push_str(&block("sh", run));
    }
    if let (Some(until), false) = (&step.rollback.until, step.rollback.point_of_no_return) {
        let _ = writeln!(out, "\nUntil: {}.", plain(until));
    }
}

fn expected(step: &Step) -> &'static str {
    match step.kind {
        Kind::Preflight => {
            "It ends with `All of it holds.`, exit code 0. A line that begins with FAILED has its fix below it."
        }
        Kind::Verify => "It ends with `Done: …`, exit code 0.",
        Kind::GhOst if step.effects.is_empty() => {
            "Without an argument gh-ost ends with `Done` after a moment. With `--execute` it goes on until the cut-over: its \
             lines tell `Copy: … 100.0%` and then `State: postponing cut-over`. `touch run/ID.throttle` pauses it, `touch \
             run/ID.panic` ends it, `--resume` goes on after a crash."
        }
        Kind::GhOst => "It ends with `The tables are swapped.`, and gh-ost in its own window with `Done`.",
        Kind::PtOnlineSchemaChange if step.effects.is_empty() => {
            "It ends with `Successfully altered` and exit code 0; the copy and its triggers stay."
        }
        _ => "It ends with `Done.`, exit code 0, or at once with `Already done`.",
    }
}
