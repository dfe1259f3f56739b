//! Choosers: where the answers to decisions come from.
//!
//! One executor asks; what differs between a random run, a scripted scenario, a replay and a shrinking attempt is only
//! the source of the answers. A chooser has a *base* (the default everywhere, or a pure function of seed and key) and
//! *overrides* by key, written by a scenario, recorded by an earlier run, or what the shrinker left of them.

use quarrel_protocol::{ClientId, Fingerprint, NodeId};

use crate::decision::{Decision, DecisionKind, Endpoint, Fate, Key, Which};
use crate::draw::{between, exponential, mix, slice, threshold};
use crate::world::{DelayShape, Rates};

/// The state of one lane: all decisions that share kind, source, target and message kind.
#[derive(Clone, Copy)]
struct Lane {
    salt: u64,
    occurrence: u32,
    /// The next overridden occurrence; `u32::MAX` if none is left.
    next: u32,
    /// From when on the next override that is anchored to a time answers; `u64::MAX` if none is left.
    since: u64,
    /// Where `next`'s answer stands in the overrides, and where this lane's end.
    by_number: (u32, u32),
    /// The same for `since`.
    by_time: (u32, u32),
    /// How many questions the next of them passes over.
    skip: u32,
    /// While recording: when this lane was last asked, how many questions it had been asked at that instant, and
    /// where an anchor to that instant stands.
    asked_ns: u64,
    at_instant: u32,
    anchor_ns: u64,
}

impl Lane {
    const EMPTY: Self = Self {
        salt: 0,
        occurrence: 0,
        next: u32::MAX,
        since: u64::MAX,
        by_number: (0, 0),
        by_time: (0, 0),
        skip: 0,
        asked_ns: 0,
        at_instant: 0,
        anchor_ns: 0,
    };
}

/// Thresholds of 20 bits, prepared from rates.
#[derive(Clone, Copy, Default)]
struct Thresholds {
    loss: u64,
    duplication: u64,
    delay: u64,
    timer: u64,
    sync: u64,
    lost: u64,
    cut: u64,
}

/// The names that lanes are laid out by.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// How many nodes.
    pub nodes: usize,
    /// How many clients.
    pub clients: usize,
    /// The message kinds.
    pub messages: &'static [&'static str],
    /// The timer kinds.
    pub timers: &'static [&'static str],
}

/// Answers decisions.
pub struct Chooser {
    names: Names,
    lanes: Vec<Lane>,
    overrides: Vec<(Which, u64)>,
    now: u64,
    rates: Rates,
    thresholds: Thresholds,
    random: bool,
    asked: u64,
    unknown: u64,
    recording: Option<Vec<Asked>>,
}

/// A decision that was not the default, as it is recorded.
#[derive(Clone, Copy)]
struct Asked {
    lane: u32,
    occurrence: u32,
    value: u64,
    anchor: Which,
}

/// The message kind of what clients send, in keys.
pub const REQUEST: &str = "request";
/// The message kind of what clients receive, in keys.
pub const REPLY: &str = "reply";

impl Chooser {
    /// A chooser that answers with the default, except for the overrides.
    #[must_use]
    pub fn replay(names: Names, overrides: &[Decision]) -> Self {
        Self::new(names, None, Rates::default(), overrides)
    }

    /// A chooser that answers with a pure function of seed and key, except for the overrides.
    #[must_use]
    pub fn random(names: Names, seed: u64, rates: Rates, overrides: &[Decision]) -> Self {
        Self::new(names, Some(seed), rates, overrides)
    }

    fn new(names: Names, seed: Option<u64>, rates: Rates, overrides: &[Decision]) -> Self {
        let mut chooser = Self {
            names,
            lanes: vec![Lane::EMPTY; names.lanes()],
            overrides: Vec::with_capacity(overrides.len()),
            rates,
            thresholds: Thresholds::new(&rates),
            now: 0,
            random: seed.is_some(),
            asked: 0,
            unknown: 0,
            recording: None,
        };
        if let Some(seed) = seed {
            chooser.salt(seed);
        }
        chooser.load(overrides);
        chooser
    }

