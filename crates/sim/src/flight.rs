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

/// One thing under way.
pub(crate) struct Flight<P: Protocol> {
    pub(crate) cargo: Cargo<P>,
    pub(crate) from: Endpoint,
    pub(crate) to: Endpoint,
    /// The fingerprint of the cargo, taken once.
    pub(crate) print: u64,
    pub(crate) sent_at: u64,
    /// The event that sent it, and its place among what that event sent.
    pub(crate) cause: u64,
    pub(crate) order: u32,
    /// For a message to oneself: the incarnation it dies with.
    pub(crate) incarnation: u32,
}

/// The slab.
pub(crate) struct Slab<P: Protocol> {
    slots: Vec<Option<Flight<P>>>,
    free: Vec<u32>,
}

impl<P: Protocol> Default for Slab<P> {
    fn default() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }
}

impl<P: Protocol> Slab<P> {
    #[inline]
    pub(crate) fn insert(&mut self, flight: Flight<P>) -> u32 {
        if let Some(slot) = self.free.pop() {
            debug_assert!(self.slots[slot as usize].is_none());
            self.slots[slot as usize] = Some(flight);
            return slot;
        }
        self.slots.push(Some(flight));
        self.slots.len() as u32 - 1
    }

    /// Takes it out; `None` if it was struck from flight, and its slot is free again either way.
    #[inline]
    pub(crate) fn take(&mut self, slot: u32) -> Option<Flight<P>> {
        self.free.push(slot);
        self.slots[slot as usize].take()
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&Flight<P>> {
        self.slots[slot as usize].as_ref()
    }

    /// Strikes it from flight. The slot stays taken until its arrival is due.
    pub(crate) fn strike(&mut self, slot: u32) -> Option<Flight<P>> {
        self.slots[slot as usize].take()
    }

    /// How much is under way.
    #[inline]
    pub(crate) fn pending(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// What is under way, by slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Flight<P>)> {
        self.slots.iter().enumerate().filter_map(|(slot, flight)| Some((slot as u32, flight.as_ref()?)))
    }
}
