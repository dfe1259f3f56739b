//! Replays: a random run, recorded, is the same run without chance; and any part of its decisions is some run.

use quarrel_protocol::{NodeId, NodeSet, Protocol};
use quarrel_sim::decision::{Decision, Key, Which};
use quarrel_sim::draw::{below, between, log_between, mix};
use quarrel_sim::fault::{Action, Copies, Deed, Fault, Place, Shape};
use quarrel_sim::world::{ClientPolicy, DelayShape, Rates, Reaction, Rule};

use crate::lab::{Lab, MS, Run, nodes, on, tick, tock};
use crate::toy::{Kind, Op, Reply, Topic, Toy};

/// A stream of numbers.
pub(crate) struct Stream(pub(crate) u64);

impl Stream {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(mix(self.0))
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        below(self.word(), bound)
    }

    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        between(self.word(), least, most)
    }

    pub(crate) fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    /// A time on a coarse grid, so that many things fall on the same instant.
    fn grid(&mut self) -> u64 {
        self.between(1, 60) * 5
    }
}

/// An order; with `depth` left it may tell others what to do.
fn order(stream: &mut Stream, count: u8, depth: u32) -> Op {
    let number = stream.below(6);
    let node = stream.below(u64::from(count) + 1) as u8;
    let then = |stream: &mut Stream| {
        let length = if depth == 0 { 0 } else { stream.below(3) };
        (0..length).map(|_| order(stream, count, depth - 1)).collect::<Vec<_>>()
    };
    let kind = [Kind::Ask, Kind::Tell, Kind::Note][stream.below(3) as usize];
    match stream.below(12) {
        0 | 1 => Op::Persist(number),
        2 if stream.one_in(3) => Op::Compact(vec![number; number as usize]),
        2 => Op::Output(number),
        3..=5 => Op::Send(node, kind, number, then(stream)),
        6 => Op::Unsynced(node, kind, number),
        7 => Op::ToAll(kind, number),
        8 => {
            let hint = if stream.one_in(2) { Some(node) } else { None };
            Op::Reply(if stream.one_in(2) { Reply::Done(number) } else { Reply::Redirect(hint) })
        }
        9 => Op::Announce(if stream.one_in(2) { Topic::Voted } else { Topic::Started }, number),
        10 => {
            let then = then(stream);
            let timer = if stream.one_in(2) { tick(number, then) } else { tock(number, then) };
            let least = stream.below(12) * 5 * MS / 2;
            Op::Set(timer, least, least + stream.below(4) * 10 * MS)
        }
        _ => Op::Cancel(tick(number, Vec::new())),
    }
}

fn some(stream: &mut Stream, count: u8) -> quarrel_protocol::NodeSet {
    (0..count).filter(|_| stream.one_in(2)).map(NodeId).collect()
}

fn action(stream: &mut Stream, count: u8) -> Action {
    let node = NodeId(stream.below(u64::from(count)) as u8);
    let set = some(stream, count);
    match stream.below(10) {
        0 | 1 => Action::Crash { nodes: set },
        2 if stream.one_in(2) => Action::Wipe { nodes: nodes([node.0]) },
        2 => Action::Crash { nodes: nodes([node.0]) },
        3 => Action::CrashAtWrite { node, write: stream.between(1, 4) as u32 },
        4 => Action::Pause { nodes: set },
        5 => {
            Action::Partition { shape: Shape::Groups, cuts: vec![(set, set.complement(usize::from(count)))] }
        }
        6 => Action::Clog { links: vec![(set, some(stream, count))] },
        7 => Action::Lose {
            kind: ["ask", "tell", "gone"][stream.below(3) as usize].into(),
            from: set,
            to: set,
        },
        8 if stream.one_in(2) => Action::Clock { node, rate_ppm: stream.below(1_000_000) as i32 - 500_000 },
        8 => Action::SlowDisk { node, extra_ns: stream.below(20) * MS },
        _ => Action::Expire { node, timer: ["tick", "tock"][stream.below(2) as usize].into() },
    }
}

fn rate(stream: &mut Stream) -> u32 {
    if stream.one_in(3) { 0 } else { log_between(stream.word(), 3_000, 400_000) as u32 }
}

