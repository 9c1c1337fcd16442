//! The prefilter: which words a file holds, taken from its raw bytes.
//!
//! Only a file that holds a name can denote it, so the analyses parse the files that hold a word of interest and no
//! other. The index errs on one side only: a hash collision costs a needless parse, a missing word would cost a
//! finding. Words are therefore taken generously, from comments and strings too, before any decoding.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustc_hash::FxHashMap;

use super::deletes::{self, Receiver};

/// What each byte is to a word: 0 ends it, [`UNDERSCORE`] is one, anything else belongs to it. Bytes from 0x80 up belong
/// to words because an identifier may be written in any script and any encoding.
const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[allow(clippy::cast_possible_truncation, reason = "the loop ends at 255")]
        let b = byte as u8;
        if b.is_ascii_alphanumeric() || b >= 0x80 {
            class[byte] = 1;
        }
        byte += 1;
    }
    class[b'_' as usize] = UNDERSCORE;
    class
};

const UNDERSCORE: u8 = 2;

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;
const FACTOR: u64 = 0xf135_7aea_2e62_a9c5;
/// Set in every byte, it makes small letters of ASCII's capitals and leaves digits as they are. What else it makes
/// equal is no two words of anybody's code.
const SMALL: u64 = 0x2020_2020_2020_2020;

/// Takes up to eight bytes of a word, the first of them lowest.
#[inline]
const fn step(hash: u64, bytes: u64) -> u64 {
    (hash.rotate_left(5) ^ bytes).wrapping_mul(FACTOR)
}

/// Folds all bits into the low half: the sets are tables indexed by its low bits.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the upper half has been folded into the lower")]
const fn finish(hash: u64) -> u32 {
    let hash = (hash ^ (hash >> 32)).wrapping_mul(FACTOR);
    (hash ^ (hash >> 32)) as u32
}

/// The hash of a word as [`WordSet`] holds it; ASCII case does not matter.
///
/// It is stable across runs and machines.
#[must_use]
pub const fn word_hash(word: &str) -> u32 {
    hash_bytes(word.as_bytes())
}

const fn hash_bytes(word: &[u8]) -> u32 {
    hash_folded(word, SEED, SMALL)
}

/// The hash of a word with the bits of `fold` set in every eight bytes.
const fn hash_folded(word: &[u8], seed: u64, fold: u64) -> u32 {
    let mut hash = seed;
    let mut rest = word;
    while let Some((bytes, more)) = rest.split_first_chunk() {
        hash = step(hash, u64::from_le_bytes(*bytes) | fold);
        rest = more;
    }
    let mut bytes = [0; 8];
    let mut at = 0;
    while at < rest.len() {
        bytes[at] = rest[at];
        at += 1;
    }
    finish(step(hash, (u64::from_le_bytes(bytes) | fold) & low_bytes(rest.len())))
}

/// The same of the word at `start..end` of a text, whose bytes after the word are read along and masked.
#[inline]
fn hash_at(text: &[u8], start: usize, end: usize) -> u32 {
    let mut hash = SEED;
    let mut at = start;
    while end - at >= 8 {
        let Some(bytes) = text[at..].first_chunk() else { break };
        hash = step(hash, u64::from_le_bytes(*bytes) | SMALL);
        at += 8;
    }
    match text[at..].first_chunk() {
        Some(bytes) => finish(step(hash, (u64::from_le_bytes(*bytes) | SMALL) & low_bytes(end - at))),
        None => hash_bytes(&text[start..end]),
    }
}

/// A mask of the lowest `count` bytes, of seven at most.
#[inline]
const fn low_bytes(count: usize) -> u64 {
    (1 << (8 * count)) - 1
}

/// The word stands in the text.
const WHOLE: u32 = 1;
/// The word is a part or stem of one in the text.
const DERIVED: u32 = 0;

/// The hash of a name in its own case of letters. Sets hold it of the words that are written as classes are, with a
/// capital and a small letter at the beginning; of others it is [`word_hash`].
#[must_use]
pub const fn exact_hash(name: &str) -> u32 {
    exact_hash_bytes(name.as_bytes())
}

const fn exact_hash_bytes(name: &[u8]) -> u32 {
    if is_class_like(name) { exact_bytes(name) } else { hash_bytes(name) }
}

/// Whether a word begins with a capital and a small letter.
#[inline]
const fn is_class_like(word: &[u8]) -> bool {
    word.len() > 1 && word[0].is_ascii_uppercase() && word[1].is_ascii_lowercase()
}

const fn exact_bytes(name: &[u8]) -> u32 {
    hash_folded(name, !SEED, 0)
}

/// The word that stands for deletions of rows whose class the text does not show.
pub const DELETES: u32 = exact_bytes(b".delete()");

