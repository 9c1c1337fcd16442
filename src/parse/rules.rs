//! Reads the queries: patterns that differ only in their predicates share one structure for tree-sitter to match.
//!
//! Compiling a structure takes milliseconds and matching it costs at every node, while a predicate is one look into
//! a set. So the predicates are taken out of the patterns and checked here.

use indexmap::IndexMap;
use regex::Regex;
use rustc_hash::FxHashSet;
use serde::Deserialize;
use serde::de::value::{Error as ValueError, StrDeserializer};

use crate::finding::{Access, Kind};

/// A pattern without its structure.
#[derive(Debug, Default)]
pub(super) struct Rule {
    /// Its place among all patterns: the first one counts.
    pub(super) order: usize,
    pub(super) role: String,
    pub(super) kind: Option<Kind>,
    pub(super) access: Option<Access>,
    /// The target is no expression with a role but a part of the file.
    pub(super) region: Option<String>,
    /// Counts only inside such a part.
    pub(super) within: Option<String>,
    /// Counts only for assignments in the body of a class of this name; `*` is any.
    pub(super) class: Option<String>,
    /// Counts only when the target is a string.
    pub(super) string: bool,
    pub(super) predicates: Vec<Predicate>,
}

/// What a capture's text must be.
#[derive(Debug)]
pub(super) struct Predicate {
    /// The capture's name, without `@`.
    pub(super) capture: String,
    pub(super) test: Test,
}

#[derive(Debug)]
pub(super) enum Test {
    OneOf(FxHashSet<String>),
    Match(Regex),
}

impl Test {
    pub(super) fn holds(&self, text: &str) -> bool {
        match self {
            Self::OneOf(words) => words.contains(text),
            Self::Match(regex) => regex.is_match(text),
        }
    }
}

/// The structures of all patterns, each with its rules, in order of first use.
pub(super) fn read<'q>(sources: impl IntoIterator<Item = &'q str>) -> Result<IndexMap<String, Vec<Rule>>, String> {
    let mut structures: IndexMap<String, Vec<Rule>> = IndexMap::new();
    let mut order = 0;
    for source in sources {
        let tokens = tokens(source)?;
        let mut rest = tokens.as_slice();
        while !rest.is_empty() {
            let (pattern, after) = group(rest)?;
            rest = after;
            let (structure, mut rule) = rule(pattern)?;
            rule.order = order;
            order += 1;
            structures.entry(structure).or_default().push(rule);
        }
    }
    Ok(structures)
}

/// Brackets, strings and words; comments are left out.
fn tokens(source: &str) -> Result<Vec<&str>, String> {
    let mut tokens = Vec::new();
    let mut rest = source.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            ';' => {
                rest = rest.split_once('\n').map_or("", |(_, after)| after).trim_start();
                continue;
            }
            '(' | ')' | '[' | ']' => 1,
            '"' => rest[1..].find('"').ok_or("a string is not closed")? + 2,
            _ => rest.find(|c: char| c.is_whitespace() || "()[]\";".contains(c)).unwrap_or(rest.len()),
        };
        tokens.push(&rest[..length]);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

/// The tokens of the first bracket, brackets included, and what follows.
fn group<'t, 'q>(tokens: &'t [&'q str]) -> Result<(&'t [&'q str], &'t [&'q str]), String> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match *token {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.checked_sub(1).ok_or("a bracket is closed that was not opened")?,
            other if depth == 0 => return Err(format!("{other:?} stands outside of a pattern")),
            _ => {}
        }
        if depth == 0 {
            return Ok(tokens.split_at(at + 1));
        }
    }
    Err("a bracket is not closed".to_owned())
}

/// Takes the predicates and directives out of a pattern.
fn rule(pattern: &[&str]) -> Result<(String, Rule), String> {
    let mut rule = Rule::default();
    let mut structure = Vec::new();
    let mut at = 0;
    while at < pattern.len() {
        if pattern[at] == "(" && pattern.get(at + 1).is_some_and(|name| name.starts_with('#')) {
            let (directive, _) = group(&pattern[at..])?;
            rule.apply(&directive[1..directive.len() - 1])?;
            at += directive.len();
        } else {
            structure.push(pattern[at]);
            at += 1;
        }
    }
    if rule.role.is_empty() == rule.region.is_none() {
        return Err(format!("a pattern must set either a role or a region: {}", pattern.join(" ")));
    }
    Ok((structure.join(" "), rule))
}

impl Rule {
    fn apply(&mut self, directive: &[&str]) -> Result<(), String> {
        let unknown = || format!("not understood: ({})", directive.join(" "));
        let (&name, arguments) = directive.split_first().ok_or_else(unknown)?;
        let (&first, values) = arguments.split_first().ok_or_else(unknown)?;
        let values: Vec<&str> = values.iter().map(|value| value.trim_matches('"')).collect();
        let (Some(&value), true) = (values.first(), name == "#any-of?" || values.len() == 1) else {
            return Err(unknown());
        };
        let test = match (name, first) {
            ("#eq?" | "#any-of?", _) => Test::OneOf(values.iter().map(|&value| value.to_owned()).collect()),
            ("#match?", _) => Test::Match(Regex::new(value).map_err(|error| error.to_string())?),
            ("#set!", "target") if value == "string" => {
                self.string = true;
                return Ok(());
            }
            ("#set!", "kind") => {
                self.kind = Some(word(value)?);
                return Ok(());
            }
            ("#set!", "access") => {
                self.access = Some(word(value)?);
                return Ok(());
            }
            ("#set!", "role") => {
                value.clone_into(&mut self.role);
                return Ok(());
            }
            ("#set!", key) => {
                let slot = match key {
                    "region" => &mut self.region,
                    "within" => &mut self.within,
                    "class" => &mut self.class,
                    _ => return Err(unknown()),
                };
                *slot = Some(value.to_owned());
                return Ok(());
            }
            _ => return Err(unknown()),
        };
        let capture = first.strip_prefix('@').ok_or_else(unknown)?.to_owned();
        self.predicates.push(Predicate { capture, test });
        Ok(())
    }
}

/// A kind or an access by its word in reports.
fn word<'de, T: Deserialize<'de>>(word: &'de str) -> Result<T, String> {
    T::deserialize(StrDeserializer::<ValueError>::new(word)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_with_one_structure_share_it() {
        let read = read([
            "; c\n(call (x) @a\n (#eq? @a \"b\") (#set! role \"r\"))",
            "(call (x)\n@a (#set! role \"s\") (#any-of? @a \"c\" \"d\")) (y (#set! region \"z\"))",
        ]);
        let read = read.unwrap();
        assert_eq!(read.keys().collect::<Vec<_>>(), ["( call ( x ) @a )", "( y )"]);
        assert_eq!(read[0].iter().map(|rule| (rule.order, &*rule.role)).collect::<Vec<_>>(), [(0, "r"), (1, "s")]);
        assert!(read[0][1].predicates[0].test.holds("d") && !read[0][1].predicates[0].test.holds("b"));
    }

    #[test]
    fn mistakes_are_told() {
        for wrong in
            ["(a", "a)", "(a)", "(a (#set! role \"r\") (#set! rôle \"x\"))", "(a (#set! kind \"nonsense\"))", "\""]
        {
            assert!(read([wrong]).is_err(), "{wrong}");
        }
    }
}
