//! The layer in which references are welcome: what of it could be used instead of a new reference.

use super::entry::{Entry, GateTouchpoint};
use crate::config::gate::Rules;
use crate::finding::{Access, Confidence};

/// The definitions of the welcome layer that use the model.
pub(super) struct Layer<'a> {
    definitions: Vec<&'a Entry>,
}

impl<'a> Layer<'a> {
    pub(super) fn of(touchpoints: &'a [GateTouchpoint], rules: &Rules) -> Self {
        let is_offered = |found: &&GateTouchpoint| {
            let entry = &found.entry;
            let is_public = !entry.within.is_empty() && !entry.within.split('.').any(|name| name.starts_with('_'));
            is_public
                && !found.is_test
                && found.confidence > Confidence::Possible
                && rules.welcome.is_match(&found.path)
        };
        Self { definitions: touchpoints.iter().filter(is_offered).map(|found| &found.entry).collect() }
    }

    /// The dotted name of the definition that does the same to the same model, preferably to rows like these, nearest
    /// to the module at hand.
    pub(super) fn nearest(&self, wanted: &Entry) -> Option<String> {
        let does_it = |entry: &&&Entry| entry.target == wanted.target && does(entry.access, wanted.access);
        let words = super::likeness::Words::of(&wanted.statement, &wanted.symbol);
        let rank = |entry: &Entry| {
            let alike = words.likeness(&super::likeness::Words::of(&entry.statement, &entry.symbol));
            let shared = entry.module.split('.').zip(wanted.module.split('.')).take_while(|(a, b)| a == b).count();
            (entry.access == wanted.access, alike, shared)
        };
        let best = self.definitions.iter().filter(does_it).min_by(|a, b| {
            let ((exact_a, alike_a, near_a), (exact_b, alike_b, near_b)) = (rank(a), rank(b));
            let order = exact_b.cmp(&exact_a).then(alike_b.total_cmp(&alike_a)).then(near_b.cmp(&near_a));
            order.then_with(|| (&a.module, &a.within).cmp(&(&b.module, &b.within)))
        })?;
        Some(format!("{}.{}", best.module, best.within))
    }
}

/// Whether what does `offered` can stand in for what does `wanted`.
fn does(offered: Access, wanted: Access) -> bool {
    match wanted {
        // Whoever only names the model may want anything of it.
        Access::None | Access::Unknown | Access::Schema => offered != Access::None,
        Access::Read => matches!(offered, Access::Read | Access::ReadWrite),
        Access::Write | Access::ReadWrite => matches!(offered, Access::Write | Access::ReadWrite),
        Access::Delete => offered == Access::Delete,
    }
}
