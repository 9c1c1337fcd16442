//! Triggers, views, routines and events, and which tables their texts name. The texts are not kept.

use std::collections::{BTreeMap, BTreeSet};

use super::Reader;
use super::keys::from_file_name;
use crate::live::assignments;
use crate::live::facts::{DatabaseFacts, ExternalProgram, OtherColumn, Program, TableRef, Trigger, integer_limit};
use crate::live::mentions::{Named, Names};
use crate::live::proof::{Observed, Proof};
use crate::live::session::{Row, SessionError, literals};
use crate::live::shape::is_named_as_reference;
use crate::schema::quote_string;

impl Reader<'_> {
    /// Reads what is stored in a database besides tables.
    pub(super) async fn programs(&mut self, facts: &mut DatabaseFacts) {
        let names = &Names::of(facts);
        let database = facts.name.clone();
        facts.triggers = match self.triggers(&database, names).await {
            Ok(triggers) => triggers,
            Err(trouble) => self.failed("triggers", &trouble),
        };
        facts.views = match self.views(facts, names).await {
            Ok(views) => views,
            Err(trouble) => self.failed("views", &trouble),
        };
        facts.routines = match self.routines(&database, names).await {
            Ok(routines) => routines,
            Err(trouble) => self.failed("routines", &trouble),
        };
        facts.events = match self.events(&database, names).await {
            Ok(events) => events,
            Err(trouble) => self.failed("events", &trouble),
        };
    }

    async fn triggers(&mut self, database: &str, names: &Names) -> Result<Observed<Vec<Trigger>>, SessionError> {
        let sql = format!(
            "SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, ACTION_STATEMENT \
             FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {}",
            quote_string(database)
        );
        let rows = self.session.rows(&sql).await?;
        let mut triggers: Vec<Trigger> = rows
            .iter()
            .map(|row| {
                let table = row.text(0);
                let Named { own: mentions, elsewhere } = names.in_text(&row.text(4), &table);
                let assignments = assignments::in_text(&row.text(4), Some(&table));
                let (name, timing, event) = (row.text(1), row.text(2), row.text(3));
                Trigger { table, name, timing, event, mentions, elsewhere, assignments }
            })
            .collect();
        triggers.sort();
        let proof = if self.rights.database("TRIGGER", database) {
            Proof::proven("information_schema.TRIGGERS, with TRIGGER on the database")
        } else {
            Proof::unproven(format!("TRIGGER ON `{database}`.* is missing, so triggers may be hidden"))
        };
        Ok(Observed::new(triggers, proof))
    }

    async fn views(&mut self, facts: &DatabaseFacts, names: &Names) -> Result<Observed<Vec<Program>>, SessionError> {
        let database = &facts.name;
        let mut views = Vec::new();
        if facts.tables.found.iter().any(|table| table.is_view) {
            let sql = format!(
                "SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {}",
                quote_string(database)
            );
            views = self.session.rows(&sql).await?.iter().map(|row| program("VIEW", row, names)).collect();
            views.sort();
        }
        let proof = if !facts.tables.proof.is_proven() {
            Proof::unproven(facts.tables.proof.reason())
        } else if views.iter().all(|view| view.readable) {
            Proof::proven("information_schema.TABLES and VIEWS")
        } else {
            Proof::unproven(format!("SHOW VIEW ON `{database}`.* is missing, so texts of views are hidden"))
        };
        Ok(Observed::new(views, proof))
    }

    async fn routines(&mut self, database: &str, names: &Names) -> Result<Observed<Vec<Program>>, SessionError> {
        let sql = format!(
            "SELECT ROUTINE_NAME, ROUTINE_DEFINITION, ROUTINE_TYPE \
             FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {}",
            quote_string(database)
        );
        let rows = self.session.rows(&sql).await?;
        let mut routines: Vec<Program> = rows.iter().map(|row| program(&row.text(2), row, names)).collect();
        routines.sort();
        let proof = match (self.sees_routines(database), self.is_mysql(SHOW_ROUTINE)) {
            (true, _) => Proof::proven("information_schema.ROUTINES"),
            (false, true) => Proof::unproven("SHOW_ROUTINE ON *.* is missing, so routines may be hidden"),
            (false, false) => Proof::unproven("SELECT ON `mysql`.`proc` is missing, so routines may be hidden"),
        };
        Ok(Observed::new(routines, proof))
    }

    async fn events(&mut self, database: &str, names: &Names) -> Result<Observed<Vec<Program>>, SessionError> {
        let sql = format!(
            "SELECT EVENT_NAME, EVENT_DEFINITION FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {}",
            quote_string(database)
        );
        let rows = self.session.rows(&sql).await?;
        let mut events: Vec<Program> = rows.iter().map(|row| program("EVENT", row, names)).collect();
        events.sort();
        let proof = if self.rights.database("EVENT", database) {
            Proof::proven("information_schema.EVENTS, with EVENT on the database")
        } else {
            Proof::unproven(format!("EVENT ON `{database}`.* is missing, so events may be hidden"))
        };
        Ok(Observed::new(events, proof))
    }

    fn sees_routines(&self, database: &str) -> bool {
        if self.is_mysql(SHOW_ROUTINE) {
            return self.rights.global("SHOW_ROUTINE") || self.rights.everywhere("SELECT");
        }
        self.rights.table("SELECT", "mysql", "proc")
            || (self.is_mariadb_from((11, 3, 0)) && self.rights.database("SHOW CREATE ROUTINE", database))
    }

    /// Programs of the server's other databases whose texts name a table that was asked about, for each of the databases
    /// that were read.
    pub(super) async fn outsiders(&mut self, read: &mut [DatabaseFacts]) {
        let seen = match self.ask_outsiders(read).await {
            Ok(seen) => seen,
            Err(trouble) => self.failed("programs of other databases", &trouble),
        };
        for facts in read {
            facts.named_by.proof = seen.proof.clone();
            for (outsider, elsewhere) in &seen.found {
                let named = |table: &String| {
                    elsewhere.iter().any(|pair| {
                        pair.database.eq_ignore_ascii_case(&facts.name) && pair.table.eq_ignore_ascii_case(table)
                    })
                };
                let tables = facts.tables.found.iter().map(|table| &table.name);
                let mentions: Vec<String> = tables.filter(|table| named(table)).cloned().collect();
                if !mentions.is_empty() {
                    facts.named_by.found.push(ExternalProgram { mentions, ..outsider.clone() });
                }
            }
        }
    }

    async fn ask_outsiders(
        &mut self,
        read: &[DatabaseFacts],
    ) -> Result<Observed<Vec<(ExternalProgram, Vec<TableRef>)>>, SessionError> {
        let rows = self.session.rows("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA").await?;
        let mut others: Vec<String> = rows.iter().map(|row| row.text(0)).collect();
        others.retain(|name| {
            !SYSTEM.iter().any(|system| system.eq_ignore_ascii_case(name))
                && read.iter().all(|facts| facts.name != *name)
        });
        others.sort();
        let hidden: Vec<&String> = others
            .iter()
            .enumerate()
            .filter(|(at, name)| {
                let may = |right: &str| self.rights.database(right, name);
                let all = ["SELECT", "SHOW VIEW", "TRIGGER", "EVENT"].into_iter().all(may);
                *at >= MOST_OTHERS || !all || !self.sees_routines(name)
            })
            .map(|(_, name)| name)
            .collect();
        let mut proof = if !self.rights.global("SHOW DATABASES") {
            Proof::unproven(
                "SHOW DATABASES ON *.* is missing, so there may be other databases whose programs name them",
            )
        } else if let Some(first) = hidden.first() {
            Proof::unproven(format!(
                "SELECT, SHOW VIEW, TRIGGER and EVENT are not all granted on `{first}`{}, so programs there may reference the tables",
                if hidden.len() > 1 { format!(" and {} other databases", hidden.len() - 1) } else { String::new() }
            ))
        } else {
            Proof::proven("information_schema's VIEWS, TRIGGERS, ROUTINES and EVENTS of every database, by their texts")
        };
        others.truncate(MOST_OTHERS);
        let mut found = Vec::new();
        if others.is_empty() || self.request.tables.is_empty() {
            return Ok(Observed::new(found, proof));
        }
        for (schema, name, kind, text, table) in [
            ("TABLE_SCHEMA", "TABLE_NAME", "'VIEW'", "VIEW_DEFINITION", "VIEWS"),
            ("TRIGGER_SCHEMA", "TRIGGER_NAME", "'TRIGGER'", "ACTION_STATEMENT", "TRIGGERS"),
            ("ROUTINE_SCHEMA", "ROUTINE_NAME", "ROUTINE_TYPE", "ROUTINE_DEFINITION", "ROUTINES"),
            ("EVENT_SCHEMA", "EVENT_NAME", "'EVENT'", "EVENT_DEFINITION", "EVENTS"),
        ] {
            let like = |name: &String| {
                let pattern = name.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
                format!("LOWER({text}) LIKE {}", quote_string(&format!("%{pattern}%")))
            };
            let names = self.request.tables.iter().map(like).collect::<Vec<_>>().join(" OR ");
            let select = format!("SELECT {schema}, {name}, {kind}, {text} FROM information_schema.{table}");
            // Old servers keep routines and events in a table, and find triggers and views by looking through folders: only
            // `=` keeps them from looking through all.
            let by_folder = matches!(table, "VIEWS" | "TRIGGERS") && !self.has_dictionary();
            if by_folder && others.len() > FOLDERS_AT_MOST {
                proof = Proof::unproven(format!(
                    "this server would look through the folders of {} databases to find views and triggers that name them",
                    others.len()
                ));
                continue;
            }
            let sql = if by_folder && others.len() <= FOLDERS_ONE_BY_ONE {
                let one = |other: &String| format!("{select} WHERE {schema} = {} AND ({names})", quote_string(other));
                others.iter().map(one).collect::<Vec<_>>().join(" UNION ALL ")
            } else {
                let others = literals(others.iter().map(String::as_str));
                format!("{select} WHERE {schema} IN ({others}) AND ({names})")
            };
            for row in self.session.rows(&sql).await? {
                let outsider = ExternalProgram {
                    database: row.text(0),
                    name: row.text(1),
                    kind: row.text(2),
                    ..ExternalProgram::default()
                };
                let home = DatabaseFacts::unread(&outsider.database, self.origin(), "");
                found.push((outsider, Names::of(&home).in_text(&row.text(3), "").elsewhere));
            }
        }
        Ok(Observed::new(found, proof))
    }
}

