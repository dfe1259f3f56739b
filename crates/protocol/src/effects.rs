//! What a step does to the world, as a list whose order is the meaning (see the *release rule* in the crate's page).

use std::{iter, mem};

use crate::{ClientId, LocalTime, NodeId, Protocol, RequestId};

/// A timeout as a range on the node's own clock. The world picks the point, so jitter is a decision like any other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct After {
    /// The earliest point, in nanoseconds.
    pub min_ns: u64,
    /// The latest point, in nanoseconds; at least `min_ns`.
    pub max_ns: u64,
}

impl After {
    /// Exactly `ns` nanoseconds.
    #[must_use]
    pub const fn exactly(ns: u64) -> Self {
        Self { min_ns: ns, max_ns: ns }
    }

    /// Between `min_ns` and `max_ns` nanoseconds.
    ///
    /// # Panics
    /// When the range is reversed.
    #[must_use]
    pub const fn between(min_ns: u64, max_ns: u64) -> Self {
        assert!(min_ns <= max_ns, "a timeout range must not be reversed");
        Self { min_ns, max_ns }
    }

    /// The same range, `factor` times as long (saturating).
    #[must_use]
    pub const fn times(self, factor: u64) -> Self {
        Self { min_ns: self.min_ns.saturating_mul(factor), max_ns: self.max_ns.saturating_mul(factor) }
    }
}

/// One effect of a step.
pub enum Effect<P: Protocol> {
    /// Append a record to the node's disk.
    Persist(P::Record),
    /// Replace all records by these, atomically.
    Compact(Vec<P::Record>),
    /// Let no later write reach the disk before those pushed before this.
    Barrier,
    /// Send a message. To oneself it never touches the network and dies with the node; it so doubles as the
    /// completion of the writes before it.
    Send {
        /// The receiver.
        to: NodeId,
        /// What is sent.
        message: P::Message,
        /// `true`: it may leave before the writes pushed before it are durable.
        unsynced: bool,
    },
    /// Answer a client.
    Reply {
        /// Whom.
        client: ClientId,
        /// Which request.
        id: RequestId,
        /// What.
        reply: P::Reply,
    },
    /// State a result of the protocol.
    Output(P::Output),
    /// Tell observers.
    Announce(P::Event),
    /// Set or re-arm a timer.
    SetTimer {
        /// Which.
        timer: P::Timer,
        /// When, from now.
        after: After,
    },
    /// Unset a timer. One that is not set stays unset.
    CancelTimer {
        /// Which.
        timer: P::Timer,
    },
}

impl<P: Protocol> Effect<P> {
    /// Whether dropping it does anything.
    #[inline]
    const fn owns_something(&self) -> bool {
        match self {
            Effect::Persist(_) => mem::needs_drop::<P::Record>(),
            Effect::Compact(_) => true,
            Effect::Barrier => false,
            Effect::Send { .. } => mem::needs_drop::<P::Message>(),
            Effect::Reply { .. } => mem::needs_drop::<P::Reply>(),
            Effect::Output(_) => mem::needs_drop::<P::Output>(),
            Effect::Announce(_) => mem::needs_drop::<P::Event>(),
            Effect::SetTimer { .. } | Effect::CancelTimer { .. } => mem::needs_drop::<P::Timer>(),
        }
    }
}

/// The buffer a step pushes into. It owns its memory and is used again for the next step.
pub struct Effects<P: Protocol> {
    list: Vec<Effect<P>>,
    /// What the node's own clock says, for a machine that reads it.
    now: LocalTime,
}

impl<P: Protocol> Default for Effects<P> {
    fn default() -> Self {
        Self { list: Vec::new(), now: LocalTime::default() }
    }
}

/// A message just pushed, which may still be released from waiting for the disk: `effects.send(to, message).unsynced()`.
/// Whoever lets it wait ignores this; where an arm of a `match` has no value, a `;` behind the call does that.
pub struct Pushed<'a>(&'a mut bool);

impl Pushed<'_> {
    /// Lets the message leave before the writes pushed ahead of it are durable: a heartbeat need not wait behind a
    /// slow disk.
    pub fn unsynced(self) {
        *self.0 = true;
    }
}

impl<P: Protocol> Effects<P> {
    /// Adds an effect, which is built where it will lie. Built elsewhere and pushed, it would be read in wide words
    /// right after it was written in narrow ones, and the processor waits for that: some ten nanoseconds for each.
    #[inline]
    fn add(&mut self, effect: impl FnOnce() -> Effect<P>) {
        self.list.extend(iter::once_with(effect));
    }

