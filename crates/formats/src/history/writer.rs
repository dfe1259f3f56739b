//! From a line to text, always the same.

use serde::Serialize;
use serde_json::Value;

use super::event::Kind;

/// One line of a history.
///
/// A process that never learns what became of an operation ([`Kind::Info`], or nothing at all) must not ask again under
/// the same number: the client goes on as a new process.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Line {
    /// Where the line stands among all lines, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
    /// When it happened, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
    /// Who asks, or is answered.
    pub process: Process,
    /// What happened to the operation.
    #[serde(rename = "type", serialize_with = "kind")]
    pub kind: Kind,
    /// What is asked: `read`.
    pub f: String,
    /// The key that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Value>,
    /// With which value; on an answer, what was seen.
    pub value: Value,
}

/// Who speaks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Process {
    /// A client.
    Number(u64),
    /// A client with a name.
    Name(String),
    /// Whoever makes the faults: its lines are passed over by readers.
    #[serde(serialize_with = "nemesis")]
    Nemesis,
}

fn kind<S: serde::Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}

fn nemesis<S: serde::Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("nemesis")
}

impl Line {
    /// The line with its newline. Equal lines are equal texts.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string(self).expect("a line can be written as JSON");
        text.push('\n');
        text
    }
}
