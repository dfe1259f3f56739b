//! Whether all held, in memory and in JSON.

use quarrel_protocol::Violation;
use quarrel_protocol::monitor::PropertyKind;
use serde::{Deserialize, Serialize};

use super::model::Verdict;
use super::words::hexadecimal;

/// Whether all held in a run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "JudgementFields", into = "JudgementFields")]
pub enum Judgement {
    /// All held.
    Held,
    /// Something was violated.
    Violated(Violation),
}

impl Judgement {
    /// The canonical form of the violation, if there is one.
    #[must_use]
    pub fn signature(&self) -> Option<&str> {
        match self {
            Judgement::Held => None,
            Judgement::Violated(violation) => Some(&violation.signature),
        }
    }

    /// Whether a run that is recorded came out as this one: both held, or both failed alike.
    #[must_use]
    pub fn is_like(&self, recorded: &Self) -> bool {
        match (self, recorded) {
            (Judgement::Held, Judgement::Held) => true,
            (Judgement::Violated(mine), Judgement::Violated(theirs)) => mine.is_like(theirs),
            _ => false,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Held,
    Violated,
}

/// The judgement in the header, as JSON has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JudgementFields {
    verdict: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    property: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<PropertyKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// The last line, as JSON has it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerdictLine {
    verdict: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    property: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<PropertyKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    at: u64,
    events: u64,
    #[serde(with = "hexadecimal")]
    digest: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    outside: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    blocked: Vec<String>,
}

impl TryFrom<JudgementFields> for Judgement {
    type Error = &'static str;

    fn try_from(fields: JudgementFields) -> Result<Self, Self::Error> {
        let JudgementFields { verdict, property, kind, signature, detail } = fields;
        match (verdict, property, kind, signature, detail) {
            (Word::Held, None, None, None, None) => Ok(Judgement::Held),
            (Word::Violated, Some(property), Some(kind), Some(signature), Some(detail)) => {
                Ok(Judgement::Violated(Violation { property, kind, detail, signature }))
            }
            (Word::Held, ..) => Err("a verdict of `held` has no property, kind, signature or detail"),
            (Word::Violated, ..) => {
                Err("a verdict of `violated` has a property, a kind, a signature and a detail")
            }
        }
    }
}

impl From<Judgement> for JudgementFields {
    fn from(judgement: Judgement) -> Self {
        match judgement {
            Judgement::Held => {
                Self { verdict: Word::Held, property: None, kind: None, signature: None, detail: None }
            }
            Judgement::Violated(Violation { property, kind, detail, signature }) => Self {
                verdict: Word::Violated,
                property: Some(property),
                kind: Some(kind),
                signature: Some(signature),
                detail: Some(detail),
            },
        }
    }
}

impl TryFrom<VerdictLine> for Verdict {
    type Error = &'static str;

    fn try_from(line: VerdictLine) -> Result<Self, Self::Error> {
        let VerdictLine { verdict, property, kind, signature, detail, at, events, digest, outside, blocked } =
            line;
        let judgement = JudgementFields { verdict, property, kind, signature, detail }.try_into()?;
        if judgement == Judgement::Held && !outside.is_empty() {
            return Err("a verdict of `held` is neither inside nor outside the model");
        }
        if judgement != Judgement::Held && !blocked.is_empty() {
            return Err("only where nothing is violated is `blocked` what came out");
        }
        Ok(Verdict { judgement, at_ns: at, events, digest, outside, blocked })
    }
}

impl From<Verdict> for VerdictLine {
    fn from(verdict: Verdict) -> Self {
        let JudgementFields { verdict: word, property, kind, signature, detail } = verdict.judgement.into();
        let Verdict { at_ns: at, events, digest, outside, blocked, .. } = verdict;
        Self { verdict: word, property, kind, signature, detail, at, events, digest, outside, blocked }
    }
}
