//! Rows that a framework hands out or writes: class-based views, admin classes, forms, serializers, filters,
//! factories and pytest's fixtures.
//!
//! Sources: `django/views/generic/detail.py`, `list.py` and `edit.py`; `django/contrib/admin/options.py`;
//! `django/forms/models.py`; `rest_framework/generics.py`, `mixins.py` and `serializers.py`; `django_filters/filterset.py`;
//! `factory/django.py` and `factory/helpers.py`; pytest's documentation of fixtures and `parametrize`.

use compact_str::CompactString;

use super::eval::Use;
use super::names::last_segment;
use super::{Fixture, Flow, Key};
use crate::ast::{Arguments, Expr, ExprKind, FunctionDef, Ident, Param, walk_exprs};
use crate::discover::{FileKind, word_hash};
use crate::finding::Access;
use crate::source::FileId;
use crate::touchpoint::Kind;
use crate::touchpoint::models::callee_name;
use crate::touchpoint::ty::{ClassId, FuncId, Ty, TySet};

/// A framework's classes that work on the rows of one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framework {
    /// Django's class-based views and Django REST framework's views and viewsets.
    View,
    /// Admin classes; an inline's own rows are those of its model, its hooks are given the parent's.
    Admin,
    /// An inline of an admin class.
    Inline,
    /// Model forms and their sets.
    Form,
    /// Serializers.
    Serializer,
    /// Filters of `django_filter`.
    Filter,
    /// Factories of factory_boy.
    Factory,
}

fn framework(base: &str) -> Option<Framework> {
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| base.ends_with(suffix));
    if ends(&["Inline", "InlineModelAdmin"]) {
        Some(Framework::Inline)
    } else if ends(&["Admin"]) {
        Some(Framework::Admin)
    } else if ends(&["Form", "FormSet", "Formset"]) {
        Some(Framework::Form)
    } else if ends(&["Serializer"]) {
        Some(Framework::Serializer)
    } else if ends(&["FilterSet"]) {
        Some(Framework::Filter)
    } else if ends(&["Factory"]) {
        Some(Framework::Factory)
    } else if ends(&["View", "ViewSet", "ModelMixin", "ObjectMixin", "FormMixin"]) {
        Some(Framework::View)
    } else {
        None
    }
}

