//! The executor: one queue, one thread, one event at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};

use quarrel_protocol::{
    Effects, Ending, Fingerprint, Fingerprinter, Input, Kinded, NodeId, NodeSet, PropertyKind, Protocol,
    Violation,
};

use crate::chooser::{Chooser, Names};
use crate::clients::Clients;
use crate::clock::Clock;
use crate::decision::{Decision, DecisionKind, Endpoint, Which};
use crate::digest::Digest;
use crate::fault::{Fault, FaultClass};
use crate::flight::Slab;
use crate::links::Links;
use crate::liveness::Healing;
use crate::nemesis::{Answered, Nemesis};
use crate::node::Node;
use crate::observer::Observer;
use crate::orders::Orders;
use crate::panics::{note_places, verdict_of_panic};
use crate::plan::{Plan, Tally};
use crate::queue::{Class, Entry, Queue, Tie, WORLD};
use crate::record::{Parcel, Recorder, TraceEvent};
use crate::strike::Storm;
use crate::struck::Struck;
use crate::timers::Look;
use crate::treason::Treason;
use crate::turns::Turns;
use crate::world::{Rule, World};

/// A cluster in its world.
pub struct Cluster<P: Protocol, O: Observer<P>> {
    pub(crate) world: World,
    pub(crate) config: P::Config,
    pub(crate) observer: O,
    pub(crate) chooser: Chooser,
    /// Who sits where: the nodes by identity, and behind them the twins of traitors.
    pub(crate) nodes: Vec<Node<P>>,
    pub(crate) treason: Treason<P>,
    pub(crate) links: Links,
    /// What keeps the links in order, if anything does.
    pub(crate) turns: Option<Box<Turns>>,
    pub(crate) queue: Queue,
    pub(crate) slab: Slab<P>,
    pub(crate) clients: Clients<P::Request>,
    pub(crate) orders: Orders<P::Admin>,
    pub(crate) nemesis: Nemesis,
    /// Faults: planned, then in the order in which they were drawn and the nemesis reacted. Those that are over make room
    /// for others, unless they are to be told of.
    pub(crate) faults: Vec<Fault>,
    /// Those that it reacted with and that have not struck, and how many of them it has withdrawn.
    pub(crate) answered: Vec<Answered>,
    pub(crate) withdrawn: u32,
    /// The places of those that are over.
    pub(crate) spare: Vec<u32>,
    /// Whether all are kept.
    pub(crate) keeps_faults: bool,
    /// What will strike later, and has not been asked for yet.
    pub(crate) storm: Storm,
    /// Until when all faults are among `faults` that do not answer an announcement.
    pub(crate) drawn_until: u64,
    /// When a fault struck last.
    pub(crate) last_strike: Option<u64>,
    /// Which of them hold now.
    pub(crate) active: Vec<u32>,
    pub(crate) now: u64,
    pub(crate) digest: Digest,
    pub(crate) words: Fingerprinter,
    /// Where machines push their effects; nothing while one does, and its effects are applied.
    pub(crate) effects: Option<Box<Effects<P>>>,
    pub(crate) struck: Struck,
    pub(crate) partitions: u64,
    pub(crate) crashes_mid_flight: u64,
    /// The order of what the current event sends.
    pub(crate) order: u32,
    pub(crate) recorder: Option<Box<Recorder>>,
    pub(crate) lose_kinds: &'static [&'static str],
    pub(crate) events: u64,
    /// When the run ends if nobody must come back.
    pub(crate) planned_end: u64,
    /// Since the world has healed: how the core comes back.
    pub(crate) healing: Option<Healing>,
    /// Whether something has happened since the last look at whether all is done.
    pub(crate) is_watched: bool,
    /// Whether an operation was started after the world had healed.
    pub(crate) is_new: bool,
    pub(crate) settled_ns: Option<u64>,
    pub(crate) halted: Option<Violation>,
    instant_events: u32,
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
        let Plan { mut world, config, operations, orders } = plan;
        let count = usize::from(world.nodes);
        assert!((1..=NodeId::LIMIT).contains(&count), "a cluster has 1 to {} nodes", NodeId::LIMIT);
        assert!(
            world.sync_ns.len() == count && world.clock_ppm.len() == count,
            "one disk and one clock a node"
        );
        let nemesis = Nemesis::new::<P>(rules, seed, count)?;
        let mut nodes: Vec<Node<P>> = (0..count).map(|_| Node::default()).collect();
        for (index, node) in nodes.iter_mut().enumerate() {
            let offset_ns = world.clock_offset_ns.get(index).copied().unwrap_or(0);
            node.clock = Clock::new(offset_ns, world.clock_ppm[index]);
        }
        let clock_ppm = world.clock_ppm.iter().map(|ppm| ppm.unsigned_abs()).max().unwrap_or(0);
        let traitors = world.traitors.intersection(NodeSet::all(count));
        let calm_ns = if world.liveness.is_some() { 0 } else { world.healing_ns };
        let planned_end = world.duration_ns.saturating_add(calm_ns);
        Ok(Self {
            links: Links::new(count, P::Message::KINDS.len(), world.latency_ns.clone()),
            turns: world.fifo.then(|| Box::new(Turns::new(count))),
            clients: Clients::new(operations, world.clients, world.nodes, world.client),
            orders: Orders::new(orders, count),
            faults: std::mem::take(&mut world.faults),
            spare: Vec::new(),
            keeps_faults: false,
            storm: Storm::default(),
            drawn_until: u64::MAX,
            nodes,
            treason: Treason::new(traitors),
            nemesis,
            world,
            config,
            observer,
            chooser,
            queue: Queue::default(),
            slab: Slab::default(),
            answered: Vec::new(),
            withdrawn: 0,
            last_strike: None,
            active: Vec::new(),
            now: 0,
            digest: Digest::default(),
            words: Fingerprinter::default(),
            effects: None,
            struck: Struck { clock_ppm, traitors, ..Struck::default() },
            partitions: 0,
            crashes_mid_flight: 0,
            order: 0,
            recorder: None,
            lose_kinds: P::Message::KINDS,
            events: 0,
            planned_end,
            healing: None,
            is_watched: false,
            is_new: false,
            settled_ns: None,
            halted: None,
            instant_events: 0,
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

    /// More faults strike than the plan has: these, which come in the order of time. They are asked for as the run goes
    /// on.
    pub fn draw_faults_from(&mut self, faults: Box<dyn Iterator<Item = Fault>>) {
        self.storm = Storm::new(faults);
        self.drawn_until = 0;
    }

    /// Keeps every event for a trace.
    pub fn record_events(&mut self) {
        self.keeps_faults = true;
        self.recorder = Some(Box::default());
    }

    /// Keeps every decision that is not the default.
    pub fn record_decisions(&mut self) {
        self.keeps_faults = true;
        self.chooser.record();
    }

    /// Runs to the end: of time, of patience with a broken property, or of a limit. A panic in the protocol is
    /// caught and becomes a verdict.
    pub fn run(&mut self) -> Tally {
        note_places();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.run_events()));
        if let Err(panic) = outcome {
            self.halted = Some(verdict_of_panic(&*panic, self.asserting));
            self.close();
        }
        Tally {
            digest: self.digest.value(),
            events: self.events,
            messages: self.chooser.messages(),
            ended_ns: self.now,
            struck: self.struck_by_now(),
            asked: self.clients.asked,
            orders: self.orders.heard,
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
        let mut index = 0..;
        faults.retain(|_| index.next().is_none_or(|index| !self.is_withdrawn(index)));
        // What the end of the run forestalled is no part of it.
        faults.retain(|fault| fault.at_ns <= self.now);
        faults.sort();
        (self.chooser.take_recorded(), faults, events)
    }

    /// What each message weighed that the recorded events sent. Ask before [`Cluster::take_recorded`].
    pub fn take_parcels(&mut self) -> Vec<Parcel> {
        self.recorder.as_mut().map(|recorder| std::mem::take(&mut recorder.parcels)).unwrap_or_default()
    }

    /// How many overrides of the chooser no one asked for.
    #[must_use]
    pub fn never_asked(&self) -> u64 {
        self.chooser.never_asked()
    }

    /// How many overrides of messages, syncs and crashes struck after the world had healed.
    #[must_use]
    pub fn struck_late(&self) -> u64 {
        self.chooser.struck_late()
    }

    /// The protocol's configuration.
    pub fn config(&self) -> &P::Config {
        &self.config
    }

    /// Who watched.
    pub fn into_observer(self) -> O {
        self.observer
    }

    fn run_events(&mut self) {
        self.begin();
        while !self.observer.is_over() && self.halted.is_none() {
            let end = self.end();
            let Some(entry) = self.next_event(end) else {
                if end > self.now {
                    self.now = end;
                    self.observer.on_time(end);
                }
                self.judge_liveness();
                return self.finish();
            };
            let may_be_withdrawn = self.withdrawn > 0 && entry.tie.class() == Class::FaultStart;
            if may_be_withdrawn && self.pass_over_withdrawn(entry.slot) {
                continue;
            }
            self.advance(entry.time);
            self.handle(entry);
            if self.healing.is_some() && self.has_settled() {
                return self.finish();
            }
        }
    }

    /// What happens next, until `end`.
    #[inline]
    fn next_event(&mut self, end: u64) -> Option<Entry> {
        loop {
            let entry = self.queue.pop_until(end.min(self.drawn_until));
            if entry.is_some() || self.drawn_until >= end {
                return entry;
            }
            self.draw_faults();
        }
    }

    /// The run has gone to its end, unless its very last event broke something.
    #[inline(never)]
    fn finish(&mut self) {
        if !self.observer.is_over() {
            // A core that was asked nothing new has only ended its operations: its nodes need not have come to agree.
            let settled = self.settled_ns.filter(|_| self.is_new).and_then(|_| self.core());
            self.observer.on_finish(Ending { at_ns: self.now, settled });
        }
    }

    #[inline(never)]
    fn begin(&mut self) {
        for index in 0..self.faults.len() {
            self.schedule_fault(index as u32);
        }
        let heal = Tie::new(WORLD, Class::Heal, 0, 0, 0, 0);
        self.queue.push(Entry { time: self.world.duration_ns, tie: heal, slot: 0 });
        self.schedule_operations();
        self.schedule_orders();
        for node in NodeId::all(usize::from(self.world.nodes)) {
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
        if time != self.now {
            (self.now, self.instant_events) = (time, 0);
            self.chooser.set_now(time);
            self.observer.on_time(time);
        }
        self.instant_events += 1;
        let limits = &self.world.limits;
        if self.instant_events > limits.instant_max
            || self.slab.holds_more_than(limits.pending_max as usize)
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

    /// Nearly all that happens is that something arrives; most of the rest are timers.
    #[inline(always)]
    fn handle(&mut self, entry: Entry) {
        match entry.tie.class() {
            Class::Arrival => self.arrive(entry),
            Class::Timer => self.look_at_timer(entry),
            class => self.handle_other(class, entry),
        }
    }

    #[inline(never)]
    fn handle_other(&mut self, class: Class, entry: Entry) {
        match class {
            Class::Arrival | Class::Timer => unreachable!("these are handled already"),
            Class::Sync => self.finish_sync(entry),
            Class::Order => self.order(entry),
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

    // --- Timers and steps ---

    #[inline(never)]
    fn look_at_timer(&mut self, entry: Entry) {
        let id = NodeId(entry.tie.destination());
        let (me, count) = (self.identity(id), usize::from(self.world.nodes));
        let node = &mut self.nodes[id.index()];
        if !node.is_up() {
            return;
        }
        if node.paused_until > self.now {
            let time = node.paused_until;
            if node.timers.defer(entry.slot, self.now, time) {
                self.suffer_pause(id);
            }
            self.queue.push(Entry { time, ..entry });
            return;
        }
        match node.timers.look(entry.slot, self.now, me, count, &mut self.chooser) {
            Look::Nothing => {}
            Look::Again(time, decided) => {
                self.digest_decision(decided);
                self.queue.push(Entry { time, ..entry });
            }
            Look::Fires(timer, decided) => {
                if !node.clock.is_right() {
                    self.suffer(FaultClass::ClockDrift);
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

    #[inline(never)]
    pub(crate) fn step(&mut self, id: NodeId, input: Input<P>) {
        let mut effects = self.effects.take().unwrap_or_default();
        self.set_clock(id, &mut effects);
        let Some(machine) = self.nodes[id.index()].machine.as_mut() else { return };
        machine.step(input, &mut effects);
        self.settle(id, effects);
        self.close();
    }

    /// Sets the clock that the machine is about to read, if it reads one: what it says is part of the input.
    #[inline]
    pub(crate) fn set_clock(&mut self, id: NodeId, effects: &mut Effects<P>) {
        if P::READS_CLOCK {
            let now = self.nodes[id.index()].clock.says(self.now);
            effects.set_clock(now);
            now.fingerprint(&mut self.words);
            self.note_clock(now);
        }
    }

    /// Applies what a machine has just pushed, and looks at the machine.
    #[inline(always)]
    pub(crate) fn settle(&mut self, id: NodeId, effects: Box<Effects<P>>) {
        self.apply(id, effects);
        if let Some(machine) = self.nodes[id.index()].machine.as_ref() {
            if self.checks_assertions {
                self.asserting = true;
                machine.assert_invariants();
                self.asserting = false;
            }
            if !self.treason.is_traitor(id) {
                self.observer.after_step(id, machine);
            }
            if self.healing.is_some() {
                self.look_for_livelock();
            }
        }
    }
}
