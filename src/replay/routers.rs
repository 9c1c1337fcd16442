//! Which alias an app's or a model's migrations run on, by the routers.

use std::rc::Rc;

use indexmap::IndexMap;
use rustc_hash::FxHashMap;

use crate::literal::{Args, Interp, Site, Value};
use crate::source::{Gap, GapKind};

/// The routers of a project.
#[derive(Default)]
pub struct Routers<'p> {
    instances: Vec<(String, Value<'p>)>,
    known: FxHashMap<(String, String, String), bool>,
    /// The apps of aliases, as in the configuration.
    told: IndexMap<String, Vec<String>>,
    /// What they did not decide.
    pub gaps: Vec<Gap>,
}

impl<'p> Routers<'p> {
    /// The routers of `DATABASE_ROUTERS`; `told` are the apps of aliases, used where no router decides.
    pub fn new(interp: &mut Interp<'p>, setting: &Value<'p>, told: IndexMap<String, Vec<String>>) -> Self {
        let mut out = Self { told, ..Self::default() };
        for entry in setting.items().unwrap_or_default() {
            let value = match &entry {
                Value::Str(dotted) => match dotted.rsplit_once('.') {
                    Some((module, class)) if interp.loader().exists(module) => interp.module_value(module, class),
                    _ => None,
                },
                other => Some(other.clone()),
            };
            let instance = match value {
                Some(Value::Class(class)) => {
                    let site = Site { module: class.module, span: crate::source::Span::default() };
                    interp.call(&Value::Class(class), Args::default(), site).ok()
                }
                Some(object @ Value::Object(_)) => Some(object),
                _ => None,
            };
            match instance {
                Some(instance) => out.instances.push((entry.to_text(), instance)),
                None => out.gaps.push(Gap::general(
                    GapKind::Router,
                    format!("the router {} was not found; assuming that it returns None", entry.to_text()),
                )),
            }
        }
        out
    }

    /// Whether migrations of an app, or of one of its models, run on an alias (`allow_migrate`); the first router
    /// that says anything decides.
    pub fn allow(
        &mut self,
        interp: &mut Interp<'p>,
        alias: &str,
        app: &str,
        model: Option<&str>,
        hints: &[(Rc<str>, Value<'p>)],
    ) -> bool {
        if self.instances.is_empty() {
            return true;
        }
        let key = (alias.to_owned(), app.to_owned(), model.unwrap_or("").to_owned());
        if hints.is_empty()
            && let Some(known) = self.known.get(&key)
        {
            return *known;
        }
        let mut answer = true;
        for (name, router) in &self.instances {
            let Value::Object(object) = router else { continue };
            let Some(class) = object.user_class() else { continue };
            if class.lookup("allow_migrate").is_none() {
                continue;
            }
            let site = object.site;
            let mut kw: Vec<(Rc<str>, Value<'p>)> = Vec::new();
            if let Some(model) = model {
                kw.push(("model_name".into(), Value::str(&model.to_lowercase())));
                let args = vec![Value::str(app), Value::str(model)];
                kw.push(("model".into(), interp.symbolic(crate::migration::host::MODEL, args, site)));
            }
            kw.extend(hints.iter().cloned());
            let args = Args { pos: vec![Value::str(alias), Value::str(app)], kw };
            let outcome =
                interp.attribute(router, "allow_migrate", site).and_then(|method| interp.call(&method, args, site));
            match outcome.map(|v| (v.truth(), matches!(v, Value::None))) {
                Ok((_, true)) => {}
                Ok((Some(truth), _)) => {
                    answer = truth;
                    break;
                }
                _ => {
                    answer = match on_alias(&self.told, alias, app) {
                        Some(told) => told,
                        None => {
                            let reason = format!(
                                "the answer of {name} for the app {app} on {alias} is unknown; assuming that the app runs only on \
                                 default, unless apps = [\"{app}\"] of an alias in [databases] of csm-audit.toml says more"
                            );
                            let gap = Gap::at(GapKind::Router, class.module.path.clone(), site.line(), reason);
                            if !self.gaps.contains(&gap) {
                                self.gaps.push(gap);
                            }
                            alias == "default"
                        }
                    };
                    break;
                }
            }
        }
        if hints.is_empty() {
            self.known.insert(key, answer);
        }
        answer
    }
}

/// Whether an app is on an alias by the configuration: where it lists the app, and nowhere else; an alias with a list has
/// no other app.
fn on_alias(told: &IndexMap<String, Vec<String>>, alias: &str, app: &str) -> Option<bool> {
    let lists = |apps: &Vec<String>| apps.iter().any(|listed| listed == app);
    if told.values().any(lists) {
        return Some(told.get(alias).is_some_and(lists));
    }
    told.contains_key(alias).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_where_the_configuration_lists_it() {
        let told = IndexMap::from([(String::from("history"), vec![String::from("csmh")])]);
        assert_eq!(on_alias(&told, "history", "csmh"), Some(true));
        assert_eq!(on_alias(&told, "default", "csmh"), Some(false));
        assert_eq!(on_alias(&told, "history", "auth"), Some(false));
        assert_eq!(on_alias(&told, "default", "auth"), None);
    }
}
