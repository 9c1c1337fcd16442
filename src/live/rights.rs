//! What an account may do, from `SHOW GRANTS`: what decides whether an absence is a fact.

use std::collections::BTreeSet;

/// What a right is granted on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum On {
    /// `*.*`
    Everything,
    /// ``` `pattern`.* ```
    Database(String),
    /// ``` `database`.`table` ```
    Table(String, String),
}

/// The rights of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rights {
    granted: BTreeSet<(On, String)>,
    /// Partial revokes: what `*.*` does not cover.
    revoked: BTreeSet<(String, String)>,
    roles: BTreeSet<String>,
}

impl Rights {
    /// Reads the lines of `SHOW GRANTS`. They may hold a hash of the password, so they are kept nowhere.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Self {
        let mut rights = Self::default();
        for line in lines {
            rights.line(line);
        }
        rights
    }

    fn line(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("REVOKE ") {
            if let Some((On::Database(database), names)) = right_and_object(rest, " FROM ") {
                self.revoked.extend(names.into_iter().map(|name| (database.clone(), name)));
            }
            return;
        }
        let Some(rest) = line.strip_prefix("GRANT ") else { return };
        if let Some((on, names)) = right_and_object(rest, " TO ") {
            self.granted.extend(names.into_iter().map(|name| (on.clone(), name)));
        } else if let Some((roles, _)) = rest.split_once(" TO ").filter(|_| !rest.starts_with("PROXY ON ")) {
            self.roles.extend(split_outside(roles, ',').into_iter().map(|role| role.trim().replace('`', "")));
        }
    }

    /// The roles that were granted.
    pub fn roles(&self) -> impl Iterator<Item = &String> {
        self.roles.iter()
    }

    /// Whether a right holds for everything.
    pub fn everywhere(&self, right: &str) -> bool {
        self.global(right) && self.revoked.is_empty()
    }

    /// Whether a right that is global by nature is held.
    pub fn global(&self, right: &str) -> bool {
        self.granted.iter().any(|(on, name)| *on == On::Everything && covers(name, right))
    }

    /// Whether a right holds for all of a database.
    pub fn database(&self, right: &str, database: &str) -> bool {
        let revoked = self.revoked.iter().any(|(db, name)| db == database && covers(name, right));
        (self.global(right) && !revoked)
            || self.granted.iter().any(|(on, name)| {
                matches!(on, On::Database(pattern) if matches_pattern(pattern, database)) && covers(name, right)
            })
    }

    /// Whether a right holds for a table.
    pub fn table(&self, right: &str, database: &str, table: &str) -> bool {
        self.database(right, database)
            || self
                .granted
                .iter()
                .any(|(on, name)| matches!(on, On::Table(db, t) if db == database && t == table) && covers(name, right))
    }

    /// The rights in words, and the roles.
    pub fn describe(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.roles.iter().map(|role| format!("role {role}")).collect();
        lines.extend(self.granted.iter().map(|(on, name)| match on {
            On::Everything => format!("{name} ON *.*"),
            On::Database(database) => format!("{name} ON `{database}`.*"),
            On::Table(database, table) => format!("{name} ON `{database}`.`{table}`"),
        }));
        lines.extend(self.revoked.iter().map(|(database, name)| format!("not {name} ON `{database}`.*")));
        lines
    }
}

fn covers(held: &str, wanted: &str) -> bool {
    held == wanted || held == "ALL PRIVILEGES" || held == "ALL"
}

/// Takes ``SELECT, SHOW VIEW ON `db`.* TO …`` apart.
fn right_and_object(text: &str, end: &str) -> Option<(On, Vec<String>)> {
    let (names, rest) = split_once_outside(text, " ON ")?;
    let object = split_once_outside(rest, end).map_or(rest, |(object, _)| object);
    // Rights on procedures show nothing that is asked for here.
    let object = object.trim().strip_prefix("TABLE ").unwrap_or(object.trim());
    let parts = split_outside(object, '.');
    let [database, table] = parts.as_slice() else { return None };
    let on = match (unquote(database), unquote(table)) {
        (d, t) if d == "*" && t == "*" => On::Everything,
        (d, t) if t == "*" => On::Database(d),
        (d, t) => On::Table(d, t),
    };
    let names = split_outside(names, ',').into_iter().map(|name| name.trim().to_ascii_uppercase());
    // A right on some columns, `SELECT (a, b)`, covers no table.
    Some((on, names.filter(|name| !name.contains('(') && name != "USAGE").collect()))
}

