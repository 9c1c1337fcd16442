//! Expressions.

use compact_str::CompactString;

use super::{Env, Flow, Frame, Key};
use crate::ast::{
    Arguments, BinOp, CmpOp, ComprehensionClause, ComprehensionKind, Expr, ExprKind, Ident, ParamKind, StrPart,
    StrPiece,
};
use crate::finding::Access;
use crate::modules::ModuleRef;
use crate::source::Span;
use crate::touchpoint::ty::{Ty, TySet};

/// What an expression is for, as far as that decides the kind of a touchpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Nothing special.
    Plain,
    /// The right side of an assignment.
    Assigned,
    /// A base class.
    Base,
    /// The type of an `except` clause.
    Except,
    /// A decorator.
    Decorator,
    /// An operand of a comparison.
    Compared,
    /// An argument of a call; with what the callee does to a class that it is given.
    Argument(Access),
    /// An annotation.
    Annotation,
    /// Given to a function that queries it: `get_object_or_404`.
    Queried(Access),
}

/// One step of `base.attr(args)[index]`.
#[derive(Clone, Copy)]
pub(super) enum Op<'p> {
    Attr(&'p Ident),
    Call(&'p Arguments, Span),
    Index(&'p Expr),
}

/// A chain while it is followed.
pub(super) struct Chain<'p> {
    /// The name that it starts with.
    pub(super) base: Option<Ident>,
    /// All steps.
    pub(super) ops: Vec<Op<'p>>,
    /// The whole expression.
    pub(super) span: Span,
    /// What the whole expression is for.
    pub(super) use_: Use,
    /// Whether a touchpoint of this chain speaks for its queries already.
    pub(super) told: bool,
    /// What the chain does to the rows.
    pub(super) access: Access,
    /// Whether the chain starts at `self`.
    pub(super) from_self: bool,
}

impl<'p> Flow<'_, 'p> {
    pub(super) fn eval(&mut self, expr: &'p Expr, use_: Use) -> TySet {
        match &expr.kind {
            ExprKind::Name(_) | ExprKind::Attribute { .. } | ExprKind::Call { .. } | ExprKind::Subscript { .. } => {
                self.chain(expr, use_)
            }
            ExprKind::Str(pieces) => self.text(expr, pieces, use_),
            ExprKind::List(items) | ExprKind::Set(items) => self.sequence(items, use_),
            ExprKind::Tuple(items) => self.tuple(items, use_),
            ExprKind::Dict(entries) => self.mapping(entries),
            ExprKind::Comprehension { kind, element, value, clauses } => {
                self.comprehension(*kind, element, value.as_deref(), clauses)
            }
            ExprKind::Lambda { params, body } => self.lambda(expr, params, body),
            ExprKind::BinOp { op, left, right } => self.binary(expr, *op, left, right, use_),
            ExprKind::BoolOp { values, .. } => {
                let mut set = TySet::default();
                for value in values {
                    set.join(&self.eval(value, inherit(use_)));
                }
                set
            }
            ExprKind::Compare { left, rest } => self.comparison(left, rest),
            ExprKind::IfExp { test, body, orelse } => {
                self.eval(test, Use::Plain);
                let mut set = self.eval(body, inherit(use_));
                set.join(&self.eval(orelse, inherit(use_)));
                set
            }
            ExprKind::Await(inner) => self.eval(inner, use_),
            ExprKind::Yield(value) => self.yielded(value.as_deref()),
            ExprKind::Starred(inner) => {
                let set = self.eval(inner, use_);
                self.evaluates(inner, &set);
                set
            }
            ExprKind::NamedExpr { target, value } => {
                let set = self.eval(value, Use::Assigned);
                self.bind(&target.name, set.clone());
                set
            }
            ExprKind::UnaryOp { operand: inner, .. } | ExprKind::Repr(inner) => {
                self.eval(inner, Use::Plain);
                TySet::unknown()
            }
            ExprKind::Slice(parts) => {
                for part in parts.iter().flatten() {
                    self.eval(part, Use::Plain);
                }
                TySet::unknown()
            }
            ExprKind::Error(inside) => {
                for expr in inside {
                    self.eval(expr, Use::Plain);
                }
                TySet::unknown()
            }
            ExprKind::Number(_) | ExprKind::Bool(_) | ExprKind::None | ExprKind::Ellipsis => TySet::unknown(),
        }
    }

    /// A literal text, or an f-string.
    fn text(&mut self, expr: &'p Expr, pieces: &'p [StrPiece], use_: Use) -> TySet {
        self.string(expr, use_);
        for part in pieces.iter().flat_map(|piece| &piece.parts) {
            if let StrPart::Hole(hole) = part {
                self.eval(hole, Use::Plain);
            }
        }
        match expr.as_str() {
            // Long texts are never names; statements are kept when they name a table.
            Some(text) if text.len() <= 160 || (text.len() <= 8000 && self.names_table(&text)) => {
                TySet::one(Ty::Str(text))
            }
            Some(_) => TySet::unknown(),
            // An f-string is put together.
            None => self.built_value(expr),
        }
    }

    fn sequence(&mut self, items: &'p [Expr], use_: Use) -> TySet {
        let mut all = TySet::default();
        for item in items {
            let set = self.eval(item, inherit(use_));
            all.join(&set);
        }
        all.flat_map(|ty| TySet::one(Ty::Seq(Box::new(ty.clone()))))
    }

    fn tuple(&mut self, items: &'p [Expr], use_: Use) -> TySet {
        self.touch_field_pair(items);
        let sets: Vec<TySet> = items.iter().map(|item| self.eval(item, inherit(use_))).collect();
        if sets.iter().all(TySet::is_unknown) { TySet::unknown() } else { TySet::one(Ty::Tuple(sets)) }
    }

    fn mapping(&mut self, entries: &'p [(Option<Expr>, Expr)]) -> TySet {
        let mut all = TySet::default();
        for (key, value) in entries {
            if let Some(key) = key {
                self.touch_frozen_pair(key, value);
                self.eval(key, Use::Plain);
            }
            let set = self.eval(value, Use::Plain);
            all.join(&set);
        }
        all.flat_map(|ty| match ty {
            Ty::Str(_) => TySet::unknown(),
            other => TySet::one(Ty::Dict(Box::new(other.clone()))),
        })
    }

    fn binary(&mut self, expr: &'p Expr, op: BinOp, left: &'p Expr, right: &'p Expr, use_: Use) -> TySet {
        if matches!(op, BinOp::Add | BinOp::Mod) {
            self.built_string(expr);
            let built = self.built_value(expr);
            if !built.is_unknown() {
                return built;
            }
        }
        // `Model | None` and `"Model | None"` are annotations of several parts.
        let part = if use_ == Use::Annotation { Use::Annotation } else { Use::Plain };
        let mut set = self.eval(left, part);
        set.join(&self.eval(right, part));
        if use_ == Use::Annotation {
            return set;
        }
        // Querysets combine with & and |, lists and tuples with +.
        if matches!(op, BinOp::BitAnd | BinOp::BitOr | BinOp::Add) {
            set.flat_map(|ty| match ty {
                Ty::Str(_) => TySet::unknown(),
                other => TySet::one(other.clone()),
            })
        } else {
            TySet::unknown()
        }
    }

    fn comparison(&mut self, left: &'p Expr, rest: &'p [(CmpOp, Expr)]) -> TySet {
        let mut asks = asks_for_name(left);
        rest.iter().for_each(|(_, operand)| asks |= asks_for_name(operand));
        let outer = std::mem::replace(&mut self.comparing_name, asks);
        self.eval(left, Use::Compared);
        for (op, operand) in rest {
            let set = self.eval(operand, Use::Compared);
            if matches!(op, CmpOp::In | CmpOp::NotIn) {
                self.evaluates(operand, &set);
            }
        }
        self.comparing_name = outer;
        TySet::unknown()
    }

    /// `yield value`: the function returns something that gives the value when it is iterated.
    fn yielded(&mut self, value: Option<&'p Expr>) -> TySet {
        let set = value.map(|value| self.eval(value, Use::Plain)).unwrap_or_default();
        if let Some(func) = self.frames.last().and_then(|frame| frame.func) {
            let items = set.flat_map(|ty| TySet::one(Ty::Seq(Box::new(ty.clone()))));
            self.learn(Key::Return(func), &items);
        }
        TySet::unknown()
    }

    /// Runs with names of its own; those of the enclosing code stay as they were.
    pub(super) fn scoped<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let (file, func, class) = self.frames.last().map_or((self.file(), None, None), |f| (f.file, f.func, f.class));
        self.frames.push(Frame { file, func, class, env: Env::default() });
        let result = run(self);
        self.frames.pop();
        result
    }

    fn comprehension(
        &mut self,
        kind: ComprehensionKind,
        element: &'p Expr,
        value: Option<&'p Expr>,
        clauses: &'p [ComprehensionClause],
    ) -> TySet {
        self.scoped(|flow| {
            for clause in clauses {
                let items = flow.eval(&clause.iter, Use::Plain);
                flow.evaluates(&clause.iter, &items);
                let item = flow.elements(&items);
                flow.assign(&clause.target, &item);
                for condition in &clause.ifs {
                    flow.eval(condition, Use::Plain);
                }
            }
            let set = flow.eval(element, Use::Plain);
            let values = value.map(|value| flow.eval(value, Use::Plain));
            let wrap = |set: &TySet, dict: bool| {
                set.flat_map(|ty| match ty {
                    Ty::Str(_) => TySet::unknown(),
                    ty if dict => TySet::one(Ty::Dict(Box::new(ty.clone()))),
                    ty => TySet::one(Ty::Seq(Box::new(ty.clone()))),
                })
            };
            match (kind, values) {
                (ComprehensionKind::Dict, Some(values)) => wrap(&values, true),
                _ => wrap(&set, false),
            }
        })
    }

    /// What a name may be here.
    pub(super) fn lookup(&mut self, name: &str) -> TySet {
        let mut func = None;
        for (depth, frame) in self.frames.iter().rev().enumerate() {
            if let Some(set) = frame.env.get(name) {
                return set.clone();
            }
            if depth == 0 || frame.class.is_none() {
                func = func.or(frame.func);
            }
        }
        while let Some(id) = func {
            let parent = self.func(id).parent;
            if let Some(parent) = parent
                && let Some(set) = self.read(Key::Closure(parent, name.into()))
            {
                return set;
            }
            func = parent;
        }
        let file = self.file();
        let set = self.module_value(file, name);
        let variable = |ty: &Ty| matches!(ty, Ty::ExternalResult(dotted) if dotted.ends_with("TypeVar"));
        if set.is_unknown() || set.iter().any(|(ty, _)| variable(ty)) {
            let given = self.type_parameter(name);
            if !given.is_unknown() {
                return given;
            }
        }
        if set.is_unknown() && is_builtin(name) { TySet::one(Ty::External(name.into())) } else { set }
    }

    /// What iterating gives.
    pub(super) fn elements(&mut self, set: &TySet) -> TySet {
        set.flat_map(|ty| match ty {
            Ty::QuerySet(model, _) | Ty::Manager(model, _) => TySet::one(Ty::Instance(*model)),
            Ty::Seq(inner) => TySet::one((**inner).clone()),
            Ty::Tuple(items) => {
                let mut all = TySet::default();
                items.iter().for_each(|item| {
                    all.join(item);
                });
                all
            }
            _ => TySet::unknown(),
        })
    }

    /// What an index gives; `None` when the index is not a constant.
    pub(super) fn item(&mut self, set: &TySet, index: Option<usize>) -> TySet {
        set.flat_map(|ty| match (ty, index) {
            (Ty::Tuple(items), Some(index)) => items.get(index).cloned().unwrap_or_default(),
            (Ty::Tuple(items), None) => items.iter().flat_map(TySet::iter).cloned().collect(),
            (Ty::Seq(inner) | Ty::Dict(inner), _) => TySet::one((**inner).clone()),
            (Ty::QuerySet(model, _), _) => TySet::one(Ty::Instance(*model)),
            // Of a file that is not under analysis: who uses the item with a row asks for the file.
            (Ty::Pending(..), _) => TySet::one(ty.clone()),
            _ => TySet::unknown(),
        })
    }

    /// Follows `base.attr(args)[index]…` step by step.
    fn chain(&mut self, expr: &'p Expr, use_: Use) -> TySet {
        let mut ops = Vec::new();
        let mut base = expr;
        loop {
            match &base.kind {
                ExprKind::Attribute { value, attr } => {
                    ops.push(Op::Attr(attr));
                    base = value;
                }
                ExprKind::Call { func, args } => {
                    ops.push(Op::Call(args, base.span));
                    base = func;
                }
                ExprKind::Subscript { value, index } => {
                    ops.push(Op::Index(index));
                    base = value;
                }
                _ => break,
            }
        }
        ops.reverse();
        let from_self = matches!(base.as_name(), Some("self" | "cls"));
        let base_ident = base.as_name().map(|name| Ident { name: name.into(), span: base.span });
        let mut chain =
            Chain { ops, base: base_ident, span: expr.span, use_, told: false, access: Access::None, from_self };
        if let ExprKind::Str(_) = base.kind
            && matches!(chain.ops.first(), Some(Op::Attr(attr)) if matches!(attr.name.as_str(), "format" | "join" | "replace" | "strip"))
        {
            self.built_string(expr);
        }
        let mut set = match &base.kind {
            ExprKind::Name(name) => {
                let set = self.lookup(name);
                let ident = Ident { name: name.clone(), span: base.span };
                self.touch_class(&set, &ident, 0, &mut chain);
                set
            }
            _ => self.eval(base, Use::Plain),
        };
        let mut dotted: Option<Vec<CompactString>> = base.as_name().map(|name| vec![name.into()]);
        let mut at = 0;
        while at < chain.ops.len() {
            match chain.ops[at] {
                Op::Attr(attr) => {
                    if let Some(segments) = &mut dotted {
                        segments.push(attr.name.clone());
                    }
                    self.touch_unnamed_class(&set, attr, at, &mut chain);
                    if let Some(Op::Call(args, span)) = chain.ops.get(at + 1).copied() {
                        set = self.method_call(&set, base, attr, args, span, at, &mut chain);
                        dotted = None;
                        at += 2;
                        continue;
                    }
                    let next = self.attr(&set, attr, at, &mut chain);
                    set = match &dotted {
                        // `import a.b.c` binds `a` alone; the chain names the module whole.
                        Some(segments) if next.is_unknown() && is_module_like(&set) => self.dotted_module(segments),
                        _ => next,
                    };
                    self.touch_class(&set, attr, at + 1, &mut chain);
                    at += 1;
                }
                Op::Call(args, span) => {
                    set = self.call(&set, args, span, at, &mut chain);
                    dotted = None;
                    at += 1;
                }
                Op::Index(index) => {
                    set = self.index(&set, index, base, &mut chain, at);
                    dotted = None;
                    at += 1;
                }
            }
        }
        if chain.told {
            self.told_chain = Some(chain.span);
        }
        set
    }

    fn index(&mut self, set: &TySet, index: &'p Expr, base: &Expr, chain: &mut Chain<'p>, at: usize) -> TySet {
        if let Some(types) = self.is_generic(set)
            && !self.is_frozen_orm(base, index)
        {
            let inner = if types { Use::Annotation } else { Use::Plain };
            let args: Vec<TySet> = match &index.kind {
                ExprKind::Tuple(items) => items.iter().map(|item| self.eval(item, inner)).collect(),
                _ => vec![self.eval(index, inner)],
            };
            if let Some(made) = self.subscripted(set, &args) {
                return made;
            }
        }
        if at == 0
            && let Some(name) = index.as_str()
        {
            let given = self.keyword_argument(base, &name);
            if !given.is_unknown() {
                self.eval(index, Use::Plain);
                return given;
            }
        }
        let inside = self.eval(index, if chain.use_ == Use::Annotation { Use::Annotation } else { Use::Plain });
        if at == 0
            && base.as_name() == Some("orm")
            && let Some(text) = index.as_str()
            && let Some(class) = self.class_by_label(&text)
        {
            self.touch_frozen_model(class, index, chain);
            return TySet::one(Ty::Class(class));
        }
        if matches!(index.kind, ExprKind::Slice(_)) {
            return set.clone();
        }
        let constant = match &index.kind {
            ExprKind::Number(text) => text.parse().ok(),
            _ => None,
        };
        if let Some(Op::Attr(attr)) = at.checked_sub(1).and_then(|before| chain.ops.get(before)) {
            self.indexed(set, attr, chain);
        } else if let Some(name) = chain.base.clone().filter(|_| at == 0) {
            self.indexed(set, &name, chain);
        }
        let item = self.item(set, constant);
        if item.is_unknown() && chain.use_ == Use::Annotation { inside } else { item }
    }

    /// `rows[0]` issues a statement.
    fn indexed(&mut self, set: &TySet, name: &Ident, chain: &Chain<'p>) {
        let rows = set.iter().find_map(|(ty, _)| match ty {
            Ty::QuerySet(model, _) | Ty::Rows(model) => Some(*model).filter(|model| self.class(*model).model.is_some()),
            _ => None,
        });
        if let Some(model) = rows.filter(|_| !chain.told) {
            self.touch_evaluation(model, name);
        }
    }

    /// `kwargs["row"]`, where `kwargs` is the function's `**kwargs`.
    pub(super) fn keyword_argument(&mut self, base: &Expr, name: &str) -> TySet {
        let Some(func) = self.frames.last().and_then(|frame| frame.func) else { return TySet::unknown() };
        let kwargs =
            self.func(func).params.iter().any(|param| {
                param.kind == ParamKind::KwArgs && base.as_name().is_some_and(|base| param.name.name == base)
            });
        if kwargs { self.read(Key::Param(func, name.into())).unwrap_or_default() } else { TySet::unknown() }
    }

    /// `orm['app.Model']` of South.
    fn is_frozen_orm(&self, base: &Expr, index: &Expr) -> bool {
        base.as_name() == Some("orm") && index.as_str().is_some_and(|text| self.class_by_label(&text).is_some())
    }

    /// The module or the name in a module that a dotted chain names.
    fn dotted_module(&mut self, segments: &[CompactString]) -> TySet {
        let file = self.file();
        let text = segments.join(".");
        match self.resolver.project().modules.resolve(&text, Some(file)) {
            ModuleRef::Unknown => match segments.split_last() {
                Some((last, rest)) if !rest.is_empty() => {
                    let parent = rest.join(".");
                    match self.resolver.project().modules.resolve(&parent, Some(file)) {
                        ModuleRef::File(module) => self.module_value(module, last),
                        _ => TySet::one(Ty::External(text.into())),
                    }
                }
                _ => TySet::unknown(),
            },
            module => TySet::one(Ty::Module(module)),
        }
    }
}

