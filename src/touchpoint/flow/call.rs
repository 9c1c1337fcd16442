//! Calls: arguments to parameters, results, and what Django's own callables give.

use compact_str::CompactString;

use super::eval::{Chain, Op, Use};
use super::names::last_segment;
use super::{Binds, Flow, Key};
use crate::ast::{Arguments, ExprKind, Ident, ParamKind, StmtKind};
use crate::finding::Access;
use crate::source::Span;
use crate::touchpoint::orm;
use crate::touchpoint::ty::{ClassId, FuncId, Ty, TySet};

/// Evaluated arguments.
#[derive(Default)]
pub(super) struct Values {
    pub(super) positional: Vec<TySet>,
    pub(super) keywords: Vec<(CompactString, TySet)>,
    /// `*args` or `**kwargs` were given: positions after it are not known.
    pub(super) open: bool,
}

impl Values {
    /// One positional argument.
    pub(super) fn one(set: TySet) -> Self {
        Self { positional: vec![set], ..Self::default() }
    }
}

/// Whether a callee goes through what it is given, and so has its rows read.
fn goes_through(callee: &TySet) -> bool {
    callee.iter().any(|(ty, _)| match ty {
        Ty::External(dotted) => matches!(
            last_segment(dotted),
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
                | "min"
                | "max"
                | "sum"
                | "any"
                | "all"
                | "len"
                | "bool"
                | "dict"
                | "chain"
                | "islice"
                | "groupby"
        ),
        _ => false,
    })
}

/// Whether a callee is a function under analysis: what it does with its arguments is seen there.
fn is_project_function(callee: &TySet) -> bool {
    callee.iter().any(|(ty, _)| matches!(ty, Ty::Func(_) | Ty::Bound(..) | Ty::Partial(..) | Ty::Class(_)))
}

