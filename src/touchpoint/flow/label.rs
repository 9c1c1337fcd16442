//! The app labels that stand beside names of models: `get(app_label="shop", model="order")`.

use compact_str::CompactString;

use super::Flow;
use super::eval::{Op, Use};
use crate::ast::{Arguments, Expr, ExprKind, Keyword};
use crate::source::Span;

/// The app label of a call whose arguments are being read.
#[derive(Default)]
pub(super) struct AppLabel {
    /// The arguments that hold it.
    arguments: Vec<Span>,
    /// What it can be; nothing when that is not known.
    labels: Vec<CompactString>,
    /// Whether one is given.
    given: bool,
}

impl AppLabel {
    /// Whether an expression is an argument that holds the app label.
    pub(super) fn is_argument(&self, span: Span) -> bool {
        self.arguments.iter().any(|argument| argument.contains(span))
    }

    /// Whether a model of this app can be meant; `None` when nobody knows.
    pub(super) fn admits(&self, app: &str) -> Option<bool> {
        match (self.given, self.labels.is_empty()) {
            (false, _) => Some(true),
            (true, true) => None,
            (true, false) => Some(self.labels.iter().any(|label| label.eq_ignore_ascii_case(app))),
        }
    }
}

impl<'p> Flow<'_, 'p> {
    /// Runs `run` while the app label of a call is known. `steps` are those of the whole chain: a query may name the app
    /// in one of them and the model in another.
    pub(super) fn with_app_label<T>(
        &mut self,
        name: &str,
        args: &'p Arguments,
        steps: &[Op<'p>],
        run: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let beside = match name {
            "get_model" | "get_registered_model" if args.args.len() > 1 => args.args.first(),
            "get_by_natural_key" => args.args.first(),
            _ => None,
        };
        let mut given: Vec<&'p Expr> = beside.into_iter().chain(app_labels(args)).collect();
        if given.is_empty() && !args.keywords.iter().any(|keyword| is_lookup(keyword, &["model"])) {
            return run(self);
        }
        given.extend(steps.iter().flat_map(|step| match step {
            Op::Call(other, _) if !std::ptr::eq(*other, args) => app_labels(other),
            _ => Vec::new(),
        }));
        let mut label = AppLabel { given: !given.is_empty(), ..AppLabel::default() };
        let mut is_known = true;
        for expr in given {
            label.arguments.push(expr.span);
            let items = match &expr.kind {
                ExprKind::List(items) | ExprKind::Tuple(items) | ExprKind::Set(items) => items.iter().collect(),
                _ => vec![expr],
            };
            for item in items {
                let set = self.silent(|flow| flow.eval(item, Use::Plain));
                let texts = self.texts(&set);
                is_known &= !texts.is_empty();
                label.labels.extend(texts);
            }
        }
        // With one that is not known it can be any.
        if !is_known {
            label.labels.clear();
        }
        self.app_labels.push(label);
        let result = run(self);
        self.app_labels.pop();
        result
    }
}

/// The arguments that name an app.
fn app_labels(args: &Arguments) -> Vec<&Expr> {
    let named = args.keywords.iter().filter(|keyword| is_lookup(keyword, &["app_label"]));
    named.map(|keyword| &keyword.value).collect()
}

/// Whether a keyword asks for one of these fields, of a content type or of what points to one.
fn is_lookup(keyword: &Keyword, fields: &[&str]) -> bool {
    let name = keyword.name.as_ref().map_or("", |name| name.name.as_str());
    name.split("__").any(|part| fields.contains(&part))
}
