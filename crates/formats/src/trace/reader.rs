//! From bytes to a trace: strict, line by line, format by format.

use std::ops::Range;

use quarrel_sim::record::TraceEvent;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::model::{FORMAT, Header, Trace, TraceMark, Verdict};
use super::validate::{Flawed, check_event, check_header, check_verdict};
use crate::InputError;

impl Trace {
    /// Reads a trace from the bytes of `file`.
    ///
    /// # Errors
    /// When it is damaged, cut off, goes on after its verdict, contradicts itself, or has a newer format.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, InputError> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(InputError::at(file, b"", 0..0, "the file is empty"));
        }
        let mut lines = Lines { file, rest: Some(bytes), number: 0 };
        let first = lines.next().expect("a file that is not empty has a line");
        let preamble: Preamble = first.read("this is no trace")?;
        match (preamble.quarrel, preamble.format) {
            (Some(_), Some(1..=3)) => read_lines(&first, lines),
            (Some(_), Some(newer)) if newer > u64::from(FORMAT) => {
                let message = format!("this trace is format {newer}; this quarrel reads up to {FORMAT}");
                let at = first.locate(&["format"]);
                Err(first.error(at, message).with_help("use a newer quarrel"))
            }
            (Some(_), _) => {
                Err(first.error(first.locate(&["format"]), "this trace has no format that ever was"))
            }
            (None, _) => {
                Err(first.error(0..0, "this is no trace: it does not begin with {\"quarrel\":\"trace\""))
            }
        }
    }
}

/// What every format's first line has.
#[derive(Deserialize)]
struct Preamble {
    quarrel: Option<TraceMark>,
    format: Option<u64>,
}

/// What tells a verdict from an event.
#[derive(Deserialize)]
struct Kind {
    verdict: Option<IgnoredAny>,
}

fn read_lines(first: &Line<'_>, lines: Lines<'_>) -> Result<Trace, InputError> {
    let header: Header = first.read("the header is damaged")?;
    check_header(&header).map_err(|flawed| first.flawed(flawed))?;
    let mut events: Vec<TraceEvent> = Vec::new();
    let mut verdict: Option<(Line<'_>, Verdict)> = None;
    let mut last = first.number;
    for line in lines {
        last = line.number;
        if verdict.is_some() {
            return Err(line.error(0..line.bytes.len(), "the trace goes on after its verdict"));
        }
        let kind: Kind = line.read("the line is damaged")?;
        if kind.verdict.is_some() {
            let read: Verdict = line.read("the verdict is damaged")?;
            check_verdict(&header, events.len(), &read).map_err(|flawed| line.flawed(flawed))?;
            verdict = Some((line, read));
        } else {
            let event: TraceEvent = line.read("the event is damaged")?;
            check_event(&header, events.last(), &event).map_err(|flawed| line.flawed(flawed))?;
            events.push(event);
        }
    }
    match verdict {
        Some((_, verdict)) => Ok(Trace { header, events, verdict }),
        None => {
            let end = InputError::in_line(
                first.file,
                last + 1,
                b"",
                0..0,
                "the trace is cut off: it has no verdict",
            );
            Err(end)
        }
    }
}

/// The lines of a file; a newline at the very end begins none.
struct Lines<'a> {
    file: &'a str,
    rest: Option<&'a [u8]>,
    number: usize,
}

/// One line of a file.
struct Line<'a> {
    file: &'a str,
    bytes: &'a [u8],
    number: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = self.rest.take()?;
        let end = rest.iter().position(|&byte| byte == b'\n');
        let bytes = &rest[..end.unwrap_or(rest.len())];
        self.rest = end.map(|end| &rest[end + 1..]).filter(|rest| !rest.is_empty());
        self.number += 1;
        Some(Line { file: self.file, bytes, number: self.number })
    }
}

impl Line<'_> {
    fn error(&self, range: Range<usize>, message: impl Into<String>) -> InputError {
        InputError::in_line(self.file, self.number, self.bytes, range, message)
    }

    fn flawed(&self, flawed: Flawed) -> InputError {
        let path: Vec<&str> = flawed.path.iter().map(String::as_str).collect();
        self.error(self.locate(&path), flawed.message)
    }

    /// Reads the line as JSON.
    fn read<T: DeserializeOwned>(&self, what: &str) -> Result<T, InputError> {
        serde_json::from_slice(self.bytes).map_err(|error| {
            // The parser counts the bytes it has taken; the last of them is the one it stumbled over.
            let at = error.column().saturating_sub(1).min(self.bytes.len());
            let full = error.to_string();
            let reason = full.rsplit_once(" at line ").map_or(full.as_str(), |(reason, _)| reason);
            let reason: String = reason.chars().take(300).flat_map(char::escape_debug).collect();
            let message = match error.classify() {
                serde_json::error::Category::Eof => {
                    "the trace is cut off in the middle of a line".to_string()
                }
                _ => format!("{what}: {}", reason.replace("\\'", "'").replace("\\\"", "\"")),
            };
            self.error(at..at + 1, message)
        })
    }

    /// Where the value at a path of keys stands in the line; the whole line if it is not there.
    fn locate(&self, path: &[&str]) -> Range<usize> {
        locate(self.bytes, path)
    }
}

/// Where the value at a path of keys stands in a line; the nearest around it if it is not there.
pub(crate) fn locate(line: &[u8], path: &[&str]) -> Range<usize> {
    let mut range = 0..line.len();
    for key in path {
        match find_value(&line[range.clone()], key) {
            Some(found) => range = range.start + found.start..range.start + found.end,
            None => return range,
        }
    }
    range
}

/// Where the value of a key stands in a JSON object, or the item of that number in a JSON list.
fn find_value(json: &[u8], key: &str) -> Option<Range<usize>> {
    let position: Option<usize> = key.parse().ok();
    let (mut depth, mut item, mut at) = (0_usize, 0_usize, 0_usize);
    let mut start = None;
    while let Some(&byte) = json.get(at) {
        let next = if byte == b'"' { string_end(json, at) } else { at + 1 };
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 1 => item += 1,
            _ => {}
        }
        let ends = depth == 0 || (depth == 1 && byte == b',');
        match start {
            Some(start) if ends => return Some(trim(json, start..at)),
            None if depth == 1 => {
                let named = byte == b'"' && json.get(at + 1..next - 1) == Some(key.as_bytes());
                match position {
                    Some(position) if item == position && matches!(byte, b'[' | b',') => start = Some(next),
                    None if named && json[next..].trim_ascii_start().starts_with(b":") => {
                        start =
                            json[next..].iter().position(|&byte| byte == b':').map(|colon| next + colon + 1);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        at = next;
    }
    None
}

fn string_end(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

fn trim(json: &[u8], range: Range<usize>) -> Range<usize> {
    let inner = &json[range.clone()];
    let blanks = inner.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    range.start + blanks..range.start + inner.trim_ascii_end().len().max(blanks)
}
