//! A panic in the protocol becomes a verdict, which ends with the place in the code.
//!
//! The place is known only to the hook of panics, and a program has one hook for all. This one notes the place and
//! lets the hook before it speak; whoever sets another one calls [`note_place`] in it, or its verdicts have no place.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{Location, PanicHookInfo};
use std::sync::Once;

use quarrel_protocol::{PropertyKind, Violation};

thread_local! {
    /// Where this thread panicked last. A run stays on its thread, and reads this right after its panic.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Folders in which a crate keeps its code; the folder before one is the crate's.
const CODE_FOLDERS: [&str; 4] = ["src", "tests", "examples", "benches"];

/// Notes where a panic is, for the verdict that this thread is about to give. For whoever sets a hook of their own.
pub fn note_place(info: &PanicHookInfo<'_>) {
    let place = info.location().map(place_of);
    PLACE.with(|noted| *noted.borrow_mut() = place);
}

/// From now on, panics note their place. The hook that is there goes on to speak.
pub(crate) fn note_places() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            note_place(info);
            before(info);
        }));
    });
}

/// A panic as a verdict: its message, with every number taken out of the signature, and its place.
pub(crate) fn verdict_of_panic(panic: &(dyn Any + Send), asserting: bool) -> Violation {
    let message = panic.downcast_ref::<&str>().map(ToString::to_string);
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
    let message = message.unwrap_or_else(|| "a panic without a message".to_string());
    let mut text = String::new();
    for letter in message.chars().map(|letter| if letter.is_ascii_digit() { '#' } else { letter }) {
        if !(letter == '#' && text.ends_with('#')) {
            text.push(if letter.is_control() { ' ' } else { letter });
        }
    }
    let (property, kind) =
        if asserting { ("assertion", PropertyKind::Assertion) } else { ("panic", PropertyKind::Panic) };
    let place = PLACE.with(RefCell::take).map_or(String::new(), |place| format!(", at {place}"));
    let signature = format!("{property}: {text}{place}");
    Violation { property: property.into(), kind, detail: message + &place, signature }
}

/// File and line as every machine names them.
fn place_of(location: &Location<'_>) -> String {
    format!("{}:{}", stable_path(location.file()), location.line())
}

/// The path of a source file without what differs between machines: `raft-0.7.0/src/raft.rs` in a registry, from the
/// crate's folder on elsewhere. A relative path is as it is: Cargo names the files of a workspace so.
fn stable_path(file: &str) -> String {
    let path = file.replace('\\', "/");
    let is_absolute = path.starts_with('/') || path.as_bytes().get(1) == Some(&b':');
    if !is_absolute {
        return path;
    }
    let after = |mark: &str| path.rsplit_once(mark).map(|(_, rest)| rest);
    // Below the folder of a registry there is one for each index, with a hash that depends on the version of Cargo.
    let of_registry = after("/registry/src/").and_then(|rest| rest.split_once('/')).map(|(_, rest)| rest);
    let of_standard_library = after("/library/").map(|rest| format!("library/{rest}"));
    if let Some(known) = of_registry.map(String::from).or(of_standard_library) {
        return known;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let last = |folders: &[&str]| parts.iter().rposition(|part| folders.contains(part));
    let code = last(&CODE_FOLDERS[..1]).or_else(|| last(&CODE_FOLDERS[1..]));
    parts[code.unwrap_or(parts.len() - 1).saturating_sub(1)..].join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_the_same_on_every_machine() {
        let cases = [
            (
                "/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/raft-0.7.0/src/raft.rs",
                "raft-0.7.0/src/raft.rs",
            ),
            (
                r"C:\Users\x\.cargo\registry\src\index.crates.io-6f17d22bba15001f\raft-0.7.0\src\raft.rs",
                "raft-0.7.0/src/raft.rs",
            ),
            ("crates/raft/src/raft.rs", "crates/raft/src/raft.rs"),
            ("src/lib.rs", "src/lib.rs"),
            ("/home/src/me/mine/src/deep/lib.rs", "mine/src/deep/lib.rs"),
            ("/home/me/mine/tests/chaos.rs", "mine/tests/chaos.rs"),
            ("/rustc/0123abc/library/core/src/option.rs", "library/core/src/option.rs"),
            ("/odd.rs", "odd.rs"),
            ("", ""),
        ];
        for (file, place) in cases {
            assert_eq!(stable_path(file), place);
        }
    }
}