/// Splits at a character that stands outside quotes and parentheses.
fn split_outside(text: &str, at: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut walk = Outside::default();
    for (index, character) in text.char_indices() {
        if walk.step(character) && character == at {
            parts.push(&text[start..index]);
            start = index + character.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

fn split_once_outside<'a>(text: &'a str, at: &str) -> Option<(&'a str, &'a str)> {
    let mut walk = Outside::default();
    for (index, character) in text.char_indices() {
        if walk.step(character) && text[index..].starts_with(at) {
            return Some((&text[..index], &text[index + at.len()..]));
        }
    }
    None
}

/// Tells what stands outside quotes and parentheses.
#[derive(Default)]
struct Outside {
    quote: Option<char>,
    depth: u32,
}

impl Outside {
    fn step(&mut self, character: char) -> bool {
        match (self.quote, character) {
            (Some(quote), c) if c == quote => self.quote = None,
            (Some(_), _) => {}
            (None, '`' | '\'' | '"') => self.quote = Some(character),
            (None, '(') => self.depth += 1,
            (None, ')') => self.depth = self.depth.saturating_sub(1),
            (None, _) => return self.depth == 0,
        }
        false
    }
}

fn unquote(name: &str) -> String {
    let name = name.trim();
    name.strip_prefix('`')
        .and_then(|rest| rest.strip_suffix('`'))
        .map_or_else(|| name.to_owned(), |inner| inner.replace("``", "`"))
}

/// `LIKE`, as grants on databases use it: `%`, `_`, and `\` before what is meant literally.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    fn go(pattern: &[char], name: &[char]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            (['%', rest @ ..], _) => go(rest, name) || (!name.is_empty() && go(pattern, &name[1..])),
            (['\\', literal, rest @ ..], [first, after @ ..]) => literal == first && go(rest, after),
            (['_', rest @ ..], [_, after @ ..]) => go(rest, after),
            ([literal, rest @ ..], [first, after @ ..]) => literal == first && go(rest, after),
            _ => false,
        }
    }
    go(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_of_every_server_are_read() {
        let rights = Rights::parse([
            "GRANT PROCESS, REPLICATION CLIENT ON *.* TO 'audit'@'%' IDENTIFIED BY PASSWORD '*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29'",
            "GRANT SELECT, SHOW VIEW ON `edx\\_app`.* TO `audit`@`%`",
            "GRANT SELECT (`id`, `name`), INSERT ON `other`.`t,1` TO `audit`@`%`",
            "GRANT `reader`@`%`,`watcher`@`%` TO `audit`@`%`",
            "GRANT ALL PRIVILEGES ON `mine%`.* TO 'audit'@'%' WITH GRANT OPTION",
        ]);
        assert!(rights.global("PROCESS") && !rights.global("SUPER"));
        assert!(rights.database("SELECT", "edx_app") && !rights.database("SELECT", "edxxapp"));
        assert!(!rights.database("TRIGGER", "edx_app"));
        assert!(rights.database("EVENT", "mine2"));
        assert!(rights.table("INSERT", "other", "t,1") && !rights.table("SELECT", "other", "t,1"));
        let words = rights.describe();
        assert!(
            words.contains(&"role reader@%".to_owned()) && words.contains(&"PROCESS ON *.*".to_owned()),
            "{words:?}"
        );
        assert!(!words.join("\n").contains("94BDCEBE"));
    }

    #[test]
    fn partial_revokes_count() {
        let rights =
            Rights::parse(["GRANT SELECT, PROCESS ON *.* TO `a`@`%`", "REVOKE SELECT ON `secret`.* FROM `a`@`%`"]);
        assert!(rights.database("SELECT", "edxapp") && !rights.database("SELECT", "secret"));
        assert!(!rights.everywhere("SELECT") && rights.global("PROCESS"));
    }
}
