//! Tables and their parts: one set of types for the tables that migrations make, that servers report and that dumps
//! define.
//!
//! A part says nothing of where it was found. `live::facts` puts the table's name around keys and checks
//! ([`OfTable`]), and a proof around lists; [`super::Database`] keeps the migration that made a part. The serialized
//! form is that of snapshots: fields that only a replay needs are left out of it.

use serde::{Deserialize, Serialize};

use super::{ColumnType, Server, quote, quote_string};

/// The name of the primary key among the indexes, as in `information_schema.STATISTICS`.
pub const PRIMARY: &str = "PRIMARY";

/// A table or a view. `T` is the type of its columns, see [`Column`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table<T = ColumnType> {
    /// Its name.
    pub name: String,
    /// Whether it is a view.
    pub is_view: bool,
    /// The storage engine. `None` in what migrations make is InnoDB; of a server, a view.
    pub engine: Option<String>,
    /// The collation of columns that do not choose one. `None` in what migrations make is the database's.
    pub collation: Option<String>,
    /// `CREATE_OPTIONS`, such as `row_format=DYNAMIC partitioned`.
    pub create_options: String,
    /// Its comment.
    pub comment: String,
    /// Its columns in order.
    pub columns: Vec<Column<T>>,
    /// Its indexes; the primary key is the one called [`PRIMARY`].
    pub indexes: Vec<Index>,
    /// Its partitions in order.
    pub partitions: Vec<Partition>,
    /// Foreign keys, in what migrations make; of a server they are a list over the whole database.
    #[serde(skip)]
    pub foreign_keys: Vec<ForeignKey>,
    /// CHECK constraints, likewise.
    #[serde(skip)]
    pub checks: Vec<Check>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            name: String::new(),
            is_view: false,
            engine: None,
            collation: None,
            create_options: String::new(),
            comment: String::new(),
            columns: Vec::new(),
            indexes: Vec::new(),
            partitions: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
        }
    }
}

impl<T> Table<T> {
    /// The column of a name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column<T>> {
        self.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// The column of a name, to change.
    pub fn column_mut(&mut self, name: &str) -> Option<&mut Column<T>> {
        self.columns.iter_mut().find(|c| c.name.eq_ignore_ascii_case(name))
    }

    /// The primary key.
    #[must_use]
    pub fn primary(&self) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name == PRIMARY)
    }

    /// The columns of the primary key; none without one.
    #[must_use]
    pub fn primary_key(&self) -> Vec<&str> {
        self.primary().map(|index| index.columns().flatten().collect()).unwrap_or_default()
    }

    /// Whether a column is in the primary key.
    #[must_use]
    pub fn is_in_primary_key(&self, column: &str) -> bool {
        self.primary_key().iter().any(|name| name.eq_ignore_ascii_case(column))
    }

    /// Makes these columns the primary key, and NOT NULL; none drops the key.
    pub fn set_primary_key(&mut self, columns: &[String]) {
        self.indexes.retain(|index| index.name != PRIMARY);
        if columns.is_empty() {
            return;
        }
        let parts = columns.iter().map(|column| IndexPart::column(column)).collect();
        self.indexes.insert(0, Index::new(PRIMARY, true, parts));
        for name in columns {
            if let Some(column) = self.column_mut(name) {
                column.nullable = false;
            }
        }
    }

    /// The indexes without the primary key.
    pub fn secondary_indexes(&self) -> impl Iterator<Item = &Index> {
        self.indexes.iter().filter(|index| index.name != PRIMARY)
    }

    /// The index of a name.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name.eq_ignore_ascii_case(name))
    }

    /// Whether an index begins with these columns, in whole.
    #[must_use]
    pub fn has_index_for(&self, columns: &[String]) -> bool {
        self.indexes.iter().any(|index| index.covers(columns))
    }

    /// Whether it is an InnoDB table.
    #[must_use]
    pub fn is_innodb(&self) -> bool {
        self.engine.as_deref().is_none_or(|e| e.eq_ignore_ascii_case("innodb"))
    }
}

/// A partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Its name.
    pub name: String,
    /// How rows are divided, such as `RANGE`.
    pub method: String,
    /// The partitioning expression.
    pub expression: String,
    /// What follows `VALUES LESS THAN` or `VALUES IN`.
    pub description: String,
}