    /// Salts are made of names, so that a new message kind moves no other kind's decisions.
    fn salt(&mut self, seed: u64) {
        let seed = mix(seed);
        let hash = |names: &[&str]| names.iter().map(|name| name.to_string().digest()).collect::<Vec<_>>();
        let (messages, timers) = (hash(self.names.messages), hash(self.names.timers));
        let (request, reply) = (REQUEST.to_string().digest(), REPLY.to_string().digest());
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let (kind, source, target, name) = self.names.describe(index);
            let word = match (kind, source, target) {
                (DecisionKind::Fate, Endpoint::Client(_), _) => request,
                (DecisionKind::Fate, _, Endpoint::Client(_)) => reply,
                (DecisionKind::Fate, ..) => messages[name],
                (DecisionKind::Timer, ..) => timers[name],
                _ => 0,
            };
            let place = (kind as u64) << 32 | u64::from(code(source)) << 8 | u64::from(code(target));
            lane.salt = mix(mix(seed ^ place) ^ word);
        }
    }

    fn load(&mut self, overrides: &[Decision]) {
        let mut placed: Vec<(usize, Which, u64)> = Vec::with_capacity(overrides.len());
        for decision in overrides {
            match self.names.find(&decision.key) {
                Some(lane) => placed.push((lane, decision.key.which, decision.value)),
                None => self.unknown += 1,
            }
        }
        placed.sort_unstable();
        placed.dedup_by_key(|&mut (lane, which, _)| (lane, which));
        for (lane, which, value) in placed {
            let position = self.overrides.len() as u32;
            self.overrides.push((which, value));
            let lane = &mut self.lanes[lane];
            let cursor = match which {
                Which::Nth(_) => &mut lane.by_number,
                Which::Since { .. } => &mut lane.by_time,
            };
            if cursor.1 == 0 {
                cursor.0 = position;
            }
            cursor.1 = position + 1;
            lane.look_ahead(&self.overrides);
        }
    }

    /// The world's clock has moved.
    #[inline]
    pub(crate) const fn set_now(&mut self, now: u64) {
        self.now = now;
    }

    /// From now on every decision that is not overridden has its default: the world heals.
    pub fn heal(&mut self) {
        self.random = false;
    }

    /// Starts to record the decisions that are not the default.
    pub fn record(&mut self) {
        self.recording = Some(Vec::new());
    }

    /// The recorded decisions, sorted by key, each with its anchor in time.
    #[must_use]
    pub fn take_recorded(&mut self) -> Vec<(Decision, Which)> {
        let recorded = self.recording.take().unwrap_or_default();
        let named = |asked: Asked| {
            let key = self.names.key(asked.lane as usize, asked.occurrence);
            (Decision { key, value: asked.value }, asked.anchor)
        };
        let mut recorded: Vec<_> = recorded.into_iter().map(named).collect();
        recorded.sort_unstable();
        recorded
    }

    /// How many overrides no one ever asked for.
    #[must_use]
    pub fn never_asked(&self) -> u64 {
        self.overrides.len() as u64 + self.unknown - self.asked
    }

    /// Asks lane number `lane`; `draw` is the random answer.
    #[inline]
    fn ask(&mut self, lane: usize, draw: impl FnOnce(&Rates, &Thresholds, u64) -> u64) -> (u64, u32) {
        let index = lane;
        let lane = &mut self.lanes[lane];
        lane.occurrence += 1;
        let occurrence = lane.occurrence;
        let overridden = occurrence == lane.next || self.now >= lane.since;
        let answer = if overridden { lane.overridden(&self.overrides) } else { None };
        let value = if let Some(answer) = answer {
            self.asked += 1;
            answer
        } else if self.random {
            let word = mix(lane.salt.wrapping_add(u64::from(occurrence).wrapping_mul(0xd134_2543_de82_ef95)));
            draw(&self.rates, &self.thresholds, word)
        } else {
            0
        };
        if let Some(recording) = &mut self.recording {
            lane.note_question(self.now);
            if value != 0 {
                let anchor = Which::Since { ns: lane.anchor_ns, skip: lane.at_instant };
                recording.push(Asked { lane: index as u32, occurrence, value, anchor });
            }
        }
        (value, occurrence)
    }

    /// The fate of the next message of this kind on this link, and its occurrence.
    #[inline]
    pub(crate) fn fate(&mut self, from: NodeId, to: NodeId, kind: usize) -> (u64, u32) {
        let lane = self.names.message_lane(from.index(), to.index(), kind);
        self.ask(lane, draw_fate)
    }

    pub(crate) fn request_fate(&mut self, client: ClientId, to: NodeId) -> (u64, u32) {
        let lane = self.names.request_lane(client.0 as usize, to.index());
        self.ask(lane, draw_fate)
    }

    pub(crate) fn reply_fate(&mut self, from: NodeId, client: ClientId) -> (u64, u32) {
        let lane = self.names.reply_lane(from.index(), client.0 as usize);
        self.ask(lane, draw_fate)
    }

    /// Where in its range of `spread_ns` the node's timer fires: 0, or 1 + nanoseconds.
    #[inline]
    pub(crate) fn timer(&mut self, node: NodeId, kind: usize, spread_ns: u64) -> u64 {
        let lane = self.names.timer_lane(node.index(), kind);
        if self.lanes[lane].since != u64::MAX {
            return self.anchored_timer(lane, spread_ns);
        }
        let draw = |_: &Rates, thresholds: &Thresholds, word: u64| {
            if slice(word, 0) < thresholds.timer { 1 + between(mix(word), 0, spread_ns) } else { 0 }
        };
        let (value, _) = self.ask(lane, draw);
        if value != 0 && let Some(asked) = self.recording.as_mut().and_then(|recording| recording.last_mut()) {
            asked.anchor = Which::Since { ns: self.now.saturating_add(value - 1), skip: 0 };
        }
        value
    }

    /// An override of a timer that is anchored says *when it fires*, if the timer's range still holds that time.
    #[cold]
    fn anchored_timer(&mut self, lane: usize, spread_ns: u64) -> u64 {
        let (index, now) = (lane as u32, self.now);
        let lane = &mut self.lanes[lane];
        lane.occurrence += 1;
        while lane.since < now {
            lane.by_time.0 += 1;
            lane.look_ahead(&self.overrides);
        }
        let late = lane.since - now;
        if lane.since == u64::MAX || late > spread_ns {
            return 0;
        }
        let anchor = Which::Since { ns: lane.since, skip: 0 };
        lane.by_time.0 += 1;
        lane.look_ahead(&self.overrides);
        self.asked += 1;
        if let Some(recording) = &mut self.recording {
            recording.push(Asked { lane: index, occurrence: lane.occurrence, value: 1 + late, anchor });
        }
        1 + late
    }

    /// How much longer the node's next sync takes, in nanoseconds.
    #[inline]
    pub(crate) fn sync(&mut self, node: NodeId) -> u64 {
        let lane = self.names.node_lane(DecisionKind::Sync, node.index());
        let draw = |rates: &Rates, thresholds: &Thresholds, word: u64| {
            if slice(word, 0) < thresholds.sync { between(mix(word), 0, rates.sync_max_ns) } else { 0 }
        };
        self.ask(lane, draw).0
    }

    /// How many of `unsynced` records a crash of the node takes.
    pub(crate) fn lost(&mut self, node: NodeId, unsynced: u64) -> u64 {
        let lane = self.names.node_lane(DecisionKind::Lost, node.index());
        let draw = |_: &Rates, thresholds: &Thresholds, word: u64| {
            if slice(word, 0) < thresholds.lost { between(mix(word), 0, unsynced) } else { 0 }
        };
        self.ask(lane, draw).0.min(unsynced)
    }

    /// How many of `leaving` effects a crash of the node keeps from leaving.
    pub(crate) fn cut(&mut self, node: NodeId, leaving: u64) -> u64 {
        let lane = self.names.node_lane(DecisionKind::Cut, node.index());
        let draw = |_: &Rates, thresholds: &Thresholds, word: u64| {
            if slice(word, 0) < thresholds.cut { between(mix(word), 0, leaving) } else { 0 }
        };
        self.ask(lane, draw).0.min(leaving)
    }
}

