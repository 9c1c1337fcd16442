//! What evaluation may cost: one budget of steps, depth and bytes for every value and operation.
//!
//! A statement that exceeds the budget ends with a [`Exception`] that no handler catches; the evaluator records a gap and
//! goes on with the next statement of the module. A value that would be too large is unknown.

use super::exception::{Eval, Exception};

/// Steps of one evaluation that somebody asked for; far above what any real migration takes.
const STEPS: u64 = 3_000_000;
/// Steps of all evaluations of a run.
const ALL_STEPS: u64 = 200_000_000;
/// Bytes that computed values may take in one evaluation, freed ones included.
const BYTES: u64 = 128 << 20;
/// Bytes that computed values may take in all evaluations of a run, freed ones included.
const ALL_BYTES: u64 = 4 << 30;
/// Nested calls, statements and expressions; the thread that evaluates has a stack for them.
const DEPTH: u32 = 1_200;
/// Bytes that count as one step: copying them takes about as long.
const BYTES_OF_A_STEP: u64 = 256;

/// Elements of one list, tuple, set or dict that is computed. What stands in the source may be longer.
pub(super) const MAX_ITEMS: usize = 100_000;
/// Bytes of one text that is computed.
pub(super) const MAX_TEXT: usize = 1 << 20;
/// Values that one comparison, key or copy visits, shared parts as often as they occur.
pub(super) const MAX_VISITS: usize = 20_000;
/// Values among the arguments of one object, shared parts as often as they occur.
pub(super) const MAX_PARTS: usize = 200_000;
/// How deep the parts of a value are visited.
pub(super) const MAX_NESTING: usize = 100;
/// The bytes that one element of a container takes.
pub(super) const ITEM_BYTES: usize = 32;

/// The budget of an evaluation, and what is left of that of the run.
#[derive(Debug, Default)]
pub(super) struct Budget {
    steps: u64,
    bytes: u64,
    all_steps: u64,
    all_bytes: u64,
    /// How deep calls, statements and expressions are nested.
    pub(super) depth: u32,
}

/// Where the budget of an evaluation stood, to begin the next statement from there.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    steps: u64,
    bytes: u64,
}

impl Budget {
    /// Starts an evaluation of its own; the budget of the run goes on.
    pub(super) fn restart(&mut self) {
        (self.steps, self.bytes, self.depth) = (0, 0, 0);
    }

    /// What the evaluation has used so far, to go back to.
    pub(super) fn mark(&self) -> Mark {
        Mark { steps: self.steps, bytes: self.bytes }
    }

    /// Gives back what was used since a mark.
    pub(super) fn reset(&mut self, mark: Mark) {
        (self.steps, self.bytes) = (mark.steps, mark.bytes);
    }

    /// Whether nothing is left of the budget of the run.
    pub(super) fn is_spent(&self) -> bool {
        self.all_steps > ALL_STEPS || self.all_bytes > ALL_BYTES
    }

    /// Takes one step; an error when none is left.
    pub(super) fn step(&mut self) -> Eval<()> {
        self.spend(1)
    }

    fn spend(&mut self, steps: u64) -> Eval<()> {
        self.steps += steps;
        self.all_steps += steps;
        if self.steps > STEPS || self.all_steps > ALL_STEPS {
            return Err(over("the code takes too many steps to evaluate"));
        }
        Ok(())
    }

    /// The bytes of a value that is about to be made or copied.
    pub(super) fn bytes(&mut self, bytes: usize) -> Eval<()> {
        let bytes = bytes as u64;
        self.bytes += bytes;
        self.all_bytes += bytes;
        if self.bytes > BYTES || self.all_bytes > ALL_BYTES {
            return Err(over("the values of the code need too much memory"));
        }
        self.spend(bytes / BYTES_OF_A_STEP)
    }

    /// The elements of a container that is about to be made, copied or searched.
    pub(super) fn items(&mut self, count: usize) -> Eval<()> {
        self.bytes(count.saturating_mul(ITEM_BYTES))
    }

    /// One level deeper; the caller goes back up with [`Budget::up`].
    pub(super) fn down(&mut self) -> Eval<()> {
        if self.depth >= DEPTH {
            return Err(over("the code is nested too deeply to evaluate"));
        }
        self.depth += 1;
        Ok(())
    }

    /// Goes one level up, after [`Budget::down`].
    pub(super) fn up(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }
}

fn over(message: &str) -> Exception {
    Exception { class: "Budget".into(), message: message.into(), fatal: true }
}
