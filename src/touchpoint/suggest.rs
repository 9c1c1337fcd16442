//! Suggestions for a label that no model has: models with a similar one.

use std::collections::BTreeSet;

use super::models;
use crate::discover::FileKind;
use crate::resolve::{Binding, Resolver};
use crate::source::FileId;

/// The least similarity, by Jaro-Winkler, of a name worth suggesting: `StudentModul` and `StudentModule` are at 0.98.
const MIN_SIMILARITY: f64 = 0.88;

/// The largest number of suggestions.
const MAX_SUGGESTIONS: usize = 5;

/// The labels of at most five models whose names are similar to that of `target`, the most similar first. A model of the
/// same app comes before one of the same similarity in another app.
#[must_use]
pub fn similar_models(resolver: &Resolver<'_>, target: &str) -> Vec<String> {
    let Some((app, name)) = target.split_once('.') else { return Vec::new() };
    let project = resolver.project();
    let named = project.discovery.files_with_word(name);
    // Other names stand where models are defined: reading every file for the sake of a message would be too much.
    let files: BTreeSet<FileId> = named
        .chain(project.discovery.ids().filter(|file| holds_models(project.path(*file))))
        .filter(|file| project.discovery.entry(*file).kind == FileKind::Python)
        .collect();
    let files: Vec<FileId> = files.into_iter().collect();
    project.parse_all(&files);
    let mut near: Vec<(u32, String)> = Vec::new();
    for &file in &files {
        let Some(symbols) = resolver.symbols(file) else { continue };
        for class in symbols.names().flat_map(|name| symbols.get(name)) {
            let Binding::Class(class) = class else { continue };
            let similarity = strsim::jaro_winkler(&class.name.name.to_lowercase(), &name.to_lowercase());
            if similarity < MIN_SIMILARITY || !models::looks_like_model(class) {
                continue;
            }
            let own = models::app_label(resolver, file, class);
            let nearness = similarity + if own.eq_ignore_ascii_case(app) { 0.05 } else { 0.0 };
            // A whole number, so that the order is total.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1.05")]
            near.push(((nearness * 1000.0) as u32, format!("{own}.{}", class.name.name)));
        }
    }
    near.sort_by(|a, b| (b.0, &a.1).cmp(&(a.0, &b.1)));
    let mut labels: Vec<String> = Vec::new();
    for (_, label) in near {
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels.truncate(MAX_SUGGESTIONS);
    labels
}

fn holds_models(path: &str) -> bool {
    path.ends_with("models.py") || path.contains("/models/") || path.starts_with("models/")
}
