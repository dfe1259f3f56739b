//! The executor: one queue, one thread, one event at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use quarrel_protocol::{
    Effects, Fingerprint, Fingerprinter, Input, Kinded, NodeId, PropertyKind, Protocol, Violation,
};

use crate::chooser::{Chooser, Names};
use crate::clients::{Asked, Clients};
use crate::decision::{Decision, DecisionKind, Endpoint, Which};
use crate::digest::Digest;
use crate::fault::{Fault, FaultClass, FaultCounts};
use crate::flight::{Cargo, Flight, Slab};
use crate::links::Links;
use crate::liveness::Healing;
use crate::nemesis::Nemesis;
use crate::node::Node;
use crate::observer::Observer;
use crate::queue::{Class, Entry, Queue, Tie, WORLD};
use crate::record::{Recorder, TraceEvent};
use crate::timers::Look;
use crate::world::{Operation, Rule, World};

/// All that is fixed before a run's first event.
pub struct Plan<P: Protocol> {
    /// The world.
    pub world: World,
    /// The protocol's configuration.
    pub config: P::Config,
    /// What clients will ask.
    pub operations: Vec<Operation<P::Request>>,
}

/// What a run amounts to.
#[derive(Clone, Debug)]
pub struct Tally {
    /// The digest over every decision, input and effect.
    pub digest: u64,
    /// How many events there were.
    pub events: u64,
    /// How many messages were sent from node to node.
    pub messages: u64,
    /// When the run ended, in nanoseconds of virtual time.
    pub ended_ns: u64,
    /// How often each class of faults changed something.
    pub faults: FaultCounts,
    /// What clients did.
    pub asked: Asked,
    /// When the core had answered everything and agreed, in nanoseconds of virtual time, if it had to.
    pub settled_ns: Option<u64>,
    /// How many partitions began.
    pub partitions: u64,
    /// How many crashes struck while messages of that node were under way.
    pub crashes_mid_flight: u64,
    /// A limit that was reached, an assertion that failed or a panic, at that time.
    pub halted: Option<Violation>,
}

/// A cluster in its world.
pub struct Cluster<P: Protocol, O: Observer<P>> {
    pub(crate) world: World,
    pub(crate) config: P::Config,
    pub(crate) observer: O,
    pub(crate) chooser: Chooser,
    pub(crate) nodes: Vec<Node<P>>,
    pub(crate) links: Links,
    pub(crate) queue: Queue,
    pub(crate) slab: Slab<P>,
    pub(crate) clients: Clients<P::Request>,
    pub(crate) nemesis: Nemesis,
    /// Every fault of the run: planned, then in the order in which the nemesis reacted.
    pub(crate) faults: Vec<Fault>,
    /// When a fault struck last.
    pub(crate) last_strike: Option<u64>,
    /// Which of them hold now.
    pub(crate) active: Vec<u32>,
    pub(crate) now: u64,
    pub(crate) digest: Digest,
    pub(crate) words: Fingerprinter,
    pub(crate) effects: Effects<P>,
    pub(crate) counts: FaultCounts,
    pub(crate) messages: u64,
    pub(crate) partitions: u64,
    pub(crate) crashes_mid_flight: u64,
    /// The order of what the current event sends.
    pub(crate) order: u32,
    pub(crate) recorder: Option<Recorder>,
    pub(crate) lose_kinds: &'static [&'static str],
    pub(crate) events: u64,
    /// Since the world has healed: how the core comes back.
    pub(crate) healing: Option<Healing>,
    /// Whether something has happened since the last look at whether all is done.
    pub(crate) is_watched: bool,
    /// Whether an operation was started after the world had healed.
    pub(crate) is_new: bool,
    pub(crate) settled_ns: Option<u64>,
    pub(crate) halted: Option<Violation>,
    instant_events: u32,
    instant: u64,
    asserting: bool,
    checks_assertions: bool,
}

