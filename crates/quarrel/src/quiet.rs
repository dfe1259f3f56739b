//! Panics in a run belong to the protocol on trial: the simulator catches each, and it is a verdict. Shrinking may see
//! thousands, so nothing of them is printed; the hook that was there before hears of all others. A panic that leaves a
//! run all the same was ours, and is told late.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::sync::Once;

use quarrel_formats::Scenario;
use quarrel_formats::trace::Trace;
use quarrel_harness::case::Shrunk;
use quarrel_harness::registry::Trial;
use quarrel_harness::run::Outcome;
use quarrel_harness::tallies::Tallies;
use quarrel_protocol::{Cell as Sometimes, Property};
use quarrel_sim::record::TraceEvent;

thread_local! {
    /// How many runs this thread is inside of.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// The last panic inside a run.
    static REMEMBERED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Does something that runs a protocol; the protocol's panics are silent.
pub(crate) fn in_run<T>(work: impl FnOnce() -> T) -> T {
    struct Inside;
    impl Drop for Inside {
        fn drop(&mut self) {
            DEPTH.with(|depth| depth.set(depth.get() - 1));
            if std::thread::panicking() {
                REMEMBERED.with(|message| {
                    eprintln!("a bug in Quarrel, not in the protocol on trial: {}", message.borrow())
                });
            }
        }
    }
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if DEPTH.with(Cell::get) == 0 {
                before(info);
            } else {
                REMEMBERED.with(|message| *message.borrow_mut() = info.to_string());
            }
        }));
    });
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    let _inside = Inside;
    work()
}

/// A trial whose panics are silent.
pub(crate) struct Quiet(pub(crate) Box<dyn Trial>);

impl Trial for Quiet {
    fn scenario(&self) -> &Scenario {
        self.0.scenario()
    }

    fn flaws(&self) -> &[String] {
        self.0.flaws()
    }

    fn cells(&self) -> Vec<Sometimes> {
        self.0.cells()
    }

    fn properties(&self) -> &[Property] {
        self.0.properties()
    }

    fn run(&self, seed: u64) -> Outcome {
        in_run(|| self.0.run(seed))
    }

    fn batch(&self, seeds: Range<u64>, stop: &dyn Fn() -> bool) -> Tallies {
        in_run(|| self.0.batch(seeds, stop))
    }

    fn events(&self, seed: u64) -> Vec<TraceEvent> {
        in_run(|| self.0.events(seed))
    }

    fn record(&self, seed: u64) -> Trace {
        in_run(|| self.0.record(seed))
    }

    fn shrink(&self, seed: u64, stop: &dyn Fn() -> bool) -> Option<Shrunk> {
        in_run(|| self.0.shrink(seed, stop))
    }
}
