//! From a file's bytes to its syntax tree.
//!
//! [`parse`] never fails: what cannot be read is told in [`ParsedFile::gaps`], and the rest is read around it.

mod contexts;
mod decode;
mod kinds;
mod lower;
mod lower_chain;
mod lower_expr;
mod lower_params;
mod patch;
mod rules;
#[cfg(test)]
mod show;
mod strings;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};

use tree_sitter::{Node, ParseOptions as ParserOptions, ParseState, Parser, Tree};

use crate::ast::Module;
use crate::source::{Gap, GapKind, SourceText, Span};

pub use contexts::Context;
use contexts::Contexts;
use kinds::Grammar;
use patch::Patches;

/// The text and the tree of one Python file.
#[derive(Debug)]
pub struct ParsedFile {
    /// Its text, to which all spans refer.
    pub text: SourceText,
    /// The syntax tree; what could not be read is an error node in it.
    pub module: Module,
    /// The roles that its expressions play, as far as they were asked for.
    contexts: Mutex<Contexts>,
    /// Its comments, in order.
    pub comments: Vec<Span>,
    /// What could not be read.
    pub gaps: Vec<FileGap>,
}

/// What [`parse`] prepares beside the syntax tree.
#[derive(Clone, Copy, Debug, Default)]
pub struct ParseOptions {
    /// Whether the queries of `queries/` run over the tree, for [`ParsedFile::context`].
    pub run_queries: bool,
    /// Whether the tree for the queries stays in memory. Without, the text is parsed again when [`ParsedFile::context`]
    /// is first called.
    pub keep_tree: bool,
}

/// A gap of a file whose path only the caller knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileGap {
    /// A stable word for the kind of gap.
    pub kind: GapKind,
    /// The 1-based line, when only part of the file is concerned.
    pub line: Option<u32>,
    /// The span, when only part of the file is concerned.
    pub span: Option<Span>,
    /// One sentence: what was seen and what is missing because of it.
    pub reason: String,
}

impl FileGap {
    fn whole(kind: GapKind, reason: impl Into<String>) -> Self {
        Self { kind, line: None, span: None, reason: reason.into() }
    }

    fn at(kind: GapKind, text: &SourceText, span: Span, reason: impl Into<String>) -> Self {
        Self { kind, line: Some(text.line_col(span.start).line), span: Some(span), reason: reason.into() }
    }

    /// The gap with its path.
    #[must_use]
    pub fn into_gap(self, path: impl Into<String>) -> Gap {
        Gap { line: self.line, ..Gap::file(self.kind, path, self.reason) }
    }
}

/// Files beyond this size are data, and no tree of theirs would fit the memory that the program may take.
const MAX_BYTES: usize = 20 << 20;

/// Syntax errors listed one by one; of the rest only the number.
const MAX_ERRORS: usize = 20;

/// Readies what is made once for all files. [`parse`] does so by itself; called on a thread of its own while the
/// files are still being found, it saves the first one some twenty milliseconds.
pub fn warm_up() {
    let _ = parse(b"", ParseOptions { run_queries: true, keep_tree: false });
    contexts::warm_up();
}

/// Decodes and parses the bytes of a Python file.
#[must_use]
pub fn parse(bytes: &[u8], want: ParseOptions) -> ParsedFile {
    let mut gaps = Vec::new();
    if bytes.len() > MAX_BYTES {
        gaps.push(FileGap::whole(GapKind::TooLarge, format!("{} bytes: not parsed", bytes.len())));
        return ParsedFile::unread(SourceText::new(String::new()), gaps);
    }
    let text = SourceText::new(decode::decode(bytes, &mut gaps));
    let (tree, patches) = match syntax(&text, &mut gaps) {
        Ok(read) => read,
        Err(gap) => {
            gaps.push(gap);
            return ParsedFile::unread(text, gaps);
        }
    };
    let lowered = lower::lower(&tree, text.as_str(), &patches);
    syntax_errors(&tree, &text, &mut gaps);
    let mut nested = lowered.too_deep.into_iter();
    gaps.extend(nested.by_ref().take(MAX_ERRORS).map(|span| {
        FileGap::at(GapKind::TooDeep, &text, span, "nests too deep: only the names and strings inside were read")
    }));
    if nested.len() > 0 {
        gaps.push(FileGap::whole(GapKind::TooDeep, format!("{} more places in this file nest too deep", nested.len())));
    }
    let wanted = want.run_queries && Contexts::readable(&tree);
    if want.run_queries && !wanted {
        gaps.push(FileGap::whole(
            GapKind::NoContexts,
            "the roles of expressions could not be determined: expressions are read without roles",
        ));
    }
    ParsedFile {
        text,
        module: lowered.module,
        contexts: Mutex::new(match (wanted, want.keep_tree) {
            (true, true) => Contexts::new(tree),
            (true, false) => Contexts::of_text(),
            (false, _) => Contexts::default(),
        }),
        comments: lowered.comments,
        gaps,
    }
}

