//! Raw SQL and DDL text: which tables and columns it names, with what access, and what its DDL changes.
//!
//! sqlparser lives here alone and none of its types leave this module. What it cannot parse is read token by token
//! (`clause`), so that a table is never dropped because a text is broken, a fragment, or newer than the parser.

mod bound;
mod clause;
mod ddl;
mod lex;
mod select;
mod verb;
mod walk;

#[cfg(test)]
mod tests;

pub use bound::{Bound, upper_bound};
pub use lex::HOLE;
pub(crate) use lex::{Kind as TokenKind, Token, lex, statements};
pub use select::{Cell, Relation, select};

pub use ddl::{
    AlterClause, AlterTable, CreateTable, Ddl, DdlProblem, DdlStatement, IN_PROGRAM, Position, TableName, TableOptions,
    ddl,
};

use verb::{is_fragment, verb};

use crate::finding::Access;
use crate::source::Span;

/// What a text of SQL says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlReading {
    /// What kind of text it is.
    pub shape: Shape,
    /// Its statements in order; a fragment is one statement.
    pub statements: Vec<SqlStatement>,
    /// Every name and every string that is one word, in order: what a caller looks up so that no mention is lost.
    pub names: Vec<NameUse>,
}

/// What kind of text was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// Whole statements.
    Statements,
    /// A part of a statement: a condition, a join, a list of tables.
    Fragment,
    /// Nothing in it looks like SQL.
    #[default]
    Other,
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlStatement {
    /// Where it stands in the text.
    pub span: Span,
    /// Its leading keyword in capitals; empty for a fragment.
    pub verb: String,
    /// Whether a grammar accepted it. When not, tables were found by their place after keywords.
    pub parsed: bool,
    /// The tables it names.
    pub tables: Vec<TableUse>,
    /// The columns it names.
    pub columns: Vec<ColumnUse>,
}

/// A table named in a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableUse {
    /// The schema (database) before the point.
    pub schema: Option<String>,
    /// The name, without quotes. Holds [`HOLE`] where a part is unknown.
    pub name: String,
    /// The alias.
    pub alias: Option<String>,
    /// What is done to it.
    pub access: Access,
    /// The name's token, with its quotes.
    pub span: Span,
}

/// A column named in a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnUse {
    /// What stands before the point, as it stands.
    pub qualifier: Option<String>,
    /// The table: the qualifier with aliases resolved, or the only table of the statement.
    pub table: Option<String>,
    /// The column's name.
    pub name: String,
    /// What is done to its table.
    pub access: Access,
    /// From the qualifier to the end of the name.
    pub span: Span,
}

/// A name, or a string that is one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameUse {
    /// The name.
    pub name: String,
    /// Whether it is a string literal.
    pub in_string: bool,
    /// Its token.
    pub span: Span,
}

impl SqlReading {
    /// What the text does to a table, all its statements together; `None` when the table is not named. A table that is
    /// named where no statement could be read has access unknown.
    #[must_use]
    pub fn access_to(&self, table: &str) -> Option<Access> {
        let of_tables = self.tables().filter(|used| used.name.eq_ignore_ascii_case(table)).map(|used| used.access);
        let of_columns = self.columns().filter(|used| used.table_is(table)).map(|used| used.access);
        of_tables
            .reduce(join)
            .or_else(|| of_columns.reduce(join))
            .or_else(|| self.names.iter().any(|used| used.name.eq_ignore_ascii_case(table)).then_some(Access::Unknown))
    }

    /// What the text does to a column of this name: `None` when it is not named.
    #[must_use]
    pub fn access_to_column(&self, column: &str) -> Option<Access> {
        self.columns()
            .filter(|used| used.name.eq_ignore_ascii_case(column))
            .map(|used| used.access)
            .reduce(join)
            .or_else(|| self.names.iter().any(|used| used.name.eq_ignore_ascii_case(column)).then_some(Access::Unknown))
    }

    /// The tables of all statements.
    pub fn tables(&self) -> impl Iterator<Item = &TableUse> {
        self.statements.iter().flat_map(|statement| &statement.tables)
    }

    /// The columns of all statements.
    pub fn columns(&self) -> impl Iterator<Item = &ColumnUse> {
        self.statements.iter().flat_map(|statement| &statement.columns)
    }
}

impl ColumnUse {
    fn table_is(&self, table: &str) -> bool {
        self.table.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(table))
    }
}

/// Two accesses to one table, as one.
#[must_use]
pub fn join(a: Access, b: Access) -> Access {
    use Access::{Delete, None, Read, ReadWrite, Schema, Unknown, Write};
    match (a, b) {
        (Unknown | None, other) | (other, Unknown | None) => other,
        (Schema, _) | (_, Schema) => Schema,
        (Delete, Read | Delete) | (Read, Delete) => Delete,
        (Read, Read) => Read,
        (Write | Delete, Write | Delete) => Write,
        (Read | Write | ReadWrite | Delete, ReadWrite) | (ReadWrite, Read | Write | Delete) => ReadWrite,
        (Read, Write) | (Write, Read) => ReadWrite,
    }
}

/// Reads a text of SQL: whole statements, a fragment such as `WHERE x.id = %s`, or a list of tables. Placeholders
/// (`%s`, `%(name)s`, `{name}`, `?`, `:name`, [`HOLE`]) may stand anywhere.
#[must_use]
pub fn tables(text: &str) -> SqlReading {
    let tokens = lex::lex(text, true);
    let names = tokens.iter().filter_map(name_use).collect();
    let mut statements: Vec<SqlStatement> = lex::statements(&tokens).map(read_statement).collect();
    let shape = if statements.iter().any(|statement| !statement.verb.is_empty()) {
        Shape::Statements
    } else if statements.iter().any(|statement| !statement.tables.is_empty() || !statement.columns.is_empty()) {
        Shape::Fragment
    } else {
        Shape::Other
    };
    if shape == Shape::Other {
        statements.clear();
    }
    SqlReading { shape, statements, names }
}

fn name_use(token: &lex::Token<'_>) -> Option<NameUse> {
    let in_string = match token.kind {
        lex::Kind::Word | lex::Kind::Quoted => false,
        lex::Kind::Str if !token.text.contains(char::is_whitespace) => true,
        _ => return None,
    };
    Some(NameUse { name: token.text.to_string(), in_string, span: span(token.start, token.end) })
}

fn read_statement(tokens: &[lex::Token<'_>]) -> SqlStatement {
    let verb = verb(tokens);
    let (tables, parsed) = match walk::tables(tokens, &verb) {
        Some(tables) => (tables, true),
        None => clause::tables(tokens, &verb),
    };
    let columns =
        if verb.is_empty() && !is_fragment(tokens) { Vec::new() } else { clause::columns(tokens, &tables, &verb) };
    let start = tokens.first().map_or(0, |token| token.start);
    let end = tokens.last().map_or(0, |token| token.end);
    SqlStatement { span: span(start, end), verb, parsed, tables, columns }
}

fn span(start: usize, end: usize) -> Span {
    Span::new(u32::try_from(start).unwrap_or(u32::MAX), u32::try_from(end).unwrap_or(u32::MAX))
}
