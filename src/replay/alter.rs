//! `alter_field`: what changes in the database when a field does.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::editor::{Editor, Side, definition, rename_column_in};
use crate::django::Version;
use crate::field::Field;
use crate::model::{ModelState, ProjectState, View, target_key};
use crate::schema::{Check, ColumnChange, ColumnDef, Ddl, DefaultValue, Table};

/// A foreign key that points to the field that changes.
#[derive(Clone, Debug)]
pub struct Rel {
    /// The foreign key that points to the field.
    pub side: Side,
    /// Whether it has no accessor on the other side.
    pub hidden: bool,
    /// Whether it points to the altered field itself, not to one that points to it.
    pub direct: bool,
}

/// The foreign keys that point to a field, those of many-to-many tables among them, and those that point to them in
/// turn (`_related_non_m2m_objects`).
#[must_use]
pub fn incoming(view: View<'_>, name: &str, field: &Field) -> Vec<Rel> {
    let mut out = Vec::new();
    collect(view, name, field, &mut out, 0);
    out
}

fn collect(view: View<'_>, name: &str, field: &Field, out: &mut Vec<Rel>, depth: usize) {
    if depth > 6 {
        return;
    }
    let version = view.target.django;
    let own = view.model.key();
    let mut found: Vec<(Rc<ModelState>, String, Rc<Field>)> = Vec::new();
    let mut models = view.state.referrers(&own);
    models.sort_by_key(|m| m.key());
    for model in &models {
        for (name, field) in &model.fields {
            found.push((model.clone(), name.clone(), field.clone()));
            if field.many_to_many() {
                through_links(view.of(model), name, field, &own, &mut found);
            }
        }
    }
    if !models.iter().any(|m| m.key() == own) {
        for (name, field) in view.model.fields.iter().filter(|(_, f)| f.many_to_many()) {
            through_links(view, name, field, &own, &mut found);
        }
    }
    for (model, rel_name, rel_field) in found {
        let Some(relation) = rel_field.foreign_key() else { continue };
        let points_here = relation.to.as_ref().is_some_and(|to| target_key(&model, to) == own);
        let relevant = match &relation.to_field {
            None => field.primary_key,
            Some(to) => to == name || *to == field.column(name),
        };
        if !points_here || !relevant {
            continue;
        }
        // Until 2.2 only relations with an accessor were known here.
        if version < Version(3, 0) && relation.hidden {
            continue;
        }
        let rel_view = view.of(&model);
        let side = Side::of(rel_view, &rel_name, &rel_field);
        out.push(Rel { side, hidden: relation.hidden, direct: depth == 0 });
        // From 4.0 on, what points to the pointing column follows.
        if version >= Version(4, 0) && rel_field.is_unique() {
            collect(rel_view, &rel_name, &rel_field, out, depth + 1);
        }
    }
}

/// The keys of a many-to-many field's own table that point to a model.
fn through_links(
    view: View<'_>,
    name: &str,
    field: &Field,
    to: &str,
    found: &mut Vec<(Rc<ModelState>, String, Rc<Field>)>,
) {
    let Some(through) = view.through(name, field) else { return };
    let through = Rc::new(through);
    for (name, link) in &through.fields {
        let points = link.foreign_key().and_then(|r| r.to.clone()).is_some_and(|t| target_key(&through, &t) == to);
        if points {
            found.push((through.clone(), name.clone(), link.clone()));
        }
    }
}

/// Whether anything the database sees has changed (`_field_should_be_altered`).
fn should_be_altered(version: Version, old: &Side, new: &Side, ignore_comment: bool) -> bool {
    if version < Version(3, 2) {
        return true;
    }
    if old.column != new.column {
        return true;
    }
    if old.field.path != new.field.path {
        return true;
    }
    let strip = |side: &Side| -> BTreeMap<String, String> {
        let mut signature = side.field.signature.clone();
        if ignore_comment {
            signature.remove("db_comment");
        }
        // Pointing to another model of the same table changes nothing.
        if version >= Version(4, 1) && old.points_to.is_some() && old.points_to == new.points_to {
            signature.remove("to");
        } else if let Some(to) = side.field.relation.as_ref().and_then(|r| r.to.as_ref()) {
            signature.insert(String::from("to"), target_key(&side.model, to));
        }
        if let Some(on_delete) = side.field.relation.as_ref().and_then(|r| r.on_delete.as_ref()) {
            signature.insert(String::from("on_delete"), on_delete.clone());
        }
        signature
    };
    strip(old) != strip(new)
}

