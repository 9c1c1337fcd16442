//! The Python syntax tree that the analyses read.
//!
//! It is lowered from tree-sitter's concrete tree ([`crate::parse`]) so that Python 2 and 3 look the same from here
//! on, strings are decoded, and nothing downstream depends on a grammar. Every node that can be reported has a
//! [`Span`]; what could not be read is [`ExprKind::Error`] and stands in the file's gaps.

use compact_str::CompactString;

use crate::source::Span;

/// A name with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Ident {
    /// The name.
    pub name: CompactString,
    /// Where it stands.
    pub span: Span,
}

/// A parsed module.
#[derive(Debug, Default)]
pub struct Module {
    /// Its statements.
    pub body: Vec<Stmt>,
}

/// A statement.
#[derive(Debug)]
pub struct Stmt {
    /// The whole statement.
    pub span: Span,
    /// What it is.
    pub kind: StmtKind,
}

/// The kinds of statement.
#[derive(Debug)]
pub enum StmtKind {
    /// `import a.b as c, d`
    Import(Vec<ImportName>),
    /// `from ..a import b as c`
    ImportFrom(ImportFrom),
    /// A class.
    ClassDef(Box<ClassDef>),
    /// A function.
    FunctionDef(Box<FunctionDef>),
    /// `a = b = value`
    Assign {
        /// The targets, left to right.
        targets: Vec<Expr>,
        /// The value.
        value: Expr,
    },
    /// `a: T = value`
    AnnAssign {
        /// The target.
        target: Expr,
        /// The annotation.
        annotation: Expr,
        /// The value, when given.
        value: Option<Expr>,
    },
    /// `a += value`
    AugAssign {
        /// The target.
        target: Expr,
        /// The operator.
        op: BinOp,
        /// The value.
        value: Expr,
    },
    /// `return value`
    Return(Option<Expr>),
    /// `del a, b`
    Delete(Vec<Expr>),
    /// `raise`, with Python 2's up to three values.
    Raise(Vec<Expr>),
    /// `assert test, message`
    Assert(Vec<Expr>),
    /// `global a`
    Global(Vec<Ident>),
    /// `nonlocal a`
    Nonlocal(Vec<Ident>),
    /// `if`; an `elif` is an `If` alone in `orelse`.
    If {
        /// The condition.
        test: Expr,
        /// When true.
        body: Vec<Stmt>,
        /// Otherwise.
        orelse: Vec<Stmt>,
    },
    /// `for target in iter`
    For {
        /// The loop variable.
        target: Expr,
        /// What is looped over.
        iter: Expr,
        /// The body.
        body: Vec<Stmt>,
        /// The `else` branch.
        orelse: Vec<Stmt>,
    },
    /// `while test`
    While {
        /// The condition.
        test: Expr,
        /// The body.
        body: Vec<Stmt>,
        /// The `else` branch.
        orelse: Vec<Stmt>,
    },
    /// `with a as b, c`
    With {
        /// Context managers, each with its target.
        items: Vec<(Expr, Option<Expr>)>,
        /// The body.
        body: Vec<Stmt>,
    },
    /// `try`
    Try {
        /// The body.
        body: Vec<Stmt>,
        /// The handlers.
        handlers: Vec<ExceptHandler>,
        /// The `else` branch.
        orelse: Vec<Stmt>,
        /// The `finally` branch.
        finalbody: Vec<Stmt>,
    },
    /// `match subject`
    Match {
        /// The subject.
        subject: Expr,
        /// The cases.
        cases: Vec<MatchCase>,
    },
    /// Python 2's `print a, b` and `exec code in scope`.
    Print(Vec<Expr>),
    /// An expression alone.
    Expr(Expr),
    /// `pass`, `break`, `continue`, and what holds nothing to analyse.
    Empty,
}

/// One name of an `import` statement.
#[derive(Debug)]
pub struct ImportName {
    /// The segments of the dotted name.
    pub path: Vec<Ident>,
    /// `as` name.
    pub asname: Option<Ident>,
}

