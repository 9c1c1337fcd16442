//! Finds the touchpoints of a model in a project.

use std::collections::BTreeSet;

use compact_str::CompactString;
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::Touchpoint;
use super::config;
use super::deletions;
use super::derive::{self, Evaluation, Search};
use super::flow::Flow;
use super::leads::{self, Words};
use super::models::{self, GET_USER_MODEL, Model};
use super::neighbours::Neighbourhood;
use super::texts;
use crate::ast::Stmt;
use crate::discover::{FileKind, word_hash};
use crate::project::Project;
use crate::registry::Evaluator;
use crate::resolve::Resolver;
use crate::source::{FileId, Gap};

/// What was found.
#[derive(Debug, Default)]
pub struct Found<'p> {
    /// The target and the models linked to it.
    pub models: Vec<Model<'p>>,
    /// The occurrences, sorted by file and place.
    pub touchpoints: Vec<Touchpoint>,
    /// What could not be followed.
    pub gaps: Vec<Gap>,
}

/// Which touchpoints are searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All.
    All,
    /// All but cascades, whose files need not name the model.
    References,
}

/// Finds the touchpoints of the model `target` (`app_label.Model`).
#[must_use]
pub fn find<'p>(resolver: &Resolver<'p>, evaluator: &Evaluator, target: &str, scope: Scope) -> Found<'p> {
    let project = resolver.project();
    let Derived { models, user_model, named, mut gaps } = derive_models(resolver, evaluator, target);
    if models.is_empty() {
        return Found { gaps, ..Found::default() };
    }
    let mut words = model_words(&models);
    if user_model.is_some() {
        words.insert(GET_USER_MODEL.into());
    }
    let mut files = files_with_any(project, &words);
    project.parse_named(&files);
    let config = config::words(resolver, &models, &files);
    let words: BTreeSet<CompactString> = config.all().cloned().collect();
    files.extend(files_with_any(project, &words));
    let around = Neighbourhood::new(resolver, &models, &named, user_model.as_ref().map(|(label, _)| label.as_str()));
    files.extend(around.nodes.iter().filter(|node| node.external.is_none()).map(|node| node.file));
    files.sort_unstable();
    files.dedup();
    let mut flow = Flow::new(resolver, &models, &around, config.clone());
    flow.user_model = user_model;
    let mut deleting = match scope {
        Scope::All => deletions::deleting(project, &around, &python_files(project)),
        Scope::References => Vec::new(),
    };
    deleting.retain(|file| files.binary_search(file).is_err());
    flow.let_wait(&deleting);
    files.extend(deleting);
    files.sort_unstable();
    let mut known: BTreeSet<(FileId, CompactString)> = BTreeSet::new();
    // Every round brings files that were not under analysis, so this ends.
    loop {
        project.parse_all(&files);
        flow.load(&files);
        flow.settle();
        let mut next: BTreeSet<FileId> = flow.take_wanted().into_iter().collect();
        let learned: Vec<_> = flow.carriers().into_iter().filter(|carrier| known.insert(carrier.clone())).collect();
        next.extend(importers(project, &learned));
        files = next.into_iter().filter(|file| !flow.is_loaded(*file)).collect();
        if files.is_empty() {
            break;
        }
    }
    let (mut touchpoints, unresolved) = flow.report();
    gaps.extend(unresolved);
    touchpoints.extend(texts::find(project, &models, &config));
    touchpoints.sort_by_key(|touchpoint| (touchpoint.file, touchpoint.span, touchpoint.kind));
    Found { models, touchpoints, gaps }
}

/// The models that matter.
struct Derived<'p> {
    models: Vec<Model<'p>>,
    /// The label of the one that `AUTH_USER_MODEL` names, if it is among them, and whether that is sure.
    user_model: Option<(String, bool)>,
    /// The files that were looked through for models.
    named: Vec<FileId>,
    gaps: Vec<Gap>,
}

