//! What evaluated code finds of Django: its version, its settings, connections, the schema editor, models by name.

use std::cell::{Cell as StdCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::catalog;
use crate::django::Version;
use crate::field::{self, Target};
use crate::literal::{Args, Host, Interp, Names, Object, Site, Value};
use crate::model::ProjectState;
use crate::schema::{Database, Server};
use crate::sql::{self, Cell};

/// The schema editor's class.
pub const EDITOR: &str = "django.db.backends.mysql.schema.DatabaseSchemaEditor";
/// The class of `apps` in a data migration.
pub const APPS: &str = "django.apps.registry.Apps";
/// The class of a state handed to an operation.
pub const STATE: &str = "django.db.migrations.state.ProjectState";
/// The class of a model handed to a data migration: its label and name are its arguments.
pub const MODEL: &str = "django.db.models.Model";
/// A database cursor.
pub const CURSOR: &str = "django.db.connection.cursor";

/// Something that evaluated code did to the database or the state.
pub struct Effect<'p> {
    /// The method: `execute`, `add_field`, …; `state_forwards` and `database_forwards` of an operation's base.
    pub method: String,
    /// Its arguments.
    pub args: Args<'p>,
    /// Where it was called.
    pub site: Site<'p>,
}

/// The surroundings of evaluated code.
pub struct DjangoHost<'p> {
    /// What the types are for.
    target: StdCell<Target>,
    /// Whether the code of a module asked for the server while it was evaluated.
    server_mattered: StdCell<bool>,
    /// The settings, once they are evaluated.
    pub settings: RefCell<Names<'p>>,
    /// The alias whose connection code sees.
    pub alias: RefCell<String>,
    /// What was done.
    pub effects: RefCell<Vec<Effect<'p>>>,
    /// The models that code sees.
    pub state: RefCell<Option<ProjectState>>,
    /// The labels and packages of the installed apps, once they are known.
    pub installed: RefCell<Vec<(String, String)>>,
    /// The tables of the alias that code sees.
    tables: RefCell<Option<Vec<String>>>,
    /// The tables themselves, for code that asks `information_schema`.
    database: RefCell<Option<Rc<Database>>>,
    /// The last query of a cursor, in small letters.
    query: RefCell<String>,
    /// What is left of the rows that it gave, when they are known.
    answer: RefCell<Option<VecDeque<Vec<Cell>>>>,
    /// Whether the code has changed something, so that the values here differ from those at run time.
    changed: StdCell<bool>,
    /// Entry points of the installed distributions: group, and `module:Class`.
    pub plugins: Vec<(String, String)>,
}

