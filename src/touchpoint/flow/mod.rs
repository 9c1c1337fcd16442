//! The flow of classes, managers, querysets and instances through a project's code.
//!
//! An abstract interpretation of every function and module body under analysis: names, `self` attributes, parameters
//! (joined over all callers), return values and closures are sets of [`Ty`]. It runs until nothing changes, then once
//! more to report. Files come under analysis when they name something that matters; what a run learns (an alias, a
//! helper that returns instances) makes further files matter, until no more do.
//!
//! Invariant: the order of work depends on file order only, so the same input gives the same touchpoints.

mod annotation;
mod attr;
mod call;
mod effect;
mod emit;
mod eval;
mod exec;
mod external;
mod facts;
mod framework;
mod function;
mod indirect;
mod label;
mod limit;
mod made;
mod method;
mod migration;
mod names;
mod narrow;
mod relatives;
mod relevance;
mod signal;
mod strings;
mod waiting;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::rc::Rc;

use compact_str::CompactString;
use rustc_hash::{FxHashMap, FxHashSet};

use super::config::ConfigWords;
use super::models::{Model, Role};
use super::neighbours::{Neighbourhood, NodeId};
use super::ty::{ClassId, FuncId, Ty, TySet};
use super::{Kind, Touchpoint};
use crate::ast::{ClassDef, Expr, FunctionDef, Stmt, StmtKind};
use crate::discover::word_hash;
use crate::finding::Access;
use crate::modules::ModuleRef;
use crate::resolve::Resolver;
use crate::source::{FileId, Gap, GapKind, Span};
use facts::{Binds, ClassInfo, Effects, Env, Fixture, Frame, FuncInfo, Key, Slot, Unit, Waiting, Words};
use relevance::RelevanceIndex;

/// The state of the analysis.
pub(super) struct Flow<'r, 'p> {
    resolver: &'r Resolver<'p>,
    models: &'r [Model<'p>],
    /// The models around the target.
    around: &'r Neighbourhood<'p>,
    /// The classes of these models, as far as they are known.
    node_class: Vec<Option<ClassId>>,
    /// Those that are in none of the scanned trees, by their dotted paths.
    outside: FxHashMap<CompactString, ClassId>,
    classes: Vec<ClassInfo<'p>>,
    funcs: Vec<FuncInfo<'p>>,
    class_at: FxHashMap<(FileId, u32), ClassId>,
    func_at: FxHashMap<(FileId, u32), FuncId>,
    loaded: BTreeSet<FileId>,
    wanted: BTreeSet<FileId>,
    facts: FxHashMap<Key, TySet>,
    effects: FxHashMap<FuncId, Effects>,
    readers: FxHashMap<Key, BTreeSet<Unit>>,
    work: BTreeSet<Unit>,
    waiting: Waiting<'p>,
    visits: FxHashMap<Unit, u32>,
    unit: Unit,
    frames: Vec<Frame>,
    reporting: bool,
    muted: u32,
    /// Whether the unit that runs has something to report, or may have.
    spoke: bool,
    /// The units of which the same is known: the others need not run again for the report.
    speaking: FxHashSet<Unit>,
    found: BTreeMap<(FileId, Span), Touchpoint>,
    string_spans: FxHashSet<(FileId, Span)>,
    /// Names that may hold a model's class and are only mentioned, and where.
    mentioned: Vec<((Unit, CompactString), (FileId, Span))>,
    /// Names that may hold a model's class and are used as only a model is.
    used_as_model: FxHashSet<(Unit, CompactString)>,
    model_class: Vec<Option<ClassId>>,
    gaps: BTreeSet<Gap>,
    words: Words,
    config: ConfigWords,
    relevance: RelevanceIndex,
    /// Operation classes of the project's own, with the model they are used on.
    operations: FxHashMap<ClassId, ClassId>,
    /// The models of the migration operations whose arguments are being read.
    operation_on: Vec<ClassId>,
    /// The models of the queries whose arguments are being read, and what the queries do.
    queried: Vec<(ClassId, Access)>,
    /// What the `get_model` calls give whose arguments are being read, and what is done with it.
    labelled: Vec<Option<(ClassId, Access)>>,
    /// The app labels of the calls whose arguments are being read.
    app_labels: Vec<label::AppLabel>,
    /// The label of the model that `get_user_model()` gives, if it is one of the models, and whether that is sure.
    pub(super) user_model: Option<(String, bool)>,
    /// Admin classes, with the model they are registered for.
    admins: FxHashMap<ClassId, ClassId>,
    /// Classes that hold something that matters under a name.
    holders: FxHashMap<CompactString, BTreeSet<ClassId>>,
    /// Classes that hold anything that matters.
    holding: FxHashSet<ClassId>,
    /// Fixtures of pytest by their names.
    fixtures: BTreeMap<CompactString, Vec<Fixture>>,
    /// Whether the comparison whose operands are read asks for the name of a class or model.
    comparing_name: bool,
    /// The last chain that has told what it does to rows.
    told_chain: Option<Span>,
    /// Quoted annotations by their text; `None` where the text is no expression.
    quoted: FxHashMap<CompactString, Option<Rc<Expr>>>,
}

