//! From tree-sitter's concrete tree to the AST: the walk itself, and statements.
//!
//! One cursor walks the whole tree: every method is called with the cursor at its node and leaves it there. What
//! stands in an ERROR node is not lost: expressions and statements found inside become *strays*, statements that
//! follow the statement around them.

use compact_str::CompactString;
use tree_sitter::{Tree, TreeCursor};

use crate::ast::{
    Arguments, BinOp, ClassDef, ExceptHandler, Expr, ExprKind, FunctionDef, Ident, ImportFrom, ImportName, MatchCase,
    Module, Param, Stmt, StmtKind, TypeParam,
};
use crate::source::Span;

use super::kinds::{Fields, Grammar, K};
use super::patch::Patches;

/// How deep statements and expressions may nest. Python itself stops at 200 brackets and 100 indentations; what
/// walks the AST recursively, dropping it included, must fit a thread's stack.
pub(super) const MAX_DEPTH: usize = 200;

/// What lowering made of a tree.
pub(super) struct Lowered {
    pub(super) module: Module,
    pub(super) comments: Vec<Span>,
    /// Places that nest too deep to be read in full.
    pub(super) too_deep: Vec<Span>,
}

/// Lowers a tree; `text` is the original, `patches` tells where the grammar read another.
pub(super) fn lower<'a>(tree: &'a Tree, text: &'a str, patches: &'a Patches) -> Lowered {
    let grammar = Grammar::get();
    let mut lower = Lower {
        grammar,
        f: grammar.fields,
        cursor: tree.walk(),
        text,
        patches,
        depth: 0,
        levels: Vec::new(),
        comments: Vec::new(),
        strays: Vec::new(),
        too_deep: Vec::new(),
    };
    let body = if lower.kind() == K::Error {
        lower.salvage();
        std::mem::take(&mut lower.strays)
    } else {
        lower.block()
    };
    lower.comments.sort_unstable();
    Lowered { module: Module { body }, comments: lower.comments, too_deep: lower.too_deep }
}

pub(super) struct Lower<'a> {
    grammar: &'static Grammar,
    pub(super) f: Fields,
    pub(super) cursor: TreeCursor<'a>,
    pub(super) text: &'a str,
    pub(super) patches: &'a Patches,
    pub(super) depth: usize,
    /// The open levels of the chains being lowered; shared, so that a chain costs no allocation.
    pub(super) levels: Vec<(K, Span)>,
    pub(super) comments: Vec<Span>,
    strays: Vec<Stmt>,
    pub(super) too_deep: Vec<Span>,
}

/// The parts of an assignment while it is read.
struct Assigned {
    targets: Vec<Expr>,
    annotation: Option<Expr>,
    value: Option<Expr>,
}

impl<'a> Lower<'a> {
    pub(super) fn kind(&self) -> K {
        self.grammar.kind(self.cursor.node().kind_id())
    }

    pub(super) fn span(&self) -> Span {
        let node = self.cursor.node();
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span::new(offset(node.start_byte()), offset(node.end_byte()))
    }

    /// The field of the cursor's node in its parent.
    pub(super) fn field(&self) -> u16 {
        self.cursor.field_id().map_or(0, std::num::NonZeroU16::get)
    }

