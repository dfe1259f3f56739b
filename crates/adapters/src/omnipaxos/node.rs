//! The node: the crate's instances, the storage that they write to, the connections that their messages travel on, and
//! the application that reads what is decided.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use quarrel_protocol::{
    ClientId, Effects, Fingerprint, Fingerprinter, Input, Kinded, NodeId, NodeSet, Protocol, RequestId,
    Summary, Wait,
};
use quarrel_spec::machine::Call;
use quarrel_spec::replicated_log::{Output, Reply};
use quarrel_spec::session::{Command, Session};
use serde::{Deserialize, Serialize};

use super::application::reply;
use super::config::{Config, Links};
use super::connection::Connection;
use super::engine::{Engine, pid};
use super::entry::Whole;
use super::event::Event;
use super::flaw::OmniFlaw;
use super::message::{Body, Message, Stamp};
use super::order::Order;
use super::record::{Record, Write};
use super::round::{Round, Stop};
use super::store::{Area, Found};

/// The only timer: the crate counts ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Timer {
    /// The next tick.
    Tick,
}

impl Kinded for Timer {
    const KINDS: &'static [&'static str] = &["tick"];

    fn kind(&self) -> usize {
        0
    }
}

impl Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind_name())
    }
}

impl Fingerprint for Timer {
    fn fingerprint(&self, into: &mut Fingerprinter) {
        into.mark(0);
    }
}

/// A node.
pub struct OmniPaxos {
    pub(super) id: NodeId,
    pub(super) config: Config,
    /// The instances, one for each configuration, the last of which goes on; the others help those who have not seen
    /// that their configuration is over.
    pub(super) engines: Vec<Engine>,
    /// What is on its disk of configurations that it has not come to yet.
    ahead: BTreeMap<u32, Area>,
    /// What was announced of the last instance.
    told: Told,
    /// The application: the state machine behind its clients' sessions.
    pub(super) whole: Whole,
    /// Who waits for an answer.
    pub(super) pending: Vec<(ClientId, RequestId)>,
    connections: Vec<Connection>,
    /// What the flaw that applies what is undecided has applied too early.
    pub(super) hasty: u64,
    /// It is being built from its disk, and announces nothing before it has come to the configuration that goes on.
    pub(super) is_recovering: bool,
}

/// What was announced last, so that only news are announced.
#[derive(Clone, Copy, Default)]
struct Told {
    promise: Round,
    accepted: u64,
    decided: u64,
    compacted: u64,
}

/// A log was brought in line with a leader's.
struct Synced {
    round: Round,
    with_snapshot: bool,
}

