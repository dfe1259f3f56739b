//! The node: inputs to handlers, transitions between roles, writes.

use std::fmt::{self, Display};

use quarrel_protocol::{
    Effects, Fingerprint, Fingerprinter, Input, Kinded, NodeId, Nothing, Protocol, Quorum, Summary, Wait,
};
use quarrel_spec::machine::Call;
use quarrel_spec::replicated_log::{Output, Reply, Restored};
use quarrel_spec::session::{Command, Replica, Session};
use serde::{Deserialize, Serialize};

use crate::event::Reason;
use crate::learner::Errand;
use crate::snapshot::Incoming;
use crate::state::{Candidate, Durable, Follower, Leader, Role, Snapshot};
use crate::value::{Held, Value};
use crate::{Ballot, Config, Event, Log, Message, MultiPaxosFlaw, Record, Slot};

/// A node's timers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// The leader that was heard has been silent for as long as anybody believes in it.
    Silence,
    /// A node that hears no leader tries to lead.
    Campaign,
    /// A leader must be heard again.
    Heartbeat,
    /// A replica that has missed something asks for it.
    CatchUp,
}

impl Kinded for Timer {
    const KINDS: &'static [&'static str] = &["silence", "campaign", "heartbeat", "catch-up"];

    #[inline]
    fn kind(&self) -> usize {
        *self as usize
    }
}

impl Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind_name())
    }
}

impl Fingerprint for Timer {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(self.kind() as u64);
    }
}

/// A node: proposer, acceptor, learner and replica in one.
pub struct MultiPaxos {
    pub(crate) id: NodeId,
    pub(crate) config: Config,
    pub(crate) quorum: Quorum,
    /// What survives a crash. Only the writes below change it, each with its record.
    pub(crate) durable: Durable,
    /// The last slot applied. Invariant: `applied <= chosen`, and after each step they are equal.
    pub(crate) applied: Slot,
    /// What the log is for: the state machine behind its clients' sessions, after the slot `applied`.
    pub(crate) replica: Replica,
    pub(crate) role: Role,
    /// The highest ballot heard of, promised or not: the next ballot of one's own is above it.
    pub(crate) highest: Option<Ballot>,
    /// How many attempts to lead have failed in a row.
    pub(crate) failures: u32,
    /// What is missed, and from whom it was asked.
    pub(crate) errand: Errand,
    /// The snapshot that is being received.
    pub(crate) incoming: Option<Incoming>,
    /// The snapshot that somebody else is receiving from here: it stays the same until that is done, however many are
    /// taken meanwhile.
    pub(crate) served: Option<Snapshot>,
    /// The node has started from a disk that knows a ballot of its own, and has not tried to lead since.
    pub(crate) is_reborn: bool,
}

impl Protocol for MultiPaxos {
    const NAME: &'static str = "multi-paxos";

    type Config = Config;
    type Request = Call;
    type Reply = Reply;
    type Output = Output;
    type Admin = Nothing;
    type Message = Message;
    type Timer = Timer;
    type Record = Record;
    type Event = Event;

