//! The edit of the model's source, as a unified diff. The places come from the syntax tree.

use similar::TextDiff;

use super::options::ModelSource;
use crate::ast::{Arguments, ClassDef, Expr, ExprKind, Stmt, StmtKind};
use crate::parse::{self, ParseOptions, ParsedFile};

/// Lines around a change.
const CONTEXT: usize = 3;

/// The field that the key becomes.
pub(super) struct Field<'a> {
    /// The attribute of the model, such as `id`.
    pub name: &'a str,
    /// The class of its field, such as `models.BigAutoField`.
    pub class: &'a str,
    /// The line that imports its class, where Django does not define it.
    pub import: Option<&'a str>,
}

/// The key that a class defines.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The attribute.
    pub name: String,
    /// The arguments of its field that are literals, as Python writes them; others do not matter to a database.
    pub arguments: Vec<String>,
}

/// The key that the class defines for a column, if it defines one.
pub(super) fn existing_key(source: &ModelSource, column: &str) -> Option<Key> {
    let parsed = parse::parse(source.text.as_bytes(), ParseOptions::default());
    let (_, class) = class_at(&parsed, source.line)?;
    class.body.iter().rev().find_map(|statement| {
        let (name, args) = (assigned(statement)?, field_arguments(statement)?);
        let db_column = args.keyword("db_column").and_then(Expr::as_str);
        if !is_true(args.keyword("primary_key")) || db_column.as_deref().unwrap_or(name) != column {
            return None;
        }
        let arguments = literals(&parsed, args).flatten().collect();
        Some(Key { name: name.to_owned(), arguments })
    })
}

/// The arguments of a field as Python writes them, but `serialize`; `None` for one that is no literal.
fn literals<'t>(parsed: &'t ParsedFile, args: &'t Arguments) -> impl Iterator<Item = Option<String>> + 't {
    let literal = |value: &Expr| {
        let inner = match &value.kind {
            // A text that is translated when it is shown.
            ExprKind::Call { args, .. } if args.keywords.is_empty() && args.args.len() == 1 => args.args.first()?,
            _ => value,
        };
        let is_literal = matches!(inner.kind, ExprKind::Number(_) | ExprKind::Bool(_) | ExprKind::None);
        (is_literal || inner.as_str().is_some()).then(|| parsed.text.slice(inner.span).to_owned())
    };
    let positional = args.args.iter().map(literal);
    let keywords =
        args.keywords.iter().filter(|keyword| keyword.name.as_ref().is_none_or(|name| name.name != "serialize"));
    positional.chain(
        keywords.map(move |keyword| Some(format!("{}={}", keyword.name.as_ref()?.name, literal(&keyword.value)?))),
    )
}

/// The edit that gives a field of a class another class of `django.db.models`, and the arguments that the field has.
/// `None` where the class of this name has no such field, where its field's class is not an attribute of a module, or
/// where an argument is no literal.
pub(super) fn plain_field(text: &str, model: &str, attribute: &str, class: &str) -> Option<(Edit, Vec<String>)> {
    let parsed = parse::parse(text.as_bytes(), ParseOptions::default());
    let (_, owner) = find_class(&parsed.module.body, &|class| class.name.name == model)?;
    let statement = owner.body.iter().rev().find(|statement| assigned(statement) == Some(attribute))?;
    let ExprKind::Attribute { attr, .. } = &field_call(statement)?.kind else { return None };
    let arguments = literals(&parsed, field_arguments(statement)?).collect::<Option<Vec<String>>>()?;
    Some(((attr.span.start as usize, attr.span.end as usize, class.to_owned()), arguments))
}

/// The class whose name stands in a line.
fn class_at(parsed: &ParsedFile, line: u32) -> Option<(&Stmt, &ClassDef)> {
    find_class(&parsed.module.body, &|class| parsed.text.line_col(class.name.span.start).line == line)
}

/// The edits that give the class a key of another field; `None` where the text has no such class, or another attribute
/// is its key.
pub(super) fn key_edits(source: &ModelSource, field: &Field<'_>) -> Option<Vec<Edit>> {
    let parsed = parse::parse(source.text.as_bytes(), ParseOptions::default());
    let text = parsed.text.as_str();
    let (outer, class) = class_at(&parsed, source.line)?;
    let end_of_line = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut edits = vec![edit_class(text, outer, class, field, end_of_line)?];
    if let Some(import) = field.import
        && !text.lines().any(|line| line == import)
    {
        let at = import_place(text, &parsed.module.body, outer);
        edits.push((at, at, format!("{import}{end_of_line}")));
    }
    Some(edits)
}