impl Protocol for OmniPaxos {
    const NAME: &'static str = "omnipaxos";

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
        let Found { boot, mut areas, checkpoint } = Found::read(disk);
        let boot = boot + 1;
        effects.persist(Record::Boot(boot));
        effects.set_timer(Timer::Tick, config.tick);
        let mut node = Self {
            id,
            config: config.clone(),
            engines: Vec::new(),
            ahead: BTreeMap::new(),
            told: Told::default(),
            whole: Whole::new(config.machine),
            pending: Vec::new(),
            connections: vec![Connection::new(boot, id); usize::from(config.nodes)],
            hasty: 0,
            is_recovering: true,
        };
        node.start(&config.first(), areas.remove(&1).unwrap_or_default(), effects);
        if let Some(whole) = checkpoint {
            node.restore(whole, effects);
        }
        node.settle(effects);
        // What an earlier configuration decided starts the next, as it did before the crash.
        // If the crate does not say so again, what is on the disk waits until it does.
        node.ahead = areas;
        node.start_later(effects);
        node.is_recovering = false;
        node.announce(effects);
        node.send(effects);
        node
    }

    fn step(&mut self, input: Input<Self>, effects: &mut Effects<Self>) {
        match input {
            Input::Request { client, id, oldest, request } => {
                let session = Session { client, serial: id, oldest };
                self.on_request(Command { session, call: request }, effects);
            }
            Input::Admin(order) => self.on_order(order, effects),
            Input::Message { from, message } => self.on_message(from, message, effects),
            Input::Timer(Timer::Tick) => {
                effects.set_timer(Timer::Tick, self.config.tick);
                for engine in &mut self.engines {
                    engine.tick();
                }
                self.settle(effects);
                self.compact(effects);
            }
        }
        self.settle(effects);
        self.start_later(effects);
        self.send(effects);
    }

    fn assert_invariants(&self) {
        assert!(!self.engines.is_empty(), "there is always an instance");
    }

    fn summary(&self) -> Summary {
        let engine = self.engine();
        let promise = engine.promise();
        let role = if promise.node() == Some(self.id) { "leader" } else { "follower" };
        let area = engine.area();
        let facts = vec![
            ("configuration", u64::from(engine.configuration)),
            ("promised", u64::from(promise.number)),
            ("accepted", engine.base + area.end()),
            ("decided", engine.base + area.decided()),
            ("compacted", engine.base + engine.compacted()),
        ];
        Summary { role, facts }
    }

    fn waits(&self) -> Vec<Wait> {
        let engine = self.engine();
        let promise = engine.promise();
        let wait = |on, what| vec![Wait { on, what }];
        let others = NodeSet::only(self.id).complement(usize::from(self.config.nodes));
        match promise.node() {
            None => wait(NodeSet::EMPTY, "a first leader".to_string()),
            Some(leader) if leader == self.id => {
                let area = engine.area();
                let is_ready = area.accepted_round() == Some(promise);
                let what = match is_ready {
                    false => format!("promises in round {promise}"),
                    true => format!("acceptance of {} entries in round {promise}", engine.base + area.end()),
                };
                wait(others, what)
            }
            Some(leader) => wait(NodeSet::only(leader), format!("news from the leader of round {promise}")),
        }
    }
}

/// What observers of one node may look at.
impl OmniPaxos {
    pub(super) fn engine(&self) -> &Engine {
        self.engines.last().expect("there is always an instance")
    }

    pub(super) fn engine_mut(&mut self) -> &mut Engine {
        self.engines.last_mut().expect("there is always an instance")
    }

    /// The configuration that goes on.
    #[must_use]
    pub fn configuration(&self) -> u32 {
        self.engine().configuration
    }

    /// What it has promised in its configuration.
    #[must_use]
    pub fn promise(&self) -> Round {
        self.engine().promise()
    }

    /// How much of the whole log it knows to be decided.
    #[must_use]
    pub fn decided(&self) -> u64 {
        self.engine().base + self.engine().decided()
    }

    /// How much of the whole log it has accepted.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        let area = self.engine().area();
        self.engine().base + area.end() + u64::from(area.has_stop())
    }

    /// In which round of its configuration it has accepted something last.
    #[must_use]
    pub fn accepted_round(&self) -> Round {
        self.engine().area().accepted_round().unwrap_or_default()
    }

    /// How much of the whole log it has applied.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.whole.index
    }
}

/// Inputs.
impl OmniPaxos {
    fn on_request(&mut self, command: Command, effects: &mut Effects<Self>) {
        let Session { client, serial, .. } = command.session;
        if let Some(receipt) = self.whole.replica.applied(client, serial) {
            effects.reply(client, serial, reply(receipt));
            return;
        }
        if !self.engine_mut().append(command) {
            // A reconfiguration is pending: whoever asks again, asks the next configuration.
            effects.reply(client, serial, Reply::NotLeader { hint: None });
            return;
        }
        if !self.pending.contains(&(client, serial)) {
            self.pending.push((client, serial));
        }
    }

