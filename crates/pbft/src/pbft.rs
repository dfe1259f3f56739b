//! The replica: inputs to handlers, what observers may look at, writes.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use quarrel_protocol::{
    ClientId, Effects, Fingerprint, Fingerprinter, Input, Kinded, NodeId, Nothing, Protocol, RequestId,
    Summary, Wait,
};
use quarrel_spec::machine::Call;
use quarrel_spec::replicated_log::{Output, Reply, Restored};
use quarrel_spec::session::{Command, Replica, Session};
use serde::{Deserialize, Serialize};

use crate::certificate::{Checkpoint, Phase, ViewChange, Vote};
use crate::lies;
use crate::message::Message;
use crate::requests::Requests;
use crate::sign::{Asked, Batch, Key, Signed};
use crate::state::{Durable, Record, Slot, Stage};
use crate::status::Said;
use crate::{Config, Event, PbftFlaw, Sequence, View};

/// A replica's timers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// A request has waited too long for its execution, or a view for its beginning (4.4, 4.5.2).
    Patience,
    /// A request has waited for its order for so long that the primary may not have heard of it.
    Relay,
    /// Others must hear how far this replica is.
    Status,
}

impl Kinded for Timer {
    const KINDS: &'static [&'static str] = &["patience", "relay", "status"];

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

/// A replica.
pub struct Pbft {
    pub(crate) id: NodeId,
    pub(crate) config: Config,
    pub(crate) key: Key,
    /// What survives a crash. Each change comes with its record.
    pub(crate) durable: Durable,
    /// The last sequence number executed.
    pub(crate) executed: Sequence,
    /// The last position of the log of requests: null requests have one each, batches one for each request.
    pub(crate) index: u64,
    /// What the log is for, after `index`.
    pub(crate) replica: Replica,
    /// What clients wait for.
    pub(crate) requests: Requests,
    /// The last sequence number that the primary has assigned in this view.
    pub(crate) assigned: Sequence,
    /// The latest view change of each replica.
    pub(crate) changes: BTreeMap<NodeId, Signed<ViewChange>>,
    /// What replicas have said in views that have not begun here.
    pub(crate) early: BTreeMap<NodeId, Vec<Message>>,
    /// The latest checkpoint votes of each replica, in order: of its own, those that are stable as well.
    pub(crate) checkpoints: BTreeMap<NodeId, Vec<Signed<Checkpoint>>>,
    /// How many views in a row have brought nothing.
    pub(crate) failures: u32,
    /// What others were told, and have told.
    pub(crate) said: Said,
}

impl Protocol for Pbft {
    const NAME: &'static str = "pbft";
    const LIES: &'static [&'static str] = lies::LIES;

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
        assert!(id.0 < config.nodes, "a replica is a member of its cluster");
        let is_kept = |record: &&Record| {
            let is_lock = matches!(record, Record::Accepted { .. } | Record::Prepared(_));
            !(is_lock && config.has(PbftFlaw::AmnesiaLock))
        };
        let disk: Vec<Record> = disk.iter().filter(is_kept).cloned().collect();
        let durable = Durable::recover(&disk);
        let (executed, index, replica) = match durable.states.last_key_value() {
            Some((&sequence, state)) => {
                let replica = state.image.replica().expect("a state on one's own disk can be read");
                (sequence, state.index, replica)
            }
            None => (Sequence::ZERO, 0, Replica::new(config.machine, config.memory())),
        };
        let assigned = durable.slots.iter().rev().find(|(_, slot)| slot.proposal.is_some());
        let mut node = Self {
            id,
            config: config.clone(),
            key: Key::of(id),
            assigned: assigned.map_or(durable.stable.sequence, |(&sequence, _)| sequence),
            durable,
            executed,
            index,
            replica,
            requests: Requests::default(),
            changes: BTreeMap::new(),
            early: BTreeMap::new(),
            checkpoints: BTreeMap::new(),
            failures: 0,
            said: Said::default(),
        };
        if index > 0 {
            effects.output(Output::Restored(Restored::of(&node.replica, index)));
        }
        node.say_again();
        node.note_again();
        node.arm_status(effects);
        node.attend(effects);
        node
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Request { client, id, oldest, request } => {
                let session = Session { client, serial: id, oldest };
                self.on_request(Asked::by_client(Command { session, call: request }), effects);
            }
            Input::Admin(nothing) => match nothing {},
            Input::Message { from, message } => {
                if from.0 < self.config.nodes && from != self.id {
                    self.on_message(from, message, effects);
                }
            }
            Input::Timer(Timer::Patience) => self.on_patience_timer(effects),
            Input::Timer(Timer::Relay) => self.on_relay_timer(effects),
            Input::Timer(Timer::Status) => self.on_status_timer(effects),
        }
    }

    /// Nothing here restates a rule that a flaw takes out: a flaw is found by a property of the paper.
    fn assert_invariants(&self) {
        self.durable.assert_invariants();
        self.requests.assert_invariants();
    }

    /// Views and sequence numbers rise on all replicas together, so that only the distance to the least one says something.
    fn summary(&self) -> Summary {
        let role = match self.durable.stage {
            Stage::Active(_) if self.is_primary() => "primary",
            Stage::Active(_) => "backup",
            Stage::Changing { .. } => "changing",
        };
        let facts = vec![
            ("view", self.durable.view.0),
            ("stable", self.low().0),
            ("executed", self.executed.0),
            ("open", self.durable.slots.len() as u64),
        ];
        Summary { role, facts }
    }

    fn waits(&self) -> Vec<Wait> {
        self.waits_now()
    }

    fn lie(&self, lie: usize, to: NodeId, message: &Message) -> Vec<Message> {
        self.lie_to(lie, to, message)
    }

    fn lie_in_reply(&self, lie: usize, client: ClientId, id: RequestId, reply: &Reply) -> Reply {
        self.lie_in_reply_to(lie, (client, id), reply)
    }
}

