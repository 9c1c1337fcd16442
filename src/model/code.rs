//! Models from their classes, as `models.py` defines them.

use std::collections::BTreeSet;
use std::rc::Rc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Fields, ModelState, Options, options_from};
use crate::ast::{ClassDef, Expr, ExprKind, FunctionDef, StmtKind, walk_exprs};
use crate::field::{Field, SourceLocation, Target};
use crate::literal::{Class, Code, Interp, Scope, Value};

/// A model that a class defines.
#[derive(Clone, Debug)]
pub struct CodeModel {
    /// The model.
    pub model: ModelState,
    /// The dotted name of its class.
    pub class: String,
    /// Attributes that may be fields and could not be read.
    pub unread: BTreeSet<String>,
    /// Why the model may have fields, or come with models, that no class body names.
    pub open: Option<String>,
}

/// A model class that a module makes, abstract ones and proxies too, whether a name of the module holds it or not.
pub struct MadeModel<'p> {
    /// The class.
    pub class: Rc<Class<'p>>,
    /// `Meta.app_label`
    pub app_label: Option<String>,
    /// Its options.
    pub options: Options,
    /// Its fields and those of its abstract parents.
    pub fields: Fields,
}

/// The model classes that a module makes when it is imported, in order; `None` when the module cannot be evaluated.
///
/// Source: `django/db/models/base.py` (`ModelBase.__new__`): a model exists once its class was made.
pub fn models_made<'p>(interp: &mut Interp<'p>, module: &str, target: Target) -> Option<Vec<MadeModel<'p>>> {
    interp.restart();
    let scope = interp.module(module)?;
    let classes: Vec<_> =
        interp.classes.iter().filter(|class| std::ptr::eq(class.module, scope.module)).cloned().collect();
    let mut made = Vec::new();
    for class in classes.into_iter().filter(is_model) {
        interp.restart();
        let mut problems = Vec::new();
        let mut reader = Reader { interp, label: &|_| None, target, problems: &mut problems };
        let lineage = lineage(reader.interp, &class);
        let (mut options, app_label) = reader.options(&class, &lineage);
        options.is_abstract = is_abstract(reader.interp, &class);
        let inherited = reader.parents(&class, &lineage, &mut Vec::new());
        let mut found =
            CodeModel { model: ModelState::default(), class: String::new(), unread: BTreeSet::new(), open: None };
        for parent in lineage.iter().rev().filter(|c| !inherited.iter().any(|i| Rc::ptr_eq(i, c))) {
            reader.fields(parent, &mut found);
        }
        made.push(MadeModel { class, app_label, options, fields: found.model.fields });
    }
    Some(made)
}

/// What the modules of an app define.
#[derive(Debug, Default)]
pub struct CodeModels {
    /// Its models, but for the abstract ones, in order.
    pub models: Vec<CodeModel>,
    /// Names that may be models for all that is known: name and reason.
    pub doubtful: Vec<(String, String)>,
    /// A call beside the classes that a model is given to, and that may make another of it.
    pub made_by_call: Option<String>,
    /// Fields that could not be read.
    pub problems: Vec<(SourceLocation, String)>,
}

/// Tells the label of the app that a module belongs to.
pub type Label<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The models that come with a module: those of its own app that it defines, and of the modules it imports.
pub fn models_of<'p>(interp: &mut Interp<'p>, module: &str, label: Label<'_>, target: Target) -> CodeModels {
    let mut out = CodeModels::default();
    let app = label(module);
    let mut seen: FxHashSet<String> = FxHashSet::default();
    let mut modules = vec![module.to_owned()];
    let mut at = 0;
    while let Some(module) = modules.get(at).cloned() {
        at += 1;
        let Some(scope) = interp.module(&module) else { continue };
        let values: Vec<(Rc<str>, Value<'p>)> =
            scope.names.borrow().iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        if out.made_by_call.is_none() {
            out.made_by_call = call_with_model(interp, &scope);
        }
        for (name, value) in values {
            // Every model of an imported module exists from then on, whatever name was asked for.
            let imported = match &value {
                Value::Import(module, name) => {
                    let inner = format!("{module}.{name}");
                    [Some(module.to_string()), interp.loader().exists(&inner).then_some(inner)]
                }
                Value::Module(module) => [Some(module.to_string()), None],
                _ => [None, None],
            };
            for module in imported.into_iter().flatten() {
                let fits = app.is_some() && label(&module) == app && !module.split('.').any(|p| p == "migrations");
                if fits && !modules.contains(&module) {
                    modules.push(module);
                }
            }
            let class = match interp.resolve(value) {
                Value::Class(class) => class,
                Value::Unknown(reason) => {
                    out.doubtful.push((name.to_string(), format!("{name} is unknown: {reason}")));
                    continue;
                }
                _ => continue,
            };
            // A class belongs to the app of its module, wherever it is imported.
            if label(&class.module.dotted) != app || !seen.insert(class.dotted()) {
                continue;
            }
            if !is_model(&class) {
                if let Some(reason) = missing_base(&class) {
                    out.doubtful.push((class.name.to_string(), reason));
                }
                continue;
            }
            interp.restart();
            let mut reader = Reader { interp, label, target, problems: &mut out.problems };
            out.models.extend(reader.model(&class));
        }
    }
    out
}

