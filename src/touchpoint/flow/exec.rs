//! Statements.

use std::collections::hash_map::Entry;

use compact_str::CompactString;

use super::eval::Use;
use super::{Binds, Env, Flow, Frame, Key};
use crate::ast::{
    ClassDef, ExceptHandler, Expr, ExprKind, FunctionDef, Ident, ImportFrom, ImportName, ParamKind, Stmt, StmtKind,
    TypeParam,
};
use crate::finding::Access;
use crate::modules::ModuleRef;
use crate::source::FileId;
use crate::touchpoint::Kind;
use crate::touchpoint::models::Role;
use crate::touchpoint::ty::{ClassId, FuncId, Ty, TySet};

impl<'p> Flow<'_, 'p> {
    pub(super) fn run_func(&mut self, id: FuncId) {
        let (file, def, class, binds) = {
            let info = self.func(id);
            (info.file, info.def, info.class, info.binds)
        };
        // A lambda runs where it stands.
        let Some(def) = def else { return };
        let mut env = Env::default();
        self.frames.push(Frame { file, func: Some(id), class: None, env: Env::default() });
        self.bind_type_params(&def.type_params);
        for (position, param) in def.params.iter().enumerate() {
            let mut set = self.read(Key::Param(id, param.name.name.clone())).unwrap_or_default();
            if position == 0
                && let Some(class) = class
            {
                match binds {
                    Binds::Instance | Binds::Property => set.join(&self.self_type(class)),
                    Binds::Class => set.join(&TySet::one(Ty::Class(class))),
                    Binds::Nothing => false,
                };
            }
            if let Some(class) = class {
                let handed = self.framework_param(class, def, param, position);
                if !handed.is_unknown() {
                    set = handed;
                }
            }
            if set.is_unknown() {
                set = self.fixture_param(id, &param.name.name);
            }
            if let Some(annotation) = &param.annotation {
                let told = self.annotated(annotation);
                match param.kind {
                    ParamKind::VarArgs => set.join(&told.flat_map(|ty| TySet::one(Ty::Seq(Box::new(ty.clone()))))),
                    ParamKind::KwArgs => set.join(&told.flat_map(|ty| TySet::one(Ty::Dict(Box::new(ty.clone()))))),
                    _ => set.join(&told),
                };
            }
            if let Some(default) = &param.default {
                set.join(&self.silent(|flow| flow.eval(default, Use::Plain)));
            }
            env.insert(param.name.name.clone(), set);
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.env.extend(env);
        }
        self.block(&def.body);
        if let Some(returns) = &def.returns {
            let told = self.silent(|flow| flow.annotated(returns));
            self.learn(Key::Return(id), &told);
        }
        if let Some(frame) = self.frames.pop() {
            let mut names: Vec<_> = frame.env.into_iter().filter(|(_, set)| !set.is_unknown()).collect();
            names.sort_by(|a, b| a.0.cmp(&b.0));
            for (name, set) in names {
                self.learn(Key::Closure(id, name), &set);
            }
        }
    }

    /// What `self` is in a method: an instance, or a manager of the models that have this class as one.
    pub(super) fn self_type(&mut self, class: ClassId) -> TySet {
        // Registers the dependency; the set itself lives with the class.
        let _ = self.read(Key::Managers(class));
        let mut set = TySet::default();
        for &model in &self.class(class).manager_of {
            // A manager that serves other models as well is the model's only by chance.
            set.insert(Ty::Manager(model, Some(class)), !self.class(class).shared_manager);
        }
        if set.is_unknown() { TySet::one(Ty::Instance(class)) } else { set }
    }

    /// Evaluates without reporting, where the same text is reported from elsewhere.
    pub(super) fn silent<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        self.muted += 1;
        let result = run(self);
        self.muted -= 1;
        result
    }

    pub(super) fn block(&mut self, body: &'p [Stmt]) {
        for stmt in body {
            self.stmt(stmt);
        }
    }

    pub(super) fn bind(&mut self, name: &CompactString, set: TySet) {
        if let Some(frame) = self.frames.last_mut() {
            frame.env.insert(name.clone(), set);
        }
    }

    pub(super) fn env(&self) -> Env {
        self.frames.last().map(|frame| frame.env.clone()).unwrap_or_default()
    }

    pub(super) fn set_env(&mut self, env: Env) {
        if let Some(frame) = self.frames.last_mut() {
            frame.env = env;
        }
    }

    /// The names after either of two ways through the code.
    pub(super) fn merge_env(&mut self, other: Env) {
        if let Some(frame) = self.frames.last_mut() {
            for (name, set) in other {
                match frame.env.entry(name) {
                    Entry::Occupied(mut known) => _ = known.get_mut().join(&set),
                    Entry::Vacant(slot) => _ = slot.insert(set),
                }
            }
        }
    }

    fn stmt(&mut self, stmt: &'p Stmt) {
        match &stmt.kind {
            StmtKind::Import(names) => self.import(names),
            StmtKind::ImportFrom(import) => self.import_from(import),
            StmtKind::ClassDef(def) => self.class_def(def),
            StmtKind::FunctionDef(def) => self.function_def(def),
            StmtKind::Assign { .. } | StmtKind::AnnAssign { .. } | StmtKind::AugAssign { .. } => self.assignment(stmt),
            StmtKind::Return(value) => {
                let set = value.as_ref().map(|value| self.eval(value, Use::Plain)).unwrap_or_default();
                if let Some(func) = self.frames.last().and_then(|frame| frame.func) {
                    self.learn(Key::Return(func), &set);
                }
            }
            StmtKind::Delete(exprs) | StmtKind::Raise(exprs) | StmtKind::Print(exprs) => {
                for expr in exprs {
                    self.eval(expr, Use::Plain);
                }
            }
            StmtKind::Assert(exprs) => {
                for expr in exprs {
                    self.eval(expr, Use::Plain);
                }
                if let Some(test) = exprs.first() {
                    self.narrow(test, true);
                }
            }
            StmtKind::If { test, body, orelse } => self.if_statement(test, body, orelse),
            StmtKind::For { target, iter, body, orelse } => {
                let items = self.eval(iter, Use::Plain);
                self.evaluates(iter, &items);
                let element = self.elements(&items);
                self.turns(body, |flow| flow.assign(target, &element));
                self.block(orelse);
            }
            StmtKind::While { test, body, orelse } => {
                self.eval(test, Use::Plain);
                self.turns(body, |_| {});
                self.block(orelse);
            }
            StmtKind::With { items, body } => self.with_statement(items, body),
            StmtKind::Try { body, handlers, orelse, finalbody } => {
                self.try_statement(body, handlers, orelse, finalbody);
            }
            StmtKind::Match { subject, cases } => self.match_statement(subject, cases),
            StmtKind::Expr(expr) => {
                // A string alone is a docstring.
                if !matches!(expr.kind, ExprKind::Str(_)) {
                    self.eval(expr, Use::Plain);
                }
            }
            StmtKind::Global(_) | StmtKind::Nonlocal(_) | StmtKind::Empty => {}
        }
    }

    /// `target = value`, with an annotation, or `target += value`.
    fn assignment(&mut self, stmt: &'p Stmt) {
        match &stmt.kind {
            StmtKind::Assign { targets, value } => {
                let set = self.eval(value, Use::Assigned);
                for target in targets {
                    self.touch_alias(target, value, &set);
                    self.assign(target, &set);
                }
            }
            StmtKind::AnnAssign { target, annotation, value } => {
                let mut set = self.annotated(annotation);
                if let Some(value) = value {
                    set.join(&self.eval(value, Use::Assigned));
                }
                self.assign(target, &set);
            }
            StmtKind::AugAssign { target, value, .. } => {
                let mut set = self.eval(value, Use::Plain);
                // `x.attr += 1` writes x; `items += more` keeps what items held.
                if let ExprKind::Name(_) = target.kind {
                    set.join(&self.eval(target, Use::Plain));
                }
                self.assign(target, &set);
            }
            _ => {}
        }
    }

    fn if_statement(&mut self, test: &'p Expr, body: &'p [Stmt], orelse: &'p [Stmt]) {
        let asked = self.eval(test, Use::Plain);
        self.evaluates(test, &asked);
        let before = self.env();
        self.narrow(test, true);
        self.block(body);
        let after = self.env();
        self.set_env(before);
        self.narrow(test, false);
        self.block(orelse);
        // What a branch binds that leaves is not seen behind it.
        if !self.leaves(body) {
            if self.leaves(orelse) {
                self.set_env(after);
            } else {
                self.merge_env(after);
            }
        }
    }

    fn with_statement(&mut self, items: &'p [(Expr, Option<Expr>)], body: &'p [Stmt]) {
        for (context, target) in items {
            let set = self.eval(context, Use::Plain);
            if let Some(target) = target {
                // A generator function under `contextmanager` gives what it yields.
                let given = set.flat_map(|ty| match ty {
                    Ty::Seq(inner) => TySet::one((**inner).clone()),
                    other => TySet::one(other.clone()),
                });
                self.assign(target, &given);
            }
        }
        self.block(body);
    }

    fn try_statement(
        &mut self,
        body: &'p [Stmt],
        handlers: &'p [ExceptHandler],
        orelse: &'p [Stmt],
        finalbody: &'p [Stmt],
    ) {
        let before = self.env();
        self.block(body);
        self.block(orelse);
        let mut after = self.env();
        for handler in handlers {
            self.set_env(before.clone());
            if let Some(exception) = &handler.exception {
                self.eval(exception, Use::Except);
            }
            if let Some(target) = &handler.target {
                self.assign(target, &TySet::unknown());
            }
            // Names that the body bound before it failed.
            self.merge_env(after.clone());
            self.block(&handler.body);
            let handled = self.env();
            self.set_env(after);
            self.merge_env(handled);
            after = self.env();
        }
        self.set_env(after);
        self.block(finalbody);
    }

    /// The body of a loop. What it binds is seen by its next turn, which is taken only when there is something to see:
    /// loops nest.
    fn turns(&mut self, body: &'p [Stmt], begin: impl Fn(&mut Self)) {
        let before = self.env();
        begin(self);
        let first = self.env();
        self.block(body);
        self.merge_env(before);
        let news = self.frames.last().is_some_and(|frame| {
            frame.env.iter().any(|(name, set)| first.get(name).is_none_or(|known| known != set) && !set.is_unknown())
        });
        if news {
            begin(self);
            self.block(body);
        }
    }

    fn import(&mut self, names: &'p [ImportName]) {
        let file = self.file();
        for name in names {
            let path: Vec<&str> = name.path.iter().map(|i| i.name.as_str()).collect();
            let dotted = path.join(".");
            let modules = &self.resolver.project().modules;
            match &name.asname {
                Some(asname) => {
                    let set = self.module_of(modules.resolve(&dotted, Some(file)), &dotted);
                    self.bind(&asname.name, set);
                }
                None => {
                    let Some(first) = path.first() else { continue };
                    // `import a.b` binds `a`; when only `a.b` is known (an old import root), the chain is kept by name.
                    let set = match modules.resolve(first, Some(file)) {
                        ModuleRef::Unknown => TySet::one(Ty::External((*first).into())),
                        module => TySet::one(Ty::Module(module)),
                    };
                    self.bind(&(*first).into(), set);
                }
            }
        }
    }

    fn import_from(&mut self, import: &'p ImportFrom) {
        let file = self.file();
        let source = self.resolver.import_source(file, import);
        let path: Vec<&str> = import.module.iter().map(|i| i.name.as_str()).collect();
        for (name, asname) in &import.names {
            let set = match self.resolver.import_source_of(file, import, &name.name) {
                ModuleRef::File(module) => self.module_value(module, &name.name),
                ModuleRef::Unknown => self.import_of_nowhere(import, &path, name),
                namespace => match self.resolver.project().modules.submodule(namespace, &name.name) {
                    ModuleRef::Unknown => TySet::unknown(),
                    module => TySet::one(Ty::Module(module)),
                },
            };
            self.touch_import(&set, name);
            self.bind(&asname.as_ref().unwrap_or(name).name, set);
        }
        if import.star.is_some()
            && let ModuleRef::File(module) = source
        {
            self.star_import(module);
        }
    }

    /// A name of a module that is not in the scanned trees. By the model's name, and from a module of this tree that is
    /// missing or from one of the model's app under a path that is not known here, it is the model all the same.
    fn import_of_nowhere(&mut self, import: &ImportFrom, path: &[&str], name: &Ident) -> TySet {
        let models = self.models;
        let named = models
            .iter()
            .position(|model| model.name() == name.name && (import.level > 0 || path.contains(&model.app_label())));
        match named.and_then(|index| self.model_class[index]) {
            Some(class) => TySet::one(Ty::Class(class)).unsure(),
            None => self.outside(format!("{}.{}", path.join("."), name.name).into()),
        }
    }

    /// `from module import *`: every public name of a module under analysis; of others, the words that matter.
    fn star_import(&mut self, module: FileId) {
        if self.loaded.contains(&module) {
            let names: Vec<CompactString> = match self.resolver.symbols(module) {
                Some(symbols) => symbols.names().filter(|n| symbols.exports(n)).map(CompactString::from).collect(),
                None => Vec::new(),
            };
            for name in names {
                let set = self.module_value(module, &name);
                if !set.is_unknown() {
                    self.bind(&name, set);
                }
            }
        }
        let models: Vec<CompactString> = self.models.iter().map(|m| m.name().into()).collect();
        for name in models {
            let bound = self.frames.last().is_some_and(|frame| frame.env.contains_key(&name));
            let set = if bound { TySet::unknown() } else { self.module_value(module, &name) };
            if self.set_matters(&set) {
                self.bind(&name, set);
            }
        }
    }

    fn class_def(&mut self, def: &'p ClassDef) {
        let file = self.file();
        let Some(&id) = self.class_at.get(&(file, def.name.span.start)) else { return };
        for decorator in &def.decorators {
            self.eval(decorator, Use::Decorator);
            self.admin_decorator(decorator, id);
        }
        let bases: Vec<TySet> = def.args.args.iter().map(|base| self.eval(base, Use::Base)).collect();
        for keyword in &def.args.keywords {
            self.eval(&keyword.value, Use::Plain);
        }
        for param in &def.type_params {
            if let Some(bound) = &param.bound {
                let classes = self.eval(bound, Use::Annotation);
                self.learn(Key::TypeArg(id, param.name.name.clone()), &classes);
            }
        }
        if !self.reporting && self.class(id).bases != bases {
            self.classes[id.0 as usize].bases = bases;
            self.wake(&Key::Bases(id));
        }
        if let Some(model) = self.model_of(id)
            && self.frames.len() == 1
        {
            let label = model.label.clone();
            let kind = if model.role == Role::Subclass { Kind::Subclass } else { Kind::Definition };
            self.touch(&def.name, kind, Access::Schema, &label, true);
        }
        self.touch_class_parts(id);
        let func = self.frames.last().and_then(|frame| frame.func);
        self.frames.push(Frame { file, func, class: Some(id), env: Env::default() });
        self.block(&def.body);
        self.want_parts(id);
        if let Some(frame) = self.frames.pop() {
            let mut names: Vec<_> = frame.env.into_iter().collect();
            names.sort_by(|a, b| a.0.cmp(&b.0));
            for (name, set) in names {
                self.class_member(id, &name, &set);
                self.learn(Key::Attr(id, name), &set);
            }
        }
        self.factory(id);
        self.bind(&def.name.name, TySet::one(Ty::Class(id)));
    }

    /// A model that matters is what its bases and managers make of it, wherever they are defined: their files come under
    /// analysis, though they need not name the model. So do those of a manager's bases and querysets.
    fn want_parts(&mut self, id: ClassId) {
        let serves = self.class(id).manager_of.iter().any(|of| self.model_of(*of).is_some());
        if self.reporting || self.class(id).model.is_none() && !serves {
            return;
        }
        let def = self.class(id).def;
        let made = def.body.iter().filter_map(|statement| match &statement.kind {
            StmtKind::Assign { value, .. } | StmtKind::AnnAssign { value: Some(value), .. } => match &value.kind {
                // `Manager()`, `QuerySet.as_manager()`, `Manager.from_queryset(QuerySet)()`
                ExprKind::Call { func, .. } => Some(&**func),
                _ => None,
            },
            _ => None,
        });
        let mut parts: Vec<&'p Expr> = Vec::new();
        for expr in def.args.args.iter().chain(made) {
            expr.walk(&mut |part| {
                if matches!(part.kind, ExprKind::Name(_) | ExprKind::Attribute { .. }) {
                    parts.push(part);
                }
            });
        }
        for part in parts {
            let set = self.silent(|flow| flow.eval(part, Use::Plain));
            for (ty, _) in set.iter() {
                match ty {
                    Ty::Pending(file, _) => {
                        self.wanted.insert(*file);
                    }
                    // Whether it is a manager may only show at the end of its bases.
                    Ty::Class(part) if self.class(*part).model.is_none() => {
                        self.request_bases(*part);
                    }
                    _ => {}
                }
            }
        }
    }

    /// `@admin.register(Model)`
    fn admin_decorator(&mut self, decorator: &'p Expr, admin: ClassId) {
        let ExprKind::Call { func, args } = &decorator.kind else { return };
        if crate::touchpoint::models::callee_name(func) != Some("register") {
            return;
        }
        for arg in &args.args {
            let set = self.silent(|flow| flow.eval(arg, Use::Plain));
            for (ty, _) in set.iter() {
                if let Ty::Class(model) = ty
                    && self.is_row_class(*model)
                {
                    self.admins.insert(admin, *model);
                }
            }
        }
    }

    /// What a class definition shows besides its name: relation fields of a model, an operation used on a model.
    fn touch_class_parts(&mut self, id: ClassId) {
        // What the class is used for may become known later.
        if !self.speaks() {
            return;
        }
        if let Some(model) = self.operation_of(id).and_then(|model| self.model_of(model)) {
            let label = model.label.clone();
            let name = self.class(id).def.name.clone();
            self.touch(&name, Kind::Migration, Access::Schema, &label, true);
        }
        let def = self.class(id).def;
        if let Some(model) = self.class(id).factory_of.and_then(|model| self.model_of(model)) {
            self.touch(&def.name, Kind::Factory, Access::None, &model.label, true);
        }
        let Some(model) = self.model_of(id) else { return };
        for relation in &model.relations {
            let own = def.body.iter().any(|stmt| stmt.span.contains(relation.span));
            if own && relation.file == self.file() {
                let name = crate::ast::Ident { name: relation.name.clone(), span: relation.span };
                self.touch(&name, Kind::Relation, Access::Schema, &relation.to, relation.sure);
            }
        }
    }

    /// A manager or queryset class that a model declares belongs to the model from here on.
    fn class_member(&mut self, class: ClassId, name: &str, set: &TySet) {
        if self.reporting {
            return;
        }
        let is_model = self.class(class).model.is_some();
        let is_row = self.is_row_class(class);
        for (ty, _) in set.iter() {
            let Ty::Instance(manager) = ty else { continue };
            if self.is_manager_at(*manager, name) {
                let mut chain = vec![*manager];
                chain.extend(self.ancestors(*manager));
                for each in chain {
                    if !is_model {
                        self.classes[each.0 as usize].shared_manager = true;
                    }
                    if is_row && self.classes[each.0 as usize].manager_of.insert(class) {
                        self.wake(&Key::Managers(each));
                    }
                }
            }
        }
    }

    /// Whether a class makes rows of a model for tests: `Meta.model` or `FACTORY_FOR` of a factory class.
    fn factory(&mut self, id: ClassId) {
        if self.reporting || !self.is_factory_class(id) {
            return;
        }
        let meta = self.fact(&Key::Attr(id, "Meta".into())).cloned().unwrap_or_default();
        let mut made = self.fact(&Key::Attr(id, "FACTORY_FOR".into())).cloned().unwrap_or_default();
        for (ty, _) in meta.iter() {
            if let Ty::Class(meta) = ty
                && let Some(model) = self.fact(&Key::Attr(*meta, "model".into()))
            {
                made.join(&model.clone());
            }
        }
        let own = made.iter().find_map(|(ty, _)| match ty {
            Ty::Class(class) if self.is_row_class(*class) => Some(*class),
            Ty::Str(label) => self.class_by_label(label),
            _ => None,
        });
        let inherited = || self.ancestors(id).into_iter().find_map(|base| self.class(base).factory_of);
        let factory_of = if made.is_unknown() { own.or_else(inherited) } else { own };
        if self.class(id).factory_of != factory_of {
            self.classes[id.0 as usize].factory_of = factory_of;
            self.wake(&Key::Bases(id));
        }
    }

    /// Type parameters stand for their bounds.
    fn bind_type_params(&mut self, params: &'p [TypeParam]) {
        for param in params {
            let bound = param.bound.as_ref();
            let set = bound.map(|bound| self.silent(|flow| flow.eval(bound, Use::Annotation))).unwrap_or_default();
            let set = self.stands_for(&set);
            self.bind(&param.name.name, set);
        }
    }

    fn function_def(&mut self, def: &'p FunctionDef) {
        let file = self.file();
        let Some(&id) = self.func_at.get(&(file, def.name.span.start)) else { return };
        for decorator in &def.decorators {
            let set = self.eval(decorator, Use::Decorator);
            self.decorate(&set, id);
            self.signal_receiver(decorator, id);
            self.test_decorator(decorator, def, id);
        }
        for bound in def.type_params.iter().filter_map(|param| param.bound.as_ref()) {
            self.annotation(bound);
        }
        for param in &def.params {
            if let Some(annotation) = &param.annotation {
                self.annotation(annotation);
            }
            if let Some(default) = &param.default {
                self.eval(default, Use::Plain);
            }
        }
        if let Some(returns) = &def.returns {
            self.annotation(returns);
        }
        if self.func(id).binds == Binds::Property {
            self.touch_property(id, def);
        }
        self.bind(&def.name.name, TySet::one(Ty::Func(id)));
    }

    /// Assigns to a name, a tuple, an attribute or an item.
    pub(super) fn assign(&mut self, target: &'p Expr, set: &TySet) {
        match &target.kind {
            ExprKind::Name(name) => self.bind(name, set.clone()),
            ExprKind::Tuple(targets) | ExprKind::List(targets) => {
                for (index, target) in targets.iter().enumerate() {
                    let item = self.item(set, Some(index));
                    self.assign(target, &item);
                }
            }
            ExprKind::Starred(inner) => {
                let set = set.flat_map(|ty| TySet::one(Ty::Seq(Box::new(ty.clone()))));
                self.assign(inner, &set);
            }
            ExprKind::Attribute { value, attr } => {
                let receiver = self.eval(value, Use::Plain);
                self.touch_attribute_write(&receiver, attr);
                self.hold(&receiver, &attr.name, set);
            }
            ExprKind::Subscript { value, index } => {
                let key = self.eval(index, Use::Plain);
                self.eval(value, Use::Plain);
                // `self.rows[key] = row`
                if let ExprKind::Attribute { value, attr } = &value.kind
                    && self.set_matters(set)
                {
                    let receiver = self.silent(|flow| flow.eval(value, Use::Plain));
                    let held = set.flat_map(|ty| TySet::one(Ty::Dict(Box::new(ty.clone()))));
                    self.hold(&receiver, &attr.name, &held);
                }
                if let ExprKind::Name(name) = &value.kind
                    && (self.set_matters(set) || self.set_matters(&key))
                {
                    let mut known = self.lookup(name);
                    // Whoever goes through a mapping gets its keys.
                    for (ty, _) in key.iter().filter(|(ty, _)| matches!(ty, Ty::Instance(_))) {
                        known.insert(Ty::Seq(Box::new(ty.clone())), false);
                    }
                    for (ty, sure) in set.iter() {
                        known.insert(Ty::Dict(Box::new(ty.clone())), *sure);
                    }
                    self.bind(name, known);
                }
            }
            _ => {
                self.eval(target, Use::Plain);
            }
        }
    }

    /// What an attribute of an object holds from here on.
    pub(super) fn hold(&mut self, receiver: &TySet, attr: &CompactString, set: &TySet) {
        for (ty, _) in receiver.iter() {
            if let Ty::Instance(class) | Ty::Class(class) = ty {
                self.learn(Key::Attr(*class, attr.clone()), set);
            }
        }
    }
}
