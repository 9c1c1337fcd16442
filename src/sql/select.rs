//! Answers queries over tables that are at hand, such as those of `information_schema`.
//!
//! Only what can be answered for sure is: inner joins, conditions of comparisons, lists and patterns, columns, constants
//! and counts. For anything else there is no answer.

use rustc_hash::FxHashMap;
use sqlparser::ast::{
    BinaryOperator, Distinct, Expr, FunctionArguments, GroupByExpr, Join, JoinConstraint, JoinOperator, Query, Select,
    SelectItem, SetExpr, Statement, TableFactor, UnaryOperator, Value,
};
use sqlparser::dialect::MySqlDialect;
use sqlparser::parser::Parser;

/// A value in a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cell {
    /// `NULL`
    Null,
    /// An integer.
    Int(i64),
    /// Text, which is compared without regard to case.
    Text(String),
    /// The name of the database at hand, which `DATABASE()` gives: whether it is a certain name is unknown.
    Database,
}

/// A table at hand.
#[derive(Clone, Debug, Default)]
pub struct Relation {
    /// Its columns, in small letters.
    pub columns: &'static [&'static str],
    /// Its rows.
    pub rows: Vec<Vec<Cell>>,
}

/// The rows that a query gives, when `table` has the tables that it names (`schema.table`, in small letters).
#[must_use]
pub fn select(text: &str, table: &dyn Fn(&str) -> Option<Relation>) -> Option<Vec<Vec<Cell>>> {
    let statements = Parser::parse_sql(&MySqlDialect {}, text).ok()?;
    let [Statement::Query(query)] = statements.as_slice() else { return None };
    let select = plain(query)?;
    let mut sources: Vec<Source> = Vec::new();
    let mut conditions: Vec<&Expr> = Vec::new();
    let mut add = |factor: &TableFactor| -> Option<()> {
        let TableFactor::Table { name, alias, args: None, .. } = factor else { return None };
        let names: Option<Vec<&str>> = name.0.iter().map(|part| Some(part.as_ident()?.value.as_str())).collect();
        let full = names?.join(".").to_lowercase();
        let called = alias.as_ref().map_or_else(
            || full.rsplit('.').next().unwrap_or(&full).to_owned(),
            |alias| alias.name.value.to_lowercase(),
        );
        sources.push(Source { name: called, of: table(&full)? });
        Some(())
    };
    for from in &select.from {
        add(&from.relation)?;
        for Join { relation, join_operator, .. } in &from.joins {
            add(relation)?;
            match join_operator {
                JoinOperator::Join(JoinConstraint::On(on)) | JoinOperator::Inner(JoinConstraint::On(on)) => {
                    conjuncts(on, &mut conditions);
                }
                JoinOperator::CrossJoin(JoinConstraint::None) => {}
                _ => return None,
            }
        }
    }
    if let Some(selection) = &select.selection {
        conjuncts(selection, &mut conditions);
    }
    let rows = join(&sources, &conditions)?;
    let outputs: Vec<&Expr> = select
        .projection
        .iter()
        .map(|item| match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr),
            _ => None,
        })
        .collect::<Option<_>>()?;
    if let [expr] = outputs[..]
        && is_count(expr)
    {
        return Some(vec![vec![Cell::Int(i64::try_from(rows.len()).ok()?)]]);
    }
    let mut out = Vec::with_capacity(rows.len());
    for row in &rows {
        let scope = Scope { sources: &sources, row };
        let cells: Vec<Cell> = outputs.iter().map(|expr| scope.cell(expr)).collect::<Option<_>>()?;
        if select.distinct.is_none() || !out.contains(&cells) {
            out.push(cells);
        }
    }
    Some(out)
}

/// The query without anything that would make its rows others.
fn plain(query: &Query) -> Option<&Select> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let ungrouped = matches!(&select.group_by, GroupByExpr::Expressions(by, more) if by.is_empty() && more.is_empty());
    let whole =
        query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none() && query.fetch.is_none();
    let distinct = matches!(select.distinct, None | Some(Distinct::Distinct));
    (whole && ungrouped && distinct && select.having.is_none() && select.into.is_none()).then_some(select)
}

