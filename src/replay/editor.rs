//! Django's schema editor for MySQL: what it would execute, applied to the tables of one alias.
//!
//! Facts are those of `django/db/backends/base/schema.py` and `django/db/backends/mysql/schema.py`; where versions
//! differ, the version stands beside the condition.

use std::rc::Rc;

use crate::django::Version;
use crate::field::{DefaultValue, Field, Target};
use crate::model::{ConstraintDecl, IndexDecl, ModelState, View};
use crate::schema::{
    Check, Column, ColumnDef, ColumnType, Database, Ddl, DefaultValue as SqlDefault, ForeignKey, Generated, Index,
    IndexPart, Table, Unique, naming,
};

/// The editor of one alias during one migration.
pub struct Editor<'d> {
    /// The tables of the alias, changed in place.
    pub db: &'d mut Database,
    /// Django's version and the server.
    pub target: Target,
    /// Statements that run at the end of the migration.
    pub deferred: Vec<Ddl>,
    /// What a server would have refused, or Django.
    pub problems: Vec<String>,
    /// The error with which the server would end `migrate`.
    pub stopped: Option<String>,
}

impl Editor<'_> {
    /// Runs a statement; a refusal is a problem.
    pub fn execute(&mut self, ddl: &Ddl) {
        if let Err(refused) = self.db.apply(ddl, self.target.server) {
            self.problems.push(refused.0);
        }
    }

    /// Runs what was put off to the end of the migration.
    pub fn finish(&mut self) {
        for ddl in std::mem::take(&mut self.deferred) {
            self.execute(&ddl);
        }
    }

    fn version(&self) -> Version {
        self.target.django
    }

    pub(super) fn table(&self, name: &str) -> Option<&Table> {
        self.db.table(name)
    }

    /// Whether a type cannot be indexed in whole (`_is_limited_data_type`).
    pub(super) fn is_limited(sql: &str) -> bool {
        let lower = sql.to_lowercase();
        matches!(
            lower.as_str(),
            "tinyblob" | "blob" | "mediumblob" | "longblob" | "tinytext" | "text" | "mediumtext" | "longtext" | "json"
        )
    }

    /// The default that a statement carries (`effective_default`), and whether it is an empty string.
    pub(super) fn effective_default(&self, field: &Field, sql: &str) -> Option<(String, bool)> {
        match &field.default {
            DefaultValue::Sql(text, empty) => Some((text.clone(), *empty)),
            DefaultValue::Computed => Some((computed_default(sql), false)),
            DefaultValue::None => None,
            DefaultValue::Absent => {
                let text = ["char", "text", "blob", "binary"].iter().any(|t| sql.to_lowercase().contains(t));
                if !field.null && field.blank && text && field.generated.is_none() {
                    return Some((String::from("''"), true));
                }
                (field.auto_now && self.version() >= Version(1, 9)).then(|| (computed_default(sql), false))
            }
        }
    }

    /// Whether the default is left out of the statement.
    fn skip_default(&self, sql: &str, empty: bool) -> bool {
        let version = self.version();
        if version >= Version(5, 1) && empty && Self::is_limited(sql) && !sql.eq_ignore_ascii_case("json") {
            return true;
        }
        let supported = version >= Version(3, 0) && self.target.server.text_defaults();
        Self::is_limited(sql) && !supported && version < Version(6, 1)
    }

    /// A field's column; `None` when it has none.
    pub(super) fn column(
        &mut self,
        view: View<'_>,
        name: &str,
        field: &Field,
        with_default: bool,
    ) -> Option<ColumnDef> {
        let parameters = view.parameters(name, field);
        let sql = parameters.sql?;
        let column_name = field.column(name);
        let mut column = definition(&column_name, &sql, field.null);
        if let Some(collation) = parameters.collation {
            column.collation = Some(collation);
        }
        column.comment.clone_from(&field.db_comment);
        if let Some(generated) = &field.generated {
            column.generated =
                Some(Generated { expression: generated.sql.clone().unwrap_or_default(), stored: generated.stored });
            column.nullable = true;
            if generated.sql.is_none() {
                self.problems.push(format!("the expression of the generated column {column_name} is not plain"));
            }
        }
        if let Some((_, default)) = &field.db_default {
            column.default = default.clone().map(|d| SqlDefault::from_sql(&self.database_default(&sql, d)));
            // NULL is what a column without a default has.
            column.default = column.default.take().filter(|default| !default.is_null());
        } else if with_default && let Some((default, empty)) = self.effective_default(field, &sql) {
            // The default is taken away after the column is added, but for TEXT and BLOB on MySQL, where it stays.
            let limited = Self::is_limited(&sql) && !self.target.server.mariadb;
            let stays = limited && !self.skip_default(&sql, empty) && !field.null;
            if stays {
                column.default = Some(SqlDefault::Expression(format!("({default})")));
            }
        }
        let key = if field.primary_key {
            Unique::Primary
        } else if field.is_unique() {
            Unique::Unique
        } else {
            Unique::No
        };
        let checks = parameters.check.iter().map(|condition| Check::new("", condition)).collect();
        Some(ColumnDef { column, key, checks, references: None })
    }

    fn database_default(&self, sql: &str, default: String) -> String {
        let bare = default.starts_with('\'') || default.parse::<f64>().is_ok();
        if bare && (self.target.server.mariadb || !Self::is_limited(sql)) { default } else { format!("({default})") }
    }

    /// Creates a model's table and those of its many-to-many fields (`create_model`).
    pub fn create_model(&mut self, view: View<'_>) {
        let model = view.model;
        let table = model.table();
        let version = self.version();
        let fields = view.local_fields();
        let mut columns = Vec::new();
        let mut primary_key = Vec::new();
        let mut indexes = Vec::new();
        let mut checks = Vec::new();
        let unique: Vec<Vec<String>> =
            model.options.unique_together.iter().map(|names| self.columns_of(view, names)).collect();
        if version >= Version(1, 9) {
            for columns in &unique {
                let index = self.unique_index(&table, columns);
                self.deferred.push(Ddl::AddIndex { table: table.clone(), index });
            }
        } else {
            // The server names them, after their first column.
            indexes.extend(unique.iter().map(|columns| plain_index("", true, columns)));
        }
        for (name, field) in &fields {
            if let Some(def) = self.column(view, name, field, false) {
                columns.push(def);
            }
            if field.constrained().is_some()
                && let Some(key) = self.foreign_key(view, name, field, true)
            {
                self.deferred.push(Ddl::AddForeignKey { table: table.clone(), key });
            }
            if field.base == "CompositePrimaryKey" {
                primary_key = composite_key(view, field);
            }
        }
        for constraint in &model.options.constraints {
            match &**constraint {
                ConstraintDecl::Check { name, sql } => {
                    let expression = sql.as_ref().map(|sql| self.with_columns(view, sql));
                    match expression {
                        Some(expression) => {
                            checks.push(Check::new(name, &expression));
                        }
                        None => self.problems.push(format!("the condition of the check {name} is not plain")),
                    }
                }
                other => {
                    if let Some(index) = self.unique_constraint(view, other) {
                        if index.parts.iter().any(|p| p.column.is_none()) {
                            self.deferred.push(Ddl::AddIndex { table: table.clone(), index });
                        } else {
                            indexes.push(index);
                        }
                    }
                }
            }
        }
        self.execute(&Ddl::CreateTable {
            table: table.clone(),
            columns,
            primary_key,
            indexes,
            foreign_keys: Vec::new(),
            checks: if version >= Version(3, 0) { checks } else { Vec::new() },
            if_not_exists: false,
        });
        if !model.options.comment.is_empty() && version >= Version(4, 2) {
            self.execute(&Ddl::Options {
                table: table.clone(),
                engine: None,
                collation: None,
                comment: Some(model.options.comment.clone()),
            });
        }
        for (name, field) in &fields {
            // Until 1.9 no foreign key got an index here, with or without a constraint.
            let foreign = field.internal_type == "ForeignKey" && version < Version(1, 10);
            if !foreign && self.should_be_indexed(view, name, field) {
                let index = self.field_index(&table, &field.column(name), "");
                self.deferred.push(Ddl::AddIndex { table: table.clone(), index });
            }
        }
        for names in &model.options.index_together {
            let columns = self.columns_of(view, names);
            let index = self.together_index(&table, &columns);
            self.deferred.push(Ddl::AddIndex { table: table.clone(), index });
        }
        for decl in &model.options.indexes {
            if let Some(index) = self.declared_index(view, decl) {
                self.deferred.push(Ddl::AddIndex { table: table.clone(), index });
            }
        }
        for through in throughs(view) {
            self.create_model(view.of(&through));
        }
    }

    /// Drops a model's table and those of its many-to-many fields.
    pub fn delete_model(&mut self, view: View<'_>) {
        for through in throughs(view) {
            self.delete_model(view.of(&through));
        }
        let table = view.model.table();
        self.execute(&Ddl::DropTable { table: table.clone(), if_exists: false });
        if self.version() >= Version(2, 0) {
            self.deferred.retain(|ddl| !references_table(ddl, &table));
        }
    }

    /// Adds a field (`add_field`). The model is the one the field belongs to.
    pub fn add_field(&mut self, view: View<'_>, name: &str, field: &Field) {
        if field.many_to_many() {
            if let Some(through) = view.through(name, field) {
                self.create_model(view.of(&through));
            }
            return;
        }
        let table = view.model.table();
        let Some(def) = self.column(view, name, field, true) else { return };
        self.execute(&Ddl::AddColumn { table: table.clone(), def, after: None });
        if field.constrained().is_some()
            && let Some(key) = self.foreign_key(view, name, field, true)
        {
            let ddl = Ddl::AddForeignKey { table: table.clone(), key };
            // In the statement itself from Django 3.0 on.
            if self.version() >= Version(3, 0) { self.execute(&ddl) } else { self.deferred.push(ddl) }
        }
        let indexed = if self.version() < Version(1, 10) {
            field.db_index && !field.is_unique()
        } else {
            self.should_be_indexed(view, name, field)
        };
        if indexed {
            let index = self.field_index(&table, &field.column(name), "");
            self.deferred.push(Ddl::AddIndex { table, index });
        }
    }

    /// Removes a field, its column and its keys (`remove_field`).
    pub fn remove_field(&mut self, view: View<'_>, name: &str, field: &Field) {
        if field.many_to_many() {
            if let Some(through) = view.through(name, field) {
                self.delete_model(view.of(&through));
            }
            return;
        }
        if view.parameters(name, field).sql.is_none() {
            return;
        }
        let table = view.model.table();
        let column = field.column(name);
        if field.relation.is_some() {
            for name in self.foreign_key_names(&table, &column) {
                self.execute(&Ddl::DropForeignKey { table: table.clone(), name });
            }
        }
        self.execute(&Ddl::DropColumn { table: table.clone(), column: column.clone() });
        if self.version() >= Version(2, 0) {
            self.deferred.retain(|ddl| !references_column(ddl, &table, &column));
        }
    }

    /// Renames a table, in what is put off as well (`alter_db_table`).
    pub fn rename_table(&mut self, from: &str, to: &str) {
        if from == to {
            return;
        }
        self.execute(&Ddl::RenameTable { from: from.to_owned(), to: to.to_owned() });
        for ddl in &mut self.deferred {
            rename_table_in(ddl, from, to);
        }
    }

    /// Adds an index of `Meta.indexes`.
    pub fn add_index(&mut self, view: View<'_>, decl: &IndexDecl) {
        if let Some(index) = self.declared_index(view, decl) {
            self.execute(&Ddl::AddIndex { table: view.model.table(), index });
        }
    }

    /// Removes an index of `Meta.indexes`.
    pub fn remove_index(&mut self, view: View<'_>, decl: &IndexDecl) {
        if decl.fields.is_empty() && !decl.expressions.is_empty() && !self.target.server.expression_indexes() {
            return;
        }
        // Its fields may have been renamed since; a name is all that counts.
        let name = if decl.name.is_empty() {
            self.declared_index(view, decl).map(|i| i.name).unwrap_or_default()
        } else {
            decl.name.clone()
        };
        if self.version() >= Version(4, 2) {
            let first = decl.fields.first().map(|(f, _)| f.clone()).or_else(|| decl.first_field.clone());
            self.create_missing_foreign_key_index(view, first.as_deref());
        }
        self.drop_index(&view.model.table(), &name);
    }

    pub(super) fn drop_index(&mut self, table: &str, name: &str) {
        // An index that was still to come is dropped from the list.
        let before = self.deferred.len();
        self.deferred
            .retain(|ddl| !matches!(ddl, Ddl::AddIndex { table: t, index } if t == table && index.name == name));
        let existed = self.table(table).is_some_and(|t| t.indexes.iter().any(|i| i.name.eq_ignore_ascii_case(name)));
        if existed || before == self.deferred.len() {
            self.execute(&Ddl::DropIndex { table: table.to_owned(), name: name.to_owned() });
        }
    }

    /// Adds a constraint of `Meta.constraints`.
    pub fn add_constraint(&mut self, view: View<'_>, decl: &ConstraintDecl) {
        let table = view.model.table();
        match decl {
            ConstraintDecl::Check { name, sql } => {
                if self.version() < Version(3, 0) || !self.target.server.checks() {
                    return;
                }
                match sql.as_ref().map(|sql| self.with_columns(view, sql)) {
                    Some(expression) => {
                        let check = Check::new(name, &expression);
                        self.execute(&Ddl::AddCheck { table, check });
                    }
                    None => self.problems.push(format!("the condition of the check {name} is not plain")),
                }
            }
            other => {
                if let Some(index) = self.unique_constraint(view, other) {
                    self.execute(&Ddl::AddIndex { table, index });
                }
            }
        }
    }

    /// Removes a constraint of `Meta.constraints`.
    pub fn remove_constraint(&mut self, view: View<'_>, decl: &ConstraintDecl) {
        let table = view.model.table();
        match decl {
            ConstraintDecl::Check { name, .. } => {
                self.execute(&Ddl::DropCheck { table, name: name.clone() });
            }
            ConstraintDecl::Unique { name, fields, .. } => {
                if self.unique_constraint(view, decl).is_none() {
                    return;
                }
                if self.version() >= Version(4, 2) {
                    self.create_missing_foreign_key_index(view, fields.first().map(String::as_str));
                }
                self.drop_index(&table, name);
            }
            ConstraintDecl::Other { .. } => {}
        }
    }

    /// `unique_together` and `index_together` (`alter_unique_together`).
    pub fn alter_together(&mut self, view: View<'_>, old: &[Vec<String>], new: &[Vec<String>], unique: bool) {
        let table = view.model.table();
        for names in old.iter().filter(|names| !new.contains(names)) {
            self.delete_composed_index(view, names, unique);
        }
        for names in new.iter().filter(|names| !old.contains(names)) {
            let columns = self.columns_of(view, names);
            let index =
                if unique { self.unique_index(&table, &columns) } else { self.together_index(&table, &columns) };
            self.execute(&Ddl::AddIndex { table: table.clone(), index });
        }
    }

    fn delete_composed_index(&mut self, view: View<'_>, names: &[String], unique: bool) {
        let table = view.model.table();
        let columns = self.columns_of(view, names);
        self.create_missing_foreign_key_index(view, names.first().map(String::as_str));
        // A constraint that is still to come is taken off the list (Django 4.0 and later; before, an error).
        if unique {
            let at = self.deferred.iter().position(|ddl| {
                matches!(ddl, Ddl::AddIndex { table: t, index } if *t == table && index.unique && index.is_over(&columns))
            });
            if let Some(at) = at {
                self.deferred.remove(at);
                return;
            }
        }
        let options = &view.model.options;
        let declared: Vec<&str> = options
            .constraints
            .iter()
            .map(|c| c.name())
            .chain(options.indexes.iter().map(|i| i.name.as_str()))
            .collect();
        let exclude = self.version() >= Version(2, 2);
        let mut found: Vec<String> = self
            .table(&table)
            .into_iter()
            .flat_map(Table::secondary_indexes)
            .filter(|i| {
                i.is_over(&columns) && (i.unique == unique) && !(exclude && declared.contains(&i.name.as_str()))
            })
            .map(|i| i.name.clone())
            .collect();
        if unique && found.len() > 1 {
            let column_refs: Vec<&str> = columns.iter().map(String::as_str).collect();
            let default = naming::index(self.version(), &table, &column_refs, "_uniq");
            if found.contains(&default) {
                found = vec![default];
            }
        }
        match found.as_slice() {
            [name] => self.drop_index(&table, &name.clone()),
            other => self.problems.push(format!(
                "Django finds {} indexes on {table} ({}) where it looks for one",
                other.len(),
                columns.join(", ")
            )),
        }
    }

    /// An index that a foreign key needs is made before the one that covers it goes (`_create_missing_fk_index`).
    pub(super) fn create_missing_foreign_key_index(&mut self, view: View<'_>, first: Option<&str>) {
        let Some((_, name, field)) = first.and_then(|first| view.field(first)) else { return };
        if field.internal_type != "ForeignKey" {
            return;
        }
        let table = view.model.table();
        let column = field.column(&name);
        let Some(found) = self.table(&table) else { return };
        let missing = if self.version() >= Version(4, 2) {
            // One index starts with the column: the one that is about to go.
            let starting = found.indexes.iter().filter(|i| i.columns().next().flatten() == Some(&column)).count();
            starting == 1
        } else {
            !found.secondary_indexes().any(|i| i.is_over(std::slice::from_ref(&column)))
        };
        if missing {
            let index = self.field_index(&table, &column, "");
            self.execute(&Ddl::AddIndex { table, index });
        }
    }

    /// Whether a field gets an index of its own (`_field_should_be_indexed`).
    pub(super) fn should_be_indexed(&self, view: View<'_>, name: &str, field: &Field) -> bool {
        if !field.db_index || field.is_unique() {
            return false;
        }
        let innodb = self.table(&view.model.table()).is_none_or(Table::is_innodb);
        if innodb && field.internal_type == "ForeignKey" && field.constrained().is_some() {
            return false;
        }
        match view.parameters(name, field).sql {
            Some(sql) => self.version() < Version(2, 0) || !Self::is_limited(&sql),
            None => false,
        }
    }

    /// The constraint of a foreign key.
    pub(super) fn foreign_key(&mut self, view: View<'_>, name: &str, field: &Field, full: bool) -> Option<ForeignKey> {
        let relation = field.foreign_key()?;
        let Some(pointed) = view.pointed(field) else {
            self.problems.push(format!(
                "the model {} that {}.{name} points to is unknown; its constraint is left out",
                relation.to.as_deref().unwrap_or("?"),
                view.model.name
            ));
            return None;
        };
        let column = field.column(name);
        let to_table = pointed.model.table();
        let to_column = pointed.field.column(&pointed.name);
        Some(ForeignKey {
            referenced_database: String::new(),
            on_update: None,
            name: naming::foreign_key(self.version(), &view.model.table(), &column, &to_table, &to_column, full),
            columns: vec![column],
            referenced_table: to_table,
            referenced_columns: vec![to_column],
            on_delete: relation.on_delete.clone(),
        })
    }

    pub(super) fn foreign_key_names(&self, table: &str, column: &str) -> Vec<String> {
        self.table(table)
            .into_iter()
            .flat_map(|t| &t.foreign_keys)
            .filter(|k| matches!(k.columns.as_slice(), [only] if only.eq_ignore_ascii_case(column)))
            .map(|k| k.name.clone())
            .collect()
    }

    /// The columns of fields by name; a problem for each unknown one.
    pub(super) fn columns_of(&mut self, view: View<'_>, names: &[String]) -> Vec<String> {
        names
            .iter()
            .map(|name| match view.field(name) {
                Some((_, found, field)) => field.column(&found),
                None => {
                    self.problems.push(format!("{} has no field {name}", view.model.name));
                    name.clone()
                }
            })
            .collect()
    }

    fn named(&self, table: &str, columns: &[String], suffix: &str) -> String {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        naming::index(self.version(), table, &columns, suffix)
    }

    pub(super) fn unique_index(&self, table: &str, columns: &[String]) -> Index {
        plain_index(&self.named(table, columns, "_uniq"), true, columns)
    }

    fn together_index(&self, table: &str, columns: &[String]) -> Index {
        plain_index(&self.named(table, columns, "_idx"), false, columns)
    }

    pub(super) fn field_index(&self, table: &str, column: &str, suffix: &str) -> Index {
        let columns = [column.to_owned()];
        plain_index(&self.named(table, &columns, suffix), false, &columns)
    }

    /// An index as it is declared; `None` when the server has no such kind.
    pub(super) fn declared_index(&mut self, view: View<'_>, decl: &IndexDecl) -> Option<Index> {
        if !decl.expressions.is_empty() && decl.fields.is_empty() {
            if !self.target.server.expression_indexes() {
                return None;
            }
            let parts = self.expression_parts(view, &decl.expressions);
            return Some(Index::new(&decl.name, false, parts));
        }
        let names: Vec<String> = decl.fields.iter().map(|(f, _)| f.clone()).collect();
        let columns = self.columns_of(view, &names);
        let name = if decl.name.is_empty() {
            let ordered: Vec<String> = columns
                .iter()
                .zip(&decl.fields)
                .map(|(column, (_, descending))| if *descending { format!("-{column}") } else { column.clone() })
                .collect();
            let first = columns.first().map_or("", String::as_str);
            naming::meta_index(&view.model.table(), first, &ordered, &decl.suffix)
        } else {
            decl.name.clone()
        };
        let server = self.target.server;
        let descends = if server.mariadb { server.version >= (10, 8, 0) } else { server.version >= (8, 0, 1) };
        let mut index = plain_index(&name, false, &columns);
        for (part, (_, descending)) in index.parts.iter_mut().zip(&decl.fields) {
            part.descending = *descending && descends;
        }
        Some(index)
    }

    fn expression_parts(&mut self, view: View<'_>, expressions: &[Option<String>]) -> Vec<IndexPart> {
        expressions
            .iter()
            .map(|expression| {
                let sql = expression.as_ref().map(|sql| self.with_columns(view, sql));
                if sql.is_none() {
                    let model = &view.model.name;
                    self.problems.push(format!("an expression in an index of {model} is not plain"));
                }
                // An expression that is nothing but a column is that column.
                let column = sql.as_deref().and_then(|sql| {
                    let inner = sql.strip_prefix('`')?.strip_suffix('`')?;
                    (!inner.contains('`')).then(|| inner.to_owned())
                });
                let expression = if column.is_some() { None } else { Some(sql.unwrap_or_default()) };
                IndexPart { column, expression, length: None, descending: false }
            })
            .collect()
    }

    fn unique_constraint(&mut self, view: View<'_>, decl: &ConstraintDecl) -> Option<Index> {
        match decl {
            ConstraintDecl::Unique { name, fields, expressions, unsupported, .. } => {
                if *unsupported {
                    return None;
                }
                if fields.is_empty() && !expressions.is_empty() {
                    if !self.target.server.expression_indexes() {
                        return None;
                    }
                    let parts = self.expression_parts(view, expressions);
                    return Some(Index::new(name, true, parts));
                }
                let columns = self.columns_of(view, fields);
                Some(plain_index(name, true, &columns))
            }
            ConstraintDecl::Check { .. } => None,
            ConstraintDecl::Other { name, class } => {
                self.problems.push(format!("the constraint {name} of {class} is not modelled"));
                None
            }
        }
    }

    /// Names of fields in a piece of SQL become names of columns.
    fn with_columns(&self, view: View<'_>, sql: &str) -> String {
        let mut out = String::with_capacity(sql.len());
        for (i, piece) in sql.split('`').enumerate() {
            if i % 2 == 1 {
                let column = view.field(piece).map_or_else(|| piece.to_owned(), |(_, n, f)| f.column(&n));
                out.push_str(&format!("`{column}`"));
            } else {
                out.push_str(piece);
            }
        }
        out
    }
}