/// A unit is run at most so often, and a gap says where that did not suffice. Types only grow, so this is reached by
/// mistakes of the analysis alone; projects of thousands of classes need six.
const MAX_VISITS: u32 = 200;

impl<'r, 'p> Flow<'r, 'p> {
    pub(super) fn new(
        resolver: &'r Resolver<'p>,
        models: &'r [Model<'p>],
        around: &'r Neighbourhood<'p>,
        config: ConfigWords,
    ) -> Self {
        let mut flow = Self {
            resolver,
            models,
            around,
            node_class: vec![None; around.nodes.len()],
            outside: FxHashMap::default(),
            classes: Vec::new(),
            funcs: Vec::new(),
            class_at: FxHashMap::default(),
            func_at: FxHashMap::default(),
            loaded: BTreeSet::new(),
            wanted: BTreeSet::new(),
            facts: FxHashMap::default(),
            effects: FxHashMap::default(),
            readers: FxHashMap::default(),
            work: BTreeSet::new(),
            waiting: Waiting::default(),
            visits: FxHashMap::default(),
            unit: Unit::Module(FileId(0)),
            frames: Vec::new(),
            reporting: false,
            muted: 0,
            spoke: false,
            speaking: FxHashSet::default(),
            found: BTreeMap::new(),
            string_spans: FxHashSet::default(),
            mentioned: Vec::new(),
            used_as_model: FxHashSet::default(),
            model_class: vec![None; models.len()],
            gaps: BTreeSet::new(),
            words: Words::default(),
            config,
            relevance: RelevanceIndex::default(),
            operations: FxHashMap::default(),
            operation_on: Vec::new(),
            queried: Vec::new(),
            labelled: Vec::new(),
            app_labels: Vec::new(),
            user_model: None,
            admins: FxHashMap::default(),
            holders: FxHashMap::default(),
            holding: FxHashSet::default(),
            fixtures: BTreeMap::new(),
            comparing_name: false,
            told_chain: None,
            quoted: FxHashMap::default(),
        };
        flow.register_outside();
        flow
    }

    /// Takes files under analysis. They must have been parsed.
    pub(super) fn load(&mut self, files: &[FileId]) {
        for &file in files {
            if !self.loaded.insert(file) {
                self.let_run(file);
                continue;
            }
            if is_framework(self.resolver.project().modules.name(file)) {
                continue;
            }
            let Some(parsed) = self.resolver.project().parsed(file) else { continue };
            let first = self.funcs.len();
            self.register(file, &parsed.module.body, None, None, "");
            self.register_made(file);
            if self.waits(file) {
                self.hold_back(first);
            }
            self.work.insert(Unit::Module(file));
        }
        self.name_words();
    }

    /// Whether all of a file is under analysis.
    pub(super) fn is_loaded(&self, file: FileId) -> bool {
        self.loaded.contains(&file) && !self.waits(file)
    }

    /// Gives a class its number, and notes it as the model or the model around the target that it is.
    fn add_class(
        &mut self,
        file: FileId,
        def: &'p ClassDef,
        qual: &str,
        model: Option<usize>,
        node: Option<NodeId>,
    ) -> ClassId {
        let id = ClassId(u32::try_from(self.classes.len()).unwrap_or(u32::MAX));
        if let Some(model) = model {
            self.model_class[model] = Some(id);
        }
        if let Some(node) = node {
            self.node_class[node] = Some(id);
        }
        self.classes.push(ClassInfo {
            file,
            def,
            qual: qual.to_owned(),
            bases: Vec::new(),
            model,
            node,
            factory_of: None,
            manager_of: BTreeSet::new(),
            shared_manager: false,
        });
        id
    }

    /// Gives every class and function of a body its number, in the order of the text.
    fn register(
        &mut self,
        file: FileId,
        body: &'p [Stmt],
        class: Option<ClassId>,
        parent: Option<FuncId>,
        prefix: &str,
    ) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::ClassDef(def) => {
                    let qual = join(prefix, &def.name.name);
                    let model = self.models.iter().position(|m| m.file == file && m.class.name.span == def.name.span);
                    let id = self.add_class(file, def, &qual, model, self.around.at(file, def));
                    self.class_at.insert((file, def.name.span.start), id);
                    self.register(file, &def.body, Some(id), parent, &qual);
                }
                StmtKind::FunctionDef(def) => {
                    let id = FuncId(u32::try_from(self.funcs.len()).unwrap_or(u32::MAX));
                    let qual = join(prefix, &def.name.name);
                    let binds = binds(class, def);
                    self.funcs.push(FuncInfo {
                        file,
                        def: Some(def),
                        params: &def.params,
                        class,
                        parent,
                        qual: qual.clone(),
                        binds,
                    });
                    self.func_at.insert((file, def.name.span.start), id);
                    self.work.insert(Unit::Func(id));
                    self.register(file, &def.body, None, Some(id), &qual);
                }
                StmtKind::If { body, orelse, .. }
                | StmtKind::For { body, orelse, .. }
                | StmtKind::While { body, orelse, .. } => {
                    self.register(file, body, class, parent, prefix);
                    self.register(file, orelse, class, parent, prefix);
                }
                StmtKind::With { body, .. } => self.register(file, body, class, parent, prefix),
                StmtKind::Try { body, handlers, orelse, finalbody } => {
                    self.register(file, body, class, parent, prefix);
                    for handler in handlers {
                        self.register(file, &handler.body, class, parent, prefix);
                    }
                    self.register(file, orelse, class, parent, prefix);
                    self.register(file, finalbody, class, parent, prefix);
                }
                StmtKind::Match { cases, .. } => {
                    for case in cases {
                        self.register(file, &case.body, class, parent, prefix);
                    }
                }
                _ => {}
            }
        }
    }

    /// The accessors and lookup names that the models give to others.
    fn name_words(&mut self) {
        let mut words = Words::default();
        let class_of =
            |label: &str| self.models.iter().position(|m| m.label == label).and_then(|index| self.model_class[index]);
        for (index, model) in self.models.iter().enumerate() {
            let Some(class) = self.model_class[index] else { continue };
            for relation in &model.relations {
                // From the target to its linked models: the linked model's accessor stands on the target.
                if let (Some(accessor), Some(_)) = (&relation.accessor, class_of(&relation.to)) {
                    words.accessors.entry(accessor.clone()).or_default().push(class);
                }
                words.lookups.entry(relation.name.clone()).or_default().push((relation.to.clone(), false));
                if let Some(name) = &relation.query_name {
                    words.lookups.entry(name.clone()).or_default().push((model.label.clone(), true));
                }
            }
            // From other models to the target: Django's default accessor for any foreign key that the target has.
            if matches!(model.role, Role::Target | Role::Subclass) {
                let lower: CompactString = model.name().to_lowercase().into();
                let set = compact_str::format_compact!("{lower}_set");
                words.accessors.entry(set).or_default().push(class);
                words.lookups.entry(lower).or_default().push((model.label.clone(), true));
                for (accessor, query) in self.own_related_names(model) {
                    if let Some(accessor) = accessor {
                        words.accessors.entry(accessor).or_default().push(class);
                    }
                    if let Some(query) = query {
                        words.lookups.entry(query).or_default().push((model.label.clone(), true));
                    }
                }
            }
        }
        // What has run spoke, or did not, by the words that were known then.
        if words != self.words {
            self.work.extend(self.visits.keys().copied());
        }
        let reverse = words.accessors.keys().chain(words.lookups.keys()).map(|name| name.as_str());
        self.relevance = RelevanceIndex::new(self.models, &self.config, reverse);
        self.words = words;
    }

    /// `related_name` and `related_query_name` that the model's own relation fields declare.
    pub(super) fn own_related_names(&self, model: &Model<'_>) -> Vec<(Option<CompactString>, Option<CompactString>)> {
        let mut names = Vec::new();
        for stmt in &model.class.body {
            if let StmtKind::Assign { value, .. } = &stmt.kind
                && let crate::ast::ExprKind::Call { func, args } = &value.kind
                && super::models::callee_name(func).and_then(super::models::relation_kind).is_some()
            {
                let text = |k: &str| {
                    args.keyword(k).and_then(Expr::as_str).filter(|n| !n.ends_with('+')).map(|n| {
                        let lower = model.name().to_lowercase();
                        CompactString::from(n.replace("%(class)s", &lower).replace("%(app_label)s", model.app_label()))
                    })
                };
                let related = text("related_name");
                let query = text("related_query_name").or_else(|| related.clone());
                names.push((related, query));
            }
        }
        names
    }

    /// Runs until nothing changes.
    pub(super) fn settle(&mut self) {
        // In sweeps over the units: one that many others give something to runs once for all of them in a sweep.
        let mut last = None;
        while let Some(unit) = self.next_unit(last) {
            self.work.remove(&unit);
            last = Some(unit);
            let visits = self.visits.entry(unit).or_default();
            *visits += 1;
            match (*visits).cmp(&MAX_VISITS) {
                Ordering::Less => self.run(unit),
                Ordering::Equal => self.left_out(unit, None, "the analysis did not come to an end"),
                Ordering::Greater => {}
            }
        }
    }

    /// The next unit to run after another, in their order; behind the last comes the first.
    fn next_unit(&self, last: Option<Unit>) -> Option<Unit> {
        let after = last.and_then(|last| self.work.range((Bound::Excluded(last), Bound::Unbounded)).next());
        after.or_else(|| self.work.first()).copied()
    }

    /// Files that the analysis asked for and that are not under analysis yet.
    pub(super) fn take_wanted(&mut self) -> Vec<FileId> {
        self.want_fixture_users();
        let wanted = std::mem::take(&mut self.wanted);
        wanted.into_iter().filter(|file| !self.is_loaded(*file)).collect()
    }

    /// Names bound in a module to something that matters: whoever names them matters too.
    pub(super) fn carriers(&self) -> BTreeSet<(FileId, CompactString)> {
        let mut carriers = BTreeSet::new();
        for (key, set) in &self.facts {
            if let Key::Global(file, name) = key
                && set.iter().any(|(ty, _)| self.carries(ty))
            {
                carriers.insert((*file, name.clone()));
            }
        }
        carriers
    }

    /// Whether a value brings the model, its rows or something that gives them.
    fn carries(&self, ty: &Ty) -> bool {
        match ty {
            Ty::Func(func) => {
                self.fact(&Key::Return(*func)).is_some_and(|set| set.iter().any(|(ty, _)| self.matters(ty)))
            }
            Ty::Class(class) => {
                let info = &self.classes[class.0 as usize];
                info.model.is_some()
                    || info.factory_of.is_some_and(|model| self.class(model).model.is_some())
                    || info.manager_of.iter().any(|model| self.class(*model).model.is_some())
                    || self.holding.contains(class)
                    || self.class_carries(*class)
            }
            Ty::Str(text) => self.names_table(text),
            other => self.matters(other),
        }
    }

    /// Whether methods or attributes of a class give rows of the model.
    fn class_carries(&self, class: ClassId) -> bool {
        let info = &self.classes[class.0 as usize];
        info.def.body.iter().any(|stmt| {
            let StmtKind::FunctionDef(def) = &stmt.kind else { return false };
            self.func_at.get(&(info.file, def.name.span.start)).is_some_and(|func| {
                self.fact(&Key::Return(*func)).is_some_and(|set| set.iter().any(|(ty, _)| self.matters(ty)))
            })
        })
    }

    /// Whether a value is the model, its manager, its rows, or holds them.
    fn matters(&self, ty: &Ty) -> bool {
        match ty {
            Ty::Class(c)
            | Ty::Instance(c)
            | Ty::Manager(c, _)
            | Ty::QuerySet(c, _)
            | Ty::Rows(c)
            | Ty::Meta(c)
            | Ty::Table(c)
            | Ty::Form(c)
            | Ty::FormClass(c)
            | Ty::ContentType(c)
            | Ty::SqlTable(c) => self.class(*c).model.is_some(),
            Ty::Seq(inner) | Ty::Dict(inner) | Ty::Bound(_, inner) | Ty::Hint(inner) | Ty::Method(inner, _) => {
                self.matters(inner)
            }
            Ty::Tuple(items) => items.iter().flat_map(TySet::iter).any(|(ty, _)| self.matters(ty)),
            _ => false,
        }
    }

    /// Whether a text names a table of a model.
    fn names_table(&self, text: &str) -> bool {
        self.relevance.may_mention(text)
            && self
                .models
                .iter()
                .filter_map(|model| model.table.as_deref())
                .any(|table| names::contains_word(text, table))
    }

    fn set_matters(&self, set: &TySet) -> bool {
        set.iter().any(|(ty, _)| self.matters(ty))
    }

    /// Runs everything once more and returns what there is to report.
    pub(super) fn report(mut self) -> (Vec<Touchpoint>, BTreeSet<Gap>) {
        self.reporting = true;
        self.told_chain = None;
        for file in self.loaded.clone() {
            self.run(Unit::Module(file));
        }
        for index in 0..self.funcs.len() {
            let func = FuncId(u32::try_from(index).unwrap_or(u32::MAX));
            // What a class is used for may have become known after its methods ran.
            let class = self.func(func).class;
            let used =
                class.is_some_and(|class| self.operations.contains_key(&class) || self.admins.contains_key(&class));
            if used || self.speaking.contains(&Unit::Func(func)) {
                self.run(Unit::Func(func));
            }
        }
        // A helper that takes any class and logs, compares or hands it on does nothing to a model.
        for (name, place) in &self.mentioned {
            if !self.used_as_model.contains(name)
                && self.found.get(place).is_some_and(|found| found.kind == Kind::Reference)
            {
                self.found.remove(place);
            }
        }
        (self.found.into_values().collect(), self.gaps)
    }

    /// Notes that a name that is a model's could not be followed to a definition.
    fn unresolved(&mut self, span: Span, reason: String) {
        if !self.speaks() {
            return;
        }
        let file = self.file();
        let project = self.resolver.project();
        let line = project.parsed(file).map_or(0, |parsed| parsed.text.line_col(span.start).line);
        self.gaps.insert(Gap::at(GapKind::UnresolvedName, project.path(file), line, reason));
    }

    fn run(&mut self, unit: Unit) {
        self.unit = unit;
        self.spoke = false;
        self.frames.clear();
        match unit {
            Unit::Module(file) => self.run_module(file),
            Unit::Func(func) => self.run_func(func),
        }
        self.frames.clear();
        if self.spoke {
            self.speaking.insert(unit);
        }
    }

    /// Whether what is found now is reported; if not yet, the unit is remembered as one that has something to report.
    fn speaks(&mut self) -> bool {
        self.spoke |= self.muted == 0;
        self.reporting && self.muted == 0
    }

    fn run_module(&mut self, file: FileId) {
        let Some(parsed) = self.resolver.project().parsed(file) else { return };
        self.frames.push(Frame { file, func: None, class: None, env: Env::default() });
        self.block(&parsed.module.body);
        self.hold_made(file);
        if let Some(frame) = self.frames.pop() {
            let mut names: Vec<_> = frame.env.into_iter().collect();
            names.sort_by(|a, b| a.0.cmp(&b.0));
            for (name, set) in names {
                self.learn(Key::Global(file, name), &set);
            }
        }
    }

    fn fact(&self, key: &Key) -> Option<&TySet> {
        self.facts.get(key)
    }

    /// Reads a fact; the unit runs again when it changes.
    fn read(&mut self, key: Key) -> Option<TySet> {
        let set = self.facts.get(&key).cloned();
        if !self.reporting {
            self.start_givers(&key);
            self.readers.entry(key).or_default().insert(self.unit);
        }
        set
    }

    /// Adds to a fact; whoever read it runs again.
    fn learn(&mut self, key: Key, set: &TySet) {
        if self.reporting {
            return;
        }
        if let Key::Attr(class, name) = &key
            && set.iter().any(|(ty, _)| self.matters(ty) || matches!(ty, Ty::Str(text) if self.names_table(text)))
        {
            self.holding.insert(*class);
            if self.holders.entry(name.clone()).or_default().insert(*class) {
                let held = Key::Held(name.clone());
                self.wake(&held);
            }
        }
        if set.is_cut() {
            self.too_many(&key);
        }
        let known = self.facts.get_mut(&key);
        let changed = match known {
            Some(known) => known.join(set),
            None => {
                self.facts.insert(key.clone(), set.clone());
                true
            }
        };
        if changed {
            self.wake(&key);
        }
    }

    fn wake(&mut self, key: &Key) {
        if let Some(readers) = self.readers.get(key) {
            self.work.extend(readers.iter().copied());
        }
    }

    fn class(&self, id: ClassId) -> &ClassInfo<'p> {
        &self.classes[id.0 as usize]
    }

    fn func(&self, id: FuncId) -> &FuncInfo<'p> {
        &self.funcs[id.0 as usize]
    }

    /// Whether a class is a model: the target, one linked to it, or one around it.
    fn is_row_class(&self, id: ClassId) -> bool {
        let info = self.class(id);
        info.model.is_some() || info.node.is_some()
    }

    /// The model that a class is.
    fn model_of(&self, id: ClassId) -> Option<&'r Model<'p>> {
        let models = self.models;
        self.class(id).model.map(|index| &models[index])
    }

    fn file(&self) -> FileId {
        self.frames.last().map_or(FileId(0), |frame| frame.file)
    }

    /// What `name` of the module `file` may be.
    fn module_value(&mut self, file: FileId, name: &str) -> TySet {
        self.module_value_past(file, name, &mut Vec::new())
    }

    /// The same, through star imports; `seen` holds the modules already asked, so that a circle of them ends.
    fn module_value_past(&mut self, file: FileId, name: &str, seen: &mut Vec<FileId>) -> TySet {
        if seen.contains(&file) {
            return TySet::unknown();
        }
        seen.push(file);
        // What Django's own code gives is known by its dotted names (`orm.rs`); following its sources as well would
        // turn `models.Model` and `models.Manager` into classes like any other, and run the framework for every model.
        if let Some(dotted) = self.framework_name(file, name) {
            return TySet::one(Ty::External(dotted.into()));
        }
        if self.loaded.contains(&file) {
            if let Some(set) = self.read(Key::Global(file, name.into())) {
                return set;
            }
            let stars: Vec<ModuleRef> = match self.resolver.symbols(file) {
                Some(symbols) => symbols.stars().iter().map(|star| self.resolver.import_source(file, star)).collect(),
                None => Vec::new(),
            };
            for star in stars {
                if let ModuleRef::File(source) = star {
                    let set = self.module_value_past(source, name, seen);
                    if !set.is_unknown() && !set.iter().all(|(ty, _)| matches!(ty, Ty::Pending(..))) {
                        return set;
                    }
                }
            }
        }
        let modules = &self.resolver.project().modules;
        match modules.submodule(ModuleRef::File(file), name) {
            ModuleRef::Unknown => {}
            module => return TySet::one(Ty::Module(module)),
        }
        if self.loaded.contains(&file) {
            return self.lazy_value(file, name);
        }
        // Should the file come under analysis later, whoever asked runs again.
        let _ = self.read(Key::Global(file, name.into()));
        let entry = self.resolver.project().discovery.entry(file);
        if self.is_word(name) && (entry.words.has(word_hash(name)) || entry.star_import) {
            self.wanted.insert(file);
        }
        TySet::one(Ty::Pending(file, name.into()))
    }

    /// The dotted name of what `name` is in the module `file`, when that is Django's own code. Its contrib apps have
    /// models and are read like anybody's.
    fn framework_name(&self, file: FileId, name: &str) -> Option<String> {
        let module = self.resolver.project().modules.name(file);
        is_framework(module).then(|| format!("{module}.{name}"))
    }

    /// Whether a name is that of a model that matters or of an accessor.
    fn is_word(&self, name: &str) -> bool {
        self.models.iter().any(|m| m.name() == name) || self.words.accessors.contains_key(name)
    }

    /// The module that an import names.
    fn module_of(&self, reference: ModuleRef, dotted: &str) -> TySet {
        match reference {
            ModuleRef::Unknown => TySet::one(Ty::External(dotted.into())),
            module => TySet::one(Ty::Module(module)),
        }
    }

    /// Whether an occurrence of this kind was found already; later ones only add to what is known.
    fn put(&mut self, touchpoint: Touchpoint) {
        match self.found.entry((touchpoint.file, touchpoint.span)) {
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(touchpoint);
            }
            std::collections::btree_map::Entry::Occupied(mut slot) => {
                let known = slot.get_mut();
                // A plain reference gives way to what says more.
                let more = |kind: Kind| !matches!(kind, Kind::Reference | Kind::Evaluation);
                let target = self.models.first().is_some_and(|target| target.label == touchpoint.target);
                let nearer = known.kind == Kind::Evaluation && known.kind == touchpoint.kind && target;
                if nearer || !more(known.kind) && more(touchpoint.kind) {
                    *known = touchpoint;
                } else if known.kind == touchpoint.kind {
                    known.access = super::orm::combine(known.access, touchpoint.access);
                    known.confidence = known.confidence.max(touchpoint.confidence);
                    // Of several models that share the code, such as a manager, the target is named.
                    let is_target = self.models.first().is_some_and(|model| model.label == touchpoint.target);
                    if is_target && known.refers_to.is_none() && touchpoint.refers_to.is_none() {
                        known.target = touchpoint.target;
                    }
                }
            }
        }
    }
}

/// Whether a module is of Django itself, its contrib apps aside.
fn is_framework(module: &str) -> bool {
    let mut segments = module.split('.');
    segments.next() == Some("django") && segments.next() != Some("contrib")
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

fn binds(class: Option<ClassId>, def: &FunctionDef) -> Binds {
    if class.is_none() {
        return Binds::Nothing;
    }
    for decorator in &def.decorators {
        match super::models::callee_name(decorator) {
            Some("staticmethod") => return Binds::Nothing,
            Some("classmethod" | "classproperty") => return Binds::Class,
            Some("property" | "cached_property" | "lazy" | "lazyproperty") => return Binds::Property,
            _ => {}
        }
    }
    // `__new__` and class hooks take the class without being told to.
    match def.name.name.as_str() {
        "__new__" | "__init_subclass__" | "__class_getitem__" | "setUpClass" | "setUpTestData" => Binds::Class,
        _ => Binds::Instance,
    }
}
