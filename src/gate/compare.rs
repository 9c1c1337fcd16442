//! Which touchpoints are new: those that are left when everything that was there before has been recognised.
//!
//! Touchpoints are counted, not looked up. First those of equal fingerprint are paired; then, step by step, what is left
//! of one side with what is left of the other by less and less of what they are, as git recognises a renamed file. So
//! code that is moved, reformatted or renamed is recognised, and one more use in the same function is one too many
//! whatever it looks like.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::entry::Entry;

/// What a step compares; `None` where it does not apply.
type Key = fn(&Entry) -> Option<Vec<String>>;

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect()
}

fn what(entry: &Entry) -> Vec<String> {
    vec![entry.kind.as_str().to_owned(), entry.access.as_str().to_owned(), entry.target.clone()]
}

#[allow(clippy::unnecessary_wraps, reason = "a step is one expression")]
fn with(entry: &Entry, parts: &[&str]) -> Option<Vec<String>> {
    let mut key = what(entry);
    key.extend(parts.iter().map(|part| squeeze(part)));
    Some(key)
}

/// The steps, from what is surely the same to what most likely is.
const STEPS: [Key; 9] = [
    // The same, at another line.
    |e| Some(vec![e.fingerprint.clone()]),
    // Untouched but for an equal one before it, which took its number.
    |e| with(e, &[&e.module, &e.within, &e.symbol, &e.text]),
    // Reformatted, or its line was edited.
    |e| with(e, &[&e.module, &e.within, &e.symbol]),
    // The definition was moved, or the file renamed.
    |e| with(e, &[&e.within, &e.symbol, &e.text]),
    // The definition around it was renamed.
    |e| with(e, &[&e.module, &e.symbol, &e.text]),
    // Moved and reformatted. At the top of a module this would take any import for any other.
    |e| (!e.within.is_empty()).then(|| with(e, &[&e.within, &e.symbol])).flatten(),
    // Moved into a definition of another name.
    |e| with(e, &[&e.symbol, &e.text]),
    // A variable was renamed, or a query rewritten: the definition does the same to the same table as often as before.
    |e| with(e, &[&e.module, &e.within]),
    // The definition was renamed and its lines reformatted.
    |e| with(e, &[&e.module, &e.symbol]),
];

/// What is on one side alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Positions of what is only there now.
    pub new: Vec<usize>,
    /// Positions of what was only there before.
    pub gone: Vec<usize>,
}

/// Compares what is there now with what was there before.
///
/// `counts` tells which of the entries of now would raise an alarm: they are recognised first, so that one that would
/// not never takes the place of one that would.
#[must_use]
pub fn compare(now: &[&Entry], before: &[&Entry], counts: &dyn Fn(usize) -> bool) -> Left {
    let mut pairing = Pairing { now, before, new: (0..now.len()).collect(), gone: (0..before.len()).collect() };
    let [same, rest @ ..] = STEPS;
    pairing.step(same, &|_| true);
    for step in rest {
        pairing.step(step, counts);
    }
    for step in rest {
        pairing.step(step, &|_| true);
    }
    Left { new: pairing.new, gone: pairing.gone }
}

struct Pairing<'a> {
    now: &'a [&'a Entry],
    before: &'a [&'a Entry],
    new: Vec<usize>,
    gone: Vec<usize>,
}

impl Pairing<'_> {
    fn step(&mut self, key: Key, takes_part: &dyn Fn(usize) -> bool) {
        if self.new.is_empty() || self.gone.is_empty() {
            return;
        }
        let mut waiting: FxHashMap<Vec<String>, VecDeque<usize>> = FxHashMap::default();
        for &at in &self.gone {
            if let Some(key) = key(self.before[at]) {
                waiting.entry(key).or_default().push_back(at);
            }
        }
        let mut paired = vec![false; self.before.len()];
        self.new.retain(|&at| {
            let key = if takes_part(at) { key(self.now[at]) } else { None };
            let known = key.and_then(|key| waiting.get_mut(&key)).and_then(VecDeque::pop_front);
            if let Some(known) = known {
                paired[known] = true;
            }
            known.is_none()
        });
        self.gone.retain(|&at| !paired[at]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Access, Kind};

    fn entry(module: &str, within: &str, symbol: &str, text: &str) -> Entry {
        Entry {
            module: module.to_owned(),
            within: within.to_owned(),
            kind: Kind::Query,
            access: Access::Read,
            target: "a.B".to_owned(),
            symbol: symbol.to_owned(),
            text: text.to_owned(),
            fingerprint: format!("{module} {within} {symbol} {text}"),
        }
    }

    fn new(now: &[Entry], before: &[Entry]) -> Vec<usize> {
        let (now, before): (Vec<&Entry>, Vec<&Entry>) = (now.iter().collect(), before.iter().collect());
        compare(&now, &before, &|_| true).new
    }

    #[test]
    fn what_is_moved_renamed_or_reformatted_is_known() {
        let old = [entry("x.a", "f", "B", "B.objects.filter(a=1, b=2)")];
        for now in [
            entry("x.a", "f", "B", "B.objects.filter("),
            entry("x.c", "f", "B", "B.objects.filter(a=1, b=2)"),
            entry("x.c", "f", "B", "B.objects.filter("),
            entry("x.a", "g", "B", "B.objects.filter(a=1,b=2)"),
            entry("x.c", "g", "B", "B.objects.filter(a=1, b=2)"),
            entry("x.a", "f", "Bee", "Bee.objects.filter(a=1, b=2)"),
        ] {
            assert_eq!(new(std::slice::from_ref(&now), &old), Vec::<usize>::new(), "{now:?}");
        }
        let other = entry("x.c", "g", "B", "B.objects.get(c=3)");
        assert_eq!(new(&[other], &old), [0]);
    }

    #[test]
    fn one_more_is_one_too_many() {
        let one = entry("x.a", "f", "B", "B.objects.all()");
        let two = entry("x.a", "f", "B", "B.objects.get(a=1)");
        assert_eq!(new(&[two, one.clone()], std::slice::from_ref(&one)), [0]);
        assert_eq!(new(&[one.clone(), one.clone(), one.clone()], &[one.clone(), one.clone()]), [2]);
        // A write is no read.
        let write = Entry { access: Access::Write, fingerprint: "w".to_owned(), ..one.clone() };
        assert_eq!(new(&[write], &[one]), [0]);
    }

    #[test]
    fn what_raises_no_alarm_takes_no_place() {
        let old = entry("x.a", "f", "B", "B.objects.all()");
        let quiet = entry("x.a", "f", "B", "B.objects.first()");
        let loud = entry("x.a", "f", "B", "B.objects.last()");
        let left = compare(&[&quiet, &loud], &[&old], &|at| at == 1);
        assert_eq!(left, Left { new: vec![0], gone: vec![] });
    }
}
