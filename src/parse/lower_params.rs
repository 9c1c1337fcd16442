//! Lowering of parameters and of `match` patterns.

use compact_str::CompactString;

use crate::ast::{Arguments, BinOp, Expr, ExprKind, Ident, Keyword, Param, ParamKind, UnaryOp};
use crate::source::Span;

use super::kinds::K;
use super::lower::{Lower, MAX_DEPTH};

impl Lower<'_> {
    /// The parameters of a function or a lambda.
    pub(super) fn params(&mut self) -> Vec<Param> {
        let mut params = Vec::new();
        let mut normal = ParamKind::Normal;
        self.each_child(|l, kind| {
            if kind == K::KeywordSeparator {
                normal = ParamKind::KeywordOnly;
            } else if let Some(param) = l.param(kind, normal) {
                if param.kind == ParamKind::VarArgs {
                    normal = ParamKind::KeywordOnly;
                }
                params.push(param);
            }
        });
        params
    }

    fn param(&mut self, kind: K, normal: ParamKind) -> Option<Param> {
        let mut param = Param { name: self.no_name(), kind: normal, annotation: None, default: None, pattern: None };
        match kind {
            K::Identifier => param.name = self.ident(),
            K::ListSplatPattern | K::DictionarySplatPattern => self.splat_name(kind, &mut param),
            K::TuplePattern => self.tuple_param(&mut param),
            K::DefaultParameter | K::TypedDefaultParameter | K::TypedParameter => {
                self.each_child(|l, kind| {
                    let field = l.field();
                    if field == l.f.type_ {
                        param.annotation = Some(l.expr());
                    } else if field == l.f.value {
                        param.default = Some(l.expr());
                    } else {
                        match kind {
                            K::Identifier => param.name = l.ident(),
                            K::TuplePattern => l.tuple_param(&mut param),
                            K::ListSplatPattern | K::DictionarySplatPattern => l.splat_name(kind, &mut param),
                            _ => {}
                        }
                    }
                });
            }
            _ => return None,
        }
        Some(param)
    }

    fn splat_name(&mut self, kind: K, param: &mut Param) {
        param.kind = if kind == K::ListSplatPattern { ParamKind::VarArgs } else { ParamKind::KwArgs };
        self.each_child(|l, kind| {
            if kind == K::Identifier {
                param.name = l.ident();
            }
        });
    }

    fn tuple_param(&mut self, param: &mut Param) {
        let pattern = self.expr();
        param.name = Ident { name: CompactString::default(), span: pattern.span };
        param.pattern = Some(pattern);
    }

    /// The pattern of a `case`, read as the expression that it looks like.
    pub(super) fn pattern(&mut self) -> Expr {
        if self.depth >= MAX_DEPTH {
            return self.flattened();
        }
        self.depth += 1;
        let expr = self.pattern_inner();
        self.depth -= 1;
        expr
    }

    fn pattern_inner(&mut self) -> Expr {
        let span = self.span();
        let kind = match self.kind() {
            K::CasePattern => return self.case_pattern(),
            K::AsPattern => self.as_name(),
            K::UnionPattern => return self.union_pattern(),
            K::ClassPattern => self.class_pattern(),
            K::ListPattern => ExprKind::List(self.patterns()),
            K::TuplePattern => {
                let mut patterns = self.patterns();
                // `case (x):` is `case x:`, and `case (x,):` a sequence of one.
                let comma = self.slice().trim_end_matches(|c: char| c == ')' || c.is_whitespace()).ends_with(',');
                match patterns.pop() {
                    Some(only) if patterns.is_empty() && !comma => return only,
                    last => {
                        patterns.extend(last);
                        ExprKind::Tuple(patterns)
                    }
                }
            }
            K::DictPattern => self.dict_pattern(),
            K::SplatPattern => ExprKind::Starred(Box::new(self.splat_target())),
            K::ComplexPattern => ExprKind::Number(CompactString::from(self.slice())),
            K::Underscore => ExprKind::Name(CompactString::const_new("_")),
            kind if kind.is_expression() => return self.expr(),
            _ => ExprKind::Error(self.patterns()),
        };
        Expr { span, kind }
    }

    fn is_pattern(kind: K) -> bool {
        kind.is_expression()
            || matches!(
                kind,
                K::CasePattern
                    | K::UnionPattern
                    | K::ClassPattern
                    | K::DictPattern
                    | K::SplatPattern
                    | K::ComplexPattern
                    | K::KeywordPattern
                    | K::Underscore
            )
    }

    fn patterns(&mut self) -> Vec<Expr> {
        let mut patterns = Vec::new();
        let mut minus = None;
        self.each_child(|l, kind| patterns.extend(l.signed(kind, &mut minus)));
        patterns
    }

    /// The pattern at the cursor, if it is one; the sign of a number is a token of its own before it.
    fn signed(&mut self, kind: K, minus: &mut Option<Span>) -> Option<Expr> {
        if kind == K::Minus {
            *minus = Some(self.span());
        }
        if !Self::is_pattern(kind) {
            return None;
        }
        let mut pattern = self.pattern();
        if let Some(minus) = minus.take() {
            let span = Span::new(minus.start, pattern.span.end);
            pattern = Expr { span, kind: ExprKind::UnaryOp { op: UnaryOp::Neg, operand: Box::new(pattern) } };
        }
        Some(pattern)
    }

    fn case_pattern(&mut self) -> Expr {
        self.patterns().pop().unwrap_or_else(|| self.missing())
    }

    /// `pattern as name` binds the name as `name := value` would.
    fn as_name(&mut self) -> ExprKind {
        let (mut target, mut value) = (None, None);
        self.each_child(|l, kind| {
            if kind == K::Identifier {
                target = Some(l.ident());
            } else if Self::is_pattern(kind) {
                value = Some(l.pattern());
            }
        });
        let target = target.unwrap_or_else(|| self.no_name());
        ExprKind::NamedExpr { target, value: Box::new(value.unwrap_or_else(|| self.missing())) }
    }

    fn union_pattern(&mut self) -> Expr {
        let span = self.span();
        let mut patterns = self.patterns();
        if patterns.len() > MAX_DEPTH / 4 {
            return Expr { span, kind: ExprKind::Set(patterns) };
        }
        let mut rest = patterns.drain(..);
        let Some(mut left) = rest.next() else { return self.missing() };
        for right in rest {
            let span = Span::new(left.span.start, right.span.end);
            let (l, r) = (Box::new(left), Box::new(right));
            left = Expr { span, kind: ExprKind::BinOp { op: BinOp::BitOr, left: l, right: r } };
        }
        left
    }

    fn class_pattern(&mut self) -> ExprKind {
        let mut func = None;
        let mut args = Arguments::default();
        self.each_child(|l, kind| match kind {
            K::DottedName if func.is_none() => func = Some(l.dotted_name()),
            K::CasePattern => l.class_argument(&mut args),
            _ => {}
        });
        ExprKind::Call { func: Box::new(func.unwrap_or_else(|| self.missing())), args: Box::new(args) }
    }

    fn class_argument(&mut self, args: &mut Arguments) {
        let mut keyword = None;
        if self.cursor.goto_first_child() {
            if self.kind() == K::KeywordPattern {
                let (mut name, mut value, mut minus) = (None, None, None);
                self.each_child(|l, kind| {
                    if kind == K::Identifier && name.is_none() {
                        name = Some(l.ident());
                    } else if let Some(pattern) = l.signed(kind, &mut minus) {
                        value = Some(pattern);
                    }
                });
                keyword = Some(Keyword { name, value: value.unwrap_or_else(|| self.missing()) });
                self.each_later_sibling(|_, _| {});
            } else {
                self.cursor.goto_parent();
            }
        }
        match keyword {
            Some(keyword) => args.keywords.push(keyword),
            None => args.args.push(self.pattern()),
        }
    }

    fn dict_pattern(&mut self) -> ExprKind {
        let mut entries = Vec::new();
        let (mut key, mut minus) = (None, None);
        self.each_child(|l, kind| {
            if kind == K::SplatPattern {
                let value = l.splat_target();
                entries.push((None, value));
            } else {
                let is_key = l.field() == l.f.key;
                let Some(pattern) = l.signed(kind, &mut minus) else { return };
                if is_key { key = Some(pattern) } else { entries.push((key.take(), pattern)) }
            }
        });
        ExprKind::Dict(entries)
    }

    fn splat_target(&mut self) -> Expr {
        let mut target = None;
        self.each_child(|l, kind| {
            if matches!(kind, K::Identifier | K::Underscore) {
                target = Some(l.pattern());
            }
        });
        target.unwrap_or_else(|| self.missing())
    }
}