impl Reader<'_> {
    /// Integer columns of databases that were not passed, by their names.
    pub(super) async fn other_columns(&mut self, read: &[DatabaseFacts]) -> Observed<Vec<OtherColumn>> {
        match self.ask_other_columns(read).await {
            Ok(found) => found,
            Err(trouble) => self.failed("columns of other databases", &trouble),
        }
    }

    async fn ask_other_columns(&mut self, read: &[DatabaseFacts]) -> Result<Observed<Vec<OtherColumn>>, SessionError> {
        if self.request.columns.is_empty() {
            return Ok(Observed::unproven("no column was requested"));
        }
        let process = self.rights.global("PROCESS");
        let (mut found, proof) = if self.has_dictionary() {
            // The account sees the columns of what it may read; InnoDB's list shows those of every database.
            if self.rights.everywhere("SELECT") {
                let proof = "information_schema.COLUMNS of every database, by the names of columns";
                (self.visible_columns(read).await?, Proof::proven(proof))
            } else if process && self.fits_the_table_cache().await? {
                let proof = "InnoDB's list of columns (INNODB_COLUMNS), with PROCESS; other engines are not in it";
                (self.innodb_columns().await?, Proof::proven(proof))
            } else {
                let reason = match process {
                    true => {
                        "SELECT ON *.* is missing, and InnoDB's list of columns would open every table, which are more \
                             than the table cache holds"
                    }
                    false => "SELECT ON *.* is missing, so databases that were not passed may have such columns",
                };
                (self.visible_columns(read).await?, Proof::unproven(reason))
            }
        } else if process {
            let proof = "InnoDB's list of columns (INNODB_SYS_COLUMNS), with PROCESS; other engines are not in it";
            (self.innodb_columns().await?, Proof::proven(proof))
        } else {
            return Ok(Observed::unproven(
                "PROCESS ON *.* is missing, without which this server would open every table of every database to find \
                 columns by their names",
            ));
        };
        let is_read = |name: &str| {
            SYSTEM.iter().any(|system| system.eq_ignore_ascii_case(name))
                || read.iter().any(|facts| facts.name.eq_ignore_ascii_case(name))
        };
        found.retain(|one: &OtherColumn| {
            !is_read(&one.database)
                && is_named_as_reference(&self.request.columns, &one.column)
                && integer_limit(&one.column_type).is_some()
        });
        found.sort();
        found.dedup();
        found.truncate(MOST_OTHER_COLUMNS);
        Ok(Observed::new(found, proof))
    }

    /// The condition that a column's name ends as one of those that were asked for.
    fn ends_as_asked(&self, text: &str) -> String {
        let one = |name: &String| {
            let pattern = name.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
            format!("LOWER({text}) LIKE {}", quote_string(&format!("%{pattern}")))
        };
        self.request.columns.iter().map(one).collect::<Vec<_>>().join(" OR ")
    }

    /// MySQL 8 opens every table to show InnoDB's list of columns; the others are pushed out of a cache that is smaller.
    async fn fits_the_table_cache(&mut self) -> Result<bool, SessionError> {
        let sql = "SELECT COUNT(*) <= @@GLOBAL.table_open_cache FROM information_schema.INNODB_TABLESPACES_BRIEF";
        Ok(self.session.rows(sql).await?.first().is_some_and(|row| row.text(0) == "1"))
    }

    /// The columns that the account sees, by their names, in other databases than those that were read.
    async fn visible_columns(&mut self, read: &[DatabaseFacts]) -> Result<Vec<OtherColumn>, SessionError> {
        let known = literals(SYSTEM.into_iter().chain(read.iter().map(|facts| facts.name.as_str())));
        let sql = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS \
             WHERE TABLE_SCHEMA NOT IN ({known}) AND ({})",
            self.ends_as_asked("COLUMN_NAME")
        );
        let rows = self.session.rows(&sql).await?;
        let column = |row: &Row| OtherColumn {
            database: row.text(0),
            table: row.text(1),
            column: row.text(2),
            column_type: row.text(3),
        };
        Ok(rows.iter().map(column).collect())
    }

    /// The integer columns of InnoDB's tables, by their names. MySQL 5 and MariaDB open no table for them.
    async fn innodb_columns(&mut self) -> Result<Vec<OtherColumn>, SessionError> {
        let prefix = if self.has_dictionary() { "INNODB_" } else { "INNODB_SYS_" };
        let columns = format!(
            "SELECT TABLE_ID, NAME, PRTYPE, LEN FROM information_schema.{prefix}COLUMNS \
             WHERE MTYPE = {INTEGER} AND ({})",
            self.ends_as_asked("NAME")
        );
        let columns = self.session.rows(&columns).await?;
        let ids: BTreeSet<String> = columns.iter().map(|row| row.text(0)).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids = ids.into_iter().collect::<Vec<_>>().join(", ");
        let by_files = !self.has_dictionary();
        let name = |end: &str| match by_files {
            false => format!("SUBSTRING_INDEX(NAME, '/', {end})"),
            true => format!(
                "CONVERT(CAST(CAST(SUBSTRING_INDEX(NAME, '/', {end}) AS BINARY) AS CHAR CHARACTER SET filename) \
                 USING utf8)"
            ),
        };
        let tables = format!(
            "SELECT TABLE_ID, {}, {} FROM information_schema.{prefix}TABLES WHERE TABLE_ID IN ({ids})",
            name("1"),
            name("-1")
        );
        // The new servers' list has names of files, too; their letters beyond ASCII stay as they are there.
        let plain = |text: String| if by_files { text } else { from_file_name(&text) };
        let tables = self.session.rows(&tables).await?;
        let tables: BTreeMap<String, (String, String)> =
            tables.iter().map(|row| (row.text(0), (plain(row.text(1)), plain(row.text(2))))).collect();
        let column = |row: &Row| {
            let (database, table) = tables.get(&row.text(0))?.clone();
            let column_type = innodb_integer(row.number(3)?, row.number(2)?)?;
            Some(OtherColumn { database, table, column: row.text(1), column_type })
        };
        Ok(columns.iter().filter_map(column).collect())
    }
}

