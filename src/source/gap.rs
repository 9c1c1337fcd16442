//! What could not be read or modelled, with its kind and its subject as data.

use serde::Serialize;

/// Declares the kinds with the words by which reports name them.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident => $word:literal,)*) => {
        /// The kind of a [`Gap`]. Reports name it by a stable word; kinds sort by these words.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum GapKind { $($(#[$doc])* $name,)* }

        impl GapKind {
            /// All kinds, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable word, such as `syntax-error`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

kinds! {
    /// No database of an environment stands for an alias that has tables.
    AliasUnread => "alias-unread",
    /// An installed app was not found, has a label that is taken, or models without migrations.
    App => "app",
    /// A file that contains NUL bytes.
    Binary => "binary",
    /// A symbolic link without a target.
    BrokenLink => "broken-link",
    /// Migrations that depend on each other in a circle.
    Circle => "circle",
    /// A column that stores ids, whose largest value was not read.
    ColumnUnmeasured => "column-unmeasured",
    /// A compressed file.
    Compressed => "compressed",
    /// A condition that could not be evaluated and was assumed to be false.
    Condition => "condition",
    /// A connection without encryption.
    ConnectionInTheClear => "connection-in-the-clear",
    /// A list that may be incomplete, in a database.
    DatabaseUnproven => "database-unproven",
    /// A database that no Django alias stands for.
    DatabaseWithoutAlias => "database-without-alias",
    /// A migration depends on one that does not exist.
    Dependency => "dependency",
    /// The version of Django is unknown, or newer than the rules.
    DjangoVersion => "django-version",
    /// Part of a dump was not understood or is missing.
    Dump => "dump",
    /// A dump was compared without the version of its server.
    DumpWithoutServer => "dump-without-server",
    /// An earlier snapshot without a date, or without the column.
    EarlierState => "earlier-state",
    /// An editable installation outside of the scanned folders.
    EditableOutside => "editable-outside",
    /// A source of an environment could not be read to its end.
    EnvironmentIncomplete => "environment-incomplete",
    /// Code raised an exception when it was evaluated.
    Evaluation => "evaluation",
    /// A field that could not be read.
    Field => "field",
    /// A rule of an ignore file that could not be read.
    IgnoreRule => "ignore-rule",
    /// An import that could not be followed.
    Import => "import",
    /// Bytes that are not valid in the declared encoding.
    InvalidEncoding => "invalid-encoding",
    /// Bytes that are not valid UTF-8.
    InvalidUtf8 => "invalid-utf8",
    /// An app with several migrations that nothing depends on.
    LeafNodes => "leaf-nodes",
    /// A symbolic link that leads to a folder above itself.
    LinkLoop => "link-loop",
    /// A symbolic link that leads out of the scanned folders.
    LinkNotFollowed => "link-not-followed",
    /// A loop that could not be evaluated.
    Loop => "loop",
    /// A `match` statement, which is not evaluated.
    Match => "match",
    /// A migration module that could not be read.
    Migration => "migration",
    /// A file of a commit whose content the clone lacks.
    MissingObject => "missing-object",
    /// A model that differs from its migrations in a way that could not be compared.
    Model => "model",
    /// The queries could not run over a file.
    NoContexts => "no-contexts",
    /// The definition of the target model was not found.
    NoTarget => "no-target",
    /// NUL bytes in Python source.
    NulBytes => "nul-bytes",
    /// A path that is not valid UTF-8.
    OddName => "odd-name",
    /// An operation of a migration that could not be replayed.
    Operation => "operation",
    /// An option file of MySQL that could not be read.
    OptionFile => "option-file",
    /// A file of which too little is Python.
    ParserGaveUp => "parser-gave-up",
    /// A password that was sent itself to a server that nothing verified.
    PasswordShown => "password-shown",
    /// A `RunPython` whose effect on tables is unknown.
    Python => "python",
    /// An operation that could not be applied to the tables of an alias.
    Replay => "replay",
    /// A database router that could not be evaluated.
    Router => "router",
    /// A list that may be incomplete, of a server.
    ServerUnproven => "server-unproven",
    /// Settings that could not be found or evaluated.
    Settings => "settings",
    /// A folder that was not scanned.
    SkippedFolder => "skipped-folder",
    /// A migration of South that could not be read.
    South => "south",
    /// A file that a sparse checkout left out, and that differs from the commit that is compared with.
    Sparse => "sparse",
    /// A FIFO, socket or device.
    SpecialFile => "special-file",
    /// SQL that could not be understood.
    Sql => "sql",
    /// The evaluation of a module was stopped by its limits.
    Stopped => "stopped",
    /// A git submodule, whose files are not part of the commit.
    Submodule => "submodule",
    /// Text that is not valid Python.
    SyntaxError => "syntax-error",
    /// Code or indentation that nests too deep.
    TooDeep => "too-deep",
    /// A file above the limit of size.
    TooLarge => "too-large",
    /// The search for names that lead to the model was stopped by its limit.
    Unfinished => "unfinished",
    /// A coding cookie that names an unknown encoding.
    UnknownEncoding => "unknown-encoding",
    /// A file or folder that could not be read.
    Unreadable => "unreadable",
    /// A name that could not be resolved.
    UnresolvedName => "unresolved-name",
    /// A file in an encoding that Python does not read.
    UnusualEncoding => "unusual-encoding",
}

impl std::fmt::Display for GapKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for GapKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The field of gaps about a list of which a part could not be evaluated.
pub const UNKNOWN_PART: &str = "*";

/// The object of gaps because of which apps may be missing from those that are installed.
pub const INSTALLED_APPS: &str = "INSTALLED_APPS";

/// The subject of a gap. Code decides by this, never by the wording of [`Gap::reason`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    /// The environment, such as `prod`.
    pub environment: Option<String>,
    /// The alias, database, table, model or module.
    pub object: Option<String>,
    /// The field or column of the object.
    pub field: Option<String>,
    /// The Django alias, where tables of other aliases are not concerned.
    pub alias: Option<String>,
}

