//! DDL as data: what a schema replay applies and what a dump describes.
//!
//! MySQL's definitions are read by hand from tokens, not through sqlparser: dumps hold forms that it refuses
//! (functional keys, index options, introduced defaults, conditional comments), and a dump must be read to its end.

mod alter;
mod cursor;
mod table;
#[cfg(test)]
mod tests;

pub use cursor::TableName;
use cursor::{Cursor, Parsed};

use super::lex::{self, Kind, Token};
use super::verb::verb as verb_of;
use super::{TableUse, clause, span, walk};
use crate::schema::{Check, ColumnDef, DefaultValue, ForeignKey, Index};
use crate::source::Span;

/// One statement of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DdlStatement {
    /// Where it stands in the text.
    pub span: Span,
    /// What it does.
    pub kind: Ddl,
}

/// What a statement does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ddl {
    /// `CREATE TABLE`
    CreateTable(Box<CreateTable>),
    /// `ALTER TABLE`
    AlterTable(AlterTable),
    /// `CREATE [UNIQUE|FULLTEXT|SPATIAL] INDEX`
    CreateIndex {
        /// The table.
        table: TableName,
        /// The index; it always has a name.
        index: Index,
        /// MariaDB's `IF NOT EXISTS`.
        if_not_exists: bool,
    },
    /// `DROP INDEX`
    DropIndex {
        /// The table.
        table: TableName,
        /// The index.
        name: String,
        /// MariaDB's `IF EXISTS`.
        if_exists: bool,
    },
    /// `DROP TABLE`
    DropTable {
        /// The tables.
        tables: Vec<TableName>,
        /// `IF EXISTS`
        if_exists: bool,
        /// `TEMPORARY`: no table of the schema is meant.
        temporary: bool,
    },
    /// `RENAME TABLE a TO b, c TO d`
    RenameTable(Vec<(TableName, TableName)>),
    /// `CREATE VIEW` and `ALTER VIEW`
    CreateView {
        /// The view.
        name: TableName,
        /// `OR REPLACE`, or `ALTER VIEW`.
        replaces: bool,
        /// The text of its query.
        query: String,
        /// The tables that the query reads.
        tables: Vec<TableUse>,
    },
    /// `DROP VIEW`
    DropView {
        /// The views.
        views: Vec<TableName>,
        /// `IF EXISTS`
        if_exists: bool,
    },
    /// `TRUNCATE`
    Truncate(TableName),
    /// `USE`: the schema of the names that follow.
    Use(String),
    /// A statement that changes no table's definition; the verb in capitals.
    NoDdl(String),
}

/// A statement, or a clause of one, that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DdlProblem {
    /// Where it stands in the text.
    pub span: Span,
    /// What was expected and what was found.
    pub reason: String,
    /// The text, cut when long.
    pub text: String,
}

/// `CREATE TABLE`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTable {
    /// The table.
    pub name: TableName,
    /// `IF NOT EXISTS`
    pub if_not_exists: bool,
    /// `TEMPORARY`
    pub temporary: bool,
    /// The columns in order.
    pub columns: Vec<ColumnDef<String>>,
    /// Keys that are declared apart from columns, the primary key included. A key without a name has an empty one.
    pub indexes: Vec<Index>,
    /// Foreign keys that are declared apart from columns.
    pub foreign_keys: Vec<ForeignKey>,
    /// Checks that are declared apart from columns.
    pub checks: Vec<Check>,
    /// What follows the closing parenthesis.
    pub options: TableOptions,
    /// `LIKE other`
    pub like: Option<TableName>,
    /// The text of `AS SELECT …`: columns come from it as well.
    pub select: Option<String>,
}

/// Table options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// `ENGINE`
    pub engine: Option<String>,
    /// `DEFAULT CHARSET`
    pub charset: Option<String>,
    /// `COLLATE`
    pub collation: Option<String>,
    /// `AUTO_INCREMENT`
    pub auto_increment: Option<u64>,
    /// `COMMENT`
    pub comment: Option<String>,
    /// `ROW_FORMAT`, in capitals
    pub row_format: Option<String>,
    /// Other options in order, names in capitals.
    pub other: Vec<(String, String)>,
    /// The text of `PARTITION BY …`.
    pub partition_by: Option<String>,
}

