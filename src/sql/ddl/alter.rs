//! `ALTER TABLE`: its clauses, one by one.

use super::cursor::{Cursor, Parsed};
use super::table::{self, Element};
use super::{AlterClause, AlterTable, DdlProblem, Position, TableOptions, cut};
use crate::sql::span;

/// A clause that cannot be read is a problem; the others stand.
pub(super) fn alter_table(cursor: &mut Cursor<'_, '_>, problems: &mut Vec<DdlProblem>) -> Parsed<AlterTable> {
    let if_exists = cursor.if_exists();
    let table = cursor.table_name()?;
    if cursor.next_is_any(&["WAIT", "NOWAIT"]) {
        let wait = cursor.next_is("WAIT");
        cursor.advance();
        if wait {
            cursor.advance();
        }
    }
    let mut clauses = Vec::new();
    while let Some(token) = cursor.peek() {
        let start = cursor.at();
        if let Err(reason) = clause(cursor, &mut clauses) {
            cursor.back_to(start);
            let text = cursor.skip_clause();
            let end = token.start + text.len();
            problems.push(DdlProblem { span: span(token.start, end), reason, text: cut(text) });
        }
        if cursor.peek().is_some() {
            // Table options may follow each other without commas.
            cursor.eat_sign(",");
            if cursor.at() == start {
                return Err(cursor.expected("a clause of ALTER TABLE"));
            }
        }
    }
    Ok(AlterTable { table, if_exists, clauses })
}

fn clause(cursor: &mut Cursor<'_, '_>, clauses: &mut Vec<AlterClause>) -> Parsed<()> {
    if cursor.eat("ADD") {
        return add(cursor, clauses);
    }
    let clause = if cursor.eat("DROP") {
        drop_clause(cursor)?
    } else if cursor.eat("MODIFY") {
        cursor.eat("COLUMN");
        cursor.if_exists();
        let column = table::column(cursor)?;
        AlterClause::ModifyColumn { column, position: position(cursor)? }
    } else if cursor.eat("CHANGE") {
        cursor.eat("COLUMN");
        cursor.if_exists();
        let old = cursor.name("a column")?;
        let column = table::column(cursor)?;
        AlterClause::ChangeColumn { old, column, position: position(cursor)? }
    } else if cursor.eat("RENAME") {
        rename(cursor)?
    } else if cursor.eat("ALTER") {
        alter_part(cursor)?
    } else if cursor.next_is("CONVERT") && cursor.second_is("TO") {
        cursor.advance();
        cursor.advance();
        if !cursor.eat("CHARSET") {
            if !cursor.eat_any(&["CHARACTER", "CHAR"]) {
                return Err(cursor.expected("CHARACTER SET"));
            }
            cursor.expect("SET")?;
        }
        let mut options = TableOptions::default();
        let charset = cursor.name("a character set")?.to_ascii_lowercase();
        if cursor.next_is("COLLATE") {
            table::table_option(cursor, &mut options)?;
        }
        AlterClause::ConvertTo { charset, collation: options.collation }
    } else if cursor.next_is_any(&["ALGORITHM", "LOCK"]) {
        let (name, value) = cursor.option()?;
        AlterClause::Unmodelled(format!("{name}={value}"))
    } else if cursor.next_is_any(&[
        "FORCE",
        "DISABLE",
        "ENABLE",
        "DISCARD",
        "IMPORT",
        "ORDER",
        "WITHOUT",
        "VALIDATION",
        "REMOVE",
        "COALESCE",
        "REORGANIZE",
        "EXCHANGE",
        "TRUNCATE",
        "ANALYZE",
        "CHECK",
        "OPTIMIZE",
        "REBUILD",
        "REPAIR",
        "UPGRADE",
        "WITH",
        "SECONDARY_LOAD",
        "SECONDARY_UNLOAD",
    ]) {
        AlterClause::Unmodelled(cursor.skip_clause().to_owned())
    } else {
        let mut options = TableOptions::default();
        while table::table_option(cursor, &mut options)? {}
        if options == TableOptions::default() {
            return Err(cursor.expected("a clause of ALTER TABLE"));
        }
        AlterClause::Options(options)
    };
    clauses.push(clause);
    if cursor.peek().is_none() || cursor.next_sign(",") {
        return Ok(());
    }
    // Only table options may stand side by side without a comma.
    match clauses.last() {
        Some(AlterClause::Options(_) | AlterClause::ConvertTo { .. }) => Ok(()),
        _ => {
            clauses.pop();
            Err(cursor.expected("a comma"))
        }
    }
}

