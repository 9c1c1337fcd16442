//! The graph of migrations: which there are, what each depends on, and the order in which `migrate` runs them.

use std::collections::{BTreeMap, BTreeSet};

use super::apps::App;
use crate::literal::{Args, Interp, Site, Value};
use crate::source::{Gap, GapKind};

/// A migration's app label and name.
pub type Node = (String, String);

/// A migration.
pub struct Migration<'p> {
    /// Its app and name.
    pub node: Node,
    /// Its file as reports show it.
    pub file: String,
    /// The line of its class.
    pub line: u32,
    /// What it depends on.
    pub dependencies: Vec<Node>,
    /// What it must run before.
    pub run_before: Vec<Node>,
    /// What it replaces.
    pub replaces: Vec<Node>,
    /// Its operations.
    pub operations: Vec<Value<'p>>,
    /// South's frozen models, with where they stand.
    pub frozen: Option<(Value<'p>, Site<'p>)>,
}

/// Migrations by app and name, and the order to run them in.
#[derive(Default)]
pub struct Graph<'p> {
    /// All that were read, sorted.
    pub migrations: BTreeMap<Node, Migration<'p>>,
    /// The order.
    pub order: Vec<Node>,
}

fn nodes(value: Option<Value<'_>>) -> Vec<Node> {
    let items = value.and_then(|v| v.items()).unwrap_or_default();
    items
        .iter()
        .filter_map(|item| {
            let pair = item.items()?;
            Some((pair.first()?.as_str()?.to_string(), pair.get(1)?.as_str()?.to_string()))
        })
        .collect()
}

impl<'p> Graph<'p> {
    /// Reads the migrations of the apps.
    pub fn load(interp: &mut Interp<'p>, apps: &[App]) -> (Self, Vec<Gap>) {
        let mut graph = Self::default();
        let mut gaps = Vec::new();
        for app in apps {
            let Some(package) = &app.migrations else { continue };
            for name in interp.loader().submodules(package) {
                if name.starts_with(['_', '~']) {
                    continue;
                }
                let dotted = format!("{package}.{name}");
                if let Some(migration) = read(interp, app, &name, &dotted, &mut gaps) {
                    graph.migrations.insert(migration.node.clone(), migration);
                }
            }
        }
        graph.keep_last_of_south();
        graph.plan(apps, &mut gaps);
        (graph, gaps)
    }

    /// Of South's migrations only the last one counts: it carries the state that all of them came to.
    fn keep_last_of_south(&mut self) {
        let south: Vec<Node> =
            self.migrations.values().filter(|m| m.frozen.is_some()).map(|m| m.node.clone()).collect();
        for pair in south.windows(2) {
            if pair[0].0 == pair[1].0 {
                self.migrations.remove(&pair[0]);
            }
        }
    }