/// The unified diff of the edits of a file.
pub(super) fn diff(path: &str, text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.0));
    let mut changed = text.to_owned();
    for (start, end, by) in edits {
        changed.replace_range(start..end, &by);
    }
    let diff = TextDiff::from_lines(text, &changed);
    let (old, new) = (format!("a/{path}"), format!("b/{path}"));
    diff.unified_diff().context_radius(CONTEXT).header(&old, &new).to_string()
}

/// A class among statements and those inside them, with its statement.
fn find_class<'t>(body: &'t [Stmt], is_it: &dyn Fn(&ClassDef) -> bool) -> Option<(&'t Stmt, &'t ClassDef)> {
    body.iter().find_map(|statement| {
        if let StmtKind::ClassDef(class) = &statement.kind
            && is_it(class)
        {
            return Some((statement, &**class));
        }
        statement.bodies().into_iter().find_map(|body| find_class(body, is_it))
    })
}

/// The bytes that are replaced, from and to, and the text that replaces them.
pub(super) type Edit = (usize, usize, String);

fn edit_class(text: &str, outer: &Stmt, class: &ClassDef, field: &Field<'_>, end_of_line: &str) -> Option<Edit> {
    let assignment = format!("{} = {}(primary_key=True)", field.name, field.class);
    let existing = class.body.iter().rev().find(|statement| assigned(statement) == Some(field.name));
    if let Some(statement) = existing {
        // The arguments stay as they are.
        if let Some(func) = field_call(statement).filter(|_| is_primary_key(statement)) {
            return Some((func.span.start as usize, func.span.end as usize, field.class.to_owned()));
        }
        return Some((statement.span.start as usize, statement.span.end as usize, assignment));
    }
    if class.body.iter().any(is_primary_key) {
        return None;
    }
    let first = class.body.first()?;
    let start_of_line = |at: u32| text[..at as usize].rfind('\n').map_or(0, |end| end + 1);
    let margin_of = |at: u32| {
        let line = &text[start_of_line(at)..at as usize];
        line.chars().all(char::is_whitespace).then_some(line)
    };
    let Some(margin) = margin_of(first.span.start) else {
        // `class A(Model): pass`
        let outer_margin = margin_of(outer.span.start).unwrap_or_default();
        let (start, end) = (first.span.start as usize, first.span.end as usize);
        let is_pass = text.get(start..end) == Some("pass") && class.body.len() == 1;
        return is_pass.then(|| (start, end, format!("{end_of_line}{outer_margin}    {assignment}")));
    };
    let line = format!("{margin}{assignment}{end_of_line}");
    let is_docstring = matches!(&first.kind, StmtKind::Expr(expr) if expr.as_str().is_some());
    let at = if is_docstring {
        text[first.span.end as usize..].find('\n').map(|end| first.span.end as usize + end + 1)
    } else {
        Some(start_of_line(first.span.start))
    };
    Some(match at {
        Some(at) => (at, at, line),
        // The docstring is the end of the file.
        None => (text.len(), text.len(), format!("{end_of_line}{margin}{assignment}")),
    })
}

/// The name that a statement assigns.
fn assigned(statement: &Stmt) -> Option<&str> {
    let target = match &statement.kind {
        StmtKind::Assign { targets, .. } => match targets.as_slice() {
            [target] => target,
            _ => return None,
        },
        StmtKind::AnnAssign { target, value: Some(_), .. } => target,
        _ => return None,
    };
    match &target.kind {
        ExprKind::Name(name) => Some(name.as_str()),
        _ => None,
    }
}

/// The value that a statement assigns.
fn value(statement: &Stmt) -> Option<&Expr> {
    match &statement.kind {
        StmtKind::Assign { value, .. } | StmtKind::AnnAssign { value: Some(value), .. } => Some(value),
        _ => None,
    }
}

/// What is called by the value that a statement assigns.
fn field_call(statement: &Stmt) -> Option<&Expr> {
    match &value(statement)?.kind {
        ExprKind::Call { func, .. } => Some(func),
        _ => None,
    }
}

/// The arguments of that call.
fn field_arguments(statement: &Stmt) -> Option<&Arguments> {
    match &value(statement)?.kind {
        ExprKind::Call { args, .. } => Some(args),
        _ => None,
    }
}

fn is_true(value: Option<&Expr>) -> bool {
    value.is_some_and(|value| matches!(value.kind, ExprKind::Bool(true)))
}

/// Whether a statement assigns a field with `primary_key=True`.
fn is_primary_key(statement: &Stmt) -> bool {
    field_arguments(statement).is_some_and(|args| is_true(args.keyword("primary_key")))
}

