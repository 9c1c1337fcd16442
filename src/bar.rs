//! The progress bar: on a terminal only, and only when a run takes long enough to wonder.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use csm_audit::progress::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shorter runs show no bar.
const SHOWN_AFTER: Duration = Duration::from_millis(500);

/// How often the bar is drawn again.
const TICK: Duration = Duration::from_millis(100);

/// A bar on standard error, until it is dropped.
pub struct Bar {
    bar: ProgressBar,
    /// Dropped at the end, which wakes the thread that waits to show the bar.
    running: Option<Sender<()>>,
    waiting: Option<JoinHandle<()>>,
}

impl Bar {
    /// A bar that shows itself when the run is not over soon.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let (running, over) = channel();
        let shown = bar.clone();
        let waiting = std::thread::spawn(move || show_later(&shown, &over));
        Self { bar, running: Some(running), waiting: Some(waiting) }
    }
}

fn show_later(bar: &ProgressBar, over: &Receiver<()>) {
    if over.recv_timeout(SHOWN_AFTER) == Err(RecvTimeoutError::Timeout) {
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.enable_steady_tick(TICK);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.running.take();
        if let Some(waiting) = self.waiting.take() {
            // It cannot panic, and a run does not fail for its bar.
            let _ = waiting.join();
        }
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn stage(&self, name: &'static str, steps: Option<u64>) {
        let template = if steps.is_some() { "{spinner} {msg} {wide_bar} {pos}/{len}" } else { "{spinner} {msg}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_message(name);
        self.bar.set_position(0);
        match steps {
            Some(steps) => self.bar.set_length(steps),
            None => self.bar.unset_length(),
        }
    }

    fn advance(&self, steps: u64) {
        self.bar.inc(steps);
    }
}