impl<'p> Flow<'_, 'p> {
    /// Evaluates the arguments of a call. `callee` tells what the call does to classes that it is given.
    pub(super) fn values(&mut self, args: &'p Arguments, callee: &TySet) -> Values {
        let queried = callee.iter().find_map(|(ty, _)| match ty {
            Ty::External(dotted) => orm::shortcut(dotted),
            _ => None,
        });
        let mut values = Values::default();
        for (index, arg) in args.args.iter().enumerate() {
            let use_ = match queried {
                Some((access, _)) if index == 0 => Use::Queried(access),
                _ => Use::Argument(self.argument_access(callee, index, None)),
            };
            let set = self.eval(arg, use_);
            if !is_project_function(callee) {
                self.handed_method(arg, &set);
            }
            self.sql_value(arg, &set, callee);
            if goes_through(callee) || queried.is_some() && index == 0 {
                self.evaluates(arg, &set);
            }
            if matches!(arg.kind, ExprKind::Starred(_)) {
                values.open = true;
            } else if !values.open {
                values.positional.push(set);
            }
        }
        for keyword in &args.keywords {
            let name = keyword.name.as_ref().map(|n| n.name.clone());
            let use_ = Use::Argument(self.argument_access(callee, usize::MAX, name.as_deref()));
            let set = self.eval(&keyword.value, use_);
            if !is_project_function(callee) {
                self.handed_method(&keyword.value, &set);
            }
            self.sql_value(&keyword.value, &set, callee);
            match name {
                Some(name) => values.keywords.push((name, set)),
                None => values.open = true,
            }
        }
        values
    }

    /// What a function does with the class that it gets as this argument: a constructor call in it writes, and so on.
    fn argument_access(&mut self, callee: &TySet, index: usize, keyword: Option<&str>) -> Access {
        let mut access = Access::None;
        for (ty, _) in callee.iter() {
            let (func, offset) = match ty {
                Ty::Func(func) => (*func, 0),
                Ty::Bound(func, _) => (*func, 1),
                _ => continue,
            };
            let name = match keyword {
                Some(name) => Some(CompactString::from(name)),
                None => self.func(func).params.get(index.saturating_add(offset)).map(|p| p.name.name.clone()),
            };
            if let Some(name) = name
                && let Some(set) = self.read(Key::Param(func, name))
            {
                for (ty, _) in set.iter() {
                    if let Ty::Class(class) = ty
                        && self.class(*class).model.is_some()
                    {
                        access = orm::combine(access, self.effect_on(func, *class));
                    }
                }
            }
        }
        access
    }

    /// `set(args)`
    pub(super) fn call(
        &mut self,
        set: &TySet,
        args: &'p Arguments,
        span: Span,
        at: usize,
        chain: &mut Chain<'p>,
    ) -> TySet {
        let ident = match at.checked_sub(1).and_then(|before| chain.ops.get(before)) {
            Some(Op::Attr(attr)) => Some((*attr).clone()),
            _ => chain.base.clone(),
        };
        let labelled =
            set.iter().any(|(ty, _)| matches!(ty, Ty::External(dotted) if last_segment(dotted) == "get_model"));
        let labelled = labelled.then(|| self.labelled_model(args, at, chain));
        self.labelled.extend(labelled);
        let name = ident.as_ref().map_or("", |ident| ident.name.as_str());
        let values = self.with_operation(set, ident.as_ref(), args, |flow| {
            flow.with_app_label(name, args, &chain.ops, |flow| flow.values(args, set))
        });
        self.labelled.truncate(self.labelled.len() - usize::from(labelled.is_some()));
        self.constructor_keywords(set, args);
        self.touch_user_model(set, ident.as_ref(), at, chain);
        let mut result = TySet::default();
        for (ty, sure) in set.iter() {
            match ty {
                Ty::Method(receiver, name) => {
                    let mut ident = Self::called_ident(at, chain).unwrap_or(Ident { name: name.clone(), span });
                    ident.name = name.clone();
                    let given = self.django_method(receiver, *sure, &ident, Some(args), at, chain);
                    result.join(&given.unwrap_or_default());
                }
                Ty::Decorated(deco) => self.inject(*deco, &values),
                Ty::Func(func) if self.gives_user_model(*func) => {
                    result.join(&self.user_model());
                }
                _ => {
                    for (made, made_sure) in self.call_of(ty, args, &values, span).iter() {
                        result.insert(made.clone(), *made_sure && *sure);
                    }
                }
            }
        }
        if set.is_unknown() || set.iter().all(|(ty, _)| matches!(ty, Ty::External(_) | Ty::Pending(..))) {
            self.unknown_call(set, args, at, chain);
        }
        self.request(set, &values);
        if let Some(ident) = &ident
            && let Some(first) = values.positional.first()
            && set.iter().any(|(ty, _)| matches!(ty, Ty::External(dotted) if dotted.starts_with("sqlalchemy")))
        {
            let name = set.iter().find_map(|(ty, _)| match ty {
                Ty::External(dotted) => Some(last_segment(dotted).to_owned()),
                _ => None,
            });
            self.sqlalchemy_call(&name.unwrap_or_default(), first, ident, Access::None);
        }
        result
    }

    /// A function of a project file that is not under analysis gets something that matters: it matters too.
    pub(super) fn request(&mut self, callee: &TySet, values: &Values) {
        let matters = values.positional.iter().chain(values.keywords.iter().map(|(_, set)| set)).any(|set| {
            set.iter().any(|(ty, _)| {
                self.matters(ty)
                    || matches!(ty, Ty::Func(f) if self.fact(&Key::Return(*f)).is_some_and(|set| self.set_matters(set)))
            })
        });
        if matters {
            for (ty, _) in callee.iter() {
                match ty {
                    Ty::Pending(file, _) => {
                        self.wanted.insert(*file);
                    }
                    Ty::Class(class) | Ty::Instance(class) | Ty::Super(class, _) => self.request_bases(*class),
                    _ => {}
                }
            }
        }
    }

    /// The bases of a class that are not under analysis: the methods that it inherits stand there.
    pub(super) fn request_bases(&mut self, class: ClassId) {
        let mut chain = vec![class];
        chain.extend(self.ancestors(class));
        for each in chain {
            let bases = self.classes[each.0 as usize].bases.iter().flat_map(TySet::iter);
            let files = bases.filter_map(|(ty, _)| match ty {
                Ty::Pending(file, _) => Some(*file),
                _ => None,
            });
            self.wanted.extend(files);
        }
    }

    pub(super) fn call_of(&mut self, ty: &Ty, args: &'p Arguments, values: &Values, span: Span) -> TySet {
        match ty {
            Ty::Class(class) => {
                if let Some(model) = self.class(*class).factory_of {
                    return TySet::one(Ty::Instance(model));
                }
                if let Some(init) = self.method(*class, "__init__") {
                    self.bind_args(init, values, Some(&Ty::Instance(*class)), 0);
                } else if !self.reporting && self.class(*class).model.is_none() {
                    // Fields of dataclasses, attrs and pydantic.
                    for (name, set) in &values.keywords {
                        if self.set_matters(set) && self.declares(*class, name) {
                            self.learn(Key::Attr(*class, name.clone()), &self.passed(set));
                        }
                    }
                }
                TySet::one(Ty::Instance(*class))
            }
            Ty::FromQuerySet(class) => TySet::one(Ty::Instance(*class)),
            Ty::FormClass(model) => TySet::one(Ty::Form(*model)),
            Ty::Func(func) => {
                self.bind_args(*func, values, None, 0);
                self.result(*func)
            }
            Ty::Bound(func, receiver) => {
                self.bind_args(*func, values, Some(receiver), 0);
                match **receiver {
                    // The manager class of a model that matters, on a model that does not: the rows are another's.
                    Ty::Instance(class)
                        if self.class(class).manager_of.iter().any(|of| self.model_of(*of).is_some()) =>
                    {
                        TySet::unknown()
                    }
                    Ty::Manager(model, custom) | Ty::QuerySet(model, custom) => {
                        let result = self.result(*func);
                        self.of_manager(&result, model, custom)
                    }
                    _ => self.result(*func),
                }
            }
            Ty::Partial(func, given) => {
                self.bind_args(*func, values, None, *given as usize);
                self.result(*func)
            }
            Ty::Instance(class) => match self.method(*class, "__call__") {
                Some(func) => {
                    self.bind_args(func, values, Some(ty), 0);
                    self.result(func)
                }
                None => TySet::unknown(),
            },
            Ty::External(dotted) => self.external_call(dotted, args, values, span),
            // A class of a file that is not under analysis yet: what its methods are given is asked for there.
            Ty::Pending(..) => TySet::one(ty.clone()),
            _ => TySet::unknown(),
        }
    }

    /// What a method of a manager gives that several models have: the rows of the model at hand.
    fn of_manager(&self, result: &TySet, model: ClassId, custom: Option<ClassId>) -> TySet {
        let Some(custom) = custom else { return result.clone() };
        let others = &self.class(custom).manager_of;
        if others.len() < 2 {
            return result.clone();
        }
        let own = |class: ClassId| if others.contains(&class) { model } else { class };
        result.flat_map(|ty| TySet::one(ty.with_classes(&own)))
    }

    /// What a function returns; its effects become the caller's.
    fn result(&mut self, func: FuncId) -> TySet {
        self.note_callee(func);
        self.read(Key::Return(func)).unwrap_or_default()
    }

    /// Joins the arguments of a call into the parameters of the function.
    pub(super) fn bind_args(&mut self, func: FuncId, values: &Values, receiver: Option<&Ty>, skip: usize) {
        if self.reporting {
            return;
        }
        let params = self.func(func).params;
        // A function that a class is given from outside takes its instance, too.
        let binds = match (self.func(func).binds, self.func(func).class) {
            (Binds::Nothing, None) => Binds::Instance,
            (binds, _) => binds,
        };
        let mut position = skip;
        if let Some(receiver) = receiver
            && binds != Binds::Nothing
        {
            // `self` of a subclass is worth knowing, the class that defines the method is known already.
            let own = self.func(func).class;
            let known = matches!(receiver, Ty::Instance(c) | Ty::Class(c) if Some(*c) == own);
            if !known && let Some(param) = params.first() {
                self.learn(Key::Param(func, param.name.name.clone()), &TySet::one(receiver.clone()).unsure());
            }
            position += 1;
        }
        let plain: Vec<_> = params.iter().filter(|p| p.kind == ParamKind::Normal).collect();
        for (index, set) in values.positional.iter().enumerate() {
            if set.is_unknown() {
                continue;
            }
            match plain.get(position + index) {
                Some(param) => self.learn(Key::Param(func, param.name.name.clone()), &self.passed(set)),
                None => {
                    if let Some(rest) = params.iter().find(|p| p.kind == ParamKind::VarArgs) {
                        let items = self.passed(set).flat_map(|ty| TySet::one(Ty::Seq(Box::new(ty.clone()))));
                        self.learn(Key::Param(func, rest.name.name.clone()), &items);
                    }
                }
            }
        }
        for (name, set) in &values.keywords {
            if set.is_unknown() {
                continue;
            }
            if params.iter().any(|p| p.name.name == *name) {
                self.learn(Key::Param(func, name.clone()), &self.passed(set));
            } else if let Some(rest) = params.iter().find(|p| p.kind == ParamKind::KwArgs) {
                // `kwargs["row"]` is told by the name.
                self.learn(Key::Param(func, name.clone()), &self.passed(set));
                let items = self.passed(set).flat_map(|ty| TySet::one(Ty::Dict(Box::new(ty.clone()))));
                self.learn(Key::Param(func, rest.name.name.clone()), &items);
            }
        }
    }

    /// Whether the body of a class declares a field by an annotation.
    fn declares(&self, class: ClassId, name: &str) -> bool {
        self.class(class)
            .def
            .body
            .iter()
            .any(|stmt| matches!(&stmt.kind, StmtKind::AnnAssign { target, .. } if target.as_name() == Some(name)))
    }

    /// What is worth passing on through a call: constants are not, everything arrives as unsure.
    fn passed(&self, set: &TySet) -> TySet {
        set.flat_map(|ty| match ty {
            Ty::Str(text) if self.names_table(text) => TySet::one(ty.clone()),
            Ty::Str(_) | Ty::ExternalResult(_) | Ty::External(_) | Ty::Pending(..) => TySet::unknown(),
            other => TySet::one(other.clone()),
        })
        .unsure()
    }

    /// Keywords of a constructor of a linked model that are its relations.
    pub(super) fn constructor_keywords(&mut self, callee: &TySet, args: &'p Arguments) {
        let mut classes: Vec<(ClassId, bool)> = Vec::new();
        for (ty, sure) in callee.iter() {
            if let Ty::Class(class) = ty {
                if self.class(*class).model.is_some() {
                    classes.push((*class, *sure));
                } else if let Some(model) = self.class(*class).factory_of {
                    classes.push((model, *sure));
                }
            }
        }
        for (class, sure) in classes {
            for keyword in &args.keywords {
                let Some(name) = &keyword.name else { continue };
                if let Some((relation, _)) = self.relation(class, &name.name) {
                    let to = relation.to.clone();
                    let Some(label) = self.model_of(class).map(|model| model.label.clone()) else { continue };
                    self.touch_column(name, Access::Write, &label, &to, sure);
                }
            }
        }
    }
}

impl Chain<'_> {
    /// A chain of no steps, where one is only needed in form.
    pub(super) fn empty(span: Span) -> Self {
        Self {
            ops: Vec::new(),
            base: None,
            span,
            use_: Use::Plain,
            told: false,
            access: Access::None,
            from_self: false,
        }
    }
}
