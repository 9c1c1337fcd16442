//! Operations with code of their own: subclasses, and functions of `RunPython`.

use std::rc::Rc;

use super::editor::Side;
use super::run::{Ran, Replay, Sides};
use crate::field::Field;
use crate::literal::{Args, Code, Function, Object, Value};
use crate::migration::host::{self, Effect};
use crate::model::{View, key};
use crate::source::{Gap, GapKind};

impl<'p> Replay<'_, 'p> {
    /// Runs what a subclass overrides; `None` when it overrides nothing.
    pub(super) fn custom(&mut self, value: &Value<'p>, object: &Rc<Object<'p>>, sides: Sides<'_>) -> Option<Ran<'p>> {
        let class = object.user_class()?.clone();
        let overrides = |name: &str| matches!(class.lookup(name), Some(Value::Function(_)));
        let own_state = overrides("state_forwards");
        let own_database = overrides("database_forwards");
        if !own_state && !own_database {
            return None;
        }
        let site = object.site;
        let app = Value::str(&self.app);
        let mut state = sides.state;
        if own_state {
            let project = self.interp.symbolic(host::STATE, Vec::new(), site);
            let effects = self.method(value, "state_forwards", vec![app.clone(), project]);
            state = sides.state && effects.iter().any(|e| e.method == "state_forwards");
        }
        let count = self.databases.len();
        let mut ran = Ran {
            state,
            before: (0..count).map(|_| Vec::new()).collect(),
            databases: vec![false; count],
            after: (0..count).map(|_| Vec::new()).collect(),
        };
        let Some(database) = sides.database else { return Some(ran) };
        if !own_database {
            ran.databases = database.to_vec();
            return Some(ran);
        }
        *self.host.state.borrow_mut() = Some(self.state.clone());
        let names: Vec<String> = self.databases.keys().cloned().collect();
        for (alias, name) in names.iter().enumerate().filter(|(i, _)| database.get(*i) == Some(&true)) {
            name.clone_into(&mut self.host.alias.borrow_mut());
            self.show_tables(alias, class.module.text.as_str());
            let editor = self.interp.symbolic(host::EDITOR, Vec::new(), site);
            let from = self.interp.symbolic(host::STATE, Vec::new(), site);
            let to = self.interp.symbolic(host::STATE, Vec::new(), site);
            for effect in self.method(value, "database_forwards", vec![app.clone(), editor, from, to]) {
                if effect.method == "database_forwards" {
                    ran.databases[alias] = true;
                } else if ran.databases[alias] {
                    ran.after[alias].push(effect);
                } else {
                    ran.before[alias].push(effect);
                }
            }
        }
        *self.host.state.borrow_mut() = None;
        Some(ran)
    }

    /// The tables that code finds when it asks.
    fn show_tables(&mut self, alias: usize, module: &str) {
        let database = self.databases.get_index(alias).map(|(_, database)| database);
        let tables = database.map(|database| database.tables.keys().cloned().collect());
        let asks = memchr::memmem::find(module.to_ascii_lowercase().as_bytes(), b"information_schema").is_some();
        self.host.show(tables, database.filter(|_| asks).cloned().map(Rc::new));
    }

    /// Calls a method of an operation and returns what it did.
    fn method(&mut self, value: &Value<'p>, name: &str, args: Vec<Value<'p>>) -> Vec<Effect<'p>> {
        let Value::Object(object) = value else { return Vec::new() };
        let site = object.site;
        _ = self.host.take_effects();
        self.interp.restart();
        let outcome = self
            .interp
            .attribute(value, name, site)
            .and_then(|method| self.interp.call(&method, Args::positional(args), site));
        if let Err(exception) = outcome {
            self.gap(
                GapKind::Operation,
                format!(
                    "{name}() of {} could not be followed ({}: {})",
                    object.class.repr(),
                    exception.class,
                    exception.message
                ),
            );
        }
        self.host.take_effects()
    }

    /// Runs the function of a `RunPython` when it could change a schema.
    pub(super) fn run_python(&mut self, alias: usize, code: &Value<'p>, object: &Rc<Object<'p>>) {
        let function = match code {
            Value::Function(function) => function.clone(),
            Value::Bound(pair) => match &pair.1 {
                Value::Function(function) => function.clone(),
                _ => return,
            },
            Value::External(name) if name.ends_with("noop") => return,
            Value::External(name) => {
                return self.gap(GapKind::Python, format!("the function {name} of a RunPython was not found"));
            }
            other => {
                return self.gap(GapKind::Python, format!("the function of a RunPython is unknown: {}", other.repr()));
            }
        };
        if !touches_schema(&function) {
            return;
        }
        let Some((name, _)) = self.databases.get_index(alias) else { return };
        name.clone_into(&mut self.host.alias.borrow_mut());
        *self.host.state.borrow_mut() = Some(self.state.clone());
        self.show_tables(alias, function.scope.module.text.as_str());
        _ = self.host.take_effects();
        let gaps_before = self.interp.gaps.len();
        self.interp.restart();
        let apps = self.interp.symbolic(host::APPS, Vec::new(), object.site);
        let editor = self.interp.symbolic(host::EDITOR, Vec::new(), object.site);
        let outcome = self.interp.call(code, Args::positional(vec![apps, editor]), object.site);
        *self.host.state.borrow_mut() = None;
        let effects = self.host.take_effects();
        let mut told: Vec<Gap> = self.interp.gaps.split_off(gaps_before.min(self.interp.gaps.len()));
        // A condition or loop that is not decided matters here only where SQL stands in it.
        told.retain(|g| g.kind != GapKind::Evaluation || !effects.is_empty());
        let changes = alters(&function);
        if let (Err(exception), true) = (&outcome, changes) {
            self.gap(
                GapKind::Python,
                format!(
                    "a RunPython that may change the schema could not be followed ({}: {})",
                    exception.class, exception.message
                ),
            );
        }
        if changes {
            for gap in told {
                self.push_gap(gap);
            }
        }
        self.effects(alias, effects);
    }

    /// Applies what code did on an alias.
    pub(super) fn effects(&mut self, alias: usize, effects: Vec<Effect<'p>>) {
        for effect in effects {
            let place = self.place.clone();
            self.place.file.clone_from(&effect.site.module.path);
            self.place.line = effect.site.line();
            self.effect(alias, &effect);
            self.place = place;
        }
    }

    fn effect(&mut self, alias: usize, effect: &Effect<'p>) {
        if effect.method == "execute" {
            let value = effect.args.get(0, "sql").cloned().unwrap_or(Value::None);
            match value.as_str() {
                Some(text) => {
                    // With parameters that are unknown, their placeholders stay.
                    let whole = host::with_parameters(&text, effect.args.get(1, "params"));
                    self.sql(alias, whole.as_deref().unwrap_or(&text));
                }
                None => self.gap(GapKind::Sql, format!("SQL that code executes is unknown: {}", value.repr())),
            }
            return;
        }
        if matches!(effect.method.as_str(), "state_forwards" | "database_forwards" | "__enter__" | "__exit__") {
            return;
        }
        let model = effect.args.get(0, "model").and_then(|v| self.model_of(v));
        let Some(model) = model else {
            return self.gap(GapKind::Python, format!("schema_editor.{}() on a model that is unknown", effect.method));
        };
        let target = self.target;
        let field = |me: &mut Self, position: usize, name: &str| -> Option<(String, Rc<Field>)> {
            let value = effect.args.get(position, name)?.clone();
            let Value::Object(object) = &value else { return None };
            let field_name =
                object.attrs.borrow().get("name").or(object.attrs.borrow().get("column")).and_then(Value::as_str);
            let field = Field::read(me.interp, &value, target).ok()?;
            Some((field_name?.to_string(), Rc::new(field)))
        };
        match effect.method.as_str() {
            "create_model" => self.edit(alias, |e, state| e.create_model(View { state, model: &model, target })),
            "delete_model" => self.edit(alias, |e, state| e.delete_model(View { state, model: &model, target })),
            "add_field" | "remove_field" => match field(self, 1, "field") {
                Some((name, field)) => self.edit(alias, |e, state| {
                    let view = View { state, model: &model, target };
                    if effect.method == "add_field" {
                        e.add_field(view, &name, &field);
                    } else {
                        e.remove_field(view, &name, &field);
                    }
                }),
                None => self.gap(GapKind::Python, format!("the field of schema_editor.{}() is unknown", effect.method)),
            },
            "alter_field" => match (field(self, 1, "old_field"), field(self, 2, "new_field")) {
                (Some((old_name, old)), Some((new_name, new))) => self.edit(alias, |e, state| {
                    let view = View { state, model: &model, target };
                    let (old, new) = (Side::of(view, &old_name, &old), Side::of(view, &new_name, &new));
                    e.alter_field(view, &old, &new, None);
                }),
                _ => self.gap(GapKind::Python, "the fields of schema_editor.alter_field() are unknown"),
            },
            "alter_db_table" => {
                let names = (effect.args.get(1, "old_db_table"), effect.args.get(2, "new_db_table"));
                match names {
                    (Some(Value::Str(from)), Some(Value::Str(to))) => {
                        self.edit(alias, |e, _| e.rename_table(from, to));
                    }
                    _ => self.gap(GapKind::Python, "the tables of schema_editor.alter_db_table() are unknown"),
                }
            }
            "alter_unique_together" | "alter_index_together" => {
                let lists = |position: usize, name: &str| {
                    effect.args.get(position, name).map(crate::model::string_lists).unwrap_or_default()
                };
                let unique = effect.method == "alter_unique_together";
                let (old, new) = (lists(1, "old_unique_together"), lists(2, "new_unique_together"));
                self.edit(alias, |e, state| {
                    e.alter_together(View { state, model: &model, target }, &old, &new, unique);
                });
            }
            "add_index" | "remove_index" => match effect.args.get(1, "index").and_then(crate::model::index) {
                Some(decl) => self.edit(alias, |e, state| {
                    let view = View { state, model: &model, target };
                    if effect.method == "add_index" { e.add_index(view, &decl) } else { e.remove_index(view, &decl) }
                }),
                None => self.gap(GapKind::Python, format!("the index of schema_editor.{}() is unknown", effect.method)),
            },
            "add_constraint" | "remove_constraint" => {
                match effect.args.get(1, "constraint").and_then(crate::model::constraint) {
                    Some(decl) => self.edit(alias, |e, state| {
                        let view = View { state, model: &model, target };
                        if effect.method == "add_constraint" {
                            e.add_constraint(view, &decl);
                        } else {
                            e.remove_constraint(view, &decl);
                        }
                    }),
                    None => self.gap(
                        GapKind::Python,
                        format!("the constraint of schema_editor.{}() is unknown", effect.method),
                    ),
                }
            }
            other => self.gap(GapKind::Python, format!("schema_editor.{other}() is not modelled")),
        }
    }

    fn model_of(&self, value: &Value<'p>) -> Option<Rc<crate::model::ModelState>> {
        let Value::Object(object) = value else { return None };
        let args = object.args.borrow();
        let (app, name) = (args.first()?.as_str()?, args.get(1)?.as_str()?);
        self.state.get(&key(&app, &name)).cloned()
    }
}

fn body_text<'p>(function: &Function<'p>) -> &'p str {
    let module = function.scope.module;
    match function.code {
        Code::Def(def) => match (def.body.first(), def.body.last()) {
            (Some(first), Some(last)) => {
                module.text.as_str().get(first.span.start as usize..last.span.end as usize).unwrap_or("")
            }
            _ => "",
        },
        Code::Lambda(_, body) => module.text.slice(body.span),
    }
}

/// Whether a function could reach the database other than through models.
fn touches_schema(function: &Function<'_>) -> bool {
    let text = body_text(function);
    ["schema_editor", "cursor", "execute", "connection"].iter().any(|word| text.contains(word))
        // A function that hands everything on to another one.
        || text.lines().count() <= 3
}

/// Whether a function's text speaks of changing a schema.
fn alters(function: &Function<'_>) -> bool {
    let text = body_text(function).to_lowercase();
    let ddl = [
        "alter table",
        "create ",
        "drop ",
        "rename table",
        "add_field",
        "alter_field",
        "remove_field",
        "create_model",
        "delete_model",
    ];
    ddl.iter().any(|word| text.contains(word)) || text.contains("execute(")
}
