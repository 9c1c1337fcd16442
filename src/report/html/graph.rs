//! The graph of tables: those that store the ids and those that the model's points to on the left, the model's on the
//! right, a line for each reference.

use std::fmt::Write;

use crate::report::humanize::{self, number};
use crate::report::v1::{ColumnRole, ModelKind, Report, ReportColumn};

/// The graph, with the places of everything in it.
pub(super) struct Graph {
    pub width: u32,
    pub height: u32,
    pub node_width: u32,
    pub target_x: u32,
    pub target_width: u32,
    pub target_height: u32,
    pub target_name: String,
    pub target_full: String,
    pub target_lines: Vec<String>,
    /// Where the marks of the lines stand.
    pub middle: u32,
    pub nodes: Vec<Node>,
}

/// A table that stores the ids, or that the model's table points to.
pub(super) struct Node {
    pub table: String,
    pub name: String,
    pub note: String,
    pub full_note: String,
    pub y: u32,
    pub height: u32,
    /// Whether the model's table points to it.
    pub pointed_to: bool,
    pub edges: Vec<Edge>,
}

/// A reference from it or to it.
pub(super) struct Edge {
    /// Its column at this end.
    pub column: String,
    pub short: String,
    pub class: &'static str,
    pub label: String,
    pub label_short: String,
    pub y: u32,
}

const NODE_WIDTH: u32 = 400;
const GAP: u32 = 300;
const TARGET_WIDTH: u32 = 280;
/// Characters of a name that fit.
const NAME: usize = 46;
const NOTE: usize = 60;
const TARGET_NAME: usize = 30;
const LABEL: usize = 46;
const ROW: u32 = 34;

/// As much as fits, counted as it will be shown.
fn middle(text: &str, room: usize) -> String {
    humanize::middle(&humanize::visible(text), room)
}

impl Graph {
    pub(super) fn new(report: &Report) -> Self {
        let mut nodes: Vec<Node> = Vec::new();
        for found in stored(report).into_iter().chain(pointed_to(report)) {
            let same = |node: &Node| {
                (&node.table, &node.full_note, node.pointed_to) == (&found.table, &found.note, found.pointed_to)
            };
            let at = nodes.iter().position(same).unwrap_or_else(|| {
                nodes.push(Node {
                    name: middle(&found.table, NAME),
                    table: found.table,
                    note: middle(&found.note, NOTE),
                    full_note: found.note,
                    y: 0,
                    height: 0,
                    pointed_to: found.pointed_to,
                    edges: Vec::new(),
                });
                nodes.len() - 1
            });
            let (short, label_short) = (middle(&found.column, NAME), middle(&found.label, LABEL));
            let (column, class, label) = (found.column, found.class, found.label);
            nodes[at].edges.push(Edge { column, short, class, label, label_short, y: 0 });
        }
        let mut y = 8;
        for node in &mut nodes {
            node.y = y;
            let head = if node.note.is_empty() { 30 } else { 46 };
            for (edge, row) in node.edges.iter_mut().zip(0_u32..) {
                edge.y = y + head + 14 + row * ROW;
            }
            node.height = head + u32::try_from(node.edges.len()).unwrap_or(0) * ROW;
            y += node.height + 14;
        }
        let target = report.models.iter().find(|model| model.kind == ModelKind::Target);
        let key = report.columns.iter().find(|column| column.role == ColumnRole::Key);
        let full = key
            .map(|key| key.table.clone())
            .or_else(|| target.and_then(|target| target.table.clone()))
            .unwrap_or_else(|| report.target.clone());
        let target_lines = key.map(target_lines).unwrap_or_default();
        let height = (y - 6).max(72 + u32::try_from(target_lines.len()).unwrap_or(0) * 18);
        let target_x = NODE_WIDTH + 8 + GAP;
        Self {
            width: target_x + TARGET_WIDTH + 8,
            height: height + 8,
            node_width: NODE_WIDTH,
            target_x,
            target_width: TARGET_WIDTH,
            target_height: height - 8,
            target_name: middle(&full, TARGET_NAME),
            target_full: full,
            target_lines,
            middle: NODE_WIDTH + 8 + GAP / 2,
            nodes,
        }
    }
}

