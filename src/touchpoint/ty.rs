//! What a Python value may be, as far as touchpoints need to know.

use compact_str::CompactString;
use smallvec::{SmallVec, smallvec};

use crate::modules::ModuleRef;

/// Index of a class of the files under analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClassId(pub u32);

/// Index of a function of the files under analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FuncId(pub u32);

/// A possible value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ty {
    /// A module or package.
    Module(ModuleRef),
    /// A name of a project file that is not under analysis: nothing in it is known to matter yet.
    Pending(crate::source::FileId, CompactString),
    /// A class itself.
    Class(ClassId),
    /// An instance of a class.
    Instance(ClassId),
    /// A manager of a model, with the project's own manager or queryset class when it has one.
    Manager(ClassId, Option<ClassId>),
    /// A queryset of a model.
    QuerySet(ClassId, Option<ClassId>),
    /// A function.
    Func(FuncId),
    /// A method with its receiver.
    Bound(FuncId, Box<Ty>),
    /// `functools.partial(function, …)` with that many positional arguments given.
    Partial(FuncId, u32),
    /// Something outside the scanned trees, by its dotted name.
    External(CompactString),
    /// What calling something external gave.
    ExternalResult(CompactString),
    /// `super()` in a class, on an instance (true) or on the class (false).
    Super(ClassId, Box<Ty>),
    /// `Model._meta`
    Meta(ClassId),
    /// `Model._meta.db_table`
    Table(ClassId),
    /// A list, set, iterator or generator.
    Seq(Box<Ty>),
    /// A tuple, item by item.
    Tuple(Vec<TySet>),
    /// A mapping, by its values.
    Dict(Box<Ty>),
    /// A constant string.
    Str(CompactString),
    /// A class made by `Manager.from_queryset(QuerySet)`.
    FromQuerySet(ClassId),
    /// A type annotation that is more than a class, by a value that it allows: `list[Model]`.
    Hint(Box<Ty>),
    /// A method of Django's own, with its receiver: `row.delete`, not called.
    Method(Box<Ty>, CompactString),
    /// A form or serializer that Django or Django REST framework makes for a model.
    Form(ClassId),
    /// The class of such a form.
    FormClass(ClassId),
    /// `apps.get_app_config(label)`
    App(CompactString),
    /// A row of Django's content types, of a model.
    ContentType(ClassId),
    /// A model's table as SQLAlchemy describes it.
    SqlTable(ClassId),
    /// A function that a decorator of the project wraps, as the decorator's parameter.
    Decorated(FuncId),
}

impl Ty {
    /// Nesting of containers.
    fn depth(&self) -> usize {
        match self {
            Self::Seq(inner)
            | Self::Dict(inner)
            | Self::Bound(_, inner)
            | Self::Super(_, inner)
            | Self::Hint(inner)
            | Self::Method(inner, _) => 1 + inner.depth(),
            Self::Tuple(items) => 1 + items.iter().flat_map(TySet::iter).map(|(ty, _)| ty.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }
}

/// A value may be any of these; each with whether that is sure. Empty: nothing is known of it. Most hold one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TySet(SmallVec<[(Ty, bool); 1]>);

/// More alternatives than this say nothing any more; containers nested deeper are cut. Both bound the analysis.
const MAX_ALTERNATIVES: usize = 24;
const MAX_DEPTH: usize = 4;

impl TySet {
    /// Nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self(SmallVec::new())
    }

    /// Surely this.
    #[must_use]
    pub fn one(ty: Ty) -> Self {
        Self(smallvec![(ty, true)])
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }

    /// The alternatives, sorted.
    pub fn iter(&self) -> std::slice::Iter<'_, (Ty, bool)> {
        self.0.iter()
    }

    /// Adds an alternative; true when that changed the set.
    pub fn insert(&mut self, ty: Ty, sure: bool) -> bool {
        if ty.depth() > MAX_DEPTH {
            return false;
        }
        match self.0.binary_search_by(|(known, _)| known.cmp(&ty)) {
            Ok(at) => {
                let changed = sure && !self.0[at].1;
                self.0[at].1 |= sure;
                changed
            }
            Err(at) => {
                if self.0.len() >= MAX_ALTERNATIVES {
                    return false;
                }
                self.0.insert(at, (ty, sure));
                true
            }
        }
    }

    /// Adds all alternatives of `other`; true when that changed the set.
    pub fn join(&mut self, other: &TySet) -> bool {
        let mut changed = false;
        for (ty, sure) in &other.0 {
            changed |= self.insert(ty.clone(), *sure);
        }
        changed
    }

    /// The set with every alternative made by `map`.
    #[must_use]
    pub fn flat_map(&self, mut map: impl FnMut(&Ty) -> TySet) -> TySet {
        let mut result = TySet::default();
        for (ty, sure) in &self.0 {
            for (made, made_sure) in map(ty).0 {
                result.insert(made, made_sure && *sure);
            }
        }
        result
    }

    /// The same alternatives, none of them sure: they came through callers.
    #[must_use]
    pub fn unsure(&self) -> TySet {
        Self(self.0.iter().map(|(ty, _)| (ty.clone(), false)).collect())
    }
}

impl FromIterator<(Ty, bool)> for TySet {
    fn from_iter<I: IntoIterator<Item = (Ty, bool)>>(items: I) -> Self {
        let mut set = Self::default();
        for (ty, sure) in items {
            set.insert(ty, sure);
        }
        set
    }
}
