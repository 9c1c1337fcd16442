//! Facts from a dump of definitions, such as `mysqldump --no-data` makes, and the facts that such a dump does not contain. Of a dump
//! with rows, those of the migration histories are read and no others.

mod bytes;
mod error;
mod file;
mod folder;
mod header;
mod ledger;
mod partitions;
mod programs;
mod xml;

use std::collections::BTreeMap;
use std::path::Path;

pub use self::error::DumpError;
use self::file::Text;
use self::header::Header;
use self::programs::Programs;
use super::facts::{
    Check, Column, DatabaseFacts, DefaultValue, ForeignKey, Index, IndexPart, Measures, Migration, Origin, Program,
    Table, Trigger,
};
use super::introspect;
use super::mentions::{self, Named, Names};
use super::proof::{Observed, Proof};
use super::request::Request;
use crate::schema::{self, ColumnDef, PRIMARY, Unique};
use crate::source::{Gap, GapKind, SourceText};
use crate::sql::{self, AlterClause, CreateTable, Ddl, DdlProblem, DdlStatement, TableName};

/// A dump that holds definitions of the database that is meant, read and taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definitions {
    /// The name of the file or folder.
    file: String,
    text: Text,
    statements: Vec<DdlStatement>,
    problems: Vec<DdlProblem>,
}

impl Definitions {
    /// Reads a file, compressed or not, or a folder with a file for each table. `wanted` is the database that is meant.
    ///
    /// # Errors
    ///
    /// When nothing can be read of it: the file, its compression, its encoding, a table, or the database that is meant.
    pub fn open(path: &Path, wanted: Option<&str>) -> Result<Self, DumpError> {
        let text = if path.is_dir() { folder::read(path)? } else { file::of_file(path)? };
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let definitions = Self::new(file, text);
        let mut gaps = Vec::new();
        let databases = definitions.databases(wanted, &mut gaps);
        match (databases.is_empty(), wanted) {
            (false, Some(wanted)) if !databases.contains_key(wanted) => {
                Err(DumpError::NoDatabase { wanted: wanted.to_owned(), found: databases.into_keys().collect() })
            }
            (false, _) => Ok(definitions),
            (true, _) => {
                let first = gaps.into_iter().find_map(|gap| Some(format!("line {}: {}", gap.line?, gap.reason)));
                Err(DumpError::NoTable(first))
            }
        }
    }

    fn new(file: String, text: Text) -> Self {
        let (statements, problems) = sql::ddl(&text.text);
        // To load a dump is not to call the programs in it.
        let problems = problems.into_iter().filter(|problem| problem.reason != sql::IN_PROGRAM).collect();
        Self { file, text, statements, problems }
    }

    /// The databases that are defined, and what is not understood of them.
    fn databases(&self, wanted: Option<&str>, gaps: &mut Vec<Gap>) -> BTreeMap<String, Found> {
        let text = &self.text.text;
        let source = SourceText::new(text.clone());
        let header = header::read(text);
        let named = wanted.map(str::to_owned).or(header.database).unwrap_or_else(|| stem(&self.file));
        let mut dump =
            Dump { databases: BTreeMap::new(), current: named, at: (self.file.clone(), 1), gaps: Vec::new() };
        let mut sections = header::sections(text);
        // One dump may be meant as another database than its head says; several are meant as they say.
        if sections.iter().all(|(_, name)| *name == sections[0].1) {
            sections.clear();
        }
        let mut sections = sections.into_iter().peekable();
        for statement in &self.statements {
            while let Some((_, name)) = sections.next_if(|(at, _)| *at <= statement.span.start as usize) {
                dump.current = name;
            }
            dump.at = self.text.place(source.line_col(statement.span.start).line, &self.file);
            match &statement.kind {
                Ddl::NoDdl(verb) if verb == "INSERT" || verb == "REPLACE" => dump.rows(&text[statement.span.range()]),
                Ddl::NoDdl(verb) if verb == "CREATE" => dump.sequence(&text[statement.span.range()]),
                kind => dump.statement(kind.clone()),
            }
        }
        gaps.extend(self.problems.iter().map(|problem| {
            let (file, line) = self.text.place(source.line_col(problem.span.start).line, &self.file);
            let reason = format!("{}, so its definitions are missing: {}", problem.reason, problem.text);
            Gap::at(GapKind::Dump, file, line, reason)
        }));
        gaps.append(&mut dump.gaps);
        dump.databases.retain(|_, found| !found.tables.is_empty() || !found.views.is_empty());
        dump.databases
    }

