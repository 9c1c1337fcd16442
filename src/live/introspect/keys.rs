//! Foreign keys, both ways.
//!
//! `information_schema` shows a foreign key to those who may read the table that points, and on old servers opens every
//! table to find it. InnoDB's own list shows all of them, in every database, and opens none; it needs PROCESS.

use std::collections::BTreeMap;

use super::Reader;
use crate::live::facts::ForeignKey;
use crate::live::proof::{Observed, Proof};
use crate::live::session::{SessionError, literals};
use crate::schema::{self, quote_string};

/// Foreign keys of a database's tables, and of others' tables into it.
type BothWays = (Observed<Vec<ForeignKey>>, Observed<Vec<ForeignKey>>);

/// MariaDB and old servers show rules only to those who may do more than read the table.
const HIDDEN_RULES: &str =
    "PROCESS ON *.* is missing, and any right besides SELECT, so ON DELETE and ON UPDATE of foreign keys are hidden";

impl Reader<'_> {
    /// The foreign keys that leave or reach a database's tables.
    pub(super) async fn foreign_keys(&mut self, database: &str) -> Result<BothWays, SessionError> {
        if self.rights.global("PROCESS") {
            match self.keys_by_innodb(database).await {
                Ok(keys) => return Ok(keys),
                // Managed servers hide these lists from some accounts whatever they hold.
                Err(SessionError::AccessDenied(_) | SessionError::ServerError(_)) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        let (own, rules) = self.keys_by_usage(&format!("TABLE_SCHEMA = {}", quote_string(database)), database).await?;
        let own_proof = if !rules {
            Proof::unproven(HIDDEN_RULES)
        } else if self.rights.database("SELECT", database) {
            Proof::proven("information_schema.KEY_COLUMN_USAGE, with SELECT on the database")
        } else {
            Proof::unproven(format!("SELECT ON `{database}`.* is missing, so foreign keys may be hidden"))
        };
        let inbound = if self.has_dictionary() {
            let schema = quote_string(database);
            let condition = format!("REFERENCED_TABLE_SCHEMA = {schema} AND TABLE_SCHEMA <> {schema}");
            let (found, rules) = self.keys_by_usage(&condition, database).await?;
            Observed::new(
                found,
                if !rules {
                    Proof::unproven(HIDDEN_RULES)
                } else if self.rights.everywhere("SELECT") {
                    Proof::proven("information_schema.KEY_COLUMN_USAGE, with SELECT on everything")
                } else {
                    Proof::unproven("PROCESS ON *.* is missing, so foreign keys of other databases may be hidden")
                },
            )
        } else {
            Observed::unproven(
                "PROCESS ON *.* is missing, without which this server would open every table of every database to \
                 find foreign keys of other databases",
            )
        };
        Ok((Observed::new(own, own_proof), inbound))
    }

    /// Foreign keys, and whether all their rules were seen.
    async fn keys_by_usage(
        &mut self,
        condition: &str,
        database: &str,
    ) -> Result<(Vec<ForeignKey>, bool), SessionError> {
        let sql = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, \
             REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE \
             WHERE {condition} AND REFERENCED_TABLE_NAME IS NOT NULL"
        );
        let mut rows = self.session.rows(&sql).await?;
        rows.sort_by_cached_key(|row| (row.text(0), row.text(1), row.text(2), row.number::<u32>(3)));
        let mut keys: Vec<ForeignKey> = Vec::new();
        for row in rows {
            let (owner, table, name) = (row.text(0), row.text(1), row.text(2));
            let same = keys.last().is_some_and(|key| key.database == owner && key.table == table && key.name == name);
            if !same {
                keys.push(ForeignKey {
                    database: owner,
                    table,
                    key: schema::ForeignKey {
                        name,
                        referenced_database: row.text(5),
                        referenced_table: row.text(6),
                        ..schema::ForeignKey::default()
                    },
                });
            }
            if let Some(key) = keys.last_mut() {
                key.columns.push(row.text(4));
                key.referenced_columns.push(row.text(7));
            }
        }
        if keys.is_empty() {
            return Ok((keys, true));
        }
        let schemas = keys.iter().map(|key| key.database.as_str()).chain([database]);
        let mut schemas: Vec<&str> = schemas.collect();
        schemas.sort_unstable();
        schemas.dedup();
        let sql = format!(
            "SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, DELETE_RULE, UPDATE_RULE \
             FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA IN ({})",
            literals(schemas)
        );
        let rules: BTreeMap<_, _> = self
            .session
            .rows(&sql)
            .await?
            .into_iter()
            .map(|row| ((row.text(0), row.text(1), row.text(2)), (row.text(3), row.text(4))))
            .collect();
        let mut all_seen = true;
        for key in &mut keys {
            let of_key = (key.database.clone(), key.table.clone(), key.name.clone());
            match rules.get(&of_key) {
                Some((delete, update)) => (key.on_delete, key.on_update) = (action(delete), action(update)),
                None => all_seen = false,
            }
        }
        Ok((keys, all_seen))
    }

    async fn keys_by_innodb(&mut self, database: &str) -> Result<BothWays, SessionError> {
        let prefix = if self.has_dictionary() { "INNODB_" } else { "INNODB_SYS_" };
        // Old servers write names as those of files, which the server itself reads best; new ones write them as they are.
        let by_files = !self.has_dictionary();
        let starts = |column: &str| {
            let name = quote_string(database);
            match by_files {
                true => {
                    let stem = format!("CONCAT(CAST(CONVERT({name} USING filename) AS BINARY), '/')");
                    format!("LOCATE({stem}, CAST({column} AS BINARY)) = 1")
                }
                false => {
                    let stem = format!("{database}/");
                    format!("LEFT({column}, {}) = {}", stem.chars().count(), quote_string(&stem))
                }
            }
        };
        let part = |column: &str, end: &str| match by_files {
            true => format!(
                "CONVERT(CAST(CAST(SUBSTRING_INDEX({column}, '/', {end}) AS BINARY) AS CHAR CHARACTER SET filename) USING \
                 utf8)"
            ),
            false => "NULL".to_owned(),
        };
        let sql = format!(
            "SELECT ID, FOR_NAME, REF_NAME, TYPE, {}, {}, {}, {} FROM information_schema.{prefix}FOREIGN WHERE {} OR {}",
            part("FOR_NAME", "1"),
            part("FOR_NAME", "-1"),
            part("REF_NAME", "1"),
            part("REF_NAME", "-1"),
            starts("FOR_NAME"),
            starts("REF_NAME")
        );
        let found = self.session.rows(&sql).await?;
        let by = Proof::proven(format!("InnoDB's list of foreign keys ({prefix}FOREIGN), with PROCESS"));
        let mut keys: BTreeMap<String, ForeignKey> = BTreeMap::new();
        for row in found {
            let pair = |at: usize, name: usize| match (row.at(at), row.at(at + 1)) {
                (Some(database), Some(table)) => Some((database, table)),
                _ => split(&row.text(name)),
            };
            let (Some(child), Some(parent)) = (pair(4, 1), pair(6, 2)) else { continue };
            let rules: u32 = row.number(3).unwrap_or_default();
            let id = row.text(0);
            let name = id.split_once('/').map_or(id.as_str(), |(_, name)| name);
            let rule = |cascade: u32, null: u32| match (rules & cascade, rules & null) {
                (0, 0) => None,
                (0, _) => Some("SET NULL".to_owned()),
                _ => Some("CASCADE".to_owned()),
            };
            let key = ForeignKey {
                database: child.0,
                table: child.1,
                key: schema::ForeignKey {
                    name: name.to_owned(),
                    referenced_database: parent.0,
                    referenced_table: parent.1,
                    on_delete: rule(1, 2),
                    on_update: rule(4, 8),
                    ..schema::ForeignKey::default()
                },
            };
            keys.insert(id, key);
        }
        if !keys.is_empty() {
            let others = keys.iter().filter(|(_, key)| key.database != database).map(|(id, _)| id.as_str());
            let others = literals(others);
            let among = if others.is_empty() { String::new() } else { format!(" OR ID IN ({others})") };
            let sql = format!(
                "SELECT ID, POS, FOR_COL_NAME, REF_COL_NAME FROM information_schema.{prefix}FOREIGN_COLS WHERE {}{among}",
                starts("ID")
            );
            let mut rows = self.session.rows(&sql).await?;
            rows.sort_by_cached_key(|row| (row.text(0), row.number::<u32>(1)));
            for row in rows {
                if let Some(key) = keys.get_mut(&row.text(0)) {
                    key.columns.push(row.text(2));
                    key.referenced_columns.push(row.text(3));
                }
            }
        }
        let (mut own, mut inbound): (Vec<_>, Vec<_>) = keys.into_values().partition(|key| key.database == database);
        own.sort();
        inbound.sort();
        Ok((Observed::new(own, by.clone()), Observed::new(inbound, by)))
    }
}