impl<'p> Flow<'_, 'p> {
    /// The framework whose class a class extends.
    pub(super) fn framework_of(&mut self, class: ClassId) -> Option<Framework> {
        if self.is_row_class(class) {
            return None;
        }
        let mut chain = vec![class];
        chain.extend(self.ancestors(class));
        chain.iter().find_map(|each| {
            self.class(*each).bases.iter().flat_map(TySet::iter).find_map(|(ty, _)| match ty {
                Ty::External(name) | Ty::ExternalResult(name) | Ty::Pending(_, name) => framework(last_segment(name)),
                _ => None,
            })
        })
    }

    /// The model whose rows a class of a framework works on.
    pub(super) fn described(&mut self, class: ClassId) -> Option<(ClassId, bool)> {
        self.framework_of(class)?;
        self.described_by(class, 0)
    }

    fn described_by(&mut self, class: ClassId, depth: u32) -> Option<(ClassId, bool)> {
        if let Some(model) = self.admins.get(&class).copied().or_else(|| self.class(class).factory_of) {
            return Some((model, true));
        }
        for name in ["model", "queryset", "Meta", "form_class", "serializer_class", "form", "get_queryset"] {
            let Some(set) = self.member(class, name) else { continue };
            for (ty, sure) in set.iter() {
                let model = match ty {
                    Ty::Class(meta) if name == "Meta" => {
                        let declared = self.member(*meta, "model").unwrap_or_default();
                        declared.iter().find_map(|(ty, _)| self.model_named(ty))
                    }
                    Ty::Class(form) if name.ends_with("_class") || name == "form" => {
                        if depth < 3 {
                            self.described_by(*form, depth + 1).map(|(model, _)| model)
                        } else {
                            None
                        }
                    }
                    Ty::FormClass(model) => Some(*model),
                    Ty::Func(func) if name == "get_queryset" => {
                        let given = self.read(Key::Return(*func)).unwrap_or_default();
                        given.iter().find_map(|(ty, _)| self.model_named(ty))
                    }
                    other => self.model_named(other),
                };
                if let Some(model) = model {
                    return Some((model, *sure));
                }
            }
        }
        // A mixin works on the models of the classes that it is mixed into.
        for name in ["model", "queryset"] {
            let below = self.held_below(class, name);
            if let Some(model) = below.iter().find_map(|(ty, _)| self.model_named(ty)) {
                return Some((model, false));
            }
        }
        None
    }

    /// The model that a declaration names: a class, a label, or rows.
    fn model_named(&self, ty: &Ty) -> Option<ClassId> {
        let class = match ty {
            Ty::Class(class) | Ty::QuerySet(class, _) | Ty::Manager(class, _) => *class,
            Ty::Str(label) if label.contains('.') => self.class_by_label(label)?,
            _ => return None,
        };
        self.is_row_class(class).then_some(class)
    }

    /// What the classes below a class hold under a name, as far as it matters.
    pub(super) fn held_below(&mut self, class: ClassId, name: &str) -> TySet {
        let _ = self.read(Key::Held(name.into()));
        let Some(holders) = self.holders.get(name) else { return TySet::unknown() };
        let holders: Vec<ClassId> = holders.iter().copied().filter(|holder| *holder != class).collect();
        let mut held = TySet::default();
        for holder in holders {
            if self.ancestors(holder).contains(&class)
                && let Some(set) = self.read(Key::Attr(holder, name.into()))
            {
                held.join(&set.unsure());
            }
        }
        held
    }

    /// An attribute that a framework's class sets: `self.object`, `form.instance`.
    pub(super) fn framework_attr(&mut self, class: ClassId, name: &str) -> TySet {
        if !matches!(name, "object" | "instance" | "object_list" | "queryset" | "form_instance" | "qs") {
            return TySet::unknown();
        }
        let Some((model, sure)) = self.described(class) else { return TySet::unknown() };
        let set = match name {
            "object" | "instance" | "form_instance" => TySet::one(Ty::Instance(model)),
            _ => TySet::one(Ty::QuerySet(model, None)),
        };
        if sure { set } else { set.unsure() }
    }

    /// A method that a framework's class has and the project does not define. What it does to rows is told where it is
    /// called.
    pub(super) fn framework_method(
        &mut self,
        class: ClassId,
        attr: &Ident,
        args: &'p Arguments,
        sure: bool,
    ) -> Option<TySet> {
        let name = attr.name.as_str();
        if !is_framework_method(name) {
            return None;
        }
        let kind = self.framework_of(class)?;
        let (model, known) = self.described(class)?;
        let sure = sure && known;
        let row = TySet::one(Ty::Instance(model));
        let (access, touched, given) = match (kind, name) {
            (_, "get_queryset" | "filter_queryset") => {
                (Access::Read, Kind::Query, TySet::one(Ty::QuerySet(model, None)))
            }
            (Framework::View | Framework::Admin, "get_object") => (Access::Read, Kind::Query, row),
            (Framework::Form | Framework::Serializer, "save") => (Access::Write, Kind::Instance, row),
            (Framework::Serializer, "create" | "update") => (Access::Write, Kind::Instance, row),
            (Framework::Admin, "save_model") | (Framework::View, "perform_create" | "perform_update") => {
                (Access::Write, Kind::Instance, TySet::unknown())
            }
            (Framework::Admin, "delete_model") | (Framework::View, "perform_destroy" | "destroy") => {
                (Access::Delete, Kind::Instance, TySet::unknown())
            }
            (Framework::Admin, "delete_queryset") => (Access::Delete, Kind::Query, TySet::unknown()),
            (Framework::View, "form_valid" | "delete") => {
                let access = self.view_access(class);
                let access = if name == "delete" && access != Access::Delete { return None } else { access };
                if matches!(access, Access::None | Access::Read) {
                    return None;
                }
                (access, Kind::Instance, TySet::unknown())
            }
            (Framework::View, "get_form" | "get_serializer") => {
                let form = ["form_class", "serializer_class"].iter().find_map(|name| self.member(class, name));
                let made = self.instances(&form.unwrap_or_default());
                return Some(if made.is_unknown() { TySet::one(Ty::Form(model)) } else { made });
            }
            (Framework::View, "paginate_queryset") => {
                let rows = args.args.first().map(|rows| self.silent(|flow| flow.eval(rows, Use::Plain)));
                let rows = self.elements(&rows.unwrap_or_default());
                return Some(rows.flat_map(|ty| TySet::one(Ty::Seq(Box::new(ty.clone())))));
            }
            (Framework::Factory, "_create" | "_build") => (Access::Write, Kind::Factory, row),
            _ => return None,
        };
        self.note(model, access);
        if let Some(label) = self.model_of(model).map(|model| model.label.clone()) {
            self.touch(attr, touched, access, &label, sure);
        }
        Some(if sure { given } else { given.unsure() })
    }

    /// `form.save()` of a form that Django makes itself.
    pub(super) fn form_method(&mut self, model: ClassId, attr: &Ident, sure: bool) -> Option<TySet> {
        if attr.name != "save" {
            return None;
        }
        self.touch_instance(model, attr, Access::Write, sure);
        Some(TySet::one(Ty::Instance(model)))
    }

    /// What a view does with the rows of the model that it declares.
    pub(super) fn view_access(&mut self, class: ClassId) -> Access {
        let mut chain = vec![class];
        chain.extend(self.ancestors(class));
        let access = |base: &str| match base {
            base if base.starts_with("Create") || base.ends_with("CreateView") => Access::Write,
            base if base.ends_with("DestroyAPIView") || base.ends_with("DeleteView") => Access::Delete,
            base if base.ends_with("UpdateView") || base.ends_with("UpdateAPIView") => Access::ReadWrite,
            base if base.ends_with("ListView") || base.ends_with("DetailView") => Access::Read,
            _ => Access::None,
        };
        let found = chain.iter().find_map(|each| {
            self.class(*each).bases.iter().flat_map(TySet::iter).find_map(|(ty, _)| match ty {
                Ty::External(name) | Ty::Pending(_, name) => {
                    Some(access(last_segment(name))).filter(|access| *access != Access::None)
                }
                _ => None,
            })
        });
        found.unwrap_or(Access::None)
    }

    /// What a framework hands to a method of the project's class as this parameter.
    pub(super) fn framework_param(&mut self, class: ClassId, def: &FunctionDef, param: &Param, at: usize) -> TySet {
        let name = param.name.name.as_str();
        let marked = |wanted: &str| def.decorators.iter().any(|decorator| decorator_name(decorator) == Some(wanted));
        let column = marked("display") && at == 1;
        let action = marked("action") && at == 2;
        let generated = marked("post_generation") && at == 0;
        let usual =
            matches!(name, "obj" | "instance" | "object" | "queryset" | "qs" | "form" | "serializer" | "model_class");
        if at == 0 && !generated || !(column || action || generated || usual) {
            return TySet::unknown();
        }
        let Some(kind) = self.framework_of(class) else { return TySet::unknown() };
        let Some((model, sure)) = self.described(class) else { return TySet::unknown() };
        let row = TySet::one(Ty::Instance(model));
        let rows = TySet::one(Ty::QuerySet(model, None));
        let set = match (kind, name) {
            (Framework::Admin, _) if column => row,
            (Framework::Admin, _) if action => rows,
            (Framework::Factory, _) if generated => row,
            // The hooks of an inline are given the row of the parent.
            (Framework::Inline, "queryset" | "qs") => rows,
            (Framework::Inline, _) => TySet::unknown(),
            (Framework::Factory, "model_class") => TySet::one(Ty::Class(model)),
            (_, "obj" | "instance" | "object") => row,
            (Framework::View | Framework::Admin | Framework::Filter, "queryset" | "qs") => rows,
            (Framework::View | Framework::Admin, "form" | "serializer") => {
                let form = ["form_class", "serializer_class", "form"].iter().find_map(|name| self.member(class, name));
                let made = self.instances(&form.unwrap_or_default());
                if made.is_unknown() { TySet::one(Ty::Form(model)) } else { made }
            }
            _ => TySet::unknown(),
        };
        if sure { set } else { set.unsure() }
    }

    /// `@pytest.fixture`, `@pytest.fixture(name=…)`, `@pytest.mark.parametrize(names, values)`
    pub(super) fn test_decorator(&mut self, decorator: &'p Expr, def: &'p FunctionDef, func: FuncId) {
        if self.reporting {
            return;
        }
        match decorator_name(decorator) {
            Some("fixture" | "yield_fixture") => {
                let named = match &decorator.kind {
                    ExprKind::Call { args, .. } => args.keyword("name").and_then(Expr::as_str),
                    _ => None,
                };
                let name = named.unwrap_or_else(|| def.name.name.clone());
                let mut yields = false;
                walk_exprs(&def.body, &mut |expr| yields |= matches!(expr.kind, ExprKind::Yield(_)));
                let file = self.file();
                let known = self.fixtures.entry(name.clone()).or_default();
                if !known.iter().any(|fixture| fixture.func == func) {
                    known.push(Fixture { file, func, yields, asked: false });
                    self.wake(&Key::Fixture(name));
                }
            }
            Some("parametrize") => {
                let ExprKind::Call { args, .. } = &decorator.kind else { return };
                let (Some(names), Some(values)) = (args.args.first(), args.args.get(1)) else { return };
                let names: Vec<CompactString> = match &names.kind {
                    ExprKind::List(items) | ExprKind::Tuple(items) => items.iter().filter_map(Expr::as_str).collect(),
                    _ => names.as_str().map(|names| split_names(&names)).unwrap_or_default(),
                };
                let values = self.silent(|flow| flow.eval(values, Use::Plain));
                let rows = self.elements(&values);
                for (index, name) in names.iter().enumerate() {
                    let set = if names.len() == 1 { rows.clone() } else { self.item(&rows, Some(index)) };
                    if self.set_matters(&set) {
                        self.learn(Key::Param(func, name.clone()), &set);
                    }
                }
            }
            _ => {}
        }
    }

    /// What a fixture gives to a test or another fixture that has a parameter of its name.
    pub(super) fn fixture_param(&mut self, func: FuncId, name: &str) -> TySet {
        let Some(def) = self.func(func).def else { return TySet::unknown() };
        let asks = def.name.name.starts_with("test")
            || def
                .decorators
                .iter()
                .any(|decorator| matches!(decorator_name(decorator), Some("fixture" | "yield_fixture")));
        if !asks {
            return TySet::unknown();
        }
        let _ = self.read(Key::Fixture(name.into()));
        let file = self.file();
        let visible = self.fixtures.get(name).cloned().unwrap_or_default();
        let visible =
            visible.into_iter().filter(|fixture| fixture.func != func && self.sees_fixture(file, fixture.file));
        let mut set = TySet::default();
        for fixture in visible.collect::<Vec<_>>() {
            let given = self.read(Key::Return(fixture.func)).unwrap_or_default();
            set.join(&given.flat_map(|ty| match ty {
                Ty::Seq(inner) if fixture.yields => TySet::one((**inner).clone()),
                other => TySet::one(other.clone()),
            }));
        }
        set.unsure()
    }

    /// A fixture is seen in its own file; one of a `conftest.py` in its folder and those below.
    fn sees_fixture(&self, user: FileId, holder: FileId) -> bool {
        let project = self.resolver.project();
        let folder = conftest_folder(project.path(holder));
        user == holder || folder.is_some_and(|folder| project.path(user).starts_with(folder))
    }

    /// Files that may use fixtures that carry the model: they name the fixture and see its `conftest.py`.
    pub(super) fn want_fixture_users(&mut self) {
        let mut wanted = Vec::new();
        for (name, fixtures) in &self.fixtures {
            for fixture in fixtures.iter().filter(|fixture| !fixture.asked) {
                let given = self.fact(&Key::Return(fixture.func)).is_some_and(|set| self.set_matters(set));
                if given {
                    wanted.push((name.clone(), fixture.func, fixture.file));
                }
            }
        }
        for (name, func, file) in wanted {
            if let Some(fixture) =
                self.fixtures.get_mut(&name).and_then(|all| all.iter_mut().find(|fixture| fixture.func == func))
            {
                fixture.asked = true;
            }
            let project = self.resolver.project();
            let Some(folder) = conftest_folder(project.path(file)) else { continue };
            let hash = word_hash(&name);
            let root = project.discovery.entry(file).root;
            let users = project.discovery.ids().filter(|user| {
                let entry = project.discovery.entry(*user);
                entry.kind == FileKind::Python
                    && entry.root == root
                    && entry.words.has(hash)
                    && project.path(*user).starts_with(folder)
            });
            self.wanted.extend(users);
        }
    }
}

fn split_names(names: &str) -> Vec<CompactString> {
    names.split(',').map(|name| CompactString::from(name.trim())).collect()
}

/// The folder whose tests see the fixtures of a file, with its last slash.
fn conftest_folder(path: &str) -> Option<&str> {
    path.strip_suffix("conftest.py").filter(|folder| folder.is_empty() || folder.ends_with('/'))
}

/// The last name of a decorator, called or not.
fn decorator_name(decorator: &Expr) -> Option<&str> {
    match &decorator.kind {
        ExprKind::Call { func, .. } => callee_name(func),
        _ => callee_name(decorator),
    }
}

fn is_framework_method(name: &str) -> bool {
    matches!(
        name,
        "get_queryset"
            | "filter_queryset"
            | "get_object"
            | "save"
            | "create"
            | "update"
            | "save_model"
            | "perform_create"
            | "perform_update"
            | "perform_destroy"
            | "destroy"
            | "delete_model"
            | "delete_queryset"
            | "form_valid"
            | "delete"
            | "get_form"
            | "get_serializer"
            | "paginate_queryset"
            | "_create"
            | "_build"
    )
}