impl Lane {
    /// The overriding answer to the occurrence that was just asked for.
    #[cold]
    fn overridden(&mut self, overrides: &[(Which, u64)]) -> Option<u64> {
        let by_number = self.occurrence == self.next;
        if !by_number && self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        let cursor = if by_number { &mut self.by_number } else { &mut self.by_time };
        let (_, value) = overrides[cursor.0 as usize];
        cursor.0 += 1;
        self.look_ahead(overrides);
        Some(value)
    }

    /// An anchor stands most firmly half way between the instant before and this one.
    fn note_question(&mut self, now: u64) {
        if self.asked_ns == now && self.occurrence > 1 {
            self.at_instant += 1;
        } else {
            self.anchor_ns = self.asked_ns.midpoint(now);
            (self.asked_ns, self.at_instant) = (now, 0);
        }
    }

    /// Finds what the next overrides answer.
    fn look_ahead(&mut self, overrides: &[(Which, u64)]) {
        let next = |(position, end): (u32, u32)| (position < end).then(|| overrides[position as usize].0);
        self.next = match next(self.by_number) {
            Some(Which::Nth(nth)) => nth,
            _ => u32::MAX,
        };
        let by_time = next(self.by_time);
        if let Some(Which::Since { ns, skip }) = by_time {
            // Of several anchors in one instant, the earlier ones were passed over already.
            let passed = match self.by_time.0.checked_sub(1).map(|before| overrides[before as usize].0) {
                Some(Which::Since { ns: before, skip: passed }) if before == ns && self.since == ns => passed + 1,
                _ => 0,
            };
            (self.since, self.skip) = (ns, skip.saturating_sub(passed));
        } else {
            self.since = u64::MAX;
        }
    }
}

