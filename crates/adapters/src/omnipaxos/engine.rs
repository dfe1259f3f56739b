//! One instance of the crate, for one configuration, behind an interface that knows neither its type of entries nor
//! its version.

use std::cell::{Ref, RefCell};
use std::rc::Rc;

use omnipaxos::messages::Message as CrateMessage;
use omnipaxos::util::LogEntry;
use omnipaxos::{OmniPaxos, OmniPaxosConfig, ServerConfig};
use quarrel_protocol::NodeId;
use quarrel_spec::session::Command;

use super::Config;
use super::entry::{Contents, Entry, Whole};
use super::message::Body;
use super::record::Write;
use super::round::{Round, Stop};
use super::store::{Area, Journal, Position, Store};
use super::wire;

/// The crate counts nodes from 1.
pub(crate) fn pid(node: NodeId) -> u64 {
    u64::from(node.0) + 1
}

/// What stands in the decided log, as the crate lets the application read it.
pub(crate) enum Item {
    Command(Command),
    /// A snapshot of everything up to a position.
    Snapshot(u64, Contents),
    /// Everything up to a position is gone.
    Trimmed(u64),
    Stop,
}

/// What an order came to.
pub(crate) type Obeyed = Result<(), String>;

/// The crate's own interface.
pub(crate) trait Crate {
    fn tick(&mut self);
    fn receive(&mut self, from: u64, to: u64, body: Body);
    /// Moves what is to be sent out of it.
    fn take(&mut self, send: &mut dyn FnMut(u64, Body));
    fn append(&mut self, command: Command) -> bool;
    fn reconnected(&mut self, peer: u64);
    fn trim(&mut self, index: Option<u64>) -> Obeyed;
    fn snapshot(&mut self, index: Option<u64>, local: bool) -> Obeyed;
    fn reconfigure(&mut self, stop: &Stop) -> Obeyed;
    fn prioritise(&mut self, priority: u32);
    fn decided(&self) -> u64;
    fn promise(&self) -> Round;
    fn compacted(&self) -> u64;
    /// What it reads from a position to the end of what is decided.
    fn decided_suffix(&self, from: u64) -> Vec<Item>;
    /// What it reads behind what is decided: for the flaw that takes it for granted.
    fn undecided(&self) -> Vec<Command>;
    fn is_reconfigured(&self) -> Option<Stop>;
}

/// One instance.
pub(crate) struct Engine {
    inner: Box<dyn Crate>,
    journal: Rc<RefCell<Journal>>,
    /// Its configuration.
    pub(crate) configuration: u32,
    /// How many positions of the whole log come before its own.
    pub(crate) base: u64,
    /// How many positions of its own log have been applied.
    pub(crate) applied: u64,
}

impl Engine {
    /// Starts the crate on what an area holds. `origin` is the replica that its log comes after.
    ///
    /// # Panics
    /// When the crate refuses its configuration: ours are valid.
    pub(crate) fn start(
        config: &Config,
        node: NodeId,
        stop: &Stop,
        area: Area,
        base: u64,
        origin: Whole,
    ) -> Self {
        let journal = Rc::new(RefCell::new(Journal { area, batches: Vec::new() }));
        let server = ServerConfig {
            pid: pid(node),
            election_tick_timeout: u64::from(config.election_ticks),
            resend_message_tick_timeout: u64::from(config.resend_ticks),
            buffer_size: config.buffer_size as usize,
            batch_size: config.batch_size as usize,
            // 0.2.2 flushes a batch only when it is full.
            #[cfg(not(feature = "omnipaxos-0-2-2"))]
            flush_batch_tick_timeout: u64::from(config.flush_ticks),
            leader_priority: config.priorities.get(node.index()).copied().unwrap_or(0),
        };
        let whole = OmniPaxosConfig { cluster_config: stop.cluster(), server_config: server };
        let inner: Box<dyn Crate> = match config.compaction.has_snapshots() {
            true => Box::new(build::<true>(whole, &journal, config, origin)),
            false => Box::new(build::<false>(whole, &journal, config, origin)),
        };
        Self { inner, journal, configuration: stop.configuration, base, applied: 0 }
    }

    /// What it has stored.
    pub(crate) fn area(&self) -> Ref<'_, Area> {
        Ref::map(self.journal.borrow(), |journal| &journal.area)
    }

    /// Takes note that it has stored entries behind the end of its log: where, and where the log ended.
    pub(crate) fn take_misplaced(&mut self) -> Option<(u64, u64)> {
        self.journal.borrow_mut().area.take_misplaced()
    }

    /// What it has written since the last time: what must become records.
    pub(crate) fn take_writes(&mut self) -> Vec<Vec<Write>> {
        std::mem::take(&mut self.journal.borrow_mut().batches)
    }
}