/// What one `_alter_field` compares, and what its steps find out for those after them.
struct Alteration<'a> {
    view: View<'a>,
    table: String,
    old: &'a Side,
    new: &'a Side,
    old_type: String,
    new_type: String,
    old_check: Option<String>,
    new_check: Option<String>,
    collation_changed: bool,
    /// Whether a foreign key of the field was dropped.
    dropped: bool,
    /// Whether the keys that point to the field are dropped and made again.
    rebuilds: bool,
    old_rels: &'a [Rel],
    new_rels: &'a [Rel],
}

impl Alteration<'_> {
    fn became_key(&self) -> bool {
        !self.old.field.primary_key && self.new.field.primary_key
    }
}

impl Editor<'_> {
    /// Alters a column-based field (`_alter_field`). `rels` are what pointed to it and what points to it now.
    pub fn alter_field(&mut self, view: View<'_>, old: &Side, new: &Side, rels: Option<(&[Rel], &[Rel])>) {
        let version = self.target.django;
        if !should_be_altered(version, old, new, false) {
            return;
        }
        let (old_type, new_type) = match (&old.parameters.sql, &new.parameters.sql) {
            (Some(old), Some(new)) => (old.clone(), new.clone()),
            (None, None) => return,
            _ => {
                self.problems.push(format!(
                    "Django cannot alter {}.{} from or to a field without a column",
                    view.model.name, new.name
                ));
                return;
            }
        };
        let check = |side: &Side| match self.target.server.mariadb {
            true => side.field.check("__column__", self.target),
            false => side.parameters.check.clone(),
        };
        let (old_check, new_check) = (check(old), check(new));
        let (old_rels, new_rels) = rels.unwrap_or((&[], &[]));
        let mut change = Alteration {
            view,
            table: view.model.table(),
            old,
            new,
            old_type,
            new_type,
            old_check,
            new_check,
            collation_changed: version >= Version(4, 0) && old.parameters.collation != new.parameters.collation,
            dropped: false,
            rebuilds: false,
            old_rels,
            new_rels,
        };
        self.drop_what_goes(&mut change);
        if old.column != new.column {
            self.rename_column(&change.table, old, new, &change.new_type);
        }
        if change.old_type != change.new_type && version < Version(3, 0) {
            self.stops_at(&change.table, &new.column, &change.old_type, &change.new_type);
            if self.stopped.is_some() {
                return;
            }
        }
        self.change_column(&change);
        self.make_what_comes(&change);
    }

    /// Drops foreign keys, unique keys, indexes and checks that the new field does not have, or that stand in the way.
    fn drop_what_goes(&mut self, change: &mut Alteration<'_>) {
        let version = self.target.django;
        let table = change.table.clone();
        let (of, nf) = (&*change.old.field, &*change.new.field);
        // Drop any FK constraints; they are remade later.
        if of.constrained().is_some()
            && (version < Version(4, 2) || should_be_altered(version, change.old, change.new, true))
        {
            for name in self.foreign_key_names(&table, &change.old.column) {
                change.dropped = true;
                self.execute(&Ddl::DropForeignKey { table: table.clone(), name });
            }
        }
        let declared = declared_names(change.view.model, version);
        if of.is_unique() && (!nf.is_unique() || change.became_key()) {
            for name in self.index_names(&table, &change.old.column, Some(true), &declared) {
                self.execute(&Ddl::DropIndex { table: table.clone(), name });
            }
        }
        let both_keys = of.primary_key && nf.primary_key;
        let both_unique = version >= Version(1, 11) && of.is_unique() && nf.is_unique();
        let changed = change.old_type != change.new_type || change.collation_changed;
        change.rebuilds = (both_keys || both_unique) && changed;
        if change.rebuilds {
            for rel in change.new_rels {
                let rel_table = rel.side.model.table();
                for name in self.foreign_key_names(&rel_table, &rel.side.column) {
                    self.execute(&Ddl::DropForeignKey { table: rel_table.clone(), name });
                }
            }
        }
        let index_gone = if version >= Version(1, 11) {
            of.db_index && !of.is_unique() && (!nf.db_index || nf.is_unique())
        } else {
            of.db_index && !nf.db_index && !of.is_unique()
        };
        if index_gone {
            for name in self.index_names(&table, &change.old.column, None, &declared) {
                self.drop_index(&table, &name);
            }
        }
        if change.old_check != change.new_check && change.old_check.is_some() {
            let column = &change.old.column;
            let names: Vec<String> = self
                .table(&table)
                .into_iter()
                .flat_map(|t| &t.checks)
                .filter(|c| c.column.as_deref() == Some(column) || c.condition == format!("`{column}` >= 0"))
                .map(|c| c.name.clone())
                .collect();
            for name in names {
                self.execute(&Ddl::DropCheck { table: table.clone(), name });
            }
        }
    }

    /// Changes the column itself: its type, whether it takes NULL, and its default.
    fn change_column(&mut self, change: &Alteration<'_>) {
        let version = self.target.django;
        let (of, nf) = (&*change.old.field, &*change.new.field);
        let (table, column) = (&change.table, &change.new.column);
        let comment_changed = version >= Version(4, 2) && of.db_comment != nf.db_comment;
        if change.old_type != change.new_type || change.collation_changed || comment_changed {
            self.modify(table, column, &change.new_type, of.null, change.new);
        }
        if of.null != nf.null {
            // `MODIFY column type NULL` says nothing of the collation.
            self.modify(table, column, &change.new_type, nf.null, change.new);
            if version < Version(5, 0) || nf.db_default.is_none() {
                self.forget_collation(table, column, change.new);
            }
        }
        self.alter_database_default(table, change.old, change.new, &change.new_type);
    }

    /// Makes keys, indexes, foreign keys and checks that the old field did not have, or that were in the way.
    fn make_what_comes(&mut self, change: &Alteration<'_>) {
        let version = self.target.django;
        let (of, nf) = (&*change.old.field, &*change.new.field);
        let (table, column) = (&change.table, &change.new.column);
        if of.primary_key && !nf.primary_key && version >= Version(2, 1) {
            self.execute(&Ddl::DropPrimaryKey { table: table.clone() });
        }
        let unique_new = if version >= Version(2, 1) {
            !nf.primary_key && nf.is_unique() && (!of.is_unique() || of.primary_key)
        } else {
            (!of.is_unique() && nf.is_unique()) || (of.primary_key && !nf.primary_key && nf.is_unique())
        };
        if unique_new {
            let index = self.unique_index(table, std::slice::from_ref(column));
            self.execute(&Ddl::AddIndex { table: table.clone(), index });
        }
        let index_new = if version >= Version(1, 11) {
            (!of.db_index || of.is_unique()) && nf.db_index && !nf.is_unique()
        } else {
            !of.db_index && nf.db_index && !nf.is_unique()
        };
        if index_new {
            let suffix = if version >= Version(1, 11) { "" } else { "_uniq" };
            let index = self.field_index(table, column, suffix);
            self.execute(&Ddl::AddIndex { table: table.clone(), index });
        }
        let mut to_update: Vec<(&Rel, &Rel)> = Vec::new();
        if change.rebuilds {
            to_update.extend(change.old_rels.iter().zip(change.new_rels));
        }
        if change.became_key() {
            if self.table(table).is_some_and(|t| t.primary().is_some()) {
                self.execute(&Ddl::DropPrimaryKey { table: table.clone() });
            }
            self.execute(&Ddl::AddPrimaryKey { table: table.clone(), columns: vec![column.clone()] });
            to_update.extend(change.old_rels.iter().zip(change.new_rels));
        }
        for (old_rel, new_rel) in &to_update {
            let Some(sql) = new_rel.side.parameters.sql.clone() else { continue };
            let rel_table = new_rel.side.model.table();
            self.modify(&rel_table, &new_rel.side.column, &sql, old_rel.side.field.null, &new_rel.side);
        }
        let unconstrained = of.constrained().is_none();
        if nf.constrained().is_some()
            && (change.dropped || unconstrained)
            && let Some(key) = self.foreign_key(change.view, &change.new.name, nf, true)
        {
            self.execute(&Ddl::AddForeignKey { table: table.clone(), key });
        }
        if change.rebuilds {
            self.rebuild(change.view, &to_update);
        }
        if change.old_check != change.new_check
            && let Some(expression) = change.new.parameters.check.clone()
        {
            let name = crate::schema::naming::index(version, table, &[column], "_check");
            let check = Check::new(&name, &expression);
            self.execute(&Ddl::AddCheck { table: table.clone(), check });
        }
    }

    /// Makes the constraints of incoming keys again: all of them from Django 4.0 on; before, only those with an
    /// accessor that point to the field itself.
    fn rebuild(&mut self, view: View<'_>, updated: &[(&Rel, &Rel)]) {
        let version = self.target.django;
        for (_, rel) in updated {
            let constrained = rel.side.field.constrained().is_some();
            let made = if version >= Version(4, 0) {
                constrained
            } else if version >= Version(1, 11) {
                constrained && !rel.hidden && rel.direct
            } else {
                !rel.hidden && rel.direct
            };
            if !made {
                continue;
            }
            let rel_view = view.of(&rel.side.model);
            let full = version < Version(1, 8);
            if let Some(key) = self.foreign_key(rel_view, &rel.side.name, &rel.side.field, full) {
                self.execute(&Ddl::AddForeignKey { table: rel.side.model.table(), key });
            }
        }
    }

    fn rename_column(&mut self, table: &str, old: &Side, new: &Side, new_type: &str) {
        let version = self.target.django;
        // `RENAME COLUMN` from Django 3.0 on, where the server has it; `CHANGE` writes the definition anew.
        if version >= Version(3, 0) && self.target.server.rename_column() {
            self.execute(&Ddl::RenameColumn {
                table: table.to_owned(),
                from: old.column.clone(),
                to: new.column.clone(),
            });
        } else {
            let column = definition(&new.column, new_type, old.field.null);
            self.execute(&Ddl::ChangeColumn {
                table: table.to_owned(),
                change: ColumnChange { name: old.column.clone(), def: ColumnDef::new(column) },
            });
        }
        for ddl in &mut self.deferred {
            rename_column_in(ddl, table, &old.column, &new.column);
        }
    }

    fn modify(&mut self, table: &str, column: &str, sql: &str, null: bool, side: &Side) {
        let mut new = definition(column, sql, null);
        if let Some(collation) = &side.parameters.collation {
            new.collation = Some(collation.clone());
        }
        new.comment.clone_from(&side.field.db_comment);
        if let Some((_, Some(default))) = &side.field.db_default {
            new.default = Some(DefaultValue::from_sql(default));
        }
        // A default that MySQL kept of an added TEXT column goes with any new definition.
        self.execute(&Ddl::ChangeColumn {
            table: table.to_owned(),
            change: ColumnChange { name: column.to_owned(), def: ColumnDef::new(new) },
        });
    }

    /// Until 2.2 Django left constraints standing on a column that it was to change, and the server refused: MySQL any
    /// change but a longer text (error 1833), MariaDB that too.
    fn stops_at(&mut self, table: &str, column: &str, old: &str, new: &str) {
        let server = self.target.server;
        let (old, new) = (crate::schema::ColumnType::parse(old), crate::schema::ColumnType::parse(new));
        let longer = match (&old, &new) {
            (
                crate::schema::ColumnType::Text { name: a, length: short },
                crate::schema::ColumnType::Text { name: b, length: long },
            ) => a == b && long >= short,
            _ => false,
        };
        if old == new || (longer && !server.mariadb) {
            return;
        }
        let referring = self.db.tables.iter().find_map(|(name, t)| {
            t.foreign_keys
                .iter()
                .find(|k| k.referenced_table == table && k.referenced_columns.iter().any(|c| c == column))
                .map(|k| format!("{name}.{}", k.name))
        });
        if let Some(key) = referring {
            self.stopped = Some(format!(
                "{server} refuses to change {table}.{column} while the foreign key {key} points to it (error 1833)"
            ));
        }
    }

    fn forget_collation(&mut self, table: &str, column: &str, side: &Side) {
        // Until 4.2 or so the statement lost the collation; the type that holds no text never had one.
        if side.parameters.collation.is_some()
            && let Some(column) = self.db.tables.get_mut(table).and_then(|t| t.column_mut(column))
        {
            column.collation = None;
        }
    }

    fn alter_database_default(&mut self, table: &str, old: &Side, new: &Side, sql: &str) {
        let default = match (&old.field.db_default, &new.field.db_default) {
            (Some((was, _)), Some((is, _))) if was == is => return,
            (_, Some((_, default))) => default.clone().map(|d| {
                let bare = d.starts_with('\'') || d.parse::<f64>().is_ok();
                if bare && !Self::is_limited(sql) { d } else { format!("({d})") }
            }),
            (Some(_), None) => None,
            (None, None) => return,
        };
        self.execute(&Ddl::Default {
            table: table.to_owned(),
            column: new.column.clone(),
            default: default.as_deref().map(DefaultValue::from_sql),
        });
    }

    /// The indexes over one column alone, as introspection finds them (`_constraint_names`).
    fn index_names(&self, table: &str, column: &str, unique: Option<bool>, exclude: &[String]) -> Vec<String> {
        let columns = [column.to_owned()];
        self.table(table)
            .into_iter()
            .flat_map(Table::secondary_indexes)
            .filter(|i| i.is_over(&columns) && !i.is_special())
            .filter(|i| unique.is_none_or(|u| i.unique == u) && !exclude.contains(&i.name))
            .map(|i| i.name.clone())
            .collect()
    }

    /// Alters a many-to-many field between tables that Django makes itself (`_alter_many_to_many`).
    pub fn alter_many_to_many(&mut self, state: &ProjectState, old: &ModelState, new: &ModelState) {
        self.rename_table(&old.table(), &new.table());
        let view = View { state, model: new, target: self.target };
        let old_view = View { state, model: old, target: self.target };
        for ((old_name, old_field), (new_name, new_field)) in old.fields.iter().zip(&new.fields).skip(1) {
            let mut old_side = Side::of(old_view, old_name, old_field);
            // The type was that of the old target, which may be gone; the type in the database shows whether it differs.
            if let Some(column) = self.table(&new.table()).and_then(|t| t.column(&old_side.column)) {
                old_side.parameters.sql = Some(column.column_type.print(self.target.server));
            }
            let mut new_side = Side::of(view, new_name, new_field);
            if let Some(sql) = &new_side.parameters.sql {
                let printed = crate::schema::ColumnType::parse(sql).print(self.target.server);
                if old_side.parameters.sql.as_deref() == Some(printed.as_str()) {
                    old_side.parameters.sql.clone_from(&new_side.parameters.sql);
                }
            }
            old_side.parameters.collation.clone_from(&new_side.parameters.collation);
            new_side.model = Rc::new(new.clone());
            self.alter_field(view, &old_side, &new_side, None);
        }
    }
}

fn declared_names(model: &ModelState, version: Version) -> Vec<String> {
    let mut names: Vec<String> = model.options.indexes.iter().map(|i| i.name.clone()).collect();
    if version >= Version(2, 2) {
        names.extend(model.options.constraints.iter().map(|c| c.name().to_owned()));
    }
    if version < Version(1, 11) {
        names.clear();
    }
    names
}
