//! The node: inputs to calls of the crate, and the election clock.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::{self, Display};

use quarrel_protocol::{
    ClientId, Effects, Fingerprint, Fingerprinter, Input, Kinded, NodeId, Protocol, RequestId, Summary, Wait,
};
use quarrel_spec::machine::Call;
use quarrel_spec::replicated_log::{Applied, Output, Reply, Restored};
use quarrel_spec::session::{Command, Replica, Session};
use serde::{Deserialize, Serialize};
use slog::{Discard, Logger, o};

use super::config::{Persistence, Reads};
use super::order::Change;
use super::raft::eraftpb::{self, EntryType, MessageType};
use super::raft::{INVALID_ID, RawNode, SnapshotStatus, StateRole};
use super::record::{Image, Record};
use super::store::{FIRST_INDEX, Store};
use super::{Config, Event, Message, Order, node_of, peer, wire};

/// A node's timers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// The crate's clock ticks.
    Tick,
    /// The election timeout, which the next tick may find run out.
    Election,
    /// A snapshot is on its way to that node and has not been heard of.
    Snapshot(NodeId),
}

impl Kinded for Timer {
    const KINDS: &'static [&'static str] = &["tick", "election", "snapshot"];

    #[inline]
    fn kind(&self) -> usize {
        match self {
            Timer::Tick => 0,
            Timer::Election => 1,
            Timer::Snapshot(_) => 2,
        }
    }
}

impl Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Timer::Tick | Timer::Election => f.write_str(self.kind_name()),
            Timer::Snapshot(to) => write!(f, "snapshot for {to}"),
        }
    }
}

impl Fingerprint for Timer {
    #[inline]
    fn fingerprint(&self, into: &mut Fingerprinter) {
        match self {
            Timer::Tick => into.mark(0),
            Timer::Election => into.mark(1),
            Timer::Snapshot(to) => into.mark(2 + u64::from(to.0)),
        }
    }
}

/// A read that spares the log.
pub(super) struct Read {
    pub(super) context: Vec<u8>,
    pub(super) client: ClientId,
    pub(super) id: RequestId,
    pub(super) call: Call,
    /// What must be applied before it is answered, once the crate has said so.
    pub(super) index: Option<u64>,
}

/// What was last announced.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) term: u64,
    pub(super) vote: u64,
    pub(super) commit: u64,
    pub(super) leads: bool,
    pub(super) transferee: Option<u64>,
}

/// Messages that wait until a `Ready` is on disk.
pub(super) struct Waiting {
    pub(super) number: u64,
    pub(super) messages: Vec<eraftpb::Message>,
}

/// No input makes the crate ask for so much: one that does goes round for ever.
const READIES_MAX: u32 = 10_000;

/// A node keeps so many empty boxes: about what one step sends.
const BOXES_MAX: usize = 64;

/// A node that runs the crate.
pub struct RaftRs {
    pub(super) id: NodeId,
    pub(super) config: Config,
    pub(super) raw: RawNode<Store>,
    /// The state machine behind its clients' sessions. It is not on disk, but in snapshots: what was applied after the
    /// last one is applied again after a restart.
    pub(super) replica: Replica,
    /// The last position that `replica` holds.
    pub(super) applied: u64,
    /// The timer of our own has fired since the crate last started its election clock.
    expired: bool,
    /// The crate's election clock, role and term after the last input.
    clock: (usize, StateRole, u64),
    /// Commands that were proposed here and whose clients wait.
    pub(super) pending: Vec<(ClientId, RequestId)>,
    /// Commands that this leader has put into its log and not applied yet, wherever they were asked.
    pub(super) proposed: BTreeSet<(u8, u32)>,
    pub(super) reads: Vec<Read>,
    reads_asked: u64,
    /// What waits for the disk, oldest first. Only if the crate hears later that something is on disk.
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) seen: Seen,
    /// A snapshot of its own that is not kept yet.
    pub(super) taking: Option<Image>,
    /// The snapshots that are on their way: to whom, and up to where.
    pub(super) snapshots: Vec<(NodeId, u64)>,
    /// Empty boxes of messages that have arrived, for those that will be sent: they spare the allocator.
    #[allow(clippy::vec_box, reason = "the boxes themselves are what is kept")]
    pub(super) boxes: Vec<Box<eraftpb::Message>>,
}