    /// Orders the migrations as `migrate` does on an empty database.
    fn plan(&mut self, apps: &[App], gaps: &mut Vec<Gap>) {
        // On an empty database a squashed migration takes the place of all it replaces.
        let mut replaced: BTreeMap<Node, Node> = BTreeMap::new();
        for migration in self.migrations.values() {
            for old in &migration.replaces {
                replaced.insert(old.clone(), migration.node.clone());
            }
        }
        let stand_in = |node: &Node| -> Node {
            let mut at = node.clone();
            for _ in 0..10 {
                match replaced.get(&at) {
                    Some(by) if *by != at => at = by.clone(),
                    _ => break,
                }
            }
            at
        };
        let kept: Vec<Node> = self.migrations.keys().filter(|n| !replaced.contains_key(*n)).cloned().collect();
        let mut parents: BTreeMap<Node, BTreeSet<Node>> = kept.iter().map(|n| (n.clone(), BTreeSet::new())).collect();
        let migrated: BTreeSet<&str> = self.migrations.keys().map(|n| n.0.as_str()).collect();
        // Dependencies within an app come first: they determine its first migration.
        let mut later: Vec<(Node, Node, bool)> = Vec::new();
        for migration in self.migrations.values() {
            let own = stand_in(&migration.node);
            for dependency in &migration.dependencies {
                if dependency.0 == migration.node.0 && !dependency.1.starts_with("__") {
                    let to = stand_in(dependency);
                    if parents.contains_key(&to) {
                        if to != own {
                            parents.entry(own.clone()).or_default().insert(to);
                        }
                        continue;
                    }
                }
                later.push((own.clone(), dependency.clone(), false));
            }
            for before in &migration.run_before {
                later.push((own.clone(), before.clone(), true));
            }
        }
        let labels: BTreeSet<&str> = apps.iter().map(|app| app.label.as_str()).collect();
        let within = parents.clone();
        let mut first: BTreeMap<&str, &Node> = BTreeMap::new();
        for (node, _) in within.iter().filter(|(node, parents)| parents.iter().all(|parent| parent.0 != node.0)) {
            first.entry(&node.0).or_insert(node);
        }
        let with_child: BTreeSet<&Node> = within.values().flatten().collect();
        let last: BTreeMap<&str, &Node> =
            within.keys().filter(|node| !with_child.contains(node)).map(|node| (node.0.as_str(), node)).collect();
        for (own, dependency, before) in later {
            let target = match dependency.1.as_str() {
                "__first__" => first.get(dependency.0.as_str()).map(|node| stand_in(node)),
                "__latest__" => last.get(dependency.0.as_str()).map(|node| (*node).clone()),
                _ => {
                    let to = stand_in(&dependency);
                    parents.contains_key(&to).then_some(to)
                }
            };
            match target {
                Some(to) if to == own => {}
                Some(to) if before => _ = parents.entry(to).or_default().insert(own),
                Some(to) => _ = parents.entry(own).or_default().insert(to),
                None => {
                    let symbolic = dependency.1.starts_with("__");
                    let installed = labels.contains(dependency.0.as_str());
                    if (symbolic && installed && !migrated.contains(dependency.0.as_str())) || before {
                        continue;
                    }
                    let (file, line) =
                        self.migrations.get(&own).map_or((None, None), |m| (Some(m.file.clone()), Some(m.line)));
                    gaps.push(Gap {
                        file,
                        line,
                        ..Gap::general(
                            GapKind::Dependency,
                            format!(
                                "{}.{} depends on {}.{}, which is not there; the order may be another",
                                own.0, own.1, dependency.0, dependency.1
                            ),
                        )
                    });
                }
            }
        }
        // A migration with a child in another app only is still a leaf of its own.
        let inner: BTreeSet<Node> =
            parents.iter().flat_map(|(node, parents)| parents.iter().filter(|p| p.0 == node.0).cloned()).collect();
        let leaves: Vec<Node> = parents.keys().filter(|n| !inner.contains(*n)).cloned().collect();
        for pair in leaves.windows(2) {
            if pair[0].0 == pair[1].0 {
                let file = self.migrations.get(&pair[1]).map(|m| m.file.clone());
                gaps.push(Gap {
                    file,
                    line: Some(1),
                    ..Gap::general(
                        GapKind::LeafNodes,
                        format!(
                            "the app {} has two last migrations, {} and {}; both are replayed",
                            pair[0].0, pair[0].1, pair[1].1
                        ),
                    )
                });
            }
        }
        self.order = order(&leaves, &parents, gaps, &self.migrations);
    }
}