/// The class of django-simple-history whose instances make a model beside another.
const HISTORY: &str = "HistoricalRecords";

/// The setting that names the model of the users.
const AUTH_USER_MODEL: &str = "AUTH_USER_MODEL";

/// Derives the models that matter. New ones, and names that lead to them, bring new words, and those new files, until
/// nothing new appears.
fn derive_models<'p>(resolver: &Resolver<'p>, evaluator: &Evaluator, target: &str) -> Derived<'p> {
    let project = resolver.project();
    let mut derived = Derived { models: Vec::new(), user_model: None, named: Vec::new(), gaps: Vec::new() };
    let Some((_, name)) = target.split_once('.') else { return derived };
    let mut evaluation = Evaluation::new(evaluator);
    // The names of the models, and with them the names that lead to one.
    let mut names: Words = Words::from_iter([name.into()]);
    let mut words = names.clone();
    let mut files: BTreeSet<FileId> = files_with_any(project, &BTreeSet::from([name.into()])).into_iter().collect();
    let mut asked_for_users = false;
    loop {
        let all: Vec<FileId> = files.iter().copied().collect();
        project.parse_all(&all);
        evaluation.add(unevaluated(project, &evaluation, &all, &words, &names));
        let mut search = Search { evaluation: &mut evaluation, leads: &words };
        derived.models = derive::derive(resolver, &mut search, &all, target);
        let found = derived.models.iter().map(|model| CompactString::from(model.name()));
        let new: BTreeSet<CompactString> = found.filter(|name| !names.contains(name)).collect();
        let leads = leads_of(project, &all, &words);
        files.extend(files_with_any(project, &new));
        // A second model may be declared on the target's table, by its name.
        let table = derived.models.first().and_then(|model| model.table.as_deref()).map(CompactString::from);
        files.extend(files_with_any(project, &table.into_iter().collect()));
        files.extend(importers(project, &leads));
        files.extend(readers_of_settings(project, &leads));
        let before = words.len();
        names.extend(new.iter().cloned());
        words.extend(new);
        words.extend(leads.into_iter().map(|(_, name)| name));
        // The user model has a name of its own in every project, whatever the settings make of it.
        let may_be_user = words.contains(AUTH_USER_MODEL) || target.eq_ignore_ascii_case("auth.User");
        if may_be_user && !asked_for_users {
            asked_for_users = true;
            derived.user_model = user_model(&evaluation, &derived.models);
            if derived.user_model.is_some() {
                words.extend([GET_USER_MODEL, AUTH_USER_MODEL].map(CompactString::from));
                files.extend(files_with_any(
                    project,
                    &BTreeSet::from([GET_USER_MODEL, AUTH_USER_MODEL].map(Into::into)),
                ));
            }
        }
        if words.len() == before && files.len() == all.len() {
            derived.named = all;
            derived.gaps = evaluation.gaps;
            derived.gaps.sort();
            derived.gaps.dedup();
            return derived;
        }
        evaluation.gaps.clear();
    }
}

/// The model of the users, when it is one of those that matter. Where the settings do not say it, the target may be it.
fn user_model(evaluation: &Evaluation<'_>, models: &[Model<'_>]) -> Option<(String, bool)> {
    match evaluation.user_model() {
        Some(label) => {
            let model = models.iter().find(|model| model.label.eq_ignore_ascii_case(&label))?;
            Some((model.label.clone(), true))
        }
        None => models.first().map(|target| (target.label.clone(), false)),
    }
}

/// The files whose classes only their evaluation shows, and that were not evaluated.
fn unevaluated(
    project: &Project,
    evaluation: &Evaluation<'_>,
    files: &[FileId],
    words: &Words,
    names: &Words,
) -> Vec<FileId> {
    // A class may inherit its history, so that nothing in its own file says that it has one.
    let history = !files_with_any(project, &BTreeSet::from([HISTORY.into()])).is_empty();
    let may_define = |file: &FileId| {
        let defines = |body: &[Stmt]| leads::may_define(body, words, names) || history && leads::defines(body, names);
        !evaluation.has(*file) && project.parsed(*file).is_some_and(|parsed| defines(&parsed.module.body))
    };
    files.iter().copied().filter(may_define).collect()
}

