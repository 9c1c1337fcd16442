//! Finds the touchpoints of a model in a project.

use std::collections::BTreeSet;

use compact_str::CompactString;

use super::Touchpoint;
use super::config;
use super::flow::Flow;
use super::models::{self, Model};
use super::texts;
use crate::discover::FileKind;
use crate::project::Project;
use crate::resolve::Resolver;
use crate::source::FileId;

/// What was found.
#[derive(Debug, Default)]
pub struct Found<'p> {
    /// The target and the models linked to it.
    pub models: Vec<Model<'p>>,
    /// The occurrences, sorted by file and place.
    pub touchpoints: Vec<Touchpoint>,
}

/// Rounds of widening; each brings the files that name what the last one learned.
const MAX_ROUNDS: usize = 24;

/// Finds every touchpoint of the model `target` (`app_label.Model`).
#[must_use]
pub fn find<'p>(resolver: &Resolver<'p>, target: &str) -> Found<'p> {
    let project = resolver.project();
    let models = derive_models(resolver, target);
    if models.is_empty() {
        return Found::default();
    }
    let mut files = files_with_any(project, &model_words(&models));
    project.parse_all(&files);
    let config = config::words(resolver, &models, &files);
    let words: BTreeSet<CompactString> = config.all().cloned().collect();
    files.extend(files_with_any(project, &words));
    files.sort_unstable();
    files.dedup();
    let mut flow = Flow::new(resolver, &models, config.clone());
    let mut known: BTreeSet<(FileId, CompactString)> = BTreeSet::new();
    for _ in 0..MAX_ROUNDS {
        project.parse_all(&files);
        flow.load(&files);
        flow.settle();
        let mut next: BTreeSet<FileId> = flow.take_wanted().into_iter().collect();
        for (file, name) in flow.carriers() {
            if known.insert((file, name.clone())) {
                next.extend(importers(project, file, &name));
            }
        }
        files = next.into_iter().filter(|file| !flow.is_loaded(*file)).collect();
        if files.is_empty() {
            break;
        }
    }
    let mut touchpoints = flow.report();
    touchpoints.extend(texts::find(project, &models, &config));
    touchpoints.sort_by(|a, b| (a.file, a.span, a.kind).cmp(&(b.file, b.span, b.kind)));
    Found { models, touchpoints }
}

/// The models that matter. New ones bring new words, and those new files, until nothing new appears.
fn derive_models<'p>(resolver: &Resolver<'p>, target: &str) -> Vec<Model<'p>> {
    let project = resolver.project();
    let Some((_, name)) = target.split_once('.') else { return Vec::new() };
    let mut words: BTreeSet<CompactString> = BTreeSet::from([name.into()]);
    loop {
        let files = files_with_any(project, &words);
        project.parse_all(&files);
        let models = models::derive(resolver, &files, target);
        let before = words.len();
        words.extend(models.iter().map(|model| CompactString::from(model.name())));
        if words.len() == before {
            return models;
        }
    }
}

/// The words by which files name the models: classes, tables, relation fields and accessors.
fn model_words(models: &[Model<'_>]) -> BTreeSet<CompactString> {
    let mut words = BTreeSet::new();
    for model in models {
        words.insert(model.name().into());
        words.extend(model.table.as_deref().map(CompactString::from));
        for relation in &model.relations {
            words.insert(relation.name.clone());
            words.extend(relation.query_name.clone());
        }
    }
    words
}

fn files_with_any(project: &Project, words: &BTreeSet<CompactString>) -> Vec<FileId> {
    let mut files = BTreeSet::new();
    for word in words {
        files.extend(project.discovery.files_with_word(word).filter(|f| is_python(project, *f)));
    }
    files.into_iter().collect()
}

fn is_python(project: &Project, file: FileId) -> bool {
    project.discovery.entry(file).kind == FileKind::Python
}

/// Files that may import `name` from the module `file`: they hold the name, and the module's or are beside it.
fn importers(project: &Project, file: FileId, name: &str) -> Vec<FileId> {
    let module = project.modules.name(file);
    let last = module.rsplit('.').next().unwrap_or(module);
    let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let here = folder(project.path(file));
    let module_hash = crate::discover::word_hash(last);
    project
        .discovery
        .files_with_word(name)
        .filter(|other| *other != file && is_python(project, *other))
        .filter(|other| project.discovery.entry(*other).words.has(module_hash) || folder(project.path(*other)) == here)
        .collect()
}
