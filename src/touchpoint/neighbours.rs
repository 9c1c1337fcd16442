//! The models around the target, and how they are related: what the target and the models linked to it point to, and
//! the other models of the files that name any of them. Their rows lead to the target's: through accessors and lookups,
//! and by a deletion that cascades.
//!
//! Sources: `django/db/models/fields/related.py` and `reverse_related.py` (names), `django/db/models/deletion.py`
//! (`Collector.collect`), `django/contrib/contenttypes/fields.py` (`GenericRelation`).

use std::collections::VecDeque;

use compact_str::CompactString;
use rustc_hash::{FxHashMap, FxHashSet};

use super::leads;
use super::models::{
    GET_USER_MODEL, Model, RelationKind, Role, app_label, callee_name, declarations, is_abstract, is_field_call,
    is_proxy, looks_like_model, relation_kind, reverse_names,
};
use crate::ast::{Arguments, ClassDef, Expr, ExprKind};
use crate::finding::Access;
use crate::resolve::{Def, Resolver};
use crate::source::{FileId, Span};

/// Index of a model in the neighbourhood.
pub(super) type NodeId = usize;

/// What becomes of the rows that refer to a row that is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnDelete {
    /// They are deleted.
    Cascade,
    /// Their column is set.
    Set,
    /// They are looked for, and forbid the deletion.
    Protect,
    /// Django does nothing to them.
    Nothing,
}

impl OnDelete {
    /// What the collector does to the rows.
    fn access(self) -> Access {
        match self {
            Self::Cascade => Access::Delete,
            Self::Set => Access::Write,
            Self::Protect => Access::Read,
            Self::Nothing => Access::None,
        }
    }
}

/// A relation from one model to another.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// The field.
    pub(super) name: CompactString,
    pub(super) kind: RelationKind,
    /// The model it points to.
    pub(super) to: NodeId,
    /// The accessor on the other side.
    pub(super) accessor: Option<CompactString>,
    /// The name in lookups from the other side.
    query_name: Option<CompactString>,
    on_delete: OnDelete,
    /// The value of `on_delete`, as it is written.
    rule: CompactString,
    /// Whether a child's row is the row of its parent, in a table of its own.
    parent: bool,
    /// Whether it is a `GenericRelation`: rows of the other model refer to this one's.
    generic: bool,
}

/// A model.
#[derive(Debug)]
pub(super) struct Node<'p> {
    /// `app_label.Model`
    pub(super) label: String,
    pub(super) file: FileId,
    /// Its class; an empty one where it is in none of the scanned trees.
    pub(super) class: &'p ClassDef,
    /// Its dotted path, where it is in none of the scanned trees.
    pub(super) external: Option<CompactString>,
    /// The touchpoint model that it is: the target or a linked one.
    pub(super) model: Option<usize>,
    /// Its own relations.
    pub(super) links: Vec<Link>,
    /// The relations that point to it: model and index of the link.
    incoming: Vec<(NodeId, usize)>,
}

/// What a name leads to from a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// The model it leads to.
    pub(super) to: NodeId,
    pub(super) kind: RelationKind,
    /// Whether the rows there refer to the row here.
    pub(super) reverse: bool,
}

impl Step {
    /// Whether the accessor gives a manager and not a row.
    pub(super) fn is_set(self) -> bool {
        match self.kind {
            RelationKind::ManyToMany => true,
            RelationKind::OneToOne => false,
            RelationKind::ForeignKey | RelationKind::ForeignObject => self.reverse,
        }
    }
}

/// A deletion that reaches the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cascade {
    /// What happens to the target's rows.
    pub(super) access: Access,
    /// The relations on the way, from the deleted row: `shop.Cart.owner (CASCADE)`.
    pub(super) chain: Vec<String>,
}

/// The models around the target.
#[derive(Debug, Default)]
pub(super) struct Neighbourhood<'p> {
    pub(super) nodes: Vec<Node<'p>>,
    /// Models by the file, the place and the name of their class. One call may make several.
    by_class: FxHashMap<(FileId, u32, CompactString), NodeId>,
    by_label: FxHashMap<String, NodeId>,
    /// The model of the users.
    pub(super) user: Option<NodeId>,
    /// Models by the one-to-one accessors that lead to them.
    one_to_one: FxHashMap<CompactString, Vec<NodeId>>,
    /// What a deletion of each model's rows does to the target's.
    cascades: Vec<Option<Cascade>>,
}

