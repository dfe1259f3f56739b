//! Ctrl-C, or a polite request to end (SIGTERM): once to end and report, twice to end.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::exit::INTERRUPTED;

/// Set by the first of them.
static INTERRUPTED_ONCE: AtomicBool = AtomicBool::new(false);

/// From now on, the first signal sets the flag and the second ends the process.
pub(crate) fn watch() -> &'static AtomicBool {
    // A second registration fails, and there the first still stands.
    let _registered = ctrlc::set_handler(|| {
        if INTERRUPTED_ONCE.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(INTERRUPTED));
        }
    });
    &INTERRUPTED_ONCE
}
