//! What a step's effects do to the world, by the release rule.

use quarrel_protocol::Announcement;
use quarrel_protocol::{
    After, ClientId, Effect, Effects, Fingerprint, Fingerprinter, Kinded, NodeId, Protocol,
};

use crate::books::client_code;
use crate::cluster::Cluster;
use crate::decision::{Decision, DecisionKind, Endpoint, Fate};
use crate::fault::FaultClass;
use crate::flight::{Cargo, Flight};
use crate::lanes::Link;
use crate::observer::Observer;
use crate::queue::{Class, Entry, Tie};
use crate::record::TraceEffect;
use crate::time::{MICROSECOND, Span};
use crate::world::Repeats;

/// Marks that keep the words of different effects apart in the digest; those of writes are where these are made.
mod tag {
    pub(super) const SEND: u64 = 3 << 40;
    pub(super) const REPLY: u64 = 4 << 40;
    pub(super) const OUTPUT: u64 = 5 << 40;
    pub(super) const ANNOUNCE: u64 = 6 << 40;
    pub(super) const SET_TIMER: u64 = 7 << 40;
    pub(super) const CANCEL_TIMER: u64 = 8 << 40;
    pub(super) const REQUEST: u64 = 9 << 40;
}

impl<P: Protocol, O: Observer<P>> Cluster<P, O> {
    /// Applies the effects that the node has just pushed, in order. A crash on the way drops the rest.
    #[inline(always)]
    pub(crate) fn apply(&mut self, id: NodeId, mut effects: Box<Effects<P>>) {
        // Whether all that was written is durable: only a write of this very step can change that.
        let mut is_clean = self.nodes[id.index()].disk.is_clean();
        // Whether the sync that this step's first write asked for takes no time at all.
        let mut sync_ns = None;
        // Each is done where it lies, and moves at most once, to where it stays: see `Effects::add` for what a copy costs.
        for effect in effects.as_mut_slice() {
            match effect {
                Effect::Persist(_) | Effect::Compact(_) => {
                    if !self.write(id, effect, &mut sync_ns) {
                        break;
                    }
                    is_clean = self.nodes[id.index()].disk.is_clean();
                }
                Effect::Barrier => self.put_barrier(id),
                Effect::Send { unsynced, .. } if *unsynced || is_clean => self.send(id, effect),
                Effect::Output(output) if is_clean => self.put_out(id, output),
                Effect::Announce(event) => {
                    self.tell_nemesis(id, event);
                    match is_clean {
                        true => self.announce(id, event),
                        false => self.hold(id, effect),
                    }
                }
                Effect::Reply { .. } if is_clean => self.send_reply(id, effect),
                Effect::Send { .. } | Effect::Output(_) | Effect::Reply { .. } => self.hold(id, effect),
                Effect::SetTimer { timer, after } => self.set_timer(id, timer, *after),
                Effect::CancelTimer { timer } => {
                    self.words.mark(tag::CANCEL_TIMER);
                    timer.fingerprint(&mut self.words);
                    self.note(|| plain("cancel-timer", timer.to_string()));
                    self.nodes[id.index()].timers.cancel(timer);
                }
            }
        }
        effects.clear();
        self.effects = Some(effects);
        if !is_clean {
            self.start_sync(id, sync_ns);
        }
    }

    // --- Releasing ---

    /// An effect waits until all that was written so far is durable.
    #[inline(never)]
    fn hold(&mut self, id: NodeId, effect: &mut Effect<P>) {
        self.note(|| TraceEffect { fate: Some("held".into()), ..describe(effect) });
        let node = &mut self.nodes[id.index()];
        node.held.push_back((node.disk.written(), std::mem::replace(effect, Effect::Barrier)));
    }

    /// What an effect waited for is durable.
    #[inline(never)]
    pub(crate) fn release(&mut self, id: NodeId, effect: &mut Effect<P>) {
        match effect {
            Effect::Send { .. } => self.send(id, effect),
            Effect::Reply { .. } => self.send_reply(id, effect),
            Effect::Output(output) => self.put_out(id, output),
            Effect::Announce(event) => self.announce(id, event),
            Effect::Persist(_)
            | Effect::Compact(_)
            | Effect::Barrier
            | Effect::SetTimer { .. }
            | Effect::CancelTimer { .. } => unreachable!("what concerns one node alone waits for nothing"),
        }
    }

    #[inline(never)]
    fn put_out(&mut self, id: NodeId, output: &P::Output) {
        self.words.mark(tag::OUTPUT);
        output.fingerprint(&mut self.words);
        self.note(|| plain("output", output.to_string()));
        if !self.treason.is_traitor(id) {
            self.observer.on_output(id, output);
        }
        if self.is_core(id) {
            self.progress();
        }
    }

