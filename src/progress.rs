//! What a long run says of itself while it runs.

/// Told how far a run is. The library knows no terminal.
pub trait Progress: Sync {
    /// A stage begins, of so many steps when that is known.
    fn stage(&self, name: &'static str, steps: Option<u64>);
    /// So many steps of the stage are done.
    fn advance(&self, steps: u64);
}

/// Says nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn stage(&self, _: &'static str, _: Option<u64>) {}

    fn advance(&self, _: u64) {}
}
