//! What is under way: messages, requests and replies, in a slab with a free list.

use std::mem;

use quarrel_protocol::{Effect, NodeId, Protocol};

use crate::decision::Endpoint;

/// What travels.
pub(crate) enum Cargo<P: Protocol> {
    /// A message or a reply, as the effect that sends it.
    Sent(Effect<P>),
    /// The position of the operation among the client operations.
    Request(u32),
}

impl<P: Protocol> Cargo<P> {
    /// What an effect sends, taken out of where it lay.
    #[inline(always)]
    pub(crate) fn of(effect: &mut Effect<P>) -> Self {
        Cargo::Sent(mem::replace(effect, Effect::Barrier))
    }

    /// What it says.
    pub(crate) fn words(&self) -> String {
        match self {
            Cargo::Sent(Effect::Send { message, .. }) => message.to_string(),
            Cargo::Sent(Effect::Reply { id, reply, .. }) => format!("{id}: {reply}"),
            Cargo::Sent(_) => unreachable!("nothing else is sent"),
            Cargo::Request(_) => "a request".to_string(),
        }
    }
}

impl<P: Protocol> Clone for Cargo<P> {
    fn clone(&self) -> Self {
        Cargo::Sent(match self {
            Cargo::Request(position) => return Cargo::Request(*position),
            Cargo::Sent(Effect::Send { to, message, unsynced }) => {
                Effect::Send { to: *to, message: message.clone(), unsynced: *unsynced }
            }
            Cargo::Sent(Effect::Reply { client, id, reply }) => {
                Effect::Reply { client: *client, id: *id, reply: reply.clone() }
            }
            Cargo::Sent(_) => unreachable!("nothing else is sent"),
        })
    }
}

/// One thing under way, but for its cargo.
#[derive(Clone, Copy)]
pub(crate) struct Flight {
    pub(crate) from: Endpoint,
    pub(crate) to: Endpoint,
    /// For a message to oneself: the incarnation it dies with. No other knows any.
    pub(crate) incarnation: u32,
    /// The fingerprint of the cargo, taken once.
    pub(crate) print: u64,
    pub(crate) sent_at: u64,
    /// The event that sent it, and its place among what that event sent.
    pub(crate) cause: u64,
    pub(crate) order: u32,
    /// Whether it has reached a node that stood still, and waits there.
    pub(crate) has_reached: bool,
}

impl Flight {
    /// What is in a place that was never taken.
    const NONE: Self = {
        let nobody = Endpoint::Node(NodeId(0));
        let has_reached = false;
        Self {
            from: nobody,
            to: nobody,
            incarnation: 0,
            print: 0,
            sent_at: 0,
            cause: 0,
            order: 0,
            has_reached,
        }
    };
}

/// A place in the slab.
struct Place<P: Protocol> {
    flight: Flight,
    /// Nothing if the place is free, or what was here was struck from flight.
    cargo: Option<Cargo<P>>,
}

/// The slab.
pub(crate) struct Slab<P: Protocol> {
    places: Vec<Place<P>>,
    free: Vec<u32>,
}

impl<P: Protocol> Default for Slab<P> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new() }
    }
}

impl<P: Protocol> Slab<P> {
    /// Puts a flight under way. Always inlined, and the cargo is built here: both then lie at once where they stay.
    /// Handed over and copied they would be read in wide words right after they were written in narrow ones, and the
    /// processor waits for that: some ten nanoseconds for each.
    #[inline(always)]
    pub(crate) fn insert(&mut self, flight: Flight, cargo: impl FnOnce() -> Cargo<P>) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| self.grow());
        let place = &mut self.places[slot as usize];
        assert!(place.cargo.is_none(), "nothing is under way in a free place");
        place.flight = flight;
        // Nothing was there: nothing is dropped.
        mem::forget(place.cargo.replace(cargo()));
        slot
    }

    /// Another of what is in this slot, which was neither freed nor struck.
    #[cold]
    pub(crate) fn copy(&mut self, slot: u32) -> u32 {
        let Place { flight, cargo } = &self.places[slot as usize];
        let (flight, cargo) = (*flight, cargo.clone().expect("something is under way"));
        self.insert(flight, || cargo)
    }

    /// Adds a place to an empty list of free ones, and takes it.
    #[cold]
    fn grow(&mut self) -> u32 {
        self.places.push(Place { flight: Flight::NONE, cargo: None });
        self.places.len() as u32 - 1
    }

    /// Takes the cargo out; `None` if it was struck from flight, and its slot is free again either way.
    #[inline]
    pub(crate) fn take(&mut self, slot: u32) -> Option<Cargo<P>> {
        self.free.push(slot);
        self.places[slot as usize].cargo.take()
    }

    /// As [`Slab::take`], of a slot that holds a message. Nothing is dropped if it does not: so the message moves from here to
    /// where it is needed at once, and does not lie on the stack in between.
    #[inline(always)]
    pub(crate) fn take_message(&mut self, slot: u32) -> P::Message {
        match self.take(slot) {
            Some(Cargo::Sent(Effect::Send { message, .. })) => message,
            other => {
                mem::forget(other);
                unreachable!("a message is under way between nodes")
            }
        }
    }

    /// The flight in this slot, which was not freed; nothing if it was struck.
    #[inline]
    pub(crate) fn flight(&self, slot: u32) -> Option<Flight> {
        let place = &self.places[slot as usize];
        place.cargo.is_some().then_some(place.flight)
    }

    /// What is in this slot, if it was not struck.
    pub(crate) fn cargo(&self, slot: u32) -> Option<&Cargo<P>> {
        self.places[slot as usize].cargo.as_ref()
    }

    /// It has reached a node that stands still.
    pub(crate) fn reach(&mut self, slot: u32) {
        self.places[slot as usize].flight.has_reached = true;
    }

    /// Strikes it from flight. The slot stays taken until its arrival is due.
    pub(crate) fn strike(&mut self, slot: u32) {
        self.places[slot as usize].cargo = None;
    }

    /// How much is under way.
    pub(crate) fn pending(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Whether more than so much is under way. Nearly always there have never been so many places.
    #[inline]
    pub(crate) fn holds_more_than(&self, most: usize) -> bool {
        self.places.len() > most && self.pending() > most
    }

    /// What is under way, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Flight)> {
        let places = (0u32..).zip(&self.places);
        places.filter_map(|(slot, place)| place.cargo.is_some().then_some((slot, &place.flight)))
    }
}