/// A world of everything, drawn from a seed. Most of its times lie on a grid of 5 ms.
pub(crate) fn random_lab(seed: u64) -> Lab {
    let mut stream = Stream(mix(seed) << 20);
    let count = stream.between(1, 5) as u8;
    let mut lab = Lab::new(count).healing(300, if stream.one_in(3) { 0 } else { 60 });
    lab.world.latency_ns.iter_mut().for_each(|latency| *latency = stream.between(1, 3) * 5 * MS);
    lab.world.client_latency_ns = 5 * MS;
    let sync = if stream.one_in(3) { 0 } else { 5 * MS };
    lab.world.sync_ns.fill(sync);
    if stream.one_in(3) {
        lab.world.clock_ppm.iter_mut().for_each(|ppm| *ppm = stream.below(100_000) as i32 - 50_000);
    }
    lab.world.client = ClientPolicy { timeout_ns: 40 * MS, attempts_max: 4, ..ClientPolicy::default() };
    let rates = Rates {
        loss_ppm: rate(&mut stream),
        duplication_ppm: rate(&mut stream),
        delay_ppm: rate(&mut stream),
        spread_us: if stream.one_in(4) { 9_000 } else { 0 },
        delay_max_us: 40_000,
        delay_shape: [DelayShape::Uniform, DelayShape::Exponential, DelayShape::Bimodal]
            [stream.below(3) as usize],
        timer_ppm: rate(&mut stream) * 2,
        sync_ppm: rate(&mut stream),
        sync_max_ns: 20 * MS,
        lost_ppm: rate(&mut stream) * 2,
        cut_ppm: rate(&mut stream) * 2,
        torn_ppm: 0,
    };
    lab.config.boot = (0..stream.below(4)).map(|_| order(&mut stream, count, 2)).collect();
    for _ in 0..stream.between(5, 40) {
        let orders = (0..stream.between(1, 5)).map(|_| order(&mut stream, count, 3)).collect();
        let (ms, node) = (stream.grid(), stream.below(u64::from(count)) as u8);
        lab = if stream.one_in(2) { lab.tell(ms, node, orders) } else { lab.ask(ms, node % 4, orders) };
    }
    for _ in 0..stream.below(12) {
        let lasting_ns = if stream.one_in(8) { None } else { Some(stream.between(1, 12) * 5 * MS) };
        let fault = Fault { at_ns: stream.grid() * MS, lasting_ns, action: action(&mut stream, count) };
        // What strikes alike at the same instant has a test of its own.
        if !lab.world.faults.iter().any(|other| (other.at_ns, &other.action) == (fault.at_ns, &fault.action))
        {
            lab.world.faults.push(fault);
        }
    }
    for _ in 0..stream.below(3) {
        let then = match stream.below(4) {
            0 => Reaction::CrashIt,
            1 => Reaction::PauseIt,
            2 => Reaction::IsolateIt,
            _ => Reaction::Do(action(&mut stream, count)),
        };
        // Answers fall off the grid: what is answered at the very instant of its cause has a test of its own.
        let after = stream.between(0, 20) * MS + 1;
        let (after_ns, lasting_ns) = ((after, after + MS), Some((MS, 30 * MS)));
        lab.rules.push(Rule { chance_ppm: 300_000, after_ns, lasting_ns, ..on("voted", then) });
    }
    let mut stream = Stream(mix(seed ^ 0x6f72_6465_7273) << 20);
    for number in 0..stream.below(6) {
        let then = (0..stream.between(1, 4)).map(|_| order(&mut stream, count, 2)).collect();
        lab = lab.sweep(stream.grid(), stream.below(u64::from(count)) as u8, number, then);
    }
    if stream.one_in(4) {
        lab = lab.fifo();
    }
    with_traitors(with_bad_disks(lab.random(seed, rates), seed), seed)
}

