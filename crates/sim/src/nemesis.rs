//! The nemesis that watches: rules that answer announcements with faults.

use quarrel_protocol::{Announcement, Kinded, NodeId, NodeSet, Protocol};

use crate::draw::{between, log_between, mix, slice, threshold};
use crate::fault::{Action, Fault, FaultClass};
use crate::world::{Reaction, Rule, When};

/// A rule whose names were looked up.
struct Watch {
    rule: Rule,
    on: Step,
    /// The step that the answer must come before.
    before: Option<Step>,
    /// The kind of timer that the answer lasts as long as.
    lasts_as: Option<usize>,
    matches: u32,
    /// Who announced it last.
    last: Option<NodeId>,
}

/// What a node announces.
struct Step {
    kind: usize,
    /// Positions of fields of the event, and what they must be.
    fields: Vec<(usize, u64)>,
}

/// A fault that answers an announcement.
pub(crate) struct Answer {
    pub(crate) fault: Fault,
    /// Who announced.
    pub(crate) node: NodeId,
    /// What it counts as.
    pub(crate) class: Option<FaultClass>,
    /// The rule whose next step it must come before.
    pub(crate) before: Option<usize>,
}

/// An answer that has not struck.
#[derive(Clone, Copy)]
pub(crate) struct Answered {
    /// The fault, by its index.
    pub(crate) fault: u32,
    pub(crate) node: NodeId,
    pub(crate) class: Option<FaultClass>,
    pub(crate) is_withdrawn: bool,
}

/// An answer that has not struck, and the step that it must come before.
struct Awaited {
    fault: u32,
    node: NodeId,
    watch: usize,
}

/// All rules of a run.
#[derive(Default)]
pub(crate) struct Nemesis {
    watches: Vec<Watch>,
    awaited: Vec<Awaited>,
    /// Event kinds that some rule watches, as bits.
    watched: u64,
    seed: u64,
    nodes: usize,
}

impl Nemesis {
    /// Looks the rules' names up.
    ///
    /// # Errors
    /// When a rule names an event, a field or a timer that the protocol does not have.
    pub(crate) fn new<P: Protocol>(rules: Vec<Rule>, seed: u64, nodes: usize) -> Result<Self, String> {
        let seed = mix(seed ^ 0x006e_656d_6573_6973);
        let mut nemesis = Self { seed, nodes, ..Self::default() };
        for rule in rules {
            let on = Step::of::<P>(&rule.when)?;
            let before = rule.before.as_ref().map(Step::of::<P>).transpose()?;
            let timer = |name: &String| {
                let position = <P::Timer as Kinded>::KINDS.iter().position(|known| known == name);
                position.ok_or_else(|| format!("{} has no timer `{name}`", P::NAME))
            };
            let lasts_as = rule.lasts_as.as_ref().map(timer).transpose()?;
            let kinds = [Some(on.kind), before.as_ref().map(|step| step.kind)];
            kinds.into_iter().flatten().for_each(|kind| nemesis.watched |= 1 << kind);
            nemesis.watches.push(Watch { rule, on, before, lasts_as, matches: 0, last: None });
        }
        Ok(nemesis)
    }

    /// Whether there is any rule.
    #[inline]
    pub(crate) const fn is_watching(&self) -> bool {
        self.watched != 0
    }

    /// Whether any rule watches this kind of event.
    #[inline]
    pub(crate) const fn watches(&self, kind: usize) -> bool {
        self.watched >> kind & 1 == 1
    }

    /// A node has just announced an event. Returns the faults that answer it. `range` says how long a timer lasts.
    pub(crate) fn hear<E: Announcement>(
        &mut self,
        node: NodeId,
        event: &E,
        now: u64,
        range: impl Fn(usize) -> Option<(u64, u64)>,
    ) -> Vec<Answer> {
        let mut answers = Vec::new();
        for (index, watch) in self.watches.iter_mut().enumerate() {
            if !watch.on.is(event) || watch.rule.when.node.is_some_and(|other| other != node) {
                continue;
            }
            watch.matches += 1;
            let former = watch.last.replace(node).filter(|&former| former != node);
            let word =
                mix(mix(self.seed ^ (index as u64) << 32 ^ u64::from(watch.matches)) ^ u64::from(node.0));
            let now_is_due = watch.rule.when.nth.is_none_or(|nth| nth == watch.matches);
            if !now_is_due || slice(word, 0) >= threshold(watch.rule.chance_ppm) {
                continue;
            }
            let lasting = match watch.lasts_as.map(&range) {
                Some(None) => continue,
                Some(Some((least, most))) => Some(between(mix(word ^ 3), least, most)),
                None => watch.rule.lasting_ns.map(|(least, most)| log_between(mix(word ^ 2), least, most)),
            };
            let struck = match watch.rule.then {
                Reaction::IsolateFormer => former,
                _ => Some(node),
            };
            let Some(struck) = struck else { continue };
            let fault = watch.rule.answer(struck, now, word, self.nodes, lasting);
            let before = watch.before.is_some().then_some(index);
            if let Reaction::OutrunIt(least, most) = watch.rule.then {
                let drift = between(mix(word ^ 4), u64::from(least), u64::from(most)) as i32;
                let clocks = outrun(node, drift, now, &fault, self.nodes);
                answers.extend(clocks.map(|fault| Answer { fault, node, class: None, before: None }));
            }
            answers.push(Answer { fault, node, class: watch.rule.class(), before });
        }
        answers
    }

