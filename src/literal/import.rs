//! Imports: bound when the statement runs, followed when the name is first used.

use std::rc::Rc;

use super::{Eval, Exception, Interp, Scope, Site, Value};
use crate::ast::{ImportFrom, ImportName};
use crate::source::GapKind;

impl<'p> Interp<'p> {
    pub(super) fn import(&mut self, names: &'p [ImportName], scope: &Rc<Scope<'p>>) -> Eval<()> {
        for name in names {
            let segments: Vec<&str> = name.path.iter().map(|i| i.name.as_str()).collect();
            let dotted = segments.join(".");
            if self.try_depth > 0 && self.import_error(&dotted, None) {
                return Err(Exception::new("ImportError", format!("No module named {dotted}")));
            }
            let (bound, target) = match &name.asname {
                Some(asname) => (asname.name.as_str(), dotted.as_str()),
                None => (segments.first().copied().unwrap_or(""), segments.first().copied().unwrap_or("")),
            };
            let value = self.module_or_external(target);
            self.bind(scope, bound, value);
        }
        Ok(())
    }

    pub(super) fn import_from(&mut self, import: &'p ImportFrom, scope: &Rc<Scope<'p>>, site: Site<'p>) -> Eval<()> {
        let Some(module) = absolute(scope, import) else {
            self.gap(GapKind::Import, site, "a relative import leaves the package");
            for (name, asname) in &import.names {
                let bound = asname.as_ref().unwrap_or(name);
                self.bind(scope, &bound.name, Value::unknown("a relative import leaves the package"));
            }
            return Ok(());
        };
        if import.star.is_some() {
            if self.try_depth > 0 && self.import_error(&module, None) {
                return Err(Exception::new("ImportError", format!("No module named {module}")));
            }
            return self.import_star(&module, scope, site);
        }
        for (name, asname) in &import.names {
            if self.try_depth > 0 && self.import_error(&module, Some(&name.name)) {
                return Err(Exception::new("ImportError", format!("cannot import {} from {module}", name.name)));
            }
            let bound = asname.as_ref().unwrap_or(name);
            self.bind(scope, &bound.name, Value::Import(module.as_str().into(), name.name.as_str().into()));
        }
        Ok(())
    }

    fn import_star(&mut self, module: &str, scope: &Rc<Scope<'p>>, site: Site<'p>) -> Eval<()> {
        let Some(source) = self.module(module) else {
            // Names of an unknown module may be used from here on; they resolve to unknown, with this reason.
            if self.host.import_fails(module, None) != Some(false) {
                self.gap(GapKind::Import, site, format!("the names of {module} were not found"));
            }
            return Ok(());
        };
        if Rc::ptr_eq(&source, scope) {
            return Ok(());
        }
        let exported = source.names.borrow().get("__all__").and_then(Value::items);
        let names: Vec<(Rc<str>, Value<'p>)> = source
            .names
            .borrow()
            .iter()
            .filter(|(name, _)| match &exported {
                Some(all) => all.iter().any(|n| n.as_str().is_some_and(|n| n == **name)),
                None => !name.starts_with('_'),
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for (name, value) in names {
            self.bind(scope, &name, value);
        }
        Ok(())
    }

    /// Whether an import inside `try` fails; when nothing is known of the module it is taken to succeed.
    fn import_error(&mut self, module: &str, name: Option<&str>) -> bool {
        if let Some(fails) = self.host.import_fails(module, name) {
            return fails;
        }
        let top = module.split('.').next().unwrap_or(module);
        if self.loader.exists(module) {
            let Some(name) = name else { return false };
            if self.loader.exists(&format!("{module}.{name}")) {
                return false;
            }
            let Some(scope) = self.module(module) else { return false };
            return !scope.names.borrow().contains_key(name) && !self.has_open_star(&scope);
        }
        !crate::stdlib::was_stdlib(top)
    }

    /// Whether the module imports all names of a module that was not found.
    fn has_open_star(&self, scope: &Rc<Scope<'p>>) -> bool {
        scope.module.tree.body.iter().any(|stmt| match &stmt.kind {
            crate::ast::StmtKind::ImportFrom(import) if import.star.is_some() => {
                absolute(scope, import).is_none_or(|module| !self.loader.exists(&module))
            }
            _ => false,
        })
    }

    pub(super) fn module_or_external(&mut self, dotted: &str) -> Value<'p> {
        if self.loader.exists(dotted) { Value::Module(dotted.into()) } else { Value::External(dotted.into()) }
    }

    /// Remembers that a watched module takes something from another.
    pub(super) fn uses(&mut self, by: &'p super::Loaded<'p>, module: &str) {
        if (self.watch)(&by.dotted) {
            self.used.insert(by.path.clone());
            if let Some(loaded) = self.loader.load(module) {
                self.used.insert(loaded.path.clone());
            }
        }
    }

    /// Follows an imported name to its value.
    pub fn resolve(&mut self, value: Value<'p>) -> Value<'p> {
        let mut value = value;
        for _ in 0..30 {
            let Value::Import(module, name) = &value else { return value };
            let (module, name) = (module.clone(), name.clone());
            value = self.member(&module, &name);
        }
        Value::unknown("an import in a circle")
    }

    /// `from module import name`
    pub fn member(&mut self, module: &str, name: &str) -> Value<'p> {
        let host = self.host.clone();
        let dotted = format!("{module}.{name}");
        if !self.loader.exists(module) {
            return host.external(self, &dotted).unwrap_or_else(|| Value::External(dotted.as_str().into()));
        }
        let Some(scope) = self.module(module) else {
            let name: Rc<str> = dotted.as_str().into();
            return if self.loader.exists(&dotted) { Value::Module(name) } else { Value::External(name) };
        };
        let bound = scope.names.borrow().get(name).cloned();
        if let Some(value) = bound {
            return value;
        }
        let submodule = self.loader.exists(&dotted);
        let site = Site { module: scope.module, span: crate::source::Span::default() };
        if let Some(stand_in) = self.replaced.get(module).cloned()
            && let Ok(value) = self.attribute(&stand_in, name, site)
            && !value.is_unknown()
        {
            return value;
        }
        if submodule {
            return Value::Module(dotted.as_str().into());
        }
        let getattr = scope.names.borrow().get("__getattr__").cloned();
        if let Some(getattr @ Value::Function(_)) = getattr
            && let Ok(value) = self.call(&getattr, super::Args::positional(vec![Value::str(name)]), site)
        {
            return value;
        }
        Value::Unknown(format!("{dotted} is not found").into())
    }
}

/// The absolute dotted name of the module of a `from … import`.
pub(super) fn absolute(scope: &Scope<'_>, import: &ImportFrom) -> Option<String> {
    let module = import.module.iter().map(|i| i.name.as_str()).collect::<Vec<_>>().join(".");
    if import.level == 0 {
        return Some(module);
    }
    let mut base: Vec<&str> = scope.module.dotted.split('.').collect();
    let up = import.level as usize - usize::from(scope.module.package);
    if up > base.len() {
        return None;
    }
    base.truncate(base.len() - up);
    if !module.is_empty() {
        base.push(&module);
    }
    if base.is_empty() { None } else { Some(base.join(".")) }
}