/// What stands for a default that is computed when the statement runs.
fn computed_default(sql: &str) -> String {
    let lower = sql.to_lowercase();
    if lower.starts_with("date") || lower.starts_with("time") {
        String::from("CURRENT_TIMESTAMP")
    } else if lower == "json" {
        String::from("'{}'")
    } else {
        String::from("'<computed>'")
    }
}

/// A column of a type as a custom field may write it, with what stands beside the type.
pub(super) fn definition(name: &str, sql: &str, nullable: bool) -> Column {
    let upper = sql.to_uppercase();
    let mut column = Column::new(name, ColumnType::parse(sql));
    column.nullable = nullable;
    column.auto_increment = upper.contains("AUTO_INCREMENT");
    let words: Vec<&str> = sql.split_whitespace().collect();
    if let Some(at) = words.iter().position(|w| w.eq_ignore_ascii_case("collate")) {
        column.collation = words.get(at + 1).map(|w| w.trim_matches(['`', '\'', '"']).to_owned());
    }
    column
}

pub(super) fn plain_index(name: &str, unique: bool, columns: &[String]) -> Index {
    Index::new(name, unique, columns.iter().map(|c| IndexPart::column(c)).collect())
}

/// The models of the tables Django makes for a model's many-to-many fields.
pub(super) fn throughs(view: View<'_>) -> Vec<ModelState> {
    view.model.fields.iter().filter_map(|(name, field)| view.through(name, field)).collect()
}

