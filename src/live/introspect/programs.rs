//! Triggers, views, routines and events, and which tables their texts name. The texts are not kept.

use super::Reader;
use crate::live::facts::{DatabaseFacts, ExternalProgram, Program, TableRef, Trigger};
use crate::live::mentions::{Named, Names};
use crate::live::proof::{Observed, Proof};
use crate::live::session::{Row, SessionError, literals};
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
                Trigger { table, name: row.text(1), timing: row.text(2), event: row.text(3), mentions, elsewhere }
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
        let proof = if !self.rights.global("SHOW DATABASES") {
            Proof::unproven(
                "SHOW DATABASES ON *.* is missing, so there may be other databases whose programs name them",
            )
        } else if let Some(first) = hidden.first() {
            Proof::unproven(format!(
                "SELECT, SHOW VIEW, TRIGGER and EVENT are not all held on `{first}`{}, so programs there may name them",
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
            let sql = if self.has_dictionary() {
                let others = literals(others.iter().map(String::as_str));
                format!("{select} WHERE {schema} IN ({others}) AND ({names})")
            } else {
                // Only `=` keeps an old server from looking through every folder.
                let one = |other: &String| format!("{select} WHERE {schema} = {} AND ({names})", quote_string(other));
                others.iter().map(one).collect::<Vec<_>>().join(" UNION ALL ")
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

/// From this MySQL on a right of its own shows routines.
const SHOW_ROUTINE: (u16, u16, u16) = (8, 0, 20);

/// Databases that every server has.
const SYSTEM: [&str; 4] = ["information_schema", "mysql", "performance_schema", "sys"];

/// Of so many other databases the programs are looked at.
const MOST_OTHERS: usize = 500;

/// A row of name and text.
fn program(kind: &str, row: &Row, names: &Names) -> Program {
    let text = row.text(1);
    let name = row.text(0);
    let Named { own: mentions, elsewhere } = names.in_text(&text, &name);
    Program { name, kind: kind.to_owned(), mentions, elsewhere, readable: !text.is_empty() }
}
