//! Functions that wait until they are needed. A file that is under analysis only because it may delete rows from which a
//! deletion cascades to the target has functions that delete, functions and attributes that give these their values, and
//! many others. Only the first two kinds run.
//!
//! Every function that deletes runs at once. The others run when one that runs reads what they give: a result, an effect,
//! a variable around it, an attribute that they set, an argument that they pass.

use rustc_hash::FxHashSet;

use super::{Flow, Key, Unit};
use crate::ast::{Expr, ExprKind, Stmt, StmtKind, walk_exprs};
use crate::finding::Access;
use crate::source::FileId;
use crate::touchpoint::orm;
use crate::touchpoint::ty::FuncId;

impl<'p> Flow<'_, 'p> {
    /// Lets the functions of these files wait when they come under analysis.
    pub(in crate::touchpoint) fn let_wait(&mut self, files: &[FileId]) {
        self.waiting.files.extend(files);
    }

    /// Whether functions of a file wait.
    pub(in crate::touchpoint) fn waits(&self, file: FileId) -> bool {
        self.waiting.files.contains(&file)
    }

    /// Keeps the functions of a file from running, from the number `first` on, but for those that delete.
    pub(super) fn hold_back(&mut self, first: usize) {
        let mut at = first;
        while let Some(info) = self.funcs.get(at) {
            let nested = self.funcs.iter().skip(at + 1).take_while(|info| info.parent.is_some()).count();
            let end = at + 1 + nested;
            let (Some(func), Some(end_func)) = (id(at), id(end)) else { return };
            at = end;
            let Some(def) = info.def else { continue };
            let (file, mut deletes) = (info.file, false);
            walk_exprs(&def.body, &mut |expr| deletes |= names_deletion(expr));
            if deletes {
                continue;
            }
            for nested in (func.0..end_func.0).map(FuncId) {
                self.work.remove(&Unit::Func(nested));
            }
            self.waiting.functions.insert(func, end_func);
            let mut names: FxHashSet<&'p str> = FxHashSet::default();
            walk_exprs(&def.body, &mut |expr| names.extend(name(expr)));
            for name in names {
                self.waiting.callers.entry(name).or_default().push(func);
            }
            let mut attributes: FxHashSet<&'p str> = FxHashSet::default();
            set_attributes(&def.body, &mut attributes);
            for attribute in attributes {
                self.waiting.setters.entry(file).or_default().entry(attribute).or_default().push(func);
            }
        }
    }

    /// Lets all functions of a file run: it is under analysis for another reason, too.
    pub(super) fn let_run(&mut self, file: FileId) {
        if self.waiting.files.remove(&file) {
            let of_file = |func: &FuncId| self.func(*func).file == file;
            let functions: Vec<FuncId> = self.waiting.functions.keys().copied().filter(of_file).collect();
            functions.into_iter().for_each(|func| self.start(func));
        }
    }

    /// Lets the functions run that give the fact that a unit reads.
    pub(super) fn start_givers(&mut self, key: &Key) {
        if self.waiting.functions.is_empty() {
            return;
        }
        match key {
            Key::Return(func) | Key::Effect(func) | Key::Injected(func, _) | Key::Closure(func, _) => self.start(*func),
            Key::Attr(class, name) => self.start_setters(self.class(*class).file, name),
            Key::Held(name) => self.start_setters(self.file(), name),
            Key::Param(func, _) => self.start_callers(*func),
            Key::Bases(_) | Key::Global(..) | Key::Managers(_) | Key::TypeArg(..) | Key::Fixture(_) => {}
        }
    }

    fn start_setters(&mut self, file: FileId, name: &str) {
        let setters = self.waiting.setters.get_mut(&file).and_then(|setters| setters.remove(name));
        setters.into_iter().flatten().for_each(|func| self.start(func));
    }

    /// The callers of a method stand in its file; those of a function in any.
    fn start_callers(&mut self, func: FuncId) {
        let info = self.func(func);
        let (file, method) = (info.file, info.class.is_some());
        let Some(def) = info.def.filter(|_| self.waits(file)) else { return };
        if self.waiting.called.insert(func) {
            let callers = self.waiting.callers.get(def.name.name.as_str()).cloned().unwrap_or_default();
            for caller in callers {
                if !method || self.func(caller).file == file {
                    self.start(caller);
                }
            }
        }
    }

    /// Lets a function run, with all that is nested in it, or around it.
    fn start(&mut self, func: FuncId) {
        let outermost = std::iter::successors(Some(func), |func| self.func(*func).parent).last().unwrap_or(func);
        if let Some(end) = self.waiting.functions.remove(&outermost) {
            self.work.extend((outermost.0..end.0).map(|nested| Unit::Func(FuncId(nested))));
        }
    }
}

fn id(at: usize) -> Option<FuncId> {
    u32::try_from(at).ok().map(FuncId)
}

/// Whether an expression names a method that deletes rows, or asks for it by `getattr`.
fn names_deletion(expr: &Expr) -> bool {
    let deletes = |name: &str| orm::instance_method(name) == Some(Access::Delete);
    match &expr.kind {
        ExprKind::Attribute { attr, .. } => deletes(&attr.name),
        ExprKind::Str(_) => expr.as_str().is_some_and(|text| deletes(&text)),
        _ => false,
    }
}

fn name(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Attribute { attr, .. } => Some(&attr.name),
        _ => None,
    }
}

/// The attributes that statements set.
fn set_attributes<'p>(body: &'p [Stmt], attributes: &mut FxHashSet<&'p str>) {
    for stmt in body {
        let mut target = |expr: &'p Expr| {
            expr.walk(&mut |part| {
                if let ExprKind::Attribute { attr, .. } = &part.kind {
                    attributes.insert(&attr.name);
                }
            });
        };
        match &stmt.kind {
            StmtKind::Assign { targets, .. } => targets.iter().for_each(target),
            StmtKind::AnnAssign { target: set, .. }
            | StmtKind::AugAssign { target: set, .. }
            | StmtKind::For { target: set, .. } => target(set),
            StmtKind::With { items, .. } => items.iter().filter_map(|(_, set)| set.as_ref()).for_each(target),
            StmtKind::Expr(Expr { kind: ExprKind::Call { func, args }, .. }) if func.as_name() == Some("setattr") => {
                let named = args.args.get(1).map(|name| &name.kind);
                if let Some(ExprKind::Str(pieces)) = named {
                    for part in pieces.iter().flat_map(|piece| &piece.parts) {
                        if let crate::ast::StrPart::Text(text) = part {
                            attributes.insert(text);
                        }
                    }
                }
            }
            _ => {}
        }
        stmt.bodies().into_iter().for_each(|body| set_attributes(body, attributes));
    }
}
