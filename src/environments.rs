//! `csm-audit snapshot`: from arguments and configuration to environments that are read and written.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use csm_audit::cli::{Access, Environments, Snapshot};
use csm_audit::config::{CliOverrides, Environment, Settings};
use csm_audit::live::address::{self, Address};
use csm_audit::live::facts::EnvironmentFacts;
use csm_audit::live::login::CredentialSources;
use csm_audit::live::{self, DataSource, Limits, Request, Source, snapshot};
use csm_audit::plan::slug;
use csm_audit::printable;
use csm_audit::report::LinkedModel;
use csm_audit::report::humanize::one_line;
use csm_audit::source::{Gap, GapKind};
use csm_audit::touchpoint::models::Role;

use crate::INCOMPLETE;

/// Takes passwords out of the arguments, which everybody on the machine can read while the program runs, by running
/// it again with the passwords in its environment, which only its owner can read.
#[cfg(unix)]
pub fn hide_passwords() {
    use std::os::unix::process::CommandExt as _;

    let mut hidden = Vec::new();
    let mut arguments = Vec::new();
    for argument in std::env::args_os() {
        let variable = format!("CSM_AUDIT_URL_PASSWORD_{}", hidden.len() + 1);
        match argument.to_str().and_then(|text| Address::hide_password(text, &variable)) {
            Some((argument, password)) => {
                hidden.push((variable, password));
                arguments.push(argument.into());
            }
            None => arguments.push(argument),
        }
    }
    if hidden.is_empty() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let mut arguments = arguments.into_iter();
    let mut command = std::process::Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments).envs(hidden.iter().map(|(variable, password)| (variable, password.expose())));
    // It only returns when it fails; the arguments that were given do as well, only less discreetly.
    drop(command.exec());
}

/// No effect outside of Unix: the process cannot replace itself with one that has a cleaned argv.
#[cfg(not(unix))]
pub fn hide_passwords() {}

/// Reads environments and writes them as a snapshot.
pub fn snapshot(arguments: Snapshot) -> anyhow::Result<ExitCode> {
    let settings = crate::resolve(CliOverrides {
        config: arguments.config.clone(),
        target: arguments.target.target.clone(),
        quiet: arguments.quiet,
        ..CliOverrides::default()
    })?;
    let (sources, mut gaps) = sources(&arguments.environments, &arguments.access, &settings)?;
    anyhow::ensure!(
        !sources.is_empty(),
        "no environment was passed; write prod=mysql://user@host/database, or [environments.prod] in the configuration"
    );
    let mut request = Request::about(&settings.target);
    request.tables.extend(arguments.table);
    request.columns.extend(arguments.column);
    request.all = arguments.all_tables;
    request.sample = arguments.sample;
    request.allow_primary = arguments.allow_primary;
    request.limits = Limits { statement: Duration::from_secs(arguments.timeout), ..Limits::default() };

    let mut environments = Vec::new();
    for source in &sources {
        let (facts, found) = live::read(source, &request);
        environments.push(facts);
        gaps.extend(found);
    }
    match &arguments.output {
        Some(path) => {
            let mut bytes = Vec::new();
            snapshot::write(&environments, &mut bytes)?;
            let path = place_of(path, &environments);
            crate::output::write_files(&[(path, bytes)])?;
        }
        None => snapshot::write(&environments, BufWriter::new(io::stdout().lock()))?,
    }
    let incomplete = environments.iter().any(|environment| !environment.incomplete.is_empty());
    if !arguments.quiet || incomplete {
        let mut stderr = anstream::stderr().lock();
        for Gap { kind, reason, .. } in
            gaps.iter().filter(|gap| !arguments.quiet || gap.kind == GapKind::EnvironmentIncomplete)
        {
            // A closed standard error is not an error.
            let _ = writeln!(stderr, "{kind}: {}", printable::line(reason));
        }
    }
    Ok(if incomplete { ExitCode::from(INCOMPLETE) } else { ExitCode::SUCCESS })
}

/// Where a snapshot is written. One that is not complete takes no complete one's place: it is written beside it.
fn place_of(path: &Path, environments: &[EnvironmentFacts]) -> PathBuf {
    let is_complete =
        |environments: &[EnvironmentFacts]| environments.iter().all(|environment| environment.incomplete.is_empty());
    if is_complete(environments) || !snapshot::read_file(path).is_ok_and(|known| is_complete(&known)) {
        return path.to_path_buf();
    }
    let beside = path.with_extension("incomplete.json");
    // A closed standard error is not an error.
    let _ = writeln!(
        anstream::stderr(),
        "{} is complete and was kept; this snapshot is not complete and was written to {}",
        path.display(),
        beside.display()
    );
    beside
}