impl Thresholds {
    fn new(rates: &Rates) -> Self {
        Self {
            loss: threshold(rates.loss_ppm),
            duplication: threshold(rates.duplication_ppm),
            delay: threshold(rates.delay_ppm),
            timer: threshold(rates.timer_ppm),
            sync: threshold(rates.sync_ppm),
            lost: threshold(rates.lost_ppm),
            cut: threshold(rates.cut_ppm),
        }
    }
}

/// The whole fate of a message from one sliced draw; each class reads its own slice, so that none shifts another.
#[inline]
fn draw_fate(rates: &Rates, thresholds: &Thresholds, word: u64) -> u64 {
    let lost = slice(word, 0) < thresholds.loss;
    let twice = slice(word, 1) < thresholds.duplication;
    let late = slice(word, 2) < thresholds.delay;
    if lost || twice || late || rates.spread_us > 0 { draw_perturbed(rates, word, lost, twice, late) } else { 0 }
}

fn draw_perturbed(rates: &Rates, word: u64, lost: bool, twice: bool, late: bool) -> u64 {
    if lost {
        return Fate::Lost.encode();
    }
    let word = mix(word);
    let spread = |word: u64| between(word, 0, u64::from(rates.spread_us)) as u32;
    let first = spread(word) + if late { draw_delay(rates, mix(word)) } else { 0 };
    match twice {
        // The copy takes its own way.
        true => Fate::Twice(first, spread(mix(word ^ 1)) + draw_delay(rates, mix(word ^ 2)).max(1)).encode(),
        false => Fate::Arrives(first).encode(),
    }
}

fn draw_delay(rates: &Rates, word: u64) -> u32 {
    let most = u64::from(rates.delay_max_us);
    let delay = match rates.delay_shape {
        DelayShape::Uniform => between(word, 0, most),
        DelayShape::Exponential => exponential(word, most / 8).min(most),
        DelayShape::Bimodal => {
            if word & 1 == 0 {
                between(mix(word), 0, most / 16)
            } else {
                between(mix(word), most - most / 8, most)
            }
        }
    };
    delay as u32
}

