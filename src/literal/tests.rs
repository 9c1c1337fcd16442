use std::rc::Rc;

use super::{Args, Host, Interp, Loaded, Loader, Object, Site, Value};
use crate::parse::{ParseOptions, ParsedFile, parse};

struct Files {
    names: Vec<&'static str>,
    parsed: Vec<ParsedFile>,
}

struct InMemory<'p>(Vec<(&'static str, Loaded<'p>)>);

impl<'p> Loader<'p> for InMemory<'p> {
    fn load(&'p self, dotted: &str) -> Option<&'p Loaded<'p>> {
        self.0.iter().find(|(name, _)| *name == dotted).map(|(_, loaded)| loaded)
    }

    fn exists(&self, dotted: &str) -> bool {
        self.0.iter().any(|(name, _)| *name == dotted)
    }

    fn submodules(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

struct Nowhere;

impl<'p> Host<'p> for Nowhere {
    fn external(&self, _: &mut Interp<'p>, _: &str) -> Option<Value<'p>> {
        None
    }

    fn call(&self, _: &mut Interp<'p>, _: &str, _: Option<&Value<'p>>, _: &Args<'p>, _: Site<'p>) -> Option<Value<'p>> {
        None
    }

    fn attribute(&self, _: &mut Interp<'p>, _: &Rc<Object<'p>>, _: &str) -> Option<Value<'p>> {
        None
    }

    fn import_fails(&self, _: &str, _: Option<&str>) -> Option<bool> {
        None
    }
}

