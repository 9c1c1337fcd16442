//! Annotations: what a value is that carries one, quoted or not, and what type parameters stand for.
//!
//! Sources: the `typing` module's documentation, PEP 484 (quoted annotations), 585 (`list[int]`), 604 (`A | None`) and
//! 695 (`class Store[T: Model]`).

use std::rc::Rc;

use compact_str::CompactString;

use super::eval::Use;
use super::names::{is_manager_name, last_segment};
use super::{Flow, Key};
use crate::ast::{BinOp, ClassDef, Expr, ExprKind, StmtKind};
use crate::parse::{ParseOptions, parse};
use crate::touchpoint::ty::{ClassId, Ty, TySet};

/// What a generic class of Python or Django holds, by the name of the class.
enum Holds {
    /// Any of its arguments: `Optional`, `Union`.
    Any,
    /// Its first argument, and remarks: `Annotated`.
    First,
    /// Its last argument, which an `await` gives.
    Last,
    /// The class itself: `type[M]`.
    Class,
    /// Items of its first argument.
    Items,
    /// Values of its second argument under keys of its first.
    Mapping,
    /// One argument for each item.
    Tuple,
    /// Rows of its first argument.
    Rows,
    /// Plain constants.
    Constants,
}

fn holds(name: &str) -> Option<Holds> {
    Some(match name {
        "Optional" | "Union" | "Final" | "ClassVar" | "Required" | "NotRequired" | "ReadOnly" | "InitVar"
        | "TypeIs" | "TypeGuard" => Holds::Any,
        "Annotated" => Holds::First,
        "Awaitable" | "Coroutine" => Holds::Last,
        "type" | "Type" => Holds::Class,
        "list" | "List" | "set" | "Set" | "frozenset" | "FrozenSet" | "AbstractSet" | "MutableSet" | "Sequence"
        | "MutableSequence" | "Collection" | "Container" | "Iterable" | "Iterator" | "Reversible" | "Generator"
        | "AsyncIterable" | "AsyncIterator" | "AsyncGenerator" | "deque" | "Deque" | "ValuesView" | "KeysView"
        | "Page" | "Paginator" => Holds::Items,
        "dict" | "Dict" | "Mapping" | "MutableMapping" | "OrderedDict" | "defaultdict" | "DefaultDict" => {
            Holds::Mapping
        }
        "tuple" | "Tuple" => Holds::Tuple,
        "Literal" | "LiteralString" => Holds::Constants,
        name if is_manager_name(name) => Holds::Rows,
        _ => return None,
    })
}