const fn code(endpoint: Endpoint) -> u8 {
    match endpoint {
        Endpoint::Node(NodeId(node)) => node,
        Endpoint::Client(ClientId(client)) => NodeId::LIMIT as u8 + client,
    }
}

/// The layout of lanes: fates between nodes, of requests, of replies; timers; syncs; lost; cut.
impl Names {
    const NODE_KINDS: [DecisionKind; 3] = [DecisionKind::Sync, DecisionKind::Lost, DecisionKind::Cut];

    #[inline]
    fn message_lane(&self, from: usize, to: usize, kind: usize) -> usize {
        (from * self.nodes + to) * self.messages.len() + kind
    }

    fn request_lane(&self, client: usize, to: usize) -> usize {
        self.nodes * self.nodes * self.messages.len() + client * self.nodes + to
    }

    fn reply_lane(&self, from: usize, client: usize) -> usize {
        self.request_lane(self.clients, 0) + from * self.clients + client
    }

    fn timer_lane(&self, node: usize, kind: usize) -> usize {
        self.reply_lane(self.nodes, 0) + node * self.timers.len() + kind
    }

    fn node_lane(&self, kind: DecisionKind, node: usize) -> usize {
        let row = Self::NODE_KINDS.iter().position(|&other| other == kind).expect("a decision of one node");
        self.timer_lane(self.nodes, 0) + row * self.nodes + node
    }

    fn lanes(&self) -> usize {
        self.timer_lane(self.nodes, 0) + Self::NODE_KINDS.len() * self.nodes
    }

    /// The inverse of the layout; the last number is the position of the message's or timer's kind.
    fn describe(&self, lane: usize) -> (DecisionKind, Endpoint, Endpoint, usize) {
        let node = |index: usize| Endpoint::Node(NodeId(index as u8));
        let client = |index: usize| Endpoint::Client(ClientId(index as u8));
        if lane < self.request_lane(0, 0) {
            let (link, kind) = (lane / self.messages.len(), lane % self.messages.len());
            (DecisionKind::Fate, node(link / self.nodes), node(link % self.nodes), kind)
        } else if lane < self.reply_lane(0, 0) {
            let link = lane - self.request_lane(0, 0);
            (DecisionKind::Fate, client(link / self.nodes), node(link % self.nodes), 0)
        } else if lane < self.timer_lane(0, 0) {
            let link = lane - self.reply_lane(0, 0);
            (DecisionKind::Fate, node(link / self.clients), client(link % self.clients), 0)
        } else if lane < self.timer_lane(self.nodes, 0) {
            let timer = lane - self.timer_lane(0, 0);
            let owner = node(timer / self.timers.len());
            (DecisionKind::Timer, owner, owner, timer % self.timers.len())
        } else {
            let rest = lane - self.timer_lane(self.nodes, 0);
            let owner = node(rest % self.nodes);
            (Self::NODE_KINDS[rest / self.nodes], owner, owner, 0)
        }
    }

    fn key(&self, lane: usize, nth: u32) -> Key {
        let (kind, source, target, name) = self.describe(lane);
        let of = match (kind, source, target) {
            (DecisionKind::Fate, Endpoint::Client(_), _) => REQUEST,
            (DecisionKind::Fate, _, Endpoint::Client(_)) => REPLY,
            (DecisionKind::Fate, ..) => self.messages[name],
            (DecisionKind::Timer, ..) => self.timers[name],
            _ => "",
        };
        Key { kind, source, target, of: of.to_string(), which: Which::Nth(nth) }
    }

