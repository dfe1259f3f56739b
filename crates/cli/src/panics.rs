//! Panics that are not a protocol's: internal errors.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::output::say;

/// Tells an internal error once: what follows are its echoes in other threads.
pub(crate) fn tell(message: &str) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if !TOLD.swap(true, Ordering::Relaxed) {
        say(&format!(
            "internal error: {message}\nThis is no verdict on the protocol: please report it with the command you ran.\n"
        ));
    }
}