impl Protocol for RaftRs {
    const NAME: &'static str = "raft-rs";

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
        assert!(id.0 < config.nodes, "a node is one of those that there are");
        let mut store = Store::recover(config, id, disk);
        effects.persist(store.start());
        let (applied, replica) = (store.image().index, store.image().replica.clone());
        match applied {
            0 => {}
            // Nothing is at the first position: everybody has it.
            FIRST_INDEX => effects.output(Applied { index: FIRST_INDEX, command: None }.into()),
            index => effects.output(Output::Restored(Restored::of(&replica, index))),
        }
        let logger = Logger::root(Discard, o!());
        let raw = RawNode::new(&config.of_crate(id, applied), store, &logger)
            .expect("the options were checked, and the store is whole");
        effects.set_timer(Timer::Tick, config.first_tick());
        effects.set_timer(Timer::Election, config.election_timer());
        let raft = &raw.raft;
        let seen = Seen {
            term: raft.term,
            vote: raft.vote,
            commit: raft.raft_log.committed,
            leads: false,
            transferee: None,
        };
        let clock = (raft.election_elapsed, raft.state, raft.term);
        let mut node = Self {
            id,
            config: config.clone(),
            raw,
            replica,
            applied,
            expired: false,
            clock,
            pending: Vec::new(),
            proposed: BTreeSet::new(),
            reads: Vec::new(),
            reads_asked: 0,
            waiting: VecDeque::new(),
            seen,
            taking: None,
            snapshots: Vec::new(),
            boxes: Vec::new(),
        };
        node.settle(effects);
        node
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        self.raw.store().begin_input();
        let mut arrived = None;
        match input {
            Input::Request { client, id, oldest, request } => {
                let session = Session { client, serial: id, oldest };
                self.on_request(Command { session, call: request }, effects);
            }
            Input::Admin(order) => self.on_order(order, effects),
            Input::Message { from, message: Message::Raft(message) } => {
                if message.get_msg_type() == MessageType::MsgSnapshot {
                    arrived = Some((from, message.get_snapshot().get_metadata().index));
                }
                self.on_raft_message(from, message, effects);
            }
            Input::Message { from, message: Message::Persisted { number } } if from == self.id => {
                self.on_persisted(number, effects);
            }
            Input::Message { from, message: Message::SnapshotReceived { index } } => {
                self.on_snapshot_received(from, index, effects);
            }
            Input::Message { from, message: Message::SnapshotTaken { index } } if from == self.id => {
                self.keep_snapshot(index, effects);
            }
            Input::Message { message: Message::Persisted { .. } | Message::SnapshotTaken { .. }, .. } => {}
            Input::Timer(Timer::Tick) => self.on_tick(effects),
            Input::Timer(Timer::Election) => self.expired = true,
            Input::Timer(Timer::Snapshot(to)) => self.on_snapshot_lost(to),
        }
        self.settle(effects);
        if let Some((from, index)) = arrived {
            effects.send(from, Message::SnapshotReceived { index });
        }
    }

    fn assert_invariants(&self) {
        let log = &self.raw.raft.raft_log;
        assert!(log.applied <= log.committed, "only what is committed is applied");
        assert!(log.applied <= self.applied, "the crate is told what was applied");
        assert!(self.applied <= log.committed, "the replica holds only what is committed");
        assert!(self.applied <= self.raw.store().last(), "the replica holds only what is in the log");
        assert!(self.config.persistence != Persistence::Sync || self.waiting.is_empty(), "nothing waits");
    }

    /// Terms and positions rise on all nodes together, so that only the distance to the least one says something.
    fn summary(&self) -> Summary {
        let raft = &self.raw.raft;
        let role = match raft.state {
            StateRole::Leader => "leader",
            StateRole::Candidate => "candidate",
            StateRole::PreCandidate => "pre-candidate",
            StateRole::Follower if raft.promotable() => "follower",
            StateRole::Follower if raft.prs().get(raft.id).is_some() => "learner",
            StateRole::Follower => "outsider",
        };
        let facts = vec![
            ("term", raft.term),
            ("last-index", raft.raft_log.last_index()),
            ("commit", raft.raft_log.committed),
            ("snapshot", self.raw.store().image().index),
        ];
        Summary { role, facts }
    }

    fn waits(&self) -> Vec<Wait> {
        self.waits_now()
    }
}

