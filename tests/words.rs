//! The words of everything that a person reads: no phrase of `tests/words.txt` comes back.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use csm_audit::cli::Cli;
use proc_macro2::{TokenStream, TokenTree};
use regex::Regex;

#[path = "common/rust_paths.rs"]
#[allow(dead_code, reason = "only the list of files is used here")]
mod rust_paths;

use rust_paths::rust_files;

/// A phrase that must not come back.
struct Phrase {
    text: String,
    better: String,
    pattern: Regex,
}

/// A text that a person reads, and its location: a path or a command, and the 1-based line at which the text begins.
struct Text {
    place: String,
    line: usize,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The pattern of a phrase: whole words, in any case, across line breaks.
fn pattern(phrase: &str) -> Regex {
    let words: Vec<String> = phrase.split_whitespace().map(regex::escape).collect();
    let edge = |at: Option<char>| if at.is_some_and(char::is_alphanumeric) { r"\b" } else { "" };
    let (first, last) = (edge(phrase.chars().next()), edge(phrase.chars().last()));
    Regex::new(&format!(r"(?i){first}{}{last}", words.join(r"\s+"))).unwrap()
}

/// The phrases: one a line, then a tab, then a better wording. Lines that begin with `#` are comments.
fn phrases(list: &str) -> Vec<Phrase> {
    let mut phrases = Vec::new();
    for (number, line) in list.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let (text, better) = line.split_once('\t').unwrap_or_else(|| panic!("line {}: no tab: {line}", number + 1));
        assert!(!text.trim().is_empty() && !better.trim().is_empty(), "line {}: {line}", number + 1);
        phrases.push(Phrase { text: text.to_owned(), better: better.to_owned(), pattern: pattern(text) });
    }
    phrases
}

/// The files below a folder whose names end in one of these, sorted.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn file(path: &Path) -> Text {
    let place = path.strip_prefix(root()).unwrap().display().to_string();
    Text { place, line: 1, text: fs::read_to_string(path).unwrap() }
}

/// Documentation, templates, scripts, and the generated example.
fn pages() -> Vec<Text> {
    let mut paths: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHECKS.md"].iter().map(|name| root().join(name)).collect();
    paths.extend(files("docs", &[".md"]));
    paths.extend(files("reports", &[".html", ".js", ".md", ".sarif", ".sh", ".json", ".example"]));
    paths.iter().map(|path| file(path)).collect()
}

/// The help of a command and of every command below it.
fn helps(command: &mut clap::Command, path: &str, helps: &mut Vec<Text>) {
    let place = format!("{path} --help");
    helps.push(Text { place, line: 1, text: command.render_long_help().to_string() });
    for sub in command.get_subcommands_mut() {
        let path = format!("{path} {}", sub.get_name());
        self::helps(sub, &path, helps);
    }
}

/// The string literals and doc comments of Rust tokens, those of macros too. A doc comment's lines are one text.
fn literals(tokens: TokenStream, place: &str, texts: &mut Vec<Text>) {
    let mut doc = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                match inner.as_slice() {
                    [TokenTree::Ident(name), TokenTree::Punct(_), TokenTree::Literal(line)] if name == "doc" => {
                        let Ok(line) = syn::parse_str::<syn::LitStr>(&line.to_string()) else { continue };
                        match texts.last_mut().filter(|_| doc) {
                            Some(text) => {
                                text.text.push('\n');
                                text.text.push_str(&line.value());
                            }
                            None => texts.push(located(place, group.span_open().start().line, line.value())),
                        }
                        doc = true;
                    }
                    _ => {
                        doc = false;
                        literals(group.stream(), place, texts);
                    }
                }
            }
            TokenTree::Literal(literal) => {
                doc = false;
                if let Ok(string) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    texts.push(located(place, literal.span().start().line, string.value()));
                }
            }
            // What stands before the brackets of the next line.
            TokenTree::Punct(sign) if matches!(sign.as_char(), '#' | '!') => {}
            TokenTree::Punct(_) | TokenTree::Ident(_) => doc = false,
        }
    }
}

fn located(place: &str, line: usize, text: String) -> Text {
    Text { place: place.to_owned(), line, text }
}

/// The string literals and doc comments of the sources.
fn sources() -> Vec<Text> {
    let mut texts = Vec::new();
    for path in rust_files(&root().join("src")) {
        let source = file(&path);
        literals(source.text.parse().unwrap(), &source.place, &mut texts);
    }
    texts
}

/// A text in small letters on one line.
fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Where phrases stand in texts, one line each.
fn found(phrases: &[Phrase], texts: &[Text]) -> Vec<String> {
    let folded: Vec<String> = phrases.iter().map(|phrase| fold(&phrase.text)).collect();
    let mut found = Vec::new();
    for text in texts {
        // Most texts contain no phrase: a plain search is faster than the patterns.
        let plain = fold(&text.text);
        for (phrase, _) in phrases.iter().zip(&folded).filter(|(_, folded)| plain.contains(folded.as_str())) {
            for hit in phrase.pattern.find_iter(&text.text) {
                let line = text.line + text.text[..hit.start()].matches('\n').count();
                found.push(format!("{}:{line}: \"{}\": write {}", text.place, phrase.text, phrase.better));
            }
        }
    }
    found
}

#[test]
fn no_phrase_of_the_list_comes_back() {
    let phrases = phrases(include_str!("words.txt"));
    let mut texts = pages();
    helps(&mut Cli::command(), "csm-audit", &mut texts);
    texts.extend(sources());
    let found = found(&phrases, &texts);
    assert!(found.is_empty(), "{} phrases of tests/words.txt:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_phrase_is_found_in_every_kind_of_text() {
    let phrases = phrases("# A comment.\nThe way back\tthe rollback\n`x` is no day\tinvalid date\n");
    let of = |source: &str| {
        let mut texts = Vec::new();
        literals(source.parse().unwrap(), "a.rs", &mut texts);
        found(&phrases, &texts)
    };
    let way = |line: usize| vec![format!("a.rs:{line}: \"The way back\": write the rollback")];
    assert_eq!(of("/// First.\n/// It is the\n/// way back.\nfn f() {}"), way(2), "a doc comment");
    assert_eq!(of("mod m {\n    //! The way\n    //! back.\n}"), way(2), "a doc comment of a module");
    assert_eq!(of("fn f() { g(\"on THE way \\\n   back\") }"), way(1), "a string that goes on on the next line");
    assert_eq!(of("m! {\n    /// The way back.\n    a { \"x\" }\n}"), way(2), "a macro's doc comment");
    assert_eq!(of("const A: &str = r#\"the way back\"#;"), way(1), "a raw string");
    assert_eq!(of("f!(\"`x` is no day\")"), ["a.rs:1: \"`x` is no day\": write invalid date"]);
    for clean in
        ["// the way back\nfn f() {}", "/// The way\nfn f() {}\n/// back\nfn g() {}", "f(\"the way backward\")"]
    {
        assert_eq!(of(clean), Vec::<String>::new(), "{clean}");
    }
    let mut texts = Vec::new();
    helps(&mut Cli::command(), "csm-audit", &mut texts);
    for place in ["csm-audit --help", "csm-audit scan --help", "csm-audit gate --help", "csm-audit explain --help"] {
        assert!(texts.iter().any(|text| text.place == place && text.text.contains("Usage")), "{place}");
    }
    let pages = pages();
    for place in ["docs/gate.md", "reports/html/page.html", "reports/example/plan/runbook.md"] {
        assert!(pages.iter().any(|page| page.place.starts_with(place)), "{place}: {:?}", pages.len());
    }
}
