//! Which touchpoints are new: those that are left when every one of before has been recognised.
//!
//! Touchpoints are counted, not looked up. Only those that do the same are ever paired: the same kind and access, to the
//! same model. Equal ones are paired first, then those that are alike, as git recognises a renamed file: the same
//! statement moved, a definition renamed, a statement edited in its definition. A pair always has a likeness, of the text
//! or of the definition around it; that two touchpoints stand in one module is none.

use std::collections::VecDeque;
use std::hash::Hash;

use rustc_hash::{FxHashMap, FxHashSet};

use super::entry::Entry;
use super::likeness::{Words, canonical};
use crate::finding::{Access, Kind};

/// An edited statement of the same definition.
const EDITED: f64 = 0.6;

/// A statement that was edited while its definition was renamed.
const RENAMED: f64 = 0.7;

/// A statement that was edited while its definition was renamed and moved to another module.
const MOVED: f64 = 0.75;

/// The part of a new statement that one of before has to have had, when one statement became two.
const SPLIT: f64 = 0.8;

/// With fewer words of its own a statement does not say which one it is.
const DISTINCT: usize = 3;

/// Of more candidates for a pair only those are looked at that share one of the rarer words.
const MANY: usize = 48;

/// What is compared.
#[derive(Debug)]
pub struct Side<'a> {
    /// The touchpoints.
    pub entries: Vec<&'a Entry>,
    /// The modules and files of this state, when they are known.
    pub modules: Option<&'a FxHashSet<String>>,
}

/// The result of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Positions of what is only there now.
    pub new: Vec<usize>,
    /// Positions of what is there now and did something else to the table before, with its position then.
    pub changed: Vec<(usize, usize)>,
    /// Positions of what was only there before.
    pub gone: Vec<usize>,
}

/// Compares what is there now with what was there before.
///
/// `counts` is true for those of now that would raise an alarm. They are recognised first, so that one that would not
/// never takes the place of one that would.
#[must_use]
pub fn compare(now: &Side<'_>, before: &Side<'_>, counts: &dyn Fn(usize) -> bool) -> Difference {
    let mut pairing = Pairing {
        now: now.entries.iter().map(|entry| Compared::of(entry)).collect(),
        before: before.entries.iter().map(|entry| Compared::of(entry)).collect(),
        new: (0..now.entries.len()).collect(),
        gone: (0..before.entries.len()).collect(),
        pairs: Vec::new(),
        left: modules_left(now, before),
        came: modules_came(now, before),
    };
    pairing.equal(|one| Some(one.entry.fingerprint.as_str()), &|_| true);
    for takes_part in [counts, &|_| true] {
        pairing.alike(takes_part);
    }
    pairing.split();
    let changed = pairing.changed();
    Difference { new: pairing.new, changed, gone: pairing.gone }
}

/// Modules that are not there any more.
fn modules_left<'a>(now: &Side<'_>, before: &Side<'a>) -> FxHashSet<&'a str> {
    let Some(known) = now.modules else { return FxHashSet::default() };
    before.entries.iter().map(|entry| entry.module.as_str()).filter(|module| !known.contains(*module)).collect()
}

/// Modules that were not there before, as far as that is known.
fn modules_came<'a>(now: &Side<'a>, before: &Side<'_>) -> FxHashSet<&'a str> {
    let held: FxHashSet<&str> = before.entries.iter().map(|entry| entry.module.as_str()).collect();
    let was_there = |module: &str| match before.modules {
        Some(known) => known.contains(module),
        None => held.contains(module),
    };
    now.entries.iter().map(|entry| entry.module.as_str()).filter(|module| !was_there(module)).collect()
}

/// An entry with the words of its statement.
struct Compared<'a> {
    entry: &'a Entry,
    /// The words of the statement, or of the line where there is no statement.
    words: Words,
    /// The words of the line, for those of before that have nothing else.
    line: Words,
}

