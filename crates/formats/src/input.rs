//! The one error of this crate: what is wrong with an input, where, and what may have been meant.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// The most characters of a line that an error shows.
const SHOWN_MAX: usize = 100;
/// Of these, the most before what is wrong.
const BEFORE_MAX: usize = 40;

/// Something is wrong with an input. Its `Display` is `file:line:column: what is wrong`, the line, and a caret.
///
/// However large the input and its lines, the error holds a few hundred bytes of it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", self.render())]
pub struct InputError(Box<Report>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Report {
    prefix: String,
    file: String,
    position: Option<(usize, usize)>,
    message: String,
    excerpt: Option<Excerpt>,
    help: Option<String>,
    /// Where it stands in a trace's first line, as a path of keys, for whoever has the bytes.
    path: Option<String>,
}

impl InputError {
    /// An error about a value in the first line of a trace, whose bytes are not at hand: see [`InputError::in_trace`].
    #[must_use]
    pub fn in_header(file: &str, path: &str, message: impl Into<String>) -> Self {
        let mut error = Self::whole(&format!("{file}:1"), message);
        error.0.path = Some(path.to_string());
        error
    }

    /// The same error, with the place where it stands in the bytes of that trace.
    #[must_use]
    pub fn in_trace(self, bytes: &[u8]) -> Self {
        let (Some(path), Some(file)) = (&self.0.path, self.0.file.strip_suffix(":1")) else { return self };
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let keys: Vec<&str> = path.split('.').collect();
        let mut error = Self::in_line(file, 1, line, crate::trace::locate(line, &keys), self.message());
        error.0.help.clone_from(&self.0.help);
        error
    }

    /// An error about an input as a whole.
    #[must_use]
    pub fn whole(file: &str, message: impl Into<String>) -> Self {
        Self(Box::new(Report {
            prefix: String::new(),
            file: file.to_string(),
            position: None,
            message: message.into(),
            excerpt: None,
            help: None,
            path: None,
        }))
    }

    /// An error about a range of the input's bytes.
    #[must_use]
    pub(crate) fn at(file: &str, bytes: &[u8], range: Range<usize>, message: impl Into<String>) -> Self {
        let start = range.start.min(bytes.len());
        let line_start =
            bytes[..start].iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        let line_end =
            bytes[start..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |more| start + more);
        let line_number = bytes[..line_start].iter().filter(|&&byte| byte == b'\n').count() + 1;
        let line = &bytes[line_start..line_end];
        Self::in_line(
            file,
            line_number,
            line,
            start - line_start..range.end.saturating_sub(line_start),
            message,
        )
    }

    /// An error about a range of the bytes of a line whose number is known.
    #[must_use]
    pub(crate) fn in_line(
        file: &str,
        line_number: usize,
        line: &[u8],
        range: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        // A byte order mark is no column.
        let (line, range) = match line.strip_prefix("\u{feff}".as_bytes()) {
            Some(rest) => (rest, range.start.saturating_sub(3)..range.end.saturating_sub(3)),
            None => (line, range),
        };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let start = range.start.min(line.len());
        let end = range.end.clamp(start, line.len());
        let column = characters(&line[..start]).count();
        let mut error = Self::whole(file, message);
        error.0.position = Some((line_number, column + 1));
        error.0.excerpt = Some(Excerpt::crop(line_number, line, start..end, column));
        error
    }

    /// The same error with a line of help; an empty one changes nothing.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into()).filter(|help| !help.is_empty());
        self
    }

    /// The same error, as a consequence of something else: `--set nodes=3`.
    #[must_use]
    pub(crate) fn because_of(mut self, prefix: impl Into<String>) -> Self {
        self.0.prefix = prefix.into();
        self
    }

    /// What is wrong, in one sentence, without the place.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The input, as whoever named it calls it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.0.file
    }

    /// The line, from 1, if there is one.
    #[must_use]
    pub fn line(&self) -> Option<usize> {
        self.0.position.map(|(line, _)| line)
    }

    /// The column, in characters from 1, if there is one.
    #[must_use]
    pub fn column(&self) -> Option<usize> {
        self.0.position.map(|(_, column)| column)
    }

    /// What may have been meant.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    fn render(&self) -> String {
        let Report { prefix, file, position, message, excerpt, help, path: _ } = &*self.0;
        let mut text = String::new();
        let mut push = |part: &str| {
            if !part.is_empty() {
                text.push_str(part);
                text.push_str(": ");
            }
        };
        push(prefix);
        match position {
            Some((line, column)) => push(&format!("{file}:{line}:{column}")),
            None => push(file),
        }
        text.push_str(message);
        match excerpt {
            Some(excerpt) => {
                text.push('\n');
                text.push_str(&excerpt.render(help.as_deref()));
            }
            None => text.extend(help.iter().flat_map(|help| ["\n  = help: ", help])),
        }
        text
    }
}