impl<P: Protocol, O: Observer<P>> Cluster<P, O> {
    /// A cluster before its first event.
    ///
    /// # Errors
    /// When a rule names an event that the protocol does not announce.
    ///
    /// # Panics
    /// When the world is inconsistent: a vector of the wrong length, a client that does not exist. Files are checked
    /// before they become worlds.
    pub fn new(
        plan: Plan<P>,
        rules: Vec<Rule>,
        seed: u64,
        chooser: Chooser,
        observer: O,
    ) -> Result<Self, String> {
        let Plan { world, config, operations } = plan;
        let count = usize::from(world.nodes);
        assert!((1..=NodeId::LIMIT).contains(&count), "a cluster has 1 to {} nodes", NodeId::LIMIT);
        assert!(
            world.sync_ns.len() == count && world.clock_ppm.len() == count,
            "one disk and one clock a node"
        );
        let nemesis = Nemesis::new::<P>(rules, seed, count)?;
        let mut nodes: Vec<Node<P>> = (0..count).map(|_| Node::default()).collect();
        for (node, &rate) in nodes.iter_mut().zip(&world.clock_ppm) {
            node.clock_ppm = rate;
        }
        Ok(Self {
            links: Links::new(count, P::Message::KINDS.len(), world.latency_ns.clone()),
            clients: Clients::new(operations, world.clients, world.nodes, world.client),
            faults: world.faults.clone(),
            world,
            config,
            observer,
            chooser,
            nodes,
            nemesis,
            queue: Queue::default(),
            slab: Slab::default(),
            last_strike: None,
            active: Vec::new(),
            now: 0,
            digest: Digest::default(),
            words: Fingerprinter::default(),
            effects: Effects::default(),
            counts: FaultCounts::default(),
            messages: 0,
            partitions: 0,
            crashes_mid_flight: 0,
            order: 0,
            recorder: None,
            lose_kinds: P::Message::KINDS,
            events: 0,
            healing: None,
            is_watched: false,
            is_new: false,
            settled_ns: None,
            halted: None,
            instant_events: 0,
            instant: 0,
            asserting: false,
            checks_assertions: true,
        })
    }

    /// The names by which a chooser for this protocol in this world lays out its lanes.
    #[must_use]
    pub fn names(world: &World) -> Names {
        Names {
            nodes: usize::from(world.nodes),
            clients: usize::from(world.clients),
            messages: P::Message::KINDS,
            timers: P::Timer::KINDS,
        }
    }

    /// Never asks a node whether its own state is sound: only what comes out of the cluster counts.
    pub fn look_away(&mut self) {
        self.checks_assertions = false;
    }

    /// Keeps every event for a trace.
    pub fn record_events(&mut self) {
        self.recorder = Some(Recorder::default());
    }

    /// Keeps every decision that is not the default.
    pub fn record_decisions(&mut self) {
        self.chooser.record();
    }