    #[inline(never)]
    fn announce(&mut self, id: NodeId, event: &P::Event) {
        self.words.mark(tag::ANNOUNCE);
        event.fingerprint(&mut self.words);
        self.note(|| announcement(event));
        if !self.treason.is_traitor(id) {
            self.observer.on_announce(id, event);
        }
    }

    // --- Sending ---

    /// A message leaves. Out of line, and all the way to the network in one piece: it lies in the effect until it moves
    /// to its place in the slab, see [`crate::flight::Slab::insert`].
    #[inline(never)]
    fn send(&mut self, from: NodeId, effect: &mut Effect<P>) {
        if self.treason.is_about() {
            return self.send_amid_treason(from, effect);
        }
        self.post((from, from), effect, 0);
    }

    /// To itself even a traitor is honest.
    #[cold]
    fn send_amid_treason(&mut self, from: NodeId, effect: &mut Effect<P>) {
        let me = self.identity(from);
        match effect {
            Effect::Send { to, message, .. } if self.treason.is_traitor(from) && *to != me => {
                self.betray(from, *to, message);
            }
            _ => self.post((from, me), effect, 0),
        }
    }

    /// A message leaves a seat that passes for a node, so much later than now: what it says is settled, what becomes of it
    /// is not.
    #[inline(always)]
    pub(crate) fn post(&mut self, (from, me): (NodeId, NodeId), effect: &mut Effect<P>, late_ns: u64) {
        let Effect::Send { to, message, .. } = &*effect else { unreachable!("only messages are sent") };
        let to = *to;
        let mut print = Fingerprinter::default();
        message.fingerprint(&mut print);
        let print = print.finish();
        self.words.mark(tag::SEND | u64::from(to.0));
        if to == me {
            self.words.word(print);
            return self.send_to_self(from, effect, print);
        }
        if to.0 >= self.world.nodes {
            return self.words.word(print);
        }
        if self.has_twins() {
            return self.send_among_copies(from, effect, print, late_ns);
        }
        self.carry((from, me), (to, to), effect, print, late_ns);
    }

    /// The network takes a message over: from a seat that passes for a node, to a seat that passes for another.
    #[inline(always)]
    pub(crate) fn carry(
        &mut self,
        (seat, from): (NodeId, NodeId),
        (goal, to): (NodeId, NodeId),
        effect: &mut Effect<P>,
        print: u64,
        late_ns: u64,
    ) {
        let Effect::Send { message, .. } = &*effect else { unreachable!("only messages are carried") };
        let kind = message.kind();
        let link = self.link(from, to);
        let (fate, occurrence) = self.chooser.fate(link, kind);
        self.words.pair(print, fate);
        let obstacle = self.links.obstacle(kind, from, to);
        if self.is_recording() {
            self.note_send(goal, message, fate, obstacle);
            self.note_parcel(from, to, message);
        }
        if let Some(class) = obstacle {
            return self.suffer(class);
        }
        let mut flight = self.flight(Endpoint::Node(seat), Endpoint::Node(goal), print);
        flight.sent_at = flight.sent_at.saturating_add(late_ns);
        let tie = Tie::new(goal.0, Class::Arrival, 1 + seat.0, kind as u8, 0, occurrence);
        let latency = self.links.latency(link).saturating_add(late_ns);
        self.launch(flight, || Cargo::of(effect), latency, fate, tie);
    }

    /// The link between two nodes.
    #[inline]
    pub(crate) const fn link(&self, from: NodeId, to: NodeId) -> Link {
        Link::between(from, to, self.world.nodes)
    }

    #[cold]
    #[inline(never)]
    fn note_send(&mut self, to: NodeId, message: &P::Message, fate: u64, obstacle: Option<FaultClass>) {
        let fate = match (obstacle, fate) {
            (Some(FaultClass::Partition), _) => Some("cut".to_string()),
            (Some(_), _) => Some("lost (aimed)".to_string()),
            (None, 0) => None,
            (None, fate) => Some(Decision::answer(DecisionKind::Fate, fate)),
        };
        let sent = plain("send", message.to_string());
        let to = Some(self.shown(Endpoint::Node(to)));
        self.note(|| TraceEffect { to, fate, ..sent });
    }