    /// This fault must strike before the node takes the next step of that rule.
    pub(crate) fn await_step(&mut self, fault: u32, node: NodeId, watch: usize) {
        self.awaited.push(Awaited { fault, node, watch });
    }

    /// It has struck.
    pub(crate) fn forget(&mut self, fault: u32) {
        self.awaited.retain(|awaited| awaited.fault != fault);
    }

    /// The faults that were to strike before the step that the node has just taken.
    pub(crate) fn take_awaited<E: Announcement>(&mut self, node: NodeId, event: &E) -> Vec<u32> {
        let watches = &self.watches;
        let is_late = |awaited: &Awaited| {
            let step = &watches[awaited.watch].before;
            awaited.node == node && step.as_ref().is_some_and(|step| step.is(event))
        };
        let late =
            self.awaited.iter().filter(|awaited| is_late(awaited)).map(|awaited| awaited.fault).collect();
        self.awaited.retain(|awaited| !is_late(awaited));
        late
    }
}

impl Step {
    fn of<P: Protocol>(when: &When) -> Result<Self, String> {
        let kind = <P::Event as Kinded>::KINDS.iter().position(|&name| name == when.event);
        let kind = kind.ok_or_else(|| format!("{} announces no `{}`", P::NAME, when.event))?;
        let names = <P::Event as Announcement>::FIELDS[kind];
        let fields = when.fields.iter().map(|(field, value)| {
            let position = names.iter().position(|name| name == field);
            let absent = || format!("`{}` of {} carries no `{field}`", when.event, P::NAME);
            Ok((position.ok_or_else(absent)?, *value))
        });
        Ok(Self { kind, fields: fields.collect::<Result<_, String>>()? })
    }

    fn is<E: Announcement>(&self, event: &E) -> bool {
        self.kind == event.kind()
            && self.fields.iter().all(|&(position, value)| event.field(position) == value)
    }
}

/// From now until the isolation is over the node's clock loses so much, and all others gain as much.
fn outrun(
    node: NodeId,
    drift_ppm: i32,
    now: u64,
    isolation: &Fault,
    nodes: usize,
) -> impl Iterator<Item = Fault> {
    let before = isolation.at_ns - now;
    let lasting_ns = isolation.lasting_ns.map(|lasting| before.saturating_add(lasting));
    NodeId::all(nodes).map(move |other| {
        let rate_ppm = if other == node { -drift_ppm } else { drift_ppm };
        Fault { at_ns: now, lasting_ns, action: Action::Clock { node: other, rate_ppm } }
    })
}

impl Rule {
    fn answer(&self, node: NodeId, now: u64, word: u64, nodes: usize, lasting_ns: Option<u64>) -> Fault {
        let it = NodeSet::only(node);
        let action = match &self.then {
            Reaction::IsolateIt | Reaction::IsolateFormer | Reaction::OutrunIt(..) => {
                Action::isolate(node, nodes)
            }
            Reaction::CrashIt => Action::Crash { nodes: it },
            Reaction::PauseIt => Action::Pause { nodes: it },
            Reaction::Do(action) => action.clone(),
        };
        // One reaction in four strikes at the very instant: it cuts what the announcement's step was sending.
        let (least, most) = self.after_ns;
        let after = if least == most || slice(word, 1) < threshold(250_000) {
            least
        } else {
            between(mix(word ^ 1), least, most)
        };
        Fault { at_ns: now.saturating_add(after), lasting_ns, action }
    }

    /// What it counts as when it strikes, beside what any such fault counts as; nothing for one that strikes by name.
    #[must_use]
    pub const fn class(&self) -> Option<FaultClass> {
        match self.then {
            Reaction::Do(_) => None,
            Reaction::CrashIt if self.before.is_some() => Some(FaultClass::CrashBetween),
            Reaction::PauseIt if self.lasts_as.is_some() => Some(FaultClass::PauseAcrossTimer),
            Reaction::IsolateIt
            | Reaction::IsolateFormer
            | Reaction::CrashIt
            | Reaction::PauseIt
            | Reaction::OutrunIt(..) => Some(FaultClass::Hunt),
        }
    }
}
