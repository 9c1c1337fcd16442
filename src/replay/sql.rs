//! DDL as text, applied to the tables of an alias.

use super::editor::definition;
use crate::schema::{
    Check, ColumnChange, ColumnDef, Database, Ddl, DefaultValue as SqlDefault, ForeignKey, Generated, Index, IndexPart,
    Server, Unique,
};
use crate::sql::{self, AlterClause, KeyKind, KeyOf};

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
        sql::Ddl::CreateIndex { table, key, if_not_exists } => {
            let exists = db.table(&table.name).is_some_and(|t| {
                t.indexes.iter().any(|i| key.name.as_deref().is_some_and(|n| i.name.eq_ignore_ascii_case(n)))
            });
            if *if_not_exists && exists {
                return Vec::new();
            }
            vec![Ddl::AddIndex { table: table.name.clone(), index: index(key) }]
        }
        sql::Ddl::DropIndex { table, name, if_exists } => {
            let exists =
                db.table(&table.name).is_some_and(|t| t.indexes.iter().any(|i| i.name.eq_ignore_ascii_case(name)));
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
        problems.push(format!("the columns of {name} come from a query and are not known"));
    }
    if let Some(like) = &create.like {
        return like_table(db, &name, &like.name, create.if_not_exists, problems);
    }
    let mut primary_key = Vec::new();
    let mut indexes = Vec::new();
    for key in &create.keys {
        if key.kind == KeyKind::Primary {
            primary_key = columns(key);
        } else {
            indexes.push(index(key));
        }
    }
    let mut out = vec![Ddl::CreateTable {
        table: name.clone(),
        columns: create.columns.iter().map(column).collect(),
        primary_key,
        indexes,
        foreign_keys: create.foreign_keys.iter().map(foreign_key).collect(),
        checks: create.checks.iter().map(check).collect(),
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
    let columns = model.columns.iter().map(|c| ColumnDef { column: c.clone(), key: Unique::No, check: None }).collect();
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
            if *if_not_exists && has_column(&def.name) {
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
            change: ColumnChange { name: def.name.clone(), def: column(def) },
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
            default: default.as_ref().and_then(default_of),
        }),
        AlterClause::AddKey(key) if key.kind == KeyKind::Primary => {
            out.push(Ddl::AddPrimaryKey { table: table.clone(), columns: columns(key) });
        }
        AlterClause::AddKey(key) => out.push(Ddl::AddIndex { table: table.clone(), index: index(key) }),
        AlterClause::AddForeignKey(key) => {
            out.push(Ddl::AddForeignKey { table: table.clone(), key: foreign_key(key) });
        }
        AlterClause::AddCheck(def) => out.push(Ddl::AddCheck { table: table.clone(), check: check(def) }),
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

/// The collation of a character set that names none. Which one a server takes depends on its version; the binary and
/// the old ones are the same everywhere.
fn default_collation(charset: &str) -> String {
    match charset.to_lowercase().as_str() {
        "binary" => String::from("binary"),
        "latin1" => String::from("latin1_swedish_ci"),
        "utf8" | "utf8mb3" => String::from("utf8_general_ci"),
        "utf8mb4" => String::from("utf8mb4_general_ci"),
        other => format!("{other}_general_ci"),
    }
}

fn default_of(value: &sql::DefaultValue) -> Option<SqlDefault> {
    match value {
        sql::DefaultValue::Null => None,
        sql::DefaultValue::String(text) => Some(SqlDefault::Literal(text.clone())),
        sql::DefaultValue::Number(number) => Some(SqlDefault::Expression(number.clone())),
        sql::DefaultValue::Expression(expression) => {
            let upper = expression.to_uppercase();
            let plain = upper.starts_with("CURRENT_TIMESTAMP") || upper.starts_with("NOW");
            Some(SqlDefault::Expression(if plain { expression.clone() } else { format!("({expression})") }))
        }
    }
}

fn column(def: &sql::ColumnDef) -> ColumnDef {
    // A column is nullable unless it is said to be not.
    let mut column = definition(&def.name, &def.type_text, def.nullable.unwrap_or(true));
    column.auto_increment |= def.auto_increment;
    if def.auto_increment || def.type_text.eq_ignore_ascii_case("serial") {
        column.nullable = false;
    }
    column.default = def.default.as_ref().and_then(default_of);
    if column.column_type.has_collation() {
        column.collation = def.collation.clone().or_else(|| def.charset.as_ref().map(|c| default_collation(c)));
    }
    column.comment = def.comment.clone().unwrap_or_default();
    column.generated = def.generated.clone().map(|expression| Generated { expression, stored: def.stored });
    let key = if def.primary {
        Unique::Primary
    } else if def.unique {
        Unique::Unique
    } else {
        Unique::No
    };
    ColumnDef { column, key, check: def.checks.first().map(|c| c.condition.clone()) }
}

fn columns(key: &sql::KeyDef) -> Vec<String> {
    key.parts
        .iter()
        .filter_map(|p| match &p.of {
            KeyOf::Column(name) => Some(name.clone()),
            KeyOf::Expression(_) => None,
        })
        .collect()
}

fn index(key: &sql::KeyDef) -> Index {
    Index {
        name: key.name.clone().unwrap_or_default(),
        unique: key.kind == KeyKind::Unique,
        parts: key
            .parts
            .iter()
            .map(|part| match &part.of {
                KeyOf::Column(name) => IndexPart {
                    column: Some(name.clone()),
                    expression: None,
                    length: part.prefix,
                    descending: part.descending,
                },
                KeyOf::Expression(text) => IndexPart {
                    column: None,
                    expression: Some(text.clone()),
                    length: None,
                    descending: part.descending,
                },
            })
            .collect(),
        kind: String::from(match key.kind {
            KeyKind::Fulltext => "FULLTEXT",
            KeyKind::Spatial => "SPATIAL",
            _ => "BTREE",
        }),
        invisible: key.invisible,
        implicit: false,
    }
}

fn foreign_key(key: &sql::ForeignKeyDef) -> ForeignKey {
    ForeignKey {
        name: key.name.clone().unwrap_or_default(),
        columns: key.columns.clone(),
        referenced_database: String::new(),
        referenced_table: key.references.name.clone(),
        referenced_columns: key.referenced_columns.clone(),
        on_delete: action(key.on_delete.as_ref()),
        on_update: action(key.on_update.as_ref()),
    }
}

fn action(rule: Option<&String>) -> Option<String> {
    rule.filter(|rule| !matches!(rule.as_str(), "RESTRICT" | "NO ACTION")).cloned()
}

fn check(def: &sql::CheckDef) -> Check {
    Check { enforced: def.enforced, ..Check::new(def.name.as_deref().unwrap_or_default(), &def.condition) }
}