/// `from … import …`
#[derive(Debug)]
pub struct ImportFrom {
    /// Number of leading dots.
    pub level: u32,
    /// The segments of the module's name, without the dots.
    pub module: Vec<Ident>,
    /// The imported names.
    pub names: Vec<(Ident, Option<Ident>)>,
    /// `import *`, with its place.
    pub star: Option<Span>,
}

/// A class definition.
#[derive(Debug)]
pub struct ClassDef {
    /// Its name.
    pub name: Ident,
    /// Bases (positional) and keywords such as `metaclass`.
    pub args: Arguments,
    /// Type parameters (PEP 695).
    pub type_params: Vec<TypeParam>,
    /// The body.
    pub body: Vec<Stmt>,
    /// Decorators, outermost first.
    pub decorators: Vec<Expr>,
}

/// A function definition.
#[derive(Debug)]
pub struct FunctionDef {
    /// Its name.
    pub name: Ident,
    /// Type parameters (PEP 695).
    pub type_params: Vec<TypeParam>,
    /// The parameters.
    pub params: Vec<Param>,
    /// The return annotation.
    pub returns: Option<Expr>,
    /// The body.
    pub body: Vec<Stmt>,
    /// Decorators, outermost first.
    pub decorators: Vec<Expr>,
}

/// A type parameter of a class or function: `T` or `T: Bound` in `class Store[T: Bound]`.
#[derive(Debug)]
pub struct TypeParam {
    /// Its name.
    pub name: Ident,
    /// Its bound, or the tuple of its constraints.
    pub bound: Option<Expr>,
}

/// A parameter.
#[derive(Debug)]
pub struct Param {
    /// Its name; empty for Python 2's tuple parameters.
    pub name: Ident,
    /// How it takes its argument.
    pub kind: ParamKind,
    /// The annotation.
    pub annotation: Option<Expr>,
    /// The default.
    pub default: Option<Expr>,
    /// Python 2's `def f((a, b))`: the pattern.
    pub pattern: Option<Expr>,
}

/// How a parameter takes its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// By position or keyword (positional-only ones too).
    Normal,
    /// Only by keyword.
    KeywordOnly,
    /// `*args`
    VarArgs,
    /// `**kwargs`
    KwArgs,
}

/// The arguments of a call or of a class definition.
#[derive(Debug, Default)]
pub struct Arguments {
    /// Positional arguments; `*args` as [`ExprKind::Starred`].
    pub args: Vec<Expr>,
    /// Keyword arguments; `**kwargs` has no name.
    pub keywords: Vec<Keyword>,
}

impl Arguments {
    /// The value of the keyword `name`.
    #[must_use]
    pub fn keyword(&self, name: &str) -> Option<&Expr> {
        self.keywords.iter().find(|k| k.name.as_ref().is_some_and(|n| n.name == name)).map(|k| &k.value)
    }

    /// The argument at `position`, or the keyword `name`.
    #[must_use]
    pub fn get(&self, position: usize, name: &str) -> Option<&Expr> {
        match self.args.get(position) {
            Some(arg) if !self.args[..=position].iter().any(|a| matches!(a.kind, ExprKind::Starred(_))) => Some(arg),
            _ => self.keyword(name),
        }
    }
}

/// A keyword argument.
#[derive(Debug)]
pub struct Keyword {
    /// The name; `None` for `**kwargs`.
    pub name: Option<Ident>,
    /// The value.
    pub value: Expr,
}

/// `except Type as name:` or `except Type, name:`
#[derive(Debug)]
pub struct ExceptHandler {
    /// The exception's expression.
    pub exception: Option<Expr>,
    /// The target.
    pub target: Option<Expr>,
    /// The body.
    pub body: Vec<Stmt>,
}

/// `case pattern if guard:`; patterns are read as the expressions they look like.
#[derive(Debug)]
pub struct MatchCase {
    /// Class names, values and nested expressions of the pattern.
    pub patterns: Vec<Expr>,
    /// The guard.
    pub guard: Option<Expr>,
    /// The body.
    pub body: Vec<Stmt>,
}

/// An expression.
#[derive(Debug)]
pub struct Expr {
    /// The whole expression.
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
}