    fn recover(config: &Config, id: NodeId, disk: &[Record], effects: &mut Effects<Self>) -> Self {
        assert!(id.0 < config.nodes, "a node is a member of its cluster");
        let durable = Durable::recover(disk);
        let covered = durable.snapshot.as_ref().map_or(Slot::ZERO, |snapshot| snapshot.prefix.last);
        let replica = match &durable.snapshot {
            Some(snapshot) => snapshot.image.replica().expect("a snapshot on one's own disk can be read"),
            None => Replica::new(config.machine, config.memory()),
        };
        let mut node = Self {
            id,
            config: config.clone(),
            quorum: config.quorum(),
            highest: durable.promised,
            is_reborn: durable.promised.is_some_and(|ballot| ballot.node == id),
            durable,
            applied: covered,
            replica,
            role: Role::Follower(Follower::default()),
            failures: 0,
            errand: Errand::default(),
            incoming: None,
            served: None,
        };
        if covered > Slot::ZERO {
            effects.output(Output::Restored(Restored::of(&node.replica, covered.0)));
        }
        node.apply_learned(effects);
        effects.set_timer(Timer::Campaign, node.config.backoff);
        node
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Request { client, id, oldest, request } => {
                let session = Session { client, serial: id, oldest };
                self.on_request(Command { session, call: request }, effects);
            }
            Input::Admin(nothing) => match nothing {},
            Input::Message { from, message } => {
                if from.0 < self.config.nodes && message.is_possible(from, self.id, self.config.nodes) {
                    self.on_message(from, message, effects);
                }
            }
            Input::Timer(Timer::Silence) => self.on_silence_timer(effects),
            Input::Timer(Timer::Campaign) => self.on_campaign_timer(effects),
            Input::Timer(Timer::Heartbeat) => self.on_heartbeat_timer(effects),
            Input::Timer(Timer::CatchUp) => self.on_catch_up_timer(effects),
        }
    }

    /// Nothing here restates a rule that a flaw takes out: a flaw is found by a property of the paper.
    fn assert_invariants(&self) {
        self.durable.assert_invariants();
        assert!(self.applied == self.log().chosen().last, "what is known to be chosen is applied");
        assert!(self.durable.promised <= self.highest, "a promise was heard of");
        match &self.role {
            Role::Follower(follower) => {
                let is_other = follower.leader.is_none_or(|ballot| ballot.node != self.id);
                assert!(is_other, "a follower follows another");
            }
            Role::Candidate(candidate) => {
                assert!(candidate.ballot.node == self.id, "a candidate owns its ballot");
                assert!(self.durable.promised == Some(candidate.ballot), "it has promised it itself");
            }
            Role::Leader(leader) => {
                assert!(leader.ballot.node == self.id, "a leader owns its ballot");
                assert!(self.durable.promised == Some(leader.ballot), "it has promised it itself");
                leader.assert_invariants(self.log());
            }
        }
    }

    /// Rounds and slots rise on all nodes together, so that only the distance to the least one says something.
    fn summary(&self) -> Summary {
        let role = match self.role {
            Role::Follower(_) => "follower",
            Role::Candidate(_) => "candidate",
            Role::Leader(_) => "leader",
        };
        let facts = vec![
            ("round", self.durable.promised.map_or(0, |ballot| ballot.round)),
            ("last-held", self.log().last_held().0),
            ("chosen", self.log().chosen().last.0),
        ];
        Summary { role, facts }
    }

    fn waits(&self) -> Vec<Wait> {
        self.waits_now()
    }
}

/// What observers of one node may look at.
impl MultiPaxos {
    /// The highest ballot that the node has promised.
    #[must_use]
    pub fn promised(&self) -> Option<Ballot> {
        self.durable.promised
    }

    /// What it holds, and how far it knows what is chosen.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.durable.log
    }

    /// The last slot that it has applied.
    #[must_use]
    pub fn applied(&self) -> Slot {
        self.applied
    }

    /// Its latest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.durable.snapshot.as_ref()
    }

    /// Whether it leads, as far as it knows.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Who leads, as far as it hears.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        match &self.role {
            Role::Follower(follower) => follower.leader.map(|ballot| ballot.node),
            Role::Candidate(_) => None,
            Role::Leader(_) => Some(self.id),
        }
    }
}

impl MultiPaxos {
    /// To the handlers, in the order of the enum.
    fn on_message(&mut self, from: NodeId, message: Message, effects: &mut Effects<Self>) {
        match message {
            Message::Prepare(message) => self.on_prepare(from, message, effects),
            Message::Promise(message) => self.on_promise(from, message, effects),
            Message::Reject(message) => self.on_reject(from, message, effects),
            Message::Accept(message) => self.on_accept(from, message, effects),
            Message::Accepted(message) => self.on_accepted(from, message, effects),
            Message::Heartbeat(message) => self.on_heartbeat(from, message, effects),
            Message::HeartbeatReply(message) => self.on_heartbeat_reply(from, message),
            Message::CatchUp(message) => self.on_catch_up(from, message, effects),
            Message::Chosen(message) => self.on_chosen(from, message, effects),
            Message::SnapshotChunk(message) => self.on_snapshot_chunk(from, message, effects),
            Message::SnapshotKept { last } => self.on_snapshot_kept(last, effects),
        }
    }

    /// The members but this one.
    pub(crate) fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        let id = self.id;
        self.config.members().filter(move |&node| node != id)
    }
}

/// Transitions.
impl MultiPaxos {
    /// Follows the leader of a ballot, which has just been heard.
    pub(crate) fn become_follower(&mut self, ballot: Ballot, effects: &mut Effects<Self>) {
        assert!(ballot.node != self.id, "a follower follows another");
        self.stop_leading(Some(ballot), Reason::Outbid(ballot), effects);
        if self.leader() != Some(ballot.node) {
            effects.cancel_timer(Timer::Campaign);
        }
        self.role = Role::Follower(Follower { leader: Some(ballot) });
        self.failures = 0;
        effects.set_timer(Timer::Silence, self.config.silence_timer());
    }

