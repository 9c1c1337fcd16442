//! The program: reads the command line, runs, prints, and chooses the exit code.

mod bar;
mod environments;

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use anyhow::Context;
use bar::Bar;
use clap::{CommandFactory, Parser};
use csm_audit::cli::{Cli, Command, Gate, GateFormat, Scan, Schema, SchemaFormat};
use csm_audit::config::{Color, Format, Settings};
use csm_audit::gate::{github, json as gate_json, text as gate_text};
use csm_audit::live::grants;
use csm_audit::progress::{Progress, Silent};
use csm_audit::report::v1::Report;
use csm_audit::report::{json, terminal};

/// The input, the configuration or the command line cannot be used; clap's own errors say the same.
const USAGE: u8 = 2;

const ERROR: Style = AnsiColor::Red.on_default().bold();

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
            let _ = writeln!(anstream::stderr(), "{ERROR}error:{ERROR:#} {error:#}");
            ExitCode::from(USAGE)
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Gate(arguments) => return gate(arguments),
        Command::Scan(arguments) => scan(arguments)?,
        Command::Schema(arguments) => schema(&arguments)?,
        Command::Snapshot(arguments) => return environments::snapshot(arguments),
        Command::Grants(arguments) => {
            let text = grants::statements(arguments.server, &arguments.account, &arguments.databases);
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

fn scan(arguments: Scan) -> anyhow::Result<()> {
    let settings = Settings::load(arguments.given())?;
    choose_color(settings.color);
    let bar = (!settings.quiet && io::stderr().is_terminal()).then(Bar::new);
    let result = csm_audit::scan(&settings, bar.as_ref().map_or(&Silent, |bar| bar as &dyn Progress));
    drop(bar);
    // The program ends here: the system takes back all trees at once, faster than they could be dropped one by one.
    let result = std::mem::ManuallyDrop::new(result?);
    print(&settings, &Report::new(&result.findings()))
}

fn gate(arguments: Gate) -> anyhow::Result<ExitCode> {
    let (task, format) = (arguments.task(), arguments.format);
    let settings = Settings::load(arguments.given())?;
    choose_color(settings.color);
    let bar = (!settings.quiet && io::stderr().is_terminal()).then(Bar::new);
    let verdict = csm_audit::gate(&settings, &task, bar.as_ref().map_or(&Silent, |bar| bar as &dyn Progress));
    drop(bar);
    let verdict = verdict?;
    let text = match format {
        GateFormat::Text => gate_text::render(&verdict),
        GateFormat::Json => gate_json::render(&verdict),
        GateFormat::Github => github::render(&verdict),
    };
    let mut stdout = AutoStream::auto(io::stdout().lock());
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // Whoever has read enough has still to learn whether something is new.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::from(verdict.exit_code())),
    }
}

fn schema(arguments: &Schema) -> anyhow::Result<()> {
    let settings = Settings::load(arguments.given())?;
    let expected = if arguments.models {
        csm_audit::expected::expect_with_models(&settings)?
    } else {
        csm_audit::expected::expect(&settings)?
    };
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
    match &settings.output {
        Some(path) => std::fs::write(path, text)
            .with_context(|| format!("cannot write {}; give a path that you may write with -o", path.display())),
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

fn print(settings: &Settings, report: &Report) -> anyhow::Result<()> {
    match &settings.output {
        Some(path) => {
            let cannot = || format!("cannot write {}; give a path that you may write with -o", path.display());
            write_file(settings.format, report, path).with_context(cannot)
        }
        None => {
            let stdout = io::stdout().lock();
            match settings.format {
                Format::Json => Ok(json::write(report, BufWriter::new(stdout))?),
                Format::Text => {
                    let mut stdout = AutoStream::auto(stdout);
                    stdout.write_all(terminal::render(report, width()).as_bytes())?;
                    Ok(stdout.flush()?)
                }
            }
        }
    }
}

fn write_file(format: Format, report: &Report, path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    match format {
        Format::Json => json::write(report, file),
        Format::Text => {
            let plain = anstream::adapter::strip_str(&terminal::render(report, DEFAULT_WIDTH)).to_string();
            file.write_all(plain.as_bytes())?;
            file.flush()
        }
    }
}

/// The width of what is no terminal.
const DEFAULT_WIDTH: usize = 80;

fn width() -> usize {
    terminal_size::terminal_size().map_or(DEFAULT_WIDTH, |(width, _)| usize::from(width.0))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut kinds = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    kinds.any(|kind| kind == ErrorKind::BrokenPipe)
}
