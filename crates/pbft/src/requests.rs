//! What clients wait for (section 4.1), and for how long a backup does (4.4).

use std::collections::BTreeMap;

use quarrel_protocol::{ClientId, Effects, RequestId};
use quarrel_spec::replicated_log::Reply;

use crate::View;
use crate::event::Event;
use crate::message::Message;
use crate::pbft::{Pbft, Timer};
use crate::sign::{Asked, Batch};

/// Whose request, and which.
pub(crate) type Name = (ClientId, RequestId);

/// The requests that a replica knows and has not executed.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Requests {
    /// In the order in which they came.
    waiting: BTreeMap<u64, Waiting>,
    /// Where each is. Invariant: the same requests.
    places: BTreeMap<Name, u64>,
    /// How many have come.
    arrivals: u64,
    /// The request for which the time runs: the oldest one when it began to.
    watched: Option<Name>,
    /// The patience timer runs for it.
    is_timed: bool,
    /// The relay timer runs, for requests up to this one.
    relay: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Waiting {
    request: Asked,
    /// It is in a batch that was accepted in this view.
    ordered: Option<View>,
    /// It was relayed to the primary of this view.
    relayed: Option<View>,
}

impl Requests {
    /// Adds a request. One that waits already has come again: what was relayed of it may be lost.
    fn add(&mut self, request: Asked) {
        let known = self.places.get(&request.name()).and_then(|place| self.waiting.get_mut(place));
        if let Some(waiting) = known {
            waiting.relayed = None;
            return;
        }
        self.arrivals += 1;
        self.places.insert(request.name(), self.arrivals);
        self.waiting.insert(self.arrivals, Waiting { request, ordered: None, relayed: None });
    }

    /// A request is in a batch that was accepted in this view. A replica that hears of it only so waits for it as well:
    /// else nobody would remember it when the primary fails now.
    pub(crate) fn order(&mut self, request: &Asked, view: View) {
        self.add(*request);
        let place = self.places.get(&request.name()).and_then(|place| self.waiting.get_mut(place));
        if let Some(waiting) = place {
            waiting.ordered = Some(view);
        }
    }

    fn remove(&mut self, name: Name) {
        if let Some(place) = self.places.remove(&name) {
            self.waiting.remove(&place);
        }
        self.watched.take_if(|watched| *watched == name);
    }

    /// Drops those for which this says so.
    fn drop_if(&mut self, is_over: impl Fn(&Asked) -> bool) {
        let over: Vec<Name> =
            self.waiting.values().filter(|it| is_over(&it.request)).map(|it| it.request.name()).collect();
        over.into_iter().for_each(|name| self.remove(name));
    }

    /// The oldest requests that are in no batch of this view.
    fn unordered(&self, view: View) -> impl Iterator<Item = (u64, &Asked)> {
        let unordered = self.waiting.iter().filter(move |(_, it)| it.ordered != Some(view));
        unordered.map(|(&place, it)| (place, &it.request))
    }

    /// Those of them that the primary of this view was not told of.
    fn unrelayed(&self, view: View) -> impl Iterator<Item = (u64, &Asked)> {
        self.unordered(view).filter(move |(place, _)| self.waiting[place].relayed != Some(view))
    }

    /// All of them, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Asked> {
        self.waiting.values().map(|it| &it.request)
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Nobody's time runs any more.
    pub(crate) fn unwatch(&mut self) {
        (self.watched, self.is_timed) = (None, false);
    }

    pub(crate) fn watched(&self) -> Option<Name> {
        self.watched
    }

    pub(crate) fn assert_invariants(&self) {
        assert!(self.waiting.len() == self.places.len(), "each waiting request has its place");
        assert!(self.watched.is_none_or(|name| self.places.contains_key(&name)), "what is watched waits");
    }
}

impl Pbft {
    /// A client asks, or another replica relays what a client asked (4.1).
    pub(crate) fn on_request(&mut self, request: Asked, effects: &mut Effects<Self>) {
        let (client, serial) = request.name();
        // "If the request has already been processed, the replicas simply re-send the reply" (4.1).
        if let Some(receipt) = self.replica.applied(client, serial) {
            let reply = Reply::Applied { index: receipt.index, outcome: receipt.outcome.clone() };
            return effects.reply(client, serial, reply);
        }
        // "A request with a timestamp lower than the last" is discarded: its client has stopped waiting.
        if self.replica.forgets(client, serial) {
            return;
        }
        self.requests.add(request);
        self.propose(effects);
        self.attend(effects);
    }

