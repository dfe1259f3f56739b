//! Shrinking: a failing schedule becomes the smallest that still fails in the same way.
//!
//! One flat list of faults, non-default decisions, client operations and orders, ordered coarse to fine (class, node, link,
//! window, item), is reduced by dropping chunks and halving them: 30 to 45 % fewer replays than textbook ddmin
//! (Zeller and Hildebrandt, TSE 2002). A candidate is accepted only if it fails with the *same signature*. Then the
//! values shrink: delays toward their default, outages, the horizon. To a fixpoint, in which every single item is
//! needed: that is verified by taking each one away.

use quarrel_protocol::{NodeSet, PropertyKind, Protocol, Violation};
use quarrel_sim::decision::{Decision, DecisionKind, Fate, Which};
use quarrel_sim::fault::{Action, Deed, Fault};
use quarrel_sim::world::{Operation, Order};

use crate::oracle::Judges;
use crate::run::{Outcome, Schedule, anchor, replay};
use crate::subject::Subject;

/// What shrinking cost and gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShrinkReport {
    /// Items before.
    pub before: usize,
    /// Items after.
    pub after: usize,
    /// How many replays it took.
    pub replays: u64,
    /// Whether taking any single item away was tried, and made the failure vanish.
    pub one_minimal: bool,
}

/// The most replays that one shrinking may take.
pub const REPLAYS_MAX: u64 = 4_000;
/// The most events that they may take together: some seconds of work, and the same on every machine.
pub const EVENTS_MAX: u64 = 20_000_000;

/// Shrinks a schedule that fails with `violation`. A schedule that does not fail so is returned as it is.
///
/// `stop` is asked now and then; when it says so, the best so far is returned.
pub fn shrink<P: Subject>(
    schedule: Schedule<P>,
    judges: Judges,
    violation: &Violation,
    stop: &dyn Fn() -> bool,
) -> (Schedule<P>, ShrinkReport) {
    let before = schedule.items();
    let (is_outside, struck_late, replays, events) = (true, u64::MAX, 0, 0);
    let mut shrinker =
        Shrinker { best: schedule, judges, violation, is_outside, struck_late, replays, events, stop };
    let mut one_minimal = false;
    if let Some(outcome) = shrinker.outcome_of(shrinker.best.clone()) {
        shrinker.is_outside = !outcome.outside.is_empty();
        shrinker.struck_late = outcome.struck_late;
        while !shrinker.is_spent() {
            let size = shrinker.size();
            shrinker.cut_horizon();
            shrinker.end_faults_sooner();
            shrinker.anchor();
            shrinker.pardon();
            shrinker.drop_chunks();
            shrinker.shrink_values();
            if shrinker.size() == size {
                break;
            }
        }
        one_minimal = !shrinker.drop_singles() && !shrinker.is_spent();
    }
    let report =
        ShrinkReport { before, after: shrinker.best.items(), replays: shrinker.replays, one_minimal };
    (shrinker.best, report)
}

/// One thing that can be taken away.
#[derive(Clone)]
enum Item<R, A> {
    Fault(Fault),
    Decision(Decision),
    Operation(Operation<R>),
    Order(Order<A>),
}

/// An item of a protocol.
type ItemOf<P> = Item<<P as Protocol>::Request, <P as Protocol>::Admin>;

struct Shrinker<'a, P: Subject> {
    best: Schedule<P>,
    judges: Judges,
    violation: &'a Violation,
    /// Whether the schedule fails outside the model to begin with.
    is_outside: bool,
    /// How many faults struck after the healing to begin with.
    struck_late: u64,
    replays: u64,
    events: u64,
    stop: &'a dyn Fn() -> bool,
}