/// `ALTER TABLE`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterTable {
    /// The table.
    pub table: TableName,
    /// MariaDB's `IF EXISTS`
    pub if_exists: bool,
    /// Its clauses in order.
    pub clauses: Vec<AlterClause>,
}

/// Where a column goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Position {
    /// Not said: at the end, or where it was.
    #[default]
    Unsaid,
    /// `FIRST`
    First,
    /// `AFTER column`
    After(String),
}

/// A clause of `ALTER TABLE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlterClause {
    /// `ADD [COLUMN]`
    AddColumn {
        /// The column.
        column: ColumnDef<String>,
        /// Where it goes.
        position: Position,
        /// MariaDB's `IF NOT EXISTS`
        if_not_exists: bool,
    },
    /// `DROP [COLUMN]`
    DropColumn {
        /// The column.
        name: String,
        /// MariaDB's `IF EXISTS`
        if_exists: bool,
    },
    /// `MODIFY [COLUMN]`
    ModifyColumn {
        /// The new definition.
        column: ColumnDef<String>,
        /// Where it goes.
        position: Position,
    },
    /// `CHANGE [COLUMN] old new …`
    ChangeColumn {
        /// The old name.
        old: String,
        /// The new definition.
        column: ColumnDef<String>,
        /// Where it goes.
        position: Position,
    },
    /// `RENAME COLUMN old TO new`
    RenameColumn {
        /// The old name.
        old: String,
        /// The new name.
        new: String,
    },
    /// `ALTER [COLUMN] c SET DEFAULT …`; `None` for `DROP DEFAULT` and for NULL.
    SetDefault {
        /// The column.
        column: String,
        /// The default.
        default: Option<DefaultValue>,
    },
    /// `ADD INDEX`, `ADD UNIQUE`, `ADD PRIMARY KEY`, …
    AddIndex(Index),
    /// `ADD FOREIGN KEY`
    AddForeignKey(ForeignKey),
    /// `ADD CHECK`
    AddCheck(Check),
    /// `DROP {INDEX|KEY} name`
    DropKey(String),
    /// `DROP PRIMARY KEY`
    DropPrimaryKey,
    /// `DROP FOREIGN KEY name`
    DropForeignKey(String),
    /// `DROP {CONSTRAINT|CHECK} name`: a check, a foreign key, or a unique key of that name.
    DropConstraint(String),
    /// `RENAME [TO] table`
    RenameTo(TableName),
    /// `RENAME {INDEX|KEY} old TO new`
    RenameKey {
        /// The old name.
        old: String,
        /// The new name.
        new: String,
    },
    /// `CONVERT TO CHARACTER SET`: the columns change too.
    ConvertTo {
        /// The character set; `DEFAULT` stands for the schema's.
        charset: String,
        /// The collation.
        collation: Option<String>,
    },
    /// Table options such as `ENGINE=`, `AUTO_INCREMENT=`.
    Options(TableOptions),
    /// What changes no definition: `ALGORITHM`, `LOCK`, `FORCE`, `DISABLE KEYS`, visibility of an index, partitions.
    Unmodelled(String),
}

/// Why a stored program is a problem: what it defines is defined when it is called.
pub const IN_PROGRAM: &str = "DDL inside a stored program is not read";

/// Reads the DDL of a text: statements, whole dumps, and what `SHOW CREATE TABLE …\G` printed.
#[must_use]
pub fn ddl(text: &str) -> (Vec<DdlStatement>, Vec<DdlProblem>) {
    let mut tokens = lex::lex(text, false);
    cut_vertical_output(&mut tokens);
    let mut statements = Vec::new();
    let mut problems = Vec::new();
    for tokens in lex::statements(&tokens) {
        let whole = match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => span(first.start, last.end),
            _ => continue,
        };
        let mut cursor = Cursor::new(text, tokens);
        match statement(&mut cursor, &mut problems) {
            Ok(kind) => statements.push(DdlStatement { span: whole, kind }),
            Err(reason) => problems.push(DdlProblem { span: whole, reason, text: cut(&text[whole.range()]) }),
        }
    }
    (statements, problems)
}

