//! Lowering of expressions.

use compact_str::CompactString;

use crate::ast::{
    Arguments, BinOp, CmpOp, ComprehensionClause, ComprehensionKind, Expr, ExprKind, Keyword, StrPart, StrPiece,
    UnaryOp,
};
use crate::source::Span;

use super::kinds::K;
use super::lower::{Lower, MAX_DEPTH};
use super::strings::Literal;

impl Lower<'_> {
    /// The expression at the cursor.
    pub(super) fn expr(&mut self) -> Expr {
        let mut kind = self.kind();
        let outer = self.span();
        // Brackets nest without a level in the AST.
        let mut brackets = 0;
        while kind == K::ParenthesizedExpression {
            if !self.enter_bracket() {
                break;
            }
            brackets += 1;
            kind = self.kind();
        }
        let mut expr = if self.depth >= MAX_DEPTH {
            self.flattened()
        } else {
            self.depth += 1;
            let span = self.span();
            let kind = self.expr_kind(kind);
            self.depth -= 1;
            match kind {
                // A chain's span is its own; every other expression is where its node is.
                Lowered::Kind(kind) => Expr { span, kind },
                Lowered::Expr(expr) => expr,
            }
        };
        for _ in 0..brackets {
            self.each_later_sibling(|_, _| {});
        }
        if !self.patches.reprs.is_empty()
            && matches!(kind_of_patch(brackets, kind), Some(()))
            && self.patches.reprs.binary_search(&outer.start).is_ok()
        {
            expr = Expr { span: outer, kind: ExprKind::Repr(Box::new(expr)) };
        }
        expr
    }

    /// Goes to the expression inside a bracket; stays when there is none.
    fn enter_bracket(&mut self) -> bool {
        if !self.cursor.goto_first_child() {
            return false;
        }
        loop {
            match self.kind() {
                kind if kind.is_expression() => return true,
                K::Comment => self.comments.push(self.span()),
                K::Error => self.salvage(),
                _ => {}
            }
            if !self.cursor.goto_next_sibling() {
                self.cursor.goto_parent();
                return false;
            }
        }
    }

    fn expr_kind(&mut self, kind: K) -> Lowered {
        Lowered::Kind(match kind {
            K::Call | K::Attribute | K::Subscript | K::BinaryOperator | K::BooleanOperator => {
                return Lowered::Expr(self.chain());
            }
            K::AsPatternTarget | K::Type | K::CasePattern => return Lowered::Expr(self.only_child()),
            K::DottedName => return Lowered::Expr(self.dotted_name()),
            K::Identifier => match self.slice() {
                // The grammar puts a name where one is missing.
                "" => ExprKind::Error(Vec::new()),
                name => ExprKind::Name(CompactString::from(name)),
            },
            K::String => ExprKind::Str(self.piece().into_iter().collect()),
            K::ConcatenatedString => self.concatenated(),
            K::Integer | K::Float => ExprKind::Number(CompactString::from(self.slice())),
            K::True => ExprKind::Bool(true),
            K::False => ExprKind::Bool(false),
            K::None => ExprKind::None,
            K::Ellipsis => ExprKind::Ellipsis,
            K::List | K::ListPattern => ExprKind::List(self.elements()),
            K::TuplePattern => {
                let (mut elements, comma) = self.elements_and_comma();
                // The grammar takes the parentheses of a single target, `for (x) in …`, for those of a tuple.
                match elements.pop() {
                    Some(only) if elements.is_empty() && !comma => return Lowered::Expr(only),
                    last => {
                        elements.extend(last);
                        ExprKind::Tuple(elements)
                    }
                }
            }
            K::Tuple | K::ExpressionList | K::PatternList => ExprKind::Tuple(self.elements()),
            K::Set => ExprKind::Set(self.elements()),
            K::Dictionary => self.dictionary(),
            K::ListComprehension => self.comprehension(ComprehensionKind::List),
            K::SetComprehension => self.comprehension(ComprehensionKind::Set),
            K::DictionaryComprehension => self.comprehension(ComprehensionKind::Dict),
            K::GeneratorExpression => self.comprehension(ComprehensionKind::Generator),
            K::UnaryOperator => self.unary(),
            K::NotOperator => ExprKind::UnaryOp { op: UnaryOp::Not, operand: Box::new(self.only_child()) },
            K::ComparisonOperator => self.comparison(),
            K::ConditionalExpression => self.conditional(),
            K::NamedExpression => self.named(),
            K::Lambda => self.lambda(),
            K::Await => ExprKind::Await(Box::new(self.only_child())),
            K::Yield => ExprKind::Yield(self.elements().pop().map(Box::new)),
            K::ListSplat | K::ListSplatPattern | K::DictionarySplat | K::DictionarySplatPattern | K::SplatType => {
                ExprKind::Starred(Box::new(self.only_child()))
            }
            K::Slice => self.slice_expr(),
            K::GenericType => self.generic_type(),
            K::MemberType => self.member_type(),
            K::UnionType => self.union_type(),
            K::AsPattern => {
                let (value, target) = self.as_pattern();
                ExprKind::Error([Some(value), target].into_iter().flatten().collect())
            }
            K::ConstrainedType => ExprKind::Tuple(self.elements()),
            _ => ExprKind::Error(self.elements()),
        })
    }

    /// The expressions directly below the node.
    pub(super) fn elements(&mut self) -> Vec<Expr> {
        let mut elements = Vec::new();
        self.each_child(|l, kind| {
            if kind.is_expression() {
                elements.push(l.expr());
            }
        });
        elements
    }

    /// The elements of a bracketed list, and whether a comma stands in it.
    fn elements_and_comma(&mut self) -> (Vec<Expr>, bool) {
        let (mut elements, mut comma) = (Vec::new(), false);
        self.each_child(|l, kind| {
            comma |= kind == K::Comma;
            if kind.is_expression() {
                elements.push(l.expr());
            }
        });
        (elements, comma)
    }

    fn only_child(&mut self) -> Expr {
        let mut child = None;
        self.each_child(|l, kind| {
            if kind.is_expression() && child.is_none() {
                child = Some(l.expr());
            }
        });
        child.unwrap_or_else(|| self.missing())
    }

    /// The arguments of a call or a class.
    pub(super) fn arguments(&mut self) -> Arguments {
        let mut arguments = Arguments::default();
        self.each_child(|l, kind| match kind {
            K::KeywordArgument => {
                let (mut name, mut value) = (None, None);
                l.each_child(|l, kind| {
                    if name.is_none() && kind == K::Identifier {
                        name = Some(l.ident());
                    } else if kind.is_expression() {
                        value = Some(l.expr());
                    }
                });
                let value = value.unwrap_or_else(|| l.missing());
                arguments.keywords.push(Keyword { name, value });
            }
            K::DictionarySplat => {
                let value = l.only_child();
                arguments.keywords.push(Keyword { name: None, value });
            }
            kind if kind.is_expression() => arguments.args.push(l.expr()),
            _ => {}
        });
        arguments
    }

    pub(super) fn dotted_name(&mut self) -> Expr {
        let mut expr: Option<Expr> = None;
        self.each_child(|l, kind| {
            if kind != K::Identifier {
                return;
            }
            let attr = l.ident();
            expr = Some(match expr.take() {
                None => Expr { span: attr.span, kind: ExprKind::Name(attr.name) },
                Some(value) => Expr {
                    span: Span::new(value.span.start, attr.span.end),
                    kind: ExprKind::Attribute { value: Box::new(value), attr },
                },
            });
        });
        expr.unwrap_or_else(|| self.missing())
    }

    fn concatenated(&mut self) -> ExprKind {
        let mut pieces = Vec::new();
        self.each_child(|l, kind| {
            if kind == K::String {
                pieces.extend(l.piece());
            }
        });
        ExprKind::Str(pieces)
    }

    /// One literal.
    fn piece(&mut self) -> Option<StrPiece> {
        let span = self.span();
        let text = self.slice();
        let literal = Literal::read(text)?;
        let mut parts = Vec::new();
        if literal.format {
            self.format_parts(literal, span, &mut parts);
        } else {
            if self.cursor.node().has_error() {
                self.each_child(|_, _| {});
            }
            let content = text.get(literal.open..text.len() - literal.close).unwrap_or("");
            push_text(literal, content, &mut parts);
        }
        Some(StrPiece { span, bytes: literal.bytes, parts })
    }

    fn format_parts(&mut self, literal: Literal, span: Span, parts: &mut Vec<StrPart>) {
        // Text is what lies between the holes: the grammar's own text nodes leave out what it takes for blanks.
        let mut at = span.start as usize + literal.open;
        let mut end = span.end as usize - literal.close;
        self.each_child(|l, kind| match kind {
            K::Interpolation => {
                let hole = l.span();
                push_text(literal, l.text.get(at..hole.start as usize).unwrap_or(""), parts);
                l.hole(parts);
                at = hole.end as usize;
            }
            K::StringEnd => end = l.span().start as usize,
            _ => {}
        });
        push_text(literal, self.text.get(at..end).unwrap_or(""), parts);
    }

    /// `{expression!r:spec}`: the expression, then the holes of the format specification.
    fn hole(&mut self, parts: &mut Vec<StrPart>) {
        let start = self.span().start as usize + 1;
        self.each_child(|l, kind| {
            if kind == K::FormatSpecifier {
                l.each_child(|l, kind| {
                    if kind == K::FormatExpression {
                        l.hole(parts);
                    }
                });
            } else if kind.is_expression() {
                if l.depth < MAX_DEPTH {
                    let hole = l.expr();
                    parts.push(StrPart::Hole(hole));
                }
            } else if kind == K::Equals {
                // `{x = }` writes its own source before the value.
                let text = l.text.get(start..).unwrap_or("");
                let equals = (l.span().end as usize).saturating_sub(start);
                let blank = text.bytes().skip(equals).take_while(u8::is_ascii_whitespace).count();
                let hole = parts.pop();
                push_text(Literal::default(), text.get(..equals + blank).unwrap_or(""), parts);
                parts.extend(hole);
            }
        });
    }

    fn dictionary(&mut self) -> ExprKind {
        let mut entries = Vec::new();
        self.each_child(|l, kind| match kind {
            K::Pair => {
                let (key, value) = l.pair();
                entries.push((Some(key), value));
            }
            K::DictionarySplat => entries.push((None, l.only_child())),
            _ => {}
        });
        ExprKind::Dict(entries)
    }

    fn pair(&mut self) -> (Expr, Expr) {
        let (mut key, mut value) = (None, None);
        self.each_child(|l, kind| {
            if kind.is_expression() {
                if l.field() == l.f.key {
                    key = Some(l.expr());
                } else {
                    value = Some(l.expr());
                }
            }
        });
        (key.unwrap_or_else(|| self.missing()), value.unwrap_or_else(|| self.missing()))
    }

    fn comprehension(&mut self, comprehension: ComprehensionKind) -> ExprKind {
        let (mut element, mut value) = (None, None);
        let mut clauses: Vec<ComprehensionClause> = Vec::new();
        self.each_child(|l, kind| match kind {
            K::Pair => {
                let (k, v) = l.pair();
                element = Some(k);
                value = Some(Box::new(v));
            }
            K::ForInClause => clauses.push(l.for_in()),
            K::IfClause => {
                let condition = l.only_child();
                if let Some(clause) = clauses.last_mut() {
                    clause.ifs.push(condition);
                }
            }
            kind if kind.is_expression() => element = Some(l.expr()),
            _ => {}
        });
        let element = Box::new(element.unwrap_or_else(|| self.missing()));
        ExprKind::Comprehension { kind: comprehension, element, value, clauses }
    }

    fn for_in(&mut self) -> ComprehensionClause {
        let (mut target, mut iters) = (None, Vec::new());
        self.each_child(|l, kind| {
            if kind.is_expression() {
                if l.field() == l.f.left {
                    target = Some(l.expr());
                } else {
                    iters.push(l.expr());
                }
            }
        });
        let iter = self.tuple_or_one(iters, false);
        ComprehensionClause { target: target.unwrap_or_else(|| self.missing()), iter, ifs: Vec::new() }
    }

    fn unary(&mut self) -> ExprKind {
        let op = match self.slice().as_bytes().first() {
            Some(b'-') => UnaryOp::Neg,
            Some(b'~') => UnaryOp::Invert,
            _ => UnaryOp::Pos,
        };
        ExprKind::UnaryOp { op, operand: Box::new(self.only_child()) }
    }

    fn comparison(&mut self) -> ExprKind {
        let mut left = None;
        let mut rest = Vec::new();
        let mut op = CmpOp::Eq;
        self.each_child(|l, kind| {
            if kind.is_expression() {
                let operand = l.expr();
                if left.is_none() {
                    left = Some(operand);
                } else {
                    rest.push((op, operand));
                }
            } else if l.field() == l.f.operators {
                op = comparison_operator(l.slice());
            }
        });
        ExprKind::Compare { left: Box::new(left.unwrap_or_else(|| self.missing())), rest }
    }

    fn conditional(&mut self) -> ExprKind {
        let mut parts = self.elements().into_iter();
        let mut next = || Box::new(parts.next().unwrap_or_else(|| self.missing()));
        let (body, test, orelse) = (next(), next(), next());
        ExprKind::IfExp { test, body, orelse }
    }

    fn named(&mut self) -> ExprKind {
        let (mut target, mut value) = (None, None);
        self.each_child(|l, kind| {
            if l.field() == l.f.name {
                target = Some(l.ident());
            } else if kind.is_expression() {
                value = Some(l.expr());
            }
        });
        let target = target.unwrap_or_else(|| self.no_name());
        ExprKind::NamedExpr { target, value: Box::new(value.unwrap_or_else(|| self.missing())) }
    }

    fn lambda(&mut self) -> ExprKind {
        let (mut params, mut body) = (Vec::new(), None);
        self.each_child(|l, kind| {
            if kind == K::LambdaParameters {
                params = l.params();
            } else if kind.is_expression() {
                body = Some(l.expr());
            }
        });
        ExprKind::Lambda { params, body: Box::new(body.unwrap_or_else(|| self.missing())) }
    }

    fn slice_expr(&mut self) -> ExprKind {
        let mut parts = vec![None];
        self.each_child(|l, kind| {
            if kind == K::Colon {
                parts.push(None);
            } else if kind.is_expression()
                && let Some(part) = parts.last_mut()
            {
                *part = Some(l.expr());
            }
        });
        ExprKind::Slice(parts)
    }

    /// `name[types]` in an annotation.
    fn generic_type(&mut self) -> ExprKind {
        let (mut name, mut index) = (None, None);
        self.each_child(|l, kind| match kind {
            K::TypeParameter => {
                let types = l.elements();
                index = Some(l.tuple_or_one(types, false));
            }
            kind if kind.is_expression() => name = Some(l.expr()),
            _ => {}
        });
        let value = Box::new(name.unwrap_or_else(|| self.missing()));
        ExprKind::Subscript { value, index: Box::new(index.unwrap_or_else(|| self.missing())) }
    }

    fn member_type(&mut self) -> ExprKind {
        let (mut value, mut attr) = (None, None);
        self.each_child(|l, kind| match kind {
            K::Identifier => attr = Some(l.ident()),
            kind if kind.is_expression() => value = Some(l.expr()),
            _ => {}
        });
        let value = Box::new(value.unwrap_or_else(|| self.missing()));
        ExprKind::Attribute { value, attr: attr.unwrap_or_else(|| self.no_name()) }
    }

    fn union_type(&mut self) -> ExprKind {
        let mut sides = self.elements().into_iter();
        let mut next = || Box::new(sides.next().unwrap_or_else(|| self.missing()));
        let (left, right) = (next(), next());
        ExprKind::BinOp { op: BinOp::BitOr, left, right }
    }

    /// Names and strings of a place that nests too deep, in order and without recursion.
    pub(super) fn flattened(&mut self) -> Expr {
        let span = self.span();
        self.too_deep.push(span);
        let mut found = Vec::new();
        let mut down = 0;
        loop {
            let kind = self.kind();
            let leaf = match kind {
                K::Identifier => {
                    found.push(Expr { span: self.span(), kind: ExprKind::Name(CompactString::from(self.slice())) });
                    true
                }
                K::Comment => {
                    self.comments.push(self.span());
                    true
                }
                K::String => {
                    let literal = Literal::read(self.slice());
                    let format = literal.is_some_and(|literal| literal.format);
                    if !format {
                        let kind = ExprKind::Str(self.piece().into_iter().collect());
                        found.push(Expr { span: self.span(), kind });
                    }
                    !format
                }
                _ => false,
            };
            if !leaf && self.cursor.goto_first_child() {
                down += 1;
                continue;
            }
            while down > 0 && !self.cursor.goto_next_sibling() {
                self.cursor.goto_parent();
                down -= 1;
            }
            if down == 0 {
                break;
            }
        }
        Expr { span, kind: ExprKind::Error(found) }
    }
}