    fn send_to_self(&mut self, id: NodeId, effect: &mut Effect<P>, print: u64) {
        let Effect::Send { message, .. } = &*effect else { unreachable!("only messages are sent") };
        let to = Some(self.shown(Endpoint::Node(id)));
        self.note(|| TraceEffect { to, ..plain("send", message.to_string()) });
        let node = &mut self.nodes[id.index()];
        node.to_itself = node.to_itself.wrapping_add(1);
        let tie = Tie::new(id.0, Class::Arrival, 0, message.kind() as u8, 0, node.to_itself);
        let incarnation = node.incarnation;
        let flight = Flight { incarnation, ..self.flight(Endpoint::Node(id), Endpoint::Node(id), print) };
        let slot = self.slab.insert(flight, || Cargo::of(effect));
        self.queue.push(Entry { time: self.now, tie, slot });
    }

    fn send_reply(&mut self, from: NodeId, effect: &mut Effect<P>) {
        let Effect::Reply { client, id, reply } = &mut *effect else { unreachable!("only replies are sent") };
        let (client, id) = (*client, *id);
        self.words.mark(tag::REPLY | u64::from(client.0));
        let mut late_ns = 0;
        if self.treason.is_traitor(from) {
            let honest = reply.digest();
            let Some(late) = self.betray_client(from, client, id, reply) else {
                return self.words.word(honest);
            };
            late_ns = late;
        } else {
            self.observer.on_reply(from, client, id, reply);
        }
        let print = reply.digest();
        if client.0 >= self.world.clients {
            return self.words.word(print);
        }
        let (fate, occurrence) = self.chooser.reply_fate(self.identity(from), client);
        let fate = self.undoubled(fate, || self.clients.find(client, id));
        self.words.pair(print, fate);
        self.note(|| {
            let fate = (fate != 0).then(|| Decision::answer(DecisionKind::Fate, fate));
            TraceEffect {
                to: Some(Endpoint::Client(client)),
                fate,
                ..plain("reply", format!("{id}: {reply}"))
            }
        });
        let flight = self.flight(Endpoint::Node(from), Endpoint::Client(client), print);
        let tie = Tie::new(client_code(client), Class::Arrival, 1 + from.0, 1, 0, occurrence);
        let latency = self.world.client_latency_ns.saturating_add(late_ns);
        self.launch(flight, || Cargo::of(effect), latency, fate, tie);
    }

    pub(crate) fn send_request(&mut self, client: ClientId, to: NodeId, position: u32, print: u64) {
        if !self.has_twins() {
            return self.carry_request(client, (to, to), position, print);
        }
        for seat in self.seats_for_client(client, to) {
            self.carry_request(client, (seat, to), position, print);
        }
    }

    fn carry_request(&mut self, client: ClientId, (goal, to): (NodeId, NodeId), position: u32, print: u64) {
        let operation = self.clients.operation(position);
        let (id, request) = (operation.id, operation.request.clone());
        let (fate, occurrence) = self.chooser.request_fate(client, to);
        let fate = self.undoubled(fate, || Some(position));
        self.words.mark(tag::REQUEST | u64::from(to.0));
        self.words.word(fate);
        if fate != 0 {
            self.note(|| TraceEffect {
                to: Some(Endpoint::Node(to)),
                fate: Some(Decision::answer(DecisionKind::Fate, fate)),
                ..plain("send", format!("{id}: {request}"))
            });
        }
        let flight = self.flight(Endpoint::Client(client), Endpoint::Node(goal), print);
        let tie = Tie::new(goal.0, Class::Arrival, client_code(client), 0, 0, occurrence);
        self.launch(flight, || Cargo::Request(position), self.world.client_latency_ns, fate, tie);
    }

    /// The fate of a request or its reply: neither comes twice where the request may not be repeated.
    #[inline]
    fn undoubled(&self, fate: u64, position: impl FnOnce() -> Option<u32>) -> u64 {
        let Fate::Twice(first, _) = Fate::decode(fate) else { return fate };
        let repeats = position().map(|position| self.clients.operation(position).repeats);
        if repeats == Some(Repeats::Never) { Fate::Arrives(first).encode() } else { fate }
    }

    #[inline]
    fn flight(&mut self, from: Endpoint, to: Endpoint, print: u64) -> Flight {
        self.order += 1;
        let (sent_at, cause, order) = (self.now, self.event(), self.order);
        Flight { from, to, incarnation: 0, print, sent_at, cause, order, has_reached: false }
    }

