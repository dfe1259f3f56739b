//! Rust without its comments and literals, so that a banned word counts only where it is code.

/// The text with every character of comments, strings and characters turned into a space; lines stay where they are.
pub(crate) fn code(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(next) = rest.chars().next() {
        let blank = skip(rest, before);
        if blank == 0 {
            masked.push(next);
            before = next;
            rest = &rest[next.len_utf8()..];
        } else {
            masked.extend(rest[..blank].chars().map(|it| if it == '\n' { '\n' } else { ' ' }));
            before = ' ';
            rest = &rest[blank..];
        }
    }
    masked
}

/// Can this character be part of a word of Rust?
pub(crate) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// How many bytes at the beginning are a comment or a literal; 0 if it is code. `before` is the character of code
/// before it: the `r` of `for"..."` does not begin a raw string.
fn skip(rest: &str, before: char) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if rest.starts_with('"') {
        return string(rest);
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    if rest.starts_with('r') && !is_word(before) || rest.starts_with('r') && matches!(before, 'b' | 'c') {
        return raw_string(rest);
    }
    0
}

/// Comments in blocks nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `'a'` and `'\n'` are characters; `'a` is a lifetime.
fn character(rest: &str) -> usize {
    let mut characters = rest.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), Some((at, escaped))) => {
            let after = at + escaped.len_utf8();
            rest[after..].find('\'').map_or(rest.len(), |end| after + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

/// `r"..."` and `r#"..."#`; `r#type` is code.
fn raw_string(rest: &str) -> usize {
    let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
    if !rest[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    let body = 2 + hashes;
    rest[body..].find(&end).map_or(rest.len(), |at| body + at + end.len())
}

#[cfg(test)]
mod check {
    use super::code;

    #[test]
    fn comments_and_literals_are_blank() {
        for (text, masked) in [
            ("a // f64\nb", "a       \nb"),
            ("a /* f64 /* x */ f64 */ b", "a                       b"),
            ("a \"f64 \\\" f64\" b", "a              b"),
            ("a r#\"f64 \" f64\"# b", "a                b"),
            ("a br\"\\\" b", "a b     b"),
            ("fn f<'a>(c: &'a u8) { '\"' }", "fn f<'a>(c: &'a u8) {     }"),
            ("'\\'' '\\u{1F600}' x", "                 x"),
            ("r#type for x", "r#type for x"),
            ("\"é\nf64\" b", "  \n     b"),
            ("\"never closed", "             "),
        ] {
            assert_eq!(code(text), masked, "{text}");
        }
    }
}