fn add(cursor: &mut Cursor<'_, '_>, clauses: &mut Vec<AlterClause>) -> Parsed<()> {
    if cursor.next_is("PARTITION") && !cursor.second_is("INT") {
        clauses.push(AlterClause::Unmodelled(cursor.skip_clause().to_owned()));
        return Ok(());
    }
    if cursor.next_is("SYSTEM") && cursor.second_is("VERSIONING") {
        clauses.push(AlterClause::Unmodelled(cursor.skip_clause().to_owned()));
        return Ok(());
    }
    let said_column = cursor.eat("COLUMN");
    if !said_column && let Some(element) = table::element(cursor)? {
        clauses.push(match element {
            Element::Index(index) => AlterClause::AddIndex(index),
            Element::ForeignKey(key) => AlterClause::AddForeignKey(key),
            Element::Check(check) => AlterClause::AddCheck(check),
        });
        return clause_end(cursor, clauses);
    }
    let if_not_exists = cursor.if_not_exists();
    if cursor.eat_sign("(") {
        loop {
            match table::element(cursor)? {
                Some(Element::Index(index)) => clauses.push(AlterClause::AddIndex(index)),
                Some(Element::ForeignKey(key)) => clauses.push(AlterClause::AddForeignKey(key)),
                Some(Element::Check(check)) => clauses.push(AlterClause::AddCheck(check)),
                None => {
                    let column = table::column(cursor)?;
                    clauses.push(AlterClause::AddColumn { column, position: Position::Unsaid, if_not_exists });
                }
            }
            if cursor.eat_sign(")") {
                return clause_end(cursor, clauses);
            }
            cursor.expect_sign(",")?;
        }
    }
    let column = table::column(cursor)?;
    let position = position(cursor)?;
    clauses.push(AlterClause::AddColumn { column, position, if_not_exists });
    clause_end(cursor, clauses)
}

fn clause_end(cursor: &Cursor<'_, '_>, clauses: &mut Vec<AlterClause>) -> Parsed<()> {
    if cursor.peek().is_none() || cursor.next_sign(",") {
        return Ok(());
    }
    clauses.pop();
    Err(cursor.expected("a comma"))
}

fn position(cursor: &mut Cursor<'_, '_>) -> Parsed<Position> {
    if cursor.eat("FIRST") {
        Ok(Position::First)
    } else if cursor.eat("AFTER") {
        cursor.name("a column").map(Position::After)
    } else {
        Ok(Position::Unsaid)
    }
}

fn drop_clause(cursor: &mut Cursor<'_, '_>) -> Parsed<AlterClause> {
    if cursor.next_is("PRIMARY") && cursor.second_is("KEY") {
        cursor.advance();
        cursor.advance();
        return Ok(AlterClause::DropPrimaryKey);
    }
    if cursor.next_is("FOREIGN") && cursor.second_is("KEY") {
        cursor.advance();
        cursor.advance();
        cursor.if_exists();
        return cursor.name("a foreign key").map(AlterClause::DropForeignKey);
    }
    if cursor.eat_any(&["INDEX", "KEY"]) {
        cursor.if_exists();
        return cursor.name("an index").map(AlterClause::DropKey);
    }
    if cursor.eat_any(&["CONSTRAINT", "CHECK"]) {
        cursor.if_exists();
        return cursor.name("a constraint").map(AlterClause::DropConstraint);
    }
    if cursor.next_is_any(&["PARTITION", "SYSTEM"]) {
        return Ok(AlterClause::Unmodelled(cursor.skip_clause().to_owned()));
    }
    cursor.eat("COLUMN");
    let if_exists = cursor.if_exists();
    let name = cursor.name("a column")?;
    cursor.eat_any(&["RESTRICT", "CASCADE"]);
    Ok(AlterClause::DropColumn { name, if_exists })
}

fn rename(cursor: &mut Cursor<'_, '_>) -> Parsed<AlterClause> {
    if cursor.eat("COLUMN") {
        cursor.if_exists();
        let old = cursor.name("a column")?;
        cursor.expect("TO")?;
        return Ok(AlterClause::RenameColumn { old, new: cursor.name("a column")? });
    }
    if cursor.eat_any(&["INDEX", "KEY"]) {
        cursor.if_exists();
        let old = cursor.name("an index")?;
        cursor.expect("TO")?;
        return Ok(AlterClause::RenameKey { old, new: cursor.name("an index")? });
    }
    if !cursor.eat_any(&["TO", "AS"]) {
        cursor.eat_sign("=");
    }
    cursor.table_name().map(AlterClause::RenameTo)
}

/// `ALTER [COLUMN] c SET DEFAULT …`, `ALTER INDEX i [IN]VISIBLE`, `ALTER CHECK c [NOT] ENFORCED`.
fn alter_part(cursor: &mut Cursor<'_, '_>) -> Parsed<AlterClause> {
    if cursor.next_is_any(&["INDEX", "KEY", "CHECK", "CONSTRAINT"]) {
        return Ok(AlterClause::Unmodelled(cursor.skip_clause().to_owned()));
    }
    cursor.eat("COLUMN");
    cursor.if_exists();
    let column = cursor.name("a column")?;
    if cursor.eat("DROP") {
        cursor.expect("DEFAULT")?;
        return Ok(AlterClause::SetDefault { column, default: None });
    }
    cursor.expect("SET")?;
    if cursor.next_is_any(&["VISIBLE", "INVISIBLE"]) {
        return Ok(AlterClause::Unmodelled(cursor.skip_clause().to_owned()));
    }
    cursor.expect("DEFAULT")?;
    Ok(AlterClause::SetDefault { column, default: table::default(cursor)? })
}
