//! Calls of methods: of managers, querysets, rows, classes and containers.

use super::call::Values;
use super::eval::{Chain, Op, Use};
use super::{Binds, Flow, Key};
use crate::ast::{Arguments, Expr, Ident};
use crate::finding::Access;
use crate::source::Span;
use crate::touchpoint::Kind;
use crate::touchpoint::orm::{self, Gives};
use crate::touchpoint::ty::{ClassId, Ty, TySet};

/// A call of a method, and what has been found of it.
pub(super) struct MethodCall<'p> {
    pub(super) attr: &'p Ident,
    args: &'p Arguments,
    /// Its place in the chain.
    at: usize,
    /// What it gives.
    pub(super) result: TySet,
    /// The functions of the project that it may be.
    callees: TySet,
    /// Whether some value has such a method.
    pub(super) handled: bool,
}

impl<'p> Flow<'_, 'p> {
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
        let mut call =
            MethodCall { attr, args, at, result: TySet::default(), callees: TySet::default(), handled: false };
        for (ty, sure) in set.iter() {
            match ty {
                Ty::Manager(..) | Ty::QuerySet(..) => self.rows_method(ty, *sure, &mut call, chain),
                Ty::Rows(model) => self.joined_method(*model, &mut call, chain),
                Ty::Instance(class) => self.instance_method(*class, *sure, &mut call, chain),
                Ty::Class(class) => self.class_method(*class, *sure, &mut call, chain),
                Ty::Super(class, receiver) => self.super_method(*class, receiver, *sure, &mut call, chain),
                Ty::Seq(_) | Ty::Dict(_) | Ty::Tuple(_) => {
                    let held = container_method(ty, name);
                    call.result.join(&if *sure { held } else { held.unsure() });
                }
                Ty::Pending(..) if name == "get" => {
                    call.result.insert(ty.clone(), false);
                }
                Ty::Form(model) => {
                    if let Some(given) = self.form_method(*model, attr, *sure) {
                        call.result.join(&given);
                        call.handled = true;
                    }
                }
                Ty::Func(func) if matches!(name, "delay" | "apply_async" | "apply" | "s" | "si") => {
                    // Celery: the task's arguments are the call's.
                    call.callees.insert(Ty::Func(*func), *sure);
                    call.handled = true;
                }
                _ => {}
            }
        }
        if at == 0
            && matches!(name, "get" | "pop")
            && let Some(key) = args.args.first().and_then(Expr::as_str)
        {
            let given = self.keyword_argument(base, &key);
            if !given.is_unknown() {
                call.result = given;
            }
        }
        let MethodCall { mut result, mut callees, mut handled, .. } = call;
        for (ty, sure) in set.iter() {
            let given = self.registry_method(ty, name, args).or_else(|| self.content_type_method(ty, attr, args));
            if let Some(given) = given {
                result.join(&if *sure { given } else { given.unsure() });
                handled |= !matches!(ty, Ty::External(_) | Ty::Pending(..) | Ty::Class(_) | Ty::Manager(..));
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
        let values = self.with_operation(&callees, Some(attr), args, |flow| {
            flow.with_app_label(name, args, &chain.ops, |flow| flow.values(args, &callees))
        });
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
        self.request(set, &values);
        self.joins(set, attr, args, &values, &mut result);
        self.sqlalchemy_method(set, attr, &values, at, chain);
        self.known_method(set, base, &values, (attr, args, at), &mut result, chain);
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

    /// Methods that do what their names say, whatever they are called on: of containers, registries, signals, classes.
    fn known_method(
        &mut self,
        set: &TySet,
        base: &'p Expr,
        values: &Values,
        (attr, args, at): (&'p Ident, &'p Arguments, usize),
        result: &mut TySet,
        chain: &mut Chain<'p>,
    ) {
        let name = attr.name.as_str();
        match name {
            "append" | "add" | "insert" | "extend" | "appendleft" => {
                if let ("extend", Some(rows)) = (name, args.args.first()) {
                    let set = values.positional.first().cloned().unwrap_or_default();
                    self.evaluates(rows, &set);
                }
                self.grow(base, at, values, name, chain);
            }
            "register" => self.admin_register(values),
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
            "connect" | "disconnect" => self.signal_connect(args, values),
            "add_to_class" => {
                if let (Some(name), Some(value)) = (args.args.first().and_then(Expr::as_str), values.positional.get(1))
                {
                    self.hold(set, &name, &value.clone());
                }
            }
            _ => {}
        }
    }

    /// Calls of SQLAlchemy: on a table, or with one.
    fn sqlalchemy_method(&mut self, set: &TySet, attr: &Ident, values: &Values, at: usize, chain: &Chain<'p>) {
        let name = attr.name.as_str();
        if matches!(name, "insert" | "update" | "delete" | "select") {
            self.sqlalchemy_call(name, set, attr, Access::None);
        }
        let outside = set.iter().all(|(ty, _)| matches!(ty, Ty::External(_) | Ty::ExternalResult(_) | Ty::Pending(..)));
        if outside && let Some(first) = values.positional.first() {
            let rest = self.fold_access(&chain.ops, at + 2, None);
            self.sqlalchemy_call(name, first, attr, rest);
        }
    }

    /// A method of a manager or queryset.
    fn rows_method(&mut self, ty: &Ty, sure: bool, call: &mut MethodCall<'p>, chain: &mut Chain<'p>) {
        let (Ty::Manager(model, custom) | Ty::QuerySet(model, custom)) = ty else { return };
        let name = call.attr.name.as_str();
        if let Some(func) = custom.and_then(|class| self.method(class, name)) {
            call.callees.insert(Ty::Bound(func, Box::new(ty.clone())), sure);
            let effect = orm::combine(self.effect_on(func, *model), Access::Read);
            self.note(*model, effect);
            self.touch_query((*model, *custom), call.attr, effect, sure, call.at, chain);
            // A method that Django has too gives what Django's gives, and what is known of the own one.
            if let Some((_, gives)) = orm::method(name) {
                call.result.join(&give(*model, *custom, gives));
            }
            call.handled = true;
        } else if let Some(given) = self.django_method(ty, sure, call.attr, Some(call.args), call.at, chain) {
            for (made, made_sure) in given.iter() {
                call.result.insert(made.clone(), *made_sure && sure);
            }
            call.handled = true;
        }
    }

    /// A method of a row.
    fn instance_method(&mut self, class: ClassId, sure: bool, call: &mut MethodCall<'p>, chain: &mut Chain<'p>) {
        if !self.is_row_class(class) {
            // The project's own method is found like any attribute.
            if self.method(class, &call.attr.name).is_none()
                && let Some(given) = self.framework_method(class, call.attr, call.args, sure)
            {
                call.result.join(&given);
                call.handled = true;
            }
            return;
        }
        let row = Ty::Instance(class);
        let own = self.method(class, &call.attr.name);
        if self.django_method(&row, sure, call.attr, Some(call.args), call.at, chain).is_some() {
            // The project's own `save` runs, too.
            if let Some(func) = own {
                call.callees.insert(Ty::Bound(func, Box::new(row)), sure);
            }
            call.handled = true;
        } else if let Some(func) = own {
            let receiver = match self.func(func).binds {
                Binds::Class => Ty::Class(class),
                _ => row,
            };
            let callee = if self.func(func).binds == Binds::Nothing && self.func(func).class.is_some() {
                Ty::Func(func)
            } else {
                Ty::Bound(func, Box::new(receiver))
            };
            call.callees.insert(callee, sure);
            if let Some((label, effect)) = self.method_effect(func, class) {
                self.touch(call.attr, Kind::MethodCall, effect, &label, sure);
            }
            call.handled = true;
        }
    }

    /// A method of a class.
    fn class_method(&mut self, class: ClassId, sure: bool, call: &mut MethodCall<'p>, chain: &mut Chain<'p>) {
        let name = call.attr.name.as_str();
        if name == "as_manager" && self.is_manager_class(class) {
            call.result.insert(Ty::Instance(class), sure);
            call.handled = true;
        } else if let Some(model) = self.class(class).factory_of {
            call.result.join(&factory_gives(model, name));
            call.handled = true;
        } else if self.is_row_class(class)
            && orm::instance_method(name).is_some()
            && let Some(row) = call.args.args.first()
        {
            // `Model.save(row)`: the instance is the first argument.
            let row = self.silent(|flow| flow.eval(row, Use::Plain));
            let known = row.iter().any(|(ty, _)| matches!(ty, Ty::Instance(_)));
            let rows = if known { row } else { TySet::one(Ty::Instance(class)) };
            for (row, known) in rows.iter() {
                self.django_method(row, *known && sure, call.attr, Some(call.args), call.at, chain);
            }
            if let Some(func) = self.method(class, name) {
                call.callees.insert(Ty::Func(func), sure);
            }
            call.handled = true;
        }
    }

    /// A method of `super()`.
    fn super_method(
        &mut self,
        class: ClassId,
        receiver: &Ty,
        sure: bool,
        call: &mut MethodCall<'p>,
        chain: &mut Chain<'p>,
    ) {
        let name = &call.attr.name;
        let found = self.ancestors(class).into_iter().find_map(|base| {
            self.read(Key::Attr(base, name.clone()))?.iter().find_map(|(ty, _)| match ty {
                Ty::Func(func) => Some(*func),
                _ => None,
            })
        });
        if let Some(func) = found {
            call.callees.insert(Ty::Bound(func, Box::new(receiver.clone())), sure);
        } else if let Ty::Manager(model, custom) | Ty::QuerySet(model, custom) = receiver {
            if let Some((access, gives)) = orm::method(name) {
                self.note(*model, access);
                call.result.join(&give(*model, *custom, gives));
            }
        } else if self.django_method(receiver, sure, call.attr, Some(call.args), call.at, chain).is_none()
            && let Ty::Instance(class) | Ty::Class(class) = receiver
            && let Some(given) = self.framework_method(*class, call.attr, call.args, sure)
        {
            // Django's own statement is issued here.
            call.result.join(&given);
        }
        call.handled = true;
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
                self.note(*model, access);
                self.touch_query((*model, *custom), attr, access, sure, at, chain);
                if access == Access::Delete {
                    self.touch_cascade(*model, attr);
                }
                if let Some(args) = args {
                    self.lookups(*model, args, at, chain);
                }
                Some(give(*model, *custom, gives))
            }
            Ty::Instance(class) if self.is_row_class(*class) => {
                let access = orm::instance_method(&attr.name)?;
                self.touch_instance(*class, attr, access, sure);
                if access == Access::Delete {
                    self.touch_cascade(*class, attr);
                }
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
    pub(super) fn labelled_model(
        &mut self,
        args: &'p Arguments,
        at: usize,
        chain: &mut Chain<'p>,
    ) -> Option<(ClassId, Access)> {
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
        self.note(class, access);
        Some((class, access))
    }
}

/// What Django's method gives, for a model.
pub(super) fn give(model: ClassId, custom: Option<ClassId>, gives: Gives) -> TySet {
    let instance = Ty::Instance(model);
    match gives {
        Gives::QuerySet => TySet::one(Ty::QuerySet(model, custom)),
        Gives::Instance => TySet::one(instance),
        Gives::InstanceAndFlag => TySet::one(Ty::Tuple(vec![TySet::one(instance), TySet::unknown()])),
        Gives::Instances => TySet::one(Ty::Seq(Box::new(instance))),
        Gives::InstancesByKey => TySet::one(Ty::Dict(Box::new(instance))),
        Gives::Rows => TySet::one(Ty::Rows(model)),
        Gives::Scalar => TySet::unknown(),
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
        (Ty::Dict(inner), "get" | "pop" | "setdefault")
        | (Ty::Seq(inner), "pop" | "popleft" | "page" | "get_page" | "get_nowait") => TySet::one((**inner).clone()),
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