/// The kinds of expression.
#[derive(Debug)]
pub enum ExprKind {
    /// A name.
    Name(CompactString),
    /// `value.attr`
    Attribute {
        /// The object.
        value: Box<Expr>,
        /// The attribute.
        attr: Ident,
    },
    /// `func(args)`
    Call {
        /// What is called.
        func: Box<Expr>,
        /// The arguments.
        args: Box<Arguments>,
    },
    /// `value[index]`
    Subscript {
        /// The object.
        value: Box<Expr>,
        /// The index; a [`ExprKind::Tuple`] when there are several, a [`ExprKind::Slice`] for `a:b`.
        index: Box<Expr>,
    },
    /// `a:b:c` in a subscript; absent parts are `None`.
    Slice(Vec<Option<Expr>>),
    /// A string: one piece for each literal of an implicit concatenation.
    Str(Vec<StrPiece>),
    /// A number, as written.
    Number(CompactString),
    /// `True` or `False`.
    Bool(bool),
    /// `None`
    None,
    /// `...`
    Ellipsis,
    /// `[a, b]`
    List(Vec<Expr>),
    /// `(a, b)` or `a, b`
    Tuple(Vec<Expr>),
    /// `{a, b}`
    Set(Vec<Expr>),
    /// `{k: v, **w}`; the key of `**w` is `None`.
    Dict(Vec<(Option<Expr>, Expr)>),
    /// A comprehension or generator expression.
    Comprehension {
        /// Which.
        kind: ComprehensionKind,
        /// The element; the key of a dict comprehension.
        element: Box<Expr>,
        /// The value of a dict comprehension.
        value: Option<Box<Expr>>,
        /// Its `for … in … if …` clauses.
        clauses: Vec<ComprehensionClause>,
    },
    /// `lambda params: body`
    Lambda {
        /// The parameters.
        params: Vec<Param>,
        /// The body.
        body: Box<Expr>,
    },
    /// `left op right`
    BinOp {
        /// The operator.
        op: BinOp,
        /// The left side.
        left: Box<Expr>,
        /// The right side.
        right: Box<Expr>,
    },
    /// `not x`, `-x`, `+x`, `~x`
    UnaryOp {
        /// The operator.
        op: UnaryOp,
        /// The operand.
        operand: Box<Expr>,
    },
    /// `a and b`, `a or b`
    BoolOp {
        /// Whether it is `and`.
        and: bool,
        /// The operands.
        values: Vec<Expr>,
    },
    /// `a < b <= c`
    Compare {
        /// The first operand.
        left: Box<Expr>,
        /// Operator and operand of each comparison.
        rest: Vec<(CmpOp, Expr)>,
    },
    /// `body if test else orelse`
    IfExp {
        /// The condition.
        test: Box<Expr>,
        /// When true.
        body: Box<Expr>,
        /// Otherwise.
        orelse: Box<Expr>,
    },
    /// `await x`
    Await(Box<Expr>),
    /// `yield x`, `yield from x`
    Yield(Option<Box<Expr>>),
    /// `*x`
    Starred(Box<Expr>),
    /// `name := value`
    NamedExpr {
        /// The name.
        target: Ident,
        /// The value.
        value: Box<Expr>,
    },
    /// Python 2's `` `x` ``
    Repr(Box<Expr>),
    /// Not understood: expressions found inside, in order.
    Error(Vec<Expr>),
}

/// One literal of a string expression.
#[derive(Debug)]
pub struct StrPiece {
    /// The literal with its prefix and quotes.
    pub span: Span,
    /// Whether it is a `b''` literal.
    pub bytes: bool,
    /// Text and holes, in order; a plain literal has at most one part.
    pub parts: Vec<StrPart>,
}

/// A part of a string literal.
#[derive(Debug)]
pub enum StrPart {
    /// Decoded text.
    Text(String),
    /// An f-string's `{expression}`.
    Hole(Expr),
}

/// The kinds of comprehension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComprehensionKind {
    /// `[…]`
    List,
    /// `{…}`
    Set,
    /// `{k: v …}`
    Dict,
    /// `(…)`
    Generator,
}

/// `for target in iter if a if b`
#[derive(Debug)]
pub struct ComprehensionClause {
    /// The loop variable.
    pub target: Expr,
    /// What is looped over.
    pub iter: Expr,
    /// The conditions.
    pub ifs: Vec<Expr>,
}