/// What observers of one replica may look at.
impl Pbft {
    /// Its view.
    #[must_use]
    pub fn view(&self) -> View {
        self.durable.view
    }

    /// Whether its view has begun.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.durable.stage.is_active()
    }

    /// Whether it is the primary of its view.
    #[must_use]
    pub fn is_primary(&self) -> bool {
        self.config.primary(self.durable.view) == self.id
    }

    /// The low water mark: its last stable checkpoint.
    #[must_use]
    pub fn low(&self) -> Sequence {
        self.durable.stable.sequence
    }

    /// The last sequence number that it has executed.
    #[must_use]
    pub fn executed(&self) -> Sequence {
        self.executed
    }

    /// What has prepared here after the last stable checkpoint, in order, each in the latest view in which anything did.
    pub fn prepared(&self) -> impl Iterator<Item = Vote> {
        self.durable.slots.values().filter_map(|slot| Some(slot.prepared.as_ref()?.vote()))
    }

    /// What is accepted in its view, in order.
    pub fn accepted(&self) -> impl Iterator<Item = Vote> {
        self.durable.slots.values().filter_map(|slot| Some(*slot.proposal?.body()))
    }

    /// How many sequence numbers it holds something for.
    #[must_use]
    pub fn open(&self) -> usize {
        self.durable.slots.len()
    }

    /// How many requests it waits for.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.requests.len()
    }
}

impl Pbft {
    /// To the handlers, in the order of the enum.
    fn on_message(&mut self, from: NodeId, message: Message, effects: &mut Effects<Self>) {
        if self.is_early(&message) {
            return self.hold_back(message);
        }
        match message {
            Message::Request(request) => self.on_request(request, effects),
            Message::PrePrepare { proposal, batch } => self.on_pre_prepare(proposal, batch, effects),
            Message::Prepare(vote) => self.on_prepare(vote, effects),
            Message::Commit(vote) => self.on_commit(vote, effects),
            Message::Checkpoint(vote) => self.on_checkpoint(vote, effects),
            Message::ViewChange(change) => self.on_view_change(change, effects),
            Message::NewView(new) => self.on_new_view(new, effects),
            Message::Status(status) => self.on_status(from, &status, effects),
            Message::Batch { sequence, batch } => self.on_batch(sequence, batch, effects),
            Message::Committed { proof, batch } => self.on_committed(proof, batch, effects),
            Message::State { stable, state } => self.on_state(stable, state, effects),
            Message::Stable(stable) => self.on_stable(stable, effects),
        }
    }

    /// The members but this one.
    pub(crate) fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        let id = self.id;
        NodeId::all(usize::from(self.config.nodes)).filter(move |&node| node != id)
    }

    /// Multicasts: to all others. What a replica says to itself it knows.
    pub(crate) fn multicast(&self, message: &Message, effects: &mut Effects<Self>) {
        self.others().for_each(|to| {
            effects.send(to, message.clone());
        });
    }

    /// Whether a sequence number is between the water marks (4.2, 4.3).
    pub(crate) fn is_open(&self, sequence: Sequence) -> bool {
        sequence > self.low() && sequence <= self.config.high(self.low())
    }

    pub(crate) fn slot(&mut self, sequence: Sequence) -> &mut Slot {
        assert!(sequence > self.low(), "what is stable is dropped");
        self.durable.slots.entry(sequence).or_default()
    }

    /// After a restart: the requests of what was accepted here and not executed. Whoever has forgotten them would never give
    /// up a primary that does not get on with them.
    fn note_again(&mut self) {
        let open = self.durable.slots.range(self.executed.next()..);
        let accepted = open.filter_map(|(_, slot)| slot.batch(slot.proposal?.body().digest));
        let requests: Vec<Asked> = accepted.flat_map(Batch::requests).copied().collect();
        requests.iter().for_each(|request| self.note(request));
    }

    /// After a restart: the votes that the disk says were cast.
    fn say_again(&mut self) {
        let (view, is_backup) = (self.durable.view, !self.is_primary());
        for slot in self.durable.slots.values_mut() {
            if let Some(proposal) = slot.proposal
                && is_backup
            {
                slot.prepares.push(self.key.sign(proposal.body().of_phase(Phase::Prepare)));
            }
            if let Some(vote) = slot.prepared_in(view) {
                slot.commits.push(self.key.sign(vote.of_phase(Phase::Commit)));
            }
        }
        if let Stage::Active(Some(new)) = &self.durable.stage {
            for proposal in new.body().proposals.clone() {
                let sequence = proposal.body().sequence;
                if sequence > self.low() && self.slot(sequence).proposal.is_none() {
                    self.slot(sequence).awaited = Some(proposal);
                }
                self.assigned = self.assigned.max(sequence);
            }
        }
        let own = self.durable.states.values().map(|state| self.key.sign(state.checkpoint())).collect();
        self.checkpoints.insert(self.id, own);
        self.changes.extend(self.durable.own_change.clone().map(|change| (self.id, change)));
    }
}
