//! Names that lead to a model without being its name: a setting that holds its label, a helper that makes a foreign key
//! to it, a field class that points to it by default, another name of it.
//!
//! They are found by the syntax, and err on one side: a name too many costs an evaluation, which decides.

use compact_str::CompactString;
use rustc_hash::FxHashSet;

use super::models::{callee_name, relation_kind};
use crate::ast::{ClassDef, Expr, ExprKind, FunctionDef, Stmt, StmtKind, walk_exprs};

/// A set of words.
pub(super) type Words = FxHashSet<CompactString>;

/// Calls `visit` on every class statement, and says whether it stands at the top level of the module.
pub(super) fn classes<'p>(body: &'p [Stmt], top_level: bool, visit: &mut dyn FnMut(&'p ClassDef, bool)) {
    for stmt in body {
        match &stmt.kind {
            StmtKind::ClassDef(class) => {
                visit(class, top_level);
                classes(&class.body, false, visit);
            }
            StmtKind::If { .. } | StmtKind::Try { .. } => {
                stmt.bodies().into_iter().for_each(|body| classes(body, top_level, visit));
            }
            _ => stmt.bodies().into_iter().for_each(|body| classes(body, false, visit)),
        }
    }
}

/// Whether an expression names one of the words: as a name, as an attribute, or as a part of a string.
pub(super) fn mentions(expr: &Expr, words: &Words) -> bool {
    let mut found = false;
    expr.walk(&mut |inner| {
        found |= match &inner.kind {
            ExprKind::Name(name) => words.contains(name),
            ExprKind::Attribute { attr, .. } => words.contains(&attr.name),
            ExprKind::Str(_) => inner.as_str().is_some_and(|text| text_mentions(&text, words)),
            _ => false,
        };
    });
    found
}

fn text_mentions(text: &str, words: &Words) -> bool {
    let mut parts = text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|part| !part.is_empty());
    parts.any(|part| words.contains(part))
}

/// Whether a module may define a model whose relations only its evaluation shows: a class body with a call that names
/// one of the words, or a class made by a call.
pub(super) fn may_define(body: &[Stmt], words: &Words, models: &Words) -> bool {
    let mut found = false;
    classes(body, true, &mut |class, top_level| {
        let hidden = !top_level && (words.contains(&class.name.name) || declares(&class.body, &|_| true, words));
        found |= hidden || declares(&class.body, &|value| !is_plain(value, models), words);
        found |= words.contains(&class.name.name) && has_computed_meta(class);
    });
    if !found {
        walk_exprs(body, &mut |expr| found |= makes_class(expr));
    }
    found
}

/// Whether a module has a class statement of one of the names.
pub(super) fn defines(body: &[Stmt], names: &Words) -> bool {
    let mut found = false;
    classes(body, true, &mut |class, _| found |= names.contains(&class.name.name));
    found
}

/// `type(name, bases, attributes)`
fn makes_class(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Call { func, args } if func.as_name() == Some("type") && args.args.len() == 3)
}

/// Whether a class body assigns a call that names one of the words, and of which `counts` says that it counts.
fn declares(body: &[Stmt], counts: &dyn Fn(&Expr) -> bool, words: &Words) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Assign { value, .. } | StmtKind::AnnAssign { value: Some(value), .. } => {
            matches!(value.kind, ExprKind::Call { .. }) && mentions(value, words) && counts(value)
        }
        StmtKind::If { .. } | StmtKind::Try { .. } | StmtKind::With { .. } | StmtKind::For { .. } => {
            stmt.bodies().into_iter().any(|body| declares(body, counts, words))
        }
        _ => false,
    })
}

/// Whether the syntax of a declaration says all that matters of its relation: one of Django's own fields, to a label or
/// a class by its own name, with constants for names and columns.
fn is_plain(value: &Expr, models: &Words) -> bool {
    let ExprKind::Call { func, args } = &value.kind else { return false };
    let django = matches!(callee_name(func), Some("ForeignKey" | "OneToOneField" | "ManyToManyField"));
    let Some(to) = args.get(0, "to") else { return false };
    let by_name = match &to.kind {
        ExprKind::Str(_) => to.as_str().is_some(),
        ExprKind::Name(name) => models.contains(name),
        ExprKind::Attribute { attr, .. } => models.contains(&attr.name),
        _ => false,
    };
    let shaping = ["related_name", "related_query_name", "db_column", "through"];
    let said = args.keywords.iter().all(|keyword| {
        let name = keyword.name.as_ref().map(|name| name.name.as_str());
        name.is_some_and(|name| !shaping.contains(&name) || keyword.value.as_str().is_some())
    });
    django && by_name && said && args.args.iter().all(|arg| !matches!(arg.kind, ExprKind::Starred(_)))
}

/// Whether `Meta` computes what names a model and its table.
fn has_computed_meta(class: &ClassDef) -> bool {
    ["db_table", "app_label", "abstract", "proxy"].iter().any(|name| {
        super::models::meta_value(class, name)
            .is_some_and(|value| value.as_str().is_none() && !matches!(value.kind, ExprKind::Bool(_)))
    })
}