/// A statement's text for people.
fn cut(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut out: String = text.chars().take(LONGEST).collect();
    if out.len() < text.len() {
        out.push('…');
    }
    out
}

/// `\G` prints `*** 1. row ***`, `Table: x`, `Create Table: CREATE TABLE …` and no end of statement: the head of each
/// row becomes one.
fn cut_vertical_output(tokens: &mut Vec<Token<'_>>) {
    let mut at = 0;
    while at + 2 < tokens.len() {
        let stars = tokens[at..].iter().take_while(|token| token.sign("*")).count();
        if stars < 4 {
            at += 1;
            continue;
        }
        let head = tokens[at..]
            .windows(3)
            .position(|w| w[0].is("Create") && w[1].is_any(&["Table", "View"]) && w[2].sign(":"));
        let length = head.map_or(stars, |head| head + 3);
        tokens[at].kind = Kind::End;
        tokens.drain(at + 1..at + length);
        at += 1;
    }
}

fn statement(cursor: &mut Cursor<'_, '_>, problems: &mut Vec<DdlProblem>) -> Parsed<Ddl> {
    let Some(verb) =
        cursor.peek().filter(|token| token.kind == Kind::Word).map(|token| token.text.to_ascii_uppercase())
    else {
        return match verb_of(cursor.rest()) {
            verb if verb.is_empty() => Err(cursor.expected("a statement")),
            verb => Ok(Ddl::NoDdl(verb)),
        };
    };
    match verb.as_str() {
        "CREATE" => create(cursor),
        "ALTER" => {
            cursor.advance();
            cursor.eat_any(&["ONLINE", "OFFLINE"]);
            cursor.eat("IGNORE");
            if cursor.eat("TABLE") {
                return alter::alter_table(cursor, problems).map(Ddl::AlterTable);
            }
            if cursor.rest().iter().take(12).take_while(|token| !token.is("AS")).any(|token| token.is("VIEW")) {
                return view(cursor, true);
            }
            Ok(Ddl::NoDdl(verb))
        }
        "DROP" => drop_object(cursor),
        "RENAME" => {
            cursor.advance();
            if !cursor.eat_any(&["TABLE", "TABLES"]) {
                return Ok(Ddl::NoDdl(verb));
            }
            cursor.if_exists();
            let mut pairs = Vec::new();
            loop {
                let from = cursor.table_name()?;
                cursor.expect("TO")?;
                pairs.push((from, cursor.table_name()?));
                if !cursor.eat_sign(",") {
                    break;
                }
            }
            cursor.end()?;
            Ok(Ddl::RenameTable(pairs))
        }
        "TRUNCATE" => {
            cursor.advance();
            cursor.eat("TABLE");
            Ok(Ddl::Truncate(cursor.table_name()?))
        }
        "USE" => {
            cursor.advance();
            Ok(Ddl::Use(cursor.name("a schema")?))
        }
        "BEGIN" | "DECLARE" | "IF" | "WHILE" | "LOOP" | "REPEAT" | "CALL" | "PREPARE" | "EXECUTE" => {
            if contains_ddl(cursor.rest()) {
                return Err("DDL inside a procedure's body is not read".to_owned());
            }
            Ok(Ddl::NoDdl(verb))
        }
        _ if !verb_of(cursor.rest()).is_empty() => Ok(Ddl::NoDdl(verb)),
        "SET" | "UNLOCK" | "DELIMITER" | "SIGNAL" | "RETURN" | "SAVEPOINT" | "RELEASE" | "RESET" | "CHANGE"
        | "PURGE" | "STOP" | "INSTALL" | "UNINSTALL" | "SOURCE" | "HELP" | "BINLOG" | "XA" | "SHUTDOWN" | "CLONE"
        | "COMMIT" | "DO" => Ok(Ddl::NoDdl(verb)),
        _ => Err(cursor.expected("a statement")),
    }
}