/// A statement of a module that calls something with a model, such as `register(Model)`.
fn call_with_model<'p>(interp: &mut Interp<'p>, scope: &Rc<Scope<'p>>) -> Option<String> {
    let module = scope.module;
    module.tree.body.iter().find_map(|stmt| {
        let StmtKind::Expr(Expr { kind: ExprKind::Call { args, .. }, .. }) = &stmt.kind else { return None };
        let given = args.args.iter().filter_map(Expr::as_name).any(|name| {
            let value = scope.names.borrow().get(name).cloned();
            match value.map(|value| interp.resolve(value)) {
                Some(Value::Class(class)) => is_model(&class),
                Some(Value::External(name)) => is_django_model(&name),
                _ => false,
            }
        });
        let line = module.text.line_col(stmt.span.start).line;
        given.then(|| format!("{}:{line} may make models of others", module.path))
    })
}

/// The dotted names of the model classes that a module hands to another package, by a decorator with an argument or a
/// call, each with the place; nothing when the module takes nothing from that package.
pub fn registered_models<'p>(interp: &mut Interp<'p>, module: &str, package: &str) -> Vec<(String, String)> {
    let Some(scope) = interp.module(module) else { return Vec::new() };
    let tree = scope.module;
    let imports = tree.tree.body.iter().any(|stmt| match &stmt.kind {
        StmtKind::ImportFrom(import) => import.module.first().is_some_and(|first| first.name == package),
        _ => false,
    });
    if !imports {
        return Vec::new();
    }
    let calls = tree.tree.body.iter().flat_map(|stmt| match &stmt.kind {
        StmtKind::Expr(expr) => vec![expr],
        StmtKind::ClassDef(class) => class.decorators.iter().collect(),
        _ => Vec::new(),
    });
    let mut found = Vec::new();
    for call in calls {
        let ExprKind::Call { args, .. } = &call.kind else { continue };
        for name in args.args.iter().filter_map(Expr::as_name) {
            let value = scope.names.borrow().get(name).cloned();
            if let Some(Value::Class(class)) = value.map(|value| interp.resolve(value))
                && is_model(&class)
            {
                let line = tree.text.line_col(call.span.start).line;
                found.push((class.dotted(), format!("{}:{line}", tree.path)));
            }
        }
    }
    found
}

/// The modules of an app that have models by their name and that nothing in `app.models` leads to, such as
/// `app.config.models`: others may import them.
pub fn other_model_modules(interp: &Interp<'_>, app: &str) -> Vec<String> {
    const DEEPEST: usize = 4;
    let mut out = Vec::new();
    let mut open = vec![(app.to_owned(), 0)];
    while let Some((package, depth)) = open.pop() {
        for name in interp.loader().submodules(&package) {
            let module = format!("{package}.{name}");
            if matches!(name.as_str(), "migrations" | "tests" | "test") || (depth == 0 && name == "models") {
                continue;
            }
            if name == "models" || package.ends_with(".models") {
                out.push(module.clone());
            }
            if depth < DEEPEST {
                open.push((module, depth + 1));
            }
        }
    }
    out.sort();
    out
}

