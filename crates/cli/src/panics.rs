//! Panics. One inside a run belongs to the protocol on trial: the simulator catches it and it is a verdict, so
//! nothing is printed. Any other is ours: an internal error.
//!
//! [`in_run`] marks a thread as being inside a run. The hook then only remembers what it would have said; should the
//! panic leave the run all the same, it was not the protocol's, and the guard says it.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};

use quarrel_formats::Scenario;
use quarrel_formats::trace::Trace;
use quarrel_harness::case::Shrunk;
use quarrel_harness::registry::Trial;
use quarrel_harness::run::Outcome;
use quarrel_harness::tallies::Tallies;
use quarrel_protocol::{Cell as Sometimes, Property};
use quarrel_sim::record::TraceEvent;

use crate::output::say;

thread_local! {
    /// How many runs this thread is inside of.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// The last panic inside a run.
    static REMEMBERED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// An internal error is told once: what follows are its echoes in other threads.
static TOLD: AtomicBool = AtomicBool::new(false);

/// Takes the place of the standard hook.
pub(crate) fn install_hook() {
    std::panic::set_hook(Box::new(|info| {
        let message = message(info);
        if DEPTH.with(Cell::get) > 0 {
            REMEMBERED.with(|remembered| *remembered.borrow_mut() = message);
        } else {
            tell(&message);
        }
    }));
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let what = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words");
    info.location().map_or_else(|| what.to_string(), |place| format!("{what}, at {place}"))
}

fn tell(message: &str) {
    if !TOLD.swap(true, Ordering::Relaxed) {
        say(&format!(
            "internal error: {message}\nThis is no verdict on the protocol: please report it with the command you ran.\n"
        ));
    }
}

/// Does something that runs a protocol; its panics are verdicts, and silent.
pub(crate) fn in_run<T>(work: impl FnOnce() -> T) -> T {
    struct Inside;
    impl Drop for Inside {
        fn drop(&mut self) {
            DEPTH.with(|depth| depth.set(depth.get() - 1));
            if std::thread::panicking() {
                REMEMBERED.with(|remembered| tell(&remembered.borrow()));
            }
        }
    }
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    let _inside = Inside;
    work()
}

/// A trial whose panics are silent, and that tells when it starts to shrink.
pub(crate) struct Quiet<'a> {
    pub(crate) trial: &'a dyn Trial,
    /// Told the seed that is about to be shrunk.
    pub(crate) shrinking: &'a (dyn Fn(u64) + Sync),
}

impl Trial for Quiet<'_> {
    fn scenario(&self) -> &Scenario {
        self.trial.scenario()
    }

    fn flaws(&self) -> &[String] {
        self.trial.flaws()
    }

    fn cells(&self) -> Vec<Sometimes> {
        self.trial.cells()
    }

    fn properties(&self) -> &[Property] {
        self.trial.properties()
    }

    fn run(&self, seed: u64) -> Outcome {
        in_run(|| self.trial.run(seed))
    }

    fn batch(&self, seeds: Range<u64>, stop: &dyn Fn() -> bool) -> Tallies {
        in_run(|| self.trial.batch(seeds, stop))
    }

    fn events(&self, seed: u64) -> Vec<TraceEvent> {
        in_run(|| self.trial.events(seed))
    }

    fn record(&self, seed: u64) -> Trace {
        in_run(|| self.trial.record(seed))
    }

    fn shrink(&self, seed: u64, stop: &dyn Fn() -> bool) -> Option<Shrunk> {
        (self.shrinking)(seed);
        in_run(|| self.trial.shrink(seed, stop))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_a_run_is_remembered_and_not_told() {
        install_hook();
        let caught = in_run(|| std::panic::catch_unwind(|| panic!("the protocol's own")));
        let _ours = std::panic::take_hook();
        assert!(caught.is_err());
        assert!(REMEMBERED.with(|remembered| remembered.borrow().starts_with("the protocol's own, at ")));
        assert_eq!(DEPTH.with(Cell::get), 0);
        assert!(!TOLD.load(Ordering::Relaxed));
    }
}
