//! What is said of a new reference: why it matters, and what to use instead.

use super::Reason;
use super::entry::Entry;
use crate::config::gate::{Rules, Text, Topic};
use crate::finding::{Access, Kind};

/// Both texts for a touchpoint: those of the configuration for its kind, then for all, then the program's own. `nearest`
/// is the definition of the welcome layer that does the same.
pub(super) fn of(rules: &Rules, entry: &Entry, reason: Reason, nearest: Option<&str>) -> (String, String) {
    let (kind, access) = (entry.kind, entry.access);
    let configured = |pick: fn(&Text) -> Option<&String>| {
        [Topic::Kind(kind), Topic::Default].iter().find_map(|topic| rules.texts.get(topic).and_then(pick)).cloned()
    };
    let why = configured(|text| text.why.as_ref()).unwrap_or_else(|| match reason {
        Reason::Changed(was) => {
            format!("{} became {}: {}", was.as_str(), access.as_str(), why(kind, access))
        }
        Reason::New | Reason::Denied => why(kind, access).to_owned(),
    });
    let instead = match (configured(|text| text.instead.as_ref()), nearest) {
        (Some(text), Some(nearest)) if !text.contains(nearest) => format!("{nearest}; {text}"),
        (Some(text), _) => text,
        (None, Some(nearest)) => format!("{nearest}, which may use the model"),
        (None, None) => instead(kind).to_owned(),
    };
    (why, instead)
}

fn why(kind: Kind, access: Access) -> &'static str {
    match (kind, access) {
        (Kind::Import, _) => "every importer may query the table and must be checked during the migration",
        (Kind::Reference | Kind::StringReference, _) => {
            "code with a reference to the model may query its table and must be checked during the migration"
        }
        (Kind::RawSql | Kind::SqlFile | Kind::Script, Access::Delete) => {
            "raw SQL deletes rows past Django's cascades and signals, and is not updated by Django migrations"
        }
        (Kind::RawSql | Kind::SqlFile | Kind::Script, Access::Write | Access::ReadWrite) => {
            "raw SQL writes rows past the model, and is not updated by Django migrations"
        }
        (Kind::RawSql | Kind::SqlFile | Kind::Script, _) => "raw SQL is not updated by Django migrations",
        (Kind::Relation, _) => "adds a column that stores the id; it must change its type together with the table",
        (Kind::Migration, _) => "a migration of the table must be ordered with the change of its key",
        (Kind::Subclass | Kind::Definition, _) => "a model on the same table changes with it",
        (Kind::Factory, _) => "test factories depend on the columns of the table",
        (Kind::Fixture, _) => "fixtures contain ids and columns of the table",
        (Kind::Configuration | Kind::Template | Kind::Document, _) => {
            "a name outside of the code is not found by Django's checks when the table changes"
        }
        (_, Access::Delete) => "deletes rows: cascades read every referencing table, also during the online copy",
        (_, Access::Write | Access::ReadWrite) => "adds another writer, which must keep working during the online copy",
        _ => "adds another dependency on the table, which must keep working after the migration",
    }
}

fn instead(kind: Kind) -> &'static str {
    match kind {
        Kind::RawSql | Kind::SqlFile | Kind::Script => {
            "the API of the model's app; if it cannot do this, extend it there"
        }
        Kind::Relation => "store what the row is about (such as the user and the usage key), not the row's id",
        Kind::Migration => "a migration after the change of the key, or none",
        Kind::Factory => "the API of the model's app, or its own test helpers",
        Kind::Signal => "the signals that the model's app publishes",
        _ => "the API of the model's app",
    }
}