/// Code or a database object that could not be interpreted. Every gap is counted and listed in every report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Gap {
    /// The file, relative to its root, `/` separated; `None` when the gap belongs to no file.
    pub file: Option<String>,
    /// 1-based line, when known.
    pub line: Option<u32>,
    /// The kind.
    pub kind: GapKind,
    /// One sentence: what was seen and what is missing because of it.
    pub reason: String,
    /// See [`Self::subject()`]; most gaps are about a place in a file and have none.
    #[serde(skip)]
    pub subject: Option<Box<Subject>>,
}

impl Gap {
    /// A gap of a whole file.
    #[must_use]
    pub fn file(kind: GapKind, file: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { file: Some(file.into()), ..Self::general(kind, reason) }
    }

    /// A gap at a line of a file.
    #[must_use]
    pub fn at(kind: GapKind, file: impl Into<String>, line: u32, reason: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::file(kind, file, reason) }
    }

    /// A gap that belongs to no file.
    #[must_use]
    pub fn general(kind: GapKind, reason: impl Into<String>) -> Self {
        Self { file: None, line: None, kind, reason: reason.into(), subject: None }
    }

    /// What it is about. The reason names it for people.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        const NONE: &Subject = &Subject { environment: None, alias: None, object: None, field: None };
        self.subject.as_deref().unwrap_or(NONE)
    }

    /// A gap of an environment.
    #[must_use]
    pub fn in_environment(mut self, name: impl Into<String>) -> Self {
        self.subject.get_or_insert_default().environment = Some(name.into());
        self
    }

    /// A gap of an alias, a database, a table, a model or a module.
    #[must_use]
    pub fn of_object(mut self, name: impl Into<String>) -> Self {
        self.subject.get_or_insert_default().object = Some(name.into());
        self
    }

    /// A gap of the tables of one Django alias.
    #[must_use]
    pub fn on_alias(mut self, name: impl Into<String>) -> Self {
        self.subject.get_or_insert_default().alias = Some(name.into());
        self
    }

    /// A gap of a field or column of its object.
    #[must_use]
    pub fn of_field(mut self, name: impl Into<String>) -> Self {
        self.subject.get_or_insert_default().field = Some(name.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_sort_by_their_words() {
        assert!(GapKind::ALL.is_sorted_by(|a, b| a < b && a.as_str() < b.as_str()));
    }
}