/// The names that lead to the words, with the files that bind them.
fn leads_of(project: &Project, files: &[FileId], words: &Words) -> Vec<(FileId, CompactString)> {
    let bound = |file: &FileId| {
        let names = project.parsed(*file).map(|parsed| leads::bound(&parsed.module.body, words)).unwrap_or_default();
        names.into_iter().map(|name| (*file, name)).collect::<Vec<_>>()
    };
    files.iter().flat_map(bound).collect()
}

/// Files that may read one of the names as a setting.
fn readers_of_settings(project: &Project, leads: &[(FileId, CompactString)]) -> Vec<FileId> {
    let is_setting =
        |name: &&CompactString| name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let names: BTreeSet<CompactString> = leads.iter().map(|(_, name)| name).filter(is_setting).cloned().collect();
    let settings = word_hash("settings");
    let reads = |file: &FileId| project.discovery.entry(*file).words.has(settings);
    files_with_any(project, &names).into_iter().filter(reads).collect()
}

/// The words by which files name the models: classes, tables, relation fields and accessors.
fn model_words(models: &[Model<'_>]) -> BTreeSet<CompactString> {
    let mut words = BTreeSet::new();
    for model in models {
        words.insert(model.name().into());
        words.extend(model.table.as_deref().map(CompactString::from));
        for relation in &model.relations {
            // A field called `module` says nothing by itself: who uses it has its model, and is found by that.
            let plain = models.iter().any(|model| model.name().eq_ignore_ascii_case(&relation.name));
            words.extend(Some(relation.name.clone()).filter(|name| plain || !models::is_common_word(name)));
            words.extend(relation.query_name.clone());
        }
    }
    words
}

fn files_with_any(project: &Project, words: &BTreeSet<CompactString>) -> Vec<FileId> {
    let hashes: Vec<u32> = words.iter().map(|word| word_hash(word)).collect();
    let ids = python_files(project);
    let holds = |file: &&FileId| {
        let held = &project.discovery.entry(**file).words;
        hashes.iter().any(|hash| held.has(*hash))
    };
    // Short work each, of which there is enough for the others to help only in long lists.
    ids.par_iter().with_min_len(512).filter(holds).copied().collect()
}

fn python_files(project: &Project) -> Vec<FileId> {
    project.discovery.ids().filter(|file| is_python(project, *file)).collect()
}

fn is_python(project: &Project, file: FileId) -> bool {
    project.discovery.entry(file).kind == FileKind::Python
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Files that may import one of the names from its module: they hold the name, and the module's or are beside it.
///
/// Every file's words are looked up once, however many names there are: the time is linear in the size of the tree.
fn importers(project: &Project, carriers: &[(FileId, CompactString)]) -> Vec<FileId> {
    struct Carrier<'a> {
        file: FileId,
        module: u32,
        folder: &'a str,
    }
    let mut by_name: FxHashMap<u32, Vec<Carrier<'_>>> = FxHashMap::default();
    for (file, name) in carriers {
        let module = project.modules.name(*file);
        by_name.entry(word_hash(name)).or_default().push(Carrier {
            file: *file,
            module: word_hash(module.rsplit('.').next().unwrap_or(module)),
            folder: folder(project.path(*file)),
        });
    }
    if by_name.is_empty() {
        return Vec::new();
    }
    project
        .discovery
        .ids()
        .filter(|&file| is_python(project, file))
        .filter(|&file| {
            let words = &project.discovery.entry(file).words;
            words.among(&by_name).flatten().any(|carrier| {
                carrier.file != file && (words.has(carrier.module) || folder(project.path(file)) == carrier.folder)
            })
        })
        .collect()
}
