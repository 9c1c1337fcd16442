//! The progress of a long run.

/// Receives the progress of a run. The library has no terminal of its own.
pub trait Progress: Sync {
    /// A stage begins. `steps` is the number of its units, where it is known.
    fn stage(&self, name: &'static str, steps: Option<u64>);
    /// `steps` more units of the current stage are done since the last call.
    fn advance(&self, steps: u64);
}

/// Discards all progress.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn stage(&self, _: &'static str, _: Option<u64>) {}

    fn advance(&self, _: u64) {}
}