fn is_count(expr: &Expr) -> bool {
    matches!(expr, Expr::Function(function) if function.name.to_string().eq_ignore_ascii_case("count")
        && matches!(&function.args, FunctionArguments::List(list) if list.duplicate_treatment.is_none()
            && matches!(list.args.as_slice(), [arg] if matches!(arg.to_string().as_str(), "*" | "1"))))
}

struct Source {
    name: String,
    of: Relation,
}

/// What has to hold, all of it.
fn conjuncts<'e>(expr: &'e Expr, into: &mut Vec<&'e Expr>) {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjuncts(left, into);
            conjuncts(right, into);
        }
        Expr::Nested(inner) => conjuncts(inner, into),
        other => into.push(other),
    }
}

/// The rows of all tables together that fulfil the conditions, each as the numbers of its parts.
fn join(sources: &[Source], conditions: &[&Expr]) -> Option<Vec<Vec<usize>>> {
    let mut rows: Vec<Vec<usize>> = vec![Vec::new()];
    let mut open: Vec<&Expr> = conditions.to_vec();
    for at in 0..sources.len() {
        let bound = &sources[..=at];
        // Each condition is looked at as soon as all that it names is there.
        let (mut now, mut later) = (Vec::new(), Vec::new());
        for condition in open {
            if names(condition, bound)? { now.push(condition) } else { later.push(condition) }
        }
        open = later;
        let tie = now.iter().find_map(|condition| tie(condition, sources, at));
        let by: Option<FxHashMap<Cell, Vec<usize>>> = tie.as_ref().map(|(own, _)| {
            let mut by: FxHashMap<Cell, Vec<usize>> = FxHashMap::default();
            for (number, row) in sources[at].of.rows.iter().enumerate() {
                by.entry(folded(&row[*own])).or_default().push(number);
            }
            by
        });
        let every: Vec<usize> = (0..sources[at].of.rows.len()).collect();
        let mut next = Vec::new();
        for row in &rows {
            let candidates = match (&tie, &by) {
                (Some((_, other)), Some(by)) => {
                    let key = Scope { sources, row }.cell(other)?;
                    by.get(&folded(&key)).map_or(&[][..], Vec::as_slice)
                }
                _ => &every,
            };
            for &candidate in candidates {
                let mut row = row.clone();
                row.push(candidate);
                let scope = Scope { sources: bound, row: &row };
                let mut holds = true;
                for condition in &now {
                    holds &= scope.holds(condition)? == Some(true);
                    if !holds {
                        break;
                    }
                }
                if holds {
                    next.push(row);
                }
            }
        }
        rows = next;
    }
    open.is_empty().then_some(rows)
}

/// `new.column = expression` over the tables before: the column's number, and the expression.
fn tie<'e>(condition: &&'e Expr, sources: &[Source], at: usize) -> Option<(usize, &'e Expr)> {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = *condition else { return None };
    [(left, right), (right, left)].into_iter().find_map(|(own, other)| {
        let (source, column) = place(own, &sources[..=at])?;
        let before = names(other, &sources[..at]) == Some(true) && at > 0;
        (source == at && before).then_some((column, other.as_ref()))
    })
}

/// Whether the tables have every column that an expression names; `None` when it holds what is not understood.
fn names(expr: &Expr, sources: &[Source]) -> Option<bool> {
    Some(match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => place(expr, sources).is_some(),
        Expr::Value(_) => true,
        Expr::Function(function) => match &function.args {
            FunctionArguments::List(list) if list.args.is_empty() => true,
            _ => return None,
        },
        Expr::Nested(inner) | Expr::IsNull(inner) | Expr::IsNotNull(inner) => names(inner, sources)?,
        Expr::UnaryOp { expr, .. } => names(expr, sources)?,
        Expr::BinaryOp { left, right, .. } => names(left, sources)? & names(right, sources)?,
        Expr::Like { expr, pattern, escape_char: None, any: false, .. } => {
            names(expr, sources)? & names(pattern, sources)?
        }
        Expr::InList { expr, list, .. } => {
            let mut all = names(expr, sources)?;
            for item in list {
                all &= names(item, sources)?;
            }
            all
        }
        _ => return None,
    })
}