/// A column. `T` is its type: parsed in what migrations make, and the text of `information_schema.COLUMNS.COLUMN_TYPE`
/// in what a server reports, which is kept as evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column<T = ColumnType> {
    /// Its name.
    pub name: String,
    /// Its type: `int(11)` on one server, `int` on another.
    pub column_type: T,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Its default. `None` is no default, or NULL for a column that allows NULL.
    pub default: Option<DefaultValue>,
    /// Whether it is AUTO_INCREMENT.
    pub auto_increment: bool,
    /// The expression of `ON UPDATE`.
    pub on_update: Option<String>,
    /// The expression of a generated column.
    pub generated: Option<Generated>,
    /// Its collation. A server reports it for every text column; a replay only where it is not the table's.
    pub collation: Option<String>,
    /// Its comment.
    pub comment: String,
    /// Whether `SELECT *` leaves it out.
    pub invisible: bool,
}

/// The type of a column, parsed or as text.
pub trait TypeText {
    /// The type as a server shows it in `COLUMN_TYPE`.
    fn type_text(&self, server: Server) -> String;
}

impl TypeText for ColumnType {
    fn type_text(&self, server: Server) -> String {
        self.print(server)
    }
}

impl TypeText for String {
    fn type_text(&self, _: Server) -> String {
        self.clone()
    }
}

impl<T: TypeText> Column<T> {
    /// What follows the column's name in `CREATE TABLE`, without the comment.
    #[must_use]
    pub fn definition(&self, server: Server) -> String {
        let mut text = self.column_type.type_text(server);
        if let Some(collation) = &self.collation {
            text.push_str(&format!(" COLLATE {collation}"));
        }
        text.push_str(if self.nullable { " NULL" } else { " NOT NULL" });
        if let Some(default) = &self.default {
            text.push_str(&format!(" DEFAULT {}", default.to_sql()));
        }
        if self.auto_increment {
            text.push_str(" AUTO_INCREMENT");
        }
        if let Some(value) = &self.on_update {
            text.push_str(&format!(" ON UPDATE {value}"));
        }
        if let Some(generated) = &self.generated {
            text.push_str(&format!(" AS ({}) {}", generated.expression, generated.kind()));
        }
        text
    }
}

impl Column<String> {
    /// The column with its type parsed.
    #[must_use]
    pub fn parsed(self) -> Column {
        Column {
            name: self.name,
            column_type: ColumnType::parse(&self.column_type),
            nullable: self.nullable,
            default: self.default,
            auto_increment: self.auto_increment,
            on_update: self.on_update,
            generated: self.generated,
            collation: self.collation,
            comment: self.comment,
            invisible: self.invisible,
        }
    }
}

impl Column {
    /// A column of a type, NOT NULL.
    #[must_use]
    pub fn new(name: &str, column_type: ColumnType) -> Self {
        Self {
            name: name.to_owned(),
            column_type,
            nullable: false,
            default: None,
            auto_increment: false,
            on_update: None,
            generated: None,
            collation: None,
            comment: String::new(),
            invisible: false,
        }
    }
}

/// A default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DefaultValue {
    /// A value, without quotes.
    Literal(String),
    /// An expression as SQL, such as `CURRENT_TIMESTAMP`. A replay keeps numbers here, as they are written.
    Expression(String),
}

impl DefaultValue {
    /// Reads what follows `DEFAULT`: a quoted string is a literal, anything else an expression.
    #[must_use]
    pub fn from_sql(sql: &str) -> Self {
        match super::unquote_string(sql) {
            Some(value) => Self::Literal(value),
            None => Self::Expression(sql.to_owned()),
        }
    }

    /// What follows `DEFAULT`.
    #[must_use]
    pub fn to_sql(&self) -> String {
        match self {
            Self::Literal(value) => quote_string(value),
            Self::Expression(expression) => expression.clone(),
        }
    }

    /// Whether it is a number as SQL writes one.
    #[must_use]
    pub fn is_number(&self) -> bool {
        let Self::Expression(text) = self else { return false };
        let digits = text.trim_start_matches('-');
        let begins = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        begins && (digits.parse::<f64>().is_ok() || digits.to_ascii_lowercase().starts_with("0x"))
    }

