//! Which alias an app's or a model's migrations run on, as the routers tell.

use std::rc::Rc;

use rustc_hash::FxHashMap;

use crate::literal::{Args, Interp, Site, Value};
use crate::source::Gap;

/// The routers of a project.
#[derive(Default)]
pub struct Routers<'p> {
    instances: Vec<(String, Value<'p>)>,
    known: FxHashMap<(String, String, String), bool>,
    /// What they did not tell.
    pub gaps: Vec<Gap>,
}

impl<'p> Routers<'p> {
    /// The routers of `DATABASE_ROUTERS`.
    pub fn new(interp: &mut Interp<'p>, setting: &Value<'p>) -> Self {
        let mut out = Self::default();
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
                    "router",
                    format!("the router {} is not at hand; it is taken to say nothing", entry.to_text()),
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
                    let gap = Gap::at(
                        "router",
                        class.module.path.clone(),
                        site.line(),
                        format!(
                            "what {name} says of the app {app} on {alias} is not known; it is taken to run only on default"
                        ),
                    );
                    if !self.gaps.contains(&gap) {
                        self.gaps.push(gap);
                    }
                    answer = alias == "default";
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