/// Depth first from each leaf, parents in order, as `MigrationGraph.iterative_dfs`.
fn order(
    leaves: &[Node],
    parents: &BTreeMap<Node, BTreeSet<Node>>,
    gaps: &mut Vec<Gap>,
    migrations: &BTreeMap<Node, Migration<'_>>,
) -> Vec<Node> {
    let mut out: Vec<Node> = Vec::new();
    let mut done: BTreeSet<&Node> = BTreeSet::new();
    let circle = |node: &Node, what: String| {
        let migration = migrations.get(node);
        Gap {
            file: migration.map(|m| m.file.clone()),
            line: migration.map(|m| m.line),
            ..Gap::general(GapKind::Circle, format!("{}.{} {what}", node.0, node.1))
        }
    };
    for leaf in leaves {
        let mut open: BTreeSet<&Node> = BTreeSet::new();
        let mut stack: Vec<(&Node, bool)> = vec![(leaf, false)];
        while let Some((node, processed)) = stack.pop() {
            if done.contains(node) {
                continue;
            }
            if processed {
                open.remove(node);
                done.insert(node);
                out.push(node.clone());
                continue;
            }
            if !open.insert(node) {
                continue;
            }
            stack.push((node, true));
            for parent in parents.get(node).into_iter().flatten() {
                if open.contains(parent) {
                    gaps.push(circle(
                        node,
                        format!(
                            "depends on {}.{}, which depends on it; this dependency is left out",
                            parent.0, parent.1
                        ),
                    ));
                    continue;
                }
                if !done.contains(parent) {
                    stack.push((parent, false));
                }
            }
        }
    }
    // Circles have no leaf of their own.
    for node in parents.keys() {
        if !done.contains(node) {
            out.push(node.clone());
            gaps.push(circle(node, String::from("is in a circle of dependencies; it is replayed after all others")));
        }
    }
    out
}

fn read<'p>(
    interp: &mut Interp<'p>,
    app: &App,
    name: &str,
    dotted: &str,
    gaps: &mut Vec<Gap>,
) -> Option<Migration<'p>> {
    interp.restart();
    let loaded = interp.loader().load(dotted)?;
    if loaded.package && loaded.tree.body.is_empty() {
        return None;
    }
    let class = interp.module_value(dotted, "Migration");
    let Some(Value::Class(class)) = class else {
        gaps.push(Gap::at(
            GapKind::Migration,
            loaded.path.clone(),
            1,
            format!("the module {dotted} has no class Migration that could be read"),
        ));
        return None;
    };
    let line = class.node.map_or(1, |n| loaded.text.line_col(n.name.span.start).line);
    // A migration with a constructor of its own may change its dependencies there.
    let made = match class.lookup("__init__") {
        Some(Value::Function(_)) => {
            let site = Site { module: loaded, span: class.node.map(|n| n.name.span).unwrap_or_default() };
            let args = Args::positional(vec![Value::str(name), Value::str(&app.label)]);
            interp.call(&Value::Class(class.clone()), args, site).ok()
        }
        _ => None,
    };
    let attribute = |interp: &mut Interp<'p>, name: &str| {
        let own = match &made {
            Some(Value::Object(object)) => object.attrs.borrow().get(name).cloned(),
            _ => None,
        };
        own.or_else(|| class.lookup(name)).map(|v| interp.resolve(v))
    };
    let south = class.mro().iter().any(|c| matches!(c, Value::External(name) if name.starts_with("south.")));
    let frozen = if south {
        let site = Site { module: loaded, span: class.node.map(|n| n.name.span).unwrap_or_default() };
        Some((attribute(interp, "models").unwrap_or(Value::None), site))
    } else {
        None
    };
    let dependencies = attribute(interp, "dependencies");
    let operations = attribute(interp, "operations");
    if let Some(value) = operations.as_ref().filter(|v| v.items().is_none() && !matches!(v, Value::External(_))) {
        gaps.push(Gap::at(
            GapKind::Migration,
            loaded.path.clone(),
            line,
            format!("the operations are unknown: {}", value.repr().chars().take(120).collect::<String>()),
        ));
    }
    Some(Migration {
        node: (app.label.clone(), name.to_owned()),
        file: loaded.path.clone(),
        line,
        dependencies: nodes(dependencies),
        run_before: nodes(attribute(interp, "run_before")),
        replaces: nodes(attribute(interp, "replaces")),
        operations: operations.and_then(|v| v.items()).unwrap_or_default(),
        frozen,
    })
}