    /// Appends a record to the disk.
    #[inline]
    pub fn persist(&mut self, record: P::Record) {
        self.persist_with(|| record);
    }

    /// The same, with a record that is built where it will lie: for those that most records are.
    #[inline(always)]
    pub fn persist_with(&mut self, record: impl FnOnce() -> P::Record) {
        self.add(|| Effect::Persist(record()));
    }

    /// Replaces the disk's records atomically.
    pub fn compact(&mut self, records: Vec<P::Record>) {
        self.add(|| Effect::Compact(records));
    }

    /// What is persisted from here on reaches the disk only when everything persisted so far is on it: a sync between two
    /// writes. A disk that keeps the order of writes does so anyway; one that keeps none would write, say, a snapshot before
    /// the entries that it covers. Nothing but the disk waits, and the node learns nothing: for that it sends itself a
    /// message.
    pub fn barrier(&mut self) {
        self.add(|| Effect::Barrier);
    }

    /// Sends a message once everything persisted so far, in this step and in earlier ones, is durable.
    ///
    /// A message to another node may be lost, doubled, held up or overtaken. One to oneself is none of that: it never
    /// touches the network, arrives once, and is gone only with the node.
    ///
    /// [`Pushed::unsynced`] lets it leave at once. Otherwise end a match arm that sends with a `;`.
    #[inline]
    pub fn send(&mut self, to: NodeId, message: P::Message) -> Pushed<'_> {
        self.send_with(to, || message)
    }

    /// The same, with a message that is built where it will lie: for those that most messages are.
    #[inline(always)]
    pub fn send_with(&mut self, to: NodeId, message: impl FnOnce() -> P::Message) -> Pushed<'_> {
        self.add(|| Effect::Send { to, message: message(), unsynced: false });
        match self.list.last_mut() {
            Some(Effect::Send { unsynced, .. }) => Pushed(unsynced),
            _ => unreachable!("a send was just pushed"),
        }
    }

    /// Answers a client, once everything persisted so far, in this step and in earlier ones, is durable.
    #[inline]
    pub fn reply(&mut self, client: ClientId, id: RequestId, reply: P::Reply) {
        self.add(|| Effect::Reply { client, id, reply });
    }

    /// States a result, once everything persisted so far, in this step and in earlier ones, is durable.
    #[inline]
    pub fn output(&mut self, output: P::Output) {
        self.output_with(|| output);
    }

    /// The same, with a result that is built where it will lie: for those that most results are.
    #[inline(always)]
    pub fn output_with(&mut self, output: impl FnOnce() -> P::Output) {
        self.add(|| Effect::Output(output()));
    }

    /// Tells observers, once everything persisted so far, in this step and in earlier ones, is durable: what a crash can
    /// take back has not happened.
    #[inline]
    pub fn announce(&mut self, event: P::Event) {
        self.add(|| Effect::Announce(event));
    }

    /// Sets or re-arms a timer.
    #[inline(never)]
    pub fn set_timer(&mut self, timer: P::Timer, after: After) {
        self.add(|| Effect::SetTimer { timer, after });
    }

    /// Unsets a timer.
    pub fn cancel_timer(&mut self, timer: P::Timer) {
        self.add(|| Effect::CancelTimer { timer });
    }

    /// Says what the node's own clock says now: for whoever runs a machine with [`Protocol::READS_CLOCK`], before each
    /// call.
    pub fn set_clock(&mut self, now: LocalTime) {
        self.now = now;
    }

    /// What the clock says, for [`Clocked`](crate::Clocked) alone.
    pub(crate) const fn now(&self) -> LocalTime {
        self.now
    }

    /// The effects pushed so far, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[Effect<P>] {
        &self.list
    }

    /// The effects pushed so far, in order, for whoever performs them where they lie. [`Effects::clear`] them then.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [Effect<P>] {
        &mut self.list
    }

    /// Takes the effects out in order and leaves the buffer empty, its memory kept.
    pub fn drain(&mut self) -> impl Iterator<Item = Effect<P>> + '_ {
        self.list.drain(..)
    }

    /// Forgets all effects, and keeps the memory. Whoever performed them has nearly always moved out all that they owned:
    /// nothing is left to drop then.
    #[inline(always)]
    pub fn clear(&mut self) {
        if self.list.iter().any(Effect::owns_something) {
            self.list.clear();
        }
        // What is left owns nothing: this is a loop to read, and one store to the processor.
        while let Some(effect) = self.list.pop() {
            mem::forget(effect);
        }
    }
}
