//! Which Django alias a database stands for.

use std::collections::BTreeSet;

use super::AliasMapping;
use crate::config::Settings;
use crate::expected::Expected;
use crate::live::facts::{DatabaseFacts, EnvironmentFacts};
use crate::source::{Gap, GapKind};

/// Tables in common, of all that either has, from which on a database is matched to an alias without a configured name.
const ALIKE: f64 = 0.3;

/// What each database of an environment is to the code; `expected` holds the index of its server's expectation.
pub(super) fn mappings(
    facts: &EnvironmentFacts,
    expected: &[usize],
    all: &[Expected],
    settings: &Settings,
    gaps: &mut Vec<Gap>,
) -> Vec<AliasMapping> {
    let mut mappings: Vec<Option<AliasMapping>> = vec![None; facts.databases.len()];
    let code = |at: usize| expected.get(at).and_then(|index| all.get(*index));
    for (at, database) in facts.databases.iter().enumerate() {
        let Some(code) = code(at) else { continue };
        mappings[at] = named(database, code, settings).map(|(alias, why)| mapping(alias, why, expected[at]));
    }
    // Databases without a configured alias are matched by their tables, the most similar first; each alias is one database.
    let mut alike: Vec<(f64, usize, &str)> = Vec::new();
    for (at, database) in facts.databases.iter().enumerate().filter(|(at, _)| mappings[*at].is_none()) {
        let Some(code) = code(at) else { continue };
        let taken = |alias: &str| mappings.iter().flatten().any(|mapping| mapping.alias.as_deref() == Some(alias));
        for (alias, tables) in code.databases.iter().filter(|(alias, _)| !taken(alias)) {
            let wanted: BTreeSet<String> = tables.tables.keys().map(|name| name.to_lowercase()).collect();
            let share = likeness(&wanted, database);
            if share >= ALIKE {
                alike.push((share, at, alias));
            }
        }
    }
    // The order of aliases decides between equals.
    alike.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    for (share, at, alias) in alike {
        let taken = mappings.iter().flatten().any(|mapping| mapping.alias.as_deref() == Some(alias));
        if mappings[at].is_none() && !taken {
            let why = format!("by its tables: {:.0} % match", share * 100.0);
            mappings[at] = Some(mapping(alias.to_owned(), why, expected[at]));
        }
    }
    the_only_one(facts, expected, all, &mut mappings);
    let mappings: Vec<AliasMapping> = mappings
        .into_iter()
        .enumerate()
        .map(|(at, mapping)| {
            mapping.unwrap_or_else(|| unnamed(facts, at, expected.get(at).copied().unwrap_or(0), gaps))
        })
        .collect();
    unread(facts, &mappings, all, gaps);
    mappings
}

/// One alias and one database are left, and the database holds most of the alias's tables: it may hold those of many apps
/// beside them that were not read.
fn the_only_one(facts: &EnvironmentFacts, expected: &[usize], all: &[Expected], mappings: &mut [Option<AliasMapping>]) {
    let read = |at: &usize| mappings[*at].is_none() && !facts.databases[*at].tables.found.is_empty();
    let mut left = (0..facts.databases.len()).filter(read);
    let (Some(at), None) = (left.next(), left.next()) else { return };
    let Some(code) = expected.get(at).and_then(|index| all.get(*index)) else { return };
    let taken = |alias: &str| mappings.iter().flatten().any(|mapping| mapping.alias.as_deref() == Some(alias));
    let mut aliases =
        code.databases.iter().filter(|(alias, tables)| !tables.tables.is_empty() && !taken(alias.as_str()));
    let (Some((alias, tables)), None) = (aliases.next(), aliases.next()) else { return };
    let held = tables.tables.keys().filter(|name| facts.databases[at].table(name).is_some()).count();
    let wanted = tables.tables.len();
    if held * 2 >= wanted {
        let why = format!("the only alias left, with {held} of {wanted} tables");
        mappings[at] = Some(mapping(alias.clone(), why, expected[at]));
    }
}

fn mapping(alias: String, why: String, expected: usize) -> AliasMapping {
    AliasMapping { alias: Some(alias), why, expected }
}

fn unnamed(facts: &EnvironmentFacts, at: usize, expected: usize, gaps: &mut Vec<Gap>) -> AliasMapping {
    let name = &facts.databases[at].name;
    // Databases that were not read are reported once.
    if !facts.databases[at].tables.found.is_empty() {
        let gap = Gap::general(
            GapKind::DatabaseWithoutAlias,
            format!(
                "{}, {name}: no Django alias matches this database, so its tables are not compared; \
                 [databases] in csm-audit.toml says it: alias = \"{name}\"",
                facts.name
            ),
        );
        gaps.push(gap.in_environment(&*facts.name).of_object(&**name));
    }
    AliasMapping { alias: None, why: String::from("neither its name nor its tables match an alias"), expected }
}

/// An alias that the configuration, the settings or its own name gives to a database.
fn named(database: &DatabaseFacts, code: &Expected, settings: &Settings) -> Option<(String, String)> {
    let same = |name: &str| name.eq_ignore_ascii_case(&database.name);
    let configured = settings.databases.iter().find(|(_, name)| same(name)).map(|(alias, _)| alias);
    if let Some(alias) = configured {
        return Some((alias.clone(), String::from("by [databases] in the configuration")));
    }
    // An alias that the configuration has given to another database is taken.
    let free = |alias: &&String| !settings.databases.contains_key(*alias);
    // Two aliases of one name are on two servers, and the settings do not define which of them this is.
    let by_settings = |alias: &&String| code.alias_names.get(*alias).is_some_and(|name| same(name));
    let mut theirs = code.databases.keys().filter(free).filter(by_settings);
    if let (Some(alias), None) = (theirs.next(), theirs.next()) {
        return Some((alias.clone(), String::from("by DATABASES in the settings")));
    }
    let alias = code.databases.keys().filter(free).find(|alias| same(alias))?;
    Some((alias.clone(), String::from("by its name")))
}

/// How many tables both have, of all that either has.
fn likeness(wanted: &BTreeSet<String>, database: &DatabaseFacts) -> f64 {
    let held: BTreeSet<String> = database
        .tables
        .found
        .iter()
        .filter(|table| !table.is_view)
        .map(|table| table.name.to_lowercase())
        // Every database that Django migrates has django_migrations.
        .filter(|name| name != "django_migrations")
        .collect();
    let both = wanted.intersection(&held).count();
    let all = wanted.union(&held).count();
    #[allow(clippy::cast_precision_loss, reason = "numbers of tables")]
    if both == 0 { 0.0 } else { both as f64 / all as f64 }
}

/// Aliases of which an environment shows no database.
fn unread(facts: &EnvironmentFacts, mappings: &[AliasMapping], all: &[Expected], gaps: &mut Vec<Gap>) {
    let Some(code) = mappings.first().and_then(|mapping| all.get(mapping.expected)) else { return };
    let shown = |alias: &str| mappings.iter().any(|mapping| mapping.alias.as_deref() == Some(alias));
    for (alias, tables) in &code.databases {
        if !tables.tables.is_empty() && !shown(alias) {
            let gap = Gap::general(
                GapKind::AliasUnread,
                format!(
                    "{}: no database matches the alias {alias}, so its {} tables are not verified; \
                     --replica {}=… names it",
                    facts.name,
                    tables.tables.len(),
                    facts.name
                ),
            );
            gaps.push(gap.in_environment(&*facts.name).of_object(&**alias));
        }
    }
}