    /// The lane of a key; `None` when the key names nothing in this cluster.
    fn find(&self, key: &Key) -> Option<usize> {
        let node = |endpoint| match endpoint {
            Endpoint::Node(node) if node.index() < self.nodes => Some(node.index()),
            _ => None,
        };
        let client = |endpoint| match endpoint {
            Endpoint::Client(ClientId(client)) if usize::from(client) < self.clients => {
                Some(usize::from(client))
            }
            _ => None,
        };
        let named = |names: &[&str]| names.iter().position(|&name| name == key.of);
        match key.kind {
            DecisionKind::Fate => match (node(key.source), node(key.target)) {
                (Some(from), Some(to)) => Some(self.message_lane(from, to, named(self.messages)?)),
                (None, Some(to)) if key.of == REQUEST => Some(self.request_lane(client(key.source)?, to)),
                (Some(from), None) if key.of == REPLY => Some(self.reply_lane(from, client(key.target)?)),
                _ => None,
            },
            DecisionKind::Timer => Some(self.timer_lane(node(key.source)?, named(self.timers)?)),
            kind => Some(self.node_lane(kind, node(key.source)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names =
        Names { nodes: 3, clients: 2, messages: &["ask", "tell"], timers: &["tick", "tock", "late"] };

    #[test]
    fn every_lane_has_its_own_name_and_is_found_by_it() {
        for lane in 0..NAMES.lanes() {
            assert_eq!(NAMES.find(&NAMES.key(lane, 1)), Some(lane));
        }
    }

    #[test]
    fn a_class_that_is_off_shifts_no_other() {
        let all = Rates {
            loss_ppm: 100_000,
            duplication_ppm: 100_000,
            delay_ppm: 100_000,
            delay_max_us: 9,
            ..Rates::default()
        };
        let fates = |rates| {
            let mut chooser = Chooser::random(NAMES, 7, rates, &[]);
            (0..2000).map(|_| Fate::decode(chooser.fate(NodeId(0), NodeId(1), 0).0)).collect::<Vec<_>>()
        };
        let (with, without) = (fates(all), fates(Rates { loss_ppm: 0, ..all }));
        assert!(with.contains(&Fate::Lost) && !without.contains(&Fate::Lost));
        for (with, without) in with.iter().zip(&without) {
            assert!(*with == Fate::Lost || with == without);
        }
    }

    #[test]
    fn overrides_answer_their_own_occurrence_only() {
        let key = |nth| Key { which: Which::Nth(nth), ..NAMES.key(NAMES.message_lane(0, 1, 1), 1) };
        let decisions = [3, 1].map(|nth| Decision { key: key(nth), value: Fate::Lost.encode() });
        let absent = Decision { key: Key { of: "gone".into(), ..key(1) }, value: 1 };
        let mut chooser = Chooser::replay(NAMES, &[decisions.as_slice(), &[absent]].concat());
        let lost: Vec<bool> = (0..4).map(|_| chooser.fate(NodeId(0), NodeId(1), 1).0 == 1).collect();
        assert_eq!(lost, [true, false, true, false]);
        assert_eq!(chooser.never_asked(), 1, "the one that names no message of this protocol");
    }

    #[test]
    fn an_anchored_override_answers_the_first_question_from_its_time_on() {
        let lane = NAMES.key(NAMES.message_lane(0, 1, 1), 1);
        let since = |ns| Decision { key: Key { which: Which::Since { ns, skip: 0 }, ..lane.clone() }, value: Fate::Lost.encode() };
        let fourth = Decision { key: Key { which: Which::Nth(4), ..lane.clone() }, value: Fate::Arrives(7).encode() };
        let mut chooser = Chooser::replay(NAMES, &[since(50), since(20), fourth]);
        let answers = [0, 19, 25, 30, 49, 80, 90].map(|now| {
            chooser.set_now(now);
            chooser.fate(NodeId(0), NodeId(1), 1).0
        });
        assert_eq!(answers, [0, 0, 1, Fate::Arrives(7).encode(), 0, 1, 0]);
        assert_eq!(chooser.never_asked(), 0);
    }

    #[test]
    fn golden_answers_never_move() {
        let rates = Rates {
            loss_ppm: 300_000,
            duplication_ppm: 300_000,
            delay_ppm: 300_000,
            delay_max_us: 100,
            ..Rates::default()
        };
        let mut chooser = Chooser::random(NAMES, 42, rates, &[]);
        let answers: Vec<u64> = (0..6).map(|_| chooser.fate(NodeId(0), NodeId(1), 0).0).collect();
        assert_eq!(answers, [0, 1, 627_065_225_262, 344, 429_496_729_602, 1]);
    }
}