impl<'p> DjangoHost<'p> {
    /// Surroundings of a version and a server.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self {
            target: StdCell::new(target),
            server_mattered: StdCell::new(false),
            settings: RefCell::default(),
            alias: RefCell::new(String::from("default")),
            effects: RefCell::default(),
            state: RefCell::new(None),
            installed: RefCell::default(),
            tables: RefCell::new(None),
            database: RefCell::default(),
            query: RefCell::default(),
            answer: RefCell::default(),
            changed: StdCell::new(false),
            plugins: Vec::new(),
        }
    }

    /// What the types are for.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target.get()
    }

    /// Whether a module's code asked for the server, so that its names may be others on another server.
    #[must_use]
    pub fn server_mattered(&self) -> bool {
        self.server_mattered.get()
    }

    /// Forgets what code did to the database and the state, and takes another target.
    pub fn start_over(&self, target: Target) {
        self.target.set(target);
        self.effects.take();
        self.state.take();
        self.query.take();
        self.show(None, None);
        *self.alias.borrow_mut() = String::from("default");
    }

    /// The target, for code that asks for what depends on the server.
    fn target_of(&self, interp: &Interp<'p>) -> Target {
        Target { server: self.server(interp), ..self.target.get() }
    }

    /// The server, for code that asks for it.
    fn server(&self, interp: &Interp<'p>) -> Server {
        if interp.runs_module() {
            self.server_mattered.set(true);
        }
        self.target.get().server
    }

    /// What was done since the last time.
    #[must_use]
    pub fn take_effects(&self) -> Vec<Effect<'p>> {
        self.effects.take()
    }

    fn version_tuple(&self) -> Value<'p> {
        let Version(major, minor) = self.target().django;
        let numbers = [i64::from(major), i64::from(minor), 99];
        let mut items: Vec<Value<'p>> = numbers.into_iter().map(Value::Int).collect();
        items.extend([Value::str("final"), Value::Int(0)]);
        Value::tuple(items)
    }

    /// A setting, with Django's default when it is not set.
    pub fn setting(&self, name: &str) -> Option<Value<'p>> {
        if let Some(value) = self.settings.borrow().get(name) {
            return Some(value.clone());
        }
        Some(match name {
            "AUTH_USER_MODEL" => Value::str("auth.User"),
            "DEFAULT_AUTO_FIELD" if self.target().django >= Version(6, 0) => {
                Value::str("django.db.models.BigAutoField")
            }
            "DEFAULT_AUTO_FIELD" => Value::str("django.db.models.AutoField"),
            "INSTALLED_APPS" | "DATABASE_ROUTERS" | "LANGUAGES" => Value::list(Vec::new()),
            "MIGRATION_MODULES" | "DATABASES" => Value::dict(Vec::new()),
            "LANGUAGE_CODE" => Value::str("en-us"),
            "USE_TZ" => Value::Bool(self.target().django >= Version(5, 0)),
            "DEBUG" => Value::Bool(false),
            "SITE_ID" => Value::Int(1),
            "SECRET_KEY" => Value::str(""),
            "TIME_ZONE" => Value::str("UTC"),
            "MEDIA_URL" | "STATIC_URL" | "MEDIA_ROOT" => Value::str(""),
            _ => return None,
        })
    }

    fn connection(interp: &mut Interp<'p>, site: Site<'p>) -> Value<'p> {
        interp.symbolic(field::CONNECTION, Vec::new(), site)
    }

    fn connection_attribute(&self, interp: &mut Interp<'p>, object: &Rc<Object<'p>>, name: &str) -> Option<Value<'p>> {
        let server = self.server(interp);
        Some(match name {
            "vendor" | "display_name" => Value::str("mysql"),
            "alias" => Value::str(&self.alias.borrow()),
            "settings_dict" => Value::dict(vec![
                (Value::str("ENGINE"), Value::str("django.db.backends.mysql")),
                (Value::str("NAME"), Value::unknown("the name of the database")),
                (Value::str("OPTIONS"), Value::dict(Vec::new())),
            ]),
            "mysql_is_mariadb" => Value::Bool(server.mariadb),
            "mysql_version" => {
                Value::tuple([server.version.0, server.version.1, server.version.2].map(|n| Value::Int(n.into())))
            }
            "cursor" => Value::Bound(Rc::new((
                Value::Object(object.clone()),
                Value::External("django.db.connection.cursor".into()),
            ))),
            "features" => interp.symbolic("django.db.connection.features", Vec::new(), object.site),
            "in_atomic_block" => Value::Bool(false),
            // SQLite's alone.
            "is_in_memory_db" => Value::unknown("not an attribute of a MySQL connection"),
            "introspection" => interp.symbolic("django.db.connection.introspection", Vec::new(), object.site),
            "ops" => interp.symbolic("django.db.connection.ops", Vec::new(), object.site),
            "data_types" => Value::dict(Vec::new()),
            _ => return None,
        })
    }

    fn feature(&self, interp: &Interp<'p>, name: &str) -> Option<Value<'p>> {
        let server = self.server(interp);
        Some(Value::Bool(match name {
            "supports_json_field" | "has_native_json_field" | "supports_foreign_keys" | "related_fields_match_type" => {
                true
            }
            "can_rollback_ddl" | "supports_partial_indexes" | "has_native_duration_field" => false,
            "supports_expression_indexes" => server.expression_indexes(),
            "supports_column_check_constraints" | "supports_table_check_constraints" => server.checks(),
            "has_native_uuid_field" => server.uuid_type() && self.target().django >= Version(5, 0),
            "uses_savepoints" | "supports_transactions" | "supports_microsecond_precision" => true,
            _ => return None,
        }))
    }

    fn model_attribute(&self, interp: &mut Interp<'p>, object: &Rc<Object<'p>>, name: &str) -> Option<Value<'p>> {
        match name {
            "_meta" => {
                Some(interp.symbolic("django.db.models.options.Options", object.args.borrow().clone(), object.site))
            }
            "__name__" => object.args.borrow().get(1).cloned(),
            _ => None,
        }
    }

    fn meta_attribute(&self, object: &Rc<Object<'p>>, name: &str) -> Option<Value<'p>> {
        let (app, model) = {
            let args = object.args.borrow();
            (args.first()?.as_str()?, args.get(1)?.as_str()?)
        };
        match name {
            "app_label" => return Some(Value::Str(app)),
            "model_name" => return Some(Value::Str(model.to_lowercase().into())),
            "object_name" => return Some(Value::Str(model)),
            _ => {}
        }
        let state = self.state.borrow();
        let found = state.as_ref()?.get(&crate::model::key(&app, &model))?.clone();
        Some(match name {
            "db_table" => Value::str(&found.table()),
            "managed" => Value::Bool(found.options.managed),
            "label" => Value::Str(format!("{}.{}", found.app, found.name).into()),
            _ => return None,
        })
    }

    /// Has code see a database: its tables by name, and as they are when it may ask `information_schema`.
    pub fn show(&self, tables: Option<Vec<String>>, database: Option<Rc<Database>>) {
        *self.tables.borrow_mut() = tables;
        *self.database.borrow_mut() = database;
        *self.answer.borrow_mut() = None;
        self.changed.set(false);
    }

    /// A method of an object of Django: an operation of a migration, or a field. `None` when the method is unknown
    /// here; `Some(None)` when the field's answer is unknown.
    fn method(
        &self,
        interp: &mut Interp<'p>,
        object: &Rc<Object<'p>>,
        method: &str,
        args: &Args<'p>,
        site: Site<'p>,
    ) -> Option<Option<Value<'p>>> {
        if object.externals().iter().any(|e| super::operation::positional(e).is_some()) {
            if matches!(method, "state_forwards" | "database_forwards") {
                self.effects.borrow_mut().push(Effect { method: method.to_owned(), args: args.clone(), site });
                return Some(Some(Value::None));
            }
            if method.starts_with("allow_migrate_model") {
                return Some(Some(Value::Bool(true)));
            }
        }
        match method {
            "db_type" | "rel_db_type" | "get_internal_type" | "db_parameters" => {
                return Some(field::native_answer(object, method, self.target_of(interp)));
            }
            "deconstruct" => return Some(field::native_deconstruct(object, site)),
            "set_attributes_from_name" => {
                if let Some(name) = args.pos.first() {
                    object.attrs.borrow_mut().insert("name".into(), name.clone());
                }
                return Some(Some(Value::None));
            }
            "db_check" | "db_type_suffix" | "cast_db_type" => return Some(Some(Value::None)),
            _ => {}
        }
        None
    }

    /// A method of the schema editor.
    fn editor_method(&self, method: &str, args: &Args<'p>, site: Site<'p>) -> Value<'p> {
        let plain = ["quote_name", "quote_value", "effective_default", "prepare_default"];
        if plain.contains(&method) {
            let text = args.pos.first().map(Value::to_text).unwrap_or_default();
            return match method {
                "quote_name" => Value::Str(format!("`{text}`").into()),
                "quote_value" => Value::Str(format!("'{text}'").into()),
                _ => Value::unknown("a default"),
            };
        }
        self.effects.borrow_mut().push(Effect { method: method.to_owned(), args: args.clone(), site });
        if method == "execute"
            && let Some(sql) = args.pos.first().and_then(Value::as_str)
        {
            self.apply_query(&sql, args.get(1, "params"));
        } else {
            self.changed.set(true);
        }
        Value::None
    }

    /// A method of a connection, of its cursor, or of what hangs on the connection.
    fn connection_method(
        &self,
        interp: &mut Interp<'p>,
        callee: &str,
        args: &Args<'p>,
        site: Site<'p>,
    ) -> Option<Value<'p>> {
        match callee {
            "django.db.connection.cursor" => Some(interp.symbolic(CURSOR, Vec::new(), site)),
            "django.db.connection.cursor.execute" | "django.db.connection.cursor.executemany" => {
                match args.get(0, "sql").and_then(Value::as_str) {
                    Some(sql) => self.apply_query(&sql, args.get(1, "params")),
                    None => self.changed.set(true),
                }
                self.effects.borrow_mut().push(Effect { method: String::from("execute"), args: args.clone(), site });
                Some(Value::None)
            }
            "django.db.connection.cursor.fetchone" | "django.db.connection.cursor.fetchall" => {
                // The answer depends on the server.
                let _ = self.server(interp);
                Some(self.fetch(callee.ends_with("fetchall")))
            }
            "django.db.connection.schema_editor" => Some(interp.symbolic(EDITOR, Vec::new(), site)),
            "django.db.connection.ops.quote_name" => {
                Some(Value::Str(format!("`{}`", args.pos.first().map(Value::to_text).unwrap_or_default()).into()))
            }
            "django.db.connection.introspection.table_names" | "django.db.connection.introspection.get_table_list" => {
                Some(match &*self.tables.borrow() {
                    Some(tables) => Value::list(tables.iter().map(|t| Value::str(t)).collect()),
                    None => Value::unknown("the tables of the database"),
                })
            }
            _ => None,
        }
    }

    /// Plugins by stevedore, as Open edX's plugin apps: the entry points of the group that the project type names.
    fn extensions(
        &self,
        interp: &mut Interp<'p>,
        callee: &str,
        receiver: Option<&Value<'p>>,
        args: &Args<'p>,
        site: Site<'p>,
    ) -> Option<Value<'p>> {
        match callee {
            "stevedore.extension.ExtensionManager" | "stevedore.ExtensionManager" => {
                let group = args.get(0, "namespace")?.as_str()?;
                let items = self
                    .plugins
                    .iter()
                    .filter(|(name, _)| **name == *group)
                    .filter_map(|(_, target)| {
                        let (module, class) = target.split_once(':')?;
                        let plugin = interp.resolve(Value::Import(module.into(), class.into()));
                        let extension = interp.symbolic("stevedore.extension.Extension", Vec::new(), site);
                        if let Value::Object(object) = &extension {
                            object.attrs.borrow_mut().insert("plugin".into(), plugin);
                        }
                        Some((Value::str(target), extension))
                    })
                    .collect();
                let manager = interp.symbolic("stevedore.extension.Manager", Vec::new(), site);
                if let Value::Object(object) = &manager {
                    object.attrs.borrow_mut().insert("__items__".into(), Value::dict(items));
                }
                Some(manager)
            }
            "stevedore.extension.Manager.names" => match receiver {
                Some(Value::Object(object)) => {
                    object.attrs.borrow().get("__items__").and_then(Value::items).map(Value::list)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// A function or constructor of Django, or of a package that compares versions.
    fn function(
        &self,
        interp: &mut Interp<'p>,
        callee: &str,
        receiver: Option<&Value<'p>>,
        args: &Args<'p>,
        site: Site<'p>,
    ) -> Option<Value<'p>> {
        match callee {
            "django.apps.apps.is_installed" => {
                let name = args.pos.first()?.as_str()?;
                Some(Value::Bool(self.installed.borrow().iter().any(|(_, m)| **m == *name)))
            }
            "django.db.migrations.Migration.__init__" | "django.db.migrations.migration.Migration.__init__" => {
                if let (Some(Value::Object(object)), Some(name), Some(app)) =
                    (receiver, args.pos.first(), args.pos.get(1))
                {
                    let mut attrs = object.attrs.borrow_mut();
                    attrs.insert("name".into(), name.clone());
                    attrs.insert("app_label".into(), app.clone());
                }
                Some(Value::None)
            }
            "django.apps.registry.Apps.get_model" | "django.apps.apps.get_model" => {
                let (app, model) = match (args.get(0, "app_label"), args.get(1, "model_name")) {
                    (Some(app), Some(model)) => (app.as_str()?, model.as_str()?),
                    (Some(both), None) => {
                        let both = both.as_str()?;
                        let (app, model) = both.split_once('.')?;
                        (app.into(), model.into())
                    }
                    _ => return None,
                };
                Some(interp.symbolic(MODEL, vec![Value::Str(app), Value::Str(model)], site))
            }
            "django.db.migrations.swappable_dependency" | "django.db.migrations.migration.swappable_dependency" => {
                let value = args.pos.first()?.as_str()?;
                let app = value.split('.').next().unwrap_or("").to_owned();
                Some(Value::tuple([Value::Str(app.into()), Value::str("__first__")]))
            }
            "django.get_version" => self.external(interp, "django.__version__"),
            "django.contrib.auth.get_user_model" => {
                let setting = self.setting("AUTH_USER_MODEL")?.as_str()?;
                let (app, model) = setting.split_once('.')?;
                Some(interp.symbolic(MODEL, vec![Value::str(app), Value::str(model)], site))
            }
            "packaging.version.parse" | "packaging.version.Version" | "distutils.version.LooseVersion" => {
                let text = args.pos.first()?.as_str()?;
                let numbers: Vec<Value<'p>> =
                    text.split('.').map_while(|p| p.parse::<i64>().ok()).map(Value::Int).collect();
                Some(Value::tuple(numbers))
            }
            _ => None,
        }
    }

    fn apply_query(&self, sql: &str, params: Option<&Value<'p>>) {
        *self.query.borrow_mut() = sql.to_lowercase();
        *self.answer.borrow_mut() = None;
        if !self.query.borrow().trim_start().starts_with("select") {
            self.changed.set(true);
            return;
        }
        if let Some(database) = self.database.borrow().as_ref().filter(|_| !self.changed.get())
            && let Some(text) = with_parameters(sql, params)
        {
            let rows = sql::select(&text, &|name| catalog::table(database, self.target().server, name));
            *self.answer.borrow_mut() = rows.map(VecDeque::from);
        }
    }

    /// One row, or all that are left, of what the last query gave.
    fn fetch(&self, all: bool) -> Value<'p> {
        let value = |cell: &Cell| match cell {
            Cell::Null => Value::None,
            Cell::Int(number) => Value::Int(*number),
            Cell::Text(text) => Value::str(text),
            Cell::Database => Value::unknown("the name of the database"),
        };
        let tuple = |row: Vec<Cell>| Value::tuple(row.iter().map(value).collect::<Vec<_>>());
        match self.answer.borrow_mut().as_mut() {
            Some(rows) if all => Value::list(rows.drain(..).map(tuple).collect()),
            Some(rows) => rows.pop_front().map_or(Value::None, tuple),
            None => self.fetched(),
        }
    }

    fn fetched(&self) -> Value<'p> {
        let query = self.query.borrow();
        let server = self.target().server;
        if query.contains("version()") && !query.contains("from") {
            let suffix = if server.mariadb { "-MariaDB" } else { "" };
            let (a, b, c) = server.version;
            return Value::tuple([Value::Str(format!("{a}.{b}.{c}{suffix}").into())]);
        }
        Value::unknown("what the database answers")
    }
}