    /// The facts of the databases, or of the one that is meant.
    #[must_use]
    pub fn facts(&self, wanted: Option<&str>, request: &Request) -> (Vec<DatabaseFacts>, Vec<Gap>) {
        let (text, file) = (&self.text.text, self.file.as_str());
        let mut gaps = Vec::new();
        let databases = self.databases(wanted, &mut gaps);
        let mut header = header::read(text);
        header.server = header.server.or_else(|| header::guess(text));
        if header::unended(text) > 0 {
            gaps.push(Gap::file(
                GapKind::Dump,
                file,
                "the end of a complete dump is missing, so the file may be truncated",
            ));
        }
        gaps.extend(self.text.doubts.iter().map(|doubt| Gap::file(GapKind::Dump, file, doubt)));
        let named = wanted.map(str::to_owned).or_else(|| header.database.clone()).unwrap_or_else(|| stem(file));
        let mut collations = header::collations(text, header.server.as_ref());
        if let Some(collation) = header.collation.take() {
            collations.entry(named).or_insert(collation);
        }
        // A dump of several databases names them, and then one of them may be meant.
        let databases: Vec<_> =
            databases.into_iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == name)).collect();
        if databases.is_empty() {
            gaps.push(Gap::file(
                GapKind::Dump,
                file,
                "the dump defines no table of the database, so the database is unknown",
            ));
        }
        let programs = Programs::of(text);
        let finish = |(name, found): (String, Found)| DatabaseFacts {
            collation: collations.get(&name).cloned(),
            ..found.finish(&name, file, &header, &programs, request)
        };
        let mut facts: Vec<_> = databases.into_iter().map(finish).collect();
        if self.text.is_xml {
            for facts in &mut facts {
                facts.tables.proof = Proof::unproven(
                    "a dump contains only the requested tables, and mysqldump --xml may omit generated columns",
                );
                facts.foreign_keys.proof = Proof::unproven("mysqldump --xml writes no foreign keys");
                facts.checks.proof = Proof::unproven("mysqldump --xml writes no checks");
            }
        }
        mentions::settle(&mut facts);
        gaps.sort();
        (facts, gaps)
    }
}

/// Reads a dump. `file` is its name; `wanted` the database that is meant, or its name if the dump does not record it.
#[must_use]
pub fn read(file: &str, text: &str, wanted: Option<&str>, request: &Request) -> (Vec<DatabaseFacts>, Vec<Gap>) {
    Definitions::new(file.to_owned(), Text { text: text.to_owned(), ..Text::default() }).facts(wanted, request)
}

fn stem(file: &str) -> String {
    file.split('.').next().unwrap_or(file).to_owned()
}

/// What MariaDB shows of a sequence's table (sql/sql_sequence.cc, `sequence_structure`).
const SEQUENCE: &str = "
    `next_not_cached_value` bigint(21) NOT NULL, `minimum_value` bigint(21) NOT NULL, `maximum_value` bigint(21) NOT NULL,
    `start_value` bigint(21) NOT NULL COMMENT 'start value when sequences is created or value if RESTART is used',
    `increment` bigint(21) NOT NULL COMMENT 'increment value', `cache_size` bigint(21) unsigned NOT NULL,
    `cycle_option` tinyint(1) unsigned NOT NULL COMMENT '0 if no cycles are allowed, 1 if the sequence should begin a new \
    cycle when maximum_value is passed', `cycle_count` bigint(21) NOT NULL COMMENT 'How many cycles have been done'
    ) ENGINE=InnoDB";