impl<'a> Compared<'a> {
    fn of(entry: &'a Entry) -> Self {
        let line = Words::of(&canonical(&entry.text, true), &entry.symbol);
        let words = if entry.statement.is_empty() { line.clone() } else { Words::of(&entry.statement, &entry.symbol) };
        Self { entry, words, line }
    }

    /// How alike this one of now is to one of before.
    fn likeness(&self, before: &Self) -> f64 {
        let whole = self.words.likeness(&before.words);
        if before.entry.statement.is_empty() { whole.max(self.line.likeness(&before.words)) } else { whole }
    }

    /// Whether both have the same words.
    fn is_equal(&self, before: &Self) -> bool {
        self.words.all == before.words.all || before.entry.statement.is_empty() && self.line.all == before.words.all
    }

    /// What both of a pair have in common whatever else differs.
    fn what(&self) -> (Kind, Access, &'a str) {
        (self.entry.kind, self.entry.access, &self.entry.target)
    }

    /// The name of the innermost definition; none at the top of a module.
    fn definition(&self) -> Option<&'a str> {
        self.entry.within.rsplit('.').next().filter(|name| !name.is_empty())
    }

    /// Whether the statement alone says which one it is.
    fn is_distinct(&self) -> bool {
        self.words.telling() >= DISTINCT
    }
}

/// The last part of a module's name, or of a path.
fn stem(module: &str) -> &str {
    module.rsplit(['.', '/']).next().unwrap_or(module)
}

struct Pairing<'a> {
    now: Vec<Compared<'a>>,
    before: Vec<Compared<'a>>,
    new: Vec<usize>,
    gone: Vec<usize>,
    /// What was recognised: the positions of now and of before.
    pairs: Vec<(usize, usize)>,
    left: FxHashSet<&'a str>,
    came: FxHashSet<&'a str>,
}

type Takes<'t> = &'t dyn Fn(usize) -> bool;

impl<'a> Pairing<'a> {
    /// The steps, from what is surely the same to what most likely is.
    fn alike(&mut self, takes: Takes<'_>) {
        // An import is what it resolves to: where the name comes from may change as often as it likes.
        self.imports(takes);
        // A model is defined once, wherever that is.
        self.equal(|one| (one.entry.kind == Kind::Definition).then_some(&one.entry.symbol), takes);
        let words = |one: &Compared<'a>| one.words.all;
        // Untouched but for an equal one before it, which took its number.
        self.equal(|one| Some((&one.entry.module, &one.entry.within, words(one))), takes);
        // Edited, in its definition or at the top of its module.
        self.nearest(|one| Some((&one.entry.module, &one.entry.within)), EDITED, takes);
        // The definition was moved, or its file renamed.
        self.equal(|one| one.definition().map(|_| (&one.entry.within, words(one))), takes);
        self.equal(|one| one.definition().map(|definition| (definition, words(one))), takes);
        // The definition was renamed, or the statement moved in its module.
        self.equal(|one| Some((&one.entry.module, words(one))), takes);
        // Moved and edited at once.
        self.nearest(Compared::definition, MOVED, takes);
        // The definition was renamed, and its statement edited.
        self.nearest(|one| Some(&one.entry.module), RENAMED, takes);
        // The definition was renamed and moved at once, or what stands at the top of a module moved.
        self.equal(|one| one.is_distinct().then(|| words(one)), takes);
        self.nearest(|one| one.is_distinct().then_some(()), MOVED, takes);
        // What stood in a file that is no more stands in one that was not there.
        let (left, came) = (self.left.clone(), self.came.clone());
        let moved = move |one: &Compared<'a>| left.contains(&*one.entry.module) || came.contains(&*one.entry.module);
        self.nearest(|one| moved(one).then_some(stem(&one.entry.module)), EDITED, takes);
        let (left, came) = (self.left.clone(), self.came.clone());
        let moved = move |one: &Compared<'a>| left.contains(&*one.entry.module) || came.contains(&*one.entry.module);
        self.nearest(|one| moved(one).then_some(()), MOVED, takes);
        // Rewritten: the definition does the same to the same table as often as before.
        self.nearest(|one| one.definition().map(|_| (&one.entry.module, &one.entry.within)), 0.0, takes);
    }

