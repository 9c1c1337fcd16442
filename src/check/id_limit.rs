//! What limits the ids beside the type of their column.

use super::Finding;
use super::context::Context;
use crate::audit::{MappedDatabase, Role};
use crate::finding::{Confidence, Severity};
use crate::live::facts::{Table, integer_limit};
use crate::schema::quote;
use crate::sql::{Bound, upper_bound};

declare_check! {
    /// ## What
    ///
    /// A column that stores the target's ids is wide enough, or will be, but something else has a smaller limit: a
    /// CHECK constraint, the last partition, a narrower generated column, or a variable of a trigger or routine. Or the
    /// target's table is a view or has system versioning.
    ///
    /// ## Why
    ///
    /// The change of the type succeeds, and new ids still fail: with error 3819 (CHECK), 1526 (no partition for the
    /// value) or 1264 (generated column, variable). A view has no key to change, and MariaDB refuses to change a table
    /// with system versioning (error 4119).
    ///
    /// ## Example
    ///
    /// `shop_order` is partitioned by RANGE (`id`), and its last partition has VALUES LESS THAN (2147483647).
    ///
    /// ## Fix
    ///
    /// Drop or widen the constraint, the partition (`ADD PARTITION`), the generated column or the variable before the
    /// key passes the limit.
    pub static ID_LIMIT = {
        id: "id-limit",
        severity: Error,
        summary: "a constraint, partition, generated column or variable limits the ids",
        run: run,
    }
}

/// A limit that was found: severity, confidence, message and fix.
struct Limit {
    severity: Severity,
    confidence: Confidence,
    name: Option<String>,
    message: String,
    fix: String,
}

fn run(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let audit = context.audit;
    of_variables(context, findings);
    for column in &audit.columns {
        for place in &column.places {
            let here = |pair: &&MappedDatabase<'_>| {
                pair.environment_index == place.environment && pair.database_index == place.database
            };
            let Some(pair) = context.pairs.iter().find(here) else { continue };
            let Some(table) = pair.database.table(&column.table) else { continue };
            let mut limits = Vec::new();
            if column.role == Role::Key {
                limits.extend(of_kind(table));
            }
            limits.extend(of_checks(pair, table, &column.column, audit.target.highest_id()));
            limits.extend(of_partitions(table, &column.column, audit.target.highest_id()));
            limits.extend(of_generated(table, &column.column, audit.target.highest_id()));
            for limit in limits {
                let confidence = limit.confidence.min(column.confidence);
                let sure = confidence == Confidence::Certain;
                let mut finding = Finding::new(&ID_LIMIT, pair, limit.message)
                    .severity(if sure { limit.severity } else { limit.severity.min(Severity::Warning) })
                    .confidence(confidence)
                    .table(&column.table)
                    .column(&column.column)
                    .affects_target_if(true)
                    .blocks_change_if(sure && limit.severity == Severity::Error)
                    .evidence(pair.environment_name(), place.column_type.clone().unwrap_or_default())
                    .fix(limit.fix);
                finding.subject.name = limit.name;
                findings.push(finding);
            }
        }
    }
}

/// Variables of programs that are narrower than the ids they are given.
fn of_variables(context: &Context<'_>, findings: &mut Vec<Finding>) {
    let audit = context.audit;
    for held in &audit.variables {
        let here = |pair: &&MappedDatabase<'_>| {
            pair.environment_index == held.environment && pair.database_index == held.database
        };
        let Some(pair) = context.pairs.iter().find(here) else { continue };
        let Some(limit) = integer_limit(&held.variable_type).filter(|limit| *limit < audit.target.highest_id()) else {
            continue;
        };
        // A trigger that fails takes the statement with it.
        let sure = held.confidence == Confidence::Certain;
        let message = format!(
            "the {} {} assigns {} to its variable {} {} (maximum {limit})",
            held.kind, held.program, held.from, held.variable, held.variable_type
        );
        let mut finding = Finding::new(&ID_LIMIT, pair, message)
            .severity(if sure { Severity::Error } else { Severity::Warning })
            .confidence(held.confidence)
            .name(&held.program)
            .affects_target_if(true)
            .blocks_change_if(sure)
            .evidence(pair.environment_name(), format!("DECLARE {} {}", held.variable, held.variable_type))
            .fix(format!("re-create the {} with a variable of the type {}", held.kind, audit.target.wanted.print(pair.code.server)));
        if let Some(table) = &held.table {
            finding = finding.table(table);
        }
        findings.push(finding);
    }
}