fn composite_key(view: View<'_>, field: &Field) -> Vec<String> {
    // The names of its fields are its positional arguments, kept in the signature.
    field
        .signature
        .get("fields")
        .map(|names| {
            names.split(',').filter_map(|n| view.field(n.trim()).map(|(_, name, field)| field.column(&name))).collect()
        })
        .unwrap_or_default()
}

fn references_table(ddl: &Ddl, name: &str) -> bool {
    match ddl {
        Ddl::AddIndex { table, .. } | Ddl::AddCheck { table, .. } => table == name,
        Ddl::AddForeignKey { table, key } => table == name || key.referenced_table == name,
        _ => false,
    }
}

fn references_column(ddl: &Ddl, name: &str, column: &str) -> bool {
    match ddl {
        Ddl::AddIndex { table, index } => table == name && index.columns().flatten().any(|c| c == column),
        Ddl::AddForeignKey { table, key } => {
            (table == name && key.columns.iter().any(|c| c == column))
                || (key.referenced_table == name && key.referenced_columns.iter().any(|c| c == column))
        }
        _ => false,
    }
}

fn rename_table_in(ddl: &mut Ddl, from: &str, to: &str) {
    let rename = |table: &mut String| {
        if table == from {
            to.clone_into(table);
        }
    };
    match ddl {
        Ddl::AddIndex { table, .. } | Ddl::AddCheck { table, .. } => rename(table),
        Ddl::AddForeignKey { table, key } => {
            rename(table);
            rename(&mut key.referenced_table);
        }
        _ => {}
    }
}

