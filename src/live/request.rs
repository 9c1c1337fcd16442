//! What is asked of an environment.

use super::session::Limits;

/// What is asked of an environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The tables that it is about. Sizes, ranges and emptiness are read of these and of those tied to them.
    pub tables: Vec<String>,
    /// Names of columns that store the ids of these tables, such as `student_module_id`.
    pub columns: Vec<String>,
    /// Measures every table. On a large old server that opens all of them.
    pub all: bool,
    /// Reads a few values of rows, too: of columns that store ids without an index, and when rows were created.
    pub sample: bool,
    /// Reads a server that takes writes, too.
    pub allow_primary: bool,
    /// How long things may take.
    pub limits: Limits,
}

impl Request {
    /// A request about a Django model, by its label, under the names that Django gives by default.
    #[must_use]
    pub fn about(label: &str) -> Self {
        let (app, model) = label.split_once('.').unwrap_or(("", label));
        let words = snake_case(model);
        let plain = model.to_lowercase();
        let mut columns = vec![format!("{plain}_id")];
        if words != plain {
            columns.push(format!("{words}_id"));
        }
        Self { tables: vec![format!("{app}_{plain}")], columns, ..Self::default() }
    }
}

/// `StudentModule` as people name a field after it: `student_module`.
#[must_use]
pub fn snake_case(name: &str) -> String {
    let mut words = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.extend(character.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_usual_names() {
        let request = Request::about("courseware.StudentModule");
        assert_eq!(request.tables, ["courseware_studentmodule"]);
        assert_eq!(request.columns, ["studentmodule_id", "student_module_id"]);
        assert_eq!(Request::about("shop.Order").columns, ["order_id"]);
    }
}
