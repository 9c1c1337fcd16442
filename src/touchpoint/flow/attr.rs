//! Attributes: of modules, classes, instances, managers, and what inheritance brings.

use super::eval::{Chain, Op};
use super::framework::Framework;
use super::names::{is_manager_name, last_segment};
use super::{Binds, Flow, Key};
use crate::ast::Ident;
use crate::discover::RootKind;
use crate::finding::Access;
use crate::modules::ModuleRef;
use crate::touchpoint::models::{Model, Relation, RelationKind, Role, is_common_word, is_everyday};
use crate::touchpoint::orm;
use crate::touchpoint::ty::{ClassId, FuncId, Ty, TySet};

impl<'p> Flow<'_, 'p> {
    /// `set.attr`, not called.
    pub(super) fn attr(&mut self, set: &TySet, attr: &Ident, at: usize, chain: &mut Chain<'p>) -> TySet {
        let mut result = TySet::default();
        for (ty, sure) in set.iter() {
            let found = match self.related(ty, *sure, attr, at, chain) {
                Some(found) => found,
                None => self.attr_of(ty, attr, *sure),
            };
            for (made, made_sure) in found.iter() {
                result.insert(made.clone(), *made_sure && *sure);
            }
        }
        // South: `orm.Model` is a frozen model of the migration's own app.
        if result.is_unknown()
            && at == 0
            && chain.base.as_ref().is_some_and(|base| base.name == "orm")
            && let Some(class) = self.model_in_app(&attr.name)
        {
            result.insert(Ty::Class(class), true);
        }
        if result.is_unknown() {
            result = self.accessor(set, attr, at, chain);
        }
        if result.is_unknown() && set.is_unknown() {
            result = self.row_by_name(attr, at, chain);
        }
        result
    }

    pub(super) fn attr_of(&mut self, ty: &Ty, attr: &Ident, sure: bool) -> TySet {
        let name = attr.name.as_str();
        match ty {
            Ty::Module(ModuleRef::File(file)) => self.module_value(*file, name),
            Ty::Module(module) => match self.resolver.project().modules.submodule(*module, name) {
                ModuleRef::Unknown => TySet::unknown(),
                module => TySet::one(Ty::Module(module)),
            },
            Ty::External(dotted) => self.outside(format!("{dotted}.{name}").into()),
            Ty::Class(class) => self.class_attr(*class, name),
            Ty::Instance(class) => self.instance_attr(*class, attr, sure),
            Ty::Form(model) | Ty::FormClass(model) => match name {
                "instance" | "object" => TySet::one(Ty::Instance(*model)),
                "queryset" => TySet::one(Ty::QuerySet(*model, None)),
                _ => TySet::unknown(),
            },
            Ty::Seq(_) if name == "object_list" => TySet::one(ty.clone()),
            Ty::Meta(class) => match name {
                "db_table" => TySet::one(Ty::Table(*class)),
                "model" => TySet::one(Ty::Class(*class)),
                "default_manager" | "base_manager" => TySet::one(Ty::Manager(*class, None)),
                _ => TySet::unknown(),
            },
            Ty::Manager(class, custom) | Ty::QuerySet(class, custom) => {
                if name == "model" {
                    return TySet::one(Ty::Class(*class));
                }
                if let Some(func) = custom.and_then(|custom| self.method(custom, name)) {
                    return TySet::one(Ty::Bound(func, Box::new(ty.clone())));
                }
                match orm::method(name) {
                    Some(_) => TySet::one(Ty::Method(Box::new(ty.clone()), name.into())),
                    None => TySet::unknown(),
                }
            }
            _ => TySet::unknown(),
        }
    }

    /// `Class.name`
    pub(super) fn class_attr(&mut self, class: ClassId, name: &str) -> TySet {
        let is_model = self.is_row_class(class);
        if is_model {
            match name {
                "_meta" => return TySet::one(Ty::Meta(class)),
                "__class__" => return TySet::unknown(),
                _ => {}
            }
        }
        let found = self.member(class, name);
        if let Some(set) = &found {
            let managers = self.as_managers(class, name, set);
            if !managers.is_unknown() {
                return managers;
            }
            let bound = set.flat_map(|ty| match ty {
                Ty::Func(func) => match self.func(*func).binds {
                    Binds::Class => TySet::one(Ty::Bound(*func, Box::new(Ty::Class(class)))),
                    _ => TySet::one(Ty::Func(*func)),
                },
                other => TySet::one(other.clone()),
            });
            if !bound.is_unknown() {
                return bound;
            }
        }
        if is_model && orm::is_default_manager(name) {
            return TySet::one(Ty::Manager(class, None));
        }
        TySet::unknown()
    }

    /// A model's attribute whose value is a manager or queryset object, as the manager of the model.
    fn as_managers(&mut self, class: ClassId, name: &str, set: &TySet) -> TySet {
        if !self.is_row_class(class) {
            return TySet::unknown();
        }
        let mut managers = TySet::default();
        for (ty, sure) in set.iter() {
            match ty {
                Ty::Instance(manager) if self.is_manager_at(*manager, name) => {
                    managers.insert(Ty::Manager(class, Some(*manager)), *sure);
                }
                Ty::ExternalResult(dotted) if is_manager_name(dotted) => {
                    managers.insert(Ty::Manager(class, None), *sure);
                }
                _ => {}
            }
        }
        managers
    }

    /// Whether the class (or a base of it) is a manager or queryset class.
    pub(super) fn is_manager_class(&mut self, class: ClassId) -> bool {
        self.has_base(class, is_manager_name)
    }

    /// Whether the class is a manager class where a model has an object of it as `name`: what Django asks for its default
    /// manager is one even when a base of its class was not found.
    pub(super) fn is_manager_at(&mut self, class: ClassId, name: &str) -> bool {
        self.is_manager_class(class) || orm::is_default_manager(name) && self.has_base(class, |_| true)
    }

    /// Whether the class is a factory of factory_boy.
    pub(super) fn is_factory_class(&mut self, class: ClassId) -> bool {
        self.has_base(class, |dotted| dotted.ends_with("Factory"))
    }

    /// Whether some base outside the scanned trees, or not under analysis, has a name that fits.
    fn has_base(&mut self, class: ClassId, fits: impl Fn(&str) -> bool) -> bool {
        let mut chain = vec![class];
        chain.extend(self.ancestors(class));
        let discovery = &self.resolver.project().discovery;
        chain.iter().any(|each| {
            // Installed packages name their classes as Django and factory_boy do; what a project calls a manager may
            // be anything.
            let info = self.class(*each);
            if discovery.roots[discovery.entry(info.file).root].kind == RootKind::SitePackages
                && fits(&info.def.name.name)
            {
                return true;
            }
            info.bases.iter().flat_map(TySet::iter).any(|(ty, _)| match ty {
                Ty::External(dotted) | Ty::ExternalResult(dotted) => fits(dotted),
                Ty::Pending(_, name) => fits(name),
                Ty::FromQuerySet(_) => fits("Manager"),
                _ => false,
            })
        })
    }

    /// The classes that a class inherits from, nearest first.
    pub(super) fn ancestors(&mut self, class: ClassId) -> Vec<ClassId> {
        let mut found = Vec::new();
        let mut open = vec![class];
        while let Some(at) = open.pop() {
            if !self.reporting {
                self.readers.entry(Key::Bases(at)).or_default().insert(self.unit);
            }
            let mut bases = Vec::new();
            for (ty, _) in self.class(at).bases.iter().flat_map(TySet::iter) {
                if let Ty::Class(base) | Ty::FromQuerySet(base) = ty {
                    bases.push(*base);
                }
            }
            for base in bases.into_iter().rev() {
                if base != class && !found.contains(&base) {
                    open.push(base);
                }
            }
            if at != class && !found.contains(&at) {
                found.push(at);
            }
        }
        found
    }

    /// A member by name, in the class or the nearest ancestor that has it.
    pub(super) fn member(&mut self, class: ClassId, name: &str) -> Option<TySet> {
        if let Some(set) = self.read(Key::Attr(class, name.into()))
            && !set.is_unknown()
        {
            return Some(set);
        }
        for base in self.ancestors(class) {
            if let Some(set) = self.read(Key::Attr(base, name.into()))
                && !set.is_unknown()
            {
                return Some(set);
            }
        }
        None
    }

    /// The function that a class has under a name.
    pub(super) fn method(&mut self, class: ClassId, name: &str) -> Option<FuncId> {
        self.member(class, name)?.iter().find_map(|(ty, _)| match ty {
            Ty::Func(func) => Some(*func),
            _ => None,
        })
    }

    /// The relation of a model that is its attribute `name` (or its column's).
    pub(super) fn relation(&self, class: ClassId, name: &str) -> Option<(&Relation, bool)> {
        let model = self.model_of(class)?;
        let own = |model: &'_ crate::touchpoint::models::Model<'_>| -> Option<(usize, bool)> {
            model.relations.iter().enumerate().find_map(|(index, relation)| {
                if relation.name == name {
                    Some((index, false))
                } else {
                    let id = name.strip_suffix("_id").is_some_and(|stem| relation.name == stem);
                    (id && relation.column.is_some()).then_some((index, true))
                }
            })
        };
        if let Some((index, column)) = own(model) {
            return Some((&model.relations[index], column));
        }
        // An abstract base speaks of the columns that its linked subclasses have.
        if model.role == Role::Base {
            for other in self.models.iter().filter(|m| m.role == Role::Linked) {
                let extends = other
                    .class
                    .args
                    .args
                    .iter()
                    .any(|base| base.as_dotted().is_some_and(|segments| segments.last() == Some(&model.name())));
                if extends && let Some((index, column)) = own(other) {
                    return Some((&other.relations[index], column));
                }
            }
        }
        None
    }

    fn instance_attr(&mut self, class: ClassId, attr: &Ident, sure: bool) -> TySet {
        let name = attr.name.as_str();
        match name {
            "__class__" => return TySet::one(Ty::Class(class)),
            "_meta" if self.is_row_class(class) => return TySet::one(Ty::Meta(class)),
            _ => {}
        }
        if self.class(class).model.is_some() {
            if let Some((relation, column)) = self.relation(class, name)
                && relation.kind != RelationKind::ManyToMany
            {
                let to = relation.to.clone();
                // `line.order` reads the order, `line.order_id` the line's own column.
                match self.model_of(class).map(|model| model.label.clone()) {
                    Some(label) if column => self.touch_column(attr, Access::Read, &label, &to, sure),
                    _ => self.touch_relation(attr, &to, Access::Read, sure),
                }
                return match self.class_by_label(&to) {
                    Some(to) if !column => TySet::one(Ty::Instance(to)),
                    _ => TySet::unknown(),
                };
            }
            let key = self.model_of(class).is_some_and(|m| !m.fields.iter().any(|f| f == name)) || name == "id";
            if matches!(name, "id" | "pk") && key {
                self.touch_instance(class, attr, Access::Read, sure);
                return TySet::unknown();
            }
            if orm::is_exception(name) {
                return TySet::unknown();
            }
        }
        if let Some(row) = self.related_row(class, attr, sure) {
            return row;
        }
        let Some(set) = self.member(class, name) else {
            if !self.is_row_class(class) {
                let given = self.framework_attr(class, name);
                return if given.is_unknown() { self.held_below(class, name) } else { given };
            }
            let own = self.is_row_class(class) && orm::instance_method(name).is_some();
            return match own {
                true => TySet::one(Ty::Method(Box::new(Ty::Instance(class)), name.into())),
                false => TySet::unknown(),
            };
        };
        let mut result = TySet::default();
        // Django's own runs in an override, or instead of it.
        if self.is_row_class(class) && orm::instance_method(name).is_some() {
            result.insert(Ty::Method(Box::new(Ty::Instance(class)), name.into()), true);
        }
        for (ty, known) in set.iter() {
            match ty {
                Ty::Func(func) if self.func(*func).binds == Binds::Property => {
                    let given = self.read(Key::Return(*func)).unwrap_or_default();
                    self.touch_property_use(class, *func, attr, &given, sure);
                    result.join(&given);
                }
                Ty::Func(func) if self.func(*func).binds == Binds::Nothing && self.func(*func).class.is_some() => {
                    result.insert(ty.clone(), *known);
                }
                Ty::Func(func) => {
                    let receiver = match self.func(*func).binds {
                        Binds::Class => Ty::Class(class),
                        _ => Ty::Instance(class),
                    };
                    result.insert(Ty::Bound(*func, Box::new(receiver)), *known);
                }
                other => {
                    result.insert(other.clone(), *known);
                }
            }
        }
        result
    }

    /// A reverse accessor on an object that is not known, or on one that is known not to have such an attribute.
    fn accessor(&mut self, set: &TySet, attr: &Ident, at: usize, chain: &mut Chain<'p>) -> TySet {
        let Some(classes) = self.words.accessors.get(&attr.name).cloned() else { return TySet::unknown() };
        // Modules and classes have no reverse accessors; names such as `history` say nothing on an unknown object.
        if set.iter().any(|(ty, _)| matches!(ty, Ty::Module(_) | Ty::External(_) | Ty::Str(_) | Ty::Func(_))) {
            return TySet::unknown();
        }
        // Objects that are known to be no rows have no accessors, whatever their attributes are called.
        if !set.is_unknown() && set.iter().all(|(ty, _)| self.is_no_row(ty, &attr.name)) {
            return TySet::unknown();
        }
        let mut result = TySet::default();
        for class in classes {
            let Some(model) = self.model_of(class) else { continue };
            let lower = model.name().to_lowercase();
            let label = model.label.clone();
            let relation = model.relations.iter().find(|relation| relation.accessor.as_ref() == Some(&attr.name));
            let one_to_one = relation.is_some_and(|relation| relation.kind == RelationKind::OneToOne);
            let refers_to = relation.map(|relation| relation.to.clone());
            let known = set.iter().any(|(ty, _)| matches!(ty, Ty::Instance(c) if self.class(*c).model.is_some()));
            let foreign = set.iter().any(|(ty, _)| matches!(ty, Ty::Instance(_)));
            // Two relations of one model may give the same accessor to two models: on a row of another model it is
            // that of the other relation.
            let refers_to = refers_to.filter(|_| known || !foreign || !self.is_shared_accessor(model, &attr.name));
            let everyday = is_everyday(model.name()) && is_common_word(&attr.name);
            let plain = attr.name.starts_with(lower.as_str()) && !everyday;
            let next = match chain.ops.get(at + 1) {
                Some(Op::Attr(next)) => Some(next.name.as_str()),
                _ => None,
            };
            // A `related_name` of several words that is queried is an accessor, whosever row it stands on; so is any
            // that is used as only a manager is.
            let told = !is_common_word(&attr.name) && next.is_some_and(|next| orm::method(next).is_some());
            let queried = next.is_some_and(orm::is_of_managers);
            let saved = next.filter(|_| one_to_one).and_then(orm::instance_method);
            if !plain && !known && !told && !queried && saved.is_none() {
                continue;
            }
            if known && one_to_one {
                let access = match next {
                    Some(next) => orm::instance_method(next).unwrap_or(Access::Read),
                    None => Access::Read,
                };
                chain.access = access;
                self.touch_reverse(attr, &label, refers_to.as_deref(), Access::Read, true);
                result.insert(Ty::Instance(class), true);
                continue;
            }
            let access = saved.unwrap_or_else(|| self.fold_access(&chain.ops, at + 1, Some(class)));
            let access = if access == Access::None { Access::Read } else { access };
            chain.access = access;
            chain.told = true;
            self.touch_reverse(attr, &label, refers_to.as_deref(), access, known || foreign && plain);
            if attr.name.ends_with("_set") || queried || told || matches!(chain.ops.get(at + 1), Some(Op::Attr(_))) {
                result.insert(Ty::Manager(class, None), plain);
            } else {
                result.insert(Ty::Instance(class), plain);
            }
        }
        result
    }

    /// Whether several relations that a model declares have a reverse accessor of this name.
    fn is_shared_accessor(&self, model: &Model<'_>, name: &str) -> bool {
        let default = format!("{}_set", model.name().to_lowercase());
        let names = self.own_related_names(model);
        names.iter().filter(|(related, _)| related.as_deref().unwrap_or(&default) == name).count() > 1
    }

    /// Whether a value is known to be no row of a model that may have a reverse accessor of this name.
    fn is_no_row(&mut self, ty: &Ty, name: &str) -> bool {
        let Ty::Instance(class) = ty else {
            return matches!(
                ty,
                Ty::Seq(_) | Ty::Dict(_) | Ty::Tuple(_) | Ty::Class(_) | Ty::Manager(..) | Ty::QuerySet(..)
            );
        };
        if self.class(*class).model.is_some() {
            return false;
        }
        // Its accessors are known.
        if self.is_row_class(*class) {
            return true;
        }
        let mut chain = vec![*class];
        chain.extend(self.ancestors(*class));
        // Calling a factory gives a row, of whatever model.
        if self.framework_of(*class) == Some(Framework::Factory) {
            return false;
        }
        // Its own attribute, or one of a class that extends no model.
        let own = chain.iter().any(|each| self.fact(&Key::Attr(*each, name.into())).is_some());
        let may_be_model = chain.iter().any(|each| {
            self.class(*each).bases.iter().any(|base| {
                base.is_unknown()
                    || base.iter().any(|(ty, _)| match ty {
                        Ty::External(dotted) | Ty::ExternalResult(dotted) => {
                            let last = last_segment(dotted);
                            last.ends_with("Model") || last.starts_with("Abstract") || last.ends_with("User")
                        }
                        Ty::Pending(..) => true,
                        _ => false,
                    })
            })
        });
        own || !may_be_model
    }

    /// The class of a model that matters, by `app_label.Model` in any case.
    pub(super) fn class_by_label(&self, label: &str) -> Option<ClassId> {
        let index = self.models.iter().position(|m| m.label.eq_ignore_ascii_case(label))?;
        self.model_class[index]
    }

    /// The class of a model that matters, by its bare name in any case.
    pub(super) fn class_by_name(&self, name: &str) -> Option<ClassId> {
        let index = self.models.iter().position(|m| m.name().eq_ignore_ascii_case(name))?;
        self.model_class[index]
    }
}