/// Tables whose key cannot be changed at all.
fn of_kind(table: &Table) -> Option<Limit> {
    let limit = |message: String, fix: &str| Limit {
        severity: Severity::Error,
        confidence: Confidence::Certain,
        name: None,
        message,
        fix: fix.to_owned(),
    };
    if table.is_view {
        return Some(limit(
            format!("{}: a view; the key belongs to the underlying tables", table.name),
            "find the tables that the view reads, and change their keys",
        ));
    }
    if let Some(engine) = table.engine.as_deref().filter(|engine| !keeps_own_rows(engine)) {
        return Some(limit(
            format!("{}: engine {engine} stores the rows, and the type of the key, elsewhere", table.name),
            "find the underlying table, and change the key there",
        ));
    }
    table.create_options.contains(crate::live::facts::SYSTEM_VERSIONING).then(|| {
        limit(
            format!("{}: system versioning; MariaDB refuses the change (error 4119)", table.name),
            "SET system_versioning_alter_history = KEEP for the session of the change, or drop the versioning first",
        )
    })
}

/// Whether an engine keeps the rows of its tables on this server.
fn keeps_own_rows(engine: &str) -> bool {
    !["FEDERATED", "CONNECT", "SPIDER", "BLACKHOLE", "MRG_MyISAM", "CSV", "OQGRAPH", "SPHINX"]
        .iter()
        .any(|other| other.eq_ignore_ascii_case(engine))
}

fn of_checks(pair: &MappedDatabase<'_>, table: &Table, column: &str, highest: i128) -> Vec<Limit> {
    let own = pair.database.checks.found.iter().filter(|check| check.table.eq_ignore_ascii_case(&table.name));
    let mut limits = Vec::new();
    for check in own.filter(|check| check.enforced) {
        let (severity, confidence, what) = match upper_bound(&check.condition, column) {
            Bound::AtMost(value) if value < highest => {
                (Severity::Error, Confidence::Certain, format!("allows at most {value}"))
            }
            Bound::Unknown => (
                Severity::Warning,
                Confidence::Possible,
                format!("references the column, and its limit could not be determined: {}", check.condition),
            ),
            Bound::AtMost(_) | Bound::None | Bound::NotNamed => continue,
        };
        limits.push(Limit {
            severity,
            confidence,
            name: Some(check.name.clone()),
            message: format!("the CHECK {} of {}.{column} {what}", check.name, table.name),
            fix: format!(
                "ALTER TABLE {} DROP CONSTRAINT {}, and re-create it with the wider bound",
                quote(&table.name),
                quote(&check.name)
            ),
        });
    }
    limits
}

fn of_partitions(table: &Table, column: &str, highest: i128) -> Option<Limit> {
    let last = table.partitions.last()?;
    if upper_bound(&last.expression, column) == Bound::NotNamed {
        return None;
    }
    let ends = |what: String, severity, confidence| Limit {
        severity,
        confidence,
        name: Some(last.name.clone()),
        message: format!("{} is partitioned by {} ({}), {what}", table.name, last.method, last.expression),
        fix: format!(
            "add a partition for larger ids: ALTER TABLE {} ADD PARTITION (PARTITION … VALUES LESS THAN (MAXVALUE))",
            quote(&table.name)
        ),
    };
    let plain = last.expression.trim_matches(|c: char| c == '`' || c.is_whitespace()).eq_ignore_ascii_case(column);
    match last.description.trim().parse::<i128>() {
        _ if last.description.to_ascii_uppercase().contains("MAXVALUE") => None,
        Ok(bound) if plain && last.method.starts_with("RANGE") => (bound <= highest).then(|| {
            ends(format!("and the upper bound of its last partition {} is {bound}", last.name), Severity::Error, Confidence::Certain)
        }),
        _ if last.method.starts_with("LIST") => Some(ends(
            String::from("and an id that is in no list has no partition"),
            Severity::Error,
            if plain { Confidence::Certain } else { Confidence::Possible },
        )),
        _ if last.method.starts_with("RANGE") => {
            Some(ends(String::from("and the last bound could not be determined"), Severity::Warning, Confidence::Possible))
        }
        _ => None,
    }
}

fn of_generated(table: &Table, column: &str, highest: i128) -> Vec<Limit> {
    let computed = table.columns.iter().filter_map(|of| Some((of, of.generated.as_ref()?)));
    let from = computed.filter(|(_, generated)| upper_bound(&generated.expression, column) != Bound::NotNamed);
    from.filter_map(|(of, generated)| {
        let limit = integer_limit(&of.column_type).filter(|limit| *limit < highest)?;
        // `id + 0` follows the id; of any other expression the range is unknown.
        let follows = generated
            .expression
            .trim_matches(['(', ')', ' '])
            .trim_end_matches(|c: char| c == '+' || c == '0' || c.is_whitespace())
            .trim_matches(['(', ')', ' ', '`'])
            .eq_ignore_ascii_case(column);
        Some(Limit {
            severity: if follows { Severity::Error } else { Severity::Warning },
            confidence: if follows { Confidence::Certain } else { Confidence::Possible },
            name: Some(of.name.clone()),
            message: format!(
                "{}.{} is generated from {column} as {}, whose maximum is {limit}",
                table.name, of.name, of.column_type
            ),
            fix: format!("widen the generated column {} of {} first", quote(&of.name), quote(&table.name)),
        })
    })
    .collect()
}