/// Binary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are Python's operators")]
pub enum BinOp {
    Add,
    Sub,
    Mul,
    MatMul,
    Div,
    FloorDiv,
    Mod,
    Pow,
    LShift,
    RShift,
    BitOr,
    BitAnd,
    BitXor,
}

/// Unary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are Python's operators")]
pub enum UnaryOp {
    Not,
    Neg,
    Pos,
    Invert,
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are Python's operators")]
pub enum CmpOp {
    Eq,
    NotEq,
    Lt,
    LtE,
    Gt,
    GtE,
    Is,
    IsNot,
    In,
    NotIn,
}

impl Expr {
    /// The constant text of a string without holes; pieces are joined.
    #[must_use]
    pub fn as_str(&self) -> Option<CompactString> {
        let ExprKind::Str(pieces) = &self.kind else { return None };
        let mut text = CompactString::default();
        for part in pieces.iter().flat_map(|piece| &piece.parts) {
            match part {
                StrPart::Text(t) => text.push_str(t),
                StrPart::Hole(_) => return None,
            }
        }
        Some(text)
    }

    /// The name, when the expression is a bare name.
    #[must_use]
    pub fn as_name(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The segments of `a.b.c`, when the expression is nothing but names and dots.
    #[must_use]
    pub fn as_dotted(&self) -> Option<Vec<&str>> {
        let mut segments = Vec::new();
        let mut at = self;
        loop {
            match &at.kind {
                ExprKind::Name(name) => {
                    segments.push(name.as_str());
                    segments.reverse();
                    return Some(segments);
                }
                ExprKind::Attribute { value, attr } => {
                    segments.push(attr.name.as_str());
                    at = value;
                }
                _ => return None,
            }
        }
    }
}

impl Expr {
    /// Calls `visit` on every direct part of the expression.
    pub fn parts<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            ExprKind::Attribute { value, .. }
            | ExprKind::UnaryOp { operand: value, .. }
            | ExprKind::Await(value)
            | ExprKind::Starred(value)
            | ExprKind::NamedExpr { value, .. }
            | ExprKind::Repr(value)
            | ExprKind::Yield(Some(value)) => visit(value),
            ExprKind::Lambda { params, body } => {
                params.iter().for_each(|param| param.parts(visit));
                visit(body);
            }
            ExprKind::Call { func, args } => {
                visit(func);
                args.parts(visit);
            }
            ExprKind::Subscript { value, index } => {
                visit(value);
                visit(index);
            }
            ExprKind::Slice(parts) => parts.iter().flatten().for_each(visit),
            ExprKind::Str(pieces) => {
                for part in pieces.iter().flat_map(|piece| &piece.parts) {
                    if let StrPart::Hole(hole) = part {
                        visit(hole);
                    }
                }
            }
            ExprKind::List(items)
            | ExprKind::Tuple(items)
            | ExprKind::Set(items)
            | ExprKind::BoolOp { values: items, .. }
            | ExprKind::Error(items) => items.iter().for_each(visit),
            ExprKind::Dict(entries) => {
                for (key, value) in entries {
                    key.iter().for_each(&mut *visit);
                    visit(value);
                }
            }
            ExprKind::Comprehension { element, value, clauses, .. } => {
                visit(element);
                value.iter().for_each(|value| visit(value));
                for clause in clauses {
                    visit(&clause.target);
                    visit(&clause.iter);
                    clause.ifs.iter().for_each(&mut *visit);
                }
            }
            ExprKind::BinOp { left, right, .. } => {
                visit(left);
                visit(right);
            }
            ExprKind::Compare { left, rest } => {
                visit(left);
                rest.iter().for_each(|(_, operand)| visit(operand));
            }
            ExprKind::IfExp { test, body, orelse } => {
                visit(test);
                visit(body);
                visit(orelse);
            }
            ExprKind::Name(_)
            | ExprKind::Number(_)
            | ExprKind::Bool(_)
            | ExprKind::None
            | ExprKind::Ellipsis
            | ExprKind::Yield(None) => {}
        }
    }

