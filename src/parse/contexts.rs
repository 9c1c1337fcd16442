//! The roles that expressions play in their syntax, told by the queries in `queries/`.
//!
//! Each pattern captures `@target`, the expression whose role is told, and carries `(#set! role "…")`, and where the
//! role decides it `(#set! kind "…")` and `(#set! access "…")`. Captures that begin with an underscore serve the
//! predicates `#eq?`, `#any-of?` and `#match?`. Besides there are
//!
//! - `(#set! target "string")`: the target must be a string, in brackets or not;
//! - `(#set! class "Meta")`: the assignment must stand in the body of a class of this name, `*` for any;
//! - `(#set! region "…")` instead of a role: the target is a part of the file, and
//! - `(#set! within "…")`: the pattern counts only inside such a part.
//!
//! A pattern is cheap when its structure, all but its predicates and directives, is that of another one.

use std::cell::RefCell;
use std::sync::OnceLock;

use rustc_hash::FxHashMap;
use tree_sitter::{Node, Query, QueryCursor, StreamingIterator, Tree};

use crate::finding::{Access, Kind};
use crate::source::Span;

use super::kinds::{Grammar, K};
use super::rules::{self, Rule};

/// The queries, in order: where two tell a role of the same node, the first one counts.
const QUERIES: &[(&str, &str)] = &[
    ("signal.scm", include_str!("../../queries/signal.scm")),
    ("admin.scm", include_str!("../../queries/admin.scm")),
    ("meta.scm", include_str!("../../queries/meta.scm")),
    ("south.scm", include_str!("../../queries/south.scm")),
    ("dotted.scm", include_str!("../../queries/dotted.scm")),
    ("relation.scm", include_str!("../../queries/relation.scm")),
    ("sql.scm", include_str!("../../queries/sql.scm")),
    ("migration.scm", include_str!("../../queries/migration.scm")),
    ("label.scm", include_str!("../../queries/label.scm")),
    ("lookup.scm", include_str!("../../queries/lookup.scm")),
    ("settings.scm", include_str!("../../queries/settings.scm")),
];

/// Patterns start no deeper in the grammar's tree than this: each open one costs at every node below it, so that
/// without a limit thousands of nested brackets take seconds. What lies deeper is too deep for the AST as well.
const MAX_START_DEPTH: u32 = 1_000;

/// How many children a root that is all error may have for the queries to run.
const MAX_ERROR_CHILDREN: u32 = 10_000;

/// What a query says of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// The role, such as `signal` or `dotted-string`.
    pub role: &'static str,
    /// The kind of touchpoint that a target in this role is, when the role decides it.
    pub kind: Option<Kind>,
    /// The access, when the role decides it.
    pub access: Option<Access>,
}

/// The roles of a file's expressions, by the span of their node; brackets around an expression are not part of it.
///
/// Few expressions are ever asked about, and matching costs as much as parsing: a statement is matched when the first
/// of its expressions is asked about. No pattern reaches over the bounds of a statement.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    tree: Option<Tree>,
    /// Whether the tree is made of the text when it is first needed.
    of_text: bool,
    statements: FxHashMap<Span, FxHashMap<Span, Context>>,
}

impl Contexts {
    /// The roles in a tree.
    pub(super) fn new(tree: Tree) -> Self {
        Self { tree: Some(tree), ..Self::default() }
    }

    /// The roles in the tree that the text gives again.
    pub(super) fn of_text() -> Self {
        Self { of_text: true, ..Self::default() }
    }

    /// The role of the expression or string with exactly this span. `parse` makes the tree, where it was not kept.
    pub(super) fn get(&mut self, wanted: Span, text: &str, parse: impl FnOnce() -> Option<Tree>) -> Option<Context> {
        if std::mem::take(&mut self.of_text) {
            self.tree = parse();
        }
        let statement = around(self.tree.as_ref()?, wanted);
        self.statements.entry(span(statement)).or_insert_with(|| read(statement, text)).get(&wanted).copied()
    }

    /// Whether the roles of a tree can be told: matching takes minutes where all is one error, as each step looks at all
    /// the rest.
    pub(super) fn readable(tree: &Tree) -> bool {
        !(tree.root_node().is_error() && tree.root_node().child_count() > MAX_ERROR_CHILDREN)
    }
}

/// Compiles the queries ahead of their first use.
pub(super) fn warm_up() {
    let _ = patterns();
}