#[derive(Default)]
struct Found {
    tables: BTreeMap<String, Table>,
    counters: BTreeMap<String, u64>,
    foreign_keys: Vec<ForeignKey>,
    checks: Vec<Check>,
    views: BTreeMap<String, String>,
    /// The rows of migration histories: each migration with its number.
    ledgers: BTreeMap<String, Vec<(i64, Migration)>>,
}

struct Dump {
    databases: BTreeMap<String, Found>,
    current: String,
    /// The file and line of the statement.
    at: (String, u32),
    gaps: Vec<Gap>,
}

impl Dump {
    fn found(&mut self, name: &TableName) -> (&mut Found, String) {
        let database = name.schema.clone().unwrap_or_else(|| self.current.clone());
        (self.databases.entry(database.clone()).or_default(), database)
    }

    fn gap(&mut self, reason: String) {
        self.gaps.push(Gap::at(GapKind::Dump, &*self.at.0, self.at.1, reason));
    }

    fn statement(&mut self, kind: Ddl) {
        match kind {
            Ddl::Use(name) => self.current = name,
            Ddl::CreateTable(table) if table.temporary => {}
            Ddl::CreateTable(table) => self.create(&table),
            Ddl::AlterTable(alter) => {
                for clause in alter.clauses {
                    self.alter(&alter.table, clause);
                }
            }
            Ddl::CreateIndex { table, index, .. } => self.with_table(&table, |table| add_index(table, index)),
            Ddl::DropIndex { table, name, .. } => self.with_table(&table, |table| drop_key(table, &name)),
            Ddl::DropTable { temporary: true, .. } | Ddl::Truncate(_) | Ddl::NoDdl(_) => {}
            Ddl::DropTable { tables, .. } => {
                for table in tables {
                    let (found, _) = self.found(&table);
                    found.forget(&table.name);
                }
            }
            Ddl::RenameTable(pairs) => {
                for (from, _) in pairs {
                    self.gap(format!("the dump renames {}, which is not supported", from.name));
                }
            }
            Ddl::CreateView { name, query, .. } => {
                let (found, _) = self.found(&name);
                // mysqldump first makes a table in the place of each view.
                found.tables.remove(&name.name);
                found.views.insert(name.name, query);
            }
            Ddl::DropView { views, .. } => {
                for view in views {
                    let (found, _) = self.found(&view);
                    found.views.remove(&view.name);
                }
            }
        }
    }

    /// Reads rows, if they are of a migration history.
    fn rows(&mut self, statement: &str) {
        let Some(insert) = ledger::insert(statement) else {
            if ledger::is_insert(statement) {
                self.gap("rows of applied migrations that could not be parsed".to_owned());
            }
            return;
        };
        let Some((_, wanted)) = ledger::LEDGERS.iter().find(|(table, _)| *table == insert.table) else { return };
        let (found, _) = self.found(&TableName { schema: insert.schema, name: insert.table.clone() });
        let columns = match (insert.columns.is_empty(), found.tables.get(&insert.table)) {
            (false, _) => insert.columns,
            (true, Some(table)) => table.columns.iter().map(|column| column.name.clone()).collect(),
            (true, None) => Vec::new(),
        };
        let place = |name: &str| columns.iter().position(|column| column.eq_ignore_ascii_case(name));
        let (Some(app), Some(name)) = (place(wanted[0]), place(wanted[1])) else {
            return self.gap(format!("rows of {}, whose columns are unknown", insert.table));
        };
        let id = place("id");
        let ledger = found.ledgers.entry(insert.table).or_default();
        for row in &insert.rows {
            let text = |at: usize| row.get(at).cloned().flatten().unwrap_or_default();
            // Without a number the order in the dump stands.
            let number = id.and_then(|at| text(at).parse().ok()).unwrap_or(i64::MAX);
            ledger.push((number, Migration { app: text(app), name: text(name) }));
        }
    }