/// What a scan is to read; nothing if no environment was passed.
pub fn of_scan(arguments: &Environments, settings: &Settings) -> anyhow::Result<(Vec<Source>, Vec<Gap>)> {
    if arguments.offline {
        return Ok((Vec::new(), Vec::new()));
    }
    sources(&arguments.replicas, &arguments.access, settings)
}

/// The earlier snapshots of environments that were passed to a scan.
pub fn earlier(arguments: &Environments, settings: &Settings) -> anyhow::Result<Vec<Source>> {
    if let Some(wrong) = arguments.earlier.iter().find(|argument| !argument.contains('=') || argument.contains("://")) {
        anyhow::bail!(
            "`{}` is not a valid earlier snapshot; write prod=FILE of csm-audit snapshot",
            address::redact(wrong)
        );
    }
    if arguments.earlier.is_empty() {
        return Ok(Vec::new());
    }
    let (sources, _) = sources(&arguments.earlier, &arguments.access, settings)?;
    for place in sources.iter().flat_map(|source| &source.places) {
        if let DataSource::Dump { path, .. } = place {
            anyhow::bail!(
                "{} is a dump, which records no time; --earlier requires a file of csm-audit snapshot",
                path.display()
            );
        }
    }
    Ok(sources)
}

/// What is asked of the environments of a scan, besides what the target's usual names say: its table, and the columns
/// of fields that point to it.
pub fn request(arguments: &Environments, target: &str, models: &[LinkedModel]) -> Request {
    let mut request = Request::about(target);
    for model in models {
        if let (Role::Target, Some(table)) = (model.role, &model.table) {
            request.tables.push(table.clone());
        }
        request.columns.extend(model.via.iter().map(|field| format!("{field}_id")));
    }
    for list in [&mut request.tables, &mut request.columns] {
        list.sort();
        list.dedup();
    }
    request.sample = arguments.sample;
    request.allow_primary = arguments.allow_primary;
    request.limits = Limits { statement: Duration::from_secs(arguments.timeout), ..Limits::default() };
    request
}

/// What the arguments name, in their order: places, and environments of the configuration.
fn sources(environments: &[String], access: &Access, settings: &Settings) -> anyhow::Result<(Vec<Source>, Vec<Gap>)> {
    let home = std::env::home_dir();
    let variable = |name: &str| std::env::var(name).ok();
    // Several databases of one server are several questions for one password.
    let answers = RefCell::new(BTreeMap::new());
    let ask = |question: &str| {
        let mut answers = answers.borrow_mut();
        let answer = answers.entry(question.to_owned());
        answer.or_insert_with(|| rpassword::prompt_password(question).ok()).clone()
    };
    // Without a terminal no prompt is possible.
    let somebody = io::stdin().is_terminal() && io::stderr().is_terminal();
    let parse = |texts: &[String], environment: &Environment| {
        let around = CredentialSources {
            password_file: environment.password_file.as_deref().or(access.password_file.as_deref()),
            password_env: environment.password_env.as_deref(),
            defaults_file: access.defaults_file.as_deref(),
            group_suffix: access.defaults_group_suffix.as_deref(),
            home: home.as_deref(),
            variable: &variable,
            ask: if somebody { Some(&ask) } else { None },
        };
        Source::parse_all(texts.iter().map(String::as_str), &around)
    };
    let (places, names): (Vec<String>, Vec<String>) =
        environments.iter().cloned().partition(|argument| argument.contains('='));
    let (mut sources, mut gaps) = parse(&places, &Environment::default())?;
    let all = names.is_empty() && places.is_empty();
    for name in &names {
        anyhow::ensure!(
            settings.environments.contains_key(name),
            "`{name}` is not an environment of the configuration; write {name}=mysql://user@host/database"
        );
    }
    for (name, environment) in settings.environments.iter().filter(|(name, _)| all || names.contains(name)) {
        let texts: Vec<String> = environment.sources.iter().map(|place| format!("{name}={place}")).collect();
        let (found, more) = parse(&texts, environment)?;
        sources.extend(found);
        gaps.extend(more);
    }
    ensure_distinct(sources.iter().map(|source| source.name.as_str()))?;
    Ok((sources, gaps))
}

/// Refuses environments whose plans would have the same file names, also on disks that ignore case: a script made for one
/// server could be run on another.
fn ensure_distinct<'a>(names: impl Iterator<Item = &'a str>) -> anyhow::Result<()> {
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    for name in names {
        anyhow::ensure!(
            name.contains(|c: char| c.is_ascii_alphanumeric()),
            "environment `{}` has no ASCII letter or digit for file names; rename it, for example to prod-eu",
            one_line(name)
        );
        let stem = slug(name).to_ascii_lowercase();
        match known.get(&stem) {
            Some(other) if *other != name => anyhow::bail!(
                "environments `{}` and `{}` would have the same file names, {stem}-…; rename one of them",
                one_line(other),
                one_line(name)
            ),
            _ => known.insert(stem, name),
        };
    }
    Ok(())
}