/// Containers pass on what they are for; arguments in them are not themselves arguments.
fn inherit(use_: Use) -> Use {
    match use_ {
        Use::Base | Use::Argument(_) => Use::Plain,
        other => other,
    }
}

/// Whether an operand is the name of a class or a model: `sender.__name__`, `ct.model`, `_meta.model_name`,
/// `getattr(model, "__name__", "")`.
fn asks_for_name(operand: &Expr) -> bool {
    let is_name = |name: &str| {
        matches!(name, "__name__" | "__qualname__" | "model_name" | "object_name" | "model" | "label" | "label_lower")
    };
    let mut asks = false;
    operand.walk(&mut |part| {
        asks |= match &part.kind {
            ExprKind::Attribute { attr, .. } => is_name(&attr.name),
            ExprKind::Name(name) => is_name(name),
            ExprKind::Call { func, args } if func.as_name() == Some("getattr") => {
                args.args.get(1).and_then(Expr::as_str).is_some_and(|name| is_name(&name))
            }
            _ => false,
        };
    });
    asks
}

fn is_module_like(set: &TySet) -> bool {
    set.iter().any(|(ty, _)| matches!(ty, Ty::Module(_) | Ty::External(_)))
}

fn is_builtin(name: &str) -> bool {
    matches!(
        name,
        "list"
            | "tuple"
            | "set"
            | "frozenset"
            | "sorted"
            | "reversed"
            | "iter"
            | "next"
            | "enumerate"
            | "zip"
            | "filter"
            | "map"
            | "getattr"
            | "setattr"
            | "isinstance"
            | "issubclass"
            | "super"
            | "type"
            | "dict"
            | "min"
            | "max"
            | "len"
            | "bool"
            | "sum"
            | "any"
            | "all"
    )
}
