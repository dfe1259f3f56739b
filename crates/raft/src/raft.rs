//! The node: inputs to handlers, transitions between roles, writes, application.

use std::fmt::{self, Display};

use quarrel_protocol::{
    Effects, Fingerprint, Fingerprinter, Input, Kinded, NodeId, NodeSet, Protocol, Summary, Wait,
};
use quarrel_spec::machine::Call;
use quarrel_spec::replicated_log::{Applied, Output, Reply};
use quarrel_spec::session::{Command, Receipt, Replica, Session};
use serde::{Deserialize, Serialize};

use crate::election::Cause;
use crate::membership::Membership;
use crate::state::{Candidate, Durable, Follower, Leader, Role};
use crate::{Config, Entry, Event, Index, Log, Message, Order, Payload, RaftFlaw, Record, Term};

/// A node's timers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// A follower has not heard from a leader, or a candidate has not won; a leader counts who has answered.
    Election,
    /// A leader must be heard again.
    Heartbeat,
    /// A follower that has not heard from its leader no longer stands by it.
    Loyalty,
    /// A server that is to vote takes long to catch up.
    CatchUp,
    /// Leadership that was to be handed over has not been.
    Transfer,
    /// A lease is over, or the round of heartbeats that would have begun one.
    Lease {
        /// Which of two.
        slot: u8,
    },
}

impl Kinded for Timer {
    const KINDS: &'static [&'static str] =
        &["election", "heartbeat", "loyalty", "catch-up", "transfer", "lease"];

    #[inline]
    fn kind(&self) -> usize {
        match self {
            Timer::Election => 0,
            Timer::Heartbeat => 1,
            Timer::Loyalty => 2,
            Timer::CatchUp => 3,
            Timer::Transfer => 4,
            Timer::Lease { .. } => 5,
        }
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
        if let Timer::Lease { slot } = self {
            slot.fingerprint(into);
        }
    }
}

/// A node.
pub struct Raft {
    pub(crate) id: NodeId,
    pub(crate) config: Config,
    /// Who decides. Invariant: what the log says.
    pub(crate) membership: Membership,
    /// What survives a crash. Only the three writes below change it, each with its record.
    pub(crate) durable: Durable,
    /// How many records the disk has got since it was written anew, or all of them after a restart.
    pub(crate) written: usize,
    /// Whether this step has written, or the node has just been recovered: only then what is on disk changes, and who
    /// decides by it, and is to be looked at again.
    pub(crate) has_written: bool,
    /// The last position known to be committed.
    pub(crate) commit: Index,
    /// The last position applied. Invariant: `applied <= commit`.
    pub(crate) applied: Index,
    /// What the log is for: the state machine behind its clients' sessions, after the entry at `replayed`. It is not
    /// on disk: after a restart it is built again from the log.
    pub(crate) replica: Replica,
    /// How far the replica has come. Only a leader is asked for outcomes, so only a leader keeps up; nobody can tell,
    /// since what is applied never changes. Invariant: `replayed <= applied`, and a leader's are equal.
    pub(crate) replayed: Index,
    pub(crate) role: Role,
}

impl Protocol for Raft {
    const NAME: &'static str = "raft";

    type Config = Config;
    type Request = Call;
    type Reply = Reply;
    type Output = Output;
    type Admin = Order;
    type Message = Message;
    type Timer = Timer;
    type Record = Record;
    type Event = Event;

    fn recover(config: &Config, id: NodeId, disk: &[Record], effects: &mut Effects<Self>) -> Self {
        assert!(id.0 < config.nodes, "a node is a member of its cluster");
        // Section 5.2: when servers start up, they begin as followers.
        effects.set_timer(Timer::Election, config.election_timer());
        // It may have heard from a leader right before it went down, and the leader may count on that.
        let is_loyal = config.disregards_candidates() && !disk.is_empty();
        if is_loyal {
            effects.set_timer(Timer::Loyalty, config.loyalty_timer());
        }
        let durable = Durable::recover(disk);
        let mut node = Self {
            id,
            config: config.clone(),
            membership: Membership::recover(config.first_configuration(), &durable),
            durable,
            written: disk.len(),
            has_written: true,
            commit: Index::ZERO,
            applied: Index::ZERO,
            replica: Replica::new(config.machine, config.memory()),
            replayed: Index::ZERO,
            role: Role::Follower(Follower { is_loyal, ..Follower::default() }),
        };
        node.restore(effects);
        node
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        self.has_written = false;
        match input {
            Input::Request { client, id, oldest, request } => {
                let session = Session { client, serial: id, oldest };
                self.on_request(Command { session, call: request }, effects);
            }
            Input::Admin(order) => self.on_order(order, effects),
            Input::Message { from, ref message } => self.on_message(from, message, effects),
            Input::Timer(timer) => self.on_timer(timer, effects),
        }
    }

