//! Signals: what receivers are given. And the models that admin classes are registered for.

use super::call::Values;
use super::eval::Use;
use super::{Flow, Key};
use crate::ast::{Arguments, Expr, ExprKind};
use crate::touchpoint::ty::{FuncId, Ty, TySet};

impl<'p> Flow<'_, 'p> {
    /// `site.register(Model, Admin)`
    pub(super) fn admin_register(&mut self, values: &Values) {
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
    pub(super) fn signal_connect(&mut self, args: &'p Arguments, values: &Values) {
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
        // By parameter, or as `kwargs["instance"]`.
        self.learn(Key::Param(func, "instance".into()), &instances);
        self.learn(Key::Param(func, "sender".into()), sender);
    }
}