    /// Whether it is the expression NULL.
    #[must_use]
    pub fn is_null(&self) -> bool {
        let Self::Expression(expression) = self else { return false };
        let inner = expression.trim().trim_start_matches('(').trim_end_matches(')');
        inner.trim().eq_ignore_ascii_case("null")
    }
}

/// The expression of a generated column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generated {
    /// The expression: as the server writes it, or as the code does.
    pub expression: String,
    /// Whether the value is stored.
    pub stored: bool,
}

impl Generated {
    /// `STORED` or `VIRTUAL`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        if self.stored { "STORED" } else { "VIRTUAL" }
    }
}

/// The collation of a character set that names none, where it is the same on every server. That of `utf8mb4` is not:
/// MySQL 8.0 changed it, and writes it out in dumps.
#[must_use]
pub fn default_collation(charset: &str) -> String {
    match charset.to_ascii_lowercase().as_str() {
        "binary" => String::from("binary"),
        "latin1" => String::from("latin1_swedish_ci"),
        charset => format!("{charset}_general_ci"),
    }
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Whether it is unique.
    pub unique: bool,
    /// `BTREE`, `HASH`, `FULLTEXT` or `SPATIAL`.
    pub kind: String,
    /// Its parts in order.
    pub parts: Vec<IndexPart>,
    /// Whether the optimizer ignores it.
    pub invisible: bool,
    /// Whether the server made it for a foreign key; it goes when another index covers it. Set only by a replay.
    #[serde(skip)]
    pub implicit: bool,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            name: String::new(),
            unique: false,
            kind: String::from("BTREE"),
            parts: Vec::new(),
            invisible: false,
            implicit: false,
        }
    }
}

impl Index {
    /// A B-tree index that was asked for.
    #[must_use]
    pub fn new(name: &str, unique: bool, parts: Vec<IndexPart>) -> Self {
        Self { name: name.to_owned(), unique, parts, ..Self::default() }
    }

    /// Whether it is `FULLTEXT` or `SPATIAL`, which order no rows.
    #[must_use]
    pub fn is_special(&self) -> bool {
        matches!(self.kind.as_str(), "FULLTEXT" | "SPATIAL")
    }

    /// The columns, `None` for expressions.
    pub fn columns(&self) -> impl Iterator<Item = Option<&str>> {
        self.parts.iter().map(|p| p.column.as_deref())
    }

    /// Whether its first part is this column, in whole or by a prefix.
    #[must_use]
    pub fn begins_with(&self, column: &str) -> bool {
        self.columns().next().flatten().is_some_and(|first| first.eq_ignore_ascii_case(column))
    }

    /// Whether its parts are exactly these columns.
    #[must_use]
    pub fn is_over(&self, columns: &[String]) -> bool {
        self.parts.len() == columns.len()
            && self
                .parts
                .iter()
                .zip(columns)
                .all(|(p, c)| p.column.as_deref().is_some_and(|p| p.eq_ignore_ascii_case(c)))
    }

    /// Whether its first columns are these, in whole.
    #[must_use]
    pub fn covers(&self, columns: &[String]) -> bool {
        !self.is_special()
            && self.parts.len() >= columns.len()
            && self
                .parts
                .iter()
                .zip(columns)
                .all(|(p, c)| p.length.is_none() && p.column.as_deref().is_some_and(|p| p.eq_ignore_ascii_case(c)))
    }

    /// `UNIQUE name (a, b(10), c DESC)`, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let kind = match (self.unique, self.kind.as_str()) {
            (true, _) => "UNIQUE ",
            (false, "FULLTEXT") => "FULLTEXT ",
            (false, "SPATIAL") => "SPATIAL ",
            _ => "",
        };
        let parts: Vec<String> = self.parts.iter().map(IndexPart::describe).collect();
        format!("{kind}{} ({})", self.name, parts.join(", "))
    }
}

/// A part of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexPart {
    /// The column; `None` for an expression.
    pub column: Option<String>,
    /// The expression, without the parentheses around it.
    pub expression: Option<String>,
    /// The prefix length in characters.
    pub length: Option<u32>,
    /// Whether it descends.
    pub descending: bool,
}