impl<P: Subject> Shrinker<'_, P> {
    /// Replays a candidate; keeps it if it fails in the same way.
    fn try_out(&mut self, candidate: Schedule<P>) -> bool {
        self.outcome_of(candidate).is_some()
    }

    /// Whether there is nothing left to spend.
    fn is_spent(&self) -> bool {
        self.replays >= REPLAYS_MAX || self.events >= EVENTS_MAX || (self.stop)()
    }

    fn replay(&mut self, schedule: &Schedule<P>) -> Outcome {
        let outcome = replay(schedule, self.judges);
        self.replays += 1;
        self.events += outcome.tally.events;
        outcome
    }

    fn outcome_of(&mut self, candidate: Schedule<P>) -> Option<Outcome> {
        let outcome = self.replay(&candidate);
        // What fails inside the model must not become a failure outside it, which nobody wonders at.
        // Nor may a core that has healed be struck once more, and not come back for that: its healing may have moved
        // ahead of what was recorded.
        let is_honest =
            outcome.struck_late <= self.struck_late || self.violation.kind != PropertyKind::Liveness;
        let same = outcome.fails_like(self.violation)
            && is_honest
            && (self.is_outside || outcome.outside.is_empty());
        if same {
            self.best = candidate;
        }
        same.then_some(outcome)
    }

    /// How large the best schedule is: what a pass must reduce to count as progress.
    fn size(&self) -> (usize, u64, u64) {
        let lasting = |fault: &Fault| fault.lasting_ns.unwrap_or(self.best.world.duration_ns);
        let outages = self.best.world.faults.iter().map(lasting).fold(0, u64::saturating_add);
        let jumps = self.best.world.faults.iter().map(jump);
        let delays = self.best.decisions.iter().map(weight).chain(jumps).fold(0, u64::saturating_add);
        (self.best.items(), delays, outages.saturating_add(self.best.world.duration_ns))
    }

    /// Anchors decisions to times, if that still fails: then what is dropped renames no message.
    fn anchor(&mut self) {
        let is_anchored = |decision: &Decision| matches!(decision.key.which, Which::Since { .. });
        if !self.best.decisions.iter().all(is_anchored) {
            self.replays += 1;
            let anchored = anchor(&self.best, self.judges);
            self.try_out(anchored);
        }
    }

    // --- Fewer items ---

    fn items(&self) -> Vec<ItemOf<P>> {
        let mut items: Vec<(String, ItemOf<P>)> = Vec::with_capacity(self.best.items());
        // Coarse to fine: neighbours in this order share class, then node or link, then time.
        for operation in &self.best.operations {
            items.push((format!("0 {:020}", operation.at_ns), Item::Operation(operation.clone())));
        }
        for order in &self.best.orders {
            items.push((format!("3 {:020}", order.at_ns), Item::Order(order.clone())));
        }
        for decision in &self.best.decisions {
            let key = &decision.key;
            let class = match Fate::decode(decision.value) {
                _ if key.kind != DecisionKind::Fate => format!("{:?}", key.kind),
                Fate::Arrives(_) => "late".to_string(),
                Fate::Twice(..) => "twice".to_string(),
                Fate::Lost => "lost".to_string(),
            };
            let place = format!("1 {class} {} {} {} {:?}", key.source, key.target, key.of, key.which);
            items.push((place, Item::Decision(decision.clone())));
        }
        for fault in &self.best.world.faults {
            items
                .push((format!("2 {} {:020}", fault.action.name(), fault.at_ns), Item::Fault(fault.clone())));
        }
        items.sort_by(|(one, _), (other, _)| one.cmp(other));
        items.into_iter().map(|(_, item)| item).collect()
    }

    fn with_items(&self, items: &[ItemOf<P>]) -> Schedule<P> {
        let mut schedule = Schedule {
            world: self.best.world.clone(),
            config: self.best.config.clone(),
            operations: Vec::new(),
            orders: Vec::new(),
            decisions: Vec::new(),
        };
        schedule.world.faults.clear();
        for item in items.iter().cloned() {
            match item {
                Item::Fault(fault) => schedule.world.faults.push(fault),
                Item::Decision(decision) => schedule.decisions.push(decision),
                Item::Operation(operation) => schedule.operations.push(operation),
                Item::Order(order) => schedule.orders.push(order),
            }
        }
        schedule.world.faults.sort();
        schedule.decisions.sort();
        schedule.operations.sort_by_key(|operation| (operation.at_ns, operation.client.0, operation.id));
        schedule
    }

    /// Makes traitors honest, one by one, if that still fails: then observers hear them again.
    fn pardon(&mut self) {
        for traitor in self.best.world.traitors.iter() {
            let mut candidate = self.best.clone();
            candidate.world.traitors.remove(traitor);
            let is_its = |action: &Action| matches!(action, Action::Betray { node, .. } if *node == traitor);
            candidate.world.faults.retain(|fault| !is_its(&fault.action));
            self.try_out(candidate);
        }
    }

    /// Drops chunks, from half of the list down to single items, as long as any can go.
    fn drop_chunks(&mut self) {
        let mut items = self.items();
        let mut chunk = items.len().next_power_of_two().max(2) / 2;
        loop {
            let mut dropped = false;
            let mut start = 0;
            while start < items.len() && !self.is_spent() {
                let end = (start + chunk).min(items.len());
                let rest = [&items[..start], &items[end..]].concat();
                if self.try_out(self.with_items(&rest)) {
                    items = rest;
                    dropped = true;
                } else {
                    start = end;
                }
            }
            if self.is_spent() || (chunk == 1 && !dropped) {
                return;
            }
            chunk = (chunk / 2).max(1);
        }
    }

    /// Tries to take away each single item; `true` if one could go.
    fn drop_singles(&mut self) -> bool {
        let items = self.items();
        (0..items.len()).any(|position| {
            let rest = [&items[..position], &items[position + 1..]].concat();
            self.try_out(self.with_items(&rest))
        })
    }

    // --- Smaller values ---

    /// Ends the world just after the failure.
    fn cut_horizon(&mut self) {
        let mut candidate = self.best.clone();
        let outcome = self.replay(&candidate);
        let ended = outcome.tally.ended_ns.saturating_add(1);
        if ended < candidate.world.duration_ns {
            candidate.world.duration_ns = ended;
            candidate.world.healing_ns = 0;
            candidate.operations.retain(|operation| operation.at_ns <= ended);
            candidate.orders.retain(|order| order.at_ns <= ended);
            candidate.world.faults.retain(|fault| fault.at_ns <= ended);
            self.try_out(candidate);
        } else if ended < candidate.world.duration_ns.saturating_add(candidate.world.healing_ns) {
            candidate.world.healing_ns = ended - candidate.world.duration_ns;
            self.try_out(candidate);
        }
    }

    /// Where the failure shows only after the faults, these end sooner, and all that comes later moves with their end.
    fn end_faults_sooner(&mut self) {
        const GAP_NS: u64 = 1_000_000;
        let world = &self.best.world;
        let end = world.duration_ns;
        if world.liveness.is_none() {
            return;
        }
        let before = |at_ns: &u64| *at_ns < end;
        let faults = world.faults.iter().map(|fault| fault.at_ns).filter(before).max();
        let operations = self.best.operations.iter().map(|operation| operation.at_ns).filter(before).max();
        let orders = self.best.orders.iter().map(|order| order.at_ns).filter(before).max();
        let mut soonest = faults.max(operations).max(orders).unwrap_or(0).saturating_add(GAP_NS);
        while soonest.saturating_add(GAP_NS) < self.best.world.duration_ns && !self.is_spent() {
            if self.try_out(self.ending_at(soonest)) {
                return;
            }
            soonest = u64::midpoint(soonest, self.best.world.duration_ns);
        }
    }

    /// The best schedule, but its faults end at `end_ns`.
    fn ending_at(&self, end_ns: u64) -> Schedule<P> {
        let mut candidate = self.best.clone();
        let sooner = candidate.world.duration_ns - end_ns;
        let later = candidate.world.duration_ns;
        candidate.world.duration_ns = end_ns;
        let move_up = |at_ns: &mut u64| {
            if *at_ns >= later {
                *at_ns -= sooner;
            }
        };
        candidate.world.faults.iter_mut().for_each(|fault| move_up(&mut fault.at_ns));
        candidate.operations.iter_mut().for_each(|operation| move_up(&mut operation.at_ns));
        candidate.orders.iter_mut().for_each(|order| move_up(&mut order.at_ns));
        candidate
    }

    fn shrink_values(&mut self) {
        for position in 0..self.best.decisions.len() {
            self.soften(position);
        }
        for position in 0..self.best.world.faults.len() {
            self.shorten(position);
            self.narrow(position);
            self.shorten_jump(position);
        }
    }

    /// Pulls a decision toward its default: first simpler answers, then half the distance while that still fails.
    fn soften(&mut self, position: usize) {
        let Decision { key, value } = self.best.decisions[position].clone();
        if key.kind == DecisionKind::Fate
            && let Fate::Twice(first, second) = Fate::decode(value)
        {
            for simpler in [Fate::Arrives(first.max(second)), Fate::Twice(0, second), Fate::Twice(0, 1)] {
                if self.with_decision(position, simpler.encode()) {
                    break;
                }
            }
        }
        while !self.is_spent() {
            let decision = &self.best.decisions[position];
            let Some(softer) = half(decision).filter(|&softer| softer != 0 && softer != decision.value)
            else {
                return;
            };
            if !self.with_decision(position, softer) {
                return;
            }
        }
    }

    fn with_decision(&mut self, position: usize, value: u64) -> bool {
        let mut candidate = self.best.clone();
        candidate.decisions[position].value = value;
        value != 0 && self.try_out(candidate)
    }

    /// Shortens an outage by half while that still fails.
    fn shorten(&mut self, position: usize) {
        const SHORTEST_NS: u64 = 1_000_000;
        while !self.is_spent() {
            let fault = &self.best.world.faults[position];
            let Some(shorter) =
                fault.lasting_ns.map(|lasting| lasting / 2).filter(|&half| half >= SHORTEST_NS)
            else {
                return;
            };
            let mut candidate = self.best.clone();
            candidate.world.faults[position].lasting_ns = Some(shorter);
            if !self.try_out(candidate) {
                return;
            }
        }
    }

    /// A fault of several nodes strikes as few as will do.
    fn narrow(&mut self, position: usize) {
        let Some(nodes) = struck(&mut self.best.world.faults[position].action).copied() else { return };
        let mut left = nodes;
        for node in nodes.iter().filter(|_| nodes.len() > 1) {
            let fewer = NodeSet(left.0 & !NodeSet::only(node).0);
            if fewer.is_empty() {
                continue;
            }
            let mut candidate = self.best.clone();
            if let Some(nodes) = struck(&mut candidate.world.faults[position].action) {
                *nodes = fewer;
            }
            if let Action::Betray { to, deed: Deed::Twin { shared, .. }, .. } =
                &mut candidate.world.faults[position].action
            {
                *shared = shared.intersection(*to);
            }
            if self.try_out(candidate) {
                left = fewer;
            }
        }
    }

    /// A clock jumps half as far while that still fails.
    fn shorten_jump(&mut self, position: usize) {
        while !self.is_spent() {
            let mut candidate = self.best.clone();
            let Action::ClockJump { by_ns, .. } = &mut candidate.world.faults[position].action else {
                return;
            };
            *by_ns /= 2;
            if *by_ns == 0 || !self.try_out(candidate) {
                return;
            }
        }
    }
}