    /// Hears no leader, and will try to lead after a pause.
    pub(crate) fn become_bystander(&mut self, reason: Reason, effects: &mut Effects<Self>) {
        self.stop_leading(None, reason, effects);
        self.role = Role::Follower(Follower::default());
        effects.cancel_timer(Timer::Silence);
        effects.set_timer(Timer::Campaign, self.config.backoff_after(self.failures));
    }

    /// Whoever waits here for an answer is told to ask elsewhere. Their commands may still be chosen.
    fn stop_leading(&mut self, leader: Option<Ballot>, reason: Reason, effects: &mut Effects<Self>) {
        if !self.is_leader() {
            return;
        }
        let before = std::mem::replace(&mut self.role, Role::Follower(Follower { leader }));
        let Role::Leader(Leader { ballot, pending, queue, .. }) = before else { return };
        effects.announce(Event::SteppedDown { ballot, reason });
        effects.cancel_timer(Timer::Heartbeat);
        let hint = leader.map(|ballot| ballot.node);
        for waiting in pending {
            effects.reply(waiting.client, waiting.id, Reply::NotLeader { hint });
        }
        for Command { session, .. } in queue {
            effects.reply(session.client, session.serial, Reply::NotLeader { hint });
        }
    }

    /// Starts a ballot of one's own: phase 1 (a), for all slots that are open.
    pub(crate) fn become_candidate(&mut self, effects: &mut Effects<Self>) {
        assert!(!self.is_leader(), "a leader does not campaign");
        let ballot = self.next_ballot();
        self.is_reborn = false;
        self.write_promise(ballot, effects);
        effects.announce(Event::Campaigned { ballot, first: self.log().first_open() });
        self.role = Role::Candidate(Candidate::new(ballot, self.quorum.nodes()));
        // PMMC, section 3: the more attempts fail, the longer the pause before the next.
        self.failures = self.failures.saturating_add(1);
        effects.set_timer(Timer::Campaign, self.config.backoff_after(self.failures));
        self.send_prepare(ballot, effects);
    }

    /// PMS 2.5: never one that was used before. All that were used are known: a ballot is promised before it is sent.
    fn next_ballot(&self) -> Ballot {
        let is_reused = self.is_reborn && self.config.has(MultiPaxosFlaw::BallotReuseAfterCrash);
        let own = self.durable.promised.filter(|ballot| ballot.node == self.id && is_reused);
        own.unwrap_or_else(|| Ballot::above(self.highest, self.id))
    }
}

/// The writes: memory and disk change together.
impl MultiPaxos {
    pub(crate) fn write_promise(&mut self, ballot: Ballot, effects: &mut Effects<Self>) {
        assert!(self.durable.promised <= Some(ballot), "promises only rise");
        self.durable.promised = Some(ballot);
        self.highest = self.highest.max(Some(ballot));
        // Without its own promises a node could not even tell its ballots apart: that is another flaw.
        let is_lost = self.config.has(MultiPaxosFlaw::PromiseNotDurable) && ballot.node != self.id;
        if !is_lost {
            effects.persist(Record::Promised(ballot));
        }
    }

    pub(crate) fn write_accepted(
        &mut self,
        slot: Slot,
        ballot: Ballot,
        value: Value,
        effects: &mut Effects<Self>,
    ) {
        // PMS 2.2: accepting a ballot promises it.
        self.durable.promised = self.durable.promised.max(Some(ballot));
        self.highest = self.highest.max(self.durable.promised);
        let known = self.log().chosen();
        effects.persist(Record::Accepted { slot, ballot, value, known });
        self.durable.log.hold(slot, Held { ballot: Some(ballot), value });
    }

    /// The value is chosen, says whoever was asked. If it was accepted here as well, that stands.
    pub(crate) fn write_learned(&mut self, slot: Slot, value: Value, effects: &mut Effects<Self>) {
        if self.log().get(slot).is_none_or(|held| held.value != value) {
            effects.persist(Record::Learned { slot, value });
            self.durable.log.hold(slot, Held { ballot: None, value });
        }
    }

    pub(crate) fn write_snapshot(&mut self, snapshot: Snapshot, effects: &mut Effects<Self>) {
        // Not before what it covers: it would hold what nobody was told of.
        effects.barrier();
        effects.persist(Record::Snapshot(snapshot.clone()));
        self.durable.snapshot = Some(snapshot);
    }
}
