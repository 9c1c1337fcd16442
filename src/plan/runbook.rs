//! The runbook and the other files of the folder: what a person follows at night. A fence holds commands alone, each of which
//! can be pasted as it stands.

use std::fmt::Write as _;

use super::script;
use super::shell::slug;
use super::types::{Estimate, File, Language, Outcome, Phase, Plan, Rollback, Step, StepKind, Verdict};

/// The files that are printed of a whole plan.
pub(super) fn files(plan: &Plan) -> Vec<File> {
    let file = |path: &str, text: String| File { path: path.to_owned(), text, executable: false };
    vec![
        file("runbook.md", runbook(plan)),
        file(
            "credentials.cnf.example",
            String::from(
                "# Copy it to <environment>.cnf, fill it in, and chmod 600 it. The mysql client, gh-ost and\n# \
                 pt-online-schema-change read it.\n[client]\nuser=\"\"\npassword=\"\"\n",
            ),
        ),
        file("plan.json", plan.to_json()),
    ]
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

fn range(range: &Estimate) -> String {
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
    assumptions(plan, &mut out);
    preparation(plan, &mut out);
    strategies(plan, &mut out);
    out.push_str("## Steps\n");
    for step in &plan.steps {
        one(step, &mut out);
    }
    out.push_str(
        "\n## Afterwards\n\n`csm-audit verify --plan plan.json --replica NAME=mysql://USER@HOST/DATABASE` checks every \
         environment, only reads, lists the open steps, and exits 1 while any step is open.\n",
    );
    out
}

fn assumptions(plan: &Plan, out: &mut String) {
    if plan.complete {
        out.push_str("All assumptions of this plan were verified when the servers were read.\n\n");
        return;
    }
    out.push_str("**This plan is not complete.** Failed or not verified:\n\n");
    for assumption in &plan.assumptions {
        let environment = assumption.environment.as_deref().unwrap_or("all environments");
        let _ = writeln!(out, "- {}: {}", plain(environment), plain(&assumption.what));
    }
    let _ = writeln!(
        out,
        "\nThe scripts that depend on these assumptions refuse to run. Resolve them and run `csm-audit plan` again; `{}=1` \
         overrides them.\n",
        script::OVERRIDE
    );
}

fn preparation(plan: &Plan, out: &mut String) {
    let mut environments: Vec<String> =
        plan.steps.iter().filter_map(|step| step.environment.as_deref()).map(slug).collect();
    environments.dedup();
    out.push_str(
        "## Preparation\n\n\
         1. Create the option file of each environment, and enter the account that runs the scripts:\n\n",
    );
    let commands: Vec<String> = environments
        .iter()
        .map(|name| format!("test -e {name}.cnf || install -m 600 credentials.cnf.example {name}.cnf"))
        .collect();
    out.push_str(&block("sh", &commands.join("\n")));
    out.push_str(
        "\n2. `csm-audit grants --for gh-ost DATABASE`, `--for pt-osc` and `--for alter` print the required `GRANT` \
         statements.\n\
         3. Without an argument a script changes nothing: it checks the preconditions and prints the planned commands. \
         `--execute` runs the step. Scripts are idempotent: restart them at any time, also after an interruption.\n\
         4. Variables: `CSM_AUDIT_CNF`, `CSM_AUDIT_HOST`, `CSM_AUDIT_PORT`, `CSM_AUDIT_PRIMARY_HOST`, \
         `CSM_AUDIT_PRIMARY_PORT`, `MYSQL`, `GH_OST`, `PT_OSC`; thresholds `CSM_AUDIT_MAX_LOAD`, \
         `CSM_AUDIT_CRITICAL_LOAD`, `CSM_AUDIT_MAX_LAG`, `CSM_AUDIT_CHUNK`; replicas whose lag throttles the copy \
         `CSM_AUDIT_CONTROL_REPLICAS`.\n\
         5. Run copies in tmux or screen, on a machine near the servers. Make sure that there is enough disk space; see the \
         table below.\n\
         6. Pause backups, ETL and other long transactions for the cut-over; notify readers of the binary log (CDC, Debezium) \
         about the temporary tables `_gho`, `_ghc`, `_ghk` and `_del`.\n\n",
    );
}

fn strategies(plan: &Plan, out: &mut String) {
    if plan.strategies.is_empty() {
        return;
    }
    out.push_str(
        "## Strategies considered\n\n| table | strategy | verdict | why | impact | duration | disk | binary log |\n",
    );
    out.push_str("|---|---|---|---|---|---|---|---|\n");
    for assessment in &plan.strategies {
        let verdict = match assessment.verdict {
            Verdict::Recommended => "**recommended**",
            Verdict::Possible => "possible",
            Verdict::Refused => "refused",
            Verdict::Unproven => "not verified",
        };
        let show = |value: &Option<Estimate>| value.as_ref().map_or_else(|| String::from("unknown"), range);
        let _ = writeln!(
            out,
            "| {} {}.{} | {} | {verdict} | {} | {} | {} | {} | {} |",
            plain(&assessment.environment),
            plain(&assessment.database),
            plain(&assessment.table),
            assessment.strategy,
            plain(&assessment.why),
            plain(&assessment.downtime),
            show(&assessment.duration),
            show(&assessment.disk),
            show(&assessment.binary_log)
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
        let _ = writeln!(out, "- Server: {}", plain(server));
    }
    if let Some(estimate) = &step.estimate {
        let _ = writeln!(out, "- Duration: {}", range(estimate));
    }
    if !step.after.is_empty() {
        let _ = writeln!(out, "- After: {}", step.after.join(", "));
    }
    for blocked in &step.blocked_by {
        let _ = writeln!(out, "- **Blocked**: {}", plain(blocked));
    }
    for precondition in &step.preconditions {
        let outcome = match precondition.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "**failed**",
            Outcome::Unproven if precondition.is_proven_at_run() => "checked by the script",
            Outcome::Unproven => "**not checked**",
        };
        let _ = write!(out, "- {}: {outcome} ({})", plain(&precondition.what), plain(&precondition.seen));
        match &precondition.fix {
            Some(fix) if precondition.outcome != Outcome::Passed => {
                let _ = writeln!(out, "; fix: {}", plain(fix));
            }
            _ => out.push('\n'),
        }
    }
    out.push('\n');
    commands(step, out);
    if !step.verify.is_empty() && step.kind != StepKind::Verify {
        out.push_str("\nVerify:\n");
        for probe in &step.verify {
            let _ = write!(out, "\n{}, expected `{}`:\n\n", plain(&probe.what), probe.expected);
            out.push_str(&block("sql", &format!("{};", probe.query)));
        }
    }
    rollback(&step.rollback, out);
}

/// What to type.
fn commands(step: &Step, out: &mut String) {
    let Some(script) = &step.script else {
        if !step.run.is_empty() {
            out.push_str(&block(language(step.language), &step.run));
        }
        return;
    };
    out.push_str("Check the preconditions:\n\n");
    out.push_str(&block("sh", &format!("./{script}")));
    match step.kind {
        StepKind::Preflight | StepKind::Verify => {}
        StepKind::CleanUp => {
            out.push_str("\nGive up the rollback, and drop the tables:\n\n");
            out.push_str(&block("sh", &format!("CSM_AUDIT_GIVE_UP_ROLLBACK=1 ./{script} --execute")));
        }
        _ => {
            out.push_str("\nRun it:\n\n");
            out.push_str(&block("sh", &format!("./{script} --execute")));
        }
    }
    let _ = writeln!(out, "\n{}", expected(step));
    if step.kind == StepKind::GhOst && step.phase == Some(Phase::Copy) {
        for (what, command) in [
            ("Pause the copy", format!("touch run/{}.throttle", step.id)),
            ("Go on", format!("rm -f run/{}.throttle", step.id)),
            (
                "End gh-ost immediately; `--execute` continues from the last checkpoint",
                format!("touch run/{}.panic", step.id),
            ),
        ] {
            let _ = write!(out, "\n{what}:\n\n");
            out.push_str(&block("sh", &command));
        }
    }
    if step.language == Language::Sql {
        out.push_str("\nThe script runs:\n\n");
        out.push_str(&block("sql", &format!("{};", step.run)));
    }
}

fn rollback(rollback: &Rollback, out: &mut String) {
    let _ = writeln!(out, "\nRollback: {}.", plain(&rollback.what));
    if let Some(run) = &rollback.run {
        let text = match rollback.language {
            Language::Sql => format!("{run};"),
            Language::Shell => run.clone(),
        };
        out.push('\n');
        out.push_str(&block(language(rollback.language), &text));
    }
    if let (Some(until), false) = (&rollback.until, rollback.point_of_no_return) {
        let _ = writeln!(out, "\nRollback possible until: {}.", plain(until));
    }
}

fn language(language: Language) -> &'static str {
    match language {
        Language::Shell => "sh",
        Language::Sql => "sql",
    }
}

fn expected(step: &Step) -> &'static str {
    match (step.kind, step.phase) {
        (StepKind::Preflight, _) => {
            "It ends with `All preflight checks passed.`, exit code 0. A line that begins with FAILED has its fix below it."
        }
        (StepKind::Verify, _) => "It ends with `Done: …`, exit code 0.",
        (StepKind::GhOst, Some(Phase::Copy)) => {
            "Without an argument gh-ost ends with `Done` after a few seconds. With `--execute` it runs until the cut-over: \
             its log shows `Copy: … 100.0%` and then `State: postponing cut-over`. After an interruption `--execute` goes on \
             from the last checkpoint."
        }
        (StepKind::GhOst, _) => {
            "It compares the rows, waits for open transactions, and ends with `The tables are swapped.`; gh-ost in its own \
             window ends with `Done`."
        }
        (StepKind::PtOnlineSchemaChange, Some(Phase::Copy)) => {
            "With `--execute` it ends with `Successfully altered` and exit code 0; the copy and its triggers stay."
        }
        _ => "It ends with `Done.`, exit code 0, or immediately with `Already done`.",
    }
}
