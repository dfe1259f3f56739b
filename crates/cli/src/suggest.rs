//! "Did you mean …?", as a line of help.

use quarrel_formats::did_you_mean;

/// A line of help below an error about `name`: the candidate that was meant, or where to look.
pub(crate) fn help<'a>(name: &str, known: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    match did_you_mean(name, known) {
        Some(meant) => format!("\n  = help: did you mean `{meant}`?"),
        None => format!("\n  = help: {otherwise}"),
    }
}
