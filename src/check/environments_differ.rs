//! Environments that differ from each other.

use std::collections::BTreeMap;

use super::context::Context;
use super::Finding;
use crate::audit::MappedDatabase;
use crate::finding::Severity;
use crate::live::facts::Table;
use crate::schema::ColumnType;

declare_check! {
    /// ## What
    ///
    /// A table, a column, an index or a foreign key differs between environments.
    ///
    /// ## Why
    ///
    /// A successful test on stage is then no evidence for prod.
    ///
    /// ## Example
    ///
    /// `courseware_studentmodule` has `student_id_refs_id_51af713179ba2570` in prod only, and the index
    /// `courseware_studentmodule_42ff452e` on one site only.
    ///
    /// ## Fix
    ///
    /// Make the environments equal, or test the plan on a copy of prod.
    pub static ENVIRONMENTS_DIFFER = {
        id: "environments-differ",
        severity: Warning,
        summary: "environments differ from each other",
        run: run,
    }
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    if context.audit.environments.len() < 2 {
        return;
    }
    // Databases of one alias are compared; one that stands for none, with those of its name.
    let mut groups: BTreeMap<String, Vec<&MappedDatabase<'_>>> = BTreeMap::new();
    for pair in &context.pairs {
        let group = pair.mapping.alias.clone().unwrap_or_else(|| pair.database.name.clone());
        let group = groups.entry(group).or_default();
        if group.iter().all(|other| other.environment_index != pair.environment_index) {
            group.push(pair);
        }
    }
    for (alias, pairs) in groups.into_iter().filter(|(_, pairs)| pairs.len() > 1) {
        let mut tables: BTreeMap<String, Vec<Option<&Table>>> = BTreeMap::new();
        for (at, pair) in pairs.iter().enumerate() {
            for table in pair.database.tables.found.iter().filter(|table| !table.is_view) {
                tables.entry(table.name.to_lowercase()).or_insert_with(|| vec![None; pairs.len()])[at] = Some(table);
            }
        }
        for (name, held) in tables {
            compare(context, &alias, &name, &pairs, &held, findings);
        }
    }
}

/// Compares one table over the environments, and says in one finding all that differs.
fn compare(
    context: &Context<'_>,
    alias: &str,
    name: &str,
    pairs: &[&MappedDatabase<'_>],
    held: &[Option<&Table>],
    findings: &mut Vec<Finding>,
) {
    let parts: Vec<BTreeMap<String, String>> =
        pairs.iter().zip(held).map(|(pair, table)| table.map(|table| parts(pair, table)).unwrap_or_default()).collect();
    let mut names: Vec<&String> = parts.iter().flat_map(BTreeMap::keys).collect();
    names.sort();
    names.dedup();
    let differing: Vec<&String> = if held.iter().any(Option::is_none) {
        Vec::new()
    } else {
        names.into_iter().filter(|part| parts.iter().any(|other| other.get(*part) != parts[0].get(*part))).collect()
    };
    let whole = held.iter().any(Option::is_none);
    if differing.is_empty() && !whole {
        return;
    }
    let concerns = context.audit.concerns(name);
    let message = if whole {
        let there: Vec<&str> = environments(pairs, held, true);
        format!("{name}: the table exists in {} and not in {}", there.join(", "), environments(pairs, held, false).join(", "))
    } else {
        let what: Vec<&str> = differing.iter().map(|part| part.as_str()).collect();
        format!("{name}: differs between environments: {}", what.join(", "))
    };
    let mut finding = Finding::of_code(&ENVIRONMENTS_DIFFER, message)
        .severity(if concerns { Severity::Warning } else { Severity::Info })
        .table(name)
        .affects_target_if(concerns)
        .fix("make the environments equal, or test the plan on a copy of each");
    finding.subject.alias = Some(alias.to_owned());
    for ((pair, table), parts) in pairs.iter().zip(held).zip(&parts) {
        let says = match table {
            None => String::from("no table"),
            Some(_) if whole => String::from("table exists"),
            Some(_) => {
                let says = differing
                    .iter()
                    .map(|part| format!("{part}: {}", parts.get(*part).map_or("none", String::as_str)));
                says.collect::<Vec<_>>().join("; ")
            }
        };
        finding = finding.evidence(pair.environment_name(), says);
    }
    findings.push(finding);
}

fn environments<'a>(pairs: &[&'a MappedDatabase<'_>], held: &[Option<&Table>], there: bool) -> Vec<&'a str> {
    let both = pairs.iter().zip(held).filter(|(_, table)| table.is_some() == there);
    both.map(|(pair, _)| pair.environment_name()).collect()
}

/// The parts of a table, each by a name and in words that are the same on every server.
fn parts(pair: &MappedDatabase<'_>, table: &Table) -> BTreeMap<String, String> {
    let mut parts = BTreeMap::new();
    // Servers write one type in several ways; a common one is found by printing it for one server.
    let server = crate::schema::Server::default();
    for column in &table.columns {
        let printed = match ColumnType::parse(&column.column_type) {
            ColumnType::Named(name) if name == "json" => String::from("longtext"),
            other => other.print(server),
        };
        let null = if column.nullable { "NULL" } else { "NOT NULL" };
        let counts = if column.auto_increment { " AUTO_INCREMENT" } else { "" };
        parts.insert(format!("column {}", column.name), format!("{printed} {null}{counts}"));
    }
    for index in &table.indexes {
        parts.insert(format!("index {}", index.name), index.describe());
    }
    let keys = pair.database.foreign_keys.found.iter();
    for key in keys.filter(|key| key.database == pair.database.name && key.table == table.name) {
        parts.insert(format!("foreign key {}", key.name), key.describe());
    }
    parts.insert(String::from("engine"), table.engine.clone().unwrap_or_default());
    parts
}
