//! Tests of the whole stage.

#[path = "../../tests/support/skip.rs"]
mod skip;

use crate::ast::{ExprKind, StmtKind};

use super::*;

fn read(text: &str) -> ParsedFile {
    let file = parse(text.as_bytes(), ParseOptions::default());
    check_spans(&file, text);
    file
}

fn check_spans(file: &ParsedFile, name: &str) {
    let length = u32::try_from(file.text.as_str().len()).unwrap();
    show::spans(&file.module, Span::new(0, length), &mut |span, outer| {
        assert!(span.start <= span.end && outer.contains(span), "{span:?} is not in {outer:?}: {name}");
    });
}

/// The tree of a text without gaps.
fn tree_of(text: &str) -> String {
    let file = read(text);
    assert!(file.gaps.is_empty(), "{:?}", file.gaps);
    show::module(&file.module)
}

/// The tree of a text with gaps, and their kinds and lines.
fn broken(text: &str) -> (String, Vec<(&'static str, Option<u32>)>) {
    let file = read(text);
    (show::module(&file.module), file.gaps.iter().map(|gap| (gap.kind.as_str(), gap.line)).collect())
}

#[track_caller]
fn same(text: &str, expected: &str) {
    assert_eq!(tree_of(text), expected, "{text}");
}

#[test]
fn statements() {
    same("import a.b as c, d", "import a.b as c, import d");
    same(
        "from ..a.b import (c as d, e,)\nfrom . import x\nfrom .y import *",
        "from ..a.b import c as d, e\nfrom . import x\nfrom .y import *",
    );
    same("from __future__ import annotations", "from __future__ import annotations");
    same("a = b, c = d.e\nx: int = 1\ny: 'T'\nz **= 2", "a = (b, c,) = d.e\nx: int = 1\ny: <\"T\">\nz Pow= 2");
    same("if a:\n  b\nelif c:\n  d\nelse:\n  e", "if a {b} else {if c {d} else {e}}");
    same("for a, b in c: pass\nelse: d", "for (a, b,) in c {pass} else {d}");
    same("for (a) in c: pass\n(a) = ((b)) = c\n(a,) = c", "for a in c {pass}\na = b = c\n(a,) = c");
    same("[a for (a) in c if a]", "List(a for a in c if a)");
    same("match x:\n  case (y):\n    z\n  case (y,):\n    z", "match x case y {z} case (y,) {z}");
    same("while x:\n  break", "while x {pass}");
    same(
        "try:\n  a\nexcept (B, C) as d:\n  e\nexcept:\n  f\nelse:\n  g\nfinally:\n  h",
        "try {a} except (B, C,) as d {e} except {f} else {g} finally {h}",
    );
    same("try: a\nexcept* B as c: d", "try {a} except B as c {d}");
    same("with a as b, c: d", "with a as b, c {d}");
    same("with (a as b, c as (d, e),):\n  f", "with a as b, c as (d, e,) {f}");
    same(
        "async def f():\n  async with a as b:\n    await c\n  async for d in e: yield f",
        "def f() {with a as b {await c}; for d in e {yield f}}",
    );
    same(
        "@a.b(c)\n@d\nclass E(F, metaclass=G, **h):\n  '''doc'''\n  x = 1",
        "@a.b(c) @d class E(F, metaclass=G, **h) {<\"doc\">; x = 1}",
    );
    same(
        "def f(a, /, b: T = 1, *c: D, d, e=2, **g) -> R: return a, b",
        "def f(a, b: T=1, *c: D, kw d, kw e=2, **g) -> R {return (a, b,)}",
    );
    same(
        "def f(*, a): global b, c; nonlocal d; del e, f; del (g, h)",
        "def f(kw a) {global b.c; nonlocal d; del e, f; del (g, h,)}",
    );
    same("raise A from b\nassert a, 'b'\na; b;", "raise A, b\nassert a, <\"b\">\na\nb");
    same("type X = Y[int]\ntype X[T] = T", "X = Y[int]\nX = ?[T, T]");
}

#[test]
fn type_parameters_keep_their_bounds() {
    assert!(tree_of("class A[T: Model](B):\n  x = 1").starts_with("class A[T: Model](B)"));
    assert!(tree_of("def f[T](x: T) -> list[T | None]: ...").starts_with("def f[T](x: T) -> list[(T BitOr None)]"));
}

#[test]
fn matches() {
    same(
        "match a, b:\n  case M.X(1, k=-2) if c:\n    d\n  case {'k': v, **r} | [x, *_] as y:\n    e\n  case _: f\n  case -1 | {-2: -3}: g",
        "match (a, b,) case M.X(1, k=(Neg 2)) if c {d} case (y := ({<\"k\">: v, **r} BitOr [x, *_])) {e} case _ {f} case ((Neg 1) BitOr {(Neg 2): (Neg 3)}) {g}",
    );
    same("match = case = 1\nmatch(x)", "match = case = 1\nmatch(x)");
}

#[test]
fn expressions() {
    same("a.b(c, *d, e=f, **g)[1].h", "a.b(c, *d, e=f, **g)[1].h");
    same("a + b * c ** -d - e", "((a Add (b Mul (c Pow (Neg d)))) Sub e)");
    same("a and b and c or not d", "((a and b and c) or (Not d))");
    same("a < b <= c is not d not in e <> f", "(a Lt b LtE c IsNot d NotIn e NotEq f)");
    same("x[1:2, ..., ::3, a]\nx[a,]", "x[(1:2, ..., ::3, a,)]\nx[(a,)]");
    same("(a)\n((a, b))\n(a,)\n()\na,", "a\n(a, b,)\n(a,)\n(,)\n(a,)");
    same("{'a': 1, **b}\n{a, *b}\n{}", "{<\"a\">: 1, **b}\n{a, *b}\n{}");
    same("[x for x, y in z if a if b for c in d]", "List(x for (x, y,) in z if a if b for c in d)");
    same(
        "{k: v for k in x}, {s for s in t}, f(g for g in h)",
        "(Dict(k: v for k in x), Set(s for s in t), f(Generator(g for g in h)),)",
    );
    same("lambda a, *b, c=1, **d: e", "lambda(a, *b, kw c=1, **d: e)");
    same("a if b else c if d else e", "(a if b else (c if d else e))");
    same("(y := f(x))", "(y := f(x))");
    same("x = yield\ny = yield from z\nz = await a.b", "x = yield \ny = yield z\nz = await a.b");
    same("1_000 + 0x1F + 1.5e3j", "((1_000 Add 0x1F) Add 1.5e3j)");
    same("f(\n  a, # one\n  # two\n  b\n)", "f(a, b)");
    same("x = (a  # c\n  .b  # d\n  .c())", "x = a.b.c()");
}

#[test]
fn strings() {
    same("x = ('a' # one\n  u'b'\n  rb'\\c')", "x = <\"a\"><\"b\">b<\"\\\\c\">");
    same("f'a{{b}}{c!r:>{w}.{p}}d'", "<\"a{b}\"{c}{w}{p}\"d\">");
    same("f'{x=} {y = !r}'", "<\"x=\"{x}\" y = \"{y}>");
    same("f\"{a[\"k\"]}\" f'''{\n  b  # c\n}'''", "<{a[<\"k\">]}><{b}>");
    same("f'{a, b} { {1: 2}[1] } {lambda_}'", "<{(a, b,)}\" \"{{1: 2}[1]}\" \"{lambda_}>");
    same("rf'\\d{x}'", "<\"\\\\d\"{x}>");
    same("'''a\r\n  b'''\r\n", "<\"a\\n  b\">");
    same("''", "<>");
}

#[test]
fn spans_are_those_of_the_text() {
    let file = read("x = (  'a'\n  f'é{b.c}' )  # end\n");
    let StmtKind::Assign { value, .. } = &file.module.body[0].kind else { panic!() };
    assert_eq!(file.text.slice(value.span), "'a'\n  f'é{b.c}'");
    let ExprKind::Str(pieces) = &value.kind else { panic!() };
    assert_eq!(pieces.iter().map(|p| file.text.slice(p.span)).collect::<Vec<_>>(), ["'a'", "f'é{b.c}'"]);
    assert_eq!(file.comments.iter().map(|c| file.text.slice(*c)).collect::<Vec<_>>(), ["# end"]);
    let file = read(
        "# a\nfrom x import (  # b\n  y, # c\n)\ndef f(a, # d\n): # e\n  pass # f\n  # g\nx = f'''{a # h\n}''' # i",
    );
    let comments = file.comments.iter().map(|c| file.text.slice(*c)).collect::<String>();
    assert_eq!(comments.replace("# ", ""), "abcdefghi");
}

#[test]
fn python2() {
    same(
        "print 'a', b\nprint\nprint >>f, x,\nprint >>sys.stderr",
        "print <\"a\">, b\nprint\nprint f, x\nprint sys.stderr",
    );
    same(
        "print 'a' % b\nprint (a), b\nprint(a)\nprint -x",
        "print (<\"a\"> Mod b)\n(print(a), b,)\nprint(a)\n(print Sub x)",
    );
    same("exec 'a'\nexec a in b, c\nexec(d)", "print <\"a\">\nprint a, b, c\nexec(d)");
    same("exec a.b() in c\nx = 1", "print (a.b() In c)\nx = 1");
    same(
        "f(async=True)\ndef g(self, async): h = xmlrpclib.False",
        "f(async=True)\ndef g(self, async) {h = xmlrpclib.False}",
    );
    same("try: a\nexcept B, e: c\nexcept (D, E), (f, g): h", "try {a} except B as e {c} except (D, E,) as (f, g,) {h}");
    same("raise E, 'msg', tb", "raise E, <\"msg\">, tb");
    same("x = `a, b` + `c.d`\nif `x`: pass", "x = (`(a, b,)` Add `c.d`)\nif `x` {pass}");
    same("0777 + 0xFFL + 10L, ur'\\u0041'", "(((0777 Add 0xFFL) Add 10L), <\"A\">,)");
    same("def f((a, b), c=1, (d, e)=(1, 2)): pass", "def f((a, b,), c=1, (d, e,)=(1, 2,)) {pass}");
    same("map(lambda (k, v): k, x)\n[x for x in 1, 2]", "map(lambda((k, v,): k), x)\nList(x for x in (1, 2,))");
    same("if x:\n\ty = 1\n        z = 2\n", "if x {y = 1; z = 2}");
    same("if x:\n    if y:\n\tz = 2\n    w\n", "if x {if y {z = 2}; w}");
}

#[test]
fn line_ends_and_blanks() {
    same("if x:\r\n    y\r\n    z\r\n", "if x {y; z}");
    same("a = 1\rb = 2\rif c:\r  d\re\r", "a = 1\nb = 2\nif c {d}\ne");
    same("\x0cclass A:\n\x0c\n    x = 1\n\x0c\n    y = 2\n", "class A() {x = 1; y = 2}");
    same("if x:\n  \ty\n\tz\n", "if x {y; z}");
    same("x = 1 + \\\n  2\n", "x = (1 Add 2)");
    same("", "");
    same("# only\n", "");
    assert_eq!(read("x = 'a\0b'").gaps[0].kind, crate::source::GapKind::NulBytes);
}

#[test]
fn errors_are_read_around() {
    let (tree, gaps) = broken("class A(B):\n    x = C(\n\n    def f(self):\n        return D\n\ny = E()\n");
    for name in ["A", "B", "C", "D", "E"] {
        assert!(tree.contains(name), "{tree}");
    }
    assert!(gaps.iter().all(|(kind, line)| *kind == "syntax-error" && line.is_some()) && !gaps.is_empty());
    let (tree, gaps) = broken("a = b.c(d, %%, e)\nf.g\n");
    assert!(tree.contains("f.g") && tree.contains('e') && tree.contains('d'), "{tree}");
    assert_eq!(gaps, [("syntax-error", Some(1))]);
    let (tree, gaps) = broken("def f():\n    x = 'abc\n    return Model.y\n");
    assert!(tree.contains("Model"), "{tree}");
    assert_eq!(gaps.len(), 1);
    let many = "x = = 1\n".repeat(50);
    let (_, gaps) = broken(&many);
    assert_eq!(gaps.len(), MAX_ERRORS + 1);
}

#[test]
fn long_chains_survive() {
    let terms = (0..5_000).map(|i| format!("'{i}'")).collect::<Vec<_>>();
    let file = read(&format!("x = {}", terms.join(" + ")));
    assert!(file.gaps.is_empty());
    let text = show::module(&file.module);
    assert!(text.contains("<\"0\">") && text.contains("<\"4999\">"));
    let StmtKind::Assign { value, .. } = &file.module.body[0].kind else { panic!() };
    assert_eq!((value.span.start, file.text.slice(value.span).len()), (4, file.text.as_str().len() - 4));

    let (tree, gaps) = broken(&format!("Model{}", ".f(a).g".repeat(5_000)));
    assert!(tree.contains("Model.f(a).g.f(a)"), "{}", &tree[..200]);
    assert_eq!(gaps, [("too-deep", Some(1))]);
    assert_eq!(tree.matches('a').count(), 5_000);

    let (tree, gaps) = broken(&format!("x = a{}", " - bb + c".repeat(3_000)));
    assert_eq!((tree.matches("bb").count(), tree.matches('c').count()), (3_000, 3_000));
    assert_eq!(gaps, [("too-deep", Some(1))]);

    let file = read(&format!("x = a{}", " or b".repeat(5_000)));
    assert!(file.gaps.is_empty());
    let (tree, gaps) = broken(&format!("if a: b\n{}", "elif c: d\n".repeat(2_000)));
    assert_eq!((tree.matches('d').count(), gaps.len()), (2_000, 1));
    let (tree, _) = broken(&format!("{}x", "a = ".repeat(2_000)));
    assert_eq!(tree.matches('a').count(), 2_000);
}

#[test]
fn deep_nesting_survives() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{1: ", "}"),
        ("f(", ")"),
        ("not ", ""),
        ("-", ""),
        ("lambda: ", ""),
        ("x[", "]"),
        ("a if b else ", ""),
    ] {
        for count in [150, 10_000] {
            let text = format!("y = {}Model{}\nz = 1\n", open.repeat(count), close.repeat(count));
            let (tree, gaps) = broken(&text);
            assert!(tree.contains("Model") && tree.ends_with("z = 1"), "{open} {count}: {gaps:?}");
            assert!(gaps.iter().all(|(kind, _)| *kind == "too-deep"), "{open}: {gaps:?}");
        }
    }
    let unclosed = format!("x = 1\ny = {}Model\n", "[".repeat(10_000));
    assert!(!broken(&unclosed).1.is_empty());
    let unopened = format!("x = 1\ny = {}Model\n", "]".repeat(10_000));
    assert!(!broken(&unopened).1.is_empty());
    let blocks = (0..90).map(|i| format!("{}if x:\n", " ".repeat(i))).collect::<String>();
    assert!(read(&format!("{blocks}{}y\n", " ".repeat(90))).gaps.is_empty());
    let blocks = (0..1_000).map(|i| format!("{}if x:\n", " ".repeat(i))).collect::<String>();
    assert_eq!(broken(&blocks).1, [("too-deep", None)]);
    let blocks = (0..300).map(|i| format!("{}if x:\n", " ".repeat(i))).collect::<String>();
    let (tree, gaps) = broken(&format!("{blocks}{}Model\n", " ".repeat(300)));
    assert!(tree.contains("Model") && gaps.iter().all(|(kind, _)| *kind == "too-deep"), "{gaps:?}");
}

