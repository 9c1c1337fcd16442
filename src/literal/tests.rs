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
