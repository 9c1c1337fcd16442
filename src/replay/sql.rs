//! DDL as text, applied to the tables of an alias.

use crate::schema::{
    ColumnChange, ColumnDef, Database, Ddl, DefaultValue, ForeignKey, Index, PRIMARY, Server, default_collation,
};
use crate::sql::{self, AlterClause};

/// Runs a text of SQL; what could not be read or run comes back as problems.
pub fn run(db: &mut Database, server: Server, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let (statements, unread) = sql::ddl(text);
    for problem in unread {
        let text: String = problem.text.chars().take(80).collect();
        problems.push(format!("SQL that could not be read ({}): {text}", problem.reason));
    }
    for statement in statements {
        if let sql::Ddl::NoDdl(verb) = &statement.kind {
            let text = text.get(statement.span.range()).unwrap_or("");
            if is_broken(verb, text) {
                let text: String = text.chars().take(80).collect();
                problems.push(format!("SQL that could not be read: {text}"));
            }
        }
        for ddl in lower(db, &statement.kind, &mut problems) {
            if let Err(refused) = db.apply(&ddl, server) {
                problems.push(refused.0);
            }
        }
    }
    problems
}

/// Whether a statement that changes no table was meant to: its verb changes objects, and no object follows.
fn is_broken(verb: &str, text: &str) -> bool {
    const OBJECTS: &[&str] = &[
        "DATABASE",
        "SCHEMA",
        "USER",
        "ROLE",
        "EVENT",
        "FUNCTION",
        "PROCEDURE",
        "TRIGGER",
        "SERVER",
        "TABLESPACE",
        "INSTANCE",
        "LOGFILE",
        "SEQUENCE",
        "PREPARE",
        "UNDO",
        "SPATIAL",
        "AGGREGATE",
        "RESOURCE",
        "PACKAGE",
        "TABLE",
        "TEMPORARY",
        "DEFINER",
        "ALGORITHM",
        "SQL",
        "OR",
        "VIEW",
        "INDEX",
    ];
    if !matches!(verb, "ALTER" | "CREATE" | "DROP" | "RENAME") {
        return false;
    }
    let second = text.split_whitespace().nth(1).unwrap_or("").to_uppercase();
    let word = second.split(|c: char| !c.is_alphabetic()).next().unwrap_or("");
    !OBJECTS.contains(&word)
}

fn lower(db: &Database, statement: &sql::Ddl, problems: &mut Vec<String>) -> Vec<Ddl> {
    match statement {
        sql::Ddl::CreateTable(create) => create_table(db, create, problems),
        sql::Ddl::AlterTable(alter) => {
            let mut table = alter.table.name.clone();
            let mut out = Vec::new();
            for clause in &alter.clauses {
                alter_clause(db, &mut table, clause, &mut out);
            }
            out
        }
        sql::Ddl::CreateIndex { table, index, if_not_exists } => {
            let exists = db.table(&table.name).is_some_and(|t| t.index(&index.name).is_some());
            if *if_not_exists && exists {
                return Vec::new();
            }
            vec![Ddl::AddIndex { table: table.name.clone(), index: of_innodb(index) }]
        }
        sql::Ddl::DropIndex { table, name, if_exists } => {
            let exists = db.table(&table.name).is_some_and(|t| t.index(name).is_some());
            if *if_exists && !exists {
                return Vec::new();
            }
            vec![Ddl::DropIndex { table: table.name.clone(), name: name.clone() }]
        }
        sql::Ddl::DropTable { tables, if_exists, temporary: false } => {
            tables.iter().map(|t| Ddl::DropTable { table: t.name.clone(), if_exists: *if_exists }).collect()
        }
        sql::Ddl::RenameTable(pairs) => {
            pairs.iter().map(|(from, to)| Ddl::RenameTable { from: from.name.clone(), to: to.name.clone() }).collect()
        }
        sql::Ddl::CreateView { name, .. } => vec![Ddl::CreateView { name: name.name.clone() }],
        sql::Ddl::DropView { views, .. } => views.iter().map(|v| Ddl::DropView { name: v.name.clone() }).collect(),
        sql::Ddl::DropTable { .. } | sql::Ddl::Truncate(_) | sql::Ddl::Use(_) | sql::Ddl::NoDdl(_) => Vec::new(),
    }
}