/// The standard library of the `python3` at hand, without the tests, which hold oddities of every kind on purpose:
/// whatever Python compiles must parse, and no span may be astray.
#[test]
fn the_standard_library_parses() {
    let script = "import sysconfig, pathlib, warnings, random\n\
        warnings.simplefilter('ignore')\n\
        import ast\n\
        paths = sorted(pathlib.Path(sysconfig.get_path('stdlib')).rglob('*.py'))\n\
        paths = [path for path in paths if 'test' not in path.parts]\n\
        random.Random(0).shuffle(paths)\n\
        for path in paths[:150]:\n\
        \x20   try: ast.parse(path.read_bytes()); print(path)\n\
        \x20   except (SyntaxError, ValueError, RecursionError): print('!' + str(path))\n";
    let Ok(output) = std::process::Command::new("python3").args(["-c", script]).output() else {
        skip::skipped("there is no python3 to take a standard library from");
        return;
    };
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    if listed.is_empty() {
        skip::skipped("python3 lists no standard library");
    }
    let mut refused = Vec::new();
    for line in listed.lines() {
        let path = line.trim_start_matches('!');
        let Ok(bytes) = std::fs::read(path) else { continue };
        let file = parse(&bytes, ParseOptions { run_queries: true, keep_tree: true });
        check_spans(&file, path);
        let _ = super::contexts::tests::all(&file);
        if !line.starts_with('!') && !file.gaps.is_empty() {
            refused.push((path, file.gaps));
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn an_error_does_not_take_what_follows_with_it() {
    let after = "class C(D):\n    q = P\n    def f(self):\n        return O.get(x=1)\n";
    let tree_after = "class C(D) {q = P; def f(self) {return O.get(x=1)}}";
    for (start, kept) in [
        ("x = [M, N\n\n", "x = (M, N,)"),
        ("class A(B):\n    x = f(1, (2\n    y = 3\n\n", "class A(B) {"),
        ("def f(:\n    return M\n\n", "def f() {return M}"),
        ("class A(B):\n    x = {{ y }}\n    {% if x %}\n    z = M\n    {% endif %}\n\n", "class A(B) {x = {{y}}"),
        ("<<<<<<< HEAD\ny = M()\n=======\ny = N()\n>>>>>>> other\n", "y = M()\ny = N()"),
    ] {
        let (tree, gaps) = broken(&format!("{start}{after}"));
        assert!(tree.contains(kept) && tree.ends_with(tree_after), "{start}=>\n{tree}");
        assert!(!gaps.is_empty() && gaps.iter().all(|(kind, line)| *kind == "syntax-error" && line.is_some()));
    }
}
