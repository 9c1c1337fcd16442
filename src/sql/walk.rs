//! Queries and row changes through sqlparser's tree.
//!
//! Tokens are handed over with their byte offsets in place of columns, so that the tree's spans are offsets.

use std::ops::ControlFlow;

use rustc_hash::FxHashMap;
use sqlparser::ast::{
    Assignment, AssignmentTarget, Cte, Delete, FromTable, Ident, ObjectName, ObjectNamePart, Query, Spanned, Statement,
    TableFactor, TableObject, TableWithJoins, Update, Visit, Visitor,
};
use sqlparser::dialect::MySqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Token as SqlToken, TokenWithSpan, Whitespace};

use super::lex::{Kind, Token};
use super::{TableUse, span};
use crate::finding::Access;

/// Longer statements are read by their clauses: the tree of a long chain of operators is as deep as the chain, and is
/// dropped by recursion.
const MAX_TOKENS: usize = 4000;

const MODIFIERS: [&str; 5] = ["LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "QUICK", "IGNORE"];

/// The tables of a query or a row change; `None` when it is neither or does not parse.
pub(crate) fn tables(tokens: &[Token<'_>], verb: &str) -> Option<Vec<TableUse>> {
    if tokens.len() > MAX_TOKENS || !matches!(verb, "SELECT" | "WITH" | "INSERT" | "REPLACE" | "UPDATE" | "DELETE") {
        return None;
    }
    let statement = parse(tokens)?;
    let mut finder = Finder { names: Vec::new(), ctes: Vec::new() };
    // The visitor never breaks.
    let _ = statement.visit(&mut finder);
    let ends: FxHashMap<usize, usize> = tokens.iter().map(|token| (token.start, token.end)).collect();
    let mut found: Vec<TableUse> = finder
        .names
        .iter()
        .filter(|(name, _)| !finder.is_cte(name))
        .filter_map(|(name, alias)| table_use(name, alias, &ends))
        .collect();
    apply_access(&statement, &mut found);
    Some(found)
}

fn parse(tokens: &[Token<'_>]) -> Option<Statement> {
    // sqlparser takes `QUICK` and `LOW_PRIORITY` for a table.
    let verb =
        usize::from(tokens.first().is_some_and(|token| token.is_any(&["INSERT", "REPLACE", "UPDATE", "DELETE"])));
    let modifiers = tokens[verb..].iter().take_while(|token| verb == 1 && token.is_any(&MODIFIERS)).count();
    let mut sql = Vec::with_capacity(tokens.len());
    for (index, token) in tokens.iter().enumerate() {
        if index >= verb && index < verb + modifiers {
            continue;
        }
        let start = Location::new(1, token.start as u64 + 1);
        let end = Location::new(1, token.end as u64 + 1);
        // sqlparser joins `INSERT` words by position only, but its numeric prefixes look for whitespace.
        if index > 0 && tokens[index - 1].end < token.start {
            sql.push(TokenWithSpan::at(SqlToken::Whitespace(Whitespace::Space), start, start));
        }
        sql.push(TokenWithSpan::at(translate(token)?, start, end));
    }
    let dialect = MySqlDialect {};
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(sql);
    let statement = parser.parse_statement().ok()?;
    (parser.peek_token().token == SqlToken::EOF).then_some(statement)
}

fn translate(token: &Token<'_>) -> Option<SqlToken> {
    let text = token.text.as_ref();
    Some(match token.kind {
        Kind::Word => SqlToken::make_word(text, None),
        Kind::Quoted => SqlToken::make_word(text, Some('`')),
        // A name fits wherever a value or a table fits.
        Kind::Hole => SqlToken::make_word(text, Some('`')),
        Kind::Str => SqlToken::SingleQuotedString(text.to_owned()),
        Kind::Number => SqlToken::Number(text.to_owned(), false),
        Kind::End => SqlToken::SemiColon,
        Kind::Punct => match text {
            "," => SqlToken::Comma,
            "=" => SqlToken::Eq,
            "==" => SqlToken::DoubleEq,
            "<>" | "!=" => SqlToken::Neq,
            "<" => SqlToken::Lt,
            ">" => SqlToken::Gt,
            "<=" => SqlToken::LtEq,
            ">=" => SqlToken::GtEq,
            "<=>" => SqlToken::Spaceship,
            "+" => SqlToken::Plus,
            "-" => SqlToken::Minus,
            "*" => SqlToken::Mul,
            "/" => SqlToken::Div,
            "%" => SqlToken::Mod,
            "||" => SqlToken::StringConcat,
            "&&" => SqlToken::Overlap,
            "(" => SqlToken::LParen,
            ")" => SqlToken::RParen,
            "." => SqlToken::Period,
            ":" => SqlToken::Colon,
            ":=" => SqlToken::Assignment,
            ";" => SqlToken::SemiColon,
            "&" => SqlToken::Ampersand,
            "|" => SqlToken::Pipe,
            "^" => SqlToken::Caret,
            "~" => SqlToken::Tilde,
            "!" => SqlToken::ExclamationMark,
            "<<" => SqlToken::ShiftLeft,
            ">>" => SqlToken::ShiftRight,
            "->" => SqlToken::Arrow,
            "->>" => SqlToken::LongArrow,
            _ => return None,
        },
    })
}

struct Finder {
    names: Vec<(ObjectName, Option<String>)>,
    /// The names of common table expressions. In its own body, unless recursive, such a name is still the table.
    ctes: Vec<CteName>,
}

struct CteName {
    name: String,
    body: (u64, u64),
    recursive: bool,
}

impl Finder {
    fn is_cte(&self, name: &ObjectName) -> bool {
        let [ObjectNamePart::Identifier(ident)] = name.0.as_slice() else { return false };
        let at = ident.span.start.column;
        self.ctes.iter().any(|cte| {
            let inside = cte.body.0 <= at && at < cte.body.1;
            cte.name.eq_ignore_ascii_case(&ident.value) && (cte.recursive || !inside)
        })
    }
}

impl Visitor for Finder {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some(with) = &query.with {
            self.ctes.extend(with.cte_tables.iter().map(|cte| cte_name(cte, with.recursive)));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.names.push((relation.clone(), None));
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias: Some(alias), .. } = factor
            && let Some(last) = self.names.iter_mut().rev().find(|(found, _)| found == name)
        {
            last.1 = Some(alias.name.value.clone());
        }
        ControlFlow::Continue(())
    }
}

fn cte_name(cte: &Cte, recursive: bool) -> CteName {
    let body = cte.query.span();
    CteName { name: cte.alias.name.value.clone(), body: (body.start.column, body.end.column), recursive }
}

fn table_use(name: &ObjectName, alias: &Option<String>, ends: &FxHashMap<usize, usize>) -> Option<TableUse> {
    let idents: Vec<&Ident> = name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
    let (last, before) = idents.split_last()?;
    let start = usize::try_from(last.span.start.column).ok()?.checked_sub(1)?;
    let end = ends.get(&start).copied().unwrap_or(start + last.value.len());
    Some(TableUse {
        schema: before.last().map(|ident| ident.value.clone()),
        name: last.value.clone(),
        alias: alias.clone(),
        access: Access::Read,
        span: span(start, end),
    })
}

/// Everything was taken as read; the tables that the statement writes or deletes are marked here.
fn apply_access(statement: &Statement, found: &mut [TableUse]) {
    match statement {
        Statement::Insert(insert) => {
            if let TableObject::TableName(name) = &insert.table {
                mark_name(found, name, Access::Write);
            }
        }
        Statement::Update(update) => apply_update(update, found),
        Statement::Delete(delete) => apply_delete(delete, found),
        Statement::Query(query) => {
            // `WITH … UPDATE` and the like stand inside the query's body.
            match query.body.as_ref() {
                sqlparser::ast::SetExpr::Insert(inner)
                | sqlparser::ast::SetExpr::Update(inner)
                | sqlparser::ast::SetExpr::Delete(inner) => apply_access(inner, found),
                _ => {}
            }
        }
        _ => {}
    }
}

fn apply_update(update: &Update, found: &mut [TableUse]) {
    let targets = assigned_qualifiers(&update.assignments);
    let mut marked = false;
    for target in &targets {
        marked |= mark_qualifier(found, factors(std::slice::from_ref(&update.table)), target, Access::Write);
    }
    if !marked && let Some(first) = factors(std::slice::from_ref(&update.table)).next() {
        mark_factor(found, first, Access::Write);
    }
}

fn assigned_qualifiers(assignments: &[Assignment]) -> Vec<String> {
    let mut out = Vec::new();
    let mut push = |name: &ObjectName| {
        if let [.., ObjectNamePart::Identifier(qualifier), _] = name.0.as_slice() {
            out.push(qualifier.value.clone());
        }
    };
    for assignment in assignments {
        match &assignment.target {
            AssignmentTarget::ColumnName(name) => push(name),
            AssignmentTarget::Tuple(names) => names.iter().for_each(&mut push),
        }
    }
    out
}

fn apply_delete(delete: &Delete, found: &mut [TableUse]) {
    let from = match &delete.from {
        FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from) => from.as_slice(),
    };
    if delete.tables.is_empty() {
        match &delete.using {
            // `DELETE FROM a USING a JOIN b`: what follows FROM is deleted, the rest is read.
            Some(using) => {
                for factor in factors(from) {
                    mark_factor(found, factor, Access::Delete);
                    if let TableFactor::Table { name, .. } = factor
                        && let Some(ident) = name.0.last().and_then(ObjectNamePart::as_ident)
                    {
                        mark_qualifier(found, factors(using), &ident.value, Access::Delete);
                    }
                }
            }
            None => factors(from).take(1).for_each(|factor| {
                mark_factor(found, factor, Access::Delete);
            }),
        }
        return;
    }
    for target in &delete.tables {
        if let Some(ident) = target.0.iter().rev().filter_map(ObjectNamePart::as_ident).find(|ident| ident.value != "*")
        {
            mark_qualifier(found, factors(from), &ident.value, Access::Delete);
        }
        mark_name(found, target, Access::Delete);
    }
}

/// The tables of a FROM list with their joins, nested ones included.
fn factors(list: &[TableWithJoins]) -> impl Iterator<Item = &TableFactor> {
    let mut out = Vec::new();
    let mut pending: Vec<&TableWithJoins> = list.iter().rev().collect();
    while let Some(item) = pending.pop() {
        for factor in std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation)) {
            match factor {
                TableFactor::NestedJoin { table_with_joins, .. } => pending.push(table_with_joins),
                other => out.push(other),
            }
        }
    }
    out.into_iter()
}