    fn create(&mut self, definition: &CreateTable) {
        if let Some(like) = &definition.like
            && self.create_like(definition, like)
        {
            return;
        }
        if definition.like.is_some() || definition.select.is_some() {
            self.gap(format!("columns of {} come from another table, which is not supported", definition.name.name));
        }
        let (found, database) = self.found(&definition.name);
        let name = definition.name.name.clone();
        if definition.if_not_exists && found.tables.contains_key(&name) {
            return;
        }
        found.forget(&name);
        let options = &definition.options;
        let charset = options.charset.as_deref();
        let collation = options.collation.clone().or_else(|| charset.map(schema::default_collation));
        let mut create_options: Vec<String> =
            options.row_format.iter().map(|format| format!("row_format={format}")).collect();
        create_options.extend(options.partition_by.iter().map(|_| "partitioned".to_owned()));
        let mut table = Table {
            name: name.clone(),
            engine: options.engine.clone(),
            collation,
            create_options: create_options.join(" "),
            comment: options.comment.clone().unwrap_or_default(),
            partitions: options.partition_by.as_deref().map(partitions::read).unwrap_or_default(),
            ..Table::default()
        };
        for definition in &definition.columns {
            add_column(&mut table, definition);
            found.checks.extend(definition.checks.iter().map(|check| {
                // A check without a name has its column's on MariaDB.
                let own = if check.name.is_empty() { definition.column.name.clone() } else { check.name.clone() };
                Check { table: name.clone(), part: schema::Check { name: own, ..check.clone() } }
            }));
            found.foreign_keys.extend(definition.references.iter().map(|key| foreign_key(&database, &name, key)));
        }
        for index in &definition.indexes {
            add_index(&mut table, index.clone());
        }
        found.foreign_keys.extend(definition.foreign_keys.iter().map(|key| foreign_key(&database, &name, key)));
        found.checks.extend(definition.checks.iter().map(|check| Check { table: name.clone(), part: check.clone() }));
        if let Some(next) = options.auto_increment {
            found.counters.insert(name.clone(), next);
        }
        found.tables.insert(name, table);
    }

    /// `CREATE TABLE … LIKE`: columns and indexes of a table that the dump has created, without its foreign keys.
    fn create_like(&mut self, definition: &CreateTable, like: &TableName) -> bool {
        let (source, _) = self.found(like);
        let Some(mut table) = source.tables.get(&like.name).cloned() else { return false };
        let name = definition.name.name.clone();
        table.name.clone_from(&name);
        let (found, _) = self.found(&definition.name);
        if !(definition.if_not_exists && found.tables.contains_key(&name)) {
            found.forget(&name);
            found.tables.insert(name, table);
        }
        true
    }

    /// MariaDB keeps a sequence as a table of one row, and lists it among the tables.
    fn sequence(&mut self, statement: &str) {
        let Some(name) = header::created_sequence(statement) else { return };
        let definition = format!("CREATE TABLE `{}` ({SEQUENCE}", name.1.replace('`', "``"));
        let (statements, _) = sql::ddl(&definition);
        for statement in statements {
            if let Ddl::CreateTable(mut table) = statement.kind {
                table.name.schema.clone_from(&name.0);
                self.create(&table);
            }
        }
    }

    fn with_table(&mut self, name: &TableName, change: impl FnOnce(&mut Table)) {
        let (found, _) = self.found(name);
        match found.tables.get_mut(&name.name) {
            Some(table) => change(table),
            None => self.gap(format!("the dump changes {}, but does not create it", name.name)),
        }
    }