/// In some worlds one or two nodes are traitors.
fn with_traitors(lab: Lab, seed: u64) -> Lab {
    let (mut lab, mut stream) = (lab, Stream(mix(seed ^ 0x7472_6169_746f_7273) << 20));
    let count = lab.world.nodes;
    if count < 2 || stream.one_in(2) {
        return lab;
    }
    for _ in 0..stream.between(1, 12) {
        let node = NodeId(stream.below(2) as u8);
        lab.world.traitors.insert(node);
        let others = NodeSet::only(node).complement(usize::from(count));
        let mut some = |of: NodeSet| of.iter().filter(|_| !stream.one_in(3)).collect::<NodeSet>();
        let (to, shared) = (some(others), some(others));
        let deed = match stream.below(6) {
            0 => Deed::Mute,
            1 => Deed::Delay { by_ns: stream.grid() * MS + 7 },
            2 => Deed::Replay { back: stream.between(1, 9) as u32, place: Place::Beside },
            3 => Deed::Replay { back: stream.between(1, 9) as u32, place: Place::Instead },
            4 => Deed::Lie { lie: Toy::<0>::LIES[stream.below(3) as usize].to_string() },
            _ => {
                let clients = [Copies::First, Copies::Second, Copies::Both][stream.below(3) as usize];
                Deed::Twin { shared: shared.intersection(to), clients }
            }
        };
        let lasting_ns = Some(stream.between(1, 30) * 5 * MS);
        let action = Action::Betray { node, to, deed };
        lab.world.faults.push(Fault { at_ns: stream.grid() * MS + 1, lasting_ns, action });
    }
    lab
}

/// Disks that tear, lie, rot and fill up, clocks that jump, and a nemesis with a sense of timing.
fn with_bad_disks(lab: Lab, seed: u64) -> Lab {
    let (mut lab, mut stream) = (lab, Stream(mix(seed ^ 0x0064_6973_6b73) << 20));
    let count = lab.world.nodes;
    lab.world.rates.torn_ppm = rate(&mut stream) * 2;
    lab.world.unordered = stream.one_in(3);
    for _ in 0..stream.below(6) {
        let node = NodeId(stream.below(u64::from(count)) as u8);
        let nodes = NodeSet::only(node);
        let action = match stream.below(4) {
            0 => Action::LyingDisk { nodes },
            1 => Action::FullDisk { nodes },
            2 => Action::BitRot { node, record: stream.between(1, 4) as u32 },
            _ => Action::ClockJump { node, by_ns: stream.between(0, 60 * MS) as i64 - (30 * MS) as i64 },
        };
        let lasting_ns = (!action.is_instant()).then_some(stream.between(1, 12) * 5 * MS);
        lab.world.faults.push(Fault { at_ns: stream.grid() * MS + 3, lasting_ns, action });
    }
    if stream.one_in(3) {
        let before = on("started", Reaction::CrashIt).when;
        let after_ns = (MS + 1, 40 * MS);
        let rule = on("voted", Reaction::CrashIt);
        lab.rules.push(Rule { before: Some(before), after_ns, ..rule });
    }
    if stream.one_in(3) {
        let after_ns = (MS + 1, 2 * MS);
        lab.rules.push(Rule { lasts_as: Some("tick".into()), after_ns, ..on("voted", Reaction::PauseIt) });
    }
    lab
}

pub(crate) fn first_difference(one: &Run, other: &Run) -> String {
    let pairs = one.events.iter().zip(&other.events).find(|(one, other)| one != other);
    pairs.map_or_else(|| "one is longer".to_string(), |(one, other)| format!("{one:#?}\n{other:#?}"))
}

#[test]
fn a_recorded_run_replays() {
    let mut halted = 0;
    for seed in 0..1500 {
        let lab = random_lab(seed);
        let run = lab.run();
        halted += u32::from(run.halted().is_some());
        let again = lab.replaying(&run).run();
        assert_eq!(again.tally.digest, run.tally.digest, "seed {seed}: {}", first_difference(&run, &again));
        assert!(again.events == run.events, "seed {seed}: {}", first_difference(&run, &again));
        assert_eq!(again.log, run.log, "seed {seed}");
        assert_eq!(again.never_asked, 0, "seed {seed}");
        assert_eq!(again.decisions, run.decisions, "seed {seed}: what is replayed is recorded again");
    }
    assert!(halted < 100, "{halted} of these worlds go wild");
}

