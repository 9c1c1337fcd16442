//! Operations on what a model declares beside its fields: its table, options, indexes and constraints.

use std::rc::Rc;

use super::editor::Editor;
use super::run::{Replay, Sides};
use super::state;
use crate::migration::Operation;
use crate::model::{ModelState, View, key};
use crate::schema::Ddl;
use crate::source::GapKind;

impl<'p> Replay<'_, 'p> {
    /// Operations that change the options of a model.
    pub(super) fn option_operation(&mut self, op: &Operation<'p>, sides: Sides<'_>) {
        match op {
            Operation::AlterModelTable(name, table) => {
                let table = table.clone();
                self.alter_options(
                    name,
                    sides,
                    |model| model.options.db_table.clone_from(&table),
                    |editor, old, new| {
                        editor.rename_table(&old.model.table(), &new.model.table());
                        for ((name, old_field), (new_name, new_field)) in old.model.fields.iter().zip(&new.model.fields)
                        {
                            if let (Some(from), Some(to)) =
                                (old.through(name, old_field), new.through(new_name, new_field))
                            {
                                editor.rename_table(&from.table(), &to.table());
                            }
                        }
                    },
                );
            }
            Operation::AlterModelTableComment(name, comment) => {
                let comment = comment.clone();
                self.alter_options(
                    name,
                    sides,
                    |model| model.options.comment.clone_from(&comment),
                    |editor, _, new| {
                        editor.execute(&Ddl::Options {
                            table: new.model.table(),
                            engine: None,
                            collation: None,
                            comment: Some(new.model.options.comment.clone()),
                        });
                    },
                );
            }
            Operation::AlterTogether(name, lists, unique) => {
                let unique = *unique;
                self.alter_options(
                    name,
                    sides,
                    |model| {
                        let slot =
                            if unique { &mut model.options.unique_together } else { &mut model.options.index_together };
                        slot.clone_from(lists);
                    },
                    |editor, old, new| {
                        let (old, new_lists) = if unique {
                            (&old.model.options.unique_together, &new.model.options.unique_together)
                        } else {
                            (&old.model.options.index_together, &new.model.options.index_together)
                        };
                        editor.alter_together(new, old, new_lists, unique);
                    },
                );
            }
            Operation::AlterOrderWithRespectTo(name, to) => {
                let to = to.clone();
                self.alter_options(
                    name,
                    sides,
                    |model| model.options.order_with_respect_to.clone_from(&to),
                    |editor, old, new| {
                        let field = crate::model::order_field();
                        let was = old.model.options.order_with_respect_to.is_some();
                        match (was, new.model.options.order_with_respect_to.is_some()) {
                            (true, false) => editor.remove_field(old, "_order", &field),
                            (false, true) => editor.add_field(new, "_order", &field),
                            _ => {}
                        }
                    },
                );
            }
            Operation::AlterModelOptions(name, options) => {
                let found = !sides.state || state::alter_options(&mut self.state, &key(&self.app, name), options);
                if !found {
                    self.missing_model(name);
                }
            }
            _ => {}
        }
    }

    /// Operations that add, remove or rename an index or a constraint.
    pub(super) fn declared_operation(&mut self, op: &Operation<'p>, sides: Sides<'_>) {
        match op {
            Operation::AddIndex(name, decl) => {
                let decl = decl.clone();
                let added = decl.clone();
                self.alter_options(
                    name,
                    sides,
                    |m| m.options.indexes.push(added),
                    |editor, _, new| {
                        editor.add_index(new, &decl);
                    },
                );
            }
            Operation::RemoveIndex(name, index) => {
                let found = self.declared(name, |m| m.options.indexes.iter().find(|i| i.name == *index).cloned());
                let Some(decl) = found else { return self.missing_declaration(name, index) };
                self.alter_options(
                    name,
                    sides,
                    |m| m.options.indexes.retain(|i| i.name != *index),
                    |editor, old, _| {
                        editor.remove_index(old, &decl);
                    },
                );
            }
            Operation::RenameIndex(name, new, old, fields) => {
                self.rename_index(name, new, old.as_deref(), fields, sides)
            }
            Operation::AddConstraint(name, decl) => {
                let decl = decl.clone();
                let added = decl.clone();
                self.alter_options(
                    name,
                    sides,
                    |m| m.options.constraints.push(added),
                    |editor, _, new| {
                        editor.add_constraint(new, &decl);
                    },
                );
            }
            Operation::RemoveConstraint(name, constraint) => {
                let found =
                    self.declared(name, |m| m.options.constraints.iter().find(|c| c.name() == constraint).cloned());
                let Some(decl) = found else { return self.missing_declaration(name, constraint) };
                self.alter_options(
                    name,
                    sides,
                    |m| m.options.constraints.retain(|c| c.name() != constraint),
                    |editor, old, _| editor.remove_constraint(old, &decl),
                );
            }
            _ => {}
        }
    }

    fn declared<T>(&self, name: &str, find: impl FnOnce(&ModelState) -> Option<T>) -> Option<T> {
        self.state.get(&key(&self.app, name)).and_then(|m| find(m))
    }

    fn missing_declaration(&mut self, model: &str, name: &str) {
        self.gap(GapKind::Operation, format!("{model} has no index or constraint {name} at this point"));
    }

    /// Changes a model's options in the state, and what follows from it in the database.
    fn alter_options(
        &mut self,
        name: &str,
        sides: Sides<'_>,
        change: impl FnOnce(&mut ModelState),
        mut database: impl FnMut(&mut Editor<'_>, View<'_>, View<'_>),
    ) {
        let model_key = key(&self.app, name);
        let Some(old) = self.state.get(&model_key).cloned() else { return self.missing_model(name) };
        self.state.change(&model_key, change);
        let Some(new) = self.state.get(&model_key).cloned() else { return };
        for alias in self.aliases_for(&new, sides) {
            let target = self.target;
            self.edit(alias, |editor, state| {
                database(editor, View { state, model: &old, target }, View { state, model: &new, target });
            });
        }
        if !sides.state {
            self.state.set(old);
        }
    }

    fn rename_index(&mut self, name: &str, new: &str, old: Option<&str>, fields: &[String], sides: Sides<'_>) {
        let old = old.map(str::to_owned);
        let columns = fields.to_vec();
        let new = new.to_owned();
        self.alter_options(
            name,
            sides,
            |model| match &old {
                Some(old) => {
                    for index in &mut model.options.indexes {
                        if index.name == *old {
                            let mut renamed = (**index).clone();
                            renamed.name.clone_from(&new);
                            *index = Rc::new(renamed);
                        }
                    }
                }
                None => {
                    model.options.index_together.retain(|c| *c != columns);
                    model.options.indexes.push(Rc::new(crate::model::IndexDecl {
                        name: new.clone(),
                        fields: columns.iter().map(|c| (c.clone(), false)).collect(),
                        expressions: Vec::new(),
                        first_field: None,
                        suffix: String::from("idx"),
                    }));
                }
            },
            |editor, old_view, _| {
                let table = old_view.model.table();
                let from = match &old {
                    Some(old) => Some(old.clone()),
                    None => {
                        let over = editor.columns_of(old_view, &columns);

                        editor
                            .table(&table)
                            .and_then(|t| t.indexes.iter().find(|i| !i.unique && i.is_over(&over)))
                            .map(|i| i.name.clone())
                    }
                };
                if let Some(from) = from.filter(|from| *from != new) {
                    editor.execute(&Ddl::RenameIndex { table, from, to: new.clone() });
                }
            },
        );
    }
}