    /// Other programs than mysqldump add keys and counters afterwards.
    fn alter(&mut self, name: &TableName, clause: AlterClause) {
        match clause {
            AlterClause::AddIndex(index) => self.with_table(name, |table| add_index(table, index)),
            AlterClause::DropKey(key) => self.with_table(name, |table| drop_key(table, &key)),
            AlterClause::DropPrimaryKey => self.with_table(name, |table| drop_key(table, PRIMARY)),
            AlterClause::AddColumn { column, .. } => self.with_table(name, |table| add_column(table, &column)),
            AlterClause::ModifyColumn { column, .. } => self.with_table(name, |table| {
                let mut changed = Table { collation: table.collation.clone(), ..Table::default() };
                add_column(&mut changed, &column);
                if let (Some(place), Some(changed)) = (table.column_mut(&column.column.name), changed.columns.pop()) {
                    *place = changed;
                }
            }),
            AlterClause::AddForeignKey(key) => {
                let (found, database) = self.found(name);
                found.foreign_keys.push(foreign_key(&database, &name.name, &key));
            }
            AlterClause::AddCheck(check) => {
                let (found, _) = self.found(name);
                found.checks.push(Check { table: name.name.clone(), part: check });
            }
            AlterClause::Options(options) => {
                let (found, _) = self.found(name);
                if let Some(next) = options.auto_increment {
                    found.counters.insert(name.name.clone(), next);
                }
            }
            // `DISABLE KEYS` around rows, and what changes no definition.
            AlterClause::Unmodelled(_) => {}
            _ => self.gap(format!("the dump changes {} in a way that is not supported", name.name)),
        }
    }
}

impl Found {
    fn forget(&mut self, table: &str) {
        self.tables.remove(table);
        self.counters.remove(table);
        self.ledgers.remove(table);
        self.foreign_keys.retain(|key| key.table != table);
        self.checks.retain(|check| check.table != table);
    }

    fn finish(
        mut self,
        name: &str,
        file: &str,
        header: &Header,
        programs: &Programs,
        request: &Request,
    ) -> DatabaseFacts {
        for view in self.views.keys() {
            let table = Table { name: view.clone(), is_view: true, ..Table::default() };
            self.tables.insert(view.clone(), table);
        }
        for table in self.tables.values_mut() {
            table.indexes.sort_by(|a, b| a.name.cmp(&b.name));
        }
        self.foreign_keys.sort();
        self.checks.sort();
        let rows = "a dump of definitions contains no rows";
        let by = || Proof::proven("the definitions of the tables in the dump");
        let origin = Origin::Dump { file: file.to_owned(), server: header.server.clone() };
        let mut facts = DatabaseFacts::unread(name, origin, "a dump of definitions does not contain it");
        facts.tables = Observed::new(
            self.tables.into_values().collect(),
            Proof::unproven("a dump contains only the requested tables; others may exist"),
        );
        facts.foreign_keys = Observed::new(self.foreign_keys, by());
        facts.referenced_by =
            Observed::unproven("a dump of one database does not show foreign keys from other databases");
        facts.checks = Observed::new(self.checks, by());
        let concerned = introspect::concerned(&facts, request);
        let names = Names::of(&facts);
        facts.views = Observed::new(
            self.views
                .iter()
                .map(|(name, query)| {
                    let Named { own: mentions, elsewhere } = names.in_text(query, name);
                    let (name, kind) = (name.clone(), "VIEW".to_owned());
                    Program { name, kind, mentions, elsewhere, readable: true, ..Program::default() }
                })
                .collect(),
            Proof::unproven("a dump contains only the requested views; others may exist"),
        );
        let mut found: Vec<Trigger> = programs
            .triggers
            .iter()
            .filter(|(trigger, _)| facts.table(&trigger.table).is_some())
            .map(|(trigger, body)| {
                let Named { own: mentions, elsewhere } = names.in_text(body, &trigger.table);
                let assignments = super::assignments::in_text(body, Some(&trigger.table));
                Trigger { mentions, elsewhere, assignments, ..trigger.clone() }
            })
            .collect();
        found.sort();
        facts.triggers = Observed::new(found, Proof::unproven("a dump contains triggers only if they were requested"));
        let of_kind = |events: bool| -> Vec<Program> {
            let own = programs.others.iter().filter(|(program, database, _)| {
                (program.kind == "EVENT") == events && database.as_deref().is_none_or(|database| database == name)
            });
            let mut found: Vec<Program> = own
                .map(|(program, _, body)| {
                    let Named { own: mentions, elsewhere } = names.in_text(body, "");
                    let assignments = super::assignments::in_text(body, None);
                    Program { mentions, elsewhere, assignments, ..program.clone() }
                })
                .collect();
            found.sort();
            found
        };
        let asked = |what: &str| Proof::unproven(format!("a dump contains {what} only if they were requested"));
        facts.routines = Observed::new(of_kind(false), asked("routines"));
        facts.events = Observed::new(of_kind(true), asked("events"));
        facts.named_by = Observed::unproven(
            "a dump of one database does not show which programs of other databases reference its tables",
        );
        let mut ledger = |table: &str| match (self.ledgers.remove(table), &header.condition) {
            (None, _) => Observed::unproven(rows),
            (Some(mut applied), condition) => {
                applied.sort_by_key(|(number, _)| *number);
                let proof = match condition {
                    Some(condition) => Proof::unproven(format!("only rows WHERE {condition} were dumped")),
                    None => Proof::proven(format!("the rows of {table} in the dump")),
                };
                Observed::new(applied.into_iter().map(|(_, migration)| migration).collect(), proof)
            }
        };
        facts.migrations = ledger(ledger::LEDGERS[0].0);
        facts.south_migrations = ledger(ledger::LEDGERS[1].0);
        let measured = concerned.iter().filter_map(|table| {
            let next = self.counters.get(table)?;
            Some(Measures { table: table.clone(), auto_increment: Some(*next), ..Measures::default() })
        });
        facts.measures = Observed::new(measured.collect(), Proof::unproven(rows));
        facts.counters = Observed::new(
            self.counters,
            Proof::unproven("a dump omits AUTO_INCREMENT counters of 1, and may omit others"),
        );
        facts
    }
}