/// The arguments of an operation by name: what `self.name` finds.
fn operation_attribute<'p>(object: &Rc<Object<'p>>, name: &str) -> Option<Value<'p>> {
    let external = object.externals().into_iter().find(|e| super::operation::positional(e).is_some())?;
    let names = super::operation::positional(&external)?;
    let lower = name.strip_suffix("_lower");
    let wanted = lower.unwrap_or(name);
    let position = names.iter().position(|n| *n == wanted);
    let value = object
        .kwargs
        .borrow()
        .get(wanted)
        .cloned()
        .or_else(|| position.and_then(|at| object.args.borrow().get(at).cloned()));
    let value = match (value, wanted) {
        (Some(value), _) => value,
        (None, "database_operations" | "state_operations" | "fields" | "managers") => {
            let list = Value::list(Vec::new());
            object.kwargs.borrow_mut().insert(wanted.into(), list.clone());
            list
        }
        (None, "options") => Value::dict(Vec::new()),
        (None, "hints") => Value::dict(Vec::new()),
        (None, "reversible" | "reduces_to_sql") => Value::Bool(true),
        (None, "elidable" | "atomic") => Value::Bool(false),
        (None, "preserve_default") => Value::Bool(true),
        _ => return None,
    };
    match (lower, value.as_str()) {
        (Some(_), Some(text)) => Some(Value::Str(text.to_lowercase().into())),
        _ => Some(value),
    }
}