/// What `expr_kind` gives: a kind that stands where its node stands, or an expression with a place of its own.
enum Lowered {
    Kind(ExprKind),
    Expr(Expr),
}

/// Whether a bracket that was a backtick can have become this node.
fn kind_of_patch(brackets: usize, kind: K) -> Option<()> {
    (brackets > 0 || matches!(kind, K::Tuple | K::GeneratorExpression)).then_some(())
}

fn push_text(literal: Literal, text: &str, parts: &mut Vec<StrPart>) {
    if text.is_empty() {
        return;
    }
    let mut decoded = String::with_capacity(text.len());
    literal.decode(text, &mut decoded);
    match parts.last_mut() {
        Some(StrPart::Text(before)) => before.push_str(&decoded),
        _ => parts.push(StrPart::Text(decoded)),
    }
}

fn comparison_operator(token: &str) -> CmpOp {
    match token {
        "!=" | "<>" => CmpOp::NotEq,
        "<" => CmpOp::Lt,
        "<=" => CmpOp::LtE,
        ">" => CmpOp::Gt,
        ">=" => CmpOp::GtE,
        "in" => CmpOp::In,
        "is" => CmpOp::Is,
        "==" => CmpOp::Eq,
        // `is not` and `not in` are one token with blanks or comments of any kind between the words.
        token if token.starts_with("is") => CmpOp::IsNot,
        _ => CmpOp::NotIn,
    }
}