    fn on_order(&mut self, order: Order, effects: &mut Effects<Self>) {
        let next = self.config.numbered(self.configuration() + 1, self.config.quorum);
        let peers = u64::from(self.config.nodes);
        let compaction = self.config.compaction;
        let engine = self.engine_mut();
        let obeyed = match order {
            // A type without snapshots would panic, and what is trimmed must be saved: an operator knows the system.
            Order::Trim if !compaction.trims() => Err("logs are not trimmed here".to_string()),
            Order::Snapshot | Order::SnapshotAll if !compaction.has_snapshots() => {
                Err("entries have no snapshots here".to_string())
            }
            Order::Trim => engine.trim(None),
            Order::Snapshot => engine.snapshot(None, true),
            Order::SnapshotAll => engine.snapshot(None, false),
            Order::Reconfigure => engine.reconfigure(&next),
            Order::Prioritise(priority) => {
                engine.prioritise(priority);
                Ok(())
            }
            Order::Reconnect => {
                (1..=peers).for_each(|peer| engine.reconnected(peer));
                Ok(())
            }
        };
        if obeyed.is_err() {
            let configuration = self.configuration();
            effects.announce(Event::Refused { configuration });
        }
    }

    fn on_message(&mut self, from: NodeId, message: Message, effects: &mut Effects<Self>) {
        if from.0 >= self.config.nodes || from == self.id {
            return;
        }
        if self.config.links == Links::Connections {
            let arrival = self.connections[from.index()].receive(message.stamp, self.id);
            if arrival.is_new {
                effects.announce(Event::Reconnected { peer: from });
                if self.config.reconnect {
                    self.engines.iter_mut().for_each(|engine| engine.reconnected(pid(from)));
                }
            }
            if !arrival.is_due {
                return;
            }
        }
        let own = pid(self.id);
        let found = self.engines.iter_mut().find(|engine| engine.configuration == message.configuration);
        // An instance that this node has not started yet sends again what it needs.
        if let Some(engine) = found {
            engine.receive(pid(from), own, message.body);
        }
    }

    /// The policy: compact when enough is decided.
    fn compact(&mut self, effects: &mut Effects<Self>) {
        let (every, all) = (u64::from(self.config.compact_every), self.config.compact_all);
        let compaction = self.config.compaction;
        // "Trim must be called by the leader" (`CompactionErr::NotCurrentLeader`).
        let may_trim = compaction.trims() && self.promise().node() == Some(self.id);
        let engine = self.engine_mut();
        if every == 0 || engine.decided() < engine.compacted() + every {
            return;
        }
        let obeyed = match may_trim {
            true => engine.trim(None),
            false if compaction.has_snapshots() => engine.snapshot(None, !all),
            false => return,
        };
        if obeyed.is_err() {
            let configuration = self.configuration();
            effects.announce(Event::Refused { configuration });
        }
    }
}

/// What the crate did.
impl OmniPaxos {
    /// Starts the instance of a configuration.
    fn start(&mut self, stop: &Stop, area: Area, effects: &mut Effects<Self>) {
        // The log goes on where the last configuration ended. The application may be further, by its checkpoint.
        let base = self.engines.last().map_or(0, |engine| engine.base + engine.decided());
        let mut engine = Engine::start(&self.config, self.id, stop, area, base, self.whole.clone());
        engine.applied = (self.whole.index - base).min(engine.decided());
        self.engines.push(engine);
        self.told = Told { accepted: base, decided: base, compacted: base, ..Told::default() };
        if stop.configuration > 1 && !self.is_recovering {
            effects.announce(Event::Started { configuration: stop.configuration });
        }
    }

    /// Starts the instances of all configurations that it has come to, each on what is on its disk of it.
    fn start_later(&mut self, effects: &mut Effects<Self>) {
        while let Some(stop) = self.next_configuration() {
            let area = self.ahead.remove(&stop.configuration).unwrap_or_default();
            self.start(&stop, area, effects);
            self.settle(effects);
        }
    }

    /// The configuration that comes next, when the last instance has ended and everything in it is applied.
    fn next_configuration(&self) -> Option<Stop> {
        let engine = self.engine();
        let stop = engine.is_reconfigured()?;
        (engine.applied >= engine.decided()).then_some(stop)
    }

