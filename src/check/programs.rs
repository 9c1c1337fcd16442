//! Views, triggers, routines and events that name tables of the code.

use super::context::Context;
use super::{Check, Finding};
use crate::audit::MappedDatabase;
use crate::finding::{Confidence, Severity};
use crate::live::facts::Program;
use crate::live::proof::Proof;

/// Whether a name is one of the code's tables, or the target's.
fn known(context: &Context<'_>, pair: &MappedDatabase<'_>, table: &str) -> bool {
    context.is_target(table)
        || pair.tables.is_some_and(|tables| tables.tables.keys().any(|name| name.eq_ignore_ascii_case(table)))
}

/// Reports the programs of a list that name tables of the code.
pub(super) fn report(
    context: &Context<'_>,
    check: &Check,
    pair: &MappedDatabase<'_>,
    programs: &[Program],
    what: &str,
    findings: &mut Vec<Finding>,
) {
    for program in programs {
        let named: Vec<&str> =
            program.mentions.iter().map(String::as_str).filter(|table| known(context, pair, table)).collect();
        if !program.readable {
            findings.push(
                Finding::new(
                    check,
                    pair,
                    format!("the text of the {what} {} could not be read; it may reference any table", program.name),
                )
                .severity(Severity::Info)
                .confidence(Confidence::Possible)
                .name(&program.name)
                .evidence(pair.environment_name(), "its text is hidden from this account")
                .fix("csm-audit grants prints the missing privilege"),
            );
            continue;
        }
        if named.is_empty() {
            continue;
        }
        let target = named.iter().any(|table| context.is_target(table));
        let mut finding = Finding::new(
            check,
            pair,
            format!("the {what} {} references {} and is not created by any migration", program.name, named.join(", ")),
        )
        .name(&program.name)
        .affects_target_if(target)
        .evidence(super::context::MIGRATIONS, format!("no such {what}"))
        .evidence(pair.environment_name(), format!("{} {}", program.kind, program.name))
        .fix("identify the owner; test it on changed tables before the change, and again after the cut-over");
        if let [table] = named.as_slice() {
            finding = finding.table(table);
        }
        findings.push(finding);
    }
}

/// Reports the programs of a kind that are in other databases and name tables of the code.
pub(super) fn outside(
    context: &Context<'_>,
    check: &Check,
    pair: &MappedDatabase<'_>,
    kinds: &[&str],
    what: &str,
    findings: &mut Vec<Finding>,
) {
    let programs = pair.database.named_by.found.iter().filter(|program| kinds.contains(&program.kind.as_str()));
    for program in programs {
        let named: Vec<&str> =
            program.mentions.iter().map(String::as_str).filter(|table| known(context, pair, table)).collect();
        let Some(first) = named.first() else { continue };
        let name = format!("{}.{}", program.database, program.name);
        let all = named.join(", ");
        let message =
            format!("the {what} {name} of another database references {all} and is not created by any migration");
        findings.push(
            Finding::new(check, pair, message)
                .severity(Severity::Warning)
                .table(first)
                .name(&name)
                .affects_target_if(named.iter().any(|table| context.is_target(table)))
                .evidence(super::context::MIGRATIONS, format!("no such {what}"))
                .evidence(pair.environment_name(), format!("{} {name}", program.kind))
                .fix("identify the owner; test it on changed tables before the change, and again after the cut-over"),
        );
    }
}

/// A list that may be incomplete is reported in the database of the target.
pub(super) fn unproven(
    context: &Context<'_>,
    check: &Check,
    pair: &MappedDatabase<'_>,
    proof: &Proof,
    what: &str,
    findings: &mut Vec<Finding>,
) {
    let holds_target = pair.database.table(&context.audit.target.table).is_some();
    if proof.is_proven() || !holds_target {
        return;
    }
    findings.push(
        Finding::new(
            check,
            pair,
            format!(
                "could not check whether another {what} references {}: {}",
                context.audit.target.table,
                proof.reason()
            ),
        )
        .severity(Severity::Info)
        .confidence(Confidence::Possible)
        .table(&context.audit.target.table)
        .affects_target_if(true)
        .evidence(pair.environment_name(), proof.reason().to_owned())
        .fix("csm-audit grants prints the missing privilege"),
    );
}