/// The nodes that a fault strikes, each by itself; and those that a traitor betrays.
const fn struck(action: &mut Action) -> Option<&mut NodeSet> {
    match action {
        Action::Crash { nodes }
        | Action::Pause { nodes }
        | Action::Wipe { nodes }
        | Action::LyingDisk { nodes }
        | Action::FullDisk { nodes }
        | Action::Betray { to: nodes, .. } => Some(nodes),
        _ => None,
    }
}

/// How far a clock jumps.
const fn jump(fault: &Fault) -> u64 {
    match fault.action {
        Action::ClockJump { by_ns, .. } => by_ns.unsigned_abs(),
        _ => 0,
    }
}

/// How far an answer is from its default.
fn weight(decision: &Decision) -> u64 {
    match (decision.key.kind, Fate::decode(decision.value)) {
        (DecisionKind::Fate, Fate::Lost) => 1,
        (DecisionKind::Fate, Fate::Arrives(late)) => u64::from(late),
        (DecisionKind::Fate, Fate::Twice(first, second)) => u64::from(first) + u64::from(second),
        _ => decision.value,
    }
}

/// An answer half as far from the default.
fn half(decision: &Decision) -> Option<u64> {
    match (decision.key.kind, Fate::decode(decision.value)) {
        (DecisionKind::Fate, Fate::Lost) | (DecisionKind::Timer, _) => None,
        (DecisionKind::Fate, Fate::Arrives(late)) => Some(Fate::Arrives(late / 2).encode()),
        (DecisionKind::Fate, Fate::Twice(first, second)) => {
            Some(Fate::Twice(first / 2, (second / 2).max(1)).encode())
        }
        _ => Some(decision.value / 2),
    }
}