    /// The primary orders what waits: "assigns a sequence number n to the request" (4.2), with as many in one batch as
    /// there are. Section 4.2: only between the water marks.
    pub(crate) fn propose(&mut self, effects: &mut Effects<Self>) {
        if !self.is_primary() || !self.is_active() {
            return;
        }
        while self.assigned.since(self.executed) < u64::from(self.config.parallel.max(1)) {
            let view = self.view();
            let limit = self.config.batch.max(1) as usize;
            let requests: Vec<Asked> =
                self.requests.unordered(view).take(limit).map(|(_, request)| *request).collect();
            if requests.is_empty() {
                return;
            }
            let sequence = self.assigned.max(self.low()).max(self.executed).next();
            if !self.is_open(sequence) {
                return effects.announce(Event::Held { high: self.config.high(self.low()) });
            }
            self.assign(sequence, Batch::of(requests), effects);
        }
    }

    /// A request is in a batch that is accepted.
    pub(crate) fn note(&mut self, request: &Asked) {
        let (client, serial) = request.name();
        let is_over = self.replica.applied(client, serial).is_some() || self.replica.forgets(client, serial);
        if !is_over {
            self.requests.order(request, self.view());
        }
    }

    /// What is executed nobody waits for; nor for what its client has stopped waiting for.
    pub(crate) fn settle(&mut self, request: &Asked) {
        let session = request.command().session;
        self.requests.remove(request.name());
        if session.oldest > RequestId(0) {
            let is_over = |it: &Asked| it.name().0 == session.client && it.name().1 < session.oldest;
            self.requests.drop_if(is_over);
        }
    }

    /// After a state was taken over: answers what is executed in it.
    pub(crate) fn settle_all(&mut self, effects: &mut Effects<Self>) {
        for request in self.requests.iter() {
            let (client, serial) = request.name();
            if let Some(receipt) = self.replica.applied(client, serial) {
                let reply = Reply::Applied { index: receipt.index, outcome: receipt.outcome.clone() };
                effects.reply(client, serial, reply);
            }
        }
        let replica = &self.replica;
        self.requests.drop_if(|it| {
            replica.applied(it.name().0, it.name().1).is_some() || replica.forgets(it.name().0, it.name().1)
        });
    }

    /// Lets time run for the oldest request, and for those that the primary may not know.
    ///
    /// "A backup starts a timer when it receives a request and the timer is not already running. It stops the timer when
    /// it is no longer waiting to execute the request, but restarts it if at that point it is waiting to execute some
    /// other request" (4.4).
    pub(crate) fn attend(&mut self, effects: &mut Effects<Self>) {
        if self.is_unsettled() {
            self.arm_status(effects);
        }
        if !self.is_active() || self.is_primary() {
            return;
        }
        if self.requests.watched.is_none() {
            let oldest = self.requests.iter().next().map(Asked::name);
            self.requests.watched = oldest;
            match self.requests.watched {
                Some(_) => effects.set_timer(Timer::Patience, self.patience()),
                None if self.requests.is_timed => effects.cancel_timer(Timer::Patience),
                None => {}
            }
            self.requests.is_timed = self.requests.watched.is_some();
        }
        let view = self.view();
        if self.requests.relay.is_none() && self.requests.unrelayed(view).next().is_some() {
            self.requests.relay = Some(self.requests.arrivals);
            effects.set_timer(Timer::Relay, self.config.relay);
        }
    }

    /// "If the replica is not the primary, it relays the request to the primary" (4.1). A client that hears nothing asks everybody, so it
    /// does so only when the primary has had time to order it by itself.
    pub(crate) fn on_relay_timer(&mut self, effects: &mut Effects<Self>) {
        let last = self.requests.relay.take().unwrap_or(0);
        if !self.is_active() || self.is_primary() {
            return;
        }
        let (view, primary) = (self.view(), self.config.primary(self.view()));
        let due = self.requests.unrelayed(view).take_while(|&(place, _)| place <= last);
        let due: Vec<(u64, Asked)> = due.map(|(place, it)| (place, *it)).collect();
        if !due.is_empty() {
            effects.announce(Event::Relayed { count: due.len() as u32 });
        }
        for (place, request) in due {
            effects.send(primary, Message::Request(request));
            self.requests.waiting.entry(place).and_modify(|it| it.relayed = Some(view));
        }
        self.attend(effects);
    }
}
