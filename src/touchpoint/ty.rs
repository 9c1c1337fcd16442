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
    /// A queryset whose statement reads the table of a model, and whose items are not its rows: values of them, or rows
    /// of another model that a join or a subquery finds.
    Rows(ClassId),
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
    /// Whether this is a text, or a container of texts alone.
    fn is_text(&self) -> bool {
        match self {
            Self::Str(_) => true,
            Self::Seq(inner) | Self::Dict(inner) => inner.is_text(),
            Self::Tuple(items) => items.iter().flat_map(TySet::iter).all(|(ty, _)| ty.is_text()),
            _ => false,
        }
    }

    /// The same with other classes of rows: of instances, managers, querysets, and in containers of them.
    #[must_use]
    pub fn with_classes(&self, other: &impl Fn(ClassId) -> ClassId) -> Self {
        let inner = |ty: &Self| Box::new(ty.with_classes(other));
        match self {
            Self::Instance(class) => Self::Instance(other(*class)),
            Self::Manager(class, custom) => Self::Manager(other(*class), *custom),
            Self::QuerySet(class, custom) => Self::QuerySet(other(*class), *custom),
            Self::Rows(class) => Self::Rows(other(*class)),
            Self::Seq(ty) => Self::Seq(inner(ty)),
            Self::Dict(ty) => Self::Dict(inner(ty)),
            Self::Tuple(items) => {
                let items = items.iter().map(|set| set.flat_map(|ty| TySet::one(ty.with_classes(other))));
                Self::Tuple(items.collect())
            }
            _ => self.clone(),
        }
    }

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
pub struct TySet {
    /// Sorted.
    all: SmallVec<[(Ty, bool); 1]>,
    /// Whether alternatives other than texts were left out, and whether texts were.
    cut: Cut,
}

/// What was left out of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Cut {
    values: bool,
    texts: bool,
}

impl Cut {
    /// Adds what was left out elsewhere; true when that changed anything.
    fn join(&mut self, other: Cut) -> bool {
        let before = *self;
        self.values |= other.values;
        self.texts |= other.texts;
        *self != before
    }
}

/// More alternatives than this are left out, and the set says so: the time of every step grows with them.
pub const MAX_ALTERNATIVES: usize = 1000;

/// Containers nested deeper are left out: a loop that nests its own value would never end.
const MAX_DEPTH: usize = 4;

impl TySet {
    /// Nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Surely this.
    #[must_use]
    pub fn one(ty: Ty) -> Self {
        Self { all: smallvec![(ty, true)], cut: Cut::default() }
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether alternatives were left out because there are too many. Texts are not counted: they say nothing unless
    /// they are used as names.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut.values
    }

    /// Whether texts were left out because there are too many.
    #[must_use]
    pub fn lacks_texts(&self) -> bool {
        self.cut.texts
    }

    /// The alternatives, sorted.
    pub fn iter(&self) -> std::slice::Iter<'_, (Ty, bool)> {
        self.all.iter()
    }

    /// Adds an alternative; true when that changed the set.
    pub fn insert(&mut self, ty: Ty, sure: bool) -> bool {
        if ty.depth() > MAX_DEPTH {
            return false;
        }
        match self.place(&ty) {
            Ok(at) => {
                let changed = sure && !self.all[at].1;
                self.all[at].1 |= sure;
                changed
            }
            Err(_) if self.all.len() >= MAX_ALTERNATIVES => {
                let texts = ty.is_text();
                self.cut.join(Cut { values: !texts, texts })
            }
            Err(at) => {
                self.all.insert(at, (ty, sure));
                true
            }
        }
    }

    /// Where an alternative is, or would be.
    fn place(&self, ty: &Ty) -> Result<usize, usize> {
        // Most sets are built in their order.
        match self.all.last() {
            Some((last, _)) if last < ty => Err(self.all.len()),
            _ => self.all.binary_search_by(|(known, _)| known.cmp(ty)),
        }
    }

    /// Adds all alternatives of `other`; true when that changed the set.
    pub fn join(&mut self, other: &TySet) -> bool {
        // Where branches meet, most names have the values that they had before.
        if self == other {
            return false;
        }
        let mut changed = self.cut.join(other.cut);
        for (ty, sure) in &other.all {
            match self.place(ty) {
                Ok(at) => {
                    changed |= *sure && !self.all[at].1;
                    self.all[at].1 |= *sure;
                }
                Err(_) => changed |= self.insert(ty.clone(), *sure),
            }
        }
        changed
    }

    /// The set with every alternative made by `map`.
    #[must_use]
    pub fn flat_map(&self, mut map: impl FnMut(&Ty) -> TySet) -> TySet {
        let mut result = TySet { cut: self.cut, ..TySet::default() };
        for (ty, sure) in &self.all {
            let made = map(ty);
            result.cut.join(made.cut);
            for (made, made_sure) in made.all {
                result.insert(made, made_sure && *sure);
            }
        }
        result
    }

    /// The same alternatives, none of them sure: they came through callers.
    #[must_use]
    pub fn unsure(&self) -> TySet {
        Self { all: self.all.iter().map(|(ty, _)| (ty.clone(), false)).collect(), cut: self.cut }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: usize) -> Ty {
        Ty::Str(format!("{number}").into())
    }

    fn class(number: usize) -> Ty {
        Ty::Class(ClassId(u32::try_from(number).unwrap_or(u32::MAX)))
    }

    #[test]
    fn a_set_says_that_alternatives_were_left_out() {
        let set: TySet = (0..MAX_ALTERNATIVES).map(|number| (class(number), true)).collect();
        assert!(!set.is_cut());
        let mut more = set.clone();
        assert!(more.insert(class(MAX_ALTERNATIVES), true));
        assert!(more.is_cut() && !more.insert(class(MAX_ALTERNATIVES + 1), true));
        // Whoever gets the values knows it, too.
        let mut other = TySet::one(class(7));
        assert!(other.join(&more) && other.is_cut());
        assert!(other.flat_map(|ty| TySet::one(Ty::Seq(Box::new(ty.clone())))).is_cut());
        assert!(other.unsure().is_cut());
    }

    #[test]
    fn texts_that_are_left_out_are_counted_apart() {
        let set: TySet = (0..=MAX_ALTERNATIVES).map(|number| (Ty::Seq(Box::new(text(number))), true)).collect();
        assert!(set.lacks_texts() && !set.is_cut());
    }
}
