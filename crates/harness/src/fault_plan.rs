//! The fault plan: recurring classes of faults, drawn once per run into plain faults at absolute times.

use quarrel_formats::scenario::{Draw, Recurring, Starved, Strikes, Treachery, Treason, Way};
use quarrel_protocol::{NodeId, NodeSet};
use quarrel_sim::fault::{Action, Fault, Shape};
use quarrel_sim::world::World;

use crate::dice::Dice;
use crate::traitors::Repertoire;

/// A class that strikes more often than this in one run has a gap far too short for its duration.
const STRIKES_MAX: usize = 100_000;

/// The faults that recur in a run, in the order in which they strike. They are drawn as time goes on: a run that is long
/// does not have them all in memory.
#[derive(Clone, Default)]
pub struct Storm {
    classes: Vec<Class>,
}

/// The faults of one class that is on.
#[derive(Clone)]
struct Class {
    source: Source,
    /// The gap between one and the next, and how long each lasts.
    every_ns: Draw<u64>,
    lasting_ns: Draw<u64>,
    nodes: u8,
    duration_ns: u64,
    dice: Dice,
    /// When it strikes next.
    at_ns: u64,
    drawn: usize,
    /// What is drawn and has not struck. Nothing that is drawn later comes before `at_ns`.
    ready: Vec<Fault>,
}

/// What a class draws from.
#[derive(Clone)]
enum Source {
    /// What may strike anybody; and the kinds of messages that can be aimed at.
    Strikes(Strikes, Vec<&'static str>),
    /// Whose disks are lost, if not anybody's.
    Wipes(NodeSet),
    /// What traitors do, of one kind.
    Deeds(Treachery, NodeSet, Repertoire),
}

impl Storm {
    /// Adds a class that is on. `messages` are the kinds that can be aimed at.
    pub(crate) fn add(
        &mut self,
        recurring: Recurring,
        messages: &[&'static str],
        nodes: u8,
        duration_ns: u64,
        dice: Dice,
    ) {
        let Recurring { strikes, every_ns, lasting_ns, .. } = recurring;
        let source = Source::Strikes(strikes, messages.to_vec());
        self.begin(source, (every_ns, lasting_ns), nodes, duration_ns, dice);
    }

    /// Adds that these lose their disks.
    pub(crate) fn add_wipes(&mut self, of: NodeSet, recurring: Recurring, world: &World, dice: Dice) {
        let times = (recurring.every_ns, recurring.lasting_ns);
        self.begin(Source::Wipes(of), times, world.nodes, world.duration_ns, dice);
    }

    /// Adds what these traitors do, of one kind.
    pub(crate) fn add_deeds(
        &mut self,
        (kind, traitors): (Treachery, NodeSet),
        repertoire: &Repertoire,
        treason: &Treason,
        world: &World,
        dice: Dice,
    ) {
        let source = Source::Deeds(kind, traitors, repertoire.clone());
        let times = (treason.every_ns.clone(), treason.lasting_ns.clone());
        self.begin(source, times, world.nodes, world.duration_ns, dice);
    }

    fn begin(
        &mut self,
        source: Source,
        (every_ns, lasting_ns): (Draw<u64>, Draw<u64>),
        nodes: u8,
        duration_ns: u64,
        mut dice: Dice,
    ) {
        let at_ns = dice.scale(&every_ns).unwrap_or(duration_ns);
        let (drawn, ready) = (0, Vec::new());
        let class = Class { source, every_ns, lasting_ns, nodes, duration_ns, dice, at_ns, drawn, ready };
        self.classes.push(class);
    }
}

impl Iterator for Storm {
    type Item = Fault;

    fn next(&mut self) -> Option<Fault> {
        let due = |class: &mut Class| class.first().map(|place| class.ready[place].at_ns);
        let times = self.classes.iter_mut().enumerate().filter_map(|(at, class)| Some((due(class)?, at)));
        let (_, class) = times.min()?;
        let class = &mut self.classes[class];
        let place = class.first()?;
        Some(class.ready.swap_remove(place))
    }
}

impl Class {
    /// Where in `ready` the next fault is; what comes too late never strikes.
    fn first(&mut self) -> Option<usize> {
        loop {
            let next = self.ready.iter().enumerate().min_by_key(|&(_, fault)| fault);
            let next = next.map(|(place, fault)| (place, fault.at_ns));
            match next {
                Some((place, at_ns)) if at_ns < self.at_ns || !self.goes_on() => {
                    return (at_ns < self.duration_ns).then_some(place);
                }
                _ if !self.goes_on() => return None,
                _ => self.strike(),
            }
        }
    }

