//! The database aliases of a project: which there are, which database each stands for, and which are one database.

use indexmap::IndexMap;

use super::ByAlias;
use crate::literal::{Names, Value};
use crate::source::{Gap, GapKind};

/// The aliases.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Aliases {
    /// Those with a schema of their own.
    pub own: Vec<String>,
    /// The names of their databases, as far as they are defined.
    pub names: ByAlias,
    /// Those that are another alias's database, such as its read replica.
    pub mirrors: ByAlias,
}

/// Where a database is: name, host, port.
type Location = (String, Option<String>, Option<String>);

/// What `DATABASES` says, and `configured` (alias to name) over it: an alias that only the configuration names is one.
pub(super) fn read(names: &Names<'_>, configured: &IndexMap<String, String>, gaps: &mut Vec<Gap>) -> Aliases {
    let mut out = Aliases { own: vec![String::from("default")], ..Aliases::default() };
    match names.get("DATABASES") {
        Some(Value::Dict(databases)) => from_settings(&databases.borrow(), &mut out),
        Some(_) if configured.is_empty() => gaps.push(Gap::general(
            GapKind::Settings,
            "DATABASES is unknown, assuming that default is the only alias; define the aliases in [databases] of csm-audit.toml",
        )),
        _ => {}
    }
    // Two that the configuration gives one name are one database; whichever comes first is the database's own alias.
    let mut taken: IndexMap<&str, &str> = IndexMap::new();
    for (alias, name) in configured {
        out.names.insert(alias.clone(), name.clone());
        if !out.mirrors.contains_key(alias) && !out.own.contains(alias) {
            out.own.push(alias.clone());
        }
    }
    for alias in &out.own {
        let Some(name) = configured.get(alias) else { continue };
        match taken.get(name.as_str()) {
            Some(first) => _ = out.mirrors.insert(alias.clone(), (*first).to_owned()),
            None => _ = taken.insert(name, alias),
        }
    }
    let mirrors = &out.mirrors;
    out.own.retain(|alias| !mirrors.contains_key(alias));
    out
}

fn from_settings(databases: &crate::literal::Dict<'_>, out: &mut Aliases) {
    let mut places: Vec<(String, Location)> = Vec::new();
    let default = databases.get_str("default").and_then(location).map(|place| (String::from("default"), place));
    places.extend(default);
    for (alias, database) in databases.iter() {
        let Some(alias) = alias.as_str().map(|alias| alias.to_string()) else { continue };
        let place = location(database);
        if let Some((name, ..)) = &place {
            out.names.insert(alias.clone(), name.clone());
        }
        if alias == "default" {
            continue;
        }
        let same = place.as_ref().and_then(|place| places.iter().find(|(_, other)| other == place));
        if let Some(of) = mirror(database).or_else(|| same.map(|(alias, _)| alias.clone())) {
            out.mirrors.insert(alias, of);
            continue;
        }
        places.extend(place.map(|place| (alias.clone(), place)));
        if !out.own.contains(&alias) {
            out.own.push(alias);
        }
    }
}

fn text(database: &Value<'_>, key: &str) -> Option<String> {
    let Value::Dict(database) = database else { return None };
    database.borrow().get_str(key).and_then(Value::as_str).map(|text| text.to_string()).filter(|text| !text.is_empty())
}

fn location(database: &Value<'_>) -> Option<Location> {
    Some((text(database, "NAME")?, text(database, "HOST"), text(database, "PORT")))
}

/// The alias that a database mirrors in tests, which it therefore is a replica of.
fn mirror(database: &Value<'_>) -> Option<String> {
    let Value::Dict(settings) = database else { return None };
    let test = settings.borrow().get_str("TEST").cloned();
    test.and_then(|test| text(&test, "MIRROR")).or_else(|| text(database, "TEST_MIRROR"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(parts: &[(&str, &str)]) -> Value<'static> {
        Value::dict(parts.iter().map(|(key, value)| (Value::str(key), Value::str(value))).collect())
    }

    fn aliases(databases: Vec<(&str, Value<'static>)>, configured: &[(&str, &str)]) -> Aliases {
        let mut names = Names::default();
        let databases = databases.into_iter().map(|(alias, database)| (Value::str(alias), database)).collect();
        names.insert("DATABASES".into(), Value::dict(databases));
        let configured = configured.iter().map(|(alias, name)| ((*alias).to_owned(), (*name).to_owned())).collect();
        let mut gaps = Vec::new();
        let found = read(&names, &configured, &mut gaps);
        assert_eq!(gaps, []);
        found
    }

    fn pairs(map: &ByAlias) -> Vec<(&str, &str)> {
        map.iter().map(|(alias, text)| (alias.as_str(), text.as_str())).collect()
    }

    #[test]
    fn replicas_are_their_primarys_database() {
        let by_test = Value::dict(vec![
            (Value::str("NAME"), Value::str("edxapp")),
            (Value::str("HOST"), Value::str("replica")),
            (Value::str("TEST"), database(&[("MIRROR", "default")])),
        ]);
        let no_mirror = Value::dict(vec![
            (Value::str("NAME"), Value::str("edxapp_csmh")),
            (Value::str("TEST"), Value::dict(vec![(Value::str("MIRROR"), Value::None)])),
        ]);
        let found = aliases(
            vec![
                ("replica", by_test),
                ("again", database(&[("NAME", "edxapp"), ("HOST", "primary")])),
                ("default", database(&[("NAME", "edxapp"), ("HOST", "primary")])),
                ("history", no_mirror),
                ("elsewhere", database(&[("NAME", "edxapp"), ("HOST", "other")])),
            ],
            &[],
        );
        assert_eq!(found.own, ["default", "history", "elsewhere"]);
        assert_eq!(pairs(&found.mirrors), [("replica", "default"), ("again", "default")]);
        assert_eq!(found.names["history"], "edxapp_csmh");
        assert_eq!(found.names["replica"], "edxapp");
    }

    #[test]
    fn the_configuration_names_what_the_settings_cannot() {
        let computed = Value::dict(vec![(Value::str("NAME"), Value::unknown("a secret"))]);
        let found = aliases(
            vec![("default", computed.clone()), ("reader", computed)],
            &[("history", "csmh"), ("default", "edxapp"), ("reader", "edxapp")],
        );
        assert_eq!(found.own, ["default", "history"]);
        assert_eq!(pairs(&found.names), [("history", "csmh"), ("default", "edxapp"), ("reader", "edxapp")]);
        assert_eq!(pairs(&found.mirrors), [("reader", "default")]);
    }

    #[test]
    fn settings_that_do_not_tell_are_a_gap() {
        let mut names = Names::default();
        names.insert("DATABASES".into(), Value::unknown("read from a vault"));
        let mut gaps = Vec::new();
        let found = read(&names, &IndexMap::new(), &mut gaps);
        assert_eq!(found.own, ["default"]);
        assert_eq!(gaps.len(), 1);
        let configured = IndexMap::from([(String::from("history"), String::from("csmh"))]);
        assert_eq!(read(&names, &configured, &mut gaps).own, ["default", "history"]);
        assert_eq!(gaps.len(), 1, "the configuration says it");
    }
}
