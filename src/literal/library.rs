//! The parts of the standard library, and of what stands for plain values, that settings and migrations use.

use std::cell::RefCell;
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::budget::MAX_NESTING;
use super::operator::join_path;
use super::{Args, Dict, Eval, Interp, Site, Value, builtin};

/// Values of the standard library.
pub(super) fn external<'p>(dotted: &str) -> Option<Value<'p>> {
    Some(match dotted {
        "sys.version_info" => {
            Value::tuple([Value::Int(3), Value::Int(11), Value::Int(0), Value::str("final"), Value::Int(0)])
        }
        "sys.version_info.major" => Value::Int(3),
        "sys.argv" => Value::list(vec![Value::str("manage.py"), Value::str("migrate")]),
        "sys.platform" => Value::str("linux"),
        "os.sep" => Value::str("/"),
        "six.PY2" => Value::Bool(false),
        "six.PY3" => Value::Bool(true),
        "six.text_type" | "six.string_types" | "django.utils.six.text_type" => Value::External("builtins.str".into()),
        _ => return None,
    })
}

/// Functions that give back what they are given: paths are text, and a translation is its source.
const IDENTITIES: &[&str] = &[
    "django.utils.encoding.force_str",
    "os.path.abspath",
    "os.path.expanduser",
    "os.path.normpath",
    "os.path.realpath",
    "path.Path",
    "path.path",
    "pathlib.Path",
    "pathlib.PurePath",
];

/// Calls a function of the standard library, or one that stands for plain values.
pub(super) fn call<'p>(
    interp: &mut Interp<'p>,
    name: &str,
    args: &Args<'p>,
    site: Site<'p>,
) -> Eval<Option<Value<'p>>> {
    let first = args.pos.first().cloned().unwrap_or(Value::None);
    Ok(Some(match name {
        "os.path.join" | "posixpath.join" => args.pos.iter().skip(1).fold(first, |path, part| join_path(&path, part)),
        "os.path.dirname" | "posixpath.dirname" => match first.as_str() {
            Some(text) => Value::str(text.rsplit_once('/').map_or("", |(dir, _)| dir)),
            None => first,
        },
        "os.path.exists" | "os.path.isfile" | "os.path.isdir" => Value::unknown("the file system is not asked"),
        // The environment is unknown; what code falls back to is what a plain deployment has.
        "os.environ.get" | "os.getenv" => args.get(1, "default").cloned().unwrap_or(Value::None),
        "copy.copy" => shallow_copy(interp, &first)?,
        "copy.deepcopy" => match (Copier { interp, copies: FxHashMap::default(), depth: 0 }).copy(&first)? {
            Some(copy) => copy,
            None => interp.too_large(site, "a copy of a value that nests too deeply"),
        },
        "collections.OrderedDict" | "django.utils.datastructures.SortedDict" => {
            return builtin::call(interp, "dict", args.clone(), site).map(Some);
        }
        "collections.defaultdict" => Value::dict(Vec::new()),
        "itertools.chain" => {
            let mut out = Vec::new();
            for arg in &args.pos {
                match interp.iterate(arg)? {
                    Some(items) => out.extend(items),
                    None => return Ok(Some(Value::unknown("a chain of something unknown"))),
                }
            }
            match interp.limit(out.len(), 0, site)? {
                Some(unknown) => unknown,
                None => Value::list(out),
            }
        }
        "importlib.import_module" | "django.utils.importlib.import_module" => match first.as_str() {
            Some(module) => interp.module_or_external(&module),
            None => Value::unknown("a module that is unknown"),
        },
        "django.utils.module_loading.import_string" => match first.as_str() {
            Some(dotted) => match dotted.rsplit_once('.') {
                Some((module, member)) => Value::Import(module.into(), member.into()),
                None => Value::unknown("a dotted name"),
            },
            None => first,
        },
        _ if IDENTITIES.contains(&name) => first,
        _ if ["gettext_lazy", "ugettext", "gettext_noop", ".gettext"].iter().any(|end| name.ends_with(end)) => first,
        _ => return Ok(None),
    }))
}

fn shallow_copy<'p>(interp: &mut Interp<'p>, value: &Value<'p>) -> Eval<Value<'p>> {
    interp.budget.items(value.len().unwrap_or(0))?;
    Ok(match value {
        Value::List(items) => Value::list(items.borrow().clone()),
        Value::Set(set) => Value::Set(Rc::new(RefCell::new(set.borrow().clone()))),
        Value::Dict(dict) => Value::Dict(Rc::new(RefCell::new(dict.borrow().clone()))),
        other => other.clone(),
    })
}

/// A deep copy: a part that occurs several times, or contains itself, is copied once, as in Python.
struct Copier<'i, 'p> {
    interp: &'i mut Interp<'p>,
    /// The copies by the address of what they are of.
    copies: FxHashMap<usize, Value<'p>>,
    depth: usize,
}

impl<'p> Copier<'_, 'p> {
    /// The copy; `None` when the value nests too deeply.
    fn copy(&mut self, value: &Value<'p>) -> Eval<Option<Value<'p>>> {
        let address = match value {
            Value::List(items) => Rc::as_ptr(items) as usize,
            Value::Tuple(items) => Rc::as_ptr(items) as usize,
            Value::Set(dict) | Value::Dict(dict) => Rc::as_ptr(dict) as usize,
            other => return Ok(Some(other.clone())),
        };
        if let Some(copy) = self.copies.get(&address) {
            return Ok(Some(copy.clone()));
        }
        if self.depth >= MAX_NESTING {
            return Ok(None);
        }
        self.interp.budget.items(value.len().unwrap_or(0) + 1)?;
        self.depth += 1;
        let copy = self.parts(value, address)?;
        self.depth -= 1;
        if let Some(copy) = &copy {
            self.copies.insert(address, copy.clone());
        }
        Ok(copy)
    }

    fn parts(&mut self, value: &Value<'p>, address: usize) -> Eval<Option<Value<'p>>> {
        match value {
            Value::List(items) => {
                let copy = Value::list(Vec::new());
                self.copies.insert(address, copy.clone());
                let items = items.borrow().clone();
                if let Value::List(out) = &copy {
                    for item in &items {
                        let Some(item) = self.copy(item)? else { return Ok(None) };
                        out.borrow_mut().push(item);
                    }
                }
                Ok(Some(copy))
            }
            Value::Tuple(items) => {
                let mut out = Vec::with_capacity(items.len());
                for item in items.iter() {
                    let Some(item) = self.copy(item)? else { return Ok(None) };
                    out.push(item);
                }
                Ok(Some(Value::tuple(out)))
            }
            Value::Dict(dict) => {
                let copy = Value::dict(Vec::new());
                self.copies.insert(address, copy.clone());
                let pairs: Vec<_> = dict.borrow().iter().map(|(k, v)| (k.clone(), v.clone())).collect();
                if let Value::Dict(out) = &copy {
                    for (key, value) in pairs {
                        let Some(value) = self.copy(&value)? else { return Ok(None) };
                        out.borrow_mut().set(key, value);
                    }
                }
                Ok(Some(copy))
            }
            Value::Set(set) => {
                // The elements of a set do not change.
                let copy: Dict<'p> = set.borrow().clone();
                Ok(Some(Value::Set(Rc::new(RefCell::new(copy)))))
            }
            other => Ok(Some(other.clone())),
        }
    }
}
