//! Panics. One inside a run belongs to the protocol on trial: the simulator catches it and it is a verdict. Shrinking
//! may see thousands of them, so nothing is printed. Any other is not the protocol's.
//!
//! [`in_run`] marks a thread as being inside a run. The hook then only remembers what it would have said; should the
//! panic leave the run all the same, it was ours, and the guard says it.

use std::cell::{Cell, RefCell};
use std::panic::PanicHookInfo;
use std::sync::{Once, OnceLock};

use quarrel_sim::panics::note_place;

thread_local! {
    /// How many runs this thread is inside of.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// The last panic inside a run.
    static REMEMBERED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Who hears of panics that are not a protocol's.
static TELLER: OnceLock<fn(&str)> = OnceLock::new();

/// From now on, panics that are not a protocol's are told to this function, as `what, at file:line:column`, and no
/// longer to the hook that is there. The first call counts.
pub fn tell(teller: fn(&str)) {
    let _the_first_stays = TELLER.set(teller);
    install_hook();
}

/// Does something that runs a protocol; the protocol's panics are silent. [`engine::run`](crate::engine::run) does so
/// itself.
pub fn in_run<T>(work: impl FnOnce() -> T) -> T {
    struct Inside;
    impl Drop for Inside {
        fn drop(&mut self) {
            let depth = DEPTH.with(|depth| {
                depth.set(depth.get() - 1);
                depth.get()
            });
            if depth == 0 && std::thread::panicking() {
                REMEMBERED.with(|remembered| tell_late(&remembered.borrow()));
            }
        }
    }
    install_hook();
    DEPTH.with(|depth| depth.set(depth.get() + 1));
    let _inside = Inside;
    work()
}

/// Without a [`tell`]er, the hook that was there before hears of panics outside of runs.
fn install_hook() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            note_place(info);
            if DEPTH.with(Cell::get) > 0 {
                REMEMBERED.with(|remembered| *remembered.borrow_mut() = message(info));
            } else if let Some(teller) = TELLER.get() {
                teller(&message(info));
            } else {
                before(info);
            }
        }));
    });
}

fn tell_late(message: &str) {
    match TELLER.get() {
        Some(teller) => teller(message),
        None => eprintln!("a bug in Quarrel, not in the protocol on trial: {message}"),
    }
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let what = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words");
    info.location().map_or_else(|| what.to_string(), |place| format!("{what}, at {place}"))
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_panic_inside_a_run_is_remembered_and_told_only_when_it_leaves_the_run() {
        static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
        let told = || std::mem::take(&mut *TOLD.lock().expect("no teller panics"));
        // Other tests of this program have panics of their own.
        tell(|message| {
            eprintln!("{message}");
            TOLD.lock().expect("no teller panics").push(message.to_string());
        });
        let caught = in_run(|| in_run(|| catch_unwind(|| panic!("the protocol's own"))));
        assert!(caught.is_err());
        assert!(REMEMBERED.with(|remembered| remembered.borrow().starts_with("the protocol's own, at ")));
        assert!(told().iter().all(|message| !message.contains("the protocol's own")));

        let left = catch_unwind(|| in_run(|| in_run(|| panic!("ours"))));
        assert!(left.is_err());
        assert_eq!(told().iter().filter(|message| message.starts_with("ours, at ")).count(), 1);
        assert_eq!(DEPTH.with(Cell::get), 0);
    }
}
