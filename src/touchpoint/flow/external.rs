//! Calls of functions outside of the project: the language's own, Django's, and those that take functions.

use compact_str::CompactString;

use super::Flow;
use super::call::Values;
use super::eval::{Chain, Use};
use super::method::give;
use super::names::last_segment;
use crate::ast::{Arguments, Ident};
use crate::source::Span;
use crate::touchpoint::orm;
use crate::touchpoint::ty::{ClassId, Ty, TySet};

impl<'p> Flow<'_, 'p> {
    /// What a function outside of the project gives.
    pub(super) fn external_call(
        &mut self,
        dotted: &CompactString,
        args: &'p Arguments,
        values: &Values,
        span: Span,
    ) -> TySet {
        let first = values.positional.first().cloned().unwrap_or_default();
        let last = last_segment(dotted);
        if let Some((_, gives)) = orm::shortcut(dotted) {
            return first.flat_map(|ty| match ty {
                Ty::Class(class) | Ty::Manager(class, _) | Ty::QuerySet(class, _) => give(*class, None, gives),
                _ => TySet::unknown(),
            });
        }
        let read = self.query_expression(last, args, values);
        if !read.is_unknown() {
            return read;
        }
        if let Some(set) = self.iteration_call(last, &first, values) {
            return set;
        }
        match last {
            "partial" => first.flat_map(|ty| {
                let (func, offset) = match ty {
                    Ty::Func(func) => (*func, 0),
                    Ty::Bound(func, _) => (*func, 1),
                    Ty::Partial(func, given) => (*func, *given),
                    _ => return TySet::unknown(),
                };
                let given = u32::try_from(values.positional.len().saturating_sub(1)).unwrap_or(0);
                let rest = Values {
                    positional: values.positional.get(1..).unwrap_or_default().to_vec(),
                    keywords: values.keywords.clone(),
                    open: values.open,
                };
                self.bind_args(func, &rest, None, offset as usize);
                TySet::one(Ty::Partial(func, offset + given))
            }),
            // `dict(name=value)`
            "dict" | "OrderedDict" => {
                let mut all = first.flat_map(|ty| match ty {
                    Ty::Dict(_) => TySet::one(ty.clone()),
                    _ => TySet::unknown(),
                });
                for (_, set) in &values.keywords {
                    for (ty, sure) in set.iter().filter(|(ty, _)| !matches!(ty, Ty::Str(_))) {
                        all.insert(Ty::Dict(Box::new(ty.clone())), *sure);
                    }
                }
                all
            }
            "TypeVar" | "NewType" => {
                let bound = values.keywords.iter().find(|(name, _)| name == "bound").map(|(_, set)| set.clone());
                let given = bound.or_else(|| values.positional.get(1).cloned()).unwrap_or_default();
                let known = self.stands_for(&given);
                if known.is_unknown() { TySet::one(Ty::ExternalResult(dotted.clone())) } else { known }
            }
            "sync_to_async" | "async_to_sync" | "database_sync_to_async" | "wraps" | "atomic"
                if !first.is_unknown() =>
            {
                first
            }
            "copy" | "deepcopy" | "memoize" | "closing" => first,
            "cast" => {
                let mut set = self.instances(&first);
                set.join(&values.positional.get(1).cloned().unwrap_or_default());
                set
            }
            "type" if args.args.len() == 1 => first.flat_map(|ty| match ty {
                Ty::Instance(class) => TySet::one(Ty::Class(*class)),
                _ => TySet::unknown(),
            }),
            "super" => self.super_type(args, values),
            "getattr" => self.get_attribute(&first, args, values, span),
            "setattr" => {
                if let Some(arg) = args.args.get(1) {
                    let name = arg.as_str().unwrap_or_default();
                    self.touch_attribute_write(&first, &Ident { name, span: arg.span });
                }
                TySet::unknown()
            }
            "get_model" => self.get_model(args),
            "get_user_model" => self.user_model(),
            // Source: `django/contrib/auth/__init__.py`.
            "authenticate" | "get_user" | "aauthenticate" | "aget_user"
                if dotted.starts_with("django.contrib.auth") =>
            {
                self.instances(&self.user_model()).unsure()
            }
            "import_module" | "__import__" => self.imported_module(&first),
            "import_string" | "import_by_path" | "locate" => self.imported_string(&first),
            "Table" | "modelform_factory" | "modelformset_factory" | "inlineformset_factory" => {
                self.made_of_model(last, values).unwrap_or_default()
            }
            // `pytest.param(row, id="…")`
            "param" => match values.positional.as_slice() {
                [one] => one.clone(),
                several => TySet::one(Ty::Tuple(several.to_vec())),
            },
            // A paginator goes over pages, a page over rows.
            "Paginator" => {
                let rows = self.elements(&first);
                rows.flat_map(|ty| TySet::one(Ty::Seq(Box::new(Ty::Seq(Box::new(ty.clone()))))))
            }
            _ if super::names::is_manager_name(dotted) => TySet::one(Ty::ExternalResult(dotted.clone())),
            _ => {
                self.hand_over(values);
                TySet::unknown()
            }
        }
    }

    /// Functions that go through their arguments: of the language, `itertools` and `functools`.
    fn iteration_call(&mut self, name: &str, first: &TySet, values: &Values) -> Option<TySet> {
        Some(match name {
            "list" | "tuple" | "set" | "frozenset" | "sorted" | "reversed" | "iter" | "chain" | "islice" | "cycle"
            | "tqdm" => {
                let mut all = TySet::default();
                for set in &values.positional {
                    all.join(&self.elements(set));
                }
                self.keyed(values, &all);
                all.flat_map(|ty| TySet::one(Ty::Seq(Box::new(ty.clone()))))
            }
            "from_iterable" => {
                let inner = self.elements(first);
                self.elements(&inner).flat_map(|ty| TySet::one(Ty::Seq(Box::new(ty.clone()))))
            }
            "next" => self.elements(first),
            "min" | "max" => {
                let items = self.elements(first);
                self.keyed(values, &items);
                items
            }
            "enumerate" => {
                let items = self.elements(first);
                if items.is_unknown() {
                    return Some(items);
                }
                TySet::one(Ty::Seq(Box::new(Ty::Tuple(vec![TySet::unknown(), items]))))
            }
            "zip" => {
                let columns: Vec<TySet> = values.positional.iter().map(|set| self.elements(set)).collect();
                if columns.iter().all(TySet::is_unknown) {
                    return Some(TySet::unknown());
                }
                TySet::one(Ty::Seq(Box::new(Ty::Tuple(columns))))
            }
            "filter" | "takewhile" | "dropwhile" | "filterfalse" => {
                let items = values.positional.get(1).cloned().unwrap_or_default();
                let items = self.elements(&items);
                self.call_with(first, &Values::one(items.clone()));
                items.flat_map(|ty| TySet::one(Ty::Seq(Box::new(ty.clone()))))
            }
            "map" | "starmap" => {
                let columns: Vec<TySet> = values.positional.iter().skip(1).map(|set| self.elements(set)).collect();
                let given = Values { positional: columns, ..Values::default() };
                let made = self.call_with(first, &given);
                made.flat_map(|ty| TySet::one(Ty::Seq(Box::new(ty.clone()))))
            }
            "reduce" => {
                let items = values.positional.get(1).cloned().unwrap_or_default();
                let items = self.elements(&items);
                let start = values.positional.get(2).cloned().unwrap_or_else(|| items.clone());
                self.call_with(first, &Values { positional: vec![start, items], ..Values::default() })
            }
            _ => return None,
        })
    }

    /// `sorted(rows, key=function)`
    fn keyed(&mut self, values: &Values, items: &TySet) {
        if let Some((_, key)) = values.keywords.iter().find(|(name, _)| name == "key") {
            self.call_with(&key.clone(), &Values::one(items.clone()));
        }
    }

    /// `getattr(value, name)`, with a name that is known.
    fn get_attribute(&mut self, first: &TySet, args: &'p Arguments, values: &Values, span: Span) -> TySet {
        let given = values.positional.get(1).cloned().unwrap_or_default();
        self.lacks_texts(&given);
        let mut result = TySet::default();
        for (ty, _) in given.iter() {
            let Ty::Str(name) = ty else { continue };
            let ident = Ident { name: name.clone(), span: args.args.get(1).map_or(span, |arg| arg.span) };
            let set = self.silent(|flow| {
                let mut chain = Chain::empty(span);
                flow.attr(first, &ident, 0, &mut chain)
            });
            if args.args.get(1).is_some_and(|arg| arg.as_str().is_some()) {
                self.touch_named(&set, args.args.get(1));
            }
            result.join(&set);
        }
        result
    }

    fn super_type(&mut self, args: &'p Arguments, values: &Values) -> TySet {
        let first = values.positional.first().cloned().unwrap_or_default();
        let explicit = first.iter().find_map(|(ty, _)| match ty {
            Ty::Class(class) => Some(*class),
            _ => None,
        });
        let func = self.frames.last().and_then(|frame| frame.func);
        let Some(class) = (if args.args.is_empty() { None } else { explicit }).or_else(|| {
            let mut at = func;
            while let Some(id) = at {
                if let Some(class) = self.func(id).class {
                    return Some(class);
                }
                at = self.func(id).parent;
            }
            None
        }) else {
            return TySet::unknown();
        };
        let own = self.self_type(class);
        let mut result = TySet::default();
        for (ty, sure) in own.iter() {
            result.insert(Ty::Super(class, Box::new(ty.clone())), *sure);
        }
        // `super(M, row)`, and instances of subclasses that this method is called on.
        let first = func.and_then(|func| self.func(func).params.first()).map(|param| param.name.name.clone());
        let given = match values.positional.get(1) {
            Some(given) => given.clone(),
            None => first.map(|name| self.lookup(&name)).unwrap_or_default(),
        };
        for (ty, sure) in given.iter() {
            if matches!(ty, Ty::Instance(other) if self.class(*other).model.is_some() && *other != class) {
                result.insert(Ty::Super(class, Box::new(ty.clone())), *sure);
            }
        }
        result
    }

    /// The models that `get_model('app.Model')`, `get_model('app', 'Model')` or `config.get_model('Model')` gives: of
    /// names in variables all that they may be.
    pub(super) fn get_model(&mut self, args: &'p Arguments) -> TySet {
        let mut texts = |position: usize, names: [&str; 2]| -> Vec<CompactString> {
            let Some(expr) = args.get(position, names[0]).or_else(|| args.keyword(names[1])) else { return Vec::new() };
            if let Some(text) = expr.as_str() {
                return vec![text];
            }
            let set = self.silent(|flow| flow.eval(expr, Use::Plain));
            self.texts(&set)
        };
        let first = texts(0, ["app_label", "model"]);
        let second = texts(1, ["model_name", "model"]);
        let alone = args.args.len() == 1;
        let classes: Vec<ClassId> = if second.is_empty() {
            let named = |name: &CompactString| match name.contains('.') {
                true => self.class_by_label(name),
                false => self.class_by_name(name).filter(|_| alone),
            };
            first.iter().filter_map(named).collect()
        } else {
            let models = second.iter().flat_map(|model| first.iter().map(move |app| format!("{app}.{model}")));
            models.filter_map(|label| self.class_by_label(&label)).collect()
        };
        let sure = first.len() == 1 && second.len() <= 1;
        classes.into_iter().map(|class| (Ty::Class(class), sure)).collect()
    }
}
