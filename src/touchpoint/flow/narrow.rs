//! What tests say of a value: `isinstance`, `match`, and branches that leave.

use super::Flow;
use super::eval::Use;
use crate::ast::{BinOp, CmpOp, Expr, ExprKind, Ident, MatchCase, Stmt, StmtKind, UnaryOp};
use crate::touchpoint::ty::{Ty, TySet};

impl<'p> Flow<'_, 'p> {
    /// What is known of names where a test is true, or where it is false.
    pub(super) fn narrow(&mut self, test: &'p Expr, holds: bool) {
        match &test.kind {
            ExprKind::Call { func, args } if func.as_name() == Some("isinstance") => {
                let (Some(subject), Some(class)) = (args.args.first(), args.args.get(1)) else { return };
                let Some(name) = subject.as_name() else { return };
                let classes = self.silent(|flow| flow.eval(class, Use::Plain));
                self.narrow_name(name, &classes, holds);
            }
            ExprKind::Call { func, args } if func.as_name() == Some("issubclass") && holds => {
                let (Some(subject), Some(class)) = (args.args.first(), args.args.get(1)) else { return };
                let Some(name) = subject.as_name() else { return };
                let classes = self.silent(|flow| flow.eval(class, Use::Plain));
                let classes = classes_in(&classes);
                if self.set_matters(&classes) {
                    self.bind(&name.into(), classes);
                }
            }
            // `type(x) is Model`, `x.__class__ == Model`
            ExprKind::Compare { left, rest } => {
                let [(CmpOp::Is | CmpOp::Eq, class)] = rest.as_slice() else { return };
                let subject = match &left.kind {
                    ExprKind::Call { func, args } if func.as_name() == Some("type") && args.args.len() == 1 => {
                        args.args.first().and_then(Expr::as_name)
                    }
                    ExprKind::Attribute { value, attr } if attr.name == "__class__" => value.as_name(),
                    _ => None,
                };
                let Some(name) = subject else { return };
                let classes = self.silent(|flow| flow.eval(class, Use::Plain));
                self.narrow_name(name, &classes, holds);
            }
            ExprKind::UnaryOp { op: UnaryOp::Not, operand } => self.narrow(operand, !holds),
            // All parts of a true `and` are true, all parts of a false `or` are false.
            ExprKind::BoolOp { and, values } if *and == holds => {
                values.iter().for_each(|value| self.narrow(value, holds));
            }
            _ => {}
        }
    }

    fn narrow_name(&mut self, name: &str, classes: &TySet, holds: bool) {
        let classes = classes_in(classes);
        let instances = classes.flat_map(|ty| match ty {
            Ty::Class(class) => TySet::one(Ty::Instance(*class)),
            _ => TySet::unknown(),
        });
        if holds {
            if !instances.is_unknown() {
                self.bind(&name.into(), instances);
            }
        } else if !instances.is_unknown() {
            let rest: TySet = self
                .lookup(name)
                .iter()
                .filter(|(ty, _)| !instances.iter().any(|(instance, _)| instance == ty))
                .cloned()
                .collect();
            self.bind(&name.into(), rest);
        }
    }

    /// Whether a block ends by leaving: nothing behind it sees what it bound.
    pub(super) fn leaves(&self, body: &[Stmt]) -> bool {
        match body.last().map(|stmt| (&stmt.kind, stmt.span)) {
            Some((StmtKind::Return(_) | StmtKind::Raise(_), _)) => true,
            Some((StmtKind::Empty, span)) => {
                let file = self.file();
                let text = self.resolver.project().parsed(file).map_or("", |parsed| parsed.text.slice(span));
                matches!(text, "continue" | "break")
            }
            Some((StmtKind::If { body, orelse, .. }, _)) => self.leaves(body) && self.leaves(orelse),
            _ => false,
        }
    }

    pub(super) fn match_statement(&mut self, subject: &'p Expr, cases: &'p [MatchCase]) {
        let value = self.eval(subject, Use::Plain);
        let before = self.env();
        let mut after = before.clone();
        for case in cases {
            self.set_env(before.clone());
            for pattern in &case.patterns {
                let matched = self.pattern(pattern, &value);
                if let Some(name) = subject.as_name()
                    && !matched.is_unknown()
                {
                    self.bind(&name.into(), matched);
                }
            }
            if let Some(guard) = &case.guard {
                self.eval(guard, Use::Plain);
                self.narrow(guard, true);
            }
            self.block(&case.body);
            if !self.leaves(&case.body) {
                self.merge_env(after);
                after = self.env();
            }
        }
        self.set_env(after);
    }

    /// Binds the names of a pattern; returns what a value is that matches it.
    fn pattern(&mut self, pattern: &'p Expr, value: &TySet) -> TySet {
        match &pattern.kind {
            ExprKind::Name(name) => {
                if name != "_" {
                    self.bind(name, value.clone());
                }
                value.clone()
            }
            ExprKind::NamedExpr { target, value: inner } => {
                let matched = self.pattern(inner, value);
                self.bind(&target.name, matched.clone());
                matched
            }
            ExprKind::Call { func, args } => {
                // A class in a pattern is asked for, not called.
                let classes = classes_in(&self.eval(func, Use::Compared));
                let matched = classes.flat_map(|ty| match ty {
                    Ty::Class(class) => TySet::one(Ty::Instance(*class)),
                    _ => TySet::unknown(),
                });
                for arg in &args.args {
                    self.pattern(arg, &TySet::unknown());
                }
                for keyword in &args.keywords {
                    let held = match &keyword.name {
                        Some(name) => self.attribute_of(&matched, name),
                        None => TySet::unknown(),
                    };
                    self.pattern(&keyword.value, &held);
                }
                matched
            }
            ExprKind::BinOp { op: BinOp::BitOr, left, right } => {
                let mut matched = self.pattern(left, value);
                matched.join(&self.pattern(right, value));
                matched
            }
            ExprKind::Set(alternatives) => {
                let mut matched = TySet::default();
                for alternative in alternatives {
                    matched.join(&self.pattern(alternative, value));
                }
                matched
            }
            ExprKind::List(items) | ExprKind::Tuple(items) => {
                for (index, item) in items.iter().enumerate() {
                    let held = self.item(value, Some(index));
                    self.pattern(item, &held);
                }
                value.clone()
            }
            ExprKind::Dict(entries) => {
                for (key, held) in entries {
                    if let Some(key) = key {
                        self.eval(key, Use::Plain);
                    }
                    let item = self.item(value, None);
                    self.pattern(held, &item);
                }
                value.clone()
            }
            ExprKind::Starred(inner) => {
                let rest = value.flat_map(|ty| match ty {
                    Ty::Seq(_) | Ty::Dict(_) => TySet::one(ty.clone()),
                    _ => TySet::unknown(),
                });
                self.pattern(inner, &rest)
            }
            _ => {
                self.eval(pattern, Use::Compared);
                TySet::unknown()
            }
        }
    }

    /// What an attribute of a matched value holds.
    fn attribute_of(&mut self, matched: &TySet, name: &Ident) -> TySet {
        let mut held = TySet::default();
        for (ty, sure) in matched.iter() {
            held.join(&self.attr_of(ty, name, *sure));
        }
        held
    }
}

/// The classes of a test: one, or those of a tuple.
fn classes_in(set: &TySet) -> TySet {
    set.flat_map(|ty| match ty {
        Ty::Tuple(items) => {
            let all: TySet = items.iter().flat_map(TySet::iter).cloned().collect();
            classes_in(&all)
        }
        Ty::Class(_) | Ty::External(_) | Ty::Pending(..) => TySet::one(ty.clone()),
        _ => TySet::unknown(),
    })
}
