//! The program: reads the command line, runs, prints, and chooses the exit code.

mod bar;
mod environments;
mod output;
mod planning;

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use bar::Bar;
use clap::{CommandFactory, Parser};
use csm_audit::check;
use csm_audit::cli::{self, Cli, Command, Gate, GateFormat, Scan, Schema, SchemaFormat};
use csm_audit::config::{CliOverrides, Color, Settings};
use csm_audit::gate::{github, json as gate_json, markdown as gate_markdown, text as gate_text};
use csm_audit::live::grants;
use csm_audit::plan::{self, Options};
use csm_audit::printable;
use csm_audit::progress::{Progress, Silent};
use csm_audit::report::humanize::one_line;
use csm_audit::report::v1::Report;
use output::Output;

/// The input, the configuration or the command line cannot be used; clap's own errors say the same.
const USAGE: u8 = 2;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Not everything could be read.
const INCOMPLETE: u8 = 3;

/// Trees and sets of values are many small allocations, made on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    environments::hide_passwords();
    match run(Cli::parse()) {
        Ok(code) => code,
        // Whoever reads has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // When standard error is gone too, the exit code has to say it alone.
            let text = format!("{error:#}");
            let text = printable::visible(&text);
            let _ = writeln!(anstream::stderr(), "{ERROR}error:{ERROR:#} {}", printable::without_commands(&text));
            ExitCode::from(USAGE)
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Gate(arguments) => return gate(&arguments),
        Command::Scan(arguments) => return scan(arguments),
        Command::Plan(arguments) => return planning::plan(&arguments),
        Command::Verify(arguments) => return planning::verify(&arguments),
        Command::Explain { check } => explain(check.as_deref())?,
        Command::Report(arguments) => report(&arguments)?,
        Command::Schema(arguments) => schema(&arguments)?,
        Command::Snapshot(arguments) => return environments::snapshot(arguments),
        Command::Grants(arguments) => {
            let (dialect, server) = arguments.server;
            let text = match arguments.tool {
                Some(tool) => plan::rights::statements(tool, server, &arguments.account, &arguments.databases),
                None => grants::statements(dialect, &arguments.account, &arguments.databases),
            };
            io::stdout().write_all(text.as_bytes())?;
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "csm-audit", &mut script);
            io::stdout().write_all(&script)?;
        }
        Command::Man => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            io::stdout().write_all(&page)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The settings of a run. What of the configuration is not obeyed is printed.
fn resolve(overrides: CliOverrides) -> anyhow::Result<Settings> {
    let settings = Settings::resolve(overrides)?;
    choose_color(settings.color);
    let mut stderr = anstream::stderr().lock();
    // A user who closed standard error gets no warnings.
    for warning in &settings.warnings {
        let _ = writeln!(stderr, "{WARNING}warning:{WARNING:#} {}", one_line(warning));
    }
    let elsewhere = |file: &&PathBuf| file.starts_with("..");
    if let Some(file) = settings.files.first().filter(elsewhere).filter(|_| !settings.quiet) {
        let _ = writeln!(stderr, "configuration: {}", one_line(&file.display().to_string()));
    }
    Ok(settings)
}

fn scan(mut arguments: Scan) -> anyhow::Result<ExitCode> {
    let databases = std::mem::take(&mut arguments.environments);
    let settings = resolve(arguments.overrides())?;
    // Whoever is asked for a password is asked before the long work begins.
    let (sources, asked) = environments::of_scan(&databases, &settings)?;
    let earlier = environments::earlier(&databases, &settings)?;
    let bar = (!settings.quiet && io::stderr().is_terminal()).then(Bar::new);
    let progress = bar.as_ref().map_or(&Silent as &dyn Progress, |bar| bar);
    // The program ends here: the system takes back all trees at once, faster than they could be dropped one by one.
    let scan = if sources.is_empty() { csm_audit::scan } else { csm_audit::scan_and_keep_texts };
    let mut result = std::mem::ManuallyDrop::new(scan(&settings, progress)?);
    let checked = if sources.is_empty() {
        None
    } else {
        let request = environments::request(&databases, &settings.target, &result.models);
        let mut checked =
            csm_audit::cross_check_with_history(&settings, &result, &sources, &earlier, &request, progress)?;
        checked.audit.gaps.extend(asked);
        // The answer of the report reads them too.
        result.gaps.extend(checked.audit.gaps.iter().cloned());
        result.gaps.sort();
        result.gaps.dedup();
        Some(checked)
    };
    drop(bar);
    let mut report = Report::new(&result.findings());
    let mut output =
        Output { format: settings.format, path: settings.output.as_deref(), quiet: settings.quiet, also: None };
    if let Some(checked) = &checked {
        report = report.with_databases(&checked.audit, &checked.findings);
        // Nothing of this machine is asked, so that the same facts give the same report.
        let plan = plan::plan(&checked.audit, &Options::default());
        report = report.with_plan(&plan);
        if let Some(folder) = output.folder() {
            let folder = folder.join("plan");
            planning::write(&plan, &folder)?;
            output.also = Some(folder);
        }
    }
    report.quote(&result.project);
    report.source_url.clone_from(&settings.source_url);
    output.write(&report)?;
    let incomplete = report.environments.iter().any(|environment| !environment.complete);
    Ok(if incomplete { ExitCode::from(INCOMPLETE) } else { ExitCode::SUCCESS })
}

