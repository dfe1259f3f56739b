//! One line of JSON, read strictly: every value knows where it stands, numbers keep their digits, and an object that
//! names a key twice is an error.
//!
//! `serde_json` does none of the three: it reads `12345678901234567890123` as a float, keeps the last of two equal keys,
//! and forgets where a value stood.

use std::borrow::Cow;
use std::ops::Range;

/// How deep lists and objects may be nested.
const DEPTH_MAX: usize = 32;

/// What is wrong with a line, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Flaw {
    /// The bytes of the line that are wrong.
    pub(super) range: Range<usize>,
    /// What is wrong.
    pub(super) message: String,
    /// What may have been meant; empty when nobody knows.
    pub(super) help: String,
}

impl Flaw {
    pub(super) fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self { range, message: message.into(), help: String::new() }
    }

    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

/// A value, and the bytes of the line that it is written in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Node<'a> {
    pub(super) range: Range<usize>,
    pub(super) json: Json<'a>,
}

/// What is written there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Json<'a> {
    Null,
    Bool(bool),
    /// As it is written: digits are never lost.
    Number(&'a str),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Vec<Field<'a>>),
}

/// A key of an object with its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Field<'a> {
    pub(super) key: Cow<'a, str>,
    pub(super) key_range: Range<usize>,
    pub(super) value: Node<'a>,
}

impl Node<'_> {
    /// What kind of value this is, for a message.
    pub(super) const fn kind(&self) -> &'static str {
        match &self.json {
            Json::Null => "null",
            Json::Bool(_) => "true or false",
            Json::Number(_) => "a number",
            Json::Text(_) => "a string",
            Json::List(_) => "a list",
            Json::Object(_) => "an object",
        }
    }

    pub(super) const fn is_null(&self) -> bool {
        matches!(self.json, Json::Null)
    }
}

/// Reads a line that holds one value and nothing else.
pub(super) fn read(line: &str) -> Result<Node<'_>, Flaw> {
    let mut parser = Parser { line, bytes: line.as_bytes(), at: 0 };
    let node = parser.value(0)?;
    parser.blanks();
    match parser.at == parser.bytes.len() {
        true => Ok(node),
        false => Err(Flaw::new(parser.at..line.len(), "something follows the object; one object to a line")),
    }
}

struct Parser<'a> {
    line: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The flaw of a line that goes on with something else than expected.
    fn unexpected(&self, expected: &str) -> Flaw {
        match self.line[self.at..].chars().next() {
            None => Flaw::new(self.at..self.at, format!("the line is cut off: expected {expected}")),
            Some(found) => Flaw::new(
                self.at..self.at + found.len_utf8(),
                format!("expected {expected}, found `{}`", found.escape_debug()),
            ),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node<'a>, Flaw> {
        self.blanks();
        let start = self.at;
        let json = match self.peek() {
            Some(b'{' | b'[') if depth == DEPTH_MAX => {
                return Err(Flaw::new(start..start + 1, "lists and objects are nested too deep"));
            }
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Json::Text(self.text()?),
            Some(b'-' | b'0'..=b'9') => Json::Number(self.number()?),
            _ => self.word()?,
        };
        Ok(Node { range: start..self.at, json })
    }

    fn word(&mut self) -> Result<Json<'a>, Flaw> {
        for (word, json) in [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))] {
            if self.line[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(json);
            }
        }
        Err(self.unexpected("a JSON value"))
    }

    fn list(&mut self, depth: usize) -> Result<Json<'a>, Flaw> {
        let mut items = Vec::new();
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.unexpected("`,` or `]`")),
            }
        }
        self.at += 1;
        Ok(Json::List(items))
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, Flaw> {
        let mut fields: Vec<Field<'a>> = Vec::with_capacity(8);
        self.at += 1;
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(fields));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let start = self.at;
            let key = self.text()?;
            let key_range = start..self.at;
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("`:`"));
            }
            self.at += 1;
            let value = self.value(depth + 1)?;
            fields.push(Field { key, key_range, value });
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.unexpected("`,` or `}`")),
            }
        }
        self.at += 1;
        check_keys(&fields)?;
        Ok(Json::Object(fields))
    }

    /// RFC 8259, section 6.
    fn number(&mut self) -> Result<&'a str, Flaw> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(Flaw::new(start..self.at + 1, "a number does not begin with 0"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(&self.line[start..self.at])
    }

    fn digits(&mut self) -> Result<(), Flaw> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.unexpected("a digit")) } else { Ok(()) }
    }

    /// A string; borrowed when nothing in it is escaped.
    fn text(&mut self) -> Result<Cow<'a, str>, Flaw> {
        let opening = self.at;
        self.at += 1;
        let mut plain = self.at;
        let mut owned = String::new();
        loop {
            match self.peek() {
                None => {
                    return Err(Flaw::new(opening..self.at, "the line is cut off: this string does not end"));
                }
                Some(b'"') => break,
                Some(b'\\') => {
                    owned.push_str(&self.line[plain..self.at]);
                    owned.push(self.escape()?);
                    plain = self.at;
                }
                Some(0..=0x1f) => {
                    let message = "a control character in a string must be escaped";
                    return Err(Flaw::new(self.at..self.at + 1, message));
                }
                Some(_) => self.at += 1,
            }
        }
        let rest = &self.line[plain..self.at];
        self.at += 1;
        if owned.is_empty() && plain == opening + 1 {
            return Ok(Cow::Borrowed(rest));
        }
        owned.push_str(rest);
        Ok(Cow::Owned(owned))
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<char, Flaw> {
        let start = self.at;
        self.at += 1;
        let character = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(start),
            _ => return Err(Flaw::new(start..self.at, "there is no such escape in JSON")),
        };
        self.at += 1;
        Ok(character)
    }

    /// `\u0041`, or two of them that make one character (RFC 8259, section 7).
    fn unicode(&mut self, start: usize) -> Result<char, Flaw> {
        let first = self.hex(start)?;
        let code = match first {
            0xd800..=0xdbff if self.bytes[self.at..].starts_with(b"\\u") => {
                self.at += 1;
                let second = self.hex(start)?;
                let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400);
                low.map_or(first, |low| 0x1_0000 + ((first - 0xd800) << 10) + low)
            }
            _ => first,
        };
        char::from_u32(code)
            .ok_or_else(|| Flaw::new(start..self.at, "half of a surrogate pair is no character"))
    }

    /// The four digits behind the `u` at which the parser stands.
    fn hex(&mut self, start: usize) -> Result<u32, Flaw> {
        let digits = self.bytes.get(self.at + 1..self.at + 5).unwrap_or_default();
        let valid = digits.len() == 4 && digits.iter().all(u8::is_ascii_hexdigit);
        if !valid {
            return Err(Flaw::new(start..self.at + 1, "expected four hexadecimal digits behind `\\u`"));
        }
        self.at += 5;
        let number = |code: u32, &digit: &u8| code * 16 + char::from(digit).to_digit(16).unwrap_or(0);
        Ok(digits.iter().fold(0, number))
    }
}

