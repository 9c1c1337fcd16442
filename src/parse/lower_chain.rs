//! Lowering of chains: calls, attributes, subscripts and operators that lean to the left.

use crate::ast::{Arguments, BinOp, Expr, ExprKind};
use crate::source::Span;

use super::kinds::K;
use super::lower::Lower;

/// How many levels a chain of calls or operators may add before it is cut or balanced.
const CHAIN_MAX: usize = 60;

/// What joins the terms of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RunOp {
    Binary(BinOp),
    Bool { and: bool },
}

impl BinOp {
    /// The operator of a token.
    pub(super) fn from_token(token: &str) -> Option<Self> {
        Some(match token {
            "+" => Self::Add,
            "-" => Self::Sub,
            "*" => Self::Mul,
            "@" => Self::MatMul,
            "/" => Self::Div,
            "//" => Self::FloorDiv,
            "%" => Self::Mod,
            "**" => Self::Pow,
            "<<" => Self::LShift,
            ">>" => Self::RShift,
            "|" => Self::BitOr,
            "&" => Self::BitAnd,
            "^" => Self::BitXor,
            _ => return None,
        })
    }

    /// Whether terms may be grouped anew without changing what the whole means to a reader.
    fn associates(self) -> bool {
        matches!(self, Self::Add | Self::Mul | Self::BitOr | Self::BitAnd | Self::BitXor)
    }
}

impl Lower<'_> {
    /// Calls, attributes, subscripts and operators lean to the left, thousands deep in generated code: the cursor
    /// goes down the whole chain first, and the expression is built on the way up.
    pub(super) fn chain(&mut self) -> Expr {
        let base = self.levels.len();
        let whole = self.span();
        loop {
            let kind = self.kind();
            let wanted = match kind {
                K::Call => self.f.function,
                K::Attribute => self.f.object,
                K::Subscript => self.f.value,
                K::BinaryOperator | K::BooleanOperator => self.f.left,
                _ => break,
            };
            let span = self.span();
            if !self.enter(wanted) {
                break;
            }
            self.levels.push((kind, span));
        }
        let count = self.levels.len() - base;
        if count == 0 {
            return Expr { span: whole, kind: ExprKind::Error(self.elements()) };
        }
        let outer_depth = self.depth;
        self.depth += count.min(CHAIN_MAX) - 1;
        let mut chain = Chain { expr: Some(self.expr()), run: None, height: 0, flat: Vec::new() };
        while self.levels.len() > base {
            let Some((kind, span)) = self.levels.pop() else { break };
            self.depth = outer_depth + (self.levels.len() - base).min(CHAIN_MAX);
            self.level(kind, span, &mut chain);
        }
        self.depth = outer_depth;
        chain.end_run();
        if chain.flat.is_empty()
            && let Some(expr) = chain.expr
        {
            return expr;
        }
        self.too_deep.push(whole);
        chain.flat.extend(chain.expr);
        Expr { span: whole, kind: ExprKind::Error(chain.flat) }
    }

    /// Goes to the child with a field; stays when there is none.
    fn enter(&mut self, field: u16) -> bool {
        if !self.cursor.goto_first_child() {
            return false;
        }
        // Anything before the wanted child is an error's; rare enough to look for it before taking it in.
        let mut strays = 0;
        while self.field() != field {
            strays += 1;
            if !self.cursor.goto_next_sibling() {
                self.cursor.goto_parent();
                return false;
            }
        }
        if strays > 0 {
            self.cursor.goto_parent();
            self.cursor.goto_first_child();
            for _ in 0..strays {
                match self.kind() {
                    K::Comment => self.comments.push(self.span()),
                    K::Error => self.salvage(),
                    _ => {}
                }
                self.cursor.goto_next_sibling();
            }
        }
        true
    }

    /// Wraps the chain in one level; the cursor is at the level's left child and goes to the level.
    fn level(&mut self, kind: K, span: Span, chain: &mut Chain) {
        match kind {
            K::BinaryOperator | K::BooleanOperator => {
                let (mut op, mut right) = (None, None);
                self.each_later_sibling(|l, kind| {
                    if kind.is_expression() {
                        right = Some(l.expr());
                    } else if l.field() == l.f.operator {
                        op = match l.slice() {
                            "and" => Some(RunOp::Bool { and: true }),
                            "or" => Some(RunOp::Bool { and: false }),
                            token => BinOp::from_token(token).map(RunOp::Binary),
                        };
                    }
                });
                let right = right.unwrap_or_else(|| self.missing());
                chain.operate(op, right, span);
            }
            K::Attribute => {
                let mut attr = None;
                self.each_later_sibling(|l, kind| {
                    if kind == K::Identifier {
                        attr = Some(l.ident());
                    }
                });
                let attr = attr.unwrap_or_else(|| self.no_name());
                chain.wrap(span, |value| ExprKind::Attribute { value: Box::new(value), attr });
            }
            K::Call => {
                let mut args = Arguments::default();
                self.each_later_sibling(|l, kind| {
                    if kind == K::ArgumentList {
                        args = l.arguments();
                    } else if kind.is_expression() {
                        args.args.push(l.expr());
                    }
                });
                if chain.is_full() {
                    let Arguments { args, keywords } = args;
                    chain.flat(args.into_iter().chain(keywords.into_iter().map(|k| k.value)));
                } else {
                    let args = Box::new(args);
                    chain.wrap(span, |func| ExprKind::Call { func: Box::new(func), args });
                }
            }
            _ => {
                let mut indexes = Vec::new();
                let mut comma = false;
                self.each_later_sibling(|l, kind| {
                    if kind.is_expression() {
                        indexes.push(l.expr());
                    }
                    comma |= kind == K::Comma;
                });
                let index = self.tuple_or_one(indexes, comma);
                if chain.is_full() {
                    chain.flat([index]);
                } else {
                    let index = Box::new(index);
                    chain.wrap(span, |value| ExprKind::Subscript { value: Box::new(value), index });
                }
            }
        }
    }
}

