//! Which settings a project runs with, and what they say of apps and databases.

use std::rc::Rc;

use super::aliases::Aliases;
use crate::config::Settings;
use crate::literal::{Interp, Names, Value};
use crate::migration::DjangoHost;
use crate::project::Project;
use crate::source::{Gap, GapKind, INSTALLED_APPS};

/// The settings that were chosen, and what they say of apps and databases.
#[derive(Default)]
pub(super) struct Chosen {
    /// The installed apps, as `INSTALLED_APPS` names them.
    pub installed: Vec<String>,
    /// The database aliases.
    pub aliases: Aliases,
    /// The files of the project itself, as reports show them.
    pub files: rustc_hash::FxHashSet<String>,
    /// What could not be read of the settings.
    pub gaps: Vec<Gap>,
}

/// Evaluates the settings module and puts its names into the host.
pub(super) fn read<'p>(
    settings: &Settings,
    project: &Project,
    interp: &mut Interp<'p>,
    host: &Rc<DjangoHost<'p>>,
) -> Chosen {
    let mut gaps = Vec::new();
    let gaps_before = interp.gaps.len();
    let listed = match settings.installed_apps_text() {
        Ok(text) => text.map(|text| app_list(&text)),
        Err(error) => {
            gaps.push(of_apps(format!("the list of installed apps cannot be read: {error}")));
            None
        }
    };
    let target_app = settings.target.split('.').next().unwrap_or("");
    let modules = match &settings.settings {
        Some(module) => vec![module.clone()],
        None => candidates(project, interp),
    };
    let mut best: Option<(usize, String, Names<'p>)> = None;
    for module in &modules {
        interp.restart();
        let Some(scope) = interp.module(module) else {
            if settings.settings.is_some() {
                gaps.push(of_apps(format!("the settings module {module} is not found")));
            }
            continue;
        };
        let raw: Vec<(Rc<str>, Value<'p>)> =
            scope.names.borrow().iter().filter(|(n, _)| is_setting(n)).map(|(n, v)| (n.clone(), v.clone())).collect();
        let names: Names<'p> = raw.into_iter().map(|(name, value)| (name, interp.resolve(value))).collect();
        let apps = installed(&names);
        // Of several settings modules the one that fits what is asked for: the list of apps, or the target.
        let fit = match &listed {
            Some(listed) => apps.iter().filter(|a| listed.contains(a)).count(),
            None => apps.len() + if apps.iter().any(|a| a.contains(target_app)) { 10_000 } else { 0 },
        };
        if best.as_ref().is_none_or(|(most, ..)| fit > *most) {
            best = Some((fit, module.clone(), names));
        }
    }
    let names = match best {
        Some((_, module, names)) => {
            if settings.settings.is_none() && modules.len() > 1 {
                gaps.push(of_apps(format!(
                    "of the settings modules {} {module} is taken; --settings names another",
                    modules.join(", ")
                )));
            }
            names
        }
        None => {
            if settings.settings.is_none() {
                gaps.push(of_apps("no settings module was found; --settings names it"));
            }
            Names::default()
        }
    };
    let installed = listed.unwrap_or_else(|| installed(&names));
    if installed.is_empty() {
        gaps.push(of_apps("no installed apps are known; --installed-apps or --settings tells them"));
    }
    let aliases = super::aliases::read(&names, &settings.databases, &mut gaps);
    *host.settings.borrow_mut() = names;
    let files = super::project_files(project);
    // What could not be decided in a package's module changes no setting of the project.
    let undecided = interp.gaps.drain(gaps_before..);
    let undecided = undecided.filter(|gap| gap.file.as_ref().is_some_and(|file| files.contains(file)));
    gaps.extend(undecided.map(|gap| if gap.subject.object.is_some() { gap } else { gap.of_object(INSTALLED_APPS) }));
    Chosen { installed, aliases, files, gaps }
}

/// A gap because of which the list of installed apps may be another one.
fn of_apps(reason: impl Into<String>) -> Gap {
    Gap::general(GapKind::Settings, reason).of_object(INSTALLED_APPS)
}

fn is_setting(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// One dotted name a line; `#` starts a comment.
fn app_list(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or("").trim().trim_matches(['\'', '"', ',']).to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

fn installed(names: &Names<'_>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for value in names.get("INSTALLED_APPS").and_then(Value::items).unwrap_or_default() {
        let entry = match &value {
            Value::Str(text) => text.to_string(),
            Value::Class(class) => class.dotted(),
            _ => continue,
        };
        if !out.contains(&entry) {
            out.push(entry);
        }
    }
    out
}

/// The settings modules that a project's entry points name, or a module called `settings`.
fn candidates(project: &Project, interp: &Interp<'_>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut gone: Vec<String> = Vec::new();
    for file in project.discovery.ids() {
        let path = project.path(file);
        let name = path.rsplit('/').next().unwrap_or(path);
        let entry = matches!(name, "manage.py" | "wsgi.py" | "asgi.py");
        if !entry
            || path.matches('/').count() > 2
            || project.discovery.entry(file).root >= project.discovery.roots.len()
        {
            continue;
        }
        if project.discovery.roots[project.discovery.entry(file).root].kind != crate::discover::RootKind::Project {
            continue;
        }
        let Some(parsed) = project.parsed(file) else { continue };
        for (at, _) in parsed.text.as_str().match_indices("DJANGO_SETTINGS_MODULE") {
            let rest: String = parsed.text.as_str()[at..].chars().skip(22).take(120).collect();
            let mut quoted =
                rest.split(['"', '\'']).filter(|t| !t.trim().is_empty() && !t.contains([',', ']', '(', '\n', ' ']));
            if let Some(module) = quoted.next() {
                let list = if interp.loader().exists(module) { &mut out } else { &mut gone };
                if module.contains(|c: char| c.is_alphabetic()) && !list.iter().any(|m| m == module) {
                    list.push(module.to_owned());
                }
            }
        }
    }
    // A module that an entry point names may be gone; what stands beside it under a usual name is meant then.
    for module in gone {
        let package = module.rsplit_once('.').map(|(package, _)| package).unwrap_or("");
        for name in ["production", "prod", "common", "base", "settings", "local"] {
            let beside = if package.is_empty() { name.to_owned() } else { format!("{package}.{name}") };
            if interp.loader().exists(&beside) && !out.contains(&beside) {
                out.push(beside);
                break;
            }
        }
    }
    let own = project.discovery.ids().any(|file| {
        project.path(file) == "settings.py"
            && project.discovery.roots[project.discovery.entry(file).root].kind == crate::discover::RootKind::Project
    });
    if own && !out.iter().any(|m| m == "settings") {
        out.insert(0, String::from("settings"));
    }
    out
}
