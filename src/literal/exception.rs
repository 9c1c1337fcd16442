//! How an evaluation ends before its value: by an exception of the code, or by the end of the budget.

use std::rc::Rc;

/// An exception on its way, or the end of the budget.
#[derive(Debug, Clone)]
pub struct Exception {
    /// The name of its class.
    pub class: Rc<str>,
    /// The message, for the reason of a gap.
    pub message: String,
    /// Whether no handler may catch it.
    pub fatal: bool,
}

impl Exception {
    /// An exception of a class.
    #[must_use]
    pub fn new(class: &str, message: impl Into<String>) -> Self {
        Self { class: class.into(), message: message.into(), fatal: false }
    }
}

/// The outcome of an evaluation.
pub type Eval<T> = Result<T, Exception>;
