//! The installed apps: labels, modules, migrations.

use std::rc::Rc;

use super::host::DjangoHost;
use crate::django::Version;
use crate::literal::{Class, Interp, Site, Value};
use crate::source::{Gap, GapKind};

/// An installed app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its label.
    pub label: String,
    /// Its package.
    pub module: String,
    /// The package of its migrations; `None` when it has none.
    pub migrations: Option<String>,
    /// The class of implicit keys that its configuration names.
    pub auto_field: Option<String>,
}

/// The apps that a list of dotted names stands for, in its order. What was not found is a gap.
pub fn installed<'p>(interp: &mut Interp<'p>, host: &DjangoHost<'p>, entries: &[String]) -> (Vec<App>, Vec<Gap>) {
    let mut apps: Vec<App> = Vec::new();
    let mut gaps = Vec::new();
    for entry in entries {
        match app(interp, host, entry) {
            Some((label, module, auto_field)) => {
                if apps.iter().any(|a| a.label == label) {
                    gaps.push(Gap::general(
                        GapKind::App,
                        format!("two installed apps have the label {label}; {entry} is left out"),
                    ));
                    continue;
                }
                let migrations = migrations_of(interp, host, &label, &module);
                apps.push(App { label, module, migrations, auto_field });
            }
            None => {
                let reason = format!(
                    "the installed app {entry} is neither in the tree nor in the installed packages; its tables are missing"
                );
                gaps.push(Gap::general(GapKind::App, reason).of_object(entry));
            }
        }
    }
    (apps, gaps)
}

/// The label of the app in a package: by the installed entry that names the package or a configuration in it, else by the
/// configuration that the package has without being named; `None` when neither is at hand.
pub fn label_of<'p>(
    interp: &mut Interp<'p>,
    host: &DjangoHost<'p>,
    entries: &[String],
    package: &str,
) -> Option<String> {
    let inside =
        |entry: &&String| entry.strip_prefix(package).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let own = String::from(package);
    entries
        .iter()
        .filter(inside)
        .chain([&own])
        .filter_map(|entry| app(interp, host, entry))
        .find_map(|(label, module, _)| (module == package).then_some(label))
}

fn migrations_of<'p>(interp: &Interp<'p>, host: &DjangoHost<'p>, label: &str, module: &str) -> Option<String> {
    let package = match host.setting("MIGRATION_MODULES") {
        Some(Value::Dict(modules)) => match modules.borrow().get_str(label) {
            Some(Value::Str(package)) => package.to_string(),
            Some(_) => return None,
            None => format!("{module}.migrations"),
        },
        _ => format!("{module}.migrations"),
    };
    // A folder of migrations without any is as good as none.
    (!interp.loader().submodules(&package).is_empty()).then_some(package)
}

fn last(dotted: &str) -> String {
    dotted.rsplit('.').next().unwrap_or(dotted).to_owned()
}

/// Label, package, and the class of implicit keys.
type Described = (String, String, Option<String>);

fn app<'p>(interp: &mut Interp<'p>, host: &DjangoHost<'p>, entry: &str) -> Option<Described> {
    // `django.contrib.admin.apps.SimpleAdminConfig` and the like.
    if let Some(rest) = entry.strip_prefix("django.contrib.") {
        let label = rest.split('.').next().unwrap_or(rest).to_owned();
        let module = format!("django.contrib.{label}");
        if label == "gis" || interp.loader().exists(&module) {
            return Some((label, module, None));
        }
        return None;
    }
    if interp.loader().exists(entry) {
        return match automatic(interp, host.target().django, entry) {
            Some(class) => configured(interp, &class, entry),
            None => Some((last(entry), entry.to_owned(), None)),
        };
    }
    let (module, class) = entry.rsplit_once('.')?;
    if !interp.loader().exists(module) {
        return None;
    }
    match interp.module_value(module, class) {
        Some(Value::Class(class)) => configured(interp, &class, module.strip_suffix(".apps").unwrap_or(module)),
        _ => None,
    }
}

/// The label and package that an `AppConfig` names.
fn configured<'p>(interp: &mut Interp<'p>, class: &Rc<Class<'p>>, fallback: &str) -> Option<Described> {
    let site = Site { module: class.module, span: class.node.map(|n| n.name.span).unwrap_or_default() };
    let value = Value::Class(class.clone());
    let mut text =
        |name: &str| interp.attribute(&value, name, site).ok().and_then(|v| v.as_str()).map(|s| s.to_string());
    let name = text("name").unwrap_or_else(|| fallback.to_owned());
    let label = text("label").unwrap_or_else(|| last(&name));
    Some((label, name, text("default_auto_field")))
}

fn is_config(value: &Value<'_>) -> bool {
    match value {
        Value::Class(class) => class.mro().iter().any(|c| {
            matches!(c, Value::External(name) if name.starts_with("django.apps") || name.ends_with("AppConfig") || name.ends_with("Config"))
        }),
        _ => false,
    }
}

/// The configuration that an app's package has without being named (`AppConfig.create`).
fn automatic<'p>(interp: &mut Interp<'p>, version: Version, entry: &str) -> Option<Rc<Class<'p>>> {
    if version < Version(4, 1) {
        if let Some(Value::Str(dotted)) = interp.module_value(entry, "default_app_config") {
            let (module, class) = dotted.rsplit_once('.')?;
            if let Some(Value::Class(class)) = interp.module_value(module, class) {
                return Some(class);
            }
        }
        if version < Version(3, 2) {
            return None;
        }
    }
    let module = format!("{entry}.apps");
    if !interp.loader().exists(&module) {
        return None;
    }
    let scope = interp.module(&module)?;
    let values: Vec<Value<'p>> = scope.names.borrow().values().cloned().collect();
    let mut candidates: Vec<(Rc<Class<'p>>, Option<bool>)> = Vec::new();
    for value in values {
        let value = interp.resolve(value);
        if !is_config(&value) {
            continue;
        }
        let Value::Class(class) = value else { continue };
        if candidates.iter().any(|(seen, _)| Rc::ptr_eq(seen, &class)) {
            continue;
        }
        let default = class.lookup("default").and_then(|v| v.truth());
        candidates.push((class, default));
    }
    candidates.retain(|(_, default)| *default != Some(false));
    match candidates.as_slice() {
        [(only, _)] => Some(only.clone()),
        _ => candidates.iter().find(|(_, default)| *default == Some(true)).map(|(class, _)| class.clone()),
    }
}
