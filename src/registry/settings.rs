//! Which settings a project runs with, and what they say of apps and databases.

use std::rc::Rc;

use super::aliases::Aliases;
use crate::config::Settings;
use crate::discover::RootKind;
use crate::literal::{Interp, Names, Value};
use crate::migration::DjangoHost;
use crate::project::Project;
use crate::source::{Gap, GapKind, INSTALLED_APPS, UNKNOWN_PART};

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
        None => candidates(project, interp, &mut gaps),
    };
    let mut best: Option<((bool, bool, usize), String, Names<'p>)> = None;
    for module in &modules {
        interp.restart();
        let Some(scope) = interp.module(module) else {
            if settings.settings.is_some() {
                gaps.push(of_apps(format!("the settings module {module} was not found")));
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
            None => apps.len(),
        };
        // One that has the target's app before one that has not, and MySQL before what a developer runs on.
        let fit = match &listed {
            Some(_) => (false, false, fit),
            None => (apps.iter().any(|a| a.contains(target_app)), names_mysql(&names), fit),
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
                gaps.push(of_apps("no settings module was found; set it with --settings"));
            }
            Names::default()
        }
    };
    if listed.is_none() {
        gaps.extend(unknown_apps(&names));
    }
    let installed = listed.unwrap_or_else(|| installed(&names));
    if installed.is_empty() {
        gaps.push(of_apps("the installed apps are unknown; set them with --installed-apps or --settings"));
    }
    let aliases = super::aliases::read(&names, &settings.databases, &mut gaps);
    *host.settings.borrow_mut() = names;
    let files = super::project_files(project);
    // What could not be decided in a package's module changes no setting of the project.
    let undecided = interp.gaps.drain(gaps_before..);
    let undecided = undecided.filter(|gap| gap.file.as_ref().is_some_and(|file| files.contains(file)));
    gaps.extend(undecided.map(|gap| if gap.subject().object.is_some() { gap } else { gap.of_object(INSTALLED_APPS) }));
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

/// Parts of `INSTALLED_APPS` that could not be evaluated: there may be more apps than are known.
fn unknown_apps(names: &Names<'_>) -> Vec<Gap> {
    let items = names.get("INSTALLED_APPS").and_then(Value::items).unwrap_or_default();
    let unknown = items.iter().filter_map(|item| match item {
        Value::Unknown(reason) => Some(reason.to_string()),
        Value::Str(_) | Value::Class(_) => None,
        other => Some(other.repr()),
    });
    let gap = |reason: String| {
        of_apps(format!(
            "a part of INSTALLED_APPS is unknown ({reason}), so apps may be missing; set them with --installed-apps"
        ))
        .of_field(UNKNOWN_PART)
    };
    unknown.map(gap).collect()
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

/// The settings modules that a project names, in the order in which they are considered: those of its entry points,
/// of its configuration and its containers, of its documentation when nothing else names one, and `settings`.
fn candidates(project: &Project, interp: &Interp<'_>, gaps: &mut Vec<Gap>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut gone: Vec<(String, String)> = Vec::new();
    let mut documents: Vec<String> = Vec::new();
    for file in project.discovery.ids() {
        let path = project.path(file);
        let entry = project.discovery.entry(file);
        if path.matches('/').count() > 3 || project.discovery.roots[entry.root].kind != RootKind::Project {
            continue;
        }
        let named = match source(path) {
            Some(Source::Python) if path.matches('/').count() <= 2 => {
                project.parsed(file).map(|parsed| quoted_modules(parsed.text.as_str())).unwrap_or_default()
            }
            Some(Source::Configuration) => {
                project.text(file).map(|text| set_modules(text.as_str())).unwrap_or_default()
            }
            Some(Source::Documentation) => {
                documents.extend(project.text(file).map(|text| set_modules(text.as_str())).unwrap_or_default());
                continue;
            }
            _ => continue,
        };
        for module in named {
            if interp.loader().exists(&module) {
                if !out.contains(&module) {
                    out.push(module);
                }
            } else if !gone.iter().any(|(known, _)| *known == module) {
                gone.push((module, path.to_owned()));
            }
        }
    }
    // A module that a file names may be absent, as a `local` one that is not committed; what stands beside it under a
    // usual name is meant then.
    for (module, file) in gone {
        let package = module.rsplit_once('.').map(|(package, _)| package).unwrap_or("");
        let beside = ["production", "prod", "common", "base", "settings", "local"]
            .map(|name| if package.is_empty() { name.to_owned() } else { format!("{package}.{name}") });
        if let Some(beside) = beside.into_iter().find(|beside| interp.loader().exists(beside)) {
            let reason = format!("the settings module {module} was not found; using {beside} instead");
            gaps.push(Gap::file(GapKind::Settings, file, reason));
            if !out.contains(&beside) {
                out.push(beside);
            }
        }
    }
    let own = project.discovery.ids().any(|file| {
        project.path(file) == "settings.py"
            && project.discovery.roots[project.discovery.entry(file).root].kind == RootKind::Project
    });
    if own && !out.iter().any(|m| m == "settings") {
        out.insert(0, String::from("settings"));
    }
    if out.is_empty() {
        documents.retain(|module| interp.loader().exists(module));
        documents.dedup();
        out = documents;
    }
    out
}

/// How a file names settings modules.
enum Source {
    /// As a string of Python code.
    Python,
    /// As the value of a variable or of an option.
    Configuration,
    /// In a command that a person types.
    Documentation,
}

fn source(path: &str) -> Option<Source> {
    let lower = path.to_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    Some(match name {
        "manage.py" | "wsgi.py" | "asgi.py" | "celery.py" | "celeryapp.py" | "conftest.py" => Source::Python,
        "pytest.ini" | "tox.ini" | "setup.cfg" | "pyproject.toml" | "procfile" | "makefile" | "justfile" => {
            Source::Configuration
        }
        _ if name.starts_with("dockerfile") || name.ends_with(".dockerfile") || name.ends_with(".env") => {
            Source::Configuration
        }
        _ if (name.ends_with(".yml") || name.ends_with(".yaml")) && name.contains("compose") => Source::Configuration,
        _ if name.starts_with("readme") => Source::Documentation,
        _ => return None,
    })
}

/// The module in the string after each `DJANGO_SETTINGS_MODULE` of Python code.
fn quoted_modules(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for (at, word) in text.match_indices("DJANGO_SETTINGS_MODULE") {
        let rest: String = text[at + word.len()..].chars().take(120).collect();
        let mut quoted =
            rest.split(['"', '\'']).filter(|t| !t.trim().is_empty() && !t.contains([',', ']', '(', '\n', ' ', '=']));
        out.extend(quoted.next().filter(|module| module.contains(char::is_alphabetic)).map(str::to_owned));
    }
    out
}

/// The modules that `DJANGO_SETTINGS_MODULE=…`, `DJANGO_SETTINGS_MODULE: …`, `--settings=…` and `--ds=…` name.
fn set_modules(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for name in ["DJANGO_SETTINGS_MODULE", "--settings", "--ds"] {
        for (at, _) in text.match_indices(name) {
            let rest = &text[at + name.len()..];
            let value = rest.trim_start_matches([' ', '\t', '=', ':', '"', '\'']);
            if value.len() == rest.len() {
                continue;
            }
            let end = value.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(value.len());
            let module = value[..end].trim_end_matches('.');
            if module.starts_with(|c: char| c.is_alphabetic() || c == '_') && !out.iter().any(|known| known == module) {
                out.push(module.to_owned());
            }
        }
    }
    out
}

/// Whether a database of the settings is MySQL or MariaDB.
fn names_mysql(names: &Names<'_>) -> bool {
    let databases = match names.get("DATABASES") {
        Some(Value::Dict(databases)) => databases.borrow().iter().map(|(_, one)| one.clone()).collect(),
        _ => Vec::new(),
    };
    databases.iter().any(|one| match one {
        Value::Dict(one) => {
            let engine = one.borrow().get_str("ENGINE").and_then(Value::as_str);
            engine.is_some_and(|engine| engine.contains("mysql"))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_modules_are_named_in_many_ways() {
        for (text, module) in [
            ("[pytest]\nDJANGO_SETTINGS_MODULE = config.settings.test\n", "config.settings.test"),
            ("ENV DJANGO_SETTINGS_MODULE=\"app.settings\"\n", "app.settings"),
            ("    environment:\n      DJANGO_SETTINGS_MODULE: app.production\n", "app.production"),
            ("web: python manage.py runserver --settings=app.prod\n", "app.prod"),
            ("addopts = --ds=app.test --reuse-db", "app.test"),
            ("DJANGO_SETTINGS_MODULE", ""),
        ] {
            assert_eq!(set_modules(text).join(" "), module, "{text}");
        }
        for (text, module) in [
            ("os.environ.setdefault(\"DJANGO_SETTINGS_MODULE\", \"app.settings\")", "app.settings"),
            ("os.environ['DJANGO_SETTINGS_MODULE'] = 'app.settings'", "app.settings"),
        ] {
            assert_eq!(quoted_modules(text).join(" "), module, "{text}");
        }
    }
}