fn create_table(db: &Database, create: &sql::CreateTable, problems: &mut Vec<String>) -> Vec<Ddl> {
    if create.temporary {
        return Vec::new();
    }
    let name = create.name.name.clone();
    if create.select.is_some() {
        problems.push(format!("the columns of {name} come from a query and are unknown"));
    }
    if let Some(like) = &create.like {
        return like_table(db, &name, &like.name, create.if_not_exists, problems);
    }
    let (primary, indexes): (Vec<&Index>, Vec<&Index>) = create.indexes.iter().partition(|index| index.name == PRIMARY);
    let mut out = vec![Ddl::CreateTable {
        table: name.clone(),
        columns: create.columns.iter().map(column).collect(),
        primary_key: primary.into_iter().flat_map(columns).collect(),
        indexes: indexes.into_iter().map(of_innodb).collect(),
        foreign_keys: create.foreign_keys.iter().map(foreign_key).collect(),
        checks: create.checks.clone(),
        if_not_exists: create.if_not_exists,
    }];
    out.extend(options(&name, &create.options, false));
    out
}

/// `LIKE` takes columns and indexes, and no foreign keys.
fn like_table(db: &Database, name: &str, like: &str, if_not_exists: bool, problems: &mut Vec<String>) -> Vec<Ddl> {
    let Some(model) = db.table(like) else {
        problems.push(format!("table {like} does not exist"));
        return Vec::new();
    };
    let columns = model.columns.iter().cloned().map(ColumnDef::new).collect();
    vec![Ddl::CreateTable {
        table: name.to_owned(),
        columns,
        primary_key: model.primary_key().into_iter().map(str::to_owned).collect(),
        indexes: model.secondary_indexes().map(|i| Index { implicit: false, ..i.clone() }).collect(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        if_not_exists,
    }]
}

fn alter_clause(db: &Database, table: &mut String, clause: &AlterClause, out: &mut Vec<Ddl>) {
    let has_column = |name: &str| db.table(table).is_some_and(|t| t.column(name).is_some());
    match clause {
        AlterClause::AddColumn { column: def, position, if_not_exists } => {
            if *if_not_exists && has_column(&def.column.name) {
                return;
            }
            let after = match position {
                sql::Position::Unsaid => None,
                sql::Position::First => Some(String::new()),
                sql::Position::After(name) => Some(name.clone()),
            };
            out.push(Ddl::AddColumn { table: table.clone(), def: column(def), after });
        }
        AlterClause::DropColumn { name, if_exists } => {
            if !*if_exists || has_column(name) {
                out.push(Ddl::DropColumn { table: table.clone(), column: name.clone() });
            }
        }
        AlterClause::ModifyColumn { column: def, .. } => out.push(Ddl::ChangeColumn {
            table: table.clone(),
            change: ColumnChange { name: def.column.name.clone(), def: column(def) },
        }),
        AlterClause::ChangeColumn { old, column: def, .. } => out.push(Ddl::ChangeColumn {
            table: table.clone(),
            change: ColumnChange { name: old.clone(), def: column(def) },
        }),
        AlterClause::RenameColumn { old, new } => {
            out.push(Ddl::RenameColumn { table: table.clone(), from: old.clone(), to: new.clone() });
        }
        AlterClause::SetDefault { column, default } => out.push(Ddl::Default {
            table: table.clone(),
            column: column.clone(),
            default: default.clone().map(as_written),
        }),
        AlterClause::AddIndex(index) if index.name == PRIMARY => {
            out.push(Ddl::AddPrimaryKey { table: table.clone(), columns: columns(index) });
        }
        AlterClause::AddIndex(index) => out.push(Ddl::AddIndex { table: table.clone(), index: of_innodb(index) }),
        AlterClause::AddForeignKey(key) => {
            out.push(Ddl::AddForeignKey { table: table.clone(), key: foreign_key(key) });
        }
        AlterClause::AddCheck(def) => out.push(Ddl::AddCheck { table: table.clone(), check: def.clone() }),
        AlterClause::DropKey(name) => out.push(Ddl::DropIndex { table: table.clone(), name: name.clone() }),
        AlterClause::DropPrimaryKey => out.push(Ddl::DropPrimaryKey { table: table.clone() }),
        AlterClause::DropForeignKey(name) => {
            out.push(Ddl::DropForeignKey { table: table.clone(), name: name.clone() });
        }
        AlterClause::DropConstraint(name) => {
            let found = db.table(table);
            let is_key = found.is_some_and(|t| t.foreign_keys.iter().any(|k| k.name.eq_ignore_ascii_case(name)));
            let is_index =
                found.is_some_and(|t| t.indexes.iter().any(|i| i.unique && i.name.eq_ignore_ascii_case(name)));
            out.push(if is_key {
                Ddl::DropForeignKey { table: table.clone(), name: name.clone() }
            } else if is_index {
                Ddl::DropIndex { table: table.clone(), name: name.clone() }
            } else {
                Ddl::DropCheck { table: table.clone(), name: name.clone() }
            });
        }
        AlterClause::RenameTo(to) => {
            out.push(Ddl::RenameTable { from: table.clone(), to: to.name.clone() });
            table.clone_from(&to.name);
        }
        AlterClause::RenameKey { old, new } => {
            out.push(Ddl::RenameIndex { table: table.clone(), from: old.clone(), to: new.clone() });
        }
        AlterClause::ConvertTo { charset, collation } => {
            let collation = collation.clone().unwrap_or_else(|| default_collation(charset));
            out.push(Ddl::Options {
                table: table.clone(),
                engine: None,
                collation: Some((collation, true)),
                comment: None,
            });
        }
        AlterClause::Options(table_options) => out.extend(options(table, table_options, false)),
        AlterClause::Unmodelled(_) => {}
    }
}

fn options(table: &str, given: &sql::TableOptions, convert: bool) -> Option<Ddl> {
    let collation =
        given.collation.clone().or_else(|| given.charset.as_ref().map(|c| default_collation(c))).map(|c| (c, convert));
    if given.engine.is_none() && collation.is_none() && given.comment.is_none() {
        return None;
    }
    Some(Ddl::Options {
        table: table.to_owned(),
        engine: given.engine.clone(),
        collation,
        comment: given.comment.clone(),
    })
}

/// A default as a replay keeps it: as it is written, expressions in the parentheses that MySQL asks for.
fn as_written(default: DefaultValue) -> DefaultValue {
    match &default {
        DefaultValue::Expression(expression) if !default.is_number() => {
            let upper = expression.to_uppercase();
            let plain = upper.starts_with("CURRENT_TIMESTAMP") || upper.starts_with("NOW");
            if plain { default } else { DefaultValue::Expression(format!("({expression})")) }
        }
        _ => default,
    }
}

fn column(def: &ColumnDef<String>) -> ColumnDef {
    let mut def = def.clone().parsed();
    let column = &mut def.column;
    column.default = column.default.take().map(as_written);
    if !column.column_type.has_collation() {
        column.collation = None;
    }
    def.references = def.references.as_ref().map(foreign_key);
    def
}

fn columns(index: &Index) -> Vec<String> {
    index.columns().flatten().map(str::to_owned).collect()
}

/// InnoDB makes a B-tree of every index that holds rows in order, whatever `USING` asks for.
fn of_innodb(index: &Index) -> Index {
    let kind = if index.is_special() { index.kind.clone() } else { Index::default().kind };
    Index { kind, ..index.clone() }
}

/// The tables of one alias are in one database.
fn foreign_key(key: &ForeignKey) -> ForeignKey {
    ForeignKey { referenced_database: String::new(), ..key.clone() }
}
