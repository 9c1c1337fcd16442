//! Calls: arguments to parameters, results, and what Django's own callables give.

use compact_str::CompactString;

use super::attr::last_segment;
use super::eval::{Chain, Op, Use};
use super::{Binds, Flow, Key};
use crate::ast::{Arguments, Expr, ExprKind, Ident, ParamKind};
use crate::finding::Access;
use crate::source::Span;
use crate::touchpoint::Kind;
use crate::touchpoint::orm::{self, Gives};
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

/// Whether a callee is a function under analysis: what it does with its arguments is seen there.
fn is_project_function(callee: &TySet) -> bool {
    callee.iter().any(|(ty, _)| matches!(ty, Ty::Func(_) | Ty::Bound(..) | Ty::Partial(..) | Ty::Class(_)))
}

impl<'p> Flow<'_, 'p> {
    /// Evaluates the arguments of a call. `callee` tells what the call does to classes that it is given.
    fn values(&mut self, args: &'p Arguments, callee: &TySet) -> Values {
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
                && set.iter().any(|(ty, _)| matches!(ty, Ty::Class(c) if self.class(*c).model.is_some()))
            {
                access = orm::combine(access, self.effect(func));
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
        let values = self.with_operation(set, ident.as_ref(), args, |flow| flow.values(args, set));
        self.labelled.truncate(self.labelled.len() - usize::from(labelled.is_some()));
        self.constructor_keywords(set, args);
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
        result
    }

    /// A function of a project file that is not under analysis gets something that matters: it matters too.
    fn request(&mut self, callee: &TySet, values: &Values) {
        let matters = values.positional.iter().chain(values.keywords.iter().map(|(_, set)| set)).any(|set| {
            set.iter().any(|(ty, _)| {
                self.matters(ty)
                    || matches!(ty, Ty::Func(f) if self.fact(&Key::Return(*f)).is_some_and(|set| self.set_matters(set)))
            })
        });
        if matters {
            for (ty, _) in callee.iter() {
                if let Ty::Pending(file, _) = ty {
                    self.wanted.insert(*file);
                }
            }
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
                }
                TySet::one(Ty::Instance(*class))
            }
            Ty::FromQuerySet(class) => TySet::one(Ty::Instance(*class)),
            Ty::Func(func) => {
                self.bind_args(*func, values, None, 0);
                self.result(*func)
            }
            Ty::Bound(func, receiver) => {
                self.bind_args(*func, values, Some(receiver), 0);
                match **receiver {
                    // The manager class of a model that matters, on a model that does not: the rows are another's.
                    Ty::Instance(class) if !self.class(class).manager_of.is_empty() => TySet::unknown(),
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
            _ => TySet::unknown(),
        }
    }

    /// What a function returns; its effects become the caller's.
    fn result(&mut self, func: FuncId) -> TySet {
        let effect = self.effect(func);
        self.note(effect);
        self.read(Key::Return(func)).unwrap_or_default()
    }

    /// Joins the arguments of a call into the parameters of the function.
    fn bind_args(&mut self, func: FuncId, values: &Values, receiver: Option<&Ty>, skip: usize) {
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
                let items = self.passed(set).flat_map(|ty| TySet::one(Ty::Dict(Box::new(ty.clone()))));
                self.learn(Key::Param(func, rest.name.name.clone()), &items);
            }
        }
    }

    /// What is worth passing on through a call: constants are not, everything arrives as unsure.
    fn passed(&self, set: &TySet) -> TySet {
        set.flat_map(|ty| match ty {
            Ty::Str(_) | Ty::ExternalResult(_) | Ty::External(_) | Ty::Pending(..) => TySet::unknown(),
            other => TySet::one(other.clone()),
        })
        .unsure()
    }

    fn external_call(&mut self, dotted: &CompactString, args: &'p Arguments, values: &Values, span: Span) -> TySet {
        let first = values.positional.first().cloned().unwrap_or_default();
        let last = last_segment(dotted);
        if let Some((_, gives)) = orm::shortcut(dotted) {
            return first.flat_map(|ty| match ty {
                Ty::Class(class) | Ty::Manager(class, _) | Ty::QuerySet(class, _) => give(*class, None, gives),
                _ => TySet::unknown(),
            });
        }
        match last {
            "partial" => first.flat_map(|ty| {
                let (func, offset) = match ty {
                    Ty::Func(func) => (*func, 0),
                    Ty::Bound(func, _) => (*func, 1),
                    Ty::Partial(func, given) => (*func, *given),
                    _ => return TySet::unknown(),
                };
                let given = u32::try_from(values.positional.len().saturating_sub(1)).unwrap_or(0);
                let rest = Values {
                    positional: values.positional.get(1..).unwrap_or_default().to_vec(),
                    keywords: values.keywords.clone(),
                    open: values.open,
                };
                self.bind_args(func, &rest, None, offset as usize);
                TySet::one(Ty::Partial(func, offset + given))
            }),
            "list" | "tuple" | "set" | "frozenset" | "sorted" | "reversed" | "iter" | "chain" | "islice" | "cycle"
            | "tqdm" => {
                let mut all = TySet::default();
                for set in &values.positional {
                    all.join(&self.elements(set));
                }
                self.keyed(values, &all);
                all.flat_map(|ty| TySet::one(Ty::Seq(Box::new(ty.clone()))))
            }
            "from_iterable" => {
                let inner = self.elements(&first);
                self.elements(&inner).flat_map(|ty| TySet::one(Ty::Seq(Box::new(ty.clone()))))
            }
            "next" => self.elements(&first),
            "min" | "max" => {
                let items = self.elements(&first);
                self.keyed(values, &items);
                items
            }
            "enumerate" => {
                let items = self.elements(&first);
                if items.is_unknown() {
                    return items;
                }
                TySet::one(Ty::Seq(Box::new(Ty::Tuple(vec![TySet::unknown(), items]))))
            }
            "zip" => {
                let columns: Vec<TySet> = values.positional.iter().map(|set| self.elements(set)).collect();
                if columns.iter().all(TySet::is_unknown) {
                    return TySet::unknown();
                }
                TySet::one(Ty::Seq(Box::new(Ty::Tuple(columns))))
            }
            "filter" | "takewhile" | "dropwhile" | "filterfalse" => {
                let items = values.positional.get(1).cloned().unwrap_or_default();
                let items = self.elements(&items);
                self.call_with(&first, &Values::one(items.clone()));
                items.flat_map(|ty| TySet::one(Ty::Seq(Box::new(ty.clone()))))
            }
            "map" | "starmap" => {
                let columns: Vec<TySet> = values.positional.iter().skip(1).map(|set| self.elements(set)).collect();
                let given = Values { positional: columns, ..Values::default() };
                let made = self.call_with(&first, &given);
                made.flat_map(|ty| TySet::one(Ty::Seq(Box::new(ty.clone()))))
            }
            "reduce" => {
                let items = values.positional.get(1).cloned().unwrap_or_default();
                let items = self.elements(&items);
                let start = values.positional.get(2).cloned().unwrap_or_else(|| items.clone());
                self.call_with(&first, &Values { positional: vec![start, items], ..Values::default() })
            }
            // `dict(name=value)`
            "dict" | "OrderedDict" => {
                let mut all = first.flat_map(|ty| match ty {
                    Ty::Dict(_) => TySet::one(ty.clone()),
                    _ => TySet::unknown(),
                });
                for (_, set) in &values.keywords {
                    for (ty, sure) in set.iter().filter(|(ty, _)| !matches!(ty, Ty::Str(_))) {
                        all.insert(Ty::Dict(Box::new(ty.clone())), *sure);
                    }
                }
                all
            }
            "TypeVar" | "NewType" => {
                let bound = values.keywords.iter().find(|(name, _)| name == "bound").map(|(_, set)| set.clone());
                let given = bound.or_else(|| values.positional.get(1).cloned()).unwrap_or_default();
                let known = self.stands_for(&given);
                if known.is_unknown() { TySet::one(Ty::ExternalResult(dotted.clone())) } else { known }
            }
            "sync_to_async" | "async_to_sync" | "database_sync_to_async" | "wraps" | "atomic"
                if !first.is_unknown() =>
            {
                first
            }
            "copy" | "deepcopy" | "memoize" | "closing" => first,
            "cast" => {
                let mut set = self.instances(&first);
                set.join(&values.positional.get(1).cloned().unwrap_or_default());
                set
            }
            "type" if args.args.len() == 1 => first.flat_map(|ty| match ty {
                Ty::Instance(class) => TySet::one(Ty::Class(*class)),
                _ => TySet::unknown(),
            }),
            "super" => self.super_type(args, values),
            "getattr" => self.get_attribute(&first, args, values, span),
            "setattr" => {
                if let Some(arg) = args.args.get(1) {
                    let name = arg.as_str().unwrap_or_default();
                    self.touch_attribute_write(&first, &Ident { name, span: arg.span });
                }
                TySet::unknown()
            }
            "get_model" | "get_user_model" => self.get_model(args),
            _ if super::attr::is_manager_name(dotted) => TySet::one(Ty::ExternalResult(dotted.clone())),
            _ => {
                self.hand_over(values);
                TySet::unknown()
            }
        }
    }

    /// `sorted(rows, key=function)`
    fn keyed(&mut self, values: &Values, items: &TySet) {
        if let Some((_, key)) = values.keywords.iter().find(|(name, _)| name == "key") {
            self.call_with(&key.clone(), &Values::one(items.clone()));
        }
    }

    /// `getattr(value, name)`, with a name that is known.
    fn get_attribute(&mut self, first: &TySet, args: &'p Arguments, values: &Values, span: Span) -> TySet {
        let given = values.positional.get(1).cloned().unwrap_or_default();
        let mut result = TySet::default();
        for (ty, _) in given.iter() {
            let Ty::Str(name) = ty else { continue };
            let ident = Ident { name: name.clone(), span: args.args.get(1).map_or(span, |arg| arg.span) };
            let set = self.silent(|flow| {
                let mut chain = Chain::empty(span);
                flow.attr(first, &ident, 0, &mut chain)
            });
            if args.args.get(1).is_some_and(|arg| arg.as_str().is_some()) {
                self.touch_named(&set, args.args.get(1));
            }
            result.join(&set);
        }
        result
    }

    fn super_type(&mut self, args: &'p Arguments, values: &Values) -> TySet {
        let first = values.positional.first().cloned().unwrap_or_default();
        let explicit = first.iter().find_map(|(ty, _)| match ty {
            Ty::Class(class) => Some(*class),
            _ => None,
        });
        let func = self.frames.last().and_then(|frame| frame.func);
        let Some(class) = (if args.args.is_empty() { None } else { explicit }).or_else(|| {
            let mut at = func;
            while let Some(id) = at {
                if let Some(class) = self.func(id).class {
                    return Some(class);
                }
                at = self.func(id).parent;
            }
            None
        }) else {
            return TySet::unknown();
        };
        let own = self.self_type(class);
        let mut result = TySet::default();
        for (ty, sure) in own.iter() {
            result.insert(Ty::Super(class, Box::new(ty.clone())), *sure);
        }
        // `super(M, row)`, and instances of subclasses that this method is called on.
        let first = func.and_then(|func| self.func(func).params.first()).map(|param| param.name.name.clone());
        let given = match values.positional.get(1) {
            Some(given) => given.clone(),
            None => first.map(|name| self.lookup(&name)).unwrap_or_default(),
        };
        for (ty, sure) in given.iter() {
            if matches!(ty, Ty::Instance(other) if self.class(*other).model.is_some() && *other != class) {
                result.insert(Ty::Super(class, Box::new(ty.clone())), *sure);
            }
        }
        result
    }

    /// The model that `get_model('app.Model')`, `get_model('app', 'Model')` or `config.get_model('Model')` gives.
    pub(super) fn get_model(&mut self, args: &'p Arguments) -> TySet {
        let mut text = |position: usize, names: [&str; 2]| -> Option<CompactString> {
            let expr = args.get(position, names[0]).or_else(|| args.keyword(names[1]))?;
            if let Some(text) = expr.as_str() {
                return Some(text);
            }
            let set = self.silent(|flow| flow.eval(expr, Use::Plain));
            set.iter().find_map(|(ty, _)| match ty {
                Ty::Str(text) => Some(text.clone()),
                _ => None,
            })
        };
        let first = text(0, ["app_label", "model"]);
        let second = text(1, ["model_name", "model"]);
        let class = match (first, second) {
            (Some(app), Some(model)) => self.class_by_label(&format!("{app}.{model}")),
            (Some(label), None) if label.contains('.') => self.class_by_label(&label),
            (Some(name), None) if args.args.len() == 1 => self.class_by_name(&name),
            _ => None,
        };
        class.map(|class| TySet::one(Ty::Class(class))).unwrap_or_default()
    }

    /// `set.attr(args)`
    #[allow(clippy::too_many_arguments, reason = "a step of a chain needs the chain, its place in it, and the call")]
    pub(super) fn method_call(
        &mut self,
        set: &TySet,
        base: &'p Expr,
        attr: &'p Ident,
        args: &'p Arguments,
        span: Span,
        at: usize,
        chain: &mut Chain<'p>,
    ) -> TySet {
        let name = attr.name.as_str();
        let mut result = TySet::default();
        let mut callees = TySet::default();
        let mut handled = false;
        for (ty, sure) in set.iter() {
            match ty {
                Ty::Manager(model, custom) | Ty::QuerySet(model, custom) => {
                    let own = custom.and_then(|class| self.method(class, name));
                    if let Some(func) = own {
                        callees.insert(Ty::Bound(func, Box::new(ty.clone())), *sure);
                        let effect = orm::combine(self.effect(func), Access::Read);
                        self.note(effect);
                        self.touch_query((*model, *custom), attr, effect, *sure, chain);
                        // A method that Django has too gives what Django's gives, and what is known of the own one.
                        if let Some((_, gives)) = orm::method(name) {
                            result.join(&give(*model, *custom, gives));
                        }
                        handled = true;
                    } else if let Some(given) = self.django_method(ty, *sure, attr, Some(args), at, chain) {
                        for (made, made_sure) in given.iter() {
                            result.insert(made.clone(), *made_sure && *sure);
                        }
                        handled = true;
                    }
                }
                Ty::Instance(class) if self.class(*class).model.is_some() => {
                    let own = self.method(*class, name);
                    if self.django_method(ty, *sure, attr, Some(args), at, chain).is_some() {
                        // The project's own `save` runs, too.
                        if let Some(func) = own {
                            callees.insert(Ty::Bound(func, Box::new(ty.clone())), *sure);
                        }
                        handled = true;
                    } else if let Some(func) = own {
                        let receiver = match self.func(func).binds {
                            Binds::Class => Ty::Class(*class),
                            _ => ty.clone(),
                        };
                        let callee = if self.func(func).binds == Binds::Nothing && self.func(func).class.is_some() {
                            Ty::Func(func)
                        } else {
                            Ty::Bound(func, Box::new(receiver))
                        };
                        callees.insert(callee, *sure);
                        let effect = self.effect(func);
                        if effect != Access::None {
                            self.touch_method_call(*class, attr, effect, *sure);
                        }
                        handled = true;
                    }
                }
                // `Model.save(row)`: the instance is the first argument.
                Ty::Class(class)
                    if self.class(*class).model.is_some()
                        && orm::instance_method(name).is_some()
                        && !args.args.is_empty() =>
                {
                    let row = args.args.first().map(|row| self.silent(|flow| flow.eval(row, Use::Plain)));
                    let row = row.filter(|set| set.iter().any(|(ty, _)| matches!(ty, Ty::Instance(_))));
                    let rows = row.unwrap_or_else(|| TySet::one(Ty::Instance(*class)));
                    for (row, known) in rows.iter() {
                        self.django_method(row, *known && *sure, attr, Some(args), at, chain);
                    }
                    if let Some(func) = self.method(*class, name) {
                        callees.insert(Ty::Func(func), *sure);
                    }
                    handled = true;
                }
                Ty::Super(class, receiver) => {
                    let found = self.ancestors(*class).into_iter().find_map(|base| {
                        self.read(Key::Attr(base, attr.name.clone()))?.iter().find_map(|(ty, _)| match ty {
                            Ty::Func(func) => Some(*func),
                            _ => None,
                        })
                    });
                    if let Some(func) = found {
                        callees.insert(Ty::Bound(func, receiver.clone()), *sure);
                    } else if let Ty::Manager(model, custom) | Ty::QuerySet(model, custom) = &**receiver
                        && let Some((access, gives)) = orm::method(name)
                    {
                        self.note(access);
                        result.join(&give(*model, *custom, gives));
                    } else if let Ty::Instance(class) = &**receiver
                        && self.class(*class).model.is_some()
                    {
                        // Django's own statement is issued here.
                        self.django_method(receiver, *sure, attr, Some(args), at, chain);
                    }
                    handled = true;
                }
                Ty::Class(class) if name == "as_manager" && self.is_manager_class(*class) => {
                    result.insert(Ty::Instance(*class), *sure);
                    handled = true;
                }
                Ty::Class(class) if self.class(*class).factory_of.is_some() => {
                    if let Some(model) = self.class(*class).factory_of {
                        result.join(&factory_gives(model, name));
                    }
                    handled = true;
                }
                Ty::Seq(_) | Ty::Dict(_) | Ty::Tuple(_) => {
                    let held = container_method(ty, name);
                    result.join(&if *sure { held } else { held.unsure() });
                }
                Ty::Func(func) if matches!(name, "delay" | "apply_async" | "apply" | "s" | "si") => {
                    // Celery: the task's arguments are the call's.
                    callees.insert(Ty::Func(*func), *sure);
                    handled = true;
                }
                _ => {}
            }
        }
        if !handled {
            let mut plain = Chain::empty(chain.span);
            std::mem::swap(&mut plain.ops, &mut chain.ops);
            let found = self.attr(set, attr, at, &mut plain);
            std::mem::swap(&mut plain.ops, &mut chain.ops);
            callees.join(&found);
            self.touch_class(&found, attr, at + 1, chain);
        }
        let queried = set.iter().find_map(|(ty, _)| match ty {
            Ty::Manager(model, _) | Ty::QuerySet(model, _) => Some(*model),
            _ => None,
        });
        let queried = queried.map(|model| (model, self.query_access(at, chain)));
        if name == "send_create_signal" {
            self.touch_create_signal(args);
        }
        let labelled = (name == "get_model").then(|| self.labelled_model(args, at + 1, chain));
        self.queried.extend(queried);
        self.labelled.extend(labelled);
        let values = self.with_operation(&callees, Some(attr), args, |flow| flow.values(args, &callees));
        self.queried.truncate(self.queried.len() - usize::from(queried.is_some()));
        self.labelled.truncate(self.labelled.len() - usize::from(labelled.is_some()));
        self.constructor_keywords(&callees, args);
        let targets = callees.clone();
        for (ty, sure) in targets.iter() {
            for (made, made_sure) in self.call_of(ty, args, &values, span).iter() {
                result.insert(made.clone(), *made_sure && *sure);
            }
        }
        self.request(&callees, &values);
        match name {
            "append" | "add" | "insert" | "extend" | "appendleft" => self.grow(base, at, &values, name, chain),
            "register" => self.admin_register(&values),
            "from_queryset" => {
                result.join(&set.flat_map(|ty| match ty {
                    Ty::Class(class) => TySet::one(Ty::Class(*class)),
                    _ => TySet::unknown(),
                }));
                for (ty, sure) in values.positional.first().cloned().unwrap_or_default().iter() {
                    if let Ty::Class(class) = ty {
                        result.insert(Ty::FromQuerySet(*class), *sure);
                    }
                }
            }
            "get_model" => {
                result.join(&self.get_model(args));
                result.join(&self.dynamic_model(attr, args));
            }
            "connect" | "disconnect" => self.signal_connect(args, &values),
            "add_to_class" => {
                if let (Some(name), Some(value)) = (args.args.first().and_then(Expr::as_str), values.positional.get(1))
                {
                    self.hold(set, &name, &value.clone());
                }
            }
            _ => {}
        }
        if !handled && callees.is_unknown() {
            // `executor.map(function, rows)`
            match (name, values.positional.split_first()) {
                ("map" | "imap" | "imap_unordered" | "map_async", Some((function, rows))) => {
                    let columns = rows.iter().map(|set| self.elements(set)).collect();
                    self.call_with(&function.clone(), &Values { positional: columns, ..Values::default() });
                }
                _ => self.hand_over(&values),
            }
        }
        if !handled {
            self.unknown_method(set, attr, args, at, chain);
        }
        if matches!(name, "as_manager") && result.is_unknown() {
            result.insert(Ty::ExternalResult("as_manager".into()), true);
        }
        result
    }

    /// A call of a method that Django gives to rows, managers and querysets; `None` when it gives none of this name.
    pub(super) fn django_method(
        &mut self,
        receiver: &Ty,
        sure: bool,
        attr: &Ident,
        args: Option<&'p Arguments>,
        at: usize,
        chain: &mut Chain<'p>,
    ) -> Option<TySet> {
        match receiver {
            Ty::Manager(model, custom) | Ty::QuerySet(model, custom) => {
                let (access, gives) = orm::method(&attr.name)?;
                self.note(access);
                self.touch_query((*model, *custom), attr, access, sure, chain);
                if let Some(args) = args {
                    self.lookups(*model, args, at, chain);
                }
                Some(give(*model, *custom, gives))
            }
            Ty::Instance(class) if self.class(*class).model.is_some() => {
                let access = orm::instance_method(&attr.name)?;
                self.note(access);
                self.touch_instance(*class, attr, access, sure);
                Some(TySet::unknown())
            }
            _ => None,
        }
    }

    /// `items.append(row)`: the list holds rows from here on.
    fn grow(&mut self, base: &'p Expr, at: usize, values: &Values, name: &str, chain: &Chain<'p>) {
        let Some(variable) = base.as_name() else { return };
        let Some(added) = values.positional.last() else { return };
        let added = if name == "extend" { self.elements(added) } else { added.clone() };
        if !self.set_matters(&added) {
            return;
        }
        // `self.items.append(row)`
        if let (1, Some(Op::Attr(attr))) = (at, chain.ops.first()) {
            let receiver = self.lookup(variable);
            let held = added.flat_map(|ty| TySet::one(Ty::Seq(Box::new(ty.clone()))));
            self.hold(&receiver, &attr.name, &held);
        }
        if at != 0 {
            return;
        }
        let mut held = self.lookup(variable);
        for (ty, sure) in added.iter() {
            held.insert(Ty::Seq(Box::new(ty.clone())), *sure);
        }
        self.bind(&variable.into(), held);
    }

    /// The model that the `get_model` call at a step of a chain gives, and what the rest of the chain does with it: its
    /// string speaks for the whole. A model that is fetched is fetched to be read, at the least.
    fn labelled_model(&mut self, args: &'p Arguments, at: usize, chain: &mut Chain<'p>) -> Option<(ClassId, Access)> {
        let class = self.get_model(args).iter().find_map(|(ty, _)| match ty {
            Ty::Class(class) => Some(*class),
            _ => None,
        })?;
        let access = match chain.ops.get(at + 1) {
            Some(Op::Call(..)) => Access::Write,
            Some(Op::Attr(_)) => self.fold_access(&chain.ops, at + 1, Some(class)),
            _ => Access::None,
        };
        if access == Access::None {
            return Some((class, Access::Read));
        }
        chain.told = true;
        chain.access = access;
        self.note(access);
        Some((class, access))
    }

    /// `site.register(Model, Admin)`
    fn admin_register(&mut self, values: &Values) {
        let class = |set: Option<&TySet>| {
            set?.iter().find_map(|(ty, _)| match ty {
                Ty::Class(class) => Some(*class),
                _ => None,
            })
        };
        if let (Some(model), Some(admin)) = (class(values.positional.first()), class(values.positional.get(1)))
            && self.class(model).model.is_some()
        {
            self.admins.insert(admin, model);
        }
    }

    /// `signal.connect(receiver, sender=Model)`: the receiver's `instance` is a row of the model.
    fn signal_connect(&mut self, args: &'p Arguments, values: &Values) {
        let sender = values.keywords.iter().find(|(name, _)| name == "sender").map(|(_, set)| set.clone());
        let sender = sender.or_else(|| args.args.get(1).and_then(|_| values.positional.get(1).cloned()));
        let Some(receivers) = values.positional.first() else { return };
        let Some(sender) = sender.map(|sender| self.labelled_sender(&sender)) else { return };
        for (ty, _) in receivers.clone().iter() {
            if let Ty::Func(func) | Ty::Bound(func, _) = ty {
                self.receives(*func, &sender);
            }
        }
    }

    /// `@receiver(signal, sender=Model)`
    pub(super) fn signal_receiver(&mut self, decorator: &'p Expr, func: FuncId) {
        let ExprKind::Call { args, .. } = &decorator.kind else { return };
        let Some(sender) = args.keyword("sender") else { return };
        let sender = self.silent(|flow| flow.eval(sender, Use::Plain));
        let sender = self.labelled_sender(&sender);
        self.receives(func, &sender);
    }

    /// A sender may be named by its label.
    fn labelled_sender(&self, sender: &TySet) -> TySet {
        sender.flat_map(|ty| match ty {
            Ty::Str(label) => self.class_by_label(label).map(|class| TySet::one(Ty::Class(class))).unwrap_or_default(),
            other => TySet::one(other.clone()),
        })
    }

    fn receives(&mut self, func: FuncId, sender: &TySet) {
        if self.reporting || !self.set_matters(sender) {
            return;
        }
        let instances = sender.flat_map(|ty| match ty {
            Ty::Class(class) => TySet::one(Ty::Instance(*class)),
            _ => TySet::unknown(),
        });
        let has = |name: &str| self.func(func).params.iter().any(|p| p.name.name == name);
        let (instance, class) = (has("instance"), has("sender"));
        if instance {
            self.learn(Key::Param(func, "instance".into()), &instances);
        }
        if class {
            self.learn(Key::Param(func, "sender".into()), sender);
        }
    }

    /// Keywords of a constructor of a linked model that are its relations.
    fn constructor_keywords(&mut self, callee: &TySet, args: &'p Arguments) {
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
                    self.touch_as(name, Kind::RelationUse, Access::Write, &to, sure);
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

/// What Django's method gives, for a model.
fn give(model: ClassId, custom: Option<ClassId>, gives: Gives) -> TySet {
    let instance = Ty::Instance(model);
    match gives {
        Gives::QuerySet => TySet::one(Ty::QuerySet(model, custom)),
        Gives::Instance => TySet::one(instance),
        Gives::InstanceAndFlag => TySet::one(Ty::Tuple(vec![TySet::one(instance), TySet::unknown()])),
        Gives::Instances => TySet::one(Ty::Seq(Box::new(instance))),
        Gives::InstancesByKey => TySet::one(Ty::Dict(Box::new(instance))),
        Gives::Rows | Gives::Scalar => TySet::unknown(),
    }
}

/// Source: factory_boy, `factory/base.py` (`BaseFactory`).
fn factory_gives(model: ClassId, name: &str) -> TySet {
    match name {
        "create" | "build" | "stub" | "simple_generate" | "generate" => TySet::one(Ty::Instance(model)),
        "create_batch" | "build_batch" | "generate_batch" | "simple_generate_batch" => {
            TySet::one(Ty::Seq(Box::new(Ty::Instance(model))))
        }
        _ => TySet::unknown(),
    }
}

fn container_method(ty: &Ty, name: &str) -> TySet {
    match (ty, name) {
        (Ty::Dict(inner), "get" | "pop" | "setdefault") | (Ty::Seq(inner), "pop" | "popleft") => {
            TySet::one((**inner).clone())
        }
        (Ty::Dict(inner), "values" | "itervalues") => TySet::one(Ty::Seq(inner.clone())),
        (Ty::Dict(inner), "items" | "iteritems") => {
            TySet::one(Ty::Seq(Box::new(Ty::Tuple(vec![TySet::unknown(), TySet::one((**inner).clone())]))))
        }
        // A mapping by its keys.
        (Ty::Seq(inner), "items" | "iteritems") => {
            TySet::one(Ty::Seq(Box::new(Ty::Tuple(vec![TySet::one((**inner).clone()), TySet::unknown()]))))
        }
        (_, "copy") | (Ty::Seq(_), "keys" | "iterkeys") => TySet::one(ty.clone()),
        (Ty::Seq(_), "union" | "intersection" | "difference") => TySet::one(ty.clone()),
        _ => TySet::unknown(),
    }
}