/// A chain being built from its innermost level outwards.
struct Chain {
    /// What is built so far; `None` only while it is being wrapped, or once it has moved into `run` or `flat`.
    expr: Option<Expr>,
    /// Terms joined by one operator, each with the span of the tree up to it.
    run: Option<(RunOp, Vec<(Expr, Span)>)>,
    height: usize,
    /// What the levels beyond the limit hold.
    flat: Vec<Expr>,
}

impl Chain {
    fn is_full(&self) -> bool {
        self.height >= CHAIN_MAX || !self.flat.is_empty()
    }

    fn flat(&mut self, more: impl IntoIterator<Item = Expr>) {
        self.end_run();
        self.flat.extend(self.expr.take());
        self.flat.extend(more);
    }

    fn wrap(&mut self, span: Span, wrap: impl FnOnce(Expr) -> ExprKind) {
        self.end_run();
        if self.is_full() {
            self.flat([]);
        } else if let Some(expr) = self.expr.take() {
            self.height += 1;
            self.expr = Some(Expr { span, kind: wrap(expr) });
        }
    }

    fn operate(&mut self, op: Option<RunOp>, right: Expr, span: Span) {
        if let (Some(op), Some((run, terms))) = (op, &mut self.run)
            && *run == op
        {
            terms.push((right, span));
            return;
        }
        self.end_run();
        if self.is_full() {
            self.flat([right]);
            return;
        }
        let Some(left) = self.expr.take() else { return };
        match op {
            Some(op) => {
                let start = Span::new(span.start, left.span.end);
                self.run = Some((op, vec![(left, start), (right, span)]));
            }
            None => self.expr = Some(Expr { span, kind: ExprKind::Error(vec![left, right]) }),
        }
    }

    /// Joins the terms of the run.
    fn end_run(&mut self) {
        let Some((op, terms)) = self.run.take() else { return };
        let Some(&(_, span)) = terms.last() else { return };
        let count = terms.len();
        let op = match op {
            RunOp::Bool { and } => {
                let values = terms.into_iter().map(|(expr, _)| expr).collect();
                self.height += 1;
                self.expr = Some(Expr { span, kind: ExprKind::BoolOp { and, values } });
                return;
            }
            RunOp::Binary(op) => op,
        };
        if self.height + count <= CHAIN_MAX {
            self.height += count - 1;
            self.expr = terms.into_iter().fold(None, |left, (right, span)| {
                Some(match left {
                    None => right,
                    Some(left) => {
                        let (left, right) = (Box::new(left), Box::new(right));
                        Expr { span, kind: ExprKind::BinOp { op, left, right } }
                    }
                })
            });
        } else if op.associates() {
            self.height += count.ilog2() as usize + 1;
            let mut terms: Vec<Expr> = terms.into_iter().map(|(expr, _)| expr).collect();
            self.expr = balanced(op, &mut terms).map(|expr| Expr { span, kind: expr.kind });
        } else {
            self.flat.extend(terms.into_iter().map(|(expr, _)| expr));
        }
    }
}

/// `a + b + … + z` as a tree of logarithmic height.
fn balanced(op: BinOp, terms: &mut Vec<Expr>) -> Option<Expr> {
    if terms.len() <= 1 {
        return terms.pop();
    }
    let mut right = terms.split_off(terms.len() / 2);
    let (left, right) = (balanced(op, terms)?, balanced(op, &mut right)?);
    let span = Span::new(left.span.start, right.span.end);
    Some(Expr { span, kind: ExprKind::BinOp { op, left: Box::new(left), right: Box::new(right) } })
}