/// The word that stands for deletions in chains that begin with the name of a class.
#[must_use]
pub const fn deletes_of(class: &str) -> u32 {
    exact_hash(class).rotate_left(7) ^ DELETES
}

const DELETE: u32 = word_hash("delete");
const ADELETE: u32 = word_hash("adelete");
const AS: u32 = word_hash("as");
const IMPORT: u32 = word_hash("import");
const PATH: u32 = word_hash("path");
const ADDSITEDIR: u32 = word_hash("addsitedir");

/// The words of a file, as sorted hashes.
///
/// A word is a run of `[A-Za-z0-9_]` and bytes from 0x80 up, in lower case. Each `__`-separated part of a word counts
/// as a word too (`studentmodule__grade`), and so does a word or part without a trailing `_id` or `_set`. A word that
/// begins with a capital counts in its own case of letters as well ([`exact_hash`]), and calls that delete rows count by
/// the class with which they begin ([`deletes_of`], [`DELETES`]).
#[derive(Clone, Debug, Default)]
pub struct WordSet {
    words: Arc<[u32]>,
    watch: Option<Arc<Watched>>,
}

/// The words of another state of a file, and whether the difference was ever noticed.
#[derive(Debug)]
struct Watched {
    other: WordSet,
    watch: Watch,
}

/// Notices whether an analysis has asked something of a changed file that its two states answer differently. An
/// analysis that has not would have taken the same course over the other state.
#[derive(Clone, Debug, Default)]
pub struct Watch(Arc<AtomicBool>);