    /// Calls `visit` on the expression and everything in it, outer before inner.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        visit(self);
        self.parts(&mut |part| part.walk(visit));
    }
}

impl Param {
    fn parts<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        for part in [&self.annotation, &self.default, &self.pattern].into_iter().flatten() {
            visit(part);
        }
    }
}

impl Arguments {
    fn parts<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        self.args.iter().for_each(&mut *visit);
        self.keywords.iter().for_each(|keyword| visit(&keyword.value));
    }
}

impl Stmt {
    /// The bodies nested directly in the statement.
    #[must_use]
    pub fn bodies(&self) -> Vec<&[Stmt]> {
        match &self.kind {
            StmtKind::ClassDef(class) => vec![&class.body],
            StmtKind::FunctionDef(function) => vec![&function.body],
            StmtKind::If { body, orelse, .. }
            | StmtKind::For { body, orelse, .. }
            | StmtKind::While { body, orelse, .. } => vec![body, orelse],
            StmtKind::With { body, .. } => vec![body],
            StmtKind::Try { body, handlers, orelse, finalbody } => {
                let mut bodies: Vec<&[Stmt]> = vec![body];
                bodies.extend(handlers.iter().map(|handler| handler.body.as_slice()));
                bodies.push(orelse);
                bodies.push(finalbody);
                bodies
            }
            StmtKind::Match { cases, .. } => cases.iter().map(|case| case.body.as_slice()).collect(),
            _ => Vec::new(),
        }
    }

    /// Calls `visit` on the expressions that stand in the statement itself, not in its bodies.
    pub fn exprs<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        match &self.kind {
            StmtKind::ClassDef(class) => {
                class.decorators.iter().for_each(&mut *visit);
                class.type_params.iter().flat_map(|param| &param.bound).for_each(&mut *visit);
                class.args.parts(visit);
            }
            StmtKind::FunctionDef(function) => {
                function.decorators.iter().for_each(&mut *visit);
                function.type_params.iter().flat_map(|param| &param.bound).for_each(&mut *visit);
                function.params.iter().for_each(|param| param.parts(visit));
                function.returns.iter().for_each(visit);
            }
            StmtKind::Assign { targets, value } => {
                targets.iter().for_each(&mut *visit);
                visit(value);
            }
            StmtKind::AnnAssign { target, annotation, value } => {
                visit(target);
                visit(annotation);
                value.iter().for_each(visit);
            }
            StmtKind::AugAssign { target, value, .. } => {
                visit(target);
                visit(value);
            }
            StmtKind::Return(value) => value.iter().for_each(visit),
            StmtKind::Delete(exprs) | StmtKind::Raise(exprs) | StmtKind::Assert(exprs) | StmtKind::Print(exprs) => {
                exprs.iter().for_each(visit);
            }
            StmtKind::If { test, .. } | StmtKind::While { test, .. } => visit(test),
            StmtKind::For { target, iter, .. } => {
                visit(target);
                visit(iter);
            }
            StmtKind::With { items, .. } => {
                for (context, target) in items {
                    visit(context);
                    target.iter().for_each(&mut *visit);
                }
            }
            StmtKind::Try { handlers, .. } => {
                for handler in handlers {
                    handler.exception.iter().chain(&handler.target).for_each(&mut *visit);
                }
            }
            StmtKind::Match { subject, cases } => {
                visit(subject);
                for case in cases {
                    case.patterns.iter().chain(&case.guard).for_each(&mut *visit);
                }
            }
            StmtKind::Expr(expr) => visit(expr),
            StmtKind::Import(_)
            | StmtKind::ImportFrom(_)
            | StmtKind::Global(_)
            | StmtKind::Nonlocal(_)
            | StmtKind::Empty => {}
        }
    }
}

/// Calls `visit` on every expression of the statements, nested bodies included.
pub fn walk_exprs<'a>(body: &'a [Stmt], visit: &mut dyn FnMut(&'a Expr)) {
    for stmt in body {
        stmt.exprs(&mut |expr| expr.walk(visit));
        for nested in stmt.bodies() {
            walk_exprs(nested, visit);
        }
    }
}
