//! Touchpoints of the files that are not Python, by the words of the models that matter.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::config::ConfigWords;
use super::models::{Model, Role};
use super::text::{ModelWords, TargetWords, TextKind, scan_text};
use super::{Touchpoint, is_test};
use crate::discover::{FileKind, word_hash};
use crate::project::Project;
use crate::source::FileId;

/// The words of the models, as texts may hold them.
fn target_words(models: &[Model<'_>], config: &ConfigWords) -> TargetWords {
    let relations = |model: &Model<'_>| {
        let mut fields = Vec::new();
        for relation in &model.relations {
            fields.push(relation.name.to_string());
            fields.extend(relation.column.as_deref().map(str::to_owned));
        }
        fields
    };
    let accessors = |model: &Model<'_>| -> Vec<String> {
        model.relations.iter().filter_map(|r| r.accessor.as_deref().map(str::to_owned)).collect()
    };
    TargetWords {
        models: models
            .iter()
            .filter(|model| model.role != Role::Base)
            .map(|model| ModelWords {
                label: model.label.clone(),
                class: model.name().to_owned(),
                app_label: model.app_label().to_owned(),
                table: model.table.clone().unwrap_or_default(),
                fields: relations(model),
                accessors: accessors(model),
            })
            .collect(),
        config_words: config.all().map(ToString::to_string).collect(),
    }
}

/// Words by which a text file is worth reading.
fn index_words(words: &TargetWords) -> Vec<u32> {
    let mut hashes = Vec::new();
    let mut add = |word: &str| {
        if !word.is_empty() {
            hashes.push(word_hash(word));
        }
    };
    for model in &words.models {
        add(&model.class);
        add(&model.table);
        model.fields.iter().chain(&model.accessors).for_each(|word| add(word));
        for action in ["add", "change", "delete", "view"] {
            add(&format!("{action}_{}", model.class.to_lowercase()));
        }
    }
    words.config_words.iter().for_each(|word| add(word));
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

fn text_kind(kind: FileKind) -> Option<TextKind> {
    Some(match kind {
        FileKind::Sql => TextKind::Sql,
        FileKind::Json => TextKind::Json,
        FileKind::Yaml => TextKind::Yaml,
        FileKind::Template => TextKind::Template,
        FileKind::Script => TextKind::Script,
        FileKind::Document => TextKind::Document,
        FileKind::Python | FileKind::Other => return None,
    })
}

/// So much of a file shows what wrote it.
const HEAD: usize = 4096;

/// Whether this program wrote a text: a report of any format, a baseline, a snapshot or a plan. What names the model in
/// them names it elsewhere.
fn is_own(text: &str) -> bool {
    let mut end = text.len().min(HEAD);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = &text[..end];
    let baseline = || {
        head.trim_start().starts_with('{')
            && ["\"version\"", "\"target\"", "\"touchpoints\"", "\"fingerprint\""].iter().all(|key| head.contains(key))
    };
    head.contains("\"name\": \"csm-audit\"")
        || head.contains("\"kind\": \"csm-audit ")
        || head.contains("<meta name=\"generator\" content=\"csm-audit ")
        || head.starts_with("## Migration audit of `")
        || baseline()
}

/// Folders that hold a plan: its runbook and scripts are this program's.
fn plan_folders(project: &Project) -> BTreeSet<(usize, String)> {
    let marks = word_hash("audit");
    let plans = project.discovery.ids().filter(|file| {
        let entry = project.discovery.entry(*file);
        entry.kind == FileKind::Json && entry.words.has(marks) && entry.path.rsplit('/').next() == Some("plan.json")
    });
    plans
        .filter(|file| project.text(*file).is_some_and(|text| is_own(text.as_str())))
        .map(|file| {
            let entry = project.discovery.entry(file);
            let folder = entry.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            (entry.root, folder.to_owned())
        })
        .collect()
}

/// Finds the touchpoints of all files that are not Python.
pub(super) fn find(project: &Project, models: &[Model<'_>], config: &ConfigWords) -> Vec<Touchpoint> {
    let words = target_words(models, config);
    let hashes = index_words(&words);
    let plans = plan_folders(project);
    let target = models.first().map_or("", |model| model.label.as_str());
    let files: Vec<(FileId, TextKind)> = project
        .discovery
        .ids()
        .filter_map(|file| {
            let entry = project.discovery.entry(file);
            let kind = text_kind(entry.kind)?;
            let folder = entry.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let planned = || !plans.is_empty() && plans.contains(&(entry.root, folder.to_owned()));
            (hashes.iter().any(|hash| entry.words.has(*hash)) && !planned()).then_some((file, kind))
        })
        .collect();
    let found: Vec<Vec<Touchpoint>> = files
        .par_iter()
        .map(|&(file, kind)| {
            let path = project.path(file);
            let Some(text) = project.text(file) else { return Vec::new() };
            if is_own(text.as_str()) {
                return Vec::new();
            }
            scan_text(kind, text, &words)
                .into_iter()
                .map(|hit| Touchpoint {
                    file,
                    span: hit.span,
                    kind: hit.kind,
                    access: hit.access,
                    target: if hit.target.is_empty() { target.to_owned() } else { hit.target },
                    refers_to: None,
                    chain: Vec::new(),
                    symbol: hit.symbol,
                    enclosing: path.to_owned(),
                    confidence: hit.confidence,
                    is_test: is_test(path, ""),
                })
                .collect()
        })
        .collect();
    found.into_iter().flatten().collect()
}