    /// Nothing here restates a rule that a flaw takes out: a flaw is found by a property of the paper.
    fn assert_invariants(&self) {
        if self.has_written {
            self.durable.assert_invariants();
            self.membership.assert_invariants();
        }
        let may_fall = self.config.has(RaftFlaw::CommitNonmonotonic);
        assert!(self.applied <= self.commit || may_fall, "only what is committed is applied");
        assert!(self.replayed <= self.applied, "the replica holds only what is applied");
        assert!(self.durable.log.base() <= self.replayed, "what the replica still needs is in the log");
        let has_own_vote = || self.durable.vote == Some(self.id) || self.config.has(RaftFlaw::NoSelfVote);
        match &self.role {
            Role::Follower(follower) => {
                assert!(follower.leader != Some(self.id), "a follower follows another")
            }
            Role::PreCandidate(candidate) => candidate.assert_invariants(),
            Role::Candidate(candidate) => {
                assert!(has_own_vote(), "a candidate has voted for itself");
                candidate.assert_invariants();
            }
            Role::Leader(leader) => {
                assert!(has_own_vote(), "a leader has voted for itself");
                assert!(self.replayed == self.applied, "a leader knows all outcomes");
                leader.reads.assert_invariants();
            }
        }
    }

    /// Terms and positions rise on all nodes together, so that only the distance to the least one says something.
    fn summary(&self) -> Summary {
        let role = match self.role {
            Role::Follower(_) => "follower",
            Role::PreCandidate(_) => "pre-candidate",
            Role::Candidate(_) => "candidate",
            Role::Leader(_) => "leader",
        };
        let facts = vec![
            ("term", self.durable.term.0),
            ("last-index", self.durable.log.last_index().0),
            ("last-term", self.durable.log.last_term().0),
            ("commit", self.commit.0),
        ];
        Summary { role, facts }
    }

    fn waits(&self) -> Vec<Wait> {
        self.waits_now()
    }
}

/// What observers of one node may look at.
impl Raft {
    /// The current term.
    #[must_use]
    pub fn term(&self) -> Term {
        self.durable.term
    }

    /// Whom the node has voted for in the current term.
    #[must_use]
    pub fn vote(&self) -> Option<NodeId> {
        self.durable.vote
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Log {
        &self.durable.log
    }

    /// The last position known to be committed.
    #[must_use]
    pub fn commit(&self) -> Index {
        self.commit
    }

    /// The last position applied.
    #[must_use]
    pub fn applied(&self) -> Index {
        self.applied
    }

    /// Whether the node leads, as far as it knows.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Who leads the current term, as far as the node knows.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        match &self.role {
            Role::Follower(follower) => follower.leader,
            Role::PreCandidate(_) | Role::Candidate(_) => None,
            Role::Leader(_) => Some(self.id),
        }
    }
}