impl IndexPart {
    /// A whole column, ascending.
    #[must_use]
    pub fn column(name: &str) -> Self {
        Self { column: Some(name.to_owned()), ..Self::default() }
    }

    /// The part as SQL; `None` for an expression that is unknown.
    #[must_use]
    pub fn to_sql(&self) -> Option<String> {
        let name = match (&self.column, &self.expression) {
            (Some(column), _) => quote(column),
            (None, Some(expression)) if !expression.is_empty() => format!("({expression})"),
            _ => return None,
        };
        Some(self.after(name))
    }

    /// The part for people: without quotes.
    fn describe(&self) -> String {
        self.after(self.column.as_deref().or(self.expression.as_deref()).unwrap_or_default().to_owned())
    }

    fn after(&self, mut name: String) -> String {
        if let Some(length) = self.length {
            name.push_str(&format!("({length})"));
        }
        if self.descending {
            name.push_str(" DESC");
        }
        name
    }
}

/// A foreign key.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The constraint's name.
    pub name: String,
    /// The referencing columns.
    pub columns: Vec<String>,
    /// The database of the referenced table; empty for the database of the referencing one.
    pub referenced_database: String,
    /// The referenced table.
    pub referenced_table: String,
    /// The referenced columns.
    pub referenced_columns: Vec<String>,
    /// `CASCADE`, `SET NULL` or `SET DEFAULT`; `None` for `RESTRICT` and `NO ACTION`, which InnoDB treats alike.
    pub on_delete: Option<String>,
    /// `ON UPDATE`, likewise.
    pub on_update: Option<String>,
}

impl ForeignKey {
    /// `name: (a) → parent (id) ON DELETE CASCADE`, for people; with the referenced database where it is not `database`.
    #[must_use]
    pub fn describe(&self, database: &str) -> String {
        let elsewhere = !self.referenced_database.is_empty() && self.referenced_database != database;
        let mut text = format!(
            "{}: ({}) → {}{}{} ({})",
            self.name,
            self.columns.join(", "),
            if elsewhere { &self.referenced_database } else { "" },
            if elsewhere { "." } else { "" },
            self.referenced_table,
            self.referenced_columns.join(", ")
        );
        for (when, rule) in [("ON DELETE", &self.on_delete), ("ON UPDATE", &self.on_update)] {
            if let Some(rule) = rule {
                text.push_str(&format!(" {when} {rule}"));
            }
        }
        text
    }
}

/// A CHECK constraint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// Its condition as SQL.
    pub condition: String,
    /// Whether it is enforced.
    pub enforced: bool,
    /// The column when it stands in a column's definition. Set only by a replay.
    #[serde(skip)]
    pub column: Option<String>,
}

impl Default for Check {
    fn default() -> Self {
        Self { name: String::new(), condition: String::new(), enforced: true, column: None }
    }
}

impl Check {
    /// An enforced check of a table.
    #[must_use]
    pub fn new(name: &str, condition: &str) -> Self {
        Self { name: name.to_owned(), condition: condition.to_owned(), ..Self::default() }
    }
}

/// A part of a table beside the table's name, for lists over a whole database.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OfTable<P> {
    /// The table.
    pub table: String,
    /// The part.
    #[serde(flatten)]
    pub part: P,
}

impl<P> std::ops::Deref for OfTable<P> {
    type Target = P;

    fn deref(&self) -> &P {
        &self.part
    }
}

impl<P> std::ops::DerefMut for OfTable<P> {
    fn deref_mut(&mut self) -> &mut P {
        &mut self.part
    }
}

/// A foreign key beside the database and the table that have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ForeignKeyOf {
    /// The database of the referencing table.
    pub database: String,
    /// The referencing table.
    pub table: String,
    /// The key.
    #[serde(flatten)]
    pub key: ForeignKey,
}

impl ForeignKeyOf {
    /// The key for people: [`ForeignKey::describe`].
    #[must_use]
    pub fn describe(&self) -> String {
        self.key.describe(&self.database)
    }
}

impl std::ops::Deref for ForeignKeyOf {
    type Target = ForeignKey;

    fn deref(&self) -> &ForeignKey {
        &self.key
    }
}

impl std::ops::DerefMut for ForeignKeyOf {
    fn deref_mut(&mut self) -> &mut ForeignKey {
        &mut self.key
    }
}