#[test]
fn the_worlds_of_these_tests_hold_every_class_of_faults() {
    let mut counts = quarrel_sim::fault::FaultCounts::default();
    (0..300).for_each(|seed| counts.add(&random_lab(seed).run_unrecorded().struck.faults));
    for class in quarrel_sim::fault::FaultClass::ALL {
        assert!(counts.of(class) > 0, "{}", class.name());
    }
}

#[test]
fn any_part_of_a_schedule_is_a_run() {
    for seed in 0..400 {
        let lab = random_lab(seed);
        let mut part = lab.replaying(&lab.run());
        let mut stream = Stream(mix(seed ^ 0x7061_7274) << 20);
        for _ in 0..3 {
            part.decisions.retain(|_| !stream.one_in(3));
            part.world.faults.retain(|_| !stream.one_in(4));
            part.operations.retain(|_| !stream.one_in(4));
            part.orders.retain(|_| !stream.one_in(4));
            let (one, other) = (part.run(), part.run_unrecorded());
            let verdict = one.halted().map(|violation| violation.signature.clone());
            assert!(
                !verdict.as_ref().is_some_and(|name| name.starts_with("panic")),
                "seed {seed}: {verdict:?}"
            );
            assert_eq!(one.tally.digest, other.digest, "seed {seed}");
            assert!(one.never_asked <= part.decisions.len() as u64);
        }
    }
}

/// An answer may be any word, to any question: files are not to be trusted.
#[test]
fn any_word_is_an_answer() {
    for seed in 0..500 {
        let lab = random_lab(seed);
        let mut wild = lab.replaying(&lab.run());
        let mut stream = Stream(mix(seed ^ 0x776f_7264) << 20);
        for decision in &mut wild.decisions {
            decision.value = match stream.below(4) {
                0 => stream.word(),
                1 => u64::MAX - stream.below(3),
                2 => stream.between(1, 9),
                _ => decision.value,
            };
            decision.key.which = match stream.below(4) {
                0 => Which::Nth(stream.below(9) as u32),
                1 => Which::Nth(u32::MAX - stream.below(2) as u32),
                2 => Which::Since { ns: stream.grid() * MS, skip: stream.below(3) as u32 },
                _ => Which::Since { ns: stream.word(), skip: stream.word() as u32 },
            };
        }
        let run = wild.run();
        let verdict = run.halted().map(|violation| violation.signature.clone());
        assert!(!verdict.as_ref().is_some_and(|name| name.starts_with("panic")), "seed {seed}: {verdict:?}");
        assert_eq!(run.tally.digest, wild.run_unrecorded().digest, "seed {seed}");
    }
}

fn anchored(run: &Run) -> Vec<Decision> {
    let anchor = |(Decision { key, value }, which): &(Decision, Which)| Decision {
        key: Key { which: *which, ..key.clone() },
        value: *value,
    };
    run.decisions.iter().map(anchor).collect()
}

/// Anchors are for the shrinker: most of them must mean what the numbers mean.
#[test]
fn anchored_decisions_of_a_whole_schedule_are_mostly_the_same_run() {
    let (mut same, mut all) = (0u32, 0u32);
    for seed in 0..600 {
        let lab = random_lab(seed);
        let run = lab.run();
        if run.decisions.is_empty() {
            continue;
        }
        let mut anchors = lab.replaying(&run);
        anchors.decisions = anchored(&run);
        let again = anchors.run();
        all += 1;
        same += u32::from(again.tally.digest == run.tally.digest);
    }
    println!("{same} of {all} anchored schedules give the same run");
    assert!(same * 100 >= all * 80, "{same} of {all}");
}

#[test]
fn anchors_of_anchors_are_the_same_run() {
    for seed in 0..150 {
        let lab = random_lab(seed);
        let mut anchors = lab.replaying(&lab.run());
        anchors.decisions = anchored(&lab.run());
        let once = anchors.run();
        let mut numbered = anchors.clone();
        numbered.decisions = once.decisions.iter().map(|(decision, _)| decision.clone()).collect();
        assert_eq!(numbered.run().tally.digest, once.tally.digest, "seed {seed}");
    }
}