/// The value of `name` in the first module, as `repr` prints it, and the gaps.
fn value(modules: &[(&'static str, &str)], name: &str) -> (String, Vec<String>) {
    // The evaluator's depth is bounded for the stack of the thread that runs it in the program.
    std::thread::scope(|scope| {
        let run = std::thread::Builder::new().stack_size(1 << 29).spawn_scoped(scope, || evaluate(modules, name));
        run.unwrap().join().unwrap()
    })
}

fn evaluate(modules: &[(&'static str, &str)], name: &str) -> (String, Vec<String>) {
    let files = Files {
        names: modules.iter().map(|(name, _)| *name).collect(),
        parsed: modules.iter().map(|(_, text)| parse(text.as_bytes(), ParseOptions::default())).collect(),
    };
    let loader = InMemory(
        files
            .names
            .iter()
            .zip(&files.parsed)
            .map(|(name, file)| {
                let loaded = Loaded {
                    dotted: (*name).to_owned(),
                    path: format!("{}.py", name.replace('.', "/")),
                    package: false,
                    tree: &file.module,
                    text: &file.text,
                };
                (*name, loaded)
            })
            .collect(),
    );
    let mut interp = Interp::new(&loader, Rc::new(Nowhere));
    let value = interp.module_value(modules[0].0, name).map_or_else(|| String::from("<absent>"), |v| v.repr());
    (
        value,
        interp
            .gaps
            .iter()
            .map(|g| format!("{}:{} {}", g.file.as_deref().unwrap_or(""), g.line.unwrap_or(0), g.kind))
            .collect(),
    )
}

fn x(text: &str) -> String {
    value(&[("m", text)], "x").0
}

#[test]
fn plain_values_come_out_as_python_prints_them() {
    for (code, expected) in [
        ("x = 1 + 2 * 3 - (4 // 2)", "5"),
        ("x = 'a' 'b' + \"c\"", "'abc'"),
        ("x = '%s_%d' % ('a', 3)", "'a_3'"),
        ("x = '%(k)s' % {'k': 'v'}", "'v'"),
        ("x = '{}-{n}'.format('a', n=2)", "'a-2'"),
        ("n = 4\nx = f'id{n}'", "'id4'"),
        ("x = [i * 2 for i in range(4) if i % 2]", "[2, 6]"),
        ("x = {k: v for k, v in (('a', 1), ('b', 2))}", "{'a': 1, 'b': 2}"),
        ("x = [*[1, 2], 3]", "[1, 2, 3]"),
        ("def f():\n    return [1, 2]\nx = [*f()]", "[1, 2]"),
        ("x = (1, 2)[::-1]", "(2, 1)"),
        ("x = [1, 2, 3, 4][1:3]", "[2, 3]"),
        ("x = 1 if [] else 2", "2"),
        ("x = not None and 3 or 4", "3"),
        ("x = 2 < 3 <= 3", "True"),
        ("x = 'a' in ('a', 'b')", "True"),
        ("x = {'a': 1} | {'b': 2}", "{'a': 1, 'b': 2}"),
        ("x = ','.join(['a', 'b'])", "'a,b'"),
        ("x = 0x10 + 1_000", "1016"),
    ] {
        assert_eq!(x(code), expected, "{code}");
    }
}

#[test]
fn lists_change_in_place_for_every_name_that_holds_them() {
    assert_eq!(x("a = [1]\nx = a\na += [2]\na.append(3)\na.extend((4,))\na.remove(1)"), "[2, 3, 4]");
}

#[test]
fn classes_have_attributes_methods_and_super() {
    let code = "
class A:
    k = 1
    def __init__(self, n):
        self.n = n
    def f(self):
        return self.n + self.k
class B(A):
    k = 10
    def __init__(self, *args):
        super().__init__(*args)
        self.m = self.f()
    @property
    def p(self):
        return self.m + 1
    @classmethod
    def made(cls):
        return cls(5)
x = B.made().p
";
    assert_eq!(x(code), "16");
}

#[test]
fn what_is_external_stays_symbolic_with_its_arguments() {
    assert_eq!(x("from lib import thing\nx = thing.make(1, k='v')"), "lib.thing.make(1, k='v', )");
}

#[test]
fn imports_are_followed_through_stars_and_other_names() {
    let modules = [
        ("top", "from mid import *\nfrom base import FLAG as G\nx = A + [G]"),
        ("mid", "from base import *\nA += [2]"),
        ("base", "A = [1]\nFLAG = True\n_hidden = 1"),
    ];
    assert_eq!(value(&modules, "x").0, "[1, 2, True]");
    assert_eq!(value(&modules, "_hidden").0, "<absent>");
}

#[test]
fn a_failed_import_takes_the_handler() {
    assert_eq!(x("try:\n    import nowhere_to_be_found\n    x = 1\nexcept ImportError:\n    x = 2"), "2");
    assert_eq!(x("try:\n    import json\n    x = 1\nexcept ImportError:\n    x = 2"), "1");
}

#[test]
fn an_undecided_condition_is_false_and_a_gap() {
    let (value, gaps) = value(&[("m", "x = 1\nif unknown_name:\n    x = 2\n")], "x");
    assert_eq!(value, "1");
    assert_eq!(gaps, ["m.py:2 condition"]);
}

#[test]
fn endless_code_ends() {
    let (_, gaps) = value(&[("m", "def f():\n    return f()\nx = f()\nwhile True:\n    y = 1\n")], "x");
    assert_eq!(gaps, ["m.py:3 evaluation", "m.py:4 evaluation"]);
}

#[test]
fn one_element_that_raises_leaves_the_others() {
    let (value, gaps) = value(&[("m", "def f():\n    raise ValueError()\nx = [1, f(), 3]")], "x");
    assert_eq!(value, "[1, <unknown: ValueError: raised by the code>, 3]");
    assert_eq!(gaps, ["m.py:3 evaluation"]);
}

/// Values and operations that blow up, with what `x` comes to.
#[test]
fn what_is_too_large_is_unknown_with_a_gap_and_the_rest_stays() {
    let doubled = format!("a = [1]\n{}x = a\nlast = 1", "a = a + a\n".repeat(40));
    let text = format!("a = 'x'\n{}x = a\nlast = 1", "a += a\n".repeat(40));
    let deep = format!("a = F('x')\n{}x = a\nlast = 1", "a = a + a\n".repeat(60)).replace("F(", "lib.F(");
    for code in [
        doubled.as_str(),
        &text,
        &format!("import lib\n{deep}"),
        "x = '%065536d' % 1 + '%99999999999999999999d' % 1\nlast = 1",
        "x = '%2000000d' % 1\nlast = 1",
        "x = 'x'.zfill(10**9)\nlast = 1",
        "x = 'x'.ljust(10**12)\nlast = 1",
        "x = '{:>99999999}'.format(1)\nlast = 1",
        "n = 1\nx = f'{n:>99999999}'\nlast = 1",
        "x = 'x' * 10**9\nlast = 1",
        "x = (1, 2) * 10**12\nlast = 1",
        "x = list(range(10**12))\nlast = 1",
        "x = range(9223372036854775800, 9223372036854775807, 10) + list(range(10**9))\nlast = 1",
        "x = [i for i in range(90000) for j in range(90000)]\nlast = 1",
        "x = ('x' * 1000000).replace('x', 'y' * 1000)\nlast = 1",
        "x = ('y' * 10000).join(['x'] * 10000)\nlast = 1",
        "x = []\nfor i in range(90000):\n    x += ['y'] * 90000\nlast = 1",
        "x = [1]\nwhile True:\n    x.extend(x)\nlast = 1",
        "def f(n):\n    return f(n + 1)\nx = f(0)\nlast = 1",
        "s = 'x'\nx = []\nwhile True:\n    s = s + s[:1000]\n    x.append(s)\nlast = 1",
    ] {
        let (last, gaps) = value(&[("m", code)], "last");
        assert_eq!(last, "1", "{code}");
        assert!(!gaps.is_empty(), "{code}");
    }
}

#[test]
fn values_that_hold_themselves_or_a_part_many_times_are_visited_within_bounds() {
    let doubled = "a = (a, a)\n".repeat(60);
    for (code, expected) in [
        (format!("a = (1,)\n{doubled}b = (1,)\n{}x = a == b", doubled.replace('a', "b")), "<unknown: a comparison"),
        (format!("a = (1,)\n{doubled}x = a == a"), "True"),
        (format!("a = (1,)\n{doubled}x = {{a: 1}}[a]"), "1"),
        (format!("a = (1,)\n{doubled}x = len(repr(a)) > 0"), "True"),
        (format!("a = (1,)\n{doubled}x = len({{a, a}})"), "1"),
        (format!("import copy\na = [1]\n{}x = len(copy.deepcopy(a))", "a = [a, a]\n".repeat(60)), "2"),
        (String::from("import copy\na = []\na.append(a)\nx = len(copy.deepcopy(a))"), "1"),
        (String::from("a = []\na.append(a)\nb = []\nb.append(b)\nx = a == b"), "<unknown: a comparison"),
        (String::from("a = []\na.append(a)\nx = str(a)"), "'[[[[["),
        (String::from("d = {}\nd['d'] = d\nx = str(d)"), "'{\\'d\\'"),
        (String::from("s = set()\nl = [s]\ns.add(l[0])\nx = len(str(s)) > 0"), "True"),
        (String::from("x = sorted([1, 'a', 2, 'b'] * 20)"), "<unknown: sorted"),
        (String::from("x = sorted(['bb', 'a'], key=len)"), "['a', 'bb']"),
        (String::from("x = sorted([1, 3, 2], reverse=True)"), "[3, 2, 1]"),
    ] {
        let found = x(&code);
        assert!(found.starts_with(expected), "{code}: {found}");
    }
}

#[test]
fn deep_values_are_dropped_without_recursion() {
    for code in [
        "a = None\nfor i in range(90000):\n    a = [a]\na = None\nx = 1",
        "a = None\nfor i in range(90000):\n    a = (a,)\na = None\nx = 1",
        "a = None\nfor i in range(90000):\n    a = {'k': a}\na = None\nx = 1",
        "class N:\n    pass\na = None\nfor i in range(90000):\n    b = N()\n    b.next = a\n    a = b\na = b = None\nx = 1",
        "f = None\ndef wrap(f):\n    return lambda: f\nfor i in range(30000):\n    f = wrap(f)\nf = None\nx = 1",
    ] {
        // A thread with the stack of a worker, and not that of the evaluator.
        let run = std::thread::Builder::new().stack_size(8 << 20).spawn(move || evaluate(&[("m", code)], "x")).unwrap();
        assert_eq!(run.join().unwrap().0, "1", "{code}");
    }
}

#[test]
fn hierarchies_with_shared_bases_have_one_order() {
    let mut code = String::from("class A0:\n    k = 0\nclass B0(A0):\n    pass\n");
    for i in 1..60 {
        code.push_str(&format!("class A{i}(A{0}, B{0}):\n    pass\nclass B{i}(A{0}, B{0}):\n    pass\n", i - 1));
    }
    // `A(A0, B0)` with `B0(A0)` is no order of Python's; what counts is that the lookup ends.
    assert_eq!(x(&format!("{code}x = A59.k")), "0");
    assert_eq!(
        x("class A:\n    k = 1\nclass B(A):\n    pass\nclass C(A):\n    k = 2\nclass D(B, C):\n    pass\nx = D.k"),
        "2"
    );
}

#[test]
fn numbers_and_formats_are_pythons() {
    for (code, expected) in [
        ("x = 7 // -2", "-4"),
        ("x = -7 % 3", "2"),
        ("x = 7 % -3", "-2"),
        ("x = 1 << 62", "4611686018427387904"),
        ("x = 1 << 63", "<unknown: arithmetic out of range>"),
        ("x = 2 ** 100", "<unknown: arithmetic out of range>"),
        ("x = '{:03d}-{:>4}-{!r}'.format(7, 'a', 'b')", "'007-   a-\\'b\\''"),
        ("n = 7\nx = f'id_{n:04d}'", "'id_0007'"),
        ("n = 'a'\nx = f'{n!r:>5}'", "'  \\'a\\''"),
        ("n = 7\nw = 3\nx = f'{n:{w}d}'", "<unknown: a format that could not be read>"),
        ("x = '%05.1f' % 2", "<unknown: a format that could not be read>"),
        ("x = [1, 2, 3, 4][::-2]", "[4, 2]"),
        ("x = 'hello world'.title()", "'Hello World'"),
        ("x = 'ab'.center(6, '*')", "'**ab**'"),
        ("x = '-5'.zfill(4)", "'-005'"),
    ] {
        assert_eq!(x(code), expected, "{code}");
    }
}
