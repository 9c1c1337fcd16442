//! `csm-audit plan` and `csm-audit verify`: from arguments to a folder of files, and from that back to servers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use csm_audit::audit::Audit;
use csm_audit::cli;
use csm_audit::config::{CliOverrides, Settings};
use csm_audit::live::compare::{Agreement, Pair};
use csm_audit::live::facts::EnvironmentFacts;
use csm_audit::live::{self, DataSource, Limits, Request, Source};
use csm_audit::plan::gh_ost_flags::Release;
use csm_audit::plan::verify::{State, Verification};
use csm_audit::plan::{Commands, Effect, ModelSource, Options, Plan, Strategy};
use csm_audit::printable;
use csm_audit::progress::{Progress, Silent};
use csm_audit::touchpoint::models::Role;

use crate::bar::Bar;
use crate::{INCOMPLETE, environments};

/// Something of a plan is open.
const OPEN: u8 = 1;

/// The folder that is written by default.
const FOLDER: &str = "csm-audit-plan";

/// Plans the change, and writes the folder.
pub fn plan(arguments: &cli::Plan) -> anyhow::Result<ExitCode> {
    let settings = crate::resolve(arguments.overrides())?;
    if let Some(strategy @ (Strategy::DjangoMigration | Strategy::NewCluster)) = arguments.strategy {
        anyhow::bail!("{} has no scripts; --strategy is gh-ost, pt-online-schema-change or alter", strategy.name());
    }
    let (mut sources, _) = environments::of_scan(&arguments.environments, &settings)?;
    for name in &arguments.environment {
        anyhow::ensure!(
            sources.iter().any(|source| source.name == *name),
            "no database of the environment `{name}` was passed; write --replica {name}=mysql://USER@HOST/DATABASE"
        );
    }
    if !arguments.environment.is_empty() {
        sources.retain(|source| arguments.environment.contains(&source.name));
    }
    anyhow::ensure!(
        !sources.is_empty(),
        "`plan` needs facts of databases; pass --replica NAME=mysql://USER@HOST/DATABASE, or a snapshot"
    );
    let bar = (!settings.quiet && io::stderr().is_terminal()).then(Bar::new);
    let progress = bar.as_ref().map_or(&Silent as &dyn Progress, |bar| bar);
    let result = csm_audit::scan_and_keep_texts(&settings, progress)?;
    let request = environments::request(&arguments.environments, &settings.target, &result.models);
    let checked = csm_audit::cross_check(&settings, &result, &sources, &request, progress)?;
    drop(bar);
    let options = Options {
        gh_ost: arguments.gh_ost_version.or_else(installed),
        strategy: arguments.strategy,
        cut_over: arguments.cut_over,
        also: arguments.also.clone(),
        model: model(&result),
        texts: texts(&result, &checked.audit),
        commands: commands(&settings, &result),
    };
    let plan = csm_audit::plan::plan(&checked.audit, &options);
    let folder = arguments.output.clone().unwrap_or_else(|| PathBuf::from(FOLDER));
    write(&plan, &folder)?;
    if !settings.quiet {
        let mut stdout = io::stdout().lock();
        writeln!(
            stdout,
            "{}: {} steps; start with {}",
            folder.display(),
            plan.steps.len(),
            folder.join("runbook.md").display()
        )?;
        for assumption in &plan.assumptions {
            writeln!(
                stdout,
                "open: {}{}",
                assumption.environment.as_ref().map_or_else(String::new, |name| format!("{name}: ")),
                assumption.what
            )?;
        }
    }
    let incomplete = checked.audit.environments.iter().any(|environment| !environment.facts.incomplete.is_empty());
    Ok(if incomplete { ExitCode::from(INCOMPLETE) } else { ExitCode::SUCCESS })
}

