//! "Did you mean …?", as a line of help.

use quarrel_formats::did_you_mean;

/// A line of help below an error about `name`: the candidate that was meant, or where to look.
pub(crate) fn help<'a>(name: &str, known: impl IntoIterator<Item = &'a str>, otherwise: &str) -> String {
    match did_you_mean(name, known) {
        Some(meant) => format!("\n  = help: did you mean `{meant}`?"),
        None => format!("\n  = help: {otherwise}"),
    }
}

/// A word as a POSIX shell reads it back.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-=:,+@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        let cases = [("raft/chaos", "raft/chaos"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'")];
        for (word, quoted) in cases {
            assert_eq!(shell_word(word), quoted);
        }
    }
}
