//! Keeping the books: what the digest hears and the recorder keeps of each event.
//!
//! Campaigns do not record, so everything that only a recorder wants is out of line.

use quarrel_protocol::{ClientId, Fingerprinter, Kinded, LocalTime, Message, NodeId, Protocol};

use crate::cluster::Cluster;
use crate::decision::Endpoint;
use crate::observer::Observer;
use crate::queue::WORLD;
use crate::record::{Parcel, TraceEffect, TraceEvent};

impl<P: Protocol, O: Observer<P>> Cluster<P, O> {
    /// Opens an event: counts it and starts its words. `words` are what is said, who sent it and what caused it.
    #[inline(always)]
    pub(crate) fn open(
        &mut self,
        who: Option<Endpoint>,
        print: u64,
        kind: &'static str,
        words: impl FnOnce() -> (String, Option<Endpoint>, Option<u64>),
    ) {
        self.open_unheard(who, print);
        if self.is_recording() {
            self.record_opening(who, kind, words);
        }
    }

    /// As [`Cluster::open`], for who records what is said by himself.
    #[inline(always)]
    pub(crate) fn open_unheard(&mut self, who: Option<Endpoint>, print: u64) {
        self.events += 1;
        self.order = 0;
        self.words = Fingerprinter::default();
        self.words.pair(self.now, print ^ who.map_or(u64::from(WORLD), endpoint_code) << 56);
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn record_opening(
        &mut self,
        who: Option<Endpoint>,
        kind: &'static str,
        words: impl FnOnce() -> (String, Option<Endpoint>, Option<u64>),
    ) {
        let (what, from, cause) = words();
        let (n, at, kind) = (self.events, self.now, kind.into());
        let (who, from) = (who.map(|who| self.shown(who)), from.map(|from| self.shown(from)));
        let (clock, fate, effects, digest) = (None, None, Vec::new(), String::new());
        let Some(recorder) = &mut self.recorder else { return };
        recorder.open(TraceEvent { n, at, who, cause, kind, what, clock, from, fate, effects, digest });
    }

    #[inline(always)]
    pub(crate) fn is_recording(&self) -> bool {
        self.recorder.is_some()
    }

    /// Closes the event that is open.
    #[inline(always)]
    pub(crate) fn close(&mut self) {
        self.digest.event(self.words);
        if self.is_recording() {
            self.record_closing();
        }
    }

    #[cold]
    fn record_closing(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.close(self.digest.value());
        }
    }

    /// Adds a line to the event that is open, if anybody records.
    #[inline(always)]
    pub(crate) fn note(&mut self, effect: impl FnOnce() -> TraceEffect) {
        if self.is_recording() {
            self.record_effect(effect);
        }
    }

    #[cold]
    #[inline(never)]
    fn record_effect(&mut self, effect: impl FnOnce() -> TraceEffect) {
        if let Some(recorder) = &mut self.recorder {
            recorder.effect(effect());
        }
    }

    /// Keeps what a message weighs, if anybody records.
    #[cold]
    #[inline(never)]
    pub(crate) fn note_parcel(&mut self, from: NodeId, to: NodeId, message: &P::Message) {
        let Some(recorder) = &mut self.recorder else { return };
        let (kind, bytes) = (message.kind_name(), message.size() as u64);
        recorder.parcels.push(Parcel { event: self.events, from, to, kind, bytes });
    }

    /// Says which decision made the event that is open so, if anybody records.
    #[inline(always)]
    pub(crate) fn note_fate(&mut self, fate: impl FnOnce() -> String) {
        if let Some(recorder) = &mut self.recorder {
            recorder.fate(fate());
        }
    }

    /// Says what the clock says that a machine is about to read, if anybody records.
    #[inline(always)]
    pub(crate) fn note_clock(&mut self, now: LocalTime) {
        if let Some(recorder) = &mut self.recorder {
            recorder.clock(now.0);
        }
    }

    /// The number of the event that is open.
    pub(crate) const fn event(&self) -> u64 {
        self.events
    }

    /// The point of a timer was decided: that is no event, but the digest knows.
    #[inline]
    pub(crate) fn digest_decision(&mut self, decided: Option<u64>) {
        if let Some(answer) = decided {
            let mut words = Fingerprinter::default();
            words.word(answer);
            self.digest.event(words);
        }
    }
}

pub(crate) const fn client_code(client: ClientId) -> u8 {
    NodeId::LIMIT as u8 + client.0
}

const fn endpoint_code(endpoint: Endpoint) -> u64 {
    match endpoint {
        Endpoint::Node(node) | Endpoint::Twin(node) => node.0 as u64,
        Endpoint::Client(client) => client_code(client) as u64,
    }
}