/// The source of the target's class.
fn model(result: &csm_audit::ScanResult) -> Option<ModelSource> {
    let model = result.models.iter().find(|model| model.role == Role::Target)?;
    let text = result.project.text(model.file)?.as_str().to_owned();
    Some(ModelSource { path: result.project.path(model.file).to_owned(), text, line: model.line })
}

/// The texts of the files with fields that store the ids as plain integers.
fn texts(result: &csm_audit::ScanResult, audit: &Audit) -> BTreeMap<String, String> {
    let wanted: BTreeSet<&str> = audit.narrow_fields().map(|(_, field, _)| field.place.file.as_str()).collect();
    let files = result.project.discovery.ids().filter(|file| wanted.contains(result.project.path(*file)));
    files
        .filter_map(|file| Some((result.project.path(file).to_owned(), result.project.text(file)?.as_str().to_owned())))
        .collect()
}

/// How the project runs Django's commands: by the `manage.py` that is nearest above the model.
fn commands(settings: &Settings, result: &csm_audit::ScanResult) -> Commands {
    let model = result.models.iter().find(|model| model.role == Role::Target);
    let path = model.map_or("", |model| result.project.path(model.file));
    let found = settings.roots.iter().find_map(|root| {
        Path::new(path).ancestors().skip(1).find_map(|folder| {
            let relative = folder.join("manage.py");
            let file = root.join(&relative);
            let is_file = fs::symlink_metadata(&file).is_ok_and(|metadata| metadata.is_file());
            let text = is_file.then(|| fs::read_to_string(&file).ok()).flatten()?;
            Some((relative.to_str()?.to_owned(), text))
        })
    });
    match found {
        Some((relative, text)) => {
            csm_audit::plan::commands::of_project(&relative, &text, settings.settings.as_deref(), path)
        }
        None => Commands::default(),
    }
}

/// The release of the gh-ost that `CSM_AUDIT_GH_OST` or the path has.
fn installed() -> Option<Release> {
    let program = std::env::var_os("CSM_AUDIT_GH_OST").unwrap_or_else(|| "gh-ost".into());
    let output = Command::new(program).arg("--version").output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

/// Writes the folder of a plan.
pub fn write(plan: &Plan, folder: &Path) -> anyhow::Result<()> {
    let cannot = |path: &Path| format!("cannot write {}; pass a writable folder with -o", path.display());
    // Scripts of an older plan beside those of a new one would be run in good faith.
    if let Ok(entries) = fs::read_dir(folder) {
        let is_plan = folder.join("plan.json").is_file();
        let foreign = entries.flatten().next().is_some() && !is_plan;
        anyhow::ensure!(
            !foreign,
            "{} is not empty and contains no plan; pass another folder with -o",
            folder.display()
        );
        if is_plan {
            let text = fs::read_to_string(folder.join("plan.json")).unwrap_or_default();
            let older = Plan::parse(&text).map(|plan| plan.steps).unwrap_or_default();
            for script in older.iter().filter_map(|step| own_script(folder, step.script.as_deref()?)) {
                // What is gone already need not be removed, and what cannot be is written over.
                let _ = fs::remove_file(script);
            }
        }
    }
    for file in &plan.files {
        let path = folder.join(&file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| cannot(parent))?;
        }
        fs::write(&path, &file.text).with_context(|| cannot(&path))?;
        #[cfg(unix)]
        if file.executable {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).with_context(|| cannot(&path))?;
        }
    }
    Ok(())
}

/// The first line of every script.
const SCRIPT: &[u8] = b"#!/usr/bin/env bash\n# shellcheck disable=";

/// A script in the folder that an earlier `plan` wrote. A plan.json can come from anywhere: only a bare file name of a script
/// counts, and only a regular file that begins as scripts of plans do.
fn own_script(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut components = Path::new(name).components();
    let is_bare =
        matches!((components.next(), components.next()), (Some(Component::Normal(only)), None) if only == name);
    if !is_bare || Path::new(name).extension().is_none_or(|extension| extension != "sh") {
        return None;
    }
    let path = folder.join(name);
    let is_file = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
    let begins = || {
        let mut head = Vec::new();
        let file = fs::File::open(&path).ok()?;
        file.take(SCRIPT.len() as u64).read_to_end(&mut head).ok()?;
        Some(head == SCRIPT)
    };
    (is_file && begins()?).then_some(path)
}

