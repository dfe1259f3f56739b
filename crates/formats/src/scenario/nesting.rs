//! A look at the raw text before the TOML parser sees it: is it text, and is it nested within reason?
//!
//! The parser bounds the depth of brackets and the length of dotted keys one by one, but not their product, and
//! everything that walks or drops a value recurses that deep.

use std::ops::Range;

use super::bounds::{DOTS_MAX, NESTING_MAX};

/// What is wrong with the text, and where.
pub(super) fn check_nesting(text: &str) -> Result<(), (Range<usize>, String)> {
    let bytes = text.as_bytes();
    if let Some(at) = bytes.iter().position(|&byte| byte == 0) {
        return Err((at..at + 1, "this is not text: it holds a NUL character".to_string()));
    }
    let (mut depth, mut dots, mut at) = (0_usize, 0_usize, 0_usize);
    while let Some(&byte) = bytes.get(at) {
        let here = at..at + 1;
        let mut next = at + 1;
        match byte {
            b'#' => next = line_end(bytes, at),
            b'"' | b'\'' => next = string_end(bytes, at),
            b'[' | b'{' => (depth, dots) = (depth + 1, 0),
            b']' | b'}' => (depth, dots) = (depth.saturating_sub(1), 0),
            b',' | b'=' | b'\n' => dots = 0,
            b'.' => dots += 1,
            _ => {}
        }
        if depth > NESTING_MAX {
            return Err((here, format!("brackets are nested more than {NESTING_MAX} deep")));
        }
        if dots > DOTS_MAX {
            return Err((here, format!("a dotted key has more than {DOTS_MAX} dots")));
        }
        at = next;
    }
    Ok(())
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |more| at + more)
}

/// Where the string that starts at `at` ends; a broken one ends with its line, as the parser sees it.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let triple = bytes[at..].starts_with(&[quote; 3]);
    let closing: &[u8] = if triple { &[quote; 3] } else { &[quote] };
    let mut at = at + closing.len();
    while at < bytes.len() && !bytes[at..].starts_with(closing) {
        match bytes[at] {
            b'\n' if !triple => return at,
            b'\\' if quote == b'"' => at += 2,
            _ => at += 1,
        }
    }
    (at + closing.len()).min(bytes.len())
}