/// The part of a line around what is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Excerpt {
    line_number: usize,
    text: String,
    marked: Range<usize>,
}

impl Excerpt {
    /// Cuts the excerpt out of a line; `column` characters stand before the marked bytes.
    fn crop(line_number: usize, line: &[u8], marked: Range<usize>, column: usize) -> Self {
        let skipped = column.saturating_sub(BEFORE_MAX);
        let mut text = String::from(if skipped > 0 { "..." } else { "" });
        text.extend(characters(&line[..marked.start]).skip(skipped).map(harmless));
        let start = text.len();
        let room = SHOWN_MAX - (column - skipped);
        text.extend(characters(&line[marked.clone()]).take(room).map(harmless));
        let end = text.len();
        let marked_count = characters(&line[marked.clone()]).take(room).count();
        let mut rest = characters(&line[marked.end..]);
        text.extend(rest.by_ref().take(room - marked_count).map(harmless));
        if rest.next().is_some() || marked_count == room {
            text.push_str("...");
        }
        Self { line_number, text, marked: start..end }
    }

    fn render(&self, help: Option<&str>) -> String {
        let annotation = AnnotationKind::Primary.span(self.marked.clone());
        let snippet = Snippet::source(self.text.as_str()).line_start(self.line_number).fold(false);
        let mut group = Group::with_level(Level::ERROR).element(snippet.annotation(annotation));
        if let Some(help) = help {
            group = group.element(Level::HELP.message(help));
        }
        Renderer::plain().term_width(4 * SHOWN_MAX).render(&[group])
    }
}

/// The characters of bytes that may not be UTF-8, and of which only a few are wanted: nothing is copied.
fn characters(bytes: &[u8]) -> impl Iterator<Item = char> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let broken = !chunk.invalid().is_empty();
        chunk.valid().chars().chain(broken.then_some(char::REPLACEMENT_CHARACTER))
    })
}

/// The renderer shows the control characters of ASCII as pictures, but lets those beyond it through to the terminal.
const fn harmless(character: char) -> char {
    match character {
        '\u{80}'..='\u{9f}' => char::REPLACEMENT_CHARACTER,
        _ => character,
    }
}

/// A name out of an input, fit for a message: in backticks, cropped, no control characters.
pub(crate) fn quoted(text: &str) -> String {
    const CHARACTERS_MAX: usize = 40;
    let mut shown: String = text.chars().take(CHARACTERS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(CHARACTERS_MAX).is_some() {
        shown.push_str("...");
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_the_line_and_a_caret() {
        let error =
            InputError::at("a.toml", b"one = 1\ntwo = 2\r\n", 14..15, "too many").with_help("try `1`");
        let expected = "\
a.toml:2:7: too many
  |
2 | two = 2
  |       ^
  |
  = help: try `1`";
        assert_eq!(error.to_string(), expected);
        assert_eq!((error.line(), error.column()), (Some(2), Some(7)));
    }

    #[test]
    fn a_long_line_is_cropped_around_the_mark() {
        let line = format!("{}!{}", "x".repeat(1_000_000), "y".repeat(1_000_000));
        let error = InputError::at("a", line.as_bytes(), 1_000_000..1_000_001, "no");
        let expected = format!(
            "a:1:1000001: no\n  |\n1 | ...{}!{}...\n  |    {}^",
            "x".repeat(40),
            "y".repeat(59),
            " ".repeat(40)
        );
        assert_eq!(error.to_string(), expected);
        let all = InputError::at("a", line.as_bytes(), 0..2_000_001, "no");
        assert!(all.to_string().len() < 500, "{all}");
    }

    #[test]
    fn wide_characters_tabs_control_characters_and_bytes_that_are_no_text_do_not_disturb() {
        let line = "\t\u{0}\"日本語\" = \u{1b}[31m".as_bytes();
        for start in 0..=line.len() + 2 {
            for end in start..=line.len() + 2 {
                assert!(!InputError::at("a", line, start..end, "no").to_string().contains('\u{1b}'));
            }
        }
        let broken = InputError::at("a", b"ab\xff\xfe", 2..3, "no");
        assert_eq!(broken.to_string(), "a:1:3: no\n  |\n1 | ab\u{fffd}\u{fffd}\n  |   ^");
        assert_eq!(quoted("a\u{1b}b"), "`a\\u{1b}b`");
        assert_eq!(quoted(&"x".repeat(1_000)).len(), 45);
    }

    #[test]
    fn a_byte_order_mark_is_no_column() {
        let error = InputError::at("a", "\u{feff}x".as_bytes(), 3..4, "no");
        assert_eq!(error.to_string(), "a:1:1: no\n  |\n1 | x\n  | ^");
    }
}
