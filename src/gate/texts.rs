//! What is said of a new reference: why it matters, and what to use instead.

use crate::config::gate::{Rules, Topic};
use crate::finding::{Access, Kind};

/// Both texts for a touchpoint: those of the configuration for its kind, then for all, then ours.
pub(super) fn of(rules: &Rules, kind: Kind, access: Access) -> (String, String) {
    let given = |pick: fn(&crate::config::gate::Text) -> Option<&String>| {
        [Topic::Kind(kind), Topic::Default].iter().find_map(|topic| rules.texts.get(topic).and_then(pick)).cloned()
    };
    let why = given(|text| text.why.as_ref()).unwrap_or_else(|| why(kind, access).to_owned());
    let instead = given(|text| text.instead.as_ref()).unwrap_or_else(|| instead(kind).to_owned());
    (why, instead)
}

fn why(kind: Kind, access: Access) -> &'static str {
    match (kind, access) {
        (Kind::Import | Kind::Reference | Kind::StringReference, _) => {
            "whoever holds the model can do anything to its table, and all of it has to be found when the table changes"
        }
        (Kind::RawSql | Kind::SqlFile | Kind::Script, _) => {
            "SQL text names columns and types that no migration of the code reaches; it breaks when the table changes"
        }
        (Kind::Relation | Kind::Migration, _) => {
            "a column that stores the id has to change its type together with the table, in the same window"
        }
        (Kind::Subclass | Kind::Definition, _) => {
            "a model of the same table, or one that points to it, changes with it"
        }
        (Kind::Factory, _) => "tests that make rows of the table depend on its columns",
        (Kind::Fixture | Kind::Configuration | Kind::Template | Kind::Document, _) => {
            "what names the table outside the code is forgotten when the table changes"
        }
        (_, Access::Write | Access::ReadWrite | Access::Delete) => {
            "one more place writes the table; each has to keep working while the table is copied"
        }
        _ => "one more place depends on the table; each makes a change of the table larger",
    }
}

fn instead(kind: Kind) -> &'static str {
    match kind {
        Kind::RawSql | Kind::SqlFile | Kind::Script => {
            "the API of the model's app; if it cannot do this, extend it there"
        }
        Kind::Relation | Kind::Migration => {
            "store what the row is about (the user and the usage key), not the row's id"
        }
        Kind::Factory => "the API of the model's app, or its own test helpers",
        Kind::Signal => "the signals that the model's app publishes",
        _ => "the API of the model's app",
    }
}