fn patterns() -> Option<&'static Patterns> {
    static QUERY: OnceLock<Option<Patterns>> = OnceLock::new();
    QUERY.get_or_init(|| Patterns::compile().ok()).as_ref()
}

/// The roles in a node and what is below it.
fn read(node: Node<'_>, text: &str) -> FxHashMap<Span, Context> {
    thread_local! {
        static CURSOR: RefCell<QueryCursor> = RefCell::new({
            let mut cursor = QueryCursor::new();
            cursor.set_max_start_depth(Some(MAX_START_DEPTH));
            cursor
        });
    }
    let run = |patterns: &'static Patterns| CURSOR.with_borrow_mut(|cursor| patterns.run(cursor, node, text));
    patterns().map(run).unwrap_or_default()
}

/// The simple statement, or the part of a compound one outside its blocks, that holds the span.
fn around(tree: &Tree, wanted: Span) -> Node<'_> {
    let grammar = Grammar::get();
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        let has_blocks = grammar.kind(node.kind_id()).has_blocks() || cursor.depth() == 0 && !node.is_error();
        let into = has_blocks && cursor.goto_first_child_for_byte(wanted.start as usize).is_some();
        if !into || !span(cursor.node()).contains(wanted) {
            return node;
        }
    }
}

/// The compiled queries: the rules of each structure, by the index of its pattern in the query.
struct Patterns {
    query: Query,
    target: u32,
    structures: Vec<Vec<(Rule, Vec<u32>)>>,
}

impl Patterns {
    fn compile() -> Result<Self, String> {
        let read = rules::read(QUERIES.iter().map(|(_, source)| *source))?;
        let source = read.keys().map(String::as_str).collect::<Vec<_>>().join("\n");
        let query = Query::new(&Grammar::get().language, &source).map_err(|error| error.to_string())?;
        let capture = |name: &str| query.capture_index_for_name(name).ok_or_else(|| format!("no capture @{name}"));
        let structures = read
            .into_values()
            .map(|rules| {
                let with_captures = rules.into_iter().map(|rule| {
                    let captures = rule.predicates.iter().map(|p| capture(&p.capture)).collect::<Result<_, _>>()?;
                    Ok((rule, captures))
                });
                with_captures.collect()
            })
            .collect::<Result<_, String>>()?;
        Ok(Self { target: capture("target")?, structures, query })
    }

    fn run(&'static self, cursor: &mut QueryCursor, node: Node<'_>, text: &str) -> FxHashMap<Span, Context> {
        let mut found: FxHashMap<Span, &Rule> = FxHashMap::default();
        let mut regions: Vec<(&str, Span)> = Vec::new();
        // Regions may be told after what lies in them.
        let mut waiting: Vec<(&str, Span, &Rule)> = Vec::new();
        let mut matches = cursor.matches(&self.query, node, text.as_bytes());
        while let Some(found_match) = matches.next() {
            let captures = found_match.captures();
            let node = |index: u32| captures.iter().find(|capture| capture.index == index).map(|capture| capture.node);
            let word = |index: u32| node(index).and_then(|node| text.get(node.byte_range())).unwrap_or("");
            let Some(target) = node(self.target) else { continue };
            for (rule, captures) in self.structures.get(found_match.pattern_index).into_iter().flatten() {
                let holds = rule.predicates.iter().zip(captures).all(|(p, &index)| p.test.holds(word(index)));
                if !holds || rule.class.as_ref().is_some_and(|class| !in_class(target, class, text)) {
                    continue;
                }
                let target = inside_brackets(target);
                let kind = Grammar::get().kind(target.kind_id());
                if !kind.is_expression() || rule.string && !matches!(kind, K::String | K::ConcatenatedString) {
                    continue;
                }
                let span = span(target);
                match (&rule.region, &rule.within) {
                    (Some(name), _) => regions.push((name, span)),
                    (None, Some(region)) => waiting.push((region, span, rule)),
                    (None, None) => keep_first(&mut found, span, rule),
                }
            }
        }
        for (region, span, rule) in waiting {
            if regions.iter().any(|&(name, outer)| name == region && outer.contains(span)) {
                keep_first(&mut found, span, rule);
            }
        }
        let context = |rule: &'static Rule| Context { role: &rule.role, kind: rule.kind, access: rule.access };
        found.into_iter().map(|(span, rule)| (span, context(rule))).collect()
    }
}