/// The names that a module binds to something that leads to one of the words.
pub(super) fn bound(body: &[Stmt], words: &Words) -> Vec<CompactString> {
    let mut found = Vec::new();
    block(body, words, &mut found);
    found.retain(|name| !words.contains(name));
    found
}

fn block(body: &[Stmt], words: &Words, found: &mut Vec<CompactString>) {
    for stmt in body {
        match &stmt.kind {
            StmtKind::Assign { targets, value } if is_reference(value, words) && mentions(value, words) => {
                found.extend(targets.iter().filter_map(|target| match &target.kind {
                    ExprKind::Name(name) => Some(name.clone()),
                    _ => None,
                }));
            }
            StmtKind::AnnAssign { target, value: Some(value), .. }
                if is_reference(value, words) && mentions(value, words) =>
            {
                found.extend(target.as_name().map(CompactString::from));
            }
            StmtKind::ImportFrom(import) => {
                let renamed = import.names.iter().filter(|(name, _)| words.contains(&name.name));
                found.extend(renamed.filter_map(|(_, alias)| alias.as_ref()).map(|alias| alias.name.clone()));
            }
            StmtKind::FunctionDef(function) if makes_field(function, words) => found.push(function.name.name.clone()),
            StmtKind::ClassDef(class) if points_by_default(class, words) => found.push(class.name.name.clone()),
            StmtKind::If { .. } | StmtKind::Try { .. } | StmtKind::With { .. } | StmtKind::For { .. } => {
                stmt.bodies().into_iter().for_each(|body| block(body, words, found));
            }
            _ => {}
        }
    }
}

/// Whether a value may be a model or its label, by its form: rows, querysets and the like are none.
fn is_reference(value: &Expr, words: &Words) -> bool {
    match &value.kind {
        ExprKind::Str(_) => is_word(value),
        ExprKind::Name(_) => true,
        ExprKind::Attribute { value, .. } => is_reference(value, words),
        ExprKind::BinOp { left, right, .. } => is_reference(left, words) || is_reference(right, words),
        ExprKind::BoolOp { values, .. } => values.iter().any(|value| is_reference(value, words)),
        ExprKind::IfExp { body, orelse, .. } => is_reference(body, words) || is_reference(orelse, words),
        // `env("ORDER_MODEL", default="shop.Order")`, `apps.get_model("shop", "Order")`, `get_user_model()`
        ExprKind::Call { func, args } => {
            let mut given = args.args.iter().chain(args.keywords.iter().map(|keyword| &keyword.value));
            callee_name(func).is_some_and(|name| words.contains(name))
                || given.clone().all(is_word) && given.any(|arg| mentions(arg, words))
        }
        _ => false,
    }
}

/// Whether a value is a constant without blanks.
fn is_word(value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Bool(_) | ExprKind::None => true,
        _ => value.as_str().is_some_and(|text| !text.contains(char::is_whitespace)),
    }
}

/// Whether a function returns a call that is given one of the words, as one that makes a field does.
fn makes_field(function: &FunctionDef, words: &Words) -> bool {
    let mut found = false;
    walk_exprs(&function.body, &mut |expr| {
        let ExprKind::Call { func, args } = &expr.kind else { return };
        let Some(name) = callee_name(func) else { return };
        let field = relation_kind(name).is_some() || name.ends_with("Field") || words.contains(name);
        let mut given = args.args.iter().chain(args.keywords.iter().map(|keyword| &keyword.value));
        found |= field && (words.contains(name) || given.any(|arg| mentions(arg, words)));
    });
    // A field whose arguments hold the word, or that is given a name which does.
    found || returns_call(&function.body) && default_mentions(function, words)
}

fn returns_call(body: &[Stmt]) -> bool {
    body.iter().any(|stmt| match &stmt.kind {
        StmtKind::Return(Some(value)) => matches!(value.kind, ExprKind::Call { .. }),
        _ => stmt.bodies().into_iter().any(returns_call),
    })
}

/// `def link(to="shop.Order"): …`
fn default_mentions(function: &FunctionDef, words: &Words) -> bool {
    function.params.iter().filter_map(|param| param.default.as_ref()).any(|default| {
        matches!(default.kind, ExprKind::Str(_) | ExprKind::Name(_) | ExprKind::Attribute { .. })
            && mentions(default, words)
    })
}

/// Whether a field class points to one of the words by itself: it derives from a relation, or has a constructor, and its
/// body names the word outside of queries.
fn points_by_default(class: &ClassDef, words: &Words) -> bool {
    let derives = class.args.args.iter().filter_map(callee_name).any(|base| {
        relation_kind(base).is_some() || base.ends_with("Field") || base.ends_with("Key") || words.contains(base)
    });
    if !derives {
        return false;
    }
    let mut found = false;
    walk_exprs(&class.body, &mut |expr| {
        found |= match &expr.kind {
            ExprKind::Name(name) => words.contains(name),
            ExprKind::Attribute { attr, .. } => words.contains(&attr.name),
            ExprKind::Str(_) => {
                expr.as_str().is_some_and(|text| !text.contains(char::is_whitespace) && text_mentions(&text, words))
            }
            _ => false,
        };
    });
    found
}