fn add_column(table: &mut Table, definition: &ColumnDef<String>) {
    const HOLD_TEXT: [&str; 8] = ["char", "varchar", "text", "tinytext", "mediumtext", "longtext", "enum", "set"];
    let mut column: Column = definition.column.clone();
    let holds_text = HOLD_TEXT.contains(&column.column_type.split(['(', ' ']).next().unwrap_or_default());
    column.collation = column.collation.or_else(|| table.collation.clone()).filter(|_| holds_text);
    // `information_schema.COLUMNS` has a number as a value.
    column.default = column.default.map(|default| match default {
        DefaultValue::Expression(number) if DefaultValue::Expression(number.clone()).is_number() => {
            DefaultValue::Literal(number)
        }
        other => other,
    });
    let name = match definition.key {
        Unique::No => None,
        Unique::Unique => Some(column.name.clone()),
        Unique::Primary => Some(PRIMARY.to_owned()),
    };
    let index = name.map(|name| Index::new(&name, true, vec![IndexPart::column(&column.name)]));
    table.columns.push(column);
    table.indexes.extend(index);
}

fn add_index(table: &mut Table, mut index: Index) {
    if index.name.is_empty() {
        index.name = index.parts.first().and_then(|part| part.column.clone()).unwrap_or_default();
    }
    if index.name == PRIMARY {
        for column in &mut table.columns {
            column.nullable &= index.columns().flatten().all(|name| name != column.name);
        }
    }
    table.indexes.push(index);
}

fn drop_key(table: &mut Table, name: &str) {
    table.indexes.retain(|index| !index.name.eq_ignore_ascii_case(name));
}

