//! Models that no class statement of the module names: those that a call makes, and the model of the users. And relations
//! whose model is a guess.

use super::Flow;
use super::eval::{Chain, Op};
use super::names::last_segment;
use crate::ast::Ident;
use crate::finding::Access;
use crate::source::FileId;
use crate::touchpoint::Kind;
use crate::touchpoint::ty::{FuncId, Ty, TySet};

impl<'p> Flow<'_, 'p> {
    /// Gives every model of a file whose class is made by a call its number.
    pub(super) fn register_made(&mut self, file: FileId) {
        let models = self.models;
        for (index, model) in models.iter().enumerate().filter(|(_, model)| model.file == file) {
            let def = model.class;
            if model.held_by.is_none() || self.model_class[index].is_some() {
                continue;
            }
            self.add_class(file, def, &def.name.name, Some(index), self.around.by_label(&model.label));
        }
    }

    /// Binds the names of a module that hold models which a call makes.
    pub(super) fn hold_made(&mut self, file: FileId) {
        let models = self.models;
        for (index, model) in models.iter().enumerate().filter(|(_, model)| model.file == file) {
            let Some(class) = self.model_class[index] else { continue };
            let Some(frame) = self.frames.last_mut() else { return };
            for name in model.held_by.iter().flatten() {
                let known = frame.env.entry(name.clone()).or_default();
                if known.is_unknown() {
                    *known = TySet::one(Ty::Class(class));
                }
            }
        }
    }

    /// The model that `get_user_model()` gives, if it is one of those that matter.
    pub(super) fn user_model(&self) -> TySet {
        let known = self.user_model.as_ref();
        let class = known.and_then(|(label, sure)| Some((Ty::Class(self.class_by_label(label)?), *sure)));
        class.or_else(|| self.user_class().map(|class| (Ty::Class(class), true))).into_iter().collect()
    }

    /// Whether a function is Django's `get_user_model`, where the sources of Django's apps are scanned, too.
    pub(super) fn gives_user_model(&self, func: FuncId) -> bool {
        let info = self.func(func);
        info.qual == "get_user_model" && self.resolver.project().modules.name(info.file) == "django.contrib.auth"
    }

    /// `get_user_model()`: its name speaks for the model that it gives, and for what the rest of the chain does with it.
    pub(super) fn touch_user_model(&mut self, callee: &TySet, ident: Option<&Ident>, at: usize, chain: &mut Chain<'p>) {
        let is_it = |ty: &Ty| match ty {
            Ty::External(dotted) => last_segment(dotted) == "get_user_model",
            Ty::Func(func) => self.gives_user_model(*func),
            _ => false,
        };
        if !callee.iter().any(|(ty, _)| is_it(ty)) {
            return;
        }
        let given = self.user_model();
        let Some((Ty::Class(class), sure)) = given.iter().next() else { return };
        let Some(ident) = ident else { return };
        let access = match chain.ops.get(at + 1) {
            Some(Op::Call(..)) => Access::Write,
            Some(Op::Attr(_)) => self.fold_access(&chain.ops, at + 1, Some(*class)),
            _ => Access::None,
        };
        if access != Access::None {
            chain.told = true;
            chain.access = access;
            self.note(*class, access);
        }
        let Some(model) = self.model_of(*class) else { return };
        let kind = if access == Access::None { Kind::Reference } else { Kind::Query };
        self.touch(ident, kind, access, &model.label, *sure);
    }

    /// Whether a name is that of a relation to a model, or of the accessor or lookup that it gives, and where the relation
    /// points is a guess.
    pub(super) fn is_guess(&self, name: &str, to: &str) -> bool {
        let stem = name.split("__").next().unwrap_or(name);
        let stem = stem.strip_suffix("_id").unwrap_or(stem);
        let relations = self.models.iter().flat_map(|model| &model.relations);
        let mut named =
            relations.filter(|relation| relation.to == to && (relation.name == stem || relation.name == name));
        named.next().is_some_and(|first| !first.sure && named.all(|relation| !relation.sure))
    }
}