impl std::ops::Deref for Engine {
    type Target = dyn Crate;

    fn deref(&self) -> &Self::Target {
        &*self.inner
    }
}

impl std::ops::DerefMut for Engine {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut *self.inner
    }
}

fn build<const S: bool>(
    whole: OmniPaxosConfig,
    journal: &Rc<RefCell<Journal>>,
    config: &Config,
    origin: Whole,
) -> Instance<S> {
    let store = Store::new(Rc::clone(journal), config.batches(), origin);
    let node =
        whole.build(store).unwrap_or_else(|error| panic!("omnipaxos refused its configuration: {error}"));
    Instance { node, outgoing: Vec::new() }
}

struct Instance<const S: bool> {
    node: OmniPaxos<Entry<S>, Store<S>>,
    outgoing: Vec<CrateMessage<Entry<S>>>,
}

impl<const S: bool> Crate for Instance<S> {
    fn tick(&mut self) {
        self.node.tick();
    }

    fn receive(&mut self, from: u64, to: u64, body: Body) {
        self.node.handle_incoming(wire::incoming(from, to, body));
    }

    fn take(&mut self, send: &mut dyn FnMut(u64, Body)) {
        #[cfg(not(feature = "omnipaxos-0-2-2"))]
        self.node.take_outgoing_messages(&mut self.outgoing);
        #[cfg(feature = "omnipaxos-0-2-2")]
        self.outgoing.extend(self.node.outgoing_messages());
        for message in self.outgoing.drain(..) {
            let (to, body) = wire::outgoing(message);
            send(to, body);
        }
    }

    fn append(&mut self, command: Command) -> bool {
        self.node.append(Entry(command)).is_ok()
    }

    fn reconnected(&mut self, peer: u64) {
        self.node.reconnected(peer);
    }

    fn trim(&mut self, index: Option<u64>) -> Obeyed {
        self.node.trim(index.map(|index| index as Position)).map_err(|error| format!("{error:?}"))
    }

    fn snapshot(&mut self, index: Option<u64>, local: bool) -> Obeyed {
        let index = index.map(|index| index as Position);
        self.node.snapshot(index, local).map_err(|error| format!("{error:?}"))
    }

    fn reconfigure(&mut self, stop: &Stop) -> Obeyed {
        self.node.reconfigure(stop.cluster(), None).map_err(|error| format!("{error:?}"))
    }

    fn prioritise(&mut self, priority: u32) {
        self.node.set_priority(priority);
    }

    fn decided(&self) -> u64 {
        self.node.get_decided_idx() as u64
    }

    fn promise(&self) -> Round {
        self.node.get_promise().into()
    }

    fn compacted(&self) -> u64 {
        self.node.get_compacted_idx() as u64
    }

    fn decided_suffix(&self, from: u64) -> Vec<Item> {
        let entries = self.node.read_decided_suffix(from as Position).unwrap_or_default();
        let item = |entry| match entry {
            LogEntry::Decided(entry) => Some(Item::Command(Entry::into(entry))),
            LogEntry::Undecided(_) => None,
            LogEntry::Trimmed(index) => Some(Item::Trimmed(index as u64)),
            LogEntry::Snapshotted(snapshot) => {
                Some(Item::Snapshot(snapshot.trimmed_idx as u64, snapshot.snapshot.0))
            }
            LogEntry::StopSign(_, is_decided) => is_decided.then_some(Item::Stop),
        };
        // What is not decided ends what is.
        entries.into_iter().map_while(item).collect()
    }

    fn undecided(&self) -> Vec<Command> {
        let from = self.node.get_decided_idx();
        let entries = self.node.read_entries(from..).unwrap_or_default();
        let command = |entry| match entry {
            LogEntry::Decided(entry) | LogEntry::Undecided(entry) => Some(Entry::into(entry)),
            LogEntry::Trimmed(_) | LogEntry::Snapshotted(_) | LogEntry::StopSign(..) => None,
        };
        entries.into_iter().filter_map(command).collect()
    }

    fn is_reconfigured(&self) -> Option<Stop> {
        self.node.is_reconfigured().map(Stop::from)
    }
}

impl<const S: bool> From<Entry<S>> for Command {
    fn from(entry: Entry<S>) -> Self {
        entry.0
    }
}