    /// Runs to the end: of time, of patience with a broken property, or of a limit. A panic in the protocol is
    /// caught and becomes a verdict.
    pub fn run(&mut self) -> Tally {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.run_events()));
        if let Err(panic) = outcome {
            self.halted = Some(verdict_of_panic(&*panic, self.asserting));
            self.close();
        }
        Tally {
            digest: self.digest.value(),
            events: self.events,
            messages: self.messages,
            ended_ns: self.now,
            faults: self.counts,
            asked: self.clients.asked,
            settled_ns: self.settled_ns,
            partitions: self.partitions,
            crashes_mid_flight: self.crashes_mid_flight,
            halted: self.halted.take(),
        }
    }

    /// What the run recorded: decisions, each with its anchor in time; faults; events.
    pub fn take_recorded(&mut self) -> (Vec<(Decision, Which)>, Vec<Fault>, Vec<TraceEvent>) {
        let events = self.recorder.take().map(|recorder| recorder.events).unwrap_or_default();
        let mut faults = std::mem::take(&mut self.faults);
        // What the end of the run forestalled is no part of it.
        faults.retain(|fault| fault.at_ns <= self.now);
        faults.sort();
        (self.chooser.take_recorded(), faults, events)
    }

    /// How many overrides of the chooser no one asked for.
    #[must_use]
    pub fn never_asked(&self) -> u64 {
        self.chooser.never_asked()
    }

    /// Who watched.
    pub fn into_observer(self) -> O {
        self.observer
    }

    fn run_events(&mut self) {
        self.begin();
        while !self.observer.is_over() && self.halted.is_none() {
            let end = self.end();
            let Some(entry) = self.queue.pop_until(end) else {
                self.now = end;
                return self.judge_liveness();
            };
            self.advance(entry.time);
            self.handle(entry);
            if self.healing.is_some() && self.has_settled() {
                return;
            }
        }
    }

    fn begin(&mut self) {
        for index in 0..self.faults.len() {
            self.schedule_fault(index as u32);
        }
        let heal = Tie::new(WORLD, Class::Heal, 0, 0, 0, 0);
        self.queue.push(Entry { time: self.world.duration_ns, tie: heal, slot: 0 });
        self.schedule_operations();
        for node in NodeId::all(self.nodes.len()) {
            self.open(Some(Endpoint::Node(node)), 0, "boot", || {
                (String::from("starts with an empty disk"), None, None)
            });
            self.start_node(node);
            self.close();
        }
    }

    #[inline]
    fn advance(&mut self, time: u64) {
        debug_assert!(time >= self.now, "time never goes back");
        self.now = time;
        self.chooser.set_now(time);
        if time != self.instant {
            (self.instant, self.instant_events) = (time, 0);
        }
        self.instant_events += 1;
        let limits = &self.world.limits;
        if self.instant_events > limits.instant_max
            || self.slab.pending() > limits.pending_max as usize
            || self.events > limits.events_max
        {
            self.halt();
        }
    }

    #[cold]
    fn halt(&mut self) {
        let limits = &self.world.limits;
        let (name, detail) = if self.instant_events > limits.instant_max {
            ("instant-limit", format!("more than {} events at one instant", limits.instant_max))
        } else if self.slab.pending() > limits.pending_max as usize {
            ("pending-limit", format!("a storm: more than {} messages under way", limits.pending_max))
        } else {
            ("events-limit", format!("more than {} events", limits.events_max))
        };
        let (property, signature) = (name.to_string(), name.to_string());
        self.halted = Some(Violation { property, kind: PropertyKind::Limit, detail, signature });
    }

    #[inline]
    fn handle(&mut self, entry: Entry) {
        match entry.tie.class() {
            Class::Arrival => self.arrive(entry),
            Class::Timer => self.look_at_timer(entry),
            Class::Sync => self.finish_sync(entry),
            Class::Operation => self.start_operation(entry.slot),
            Class::Patience => {
                if self.clients.lose_patience(entry.slot, entry.tie.source()) {
                    self.ask(entry.slot);
                }
            }
            Class::FaultStart => self.strike(entry.slot),
            Class::FaultEnd => self.end_fault(entry.slot),
            Class::Heal => self.heal(),
        }
    }

    // --- Events at nodes ---

    #[inline]
    fn arrive(&mut self, entry: Entry) {
        if self.slab.is_struck(entry.slot) {
            self.slab.take(entry.slot);
            return;
        }
        let flight = self.slab.flight(entry.slot);
        let Endpoint::Node(to) = flight.to else { return self.answer(entry, flight) };
        let node = &self.nodes[to.index()];
        if node.paused_until > self.now && node.is_up() {
            let time = node.paused_until;
            self.counts.strike(FaultClass::Pause);
            self.wait(entry, time);
            return;
        }
        if self.links.is_disturbed() && self.is_held_up(entry, flight.from, to) {
            return;
        }
        let node = &self.nodes[to.index()];
        if flight.from == flight.to && flight.incarnation != node.incarnation {
            // It died with the node that sent it.
            self.slab.take(entry.slot);
            return;
        }
        if !node.is_up() {
            return self.lose_on_arrival(entry.slot, to, "the node is down");
        }
        match self.slab.take(entry.slot) {
            Some(Cargo::Message(message)) => self.deliver(to, flight, message, entry.tie.occurrence()),
            Some(Cargo::Request(position)) => self.deliver_request(to, flight, position),
            Some(Cargo::Reply(..)) | None => {}
        }
    }

    /// Whether the network lets it through only later, or not at all.
    #[cold]
    fn is_held_up(&mut self, entry: Entry, from: Endpoint, to: NodeId) -> bool {
        let Endpoint::Node(from) = from else { return false };
        if from == to {
            return false;
        }
        if self.links.is_cut(from, to) {
            self.counts.strike(FaultClass::Partition);
            self.lose_on_arrival(entry.slot, to, "the network is cut");
            return true;
        }
        let clogged = self.links.clogged_until(from, to);
        if clogged > self.now {
            self.counts.strike(FaultClass::Clog);
            self.wait(entry, clogged);
            return true;
        }
        false
    }

    /// What was under way arrives where nobody hears it.
    #[cold]
    fn lose_on_arrival(&mut self, slot: u32, to: NodeId, why: &str) {
        let flight = self.slab.flight(slot);
        let Some(cargo) = self.slab.take(slot) else { return };
        self.open(Some(Endpoint::Node(to)), flight.print, "lost", || {
            let what = match &cargo {
                Cargo::Message(message) => message.to_string(),
                Cargo::Request(_) => "a request".to_string(),
                Cargo::Reply(id, reply) => format!("{id}: {reply}"),
            };
            (format!("{what}: {why}"), Some(flight.from), Some(flight.cause))
        });
        self.close();
    }

    #[inline]
    fn deliver(&mut self, to: NodeId, flight: Flight, message: P::Message, occurrence: u32) {
        let Endpoint::Node(from) = flight.from else { return };
        if from != to && self.links.arrive(from, to, message.kind(), occurrence) {
            self.counts.strike(FaultClass::Reordering);
        }
        self.open(Some(flight.to), flight.print, "deliver", || {
            (message.to_string(), Some(flight.from), Some(flight.cause))
        });
        self.step(to, Input::Message { from, message });
    }

    fn deliver_request(&mut self, to: NodeId, flight: Flight, position: u32) {
        let operation = self.clients.operation(position);
        let (client, id, request) = (operation.client, operation.id, operation.request.clone());
        let oldest = self.clients.oldest(position);
        let words = || (format!("{id}: {request}"), Some(flight.from), Some(flight.cause));
        self.open(Some(flight.to), flight.print, "request", words);
        self.words.mark(u64::from(oldest.0));
        self.step(to, Input::Request { client, id, oldest, request });
    }

    #[inline]
    fn look_at_timer(&mut self, entry: Entry) {
        let id = NodeId(entry.tie.destination());
        let count = self.nodes.len();
        let node = &mut self.nodes[id.index()];
        if !node.is_up() {
            return;
        }
        if node.paused_until > self.now {
            let time = node.paused_until;
            if node.timers.defer(entry.slot, self.now, time) {
                self.counts.strike(FaultClass::Pause);
            }
            self.queue.push(Entry { time, ..entry });
            return;
        }
        match node.timers.look(entry.slot, self.now, id, count, &mut self.chooser) {
            Look::Nothing => {}
            Look::Again(time, decided) => {
                self.digest_decision(decided);
                self.queue.push(Entry { time, ..entry });
            }
            Look::Fires(timer, decided) => {
                if node.clock_ppm != 0 {
                    self.counts.strike(FaultClass::ClockDrift);
                }
                self.digest_decision(decided);
                self.open(Some(Endpoint::Node(id)), timer.digest(), "timer", || {
                    (timer.to_string(), None, None)
                });
                if let Some(answer) = decided.filter(|&answer| answer != 0) {
                    self.note_fate(|| Decision::answer(DecisionKind::Timer, answer));
                }
                self.step(id, Input::Timer(timer));
            }
        }
    }

    #[inline]
    fn step(&mut self, id: NodeId, input: Input<P>) {
        let Some(machine) = self.nodes[id.index()].machine.as_mut() else { return };
        machine.step(input, &mut self.effects);
        self.settle(id);
        self.close();
    }

    /// Applies what a machine has just pushed, and looks at the machine.
    #[inline]
    pub(crate) fn settle(&mut self, id: NodeId) {
        self.apply(id);
        if let Some(machine) = self.nodes[id.index()].machine.as_ref() {
            if self.checks_assertions {
                self.asserting = true;
                machine.assert_invariants();
                self.asserting = false;
            }
            self.observer.after_step(id, machine);
            if self.healing.is_some() {
                self.look_for_livelock();
            }
        }
    }
}

/// A panic as a verdict: its message, with every number taken out of the signature.
fn verdict_of_panic(panic: &(dyn std::any::Any + Send), asserting: bool) -> Violation {
    let message = panic.downcast_ref::<&str>().map(ToString::to_string);
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
    let detail = message.unwrap_or_else(|| "a panic without a message".to_string());
    let mut signature = String::new();
    for letter in detail.chars().map(|letter| if letter.is_ascii_digit() { '#' } else { letter }) {
        if !(letter == '#' && signature.ends_with('#')) {
            signature.push(if letter.is_control() { ' ' } else { letter });
        }
    }
    let (property, kind) =
        if asserting { ("assertion", PropertyKind::Assertion) } else { ("panic", PropertyKind::Panic) };
    Violation { property: property.into(), kind, detail, signature: format!("{property}: {signature}") }
}