fn keep_first(found: &mut FxHashMap<Span, &'static Rule>, span: Span, rule: &'static Rule) {
    let first = found.entry(span).or_insert(rule);
    if rule.order < first.order {
        *first = rule;
    }
}

/// Whether the assignment around a node stands in the body of a class of this name.
fn in_class(node: Node<'_>, name: &str, text: &str) -> bool {
    let grammar = Grammar::get();
    let mut above = std::iter::successors(node.parent(), Node::parent)
        .skip_while(|node| grammar.kind(node.kind_id()) != K::Assignment)
        .skip(1)
        .take(3);
    let kinds = [K::ExpressionStatement, K::Block, K::ClassDefinition];
    let mut class = None;
    for wanted in kinds {
        class = above.next().filter(|node| grammar.kind(node.kind_id()) == wanted);
        if class.is_none() {
            return false;
        }
    }
    let class_name = class.and_then(|class| class.child_by_field_name("name"));
    name == "*" || class_name.is_some_and(|found| text.get(found.byte_range()) == Some(name))
}

fn span(node: Node<'_>) -> Span {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span::new(offset(node.start_byte()), offset(node.end_byte()))
}

/// The expression in any number of brackets: the AST has none around it either.
fn inside_brackets(mut node: Node<'_>) -> Node<'_> {
    let grammar = Grammar::get();
    while grammar.kind(node.kind_id()) == K::ParenthesizedExpression {
        let mut cursor = node.walk();
        let inner = node.named_children(&mut cursor).find(|child| grammar.kind(child.kind_id()).is_expression());
        let Some(inner) = inner else { break };
        node = inner;
    }
    node
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::{ParseOptions, ParsedFile, parse};
    use super::*;

    #[test]
    fn the_queries_compile() {
        assert_eq!(Patterns::compile().map(|patterns| patterns.structures.is_empty()), Ok(false));
    }

    /// The roles of all expressions, by way of the statements they stand in, which must be what the whole tree tells.
    pub(crate) fn all(file: &ParsedFile) -> FxHashMap<Span, Context> {
        let contexts = file.contexts.lock().unwrap();
        let tree = contexts.tree.clone().unwrap();
        drop(contexts);
        let whole = read(tree.root_node(), file.text.as_str());
        let mut cursor = tree.walk();
        'walk: loop {
            let at = span(cursor.node());
            assert_eq!(file.context(at), whole.get(&at).copied(), "{}", file.text.slice(at));
            if cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    break 'walk;
                }
            }
        }
        whole
    }

    /// Each line of `source` that ends with a comment `# role: text, text` tells the roles of its expressions.
    #[track_caller]
    fn check(source: &str) {
        let file = parse(source.as_bytes(), ParseOptions { run_queries: true, keep_tree: true });
        assert!(file.gaps.is_empty(), "{:?}", file.gaps);
        let mut found: Vec<(u32, &str, Span)> = all(&file)
            .iter()
            .map(|(span, context)| (file.text.line_col(span.start).line, context.role, *span))
            .collect();
        found.sort_by_key(|&(.., span)| span);
        let mut lines: Vec<String> = Vec::new();
        for line in 1..=u32::try_from(file.text.line_count()).unwrap() {
            let code = file.text.line(line).split("  #").next().unwrap_or("");
            let mut text = code.to_owned();
            let mut role = "";
            for &(_, found_role, span) in found.iter().filter(|found| found.0 == line) {
                let before = if found_role == role { ", ".to_owned() } else { format!("  # {found_role}: ") };
                role = found_role;
                text += &format!("{before}{}", file.text.slice(span));
            }
            lines.push(text);
        }
        assert_eq!(lines.join("\n"), source);
    }

    #[test]
    fn signals_and_admin() {
        check(
            "\
post_save.connect(f, sender=M)  # signal: M
post_save.disconnect(f, a.M)  # signal: a.M
@receiver(post_save, sender=a.M, weak=False)  # signal: a.M
def f(sender): pass
s.send(sender=M, x=1)  # signal: M
s.send(M)  # signal: M
f(sender=M)
admin.site.register(M, A)  # admin: M
site.register([M, N])  # admin: [M, N], M, N
custom_site.register((M,), A)  # admin: (M,), M
@admin.register(M, N, site=s)  # admin: M, N
class A(X): pass
registry.register(M)
class F:
    model = X  # view-model: X
    class Meta:
        model = M  # meta-model: M
    FACTORY_FOR = M  # factory-for: M
model = M",
        );
    }

    #[test]
    fn strings_that_name_things() {
        check(
            "\
@patch('a.b.C')  # dotted-string: 'a.b.C'
def f(): pass
mock.patch('a.' 'b', x)  # dotted-string: 'a.' 'b'
mocker.patch(('a.b'), autospec=True)  # dotted-string: 'a.b'
patch.object(a.M, 'objects')  # patch-object: a.M
mock.patch.multiple('a.b', C=1)  # dotted-string: 'a.b'
monkeypatch.setattr('a.b', 1)  # dotted-string: 'a.b'
import_string('a.b'), __import__('c')  # dotted-string: 'a.b', 'c'
patch(name)
apps.get_model('a.M')  # model-label: 'a.M'
get_model('a', 'M')  # model-label: 'a', 'M'
loading.get_model(app_label='a', model_name='M')  # model-label: 'a', 'M'
ContentType.objects.get(app_label='a', model='m')  # model-label: 'a', 'm'
X.objects.filter(content_type__model='m', name='n')  # model-label: 'm'
ContentType.objects.get_for_model(M)  # content-type: M
INSTALLED_APPS = ['a', 'b']  # settings-string: 'a', 'b'
INSTALLED_APPS += ('c',)  # settings-string: 'c'
DATABASES = {'default': {'x': 1}}  # settings-string: 'default'",
        );
    }

    #[test]
    fn relations_and_lookups() {
        check(
            "\
models.ForeignKey('a.M', related_name='ms')  # relation: 'a.M'  # related-name: 'ms'
ForeignKey(to=M, through='T', on_delete=x)  # relation: M, 'T'
MyOneToOneField(M, null=True)  # relation: M
CharField('x')
q.select_related('m', 'n__o').order_by('-m')  # lookup-string: 'm', 'n__o', '-m'
q.filter(x='y').annotate(n=Count('m'), o=models.F('p'))  # lookup-string: 'm', 'p'
Prefetch('ms', queryset=q)  # lookup-string: 'ms'
Field(source='m.n')  # lookup-string: 'm.n'
class A:
    list_display = ('m', f)  # lookup-string: 'm'
    ordering = 'm'  # lookup-string: 'm'
    class Meta:
        unique_together = (('m', 'n'), ['o'])  # lookup-string: 'm', 'n', 'o'
        index_together = ['m', 'n']  # lookup-string: 'm', 'n'
    def f(self):
        fields = ['m']",
        );
    }

    #[test]
    fn sql_and_migrations() {
        check(
            "\
cursor.execute('a' % b, [1])  # sql: 'a' % b
connection.cursor().execute(('a'  # sql: 'a'
))
M.objects.raw(sql)  # sql: sql
q.extra(where=['a'], select=s)  # sql: ['a'], 'a', s
class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel(name='M', fields=[('id', models.CharField('label'))]),  # migration-model: 'M'
        migrations.AddField('M', 'x', models.ForeignKey(to='a.N')),  # migration-model: 'M', 'x'  # relation: 'a.N'
        migrations.SeparateDatabaseAndState(state_operations=[
            migrations.RenameField(model_name='M', old_name='x', new_name='y')]),  # migration-model: 'M', 'x', 'y'
        migrations.RunSQL('a', reverse_sql='b'),  # sql: 'a', 'b'
    ]
f(name='M')
class Migration(SchemaMigration):
    def forwards(self, orm):
        db.add_column('t', 'c', f)  # south-table: 't'
        orm['a.M'].objects.all()  # south-orm: 'a.M'
        db.execute('x')  # sql: 'x'
    models = {
        'a.m': {'id': 1},  # south-frozen: 'a.m'
    }",
        );
    }

    #[test]
    fn roles_carry_kind_and_access() {
        let file =
            parse(b"ForeignKey('a.M')\nDATABASES = {'x': 1}\n", ParseOptions { run_queries: true, keep_tree: true });
        let at = |start, end| file.context(Span::new(start, end));
        let relation = Context { role: "relation", kind: Some(Kind::Relation), access: Some(Access::Schema) };
        assert_eq!(at(11, 16), Some(relation));
        assert_eq!(at(31, 34), Some(Context { role: "settings-string", kind: None, access: None }));
        assert_eq!(at(0, 10), None);
        assert_eq!(parse(b"ForeignKey('a.M')\n", ParseOptions::default()).context(Span::new(11, 16)), None);
    }
}
