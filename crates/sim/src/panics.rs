//! A panic in the protocol becomes a verdict.

use std::any::Any;

use quarrel_protocol::{PropertyKind, Violation};

/// A panic as a verdict: its message, with every number taken out of the signature.
pub(crate) fn verdict_of_panic(panic: &(dyn Any + Send), asserting: bool) -> Violation {
    let message = panic.downcast_ref::<&str>().map(ToString::to_string);
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
    let detail = message.unwrap_or_else(|| "a panic without a message".to_string());
    let mut signature = String::new();
    for letter in detail.chars().map(|letter| if letter.is_ascii_digit() { '#' } else { letter }) {
        if !(letter == '#' && signature.ends_with('#')) {
            signature.push(if letter.is_control() { ' ' } else { letter });
        }
    }
    let (property, kind) =
        if asserting { ("assertion", PropertyKind::Assertion) } else { ("panic", PropertyKind::Panic) };
    Violation { property: property.into(), kind, detail, signature: format!("{property}: {signature}") }
}