    /// Turns what the crate stored into records and announcements, and applies what is decided.
    fn settle(&mut self, effects: &mut Effects<Self>) {
        let mut syncs = Vec::new();
        for position in 0..self.engines.len() {
            for writes in self.engines[position].take_writes() {
                let sync = self.persist(position, writes, effects);
                syncs.extend(sync.filter(|_| position + 1 == self.engines.len()));
            }
        }
        let engine = self.engine_mut();
        let base = engine.base;
        if let Some((at, end)) = engine.take_misplaced() {
            effects.announce(Event::Misplaced { at: base + at, end: base + end });
        }
        // Behind all the writes: the crate may append more right after it has synced.
        syncs.into_iter().for_each(|sync| self.announce_sync(sync, effects));
        if !self.is_recovering {
            self.announce(effects);
        }
        self.apply(effects);
    }

    /// Makes a record of what was written at once, and notes if that brought the log in line with a leader's.
    fn persist(
        &mut self,
        position: usize,
        writes: Vec<Write>,
        effects: &mut Effects<Self>,
    ) -> Option<Synced> {
        // 0.2.2 says that the log is compacted in a write of its own, ahead of the one that trims.
        let comes_first = |write: &Write| match write {
            Write::Compacted(_) => cfg!(feature = "omnipaxos-0-2-2"),
            _ => matches!(write, Write::Trim(_)),
        };
        let is_trim = writes.iter().any(comes_first);
        if is_trim && self.config.compaction.trims() {
            // "Make sure your application really does not need the data that will be trimmed anymore."
            effects.persist(Record::Checkpoint(Box::new(self.whole.clone())));
        }
        let with_snapshot = writes.iter().any(|write| matches!(write, Write::Snapshot(_)));
        let sync = writes.iter().find_map(|write| match write {
            Write::AcceptedRound(round) => Some(Synced { round: *round, with_snapshot }),
            _ => None,
        });
        let configuration = self.engines[position].configuration;
        effects.persist(Record::Batch { configuration, writes });
        sync
    }

    fn announce_sync(&mut self, sync: Synced, effects: &mut Effects<Self>) {
        let Synced { round, with_snapshot } = sync;
        let (accepted, decided) = (self.accepted(), self.decided());
        let index = self.engine().base + self.engine().compacted();
        if with_snapshot {
            effects.announce(Event::SnapshotReceived { index });
        }
        effects.announce(match round.node() == Some(self.id) {
            true => Event::Elected { round, accepted, decided },
            false => Event::Synced { round, accepted, decided },
        });
        self.told.accepted = accepted;
        self.told.compacted = self.told.compacted.max(index);
    }

    fn announce(&mut self, effects: &mut Effects<Self>) {
        let (promise, round) = (self.promise(), self.accepted_round());
        let (accepted, decided) = (self.accepted(), self.decided());
        let compacted = self.engine().base + self.engine().compacted();
        if promise != self.told.promise {
            effects.announce(Event::Promised { round: promise });
        }
        if compacted > self.told.compacted {
            effects.announce(Event::Compacted { index: compacted });
        }
        if accepted != self.told.accepted {
            effects.announce(Event::Accepted { round, accepted });
        }
        if decided != self.told.decided {
            effects.announce(Event::Decided { round, decided });
        }
        self.told = Told { promise, accepted, decided, compacted };
    }

    /// Sends what the crate wants to be sent, behind what it stored.
    fn send(&mut self, effects: &mut Effects<Self>) {
        let (id, nodes) = (self.id, u64::from(self.config.nodes));
        let is_hasty = self.config.has(OmniFlaw::SendBeforePersist);
        let connections = &mut self.connections;
        let has_connections = self.config.links == Links::Connections;
        for engine in &mut self.engines {
            let configuration = engine.configuration;
            engine.take(&mut |to: u64, body: Body| {
                assert!(
                    (1..=nodes).contains(&to) && to != pid(id),
                    "the crate sends to {to}, who is no peer"
                );
                let to = NodeId((to - 1) as u8);
                let stamp = if has_connections { connections[to.index()].stamp() } else { Stamp::default() };
                let pushed = effects.send(to, Message { configuration, stamp, body });
                if is_hasty {
                    pushed.unsynced();
                }
            });
        }
    }
}