/// Where an import goes: after the last one before the class, else after the module's docstring.
fn import_place(text: &str, body: &[Stmt], outer: &Stmt) -> usize {
    let after = |statement: &Stmt| {
        let end = statement.span.end as usize;
        text[end..].find('\n').map_or(text.len(), |at| end + at + 1)
    };
    let before = body.iter().take_while(|statement| statement.span.start < outer.span.start);
    let last =
        before.filter(|statement| matches!(statement.kind, StmtKind::Import(_) | StmtKind::ImportFrom(_))).last();
    let docstring =
        || body.first().filter(|first| matches!(&first.kind, StmtKind::Expr(expr) if expr.as_str().is_some()));
    last.or_else(docstring).map_or(0, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(text: &str, line: u32) -> Option<String> {
        let source = ModelSource { path: "app/models.py".into(), text: text.into(), line };
        let field = Field { name: "id", class: "Big", import: Some("from app.big_key import Big") };
        key_edits(&source, &field).map(|edits| diff(&source.path, text, edits))
    }

    #[test]
    fn a_key_is_added_below_the_docstring() {
        let text = "import os\nfrom django.db import (\n    models,\n)\n\n\n@decorated\nclass A(\n    models.Model\n):\n    \"\"\"It is\n    one.\"\"\"\n    x = 1\n";
        let diff = edit(text, 8).unwrap();
        assert!(diff.contains(" )\n+from app.big_key import Big\n"), "{diff}");
        assert!(diff.contains("     one.\"\"\"\n+    id = Big(primary_key=True)\n     x = 1\n"), "{diff}");
    }

    #[test]
    fn the_class_of_a_key_is_replaced_and_its_arguments_stay() {
        let text = "from django.db import models\n\n\nclass A(models.Model):\n    id = models.AutoField(\n        primary_key=True,\n    )  # kept\n    x = 1\n";
        let diff = edit(text, 4).unwrap();
        assert!(
            diff.contains("-    id = models.AutoField(\n+    id = Big(\n         primary_key=True,\n     )  # kept\n"),
            "{diff}"
        );
    }

    #[test]
    fn strings_and_comments_are_not_code() {
        let text = "from django.db import models\n\nclass A(models.Model):\n    # id = 1\n    x = '''\n    id = 2\n    primary_key=True\n'''\n";
        let diff = edit(text, 3).unwrap();
        assert!(diff.contains("+    id = Big(primary_key=True)\n"), "{diff}");
        assert!(edit("class A(M): pass\n", 1).unwrap().contains("+class A(M): \n+    id = Big(primary_key=True)\n"));
    }

    #[test]
    fn line_ends_stay() {
        let diff = edit("from a import M\r\n\r\nclass A(M):\r\n    x = 1\r\n", 3).unwrap();
        assert!(diff.contains("+    id = Big(primary_key=True)\r\n"), "{diff:?}");
    }

    #[test]
    fn another_key_is_not_touched() {
        let text = "from django.db import models\n\nclass A(models.Model):\n    key = models.AutoField(primary_key=True, db_column='id')\n";
        assert_eq!(edit(text, 3), None);
        assert_eq!(edit(text, 1), None);
    }

    #[test]
    fn a_plain_field_gets_another_class_and_keeps_its_arguments() {
        let text = "class A(M):\n    nr = models.IntegerField(_('no.'), db_index=True)\n    x = models.IntegerField(default=f)\n    y = IntegerField()\n";
        let (edit, arguments) = plain_field(text, "A", "nr", "BigIntegerField").unwrap();
        assert_eq!(arguments, ["'no.'", "db_index=True"]);
        let diff = diff("m.py", text, vec![edit]);
        assert!(diff.contains("+    nr = models.BigIntegerField(_('no.'), db_index=True)\n"), "{diff}");
        for (model, name) in [("A", "x"), ("A", "y"), ("A", "z"), ("B", "nr")] {
            assert_eq!(plain_field(text, model, name, "BigIntegerField"), None, "{model}.{name}");
        }
    }

    #[test]
    fn a_key_is_found_by_its_column() {
        let text = "class A(M):\n    nr = models.AutoField(_('no.'), primary_key=True, db_column=\"id\", help_text=f(x), editable=False)\n";
        let source = ModelSource { path: "m.py".into(), text: text.into(), line: 1 };
        let key = existing_key(&source, "id").unwrap();
        assert_eq!(key.name, "nr");
        assert_eq!(key.arguments, ["'no.'", "primary_key=True", "db_column=\"id\"", "editable=False"]);
        assert_eq!(existing_key(&source, "nr"), None);
    }
}