/// Replaces classes that relations point to by their models: those given by the dotted names of their classes, others
/// by the app of their module.
pub fn resolve_targets(model: &mut ModelState, known: &FxHashMap<String, String>, label: Label<'_>) {
    let resolve = |to: &Option<String>| match to.as_deref().and_then(|t| t.strip_prefix('@')) {
        Some(dotted) => known.get(dotted).cloned().or_else(|| {
            let (module, name) = dotted.rsplit_once('.')?;
            Some(super::key(&label(module)?, name))
        }),
        None => to.clone(),
    };
    for field in model.fields.values_mut() {
        let Some(relation) = &field.relation else { continue };
        let (to, through) = (resolve(&relation.to), resolve(&relation.through));
        let generic = relation.generic.as_ref().and_then(|(to, ids)| Some((resolve(&Some(to.clone()))?, ids.clone())));
        if (&to, &through, &generic) != (&relation.to, &relation.through, &relation.generic)
            && let Some(relation) = &mut Rc::make_mut(field).relation
        {
            (relation.to, relation.through, relation.generic) = (to, through, generic);
        }
    }
}

/// Whether a class is a model.
fn is_model(class: &Rc<Class<'_>>) -> bool {
    class.mro().iter().any(|c| matches!(c, Value::External(name) if is_django_model(name)))
}

fn is_django_model(name: &str) -> bool {
    matches!(name, "django.db.models.Model" | "django.db.models.base.Model" | "django.contrib.gis.db.models.Model")
        || contrib_class(name).is_some()
}

/// App and class of a model of Django's own apps.
fn contrib_class(name: &str) -> Option<(&str, &str)> {
    let (app, rest) = name.strip_prefix("django.contrib.")?.split_once('.')?;
    let (module, class) = rest.rsplit_once('.')?;
    let holds_models = matches!(module, "models" | "base_user" | "base_session");
    (holds_models && !class.ends_with("Manager") && !class.ends_with("Field")).then_some((app, class))
}

/// A base that is neither Django's nor the language's, and was not found.
fn missing_base(class: &Rc<Class<'_>>) -> Option<String> {
    class.mro().iter().find_map(|base| match base {
        Value::External(name) if !name.starts_with("django.") && !is_plain(name) => {
            Some(format!("its base {name} was not found"))
        }
        Value::Unknown(reason) => Some(format!("one of its bases is unknown: {reason}")),
        _ => None,
    })
}

/// Whether an external class is of the language, where no models come from.
fn is_plain(name: &str) -> bool {
    crate::stdlib::was_stdlib(name.split('.').next().unwrap_or(name))
}

/// What stands for an abstract model of Django's own apps.
fn stand_in<'p>(interp: &mut Interp<'p>, app: &str, class: &str) -> Option<Rc<Class<'p>>> {
    match interp.module_value(&format!("django.contrib.{app}.abstract"), class) {
        Some(Value::Class(class)) => Some(class),
        _ => None,
    }
}

/// The class, its bases that were read, and in place of Django's abstract models what stands for them.
fn lineage<'p>(interp: &mut Interp<'p>, class: &Rc<Class<'p>>) -> Vec<Rc<Class<'p>>> {
    let mut out: Vec<Rc<Class<'p>>> = Vec::new();
    for base in class.mro() {
        match base {
            Value::Class(class) => out.push(class),
            Value::External(name) => {
                let Some((app, class)) = contrib_class(&name) else { continue };
                if let Some(class) = stand_in(interp, app, class) {
                    out.extend(class.mro().into_iter().filter_map(|c| match c {
                        Value::Class(class) => Some(class),
                        _ => None,
                    }));
                }
            }
            _ => {}
        }
    }
    // A base that several share comes after all that derive from it.
    let mut kept: Vec<Rc<Class<'p>>> = Vec::new();
    for class in out.into_iter().rev() {
        if !kept.iter().any(|seen| Rc::ptr_eq(seen, &class)) {
            kept.push(class);
        }
    }
    kept.reverse();
    kept
}

fn own_meta<'p>(interp: &mut Interp<'p>, class: &Rc<Class<'p>>) -> Option<Rc<Class<'p>>> {
    let meta = class.attrs.borrow().get("Meta").cloned()?;
    match interp.resolve(meta) {
        Value::Class(meta) => Some(meta),
        _ => None,
    }
}

fn is_abstract<'p>(interp: &mut Interp<'p>, class: &Rc<Class<'p>>) -> bool {
    // `abstract` is never inherited: it is what the class's own Meta says itself.
    own_meta(interp, class).and_then(|meta| meta.attrs.borrow().get("abstract").and_then(Value::truth)).unwrap_or(false)
}

