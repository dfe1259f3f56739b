//! Who is a traitor in a run, and what traitors do: drawn from `[faults.traitor]`.

use quarrel_formats::Scenario;
use quarrel_formats::scenario::{Draw, Traitors, Treachery, Treason};
use quarrel_protocol::{NodeId, NodeSet};
use quarrel_sim::fault::{Action, Copies, Deed, FaultClass, Place};
use quarrel_sim::time::MILLISECOND;

use crate::dice::Dice;
use crate::subject::Subject;

/// What traitors of a run can draw from.
#[derive(Clone, Debug)]
pub(crate) struct Repertoire {
    /// The kinds of deeds; none of a kind that the protocol has no lies for.
    pub(crate) kinds: Vec<Treachery>,
    lies: Vec<String>,
    by_ns: Draw<u64>,
    back: Draw<u32>,
}

impl Repertoire {
    /// All that a traitor can do, as far as the scenario allows it.
    pub(crate) fn of<P: Subject>(treason: Option<&Treason>) -> Self {
        let known = || P::LIES.iter().map(ToString::to_string).collect();
        let lies = treason.map_or_else(Vec::new, |treason| treason.lies.clone());
        let mut repertoire = Self {
            kinds: Treachery::ALL.map(|(_, kind)| kind).to_vec(),
            lies: if lies.is_empty() { known() } else { lies },
            by_ns: Draw::Between(10 * MILLISECOND, 1_000 * MILLISECOND),
            back: Draw::Between(1, 16),
        };
        if let Some(Treason { deeds, by_ns, back, .. }) = treason {
            repertoire.kinds.clone_from(deeds);
            (repertoire.by_ns, repertoire.back) = (by_ns.clone(), back.clone());
        }
        let can_lie = !repertoire.lies.is_empty();
        repertoire.kinds.retain(|kind| *kind != Treachery::Lie || can_lie);
        repertoire
    }

    /// A deed of this kind, of that node, to some of the others or all.
    pub(crate) fn draw(&self, kind: Treachery, node: NodeId, nodes: u8, dice: &mut Dice) -> Action {
        let others = NodeSet::only(node).complement(usize::from(nodes));
        let to = match dice.chance(250_000) {
            true => others,
            false => halves(others, dice),
        };
        let deed = match kind {
            Treachery::Mute => Deed::Mute,
            Treachery::Delay => Deed::Delay { by_ns: dice.scale(&self.by_ns).unwrap_or(1) },
            Treachery::Replay => {
                let place = *dice.pick(&[Place::Beside, Place::Instead]);
                Deed::Replay { back: dice.count(&self.back).unwrap_or(1), place }
            }
            Treachery::Lie => Deed::Lie { lie: dice.pick(&self.lies).clone() },
            Treachery::Twin => {
                let clients = *dice.pick(&[Copies::First, Copies::Second, Copies::Both]);
                let is_shared = dice.chance(500_000);
                let some = to.iter().filter(|_| dice.chance(300_000)).collect();
                Deed::Twin { shared: if is_shared { some } else { NodeSet::EMPTY }, clients }
            }
        };
        Action::Betray { node, to, deed }
    }
}

/// About half of them, and at least one.
fn halves(of: NodeSet, dice: &mut Dice) -> NodeSet {
    let mut order: Vec<NodeId> = of.iter().collect();
    dice.shuffle(&mut order);
    let mut some: NodeSet = order.iter().copied().filter(|_| dice.chance(500_000)).collect();
    if let (true, Some(&first)) = (some.is_empty(), order.first()) {
        some.insert(first);
    }
    some
}

/// What a kind of deed counts as.
pub(crate) const fn class(kind: Treachery) -> FaultClass {
    match kind {
        Treachery::Mute => FaultClass::TraitorMute,
        Treachery::Delay => FaultClass::TraitorDelay,
        Treachery::Replay => FaultClass::TraitorReplay,
        Treachery::Lie => FaultClass::TraitorLie,
        Treachery::Twin => FaultClass::Twin,
    }
}

/// Draws who is a traitor: of the drawn ones at most all but one, so that there is somebody to betray.
pub(crate) fn draw<P: Subject>(
    scenario: &Scenario,
    config: &P::Config,
    nodes: u8,
    dice: &mut Dice,
) -> NodeSet {
    let scripted = scenario.scripted_traitors().intersection(NodeSet::all(usize::from(nodes)));
    let Some(treason) = scenario.traitor.as_ref() else { return scripted };
    if !dice.chance(treason.chance_ppm) {
        return scripted;
    }
    let drawn = match treason.who {
        Traitors::Named(who) => who.intersection(NodeSet::all(usize::from(nodes))),
        Traitors::Between(least, most) => {
            let tolerated = P::traitors_max(config);
            let [least, most] = [least, most].map(|bound| u64::from(bound.of(tolerated).min(nodes - 1)));
            let count = dice.between(least.min(most), most) as usize;
            let mut order: Vec<NodeId> = NodeId::all(usize::from(nodes)).collect();
            dice.shuffle(&mut order);
            order.into_iter().take(count).collect()
        }
    };
    scripted.union(drawn)
}