impl<'p> Flow<'_, 'p> {
    /// Evaluates an annotation for its touchpoints.
    pub(super) fn annotation(&mut self, annotation: &'p Expr) {
        self.eval(annotation, Use::Annotation);
    }

    /// What a value with this annotation is.
    pub(super) fn annotated(&mut self, annotation: &'p Expr) -> TySet {
        let told = self.eval(annotation, Use::Annotation);
        self.instances(&told)
    }

    /// What values are that a type allows.
    pub(super) fn instances(&mut self, types: &TySet) -> TySet {
        let mut result = TySet::default();
        for (ty, sure) in types.iter() {
            let allowed = match ty {
                Ty::Class(class) => self.instance_of(*class),
                Ty::Hint(inner) => TySet::one((**inner).clone()),
                Ty::Str(text) => {
                    let named = self.quoted(text);
                    self.instances(&named)
                }
                Ty::Seq(inner) => match &**inner {
                    Ty::Class(class) => TySet::one(Ty::Seq(Box::new(Ty::Instance(*class)))),
                    _ => TySet::unknown(),
                },
                Ty::External(dotted) if last_segment(dotted) == "Self" => self.own_self(),
                _ => TySet::unknown(),
            };
            for (ty, known) in allowed.iter() {
                result.insert(ty.clone(), *known && *sure);
            }
        }
        result
    }

    /// An instance of a class; of a manager or queryset class, one on the rows of its models.
    fn instance_of(&mut self, class: ClassId) -> TySet {
        if self.is_row_class(class) {
            return TySet::one(Ty::Instance(class));
        }
        let own = self.self_type(class);
        own.flat_map(|ty| match ty {
            Ty::Manager(model, custom) => TySet::one(Ty::QuerySet(*model, *custom)),
            other => TySet::one(other.clone()),
        })
    }

    /// `Self` in the class whose code runs.
    fn own_self(&mut self) -> TySet {
        let class = self
            .frames
            .iter()
            .rev()
            .find_map(|frame| frame.class.or_else(|| frame.func.and_then(|func| self.func(func).class)));
        class.map(|class| self.self_type(class)).unwrap_or_default()
    }

    /// The type that a quoted annotation names.
    pub(super) fn quoted(&mut self, text: &str) -> TySet {
        match self.quoted_expr(text) {
            Some(expr) => self.named_type(&expr),
            None => TySet::unknown(),
        }
    }

    /// The expression in a quoted annotation.
    pub(super) fn quoted_expr(&mut self, text: &str) -> Option<Rc<Expr>> {
        if let Some(known) = self.quoted.get(text) {
            return known.clone();
        }
        let read = || {
            if text.len() > 400 || text.trim().is_empty() {
                return None;
            }
            let mut parsed = parse(text.trim().as_bytes(), ParseOptions::default());
            if !parsed.gaps.is_empty() || parsed.module.body.len() != 1 {
                return None;
            }
            match parsed.module.body.pop()?.kind {
                StmtKind::Expr(expr) => Some(Rc::new(expr)),
                _ => None,
            }
        };
        let expr = read();
        self.quoted.insert(text.into(), expr.clone());
        expr
    }

    /// What the names of a type expression stand for; the expression need not be a part of the tree.
    fn named_type(&mut self, expr: &Expr) -> TySet {
        match &expr.kind {
            ExprKind::Name(name) => self.lookup(name),
            ExprKind::Attribute { value, attr } => {
                let base = self.named_type(value);
                let mut found = TySet::default();
                for (ty, _) in base.iter() {
                    found.join(&self.silent(|flow| flow.attr_of(ty, attr, true)));
                }
                found
            }
            ExprKind::Subscript { value, index } => {
                let base = self.named_type(value);
                let args: Vec<TySet> = match &index.kind {
                    ExprKind::Tuple(items) => items.iter().map(|item| self.named_type(item)).collect(),
                    _ => vec![self.named_type(index)],
                };
                self.subscripted(&base, &args).unwrap_or_default()
            }
            ExprKind::BinOp { op: BinOp::BitOr, left, right } => {
                let mut set = self.named_type(left);
                set.join(&self.named_type(right));
                set
            }
            ExprKind::Str(_) => match expr.as_str() {
                Some(text) => self.quoted(&text),
                None => TySet::unknown(),
            },
            _ => TySet::unknown(),
        }
    }

    /// Whether brackets after a value hold types: `list[…]`, `QuerySet[…]`, `Store[…]`; and whether constants instead.
    pub(super) fn is_generic(&self, set: &TySet) -> Option<bool> {
        set.iter().find_map(|(ty, _)| match ty {
            Ty::External(name) | Ty::Pending(_, name) => {
                Some(!matches!(holds(last_segment(name)), Some(Holds::Constants)))
            }
            Ty::Class(_) => Some(true),
            _ => None,
        })
    }

    /// `base[args]` where the base is a class: the type, and for a class of the project the class itself.
    pub(super) fn subscripted(&mut self, base: &TySet, args: &[TySet]) -> Option<TySet> {
        let mut result = TySet::default();
        let mut generic = false;
        for (ty, sure) in base.iter() {
            let made = match ty {
                Ty::External(name) | Ty::Pending(_, name) => {
                    generic = true;
                    let mut made = self.external_generic(last_segment(name), args);
                    // `class Rows(Manager["Row"])`, `ModelAdmin[Row]`: a class by its own name, too.
                    made.insert(ty.clone(), true);
                    made
                }
                Ty::Class(class) => {
                    generic = true;
                    self.type_arguments(*class, args);
                    let mut made = TySet::one(ty.clone());
                    if self.is_manager_class(*class) {
                        for (arg, _) in args.first().map(|arg| self.instances(arg)).unwrap_or_default().iter() {
                            if let Ty::Instance(model) = arg
                                && self.is_row_class(*model)
                            {
                                made.insert(Ty::Hint(Box::new(Ty::QuerySet(*model, Some(*class)))), true);
                            }
                        }
                    }
                    made
                }
                _ => continue,
            };
            for (ty, known) in made.iter() {
                result.insert(ty.clone(), *known && *sure);
            }
        }
        generic.then_some(result)
    }

    fn external_generic(&mut self, name: &str, args: &[TySet]) -> TySet {
        let first = args.first().cloned().unwrap_or_default();
        let hint = |set: TySet, wrap: &dyn Fn(Ty) -> Ty| -> TySet {
            set.flat_map(|ty| TySet::one(Ty::Hint(Box::new(wrap(ty.clone())))))
        };
        match holds(name) {
            Some(Holds::Any) => {
                let mut all = TySet::default();
                for arg in args {
                    all.join(arg);
                }
                all
            }
            Some(Holds::First) => first,
            Some(Holds::Last) => args.last().cloned().unwrap_or_default(),
            Some(Holds::Class) => {
                let classes = self.instances(&first);
                classes.flat_map(|ty| match ty {
                    Ty::Instance(class) => TySet::one(Ty::Hint(Box::new(Ty::Class(*class)))),
                    _ => TySet::unknown(),
                })
            }
            Some(Holds::Items) => hint(self.instances(&first), &|ty| Ty::Seq(Box::new(ty))),
            Some(Holds::Mapping) => {
                let values = args.get(1).map(|arg| self.instances(arg)).unwrap_or_default();
                let mut all = hint(values, &|ty| Ty::Dict(Box::new(ty)));
                // Whoever goes through a mapping gets its keys.
                let keys = self.instances(&first).flat_map(|ty| match ty {
                    Ty::Instance(class) if self.is_row_class(*class) => TySet::one(ty.clone()),
                    _ => TySet::unknown(),
                });
                all.join(&hint(keys, &|ty| Ty::Seq(Box::new(ty))));
                all
            }
            Some(Holds::Tuple) => {
                let items: Vec<TySet> = args.iter().map(|arg| self.instances(arg)).collect();
                // `tuple[M, ...]` has any number of items.
                match items.as_slice() {
                    [item, rest] if rest.is_unknown() && args.get(1).is_some_and(TySet::is_unknown) => {
                        let mut all = hint(item.clone(), &|ty| Ty::Seq(Box::new(ty)));
                        all.insert(Ty::Hint(Box::new(Ty::Tuple(items.clone()))), true);
                        all
                    }
                    items if items.iter().all(TySet::is_unknown) => TySet::unknown(),
                    items => TySet::one(Ty::Hint(Box::new(Ty::Tuple(items.to_vec())))),
                }
            }
            Some(Holds::Rows) => {
                let rows = self.instances(&first).flat_map(|ty| match ty {
                    Ty::Instance(class) if self.is_row_class(*class) => TySet::one(Ty::QuerySet(*class, None)),
                    _ => TySet::unknown(),
                });
                hint(rows, &|ty| ty)
            }
            Some(Holds::Constants) | None => TySet::unknown(),
        }
    }

    /// `Store[Model]`: what the class's type parameters stand for.
    fn type_arguments(&mut self, class: ClassId, args: &[TySet]) {
        if self.reporting || !args.iter().any(|arg| arg.iter().any(|(ty, _)| matches!(ty, Ty::Class(_) | Ty::Str(_)))) {
            return;
        }
        let names = type_parameters(self.class(class).def);
        for (name, arg) in names.into_iter().zip(args) {
            let mut named = TySet::default();
            for (ty, _) in arg.iter() {
                match ty {
                    Ty::Class(_) => {
                        named.insert(ty.clone(), false);
                    }
                    Ty::Str(text) => {
                        named.join(&self.quoted(text).unsure());
                    }
                    _ => {}
                }
            }
            let classes = named.flat_map(|ty| match ty {
                Ty::Class(_) => TySet::one(ty.clone()),
                _ => TySet::unknown(),
            });
            if !classes.is_unknown() {
                self.learn(Key::TypeArg(class, name), &classes.unsure());
            }
        }
    }

    /// What a type parameter of the class whose code runs stands for.
    pub(super) fn type_parameter(&mut self, name: &str) -> TySet {
        let class = self
            .frames
            .iter()
            .rev()
            .find_map(|frame| frame.class.or_else(|| frame.func.and_then(|func| self.func(func).class)));
        let Some(class) = class else { return TySet::unknown() };
        if !type_parameters(self.class(class).def).iter().any(|known| known == name) {
            return TySet::unknown();
        }
        let classes = self.read(Key::TypeArg(class, name.into())).unwrap_or_default();
        self.stands_for(&classes)
    }

    /// What a type variable is whose bound is one of these classes.
    pub(super) fn stands_for(&mut self, bound: &TySet) -> TySet {
        self.instances(bound).flat_map(|ty| TySet::one(Ty::Hint(Box::new(ty.clone()))))
    }
}

/// The names of a class's type parameters: `class Store[T]`, else those in `Generic[T]`, else those that its bases take.
fn type_parameters(class: &ClassDef) -> Vec<CompactString> {
    if !class.type_params.is_empty() {
        return class.type_params.iter().map(|param| param.name.name.clone()).collect();
    }
    let names = |index: &Expr| -> Vec<CompactString> {
        let items = match &index.kind {
            ExprKind::Tuple(items) => items.iter().collect(),
            _ => vec![index],
        };
        items.into_iter().filter_map(|item| item.as_name().map(CompactString::from)).collect()
    };
    let bases = class.args.args.iter().filter_map(|base| match &base.kind {
        ExprKind::Subscript { value, index } => Some((value.as_dotted()?.last().copied()?.to_owned(), names(index))),
        _ => None,
    });
    let mut bases: Vec<(String, Vec<CompactString>)> = bases.collect();
    bases.sort_by_key(|(name, _)| !matches!(name.as_str(), "Generic" | "Protocol"));
    let mut all = Vec::new();
    for name in bases.into_iter().flat_map(|(_, names)| names) {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}
