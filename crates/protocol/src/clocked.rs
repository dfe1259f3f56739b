//! Machines that want to know what time it is: by their own clock, which is wrong.

use std::fmt::{self, Debug, Display};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Announcement, ClientReply, Data, Effects, Fingerprint, Fingerprinter, Input, Kinded, Message, NodeId,
    Protocol, Summary, Wait,
};

/// What a node's own clock says, in nanoseconds since it began to run.
///
/// Clocks of two nodes begin with offsets of their own and run at rates of their own, which may change; so a difference
/// of two times means something only where both are of one node, and even then only about its clock. A clock never
/// goes back, and goes on while its node is down or stalled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct LocalTime(pub u64);

impl LocalTime {
    /// So many nanoseconds later (saturating).
    #[must_use]
    pub const fn plus(self, ns: u64) -> Self {
        Self(self.0.saturating_add(ns))
    }

    /// How many nanoseconds have passed since; 0 if that is still to come.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ns", self.0)
    }
}

impl Fingerprint for LocalTime {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.word(self.0);
    }
}

/// A [`Protocol`] whose handlers take the time: each input comes with what the node's own clock says. That is part of
/// the input: digests know it, traces show it, and a replay repeats it.
///
/// Implement this in the place of [`Protocol`], which then comes by itself. All else is as there; a machine that only
/// wants to be woken up needs no clock, but a timer.
///
/// ```
/// use quarrel_protocol::{
///     Announcement, Answer, ClientReply, Clocked, Effects, Fingerprint, Fingerprinter, Input, Kinded,
///     LocalTime, Message, NodeId, Nothing, Protocol, Summary,
/// };
/// use serde::{Deserialize, Serialize};
///
/// /// What is asked, and the time that is told.
/// #[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
/// struct Time(u64);
/// # impl std::fmt::Display for Time {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { write!(f, "{}ns", self.0) }
/// # }
/// # impl Fingerprint for Time {
/// #     fn fingerprint(&self, into: &mut Fingerprinter) { into.word(self.0); }
/// # }
/// # impl Kinded for Time {
/// #     const KINDS: &'static [&'static str] = &["time"];
/// #     fn kind(&self) -> usize { 0 }
/// # }
/// # impl Message for Time {}
/// # impl Announcement for Time {
/// #     const FIELDS: &'static [&'static [&'static str]] = &[&[]];
/// #     fn field(&self, _: usize) -> u64 { 0 }
/// #     fn is_milestone(&self) -> bool { false }
/// # }
/// # impl ClientReply for Time { fn answer(&self) -> Answer { Answer::Done } }
///
/// /// Tells how long it has been up.
/// struct Uptime {
///     began: LocalTime,
/// }
///
/// impl Clocked for Uptime {
///     const NAME: &'static str = "uptime";
///     type Config = ();
///     type Request = Time;
///     type Reply = Time;
///     type Output = Time;
///     type Admin = Nothing;
///     type Message = Time;
///     type Timer = Time;
///     type Record = Time;
///     type Event = Time;
///
///     fn recover_at(now: LocalTime, _: &(), _: NodeId, _: &[Time], _: &mut Effects<Self>) -> Self {
///         Self { began: now }
///     }
///
///     fn step_at(&mut self, now: LocalTime, input: Input<Self>, effects: &mut Effects<Self>) {
///         if let Input::Request { client, id, .. } = input {
///             effects.reply(client, id, Time(now.since(self.began)));
///         }
///     }
///
///     fn assert_invariants(&self) {}
///
///     fn summary(&self) -> Summary {
///         Summary::default()
///     }
/// }
///
/// assert!(<Uptime as Protocol>::READS_CLOCK);
/// ```
pub trait Clocked: Sized + 'static {
    /// As [`Protocol::NAME`].
    const NAME: &'static str;

    /// As [`Protocol::Config`].
    type Config: Clone + Eq + Debug + Serialize + DeserializeOwned + Send + Sync;
    /// As [`Protocol::Request`].
    type Request: Data;
    /// As [`Protocol::Reply`].
    type Reply: ClientReply;
    /// As [`Protocol::Output`].
    type Output: Data;
    /// As [`Protocol::Admin`].
    type Admin: Data + Kinded;
    /// As [`Protocol::Message`].
    type Message: Message;
    /// As [`Protocol::Timer`].
    type Timer: Data + Kinded;
    /// As [`Protocol::Record`].
    type Record: Data;
    /// As [`Protocol::Event`].
    type Event: Announcement;

    /// As [`Protocol::recover`], at that time. A clock survives a crash: what was written to the disk with a time can
    /// be compared with `now`.
    fn recover_at(
        now: LocalTime,
        config: &Self::Config,
        id: NodeId,
        disk: &[Self::Record],
        effects: &mut Effects<Self>,
    ) -> Self;

    /// As [`Protocol::step`], at that time.
    fn step_at(&mut self, now: LocalTime, input: Input<Self>, effects: &mut Effects<Self>);

    /// As [`Protocol::assert_invariants`].
    ///
    /// # Panics
    /// When the node's own state is broken.
    fn assert_invariants(&self);

    /// As [`Protocol::summary`].
    fn summary(&self) -> Summary;

    /// As [`Protocol::waits`].
    fn waits(&self) -> Vec<Wait> {
        Vec::new()
    }
}

impl<M: Clocked> Protocol for M {
    const NAME: &'static str = M::NAME;
    const READS_CLOCK: bool = true;

    type Config = M::Config;
    type Request = M::Request;
    type Reply = M::Reply;
    type Output = M::Output;
    type Admin = M::Admin;
    type Message = M::Message;
    type Timer = M::Timer;
    type Record = M::Record;
    type Event = M::Event;

    fn recover(config: &M::Config, id: NodeId, disk: &[M::Record], effects: &mut Effects<M>) -> M {
        M::recover_at(effects.now(), config, id, disk, effects)
    }

    fn step(&mut self, input: Input<M>, effects: &mut Effects<M>) {
        self.step_at(effects.now(), input, effects);
    }

    fn assert_invariants(&self) {
        Clocked::assert_invariants(self);
    }

    fn summary(&self) -> Summary {
        Clocked::summary(self)
    }

    fn waits(&self) -> Vec<Wait> {
        Clocked::waits(self)
    }
}