    /// Imports are paired by the name that they bring.
    fn imports(&mut self, takes: Takes<'_>) {
        fn symbol<'a>(one: &Compared<'a>) -> Option<&'a str> {
            one.entry.is_import().then_some(&*one.entry.symbol)
        }
        self.equal(|one| symbol(one).map(|symbol| (&one.entry.module, symbol)), takes);
        self.equal(|one| symbol(one).map(|symbol| (stem(&one.entry.module), symbol)), takes);
        let (left, came) = (self.left.clone(), self.came.clone());
        let moved = move |one: &Compared<'a>| left.contains(&*one.entry.module) || came.contains(&*one.entry.module);
        self.equal(|one| symbol(one).filter(|_| moved(one)), takes);
    }

    /// Pairs those of equal keys, in their order.
    fn equal<K: Hash + Eq>(&mut self, key: impl Fn(&Compared<'a>) -> Option<K>, takes: Takes<'_>) {
        if self.new.is_empty() || self.gone.is_empty() {
            return;
        }
        let mut waiting: FxHashMap<_, VecDeque<usize>> = FxHashMap::default();
        for &at in &self.gone {
            if let Some(key) = key(&self.before[at]) {
                waiting.entry((self.before[at].what(), key)).or_default().push_back(at);
            }
        }
        let mut found = Vec::new();
        for &at in self.new.iter().filter(|at| takes(**at)) {
            let Some(key) = key(&self.now[at]) else { continue };
            let known = waiting.get_mut(&(self.now[at].what(), key)).and_then(VecDeque::pop_front);
            found.extend(known.map(|known| (at, known)));
        }
        self.settle(found);
    }

    /// Pairs those of equal keys that are the most alike, the likeliest pair first, down to a limit.
    fn nearest<K: Hash + Eq>(&mut self, key: impl Fn(&Compared<'a>) -> Option<K>, least: f64, takes: Takes<'_>) {
        if self.new.is_empty() || self.gone.is_empty() {
            return;
        }
        let mut groups: FxHashMap<_, (Vec<usize>, Vec<usize>)> = FxHashMap::default();
        for &at in &self.gone {
            if let Some(key) = key(&self.before[at]) {
                groups.entry((self.before[at].what(), key)).or_default().1.push(at);
            }
        }
        for &at in self.new.iter().filter(|at| takes(**at)) {
            let Some(key) = key(&self.now[at]) else { continue };
            if let Some(group) = groups.get_mut(&(self.now[at].what(), key)) {
                group.0.push(at);
            }
        }
        let mut candidates: Vec<(f64, usize, usize)> = Vec::new();
        for (new, gone) in groups.values().filter(|(new, _)| !new.is_empty()) {
            let rare = Rare::of(&self.before, gone);
            for &at in new {
                for known in rare.candidates(&self.now[at]) {
                    let (now, before) = (&self.now[at], &self.before[known]);
                    // What has no words of its own is as alike as its words are equal.
                    let likeness = if now.is_equal(before) { 1.0 } else { now.likeness(before) };
                    if likeness >= least {
                        candidates.push((likeness, at, known));
                    }
                }
            }
        }
        candidates.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| (a.1, a.2).cmp(&(b.1, b.2))));
        let (mut of_now, mut of_before) = (FxHashSet::default(), FxHashSet::default());
        let mut found = Vec::new();
        for (_, at, known) in candidates {
            if !of_now.contains(&at) && !of_before.contains(&known) {
                of_now.insert(at);
                of_before.insert(known);
                found.push((at, known));
            }
        }
        self.settle(found);
    }

    fn settle(&mut self, found: Vec<(usize, usize)>) {
        if found.is_empty() {
            return;
        }
        let (of_now, of_before): (FxHashSet<usize>, FxHashSet<usize>) = found.iter().copied().unzip();
        self.new.retain(|at| !of_now.contains(at));
        self.gone.retain(|at| !of_before.contains(at));
        self.pairs.extend(found);
    }

    /// One statement that became several: what reads or merely names the model in a statement whose words another one of
    /// the same definition had before is no new use, when that other one is still there in another form.
    fn split(&mut self) {
        let mut was: FxHashMap<(&str, &str, &str), Vec<usize>> = FxHashMap::default();
        for &(now, before) in &self.pairs {
            let (of_now, of_before) = (&self.now[now], &self.before[before]);
            if !of_now.is_equal(of_before) {
                let entry = of_now.entry;
                was.entry((&entry.module, &entry.within, &entry.target)).or_default().push(before);
            }
        }
        let (now, all) = (&self.now, &self.before);
        self.new.retain(|&at| {
            let one = &now[at];
            let adds_nothing = matches!(one.entry.access, Access::None | Access::Read)
                && matches!(one.entry.kind, Kind::Query | Kind::Reference | Kind::Instance | Kind::RelationUse);
            let key = (&*one.entry.module, &*one.entry.within, &*one.entry.target);
            let was_part = |known: &&usize| one.words.telling() > 0 && one.words.share_in(&all[**known].words) >= SPLIT;
            !(adds_nothing && was.get(&key).is_some_and(|known| known.iter().any(|known| was_part(&known))))
        });
    }

    /// Takes out of what is new and gone what is there as before, and does something else to the table.
    fn changed(&mut self) -> Vec<(usize, usize)> {
        let mut changed = Vec::new();
        let mut waiting: FxHashMap<(Kind, &str, &str, &str), Vec<usize>> = FxHashMap::default();
        for &at in &self.gone {
            let entry = self.before[at].entry;
            waiting.entry((entry.kind, &entry.target, &entry.module, &entry.within)).or_default().push(at);
        }
        for &at in &self.new {
            let one = &self.now[at];
            let entry = one.entry;
            let Some(known) = waiting.get_mut(&(entry.kind, &*entry.target, &*entry.module, &*entry.within)) else {
                continue;
            };
            let likeness = |known: usize| {
                let before = &self.before[known];
                if before.entry.fingerprint == entry.fingerprint { 2.0 } else { one.likeness(before) }
            };
            let best = (0..known.len()).max_by(|a, b| likeness(known[*a]).total_cmp(&likeness(known[*b])));
            if let Some(best) = best.filter(|best| likeness(known[*best]) >= EDITED / 2.0) {
                changed.push((at, known.swap_remove(best)));
            }
        }
        let (of_now, of_before): (FxHashSet<usize>, FxHashSet<usize>) = changed.iter().copied().unzip();
        self.new.retain(|at| !of_now.contains(at));
        self.gone.retain(|at| !of_before.contains(at));
        changed
    }
}

/// Those of before in one group, found by their words when they are many.
struct Rare<'g> {
    all: &'g [usize],
    by_word: FxHashMap<u64, Vec<usize>>,
}

impl<'g> Rare<'g> {
    fn of(before: &[Compared<'_>], all: &'g [usize]) -> Self {
        let mut by_word: FxHashMap<u64, Vec<usize>> = FxHashMap::default();
        if all.len() > MANY {
            for &at in all {
                for &word in before[at].words.hashes() {
                    let of_word = by_word.entry(word).or_default();
                    if of_word.last() != Some(&at) {
                        of_word.push(at);
                    }
                }
            }
        }
        Self { all, by_word }
    }

    /// Those that one of now may be paired with.
    fn candidates(&self, one: &Compared<'_>) -> Vec<usize> {
        if self.all.len() <= MANY {
            return self.all.to_vec();
        }
        let mut of_words: Vec<&Vec<usize>> =
            one.words.hashes().iter().filter_map(|word| self.by_word.get(word)).collect();
        of_words.sort_unstable_by_key(|of_word| of_word.len());
        let mut found: Vec<usize> =
            of_words.into_iter().flat_map(|of_word| of_word.iter().copied().take(MANY)).take(MANY * 2).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}
