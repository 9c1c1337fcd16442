//! The rights that reading needs, and no more, as statements for each kind of server.

use crate::schema::{quote, quote_string};
use std::str::FromStr;

/// The kinds of server that differ in their rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// MySQL 5.6 and 5.7.
    MySql5,
    /// MySQL 8.0.20 and later.
    MySql8,
    /// MariaDB before 10.5.
    MariaDbOld,
    /// MariaDB 10.5 and later.
    MariaDb,
}

impl FromStr for Dialect {
    type Err = String;

    /// Reads `mysql-5.6`, `mysql-8.4`, `mariadb-10.11`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a valid server; write mysql-5.6, mysql-8.4 or mariadb-10.11");
        let (name, version) = text.split_once('-').ok_or_else(wrong)?;
        let mut numbers = version.split('.').map(|number| number.parse::<u16>().map_err(|_| wrong()));
        let major = numbers.next().ok_or_else(wrong)??;
        let minor = numbers.next().transpose()?.unwrap_or(0);
        match name.to_ascii_lowercase().as_str() {
            "mysql" if major < 8 => Ok(Self::MySql5),
            "mysql" => Ok(Self::MySql8),
            "mariadb" if (major, minor) < (10, 5) => Ok(Self::MariaDbOld),
            "mariadb" => Ok(Self::MariaDb),
            _ => Err(wrong()),
        }
    }
}

/// The statements that give an account what it needs to read these databases and prove what is not there.
///
/// The account is made without a password that could be left as it is: an administrator has to put one in.
#[must_use]
pub fn statements(dialect: Dialect, account: &str, databases: &[String]) -> String {
    let (user, host) = account.rsplit_once('@').unwrap_or((account, "%"));
    let account = format!("{}@{}", quote_string(user), quote_string(host));
    let everywhere: &[(&str, &str)] = match dialect {
        Dialect::MySql5 | Dialect::MariaDbOld => &[
            ("SHOW DATABASES", "whether there are other databases, whose programs may name the table"),
            ("PROCESS", "foreign keys of all databases, and the connections of replicas"),
            ("REPLICATION CLIENT", "the state of replication and the size of the binary logs"),
        ],
        Dialect::MySql8 => &[
            ("SHOW DATABASES", "whether there are other databases, whose programs may name the table"),
            ("PROCESS", "foreign keys of all databases, and the connections of replicas"),
            ("REPLICATION CLIENT", "the state of replication and the size of the binary logs"),
            ("SHOW_ROUTINE", "procedures and functions that name the table"),
        ],
        Dialect::MariaDb => &[
            ("SHOW DATABASES", "whether there are other databases, whose programs may name the table"),
            ("PROCESS", "foreign keys of all databases, and the connections of replicas"),
            ("BINLOG MONITOR", "the size of the binary logs"),
            ("SLAVE MONITOR", "the state of replication"),
        ],
    };
    let mut text = String::new();
    let mut line = |sql: &str| {
        text.push_str(sql);
        text.push('\n');
    };
    line("-- Choose a password. Replicas get the account from their primary.");
    line(&format!("CREATE USER {account} IDENTIFIED BY '...';"));
    for (right, what) in everywhere {
        line(&format!("-- {what}"));
        line(&format!("GRANT {right} ON *.* TO {account};"));
    }
    if matches!(dialect, Dialect::MySql5 | Dialect::MariaDb | Dialect::MariaDbOld) {
        line("-- procedures and functions that name the table");
        line(&format!("GRANT SELECT ON mysql.proc TO {account};"));
    }
    line("-- whether a cut-over can be made safe");
    line(&format!("GRANT SELECT ON performance_schema.setup_instruments TO {account};"));
    line("-- definitions, ranges of keys, applied migrations; TRIGGER and EVENT also allow to make such, and without");
    line("-- them triggers and events are reported as unproven");
    for database in databases {
        let pattern = quote(&database.replace('_', "\\_").replace('%', "\\%"));
        line(&format!("GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON {pattern}.* TO {account};"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_differ() {
        let of = |server: &str| statements(server.parse().unwrap(), "audit@10.0.0.%", &["edx_app".to_owned()]);
        for server in ["mysql-5.6", "mysql-5.7", "mysql-8.0", "mysql-9.7", "mariadb-10.4", "mariadb-10.11"] {
            let text = of(server);
            assert!(text.contains("GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON `edx\\_app`.* TO 'audit'@'10.0.0.%';"));
            assert_eq!(text.contains("SHOW_ROUTINE"), server.starts_with("mysql-8") || server.starts_with("mysql-9"));
            assert_eq!(text.contains("SLAVE MONITOR"), server == "mariadb-10.11");
        }
        for wrong in ["postgres-16", "mysql", "mysql-x"] {
            assert!(Dialect::from_str(wrong).unwrap_err().contains("is not a valid server"));
        }
    }

    #[test]
    fn names_cannot_break_out() {
        let text = statements(Dialect::MySql8, "o'neil\\", &["a`b".to_owned()]);
        assert!(text.contains("'o''neil\\\\'@'%'") && text.contains("`a``b`.*"), "{text}");
    }
}
