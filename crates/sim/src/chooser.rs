//! Choosers: where the answers to decisions come from.
//!
//! One executor asks; what differs between a random run, a scripted scenario, a replay and a shrinking attempt is only
//! the source of the answers. A chooser has a *base* (the default everywhere, or a pure function of seed and key) and
//! *overrides* by key, written by a scenario, recorded by an earlier run, or what the shrinker left of them.

use quarrel_protocol::{ClientId, NodeId};

use crate::decision::{Decision, DecisionKind, Endpoint, Remains, Which};
use crate::draw::{between, hash_name, mix, slice, threshold};
use crate::lanes::{Lanes, Link};
pub use crate::lanes::{Names, REPLY, REQUEST};
use crate::odds::{Thresholds, draw_fate};
use crate::watch::Watch;
use crate::world::Rates;

/// The state of one lane: all decisions that share kind, source, target and message kind.
#[derive(Clone, Copy, Default)]
struct Lane {
    salt: u64,
    occurrence: u32,
    /// Whether its answers are overridden or recorded: see its [`Watch`].
    is_watched: bool,
}

/// Answers decisions.
pub struct Chooser {
    layout: Lanes,
    lanes: Vec<Lane>,
    /// One for each lane, or none at all while nothing is overridden or recorded.
    watches: Vec<Watch>,
    overrides: Vec<(Which, u64)>,
    now: u64,
    rates: Rates,
    thresholds: Thresholds,
    random: bool,
    scatters: bool,
    asked: u64,
    unknown: u64,
    has_healed: bool,
    /// How many overrides that are no timers' have answered since then.
    struck_late: u64,
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
        let layout = Lanes::new(names);
        let mut chooser = Self {
            lanes: vec![Lane::default(); layout.count()],
            layout,
            watches: Vec::new(),
            overrides: Vec::with_capacity(overrides.len()),
            rates,
            thresholds: Thresholds::new(&rates),
            now: 0,
            random: seed.is_some(),
            scatters: false,
            asked: 0,
            unknown: 0,
            has_healed: false,
            struck_late: 0,
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
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let (kind, source, target, name) = self.layout.name(index);
            let place = (kind as u64) << 32 | u64::from(code(source)) << 8 | u64::from(code(target));
            lane.salt = mix(mix(seed ^ place) ^ if name.is_empty() { 0 } else { hash_name(name) });
        }
    }

    fn load(&mut self, overrides: &[Decision]) {
        let mut placed: Vec<(usize, Which, u64)> = Vec::with_capacity(overrides.len());
        for decision in overrides {
            match self.layout.find(&decision.key) {
                Some(lane) => placed.push((lane, decision.key.which, decision.value)),
                None => self.unknown += 1,
            }
        }
        if !placed.is_empty() {
            self.watches.resize(self.lanes.len(), Watch::EMPTY);
        }
        placed.sort_unstable();
        placed.dedup_by_key(|&mut (lane, which, _)| (lane, which));
        for (lane, which, value) in placed {
            let position = self.overrides.len() as u32;
            self.overrides.push((which, value));
            self.lanes[lane].is_watched = true;
            let watch = &mut self.watches[lane];
            let cursor = match which {
                Which::Nth(_) => &mut watch.by_number,
                Which::Since { .. } => &mut watch.by_time,
            };
            if cursor.1 == 0 {
                cursor.0 = position;
            }
            cursor.1 = position + 1;
            watch.look_ahead(&self.overrides);
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
        self.has_healed = true;
    }

    /// From now on the default of a timer is another point each time, and not the same for each node.
    pub(crate) fn scatter(&mut self) {
        self.scatters = true;
    }

    #[inline]
    pub(crate) const fn scatters(&self) -> bool {
        self.scatters
    }

    /// Starts to record the decisions that are not the default.
    pub fn record(&mut self) {
        self.recording = Some(Vec::new());
        self.watches.resize(self.lanes.len(), Watch::EMPTY);
        self.lanes.iter_mut().for_each(|lane| lane.is_watched = true);
    }

    /// The recorded decisions, sorted by key, each with its anchor in time.
    #[must_use]
    pub fn take_recorded(&mut self) -> Vec<(Decision, Which)> {
        let recorded = self.recording.take().unwrap_or_default();
        let named = |asked: Asked| {
            let key = self.layout.key(asked.lane as usize, asked.occurrence);
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

    /// How many messages, syncs and crashes were overridden after the world had healed. What a run records is never
    /// asked for then; a schedule that was changed may have the healing ahead of it.
    #[must_use]
    pub fn struck_late(&self) -> u64 {
        self.struck_late
    }

    /// Asks lane number `lane`; `draw` is the random answer.
    #[inline(always)]
    fn ask(&mut self, lane: usize, draw: impl FnOnce(&Rates, &Thresholds, u64) -> u64) -> (u64, u32) {
        let Lane { salt, occurrence, is_watched } = &mut self.lanes[lane];
        *occurrence += 1;
        let occurrence = *occurrence;
        let word = salt.wrapping_add(u64::from(occurrence).wrapping_mul(0xd134_2543_de82_ef95));
        let is_watched = *is_watched;
        let value = if self.random { draw(&self.rates, &self.thresholds, word) } else { 0 };
        (if is_watched { self.watch(lane, occurrence, value) } else { value }, occurrence)
    }

    /// Overrides and records the answer to the question that was just asked.
    #[cold]
    fn watch(&mut self, lane: usize, occurrence: u32, drawn: u64) -> u64 {
        let watch = &mut self.watches[lane];
        let is_anchored = watch.since != u64::MAX && self.now >= watch.since;
        let is_due = occurrence == watch.next || is_anchored;
        let answer = if is_due { watch.overridden(occurrence, &self.overrides) } else { None };
        self.asked += u64::from(answer.is_some());
        if self.has_healed && answer.is_some() && self.layout.name(lane).0 != DecisionKind::Timer {
            self.struck_late += 1;
        }
        let value = answer.unwrap_or(drawn);
        if let Some(recording) = &mut self.recording {
            watch.note_question(occurrence, self.now);
            if value != 0 {
                let anchor = Which::Since { ns: watch.anchor_ns, skip: watch.at_instant };
                recording.push(Asked { lane: lane as u32, occurrence, value, anchor });
            }
        }
        value
    }

    /// The fate of the next message of this kind on this link, and its occurrence.
    #[inline(always)]
    pub(crate) fn fate(&mut self, link: Link, kind: usize) -> (u64, u32) {
        let lane = self.layout.message(link, kind);
        self.ask(lane, draw_fate)
    }

    /// How many messages between nodes were sent: each was asked its fate.
    pub(crate) fn messages(&self) -> u64 {
        self.lanes[self.layout.messages()].iter().map(|lane| u64::from(lane.occurrence)).sum()
    }

    #[inline(never)]
    pub(crate) fn request_fate(&mut self, client: ClientId, to: NodeId) -> (u64, u32) {
        let lane = self.layout.request(client.0 as usize, to.index());
        self.ask(lane, draw_fate)
    }

    #[inline(never)]
    pub(crate) fn reply_fate(&mut self, from: NodeId, client: ClientId) -> (u64, u32) {
        let lane = self.layout.reply(from.index(), client.0 as usize);
        self.ask(lane, draw_fate)
    }

    /// Where in its range of `spread_ns` from `begins_ns` on the node's timer fires: 0, or 1 + nanoseconds.
    #[inline]
    pub(crate) fn timer(&mut self, node: NodeId, kind: usize, begins_ns: u64, spread_ns: u64) -> u64 {
        let lane = self.layout.timer(node.index(), kind);
        if self.lanes[lane].is_watched && self.watches[lane].since != u64::MAX {
            return self.anchored_timer(lane, begins_ns, spread_ns);
        }
        let draw = |_: &Rates, thresholds: &Thresholds, word: u64| {
            let word = mix(word);
            if slice(word, 0) < thresholds.timer { 1 + between(mix(word), 0, spread_ns) } else { 0 }
        };
        let (value, _) = self.ask(lane, draw);
        if value != 0
            && let Some(asked) = self.recording.as_mut().and_then(|recording| recording.last_mut())
        {
            asked.anchor = Which::Since { ns: begins_ns.saturating_add(value - 1), skip: 0 };
        }
        value
    }

    /// An override of a timer that is anchored says *when it fires*, if the timer's range still holds that time.
    #[cold]
    fn anchored_timer(&mut self, lane: usize, begins_ns: u64, spread_ns: u64) -> u64 {
        self.lanes[lane].occurrence += 1;
        let occurrence = self.lanes[lane].occurrence;
        let watch = &mut self.watches[lane];
        while watch.since < begins_ns {
            watch.by_time.0 += 1;
            watch.look_ahead(&self.overrides);
        }
        let late = watch.since - begins_ns;
        if watch.since == u64::MAX || late > spread_ns {
            return 0;
        }
        let anchor = Which::Since { ns: watch.since, skip: 0 };
        watch.by_time.0 += 1;
        watch.look_ahead(&self.overrides);
        self.asked += 1;
        if let Some(recording) = &mut self.recording {
            recording.push(Asked { lane: lane as u32, occurrence, value: 1 + late, anchor });
        }
        1 + late
    }

    /// How much longer the node's next sync takes, in nanoseconds.
    #[inline]
    pub(crate) fn sync(&mut self, node: NodeId) -> u64 {
        let lane = self.layout.sync(node.index());
        let draw = |rates: &Rates, thresholds: &Thresholds, word: u64| {
            if thresholds.sync == 0 {
                return 0;
            }
            let word = mix(word);
            if slice(word, 0) < thresholds.sync { between(mix(word), 0, rates.sync_max_ns) } else { 0 }
        };
        self.ask(lane, draw).0
    }

    /// How many of `unsynced` records a crash of the node takes.
    pub(crate) fn lost(&mut self, node: NodeId, unsynced: u64) -> u64 {
        let lane = self.layout.lost(node.index());
        let draw = |_: &Rates, thresholds: &Thresholds, word: u64| {
            let word = mix(word);
            if slice(word, 0) < thresholds.lost { between(mix(word), 0, unsynced) } else { 0 }
        };
        self.ask(lane, draw).0.min(unsynced)
    }

    /// Whether a crash of the node that takes writes leaves half of the first of them.
    pub(crate) fn torn(&mut self, node: NodeId) -> bool {
        let lane = self.layout.torn(node.index());
        let draw =
            |_: &Rates, thresholds: &Thresholds, word: u64| u64::from(slice(mix(word), 0) < thresholds.torn);
        self.ask(lane, draw).0 != 0
    }

    /// What a crash of the node leaves of its next un-synced write. Where crashes always take some, they take half of
    /// them: what is left is any subset.
    pub(crate) fn remains(&mut self, node: NodeId) -> Remains {
        let lane = self.layout.write(node.index());
        let draw = |_: &Rates, thresholds: &Thresholds, word: u64| {
            let word = mix(word);
            let is_taken = slice(word, 0) < thresholds.lost && slice(word, 1) < threshold(500_000);
            let remains = match slice(word, 2) < thresholds.torn {
                _ if !is_taken => Remains::Whole,
                true => Remains::Half,
                false => Remains::Nothing,
            };
            remains.encode()
        };
        Remains::decode(self.ask(lane, draw).0)
    }

    /// How many of `leaving` effects a crash of the node keeps from leaving.
    pub(crate) fn cut(&mut self, node: NodeId, leaving: u64) -> u64 {
        let lane = self.layout.cut(node.index());
        let draw = |_: &Rates, thresholds: &Thresholds, word: u64| {
            let word = mix(word);
            if slice(word, 0) < thresholds.cut { between(mix(word), 0, leaving) } else { 0 }
        };
        self.ask(lane, draw).0.min(leaving)
    }
}

const fn code(endpoint: Endpoint) -> u8 {
    match endpoint {
        Endpoint::Node(NodeId(node)) | Endpoint::Twin(NodeId(node)) => node,
        Endpoint::Client(ClientId(client)) => NodeId::LIMIT as u8 + client,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Fate, Key};

    const NAMES: Names =
        Names { nodes: 3, clients: 2, messages: &["ask", "tell"], timers: &["tick", "tock", "late"] };
    const LINK: Link = Link::between(NodeId(0), NodeId(1), 3);

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
            (0..2000).map(|_| Fate::decode(chooser.fate(LINK, 0).0)).collect::<Vec<_>>()
        };
        let (with, without) = (fates(all), fates(Rates { loss_ppm: 0, ..all }));
        assert!(with.contains(&Fate::Lost) && !without.contains(&Fate::Lost));
        for (with, without) in with.iter().zip(&without) {
            assert!(*with == Fate::Lost || with == without);
        }
    }

    #[test]
    fn overrides_answer_their_own_occurrence_only() {
        let key = |nth| Key {
            which: Which::Nth(nth),
            ..Lanes::new(NAMES).key(Lanes::new(NAMES).message(LINK, 1), 1)
        };
        let decisions = [3, 1].map(|nth| Decision { key: key(nth), value: Fate::Lost.encode() });
        let absent = Decision { key: Key { of: "gone".into(), ..key(1) }, value: 1 };
        let mut chooser = Chooser::replay(NAMES, &[decisions.as_slice(), &[absent]].concat());
        let lost: Vec<bool> = (0..4).map(|_| chooser.fate(LINK, 1).0 == 1).collect();
        assert_eq!(lost, [true, false, true, false]);
        assert_eq!(chooser.never_asked(), 1, "the one that names no message of this protocol");
    }

    #[test]
    fn an_anchored_override_answers_the_first_question_from_its_time_on() {
        let lane = Lanes::new(NAMES).key(Lanes::new(NAMES).message(LINK, 1), 1);
        let since = |ns| Decision {
            key: Key { which: Which::Since { ns, skip: 0 }, ..lane.clone() },
            value: Fate::Lost.encode(),
        };
        let fourth =
            Decision { key: Key { which: Which::Nth(4), ..lane.clone() }, value: Fate::Arrives(7).encode() };
        let mut chooser = Chooser::replay(NAMES, &[since(50), since(20), fourth]);
        let answers = [0, 19, 25, 30, 49, 80, 90].map(|now| {
            chooser.set_now(now);
            chooser.fate(LINK, 1).0
        });
        assert_eq!(answers, [0, 0, 1, Fate::Arrives(7).encode(), 0, 1, 0]);
        assert_eq!(chooser.never_asked(), 0);
    }

    #[test]
    fn faults_that_strike_a_healed_world_are_counted() {
        let lane = Lanes::new(NAMES).key(Lanes::new(NAMES).message(LINK, 1), 1);
        let lost = |nth| Decision {
            key: Key { which: Which::Nth(nth), ..lane.clone() },
            value: Fate::Lost.encode(),
        };
        let mut chooser = Chooser::replay(NAMES, &[1, 3, 9].map(lost));
        let ask = |chooser: &mut Chooser| chooser.fate(LINK, 1).0;
        assert_eq!((ask(&mut chooser), chooser.struck_late()), (Fate::Lost.encode(), 0));
        chooser.heal();
        assert_eq!((ask(&mut chooser), chooser.struck_late()), (0, 0));
        assert_eq!((ask(&mut chooser), chooser.struck_late()), (Fate::Lost.encode(), 1));
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
        let answers: Vec<u64> = (0..6).map(|_| chooser.fate(LINK, 0).0).collect();
        assert_eq!(answers, [0, 1, 627_065_225_262, 344, 429_496_729_602, 1]);
    }
}
