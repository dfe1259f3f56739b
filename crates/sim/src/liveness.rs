//! After the faults: whether the core comes back, and what the report says if it does not.
//!
//! After TigerBeetle's simulator: a core heals, what ails the others stays, and within a bound that every progress
//! resets all that is asked must be answered and the core's nodes must agree.

use std::collections::BTreeMap;

use quarrel_protocol::{Fingerprint, Fingerprinter, NodeId, NodeSet, PropertyKind, Protocol, Violation};

use crate::cluster::Cluster;
use crate::observer::Observer;
use crate::time::Span;
use crate::world::Liveness;

/// The name of the property.
pub(crate) const LIVENESS: &str = "liveness";
/// What a core without progress may do: the words behind `liveness: ` in a signature.
pub const SHAPES: [&str; 4] = ["blocked", "livelock", "never done", "wandering"];

/// However much progress there is, a core that needs so many bounds is never done.
const BOUNDS_MAX: u64 = 100;

/// A state that comes back so often, with others between, is a livelock.
const RETURNS_MIN: u32 = 3;

/// How the core comes back.
pub(crate) struct Healing {
    core: NodeSet,
    bound_ns: u64,
    healed_ns: u64,
    progress_ns: u64,
    /// However much progress there is, it must be done by then.
    last_ns: u64,
    /// Since when nobody has asked for anything: that time does not count.
    idle_since: Option<u64>,
    /// How often the core came to each abstract state since the last progress, and which it is in.
    states: BTreeMap<u64, u32>,
    state: u64,
}

impl<P: Protocol, O: Observer<P>> Cluster<P, O> {
    pub(crate) const fn has_healed(&self) -> bool {
        self.healing.is_some()
    }

    /// The nodes that have healed for good.
    pub(crate) fn core(&self) -> Option<NodeSet> {
        self.healing.as_ref().map(|healing| healing.core)
    }

    #[inline]
    pub(crate) fn is_core(&self, id: NodeId) -> bool {
        self.healing.as_ref().is_some_and(|healing| healing.core.contains(id))
    }

    /// The faults are over: from now on the core must get on, if the world says so. Returns the core.
    pub(crate) fn start_healing(&mut self) -> Option<NodeSet> {
        let Liveness { core, bound_ns, latency_ns } = self.world.liveness?;
        let now = self.now;
        let core = core.intersection(NodeSet::all(usize::from(self.world.nodes)));
        self.links.hasten(core, latency_ns);
        self.healing = Some(Healing {
            core,
            bound_ns,
            healed_ns: now,
            progress_ns: now,
            last_ns: now.saturating_add(bound_ns.saturating_mul(BOUNDS_MAX)),
            idle_since: None,
            states: BTreeMap::new(),
            state: 0,
        });
        self.is_watched = true;
        self.clients.be_patient(core);
        self.chooser.scatter();
        self.note_idleness();
        Some(core)
    }

    /// When the run ends if nothing happens any more.
    pub(crate) fn end(&self) -> u64 {
        match &self.healing {
            None => self.planned_end,
            // What is due at the end of all time never comes.
            Some(healing) => healing.end(self.has_more()).min(u64::MAX - 1).max(self.now),
        }
    }

    /// Whether a client or the operator will ask for something.
    fn has_more(&self) -> bool {
        self.clients.has_more() || self.orders.has_more()
    }

    /// A client was answered, or a node of the core has put something out.
    pub(crate) fn progress(&mut self) {
        self.is_watched = true;
        if let Some(healing) = &mut self.healing {
            healing.progress_ns = self.now;
            healing.states.clear();
        }
    }

    /// An operation has ended, or the world has healed: the core may owe nobody anything.
    pub(crate) fn note_idleness(&mut self) {
        if let Some(healing) = &mut self.healing
            && self.clients.pressure().0 == 0
        {
            healing.idle_since.get_or_insert(self.now);
        }
    }

    /// An operation begins. After idle time the bound counts from now.
    pub(crate) fn note_start(&mut self) {
        if let Some(healing) = &mut self.healing
            && let Some(since) = healing.idle_since.take()
        {
            healing.last_ns = healing.last_ns.saturating_add(self.now - since);
            healing.progress_ns = self.now;
            healing.states.clear();
        }
    }

    /// Whether every operation has ended and the core agrees. Agreement is asked of a core that was asked something new:
    /// without that a leader need not know how far its predecessors had got.
    #[inline(never)]
    pub(crate) fn has_settled(&mut self) -> bool {
        if !std::mem::take(&mut self.is_watched) || !self.clients.all_ended() || self.orders.has_more() {
            return false;
        }
        let Some(healing) = &self.healing else { return false };
        if self.is_new && self.observer.lag(healing.core).is_some() {
            return false;
        }
        self.settled_ns = Some(self.now);
        true
    }