fn foreign_key(database: &str, table: &str, key: &schema::ForeignKey) -> ForeignKey {
    let mut key = key.clone();
    if key.referenced_database.is_empty() {
        database.clone_into(&mut key.referenced_database);
    }
    ForeignKey { database: database.to_owned(), table: table.to_owned(), key }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "-- MySQL dump 10.13\n--\n-- Host: db    Database: edxapp\n-- ------\n\
        /*!40101 SET NAMES utf8 */;\nDROP TABLE IF EXISTS `courseware_studentmodule`;\n\
        CREATE TABLE `courseware_studentmodule` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n  \
        `kind` varchar(32) NOT NULL DEFAULT 'problem',\n  `student_id` int(11) NOT NULL,\n  PRIMARY KEY (`id`),\n  \
        KEY `k` (`kind`(5)),\n  CONSTRAINT `fk` FOREIGN KEY (`student_id`) REFERENCES `auth_user` (`id`)\n) \
        ENGINE=InnoDB AUTO_INCREMENT=2147480001 DEFAULT CHARSET=utf8 ROW_FORMAT=COMPRESSED;\n\
        DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER `count` AFTER INSERT ON \
        `courseware_studentmodule` FOR EACH ROW INSERT INTO log VALUES (1) */;;\nDELIMITER ;\n\
        /*!50001 CREATE VIEW `v` AS SELECT 1 AS `id`*/;\n/*!50001 DROP VIEW IF EXISTS `v`*/;\n\
        /*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`a`@`b` SQL SECURITY DEFINER */\n\
        /*!50001 VIEW `v` AS select `courseware_studentmodule`.`id` AS `id` from `courseware_studentmodule` */;\n\
        INSERT INTO `auth_user` VALUES (1,'verySecret');\n-- Dump completed on 2026-01-02  3:04:05\n";

    fn one(text: &str) -> DatabaseFacts {
        let (mut databases, gaps) = read("d.sql", text, None, &Request::about("courseware.StudentModule"));
        assert_eq!(gaps, []);
        assert_eq!(databases.len(), 1);
        databases.remove(0)
    }

    #[test]
    fn definitions_are_facts_and_the_rest_is_unproven() {
        let facts = one(DUMP);
        assert_eq!(facts.name, "edxapp");
        let table = facts.table("courseware_studentmodule").unwrap();
        assert_eq!(table.columns[0].column_type, "int(11)");
        assert_eq!(table.columns[1].default, Some(DefaultValue::Literal("problem".to_owned())));
        assert_eq!(table.columns[1].collation.as_deref(), Some("utf8_general_ci"));
        assert_eq!(table.create_options, "row_format=COMPRESSED");
        assert_eq!(table.indexes[1].parts[0].length, Some(5));
        let key = &facts.foreign_keys.found[0];
        assert_eq!((key.name.as_str(), key.referenced_table.as_str()), ("fk", "auth_user"));
        assert_eq!(facts.measures_of("courseware_studentmodule").unwrap().auto_increment, Some(2_147_480_001));
        assert_eq!(facts.headroom()[0].used, 2_147_480_000);
        assert_eq!(facts.triggers.found[0].timing, "AFTER");
        assert_eq!(facts.views.found[0].mentions, ["courseware_studentmodule"]);
        for proof in [&facts.tables.proof, &facts.referenced_by.proof, &facts.migrations.proof, &facts.measures.proof] {
            assert!(!proof.is_proven(), "{proof:?}");
        }
    }

    #[test]
    fn the_ledger_is_all_that_is_read_of_rows() {
        let ledger = "CREATE TABLE `django_migrations` (`id` int(11) NOT NULL AUTO_INCREMENT, `app` varchar(255) NOT NULL, \
                      `name` varchar(255) NOT NULL, `applied` datetime NOT NULL, PRIMARY KEY (`id`));\n\
                      INSERT INTO `django_migrations` VALUES (2,'auth','0002_x','2020-01-01'),(1,'auth','0001_initial',\
                      '2020-01-01');\n";
        let facts = one(&format!("{DUMP}{ledger}"));
        let applied: Vec<_> = facts.migrations.found.iter().map(|row| (&*row.app, &*row.name)).collect();
        assert_eq!(applied, [("auth", "0001_initial"), ("auth", "0002_x")]);
        assert!(facts.migrations.proof.is_proven());
        assert!(!facts.south_migrations.proof.is_proven());
        assert!(!format!("{facts:?}").contains("verySecret"));
        let some = one(&format!("-- WHERE:  app='auth'\n{DUMP}{ledger}"));
        assert!(some.migrations.found.len() == 2 && !some.migrations.proof.is_proven());
        let (_, gaps) = read("d.sql", "INSERT INTO django_migrations VALUES (1,'a','b');", None, &Request::default());
        assert!(gaps.iter().any(|gap| gap.reason.contains("columns are unknown")), "{gaps:?}");
    }

    #[test]
    fn routines_and_events_name_tables_and_define_none() {
        let programs = "DELIMITER ;;\nCREATE DEFINER=`a`@`b` PROCEDURE `tidy`()\nBEGIN\n  CREATE TABLE inner_one (id int);\n  \
                        DELETE FROM courseware_studentmodule;\nEND ;;\n\
                        /*!50106 CREATE*/ /*!50117 DEFINER=`a`@`b`*/ /*!50106 EVENT `nightly` ON SCHEDULE EVERY 1 DAY DO CALL \
                        tidy() */ ;;\nDELIMITER ;\n";
        let facts = one(&DUMP.replace("INSERT INTO `auth_user`", &format!("{programs}INSERT INTO `auth_user`")));
        assert!(facts.table("inner_one").is_none());
        assert_eq!(facts.routines.found[0].mentions, ["courseware_studentmodule"]);
        assert_eq!((facts.events.found[0].name.as_str(), facts.events.found.len()), ("nightly", 1));
        assert!(!facts.routines.proof.is_proven());
    }

    #[test]
    fn a_dump_that_is_cut_off_is_told_of() {
        let (_, gaps) = read("d.sql", &DUMP[..DUMP.len() - 60], None, &Request::default());
        assert!(gaps.iter().any(|gap| gap.reason.contains("truncated")), "{gaps:?}");
    }

    #[test]
    fn keys_may_come_later() {
        let text = "USE x; CREATE TABLE t (id int NOT NULL, a int); ALTER TABLE t ADD PRIMARY KEY (id), \
                    ADD UNIQUE KEY u (a); ALTER TABLE t MODIFY id int NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=7; \
                    ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES y.p (id) ON DELETE CASCADE;";
        let facts = one(text);
        assert_eq!(facts.name, "x");
        let table = facts.table("t").unwrap();
        assert!(table.columns[0].auto_increment);
        assert_eq!(table.indexes.iter().map(|index| index.name.as_str()).collect::<Vec<_>>(), ["PRIMARY", "u"]);
        let key = &facts.foreign_keys.found[0];
        assert_eq!((key.referenced_database.as_str(), key.on_delete.as_deref()), ("y", Some("CASCADE")));
    }

    #[test]
    fn a_table_may_be_made_like_another() {
        let facts =
            one("USE x; CREATE TABLE t (id int NOT NULL PRIMARY KEY, a int, KEY k (a)); CREATE TABLE u LIKE t;");
        let (t, u) = (facts.table("t").unwrap(), facts.table("u").unwrap());
        assert_eq!((&t.columns, &t.indexes), (&u.columns, &u.indexes));
    }

    #[test]
    fn what_is_not_followed_is_a_gap() {
        let text = "CREATE TABLE t (id int);\nALTER TABLE gone ADD KEY (a);\nRENAME TABLE t TO u;\nCREATE TABLE (;";
        let (databases, gaps) = read("d.sql", text, Some("x"), &Request::default());
        assert_eq!(databases[0].name, "x");
        assert_eq!(gaps.iter().map(|gap| gap.line.unwrap()).collect::<Vec<_>>(), [2, 3, 4], "{gaps:?}");
        let (none, gaps) = read("d.sql", "SELECT 1;", None, &Request::default());
        assert_eq!((none.len(), gaps.len()), (0, 1));
    }
}