/// Checks which steps of a plan are done in the databases.
pub fn verify(arguments: &cli::Verify) -> anyhow::Result<ExitCode> {
    let settings = crate::resolve(CliOverrides { config: arguments.config.clone(), ..CliOverrides::default() })?;
    let text = fs::read_to_string(&arguments.plan)
        .with_context(|| format!("cannot read {}; csm-audit plan writes this file", arguments.plan.display()))?;
    let plan = Plan::parse(&text).map_err(|reason| {
        anyhow::anyhow!("{}: {reason}; csm-audit plan writes a valid one", arguments.plan.display())
    })?;
    let (sources, _) = environments::of_scan(&arguments.environments, &settings)?;
    anyhow::ensure!(
        !sources.is_empty(),
        "no database was passed; write --replica NAME=mysql://USER@HOST/DATABASE, with a NAME of the plan"
    );
    let mut request = Request::about(&plan.target);
    request.tables.push(plan.table.clone());
    for effect in plan.steps.iter().flat_map(|step| &step.effects) {
        if let Effect::ChangesType { table, .. } = effect {
            request.tables.push(table.clone());
        }
    }
    request.tables.sort();
    request.tables.dedup();
    request.allow_primary = arguments.environments.allow_primary;
    request.limits =
        Limits { statement: std::time::Duration::from_secs(arguments.environments.timeout), ..Limits::default() };
    let facts: Vec<_> = sources.iter().map(|source| live::read(source, &request).0).collect();
    let mut verification = Verification::new(&plan, &facts);
    if arguments.rows {
        for (source, facts) in sources.iter().zip(&facts) {
            rows(&plan, source, facts, &mut verification);
        }
    }
    let text = verification.text();
    let text = printable::visible(&text);
    io::stdout().lock().write_all(printable::without_commands(&text).as_bytes())?;
    Ok(if verification.is_done() { ExitCode::SUCCESS } else { ExitCode::from(OPEN) })
}

/// Compares the rows of the plan's tables with those of the tables that online changes left or are making.
fn rows(plan: &Plan, source: &Source, facts: &EnvironmentFacts, verification: &mut Verification) {
    for place in &source.places {
        let DataSource::Server { login, database } = place else { continue };
        let Some(held) = facts.database(database) else { continue };
        for (name, of) in held.leftovers() {
            let planned = plan.steps.iter().flat_map(|step| &step.effects).any(
                |effect| matches!(effect, Effect::ChangesType { database: d, table, .. } if d == database && table == of),
            );
            let (Some(table), Some(left)) = (held.table(of), held.table(name)) else { continue };
            let (Some(pair), true) = (Pair::new(database, table, left), planned) else { continue };
            let (what, state) = match pair.compare(login) {
                Ok(found) => tell(of, name, &found),
                Err(reason) => (format!("{of} and {name} could not be compared: {reason}"), State::Unproven),
            };
            verification.push(&facts.name, what, state);
        }
    }
}

/// What a comparison comes to. A row that the old table alone has was deleted since, or is lost: the tables do not show which.
fn tell(table: &str, left: &str, found: &Agreement) -> (String, State) {
    let Agreement { rows, missing, differing } = found;
    if *missing > 0 {
        let what = format!("{missing} of the {rows} rows of {left} are not in {table}: deleted since, or lost");
        return (what, State::Unproven);
    }
    let changed = if *differing > 0 {
        format!(", {differing} of them changed since or still being copied")
    } else {
        String::new()
    };
    (format!("all {rows} rows of {left} are in {table}{changed}"), State::Done)
}