/// Transitions: section 5.1, Figure 4.
impl Raft {
    /// The members but this one: all that a leader sends entries to.
    pub(crate) fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        let id = self.id;
        self.membership.current().members().iter().filter(move |&node| node != id)
    }

    /// All that a candidate asks: who has a vote, and itself, whose answer also says that its disk is done.
    pub(crate) fn electors(&self) -> NodeSet {
        let current = self.membership.current();
        let asked =
            if self.config.has(RaftFlaw::LearnerCounted) { current.members() } else { current.electors() };
        asked.union(NodeSet::only(self.id))
    }

    pub(crate) fn become_follower(
        &mut self,
        term: Term,
        leader: Option<NodeId>,
        effects: &mut Effects<Self>,
    ) {
        // Figure 2, All servers, rule 2: a higher term is adopted, and with it a fresh vote.
        if term > self.durable.term {
            self.write_term(term, None, effects);
        }
        assert!(term == self.durable.term, "a node never returns to an earlier term");
        if let Role::Leader(before) = self.follow(leader) {
            effects.announce(Event::SteppedDown { term });
            self.stop_leading(before, leader, effects);
        }
    }

    /// Thesis, section 6.2: a leader steps down that an election timeout has passed without a successful round of
    /// heartbeats to a majority. Its clients then ask elsewhere.
    pub(crate) fn resign(&mut self, effects: &mut Effects<Self>) {
        let Role::Leader(before) = self.follow(None) else { unreachable!("only a leader resigns") };
        effects.announce(Event::QuorumLost { term: self.durable.term });
        self.stop_leading(before, None, effects);
    }

    /// Thesis, section 4.2.2: a leader that the new configuration leaves out steps down when that is committed.
    pub(crate) fn retire(&mut self, effects: &mut Effects<Self>) {
        let Role::Leader(before) = self.follow(None) else { unreachable!("only a leader retires") };
        effects.announce(Event::Retired { term: self.durable.term });
        self.stop_leading(before, None, effects);
    }

    /// The role becomes a follower's. Another term changes nothing about when a leader was heard.
    fn follow(&mut self, leader: Option<NodeId>) -> Role {
        let is_loyal = matches!(&self.role, Role::Follower(follower) if follower.is_loyal);
        std::mem::replace(&mut self.role, Role::Follower(Follower { leader, is_loyal, incoming: None }))
    }

    /// What a leader leaves behind.
    fn stop_leading(&self, before: Leader, leader: Option<NodeId>, effects: &mut Effects<Self>) {
        effects.cancel_timer(Timer::Heartbeat);
        effects.set_timer(Timer::Election, self.config.election_timer());
        before.cancel_timers(effects);
        for (client, id) in before.reads.waiting() {
            effects.reply(client, id, Reply::NotLeader { hint: leader });
        }
        for waiting in before.pending.into_all() {
            effects.reply(waiting.client, waiting.id, Reply::NotLeader { hint: leader });
        }
    }

    /// Thesis, section 9.6: a candidate only increments its term if it first learns that a majority would vote for it.
    /// Nothing is written, and nobody else changes.
    pub(crate) fn become_pre_candidate(&mut self, effects: &mut Effects<Self>) {
        assert!(!self.is_leader(), "a leader does not campaign");
        effects.announce(Event::PreCampaigned { term: self.durable.term.next() });
        self.role = Role::PreCandidate(Candidate::default());
        effects.set_timer(Timer::Election, self.config.election_timer());
        self.send_pre_vote(effects);
    }

    pub(crate) fn become_candidate(&mut self, cause: Cause, effects: &mut Effects<Self>) {
        assert!(!self.is_leader(), "a leader does not campaign");
        // Figure 2, Candidates, rule 1: a new term, a vote for oneself.
        let term = self.durable.term.next();
        let own = (!self.config.has(RaftFlaw::NoSelfVote)).then_some(self.id);
        self.write_term(term, own, effects);
        effects.announce(Event::Campaigned { term });
        self.role = Role::Candidate(Candidate::default());
        // Figure 2, Candidates, rule 1 (reset the timer) and rule 4 (start anew when it fires).
        effects.set_timer(Timer::Election, self.config.election_timer());
        self.send_request_vote(cause, effects);
    }

    pub(crate) fn become_leader(&mut self, effects: &mut Effects<Self>) {
        let Role::Candidate(Candidate { voters, .. }) = self.role else {
            unreachable!("only a candidate wins an election");
        };
        let leader = Leader::new(&self.config, self.durable.log.last_index());
        self.role = Role::Leader(leader);
        self.replay_applied();
        effects.announce(Event::Elected { term: self.durable.term, voters });
        if self.config.check_quorum {
            // Thesis, section 6.2: by then it wants to have heard from a majority.
            effects.set_timer(Timer::Election, self.config.election_timer());
        } else {
            effects.cancel_timer(Timer::Election);
        }
        self.start_leading(effects);
    }
}

