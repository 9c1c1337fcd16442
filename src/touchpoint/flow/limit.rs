//! What is left out because there is too much of it: each is a gap that names the place.

use super::{Flow, Key, Unit};
use crate::source::{FileId, Gap, GapKind, Span};
use crate::touchpoint::ty::{ClassId, FuncId, MAX_ALTERNATIVES, TySet};

impl Flow<'_, '_> {
    /// A fact has more alternatives than are followed.
    pub(super) fn too_many(&mut self, key: &Key) {
        let (unit, class, name) = match key {
            Key::Param(func, name) => (Unit::Func(*func), None, format!("parameter `{name}`")),
            Key::Closure(func, name) => (Unit::Func(*func), None, format!("`{name}`")),
            Key::Return(func) => (Unit::Func(*func), None, String::from("what it returns")),
            Key::Injected(func, _) => {
                (Unit::Func(*func), None, String::from("what it hands to the functions it wraps"))
            }
            Key::Global(file, name) => (Unit::Module(*file), None, format!("`{name}`")),
            Key::Attr(class, name) | Key::TypeArg(class, name) => (self.unit, Some(*class), format!("`{name}`")),
            Key::Bases(_) | Key::Effect(_) | Key::Managers(_) | Key::Held(_) | Key::Fixture(_) => return,
        };
        self.left_out(unit, class, &format!("{name} may be any of more than {MAX_ALTERNATIVES} values"));
    }

    /// Texts are used as names, and some were left out.
    pub(super) fn lacks_texts(&mut self, set: &TySet) {
        if set.lacks_texts() {
            self.left_out(self.unit, None, &format!("names are any of more than {MAX_ALTERNATIVES} texts"));
        }
    }

    /// Notes that something of a unit, or of a class, was not followed.
    pub(super) fn left_out(&mut self, unit: Unit, class: Option<ClassId>, what: &str) {
        let (file, span, of) = match (class, unit) {
            (Some(class), _) => self.place_of_class(class),
            (None, Unit::Func(func)) => self.place_of_function(func),
            (None, Unit::Module(file)) => (file, Span::new(0, 0), String::new()),
        };
        let project = self.resolver.project();
        let line = project.parsed(file).map_or(0, |parsed| parsed.text.line_col(span.start).line);
        let reason = format!("{of}{what}; not all were followed, so that touchpoints may be missing");
        self.gaps.insert(Gap::at(GapKind::Unfinished, project.path(file), line, reason));
    }

    fn place_of_class(&self, class: ClassId) -> (FileId, Span, String) {
        let info = self.class(class);
        (info.file, info.def.name.span, format!("`{}`: ", info.qual))
    }

    fn place_of_function(&self, func: FuncId) -> (FileId, Span, String) {
        let info = self.func(func);
        let span = info.def.map_or(Span::new(0, 0), |def| def.name.span);
        (info.file, span, format!("`{}`: ", info.qual))
    }
}
