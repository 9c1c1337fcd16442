//! Which dotted names a file answers to.
//!
//! Python names a module by the path from whichever folder of `sys.path` it was found in. A project of age has
//! several such folders, so that `courseware.models` and `lms.djangoapps.courseware.models` are one module. They are
//! derived from the tree: see [`import_roots`].

mod index;
mod roots;
mod sys_path;

pub use index::{How, ModuleIndex, ModuleRef};
pub use roots::{ImportRoot, import_roots, tells_import_roots};

#[cfg(test)]
mod tests;