/// Prints what a check is about, or all of them in a line each.
fn explain(id: Option<&str>) -> anyhow::Result<()> {
    let text = match id {
        None => check::docs::list(),
        Some(id) => match check::find(id) {
            Some(check) => check::docs::page(check),
            None => {
                let near = check::CHECKS
                    .iter()
                    .map(|check| (strsim::jaro_winkler(id, check.id), check.id))
                    .filter(|(similar, _)| *similar > 0.8)
                    .max_by(|a, b| a.0.total_cmp(&b.0));
                let guess = near.map_or_else(String::new, |(_, id)| format!(" (did you mean {id}?)"));
                anyhow::bail!("unknown check `{id}`{guess}; `csm-audit explain` lists all checks");
            }
        },
    };
    Ok(io::stdout().write_all(text.as_bytes())?)
}

fn report(arguments: &cli::Report) -> anyhow::Result<()> {
    choose_color(arguments.color);
    let mut report = output::read(&arguments.report)?;
    if let Some(url) = &arguments.source_url {
        report.source_url = Some(url.clone());
    }
    let output =
        Output { format: arguments.format, path: arguments.output.as_deref(), quiet: arguments.quiet, also: None };
    output.write(&report)
}

fn gate(arguments: &Gate) -> anyhow::Result<ExitCode> {
    let (task, format) = (arguments.task(), arguments.format);
    let settings = resolve(arguments.overrides())?;
    let bar = (!settings.quiet && io::stderr().is_terminal()).then(Bar::new);
    let gated = csm_audit::gate(&settings, &task, bar.as_ref().map_or(&Silent, |bar| bar as &dyn Progress));
    drop(bar);
    // As in `scan`, the trees are left to the system.
    let gated = std::mem::ManuallyDrop::new(gated?);
    let verdict = &gated.verdict;
    let text = match format {
        GateFormat::Text => gate_text::render(verdict),
        GateFormat::Json => gate_json::render(verdict),
        GateFormat::Github => github::render(verdict),
        GateFormat::Markdown => gate_markdown::render(verdict),
    };
    let mut stdout = AutoStream::auto(io::stdout().lock());
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // Whoever has read enough has still to learn whether something is new.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::from(verdict.exit_code())),
    }
}

fn schema(arguments: &Schema) -> anyhow::Result<()> {
    let settings = resolve(arguments.overrides())?;
    let expected = csm_audit::expected_schema(&settings, arguments.models)?;
    let selection =
        csm_audit::expected::output::Selection { app: arguments.app.clone(), alias: arguments.alias.clone() };
    let mut text = Vec::new();
    match arguments.format {
        SchemaFormat::Json => {
            csm_audit::expected::output::json(&expected, &selection, &mut text)?;
            text.push(b'\n');
        }
        SchemaFormat::Sql => text = csm_audit::expected::output::sql(&expected, &selection).into_bytes(),
    }
    // The configuration's `output` is for reports.
    match &arguments.output {
        Some(path) => output::write_files(&[(path.clone(), text)]),
        None => Ok(io::stdout().lock().write_all(&text)?),
    }
}

/// `--color` rules over `NO_COLOR` and over what the streams are.
fn choose_color(color: Color) {
    match color {
        Color::Auto => {}
        Color::Always => ColorChoice::Always.write_global(),
        Color::Never => ColorChoice::Never.write_global(),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut kinds = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    kinds.any(|kind| kind == ErrorKind::BrokenPipe)
}
