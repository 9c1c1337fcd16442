//! What functions do to the rows of each model, and where rows are read that were asked for elsewhere.

use super::eval::{Chain, Op};
use super::{Effects, Flow, Key, Unit};
use crate::ast::{Expr, ExprKind, Ident};
use crate::finding::{Access, Confidence};
use crate::touchpoint::Kind;
use crate::touchpoint::models::Role;
use crate::touchpoint::orm;
use crate::touchpoint::ty::{ClassId, FuncId, Ty, TySet};

impl<'p> Flow<'_, 'p> {
    /// The model whose rows a model's rows are: a subclass's or a second model's on the same table are the target's.
    fn rows_of(&self, class: ClassId) -> Option<usize> {
        let index = self.class(class).model?;
        let own = self.models.get(index)?;
        match own.role {
            Role::Subclass => self.models.iter().position(|model| model.role == Role::Target),
            _ => self.models.iter().position(|model| model.label == own.label),
        }
    }

    /// The function that runs adds an access to the rows of a model to what it does.
    pub(super) fn note(&mut self, class: ClassId, access: Access) {
        if let Some(model) = self.rows_of(class) {
            self.note_model(model, access);
        }
    }

    /// The same, by the model's label.
    pub(super) fn note_label(&mut self, label: &str, access: Access) {
        if let Some(class) = self.class_by_label(label) {
            self.note(class, access);
        }
    }

    fn note_model(&mut self, model: usize, access: Access) {
        if access == Access::None || access == Access::Schema || self.reporting {
            return;
        }
        let Unit::Func(func) = self.unit else { return };
        let effects = self.effects.entry(func).or_default();
        let changed = match effects.iter_mut().find(|(known, _)| *known == model) {
            Some((_, known)) => {
                let combined = orm::combine(*known, access);
                let changed = combined != *known;
                *known = combined;
                changed
            }
            None => {
                effects.push((model, access));
                effects.sort_unstable_by_key(|(model, _)| *model);
                true
            }
        };
        if changed {
            self.wake(&Key::Effect(func));
        }
    }

    /// What a function does to the rows of every model, callees included.
    fn effects(&mut self, func: FuncId) -> Effects {
        if !self.reporting {
            self.start_givers(&Key::Effect(func));
            self.readers.entry(Key::Effect(func)).or_default().insert(self.unit);
        }
        self.effects.get(&func).cloned().unwrap_or_default()
    }

    /// What a callee does, the caller does.
    pub(super) fn note_callee(&mut self, func: FuncId) {
        for (model, access) in self.effects(func) {
            self.note_model(model, access);
        }
    }

    /// What a function does to the rows of one model.
    pub(super) fn effect_on(&mut self, func: FuncId, class: ClassId) -> Access {
        let Some(model) = self.rows_of(class) else { return Access::None };
        let effects = self.effects(func);
        // A base stands for all models that extend it.
        if self.model_of(class).is_some_and(|model| model.role == Role::Base) {
            return effects.into_iter().fold(Access::None, |all, (_, access)| orm::combine(all, access));
        }
        effects.into_iter().find(|(known, _)| *known == model).map_or(Access::None, |(_, access)| access)
    }

    /// What a method does, and to the rows of which model: its own, else the one that it does most to.
    pub(super) fn method_effect(&mut self, func: FuncId, class: ClassId) -> Option<(String, Access)> {
        let own = self.effect_on(func, class);
        if own != Access::None {
            return self.model_of(class).map(|model| (model.label.clone(), own));
        }
        let mut best: Option<(usize, Access)> = None;
        for (model, access) in self.effects(func) {
            if best.is_none_or(|(_, known)| orm::combine(known, access) != known) {
                best = Some((model, access));
            }
        }
        let (model, access) = best?;
        Some((self.models.get(model)?.label.clone(), access))
    }

    /// Rows are read here that were asked for elsewhere: a loop over a queryset, `list(rows)`, `rows[0]`. Whether the
    /// statement is issued here or was before depends on what the queryset holds already.
    pub(super) fn evaluates(&mut self, expr: &Expr, set: &TySet) {
        if self.told_chain == Some(expr.span) {
            return;
        }
        let Some(ident) = last_name(expr) else { return };
        let read = set.iter().filter_map(|(ty, _)| match ty {
            Ty::QuerySet(model, _) | Ty::Manager(model, _) | Ty::Rows(model) => {
                self.class(*model).model.map(|index| (index, *model))
            }
            _ => None,
        });
        // One statement may read several tables: the target's speaks for all.
        if let Some((_, model)) = read.min() {
            self.touch_evaluation(model, &ident);
        }
    }

    /// A method that issues a statement, on rows that were asked for elsewhere.
    pub(super) fn touch_evaluation(&mut self, class: ClassId, ident: &Ident) {
        self.note(class, Access::Read);
        if let Some(label) = self.model_of(class).map(|model| model.label.clone()) {
            self.report_at(ident.span, &ident.name, Kind::Evaluation, Access::Read, &label, Confidence::Possible);
        }
    }

    /// Whether a method stands behind another of the same chain that builds a query: `rows.filter(…).count()`.
    pub(super) fn is_built_here(chain: &Chain<'p>, at: usize) -> bool {
        let called = matches!(at.checked_sub(1).and_then(|before| chain.ops.get(before)), Some(Op::Call(..)));
        let by = at.checked_sub(2).and_then(|before| chain.ops.get(before));
        called
            && matches!(by, Some(Op::Attr(attr)) if matches!(orm::method(&attr.name), Some((_, orm::Gives::QuerySet | orm::Gives::Rows))))
    }
}

/// The last name of an expression, by which its value is known.
fn last_name(expr: &Expr) -> Option<Ident> {
    match &expr.kind {
        ExprKind::Name(name) => Some(Ident { name: name.clone(), span: expr.span }),
        ExprKind::Attribute { attr, .. } => Some(attr.clone()),
        ExprKind::Call { func, .. } => last_name(func),
        ExprKind::Subscript { value, .. } => last_name(value),
        ExprKind::Starred(inner) | ExprKind::Await(inner) => last_name(inner),
        _ => None,
    }
}
