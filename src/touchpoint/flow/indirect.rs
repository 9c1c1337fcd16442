//! Modules and models that are named by values: `import_module`, `import_string`, lazy `__getattr__`, settings, app
//! configurations and content types.
//!
//! Sources: `importlib`'s documentation, PEP 562, `django/utils/module_loading.py`, `django/apps/registry.py`,
//! `django/contrib/contenttypes/models.py`.

use compact_str::CompactString;

use super::call::Values;
use super::eval::Use;
use super::names::last_segment;
use super::{Flow, Key};
use crate::ast::{Arguments, Expr, Ident};
use crate::discover::{FileKind, word_hash};
use crate::finding::Access;
use crate::modules::ModuleRef;
use crate::source::FileId;
use crate::touchpoint::Kind;
use crate::touchpoint::ty::{ClassId, Ty, TySet};

/// A settings module is one of the files that hold this name.
const SETTINGS_WORD: &str = "INSTALLED_APPS";

impl<'p> Flow<'_, 'p> {
    /// The constants that a value may be; settings are looked up where they are set.
    pub(super) fn texts(&mut self, set: &TySet) -> Vec<CompactString> {
        self.lacks_texts(set);
        let mut found = Vec::new();
        for (ty, _) in set.iter() {
            match ty {
                Ty::Str(text) => found.push(text.clone()),
                Ty::External(dotted) if dotted.starts_with("django.conf.settings.") => {
                    found.extend(self.setting(last_segment(dotted)));
                }
                _ => {}
            }
        }
        found
    }

    /// The texts that settings modules give a name.
    fn setting(&mut self, name: &str) -> Vec<CompactString> {
        let project = self.resolver.project();
        let marks = word_hash(SETTINGS_WORD);
        let files: Vec<FileId> = project
            .discovery
            .files_with_word(name)
            .filter(|file| {
                let entry = project.discovery.entry(*file);
                entry.kind == FileKind::Python && (entry.words.has(marks) || project.path(*file).contains("settings"))
            })
            .collect();
        let mut found = Vec::new();
        for file in files {
            self.wanted.insert(file);
            let set = self.read(Key::Global(file, name.into())).unwrap_or_default();
            found.extend(set.iter().filter_map(|(ty, _)| match ty {
                Ty::Str(text) => Some(text.clone()),
                _ => None,
            }));
        }
        found.dedup();
        found
    }

    /// The model that a label names.
    fn labelled(&self, labels: &[CompactString]) -> TySet {
        labels.iter().filter_map(|label| self.class_by_label(label)).map(|class| (Ty::Class(class), true)).collect()
    }

    /// `import_module("a.b")`, `__import__("a.b")`
    pub(super) fn imported_module(&mut self, first: &TySet) -> TySet {
        let file = self.file();
        let mut found = TySet::default();
        for text in self.texts(first) {
            match self.resolver.project().modules.resolve(text.trim_start_matches('.'), Some(file)) {
                ModuleRef::Unknown => {}
                module => {
                    found.insert(Ty::Module(module), true);
                }
            }
        }
        found
    }

    /// `import_string("a.b.Name")`
    pub(super) fn imported_string(&mut self, first: &TySet) -> TySet {
        let file = self.file();
        let mut found = TySet::default();
        for text in self.texts(first) {
            let Some((module, name)) = text.rsplit_once(['.', ':']) else { continue };
            if let ModuleRef::File(module) = self.resolver.project().modules.resolve(module, Some(file)) {
                found.join(&self.module_value(module, name));
            }
        }
        found
    }

    /// A name that a module gives by its `__getattr__` (PEP 562).
    pub(super) fn lazy_value(&mut self, file: FileId, name: &str) -> TySet {
        if name == "__getattr__" || !self.is_word(name) {
            return TySet::unknown();
        }
        let given = self.read(Key::Global(file, "__getattr__".into())).unwrap_or_default();
        let mut found = TySet::default();
        for (ty, _) in given.iter() {
            let Ty::Func(func) = ty else { continue };
            if let Some(param) = self.func(*func).params.first() {
                let param = param.name.name.clone();
                self.learn(Key::Param(*func, param), &TySet::one(Ty::Str(name.into())));
            }
            // Of all that the function gives, what is called so.
            let all = self.read(Key::Return(*func)).unwrap_or_default();
            found.join(&all.flat_map(|ty| match ty {
                Ty::Class(class) if self.class(*class).def.name.name == name => TySet::one(ty.clone()),
                _ => TySet::unknown(),
            }));
        }
        found
    }

    /// The classes of an app's models; all of them for no label.
    fn models_of_app(&self, label: Option<&str>) -> TySet {
        let fits = |app: &str| label.is_none_or(|label| label.eq_ignore_ascii_case(app));
        let classes = self.models.iter().zip(&self.model_class);
        classes
            .filter(|(model, _)| model.table.is_some() && fits(model.app_label()))
            .filter_map(|(_, class)| class.map(|class| (Ty::Seq(Box::new(Ty::Class(class))), false)))
            .collect()
    }

    /// Methods of Django's registry of apps and of an app's configuration.
    pub(super) fn registry_method(&mut self, ty: &Ty, name: &str, args: &'p Arguments) -> Option<TySet> {
        match (ty, name) {
            (Ty::External(dotted), "get_app_config") if dotted.ends_with("apps") => {
                let label = args.get(0, "app_label")?;
                let set = self.silent(|flow| flow.eval(label, Use::Plain));
                let label = self.texts(&set).into_iter().next()?;
                Some(TySet::one(Ty::App(label)))
            }
            (Ty::External(dotted), "get_models") if dotted.ends_with("apps") => Some(self.models_of_app(None)),
            (Ty::App(label), "get_models") => Some(self.models_of_app(Some(label))),
            (Ty::App(label), "get_model") => {
                let name = args.get(0, "model_name")?;
                let set = self.silent(|flow| flow.eval(name, Use::Plain));
                let labels: Vec<CompactString> =
                    self.texts(&set).iter().map(|name| format!("{label}.{name}").into()).collect();
                Some(self.labelled(&labels))
            }
            _ => None,
        }
    }

    /// Whether a value is Django's model of content types, or its manager.
    fn is_content_types(&self, ty: &Ty) -> bool {
        match ty {
            Ty::External(dotted) => {
                let mut segments = dotted.rsplit('.');
                match segments.next() {
                    Some("objects") => segments.next() == Some("ContentType"),
                    last => last == Some("ContentType"),
                }
            }
            Ty::Pending(_, name) => name == "ContentType",
            Ty::Class(class) | Ty::Manager(class, _) | Ty::QuerySet(class, _) => {
                self.class(*class).def.name.name == "ContentType"
            }
            _ => false,
        }
    }

    /// `ContentType.objects.get_for_model(M)` and `.get(app_label=…, model=…)`, and what a content type gives.
    pub(super) fn content_type_method(&mut self, ty: &Ty, attr: &Ident, args: &'p Arguments) -> Option<TySet> {
        if let Ty::ContentType(class) = ty {
            return match attr.name.as_str() {
                "model_class" => Some(TySet::one(Ty::Class(*class))),
                "get_object_for_this_type" => {
                    self.touch_rows(*class, attr);
                    Some(TySet::one(Ty::Instance(*class)))
                }
                "get_all_objects_for_this_type" => {
                    self.touch_rows(*class, attr);
                    Some(TySet::one(Ty::QuerySet(*class, None)))
                }
                _ => None,
            };
        }
        if !self.is_content_types(ty) {
            return None;
        }
        let given = |flow: &mut Self, expr: Option<&'p Expr>| -> TySet {
            expr.map(|expr| flow.silent(|flow| flow.eval(expr, Use::Plain))).unwrap_or_default()
        };
        match attr.name.as_str() {
            "get_for_model" => {
                let model = given(self, args.get(0, "model"));
                Some(model.flat_map(|ty| match ty {
                    Ty::Class(class) | Ty::Instance(class) if self.class(*class).model.is_some() => {
                        TySet::one(Ty::ContentType(*class))
                    }
                    _ => TySet::unknown(),
                }))
            }
            "get" | "get_by_natural_key" | "filter" | "get_or_create" => {
                let app = given(self, args.get(0, "app_label"));
                let model = given(self, args.get(1, "model"));
                let (apps, models) = (self.texts(&app), self.texts(&model));
                let labels: Vec<CompactString> = match apps.first() {
                    Some(app) => models.iter().map(|model| format!("{app}.{model}").into()).collect(),
                    None => return None,
                };
                Some(self.labelled(&labels).flat_map(|ty| match ty {
                    Ty::Class(class) => TySet::one(Ty::ContentType(*class)),
                    _ => TySet::unknown(),
                }))
            }
            _ => None,
        }
    }

    fn touch_rows(&mut self, class: ClassId, attr: &Ident) {
        self.note(class, Access::Read);
        if let Some(label) = self.model_of(class).map(|model| model.label.clone()) {
            self.touch(attr, Kind::Query, Access::Read, &label, true);
        }
    }

    /// `Table("shop_order", metadata)`, and `modelform_factory(Order)`
    pub(super) fn made_of_model(&mut self, name: &str, values: &Values) -> Option<TySet> {
        let first = values.positional.first().cloned().unwrap_or_default();
        match name {
            "Table" => {
                let classes = self.tables_named(&first);
                Some(classes.flat_map(|ty| match ty {
                    Ty::Class(class) => TySet::one(Ty::SqlTable(*class)),
                    _ => TySet::unknown(),
                }))
            }
            "modelform_factory" | "modelformset_factory" | "inlineformset_factory" => {
                let at = usize::from(name.starts_with("inline"));
                let model = values.positional.get(at).cloned().unwrap_or_default();
                Some(model.flat_map(|ty| match ty {
                    Ty::Class(class) if self.is_row_class(*class) => TySet::one(Ty::FormClass(*class)),
                    _ => TySet::unknown(),
                }))
            }
            _ => None,
        }
    }

    /// The models whose tables texts name.
    fn tables_named(&mut self, set: &TySet) -> TySet {
        let texts = self.texts(set);
        let classes =
            self.models.iter().zip(&self.model_class).filter(|(model, _)| {
                model.table.as_deref().is_some_and(|table| texts.iter().any(|text| text == table))
            });
        classes.filter_map(|(_, class)| class.map(|class| (Ty::Class(class), true))).collect()
    }

    /// The model whose table a value of SQLAlchemy stands for: a `Table`, or a class with `__tablename__`.
    pub(super) fn sqlalchemy_table(&mut self, ty: &Ty) -> Option<ClassId> {
        match ty {
            Ty::SqlTable(class) => Some(*class),
            Ty::Class(class) | Ty::Instance(class) if self.class(*class).model.is_none() => {
                let named = self.member(*class, "__tablename__").or_else(|| self.member(*class, "__table__"))?;
                if let Some(table) = named.iter().find_map(|(ty, _)| match ty {
                    Ty::SqlTable(class) => Some(*class),
                    _ => None,
                }) {
                    return Some(table);
                }
                self.tables_named(&named).iter().find_map(|(ty, _)| match ty {
                    Ty::Class(class) => Some(*class),
                    _ => None,
                })
            }
            _ => None,
        }
    }

    /// `delete(Row)`, `session.query(Row)`, `table.insert()`: what SQLAlchemy does to a table.
    pub(super) fn sqlalchemy_call(&mut self, name: &str, on: &TySet, ident: &Ident, chain_access: Access) {
        let access = match name {
            "select" | "query" | "get" | "scalar" | "scalars" => match chain_access {
                Access::Delete | Access::Write => chain_access,
                _ => Access::Read,
            },
            "insert"
            | "update"
            | "add"
            | "add_all"
            | "merge"
            | "bulk_insert_mappings"
            | "bulk_save_objects"
            | "bulk_update_mappings" => Access::Write,
            "delete" => Access::Delete,
            _ => return,
        };
        for (ty, sure) in on.clone().iter() {
            let inner = match ty {
                Ty::Seq(inner) => (**inner).clone(),
                other => other.clone(),
            };
            if let Some(label) =
                self.sqlalchemy_table(&inner).and_then(|class| self.model_of(class)).map(|model| model.label.clone())
            {
                self.note_label(&label, access);
                self.touch(ident, Kind::RawSql, access, &label, *sure);
                return;
            }
        }
    }
}
