//! Derives the models that matter from the sources: the target, its subclasses, and the models with a relation to them.
//!
//! Relations are those of the evaluated classes (`registry`). The syntax stands in where a class could not be evaluated,
//! and where nothing but literals and names of classes says what the class is.

use std::sync::Arc;

use compact_str::CompactString;
use rustc_hash::{FxHashMap, FxHashSet};

use super::leads;
use super::models::{
    Model, Relation, RelationKind, Role, app_label, callee_name, declarations, is_abstract, is_field_call, is_proxy,
    looks_like_model, module_app_label, relation_kind, reverse_names, table,
};
use crate::ast::{Arguments, ClassDef, Expr, Stmt, StmtKind};
use crate::registry::{Evaluator, FieldFacts, ModelFacts, RelatedModel, RelationFacts};
use crate::resolve::{Def, Gate, Resolver};
use crate::source::{FileId, Gap, GapKind, Span};

/// A class: its file, where its name or the call that makes it begins, and its name. One call may make several.
type Key = (FileId, u32, CompactString);

fn key(file: FileId, class: &ClassDef) -> Key {
    (file, class.name.span.start, class.name.name.clone())
}

/// Bases are followed so deep; a deeper hierarchy is a circle.
const DEEPEST: usize = 16;

/// The classes of files that were evaluated.
pub(super) struct Evaluation<'e> {
    evaluator: &'e Evaluator,
    modules: FxHashMap<FileId, Vec<Arc<ModelFacts>>>,
    by_class: FxHashMap<Key, Arc<ModelFacts>>,
    /// What could not be evaluated.
    pub(super) gaps: Vec<Gap>,
}

impl<'e> Evaluation<'e> {
    pub(super) fn new(evaluator: &'e Evaluator) -> Self {
        Self { evaluator, modules: FxHashMap::default(), by_class: FxHashMap::default(), gaps: Vec::new() }
    }

    /// Whether a file was evaluated.
    pub(super) fn has(&self, file: FileId) -> bool {
        self.modules.contains_key(&file)
    }

    /// Evaluates the modules of files. A module that cannot be evaluated has no facts.
    pub(super) fn add(&mut self, files: Vec<FileId>) {
        if files.is_empty() {
            return;
        }
        let asked = files.clone();
        let answer = self.evaluator.ask(move |registry| {
            asked.into_iter().map(|file| (file, registry.models_made(file).unwrap_or_default())).collect::<Vec<_>>()
        });
        match answer {
            Ok(made) => {
                for (file, models) in made {
                    let models: Vec<Arc<ModelFacts>> = models.into_iter().map(Arc::new).collect();
                    for model in &models {
                        // Of several models of one name that one statement makes, the first stands for all.
                        let key = (file, model.span.start, CompactString::from(&model.name));
                        self.by_class.entry(key).or_insert_with(|| Arc::clone(model));
                    }
                    self.modules.insert(file, models);
                }
            }
            Err(error) => {
                self.gaps.push(Gap::general(GapKind::Stopped, format!("models were not evaluated: {error}")));
                self.modules.extend(files.into_iter().map(|file| (file, Vec::new())));
            }
        }
    }

    /// The model that `AUTH_USER_MODEL` names.
    pub(super) fn user_model(&self) -> Option<String> {
        self.evaluator.ask(|registry| registry.user_model()).ok().flatten()
    }

    fn of(&self, file: FileId, class: &ClassDef) -> Option<&Arc<ModelFacts>> {
        self.by_class.get(&key(file, class))
    }
}

/// A class that may be a model.
struct Candidate<'p> {
    file: FileId,
    class: &'p ClassDef,
    facts: Option<Arc<ModelFacts>>,
}

impl Candidate<'_> {
    fn key(&self) -> Key {
        key(self.file, self.class)
    }
}

/// What leads to the models, besides their names.
pub(super) struct Search<'a, 'e> {
    /// Evaluated classes.
    pub(super) evaluation: &'a mut Evaluation<'e>,
    /// Names that lead to the target.
    pub(super) leads: &'a FxHashSet<CompactString>,
}