/// The table and the column of a name.
fn place(expr: &Expr, sources: &[Source]) -> Option<(usize, usize)> {
    let (table, column) = match expr {
        Expr::Identifier(ident) => (None, ident.value.to_lowercase()),
        Expr::CompoundIdentifier(parts) => {
            let [.., table, column] = parts.as_slice() else { return None };
            (Some(table.value.to_lowercase()), column.value.to_lowercase())
        }
        _ => return None,
    };
    let mut found = sources.iter().enumerate().filter_map(|(at, source)| {
        let named = table.as_ref().is_none_or(|table| *table == source.name);
        let column = source.of.columns.iter().position(|known| *known == column)?;
        named.then_some((at, column))
    });
    let first = found.next();
    // A name that two tables have says nothing.
    found.next().map_or(first, |_| None)
}

/// A row while it is looked at.
struct Scope<'a> {
    sources: &'a [Source],
    row: &'a [usize],
}

impl Scope<'_> {
    fn cell(&self, expr: &Expr) -> Option<Cell> {
        match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                let (source, column) = place(expr, &self.sources[..self.row.len()])?;
                self.sources[source].of.rows[self.row[source]].get(column).cloned()
            }
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => Some(Cell::Text(text.clone())),
                Value::Number(number, _) => number.parse().ok().map(Cell::Int),
                Value::Null => Some(Cell::Null),
                _ => None,
            },
            Expr::Function(function) => {
                let name = function.name.to_string().to_lowercase();
                matches!(name.as_str(), "database" | "schema").then_some(Cell::Database)
            }
            Expr::Nested(inner) => self.cell(inner),
            _ => None,
        }
    }

    /// Whether a condition holds; the inner `None` is SQL's NULL, the outer one an unknown result.
    fn holds(&self, expr: &Expr) -> Option<Option<bool>> {
        Some(match expr {
            Expr::Nested(inner) => self.holds(inner)?,
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => self.holds(expr)?.map(|holds| !holds),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => match (self.holds(left)?, self.holds(right)?) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => match (self.holds(left)?, self.holds(right)?) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Expr::BinaryOp { left, op, right } => {
                let (left, right) = (self.cell(left)?, self.cell(right)?);
                let equal = equal(&left, &right)?;
                let order = || Some(folded(&left).cmp(&folded(&right)));
                match op {
                    BinaryOperator::Eq => equal,
                    BinaryOperator::NotEq => equal.map(|equal| !equal),
                    _ if equal.is_none() => None,
                    BinaryOperator::Lt => order().map(std::cmp::Ordering::is_lt),
                    BinaryOperator::LtEq => order().map(std::cmp::Ordering::is_le),
                    BinaryOperator::Gt => order().map(std::cmp::Ordering::is_gt),
                    BinaryOperator::GtEq => order().map(std::cmp::Ordering::is_ge),
                    _ => return None,
                }
            }
            Expr::IsNull(inner) => Some(self.cell(inner)? == Cell::Null),
            Expr::IsNotNull(inner) => Some(self.cell(inner)? != Cell::Null),
            Expr::InList { expr, list, negated } => {
                let cell = self.cell(expr)?;
                let mut found = Some(false);
                for item in list {
                    match equal(&cell, &self.cell(item)?)? {
                        Some(true) => found = Some(true),
                        None if found == Some(false) => found = None,
                        _ => {}
                    }
                }
                found.map(|found| found != *negated)
            }
            Expr::Like { expr, pattern, negated, escape_char: None, any: false } => {
                match (self.cell(expr)?, self.cell(pattern)?) {
                    (Cell::Text(text), Cell::Text(pattern)) => {
                        let (text, pattern) = (text.to_lowercase(), pattern.to_lowercase());
                        Some(like(text.as_bytes(), pattern.as_bytes()) != *negated)
                    }
                    (Cell::Null, _) | (_, Cell::Null) => None,
                    _ => return None,
                }
            }
            _ => return None,
        })
    }
}

/// Whether two values are equal; the inner `None` is NULL, the outer one an unknown result.
fn equal(a: &Cell, b: &Cell) -> Option<Option<bool>> {
    match (a, b) {
        (Cell::Null, _) | (_, Cell::Null) => Some(None),
        (Cell::Database, Cell::Database) => Some(Some(true)),
        (Cell::Database, _) | (_, Cell::Database) => None,
        (Cell::Int(_), Cell::Text(_)) | (Cell::Text(_), Cell::Int(_)) => None,
        _ => Some(Some(folded(a) == folded(b))),
    }
}