    pub(super) fn slice(&self) -> &'a str {
        self.text.get(self.cursor.node().byte_range()).unwrap_or("")
    }

    pub(super) fn ident(&self) -> Ident {
        Ident { name: CompactString::from(self.slice()), span: self.span() }
    }

    /// Calls `visit` at each child that is neither a comment nor an error.
    pub(super) fn each_child(&mut self, visit: impl FnMut(&mut Self, K)) {
        if self.cursor.goto_first_child() {
            self.each_sibling(visit);
        }
    }

    /// Calls `visit` at the cursor's node and its later siblings, then goes to the parent.
    pub(super) fn each_sibling(&mut self, mut visit: impl FnMut(&mut Self, K)) {
        loop {
            self.at_child(&mut visit);
            if !self.cursor.goto_next_sibling() {
                break;
            }
        }
        self.cursor.goto_parent();
    }

    /// Calls `visit` at the later siblings of the cursor's node, then goes to the parent.
    pub(super) fn each_later_sibling(&mut self, mut visit: impl FnMut(&mut Self, K)) {
        while self.cursor.goto_next_sibling() {
            self.at_child(&mut visit);
        }
        self.cursor.goto_parent();
    }

    fn at_child(&mut self, visit: &mut impl FnMut(&mut Self, K)) {
        match self.kind() {
            K::Comment => self.comments.push(self.span()),
            K::Error => self.salvage(),
            kind => visit(self, kind),
        }
    }

    /// Keeps what can be read inside an ERROR node, or inside a node that the AST has no place for.
    pub(super) fn salvage(&mut self) {
        if self.depth >= MAX_DEPTH {
            let expr = self.flattened();
            self.strays.push(Stmt { span: expr.span, kind: StmtKind::Expr(expr) });
            return;
        }
        self.depth += 1;
        let mut found = Vec::new();
        self.each_child(|l, kind| {
            if kind.is_statement() {
                l.statement(kind, &mut found);
                found.append(&mut l.strays);
            } else if kind.is_expression() {
                let expr = l.expr();
                let span = expr.span;
                let kind = StmtKind::Expr(Expr { span, kind: ExprKind::Error(vec![expr]) });
                found.push(Stmt { span, kind });
            } else {
                l.salvage();
                found.append(&mut l.strays);
            }
        });
        self.depth -= 1;
        self.strays.append(&mut found);
    }

    /// The statements of a module, a block, or a clause that holds a block.
    pub(super) fn block(&mut self) -> Vec<Stmt> {
        let outer = std::mem::take(&mut self.strays);
        let mut body = Vec::new();
        self.each_child(|l, kind| {
            // What an error before this node left behind stands before it.
            body.append(&mut l.strays);
            if kind.is_statement() {
                l.statement(kind, &mut body);
            } else if kind == K::Block {
                body.append(&mut l.block());
            } else if kind.is_expression() {
                l.salvage_expression();
            }
            body.append(&mut l.strays);
        });
        // An error at the very end of a block is met after the last visit.
        body.append(&mut self.strays);
        self.strays = outer;
        body
    }

    fn salvage_expression(&mut self) {
        let expr = self.expr();
        let span = expr.span;
        let kind = StmtKind::Expr(Expr { span, kind: ExprKind::Error(vec![expr]) });
        self.strays.push(Stmt { span, kind });
    }

    fn statement(&mut self, kind: K, out: &mut Vec<Stmt>) {
        let span = self.span();
        if self.depth >= MAX_DEPTH {
            let expr = self.flattened();
            out.push(Stmt { span, kind: StmtKind::Expr(expr) });
            return;
        }
        self.depth += 1;
        let kind = match kind {
            K::ImportStatement => self.import(),
            K::ImportFromStatement | K::FutureImportStatement => self.import_from(),
            K::PrintStatement | K::ExecStatement => StmtKind::Print(self.values()),
            K::AssertStatement => StmtKind::Assert(self.values()),
            K::ExpressionStatement => self.expression_statement(),
            K::ReturnStatement => StmtKind::Return(self.values().into_iter().next()),
            K::DeleteStatement if self.patches.execs.binary_search(&span.start).is_ok() => {
                StmtKind::Print(self.flat_values())
            }
            K::DeleteStatement => StmtKind::Delete(self.flat_values()),
            K::RaiseStatement => StmtKind::Raise(self.flat_values()),
            K::GlobalStatement => StmtKind::Global(self.idents()),
            K::NonlocalStatement => StmtKind::Nonlocal(self.idents()),
            K::TypeAliasStatement => self.type_alias(),
            K::IfStatement => self.if_statement(),
            K::ForStatement => self.for_statement(),
            K::WhileStatement => self.while_statement(),
            K::TryStatement => self.try_statement(),
            K::WithStatement => self.with_statement(),
            K::MatchStatement => self.match_statement(),
            K::FunctionDefinition => self.function(Vec::new()),
            K::ClassDefinition => self.class(Vec::new()),
            K::DecoratedDefinition => self.decorated(),
            _ => {
                self.each_child(|_, _| {});
                StmtKind::Empty
            }
        };
        self.depth -= 1;
        out.push(Stmt { span, kind });
    }

    /// The expressions directly below the node, or below the chevron of `print >>f`.
    fn values(&mut self) -> Vec<Expr> {
        let mut values = Vec::new();
        self.each_child(|l, kind| {
            if kind.is_expression() {
                values.push(l.expr());
            } else if kind == K::Chevron {
                values.append(&mut l.values());
            }
        });
        values
    }

    /// Like `values`, with the members of an unbracketed tuple one by one.
    fn flat_values(&mut self) -> Vec<Expr> {
        let mut values = Vec::new();
        self.each_child(|l, kind| {
            if kind == K::ExpressionList {
                values.append(&mut l.values());
            } else if kind.is_expression() {
                values.push(l.expr());
            }
        });
        values
    }

    fn idents(&mut self) -> Vec<Ident> {
        let mut idents = Vec::new();
        self.each_child(|l, kind| {
            if kind == K::Identifier {
                idents.push(l.ident());
            }
        });
        idents
    }

    fn import(&mut self) -> StmtKind {
        let mut names = Vec::new();
        self.each_child(|l, kind| match kind {
            K::DottedName => names.push(ImportName { path: l.idents(), asname: None }),
            K::AliasedImport => {
                let (path, asname) = l.aliased_import();
                names.push(ImportName { path, asname });
            }
            _ => {}
        });
        StmtKind::Import(names)
    }

    fn aliased_import(&mut self) -> (Vec<Ident>, Option<Ident>) {
        let (mut path, mut asname) = (Vec::new(), None);
        self.each_child(|l, kind| match kind {
            K::DottedName => path = l.idents(),
            K::Identifier => asname = Some(l.ident()),
            _ => {}
        });
        (path, asname)
    }

    fn import_from(&mut self) -> StmtKind {
        let mut import = ImportFrom { level: 0, module: Vec::new(), names: Vec::new(), star: None };
        self.each_child(|l, kind| match kind {
            K::Future => import.module.push(l.ident()),
            K::RelativeImport => l.each_child(|l, kind| match kind {
                K::ImportPrefix => import.level = u32::try_from(l.slice().matches('.').count()).unwrap_or(u32::MAX),
                K::DottedName => import.module = l.idents(),
                _ => {}
            }),
            K::DottedName if l.field() == l.f.module_name => import.module = l.idents(),
            K::DottedName => import.names.extend(l.idents().pop().map(|name| (name, None))),
            K::AliasedImport => {
                let (mut path, asname) = l.aliased_import();
                import.names.extend(path.pop().map(|name| (name, asname)));
            }
            K::WildcardImport => import.star = Some(l.span()),
            _ => {}
        });
        StmtKind::ImportFrom(import)
    }

    fn expression_statement(&mut self) -> StmtKind {
        let mut kind = None;
        let mut values = Vec::new();
        let mut comma = false;
        self.each_child(|l, child| match child {
            K::Assignment => kind = Some(l.assignment()),
            K::AugmentedAssignment => kind = l.augmented_assignment(),
            K::Comma => comma = true,
            child if child.is_expression() => values.push(l.expr()),
            _ => {}
        });
        kind.unwrap_or_else(|| StmtKind::Expr(self.tuple_or_one(values, comma)))
    }

    /// One value, or the tuple of several.
    pub(super) fn tuple_or_one(&self, mut values: Vec<Expr>, comma: bool) -> Expr {
        if !comma
            && values.len() == 1
            && let Some(value) = values.pop()
        {
            return value;
        }
        let span = match (values.first(), values.last()) {
            (Some(first), Some(last)) => Span::new(first.span.start, last.span.end),
            _ => self.span(),
        };
        Expr { span, kind: ExprKind::Tuple(values) }
    }

    fn assignment(&mut self) -> StmtKind {
        let mut assigned = Assigned { targets: Vec::new(), annotation: None, value: None };
        // `a = b = c` nests to the right: the cursor goes down it, and back up at the end.
        let mut down = 0;
        while self.assignment_level(&mut assigned) {
            down += 1;
        }
        for _ in 0..down {
            self.each_later_sibling(|_, _| {});
        }
        let Assigned { mut targets, annotation, value } = assigned;
        let error = |l: &Self| Expr { span: l.span(), kind: ExprKind::Error(Vec::new()) };
        match annotation {
            Some(annotation) if targets.len() == 1 => {
                let target = targets.pop().unwrap_or_else(|| error(self));
                StmtKind::AnnAssign { target, annotation, value }
            }
            // An annotation among several targets is no Python; nothing of it is lost.
            annotation => {
                let mut value = value.unwrap_or_else(|| error(self));
                if let Some(annotation) = annotation {
                    value = Expr { span: value.span, kind: ExprKind::Error(vec![annotation, value]) };
                }
                StmtKind::Assign { targets, value }
            }
        }
    }

    /// Reads one `target =`; true with the cursor on the assignment to its right, if that is what follows.
    fn assignment_level(&mut self, assigned: &mut Assigned) -> bool {
        if !self.cursor.goto_first_child() {
            return false;
        }
        loop {
            let kind = self.kind();
            let field = self.field();
            if kind == K::Comment {
                self.comments.push(self.span());
            } else if kind == K::Error {
                self.salvage();
            } else if field == self.f.left {
                assigned.targets.push(self.expr());
            } else if field == self.f.type_ {
                assigned.annotation = Some(self.expr());
            } else if field == self.f.right {
                if kind == K::Assignment {
                    return true;
                }
                assigned.value = Some(self.expr());
            }
            if !self.cursor.goto_next_sibling() {
                self.cursor.goto_parent();
                return false;
            }
        }
    }

    fn augmented_assignment(&mut self) -> Option<StmtKind> {
        let (mut target, mut op, mut value) = (None, None, None);
        self.each_child(|l, kind| {
            let field = l.field();
            if field == l.f.left {
                target = Some(l.expr());
            } else if field == l.f.operator {
                op = BinOp::from_token(l.slice().trim_end_matches('='));
            } else if kind.is_expression() {
                value = Some(l.expr());
            }
        });
        Some(StmtKind::AugAssign { target: target?, op: op?, value: value? })
    }

    fn type_alias(&mut self) -> StmtKind {
        let (mut target, mut value) = (None, None);
        self.each_child(|l, _| {
            let field = l.field();
            if field == l.f.left {
                target = Some(l.expr());
            } else if field == l.f.right {
                value = Some(l.expr());
            }
        });
        // `type X[T: Bound] = …` binds X; the bound is kept beside the value.
        let mut targets = Vec::new();
        let mut values: Vec<Expr> = value.into_iter().collect();
        match target {
            Some(Expr { kind: ExprKind::Subscript { value, index }, .. }) => {
                targets.push(*value);
                values.push(*index);
            }
            Some(target) => targets.push(target),
            None => {}
        }
        let value = if values.len() == 1 {
            self.tuple_or_one(values, false)
        } else {
            Expr { span: self.span(), kind: ExprKind::Error(values) }
        };
        StmtKind::Assign { targets, value }
    }

    fn if_statement(&mut self) -> StmtKind {
        let end = self.span().end;
        let mut branches: Vec<(Span, Expr, Vec<Stmt>)> = Vec::new();
        let mut orelse = Vec::new();
        let (mut test, mut body) = (None, Vec::new());
        self.each_child(|l, kind| {
            let field = l.field();
            if field == l.f.condition {
                test = Some(l.expr());
            } else if kind == K::Block {
                body.append(&mut l.block());
            } else if kind == K::ElifClause {
                let (mut test, mut body) = (None, Vec::new());
                l.each_child(|l, kind| {
                    if l.field() == l.f.condition {
                        test = Some(l.expr());
                    } else if kind == K::Block {
                        body.append(&mut l.block());
                    }
                });
                let test = test.unwrap_or_else(|| l.missing());
                branches.push((Span::new(l.span().start, end), test, body));
            } else if kind == K::ElseClause {
                orelse = l.block();
            }
        });
        let test = test.unwrap_or_else(|| self.missing());
        // Each `elif` nests one deeper; beyond the limit they stand beside each other.
        let nested = branches.len().min((MAX_DEPTH - self.depth.min(MAX_DEPTH)) / 2);
        let beside = branches.split_off(nested);
        if let Some((span, ..)) = beside.first() {
            self.too_deep.push(*span);
            let ends: Vec<u32> = beside.iter().skip(1).map(|(span, ..)| span.start).chain([end]).collect();
            let last = std::mem::take(&mut orelse);
            for ((span, test, body), end) in beside.into_iter().zip(ends) {
                let kind = StmtKind::If { test, body, orelse: Vec::new() };
                orelse.push(Stmt { span: Span::new(span.start, end), kind });
            }
            orelse.extend(last);
        }
        for (span, test, body) in branches.into_iter().rev() {
            orelse = vec![Stmt { span, kind: StmtKind::If { test, body, orelse } }];
        }
        StmtKind::If { test, body, orelse }
    }

    /// Stands for an expression that is not there.
    pub(super) fn missing(&self) -> Expr {
        let at = self.span().start;
        Expr { span: Span::new(at, at), kind: ExprKind::Error(Vec::new()) }
    }

    fn for_statement(&mut self) -> StmtKind {
        let (mut target, mut iter) = (None, None);
        let (mut body, mut orelse) = (Vec::new(), Vec::new());
        self.each_child(|l, kind| {
            let field = l.field();
            if field == l.f.left {
                target = Some(l.expr());
            } else if field == l.f.right {
                iter = Some(l.expr());
            } else if kind == K::Block {
                body.append(&mut l.block());
            } else if kind == K::ElseClause {
                orelse = l.block();
            }
        });
        let (target, iter) = (target.unwrap_or_else(|| self.missing()), iter.unwrap_or_else(|| self.missing()));
        StmtKind::For { target, iter, body, orelse }
    }

    fn while_statement(&mut self) -> StmtKind {
        let mut test = None;
        let (mut body, mut orelse) = (Vec::new(), Vec::new());
        self.each_child(|l, kind| {
            if l.field() == l.f.condition {
                test = Some(l.expr());
            } else if kind == K::Block {
                body.append(&mut l.block());
            } else if kind == K::ElseClause {
                orelse = l.block();
            }
        });
        StmtKind::While { test: test.unwrap_or_else(|| self.missing()), body, orelse }
    }

    fn try_statement(&mut self) -> StmtKind {
        let mut handlers = Vec::new();
        let (mut body, mut orelse, mut finalbody) = (Vec::new(), Vec::new(), Vec::new());
        self.each_child(|l, kind| match kind {
            K::Block => body.append(&mut l.block()),
            K::ExceptClause => handlers.push(l.except_clause()),
            K::ElseClause => orelse = l.block(),
            K::FinallyClause => finalbody = l.block(),
            _ => {}
        });
        StmtKind::Try { body, handlers, orelse, finalbody }
    }

    fn except_clause(&mut self) -> ExceptHandler {
        let mut values = Vec::new();
        let (mut target, mut body) = (None, Vec::new());
        self.each_child(|l, kind| {
            if kind == K::Block {
                body.append(&mut l.block());
            } else if kind == K::AsPattern {
                let (value, name) = l.as_pattern();
                values.push(value);
                target = name;
            } else if l.field() == l.f.alias {
                target = Some(l.expr());
            } else if kind.is_expression() {
                values.push(l.expr());
            }
        });
        // `except A, b:` is Python 2's `as`; with three or more it is Python 3.14's list without brackets.
        if target.is_none() && values.len() == 2 {
            target = values.pop();
        }
        let exception = (!values.is_empty()).then(|| self.tuple_or_one(values, false));
        ExceptHandler { exception, target, body }
    }

    /// `value as target`, wherever that stands.
    pub(super) fn as_pattern(&mut self) -> (Expr, Option<Expr>) {
        let (mut value, mut target) = (None, None);
        self.each_child(|l, kind| {
            if l.field() == l.f.alias || kind == K::AsPatternTarget {
                target = Some(l.expr());
            } else if kind.is_expression() && value.is_none() {
                value = Some(l.expr());
            }
        });
        (value.unwrap_or_else(|| self.missing()), target)
    }

    fn with_statement(&mut self) -> StmtKind {
        let (mut items, mut body) = (Vec::new(), Vec::new());
        self.each_child(|l, kind| match kind {
            K::WithClause => l.each_child(|l, kind| {
                if kind == K::WithItem {
                    l.each_child(|l, kind| l.with_item(kind, &mut items));
                }
            }),
            K::Block => body.append(&mut l.block()),
            _ => {}
        });
        StmtKind::With { items, body }
    }

    /// The grammar reads `with (a as b, c as d):` as a tuple of patterns: they are items all the same.
    fn with_item(&mut self, kind: K, items: &mut Vec<(Expr, Option<Expr>)>) {
        match kind {
            K::AsPattern => items.push(self.as_pattern()),
            K::Tuple | K::ParenthesizedExpression if self.holds_as_pattern() => {
                self.each_child(|l, kind| l.with_item(kind, items));
            }
            kind if kind.is_expression() => items.push((self.expr(), None)),
            _ => {}
        }
    }

    fn holds_as_pattern(&mut self) -> bool {
        if !self.cursor.goto_first_child() {
            return false;
        }
        let mut found = false;
        loop {
            found |= self.kind() == K::AsPattern;
            if found || !self.cursor.goto_next_sibling() {
                break;
            }
        }
        self.cursor.goto_parent();
        found
    }

    fn match_statement(&mut self) -> StmtKind {
        let (mut subjects, mut cases) = (Vec::new(), Vec::new());
        let mut comma = false;
        self.each_child(|l, kind| match kind {
            K::Block => l.each_child(|l, kind| {
                if kind == K::CaseClause {
                    cases.push(l.case_clause());
                } else if kind.is_statement() {
                    l.salvage();
                }
            }),
            K::Comma => comma = true,
            kind if kind.is_expression() => subjects.push(l.expr()),
            _ => {}
        });
        StmtKind::Match { subject: self.tuple_or_one(subjects, comma), cases }
    }

    fn case_clause(&mut self) -> MatchCase {
        let mut case = MatchCase { patterns: Vec::new(), guard: None, body: Vec::new() };
        self.each_child(|l, kind| match kind {
            K::CasePattern => case.patterns.push(l.pattern()),
            K::IfClause => l.each_child(|l, kind| {
                if kind.is_expression() {
                    case.guard = Some(l.expr());
                }
            }),
            K::Block => case.body.append(&mut l.block()),
            _ => {}
        });
        case
    }

    fn decorated(&mut self) -> StmtKind {
        let mut decorators = Vec::new();
        let mut definition = StmtKind::Empty;
        self.each_child(|l, kind| match kind {
            K::Decorator => decorators.append(&mut l.values()),
            K::FunctionDefinition => definition = l.function(std::mem::take(&mut decorators)),
            K::ClassDefinition => definition = l.class(std::mem::take(&mut decorators)),
            _ => {}
        });
        definition
    }

    fn function(&mut self, decorators: Vec<Expr>) -> StmtKind {
        let mut name = None;
        let (mut params, mut returns, mut body): (Vec<Param>, _, _) = (Vec::new(), None, Vec::new());
        let mut type_params = Vec::new();
        self.each_child(|l, kind| match kind {
            K::Identifier => name = Some(l.ident()),
            K::Parameters => params = l.params(),
            K::TypeParameter => type_params = l.type_params(),
            K::Block => body.append(&mut l.block()),
            kind if kind.is_expression() => returns = Some(l.expr()),
            _ => {}
        });
        let name = name.unwrap_or_else(|| self.no_name());
        StmtKind::FunctionDef(Box::new(FunctionDef { name, type_params, params, returns, body, decorators }))
    }

    fn class(&mut self, decorators: Vec<Expr>) -> StmtKind {
        let mut name = None;
        let (mut args, mut body) = (Arguments::default(), Vec::new());
        let mut type_params = Vec::new();
        self.each_child(|l, kind| match kind {
            K::Identifier => name = Some(l.ident()),
            K::ArgumentList => args = l.arguments(),
            K::TypeParameter => type_params = l.type_params(),
            K::Block => body.append(&mut l.block()),
            _ => {}
        });
        let name = name.unwrap_or_else(|| self.no_name());
        StmtKind::ClassDef(Box::new(ClassDef { name, args, type_params, body, decorators }))
    }

    /// `[T, U: Bound, *Ts]`; a name with a bound is read as a pair.
    fn type_params(&mut self) -> Vec<TypeParam> {
        let mut found = Vec::new();
        for expr in self.elements() {
            let (name, bound) = match expr.kind {
                ExprKind::Tuple(mut pair) if pair.len() == 2 => {
                    let bound = pair.pop();
                    (pair.pop(), bound)
                }
                ExprKind::Starred(inner) => (Some(*inner), None),
                _ => (Some(expr), None),
            };
            if let Some(Expr { span, kind: ExprKind::Name(name) }) = name {
                found.push(TypeParam { name: Ident { name, span }, bound });
            }
        }
        found
    }

    pub(super) fn no_name(&self) -> Ident {
        Ident { name: CompactString::default(), span: self.missing().span }
    }
}