/// An object that says two things under one key says nothing.
fn check_keys(fields: &[Field<'_>]) -> Result<(), Flaw> {
    const FEW: usize = 16;
    let twice = if fields.len() <= FEW {
        (1..fields.len()).find(|&later| fields[..later].iter().any(|field| field.key == fields[later].key))
    } else {
        let mut order: Vec<usize> = (0..fields.len()).collect();
        order.sort_by(|&a, &b| (&fields[a].key, a).cmp(&(&fields[b].key, b)));
        let equal = order.windows(2).filter(|pair| fields[pair[0]].key == fields[pair[1]].key);
        equal.map(|pair| pair[1]).min()
    };
    match twice {
        None => Ok(()),
        Some(later) => {
            let field = &fields[later];
            let message = format!("the key {} stands here twice", crate::input::quoted(&field.key));
            Err(Flaw::new(field.key_range.clone(), message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaw(line: &str) -> (Range<usize>, String) {
        let flaw = read(line).expect_err(line);
        (flaw.range, flaw.message)
    }

    #[test]
    fn values_keep_their_digits_and_their_places() {
        let node =
            read(" {\"a\": [1, -0.50e+3, \"x\\u00e9\\ud83d\\ude00\\n\"], \"b\":null }").expect("it is JSON");
        let Json::Object(fields) = &node.json else { panic!("an object") };
        let Json::List(items) = &fields[0].value.json else { panic!("a list") };
        assert_eq!(items[1].json, Json::Number("-0.50e+3"));
        assert_eq!(items[1].range, 11..19);
        assert_eq!(items[2].json, Json::Text("xé😀\n".into()));
        assert_eq!((&fields[1].key_range, fields[1].value.is_null()), (&(47..50), true));
        let digits = "123456789012345678901234567890";
        assert_eq!(read(digits).expect("it is JSON").json, Json::Number(digits));
    }

    #[test]
    fn what_is_no_json_is_shown_where_it_goes_wrong() {
        let cases = [
            ("", 0, "cut off"),
            ("{", 1, "cut off"),
            ("{\"a\" 1}", 5, "expected `:`"),
            ("{\"a\":1,}", 7, "a key in double quotes"),
            ("{a:1}", 1, "a key in double quotes"),
            ("[1 2]", 3, "`,` or `]`"),
            ("01", 0, "begin with 0"),
            ("-", 1, "a digit"),
            ("1.", 2, "a digit"),
            ("1e", 2, "a digit"),
            ("nul", 0, "a JSON value"),
            ("{} {}", 3, "something follows"),
            ("\"a", 0, "does not end"),
            ("\"\t\"", 1, "control character"),
            ("\"\\x\"", 1, "no such escape"),
            ("\"\\ud800\"", 1, "surrogate"),
            ("\"\\u12\"", 1, "four hexadecimal"),
            ("{\"a\":1,\"b\":2,\"\\u0061\":3}", 13, "twice"),
        ];
        for (line, at, what) in cases {
            let (range, message) = flaw(line);
            assert!(range.start == at && message.contains(what), "{line}: {range:?} {message}");
        }
        assert!(flaw(&"[".repeat(100_000)).1.contains("too deep"));
        let many: Vec<String> = (0..1000).map(|key| format!("\"{}\":0", key % 999)).collect();
        assert!(flaw(&format!("{{{}}}", many.join(","))).1.contains("`0` stands here twice"));
    }
}