/// Up the relations from the target, this far.
const FARTHEST: usize = 8;

impl<'p> Neighbourhood<'p> {
    /// The models of `files`, and what the target points to.
    pub(super) fn new(
        resolver: &Resolver<'p>,
        models: &[Model<'p>],
        files: &[FileId],
        user_model: Option<&str>,
    ) -> Self {
        let user_model = user_model.unwrap_or("auth.User");
        let mut builder = Builder { resolver, user_model, all: Self::default(), open: VecDeque::new() };
        for (index, model) in models.iter().enumerate() {
            if model.role != Role::Base {
                builder.add(model.label.clone(), model.file, model.class, Some(index));
            }
        }
        for &file in files {
            builder.file(file);
        }
        builder.relations(files, models);
        let mut all = builder.all;
        all.user = all.by_label(user_model).or_else(|| all.nodes.iter().position(|node| is_user(node.class)));
        all.finish(models);
        all
    }

    /// The model that a class is.
    pub(super) fn at(&self, file: FileId, class: &ClassDef) -> Option<NodeId> {
        self.by_class.get(&(file, class.name.span.start, class.name.name.clone())).copied()
    }

    /// The model of a label.
    pub(super) fn by_label(&self, label: &str) -> Option<NodeId> {
        self.by_label.get(&label.to_ascii_lowercase()).copied()
    }

    fn finish(&mut self, models: &[Model<'p>]) {
        for from in 0..self.nodes.len() {
            for at in 0..self.nodes[from].links.len() {
                let to = self.nodes[from].links[at].to;
                self.nodes[to].incoming.push((from, at));
                let link = &self.nodes[from].links[at];
                if let Some(accessor) = link.accessor.clone().filter(|_| link.kind == RelationKind::OneToOne) {
                    self.one_to_one.entry(accessor).or_default().push(from);
                }
            }
        }
        let is_target = |node: &Node<'_>| {
            node.model
                .and_then(|model| models.get(model))
                .is_some_and(|model| matches!(model.role, Role::Target | Role::Subclass))
        };
        let targets: FxHashSet<NodeId> = (0..self.nodes.len()).filter(|node| is_target(&self.nodes[*node])).collect();
        self.cascades = (0..self.nodes.len()).map(|node| self.find_cascade(node, &targets)).collect();
    }

    /// What a deletion of rows of a model does to the target's: the strongest of what the shortest ways do.
    pub(super) fn cascade(&self, node: NodeId) -> Option<&Cascade> {
        self.cascades.get(node)?.as_ref()
    }

    fn find_cascade(&self, start: NodeId, targets: &FxHashSet<NodeId>) -> Option<Cascade> {
        if targets.contains(&start) {
            return None;
        }
        let mut best: Option<Cascade> = None;
        let mut seen = FxHashSet::from_iter([start]);
        let mut open: VecDeque<(NodeId, Vec<String>)> = VecDeque::from([(start, Vec::new())]);
        while let Some((at, chain)) = open.pop_front() {
            for (next, rule, text) in self.deleted_with(at) {
                let access = rule.access();
                let mut chain = chain.clone();
                chain.push(text);
                if targets.contains(&next) {
                    let stronger = |known: &Cascade| super::orm::combine(known.access, access) != known.access;
                    if access != Access::None && best.as_ref().is_none_or(stronger) {
                        best = Some(Cascade { access, chain });
                    }
                } else if rule == OnDelete::Cascade && seen.insert(next) {
                    open.push_back((next, chain));
                }
            }
        }
        best
    }

    /// The models whose rows Django's collector looks at when rows of a model are deleted.
    fn deleted_with(&self, at: NodeId) -> Vec<(NodeId, OnDelete, String)> {
        let node = &self.nodes[at];
        let mut found = Vec::new();
        for &(from, link) in &node.incoming {
            let link = &self.nodes[from].links[link];
            if link.kind != RelationKind::ManyToMany && !link.generic {
                let text = format!("{}.{} ({})", self.nodes[from].label, link.name, link.rule);
                found.push((from, link.on_delete, text));
            }
        }
        for link in node.links.iter().filter(|link| link.parent || link.generic) {
            let what = if link.parent { "parent" } else { "GenericRelation" };
            found.push((link.to, OnDelete::Cascade, format!("{}.{} ({what})", node.label, link.name)));
        }
        found
    }

    /// The model and the chain of its parents with tables of their own.
    fn with_parents(&self, node: NodeId) -> Vec<NodeId> {
        let mut all = vec![node];
        let mut at = 0;
        while at < all.len() {
            for link in self.nodes[all[at]].links.iter().filter(|link| link.parent) {
                if !all.contains(&link.to) {
                    all.push(link.to);
                }
            }
            at += 1;
        }
        all
    }

    /// What an attribute of a row leads to.
    pub(super) fn attribute(&self, node: NodeId, name: &str) -> Option<Step> {
        self.step(node, name, |link| link.accessor.as_deref())
    }

    /// The models to which a one-to-one accessor of this name leads.
    pub(super) fn one_to_one(&self, name: &str) -> &[NodeId] {
        self.one_to_one.get(name).map_or(&[], Vec::as_slice)
    }

    /// What the part of a lookup leads to.
    fn lookup(&self, node: NodeId, name: &str) -> Option<Step> {
        self.step(node, name, |link| link.query_name.as_deref())
    }

    fn step(&self, node: NodeId, name: &str, back: impl Fn(&Link) -> Option<&str>) -> Option<Step> {
        self.with_parents(node).into_iter().find_map(|node| {
            let node = &self.nodes[node];
            let forward = node.links.iter().find(|link| link.name == name);
            if let Some(link) = forward {
                let kind = if link.generic { RelationKind::ManyToMany } else { link.kind };
                return Some(Step { to: link.to, kind, reverse: link.generic });
            }
            node.incoming.iter().find_map(|&(from, link)| {
                let link = &self.nodes[from].links[link];
                (back(link) == Some(name)).then_some(Step { to: from, kind: link.kind, reverse: true })
            })
        })
    }

    /// The models whose tables a lookup joins, in their order; with `whole`, the last one too. `None` when its first part
    /// is no relation of the model.
    pub(super) fn joins(&self, node: NodeId, lookup: &str, whole: bool) -> Option<Vec<NodeId>> {
        let mut segments = lookup.split("__").peekable();
        let mut step = self.lookup(node, segments.next()?)?;
        let mut joined = Vec::new();
        loop {
            let next = segments.next();
            // `order=` and `order__in=` look at the column of the row at hand.
            let own_column = !whole
                && !step.reverse
                && step.kind != RelationKind::ManyToMany
                && next.is_none_or(super::orm::is_column_lookup);
            if !own_column {
                joined.push(step.to);
            }
            match next.and_then(|next| self.lookup(step.to, next)) {
                Some(further) => step = further,
                None => return Some(joined),
            }
        }
    }
}

struct Builder<'r, 'p> {
    resolver: &'r Resolver<'p>,
    user_model: &'r str,
    all: Neighbourhood<'p>,
    /// Models whose relations are still to be read, with how far they are from the target.
    open: VecDeque<(NodeId, usize)>,
}

impl<'p> Builder<'_, 'p> {
    fn add(&mut self, label: String, file: FileId, class: &'p ClassDef, model: Option<usize>) -> NodeId {
        if let Some(known) = self.all.at(file, class) {
            return known;
        }
        let id = self.all.nodes.len();
        self.all.by_class.insert((file, class.name.span.start, class.name.name.clone()), id);
        self.all.by_label.entry(label.to_ascii_lowercase()).or_insert(id);
        self.all.nodes.push(Node {
            label,
            file,
            class,
            external: None,
            model,
            links: Vec::new(),
            incoming: Vec::new(),
        });
        id
    }

