//! Functions as values: lambdas, methods that are handed on, functions given to functions, decorators.

use compact_str::CompactString;

use super::call::Values;
use super::eval::{Chain, Op, Use};
use super::{Binds, Flow, FuncInfo, Key, Slot};
use crate::ast::{Arguments, Expr, ExprKind, Ident, Param};
use crate::source::Span;
use crate::touchpoint::ty::{FuncId, Ty, TySet};

/// The arguments of a call that no text makes.
static NO_ARGUMENTS: Arguments = Arguments { args: Vec::new(), keywords: Vec::new() };

impl<'p> Flow<'_, 'p> {
    /// `lambda params: body`: a function whose body runs with the code around it.
    pub(super) fn lambda(&mut self, expr: &Expr, params: &'p [Param], body: &'p Expr) -> TySet {
        for param in params {
            if let Some(default) = &param.default {
                self.eval(default, Use::Plain);
            }
        }
        let func = self.lambda_id(expr, params);
        let result = self.scoped(|flow| {
            for param in params {
                let mut set = flow.read(Key::Param(func, param.name.name.clone())).unwrap_or_default();
                if let Some(default) = &param.default {
                    set.join(&flow.silent(|flow| flow.eval(default, Use::Plain)));
                }
                flow.bind(&param.name.name, set);
            }
            flow.eval(body, Use::Plain)
        });
        self.learn(Key::Return(func), &result);
        TySet::one(Ty::Func(func))
    }

    fn lambda_id(&mut self, expr: &Expr, params: &'p [Param]) -> FuncId {
        let file = self.file();
        if let Some(func) = self.func_at.get(&(file, expr.span.start)) {
            return *func;
        }
        let id = FuncId(u32::try_from(self.funcs.len()).unwrap_or(u32::MAX));
        let parent = self.frames.last().and_then(|frame| frame.func);
        let qual = parent.map_or_else(String::new, |parent| self.func(parent).qual.clone());
        self.funcs.push(FuncInfo { file, def: None, params, class: None, parent, qual, binds: Binds::Nothing });
        self.func_at.insert((file, expr.span.start), id);
        id
    }

    /// Calls whatever functions are in a set with values that stand in no argument list.
    pub(super) fn call_with(&mut self, callees: &TySet, values: &Values) -> TySet {
        let mut result = TySet::default();
        for (ty, sure) in callees.iter() {
            if matches!(ty, Ty::Func(_) | Ty::Bound(..) | Ty::Partial(..) | Ty::Class(_)) {
                let span = Span::new(0, 0);
                for (made, made_sure) in self.call_of(ty, &NO_ARGUMENTS, values, span).iter() {
                    result.insert(made.clone(), *made_sure && *sure);
                }
            }
        }
        result
    }

    /// A call of something outside of the project that gets a function: the function is called, with what stands
    /// after it. `executor.submit(function, row)`, `Thread(target=function, args=(row,))`.
    pub(super) fn hand_over(&mut self, values: &Values) {
        let is_function = |set: &TySet| set.iter().any(|(ty, _)| matches!(ty, Ty::Func(_) | Ty::Bound(..)));
        for (index, set) in values.positional.iter().enumerate() {
            if is_function(set) {
                let rest = values.positional.get(index + 1..).unwrap_or_default().to_vec();
                let given = Values { positional: rest, keywords: values.keywords.clone(), open: values.open };
                self.call_with(set, &given);
                return;
            }
        }
        for (name, set) in &values.keywords {
            if matches!(name.as_str(), "target" | "func" | "function" | "callback" | "fn") && is_function(set) {
                let positional = values
                    .keywords
                    .iter()
                    .find(|(name, _)| name == "args")
                    .map(|(_, args)| {
                        let items = args.iter().find_map(|(ty, _)| match ty {
                            Ty::Tuple(items) => Some(items.clone()),
                            Ty::Seq(inner) => Some(vec![TySet::one((**inner).clone())]),
                            _ => None,
                        });
                        items.unwrap_or_default()
                    })
                    .unwrap_or_default();
                self.call_with(set, &Values { positional, ..Values::default() });
            }
        }
    }

    /// A method of Django's own that is handed on as a value: `on_commit(row.delete)`. Whoever gets it calls it.
    pub(super) fn handed_method(&mut self, arg: &'p Expr, set: &TySet) {
        let ExprKind::Attribute { attr, .. } = &arg.kind else { return };
        for (ty, _) in set.iter() {
            if let Ty::Method(receiver, _) = ty {
                let mut chain = Chain::empty(arg.span);
                self.django_method(receiver, false, attr, None, 0, &mut chain);
            }
        }
    }

    /// The name under which a called value stands: `row.delete`, `wipe`, or the string of `getattr(row, "delete")`.
    pub(super) fn called_ident(at: usize, chain: &Chain<'p>) -> Option<Ident> {
        match at.checked_sub(1).and_then(|before| chain.ops.get(before)) {
            Some(Op::Attr(attr)) => Some((*attr).clone()),
            Some(Op::Call(args, _)) => {
                let literal = args.args.get(1)?;
                let name = literal.as_str().or_else(|| literal.as_name().map(CompactString::from))?;
                Some(Ident { name, span: literal.span })
            }
            Some(Op::Index(index)) => Some(Ident { name: CompactString::default(), span: index.span }),
            None => chain.base.clone(),
        }
    }

    /// What the decorators of a function hand to it.
    pub(super) fn decorate(&mut self, decorator: &TySet, func: FuncId) {
        if self.reporting {
            return;
        }
        for (ty, _) in decorator.clone().iter() {
            let Ty::Func(deco) = ty else { continue };
            let Some(param) = self.func(*deco).params.first() else { continue };
            let name = param.name.name.clone();
            self.learn(Key::Param(*deco, name), &TySet::one(Ty::Decorated(*deco)));
            let params = self.func(func).params;
            let offset = usize::from(self.func(func).class.is_some() && self.func(func).binds != Binds::Nothing);
            for (index, param) in params.iter().enumerate() {
                let mut handed = TySet::default();
                // `fn(self, request, row)` and `fn(request, row)` around a method: the wrapper takes what it is given.
                let place = u32::try_from(index).unwrap_or(u32::MAX);
                if let Some(set) = self.read(Key::Injected(*deco, Slot::Position(place))) {
                    handed.join(&set);
                }
                if let Some(set) = self.read(Key::Injected(*deco, Slot::Keyword(param.name.name.clone()))) {
                    handed.join(&set);
                }
                if index >= offset && !handed.is_unknown() {
                    self.learn(Key::Param(func, param.name.name.clone()), &handed);
                }
            }
        }
    }

    /// A decorator's wrapper calls the function that it wraps: what it hands over is kept for all of them.
    pub(super) fn inject(&mut self, deco: FuncId, values: &Values) {
        for (index, set) in values.positional.iter().enumerate() {
            if self.set_matters(set) {
                let place = u32::try_from(index).unwrap_or(u32::MAX);
                self.learn(Key::Injected(deco, Slot::Position(place)), &set.unsure());
            }
        }
        for (name, set) in &values.keywords {
            if self.set_matters(set) {
                self.learn(Key::Injected(deco, Slot::Keyword(name.clone())), &set.unsure());
            }
        }
    }
}