/// InnoDB's number for integers (`DATA_INT`, storage/innobase/include/data0type.h).
const INTEGER: u32 = 6;

/// The flag of a type without a sign (`DATA_UNSIGNED`, the same file).
const UNSIGNED: u32 = 512;

/// The maximum number of reported columns of other databases.
const MOST_OTHER_COLUMNS: usize = 1000;

/// An integer type by its length in bytes and InnoDB's precise type.
fn innodb_integer(length: u32, precise: u32) -> Option<String> {
    let name = match length {
        1 => "tinyint",
        2 => "smallint",
        3 => "mediumint",
        4 => "int",
        8 => "bigint",
        _ => return None,
    };
    Some(if precise & UNSIGNED == 0 { name.to_owned() } else { format!("{name} unsigned") })
}

/// From this MySQL on a right of its own shows routines.
const SHOW_ROUTINE: (u16, u16, u16) = (8, 0, 20);

/// Databases that every server has.
const SYSTEM: [&str; 4] = ["information_schema", "mysql", "performance_schema", "sys"];

/// Of so many other databases the programs are looked at.
const MOST_OTHERS: usize = 5000;

/// Folders of more databases than that are not looked through: 2,500 took MariaDB 2 to 7 s, and more on a busy machine.
const FOLDERS_AT_MOST: usize = 200;

/// So many databases are looked through one by one, in one statement.
const FOLDERS_ONE_BY_ONE: usize = 20;

/// A row of name and text.
fn program(kind: &str, row: &Row, names: &Names) -> Program {
    let text = row.text(1);
    let name = row.text(0);
    let Named { own: mentions, elsewhere } = names.in_text(&text, &name);
    // A view assigns nothing.
    let assignments = if kind == "VIEW" { Vec::new() } else { assignments::in_text(&text, None) };
    Program { name, kind: kind.to_owned(), mentions, elsewhere, readable: !text.is_empty(), assignments }
}