struct Reader<'i, 'p, 'l> {
    interp: &'i mut Interp<'p>,
    label: Label<'l>,
    target: Target,
    problems: &'i mut Vec<(SourceLocation, String)>,
}

impl<'p> Reader<'_, 'p, '_> {
    fn model(&mut self, class: &Rc<Class<'p>>) -> Option<CodeModel> {
        if is_abstract(self.interp, class) {
            return None;
        }
        let line = class.node.map_or(1, |n| class.module.text.line_col(n.name.span.start).line);
        let place = SourceLocation { file: class.module.path.clone(), line };
        let lineage = lineage(self.interp, class);
        let (options, app) = self.options(class, &lineage);
        let app = app?;
        let mut found = CodeModel {
            model: ModelState { app, name: class.name.to_string(), options, place, ..ModelState::default() },
            class: class.dotted(),
            unread: BTreeSet::new(),
            open: missing_base(class),
        };
        let inherited = self.parents(class, &lineage, &mut found.model.bases);
        if found.model.options.proxy {
            return Some(found);
        }
        for parent in lineage.iter().rev().filter(|c| !inherited.iter().any(|i| Rc::ptr_eq(i, c))) {
            self.fields(parent, &mut found);
        }
        if let Some(base) = found.model.bases.first().cloned() {
            let fields = &mut found.model.fields;
            if !fields.values().any(|f| f.relation.as_ref().is_some_and(|r| r.parent_link)) {
                let name = format!("{}_ptr", base.rsplit('.').next().unwrap_or(""));
                let mut link = super::view::parent_link(&base);
                link.place = found.model.place.clone();
                let mut with_link = Fields::default();
                with_link.insert(name, Rc::new(link));
                with_link.extend(std::mem::take(fields));
                *fields = with_link;
            }
            // A child without a key of its own is known by its parent's.
            if !fields.values().any(|f| f.primary_key)
                && let Some(link) = fields.values_mut().find(|f| f.relation.as_ref().is_some_and(|r| r.parent_link))
            {
                Rc::make_mut(link).primary_key = true;
            }
        }
        Some(found)
    }