/// The models that matter, the target first. `files` are those that name any model found so far.
pub(super) fn derive<'p>(
    resolver: &Resolver<'p>,
    search: &mut Search<'_, '_>,
    files: &[FileId],
    target: &str,
) -> Vec<Model<'p>> {
    let all: Vec<Candidate<'p>> =
        files.iter().flat_map(|&file| candidates(resolver, search.evaluation, file)).collect();
    let mut deriver = Deriver { resolver, search, models: Vec::new(), seen: FxHashSet::default() };
    deriver.target(&all, target);
    if deriver.models.is_empty() {
        return Vec::new();
    }
    // Whoever leads to a model names it: other files need not be opened for that, but star imports name nothing.
    let named: FxHashSet<FileId> = files.iter().copied().collect();
    let gate = |file: FileId, _: &str| named.contains(&file) || resolver.project().discovery.entry(file).star_import;
    deriver.linked(&all, &gate);
    deriver.bases(&all, &gate);
    deriver.fill_relations();
    deriver.models
}

/// The classes of a file: those of its top level, conditional ones too, and every other one that was evaluated as a model.
fn candidates<'p>(resolver: &Resolver<'p>, evaluation: &Evaluation<'_>, file: FileId) -> Vec<Candidate<'p>> {
    let Some(parsed) = resolver.project().parsed(file) else { return Vec::new() };
    let mut found: Vec<Candidate<'p>> = Vec::new();
    leads::classes(&parsed.module.body, true, &mut |class, top_level| {
        let facts = evaluation.of(file, class).cloned();
        if top_level || facts.is_some() {
            found.push(Candidate { file, class, facts });
        }
    });
    for facts in evaluation.modules.get(&file).into_iter().flatten().filter(|facts| !facts.by_statement) {
        let class = resolver.project().class_made_at(file, &facts.name, facts.span);
        found.push(Candidate { file, class, facts: Some(Arc::clone(facts)) });
    }
    found
}

/// What a declaration says of the model it points to.
enum To<'p> {
    Evaluated(RelatedModel),
    Syntax(&'p Expr),
    /// Something that leads to the target by its name, and that could not be evaluated.
    Guess,
}

/// A relation as a class declares it.
struct Declared<'p> {
    name: CompactString,
    /// The class whose body holds the declaration, and the place of the name in it.
    file: FileId,
    span: Span,
    kind: RelationKind,
    to: To<'p>,
    related_name: Option<CompactString>,
    related_query_name: Option<CompactString>,
    column: Option<CompactString>,
    makes_table: bool,
}

struct Deriver<'a, 's, 'e, 'p> {
    resolver: &'a Resolver<'p>,
    search: &'a mut Search<'s, 'e>,
    models: Vec<Model<'p>>,
    seen: FxHashSet<Key>,
}