/// The writes: memory and disk change together.
impl Raft {
    pub(crate) fn write_term(&mut self, term: Term, vote: Option<NodeId>, effects: &mut Effects<Self>) {
        assert!(term >= self.durable.term, "terms only rise");
        assert!(
            term > self.durable.term || self.durable.vote.is_none(),
            "a vote is not changed within a term"
        );
        self.durable.term = term;
        self.durable.vote = vote;
        self.has_written = true;
        // Figure 2, State: the vote is updated on stable storage before responding to RPCs.
        let vote = if self.config.has(RaftFlaw::VoteNotPersisted) { None } else { vote };
        effects.persist(Record::Term { term, vote });
        self.tidy_disk(effects);
    }

    /// Puts an entry at the end of the log, for itself (`leader` is nothing) or on behalf of a leader.
    pub(crate) fn write_entry(&mut self, entry: &Entry, leader: Option<NodeId>, effects: &mut Effects<Self>) {
        let Durable { term, log, .. } = &mut self.durable;
        assert!(entry.term <= *term, "no entry is of a later term than the node");
        let index = log.last_index().next();
        let previous_term = log.last_term();
        effects.persist_with(|| Record::Append { index, previous_term, entry: *entry });
        log.push(*entry);
        self.written += 1;
        self.has_written = true;
        effects.announce(Event::Appended { index, entry: *entry, current_term: *term, leader });
        if let Payload::Configuration(configuration) = entry.payload {
            self.membership.push(index, configuration);
        }
    }

    /// Drops the entry at `from` and all that follow.
    #[inline(never)]
    pub(crate) fn write_truncation(&mut self, from: Index, effects: &mut Effects<Self>) {
        // Figure 3, Leader Append-Only.
        assert!(!self.is_leader(), "a leader never deletes entries of its log");
        // Only a flaw takes back what is applied, and then it has had its effect.
        if from <= self.applied {
            self.replay_applied();
        }
        let log = &mut self.durable.log;
        let last = log.last_index();
        let Some(&entry) = log.get(from) else { unreachable!("only what exists is dropped") };
        effects.persist(Record::Truncate { from });
        log.truncate(from);
        self.has_written = true;
        self.tidy_disk(effects);
        if self.config.has(RaftFlaw::ConfigNotRolledBack) {
            self.membership.stay(from);
        } else {
            self.membership.truncate(from);
        }
        effects.announce(Event::Truncated { from, last, entry });
    }
}

/// Application.
impl Raft {
    pub(crate) fn apply_committed(&mut self, effects: &mut Effects<Self>) {
        // Figure 2, All servers, rule 1.
        while self.applied < self.commit {
            let index = self.applied.next();
            // Nothing there: only if committed entries were taken back, which the monitors see.
            let Some(entry) = self.durable.log.get(index) else { return };
            self.applied = index;
            effects.output_with(|| Output::Applied(Applied { index: index.0, command: entry.command() }));
            if self.is_leader() {
                let receipt = self.replay_applied();
                self.answer_pending(index, receipt, effects);
            }
        }
        self.take_snapshot_if_due(effects);
    }

    /// Brings the replica up to what is applied. What came of the last entry; nothing if it was there already.
    pub(crate) fn replay_applied(&mut self) -> Option<Receipt> {
        let mut receipt = None;
        while self.replayed < self.applied {
            self.replayed = self.replayed.next();
            // Thesis, section 6.3: what was applied before is not applied again, and has its first outcome.
            receipt = match self.durable.log.get(self.replayed) {
                Some(Entry { payload: Payload::Command(command), .. }) => {
                    self.replica.apply(self.replayed.0, command)
                }
                _ => None,
            };
        }
        receipt
    }

    /// Figure 2, Leaders, rule 2: respond after the entry is applied. Without a receipt there is nothing to say: the
    /// client has stopped waiting.
    fn answer_pending(&mut self, index: Index, receipt: Option<Receipt>, effects: &mut Effects<Self>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(waiting) = leader.pending.take(index) else { return };
        if let Some(Receipt { index, outcome }) = receipt {
            effects.reply(waiting.client, waiting.id, Reply::Applied { index, outcome });
        }
    }
}
