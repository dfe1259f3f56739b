//! What is under way: messages, requests and replies, in a slab with a free list.

use quarrel_protocol::{Protocol, RequestId};

use crate::decision::Endpoint;

/// What travels.
pub(crate) enum Cargo<P: Protocol> {
    Message(P::Message),
    /// The position of the operation among the client operations.
    Request(u32),
    Reply(RequestId, P::Reply),
}

impl<P: Protocol> Clone for Cargo<P> {
    fn clone(&self) -> Self {
        match self {
            Cargo::Message(message) => Cargo::Message(message.clone()),
            Cargo::Request(position) => Cargo::Request(*position),
            Cargo::Reply(id, reply) => Cargo::Reply(*id, reply.clone()),
        }
    }
}

/// One thing under way, but for its cargo.
#[derive(Clone, Copy)]
pub(crate) struct Flight {
    pub(crate) from: Endpoint,
    pub(crate) to: Endpoint,
    /// For a message to oneself: the incarnation it dies with.
    pub(crate) incarnation: u32,
    /// The fingerprint of the cargo, taken once.
    pub(crate) print: u64,
    pub(crate) sent_at: u64,
    /// The event that sent it, and its place among what that event sent.
    pub(crate) cause: u64,
    pub(crate) order: u32,
}

/// The slab. Flights and cargos lie apart: most questions are about the flight alone, and a cargo is moved only twice.
pub(crate) struct Slab<P: Protocol> {
    flights: Vec<Flight>,
    /// The cargo of each flight; nothing if its slot is free, or it was struck from flight.
    cargos: Vec<Option<Cargo<P>>>,
    free: Vec<u32>,
}

impl<P: Protocol> Default for Slab<P> {
    fn default() -> Self {
        Self { flights: Vec::new(), cargos: Vec::new(), free: Vec::new() }
    }
}

impl<P: Protocol> Slab<P> {
    #[inline]
    pub(crate) fn insert(&mut self, flight: Flight, cargo: Cargo<P>) -> u32 {
        if let Some(slot) = self.free.pop() {
            debug_assert!(self.cargos[slot as usize].is_none());
            self.flights[slot as usize] = flight;
            self.cargos[slot as usize] = Some(cargo);
            return slot;
        }
        self.flights.push(flight);
        self.cargos.push(Some(cargo));
        self.flights.len() as u32 - 1
    }

    /// Takes the cargo out; `None` if it was struck from flight, and its slot is free again either way.
    #[inline]
    pub(crate) fn take(&mut self, slot: u32) -> Option<Cargo<P>> {
        self.free.push(slot);
        self.cargos[slot as usize].take()
    }

    /// The flight in this slot, which was not freed: perhaps it was struck.
    #[inline]
    pub(crate) fn flight(&self, slot: u32) -> Flight {
        self.flights[slot as usize]
    }

    /// Strikes it from flight. The slot stays taken until its arrival is due.
    pub(crate) fn strike(&mut self, slot: u32) {
        self.cargos[slot as usize] = None;
    }

    /// Whether it was struck from flight.
    #[inline]
    pub(crate) fn is_struck(&self, slot: u32) -> bool {
        self.cargos[slot as usize].is_none()
    }

    /// How much is under way.
    #[inline]
    pub(crate) fn pending(&self) -> usize {
        self.flights.len() - self.free.len()
    }

    /// What is under way, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Flight)> {
        let both = self.flights.iter().zip(&self.cargos);
        (0u32..).zip(both).filter_map(|(slot, (flight, cargo))| cargo.is_some().then_some((slot, flight)))
    }
}
