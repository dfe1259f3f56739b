//! Reads that spare the log: ReadIndex (thesis, section 6.4) and leases (section 6.4.1).
//!
//! Heartbeats are counted in rounds. Every AppendEntries says which round is the latest, and every answer says it again:
//! an answer to a round was given after the round began, so a quorum of them says that nobody else led then.
//!
//! A lease is a timer of the node, not a time on its clock: a clock that is read would be an input of every step, for
//! every user of this crate, and a timer is all that a lease needs.

use std::collections::VecDeque;
use std::fmt;

use quarrel_protocol::{After, ClientId, Effects, Fingerprint, Fingerprinter, NodeId, NodeSet, RequestId};
use quarrel_spec::machine::Call;
use quarrel_spec::replicated_log::Reply;
use serde::{Deserialize, Serialize};

use crate::config::Reads as Mode;
use crate::raft::Timer;
use crate::state::{Leader, Role};
use crate::{Config, Event, Index, Raft, RaftFlaw};

/// The number of a round of heartbeats in a leader's term, from 1; 0 is no round.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
pub struct Round(pub u64);

impl Round {
    /// No round.
    pub const NONE: Self = Self(0);

    const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Round {
    /// Behind a message; nothing where there are no rounds.
    pub(crate) fn write(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self == Self::NONE { Ok(()) } else { write!(f, ", round {}", self.0) }
    }
}

impl Fingerprint for Round {
    /// Where there are no rounds, messages are what they were before there were any.
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        if *self != Self::NONE {
            into.word(self.0);
        }
    }
}

/// A read that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Read {
    client: ClientId,
    id: RequestId,
    call: Call,
    /// What must be applied first: the read index.
    index: Index,
    /// The round that must be confirmed first.
    round: Round,
}

/// What a leader knows for reads.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Reads {
    /// The latest round that has begun.
    round: Round,
    /// The latest round that each node has answered; empty where all reads go through the log.
    answered: Vec<Round>,
    /// Invariant: positions and rounds never fall.
    waiting: VecDeque<Read>,
    lease: Lease,
}

/// A lease, measured by two timers: while one runs for the lease that holds, the other runs for the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Lease {
    slots: [Slot; 2],
    /// A transfer has begun in this term: whoever was told to campaign may do so at any time.
    is_revoked: bool,
}

/// What one of the timers is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Slot {
    #[default]
    Free,
    /// It was set when this round was sent. If a quorum answers before it runs out, the lease holds until it does.
    Asked(Round),
    Held,
}

impl Reads {
    pub(crate) fn new(config: &Config) -> Self {
        let nodes = if config.reads == Mode::Log { 0 } else { usize::from(config.nodes) };
        Self { answered: vec![Round::NONE; nodes], ..Self::default() }
    }

    /// Who has answered this round or a later one.
    fn answered(&self, round: Round, own: NodeId) -> NodeSet {
        let nodes = NodeId::all(self.answered.len()).filter(|node| self.answered[node.index()] >= round);
        nodes.collect::<NodeSet>().union(NodeSet::only(own))
    }

    /// Whether a read waits.
    #[inline]
    pub(crate) fn are_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The clients whose reads wait.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (ClientId, RequestId)> {
        self.waiting.iter().map(|read| (read.client, read.id))
    }

    pub(crate) fn assert_invariants(&self) {
        if self.waiting.is_empty() {
            return;
        }
        let reads = || self.waiting.iter();
        assert!(reads().is_sorted_by_key(|read| read.index), "positions never fall");
        assert!(reads().all(|read| read.round <= self.round), "no read waits for a round that has not begun");
    }
}

impl Config {
    /// How long a lease lasts on the leader's clock, if nobody is elected within `min` on any follower's: thesis, section
    /// 6.4.1. The slowest leader measures 1 - drift, the fastest follower 1 + drift.
    pub(crate) fn lease_timer(&self) -> After {
        let min_ns = self.election_timeout.min_ns;
        if self.has(RaftFlaw::LeaseClockDrift) {
            return After::exactly(min_ns);
        }
        let drift = u128::from(self.lease_drift_ppm.min(MILLION));
        let million = u128::from(MILLION);
        let lease = u128::from(min_ns) * (million - drift) / (million + drift);
        After::exactly(u64::try_from(lease).unwrap_or(min_ns).max(1))
    }
}

const MILLION: u32 = 1_000_000;

impl Raft {
    /// A client asks for something that changes nothing.
    pub(crate) fn on_read(
        &mut self,
        (client, id): (ClientId, RequestId),
        call: Call,
        effects: &mut Effects<Self>,
    ) {
        let holds_lease = self.holds_lease();
        // Section 6.4, step 1: the leader must know what is committed, and it does when it has committed an entry of its
        // own term: its first. Step 2: the read index.
        let skips_first = self.config.has(RaftFlaw::ReadIndexNoCurrentTerm);
        let commit = self.commit;
        let keeps_round = self.config.has(RaftFlaw::ReadIndexCtxReuse);
        let Role::Leader(leader) = &mut self.role else { unreachable!("only a leader reads") };
        let Leader { reads, first, .. } = leader;
        if reads.waiting().any(|waiting| waiting == (client, id)) {
            return;
        }
        let index = if skips_first { commit } else { commit.max(*first) };
        // Step 3: a round of heartbeats that begins after the read came.
        let begins = !holds_lease && (!keeps_round || reads.waiting.is_empty());
        if begins {
            reads.round = reads.round.next();
        }
        let round = if holds_lease { Round::NONE } else { reads.round };
        reads.waiting.push_back(Read { client, id, call, index, round });
        if begins {
            for to in self.others() {
                self.send_round(to, effects);
            }
        }
        self.answer_reads(effects);
    }