fn mark_qualifier<'a>(
    found: &mut [TableUse],
    factors: impl Iterator<Item = &'a TableFactor>,
    qualifier: &str,
    access: Access,
) -> bool {
    for factor in factors {
        let TableFactor::Table { name, alias, .. } = factor else { continue };
        let called = match alias {
            Some(alias) => Some(alias.name.value.as_str()),
            None => name.0.last().and_then(ObjectNamePart::as_ident).map(|ident| ident.value.as_str()),
        };
        if called.is_some_and(|called| called.eq_ignore_ascii_case(qualifier)) {
            return mark_factor(found, factor, access);
        }
    }
    false
}

fn mark_factor(found: &mut [TableUse], factor: &TableFactor, access: Access) -> bool {
    match factor {
        TableFactor::Table { name, .. } => mark_name(found, name, access),
        _ => false,
    }
}

fn mark_name(found: &mut [TableUse], name: &ObjectName, access: Access) -> bool {
    let Some(ident) = name.0.last().and_then(ObjectNamePart::as_ident) else { return false };
    let Some(start) = ident.span.start.column.checked_sub(1) else { return false };
    match found.iter_mut().find(|table| u64::from(table.span.start) == start) {
        Some(table) => {
            table.access = access;
            true
        }
        None => false,
    }
}