    /// `Meta`, of the class itself or of its first abstract parent that has one, and the label of the app.
    fn options(&mut self, class: &Rc<Class<'p>>, lineage: &[Rc<Class<'p>>]) -> (Options, Option<String>) {
        let mut options = Options::default();
        let mut app = (self.label)(&class.module.dotted);
        let mut meta = own_meta(self.interp, class);
        if meta.is_none() {
            for parent in lineage.iter().skip(1) {
                if is_abstract(self.interp, parent) {
                    meta = own_meta(self.interp, parent);
                    break;
                }
            }
        }
        let Some(meta) = meta else { return (options, app) };
        let values: Vec<(&str, Value<'p>)> = [
            "db_table",
            "managed",
            "proxy",
            "unique_together",
            "index_together",
            "indexes",
            "constraints",
            "order_with_respect_to",
            "db_table_comment",
            "swappable",
            "app_label",
        ]
        .into_iter()
        .filter_map(|name| Some((name, meta.lookup(name).map(|v| self.interp.resolve(v))?)))
        .collect();
        let get = |name: &str| values.iter().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
        if let Some(given) = get("app_label").and_then(|v| v.as_str()) {
            app = Some(given.to_string());
        }
        let app_name = app.clone().unwrap_or_default();
        options_from(&mut options, &get, &|| (app_name.clone(), class.name.to_string()));
        (options, app)
    }

    /// Finds the concrete parents, whose fields stay theirs; returns all classes that are behind them.
    fn parents(
        &mut self,
        class: &Rc<Class<'p>>,
        lineage: &[Rc<Class<'p>>],
        bases: &mut Vec<String>,
    ) -> Vec<Rc<Class<'p>>> {
        let mut inherited: Vec<Rc<Class<'p>>> = Vec::new();
        for parent in lineage.iter().skip(1) {
            let behind = inherited.iter().any(|i| Rc::ptr_eq(i, parent));
            if behind || !is_model(parent) || is_abstract(self.interp, parent) {
                continue;
            }
            if let Some(app) = self.app_of(parent) {
                bases.push(super::key(&app, &parent.name));
            }
            inherited.extend(self::lineage(self.interp, parent));
        }
        // Models of Django's own apps are not read; their names are enough.
        let from_django = |class: &Rc<Class<'p>>| -> Vec<Rc<str>> {
            let external = |base| if let Value::External(name) = base { Some(name) } else { None };
            class.mro().into_iter().filter_map(external).collect()
        };
        let behind: Vec<Rc<str>> = inherited.iter().flat_map(from_django).collect();
        for name in from_django(class).into_iter().filter(|name| !behind.contains(name)) {
            let Some((app, class)) = contrib_class(&name) else { continue };
            if stand_in(self.interp, app, class).is_none() {
                bases.push(super::key(app, class));
            }
        }
        inherited
    }

    fn app_of(&mut self, class: &Rc<Class<'p>>) -> Option<String> {
        let meta = own_meta(self.interp, class);
        let given = meta.and_then(|meta| meta.lookup("app_label")).and_then(|v| v.as_str()).map(|s| s.to_string());
        given.or_else(|| (self.label)(&class.module.dotted))
    }

    /// The fields that a class's body names.
    fn fields(&mut self, class: &Rc<Class<'p>>, found: &mut CodeModel) {
        if class.node.is_some_and(has_metaclass) {
            found.open.get_or_insert_with(|| format!("the class {} has a metaclass", class.name));
        }
        let attrs: Vec<(Rc<str>, Value<'p>)> =
            class.attrs.borrow().iter().map(|(n, v)| (n.clone(), v.clone())).collect();
        for (name, value) in attrs {
            let name = name.to_string();
            // Whatever takes the name of an inherited field takes its place.
            found.model.fields.shift_remove(&name);
            found.unread.remove(&name);
            match &value {
                Value::Object(object) => {
                    let contributes = object.user_class().is_some_and(contributes_more);
                    if contributes {
                        found.open.get_or_insert_with(|| {
                            format!("{}.{name} may contribute more than itself to its class", class.name)
                        });
                    }
                    let looks_like_one = object.externals().iter().any(|e| e.ends_with("Field") || e.ends_with("Key"));
                    match Field::read(self.interp, &value, self.target) {
                        Ok(field) => _ = found.model.fields.insert(name, Rc::new(field)),
                        Err(reason) => {
                            if looks_like_one {
                                let reason = format!("the field {}.{name} is left out: {reason}", class.name);
                                self.problems.push((found.model.place.clone(), reason));
                            }
                            if object.external().is_some_and(|e| !is_plain(&e)) {
                                found.unread.insert(name);
                            }
                        }
                    }
                }
                Value::Unknown(_) => _ = found.unread.insert(name),
                _ => {}
            }
        }
    }
}

/// Whether the class is made by another class than its bases'.
fn has_metaclass(node: &ClassDef) -> bool {
    let with = |base: &Expr| match &base.kind {
        ExprKind::Call { func, .. } => func.as_dotted().is_some_and(|d| d.last() == Some(&"with_metaclass")),
        _ => false,
    };
    node.args.keyword("metaclass").is_some() || node.args.args.iter().any(with)
}

/// Whether a class, put into the body of a model, may give it more than itself: `contribute_to_class` of a field that
/// adds others, or of what waits for the model to make another of it.
fn contributes_more(class: &Rc<Class<'_>>) -> bool {
    class.mro().iter().any(|base| {
        let Value::Class(base) = base else { return false };
        match base.attrs.borrow().get("contribute_to_class") {
            Some(Value::Function(function)) => match function.code {
                Code::Def(def) => adds_to_model(def),
                Code::Lambda(..) => true,
            },
            _ => false,
        }
    })
}

fn adds_to_model(def: &FunctionDef) -> bool {
    let model = def.params.get(1).map(|param| param.name.name.as_str());
    let mut adds = false;
    walk_exprs(&def.body, &mut |expr| {
        let ExprKind::Call { func, args } = &expr.kind else { return };
        // What `super()` does is asked of the bases; its call has no dotted name.
        let Some(dotted) = func.as_dotted() else { return };
        let is_name = |expr: Option<&Expr>, name: Option<&str>| name.is_some() && expr.and_then(Expr::as_name) == name;
        adds |= match dotted.as_slice() {
            [.., "add_to_class" | "connect"] => true,
            [.., "contribute_to_class"] => !is_name(args.args.first(), Some("self")),
            ["self", ..] => args.args.iter().any(|arg| is_name(Some(arg), model)),
            _ => false,
        };
    });
    adds
}