    /// A follower that needs a snapshot answers nothing else meanwhile.
    fn send_round(&self, to: NodeId, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &self.role else { return };
        if !self.needs_snapshot(leader, to) {
            self.send_heartbeat(to, effects);
        }
    }

    /// Another round begins with the heartbeats that are about to be sent, and with it perhaps a lease.
    pub(crate) fn start_round_of_heartbeats(&mut self, effects: &mut Effects<Self>) {
        if self.config.reads == Mode::Log {
            return;
        }
        let keeps_round = self.config.has(RaftFlaw::ReadIndexCtxReuse);
        let lease_timer = self.config.lease_timer();
        let is_lease = self.config.reads == Mode::Lease;
        let Reads { round, waiting, lease, .. } = &mut *self.leader_role().reads;
        if !keeps_round || waiting.is_empty() {
            *round = round.next();
        }
        if !is_lease || lease.is_revoked {
            return;
        }
        if let Some(at) = lease.slots.iter().position(|&slot| slot == Slot::Free) {
            lease.slots[at] = Slot::Asked(*round);
            // Section 6.4.1: the lease begins when the heartbeats are sent, not when they are answered.
            effects.set_timer(Timer::Lease { slot: at as u8 }, lease_timer);
        }
        self.advance_reads(effects);
    }

    /// A node has answered this round.
    pub(crate) fn on_round_answered(&mut self, from: NodeId, round: Round, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let reads = &mut leader.reads;
        let Some(answered) = reads.answered.get_mut(from.index()) else { return };
        // A round that never began is no answer of ours.
        if round <= *answered || round > reads.round {
            return;
        }
        *answered = round;
        self.advance_reads(effects);
    }

    fn advance_reads(&mut self, effects: &mut Effects<Self>) {
        self.advance_lease(effects);
        self.answer_reads(effects);
    }

    /// Answers the reads whose round is confirmed and whose index is applied (section 6.4, steps 4 and 5).
    pub(crate) fn answer_reads(&mut self, effects: &mut Effects<Self>) {
        while let Role::Leader(leader) = &self.role {
            let Some(&Read { client, id, call, index, round }) = leader.reads.waiting.front() else { return };
            let is_confirmed = round == Round::NONE || self.is_confirmed(round);
            if index > self.applied || !is_confirmed {
                return;
            }
            self.leader_role().reads.waiting.pop_front();
            let (term, by_lease) = (self.durable.term, round == Round::NONE);
            effects.announce(Event::ReadServed { term, index, by_lease });
            let (index, outcome) = (self.applied.0, self.replica.peek(&call));
            effects.reply(client, id, Reply::Applied { index, outcome });
        }
    }

    fn is_confirmed(&self, round: Round) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        self.is_quorum(leader.reads.answered(round, self.id))
    }
}

impl Raft {
    /// The round that is under way.
    #[inline]
    pub(crate) const fn round(&self) -> Round {
        match &self.role {
            Role::Leader(leader) => leader.reads.round,
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => Round::NONE,
        }
    }
}

/// Leases.
impl Raft {
    fn holds_lease(&self) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        leader.reads.lease.slots.contains(&Slot::Held)
    }

    /// A lease that was asked for holds once a quorum has answered; the one before it is not needed any more.
    fn advance_lease(&mut self, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &self.role else { return };
        let slots = leader.reads.lease.slots;
        let confirmed =
            slots.iter().position(|slot| matches!(slot, Slot::Asked(round) if self.is_confirmed(*round)));
        let Some(at) = confirmed else { return };
        let slots = &mut self.leader_role().reads.lease.slots;
        slots[at] = Slot::Held;
        let other = 1 - at;
        if slots[other] == Slot::Held {
            slots[other] = Slot::Free;
            effects.cancel_timer(Timer::Lease { slot: other as u8 });
        }
    }

    pub(crate) fn on_lease_timer(&mut self, slot: u8) {
        let Role::Leader(leader) = &mut self.role else { return };
        if let Some(slot) = leader.reads.lease.slots.get_mut(usize::from(slot)) {
            *slot = Slot::Free;
        }
    }

    /// No lease of this term holds any more.
    pub(crate) fn revoke_lease(&mut self, effects: &mut Effects<Self>) {
        if self.config.has(RaftFlaw::LeaseSurvivesTransfer) {
            return;
        }
        let lease = &mut self.leader_role().reads.lease;
        let before = std::mem::replace(lease, Lease { slots: [Slot::Free; 2], is_revoked: true });
        before.cancel_timers(effects);
    }
}

impl Reads {
    /// The node no longer leads.
    pub(crate) fn cancel_timers(&self, effects: &mut Effects<Raft>) {
        self.lease.cancel_timers(effects);
    }
}

impl Lease {
    fn cancel_timers(&self, effects: &mut Effects<Raft>) {
        for (slot, _) in (0..).zip(&self.slots).filter(|&(_, &slot)| slot != Slot::Free) {
            effects.cancel_timer(Timer::Lease { slot });
        }
    }
}