    /// The models of a file.
    fn file(&mut self, file: FileId) {
        let Some(parsed) = self.resolver.project().parsed(file) else { return };
        let mut found = Vec::new();
        leads::classes(&parsed.module.body, true, &mut |class, top_level| {
            let fields = declarations(class).any(|(_, _, func, _)| is_field_call(func));
            if top_level && looks_like_model(class) && (fields || is_model_by_base(class)) && !is_abstract(class) {
                found.push(class);
            }
        });
        for class in found {
            self.class(file, class);
        }
    }

    fn class(&mut self, file: FileId, class: &'p ClassDef) -> NodeId {
        match self.all.at(file, class) {
            Some(known) => known,
            None => {
                let label = format!("{}.{}", app_label(self.resolver, file, class), class.name.name);
                self.add(label, file, class, None)
            }
        }
    }

    /// The relations of all models; what the target points to brings its own.
    fn relations(&mut self, files: &[FileId], models: &[Model<'p>]) {
        let named: FxHashSet<FileId> = files.iter().copied().collect();
        let (near, others): (Vec<NodeId>, Vec<NodeId>) = (0..self.all.nodes.len()).partition(|node| {
            let model = self.all.nodes[*node].model.and_then(|model| models.get(model));
            model.is_some_and(|model| matches!(model.role, Role::Target | Role::Subclass))
        });
        let mut read = FxHashSet::default();
        self.open.extend(near.into_iter().map(|node| (node, 0)));
        self.read_relations(&named, models, &mut read);
        self.open.extend(others.into_iter().map(|node| (node, FARTHEST)));
        self.read_relations(&named, models, &mut read);
    }

    /// Reads the relations of the open models, and of those that they lead to.
    fn read_relations(&mut self, named: &FxHashSet<FileId>, models: &[Model<'p>], read: &mut FxHashSet<NodeId>) {
        while let Some((node, distance)) = self.open.pop_front() {
            if !read.insert(node) {
                continue;
            }
            let (file, class) = (self.all.nodes[node].file, self.all.nodes[node].class);
            let mut links = Vec::new();
            self.collect(node, (file, class), distance, named, &mut links, 0);
            // What only the evaluated class shows.
            let model = self.all.nodes[node].model.and_then(|model| models.get(model));
            for relation in model.into_iter().flat_map(|model| &model.relations) {
                if let Some(to) = self.all.by_label(&relation.to)
                    && !links.iter().any(|link: &Link| link.name == relation.name)
                {
                    links.push(Link {
                        name: relation.name.clone(),
                        kind: relation.kind,
                        to,
                        accessor: relation.accessor.clone(),
                        query_name: relation.query_name.clone(),
                        on_delete: OnDelete::Cascade,
                        rule: "CASCADE".into(),
                        parent: false,
                        generic: false,
                    });
                }
            }
            self.all.nodes[node].links = links;
        }
    }

    /// The relations that a class declares, and those of its bases without a table.
    fn collect(
        &mut self,
        node: NodeId,
        (file, class): (FileId, &'p ClassDef),
        distance: usize,
        named: &FxHashSet<FileId>,
        links: &mut Vec<Link>,
        depth: usize,
    ) {
        for (name, _, func, args) in declarations(class) {
            if links.iter().any(|link| link.name == *name) {
                continue;
            }
            let callee = callee_name(func).unwrap_or_default();
            let generic = callee.ends_with("GenericRelation");
            let Some(kind) = relation_kind(callee).or(generic.then_some(RelationKind::ForeignKey)) else { continue };
            let Some(to) = args.get(0, "to").and_then(|to| self.points_to(node, to, (file, class), distance, named))
            else {
                continue;
            };
            if distance < FARTHEST {
                self.open.push_back((to, distance + 1));
            }
            let link = self.link(node, name, kind, to, args);
            links.push(Link { generic, ..link });
        }
        if depth > 16 {
            return;
        }
        for base in class.args.args.iter().filter_map(Expr::as_dotted) {
            let gate = |of: FileId, _: &str| distance < FARTHEST || named.contains(&of);
            for def in self.resolver.dotted_gated(file, &base, &gate) {
                let Def::Class(base_file, base) = def else { continue };
                match self.all.at(base_file, base).filter(|parent| *parent != node) {
                    Some(parent) if !is_proxy(class) => {
                        let lower = self.all.nodes[node].class.name.name.to_lowercase();
                        links.push(Link {
                            name: format!("{}_ptr", base.name.name.to_lowercase()).into(),
                            kind: RelationKind::OneToOne,
                            to: parent,
                            accessor: Some(lower.as_str().into()),
                            query_name: Some(lower.as_str().into()),
                            on_delete: OnDelete::Cascade,
                            rule: "CASCADE".into(),
                            parent: true,
                            generic: false,
                        });
                    }
                    _ => self.collect(node, (base_file, base), distance, named, links, depth + 1),
                }
            }
        }
    }

    fn link(&self, node: NodeId, name: &CompactString, kind: RelationKind, to: NodeId, args: &Arguments) -> Link {
        let text = |keyword: &str| args.keyword(keyword).and_then(Expr::as_str);
        let (accessor, query_name) =
            reverse_names(kind, &self.all.nodes[node].label, text("related_name"), text("related_query_name"));
        // Before Django 2.0 nothing had to be said, and rows were deleted.
        let rule = args
            .get(1, "on_delete")
            .and_then(|rule| match &rule.kind {
                ExprKind::Call { func, .. } => callee_name(func),
                _ => callee_name(rule),
            })
            .unwrap_or("CASCADE");
        let on_delete = match rule {
            "SET_NULL" | "SET_DEFAULT" | "SET" | "DB_SET_NULL" | "DB_SET_DEFAULT" => OnDelete::Set,
            "PROTECT" | "RESTRICT" => OnDelete::Protect,
            "DO_NOTHING" => OnDelete::Nothing,
            _ => OnDelete::Cascade,
        };
        Link {
            name: name.clone(),
            kind,
            to,
            accessor,
            query_name: Some(query_name),
            on_delete,
            rule: rule.into(),
            parent: false,
            generic: false,
        }
    }

    /// The model that a declaration points to. Near the target, a model that is in none of the files is looked up.
    fn points_to(
        &mut self,
        node: NodeId,
        to: &'p Expr,
        (file, class): (FileId, &'p ClassDef),
        distance: usize,
        named: &FxHashSet<FileId>,
    ) -> Option<NodeId> {
        let app = || app_label(self.resolver, file, class);
        let label = match &to.kind {
            ExprKind::Call { func, .. } if callee_name(func) == Some(GET_USER_MODEL) => self.user_model.to_owned(),
            _ => match to.as_str() {
                Some(text) if text == "self" => return Some(node),
                Some(text) if text.contains('.') => text.to_string(),
                Some(text) => format!("{}.{text}", app()),
                None => {
                    let segments = to.as_dotted()?;
                    if segments.last() == Some(&"AUTH_USER_MODEL") {
                        self.user_model.to_owned()
                    } else {
                        let gate = |of: FileId, _: &str| distance < FARTHEST || named.contains(&of);
                        let defs = self.resolver.dotted_gated(file, &segments, &gate);
                        return defs.into_iter().find_map(|def| self.of_definition(def, distance));
                    }
                }
            },
        };
        if let Some(known) = self.all.by_label(&label) {
            return Some(known);
        }
        // Django's own users, where its sources are in none of the trees.
        let (app, name) = label.split_once('.')?;
        (app == "auth").then(|| self.external(format!("django.contrib.auth.models.{name}"), label.clone()))
    }

    fn of_definition(&mut self, def: Def<'p>, distance: usize) -> Option<NodeId> {
        match def {
            Def::Class(file, class) => {
                if let Some(known) = self.all.at(file, class) {
                    return Some(known);
                }
                if distance >= FARTHEST || is_abstract(class) {
                    return None;
                }
                Some(self.class(file, class))
            }
            Def::External(dotted) => {
                let mut segments = dotted.rsplit('.');
                let name = segments.next()?;
                let app = segments.find(|segment| !matches!(*segment, "models" | "model"))?;
                let label = format!("{app}.{name}");
                Some(match self.all.by_label(&label) {
                    Some(known) => known,
                    None => self.external(dotted.clone(), label),
                })
            }
            _ => None,
        }
    }

    fn external(&mut self, dotted: String, label: String) -> NodeId {
        let file = FileId(0);
        let name = label.rsplit('.').next().unwrap_or(&label).to_owned();
        // No class of a text begins here.
        let at = u32::MAX - u32::try_from(self.all.nodes.len()).unwrap_or(0);
        let class = self.resolver.project().class_made_at(file, &name, Span::new(at, at));
        let node = self.add(label, file, class, None);
        self.all.nodes[node].external = Some(dotted.into());
        node
    }
}

/// Whether the bases say that a class without fields is a model.
fn is_model_by_base(class: &ClassDef) -> bool {
    class
        .args
        .args
        .iter()
        .filter_map(callee_name)
        .any(|base| base == "Model" || base.ends_with("Model") || base.starts_with("Abstract"))
}

/// Whether a class is a project's own model of the users.
fn is_user(class: &ClassDef) -> bool {
    let mut bases = class.args.args.iter().filter_map(callee_name);
    bases.any(|base| matches!(base, "AbstractUser" | "AbstractBaseUser"))
}