    /// Puts a flight under way as its fate has it.
    #[inline(always)]
    fn launch(
        &mut self,
        flight: Flight,
        cargo: impl FnOnce() -> Cargo<P>,
        latency: u64,
        fate: u64,
        tie: Tie,
    ) {
        let base = self.now.saturating_add(latency);
        let late = |us: u32| base.saturating_add(u64::from(us) * MICROSECOND);
        let (delay, copy) = match Fate::decode(fate) {
            Fate::Lost => return self.suffer(FaultClass::Loss),
            Fate::Arrives(delay) => {
                if fate != 0 {
                    self.suffer(FaultClass::Delay);
                }
                (delay, None)
            }
            Fate::Twice(first, second) => {
                self.suffer(FaultClass::Duplication);
                (first, Some(second))
            }
        };
        let Flight { from, to, .. } = flight;
        let (time, place) = self.in_turn(from, to, late(delay), tie);
        let slot = self.slab.insert(flight, cargo);
        self.queue.push(Entry { time, tie: place, slot });
        if let Some(delay) = copy {
            let (time, tie) = self.in_turn(from, to, late(delay), tie.of_copy());
            let slot = self.slab.copy(slot);
            self.queue.push(Entry { time, tie, slot });
        }
    }

    /// When a flight is due that could arrive at `time`, and its place among what is due then: on a link that keeps
    /// the order, behind all that was sent before.
    #[inline]
    fn in_turn(&mut self, from: Endpoint, to: Endpoint, time: u64, tie: Tie) -> (u64, Tie) {
        match (&mut self.turns, from, to) {
            (Some(turns), Endpoint::Node(from), Endpoint::Node(to)) => {
                let (due, number) = turns.enter(from, to, time);
                (due, Tie::new(to.0, Class::Arrival, 1 + from.0, 0, 0, number))
            }
            _ => (time, tie),
        }
    }

    // --- Timers and the nemesis ---

    #[inline(never)]
    fn set_timer(&mut self, id: NodeId, timer: &P::Timer, after: After) {
        self.words.mark(tag::SET_TIMER);
        timer.fingerprint(&mut self.words);
        self.words.pair(after.min_ns, after.max_ns);
        let node = &mut self.nodes[id.index()];
        let after = node.in_world_time(after);
        if self.is_recording() {
            self.note_timer(timer, after);
        }
        let timers = &mut self.nodes[id.index()].timers;
        let (slot, queue) = timers.set(timer, self.now, after);
        if let Some(time) = queue {
            let tie = Tie::new(id.0, Class::Timer, 0, timer.kind() as u8, 0, timers.name(slot));
            self.queue.push(Entry { time, tie, slot });
        }
    }

    #[cold]
    #[inline(never)]
    fn note_timer(&mut self, timer: &P::Timer, After { min_ns, max_ns }: After) {
        self.note(|| plain("set-timer", format!("{timer} in {} to {}", Span(min_ns), Span(max_ns))));
    }

    /// The nemesis hears announcements at once, observers when they are released. It answers with faults, and knows
    /// nothing of twins.
    #[inline]
    fn tell_nemesis(&mut self, id: NodeId, event: &P::Event) {
        if self.nemesis.is_watching() {
            self.ask_nemesis(id, event);
        }
    }

    #[inline(never)]
    fn ask_nemesis(&mut self, id: NodeId, event: &P::Event) {
        if !self.nemesis.watches(event.kind()) || id.0 >= self.world.nodes {
            return;
        }
        for fault in self.nemesis.take_awaited(id, event) {
            self.withdraw(fault);
        }
        // As long as a timer lasts: as the node set it that set it for longest.
        let range =
            |kind| self.nodes.iter().filter_map(|node| node.timers.range(kind)).max_by_key(|&(_, most)| most);
        let answers = self.nemesis.hear(id, event, self.now, range);
        answers.into_iter().for_each(|answer| self.add_answer(answer));
    }
}

/// An effect that waits, as traces tell it.
fn describe<P: Protocol>(effect: &Effect<P>) -> TraceEffect {
    match effect {
        Effect::Send { to, message, .. } => {
            TraceEffect { to: Some(Endpoint::Node(*to)), ..plain("send", message.to_string()) }
        }
        Effect::Reply { client, id, reply } => {
            TraceEffect { to: Some(Endpoint::Client(*client)), ..plain("reply", format!("{id}: {reply}")) }
        }
        Effect::Output(output) => plain("output", output.to_string()),
        Effect::Announce(event) => TraceEffect { milestone: false, ..announcement(event) },
        Effect::Persist(_)
        | Effect::Compact(_)
        | Effect::Barrier
        | Effect::SetTimer { .. }
        | Effect::CancelTimer { .. } => unreachable!("what concerns one node alone waits for nothing"),
    }
}

fn announcement<E: Announcement>(event: &E) -> TraceEffect {
    TraceEffect { milestone: event.is_milestone(), ..plain("announce", event.to_string()) }
}

/// A count with the word that fits: `1 write`, `2 writes`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

pub(crate) fn plain(kind: &'static str, what: String) -> TraceEffect {
    TraceEffect { kind: kind.into(), what, to: None, fate: None, milestone: false }
}