    /// The bound has passed without progress.
    #[cold]
    #[inline(never)]
    pub(crate) fn judge_liveness(&mut self) {
        let Some(healing) = &self.healing else { return };
        let (shape, how) = healing.shape();
        debug_assert!(SHAPES.contains(&shape), "every shape is listed");
        let bound = Span(healing.bound_ns);
        let since =
            Span(self.now - if healing.is_never_done() { healing.healed_ns } else { healing.progress_ns });
        let mut detail = format!("{} had healed, and {how} for {since} (bound: {bound}).", healing.core);
        detail += &self.who_waits();
        detail.truncate(detail.trim_end_matches('.').len());
        let property = LIVENESS.to_string();
        let signature = format!("{property}: {shape}");
        self.halted = Some(Violation { property, kind: PropertyKind::Liveness, detail, signature });
    }

    /// Who waits for whom, a sentence each: clients, then the nodes of the core.
    fn who_waits(&self) -> String {
        let mut words = String::new();
        let (pending, is_storm) = self.clients.pressure();
        for (position, attempts) in self.clients.under_way(2) {
            let operation = self.clients.operation(position);
            let (client, id, request) = (operation.client, operation.id, &operation.request);
            let asked = if attempts == 1 { "once".to_string() } else { format!("{attempts} times") };
            words += &format!(" {client} waits for an answer to {id} ({request}), asked {asked}.");
        }
        match pending {
            0..=2 => {}
            3 => words += " So does the client of 1 other operation.",
            _ => words += &format!(" So do the clients of {} other operations.", pending - 2),
        }
        if is_storm && pending >= self.world.client.pending_max {
            words +=
                " Clients may have no more under way, and nearly all they send is retries: a retry storm.";
        }
        let Some(healing) = &self.healing else { return words };
        // Who says the same says it together, in the order of the first.
        let mut said: Vec<(String, NodeSet)> = Vec::new();
        for id in healing.core.iter() {
            let what = self.waits_of(id);
            match said.iter_mut().find(|(known, _)| *known == what) {
                Some((_, who)) => {
                    who.insert(id);
                }
                None => said.push((what, NodeSet::only(id))),
            }
        }
        for (what, who) in said {
            let what = if who.len() > 1 {
                what.replace("waits for", "wait for").replace("does not say", "do not say")
            } else {
                what
            };
            words += &format!(" {who} {what}.");
        }
        if pending == 0
            && let Some(lag) = self.observer.lag(healing.core)
        {
            words += &format!(" Every operation was answered, but {lag}.");
        }
        words
    }

    /// What a node says of itself: `(candidate) waits for n2, n3: votes in term 4`.
    fn waits_of(&self, id: NodeId) -> String {
        let node = &self.nodes[id.index()];
        let Some(machine) = &node.machine else {
            let why = if node.is_damaged { "(down: its disk is damaged)" } else { "(down)" };
            return why.to_string();
        };
        let waits: Vec<String> = machine.waits().iter().map(ToString::to_string).collect();
        let waits =
            if waits.is_empty() { "does not say what it needs".to_string() } else { waits.join(", and ") };
        format!("({}) {waits}", machine.summary().role)
    }

    /// Notes the abstract state of the core, once half of the bound has passed without progress.
    #[inline]
    pub(crate) fn look_for_livelock(&mut self) {
        let Some(healing) = &self.healing else { return };
        if self.now - healing.progress_ns > healing.bound_ns / 2 {
            self.note_state();
        }
    }

    #[cold]
    fn note_state(&mut self) {
        let Some(healing) = &mut self.healing else { return };
        let core = healing.core.iter();
        let summaries = core.filter_map(|id| self.nodes[id.index()].machine.as_ref().map(P::summary));
        let summaries: Vec<_> = summaries.collect();
        let mut print = Fingerprinter::default();
        for summary in &summaries {
            summary.role.to_string().fingerprint(&mut print);
            for &(name, value) in &summary.facts {
                // Terms, rounds and positions that grow together on all nodes are the same state again.
                let same =
                    summaries.iter().flat_map(|other| &other.facts).filter(|&&(other, _)| other == name);
                let least = same.map(|&(_, value)| value).min().unwrap_or(0);
                print.word(value - least);
            }
        }
        let state = print.finish();
        if state != healing.state || healing.states.is_empty() {
            healing.state = state;
            *healing.states.entry(state).or_default() += 1;
        }
    }
}

impl Healing {
    /// When the core has failed to come back if nothing happens any more.
    fn end(&self, has_more: bool) -> u64 {
        match self.idle_since {
            Some(_) if has_more => u64::MAX,
            _ => self.progress_ns.saturating_add(self.bound_ns).min(self.last_ns),
        }
    }

    const fn is_never_done(&self) -> bool {
        self.progress_ns.saturating_add(self.bound_ns) > self.last_ns
    }

    /// What a core without progress does: the canonical word, and in words.
    fn shape(&self) -> (&'static str, String) {
        let states = self.states.len();
        let most = self.states.values().max().copied().unwrap_or(0);
        if self.is_never_done() {
            return ("never done", "never came to an end, always with some progress,".to_string());
        }
        match states {
            0 | 1 => ("blocked", "nothing moved".to_string()),
            _ if most >= RETURNS_MIN => {
                ("livelock", format!("it went round in the same {states} states without progress"))
            }
            _ => ("wandering", "it moved without progress".to_string()),
        }
    }
}