    fn goes_on(&self) -> bool {
        self.at_ns < self.duration_ns && self.drawn < STRIKES_MAX
    }

    fn strike(&mut self) {
        let Self { source, every_ns, lasting_ns, nodes, dice, ready, at_ns, .. } = self;
        let (before, lasting_ns) = (ready.len(), dice.scale(lasting_ns));
        match source {
            Source::Strikes(strikes, messages) => {
                strike(strikes, messages, *nodes, *at_ns, lasting_ns, dice, ready);
            }
            Source::Wipes(of) => {
                let of: Vec<NodeId> = of.iter().collect();
                let action = Action::Wipe { nodes: NodeSet::only(*dice.pick(&of)) };
                ready.push(Fault { at_ns: *at_ns, lasting_ns, action });
            }
            Source::Deeds(kind, traitors, repertoire) => {
                let traitors: Vec<NodeId> = traitors.iter().collect();
                let action = repertoire.draw(*kind, *dice.pick(&traitors), *nodes, dice);
                ready.push(Fault { at_ns: *at_ns, lasting_ns, action });
            }
        }
        self.drawn += ready.len() - before;
        let gap = dice.scale(every_ns).unwrap_or(self.duration_ns).max(1);
        self.at_ns = self.at_ns.saturating_add(gap);
    }
}

fn strike(
    strikes: &Strikes,
    messages: &[&str],
    nodes: u8,
    at_ns: u64,
    lasting_ns: Option<u64>,
    dice: &mut Dice,
    faults: &mut Vec<Fault>,
) {
    let count = usize::from(nodes);
    let action = match strikes {
        Strikes::Crash => Action::Crash { nodes: some(nodes, dice) },
        Strikes::CrashAll => Action::Crash { nodes: NodeSet::all(count) },
        Strikes::CrashAtWrite { write } => {
            Action::CrashAtWrite { node: one(nodes, dice), write: dice.count(write).unwrap_or(1).max(1) }
        }
        Strikes::Pause => Action::Pause { nodes: some(nodes, dice) },
        Strikes::Wipe { .. } => Action::Wipe { nodes: NodeSet::only(one(nodes, dice)) },
        Strikes::Partition { shapes } => partition(*dice.pick(shapes), nodes, dice),
        Strikes::Clog => {
            let (from, to) = two(nodes, dice);
            let there = (NodeSet::only(from), NodeSet::only(to));
            let both = dice.chance(500_000);
            Action::Clog { links: if both { vec![there, (there.1, there.0)] } else { vec![there] } }
        }
        Strikes::Swizzle => return swizzle(nodes, at_ns, lasting_ns, dice, faults),
        Strikes::AimedLoss { kinds, links } => {
            let kind = match (kinds.is_empty(), messages.is_empty()) {
                (false, _) => dice.pick(kinds).clone(),
                (true, false) => (*dice.pick(messages)).to_string(),
                // Nothing is sent, so there is nothing to aim at.
                (true, true) => return,
            };
            let (from, to) = starved(*dice.pick(links), nodes, dice);
            Action::Lose { kind, from, to }
        }
        Strikes::Clock { drift_ppm } => {
            let drift = dice.scale(drift_ppm).unwrap_or(0).min(900_000) as i32;
            Action::Clock {
                node: one(nodes, dice),
                rate_ppm: if dice.chance(500_000) { drift } else { -drift },
            }
        }
        Strikes::SlowDisk { extra_ns } => {
            Action::SlowDisk { node: one(nodes, dice), extra_ns: dice.scale(extra_ns).unwrap_or(0) }
        }
        Strikes::LyingDisk => Action::LyingDisk { nodes: some(nodes, dice) },
        Strikes::FullDisk => Action::FullDisk { nodes: some(nodes, dice) },
        Strikes::BitRot { record } => {
            Action::BitRot { node: one(nodes, dice), record: dice.count(record).unwrap_or(1).max(1) }
        }
        Strikes::ClockJump { by_ns, ways } => {
            let node = one(nodes, dice);
            let by = i64::try_from(dice.scale(by_ns).unwrap_or(0)).unwrap_or(i64::MAX);
            Action::ClockJump { node, by_ns: if *dice.pick(ways) == Way::Back { -by } else { by } }
        }
    };
    let lasting_ns = lasting_ns.filter(|_| !action.is_instant());
    faults.push(Fault { at_ns, lasting_ns, action });
}

/// The links on which a kind of message is lost: from whom, to whom.
fn starved(links: Starved, nodes: u8, dice: &mut Dice) -> (NodeSet, NodeSet) {
    let all = NodeSet::all(usize::from(nodes));
    match links {
        Starved::ToOne => (all, NodeSet::only(one(nodes, dice))),
        Starved::FromOne => (NodeSet::only(one(nodes, dice)), all),
        Starved::Everywhere => (all, all),
        Starved::OneLink => {
            let (from, to) = two(nodes, dice);
            (NodeSet::only(from), NodeSet::only(to))
        }
        Starved::ToSome => (all, some(nodes, dice)),
    }
}

fn one(nodes: u8, dice: &mut Dice) -> NodeId {
    NodeId(dice.between(0, u64::from(nodes) - 1) as u8)
}

/// Two nodes; the same one twice only when there is no other.
fn two(nodes: u8, dice: &mut Dice) -> (NodeId, NodeId) {
    let first = one(nodes, dice);
    if nodes < 2 {
        return (first, first);
    }
    let step = dice.between(1, u64::from(nodes) - 1) as u8;
    (first, NodeId((first.0 + step) % nodes))
}

/// Mostly one node, sometimes several.
fn some(nodes: u8, dice: &mut Dice) -> NodeSet {
    if dice.chance(750_000) {
        return NodeSet::only(one(nodes, dice));
    }
    let size = dice.between(1, u64::from(nodes));
    group(size as usize, nodes, dice)
}

fn group(size: usize, nodes: u8, dice: &mut Dice) -> NodeSet {
    let mut order: Vec<NodeId> = NodeId::all(usize::from(nodes)).collect();
    dice.shuffle(&mut order);
    order.into_iter().take(size).collect()
}

fn partition(shape: Shape, nodes: u8, dice: &mut Dice) -> Action {
    let count = usize::from(nodes);
    if count < 2 {
        return Action::Partition { shape, cuts: Vec::new() };
    }
    let side = |dice: &mut Dice| {
        let size = dice.between(1, u64::from(nodes) - 1) as usize;
        group(size, nodes, dice)
    };
    match shape {
        Shape::Isolate => Action::isolate(one(nodes, dice), count),
        Shape::OneWay => {
            let from = side(dice);
            Action::Partition { shape, cuts: vec![(from, from.complement(count))] }
        }
        Shape::Bridge if count >= 3 => {
            let mut order: Vec<NodeId> = NodeId::all(count).collect();
            dice.shuffle(&mut order);
            // The first is the bridge; the others stand on either side of it.
            let middle = dice.between(2, u64::from(nodes) - 1) as usize;
            let side = |range: std::ops::Range<usize>| order[range].iter().copied().collect();
            Action::partition(shape, &[side(1..middle), side(middle..count)])
        }
        Shape::Ring if count >= 4 => {
            let mut order: Vec<NodeId> = NodeId::all(count).collect();
            dice.shuffle(&mut order);
            ring(&order)
        }
        Shape::Halves | Shape::Bridge | Shape::Ring | Shape::Groups => {
            let side = side(dice);
            Action::partition(Shape::Halves, &[side, side.complement(count)])
        }
    }
}

/// Every node reaches just the neighbours on the ring that make a majority with it: no two see the same one.
fn ring(order: &[NodeId]) -> Action {
    let count = order.len();
    // With `reach` neighbours on either side a node sees 2 * reach + 1 nodes: just a majority.
    let reach = (count / 2).div_ceil(2);
    let cut = |position: usize| {
        let near = |other: usize| {
            (other + count - position) % count <= reach || (position + count - other) % count <= reach
        };
        let far = (0..count).filter(|&other| !near(other)).map(|other| order[other]).collect();
        (NodeSet::only(order[position]), far)
    };
    let cuts = (0..count).map(cut).filter(|(_, far): &(NodeSet, NodeSet)| !far.is_empty()).collect();
    Action::Partition { shape: Shape::Ring, cuts }
}

/// The links of some nodes clog one after the other, and clear in another order (FoundationDB's swizzle-clogging).
fn swizzle(nodes: u8, at_ns: u64, lasting_ns: Option<u64>, dice: &mut Dice, faults: &mut Vec<Fault>) {
    let size = dice.between(1, u64::from(nodes)) as usize;
    let lasting = lasting_ns.unwrap_or(u64::MAX / 4);
    let all = NodeSet::all(usize::from(nodes));
    for node in group(size, nodes, dice).iter() {
        let (start, end) = (dice.between(0, lasting / 2), dice.between(lasting / 2, lasting));
        let it = NodeSet::only(node);
        let links = vec![(it, all), (all, it)];
        let lasting_ns = Some((end - start).max(1));
        faults.push(Fault { at_ns: at_ns.saturating_add(start), lasting_ns, action: Action::Clog { links } });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_ring_every_node_sees_a_majority_and_no_two_the_same() {
        for count in 4..=9 {
            let order: Vec<NodeId> = NodeId::all(count).collect();
            let Action::Partition { cuts, .. } = ring(&order) else { panic!("a ring is a partition") };
            let mut seen: Vec<NodeSet> = cuts.iter().map(|(_, far)| far.complement(count)).collect();
            assert_eq!(seen.len(), count, "everybody is cut from somebody");
            assert!(seen.iter().all(|view| view.len() > count / 2), "{count}: {seen:?}");
            if count > 4 {
                seen.sort_unstable();
                seen.dedup();
                assert_eq!(seen.len(), count, "{count}");
            }
        }
    }

    #[test]
    fn loss_is_aimed_at_what_is_sent() {
        let class = Recurring {
            strikes: Strikes::AimedLoss { kinds: Vec::new(), links: Starved::USUAL.to_vec() },
            chance_ppm: 1_000_000,
            every_ns: Draw::Fixed(1_000),
            lasting_ns: Draw::Fixed(10),
        };
        let aimed = |messages: &[&'static str]| {
            let mut storm = Storm::default();
            storm.add(class.clone(), messages, 3, 10_000, Dice::new(3, "test"));
            storm.collect::<Vec<Fault>>()
        };
        let faults = aimed(&["vote", "append"]);
        assert_eq!(faults.len(), 9);
        assert!(faults.iter().all(|fault| {
            matches!(&fault.action, Action::Lose { kind, .. } if ["vote", "append"].contains(&kind.as_str()))
        }));
        assert_eq!(aimed(&[]), [], "a protocol without messages");
    }

    #[test]
    fn faults_come_in_the_order_of_time_whatever_their_class() {
        let class = |strikes| Recurring {
            strikes,
            chance_ppm: 1_000_000,
            every_ns: Draw::Fixed(1_000),
            lasting_ns: Draw::Fixed(5_000),
        };
        let mut storm = Storm::default();
        // The links of a swizzle clog one after the other, until long after the next one has begun.
        storm.add(class(Strikes::Swizzle), &[], 5, 50_000, Dice::new(3, "swizzle"));
        storm.add(class(Strikes::Pause), &[], 5, 50_000, Dice::new(3, "pause"));
        let times: Vec<u64> = storm.map(|fault| fault.at_ns).collect();
        assert!(times.len() > 98 && times.is_sorted(), "{times:?}");
        assert!(times.iter().all(|&time| time < 50_000));
    }

    #[test]
    fn no_partition_cuts_a_node_from_itself_or_names_one_that_is_not_there() {
        let mut dice = Dice::new(3, "test");
        for nodes in 2..=7u8 {
            for shape in [Shape::Halves, Shape::Isolate, Shape::OneWay, Shape::Bridge, Shape::Ring] {
                let Action::Partition { cuts, .. } = partition(shape, nodes, &mut dice) else {
                    panic!("{shape:?}")
                };
                for (from, to) in cuts {
                    assert!(from.intersection(to).is_empty(), "{shape:?} {from} {to}");
                    assert!(from.union(to).0 <= NodeSet::all(usize::from(nodes)).0);
                }
            }
        }
    }
}