/// What observers of one node may look at.
impl RaftRs {
    /// The crate's own state.
    #[must_use]
    pub fn raw(&self) -> &RawNode<Store> {
        &self.raw
    }

    /// The last position applied.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Whether the crate hears later that something is on disk.
    #[must_use]
    pub fn is_asynchronous(&self) -> bool {
        self.config.persistence != Persistence::Sync
    }

    pub(super) fn leads(&self) -> bool {
        self.raw.raft.state == StateRole::Leader
    }

    fn leader(&self) -> Option<NodeId> {
        node_of(self.raw.raft.leader_id)
    }

    /// Whom a client should ask instead: never this node again.
    pub(super) fn hint(&self) -> Option<NodeId> {
        self.leader().filter(|&leader| leader != self.id)
    }
}

/// Clients and operators.
impl RaftRs {
    fn on_request(&mut self, command: Command, effects: &mut Effects<Self>) {
        let Session { client, serial: id, .. } = command.session;
        let takes = self.leads() || self.config.forward && self.leader().is_some();
        if !takes {
            effects.reply(client, id, Reply::NotLeader { hint: self.hint() });
            return;
        }
        if command.call.is_read() && self.config.reads != Reads::Log {
            self.ask_to_read(client, id, command.call, effects);
            return;
        }
        // Thesis, section 6.3: what has its outcome already needs no second entry.
        if let Some(receipt) = self.replica.applied(client, id) {
            let (index, outcome) = (receipt.index, receipt.outcome.clone());
            effects.reply(client, id, Reply::Applied { index, outcome });
            return;
        }
        // What is in this leader's log already will be answered when it is applied. What was passed on to another may
        // have been lost on the way, and is passed on again.
        let is_proposed = self.leads() && self.proposed.contains(&(client.0, id.0));
        if !is_proposed && self.raw.propose(Vec::new(), wire::encode(&command)).is_err() {
            effects.reply(client, id, Reply::NotLeader { hint: self.hint() });
            return;
        }
        if self.leads() {
            self.proposed.insert((client.0, id.0));
        }
        if !self.pending.contains(&(client, id)) {
            self.pending.push((client, id));
        }
    }

    fn ask_to_read(&mut self, client: ClientId, id: RequestId, call: Call, effects: &mut Effects<Self>) {
        // Of a read that is asked again only the last try is answered.
        self.reads.retain(|read| (read.client, read.id) != (client, id));
        self.reads_asked += 1;
        let mut context = Vec::with_capacity(13);
        // Unique among all nodes, all starts of a node, and all tries.
        context.push(self.id.0);
        context.extend_from_slice(&self.raw.store().started().to_le_bytes());
        context.extend_from_slice(&self.reads_asked.to_le_bytes());
        self.reads.push(Read { context: context.clone(), client, id, call, index: None });
        self.announce_read_alone(effects);
        self.raw.read_index(context);
    }

    fn on_order(&mut self, order: Order, effects: &mut Effects<Self>) {
        match order {
            Order::Transfer(to) => self.raw.transfer_leader(peer(to)),
            Order::Snapshot => self.take_snapshot(effects),
            #[cfg(not(feature = "raft-0-6"))]
            Order::RequestSnapshot => drop(self.raw.request_snapshot()),
            #[cfg(feature = "raft-0-6")]
            Order::RequestSnapshot => drop(self.raw.request_snapshot(self.applied)),
            _ => match order.change() {
                // Refused, passed on or dropped: the operator will see what became of it, or order again.
                Some(Change::One(change)) => drop(self.raw.propose_conf_change(Vec::new(), change)),
                Some(Change::Several(change)) => drop(self.raw.propose_conf_change(Vec::new(), change)),
                None => unreachable!("an order that changes no members has its own arm"),
            },
        }
    }
}

