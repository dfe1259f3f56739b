//! One line of a history: which process, what happened to it, and the rest still as JSON.

use std::borrow::Cow;
use std::ops::Range;

use super::json::{self, Field, Flaw, Json, Node};
use crate::did_you_mean;
use crate::input::quoted;

/// What happened to an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It was asked.
    Invoke,
    /// It took effect, and was answered.
    Ok,
    /// It had no effect, and never will have.
    Fail,
    /// Nobody knows whether it has taken effect, or ever will.
    Info,
}

impl Kind {
    /// The word in a file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Invoke => "invoke",
            Kind::Ok => "ok",
            Kind::Fail => "fail",
            Kind::Info => "info",
        }
    }

    const ALL: [Kind; 4] = [Kind::Invoke, Kind::Ok, Kind::Fail, Kind::Info];
}

/// Keys that every line may have.
const KEYS: [&str; 7] = ["process", "type", "f", "value", "key", "time", "index"];
/// What Jepsen writes beside them; it says nothing about what happened to the object.
const REMARKS: [&str; 7] = ["error", "exception", "node", "debug", "link", "final?", "clock-offsets"];
/// Who is no client, in Jepsen's files: its lines tell of faults.
const NEMESIS: [&str; 2] = ["nemesis", ":nemesis"];

/// One line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Event<'a> {
    pub(super) process: Process<'a>,
    pub(super) process_range: Range<usize>,
    pub(super) kind: Kind,
    pub(super) function: Cow<'a, str>,
    pub(super) function_range: Range<usize>,
    pub(super) value: Option<Node<'a>>,
    /// Never null.
    pub(super) key: Option<Node<'a>>,
    /// Whole numbers, if they are.
    pub(super) index: Option<i128>,
    pub(super) time: Option<i128>,
}

/// Who speaks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Process<'a> {
    Number(i64),
    Name(Cow<'a, str>),
}

/// Reads a line. `None` is a line of the nemesis, which no client sees.
pub(super) fn read(line: &str) -> Result<Option<Event<'_>>, Flaw> {
    let node = json::read(line).map_err(|flaw| explain(line, flaw))?;
    let start = node.range.start;
    let Json::Object(fields) = node.json else {
        let message = format!("a line of a history is an object, found {}", node.kind());
        let flaw = Flaw::new(node.range.clone(), message);
        return Err(flaw.with_help("{\"process\":0,\"type\":\"invoke\",\"f\":\"read\",\"value\":null}"));
    };
    let is_nemesis = |field: &Field<'_>| {
        field.key == "process"
            && matches!(&field.value.json, Json::Text(name) if NEMESIS.contains(&name.as_ref()))
    };
    if fields.iter().any(is_nemesis) {
        return Ok(None);
    }
    client(fields, start).map(Some)
}

/// Well-known things that are not a line of JSON.
fn explain(line: &str, flaw: Flaw) -> Flaw {
    let text = line.trim_start();
    if text.starts_with("{:") || text.starts_with("#jepsen") || text.starts_with("[{:") {
        return flaw.with_help("this looks like EDN: convert it to JSON lines first");
    }
    if text.starts_with("[{") || text == "[" {
        return flaw.with_help("a list of lines? `jq -c '.[]' FILE` puts each on a line of its own");
    }
    flaw
}

fn client(fields: Vec<Field<'_>>, start: usize) -> Result<Event<'_>, Flaw> {
    let (mut process, mut kind, mut function, mut value, mut key) = (None, None, None, None, None);
    let (mut index, mut time) = (None, None);
    for field in fields {
        match field.key.as_ref() {
            "process" => process = Some(field.value),
            "type" => kind = Some(field.value),
            "f" => function = Some(field.value),
            "value" => value = Some(field.value),
            "key" => key = Some(field.value).filter(|key| !key.is_null()),
            "index" => index = whole(&field)?,
            "time" => time = instant(&field)?,
            name if REMARKS.contains(&name) => {}
            _ => return Err(unknown_key(&field)),
        }
    }
    let missing = |name: &str| Flaw::new(start..start + 1, format!("this line has no `{name}`"));
    let process = process.ok_or_else(|| missing("process"))?;
    let kind = kind.ok_or_else(|| missing("type"))?;
    let function = function.ok_or_else(|| missing("f"))?;
    let Json::Text(name) = function.json else {
        return Err(Flaw::new(function.range.clone(), format!("`f` is a string, found {}", function.kind())));
    };
    Ok(Event {
        process_range: process.range.clone(),
        process: read_process(process)?,
        kind: read_kind(&kind)?,
        function: name,
        function_range: function.range,
        value,
        key,
        index,
        time,
    })
}

fn unknown_key(field: &Field<'_>) -> Flaw {
    let flaw = Flaw::new(field.key_range.clone(), format!("there is no key {}", quoted(&field.key)));
    match did_you_mean(&field.key.to_lowercase(), KEYS) {
        Some(meant) => flaw.with_help(format!("did you mean `{meant}`?")),
        None if field.key == "quarrel" => {
            flaw.with_help("this is a trace: `quarrel replay` and `quarrel view` read it")
        }
        None => flaw.with_help(format!(
            "there are {}; and of no consequence {}",
            KEYS.join(", "),
            REMARKS.join(", ")
        )),
    }
}

fn read_process(node: Node<'_>) -> Result<Process<'_>, Flaw> {
    let wrong = |what: &str| Err(Flaw::new(node.range.clone(), what));
    match node.json {
        Json::Number(digits) => match digits.parse::<i64>() {
            Ok(number) => Ok(Process::Number(number)),
            Err(_) => wrong("a process is a whole number of at most 64 bits, or a name"),
        },
        Json::Text(name) if name.is_empty() => wrong("this name of a process is empty"),
        Json::Text(name) => Ok(Process::Name(name)),
        _ => wrong("a process is a whole number or a name"),
    }
}

fn read_kind(node: &Node<'_>) -> Result<Kind, Flaw> {
    let flaw = |message: String| Flaw::new(node.range.clone(), message);
    let Json::Text(name) = &node.json else {
        return Err(flaw(format!("`type` is a string, found {}", node.kind())));
    };
    let names = Kind::ALL.map(Kind::name);
    if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == name) {
        return Ok(kind);
    }
    let flaw = flaw(format!("there is no type {}", quoted(name)));
    Err(match did_you_mean(&name.to_lowercase(), names) {
        Some(meant) => flaw.with_help(format!("did you mean `{meant}`?")),
        None => flaw.with_help(format!("there are {}", names.join(", "))),
    })
}

/// A whole number, or null, which is as good as nothing.
fn whole(field: &Field<'_>) -> Result<Option<i128>, Flaw> {
    let wrong = || Flaw::new(field.value.range.clone(), format!("`{}` is a whole number", field.key));
    match &field.value.json {
        Json::Null => Ok(None),
        Json::Number(digits) => digits.parse().map(Some).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// A time in any unit: only its order is ever looked at, and only if it is a whole number.
fn instant(field: &Field<'_>) -> Result<Option<i128>, Flaw> {
    match &field.value.json {
        Json::Null => Ok(None),
        Json::Number(digits) => Ok(digits.parse().ok()),
        _ => Err(Flaw::new(field.value.range.clone(), "`time` is a number")),
    }
}
