//! Names to definitions: what a name of a module stands for, through imports, re-exports, aliases of modules and star
//! imports, in any number of steps.
//!
//! Invariant: nothing is executed. Where a name has several bindings that may hold (the two paths of a
//! `try`/`except ImportError`, the branches of an `if`), all of them are answers.

use std::sync::OnceLock;

use compact_str::CompactString;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::ast::{ClassDef, Expr, ExprKind, FunctionDef, Ident, ImportFrom, Stmt, StmtKind};
use crate::discover::word_hash;
use crate::modules::ModuleRef;
use crate::project::Project;
use crate::source::FileId;

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Def<'p> {
    /// A module or package of the project or of the installed packages.
    Module(ModuleRef),
    /// A class.
    Class(FileId, &'p ClassDef),
    /// A function.
    Function(FileId, &'p FunctionDef),
    /// The value of an assignment.
    Value(FileId, &'p Expr),
    /// Something outside the scanned trees, by its dotted name, such as `django.db.models.ForeignKey`.
    External(String),
}

/// One way in which a module binds a name.
#[derive(Clone, Debug)]
pub enum Binding<'p> {
    /// `class name`
    Class(&'p ClassDef),
    /// `def name`
    Function(&'p FunctionDef),
    /// `name = value`; also a loop variable or the target of a `with`.
    Value(&'p Expr),
    /// `import a.b as name` stands for `a.b`, `import a.b` for `a`.
    Import(String),
    /// `from module import original as name`
    From(&'p ImportFrom, &'p Ident),
}

/// The names that a module binds at its top level, conditional ones included.
#[derive(Debug, Default)]
pub struct Symbols<'p> {
    bindings: IndexMap<CompactString, Vec<Binding<'p>>, FxBuildHasher>,
    stars: Vec<&'p ImportFrom>,
    exports: Option<Vec<CompactString>>,
}

impl<'p> Symbols<'p> {
    /// Collects the bindings of a module's or a class's body.
    #[must_use]
    pub fn collect(body: &'p [Stmt]) -> Self {
        let mut symbols = Self::default();
        symbols.block(body, false);
        symbols
    }

    /// The bindings of `name` that may hold at the end of the body.
    #[must_use]
    pub fn get(&self, name: &str) -> &[Binding<'p>] {
        self.bindings.get(name).map_or(&[], Vec::as_slice)
    }

    /// All names, in the order in which they were first bound.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.bindings.keys().map(CompactString::as_str)
    }

    /// The `from … import *` statements.
    #[must_use]
    pub fn stars(&self) -> &[&'p ImportFrom] {
        &self.stars
    }

    /// Whether `from this import *` brings `name`.
    #[must_use]
    pub fn exports(&self, name: &str) -> bool {
        match &self.exports {
            Some(names) => names.iter().any(|n| n == name),
            None => !name.starts_with('_'),
        }
    }

    fn bind(&mut self, name: &CompactString, binding: Binding<'p>, conditional: bool) {
        let list = self.bindings.entry(name.clone()).or_default();
        // A later unconditional binding replaces whatever stood before it. `x = f(x)` does not hide an import.
        if !conditional {
            list.clear();
        }
        list.push(binding);
    }

    fn target(&mut self, target: &'p Expr, value: &'p Expr, conditional: bool) {
        match &target.kind {
            ExprKind::Name(name) => self.bind(name, Binding::Value(value), conditional),
            ExprKind::Tuple(targets) | ExprKind::List(targets) => match &value.kind {
                ExprKind::Tuple(values) | ExprKind::List(values) if values.len() == targets.len() => {
                    for (target, value) in targets.iter().zip(values) {
                        self.target(target, value, conditional);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn block(&mut self, body: &'p [Stmt], conditional: bool) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Import(names) => {
                    for name in names {
                        let path: Vec<&str> = name.path.iter().map(|i| i.name.as_str()).collect();
                        match (&name.asname, path.first()) {
                            (Some(asname), _) => {
                                self.bind(&asname.name, Binding::Import(path.join(".")), conditional);
                            }
                            (None, Some(first)) => {
                                self.bind(&(*first).into(), Binding::Import((*first).to_owned()), conditional);
                            }
                            (None, None) => {}
                        }
                    }
                }
                StmtKind::ImportFrom(import) => {
                    for (name, asname) in &import.names {
                        let bound = asname.as_ref().unwrap_or(name);
                        self.bind(&bound.name, Binding::From(import, name), conditional);
                    }
                    if import.star.is_some() {
                        self.stars.push(import);
                    }
                }
                StmtKind::ClassDef(class) => self.bind(&class.name.name, Binding::Class(class), conditional),
                StmtKind::FunctionDef(function) => {
                    self.bind(&function.name.name, Binding::Function(function), conditional);
                }
                StmtKind::Assign { targets, value } => {
                    for target in targets {
                        if target.as_name() == Some("__all__") {
                            self.exports = string_list(value);
                        }
                        self.target(target, value, conditional);
                    }
                }
                StmtKind::AnnAssign { target, value: Some(value), .. } => self.target(target, value, conditional),
                // An `__all__` that is computed is unknown: every public name counts.
                StmtKind::AugAssign { target, .. } if target.as_name() == Some("__all__") => self.exports = None,
                StmtKind::If { body, orelse, .. } | StmtKind::While { body, orelse, .. } => {
                    self.block(body, true);
                    self.block(orelse, true);
                }
                StmtKind::For { body, orelse, .. } => {
                    self.block(body, true);
                    self.block(orelse, true);
                }
                StmtKind::With { body, .. } => self.block(body, conditional),
                StmtKind::Try { body, handlers, orelse, finalbody } => {
                    self.block(body, conditional);
                    for handler in handlers {
                        self.block(&handler.body, true);
                    }
                    self.block(orelse, conditional);
                    self.block(finalbody, conditional);
                }
                StmtKind::Match { cases, .. } => {
                    for case in cases {
                        self.block(&case.body, true);
                    }
                }
                _ => {}
            }
        }
    }
}

/// The strings of a list or tuple, when it is nothing else.
fn string_list(value: &Expr) -> Option<Vec<CompactString>> {
    match &value.kind {
        ExprKind::List(items) | ExprKind::Tuple(items) => items.iter().map(Expr::as_str).collect(),
        _ => None,
    }
}

/// Follows names through the modules of a project. Files are parsed when first asked for.
pub struct Resolver<'p> {
    project: &'p Project,
    tables: Vec<OnceLock<Option<Symbols<'p>>>>,
    app_labels: Vec<OnceLock<Option<String>>>,
    evaluate_label: Option<Box<EvaluateLabel<'p>>>,
}

/// Gives the label of the app in a package, by evaluating its configuration; `None` when that is not possible.
pub type EvaluateLabel<'p> = dyn Fn(&str) -> Option<String> + Send + Sync + 'p;

/// Which files a look-up may open: `gate(file, name)`. A caller that reads a part of a project only says no to the rest.
pub type Gate<'g> = &'g dyn Fn(FileId, &str) -> bool;

impl<'p> Resolver<'p> {
    /// A resolver over `project`.
    #[must_use]
    pub fn new(project: &'p Project) -> Self {
        let files = project.discovery.files.len();
        let tables = (0..files).map(|_| OnceLock::new()).collect();
        let app_labels = (0..files).map(|_| OnceLock::new()).collect();
        Self { project, tables, app_labels, evaluate_label: None }
    }

    /// The resolver with a way to evaluate labels of apps that the syntax does not show.
    #[must_use]
    pub fn with_labels(self, evaluate: impl Fn(&str) -> Option<String> + Send + Sync + 'p) -> Self {
        Self { evaluate_label: Some(Box::new(evaluate)), ..self }
    }

    /// The evaluated label of the app in `package`, whose configuration is in the file `apps`; `None` when it cannot be
    /// evaluated. It is evaluated once.
    pub fn evaluated_label(&self, apps: FileId, package: &str) -> Option<&str> {
        let evaluate = self.evaluate_label.as_ref()?;
        self.app_labels.get(apps.index())?.get_or_init(|| evaluate(package)).as_deref()
    }

    /// The project.
    #[must_use]
    pub fn project(&self) -> &'p Project {
        self.project
    }

    /// The top-level names of a file; `None` when it cannot be read.
    pub fn symbols(&self, file: FileId) -> Option<&Symbols<'p>> {
        self.tables
            .get(file.index())?
            .get_or_init(|| self.project.parsed(file).map(|parsed| Symbols::collect(&parsed.module.body)))
            .as_ref()
    }

    /// The module that an `import from` statement of `file` names.
    #[must_use]
    pub fn import_source(&self, file: FileId, import: &ImportFrom) -> ModuleRef {
        let path: Vec<&str> = import.module.iter().map(|i| i.name.as_str()).collect();
        if import.level == 0 {
            self.project.modules.resolve(&path.join("."), Some(file))
        } else {
            self.project.modules.relative(file, import.level, &path.join("."))
        }
    }

    /// The module from which an `import from` statement takes `name`.
    ///
    /// Python 2 looked beside the importing file first: where the absolute module does not so much as mention the name
    /// and the module beside the file does, that one is meant.
    #[must_use]
    pub fn import_source_of(&self, file: FileId, import: &ImportFrom, name: &str) -> ModuleRef {
        let absolute = self.import_source(file, import);
        if import.level > 0 || self.mentions(absolute, name) {
            return absolute;
        }
        let path: Vec<&str> = import.module.iter().map(|i| i.name.as_str()).collect();
        let beside = self.project.modules.resolve_implicit_first(&path.join("."), Some(file));
        if self.mentions(beside, name) { beside } else { absolute }
    }

    fn mentions(&self, module: ModuleRef, name: &str) -> bool {
        match module {
            ModuleRef::File(file) => {
                let entry = self.project.discovery.entry(file);
                entry.words.has(word_hash(name))
                    || !matches!(self.project.modules.submodule(module, name), ModuleRef::Unknown)
            }
            ModuleRef::Namespace(_) => true,
            ModuleRef::Unknown => false,
        }
    }

    /// What `name` of the module `file` stands for.
    #[must_use]
    pub fn module_attr(&self, file: FileId, name: &str) -> Vec<Def<'p>> {
        self.module_attr_gated(file, name, &|_, _| true)
    }

    /// Like [`Self::module_attr`]; only files that `gate` lets through are opened.
    #[must_use]
    pub fn module_attr_gated(&self, file: FileId, name: &str, gate: Gate<'_>) -> Vec<Def<'p>> {
        let mut found = Vec::new();
        self.follow(file, name, gate, &mut Vec::new(), &mut found);
        found
    }

    /// What `from source import name` brings.
    #[must_use]
    pub fn imported(&self, file: FileId, import: &ImportFrom, name: &str, gate: Gate<'_>) -> Vec<Def<'p>> {
        let mut found = Vec::new();
        self.follow_import(file, import, name, gate, &mut Vec::new(), &mut found);
        found
    }

    /// What a dotted name in `file` stands for, its first segment looked up among the module's names.
    #[must_use]
    pub fn dotted(&self, file: FileId, segments: &[&str]) -> Vec<Def<'p>> {
        self.dotted_gated(file, segments, &|_, _| true)
    }

    /// Like [`Self::dotted`]; only files that `gate` lets through are opened.
    #[must_use]
    pub fn dotted_gated(&self, file: FileId, segments: &[&str], gate: Gate<'_>) -> Vec<Def<'p>> {
        let Some((first, rest)) = segments.split_first() else { return Vec::new() };
        let mut defs = self.module_attr_gated(file, first, gate);
        for segment in rest {
            defs = defs
                .into_iter()
                .flat_map(|def| match def {
                    Def::Module(ModuleRef::File(module)) => self.module_attr_gated(module, segment, gate),
                    other => self.attr(other, segment),
                })
                .collect();
        }
        defs
    }

    /// What an absolute dotted path (`package.module.Class`) stands for.
    #[must_use]
    pub fn path(&self, dotted: &str) -> Vec<Def<'p>> {
        let segments: Vec<&str> = dotted.split('.').collect();
        for split in (1..=segments.len()).rev() {
            let module = self.project.modules.resolve(&segments[..split].join("."), None);
            if matches!(module, ModuleRef::Unknown) {
                continue;
            }
            let mut defs = vec![Def::Module(module)];
            for segment in &segments[split..] {
                defs = defs.into_iter().flat_map(|def| self.attr(def, segment)).collect();
            }
            return defs;
        }
        vec![Def::External(dotted.to_owned())]
    }

    /// The attribute `name` of a module or of something external; classes and values have none here.
    #[must_use]
    pub fn attr(&self, def: Def<'p>, name: &str) -> Vec<Def<'p>> {
        match def {
            Def::Module(ModuleRef::File(file)) => self.module_attr(file, name),
            Def::Module(module) => match self.project.modules.submodule(module, name) {
                ModuleRef::Unknown => Vec::new(),
                found => vec![Def::Module(found)],
            },
            Def::External(dotted) => vec![Def::External(format!("{dotted}.{name}"))],
            Def::Class(..) | Def::Function(..) | Def::Value(..) => Vec::new(),
        }
    }

    fn follow(
        &self,
        file: FileId,
        name: &str,
        gate: Gate<'_>,
        seen: &mut Vec<(FileId, CompactString)>,
        found: &mut Vec<Def<'p>>,
    ) {
        // A circle of re-exports ends here.
        if seen.iter().any(|(f, n)| *f == file && n == name) || seen.len() > 64 {
            return;
        }
        seen.push((file, name.into()));
        if gate(file, name)
            && let Some(symbols) = self.symbols(file)
        {
            let before = found.len();
            for binding in symbols.get(name) {
                match binding {
                    Binding::Class(class) => found.push(Def::Class(file, class)),
                    Binding::Function(function) => found.push(Def::Function(file, function)),
                    Binding::Value(value) => found.push(Def::Value(file, value)),
                    Binding::Import(path) => found.push(self.module(path, file)),
                    Binding::From(import, original) => {
                        self.follow_import(file, import, &original.name, gate, seen, found);
                    }
                }
            }
            if found.len() == before {
                for star in symbols.stars() {
                    if let ModuleRef::File(source) = self.import_source(file, star)
                        && self.symbols(source).is_some_and(|symbols| symbols.exports(name))
                    {
                        self.follow(source, name, gate, seen, found);
                    }
                }
            }
            if found.len() > before {
                return;
            }
        }
        let submodule = self.project.modules.submodule(ModuleRef::File(file), name);
        if !matches!(submodule, ModuleRef::Unknown) {
            found.push(Def::Module(submodule));
        }
    }

    fn follow_import(
        &self,
        file: FileId,
        import: &ImportFrom,
        name: &str,
        gate: Gate<'_>,
        seen: &mut Vec<(FileId, CompactString)>,
        found: &mut Vec<Def<'p>>,
    ) {
        match self.import_source_of(file, import, name) {
            ModuleRef::File(source) => self.follow(source, name, gate, seen, found),
            ModuleRef::Unknown => {
                let path: Vec<&str> = import.module.iter().map(|i| i.name.as_str()).collect();
                if import.level == 0 && !path.is_empty() {
                    found.push(Def::External(format!("{}.{name}", path.join("."))));
                }
            }
            namespace => {
                let submodule = self.project.modules.submodule(namespace, name);
                if !matches!(submodule, ModuleRef::Unknown) {
                    found.push(Def::Module(submodule));
                }
            }
        }
    }

    fn module(&self, path: &str, from: FileId) -> Def<'p> {
        match self.project.modules.resolve(path, Some(from)) {
            ModuleRef::Unknown => Def::External(path.to_owned()),
            module => Def::Module(module),
        }
    }
}