/// The concrete tree of a text, with what was patched for it. What could not be read of it is added to `gaps`; an error
/// is a text of which nothing can be read.
fn syntax(text: &SourceText, gaps: &mut Vec<FileGap>) -> Result<(Tree, Patches), FileGap> {
    let (source, mut patches) = patch::prepare(text.as_str());
    if patch::indents_too_deep(&source) {
        return Err(FileGap::whole(GapKind::TooDeep, "the indentation nests too deep: not parsed"));
    }
    let Some(mut tree) = tree(&source) else {
        return Err(FileGap::whole(GapKind::ParserGaveUp, "too much of the file is not valid Python: not parsed"));
    };
    let mut source = source;
    if tree.root_node().has_error()
        && let Some((patched, execs)) = patch::python2(&source)
        && let Some(better) = better_tree(&patched, &tree)
    {
        (tree, source) = (better, Cow::Owned(patched));
        patches.execs = execs;
    }
    if tree.root_node().has_error()
        && let Some((patched, lost)) = patch::unclosed(&source)
        && let Some(better) = better_tree(&patched, &tree)
    {
        tree = better;
        let reason = "this bracket is not closed before the next statement; it was read as if it were not there";
        let more = lost.len().saturating_sub(MAX_ERRORS);
        let lost = lost.into_iter().take(MAX_ERRORS).map(|at| Span::new(at, at + 1));
        gaps.extend(lost.map(|span| FileGap::at(GapKind::SyntaxError, text, span, reason)));
        if more > 0 {
            gaps.push(FileGap::whole(
                GapKind::SyntaxError,
                format!("{more} more brackets in this file are not closed"),
            ));
        }
    }
    Ok((tree, patches))
}

impl ParsedFile {
    /// The role of the expression or string with exactly this span; none unless wanted.
    #[must_use]
    pub fn context(&self, span: Span) -> Option<Context> {
        let parse = || syntax(&self.text, &mut Vec::new()).ok().map(|(tree, _)| tree);
        self.contexts.lock().unwrap_or_else(PoisonError::into_inner).get(span, self.text.as_str(), parse)
    }

    fn unread(text: SourceText, gaps: Vec<FileGap>) -> Self {
        Self { text, module: Module::default(), contexts: Mutex::default(), comments: Vec::new(), gaps }
    }
}

/// Parses with this thread's parser. `None` when it takes out of all proportion to the text: recovery from errors
/// can try many ways for each byte. The measure is the parser's own steps, not time, so that the same file always
/// gives the same result.
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
        let bytes = text.as_bytes();
        let mut steps = 2_000 + bytes.len() / 10;
        let mut count_down = |_: &ParseState| {
            steps = steps.saturating_sub(1);
            if steps == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let options = ParserOptions::new().progress_callback(&mut count_down);
        let tree = parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options));
        if tree.is_none() {
            // The parser would go on with this text at the next call.
            parser.reset();
        }
        tree
    })
}

/// Calls `visit` at each outermost error.
fn each_error(tree: &Tree, mut visit: impl FnMut(Node<'_>)) {
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        if node.is_error() || node.is_missing() {
            visit(node);
        } else if node.has_error() && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}

/// The tree of a patched text, when less of it is in error.
fn better_tree(patched: &str, before: &Tree) -> Option<Tree> {
    tree(patched).filter(|tree| error_weight(tree) < error_weight(before))
}

/// How much of a tree is in error, in bytes; what is missing counts as one.
fn error_weight(tree: &Tree) -> usize {
    let mut weight = 0;
    each_error(tree, |node| weight += node.byte_range().len().max(1));
    weight
}

/// One gap for each line with an error, up to a limit.
fn syntax_errors(tree: &Tree, text: &SourceText, gaps: &mut Vec<FileGap>) {
    if !tree.root_node().has_error() {
        return;
    }
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let mut count = 0;
    let mut last_line = 0;
    each_error(tree, |node| {
        let span = Span::new(offset(node.start_byte()), offset(node.end_byte()));
        let line = text.line_col(span.start).line;
        if line == last_line {
            return;
        }
        last_line = line;
        count += 1;
        if count <= MAX_ERRORS {
            let reason = if node.is_missing() {
                format!("`{}` is missing here; the file was read around it", node.kind())
            } else {
                "not understood as Python; what could be read inside was kept".to_owned()
            };
            gaps.push(FileGap { kind: GapKind::SyntaxError, line: Some(line), span: Some(span), reason });
        }
    });
    if count > MAX_ERRORS {
        let more = count - MAX_ERRORS;
        gaps.push(FileGap::whole(GapKind::SyntaxError, format!("{more} more syntax errors in this file")));
    }
}
