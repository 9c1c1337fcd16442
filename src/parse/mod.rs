//! From a file's bytes to its syntax tree.
//!
//! [`parse`] never fails: what cannot be read is told in [`ParsedFile::gaps`], and the rest is read around it.

mod contexts;
mod decode;
mod kinds;
mod lower;
mod lower_expr;
mod lower_params;
mod strings;
#[cfg(test)]
mod tests;

use std::cell::RefCell;

use tree_sitter::{Parser, Tree};

use crate::ast::Module;
use crate::source::{Gap, SourceText, Span};

pub use contexts::{Context, Contexts};
use kinds::Grammar;

/// A parsed file.
#[derive(Debug)]
pub struct ParsedFile {
    /// Its text, to which all spans refer.
    pub text: SourceText,
    /// Its syntax tree.
    pub module: Module,
    /// The roles that its expressions play; empty unless wanted.
    pub contexts: Contexts,
    /// Its comments, in order.
    pub comments: Vec<Span>,
    /// What could not be read.
    pub gaps: Vec<FileGap>,
}

/// What [`parse`] is asked for beside the syntax tree.
#[derive(Clone, Copy, Debug, Default)]
pub struct Want {
    /// Whether to fill [`ParsedFile::contexts`].
    pub contexts: bool,
}

/// A gap of a file whose path only the caller knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileGap {
    /// A stable word for the kind of gap.
    pub kind: &'static str,
    /// 1-based line, when known.
    pub line: Option<u32>,
    /// The place, when known.
    pub span: Option<Span>,
    /// One sentence: what was seen and what is missing because of it.
    pub reason: String,
}

impl FileGap {
    fn whole(kind: &'static str, reason: impl Into<String>) -> Self {
        Self { kind, line: None, span: None, reason: reason.into() }
    }

    fn at(kind: &'static str, text: &SourceText, span: Span, reason: impl Into<String>) -> Self {
        Self { kind, line: Some(text.line_col(span.start).line), span: Some(span), reason: reason.into() }
    }

    /// The gap with its path.
    #[must_use]
    pub fn into_gap(self, path: impl Into<String>) -> Gap {
        Gap { file: Some(path.into()), line: self.line, kind: self.kind, reason: self.reason }
    }
}

/// Files beyond this size are data, and no tree of theirs would fit the memory that the program may take.
const MAX_BYTES: usize = 20 << 20;

/// Syntax errors listed one by one; of the rest only the number.
const MAX_ERRORS: usize = 20;

/// Parses a file.
#[must_use]
pub fn parse(bytes: &[u8], want: Want) -> ParsedFile {
    let mut gaps = Vec::new();
    if bytes.len() > MAX_BYTES {
        gaps.push(FileGap::whole("too-large", format!("{} bytes: not parsed", bytes.len())));
        let text = SourceText::new(String::new());
        return ParsedFile {
            text,
            module: Module::default(),
            contexts: Contexts::default(),
            comments: Vec::new(),
            gaps,
        };
    }
    let text = SourceText::new(decode::decode(bytes, &mut gaps));
    let _ = want;
    let Some(tree) = tree(text.as_str()) else {
        gaps.push(FileGap::whole("not-parsed", "the parser gave up on the file"));
        return ParsedFile {
            text,
            module: Module::default(),
            contexts: Contexts::default(),
            comments: Vec::new(),
            gaps,
        };
    };
    let lowered = lower::lower(&tree, text.as_str(), &[], &[]);
    syntax_errors(&tree, &text, &mut gaps);
    for span in lowered.too_deep {
        gaps.push(FileGap::at("too-deep", &text, span, "nests too deep: only the names and strings inside were read"));
    }
    ParsedFile { text, module: lowered.module, contexts: Contexts::default(), comments: lowered.comments, gaps }
}

fn tree(text: &str) -> Option<Tree> {
    thread_local! {
        static PARSER: RefCell<Option<Parser>> = const { RefCell::new(None) };
    }
    PARSER.with_borrow_mut(|slot| {
        let parser = match slot {
            Some(parser) => parser,
            None => {
                let mut parser = Parser::new();
                parser.set_language(&Grammar::get().language).ok()?;
                slot.insert(parser)
            }
        };
        parser.parse(text, None)
    })
}

/// One gap for each outermost error of the tree.
fn syntax_errors(tree: &Tree, text: &SourceText, gaps: &mut Vec<FileGap>) {
    if !tree.root_node().has_error() {
        return;
    }
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let mut cursor = tree.walk();
    let mut count = 0;
    let mut last_line = 0;
    'tree: loop {
        let node = cursor.node();
        if node.is_error() || node.is_missing() {
            let span = Span::new(offset(node.start_byte()), offset(node.end_byte()));
            let gap = FileGap::at(
                "syntax-error",
                text,
                span,
                if node.is_missing() {
                    format!("`{}` is missing here; the file was read around it", node.kind())
                } else {
                    "not understood as Python; what could be read inside was kept".to_owned()
                },
            );
            if gap.line != Some(last_line) {
                last_line = gap.line.unwrap_or(0);
                count += 1;
                if count <= MAX_ERRORS {
                    gaps.push(gap);
                }
            }
        } else if node.has_error() && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                break 'tree;
            }
        }
    }
    if count > MAX_ERRORS {
        let more = count - MAX_ERRORS;
        gaps.push(FileGap::whole("syntax-error", format!("{more} more syntax errors in this file")));
    }
}