/// What happens to the row that points; the two words for "nothing does" mean the same to InnoDB.
fn action(rule: &str) -> Option<String> {
    Some(rule.to_owned()).filter(|rule| !matches!(rule.as_str(), "RESTRICT" | "NO ACTION" | ""))
}

/// Takes InnoDB's `database/table` apart.
pub(super) fn split(name: &str) -> Option<(String, String)> {
    let (database, table) = name.split_once('/')?;
    Some((from_file_name(database), from_file_name(table)))
}

/// A name from that of a file: `@` and the number of a character that is no letter, digit or `_`.
pub(super) fn from_file_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let number = rest.get(at + 1..at + 5).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        name.push_str(&rest[..at]);
        match number.and_then(char::from_u32) {
            Some(character) => {
                name.push(character);
                rest = &rest[at + 5..];
            }
            None => {
                name.push('@');
                rest = &rest[at + 1..];
            }
        }
    }
    name + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_those_of_files() {
        assert_eq!(from_file_name("edx@002dapp"), "edx-app");
        assert_eq!(from_file_name("a@b"), "a@b");
        assert_eq!(split("edx@002dapp/t@0020x"), Some(("edx-app".to_owned(), "t x".to_owned())));
    }

    #[test]
    fn doing_nothing_has_two_words() {
        assert_eq!(action("RESTRICT"), None);
        assert_eq!(action("NO ACTION"), None);
        assert_eq!(action("SET NULL").as_deref(), Some("SET NULL"));
    }
}