fn folded(cell: &Cell) -> Cell {
    match cell {
        Cell::Text(text) => Cell::Text(text.to_lowercase()),
        other => other.clone(),
    }
}

/// `%` stands for anything and `_` for one character; a backslash takes the meaning from either.
fn like(text: &[u8], pattern: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'%', rest @ ..] => (0..=text.len()).any(|at| like(&text[at..], rest)),
        [b'\\', literal, rest @ ..] => text.first() == Some(literal) && like(&text[1..], rest),
        [b'_', rest @ ..] => !text.is_empty() && like(&text[1..], rest),
        [literal, rest @ ..] => text.first() == Some(literal) && like(&text[1..], rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    fn table(name: &str) -> Option<Relation> {
        let column =
            |table: &str, column: &str, of: i64| vec![Cell::Database, text(table), text(column), Cell::Int(of)];
        match name {
            "information_schema.columns" => Some(Relation {
                columns: &["table_schema", "table_name", "column_name", "ordinal_position"],
                rows: vec![column("a", "id", 1), column("a", "Name", 2), column("b", "id", 1), column("b", "a_id", 2)],
            }),
            "information_schema.key_column_usage" => Some(Relation {
                columns: &["table_name", "column_name", "referenced_table_name"],
                rows: vec![
                    vec![text("b"), text("a_id"), text("a")],
                    vec![text("a"), text("id"), Cell::Null],
                    vec![text("b"), text("id"), Cell::Null],
                ],
            }),
            _ => None,
        }
    }

    #[track_caller]
    fn check(query: &str, expected: &str) {
        let answer = select(query, &table).map_or_else(
            || "unknown".to_owned(),
            |rows| {
                let cell = |cell: &Cell| match cell {
                    Cell::Null => "NULL".to_owned(),
                    Cell::Int(number) => number.to_string(),
                    Cell::Text(text) => text.clone(),
                    Cell::Database => "DATABASE".to_owned(),
                };
                rows.iter().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
            },
        );
        assert_eq!(answer, expected, "{query}");
    }

    #[test]
    fn conditions_are_sqls() {
        let columns = "SELECT column_name FROM information_schema.columns WHERE ";
        for (condition, expected) in [
            ("table_schema = DATABASE() AND table_name = 'A'", "id, Name"),
            ("TABLE_NAME = 'a' AND NOT COLUMN_NAME = 'id'", "Name"),
            ("table_name IN ('a', 'c') AND column_name LIKE 'n%'", "Name"),
            ("table_name = 'b' AND column_name LIKE '%\\\\_id'", "a_id"),
            ("(table_name = 'b' OR column_name = 'name') AND ordinal_position >= 2", "Name, a_id"),
            ("column_name = NULL", ""),
            // The name of the database is unknown.
            ("table_schema = 'edxapp'", "unknown"),
            ("length(column_name) > 2", "unknown"),
            ("unheard_of = 1", "unknown"),
        ] {
            check(&format!("{columns}{condition}"), expected);
        }
    }

    #[test]
    fn tables_are_joined_and_rows_counted() {
        check("SELECT COUNT(*) FROM information_schema.columns WHERE table_name = 'a'", "2");
        check("SELECT DISTINCT table_name FROM information_schema.columns", "a, b");
        check(
            "SELECT c.table_name, k.column_name, k.referenced_table_name FROM information_schema.COLUMNS c JOIN \
             information_schema.KEY_COLUMN_USAGE k ON k.TABLE_NAME = c.TABLE_NAME AND k.COLUMN_NAME = c.COLUMN_NAME \
             WHERE k.REFERENCED_TABLE_NAME IS NOT NULL",
            "b a_id a",
        );
        check("SELECT column_name FROM information_schema.columns c, information_schema.key_column_usage k", "unknown");
        check("SELECT column_name FROM information_schema.columns ORDER BY 1", "unknown");
        check("SELECT a FROM other", "unknown");
        check("DELETE FROM information_schema.columns", "unknown");
    }
}