impl<'p> Deriver<'_, '_, '_, 'p> {
    /// Finds the classes that define the target.
    fn target(&mut self, all: &[Candidate<'p>], label: &str) {
        let Some((_, wanted)) = label.split_once('.') else { return };
        for candidate in all.iter().filter(|candidate| candidate.class.name.name.eq_ignore_ascii_case(wanted)) {
            let real = self.label(candidate);
            if real.eq_ignore_ascii_case(label) && is_model(candidate) && self.seen.insert(candidate.key()) {
                let model = self.model(candidate, Role::Target, real);
                self.models.push(model);
            }
        }
    }

    /// Subclasses of models that matter, and models that point to the target or its subclasses; each may bring others.
    fn linked(&mut self, all: &[Candidate<'p>], gate: Gate<'_>) {
        loop {
            let before = self.models.len();
            for candidate in all {
                if self.seen.contains(&candidate.key()) || !is_model(candidate) {
                    continue;
                }
                let role = match self.base_of(candidate, gate) {
                    Some(base) => Some(match base.role {
                        Role::Target | Role::Subclass if base.table.is_some() || !is_abstract(base.class) => {
                            Role::Subclass
                        }
                        _ => Role::Linked,
                    }),
                    // Another model on the same table, as `managed = False` allows: its rows are the target's.
                    None if self.shares_table(candidate) => Some(Role::Subclass),
                    None => self.points(candidate).then_some(Role::Linked),
                };
                if let Some(role) = role {
                    self.seen.insert(candidate.key());
                    let model = self.model(candidate, role, self.label(candidate));
                    self.models.push(model);
                }
            }
            if self.models.len() == before {
                break;
            }
        }
    }

    /// Whether a class declares the target's table as its own.
    fn shares_table(&self, candidate: &Candidate<'p>) -> bool {
        let Some(table) = self.models.first().and_then(|target| target.table.as_deref()) else { return false };
        match &candidate.facts {
            Some(facts) => facts.db_table.as_deref() == Some(table),
            None => super::models::meta_value(candidate.class, "db_table")
                .and_then(Expr::as_str)
                .is_some_and(|named| named == table),
        }
    }

    /// The first base of a class that is a model that matters.
    fn base_of(&self, candidate: &Candidate<'p>, gate: Gate<'_>) -> Option<&Model<'p>> {
        let by_name = candidate.class.args.args.iter().find_map(|base| {
            let segments = base.as_dotted()?;
            self.resolver.dotted_gated(candidate.file, &segments, gate).into_iter().find_map(|def| match def {
                Def::Class(file, class) => self.model_at(file, class.name.span),
                _ => None,
            })
        });
        by_name.or_else(|| {
            let parents = &candidate.facts.as_ref()?.parents;
            parents.iter().find_map(|(file, name)| self.models.iter().find(|m| m.file == *file && m.name() == name))
        })
    }

    fn model_at(&self, file: FileId, span: Span) -> Option<&Model<'p>> {
        self.models.iter().find(|model| model.file == file && model.class.name.span == span)
    }

    /// Whether a class declares a relation to the target or its subclasses.
    fn points(&self, candidate: &Candidate<'p>) -> bool {
        let label = self.label(candidate);
        let declared = self.declared(candidate.file, candidate.class, candidate.facts.as_deref());
        declared.iter().any(|relation| self.points_to(relation, candidate.file, candidate.class, &label).is_some())
    }

    fn label(&self, candidate: &Candidate<'p>) -> String {
        let app = match &candidate.facts {
            Some(facts) => facts.app_label.clone().unwrap_or_else(|| module_app_label(self.resolver, candidate.file)),
            None => app_label(self.resolver, candidate.file, candidate.class),
        };
        format!("{app}.{}", candidate.class.name.name)
    }

    fn model(&self, candidate: &Candidate<'p>, role: Role, label: String) -> Model<'p> {
        let (file, class) = (candidate.file, candidate.class);
        let mut fields = Vec::new();
        let (has_table, given) = match &candidate.facts {
            Some(facts) => {
                for field in &facts.fields {
                    add_field(&mut fields, &field.name, field.column.is_some() && field.relation.is_some());
                }
                (!facts.is_abstract && !facts.is_proxy, facts.db_table.clone())
            }
            None => (!is_abstract(class) && !is_proxy(class), None),
        };
        let table = has_table.then(|| given.unwrap_or_else(|| table(class, &label)));
        self.collect_fields(file, class, &mut fields, 0);
        let held_by = match &candidate.facts {
            Some(facts) if !facts.by_statement => Some(facts.held_by.iter().map(CompactString::from).collect()),
            _ => None,
        };
        Model { label, file, class, held_by, role, table, relations: Vec::new(), fields }
    }

    /// The classes that the bases of a class resolve to, in their order.
    fn bases_of(&self, file: FileId, class: &ClassDef) -> Vec<(FileId, &'p ClassDef)> {
        let dotted = class.args.args.iter().filter_map(Expr::as_dotted);
        let defs = dotted.flat_map(|segments| self.resolver.dotted(file, &segments));
        defs.filter_map(|def| match def {
            Def::Class(file, class) => Some((file, class)),
            _ => None,
        })
        .collect()
    }

    fn collect_fields(&self, file: FileId, class: &'p ClassDef, fields: &mut Vec<CompactString>, depth: usize) {
        for (name, _, func, _) in declarations(class) {
            if is_field_call(func) {
                let kind = callee_name(func).and_then(relation_kind);
                add_field(fields, name, kind.is_some_and(|kind| kind != RelationKind::ManyToMany));
            }
        }
        if depth > DEEPEST {
            return;
        }
        for (file, class) in self.bases_of(file, class) {
            self.collect_fields(file, class, fields, depth + 1);
        }
    }

    /// Abstract bases all of whose known subclasses are linked models: what they do with `self` and `cls` is done to
    /// those.
    fn bases(&mut self, all: &[Candidate<'p>], gate: Gate<'_>) {
        let linked: Vec<(FileId, &'p ClassDef)> =
            self.models.iter().filter(|m| m.role == Role::Linked).map(|m| (m.file, m.class)).collect();
        let extends = |file: FileId, class: &'p ClassDef| {
            let bases = class.args.args.iter().filter_map(Expr::as_dotted);
            let defs = bases.flat_map(|segments| self.resolver.dotted_gated(file, &segments, gate));
            let classes =
                defs.filter_map(|def| if let Def::Class(file, class) = def { Some((file, class)) } else { None });
            classes.collect::<Vec<_>>()
        };
        let found: Vec<(FileId, &'p ClassDef)> = linked
            .iter()
            .flat_map(|&(file, class)| extends(file, class))
            .filter(|(file, class)| is_abstract(class) && !self.seen.contains(&key(*file, class)))
            .collect();
        let mut bases = Vec::new();
        for (file, class) in found {
            let is_this = |(f, c): &(FileId, &'p ClassDef)| *f == file && c.name.span == class.name.span;
            let only_linked = all.iter().all(|sub| {
                !extends(sub.file, sub.class).iter().any(is_this)
                    || linked.iter().any(|&(f, c)| f == sub.file && c.name.span == sub.class.name.span)
            });
            // A base in a file that does not name the target has nothing to do with it: a mixin for everybody.
            let names_target = all.iter().any(|candidate| candidate.file == file);
            if only_linked && names_target {
                bases.push((file, class));
            }
        }
        for (file, class) in bases {
            if self.seen.insert(key(file, class)) {
                let facts = self.search.evaluation.of(file, class).cloned();
                let candidate = Candidate { file, class, facts };
                let model = self.model(&candidate, Role::Base, self.label(&candidate));
                self.models.push(model);
            }
        }
    }

    /// The relations that a class itself declares; of an evaluated class those of its abstract parents, too.
    fn declared(&self, file: FileId, class: &'p ClassDef, facts: Option<&ModelFacts>) -> Vec<Declared<'p>> {
        let mut out: Vec<Declared<'p>> = Vec::new();
        for (name, span, func, args) in declarations(class) {
            if let Some(relation) = by_syntax(file, name, span, func, args) {
                out.push(relation);
            }
        }
        for field in facts.into_iter().flat_map(|facts| &facts.fields) {
            let known = out.iter().position(|declared| declared.name == field.name);
            let Some(relation) = &field.relation else {
                // Another class has taken the name, or the call makes no relation.
                if let Some(at) = known {
                    out.remove(at);
                }
                continue;
            };
            if relation.parent_link && known.is_none() {
                continue;
            }
            let place = self.place(file, class, &field.name, 0);
            match (relation.to != RelatedModel::Unknown, known) {
                (true, known) => {
                    let declared = by_facts(field, relation, place.map_or((file, class.name.span), |(f, s, _)| (f, s)));
                    match known {
                        Some(at) => out[at] = declared,
                        None => out.push(declared),
                    }
                }
                (false, Some(at)) => {
                    if self.leads(place.map(|(.., value)| value)) && !is_literal(&out[at].to) {
                        out[at].to = To::Guess;
                    }
                }
                (false, None) => {
                    if let Some((f, s, value)) = place
                        && self.leads(Some(value))
                    {
                        out.push(Declared { to: To::Guess, ..by_facts(field, relation, (f, s)) });
                    }
                }
            }
        }
        out
    }

    /// Whether an expression names something that leads to the target.
    fn leads(&self, value: Option<&Expr>) -> bool {
        value.is_some_and(|value| leads::mentions(value, self.search.leads))
    }

    /// Where the name of a field is bound: in the class, or in one of its bases. File, place and value.
    fn place(&self, file: FileId, class: &'p ClassDef, name: &str, depth: usize) -> Option<(FileId, Span, &'p Expr)> {
        if let Some((span, value)) = binding(&class.body, name) {
            return Some((file, span, value));
        }
        if depth > DEEPEST {
            return None;
        }
        class.args.args.iter().find_map(|base| {
            let segments = base.as_dotted()?;
            self.resolver.dotted(file, &segments).into_iter().find_map(|def| match def {
                Def::Class(file, class) => self.place(file, class, name, depth + 1),
                _ => None,
            })
        })
    }

    /// The model that a relation of a class points to, among those to which a relation makes its model linked; and
    /// whether that is sure.
    fn points_to(
        &self,
        relation: &Declared<'p>,
        file: FileId,
        class: &ClassDef,
        label: &str,
    ) -> Option<(&Model<'p>, bool)> {
        let mut related = self.models.iter().filter(|model| matches!(model.role, Role::Target | Role::Subclass));
        let app = || label.rsplit_once('.').map_or("", |(app, _)| app);
        let by_label = |wanted: &str| wanted.to_owned();
        let wanted = match &relation.to {
            To::Guess => return related.next().map(|model| (model, false)),
            To::Evaluated(RelatedModel::Class(file, name)) => {
                return related.find(|m| m.file == *file && m.name() == name).map(|model| (model, true));
            }
            To::Evaluated(RelatedModel::Label(wanted)) => by_label(wanted),
            To::Evaluated(RelatedModel::Name(name)) if name == "self" => by_label(label),
            To::Evaluated(RelatedModel::Name(name)) => format!("{}.{name}", app()),
            To::Evaluated(RelatedModel::Unknown) => return None,
            To::Syntax(to) => match to.as_str() {
                Some(text) if text == "self" => {
                    format!("{}.{}", app_label(self.resolver, file, class), class.name.name)
                }
                Some(text) if text.contains('.') => by_label(&text),
                Some(text) => format!("{}.{text}", app_label(self.resolver, relation.file, class)),
                None => {
                    let segments = to.as_dotted()?;
                    let found = self.resolver.dotted(relation.file, &segments).into_iter().find_map(|def| match def {
                        Def::Class(f, c) => related.clone().find(|m| m.file == f && m.class.name.span == c.name.span),
                        _ => None,
                    });
                    return found.map(|model| (model, true));
                }
            },
        };
        related.find(|model| model.label.eq_ignore_ascii_case(&wanted)).map(|model| (model, true))
    }

    fn fill_relations(&mut self) {
        let mut all = Vec::with_capacity(self.models.len());
        let mut gaps = Vec::new();
        for model in &self.models {
            let mut relations = Vec::new();
            self.own_and_inherited(model, model.file, model.class, &mut relations, 0);
            gaps.extend(relations.iter().filter(|relation| !relation.sure).map(|relation| self.gap(model, relation)));
            all.push(relations);
        }
        for (model, relations) in self.models.iter_mut().zip(all) {
            model.relations = relations;
        }
        self.search.evaluation.gaps.extend(gaps);
    }

    fn gap(&self, model: &Model<'p>, relation: &Relation) -> Gap {
        let project = self.resolver.project();
        let line = project.text(relation.file).map_or(1, |text| text.line_col(relation.span.start).line);
        let reason = format!(
            "where {}.{} points could not be evaluated; {} is taken by the names in the declaration",
            model.label, relation.name, relation.to
        );
        Gap::at(GapKind::Model, project.path(relation.file), line, reason)
    }

    fn own_and_inherited(
        &self,
        model: &Model<'p>,
        file: FileId,
        class: &'p ClassDef,
        relations: &mut Vec<Relation>,
        depth: usize,
    ) {
        let facts = self.search.evaluation.of(file, class);
        for declared in self.declared(file, class, facts.map(AsRef::as_ref)) {
            if relations.iter().any(|known| known.name == declared.name) {
                continue;
            }
            // An inherited relation is relative to the class that declares it.
            let label = if depth == 0 {
                model.label.clone()
            } else {
                format!("{}.{}", app_label(self.resolver, file, class), class.name.name)
            };
            if let Some((to, sure)) = self.points_to(&declared, file, class, &label) {
                relations.push(relation(declared, model, &to.label, sure));
            }
        }
        if depth > DEEPEST {
            return;
        }
        for (file, class) in self.bases_of(file, class) {
            self.own_and_inherited(model, file, class, relations, depth + 1);
        }
    }
}

/// Whether a class is a model: the evaluated one surely, any other by its bases.
fn is_model(candidate: &Candidate<'_>) -> bool {
    candidate.facts.is_some() || looks_like_model(candidate.class)
}

fn is_literal(to: &To<'_>) -> bool {
    matches!(to, To::Syntax(expr) if expr.as_str().is_some())
}

fn add_field(fields: &mut Vec<CompactString>, name: &str, has_key_column: bool) {
    if fields.iter().any(|known| known == name) {
        return;
    }
    fields.push(name.into());
    if has_key_column {
        fields.push(compact_str::format_compact!("{name}_id"));
    }
}

/// The last binding of a name in a class body, and its value.
fn binding<'p>(body: &'p [Stmt], name: &str) -> Option<(Span, &'p Expr)> {
    let mut found = None;
    for stmt in body {
        match &stmt.kind {
            StmtKind::Assign { targets, value } => {
                let target = targets.iter().find(|target| target.as_name() == Some(name));
                found = target.map(|target| (target.span, value)).or(found);
            }
            StmtKind::AnnAssign { target, value: Some(value), .. } if target.as_name() == Some(name) => {
                found = Some((target.span, value));
            }
            StmtKind::If { .. } | StmtKind::Try { .. } | StmtKind::With { .. } | StmtKind::For { .. } => {
                found = stmt.bodies().into_iter().rev().find_map(|body| binding(body, name)).or(found);
            }
            _ => {}
        }
    }
    found
}

fn by_syntax<'p>(
    file: FileId,
    name: &CompactString,
    span: Span,
    func: &Expr,
    args: &'p Arguments,
) -> Option<Declared<'p>> {
    let kind = callee_name(func).and_then(relation_kind)?;
    let to = To::Syntax(args.get(0, "to")?);
    let text = |keyword: &str| args.keyword(keyword).and_then(Expr::as_str);
    let column = match kind {
        RelationKind::ManyToMany => None,
        _ => Some(text("db_column").unwrap_or_else(|| compact_str::format_compact!("{name}_id"))),
    };
    Some(Declared {
        name: name.clone(),
        file,
        span,
        kind,
        to,
        related_name: text("related_name"),
        related_query_name: text("related_query_name"),
        column,
        makes_table: kind == RelationKind::ManyToMany && args.keyword("through").is_none(),
    })
}

fn by_facts<'p>(field: &FieldFacts, relation: &RelationFacts, (file, span): (FileId, Span)) -> Declared<'p> {
    let text = |text: &Option<String>| text.as_deref().map(CompactString::from);
    Declared {
        name: field.name.as_str().into(),
        file,
        span,
        kind: relation.kind,
        to: To::Evaluated(relation.to.clone()),
        related_name: text(&relation.related_name),
        related_query_name: text(&relation.related_query_name),
        column: text(&field.column),
        makes_table: relation.kind == RelationKind::ManyToMany && relation.through.is_none(),
    }
}

fn relation(declared: Declared<'_>, model: &Model<'_>, to: &str, sure: bool) -> Relation {
    let Declared { kind, related_name, related_query_name, .. } = declared;
    let (accessor, query_name) = reverse_names(kind, &model.label, related_name, related_query_name);
    Relation {
        name: declared.name,
        kind: declared.kind,
        column: declared.column,
        accessor,
        query_name: Some(query_name),
        to: to.to_owned(),
        sure,
        makes_table: declared.makes_table,
        file: declared.file,
        span: declared.span,
    }
}
