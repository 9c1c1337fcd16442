//! What InnoDB makes of a statement.

use super::{Check, ColumnDef, Database, Ddl, ForeignKey, Index, IndexPart, PRIMARY, Server, Table, Unique};

/// Why a server would not run a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

fn refuse<T>(reason: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(reason.into()))
}

impl Database {
    /// The table of a name.
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name)
    }

    fn table_mut(&mut self, name: &str) -> Result<&mut Table, Refused> {
        match self.tables.get_mut(name) {
            Some(table) => Ok(table),
            None => refuse(format!("table {name} does not exist")),
        }
    }

    /// Applies a statement.
    ///
    /// # Errors
    ///
    /// When a server would refuse it; the database is then as before, or as far as the statement is known to have
    /// come.
    pub fn apply(&mut self, ddl: &Ddl, server: Server) -> Result<(), Refused> {
        let before = self.before(ddl);
        self.run(ddl, server)?;
        self.note(ddl, &before);
        Ok(())
    }

    fn run(&mut self, ddl: &Ddl, server: Server) -> Result<(), Refused> {
        match ddl {
            Ddl::CreateTable { .. } | Ddl::DropTable { .. } | Ddl::RenameTable { .. } | Ddl::Options { .. } => {
                self.run_on_table(ddl, server)
            }
            Ddl::AddColumn { .. }
            | Ddl::DropColumn { .. }
            | Ddl::ChangeColumn { .. }
            | Ddl::RenameColumn { .. }
            | Ddl::Default { .. } => self.run_on_column(ddl, server),
            Ddl::AddIndex { .. }
            | Ddl::DropIndex { .. }
            | Ddl::RenameIndex { .. }
            | Ddl::AddPrimaryKey { .. }
            | Ddl::DropPrimaryKey { .. } => self.run_on_index(ddl),
            Ddl::AddForeignKey { .. } | Ddl::DropForeignKey { .. } | Ddl::AddCheck { .. } | Ddl::DropCheck { .. } => {
                self.run_on_constraint(ddl, server)
            }
            Ddl::CreateView { name } => {
                if !self.views.contains(name) {
                    self.views.push(name.clone());
                }
                Ok(())
            }
            Ddl::DropView { name } => {
                self.views.retain(|v| v != name);
                Ok(())
            }
        }
    }

    fn run_on_table(&mut self, ddl: &Ddl, server: Server) -> Result<(), Refused> {
        match ddl {
            Ddl::CreateTable { table, columns, primary_key, indexes, foreign_keys, checks, if_not_exists } => {
                if self.tables.contains_key(table) || self.views.contains(table) {
                    return if *if_not_exists { Ok(()) } else { refuse(format!("table {table} exists already")) };
                }
                let mut new = Table { name: table.clone(), ..Table::default() };
                new.set_primary_key(primary_key);
                for def in columns {
                    add_column(&mut new, def, None, server);
                }
                // Once more, when there are columns that can be made NOT NULL.
                let primary_key: Vec<String> = new.primary_key().into_iter().map(str::to_owned).collect();
                new.set_primary_key(&primary_key);
                for index in indexes {
                    add_index(&mut new, index.clone())?;
                }
                for check in checks {
                    add_check(&mut new, check.clone(), server);
                }
                for key in foreign_keys {
                    add_foreign_key(&mut new, key.clone())?;
                }
                self.tables.insert(table.clone(), new);
            }
            Ddl::DropTable { table, if_exists } => {
                let existed = self.tables.shift_remove(table).is_some();
                if !existed && !if_exists {
                    return refuse(format!("table {table} does not exist"));
                }
            }
            Ddl::RenameTable { from, to } => self.rename_table(from, to, server)?,
            Ddl::Options { table, engine, collation, comment } => {
                let table = self.table_mut(table)?;
                if let Some(engine) = engine {
                    table.engine = Some(engine.clone());
                    if !table.is_innodb() {
                        // MyISAM keeps the indexes and forgets the constraints.
                        table.foreign_keys.clear();
                    }
                }
                if let Some((collation, convert)) = collation {
                    table.collation = Some(collation.clone());
                    if *convert {
                        for column in table.columns.iter_mut().filter(|column| column.column_type.has_collation()) {
                            column.collation = Some(collation.clone());
                        }
                    }
                }
                if let Some(comment) = comment {
                    table.comment.clone_from(comment);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn run_on_column(&mut self, ddl: &Ddl, server: Server) -> Result<(), Refused> {
        match ddl {
            Ddl::AddColumn { table, def, after } => {
                let table = self.table_mut(table)?;
                if table.column(&def.column.name).is_some() {
                    return refuse(format!("column {}.{} exists already", table.name, def.column.name));
                }
                add_column(table, def, after.as_deref(), server);
            }
            Ddl::DropColumn { table, column } => self.drop_column(table, column)?,
            Ddl::ChangeColumn { table, change } => {
                let new = &change.def.column;
                if !change.name.eq_ignore_ascii_case(&new.name) {
                    self.rename_column(table, &change.name, &new.name)?;
                }
                let table = self.table_mut(table)?;
                let in_key = table.is_in_primary_key(&new.name);
                let name = table.name.clone();
                let Some(column) = table.column_mut(&new.name) else {
                    return refuse(format!("column {name}.{} does not exist", new.name));
                };
                let checked = column.name.clone();
                *column = new.clone();
                if in_key {
                    column.nullable = false;
                }
                // The CHECK in a column's definition is part of it on MariaDB, and apart from it on MySQL.
                if server.mariadb {
                    table.checks.retain(|c| c.column.as_deref() != Some(&checked));
                }
                add_keys(table, &change.def, server);
            }
            Ddl::RenameColumn { table, from, to } => self.rename_column(table, from, to)?,
            Ddl::Default { table, column, default } => {
                let name = table;
                let Some(column) = self.table_mut(table)?.column_mut(column) else {
                    return refuse(format!("column {name}.{column} does not exist"));
                };
                column.default.clone_from(default);
            }
            _ => {}
        }
        Ok(())
    }

    fn run_on_index(&mut self, ddl: &Ddl) -> Result<(), Refused> {
        match ddl {
            Ddl::AddIndex { table, index } => {
                let table = self.table_mut(table)?;
                for part in &index.parts {
                    match part.column.as_deref().map(|c| (c, table.column(c))) {
                        Some((c, None)) => return refuse(format!("column {}.{c} does not exist", table.name)),
                        Some((c, Some(column)))
                            if part.length.is_none() && !index.is_special() && column.column_type.is_long() =>
                        {
                            return refuse(format!("column {}.{c} needs a prefix length in an index", table.name));
                        }
                        _ => {}
                    }
                }
                add_index(table, index.clone())?;
            }
            Ddl::DropIndex { table, name } if name.eq_ignore_ascii_case(PRIMARY) => {
                self.table_mut(table)?.set_primary_key(&[]);
            }
            Ddl::DropIndex { table, name } => {
                let table = self.table_mut(table)?;
                let Some(at) = table.indexes.iter().position(|i| i.name.eq_ignore_ascii_case(name)) else {
                    return refuse(format!("index {}.{name} does not exist", table.name));
                };
                let gone = table.indexes.remove(at);
                let orphan =
                    table.foreign_keys.iter().find(|k| gone.covers(&k.columns) && !table.has_index_for(&k.columns));
                if let Some(key) = orphan {
                    let reason = format!("index {}.{name} is needed by the foreign key {}", table.name, key.name);
                    table.indexes.insert(at, gone);
                    return refuse(reason);
                }
            }
            Ddl::RenameIndex { table, from, to } => {
                let table = self.table_mut(table)?;
                let Some(index) = table.indexes.iter_mut().find(|i| i.name.eq_ignore_ascii_case(from)) else {
                    return refuse(format!("index {}.{from} does not exist", table.name));
                };
                index.name.clone_from(to);
                index.implicit = false;
            }
            Ddl::AddPrimaryKey { table, columns } => {
                let table = self.table_mut(table)?;
                table.set_primary_key(columns);
                drop_covered(table);
            }
            Ddl::DropPrimaryKey { table } => self.table_mut(table)?.set_primary_key(&[]),
            _ => {}
        }
        Ok(())
    }

    fn run_on_constraint(&mut self, ddl: &Ddl, server: Server) -> Result<(), Refused> {
        match ddl {
            Ddl::AddForeignKey { table, key } => {
                if !self.tables.contains_key(&key.referenced_table) {
                    return refuse(format!("table {} does not exist", key.referenced_table));
                }
                add_foreign_key(self.table_mut(table)?, key.clone())?;
            }
            Ddl::DropForeignKey { table, name } => {
                let table = self.table_mut(table)?;
                let Some(at) = table.foreign_keys.iter().position(|k| k.name.eq_ignore_ascii_case(name)) else {
                    return refuse(format!("foreign key {}.{name} does not exist", table.name));
                };
                table.foreign_keys.remove(at);
            }
            Ddl::AddCheck { table, check } => add_check(self.table_mut(table)?, check.clone(), server),
            Ddl::DropCheck { table, name } => {
                self.table_mut(table)?.checks.retain(|c| !c.name.eq_ignore_ascii_case(name));
            }
            _ => {}
        }
        Ok(())
    }

    fn rename_table(&mut self, from: &str, to: &str, server: Server) -> Result<(), Refused> {
        if from == to {
            return Ok(());
        }
        if self.tables.contains_key(to) {
            return refuse(format!("table {to} exists already"));
        }
        let Some(index) = self.tables.get_index_of(from) else {
            return refuse(format!("table {from} does not exist"));
        };
        let Some((_, mut table)) = self.tables.shift_remove_index(index) else { return Ok(()) };
        // Names that the server made from the table's name follow it.
        let (ibfk, chk) = (format!("{from}_ibfk_"), format!("{from}_chk_"));
        for key in &mut table.foreign_keys {
            if let Some(number) = key.name.strip_prefix(&ibfk) {
                key.name = format!("{to}_ibfk_{number}");
            }
        }
        if !server.mariadb {
            for check in &mut table.checks {
                if let Some(number) = check.name.strip_prefix(&chk) {
                    check.name = format!("{to}_chk_{number}");
                }
            }
        }
        to.clone_into(&mut table.name);
        self.tables.shift_insert(index, to.to_owned(), table);
        for table in self.tables.values_mut() {
            for key in &mut table.foreign_keys {
                if key.referenced_table == from {
                    to.clone_into(&mut key.referenced_table);
                }
            }
        }
        Ok(())
    }

    fn rename_column(&mut self, table: &str, from: &str, to: &str) -> Result<(), Refused> {
        let table_name = table;
        let table = self.table_mut(table)?;
        if table.column(from).is_none() {
            return refuse(format!("column {table_name}.{from} does not exist"));
        }
        if !from.eq_ignore_ascii_case(to) && table.column(to).is_some() {
            return refuse(format!("column {table_name}.{to} exists already"));
        }
        let rename = |name: &mut String| {
            if name.eq_ignore_ascii_case(from) {
                to.clone_into(name);
            }
        };
        for column in &mut table.columns {
            rename(&mut column.name);
        }
        for part in table.indexes.iter_mut().flat_map(|i| &mut i.parts) {
            if let Some(column) = &mut part.column {
                rename(column);
            }
        }
        for key in &mut table.foreign_keys {
            key.columns.iter_mut().for_each(rename);
        }
        for check in &mut table.checks {
            if let Some(column) = &mut check.column {
                rename(column);
            }
            check.condition = check.condition.replace(&super::quote(from), &super::quote(to));
        }
        for table in self.tables.values_mut() {
            for key in table.foreign_keys.iter_mut().filter(|k| k.referenced_table == table_name) {
                key.referenced_columns.iter_mut().for_each(rename);
            }
        }
        Ok(())
    }

    fn drop_column(&mut self, table: &str, column: &str) -> Result<(), Refused> {
        let name = table;
        let table = self.table_mut(table)?;
        let Some(at) = table.columns.iter().position(|c| c.name.eq_ignore_ascii_case(column)) else {
            return refuse(format!("column {name}.{column} does not exist"));
        };
        if let Some(key) = table.foreign_keys.iter().find(|k| k.columns.iter().any(|c| c.eq_ignore_ascii_case(column)))
        {
            return refuse(format!("column {name}.{column} is in the foreign key {}", key.name));
        }
        table.columns.remove(at);
        for index in &mut table.indexes {
            index.parts.retain(|p| p.column.as_deref().is_none_or(|c| !c.eq_ignore_ascii_case(column)));
        }
        table.indexes.retain(|i| !i.parts.is_empty());
        table.checks.retain(|c| !c.condition.contains(&super::quote(column)));
        // An index that lost a column may now be no more than another one; the server keeps both.
        Ok(())
    }
}

fn add_column(table: &mut Table, def: &ColumnDef, after: Option<&str>, server: Server) {
    let at = match after {
        Some("") => 0,
        Some(other) => {
            table.columns.iter().position(|c| c.name.eq_ignore_ascii_case(other)).map_or(table.columns.len(), |i| i + 1)
        }
        None => table.columns.len(),
    };
    table.columns.insert(at, def.column.clone());
    add_keys(table, def, server);
}

/// The keys and checks in a column's definition.
fn add_keys(table: &mut Table, def: &ColumnDef, server: Server) {
    let column = &def.column.name;
    match def.key {
        Unique::No => {}
        Unique::Primary => {
            if table.primary().is_none() {
                table.set_primary_key(std::slice::from_ref(column));
            }
            if let Some(column) = table.column_mut(column) {
                column.nullable = false;
            }
        }
        Unique::Unique => {
            let index = Index::new("", true, vec![IndexPart::column(column)]);
            // The name is chosen by the server, so it cannot be refused.
            _ = add_index(table, index);
        }
    }
    // MariaDB keeps `json` as text that a CHECK of the column's name watches over.
    let json = server.mariadb && def.column.column_type.is_json();
    if def.checks.is_empty() && json {
        let condition = format!("json_valid({})", super::quote(column));
        add_check(table, Check { column: Some(column.clone()), ..Check::new("", &condition) }, server);
    }
    if let Some(key) = def.references.clone().filter(|_| server.inline_references()) {
        // The name is chosen by the server, so it cannot be refused.
        _ = add_foreign_key(table, key);
    }
    for check in &def.checks {
        add_check(table, Check { column: Some(column.clone()), ..check.clone() }, server);
    }
}

/// The name of a key that was given none: its first column, then `_2` and so on.
fn free_name(table: &Table, index: &Index) -> String {
    let base = index.parts.first().and_then(|p| p.column.clone()).unwrap_or_else(|| String::from("functional_index"));
    let taken = |name: &str| table.indexes.iter().any(|i| i.name.eq_ignore_ascii_case(name));
    // A key named PRIMARY is not allowed, so a column of that name starts at `_2`.
    if !taken(&base) && !base.eq_ignore_ascii_case("primary") {
        return base;
    }
    (2..).map(|n| format!("{base}_{n}")).find(|n| !taken(n)).unwrap_or(base)
}

fn add_index(table: &mut Table, mut index: Index) -> Result<(), Refused> {
    if index.name.is_empty() {
        index.name = free_name(table, &index);
    } else if table.indexes.iter().any(|i| i.name.eq_ignore_ascii_case(&index.name) && !i.implicit) {
        return refuse(format!("index {} exists already", index.name));
    } else {
        // An index that the server made gives way to one that was asked for under its name.
        table.indexes.retain(|i| !i.name.eq_ignore_ascii_case(&index.name));
    }
    table.indexes.push(index);
    drop_covered(table);
    Ok(())
}

/// An index that the server made for a foreign key goes when one that was asked for covers it.
fn drop_covered(table: &mut Table) {
    let mut at = 0;
    while at < table.indexes.len() {
        let index = &table.indexes[at];
        let columns: Vec<String> = index.columns().flatten().map(str::to_owned).collect();
        let covered = index.implicit
            && table
                .indexes
                .iter()
                .enumerate()
                .any(|(other, i)| other != at && i.covers(&columns) && (!i.implicit || other < at));
        if covered {
            table.indexes.remove(at);
        } else {
            at += 1;
        }
    }
}

fn add_foreign_key(table: &mut Table, mut key: ForeignKey) -> Result<(), Refused> {
    if !table.is_innodb() {
        return Ok(());
    }
    if key.name.is_empty() {
        let number = (1..).find(|n| !table.foreign_keys.iter().any(|k| k.name == format!("{}_ibfk_{n}", table.name)));
        key.name = format!("{}_ibfk_{}", table.name, number.unwrap_or(1));
    } else if table.foreign_keys.iter().any(|k| k.name.eq_ignore_ascii_case(&key.name)) {
        return refuse(format!("foreign key {}.{} exists already", table.name, key.name));
    }
    if let Some(column) = key.columns.iter().find(|c| table.column(c).is_none()) {
        return refuse(format!("column {}.{column} does not exist", table.name));
    }
    // The server adds an index of the key's name and then drops those that are no more than another one: an index that
    // it made for an earlier key gives way, one that was asked for stays and the new one goes.
    let asked_for = table.indexes.iter().any(|i| !i.implicit && i.covers(&key.columns));
    if !asked_for {
        table.indexes.retain(|i| !(i.implicit && i.is_over(&key.columns)));
        let parts = key.columns.iter().map(|c| IndexPart::column(c)).collect();
        let mut index = Index { implicit: true, ..Index::new(&key.name, false, parts) };
        // A constraint without a name of its own has its index named after the column.
        if key.name.contains("_ibfk_") || table.indexes.iter().any(|i| i.name.eq_ignore_ascii_case(&index.name)) {
            index.name = free_name(table, &index);
        }
        table.indexes.push(index);
    }
    table.foreign_keys.push(key);
    Ok(())
}

fn add_check(table: &mut Table, mut check: Check, server: Server) {
    if !server.checks() {
        return;
    }
    if check.name.is_empty() {
        check.name = match &check.column {
            Some(column) if server.mariadb => column.clone(),
            _ => {
                let name = &table.name;
                let taken = |n: u32| table.checks.iter().any(|c| c.name == format!("{name}_chk_{n}"));
                format!("{name}_chk_{}", (1..).find(|&n| !taken(n)).unwrap_or(1))
            }
        };
    }
    table.checks.push(check);
}
