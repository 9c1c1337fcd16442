//! Which strings may say anything at all: most of a file's strings name nothing that matters, and need not be looked at.

use rustc_hash::FxHashSet;

use super::names::sequences;
use crate::discover::word_hash;
use crate::touchpoint::config::ConfigWords;
use crate::touchpoint::models::Model;

/// The words of which a string has to hold one.
#[derive(Debug, Default)]
pub(super) struct Telling(FxHashSet<u32>);

impl Telling {
    /// The words by which strings name the models: classes, tables, relations and accessors, and what configures them.
    pub(super) fn new<'a>(
        models: &'a [Model<'_>],
        config: &'a ConfigWords,
        reverse: impl Iterator<Item = &'a str>,
    ) -> Self {
        let of_models = models.iter().flat_map(|model| {
            let relations = model.relations.iter().flat_map(|relation| {
                [Some(&relation.name), relation.query_name.as_ref()].into_iter().flatten().map(|name| name.as_str())
            });
            [Some(model.name()), model.table.as_deref()].into_iter().flatten().chain(relations)
        });
        let all = of_models.chain(config.all().map(|word| word.as_str())).chain(reverse);
        let sequences = models.iter().filter_map(|model| model.table.as_deref()).flat_map(sequences);
        let all = all.flat_map(words).flat_map(parts).map(word_hash);
        Self(all.chain(sequences.map(|sequence| word_hash(&sequence))).collect())
    }

    /// Whether one of the words, in any case of letters, is a word of the text or a part of a lookup in it.
    pub(super) fn may_tell(&self, text: &str) -> bool {
        words(text).flat_map(parts).any(|part| self.0.contains(&word_hash(part)))
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// A word, and what stands between its double underscores, each with and without `_id`.
fn parts(word: &str) -> impl Iterator<Item = &str> {
    let inner = word.split("__").filter(move |part| part.len() < word.len());
    std::iter::once(word).chain(inner).flat_map(|part| std::iter::once(part).chain(part.strip_suffix("_id")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn telling(words: &[&str]) -> Telling {
        Telling::new(&[], &ConfigWords::default(), words.iter().copied())
    }

    #[test]
    fn a_word_is_seen_in_paths_lookups_and_columns() {
        let telling = telling(&["StudentModule", "student_module", "history-db"]);
        for text in [
            "studentmodule",
            "courseware.models.StudentModule.save",
            "-student_module__created",
            "student_module_id",
            "a__student_module_id__in",
            "select * from student_module",
            "history-db",
        ] {
            assert!(telling.may_tell(text), "{text}");
        }
        for text in ["", "module", "studentmodules", "student_module_x", "a-b"] {
            assert!(!telling.may_tell(text), "{text}");
        }
    }
}
