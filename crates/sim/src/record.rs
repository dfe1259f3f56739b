//! What a recorded run looks like, event by event: the lines of a trace.

use std::borrow::Cow;

use quarrel_protocol::NodeId;
use serde::{Deserialize, Serialize};

use crate::decision::Endpoint;

/// One event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceEvent {
    /// Its number, from 1.
    pub n: u64,
    /// When, in nanoseconds of virtual time.
    pub at: u64,
    /// To whom it happens; nobody for what happens to the world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<Endpoint>,
    /// The event that caused it: for an arrival, the one that sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// What kind of event: `boot`, `deliver`, `lost` (on arrival), `timer`, `request`, `order`, `answer`, `redirect`, `ask`,
    /// `give-up`, `fail`, `sync`, `restart`, `damage`, `fault`, `fault-over`, `heal`.
    pub kind: Cow<'static, str>,
    /// What, in words.
    pub what: String,
    /// What the node's own clock says, in nanoseconds, for a node that reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<u64>,
    /// Who sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Endpoint>,
    /// The decision that made it so, where that was not the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<String>,
    /// What came of it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<TraceEffect>,
    /// The running digest after it: 16 hexadecimal digits.
    pub digest: String,
}

impl TraceEvent {
    /// Gives back what its words and effects were given and do not need: a recorded run keeps up to a million events.
    fn be_compact(&mut self) {
        self.what.shrink_to_fit();
        self.effects.shrink_to_fit();
        for effect in &mut self.effects {
            effect.what.shrink_to_fit();
        }
    }
}

/// One effect of an event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceEffect {
    /// What kind: `persist`, `compact`, `send`, `reply`, `output`, `announce`, `set-timer`, `cancel-timer`, `full`,
    /// `crash`.
    #[serde(rename = "do")]
    pub kind: Cow<'static, str>,
    /// What, in words.
    pub what: String,
    /// To whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Endpoint>,
    /// What became of it where that is not the default: `held` until the disk has synced, `released`, `lost`,
    /// `cut`, `late 3ms`, ....
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fate: Option<String>,
    /// Whether a short story tells it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub milestone: bool,
}

/// A message as it left a node, for whoever counts: what no line of a trace says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parcel {
    /// The number of the event that sent it.
    pub event: u64,
    /// Who sent it.
    pub from: NodeId,
    /// To whom: another node.
    pub to: NodeId,
    /// Its kind.
    pub kind: &'static str,
    /// Its size on the imagined wire.
    pub bytes: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Collects events while a run is recorded.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) events: Vec<TraceEvent>,
    pub(crate) parcels: Vec<Parcel>,
}

impl Recorder {
    /// Opens an event; its digest follows when it is over.
    pub(crate) fn open(&mut self, event: TraceEvent) {
        self.events.push(event);
    }

    /// Adds an effect to the event that is open.
    pub(crate) fn effect(&mut self, effect: TraceEffect) {
        if let Some(event) = self.events.last_mut() {
            event.effects.push(effect);
        }
    }

    /// Says which decision made the event that is open so.
    pub(crate) fn fate(&mut self, fate: String) {
        if let Some(event) = self.events.last_mut() {
            event.fate = Some(fate);
        }
    }

    /// Says what the clock says in the event that is open.
    pub(crate) fn clock(&mut self, ns: u64) {
        if let Some(event) = self.events.last_mut() {
            event.clock = Some(ns);
        }
    }

    /// Closes the event that is open.
    pub(crate) fn close(&mut self, digest: u64) {
        if let Some(event) = self.events.last_mut() {
            event.digest = format!("{digest:016x}");
            event.be_compact();
        }
    }
}