fn contains_ddl(tokens: &[Token<'_>]) -> bool {
    tokens.windows(2).any(|w| {
        w[0].is_any(&["CREATE", "ALTER", "DROP", "RENAME"]) && w[1].is_any(&["TABLE", "INDEX", "UNIQUE", "VIEW"])
    })
}

fn create(cursor: &mut Cursor<'_, '_>) -> Parsed<Ddl> {
    let start = cursor.at();
    cursor.advance();
    let replaces = cursor.eat("OR") && cursor.eat("REPLACE");
    cursor.eat_any(&["ONLINE", "OFFLINE"]);
    let temporary = cursor.eat("TEMPORARY");
    if cursor.eat("TABLE") {
        return table::create_table(cursor, temporary).map(|table| Ddl::CreateTable(Box::new(table)));
    }
    let index = if cursor.eat("UNIQUE") {
        Some(Index { unique: true, ..Index::default() })
    } else if cursor.next_is_any(&["FULLTEXT", "SPATIAL"]) {
        Some(table::special_index(cursor))
    } else {
        cursor.next_is("INDEX").then(Index::default)
    };
    if let Some(mut index) = index {
        cursor.expect("INDEX")?;
        let if_not_exists = cursor.if_not_exists();
        index.name = cursor.name("an index")?;
        table::using(cursor, &mut index)?;
        cursor.expect("ON")?;
        let table = cursor.table_name()?;
        index.parts = table::key_parts(cursor)?;
        table::key_options(cursor, &mut index)?;
        while cursor.next_is_any(&["ALGORITHM", "LOCK", "WAIT", "NOWAIT"]) {
            cursor.option()?;
        }
        cursor.end()?;
        return Ok(Ddl::CreateIndex { table, index, if_not_exists });
    }
    let head: Vec<_> = cursor
        .rest()
        .iter()
        .take(16)
        .map_while(|token| (!token.is("AS")).then_some(token))
        .filter(|token| token.is_any(&["VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT"]))
        .take(1)
        .collect();
    if head.first().is_some_and(|token| token.is("VIEW")) {
        return view(cursor, replaces);
    }
    if !head.is_empty() && contains_ddl(cursor.rest()) {
        return Err(IN_PROGRAM.to_owned());
    }
    if cursor.next_is("SEQUENCE") {
        return Ok(Ddl::NoDdl("CREATE".to_owned()));
    }
    let verb = verb_of(cursor.from(start));
    if verb.is_empty() { Err(cursor.expected("TABLE, INDEX or VIEW")) } else { Ok(Ddl::NoDdl(verb)) }
}

fn view(cursor: &mut Cursor<'_, '_>, replaces: bool) -> Parsed<Ddl> {
    while !cursor.eat("VIEW") {
        cursor.advance();
    }
    cursor.if_not_exists();
    let name = cursor.table_name()?;
    if cursor.next_sign("(") {
        cursor.parens()?;
    }
    cursor.expect("AS")?;
    let tokens = cursor.rest();
    let verb = verb_of(tokens);
    let tables = walk::tables(tokens, &verb).unwrap_or_else(|| clause::tables(tokens, &verb).0);
    let query = cursor.rest_text().to_owned();
    Ok(Ddl::CreateView { name, replaces, query, tables })
}

fn drop_object(cursor: &mut Cursor<'_, '_>) -> Parsed<Ddl> {
    cursor.advance();
    cursor.eat_any(&["ONLINE", "OFFLINE"]);
    let temporary = cursor.eat("TEMPORARY");
    let is_view = cursor.next_is("VIEW");
    if is_view || cursor.next_is_any(&["TABLE", "TABLES"]) {
        cursor.advance();
        let if_exists = cursor.if_exists();
        let mut names = vec![cursor.table_name()?];
        while cursor.eat_sign(",") {
            names.push(cursor.table_name()?);
        }
        cursor.eat_any(&["RESTRICT", "CASCADE"]);
        cursor.end()?;
        return Ok(if is_view {
            Ddl::DropView { views: names, if_exists }
        } else {
            Ddl::DropTable { tables: names, if_exists, temporary }
        });
    }
    if cursor.eat("INDEX") {
        let if_exists = cursor.if_exists();
        let name = cursor.name("an index")?;
        cursor.expect("ON")?;
        return Ok(Ddl::DropIndex { table: cursor.table_name()?, name, if_exists });
    }
    Ok(Ddl::NoDdl("DROP".to_owned()))
}
