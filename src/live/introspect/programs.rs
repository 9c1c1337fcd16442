//! Triggers, views, routines and events, and which of the tables concerned their texts name.

use super::Reader;
use crate::live::facts::{DatabaseFacts, Program, Trigger};
use crate::live::proof::{Proof, Seen};
use crate::live::session::{Row, Trouble, literal};

impl Reader<'_> {
    /// Reads what is stored in a database besides tables.
    pub(super) async fn programs(&mut self, facts: &mut DatabaseFacts, concerned: &[String]) {
        let database = facts.name.clone();
        facts.triggers = match self.triggers(&database, concerned).await {
            Ok(triggers) => triggers,
            Err(trouble) => self.failed("triggers", &trouble),
        };
        facts.views = match self.views(facts, concerned).await {
            Ok(views) => views,
            Err(trouble) => self.failed("views", &trouble),
        };
        facts.routines = match self.routines(&database, concerned).await {
            Ok(routines) => routines,
            Err(trouble) => self.failed("routines", &trouble),
        };
        facts.events = match self.events(&database, concerned).await {
            Ok(events) => events,
            Err(trouble) => self.failed("events", &trouble),
        };
    }

    async fn triggers(&mut self, database: &str, concerned: &[String]) -> Result<Seen<Vec<Trigger>>, Trouble> {
        let sql = format!(
            "SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, ACTION_STATEMENT \
             FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {}",
            literal(database)
        );
        let rows = self.session.rows(&sql).await?;
        let mut triggers: Vec<Trigger> = rows
            .iter()
            .map(|row| {
                let table = row.text(0);
                let mut mentions = mentions(&row.text(4), concerned);
                mentions.retain(|name| *name != table);
                Trigger { table, name: row.text(1), timing: row.text(2), event: row.text(3), mentions }
            })
            .collect();
        triggers.sort();
        let proof = if self.rights.database("TRIGGER", database) {
            Proof::proven("information_schema.TRIGGERS, with TRIGGER on the database")
        } else {
            Proof::unproven(format!("TRIGGER ON `{database}`.* is missing, so triggers may be hidden"))
        };
        Ok(Seen::new(triggers, proof))
    }

    async fn views(&mut self, facts: &DatabaseFacts, concerned: &[String]) -> Result<Seen<Vec<Program>>, Trouble> {
        let database = &facts.name;
        let mut views = Vec::new();
        if facts.tables.found.iter().any(|table| table.is_view) {
            let sql = format!(
                "SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = {}",
                literal(database)
            );
            views = self.session.rows(&sql).await?.iter().map(|row| program("VIEW", row, concerned)).collect();
            views.sort();
        }
        let proof = if !facts.tables.proof.is_proven() {
            Proof::unproven(facts.tables.proof.reason())
        } else if views.iter().all(|view| view.readable) {
            Proof::proven("information_schema.TABLES and VIEWS")
        } else {
            Proof::unproven(format!("SHOW VIEW ON `{database}`.* is missing, so texts of views are hidden"))
        };
        Ok(Seen::new(views, proof))
    }

    async fn routines(&mut self, database: &str, concerned: &[String]) -> Result<Seen<Vec<Program>>, Trouble> {
        let sql = format!(
            "SELECT ROUTINE_NAME, ROUTINE_DEFINITION, ROUTINE_TYPE \
             FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {}",
            literal(database)
        );
        let rows = self.session.rows(&sql).await?;
        let mut routines: Vec<Program> = rows.iter().map(|row| program(&row.text(2), row, concerned)).collect();
        routines.sort();
        let new_right = self.is_mysql((8, 0, 20));
        let seen = if new_right {
            self.rights.global("SHOW_ROUTINE") || self.rights.everywhere("SELECT")
        } else {
            self.rights.table("SELECT", "mysql", "proc")
                || (self.is_mariadb_from((11, 3, 0)) && self.rights.database("SHOW CREATE ROUTINE", database))
        };
        let proof = match (seen, new_right) {
            (true, _) => Proof::proven("information_schema.ROUTINES"),
            (false, true) => Proof::unproven("SHOW_ROUTINE ON *.* is missing, so routines may be hidden"),
            (false, false) => Proof::unproven("SELECT ON `mysql`.`proc` is missing, so routines may be hidden"),
        };
        Ok(Seen::new(routines, proof))
    }

    async fn events(&mut self, database: &str, concerned: &[String]) -> Result<Seen<Vec<Program>>, Trouble> {
        let sql = format!(
            "SELECT EVENT_NAME, EVENT_DEFINITION FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {}",
            literal(database)
        );
        let rows = self.session.rows(&sql).await?;
        let mut events: Vec<Program> = rows.iter().map(|row| program("EVENT", row, concerned)).collect();
        events.sort();
        let proof = if self.rights.database("EVENT", database) {
            Proof::proven("information_schema.EVENTS, with EVENT on the database")
        } else {
            Proof::unproven(format!("EVENT ON `{database}`.* is missing, so events may be hidden"))
        };
        Ok(Seen::new(events, proof))
    }
}

/// A row of name and text.
fn program(kind: &str, row: &Row, concerned: &[String]) -> Program {
    let text = row.text(1);
    Program {
        name: row.text(0),
        kind: kind.to_owned(),
        mentions: mentions(&text, concerned),
        readable: !text.is_empty(),
    }
}

/// The tables that a text names as whole words. A name in a comment counts too: nothing that may matter is left out.
pub(in crate::live) fn mentions(text: &str, tables: &[String]) -> Vec<String> {
    let lower = text.to_lowercase();
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let names = |table: &String| {
        let name = table.to_lowercase();
        lower.match_indices(&name).any(|(at, _)| {
            let before = lower[..at].chars().next_back();
            let after = lower[at + name.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    };
    tables.iter().filter(|table| names(table)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_are_mentioned() {
        let tables = ["courseware_studentmodule".to_owned(), "a b".to_owned()];
        let of = |text| mentions(text, &tables).len();
        assert_eq!(of("select * from `edx`.`Courseware_StudentModule` where 1"), 1);
        assert_eq!(of("select * from courseware_studentmodulehistory"), 0);
        assert_eq!(of("select * from x_courseware_studentmodule"), 0);
        assert_eq!(of("insert into `a b` select 1 from courseware_studentmodule"), 2);
    }
}
