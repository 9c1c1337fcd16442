//! What the analysis holds of classes, functions and values while it runs.

use std::collections::{BTreeMap, BTreeSet};

use compact_str::CompactString;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::ast::{ClassDef, FunctionDef, Param};
use crate::finding::Access;
use crate::source::FileId;
use crate::touchpoint::neighbours::NodeId;
use crate::touchpoint::ty::{ClassId, FuncId, TySet};

/// A class under analysis.
pub(super) struct ClassInfo<'p> {
    pub(super) file: FileId,
    pub(super) def: &'p ClassDef,
    /// Dotted name within its module.
    pub(super) qual: String,
    pub(super) bases: Vec<TySet>,
    /// Index of the model that it is.
    pub(super) model: Option<usize>,
    /// The model around the target that it is, or the target itself.
    pub(super) node: Option<NodeId>,
    /// Models that a factory of this class makes.
    pub(super) factory_of: Option<ClassId>,
    /// Models that have this class as manager or queryset.
    pub(super) manager_of: BTreeSet<ClassId>,
    /// Whether classes that are no model of interest have it as manager too.
    pub(super) shared_manager: bool,
}

/// How a function in a class takes its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binds {
    Instance,
    Class,
    Nothing,
    Property,
}

/// A function under analysis.
pub(super) struct FuncInfo<'p> {
    pub(super) file: FileId,
    /// Its definition; `None` for a lambda, which runs where it stands.
    pub(super) def: Option<&'p FunctionDef>,
    pub(super) params: &'p [Param],
    pub(super) class: Option<ClassId>,
    pub(super) parent: Option<FuncId>,
    pub(super) qual: String,
    pub(super) binds: Binds,
}

/// A piece of code that is run as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Unit {
    Module(FileId),
    Func(FuncId),
}

/// A fact that units read and write.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Key {
    Param(FuncId, CompactString),
    Return(FuncId),
    Closure(FuncId, CompactString),
    Attr(ClassId, CompactString),
    Bases(ClassId),
    Global(FileId, CompactString),
    Effect(FuncId),
    Managers(ClassId),
    /// What a type parameter of a class stands for, over all its uses.
    TypeArg(ClassId, CompactString),
    /// Whether a class holds something that matters under a name.
    Held(CompactString),
    /// Fixtures of a name.
    Fixture(CompactString),
    /// What a decorator hands to the functions that it wraps: by position, or by keyword.
    Injected(FuncId, Slot),
}

/// The place of an argument.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Slot {
    Position(u32),
    Keyword(CompactString),
}

pub(super) type Env = FxHashMap<CompactString, TySet>;

/// The names in force while a unit runs; class bodies push their own.
pub(super) struct Frame {
    pub(super) file: FileId,
    pub(super) func: Option<FuncId>,
    pub(super) class: Option<ClassId>,
    pub(super) env: Env,
}

/// Names that the analysis looks for beyond the definitions it sees.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// Accessors on other models, with the model and the related one: `studentmodule_set`.
    pub(super) accessors: FxHashMap<CompactString, Vec<ClassId>>,
    /// Names of relations in lookups, with the model that has the field and whether the name is plainly the model's.
    pub(super) lookups: FxHashMap<CompactString, Vec<(String, bool)>>,
}

/// A fixture of pytest.
#[derive(Clone, Debug)]
pub(super) struct Fixture {
    pub(super) file: FileId,
    pub(super) func: FuncId,
    /// Whether it yields its value.
    pub(super) yields: bool,
    /// Whether the files that may use it have been asked for.
    pub(super) asked: bool,
}

/// Accesses by the index of their model.
pub(super) type Effects = Vec<(usize, Access)>;

/// The functions that wait until they are needed, and what makes them run.
#[derive(Default)]
pub(super) struct Waiting<'p> {
    /// The files whose functions wait.
    pub(super) files: BTreeSet<FileId>,
    /// The outermost functions that wait, each with the end of the range of what is nested in it.
    pub(super) functions: BTreeMap<FuncId, FuncId>,
    /// The functions of a file that set an attribute of this name.
    pub(super) setters: FxHashMap<FileId, FxHashMap<&'p str, Vec<FuncId>>>,
    /// The functions that mention this name.
    pub(super) callers: FxHashMap<&'p str, Vec<FuncId>>,
    /// The functions whose callers run.
    pub(super) called: FxHashSet<FuncId>,
}