impl Watch {
    /// Whether the states may lead to different results.
    #[must_use]
    pub fn noticed(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn notice(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Two sets are equal when their words are; whether somebody looked does not count.
impl PartialEq for WordSet {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}

impl Eq for WordSet {}

impl WordSet {
    fn new(words: &[u32]) -> Self {
        Self { words: words.into(), watch: None }
    }

    /// Whether the word with this [`word_hash`] occurs.
    #[must_use]
    pub fn has(&self, hash: u32) -> bool {
        let has = self.words.binary_search(&hash).is_ok();
        if let Some(watched) = &self.watch
            && watched.other.has(hash) != has
        {
            watched.watch.notice();
        }
        has
    }

    /// Has `watch` notice when the file is asked for what `other` would answer differently.
    pub(super) fn compare_with(&mut self, other: WordSet, watch: &Watch) {
        self.watch = Some(Arc::new(Watched { other, watch: watch.clone() }));
    }

    /// The file's content is looked at: whoever watches has to know.
    pub(super) fn looked_at(&self) {
        if let Some(watched) = &self.watch {
            watched.watch.notice();
        }
    }

    /// What `wanted` holds for the words that occur.
    pub fn among<'a, V>(&'a self, wanted: &'a FxHashMap<u32, V>) -> impl Iterator<Item = &'a V> {
        if let Some(watched) = &self.watch {
            let beyond = |set: &Self, other: &Self| {
                set.words.iter().any(|hash| wanted.contains_key(hash) && other.words.binary_search(hash).is_err())
            };
            if beyond(self, &watched.other) || beyond(&watched.other, self) {
                watched.watch.notice();
            }
        }
        self.words.iter().filter_map(|hash| wanted.get(hash))
    }

    /// The number of different words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no word.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}

/// Makes [`WordSet`]s; one is kept per thread and reused, because its table is what costs.
pub struct Indexer {
    /// Open addressing; a slot belongs to the file whose stamp it bears, so that nothing is cleared between files.
    /// The stamp is even; its lowest bit says that the word stood in the text itself and its parts were taken.
    slots: Vec<(u32, u32)>,
    stamp: u32,
    found: Vec<u32>,
    /// The names that follow an `as`, and the classes whose rows are deleted.
    renamed: Vec<u32>,
    deleted: Vec<u32>,
}

/// The words of one file, and what its text says about imports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    /// The words of the file.
    pub words: WordSet,
    /// Whether it holds an `import *` outside a comment.
    pub star_import: bool,
    /// Whether it names `sys.path` or `addsitedir`.
    pub sys_path: bool,
}

impl Default for Indexer {
    fn default() -> Self {
        let (found, renamed, deleted) = Default::default();
        Self { slots: vec![(0, 0); 1 << 12], stamp: 0, found, renamed, deleted }
    }
}

impl Indexer {
    /// Indexes the text of a file.
    pub fn index(&mut self, text: &[u8]) -> Indexed {
        self.stamp = self.stamp.wrapping_add(2);
        if self.stamp == 0 {
            self.slots.fill((0, 0));
            self.stamp = 2;
        }
        self.found.clear();
        self.renamed.clear();
        self.deleted.clear();
        let (mut star_import, mut sys_path) = (false, false);

        let mut at = 0;
        while at < text.len() {
            if CLASS[usize::from(text[at])] == 0 {
                at += 1;
                continue;
            }
            let start = at;
            let mut classes = 0;
            while at < text.len() {
                let class = CLASS[usize::from(text[at])];
                if class == 0 {
                    break;
                }
                classes |= class;
                at += 1;
            }
            let hash = hash_at(text, start, at);
            if is_class_like(&text[start..at]) {
                self.insert(exact_bytes(&text[start..at]), DERIVED);
            }
            if self.insert(hash, WHOLE) && classes & UNDERSCORE != 0 {
                self.parts(&text[start..at]);
            }
            match hash {
                IMPORT if !star_import => star_import = is_star_import(text, start, at),
                PATH => sys_path |= text[..start].ends_with(b"sys."),
                ADDSITEDIR => sys_path = true,
                AS => self.renamed.extend(class_after(&text[at..])),
                DELETE | ADELETE => match deletes::deletion(text, start, at) {
                    Some(Receiver::Class(name)) => self.deleted.push(exact_hash_bytes(name)),
                    Some(Receiver::Other) => _ = self.insert(DELETES, DERIVED),
                    None => {}
                },
                _ => {}
            }
        }
        self.deletions();
        self.found.sort_unstable();
        Indexed { words: WordSet::new(&self.found), star_import, sys_path }
    }

    /// Takes the deletions of classes. A class that the file gave its name may be any.
    fn deletions(&mut self) {
        self.renamed.sort_unstable();
        for class in std::mem::take(&mut self.deleted) {
            let hash = match self.renamed.binary_search(&class) {
                Ok(_) => DELETES,
                Err(_) => class.rotate_left(7) ^ DELETES,
            };
            self.insert(hash, DERIVED);
        }
    }

    fn parts(&mut self, word: &[u8]) {
        self.stem(word);
        if memchr::memmem::find(word, b"__").is_none() {
            return;
        }
        let mut rest = word;
        while let Some(at) = memchr::memmem::find(rest, b"__") {
            self.part(&rest[..at]);
            rest = &rest[at + 2..];
        }
        self.part(rest);
    }

    fn part(&mut self, part: &[u8]) {
        // `a___b` may be `a` and `_b`, or `a_` and `b`; a private name is asked for with its underscore or without.
        let bare = part.iter().position(|&b| b != b'_').map_or(&part[..0], |start| &part[start..]);
        for part in [part, bare] {
            if !part.is_empty() {
                self.insert(hash_bytes(part), DERIVED);
                self.stem(part);
            }
        }
    }

    fn stem(&mut self, word: &[u8]) {
        for suffix in [b"_id".as_slice(), b"_set"] {
            let Some(at) = word.len().checked_sub(suffix.len()) else { continue };
            if at > 0 && word[at..].eq_ignore_ascii_case(suffix) {
                self.insert(hash_bytes(&word[..at]), DERIVED);
            }
        }
    }

    /// Whether the hash is new to this file, or new in this origin.
    #[inline]
    fn insert(&mut self, hash: u32, origin: u32) -> bool {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let (held, stamp) = self.slots[at];
            if stamp & !WHOLE != self.stamp {
                self.slots[at] = (hash, self.stamp | origin);
                self.found.push(hash);
                if self.found.len() * 2 > self.slots.len() {
                    self.grow();
                }
                return true;
            }
            if held == hash {
                self.slots[at].1 = stamp | origin;
                return stamp | origin != stamp;
            }
            at = (at + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        let old = std::mem::replace(&mut self.slots, vec![(0, 0); size]);
        for slot in old.into_iter().filter(|slot| slot.1 & !WHOLE == self.stamp) {
            let mut at = slot.0 as usize & (size - 1);
            while self.slots[at].1 != 0 {
                at = (at + 1) & (size - 1);
            }
            self.slots[at] = slot;
        }
    }
}

/// The hash of the name that begins a text behind blanks, when it begins with a capital.
fn class_after(text: &[u8]) -> Option<u32> {
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\\' | b'\r' | b'\n'))?;
    let name = &text[start..];
    let end = name.iter().position(|byte| CLASS[usize::from(*byte)] == 0).unwrap_or(name.len());
    name.first().is_some_and(u8::is_ascii_uppercase).then(|| exact_hash_bytes(&name[..end]))
}

/// Whether the word `import` at `start..end` is followed by a star and stands before any `#` of its line.
fn is_star_import(text: &[u8], start: usize, end: usize) -> bool {
    let star = text[end..].iter().find(|b| !matches!(b, b' ' | b'\t' | b'\x0c' | b'\\' | b'\r' | b'\n'));
    if star != Some(&b'*') {
        return false;
    }
    let line = memchr::memrchr2(b'\n', b'\r', &text[..start]).map_or(0, |at| at + 1);
    memchr::memchr(b'#', &text[line..start]).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> WordSet {
        Indexer::default().index(text.as_bytes()).words
    }

    fn star(text: &str) -> bool {
        Indexer::default().index(text.as_bytes()).star_import
    }

    #[test]
    fn words_are_found_in_any_case_with_their_parts_and_stems() {
        let set = words("filter(StudentModule__grade=1, user.studentmodule_set, student_module_id__in=x)");
        for word in ["studentmodule", "STUDENTMODULE", "studentmodule__grade", "grade", "studentmodule_set"] {
            assert!(set.has(word_hash(word)), "{word}");
        }
        assert!(set.has(word_hash("student_module_id")));
        assert!(set.has(word_hash("student_module")));
        assert!(!set.has(word_hash("student")));
        assert!(!set.has(word_hash("module")));
    }

    #[test]
    fn a_word_met_first_as_the_stem_of_another_still_gives_its_own() {
        let set = words("a__b_set_id a__b_set");
        for word in ["a__b_set_id", "a__b_set", "a__b", "a", "b_set", "b"] {
            assert!(set.has(word_hash(word)), "{word}");
        }
    }

    #[test]
    fn words_end_at_punctuation_and_hold_other_scripts() {
        let set = words("a.b('courseware.StudentModule') # größe");
        for word in ["a", "b", "courseware", "studentmodule", "größe"] {
            assert!(set.has(word_hash(word)), "{word}");
        }
    }

    #[test]
    fn capitals_count_where_a_name_has_them() {
        let set = words("User = get(USER, 'users')");
        assert!(set.has(exact_hash("User")) && set.has(exact_hash("USER")) && set.has(exact_hash("users")));
        assert!(!set.has(exact_hash("Users")) && !words("user").has(exact_hash("User")));
        assert!(words("user").has(exact_hash("USER")));
    }

    #[test]
    fn deletions_count_by_their_class() {
        let set = words("User.objects.get().delete()");
        assert!(set.has(deletes_of("User")) && !set.has(deletes_of("Row")) && !set.has(DELETES));
        assert!(words("user.delete()").has(DELETES));
        let renamed = words("from a import User as U\nU.objects.get().delete()");
        assert!(renamed.has(DELETES) && !renamed.has(deletes_of("U")));
        assert!(!words("client.delete(url)").has(DELETES));
        assert!(words("URL.objects.get().delete()").has(deletes_of("URL")));
    }

    #[test]
    fn the_table_is_reused_and_grows() {
        let mut indexer = Indexer::default();
        let many: String = (0..20_000).map(|i| format!("w{i} ")).collect();
        let set = indexer.index(many.as_bytes()).words;
        assert_eq!(set.len(), 20_000);
        assert!((0..20_000).all(|i| set.has(word_hash(&format!("w{i}")))));
        let set = indexer.index(b"w1 w1 other").words;
        assert_eq!(set.len(), 2);
        assert!(!set.has(word_hash("w2")));
    }

    #[test]
    fn a_watch_notices_different_answers_only() {
        let watch = Watch::default();
        let mut set = words("a b");
        set.compare_with(words("b c"), &watch);
        assert!(set.has(word_hash("b")) && !set.has(word_hash("d")));
        assert!(!watch.noticed());
        assert!(!set.has(word_hash("c")));
        assert!(watch.noticed());
    }

    #[test]
    fn star_imports_are_seen_outside_comments() {
        assert!(star("from a import *"));
        assert!(star("if x:\n    from a.b import \\\n  *\n"));
        assert!(!star("# from a import *"));
        assert!(!star("from a import b\nx = b * 2"));
        assert!(star("# from a import *\nfrom a import *"));
    }

    #[test]
    fn edits_of_sys_path_are_seen() {
        let index = |text: &str| Indexer::default().index(text.as_bytes()).sys_path;
        assert!(index("sys.path.append(x)"));
        assert!(index("site.addsitedir(x)"));
        assert!(!index("os.path.join(sys, path)"));
    }

    #[test]
    fn a_word_has_one_hash_wherever_it_stands() {
        let word = "abcdefghijklmnopqrstuvwxyz_0123456789";
        for end in 0..=word.len() {
            for before in ["", "(", "0123456 "] {
                for after in ["", ")", ") and more text"] {
                    let text = format!("{before}{}{after}", &word[..end]);
                    let found = hash_at(text.as_bytes(), before.len(), before.len() + end);
                    assert_eq!(found, word_hash(&word[..end].to_uppercase()), "{text}");
                }
            }
        }
        let different: std::collections::BTreeSet<u32> = (0..=word.len()).map(|end| word_hash(&word[..end])).collect();
        assert_eq!(different.len(), word.len() + 1);
    }

    #[test]
    fn the_hash_is_stable() {
        assert_eq!(word_hash("studentmodule"), word_hash("StudentModule"));
        assert_eq!(word_hash("a"), 449_625_090);
    }
}
