//! Statements that change a schema.

use super::{Check, Column, ColumnType, ForeignKey, Index};

/// A column with what may stand beside its definition. `T` is the type of the column, see [`Column`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnDef<T = ColumnType> {
    /// The column.
    pub column: Column<T>,
    /// `UNIQUE` or `PRIMARY KEY` in the definition.
    pub key: Unique,
    /// Every CHECK in the definition.
    pub checks: Vec<Check>,
    /// `REFERENCES` in the definition. MySQL before 9.0 reads and forgets it; MariaDB makes a foreign key.
    pub references: Option<ForeignKey>,
}

impl<T> ColumnDef<T> {
    /// A column with nothing beside it.
    pub fn new(column: Column<T>) -> Self {
        Self { column, key: Unique::No, checks: Vec::new(), references: None }
    }
}

impl ColumnDef<String> {
    /// The definition with its type parsed.
    #[must_use]
    pub fn parsed(self) -> ColumnDef {
        let Self { column, key, checks, references } = self;
        ColumnDef { column: column.parsed(), key, checks, references }
    }
}

/// A key in a column's definition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unique {
    /// None.
    #[default]
    No,
    /// `UNIQUE`
    Unique,
    /// `PRIMARY KEY`
    Primary,
}

/// What replaces a column's definition in `MODIFY` and `CHANGE`.
#[derive(Clone, Debug)]
pub struct ColumnChange {
    /// The old name.
    pub name: String,
    /// The new definition; its name is the new name.
    pub def: ColumnDef,
}

/// A statement.
#[derive(Clone, Debug)]
pub enum Ddl {
    /// `CREATE TABLE`
    CreateTable {
        /// Its name.
        table: String,
        /// The columns.
        columns: Vec<ColumnDef>,
        /// `PRIMARY KEY (…)`
        primary_key: Vec<String>,
        /// Keys; an empty name is chosen by the server.
        indexes: Vec<Index>,
        /// Foreign keys.
        foreign_keys: Vec<ForeignKey>,
        /// Table checks.
        checks: Vec<Check>,
        /// `IF NOT EXISTS`
        if_not_exists: bool,
    },
    /// `DROP TABLE`
    DropTable {
        /// Its name.
        table: String,
        /// `IF EXISTS`
        if_exists: bool,
    },
    /// `RENAME TABLE`
    RenameTable {
        /// The old name.
        from: String,
        /// The new name.
        to: String,
    },
    /// `ADD COLUMN`, with the place when one is given (an empty name is `FIRST`).
    AddColumn {
        /// The table.
        table: String,
        /// The column.
        def: ColumnDef,
        /// `AFTER` this one.
        after: Option<String>,
    },
    /// `DROP COLUMN`
    DropColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// `MODIFY`, `CHANGE`
    ChangeColumn {
        /// The table.
        table: String,
        /// The change.
        change: ColumnChange,
    },
    /// `RENAME COLUMN`
    RenameColumn {
        /// The table.
        table: String,
        /// The old name.
        from: String,
        /// The new name.
        to: String,
    },
    /// `ALTER COLUMN … SET DEFAULT`, `DROP DEFAULT`
    Default {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The default.
        default: Option<super::DefaultValue>,
    },
    /// `ADD INDEX`, `CREATE UNIQUE INDEX`
    AddIndex {
        /// The table.
        table: String,
        /// The index; an empty name is chosen by the server.
        index: Index,
    },
    /// `DROP INDEX`
    DropIndex {
        /// The table.
        table: String,
        /// The index.
        name: String,
    },
    /// `RENAME INDEX`
    RenameIndex {
        /// The table.
        table: String,
        /// The old name.
        from: String,
        /// The new name.
        to: String,
    },
    /// `ADD CONSTRAINT … FOREIGN KEY`
    AddForeignKey {
        /// The table.
        table: String,
        /// The key; an empty name is chosen by the server.
        key: ForeignKey,
    },
    /// `DROP FOREIGN KEY`
    DropForeignKey {
        /// The table.
        table: String,
        /// The constraint.
        name: String,
    },
    /// `ADD PRIMARY KEY`
    AddPrimaryKey {
        /// The table.
        table: String,
        /// The columns.
        columns: Vec<String>,
    },
    /// `DROP PRIMARY KEY`
    DropPrimaryKey {
        /// The table.
        table: String,
    },
    /// `ADD CONSTRAINT … CHECK`
    AddCheck {
        /// The table.
        table: String,
        /// The check.
        check: Check,
    },
    /// `DROP CHECK`, `DROP CONSTRAINT`
    DropCheck {
        /// The table.
        table: String,
        /// The constraint.
        name: String,
    },
    /// Options of a table.
    Options {
        /// The table.
        table: String,
        /// The engine.
        engine: Option<String>,
        /// The collation, of the table and of its columns when it converts them.
        collation: Option<(String, bool)>,
        /// The comment.
        comment: Option<String>,
    },
    /// `CREATE VIEW`
    CreateView {
        /// Its name.
        name: String,
    },
    /// `DROP VIEW`
    DropView {
        /// Its name.
        name: String,
    },
}