/// Renames a column in what is put off.
pub(super) fn rename_column_in(ddl: &mut Ddl, name: &str, from: &str, to: &str) {
    let rename = |column: &mut String| {
        if column == from {
            to.clone_into(column);
        }
    };
    match ddl {
        Ddl::AddIndex { table, index } if table == name => {
            index.parts.iter_mut().filter_map(|p| p.column.as_mut()).for_each(rename);
        }
        Ddl::AddForeignKey { table, key } => {
            if table == name {
                key.columns.iter_mut().for_each(rename);
            }
            if key.referenced_table == name {
                key.referenced_columns.iter_mut().for_each(rename);
            }
        }
        _ => {}
    }
}

/// A model and one of its fields, as they were at one moment.
#[derive(Clone, Debug)]
pub struct Side {
    /// The model at that moment.
    pub model: Rc<ModelState>,
    /// The attribute name of the field.
    pub name: String,
    /// The field at that moment.
    pub field: Rc<Field>,
    /// The column in the database.
    pub column: String,
    /// What the column is made of.
    pub parameters: crate::model::Parameters,
    /// The table it points to.
    pub points_to: Option<String>,
}

impl Side {
    /// A field as it is now.
    #[must_use]
    pub fn of(view: View<'_>, name: &str, field: &Rc<Field>) -> Self {
        Self {
            model: Rc::new(view.model.clone()),
            name: name.to_owned(),
            field: field.clone(),
            column: field.column(name),
            parameters: view.parameters(name, field),
            points_to: view.pointed(field).map(|p| p.model.table()),
        }
    }
}
