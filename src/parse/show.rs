//! For tests: a tree as short text, and its spans.

use crate::ast::{
    Arguments, ComprehensionClause, Expr, ExprKind, Ident, Module, Param, ParamKind, Stmt, StmtKind, StrPart, TypeParam,
};
use crate::source::Span;

/// The statements of a module, one a line; blocks in braces.
pub(super) fn module(module: &Module) -> String {
    module.body.iter().map(stmt).collect::<Vec<_>>().join("\n")
}

fn block(body: &[Stmt]) -> String {
    format!("{{{}}}", body.iter().map(stmt).collect::<Vec<_>>().join("; "))
}

fn list(exprs: &[Expr]) -> String {
    exprs.iter().map(expr).collect::<Vec<_>>().join(", ")
}

fn dotted(path: &[Ident]) -> String {
    path.iter().map(|ident| ident.name.as_str()).collect::<Vec<_>>().join(".")
}

fn orelse(body: &[Stmt]) -> String {
    if body.is_empty() { String::new() } else { format!(" else {}", block(body)) }
}

fn type_params(params: &[TypeParam]) -> String {
    if params.is_empty() {
        return String::new();
    }
    let one = |param: &TypeParam| match &param.bound {
        Some(bound) => format!("{}: {}", param.name.name, expr(bound)),
        None => param.name.name.to_string(),
    };
    format!("[{}]", params.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn stmt(stmt: &Stmt) -> String {
    let opt = |value: &Option<Expr>| value.as_ref().map_or_else(String::new, |value| format!(" {}", expr(value)));
    match &stmt.kind {
        StmtKind::Import(names) => names
            .iter()
            .map(|n| {
                format!(
                    "import {}{}",
                    dotted(&n.path),
                    n.asname.as_ref().map_or(String::new(), |a| format!(" as {}", a.name))
                )
            })
            .collect::<Vec<_>>()
            .join(", "),
        StmtKind::ImportFrom(from) => {
            let names = from
                .names
                .iter()
                .map(|(n, a)| format!("{}{}", n.name, a.as_ref().map_or(String::new(), |a| format!(" as {}", a.name))))
                .chain(from.star.map(|_| "*".to_owned()))
                .collect::<Vec<_>>()
                .join(", ");
            format!("from {}{} import {names}", ".".repeat(from.level as usize), dotted(&from.module))
        }
        StmtKind::ClassDef(class) => {
            let decorators = class.decorators.iter().map(|d| format!("@{} ", expr(d))).collect::<String>();
            let types = type_params(&class.type_params);
            format!("{decorators}class {}{types}({}) {}", class.name.name, arguments(&class.args), block(&class.body))
        }
        StmtKind::FunctionDef(def) => {
            let decorators = def.decorators.iter().map(|d| format!("@{} ", expr(d))).collect::<String>();
            let returns = def.returns.as_ref().map_or_else(String::new, |r| format!(" -> {}", expr(r)));
            let types = type_params(&def.type_params);
            format!("{decorators}def {}{types}({}){returns} {}", def.name.name, params(&def.params), block(&def.body))
        }
        StmtKind::Assign { targets, value } => {
            targets.iter().map(|t| format!("{} = ", expr(t))).collect::<String>() + &expr(value)
        }
        StmtKind::AnnAssign { target, annotation, value } => {
            format!(
                "{}: {}{}",
                expr(target),
                expr(annotation),
                value.as_ref().map_or(String::new(), |v| format!(" = {}", expr(v)))
            )
        }
        StmtKind::AugAssign { target, op, value } => format!("{} {op:?}= {}", expr(target), expr(value)),
        StmtKind::Return(value) => format!("return{}", opt(value)),
        StmtKind::Delete(values) => format!("del {}", list(values)),
        StmtKind::Raise(values) => format!("raise {}", list(values)),
        StmtKind::Assert(values) => format!("assert {}", list(values)),
        StmtKind::Global(names) => format!("global {}", dotted(names)),
        StmtKind::Nonlocal(names) => format!("nonlocal {}", dotted(names)),
        StmtKind::If { test, body, orelse: rest } => format!("if {} {}{}", expr(test), block(body), orelse(rest)),
        StmtKind::For { target, iter, body, orelse: rest } => {
            format!("for {} in {} {}{}", expr(target), expr(iter), block(body), orelse(rest))
        }
        StmtKind::While { test, body, orelse: rest } => format!("while {} {}{}", expr(test), block(body), orelse(rest)),
        StmtKind::With { items, body } => {
            let items = items
                .iter()
                .map(|(e, t)| {
                    format!("{}{}", expr(e), t.as_ref().map_or(String::new(), |t| format!(" as {}", expr(t))))
                })
                .collect::<Vec<_>>()
                .join(", ");
            format!("with {items} {}", block(body))
        }
        StmtKind::Try { body, handlers, orelse: rest, finalbody } => {
            let handlers = handlers
                .iter()
                .map(|h| {
                    let target = h.target.as_ref().map_or_else(String::new, |t| format!(" as {}", expr(t)));
                    format!(" except{}{target} {}", opt(&h.exception), block(&h.body))
                })
                .collect::<String>();
            let last = if finalbody.is_empty() { String::new() } else { format!(" finally {}", block(finalbody)) };
            format!("try {}{handlers}{}{last}", block(body), orelse(rest))
        }
        StmtKind::Match { subject, cases } => {
            let cases = cases
                .iter()
                .map(|case| {
                    let guard = case.guard.as_ref().map_or_else(String::new, |g| format!(" if {}", expr(g)));
                    format!(" case {}{guard} {}", list(&case.patterns), block(&case.body))
                })
                .collect::<String>();
            format!("match {}{cases}", expr(subject))
        }
        StmtKind::Print(values) => format!("print {}", list(values)),
        StmtKind::Expr(value) => expr(value),
        StmtKind::Empty => "pass".to_owned(),
    }
}

fn arguments(arguments: &Arguments) -> String {
    let keywords = arguments.keywords.iter().map(|k| match &k.name {
        Some(name) => format!("{}={}", name.name, expr(&k.value)),
        None => format!("**{}", expr(&k.value)),
    });
    arguments.args.iter().map(expr).chain(keywords).collect::<Vec<_>>().join(", ")
}

fn params(params: &[Param]) -> String {
    params
        .iter()
        .map(|param| {
            let mark = match param.kind {
                ParamKind::Normal => "",
                ParamKind::KeywordOnly => "kw ",
                ParamKind::VarArgs => "*",
                ParamKind::KwArgs => "**",
            };
            let mut text = format!("{mark}{}", param.name.name);
            for (before, part) in [("", &param.pattern), (": ", &param.annotation), ("=", &param.default)] {
                if let Some(part) = part {
                    text += &format!("{before}{}", expr(part));
                }
            }
            text
        })
        .collect::<Vec<_>>()
        .join(", ")
}

/// An expression: operators in brackets, strings quoted, what was not understood as `?[…]`.
pub(super) fn expr(expr: &Expr) -> String {
    let show = self::expr;
    match &expr.kind {
        ExprKind::Name(name) | ExprKind::Number(name) => name.to_string(),
        ExprKind::Attribute { value, attr } => format!("{}.{}", show(value), attr.name),
        ExprKind::Call { func, args } => format!("{}({})", show(func), arguments(args)),
        ExprKind::Subscript { value, index } => format!("{}[{}]", show(value), show(index)),
        ExprKind::Slice(parts) => {
            parts.iter().map(|p| p.as_ref().map_or(String::new(), show)).collect::<Vec<_>>().join(":")
        }
        ExprKind::Str(pieces) => pieces
            .iter()
            .map(|piece| {
                let parts = piece.parts.iter().map(|part| match part {
                    StrPart::Text(text) => format!("{text:?}"),
                    StrPart::Hole(hole) => format!("{{{}}}", show(hole)),
                });
                format!("{}<{}>", if piece.bytes { "b" } else { "" }, parts.collect::<String>())
            })
            .collect(),
        ExprKind::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
        ExprKind::None => "None".to_owned(),
        ExprKind::Ellipsis => "...".to_owned(),
        ExprKind::List(items) => format!("[{}]", list(items)),
        ExprKind::Tuple(items) => format!("({},)", list(items)),
        ExprKind::Set(items) => format!("{{{}}}", list(items)),
        ExprKind::Dict(entries) => {
            let entries = entries.iter().map(|(key, value)| match key {
                Some(key) => format!("{}: {}", show(key), show(value)),
                None => format!("**{}", show(value)),
            });
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        ExprKind::Comprehension { kind, element, value, clauses } => {
            let value = value.as_ref().map_or_else(String::new, |value| format!(": {}", show(value)));
            let clauses = clauses.iter().map(|c| {
                let ifs = c.ifs.iter().map(|i| format!(" if {}", show(i))).collect::<String>();
                format!(" for {} in {}{ifs}", show(&c.target), show(&c.iter))
            });
            format!("{kind:?}({}{value}{})", show(element), clauses.collect::<String>())
        }
        ExprKind::Lambda { params: p, body } => format!("lambda({}: {})", params(p), show(body)),
        ExprKind::BinOp { op, left, right } => format!("({} {op:?} {})", show(left), show(right)),
        ExprKind::UnaryOp { op, operand } => format!("({op:?} {})", show(operand)),
        ExprKind::BoolOp { and, values } => {
            let word = if *and { " and " } else { " or " };
            format!("({})", values.iter().map(show).collect::<Vec<_>>().join(word))
        }
        ExprKind::Compare { left, rest } => {
            format!("({}{})", show(left), rest.iter().map(|(op, e)| format!(" {op:?} {}", show(e))).collect::<String>())
        }
        ExprKind::IfExp { test, body, orelse } => format!("({} if {} else {})", show(body), show(test), show(orelse)),
        ExprKind::Await(value) => format!("await {}", show(value)),
        ExprKind::Yield(value) => format!("yield {}", value.as_ref().map_or(String::new(), |v| show(v))),
        ExprKind::Starred(value) => format!("*{}", show(value)),
        ExprKind::NamedExpr { target, value } => format!("({} := {})", target.name, show(value)),
        ExprKind::Repr(value) => format!("`{}`", show(value)),
        ExprKind::Error(found) => format!("?[{}]", list(found)),
    }
}

/// Calls `visit` with the span of every statement, expression, literal and name, and the span around it.
pub(super) fn spans(module: &Module, whole: Span, visit: &mut impl FnMut(Span, Span)) {
    stmts(&module.body, whole, visit);
}

fn stmts(body: &[Stmt], outer: Span, visit: &mut impl FnMut(Span, Span)) {
    for stmt in body {
        visit(stmt.span, outer);
        let span = stmt.span;
        let mut e = |expr: &Expr| expr_spans(expr, span, visit);
        match &stmt.kind {
            StmtKind::Import(names) => {
                for name in names {
                    name.path.iter().chain(&name.asname).for_each(|ident| visit(ident.span, span));
                }
            }
            StmtKind::ImportFrom(from) => {
                from.module.iter().for_each(|ident| visit(ident.span, span));
                from.names.iter().for_each(|(name, _)| visit(name.span, span));
            }
            StmtKind::ClassDef(class) => {
                class.decorators.iter().for_each(&mut e);
                class.type_params.iter().flat_map(|param| &param.bound).for_each(&mut e);
                args_spans(&class.args, span, visit);
                stmts(&class.body, span, visit);
            }
            StmtKind::FunctionDef(def) => {
                def.decorators.iter().chain(&def.returns).for_each(&mut e);
                def.type_params.iter().flat_map(|param| &param.bound).for_each(&mut e);
                param_spans(&def.params, span, visit);
                stmts(&def.body, span, visit);
            }
            StmtKind::Assign { targets, value } => targets.iter().chain([value]).for_each(e),
            StmtKind::AnnAssign { target, annotation, value } => {
                [target, annotation].into_iter().chain(value).for_each(e)
            }
            StmtKind::AugAssign { target, value, .. } => [target, value].into_iter().for_each(e),
            StmtKind::Return(value) => value.iter().for_each(e),
            StmtKind::Delete(values) | StmtKind::Raise(values) | StmtKind::Assert(values) | StmtKind::Print(values) => {
                values.iter().for_each(e);
            }
            StmtKind::Global(names) | StmtKind::Nonlocal(names) => names.iter().for_each(|n| visit(n.span, span)),
            StmtKind::If { test, body, orelse } | StmtKind::While { test, body, orelse } => {
                e(test);
                stmts(body, span, visit);
                stmts(orelse, span, visit);
            }
            StmtKind::For { target, iter, body, orelse } => {
                e(target);
                e(iter);
                stmts(body, span, visit);
                stmts(orelse, span, visit);
            }
            StmtKind::With { items, body } => {
                items.iter().flat_map(|(value, target)| std::iter::once(value).chain(target)).for_each(e);
                stmts(body, span, visit);
            }
            StmtKind::Try { body, handlers, orelse, finalbody } => {
                handlers.iter().flat_map(|h| h.exception.iter().chain(&h.target)).for_each(e);
                for body in handlers.iter().map(|h| &h.body).chain([body, orelse, finalbody]) {
                    stmts(body, span, visit);
                }
            }
            StmtKind::Match { subject, cases } => {
                e(subject);
                cases.iter().flat_map(|case| case.patterns.iter().chain(&case.guard)).for_each(e);
                cases.iter().for_each(|case| stmts(&case.body, span, visit));
            }
            StmtKind::Expr(value) => e(value),
            StmtKind::Empty => {}
        }
    }
}

fn args_spans(args: &Arguments, outer: Span, visit: &mut impl FnMut(Span, Span)) {
    for expr in args.args.iter().chain(args.keywords.iter().map(|k| &k.value)) {
        expr_spans(expr, outer, visit);
    }
}

fn param_spans(params: &[Param], outer: Span, visit: &mut impl FnMut(Span, Span)) {
    for param in params {
        visit(param.name.span, outer);
        for expr in param.annotation.iter().chain(&param.default).chain(&param.pattern) {
            expr_spans(expr, outer, visit);
        }
    }
}

fn expr_spans(expr: &Expr, outer: Span, visit: &mut impl FnMut(Span, Span)) {
    visit(expr.span, outer);
    let span = expr.span;
    let mut e = |expr: &Expr| expr_spans(expr, span, visit);
    match &expr.kind {
        ExprKind::Name(_) | ExprKind::Number(_) | ExprKind::Bool(_) | ExprKind::None | ExprKind::Ellipsis => {}
        ExprKind::Attribute { value, attr } => {
            e(value);
            visit(attr.span, span);
        }
        ExprKind::Call { func, args } => {
            e(func);
            args_spans(args, span, visit);
        }
        ExprKind::Subscript { value, index } => [value, index].into_iter().for_each(|x| e(x)),
        ExprKind::Slice(parts) => parts.iter().flatten().for_each(e),
        ExprKind::Str(pieces) => {
            for piece in pieces {
                visit(piece.span, span);
                for part in &piece.parts {
                    if let StrPart::Hole(hole) = part {
                        expr_spans(hole, piece.span, visit);
                    }
                }
            }
        }
        ExprKind::List(items) | ExprKind::Tuple(items) | ExprKind::Set(items) | ExprKind::Error(items) => {
            items.iter().for_each(e);
        }
        ExprKind::Dict(entries) => entries.iter().flat_map(|(k, v)| k.iter().chain([v])).for_each(e),
        ExprKind::Comprehension { element, value, clauses, .. } => {
            e(element);
            value.iter().for_each(|x| e(x));
            for ComprehensionClause { target, iter, ifs } in clauses {
                [target, iter].into_iter().chain(ifs).for_each(&mut e);
            }
        }
        ExprKind::Lambda { params, body } => {
            e(body);
            param_spans(params, span, visit);
        }
        ExprKind::BinOp { left, right, .. } => [left, right].into_iter().for_each(|x| e(x)),
        ExprKind::BoolOp { values, .. } => values.iter().for_each(e),
        ExprKind::Compare { left, rest } => {
            e(left);
            rest.iter().for_each(|(_, x)| e(x));
        }
        ExprKind::IfExp { test, body, orelse } => [test, body, orelse].into_iter().for_each(|x| e(x)),
        ExprKind::UnaryOp { operand: x, .. }
        | ExprKind::Await(x)
        | ExprKind::Starred(x)
        | ExprKind::Repr(x)
        | ExprKind::NamedExpr { value: x, .. } => e(x),
        ExprKind::Yield(value) => value.iter().for_each(|x| e(x)),
    }
}