/// Messages and timers.
impl RaftRs {
    fn on_raft_message(
        &mut self,
        from: NodeId,
        mut message: Box<eraftpb::Message>,
        effects: &mut Effects<Self>,
    ) {
        let kind = message.get_msg_type();
        // A request to hand leadership over names the next leader where others name the sender.
        if kind != MessageType::MsgTransferLeader && message.from != peer(from) {
            return;
        }
        let proposed = if kind == MessageType::MsgPropose { self.command_for_leader(&message) } else { None };
        if proposed.is_some_and(|asked| self.has_taken(asked)) {
            return;
        }
        let raft = &self.raw.raft;
        if kind == MessageType::MsgTimeoutNow
            && raft.state == StateRole::Follower
            && raft.promotable()
            && raft.term == message.term
        {
            effects.announce(Event::ToldToCampaign { term: message.term });
        }
        if kind == MessageType::MsgReadIndex {
            self.announce_read_alone(effects);
        }
        // What the crate refuses (an unknown peer, no leader to pass it on to) is as if it had been lost.
        let is_taken = self.raw.step(std::mem::take(&mut *message)).is_ok();
        if let Some((client, id)) = proposed.filter(|_| is_taken) {
            self.proposed.insert((client.0, id.0));
        }
        if self.boxes.len() < BOXES_MAX {
            self.boxes.push(message);
        }
    }

    /// The command that another node has passed on to this leader.
    fn command_for_leader(&self, message: &eraftpb::Message) -> Option<(ClientId, RequestId)> {
        let [entry] = message.get_entries() else { return None };
        if !self.leads() || entry.get_entry_type() != EntryType::EntryNormal {
            return None;
        }
        wire::decode(&entry.data).map(|Command { session, .. }| (session.client, session.serial))
    }

    /// Whether a command is in this leader's log already: a client that asks again must not make the log longer than it
    /// can be replicated.
    fn has_taken(&self, (client, id): (ClientId, RequestId)) -> bool {
        self.proposed.contains(&(client.0, id.0)) || self.replica.applied(client, id).is_some()
    }

    fn on_snapshot_received(&mut self, from: NodeId, index: u64, effects: &mut Effects<Self>) {
        // An answer to an earlier snapshot says nothing of the one that is on its way.
        let Some(position) = self.snapshots.iter().position(|&sent| sent == (from, index)) else { return };
        self.snapshots.remove(position);
        effects.cancel_timer(Timer::Snapshot(from));
        self.raw.report_snapshot(peer(from), SnapshotStatus::Finish);
    }

    fn on_snapshot_lost(&mut self, to: NodeId) {
        self.snapshots.retain(|&(receiver, _)| receiver != to);
        self.raw.report_snapshot(peer(to), SnapshotStatus::Failure);
    }

    fn on_tick(&mut self, effects: &mut Effects<Self>) {
        effects.set_timer(Timer::Tick, self.config.tick());
        // The crate compares its clock with this number in the next line and nowhere else.
        let (min, max) = self.config.election_ticks;
        let timeout = if self.expired { min } else { max - 1 };
        self.raw.raft.set_randomized_election_timeout(timeout as usize);
        self.raw.tick();
    }

    /// Handles every `Ready` there is, then what depends on the outcome.
    fn settle(&mut self, effects: &mut Effects<Self>) {
        let mut handled = 0;
        while self.raw.has_ready() {
            self.on_ready(effects);
            handled += 1;
            assert!(handled < READIES_MAX, "the crate comes to rest after each input");
        }
        self.serve_reads(effects);
        self.take_snapshot_if_due(effects);
        self.watch_election_clock(effects);
    }

    /// Whenever the crate starts its election clock anew, so does our timer.
    fn watch_election_clock(&mut self, effects: &mut Effects<Self>) {
        let raft = &self.raw.raft;
        let now = (raft.election_elapsed, raft.state, raft.term);
        let before = std::mem::replace(&mut self.clock, now);
        let is_same_role = (now.1, now.2) == (before.1, before.2);
        if is_same_role && now.0 >= before.0 {
            return;
        }
        if now.1 != StateRole::Leader {
            self.expired = false;
            effects.set_timer(Timer::Election, self.config.election_timer());
        } else if !is_same_role {
            effects.cancel_timer(Timer::Election);
        }
        assert!(raft.leader_id == INVALID_ID || node_of(raft.leader_id).is_some(), "a leader is a node");
    }
}