impl<'p> Host<'p> for DjangoHost<'p> {
    fn external(&self, interp: &mut Interp<'p>, dotted: &str) -> Option<Value<'p>> {
        if let Some(name) = dotted.strip_prefix("django.conf.settings.") {
            if name.contains('.') {
                return None;
            }
            return Some(
                self.setting(name).unwrap_or_else(|| Value::Unknown(format!("the setting {name} is not set").into())),
            );
        }
        Some(match dotted {
            // Nothing but a type checker takes it for true.
            "typing.TYPE_CHECKING" | "typing_extensions.TYPE_CHECKING" => Value::Bool(false),
            "django.VERSION" => self.version_tuple(),
            "django.__version__" => {
                let Version(major, minor) = self.target().django;
                Value::Str(format!("{major}.{minor}.99").into())
            }
            "django.apps.apps.app_configs" => Value::dict(
                self.installed.borrow().iter().map(|(label, module)| (Value::str(label), Value::str(module))).collect(),
            ),
            "django.db.connections" => Value::External("django.db.connections".into()),
            _ if dotted.starts_with("django.db.connections[") => Value::External("django.db.connection".into()),
            "django.db.connection.vendor" => Value::str("mysql"),
            "django.db.connection.alias" => Value::str(&self.alias.borrow()),
            "django.db.connection.mysql_is_mariadb" => Value::Bool(self.server(interp).mariadb),
            "django.db.connection.settings_dict" => {
                Value::dict(vec![(Value::str("ENGINE"), Value::str("django.db.backends.mysql"))])
            }
            _ => {
                return dotted
                    .strip_prefix("django.db.connection.features.")
                    .and_then(|name| self.feature(interp, name));
            }
        })
    }

    fn call(
        &self,
        interp: &mut Interp<'p>,
        callee: &str,
        receiver: Option<&Value<'p>>,
        args: &Args<'p>,
        site: Site<'p>,
    ) -> Option<Value<'p>> {
        if let (Some(Value::Object(object)), Some((_, method))) = (receiver, callee.rsplit_once('.'))
            && let Some(answer) = self.method(interp, object, method, args, site)
        {
            return answer;
        }
        if let Some(method) = callee.strip_prefix(EDITOR).and_then(|m| m.strip_prefix('.')) {
            return Some(self.editor_method(method, args, site));
        }
        if callee.starts_with("django.db.connection.") {
            return self.connection_method(interp, callee, args, site);
        }
        if callee.starts_with("stevedore.") {
            return self.extensions(interp, callee, receiver, args, site);
        }
        self.function(interp, callee, receiver, args, site)
    }

    fn attribute(&self, interp: &mut Interp<'p>, object: &Rc<Object<'p>>, name: &str) -> Option<Value<'p>> {
        let class = object.external()?;
        match &*class {
            EDITOR => match name {
                "connection" => Some(Self::connection(interp, object.site)),
                "deferred_sql" => Some(Value::list(Vec::new())),
                _ => None,
            },
            STATE => (name == "apps").then(|| interp.symbolic(APPS, Vec::new(), object.site)),
            field::CONNECTION => self.connection_attribute(interp, object, name),
            "django.db.connection.features" => Some(
                self.feature(interp, name)
                    .unwrap_or_else(|| Value::Unknown(format!("the feature {name} of a database").into())),
            ),
            MODEL => self.model_attribute(interp, object, name),
            "django.db.models.options.Options" => self.meta_attribute(object, name),
            _ => operation_attribute(object, name)
                .or_else(|| field::native_attribute(object, name, self.target_of(interp))),
        }
    }

    fn import_fails(&self, module: &str, name: Option<&str>) -> Option<bool> {
        let version = self.target().django;
        let top = module.split('.').next()?;
        if matches!(top, "psycopg2" | "psycopg" | "cx_Oracle" | "sqlite3") {
            return (top != "sqlite3").then_some(true);
        }
        if top != "django" {
            return None;
        }
        let since = match (module, name) {
            ("django.db.models", Some("JSONField")) => Version(3, 1),
            ("django.db.models", Some("UniqueConstraint" | "CheckConstraint")) => Version(2, 2),
            ("django.db.models", Some("Index")) => Version(1, 11),
            ("django.db.models", Some("GeneratedField")) => Version(5, 0),
            ("django.db.models", Some("CompositePrimaryKey")) => Version(5, 2),
            ("django.urls", _) => Version(1, 10),
            ("django.utils.deprecation", Some("MiddlewareMixin")) => Version(1, 10),
            ("django.utils.translation", Some("gettext_lazy" | "gettext")) => Version(1, 7),
            _ => Version(0, 0),
        };
        let until = match (module, name) {
            ("django.core.urlresolvers", _) | ("django.utils.importlib", _) => Version(1, 10),
            ("django.utils.translation", Some("ugettext_lazy" | "ugettext" | "ungettext")) => Version(4, 0),
            ("django.utils.encoding", Some("force_text" | "smart_text")) => Version(4, 0),
            ("django.utils.six", _) | ("django.utils.encoding", Some("python_2_unicode_compatible")) => Version(3, 0),
            ("django.db.models", Some("NullBooleanField")) => Version(4, 0),
            ("django.contrib.postgres.fields" | "django.contrib.postgres.fields.jsonb", _) => Version(0, 0),
            ("django.utils.timezone", Some("utc")) => Version(5, 0),
            _ => Version(99, 0),
        };
        Some(version < since || version >= until)
    }
}

/// A statement with its parameters in it, as the driver sends it (PEP 249, `paramstyle` "format"); `None` when one of them
/// is unknown.
pub(crate) fn with_parameters(text: &str, parameters: Option<&Value<'_>>) -> Option<String> {
    let parameters = match parameters {
        None | Some(Value::None) => return Some(text.to_owned()),
        Some(parameters) => parameters.items()?,
    };
    let mut parameters = parameters.iter();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        match after.chars().next()? {
            's' => out.push_str(&field::literal_sql(parameters.next()?)?),
            '%' => out.push('%'),
            _ => return None,
        }
        rest = &after[1..];
    }
    out.push_str(rest);
    Some(out)
}