/// The key, and how far it has come in each environment.
fn target_lines(key: &ReportColumn) -> Vec<String> {
    let declared = key.migrations.as_deref().or(key.models.as_deref()).unwrap_or("type unknown");
    let mut lines = vec![middle(&format!("{} {declared}", key.column), 38)];
    for place in &key.environments {
        let mut line = format!("{}: {}", place.environment, place.column_type.as_deref().unwrap_or("no such column"));
        if let Some(rows) = place.rows {
            let _ = write!(line, ", {} rows", number(rows));
        }
        lines.push(middle(&line, 42));
    }
    lines
}

/// A reference, and the table at its other end.
struct Found {
    table: String,
    note: String,
    column: String,
    pointed_to: bool,
    class: &'static str,
    label: String,
}

/// Every column that stores the ids.
fn stored(report: &Report) -> Vec<Found> {
    let home = report.columns.iter().find(|column| column.role == ColumnRole::Key).and_then(|key| key.alias.as_deref());
    let columns: Vec<_> = report.columns.iter().filter(|column| column.role != ColumnRole::Key).collect();
    if !columns.is_empty() {
        return columns
            .into_iter()
            .map(|column| {
                let elsewhere = column.alias.as_deref().filter(|alias| home.is_some_and(|home| home != *alias));
                let note = elsewhere.map_or_else(String::new, |alias| format!("in another database, alias {alias}"));
                let places = column.environments.iter().filter(|place| place.column_type.is_some());
                let places = places.map(|place| (place.environment.as_str(), place.constraint.is_some()));
                let (class, label) = state(column.constraint_expected, places);
                let (table, column) = (column.table.clone(), column.column.clone());
                Found { table, note, column, pointed_to: false, class, label }
            })
            .collect();
    }
    // Without databases the code's relations are what is known.
    let models = report.models.iter().filter(|model| matches!(model.kind, ModelKind::Linked | ModelKind::Subclass));
    models
        .filter_map(|model| Some((model, model.table.clone()?)))
        .map(|(model, table)| {
            let column = if model.via.is_empty() { model.label.clone() } else { model.via.join(", ") };
            let label = "relation in the code".to_owned();
            Found { table, note: String::new(), column, pointed_to: false, class: "expected", label }
        })
        .collect()
}

/// Everything that the model's own table points to.
fn pointed_to(report: &Report) -> impl Iterator<Item = Found> {
    report.references.iter().map(|reference| {
        let places = reference.environments.iter();
        let places = places.map(|place| (place.environment.as_str(), !place.constraints.is_empty()));
        let (class, label) = state(reference.constraint.is_some(), places);
        Found {
            table: reference.table.clone(),
            note: format!("referenced by {} of the target's table", reference.columns.join(", ")),
            column: reference.referenced.join(", "),
            pointed_to: true,
            class,
            label,
        }
    })
}

/// What ties a reference's two ends, over the environments that have them: for each whether there is a constraint.
fn state<'a>(expected: bool, places: impl Iterator<Item = (&'a str, bool)>) -> (&'static str, String) {
    let (with, without): (Vec<_>, Vec<_>) = places.partition(|(_, constraint)| *constraint);
    let names = |places: &[(&str, bool)]| {
        let mut names: Vec<&str> = places.iter().map(|(environment, _)| *environment).collect();
        names.dedup();
        names.join(", ")
    };
    match (with.is_empty(), without.is_empty()) {
        (true, true) if expected => ("expected", "constraint in the code".to_owned()),
        (true, true) => ("soft", "no constraint in the code".to_owned()),
        (false, true) if expected => ("constraint", format!("constraint in {}", names(&with))),
        (false, true) => ("extra", format!("constraint in {}; not in the code", names(&with))),
        (true, false) if expected => ("missing", format!("missing in {}", names(&without))),
        (true, false) => ("soft", format!("soft in {}", names(&without))),
        (false, false) if expected => {
            ("missing", format!("missing in {}; exists in {}", names(&without), names(&with)))
        }
        (false, false) => ("extra", format!("in {}, not in {}; not in the code", names(&with), names(&without))),
    }
}
