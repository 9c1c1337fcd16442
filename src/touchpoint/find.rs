//! Finds the touchpoints of a model in a project.

use std::collections::BTreeSet;

use compact_str::CompactString;
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::Touchpoint;
use super::config;
use super::flow::Flow;
use super::models::{self, Model};
use super::texts;
use crate::discover::{FileKind, word_hash};
use crate::project::Project;
use crate::resolve::Resolver;
use crate::source::{FileId, Gap, GapKind};

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
    let mut gaps = Vec::new();
    let mut known: BTreeSet<(FileId, CompactString)> = BTreeSet::new();
    for round in 0.. {
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
        if round >= MAX_ROUNDS {
            gaps.push(Gap::general(
                GapKind::Unfinished,
                format!("{} more files may name what leads to the model; they were not followed", files.len()),
            ));
            break;
        }
    }
    let (mut touchpoints, unresolved) = flow.report();
    gaps.extend(unresolved);
    touchpoints.extend(texts::find(project, &models, &config));
    touchpoints.sort_by_key(|touchpoint| (touchpoint.file, touchpoint.span, touchpoint.kind));
    Found { models, touchpoints, gaps }
}

/// The models that matter. New ones bring new words, and those new files, until nothing new appears.
fn derive_models<'p>(resolver: &Resolver<'p>, target: &str) -> Vec<Model<'p>> {
    let project = resolver.project();
    let Some((_, name)) = target.split_once('.') else { return Vec::new() };
    let mut words: BTreeSet<CompactString> = BTreeSet::from([name.into()]);
    let mut files: BTreeSet<FileId> = BTreeSet::new();
    let mut new = words.clone();
    loop {
        files.extend(files_with_any(project, &new));
        let all: Vec<FileId> = files.iter().copied().collect();
        project.parse_all(&all);
        let models = models::derive(resolver, &all, target);
        // A second model may be declared on the target's table, by its name.
        let table = models.first().and_then(|model| model.table.as_deref()).map(CompactString::from);
        new = models
            .iter()
            .map(|model| CompactString::from(model.name()))
            .chain(table)
            .filter(|name| !words.contains(name))
            .collect();
        if new.is_empty() {
            return models;
        }
        words.extend(new.iter().cloned());
    }
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
    let ids: Vec<FileId> = project.discovery.ids().filter(|file| is_python(project, *file)).collect();
    let holds = |file: &&FileId| {
        let held = &project.discovery.entry(**file).words;
        hashes.iter().any(|hash| held.has(*hash))
    };
    // Short work each, of which there is enough for the others to help only in long lists.
    ids.par_iter().with_min_len(512).filter(holds).copied().collect()
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
