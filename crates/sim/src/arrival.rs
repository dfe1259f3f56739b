//! What is under way arrives: at once, later, or never.

use quarrel_protocol::{Input, NodeId, Protocol};

use crate::cluster::Cluster;
use crate::decision::Endpoint;
use crate::fault::FaultClass;
use crate::flight::{Cargo, Flight};
use crate::observer::Observer;
use crate::queue::{Entry, Tie};

impl<P: Protocol, O: Observer<P>> Cluster<P, O> {
    #[inline(never)]
    pub(crate) fn arrive(&mut self, entry: Entry) {
        let Some(flight) = self.slab.flight(entry.slot) else {
            self.slab.take(entry.slot);
            return;
        };
        let Endpoint::Node(to) = flight.to else { return self.answer(entry.slot) };
        if self.turns.is_some() && self.is_behind(entry, flight.from, to) {
            return;
        }
        let node = &self.nodes[to.index()];
        if node.paused_until > self.now && node.is_up() {
            let time = node.paused_until;
            self.suffer_pause(to);
            self.note_reached(entry.slot);
            self.wait(entry, time);
            return;
        }
        if self.links.is_disturbed() && self.is_held_up(entry, flight.from, to) {
            return;
        }
        let node = &self.nodes[to.index()];
        if flight.from == flight.to && flight.incarnation != node.incarnation {
            // It died with the node that sent it.
            self.slab.take(entry.slot);
            return;
        }
        if !node.is_up() {
            return self.lose_on_arrival(entry.slot, to, "the node is down");
        }
        match flight.from {
            Endpoint::Node(seat) => self.deliver(entry, flight, seat, to),
            Endpoint::Client(_) | Endpoint::Twin(_) => self.deliver_request(entry.slot, to),
        }
    }

    /// A flight is at its goal, which stands still.
    #[cold]
    fn note_reached(&mut self, slot: u32) {
        let Some(flight) = self.slab.flight(slot) else { return };
        if matches!(flight.from, Endpoint::Node(from) if Endpoint::Node(from) != flight.to)
            && !flight.has_reached
        {
            self.note_arrival(flight.sent_at);
        }
        self.slab.reach(slot);
    }

    /// Whether the network lets it through only later, or not at all.
    #[cold]
    fn is_held_up(&mut self, entry: Entry, from: Endpoint, to: NodeId) -> bool {
        let Endpoint::Node(from) = from else { return false };
        if from == to {
            return false;
        }
        let (seat, from, to) = (to, self.identity(from), self.identity(to));
        if self.links.is_cut(from, to) {
            self.suffer(FaultClass::Partition);
            self.lose_on_arrival(entry.slot, seat, "the network is cut");
            return true;
        }
        let clogged = self.links.clogged_until(from, to);
        if clogged > self.now {
            self.suffer(FaultClass::Clog);
            self.wait(entry, clogged);
            return true;
        }
        false
    }

    /// What was under way arrives where nobody hears it.
    #[cold]
    fn lose_on_arrival(&mut self, slot: u32, to: NodeId, why: &str) {
        let Some(flight) = self.slab.flight(slot) else { return };
        let Some(cargo) = self.slab.take(slot) else { return };
        self.open(Some(Endpoint::Node(to)), flight.print, "lost", || {
            let what = cargo.words();
            (format!("{what}: {why}"), Some(flight.from), Some(flight.cause))
        });
        self.close();
    }

    /// Whether one that was sent before is held up, on a link that keeps the order.
    fn is_behind(&mut self, entry: Entry, from: Endpoint, to: NodeId) -> bool {
        let (Some(turns), Endpoint::Node(from)) = (&mut self.turns, from) else { return false };
        if from == to {
            return false;
        }
        let held = turns.held_until(from, to);
        if held > self.now {
            if self.nodes[to.index()].paused_until > self.now {
                self.note_reached(entry.slot);
            }
            self.wait(entry, held);
        }
        held > self.now
    }

    /// Always inlined, so that the message goes from its place in the slab to the machine without a stop.
    #[inline(always)]
    fn deliver(&mut self, entry: Entry, flight: Flight, seat: NodeId, to: NodeId) {
        let from = self.identity(seat);
        if seat != to {
            if !flight.has_reached {
                self.note_arrival(flight.sent_at);
            }
            if self.overtakes(entry.tie, (seat, from), to) {
                self.suffer(FaultClass::Reordering);
            }
        }
        self.open_unheard(Some(Endpoint::Node(to)), flight.print);
        if self.is_recording() {
            self.record_delivery(entry.slot);
        }
        let message = self.slab.take_message(entry.slot);
        self.step(to, Input::Message { from, message });
    }

    /// Notes an arrival; `true` if a later one of its kind was here before.
    #[inline(always)]
    fn overtakes(&mut self, tie: Tie, (seat, from): (NodeId, NodeId), to: NodeId) -> bool {
        let Some(turns) = &mut self.turns else {
            let link = self.link(from, self.identity(to));
            return self.links.arrive(link, tie.kind(), tie.occurrence());
        };
        turns.arrive(seat, to, tie.occurrence());
        false
    }

    #[cold]
    #[inline(never)]
    fn record_delivery(&mut self, slot: u32) {
        let (Some(flight), Some(cargo)) = (self.slab.flight(slot), self.slab.cargo(slot)) else { return };
        let what = cargo.words();
        self.record_opening(Some(flight.to), "deliver", || (what, Some(flight.from), Some(flight.cause)));
    }

    #[inline(never)]
    fn deliver_request(&mut self, slot: u32, to: NodeId) {
        let Some(flight) = self.slab.flight(slot) else { return };
        let Some(Cargo::Request(position)) = self.slab.take(slot) else { return };
        let operation = self.clients.operation(position);
        let (client, id, request) = (operation.client, operation.id, operation.request.clone());
        let oldest = self.clients.oldest(position);
        let words = || (format!("{id}: {request}"), Some(flight.from), Some(flight.cause));
        self.open(Some(flight.to), flight.print, "request", words);
        self.words.mark(u64::from(oldest.0));
        self.step(to, Input::Request { client, id, oldest, request });
    }
}
